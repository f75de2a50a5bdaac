//! Phone calls: which calls are of them, which wait for a report, and how far a list was compared.

use std::time::Duration;

use crate::store::sql::{Connection, Row, params};
use tracing::warn;

use super::load::{call_from, call_state, str_at};
use super::reads::{ReadContext, at_most, readable};
use super::sql;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::PhoneCallChange;
use crate::domain::phone::spelling::plain_number;
use crate::domain::phone_call::{self, PhoneCall, dialable};
use crate::domain::similar::Similar;
use crate::domain::types::{CallId, Timestamp};
use crate::store::{KnownAs, ListProgress, StoreError, WaitingPhoneCall, rows};

const IS_CALL: &str = "SELECT 1 FROM calls WHERE id = ?1
    UNION ALL SELECT 1 FROM phone_calls WHERE id = ?1 AND call_id IS NOT NULL";
pub(in crate::store) const NOTED: &str = "SELECT kind FROM log INDEXED BY log_by_call
    WHERE call_id = ?1 AND kind IN ('call.unheard', 'call.missed') ORDER BY seq DESC LIMIT 1";
pub(in crate::store) const ACCEPTED: &str = "SELECT id FROM calls INDEXED BY calls_by_status
    WHERE status = ?1 AND accepted_at BETWEEN ?2 AND ?3 ORDER BY accepted_at DESC LIMIT 32";
const PROGRESS: &str = "SELECT value FROM meta WHERE key = ?1";
const KEEP_PROGRESS: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";
pub(super) const BY_ID: &str = "SELECT call_id FROM phone_calls WHERE id = ?1 AND due_at IS NULL";
pub(in crate::store) const BY_SID: &str = "SELECT id, call_id, sid, line, caller, started_at, ended_at
    FROM phone_calls INDEXED BY phone_calls_by_sid WHERE sid = ?1 AND due_at IS NULL AND id <> ?2
    LIMIT 8";
pub(in crate::store) const BY_CALLER: &str = "SELECT id, call_id, sid, line, caller, started_at, ended_at
    FROM phone_calls INDEXED BY phone_calls_by_caller WHERE caller IS NOT NULL AND substr(caller, -7) = ?1
    AND started_at BETWEEN ?3 AND ?4 AND due_at IS NULL AND id <> ?2 LIMIT 32";
const TOLD: &str = "INSERT INTO phone_calls (id, call_id, sid, line, caller, started_at, ended_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET call_id = coalesce(phone_calls.call_id, excluded.call_id),
    sid = coalesce(phone_calls.sid, excluded.sid), line = coalesce(phone_calls.line, excluded.line),
    caller = coalesce(phone_calls.caller, excluded.caller), started_at = coalesce(phone_calls.started_at, excluded.started_at),
    ended_at = coalesce(phone_calls.ended_at, excluded.ended_at),
    due_at = NULL, words = NULL";
const WAITS: &str = "INSERT INTO phone_calls (id, sid, line, caller, started_at, ended_at, due_at, words)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (id) DO UPDATE SET due_at = coalesce(phone_calls.due_at, excluded.due_at),
    words = coalesce(phone_calls.words, excluded.words) WHERE phone_calls.call_id IS NULL AND excluded.words IS NOT NULL";
const IS_THERE: &str = "SELECT 1 FROM phone_calls WHERE id = ?1";
pub(in crate::store) const DUE: &str = "SELECT id, call_id, sid, line, caller, started_at, ended_at, words
    FROM phone_calls INDEXED BY phone_calls_waiting WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2";
pub(in crate::store) const NEXT: &str = "SELECT due_at FROM phone_calls INDEXED BY phone_calls_waiting
    WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";

