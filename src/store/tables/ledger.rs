//! The ledger: see [`Ledger`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::database::Database;
use super::{alert_receipts, alert_texts, load, phone_calls, prefetch, reads, roll_calls, save, sql};
use crate::domain::call::CallState;
use crate::domain::event::Load;
use crate::domain::log::LogEntry;
use crate::domain::types::{AttemptId, CallId, CallRef, MessageSid};
use crate::domain::{PhoneNumber, Timestamp};
use crate::store::{CallStory, Committed, Decide, Ledger, StoreError, rows};

#[async_trait]
impl<D: Database> Ledger for D {
    async fn transact(&self, load: Load, phones: Vec<PhoneNumber>, decide: Decide) -> Result<Committed, StoreError> {
        self.shared().gate.admit(&load)?;
        let (sinks, run) = (self.shared().sinks.clone(), Arc::clone(&self.shared().run));
        let load = Arc::new(load);
        let done = self
            .with_tx_of(Some(Arc::clone(&load)), move |conn| {
                let loaded = load::load(conn, &load, &phones)?;
                let change = decide(&loaded).map_err(|what| StoreError::Refused { what })?;
                let saved = save::save(conn, &sinks, &loaded, change)?;
                // Decisions run one after the other, by the one writer.
                Ok((saved, run.fetch_add(1, Ordering::Relaxed) + 1))
            })
            .await;
        if let Err(e) = &done {
            self.shared().damage.note_error(e);
            self.met(e);
        }
        done.map(|(saved, number)| Committed { change: saved.after_the_commit(), number })
    }

    async fn append_log(&self, entries: Vec<LogEntry>) -> Result<(), StoreError> {
        self.with_tx(move |conn| save::append_log(conn, &entries)).await
    }

    async fn story(&self, call: &CallId) -> Result<Option<CallStory>, StoreError> {
        let call = call.clone();
        self.list(move |context| reads::story(context, &call)).await.inspect_err(|e| self.shared().damage.note_error(e))
    }

    async fn call(&self, call: &CallId) -> Result<Option<CallState>, StoreError> {
        let id = call.clone();
        let found = self.read(move |conn| {
            prefetch::of_call(conn, id.as_str())?;
            load::call_state(conn, id.as_str())
        });
        let found = found.await;
        if let Ok(Some(_)) = &found {
            self.shared().damage.forget(call.as_str());
        }
        found.inspect_err(|e| self.shared().damage.note_error(e))
    }

    async fn call_by_key(&self, key: &str) -> Result<Option<CallId>, StoreError> {
        let key = key.to_owned();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_KEY, &key)).await
    }

    async fn call_by_sid(&self, sid: &MessageSid) -> Result<Option<CallId>, StoreError> {
        let sid = sid.clone();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_SID, sid.as_str())).await
    }

    async fn call_by_attempt(&self, attempt: AttemptId) -> Result<Option<CallId>, StoreError> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(sql::CALL_OF_ATTEMPT)?;
            let found: Option<String> = statement.query_maybe([rows::id_bytes(attempt)], |r| r.get(0))?;
            found.map(|id| rows::parsed("attempts.call_id", &id)).transpose()
        })
        .await
    }

    async fn call_by_reference(&self, reference: &CallRef) -> Result<Option<CallId>, StoreError> {
        let reference = reference.clone();
        self.read(move |conn| reads::call_id(conn, sql::CALL_OF_REFERENCE, reference.as_str())).await
    }

    async fn call_of_other_id(&self, id: &CallId) -> Result<Option<CallId>, StoreError> {
        let id = id.clone();
        self.read(move |conn| {
            let of = phone_calls::call_of(conn, &id)?;
            of.map(|of: String| rows::parsed("phone_calls.call_id", &of)).transpose()
        })
        .await
    }

    async fn clock_stepped(&self, by_ms: i64, fresh_since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let shifted = [
            sql::SHIFT_WAKES,
            sql::SHIFT_ASKS,
            sql::SHIFT_PAUSES,
            sql::SHIFT_POLLS,
            sql::SHIFT_PROBES,
            sql::SHIFT_OUTBOX,
            sql::SHIFT_ALERT_MESSAGES,
            sql::SHIFT_ALERT_SINKS,
            sql::SHIFT_ALERT_REPEATS,
            alert_receipts::SHIFT,
            sql::SHIFT_READ_BACKS,
            roll_calls::SHIFT_WAKES,
            roll_calls::SHIFT_PAUSES,
            alert_texts::SHIFT_PAUSES,
        ];
        self.with_tx(move |conn| {
            for statement in [sql::STEP_CLAIMED, sql::STEP_UNDECIDED] {
                conn.prepare_cached(statement)?.execute([by_ms, fresh_since.as_millis(), now.as_millis()])?;
            }
            for statement in shifted.iter().filter(|_| by_ms < 0) {
                conn.prepare_cached(statement)?.execute([by_ms.saturating_neg()])?;
            }
            Ok(())
        })
        .await
    }
}
