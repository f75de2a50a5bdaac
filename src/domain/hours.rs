//! Hours of the day and week, by the clock of a place: when somebody is on duty.
//!
//! Written like `17:00-08:00` (every day), `mon-thu 17:00-08:00` or `fri 17:00-mon 08:00`; several together. An end that is not
//! after its start is one of the next day. A time that a change of the clock repeats is its first; one that it leaves out is the
//! moment of the change (`facts/oncall.md` §3), so that what begins where something else ends neither overlaps it nor leaves a
//! hole.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::oncall::instant::{add_days, instant, local};
use super::types::{ParseError, Timestamp};

/// What is accepted, for people.
pub const HOURS_FORM: &str = "hours like \"17:00-08:00\", \"mon-thu 17:00-08:00\" or \"fri 17:00-mon 08:00\"";

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One or more spans of the week; inside one of them is inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Hours(Vec<Span>);

/// One span. Half open: at its end it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// The days on which it begins, Monday first.
    days: [bool; 7],
    start: Time,
    /// How many days after its beginning it ends.
    later: i8,
    end: Time,
}

impl Hours {
    /// The same span every day; the same time twice is the whole day.
    pub fn daily(start: Time, end: Time) -> Self {
        Self(vec![Span { days: [true; 7], start, later: i8::from(end <= start), end }])
    }

    /// # Errors
    /// What cannot be read of these texts, or that there are none.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, ParseError> {
        let spans: Vec<Span> = texts.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        if spans.is_empty() { Err(ParseError::new("hours", "name no time")) } else { Ok(Self(spans)) }
    }

    /// Whether this moment lies in one of the spans, by the clock of this zone.
    pub fn contain(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let Some(today) = local(at, zone).map(|l| l.date()) else { return false };
        self.0.iter().any(|span| span.around(today, zone).any(|(from, until)| from <= at && at < until))
    }

    /// The first moment after this one at which a span begins or ends.
    pub fn next_edge(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = local(after, zone)?.date();
        let ahead = [today, add_days(today, 7)?];
        let edges = |date| self.0.iter().flat_map(move |span| span.around(date, zone)).flat_map(<[Timestamp; 2]>::from);
        ahead.into_iter().find_map(|date| edges(date).filter(|edge| *edge > after).min())
    }

    /// Two spans that have a time of the week in common, as they are written; a span may also run into itself.
    pub fn overlap(&self) -> Option<(String, String)> {
        let mut week: Vec<Option<&Span>> = vec![None; WEEK_MINUTES];
        for span in &self.0 {
            for minute in span.minutes() {
                let place = week.get_mut(minute % WEEK_MINUTES)?;
                if let Some(other) = place.replace(span) {
                    return Some((other.to_string(), span.to_string()));
                }
            }
        }
        None
    }
}

const DAY_MINUTES: usize = 24 * 60;
const WEEK_MINUTES: usize = 7 * DAY_MINUTES;

impl Span {
    /// Where it lies in time that may last on this day or begin in the week after it; empty ones are left out.
    fn around(&self, today: Date, zone: &TimeZone) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        // One that began up to a week ago may still last; one of tomorrow's date may have begun where a day is missing.
        let days = -i64::from(self.later) - 1..=1;
        let next = (2..=8).find(|ahead| add_days(today, *ahead).is_some_and(|day| self.begins_on(day)));
        days.chain(next).filter_map(move |ahead| {
            let day = add_days(today, ahead).filter(|day| self.begins_on(*day))?;
            let last = add_days(day, i64::from(self.later))?;
            let (from, until) = (instant(day, self.start, zone)?, instant(last, self.end, zone)?);
            (from < until).then_some((from, until))
        })
    }

    fn begins_on(&self, day: Date) -> bool {
        self.days.get(usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())) == Some(&true)
    }

    /// The minutes of the week that it takes, from Monday 00:00 on; they go on beyond Sunday.
    fn minutes(&self) -> impl Iterator<Item = usize> {
        let minute = |t: Time| usize::from(t.hour().unsigned_abs()) * 60 + usize::from(t.minute().unsigned_abs());
        let (start, end) = (minute(self.start), minute(self.end));
        let later = usize::from(self.later.unsigned_abs());
        let days = self.days.iter().enumerate().filter(|(_, on)| **on).map(|(day, _)| day);
        days.flat_map(move |day| day * DAY_MINUTES + start..(day + later) * DAY_MINUTES + end)
    }
}

