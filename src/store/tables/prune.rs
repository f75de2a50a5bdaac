//! What of a store goes after a time: see [`Prune`].

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::database::Database;
use super::load::{maybe_str_at, str_at};
use super::reads::at_most;
use super::save::append_log;
use crate::domain::Timestamp;
use crate::domain::log::{CONTACT, LogEntry, LogKind};
use crate::domain::outgoing::{HANDED_BACK, LATE_CODE};
use crate::domain::types::Actor;
use crate::failpoint;
use crate::store::sql::{Connection, Row, params};
use crate::store::{Prune, PruneSlice, Pruned, StoreError, ToPrune, rows};

const NO_ADDRESS: &str = "pruned@example.invalid";
/// What stays of what the caller said: figures are by these.
const DATA_KEPT: &[&str] = &["emergencyLevel", "twilioToNumber"];
/// What stays of an entry's fields: figures and reports are by these, and none of them is of a person outside the shop. By `report` a
/// report that comes again is known.
const FIELDS_KEPT: &[&str] = &[
    CONTACT,
    HANDED_BACK,
    LATE_CODE,
    "level",
    "class",
    "code",
    "step",
    "round",
    "report",
    "status",
    "state",
    "sid",
    "due",
    "late",
    "kind",
    "channel",
    "dropped",
    "number",
    "segments",
    "sip",
    "minutes",
    "tries",
    "probes",
];
/// Entries of no call that tell of the shop alone.
const KINDS_KEPT: &[LogKind] = &[
    LogKind::Engine,
    LogKind::SettingsInForce,
    LogKind::OverrideMade,
    LogKind::OverrideWithdrawn,
    LogKind::OnCallChanged,
    LogKind::CalendarTaken,
    LogKind::FeedMade,
    LogKind::BreakerOpened,
    LogKind::BreakerClosed,
    LogKind::StorePruned,
];
/// Entries of one call that lose their words with it; a call that went on for days has more, and the walk through the log takes them.
const ENTRIES_AT_ONCE: i64 = 400;
/// Rows of no call that one slice looks at.
const OTHER_ROWS: i64 = 200;

macro_rules! over_before {
    () => {
        " FROM calls c INDEXED BY calls_to_prune
          WHERE c.pruned_at IS NULL AND c.status IN ('RESOLVED', 'CANCELLED') AND c.closed_at < ?1"
    };
}
/// Nobody is told anything of it any more, and every other system has what it is to have.
macro_rules! rests {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = c.id
              AND (a.state IN ('scheduled', 'sending', 'retrying') OR (a.state = 'unknown' AND a.decided_at IS NULL)))
          AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.sink = 'mirror' AND o.parked_at IS NULL AND o.key = 'call:' || c.id)
          AND NOT EXISTS (SELECT 1 FROM mirror m WHERE m.verify_at IS NOT NULL AND m.key = 'call:' || c.id)
          AND NOT EXISTS (SELECT 1 FROM attempts a CROSS JOIN outbox o ON o.key = 'attempt:att_' || lower(hex(a.id))
              WHERE a.call_id = c.id AND o.sink = 'mirror' AND o.parked_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM attempts a CROSS JOIN mirror m ON m.key = 'attempt:att_' || lower(hex(a.id))
              WHERE a.call_id = c.id AND m.verify_at IS NOT NULL)"
    };
}
pub(in crate::store) const DUE: &str =
    concat!("SELECT c.id, c.data, c.outs, c.holder", over_before!(), rests!(), " ORDER BY c.closed_at LIMIT ?2");
const COUNT_OVER: &str = concat!("SELECT count(*)", over_before!());
const COUNT_DUE: &str = concat!("SELECT count(*)", over_before!(), rests!());
const COUNT_OPEN: &str =
    "SELECT count(*) FROM calls WHERE status NOT IN ('RESOLVED', 'CANCELLED') AND accepted_at < ?1";

const NOTE_BEFORE: &str = "INSERT INTO meta (key, value) VALUES ('pruned_before', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
    WHERE CAST(meta.value AS bigint) < CAST(excluded.value AS bigint)";
const LOG_PLACE: &str = "SELECT value FROM meta WHERE key = 'pruned_log'";
const KEEP_LOG_PLACE: &str = "INSERT INTO meta (key, value) VALUES ('pruned_log', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

const CALL: &str =
    "UPDATE calls SET data = ?2, outs = ?3, holder = ?4, overridden = NULL, pruned_at = ?5 WHERE id = ?1";
