//! Whether somebody else committed. SQLite's `data_version` of a connection changes with the commits of every other connection,
//! so that of the writer tells of other processes alone, and that of a connection which never writes tells of all
//! (source: SQLite's page on `PRAGMA data_version`).

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::store::{StoreError, rows};

/// The version that a connection sees.
pub(super) fn of(conn: &Connection) -> Result<u64, StoreError> {
    let version: i64 = conn.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0))?;
    u64::try_from(version).map_err(|_| rows::corrupt("data_version"))
}

/// What was last seen. Nothing of it outlives the process: a start looks at everything anyway.
#[derive(Debug, Default)]
pub(super) struct Versions(Mutex<StoredVersion>);

#[derive(Debug, Default)]
struct StoredVersion {
    /// By the connection that never writes, when the writer was last asked.
    all: Option<u64>,
    writer: u64,
    /// Grows with each change of the writer's.
    changes: u64,
}

impl Versions {
    fn seen(&self) -> std::sync::MutexGuard<'_, StoredVersion> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody has committed since the writer was asked.
    pub(super) fn is_known(&self, all: u64) -> bool {
        self.seen().all == Some(all)
    }

    pub(super) fn of_others(&self) -> u64 {
        self.seen().changes
    }

    /// What the writer says, asked after `all` was seen. A writer that cannot answer now (a full disk, a lock that is held) is
    /// asked again, and until then it counts as a change: a look too many harms nobody.
    ///
    /// # Errors
    /// Where the store is closed or not to be trusted.
    pub(super) fn learn(&self, all: u64, writer: Result<u64, StoreError>) -> Result<u64, StoreError> {
        let mut seen = self.seen();
        match writer {
            Ok(writer) => {
                if seen.all.is_none() || seen.writer != writer {
                    seen.changes += 1;
                }
                (seen.all, seen.writer) = (Some(all), writer);
            }
            Err(e @ (StoreError::Closed | StoreError::Broken { .. })) => return Err(e),
            Err(_) => seen.changes += 1,
        }
        Ok(seen.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_writers_version_counts_and_a_writer_that_cannot_answer_is_asked_again() {
        let v = Versions::default();
        assert!(!v.is_known(1));
        let first = v.learn(1, Ok(7)).expect("learnt");
        assert!(v.is_known(1) && v.of_others() == first);
        assert_eq!(v.learn(2, Ok(7)).expect("learnt"), first, "our own commit");
        assert_eq!(v.learn(3, Ok(8)).expect("learnt"), first + 1, "another's");
        let full = || Err(StoreError::Full { what: "disk".into() });
        assert_eq!(v.learn(4, full()).expect("a look too many"), first + 2);
        assert!(!v.is_known(4) && v.is_known(3));
        assert!(v.learn(4, Err(StoreError::Closed)).is_err());
    }
}
