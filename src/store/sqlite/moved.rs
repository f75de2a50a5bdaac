//! A file whose store is moved somewhere else.

use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension as _};

use super::open::{self, Use};
use crate::ids::Ids;
use crate::store::{StoreError, StoreSettings, sql};

const MOVED_TO: &str = "SELECT value FROM meta WHERE key = 'moved_to'";

/// A file that nobody else changes until this is dropped: a write transaction is open.
pub(in crate::store) struct FrozenFile {
    conn: Connection,
    id: String,
}

impl FrozenFile {
    /// Of a store that was opened before, and so is of this version and mode.
    ///
    /// # Errors
    /// [`StoreError::Busy`] and those of the disk.
    pub(in crate::store) fn open(options: &StoreSettings) -> Result<Self, StoreError> {
        let conn = open::connect(options, Use::Write)?;
        // By this a database is known as this file's copy, where the mark is lacking.
        let id = Ids::key().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        conn.execute("INSERT INTO meta (key, value) VALUES ('moving', ?1) ON CONFLICT (key) DO NOTHING", [id])?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let id = conn.query_row("SELECT value FROM meta WHERE key = 'moving'", [], |r| r.get(0))?;
        Ok(Self { conn, id })
    }

    pub(in crate::store) fn id(&self) -> &str {
        &self.id
    }

    pub(in crate::store) fn conn(&self) -> sql::Connection<'_> {
        sql::Connection::Sqlite(&self.conn)
    }

    /// From now on it opens no more, and takes no change of whoever has it open.
    ///
    /// # Errors
    /// Those of the disk: the mark is not set.
    pub(in crate::store) fn mark(self, place: &str) -> Result<(), StoreError> {
        self.conn.execute("INSERT INTO meta (key, value) VALUES ('moved_to', ?1)", [place])?;
        let mut named =
            self.conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
        let tables: Vec<String> = named.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        drop(named);
        for table in tables {
            for change in ["INSERT", "UPDATE", "DELETE"] {
                self.conn.execute_batch(&format!(
                    "CREATE TRIGGER {table}_moved_{change} BEFORE {change} ON {table}
                     BEGIN SELECT RAISE(ABORT, 'store_was_moved'); END"
                ))?;
            }
        }
        self.conn.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// Where its store is now, where it was moved.
pub(super) fn moved_to(conn: &Connection) -> Result<Option<String>, rusqlite::Error> {
    conn.query_row(MOVED_TO, [], |r| r.get(0)).optional()
}
