//! Reads for people and loops. Each runs in one read transaction and walks an index to its limit.
//!
//! Lists leave out a row that cannot be read, and say so: one rotten call must not keep the others from being served. A list of
//! work takes its places from the index and reads each row by itself, so that a damaged page costs what lies on it.

use crate::store::sql::{Connection, Params, Row, params};

use super::damage::Damage;
use super::load::{call_from, call_state, str_at, text, update_from};
use super::sql::{call_columns, follow_ups};
use super::work_list::work;
use crate::domain::attempt::Channel;
use crate::domain::call::CallStatus;
use crate::domain::change::ReceiptRow;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, AttemptId, CallId, Timestamp};
use crate::store::{
    AlertLine, CallFilter, CallLine, CallStory, DueLine, LogFilter, LogLine, OptOutLine, Pollable, Request, Searchable,
    StoreError, rows,
};

/// A limit as SQL takes it.
pub(in crate::store) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Every row of a query, read by `read`.
pub(in crate::store) fn all<T>(
    conn: Connection<'_>,
    sql: &str,
    with: impl Params,
    read: impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query(with)?;
    let mut out = Vec::new();
    while let Some(row) = found.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

/// A connection, and what is known to be unreadable.
#[derive(Clone, Copy)]
pub(in crate::store) struct ReadContext<'a> {
    pub(in crate::store) conn: Connection<'a>,
    pub(in crate::store) damage: &'a Damage,
}

