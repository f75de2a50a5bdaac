//! Entries of the log with what is counted of their call and their attempt: for metrics.

use serde_json::Value;

use super::load::str_at;
use super::reads::{ReadContext, at_most, readable};
use crate::domain::attempt::{AttemptKind, Channel};
use crate::domain::log::LogKind;
use crate::domain::types::Timestamp;
use crate::store::sql::{Connection, Row, params};
use crate::store::{CountedCall, CountedEntry, StoreError, rows};

const COUNTED: &str = "SELECT log.seq, log.kind, log.at, log.data, attempts.kind, attempts.channel, calls.level,
        calls.accepted_at, calls.told_at, CASE WHEN log.kind = 'call.accepted' THEN calls.data END
    FROM log LEFT JOIN attempts ON attempts.id = log.attempt_id LEFT JOIN calls ON calls.id = log.call_id
    WHERE log.seq > ?1 ORDER BY log.seq LIMIT ?2";
const END: &str = "SELECT coalesce(max(seq), 0) FROM log";

pub(in crate::store) fn log_end(conn: Connection<'_>) -> Result<i64, StoreError> {
    conn.prepare_cached(END)?.query_row([], |row| row.get(0))
}

pub(in crate::store) fn entries(
    context: ReadContext<'_>,
    after: i64,
    limit: usize,
) -> Result<Vec<CountedEntry>, StoreError> {
    readable(context, "log", COUNTED, params![after, at_most(limit)], entry)
}

fn entry(row: Row<'_>) -> Result<CountedEntry, StoreError> {
    let data = |text: Option<String>| text.map(|d| rows::from_json::<Value>("log.data", &d)).transpose();
    let word = |at: usize| row.get::<Option<String>>(at);
    let kind = word(4)?.as_deref().and_then(AttemptKind::from_word);
    let channel = word(5)?.as_deref().and_then(Channel::from_word);
    let call = word(6)?.map(|level| -> Result<CountedCall, StoreError> {
        let said = data(row.get(9)?)?.unwrap_or_default();
        Ok(CountedCall {
            level,
            number: said.get("twilioToNumber").and_then(Value::as_str).map(str::to_owned),
            accepted_at: Timestamp::from_millis(row.get(7)?),
            told_at: rows::time(row.get(8)?),
        })
    });
    Ok(CountedEntry {
        seq: row.get(0)?,
        kind: rows::word("log.kind", LogKind::from_word(str_at(row, 1)?))?,
        at: Timestamp::from_millis(row.get(2)?),
        data: data(row.get(3)?)?.unwrap_or_default(),
        attempt: kind.zip(channel),
        call: call.transpose()?,
    })
}
