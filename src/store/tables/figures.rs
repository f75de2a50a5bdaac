//! Figures for health: counted over partial indexes, never further than a bound, so that a poll of health costs next to nothing
//! however long the store has been in use.

use std::time::Duration;

use crate::store::sql::{Connection, Params, params};

use super::load::str_at;
use super::reads::{ReadContext, all, at_most, id_at_front, moment, readable};
use super::sql::follow_ups;
use super::{mirror, policies};
use crate::domain::call::CallStatus;
use crate::domain::policy::Policy;
use crate::domain::types::{CallId, ErrorCode, Timestamp};
use crate::store::{Backlog, FailureLine, Figures, StoreError, rows};

/// How long a call may be without any entry before somebody asks what became of it (`pendingDispatches`).
const QUIET: Duration = Duration::from_secs(300);
/// A wake time within a day is soon enough for any call.
const HORIZON: Duration = Duration::from_secs(24 * 3600);
/// A call is overdue when its wake time is past by more than this.
const LATE: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Where counting stops.
const COUNTED_MAX: usize = 100_000;

/// What is counted: the index is named, so that a count that would walk a table is an error and not a surprise.
pub(in crate::store) const OPEN: &str = "calls INDEXED BY calls_by_status WHERE status = ?1";
pub(in crate::store) const ACTIVE: &str =
    "calls INDEXED BY calls_by_wake WHERE status = 'DISPATCHING' AND next_step < steps_total AND muted = 0";
pub(in crate::store) const TO_COME: &str = follow_ups!();
pub(in crate::store) const OVERDUE: &str =
    "calls INDEXED BY calls_by_wake WHERE status = 'DISPATCHING' AND wake_at < ?1";
const OLDEST_DUE: &str = "SELECT wake_at FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND wake_at < ?1 ORDER BY wake_at LIMIT 1";
/// The same of follow-ups that fired and whose texts wait.
pub(in crate::store) const OLDEST_UNSENT: &str = "SELECT due_at FROM attempts INDEXED BY attempts_unsent_by_due
    WHERE due_at IS NOT NULL AND state IN ('scheduled', 'retrying') AND due_at < ?1 ORDER BY due_at LIMIT 1";
pub(in crate::store) const UNKNOWN: &str =
    "attempts INDEXED BY attempts_undecided WHERE state = 'unknown' AND decided_at IS NULL";
pub(in crate::store) const SUBMITTED: &str =
    "attempts INDEXED BY attempts_polled WHERE sid IS NOT NULL AND state = 'submitted'";
pub(in crate::store) const FAILED: &str =
    "attempts INDEXED BY attempts_failed WHERE state = 'failed' AND finished_at >= ?1";
pub(in crate::store) const SENDABLE: &str =
    "attempts INDEXED BY attempts_waiting_by_time WHERE state IN ('scheduled', 'retrying') AND not_before <= ?1";
/// What waits in the outbox: events and calls for the mirror, and alerts, each in an index of its own that holds `since`.
pub(in crate::store) const OUTBOX: [&str; 3] = [
    mirror::WAITING_EVENTS,
    mirror::WAITING_CALLS,
    "outbox INDEXED BY outbox_alerts WHERE sink <> 'mirror' AND parked_at IS NULL",
];
const OPEN_BREAKERS: &str = "breakers WHERE closed_at IS NULL";
const ALERTS: &str = "alerts INDEXED BY alerts_raised WHERE resolved_at IS NULL";

pub(in crate::store) fn figures(context: ReadContext<'_>, now: Timestamp) -> Result<Figures, StoreError> {
    let conn = context.conn;
    let late = now.minus(LATE).as_millis();
    let mut open_by_status = Vec::new();
    for status in CallStatus::ALL.iter().filter(|s| s.is_open()) {
        open_by_status.push((*status, count(conn, OPEN, [status.as_str()])?));
    }
    let [events, calls, alerts] = OUTBOX.map(|of| backlog(conn, of));
    let (mirror_backlog, alert_backlog) = (events?.and(calls?), alerts?);
    let outbox = mirror_backlog.and(alert_backlog);
    Ok(Figures {
        open_calls: open_by_status.iter().map(|(_, n)| n).sum(),
        open_by_status,
        active_retries: count(conn, ACTIVE, [])?,
        follow_ups: count(conn, TO_COME, [])?,
        pending_dispatches: count_of(stranded(context, now.minus(QUIET), COUNTED_MAX)?.len()),
        overdue: count(conn, OVERDUE, [late])?,
        oldest_due: [OLDEST_DUE, OLDEST_UNSENT]
            .into_iter()
            .filter_map(|context| moment(conn, context, [late]).transpose())
            .min_by_key(|at| at.as_ref().ok().copied())
            .transpose()?,
        unknown_outcomes: count(conn, UNKNOWN, [])?,
        awaiting_final: count(conn, SUBMITTED, [])?,
        failed_last_hour: count(conn, FAILED, [now.minus(HOUR).as_millis()])?,
        consecutive_failures: consecutive_failures(conn)?,
        outbox_depth: outbox.depth,
        outbox_oldest: outbox.oldest,
        mirror_backlog,
        alert_backlog,
        alerts: count(conn, ALERTS, [])?,
        open_breakers: count(conn, OPEN_BREAKERS, [])?,
        sendable: count(conn, SENDABLE, [now.as_millis()])?,
    })
}

