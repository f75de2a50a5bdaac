//! What the mirror's rows tell: pure. One row an attempt in the table of dispatch events, one a call in the table of calls, by
//! our names; what the base makes of them is the layout's.

use crate::config::{DISPATCHING_TOLD, EXHAUSTED_UNTOLD};
use crate::domain::Verdict;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::types::{AttemptId, CallRef};
use crate::engine::json::next_follow_up;
use crate::engine::layout::{Given, Row, Target};
use crate::gateways::airtable::Cell;

/// What stands between a reader's name and the words that he wrote since, in the sentence of an attempt.
pub const REPLIED: &str = " wrote: ";

/// The id of an attempt's dispatch event: what its row is found by.
pub fn event_id(attempt: &Attempt) -> String {
    attempt.id.to_string()
}

/// The row of an attempt. `acknowledged`: its reader has the call.
pub fn event(attempt: &Attempt, reference: &CallRef, acknowledged: bool) -> Row {
    let a = attempt;
    let tag = a.reference(reference);
    let call = || Target::Call(a.call.as_str().to_owned());
    let linked = |target: Option<Target>, text: &str| Given::Linked { target, text: text.into() };
    let cells = vec![
        ("event_id", event_id(a).into()),
        ("call_id", a.call.as_str().into()),
        ("method", Given::words([a.channel.as_str()], method(a.channel))),
        ("sent_at", a.sent_at.into()),
        ("delivery_status", delivery_status(a)),
        ("attempt_number", a.number.into()),
        ("result", result(a).into()),
        ("message_sid", a.sid.as_ref().map(|sid| sid.as_str()).into()),
        ("error_code", a.error_code.map(|code| code.0.to_string()).into()),
        ("to", a.recipient.email.as_ref().map_or_else(|| a.recipient.phone.e164(), |e| e.as_str()).into()),
        ("contact", linked(contact(a), &a.recipient.name)),
        ("reference", tag.clone().into()),
        ("step", a.step.saturating_add(1).into()),
        ("round", a.round.into()),
        ("call", linked(Some(call()), a.call.as_str())),
        ("acknowledged", Cell::from(acknowledged).into()),
    ];
    Row { cells, tag: Some(tag) }
}

/// How an attempt travelled, in a base without words of its own.
const fn method(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "SMS",
        Channel::Email => "EMAIL",
        Channel::Voice => "Voice",
    }
}

/// Its reader's row; a number that was given by hand has none.
fn contact(a: &Attempt) -> Option<Target> {
    let name = a.recipient.name.clone();
    let by_hand = name == a.recipient.phone.to_string();
    (!by_hand).then(|| Target::Contact { name, phone: a.recipient.phone.e164().to_owned() })
}

/// The text by which the holder of a call has it: its event is the one that says so.
pub(super) fn acknowledged(state: &CallState) -> Option<AttemptId> {
    let holder = state.call.holder.as_ref()?;
    let notices = state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice && &a.recipient.contact == holder);
    notices.max_by_key(|a| a.number).map(|a| a.id)
}

/// The provider's word once it has the message, else ours; and what both come to.
fn delivery_status(a: &Attempt) -> Given {
    let (plain, class) = match (&a.sid, &a.message_status) {
        (Some(_), Some(word)) => (
            word.as_str(),
            match word.verdict() {
                Some(Verdict::Delivered) => "delivered",
                Some(Verdict::Failed) => "failed",
                None => "submitted",
            },
        ),
        _ => (a.state.as_str(), a.state.as_str()),
    };
    // Two words of the provider's are also ours, for what it does not have yet.
    let is_ours = matches!(plain, "sending" | "scheduled") && plain != class;
    let stems = [Some(plain).filter(|_| !is_ours), Some(class)];
    let code = |stem: &str| a.error_code.map(|code| format!("{stem}_{}", code.0));
    let with_code: Vec<String> = stems.into_iter().flatten().filter_map(code).collect();
    Given::words(with_code.iter().map(String::as_str).chain(stems.into_iter().flatten()), plain)
}