impl FromStr for Span {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("hours", format!("{:?} is not like {HOURS_FORM}", text.trim()));
        let plain = text.trim().to_lowercase().replace(['\u{2013}', '\u{2014}'], "-");
        let words: Vec<&str> = plain.split_whitespace().collect();
        match words.as_slice() {
            [times] => Self::on([true; 7], times).ok_or_else(wrong),
            [days, times] => Self::on(days_of(days).ok_or_else(wrong)?, times).ok_or_else(wrong),
            // `fri 17:00-mon 08:00`
            [first, middle, end] => {
                let (start, last) = middle.split_once('-').ok_or_else(wrong)?;
                let (first, last) = (day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?);
                let (start, end) = (time(start).ok_or_else(wrong)?, time(end).ok_or_else(wrong)?);
                let mut days = [false; 7];
                if let Some(one) = days.get_mut(first) {
                    *one = true;
                }
                let later = (last + 7 - first) % 7;
                // The end of that day is the beginning of the next.
                let later = if words.get(2).is_some_and(|w| w.starts_with("24")) { later + 1 } else { later };
                let later = if later == 0 && end <= start { 7 } else { later };
                Ok(Self { days, start, later: i8::try_from(later).unwrap_or(7), end })
            }
            _ => Err(wrong()),
        }
    }
}

impl Span {
    fn on(days: [bool; 7], times: &str) -> Option<Self> {
        let (start, end) = times.split_once('-')?;
        let (start, end) = (time(start)?, time(end)?);
        Some(Self { days, start, later: i8::from(end <= start), end })
    }
}

/// A time of the day: `17:00`, `9:30`; `24:00` is the end of it.
pub fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |s: &str, most: usize| !s.is_empty() && s.len() <= most && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 2) || minute.len() != 2 || !digits(minute, 2) {
        return None;
    }
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    Time::new(if (hour, minute) == (24, 0) { 0 } else { hour }, minute, 0, 0).ok()
}

fn day(word: &str) -> Option<usize> {
    DAYS.iter().position(|d| *d == word)
}

