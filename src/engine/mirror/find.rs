//! Events of a base that has no field for our ids, found by what they say: weaker, and said to be. By the message where both
//! have one; by the reference, which is the call's and the attempt's number; where the base has no place for one by call,
//! number, time and contact.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rows::event_id;
use crate::domain::Timestamp;
use crate::domain::attempt::Attempt;
use crate::domain::types::CallRef;
use crate::engine::layout::{Layout, Layouts, LinkBook, Target};
use crate::gateways::airtable::{Cell, Formula};
use crate::gateways::mirror::{Query, Record};
use crate::gateways::{MirrorError, MirrorGateway};

/// A base may keep whole seconds alone.
const AROUND: Duration = Duration::from_secs(2);

/// An event that is looked for.
pub(super) struct Wanted<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) reference: &'a CallRef,
}

/// The records of these events, by the events' ids; of twins the oldest first. What is not in the answer was not there.
pub(super) async fn find_events(
    gateway: &dyn MirrorGateway,
    layouts: &Layouts,
    links: &LinkBook,
    wanted: &[Wanted<'_>],
) -> Result<BTreeMap<String, Vec<Record>>, MirrorError> {
    let mut found: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let layout = &layouts.events;
    let listed = gateway.list(&query(layout, wanted)).await?;
    if !listed.complete {
        let why = "some records of the answer could not be read".to_owned();
        return Err(MirrorError::Retryable { why, retry_after: None });
    }
    for record in listed.records {
        if let Some(w) = wanted.iter().find(|w| is_of(layout, links, w, &record)) {
            found.entry(event_id(w.attempt)).or_default().push(record);
        }
    }
    for twins in found.values_mut() {
        twins.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    }
    Ok(found)
}

/// The rows of their time; those without one too, where one of them has none.
fn query(layout: &Layout, wanted: &[Wanted<'_>]) -> Query {
    let fields: Vec<&str> = layout.names().map(|(_, name)| name).collect();
    let query = Query::of(&layout.table).fields(fields);
    let Some(sent_at) = layout.name("sent_at") else { return query };
    let times: Vec<Timestamp> = wanted.iter().filter_map(|w| w.attempt.sent_at).collect();
    let mut any = Vec::new();
    if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
        any.push(Formula::all([
            Formula::after(sent_at, first.minus(AROUND)),
            Formula::after(sent_at, last.plus(AROUND)).negated(),
        ]));
    }
    if times.len() < wanted.len() {
        any.push(Formula::is_blank(sent_at));
    }
    query.filter(Formula::any(any))
}

/// Whether a record can only be that of this event.
fn is_of(layout: &Layout, links: &LinkBook, wanted: &Wanted<'_>, record: &Record) -> bool {
    let a = wanted.attempt;
    let sid = layout.text(record, "message_sid");
    if let (Some(theirs), Some(ours)) = (&sid, &a.sid) {
        return theirs == ours.as_str();
    }
    if let Some((reference, number)) = layout.tag(record) {
        return reference == *wanted.reference && number == Some(a.number);
    }
    if layout.name("result").is_some() || layout.name("reference").is_some() {
        // Every row of ours has it: this one is somebody else's.
        return false;
    }
    let number = layout.whole(record, "attempt_number");
    let same_time = match (layout.cell_of(record, "sent_at"), a.sent_at) {
        (Cell::Empty, None) => number.is_some(),
        (cell, Some(at)) => Cell::time(at).is_kept_as(cell),
        _ => false,
    };
    is_of_call(layout, links, a, record)
        && number.is_none_or(|n| n == a.number)
        && same_time
        && is_to(layout, links, a, record)
}

fn is_of_call(layout: &Layout, links: &LinkBook, a: &Attempt, record: &Record) -> bool {
    let id = a.call.as_str();
    if layout.is_link("call") {
        let known = links.find(&Target::Call(id.to_owned()));
        return known.is_some_and(|known| layout.links_of(record, "call").iter().any(|l| l == known.as_str()));
    }
    ["call_id", "call"].into_iter().any(|ours| layout.text(record, ours).as_deref() == Some(id))
}

fn is_to(layout: &Layout, links: &LinkBook, a: &Attempt, record: &Record) -> bool {
    let there = layout.links_of(record, "contact");
    if there.is_empty() {
        return layout.text(record, "contact").is_none_or(|name| name == a.recipient.name);
    }
    there.iter().any(|l| {
        links.contact(l).is_some_and(|(name, number)| {
            let digits: String = a.recipient.phone.e164().chars().filter(char::is_ascii_digit).collect();
            name == a.recipient.name || (!number.is_empty() && digits.ends_with(number))
        })
    })
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
