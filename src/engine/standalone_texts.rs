//! Sends texts that belong to no call, and finds out what became of them: for roll calls and for alerts.
//!
//! They go by the dispatcher's gateways, senders, breakers and rates, apart from its queues: those claim attempts of calls, and nothing
//! else may hold them up. A text that belongs to no call waits as long as a first notice of an emergency can go by its sender, however
//! long that is; for other texts of calls it waits for a minute, and then goes in its turn. Whoever uses this commits the intent before
//! the POST and the outcome behind it.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::attempt::{AttemptState, Priority};
use crate::domain::body::contains_reference;
use crate::domain::codes::classify;
use crate::domain::event::{SendOutcome, Source, StatusUpdate};
use crate::domain::standalone_text::{StandaloneText, StandaloneToSend};
use crate::domain::types::AttemptId;
use crate::gateways::{Callback, GatewayError, ListFilter, MessageBody, MessageRecord, Submission};
use crate::store::{SendQueuePosition, StoreError};

use super::Engine;
use super::dispatcher::{Dispatcher, SENT_BEFORE};
use super::send_queues;
use super::submit::not_within_the_term;

/// A text of no call waits so long for reminders and what else goes behind first notices, and then goes in its turn.
const GIVES_WAY_FOR: Duration = Duration::from_secs(60);
/// How soon is looked again whether texts of calls are gone.
const GIVES_WAY: Duration = Duration::from_secs(1);
/// So many first notices of one queue are looked at: those that are set aside, because they cannot be decided, hold nothing up.
const FIRST_MAX: usize = 16;
/// The most messages that one search reads.
const LIST_MAX: usize = 200;
/// See [`crate::engine::reconciler`]: messages of one provider are made by many machines.
const MARGIN: Duration = Duration::from_secs(3_600);

/// A place in a sender's rate: it is given back with what was used of it.
pub(super) struct Slot(String);

/// The senders that such texts share with those of calls.
pub(super) struct StandaloneTexts {
    engine: Arc<Engine>,
    dispatcher: Arc<Dispatcher>,
}

impl StandaloneTexts {
    pub(super) fn new(engine: Arc<Engine>, dispatcher: Arc<Dispatcher>) -> Self {
        Self { engine, dispatcher }
    }

