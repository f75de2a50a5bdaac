//! A text that the provider has and its call's story lacks: what was written last was lost, by the failover of a server that had not
//! copied it yet, or with a store that was restored from a copy.
//!
//! Finding the same text again changes nothing. Whoever was told by it is not told again under the step that it was of.

use serde_json::json;

use super::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, Priority, Recipient};
use super::body::segments;
use super::call::CallStatus;
use super::change::Answer;
use super::event::{FoundText, Source, StatusUpdate};
use super::ladder::{step_data, step_name, total, wait_before, who};
use super::log::LogKind;
use super::phone::PhoneNumber;
use super::sequence;
use super::status_update;
use super::types::{AttemptId, Timestamp};
use super::work::{Illegal, Work};

/// The text joins the attempt that has its number, where that is of its kind, to the same phone and not known to have another message,
/// and what is no notice also one of another number that waits; else an attempt is made of it.
pub(super) fn found(w: &mut Work<'_>, text: &FoundText) -> Result<(), Illegal> {
    if w.state.attempts.iter().any(|a| a.sid.as_ref() == Some(&text.sid)) {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    }
    let fits = |a: &&Attempt| {
        a.kind == text.kind
            && a.sid.is_none()
            && a.channel == Channel::Sms
            && a.recipient.phone == text.to
            && !a.state.is_final()
    };
    let same = w.state.attempts.iter().filter(|a| a.number == text.number).find(fits);
    let waits = || w.state.attempts.iter().filter(|a| a.state.is_waiting() && a.kind != AttemptKind::Notice).find(fits);
    let id = match same.or_else(waits).map(|a| a.id) {
        Some(id) => left_after_all(w, id, text)?,
        None => made_of(w, text)?,
    };
    go_past_told_steps(w, text.at);
    let update = StatusUpdate {
        attempt: Some(id),
        sid: text.sid.clone(),
        status: text.status.clone(),
        code: text.code,
        error_class: text.error_class,
        source: Source::List,
        provider_at: text.provider_at,
    };
    status_update::apply(w, id, &update).map(drop)
}

/// The story ends before this attempt's text left.
fn left_after_all(w: &mut Work<'_>, id: AttemptId, text: &FoundText) -> Result<AttemptId, Illegal> {
    let a = w.attempt_mut(id)?;
    if a.sent_at.is_none() {
        a.sent_at = Some(text.at);
    }
    if a.sender.is_none() {
        a.sender.clone_from(&text.sender);
    }
    if a.body.is_empty() {
        (a.body, a.segments) = (text.body.clone(), segments(&text.body));
    }
    Ok(id)
}

fn made_of(w: &mut Work<'_>, text: &FoundText) -> Result<AttemptId, Illegal> {
    let contact = w.ctx.directory.contacts.iter().find(|c| c.phone == text.to);
    let recipient = match contact {
        Some(c) => c.recipient().told_by_text(),
        None => by_number(w, &text.to).ok_or(Illegal::Missing("a contact of this number"))?,
    };
    let is_notice = text.kind == AttemptKind::Notice;
    let repeated = if is_notice && text.is_repeat { last_notice(w, &recipient) } else { None };
    let step = match &repeated {
        Some((_, step)) => *step,
        None if is_notice => step_of(w, &recipient),
        None => last_step(w),
    };
    let is_first = !w.state.was_notified(&recipient.contact, Channel::Sms, None);
    let priority = match text.kind {
        AttemptKind::Notice if is_first => Priority::First,
        AttemptKind::StandDown => Priority::StandDown,
        _ => Priority::Reminder,
    };
    let is_known = w.state.attempts.iter().any(|a| a.number == text.number);
    let before = w.state.call.attempts;
    let number = if is_known { before + 1 } else { text.number };
    // Its number is the one that its reader sees.
    w.state.call.attempts = number.saturating_sub(1);
    let key = NoticeKey { round: w.state.call.round, step, contact: recipient.contact.clone() };
    let said = format!(
        "Recovering lost retry: the provider has a text to {} which this story lacks: it is attempt {number}",
        recipient.name
    );
    let id = sequence::add_attempt(w, text.kind, step, recipient, priority, said);
    w.state.call.attempts = before.max(number);
    // Its message calls back on the URL of the attempt that was lost.
    if let Some(data) = w.change.log.last_mut().and_then(|e| e.data.as_object_mut()) {
        data.insert("found".into(), json!(text.sid));
    }
    if is_notice && !w.state.notices.contains(&key) {
        w.state.notices.push(key);
    }
    let a = w.attempt_mut(id)?;
    (a.body, a.segments, a.sender) = (text.body.clone(), segments(&text.body), text.sender.clone());
    // As one whose answer was lost, which is what it is.
    (a.created_at, a.sent_at, a.state) = (text.at, Some(text.at), AttemptState::Unknown);
    a.repeats = repeated.map(|(of, _)| of);
    Ok(id)
}

/// The last notice to them by text, and its step.
fn last_notice(w: &Work<'_>, recipient: &Recipient) -> Option<(AttemptId, u32)> {
    let theirs = |a: &&Attempt| {
        a.kind == AttemptKind::Notice
            && a.channel == Channel::Sms
            && a.round == w.state.call.round
            && a.recipient.contact == recipient.contact
    };
    w.state.attempts.iter().rev().find(theirs).map(|a| (a.id, a.step))
}

/// Nobody whom the settings in force name: they are who they were when they were told before, else their number.
fn by_number(w: &Work<'_>, phone: &PhoneNumber) -> Option<Recipient> {
    let before = w.state.attempts.iter().rev().find(|a| &a.recipient.phone == phone);
    let (contact, name) = match before {
        Some(a) => (a.recipient.contact.clone(), a.recipient.name.clone()),
        None => (phone.e164().parse().ok()?, phone.to_string()),
    };
    Some(Recipient::by_text(contact, name, phone.clone()))
}

/// The first step, from where the ladder was, that names them by text and has not told them; where none does, the last one that fired.
fn step_of(w: &Work<'_>, recipient: &Recipient) -> u32 {
    let (round, next) = (w.state.call.round, w.state.call.next_step);
    let is_told = |step: u32| w.state.notices.contains(&NoticeKey { round, step, contact: recipient.contact.clone() });
    let is_them = |r: &Recipient| r.contact == recipient.contact && r.channel == Channel::Sms;
    let names = |step: &u32| who(w, *step).recipients.iter().any(is_them);
    (next..=total(w)).filter(|step| !is_told(*step)).find(names).unwrap_or_else(|| last_step(w))
}

fn last_step(w: &Work<'_>) -> u32 {
    w.state.call.next_step.saturating_sub(1)
}

/// A step that has told everybody whom it names had fired, at that moment; one that has not is still to come, and leaves out whom it
/// had told.
fn go_past_told_steps(w: &mut Work<'_>, at: Timestamp) {
    let round = w.state.call.round;
    while w.state.call.status == CallStatus::Dispatching
        && w.state.call.wake_at.is_some()
        && w.state.call.next_step < total(w)
    {
        let step = w.state.call.next_step;
        let named = who(w, step).recipients;
        let has_notice =
            |r: &Recipient| w.state.notices.contains(&NoticeKey { round, step, contact: r.contact.clone() });
        if named.is_empty() || !named.iter().all(has_notice) {
            return;
        }
        let due = at.plus(wait_before(w, step + 1));
        let call = &mut w.state.call;
        (call.next_step, call.wake_at, call.deferred_from) = (step + 1, Some(due), None);
        let said = format!("{} had fired: whom it names was told", step_name(w, step));
        w.log(LogKind::StepFired, None, said, step_data(round, step));
    }
}
