//! The toolbox of every decision: what it may use of the world, the call under change, and what is to be written about it.

use serde_json::Value;

use super::alert::{AlertChange, AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptEvent, AttemptState, Channel, IllegalMove, Move};
use super::call::{CallState, CallStatus};
use super::change::Change;
use super::event::Loaded;
use super::log::{LogEntry, LogKind};
use super::rules::Rules;
use super::team::Directory;
use super::types::{Actor, AttemptId, Timestamp};

/// What a decision may use of the world, all by value.
pub struct Ctx<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// Who can be told.
    pub directory: &'a Directory,
    /// The configured bounds.
    pub rules: &'a Rules,
    /// Fresh ids.
    pub new_id: &'a dyn Fn() -> AttemptId,
    /// The page by which the reader of this attempt takes its call; `None`: there is none.
    pub link: &'a dyn Fn(AttemptId) -> Option<String>,
    /// Who did this, for the log.
    pub actor: Actor,
}

/// Something that cannot be: our own bug. The change is not made, the event is logged at error, the rest goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// An attempt saw an event that its state does not have.
    #[error(transparent)]
    Attempt(#[from] IllegalMove),
    /// A call would have left its table.
    #[error("a call that is {from} cannot become {to}")]
    Call {
        from: CallStatus,
        /// Where it would have gone.
        to: CallStatus,
    },
    /// What the event needs was not loaded.
    #[error("the decision was shown too little: {0}")]
    Missing(&'static str),
}

/// A call under change, with what is to be written about it.
pub(super) struct Work<'a> {
    pub(super) ctx: &'a Ctx<'a>,
    pub(super) loaded: &'a Loaded,
    pub(super) state: CallState,
    pub(super) change: Change,
}

impl<'a> Work<'a> {
    pub(super) fn new(ctx: &'a Ctx<'a>, loaded: &'a Loaded, state: CallState) -> Self {
        Self { ctx, loaded, state, change: Change::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ctx.now
    }

    /// Appends to the call's log in the name of whoever did this.
    pub(super) fn log(&mut self, kind: LogKind, attempt: Option<AttemptId>, message: impl Into<String>, data: Value) {
        self.log_as(self.ctx.actor.clone(), kind, attempt, message, data);
    }

    pub(super) fn log_as(
        &mut self,
        actor: Actor,
        kind: LogKind,
        attempt: Option<AttemptId>,
        message: impl Into<String>,
        data: Value,
    ) {
        self.change.log.push(LogEntry {
            kind,
            at: self.ctx.now,
            call: Some(self.state.call.id.clone()),
            attempt,
            actor,
            message: message.into(),
            data,
        });
    }

    /// Raises an alert about this call.
    pub(super) fn raise(&mut self, key: impl Into<AlertKey>, message: impl Into<String>) {
        self.change.alerts.push(AlertChange::Raise {
            key: key.into(),
            call: Some(self.state.call.id.clone()),
            message: message.into(),
        });
    }

    pub(super) fn resolve(&mut self, key: impl Into<AlertKey>) {
        self.change.alerts.push(AlertChange::Resolve { key: key.into() });
    }

    /// Moves the call; the table decides.
    pub(super) fn call_to(&mut self, to: CallStatus) -> Result<(), Illegal> {
        let from = self.state.call.status;
        if !from.may_become(to) {
            return Err(Illegal::Call { from, to });
        }
        self.state.call.status = to;
        if from == CallStatus::Acknowledged {
            // Whether its holder can be texted, or answers, does not matter any more.
            for kind in [AlertKind::HolderOptedOut, AlertKind::TakenSilent] {
                let key = kind.about(&self.state.call.id);
                self.change.alerts.push(AlertChange::Resolve { key });
            }
            (self.state.call.ask_at, self.state.call.asked_at) = (None, None);
        }
        if to == CallStatus::Dispatching {
            self.state.call.closed_at = None;
        } else {
            self.state.call.wake_at = None;
            self.state.call.deferred_from = None;
            self.state.call.closed_at = Some(self.ctx.now);
        }
        Ok(())
    }

    /// Moves an attempt; the table decides. Keeps what must go with the state: the claim and the end.
    pub(super) fn attempt_on(&mut self, id: AttemptId, event: AttemptEvent) -> Result<Move, Illegal> {
        let now = self.ctx.now;
        let attempt = self.state.attempt_mut(id).ok_or(Illegal::Missing("attempt"))?;
        let moved = attempt.state.on(event)?;
        if let Move::To(to) = moved {
            attempt.state = to;
            if to != AttemptState::Sending {
                attempt.claimed_by = None;
            }
            attempt.finished_at = to.is_final().then_some(now);
            if to.is_final() {
                attempt.poll_at = None;
            }
        }
        Ok(moved)
    }

    pub(super) fn attempt(&self, id: AttemptId) -> Result<&Attempt, Illegal> {
        self.state.attempt(id).ok_or(Illegal::Missing("attempt"))
    }

    pub(super) fn attempt_mut(&mut self, id: AttemptId) -> Result<&mut Attempt, Illegal> {
        self.state.attempt_mut(id).ok_or(Illegal::Missing("attempt"))
    }

    /// In a drill without the claim's check: what is claimed, or was sent, can be claimed again.
    pub(super) fn unclaimed_under_fault_injection(&mut self, id: AttemptId) -> Result<(), Illegal> {
        if self.ctx.rules.off.claim_check {
            let a = self.attempt_mut(id)?;
            (a.state, a.claimed_by) = (AttemptState::Scheduled, None);
        }
        Ok(())
    }

    /// Ends an attempt that has not left.
    pub(super) fn drop_waiting(&mut self, id: AttemptId, event: AttemptEvent, why: &str) -> Result<(), Illegal> {
        self.attempt_on(id, event)?;
        self.attempt_mut(id)?.result = why.to_owned();
        let a = self.attempt(id)?;
        let (kind, text) = match a.state {
            AttemptState::Cancelled => {
                (LogKind::AttemptCancelled, format!("attempt {} was cancelled: {why}", a.number))
            }
            _ => (LogKind::AttemptSkipped, format!("attempt {} was skipped: {why}", a.number)),
        };
        self.log(kind, Some(id), text, Value::Null);
        Ok(())
    }

    /// The finished change.
    pub(super) fn into_change(mut self) -> Change {
        // A mail that the relay took tells nobody; where the ladder has mails alone it is all that can be known.
        let by_mail_alone = self.state.call.policy.steps.iter().all(|s| s.channel == Channel::Email);
        let told = self.state.told_by().is_some_and(|by| by != Channel::Email || by_mail_alone);
        let call = &mut self.state.call;
        if told && call.notified_at.is_none() {
            call.notified_at = Some(self.ctx.now);
            self.change.alerts.push(AlertChange::Resolve { key: AlertKind::Unnotified.about(&call.id) });
        } else if !told {
            call.notified_at = None;
        }
        self.change.calls.push(self.state);
        self.change
    }
}

/// The holder as people say it.
pub(super) fn holder_name(w: &Work<'_>) -> String {
    let Some(holder) = w.state.call.holder.as_ref() else { return "the office".into() };
    w.state
        .attempts
        .iter()
        .find(|a| &a.recipient.contact == holder)
        .map(|a| a.recipient.name.clone())
        .or_else(|| w.ctx.directory.contact(holder).map(|c| c.name.clone()))
        .unwrap_or_else(|| holder.to_string())
}
