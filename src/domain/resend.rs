//! A further text for a notice: after a failure that may pass, and after an unknown outcome that was not found out.
//!
//! A resend is a new attempt that names the one it repeats. It is never made when the call is not looking for somebody any
//! more, when a later text to that contact for that call was accepted, or when a step to that contact is due so soon that it
//! does the same.

use std::time::Duration;

use serde_json::json;

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptKind, AttemptState, Channel, Priority, ResendReason};
use super::call::CallStatus;
use super::codes::Class;
use super::ladder;
use super::log::{self, LogKind};
use super::raise_untold;
use super::rules::UnknownPolicy;
use super::sequence;
use super::trip;
use super::types::{AttemptId, Sender, Timestamp};
use super::wording;
use super::work::{Illegal, Work};

/// How long an unknown outcome must have been out before a search can settle that it is not there, in seconds: the provider
/// may still be at it (`facts/twilio.md` §4).
pub(super) const SEARCH_COUNTS_AFTER_S: u64 = 30;
/// The first pause between two searches, in seconds; it doubles.
const SEARCH_FIRST_S: u64 = 2;
/// The longest pause while the outcome is still to be decided, in seconds.
const SEARCH_MAX_S: u64 = 15;
const SEARCH_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The first and the longest pause after the decision, in seconds, and how many searches there are about until then.
const SEARCH_RARELY_S: (u64, u64) = (300, 3_600);
const SEARCHES_BEFORE: u32 = 8;
/// Until then, in seconds, a search that counts is tried for at the pace of before the decision.
const SEARCH_HURRIED_S: u64 = 330;
/// What was not found by then is not looked for any more, in seconds.
const SEARCH_END_S: u64 = 72 * 3_600;

/// When the search for an unknown outcome begins.
pub(super) fn first_search(now: Timestamp) -> Timestamp {
    now.plus(Duration::from_secs(SEARCH_FIRST_S))
}

/// The provider's list was searched for an unknown outcome, in vain. Absence is no proof; after its time the policy decides,
/// once, and the search goes on more rarely.
///
/// `complete`: the list was read to the end of what matters; `began_at`: when the search began.
pub(super) fn searched(w: &mut Work<'_>, id: AttemptId, complete: bool, began_at: Timestamp) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    if a.state != AttemptState::Unknown || a.sid.is_some() {
        return Ok(());
    }
    let sent_at = a.sent_at_now().unwrap_or(a.created_at);
    let (out_for, settle) = (w.now().since(sent_at), w.ctx.rules.settle);
    let counts = complete && began_at.since(sent_at) >= Duration::from_secs(SEARCH_COUNTS_AFTER_S);
    let in_time = out_for >= settle && (counts || out_for >= settle.saturating_mul(2));
    // What becomes of a later text to them decides whether this one is wanted again: that is waited for.
    let under_way = later(w, &a).any(|b| b.state.is_waiting() || b.state == AttemptState::Sending);
    if a.decided_at.is_some() {
        alert_if_it_stays(w, &a);
    } else if in_time && !under_way {
        let seen = if complete { "it is not in the provider's list" } else { "the provider's list could not be read" };
        by_policy(w, id, seen)?;
    }
    // Decided before any search could count (a short `settle`, a list that cannot be read): one that does is not put off.
    let early = !counts && out_for < Duration::from_secs(SEARCH_HURRIED_S);
    let decided = w.attempt(id)?.decided_at.is_some();
    let pause = if decided && !early { rarely(a.polls) } else { soon(a.polls, out_for, settle) };
    let again = (out_for < Duration::from_secs(SEARCH_END_S)).then(|| w.now().plus(pause));
    let a = w.attempt_mut(id)?;
    a.polls = a.polls.saturating_add(1);
    a.poll_at = again;
    Ok(())
}

fn doubled(first_s: u64, max_s: u64, times: u32) -> Duration {
    Duration::from_secs(first_s.saturating_mul(1 << times.min(16)).min(max_s))
}

