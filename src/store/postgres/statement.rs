//! A statement as the server has it.

use std::sync::Arc;

/// A statement that the server has parsed, of one connection.
#[derive(Clone)]
pub(in crate::store) struct PgStatement {
    pub(super) statement: tokio_postgres::Statement,
    /// As the server has it.
    pub(super) sql: Arc<str>,
    /// Which one of its connection.
    pub(super) number: usize,
    pub(super) is_read: bool,
}

impl PgStatement {
    /// Whether both are the same one, of one connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.number == other.number
    }

    /// By how many of its first values it names the row that it changes: an UPDATE by one, an INSERT that may find its row there by two.
    pub(super) fn key_values(&self) -> usize {
        match () {
            () if self.sql.starts_with("UPDATE") => 1,
            () if self.sql.contains("ON CONFLICT") => 2,
            () => 0,
        }
    }
}
