//! A call that can wait: nobody is woken, a person sees it in the morning, and an alarm comes where nobody does.
//!
//! Its wake time is the next morning of its line. While it has one, nobody has seen it; a crash leaves it in the store.

use std::time::Duration;

use serde_json::json;

use super::alert::{AlertChange, AlertKind, Until};
use super::call::CallStatus;
use super::change::Answer;
use super::decide::{not_allowed, resolve_alerts, said};
use super::dial;
use super::levels::next_morning;
use super::log::LogKind;
use super::sequence;
use super::types::{Actor, ContactId};
use super::work::{Illegal, Work};

/// How often the alarm about a call that nobody has seen is repeated.
const AGAIN: Duration = Duration::from_secs(3_600);

/// A technician says that it can wait: nobody else is told, those who were told are stood down, and it wakes in the morning.
pub(super) fn by_reply(w: &mut Work<'_>, contact: &ContactId, by: &Actor) -> Result<(), Illegal> {
    let told = w.state.attempts.iter().rev().find(|a| &a.recipient.contact == contact);
    let name = told.map(|a| a.recipient.name.clone());
    let name = name.or_else(|| w.ctx.directory.contact(contact).map(|c| c.name.clone()));
    let name = name.unwrap_or_else(|| contact.to_string());
    w.call_to(CallStatus::Deferred)?;
    sequence::cancel_waiting(w, &format!("{name} says that it can wait"))?;
    resolve_alerts(w, Until::Taken);
    let said = Said { contact, name: &name, by };
    until_morning(w, Some(&said));
    sequence::stand_down(w, Some(contact));
    dial::ending::end_all(w, &format!("{name} says that it can wait"));
    Ok(())
}

/// Whose word it is that a call can wait.
pub(super) struct Said<'a> {
    contact: &'a ContactId,
    name: &'a str,
    by: &'a Actor,
}

/// The call is DEFERRED: it wakes in the morning, and those who read notices hear of it. `said`: nobody's where its level says it.
pub(super) fn until_morning(w: &mut Work<'_>, said: Option<&Said<'_>>) {
    let directory = w.ctx.directory;
    let (line, _) = directory.line(w.state.call.data.twilio_to_number.as_deref());
    let morning = next_morning(w.now(), w.ctx.rules.morning, directory.zone(line));
    w.state.call.wake_at = Some(morning);
    w.state.call.deferred_from = None;
    let id = w.state.call.id.clone();
    match said {
        None => {
            let data = json!({ "morning": morning });
            w.log(LogKind::CallDeferred, None, "deferred: it is to be seen in the morning", data);
        }
        Some(Said { contact, name, by }) => {
            let data = json!({ "morning": morning, "contact": contact.as_str(), "contactName": name });
            let text = format!("deferred by {name}: it is to be seen in the morning");
            w.log_as((*by).clone(), LogKind::CallDeferred, None, text, data);
        }
    }
    let why = said.map_or_else(|| "nobody was woken".to_owned(), |s| format!("{} says that it can", s.name));
    let issue = w.state.call.data.issue_summary.clone().unwrap_or_else(|| "no issue given".to_owned());
    let issue: String = issue.chars().filter(|c| !c.is_control()).take(160).collect();
    w.raise(
        AlertKind::Deferred.about(&id),
        format!(
            "call {id} waits for the morning, {why}: {issue}; `dispatchctl seen {id}` ticks it off, `dispatchctl raise {id}` wakes somebody"
        ),
    );
}

/// Its morning has come, or an hour has passed since: an alarm, while nobody has seen it.
pub(super) fn not_seen(w: &mut Work<'_>) -> Result<(), Illegal> {
    let call = &w.state.call;
    let due = call.wake_at.filter(|at| call.status == CallStatus::Deferred && *at <= w.now());
    let Some(due) = due else {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    };
    let id = call.id.clone();
    let key = AlertKind::NotSeen.about(&id);
    let hours = w.now().since(call.accepted_at).as_secs() / 3_600;
    let message = format!(
        "call {id} was left for the morning {hours} h ago and nobody has seen it: ring the caller back, then `dispatchctl seen {id}`"
    );
    w.raise(key.clone(), message.clone());
    w.change.alerts.push(AlertChange::Again { key, message });
    w.state.call.wake_at = Some(due.plus(AGAIN).max(w.now().plus(AGAIN)));
    Ok(())
}

/// A person has seen it: no alarm comes. Done twice changes nothing.
pub(super) fn seen(w: &mut Work<'_>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    if w.state.call.wake_at.is_none() {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    }
    w.state.call.wake_at = None;
    let id = w.state.call.id.clone();
    w.log_as(by.clone(), LogKind::CallSeen, None, format!("seen by {}", by.0), said(note));
    w.resolve(AlertKind::NotSeen.about(&id));
    w.resolve(AlertKind::Deferred.about(&id));
    Ok(())
}

/// It is woken: a new round of the ladder of this level, or of its own.
pub(super) fn raise(w: &mut Work<'_>, level: Option<&str>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    let directory = w.ctx.directory;
    let (line, _) = directory.line(w.state.call.data.twilio_to_number.as_deref());
    if let Some(asked) = level {
        let Some(policy) = directory.policy_meant(line, asked) else {
            let levels = directory.levels(line).join(", ");
            return not_allowed(w, &format!("{asked:?} is no level of this line; there are {levels}"));
        };
        w.state.call.policy = policy.clone().into();
    }
    w.state.call.level = w.state.call.policy.name.clone();
    if w.state.call.status != CallStatus::Dispatching {
        w.call_to(CallStatus::Dispatching)?;
    }
    let text = format!("raised to level {} by {}: a new round begins", w.state.call.level, by.0);
    w.log_as(by.clone(), LogKind::CallRaised, None, text, said(note));
    resolve_alerts(w, Until::Taken);
    sequence::start_round(w)
}
