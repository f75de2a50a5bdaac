//! The only reader of operating-system time.
//!
//! Loops wait with [`Clock::sleep_until`], which never trusts one long sleep: wall time jumps, and the timers of a suspended
//! machine stand still, so both clocks are read again at least every 30 s.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Timestamp;
use crate::failpoint::{self, FaultInjectionError, Safeguard};

/// Where time comes from; tests bring a clock that they move by hand.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// A clock that no one can step: time since the machine's boot, suspended time included. All processes of one boot read the
    /// same ([`boot_id`] tells boots apart).
    fn boot(&self) -> Duration;
    /// Returns when the wall clock shows `at` or later, or when as much time has passed by the boot clock as `at` was away,
    /// whichever is first: a sleeper does not sleep the size of a step as well when the clock is set back. Cancel-safe.
    async fn sleep_until(&self, at: Timestamp);
}

/// What a drill adds to the wall clock of this process; 0 outside of one.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Steps the wall clock of this process, and nobody else's: it differs from the machine's by `ms` from now on.
///
/// # Errors
/// Where this process does not work on a test store: nothing is stepped.
pub fn set_offset(ms: i64) -> Result<(), FaultInjectionError> {
    if !failpoint::is_allowed() {
        return Err(FaultInjectionError::Live);
    }
    OFFSET_MS.store(ms, Ordering::Relaxed);
    Ok(())
}

/// The wall clock of a server whose store several machines share.
struct SharedClock {
    /// What it shows, less the boot clock of this machine, in milliseconds; [`ALONE`]: there is none.
    base_ms: AtomicI64,
}

const ALONE: i64 = i64::MIN;
/// How long a server's answer may have taken that says what time it is there.
const SHARED_WITHIN: Duration = Duration::from_millis(200);
/// A smaller difference is the way of the answer, not the clock.
const SHARED_APART_MS: i64 = 100;

static SHARED: SharedClock = SharedClock { base_ms: AtomicI64::new(ALONE) };

impl SharedClock {
    fn follow(&self, shown: Timestamp, (before, after): (Duration, Duration)) {
        let took = after.saturating_sub(before);
        let known = self.base_ms.load(Ordering::Relaxed);
        if took > SHARED_WITHIN && known != ALONE {
            return;
        }
        let found = shown.as_millis().saturating_sub(ms_of(before + took / 2));
        if known == ALONE || found.saturating_sub(known).abs() > SHARED_APART_MS {
            self.base_ms.store(found, Ordering::Relaxed);
        }
    }

    fn shows(&self, boot: Duration) -> Option<i64> {
        let base = self.base_ms.load(Ordering::Relaxed);
        (base != ALONE).then(|| base.saturating_add(ms_of(boot)))
    }
}

/// From now on the wall clock of this process is that of a server whose store several machines share: due times, which one of them wrote
/// and another fires, mean the same on each. `shown`: what the server showed between two moments of the boot clock. An answer that
/// took long says nothing.
pub fn follow_shared(shown: Timestamp, between: (Duration, Duration)) {
    SHARED.follow(shown, between);
}

/// How far this machine's own clock is ahead of the one that is followed, in milliseconds; `None`: none is.
pub fn ahead_of_shared() -> Option<i64> {
    SHARED.shows(SystemClock.boot()).map(|shared| own_ms().saturating_sub(shared))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn own_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    ms_of(since)
}

fn ms_of(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// The boot of the machine that this process runs in: the same for all its processes, another one after a restart of the
/// machine. Empty where the system does not tell.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Both clocks as they were when somebody was last known to see their steps: what is stepped from then on, whoever comes next must see.
#[derive(Debug, Default)]
pub struct ClocksSeen(Mutex<Option<(Timestamp, Duration)>>);

impl ClocksSeen {
    /// Somebody sees them now.
    pub fn seen(&self, clock: &dyn Clock) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((clock.now(), clock.boot()));
    }

    /// Both then; as they are now, where nobody did.
    pub fn last(&self, clock: &dyn Clock) -> (Timestamp, Duration) {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.unwrap_or_else(|| (clock.now(), clock.boot()))
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Both clocks are the machine's: every value reads the same.
    pub fn new() -> Self {
        Self
    }
}

/// How long something takes, by the boot clock.
#[derive(Debug, Clone)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Counts from now.
    pub fn start() -> Self {
        Self(SystemClock.boot())
    }

    /// How long ago it was started.
    pub fn passed(&self) -> Duration {
        SystemClock.boot().saturating_sub(self.0)
    }
}

/// Sees by its own waiting how long this process was not run: a machine that stood still says nothing of who worked on it.
#[cfg(any(test, feature = "drills"))]
#[derive(Debug)]
pub struct StandstillWatch {
    longest_ms: Arc<AtomicU64>,
    ended: Arc<std::sync::atomic::AtomicBool>,
}

#[cfg(any(test, feature = "drills"))]
impl StandstillWatch {
    const LOOK: Duration = Duration::from_millis(20);

