//! What other systems are still to be told, in SQLite: see [`Outbox`].

use async_trait::async_trait;

use super::handle::SqliteStore;
use super::leftovers;
use crate::domain::Timestamp;
use crate::store::{Outbox, OutboxLine, StoreError};

#[async_trait]
impl Outbox for SqliteStore {
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
        self.read(move |conn| leftovers::stuck_outbox(conn, before)).await
    }

    async fn hurry_outbox(&self, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| leftovers::hurry_outbox(conn, now)).await
    }
}
