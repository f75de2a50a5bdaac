//! Asks whoever begins a shift whether they hold it, and follows each question to its end.
//!
//! A roll call belongs to no call, so its texts go by a small send path of their own: the same gateways, senders, breakers and
//! rates, intent before the POST and outcome behind it. It is apart from the dispatcher's because that claims attempts of calls,
//! in lanes that nothing else may hold up: a roll call waits while any text of an emergency can go. After a crash the rows say what
//! is to be done; a claim of an engine that is gone is an unknown outcome, which is looked for in the provider's list. Only the
//! engine's duty runs this.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::attempt::AttemptState;
use crate::domain::body::contains_reference;
use crate::domain::change::{Answer, RollCallToSend};
use crate::domain::codes::classify;
use crate::domain::event::{Event, Source, StatusUpdate};
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState, RollCallText};
use crate::domain::roll_call::decide::is_over;
use crate::domain::roll_call::event::RollCallEvent;
use crate::domain::roll_call::plan::{NewRollCall, due};
use crate::domain::types::{Actor, AttemptId};
use crate::engine::Engine;
use crate::engine::dispatcher::{Dispatcher, SENT_BEFORE};
use crate::engine::duty::Passed;
use crate::engine::submit::not_within_the_term;
use crate::failpoint;
use crate::gateways::{Callback, GatewayError, ListFilter, MessageBody, MessageRecord, Submission};
use crate::store::StoreError;

/// How often is looked, where nothing is due before.
pub const EVERY: Duration = Duration::from_secs(5);
/// A text of a roll call waits so long for those of emergencies, and then goes in its turn.
const GIVES_WAY_FOR: Duration = Duration::from_secs(60);
/// How soon is looked again whether they are gone.
const GIVES_WAY: Duration = Duration::from_secs(1);
/// The most messages that one search reads.
const LIST_MAX: usize = 200;
/// See [`crate::engine::reconciler`]: messages of one provider are made by many machines.
const MARGIN: Duration = Duration::from_secs(3_600);

/// How far one roll call went in a pass.
struct GoneOn {
    /// When to look again at the latest.
    next: Option<Timestamp>,
    /// Whether the provider was asked anything.
    has_asked: bool,
}

/// What became of a text that is due.
enum Sent {
    /// It may not go yet; when to try again.
    NotYet(Option<Timestamp>),
    /// The provider was asked to send it, and what it answered is kept.
    Asked,
}

/// See the module. One an engine.
pub struct RollCallDuty {
    engine: Arc<Engine>,
    dispatcher: Arc<Dispatcher>,
}

impl RollCallDuty {
    pub fn new(engine: Arc<Engine>, dispatcher: Arc<Dispatcher>) -> Self {
        Self { engine, dispatcher }
    }

