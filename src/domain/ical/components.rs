//! A calendar's parts as they stand in its text: events and zones, each with its own properties and without those of its alarms.

use std::collections::HashMap;

use super::lines::{Property, text};
use super::observances::Observance;
use super::rule::Rule;
use super::types::Unreadable;
use super::value::{self, Moment};
use super::zones::Described;

/// The most events that are read.
const EVENTS_MAX: usize = 5_000;
/// The most zones, and parts of zones.
const ZONE_PARTS_MAX: usize = 1_000;

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// `X-WR-TIMEZONE`.
    pub zone: Option<String>,
    pub zones: HashMap<String, Described>,
    /// In the order of the text.
    pub events: Vec<RawEvent<'a>>,
}

/// A VEVENT as it stands in the text.
#[derive(Debug, Default)]
pub(super) struct RawEvent<'a> {
    pub properties: Vec<Property<'a>>,
    /// The first line of it that decides and cannot be cut, as its quotes are not closed.
    pub unclosed: Option<&'a str>,
}

/// The properties by which an event decides.
const DECIDING: [&str; 13] = [
    "UID",
    "SUMMARY",
    "ATTENDEE",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "EXRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "STATUS",
    "SEQUENCE",
];

/// Whether a line that is no property would be one of those that decide, if its quotes were closed.
fn is_unclosed(line: &str) -> bool {
    let Some((name, rest)) = line.split_once(';') else { return false };
    rest.contains('"') && DECIDING.iter().any(|known| name.trim().eq_ignore_ascii_case(known))
}

/// # Errors
/// A text that is no calendar, that ends before its calendar does, or that holds too many events.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, Unreadable> {
    let mut found = Parts::default();
    let mut open: Vec<String> = Vec::new();
    let (mut event, mut zone, mut part) = (RawEvent::default(), OpenZone::default(), OpenPart::default());
    let (mut calendars, mut zone_parts) = (0_u32, 0);
    for line in text.lines() {
        let Some(property) = Property::read(line) else {
            if event.unclosed.is_none() && is_unclosed(line) && is_in_event(&open) {
                event.unclosed = Some(line);
            }
            continue;
        };
        if property.is("BEGIN") {
            open.push(property.value.trim().to_ascii_uppercase());
            if open.len() > 10 {
                return Err(Unreadable::NotACalendar);
            }
            continue;
        }
        let path: Vec<&str> = open.iter().map(String::as_str).collect();
        if property.is("END") {
            match path.as_slice() {
                ["VCALENDAR"] => calendars += 1,
                ["VCALENDAR", "VEVENT"] => found.events.push(std::mem::take(&mut event)),
                ["VCALENDAR", "VTIMEZONE"] => std::mem::take(&mut zone).close(&mut found.zones),
                ["VCALENDAR", "VTIMEZONE", _] => {
                    zone.add(std::mem::take(&mut part).close());
                    zone_parts += 1;
                }
                _ => {}
            }
            let named = property.value.trim();
            if open.pop().is_none_or(|name| !name.eq_ignore_ascii_case(named)) {
                return Err(Unreadable::NotACalendar);
            }
            if found.events.len() > EVENTS_MAX || zone_parts > ZONE_PARTS_MAX {
                return Err(Unreadable::TooManyEvents);
            }
            continue;
        }
        match path.as_slice() {
            ["VCALENDAR"] if property.is("X-WR-TIMEZONE") => found.zone = Some(self::text(property.value)),
            ["VCALENDAR", "VEVENT"] => event.properties.push(property),
            ["VCALENDAR", "VTIMEZONE"] => zone.read(&property),
            ["VCALENDAR", "VTIMEZONE", _] => part.read(&property),
            _ => {}
        }
    }
    match (calendars, open.is_empty()) {
        (0, true) => Err(Unreadable::NotACalendar),
        (_, false) if open.first().is_some_and(|name| name == "VCALENDAR") => Err(Unreadable::CutOff),
        (_, false) => Err(Unreadable::NotACalendar),
        _ => Ok(found),
    }
}

fn is_in_event(open: &[String]) -> bool {
    matches!(open, [calendar, event] if calendar == "VCALENDAR" && event == "VEVENT")
}

/// A VTIMEZONE that is being read.
#[derive(Default)]
struct OpenZone {
    id: Option<String>,
    described: Described,
}

impl OpenZone {
    fn read(&mut self, property: &Property<'_>) {
        if property.is("TZID") {
            self.id = Some(property.value.trim().trim_matches('"').trim().to_owned());
        } else if property.is("X-LIC-LOCATION") {
            self.described.location = Some(property.value.trim().to_owned());
        }
    }

    fn add(&mut self, part: Option<Observance>) {
        match part {
            Some(part) => self.described.parts.push(part),
            None => self.described.broken = true,
        }
    }

    fn close(self, zones: &mut HashMap<String, Described>) {
        if let Some(id) = self.id {
            zones.entry(id).or_insert(self.described);
        }
    }
}

/// A STANDARD or DAYLIGHT part that is being read.
#[derive(Default)]
struct OpenPart {
    start: Option<jiff::civil::DateTime>,
    from: Option<i32>,
    to: Option<i32>,
    rule: Option<Rule>,
    more: Vec<jiff::civil::DateTime>,
    broken: bool,
}

impl OpenPart {
    fn read(&mut self, property: &Property<'_>) {
        let local = |text: &str| match value::moment(text) {
            Some(Moment::Local(local)) => Some(local),
            _ => None,
        };
        if property.is("DTSTART") {
            self.start = local(property.value);
        } else if property.is("TZOFFSETFROM") {
            self.from = value::offset(property.value);
        } else if property.is("TZOFFSETTO") {
            self.to = value::offset(property.value);
        } else if property.is("RRULE") {
            self.broken |= self.rule.is_some();
            self.rule = Rule::read(property.value).ok();
            self.broken |= self.rule.is_none();
        } else if property.is("RDATE") {
            let read: Option<Vec<_>> = property.value.split(',').map(local).collect();
            self.broken |= read.is_none();
            self.more.extend(read.unwrap_or_default());
        }
    }

    fn close(self) -> Option<Observance> {
        let Self { start, from, to, rule, more, broken } = self;
        (!broken).then_some(Observance { start: start?, from: from?, to: to?, rule, more })
    }
}
