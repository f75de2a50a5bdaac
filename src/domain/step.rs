//! The one entry to every decision: what was loaded and an event in, a [`Change`] out. Pure and total.

use serde_json::{Value, json};

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptEvent, AttemptState, IllegalMove, Move};
use super::call::{CallState, CallStatus};
use super::event::{AlertChange, Answer, Change, Effect, Event, Loaded, LogEntry, LogKind, Rules};
use super::team::Directory;
use super::types::{Actor, AttemptId, Timestamp};
use super::{breaker, decide, ladder_end, news, reply, resend, sending, sequence, settle};

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
        /// Where it was.
        from: CallStatus,
        /// Where it would have gone.
        to: CallStatus,
    },
    /// What the event needs was not loaded.
    #[error("the decision was shown too little: {0}")]
    Missing(&'static str),
}

/// Decides one event. The caller writes the returned change in the transaction that loaded `loaded`.
///
/// # Errors
/// [`Illegal`] where our own state machine is broken; never for anything that came from outside.
pub fn step(loaded: &Loaded, event: &Event, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let mut change = match event {
        Event::Accept(new) => decide::accept(loaded, new, ctx)?,
        Event::Import(import) => super::import::import(loaded, import, ctx)?,
        Event::Inbound(text) => reply::inbound(loaded, text, ctx)?,
        Event::News(news) => news::news(loaded, news, ctx)?,
        Event::ClearOptOut { phone, by } => reply::clear_opt_out(phone, by, ctx),
        Event::Alert(alert) => Change { alerts: vec![alert.clone()], ..Change::default() },
        Event::Wake { .. } => answered(loaded, ctx, sequence::fire_due)?,
        Event::Decide { what, by, note, .. } => {
            answered(loaded, ctx, |w| decide::decide(w, what, by, note.as_deref()))?
        }
        Event::Claim { attempt, engine, provider_after } => {
            with_call(loaded, ctx, |w| sending::claim(w, *attempt, engine, *provider_after))?
        }
        Event::Sent { attempt, outcome } => with_call(loaded, ctx, |w| sending::sent(w, *attempt, outcome))?,
        Event::EngineGone { attempt, engine } => with_call(loaded, ctx, |w| sending::engine_gone(w, *attempt, engine))?,
        Event::Searched { attempt, complete, began_at } => {
            with_call(loaded, ctx, |w| resend::searched(w, *attempt, *complete, *began_at))?
        }
        Event::Settle { attempt, how, by, note } => {
            answered(loaded, ctx, |w| settle::settle(w, *attempt, how, by, note.as_deref()))?
        }
        Event::Gone { attempt } => with_call(loaded, ctx, |w| news::gone(w, *attempt))?,
        Event::Polled { attempt, again_at } => with_call(loaded, ctx, |w| news::polled(w, *attempt, *again_at))?,
        Event::Breaker { sender, what } => breaker::news(loaded, sender, what, ctx),
        Event::Untold { .. } => answered(loaded, ctx, ladder_end::untold)?,
    };
    mirror(loaded, &mut change);
    change.at = Some(ctx.now);
    Ok(change)
}

/// As [`with_call`]; the answer carries the call as it is now, where the decision set none.
fn answered(
    loaded: &Loaded,
    ctx: &Ctx<'_>,
    f: impl FnOnce(&mut Work<'_>) -> Result<(), Illegal>,
) -> Result<Change, Illegal> {
    let mut change = with_call(loaded, ctx, f)?;
    if let (Answer::Done, Some(state)) = (&change.answer, change.calls.last()) {
        change.answer = Answer::Changed(Box::new(state.clone()));
    }
    Ok(change)
}

/// Runs a decision about the one call that was loaded; without it, the answer is [`Answer::NotFound`].
fn with_call(
    loaded: &Loaded,
    ctx: &Ctx<'_>,
    f: impl FnOnce(&mut Work<'_>) -> Result<(), Illegal>,
) -> Result<Change, Illegal> {
    let Some(state) = loaded.calls.first() else {
        return Ok(Change { answer: Answer::NotFound, ..Change::default() });
    };
    let mut work = Work::new(ctx, loaded, state.clone());
    f(&mut work)?;
    Ok(work.into_change())
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
    pub(super) fn unclaimed_in_a_drill(&mut self, id: AttemptId) -> Result<(), Illegal> {
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
        let told = self.state.attempts.iter().any(|a| {
            a.kind == super::attempt::AttemptKind::Notice
                && matches!(a.state, AttemptState::Submitted | AttemptState::Delivered)
        });
        let call = &mut self.state.call;
        if told && call.told_at.is_none() {
            call.told_at = Some(self.ctx.now);
            self.change.alerts.push(AlertChange::Resolve { key: AlertKind::Unnotified.about(&call.id) });
        } else if !told {
            call.told_at = None;
        }
        self.change.calls.push(self.state);
        self.change
    }
}

/// Which rows of the shop's books this change touches.
fn mirror(loaded: &Loaded, change: &mut Change) {
    for state in &change.calls {
        let before = loaded.calls.iter().find(|c| c.call.id == state.call.id);
        let call_changed = before.is_none_or(|b| {
            b.call.status != state.call.status
                || b.call.deferred_from.or(b.call.wake_at) != state.call.deferred_from.or(state.call.wake_at)
                || b.call.holder != state.call.holder
        });
        if call_changed {
            change.effects.push(Effect::MirrorCall(state.call.id.clone()));
        }
        for a in &state.attempts {
            // A dispatch event exists from the intent on, and for what will never leave.
            let has_event = a.sent_at.is_some() || a.state.is_final();
            let same = before.and_then(|b| b.attempt(a.id)).is_some_and(|b| told_of(b) == told_of(a));
            if has_event && !same {
                change.effects.push(Effect::MirrorAttempt(a.id));
            }
        }
    }
}

/// What a dispatch event tells of an attempt that can change: a question to the provider that brings nothing is no news.
fn told_of(a: &Attempt) -> impl PartialEq + '_ {
    (a.state, a.sent_at, &a.sid, &a.message_status, a.error_code, &a.result, &a.replied, a.decided_at)
}

/// How a step is named to people: its place in the ladder, from 1, with the round where it is not the first.
pub(super) fn step_name(round: u32, step: u32) -> String {
    if round > 1 { format!("round {round} step {}", step + 1) } else { format!("step {}", step + 1) }
}

/// The fields of a step for queries.
pub(super) fn step_data(round: u32, step: u32) -> Value {
    json!({ "round": round, "step": step + 1 })
}
