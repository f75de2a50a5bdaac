//! What the values of flags are read as.

use crate::domain::Timestamp;

/// A moment in the past, as a flag says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(std::time::Duration),
    /// Then.
    At(Timestamp),
}

impl Since {
    /// The moment that is meant, seen from `now`.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(d) => now.minus(d),
            Self::At(t) => t,
        }
    }
}

/// Reads `90s`, `2h` (so long ago) or an RFC 3339 time.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    if let Ok(d) = duration(text) {
        return Ok(Since::Ago(d));
    }
    time(text)
        .map(Since::At)
        .map_err(|_| "a duration like 90s or 2h, or a time like 2026-11-22T02:04:00Z, is wanted".to_owned())
}

/// Reads an RFC 3339 time with an offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a time with an offset like 2026-11-22T02:04:00Z is wanted".to_owned())
}

/// A duration as the configuration writes it: `90s`, `2m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::duration(text)
}

/// How many lines a list has at most.
pub(crate) fn limit(text: &str) -> Result<usize, String> {
    text.trim().parse().ok().filter(|n| *n > 0).ok_or_else(|| "a whole number from 1 on is wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn since_is_a_duration_or_a_moment_and_nothing_else() {
        let now = Timestamp::from_millis(1_795_313_040_000);
        let moment = |text: &str| since(text).map(|s| s.moment(now));
        assert_eq!(moment("90s"), Ok(now.minus(Duration::from_secs(90))));
        assert_eq!(moment("1h30m"), Ok(now.minus(Duration::from_secs(5_400))));
        assert_eq!(moment("2026-11-22T02:04:00Z"), Ok(now));
        assert_eq!(moment("2026-11-21T18:04:00-08:00"), Ok(now));
        for bad in ["", "yesterday", "90", "-5m", "2026-11-22", "2026-11-22T02:04:00", "400d"] {
            let e = moment(bad).expect_err(bad);
            assert!(e.contains("90s") && e.contains("2026-11-22T02:04:00Z"), "{bad}: {e}");
        }
    }
}
