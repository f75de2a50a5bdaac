//! What must hold of every commit and of every text that the provider accepts. Written from the promise alone (what is never lost,
//! never doubled, on time, heard); it reads the product's data and uses none of its decisions.

use std::collections::{BTreeMap, BTreeSet};

use super::memory::Memory;
use super::provider::Provider;
use super::shop::{RESEND_LIMIT, SETTLE, STEPS, Shop, phone};
use super::spending;
use super::states::{moves, one_of_each};
use super::world::Broken;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::attempt::{Attempt, AttemptKind as Kind, AttemptState as S};
use crate::domain::call::{CallState, CallStatus as C};
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Event, Loaded};
use crate::domain::limits::SpendLimits;
use crate::domain::types::{AttemptId, CallId};

/// Clocks of two processes may be this far apart, and a step takes its time.
pub(super) const SLACK: i64 = 2_000;
/// A step that is due fires within this while an engine works.
pub(super) const LATE: i64 = 4_000;
/// What leaves so long after its time had piled up.
const PILED_UP: i64 = 15_000;

#[derive(Default)]
pub(crate) struct Promises {
    /// When each attempt's texts were accepted.
    accepted: BTreeMap<AttemptId, Vec<i64>>,
    /// When a complete search last began that did not find it.
    searched: BTreeMap<AttemptId, i64>,
    /// Who said 2 while the call looked for somebody.
    passed: BTreeSet<(CallId, String)>,
    /// When a notice to them was claimed last, with its round.
    claimed: BTreeMap<(CallId, String), (i64, u32, AttemptId)>,
    first_claim: BTreeMap<AttemptId, i64>,
    /// When a step of the call fired last.
    fired: BTreeMap<CallId, i64>,
    /// No engine worked, or none could, until then.
    pub(crate) disturbed_at: i64,
    probed: BTreeMap<String, i64>,
    /// When each attempt was due when it was made: what is held has no such time any more.
    due: BTreeMap<AttemptId, i64>,
    /// Attempts that were being sent when a newer one to the same contact was made.
    under_way: BTreeSet<AttemptId>,
}

impl Promises {
    pub(crate) fn disturbed(&mut self, until: i64) {
        self.disturbed_at = self.disturbed_at.max(until);
    }

    pub(crate) fn searched(&mut self, attempt: AttemptId, now: i64) {
        self.searched.insert(attempt, now);
    }

