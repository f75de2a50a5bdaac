//! A message is handed over, its texts are claimed, and what became of each.

use serde_json::json;

use super::{AlertMessageToText, AlertText, wording};
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::breaker;
use crate::domain::change::{Answer, Change};
use crate::domain::codes::{self, Class};
use crate::domain::event::{Loaded, SendOutcome, StatusUpdate};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::standalone_text::{self, Claim, Consequence, LOOKED_FOR, Reader, StandaloneKind, StandaloneText};
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::domain::work::{Ctx, Illegal};

/// Why a text did not go to an owner who takes none.
pub const OPTED_OUT: &str = "opted out of texts";
/// So many texts of one message go to one owner, where those before surely did not arrive.
const TRIES: usize = 3;

/// A sink hands a message over. Handed over again it makes nothing new; what waits of an older message of the sink that this one
/// tells of too is not sent any more; the end of what nobody was told of is told to nobody.
pub fn make(loaded: &Loaded, message: &AlertMessageToText, ctx: &Ctx<'_>) -> Change {
    let mut change = Change::default();
    let is_told_here = |t: &AlertText| t.alerts.iter().all(|key| message.alerts.contains(key));
    let mut known_of_it = false;
    for old in loaded.alert_texts.iter().filter(|t| t.message != message.id && t.sink == message.sink) {
        if old.text.state.is_waiting() && is_told_here(old) {
            let mut skipped = old.clone();
            skipped.text.skip("a newer message tells of it");
            change.alert_texts.push(skipped);
        }
        known_of_it |= old.text.may_have_arrived() && old.alerts.iter().any(|key| message.alerts.contains(key));
    }
    let mut all: Vec<AlertText> = loaded.alert_texts.iter().filter(|t| t.message == message.id).cloned().collect();
    let is_news = !message.is_over || known_of_it || !all.is_empty();
    let reference = all.first().map(|t| t.reference.clone()).or_else(|| loaded.free_reference.clone());
    if let (true, Some(reference)) = (is_news, reference) {
        for owner in ctx.directory.alert_owners() {
            let theirs = || all.iter().filter(|t| t.text.contact == owner.id);
            let is_wanted = theirs().all(|t| may_be_tried_again(&t.text)) && theirs().count() < TRIES;
            if !is_wanted {
                continue;
            }
            let number = all.iter().map(|t| t.text.number).max().unwrap_or_default().saturating_add(1);
            let text = StandaloneText::new((ctx.new_id)(), number, StandaloneKind::Alert, Reader::of(owner), ctx.now);
            let made = AlertText {
                message: message.id.clone(),
                sink: message.sink.clone(),
                reference: reference.clone(),
                alerts: message.alerts.clone(),
                is_over: message.is_over,
                call: message.call.clone(),
                call_reference: message.call_reference.clone(),
                words: message.words.clone(),
                text,
            };
            change.alert_texts.push(made.clone());
            all.push(made);
        }
    }
    change.answer = Answer::AlertTexts(all);
    change
}

/// It failed for a reason that may be over by now.
fn may_be_tried_again(t: &StandaloneText) -> bool {
    let class = codes::classify(t.error_code).class;
    t.state == AttemptState::Failed && matches!(class, Class::Transient | Class::Sender | Class::Account)
}

fn of_text(loaded: &Loaded, id: AttemptId) -> Option<AlertText> {
    loaded.alert_texts.iter().find(|t| t.text.id == id).cloned()
}

fn changed(of: AlertText, mut change: Change) -> Change {
    change.alert_texts.push(of);
    change
}

fn not_sent(why: &str) -> Change {
    Change { answer: Answer::NotSent(why.to_owned()), ..Change::default() }
}

/// Checks that the text is still wanted, claims it and writes the intent.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn claim(
    loaded: &Loaded,
    id: AttemptId,
    engine: &str,
    provider_after: Option<Timestamp>,
    ctx: &Ctx<'_>,
) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(not_sent("there is no such text")) };
    if !of.text.state.is_waiting() || of.text.not_before > ctx.now {
        return Ok(not_sent("it does not wait now"));
    }
    let is_old = ctx.now.since(of.text.created_at) > LOOKED_FOR;
    if is_old || (loaded.are_alerts_settled && !of.is_over) {
        let why = if is_old { "it waited for a day" } else { "its alerts are over, or were seen" };
        of.text.skip(why);
        return Ok(changed(of, not_sent(why)));
    }
    let senders = breaker::senders(ctx.directory, None, None, Channel::Sms);
    if of.text.is_opted_out(loaded, senders.first().copied()) {
        of.text.skip(OPTED_OUT);
        return Ok(changed(of, not_sent("they take no texts")));
    }
    let sender = match standalone_text::route(loaded, &senders, ctx.now) {
        Ok(sender) => sender,
        Err((until, why)) => {
            of.text.not_before = until;
            why.clone_into(&mut of.text.result);
            return Ok(changed(of, not_sent(why)));
        }
    };
    let body = wording::body(&of, ctx);
    of.text.result.clear();
    let to_send = of.text.claim(Claim { engine, provider_after, sender, body }, ctx.now)?;
    Ok(changed(of, Change { answer: Answer::SendStandalone(Box::new(to_send)), ..Change::default() }))
}

