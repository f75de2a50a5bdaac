//! What a later report changes of a call that people know already: its level, its address.
//!
//! Each change and the texts that tell of it are one transaction: a crash loses neither. A text carries its words in `result`, as an
//! answer does. Who passed or was stood down is told nothing.

use serde_json::json;

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptKind, Priority, Recipient};
use super::call::CallStatus;
use super::event::{NewCall, Report};
use super::log::LogKind;
use super::sequence;
use super::types::ContactId;
use super::work::{Illegal, Work, holder_name};

/// What a later report means for a call that is told already.
pub(super) fn by_report(w: &mut Work<'_>, new: &NewCall, report: &Report, is_higher: IsHigher) -> Result<(), Illegal> {
    let moved = address_of(w, new, report);
    if let Some(address) = &moved {
        w.state.call.data.address = Some(address.clone());
        let text = format!("the address is another one, as {} reported it", report.source);
        w.log(LogKind::CallChanged, None, text, json!({ "address": address }));
    }
    let status = w.state.call.status;
    match (is_higher, status) {
        (IsHigher::Yes, CallStatus::Dispatching) => raise(w, new, report)?,
        // The address stands in what its holder is texted.
        (IsHigher::Yes, CallStatus::Acknowledged) => {
            raise_taken(w, new, report);
            return Ok(());
        }
        (IsHigher::Yes, _) => look_at_it(w, new, report),
        (IsHigher::No, _) => {}
    }
    if let Some(address) = moved {
        tell_all(w, &format!("Update: the address is {address}"), Priority::Reminder);
    }
    Ok(())
}

/// Whether a report says more urgency than the call runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsHigher {
    Yes,
    No,
}

/// The address of the report, where it is another one than the call's; letters, digits and their order alone count. What was known
/// before the conversation, and what a preliminary report says, fill a blank and change nothing.
fn address_of(w: &Work<'_>, new: &NewCall, report: &Report) -> Option<String> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let said = new.data.address.as_deref().map(str::trim).filter(|a| !plain(a).is_empty())?;
    let known = w.state.call.data.address.as_deref().map(plain).unwrap_or_default();
    let only_fills = report.hold.is_some() || new.data.is_address_old();
    let may_change = w.state.call.status.is_open() && (known.is_empty() || !only_fills);
    (may_change && plain(said) != known).then(|| said.to_owned())
}

/// The ladder of the higher level takes the place of what is left of this one, and begins now.
fn raise(w: &mut Work<'_>, new: &NewCall, report: &Report) -> Result<(), Illegal> {
    level(w, new, report, "what is left of its ladder is replaced");
    sequence::start_round(w)?;
    w.state.call.wake_at = Some(w.now());
    sequence::fire_due(w)
}

/// Whoever has it is texted, and those who read notices hear of it; handed back, it runs as the higher level.
fn raise_taken(w: &mut Work<'_>, new: &NewCall, report: &Report) {
    level(w, new, report, "whoever has it is told");
    let call = &w.state.call;
    let part = |text: &Option<String>| text.as_deref().map(|t| format!(". {t}")).unwrap_or_default();
    let issue = new.data.issue_summary.clone().or_else(|| call.data.issue_summary.clone());
    let text = format!("Update: now {}{}{}", call.level.to_uppercase(), part(&issue), part(&call.data.address));
    let told = tell_all(w, &text, Priority::First);
    let (id, name) = (w.state.call.id.clone(), holder_name(w));
    let reached =
        if told > 0 { format!("{name} is texted") } else { format!("{name} has no number that can be texted: ring") };
    w.raise(
        AlertKind::ReportRaised.about(&id),
        format!("{} reported call {id} as level {:?} after it was taken: {reached}", report.source, new.level),
    );
}

fn level(w: &mut Work<'_>, new: &NewCall, report: &Report, what: &str) {
    let call = &mut w.state.call;
    call.level.clone_from(&new.level);
    call.policy = new.policy.clone();
    let text = format!("raised to level {} by a report of {}: {what}", new.level, report.source);
    w.log(LogKind::CallRaised, None, text, json!({ "level": new.level }));
}

/// It is over, or its ladder is: a person is asked to look.
fn look_at_it(w: &mut Work<'_>, new: &NewCall, report: &Report) {
    let call = &w.state.call;
    let message = format!(
        "{} reported {} of call {}, and it says level {:?}; the call runs as {:?} ({}): nothing was changed, look at it",
        report.source, report.event, call.id, new.level, call.level, call.status
    );
    let key = AlertKind::ReportRaised.about(&call.id);
    w.raise(key, message);
}

/// Texts whoever has the call, else everybody who knows of it and did not pass; how many.
pub(super) fn tell_all(w: &mut Work<'_>, text: &str, priority: Priority) -> usize {
    let readers = readers(w);
    for (step, recipient) in &readers {
        let entry = format!("telling {} what has changed", recipient.name);
        let id = sequence::add_attempt(w, AttemptKind::Update, *step, recipient.clone(), priority, entry);
        if let Some(a) = w.state.attempt_mut(id) {
            text.clone_into(&mut a.result);
        }
    }
    readers.len()
}

fn readers(w: &Work<'_>) -> Vec<(u32, Recipient)> {
    let call = &w.state.call;
    match (call.status, &call.holder) {
        (CallStatus::Acknowledged, Some(holder)) => reader(w, holder).into_iter().collect(),
        (CallStatus::Dispatching | CallStatus::Exhausted, _) => {
            let mut contacts: Vec<ContactId> = Vec::new();
            let waits = |c: &ContactId| {
                let theirs = |a: &Attempt| &a.recipient.contact == c && a.kind == AttemptKind::Notice;
                w.state.attempts.iter().any(|a| theirs(a) && a.state.is_waiting())
            };
            let reads = |a: &&Attempt| {
                let contact = &a.recipient.contact;
                knows(a) && !call.is_out_by(contact, a.channel) && !waits(contact)
            };
            for a in w.state.attempts.iter().filter(reads) {
                if !contacts.contains(&a.recipient.contact) {
                    contacts.push(a.recipient.contact.clone());
                }
            }
            contacts.iter().filter_map(|contact| reader(w, contact)).collect()
        }
        _ => Vec::new(),
    }
}

/// A notice that waits is written when it leaves: it tells what is so then.
fn knows(a: &Attempt) -> bool {
    a.kind == AttemptKind::Notice && a.state.may_have_arrived()
}

/// As the last text to them went, else as they are known now.
pub(super) fn reader(w: &Work<'_>, contact: &ContactId) -> Option<(u32, Recipient)> {
    let texted = w.state.attempts.iter().rev().find(|a| &a.recipient.contact == contact);
    let known = || {
        let c = w.ctx.directory.contact(contact)?;
        Some((0, c.recipient()))
    };
    texted.map(|a| (a.step, a.recipient.clone())).or_else(known)
}