/// One sentence for a person.
fn result(a: &Attempt) -> String {
    let who = &a.recipient.name;
    let what = match a.kind {
        AttemptKind::Notice => "",
        AttemptKind::StandDown => "Stand-down: ",
        AttemptKind::Answer => "Answer: ",
        AttemptKind::Update => "Update: ",
        AttemptKind::Question => "Question: ",
    };
    if a.channel == Channel::Voice {
        return result_of_phone_call(a);
    }
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

/// How the sentence of a phone call begins that was answered with a key.
pub const ANSWERED: &str = "Answered by ";
/// What stands before that key.
pub const WITH_KEY: &str = " with key ";

/// The same of a phone call: a key is an answer, and nothing else is.
pub fn result_of_phone_call(a: &Attempt) -> String {
    let who = &a.recipient.name;
    let said = match a.state {
        AttemptState::Scheduled | AttemptState::Retrying => format!("the phone of {who} is to be rung"),
        AttemptState::Sending => format!("the phone of {who} is being rung"),
        AttemptState::Unknown if a.decided_at.is_some() => format!("nobody knows whether the phone of {who} was rung"),
        AttemptState::Unknown => format!("it is being found out whether the phone of {who} was rung"),
        AttemptState::Submitted => format!("a phone call to {who} is under way"),
        AttemptState::Delivered => return format!("{ANSWERED}{who}{WITH_KEY}{}.", a.replied),
        AttemptState::Failed => format!("not answered by {who}"),
        AttemptState::Skipped => format!("{who} was not rung"),
        AttemptState::Cancelled => format!("{who} was not rung, as the call closed"),
    };
    let why = match a.state {
        AttemptState::Submitted | AttemptState::Sending => "",
        _ => a.result.trim().trim_end_matches('.'),
    };
    let said = capital(&said);
    if why.is_empty() { format!("{said}.") } else { format!("{said}: {why}.") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What of a call's row is ours to keep, whoever made the row.
const KEPT: &[&str] = &["call_id", "status", "on_call_contact", "reference", "accepted_at", "next_follow_up_at"];

/// The business of a call's line: its name, and the number that was dialled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Business {
    pub(super) name: String,
    pub(super) number: String,
}

/// The whole row of a call that nobody has made.
pub(super) fn new_call(state: &CallState, business: &Business) -> Row {
    let c = &state.call;
    let level = c.data.emergency_level.as_deref().unwrap_or(&c.level);
    let on_call = on_call(state);
    let target = Target::Business { name: business.name.clone(), number: business.number.clone() };
    let cells = vec![
        ("call_id", c.id.as_str().into()),
        ("status", status(c)),
        ("caller_phone", c.data.caller_phone.as_deref().into()),
        ("emergency_level", Given::words([level, c.level.as_str()], level)),
        ("issue_summary", c.data.issue_summary.as_deref().into()),
        ("caller_name", c.data.caller_name.as_deref().into()),
        ("address", c.data.address.as_deref().into()),
        ("twilio_to_number", c.data.twilio_to_number.as_deref().into()),
        ("on_call_contact", Given::Linked { target: on_call.0, text: on_call.1.into() }),
        ("reference", c.reference.as_str().into()),
        ("accepted_at", c.accepted_at.into()),
        ("next_follow_up_at", next_follow_up(c).into()),
        ("business", Given::Linked { target: Some(target), text: business.name.as_str().into() }),
    ];
    Row { cells, tag: None }
}

/// The part of a call's row that is kept current.
pub(super) fn call(state: &CallState) -> Row {
    let mut row = new_call(state, &Business::default());
    row.cells.retain(|(ours, _)| KEPT.contains(ours));
    row
}

/// Our names of that part.
pub(super) fn is_kept(ours: &str) -> bool {
    KEPT.contains(&ours)
}

/// Whether somebody was told makes another word of it in some bases.
fn status(c: &Call) -> Given {
    let plain = c.status.as_str();
    let told = c.notified_at.is_some();
    let first = match c.status {
        CallStatus::Dispatching if told => Some(DISPATCHING_TOLD),
        CallStatus::Exhausted if !told => Some(EXHAUSTED_UNTOLD),
        _ => None,
    };
    Given::words(first.into_iter().chain([plain]), plain)
}

/// Who took it, else who was told last: their row, and their name.
fn on_call(state: &CallState) -> (Option<Target>, Option<String>) {
    let Call { holder, .. } = &state.call;
    let notices = || state.attempts.iter().rev().filter(|a| a.kind == AttemptKind::Notice);
    let of = |a: &Attempt| (contact(a), Some(a.recipient.name.clone()));
    match holder {
        Some(id) => {
            let named = || {
                let name = id.as_str().to_owned();
                (Some(Target::Contact { name: name.clone(), phone: String::new() }), Some(name))
            };
            notices().find(|a| a.recipient.contact == *id).map_or_else(named, of)
        }
        None => notices().next().map_or((None, None), of),
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
