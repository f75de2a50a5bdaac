//! What is known of the place of the store's file.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;

use crate::store::Lease;

/// What is known.
#[derive(Debug, Default)]
pub struct FileWatch {
    state: Mutex<WatchedFile>,
    pub(super) lock: OnceLock<Arc<dyn Lease>>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct WatchedFile {
    /// The first look after a start also ends what the engine before has raised.
    pub(super) looked: bool,
    /// Since when the file is not in its place.
    pub(super) lost: Option<Timestamp>,
    /// Somebody was told so.
    pub(super) raised: bool,
    pub(super) copy: Option<Copy>,
    /// The note beside the store cannot be kept: said once.
    pub(super) note_said: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) at: PathBuf,
    /// Of which the store is a copy, by its version.
    pub(super) version: u64,
    /// By the clock that nobody can step.
    pub(super) made: Duration,
}

impl FileWatch {
    /// Keeps the lock file of this lock beside the store; to be said before the engine runs.
    pub fn holds(&self, lock: Arc<dyn Lease>) {
        let _ = self.lock.set(lock);
    }

    pub(super) fn state(&self) -> WatchedFile {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, state: WatchedFile) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Where the copy is, while the file is not in its place and one could be written.
    pub fn copy(&self) -> Option<PathBuf> {
        self.state().copy.map(|c| c.at)
    }
}
