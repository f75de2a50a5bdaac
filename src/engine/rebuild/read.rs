//! Takes the snapshot: two lists of the base, two lists of the provider for everybody who may be concerned. Writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::phone::masked;
use crate::domain::reply::Lexicon;
use crate::domain::team::Directory;
use crate::domain::types::{CallId, MessageSid};
use crate::domain::{PhoneNumber, Timestamp};
use crate::gateways::airtable::Formula;
use crate::gateways::mirror::Query;
use crate::gateways::{ListFilter, MessageRecord, SmsGateway};
use crate::store::Ledger;

use super::base::{Base, ReadError, is_known};
use super::rowless;
use super::rows::{CallRow, DISPATCHING, EventRow};
use super::snapshot::BaseSnapshot;

/// The most messages of one person and direction that are read.
const LIST_MAX: usize = 2_000;
/// So much before the oldest call the provider's messages are read: a word that names no call may be about an older one.
const BEFORE: Duration = Duration::from_secs(12 * 3_600);
/// Never further back than this.
const BACK_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What is asked besides the base.
pub struct BaseReader<'a> {
    /// The calls that are there; `None`: there is no store yet.
    pub store: Option<&'a dyn Ledger>,
    /// Who can be told.
    pub directory: Arc<Directory>,
    /// The words that answer a text.
    pub lexicon: Arc<Lexicon>,
    pub now: Timestamp,
    /// See [`BaseSnapshot::older_than`].
    pub older_than: Duration,
}

/// Everything.
///
/// # Errors
/// [`ReadError`]: without a whole list of the base or any list of the provider there is no plan, as it might double or forget.
pub async fn read(reader: BaseReader<'_>, base: &Base, sms: &dyn SmsGateway) -> Result<BaseSnapshot, ReadError> {
    let store = reader.store;
    let mut snapshot = read_rows(reader, base).await?;
    rowless::add(&mut snapshot, store, base).await?;
    messages(&mut snapshot, sms).await?;
    rowless::look_up(&mut snapshot, store, base).await?;
    if let Some(store) = store {
        let all: BTreeSet<MessageSid> = snapshot.messages.iter().map(|m| m.sid.clone()).collect();
        let rows = snapshot.events.values().flatten().filter_map(|e| e.sid.clone());
        for sid in all.into_iter().chain(rows).collect::<BTreeSet<_>>() {
            if store.call_by_sid(&sid).await?.is_some() {
                snapshot.linked.insert(sid);
            }
        }
    }
    Ok(snapshot)
}

/// The base's part alone: nothing is asked of the provider.
///
/// # Errors
/// [`ReadError`].
pub async fn read_rows(reader: BaseReader<'_>, base: &Base) -> Result<BaseSnapshot, ReadError> {
    let (table, names) = &base.calls;
    let query = Query::of(table).filter(Formula::equals(&names.status, DISPATCHING));
    let listed = base.mirror.list(&query).await?;
    if !listed.complete {
        return Err(ReadError::Incomplete { table: table.clone() });
    }
    // The base's `=` may take other cases for the same.
    let rows = listed.records.iter().map(|r| CallRow::of(r, names));
    let mut calls: Vec<CallRow> = rows.filter(|r| r.status == DISPATCHING).collect();
    calls.sort_by(|a, b| (a.accepted_at, &a.record).cmp(&(b.accepted_at, &b.record)));
    let ids: BTreeSet<CallId> = calls.iter().filter_map(|c| c.id.clone().ok()).collect();
    let mut known = BTreeSet::new();
    for id in &ids {
        if is_known(reader.store, id).await? {
            known.insert(id.clone());
        }
    }
    let open: Vec<String> = ids.iter().filter(|id| !known.contains(*id)).map(ToString::to_string).collect();
    Ok(BaseSnapshot {
        offset: None,
        now: reader.now,
        twins: twins(base, &open, &calls).await?,
        events: events(base, &open).await?,
        calls,
        messages: Vec::new(),
        cut_short: Vec::new(),
        booked_references: BTreeSet::new(),
        booked_sids: BTreeSet::new(),
        known,
        linked: BTreeSet::new(),
        directory: reader.directory,
        lexicon: reader.lexicon,
        older_than: reader.older_than,
    })
}

/// What other rows with the id of an open call say.
async fn twins(base: &Base, open: &[String], calls: &[CallRow]) -> Result<BTreeMap<CallId, Vec<String>>, ReadError> {
    let (table, names) = &base.calls;
    let found = base.mirror.by_key(table, &names.call_id, open, &[&names.call_id, &names.status]).await?;
    let mut twins: BTreeMap<CallId, Vec<String>> = BTreeMap::new();
    for row in found.into_values().flatten().map(|r| CallRow::of(&r, names)) {
        if let Ok(id) = &row.id
            && !calls.iter().any(|c| c.record == row.record)
        {
            twins.entry(id.clone()).or_default().push(row.status);
        }
    }
    Ok(twins)
}

async fn events(base: &Base, open: &[String]) -> Result<BTreeMap<CallId, Vec<EventRow>>, ReadError> {
    let (table, names) = &base.events;
    // All fields: one that the table does not have must not fail the rest.
    let found = base.mirror.by_key(table, &names.call_id, open, &[]).await?;
    let mut events = BTreeMap::new();
    for (id, records) in found {
        if let Ok(id) = id.parse::<CallId>() {
            events.insert(id, records.iter().map(|r| EventRow::of(r, names)).collect());
        }
    }
    Ok(events)
}

/// Messages to and from everybody who was or could have been told.
async fn messages(snapshot: &mut BaseSnapshot, sms: &dyn SmsGateway) -> Result<(), ReadError> {
    let now = snapshot.now;
    let open = |id: &CallId| !snapshot.known.contains(id);
    let times = snapshot.calls.iter().filter(|c| c.id.as_ref().is_ok_and(open)).filter_map(|c| c.accepted_at);
    let rows = snapshot.events.values().flatten().filter_map(|e| e.sent_at);
    let oldest = times.chain(rows).min().unwrap_or(now).minus(BEFORE).max(now.minus(BACK_MAX));
    if sms.clock().offset.is_none() {
        // Any answer tells how far the two clocks are apart, which the first list must know.
        sms.list(&ListFilter { limit: 1, ..ListFilter::default() }).await?;
    }
    snapshot.offset = sms.clock().offset;
    let oldest = snapshot.offset.map_or(oldest, |offset| offset.to_theirs(oldest));
    let mut phones: BTreeSet<String> = snapshot.directory.contacts.iter().map(|c| c.phone.e164().to_owned()).collect();
    let texted = snapshot.events.values().flatten().filter_map(|e| e.to.clone());
    let named = snapshot.calls.iter().filter_map(|c| c.contact.clone());
    phones.extend(texted.chain(named).filter(|p| p.parse::<PhoneNumber>().is_ok()));
    let mut seen: HashSet<MessageSid> = HashSet::new();
    for phone in phones {
        for way in [Way::To, Way::From] {
            let filter = ListFilter {
                to: (way == Way::To).then(|| phone.clone()),
                from: (way == Way::From).then(|| phone.clone()),
                not_before: Some(oldest),
                limit: LIST_MAX,
            };
            let listing = sms.list(&filter).await?;
            if !listing.complete {
                snapshot.cut_short.push(masked(&phone));
            }
            let new: Vec<MessageRecord> = listing.messages.into_iter().filter(|m| seen.insert(m.sid.clone())).collect();
            snapshot.messages.extend(new);
        }
    }
    snapshot.cut_short.dedup();
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    To,
    From,
}
