//! The only reader of operating-system time.
//!
//! Loops wait with [`Clock::sleep_until`], which never trusts one long sleep: wall time jumps, and a suspended machine's
//! monotonic clock may stand still, so the wall clock is read again at least every 30 s.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Timestamp;
use crate::killpoint::{self, DrillError};

/// Where time comes from; tests bring a clock that they move by hand.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// A clock that no one can step: time since some fixed moment, suspended time included where the system can tell.
    fn boot(&self) -> Duration;
    /// Returns when the wall clock shows `at` or later, or when as much time has passed as `at` was away: whoever sleeps while
    /// the clock is set back does not sleep the step as well. Cancel-safe.
    async fn sleep_until(&self, at: Timestamp);
}

/// What a drill adds to the wall clock of this process; 0 outside of one.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Steps the wall clock of this process, and nobody else's: it differs from the machine's by `ms` from now on.
///
/// # Errors
/// Where this process does not work on a test store: nothing is stepped.
pub fn set_offset(ms: i64) -> Result<(), DrillError> {
    if !killpoint::is_allowed() {
        return Err(DrillError::Live);
    }
    OFFSET_MS.store(ms, Ordering::Relaxed);
    Ok(())
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
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(ms.saturating_add(OFFSET_MS.load(Ordering::Relaxed)))
    }

    fn boot(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
    async fn sleep_until(&self, at: Timestamp) {
        let (began, away) = (self.boot(), at.since(self.now()));
        loop {
            let passed = self.boot().saturating_sub(began);
            let left = at.since(self.now()).min(away.saturating_sub(passed));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}