const ATTEMPTS: &str =
    "UPDATE attempts SET name = contact, phone = '+999', body = '', result = '', replied = '', why = NULL,
    address = CASE WHEN channel = 'email' THEN ?2 END WHERE call_id = ?1";
const NUMBERS: &str =
    "SELECT DISTINCT contact FROM notices WHERE call_id = ?1 AND substr(contact, 1, 1) = '+' ORDER BY contact";
const OTHER_NUMBERS: &str =
    "SELECT DISTINCT contact FROM attempts WHERE call_id = ?1 AND substr(contact, 1, 1) = '+' ORDER BY contact";
/// Such numbers that have another name already.
const NAMED_BEFORE: &str =
    "SELECT count(*) FROM (SELECT contact FROM notices WHERE call_id = ?1 AND contact LIKE 'pruned-%'
    UNION SELECT contact FROM attempts WHERE call_id = ?1 AND contact LIKE 'pruned-%') named";
const RENAMED_NOTICES: &str = "INSERT INTO notices (call_id, round, step, contact, ordinal)
    SELECT call_id, round, step, ?3, ordinal FROM notices WHERE call_id = ?1 AND contact = ?2";
const RENAMED_ATTEMPTS: &str = "UPDATE attempts SET contact = ?3 WHERE call_id = ?1 AND contact = ?2";
const OLD_NOTICES: &str = "DELETE FROM notices WHERE call_id = ?1 AND contact = ?2";
const REPLIES: &str = "UPDATE inbound SET sender = '+999', body = '', answer = '', prompt = NULL WHERE call_id = ?1";
const PHONE_CALLS: &str = "UPDATE phone_calls SET caller = NULL, words = NULL WHERE call_id = ?1";
const PARKED_CALL: &str = "DELETE FROM outbox WHERE sink = 'mirror' AND parked_at IS NOT NULL AND key = 'call:' || ?1";
const PARKED_EVENTS: &str = "DELETE FROM outbox WHERE sink = 'mirror' AND parked_at IS NOT NULL
    AND key IN (SELECT 'attempt:att_' || lower(hex(id)) FROM attempts WHERE call_id = ?1)";
const ENTRIES: &str = "SELECT seq, data FROM log WHERE call_id = ?1 ORDER BY seq LIMIT ?2";
const ENTRY: &str = "UPDATE log SET message = '', data = ?2 WHERE seq = ?1";

const OTHER_ENTRIES: &str = "SELECT l.seq, l.at, l.kind, l.message, l.data, l.call_id,
        (SELECT CASE WHEN c.pruned_at IS NULL THEN 1 ELSE 2 END FROM calls c WHERE c.id = l.call_id)
    FROM log l WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2";
/// Of a call that is pruned already.
const AGAIN: &str = "SELECT c.id, c.data, c.outs, c.holder FROM calls c WHERE c.id = ?1 AND c.pruned_at IS NOT NULL";
/// Somebody is told something of it still.
const IS_TOLD: &str = "SELECT 1 FROM attempts WHERE call_id = ?1
    AND (state IN ('scheduled', 'sending', 'retrying') OR (state = 'unknown' AND decided_at IS NULL))";
/// A phone call of which nobody knows when it was is as old as what the log says of it.
const UNTIMED_PHONE_CALL: &str = "UPDATE phone_calls SET caller = NULL, words = NULL WHERE id = ?1 AND call_id IS NULL
    AND due_at IS NULL AND ended_at IS NULL AND started_at IS NULL AND (caller IS NOT NULL OR words IS NOT NULL)";
const OTHER_REPLIES: &str = "UPDATE inbound SET sender = '+999', body = '', answer = '', prompt = NULL WHERE sid IN
    (SELECT sid FROM inbound WHERE call_id IS NULL AND waits = 0 AND at < ?1 AND (body <> '' OR sender <> '+999') LIMIT ?2)";
const OTHER_PHONE_CALLS: &str = "UPDATE phone_calls SET caller = NULL, words = NULL WHERE id IN
    (SELECT id FROM phone_calls WHERE call_id IS NULL AND due_at IS NULL AND COALESCE(ended_at, started_at) < ?1
        AND (caller IS NOT NULL OR words IS NOT NULL) LIMIT ?2)";
const MAILS: &str = "UPDATE report_mails SET body = '', html = '', csv = NULL WHERE key IN
    (SELECT key FROM report_mails WHERE state NOT IN ('waiting', 'sending') AND next_at < ?1
        AND (body <> '' OR html <> '' OR csv IS NOT NULL) LIMIT ?2)";
