//! Calls that *Calls* has no row of, and texts that no record tells of.
//!
//! The row that intake makes is waited for before the engine makes one: a call stands in *Dispatch Events* alone for its first
//! half minute, and in the provider's list alone for its first seconds. A disk that is lost then must not lose the call. One
//! with events is rebuilt from them and from its first text; of one without, only the text is known, and a person is told.
//! What is older than a lost disk explains is named and not taken over: somebody may have deleted the row of a call that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::attempt::AttemptKind;
use crate::domain::phone::masked;
use crate::domain::types::{CallId, CallRef};
use crate::gateways::airtable::Formula;
use crate::gateways::mirror::{Query, RefusalScope};
use crate::gateways::{MessageRecord, MirrorError};
use crate::store::Ledger;

use super::base::{Base, ReadError, is_known};
use super::evidence::{attempt_reference, kind_of, notice_text};
use super::problem::RowProblem;
use super::read::Shop;
use super::rows::{CallRow, DISPATCHING, EventRow};
use super::snapshot::{BaseSnapshot, OLDER_THAN};

/// Events and texts of the last day are looked at.
const NAMED_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// A call whose last event is younger than this goes on; an older one is named.
const REBUILT_WITHIN: Duration = Duration::from_secs(6 * 3_600);
/// A call with events over a longer time than this had a row, which somebody has deleted.
const EVENTS_SPAN: Duration = OLDER_THAN;

/// Adds the calls that stand in *Dispatch Events* alone to the snapshot, as rows that hold what the events say.
///
/// # Errors
/// [`ReadError`]: a list that is not whole finds nothing missing.
pub(super) async fn add(
    snapshot: &mut BaseSnapshot,
    store: Option<&dyn Ledger>,
    base: &Base,
    shop: &Shop,
) -> Result<(), ReadError> {
    let layout = &shop.layouts.events;
    let since = snapshot.now.minus(NAMED_WITHIN);
    let mut recent = Vec::new();
    recent.extend(layout.name("sent_at").map(|name| Formula::after(name, since)));
    recent.extend(layout.name("event_id").map(|name| Formula::is_blank(name).negated()));
    let listed = base.mirror.list(&Query::of(&layout.table).filter(Formula::all(recent))).await?;
    if !listed.complete {
        return Err(ReadError::Incomplete { table: layout.table.clone() });
    }
    let mut by_call: BTreeMap<CallId, Vec<EventRow>> = BTreeMap::new();
    for record in &listed.records {
        let row = EventRow::of(record, layout, &shop.links);
        snapshot.booked_sids.extend(row.sid.clone());
        snapshot.booked_references.extend(row.reference.as_ref().map(|(r, _)| r.clone()));
        let id = layout.text(record, "call_id").and_then(|t| t.parse::<CallId>().ok());
        if let (Some(id), true) = (id, row.is_ours()) {
            by_call.entry(id).or_default().push(row);
        }
    }
    by_call.retain(|id, _| !snapshot.calls.iter().any(|c| c.id.as_ref() == Ok(id)));
    let mut unknown = Vec::new();
    for id in by_call.keys() {
        if !is_known(store, id).await? {
            unknown.push(id.to_string());
        }
    }
    let (table, key) = (&shop.layouts.calls.table, shop.layouts.calls.name("call_id").unwrap_or_default());
    let found = base.mirror.by_key(table, key, &unknown, &[key]).await?;
    by_call.retain(|id, _| unknown.iter().any(|u| u == id.as_str()) && !found.contains_key(id.as_str()));
    for (id, mut events) in by_call {
        events.sort_by_key(|e| (e.sent_at, e.number));
        snapshot.calls.extend(CallRow::rowless(&id, &events));
        snapshot.events.insert(id, events);
    }
    Ok(())
}

/// Why a call that stands in *Dispatch Events* alone is not taken over by itself; `None`: it is.
pub(super) fn too_old(snapshot: &BaseSnapshot, row: &CallRow, id: &CallId) -> Option<RowProblem> {
    let times = || snapshot.events.get(id).into_iter().flatten().filter_map(|e| e.sent_at);
    let (first, last) = (times().min().unwrap_or(snapshot.now), times().max().unwrap_or(snapshot.now));
    let young = snapshot.now.since(last) <= REBUILT_WITHIN && last.since(first) <= EVENTS_SPAN;
    (!young).then(|| RowProblem {
        record: row.record.to_string(),
        call: Some(id.clone()),
        what: format!(
            "call {id} has dispatch events of ours, the last at {last}, and no row in Calls: it is not taken over"
        ),
        help: format!(
            "where it still needs somebody, give it a row with that id and Status {DISPATCHING} and run this again"
        ),
    })
}

