//! A further text for a notice: after a failure that may pass, and after an unknown outcome that was not found out.
//!
//! A resend is a new attempt that names the one it repeats. It is never made when the call is not looking for somebody any
//! more, when a later text to that contact for that call was accepted, or when a step to that contact is due so soon that it
//! does the same.

use serde_json::json;

use super::attempt::{AttemptKind, AttemptState, Priority};
use super::call::CallStatus;
use super::event::LogKind;
use super::sequence;
use super::step::{Illegal, Work, step_name};
use super::types::{AttemptId, Timestamp};

/// How long an unknown outcome must have been out before a search can settle that it is not there, in seconds: the provider
/// may still be at it (`facts/twilio.md` §4).
pub(super) const SEARCH_COUNTS_AFTER_S: u64 = 30;
/// The first pause between two searches, in seconds; it doubles.
const SEARCH_FIRST_S: u64 = 2;
/// The longest pause while the outcome is still to be decided, and after that, in seconds.
const SEARCH_MAX_S: u64 = 15;
const SEARCH_RARELY_S: (u64, u64) = (300, 3_600);
/// What was not found by then is not looked for any more, in seconds.
const SEARCH_END_S: u64 = 72 * 3_600;

/// What is done about an unknown outcome that was not found out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Once more, marked as a repeat.
    Resend,
    /// Left to the next step; where none follows, a person is told.
    Hold,
}

/// When the search for an unknown outcome begins.
pub(super) fn first_search(now: Timestamp) -> Timestamp {
    now.plus(std::time::Duration::from_secs(SEARCH_FIRST_S))
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
    let sent_at = a.sent_at.unwrap_or(a.created_at);
    let (out_for, secs) = (w.now().since(sent_at), std::time::Duration::from_secs);
    let settle = w.ctx.rules.settle;
    let counts = complete && began_at.since(sent_at) >= secs(SEARCH_COUNTS_AFTER_S);
    let decide = a.decided_at.is_none() && out_for >= settle && (counts || out_for >= settle.saturating_mul(2));
    if decide {
        decide_policy(w, id, complete)?;
    }
    let decided = w.attempt(id)?.decided_at.is_some();
    let doubled = |first: u64, max: u64, n: u32| secs(first.saturating_mul(1 << n.min(16)).min(max));
    let pause = if decided {
        doubled(SEARCH_RARELY_S.0, SEARCH_RARELY_S.1, a.polls.saturating_sub(8))
    } else {
        // The moment at which a search first counts, and the one at which the policy decides, are not slept through.
        let moments = [secs(SEARCH_COUNTS_AFTER_S), settle, settle.saturating_mul(2)];
        let next = moments.into_iter().filter(|m| *m > out_for).map(|m| m.saturating_sub(out_for)).min();
        doubled(SEARCH_FIRST_S, SEARCH_MAX_S, a.polls).min(next.unwrap_or(secs(SEARCH_MAX_S)))
    };
    let again = (out_for < secs(SEARCH_END_S)).then(|| w.now().plus(pause.max(secs(1))));
    let a = w.attempt_mut(id)?;
    a.polls = a.polls.saturating_add(1);
    a.poll_at = again;
    Ok(())
}

/// The policy's one decision about an unknown outcome.
fn decide_policy(w: &mut Work<'_>, id: AttemptId, complete: bool) -> Result<(), Illegal> {
    let now = w.now();
    let a = w.attempt_mut(id)?;
    a.decided_at = Some(now);
    let a = a.clone();
    if a.kind != AttemptKind::Notice {
        return Ok(());
    }
    let policy = match a.priority {
        Priority::First => w.ctx.rules.unknown_first,
        _ => w.ctx.rules.unknown_follow_up,
    };
    let seen = if complete { "it is not in the provider's list" } else { "the provider's list could not be read" };
    if policy == UnknownPolicy::Resend {
        match why_not(w, id) {
            None => {
                let text = format!("attempt {} stays unknown ({seen}): sent once more, marked as a repeat", a.number);
                w.log(LogKind::AttemptUnknown, Some(id), text, json!({ "policy": "resend", "listed": complete }));
                return resend(w, id, now);
            }
            Some(why) => {
                let text = format!("attempt {} stays unknown ({seen}): not sent again, {why}", a.number);
                w.log(LogKind::AttemptUnknown, Some(id), text, json!({ "policy": "resend", "dropped": why }));
            }
        }
    } else {
        let text = format!("attempt {} stays unknown ({seen}): held", a.number);
        w.log(LogKind::AttemptUnknown, Some(id), text, json!({ "policy": "hold", "listed": complete }));
    }
    if w.state.call.status == CallStatus::Dispatching {
        let call = w.state.call.id.clone();
        w.raise(
            unknown_key(id),
            format!(
                "call {call}: it is not known whether {} got attempt {} ({seen}); ask them, or see `dispatchctl status {call}`",
                a.recipient.name, a.number
            ),
        );
    }
    Ok(())
}

