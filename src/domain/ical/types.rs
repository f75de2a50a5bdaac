//! What is asked of a calendar, and what it says.

use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::dates;
use crate::domain::oncall::Rotation;
use crate::domain::types::Timestamp;

/// The most bytes of a calendar.
pub const BYTES_MAX: usize = 5 * 1024 * 1024;
/// The longest window.
const WINDOW_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(400 * 24);

/// The rotation that a calendar is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The clock of whole days, and of times that name none.
    pub zone: TimeZone,
    /// When a whole day begins and ends.
    pub handoff: Time,
}

/// What is asked for, half open; at most 400 days from its beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub(super) from: jiff::Timestamp,
    pub(super) until: jiff::Timestamp,
}

/// How far back of now decisions and history look.
const BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

impl Place {
    /// Of this rotation.
    pub fn of(rotation: &Rotation) -> Self {
        Self { zone: rotation.zone.clone(), handoff: rotation.handoff }
    }
}

impl Window {
    /// What decisions, history and looks ahead need of a calendar: from 30 days before this moment on, to its day.
    pub fn around(now: Timestamp) -> Self {
        let day = jiff::Timestamp::from_millisecond(now.as_millis() - now.as_millis().rem_euclid(86_400_000));
        let from = day.ok().and_then(|day| day.checked_sub(BACK).ok()).unwrap_or(jiff::Timestamp::MIN);
        Self::new(from, jiff::Timestamp::MAX)
    }

    /// What is still to come, by which two versions of a calendar are compared.
    pub fn coming(now: Timestamp) -> Self {
        let from = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or(jiff::Timestamp::MIN);
        Self::new(from, jiff::Timestamp::MAX)
    }

    /// Cut to 400 days.
    pub fn new(from: jiff::Timestamp, until: jiff::Timestamp) -> Self {
        let most = from.checked_add(WINDOW_MAX).unwrap_or(jiff::Timestamp::MAX);
        Self { from, until: until.min(most) }
    }

    /// Its first and last day anywhere on earth.
    pub(super) fn days(self) -> (Date, Date) {
        let day = |at: jiff::Timestamp| TimeZone::UTC.to_datetime(at).date();
        let (first, last) = (day(self.from), day(self.until));
        (dates::plus(first, -2).unwrap_or(Date::MIN), dates::plus(last, 2).unwrap_or(Date::MAX))
    }
}

/// What an event says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub uid: String,
    pub title: String,
    /// Address and name of each who has not declined.
    pub attendees: Vec<(String, String)>,
}

/// One occurrence of an event. Half open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub from: jiff::Timestamp,
    pub until: jiff::Timestamp,
    pub about: Arc<About>,
}

/// An event that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub uid: String,
    pub title: String,
    pub why: String,
}

/// What a calendar says within a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// By their beginning.
    pub occurrences: Vec<Occurrence>,
    pub refused: Vec<Refused>,
}

/// Why a text is not taken as a calendar at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is empty")]
    Empty,
    #[error("it is a web page, not a calendar")]
    WebPage,
    #[error("it is not a calendar")]
    NotACalendar,
    #[error("it ends before the calendar does")]
    CutOff,
    #[error("it is larger than 5 MiB")]
    TooLarge,
    #[error("it holds more than 5,000 events")]
    TooManyEvents,
    #[error("it holds more than 10,000 occurrences, or rules that cost too much to count out")]
    TooManyOccurrences,
}
