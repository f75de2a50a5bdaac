//! The engine: the one process that talks to providers for a store.
//!
//! Whatever happens becomes an event; [`apply::Core::apply`] decides it and saves it in one transaction; the loops claim what
//! is due, ask the outside world and turn its answer into the next event. A crash at any point leaves a state from which the
//! next start goes on: nothing lives in memory alone but hints, rates and heartbeats.

pub(crate) mod adopt;
mod alert_receipts;
pub(crate) mod alert_texts;
pub(crate) mod apply;
pub(crate) mod backups;
pub(crate) mod beat;
pub(crate) mod beside;
pub(crate) mod checkpoints;
pub(crate) mod clocks;
pub(crate) mod dispatcher;
mod doubt;
pub(crate) mod duties;
pub(crate) mod duty;
pub(crate) mod event_webhooks;
mod fault_injection;
pub(crate) mod figures;
pub(crate) mod file_watch;
mod first_read;
pub(crate) mod followthrough;
pub(crate) mod heartbeat;
pub(crate) mod heartbeats;
pub(crate) mod history;
pub(crate) mod in_force;
pub(crate) mod intake;
pub(crate) mod integrity;
pub(crate) mod json;
pub(crate) mod layout;
pub(crate) mod links;
pub(crate) mod listener;
mod loads;
mod lost_phone_calls;
mod mailing;
pub(crate) mod mirror;
pub(crate) mod morning;
pub(crate) mod next_step;
pub(crate) mod night;
pub(crate) mod oncall;
pub(crate) mod outbox;
pub(crate) mod phone_calls;
mod placing;
pub(crate) mod poller;
pub(crate) mod provider_clock;
pub(crate) mod rate;
pub(crate) mod rebuild;
pub(crate) mod reconciler;
pub(crate) mod recovery;
pub(crate) mod reports;
pub(crate) mod requests;
pub(crate) mod rest;
pub(crate) mod retention;
pub(crate) mod ringing;
mod safeguards;
pub(crate) mod scheduler;
mod send_queues;
mod shown;
pub(crate) mod silence;
pub(crate) mod sink;
mod spent;
mod standalone_texts;
pub(crate) mod start;
pub(crate) mod still;
pub(crate) mod store_alarm;
pub(crate) mod store_file;
mod submit;
pub(crate) mod supervisor;
pub(crate) mod synced_contacts;
#[cfg(test)]
pub(crate) mod tests;
mod undecided;
pub(crate) mod waiting;
pub(crate) mod wake;
pub(crate) mod watch;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{self, Permit};
use crate::domain::types::CallId;
use crate::domain::{ClockOffset, Timestamp};
use crate::gateways::{MailGateway, SmsGateway, VoiceGateway};
use crate::store::StoreError;

use apply::Core;
use doubt::{History, Holds};
use file_watch::FileWatch;
use heartbeats::{HeartbeatRecord, Heartbeats};
use mirror::MirrorHealth;
use sink::Sink;
use undecided::Undecided;

pub use first_read::FirstRead;

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
    /// Phone calls of the whole account; 0 is unlimited.
    pub phone_calls_per_second: f64,
    /// How long a phone rings.
    pub ring_for: Duration,
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

/// An engine whose essential duties have stood still for longer gives up its term: others can do its work.
const HANGS_AFTER: Duration = Duration::from_secs(10);
/// So long may it take from its beginning to the first passes: what engines before it have left is settled first.
const BEGINS_WITHIN: Duration = Duration::from_secs(120);

/// Everything that the loops share.
pub struct Engine {
    /// The write path.
    pub core: Arc<Core>,
    /// The provider.
    pub sms: Arc<dyn SmsGateway>,
    /// Where alerts are told.
    sinks: RwLock<Vec<Arc<Sink>>>,
    /// When it was made, by the clock that nobody can step.
    pub started: Duration,
    /// A fresh id for every start, that of its term where there is one: the owner of its claims.
    pub id: String,
    /// Until when it may begin a send.
    permit: OnceLock<Permit>,
    /// The boot of the machine that it was started in.
    pub boot_id: String,
    /// Whose work it does.
    pub scope: Scope,
    bounds: RwLock<Bounds>,
    /// Whether replies that came while no engine ran were read: reminders that are overdue at a start wait for it, shortly.
    pub first_read: FirstRead,
    /// Whether what is sent waits for what the store may have lost.
    pub history: History,
    /// Replies that wait and could not be decided.
    undecided: Undecided,
    /// What the duties report of themselves.
    pub heartbeats: Heartbeats,
    /// What the dead-man's switch took.
    pub heartbeat: HeartbeatRecord,
    /// Whether the store's file is in its place.
    pub file_watch: FileWatch,
    mirror: Mutex<MirrorHealth>,
    /// The relay of mails, where one is configured.
    mail: RwLock<Option<Arc<dyn MailGateway>>>,
    /// The provider of phone calls, where one is configured.
    voice: RwLock<Option<Arc<dyn VoiceGateway>>>,
    /// Fires when another process asked this one for the lock and may have it (never for `serve`).
    pub yielded: CancellationToken,
}

