//! Indexes with a damaged page: found, and made anew from their tables, for what an index holds is in its table too.
//!
//! Without that, every change of a row whose entry lies on the page is refused, and so is every list that walks over it: one
//! page of the send list's index would stop all texts. SQLite's own REINDEX and DROP INDEX read the damaged page in order to
//! free it and fail; so the entry of the schema is replaced, and the old pages stay in the file, unused. All of it is one
//! transaction: after a crash the index is the old one or the new one. Indexes that a PRIMARY KEY or UNIQUE makes cannot be made
//! anew so, nor can one whose table cannot be read from end to end: they stay as they are, and are said.

use rusqlite::{Connection, params};

use crate::store::StoreError;

/// The name that an index has while it is made.
const UNFINISHED: &str = "mended_index";

/// Indexes that cannot be walked from end to end; slow, for it walks them all.
pub(super) fn broken_indexes(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut all =
        conn.prepare("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")?;
    let mut rows = all.query([])?;
    let mut broken = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, table, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let only = sql.split_once("WHERE").map_or(String::new(), |(_, of)| format!("WHERE {of}"));
        let walked = conn.query_row(&format!("SELECT count(*) FROM {table} INDEXED BY {name} {only}"), [], |_| Ok(()));
        if let Err(e) = walked
            && matches!(StoreError::from(e), StoreError::Corrupt { .. })
        {
            broken.push(name);
        }
    }
    Ok(broken)
}

/// Puts a new index in the place of this one.
pub(super) fn make_anew(conn: &Connection, index: &str) -> Result<(), StoreError> {
    let sql: String = conn.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1 AND sql IS NOT NULL",
        [index],
        |r| r.get(0),
    )?;
    // First: where the table cannot be read, nothing has been touched. It also moves the schema's version, so that whoever
    // remembers the old one looks again, be this committed or taken back.
    conn.execute_batch(&sql.replacen(index, UNFINISHED, 1))?;
    conn.execute_batch("PRAGMA writable_schema = ON")?;
    let replace = || -> Result<(), StoreError> {
        conn.execute("DELETE FROM sqlite_schema WHERE type = 'index' AND name = ?1", [index])?;
        conn.execute(
            "UPDATE sqlite_schema SET name = ?1, sql = ?2 WHERE type = 'index' AND name = ?3",
            params![index, sql, UNFINISHED],
        )?;
        Ok(())
    };
    let replaced = replace();
    conn.execute_batch("PRAGMA writable_schema = RESET")?;
    replaced
}
