//! Roll calls: whoever begins a shift, and whether they answered.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::oncall::roll_call::RollCall;

/// Reads roll calls; they are written by [`super::Ledger::transact`] alone, with their log entries and alerts.
///
/// After a crash each is as it was committed: whoever was asked is not asked again, and a text that may have left says so.
#[async_trait]
pub trait RollCalls: Send + Sync {
    /// Those whose shift ends after this moment, those that nobody has confirmed and that are not over, and those with a text whose
    /// outcome is open, in the order in which they were made.
    async fn roll_calls(&self, ending_after: Timestamp) -> Result<Vec<RollCall>, StoreError>;
}
