//! Phone calls that others list: what is known of them, and how far a list was compared.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::load::str_at;
use crate::domain::types::{CallId, Timestamp};
use crate::store::{KnownAs, ListProgress, StoreError};

const IS_CALL: &str = "SELECT 1 FROM calls WHERE id = ?1";
pub(super) const NOTED: &str = "SELECT kind FROM log INDEXED BY log_by_call
    WHERE call_id = ?1 AND kind IN ('call.unheard', 'call.missed') ORDER BY seq DESC LIMIT 1";
const PROGRESS: &str = "SELECT value FROM meta WHERE key = ?1";
const KEEP_PROGRESS: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";

pub(super) fn known(conn: &Connection, ids: &[CallId]) -> Result<Vec<KnownAs>, StoreError> {
    let (mut is_call, mut noted) = (conn.prepare_cached(IS_CALL)?, conn.prepare_cached(NOTED)?);
    ids.iter()
        .map(|id| {
            if is_call.exists([id.as_str()])? {
                return Ok(KnownAs::Call);
            }
            let mut found = noted.query([id.as_str()])?;
            let Some(row) = found.next()? else { return Ok(KnownAs::Nothing) };
            Ok(if str_at(row, 0)? == "call.missed" { KnownAs::Missed } else { KnownAs::Unheard })
        })
        .collect()
}

/// A value that cannot be read is as none: the list is compared from now on again.
pub(super) fn progress(conn: &Connection, source: &str) -> Result<Option<ListProgress>, StoreError> {
    let found: Option<String> = conn.prepare_cached(PROGRESS)?.query_row([key(source)], |r| r.get(0)).optional()?;
    let time = |text: &str| text.parse().ok().map(Timestamp::from_millis);
    let both = found.as_deref().and_then(|text| text.split_once(' '));
    Ok(both.and_then(|(since, until)| Some(ListProgress { since: time(since)?, until: time(until)? })))
}

pub(super) fn keep_progress(conn: &Connection, source: &str, progress: ListProgress) -> Result<(), StoreError> {
    let value = format!("{} {}", progress.since.as_millis(), progress.until.as_millis());
    conn.prepare_cached(KEEP_PROGRESS)?.execute(params![key(source), value])?;
    Ok(())
}

fn key(source: &str) -> String {
    format!("list:{source}")
}
