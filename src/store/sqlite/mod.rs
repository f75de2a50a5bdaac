//! The store in one SQLite file: a writer that commits what waits together, readers beside it, WAL, `synchronous=FULL`.
//!
//! Several processes may have the file open (the engine and commands); each sees the others' commits. Statements are in
//! [`super::tables`], the schema is in `migrations/`. After a crash at any point the file holds every change
//! that was answered and no part of another.

mod backup;
#[cfg(test)]
pub(crate) mod bulk;
mod check;
#[cfg(test)]
mod check_tests;
mod connections;
pub(crate) mod corrupt;
#[cfg(test)]
mod cost_tests;
mod counted;
#[cfg(test)]
mod damage_tests;
mod database;
mod errors;
mod export;
pub(super) mod file;
mod handle;
mod heal;
mod lease;
#[cfg(test)]
pub(crate) mod manual_edits;
mod moved;
mod open;
#[cfg(test)]
pub(crate) mod page_damage;
mod peek;
#[cfg(test)]
mod prune_tests;
mod readers;
mod repair;
mod rescue;
mod restore;
mod rows_copy;
#[cfg(test)]
mod tests;
mod transaction;
mod upkeep;
mod versions;

pub(super) use self::handle::SqliteStore;
pub(super) use self::moved::FrozenFile;
pub(super) use self::restore::restore;

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
