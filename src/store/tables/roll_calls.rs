//! Roll calls: read with their texts, written whole in the transaction that decides. See [`RollCalls`].

use async_trait::async_trait;
use tracing::warn;

use super::database::Database;
use super::standalone;
use crate::domain::oncall::RotationId;
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::types::{AttemptId, ContactId, MessageSid, Sender, Timestamp};
use crate::store::sql::{Connection, Params, Row, params};
use crate::store::{RollCalls, StoreError, rows};

const COLUMNS: &str = "id, rotation, line, role, contact, name, phone, from_at, until_at, reference, state, made_at, wake_at, \
    decided_at, why";
const TEXTS: &str =
    "SELECT id, number, kind, contact, name, phone, sender, state, body, segments, created_at, not_before, tries,
    claimed_by, sent_at, provider_after, provider_at, callback, sid, message_status, error_code, result, poll_at, polls
    FROM roll_call_texts WHERE roll_call = ?1 ORDER BY number";
const SAVE: &str =
    "INSERT INTO roll_calls (id, rotation, line, role, contact, name, phone, from_at, until_at, reference, state,
    made_at, wake_at, decided_at, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (id) DO UPDATE SET line = ?3, role = ?4, name = ?6, phone = ?7, until_at = ?9, state = ?11, made_at = ?12,
    wake_at = ?13, decided_at = ?14, why = ?15";
const SAVE_TEXT: &str = "INSERT INTO roll_call_texts (id, roll_call, number, kind, contact, name, phone, sender, state, body, segments,
    created_at, not_before, tries, claimed_by, sent_at, provider_after, provider_at, callback, sid, message_status, error_code, result,
    poll_at, polls)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)
    ON CONFLICT (id) DO UPDATE SET sender = ?8, state = ?9, body = ?10, segments = ?11, not_before = ?13, tries = ?14, claimed_by = ?15,
    sent_at = ?16, provider_after = ?17, provider_at = ?18, callback = ?19, sid = ?20, message_status = ?21, error_code = ?22,
    result = ?23, poll_at = ?24, polls = ?25";
/// A wall clock that was set back: what waits does not wait longer. `?1`: by how much.
pub(in crate::store) const SHIFT_WAKES: &str = "UPDATE roll_calls SET wake_at = wake_at - ?1 WHERE wake_at IS NOT NULL";
pub(in crate::store) const SHIFT_PAUSES: &str =
    "UPDATE roll_call_texts SET not_before = not_before - ?1, poll_at = poll_at - ?1
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL";

/// How many roll calls a reply is held against: the newest of which its writer got a text.
const REPLY_MAX: usize = 8;

