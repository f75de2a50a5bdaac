//! Messages of which a sink says later whether somebody has seen them: each by its receipt, however many are out at a time.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKey;

/// A message that may still ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertReceipt {
    /// The sink's own word for it.
    pub id: String,
    /// When it is read next.
    pub look_at: Timestamp,
    /// It says nothing new after this.
    pub expires_at: Timestamp,
    /// What it tells of and is still to be seen by somebody, as it was raised then; none: it is to ring no more.
    pub unseen: Vec<AlertKey>,
}

/// Owns the receipts. Each is written with the delivery of its message and stays until it is done with; after a crash it is read on.
/// All methods are safe to cancel and to repeat.
#[async_trait]
pub trait AlertReceipts {
    /// The receipts of this sink, the next to be read first.
    async fn alert_receipts(&self, sink: &str) -> Result<Vec<AlertReceipt>, StoreError>;
    /// This receipt is read again then.
    async fn put_off_receipt(&self, sink: &str, id: &str, look_at: Timestamp) -> Result<(), StoreError>;
    /// This receipt is done with.
    async fn drop_receipt(&self, sink: &str, id: &str) -> Result<(), StoreError>;
}
