//! How far each receiver of event webhooks was told: one row a receiver, the place of the last entry of the log that
//! it needs no more.

use crate::store::sql::{Connection, params};

use super::reads;
use crate::store::StoreError;

const PLACE: &str = "SELECT seq FROM event_cursors WHERE name = ?1";
/// A new receiver is told of what comes, not of what was.
const BEGIN: &str = "INSERT INTO event_cursors (name, seq) VALUES (?1, (SELECT coalesce(max(seq), 0) FROM log))
    ON CONFLICT (name) DO NOTHING";
/// Who is configured, by the engine that began last: a name has no blank in it.
const KEEP_NAMES: &str = "INSERT INTO meta (key, value) VALUES ('event_receivers', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const NAMES: &str = "SELECT value FROM meta WHERE key = 'event_receivers'";
/// Never backwards.
const MOVE: &str = "UPDATE event_cursors SET seq = ?2 WHERE name = ?1 AND seq < ?2";

pub(in crate::store) fn place(conn: Connection<'_>, name: &str) -> Result<Option<i64>, StoreError> {
    Ok(reads::all(conn, PLACE, [name], |row| row.get(0))?.pop())
}

pub(in crate::store) fn begin(conn: Connection<'_>, names: &[String]) -> Result<(), StoreError> {
    for name in names {
        conn.prepare_cached(BEGIN)?.execute([name])?;
    }
    conn.prepare_cached(KEEP_NAMES)?.execute([names.join(" ")])?;
    Ok(())
}

/// The last entry of the log that every configured receiver needs no more; past every entry where none is configured.
pub(in crate::store) fn told(conn: Connection<'_>) -> Result<i64, StoreError> {
    let names: Option<String> = conn.prepare_cached(NAMES)?.query_maybe([], |row| row.get(0))?;
    let mut told = i64::MAX;
    for name in names.as_deref().unwrap_or_default().split_whitespace() {
        told = told.min(place(conn, name)?.unwrap_or(i64::MAX));
    }
    Ok(told)
}

pub(in crate::store) fn move_to(conn: Connection<'_>, name: &str, seq: i64) -> Result<(), StoreError> {
    conn.prepare_cached(MOVE)?.execute(params![name, seq])?;
    Ok(())
}
