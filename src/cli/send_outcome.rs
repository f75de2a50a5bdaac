//! What watching a call came to: when it is over, with which exit code, and its attempts as a table.

use std::time::Duration;

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::{Class, Timestamp};

use super::exit::ExitStatus;
use super::output::Table;
use super::recipient::to;

/// How watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What was waited for came true.
    Reached,
    /// The call is over without it.
    Over,
    /// Every attempt so far failed and the next step is not due yet.
    Stuck,
    TimedOut,
    /// The engine beside this command does not answer.
    Silent,
    Interrupted,
}

pub(super) fn exit_of(state: &CallState, end: End) -> ExitStatus {
    let notices = || state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice);
    let unknown = notices().any(|a| a.state == AttemptState::Unknown);
    match end {
        End::Reached => ExitStatus::Done,
        End::Interrupted => ExitStatus::Interrupted,
        End::Over if unknown => ExitStatus::Unknown,
        // What the provider took and nobody answered was not refused.
        End::Over if state.call.status == CallStatus::Exhausted && notices().all(|a| a.sid.is_none()) => {
            ExitStatus::Refused
        }
        End::Over => ExitStatus::No,
        _ if unknown => ExitStatus::Unknown,
        End::Stuck | End::TimedOut | End::Silent => ExitStatus::Pending,
    }
}

/// The first notices have an outcome, if only an unknown one.
pub(super) fn first_settled(state: &CallState, now: Timestamp) -> bool {
    let first = state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).map(|a| a.step).min();
    state
        .attempts
        .iter()
        .filter(|a| Some(a.step) == first)
        .all(|a| (!a.state.is_waiting() || waits_for_a_breaker(state, a, now)) && a.state != AttemptState::Sending)
        && first.is_some()
}

/// Another sender would have taken it within this.
const STAND_IN: Duration = Duration::from_secs(2);

/// It repeats what its sender failed, and no other sender took it: it waits for as long as that lasts.
pub(super) fn waits_for_a_breaker(state: &CallState, a: &Attempt, now: Timestamp) -> bool {
    let repeated = a.repeats.and_then(|r| state.attempt(r)).and_then(|r| r.class);
    a.state.is_waiting()
        && now.since(a.created_at) >= STAND_IN
        && matches!(repeated, Some(Class::Sender | Class::Account))
}

/// Nothing waits or is under way: only the clock, or evidence, can bring news.
pub(super) fn nothing_moves(state: &CallState, now: Timestamp) -> bool {
    !state.attempts.is_empty()
        && state.attempts.iter().all(|a| {
            let over = a.state.is_final() && a.state != AttemptState::Delivered;
            over || a.state == AttemptState::Unknown || waits_for_a_breaker(state, a, now)
        })
}

pub(super) fn progress_of(state: &CallState) -> String {
    let last = state.attempts.last().map(|a| format!("attempt {} to {}: {}", a.number, a.recipient.name, a.state));
    format!("{} {}", state.call.id, last.unwrap_or_else(|| state.call.status.to_string()))
}

pub(super) fn attempts_table(state: &CallState) -> Table {
    let mut t = Table::new(&["CALL", "REF", "ATTEMPT", "BY", "TO", "STATE", "STATUS", "SID", "RESULT"]);
    for a in &state.attempts {
        t.row([
            state.call.id.to_string(),
            a.reference(&state.call.reference),
            a.number.to_string(),
            a.channel.noun().to_owned(),
            to(&a.recipient),
            a.state.to_string(),
            a.message_status.as_ref().map(ToString::to_string).unwrap_or_default(),
            a.sid.as_ref().map(ToString::to_string).unwrap_or_default(),
            a.result.clone(),
        ]);
    }
    t
}
