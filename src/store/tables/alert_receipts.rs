//! Receipts of sinks: see [`AlertReceipts`].

use async_trait::async_trait;

use crate::store::sql::{Connection, params};

use super::database::Database;
use super::load::str_at;
use super::reads::all;
use super::save::sink_row;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertKey, SinkReceipt};
use crate::store::alert_receipts::{AlertReceipt, AlertReceipts};
use crate::store::{AlertTask, StoreError};

/// A sink has few: one a message that still rings.
const LIST: &str = "SELECT r.receipt, r.look_at, r.expires_at, r.key,
        EXISTS (SELECT 1 FROM alerts a WHERE a.key = r.key AND a.raised_at = r.raised_at
            AND a.resolved_at IS NULL AND a.acknowledged_at IS NULL)
    FROM alert_receipts r WHERE r.sink = ?1 ORDER BY r.look_at, r.receipt, r.key LIMIT 2000";
const INSERT: &str = "INSERT INTO alert_receipts (sink, receipt, key, raised_at, at, look_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6) ON CONFLICT DO NOTHING";
const PUT_OFF: &str = "UPDATE alert_receipts SET look_at = ?3 WHERE sink = ?1 AND receipt = ?2";
const DROP: &str = "DELETE FROM alert_receipts WHERE sink = ?1 AND receipt = ?2";
pub(in crate::store) const SHIFT: &str =
    "UPDATE alert_receipts SET look_at = look_at - ?1, expires_at = expires_at - ?1";

/// With the delivery of its message; `sink`: as the outbox names it.
pub(super) fn keep(
    conn: Connection<'_>,
    sink: &str,
    tasks: &[AlertTask],
    receipt: &SinkReceipt,
    at: Timestamp,
) -> Result<(), StoreError> {
    for line in tasks.iter().filter(|t| t.resolved_at.is_none()).map(|t| &t.line) {
        let (key, raised_at) = (line.key.to_string(), line.raised_at.as_millis());
        let values = params![sink, receipt.id, key, raised_at, at.as_millis(), receipt.expires_at.as_millis()];
        conn.prepare_cached(INSERT)?.execute(values)?;
    }
    Ok(())
}

fn list(conn: Connection<'_>, sink: &str) -> Result<Vec<AlertReceipt>, StoreError> {
    let rows = all(conn, LIST, [sink_row(sink)], |row| {
        let at = |column| row.get::<i64>(column).map(Timestamp::from_millis);
        let receipt = AlertReceipt {
            id: row.get(0)?,
            look_at: at(1)?,
            expires_at: at(2)?,
            // What nobody can read is nobody's alert.
            unseen: str_at(row, 3)?.parse::<AlertKey>().ok().into_iter().collect(),
        };
        Ok((receipt, row.get::<bool>(4)?))
    })?;
    let mut receipts: Vec<AlertReceipt> = Vec::new();
    for (mut one, is_unseen) in rows {
        if !is_unseen {
            one.unseen.clear();
        }
        match receipts.last_mut().filter(|last| last.id == one.id) {
            Some(last) => last.unseen.append(&mut one.unseen),
            None => receipts.push(one),
        }
    }
    Ok(receipts)
}

#[async_trait]
impl<D: Database> AlertReceipts for D {
    async fn alert_receipts(&self, sink: &str) -> Result<Vec<AlertReceipt>, StoreError> {
        let sink = sink.to_owned();
        self.read(move |conn| list(conn, &sink)).await
    }

    async fn put_off_receipt(&self, sink: &str, id: &str, look_at: Timestamp) -> Result<(), StoreError> {
        let (sink, id) = (sink_row(sink), id.to_owned());
        self.with_tx(move |conn| {
            conn.prepare_cached(PUT_OFF)?.execute(params![sink, id, look_at.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn drop_receipt(&self, sink: &str, id: &str) -> Result<(), StoreError> {
        let (sink, id) = (sink_row(sink), id.to_owned());
        self.with_tx(move |conn| {
            conn.prepare_cached(DROP)?.execute([&sink, &id])?;
            Ok(())
        })
        .await
    }
}
