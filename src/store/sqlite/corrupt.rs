//! What drills do to the file of a test store: hold its lock as another program would, corrupt a row and repair it, find a page.
//!
//! A live store is refused: nothing of it is touched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

pub use super::file::beside;
use crate::domain::types::CallId;
use crate::store::StoreError;

/// How long these wait for a writer.
const WAIT: Duration = Duration::from_secs(10);

/// Another program's transaction: nobody else writes until it is dropped.
#[derive(Debug)]
pub struct Held(Connection);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the connection takes it back all the same.
        let _ = self.0.execute_batch("ROLLBACK");
    }
}

/// Takes the lock that every writer needs, and keeps it.
///
/// # Errors
/// [`StoreError`]: it is no test store, or somebody else holds it.
pub fn hold(path: &Path) -> Result<Held, StoreError> {
    let conn = test_store(path)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    Ok(Held(conn))
}

/// A column of a call that can be corrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// Its ladder is cut off in the middle of its JSON.
    Policy,
    /// It is DISPATCHING and has no time at which anybody looks at it.
    Wake,
}

impl Corruption {
    const fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Policy => (
                "SELECT policy FROM calls WHERE id = ?1",
                "UPDATE calls SET policy = substr(policy, 1, 20) WHERE id = ?1",
                "UPDATE calls SET policy = ?2 WHERE id = ?1",
            ),
            Self::Wake => (
                "SELECT wake_at FROM calls WHERE id = ?1",
                "UPDATE calls SET wake_at = NULL WHERE id = ?1",
                "UPDATE calls SET wake_at = ?2 WHERE id = ?1",
            ),
        }
    }
}

/// A corrupted row, and what was in it.
#[derive(Debug)]
pub struct CorruptedPage {
    path: PathBuf,
    call: CallId,
    what: Corruption,
    was: Value,
}

/// Spoils a row as a failing disk, or somebody's hand, would: past the checks of the schema.
///
/// # Errors
/// [`StoreError`]: it is no test store, or has no such call.
pub fn corrupt(path: &Path, call: &CallId, what: Corruption) -> Result<CorruptedPage, StoreError> {
    let conn = test_store(path)?;
    let (read, corrupt, _) = what.columns();
    let was = conn.query_row(read, [call.as_str()], |r| r.get(0))?;
    conn.execute(corrupt, [call.as_str()])?;
    Ok(CorruptedPage { path: path.to_owned(), call: call.clone(), what, was })
}

impl CorruptedPage {
    /// Puts back what was there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn repair(self) -> Result<(), StoreError> {
        let (_, _, repair) = self.what.columns();
        test_store(&self.path)?.execute(repair, rusqlite::params![self.call.as_str(), self.was])?;
        Ok(())
    }
}

/// Where the first page of a table lies in the file, and how long it is, in bytes; everything that was written is in the file
/// itself then.
///
/// # Errors
/// [`StoreError`]: it is no test store, or has no such table.
pub fn page_of(path: &Path, table: &str) -> Result<(u64, u64), StoreError> {
    let conn = test_store(path)?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let page: i64 =
        conn.query_row("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1", [table], |r| r.get(0))?;
    let size: i64 = conn.pragma_query_value(None, "page_size", |r| r.get(0))?;
    let bytes = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok((bytes(page.saturating_sub(1).saturating_mul(size)), bytes(size)))
}

fn test_store(path: &Path) -> Result<Connection, StoreError> {
    let refused = |why: String| StoreError::Refused { what: format!("a drill on {}: {why}", path.display()) };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| refused(e.to_string()))?;
    conn.busy_timeout(WAIT)?;
    let stamp: String = conn.query_row("SELECT value FROM meta WHERE key = 'mode'", [], |r| r.get(0))?;
    if stamp != crate::store::StoreMode::Test.as_str() {
        return Err(refused(format!("it is stamped {stamp}, not test")));
    }
    conn.execute_batch("PRAGMA ignore_check_constraints = ON")?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::super::SqliteStore;
    use super::*;
    use crate::store::{StoreMode, StoreSettings};

    #[tokio::test]
    async fn a_live_store_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s.db");
        let settings = StoreSettings { create: true, ..StoreSettings::of(path.as_path(), StoreMode::Live) };
        drop(SqliteStore::open(settings).expect("made"));
        let call: CallId = "c1".parse().expect("id");
        let said = [
            hold(&path).map(drop).expect_err("live"),
            corrupt(&path, &call, Corruption::Wake).map(drop).expect_err("live"),
            page_of(&path, "calls").map(drop).expect_err("live"),
        ];
        for e in said {
            assert!(matches!(&e, StoreError::Refused { what } if what.contains("stamped live")), "{e:?}");
        }
    }
}
