//! Asks whoever begins a shift whether they hold it, and follows each question to its end.
//!
//! A roll call belongs to no call, so its texts go by [`crate::engine::standalone_texts`]: intent before the POST and outcome behind it.
//! After a crash the rows say what is to be done; a claim of an engine that is gone is an unknown outcome, which is looked for in the
//! provider's list. Only the engine's duty runs this.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::attempt::AttemptState;
use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState};
use crate::domain::roll_call::decide::is_over;
use crate::domain::roll_call::event::RollCallEvent;
use crate::domain::roll_call::plan::{NewRollCall, due};
use crate::domain::standalone_text::StandaloneText;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::dispatcher::Dispatcher;
use crate::engine::duty::Passed;
use crate::engine::standalone_texts::StandaloneTexts;
use crate::failpoint;
use crate::store::StoreError;

/// How often is looked, where nothing is due before.
pub const EVERY: Duration = Duration::from_secs(5);
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
    texts: StandaloneTexts,
}

impl RollCallDuty {
    pub fn new(engine: Arc<Engine>, dispatcher: Arc<Dispatcher>) -> Self {
        Self { texts: StandaloneTexts::new(engine.clone(), dispatcher), engine }
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
            if StandaloneTexts::is_due(text, now) {
                self.look(roll_call, text).await?;
                return Ok(GoneOn { next: None, has_asked: true });
            }
            at(StandaloneTexts::asks_at(text));
        }
        Ok(GoneOn { next, has_asked: false })
    }

    /// One claim and one POST.
    async fn send(&self, roll_call: &RollCall, text: &StandaloneText) -> Result<Sent, StoreError> {
        let core = &self.engine.core;
        let slot = match self.texts.slot(text, roll_call.line.as_deref()).await? {
            Ok(slot) => slot,
            Err(again) => return Ok(Sent::NotYet(Some(again))),
        };
        let provider_after = self.engine.newest_message();
        let claim = RollCallEvent::Claim { text: text.id, engine: self.engine.id.clone(), provider_after };
        failpoint::hit("roll-call-intent.before-commit");
        let claimed = core.apply(Event::RollCall(Box::new(claim)), Actor::engine()).await;
        let Ok(Answer::SendStandalone(send)) = claimed else {
            self.texts.settle(&slot, 0);
            return claimed.map(|_| Sent::NotYet(None));
        };
        failpoint::hit("roll-call-intent.committed");
        let outcome = self.texts.submit(&send).await;
        self.texts.settle(&slot, send.text.segments);
        failpoint::hit("roll-call-outcome.before-commit");
        self.apply(RollCallEvent::Sent { text: send.text.id, outcome }).await?;
        failpoint::hit("roll-call-outcome.committed");
        Ok(Sent::Asked)
    }

    /// Asks about a message, or looks for one whose answer was lost.
    async fn look(&self, roll_call: &RollCall, text: &StandaloneText) -> Result<(), StoreError> {
        if let Some(update) = self.texts.ask(&roll_call.reference.attempt(text.number), text).await {
            let is_enough = StandaloneTexts::is_enough(&update);
            failpoint::hit("roll-call-found.before-commit");
            self.engine.core.apply(Event::StatusUpdate(update), Actor::provider()).await?;
            failpoint::hit("roll-call-found.committed");
            if is_enough {
                return Ok(());
            }
        }
        self.apply(RollCallEvent::AskedInVain { text: text.id }).await
    }

    async fn apply(&self, event: RollCallEvent) -> Result<(), StoreError> {
        self.engine.core.apply(Event::RollCall(Box::new(event)), Actor::engine()).await.map(drop)
    }
}
