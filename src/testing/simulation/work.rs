//! What a process does when it looks, and what the provider and the people do.

use super::provider::{Fate, Message, Written};
use super::shop::{MIN, phone};
use super::world::{Broken, Next, World};
use crate::domain::attempt::{Attempt, AttemptState};
use crate::domain::body::contains_reference;
use crate::domain::breaker::Probe;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::codes::classify;
use crate::domain::event::{BreakerEvent, Event, InboundText, SendOutcome, Source, StatusUpdate};
use crate::domain::types::{AttemptId, ErrorCode};
use crate::domain::{MessageStatus, Timestamp};

/// A request that gets no answer ends after this.
const TIMEOUT: i64 = 15_000;
/// What a breaker holds is looked at again after this.
const HELD_LOOK: i64 = 5_000;
const LISTEN_EVERY: i64 = MIN;

/// One thing that is due.
enum Due {
    ClaimOfOther(AttemptId),
    Listen,
    Decide(usize),
    Wake(usize),
    Send(AttemptId),
    Search(AttemptId),
    Poll(AttemptId),
    Unnotified(usize),
    Credentials(String),
}

impl World {
    pub(super) fn look(&mut self, p: usize) -> Result<(), Broken> {
        if !self.processes[p].up || self.dies(p) {
            return Ok(());
        }
        if self.processes[p].paused {
            return Ok(());
        }
        if self.goes_wrong(40) {
            self.meets(p);
        }
        if self.processes[p].paused {
            return Ok(());
        }
        if !self.leads(p) || self.processes[p].cut {
            return Ok(());
        }
        let mut due = self.due(p);
        if due.is_empty() {
            let wait = self.next_due(p);
            self.look_in(p, wait);
            return Ok(());
        }
        // Claims of others come first, and all of them, as at a start.
        let which = if self.processes[p].claims_seen { self.chance.below(due.len() as u32) as usize } else { 0 };
        let one = due.swap_remove(which);
        self.does(p, one)?;
        let soon = self.chance.between(1, 12);
        self.look_in(p, soon);
        Ok(())
    }

    /// Something happens to the process, or to its provider.
    fn meets(&mut self, p: usize) {
        let several = self.processes.len() > 1;
        match self.chance.pick(&[(2, 0), (2, 1), (if several { 1 } else { 0 }, 2)]) {
            0 => {
                let away = self.chance.pick(&[(2, 5_000), (1, 3 * MIN), (1, 12 * MIN)]);
                self.provider.away_until = self.now + away;
                self.promises.disturbed(self.now + away);
                self.say(|_| format!("the provider is away, for {} s", away / 1_000));
            }
            1 => {
                let still = self.chance.pick(&[(2, 2_000), (2, 10_000), (1, 90_000)]);
                self.lets_go(p);
                self.processes[p].paused = true;
                self.promises.disturbed(self.now + still);
                self.say(|_| format!("process {p} is stopped, for {} s", still / 1_000));
                self.then(still, Next::Continue(p));
            }
            _ => {
                let cut = self.chance.pick(&[(2, 2_000), (2, 12_000)]);
                self.lets_go(p);
                self.processes[p].cut = true;
                self.promises.disturbed(self.now + cut);
                self.say(|_| format!("process {p} is cut off from the store, for {} s", cut / 1_000));
                self.then(cut, Next::Heal(p));
            }
        }
    }

