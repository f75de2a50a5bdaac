//! Tells alerts by text: a sink of kind `sms` hands its messages over here, and the duty sends what was handed over.
//!
//! A message is handed over by rows, one an owner, under its id: handed over again, after a crash too, it makes nothing new. From then
//! on it waits by itself, apart from what the sink groups next, however long its texts wait. Its texts go by
//! [`super::standalone_texts`]: intent before the POST, an unknown outcome is found out, and none is sent again whose POST may have
//! reached the provider. First notices of emergencies go before them. The sink counts a message as told once the provider has a text of
//! it; one that nobody has after the time for stand-ins counts as not told, so that those speak. What fails later is an alert to the
//! other sinks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::alert::Severity;
use crate::domain::alert_text::event::AlertTextEvent;
use crate::domain::alert_text::fate::{self, Verdict};
use crate::domain::alert_text::{AlertMessageToText, AlertText, TextedAlert};
use crate::domain::attempt::AttemptState;
use crate::domain::bulk::{self, Next, SentMessage};
use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::failpoint;
use crate::gateways::sinks::text;
use crate::gateways::{AlertMessage, SinkError};
use crate::store::{AlertTask, SinkState, StoreError};

use super::Engine;
use super::apply::Core;
use super::dispatcher::Dispatcher;
use super::duty::Passed;
use super::outbox::{self, FALLBACK_AFTER};
use super::sink::Sink;
use super::standalone_texts::StandaloneTexts;

/// How often is looked, where nothing is due before.
pub const EVERY: Duration = Duration::from_secs(5);
/// How soon a sink looks again whether the texts of a message are gone.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);
/// The same of a message that counts as not told.
pub(super) const LOOKS_AT_FAILED: Duration = Duration::from_secs(15);
/// A text that nothing holds leaves within this time: so long a message has however long its alerts have waited.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);
/// Texts are looked for from so long before their alerts came to wait: the clock may have been set back between the two.
const CLOCK_SLACK: Duration = Duration::from_secs(86_400);
/// What is said where no owner can be told.
pub const NO_OWNERS: &str = "alerts.owners names nobody who is known: no text of an alert goes out";
const NO_REFERENCE: &str = "no reference is free for its texts";

/// A message that was handed over, with what of it still waits for the sink.
struct HandedOver {
    tasks: Vec<AlertTask>,
    texts: Vec<AlertText>,
}

impl HandedOver {
    fn since(&self, now: Timestamp) -> Timestamp {
        fate::since(&self.texts).unwrap_or(now)
    }

    /// For the limits of what is grouped it went when it was handed over.
    fn sent(&self, now: Timestamp) -> Option<SentMessage> {
        let first = self.texts.first()?.alerts.first()?;
        Some(SentMessage { at: self.since(now), kind: first.key.kind(), alerts: self.tasks.len() })
    }
}

/// What a sink that is told by text does with what is due: looks what became of each message that was handed over, and hands the next
/// one over. When to look again.
///
/// # Errors
/// [`StoreError`]: the rest is done in the next pass.
pub(super) async fn pass_of_sink(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    due: Vec<AlertTask>,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.clock.now();
    let (messages, rest) = handed_over(core, sink, due).await?;
    let mut sent = state.sent.clone();
    sent.extend(messages.iter().filter_map(|m| m.sent(now)));
    let mut next = None;
    for message in messages {
        next = [next, look(core, sink, state, message).await?].into_iter().flatten().min();
    }
    let waiting: Vec<bulk::Waiting> = rest.iter().map(AlertTask::waiting).collect();
    let then = match bulk::next(&waiting, &sent, now) {
        Next::Message(places) => {
            let tasks = places.iter().filter_map(|p| rest.get(*p)).cloned().collect();
            Some(hand_over(core, sink, state, tasks).await?)
        }
        Next::Wait(until) => Some(until),
        Next::Idle => core.store.next_alert(&sink.name, now).await?,
    };
    Ok(next.into_iter().chain(then).min())
}

/// Parts what is due into messages that were handed over and what is in none.
async fn handed_over(
    core: &Core,
    sink: &Sink,
    due: Vec<AlertTask>,
) -> Result<(Vec<HandedOver>, Vec<AlertTask>), StoreError> {
    let Some(since) = due.iter().map(|t| t.since).min() else { return Ok((Vec::new(), Vec::new())) };
    let texts = core.store.alert_texts_of_sink(&sink.name, since.minus(CLOCK_SLACK)).await?;
    let mut messages: BTreeMap<String, HandedOver> = BTreeMap::new();
    let mut rest = Vec::new();
    for task in due {
        let is_this = |a: &TextedAlert| (&a.key, a.since, a.version) == (&task.line.key, task.since, task.version);
        // Raised and over within one millisecond are two messages all the same.
        let tells = |t: &&AlertText| t.is_over == task.resolved_at.is_some() && t.alerts.iter().any(is_this);
        match texts.iter().rev().find(tells).map(|t| t.message.clone()) {
            None => rest.push(task),
            Some(id) => {
                let of_it = || texts.iter().filter(|t| t.message == id).cloned().collect();
                let message = messages.entry(id.clone());
                message.or_insert_with(|| HandedOver { tasks: Vec::new(), texts: of_it() }).tasks.push(task);
            }
        }
    }
    Ok((messages.into_values().collect(), rest))
}

