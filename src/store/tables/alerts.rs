//! The sinks' part of the store: see [`AlertOutbox`].

use std::collections::BTreeSet;
use std::time::Duration;

use crate::store::sql::{Connection, Row, params};
use async_trait::async_trait;

use super::alert_receipts;
use super::database::Database;
use super::load::str_at;
use super::reads::{ReadContext, acknowledged, all, at_most, moment, one, readable};
use super::save::{in_force, sink_row};
use super::settings;
use super::sql;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertKey, AlertKind, Severity, SinkTarget};
use crate::domain::bulk::SentMessage;
use crate::store::alerts::{AlertOutbox, AlertTask, Delivered, NotDelivered, SinkLine, SinkState, WaitingAlert};
use crate::store::{AlertLine, StoreError, rows};

/// The sink's name in rows of an older version, which told all sinks together.
const ALL_SINKS: &str = "alerts";
/// Messages are remembered for this long: longer than bulk alerts are counted for.
const MESSAGES_KEPT_MS: i64 = 600_000;

pub(in crate::store) const DUE: &str = "SELECT a.key, a.call_id, a.message, a.raised_at, a.resolved_at,
        (SELECT reference FROM calls WHERE id = a.call_id), o.version, o.since, o.attempts,
        EXISTS (SELECT 1 FROM alert_receivers r WHERE r.sink = o.sink AND r.key = o.key),
        a.acknowledged_at, a.acknowledged_by,
        (SELECT accepted_at FROM calls WHERE id = a.call_id),
        (SELECT CASE WHEN json_valid(data) THEN json_extract(data, '$.issueSummary') END FROM calls WHERE id = a.call_id)
    FROM outbox o INDEXED BY outbox_alerts JOIN alerts a ON a.key = o.key
    WHERE o.sink = ?1 AND o.sink <> 'mirror' AND o.parked_at IS NULL AND o.next_at <= ?2 ORDER BY o.next_at LIMIT ?3";
pub(in crate::store) const NEXT: &str = "SELECT next_at FROM outbox INDEXED BY outbox_alerts
    WHERE sink = ?1 AND sink <> 'mirror' AND parked_at IS NULL AND next_at > ?2 ORDER BY next_at LIMIT 1";
const TAKE_OUT: &str = "DELETE FROM outbox WHERE sink = ?1 AND key = ?2";
const WAITING: &str = "SELECT key, attempts FROM outbox WHERE sink = ?1 AND parked_at IS NULL";
pub(in crate::store) const MESSAGES: &str =
    "SELECT at, kind, alerts FROM alert_messages INDEXED BY alert_messages_by_time WHERE sink = ?1 AND at >= ?2";
const STATE: &str = "SELECT failing_since, failures, not_before FROM alert_sinks WHERE sink = ?1";
const DELIVERED: &str = "DELETE FROM outbox WHERE sink = ?1 AND key = ?2 AND version = ?3";
const NOT_DELIVERED: &str = "UPDATE outbox SET attempts = attempts + 1, next_at = ?4
    WHERE sink = ?1 AND key = ?2 AND version = ?3";
const ASKED: &str = "INSERT INTO alert_receivers (sink, key, certain) VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING";
const KNOWS: &str = "INSERT INTO alert_receivers (sink, key, certain, again_at) VALUES (?1, ?2, 1, ?3)
    ON CONFLICT (sink, key) DO UPDATE SET certain = 1, again_at = excluded.again_at";
const KNOWS_NO_MORE: &str = "DELETE FROM alert_receivers WHERE sink = ?1 AND key = ?2";
const SURELY_DOES_NOT_KNOW: &str = "DELETE FROM alert_receivers WHERE sink = ?1 AND key = ?2 AND certain = 0";
/// Its time stands once it is set: it is not put off by every look.
const MAY_KNOW_UNTIL: &str =
    "UPDATE alert_receivers SET again_at = ?3 WHERE sink = ?1 AND key = ?2 AND again_at IS NULL";
const SENT: &str = "INSERT INTO alert_messages (sink, at, kind, alerts) VALUES (?1, ?2, ?3, ?4)";
const FORGET_SENT: &str = "DELETE FROM alert_messages WHERE sink = ?1 AND at < ?2";
/// Whether an alert that was raised by then is raised still, and seen by nobody.
const NEEDS_TELLING: &str =
    "SELECT 1 FROM alerts WHERE key = ?1 AND resolved_at IS NULL AND acknowledged_at IS NULL AND raised_at <= ?2";
