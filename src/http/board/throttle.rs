//! Wrong sign-ins cost time: by address, and over all of them. Whoever is signed in, or brings a right token, is not asked.
//!
//! Bounded, and in memory alone: a restart forgives.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many wrong ones are nobody's fault.
const FREE: u32 = 5;
/// A wrong one counts for this long.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The first pause; each further wrong one doubles it.
const PAUSE_LEAST: Duration = Duration::from_secs(30);
const PAUSE_MOST: Duration = Duration::from_secs(15 * 60);
/// So many wrong ones a minute from everywhere; more are not looked at.
const ALL_MAX: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 1_024;
/// One alarm in this time.
const ALARM_EVERY: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, Copy)]
struct Tries {
    last: Duration,
    wrong: u32,
    /// Nothing is looked at before.
    until: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    by: HashMap<IpAddr, Tries>,
    all: VecDeque<Duration>,
    alarmed: Option<Duration>,
}

/// What is known of wrong sign-ins; times are of the boot clock.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Inner>);

impl Throttle {
    /// Whether a sign-in from there is looked at now.
    ///
    /// # Errors
    /// After how long it is.
    pub(super) fn admit(&self, from: IpAddr, now: Duration) -> Result<(), Duration> {
        let mut inner = self.locked();
        inner.forget(now);
        let own = inner.by.get(&network(from)).map_or(Duration::ZERO, |t| t.until.saturating_sub(now));
        let all = match inner.all.front() {
            Some(first) if inner.all.len() >= ALL_MAX => (*first + MINUTE).saturating_sub(now),
            _ => Duration::ZERO,
        };
        let wait = own.max(all);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// It was wrong. Whether a person is to be told of it.
    pub(super) fn wrong(&self, from: IpAddr, now: Duration) -> bool {
        let mut inner = self.locked();
        inner.forget(now);
        inner.all.push_back(now);
        if inner.all.len() > ALL_MAX {
            inner.all.pop_front();
        }
        let key = network(from);
        if inner.by.len() >= ADDRESSES_MAX && !inner.by.contains_key(&key) {
            let oldest = inner.by.iter().min_by_key(|(_, t)| t.last).map(|(k, _)| *k);
            oldest.map(|k| inner.by.remove(&k));
        }
        let tries = inner.by.entry(key).or_insert(Tries { last: now, wrong: 0, until: Duration::ZERO });
        tries.last = now;
        tries.wrong = tries.wrong.saturating_add(1);
        let over = tries.wrong.checked_sub(FREE);
        if let Some(over) = over {
            let pause = PAUSE_LEAST.saturating_mul(1_u32.checked_shl(over.min(10)).unwrap_or(u32::MAX));
            tries.until = now + pause.min(PAUSE_MOST);
        }
        let is_much = over.is_some() || inner.all.len() >= ALL_MAX;
        let is_news = inner.alarmed.is_none_or(|at| now.saturating_sub(at) >= ALARM_EVERY);
        if is_much && is_news {
            inner.alarmed = Some(now);
        }
        is_much && is_news
    }

    /// It was right: what was wrong before is forgiven.
    pub(super) fn right(&self, from: IpAddr) {
        self.locked().by.remove(&network(from));
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, now: Duration) {
        while self.all.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.all.pop_front();
        }
        self.by.retain(|_, t| now.saturating_sub(t.last) < WINDOW || t.until > now);
    }
}

/// Whoever has one address of IPv6 has a whole network of them.
fn network(of: IpAddr) -> IpAddr {
    match of.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_fifth_wrong_one_pauses_its_address_alone_and_each_further_one_doubles_it() {
        let throttle = Throttle::default();
        let (from, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        for n in 1..5 {
            assert!(!throttle.wrong(from, s(n)) && throttle.admit(from, s(n)).is_ok(), "{n}");
        }
        assert!(throttle.wrong(from, s(5)), "a person is told, once");
        assert_eq!(throttle.admit(from, s(5)), Err(s(30)));
        assert_eq!(throttle.admit(other, s(5)), Ok(()));
        assert_eq!(throttle.admit(from, s(35)), Ok(()));
        assert!(!throttle.wrong(from, s(35)));
        assert_eq!(throttle.admit(from, s(35)), Err(s(60)));
        for _ in 0..20 {
            throttle.wrong(from, s(100));
        }
        assert_eq!(throttle.admit(from, s(100)), Err(s(900)), "fifteen minutes are the most");
        throttle.right(from);
        assert_eq!(throttle.admit(from, s(100)), Ok(()));
    }

    #[test]
    fn a_thousand_from_everywhere_are_a_minute_of_nothing_and_bounded() {
        let throttle = Throttle::default();
        let mut alarms = 0;
        for n in 0..3_000_u32 {
            alarms += u32::from(throttle.wrong(IpAddr::V4((0x0a00_0000 + n).into()), s(1)));
        }
        assert_eq!(alarms, 1);
        assert_eq!(throttle.admit(ip("192.0.2.9"), s(2)), Err(s(59)));
        assert_eq!(throttle.admit(ip("192.0.2.9"), s(61)), Ok(()));
        assert!(throttle.locked().by.len() <= ADDRESSES_MAX);
        throttle.admit(ip("192.0.2.9"), s(2_000)).expect("long over");
        assert!(throttle.locked().by.is_empty());
    }

    #[test]
    fn one_network_of_the_new_kind_is_one_address() {
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ffff:1")));
        assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