/// The key of the alert about an unknown outcome that stays.
pub(super) fn unknown_key(id: AttemptId) -> String {
    format!("unknown:{id}")
}

/// After a failure that may pass: again to the same number after the pause, within the limit. Says whether it is in hand, be
/// it by a resend or by a step that is due anyway.
pub(super) fn after_failure(w: &mut Work<'_>, id: AttemptId, limit: u32) -> Result<bool, Illegal> {
    let made = resends_before(w, id);
    if made >= limit {
        return Ok(false);
    }
    if let Some(why) = why_not(w, id) {
        let number = w.attempt(id)?.number;
        w.log(
            LogKind::AttemptFailed,
            Some(id),
            format!("attempt {number} is not sent again: {why}"),
            json!({ "dropped": why }),
        );
        return Ok(true);
    }
    let at = w.now().plus(w.ctx.rules.resend_pause);
    resend(w, id, at)?;
    Ok(true)
}

/// How many texts of this notice were made because an earlier one failed.
fn resends_before(w: &Work<'_>, id: AttemptId) -> u32 {
    let mut count = 0;
    let mut at = w.state.attempt(id);
    while let Some(before) = at.and_then(|a| a.repeats).and_then(|r| w.state.attempt(r)) {
        count += u32::from(before.state == AttemptState::Failed);
        at = Some(before);
    }
    count
}

/// Why no further text is made for this attempt's notice; `None`: it may be.
fn why_not(w: &Work<'_>, id: AttemptId) -> Option<&'static str> {
    let (call, a) = (&w.state.call, w.state.attempt(id)?);
    let later = |b: &&super::attempt::Attempt| {
        b.kind == AttemptKind::Notice && b.number > a.number && b.recipient.contact == a.recipient.contact
    };
    let others: Vec<_> = w.state.attempts.iter().filter(later).collect();
    if call.status != CallStatus::Dispatching || a.round != call.round {
        Some("the call looks for nobody any more")
    } else if call.is_out(&a.recipient.contact) {
        Some("the contact passed or cannot be reached")
    } else if others.iter().any(|b| b.state.may_have_arrived()) {
        Some("a later text to them was accepted or may have been")
    } else if others.iter().any(|b| b.state.is_waiting()) {
        Some("a later text to them waits to be sent")
    } else if sequence::is_due_soon(w, &a.recipient.contact, w.ctx.rules.resend_pause) {
        Some("a step to them is due now")
    } else {
        None
    }
}

/// A new attempt of the same notice.
fn resend(w: &mut Work<'_>, id: AttemptId, at: Timestamp) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    let name = step_name(a.round, a.step);
    let number = w.state.call.attempts + 1;
    let text = format!("Retry attempt {number}: {name} to {} again, repeats attempt {}", a.recipient.name, a.number);
    let new = sequence::add_attempt(w, AttemptKind::Notice, a.step, a.recipient, Priority::Reminder, text);
    let was_told = w.state.was_told(&w.attempt(new)?.recipient.contact.clone(), Some(new));
    let made = w.attempt_mut(new)?;
    made.repeats = Some(id);
    made.not_before = at;
    if !was_told {
        made.priority = Priority::First;
    }
    Ok(())
}