/// As it was taken, and tried once. What waits already is newer.
const WAITS_AGAIN: &str =
    "INSERT INTO outbox (sink, key, version, since, attempts, next_at) VALUES (?1, ?2, ?3, ?4, 1, ?5)
    ON CONFLICT (sink, key) DO NOTHING";
const WELL: &str = "DELETE FROM alert_sinks WHERE sink = ?1";
const FAILING: &str = "INSERT INTO alert_sinks (sink, failing_since, failures, not_before) VALUES (?1, ?2, 1, ?3)
    ON CONFLICT (sink) DO UPDATE SET failures = alert_sinks.failures + 1, not_before = excluded.not_before";
/// Served by `alert_receivers_again`; there is one row an alert in force.
const AGAIN: &str = "SELECT r.key FROM alert_receivers r JOIN alerts a ON a.key = r.key
    WHERE r.sink = ?1 AND r.again_at <= ?2 AND a.resolved_at IS NULL AND a.acknowledged_at IS NULL ORDER BY r.again_at LIMIT 1000";
const NEXT_AGAIN: &str = "SELECT min(r.again_at) FROM alert_receivers r JOIN alerts a ON a.key = r.key
    WHERE r.sink = ?1 AND r.again_at IS NOT NULL AND a.resolved_at IS NULL AND a.acknowledged_at IS NULL";
const PUT_OFF: &str = "UPDATE alert_receivers SET again_at = ?3 WHERE sink = ?1 AND key = ?2";
const COUNT_DELIVERED: &str = "INSERT INTO alert_deliveries (sink, delivered, failed, delivered_at, said)
    VALUES (?1, 1, 0, ?2, ?3) ON CONFLICT (sink) DO UPDATE SET delivered = alert_deliveries.delivered + 1,
    delivered_at = excluded.delivered_at, said = excluded.said";
const COUNT_FAILED: &str = "INSERT INTO alert_deliveries (sink, delivered, failed, failed_at, said)
    VALUES (?1, 0, 1, ?2, ?3) ON CONFLICT (sink) DO UPDATE SET failed = alert_deliveries.failed + 1,
    failed_at = excluded.failed_at, said = excluded.said";
const DELIVERIES: &str =
    "SELECT delivered, failed, delivered_at, failed_at, said FROM alert_deliveries WHERE sink = ?1";
const SINKS: &str = "SELECT DISTINCT sink FROM (SELECT sink FROM outbox WHERE sink <> 'mirror'
    UNION ALL SELECT sink FROM alert_receivers UNION ALL SELECT sink FROM alert_sinks UNION ALL SELECT sink FROM alert_messages
    UNION ALL SELECT sink FROM alert_deliveries UNION ALL SELECT sink FROM alert_receipts) AS all_sinks";
const KEYS_OF: &str = "SELECT key FROM outbox WHERE sink = ?1 UNION SELECT key FROM alert_receivers WHERE sink = ?1";
/// What a sink may know of and is never told again: by an older version, or by settings under which it was told once. What waits
/// for it gets its time when it is delivered.
const WITHOUT_TIME: &str = "SELECT r.sink, r.key FROM alert_receivers r JOIN alerts a ON a.key = r.key
    WHERE r.again_at IS NULL AND a.resolved_at IS NULL AND a.acknowledged_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.sink = r.sink AND o.key = r.key)";

fn task_from(row: Row<'_>) -> Result<AlertTask, StoreError> {
    let call: Option<String> = row.get(1)?;
    let reference: Option<String> = row.get(5)?;
    Ok(AlertTask {
        line: AlertLine {
            key: rows::parsed("alerts.key", str_at(row, 0)?)?,
            call: call.map(|c| rows::parsed("alerts.call_id", &c)).transpose()?,
            // A reference that cannot be read is its call's trouble; the alert is told without it.
            reference: reference.and_then(|r| r.parse().ok()),
            message: row.get(2)?,
            raised_at: Timestamp::from_millis(row.get(3)?),
            acknowledged: acknowledged(row.get(10)?, row.get(11)?),
        },
        resolved_at: row.get::<Option<i64>>(4)?.map(Timestamp::from_millis),
        version: row.get(6)?,
        since: Timestamp::from_millis(row.get(7)?),
        attempts: row.get(8)?,
        may_be_known: row.get(9)?,
        accepted_at: row.get::<Option<i64>>(12)?.map(Timestamp::from_millis),
        issue: row.get(13)?,
    })
}