const ROLL_CALL_TEXTS: &str =
    "UPDATE roll_call_texts SET name = contact, phone = '+999', body = '', result = '' WHERE id IN
    (SELECT t.id FROM roll_call_texts t JOIN roll_calls r ON r.id = t.roll_call
        WHERE r.until_at < ?1 AND r.state <> 'asked' AND t.phone <> '+999' LIMIT ?2)";
const ROLL_CALLS: &str = "UPDATE roll_calls SET name = contact, phone = '+999', why = '' WHERE id IN
    (SELECT id FROM roll_calls WHERE until_at < ?1 AND state <> 'asked' AND phone <> '+999' LIMIT ?2)";
/// Their keys may name a number. One that comes back is raised anew.
const ENDED_ALERTS: &str = "DELETE FROM alerts WHERE key IN
    (SELECT key FROM alerts WHERE resolved_at < ?1
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.key = alerts.key)
        AND NOT EXISTS (SELECT 1 FROM alert_receivers r WHERE r.key = alerts.key)
        AND NOT EXISTS (SELECT 1 FROM alert_receipts r WHERE r.key = alerts.key)
        AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = alerts.call_id AND c.pruned_at IS NULL) LIMIT ?2)";
const OTHER_ALERTS: &str = "UPDATE alerts SET message = '' WHERE key IN
    (SELECT key FROM alerts WHERE resolved_at < ?1 AND message <> ''
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.key = alerts.key)
        AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = alerts.call_id AND c.pruned_at IS NULL) LIMIT ?2)";

#[async_trait]
impl<D: Database> Prune for D {
    async fn to_prune(&self, before: Timestamp) -> Result<ToPrune, StoreError> {
        self.read(move |conn| {
            let count = |sql: &str| -> Result<u64, StoreError> {
                let n: i64 = conn.prepare_cached(sql)?.query_row([before.as_millis()], |r| r.get(0))?;
                u64::try_from(n).map_err(|_| rows::corrupt("a count"))
            };
            let (over, due) = (count(COUNT_OVER)?, count(COUNT_DUE)?);
            Ok(ToPrune { calls: due, waiting: over.saturating_sub(due), open: count(COUNT_OPEN)? })
        })
        .await
    }

    async fn prune_slice(&self, before: Timestamp, now: Timestamp, calls: usize) -> Result<PruneSlice, StoreError> {
        let done = self
            .with_tx(move |conn| {
                let slice = slice(conn, before, now, calls)?;
                failpoint::hit("prune.before-commit");
                Ok(slice)
            })
            .await?;
        failpoint::hit("prune.committed");
        Ok(done)
    }

    async fn log_pruned(
        &self,
        before: Timestamp,
        pruned: Pruned,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let entry = LogEntry {
            kind: LogKind::StorePruned,
            at: now,
            call: None,
            attempt: None,
            actor: by.clone(),
            message: format!("what {} calls that were over before {before} said of people is gone", pruned.calls),
            data: serde_json::json!({ "calls": pruned.calls, "attempts": pruned.attempts, "entries": pruned.entries,
                "replies": pruned.replies, "phoneCalls": pruned.phone_calls, "mails": pruned.mails }),
        };
        self.with_tx(move |conn| append_log(conn, std::slice::from_ref(&entry))).await
    }
}

fn slice(conn: Connection<'_>, before: Timestamp, now: Timestamp, calls: usize) -> Result<PruneSlice, StoreError> {
    conn.prepare_cached(NOTE_BEFORE)?.execute([before.as_millis().to_string()])?;
    let mut pruned = Pruned::default();
    for due in due(conn, before, calls)? {
        pruned = pruned.and(call(conn, &due, now)?);
    }
    if pruned.calls > 0 {
        return Ok(PruneSlice { pruned, is_done: false });
    }
    let (of_none, is_done) = of_no_call(conn, before, now)?;
    Ok(PruneSlice { pruned: of_none, is_done })
}

struct Due {
    id: String,
    data: String,
    outs: String,
    holder: Option<String>,
}

fn due(conn: Connection<'_>, before: Timestamp, calls: usize) -> Result<Vec<Due>, StoreError> {
    let mut statement = conn.prepare_cached(DUE)?;
    let mut found = statement.query(params![before.as_millis(), at_most(calls)])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(due_from(row)?);
    }
    Ok(all)
}

fn due_from(row: Row<'_>) -> Result<Due, StoreError> {
    Ok(Due {
        id: str_at(row, 0)?.to_owned(),
        data: str_at(row, 1)?.to_owned(),
        outs: str_at(row, 2)?.to_owned(),
        holder: maybe_str_at(row, 3)?.map(str::to_owned),
    })
}