    /// Asks whom it is time to ask, and goes on with each question that is open; when to look again. It asks the provider one
    /// thing at most, so that a stop, which lets it end, waits for one request.
    ///
    /// # Errors
    /// [`StoreError`]: the rest is done in the next pass.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        if core.store.basis().await? != core.in_force().basis {
            core.refresh().await?;
        }
        let now = core.clock.now();
        let known = core.store.roll_calls(now).await?;
        if let Some(at) = core.rules().oncall.roll_call {
            for new in due(&core.directory(), at, now) {
                if !known
                    .iter()
                    .filter(|k| k.state != RollCallState::Over)
                    .any(|k| (&k.rotation, &k.contact) == (&new.rotation, &new.contact) && k.until > new.from)
                {
                    self.make(new, now).await?;
                }
            }
        }
        // Without roll calls there is nothing that time alone makes due.
        let is_idle = known.is_empty() && core.rules().oncall.roll_call.is_none();
        let mut next = (!is_idle).then(|| now.plus(EVERY));
        for roll_call in core.store.roll_calls(now).await? {
            let wanted = self.go_on(&roll_call).await?;
            next = next.into_iter().chain(wanted.next).min();
            if wanted.has_asked {
                return Ok(Some(core.clock.now()));
            }
        }
        Ok(next)
    }

    async fn make(&self, new: NewRollCall, now: Timestamp) -> Result<(), StoreError> {
        let id = RollCallId::from_uuid(self.engine.core.ids.uuid(now));
        failpoint::hit("roll-call.before-commit");
        self.apply(RollCallEvent::Make { new, id }).await?;
        failpoint::hit("roll-call.committed");
        Ok(())
    }

    /// What is due of one.
    async fn go_on(&self, roll_call: &RollCall) -> Result<GoneOn, StoreError> {
        let clock = &self.engine.core.clock;
        let mut next: Option<Timestamp> = None;
        let mut at = |when: Option<Timestamp>| next = next.into_iter().chain(when).min();
        for text in roll_call.texts.iter().filter(|t| t.state == AttemptState::Sending) {
            // Passes follow one another: whoever claimed it does not work on it any more.
            self.apply(RollCallEvent::EngineGone { text: text.id }).await?;
            at(Some(clock.now()));
        }
        let now = clock.now();
        // An answer that was given while no engine ran counts before anything is said of it.
        let is_heard = !self.engine.reminders_wait();
        // What was said of it is over with its shift, or once another holds it.
        let is_open = roll_call.wake_at.is_some() || roll_call.state.is_trouble();
        let is_due = roll_call.wake_at.is_some_and(|at| at <= now)
            || (is_open && is_over(roll_call, &self.engine.core.directory(), now));
        if is_due && is_heard {
            failpoint::hit("roll-call-due.before-commit");
            self.apply(RollCallEvent::Due { id: roll_call.id.clone() }).await?;
            failpoint::hit("roll-call-due.committed");
            return Ok(GoneOn { next: Some(now), has_asked: false });
        }
        if !is_due {
            at(roll_call.wake_at);
        }
        for text in roll_call.texts.iter().filter(|t| t.state.is_waiting()) {
            if text.not_before > now {
                at(Some(text.not_before));
            } else {
                match self.send(roll_call, text).await? {
                    Sent::NotYet(again) => at(again),
                    Sent::Asked => return Ok(GoneOn { next: None, has_asked: true }),
                }
            }
        }
        for text in &roll_call.texts {
            if matches!(text.state, AttemptState::Unknown | AttemptState::Submitted) {
                if text.poll_at.is_some_and(|at| at <= now) {
                    self.look(roll_call, text).await?;
                    return Ok(GoneOn { next: None, has_asked: true });
                }
                at(text.poll_at);
            }
        }
        Ok(GoneOn { next, has_asked: false })
    }

    /// One claim and one POST.
    async fn send(&self, roll_call: &RollCall, text: &RollCallText) -> Result<Sent, StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        if self.engine.holds().holds_back(text.created_at) {
            return Ok(Sent::NotYet(Some(now.plus(GIVES_WAY))));
        }
        let gives_way = now.since(text.not_before) < GIVES_WAY_FOR;
        if gives_way && !core.store.sendable_of_all(now, 1).await?.is_empty() {
            return Ok(Sent::NotYet(Some(now.plus(GIVES_WAY))));
        }
        let sender = self.dispatcher.sender_of(roll_call.line.as_deref());
        if let Err(wait) = self.dispatcher.take_slot(&sender) {
            return Ok(Sent::NotYet(Some(now.plus(wait))));
        }
        let provider_after = self.engine.newest_message();
        let claim = RollCallEvent::Claim { text: text.id, engine: self.engine.id.clone(), provider_after };
        failpoint::hit("roll-call-intent.before-commit");
        let claimed = core.apply(Event::RollCall(Box::new(claim)), Actor::engine()).await;
        let Ok(Answer::SendRollCall(send)) = claimed else {
            self.dispatcher.settle_slot(&sender, 0);
            return claimed.map(|_| Sent::NotYet(None));
        };
        failpoint::hit("roll-call-intent.committed");
        let outcome = match self.engine.may_send(SENT_BEFORE) {
            true => self.submit(&send).await,
            false => not_within_the_term(core.clock.now()),
        };
        self.dispatcher.settle_slot(&sender, send.text.segments);
        failpoint::hit("roll-call-outcome.before-commit");
        self.apply(RollCallEvent::Sent { text: send.text.id, outcome }).await?;
        failpoint::hit("roll-call-outcome.committed");
        Ok(Sent::Asked)
    }

    async fn submit(&self, send: &RollCallToSend) -> crate::domain::event::SendOutcome {
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

    /// Asks about a message, or looks for one whose answer was lost.
    async fn look(&self, roll_call: &RollCall, text: &RollCallText) -> Result<(), StoreError> {
        let found = match &text.sid {
            Some(sid) => self.engine.sms.fetch(sid).await.map(|record| Some((record, Source::Fetch))),
            None => self.find(roll_call, text).await.map(|found| found.map(|record| (record, Source::List))),
        };
        match found {
            Ok(Some((record, source))) => {
                let update = update_of(text.id, record, source);
                let is_final = update.status.verdict().is_some();
                failpoint::hit("roll-call-found.before-commit");
                self.engine.core.apply(Event::StatusUpdate(update), Actor::provider()).await?;
                failpoint::hit("roll-call-found.committed");
                if is_final || source == Source::List {
                    return Ok(());
                }
            }
            Ok(None) => {}
            Err(e) => debug!(error = %e, "the provider cannot say what became of a roll call's text; again later"),
        }
        self.apply(RollCallEvent::AskedInVain { text: text.id }).await
    }

    /// The message of this text in the provider's list: to the same number, by the same sender, with its reference as a whole token.
    async fn find(&self, of: &RollCall, text: &RollCallText) -> Result<Option<MessageRecord>, GatewayError> {
        let Some(sender) = &text.sender else { return Ok(None) };
        let filter = ListFilter {
            to: Some(text.phone.e164().to_owned()),
            from: (!sender.is_service()).then(|| sender.as_str().to_owned()),
            not_before: text.provider_after.map(|at| at.minus(MARGIN)),
            limit: LIST_MAX,
        };
        let listing = self.engine.sms.list(&filter).await?;
        if !listing.complete {
            warn!(rows = listing.messages.len(), "the provider's list was not read whole for a roll call");
        }
        let reference = of.reference.attempt(text.number);
        let is_ours = |m: &MessageRecord| {
            let by_sender = m.service.as_deref() == Some(sender.as_str()) || m.from.as_deref() == Some(sender.as_str());
            m.direction == "outbound-api"
                && m.to == text.phone.e164()
                && by_sender
                && contains_reference(&m.body.0, &reference)
        };
        Ok(listing.messages.into_iter().find(is_ours))
    }

    async fn apply(&self, event: RollCallEvent) -> Result<(), StoreError> {
        self.engine.core.apply(Event::RollCall(Box::new(event)), Actor::engine()).await.map(drop)
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