    /// A place for this text in the rate of its line's sender; else when to ask again.
    pub(super) async fn slot(
        &self,
        text: &StandaloneText,
        line: Option<&str>,
    ) -> Result<Result<Slot, Timestamp>, StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        if self.engine.holds().holds_back(text.created_at) {
            return Ok(Err(now.plus(GIVES_WAY)));
        }
        let gives_way = now.since(text.not_before) < GIVES_WAY_FOR;
        if gives_way && !core.store.sendable_of_all(now, 1).await?.is_empty() {
            return Ok(Err(now.plus(GIVES_WAY)));
        }
        let sender = self.dispatcher.sender_of(line);
        if self.a_first_notice_waits(&sender, now).await? {
            return Ok(Err(now.plus(GIVES_WAY)));
        }
        Ok(match self.dispatcher.take_slot(&sender) {
            Ok(()) => Ok(Slot(sender)),
            Err(wait) => Err(now.plus(wait)),
        })
    }

    /// Whether a first notice can go by this sender now. What goes by another sender does not wait for the same rate, and one whose
    /// breaker is open is none of this one's trouble.
    async fn a_first_notice_waits(&self, sender: &str, now: Timestamp) -> Result<bool, StoreError> {
        let store = &self.engine.core.store;
        let directory = self.engine.core.directory();
        let queues = store.send_queues(None, send_queues::READ).await?.into_iter();
        let first: Vec<SendQueuePosition> = queues
            .filter(|k| k.priority == Priority::First && send_queues::first_sender(&k.queue, &directory) == sender)
            .map(SendQueuePosition::from)
            .collect();
        if first.is_empty() {
            return Ok(false);
        }
        let pages = store.sendable(now, &first, FIRST_MAX).await?;
        Ok(pages.iter().flatten().any(|s| !self.dispatcher.is_set_aside(s.attempt)))
    }

    /// So many segments went out in the end.
    pub(super) fn settle(&self, slot: &Slot, segments: u32) {
        self.dispatcher.settle_slot(&slot.0, segments);
    }

    /// The one POST of a claim, and what became of it.
    pub(super) async fn submit(&self, send: &StandaloneToSend) -> SendOutcome {
        if !self.engine.may_send(SENT_BEFORE) {
            return not_within_the_term(self.engine.core.clock.now());
        }
        let text = &send.text;
        let message = Submission {
            attempt: text.id,
            to: text.phone.clone(),
            from: send.sender.clone(),
            body: MessageBody(text.body.clone()),
            validity: self.engine.bounds().validity,
            callback: if text.callback { Callback::Wanted } else { Callback::Without },
        };
        self.dispatcher.submitted(&message, text.tries).await
    }

    /// Whether the provider is asked about this text now: what it says of its message, or whether its list has one.
    pub(super) fn is_due(text: &StandaloneText, now: Timestamp) -> bool {
        Self::asks_at(text).is_some_and(|at| at <= now)
    }

    /// When the provider is asked about it next.
    pub(super) fn asks_at(text: &StandaloneText) -> Option<Timestamp> {
        text.poll_at.filter(|_| matches!(text.state, AttemptState::Unknown | AttemptState::Submitted))
    }

    /// Asks about a message, or looks for one whose answer was lost, by the reference that its body opens with; `None`: the provider
    /// said nothing of it.
    pub(super) async fn ask(&self, reference: &str, text: &StandaloneText) -> Option<StatusUpdate> {
        let found = match &text.sid {
            Some(sid) => self.engine.sms.fetch(sid).await.map(|record| Some((record, Source::Fetch))),
            None => self.find(reference, text).await.map(|found| found.map(|record| (record, Source::List))),
        };
        match found {
            Ok(found) => found.map(|(record, source)| update_of(text.id, record, source)),
            Err(e) => {
                debug!(error = %e, "the provider cannot say what became of a text; again later");
                None
            }
        }
    }

    /// Whether what the provider said leaves nothing to ask for now.
    pub(super) fn is_enough(update: &StatusUpdate) -> bool {
        update.status.verdict().is_some() || update.source == Source::List
    }

    /// The message of this text in the provider's list: to the same number, by the same sender, with its reference as a whole token.
    async fn find(&self, reference: &str, text: &StandaloneText) -> Result<Option<MessageRecord>, GatewayError> {
        let Some(sender) = &text.sender else { return Ok(None) };
        let filter = ListFilter {
            to: Some(text.phone.e164().to_owned()),
            from: (!sender.is_service()).then(|| sender.as_str().to_owned()),
            not_before: text.provider_after.map(|at| at.minus(MARGIN)),
            limit: LIST_MAX,
        };
        let listing = self.engine.sms.list(&filter).await?;
        if !listing.complete {
            warn!(rows = listing.messages.len(), "the provider's list was not read whole for a text of no call");
        }
        let is_ours = |m: &MessageRecord| {
            let by_sender = m.service.as_deref() == Some(sender.as_str()) || m.from.as_deref() == Some(sender.as_str());
            m.direction == "outbound-api"
                && m.to == text.phone.e164()
                && by_sender
                && contains_reference(&m.body.0, reference)
        };
        Ok(listing.messages.into_iter().find(is_ours))
    }
}

