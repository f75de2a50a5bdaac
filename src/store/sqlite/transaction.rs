//! The transactions of the one writer of a file.

use std::cell::Cell;
use std::time::Duration;

use rusqlite::Connection;

use crate::clock::Stopwatch;
use crate::store::writer::WriteConnection;
use crate::store::{StoreError, sql};

/// How long a writer that finds another process in a transaction waits before it looks again. SQLite's own pauses grow to 100 ms, however
/// short the other's transaction was.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The only connection that changes the file.
pub(super) struct FileWriter {
    conn: Connection,
    /// How long it waits for another process.
    patience: Duration,
    /// What the connection had changed when the change that runs began.
    before: Cell<u64>,
}

impl FileWriter {
    pub(super) fn new(conn: Connection, patience: Duration) -> Result<Self, StoreError> {
        conn.busy_timeout(Duration::ZERO)?;
        Ok(Self { conn, patience, before: Cell::new(0) })
    }
}

impl WriteConnection for FileWriter {
    fn lend(&self) -> sql::Connection<'_> {
        sql::Connection::Sqlite(&self.conn)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let waited = Stopwatch::start();
        loop {
            match self.execute("BEGIN IMMEDIATE") {
                Err(StoreError::Busy) if waited.passed() < self.patience => std::thread::sleep(LOOK_AGAIN),
                begun => return begun,
            }
        }
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.execute("COMMIT")
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.execute("ROLLBACK")
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn end_of_change(&self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        outcome
    }

    fn begin_change(&self, _: usize) {
        self.before.set(self.conn.total_changes());
    }

    fn has_written(&self) -> bool {
        self.conn.total_changes() != self.before.get()
    }

    fn is_over(&self) -> bool {
        self.conn.is_autocommit()
    }
}
