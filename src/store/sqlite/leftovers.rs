//! What was left lying: receipts that found no attempt when they came, rows that another system was never told.

use rusqlite::Connection;

use super::load::{news_from, str_at};
use super::reads::{all, at_most};
use crate::domain::event::News;
use crate::domain::types::{CallId, Timestamp};
use crate::store::{OutboxLine, StoreError, rows};

/// By the message first: a receipt may name another attempt than the one that has it.
pub(super) const KEPT: &str = "SELECT r.sid, r.named, r.status, r.code, r.class, r.source,
        coalesce((SELECT call_id FROM attempts WHERE sid = r.sid), (SELECT call_id FROM attempts WHERE id = r.named)) AS call
    FROM receipts r INDEXED BY receipts_waiting_by_sid WHERE r.joined IS NULL AND call IS NOT NULL ORDER BY r.seq LIMIT ?1";

pub(super) fn kept_receipts(conn: &Connection, limit: usize) -> Result<Vec<(CallId, News)>, StoreError> {
    all(conn, KEPT, [at_most(limit)], |row| Ok((rows::parsed("attempts.call_id", str_at(row, 6)?)?, news_from(row)?)))
}

pub(super) const STUCK: &str = "SELECT sink, count(*), min(since) FROM outbox
    WHERE parked_at IS NULL AND since <= ?1 GROUP BY sink ORDER BY sink";

pub(super) fn stuck_outbox(conn: &Connection, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
    all(conn, STUCK, [before.as_millis()], |row| {
        Ok(OutboxLine {
            sink: row.get(0)?,
            rows: u64::try_from(row.get::<_, i64>(1)?).map_err(|_| rows::corrupt("a count"))?,
            since: Timestamp::from_millis(row.get(2)?),
        })
    })
}

const HURRY: &str = "UPDATE outbox SET next_at = ?1 WHERE parked_at IS NULL AND next_at > ?1";
const HURRY_SINKS: &str = "UPDATE alert_sinks SET not_before = ?1 WHERE not_before > ?1";

pub(super) fn hurry_outbox(conn: &Connection, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(HURRY)?.execute([now.as_millis()])?;
    conn.prepare_cached(HURRY_SINKS)?.execute([now.as_millis()])?;
    Ok(())
}
