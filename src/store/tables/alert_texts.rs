//! Texts of alerts, each written whole in the transaction that decides. See [`AlertTexts`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use tracing::warn;

use super::database::Database;
use super::standalone;
use crate::domain::alert::AlertKey;
use crate::domain::alert_text::{AlertText, TextedAlert};
use crate::domain::types::{AttemptId, CallRef, MessageSid, Sender, Timestamp};
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
    ON CONFLICT (id) DO UPDATE SET alerts = ?6, sender = ?14, state = ?15, body = ?16, segments = ?17, not_before = ?19, tries = ?20, claimed_by = ?21,
    sent_at = ?22, provider_after = ?23, provider_at = ?24, callback = ?25, sid = ?26, message_status = ?27, error_code = ?28,
    result = ?29, poll_at = ?30, polls = ?31";
/// Whether an alert still needs telling by a text that was made then.
const STANDS: &str =
    "SELECT 1 FROM alerts WHERE key = ?1 AND resolved_at IS NULL AND (acknowledged_at IS NULL OR acknowledged_at < ?2)";
const IS_RAISED: &str = "SELECT 1 FROM alerts WHERE key = ?1 AND resolved_at IS NULL";
/// A wall clock that was set back: what waits does not wait longer. `?1`: by how much.
pub(in crate::store) const SHIFT_PAUSES: &str =
    "UPDATE alert_texts SET not_before = not_before - ?1, poll_at = poll_at - ?1
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL";

/// So many of a sink's newest texts are looked at where it hands a message over, and so many that tell of one of its alerts.
const OF_SINK_MAX: i64 = 64;
/// So many of those to a phone a reply is held against, the newest.
const REPLY_MAX: i64 = 16;
/// And so many of each reference that it names.
const NAMED_MAX: i64 = 4;

const OF_ID: &str = "WHERE message = ?1 ORDER BY number";
const NEWEST_OF_SINK: &str =
    "WHERE sink = ?1 AND message <> ?2 AND created_at >= ?3 ORDER BY created_at DESC, number DESC LIMIT ?4";
/// `?5`: the beginning of an alert as it is written in the array.
const OF_ALERT: &str = "WHERE sink = ?1 AND message <> ?2 AND created_at >= ?3 AND alerts LIKE ?5 ESCAPE '!'
    ORDER BY created_at DESC, number DESC LIMIT ?4";

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

/// All of the message of this text.
pub(in crate::store) fn of_text(conn: Connection<'_>, id: AttemptId) -> Result<Vec<AlertText>, StoreError> {
    match find(conn, "WHERE id = ?1", [rows::id_bytes(id)])?.pop() {
        Some(of) => find(conn, OF_ID, [of.message.as_str()]),
        None => Ok(Vec::new()),
    }
}

/// All of the message of a text, by the id in its callback's path, else by its SID.
pub(in crate::store) fn of_message(
    conn: Connection<'_>,
    named: Option<AttemptId>,
    sid: &MessageSid,
) -> Result<Vec<AlertText>, StoreError> {
    let all = named.map(|id| of_text(conn, id)).transpose()?.unwrap_or_default();
    if !all.is_empty() {
        return Ok(all);
    }
    match find(conn, "WHERE sid = ?1", [sid.as_str()])?.pop() {
        Some(of) => find(conn, OF_ID, [of.message.as_str()]),
        None => Ok(Vec::new()),
    }
}

/// The texts of this message of a sink, those of the sink that tell of the same alerts since they are raised, and the newest of the
/// sink; oldest first.
pub(in crate::store) fn around(
    conn: Connection<'_>,
    message: &str,
    sink: &str,
    alerts: &[AlertKey],
    (raised_since, recent_since): (Timestamp, Timestamp),
) -> Result<Vec<AlertText>, StoreError> {
    let mut all = find(conn, OF_ID, [message])?;
    let recent = params![sink, message, recent_since.as_millis(), OF_SINK_MAX];
    let mut others = find(conn, NEWEST_OF_SINK, recent)?;
    for key in alerts {
        let with = params![sink, message, raised_since.as_millis(), OF_SINK_MAX, begins_with(key)];
        others.extend(find(conn, OF_ALERT, with)?.into_iter().filter(|t| t.tells_of(key)));
    }
    for of in others {
        if all.iter().all(|t| t.text.id != of.text.id) {
            all.push(of);
        }
    }
    all.sort_by_key(|t| (t.text.created_at, t.text.number));
    Ok(all)
}

