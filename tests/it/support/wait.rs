//! Waiting for a state, bounded; and the time, as the ledger and the store tell it.

use std::time::Duration;

use dispatchctl::testkit::Timestamp;
use dispatchctl::testkit::{Clock as _, Stopwatch, SystemClock};
use serde_json::Value;

/// The longest that a single state is waited for: it is there soon, but for a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What `look` finds, once it finds something.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// As [`until`], with a bound of its own.
pub(crate) fn until_within<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(watch.passed() < bound, "{what} did not come within {} s", bound.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    SystemClock::new().now()
}

/// Waits until the wall clock shows this time.
pub(crate) fn until_time(at: Timestamp) {
    let bound = PATIENCE + at.since(now());
    until_within(bound, &format!("the time {at}"), || (now() >= at).then_some(()));
}

/// A time in a document.
pub(crate) fn time(v: &Value) -> Timestamp {
    v.as_str().and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("no time: {v}"))
}

/// How much later `b` is than `a`, in milliseconds; negative where it is earlier.
pub(crate) fn later_ms(b: Timestamp, a: Timestamp) -> i64 {
    b.as_millis() - a.as_millis()
}
