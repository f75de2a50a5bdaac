//! The upkeep of a store that is a file of this machine.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;

/// Whether what a store has open is still what its name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is; a backend without a file always is.
    Here,
    /// A file of it is gone from there: which, for people. What is open goes on to work, and ends with its process.
    Gone(String),
    /// Another file lies there.
    Replaced(String),
}

impl Place {
    /// What is wrong.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Here => None,
            Self::Gone(what) | Self::Replaced(what) => Some(what),
        }
    }
}

/// How much room a store's disk has, and its log takes.
#[derive(Debug)]
pub struct Room {
    /// Bytes of the write-ahead log; `None`: there is no store yet.
    pub log: Option<u64>,
    /// The directory that is there.
    pub at: PathBuf,
    /// Bytes that are free in its file system.
    pub free: io::Result<u64>,
}

/// A copy of the whole store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    /// When it was made, to the second.
    pub made_at: Timestamp,
}

/// Whether a file that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    Refuse,
    Replace,
}

/// A copy of the whole store that a person asked for: opened, counted and compared with the store before it had its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Bytes of its file.
    pub size: u64,
    pub schema: i64,
    /// Every table and how many rows it has.
    pub rows: Vec<(String, u64)>,
    pub calls: u64,
    /// Those that are neither RESOLVED nor CANCELLED.
    pub open: u64,
    /// When its newest entry was written; `None`: the log is empty.
    pub newest: Option<Timestamp>,
}

/// A store that a copy was put in the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub counted: Counted,
    /// Where what was there before is kept.
    pub kept: Option<PathBuf>,
}

/// Owns the store's file and its copies beside it, and none of what is in them. A store that somebody else keeps has none of this:
/// nobody asks a server for a checkpoint, or where its file is.
///
/// The engine's loops and `doctor` call it. A crash in the middle of any of it loses nothing of the store and leaves no copy that
/// is taken for a whole one. Each method may be called again.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Whether what is open is still in its place: cheap enough for every call that is accepted.
    fn place(&self) -> Place;
    /// [`StoreError::WrongFile`] where another engine holds what lies in the place of this store now: this one must stop.
    fn held_by_another(&self) -> Option<StoreError>;
    /// Writes the store to a copy beside the place where it was, and says where; `lost` is part of its name, and the same one
    /// replaces the copy before. Nobody who writes waits for it.
    async fn rescue(&self, lost: Timestamp) -> Result<PathBuf, StoreError>;
    /// Copies of a loss that is over keep their content under names by which no start takes them.
    fn set_rescued_aside(&self) -> Result<(), StoreError>;
    /// The newest copy of a loss, for a person to look through; `None`: there is none.
    fn rescued(&self) -> Option<PathBuf>;
    /// Makes a copy of the whole store beside it, and removes the oldest beyond the number that is kept. Commits go on beside it.
    /// Whoever stops waiting ends it.
    ///
    /// # Errors
    /// [`StoreError::Full`]: there is no room for it; [`StoreError::Corrupt`]: what would be copied is damaged. The copies from
    /// before are as they were.
    async fn back_up(&self, now: Timestamp) -> Result<Backup, StoreError>;
    /// Makes a copy of the whole store at `file`, as private and as well verified. Commits go on beside it. Whoever stops waiting ends
    /// it. The file has its name only once it is whole and on the disk; what it replaces is there until then.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::WrongFile`]: the name is the store's own, or that of a store in use; those of
    /// [`Upkeep::back_up`]. Whatever was at `file` before is as it was.
    async fn copy_to(&self, file: &Path, over: Overwrite) -> Result<Counted, StoreError>;
    /// How many copies are kept; 0: none are made.
    fn backups_kept(&self) -> usize;
    /// Every whole copy, newest first.
    fn backups(&self) -> Vec<Backup>;
    /// Moves the write-ahead log into the main file and empties it: what was changed is nowhere in it any more. `false`: somebody
    /// reads or writes; to be asked again.
    async fn empty_log(&self) -> Result<bool, StoreError>;
    /// Writes the whole store anew, so that no part of the file holds what was taken out of it before; whoever writes meanwhile waits.
    async fn compact(&self) -> Result<(), StoreError>;
    /// Other files beside the store that hold what it held: its daily copies and what was kept of it for other reasons.
    fn other_copies(&self) -> Vec<PathBuf>;
    /// Moves the write-ahead log into the main file where nobody is disturbed by it.
    async fn checkpoint(&self) -> Result<(), StoreError>;
}
