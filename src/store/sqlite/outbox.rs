//! What other systems are still to be told, in SQLite: see [`Outbox`].

use async_trait::async_trait;

use super::handle::SqliteStore;
use super::orphans;
use crate::domain::Timestamp;
use crate::store::{Outbox, OutboxLine, StoreError};

#[async_trait]
impl Outbox for SqliteStore {
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
        self.read(move |conn| orphans::stuck_outbox(conn, before)).await
    }

    async fn retry_outbox_now(&self, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| orphans::retry_outbox_now(conn, now)).await
    }
}