fn due(context: ReadContext<'_>, sink: &str, now: Timestamp, limit: usize) -> Result<Vec<AlertTask>, StoreError> {
    readable(context, "alerts", DUE, params![sink_row(sink), now.as_millis(), at_most(limit)], task_from)
}

fn waiting(context: ReadContext<'_>, sink: &str) -> Result<Vec<WaitingAlert>, StoreError> {
    readable(context, "outbox", WAITING, [sink_row(sink)], |row| {
        Ok(WaitingAlert { key: rows::parsed("outbox.key", str_at(row, 0)?)?, tries: row.get(1)? })
    })
}

fn state(conn: Connection<'_>, sink: &str, since: Timestamp) -> Result<SinkState, StoreError> {
    let sink = sink_row(sink);
    let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
    let found = one(conn, STATE, [&sink], |row| {
        Ok(SinkState {
            failing_since: at(row.get(0)?),
            failures: row.get(1)?,
            not_before: at(row.get(2)?),
            sent: Vec::new(),
        })
    })?;
    let sent = all(conn, MESSAGES, params![sink, since.as_millis()], |row| {
        Ok(SentMessage {
            at: Timestamp::from_millis(row.get(0)?),
            kind: rows::word("alert_messages.kind", AlertKind::by_word(str_at(row, 1)?))?,
            alerts: usize::try_from(row.get::<i64>(2)?).map_err(|_| rows::corrupt("alert_messages.alerts"))?,
        })
    })?;
    Ok(SinkState { sent, ..found.unwrap_or_default() })
}

fn delivered(conn: Connection<'_>, sink: &str, tasks: &[AlertTask], how: &Delivered) -> Result<(), StoreError> {
    let (sink, at) = (sink_row(sink), how.at);
    for task in tasks {
        let key = task.line.key.to_string();
        conn.prepare_cached(DELIVERED)?.execute(params![sink, key, task.version])?;
        if task.resolved_at.is_some() {
            conn.prepare_cached(KNOWS_NO_MORE)?.execute([&sink, &key])?;
        } else {
            conn.prepare_cached(KNOWS)?.execute(params![sink, key, rows::millis(how.again_at)])?;
        }
    }
    if let Some(receipt) = &how.receipt {
        alert_receipts::keep(conn, &sink, tasks, receipt, at)?;
    }
    if let Some(first) = tasks.first() {
        let n = i64::try_from(tasks.len()).unwrap_or(i64::MAX);
        conn.prepare_cached(SENT)?.execute(params![sink, at.as_millis(), first.line.key.kind().word(), n])?;
    }
    conn.prepare_cached(FORGET_SENT)?.execute(params![sink, at.as_millis().saturating_sub(MESSAGES_KEPT_MS)])?;
    conn.prepare_cached(WELL)?.execute([&sink])?;
    conn.prepare_cached(COUNT_DELIVERED)?.execute(params![sink, at.as_millis(), how.said])?;
    Ok(())
}

/// Puts what is to be told again into the outbox; when the next of it is.
fn repeat(
    conn: Connection<'_>,
    sink: &str,
    stand_ins: &[String],
    now: Timestamp,
    every: Duration,
) -> Result<(), StoreError> {
    let sink = sink_row(sink);
    for key in all(conn, AGAIN, params![sink, now.as_millis()], |row| row.get::<String>(0))? {
        conn.prepare_cached(sql::OUTBOX)?.execute(params![sink, key, now.as_millis()])?;
        for stand_in in stand_ins.iter().map(|name| sink_row(name)) {
            // One that was told has its own times, or is told once.
            if !knows(conn, &stand_in, &key)? {
                conn.prepare_cached(sql::OUTBOX)?.execute(params![stand_in, key, now.as_millis()])?;
            }
        }
        conn.prepare_cached(PUT_OFF)?.execute(params![sink, key, now.plus(every).as_millis()])?;
    }
    Ok(())
}

/// See [`AlertChange::Untold`](crate::domain::alert::AlertChange::Untold).
pub(in crate::store) fn untold(
    conn: Connection<'_>,
    sink: &str,
    sinks: &[SinkTarget],
    (key, since, version): &(AlertKey, Timestamp, i64),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (row, text) = (sink_row(sink), key.to_string());
    if one(conn, NEEDS_TELLING, params![text, since.as_millis()], |_| Ok(()))?.is_none() {
        return Ok(());
    }
    let values = params![row, text, version, since.as_millis(), now.as_millis()];
    conn.prepare_cached(WAITS_AGAIN)?.execute(values)?;
    for other in sinks.iter().filter(|t| t.name != sink && key.kind().severity() >= t.min) {
        let other = sink_row(&other.name);
        if !knows(conn, &other, &text)? {
            conn.prepare_cached(sql::OUTBOX)?.execute(params![other, text, now.as_millis()])?;
        }
    }
    Ok(())
}

