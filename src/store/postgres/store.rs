//! The open store: its connections.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::open::{self, Prepared, known_schema};
use super::readers::ServerReaders;
use super::state;
use super::transaction::ServerWriter;
use crate::store::sql::Connection;
use crate::store::tables::{CommonState, Damage};
use crate::store::writer::{self, Job, Writer};
use crate::store::{Location, ServerState, Store, StoreError, StoreSettings, Upkeep};

/// A store in a database. Dropping it lets what was handed over be committed; closing it also waits for that.
pub(in crate::store) struct PostgresStore {
    pub(super) common: CommonState,
    pub(super) readers: ServerReaders,
    /// How many transactions of this process changed something.
    pub(super) own: Arc<AtomicU64>,
    pub(super) jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
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
        let Prepared { conn, reader, key } = open::prepare(&options, &url)?;
        let (jobs, waiting) = mpsc::channel(writer::WAITING_MAX);
        let own = Arc::new(AtomicU64::new(0));
        let lock_within = options.busy_timeout;
        let transactions = ServerWriter { conn, url: url.clone(), key, lock_within, own: Arc::clone(&own), before: 0 };
        // Nothing that fails here outlives its transaction.
        let task = runtime.spawn(writer::run(Writer::new(transactions, Arc::new(OnceLock::new())), waiting));
        Ok(Self {
            own,
            common: CommonState::new(&options, Damage::new()),
            readers: ServerReaders::new(url, options.busy_timeout, reader),
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(task)),
        })
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
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
