//! Times of exceptions as people type them: `tonight`, `handoff`, an RFC 3339 time, a time or date of the local clock, `+8h`.
//!
//! Of a time that a change of the clock repeats, a begin is the first and an end the last, so that two typed times overlap and
//! leave no hole (`facts/oncall.md` §3).

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::calendar::CalendarShifts;
use super::instant::{add_days, instant, last_of_local, local, of_local};
use super::rotation::Rotation;
use crate::domain::hours;
use crate::domain::types::{ParseError, Timestamp};

/// What is accepted, for people.
pub const TIME_FORM: &str =
    "now, tonight, handoff, +8h, 17:00, 2026-11-28, \"2026-11-28 17:00\" or 2026-11-28T17:00:00-08:00";
/// `2026-11-28`.
const DATE_LENGTH: usize = 10;
/// When a night begins where no hours say it.
const EVENING: i8 = 17;
/// Night ends then.
const MORNING: i8 = 8;

/// By whose clock and turns times are meant.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    pub zone: &'a TimeZone,
    pub rotation: Option<&'a Rotation>,
    /// What the rotation's calendar says, where it goes by one.
    pub calendar: Option<&'a CalendarShifts>,
    pub now: Timestamp,
}

impl Typed<'_> {
    /// A begin. A time of day alone is its next occurrence.
    ///
    /// # Errors
    /// What cannot be read, with the accepted forms.
    pub fn from(&self, text: &str) -> Result<Timestamp, ParseError> {
        match text.trim().to_lowercase().as_str() {
            "now" => Ok(self.now),
            "tonight" => self.tonight().ok_or_else(|| wrong(text)),
            "handoff" => self.handoff_after(self.now).ok_or_else(|| no_handoff(text)),
            _ => self.plain(text, self.now, Edge::Begin),
        }
    }

    /// An end. A time of day alone is its first occurrence after `from`, a date alone the end of that day.
    ///
    /// # Errors
    /// What cannot be read, with the accepted forms.
    pub fn until(&self, text: &str, from: Timestamp) -> Result<Timestamp, ParseError> {
        match text.trim().to_lowercase().as_str() {
            "handoff" => self.handoff_after(from).ok_or_else(|| no_handoff(text)),
            "tonight" | "now" => Err(ParseError::new("time", format!("{:?} is no end", text.trim()))),
            _ => self.plain(text, from, Edge::End),
        }
    }

    /// Now, where it is night; else this evening.
    fn tonight(&self) -> Option<Timestamp> {
        let here = local(self.now, self.zone)?;
        if let Some(hours) = self.rotation.and_then(|r| r.hours.as_ref()) {
            if hours.contain(self.now, self.zone) {
                // By day, in hours that go on over days, it is the evening that is meant.
                let evening = instant(here.date(), Time::constant(EVENING, 0, 0, 0), self.zone);
                let is_day = (MORNING..EVENING).contains(&here.hour());
                let later = evening.filter(|at| is_day && hours.contain(*at, self.zone));
                return Some(later.unwrap_or(self.now));
            }
            let mut at = self.now;
            // Edges alternate, but for spans that meet.
            for _ in 0..8 {
                at = hours.next_edge(at, self.zone)?;
                if hours.contain(at, self.zone) {
                    return Some(at);
                }
            }
            return None;
        }
        if here.hour() >= EVENING || here.hour() < MORNING {
            return Some(self.now);
        }
        instant(here.date(), Time::constant(EVENING, 0, 0, 0), self.zone)
    }

    /// The next time that the clock shows the rotation's handoff.
    fn handoff_after(&self, after: Timestamp) -> Option<Timestamp> {
        let rotation = self.rotation?;
        if let Some(calendar) = self.calendar {
            return calendar.next_boundary(after);
        }
        let today = local(after, &rotation.zone)?.date();
        let days = [-1, 0, 1, 2].into_iter().filter_map(|n| add_days(today, n));
        days.filter_map(|day| instant(day, rotation.handoff, &rotation.zone)).find(|at| *at > after)
    }

    fn plain(&self, text: &str, after: Timestamp, edge: Edge) -> Result<Timestamp, ParseError> {
        let text = text.trim();
        if let Some(length) = text.strip_prefix('+').and_then(length) {
            return Ok(after.plus(length));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(at);
        }
        let found = if let Some(time) = hours::time(text) {
            self.next(time, after, edge)
        } else if let Ok(date) = text.parse::<Date>()
            && text.len() == DATE_LENGTH
        {
            let day = if edge == Edge::End { add_days(date, 1) } else { Some(date) };
            day.and_then(|day| self.at(day.to_datetime(Time::midnight()), edge))
        } else {
            let (date, time) = text.split_once([' ', 'T', 't']).ok_or_else(|| wrong(text))?;
            let date: Date = date.parse().map_err(|_| wrong(text))?;
            let time = hours::time(time).or_else(|| time.trim().parse().ok()).ok_or_else(|| wrong(text))?;
            self.at(date.to_datetime(time), edge)
        };
        found.ok_or_else(|| wrong(text))
    }

    fn next(&self, time: Time, after: Timestamp, edge: Edge) -> Option<Timestamp> {
        let today = local(after, self.zone)?.date();
        let days = [0, 1, 2].into_iter().filter_map(|n| add_days(today, n));
        days.filter_map(|day| self.at(day.to_datetime(time), edge)).find(|at| *at > after)
    }

    fn at(&self, local: DateTime, edge: Edge) -> Option<Timestamp> {
        match edge {
            Edge::Begin => of_local(local, self.zone),
            Edge::End => last_of_local(local, self.zone),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

/// `8h`, `90m`, `2d`.
fn length(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let unit = |end: char, seconds: u64| text.strip_suffix(end)?.parse::<u64>().ok()?.checked_mul(seconds);
    unit('m', 60).or_else(|| unit('h', 3600)).or_else(|| unit('d', 86_400)).map(Duration::from_secs)
}

fn wrong(text: &str) -> ParseError {
    ParseError::new("time", format!("{:?} is none of {TIME_FORM}", text.trim()))
}

fn no_handoff(text: &str) -> ParseError {
    ParseError::new("time", format!("{:?} needs a rotation", text.trim()))
}
