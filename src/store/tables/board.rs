//! What the office's page shows in one read, and what signs people in to it: see [`Boards`].
//!
//! Open calls are taken class by class, the worst class first, each from an index and no further than the page shows: 10,000 open calls
//! cost what 50 cost.

use async_trait::async_trait;

use super::database::Database;
use super::figures;
use super::keys;
use super::load::{self, call_state, str_at};
use super::reads::{self, ReadContext, all, at_most, id_at_front, readable};
use crate::domain::Timestamp;
use crate::domain::attempt::AttemptKind;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::log::LogEntry;
use crate::domain::types::CallId;
use crate::domain::urgency::Urgency;
use crate::store::sql::{Connection, params};
use crate::store::{BoardLink, BoardQuery, BoardRows, Boards, CallFilter, LogFilter, StoreError, rows};

/// So many calls with a notice in doubt are looked at; of more, some.
const IN_DOUBT_MAX: usize = 1_000;

/// Nobody is told of them, and no quiet hours say why.
pub(in crate::store) const NOBODY_TOLD: &str = "calls INDEXED BY calls_untold
    WHERE status = 'DISPATCHING' AND told_at IS NULL AND (held_until IS NULL OR wake_at IS DISTINCT FROM held_until)";
pub(in crate::store) const OLDEST_NOBODY_TOLD: &str = "SELECT id FROM calls INDEXED BY calls_untold
    WHERE status = 'DISPATCHING' AND told_at IS NULL AND (held_until IS NULL OR wake_at IS DISTINCT FROM held_until)
    ORDER BY accepted_at LIMIT ?1";
/// Nobody is told of them, because of quiet hours: see [`crate::domain::call::Call::held`].
pub(in crate::store) const HELD: &str = "calls INDEXED BY calls_untold
    WHERE status = 'DISPATCHING' AND told_at IS NULL AND held_until IS NOT NULL AND wake_at IS NOT DISTINCT FROM held_until";
pub(in crate::store) const OLDEST_OF_STATUS: &str =
    "SELECT id FROM calls INDEXED BY calls_by_status WHERE status = ?1 ORDER BY accepted_at LIMIT ?2";
pub(in crate::store) const IN_DOUBT: &str = "SELECT id FROM
    (SELECT c.id, c.accepted_at, (SELECT state FROM attempts WHERE call_id = c.id AND kind = 'notice' ORDER BY number DESC LIMIT 1) AS last
     FROM (SELECT DISTINCT call_id FROM attempts INDEXED BY attempts_in_doubt
           WHERE state IN ('unknown', 'failed') AND kind = 'notice' AND call_open = 1 LIMIT ?2) AS doubted
     CROSS JOIN calls c ON c.id = doubted.call_id WHERE c.status = 'DISPATCHING') AS live
    WHERE last IN ('unknown', 'failed') ORDER BY CASE last WHEN 'unknown' THEN 0 ELSE 1 END, accepted_at LIMIT ?1";
pub(in crate::store) const OF_THE_NIGHT: &str =
    "calls INDEXED BY calls_by_status WHERE status = ?1 AND accepted_at >= ?2";
pub(in crate::store) const NEWEST_OF_STATUS: &str = "SELECT id, accepted_at FROM calls INDEXED BY calls_by_status
    WHERE status = ?1 AND accepted_at >= ?2 ORDER BY accepted_at DESC LIMIT ?3";

const KEEP_KEY: &str = "INSERT INTO meta (key, value) VALUES ('board_key', ?1) ON CONFLICT (key) DO NOTHING";
const KEY: &str = "SELECT value FROM meta WHERE key = 'board_key'";
const KEEP_LINK: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
const LINK: &str = "SELECT value FROM meta WHERE key = ?1";
const LINKS: &str = "SELECT key, value FROM meta WHERE key LIKE 'board_link:%'";
const FORGET_LINK: &str = "DELETE FROM meta WHERE key = ?1 RETURNING value";

#[async_trait]
impl<D: Database> Boards for D {
    async fn board(&self, query: &BoardQuery) -> Result<BoardRows, StoreError> {
        let query = query.clone();
        self.list(move |context| board(context, &query)).await
    }

    async fn board_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.with_tx(move |conn| keys::kept(conn, KEEP_KEY, KEY, &fresh)).await
    }

    async fn keep_board_link(&self, link: &BoardLink, now: Timestamp) -> Result<(), StoreError> {
        let link = link.clone();
        self.with_tx(move |conn| {
            let kept = all(conn, LINKS, [], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))?;
            for (key, _) in kept.iter().filter(|(_, value)| whose(value, now).is_none()) {
                conn.prepare_cached(FORGET_LINK)?.query([key.as_str()])?.next()?;
            }
            let value = format!("{} {}", link.until.as_millis(), link.name);
            conn.prepare_cached(KEEP_LINK)?.execute(params![key_of(&link.digest), value])?;
            Ok(())
        })
        .await
    }

    async fn board_link(&self, digest: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let key = key_of(digest);
        self.read(move |conn| link_at(conn, LINK, &key, now)).await
    }

    async fn use_board_link(&self, digest: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let key = key_of(digest);
        self.with_tx(move |conn| link_at(conn, FORGET_LINK, &key, now)).await
    }
}