impl Engine {
    /// One that has done nothing yet; whoever runs it holds the lock. `id` is the owner of its claims: a fresh one every start.
    pub fn new(
        core: Arc<Core>,
        sms: Arc<dyn SmsGateway>,
        sinks: Vec<Arc<Sink>>,
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
            permit: OnceLock::new(),
            boot_id: clock::boot_id(),
            scope,
            bounds: RwLock::new(bounds),
            first_read: FirstRead::default(),
            history: History::default(),
            undecided: Undecided::default(),
            heartbeats: Heartbeats::default(),
            heartbeat: HeartbeatRecord::default(),
            file_watch: FileWatch::default(),
            mirror: Mutex::default(),
            mail: RwLock::default(),
            voice: RwLock::default(),
            yielded: CancellationToken::new(),
        })
    }

    /// It begins no send after this permit has ended; to be said before it runs.
    pub fn begins_within(&self, permit: Permit) {
        let _ = self.permit.set(permit);
    }

    /// Whether others may be the engine while this process lives.
    pub fn is_in_a_term(&self) -> bool {
        self.permit.get().is_some_and(|permit| permit.left().is_some())
    }

    /// Whether its loops live: those who fire and who send have done something lately, well or badly, or it has begun a moment ago.
    pub fn works(&self) -> bool {
        let boot = self.core.clock.boot();
        match self.heartbeats.since_essential_moved(boot) {
            Some(ago) => ago <= HANGS_AFTER,
            None => boot.saturating_sub(self.started) <= BEGINS_WITHIN,
        }
    }

    /// Whether a send may begin that takes so long until its first byte leaves.
    pub fn may_send(&self, within: Duration) -> bool {
        self.permit.get().is_none_or(|permit| permit.lasts(within))
    }

    /// Where alerts are delivered, by the settings in force.
    pub fn sinks(&self) -> Vec<Arc<Sink>> {
        self.sinks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alerts are delivered to these from now on.
    pub fn set_sinks(&self, sinks: Vec<Arc<Sink>>) {
        *self.sinks.write().unwrap_or_else(PoisonError::into_inner) = sinks;
    }

    /// The relay of mails, by the settings in force.
    pub fn mail(&self) -> Option<Arc<dyn MailGateway>> {
        self.mail.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Mails go by this relay from now on.
    pub fn set_mail(&self, relay: Option<Arc<dyn MailGateway>>) {
        *self.mail.write().unwrap_or_else(PoisonError::into_inner) = relay;
    }

    /// The provider of phone calls, by the settings in force.
    pub fn voice(&self) -> Option<Arc<dyn VoiceGateway>> {
        self.voice.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Phones are rung by this provider from now on.
    pub fn set_voice(&self, provider: Option<Arc<dyn VoiceGateway>>) {
        *self.voice.write().unwrap_or_else(PoisonError::into_inner) = provider;
    }

    /// How the mirror is doing, where there is one.
    pub fn mirror(&self) -> MirrorHealth {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_mirror(&self, mirror_health: MirrorHealth) {
        *self.mirror.lock().unwrap_or_else(PoisonError::into_inner) = mirror_health;
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

    /// What waits for what the store may have lost: first notices as long as an unknown outcome would.
    pub fn holds(&self) -> Holds {
        self.history.holds(self.core.clock.boot(), self.core.rules().settle)
    }

    /// Reminders that are overdue wait for a read of replies after a start, and after a reply was refused because it could not
    /// be stored; first notices never do.
    pub fn reminders_wait(&self) -> bool {
        self.holds() == Holds::Reminders || self.missed_replies_wait()
    }

    /// Whether follow-ups wait for what was missed to be read.
    pub fn missed_replies_wait(&self) -> bool {
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
