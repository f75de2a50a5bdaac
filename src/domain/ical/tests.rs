//! Every quirk of `facts/oncall.md` §5, by a fixture of `fixtures/ical`.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::types::{Reading, Unreadable};
use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ical").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(super) fn place(zone: &str) -> Place {
    Place { zone: TimeZone::get(zone).expect("a zone"), handoff: Time::constant(8, 0, 0, 0) }
}

pub(super) fn window(from: &str, until: &str) -> Window {
    Window::new(from.parse().expect("a time"), until.parse().expect("a time"))
}

/// The fixture as a rotation of this zone with a handoff at 08:00 has it, in 2026 from October on.
fn reading(name: &str, zone: &str) -> Reading {
    read(&fixture(name), &place(zone), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z")).expect(name)
}

/// `Sam 10-31T15:00 11-02T16:00`, in UTC, of each.
pub(super) fn shown(reading: &Reading) -> Vec<String> {
    let hm = |at: jiff::Timestamp| at.strftime("%m-%dT%H:%M").to_string();
    reading.occurrences.iter().map(|o| format!("{} {} {}", o.about.title, hm(o.from), hm(o.until))).collect()
}

fn la(name: &str) -> Vec<String> {
    let reading = reading(name, "America/Los_Angeles");
    assert_eq!(reading.refused, [], "{name}");
    shown(&reading)
}

#[test]
fn an_overnight_event_ends_by_the_wall_clock_in_both_nights_of_a_change() {
    let night = |from: &str, until: &str| {
        shown(&read(&fixture("overnight.ics"), &place("America/Los_Angeles"), window(from, until)).expect("read"))
    };
    assert_eq!(night("2025-10-25T19:00:00Z", "2025-10-26T12:00:00Z"), ["Sam 10-25T20:00 10-26T05:00"]);
    assert_eq!(night("2026-03-28T19:00:00Z", "2026-03-29T12:00:00Z"), ["Sam 03-28T21:00 03-29T04:00"]);
    assert_eq!(night("2026-03-29T12:00:00Z", "2026-03-30T12:00:00Z"), ["Sam 03-29T20:00 03-30T04:00"]);
}

#[test]
fn a_duration_is_exact_in_hours_and_by_the_calendar_in_days() {
    let one = |from: &str, until: &str| {
        shown(&read(&fixture("duration.ics"), &place("UTC"), window(from, until)).expect("read"))
    };
    assert_eq!(
        one("2025-10-26T04:30:00Z", "2025-10-26T12:00:00Z"),
        ["Ana 10-25T20:00 10-26T21:00"],
        "the hours ended at 04:00Z"
    );
    assert_eq!(
        one("2025-10-25T20:00:00Z", "2025-10-26T03:00:00Z"),
        ["Sam 10-25T20:00 10-26T04:00", "Ana 10-25T20:00 10-26T21:00"]
    );
    assert_eq!(
        one("2026-03-28T21:00:00Z", "2026-03-29T03:00:00Z"),
        ["Sam 03-28T21:00 03-29T05:00", "Ana 03-28T21:00 03-29T20:00"]
    );
}

#[test]
fn a_time_without_a_zone_is_that_of_the_calendar_else_of_the_rotation() {
    for (name, want) in [
        ("floating.ics", "Sam 11-01T03:00 11-01T16:00"),
        ("floating-x-wr-timezone.ics", "Sam 11-01T00:00 11-01T13:00"),
        ("floating-x-wr-timezone-unknown.ics", "Sam 11-01T03:00 11-01T16:00"),
    ] {
        assert_eq!(la(name), [want], "{name}");
    }
}

#[test]
fn a_zone_is_known_by_its_windows_name_its_place_or_its_rules() {
    assert_eq!(
        la("windows-zone.ics"),
        ["Ana 10-24T20:00 10-25T05:00", "Sam 11-01T03:00 11-01T16:00", "Bo 11-01T08:00 11-01T09:00"]
    );
    assert_eq!(la("zone-by-location.ics"), ["Sam 11-01T00:00 11-01T13:00"]);
    let by_rules = la("zone-by-rules.ics");
    assert_eq!(by_rules.len(), 335, "every day to the end of the window");
    for want in ["Sam 10-31T03:00 10-31T15:00", "Sam 11-01T03:00 11-01T16:00", "Sam 11-02T04:00 11-02T16:00"] {
        assert!(by_rules.iter().any(|o| o == want), "{want}");
    }
}

#[test]
fn an_event_of_an_unknown_zone_is_refused_by_name_and_the_others_stay() {
    let reading = reading("zone-unknown.ics", "America/Los_Angeles");
    assert_eq!(shown(&reading), ["Ana 11-01T16:00 11-02T04:00"]);
    let [refused] = reading.refused.as_slice() else { panic!("{:?}", reading.refused) };
    assert_eq!((refused.uid.as_str(), refused.title.as_str()), ("lost@example.org", "Sam"));
    assert!(refused.why.contains("Customized Time Zone"), "{}", refused.why);
}

#[test]
fn whole_days_go_from_handoff_to_handoff() {
    assert_eq!(
        la("all-day.ics"),
        [
            "Sam 10-31T15:00 11-02T16:00",
            "Ana 11-02T16:00 11-03T16:00",
            "Lee 11-03T16:00 11-04T16:00",
            "Bo 11-04T16:00 11-06T16:00"
        ]
    );
    assert_eq!(
        la("all-day-weekly.ics"),
        [
            "Sam 10-05T15:00 10-12T15:00",
            "Ana 10-12T15:00 10-19T15:00",
            "Sam 11-02T16:00 11-09T16:00",
            "Ana 11-09T16:00 11-16T16:00"
        ],
        "the last days are inclusive; what is taken out is out, however its day is written"
    );
}

#[test]
fn a_moved_occurrence_is_in_place_of_its_own_and_the_higher_sequence_counts() {
    assert_eq!(
        la("moved.ics"),
        [
            "Sam 10-06T03:00 10-06T15:00",
            "Ana 10-07T01:00 10-07T13:00",
            "Sam 10-08T03:00 10-08T15:00",
            "Bo 10-13T03:00 10-13T15:00"
        ]
    );
    assert_eq!(la("orphans.ics"), ["Busy 10-07T03:00 10-07T15:00", "Busy 10-08T03:00 10-08T15:00"]);
    assert_eq!(la("cancelled.ics"), [""; 0], "a cancelled series takes along what was moved of it");
}

#[test]
fn until_is_a_moment_and_inclusive() {
    let reading =
        read(&fixture("until.ics"), &place("America/New_York"), window("2020-04-01T00:00:00Z", "2020-06-01T00:00:00Z"));
    let days: Vec<String> = shown(&reading.expect("read"));
    let of = |who: &str| -> Vec<&str> { days.iter().filter(|d| d.starts_with(who)).map(|d| &d[4..9]).collect() };
    assert_eq!(of("Sam"), ["04-27", "04-28", "04-29", "04-30", "05-01", "05-04", "05-05"]);
    assert_eq!(of("Ana"), ["05-02", "05-03"]);
}

#[test]
fn dates_are_taken_out_by_moment_or_by_day_and_added_with_their_own_length() {
    assert_eq!(
        la("dates-in-and-out.ics"),
        [
            "Sam 10-27T03:00 10-27T15:00",
            "Sam 11-02T04:00 11-02T16:00",
            "Sam 11-05T04:00 11-05T16:00",
            "Sam 11-07T04:00 11-07T16:00",
            "Sam 11-08T04:00 11-08T05:00",
            "Sam 11-09T04:00 11-09T06:00",
            "Sam 11-11T07:00 11-11T19:00"
        ]
    );
}

#[test]
fn a_time_that_is_left_out_is_moved_on_and_a_repeated_one_is_the_first() {
    assert_eq!(
        la("gap-and-fold.ics"),
        [
            "Sam 10-31T08:30 10-31T10:00",
            "Sam 11-01T08:30 11-01T11:00",
            "Ana 03-13T10:30 03-13T16:00",
            "Ana 03-14T10:30 03-14T15:00"
        ]
    );
}

#[test]
fn what_is_not_understood_is_refused_by_name_and_never_guessed() {
    let reading = reading("not-in-the-subset.ics", "America/Los_Angeles");
    assert_eq!(
        shown(&reading),
        ["Sam 10-05T03:00 10-05T15:00", "Sam 10-07T03:00 10-07T15:00", "Ana 10-11T03:00 10-11T15:00"],
        "the two of a series whose third is not understood, and the last of two with one key"
    );
    let mut refused = String::new();
    for r in &reading.refused {
        writeln!(refused, "{}: {}", r.uid, r.why).expect("written");
    }
    let wanted = [
        ("setpos@example.org", "BYSETPOS"),
        ("hourly@example.org", "HOURLY"),
        ("two@example.org", "several RRULE"),
        ("back@example.org", "before DTSTART"),
        ("mixed@example.org", "a day and DTEND a time"),
        ("nothing@example.org", "DTSTART is missing"),
        ("future@example.org", "THISANDFUTURE"),
        ("single@example.org", "\"Nowhere\""),
        ("same@example.org", "same UID"),
        ("instant@example.org", "lasts no time"),
    ];
    assert_eq!(reading.refused.len(), wanted.len(), "{refused}");
    for (uid, why) in wanted {
        assert!(reading.refused.iter().any(|r| r.uid == uid && r.why.contains(why)), "{uid} {why} in\n{refused}");
    }
}

/// These events in a calendar, as a rotation of this zone has them.
pub(super) fn of_events(events: &[&str], zone: &str) -> Reading {
    let events = events.iter().map(|e| format!("BEGIN:VEVENT\n{e}\nEND:VEVENT\n"));
    let text = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", events.collect::<String>());
    read(text.as_bytes(), &place(zone), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z")).expect("a calendar")
}

pub(super) fn refused(reading: &Reading) -> Vec<String> {
    reading.refused.iter().map(|r| format!("{}: {}", r.uid, r.why)).collect()
}

#[test]
fn an_occurrence_that_lasts_no_time_is_said_once() {
    let series = "UID:1\nSUMMARY:Sam\nDTSTART;TZID=America/Los_Angeles:20270313T020000\n\
        DTEND;TZID=America/Los_Angeles:20270313T030000\nRRULE:FREQ=DAILY;COUNT=3";
    let reading = of_events(&[series], "America/Los_Angeles");
    assert_eq!(shown(&reading), ["Sam 03-13T10:00 03-13T11:00", "Sam 03-15T09:00 03-15T10:00"]);
    let [said] = refused(&reading).try_into().expect("one");
    assert!(said.starts_with("1: its occurrence of 2027-03-14") && said.contains("leaves out"), "{said}");
}

#[test]
fn a_line_that_decides_and_has_an_open_quote_refuses_its_event() {
    let whole = "SUMMARY:Sam\nDTSTART:20261101T080000Z\nDTEND:20261101T200000Z";
    let event = |uid: &str, line: &str| format!("UID:{uid}\n{whole}\n{line}");
    let (attendee, out) = (event("1", "ATTENDEE;CN=\"Sam:mailto:sam@example.org"), event("2", "EXDATE;X=\"1:2026"));
    let (note, words) = (event("3", "DESCRIPTION;X=\"a:b"), event("4", "and \"so on; no colon"));
    let reading = of_events(&[&attendee, &out, &note, &words], "UTC");
    assert_eq!(reading.occurrences.len(), 2, "what decides nothing refuses nothing");
    let said = refused(&reading);
    assert!(said.len() == 2 && said.iter().all(|s| s.contains("not closed")), "{said:?}");
    assert!(said.iter().any(|s| s.starts_with("1: ") && s.contains("ATTENDEE;CN=")), "{said:?}");
    let series = "UID:5\nSUMMARY:Sam\nDTSTART:20261101T080000Z\nDTEND:20261101T200000Z\nRRULE:FREQ=DAILY;COUNT=3";
    let moved =
        "UID:5\nSUMMARY:Ana\nDTSTART:20261102T090000Z\nDTEND:20261102T200000Z\nRECURRENCE-ID;X=\"1:20261102T080000Z";
    let reading = of_events(&[series, moved], "UTC");
    assert_eq!((reading.occurrences.len(), refused(&reading).len()), (0, 1), "nobody knows which of them it moves");
}

#[test]
fn a_day_of_a_series_that_is_named_in_utc_is_the_day_of_its_clock() {
    let series = "UID:1\nSUMMARY:Sam\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;COUNT=3";
    for (zone, id, label) in [
        ("America/Los_Angeles", "20261102T080000Z", "midnight west of UTC"),
        ("Pacific/Auckland", "20261101T110000Z", "midnight east of UTC is the day before"),
        ("America/Los_Angeles", "20261102T000000Z", "a day that was never converted"),
        ("Pacific/Auckland", "20261102T000000Z", "the same, east"),
    ] {
        let moved = format!("UID:1\nSUMMARY:Ana\nDTSTART;VALUE=DATE:20261102\nRECURRENCE-ID:{id}");
        let reading = of_events(&[series, &moved], zone);
        let titles: Vec<&str> = reading.occurrences.iter().map(|o| o.about.title.as_str()).collect();
        assert_eq!(titles, ["Sam", "Ana", "Sam"], "{label}");
        let out = format!("{series}\nEXDATE:{id}");
        assert_eq!(of_events(&[&out], zone).occurrences.len(), 2, "{label}");
    }
}

#[test]
fn an_occurrence_that_was_moved_to_somebody_else_is_theirs() {
    let series =
        "UID:1\nSUMMARY:Sam\nATTENDEE:mailto:sam@example.org\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;COUNT=3";
    let moved = "UID:1\nSUMMARY:Ana\nATTENDEE:mailto:sam@example.org\nDTSTART;VALUE=DATE:20261102\nRECURRENCE-ID;VALUE=DATE:20261102";
    let contact = |id: &str| crate::domain::team::Contact {
        id: id.parse().expect("id"),
        name: id.to_owned(),
        phone: "+19495550101".parse().expect("phone"),
        email: format!("{id}@example.org").parse().ok(),
        role: None,
    };
    let (contacts, named) = ([contact("sam"), contact("ana")], std::collections::BTreeMap::new());
    let all = shifts(&of_events(&[series, moved], "UTC"), &People { contacts: &contacts, named: &named });
    let who: Vec<String> = all.all().iter().map(|s| s.who.as_ref().expect("known")[0].to_string()).collect();
    assert_eq!(who, ["sam", "ana", "sam"]);
}

#[test]
fn folded_lines_are_one_and_an_alarm_says_nothing_of_its_event() {
    let reading = reading("folded.ics", "America/New_York");
    assert_eq!(shown(&reading), ["[L1] J\u{fc}rgen Wei\u{df} 11-01T03:00 11-01T16:00"]);
    let about = &reading.occurrences.first().expect("one").about;
    assert_eq!(about.attendees, [("mailto:juergen@example.org".to_owned(), "Wei\u{df}; J\u{fc}rgen".to_owned())]);
}

#[test]
fn what_is_no_whole_calendar_is_not_taken_as_one() {
    let of = |bytes: &[u8]| read(bytes, &place("UTC"), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"));
    assert_eq!(of(b""), Err(Unreadable::Empty));
    assert_eq!(of(b"\r\n \r\n"), Err(Unreadable::Empty));
    assert_eq!(of(&fixture("web-page.html")), Err(Unreadable::WebPage));
    assert_eq!(of(b"{\"error\":\"gone\"}"), Err(Unreadable::NotACalendar));
    assert_eq!(of(b"BEGIN:VEVENT\nEND:VEVENT\n"), Err(Unreadable::NotACalendar));
    assert_eq!(of(b"BEGIN:VCALENDAR\nEND:VEVENT\nEND:VCALENDAR\n"), Err(Unreadable::NotACalendar));
    assert_eq!(of(&fixture("cut-off.ics")), Err(Unreadable::CutOff));
    assert_eq!(of(&fixture("no-events.ics")), Ok(Reading::default()));
    for end in 1..fixture("floating.ics").len() - 16 {
        assert!(of(&fixture("floating.ics")[..end]).is_err(), "cut at {end}");
    }
}

fn calendar(events: usize, each: &str) -> Vec<u8> {
    let mut text = "BEGIN:VCALENDAR\r\n".to_owned();
    for n in 0..events {
        write!(text, "BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:Sam\r\n{each}\r\nEND:VEVENT\r\n").expect("written");
    }
    text.push_str("END:VCALENDAR\r\n");
    text.into_bytes()
}

#[test]
fn the_bounds_hold() {
    let year = window("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z");
    let of = |bytes: &[u8]| read(bytes, &place("UTC"), year);
    let once = "DTSTART:20260601T000000Z\r\nDTEND:20260601T080000Z";
    assert_eq!(of(&calendar(5_000, once)).map(|r| r.occurrences.len()), Ok(5_000));
    assert_eq!(of(&calendar(5_001, once)), Err(Unreadable::TooManyEvents));
    let daily = "DTSTART:20200601T000000Z\r\nDTEND:20200601T080000Z\r\nRRULE:FREQ=DAILY";
    assert_eq!(of(&calendar(1, daily)).map(|r| r.occurrences.len()), Ok(400), "400 days at most");
    assert_eq!(of(&calendar(25, daily)).map(|r| r.occurrences.len()), Ok(10_000));
    assert_eq!(of(&calendar(26, daily)), Err(Unreadable::TooManyOccurrences));
    let costly = "DTSTART:00010101T000000Z\r\nDTEND:00010101T080000Z\r\nRRULE:FREQ=DAILY;COUNT=4000000000;BYMONTH=2;BYMONTHDAY=30";
    assert_eq!(of(&calendar(5_000, costly)), Err(Unreadable::TooManyOccurrences));
    assert_eq!(of(&vec![b' '; BYTES_MAX + 1]), Err(Unreadable::TooLarge));
}

/// Pieces that a calendar is made of, whole and broken.
const PIECES: &[&str] = &[
    "BEGIN:VCALENDAR",
    "END:VCALENDAR",
    "BEGIN:VEVENT",
    "END:VEVENT",
    "BEGIN:VTIMEZONE",
    "END:VTIMEZONE",
    "BEGIN:STANDARD",
    "END:STANDARD",
    "TZID:X",
    "TZOFFSETFROM:-0800",
    "TZOFFSETTO:+2359",
    "UID:1",
    "DTSTART:99991231T235959Z",
    "DTSTART:00010101",
    "DTSTART;TZID=X:20261101T013000",
    "DTSTART;TZID=Europe/Berlin:20261025T023000",
    "DTEND:99991231",
    "DTEND;TZID=X:20261101T013000",
    "DURATION:P3660D",
    "DURATION:PT99999999S",
    "RRULE:FREQ=DAILY;INTERVAL=100000",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-31",
    "RRULE:FREQ=MONTHLY;BYDAY=-5SU,5MO;UNTIL=99991231T235959Z",
    "RRULE:FREQ=WEEKLY;COUNT=4294967295;WKST=SU",
    "EXDATE:20261101,00010101T000000Z",
    "RDATE;VALUE=PERIOD:99991231T000000Z/P3660D",
    "RECURRENCE-ID:00010101",
    "STATUS:CANCELLED",
    "SEQUENCE:-9223372036854775808",
    "X-WR-TIMEZONE:\u{fc}",
    " folded",
    ";:\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let of = |bytes: &[u8]| read(bytes, &place("America/Havana"), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"));
        prop_assert!(of(&bytes).is_err());
        let inside = [b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20261101\n".as_slice(), &bytes, b"\nEND:VEVENT\nEND:VCALENDAR\n"].concat();
        if let Ok(reading) = of(&inside) {
            prop_assert!(reading.occurrences.iter().all(|o| o.from < o.until));
        }
    }

    #[test]
    fn no_order_of_lines_makes_it_panic(lines in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40)) {
        let event = format!("BEGIN:VCALENDAR\n{}\nEND:VCALENDAR\n", lines.join("\n"));
        let in_event = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}\nEND:VEVENT\nEND:VCALENDAR\n", lines.join("\n"));
        for text in [event, in_event] {
            for (from, until) in [("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"), ("-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"), ("9999-12-30T00:00:00Z", "9999-12-30T22:00:00Z")] {
                if let Ok(reading) = read(text.as_bytes(), &place("America/Havana"), window(from, until)) {
                    prop_assert!(reading.occurrences.iter().all(|o| o.from < o.until));
                }
            }
        }
    }
}

