//! Whose turn it is: one pace a base, shared by everyone in the process who asks it (`facts/airtable.md` §5).
//!
//! Never more than the base's limit ([`PER_WINDOW`], but for a stand-in on this machine) leave within a second, whatever rate
//! is configured: they keep a distance, and a request takes one of five places until a second after its answer, so that five is also what can *arrive* within one,
//! however unevenly the network carries them (one that is not answered keeps its place for [`HELD_MAX`] at most). After a
//! 429 everyone rests; after several in a row they go on at half the rate, or a quarter, until a quiet minute has passed for each:
//! another process asks the same base, and two that began again together at full rate would keep each other out for ever. Two lanes take turns, neither starves. Nothing survives the process: it begins as if one before it had
//! sent all that the base allows until this moment, so that a restart does not add a burst to what the dead process sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::types::Timestamp;
use crate::gateways::mirror::Lane;

/// The provider's limit per base and second.
pub(super) const PER_WINDOW: u32 = 5;
/// A second, and a bit so that its ends count.
const WINDOW: Duration = Duration::from_millis(1_001);
/// The least distance: so many of them as are allowed are over a second.
const fn distance_min(limit: u32) -> Duration {
    let limit = if limit == 0 { 1 } else { limit };
    Duration::from_millis(1_000 / limit as u64 + 1)
}
/// The rate that is taken for none or a senseless one.
const RATE_MIN: f64 = 0.001;
/// A request that is not answered has surely arrived by then, if it ever does.
pub(super) const HELD_MAX: Duration = Duration::from_secs(2);
/// A rest so soon after the one before is another of a row.
const IN_A_ROW: Duration = Duration::from_secs(120);
/// For so long nobody is told to rest before the rate is doubled again.
const QUIET: Duration = Duration::from_secs(60);
/// The rate is halved so many times at most.
const HALVED_MAX: u32 = 3;
/// Turns of the live lane in a row while the other waits.
const LIVE_IN_A_ROW: u32 = 3;

/// When the next request may leave, by the boot clock: pure.
#[derive(Debug)]
struct Places {
    /// What the base allows within a second.
    limit: usize,
    distance: Duration,
    last: Option<Duration>,
    /// Those that are taken or were until less than a [`WINDOW`] ago: number, start, answer.
    taken: Vec<(u64, Duration, Option<Duration>)>,
    rest_until: Duration,
    /// How many times the rate was halved when the last rest ended.
    halved: u32,
}

impl Places {
    /// `now`: from when on; a process before this one may have sent until then, at its pace.
    fn new(requests_per_second: f64, limit: u32, now: Duration) -> Self {
        let rate = if requests_per_second.is_finite() { requests_per_second.max(RATE_MIN) } else { RATE_MIN };
        let distance = Duration::from_millis(1).max(Duration::from_secs_f64(1.0 / rate)).max(distance_min(limit));
        let sent_before = |n: u32| {
            let at = now.saturating_sub(distance.saturating_mul(n));
            (u64::MAX - u64::from(n), at, Some(at))
        };
        Self {
            limit: usize::try_from(limit.max(1)).unwrap_or(usize::MAX),
            distance,
            last: Some(now),
            taken: (0..limit.max(1)).map(sent_before).collect(),
            rest_until: Duration::ZERO,
            halved: 0,
        }
    }

    /// How many times the rate is halved now.
    fn halved_at(&self, now: Duration) -> u32 {
        let quiet = now.saturating_sub(self.rest_until).as_secs() / QUIET.as_secs();
        self.halved.saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX))
    }

    fn rest(&mut self, now: Duration, pause: Duration) {
        let is_new = now >= self.rest_until;
        if is_new {
            let in_a_row = !self.rest_until.is_zero() && now - self.rest_until < IN_A_ROW;
            self.halved = if in_a_row { (self.halved_at(now) + 1).min(HALVED_MAX) } else { 0 };
        }
        self.rest_until = self.rest_until.max(now + pause);
    }

    /// Not before now; as things stand, as an answer may free a place earlier.
    fn earliest(&self, now: Duration) -> Duration {
        let mut at = now.max(self.rest_until);
        if let Some(last) = self.last {
            at = at.max(last + self.distance * 2_u32.pow(self.halved_at(now.max(self.rest_until))));
        }
        if self.taken.len() >= self.limit {
            let mut free: Vec<Duration> = self.taken.iter().map(|(_, start, end)| free_at(*start, *end)).collect();
            free.sort_unstable();
            at = at.max(free.get(self.taken.len() - self.limit).copied().unwrap_or(now));
        }
        at
    }

    fn take(&mut self, number: u64, now: Duration) {
        self.taken.retain(|(_, start, end)| free_at(*start, *end) > now);
        self.taken.push((number, now, None));
        self.last = Some(now);
    }

    fn answered(&mut self, number: u64, now: Duration) {
        if let Some(place) = self.taken.iter_mut().find(|(n, ..)| *n == number) {
            place.2 = Some(now);
        }
    }
}

