//! What a store says before it is opened for more.

use std::time::Duration;

use super::counted::open_alone;
use super::file;
use super::open::{self, Use};
use crate::store::sql::Connection;
use crate::store::{Location, Peeked, StoreError, StoreSettings, tables};

/// What a store says before it is opened; nothing of one that is not there, is another's, or is of another version. Changes
/// nothing, and blocks.
///
/// # Errors
/// [`StoreError`]: it is there and cannot be read, so that nobody knows whether it holds settings.
pub(super) fn peek(options: &StoreSettings) -> Result<Peeked, StoreError> {
    if !file::is_there(options.path())? {
        return Ok(Peeked::default());
    }
    let options = &StoreSettings { location: Location::File(file::real_path(options.path())), ..options.clone() };
    if file::check_name(options.path()).is_err() {
        // Whoever opens it says why not.
        return Ok(Peeked::default());
    }
    let conn = open::connect(options, Use::Read)?;
    if !open::is_ours(&conn, options) {
        return Ok(Peeked::default());
    }
    let snapshot = conn.unchecked_transaction()?;
    tables::peeked(Connection::Sqlite(&snapshot))
}

/// Nobody who types waits for longer.
const PATIENCE: Duration = Duration::from_millis(20);

/// See [`crate::store::open_calls`]. Nobody has a store without a log open. What is in a log that nobody has open is not looked at:
/// its reader would have to make a file.
pub(super) fn open_calls(options: &StoreSettings) -> Result<Vec<(String, String)>, StoreError> {
    if !file::is_there(options.path())? {
        return Ok(Vec::new());
    }
    let path = file::real_path(options.path());
    let location = Location::File(path.clone());
    let options = &StoreSettings { location, busy_timeout: PATIENCE, create: false, ..options.clone() };
    let has = |end: &str| std::fs::metadata(file::beside(&path, end)).is_ok_and(|m| m.len() > 0);
    let conn = match (has("-wal"), has("-shm")) {
        (false, _) => open_alone(&path)?,
        (true, true) => open::connect(options, Use::Read)?,
        (true, false) => return Ok(Vec::new()),
    };
    if !open::is_ours(&conn, options) {
        return Ok(Vec::new());
    }
    let snapshot = conn.unchecked_transaction()?;
    tables::open_calls(Connection::Sqlite(&snapshot))
}