/// All that a call says of people, but its entries in the log; numbers that it named, and their names from now on.
fn call_itself(
    conn: Connection<'_>,
    due: &Due,
    now: Timestamp,
) -> Result<(Pruned, BTreeMap<String, String>), StoreError> {
    let id = due.id.as_str();
    let numbers = numbers(conn, id)?;
    let renamed = |text: &str| renamed(&numbers, text);
    let holder = due.holder.as_deref().map(renamed);
    conn.prepare_cached(CALL)?.execute(params![
        id,
        kept(&due.data, DATA_KEPT),
        renamed(&due.outs),
        holder,
        now.as_millis()
    ])?;
    for (number, name) in &numbers {
        for statement in [RENAMED_NOTICES, RENAMED_ATTEMPTS] {
            conn.prepare_cached(statement)?.execute(params![id, number, name])?;
        }
        conn.prepare_cached(OLD_NOTICES)?.execute(params![id, number])?;
    }
    let attempts = conn.prepare_cached(ATTEMPTS)?.execute(params![id, NO_ADDRESS])?;
    for statement in [PARKED_CALL, PARKED_EVENTS] {
        conn.prepare_cached(statement)?.execute([id])?;
    }
    let replies = conn.prepare_cached(REPLIES)?.execute([id])?;
    let phone_calls = conn.prepare_cached(PHONE_CALLS)?.execute([id])?;
    let pruned = Pruned {
        attempts: many(attempts),
        replies: many(replies),
        phone_calls: many(phone_calls),
        ..Pruned::default()
    };
    Ok((pruned, numbers))
}

fn renamed(numbers: &BTreeMap<String, String>, text: &str) -> String {
    numbers.iter().fold(text.to_owned(), |text, (number, name)| text.replace(number, name))
}

fn call(conn: Connection<'_>, due: &Due, now: Timestamp) -> Result<Pruned, StoreError> {
    let id = due.id.as_str();
    let (pruned, numbers) = call_itself(conn, due, now)?;
    let renamed = |text: &str| renamed(&numbers, text);
    let mut entries = Vec::new();
    {
        let mut statement = conn.prepare_cached(ENTRIES)?;
        let mut found = statement.query(params![id, ENTRIES_AT_ONCE + 1])?;
        while let Some(row) = found.next()? {
            entries.push((row.get::<i64>(0)?, maybe_str_at(row, 1)?.map(|data| renamed(&kept(data, FIELDS_KEPT)))));
        }
    }
    if let Some((next, _)) = usize::try_from(ENTRIES_AT_ONCE).ok().and_then(|most| entries.get(most)) {
        let from = (log_place(conn)?).min(next - 1);
        conn.prepare_cached(KEEP_LOG_PLACE)?.execute([from.to_string()])?;
        entries.truncate(usize::try_from(ENTRIES_AT_ONCE).unwrap_or_default());
    }
    for (seq, data) in &entries {
        conn.prepare_cached(ENTRY)?.execute(params![seq, data])?;
    }
    Ok(Pruned { calls: 1, entries: many(entries.len()), ..pruned })
}

