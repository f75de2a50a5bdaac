//! What a calendar says of a rotation, as a plain value: who, from when, until when.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::types::{ContactId, ParseError, Timestamp};

/// That a rotation goes by a calendar, as the settings say it; where the calendar is, is nobody's setting but the engine's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalendarRules {
    /// A text of the calendar, and whom it means.
    pub people: BTreeMap<String, ContactId>,
    /// A second calendar wins where its events overlap those of the first.
    pub has_overrides: bool,
}

impl CalendarRules {
    /// Which calendars it has.
    pub fn parts(&self) -> &'static [CalendarPart] {
        if self.has_overrides { CalendarPart::ALL } else { &[CalendarPart::Events] }
    }
}

/// Which of a rotation's calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarPart {
    /// `calendar`.
    Events,
    /// `calendar_overrides`.
    Overrides,
}

impl CalendarPart {
    /// Both.
    pub const ALL: &[Self] = &[Self::Events, Self::Overrides];

    /// As the store and JSON write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Overrides => "overrides",
        }
    }

    /// Its key in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Events => "calendar",
            Self::Overrides => "calendar_overrides",
        }
    }
}

impl fmt::Display for CalendarPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CalendarPart {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.iter().copied().find(|part| part.as_str() == text);
        found.ok_or_else(|| ParseError::new("calendar", "is events or overrides"))
    }
}

/// One event of a calendar. Half open: at `until` it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarShift {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who is on duty; else the text of the event that is nobody's name: a gap, which is told with this text.
    pub who: Result<Vec<ContactId>, String>,
    /// The event's UID, for the story.
    pub event: String,
}

/// All events of one calendar, by their begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalendarShifts(Arc<Sorted>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    shifts: Vec<CalendarShift>,
    /// For each place: the latest end of the events up to it.
    ends: Vec<Timestamp>,
}

impl CalendarShifts {
    /// Sorts them; an event that ends before it begins is left out.
    pub fn new(shifts: Vec<CalendarShift>) -> Self {
        let mut shifts: Vec<CalendarShift> = shifts.into_iter().filter(|s| s.from < s.until).collect();
        shifts.sort_by(|a, b| (a.from, a.until, &a.event).cmp(&(b.from, b.until, &b.event)));
        let mut latest = Timestamp::from_millis(i64::MIN);
        let ends = shifts.iter().map(|s| {
            latest = latest.max(s.until);
            latest
        });
        let ends = ends.collect();
        Self(Arc::new(Sorted { shifts, ends }))
    }

    /// All of them, by their begin.
    pub fn all(&self) -> &[CalendarShift] {
        &self.0.shifts
    }

    /// The events that last at this moment, by their begin.
    pub fn at(&self, at: Timestamp) -> Vec<&CalendarShift> {
        let begun = self.0.shifts.partition_point(|s| s.from <= at);
        let lasting = self.0.ends.get(..begun).unwrap_or_default().partition_point(|end| *end <= at);
        let begun = self.0.shifts.get(lasting..begun).unwrap_or_default();
        begun.iter().filter(|s| at < s.until).collect()
    }

    /// The first moment after this one at which an event begins or ends.
    pub fn next_boundary(&self, after: Timestamp) -> Option<Timestamp> {
        let begun = self.0.shifts.partition_point(|s| s.from <= after);
        let begin = self.0.shifts.get(begun).map(|s| s.from);
        let end = self.at(after).into_iter().map(|s| s.until).min();
        begin.into_iter().chain(end).min()
    }
}
