//! What a call and its attempts may be, and become.

use std::collections::BTreeSet;

use super::world::Broken;
use crate::domain::attempt::{Attempt, AttemptKind as Kind, AttemptState as S};
use crate::domain::call::{CallState, CallStatus as C};
use crate::domain::types::AttemptId;

/// States move only as SPEC §2 lists.
pub(super) fn moves(before: Option<&CallState>, after: &CallState) -> Result<(), Broken> {
    let Some(before) = before else { return Ok(()) };
    let (from, to) = (before.call.status, after.call.status);
    let fits = from == to
        || match from {
            C::Dispatching => true,
            C::Acknowledged => matches!(to, C::Resolved | C::Cancelled | C::Dispatching),
            C::Exhausted => matches!(to, C::Acknowledged | C::Resolved | C::Cancelled | C::Dispatching),
            C::Deferred => matches!(to, C::Dispatching | C::Acknowledged | C::Resolved | C::Cancelled),
            C::Resolved | C::Cancelled => false,
        };
    if !fits {
        return Err(format!("it was {from} and is {to}"));
    }
    for a in &after.attempts {
        let Some(was) = before.attempt(a.id) else { continue };
        // Evidence of a text that was believed unsent goes by way of sending.
        let fits = was.state == a.state
            || match was.state {
                S::Scheduled => {
                    matches!(a.state, S::Sending | S::Skipped | S::Cancelled | S::Submitted | S::Delivered | S::Failed)
                }
                S::Retrying => {
                    matches!(a.state, S::Sending | S::Failed | S::Skipped | S::Cancelled | S::Submitted | S::Delivered)
                }
                S::Sending => matches!(a.state, S::Submitted | S::Delivered | S::Failed | S::Retrying | S::Unknown),
                S::Unknown => matches!(a.state, S::Submitted | S::Delivered | S::Failed),
                S::Submitted => matches!(a.state, S::Delivered | S::Failed),
                S::Delivered | S::Failed => was.conflict && matches!(a.state, S::Delivered | S::Failed),
                S::Skipped | S::Cancelled => false,
            };
        if !fits {
            return Err(format!("attempt {} was {} and is {}", a.number, was.state, a.state));
        }
        let rank = |a: &Attempt| a.message_status.as_ref().and_then(crate::domain::MessageStatus::rank);
        if !was.conflict && rank(was) > rank(a) {
            return Err(format!("the message of attempt {} went back to {:?}", a.number, a.message_status));
        }
        if was.sid.is_some() && was.sid != a.sid {
            return Err(format!("attempt {} has another message", a.number));
        }
    }
    if before.attempts.iter().any(|b| after.attempt(b.id).is_none()) {
        return Err("an attempt is gone".into());
    }
    Ok(())
}

/// At most one attempt of a notice is open at a time; numbers are given once. `under_way`: those that were being sent when a newer
/// one to the same contact was made; one of them that was surely not sent waits until its claim drops it.
pub(super) fn one_of_each(state: &CallState, under_way: &BTreeSet<AttemptId>) -> Result<(), Broken> {
    for (n, a) in state.attempts.iter().enumerate() {
        let open = |a: &Attempt| match a.state {
            S::Scheduled | S::Sending | S::Retrying => true,
            S::Unknown => a.decided_at.is_none(),
            _ => false,
        };
        for b in &state.attempts[n + 1..] {
            if a.number == b.number || a.id == b.id {
                return Err(format!("two attempts have number {}", a.number));
            }
            let both_wait =
                a.kind == Kind::Notice && b.kind == Kind::Notice && a.state.is_waiting() && b.state.is_waiting();
            if both_wait && a.recipient.contact == b.recipient.contact && !under_way.contains(&a.id) {
                return Err(format!(
                    "attempts {} and {} to one contact wait: the newer stands for the older",
                    a.number, b.number
                ));
            }
            if a.notice().is_some() && a.notice() == b.notice() && open(a) && open(b) {
                return Err(format!("attempts {} and {} of one notice are open", a.number, b.number));
            }
        }
    }
    Ok(())
}