/// The pause to the next search while the policy has not decided, or no search could count yet. The moment from which a search counts, and those at which
/// the policy decides, are not slept through.
fn soon(searches: u32, out_for: Duration, settle: Duration) -> Duration {
    let moments = [Duration::from_secs(SEARCH_COUNTS_AFTER_S), settle, settle.saturating_mul(2)];
    let next = moments.into_iter().filter_map(|m| m.checked_sub(out_for)).filter(|left| !left.is_zero()).min();
    let pause = doubled(SEARCH_FIRST_S, SEARCH_MAX_S, searches);
    pause.min(next.unwrap_or(pause)).max(SEARCH_PAUSE_MIN)
}

/// The pause to the next search once it has: nobody waits for the answer any more.
fn rarely(searches: u32) -> Duration {
    doubled(SEARCH_RARELY_S.0, SEARCH_RARELY_S.1, searches.saturating_sub(SEARCHES_BEFORE))
}

/// The policy's one decision about a text that may or may not have arrived: once a notice. `seen`: what is known of it.
pub(super) fn by_policy(w: &mut Work<'_>, id: AttemptId, seen: &str) -> Result<(), Illegal> {
    let now = w.now();
    let a = w.attempt(id)?.clone();
    w.attempt_mut(id)?.decided_at = Some(now);
    if a.kind != AttemptKind::Notice {
        // An answer or a stand-down repeats what the person can ask for again: shown, and left.
        let text = format!("attempt {} stays unknown ({seen}): not sent again, only a notice is repeated", a.number);
        w.log(
            LogKind::AttemptUnknown,
            Some(id),
            text,
            json!({ "policy": "hold", "dropped": "only a notice is repeated" }),
        );
        raise_untold::page(w, &a, "stays unknown");
        return Ok(());
    }
    let decided_before = a.decided_at.is_some() || of_its_notice(w, &a).any(|b| b.decided_at.is_some());
    let policy = if a.channel == Channel::Email || decided_before {
        UnknownPolicy::Hold
    } else if a.priority == Priority::First || a.channel == Channel::Voice || stands_for_a_repeat(w, &a) {
        // A phone call that rings twice costs a busy signal, one that never rings costs the job.
        w.ctx.rules.unknown_first
    } else {
        w.ctx.rules.unknown_follow_up
    };
    let dropped = why_not(w, &a);
    let (word, done) = match (policy, dropped) {
        (UnknownPolicy::Resend, None) => ("resend", "sent once more, marked as a repeat".to_owned()),
        (UnknownPolicy::Resend, Some(why)) => ("resend", format!("not sent again, {why}")),
        (UnknownPolicy::Hold, _) => ("hold", "held".to_owned()),
    };
    let text = format!("attempt {} stays unknown ({seen}): {done}", a.number);
    w.log(LogKind::AttemptUnknown, Some(id), text, json!({ "policy": word, "dropped": dropped }));
    if policy == UnknownPolicy::Resend && dropped.is_none() {
        let settled = a.sent_at_now().unwrap_or(a.created_at).plus(w.ctx.rules.settle);
        resend(w, id, now.max(settled), ResendReason::Unknown)?;
    } else if !sequence::a_step_follows(w) {
        alert_if_it_stays(w, &a);
    }
    Ok(())
}

/// Whether their first notice did not surely arrive and was not repeated because this text was to do that: then nothing is known
/// to have reached them, and the step that a reminder is otherwise left to may be somebody else's, or never come.
fn stands_for_a_repeat(w: &Work<'_>, a: &Attempt) -> bool {
    let theirs = || {
        w.state.attempts.iter().filter(|b| {
            b.kind == AttemptKind::Notice
                && b.round == a.round
                && b.channel == a.channel
                && b.recipient.contact == a.recipient.contact
        })
    };
    let dropped = |b: &Attempt| {
        let open = b.state == AttemptState::Failed || (b.state == AttemptState::Unknown && b.decided_at.is_some());
        open && b.priority == Priority::First && !theirs().any(|r| r.number > b.number && r.repeats.is_some())
    };
    theirs().any(|b| b.number < a.number && dropped(b)) && !theirs().any(was_accepted)
}

