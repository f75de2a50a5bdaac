//! Figures for health: counted over partial indexes, never further than a bound, so that a poll of health costs next to nothing
//! however long the store has been in use.

use std::time::Duration;

use rusqlite::{Connection, Params};

use super::load::call_from;
use super::reads::{all, at_most};
use super::sql::call_columns;
use crate::domain::policy::Policy;
use crate::domain::types::{CallId, ErrorCode, Timestamp};
use crate::store::{FailureLine, Figures, StoreError, rows};

/// How long a call may be without any entry before somebody asks what became of it (SPEC §5, `pendingDispatches`).
const QUIET: Duration = Duration::from_secs(300);
/// A wake time within a day is soon enough for any call.
const HORIZON: Duration = Duration::from_secs(24 * 3600);
/// A call is overdue when its wake time is past by more than this.
const LATE: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Where counting stops.
const COUNTED_MAX: usize = 100_000;

pub(super) fn figures(conn: &Connection, now: Timestamp) -> Result<Figures, StoreError> {
    let late = now.minus(LATE).as_millis();
    let mut open_calls = 0;
    for status in ["DISPATCHING", "ACKNOWLEDGED", "EXHAUSTED"] {
        open_calls += count(conn, "calls WHERE status = ?1", [status])?;
    }
    Ok(Figures {
        open_calls,
        active_retries: count(
            conn,
            "calls WHERE status = 'DISPATCHING' AND next_step < steps_total AND muted = 0",
            [],
        )?,
        pending_dispatches: count_of(stranded(conn, now.minus(QUIET), COUNTED_MAX)?.len()),
        overdue: count(conn, "calls WHERE status = 'DISPATCHING' AND wake_at < ?1", [late])?,
        oldest_due: least(conn, "wake_at", "calls WHERE status = 'DISPATCHING' AND wake_at < ?1", [late])?,
        unknown_outcomes: count(conn, "attempts WHERE state = 'unknown' AND decided_at IS NULL", [])?,
        awaiting_final: count(conn, "attempts WHERE state = 'submitted'", [])?,
        failed_last_hour: count(
            conn,
            "attempts WHERE state = 'failed' AND finished_at >= ?1",
            [now.minus(HOUR).as_millis()],
        )?,
        consecutive_failures: consecutive_failures(conn)?,
        outbox_depth: count(conn, "outbox WHERE parked_at IS NULL", [])?,
        outbox_oldest: least(conn, "since", "outbox WHERE parked_at IS NULL", [])?,
        alerts: count(conn, "alerts WHERE resolved_at IS NULL", [])?,
        sendable: count(
            conn,
            "attempts WHERE state IN ('scheduled', 'retrying') AND not_before <= ?1",
            [now.as_millis()],
        )?,
    })
}

fn count_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn count(conn: &Connection, of: &str, with: impl Params) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {of} LIMIT {COUNTED_MAX})");
    let n: i64 = conn.prepare_cached(&sql)?.query_row(with, |r| r.get(0))?;
    u64::try_from(n).map_err(|_| rows::corrupt("a count"))
}

fn least(conn: &Connection, column: &str, of: &str, with: impl Params) -> Result<Option<Timestamp>, StoreError> {
    let sql = format!("SELECT min({column}) FROM {of}");
    Ok(rows::time(conn.prepare_cached(&sql)?.query_row(with, |r| r.get(0))?))
}

fn consecutive_failures(conn: &Connection) -> Result<u64, StoreError> {
    let mut newest = None;
    for state in ["submitted", "delivered"] {
        // The state is written out, or the partial index could not be used.
        let sql = format!("SELECT max(sent_at) FROM attempts WHERE state = '{state}'");
        let at: Option<i64> = conn.prepare_cached(&sql)?.query_row([], |r| r.get(0))?;
        newest = newest.max(at);
    }
    count(conn, "attempts WHERE state = 'failed' AND finished_at > ?1", [newest.unwrap_or(i64::MIN)])
}

/// See [`crate::store::Store::stranded`]. The schema gives every DISPATCHING call a wake time, so what is left to find is one
/// that is too far away to be meant.
pub(super) fn stranded(conn: &Connection, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        call_columns!(),
        " FROM calls WHERE status = 'DISPATCHING' AND wake_at > ?1
          AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = calls.id
                          AND (a.state IN ('scheduled', 'retrying', 'sending') OR (a.state = 'unknown' AND a.decided_at IS NULL)))
          AND coalesce((SELECT at FROM log WHERE log.call_id = calls.id ORDER BY seq DESC LIMIT 1), accepted_at) <= ?2
          ORDER BY wake_at LIMIT ?3"
    );
    let beyond = quiet_since.plus(HORIZON).as_millis();
    let calls = all(conn, SQL, rusqlite::params![beyond, quiet_since.as_millis(), at_most(COUNTED_MAX)], call_from)?;
    let meant = |policy: &Policy, wake: Option<Timestamp>| {
        let longest = policy.steps.iter().map(|s| s.wait.saturating_add(policy.repeat_wait)).max();
        let longest = longest.unwrap_or_default().max(policy.exhaust_after).saturating_add(HORIZON);
        wake.is_some_and(|wake| wake <= quiet_since.plus(longest))
    };
    Ok(calls.into_iter().filter(|c| !meant(&c.policy, c.wake_at)).map(|c| c.id).take(limit).collect())
}

pub(super) fn failures(conn: &Connection, since: Timestamp) -> Result<Vec<FailureLine>, StoreError> {
    // `result` beside max() is that of the newest row of its group: SQLite documents it ("bare columns in an aggregate").
    const SQL: &str = "SELECT error_code, count(*), max(finished_at), result FROM attempts
        WHERE state = 'failed' AND finished_at >= ?1 GROUP BY error_code ORDER BY 2 DESC, 3 DESC";
    all(conn, SQL, [since.as_millis()], |row| {
        Ok(FailureLine {
            code: row.get::<_, Option<u32>>(0)?.map(ErrorCode),
            count: u64::try_from(row.get::<_, i64>(1)?).map_err(|_| rows::corrupt("a count"))?,
            last_at: Timestamp::from_millis(row.get(2)?),
            result: row.get(3)?,
        })
    })
}
