//! What other systems are still to be told: see [`Outbox`].

use async_trait::async_trait;

use super::database::Database;
use super::{event_cursors, orphans};
use crate::domain::Timestamp;
use crate::store::{Outbox, OutboxLine, StoreError};

#[async_trait]
impl<D: Database> Outbox for D {
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError> {
        self.read(move |conn| orphans::stuck_outbox(conn, before)).await
    }

    async fn event_cursor(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let name = name.to_owned();
        self.read(move |conn| event_cursors::place(conn, &name)).await
    }

    async fn begin_event_cursors(&self, names: &[String]) -> Result<(), StoreError> {
        let names = names.to_vec();
        self.with_tx(move |conn| event_cursors::begin(conn, &names)).await
    }

    async fn move_event_cursor(&self, name: &str, seq: i64) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.with_tx(move |conn| event_cursors::move_to(conn, &name, seq)).await
    }

    async fn retry_outbox_now(&self, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| orphans::retry_outbox_now(conn, now)).await
    }
}
