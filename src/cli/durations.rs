//! Lengths of time as people read them.

use std::time::Duration;

use crate::domain::Timestamp;

/// How much later: `+2m00s`. Under a minute with tenths, over a day without seconds.
pub(super) fn offset(d: Duration) -> String {
    format!("+{}", span(d))
}

/// A duration for people: `0.4s`, `59.9s`, `2m00s`, `1h02m03s`, `3d04h05m`.
pub(super) fn span(d: Duration) -> String {
    let (ms, s) = (d.subsec_millis(), d.as_secs());
    let (m, h, days) = (s / 60 % 60, s / 3600 % 24, s / 86_400);
    match s {
        0..60 => format!("{s}.{}s", ms / 100),
        60..3_600 => format!("{m}m{:02}s", s % 60),
        3_600..86_400 => format!("{h}h{m:02}m{:02}s", s % 60),
        _ => format!("{days}d{h:02}h{m:02}m"),
    }
}

/// `in 1m58s`, `12.0s ago`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", span(at.since(now))) } else { format!("{} ago", span(now.since(at))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_read_like_a_stopwatch() {
        for (ms, want) in [
            (0, "+0.0s"),
            (450, "+0.4s"),
            (59_999, "+59.9s"),
            (120_000, "+2m00s"),
            (3_599_000, "+59m59s"),
            (3_723_000, "+1h02m03s"),
            (273_900_000, "+3d04h05m"),
        ] {
            assert_eq!(offset(Duration::from_millis(ms)), want, "{ms} ms");
        }
    }

    #[test]
    fn a_time_is_said_from_where_one_stands() {
        let now = Timestamp::from_millis(1_795_313_040_000);
        assert_eq!(relative(now.plus(Duration::from_secs(118)), now), "in 1m58s");
        assert_eq!(relative(now.minus(Duration::from_secs(12)), now), "12.0s ago");
    }
}
