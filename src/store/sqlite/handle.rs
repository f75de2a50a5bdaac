//! The open store: its connections, and the two ways by which everything else reads and writes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::connections::{OnDemand, Opener};
use super::file::{self, FileId, OpenFiles};
use super::open::{self, Use};
use super::readers::Readers;
use super::transaction::FileWriter;
use super::versions::Versions;
use super::{heal, peek};
use crate::store::tables::{CommonState, Damage};
use crate::store::writer::{self, Broken, Job, Writer};
use crate::store::{CommitFigures, Location, Peeked, Store, StoreError, StoreSettings, Upkeep};

/// A file that was replaced while it was opened is opened again, so often.
const OPENINGS: u32 = 3;

/// A store in a file. Dropping it lets what was handed over be committed; [`SqliteStore::close`] also waits for that.
pub(in crate::store) struct SqliteStore {
    pub(super) options: StoreSettings,
    pub(super) files: OpenFiles,
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    pub(super) readers: Readers,
    /// Never writes, so that its `data_version` tells of every commit, our own included.
    pub(super) watcher: Arc<OnDemand>,
    pub(super) versions: Versions,
    pub(super) checkpointer: Arc<OnDemand>,
    /// Its commits wait for no disk.
    pub(super) beater: Arc<OnDemand>,
    pub(super) broken: Broken,
    pub(in crate::store) common: CommonState,
}

impl SqliteStore {
    /// Opens a store, or makes it; blocks for as long as a migration takes. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`StoreError::Open`] (missing, no directory, not a database, not ours, read-only, empty), [`StoreError::Newer`],
    /// [`StoreError::OtherMode`], [`StoreError::WrongFile`], [`StoreError::Busy`]: in each case the file is as it was.
    pub(in crate::store) fn open(mut options: StoreSettings) -> Result<Self, StoreError> {
        options.location = Location::File(file::real_path(options.path()));
        file::check_name(options.path())?;
        let damage = Damage::new();
        if options.heals {
            heal::at_start(&options, &damage);
        }
        for _ in 0..OPENINGS {
            let before = FileId::at(options.path()).ok().flatten();
            let opened = Self::open_file(options.clone(), damage.clone());
            // A start of the engine may have put a healed copy in the store's place meanwhile: what was opened is not the store.
            if before.is_none() || FileId::at(options.path()).ok().flatten() == before {
                return opened;
            }
        }
        Err(StoreError::Busy)
    }

    fn open_file(options: StoreSettings, damage: Damage) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|e| StoreError::Open { path: options.path().to_owned(), source: e.into() })?;
        let opened = |e| StoreError::Open { path: options.path().to_owned(), source: Box::new(e) };
        let conn = open::prepare(&options)?;
        let files = OpenFiles::at(options.path()).map_err(opened)?;
        let opener = Opener::new(&options, files);
        let broken: Broken = Arc::new(OnceLock::new());
        let (jobs, waiting) = mpsc::channel(writer::WAITING_MAX);
        let common = CommonState::new(&options, damage);
        let conn = FileWriter::new(conn, options.busy_timeout)?;
        let writer = Writer::new(conn, Arc::clone(&broken), Arc::clone(&common.commits));
        let task = runtime.spawn(writer::run(writer, waiting));
        Ok(Self {
            files,
            common,
            options,
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(task)),
            readers: Readers::new(opener.clone()),
            watcher: OnDemand::new(&opener, Use::Read),
            versions: Versions::default(),
            checkpointer: OnDemand::new(&opener, Use::Checkpoint),
            beater: OnDemand::new(&opener, Use::Beat),
            broken,
        })
    }

    /// What a store says without being opened for more; nothing where there is no such store. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: it is there and cannot be read.
    pub(in crate::store) fn peek(options: &StoreSettings) -> Result<Peeked, StoreError> {
        peek::peek(options)
    }

    /// See [`crate::store::open_calls`]. Blocks.
    pub(in crate::store) fn open_calls(options: &StoreSettings) -> Result<Vec<(String, String)>, StoreError> {
        peek::open_calls(options)
    }

    /// One change: with its neighbours in a transaction, apart from them in its outcome. It may run more than once.
    pub(super) async fn in_turn<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer::submit(&jobs.ok_or(StoreError::Closed)?, None, move |conn| change(conn.sqlite()?)).await
    }

    /// Opens every connection that is not open yet. Blocks.
    pub(in crate::store) fn open_all(&self) -> Result<(), StoreError> {
        self.readers.open_all()?;
        [&self.watcher, &self.checkpointer, &self.beater].into_iter().try_for_each(|conn| conn.with(|_| Ok(())))
    }

    pub(super) async fn on<T, F>(conn: &Arc<OnDemand>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let conn = Arc::clone(conn);
        tokio::task::spawn_blocking(move || conn.with(work)).await.unwrap_or(Err(StoreError::Closed))
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn commits(&self) -> CommitFigures {
        self.common.commits.figures()
    }

    async fn schema(&self) -> Result<i64, StoreError> {
        self.readers.read(|conn| Ok(conn.pragma_query_value(None, "user_version", |r| r.get(0))?)).await
    }

    /// Also moves the write-ahead log into the file: the changes are committed all the same where that fails.
    async fn close(&self) -> Result<(), StoreError> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.map_err(|_| StoreError::Closed)?;
        }
        self.checkpoint().await
    }
}