    /// The provider has accepted a text of this attempt.
    pub(crate) fn accepted(&mut self, memory: &Memory, provider: &Provider, id: AttemptId) -> Result<(), Broken> {
        let of = self.accepted.entry(id).or_default();
        of.push(provider.messages.last().map_or(0, |m| m.at));
        let Some((call, a)) = memory.attempt(id) else { return Err("a text of nobody's attempt left".into()) };
        if of.len() > 1 {
            return Err(format!("doubled: attempt {} of {} has two texts", a.number, call.call.id));
        }
        let same = |b: &&Attempt| b.id != id && b.notice().is_some() && b.notice() == a.notice();
        for b in call.attempts.iter().filter(same).filter(|b| self.accepted.contains_key(&b.id)) {
            let names = |x: &Attempt, y: &Attempt| {
                let mut at = x;
                while let Some(before) = at.repeats.and_then(|r| call.attempt(r)) {
                    if before.id == y.id {
                        return true;
                    }
                    at = before;
                }
                false
            };
            if !names(a, b) && !names(b, a) {
                return Err(format!(
                    "doubled: attempts {} and {} of {} are one notice",
                    a.number, b.number, call.call.id
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn commit(
        &mut self,
        shop: &Shop,
        memory: &Memory,
        provider: &Provider,
        (event, now): (&Event, i64),
        loaded: &Loaded,
        change: &Change,
    ) -> Result<(), Broken> {
        for after in &change.calls {
            let before = loaded.calls.iter().find(|c| c.call.id == after.call.id);
            let of = Commit { shop, loaded, change, event, now, before, after };
            self.of_call(&of, memory).map_err(|e| format!("{}: {e}", after.call.id))?;
            let spent =
                spending::commit(shop, memory, provider, (after, now), before).and_then(|()| match (event, before) {
                    (Event::Claim { attempt, .. }, Some(before)) => {
                        spending::looked_at(shop, loaded, self.disturbed_at + LATE, (before, after, now), *attempt)
                    }
                    _ => Ok(()),
                });
            spent.map_err(|e| format!("{}: {e}", after.call.id))?;
        }
        if let Answer::Send(to_send) = &change.answer {
            let state = change.calls.iter().find(|c| c.attempt(to_send.attempt.id).is_some());
            // Asked again, it changes nothing.
            let state = state.or(memory.attempt(to_send.attempt.id).map(|(c, _)| c)).ok_or("a claim of nothing")?;
            if matches!(event, Event::Claim { .. }) {
                let spent = spending::claim(shop, memory, provider, loaded, (state, &to_send.attempt, now));
                spent
                    .and_then(|()| self.claim((loaded, now), memory, state, &to_send.attempt))
                    .map_err(|e| format!("{}: attempt {} is claimed: {e}", state.call.id, to_send.attempt.number))?;
            }
        }
        if let Event::Inbound(text) = event {
            self.heard(provider, loaded, change, text)?;
        }
        Ok(())
    }

    fn of_call(&mut self, of: &Commit<'_>, memory: &Memory) -> Result<(), Broken> {
        let Commit { before, after, now, event, .. } = *of;
        moves(before, after)?;
        let made = made(before, after);
        self.due.extend(made.iter().filter_map(|a| Some((a.id, a.due_at?.as_millis()))));
        for b in made.iter().filter(|b| b.kind == Kind::Notice) {
            let is_under_way = |a: &&Attempt| {
                a.kind == Kind::Notice && a.state == S::Sending && a.recipient.contact == b.recipient.contact
            };
            let all = before.into_iter().flat_map(|state| &state.attempts);
            self.under_way.extend(all.filter(is_under_way).map(|a| a.id));
        }
        one_of_each(after, &self.under_way)?;
        if after.call.status == C::Dispatching && after.call.wake_at.is_none() {
            return Err("it looks for somebody, and nobody looks at it again".into());
        }
        if after.call.status != C::Dispatching && before.is_some_and(|b| b.call.status == C::Dispatching) {
            let left = after.attempts.iter().find(|a| a.kind == Kind::Notice && a.state.is_waiting());
            if let Some(a) = left {
                return Err(format!("it is {}, and attempt {} still waits to be sent", after.call.status, a.number));
            }
        }
        let is_reopened = before.is_some_and(|b| b.call.round < after.call.round);
        if is_reopened && matches!(event, Event::Decide { .. }) {
            self.passed.retain(|(call, _)| call != &after.call.id);
        }
        if made.iter().any(|a| a.repeats.is_none() && a.kind == Kind::Notice) {
            self.fired.insert(after.call.id.clone(), now);
        }
        let holder = after.call.holder.as_ref().filter(|_| after.call.status == C::Acknowledged);
        if let Some(a) = made.iter().find(|a| a.kind == Kind::StandDown && Some(&a.recipient.contact) == holder) {
            return Err(format!("{} holds the call and is to be stood down", a.recipient.contact));
        }
        self.ladder(of, &made)?;
        self.repeats(of, &made)?;
        moves_on(of)?;
        self.ends(of, memory)
    }

    /// Who is told are those who hold the roles now; all of them; when it is time.
    fn ladder(&self, of: &Commit<'_>, made: &[&Attempt]) -> Result<(), Broken> {
        let Commit { shop, before, after, now, event, .. } = *of;
        let from = before.filter(|b| b.call.round == after.call.round).map_or(0, |b| b.call.next_step);
        let upto = after.call.next_step;
        let named = |at: i64| (from..upto).flat_map(move |step| shop.named(step, at)).collect::<Vec<_>>();
        let (by_then, a_bit_before) = (named(now), named(now - SLACK));
        let new = || made.iter().filter(|a| a.kind == Kind::Notice && a.repeats.is_none());
        for a in new() {
            let contact = a.recipient.contact.as_str();
            // Whoever holds the duty by the time of the claim; what was missed is filed under the latest step.
            let has_it = || (0..=a.step).any(|step| shop.named(step, now).contains(&contact));
            let passed_on = matches!(event, Event::Claim { .. }) && has_it();
            if !by_then.contains(&contact) && !a_bit_before.contains(&contact) && !passed_on {
                return Err(format!("{contact} is told under step {} and holds none of its roles", a.step + 1));
            }
        }
        let Event::Wake { .. } = event else { return Ok(()) };
        let Some(before) = before.filter(|b| b.call.status == C::Dispatching) else { return Ok(()) };
        let Some(due) = before.call.wake_at.map(|at| at.as_millis()) else { return Ok(()) };
        let changed = (before.call.next_step, before.call.status) != (after.call.next_step, after.call.status);
        if changed && now < due {
            return Err(format!("a step fires {} ms before its time", due - now));
        }
        let calm_since = self.disturbed_at + LATE;
        if due > calm_since && now - due > LATE + SLACK {
            return Err(format!("it is looked at {} ms after its time, with an engine at work", now - due));
        }
        if before.call.deferred_from.is_some() || after.call.deferred_from.is_some() || upto <= from {
            return Ok(());
        }
        let fired_now = after.call.status == C::Dispatching && upto <= STEPS.len() as u32 && new().next().is_some();
        if fired_now {
            // A text that had waited, and left when the step was due already, is the one that they get.
            let due_of = |step: u32| due + (from + 1..=step).map(|s| shop.wait_before(s)).sum::<i64>();
            let left_since = |who: &str| {
                let last = (from..upto).filter(|step| shop.named(*step, now).contains(&who)).map(due_of).max();
                let theirs = |a: &&Attempt| a.kind == Kind::Notice && a.recipient.contact.as_str() == who;
                let mut sent = before.attempts.iter().filter(theirs).filter(|a| a.state.may_have_arrived());
                sent.any(|a| a.sent_at.map(|at| at.as_millis()) >= last)
            };
            for who in by_then.iter().filter(|who| !left_since(who)) {
                let has = after.notices.iter().any(|n| {
                    n.contact.as_str() == *who && n.round == after.call.round && (from..upto).contains(&n.step)
                });
                let out = after.call.excluded.iter().any(|o| o.contact.as_str() == *who)
                    || of.loaded.opted_out.iter().any(|(number, _)| *number == phone(who));
                if !has && !out && shop.named(upto - 1, now - SLACK).contains(who) {
                    return Err(format!("step {upto} fired and does not tell {who}, who holds its role"));
                }
            }
        }
        let is_only = upto == from + 1 && after.call.status == C::Dispatching && fired_now;
        let wait = shop.wait_before(upto);
        if is_only && due + wait > now && after.call.wake_at.map(|at| at.as_millis()) != Some(due + wait) {
            return Err(format!("the step after {upto} is not due {wait} ms after that"));
        }
        Ok(())
    }

    /// A further text names one that failed, or that nobody knows of although it was looked for.
    fn repeats(&self, of: &Commit<'_>, made: &[&Attempt]) -> Result<(), Broken> {
        let Commit { before, after, .. } = *of;
        for a in made.iter().filter(|a| a.kind == Kind::Notice) {
            let Some(repeated) = a.repeats.and_then(|r| after.attempt(r)) else { continue };
            if !matches!(repeated.state, S::Failed | S::Unknown) {
                return Err(format!("attempt {} repeats one that is {}", a.number, repeated.state));
            }
            let later = |b: &&Attempt| {
                b.kind == Kind::Notice && b.number > repeated.number && b.recipient.contact == a.recipient.contact
            };
            let there = |b: &Attempt| matches!(b.state, S::Submitted | S::Delivered);
            if let Some(b) = before.and_then(|c| c.attempts.iter().filter(later).find(|b| there(b))) {
                return Err(format!("attempt {} is made although a later text ({}) was accepted", a.number, b.number));
            }
            if after.call.status != C::Dispatching {
                return Err(format!("attempt {} is made and the call is {}", a.number, after.call.status));
            }
            let unknowns = |b: &&Attempt| b.notice() == a.notice() && b.state == S::Unknown && b.error_code.is_none();
            let repeats_of_unknown = after.attempts.iter().filter(|b| {
                let of = b.repeats.and_then(|r| after.attempt(r));
                b.notice() == a.notice() && of.as_ref().is_some_and(unknowns)
            });
            let passing = |b: &&Attempt| {
                let of = b.repeats.and_then(|r| after.attempt(r));
                b.notice() == a.notice() && of.and_then(|of| of.error_code).is_some_and(|c| c.0 == 30003)
            };
            if after.attempts.iter().filter(passing).count() > RESEND_LIMIT as usize {
                return Err(format!("attempt {} is one more than may be after failures that may pass", a.number));
            }
            if repeats_of_unknown.count() > 1 {
                return Err("its policy has decided twice about one notice".into());
            }
        }
        Ok(())
    }

    /// Nobody gives a call up while somebody may still answer, and not before the last resort was told.
    fn ends(&self, of: &Commit<'_>, _memory: &Memory) -> Result<(), Broken> {
        let Commit { shop, before, after, now, loaded, change, .. } = *of;
        let ends = after.call.status == C::Exhausted && before.is_some_and(|b| b.call.status != C::Exhausted);
        if !ends {
            return Ok(());
        }
        let raised = |a: &AlertChange| matches!(a, AlertChange::Raise { key, .. } | AlertChange::Again { key, .. } if key.kind() == AlertKind::Exhausted);
        if !change.alerts.iter().any(raised) {
            return Err("it is given up, and nobody is alarmed".into());
        }
        let is_out = |who: &str| {
            after.call.excluded.iter().any(|o| o.contact.as_str() == who)
                || loaded.opted_out.iter().any(|(number, _)| *number == phone(who))
        };
        let told = |who: &str| {
            after
                .notices
                .iter()
                .any(|n| n.contact.as_str() == who && n.round == after.call.round && n.step >= STEPS.len() as u32)
        };
        if let Some(who) = shop.last_resort.iter().find(|who| !told(who) && !is_out(who)) {
            return Err(format!("it is given up before the last resort, {who}, was told"));
        }
        let may_answer = |a: &&Attempt| {
            a.kind == Kind::Notice
                && a.round == after.call.round
                && a.repeats.is_none()
                && matches!(a.state, S::Submitted | S::Delivered)
                && !is_out(a.recipient.contact.as_str())
        };
        // One missed step keeps its arithmetic: the time counts from when it was due. So does one whose reminder was held.
        let is_bounded = shop.rules.limits != SpendLimits::default();
        let fired_at = |a: &Attempt| a.created_at.as_millis() - LATE;
        let sent_at = |a: &Attempt| a.sent_at.map(|at| at.as_millis());
        let was_due = |a: &Attempt| self.due.get(&a.id).copied().filter(|_| is_bounded);
        let counts_from = |a: &Attempt| {
            let due = a.due_at.map(|at| at.as_millis()).or_else(|| was_due(a));
            due.or(if is_bounded { Some(fired_at(a)) } else { sent_at(a) })
        };
        let last = after.attempts.iter().filter(may_answer).filter_map(counts_from).max();
        if let Some(at) = last.filter(|at| now < at + shop.exhaust_after() - SLACK) {
            return Err(format!("it is given up {} ms after somebody was told", now - at));
        }
        Ok(())
    }

    /// What may leave.
    fn claim(
        &mut self,
        (loaded, now): (&Loaded, i64),
        memory: &Memory,
        state: &CallState,
        a: &Attempt,
    ) -> Result<(), Broken> {
        let (call, contact) = (&state.call, a.recipient.contact.as_str().to_owned());
        if self.accepted.contains_key(&a.id) {
            return Err("doubled: the provider has its text".into());
        }
        if a.body.is_empty() {
            return Err("it says nothing".into());
        }
        let blocked = |s: &str| a.sender.as_ref().is_some_and(|own| own.as_str() == s) || s.is_empty();
        if loaded.opted_out.iter().any(|(number, s)| number == a.recipient.phone.e164() && blocked(s)) {
            return Err(format!("{contact} takes no texts"));
        }
        self.probes(loaded, a, now)?;
        match a.kind {
            Kind::Notice => {
                if call.status != C::Dispatching {
                    return Err(format!("the call is {}", call.status));
                }
                if self.passed.contains(&(call.id.clone(), contact.clone())) {
                    return Err(format!("{contact} said no"));
                }
                let theirs = |b: &&Attempt| b.kind == Kind::Notice && b.recipient.contact == a.recipient.contact;
                let for_good =
                    |b: &Attempt| b.round == a.round && b.error_code.is_some_and(|c| matches!(c.0, 30005 | 21211));
                let reached =
                    state.attempts.iter().filter(theirs).filter(|b| b.state == S::Delivered).map(|b| b.number).max();
                let failed = state
                    .attempts
                    .iter()
                    .filter(theirs)
                    .find(|b| b.state == S::Failed && for_good(b) && Some(b.number) > reached);
                if let Some(b) = failed {
                    return Err(format!("{contact} cannot be reached: attempt {} failed for good", b.number));
                }
                let key = (call.id.clone(), contact.clone());
                let first = *self.first_claim.entry(a.id).or_insert(now);
                let stands =
                    |id| state.attempt(id).is_some_and(|b| matches!(b.state, S::Sending | S::Submitted | S::Delivered));
                if let Some((at, round, before)) = self.claimed.get(&key)
                    && stands(*before)
                    && *round == a.round
                    && a.repeats.is_none()
                    && first == now
                    && now - at < 10_000
                    // One that is on time is no part of what had piled up.
                    && a.due_at.is_some_and(|due| now - due.as_millis() > PILED_UP)
                    && !call_was_hurried(memory, state)
                {
                    return Err(format!("{contact} gets a second text within {} ms: a burst", now - at));
                }
                let repeated = a.repeats.and_then(|r| state.attempt(r));
                if let Some(r) = repeated.filter(|r| r.state == S::Unknown && r.error_code.is_none()) {
                    self.was_looked_for(r, now)?;
                }
                if let Some(r) = repeated.filter(|r| matches!(r.state, S::Submitted | S::Delivered)) {
                    return Err(format!("it repeats attempt {}, which is {}", r.number, r.state));
                }
                self.claimed.insert(key, (now, a.round, a.id));
            }
            Kind::StandDown => {
                if matches!(call.status, C::Dispatching | C::Exhausted) {
                    return Err(format!("it takes back what is {}", call.status));
                }
                if call.status == C::Acknowledged && call.holder.as_ref().is_some_and(|h| h.as_str() == contact) {
                    return Err(format!("{contact} holds the call"));
                }
                let again = |b: &&Attempt| {
                    b.kind == Kind::StandDown
                        && b.id != a.id
                        && b.recipient.contact == a.recipient.contact
                        && matches!(b.state, S::Submitted | S::Delivered)
                };
                let since = state.attempts.iter().filter(again).map(|b| b.number).max().unwrap_or(0);
                let told = |b: &Attempt| {
                    b.kind == Kind::Notice
                        && b.recipient.contact == a.recipient.contact
                        // Whoever answered a text has it, whatever its carrier says.
                        && (b.state.may_have_arrived() || !b.replied.is_empty())
                        && b.number > since
                };
                if !state.attempts.iter().any(told) {
                    return Err(format!("{contact} got no text that it would take back"));
                }
            }
            Kind::Answer | Kind::Update | Kind::Question => {}
        }
        Ok(())
    }

    /// SPEC §6: after `settle`, and after one complete search that began 30 s or more after the POST; a list that cannot be read
    /// is waited for once more as long.
    fn was_looked_for(&self, r: &Attempt, now: i64) -> Result<(), Broken> {
        let Some(posted) = r.sent_at.map(|at| at.as_millis()) else { return Ok(()) };
        let searched = self.searched.get(&r.id).is_some_and(|at| *at >= posted + 30_000 - SLACK);
        let waited = now - posted;
        if waited + SLACK < SETTLE {
            return Err(format!("it repeats attempt {}, of which nobody knows, after {waited} ms", r.number));
        }
        if !searched && waited + SLACK < 2 * SETTLE {
            return Err(format!("it repeats attempt {}, which was not looked for to the end", r.number));
        }
        Ok(())
    }

    /// While the account or each sender of ours is stopped, one notice goes every 60 s.
    fn probes(&mut self, loaded: &Loaded, a: &Attempt, now: i64) -> Result<(), Broken> {
        let Some(sender) = a.sender.as_ref().map(|s| s.as_str()) else { return Ok(()) };
        let stopped = loaded.breakers.iter().filter(|b| b.is_open() && (b.sender == sender || b.sender == "*"));
        for b in stopped {
            if a.kind != Kind::Notice {
                return Err(format!("it goes by {sender}, which is stopped, and is no notice"));
            }
            let since = self.probed.get(&b.sender).copied().filter(|at| *at >= b.opened_at.as_millis());
            let least = if b.probes == 0 && since.is_none() { b.opened_at.as_millis() } else { since.unwrap_or(0) };
            let asked_for = b.probe_at.as_millis() <= now && b.code.is_some_and(|c| c.0 == 20003);
            if now - least + SLACK < 60_000 && !asked_for {
                return Err(format!("it goes by {sender}, {} ms after that was stopped or last tried", now - least));
            }
            self.probed.insert(b.sender.clone(), now);
        }
        Ok(())
    }

    /// An answer is heard.
    fn heard(
        &mut self,
        provider: &Provider,
        loaded: &Loaded,
        change: &Change,
        text: &crate::domain::event::InboundText,
    ) -> Result<(), Broken> {
        let waits = change.inbound.as_ref().is_none_or(|row| row.waits);
        if waits {
            return Ok(());
        }
        let who = super::world::World::who_has(&text.from);
        let told = |c: &&CallState| {
            // What may have reached them counts: then they are asked which they mean.
            c.attempts.iter().any(|a| a.sent_at.is_some() && a.recipient.phone.e164() == text.from)
        };
        let [only] = loaded.calls.iter().filter(told).collect::<Vec<_>>()[..] else { return Ok(()) };
        let Some(after) = change.calls.iter().find(|c| c.call.id == only.call.id) else { return Ok(()) };
        let written = provider.written.iter().find(|w| w.sid == text.sid).map_or(0, |w| w.at);
        let newer =
            provider.written.iter().any(|w| w.from == text.from && w.at > written && w.at <= written + 3_600_000);
        let first = !provider.written.iter().any(|w| w.from == text.from && w.at < written);
        let told_before = only.attempts.iter().filter(|a| a.recipient.phone.e164() == text.from);
        let told_before = told_before.filter_map(|a| a.sent_at).map(|at| at.as_millis()).min().unwrap_or(i64::MAX);
        if newer || !first || written < told_before || only.call.round > 1 {
            return Ok(());
        }
        let is_one = text.body == "1" || text.body.starts_with("1 ");
        let is_two = text.body == "2" || text.body.starts_with("2 ");
        let looks = matches!(only.call.status, C::Dispatching | C::Exhausted);
        if is_one
            && looks
            && !(after.call.status == C::Acknowledged && after.call.holder.as_ref().is_some_and(|h| h.as_str() == who))
        {
            return Err(format!("{who} said 1, and {} is {}", only.call.id, after.call.status));
        }
        if is_two && only.call.status == C::Dispatching {
            if !after.call.excluded.iter().any(|o| o.contact.as_str() == who) {
                return Err(format!("{who} said 2, and is asked for {} again", only.call.id));
            }
            self.passed.insert((only.call.id.clone(), who.to_owned()));
        }
        Ok(())
    }
}

struct Commit<'a> {
    shop: &'a Shop,
    loaded: &'a Loaded,
    change: &'a Change,
    event: &'a Event,
    now: i64,
    before: Option<&'a CallState>,
    after: &'a CallState,
}

fn made<'a>(before: Option<&CallState>, after: &'a CallState) -> Vec<&'a Attempt> {
    after.attempts.iter().filter(|a| before.is_none_or(|b| b.attempt(a.id).is_none())).collect()
}

/// Whether an operator ran a step by hand, which may follow another at once.
fn call_was_hurried(memory: &Memory, state: &CallState) -> bool {
    // Each round and each run by hand begins anew; a failure or a pass moves the ladder at once too.
    let _ = memory;
    let quick = |a: &Attempt| matches!(a.state, S::Failed | S::Skipped) || a.class.is_some();
    !state.call.excluded.is_empty() || state.attempts.iter().any(quick)
}

/// A number that cannot be reached moves the ladder now, unless somebody else may still answer.
fn moves_on(of: &Commit<'_>) -> Result<(), Broken> {
    let Commit { shop, before, after, now, loaded, .. } = *of;
    let Some(before) = before.filter(|b| b.call.status == C::Dispatching) else { return Ok(()) };
    if after.call.status != C::Dispatching
        || after.call.next_step > before.call.next_step
        || after.call.deferred_from.is_some()
    {
        return Ok(());
    }
    let last = after.notices.iter().filter(|n| n.round == after.call.round).map(|n| n.step).max();
    let unreachable = |a: &&Attempt| {
        let was_open = before.attempt(a.id).is_some_and(|b| b.state != S::Failed);
        let for_good = a.error_code.is_some_and(|c| matches!(c.0, 30005 | 21211));
        a.kind == Kind::Notice
            && a.state == S::Failed
            && was_open
            && for_good
            && a.round == after.call.round
            && Some(a.step) == last
    };
    let Some(failed) = after.attempts.iter().find(unreachable) else { return Ok(()) };
    let is_out = |who: &str| {
        after.call.excluded.iter().any(|o| o.contact.as_str() == who)
            || loaded.opted_out.iter().any(|(number, _)| *number == phone(who))
    };
    let alive = |a: &Attempt| {
        a.kind == Kind::Notice
            && a.round == after.call.round
            && a.id != failed.id
            && matches!(a.state, S::Scheduled | S::Retrying | S::Sending | S::Submitted | S::Delivered)
            && (Some(a.step) == last || a.recipient.contact == failed.recipient.contact)
    };
    let upto = STEPS.len() as u32;
    let left = (after.call.next_step..upto).flat_map(|step| shop.named(step, now)).any(|who| !is_out(who));
    if left && !after.attempts.iter().any(alive) {
        return Err(format!("attempt {} failed for good, and nobody else is told now", failed.number));
    }
    Ok(())
}
