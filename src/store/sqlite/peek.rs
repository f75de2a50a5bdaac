//! What a store says before it is opened for more.

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
