//! The one write path: load, decide, commit, then ring the bells.
//!
//! After `Ok` the change is durable; after an error nothing of it is. Every process that changes a call goes through here,
//! with or without an engine of its own.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tracing::{debug, error, info, warn};

use crate::clock::Clock;
use crate::domain::Settlement;
use crate::domain::event::{AlertChange, Answer, Change, Event, Load, Loaded, LogEntry, LogKind, Rules, Source};
use crate::domain::reply;
use crate::domain::step::{Ctx, step};
use crate::domain::team::Directory;
use crate::domain::types::{Actor, AttemptId, CallId};
use crate::domain::{PhoneNumber, Timestamp};
use crate::ids::Ids;
use crate::store::{Store, StoreError};

use super::drill;
use super::wake::{Bell, Wake};

/// A reference is not used again for this long.
const REFERENCE_REST: Duration = Duration::from_secs(30 * 24 * 3600);
/// The scheduler looks this often by itself: only what is due earlier needs a hint.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// How many references are drawn for a new call; with 600,000 to draw from, all of them taken means a broken store.
const REFERENCE_DRAWS: usize = 16;

/// What every writer shares.
pub struct Core {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<Ids>,
    /// The configured bounds.
    pub rules: Rules,
    /// Hints to the loops.
    pub wake: Wake,
    directory: RwLock<Arc<Directory>>,
}

impl Core {
    /// Wires a write path.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        directory: Arc<Directory>,
        rules: Rules,
    ) -> Self {
        Self { store, clock, ids, rules, wake: Wake::default(), directory: RwLock::new(directory) }
    }

    /// Who can be told, as of the last reload.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the directory; decisions from now on use the new one.
    pub fn set_directory(&self, directory: Arc<Directory>) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    /// Decides an event and makes it durable. Safe to call again with the same event: what has happened is not repeated.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written. [`StoreError::Refused`] is our own bug, logged here.
    pub async fn apply(&self, event: Event, actor: Actor) -> Result<Answer, StoreError> {
        let now = self.clock.now();
        let directory = self.directory();
        let load = self.load_for(&event, now);
        let phones = phones_of(&event, &directory);
        let told: Arc<Mutex<Told>> = Arc::default();
        let decide = {
            let (ids, rules, told) = (self.ids.clone(), drill::rules_in_force(&self.rules), told.clone());
            let event = event.clone();
            move |loaded: &Loaded| -> Result<Change, String> {
                let new_id = || AttemptId::from_uuid(ids.uuid(now));
                let ctx = Ctx { now, directory: &directory, rules: &rules, new_id: &new_id, actor: actor.clone() };
                let change = step(loaded, &event, &ctx).map_err(|e| e.to_string())?;
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Told::of(&change);
                Ok(change)
            }
        };
        let answer = self.store.transact(load, phones, Arc::new(decide)).await;
        match &answer {
            Ok(_) => {
                let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
                tell(&told.log, &told.alerts);
                self.hint(&told, now);
            }
            Err(StoreError::Refused { what }) => error!(what, "a decision was refused: a bug; the rest goes on"),
            Err(_) => {}
        }
        answer
    }

    /// Rings only those whom the change concerns: most changes concern nobody but who asked.
    fn hint(&self, told: &Told, now: Timestamp) {
        let has = |kinds: &[LogKind]| told.log.iter().any(|e| kinds.contains(&e.kind));
        if has(&[LogKind::AttemptScheduled, LogKind::AttemptRetrying]) {
            self.wake.ring(Bell::Send);
        }
        if told.wakes.iter().any(|at| *at <= now.plus(LOOKS_EVERY)) {
            self.wake.ring(Bell::Due);
        }
        if has(&[LogKind::BreakerClosed]) {
            self.wake.ring(Bell::Send);
            self.wake.ring(Bell::Due);
        }
        if has(&[LogKind::MessageConflict]) {
            self.wake.ring(Bell::Poll);
        }
        if !told.alerts.is_empty() {
            self.wake.ring(Bell::Alerts);
        }
        if !told.calls.is_empty() {
            self.wake.ring(Bell::Mirror);
        }
        for call in &told.calls {
            self.wake.changed(call);
        }
    }

    pub(super) fn load_for(&self, event: &Event, now: Timestamp) -> Load {
        match event {
            Event::Accept(new) => Load::New {
                id: new.id.clone(),
                idempotency_key: new.idempotency_key.clone(),
                references: (0..REFERENCE_DRAWS).map(|_| self.ids.reference()).collect(),
                used_since: now.minus(REFERENCE_REST),
            },
            Event::Import(import) => Load::New {
                id: import.state.call.id.clone(),
                idempotency_key: None,
                references: import.references((0..REFERENCE_DRAWS).map(|_| self.ids.reference())),
                used_since: now.minus(REFERENCE_REST),
            },
            Event::Wake { call } | Event::Decide { call, .. } | Event::Untold { call } => Load::Call(call.clone()),
            Event::Sent { attempt, outcome: crate::domain::event::SendOutcome::Accepted { sid, .. } } => {
                Load::Message { attempt: Some(*attempt), sid: sid.clone(), said: None }
            }
            Event::Settle { attempt, how: Settlement::Sent(sid), .. } => {
                Load::Message { attempt: Some(*attempt), sid: sid.clone(), said: None }
            }
            Event::Claim { attempt, .. }
            | Event::Settle { attempt, .. }
            | Event::Sent { attempt, .. }
            | Event::EngineGone { attempt, .. }
            | Event::Searched { attempt, .. }
            | Event::Polled { attempt, .. } => Load::Attempt(*attempt),
            Event::News(news) => Load::Message {
                attempt: news.attempt,
                sid: news.sid.clone(),
                said: (news.source == Source::Receipt).then(|| (news.status.clone(), news.code)),
            },
            Event::Inbound(text) => Load::Reply {
                from: text.from.clone(),
                sid: text.sid.clone(),
                references: reply::references(&text.body),
            },
            Event::ClearOptOut { .. } | Event::Alert(_) | Event::Breaker { .. } => Load::Nothing,
        }
    }
}

