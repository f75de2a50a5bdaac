//! What a calendar says, rule by rule: how long a series goes, how an event ends, what is taken out, and what is said of the rest.

use super::tests::{left_out, of_events, place, refused, shown, window};
use super::types::{Reading, Unreadable};
use super::{BYTES_MAX, Window, read};

const LA: &str = "America/Los_Angeles";

/// A calendar of these lines, as a rotation in Los Angeles has it.
fn whole(lines: &str) -> Result<Reading, Unreadable> {
    let text = format!("BEGIN:VCALENDAR\n{lines}\nEND:VCALENDAR\n");
    read(text.as_bytes(), &place(LA), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"))
}

#[test]
fn what_began_days_before_the_window_and_still_lasts_in_it_is_said() {
    let of = |event: &str| {
        let event = format!("BEGIN:VEVENT\nUID:1\nSUMMARY:Sam\n{event}\nRRULE:FREQ=YEARLY\nEND:VEVENT");
        let text = format!("BEGIN:VCALENDAR\n{event}\nEND:VCALENDAR\n");
        let hour = window("2026-11-10T02:00:00Z", "2026-11-10T03:00:00Z");
        shown(&read(text.as_bytes(), &place(LA), hour).expect("a calendar"))
    };
    let (morning, evening) =
        ("DTSTART;TZID=America/Los_Angeles:20251104T080000", "DTSTART;TZID=America/Los_Angeles:20251107T200000");
    let till = |time: &str| format!("DTEND;TZID=America/Los_Angeles:{time}");
    for (event, want) in [
        ("DTSTART;VALUE=DATE:20251104\nDTEND;VALUE=DATE:20251111".to_owned(), "Sam 11-04T16:00 11-11T16:00"),
        (format!("{morning}\n{}", till("20251110T080000")), "Sam 11-04T16:00 11-10T16:00"),
        (format!("{evening}\n{}", till("20251109T190000")), "Sam 11-08T04:00 11-10T03:00"),
        (format!("{morning}\nDURATION:P6D"), "Sam 11-04T16:00 11-10T16:00"),
        (format!("{morning}\nDURATION:PT144H"), "Sam 11-04T16:00 11-10T16:00"),
        (format!("{evening}\nDURATION:P1DT23H"), "Sam 11-08T04:00 11-10T03:00"),
    ] {
        assert_eq!(of(&event), [want], "{event}");
    }
}

#[test]
fn a_weekly_series_that_began_shortly_before_the_window_is_whole_in_it() {
    for day in 1..=30 {
        let times = format!("DTSTART:202609{day:02}T200000Z\nDTEND:202609{day:02}T210000Z");
        let event = format!("UID:1\nSUMMARY:Sam\n{times}\nRRULE:FREQ=WEEKLY;UNTIL=20261101T000000Z");
        // By the days of October.
        let days = (0..9).map(|week| day + 7 * week - 30).filter(|day| (1..=31).contains(day));
        let want: Vec<String> = days.map(|day| format!("Sam 10-{day:02}T20:00 10-{day:02}T21:00")).collect();
        assert_eq!(shown(&of_events(&[&event], "UTC")), want, "from September {day}");
    }
}

#[test]
fn a_series_goes_on_to_its_until_inclusive_in_whatever_form_that_is_written() {
    let timed = "DTSTART;TZID=America/Los_Angeles:20261102T200000\nDURATION:PT1H";
    let days = "DTSTART;VALUE=DATE:20261102";
    for (start, until, want) in [
        (timed, "20261104T200000", 3),
        (timed, "20261104T195959", 2),
        (timed, "20261104", 3),
        (timed, "20261103", 2),
        (timed, "20261105T040000Z", 3),
        (timed, "20261105T035959Z", 2),
        (days, "20261104", 3),
        (days, "20261103", 2),
        (days, "20261104T080000", 3),
        (days, "20261103T235959", 2),
        // Midnight in Los Angeles.
        (days, "20261104T080000Z", 3),
        (days, "20261104T075959Z", 2),
    ] {
        let event = format!("UID:1\nSUMMARY:Sam\n{start}\nRRULE:FREQ=DAILY;UNTIL={until}");
        assert_eq!(of_events(&[&event], LA).occurrences.len(), want, "{event}");
    }
}

#[test]
fn an_end_by_another_clock_is_its_moment_and_in_a_series_what_the_clock_of_the_beginning_shows_then() {
    let night = "UID:1\nSUMMARY:Sam\nDTSTART;TZID=America/Los_Angeles:20261031T200000";
    for (end, want) in [
        // The second half past one of that night.
        ("DTEND:20261101T093000Z", vec!["Sam 11-01T03:00 11-01T09:30"]),
        (
            "DTEND:20261101T120000Z\nRRULE:FREQ=DAILY;COUNT=2",
            vec!["Sam 11-01T03:00 11-01T12:00", "Sam 11-02T04:00 11-02T12:00"],
        ),
        (
            "DTEND:20261101T120000Z\nRDATE;TZID=America/Los_Angeles:20261102T200000",
            vec!["Sam 11-01T03:00 11-01T12:00", "Sam 11-03T04:00 11-03T12:00"],
        ),
    ] {
        let reading = of_events(&[&format!("{night}\n{end}")], LA);
        assert_eq!(shown(&reading), want, "{end}");
        assert_eq!(refused(&reading), Vec::<String>::new(), "{end}");
    }
}

#[test]
fn an_end_that_is_none_and_a_rule_that_is_none_are_said_by_name() {
    let start = "DTSTART;TZID=America/Los_Angeles:20261122T080000";
    for (event, why) in [
        (format!("{start}\nDTEND:20261122T160000Z"), "it lasts no time"),
        (format!("{start}\nDTEND:20261122T155959Z"), "DTEND is before DTSTART"),
        (format!("{start}\nDTEND;TZID=America/Los_Angeles:20261122T075959"), "DTEND is before DTSTART"),
        ("DTSTART;VALUE=DATE:20261122\nDURATION:PT8H".to_owned(), "a DURATION of hours"),
        (format!("{start}\nDURATION:PT8H\nRRULE:FREQ=MONTHLY;BYDAY=6MO"), "BYDAY=6MO"),
        (format!("{start}\nDURATION:PT8H\nRRULE:FREQ=MONTHLY;BYDAY=0MO"), "BYDAY=0MO"),
    ] {
        let said = left_out(&event);
        assert!(said.len() == 1 && said.iter().all(|s| s.contains(why)), "{event}: {said:?}");
    }
}

#[test]
fn a_series_whose_first_lies_in_the_hour_left_out_goes_on_after_it() {
    let times = "DTSTART;TZID=America/Los_Angeles:20270314T020000\nDTEND;TZID=America/Los_Angeles:20270314T030000";
    let reading = of_events(&[&format!("UID:1\nSUMMARY:Sam\n{times}\nRRULE:FREQ=DAILY;COUNT=3")], LA);
    assert_eq!(shown(&reading), ["Sam 03-15T09:00 03-15T10:00", "Sam 03-16T09:00 03-16T10:00"]);
    let said = refused(&reading);
    assert!(said.len() == 1 && said.iter().all(|s| s.contains("leaves out")), "{said:?}");
}

#[test]
fn a_day_that_is_taken_out_by_a_time_is_that_day_and_no_other() {
    let west = ["Sam 11-01T16:00 11-02T16:00", "Sam 11-03T16:00 11-04T16:00"];
    let east = ["Sam 10-31T19:00 11-01T19:00", "Sam 11-02T19:00 11-03T19:00"];
    for (zone, out, want) in [
        (LA, "EXDATE:20261102T080000Z", west),
        (LA, "EXDATE:20261102T000000Z", west),
        (LA, "EXDATE:20261103T040000Z", west),
        (LA, "EXDATE;TZID=America/New_York:20261102T010000", west),
        (LA, "EXDATE;TZID=America/New_York:20261102T000000", west),
        ("Pacific/Auckland", "EXDATE:20261101T110000Z", east),
        ("Pacific/Auckland", "EXDATE:20261102T000000Z", east),
    ] {
        let series = format!("UID:1\nSUMMARY:Sam\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;COUNT=3\n{out}");
        assert_eq!(shown(&of_events(&[&series], zone)), want, "{zone} {out}");
    }
}

#[test]
fn the_same_event_twice_is_one_and_two_that_differ_are_said() {
    let event = |from: &str, until: &str, count: u32| {
        let times = format!("DTSTART:20261122T{from}Z\nDTEND:20261122T{until}Z");
        format!("UID:1\nSUMMARY:Sam\n{times}\nRRULE:FREQ=DAILY;COUNT={count}")
    };
    let first = event("080000", "200000", 2);
    for (second, said) in [
        (event("080000", "200000", 2), 0),
        (event("090000", "200000", 2), 1),
        (event("080000", "210000", 2), 1),
        (event("080000", "200000", 3), 1),
    ] {
        let reading = of_events(&[&first, &second], "UTC");
        assert_eq!(refused(&reading).len(), said, "{second}");
        let alone = of_events(&[&second], "UTC");
        assert_eq!(shown(&reading), shown(&alone), "the last of them counts");
    }
}

#[test]
fn the_clock_of_a_calendar_is_what_its_own_line_of_the_zone_says_alone() {
    let event = "BEGIN:VEVENT\nUID:1\nSUMMARY:Sam\nDTSTART:20261122T080000\nDTEND:20261122T200000\nEND:VEVENT";
    let reading = whole(&format!("X-WR-TIMEZONE:Europe/Berlin\nX-WR-CALNAME:Asia/Tokyo\n{event}")).expect("a calendar");
    assert_eq!(shown(&reading), ["Sam 11-22T07:00 11-22T19:00"]);
}

#[test]
fn an_open_quote_in_an_alarm_refuses_no_event() {
    let alarm = "BEGIN:VALARM\nATTENDEE;CN=\"Sam:mailto:sam@example.org\nEND:VALARM";
    let event = format!("UID:1\nSUMMARY:Sam\nDTSTART:20261122T080000Z\nDTEND:20261122T200000Z\n{alarm}");
    let reading = of_events(&[&event], "UTC");
    assert_eq!((reading.occurrences.len(), refused(&reading).len()), (1, 0));
}

#[test]
fn a_zone_of_which_a_line_is_not_understood_is_no_clock() {
    let event = "BEGIN:VEVENT\nUID:1\nSUMMARY:Sam\nDTSTART;TZID=Our clock:20261122T080000\nDURATION:PT1H\nEND:VEVENT";
    let each = "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU";
    for (line, is_clock) in [
        (each.to_owned(), true),
        ("RDATE:20011101T020000,20021101T020000".to_owned(), true),
        (format!("{each}\n{each}"), false),
        ("RRULE:FREQ=NOW".to_owned(), false),
        ("RDATE:20011101T020000,soon".to_owned(), false),
        ("RDATE:20011101T020000Z".to_owned(), false),
    ] {
        let part = format!("DTSTART:20001101T020000\nTZOFFSETFROM:-0700\nTZOFFSETTO:-0800\n{line}");
        let zone = format!("BEGIN:VTIMEZONE\nTZID:Our clock\nBEGIN:STANDARD\n{part}\nEND:STANDARD\nEND:VTIMEZONE");
        let reading = whole(&format!("{zone}\n{event}")).expect("a calendar");
        let want: &[&str] = if is_clock { &["Sam 11-22T16:00 11-22T17:00"] } else { &[] };
        assert_eq!(shown(&reading), want, "{line}");
        assert_eq!(refused(&reading).len(), usize::from(!is_clock), "{line}");
    }
}

#[test]
fn parts_of_zones_and_parts_within_parts_have_a_bound() {
    let zone = |parts: usize| {
        let parts = "BEGIN:STANDARD\nEND:STANDARD\n".repeat(parts);
        whole(&format!("BEGIN:VTIMEZONE\nTZID:X\n{parts}END:VTIMEZONE"))
    };
    assert_eq!((zone(1_000), zone(1_001)), (Ok(Reading::default()), Err(Unreadable::TooManyEvents)));
    let within = |depth: usize| {
        let (begins, ends) = ("BEGIN:X-PART\n".repeat(depth), "END:X-PART\n".repeat(depth));
        whole(&format!("{begins}{}", ends.trim_end()))
    };
    // The calendar itself is the tenth.
    assert_eq!((within(9), within(10)), (Ok(Reading::default()), Err(Unreadable::NotACalendar)));
}

#[test]
fn what_is_as_large_as_may_be_is_read_and_what_is_no_calendar_is_not_cut_off() {
    let of = |bytes: &[u8]| read(bytes, &place("UTC"), window("2026-10-01T00:00:00Z", "2027-10-01T00:00:00Z"));
    assert_eq!(of(&vec![b' '; BYTES_MAX]), Err(Unreadable::Empty));
    assert_eq!(of(b"BEGIN:VEVENT\nUID:1\n"), Err(Unreadable::NotACalendar));
}

#[test]
fn what_lasts_or_repeats_is_given_a_month_until_it_is_surely_over() {
    let at = |time: &str| format!("TZID=Nowhere:{time}");
    let start = format!("DTSTART;{}", at("20260910T080000"));
    let end = format!("DTEND;{}", at("20260910T200000"));
    for (event, said) in [
        (format!("{start}\n{end}"), 0),
        (format!("{start}\nDURATION:P30D"), 1),
        (format!("{start}\n{end}\nRRULE:FREQ=DAILY;UNTIL=20260910T230000Z"), 1),
    ] {
        assert_eq!(left_out(&event).len(), said, "{event}");
    }
}

#[test]
fn an_event_without_an_end_is_said_where_it_begins_in_the_window() {
    for (start, said) in [
        ("DTSTART:20260930T235959Z", 0),
        ("DTSTART:20261001T000000Z", 1),
        ("DTSTART:20270930T235959Z", 1),
        ("DTSTART:20271001T000000Z", 0),
    ] {
        assert_eq!(left_out(start).len(), said, "{start}");
    }
}

#[test]
fn decisions_look_back_thirty_days_whatever_the_hour() {
    for now in ["2026-11-28T00:00:00Z", "2026-11-28T04:00:00Z", "2026-11-28T23:59:59Z"] {
        let from = Window::around(now.parse().expect("a time")).from;
        assert_eq!(from.to_string(), "2026-10-29T00:00:00Z", "{now}");
    }
}
