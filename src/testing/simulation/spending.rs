//! `[limits]` of a history, held against what the provider has: a first text is never held, a reminder that is held goes once it may,
//! and no reminder goes above a bound.

use super::memory::Memory;
use super::promises::{LATE, SLACK};
use super::provider::Provider;
use super::shop::{MIN, STEPS, Shop, phone};
use super::world::Broken;
use crate::domain::attempt::{Attempt, AttemptKind as Kind, AttemptState as S};
use crate::domain::call::CallState;
use crate::domain::event::Loaded;

const HOUR: i64 = 60 * MIN;
/// What is held is looked at again after this at the latest.
const LOOK_AGAIN: i64 = 5 * MIN;
/// Whoever's carrier has said nothing for so long is taken to have the text.
const CONFIRMED_AFTER: i64 = 5 * MIN;

/// Whether the call has an earlier text of this round to the same contact that was accepted and has not failed.
fn is_reminder(call: &CallState, a: &Attempt) -> bool {
    let before = |b: &&Attempt| {
        b.id != a.id
            && b.kind == Kind::Notice
            && b.round == a.round
            && b.recipient.contact == a.recipient.contact
            && matches!(b.state, S::Submitted | S::Delivered)
    };
    (a.step as usize) < STEPS.len() && call.attempts.iter().any(|b| before(&b))
}

fn is_held(a: &Attempt) -> bool {
    a.kind == Kind::Notice && a.state.is_waiting() && a.result.starts_with("held")
}

/// Of each commit of a call.
pub(super) fn commit(
    shop: &Shop,
    memory: &Memory,
    provider: &Provider,
    (call, now): (&CallState, i64),
    before: Option<&CallState>,
) -> Result<(), Broken> {
    for a in call.attempts.iter().filter(|a| is_held(a)) {
        let wait = a.not_before.as_millis() - now;
        // What is due is looked at by itself.
        if wait <= SLACK {
            continue;
        }
        let who = a.recipient.contact.as_str();
        if !is_reminder(call, a) {
            return Err(format!("attempt {} is held for {wait} ms, and is the first that {who} gets", a.number));
        }
        if wait > LOOK_AGAIN + SLACK {
            return Err(format!("attempt {} is held for {wait} ms without a look", a.number));
        }
        let was_so = before.and_then(|b| b.attempt(a.id)).is_some_and(|b| b.not_before == a.not_before);
        if !was_so && !a.result.contains("countries") {
            let limits = &shop.rules.limits;
            let to = phone(who);
            let free = [
                free_at(memory, provider, limits.per_contact_per_hour, now, |number| number == to),
                free_at(memory, provider, limits.messages_per_hour, now, |_| true),
            ];
            let free = free.into_iter().flatten().max();
            let Some(free) = free else { return Err(format!("attempt {} is held, and may go", a.number)) };
            if a.not_before.as_millis() > free + SLACK {
                return Err(format!("attempt {} is held {} ms longer than it must", a.number, wait - (free - now)));
            }
        }
    }
    Ok(())
}

/// When the oldest of as many texts as are allowed within an hour leaves it; `None`: there are fewer. What is under way counts.
fn free_at(memory: &Memory, provider: &Provider, bound: u32, now: i64, which: impl Fn(&str) -> bool) -> Option<i64> {
    let has_left = |a: &Attempt| provider.messages.iter().any(|m| m.attempt == a.id);
    let may_leave = |a: &&Attempt| matches!(a.state, S::Sending | S::Unknown) && !has_left(a);
    let under_way = memory.attempts().map(|(_, a)| a).filter(may_leave);
    let under_way = under_way.filter(|a| which(a.recipient.phone.e164())).filter_map(|a| a.sent_at);
    let accepted = provider.messages.iter().filter(|m| which(&m.to)).map(|m| m.at);
    let sent = under_way.map(|at| at.as_millis()).chain(accepted);
    let mut sent: Vec<i64> = sent.filter(|at| *at > now - HOUR - SLACK).collect();
    sent.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
    sent.get((bound as usize).checked_sub(1)?).map(|at| at + HOUR)
}

/// A notice is about to leave.
pub(super) fn claim(
    shop: &Shop,
    memory: &Memory,
    provider: &Provider,
    loaded: &Loaded,
    (call, a, now): (&CallState, &Attempt, i64),
) -> Result<(), Broken> {
    // What is held tries a sender that is stopped.
    if a.kind != Kind::Notice || !is_reminder(call, a) || loaded.breakers.iter().any(|b| b.is_open()) {
        return Ok(());
    }
    let limits = &shop.rules.limits;
    if !limits.countries.is_empty() {
        return Err("it is a reminder to a country that is not named".into());
    }
    // Of what nobody knows and somebody has decided nothing is counted.
    let is_known = |m: &&super::provider::Message| {
        memory.attempt(m.attempt).is_some_and(|(_, b)| b.state != S::Unknown || b.decided_at.is_none())
    };
    // A process that stood still posts long after its intent, and counts by that.
    let sent_at = |m: &super::provider::Message| memory.attempt(m.attempt).and_then(|(_, b)| b.sent_at);
    let is_recent = |m: &&super::provider::Message| sent_at(m).is_some_and(|at| at.as_millis() > now - HOUR + SLACK);
    let within = || provider.messages.iter().filter(is_recent).filter(is_known);
    let to = a.recipient.phone.e164();
    let theirs = within().filter(|m| m.to == to).count();
    for (bound, count) in [(limits.per_contact_per_hour, theirs), (limits.messages_per_hour, within().count())] {
        if bound > 0 && count >= bound as usize {
            return Err(format!("it is a reminder, and {count} texts went out within the hour, of {bound} that may"));
        }
    }
    Ok(())
}

/// What is held is looked at when it was to be, while an engine works; and a reminder to a country that is not named is skipped only
/// once the text before it has surely come.
pub(super) fn looked_at(
    shop: &Shop,
    loaded: &Loaded,
    calm_since: i64,
    (before, after, now): (&CallState, &CallState, i64),
    id: crate::domain::types::AttemptId,
) -> Result<(), Broken> {
    let (Some(was), Some(is)) = (before.attempt(id), after.attempt(id)) else { return Ok(()) };
    // What waits for a probe is looked at again and again, and when its breaker has closed.
    let closed = loaded.breakers.iter().filter_map(|b| b.closed_at).map(|at| at.as_millis()).max();
    let due = was.not_before.as_millis().max(closed.unwrap_or(i64::MIN));
    let may_go = !loaded.breakers.iter().any(|b| b.is_open());
    if may_go && is_held(was) && due > calm_since && now - due > LATE + SLACK {
        return Err(format!("attempt {} was held and is looked at {} ms after its time", was.number, now - due));
    }
    if !shop.rules.limits.countries.is_empty() && is.state == S::Skipped && is.result.contains("countries") {
        let has_come = |b: &Attempt| {
            b.state == S::Delivered || b.sent_at.is_some_and(|at| now - at.as_millis() + SLACK >= CONFIRMED_AFTER)
        };
        let theirs = |b: &&Attempt| b.id != id && b.round == is.round && b.recipient.contact == is.recipient.contact;
        let accepted = |b: &&Attempt| matches!(b.state, S::Submitted | S::Delivered);
        if !before.attempts.iter().filter(theirs).filter(accepted).any(has_come) {
            return Err(format!("attempt {} is skipped, and the text before it may still fail", is.number));
        }
    }
    Ok(())
}
