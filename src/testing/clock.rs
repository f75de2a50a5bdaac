//! A clock that stands still until a test moves it.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::Timestamp;

/// Wall and boot time, set apart where a test steps only one of them.
pub(crate) struct ManualClock {
    time: watch::Sender<(Timestamp, Duration)>,
}

impl ManualClock {
    /// Stands at `at`, an hour after the boot.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { time: watch::Sender::new((at, Duration::from_secs(3600))) }
    }

    /// Time passes: both clocks go on.
    pub(crate) fn pass(&self, d: Duration) {
        self.time.send_modify(|(wall, boot)| (*wall, *boot) = (wall.plus(d), *boot + d));
    }

    /// Somebody sets the wall clock; no time passes.
    pub(crate) fn set_wall(&self, at: Timestamp) {
        self.time.send_modify(|(wall, _)| *wall = at);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.time.borrow().0
    }

    fn boot(&self) -> Duration {
        self.time.borrow().1
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut seen = self.time.subscribe();
        let up = self.boot() + at.since(self.now());
        // The sender lives as long as this clock does.
        let _ = seen.wait_for(|(wall, boot)| *wall >= at || *boot >= up).await;
    }
}

#[tokio::test]
async fn a_sleeper_wakes_when_its_time_is_reached_and_not_before() {
    let start = Timestamp::from_millis(1_000);
    let clock = std::sync::Arc::new(ManualClock::new(start));
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move {
            clock.sleep_until(start.plus(Duration::from_secs(10))).await;
            clock.now()
        }
    });
    for _ in 0..9 {
        clock.pass(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
    }
    let boot = clock.boot();
    clock.set_wall(start.plus(Duration::from_secs(60)));
    assert_eq!(sleeper.await.expect("woken"), start.plus(Duration::from_secs(60)));
    assert_eq!(clock.boot(), boot, "a step of the wall clock is not time that passed");
}

#[tokio::test]
async fn who_sleeps_while_the_clock_is_set_back_does_not_sleep_the_step_as_well() {
    let start = Timestamp::from_millis(10_000_000);
    let clock = std::sync::Arc::new(ManualClock::new(start));
    let sleeping = clock.sleep_until(start.plus(Duration::from_secs(10)));
    tokio::pin!(sleeping);
    assert!(futures_util::poll!(sleeping.as_mut()).is_pending());
    clock.set_wall(Timestamp::from_millis(0));
    assert!(futures_util::poll!(sleeping.as_mut()).is_pending());
    clock.pass(Duration::from_secs(10));
    sleeping.await;
}
