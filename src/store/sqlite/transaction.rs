//! The transactions of the one writer of a file.

use rusqlite::Connection;

use crate::store::writer::WriteConnection;
use crate::store::{StoreError, sql};

/// The only connection that changes the file.
pub(super) struct FileWriter(pub(super) Connection);

impl WriteConnection for FileWriter {
    fn lend(&self) -> sql::Connection<'_> {
        sql::Connection::Sqlite(&self.0)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE")
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.execute("COMMIT")
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.execute("ROLLBACK")
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.0.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn end_of_change(&self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        outcome
    }

    fn changes(&self) -> u64 {
        self.0.total_changes()
    }

    fn is_over(&self) -> bool {
        self.0.is_autocommit()
    }
}
