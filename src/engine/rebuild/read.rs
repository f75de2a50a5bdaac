//! Takes the snapshot: two lists of the base, two lists of the provider for everybody who may be concerned. Writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::phone::masked;
use crate::domain::reply::Lexicon;
use crate::domain::team::Directory;
use crate::domain::types::{CallId, MessageSid};
use crate::domain::{PhoneNumber, Timestamp};
use crate::engine::layout::{Layout, Layouts, LinkBook};
use crate::gateways::airtable::Formula;
use crate::gateways::mirror::Query;
use crate::gateways::{ListFilter, MessageRecord, SmsGateway};
use crate::store::Ledger;

use super::base::{Base, ReadError, is_known};
use super::rowless;
use super::rows::{CallRow, DEFERRED, DISPATCHING, EventRow};
use super::snapshot::BaseSnapshot;
use super::words;
use crate::domain::levels::MORNING;

/// The most messages of one person and direction that are read.
const LIST_MAX: usize = 2_000;
/// So much before the oldest call the provider's messages are read: a word that names no call may be about an older one.
const BEFORE: Duration = Duration::from_secs(12 * 3_600);
/// A word that may mean that somebody has the call is believed no longer than this: a lost disk is seen sooner.
const AMBIGUOUS_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// A row of a call that waits for a person is rebuilt where it is no older than this.
const DEFERRED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A call's row may be made after its first text.
const LINKED_BEFORE: Duration = Duration::from_secs(3_600);
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
    let (mut snapshot, shop) = read_all_rows(reader, base).await?;
    rowless::add(&mut snapshot, store, base, &shop).await?;
    messages(&mut snapshot, sms).await?;
    rowless::look_up(&mut snapshot, store, base, &shop).await?;
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

/// How the base is read.
pub(super) struct Shop {
    pub(super) layouts: Layouts,
    pub(super) links: LinkBook,
}

/// The base's part alone: nothing is asked of the provider.
///
/// # Errors
/// [`ReadError`].
pub async fn read_rows(reader: BaseReader<'_>, base: &Base) -> Result<BaseSnapshot, ReadError> {
    Ok(read_all_rows(reader, base).await?.0)
}

async fn read_all_rows(reader: BaseReader<'_>, base: &Base) -> Result<(BaseSnapshot, Shop), ReadError> {
    let shop = shop(&reader, base).await?;
    let layout = &shop.layouts.calls;
    let mut notes = Vec::new();
    let mut calls = running(&reader, base, &shop, &mut notes).await?;
    calls.sort_by(|a, b| (a.accepted_at, &a.record).cmp(&(b.accepted_at, &b.record)));
    let ids: BTreeSet<CallId> = calls.iter().filter_map(|c| c.id.clone().ok()).collect();
    let mut known = BTreeSet::new();
    for id in &ids {
        if is_known(reader.store, id).await? {
            known.insert(id.clone());
        }
    }
    let open: Vec<String> = ids.iter().filter(|id| !known.contains(*id)).map(ToString::to_string).collect();
    let (twins, records) = twins(base, layout, &shop, &open, &calls).await?;
    let events = match shop.layouts.events.is_link("call") {
        true => linked_events(base, &shop, &calls, &open, records).await?,
        false => events(base, &shop, &open).await?,
    };
    let snapshot = BaseSnapshot {
        offset: None,
        now: reader.now,
        twins,
        events,
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
        notes,
    };
    Ok((snapshot, shop))
}

async fn shop(reader: &BaseReader<'_>, base: &Base) -> Result<Shop, ReadError> {
    let layouts = Layouts::read(&*base.mirror, &base.maps).await?;
    for ours in ["call_id", "status"] {
        if layouts.calls.name(ours).is_none() {
            let lacking = layouts.calls.lacks.iter().find(|l| l.ours() == ours).map(|l| l.name().to_owned());
            let field = lacking.unwrap_or_else(|| format!("for {ours}"));
            return Err(ReadError::NoField { table: layouts.calls.table.clone(), field });
        }
    }
    let mut links = LinkBook::default();
    links.learn_contacts(&*base.mirror, &layouts.links, reader.now).await?;
    Ok(Shop { layouts, links })
}