fn line(conn: Connection<'_>, target: SinkTarget) -> Result<SinkLine, StoreError> {
    let sink = sink_row(&target.name);
    let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
    let failing_since = one(conn, STATE, [&sink], |row| row.get::<i64>(0))?;
    let counted = one(conn, DELIVERIES, [&sink], |row| {
        let counts: (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((counts, at(row.get(2)?), at(row.get(3)?), row.get::<Option<String>>(4)?))
    })?;
    let ((delivered, failed), delivered_at, failed_at, said) = counted.unwrap_or_default();
    let waiting: i64 = conn
        .prepare_cached("SELECT count(*) FROM outbox WHERE sink = ?1 AND parked_at IS NULL")?
        .query_row([&sink], |row| row.get(0))?;
    let count = |n: i64| u64::try_from(n).map_err(|_| rows::corrupt("a count"));
    Ok(SinkLine {
        name: target.name,
        min: target.min,
        delivered: count(delivered)?,
        failed: count(failed)?,
        delivered_at,
        failed_at,
        said,
        failing_since: at(failing_since),
        waiting: count(waiting)?,
    })
}

fn not_delivered(conn: Connection<'_>, sink: &str, tasks: &[AlertTask], how: &NotDelivered) -> Result<(), StoreError> {
    let sink = sink_row(sink);
    for task in tasks {
        let key = task.line.key.to_string();
        let values = params![sink, key, task.version, how.again_at.as_millis()];
        conn.prepare_cached(NOT_DELIVERED)?.execute(values)?;
        if how.surely {
            conn.prepare_cached(SURELY_DOES_NOT_KNOW)?.execute([&sink, &key])?;
        } else if let Some(at) = how.repeat_at {
            conn.prepare_cached(MAY_KNOW_UNTIL)?.execute(params![sink, key, at.as_millis()])?;
        }
    }
    let values = params![sink, how.since.as_millis(), how.not_before.as_millis()];
    conn.prepare_cached(FAILING)?.execute(values)?;
    conn.prepare_cached(COUNT_FAILED)?.execute(params![sink, how.at.as_millis(), how.why])?;
    Ok(())
}

fn knows(conn: Connection<'_>, sink: &str, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM alert_receivers WHERE sink = ?1 AND key = ?2)";
    conn.prepare_cached(sql)?.query_row([sink, key], |row| row.get(0))
}

/// What waits for sinks that are no more goes to those that are.
fn share(conn: Connection<'_>, targets: &[SinkTarget], now: Timestamp) -> Result<(), StoreError> {
    if targets.is_empty() {
        return Ok(());
    }
    let current: BTreeSet<String> = targets.iter().map(|t| sink_row(&t.name)).collect();
    let sinks: Vec<String> = all(conn, SINKS, [], |row| row.get(0))?;
    for gone in sinks.into_iter().filter(|s| !current.contains(s)) {
        for key in all(conn, KEYS_OF, [&gone], |row| row.get::<String>(0))? {
            // What nobody can read is nobody's alert: it stays where it is, and is named as unreadable.
            let Ok(key) = key.parse::<AlertKey>() else { continue };
            hand_over(conn, &gone, &key, targets, now)?;
            conn.prepare_cached(TAKE_OUT)?.execute([&gone, &key.to_string()])?;
        }
        for table in ["alert_receipts", "alert_receivers", "alert_sinks", "alert_messages", "alert_deliveries"] {
            conn.prepare_cached(&format!("DELETE FROM {table} WHERE sink = ?1"))?.execute([&gone])?;
        }
    }
    for (sink, key) in all(conn, WITHOUT_TIME, [], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))? {
        if key.parse().is_ok_and(|key: AlertKey| key.kind().severity() == Severity::Page) {
            conn.prepare_cached(PUT_OFF)?.execute(params![sink, key, now.as_millis()])?;
        }
    }
    Ok(())
}

