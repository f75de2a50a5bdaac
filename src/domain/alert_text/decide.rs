//! A message is handed over, its texts are claimed, and what became of each.

use std::time::Duration;

use serde_json::json;

use super::{AlertMessageToText, AlertText, TextedAlert, is_for, wording};
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::breaker;
use crate::domain::change::{Answer, Change};
use crate::domain::codes::{self, Class};
use crate::domain::event::{Loaded, SendOutcome, StatusUpdate};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::standalone_send::{self, Claim, Consequence};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::team::Contact;
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::domain::work::{Ctx, Illegal};

/// Why a text did not go to an owner who takes none.
pub const OPTED_OUT: &str = "opted out of texts";
const SUPERSEDED: &str = "a newer message tells of it";
const SETTLED: &str = "its alerts are over, or were seen";
/// So many texts of one message go to one owner, where those before surely did not arrive.
const TRIES: usize = 3;
/// The next of them waits so long, and each that follows twice as long.
const TRY_PAUSE: Duration = Duration::from_secs(20);
/// So many texts within an hour tell one owner of what others wrote: two phones that answer by themselves would go on for ever.
pub const UNREAD_AN_HOUR: usize = 6;
const HOUR: Duration = Duration::from_secs(3_600);
const TOO_MANY: &str = "as many texts as may within an hour told them of what others wrote";

