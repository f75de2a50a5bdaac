//! Reads a provider's clock off its answers.
//!
//! Each answer's `Date` is kept against the boot clock, which nobody can step: a step of our wall clock shows at once, without
//! a new answer. It keeps its state in memory alone and may be lost; the engine writes what it says to the store.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap};

use crate::clock::{Clock as _, SystemClock};
use crate::domain::provider_clock::{Interval, VOTERS, agreed};
use crate::domain::{ProviderClock, Timestamp};

/// An answer of longer ago says nothing any more: clocks drift.
const AGE_MAX: Duration = Duration::from_secs(3_600);

/// What the answers of one provider have told of its clock.
#[derive(Debug, Default)]
pub struct ClockWatcher {
    clock: SystemClock,
    seen: Mutex<ClockReading>,
}

#[derive(Debug, Default)]
struct ClockReading {
    /// The boot clock at each answer, and what that answer allows.
    answers: VecDeque<(Duration, Interval)>,
    newest_message: Option<Timestamp>,
}

impl ClockWatcher {
    fn lock(&self) -> MutexGuard<'_, ClockReading> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, by the clock that [`ClockWatcher::answered`] counts with.
    pub fn asked(&self) -> Duration {
        self.clock.boot()
    }

    /// An answer came to what was asked at `asked`. One without a readable date tells nothing.
    pub fn answered(&self, asked: Duration, headers: &HeaderMap) {
        let Some(date) = headers.get(DATE).and_then(|d| d.to_str().ok()).and_then(http_date) else { return };
        let answered = self.clock.boot();
        let mut seen = self.lock();
        if seen.answers.len() >= VOTERS {
            seen.answers.pop_front();
        }
        seen.answers.push_back((answered, Interval::of_answer(millis(asked), millis(answered), date)));
    }

    /// The provider has made a message at this moment of its clock.
    pub fn made(&self, at: Option<Timestamp>) {
        let mut seen = self.lock();
        seen.newest_message = seen.newest_message.max(at);
    }

    /// What is known by now.
    pub fn read(&self) -> ProviderClock {
        let seen = self.lock();
        let (now, boot) = (self.clock.now(), self.clock.boot());
        let recent = seen.answers.iter().filter(|(at, _)| boot.saturating_sub(*at) < AGE_MAX).map(|(_, i)| *i);
        let offset = agreed(&recent.collect::<Vec<_>>()).map(|i| i.offset(now, millis(boot)));
        ProviderClock { offset, newest_message: seen.newest_message }
    }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// `Sun, 22 Nov 2026 02:04:00 GMT`, which RFC 2822 reads as an obsolete zone.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn dated(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_str(text).expect("a value"));
        headers
    }

    fn date_of(at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).expect("a time");
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    #[test]
    fn the_date_of_an_answer_is_read_and_junk_is_not() {
        let at: Timestamp = "2026-11-22T02:04:00Z".parse().expect("a time");
        assert_eq!(http_date("Sun, 22 Nov 2026 02:04:00 GMT"), Some(at));
        for junk in ["", "yesterday", "1795312800", "Sun, 99 Nov 2026 02:04:00 GMT"] {
            assert_eq!(http_date(junk), None, "{junk}");
        }
        let watcher = ClockWatcher::default();
        watcher.answered(watcher.asked(), &dated("yesterday"));
        watcher.answered(watcher.asked(), &HeaderMap::new());
        assert_eq!(watcher.read(), ProviderClock::default());
    }

    #[test]
    fn an_answer_tells_how_far_the_provider_is_behind() {
        let watcher = ClockWatcher::default();
        for _ in 0..7 {
            let theirs = watcher.clock.now().minus(Duration::from_secs(300));
            watcher.answered(watcher.asked(), &dated(&date_of(theirs)));
        }
        let offset = watcher.read().offset.expect("known");
        assert!((298_500..=301_500).contains(&offset.ms()), "{offset:?}");
        assert_eq!(watcher.lock().answers.len(), VOTERS);
        let at = |s: i64| Some(Timestamp::from_millis(s * 1_000));
        for made in [at(9), None, at(3)] {
            watcher.made(made);
        }
        assert_eq!(watcher.read().newest_message, at(9));
    }
}
