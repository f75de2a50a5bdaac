//! The moment of a local time: of a time that a change of the clock repeats the first, of one that it leaves out the moment of
//! the change (`facts/oncall.md` §3). So boundaries can meet and never cross.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::types::Timestamp;

/// The moment at which this day has this time. `None`: outside the years that can be counted.
pub fn instant(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    of_local(date.to_datetime(time), zone)
}

/// The same of a local date and time.
pub fn of_local(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let found = match ambiguous.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            let before_it = after.to_timestamp(local).ok()?;
            zone.following(before_it).next().map(|change| change.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    };
    found.map(|t| Timestamp::from_millis(t.as_millisecond()))
}

/// The last moment at which this local time is read: of a repeated one the second. For ends that a person types, so that two
/// typed times overlap and leave no hole.
pub fn last_of_local(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => ambiguous.later().ok().map(|t| Timestamp::from_millis(t.as_millisecond())),
        _ => of_local(local, zone),
    }
}

/// What the clock of this zone shows at this moment. `None`: outside the years that can be counted.
pub fn local(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(zone.to_datetime(moment))
}

/// This day and so many days later, or earlier.
pub fn add_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// How many days `date` is after `start`; negative before it.
pub fn days_between(start: Date, date: Date) -> i64 {
    i64::from(start.until(date).map(|span| span.get_days()).unwrap_or(0))
}
