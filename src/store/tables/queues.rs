//! Work that waits: see [`Queues`].

use crate::store::sql::params;
use async_trait::async_trait;

use super::database::Database;
use super::{figures, orphans, phone_calls, reads, replies, ringing, send_queues, sql};
use crate::domain::Timestamp;
use crate::domain::event::{InboundText, StatusUpdate};
use crate::domain::types::{AttemptId, CallId, MessageSid};
use crate::store::{
    Listened, ListenedPlace, Pollable, Queues, Searchable, SendQueueKey, SendQueuePosition, Sendable, StoreError,
    WaitingPhoneCall, rows,
};

#[async_trait]
impl<D: Database> Queues for D {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::due(context, now, limit)).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read_one(move |conn| reads::next_wake(conn, after)).await
    }

    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError> {
        self.list(move |context| reads::next_wakes(context, limit)).await
    }

    async fn send_queues(&self, after: Option<&SendQueueKey>, limit: usize) -> Result<Vec<SendQueueKey>, StoreError> {
        let after = after.cloned();
        self.list(move |context| send_queues::send_queues(context, after.as_ref(), limit)).await
    }

    async fn sendable(
        &self,
        now: Timestamp,
        places: &[SendQueuePosition],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError> {
        let places = places.to_vec();
        self.list(move |context| send_queues::sendable(context, now, &places, limit)).await
    }

    async fn next_sendable(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read_one(move |conn| send_queues::next_sendable(conn, after)).await
    }

    async fn claims_of_others(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |context| reads::claims_of_others(context, &engine, limit)).await
    }

    async fn claims_of(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |context| reads::claims_of(context, &engine, limit)).await
    }

    async fn pollable(&self, now: Timestamp, limit: usize) -> Result<Vec<Pollable>, StoreError> {
        self.list(move |context| reads::pollable(context, now, limit)).await
    }

    async fn next_poll(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read_one(move |conn| reads::next_poll(conn, after)).await
    }

    async fn open_outcomes(&self, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::open_outcomes(context, limit)).await
    }

    async fn searchable(&self, now: Timestamp, limit: usize) -> Result<Vec<Searchable>, StoreError> {
        self.list(move |context| reads::searchable(context, now, limit)).await
    }

    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read_one(move |conn| reads::next_search(conn, after)).await
    }

    async fn phone_calls_to_end(
        &self,
        stale_before: Timestamp,
        wanted_since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AttemptId>, StoreError> {
        self.list(move |context| ringing::to_end(context, (stale_before, wanted_since), limit)).await
    }

    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| figures::stranded(context, quiet_since, limit)).await
    }

    async fn unnotified(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::unnotified(context, before, limit)).await
    }

    async fn unanswered(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::unanswered(context, before, limit)).await
    }

    async fn not_seen(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::not_seen(context, now, limit)).await
    }

    async fn to_ask(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |context| reads::to_ask(context, now, limit)).await
    }

    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, StatusUpdate)>, StoreError> {
        self.read(move |conn| orphans::kept_receipts(conn, limit)).await
    }

    async fn listened(
        &self,
        since: Timestamp,
        after: Option<&ListenedPlace>,
        limit: usize,
    ) -> Result<Vec<Listened>, StoreError> {
        let after = after.cloned();
        self.list(move |context| replies::listened(context, since, after, limit)).await
    }

    async fn known_messages(&self, messages: &[MessageSid]) -> Result<Vec<MessageSid>, StoreError> {
        let messages = messages.to_vec();
        self.read(move |conn| replies::known_messages(conn, &messages)).await
    }

    async fn date_replies(&self, times: &[(MessageSid, Timestamp)]) -> Result<(), StoreError> {
        let times = times.to_vec();
        self.with_tx(move |conn| {
            let mut date = conn.prepare_cached(sql::DATE_REPLY)?;
            for (sid, at) in &times {
                date.execute(params![sid.as_str(), at.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn waiting_replies(&self, limit: usize) -> Result<Vec<InboundText>, StoreError> {
        self.list(move |context| replies::waiting(context, limit)).await
    }

    async fn phone_calls_due(&self, now: Timestamp, limit: usize) -> Result<Vec<WaitingPhoneCall>, StoreError> {
        self.list(move |context| phone_calls::due(context, now, limit)).await
    }

    async fn next_phone_call(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_one(phone_calls::next).await
    }

    async fn replies_read(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|conn| {
            let until: Option<i64> = conn.prepare_cached(replies::READ)?.query_maybe([], |r| r.get(0))?;
            Ok(rows::time(until))
        })
        .await
    }

    async fn keep_replies_read(&self, until: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            conn.prepare_cached(replies::KEEP_READ)?.execute([until.as_millis()])?;
            Ok(())
        })
        .await
    }
}