/// The row with what its first text says: the caller's words, and the line by the name in front of them.
pub(super) fn with_text(snapshot: &BaseSnapshot, row: &CallRow, id: &CallId) -> CallRow {
    let mut row = row.clone();
    let events = snapshot.events.get(id).map(Vec::as_slice).unwrap_or_default();
    let is_its_own = |m: &&MessageRecord| {
        let by_reference = attempt_reference(&m.body.0).is_some_and(|(r, _)| Some(r) == row.reference);
        m.direction == "outbound-api" && (by_reference || events.iter().any(|e| e.sid.as_ref() == Some(&m.sid)))
    };
    let first = snapshot.messages.iter().filter(is_its_own).min_by_key(|m| m.created_at);
    let Some(text) = first.and_then(|m| notice_text(&m.body.0)) else { return row };
    let directory = &snapshot.directory;
    let lines = directory.lines.iter().chain([&directory.default_line]);
    let mut of_line = lines.filter_map(|l| Some((l, text.strip_prefix(&format!("{}: ", l.name))?)));
    let issue = match (of_line.next(), of_line.next()) {
        (Some((line, rest)), another) => {
            if another.is_none() {
                row.dialled.clone_from(&line.number);
            }
            rest
        }
        (None, _) => text,
    };
    row.issue = Some(issue.to_owned());
    row
}

/// Texts of ours with a reference that neither the store nor the base knows: one problem a reference.
pub(super) fn strays(snapshot: &BaseSnapshot) -> Vec<RowProblem> {
    let mut strays: BTreeMap<CallRef, Vec<&MessageRecord>> = BTreeMap::new();
    for m in &snapshot.messages {
        let recent = m.created_at.is_some_and(|at| snapshot.now.since(at) <= NAMED_WITHIN);
        let Some((reference, _)) = attempt_reference(&m.body.0).filter(|_| recent && is_ours(snapshot, m)) else {
            continue;
        };
        let known = snapshot.booked_sids.contains(&m.sid)
            || snapshot.linked.contains(&m.sid)
            || snapshot.booked_references.contains(&reference)
            || snapshot.calls.iter().any(|c| c.reference.as_ref() == Some(&reference));
        if !known {
            strays.entry(reference).or_default().push(m);
        }
    }
    strays.into_iter().map(|(reference, texts)| stray(snapshot, &reference, &texts)).collect()
}

/// Which references of texts of ours the store knows, or a row of *Calls* in any state.
///
/// # Errors
/// [`ReadError`].
pub(super) async fn look_up(
    snapshot: &mut BaseSnapshot,
    store: Option<&dyn Ledger>,
    base: &Base,
    shop: &Shop,
) -> Result<(), ReadError> {
    let ours = snapshot.messages.iter().filter(|m| is_ours(snapshot, m));
    let references: BTreeSet<CallRef> = ours.filter_map(|m| attempt_reference(&m.body.0)).map(|(r, _)| r).collect();
    let mut unknown = Vec::new();
    for reference in references.difference(&snapshot.booked_references).cloned().collect::<Vec<_>>() {
        match store {
            Some(store) if store.call_by_reference(&reference).await?.is_some() => {
                snapshot.booked_references.insert(reference);
            }
            _ => unknown.push(reference.to_string()),
        }
    }
    let layout = &shop.layouts.calls;
    // A base may be without that field: then its rows tell nothing of it.
    let Some(key) = layout.name("reference") else { return Ok(()) };
    match base.mirror.by_key(&layout.table, key, &unknown, &[key]).await {
        Ok(found) => snapshot.booked_references.extend(found.keys().filter_map(|r| r.parse().ok())),
        Err(MirrorError::Refused(refusal)) if matches!(refusal.scope, RefusalScope::Field(_)) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(())
}

/// A notice by one of our senders: an account may have other users.
fn is_ours(snapshot: &BaseSnapshot, m: &MessageRecord) -> bool {
    let directory = &snapshot.directory;
    let lines = directory.lines.iter().chain([&directory.default_line]).filter_map(|l| l.from.as_ref());
    let mut senders = lines.chain(&directory.from).chain(&directory.fallback);
    let from = [m.from.as_deref(), m.service.as_deref()];
    m.direction == "outbound-api"
        && kind_of(&m.body.0) == AttemptKind::Notice
        && senders.any(|s| from.contains(&Some(s.as_str())))
}

fn stray(snapshot: &BaseSnapshot, reference: &CallRef, texts: &[&MessageRecord]) -> RowProblem {
    let first = texts.iter().min_by_key(|m| (m.created_at, &m.sid));
    let to: BTreeSet<String> = texts
        .iter()
        .map(|m| snapshot.directory.by_phone(&m.to).map_or_else(|| masked(&m.to), |c| c.name.clone()))
        .collect();
    let to: Vec<String> = to.into_iter().collect();
    let at: Timestamp = first.and_then(|m| m.created_at).unwrap_or(snapshot.now);
    let said = first.and_then(|m| notice_text(&m.body.0)).unwrap_or_default();
    RowProblem {
        record: first.map(|m| m.sid.to_string()).unwrap_or_default(),
        call: None,
        what: format!(
            "a text with reference {reference} went to {} at {at}, and no record tells of its call",
            to.join(", ")
        ),
        help: format!("dispatch it again by hand, as nothing goes on by itself; it says: {said}"),
    }
}