/// Rows of calls that run or wait for the morning. A word that may mean something else is believed of young rows alone; one that
/// may mean either is decided by the level.
async fn running(
    reader: &BaseReader<'_>,
    base: &Base,
    shop: &Shop,
    notes: &mut Vec<String>,
) -> Result<Vec<CallRow>, ReadError> {
    let layout = &shop.layouts.calls;
    let words = words::running(layout);
    let status = layout.name("status").unwrap_or_default();
    let query = Query::of(&layout.table).filter(Formula::is_one_of(status, words.iter().map(String::as_str)));
    let listed = base.mirror.list(&query).await?;
    if !listed.complete {
        return Err(ReadError::Incomplete { table: layout.table.clone() });
    }
    // The base's `=` may take other cases for the same.
    let rows = listed.records.iter().map(|r| CallRow::of(r, layout, &shop.links));
    let (mut calls, mut old, mut deferred) = (Vec::new(), 0_usize, 0_usize);
    for mut row in rows.filter(|r| r.status == DISPATCHING || r.status == DEFERRED) {
        let age = row.accepted_at.map_or(Duration::ZERO, |at| reader.now.since(at));
        let levels = &reader.directory.levels;
        let can_wait =
            row.level.as_deref().is_some_and(|l| l.eq_ignore_ascii_case(MORNING) || levels.meant(l) == Some(MORNING));
        if row.also.contains(&DEFERRED) && can_wait {
            row.status = DEFERRED.to_owned();
        }
        match (row.status == DEFERRED, row.also.is_empty()) {
            (true, _) if age > DEFERRED_WITHIN || !(row.also.is_empty() || can_wait) => deferred += 1,
            (false, false) if age > AMBIGUOUS_WITHIN => old += 1,
            _ => calls.push(row),
        }
    }
    let words = words.join(", ");
    if old > 0 {
        notes.push(format!(
            "{old} rows of {} say {words} for more than a day, which may also mean that somebody has them: left alone",
            layout.table
        ));
    }
    if deferred > 0 {
        notes.push(format!("{deferred} rows of {} that may wait for a person are older than a week, or their word may mean something else: left alone", layout.table));
    }
    Ok(calls)
}

/// What other rows with the id of an open call say, and the record of every row with such an id.
async fn twins(
    base: &Base,
    layout: &Layout,
    shop: &Shop,
    open: &[String],
    calls: &[CallRow],
) -> Result<(BTreeMap<CallId, Vec<String>>, BTreeMap<String, CallId>), ReadError> {
    let key = layout.name("call_id").unwrap_or_default();
    let fields: Vec<&str> = ["call_id", "status"].iter().filter_map(|ours| layout.name(ours)).collect();
    let found = base.mirror.by_key(&layout.table, key, open, &fields).await?;
    let mut twins: BTreeMap<CallId, Vec<String>> = BTreeMap::new();
    let mut records = BTreeMap::new();
    for row in found.into_values().flatten().map(|r| CallRow::of(&r, layout, &shop.links)) {
        if let Ok(id) = &row.id {
            records.insert(row.record.to_string(), id.clone());
            if !calls.iter().any(|c| c.record == row.record) {
                twins.entry(id.clone()).or_default().push(row.status);
            }
        }
    }
    Ok((twins, records))
}

async fn events(base: &Base, shop: &Shop, open: &[String]) -> Result<BTreeMap<CallId, Vec<EventRow>>, ReadError> {
    let layout = &shop.layouts.events;
    let Some(key) = layout.name("call_id") else {
        return Err(ReadError::NoField { table: layout.table.clone(), field: base.maps.events.call_id.clone() });
    };
    // All fields: one that the table does not have must not fail the rest.
    let found = base.mirror.by_key(&layout.table, key, open, &[]).await?;
    let mut events = BTreeMap::new();
    for (id, records) in found {
        if let Ok(id) = id.parse::<CallId>() {
            events.insert(id, records.iter().map(|r| EventRow::of(r, layout, &shop.links)).collect());
        }
    }
    Ok(events)
}

/// The same where events name their call by a link, which no filter can ask for: all rows since the oldest call.
async fn linked_events(
    base: &Base,
    shop: &Shop,
    calls: &[CallRow],
    open: &[String],
    records: BTreeMap<String, CallId>,
) -> Result<BTreeMap<CallId, Vec<EventRow>>, ReadError> {
    let layout = &shop.layouts.events;
    let mut events: BTreeMap<CallId, Vec<EventRow>> = BTreeMap::new();
    let is_open = |c: &&CallRow| c.id.as_ref().is_ok_and(|id| open.iter().any(|o| o == id.as_str()));
    if open.is_empty() {
        return Ok(events);
    }
    let oldest = calls.iter().filter(is_open).filter_map(|c| c.accepted_at).min();
    let mut query = Query::of(&layout.table);
    if let (Some(sent_at), Some(oldest)) = (layout.name("sent_at"), oldest) {
        query = query.filter(Formula::after(sent_at, oldest.minus(LINKED_BEFORE)));
    }
    let listed = base.mirror.list(&query).await?;
    if !listed.complete {
        return Err(ReadError::Incomplete { table: layout.table.clone() });
    }
    let mut all: Vec<_> = listed.records.iter().collect();
    all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    for record in all {
        let by_link = layout.links_of(record, "call").iter().find_map(|r| records.get(r)).cloned();
        let by_text = || {
            let id = layout.text(record, "call_id")?;
            open.iter().find(|o| **o == id)?.parse().ok()
        };
        if let Some(id) = by_link.or_else(by_text) {
            events.entry(id).or_default().push(EventRow::of(record, layout, &shop.links));
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
