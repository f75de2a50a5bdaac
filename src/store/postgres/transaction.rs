//! The transactions of this process's one writer.

use std::sync::Arc;
use std::time::Duration;

use super::connection::PgConnection;
use super::hints;
use super::history::ServerHistory;
use super::open::LOCKS;
use super::open::lock_key;
use super::own_commits::OwnCommits;
use crate::domain::event::Load;
use crate::failpoint::Safeguard;
use crate::store::sql::Connection;
use crate::store::tables;
use crate::store::writer::WriteConnection;
use crate::store::{PostgresUrl, StoreError};

/// Each statement sees what was committed before it began, whatever is the usual of the role or the database.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// Counted within the transaction: whoever sees the number sees what it counts.
const COUNT: &str = "UPDATE commits SET n = n + 1 RETURNING n";

/// The connection that changes the store, made anew where it was lost.
pub(super) struct ServerWriter {
    pub(super) conn: PgConnection,
    pub(super) url: PostgresUrl,
    /// Which lock is the store's.
    pub(super) key: i64,
    pub(super) lock_within: Duration,
    /// By whose name hints are given: letters and digits.
    pub(super) process: String,
    pub(super) own: Arc<OwnCommits>,
    /// Which server it is, and what it has.
    pub(super) history: Arc<ServerHistory>,
    /// What the connection had changed when the transaction began.
    pub(super) before: u64,
}

impl ServerWriter {
    /// One lock for all write transactions of all processes, held until the commit is visible: they run one after the other, and
    /// the log's numbers grow in the order of the commits.
    fn begin_once(&self) -> Result<(), StoreError> {
        self.conn.without_fence();
        let lock = format!("; SELECT pg_advisory_xact_lock({LOCKS}, {})", self.key);
        let lock = if Safeguard::WriteOrder.is_off() { "" } else { &lock };
        let begun = self.conn.batch(&format!("{BEGIN}{lock}"));
        if begun.is_err() && !self.conn.is_over() {
            // The transaction was begun, and failed.
            self.roll_back()?;
        }
        begun
    }
}

impl ServerWriter {
    /// A store that was restored in the place of this one has another lock: whoever goes on with the old one writes beside those who
    /// have the new one.
    fn is_the_same(&self) -> Result<(), StoreError> {
        match lock_key(&self.conn) {
            Ok(key) if key == self.key => Ok(()),
            Ok(_) => Err(StoreError::Broken {
                what: "another store is in its place (it was restored): start this process anew".into(),
            }),
            // There is none at this moment: it may be coming.
            Err(e) => {
                self.conn.leave();
                Err(StoreError::Unreachable { what: format!("the store is not there: {e}") })
            }
        }
    }
}

impl WriteConnection for ServerWriter {
    fn lend(&self) -> Connection<'_> {
        Connection::Postgres(&self.conn)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.conn.is_over() {
            self.before = self.conn.changes();
            match self.begin_once() {
                // The server ended it while nobody looked: a restart, a failover, an idle connection.
                Err(StoreError::Unreachable { .. } | StoreError::ReadOnly { .. }) => {}
                done => return done,
            }
        }
        self.conn = PgConnection::again(&self.url, self.lock_within)?;
        self.is_the_same()?;
        if let Err(e) = self.history.look(&self.conn) {
            self.conn.leave();
            return Err(e);
        }
        self.before = self.conn.changes();
        self.begin_once()
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.conn.flush()?;
        let fences = self.conn.fences();
        if self.conn.changes() == self.before {
            return self.conn.commit(&format!("{fences}COMMIT")).map(drop);
        }
        let (channel, by) = (hints::channel(self.key), &self.process);
        let commit = || self.conn.commit(&format!("{fences}{COUNT}; NOTIFY {channel}, '{by}'; COMMIT"));
        let counted = self.own.count(commit)?;
        if let Some(commits) = counted.and_then(|n| n.parse().ok()) {
            self.history.saw(commits);
        }
        Ok(())
    }

    /// The server takes back by itself what a connection leaves open: one on which that cannot be said is left.
    fn roll_back(&self) -> Result<(), StoreError> {
        if self.conn.batch("ROLLBACK").is_err() {
            self.conn.leave();
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.conn.batch(sql)
    }

    fn prefetch(&self, loads: &[Option<&Load>]) -> Result<(), StoreError> {
        self.conn.begin_batch();
        tables::prefetch(Connection::Postgres(&self.conn), loads)
    }

    fn begin_change(&self, place: usize) {
        self.conn.begin_change(place);
    }

    fn end_of_change(&self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        let ended = self.conn.end_change(outcome.is_ok());
        outcome.and(ended)
    }

    fn end_of_batch(&self) -> Result<(), StoreError> {
        self.conn.flush()
    }

    fn has_written(&self) -> bool {
        self.conn.has_written()
    }

    fn is_over(&self) -> bool {
        self.conn.is_over()
    }
}