fn many(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Numbers that were told in place of somebody's of the shop, and what each is called from now on.
fn numbers(conn: Connection<'_>, call: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let mut all = BTreeMap::new();
    let known: i64 = conn.prepare_cached(NAMED_BEFORE)?.query_row([call], |r| r.get(0))?;
    let known = usize::try_from(known).unwrap_or_default();
    for statement in [NUMBERS, OTHER_NUMBERS] {
        let mut statement = conn.prepare_cached(statement)?;
        let mut found = statement.query([call])?;
        while let Some(row) = found.next()? {
            let next = known + all.len() + 1;
            all.entry(str_at(row, 0)?.to_owned()).or_insert_with(|| format!("pruned-{next}"));
        }
    }
    Ok(all)
}

/// A JSON object with these fields alone; what is none is empty.
fn kept(document: &str, fields: &[&str]) -> String {
    let all: Map<String, Value> = serde_json::from_str(document).unwrap_or_default();
    let kept: Map<String, Value> = all.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect();
    Value::Object(kept).to_string()
}

/// What belongs to no call, or to one that never came to be, or came to a call after it was pruned; whether nothing is left.
fn of_no_call(conn: Connection<'_>, before: Timestamp, now: Timestamp) -> Result<(Pruned, bool), StoreError> {
    let change = |sql: &str| -> Result<u64, StoreError> {
        Ok(many(conn.prepare_cached(sql)?.execute(params![before.as_millis(), OTHER_ROWS])?))
    };
    let (walked, at_the_end) = other_entries(conn, before, now)?;
    let pruned = Pruned {
        replies: change(OTHER_REPLIES)?,
        phone_calls: change(OTHER_PHONE_CALLS)?,
        mails: change(MAILS)?,
        roll_call_texts: change(ROLL_CALL_TEXTS)?,
        alerts: change(ENDED_ALERTS)?.saturating_add(change(OTHER_ALERTS)?),
        ..Pruned::default()
    };
    let pruned = pruned.and(walked);
    let roll_calls = change(ROLL_CALLS)?;
    Ok((pruned, pruned.is_nothing() && roll_calls == 0 && at_the_end))
}

/// The last entry that the walk has come to.
fn log_place(conn: Connection<'_>) -> Result<i64, StoreError> {
    let place: Option<String> = conn.prepare_cached(LOG_PLACE)?.query_maybe([], |r| r.get(0))?;
    Ok(place.and_then(|p| p.parse().ok()).unwrap_or(0))
}

/// Walks on through the log; what lost its words, and whether the walk has come to what is younger. Whatever reaches a call is told in
/// the log: an entry with words of a call that is pruned already says that the call is to be pruned again.
fn other_entries(conn: Connection<'_>, before: Timestamp, now: Timestamp) -> Result<(Pruned, bool), StoreError> {
    let from = log_place(conn)?;
    let (mut to, mut words, mut looked) = (from, Vec::new(), 0);
    let (mut again, mut of_no_call) = (BTreeSet::new(), BTreeSet::new());
    {
        let (mut statement, mut is_told) = (conn.prepare_cached(OTHER_ENTRIES)?, conn.prepare_cached(IS_TOLD)?);
        let mut found = statement.query(params![from, OTHER_ROWS])?;
        while let Some(row) = found.next()? {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if at >= before.as_millis() {
                break;
            }
            let call = maybe_str_at(row, 5)?;
            let state: Option<i64> = row.get(6)?;
            let has_words = !str_at(row, 3)?.is_empty();
            // An answer to what came late is not out yet: the walk goes on from here once it is.
            if state == Some(2)
                && has_words
                && let Some(call) = call
                && !again.contains(call)
                && is_told.exists([call])?
            {
                break;
            }
            (to, looked) = (seq, looked + 1);
            if state.is_none() {
                of_no_call.extend(call.map(str::to_owned));
            }
            let is_of_the_shop = KINDS_KEPT.iter().any(|k| str_at(row, 2).is_ok_and(|kind| kind == k.as_str()));
            let is_kept = state == Some(1);
            if !is_of_the_shop && !is_kept && has_words {
                if state.is_some() {
                    again.extend(call.map(str::to_owned));
                }
                words.push((seq, maybe_str_at(row, 4)?.map(|data| kept(data, FIELDS_KEPT))));
            }
        }
    }
    let mut pruned = Pruned { entries: many(words.len()), ..Pruned::default() };
    let mut numbers = BTreeMap::new();
    for id in &again {
        let due = conn.prepare_cached(AGAIN)?.query_maybe([id], due_from)?;
        if let Some(due) = due {
            let (of_it, named) = call_itself(conn, &due, now)?;
            pruned = pruned.and(of_it);
            numbers.extend(named);
        }
    }
    for id in &of_no_call {
        let untimed = conn.prepare_cached(UNTIMED_PHONE_CALL)?.execute([id])?;
        pruned.phone_calls += many(untimed);
    }
    for (seq, data) in &words {
        let data = data.as_deref().map(|data| renamed(&numbers, data));
        conn.prepare_cached(ENTRY)?.execute(params![seq, data])?;
    }
    if to != from {
        conn.prepare_cached(KEEP_LOG_PLACE)?.execute([to.to_string()])?;
    }
    Ok((pruned, looked < OTHER_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_person_is_in_is_kept_of_a_document() {
        let data =
            r#"{"callerPhone":"+19495550150","emergencyLevel":"high","twilioToNumber":"+18005550100","note":"x"}"#;
        assert_eq!(kept(data, DATA_KEPT), r#"{"emergencyLevel":"high","twilioToNumber":"+18005550100"}"#);
        assert_eq!(kept("no document", DATA_KEPT), "{}");
        for statement in [ATTEMPTS, REPLIES, OTHER_REPLIES, ROLL_CALLS, ROLL_CALL_TEXTS] {
            assert!(statement.contains(&format!("'{}'", crate::domain::phone::PRUNED)), "{statement}");
        }
    }
}
