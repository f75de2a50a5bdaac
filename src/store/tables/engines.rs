//! The engines that worked on this store: their starts, their signs of life, their clean stops.

use std::time::Duration;

use crate::store::sql::{Connection, params};

use crate::domain::Timestamp;
use crate::store::{EngineBeat, EngineRow, StoreError, rows};

use super::reads::{ReadContext, readable};

const NEWEST: &str = "SELECT id, role, pid, started_at, stopped_at, listen, beat_boot_id, beat_boot_ms, beat_at
    FROM engines ORDER BY ordinal DESC";
const STARTED: &str = "INSERT INTO engines
    (id, role, pid, started_at, stopped_at, listen, beat_boot_id, beat_boot_ms, beat_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// All but the last hundred.
const FORGET: &str = "DELETE FROM engines WHERE ordinal <= (SELECT max(ordinal) FROM engines) - 100";
const HEARTBEATS: &str = "UPDATE engines SET beat_boot_id = ?2, beat_boot_ms = ?3, beat_at = ?4 WHERE id = ?1";
const STOPPED: &str = "UPDATE engines SET stopped_at = ?2 WHERE id = ?1 AND stopped_at IS NULL";

pub(in crate::store) fn newest(context: ReadContext<'_>) -> Result<Option<EngineRow>, StoreError> {
    let newest = readable(context, "engines", NEWEST, [], |row| {
        let beat = match (row.get::<Option<String>>(6)?, row.get::<Option<i64>>(7)?, rows::time(row.get(8)?)) {
            (Some(boot_id), Some(ms), Some(at)) => {
                Some(EngineBeat { boot_id, boot: Duration::from_millis(u64::try_from(ms).unwrap_or(0)), at })
            }
            _ => None,
        };
        Ok(EngineRow {
            id: row.get(0)?,
            role: row.get(1)?,
            pid: row.get(2)?,
            started_at: Timestamp::from_millis(row.get(3)?),
            stopped_at: rows::time(row.get(4)?),
            listen: row.get(5)?,
            beat,
        })
    })?;
    Ok(newest.into_iter().next())
}

pub(in crate::store) fn started(conn: Connection<'_>, row: &EngineRow) -> Result<(), StoreError> {
    let beat = row.beat.as_ref();
    conn.prepare_cached(STARTED)?.execute(params![
        row.id,
        row.role,
        row.pid,
        row.started_at.as_millis(),
        rows::millis(row.stopped_at),
        row.listen,
        beat.map(|b| b.boot_id.as_str()),
        beat.map(|b| millis(b.boot)),
        beat.map(|b| b.at.as_millis()),
    ])?;
    conn.prepare_cached(FORGET)?.execute([])?;
    Ok(())
}

pub(in crate::store) fn heartbeats(conn: Connection<'_>, id: &str, beat: &EngineBeat) -> Result<(), StoreError> {
    conn.prepare_cached(HEARTBEATS)?.execute(params![id, beat.boot_id, millis(beat.boot), beat.at.as_millis()])?;
    Ok(())
}

pub(in crate::store) fn stopped(conn: Connection<'_>, id: &str, at: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(STOPPED)?.execute(params![id, at.as_millis()])?;
    Ok(())
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}
