//! What a database gives, so that everything that is stored is written once for all of them.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::damage::Damage;
use super::reads::ReadContext;
use super::save::Sinks;
use crate::clock::{Stopwatch, SystemClock};
use crate::domain::event::Load;
use crate::store::commits::CommitCounts;
use crate::store::gate::Gate;
use crate::store::sql::Connection;
use crate::store::{Holder, Lease, LeaseError, Store, StoreError, StoreSettings, Unreadable};

/// What every open store has beside its connections.
pub(in crate::store) struct CommonState {
    pub(in crate::store) sinks: Sinks,
    /// How many decisions were written, committed or not.
    pub(in crate::store) run: Arc<AtomicU64>,
    pub(in crate::store) damage: Damage,
    pub(in crate::store) looked: Mutex<Option<Duration>>,
    pub(in crate::store) clock: SystemClock,
    pub(in crate::store) opened: Stopwatch,
    pub(in crate::store) gate: Gate,
    pub(in crate::store) commits: Arc<CommitCounts>,
}

impl CommonState {
    pub(in crate::store) fn new(options: &StoreSettings, damage: Damage) -> Self {
        Self {
            sinks: Sinks { mirror: options.mirror, alerts: options.alert_sinks.clone().into() },
            run: Arc::default(),
            damage,
            looked: Mutex::default(),
            clock: SystemClock::new(),
            opened: Stopwatch::start(),
            gate: Gate::default(),
            commits: Arc::default(),
        }
    }
}

/// An open database: its connections, and the ways by which everything reads and writes. Its tables are those of `migrations/`.
///
/// After a crash a change that was answered is whole, and any other is whole or absent.
pub(in crate::store) trait Database: Send + Sync + 'static {
    fn shared(&self) -> &CommonState;

    /// Runs `read` in one read transaction. Cancel-safe.
    fn run_read<T, F>(&self, read: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static;

    /// Runs a read of one statement: it sees one moment without a transaction. It may run more than once. Cancel-safe.
    fn run_one_statement<T, F>(&self, read: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static;

    /// One change: with its neighbours in a transaction, apart from them in its outcome; `load`: what it loads, where that is known. It
    /// may run more than once. Cancel-safe.
    fn run_write<T, F>(&self, load: Option<Arc<Load>>, change: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static;

    /// A change that a power cut may forget, and that waits for no other; it may be made twice.
    fn run_beat<F>(&self, change: F) -> impl Future<Output = Result<(), StoreError>> + Send
    where
        F: Fn(Connection<'_>) -> Result<(), StoreError> + Send + 'static;

    /// See [`crate::store::Control::version`].
    fn version_seen(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// See [`crate::store::Control::version_of_others`].
    fn version_of_other_processes(&self) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// See [`crate::store::Control::take_lease`].
    fn lease(&self, role: &str) -> impl Future<Output = Result<Arc<dyn Lease>, LeaseError>> + Send;

    /// See [`crate::store::Control::hinted`].
    fn hint(&self) -> impl Future<Output = ()> + Send;

    /// See [`crate::store::Control::is_hinted`].
    fn listens(&self) -> bool;

    /// See [`crate::store::Control::lease_holder`].
    fn holder_seen(&self) -> impl Future<Output = Result<Option<Holder>, StoreError>> + Send;

    /// See [`crate::store::Control::replicas`].
    fn count_replicas(&self) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }

    /// See [`crate::store::Control::under`].
    fn handle_under(&self, lease: &dyn Lease) -> Option<Arc<dyn Store>>;

    /// See [`crate::store::Control::decides`].
    fn may_decide(&self) -> bool;

    /// Which server it is on, with which of its histories; `None`: on none, or nobody knows.
    fn server_name(&self) -> Option<String> {
        None
    }

    /// The name by which the store was opened, where it may have several.
    fn file_name(&self) -> Option<String>;

    /// The store was used by another name before.
    fn renamed(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the database itself says is damaged; slow.
    fn damaged_places(conn: Connection<'_>, limit: usize) -> Result<Vec<Unreadable>, StoreError>;

    /// The same, with how much was looked at and of what.
    fn checked_file(conn: Connection<'_>, limit: usize) -> Result<(u64, &'static str, Vec<Unreadable>), StoreError>;

    /// How many objects the schema has, and which of them are not as this program makes them; nothing is changed.
    fn schema_differences(conn: Connection<'_>, limit: usize) -> Result<(u64, Vec<Unreadable>), StoreError>;

    /// Remembers what a look through everything found, and mends what can be. Whether all is whole.
    fn repair(&self, found: Vec<Unreadable>) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// As [`Database::run_write`], of a change that says not what it loads; a test may stand around it.
    fn with_tx<T, F>(&self, change: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.with_tx_of(None, change)
    }

    /// As [`Database::run_write`]; a test may stand around it.
    fn with_tx_of<T, F>(&self, load: Option<Arc<Load>>, change: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        async move {
            self.shared().gate.before_write().await;
            let done = self.run_write(load, change).await;
            if done.is_ok() {
                self.shared().gate.after_commit().await;
            }
            done
        }
    }

    /// A read that leaves out what cannot be read.
    fn list<T, F>(&self, read: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(ReadContext<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let damage = self.shared().damage.clone();
        self.read(move |conn| read(ReadContext { conn, damage: &damage }))
    }

    /// As [`Database::read`], of one statement.
    fn read_one<T, F>(&self, read: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        async move {
            self.shared().gate.before_read().await;
            self.run_one_statement(read).await.inspect_err(|e| self.met(e))
        }
    }

    /// A read; damage that it meets is said.
    fn read<T, F>(&self, read: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        async move {
            self.shared().gate.before_read().await;
            let done = self.run_read(read).await;
            if let Err(e) = &done {
                self.met(e);
            }
            done
        }
    }

    /// Damage of the file itself, and not of one call: it is said, and the next look through everything is due at once, which
    /// names the place and repairs what it can.
    fn met(&self, e: &StoreError) {
        if let StoreError::Corrupt { what, call: None } = e {
            self.shared().damage.note_place("the file", what);
        }
    }
}