    fn due(&mut self, p: usize) -> Vec<Due> {
        let term = self.processes[p].term.clone();
        let now = self.clock_of(p);
        if !self.processes[p].claims_seen {
            let of_other = |a: &&Attempt| a.state == AttemptState::Sending && a.claimed_by.as_deref() != Some(&term);
            let theirs = self.memory.attempts().map(|(_, a)| a).find(of_other).map(|a| a.id);
            match theirs {
                Some(id) => return vec![Due::ClaimOfOther(id)],
                None => self.processes[p].claims_seen = true,
            }
        }
        let mut due = Vec::new();
        if self.now - self.processes[p].listened_at >= LISTEN_EVERY {
            due.push(Due::Listen);
        }
        due.extend(self.memory.inbound.iter().enumerate().filter(|(_, row)| row.waits).map(|(n, _)| Due::Decide(n)));
        for (n, c) in self.memory.calls.iter().enumerate() {
            let call = &c.call;
            let wakes = matches!(call.status, CallStatus::Dispatching | CallStatus::Deferred);
            if wakes && call.wake_at.is_some_and(|at| at <= now) {
                due.push(Due::Wake(n));
            }
            if unnotified_since(c, &self.memory).is_some_and(|at| at <= now) {
                due.push(Due::Unnotified(n));
            }
            for a in &c.attempts {
                let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
                match a.state {
                    AttemptState::Scheduled | AttemptState::Retrying
                        if a.not_before <= now
                            && !self.processes[p].in_hand.contains(&a.id)
                            && self.rests.get(&a.id).is_none_or(|at| *at <= self.now) =>
                    {
                        due.push(Due::Send(a.id));
                    }
                    AttemptState::Unknown if a.sid.is_none() && is_due(a.poll_at) => due.push(Due::Search(a.id)),
                    _ if a.sid.is_some() && is_due(a.poll_at) => due.push(Due::Poll(a.id)),
                    _ => {}
                }
            }
        }
        let listed = |b: &&crate::domain::breaker::Breaker| b.is_open() && b.probe == Probe::List && b.probe_at <= now;
        due.extend(self.memory.breakers.iter().filter(listed).map(|b| Due::Credentials(b.sender.clone())));
        due
    }

    /// How long nothing is due.
    fn next_due(&self, p: usize) -> i64 {
        let now = self.clock_of(p).as_millis();
        let calls = self.memory.calls.iter();
        let times = calls.flat_map(|c| {
            let own = c.call.wake_at.into_iter().chain(unnotified_since(c, &self.memory));
            let waits = |a: &Attempt| a.state.is_waiting().then_some(a.not_before).or(a.poll_at);
            own.chain(c.attempts.iter().filter_map(waits)).collect::<Vec<_>>()
        });
        let probes = self.memory.breakers.iter().filter(|b| b.is_open()).map(|b| b.probe_at);
        let rests = self.rests.values().filter(|at| **at > self.now).map(|at| at + self.processes[p].ahead);
        let next = times.chain(probes).map(Timestamp::as_millis).filter(|at| *at > now).chain(rests).min();
        let listen = self.processes[p].listened_at + LISTEN_EVERY - self.now;
        next.map_or(LISTEN_EVERY, |at| at - now).min(listen).clamp(1, LISTEN_EVERY)
    }

