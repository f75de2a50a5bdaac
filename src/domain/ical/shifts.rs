//! A calendar as a rotation uses it: shifts with their people.

use std::collections::HashMap;
use std::sync::Arc;

use super::people::People;
use super::types::{About, Occurrence, Reading};
use crate::domain::oncall::{CalendarShift, CalendarShifts};
use crate::domain::types::{ContactId, Timestamp};

/// What this calendar says of the rotation, for these people. Each event is matched once, by its own title: an occurrence that was
/// moved to somebody else is an event of its own.
pub fn shifts(reading: &Reading, people: &People<'_>) -> CalendarShifts {
    let mut known: HashMap<*const About, Result<Vec<ContactId>, String>> = HashMap::new();
    let mut shift = |o: &Occurrence| CalendarShift {
        from: Timestamp::from_millis(o.from.as_millisecond()),
        until: Timestamp::from_millis(o.until.as_millisecond()),
        who: known.entry(Arc::as_ptr(&o.about)).or_insert_with(|| people.meant(&o.about)).clone(),
        event: o.about.uid.clone(),
    };
    CalendarShifts::new(reading.occurrences.iter().map(&mut shift).collect())
}