/// One alert that waits for `gone` or that it knows of; where `gone` stands for all sinks of an older version, all know of it.
fn hand_over(
    conn: Connection<'_>,
    gone: &str,
    key: &AlertKey,
    targets: &[SinkTarget],
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = key.to_string();
    let state = "SELECT resolved_at IS NULL, acknowledged_at IS NULL FROM alerts WHERE key = ?1";
    let state: Option<(bool, bool)> =
        conn.prepare_cached(state)?.query_maybe([&text], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let waits = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND key = ?2)";
    let waits: bool = conn.prepare_cached(waits)?.query_row([gone, &text], |row| row.get(0))?;
    let known_before = knows(conn, gone, &text)?;
    let known_to_all = gone == ALL_SINKS && known_before;
    let repeats = known_before && key.kind().severity() == Severity::Page;
    for target in targets.iter().filter(|t| key.kind().severity() >= t.min) {
        let sink = sink_row(&target.name);
        if known_to_all {
            conn.prepare_cached(KNOWS)?.execute(params![sink, text, None::<i64>])?;
        }
        let knows = knows(conn, &sink, &text)?;
        let update = match state {
            Some((true, nobody_saw_it)) => !knows && (waits || (repeats && nobody_saw_it)),
            Some((false, _)) => knows && waits,
            None => false,
        };
        if update {
            conn.prepare_cached(sql::OUTBOX)?.execute(params![sink, text, now.as_millis()])?;
        }
    }
    Ok(())
}

#[async_trait]
impl<D: Database> AlertOutbox for D {
    async fn alerts_due(&self, sink: &str, now: Timestamp, limit: usize) -> Result<Vec<AlertTask>, StoreError> {
        let sink = sink.to_owned();
        self.list(move |context| due(context, &sink, now, limit)).await
    }

    async fn next_alert(&self, sink: &str, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let sink = sink_row(sink);
        self.read(move |conn| moment(conn, NEXT, params![sink, after.as_millis()])).await
    }

    async fn alerts_waiting(&self, sink: &str) -> Result<Vec<WaitingAlert>, StoreError> {
        let sink = sink.to_owned();
        self.list(move |context| waiting(context, &sink)).await
    }

    async fn sink_state(&self, sink: &str, since: Timestamp) -> Result<SinkState, StoreError> {
        let sink = sink.to_owned();
        self.read(move |conn| state(conn, &sink, since)).await
    }

    async fn alerts_asked(&self, sink: &str, keys: Vec<AlertKey>) -> Result<(), StoreError> {
        let sink = sink_row(sink);
        self.with_tx(move |conn| {
            for key in &keys {
                conn.prepare_cached(ASKED)?.execute([&sink, &key.to_string()])?;
            }
            Ok(())
        })
        .await
    }

    async fn alerts_delivered(&self, sink: &str, tasks: Vec<AlertTask>, how: Delivered) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.with_tx(move |conn| delivered(conn, &sink, &tasks, &how)).await
    }

    async fn repeat_alerts(
        &self,
        sink: &str,
        stand_ins: &[String],
        now: Timestamp,
        every: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = sink_row(sink);
        let next = self.read(move |conn| moment(conn, NEXT_AGAIN, [&row])).await?;
        if next.is_none_or(|at| at > now) {
            return Ok(next);
        }
        let (name, stand_ins) = (sink.to_owned(), stand_ins.to_vec());
        self.with_tx(move |conn| repeat(conn, &name, &stand_ins, now, every)).await?;
        Ok(Some(now.plus(every)))
    }

    async fn sink_lines(&self) -> Result<Vec<SinkLine>, StoreError> {
        let sinks = self.shared().sinks.clone();
        self.read(move |conn| {
            let targets = in_force(conn, &sinks, settings::basis(conn)?)?.alerts;
            targets.iter().cloned().map(|target| line(conn, target)).collect()
        })
        .await
    }

    async fn alerts_not_delivered(
        &self,
        sink: &str,
        tasks: Vec<AlertTask>,
        how: NotDelivered,
    ) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.with_tx(move |conn| not_delivered(conn, &sink, &tasks, &how)).await
    }

    async fn alerts_dropped(&self, sink: &str, tasks: Vec<AlertTask>) -> Result<(), StoreError> {
        let sink = sink_row(sink);
        self.with_tx(move |conn| {
            for task in &tasks {
                conn.prepare_cached(DELIVERED)?.execute(params![sink, task.line.key.to_string(), task.version])?;
            }
            Ok(())
        })
        .await
    }

    async fn share_alerts(&self, now: Timestamp) -> Result<(), StoreError> {
        let sinks = self.shared().sinks.clone();
        self.with_tx(move |conn| share(conn, &in_force(conn, &sinks, settings::basis(conn)?)?.alerts, now)).await
    }
}
