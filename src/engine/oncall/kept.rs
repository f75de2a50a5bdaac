//! What the kept calendars say, as decisions use it: each text is read once, and matched with contacts whenever those change.
//!
//! A process reads the texts from the store, so that all of them say the same; a place that is away changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;

use crate::domain::Timestamp;
use crate::domain::ical::overlay::overlay;
use crate::domain::ical::{People, Place, Reading, Refused, Window, read, shifts};
use crate::domain::oncall::{CalendarPart, CalendarShifts, Rotation, RotationId};
use crate::domain::team::Directory;
use crate::store::KeptCalendar;

/// The texts that count, and what was read in them.
#[derive(Debug, Clone)]
pub struct KeptCalendars {
    kept: Arc<Vec<KeptCalendar>>,
    read: Vec<Read>,
    window: Window,
}

/// One text, as it was read for its rotation.
#[derive(Debug, Clone)]
struct Read {
    rotation: RotationId,
    part: CalendarPart,
    changed: i64,
    place: Place,
    reading: Arc<Reading>,
}

impl KeptCalendars {
    /// These texts, as of this moment. Nothing is read yet.
    pub fn of(kept: Vec<KeptCalendar>, now: Timestamp) -> Self {
        Self { kept: Arc::new(kept), read: Vec::new(), window: Window::around(now) }
    }

    /// None.
    pub fn none() -> Self {
        Self::of(Vec::new(), Timestamp::default())
    }

    /// Whether they were read for another day.
    pub fn is_old(&self, now: Timestamp) -> bool {
        self.window != Window::around(now)
    }

    /// Lays what they say over a directory. A rotation that goes by a calendar and has none yet is held by nobody. Reads what was
    /// not read yet: that may take 50 ms a calendar.
    pub fn lay(&mut self, directory: &mut Directory) {
        let mut calendars = BTreeMap::new();
        for rotation in directory.rotations.iter().filter(|r| r.calendar.is_some()) {
            let events = self.shifts(rotation, CalendarPart::Events, directory);
            let overrides = self.shifts(rotation, CalendarPart::Overrides, directory);
            let all = if overrides.all().is_empty() { events } else { overlay(&events, &overrides) };
            calendars.insert(rotation.id.clone(), all);
        }
        directory.calendars = calendars;
    }

    /// Events that are not understood.
    pub fn refused(&self, rotation: &RotationId, part: CalendarPart) -> Vec<Refused> {
        let found = self.read.iter().find(|r| &r.rotation == rotation && r.part == part);
        found.map(|r| r.reading.refused.clone()).unwrap_or_default()
    }

    /// The text that counts.
    pub fn text(&self, rotation: &RotationId, part: CalendarPart) -> Option<Arc<[u8]>> {
        self.kept.iter().find(|k| &k.rotation == rotation && k.part == part).map(|k| k.text.clone())
    }

    fn shifts(&mut self, rotation: &Rotation, part: CalendarPart, directory: &Directory) -> CalendarShifts {
        let Some(rules) = rotation.calendar.as_ref().filter(|rules| rules.parts().contains(&part)) else {
            return CalendarShifts::default();
        };
        let Some(reading) = self.reading(rotation, part) else { return CalendarShifts::default() };
        shifts(&reading, &People { contacts: &directory.contacts, named: &rules.people })
    }

    fn reading(&mut self, rotation: &Rotation, part: CalendarPart) -> Option<Arc<Reading>> {
        let kept = self.kept.iter().find(|k| k.rotation == rotation.id && k.part == part)?;
        let place = Place::of(rotation);
        let known = |r: &&Read| r.rotation == rotation.id && r.part == part;
        if let Some(read) = self.read.iter().find(known).filter(|r| r.changed == kept.changed && r.place == place) {
            return Some(read.reading.clone());
        }
        let reading = match read(&kept.text, &place, self.window) {
            Ok(reading) => Arc::new(reading),
            Err(e) => {
                warn!(rotation = %rotation.id, "the calendar that is kept cannot be read any more: {e}");
                return None;
            }
        };
        self.read.retain(|r| r.rotation != rotation.id || r.part != part);
        let (rotation, changed) = (rotation.id.clone(), kept.changed);
        self.read.push(Read { rotation, part, changed, place, reading: reading.clone() });
        Some(reading)
    }
}
