//! Snapshots made by hand: what a base and a provider's list say of a call, to the second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::types::{CallId, MessageSid};
use crate::domain::{MessageStatus, Timestamp};
use crate::engine::rebuild::rows::DISPATCHING;
use crate::engine::rebuild::{BaseSnapshot, CallRow, EventRow, OLDER_THAN, RebuildPlan, plan};
use crate::gateways::{MessageBody, MessageRecord};
use crate::ids::Ids;
use crate::testing::fixtures::{self, SENDER, phone};
use crate::testing::{secs, world};

/// The first text of call `one`, and the next.
pub(super) const FIRST: &str = "7K3Q-1 Acme Plumbing: Burst pipe. Reply 1 to take it, 2 to pass.";
pub(super) const SECOND: &str = "7K3Q-2 Acme Plumbing: Burst pipe. Reply 1 to take it, 2 to pass.";
pub(super) const THIRD: &str = "7K3Q-3 Acme Plumbing: Burst pipe. Reply 1 to take it, 2 to pass.";
/// The first text of call `two`.
pub(super) const OTHER: &str = "8M4R-1 Acme Plumbing: No heat. Reply 1 to take it, 2 to pass.";

/// How a text came into the provider's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A person wrote it.
    Wrote,
    /// We sent it.
    Told,
    /// It answered a reply at once.
    Answered,
}

/// How, to or from whom, after how many seconds, and what.
pub(super) type Line<'a> = (Way, &'a str, u64, &'a str);

pub(super) fn at(seconds: u64) -> Timestamp {
    world::START.plus(secs(seconds))
}

pub(super) fn id(text: &str) -> CallId {
    text.parse().expect("a call id")
}

pub(super) fn sid(n: usize) -> MessageSid {
    format!("SM{n:032x}").parse().expect("a SID")
}

pub(super) fn message(n: usize, (way, who, when, body): Line<'_>) -> MessageRecord {
    let (direction, status, from, to) = match way {
        Way::Wrote => ("inbound", "received", phone(who), SENDER),
        Way::Told => ("outbound-api", "delivered", SENDER, phone(who)),
        Way::Answered => ("outbound-reply", "delivered", SENDER, phone(who)),
    };
    MessageRecord {
        sid: sid(n),
        status: MessageStatus::from_word(status),
        error_code: None,
        to: to.to_owned(),
        from: Some(from.to_owned()),
        service: None,
        body: MessageBody(body.to_owned()),
        direction: direction.to_owned(),
        created_at: Some(at(when)),
    }
}

/// A list of messages; no event has one of their SIDs.
pub(super) fn messages(lines: &[Line<'_>]) -> Vec<MessageRecord> {
    lines.iter().enumerate().map(|(n, line)| message(n + 101, *line)).collect()
}

/// A running call that came at the beginning.
pub(super) fn call(name: &str, reference: &str) -> CallRow {
    CallRow {
        record: format!("recCall{name}").parse().expect("a record id"),
        id: Ok(id(name)),
        status: DISPATCHING.to_owned(),
        also: Vec::new(),
        caller_phone: Some("+19495550150".to_owned()),
        level: Some("normal".to_owned()),
        issue: Some("Burst pipe".to_owned()),
        caller_name: None,
        address: None,
        dialled: None,
        contact: None,
        reference: reference.parse().ok(),
        accepted_at: Some(at(0)),
        next_follow_up_at: None,
        is_missing: false,
    }
}

/// The row of a text of ours of call `one` that arrived: its first step, its first round.
pub(super) fn event(n: u32, who: &str, when: u64) -> EventRow {
    EventRow {
        record: format!("recEvent{n}").parse().expect("a record id"),
        attempt: format!("att_{n:032x}").parse().ok(),
        sent_at: Some(at(when)),
        status: "delivered".to_owned(),
        number: Some(n),
        result: String::new(),
        sid: format!("SM{n:032x}").parse().ok(),
        error_code: None,
        to: Some(phone(who).to_owned()),
        contact: None,
        reference: Some(("7K3Q".parse().expect("a reference"), Some(n))),
        step: Some(1),
        round: Some(1),
        by_phone: false,
        acknowledged: false,
    }
}

/// The row of a text of another system.
pub(super) fn old_event(when: u64) -> EventRow {
    EventRow {
        attempt: None,
        reference: None,
        sid: None,
        number: None,
        step: None,
        round: None,
        ..event(1, "sam", when)
    }
}

/// What is seen ten minutes after the beginning.
pub(super) fn snapshot(calls: Vec<CallRow>, messages: Vec<MessageRecord>) -> BaseSnapshot {
    BaseSnapshot {
        offset: None,
        now: at(600),
        calls,
        twins: BTreeMap::new(),
        events: BTreeMap::new(),
        messages,
        cut_short: Vec::new(),
        booked_references: BTreeSet::new(),
        booked_sids: BTreeSet::new(),
        known: BTreeSet::new(),
        linked: BTreeSet::new(),
        directory: Arc::new(fixtures::directory()),
        lexicon: Arc::default(),
        older_than: OLDER_THAN,
        notes: Vec::new(),
    }
}

/// Call `one` with these rows and messages.
pub(super) fn of_one(events: Vec<EventRow>, lines: &[Line<'_>]) -> BaseSnapshot {
    let mut snapshot = snapshot(vec![call("one", "7K3Q")], messages(lines));
    snapshot.events.insert(id("one"), events);
    snapshot
}

pub(super) fn planned(snapshot: &BaseSnapshot) -> RebuildPlan {
    plan(snapshot, &Ids::seeded(7))
}
