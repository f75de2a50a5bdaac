//! How much prunings have taken out that the log does not say yet: one row of `meta` for each moment before which calls are pruned. A
//! slice adds to it in its own transaction, and the entry that says it takes the row away in its own: a pruning whose process ends in
//! the middle is counted all the same, and nothing is counted twice, however many prune at once.

use std::time::Duration;

use serde_json::{Map, Value};

use super::load::str_at;
use crate::domain::Timestamp;
use crate::store::sql::{Connection, params};
use crate::store::{Pruned, StoreError, UnloggedPruning};

const KEY: &str = "pruning:";
/// When the last slice was.
const AT: &str = "at";
/// A pruning that goes on has many slices within this; where it did not, its next slice begins a row anew.
const ENDED_AFTER: Duration = Duration::from_secs(60);

const ALL: &str = "SELECT key, value FROM meta WHERE key LIKE 'pruning:%' ORDER BY key";
const ONE: &str = "SELECT value FROM meta WHERE key = ?1";
const KEEP: &str =
    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const FORGET: &str = "DELETE FROM meta WHERE key = ?1";

fn key(before: Timestamp) -> String {
    format!("{KEY}{}", before.as_millis())
}

fn fields(p: &mut Pruned) -> [(&'static str, &mut u64); 10] {
    [
        ("calls", &mut p.calls),
        ("attempts", &mut p.attempts),
        ("entries", &mut p.entries),
        ("replies", &mut p.replies),
        ("phoneCalls", &mut p.phone_calls),
        ("mails", &mut p.mails),
        ("rollCallTexts", &mut p.roll_call_texts),
        ("alertTexts", &mut p.alert_texts),
        ("alerts", &mut p.alerts),
        ("untold", &mut p.untold),
    ]
}

/// A row that is damaged counts nothing: figures alone are lost with it, and pruning goes on.
fn read(value: &str) -> (Pruned, Timestamp) {
    let all: Map<String, Value> = serde_json::from_str(value).unwrap_or_default();
    let mut pruned = Pruned::default();
    for (name, n) in fields(&mut pruned) {
        *n = all.get(name).and_then(Value::as_u64).unwrap_or_default();
    }
    (pruned, Timestamp::from_millis(all.get(AT).and_then(Value::as_i64).unwrap_or_default()))
}

fn of(conn: Connection<'_>, before: Timestamp) -> Result<Pruned, StoreError> {
    let value: Option<String> = conn.prepare_cached(ONE)?.query_maybe([key(before)], |row| row.get(0))?;
    Ok(value.map(|value| read(&value).0).unwrap_or_default())
}

/// A slice has taken this out.
pub(super) fn add(conn: Connection<'_>, before: Timestamp, slice: Pruned, now: Timestamp) -> Result<(), StoreError> {
    if slice.is_nothing() {
        return Ok(());
    }
    let mut pruned = of(conn, before)?.and(slice);
    let mut all: Map<String, Value> =
        fields(&mut pruned).into_iter().map(|(name, n)| (name.into(), (*n).into())).collect();
    all.insert(AT.into(), now.as_millis().into());
    conn.prepare_cached(KEEP)?.execute(params![key(before), Value::Object(all).to_string()])?;
    Ok(())
}

/// What the log does not say yet, of this moment and of others that nobody goes on with.
pub(super) fn unlogged(
    conn: Connection<'_>,
    before: Timestamp,
    now: Timestamp,
) -> Result<Vec<UnloggedPruning>, StoreError> {
    let mut statement = conn.prepare_cached(ALL)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let Some(of) = str_at(row, 0)?.strip_prefix(KEY).and_then(|ms| ms.parse().ok()) else { continue };
        let (of, (pruned, at)) = (Timestamp::from_millis(of), read(str_at(row, 1)?));
        if of == before || now.since(at) >= ENDED_AFTER {
            all.push(UnloggedPruning { before: of, pruned });
        }
    }
    Ok(all)
}

/// The same of this moment, which the log says from now on.
pub(super) fn take(conn: Connection<'_>, before: Timestamp) -> Result<Pruned, StoreError> {
    let pruned = of(conn, before)?;
    conn.prepare_cached(FORGET)?.execute([key(before)])?;
    Ok(pruned)
}
