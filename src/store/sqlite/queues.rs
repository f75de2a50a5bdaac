//! Work that waits, in SQLite: see [`Queues`].

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};

use super::handle::SqliteStore;
use super::{figures, lanes, leftovers, reads, replies, sql};
use crate::domain::Timestamp;
use crate::domain::event::{InboundText, News};
use crate::domain::types::{AttemptId, CallId, MessageSid};
use crate::store::{
    LaneKey, LanePlace, Listened, ListenedPlace, Pollable, Queues, Searchable, Sendable, StoreError, rows,
};

#[async_trait]
impl Queues for SqliteStore {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::due(look, now, limit)).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_wake(conn, after)).await
    }

    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError> {
        self.list(move |look| reads::next_wakes(look, limit)).await
    }

    async fn lanes(&self, after: Option<&LaneKey>, limit: usize) -> Result<Vec<LaneKey>, StoreError> {
        let after = after.cloned();
        self.list(move |look| lanes::lanes(look, after.as_ref(), limit)).await
    }

    async fn sendable(
        &self,
        now: Timestamp,
        places: &[LanePlace],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError> {
        let places = places.to_vec();
        self.list(move |look| lanes::sendable(look, now, &places, limit)).await
    }

    async fn next_sendable(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| lanes::next_sendable(conn, after)).await
    }

    async fn claims_of_others(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |look| reads::claims_of_others(look, &engine, limit)).await
    }

    async fn claims_of(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError> {
        let engine = engine.to_owned();
        self.list(move |look| reads::claims_of(look, &engine, limit)).await
    }

    async fn pollable(&self, now: Timestamp, limit: usize) -> Result<Vec<Pollable>, StoreError> {
        self.list(move |look| reads::pollable(look, now, limit)).await
    }

    async fn next_poll(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_poll(conn, after)).await
    }

    async fn open_outcomes(&self, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::open_outcomes(look, limit)).await
    }

    async fn searchable(&self, now: Timestamp, limit: usize) -> Result<Vec<Searchable>, StoreError> {
        self.list(move |look| reads::searchable(look, now, limit)).await
    }

    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |conn| reads::next_search(conn, after)).await
    }

    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| figures::stranded(look, quiet_since, limit)).await
    }

    async fn untold(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError> {
        self.list(move |look| reads::untold(look, before, limit)).await
    }

    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, News)>, StoreError> {
        self.read(move |conn| leftovers::kept_receipts(conn, limit)).await
    }

    async fn listened(
        &self,
        since: Timestamp,
        after: Option<&ListenedPlace>,
        limit: usize,
    ) -> Result<Vec<Listened>, StoreError> {
        let after = after.cloned();
        self.list(move |look| replies::listened(look, since, after, limit)).await
    }

    async fn heard(&self, messages: &[MessageSid]) -> Result<Vec<MessageSid>, StoreError> {
        let messages = messages.to_vec();
        self.read(move |conn| replies::heard(conn, &messages)).await
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
        self.list(move |look| replies::waiting(look, limit)).await
    }

    async fn replies_read(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|conn| {
            let until: Option<i64> = conn.prepare_cached(replies::READ)?.query_row([], |r| r.get(0)).optional()?;
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