    /// Looks from now on, in a thread of its own, until it is dropped.
    pub fn start() -> Self {
        let watch = Self { longest_ms: Arc::default(), ended: Arc::default() };
        let (longest_ms, ended) = (watch.longest_ms.clone(), watch.ended.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let began = SystemClock.boot();
                std::thread::park_timeout(Self::LOOK);
                let late = SystemClock.boot().saturating_sub(began).saturating_sub(Self::LOOK);
                longest_ms.fetch_max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        watch
    }

    /// The longest standstill so far, the one that ends now too: it is waited for who sees it.
    pub fn longest(&self) -> Duration {
        std::thread::park_timeout(2 * Self::LOOK);
        Duration::from_millis(self.longest_ms.load(Ordering::Relaxed))
    }
}

#[cfg(any(test, feature = "drills"))]
impl Drop for StandstillWatch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Until when this process may begin what two processes must not both do. By the boot clock; clones share it. One that has ended
/// never lasts again.
#[derive(Debug, Clone)]
pub struct Permit(Option<Arc<AtomicU64>>);

/// What an ended permit holds.
const ENDED: u64 = 0;

impl Permit {
    /// It lasts as long as this process.
    pub const fn endless() -> Self {
        Self(None)
    }

    /// It lasts until this time of the boot clock.
    pub fn until(boot: Duration) -> Self {
        Self(Some(Arc::new(AtomicU64::new(nanos(boot)))))
    }

    /// It lasts until this time, where it has not ended and does not last longer already.
    pub fn extend(&self, until: Duration) {
        let Some(held) = &self.0 else { return };
        let later = |was: u64| (was != ENDED).then(|| was.max(nanos(until)));
        // It has ended: so it stays.
        let _ = held.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// It lasts no longer.
    pub fn end(&self) {
        if let Some(held) = &self.0 {
            held.store(ENDED, Ordering::Release);
        }
    }

    /// How long it still lasts; `None`: without end.
    pub fn left(&self) -> Option<Duration> {
        let until = Duration::from_nanos(self.0.as_ref()?.load(Ordering::Acquire));
        Some(until.saturating_sub(SystemClock.boot()))
    }

    /// Whether it lasts longer than this.
    pub fn lasts(&self, at_least: Duration) -> bool {
        Safeguard::Permit.is_off() || self.left().is_none_or(|left| left > at_least)
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// CLOCK_MONOTONIC stands still while the machine is suspended (`man 2 clock_gettime`).
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
/// On macOS this one counts suspended time as well.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// The longest single sleep before both clocks are read again.
const SLICE: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let ms = SHARED.shows(self.boot()).unwrap_or_else(own_ms);
        Timestamp::from_millis(ms.saturating_add(OFFSET_MS.load(Ordering::Relaxed)))
    }

    fn boot(&self) -> Duration {
        let t = rustix::time::clock_gettime(BOOT_CLOCK);
        Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_shared_store_is_followed_and_an_answer_that_took_long_changes_nothing() {
        let shared = SharedClock { base_ms: AtomicI64::new(ALONE) };
        let (at, s) = (Timestamp::from_millis, Duration::from_secs);
        assert_eq!(shared.shows(s(100)), None, "each keeps its own");
        shared.follow(at(3_600_000), (s(100), s(100)));
        assert_eq!(shared.shows(s(160)), Some(3_660_000), "it goes on with the clock that nobody steps");
        shared.follow(at(9_000_000), (s(160), s(161)));
        assert_eq!(shared.shows(s(161)), Some(3_661_000), "that may have been true long ago");
        shared.follow(at(3_662_050), (s(162), s(162)));
        assert_eq!(shared.shows(s(162)), Some(3_662_000), "no clock jitters by the way of an answer");
        shared.follow(at(3_600_000), (s(162), s(162) + Duration::from_millis(100)));
        assert_eq!(shared.shows(s(162)), Some(3_599_950), "it was set back, in the middle of the way");
    }

    #[test]
    fn a_permit_ends_by_the_boot_clock_and_never_lasts_again() {
        let now = SystemClock.boot();
        let permit = Permit::until(now + Duration::from_secs(60));
        assert!(permit.lasts(Duration::from_secs(50)) && !permit.lasts(Duration::from_secs(61)));
        permit.extend(now + Duration::from_secs(120));
        permit.extend(now + Duration::from_secs(90));
        assert!(permit.clone().lasts(Duration::from_secs(100)), "it only grows");
        permit.end();
        permit.extend(now + Duration::from_secs(300));
        assert!(!permit.lasts(Duration::ZERO), "what has ended stays so");
        assert!(!Permit::until(now).lasts(Duration::ZERO), "its time is over");
        let endless = Permit::endless();
        endless.end();
        assert!(endless.lasts(Duration::from_secs(1 << 40)) && endless.left().is_none());
    }

    #[test]
    fn the_boot_clock_is_the_machines_and_the_same_for_all() {
        let (one, two) = (SystemClock::new(), SystemClock::new());
        let (first, second) = (one.boot(), two.boot());
        assert!(second >= first && second - first < Duration::from_secs(5), "{first:?} {second:?}");
        // The first number there is the time since boot, suspended time included.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        if let Some(seconds) = uptime.split(' ').next().and_then(|s| s.parse::<f64>().ok()) {
            assert!((two.boot().as_secs_f64() - seconds).abs() < 5.0, "{uptime} {:?}", two.boot());
        }
        assert_eq!(boot_id(), boot_id());
    }
}
