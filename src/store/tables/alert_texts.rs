//! Texts of alerts, each written whole in the transaction that decides. See [`AlertTexts`].

use async_trait::async_trait;
use tracing::warn;

use super::database::Database;
use super::standalone;
use crate::domain::alert::AlertKey;
use crate::domain::alert_text::AlertText;
use crate::domain::types::{AttemptId, MessageSid, Sender, Timestamp};
use crate::store::sql::{Connection, Params, Row, params};
use crate::store::{AlertTexts, StoreError, rows};

const COLUMNS: &str = "id, number, 'alert', contact, name, phone, sender, state, body, segments, created_at, not_before, tries, claimed_by,
    sent_at, provider_after, provider_at, callback, sid, message_status, error_code, result, poll_at, polls,
    message, sink, reference, alerts, is_over, call_id, call_reference, words";
const SAVE: &str = "INSERT INTO alert_texts (id, message, number, sink, reference, alerts, is_over, call_id, call_reference, words, contact,
    name, phone, sender, state, body, segments, created_at, not_before, tries, claimed_by, sent_at, provider_after, provider_at, callback,
    sid, message_status, error_code, result, poll_at, polls)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27,
    ?28, ?29, ?30, ?31)
    ON CONFLICT (id) DO UPDATE SET sender = ?14, state = ?15, body = ?16, segments = ?17, not_before = ?19, tries = ?20, claimed_by = ?21,
    sent_at = ?22, provider_after = ?23, provider_at = ?24, callback = ?25, sid = ?26, message_status = ?27, error_code = ?28,
    result = ?29, poll_at = ?30, polls = ?31";
const STANDS: &str = "SELECT 1 FROM alerts WHERE key = ?1 AND resolved_at IS NULL AND acknowledged_at IS NULL";
/// A wall clock that was set back: what waits does not wait longer. `?1`: by how much.
pub(in crate::store) const SHIFT_PAUSES: &str =
    "UPDATE alert_texts SET not_before = not_before - ?1, poll_at = poll_at - ?1
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL";

/// So many of a sink's newest texts are looked at where it hands a message over.
const OF_SINK_MAX: i64 = 64;
/// So many of those to a phone a reply is held against, the newest.
const REPLY_MAX: i64 = 16;

fn find(conn: Connection<'_>, behind: &str, with: impl Params) -> Result<Vec<AlertText>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM alert_texts {behind}"))?;
    let mut found = statement.query(with)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match read(row) {
            Ok(one) => all.push(one),
            // The others go on.
            Err(StoreError::Corrupt { what, .. }) => warn!(what, "a text of an alert cannot be read"),
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

pub(in crate::store) fn by_id(conn: Connection<'_>, id: AttemptId) -> Result<Option<AlertText>, StoreError> {
    Ok(find(conn, "WHERE id = ?1", [rows::id_bytes(id)])?.pop())
}

/// That of a message of the provider, by the id in its callback's path, else by its SID.
pub(in crate::store) fn of_message(
    conn: Connection<'_>,
    named: Option<AttemptId>,
    sid: &MessageSid,
) -> Result<Vec<AlertText>, StoreError> {
    match named.map(|id| by_id(conn, id)).transpose()?.flatten() {
        Some(one) => Ok(vec![one]),
        None => find(conn, "WHERE sid = ?1", [sid.as_str()]),
    }
}

/// The texts of this message of a sink, and the newest others of the sink; oldest first.
pub(in crate::store) fn around(conn: Connection<'_>, message: &str, sink: &str) -> Result<Vec<AlertText>, StoreError> {
    let newest = "WHERE sink = ?1 AND message <> ?2 ORDER BY created_at DESC, number DESC LIMIT ?3";
    let mut all = find(conn, newest, params![sink, message, OF_SINK_MAX])?;
    all.reverse();
    all.extend(find(conn, OF_ID, [message])?);
    Ok(all)
}

/// The newest to this phone.
pub(in crate::store) fn of_phone(conn: Connection<'_>, phone: &str) -> Result<Vec<AlertText>, StoreError> {
    find(conn, "WHERE phone = ?1 ORDER BY created_at DESC LIMIT ?2", params![phone, REPLY_MAX])
}

/// Whether each alert that it tells of is over, or was seen.
pub(in crate::store) fn are_settled(conn: Connection<'_>, of: &AlertText) -> Result<bool, StoreError> {
    let mut stands = conn.prepare_cached(STANDS)?;
    for key in &of.alerts {
        if stands.exists([key.to_string().as_str()])? {
            return Ok(false);
        }
    }
    Ok(true)
}

const OF_ID: &str = "WHERE message = ?1 ORDER BY number";

fn read(row: Row<'_>) -> Result<AlertText, StoreError> {
    let text = |at: usize| row.get::<String>(at);
    let maybe = |at: usize| row.get::<Option<String>>(at);
    let alerts: Vec<String> = serde_json::from_str(&text(27)?).map_err(|_| rows::corrupt("alert_texts.alerts"))?;
    let alerts = alerts.iter().map(|key| rows::parsed::<AlertKey>("alert_texts.alerts", key));
    Ok(AlertText {
        text: standalone::read(row)?,
        message: text(24)?,
        sink: text(25)?,
        reference: rows::parsed("alert_texts.reference", &text(26)?)?,
        alerts: alerts.collect::<Result<_, _>>()?,
        is_over: row.get(28)?,
        call: maybe(29)?.map(|t| rows::parsed("alert_texts.call_id", &t)).transpose()?,
        call_reference: maybe(30)?.map(|t| rows::parsed("alert_texts.call_reference", &t)).transpose()?,
        words: text(31)?,
    })
}

/// Writes it as it is now.
pub(in crate::store) fn save(conn: Connection<'_>, of: &AlertText) -> Result<(), StoreError> {
    let keys: Vec<String> = of.alerts.iter().map(ToString::to_string).collect();
    let t = &of.text;
    conn.prepare_cached(SAVE)?.execute(params![
        rows::id_bytes(t.id),
        of.message,
        t.number,
        of.sink,
        of.reference.as_str(),
        serde_json::json!(keys).to_string(),
        of.is_over,
        of.call.as_ref().map(|c| c.as_str()),
        of.call_reference.as_ref().map(|r| r.as_str()),
        of.words,
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
    Ok(())
}

#[async_trait]
impl<D: Database> AlertTexts for D {
    async fn open_alert_texts(&self) -> Result<Vec<AlertText>, StoreError> {
        let open = "INDEXED BY alert_texts_open
            WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL ORDER BY created_at, number";
        self.read(move |conn| find(conn, open, params![])).await
    }

    async fn alert_texts_of(&self, message: &str) -> Result<Vec<AlertText>, StoreError> {
        let message = message.to_owned();
        self.read(move |conn| find(conn, OF_ID, [message.as_str()])).await
    }

    async fn alert_texts(&self, since: Timestamp, limit: usize) -> Result<Vec<AlertText>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let newest = "WHERE created_at >= ?1 ORDER BY created_at DESC, number DESC LIMIT ?2";
        self.read(move |conn| find(conn, newest, params![since.as_millis(), limit])).await
    }
}
