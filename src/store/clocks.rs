//! What the store keeps of clocks: ours where it is stepped, and how far it is ahead of the provider's.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{ClockOffset, Timestamp};

/// How far our clock was ahead of the provider's, as an engine measured it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptProviderClock {
    /// By so much.
    pub offset: ClockOffset,
    /// When, by our clock.
    pub measured_at: Timestamp,
    /// The newest moment of the provider's clock that one of its messages named.
    pub newest_message: Option<Timestamp>,
}

/// Each method is a transaction.
#[async_trait]
pub trait Clocks {
    /// The wall clock was stepped by `by_ms` (back: less than 0), in one transaction. Sends whose outcome is open remember it, see
    /// [`crate::domain::attempt::Attempt::sent_at_now`], but for those that left between `fresh_since` and `now`: they did so after
    /// the step, by the clock as it is now. Back: wake times of DISPATCHING calls, pauses of waiting attempts, polls
    /// and what waits for another system move back with it.
    async fn clock_stepped(&self, by_ms: i64, fresh_since: Timestamp, now: Timestamp) -> Result<(), StoreError>;
    /// How far our clock is ahead of the provider's, as it was kept last.
    async fn provider_clock(&self) -> Result<Option<KeptProviderClock>, StoreError>;
    /// Keeps it.
    async fn keep_provider_clock(&self, clock: &KeptProviderClock) -> Result<(), StoreError>;
}
