//! How long a time may be.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::forms::show_duration;
use super::read::{Found, Reader, Section};

/// The shortest time that is any.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// A duration within bounds.
pub(super) fn within(
    r: &mut Reader,
    section: &mut Section,
    name: &str,
    range: RangeInclusive<Duration>,
) -> Option<Found<Duration>> {
    let found = r.duration(section, name)?;
    if range.contains(&found.value) {
        return Some(found);
    }
    let what = if found.value.is_zero() { "is zero" } else { "is out of range" };
    let form = format!("a duration from \"{}\" to \"{}\"", show_duration(*range.start()), show_duration(*range.end()));
    r.wrong(found.origin, &found.key, what, &form);
    None
}
