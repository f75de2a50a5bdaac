//! The engine: the one process that talks to providers for a store.
//!
//! Whatever happens becomes an event; [`apply::Core::apply`] decides it and saves it in one transaction; the loops claim what
//! is due, ask the outside world and turn its answer into the next event. A crash at any point leaves a state from which the
//! next start goes on: nothing lives in memory alone but hints, rates and heartbeats.

pub mod adopt;
pub mod apply;
pub mod beats;
pub mod checkpoints;
pub mod clocks;
pub mod dispatcher;
mod drill;
pub mod duties;
pub mod duty;
pub mod intake;
pub mod integrity;
mod lanes;
pub mod listener;
pub mod lock;
pub mod mirror;
pub mod outbox;
pub mod poller;
pub mod rate;
pub mod rebuild;
pub mod reconciler;
pub mod recovery;
pub mod requests;
pub mod roster;
pub mod scheduler;
pub mod silence;
pub mod start;
pub mod store_alarm;
pub mod supervisor;
#[cfg(test)]
mod tests;
pub mod view;
pub mod wake;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::types::CallId;
use crate::gateways::SmsGateway;
use crate::store::StoreError;

use apply::Core;
use beats::Beats;

/// Whose work an engine does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of the store's.
    All,
    /// One call's: a command that holds the lock for its own life fires no other call's follow-ups.
    Only(CallId),
}

/// The bounds of the loops; from the configuration.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Per sender, in segments; 0 is unlimited.
    pub messages_per_second: f64,
    /// How long the provider may keep a message before it is stale.
    pub validity: Duration,
    /// The longest that one request to the provider takes.
    pub request_timeout: Duration,
    /// The first question about a message that is not final.
    pub poll_after: Duration,
    /// How often the list of replies is read.
    pub listen_every: Duration,
    /// Failures in a row that alert.
    pub consecutive_failures: u32,
}

/// Everything that the loops share.
pub struct Engine {
    /// The write path.
    pub core: Arc<Core>,
    /// The provider.
    pub sms: Arc<dyn SmsGateway>,
    /// Where alerts are told.
    pub sinks: Vec<Arc<outbox::Sink>>,
    /// When it was made, by the clock that nobody can step.
    pub started: Duration,
    /// A fresh id for every start: the owner of its claims.
    pub id: String,
    /// Whose work it does.
    pub scope: Scope,
    /// Its bounds.
    pub bounds: Bounds,
    /// Whether replies that came while no engine ran were read: reminders that are overdue at a start wait for it, shortly.
    pub first_read: FirstRead,
    /// What the duties report of themselves.
    pub beats: Beats,
    /// Fires when another process asked this one for the lock and may have it (never for `serve`).
    pub yielded: CancellationToken,
}

impl Engine {
    /// One that has done nothing yet; whoever runs it holds the lock. `id` is the owner of its claims: a fresh one every start.
    pub fn new(
        core: Arc<Core>,
        sms: Arc<dyn SmsGateway>,
        sinks: Vec<Arc<outbox::Sink>>,
        id: String,
        scope: Scope,
        bounds: Bounds,
    ) -> Arc<Self> {
        Arc::new(Self {
            started: core.clock.boot(),
            core,
            sms,
            sinks,
            id,
            scope,
            bounds,
            first_read: FirstRead::default(),
            beats: Beats::default(),
            yielded: CancellationToken::new(),
        })
    }

    /// Reminders that are overdue wait for the first read of replies; first notices never do.
    pub fn reminders_wait(&self) -> bool {
        self.scope == Scope::All && self.first_read.is_awaited(self.core.clock.boot().saturating_sub(self.started))
    }
}

/// One call that cannot be read must not keep the others from being served: the store has said it, leaves that call out for a
/// while, and [`integrity`] alerts.
///
/// # Errors
/// Every other [`StoreError`].
pub fn others_go_on<T: Default>(done: Result<T, StoreError>) -> Result<T, StoreError> {
    match done {
        Err(e) if e.is_of_one_call() => Ok(T::default()),
        other => other,
    }
}

/// How long overdue reminders wait after a start for the replies that came meanwhile.
pub const FIRST_READ_WAIT: Duration = Duration::from_secs(3);

/// Whether the first read of replies after a start is over.
#[derive(Debug, Default)]
pub struct FirstRead(AtomicBool);

impl FirstRead {
    /// It is.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether reminders still wait for it, `up` after the start.
    pub fn is_awaited(&self, up: Duration) -> bool {
        up < FIRST_READ_WAIT && !self.0.load(Ordering::Acquire)
    }
}
