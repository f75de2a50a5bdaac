//! Tells alerts by text: a sink of kind `sms` hands its messages over here, and the duty sends what was handed over.
//!
//! A message is handed over by rows, one an owner, under its id: handed over again, after a crash too, it makes nothing new. Its texts
//! go by [`super::standalone_texts`]: intent before the POST, an unknown outcome is found out, and none is sent again whose POST may
//! have reached the provider. Texts of emergencies go before them. The sink counts a message as told once its texts are with the provider,
//! or may be; what fails later is an alert to the other sinks.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::alert_text::decide::OPTED_OUT;
use crate::domain::alert_text::event::AlertTextEvent;
use crate::domain::alert_text::{AlertMessageToText, AlertText};
use crate::domain::attempt::AttemptState;
use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::failpoint;
use crate::gateways::{AlertMessage, SinkError, Taken};
use crate::store::StoreError;

use super::Engine;
use super::apply::Core;
use super::dispatcher::Dispatcher;
use super::duty::Passed;
use super::standalone_texts::StandaloneTexts;

/// How often is looked, where nothing is due before.
pub const EVERY: Duration = Duration::from_secs(5);
/// How soon a sink looks again whether its texts are gone.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);
/// What is said where no owner can be told.
pub const NO_OWNERS: &str = "alerts.owners names nobody who is known: no text of an alert goes out";

/// What became of a message that was handed over.
#[derive(Debug)]
pub(super) enum HandedOver {
    Done(Result<Taken, SinkError>),
    /// Its texts wait for their turn; when to look again.
    Waits(Timestamp),
}

/// Hands a message of this sink over, or looks what became of it; `words`: what happened, for one text.
///
/// # Errors
/// [`StoreError`]: nothing was handed over.
pub(super) async fn hand_over(
    core: &Core,
    sink: &str,
    message: &AlertMessage,
    words: String,
) -> Result<HandedOver, StoreError> {
    if core.directory().alert_owners().next().is_none() {
        return Ok(HandedOver::Done(Err(refused(NO_OWNERS.to_owned()))));
    }
    // Raised and over within one millisecond are two messages all the same.
    let is_over = message.notices.iter().any(|n| n.resolved_at.is_some());
    let id = if is_over { format!("{}:over", message.id) } else { message.id.clone() };
    let mut texts = core.store.alert_texts_of(&id).await?;
    if texts.iter().all(|t| t.text.state == AttemptState::Failed) {
        let only = if let [one] = message.notices.as_slice() { Some(one) } else { None };
        let to_text = AlertMessageToText {
            id,
            sink: sink.to_owned(),
            alerts: message.notices.iter().map(|n| n.key.clone()).collect(),
            is_over,
            call: only.and_then(|n| n.call.clone()),
            call_reference: only.and_then(|n| n.reference.clone()),
            words,
        };
        failpoint::hit("alert-text.before-commit");
        let made = core.apply(Event::AlertText(Box::new(AlertTextEvent::Make(to_text))), Actor::engine()).await?;
        failpoint::hit("alert-text.committed");
        texts = if let Answer::AlertTexts(all) = made { all } else { Vec::new() };
    }
    Ok(judged(&texts, core.clock.now()))
}

fn refused(why: String) -> SinkError {
    SinkError { why, surely: true, for_good: true, retry_after: None }
}

/// What a sink says of a message with these texts.
fn judged(texts: &[AlertText], now: Timestamp) -> HandedOver {
    let of =
        |state: fn(AttemptState) -> bool| -> Vec<&AlertText> { texts.iter().filter(|t| state(t.text.state)).collect() };
    let with_provider = of(|s| matches!(s, AttemptState::Submitted | AttemptState::Delivered));
    let unknown = of(|s| s == AttemptState::Unknown);
    let waiting = of(|s| s.is_waiting() || s == AttemptState::Sending);
    let may_have_arrived = !with_provider.is_empty() || !unknown.is_empty();
    if let Some(held) = waiting.first() {
        // That it waits for the texts of emergencies is no failure; that nothing goes is one.
        let why = waiting.iter().map(|t| &t.text.result).find(|why| !why.is_empty());
        return match why.filter(|_| !may_have_arrived) {
            None => HandedOver::Waits(now.plus(LOOKS_AGAIN)),
            Some(why) => HandedOver::Done(Err(SinkError {
                why: format!("the text to {} waits: {why}", held.text.name),
                surely: true,
                for_good: false,
                retry_after: None,
            })),
        };
    }
    let names = |of: &[&AlertText]| of.iter().map(|t| t.text.name.as_str()).collect::<Vec<_>>().join(", ");
    if may_have_arrived {
        let mut said = Vec::new();
        if !with_provider.is_empty() {
            said.push(format!("the provider has the text to {}", names(&with_provider)));
        }
        if !unknown.is_empty() {
            said.push(format!("it is not known whether the text to {} was sent: it is looked for", names(&unknown)));
        }
        return HandedOver::Done(Ok(said.join("; ").into()));
    }
    let gone = texts.iter().find(|t| t.text.state == AttemptState::Failed || t.text.result == OPTED_OUT);
    HandedOver::Done(match gone {
        Some(t) => Err(refused(format!("the text to {} did not go: {}", t.text.name, t.text.result))),
        None => Ok("no text was needed any more".to_owned().into()),
    })
}

/// Whether a text tells of an alert of this kind: one that says that texts, or sinks, do not go is for the others.
pub(super) const fn is_told_by_text(kind: AlertKind) -> bool {
    !matches!(kind, AlertKind::Breaker | AlertKind::NoSender | AlertKind::SinkFailing | AlertKind::SinkPlace)
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
        let wakes = |t: &AlertText| t.alerts.iter().any(|key| key.kind().severity() == Severity::Page) && !t.is_over;
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
            at(of.text.poll_at);
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
        if let Some(update) = self.texts.ask(&of.reference, &of.text).await {
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
