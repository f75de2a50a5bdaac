//! The upkeep of the file: see [`Upkeep`].

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use super::handle::SqliteStore;
use super::open::{self, Use};
use super::{backup, export, file, heal, rescue};
use crate::domain::Timestamp;
use crate::store::{Backup, Counted, Overwrite, Place, StoreError, Upkeep};

/// From this size on a checkpoint also empties the write-ahead log, for which writers wait a moment.
const WAL_LARGE: u64 = 64 * 1024 * 1024;

#[async_trait]
impl Upkeep for SqliteStore {
    fn place(&self) -> Place {
        self.files.place(self.options.path())
    }

    fn held_by_another(&self) -> Option<StoreError> {
        let path = self.options.path();
        let what = self.place().trouble().map(str::to_owned).filter(|_| self.files.is_taken(path))?;
        Some(StoreError::WrongFile { path: path.to_owned(), what })
    }

    async fn rescue(&self, lost: Timestamp) -> Result<PathBuf, StoreError> {
        self.common.gate.before_read().await;
        let (path, files, lost) = (self.options.path().to_owned(), self.files, lost.rfc3339());
        self.readers.read(move |conn| rescue::write(conn, &path, &files, &lost)).await
    }

    fn set_rescued_aside(&self) -> Result<(), StoreError> {
        rescue::set_quarantined(self.options.path()).map_err(|e| StoreError::Full { what: e.to_string() })
    }

    fn rescued(&self) -> Option<PathBuf> {
        rescue::newest(self.options.path())
    }

    async fn back_up(&self, now: Timestamp) -> Result<Backup, StoreError> {
        self.common.gate.before_read().await;
        let stopped = Arc::new(AtomicBool::new(false));
        let _stop = backup::StopOnDrop(Arc::clone(&stopped));
        let options = self.options.clone();
        let copied = tokio::task::spawn_blocking(move || {
            let conn = open::connect(&options, Use::Read)?;
            let snapshot = conn.unchecked_transaction()?;
            let name = backup::Name { at: now, before: None };
            backup::write(&snapshot, options.path(), &name, options.backups, &stopped)
        });
        let path = copied.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(Backup { path, made_at: now })
    }

    async fn copy_to(&self, file: &Path, over: Overwrite) -> Result<Counted, StoreError> {
        self.common.gate.before_read().await;
        let stopped = Arc::new(AtomicBool::new(false));
        let _stop = backup::StopOnDrop(Arc::clone(&stopped));
        let (options, file) = (self.options.clone(), file.to_owned());
        let copied = tokio::task::spawn_blocking(move || {
            let conn = open::connect(&options, Use::Read)?;
            let snapshot = conn.unchecked_transaction()?;
            export::write(&snapshot, options.path(), &file, over, &stopped)
        });
        copied.await.unwrap_or(Err(StoreError::Closed))
    }

    fn backups_kept(&self) -> usize {
        self.options.backups
    }

    fn backups(&self) -> Vec<Backup> {
        backup::all(self.options.path())
    }

    async fn empty_log(&self) -> Result<bool, StoreError> {
        self.checkpoint().await?;
        Self::on(&self.checkpointer, |conn| {
            let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, i64>(0));
            match emptied.map_err(StoreError::from) {
                Ok(in_the_way) => Ok(in_the_way == 0),
                Err(StoreError::Busy) => Ok(false),
                Err(e) => Err(e),
            }
        })
        .await
    }

    async fn compact(&self) -> Result<(), StoreError> {
        let options = self.options.clone();
        let done = tokio::task::spawn_blocking(move || {
            let conn = open::connect(&options, Use::Write)?;
            let free = file::free_beside(options.path()).1.map_err(|e| StoreError::Full { what: e.to_string() })?;
            backup::room_for(backup::size_of(&conn)?.saturating_mul(2), backup::SPARE, free)?;
            conn.execute_batch("VACUUM").map_err(StoreError::from)
        });
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    fn other_copies(&self) -> Vec<PathBuf> {
        let path = self.options.path();
        let mut all: Vec<PathBuf> = backup::all(path).into_iter().map(|b| b.path).collect();
        all.extend(heal::kept_beside(path));
        all.extend(rescue::all(path));
        all
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.common.gate.before_read().await;
        let wal = file::beside(self.options.path(), "-wal");
        let broken = Arc::clone(&self.broken);
        if let Some(what) = broken.get() {
            // What an fsync has failed on is not to be moved into the main file.
            return Err(StoreError::Broken { what: what.clone() });
        }
        Self::on(&self.checkpointer, move |conn| {
            let large = fs::metadata(wal).is_ok_and(|m| m.len() > WAL_LARGE);
            // Writers wait for the second one: the first leaves it little to move.
            let ways = ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"];
            for how in ways.into_iter().take(1 + usize::from(large)) {
                // Its row says whether somebody was in the way: then the next one does it.
                match conn.prepare_cached(how)?.query_row([], |_| Ok(())).map_err(StoreError::from) {
                    Ok(()) | Err(StoreError::Busy) => {}
                    Err(StoreError::Broken { what }) => {
                        drop(broken.set(what.clone()));
                        return Err(StoreError::Broken { what });
                    }
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        })
        .await
    }
}
