//! A VTIMEZONE's own rules as a zone that jiff can count with.
//!
//! The changes of the clock are counted from 1970 to two years after the window and handed over in the form of a zone file
//! (RFC 8536), so that folds and gaps of such a zone are read as those of any other.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use super::dates::{self, Budget, Go};
use super::rule::{Frequency, Rule, Until};

/// The most changes of the clock of one zone.
const CHANGES_MAX: usize = 2_000;

/// A STANDARD or DAYLIGHT part.
#[derive(Debug, Clone)]
pub(super) struct Observance {
    /// By the clock before the change.
    pub start: DateTime,
    /// Seconds east of UTC before and after it.
    pub from: i32,
    pub to: i32,
    pub rule: Option<Rule>,
    pub more: Vec<DateTime>,
}

/// The zone of these parts, good until two years after `last`. `None` where they make none: no part, a rule that is not yearly, or
/// more changes than any clock has.
pub(super) fn zone(parts: &[Observance], last: Date) -> Option<TimeZone> {
    let last = dates::plus(last, 731)?;
    let mut changes: Vec<Change> = Vec::new();
    for part in parts {
        part.changes(last, &mut changes)?;
    }
    changes.sort();
    changes.dedup_by_key(|c| c.at);
    let before = changes.first()?.from;
    TimeZone::tzif("calendar", &zone_file(before, &changes)?).ok()
}

/// A change of the clock.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    /// Seconds since 1970.
    at: i64,
    to: i32,
    from: i32,
}

impl Observance {
    fn changes(&self, last: Date, changes: &mut Vec<Change>) -> Option<()> {
        let mut add = |local: DateTime| -> Option<()> {
            let at = Offset::from_seconds(self.from).ok()?.to_timestamp(local).ok()?;
            changes.push(Change { at: at.as_second(), to: self.to, from: self.from });
            (changes.len() <= CHANGES_MAX).then_some(())
        };
        add(self.start)?;
        self.more.iter().try_for_each(|local| add(*local))?;
        let Some(rule) = &self.rule else { return Some(()) };
        if rule.frequency != Frequency::Yearly {
            return None;
        }
        let mut whole = Some(());
        let first = Date::constant(1970, 1, 1);
        dates::each_day(rule, self.start.date(), first, last, &mut Budget(100_000), |day| {
            let local = day.to_datetime(self.start.time());
            if self.is_over(rule, local) {
                return Go::Stop;
            }
            if day >= first && day != self.start.date() {
                whole = whole.and_then(|()| add(local));
            }
            if whole.is_some() { Go::On } else { Go::Stop }
        })
        .ok()?;
        whole
    }

    fn is_over(&self, rule: &Rule, local: DateTime) -> bool {
        match rule.until {
            None => false,
            Some(Until::Day(day)) => local.date() > day,
            Some(Until::Local(until)) => local > until,
            Some(Until::Instant(until)) => {
                let at = Offset::from_seconds(self.from).ok().and_then(|o| o.to_timestamp(local).ok());
                at.is_none_or(|at| at > until)
            }
        }
    }
}

/// Version 2 of RFC 8536: an empty first block, then the changes with 64 bits, then no rule for later years.
fn zone_file(before: i32, changes: &[Change]) -> Option<Vec<u8>> {
    let mut offsets = vec![before];
    for change in changes {
        if !offsets.contains(&change.to) {
            offsets.push(change.to);
        }
    }
    let types = u8::try_from(offsets.len()).ok()?;
    let mut file = Vec::new();
    header(&mut file, 0, 1);
    one_type(&mut file, 0);
    file.extend_from_slice(b"LMT\0");
    header(&mut file, u32::try_from(changes.len()).ok()?, types);
    changes.iter().for_each(|c| file.extend_from_slice(&c.at.to_be_bytes()));
    for change in changes {
        file.push(u8::try_from(offsets.iter().position(|o| *o == change.to)?).ok()?);
    }
    offsets.iter().for_each(|offset| one_type(&mut file, *offset));
    file.extend_from_slice(b"LMT\0\n\n");
    Some(file)
}

