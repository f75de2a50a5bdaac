//! Phone calls that may be under way, each by one seek in an index that holds nothing else.

use crate::store::sql::{Connection, params};

use super::load::str_at;
use super::reads::ReadContext;
use super::work_list::work;
use crate::domain::event::{BlockedPhoneCall, OpenPhoneCall};
use crate::domain::types::{AttemptId, ErrorCode, Timestamp};
use crate::store::{StoreError, rows};

/// Those to one number: claimed, accepted and not over, or not known and not decided.
pub(in crate::store) const TO_PHONE: &str =
    "SELECT id, phone, sender, sent_at FROM attempts INDEXED BY attempts_ringing
    WHERE channel = 'voice' AND state IN ('sending', 'submitted', 'unknown') AND phone = ?1
    AND (state <> 'unknown' OR decided_at IS NULL) AND sent_at IS NOT NULL AND sender IS NOT NULL";

pub(in crate::store) fn to_phone(
    conn: Connection<'_>,
    phone: &str,
    but: AttemptId,
) -> Result<Vec<OpenPhoneCall>, StoreError> {
    let mut statement = conn.prepare_cached(TO_PHONE)?;
    let mut found = statement.query([phone])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let attempt = rows::id_from(row.get(0)?);
        if attempt != but {
            all.push(OpenPhoneCall {
                attempt,
                to: str_at(row, 1)?.to_owned(),
                from: str_at(row, 2)?.to_owned(),
                sent_at: Timestamp::from_millis(row.get(3)?),
            });
        }
    }
    Ok(all)
}

/// The newest that were refused on their way: by the provider, or by a carrier, a phone or its owner.
pub(in crate::store) const BLOCKED: &str = "SELECT id, phone, sender, sent_at, error_code FROM attempts INDEXED BY attempts_blocked
    WHERE channel = 'voice' AND state = 'failed' AND (sip IN (403, 603, 607, 608) OR error_code IN (13225, 21216, 32203))
    AND sent_at IS NOT NULL AND sender IS NOT NULL ORDER BY finished_at DESC LIMIT 100";

pub(in crate::store) fn blocked(conn: Connection<'_>) -> Result<Vec<BlockedPhoneCall>, StoreError> {
    let mut statement = conn.prepare_cached(BLOCKED)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(BlockedPhoneCall {
            attempt: rows::id_from(row.get(0)?),
            to: str_at(row, 1)?.to_owned(),
            from: str_at(row, 2)?.to_owned(),
            sent_at: Timestamp::from_millis(row.get(3)?),
            code: row.get::<Option<u32>>(4)?.map(ErrorCode),
        });
    }
    Ok(all)
}

/// Those that are to end since `?2`, or were never dialled since `?1`: the provider has them, and they are not over.
pub(in crate::store) const TO_END: &str = "SELECT rowid FROM attempts INDEXED BY attempts_ringing
    WHERE channel = 'voice' AND state IN ('sending', 'submitted', 'unknown') AND state = 'submitted' AND sid IS NOT NULL
    AND (expires_at >= ?2 OR (expires_at IS NULL AND message_status = 'queued' AND sent_at <= ?1))";
const TO_END_AT: &str = "SELECT c.id, a.id FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

pub(in crate::store) fn to_end(
    context: ReadContext<'_>,
    (stale_before, wanted_since): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<AttemptId>, StoreError> {
    work(context, (TO_END, params![stale_before.as_millis(), wanted_since.as_millis()]), TO_END_AT, limit, |row| {
        Ok(rows::id_from(row.get(1)?))
    })
}
