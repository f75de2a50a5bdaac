//! Rotations: a role goes from one to the next at a time of the wall clock, every so many whole local days.
//!
//! Counting is stateless: it begins at `starts`, so that a restart, a lost store or a second process says the same.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::calendar::CalendarRules;
use super::instant::{add_days, days_between, instant, local};
use crate::domain::hours::Hours;
use crate::domain::types::{ContactId, ParseError, Timestamp};

/// The configured name of a rotation: 1 to 64 visible characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RotationId(String);

impl RotationId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RotationId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let n = text.chars().count();
        if n == 0 || n > 64 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ParseError::new("rotation", "is 1 to 64 visible characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RotationId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RotationId> for String {
    fn from(id: RotationId) -> Self {
        id.0
    }
}

/// Who takes turns, from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// At this date's handoff the first of them begins.
    pub starts: Date,
    /// In order; several of one turn are on duty together. Not empty where it is a list at all.
    pub members: Vec<Vec<ContactId>>,
}

/// Who holds a duty, turn by turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub id: RotationId,
    /// Loaded, so that deciding looks nothing up.
    pub zone: TimeZone,
    /// The wall-clock time at which a turn ends and the next begins.
    pub handoff: Time,
    /// Whole local days of one turn, 1 or more.
    pub period_days: u32,
    /// The list, and its dated changes, by their dates. Empty: only a calendar says who.
    pub lists: Vec<MemberList>,
    /// Monday first: the days that take a turn of their own; on others nobody holds it. `None`: all days. Only with a period of
    /// one day.
    pub days: Option<[bool; 7]>,
    /// The duty is held only then; `None`: always.
    pub hours: Option<Hours>,
    /// A calendar says who, in place of the lists.
    pub calendar: Option<CalendarRules>,
}

/// One turn. Half open: at `until` the next one holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift<'a> {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who is on duty together.
    pub members: &'a [ContactId],
    /// Their place in `list`.
    pub index: usize,
    /// All who take turns then, for the next who is not away.
    pub list: &'a [Vec<ContactId>],
}

impl Rotation {
    /// The turn of this moment, whatever the hours. `None`: before the start, on a day without a turn, or no list.
    pub fn shift_at(&self, at: Timestamp) -> Option<Shift<'_>> {
        let date = self.duty_date(at)?;
        let list = self.list_of(date)?;
        let n = days_between(list.starts, date);
        let (first, turn) = match &self.days {
            None => {
                let period = i64::from(self.period_days.max(1));
                (add_days(list.starts, n - n.rem_euclid(period))?, n.div_euclid(period))
            }
            Some(days) => {
                listed(days, date).then_some(())?;
                (date, listed_between(days, list.starts, n))
            }
        };
        let last = add_days(first, if self.days.is_some() { 1 } else { i64::from(self.period_days.max(1)) })?;
        let cut = self.lists.iter().map(|l| l.starts).find(|starts| *starts > date);
        let last = cut.map_or(last, |cut| cut.min(last));
        let count = i64::try_from(list.members.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(turn.rem_euclid(count)).ok()?;
        Some(Shift {
            from: instant(first, self.handoff, &self.zone)?,
            until: instant(last, self.handoff, &self.zone)?,
            members: list.members.get(index)?,
            index,
            list: &list.members,
        })
    }

    /// Whether the duty is held at all at this moment, by its hours.
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.contain(at, &self.zone))
    }

    /// The latest date whose handoff is not after this moment.
    fn duty_date(&self, at: Timestamp) -> Option<Date> {
        let today = local(at, &self.zone)?.date();
        let begun = |date: &Date| instant(*date, self.handoff, &self.zone).is_some_and(|begin| begin <= at);
        [1, 0, -1].into_iter().filter_map(|days| add_days(today, days)).find(begun)
    }

    /// The list that counts on this date.
    fn list_of(&self, date: Date) -> Option<&MemberList> {
        self.lists.iter().rev().find(|l| l.starts <= date)
    }

    /// The first moment after this one at which somebody else may hold it. `None`: never.
    pub fn next_boundary(&self, after: Timestamp) -> Option<Timestamp> {
        let turn = self.next_turn(after);
        let hours = self.hours.as_ref().and_then(|hours| hours.next_edge(after, &self.zone));
        turn.into_iter().chain(hours).min()
    }

    fn next_turn(&self, after: Timestamp) -> Option<Timestamp> {
        if let Some(shift) = self.shift_at(after) {
            return Some(shift.until);
        }
        let first = self.lists.first()?;
        let today = local(after, &self.zone)?.date();
        // A day without a turn lasts to the next day's handoff; before the start nothing changes until then.
        let days = [-1, 0, 1, 2].into_iter().filter_map(|days| add_days(today, days));
        let days = days.filter(|date| *date > first.starts).chain(self.lists.iter().map(|l| l.starts));
        days.filter_map(|date| instant(date, self.handoff, &self.zone)).filter(|begin| *begin > after).min()
    }

    /// Everybody who is in one of its lists.
    pub fn all_members(&self) -> impl Iterator<Item = &ContactId> {
        self.lists.iter().flat_map(|l| l.members.iter().flatten())
    }
}

fn listed(days: &[bool; 7], date: Date) -> bool {
    days.get(usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())) == Some(&true)
}

/// How many listed days lie in the `n` days from `start` on.
fn listed_between(days: &[bool; 7], start: Date, n: i64) -> i64 {
    let in_week = i64::try_from(days.iter().filter(|on| **on).count()).unwrap_or(0);
    let rest = (0..n.rem_euclid(7)).filter_map(|d| add_days(start, d)).filter(|date| listed(days, *date)).count();
    n.div_euclid(7) * in_week + i64::try_from(rest).unwrap_or(0)
}