/// Raises the alert about a text of which nobody knows whether it arrived, where that still matters.
fn alert_if_it_stays(w: &mut Work<'_>, a: &Attempt) {
    let call = &w.state.call;
    let matters = a.kind == AttemptKind::Notice
        && call.status == CallStatus::Dispatching
        && a.round == call.round
        && !call.is_out_by(&a.recipient.contact, a.channel)
        && !later(w, a).any(was_accepted);
    if matters {
        let (name, reference) = (&a.recipient.name, a.reference(&call.reference));
        let text = format!(
            "call {}: nobody knows whether {name} got attempt {}; ask them, and say so with `dispatchctl settle {reference}`",
            call.id, a.number
        );
        w.raise(unknown_key(a.id), text);
    }
}

/// The key of the alert about an unknown outcome that stays.
pub(super) fn unknown_key(id: AttemptId) -> AlertKey {
    AlertKind::UnknownOutcome.about(id)
}

/// A text was accepted: what is not known of earlier ones to the same contact alarms nobody any more. So within each channel.
pub(super) fn resolve_earlier(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let earlier = |b: &&Attempt| {
        b.decided_at.is_some()
            && b.number < a.number
            && b.recipient.contact == a.recipient.contact
            && b.channel == a.channel
    };
    let keys: Vec<AlertKey> = w.state.attempts.iter().filter(earlier).map(|b| unknown_key(b.id)).collect();
    for key in keys {
        w.resolve(key);
    }
    Ok(())
}

/// After a failure that may pass: again to the same number after the pause, within the limit. Says whether it is in hand, be
/// it by a resend or by a text that does the same.
pub(super) fn after_failure(w: &mut Work<'_>, id: AttemptId, limit: u32, pause: Duration) -> Result<bool, Illegal> {
    let a = w.attempt(id)?.clone();
    // What its sender failed waits again, and what was refused for its words goes in others: neither is such a resend.
    let may_pass = |r: &Attempt| matches!(r.class, Some(Class::Transient | Class::Ambiguous));
    let failed = |b: &&Attempt| b.repeats.and_then(|r| w.state.attempt(r)).is_some_and(may_pass);
    let made = of_its_notice(w, &a).chain([&a]).filter(failed).count();
    if u32::try_from(made).is_ok_and(|made| made >= limit) {
        return Ok(false);
    }
    if !in_hand(w, &a) {
        let at = w.now().plus(pause);
        resend(w, id, at, ResendReason::Failed)?;
    }
    Ok(true)
}

/// After a text was refused for its words: once more with the built-in ones. Says whether it is in hand; it is not where the
/// words were the built-in ones.
pub(super) fn with_built_in_text(w: &mut Work<'_>, id: AttemptId) -> Result<bool, Illegal> {
    let a = w.attempt(id)?.clone();
    if wording::built_in(w, id)?.body == a.body {
        return Ok(false);
    }
    if !in_hand(w, &a) {
        let new = resend(w, id, w.now(), ResendReason::Words)?;
        let rendered = wording::built_in(w, new)?;
        let made = w.attempt_mut(new)?;
        (made.body, made.segments) = (rendered.body, rendered.segments);
    }
    Ok(true)
}

/// After a failure that was its sender's: the notice waits again, as a new attempt, for another sender or for this one's probe.
pub(super) fn after_its_sender_failed(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    if !in_hand(w, &a) {
        // Refused by a sender that is taken to work: not at once, so that nothing can go round and round.
        let refused = a.sid.is_none() && !trip::holds(w, &a);
        let pause = if refused { w.ctx.rules.resend_pause } else { Duration::ZERO };
        resend(w, id, w.now().plus(pause), ResendReason::Sender)?;
    }
    Ok(())
}

/// Whether a further text after a failure is not wanted; says why in the log.
fn in_hand(w: &mut Work<'_>, a: &Attempt) -> bool {
    let why = why_not_after_failure(w, a);
    if let Some(why) = why {
        let text = format!("attempt {} is not sent again: {why}", a.number);
        w.log(LogKind::AttemptFailed, Some(a.id), text, json!({ "dropped": why }));
    }
    why.is_some()
}

