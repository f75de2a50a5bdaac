//! 200 generated calendars, read here and by another implementation: `recurring-ical-events` of PyPI.
//!
//! On demand, since it needs Python:
//!
//! ```text
//! python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install recurring-ical-events
//! DISPATCHCTL_ORACLE_PYTHON=/tmp/oracle/bin/python cargo test --lib oracle -- --ignored --nocapture
//! ```
//!
//! Where the two differ, the difference must be that of a length over a change of the clock, and is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const CALENDARS: usize = 200;
const FROM: &str = "2026-06-01T00:00:00+00:00";
const UNTIL: &str = "2027-06-01T00:00:00+00:00";
const ZONES: [&str; 6] = [
    "America/Los_Angeles",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Phoenix",
    "Asia/Kolkata",
];
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A generated event, as the comparison needs to know it.
struct Made {
    zone: &'static str,
    /// Seconds of a DURATION; of a DTEND the seconds between its wall times.
    length: Result<i64, i64>,
}

struct Generator {
    rng: StdRng,
    made: BTreeMap<String, Made>,
}

impl Generator {
    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.rng.random_range(0..all.len())]
    }

    fn chance(&mut self, of_ten: u32) -> bool {
        self.rng.random_range(0..10) < of_ten
    }

    fn calendar(&mut self, number: usize) -> (String, &'static str) {
        let zone = *self.one_of(&ZONES);
        // Of UTC times in a calendar with X-WR-TIMEZONE the other implementation makes local ones.
        let utc = self.chance(3);
        let named = if utc { String::new() } else { format!("X-WR-TIMEZONE:{zone}\r\n") };
        let mut text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.org//made//EN\r\n{named}");
        for event in 0..self.rng.random_range(1..=4) {
            let uid = format!("{number}-{event}@example.org");
            let made = if self.chance(2) { self.whole_days(&uid) } else { self.timed(&uid, zone, utc) };
            text.push_str(&made);
        }
        text.push_str("END:VCALENDAR\r\n");
        (text, zone)
    }

    fn rule(&mut self, start: DateTime, whole_days: bool) -> String {
        let day = DAYS[usize::from(start.weekday().to_monday_zero_offset().unsigned_abs())];
        let mut rule = match self.rng.random_range(0..7) {
            0 => "FREQ=DAILY".to_owned(),
            1 => format!("FREQ=WEEKLY;BYDAY={day},{}", self.one_of(&DAYS.map(|d| if d == day { "TH" } else { d }))),
            2 => "FREQ=WEEKLY".to_owned(),
            3 => format!("FREQ=MONTHLY;BYDAY={}{day}", (start.day() - 1) / 7 + 1),
            4 => format!("FREQ=MONTHLY;BYMONTHDAY={}", start.day()),
            5 => "FREQ=YEARLY".to_owned(),
            _ => format!("FREQ=DAILY;BYDAY={day}"),
        };
        rule = rule.replace("TH,TH", "TH");
        if self.chance(4) {
            write!(rule, ";INTERVAL={}", self.rng.random_range(2..4)).expect("written");
        }
        if self.chance(3) {
            rule.push_str(";WKST=SU");
        }
        match self.rng.random_range(0..3) {
            0 => write!(rule, ";COUNT={}", self.rng.random_range(1..150)).expect("written"),
            1 => {
                let end = start + self.rng.random_range(30..500).days();
                let utc = if whole_days { "" } else { "T235959Z" };
                write!(rule, ";UNTIL={}{utc}", end.strftime("%Y%m%d")).expect("written");
            }
            _ => {}
        }
        rule
    }

    fn start(&mut self) -> DateTime {
        let day = date(2025, 11, 1) + self.rng.random_range(0..500).days();
        day.at(self.rng.random_range(0..24), *self.one_of(&[0, 15, 30]), 0, 0)
    }

    fn whole_days(&mut self, uid: &str) -> String {
        let start = self.start();
        let end = start + self.rng.random_range(1..8).days();
        let (from, until) = (start.strftime("%Y%m%d"), end.strftime("%Y%m%d"));
        let rule = self.rule(start, true);
        let removed = (start + 7.days()).strftime("%Y%m%d");
        self.made.insert(uid.to_owned(), Made { zone: "UTC", length: Err(0) });
        format!(
            "BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:Sam\r\nDTSTART;VALUE=DATE:{from}\r\nDTEND;VALUE=DATE:{until}\r\nRRULE:{rule}\r\n\
             EXDATE;VALUE=DATE:{removed}\r\nEND:VEVENT\r\n"
        )
    }

    fn timed(&mut self, uid: &str, zone: &'static str, utc: bool) -> String {
        let start = self.start();
        let minutes = self.rng.random_range(1..60) * 15;
        let stamp = |at: DateTime| at.strftime("%Y%m%dT%H%M%S").to_string();
        let (zone, named, utc) = match self.rng.random_range(0..3) {
            0 if utc => ("UTC", String::new(), "Z"),
            0 => (zone, String::new(), ""),
            _ => (zone, format!(";TZID={zone}"), ""),
        };
        let time = |at: DateTime| format!("{named}:{}{utc}", stamp(at));
        let by_duration = self.chance(3);
        let end = if by_duration {
            format!("DURATION:PT{minutes}M")
        } else {
            format!("DTEND{}", time(start + minutes.minutes()))
        };
        let seconds = minutes * 60;
        let length = if by_duration { Ok(seconds) } else { Err(seconds) };
        self.made.insert(uid.to_owned(), Made { zone, length });
        let mut text = format!("BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:Sam\r\nDTSTART{}\r\n{end}\r\n", time(start));
        if self.chance(8) {
            write!(text, "RRULE:{}\r\n", self.rule(start, false)).expect("written");
            if self.chance(4) {
                write!(text, "EXDATE{}\r\n", time(start + 28.days())).expect("written");
            }
            if self.chance(3) {
                let more = start + self.rng.random_range(1..300).days();
                write!(text, "RDATE{}\r\n", time(more + 90.minutes())).expect("written");
            }
            text.push_str("END:VEVENT\r\n");
            // One of the first days of the rule is moved, or is called off; where there is none, it is an event of its own.
            if self.chance(4) {
                let day = start + self.rng.random_range(0..3).weeks();
                let moved = day + 2.hours();
                let off = if self.chance(3) { "STATUS:CANCELLED\r\n" } else { "" };
                write!(
                    text,
                    "BEGIN:VEVENT\r\nUID:{uid}\r\nSEQUENCE:1\r\nSUMMARY:Ana\r\nRECURRENCE-ID{}\r\nDTSTART{}\r\nDTEND{}\r\n{off}",
                    time(day),
                    time(moved),
                    time(moved + minutes.minutes()),
                )
                .expect("written");
                text.push_str("END:VEVENT\r\n");
            }
        } else {
            text.push_str("END:VEVENT\r\n");
        }
        text
    }
}

