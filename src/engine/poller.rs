//! Asks the provider about messages whose final status did not come by callback: with growing pauses, up to 72 h.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::attempt::Attempt;
use crate::domain::breaker::{self, Probe};
use crate::domain::codes::classify;
use crate::domain::event::{BreakerEvent, Event, Source, StatusUpdate};
use crate::domain::types::{Actor, CallId};
use crate::failpoint;
use crate::gateways::{GatewayError, ListFilter};
use crate::store::{Pollable, StoreError};

use super::wake::WakeSignal;
use super::{Engine, Scope, others_go_on, ringing};

/// Questions asked in one pass: a bound on what an outage of callbacks costs in requests.
const BATCH: usize = 16;
/// The longest pause between two questions about one message.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The longest pause that the provider's `Retry-After` puts a question off for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);
/// Receipts later than this are not expected (`facts/twilio.md` §5).
const END: Duration = Duration::from_secs(72 * 3600);

/// A message that is not known so long after its POST was deleted at the provider; before, it may not be known yet everywhere.
const DELETED_AFTER: Duration = Duration::from_secs(300);

/// The asking side of an engine.
pub struct Poller {
    engine: Arc<Engine>,
}

impl Poller {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Asks about what is due; returns when the next question is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        let probe = self.try_credentials(now).await?;
        let due = match &self.engine.scope {
            Scope::All => core.store.pollable(now, BATCH).await?,
            Scope::Only(call) => self.of_call(call, now).await?,
        };
        self.ask_all(&due).await?;
        let next = match &self.engine.scope {
            Scope::All if due.len() >= BATCH => Some(now),
            Scope::All => core.store.next_poll(now).await?,
            Scope::Only(call) => {
                let state = core.store.call(call).await?;
                // Those without a message are searched for, not asked about.
                let asked = |a: &&Attempt| a.sid.is_some();
                state.and_then(|s| s.attempts.iter().filter(asked).filter_map(|a| a.poll_at).min())
            }
        };
        Ok([next, probe].into_iter().flatten().min())
    }

    /// Where a breaker was opened by refused credentials, a list shows whether they are taken again; when the next one is due.
    async fn try_credentials(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let mut next = None;
        for b in core.store.breakers().await?.into_iter().filter(|b| b.is_open() && b.probe == Probe::List) {
            let mut again = b.probe_at;
            if again <= now {
                let what = match self.engine.sms.list(&ListFilter { limit: 1, ..ListFilter::default() }).await {
                    Ok(_) => BreakerEvent::Listed,
                    Err(e) => {
                        debug!(error = %e, "the credentials are still refused");
                        BreakerEvent::ListRefused
                    }
                };
                core.apply(Event::Breaker { sender: b.sender, what }, Actor::engine()).await?;
                core.wake.notify(WakeSignal::Send);
                again = breaker::next_probe(core.clock.now());
            }
            next = next.into_iter().chain([again]).min();
        }
        Ok(next)
    }

    async fn of_call(&self, call: &CallId, now: Timestamp) -> Result<Vec<Pollable>, StoreError> {
        let Some(state) = self.engine.core.store.call(call).await? else { return Ok(Vec::new()) };
        let due = state.attempts.into_iter().filter(|a| a.poll_at.is_some_and(|at| at <= now));
        Ok(due
            .filter_map(|a| {
                a.sid.clone().map(|sid| Pollable {
                    attempt: a.id,
                    sid,
                    polls: a.polls,
                    sent_at: a.sent_at.unwrap_or(a.created_at),
                })
            })
            .collect())
    }

    /// Asks about all of these, some at a time: a provider that does not answer holds nobody up for longer than one request.
    ///
    /// # Errors
    /// [`StoreError`] where an answer could not be stored; the others were.
    pub async fn ask_all(&self, messages: &[Pollable]) -> Result<(), StoreError> {
        for some in messages.chunks(BATCH) {
            join_all(some.iter().map(|p| self.ask(p))).await.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// Asks about every message of a call now; how many, or why not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh(&self, call: &CallId) -> Result<Value, StoreError> {
        let Some(state) = self.engine.core.store.call(call).await? else {
            return Ok(json!({ "error": "no such call" }));
        };
        let messages: Vec<Pollable> = state
            .attempts
            .into_iter()
            .filter_map(|a| {
                let sent_at = a.sent_at.unwrap_or(a.created_at);
                a.sid.map(|sid| Pollable { attempt: a.id, sid, polls: a.polls, sent_at })
            })
            .collect();
        self.ask_all(&messages).await?;
        Ok(json!({ "asked": messages.len() }))
    }

    /// What the provider says of a message, or of a phone call.
    async fn fetch(&self, p: &Pollable) -> Result<StatusUpdate, GatewayError> {
        if p.sid.is_of_a_phone_call() {
            let provider = self.engine.voice();
            let away =
                GatewayError::Retryable { why: "no provider of phone calls is configured".into(), retry_after: None };
            let record = provider.ok_or(away)?.fetch(&p.sid).await?;
            return Ok(ringing::update(p.attempt, record));
        }
        let record = self.engine.sms.fetch(&p.sid).await?;
        Ok(StatusUpdate {
            attempt: Some(p.attempt),
            sid: record.sid,
            status: record.status,
            code: record.error_code,
            error_class: classify(record.error_code),
            source: Source::Fetch,
            provider_at: record.created_at,
        })
    }

    /// One question: its answer is news like any other.
    ///
    /// # Errors
    /// [`StoreError`] where the answer could not be stored.
    pub async fn ask(&self, p: &Pollable) -> Result<(), StoreError> {
        let core = &self.engine.core;
        let mut throttled = None;
        match self.fetch(p).await {
            Ok(update) => {
                failpoint::hit("poll.before-commit");
                others_go_on(core.apply(Event::StatusUpdate(update), Actor::provider()).await.map(drop))?;
                failpoint::hit("poll.committed");
            }
            Err(GatewayError::Refused { http: 404, .. }) if core.clock.now().since(p.sent_at) >= DELETED_AFTER => {
                warn!(message.sid = %p.sid, "the provider no longer has this message: it was deleted there");
                return others_go_on(core.apply(Event::Gone { attempt: p.attempt }, Actor::engine()).await.map(drop));
            }
            Err(GatewayError::Refused { http, code, .. }) => {
                warn!(message.sid = %p.sid, http, ?code, "the provider does not tell this message's status")
            }
            Err(GatewayError::Retryable { why, retry_after }) => {
                throttled = retry_after;
                debug!(message.sid = %p.sid, why, "asking again later");
            }
            Err(GatewayError::Unknown { why }) => debug!(message.sid = %p.sid, why, "asking again later"),
        }
        let now = core.clock.now();
        let pause = self.engine.bounds().poll_after.saturating_mul(1 << p.polls.min(12)).min(PAUSE_MAX);
        let pause = core.ids.jittered(pause).max(throttled.unwrap_or_default().min(RETRY_AFTER_MAX));
        // The alarm that no final status came is due at its own time, not at the end of a long pause, whoever asked for it.
        let alarm = Some(p.sent_at.plus(core.rules().status_timeout)).filter(|at| *at > now);
        let again_at = now.plus(pause).min(alarm.unwrap_or(now.plus(pause)));
        let again_at = (now.since(p.sent_at) < END).then_some(again_at);
        others_go_on(core.apply(Event::Polled { attempt: p.attempt, again_at }, Actor::engine()).await.map(drop))
    }
}
