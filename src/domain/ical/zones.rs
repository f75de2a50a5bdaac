//! Which clock a TZID names: an IANA name, a Windows name (CLDR `windowsZones`, territory 001), what the calendar's VTIMEZONE says
//! of it, in this order. A name that is none of them has no clock: never UTC, never that of this machine.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::observances::{self, Observance};

/// A Windows name, a tab, an IANA name; sorted without regard to case is not needed.
const WINDOWS: &str = include_str!("windows_zones.txt");

/// What a VTIMEZONE says.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// `X-LIC-LOCATION`: an IANA name.
    pub location: Option<String>,
    pub parts: Vec<Observance>,
    /// A part that is not understood: the rules are not used.
    pub broken: bool,
}

/// The zones of one calendar.
#[derive(Debug)]
pub(super) struct Zones {
    described: HashMap<String, Described>,
    found: HashMap<String, Option<TimeZone>>,
    last: Date,
}

impl Zones {
    /// `last`: the last day that is asked for.
    pub(super) fn new(described: HashMap<String, Described>, last: Date) -> Self {
        Self { described, found: HashMap::new(), last }
    }

    /// The zone of this TZID.
    pub(super) fn named(&mut self, name: &str) -> Option<TimeZone> {
        if let Some(found) = self.found.get(name) {
            return found.clone();
        }
        let found = known(name).or_else(|| self.described(name));
        self.found.insert(name.to_owned(), found.clone());
        found
    }

    fn described(&self, name: &str) -> Option<TimeZone> {
        let described = self.described.get(name)?;
        let by_place = described.location.as_deref().and_then(known);
        let by_rules = || (!described.broken).then(|| observances::zone(&described.parts, self.last)).flatten();
        by_place.or_else(by_rules)
    }
}

/// The zone of an IANA or a Windows name, also behind a maker's prefix (`/example.org/2026/Europe/Berlin`).
pub(super) fn known(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some(TimeZone::UTC);
    }
    if let Some(zone) = iana(name) {
        return Some(zone);
    }
    let windows = WINDOWS.lines().filter_map(|line| line.split_once('\t'));
    if let Some((_, iana_name)) = windows.into_iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name)) {
        return iana(iana_name);
    }
    let parts: Vec<&str> = name.strip_prefix('/')?.split('/').collect();
    let tail = |n: usize| parts.get(parts.len().checked_sub(n)?..).map(|p| p.join("/"));
    [3, 2].into_iter().filter(|n| parts.len() > *n).find_map(|n| iana(&tail(n)?))
}

fn iana(name: &str) -> Option<TimeZone> {
    let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic());
    is_name.then(|| TimeZone::get(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_windows_name_is_a_zone_that_loads() {
        let names: Vec<(&str, &str)> = WINDOWS.lines().map(|l| l.split_once('\t').expect("two names")).collect();
        assert!(names.len() > 130);
        for (windows, iana_name) in names {
            assert!(iana(iana_name).is_some(), "{iana_name}");
            assert!(known(windows).is_some(), "{windows}");
        }
    }

    #[test]
    fn a_name_is_iana_windows_or_nothing() {
        for (name, want) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("Pacific Standard Time", Some("America/Los_Angeles")),
            ("w. europe standard time", Some("Europe/Berlin")),
            ("/example.org/20260101_1/Europe/Berlin", Some("Europe/Berlin")),
            ("/example.org/America/Argentina/Salta", Some("America/Argentina/Salta")),
            ("tzone://Microsoft/Utc", Some("UTC")),
            ("Customized Time Zone", None),
            ("tzone://Microsoft/Custom", None),
            ("", None),
            ("/", None),
            ("Sam", None),
            ("../Europe/Berlin", None),
        ] {
            let zone = known(name);
            assert_eq!(zone.as_ref().and_then(TimeZone::iana_name), want, "{name}");
        }
    }
}