fn update_of(text: AttemptId, record: MessageRecord, source: Source) -> StatusUpdate {
    StatusUpdate {
        attempt: Some(text),
        sid: record.sid,
        status: record.status,
        code: record.error_code,
        error_class: classify(record.error_code),
        source,
        provider_at: record.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageStatus;
    use crate::domain::standalone_text::{Reader, StandaloneKind};
    use crate::testing::world::{START, Setup};
    use crate::testing::{World, fixtures, harness, secs};

    fn texts(w: &World) -> StandaloneTexts {
        let engine = w.process.engine.clone();
        StandaloneTexts::new(engine.clone(), Arc::new(Dispatcher::new(engine)))
    }

    /// One to Sam that has waited since then.
    fn text(since: Timestamp) -> StandaloneText {
        let to = Reader::of(&fixtures::directory().contacts[0]);
        StandaloneText::new(AttemptId::from_uuid(uuid::Uuid::from_u128(1)), 1, StandaloneKind::Alert, to, since)
    }

    async fn may_go_after(w: &World, waited: Duration) -> bool {
        texts(w).slot(&text(w.now().minus(waited)), None).await.expect("store").is_ok()
    }

    #[tokio::test]
    async fn it_waits_a_minute_for_reminders_and_as_long_as_it_takes_for_first_notices() {
        let mut w = World::new().await;
        assert!(may_go_after(&w, secs(0)).await, "nothing else is to be sent");
        w.dispatch("normal").await;
        w.away(secs(121));
        w.process.scheduler.pass().await.expect("looked");
        assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"]);
        for (waited, may_go) in [(0, false), (59, false), (60, true), (600, true)] {
            assert_eq!(may_go_after(&w, secs(waited)).await, may_go, "a reminder waits, it for {waited} s");
        }
        w.begin("normal").await;
        assert!(!may_go_after(&w, secs(600)).await, "a first notice waits");
    }

    #[tokio::test]
    async fn a_text_of_three_segments_takes_three_of_its_senders_rate() {
        let w = World::with(Setup { messages_per_second: 1.0, ..Setup::default() }).await;
        let (texts, text) = (texts(&w), text(w.now()));
        let slot = texts.slot(&text, None).await.expect("store").expect("nothing was sent yet");
        texts.settle(&slot, 3);
        w.away(secs(2));
        assert!(texts.slot(&text, None).await.expect("store").is_err(), "the third second is not over");
        w.away(secs(1));
        assert!(texts.slot(&text, None).await.expect("store").is_ok());
    }

    #[tokio::test]
    async fn its_message_is_known_by_recipient_sender_and_reference_whatever_number_the_service_chose() {
        let (ours, theirs) = (format!("MG{:032x}", 5), format!("MG{:032x}", 9));
        let w = World::new().await;
        let text = StandaloneText { sender: ours.parse().ok(), ..text(w.now()) };
        let right = MessageRecord {
            sid: harness::sid(0xabc),
            status: MessageStatus::Queued,
            error_code: None,
            to: fixtures::phone("sam").into(),
            from: Some("+15005550007".into()),
            service: Some(ours),
            body: MessageBody("7K3Q-1 ALERT: the store takes no writes".into()),
            direction: "outbound-api".into(),
            created_at: Some(w.now()),
        };
        for (label, wrong) in [
            ("another text of ours", MessageRecord { body: MessageBody("7K3Q-2 ALERT: it".into()), ..right.clone() }),
            ("another service", MessageRecord { service: Some(theirs), ..right.clone() }),
            ("no service", MessageRecord { service: None, ..right.clone() }),
            ("another reader", MessageRecord { to: fixtures::phone("ana").into(), ..right.clone() }),
            ("a reply", MessageRecord { direction: "inbound".into(), ..right.clone() }),
        ] {
            w.sms.plant(MessageRecord { sid: harness::sid(0xdef), ..wrong });
            let found = texts(&w).find("7K3Q-1", &text).await.expect("listed");
            assert!(found.is_none(), "{label}");
        }
        w.sms.plant(right);
        let found = texts(&w).find("7K3Q-1", &text).await.expect("listed");
        assert_eq!(found.map(|m| m.sid), Some(harness::sid(0xabc)));
    }

    #[test]
    fn the_provider_is_asked_about_it_at_its_time_as_long_as_its_end_is_not_known() {
        use AttemptState::{Cancelled, Delivered, Failed, Scheduled, Submitted, Unknown};
        for (state, is_asked) in [
            (Scheduled, false),
            (Unknown, true),
            (Submitted, true),
            (Delivered, false),
            (Failed, false),
            (Cancelled, false),
        ] {
            let text = StandaloneText { state, poll_at: Some(START.plus(secs(5))), ..text(START) };
            assert!(!StandaloneTexts::is_due(&text, START.plus(secs(4))), "{state}");
            assert_eq!(StandaloneTexts::is_due(&text, START.plus(secs(5))), is_asked, "{state}");
        }
        for (word, source, is_enough) in [
            ("queued", Source::Fetch, false),
            ("delivered", Source::Fetch, true),
            ("failed", Source::Fetch, true),
            ("queued", Source::List, true),
        ] {
            let update = harness::update(None, 1, word, None, source);
            assert_eq!(StandaloneTexts::is_enough(&update), is_enough, "{word} by {source:?}");
        }
    }
}