/// Why no further text is made for the notice of an attempt that failed; `None`: it may be.
fn why_not_after_failure(w: &Work<'_>, a: &Attempt) -> Option<&'static str> {
    let may_have_arrived = later(w, a).any(|b| b.state == AttemptState::Unknown);
    why_not(w, a).or(may_have_arrived.then_some("a later text to them may have arrived"))
}

/// Why a person's word that this text was not sent makes no repeat; `None`: it may.
pub(super) fn why_no_repeat(w: &Work<'_>, a: &Attempt) -> Option<&'static str> {
    if a.kind != AttemptKind::Notice {
        Some("only a notice is repeated")
    } else if ladder::takes_none(w, &a.recipient, a.channel, a.sender.as_ref().map(Sender::as_str)) {
        Some("the contact has opted out")
    } else {
        why_not_after_failure(w, a)
    }
}

/// Other attempts of the same notice.
fn of_its_notice<'a>(w: &'a Work<'_>, a: &'a Attempt) -> impl Iterator<Item = &'a Attempt> {
    w.state.attempts.iter().filter(|b| b.id != a.id && b.notice().is_some() && b.notice() == a.notice())
}

/// Later notices to the same contact by the same channel.
fn later<'a>(w: &'a Work<'_>, a: &'a Attempt) -> impl Iterator<Item = &'a Attempt> {
    w.state
        .attempts
        .iter()
        .filter(|b| b.kind == AttemptKind::Notice && b.number > a.number)
        .filter(|b| b.channel == a.channel && b.recipient.contact == a.recipient.contact)
}

/// Later notices to the same contact that arrived.
pub(super) fn reached_since<'a>(w: &'a Work<'_>, a: &'a Attempt) -> impl Iterator<Item = &'a Attempt> {
    later(w, a).filter(|b| b.state == AttemptState::Delivered)
}

fn was_accepted(a: &Attempt) -> bool {
    matches!(a.state, AttemptState::Submitted | AttemptState::Delivered)
}

/// Why no further text is made for this attempt's notice; `None`: it may be.
fn why_not(w: &Work<'_>, a: &Attempt) -> Option<&'static str> {
    let call = &w.state.call;
    if call.status != CallStatus::Dispatching || a.round != call.round {
        Some("the call looks for nobody any more")
    } else if call.muted && a.step > 0 {
        Some("its follow-ups were cancelled")
    } else if call.is_out_by(&a.recipient.contact, a.channel) {
        Some("the contact passed or cannot be reached")
    } else if later(w, a).any(was_accepted) {
        Some("a later text to them was accepted")
    } else if later(w, a).any(|b| b.state.is_waiting() || b.state == AttemptState::Sending) {
        Some("a later text to them is on its way")
    } else if sequence::is_due_soon(w, (&a.recipient.contact, a.channel), w.ctx.rules.resend_pause) {
        Some("a step to them is due now")
    } else {
        None
    }
}

/// Why a resend that waits is not wanted any more: news of what it repeats, or of a later text, came before it left.
pub(super) fn overtaken(w: &Work<'_>, resend: &Attempt) -> Option<&'static str> {
    let repeated = resend.repeats.and_then(|r| w.state.attempt(r))?;
    if was_accepted(repeated) {
        Some("the text that it repeats was accepted after all")
    } else if later(w, repeated).any(|b| b.id != resend.id && was_accepted(b)) {
        Some("a later text to them was accepted")
    } else {
        None
    }
}

/// A new attempt of the same notice, not before `at`.
pub(super) fn resend(w: &mut Work<'_>, id: AttemptId, at: Timestamp, why: ResendReason) -> Result<AttemptId, Illegal> {
    let a = w.attempt(id)?.clone();
    let name = ladder::step_name(w, a.step);
    let number = w.state.call.attempts + 1;
    let text = format!("Retry attempt {number}: {name} to {} again, repeats attempt {}", a.recipient.name, a.number);
    let told = w.state.was_notified(&a.recipient.contact, a.channel, None);
    let priority = if told { Priority::Reminder } else { Priority::First };
    let new = sequence::add_attempt(w, AttemptKind::Notice, a.step, a.recipient, priority, text);
    let made = w.attempt_mut(new)?;
    (made.repeats, made.not_before) = (Some(id), at);
    if let Some(data) = w.change.log.last_mut().and_then(|e| e.data.as_object_mut()) {
        data.insert(log::RESEND.into(), json!(why));
    }
    Ok(new)
}
