//! Connections that are opened when they are first needed: what a command does not need, it does not open.
//!
//! A connection is of the file that the store was opened with, also when another file has its name by then: that one is never
//! worked on. Whoever is the engine opens all of its connections at once, for it goes on with a file that is gone from its place.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::file::OpenFiles;
use super::open::{Use, connect};
use crate::store::{StoreError, StoreSettings};

/// Opens further connections to one open store.
#[derive(Clone)]
pub(super) struct Opener {
    options: Arc<StoreSettings>,
    files: OpenFiles,
}

impl Opener {
    pub(super) fn new(options: &StoreSettings, files: OpenFiles) -> Self {
        Self { options: Arc::new(options.clone()), files }
    }

    /// Blocks.
    ///
    /// # Errors
    /// [`StoreError::WrongFile`]: the file is not in its place any more. [`StoreError::Open`].
    pub(super) fn open(&self, what_for: Use) -> Result<Connection, StoreError> {
        let path = self.options.path();
        let conn = connect(&self.options, what_for)?;
        if self.files.is_own(path) {
            return Ok(conn);
        }
        let what = "its file is not in its place any more".to_owned();
        Err(StoreError::WrongFile { path: path.to_owned(), what })
    }
}

/// One connection, opened when it is first needed.
pub(super) struct OnDemand {
    opener: Opener,
    what_for: Use,
    open: Mutex<Option<Connection>>,
}

impl OnDemand {
    pub(super) fn new(opener: &Opener, what_for: Use) -> Arc<Self> {
        Arc::new(Self { opener: opener.clone(), what_for, open: Mutex::default() })
    }

    /// Blocks.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let conn = match open.take() {
            Some(conn) => conn,
            None => self.opener.open(self.what_for)?,
        };
        work(open.insert(conn))
    }
}
