//! The only reader of operating-system time.
//!
//! Loops wait with [`Clock::sleep_until`], which never trusts one long sleep: wall time jumps, and a suspended machine's
//! monotonic clock may stand still, so the wall clock is read again at least every 30 s.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Timestamp;

/// Where time comes from; tests bring a clock that they move by hand.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// A clock that no one can step: time since some fixed moment, suspended time included where the system can tell.
    fn boot(&self) -> Duration;
    /// Returns when the wall clock shows `at` or later. Cancel-safe.
    async fn sleep_until(&self, at: Timestamp);
}

/// The machine's own clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// Starts counting `boot` from now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The longest single sleep before the wall clock is read again.
const SLICE: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}