type Rows = BTreeSet<(String, String, String)>;

/// As the script writes them.
fn ours(bytes: &[u8], zone: &str, whole_days: &BTreeMap<String, Made>) -> Rows {
    let place = Place { zone: TimeZone::get(zone).expect("a zone"), handoff: Time::midnight() };
    let (from, until) = (FROM.parse().expect("a time"), UNTIL.parse().expect("a time"));
    let reading = read(bytes, &place, Window::new(from, until)).expect("a calendar");
    assert_eq!(reading.refused, []);
    let rows = reading.occurrences.iter().map(|o| {
        let is_days = whole_days[&o.about.uid].length == Err(0);
        let shown = |at: jiff::Timestamp| match is_days {
            true => place.zone.to_datetime(at).date().to_string(),
            false => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        (o.about.uid.clone(), shown(o.from), shown(o.until))
    });
    rows.collect()
}

/// The rule that makes a difference of the two, if one does.
fn explained(made: &Made, from: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let at = |text: &str| -> Option<jiff::Timestamp> { text.parse().ok() };
    let zone = TimeZone::get(made.zone).ok()?;
    let (from, ours, theirs) = (at(from)?, at(ours)?, at(theirs)?);
    let exact = |until: jiff::Timestamp| until.duration_since(from).as_secs();
    let wall = |until: jiff::Timestamp| zone.to_datetime(until).duration_since(zone.to_datetime(from)).as_secs();
    match made.length {
        Err(length) if wall(ours) == length && wall(theirs) != length => Some("DTEND: the wall-clock end is kept"),
        Ok(length) if exact(ours) == length && wall(theirs) == length => Some("DURATION: its hours are exact"),
        _ => None,
    }
}

#[test]
#[ignore = "needs a Python with recurring-ical-events, named by DISPATCHCTL_ORACLE_PYTHON"]
fn generated_calendars_are_read_as_another_implementation_reads_them() {
    let python = std::env::var("DISPATCHCTL_ORACLE_PYTHON").expect("DISPATCHCTL_ORACLE_PYTHON names a Python");
    let folder = tempfile::tempdir().expect("a folder");
    let mut generator = Generator { rng: StdRng::seed_from_u64(5_545), made: BTreeMap::new() };
    let mut own: BTreeMap<String, Rows> = BTreeMap::new();
    for number in 0..CALENDARS {
        let (text, zone) = generator.calendar(number);
        let name = format!("{number:03}.ics");
        std::fs::write(folder.path().join(&name), &text).expect("written");
        own.insert(name, ours(text.as_bytes(), zone, &generator.made));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ical/oracle.py");
    let run = std::process::Command::new(python).arg(script).arg(folder.path()).args([FROM, UNTIL]).output();
    let run = run.expect("Python runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (mut same, mut listed, mut unexplained) = (0, BTreeMap::<&str, Vec<String>>::new(), String::new());
    let mut compared = 0;
    for line in String::from_utf8_lossy(&run.stdout).lines() {
        let (name, rows): (String, Vec<(String, String, String)>) = serde_json::from_str(line).expect("rows");
        let mut theirs = Rows::from_iter(rows);
        let mut ours = own.remove(&name).expect("a calendar of ours");
        // What touches the edges of the window is left out: whole days are compared with them by another clock.
        for rows in [&mut ours, &mut theirs] {
            rows.retain(|(_, from, until)| from.as_str() >= "2026-06-10" && until.as_str() < "2027-05-20");
        }
        let unexplained_before = unexplained.len();
        compared += 1;
        same += ours.intersection(&theirs).count();
        let mut only_theirs: Vec<_> = theirs.difference(&ours).collect();
        for (uid, from, until) in ours.difference(&theirs) {
            let other = only_theirs.iter().position(|(u, f, _)| u == uid && f == from).map(|at| only_theirs.remove(at));
            match other.and_then(|(_, _, theirs)| Some((theirs, explained(&generator.made[uid], from, until, theirs)?)))
            {
                Some((theirs, why)) => {
                    listed.entry(why).or_default().push(format!("{uid} {from}: {until}, there {theirs}"))
                }
                None => writeln!(unexplained, "{name} {uid} {from} {until}: only here, {other:?}").expect("written"),
            }
        }
        for row in only_theirs {
            writeln!(unexplained, "{name} {row:?}: only there").expect("written");
        }
        if unexplained.len() > unexplained_before {
            let text = std::fs::read_to_string(folder.path().join(&name)).expect("read");
            writeln!(unexplained, "{text}").expect("written");
        }
    }
    assert_eq!(compared, CALENDARS);
    let differences: usize = listed.values().map(Vec::len).sum();
    let mut report = format!("{CALENDARS} calendars, {same} occurrences alike, {differences} explained differences\n");
    for (why, rows) in &listed {
        writeln!(report, "{why}: {}\n  {}", rows.len(), rows.join("\n  ")).expect("written");
    }
    std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes()).expect("written");
    assert!(unexplained.is_empty(), "{unexplained}");
    assert!(same > 1_000, "{same}");
}