/// `mon`, `mon-thu`, `sat-mon`, also several by comma.
fn days_of(text: &str) -> Option<[bool; 7]> {
    let mut on = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        for step in 0..=(last + 7 - first) % 7 {
            *on.get_mut((first + step) % 7)? = true;
        }
    }
    Some(on)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hm = |t: Time| format!("{:02}:{:02}", t.hour(), t.minute());
        let (start, end) = (hm(self.start), hm(self.end));
        let named = |at: usize| DAYS.get(at).copied().unwrap_or_default();
        let on: Vec<usize> = (0..7).filter(|at| self.days.get(*at) == Some(&true)).collect();
        match on.as_slice() {
            [one] if self.later > 1 || (self.later == 1 && self.end > self.start) => {
                let last = (one + usize::from(self.later.unsigned_abs())) % 7;
                write!(f, "{} {start}-{} {end}", named(*one), named(last))
            }
            all if all.len() == 7 => write!(f, "{start}-{end}"),
            all => {
                let days: Vec<&str> = all.iter().map(|at| named(*at)).collect();
                write!(f, "{} {start}-{end}", days.join(","))
            }
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

impl From<Hours> for Vec<String> {
    fn from(hours: Hours) -> Self {
        hours.0.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for Hours {
    type Error = ParseError;
    fn try_from(texts: Vec<String>) -> Result<Self, ParseError> {
        Self::read(texts.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        Hours::read([text]).expect(text)
    }

    /// Whether the moment is inside, by that place's clock.
    fn inside(text: &str, zone: &str, at: &str) -> bool {
        hours(text).contain(at.parse().expect("a time"), &TimeZone::get(zone).expect("a zone"))
    }

    #[test]
    fn hours_are_half_open_and_may_go_over_midnight_and_the_week() {
        for (text, at, want) in [
            ("17:00-08:00", "2026-11-28T00:59:59Z", false),
            ("17:00-08:00", "2026-11-28T01:00:00Z", true),
            ("17:00-08:00", "2026-11-28T15:59:59Z", true),
            ("17:00-08:00", "2026-11-28T16:00:00Z", false),
            ("00:00-00:00", "2026-11-28T12:00:00Z", true),
            ("08:00-24:00", "2026-11-28T07:59:00Z", true),
            // Friday 2026-11-27 to Monday.
            ("fri 17:00-mon 08:00", "2026-11-28T00:59:00Z", false),
            ("fri 17:00-mon 08:00", "2026-11-28T01:00:00Z", true),
            ("fri 17:00-mon 08:00", "2026-11-30T15:59:00Z", true),
            ("fri 17:00-mon 08:00", "2026-11-30T16:00:00Z", false),
            ("mon-thu 17:00-08:00", "2026-11-27T15:59:00Z", true),
            ("mon-thu 17:00-08:00", "2026-11-28T02:00:00Z", false),
            ("sat-mon 09:00-10:00", "2026-11-30T17:30:00Z", true),
            ("mon 08:00-mon 08:00", "2026-12-01T12:00:00Z", true),
            ("fri 17:00-sun 24:00", "2026-11-29T23:00:00Z", true),
            ("fri 17:00-sun 24:00", "2026-11-30T07:59:00Z", true),
            ("fri 17:00-sun 24:00", "2026-11-30T08:00:00Z", false),
            ("mon 08:00-mon 24:00", "2026-12-01T07:59:00Z", true),
            ("mon 08:00-mon 24:00", "2026-12-01T12:00:00Z", false),
        ] {
            assert_eq!(inside(text, "America/Los_Angeles", at), want, "{text} at {at}");
        }
    }

    /// Vectors of `facts/oncall.md` §3.
    #[test]
    fn hours_are_exact_where_the_clock_is_changed() {
        let la = "America/Los_Angeles";
        for (text, at, want) in [
            ("17:00-08:00", "2026-11-01T00:00:00Z", true),
            ("17:00-08:00", "2026-11-01T15:59:59Z", true),
            ("17:00-08:00", "2026-11-01T16:00:00Z", false),
            ("17:00-08:00", "2027-03-14T01:00:00Z", true),
            ("17:00-08:00", "2027-03-14T14:59:59Z", true),
            ("17:00-08:00", "2027-03-14T15:00:00Z", false),
            // Two hours long on that day, and none on the other.
            ("01:00-02:00", "2026-11-01T08:00:00Z", true),
            ("01:00-02:00", "2026-11-01T09:59:59Z", true),
            ("01:00-02:00", "2026-11-01T10:00:00Z", false),
            ("02:00-03:00", "2027-03-14T09:59:59Z", false),
            ("02:00-03:00", "2027-03-14T10:00:00Z", false),
        ] {
            assert_eq!(inside(text, la, at), want, "{text} at {at}");
        }
    }

    #[test]
    fn what_begins_where_another_ends_leaves_neither_hole_nor_overlap() {
        for zone in ["America/Los_Angeles", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Asia/Kolkata"] {
            let tz = TimeZone::get(zone).expect("a zone");
            for split in ["00:00", "01:30", "02:15", "02:30"] {
                let (night, day) = (hours(&format!("17:00-{split}")), hours(&format!("{split}-17:00")));
                for start in ["2026-10-30T00:00:00Z", "2027-03-12T00:00:00Z", "2027-04-02T00:00:00Z"] {
                    let start: Timestamp = start.parse().expect("a time");
                    for minute in 0..4_320_u64 {
                        let at = start.plus(std::time::Duration::from_secs(60 * minute));
                        assert_ne!(night.contain(at, &tz), day.contain(at, &tz), "{zone} {split} {}", at.rfc3339());
                    }
                }
            }
        }
    }

    #[test]
    fn hours_are_written_as_they_are_read_and_what_cannot_be_read_is_refused() {
        for text in ["17:00-08:00", "mon,tue 09:00-17:00", "fri 17:00-mon 08:00", "sun 17:00-08:00"] {
            assert_eq!(hours(text).to_string(), text);
        }
        assert_eq!(hours("Mon-Tue 9:00\u{2013}17:00").to_string(), "mon,tue 09:00-17:00");
        for text in ["", "17:00", "25:00-08:00", "17-8", "monday 17:00-08:00", "17:00-08:60", "mon", "5pm-8am"] {
            assert!(Hours::read([text]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_of_the_day_is_one_or_two_digits_and_two_of_minutes() {
        for (text, want) in [("9:30", Some((9, 30))), ("09:30", Some((9, 30))), (" 24:00 ", Some((0, 0)))] {
            assert_eq!(time(text).map(|t| (t.hour(), t.minute())), want, "{text}");
        }
        for text in ["+9:30", "-9:30", "009:30", ":30", "9:", "9:5", "9:+5", "9:005", "24:01", "9:30:00"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn spans_overlap_to_the_minute() {
        let overlap = |texts: [&str; 2]| Hours::read(texts).expect("hours").overlap().is_some();
        assert!(overlap(["09:00-09:30", "09:15-10:00"]));
        assert!(overlap(["09:00-09:31", "09:30-10:00"]));
        assert!(!overlap(["09:00-09:30", "09:30-10:00"]));
        assert!(!overlap(["22:45-07:15", "07:15-22:45"]));
    }

    #[test]
    fn hours_that_are_written_mean_the_same_when_they_are_read_again() {
        for text in [
            "fri 17:00-sat 18:00",
            "fri 17:00-sat 17:00",
            "fri 17:00-sat 16:00",
            "mon 08:00-mon 17:00",
            "mon 08:00-mon 08:00",
            "mon 08:00-mon 24:00",
            "sat 17:00-sun 24:00",
        ] {
            assert_eq!(hours(&hours(text).to_string()), hours(text), "{text}");
        }
    }

    #[test]
    fn a_span_that_the_clock_leaves_out_neither_begins_nor_ends() {
        let la = TimeZone::get("America/Los_Angeles").expect("a zone");
        let after: Timestamp = "2027-03-14T00:00:00Z".parse().expect("a time");
        let next = hours("02:00-03:00").next_edge(after, &la).map(Timestamp::rfc3339);
        assert_eq!(next.as_deref(), Some("2027-03-15T09:00:00.000Z"));
    }
}