/// A sink hands a message over. Handed over again it makes texts for those alone who have none of it; what waits of an older message of
/// the sink tells no more of the same alerts; the end is told to those who were told of what is over.
pub fn make(loaded: &Loaded, message: &AlertMessageToText, ctx: &Ctx<'_>) -> Change {
    let mut change = Change::default();
    let is_of_it = |t: &&AlertText| t.message == message.id;
    let others: Vec<&AlertText> =
        loaded.alert_texts.iter().filter(|t| !is_of_it(t) && t.sink == message.sink).collect();
    let keys: Vec<AlertKey> = message.alerts.iter().map(|a| a.key.clone()).collect();
    // A message that is handed over again is older than some of what waits.
    let made_at = loaded.alert_texts.iter().filter(is_of_it).map(|t| t.text.created_at).min();
    let is_older = |t: &AlertText| made_at.is_none_or(|made| t.text.created_at < made);
    let tells = |t: &AlertText| keys.iter().any(|key| t.tells_of(key));
    for old in others.iter().filter(|t| t.text.state.is_waiting() && is_older(t) && tells(t)) {
        let mut old = (*old).clone();
        drop_alerts(&mut old, &keys, SUPERSEDED);
        change.alert_texts.push(old);
    }
    let mut all: Vec<AlertText> = loaded.alert_texts.iter().filter(is_of_it).cloned().collect();
    let reference = all.first().map(|t| t.reference.clone()).or_else(|| loaded.free_reference.clone());
    if let Some(reference) = reference {
        for owner in ctx.directory.alert_owners() {
            if !is_wanted(loaded, message, owner, &others, &all, ctx) {
                continue;
            }
            let number = all.iter().map(|t| t.text.number).max().unwrap_or_default().saturating_add(1);
            let mut text =
                StandaloneText::new((ctx.new_id)(), number, StandaloneKind::Alert, Reader::of(owner), ctx.now);
            if let Some(until) = full_until(message, owner, &others, ctx.now) {
                text.not_before = until;
                TOO_MANY.clone_into(&mut text.result);
            }
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

/// Whether a text of this message is to be made for this owner: `all` are those that there are, `others` those of other messages.
fn is_wanted(
    loaded: &Loaded,
    message: &AlertMessageToText,
    owner: &Contact,
    others: &[&AlertText],
    all: &[AlertText],
    ctx: &Ctx<'_>,
) -> bool {
    let is_theirs = |t: &&AlertText| t.text.contact == owner.id;
    let was_told = || {
        let tells = |t: &&&AlertText| !t.is_over && message.alerts.iter().any(|a| t.tells_of(&a.key));
        let mut told = others.iter().filter(|t| is_theirs(t)).filter(tells);
        told.any(|t| t.text.state.may_have_arrived())
    };
    if message.is_over && !was_told() {
        return false;
    }
    let Some(newest) = all.iter().filter(is_theirs).max_by_key(|t| t.text.number) else {
        return message.alerts.iter().any(|a| is_for(&a.key, owner, ctx.directory));
    };
    // What is lost to a number goes to the next that they have, and once they take texts again.
    match newest.text.state {
        AttemptState::Failed => newest.text.phone != owner.phone,
        AttemptState::Skipped => {
            let senders = breaker::senders(ctx.directory, None, None, Channel::Sms);
            newest.text.phone != owner.phone || !newest.text.is_opted_out(loaded, senders.first().copied())
        }
        _ => false,
    }
}

/// Until when this owner is told by no further text of what others wrote.
fn full_until(
    message: &AlertMessageToText,
    owner: &Contact,
    others: &[&AlertText],
    now: Timestamp,
) -> Option<Timestamp> {
    let is_of_words = |a: &TextedAlert| a.key.kind() == AlertKind::UnreadReply;
    if message.is_over || !message.alerts.iter().all(is_of_words) {
        return None;
    }
    let counts = |t: &&&AlertText| {
        t.text.contact == owner.id
            && !t.is_over
            && t.alerts.iter().all(is_of_words)
            && !matches!(t.text.state, AttemptState::Skipped | AttemptState::Cancelled)
    };
    // By when they go: one that was put off counts for its own hour.
    let mut at: Vec<Timestamp> =
        others.iter().filter(counts).map(|t| t.text.sent_at.unwrap_or(t.text.not_before)).collect();
    at.sort_unstable();
    let full = at.len().checked_sub(UNREAD_AN_HOUR).and_then(|first| at.get(first)).map(|at| at.plus(HOUR));
    full.filter(|until| *until > now)
}

/// The text tells no more of these; of nothing else: it is not sent.
fn drop_alerts(of: &mut AlertText, keys: &[AlertKey], why: &str) {
    for alert in of.alerts.iter_mut().filter(|a| keys.contains(&a.key)) {
        alert.is_dropped = true;
    }
    if of.told().next().is_none() {
        of.text.cancel(why);
    }
}

/// It failed for a reason that may be over by now.
fn may_be_tried_again(t: &StandaloneText) -> bool {
    let class = codes::classify(t.error_code).class;
    t.state == AttemptState::Failed && matches!(class, Class::Transient | Class::Sender | Class::Account)
}

fn of_text(loaded: &Loaded, id: AttemptId) -> Option<AlertText> {
    loaded.alert_texts.iter().find(|t| t.text.id == id).cloned()
}

/// It is written before what takes its place.
fn changed(of: AlertText, mut change: Change) -> Change {
    change.alert_texts.insert(0, of);
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
    let settled: Vec<AlertKey> = loaded.settled_alerts.iter().cloned().collect();
    drop_alerts(&mut of, &settled, SETTLED);
    if !of.text.state.is_waiting() {
        return Ok(changed(of, not_sent(SETTLED)));
    }
    let senders = breaker::senders(ctx.directory, None, None, Channel::Sms);
    if of.text.is_opted_out(loaded, senders.first().copied()) {
        of.text.skip(OPTED_OUT);
        let mut change = not_sent("they take no texts");
        untold(&of, &mut change);
        return Ok(changed(of, change));
    }
    let sender = match standalone_send::route(loaded, &senders, ctx.now) {
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
    let Some(mut of) = standalone_send::reported(texts, update).and_then(|id| of_text(loaded, id)) else {
        return Ok(None);
    };
    let was = of.text.clone();
    let was_accepted = was.sid.is_some() || was.state == AttemptState::Unknown;
    let came_of_it = of.text.updated(update, ctx)?;
    let mut change = followed(loaded, &of, came_of_it, was_accepted, ctx);
    if of.text.state == AttemptState::Delivered && was.state != AttemptState::Delivered {
        change.alerts.push(AlertChange::Resolve { key: AlertKind::SinkFailing.about(&of.sink) });
        if !is_of_owners(&of) {
            let key = AlertKind::OwnerUntold.about(of.text.contact.as_str());
            change.alerts.push(AlertChange::Resolve { key });
        }
    }
    Ok(Some(if of.text == was { change } else { changed(of, change) }))
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
            match again(loaded, of, ctx) {
                Some(next) => change.alert_texts.push(next),
                None => untold(of, &mut change),
            }
            if was_accepted && !is_with_another(loaded, of) {
                // Its sink may count the message as told: the other sinks hear that it was not.
                let message = format!(
                    "{message}; see `dispatchctl alerts` for what it was to tell, and `dispatchctl alerts test` tries the sink {}",
                    of.sink
                );
                change.alerts.push(AlertChange::Raise {
                    key: AlertKind::SinkFailing.about(&of.sink),
                    call: None,
                    message,
                });
                if !of.is_over {
                    let alerts = of.told().map(|a| (a.key.clone(), a.since, a.version)).collect();
                    change.alerts.push(AlertChange::Untold { sink: of.sink.clone(), alerts });
                }
            }
        }
    }
    change
}

/// The next text of the message in place of one that surely did not arrive.
fn again(loaded: &Loaded, of: &AlertText, ctx: &Ctx<'_>) -> Option<AlertText> {
    let siblings = || loaded.alert_texts.iter().filter(|t| t.message == of.message);
    let tries = siblings().filter(|t| t.text.contact == of.text.contact).count();
    let is_newest = siblings().all(|t| t.text.contact != of.text.contact || t.text.number <= of.text.number);
    if !may_be_tried_again(&of.text) || tries >= TRIES || !is_newest {
        return None;
    }
    let number = siblings().map(|t| t.text.number).max().unwrap_or_default().saturating_add(1);
    let to = Reader { contact: of.text.contact.clone(), name: of.text.name.clone(), phone: of.text.phone.clone() };
    let mut text = StandaloneText::new((ctx.new_id)(), number, StandaloneKind::Alert, to, ctx.now);
    let pause = TRY_PAUSE.saturating_mul(1_u32 << u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(8));
    text.not_before = ctx.now.plus(pause);
    text.result = format!("the text before it failed: {}", of.text.result);
    Some(AlertText { text, ..of.clone() })
}

/// Whether another owner has a text of the message.
fn is_with_another(loaded: &Loaded, of: &AlertText) -> bool {
    let has = |t: &&AlertText| matches!(t.text.state, AttemptState::Submitted | AttemptState::Delivered);
    let others = loaded.alert_texts.iter().filter(|t| t.message == of.message && t.text.id != of.text.id);
    others.filter(has).any(|t| t.text.contact != of.text.contact)
}

/// Nothing of the message goes to this owner any more: that is said, also where another owner is told.
fn untold(of: &AlertText, change: &mut Change) {
    // What became of a text that says so says nothing more.
    if is_of_owners(of) {
        return;
    }
    let (t, key) = (&of.text, AlertKind::OwnerUntold.about(of.text.contact.as_str()));
    let message = format!(
        "{} was not told of an alert by text: {}; see `dispatchctl alerts` for what it was to tell",
        t.name, t.result
    );
    change.alerts.push(AlertChange::Raise { key, call: None, message });
}

fn is_of_owners(of: &AlertText) -> bool {
    of.alerts.iter().all(|a| a.key.kind() == AlertKind::OwnerUntold)
}

fn entry(of: &AlertText, actor: Actor, at: Timestamp, message: String) -> LogEntry {
    let data = json!({ "sink": of.sink, "contact": of.text.contact, "attemptState": of.text.state,
        "reference": of.mark(), "sid": of.text.sid });
    LogEntry { kind: LogKind::AlertTexted, at, call: of.call.clone(), attempt: None, actor, message, data }
}