fn key_of(digest: &str) -> String {
    format!("board_link:{digest}")
}

fn link_at(conn: Connection<'_>, sql: &str, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let value: Option<String> = conn.prepare_cached(sql)?.query_maybe([key], |r| r.get(0))?;
    Ok(value.and_then(|value| whose(&value, now).map(str::to_owned)))
}

/// Whom a link signs in that is not over.
fn whose(value: &str, now: Timestamp) -> Option<&str> {
    let (until, name) = value.split_once(' ')?;
    let until: i64 = until.parse().ok()?;
    (until > now.as_millis()).then_some(name)
}

fn board(context: ReadContext<'_>, query: &BoardQuery) -> Result<BoardRows, StoreError> {
    let conn = context.conn;
    let of = |status: CallStatus| (status.as_str(), at_most(query.open_max));
    let oldest = |status| ids(context, OLDEST_OF_STATUS, params![of(status).0, of(status).1]);
    let mut open: Vec<CallId> = Vec::new();
    for class in [
        ids(context, OLDEST_NOBODY_TOLD, [at_most(query.open_max)])?,
        oldest(CallStatus::Exhausted)?,
        ids(context, IN_DOUBT, params![at_most(query.open_max), at_most(IN_DOUBT_MAX)])?,
        oldest(CallStatus::Dispatching)?,
        oldest(CallStatus::Acknowledged)?,
    ] {
        for id in class {
            if open.len() < query.open_max && !open.contains(&id) {
                open.push(id);
            }
        }
    }
    let mut open = states(context, open)?;
    open.sort_by_key(|state| (urgency(state), state.call.accepted_at));
    let filter = CallFilter {
        statuses: vec![CallStatus::Resolved, CallStatus::Cancelled],
        since: Some(query.closed_since),
        before: query.closed_before.clone(),
        created_by: None,
        limit: query.closed_max,
    };
    let (night, night_calls) = night(context, query)?;
    Ok(BoardRows {
        figures: figures::figures(context, query.now)?,
        nobody_told: figures::count(conn, NOBODY_TOLD, [])?,
        held: figures::count(conn, HELD, [])?,
        open,
        deferred: states(context, oldest(CallStatus::Deferred)?)?,
        alerts: reads::alerts(context, query.alerts_max)?,
        breakers: load::breakers(conn)?,
        opt_outs: reads::opt_outs(conn)?,
        night,
        night_calls,
        closed: reads::calls(context, &filter)?,
    })
}

fn urgency(state: &CallState) -> Urgency {
    let last = state.attempts.iter().rev().find(|a| a.kind == AttemptKind::Notice);
    Urgency::of(&state.call, last.map(|a| a.state))
}

fn ids(context: ReadContext<'_>, sql: &str, with: impl crate::store::sql::Params) -> Result<Vec<CallId>, StoreError> {
    readable(context, "calls", sql, with, id_at_front)
}

/// Each call whole; one that cannot be read is left out, and that is remembered.
fn states(context: ReadContext<'_>, of: Vec<CallId>) -> Result<Vec<CallState>, StoreError> {
    let mut out = Vec::with_capacity(of.len());
    for id in of {
        match call_state(context.conn, id.as_str()) {
            Ok(state) => out.extend(state),
            Err(StoreError::Corrupt { what, .. }) => {
                context.damage.note(&format!("call {id}"), Some(id.as_str()), &what);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

type Night = (Vec<(CallState, Vec<LogEntry>)>, u64);

fn night(context: ReadContext<'_>, query: &BoardQuery) -> Result<Night, StoreError> {
    let from = query.night_from.as_millis();
    let (mut newest, mut count) = (Vec::new(), 0_u64);
    for status in CallStatus::ALL {
        count = count.saturating_add(figures::count(context.conn, OF_THE_NIGHT, params![status.as_str(), from])?);
        let with = params![status.as_str(), from, at_most(query.night_max)];
        newest.extend(readable(context, "calls", NEWEST_OF_STATUS, with, |row| {
            Ok((row.get::<i64>(1)?, rows::parsed::<CallId>("calls.id", str_at(row, 0)?)?))
        })?);
    }
    newest.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    newest.truncate(query.night_max);
    let states = states(context, newest.into_iter().map(|(_, id)| id).collect())?;
    let mut calls = Vec::with_capacity(states.len());
    for state in states {
        let filter = LogFilter { call: Some(state.call.id.clone()), limit: usize::MAX, ..LogFilter::default() };
        let log = reads::log(context, &filter)?.into_iter().map(|line| line.entry);
        calls.push((state, log.collect()));
    }
    Ok((calls, count))
}