/// What a change tells others, once it is committed.
#[derive(Default)]
struct Told {
    log: Vec<LogEntry>,
    alerts: Vec<AlertChange>,
    calls: Vec<CallId>,
    wakes: Vec<Timestamp>,
}

impl Told {
    fn of(change: &Change) -> Self {
        Self {
            log: change.log.clone(),
            alerts: change.alerts.clone(),
            calls: change.calls.iter().map(|c| c.call.id.clone()).collect(),
            wakes: change.calls.iter().filter_map(|c| c.call.wake_at).collect(),
        }
    }
}

/// Whose opt-outs the decision wants to see: only those that tell somebody, or hear them, do.
pub(super) fn phones_of(event: &Event, directory: &Directory) -> Vec<PhoneNumber> {
    match event {
        Event::Polled { .. }
        | Event::EngineGone { .. }
        | Event::ClearOptOut { .. }
        | Event::Untold { .. }
        | Event::Breaker { .. }
        | Event::Alert(_) => Vec::new(),
        Event::Inbound(text) => {
            text.from.parse().into_iter().chain(directory.contacts.iter().map(|c| c.phone.clone())).collect()
        }
        Event::News(news) if news.status.verdict() != Some(crate::domain::Verdict::Failed) => Vec::new(),
        _ => directory.contacts.iter().map(|c| c.phone.clone()).collect(),
    }
}

/// After the commit: the log's entries as log lines. Delivery receipts are many and quiet.
fn tell(log: &[LogEntry], alerts: &[AlertChange]) {
    for e in log {
        let quiet = matches!(
            e.kind,
            LogKind::AttemptSubmitted | LogKind::AttemptDelivered | LogKind::AttemptSending | LogKind::MessageStatus
        );
        if quiet && !tracing::enabled!(tracing::Level::DEBUG) {
            continue;
        }
        let call = e.call.as_ref().map(ToString::to_string).unwrap_or_default();
        let attempt = e.attempt.map(|a| a.to_string()).unwrap_or_default();
        match e.kind {
            LogKind::AttemptSubmitted
            | LogKind::AttemptDelivered
            | LogKind::AttemptSending
            | LogKind::MessageStatus => {
                debug!(
                    call.id = call,
                    attempt.id = attempt,
                    actor = e.actor.0,
                    kind = e.kind.as_str(),
                    "{}",
                    e.message
                );
            }
            LogKind::AttemptFailed
            | LogKind::AttemptUnknown
            | LogKind::BreakerOpened
            | LogKind::CallExhausted
            | LogKind::StepSkipped => {
                warn!(call.id = call, attempt.id = attempt, actor = e.actor.0, kind = e.kind.as_str(), "{}", e.message);
            }
            _ => {
                info!(call.id = call, attempt.id = attempt, actor = e.actor.0, kind = e.kind.as_str(), "{}", e.message)
            }
        }
    }
    for a in alerts {
        if let AlertChange::Raise { key, message, .. } | AlertChange::Again { key, message } = a {
            error!(alert = key.masked(), "alert: {message}");
        }
    }
}
