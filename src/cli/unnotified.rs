//! Who has not been told of a call, why, and what a person can do about it: what `send` says where it ends before somebody is.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::breaker::Breaker;
use crate::domain::call::CallState;
use crate::domain::types::CallId;

use super::send_outcome::waits_for_a_breaker;

/// A contact whom nothing of the call has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unnotified {
    contact: String,
    name: String,
    why: String,
    /// Whether the provider may have it.
    is_unknown: bool,
    /// The sender whose breaker holds it.
    held_by: Option<String>,
}

impl Unnotified {
    /// For a person.
    pub(super) fn sentence(&self) -> String {
        match self.is_unknown {
            true => format!("it is not known whether {} has been told: {}", self.name, self.why),
            false => format!("{} has not been told: {}", self.name, self.why),
        }
    }

    /// For documents.
    pub(super) fn document(&self) -> Value {
        json!({ "contact": self.contact, "contactName": self.name, "why": self.why })
    }
}

/// Those whom this round named and nothing has reached, in the order in which they were named.
pub(super) fn unnotified(state: &CallState, breakers: &[Breaker], now: Timestamp) -> Vec<Unnotified> {
    let notices: Vec<&Attempt> =
        state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice && a.round == state.call.round).collect();
    let mut latest: Vec<&Attempt> = Vec::new();
    for a in notices {
        match latest.iter_mut().find(|l| l.recipient.contact == a.recipient.contact) {
            Some(l) => *l = a,
            None => latest.push(a),
        }
    }
    latest.retain(|a| !state.was_reached(&a.recipient.contact, None));
    latest.into_iter().map(|a| of(state, a, breakers, now)).collect()
}

fn of(state: &CallState, a: &Attempt, breakers: &[Breaker], now: Timestamp) -> Unnotified {
    let held = breakers.iter().find(|b| b.is_open() && b.channel() == a.channel && a.state.is_waiting());
    let (n, noun) = (a.number, a.channel.noun());
    let why = match a.state {
        AttemptState::Scheduled if let Some(b) = held => {
            format!("attempt {n} waits until {noun}s from its sender go again; they fail: {}", cause(&b.why))
        }
        AttemptState::Scheduled if waits_for_a_breaker(state, a, now) => {
            let failed = a.repeats.and_then(|r| state.attempt(r)).map(|r| r.result.clone()).unwrap_or_default();
            format!("attempt {n} waits until {noun}s from its sender go again; they fail: {failed}")
        }
        AttemptState::Scheduled if a.channel == Channel::Voice => format!("attempt {n} waits to ring"),
        AttemptState::Scheduled => format!("attempt {n} waits to be sent"),
        AttemptState::Sending => format!("attempt {n} is under way, and the provider has not answered"),
        AttemptState::Retrying => format!("attempt {n} was surely not sent: {}", a.result),
        AttemptState::Unknown => format!("the provider may have attempt {n}, and its answer did not come"),
        AttemptState::Submitted if a.channel == Channel::Voice => {
            let word = a.message_status.as_ref().map_or("queued", |s| s.as_str());
            format!("attempt {n} is a phone call that goes on ({word}), and no key was pressed yet")
        }
        AttemptState::Submitted
        | AttemptState::Delivered
        | AttemptState::Failed
        | AttemptState::Skipped
        | AttemptState::Cancelled => format!("attempt {n} {}: {}", a.state, a.result),
    };
    Unnotified {
        contact: a.recipient.contact.to_string(),
        name: a.recipient.name.clone(),
        why,
        is_unknown: a.state == AttemptState::Unknown,
        held_by: held.map(|b| super::breaker::name(b).to_owned()),
    }
}

/// What a breaker says, without the attempt that opened it.
fn cause(why: &str) -> &str {
    why.split_once("): ").map_or(why, |(_, cause)| cause)
}

/// Why the first notice is tried again and again, where it surely did not leave.
pub(super) fn is_tried_again(state: &CallState) -> Option<String> {
    let a = state.attempts.iter().find(|a| a.kind == AttemptKind::Notice && a.state == AttemptState::Retrying)?;
    Some(format!("{} has not been told yet: {}", a.recipient.name, a.result))
}

/// What helps, most useful first.
pub(super) fn what_to_do(call: &CallId, unnotified: &[Unnotified]) -> Vec<String> {
    let names: Vec<&str> = unnotified.iter().map(|u| u.name.as_str()).collect();
    let mut all =
        vec![format!("phone {} now; `dispatchctl ack {call} --for CONTACT` records who takes it", names.join(" and "))];
    if let Some(sender) = unnotified.iter().find_map(|u| u.held_by.as_deref()) {
        all.push(format!("mend what the provider refuses, then `dispatchctl breaker close {sender}`"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::breaker::{Evidence, Probe};
    use crate::domain::receipt::MessageStatus;
    use crate::testing::fixtures;

    fn breaker(sender: &str, now: Timestamp) -> Breaker {
        Breaker {
            sender: sender.to_owned(),
            opened_at: now,
            closed_at: None,
            evidence: Evidence::Receipt,
            probe: Probe::Notice,
            code: None,
            why: "attempt 1 failed (code 30007): filtered".to_owned(),
            probe_at: now,
            probes: 0,
        }
    }

    #[test]
    fn a_phone_call_that_goes_on_is_no_text_and_a_breaker_of_texts_does_not_hold_it() {
        let mut state = fixtures::call_state("c");
        let now = state.call.accepted_at;
        let a = &mut state.attempts[0];
        (a.channel, a.state) = (Channel::Voice, AttemptState::Submitted);
        a.message_status = Some(MessageStatus::from_word("ringing"));
        let said = unnotified(&state, &[], now);
        assert!(said[0].sentence().contains("a phone call that goes on (ringing)"), "{said:?}");

        state.attempts[0].state = AttemptState::Scheduled;
        for (sender, held) in [("+15005550006", false), ("voice:+15005550011", true)] {
            let breaker = breaker(sender, now);
            let said = unnotified(&state, &[breaker], now);
            assert_eq!(said[0].held_by.as_deref() == Some(sender), held, "{said:?}");
            assert_eq!(said[0].sentence().contains("until phone calls from its sender go again"), held, "{said:?}");
        }
    }
}
