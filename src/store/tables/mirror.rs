//! The mirror's part of the store: see [`MirrorOutbox`].
//!
//! What is due is walked in an index, by kind, and each thing is then read by its key: a row that cannot be read costs itself.

use crate::store::sql::{Connection, Row, params};
use async_trait::async_trait;

use super::database::Database;
use super::figures::counting;
use super::load::{attempt_from, call_state, str_at};
use super::reads::{ReadContext, all, at_most, moment};
use super::sql::{self, attempt_columns};
use crate::domain::types::{CallId, CallRef, Timestamp};
use crate::store::mirror::{
    CallTask, EventFilter, EventLine, EventTask, MirrorDelivered, MirrorFigures, MirrorKey, MirrorOutbox, MirrorTask,
    ParkedLine,
};
use crate::store::{StoreError, rows};

/// The sink's name in the outbox.
const SINK: &str = "mirror";

const EVENT: &str = concat!(
    "SELECT ",
    attempt_columns!(),
    ", (SELECT reference FROM calls WHERE calls.id = attempts.call_id) FROM attempts WHERE id = ?1"
);

macro_rules! due {
    ($index:literal, $keys:literal) => {
        concat!(
            "SELECT key, version, attempts, 0, since,
                (SELECT record FROM mirror WHERE mirror.key = outbox.key)
            FROM outbox INDEXED BY ",
            $index,
            " WHERE sink = 'mirror' AND parked_at IS NULL AND key ",
            $keys,
            " AND next_at <= ?1 ORDER BY next_at"
        )
    };
}
macro_rules! next_due {
    ($index:literal, $keys:literal) => {
        concat!(
            "SELECT next_at FROM outbox INDEXED BY ",
            $index,
            " WHERE sink = 'mirror' AND parked_at IS NULL AND key ",
            $keys,
            " AND next_at > ?1 ORDER BY next_at LIMIT 1"
        )
    };
}
macro_rules! unproven {
    ($index:literal, $keys:literal) => {
        concat!(
            "SELECT key, writes, misses, rewrites, since, record FROM mirror INDEXED BY ",
            $index,
            " WHERE verify_at IS NOT NULL AND key ",
            $keys,
            " AND verify_at <= ?1
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.sink = 'mirror' AND outbox.key = mirror.key)
            ORDER BY verify_at"
        )
    };
}
macro_rules! next_unproven {
    ($index:literal, $keys:literal) => {
        concat!(
            "SELECT verify_at FROM mirror INDEXED BY ",
            $index,
            " WHERE verify_at IS NOT NULL AND key ",
            $keys,
            " AND verify_at > ?1 ORDER BY verify_at LIMIT 1"
        )
    };
}
pub(in crate::store) const EVENTS_DUE: &str = due!("outbox_events", "< 'b'");
pub(in crate::store) const CALLS_DUE: &str = due!("outbox_calls", ">= 'b'");
pub(in crate::store) const NEXT_EVENT: &str = next_due!("outbox_events", "< 'b'");
pub(in crate::store) const NEXT_CALL: &str = next_due!("outbox_calls", ">= 'b'");
pub(in crate::store) const EVENTS_UNPROVEN: &str = unproven!("mirror_events_unproven", "< 'b'");
pub(in crate::store) const CALLS_UNPROVEN: &str = unproven!("mirror_calls_unproven", ">= 'b'");
pub(in crate::store) const NEXT_EVENT_UNPROVEN: &str = next_unproven!("mirror_events_unproven", "< 'b'");
pub(in crate::store) const NEXT_CALL_UNPROVEN: &str = next_unproven!("mirror_calls_unproven", ">= 'b'");

/// Half proven is not proven: the age stays that of the oldest change.
const WRITTEN: &str =
    "INSERT INTO mirror (key, record, writes, since, written_at, verify_at, misses, rewrites, verified_at)
    VALUES (?1, ?2, 1, ?3, ?4, ?5, 0, 0, NULL)
    ON CONFLICT (key) DO UPDATE SET record = coalesce(excluded.record, mirror.record), writes = mirror.writes + 1,
    since = CASE WHEN mirror.verify_at IS NULL OR excluded.since < mirror.since THEN excluded.since ELSE mirror.since END,
    written_at = excluded.written_at, verify_at = excluded.verify_at, misses = 0, verified_at = NULL";
