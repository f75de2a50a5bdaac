//! Texts that belong to no call: the columns that all tables of them have, in one order: id, number, kind, contact, name, phone, sender,
//! state, body, segments, created_at, not_before, tries, claimed_by, sent_at, provider_after, provider_at, callback, sid, message_status,
//! error_code, result, poll_at, polls.

use crate::domain::MessageStatus;
use crate::domain::attempt::AttemptState;
use crate::domain::standalone_text::{StandaloneKind, StandaloneText};
use crate::domain::types::{ErrorCode, Timestamp};
use crate::store::sql::Row;
use crate::store::{StoreError, rows};

/// The text whose columns are the first of this row.
pub(super) fn read(row: Row<'_>) -> Result<StandaloneText, StoreError> {
    let text = |at: usize| row.get::<String>(at);
    let maybe = |at: usize| row.get::<Option<String>>(at);
    Ok(StandaloneText {
        id: rows::id_from(row.get(0)?),
        number: row.get(1)?,
        kind: rows::word("text.kind", StandaloneKind::from_word(&text(2)?))?,
        contact: rows::parsed("text.contact", &text(3)?)?,
        name: text(4)?,
        phone: rows::phone("text.phone", &text(5)?)?,
        sender: maybe(6)?.map(|t| rows::parsed("text.sender", &t)).transpose()?,
        state: rows::word("text.state", AttemptState::from_word(&text(7)?))?,
        body: text(8)?,
        segments: row.get(9)?,
        created_at: Timestamp::from_millis(row.get(10)?),
        not_before: Timestamp::from_millis(row.get(11)?),
        tries: row.get(12)?,
        claimed_by: row.get(13)?,
        sent_at: rows::time(row.get(14)?),
        provider_after: rows::time(row.get(15)?),
        provider_at: rows::time(row.get(16)?),
        callback: row.get(17)?,
        sid: maybe(18)?.map(|t| rows::parsed("text.sid", &t)).transpose()?,
        message_status: maybe(19)?.map(|t| MessageStatus::from_word(&t)),
        error_code: row.get::<Option<u32>>(20)?.map(ErrorCode),
        result: text(21)?,
        poll_at: rows::time(row.get(22)?),
        polls: row.get(23)?,
    })
}