fn free_at(start: Duration, end: Option<Duration>) -> Duration {
    end.unwrap_or(Duration::MAX).min(start + HELD_MAX) + WINDOW
}

#[derive(Debug)]
struct PaceState {
    places: Places,
    live: VecDeque<u64>,
    bulk: VecDeque<u64>,
    live_in_a_row: u32,
    numbers: u64,
}

impl PaceState {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<u64> {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Bulk => &mut self.bulk,
        }
    }

    fn next(&self) -> Option<u64> {
        match (self.live.front(), self.bulk.front()) {
            (Some(_), Some(bulk)) if self.live_in_a_row >= LIVE_IN_A_ROW => Some(*bulk),
            (Some(live), _) => Some(*live),
            (None, bulk) => bulk.copied(),
        }
    }

    fn leave(&mut self, number: u64) {
        self.live.retain(|n| *n != number);
        self.bulk.retain(|n| *n != number);
    }
}

enum Turn {
    Now,
    In(Duration),
    NotYet,
}

/// The turns of one base.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    state: Mutex<PaceState>,
    changed: Notify,
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock>, requests_per_second: f64, limit: u32) -> Self {
        let places = Places::new(requests_per_second, limit, clock.boot());
        let state = PaceState { places, live: VecDeque::new(), bulk: VecDeque::new(), live_in_a_row: 0, numbers: 0 };
        Self { clock, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. Cancel-safe: who stops waiting loses the place in the queue alone. Drop the permit once the
    /// answer is there.
    pub(super) async fn turn(&self, lane: Lane) -> Permit<'_> {
        let place = self.enter(lane);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Armed before the look, or a change between the two would be missed.
            changed.as_mut().enable();
            match self.look(place.number, lane) {
                Turn::Now => return Permit { pace: self, number: place.number },
                Turn::NotYet => changed.await,
                Turn::In(wait) => {
                    let until = self.clock.now().plus(wait);
                    // Bounded by real time too: a wall clock that is set back must not hold the base up.
                    tokio::select! {
                        () = changed => {}
                        _ = tokio::time::timeout(wait, self.clock.sleep_until(until)) => {}
                    }
                }
            }
        }
    }

    fn enter(&self, lane: Lane) -> WaitingRequest<'_> {
        let mut state = self.state();
        state.numbers += 1;
        let number = state.numbers;
        state.lane(lane).push_back(number);
        drop(state);
        self.changed.notify_waiters();
        WaitingRequest { pace: self, number }
    }

    fn look(&self, number: u64, lane: Lane) -> Turn {
        let mut state = self.state();
        if state.next() != Some(number) {
            return Turn::NotYet;
        }
        let now = self.clock.boot();
        let at = state.places.earliest(now);
        if at > now {
            // Whole milliseconds, rounded up, are what the clock sleeps.
            return Turn::In(Duration::from_millis(1).max(at - now + Duration::from_micros(999)));
        }
        state.places.take(number, now);
        state.live_in_a_row = match lane {
            Lane::Live if !state.bulk.is_empty() => state.live_in_a_row + 1,
            _ => 0,
        };
        Turn::Now
    }

    /// Everyone rests for this long from now, or for longer where they rest already. Answers until when.
    pub(super) fn rest(&self, pause: Duration) -> Timestamp {
        let boot = self.clock.boot();
        let mut state = self.state();
        state.places.rest(boot, pause);
        let left = state.places.rest_until - boot;
        drop(state);
        self.changed.notify_waiters();
        self.clock.now().plus(left)
    }

    /// Until when everyone rests.
    pub(super) fn resting_until(&self) -> Option<Timestamp> {
        let left = self.state().places.rest_until.checked_sub(self.clock.boot()).filter(|left| !left.is_zero())?;
        Some(self.clock.now().plus(left))
    }
}

/// A place in the queue, given up when dropped.
struct WaitingRequest<'a> {
    pace: &'a Pace,
    number: u64,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.pace.state().leave(self.number);
        self.pace.changed.notify_waiters();
    }
}

/// A request may leave; dropped when its answer came, or when it is given up.
pub(super) struct Permit<'a> {
    pace: &'a Pace,
    number: u64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let now = self.pace.clock.boot();
        self.pace.state().places.answered(self.number, now);
        self.pace.changed.notify_waiters();
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