/// What became of one message; when to look again.
async fn look(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    message: HandedOver,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.clock.now();
    let is_over = message.texts.iter().any(|t| t.is_over);
    // Words that change again and again begin no time anew.
    let has_waited = message.tasks.iter().any(|t| t.since <= now && now.since(t.since) >= FALLBACK_AFTER);
    let patience = if has_waited { LEAVES_WITHIN } else { FALLBACK_AFTER };
    match fate::verdict(&message.texts, now, patience) {
        Verdict::Waits => return Ok(Some(now.plus(LOOKS_AGAIN))),
        Verdict::Told(said) => done(core, sink, state, message.tasks, said).await?,
        Verdict::NotNeeded => core.store.alerts_dropped(&sink.name, message.tasks).await?,
        // That somebody cannot be told is said by itself; of the end nothing more comes.
        Verdict::NotTold { is_for_good: true, .. } if is_over => {
            core.store.alerts_dropped(&sink.name, message.tasks).await?;
        }
        Verdict::NotTold { why, is_for_good } => {
            if is_for_good && let Some(again) = message.texts.first().map(to_text_again) {
                // There may be another owner by now, or another number.
                make(core, again).await?;
            }
            let since = Some(message.since(now));
            let error = SinkError { why, surely: false, for_good: is_for_good, retry_after: None };
            outbox::not_delivered(core, sink, state, message.tasks, &error, since).await?;
        }
    }
    Ok(None)
}

async fn done(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    tasks: Vec<AlertTask>,
    said: String,
) -> Result<(), StoreError> {
    outbox::delivered(core, sink, state, tasks, said.into()).await
}

/// Hands one message over; it is looked at from then on: when the sink's next pass is.
async fn hand_over(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    mut tasks: Vec<AlertTask>,
) -> Result<Timestamp, StoreError> {
    let began = core.clock.now();
    let message = outbox::message_of(core, sink, &mut tasks);
    outbox::note_asked(core, sink, &tasks).await?;
    let is_over = message.notices.iter().any(|n| n.resolved_at.is_some());
    let (why, for_good) = if core.directory().alert_owners().next().is_none() {
        (NO_OWNERS, true)
    } else {
        let texts = make(core, to_text(sink, &message, &tasks)).await?;
        if texts.iter().any(|t| (began..=core.clock.now()).contains(&t.text.created_at)) {
            return Ok(core.clock.now());
        }
        if !texts.is_empty() {
            // They were made before, and were not found: the clock was set back, or they were pruned.
            look(core, sink, state, HandedOver { tasks, texts }).await?;
            return Ok(core.clock.now().plus(LOOKS_AGAIN));
        }
        if is_over {
            // Nobody was told of it by text: neither is its end.
            core.store.alerts_dropped(&sink.name, tasks).await?;
            return Ok(core.clock.now());
        }
        (NO_REFERENCE, false)
    };
    let since = tasks.iter().map(|t| t.since).min();
    let error = SinkError { why: why.to_owned(), surely: false, for_good, retry_after: None };
    outbox::not_delivered(core, sink, state, tasks, &error, since).await?;
    Ok(core.clock.now())
}

/// The texts of the message, those too that were made before.
async fn make(core: &Core, message: AlertMessageToText) -> Result<Vec<AlertText>, StoreError> {
    failpoint::hit("alert-text.before-commit");
    let made = core.apply(Event::AlertText(Box::new(AlertTextEvent::Make(message))), Actor::engine()).await?;
    failpoint::hit("alert-text.committed");
    Ok(if let Answer::AlertTexts(all) = made { all } else { Vec::new() })
}

fn to_text(sink: &Sink, message: &AlertMessage, tasks: &[AlertTask]) -> AlertMessageToText {
    let only = if let [one] = message.notices.as_slice() { Some(one) } else { None };
    let alerts = tasks.iter().zip(&message.notices).map(|(task, notice)| TextedAlert {
        key: task.line.key.clone(),
        since: task.since,
        version: task.version,
        name: text::name(notice),
        is_dropped: false,
    });
    let is_over = message.notices.iter().any(|n| n.resolved_at.is_some());
    AlertMessageToText {
        // What it tells is in its id; each sink has its own.
        id: format!("{}{}:{}", message.id, if is_over { ":over" } else { "" }, sink.name),
        sink: sink.name.clone(),
        alerts: alerts.collect(),
        is_over,
        raised_since: message.notices.iter().map(|n| n.raised_at).min().unwrap_or(message.at),
        call: only.and_then(|n| n.call.clone()),
        call_reference: only.and_then(|n| n.reference.clone()),
        words: only.map(text::words).unwrap_or_default(),
    }
}

