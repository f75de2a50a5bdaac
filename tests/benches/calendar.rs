//! A calendar of 5,000 events, read, expanded and matched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use dispatchctl::testkit::ical::{People, Place, Window, read, shifts};
use jiff::tz::TimeZone;

pub(crate) fn run() {
    let zone = TimeZone::get("America/Los_Angeles").expect("a zone");
    let place = Place { zone, handoff: jiff::civil::Time::constant(8, 0, 0, 0) };
    let time = |text: &str| -> jiff::Timestamp { text.parse().expect("a time") };
    let window = Window::new(time("2026-06-01T00:00:00Z"), time("2027-06-01T00:00:00Z"));
    let people = People { contacts: &[], named: &BTreeMap::new() };
    for (name, rule) in [("single", ""), ("yearly by rule", "RRULE:FREQ=YEARLY;BYMONTH=8;BYDAY=2MO\r\n")] {
        let text = calendar(rule);
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..50 {
            let begun = Instant::now();
            let reading = read(text.as_bytes(), &place, window).expect("a calendar");
            found = shifts(&reading, &people).all().len();
            took.push(begun.elapsed());
        }
        println!("calendar, 5,000 events, {name}: {} bytes, {found} occurrences", text.len());
        took.sort();
        let at = |p: usize| took.get((took.len() - 1) * p / 100).map_or(0.0, |d| d.as_secs_f64() * 1e3);
        println!("  median {:.1} ms, 99 % {:.1} ms, most {:.1} ms", at(50), at(99), at(100));
    }
}

fn calendar(rule: &str) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-TIMEZONE:America/Los_Angeles\r\n".to_owned();
    let first = jiff::civil::date(2026, 6, 1);
    for n in 0..5_000_i32 {
        let day = first + jiff::Span::new().days(n / 14);
        let day = day.strftime("%Y%m%d");
        write!(
            text,
            "BEGIN:VEVENT\r\nDTSTAMP:20260601T000000Z\r\nUID:{n}@example.org\r\nSEQUENCE:1\r\nSUMMARY:[L1] Sam Ortiz\r\n\
             DESCRIPTION:Whoever holds the night\\, from the office's closing on. Swaps are agreed by text and sto\r\n od here.\r\n\
             DTSTART;TZID=America/Los_Angeles:{day}T170000\r\nDTEND;TZID=America/Los_Angeles:{day}T235900\r\n{rule}\
             ATTENDEE;CN=Sam Ortiz;PARTSTAT=ACCEPTED:mailto:sam@example.org\r\nSTATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\nEND:VEVENT\r\n"
        )
        .expect("written");
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}
