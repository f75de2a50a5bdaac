//! What the mirror's rows tell: pure. One row an attempt in the table of dispatch events, one a call in the table of calls.

use std::collections::BTreeSet;

use crate::config::{CallFields, EventFields};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{Call, CallState};
use crate::domain::types::CallRef;
use crate::engine::json::next_follow_up;
use crate::gateways::airtable::{Cell, Fields};

/// What stands between a reader's name and the words that he wrote since, in the sentence of an attempt.
pub const REPLIED: &str = " wrote: ";

/// Our names of the fields that a base may be without.
pub(super) const OPTIONAL: &[&str] =
    &["to", "contact", "reference", "step", "round", "caller_name", "address", "accepted_at", "next_follow_up_at"];
/// A text message.
const SMS: &str = "SMS";

/// Names of the base that are left out, as it does not have them.
pub(super) type MissingFields = BTreeSet<String>;

/// The id of an attempt's dispatch event: what its row is found by.
pub fn event_id(attempt: &Attempt) -> String {
    attempt.id.to_string()
}

/// The row of an attempt.
pub fn event(names: &EventFields, attempt: &Attempt, reference: &CallRef, missing: &BTreeSet<String>) -> Fields {
    let a = attempt;
    let cell = |ours: &str| -> Cell {
        match ours {
            "event_id" => event_id(a).into(),
            "call_id" => a.call.as_str().into(),
            "method" => SMS.into(),
            "sent_at" => a.sent_at.into(),
            "delivery_status" => delivery_status(a).into(),
            "attempt_number" => a.number.into(),
            "result" => result(a).into(),
            "message_sid" => a.sid.as_ref().map(|sid| sid.as_str()).into(),
            "error_code" => a.error_code.map(|code| code.0.to_string()).into(),
            "to" => a.recipient.phone.e164().into(),
            "contact" => a.recipient.name.as_str().into(),
            "reference" => a.reference(reference).into(),
            "step" => a.step.saturating_add(1).into(),
            "round" => a.round.into(),
            _ => Cell::Empty,
        }
    };
    fields(names.pairs(), missing, cell)
}

/// The provider's word once it has the message, else ours.
fn delivery_status(a: &Attempt) -> &str {
    match (&a.sid, &a.message_status) {
        (Some(_), Some(word)) => word.as_str(),
        _ => a.state.as_str(),
    }
}