fn backlog(conn: Connection<'_>, of: &str) -> Result<Backlog, StoreError> {
    let oldest = moment(conn, &format!("SELECT min(since) FROM {of}"), [])?;
    Ok(Backlog { depth: count(conn, of, [])?, oldest })
}

fn count_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The statement that counts, never further than the bound.
pub(in crate::store) fn counting(of: &str) -> String {
    format!("SELECT count(*) FROM (SELECT 1 FROM {of} LIMIT {COUNTED_MAX}) AS counted")
}

pub(in crate::store) fn count(conn: Connection<'_>, of: &str, with: impl Params) -> Result<u64, StoreError> {
    let n: i64 = conn.prepare_cached(&counting(of))?.query_row(with, |r| r.get(0))?;
    u64::try_from(n).map_err(|_| rows::corrupt("a count"))
}

/// When the newest text that the provider accepted was sent.
pub(in crate::store) const NEWEST_SENT: &str = "SELECT sent_at FROM attempts INDEXED BY attempts_accepted
    WHERE state IN ('submitted', 'delivered') AND channel = 'sms' AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT 1";
/// A phone call that nobody answered, or a mail, says nothing of texts. By the index alone: also where the table is damaged.
const FAILED_TEXTS: &str =
    "attempts INDEXED BY attempts_failed WHERE state = 'failed' AND finished_at >= ?1 AND channel = 'sms'";

fn consecutive_failures(conn: Connection<'_>) -> Result<u64, StoreError> {
    let newest = moment(conn, NEWEST_SENT, [])?;
    // Strictly after it: a time is a whole millisecond.
    count(conn, FAILED_TEXTS, [newest.map_or(i64::MIN, |at| at.as_millis().saturating_add(1))])
}

pub(in crate::store) const STRANDED: &str = "SELECT id, wake_at, policy FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND wake_at > ?1
      AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = calls.id
                      AND (a.state IN ('scheduled', 'retrying', 'sending') OR (a.state = 'unknown' AND a.decided_at IS NULL)))
      AND coalesce((SELECT at FROM log WHERE log.call_id = calls.id ORDER BY seq DESC LIMIT 1), accepted_at) <= ?2
      ORDER BY wake_at LIMIT ?3";
/// What the schema forbids, and somebody did all the same.
const NEVER_WOKEN: &str = "SELECT id FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND wake_at IS NULL LIMIT ?1";

/// See [`crate::store::Store::stranded`]. The schema gives every DISPATCHING call a wake time, so what is left to find is one
/// that is too far away to be meant; a ladder that cannot be read means nothing.
pub(in crate::store) fn stranded(
    context: ReadContext<'_>,
    quiet_since: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    let beyond = quiet_since.plus(HORIZON).as_millis();
    let with = params![beyond, quiet_since.as_millis(), at_most(COUNTED_MAX)];
    let far = readable(context, "calls", STRANDED, with, |row| {
        let wake = Timestamp::from_millis(row.get(1)?);
        let policy = policies::read(str_at(row, 2)?).ok();
        Ok(if policy.is_some_and(|p| is_meant(&p, wake, quiet_since)) { None } else { Some(id_at_front(row)?) })
    })?;
    let never = readable(context, "calls", NEVER_WOKEN, [at_most(limit)], id_at_front)?;
    Ok(never.into_iter().chain(far.into_iter().flatten()).take(limit).collect())
}

fn is_meant(policy: &Policy, wake: Timestamp, quiet_since: Timestamp) -> bool {
    let longest = policy.steps.iter().map(|s| s.wait.saturating_add(policy.repeat_wait)).max();
    let longest = longest.unwrap_or_default().max(policy.exhaust_after).saturating_add(HORIZON);
    wake <= quiet_since.plus(longest)
}

pub(in crate::store) fn failures(conn: Connection<'_>, since: Timestamp) -> Result<Vec<FailureLine>, StoreError> {
    const SQL: &str = "SELECT error_code, count(*), max(finished_at), (SELECT newest.result FROM attempts newest
            WHERE newest.state = 'failed' AND newest.finished_at >= ?1 AND newest.error_code IS NOT DISTINCT FROM attempts.error_code
            ORDER BY newest.finished_at DESC LIMIT 1)
        FROM attempts WHERE state = 'failed' AND finished_at >= ?1 GROUP BY error_code ORDER BY 2 DESC, 3 DESC";
    all(conn, SQL, [since.as_millis()], |row| {
        Ok(FailureLine {
            code: row.get::<Option<u32>>(0)?.map(ErrorCode),
            count: u64::try_from(row.get::<i64>(1)?).map_err(|_| rows::corrupt("a count"))?,
            last_at: Timestamp::from_millis(row.get(2)?),
            result: row.get(3)?,
        })
    })
}
