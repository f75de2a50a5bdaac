//! The shop's rows as recovery reads them back: the cells of *Calls* and *Dispatch Events* by the configured names.
//!
//! Nothing is refused here: a cell that does not hold what it should is empty, and said where it matters.

use crate::domain::Timestamp;
use crate::domain::types::{AttemptId, CallId, CallRef, ErrorCode, MessageSid};
use crate::engine::layout::{Layout, LinkBook};
use crate::gateways::mirror::{Record, RecordId};

use super::words;

/// The word of a call that runs.
pub(crate) const DISPATCHING: &str = "DISPATCHING";
/// The word of a call that waits for the morning.
pub(crate) const DEFERRED: &str = "DEFERRED";
#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    pub record: RecordId,
    /// The call; `Err`: what its cell holds and why that is no id.
    pub id: Result<CallId, String>,
    /// In our word, where it stands for one; else as it is.
    pub status: String,
    /// What else its word may mean, by our words: a base has fewer of them.
    pub also: Vec<&'static str>,
    /// What the caller said, by our names.
    pub caller_phone: Option<String>,
    /// As given.
    pub level: Option<String>,
    /// As given.
    pub issue: Option<String>,
    /// As given.
    pub caller_name: Option<String>,
    /// As given.
    pub address: Option<String>,
    /// As given.
    pub dialled: Option<String>,
    /// Whom it names.
    pub contact: Option<String>,
    /// Its reference, where it is one.
    pub reference: Option<CallRef>,
    /// When it was accepted; where no such cell is, when the record was made.
    pub accepted_at: Option<Timestamp>,
    /// What its follow-up was due last.
    pub next_follow_up_at: Option<Timestamp>,
    /// There is no such row: it stands for one that was not made yet, and `record` is that of the call's first event.
    pub is_missing: bool,
}

impl CallRow {
    /// Reads a record.
    pub fn of(record: &Record, layout: &Layout, links: &LinkBook) -> Self {
        let text = |ours: &str| layout.text(record, ours);
        let key = layout.name("call_id").unwrap_or_default();
        let raw = text("call_id").unwrap_or_default();
        let (status, also) = words::status(layout, &text("status").unwrap_or_default());
        Self {
            record: record.id.clone(),
            id: raw.parse().map_err(|e: crate::domain::types::ParseError| match raw.as_str() {
                "" => format!("its {key} is empty"),
                _ => format!("its {key} is no call id: {}", e.why),
            }),
            status,
            also,
            caller_phone: text("caller_phone"),
            level: text("emergency_level").map(|theirs| words::level(layout, theirs)),
            issue: text("issue_summary"),
            caller_name: text("caller_name"),
            address: text("address"),
            dialled: text("twilio_to_number"),
            contact: linked(record, layout, links, "on_call_contact"),
            reference: text("reference").and_then(|r| r.parse().ok()),
            accepted_at: layout.cell_of(record, "accepted_at").as_time().or(record.created_at),
            next_follow_up_at: layout.cell_of(record, "next_follow_up_at").as_time(),
            is_missing: false,
        }
    }

    /// What stands for the row of a call that has dispatch events alone, oldest first; `None`: it has none of these either.
    pub(super) fn rowless(id: &CallId, events: &[EventRow]) -> Option<Self> {
        Some(Self {
            record: events.first()?.record.clone(),
            id: Ok(id.clone()),
            status: DISPATCHING.to_owned(),
            also: Vec::new(),
            caller_phone: None,
            level: None,
            issue: None,
            caller_name: None,
            address: None,
            dialled: None,
            contact: None,
            reference: events.iter().find_map(|e| e.reference.as_ref()).map(|(r, _)| r.clone()),
            accepted_at: events.iter().find_map(|e| e.sent_at),
            next_follow_up_at: None,
            is_missing: true,
        })
    }
}

/// A row of *Dispatch Events*.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    pub record: RecordId,
    /// The attempt that it tells of; `None`: a row of another system.
    pub attempt: Option<AttemptId>,
    /// When its intent was stored; where no such cell is, when the record was made.
    pub sent_at: Option<Timestamp>,
    /// The provider's word or ours.
    pub status: String,
    /// The attempt's number.
    pub number: Option<u32>,
    /// One sentence.
    pub result: String,
    /// The provider's message.
    pub sid: Option<MessageSid>,
    /// Why it failed.
    pub error_code: Option<ErrorCode>,
    /// The number that was texted, as the cell has it.
    pub to: Option<String>,
    /// Who was told, as the cell has it.
    pub contact: Option<String>,
    /// The reference in its text.
    pub reference: Option<(CallRef, Option<u32>)>,
    /// As the cell has it: from 1.
    pub step: Option<u32>,
    /// From 1.
    pub round: Option<u32>,
    /// It was a phone call.
    pub by_phone: bool,
    /// The base says that its reader took the call.
    pub acknowledged: bool,
}

impl EventRow {
    /// Reads a record.
    pub fn of(record: &Record, layout: &Layout, links: &LinkBook) -> Self {
        let text = |ours: &str| layout.text(record, ours);
        let whole = |ours: &str| layout.whole(record, ours);
        let reference = layout.tag(record);
        let (status, code) = words::delivery(layout, &text("delivery_status").unwrap_or_default());
        let sid: Option<MessageSid> = text("message_sid").and_then(|s| s.parse().ok());
        Self {
            record: record.id.clone(),
            attempt: text("event_id").and_then(|id| id.parse().ok()),
            sent_at: layout.cell_of(record, "sent_at").as_time().or(record.created_at),
            status,
            number: whole("attempt_number")
                .or_else(|| reference.as_ref().and_then(|(_, number)| *number))
                .filter(|n| *n >= 1),
            result: layout.sentence(record),
            by_phone: sid.as_ref().is_some_and(MessageSid::is_of_a_phone_call)
                || text("method").is_some_and(|m| words::is_phone_call(layout, &m)),
            sid,
            error_code: whole("error_code").or(code).map(ErrorCode),
            to: text("to"),
            contact: linked(record, layout, links, "contact"),
            reference,
            step: whole("step"),
            round: whole("round").filter(|r| *r >= 1),
            acknowledged: !layout.cell_of(record, "acknowledged").is_empty(),
        }
    }

    /// Whether we wrote it: it has an attempt's id, or in a base without a field for that the reference of an attempt.
    pub fn is_ours(&self) -> bool {
        self.attempt.is_some() || matches!(self.reference, Some((_, Some(_))))
    }
}

/// A name, as text or by the record that is linked.
fn linked(record: &Record, layout: &Layout, links: &LinkBook, ours: &str) -> Option<String> {
    let by_link = || {
        let ids = layout.links_of(record, ours);
        ids.iter().find_map(|id| links.contact(id)).map(|(name, _)| name.to_owned())
    };
    layout.text(record, ours).or_else(by_link).filter(|n| !n.is_empty())
}
