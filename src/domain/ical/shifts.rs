//! A calendar as a rotation uses it: shifts with their people.

use super::people::People;
use super::types::{Occurrence, Reading};
use crate::domain::oncall::{CalendarShift, CalendarShifts};
use crate::domain::types::Timestamp;

/// What this calendar says of the rotation, for these people.
pub fn shifts(reading: &Reading, people: &People<'_>) -> CalendarShifts {
    let shift = |o: &Occurrence| CalendarShift {
        from: Timestamp::from_millis(o.from.as_millisecond()),
        until: Timestamp::from_millis(o.until.as_millisecond()),
        who: people.meant(&o.about),
        event: o.about.uid.clone(),
    };
    CalendarShifts::new(reading.occurrences.iter().map(shift).collect())
}