/// What became of its POST.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn sent(loaded: &Loaded, id: AttemptId, outcome: &SendOutcome, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let was_accepted = of.text.sid.is_some();
    let came_of_it = of.text.sent(outcome, ctx)?;
    let change = followed(loaded, &of, came_of_it, was_accepted, ctx);
    Ok(changed(of, change))
}

/// The engine that had claimed it is gone: sent or not, nobody knows.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn engine_gone(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let came_of_it = of.text.engine_gone(ctx.now)?;
    if came_of_it == Consequence::Nothing {
        return Ok(Change::default());
    }
    let change = followed(loaded, &of, came_of_it, false, ctx);
    Ok(changed(of, change))
}

/// The provider was asked about it, or its list was searched for it, in vain: when that is done again.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn asked_in_vain(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let is_changed = of.text.asked_in_vain(ctx);
    Ok(if is_changed { changed(of, Change::default()) } else { Change::default() })
}

/// The provider reported on a message of an alert. `None`: it is of none.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn update(loaded: &Loaded, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Option<Change>, Illegal> {
    let texts = loaded.alert_texts.iter().map(|t| &t.text);
    let Some(mut of) = standalone_text::reported(texts, update).and_then(|id| of_text(loaded, id)) else {
        return Ok(None);
    };
    let was = of.text.clone();
    let was_accepted = was.sid.is_some() || was.state == AttemptState::Unknown;
    let came_of_it = of.text.updated(update, ctx)?;
    let mut change = followed(loaded, &of, came_of_it, was_accepted, ctx);
    if of.text.state == AttemptState::Delivered && was.state != AttemptState::Delivered {
        change.alerts.push(AlertChange::Resolve { key: AlertKind::SinkFailing.about(&of.sink) });
    }
    if of.text != was {
        change.alert_texts.push(of);
    }
    Ok(Some(change))
}

/// What the log, the breakers and the other sinks have of what became of a text.
fn followed(loaded: &Loaded, of: &AlertText, came_of_it: Consequence, was_accepted: bool, ctx: &Ctx<'_>) -> Change {
    let mut change = Change::default();
    let t = &of.text;
    let what = format!("the text of an alert to {}", t.name);
    match came_of_it {
        Consequence::Nothing => {}
        Consequence::Accepted => {
            change.log.push(entry(of, Actor::provider(), ctx.now, format!("{} is told of an alert by text", t.name)));
        }
        Consequence::Unknown => {
            let message = format!("it is not known whether {what} was sent: {}", t.result);
            change.log.push(entry(of, Actor::engine(), ctx.now, message));
        }
        Consequence::Failed { class, evidence } => {
            let message = format!("{what} failed: {}", t.result);
            change.log.push(entry(of, Actor::provider(), ctx.now, message.clone()));
            t.trips(loaded, &what, (class, evidence), ctx.now, &mut change);
            if was_accepted {
                // Its sink counts it as told: the other sinks hear that it was not.
                let message = format!(
                    "{message}; see `dispatchctl alerts` for what it was to tell, and `dispatchctl alerts test` tries the sink {}",
                    of.sink
                );
                change.alerts.push(AlertChange::Raise {
                    key: AlertKind::SinkFailing.about(&of.sink),
                    call: None,
                    message,
                });
            }
        }
    }
    change
}

fn entry(of: &AlertText, actor: Actor, at: Timestamp, message: String) -> LogEntry {
    let data = json!({ "sink": of.sink, "contact": of.text.contact, "attemptState": of.text.state,
        "reference": of.reference.attempt(of.text.number), "sid": of.text.sid });
    LogEntry { kind: LogKind::AlertTexted, at, call: of.call.clone(), attempt: None, actor, message, data }
}
