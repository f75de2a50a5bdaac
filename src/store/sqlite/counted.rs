//! How much a file of a store holds: what a copy is compared by, and what people are told of it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::file::uri;
use crate::domain::Timestamp;
use crate::store::{Counted, StoreError, rows};

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
const OPEN: &str = "SELECT count(*) FROM calls WHERE status NOT IN ('RESOLVED', 'CANCELLED')";
const NEWEST: &str = "SELECT at FROM log ORDER BY seq DESC LIMIT 1";
/// What a copy has more of than its store: its doubt.
const NOT_COMPARED: &str = "meta";

/// Opens a file that nobody changes, and that has no log beside it: neither locks nor files beside it are touched.
pub(super) fn open_alone(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(format!("{}?immutable=1", uri(file)?), flags)?)
}

/// Counts every row of what `conn` shows in its transaction.
pub(super) fn count(conn: &Connection) -> Result<Counted, StoreError> {
    let mut tables = conn.prepare(TABLES)?;
    let names: Vec<String> = tables.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let number = |sql: &str| -> Result<u64, StoreError> {
        let n: i64 = conn.query_row(sql, [], |r| r.get(0))?;
        u64::try_from(n).map_err(|_| rows::corrupt("a count"))
    };
    let mut rows = Vec::new();
    for name in names {
        let n = number(&format!("SELECT count(*) FROM \"{name}\""))?;
        rows.push((name, n));
    }
    let newest: Option<i64> = match conn.query_row(NEWEST, [], |r| r.get(0)) {
        Ok(at) => Some(at),
        Err(rusqlite::Error::QueryReturnedNoRows) => None,
        Err(e) => return Err(e.into()),
    };
    let calls = rows.iter().find(|(name, _)| name == "calls").map_or(0, |(_, n)| *n);
    Ok(Counted {
        size: super::backup::size_of(conn)?,
        schema: conn.pragma_query_value(None, "user_version", |r| r.get(0))?,
        rows,
        calls,
        open: number(OPEN)?,
        newest: newest.map(Timestamp::from_millis),
    })
}

/// Whether a copy has as many rows of everything as what it is a copy of.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first table that differs.
pub(super) fn compare(store: &Counted, copy: &Counted) -> Result<(), StoreError> {
    let kept = |all: &Counted| all.rows.iter().filter(|(name, _)| name != NOT_COMPARED).cloned().collect::<Vec<_>>();
    let (there, copied) = (kept(store), kept(copy));
    if there == copied && store.schema == copy.schema {
        return Ok(());
    }
    let differs = there.iter().zip(&copied).find(|(a, b)| a != b);
    let what = differs.map_or_else(
        || format!("the store has {} tables, its copy {}", there.len(), copied.len()),
        |((name, a), (_, b))| format!("table {name} has {a} rows, its copy {b}"),
    );
    Err(StoreError::Corrupt { what, call: None })
}
