//! The store in one SQLite file: a writer that commits what waits together, readers beside it, WAL, `synchronous=FULL`.
//!
//! Several processes may have the file open (the engine and commands); each sees the others' commits. Statements are in `sql.rs`
//! and beside the reads that make them, the schema is in `migrations/`. After a crash at any point the file holds every change
//! that was answered and no part of another.

mod alerts;
mod backup;
#[cfg(test)]
pub(crate) mod bulk;
mod calendars;
mod check;
mod connections;
mod control;
pub(crate) mod corrupt;
#[cfg(test)]
mod cost_tests;
mod damage;
mod engines;
mod errors;
mod event_cursors;
mod figures;
pub(super) mod file;
mod handle;
mod heal;
mod lease;
mod ledger;
mod load;
mod mirror;
mod open;
mod orphans;
mod outbox;
mod overrides;
#[cfg(test)]
pub(crate) mod page_damage;
mod phone_calls;
mod policies;
mod queues;
mod readers;
mod reads;
mod repair;
mod replies;
mod reports;
mod rescue;
mod ringing;
mod roll_calls;
mod rows_copy;
mod save;
mod send_queues;
mod settings;
mod sql;
mod synced_contacts;
#[cfg(test)]
mod tests;
mod update;
mod upkeep;
mod versions;
mod views;
mod writer;

pub(super) use self::handle::SqliteStore;

use std::fs;
use std::path::Path;

use super::{Holder, Room};

/// See [`super::holder`].
pub(super) fn holder(path: &Path) -> Option<Holder> {
    lease::FileLease::holder(path)
}

/// See [`super::room`].
pub(super) fn room(path: &Path) -> Room {
    let log = path.exists().then(|| fs::metadata(file::beside(path, "-wal")).map_or(0, |m| m.len()));
    let (at, free) = file::free_beside(path);
    Room { log, at: at.to_owned(), free }
}
