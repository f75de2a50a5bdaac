//! Dates, times, durations and offsets as calendars write them (RFC 5545 §3.3).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// A date, a local time or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day(Date),
    Local(DateTime),
    Utc(jiff::Timestamp),
}

/// `20260427`, `20260427T090000`, `20260427T090000Z`.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let Some((date, time)) = text.split_once(['T', 't']) else { return date(text).map(Moment::Day) };
    let (time, utc) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, true),
        None => (time, false),
    };
    let local = self::date(date)?.to_datetime(self::time(time)?);
    if utc { TimeZone::UTC.to_timestamp(local).ok().map(Moment::Utc) } else { Some(Moment::Local(local)) }
}

fn date(text: &str) -> Option<Date> {
    let digits = digits(text, 8)?;
    Date::new(i16::try_from(digits / 10_000).ok()?, small(digits / 100 % 100)?, small(digits % 100)?).ok()
}

fn time(text: &str) -> Option<Time> {
    let digits = digits(text, 6)?;
    // A leap second is the second before it.
    Time::new(small(digits / 10_000)?, small(digits / 100 % 100)?, small(digits % 100)?.min(59), 0).ok()
}

fn small(n: u32) -> Option<i8> {
    i8::try_from(n).ok()
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let is = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    is.then(|| text.parse().ok()).flatten()
}

/// A length: so many days by the calendar, then so many seconds exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub days: i64,
    pub seconds: i64,
}

/// `P1D`, `PT8H`, `P1DT2H30M`, `P2W`. `None` for what is none, is negative, or lasts over ten years.
pub(super) fn length(text: &str) -> Option<Length> {
    let text = text.trim().to_ascii_uppercase();
    let mut rest = text.strip_prefix('+').unwrap_or(&text).strip_prefix('P')?;
    let mut length = Length::default();
    let mut in_time = false;
    let mut any = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (in_time, rest) = (true, after);
            continue;
        }
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(unit)?;
        let number: i64 = number.parse().ok().filter(|n| *n <= 400_000_000)?;
        let mut letters = after.chars();
        match (in_time, letters.next()?) {
            (false, 'W') => length.days += number * 7,
            (false, 'D') => length.days += number,
            (true, 'H') => length.seconds += number * 3_600,
            (true, 'M') => length.seconds += number * 60,
            (true, 'S') => length.seconds += number,
            _ => return None,
        }
        any = true;
        rest = letters.as_str();
    }
    let fits = length.days <= 3_660 && length.seconds <= 3_660 * 86_400;
    (any && fits).then_some(length)
}

/// `+0530`, `-0800`, `+053015` in seconds; at most a day.
pub(super) fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = match digits.len() {
        4 => self::digits(digits, 4)? * 100,
        _ => self::digits(digits, 6)?,
    };
    let (hours, minutes, seconds) = (number / 10_000, number / 100 % 100, number % 100);
    let fits = hours < 24 && minutes < 60 && seconds < 60;
    fits.then(|| i32::try_from(hours * 3_600 + minutes * 60 + seconds).ok().map(|s| sign * s)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_whole_or_not_at_all() {
        assert_eq!(moment("20260427"), Some(Moment::Day(Date::constant(2026, 4, 27))));
        let local = Date::constant(2026, 4, 27).at(9, 0, 0, 0);
        assert_eq!(moment("20260427T090000"), Some(Moment::Local(local)));
        assert_eq!(moment(" 20260427t090000z "), Some(Moment::Utc("2026-04-27T09:00:00Z".parse().expect("a time"))));
        assert_eq!(moment("20261231T235960"), moment("20261231T235959"));
        for text in [
            "",
            "T",
            "2026-04-27",
            "20260230",
            "20260427T0900",
            "20260427T250000",
            "20260427T090000-0700",
            "00\u{e9}01",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_keep_days_and_hours_apart() {
        for (text, days, seconds) in [("P1D", 1, 0), ("PT8H", 0, 28_800), ("P1DT2H30M5S", 1, 9_005), ("+P2W", 14, 0)] {
            assert_eq!(length(text), Some(Length { days, seconds }), "{text}");
        }
        for text in ["", "P", "PT", "-P1D", "P1H", "PT1D", "P1", "P99999999999999999999D", "P999999W", "1D"] {
            assert_eq!(length(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_are_signed() {
        for (text, seconds) in [("-0800", -28_800), ("+0530", 19_800), ("+053015", 19_815), ("0000", 0)] {
            assert_eq!(offset(text), Some(seconds), "{text}");
        }
        for text in ["", "+8", "+2500", "+0099", "-08:00"] {
            assert_eq!(offset(text), None, "{text}");
        }
    }

    #[test]
    fn an_offset_is_less_than_a_day_with_minutes_and_seconds_of_a_clock() {
        for (text, seconds) in [("+2359", Some(86_340)), ("-235959", Some(-86_399)), ("+2400", None), ("+0060", None)] {
            assert_eq!(offset(text), seconds, "{text}");
        }
        assert_eq!(offset("+000060"), None);
    }
}
