//! The store in one SQLite file: a writer that commits what waits together, readers beside it, WAL, `synchronous=FULL`.
//!
//! Several processes may have the file open (the engine and commands); each sees the others' commits. Statements are in `sql.rs`
//! and beside the reads that make them, the schema is in `migrations/`. After a crash at any point the file holds every change
//! that was answered and no part of another.

mod alerts;
mod check;
mod clocks;
#[cfg(test)]
pub(crate) mod crowd;
mod damage;
mod engines;
mod errors;
mod figures;
pub mod file;
mod lanes;
mod leftovers;
mod load;
mod mend;
mod mirror;
mod open;
mod readers;
mod reads;
mod replies;
pub mod rescue;
mod roster;
mod save;
mod settings;
pub mod spoil;
mod sql;
#[cfg(test)]
mod tests;
mod update;
mod versions;
#[cfg(test)]
pub(crate) mod wound;
mod writer;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::damage::Damage;
use self::file::OpenFiles;
use self::open::Use;
use self::readers::Readers;
use self::reads::Look;
use self::save::Sinks;
use self::versions::Versions;
use self::writer::{Broken, Job, Writer};
use super::{
    AlertLine, CallFilter, CallLine, CallStory, Decide, DueLine, EngineBeat, EngineRow, FailureLine, Figures, LaneKey,
    LanePlace, LogFilter, LogLine, OptOutLine, OutboxLine, Peeked, Place, Pollable, Request, RosterCopy, Searchable,
    Sendable, Store, StoreError, Unreadable, rows,
};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::domain::PhoneNumber;
use crate::domain::breaker::Breaker;
use crate::domain::call::CallState;
use crate::domain::change::Answer;
use crate::domain::event::{Load, News};
use crate::domain::log::LogEntry;
use crate::domain::settings::{Basis, NewSettings, SettingsRow};
use crate::domain::types::{Actor, AttemptId, CallId, CallRef, MessageSid, Timestamp};

pub use self::open::{OpenOptions, StoreMode};

/// From this size on a checkpoint also empties the write-ahead log, for which writers wait a moment.
const WAL_LARGE: u64 = 64 * 1024 * 1024;

/// A look through everything does not stand in the way of a start.
const LOOK_FIRST: Duration = Duration::from_secs(60);
/// Wrong rows that one such look names.
const LOOKED_MAX: usize = 100;

/// How often damaged indexes are looked for at most.
const MEND_EVERY: Duration = Duration::from_secs(30);

/// How long a request and its answer are kept.
const REQUESTS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// A store in a file. Dropping it lets what was handed over be committed; [`SqliteStore::close`] also waits for that.
pub struct SqliteStore {
    path: PathBuf,
    files: OpenFiles,
    sinks: Sinks,
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    /// Never writes, so that its `data_version` tells of every commit, our own included.
    watcher: Arc<Mutex<Connection>>,
    versions: Versions,
    checkpointer: Arc<Mutex<Connection>>,
    /// Its commits wait for no disk.
    beater: Arc<Mutex<Connection>>,
    broken: Broken,
    damage: Damage,
    looked: Mutex<Option<Duration>>,
    mended: Mutex<Option<Duration>>,
    clock: SystemClock,
    opened: Stopwatch,
}