const DELIVERED: &str = "DELETE FROM outbox WHERE sink = ?1 AND key = ?2 AND version = ?3";
const FAILED: &str = "UPDATE outbox SET attempts = attempts + 1, next_at = ?3
    WHERE sink = ?1 AND key = ?2 AND parked_at IS NULL";
const WAIT: &str = "UPDATE outbox SET next_at = ?3 WHERE sink = ?1 AND key = ?2 AND parked_at IS NULL";
const PARK: &str = "UPDATE outbox SET parked_at = ?4, why = ?5 WHERE sink = ?1 AND key = ?2 AND version = ?3";
const PARK_NEW: &str = "INSERT INTO outbox (sink, key, version, since, attempts, next_at, parked_at, why)
    VALUES (?1, ?2, 1, ?3, 0, ?3, ?3, ?4) ON CONFLICT DO NOTHING";
const UNASKED: &str = "UPDATE mirror SET verify_at = NULL, misses = 0, rewrites = 0 WHERE key = ?1";
const PARKED: &str = "SELECT key, why, parked_at FROM outbox INDEXED BY outbox_parked
    WHERE sink = ?1 AND parked_at IS NOT NULL ORDER BY parked_at LIMIT ?2";
const RETRY_NOW: &str = "UPDATE outbox SET next_at = ?2 WHERE sink = ?1 AND parked_at IS NULL AND next_at > ?2";
const BUSY: &str = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND key = ?2 AND parked_at IS NULL)
    OR EXISTS (SELECT 1 FROM mirror WHERE key = ?2 AND verify_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND key = ?2))";
const PROVEN: &str = "UPDATE mirror SET verify_at = NULL, verified_at = ?3, misses = 0, rewrites = 0
    WHERE key = ?1 AND writes = ?2";
const MISSED: &str = "UPDATE mirror SET misses = misses + 1, verify_at = ?3 WHERE key = ?1 AND writes = ?2";
const REWRITE: &str = "UPDATE mirror SET rewrites = rewrites + 1, misses = 0, verify_at = ?3, verified_at = NULL
    WHERE key = ?1 AND writes = ?2";
const FORGET_RECORD: &str = "UPDATE mirror SET record = NULL WHERE key = ?1";

pub(in crate::store) const WAITING_EVENTS: &str =
    "outbox INDEXED BY outbox_events WHERE sink = 'mirror' AND parked_at IS NULL AND key < 'b'";
pub(in crate::store) const WAITING_CALLS: &str =
    "outbox INDEXED BY outbox_calls WHERE sink = 'mirror' AND parked_at IS NULL AND key >= 'b'";
pub(in crate::store) const GIVEN_UP: &str =
    "outbox INDEXED BY outbox_parked WHERE sink = 'mirror' AND parked_at IS NOT NULL";
pub(in crate::store) const UNPROVEN_EVENTS: &str =
    "mirror INDEXED BY mirror_events_unproven WHERE verify_at IS NOT NULL AND key < 'b'";
pub(in crate::store) const UNPROVEN_CALLS: &str =
    "mirror INDEXED BY mirror_calls_unproven WHERE verify_at IS NOT NULL AND key >= 'b'";

/// An attempt has a dispatch event from its intent on, or from its end where it never left; that of a call that is pruned is compared
/// with nothing any more.
macro_rules! has_event {
    () => {
        "(sent_at IS NOT NULL OR finished_at IS NOT NULL) AND coalesce(sent_at, finished_at) >= ?1 AND phone <> '+999'"
    };
}
const PRUNED_EVENT: &str = "SELECT 1 FROM attempts WHERE id = ?1 AND phone = '+999'";
const PRUNED_CALL: &str = "SELECT 1 FROM calls WHERE id = ?1 AND pruned_at IS NOT NULL";
const EVENTS_OF_CALL: &str = concat!("FROM attempts WHERE call_id = ?2 AND ", has_event!());
const EVENTS_OF_ALL: &str = concat!("FROM attempts WHERE coalesce(?2, call_id) = call_id AND ", has_event!());