fn find(conn: Connection<'_>, behind: &str, with: impl Params) -> Result<Vec<RollCall>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM roll_calls {behind}");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(with)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match read(conn, row) {
            Ok(one) => all.push(one),
            // The others go on.
            Err(StoreError::Corrupt { what, .. }) => warn!(what, "a roll call cannot be read"),
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

pub(in crate::store) fn by_id(conn: Connection<'_>, id: &str) -> Result<Option<RollCall>, StoreError> {
    Ok(find(conn, "WHERE id = ?1", [id])?.pop())
}

pub(in crate::store) fn of_text(conn: Connection<'_>, text: AttemptId) -> Result<Option<RollCall>, StoreError> {
    Ok(find(conn, "WHERE id = (SELECT roll_call FROM roll_call_texts WHERE id = ?1)", [rows::id_bytes(text)])?.pop())
}

/// That of a message, by the id in its callback's path, else by its SID.
pub(in crate::store) fn of_message(
    conn: Connection<'_>,
    named: Option<AttemptId>,
    sid: &MessageSid,
) -> Result<Vec<RollCall>, StoreError> {
    let by_name = named.map(|id| of_text(conn, id)).transpose()?.flatten();
    if let Some(one) = by_name {
        return Ok(vec![one]);
    }
    find(conn, "WHERE id = (SELECT roll_call FROM roll_call_texts WHERE sid = ?1)", [sid.as_str()])
}

pub(in crate::store) fn of_contact(
    conn: Connection<'_>,
    rotation: &RotationId,
    contact: &ContactId,
) -> Result<Vec<RollCall>, StoreError> {
    find(
        conn,
        "WHERE rotation = ?1 AND contact = ?2 ORDER BY from_at DESC LIMIT 8",
        [rotation.as_str(), contact.as_str()],
    )
}

/// The newest of which this phone got a text.
pub(in crate::store) fn of_phone(conn: Connection<'_>, phone: &str) -> Result<Vec<RollCall>, StoreError> {
    let behind =
        "WHERE id IN (SELECT roll_call FROM roll_call_texts WHERE phone = ?1 ORDER BY created_at DESC LIMIT ?2)
        ORDER BY made_at DESC";
    // Several texts of one count as one row each.
    find(conn, behind, params![phone, i64::try_from(REPLY_MAX * 2).unwrap_or(16)])
}

fn read(conn: Connection<'_>, row: Row<'_>) -> Result<RollCall, StoreError> {
    let text = |at: usize| row.get::<String>(at);
    let id = text(0)?;
    let texts = {
        let mut statement = conn.prepare_cached(TEXTS)?;
        let mut found = statement.query([id.as_str()])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(standalone::read(row)?);
        }
        all
    };
    Ok(RollCall {
        id: rows::parsed("roll_calls.id", &id)?,
        rotation: rows::parsed("roll_calls.rotation", &text(1)?)?,
        line: Some(text(2)?).filter(|line| !line.is_empty()),
        role: rows::parsed("roll_calls.role", &text(3)?)?,
        contact: rows::parsed("roll_calls.contact", &text(4)?)?,
        name: text(5)?,
        phone: rows::phone("roll_calls.phone", &text(6)?)?,
        from: Timestamp::from_millis(row.get(7)?),
        until: Timestamp::from_millis(row.get(8)?),
        reference: rows::parsed("roll_calls.reference", &text(9)?)?,
        state: rows::word("roll_calls.state", RollCallState::from_word(&text(10)?))?,
        made_at: Timestamp::from_millis(row.get(11)?),
        wake_at: rows::time(row.get(12)?),
        decided_at: rows::time(row.get(13)?),
        why: text(14)?,
        texts,
    })
}

/// Writes it with its texts, as it is now.
pub(in crate::store) fn save(conn: Connection<'_>, r: &RollCall) -> Result<(), StoreError> {
    conn.prepare_cached(SAVE)?.execute(params![
        r.id.as_str(),
        r.rotation.as_str(),
        r.line.as_deref().unwrap_or_default(),
        r.role.as_str(),
        r.contact.as_str(),
        r.name,
        r.phone.e164(),
        r.from.as_millis(),
        r.until.as_millis(),
        r.reference.as_str(),
        r.state.as_str(),
        r.made_at.as_millis(),
        rows::millis(r.wake_at),
        rows::millis(r.decided_at),
        r.why,
    ])?;
    for t in &r.texts {
        conn.prepare_cached(SAVE_TEXT)?.execute(params![
            rows::id_bytes(t.id),
            r.id.as_str(),
            t.number,
            t.kind.as_str(),
            t.contact.as_str(),
            t.name,
            t.phone.e164(),
            t.sender.as_ref().map(Sender::as_str),
            t.state.as_str(),
            t.body,
            t.segments,
            t.created_at.as_millis(),
            t.not_before.as_millis(),
            t.tries,
            t.claimed_by,
            rows::millis(t.sent_at),
            rows::millis(t.provider_after),
            rows::millis(t.provider_at),
            t.callback,
            t.sid.as_ref().map(MessageSid::as_str),
            t.message_status.as_ref().map(|s| s.as_str()),
            t.error_code.map(|c| c.0),
            t.result,
            rows::millis(t.poll_at),
            t.polls,
        ])?;
    }
    Ok(())
}

#[async_trait]
impl<D: Database> RollCalls for D {
    async fn roll_calls(&self, ending_after: Timestamp) -> Result<Vec<RollCall>, StoreError> {
        let behind = "WHERE until_at > ?1 OR state IN ('asked', 'refused', 'silent', 'failed') OR id IN (SELECT roll_call FROM roll_call_texts INDEXED BY \
            roll_call_texts_open WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL) ORDER BY made_at, id";
        self.read(move |conn| find(conn, behind, [ending_after.as_millis()])).await
    }
}
