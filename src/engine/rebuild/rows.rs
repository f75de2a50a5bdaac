//! The shop's rows as recovery reads them back: the cells of *Calls* and *Dispatch Events* by the configured names.
//!
//! Nothing is refused here: a cell that does not hold what it should is empty, and said where it matters.

use crate::config::{CallFields, EventFields};
use crate::domain::Timestamp;
use crate::domain::body::find_references;
use crate::domain::types::{AttemptId, CallId, CallRef, ErrorCode, MessageSid};
use crate::gateways::airtable::{Cell, Fields};
use crate::gateways::mirror::{Record, RecordId};

/// The word of a call that runs.
pub(crate) const DISPATCHING: &str = "DISPATCHING";
/// The most characters of one cell that are used: more is no emergency's paperwork.
const CELL_CHARACTERS_MAX: usize = 4_000;

#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    pub record: RecordId,
    /// The call; `Err`: what its cell holds and why that is no id.
    pub id: Result<CallId, String>,
    /// As it stands.
    pub status: String,
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
    pub fn of(record: &Record, names: &CallFields) -> Self {
        let fields = &record.fields;
        let raw = text(fields, &names.call_id).unwrap_or_default();
        Self {
            record: record.id.clone(),
            id: raw.parse().map_err(|e: crate::domain::types::ParseError| match raw.as_str() {
                "" => format!("its {} is empty", names.call_id),
                _ => format!("its {} is no call id: {}", names.call_id, e.why),
            }),
            status: text(fields, &names.status).unwrap_or_default(),
            caller_phone: text(fields, &names.caller_phone),
            level: text(fields, &names.emergency_level),
            issue: text(fields, &names.issue_summary),
            caller_name: text(fields, &names.caller_name),
            address: text(fields, &names.address),
            dialled: text(fields, &names.twilio_to_number),
            contact: text(fields, &names.on_call_contact),
            reference: text(fields, &names.reference).and_then(|r| r.parse().ok()),
            accepted_at: fields.get(&names.accepted_at).as_time().or(record.created_at),
            next_follow_up_at: fields.get(&names.next_follow_up_at).as_time(),
            is_missing: false,
        }
    }

    /// What stands for the row of a call that has dispatch events alone, oldest first; `None`: it has none of these either.
    pub(super) fn rowless(id: &CallId, events: &[EventRow]) -> Option<Self> {
        Some(Self {
            record: events.first()?.record.clone(),
            id: Ok(id.clone()),
            status: DISPATCHING.to_owned(),
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
}

impl EventRow {
    /// Reads a record.
    pub fn of(record: &Record, names: &EventFields) -> Self {
        let fields = &record.fields;
        let whole = |name: &str| fields.get(name).as_whole().and_then(|n| u32::try_from(n).ok());
        let reference = text(fields, &names.reference).and_then(|r| reference(&r));
        Self {
            record: record.id.clone(),
            attempt: text(fields, &names.event_id).and_then(|id| id.parse().ok()),
            sent_at: fields.get(&names.sent_at).as_time().or(record.created_at),
            status: text(fields, &names.delivery_status).unwrap_or_default(),
            number: whole(&names.attempt_number)
                .or_else(|| reference.as_ref().and_then(|(_, number)| *number))
                .filter(|n| *n >= 1),
            result: text(fields, &names.result).unwrap_or_default(),
            sid: text(fields, &names.message_sid).and_then(|s| s.parse().ok()),
            error_code: whole(&names.error_code).map(ErrorCode),
            to: text(fields, &names.to),
            contact: text(fields, &names.contact),
            reference,
            step: whole(&names.step),
            round: whole(&names.round).filter(|r| *r >= 1),
        }
    }
}

/// `7K3Q-2`, or a call's own `7K3Q`, also one without a digit.
fn reference(cell: &str) -> Option<(CallRef, Option<u32>)> {
    find_references(cell).into_iter().next().or_else(|| cell.parse().ok().map(|r| (r, None)))
}

/// A text, trimmed, bounded; a number is one too, as shops make such fields.
fn text(fields: &Fields, name: &str) -> Option<String> {
    let cell = fields.get(name);
    let found = match cell {
        Cell::Number(n) => n.to_string(),
        other => other.as_text()?.to_owned(),
    };
    let found: String = found.trim().chars().take(CELL_CHARACTERS_MAX).collect();
    Some(found).filter(|t| !t.is_empty())
}
