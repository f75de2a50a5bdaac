//! What was left lying: receipts that found no attempt when they came, rows that another system was never told.

use crate::store::sql::Connection;

use super::load::{str_at, update_from};
use super::reads::{all, at_most};
use crate::domain::event::StatusUpdate;
use crate::domain::types::{CallId, Timestamp};
use crate::store::{OutboxLine, StoreError, rows};

/// By the message first: a receipt may name another attempt than the one that has it.
pub(in crate::store) const KEPT: &str = "SELECT sid, named, status, code, class, source, call_id FROM (SELECT r.sid, r.named, r.status, r.code, r.class, r.source, r.seq,
        coalesce((SELECT call_id FROM attempts WHERE sid = r.sid), (SELECT call_id FROM attempts WHERE id = r.named)) AS call_id
    FROM receipts r INDEXED BY receipts_waiting_by_sid WHERE r.joined IS NULL) AS waiting
    WHERE call_id IS NOT NULL ORDER BY seq LIMIT ?1";

pub(in crate::store) fn kept_receipts(
    conn: Connection<'_>,
    limit: usize,
) -> Result<Vec<(CallId, StatusUpdate)>, StoreError> {
    all(conn, KEPT, [at_most(limit)], |row| Ok((rows::parsed("attempts.call_id", str_at(row, 6)?)?, update_from(row)?)))
}

pub(in crate::store) const STUCK: &str = "SELECT sink, count(*), min(since) FROM outbox
    WHERE parked_at IS NULL AND since <= ?1 GROUP BY sink ORDER BY sink";

pub(in crate::store) fn stuck_outbox(conn: Connection<'_>, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
    all(conn, STUCK, [before.as_millis()], |row| {
        Ok(OutboxLine {
            sink: row.get(0)?,
            rows: u64::try_from(row.get::<i64>(1)?).map_err(|_| rows::corrupt("a count"))?,
            since: Timestamp::from_millis(row.get(2)?),
        })
    })
}

const RETRY_NOW: &str = "UPDATE outbox SET next_at = ?1 WHERE parked_at IS NULL AND next_at > ?1";
const RETRY_SINKS_NOW: &str = "UPDATE alert_sinks SET not_before = ?1 WHERE not_before > ?1";

pub(in crate::store) fn retry_outbox_now(conn: Connection<'_>, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(RETRY_NOW)?.execute([now.as_millis()])?;
    conn.prepare_cached(RETRY_SINKS_NOW)?.execute([now.as_millis()])?;
    Ok(())
}