    fn does(&mut self, p: usize, due: Due) -> Result<(), Broken> {
        let is_away = self.now < self.provider.away_until;
        let now = self.clock_of(p);
        match due {
            Due::ClaimOfOther(attempt) => {
                let engine = self.processes[p].term.clone();
                self.apply(p, &Event::EngineGone { attempt, engine })?;
            }
            Due::Wake(n) => {
                let call = self.memory.calls[n].call.id.clone();
                self.twice(p, &Event::Wake { call })?;
            }
            Due::Unnotified(n) => {
                let call = self.memory.calls[n].call.id.clone();
                self.apply(p, &Event::Unnotified { call })?;
            }
            Due::Send(attempt) => self.claims(p, attempt)?,
            Due::Search(attempt) => self.searches(p, attempt, is_away)?,
            Due::Poll(attempt) => {
                let Some((_, a)) = self.memory.attempt(attempt) else { return Ok(()) };
                let (sid, polls, sent_at) = (a.sid.clone(), a.polls, a.sent_at);
                let message = self.provider.messages.iter().find(|m| Some(&m.sid) == sid.as_ref()).cloned();
                if let Some(m) = message.filter(|_| !is_away) {
                    let (word, code) = m.now();
                    let update = update(&m, word, code, Source::Fetch, Some(attempt));
                    if self.apply(p, &Event::StatusUpdate(update))?.is_none() || self.dies(p) {
                        return Ok(());
                    }
                }
                let pause = (30_000_i64 << polls.min(6)).min(30 * MIN);
                let alarm = sent_at.map_or(0, |at| at.as_millis() + 5 * MIN);
                let again = now.as_millis() + pause;
                let again = if alarm > now.as_millis() { again.min(alarm) } else { again };
                self.apply(p, &Event::Polled { attempt, again_at: Some(Timestamp::from_millis(again)) })?;
            }
            Due::Credentials(sender) => {
                let what = if is_away { BreakerEvent::ListRefused } else { BreakerEvent::Listed };
                self.apply(p, &Event::Breaker { sender, what })?;
            }
            Due::Decide(n) => {
                let row = self.memory.inbound[n].clone();
                let written = self.provider.written.iter().find(|w| w.sid == row.text.sid).filter(|_| !is_away);
                let at = written.map(|w| Timestamp::from_millis(w.at / 1_000 * 1_000));
                let text = InboundText { at, at_ours: at, waited_since: Some(row.at), ..row.text };
                self.twice(p, &Event::Inbound(text))?;
            }
            Due::Listen => {
                self.processes[p].listened_at = self.now;
                if is_away {
                    return Ok(());
                }
                let listed = self.provider.written.iter().filter(|w| w.listed_at <= self.now);
                let new = listed.filter(|w| !self.memory.is_heard(&w.sid)).cloned().collect::<Vec<_>>();
                for w in new {
                    // Whoever was told of no call that still counts is not listened to.
                    let told = |(c, a): (&CallState, &Attempt)| {
                        c.call.status.is_open() && a.recipient.phone.e164() == w.from && a.sent_at.is_some()
                    };
                    if !self.memory.attempts().any(told) {
                        continue;
                    }
                    let event = Event::Inbound(inbound(&w, true));
                    if self.dies(p) || self.twice(p, &event)?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Now and then a commit has no answer, and the same event comes again: it changes nothing more.
    fn twice(&mut self, p: usize, event: &Event) -> Result<Option<Answer>, Broken> {
        let answer = self.apply(p, event)?;
        if answer.is_some() && self.goes_wrong(12) && !self.dies(p) {
            let before: Vec<CallState> = self.memory.calls.clone();
            let again = self.apply(p, event)?;
            let is_evidence = matches!(event, Event::Inbound(_) | Event::StatusUpdate(_) | Event::Sent { .. });
            if is_evidence && again.is_some() && self.memory.calls != before {
                return Err(format!("what came twice changed a call twice: {}", super::telling::event(self, event)));
            }
        }
        Ok(answer)
    }

    fn claims(&mut self, p: usize, attempt: AttemptId) -> Result<(), Broken> {
        let engine = self.processes[p].term.clone();
        let event = Event::Claim { attempt, engine: engine.clone(), provider_after: None };
        let mut answer = self.apply(p, &event)?;
        if answer.is_some() && self.goes_wrong(12) {
            // The commit had no answer.
            answer = self.apply(p, &Event::ClaimAgain { attempt, engine })?;
        }
        if let Some(Answer::NotSent(_)) = answer {
            self.rests.insert(attempt, self.now + HELD_LOOK);
        }
        if let Some(Answer::Send(_)) = answer {
            self.processes[p].in_hand.insert(attempt);
            let (life, soon) = (self.processes[p].life, self.chance.between(1, 300));
            self.then(soon, Next::Post { by: p, life, attempt });
        }
        Ok(())
    }

    pub(super) fn post(&mut self, p: usize, attempt: AttemptId) -> Result<(), Broken> {
        let Some((call, a)) = self.memory.attempt(attempt) else { return Ok(()) };
        let (call, a) = (call.call.id.clone(), a.clone());
        let life = self.processes[p].life;
        let by = Some(self.processes[p].term.clone());
        let is_over = self.now >= self.processes[p].permit_until.saturating_sub(200);
        if is_over || self.processes[p].term.is_empty() {
            let by = a.claimed_by.clone();
            let again_at = self.clock_of(p);
            self.say(|_| format!("process {p} has no permit: attempt {} does not leave", a.number));
            let outcome = SendOutcome::NotSent { why: "the lease has ended".into(), again_at };
            return self.answered(p, life, 1, Event::Sent { attempt, by, outcome });
        }
        // 0: accepted. The others: see below.
        let goes = if self.now < self.provider.away_until {
            6
        } else if self.goes_wrong(5) {
            self.chance.pick(&[(2, 1), (2, 2), (2, 3), (2, 4), (1, 5), (1, 6), (1, 7)])
        } else {
            0
        };
        let accepted = !matches!(goes, 2 | 3 | 4 | 6);
        let sid = accepted.then(|| self.provider.new_sid());
        if let Some(sid) = &sid {
            let lag =
                if self.goes_wrong(6) { self.chance.pick(&[(3, 20_000), (1, 2 * MIN), (1, 10 * MIN)]) } else { 0 };
            let trouble = if self.in_trouble() { self.trouble } else { 0 };
            let fate = Fate::draw(&mut self.chance, trouble);
            self.provider.messages.push(Message {
                sid: sid.clone(),
                attempt,
                to: a.recipient.phone.e164().to_owned(),
                from: a.sender.as_ref().map(|s| s.as_str().to_owned()).unwrap_or_default(),
                body: a.body.clone(),
                at: self.now,
                listed_at: self.now + lag,
                fate,
                stage: 0,
            });
            let message = self.provider.messages.len() - 1;
            self.say(|_| {
                format!("the provider accepts attempt {} of {call} as {sid}, which will be {fate:?}", a.number)
            });
            self.promises.accepted(&self.memory, &self.provider, attempt)?;
            self.then(0, Next::Receipt { message, stage: 0, with_code: true });
            let pace = self.chance.between(400, 4_000);
            self.then(pace, Next::Progress(message));
        }
        let quick = self.chance.between(20, 400);
        let (after, outcome) = match (goes, sid) {
            (0, Some(sid)) => (quick, accepted_as(sid)),
            (5, Some(sid)) => (11_000, accepted_as(sid)),
            (7, Some(_)) => (quick, SendOutcome::Unknown { why: "answered 500".into() }),
            (3, _) => {
                let again = self.chance.between(1_000, 5_000);
                let again_at = Timestamp::from_millis(self.clock_of(p).as_millis() + quick + again);
                (quick, SendOutcome::NotSent { why: "20429".into(), again_at })
            }
            (4, _) => {
                let codes = [(3, 21211), (2, 21610), (2, 21408), (2, 21606), (1, 20003), (2, 21617), (1, 21609)];
                let code = self.chance.pick(&codes);
                let code = ErrorCode(code);
                let refused =
                    SendOutcome::Refused { code: Some(code), error_class: classify(Some(code)), why: "refused".into() };
                (quick, if code.0 == 21609 { SendOutcome::BadCallback } else { refused })
            }
            _ => (TIMEOUT, SendOutcome::Unknown { why: "no answer in 15 s".into() }),
        };
        self.answered(p, life, after, Event::Sent { attempt, by, outcome })
    }

    fn answered(&mut self, by: usize, life: u32, after: i64, event: Event) -> Result<(), Broken> {
        let is_last = !self.goes_wrong(20);
        let after = if is_last { after + 50 } else { after };
        self.then(after, Next::Answered { by, life, event: Box::new(event), is_last });
        Ok(())
    }

    fn searches(&mut self, p: usize, attempt: AttemptId, is_away: bool) -> Result<(), Broken> {
        let Some((call, a)) = self.memory.attempt(attempt) else { return Ok(()) };
        let reference = a.reference(&call.call.reference);
        let began_at = self.clock_of(p);
        let fits = |m: &&Message| {
            m.listed_at <= self.now
                && m.to == a.recipient.phone.e164()
                && Some(m.from.as_str()) == a.sender.as_ref().map(|s| s.as_str())
                && contains_reference(&m.body, &reference)
                && self.memory.by_sid(&m.sid).is_none()
        };
        let found = self.provider.messages.iter().find(fits).cloned().filter(|_| !is_away);
        if self.dies(p) {
            return Ok(());
        }
        let event = match found {
            Some(m) => {
                let (word, code) = m.now();
                Event::StatusUpdate(update(&m, word, code, Source::List, Some(attempt)))
            }
            None => {
                if !is_away {
                    self.promises.searched(attempt, self.now);
                }
                Event::Searched { attempt, complete: !is_away, began_at }
            }
        };
        self.apply(p, &event).map(drop)
    }

    pub(super) fn progress(&mut self, message: usize) -> Result<(), Broken> {
        let m = &mut self.provider.messages[message];
        let last = if m.fate == Fate::Sent { 1 } else { 2 };
        m.stage += 1;
        let (stage, to) = (m.stage, m.to.clone());
        let (word, sid) = (m.now().0, m.sid.clone());
        self.say(|_| format!("{sid} is {word}"));
        let with_code = !self.goes_wrong(10);
        self.receipt_in(message, stage, with_code);
        if !with_code {
            self.receipt_in(message, stage, true);
        }
        if stage < last {
            let pace = self.chance.between(500, 6_000);
            self.then(pace, Next::Progress(message));
        }
        if stage == last && matches!(word, "delivered" | "sent") {
            let who = Self::who_has(&to);
            let pause = self.chance.pick(&[(2, 5_000), (2, 40_000), (2, 150_000), (1, 500_000)]);
            let pause = pause + self.chance.between(0, 9_000);
            self.then(pause, Next::Writes { who, message });
        }
        Ok(())
    }

    fn receipt_in(&mut self, message: usize, stage: usize, with_code: bool) {
        if self.goes_wrong(8) {
            return;
        }
        let late = if self.goes_wrong(8) { self.chance.between(1_000, 90_000) } else { self.chance.between(5, 300) };
        self.then(late, Next::Receipt { message, stage, with_code });
        if self.goes_wrong(10) {
            let later = late + self.chance.between(1, 20_000);
            self.then(later, Next::Receipt { message, stage, with_code });
        }
    }

    pub(super) fn receipt(&mut self, message: usize, stage: usize, with_code: bool) -> Result<(), Broken> {
        let Some(p) = self.any() else { return Ok(()) };
        let m = self.provider.messages[message].clone();
        let (word, code) = m.stage(stage);
        // Now and then it names the message alone.
        let named = Some(m.attempt).filter(|_| !self.goes_wrong(10));
        let update = update(&m, word, code.filter(|_| with_code), Source::Receipt, named);
        self.twice(p, &Event::StatusUpdate(update)).map(drop)
    }

    pub(super) fn writes(&mut self, who: &'static str, message: usize) -> Result<(), Broken> {
        let what = self.chance.pick(&[(6, 0), (4, 1), (3, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (1, 8), (1, 9)]);
        if what == 0 {
            return Ok(());
        }
        let m = &self.provider.messages[message];
        let reference = m.body.split(['-', ' ']).next().unwrap_or_default().to_owned();
        let body = match what {
            1 => "1".to_owned(),
            2 => "2".to_owned(),
            3 => format!("1 {reference}"),
            4 => format!("2 {reference}"),
            5 => "done".to_owned(),
            6 => "ok".to_owned(),
            7 => "STOP".to_owned(),
            8 => "who is this?".to_owned(),
            _ => "3".to_owned(),
        };
        let (from, to, sid) = (phone(who), m.from.clone(), self.provider.new_sid());
        let lag = if self.goes_wrong(4) { self.chance.between(1_000, 60_000) } else { 500 };
        self.say(|_| format!("{who} writes {body:?}"));
        self.provider.written.push(Written { sid, from, to, body, at: self.now, listed_at: self.now + lag });
        let written = self.provider.written.len() - 1;
        if self.goes_wrong(4) {
            return Ok(());
        }
        let late = self.chance.between(50, 800) + if self.goes_wrong(8) { 30_000 } else { 0 };
        self.then(late, Next::Webhook(written));
        if self.goes_wrong(6) {
            self.then(late + 4_000, Next::Webhook(written));
        }
        Ok(())
    }

    pub(super) fn webhook(&mut self, written: usize) -> Result<(), Broken> {
        let Some(p) = self.any() else { return Ok(()) };
        let text = inbound(&self.provider.written[written], false);
        self.twice(p, &Event::Inbound(text)).map(drop)
    }
}

fn accepted_as(sid: crate::domain::types::MessageSid) -> SendOutcome {
    let status = MessageStatus::from_word("queued");
    let (code, queued_for) = (None, std::time::Duration::ZERO);
    SendOutcome::Accepted { sid, status, code, error_class: classify(None), provider_at: None, queued_for }
}

fn update(
    m: &Message,
    word: &str,
    code: Option<ErrorCode>,
    source: Source,
    attempt: Option<AttemptId>,
) -> StatusUpdate {
    let provider_at = (source != Source::Receipt).then(|| Timestamp::from_millis(m.at / 1_000 * 1_000));
    StatusUpdate {
        attempt,
        sid: m.sid.clone(),
        status: MessageStatus::from_word(word),
        code,
        error_class: classify(code),
        source,
        provider_at,
    }
}

fn inbound(w: &Written, listed: bool) -> InboundText {
    let at = listed.then(|| Timestamp::from_millis(w.at / 1_000 * 1_000));
    InboundText {
        sid: w.sid.clone(),
        from: w.from.clone(),
        to: w.to.clone(),
        body: w.body.clone(),
        provider_replied: false,
        at,
        at_ours: at,
        listed,
        waited_since: None,
    }
}

/// When the alarm is due that nobody was told of this call; `None`: it is raised, or somebody was.
pub(super) fn unnotified_since(c: &CallState, memory: &super::memory::Memory) -> Option<Timestamp> {
    let key = crate::domain::AlertKind::Unnotified.about(&c.call.id);
    let looks = c.call.status == CallStatus::Dispatching && c.call.notified_at.is_none();
    (looks && !memory.alerts.contains_key(&key)).then(|| c.call.accepted_at.plus(std::time::Duration::from_secs(60)))
}
