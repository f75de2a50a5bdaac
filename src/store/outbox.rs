//! What other systems are still to be told.

use async_trait::async_trait;

use super::alert_receipts::AlertReceipts;
use super::alerts::AlertOutbox;
use super::error::StoreError;
use super::mirror::MirrorOutbox;
use crate::domain::Timestamp;

/// What waits for another system for long, by system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxLine {
    /// Which system: `mirror`, or `sink:` and a sink's name.
    pub sink: String,
    pub rows: u64,
    /// Since when the oldest of them waits.
    pub since: Timestamp,
}

/// Owns the rows that wait for the mirror and for the sinks of alerts. A change of the ledger writes them in its own transaction;
/// the engine's loops read them, tell the other system, and say what became of it.
///
/// After a crash a row waits until its system has surely been told, so that it may be told twice, never too little. Each method may
/// be called again.
#[async_trait]
pub trait Outbox: MirrorOutbox + AlertOutbox + AlertReceipts {
    /// Rows that have waited for another system since `before`, by system; what was given up is not among them.
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError>;
    /// The place of the last entry of the log that this receiver of event webhooks needs no more; `None`: there is no such one.
    async fn event_cursor(&self, name: &str) -> Result<Option<i64>, StoreError>;
    /// These are receivers of event webhooks: a new one is told of what comes. One that is not named now keeps its place, as it may
    /// have been left out by mistake, and is told of everything since when it is back.
    async fn begin_event_cursors(&self, names: &[String]) -> Result<(), StoreError>;
    /// This receiver needs nothing up to this entry any more. Never moves backwards.
    async fn move_event_cursor(&self, name: &str, seq: i64) -> Result<(), StoreError>;
    /// Whatever waits for another system is tried again at once.
    async fn retry_outbox_now(&self, now: Timestamp) -> Result<(), StoreError>;
}
