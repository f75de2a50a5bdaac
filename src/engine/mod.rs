//! The engine: the one process that talks to providers for a store.
//!
//! Whatever happens becomes an event; [`apply::Core::apply`] decides it and saves it in one transaction; the loops claim what
//! is due, ask the outside world and turn its answer into the next event. A crash at any point leaves a state from which the
//! next start goes on: nothing lives in memory alone but hints, rates and heartbeats.

pub mod adopt;
pub mod apply;
pub mod beat;
pub mod beats;
pub mod checkpoints;
pub mod clocks;
pub mod dispatcher;
mod drill;
pub mod duties;
pub mod duty;
pub mod heartbeat;
pub mod in_force;
pub mod intake;
pub mod integrity;
mod lanes;
pub mod listener;
pub mod lock;
pub mod mirror;
pub mod outbox;
pub mod poller;
pub mod provider_clock;
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
pub mod store_file;
pub mod supervisor;
#[cfg(test)]
mod tests;
pub mod view;
pub mod waiting;
pub mod wake;
pub mod watch;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::domain::types::CallId;
use crate::domain::{ClockOffset, Timestamp};
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
    sinks: RwLock<Vec<Arc<outbox::Sink>>>,
    /// When it was made, by the clock that nobody can step.
    pub started: Duration,
    /// A fresh id for every start: the owner of its claims.
    pub id: String,
    /// The boot of the machine that it was started in.
    pub boot_id: String,
    /// Whose work it does.
    pub scope: Scope,
    bounds: RwLock<Bounds>,
    /// Whether replies that came while no engine ran were read: reminders that are overdue at a start wait for it, shortly.
    pub first_read: FirstRead,
    /// Replies that wait and could not be decided.
    undecided: waiting::Undecided,
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
            sinks: RwLock::new(sinks),
            id,
            boot_id: clock::boot_id(),
            scope,
            bounds: RwLock::new(bounds),
            first_read: FirstRead::default(),
            undecided: waiting::Undecided::default(),
            beats: Beats::default(),
            yielded: CancellationToken::new(),
        })
    }

    /// Where alerts are delivered, by the settings in force.
    pub fn sinks(&self) -> Vec<Arc<outbox::Sink>> {
        self.sinks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alerts are delivered to these from now on.
    pub fn set_sinks(&self, sinks: Vec<Arc<outbox::Sink>>) {
        *self.sinks.write().unwrap_or_else(PoisonError::into_inner) = sinks;
    }

    /// Its bounds, by the settings in force.
    pub fn bounds(&self) -> Bounds {
        self.bounds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other settings are in force.
    pub fn set_bounds(&self, bounds: Bounds) {
        *self.bounds.write().unwrap_or_else(PoisonError::into_inner) = bounds;
    }

    /// How far our clock is ahead of the provider's: as it is measured, else as it was kept.
    pub fn provider_offset(&self) -> Option<ClockOffset> {
        self.sms.clock().offset.or(self.core.provider_clock().offset)
    }

    /// The newest moment of the provider's clock that one of its messages named.
    pub fn newest_message(&self) -> Option<Timestamp> {
        self.sms.clock().newest_message.max(self.core.provider_clock().newest_message)
    }

    /// Reminders that are overdue wait for a read of replies after a start, and after a reply was refused because it could not
    /// be stored; first notices never do.
    pub fn reminders_wait(&self) -> bool {
        self.scope == Scope::All && self.first_read.is_awaited(self.started, self.core.clock.boot())
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

/// How long overdue reminders wait for the replies that were missed.
pub const FIRST_READ_WAIT: Duration = Duration::from_secs(3);

/// Whether the replies that were missed, before a start or while the store took no writes, have been read.
#[derive(Debug, Default)]
pub struct FirstRead(Mutex<Missed>);

#[derive(Debug, Default, Clone, Copy)]
struct Missed {
    /// Grows with every refused reply: a read that began before it does not count.
    refused: u64,
    /// The store has not been seen to write since: nothing can be heard yet.
    stalled: bool,
    /// Since when it is waited for; `None`: since the start.
    since: Option<Duration>,
    read: bool,
}

impl FirstRead {
    fn with<T>(&self, work: impl FnOnce(&mut Missed) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which read begins now, for [`FirstRead::set`].
    pub fn begin(&self) -> u64 {
        self.with(|m| m.refused)
    }

    /// That read is over: it counts unless a reply was refused meanwhile.
    pub fn set(&self, begun: u64) {
        self.with(|m| m.read |= m.refused == begun && !m.stalled);
    }

    /// Whether what was missed has been read.
    pub fn is_done(&self) -> bool {
        self.with(|m| m.read)
    }

    /// A reply could not be stored: it stands in the provider's list alone.
    pub fn reply_refused(&self) {
        self.with(|m| *m = Missed { refused: m.refused + 1, stalled: true, since: None, read: false });
    }

    /// The store takes writes: whether a refused reply is to be read now.
    pub fn store_writes(&self, boot: Duration) -> bool {
        self.with(|m| {
            let missed = m.stalled;
            if missed {
                (m.stalled, m.since) = (false, Some(boot));
            }
            missed
        })
    }

    /// Whether reminders still wait for it, at this time of the boot clock.
    pub fn is_awaited(&self, started: Duration, boot: Duration) -> bool {
        self.with(|m| !m.read && (m.stalled || boot.saturating_sub(m.since.unwrap_or(started)) < FIRST_READ_WAIT))
    }
}

#[cfg(test)]
mod first_read_tests {
    use super::*;

    #[test]
    fn reminders_wait_for_a_read_that_began_after_the_store_wrote_again_and_not_for_ever() {
        let at = Duration::from_secs;
        let gate = FirstRead::default();
        assert!(gate.is_awaited(at(10), at(12)) && !gate.is_awaited(at(10), at(13)), "a start");
        gate.set(gate.begin());
        assert!(!gate.is_awaited(at(10), at(10)));
        let before = gate.begin();
        gate.reply_refused();
        gate.set(before);
        gate.set(gate.begin());
        assert!(gate.is_awaited(at(10), at(1_000)), "nothing can be heard while nothing can be stored");
        assert!(gate.store_writes(at(1_000)) && !gate.store_writes(at(1_001)));
        assert!(gate.is_awaited(at(10), at(1_002)) && !gate.is_awaited(at(10), at(1_003)));
        gate.set(before);
        assert!(gate.is_awaited(at(10), at(1_002)), "a read from before it");
        gate.set(gate.begin());
        assert!(!gate.is_awaited(at(10), at(1_002)));
    }
}
