//! The open store: its connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::hints;
use super::history::ServerHistory;
use super::lease::Observer;
use super::open::{self, Prepared};
use super::own_commits::OwnCommits;
use super::readers::ServerReaders;
use super::state;
use super::transaction::ServerWriter;
use super::versions::known_schema;
use crate::clock::{Clock as _, SystemClock};
use crate::ids::Ids;
use crate::store::sql::Connection;
use crate::store::tables::{CommonState, Damage};
use crate::store::writer::{self, Job, Writer};
use crate::store::{CommitFigures, Location, PostgresUrl, ServerState, Store, StoreError, StoreSettings, Upkeep};

/// Where changes are handed over.
type Jobs = mpsc::Sender<Box<dyn Job>>;

/// Of other processes' commits, from when they are first waited for.
pub(super) struct Hints {
    key: i64,
    process: String,
    bell: OnceLock<Arc<Notify>>,
    listens: Arc<AtomicBool>,
}

impl Hints {
    /// Which lock is the store's: hints are of that.
    pub(super) fn key(&self) -> i64 {
        self.key
    }

    /// Returns with the next one.
    pub(super) async fn next(&self, url: &PostgresUrl) {
        let bell = self.bell.get_or_init(|| {
            let bell = Arc::default();
            let hints = hints::Channel { url: url.clone(), key: self.key, own: self.process.clone() };
            hints::listen(hints, &bell, Arc::clone(&self.listens));
            bell
        });
        bell.notified().await;
    }

    /// Whether a connection listens, as far as is known.
    pub(super) fn are_heard(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }
}

/// A store in a database. Dropping it lets what was handed over be committed; closing it also waits for that.
pub(in crate::store) struct PostgresStore {
    pub(super) common: Arc<CommonState>,
    pub(super) readers: ServerReaders,
    pub(super) own: Arc<OwnCommits>,
    pub(super) jobs: Arc<Mutex<Option<Jobs>>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    pub(super) url: PostgresUrl,
    pub(super) observer: Arc<Mutex<Observer>>,
    pub(super) hints: Arc<Hints>,
    /// Which server it is, and what it has.
    pub(super) history: Arc<ServerHistory>,
    /// How often that had changed when this handle's term began.
    pub(super) history_changes: u64,
    /// All that is written through this handle is committed only while this term holds the lease.
    pub(super) term: Option<String>,
}

impl PostgresStore {
    /// Opens a store, or makes it; blocks for as long as a migration takes. Needs a tokio runtime around it, and a thread that
    /// may block.
    ///
    /// # Errors
    /// As [`crate::store::open`], and [`StoreError::Unreachable`]; in each case the database is as it was.
    pub(in crate::store) fn open(options: StoreSettings) -> Result<Self, StoreError> {
        let Location::Postgres(url) = options.location.clone() else {
            return Err(StoreError::Refused { what: "a file is no database of a server".into() });
        };
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|e| StoreError::Open { path: url.to_string().into(), source: e.into() })?;
        let Prepared { conn, reader, key, schema } = open::prepare(&options, &url)?;
        let url = url.with_schema(schema);
        let history = Arc::new(ServerHistory::default());
        history.look(&conn)?;
        let (jobs, waiting) = mpsc::channel(writer::WAITING_MAX);
        let own = Arc::new(OwnCommits::default());
        let lock_within = options.busy_timeout;
        let process = Ids::random().uuid(SystemClock.now()).simple().to_string();
        let transactions = ServerWriter {
            conn,
            url: url.clone(),
            key,
            lock_within,
            process: process.clone(),
            own: Arc::clone(&own),
            history: Arc::clone(&history),
            before: 0,
        };
        // Nothing that fails here outlives its transaction.
        let common = CommonState::new(&options, Damage::new());
        let writer = Writer::new(transactions, Arc::new(OnceLock::new()), Arc::clone(&common.commits));
        let task = runtime.spawn(writer::run(writer, waiting));
        Ok(Self {
            own,
            common: Arc::new(common),
            readers: ServerReaders::new(url.clone(), options.busy_timeout, reader),
            jobs: Arc::new(Mutex::new(Some(jobs))),
            writer: Arc::new(Mutex::new(Some(task))),
            url,
            observer: Arc::default(),
            hints: Arc::new(Hints { key, process, bell: OnceLock::new(), listens: Arc::default() }),
            history_changes: history.changes(),
            history,
            term: None,
        })
    }

    /// Another handle of the same connections, for whoever decides under this term.
    pub(super) fn handle_of(&self, term: Option<String>) -> Self {
        Self {
            common: Arc::clone(&self.common),
            readers: self.readers.clone(),
            own: Arc::clone(&self.own),
            jobs: Arc::clone(&self.jobs),
            writer: Arc::clone(&self.writer),
            url: self.url.clone(),
            observer: Arc::clone(&self.observer),
            hints: Arc::clone(&self.hints),
            history_changes: self.history.changes(),
            history: Arc::clone(&self.history),
            term,
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
    }

    fn commits(&self) -> CommitFigures {
        self.common.commits.figures()
    }

    async fn server(&self) -> Result<Option<ServerState>, StoreError> {
        self.readers.on_one(|conn| state::of(Connection::Postgres(conn))).await.map(Some)
    }

    /// No other is worked on.
    async fn schema(&self) -> Result<i64, StoreError> {
        Ok(known_schema())
    }

    async fn close(&self) -> Result<(), StoreError> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            Some(task) => task.await.map_err(|_| StoreError::Closed),
            None => Ok(()),
        }
    }
}