/// One sentence for a person.
fn result(a: &Attempt) -> String {
    let who = &a.recipient.name;
    let what = match a.kind {
        AttemptKind::Notice => "",
        AttemptKind::StandDown => "Stand-down: ",
        AttemptKind::Answer => "Answer: ",
    };
    let said = match a.state {
        AttemptState::Scheduled => format!("waits to be sent to {who}"),
        AttemptState::Sending => format!("is being sent to {who}"),
        AttemptState::Retrying => format!("was not taken by the provider; it is tried again for {who}"),
        AttemptState::Unknown if a.decided_at.is_some() => format!("nobody knows whether it was sent to {who}"),
        AttemptState::Unknown => format!("it is being found out whether it was sent to {who}"),
        AttemptState::Submitted => format!("accepted by the provider for {who}"),
        AttemptState::Delivered => format!("delivered to {who}"),
        AttemptState::Failed => format!("not delivered to {who}"),
        AttemptState::Skipped => format!("not sent to {who}"),
        AttemptState::Cancelled => format!("not sent to {who}, as the call closed"),
    };
    let why = match a.state {
        AttemptState::Delivered | AttemptState::Submitted | AttemptState::Sending => "",
        _ => a.result.trim().trim_end_matches('.'),
    };
    let said = if what.is_empty() { capital(&said) } else { format!("{what}{said}") };
    let said = if why.is_empty() { format!("{said}.") } else { format!("{said}: {why}.") };
    if a.replied.is_empty() { said } else { format!("{said} {who}{REPLIED}{}", a.replied) }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What of a call's row is ours to keep, whoever made the row.
const KEPT: &[&str] = &["call_id", "status", "on_call_contact", "reference", "accepted_at", "next_follow_up_at"];

/// The whole row of a call that nobody has made.
pub(super) fn new_call(names: &CallFields, state: &CallState, missing: &MissingFields) -> Fields {
    fields(names.pairs(), missing, |ours| call_cell(state, ours))
}

/// The part of a call's row that is kept current.
pub(super) fn call(names: &CallFields, state: &CallState, missing: &MissingFields) -> Fields {
    fields(kept(names), missing, |ours| call_cell(state, ours))
}

/// The fields of that part, by our names and the base's.
pub(super) fn kept(names: &CallFields) -> Vec<(&'static str, &str)> {
    names.pairs().into_iter().filter(|(ours, _)| KEPT.contains(ours)).collect()
}

fn call_cell(state: &CallState, ours: &str) -> Cell {
    let c = &state.call;
    match ours {
        "call_id" => c.id.as_str().into(),
        "status" => c.status.as_str().into(),
        "caller_phone" => c.data.caller_phone.as_deref().into(),
        "emergency_level" => c.data.emergency_level.as_deref().unwrap_or(&c.level).into(),
        "issue_summary" => c.data.issue_summary.as_deref().into(),
        "caller_name" => c.data.caller_name.as_deref().into(),
        "address" => c.data.address.as_deref().into(),
        "twilio_to_number" => c.data.twilio_to_number.as_deref().into(),
        "on_call_contact" => on_call(state).into(),
        "reference" => c.reference.as_str().into(),
        "accepted_at" => c.accepted_at.into(),
        "next_follow_up_at" => next_follow_up(c).into(),
        _ => Cell::Empty,
    }
}

/// Who took it, else who was told last.
fn on_call(state: &CallState) -> Option<String> {
    let Call { holder, .. } = &state.call;
    let notices = || state.attempts.iter().rev().filter(|a| a.kind == AttemptKind::Notice);
    match holder {
        Some(id) => {
            let known = notices().find(|a| a.recipient.contact == *id).map(|a| a.recipient.name.clone());
            Some(known.unwrap_or_else(|| id.as_str().to_owned()))
        }
        None => notices().next().map(|a| a.recipient.name.clone()),
    }
}

fn fields(names: Vec<(&'static str, &str)>, missing: &BTreeSet<String>, cell: impl Fn(&str) -> Cell) -> Fields {
    let there = names.into_iter().filter(|(_, theirs)| !missing.contains(*theirs));
    there.map(|(ours, theirs)| (theirs.to_owned(), cell(ours))).collect()
}

/// Our name of a field of the base, and whether the base may be without it.
pub(super) fn ours<'a>(pairs: &[(&'a str, &str)], theirs: &str) -> Option<(&'a str, bool)> {
    pairs.iter().find(|(_, name)| *name == theirs).map(|(ours, _)| (*ours, OPTIONAL.contains(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageStatus;
    use crate::domain::types::{ErrorCode, Timestamp};
    use crate::testing::fixtures;

    fn reference() -> CallRef {
        "7K3Q".parse().expect("a reference")
    }

    #[test]
    fn each_state_of_an_attempt_has_its_row() {
        use AttemptState as S;
        let names = EventFields::default();
        let mut a = fixtures::attempt("c1", 2);
        for (state, sid, word, result, status, sentence) in [
            (S::Sending, false, None, "", "sending", "Is being sent to Sam Ortiz."),
            (S::Unknown, false, None, "", "unknown", "It is being found out whether it was sent to Sam Ortiz."),
            (S::Submitted, true, Some(MessageStatus::Sent), "", "sent", "Accepted by the provider for Sam Ortiz."),
            (S::Delivered, true, Some(MessageStatus::Delivered), "", "delivered", "Delivered to Sam Ortiz."),
            (S::Failed, false, None, "no such number.", "failed", "Not delivered to Sam Ortiz: no such number."),
            (S::Skipped, false, None, "superseded", "skipped", "Not sent to Sam Ortiz: superseded."),
        ] {
            a.state = state;
            a.sid = sid.then(|| format!("SM{:032x}", 7).parse().expect("sid"));
            (a.message_status, a.result) = (word, result.to_owned());
            let row = event(&names, &a, &reference(), &MissingFields::new());
            assert_eq!(row.get("Delivery Status").as_text(), Some(status), "{state}");
            assert_eq!(row.get("Result").as_text(), Some(sentence), "{state}");
            assert_eq!(row.get("Message SID").is_empty(), !sid, "{state}");
        }
        a.error_code = Some(ErrorCode(30_006));
        a.sent_at = Some(Timestamp::from_millis(5));
        let row = event(&names, &a, &reference(), &MissingFields::new());
        assert_eq!(row.get("Event ID").as_text(), Some(a.id.to_string().as_str()));
        assert_eq!((row.get("Call ID").as_text(), row.get("Method").as_text()), (Some("c1"), Some("SMS")));
        assert_eq!(row.get("Sent At").as_time(), a.sent_at);
        assert_eq!((row.get("Attempt Number").as_whole(), row.get("Error Code").as_text()), (Some(2), Some("30006")));
        assert_eq!((row.get("Reference").as_text(), row.get("To").as_text()), (Some("7K3Q-2"), Some("+19495550101")));
        assert_eq!((row.get("Step").as_whole(), row.get("Round").as_whole()), (Some(2), Some(1)));
        a.kind = AttemptKind::StandDown;
        let row = event(&names, &a, &reference(), &MissingFields::new());
        assert_eq!(row.get("Result").as_text(), Some("Stand-down: not sent to Sam Ortiz: superseded."));
    }

    #[test]
    fn what_the_base_does_not_have_is_left_out_and_every_field_has_its_cell() {
        let names = EventFields { to: "An Wen".into(), ..EventFields::default() };
        let a = fixtures::attempt("c1", 1);
        let row = event(&names, &a, &reference(), &MissingFields::from(["An Wen".to_owned()]));
        assert_eq!(row.iter().count(), names.pairs().len() - 1);
        assert!(row.get("An Wen").is_empty());
        assert_eq!(ours(&names.pairs(), "An Wen"), Some(("to", true)));
        assert_eq!(ours(&names.pairs(), "Result"), Some(("result", false)));
        assert_eq!(ours(&names.pairs(), "Notes"), None);
        let every = EventFields::default();
        let calls = CallFields::default();
        let known: Vec<&str> = every.pairs().iter().chain(&calls.pairs()).map(|(ours, _)| *ours).collect();
        assert!(OPTIONAL.iter().all(|o| known.contains(o)), "{OPTIONAL:?}");
    }

    #[test]
    fn a_call_shows_who_took_it_or_who_was_told_last() {
        let names = CallFields::default();
        let mut state = fixtures::call_state("c1");
        let row = call(&names, &state, &MissingFields::new());
        assert_eq!(row.get("Status").as_text(), Some("DISPATCHING"));
        assert_eq!(row.get("On-Call Contact").as_text(), Some("Sam Ortiz"));
        assert!(row.get("Issue Summary").is_empty(), "that is intake's to say");
        assert_eq!(row.get("Next Follow-Up At").as_time(), state.call.wake_at);
        let whole = new_call(&names, &state, &MissingFields::new());
        assert_eq!(whole.iter().count(), names.pairs().len());
        assert_eq!(whole.get("Emergency Level").as_text(), Some("normal"));
        state.call.holder = Some("bo".parse().expect("contact"));
        assert_eq!(call(&names, &state, &MissingFields::new()).get("On-Call Contact").as_text(), Some("bo"));
        state.call.holder = Some("sam".parse().expect("contact"));
        assert_eq!(call(&names, &state, &MissingFields::new()).get("On-Call Contact").as_text(), Some("Sam Ortiz"));
    }
}
