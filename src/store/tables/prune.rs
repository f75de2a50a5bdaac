//! What of a store goes after a time: see [`Prune`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::database::Database;
use super::event_cursors;
use super::load::{maybe_str_at, str_at};
use super::prune_count;
use super::prune_others::OTHERS;
use super::prune_sql::{
    AGAIN, ATTEMPTS, CALL, COUNT_DUE, COUNT_OPEN, COUNT_OVER, DUE, ENTRIES, ENTRY, FIND, IS_TOLD, IS_UNTOLD,
    KEEP_LOG_PLACE, LOG_PLACE, NAMED_BEFORE, NOTE_BEFORE, NUMBERS, OLD_NOTICES, OTHER_ENTRIES, OTHER_NUMBERS,
    PARKED_CALL, PARKED_EVENTS, PHONE_CALLS, RENAMED_ATTEMPTS, RENAMED_NOTICES, REPLIES, UNTIMED_PHONE_CALL,
};
use super::save::append_log;
use crate::clock::Stopwatch;
use crate::domain::Timestamp;
use crate::domain::log::{self, CONTACT, LogEntry, LogKind};
use crate::domain::outgoing::{HANDED_BACK, LATE_CODE};
use crate::domain::types::Actor;
use crate::failpoint;
use crate::store::prune::KEPT_FOR_RECEIVERS;
use crate::store::sql::{Connection, Param, Row, params};
use crate::store::{
    OtherTable, Prunable, Prune, PruneSlice, Pruned, SliceLimit, StoreError, ToPrune, UnloggedPruning, rows,
};

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
const ENTRIES_AT_ONCE: i64 = 200;
/// Calls that are found at once, and rows of no call of each table.
const FOUND: i64 = 5_000;
/// Entries that one slice looks at on its walk through the log, and that a read looks at before it.
const WALKED: i64 = 200;
const LOOKED_THROUGH: i64 = 20_000;
/// So many bytes that go weigh as much as a row more.
const BYTES_A_ROW: usize = 1024;

#[async_trait]
impl<D: Database> Prune for D {
    async fn to_prune(&self, before: Timestamp) -> Result<ToPrune, StoreError> {
        self.read(move |conn| {
            let (before, edge) = (before.as_millis(), Edge::of(conn, before)?);
            let count = |sql: &str, with: &[&dyn Param]| -> Result<u64, StoreError> {
                let n: i64 = conn.prepare_cached(sql)?.query_row(with, |r| r.get(0))?;
                u64::try_from(n).map_err(|_| rows::corrupt("a count"))
            };
            let over = count(COUNT_OVER, params![before])?;
            let due = count(COUNT_DUE, params![before, edge.late, edge.told])?;
            Ok(ToPrune { calls: due, waiting: over.saturating_sub(due), open: count(COUNT_OPEN, params![before])? })
        })
        .await
    }

    async fn find_prunable(&self, before: Timestamp) -> Result<Prunable, StoreError> {
        self.read(move |conn| find(conn, before)).await
    }

    async fn prune_slice(
        &self,
        before: Timestamp,
        now: Timestamp,
        found: Arc<Prunable>,
        limit: SliceLimit,
    ) -> Result<PruneSlice, StoreError> {
        let done = self
            .with_tx(move |conn| {
                let slice = slice(conn, before, now, &found, limit)?;
                prune_count::add(conn, before, slice.pruned, now)?;
                failpoint::hit("prune.before-commit");
                Ok(slice)
            })
            .await?;
        failpoint::hit("prune.committed");
        Ok(done)
    }

    async fn unlogged_prunings(&self, before: Timestamp, now: Timestamp) -> Result<Vec<UnloggedPruning>, StoreError> {
        self.read(move |conn| prune_count::unlogged(conn, before, now)).await
    }

    async fn log_pruned(&self, before: Timestamp, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
        let by = by.clone();
        self.with_tx(move |conn| {
            let pruned = prune_count::take(conn, before)?;
            if pruned.is_nothing() {
                return Ok(());
            }
            append_log(conn, &[entry_of(before, pruned, &by, now)])
        })
        .await
    }
}