/// The message of a text that nobody got.
fn to_text_again(of: &AlertText) -> AlertMessageToText {
    AlertMessageToText {
        id: of.message.clone(),
        sink: of.sink.clone(),
        alerts: of.alerts.clone(),
        is_over: of.is_over,
        raised_since: of.text.created_at,
        call: of.call.clone(),
        call_reference: of.call_reference.clone(),
        words: of.words.clone(),
    }
}

/// See the module. One an engine.
pub struct AlertTextDuty {
    engine: Arc<Engine>,
    texts: StandaloneTexts,
}

impl AlertTextDuty {
    pub fn new(engine: Arc<Engine>, dispatcher: Arc<Dispatcher>) -> Self {
        Self { texts: StandaloneTexts::new(engine.clone(), dispatcher), engine }
    }

    /// Goes on with each text that is open; when to look again. It asks the provider one thing at most, so that a stop, which lets it
    /// end, waits for one request.
    ///
    /// # Errors
    /// [`StoreError`]: the rest is done in the next pass.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let mut open = core.store.open_alert_texts().await?;
        if open.is_empty() {
            return Ok(None);
        }
        let mut was_claimed = false;
        for gone in open.iter().filter(|t| t.text.state == AttemptState::Sending) {
            // Passes follow one another: whoever claimed it does not work on it any more.
            self.apply(AlertTextEvent::EngineGone { text: gone.text.id }).await?;
            was_claimed = true;
        }
        if was_claimed {
            return Ok(Some(core.clock.now()));
        }
        let now = core.clock.now();
        let wakes = |t: &AlertText| t.told().any(|a| a.key.kind().severity() == Severity::Page) && !t.is_over;
        open.sort_by_key(|t| (!wakes(t), t.text.created_at, t.text.number));
        let mut next: Option<Timestamp> = None;
        let mut at = |when: Option<Timestamp>| next = next.into_iter().chain(when).min();
        for of in open.iter().filter(|t| t.text.state.is_waiting()) {
            if of.text.not_before > now {
                at(Some(of.text.not_before));
                continue;
            }
            match self.send(of).await? {
                Some(again) => at(Some(again)),
                None => return Ok(Some(core.clock.now())),
            }
        }
        for of in &open {
            if StandaloneTexts::is_due(&of.text, now) {
                self.look(of).await?;
                return Ok(Some(core.clock.now()));
            }
            at(StandaloneTexts::asks_at(&of.text));
        }
        Ok(next)
    }

    /// One claim and one POST; `Some`: it may not go yet, and when to try again.
    async fn send(&self, of: &AlertText) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let slot = match self.texts.slot(&of.text, None).await? {
            Ok(slot) => slot,
            Err(again) => return Ok(Some(again)),
        };
        let provider_after = self.engine.newest_message();
        let claim = AlertTextEvent::Claim { text: of.text.id, engine: self.engine.id.clone(), provider_after };
        failpoint::hit("alert-text-intent.before-commit");
        let claimed = core.apply(Event::AlertText(Box::new(claim)), Actor::engine()).await;
        let Ok(Answer::SendStandalone(send)) = claimed else {
            self.texts.settle(&slot, 0);
            // It is held, or is not wanted any more: the next look reads what it says.
            return claimed.map(|_| Some(core.clock.now().plus(LOOKS_AGAIN)));
        };
        failpoint::hit("alert-text-intent.committed");
        let outcome = self.texts.submit(&send).await;
        self.texts.settle(&slot, send.text.segments);
        failpoint::hit("alert-text-outcome.before-commit");
        self.apply(AlertTextEvent::Sent { text: send.text.id, outcome }).await?;
        failpoint::hit("alert-text-outcome.committed");
        Ok(None)
    }

    /// Asks about a message, or looks for one whose answer was lost.
    async fn look(&self, of: &AlertText) -> Result<(), StoreError> {
        if let Some(update) = self.texts.ask(&of.mark(), &of.text).await {
            let is_enough = StandaloneTexts::is_enough(&update);
            failpoint::hit("alert-text-found.before-commit");
            self.engine.core.apply(Event::StatusUpdate(update), Actor::provider()).await?;
            failpoint::hit("alert-text-found.committed");
            if is_enough {
                return Ok(());
            }
        }
        self.apply(AlertTextEvent::AskedInVain { text: of.text.id }).await
    }

    async fn apply(&self, event: AlertTextEvent) -> Result<(), StoreError> {
        self.engine.core.apply(Event::AlertText(Box::new(event)), Actor::engine()).await.map(drop)
    }
}