/// What is left out of a calendar of this one event, by its reasons.
pub(super) fn left_out(event: &str) -> Vec<String> {
    let text = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Sam\n{event}\nEND:VEVENT\nEND:VCALENDAR\n");
    let read = read(text.as_bytes(), &place("UTC"), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"));
    read.expect("a calendar").refused.into_iter().map(|r| r.why).collect()
}

#[test]
fn what_is_not_understood_is_said_no_more_once_it_is_surely_over() {
    for (event, said) in [
        ("DTSTART;TZID=Nowhere:20261122T080000\nDTEND;TZID=Nowhere:20261122T200000", 1),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDTEND;TZID=Nowhere:20240101T200000", 0),
        ("DTSTART;TZID=Nowhere:20260929T080000\nDTEND;TZID=Nowhere:20261001T200000", 1),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H", 0),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H\nRRULE:FREQ=DAILY", 1),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H\nRRULE:FREQ=DAILY;COUNT=3", 1),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H\nRRULE:FREQ=DAILY;UNTIL=20240301T000000Z", 0),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H\nRRULE:FREQ=DAILY;UNTIL=20261101T000000Z", 1),
        ("DTSTART;TZID=Nowhere:20240101T080000\nDURATION:PT8H\nRDATE;TZID=Nowhere:20261122T080000", 1),
        ("DTSTART:nonsense", 1),
    ] {
        assert_eq!(left_out(event).len(), said, "{event}");
    }
}

#[test]
fn an_event_with_a_time_and_without_an_end_is_nobodys_duty_and_is_said() {
    for (event, said) in [
        ("DTSTART:20261122T080000Z", 1),
        ("DTSTART:20261122T080000Z\nDTEND:20261122T080000Z", 1),
        ("DTSTART:20261122T080000Z\nDURATION:PT0S", 1),
        ("DTSTART:20240101T080000Z\nRRULE:FREQ=WEEKLY", 1),
        ("DTSTART:20240101T080000Z", 0),
        ("DTSTART:20261122T080000Z\nDURATION:PT1H", 0),
        ("DTSTART;VALUE=DATE:20261122", 0),
        ("DTSTART:20261122T080000Z\nSTATUS:CANCELLED", 0),
    ] {
        let why = left_out(event);
        assert_eq!(why.len(), said, "{event}: {why:?}");
        assert!(why.iter().all(|why| why.contains("it lasts no time")), "{why:?}");
    }
}
