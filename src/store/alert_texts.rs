//! Texts that tell owners of alerts.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::alert_text::AlertText;

/// Reads texts of alerts; they are written by [`super::Ledger::transact`] alone.
///
/// After a crash each is as it was committed: a message that was handed over is not handed over anew, and a text that may have left
/// says so.
#[async_trait]
pub trait AlertTexts: Send + Sync {
    /// Those that wait or are sent, and those whose outcome or final status is to be found out; oldest first.
    async fn open_alert_texts(&self) -> Result<Vec<AlertText>, StoreError>;
    /// Those of this message of a sink, in the order in which they were made.
    async fn alert_texts_of(&self, message: &str) -> Result<Vec<AlertText>, StoreError>;
    /// Those of this sink that were made since then, oldest first.
    async fn alert_texts_of_sink(&self, sink: &str, since: Timestamp) -> Result<Vec<AlertText>, StoreError>;
    /// The newest that were made since then, newest first.
    async fn alert_texts(&self, since: Timestamp, limit: usize) -> Result<Vec<AlertText>, StoreError>;
}