/// Every row that can be read of a list for people. The first column is a call's id, or else the row's own key in `table`.
pub(in crate::store) fn readable<T>(
    context: ReadContext<'_>,
    table: &str,
    sql: &str,
    with: impl Params,
    read: impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = context.conn.prepare_cached(sql)?;
    let mut found = statement.query(with)?;
    let mut out = Vec::new();
    while let Some(row) = found.next()? {
        match read(row) {
            Ok(line) => out.push(line),
            Err(StoreError::Corrupt { what, .. }) if table == CALLS_TABLE => {
                let id = row.value(0)?.text().unwrap_or_default();
                context.damage.note(&format!("call {id}"), Some(id), &what);
            }
            Err(StoreError::Corrupt { what, .. }) => {
                let key = row.value(0)?;
                let text = key.text().filter(|_| table != PHONES).map(masked);
                let key = key.int().map(|n| n.to_string()).or(text);
                context.damage.note(
                    &key.map_or(format!("a row of {table}"), |k| format!("row {k} of {table}")),
                    None,
                    &what,
                );
            }
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

pub(in crate::store) const CALLS_TABLE: &str = "calls";
/// Their rows have no key that may be told.
pub(in crate::store) const PHONES: &str = "phones";

pub(in crate::store) fn one<T>(
    conn: Connection<'_>,
    sql: &str,
    with: impl Params,
    read: impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    Ok(all(conn, sql, with, read)?.pop())
}

/// A call's id in the first column.
pub(in crate::store) fn id_at_front(row: Row<'_>) -> Result<CallId, StoreError> {
    rows::parsed("calls.id", str_at(row, 0)?)
}

pub(in crate::store) fn call_id(
    conn: Connection<'_>,
    statement: &str,
    key: &str,
) -> Result<Option<CallId>, StoreError> {
    text(conn, statement, key)?.map(|id| rows::parsed("calls.id", &id)).transpose()
}

pub(in crate::store) fn story(context: ReadContext<'_>, id: &CallId) -> Result<Option<CallStory>, StoreError> {
    let Some(state) = call_state(context.conn, id.as_str())? else { return Ok(None) };
    let log = log(context, &LogFilter { call: Some(id.clone()), limit: usize::MAX, ..LogFilter::default() })?;
    let receipts = readable(
        context,
        "receipts",
        "SELECT sid, named, status, code, class, source, joined, effect, at FROM receipts
         WHERE joined IN (SELECT id FROM attempts WHERE call_id = ?1) ORDER BY seq",
        [id.as_str()],
        |row| {
            Ok(ReceiptRow {
                update: update_from(row)?,
                joined: row.get::<Option<[u8; 16]>>(6)?.map(rows::id_from),
                effect: rows::effect(str_at(row, 7)?)?,
                at: Timestamp::from_millis(row.get(8)?),
            })
        },
    )?;
    Ok(Some(CallStory { state, log, receipts }))
}

/// Open calls, the newest first.
pub(in crate::store) const OPEN_CALLS: &str = "SELECT id, reference FROM calls INDEXED BY calls_by_status
    WHERE status IN ('DISPATCHING', 'EXHAUSTED', 'ACKNOWLEDGED', 'DEFERRED') ORDER BY accepted_at DESC LIMIT 100";

pub(in crate::store) fn open_calls(conn: Connection<'_>) -> Result<Vec<(String, String)>, StoreError> {
    all(conn, OPEN_CALLS, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(in crate::store) const CALLS: &str = concat!(
    "SELECT ",
    call_columns!(),
    ", (SELECT name FROM attempts WHERE call_id = calls.id AND kind = 'notice' ORDER BY number DESC LIMIT 1),
           (SELECT state FROM attempts WHERE call_id = calls.id AND kind = 'notice' ORDER BY number DESC LIMIT 1),
           (SELECT channel FROM attempts WHERE call_id = calls.id AND kind = 'notice' ORDER BY number DESC LIMIT 1), rowid
           FROM calls WHERE status = ?1 AND accepted_at >= ?2 AND accepted_at <= ?4 AND (accepted_at < ?4 OR rowid < ?5)
           AND (created_by = ?6 OR ?6 IS NULL)
           ORDER BY accepted_at DESC, rowid DESC LIMIT ?3"
);

const PLACE: &str = "SELECT accepted_at, rowid FROM calls WHERE id = ?1";

/// Newest first, at one moment the later accepted: one walk of an index for each status, merged.
pub(in crate::store) fn calls(context: ReadContext<'_>, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError> {
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let statuses = if filter.statuses.is_empty() { CallStatus::ALL } else { filter.statuses.as_slice() };
    let before: (i64, i64) = match &filter.before {
        None => (i64::MAX, i64::MAX),
        Some(id) => {
            let place =
                context.conn.prepare_cached(PLACE)?.query_maybe([id.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))?;
            let Some(place) = place else { return Ok(Vec::new()) };
            place
        }
    };
    let by = filter.created_by.as_ref().map(|a| a.0.as_str());
    let mut lines = Vec::new();
    for status in CallStatus::ALL.iter().filter(|s| statuses.contains(s)) {
        lines.extend(readable(
            context,
            CALLS_TABLE,
            CALLS,
            params![status.as_str(), since, at_most(filter.limit), before.0, before.1, by],
            |row| {
                let line = CallLine {
                    call: call_from(row)?,
                    last_contact: row.get(25)?,
                    last_state: row.get(26)?,
                    last_channel: row.get::<Option<String>>(27)?.as_deref().and_then(Channel::from_word),
                };
                Ok((row.get::<i64>(28)?, line))
            },
        )?);
    }
    lines.sort_by_key(|(row, line)| std::cmp::Reverse((line.call.accepted_at, *row)));
    lines.truncate(filter.limit);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

macro_rules! log_of_call {
    () => {
        "SELECT seq, kind, at, call_id, attempt_id, actor, message, data FROM log INDEXED BY log_by_call
            WHERE call_id = ?4 AND seq > ?1 AND at >= ?2"
    };
}
macro_rules! log_of_all {
    () => {
        "SELECT seq, kind, at, call_id, attempt_id, actor, message, data FROM log WHERE seq > ?1 AND at >= ?2"
    };
}

pub(in crate::store) const LOG_OF_CALL: &str = concat!(log_of_call!(), " ORDER BY seq LIMIT ?3");
pub(in crate::store) const NEWEST_LOG_OF_CALL: &str = concat!(log_of_call!(), " ORDER BY seq DESC LIMIT ?3");
pub(in crate::store) const LOG_OF_ALL: &str = concat!(log_of_all!(), " ORDER BY seq LIMIT ?3");
pub(in crate::store) const NEWEST_LOG_OF_ALL: &str = concat!(log_of_all!(), " ORDER BY seq DESC LIMIT ?3");

pub(in crate::store) fn log(context: ReadContext<'_>, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
    log_by(context, filter, LOG_OF_CALL, LOG_OF_ALL)
}

pub(in crate::store) fn newest_log(context: ReadContext<'_>, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
    let mut lines = log_by(context, filter, NEWEST_LOG_OF_CALL, NEWEST_LOG_OF_ALL)?;
    lines.reverse();
    Ok(lines)
}

fn log_by(
    context: ReadContext<'_>,
    filter: &LogFilter,
    of_call: &str,
    of_all: &str,
) -> Result<Vec<LogLine>, StoreError> {
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let limit = at_most(filter.limit);
    match &filter.call {
        Some(call) => readable(context, "log", of_call, params![filter.after, since, limit, call.as_str()], log_from),
        None => readable(context, "log", of_all, params![filter.after, since, limit], log_from),
    }
}

fn log_from(row: Row<'_>) -> Result<LogLine, StoreError> {
    let call: Option<String> = row.get(3)?;
    let data: Option<String> = row.get(7)?;
    Ok(LogLine {
        seq: row.get(0)?,
        entry: LogEntry {
            kind: rows::word("log.kind", LogKind::from_word(str_at(row, 1)?))?,
            at: Timestamp::from_millis(row.get(2)?),
            call: call.map(|c| rows::parsed("log.call_id", &c)).transpose()?,
            attempt: row.get::<Option<[u8; 16]>>(4)?.map(rows::id_from),
            actor: Actor(row.get(5)?),
            message: row.get(6)?,
            data: data.map(|d| rows::from_json("log.data", &d)).transpose()?.unwrap_or_default(),
        },
    })
}

pub(in crate::store) const DUE: &str = "SELECT rowid FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND wake_at <= ?1 ORDER BY wake_at";
pub(in crate::store) const CALL_AT: &str = "SELECT id FROM calls WHERE rowid = ?1";

pub(in crate::store) fn due(context: ReadContext<'_>, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
    work(context, (DUE, params![now.as_millis()]), CALL_AT, limit, id_at_front)
}

/// One time, or none.
pub(in crate::store) fn moment(
    conn: Connection<'_>,
    sql: &str,
    with: impl Params,
) -> Result<Option<Timestamp>, StoreError> {
    let ms: Option<i64> = conn.prepare_cached(sql)?.query_maybe(with, |r| r.get(0))?.flatten();
    Ok(rows::time(ms))
}

pub(in crate::store) const NEXT_WAKE: &str = "SELECT wake_at FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND wake_at > ?1 ORDER BY wake_at LIMIT 1";

pub(in crate::store) fn next_wake(conn: Connection<'_>, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, NEXT_WAKE, [after.as_millis()])
}

pub(in crate::store) const NEXT_WAKES: &str =
    "SELECT id, wake_at FROM calls INDEXED BY calls_by_wake WHERE status = 'DISPATCHING' ORDER BY wake_at LIMIT ?1";

pub(in crate::store) fn next_wakes(
    context: ReadContext<'_>,
    limit: usize,
) -> Result<Vec<(CallId, Timestamp)>, StoreError> {
    readable(context, CALLS_TABLE, NEXT_WAKES, [at_most(limit)], |row| {
        Ok((rows::parsed("calls.id", str_at(row, 0)?)?, Timestamp::from_millis(row.get(1)?)))
    })
}

pub(in crate::store) const DUE_LINES: &str =
    concat!("SELECT ", call_columns!(), " FROM ", follow_ups!(), " ORDER BY wake_at LIMIT ?1");

pub(in crate::store) fn due_lines(context: ReadContext<'_>, limit: usize) -> Result<Vec<DueLine>, StoreError> {
    readable(context, CALLS_TABLE, DUE_LINES, [at_most(limit)], |row| {
        let call = call_from(row)?;
        let due = call.wake_at.ok_or_else(|| rows::corrupt("calls.wake_at"))?;
        Ok(DueLine { call, due })
    })
}

pub(in crate::store) const CLAIMS: &str = "SELECT rowid FROM attempts INDEXED BY attempts_claimed
    WHERE state = 'sending' AND claimed_by <> ?1 ORDER BY sent_at, id";
const CLAIM_AT: &str = "SELECT c.id, a.id FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

pub(in crate::store) fn claims_of_others(
    context: ReadContext<'_>,
    engine: &str,
    limit: usize,
) -> Result<Vec<AttemptId>, StoreError> {
    work(context, (CLAIMS, params![engine]), CLAIM_AT, limit, |row| Ok(rows::id_from(row.get(1)?)))
}

pub(in crate::store) const CLAIMS_OF: &str = "SELECT rowid FROM attempts INDEXED BY attempts_claimed
    WHERE state = 'sending' AND claimed_by = ?1 ORDER BY sent_at, id";

pub(in crate::store) fn claims_of(
    context: ReadContext<'_>,
    engine: &str,
    limit: usize,
) -> Result<Vec<AttemptId>, StoreError> {
    work(context, (CLAIMS_OF, params![engine]), CLAIM_AT, limit, |row| Ok(rows::id_from(row.get(1)?)))
}

pub(in crate::store) const POLLABLE: &str = "SELECT rowid FROM attempts INDEXED BY attempts_polled
    WHERE poll_at IS NOT NULL AND sid IS NOT NULL AND poll_at <= ?1 ORDER BY poll_at";
const POLLABLE_AT: &str = "SELECT c.id, a.id, a.sid, a.polls, coalesce(a.sent_at, a.created_at)
    FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

pub(in crate::store) fn pollable(
    context: ReadContext<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Pollable>, StoreError> {
    work(context, (POLLABLE, params![now.as_millis()]), POLLABLE_AT, limit, |row| {
        Ok(Pollable {
            attempt: rows::id_from(row.get(1)?),
            sid: rows::parsed("attempts.sid", str_at(row, 2)?)?,
            polls: row.get(3)?,
            sent_at: Timestamp::from_millis(row.get(4)?),
        })
    })
}

pub(in crate::store) const NEXT_POLL: &str = "SELECT poll_at FROM attempts INDEXED BY attempts_polled
    WHERE poll_at IS NOT NULL AND sid IS NOT NULL AND poll_at > ?1 ORDER BY poll_at LIMIT 1";

pub(in crate::store) fn next_poll(conn: Connection<'_>, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, NEXT_POLL, [after.as_millis()])
}

pub(in crate::store) const OPEN_OUTCOMES: &str =
    "SELECT call_id FROM (SELECT call_id FROM attempts INDEXED BY attempts_claimed WHERE state = 'sending'
        UNION SELECT call_id FROM attempts INDEXED BY attempts_undecided WHERE state = 'unknown' AND decided_at IS NULL) AS open
    LIMIT ?1";

pub(in crate::store) fn open_outcomes(context: ReadContext<'_>, limit: usize) -> Result<Vec<CallId>, StoreError> {
    readable(context, CALLS_TABLE, OPEN_OUTCOMES, params![at_most(limit)], id_at_front)
}

pub(in crate::store) const SEARCHABLE: &str = "SELECT rowid FROM attempts INDEXED BY attempts_searched
    WHERE state = 'unknown' AND sid IS NULL AND poll_at IS NOT NULL AND poll_at <= ?1 ORDER BY poll_at";
const SEARCHABLE_AT: &str =
    "SELECT c.id, a.id, c.reference, a.number, a.phone, a.sender, a.sent_at, a.provider_after, a.channel
    FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

pub(in crate::store) fn searchable(
    context: ReadContext<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Searchable>, StoreError> {
    work(context, (SEARCHABLE, params![now.as_millis()]), SEARCHABLE_AT, limit, |row| {
        Ok(Searchable {
            attempt: rows::id_from(row.get(1)?),
            reference: rows::parsed("calls.reference", str_at(row, 2)?)?,
            number: row.get(3)?,
            to: rows::phone("attempts.phone", str_at(row, 4)?)?,
            sender: rows::parsed("attempts.sender", str_at(row, 5)?)?,
            sent_at: Timestamp::from_millis(row.get(6)?),
            provider_after: rows::time(row.get(7)?),
            channel: rows::word("attempts.channel", Channel::from_word(str_at(row, 8)?))?,
        })
    })
}

pub(in crate::store) const NEXT_SEARCH: &str = "SELECT poll_at FROM attempts INDEXED BY attempts_searched
    WHERE state = 'unknown' AND sid IS NULL AND poll_at IS NOT NULL AND poll_at > ?1 ORDER BY poll_at LIMIT 1";

pub(in crate::store) fn next_search(conn: Connection<'_>, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, NEXT_SEARCH, [after.as_millis()])
}

pub(in crate::store) const UNNOTIFIED: &str = "SELECT rowid FROM calls INDEXED BY calls_untold
    WHERE status = 'DISPATCHING' AND told_at IS NULL AND accepted_at < ?1
    AND coalesce(held_until, 0) < ?1 ORDER BY accepted_at";
/// Each by itself: an attempt that cannot be read is its own call's trouble. In a ladder without texts a phone that rang, or a mail that left, is asked for.
pub(in crate::store) const UNNOTIFIED_AT: &str = "SELECT id FROM calls c WHERE rowid = ?1
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = c.id AND (a.state = 'delivered'
        OR (a.channel = 'sms' AND a.state = 'submitted')))
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = c.id
        AND ((a.channel = 'voice' AND (a.message_status IN ('ringing', 'in-progress', 'completed', 'no-answer') OR a.result LIKE '%; it had rung')
              AND a.result NOT LIKE 'unreachable%') OR (a.channel = 'email' AND a.state = 'submitted'))
        AND json_valid(c.policy) AND NOT EXISTS (SELECT 1 FROM json_each(c.policy, '$.steps')
            WHERE coalesce(json_extract(value, '$.channel'), 'sms') = 'sms'))
    AND NOT EXISTS (SELECT 1 FROM alerts WHERE key = 'untold:' || c.id AND resolved_at IS NULL)";

pub(in crate::store) fn unnotified(
    context: ReadContext<'_>,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    work(context, (UNNOTIFIED, params![before.as_millis()]), UNNOTIFIED_AT, limit, id_at_front)
}

/// Ladders of texts alone are told apart without reading their JSON.
pub(in crate::store) const UNANSWERED: &str = "SELECT rowid FROM calls INDEXED BY calls_by_wake
    WHERE status = 'DISPATCHING' AND accepted_at < ?1 AND coalesce(held_until, 0) < ?1
    AND policy LIKE '%\"channel\":%' ORDER BY accepted_at";
/// Each by itself: a ladder that is no JSON is its own call's trouble.
pub(in crate::store) const UNANSWERED_AT: &str = "SELECT id FROM calls c WHERE rowid = ?1 AND json_valid(c.policy)
    AND NOT EXISTS (SELECT 1 FROM json_each(c.policy, '$.steps')
        WHERE coalesce(json_extract(value, '$.channel'), 'sms') = 'sms')
    AND NOT EXISTS (SELECT 1 FROM alerts WHERE key = 'unanswered:' || c.id AND resolved_at IS NULL)";

pub(in crate::store) fn unanswered(
    context: ReadContext<'_>,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    work(context, (UNANSWERED, params![before.as_millis()]), UNANSWERED_AT, limit, id_at_front)
}

pub(in crate::store) const NOT_SEEN: &str = "SELECT rowid FROM calls INDEXED BY calls_not_seen
    WHERE status = 'DEFERRED' AND wake_at IS NOT NULL AND wake_at <= ?1 ORDER BY wake_at";

pub(in crate::store) fn not_seen(
    context: ReadContext<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    work(context, (NOT_SEEN, params![now.as_millis()]), CALL_AT, limit, id_at_front)
}

pub(in crate::store) const TO_ASK: &str = "SELECT rowid FROM calls INDEXED BY calls_to_ask
    WHERE ask_at IS NOT NULL AND ask_at <= ?1 ORDER BY ask_at";

pub(in crate::store) fn to_ask(
    context: ReadContext<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<CallId>, StoreError> {
    work(context, (TO_ASK, params![now.as_millis()]), CALL_AT, limit, id_at_front)
}

pub(in crate::store) fn alerts(context: ReadContext<'_>, limit: usize) -> Result<Vec<AlertLine>, StoreError> {
    const SQL: &str =
        "SELECT key, call_id, message, raised_at, (SELECT reference FROM calls WHERE id = alerts.call_id),
        acknowledged_at, acknowledged_by
        FROM alerts WHERE resolved_at IS NULL ORDER BY raised_at, key LIMIT ?1";
    readable(context, "alerts", SQL, [at_most(limit)], |row| {
        let (call, reference): (Option<String>, Option<String>) = (row.get(1)?, row.get(4)?);
        Ok(AlertLine {
            // One that cannot be read is its call's trouble.
            reference: reference.and_then(|r| r.parse().ok()),
            key: rows::parsed("alerts.key", str_at(row, 0)?)?,
            call: call.map(|c| rows::parsed("alerts.call_id", &c)).transpose()?,
            message: row.get(2)?,
            raised_at: Timestamp::from_millis(row.get(3)?),
            acknowledged: acknowledged(row.get(5)?, row.get(6)?),
        })
    })
}

/// Who has seen an alert, and when.
pub(in crate::store) fn acknowledged(at: Option<i64>, by: Option<String>) -> Option<(Timestamp, Actor)> {
    at.map(Timestamp::from_millis).zip(by.map(Actor))
}

pub(in crate::store) fn opt_outs(conn: Connection<'_>) -> Result<Vec<OptOutLine>, StoreError> {
    all(conn, "SELECT phone, sender, since FROM opt_outs ORDER BY phone, sender", [], |row| {
        Ok(OptOutLine { phone: row.get(0)?, sender: row.get(1)?, since: Timestamp::from_millis(row.get(2)?) })
    })
}

fn request_from(row: Row<'_>) -> Result<Request, StoreError> {
    let result: Option<String> = row.get(5)?;
    Ok(Request {
        id: row.get(0)?,
        kind: row.get(1)?,
        payload: rows::from_json("requests.payload", str_at(row, 2)?)?,
        actor: Actor(row.get(3)?),
        at: Timestamp::from_millis(row.get(4)?),
        result: result.map(|r| rows::from_json("requests.result", &r)).transpose()?,
    })
}

pub(in crate::store) fn open_requests(context: ReadContext<'_>) -> Result<Vec<Request>, StoreError> {
    const SQL: &str = "SELECT id, kind, payload, actor, at, result FROM requests WHERE result IS NULL ORDER BY id";
    readable(context, "requests", SQL, [], request_from)
}

pub(in crate::store) fn request(conn: Connection<'_>, id: i64) -> Result<Option<Request>, StoreError> {
    one(conn, "SELECT id, kind, payload, actor, at, result FROM requests WHERE id = ?1", [id], request_from)
}