pub(in crate::store) fn known(conn: Connection<'_>, ids: &[CallId]) -> Result<Vec<KnownAs>, StoreError> {
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

/// The call that a phone call is by its id.
pub(in crate::store) fn call_of(conn: Connection<'_>, id: &CallId) -> Result<Option<String>, StoreError> {
    let found: Option<Option<String>> = conn.prepare_cached(BY_ID)?.query_maybe([id.as_str()], |r| r.get(0))?;
    Ok(found.flatten())
}

/// What tells of the same phone call by another id: inside, the call that was made of it, if one was.
pub(in crate::store) fn same(
    conn: Connection<'_>,
    id: &CallId,
    phone: &PhoneCall,
) -> Result<Option<Option<String>>, StoreError> {
    // One that is a call counts before one in which nobody was heard, and the nearest before others.
    let mut told: Option<Option<String>> = None;
    if let Some(sid) = &phone.sid {
        let mut by_sid = conn.prepare_cached(BY_SID)?;
        let mut found = by_sid.query([sid.as_str(), id.as_str()])?;
        while let Some(row) = found.next()? {
            told = told.flatten().map(Some).or(Some(row.get(1)?));
        }
    }
    let caller = phone.caller.as_deref().and_then(dialable);
    let (None, Some(caller), Some(started)) = (&told, caller, phone.started_at) else { return Ok(told) };
    let end = caller.get(caller.len().saturating_sub(7)..).unwrap_or_default();
    let (least, most) = (started.minus(phone_call::START_APART), started.plus(phone_call::START_APART));
    let mut by_caller = conn.prepare_cached(BY_CALLER)?;
    let mut found = by_caller.query(params![end, id.as_str(), least.as_millis(), most.as_millis()])?;
    let mut nearest: Option<(bool, Option<Duration>, Option<String>)> = None;
    while let Some(row) = found.next()? {
        let (other, call) = (phone_call_from(row)?, row.get::<Option<String>>(1)?);
        // Whoever was not heard rings again: that is another phone call.
        let rang_again = call.is_none() && phone.began_after(&other);
        if rang_again || phone_call::are_two(id.as_str(), &other.id) || !phone.is_same(&other) {
            continue;
        }
        let (is_none, apart) = (call.is_none(), phone.starts_apart(&other));
        if nearest.as_ref().is_none_or(|(none, least, _)| (is_none, apart) < (*none, *least)) {
            nearest = Some((is_none, apart, call));
        }
    }
    Ok(nearest.map(|(_, _, call)| call))
}

/// The call that an intake made of this phone call by the API, without naming it.
pub(in crate::store) fn of_api(
    conn: Connection<'_>,
    id: &CallId,
    phone: &PhoneCall,
) -> Result<Option<String>, StoreError> {
    let Some((earliest, latest)) = phone.accepted_within() else { return Ok(None) };
    let mut accepted = conn.prepare_cached(ACCEPTED)?;
    let mut call = conn.prepare_cached(sql::CALL)?;
    let mut newest: Option<(Timestamp, String)> = None;
    for status in CallStatus::ALL {
        let mut ids = accepted.query(params![status.as_str(), earliest.as_millis(), latest.as_millis()])?;
        while let Some(row) = ids.next()? {
            let of = str_at(row, 0)?;
            if phone_call::are_two(id.as_str(), of) {
                continue;
            }
            let mut found = call.query([of])?;
            let Some(row) = found.next()? else { continue };
            match call_from(row) {
                Ok(call) if phone.is_of(&call) && newest.as_ref().is_none_or(|(at, _)| *at < call.accepted_at) => {
                    newest = Some((call.accepted_at, of.to_owned()));
                }
                Ok(_) => {}
                // The report is not lost over another call's row.
                Err(e @ StoreError::Corrupt { .. }) => warn!(call.id = of, error = %e, "a report passes over a call"),
                Err(e) => return Err(e),
            }
        }
    }
    Ok(newest.map(|(_, call)| call))
}

/// Open calls of this caller, each status newest first and bounded: in a rush of many others one is a call of its own.
pub(in crate::store) fn similar(conn: Connection<'_>, similar: &Similar) -> Result<Vec<CallState>, StoreError> {
    let mut accepted = conn.prepare_cached(ACCEPTED)?;
    let mut call = conn.prepare_cached(sql::CALL)?;
    let mut all = Vec::new();
    for status in [CallStatus::Dispatching, CallStatus::Acknowledged] {
        let mut ids = accepted.query(params![status.as_str(), similar.since.as_millis(), i64::MAX])?;
        while let Some(row) = ids.next()? {
            let id = str_at(row, 0)?;
            let mut found = call.query([id])?;
            let Some(row) = found.next()? else { continue };
            match call_from(row) {
                Ok(call) if similar.may_be(&call) => all.extend(call_state(conn, id)?),
                Ok(_) => {}
                Err(e @ StoreError::Corrupt { .. }) => warn!(call.id = id, error = %e, "a new call passes over a call"),
                Err(e) => return Err(e),
            }
        }
    }
    Ok(all)
}

/// Whether something is known of it by its own id.
pub(in crate::store) fn is_there(conn: Connection<'_>, id: &CallId) -> Result<bool, StoreError> {
    conn.prepare_cached(IS_THERE)?.exists([id.as_str()])
}

fn phone_call_from(row: Row<'_>) -> Result<PhoneCall, StoreError> {
    Ok(PhoneCall {
        id: row.get(0)?,
        sid: row.get(2)?,
        line: row.get(3)?,
        caller: row.get(4)?,
        started_at: rows::time(row.get(5)?),
        ended_at: rows::time(row.get(6)?),
    })
}

pub(in crate::store) fn save(conn: Connection<'_>, change: &PhoneCallChange) -> Result<(), StoreError> {
    let (PhoneCallChange::Told { id, phone, .. } | PhoneCallChange::Waits { id, phone, .. }) = change;
    let number = |text: &Option<String>| text.as_deref().filter(|t| dialable(t).is_some()).map(plain_number);
    let (line, caller) = (number(&phone.line), number(&phone.caller));
    let (started, ended) = (rows::millis(phone.started_at), rows::millis(phone.ended_at));
    match change {
        PhoneCallChange::Told { call, .. } => {
            let call = call.as_ref().map(CallId::as_str);
            let with = params![id.as_str(), call, phone.sid, line, caller, started, ended];
            conn.prepare_cached(TOLD)?.execute(with)?;
        }
        PhoneCallChange::Waits { until, words, .. } => {
            let with = params![id.as_str(), phone.sid, line, caller, started, ended, until.as_millis(), words];
            conn.prepare_cached(WAITS)?.execute(with)?;
        }
    }
    Ok(())
}

pub(in crate::store) fn due(
    context: ReadContext<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<WaitingPhoneCall>, StoreError> {
    readable(context, "phone_calls", DUE, params![now.as_millis(), at_most(limit)], |row| {
        let id = rows::parsed("phone_calls.id", str_at(row, 0)?)?;
        Ok(WaitingPhoneCall { id, phone: phone_call_from(row)?, words: row.get(7)? })
    })
}

pub(in crate::store) fn next(conn: Connection<'_>) -> Result<Option<Timestamp>, StoreError> {
    Ok(rows::time(conn.prepare_cached(NEXT)?.query_maybe([], |r| r.get(0))?))
}

/// A value that cannot be read is as none: the list is compared from now on again.
pub(in crate::store) fn progress(conn: Connection<'_>, source: &str) -> Result<Option<ListProgress>, StoreError> {
    let found: Option<String> = conn.prepare_cached(PROGRESS)?.query_maybe([key(source)], |r| r.get(0))?;
    let time = |text: &str| text.parse().ok().map(Timestamp::from_millis);
    let both = found.as_deref().and_then(|text| text.split_once(' '));
    Ok(both.and_then(|(since, until)| Some(ListProgress { since: time(since)?, until: time(until)? })))
}

pub(in crate::store) fn keep_progress(
    conn: Connection<'_>,
    source: &str,
    progress: ListProgress,
) -> Result<(), StoreError> {
    let value = format!("{} {}", progress.since.as_millis(), progress.until.as_millis());
    conn.prepare_cached(KEEP_PROGRESS)?.execute(params![key(source), value])?;
    Ok(())
}

fn key(source: &str) -> String {
    format!("list:{source}")
}