/// The newest to this phone, and those of these references.
pub(in crate::store) fn of_phone(
    conn: Connection<'_>,
    phone: &str,
    references: &[CallRef],
) -> Result<Vec<AlertText>, StoreError> {
    let newest = "WHERE phone = ?1 ORDER BY created_at DESC LIMIT ?2";
    let named = "WHERE reference = ?1 AND phone = ?2 ORDER BY created_at DESC LIMIT ?3";
    let mut all = find(conn, newest, params![phone, REPLY_MAX])?;
    for reference in references {
        for of in find(conn, named, params![reference.as_str(), phone, NAMED_MAX])? {
            if all.iter().all(|t| t.text.id != of.text.id) {
                all.push(of);
            }
        }
    }
    Ok(all)
}

/// Of what it tells, the alerts that are over, or that somebody has seen since it was made; where it says that they are over, those
/// that are raised again.
pub(in crate::store) fn settled(conn: Connection<'_>, of: &AlertText) -> Result<BTreeSet<AlertKey>, StoreError> {
    let mut stands = conn.prepare_cached(STANDS)?;
    let mut is_raised = conn.prepare_cached(IS_RAISED)?;
    let mut settled = BTreeSet::new();
    for TextedAlert { key, .. } in of.told() {
        let text = key.to_string();
        let is_settled = match of.is_over {
            true => is_raised.exists([text.as_str()])?,
            false => !stands.exists(params![text, of.text.created_at.as_millis()])?,
        };
        if is_settled {
            settled.insert(key.clone());
        }
    }
    Ok(settled)
}

/// An alert as it is written in the array of its text: its key, since when the state waits, its version, its name, whether the text
/// tells no more of it.
fn written(a: &TextedAlert) -> serde_json::Value {
    serde_json::json!([a.key.to_string(), a.since.as_millis(), a.version, a.name, a.is_dropped])
}

/// What finds texts that tell of this alert.
fn begins_with(key: &AlertKey) -> String {
    let text = serde_json::json!(key.to_string()).to_string();
    format!("%[{},%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

fn texted(text: &str) -> Result<Vec<TextedAlert>, StoreError> {
    let all: Vec<(String, i64, i64, String, bool)> =
        serde_json::from_str(text).map_err(|_| rows::corrupt("alert_texts.alerts"))?;
    let one = |(key, since, version, name, is_dropped): (String, i64, i64, String, bool)| -> Result<_, StoreError> {
        let key = rows::parsed("alert_texts.alerts", &key)?;
        Ok(TextedAlert { key, since: Timestamp::from_millis(since), version, name, is_dropped })
    };
    all.into_iter().map(one).collect()
}

fn read(row: Row<'_>) -> Result<AlertText, StoreError> {
    let text = |at: usize| row.get::<String>(at);
    let maybe = |at: usize| row.get::<Option<String>>(at);
    Ok(AlertText {
        text: standalone::read(row)?,
        message: text(24)?,
        sink: text(25)?,
        reference: rows::parsed("alert_texts.reference", &text(26)?)?,
        alerts: texted(&text(27)?)?,
        is_over: row.get(28)?,
        call: maybe(29)?.map(|t| rows::parsed("alert_texts.call_id", &t)).transpose()?,
        call_reference: maybe(30)?.map(|t| rows::parsed("alert_texts.call_reference", &t)).transpose()?,
        words: text(31)?,
    })
}

/// Writes it as it is now.
pub(in crate::store) fn save(conn: Connection<'_>, of: &AlertText) -> Result<(), StoreError> {
    let alerts: serde_json::Value = of.alerts.iter().map(written).collect();
    let t = &of.text;
    conn.prepare_cached(SAVE)?.execute(params![
        rows::id_bytes(t.id),
        of.message,
        t.number,
        of.sink,
        of.reference.as_str(),
        alerts.to_string(),
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

    async fn alert_texts_of_sink(&self, sink: &str, since: Timestamp) -> Result<Vec<AlertText>, StoreError> {
        let sink = sink.to_owned();
        let all = "WHERE sink = ?1 AND created_at >= ?2 ORDER BY created_at, number";
        self.read(move |conn| find(conn, all, params![sink, since.as_millis()])).await
    }

    async fn alert_texts(&self, since: Timestamp, limit: usize) -> Result<Vec<AlertText>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let newest = "WHERE created_at >= ?1 ORDER BY created_at DESC, number DESC LIMIT ?2";
        self.read(move |conn| find(conn, newest, params![since.as_millis(), limit])).await
    }
}