/// What the log says of a pruning.
fn entry_of(before: Timestamp, pruned: Pruned, by: &Actor, now: Timestamp) -> LogEntry {
    let untold = match pruned.untold {
        0 => String::new(),
        n => format!("; of {n} of them a receiver of event webhooks was not told everything"),
    };
    LogEntry {
        kind: LogKind::StorePruned,
        at: now,
        call: None,
        attempt: None,
        actor: by.clone(),
        message: format!("what {} calls that were over before {before} said of people is gone{untold}", pruned.calls),
        data: serde_json::json!({ "calls": pruned.calls, "attempts": pruned.attempts, "entries": pruned.entries,
            "replies": pruned.replies, "phoneCalls": pruned.phone_calls, "mails": pruned.mails,
            (log::UNTOLD): pruned.untold }),
    }
}

/// Where receivers of event webhooks are.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// Calls that were over before this wait for no receiver.
    late: i64,
    /// Every receiver was told of the log up to here.
    told: i64,
}

impl Edge {
    fn of(conn: Connection<'_>, before: Timestamp) -> Result<Self, StoreError> {
        let told = event_cursors::told(conn)?;
        Ok(Self { late: before.minus(KEPT_FOR_RECEIVERS).as_millis(), told })
    }

    /// Whether this entry is kept for a receiver.
    const fn keeps(self, entry: &Entry) -> bool {
        entry.seq > self.told && entry.at >= self.late
    }
}

fn find(conn: Connection<'_>, before: Timestamp) -> Result<Prunable, StoreError> {
    let edge = Edge::of(conn, before)?;
    let calls = keys(conn, FIND, params![before.as_millis(), FOUND, edge.late, edge.told])?;
    if !calls.is_empty() {
        return Ok(Prunable { calls, ..Prunable::default() });
    }
    let mut others = Vec::new();
    for other in OTHERS {
        let found = keys(conn, other.find, params![before.as_millis(), FOUND])?;
        others.extend(found.into_iter().map(|key| (other.table, key)));
    }
    let (from, mut log_to, mut walks) = (log_place(conn)?, 0, false);
    let mut statement = conn.prepare_cached(OTHER_ENTRIES)?;
    let mut found = statement.query(params![from, LOOKED_THROUGH])?;
    while let Some(row) = found.next()? {
        let entry = Entry::of(row)?;
        if entry.at >= before.as_millis() || edge.keeps(&entry) {
            break;
        }
        walks = true;
        if entry.loses_words || entry.call_that_is_none().is_some() {
            break;
        }
        log_to = entry.seq;
    }
    Ok(Prunable { calls, others, log_to, walks })
}

fn keys(conn: Connection<'_>, sql: &str, with: &[&dyn Param]) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query(with)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(str_at(row, 0)?.to_owned());
    }
    Ok(all)
}

/// What a slice has done so far.
struct Tally {
    watch: Stopwatch,
    limit: SliceLimit,
    pruned: Pruned,
    weight: u64,
}

impl Tally {
    fn add(&mut self, pruned: Pruned, bytes: usize) {
        self.pruned = self.pruned.and(pruned);
        let p = &pruned;
        let rows = p.calls
            + p.attempts
            + p.entries
            + p.replies
            + p.phone_calls
            + p.mails
            + p.roll_call_texts
            + p.alert_texts
            + p.alerts;
        self.weight += rows.max(1) + many(bytes / BYTES_A_ROW);
    }

    fn slice(&self, next: usize, walked: bool) -> PruneSlice {
        PruneSlice { pruned: self.pruned, next, walked, worked: self.watch.passed() }
    }

    fn is_full(&self) -> bool {
        self.weight >= self.limit.weight || self.watch.passed() >= self.limit.within
    }
}

