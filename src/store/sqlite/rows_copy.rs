//! A copy of a store whose indexes are damaged: every row is read from its table, and every index is made anew, for what an
//! index holds is in its table too. A table that cannot be read from end to end gives no copy, nor does one of which a row is
//! missing in the copy.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::file::uri;
use crate::store::StoreError;

/// What the damaged store is called in the connection of the copy.
const FROM: &str = "damaged";

/// How the damaged store is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyFrom {
    /// Others may read and write it meanwhile: one moment of it is copied.
    InUse,
    /// The caller keeps everybody away, and all of it is in the file itself: no lock and no log of it is looked at.
    Alone,
}

impl CopyFrom {
    const fn options(self) -> &'static str {
        match self {
            Self::InUse => "mode=ro",
            Self::Alone => "immutable=1",
        }
    }
}

/// Fills the empty file `to` with all that `store` holds at one moment; each table has as many rows as in the store. Blocks;
/// nobody who writes waits for it.
///
/// # Errors
/// [`StoreError::Corrupt`]: a table is damaged. The file is not whole then.
pub(super) fn fill(store: &Path, to: &Path, source: CopyFrom) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(to, flags)?;
    // The file counts once it is verified and has its name: nothing of it needs to survive before.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")?;
    copy.pragma_update(None, "ignore_check_constraints", true)?;
    copy.execute(&format!("ATTACH ?1 AS {FROM}"), [format!("{}?{}", uri(store)?, source.options())])?;
    copy.execute_batch("BEGIN")?;
    for (table, sql) in made_by(&copy, "type = 'table' AND name NOT LIKE 'sqlite_%'")? {
        copy.execute_batch(&sql)?;
        copy_rows(&copy, &table)?;
    }
    if copy.table_exists(Some(FROM), "sqlite_sequence")? {
        copy.execute_batch("DELETE FROM main.sqlite_sequence")?;
        copy_rows(&copy, "sqlite_sequence")?;
    }
    for (_, sql) in made_by(&copy, "type <> 'table' AND sql IS NOT NULL")? {
        copy.execute_batch(&sql)?;
    }
    for pragma in ["user_version", "application_id"] {
        let value: i64 = copy.query_row(&format!("PRAGMA {FROM}.{pragma}"), [], |r| r.get(0))?;
        copy.pragma_update(None, pragma, value)?;
    }
    copy.execute_batch("COMMIT")?;
    copy.close().map_err(|(_, e)| StoreError::from(e))
}

/// What the schema is made by, in the order in which it was.
fn made_by(copy: &Connection, which: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut all = copy.prepare(&format!("SELECT name, sql FROM {FROM}.sqlite_schema WHERE {which} ORDER BY rowid"))?;
    let all = all.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(all)
}

/// In the order of the table itself, with the numbers of its rows; columns that are computed are computed again.
fn copy_rows(copy: &Connection, table: &str) -> Result<(), StoreError> {
    let mut columns =
        copy.prepare(&format!("SELECT name FROM pragma_table_xinfo('{table}', '{FROM}') WHERE hidden = 0"))?;
    let columns: Vec<String> = columns.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let columns = columns.iter().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(", ");
    let insert = |rowid: &str| {
        format!(
            "INSERT INTO main.\"{table}\" ({rowid}{columns}) SELECT {rowid}{columns} FROM {FROM}.\"{table}\" NOT INDEXED"
        )
    };
    // A table without rowids is its own index.
    let has_rowid = copy.prepare(&format!("SELECT rowid FROM {FROM}.\"{table}\"")).is_ok();
    copy.execute_batch(&insert(if has_rowid { "rowid, " } else { "" }))?;
    let count = |of: &str| -> rusqlite::Result<i64> {
        copy.query_row(&format!("SELECT count(*) FROM {of}.\"{table}\" NOT INDEXED"), [], |r| r.get(0))
    };
    let (there, copied) = (count(FROM)?, count("main")?);
    if there == copied {
        return Ok(());
    }
    Err(StoreError::Corrupt { what: format!("table {table} has {there} rows, its copy {copied}"), call: None })
}
