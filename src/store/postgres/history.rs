//! Whether the server that answers has all that this process has seen.
//!
//! A failover to a server that had not copied everything, and a server that was restored, show in its timeline, in its identifier, or
//! in fewer transactions than were seen. Looked at on each new connection of the writer, before anything is written by it: then it is
//! noted in the store since when its story may be incomplete, and terms that began before decide nothing more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::{debug, warn};

use super::connection::PgConnection;
use crate::store::sql::Connection;
use crate::store::{StoreError, rows};

/// The server, its history and the store in it: the first two change where another server goes on, the last where a dump was restored.
/// None of it needs a right of its own (measured on PostgreSQL 15); the timeline is that of the next write, which a server that was
/// promoted a moment ago has at once.
const SERVER: &str = "SELECT system_identifier || ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || ' ' ||
    COALESCE(CAST(CAST(to_regclass('meta') AS oid) AS text), '') FROM pg_control_system()";
/// How many transactions of all processes changed something. Signs of life do not count.
pub(super) const COMMITS: &str = "SELECT n FROM commits";
/// Since when the story may be incomplete, and why: where that is not noted yet. The time is that of the newest entry.
const NOTE: &str = "INSERT INTO meta (key, value)
    SELECT 'history_doubt', CAST(COALESCE((SELECT at FROM log ORDER BY seq DESC LIMIT 1), 0) AS text) || ' ' || ?1
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value = ''";
const IS_ANOTHER: &str = "SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'server' AND value <> ?1)";

/// What this process knows of the server.
#[derive(Debug, Default)]
pub(super) struct ServerHistory {
    server: Mutex<Option<String>>,
    /// The most transactions that were seen.
    commits: AtomicU64,
    /// Grows where another history goes on: terms that began before are over.
    changes: AtomicU64,
}

impl ServerHistory {
    /// Which server it is; `None`: it does not say (some managed services do not).
    pub(super) fn server(&self) -> Option<String> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often another history went on.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// So many transactions were committed.
    pub(super) fn saw(&self, commits: u64) {
        self.commits.fetch_max(commits, Ordering::Relaxed);
    }

    /// A new connection, before anything is written by it.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known; the connection must not be written to, and the next one is looked at as this one was.
    pub(super) fn look(&self, conn: &PgConnection) -> Result<(), StoreError> {
        let known = self.commits.load(Ordering::Relaxed);
        let (now, commits) = (server(conn)?, commits(conn)?);
        let before = self.server();
        let is_other = before.is_some() && now.is_some() && before != now;
        let has_lost = commits < known;
        let why = if now.as_ref().map_or(Ok(false), |now| is_another(conn, now))? {
            Some(
                "another server goes on with it: a failover, an upgrade of the server, or a backup that was restored"
                    .to_owned(),
            )
        } else if has_lost && !is_other {
            let few = known - commits;
            Some(format!("its server has {few} transaction{} fewer than were seen", if few == 1 { "" } else { "s" }))
        } else {
            // The same server, or another one that was looked into already.
            None
        };
        if let Some(why) = &why {
            let noted = Connection::Postgres(conn).prepare_cached(NOTE)?.execute([why.as_str()])?;
            if noted > 0 {
                warn!(
                    why,
                    "the store's story may be incomplete: it is compared with the provider's list before more is sent"
                );
            }
        }
        if is_other || has_lost {
            self.changes.fetch_add(1, Ordering::Relaxed);
            self.commits.store(commits, Ordering::Relaxed);
        } else {
            self.saw(commits);
        }
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }
}

/// Which server this connection leads to, and which of its histories.
///
/// # Errors
/// [`StoreError`]: the connection is lost.
pub(super) fn server(conn: &PgConnection) -> Result<Option<String>, StoreError> {
    match conn.word(SERVER) {
        Ok(said) => Ok(said),
        Err(e) if conn.is_over() => Err(e),
        Err(e) => {
            debug!(error = %e, "the server does not say which one it is");
            Ok(None)
        }
    }
}

fn commits(conn: &PgConnection) -> Result<u64, StoreError> {
    let n: i64 = Connection::Postgres(conn).prepare_cached(COMMITS)?.query_row([], |r| r.get(0))?;
    u64::try_from(n).map_err(|_| rows::corrupt("commits.n"))
}

fn is_another(conn: &PgConnection, now: &str) -> Result<bool, StoreError> {
    Connection::Postgres(conn).prepare_cached(IS_ANOTHER)?.query_row([now], |r| r.get(0))
}
