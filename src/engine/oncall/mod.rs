//! Who is on call, for people and over time: exceptions as they are asked for, what they change, and the documents that show it.
//!
//! What decides is [`crate::domain::oncall`]; commands and the listener share what is here.

pub(crate) mod ahead;
pub(crate) mod calendars;
pub(crate) mod feed;
pub(crate) mod json;
pub(crate) mod kept;
pub(crate) mod making;
pub(crate) mod past;
pub(crate) mod reach;
pub(crate) mod roll_calls;
pub(crate) mod table;
pub(crate) mod watch;

use jiff::tz::TimeZone;

use crate::domain::Timestamp;
use crate::domain::oncall::OverrideScope;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::outlook::Gap;
use crate::domain::team::Directory;

/// The clock of a line, for people: its own, else the shop's, else UTC.
pub(crate) fn zone_of_line(directory: &Directory, number: Option<&str>) -> TimeZone {
    let name = directory.zone(directory.line(number).0);
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// The clock of what an exception is about.
pub(crate) fn zone_of(directory: &Directory, scope: &OverrideScope) -> TimeZone {
    let rotation = match scope {
        OverrideScope::Rotation(id) => directory.rotation(id),
        OverrideScope::Role { line, .. } => return zone_of_line(directory, line.as_deref()),
        OverrideScope::Everywhere => None,
    };
    let shop = || {
        let name = directory.default_line.time_zone.as_deref()?;
        TimeZone::get(name).ok()
    };
    let any = || directory.rotations.first().map(|r| r.zone.clone());
    rotation.map(|r| r.zone.clone()).or_else(shop).or_else(any).unwrap_or(TimeZone::UTC)
}

/// A gap in one sentence; without an end where it lasts beyond `looked_until`, the end of the time that was looked at.
pub(crate) fn gap_said(directory: &Directory, gap: &Gap, looked_until: Timestamp) -> String {
    let zone = zone_of_line(directory, gap.line.as_deref());
    let line = match gap.line.as_deref() {
        Some(number) => number.to_owned(),
        None if directory.lines.is_empty() => "the shop".to_owned(),
        None => "numbers that are not listed".to_owned(),
    };
    let until = match gap.until < looked_until {
        true => format!("to {}", shown(gap.until, &zone)),
        false => "on".to_owned(),
    };
    let from = shown(gap.from, &zone);
    format!("nobody who can be told holds {} of {line} from {from} {until}: {}", gap.role, gap.why())
}