fn slice(
    conn: Connection<'_>,
    before: Timestamp,
    now: Timestamp,
    found: &Prunable,
    limit: SliceLimit,
) -> Result<PruneSlice, StoreError> {
    let mut tally = Tally { watch: Stopwatch::start(), limit, pruned: Pruned::default(), weight: 0 };
    let edge = Edge::of(conn, before)?;
    conn.prepare_cached(NOTE_BEFORE)?.execute([before.as_millis().to_string()])?;
    let mut next = limit.from;
    for id in found.calls.iter().skip(next) {
        let with = params![before.as_millis(), id, edge.late, edge.told];
        if let Some(due) = conn.prepare_cached(DUE)?.query_maybe(with, due_from)? {
            let is_untold = conn.prepare_cached(IS_UNTOLD)?.exists(params![id, edge.told])?;
            let (pruned, bytes) = call(conn, &due, now)?;
            let pruned = Pruned { untold: u64::from(is_untold), ..pruned };
            tally.add(pruned, bytes);
        }
        next += 1;
        if tally.is_full() {
            return Ok(tally.slice(next, false));
        }
    }
    for (table, key) in found.others.iter().skip(next.saturating_sub(found.calls.len())) {
        tally.add(other_row(conn, *table, key, before)?, 0);
        next += 1;
        if tally.is_full() {
            return Ok(tally.slice(next, false));
        }
    }
    let mut walked = false;
    if found.walks {
        let had = tally.pruned;
        walked = walk(conn, (before, edge), now, found.log_to, &mut tally)?;
        // Where entries lose their words others do that follow; else a read looks further than a walk.
        next += usize::from(walked || tally.pruned == had);
    }
    Ok(tally.slice(next, walked))
}

/// A row that belongs to no call.
fn other_row(conn: Connection<'_>, table: OtherTable, key: &str, before: Timestamp) -> Result<Pruned, StoreError> {
    let Some(other) = OTHERS.iter().find(|o| o.table == table) else { return Ok(Pruned::default()) };
    let n = many(conn.prepare_cached(other.change)?.execute(params![before.as_millis(), key])?);
    let none = Pruned::default();
    Ok(match table {
        OtherTable::Replies => Pruned { replies: n, ..none },
        OtherTable::PhoneCalls => Pruned { phone_calls: n, ..none },
        OtherTable::Mails => Pruned { mails: n, ..none },
        OtherTable::RollCallTexts => Pruned { roll_call_texts: n, ..none },
        OtherTable::RollCalls => none,
        OtherTable::AlertTexts => Pruned { alert_texts: n, ..none },
        OtherTable::EndedAlerts | OtherTable::Alerts => Pruned { alerts: n, ..none },
    })
}

