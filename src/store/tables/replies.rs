//! Whose replies are read from the provider's list, and which were heard before.

use crate::store::sql::{Connection, params};

use super::load::str_at;
use super::reads::{PHONES, ReadContext, at_most, readable};
use super::sql;
use crate::domain::Timestamp;
use crate::domain::event::InboundText;
use crate::domain::types::MessageSid;
use crate::store::{Listened, ListenedPlace, StoreError, rows};

/// Walks the calls that count and not the people: those are few, but for a crowd, and what was taken long ago costs nothing.
pub(in crate::store) const LISTENED: &str = "WITH live (id) AS (
        SELECT id FROM calls INDEXED BY calls_by_wake WHERE status = 'DISPATCHING'
        UNION ALL
        SELECT id FROM calls INDEXED BY calls_left
        WHERE status IN ('ACKNOWLEDGED', 'EXHAUSTED', 'DEFERRED') AND closed_at >= ?1),
    texts (phone, sent_now, sent_at, provider_at) AS (
        SELECT a.phone, a.sent_at + a.clock_steps_ms, a.sent_at, coalesce(a.provider_at, a.provider_after)
        FROM live CROSS JOIN attempts a ON a.call_id = live.id WHERE a.sent_at IS NOT NULL
        UNION ALL
        SELECT t.phone, t.sent_at, t.sent_at, coalesce(t.provider_at, t.provider_after)
        FROM roll_calls r INDEXED BY roll_calls_unanswered CROSS JOIN roll_call_texts t ON t.roll_call = r.id
        WHERE r.state IN ('asked', 'silent', 'failed') AND coalesce(r.decided_at, ?1) >= ?1
            AND t.kind = 'roll-call' AND t.sent_at IS NOT NULL
        UNION ALL
        SELECT o.phone, o.sent_at, o.sent_at, coalesce(o.provider_at, o.provider_after)
        FROM live CROSS JOIN alert_texts o ON o.call_id = live.id WHERE o.sent_at IS NOT NULL
        UNION ALL
        SELECT g.phone, g.sent_at, g.sent_at, coalesce(g.provider_at, g.provider_after)
        FROM alert_texts g WHERE g.call_id IS NULL AND g.is_over = 0 AND g.created_at >= ?1 AND g.sent_at IS NOT NULL
            AND EXISTS (SELECT 1 FROM live))
    SELECT phone, min(sent_now), max(sent_at) AS last, min(provider_at), max(CASE WHEN provider_at IS NULL THEN 1 ELSE 0 END)
    FROM texts GROUP BY phone
    HAVING (max(sent_at), phone) < (?2, ?3) ORDER BY last DESC, phone DESC LIMIT ?4";

pub(in crate::store) fn listened(
    context: ReadContext<'_>,
    since: Timestamp,
    after: Option<ListenedPlace>,
    limit: usize,
) -> Result<Vec<Listened>, StoreError> {
    let after = after.map_or((i64::MAX, String::new()), |(at, phone)| (at.as_millis(), phone.e164().to_owned()));
    readable(context, PHONES, LISTENED, params![since.as_millis(), after.0, after.1, at_most(limit)], |row| {
        let has_unknown: bool = row.get(4)?;
        Ok(Listened {
            phone: rows::phone("attempts.phone", str_at(row, 0)?)?,
            sent_since: Timestamp::from_millis(row.get(1)?),
            provider_since: rows::time(row.get(3)?).filter(|_| !has_unknown),
            notified_last: Timestamp::from_millis(row.get(2)?),
        })
    })
}

pub(in crate::store) fn known_messages(
    conn: Connection<'_>,
    messages: &[MessageSid],
) -> Result<Vec<MessageSid>, StoreError> {
    let mut known = conn.prepare_cached(sql::IS_HEARD)?;
    let mut known_messages = Vec::new();
    for sid in messages {
        if known.exists([sid.as_str()])? {
            known_messages.push(sid.clone());
        }
    }
    Ok(known_messages)
}

pub(in crate::store) const WAITING: &str = "SELECT sid, sender, recipient, body, provider_replied, at, provider_at
    FROM inbound INDEXED BY inbound_waiting WHERE waits = 1 ORDER BY at LIMIT ?1";

pub(in crate::store) fn waiting(context: ReadContext<'_>, limit: usize) -> Result<Vec<InboundText>, StoreError> {
    readable(context, "inbound", WAITING, params![at_most(limit)], |row| {
        Ok(InboundText {
            sid: rows::parsed("inbound.sid", str_at(row, 0)?)?,
            from: row.get(1)?,
            to: row.get(2)?,
            body: row.get(3)?,
            provider_replied: row.get(4)?,
            at: rows::time(row.get(6)?),
            at_ours: None,
            listed: false,
            waited_since: Some(Timestamp::from_millis(row.get(5)?)),
        })
    })
}

pub(in crate::store) const READ: &str = "SELECT until FROM replies_read WHERE slot = 1";
pub(in crate::store) const KEEP_READ: &str = "INSERT INTO replies_read (slot, until) VALUES (1, ?1)
    ON CONFLICT (slot) DO UPDATE SET until = excluded.until";