fn header(file: &mut Vec<u8>, changes: u32, types: u8) {
    file.extend_from_slice(b"TZif2");
    file.extend_from_slice(&[0; 15]);
    for count in [0, 0, 0, changes, u32::from(types), 4] {
        file.extend_from_slice(&count.to_be_bytes());
    }
}

fn one_type(file: &mut Vec<u8>, offset: i32) {
    file.extend_from_slice(&offset.to_be_bytes());
    file.extend_from_slice(&[0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: &str, from: i32, to: i32, rule: &str) -> Observance {
        let rule = (!rule.is_empty()).then(|| Rule::read(rule).expect(rule));
        Observance { start: start.parse().expect("a time"), from, to, rule, more: Vec::new() }
    }

    fn pacific() -> Vec<Observance> {
        vec![
            part("1601-01-01T02:00:00", -25_200, -28_800, "FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
            part("1601-01-01T02:00:00", -28_800, -25_200, "FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
        ]
    }

    #[test]
    fn the_rules_of_a_place_make_the_clock_of_that_place() {
        let own = zone(&pacific(), Date::constant(2027, 6, 1)).expect("a zone");
        let known = TimeZone::get("America/Los_Angeles").expect("a zone");
        let mut at: jiff::Timestamp = "2008-01-01T00:00:00Z".parse().expect("a time");
        let end = "2029-01-01T00:00:00Z".parse().expect("a time");
        while at < end {
            assert_eq!(own.to_offset(at), known.to_offset(at), "{at}");
            at += jiff::SignedDuration::from_mins(30);
        }
    }

    #[test]
    fn a_rule_that_ended_long_ago_leaves_the_clock_where_it_was() {
        let parts = [
            part("1980-04-06T02:00:00", 3_600, 7_200, "FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20100404T010000Z"),
            part("1980-10-05T03:00:00", 7_200, 3_600, "FREQ=YEARLY;BYMONTH=10;BYDAY=1SU;UNTIL=20091004T010000Z"),
        ];
        let zone = zone(&parts, Date::constant(2026, 6, 1)).expect("a zone");
        let offset = |at: &str| zone.to_offset(at.parse().expect("a time")).seconds();
        assert_eq!(offset("2009-12-01T00:00:00Z"), 3_600);
        assert_eq!(offset("2026-12-01T00:00:00Z"), 7_200, "the last change stands");
        assert_eq!(offset("1971-12-01T00:00:00Z"), 3_600, "before the first: what it changed from");
    }

    #[test]
    fn what_is_no_clock_makes_no_zone() {
        let last = Date::constant(2026, 1, 1);
        assert!(zone(&[], last).is_none());
        assert!(zone(&[part("2026-01-01T00:00:00", 0, 3_600, "FREQ=DAILY")], last).is_none());
        let each_day = "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU";
        assert!(zone(&[part("1970-01-01T00:00:00", 0, 3_600, each_day)], last).is_none());
        let fixed = zone(&[part("1970-01-01T00:00:00", 3_600, 3_600, "")], last).expect("a zone");
        assert_eq!(fixed.to_offset("2026-07-01T00:00:00Z".parse().expect("a time")).seconds(), 3_600);
    }

    #[test]
    fn a_rule_of_a_clock_goes_to_its_until_inclusive_in_whatever_form_that_is_written() {
        // The first Sunday of April 2010 is the 4th.
        for (until, in_2010) in [
            ("20100404", -25_200),
            ("20100403", -28_800),
            ("20100404T020000", -25_200),
            ("20100404T015959", -28_800),
            ("20100404T100000Z", -25_200),
            ("20100404T095959Z", -28_800),
        ] {
            let summer = format!("FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL={until}");
            let parts = [
                part("2000-04-02T02:00:00", -28_800, -25_200, &summer),
                part("2000-10-29T02:00:00", -25_200, -28_800, "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
            ];
            let zone = zone(&parts, Date::constant(2026, 6, 1)).expect("a zone");
            for (at, want) in [
                ("2009-07-01T00:00:00Z", -25_200),
                ("2010-07-01T00:00:00Z", in_2010),
                ("2011-07-01T00:00:00Z", -28_800),
            ] {
                let offset = zone.to_offset(at.parse().expect("a time")).seconds();
                assert_eq!(offset, want, "{at}, until {until}");
            }
        }
    }
}