struct Due {
    id: String,
    data: String,
    outs: String,
    holder: Option<String>,
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

/// A call and the first of its entries; how many bytes were looked at.
fn call(conn: Connection<'_>, due: &Due, now: Timestamp) -> Result<(Pruned, usize), StoreError> {
    let id = due.id.as_str();
    let mut bytes = due.data.len();
    let (pruned, numbers) = call_itself(conn, due, now)?;
    let mut entries = Vec::new();
    {
        let mut statement = conn.prepare_cached(ENTRIES)?;
        let mut found = statement.query(params![id, ENTRIES_AT_ONCE + 1])?;
        while let Some(row) = found.next()? {
            let data = maybe_str_at(row, 1)?;
            bytes += data.map_or(0, str::len);
            entries.push((row.get::<i64>(0)?, data.map(|data| fields_kept(data, Some(&numbers)))));
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
    Ok((Pruned { calls: 1, entries: many(entries.len()), ..pruned }, bytes))
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

/// The last entry that the walk has come to.
fn log_place(conn: Connection<'_>) -> Result<i64, StoreError> {
    let place: Option<String> = conn.prepare_cached(LOG_PLACE)?.query_maybe([], |r| r.get(0))?;
    Ok(place.and_then(|p| p.parse().ok()).unwrap_or(0))
}

/// One entry on the walk.
struct Entry {
    seq: i64,
    at: i64,
    /// Of a call: whether it is pruned. `None`: it is of no call that there is.
    call_is_pruned: Option<bool>,
    call: Option<String>,
    /// It has words, and nothing keeps them.
    loses_words: bool,
}

impl Entry {
    fn of(row: Row<'_>) -> Result<Self, StoreError> {
        let state: Option<i64> = row.get(6)?;
        let is_of_the_shop = KINDS_KEPT.iter().any(|k| str_at(row, 2).is_ok_and(|kind| kind == k.as_str()));
        let has_words = !str_at(row, 3)?.is_empty();
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            call_is_pruned: state.map(|s| s == 2),
            call: maybe_str_at(row, 5)?.map(str::to_owned),
            loses_words: has_words && !is_of_the_shop && state != Some(1),
        })
    }

    /// A call that never came to be.
    fn call_that_is_none(&self) -> Option<&str> {
        self.call.as_deref().filter(|_| self.call_is_pruned.is_none())
    }

    /// A call that was pruned, and of which it has words all the same.
    fn pruned_call(&self) -> Option<&str> {
        self.call.as_deref().filter(|_| self.loses_words && self.call_is_pruned == Some(true))
    }
}

/// Walks on through the log; whether the walk has come to what stays for now. Whatever reaches a call is told in the log: an entry with
/// words of a call that is pruned already says that the call is to be pruned again.
fn walk(
    conn: Connection<'_>,
    (before, edge): (Timestamp, Edge),
    now: Timestamp,
    looked_to: i64,
    tally: &mut Tally,
) -> Result<bool, StoreError> {
    let place = log_place(conn)?;
    let from = place.max(looked_to);
    let entries = entries_after(conn, from)?;
    let (mut to, mut is_over) = (from, many(entries.len()) < u64::try_from(WALKED).unwrap_or_default());
    let mut again: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for (entry, data) in &entries {
        if entry.at >= before.as_millis() || edge.keeps(entry) {
            is_over = true;
            break;
        }
        if to != from && tally.is_full() {
            is_over = false;
            break;
        }
        if let Some(call) = entry.pruned_call().filter(|call| !again.contains_key(call)) {
            // An answer to what came late is not out yet: the walk goes on from here once it is.
            if conn.prepare_cached(IS_TOLD)?.exists([call])? {
                is_over = true;
                break;
            }
            let due = conn.prepare_cached(AGAIN)?.query_maybe([call], due_from)?;
            let (of_it, named) = due.map(|d| call_itself(conn, &d, now)).transpose()?.unwrap_or_default();
            tally.add(of_it, 0);
            again.insert(call, named);
        }
        if let Some(call) = entry.call_that_is_none() {
            let n = conn.prepare_cached(UNTIMED_PHONE_CALL)?.execute([call])?;
            tally.add(Pruned { phone_calls: many(n), ..Pruned::default() }, 0);
        }
        if entry.loses_words {
            let numbers = entry.pruned_call().and_then(|call| again.get(call));
            let kept = data.as_deref().map(|data| fields_kept(data, numbers));
            conn.prepare_cached(ENTRY)?.execute(params![entry.seq, kept])?;
            tally.add(Pruned { entries: 1, ..Pruned::default() }, data.as_ref().map_or(0, String::len));
        }
        to = entry.seq;
    }
    if to != place {
        conn.prepare_cached(KEEP_LOG_PLACE)?.execute([to.to_string()])?;
    }
    Ok(is_over)
}

fn entries_after(conn: Connection<'_>, from: i64) -> Result<Vec<(Entry, Option<String>)>, StoreError> {
    let mut statement = conn.prepare_cached(OTHER_ENTRIES)?;
    let mut found = statement.query(params![from, WALKED])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let entry = Entry::of(row)?;
        let data = if entry.loses_words { maybe_str_at(row, 4)?.map(str::to_owned) } else { None };
        all.push((entry, data));
    }
    Ok(all)
}

/// What stays of an entry's fields, with the names that numbers have from now on. A number that has none, because its call was pruned
/// before, goes.
fn fields_kept(data: &str, numbers: Option<&BTreeMap<String, String>>) -> String {
    let text = kept(data, FIELDS_KEPT);
    let text = numbers.map_or_else(|| text.clone(), |numbers| renamed(numbers, &text));
    let mut all: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    for value in all.values_mut() {
        if value.as_str().is_some_and(|v| v.starts_with('+')) {
            *value = "pruned".into();
        }
    }
    Value::Object(all).to_string()
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
        let of_others = OTHERS.iter().filter(|o| o.change.contains("+")).map(|o| o.change);
        for statement in [ATTEMPTS, REPLIES].into_iter().chain(of_others) {
            assert!(statement.contains(&format!("'{}'", crate::domain::phone::PRUNED)), "{statement}");
        }
    }
}