/// Whether it is of a call that is pruned: what stands in the base is the shop's own, and is not written over.
fn is_pruned(conn: Connection<'_>, key: &MirrorKey) -> Result<bool, StoreError> {
    match key {
        MirrorKey::Attempt(id) => conn.prepare_cached(PRUNED_EVENT)?.exists([rows::id_bytes(*id)]),
        MirrorKey::Call(id) => conn.prepare_cached(PRUNED_CALL)?.exists([id.as_str()]),
    }
}

fn task(row: Row<'_>) -> Result<MirrorTask, StoreError> {
    Ok(MirrorTask {
        key: rows::parsed("outbox.key", str_at(row, 0)?)?,
        version: row.get(1)?,
        tries: row.get(2)?,
        rewrites: row.get(3)?,
        since: Timestamp::from_millis(row.get(4)?),
        record: row.get(5)?,
    })
}

/// Up to `limit` of those that can be read; the others are said once and left out.
fn tasks<T>(
    context: ReadContext<'_>,
    sql: &str,
    now: Timestamp,
    limit: usize,
    read: impl Fn(Connection<'_>, MirrorTask) -> Result<Option<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = context.conn.prepare_cached(sql)?;
    let mut found = statement.query([now.as_millis()])?;
    let mut out = Vec::new();
    while out.len() < limit
        && let Some(row) = found.next()?
    {
        match task(row).and_then(|task| read(context.conn, task)) {
            Ok(Some(one)) => out.push(one),
            Ok(None) => context.damage.note("a row of outbox", None, "what it tells of is not there"),
            Err(StoreError::Corrupt { what, call }) => {
                let row = call.as_ref().map_or_else(|| "a row of outbox".to_owned(), |c| format!("call {c}"));
                context.damage.note(&row, call.as_deref(), &what);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

fn event(conn: Connection<'_>, task: MirrorTask) -> Result<Option<EventTask>, StoreError> {
    let MirrorKey::Attempt(id) = &task.key else { return Err(rows::corrupt("outbox.key")) };
    let mut statement = conn.prepare_cached(EVENT)?;
    let mut found = statement.query([rows::id_bytes(*id)])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let (attempt, reference) = with_reference(row)?;
    Ok(Some(EventTask { task, attempt, reference }))
}

/// An attempt, and its call's reference in the column behind it.
fn with_reference(row: Row<'_>) -> Result<(crate::domain::attempt::Attempt, CallRef), StoreError> {
    let call: CallId = rows::parsed("attempts.call_id", str_at(row, 1)?)?;
    let read = || Ok((attempt_from(row, &call)?, rows::parsed("calls.reference", str_at(row, sql::ATTEMPT_COLUMNS)?)?));
    read().map_err(|e| rows::of_call(call.as_str(), e))
}

fn call(conn: Connection<'_>, task: MirrorTask) -> Result<Option<CallTask>, StoreError> {
    let MirrorKey::Call(id) = &task.key else { return Err(rows::corrupt("outbox.key")) };
    Ok(call_state(conn, id.as_str())?.map(|state| CallTask { task, state }))
}

fn count(conn: Connection<'_>, of: &str) -> Result<u64, StoreError> {
    let n: i64 = conn.prepare_cached(&counting(of))?.query_row([], |r| r.get(0))?;
    u64::try_from(n).map_err(|_| rows::corrupt("a count"))
}

fn figures(conn: Connection<'_>) -> Result<MirrorFigures, StoreError> {
    let oldest = |of: [&str; 2]| -> Result<Option<Timestamp>, StoreError> {
        let mut found = Vec::new();
        for of in of {
            found.extend(moment(conn, &format!("SELECT min(since) FROM {of}"), [])?);
        }
        Ok(found.into_iter().min())
    };
    Ok(MirrorFigures {
        waiting: count(conn, WAITING_EVENTS)? + count(conn, WAITING_CALLS)?,
        oldest_waiting: oldest([WAITING_EVENTS, WAITING_CALLS])?,
        parked: count(conn, GIVEN_UP)?,
        unverified: count(conn, UNPROVEN_EVENTS)? + count(conn, UNPROVEN_CALLS)?,
        oldest_unverified: oldest([UNPROVEN_EVENTS, UNPROVEN_CALLS])?,
    })
}

fn events(context: ReadContext<'_>, filter: &EventFilter) -> Result<Vec<EventLine>, StoreError> {
    let of = if filter.call.is_some() { EVENTS_OF_CALL } else { EVENTS_OF_ALL };
    let columns = attempt_columns!();
    let sql = format!(
        "SELECT {columns}, (SELECT reference FROM calls WHERE calls.id = attempts.call_id), rowid {of}
         AND rowid > ?3 ORDER BY rowid LIMIT ?4"
    );
    let mut out: Vec<EventLine> = Vec::new();
    let mut after = filter.after;
    // Pages are filled whatever cannot be read on them.
    while out.len() < filter.limit {
        let want = filter.limit - out.len();
        let (since, call) = span(filter);
        let page = all(context.conn, &sql, params![since, call, after, at_most(want)], |row| {
            let place: i64 = row.get(sql::ATTEMPT_COLUMNS + 1)?;
            Ok((place, with_reference(row)))
        })?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let full = page.len() >= want;
        for (place, read) in page {
            match read {
                Ok((attempt, reference)) => {
                    let key = MirrorKey::Attempt(attempt.id).to_string();
                    let (waits_since, parked) = standing(context.conn, &key)?;
                    out.push(EventLine { place, attempt, reference, waits_since, parked });
                }
                Err(StoreError::Corrupt { what, call }) => {
                    context.damage.note(&format!("row {place} of attempts"), call.as_deref(), &what);
                }
                Err(e) => return Err(e),
            }
        }
        if !full {
            break;
        }
    }
    Ok(out)
}

fn span(filter: &EventFilter) -> (i64, Option<&str>) {
    (filter.since.map_or(i64::MIN, Timestamp::as_millis), filter.call.as_ref().map(CallId::as_str))
}

/// Since when a key waits, or why it was given up.
fn standing(conn: Connection<'_>, key: &str) -> Result<(Option<Timestamp>, Option<String>), StoreError> {
    const SQL: &str = "SELECT since, parked_at, why FROM outbox WHERE sink = ?1 AND key = ?2";
    let found: Option<(i64, Option<i64>, Option<String>)> =
        conn.prepare_cached(SQL)?.query_maybe(params![SINK, key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    Ok(match found {
        None => (None, None),
        Some((_, Some(_), why)) => (None, Some(why.unwrap_or_default())),
        Some((since, None, _)) => (Some(Timestamp::from_millis(since)), None),
    })
}

#[async_trait]
impl<D: Database> MirrorOutbox for D {
    async fn mirror_events_due(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError> {
        self.list(move |context| tasks(context, EVENTS_DUE, now, limit, event)).await
    }

    async fn mirror_calls_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError> {
        self.list(move |context| tasks(context, CALLS_DUE, now, limit, call)).await
    }

    async fn next_mirror(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| {
            let mut next = Vec::new();
            for sql in [NEXT_EVENT, NEXT_CALL, NEXT_EVENT_UNPROVEN, NEXT_CALL_UNPROVEN] {
                next.extend(moment(conn, sql, [after.as_millis()])?);
            }
            Ok(next.into_iter().min())
        })
        .await
    }

    async fn mirror_delivered(&self, delivered: Vec<MirrorDelivered>, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            for t in &delivered {
                let key = t.key.to_string();
                conn.prepare_cached(WRITTEN)?.execute(params![
                    key,
                    t.record,
                    t.since.as_millis(),
                    now.as_millis(),
                    rows::millis(t.verify_at)
                ])?;
                conn.prepare_cached(DELIVERED)?.execute(params![SINK, key, t.version])?;
            }
            Ok(())
        })
        .await
    }

    async fn mirror_failed(&self, keys: Vec<MirrorKey>, again_at: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| each(conn, FAILED, &keys, again_at)).await
    }

    async fn mirror_wait(&self, keys: Vec<MirrorKey>, until: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| each(conn, WAIT, &keys, until)).await
    }

    async fn mirror_park(
        &self,
        key: &MirrorKey,
        version: Option<i64>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, why) = (key.to_string(), why.to_owned());
        self.with_tx(move |conn| {
            let parked = match version {
                Some(v) => conn.prepare_cached(PARK)?.execute(params![SINK, key, v, now.as_millis(), why])?,
                None => conn.prepare_cached(PARK_NEW)?.execute(params![SINK, key, now.as_millis(), why])?,
            };
            if parked > 0 {
                conn.prepare_cached(UNASKED)?.execute([&key])?;
            }
            Ok(())
        })
        .await
    }

    async fn mirror_parked(&self, limit: usize) -> Result<Vec<ParkedLine>, StoreError> {
        self.read(move |conn| {
            all(conn, PARKED, params![SINK, at_most(limit)], |row| {
                Ok(ParkedLine {
                    key: rows::parsed("outbox.key", str_at(row, 0)?)?,
                    why: row.get::<Option<String>>(1)?.unwrap_or_default(),
                    parked_at: Timestamp::from_millis(row.get(2)?),
                })
            })
        })
        .await
    }

    async fn mirror_retry_now(&self, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            conn.prepare_cached(RETRY_NOW)?.execute(params![SINK, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn mirror_again(&self, keys: Vec<MirrorKey>, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            for key in &keys {
                if is_pruned(conn, key)? {
                    continue;
                }
                let key = key.to_string();
                conn.prepare_cached(sql::OUTBOX)?.execute(params![SINK, key, now.as_millis()])?;
                conn.prepare_cached(WAIT)?.execute(params![SINK, key, now.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn mirror_keeps(&self, calls: Vec<CallId>) -> Result<Vec<CallId>, StoreError> {
        self.read(move |conn| {
            let mut pruned = conn.prepare_cached(PRUNED_CALL)?;
            let mut kept = Vec::with_capacity(calls.len());
            for call in calls {
                if !pruned.exists([call.as_str()])? {
                    kept.push(call);
                }
            }
            Ok(kept)
        })
        .await
    }

    async fn mirror_is_busy_with(&self, keys: Vec<MirrorKey>) -> Result<bool, StoreError> {
        self.read(move |conn| {
            for key in &keys {
                let busy: bool = conn.prepare_cached(BUSY)?.query_row(params![SINK, key.to_string()], |r| r.get(0))?;
                if busy {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    async fn mirror_events_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError> {
        self.list(move |context| tasks(context, EVENTS_UNPROVEN, now, limit, event)).await
    }

    async fn mirror_calls_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError> {
        self.list(move |context| tasks(context, CALLS_UNPROVEN, now, limit, call)).await
    }

    async fn mirror_proven(&self, writes: Vec<(MirrorKey, i64)>, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            for (key, write) in &writes {
                conn.prepare_cached(PROVEN)?.execute(params![key.to_string(), write, now.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn mirror_missed(&self, key: &MirrorKey, write: i64, again_at: Timestamp) -> Result<(), StoreError> {
        let key = key.to_string();
        self.with_tx(move |conn| {
            conn.prepare_cached(MISSED)?.execute(params![key, write, again_at.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn mirror_rewrite(&self, key: &MirrorKey, write: i64, now: Timestamp) -> Result<(), StoreError> {
        let key = key.to_string();
        self.with_tx(move |conn| {
            if conn.prepare_cached(REWRITE)?.execute(params![key, write, now.as_millis()])? > 0 {
                conn.prepare_cached(sql::OUTBOX)?.execute(params![SINK, key, now.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn mirror_forget_record(&self, key: &MirrorKey) -> Result<(), StoreError> {
        let key = key.to_string();
        self.with_tx(move |conn| {
            conn.prepare_cached(FORGET_RECORD)?.execute([&key])?;
            Ok(())
        })
        .await
    }

    async fn mirror_figures(&self) -> Result<MirrorFigures, StoreError> {
        self.read(figures).await
    }

    async fn mirror_events(&self, filter: &EventFilter) -> Result<Vec<EventLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |context| events(context, &filter)).await
    }

    async fn mirror_events_count(&self, filter: &EventFilter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        self.read(move |conn| {
            let of = if filter.call.is_some() { EVENTS_OF_CALL } else { EVENTS_OF_ALL };
            let (since, call) = span(&filter);
            let n: i64 =
                conn.prepare_cached(&format!("SELECT count(*) {of}"))?.query_row(params![since, call], |r| r.get(0))?;
            u64::try_from(n).map_err(|_| rows::corrupt("a count"))
        })
        .await
    }
}

/// One statement for each key, in one transaction.
fn each(conn: Connection<'_>, sql: &str, keys: &[MirrorKey], at: Timestamp) -> Result<(), StoreError> {
    for key in keys {
        conn.prepare_cached(sql)?.execute(params![SINK, key.to_string(), at.as_millis()])?;
    }
    Ok(())
}