impl SqliteStore {
    /// Opens a store, or makes it; blocks for as long as a migration takes. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`StoreError::Open`] (missing, no directory, not a database, not ours, read-only, empty), [`StoreError::Newer`],
    /// [`StoreError::OtherMode`], [`StoreError::WrongFile`], [`StoreError::Busy`]: in each case the file is as it was.
    pub fn open(mut options: OpenOptions) -> Result<Self, StoreError> {
        options.path = file::real_path(&options.path);
        file::check_name(&options.path)?;
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|e| StoreError::Open { path: options.path.clone(), source: e.into() })?;
        let opened = |e| StoreError::Open { path: options.path.clone(), source: Box::new(e) };
        let conn = open::prepare(&options)?;
        let readers = Readers::open(&options)?;
        let watcher = open::connect(&options, Use::Read)?;
        let checkpointer = open::connect(&options, Use::Checkpoint)?;
        let beater = open::connect(&options, Use::Beat)?;
        let files = OpenFiles::at(&options.path).map_err(opened)?;
        let broken: Broken = Arc::new(OnceLock::new());
        let (jobs, waiting) = mpsc::channel(writer::WAITING_MAX);
        let task = runtime.spawn(writer::run(Writer::new(conn, Arc::clone(&broken)), waiting));
        Ok(Self {
            path: options.path,
            files,
            sinks: Sinks { mirror: options.mirror, alerts: options.alert_sinks.into() },
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(task)),
            readers,
            watcher: Arc::new(Mutex::new(watcher)),
            versions: Versions::default(),
            checkpointer: Arc::new(Mutex::new(checkpointer)),
            beater: Arc::new(Mutex::new(beater)),
            broken,
            damage: Damage::new(),
            looked: Mutex::default(),
            mended: Mutex::default(),
            clock: SystemClock::new(),
            opened: Stopwatch::start(),
        })
    }

    /// Takes no more changes, waits until those that were handed over are committed and answered, and moves the write-ahead
    /// log into the file. Later changes are [`StoreError::Closed`]; reads still work.
    ///
    /// # Errors
    /// Those of [`Store::checkpoint`]; the changes are committed all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.map_err(|_| StoreError::Closed)?;
        }
        self.checkpoint().await
    }

    /// The version of its schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn schema(&self) -> Result<i64, StoreError> {
        self.readers.read(|conn| Ok(conn.pragma_query_value(None, "user_version", |r| r.get(0))?)).await
    }

    /// What a store says without being opened for more; nothing where there is no such store. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: it is there and cannot be read.
    pub fn peek(options: &OpenOptions) -> Result<Peeked, StoreError> {
        settings::peek(options)
    }

    /// Why the store takes no more changes, once an fsync has failed.
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    /// One change: with its neighbours in a transaction, apart from them in its outcome. It may run more than once.
    async fn with_tx<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer::submit(&jobs.ok_or(StoreError::Closed)?, change).await
    }

    /// A read that leaves out what cannot be read.
    async fn list<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Look<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let damage = self.damage.clone();
        self.read(move |conn| read(Look { conn, damage: &damage })).await
    }

    /// A read; damage that it meets is said, and mended where it can be before the next one.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let done = self.readers.read(read).await;
        if let Err(e) = &done {
            self.met(e).await;
        }
        done
    }

    /// Damage of the file itself, and not of one call: it is said, indexes that it broke are made anew, and the next look
    /// through everything is due at once, which names the place.
    async fn met(&self, e: &StoreError) {
        let StoreError::Corrupt { what, call: None } = e else { return };
        self.damage.note_place("the file", what);
        let now = self.clock.boot();
        {
            let mut mended = self.mended.lock().unwrap_or_else(PoisonError::into_inner);
            if mended.is_some_and(|last| now.saturating_sub(last) < MEND_EVERY) {
                return;
            }
            *mended = Some(now);
        }
        let broken = self.readers.read(mend::broken_indexes).await;
        for index in broken.unwrap_or_default() {
            let name = index.clone();
            let why = match self.with_tx(move |conn| mend::make_anew(conn, &name)).await {
                Ok(()) => "a page of it was damaged; it was made anew from its table and is used again".to_owned(),
                Err(e) => format!("a page of it is damaged, and it cannot be made anew: {e}"),
            };
            self.damage.found(Unreadable { row: format!("the index {index}"), call: None, why });
        }
    }

    async fn on<T, F>(conn: &Arc<Mutex<Connection>>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let conn = Arc::clone(conn);
        tokio::task::spawn_blocking(move || work(&conn.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn transact(&self, load: Load, phones: Vec<PhoneNumber>, decide: Decide) -> Result<Answer, StoreError> {
        let sinks = self.sinks.clone();
        let done = self
            .with_tx(move |conn| {
                let loaded = load::load(conn, &load, &phones)?;
                let change = decide(&loaded).map_err(|what| StoreError::Refused { what })?;
                save::save(conn, &sinks, &loaded, change)
            })
            .await;
        if let Err(e) = &done {
            self.damage.note_error(e);
            self.met(e).await;
        }
        done.map(save::Saved::after_the_commit)
    }

    async fn story(&self, call: &CallId) -> Result<Option<CallStory>, StoreError> {
        let call = call.clone();
        self.list(move |look| reads::story(look, &call)).await.inspect_err(|e| self.damage.note_error(e))
    }

    async fn call(&self, call: &CallId) -> Result<Option<CallState>, StoreError> {
        let id = call.clone();
        let found = self.read(move |conn| load::call_state(conn, id.as_str())).await;
        if let Ok(Some(_)) = &found {
            self.damage.forget(call.as_str());
        }
        found.inspect_err(|e| self.damage.note_error(e))
    }

    async fn call_by_key(&self, key: &str) -> Result<Option<CallId>, StoreError> {
        let key = key.to_owned();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_KEY, &key)).await
    }

    async fn call_by_sid(&self, sid: &MessageSid) -> Result<Option<CallId>, StoreError> {
        let sid = sid.clone();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_SID, sid.as_str())).await
    }

    async fn call_by_reference(&self, reference: &CallRef) -> Result<Option<CallId>, StoreError> {
        let reference = reference.clone();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_REFERENCE, reference.as_str())).await
    }

    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |look| reads::calls(look, &filter)).await
    }

    async fn log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |look| reads::log(look, &filter)).await
    }

    async fn append_log(&self, entries: Vec<LogEntry>) -> Result<(), StoreError> {
        self.with_tx(move |conn| save::append_log(conn, &entries)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::due(look, now, limit)).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_wake(conn, after)).await
    }

    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError> {
        self.list(move |look| reads::next_wakes(look, limit)).await
    }

    async fn due_lines(&self, limit: usize) -> Result<Vec<DueLine>, StoreError> {
        self.list(move |look| reads::due_lines(look, limit)).await
    }

    async fn lanes(&self, after: Option<&LaneKey>, limit: usize) -> Result<Vec<LaneKey>, StoreError> {
        let after = after.cloned();
        self.list(move |look| lanes::lanes(look, after.as_ref(), limit)).await
    }

    async fn sendable(
        &self,
        now: Timestamp,
        places: &[LanePlace],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError> {
        let places = places.to_vec();
        self.list(move |look| lanes::sendable(look, now, &places, limit)).await
    }

    async fn next_sendable(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| lanes::next_sendable(conn, after)).await
    }

    async fn claims_of_others(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |look| reads::claims_of_others(look, &engine, limit)).await
    }

    async fn claims_of(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |look| reads::claims_of(look, &engine, limit)).await
    }

    async fn pollable(&self, now: Timestamp, limit: usize) -> Result<Vec<Pollable>, StoreError> {
        self.list(move |look| reads::pollable(look, now, limit)).await
    }

    async fn next_poll(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_poll(conn, after)).await
    }

    async fn open_outcomes(&self, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::open_outcomes(look, limit)).await
    }

    async fn searchable(&self, now: Timestamp, limit: usize) -> Result<Vec<Searchable>, StoreError> {
        self.list(move |look| reads::searchable(look, now, limit)).await
    }

    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_search(conn, after)).await
    }

    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| figures::stranded(look, quiet_since, limit)).await
    }

    async fn untold(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::untold(look, before, limit)).await
    }

    fn left_out(&self) -> Vec<Unreadable> {
        self.damage.rows()
    }

    async fn unreadable(&self, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
        self.read(move |conn| check::unreadable(conn, limit)).await
    }

    async fn look_through(&self, every: Duration) -> Result<(), StoreError> {
        let now = self.clock.boot();
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = self.damage.take_alarm()
                || looked.map_or_else(
                    || self.opened.passed() >= every.min(LOOK_FIRST),
                    |last| now.saturating_sub(last) >= every,
                );
            if !due {
                return Ok(());
            }
            *looked = Some(now);
        }
        for found in self.unreadable(LOOKED_MAX).await? {
            self.damage.found(found);
        }
        Ok(())
    }

    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, News)>, StoreError> {
        self.read(move |conn| leftovers::kept_receipts(conn, limit)).await
    }

    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
        self.read(move |conn| leftovers::stuck_outbox(conn, before)).await
    }

    async fn hurry_outbox(&self, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| leftovers::hurry_outbox(conn, now)).await
    }

    async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        self.list(move |look| figures::figures(look, now)).await
    }

    async fn failures(&self, since: Timestamp) -> Result<Vec<FailureLine>, StoreError> {
        self.read(move |conn| figures::failures(conn, since)).await
    }

    async fn alerts(&self) -> Result<Vec<AlertLine>, StoreError> {
        self.list(reads::alerts).await
    }

    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.read(load::breakers).await
    }

    async fn opt_outs(&self) -> Result<Vec<OptOutLine>, StoreError> {
        self.read(reads::opt_outs).await
    }

    async fn settings(&self) -> Result<Option<SettingsRow>, StoreError> {
        self.read(settings::newest).await
    }

    async fn put_settings(&self, new: &NewSettings) -> Result<SettingsRow, StoreError> {
        let new = new.clone();
        self.with_tx(move |conn| settings::put(conn, &new)).await
    }

    async fn basis(&self) -> Result<Basis, StoreError> {
        self.read(settings::basis).await
    }

    async fn roster(&self) -> Result<Option<RosterCopy>, StoreError> {
        self.read(roster::read).await
    }

    async fn keep_roster(&self, copy: Option<&RosterCopy>) -> Result<(), StoreError> {
        let copy = copy.cloned();
        self.with_tx(move |conn| roster::keep(conn, copy.as_ref())).await
    }

    async fn post_request(&self, kind: &str, payload: Value, actor: &Actor, now: Timestamp) -> Result<i64, StoreError> {
        let (kind, actor) = (kind.to_owned(), actor.clone());
        self.with_tx(move |conn| {
            let payload = rows::to_json("a request", &payload)?;
            conn.prepare_cached(sql::FORGET_REQUESTS)?.execute([now.minus(REQUESTS_KEPT).as_millis()])?;
            conn.prepare_cached(sql::POST_REQUEST)?.execute(params![kind, payload, actor.0, now.as_millis()])?;
            Ok(conn.last_insert_rowid())
        })
        .await
    }

    async fn open_requests(&self) -> Result<Vec<Request>, StoreError> {
        self.list(reads::open_requests).await
    }

    async fn answer_request(&self, id: i64, result: Value, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            let result = rows::to_json("an answer", &result)?;
            conn.prepare_cached(sql::ANSWER_REQUEST)?.execute(params![id, result, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn request(&self, id: i64) -> Result<Option<Request>, StoreError> {
        self.read(move |conn| reads::request(conn, id)).await
    }

    async fn engine(&self) -> Result<Option<EngineRow>, StoreError> {
        self.list(engines::newest).await
    }

    async fn engine_started(&self, row: &EngineRow) -> Result<(), StoreError> {
        let row = row.clone();
        let path = self.path.to_str().map(str::to_owned);
        let is_new_name = self
            .with_tx(move |conn| {
                // By which of several names it was used, should it ever have several.
                let kept =
                    conn.prepare_cached(sql::KEEP_PATH)?.execute(params![path.as_deref().unwrap_or_default()])?;
                engines::started(conn, &row)?;
                Ok(kept > 0)
            })
            .await?;
        if is_new_name {
            // Whoever opens the file by another name reads it without the log, which lies beside this one.
            self.checkpoint().await?;
        }
        Ok(())
    }

    async fn engine_beats(&self, id: &str, beat: &EngineBeat) -> Result<(), StoreError> {
        let (id, beat) = (id.to_owned(), beat.clone());
        Self::on(&self.beater, move |conn| engines::beats(conn, &id, &beat)).await
    }

    async fn engine_stopped(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.with_tx(move |conn| engines::stopped(conn, &id, at)).await
    }

    async fn probe(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let started = self.clock.boot();
        self.with_tx(move |conn| {
            conn.prepare_cached(sql::PROBE)?.execute([now.as_millis().to_string()])?;
            Ok(())
        })
        .await?;
        Ok(self.clock.boot().saturating_sub(started))
    }

    async fn version(&self) -> Result<u64, StoreError> {
        Self::on(&self.watcher, versions::of).await
    }

    async fn version_of_others(&self) -> Result<u64, StoreError> {
        let seen = self.version().await?;
        if self.versions.is_known(seen) {
            return Ok(self.versions.of_others());
        }
        // Somebody committed: only the connection that makes our own commits can tell whose it was.
        self.versions.learn(seen, self.with_tx(versions::of).await)
    }

    fn place(&self) -> Place {
        self.files.place(&self.path)
    }

    async fn rescue(&self, lost: Timestamp) -> Result<PathBuf, StoreError> {
        let (path, files, lost) = (self.path.clone(), self.files, lost.rfc3339());
        self.readers.read(move |conn| rescue::write(conn, &path, &files, &lost)).await
    }

    fn place_is_held(&self) -> bool {
        self.files.is_taken(&self.path)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        let wal = file::beside(&self.path, "-wal");
        let broken = Arc::clone(&self.broken);
        if let Some(what) = broken.get() {
            // What an fsync has failed on is not to be moved into the main file.
            return Err(StoreError::Broken { what: what.clone() });
        }
        Self::on(&self.checkpointer, move |conn| {
            let large = fs::metadata(wal).is_ok_and(|m| m.len() > WAL_LARGE);
            let how = if large { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
            // Its row says whether somebody was in the way: then the next one does it.
            match conn.prepare_cached(how)?.query_row([], |_| Ok(())).map_err(StoreError::from) {
                Ok(()) | Err(StoreError::Busy) => Ok(()),
                Err(StoreError::Broken { what }) => {
                    drop(broken.set(what.clone()));
                    Err(StoreError::Broken { what })
                }
                Err(e) => Err(e),
            }
        })
        .await
    }
}
