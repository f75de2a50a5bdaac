//! Who is due when, by the clock on the wall.

use jiff::tz::TimeZone;

use super::plan::due;
use crate::domain::hours::Hours;
use crate::domain::oncall::roll_call::RollCallTime;
use crate::domain::oncall::{CalendarShift, CalendarShifts, MemberList, Rotation};
use crate::domain::team::{Directory, TeamEntry, TeamWho};
use crate::domain::types::Timestamp;
use crate::testing::fixtures;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn directory(handoff: &str, period_days: u32, hours: Option<&str>) -> Directory {
    let id = |name: &str| name.parse().expect("id");
    let mut d = fixtures::directory();
    d.rotations = vec![Rotation {
        id: "night".parse().expect("id"),
        zone: TimeZone::get("America/Los_Angeles").expect("zone"),
        handoff: crate::domain::hours::time(handoff).expect("time"),
        period_days,
        lists: vec![MemberList {
            starts: "2026-10-05".parse().expect("date"),
            members: vec![vec![id("sam")], vec![id("ana")]],
        }],
        days: None,
        hours: hours.map(|h| Hours::read([h]).expect("hours")),
        calendar: None,
    }];
    let night = TeamWho::Rotation("night".parse().expect("id"));
    let role = |name: &str| name.parse().expect("role");
    d.default_line.team = Some(vec![
        TeamEntry { who: night, ..TeamEntry::of(id("sam"), role("primary")) },
        TeamEntry::of(id("olga"), role("backup")),
    ]);
    d
}

fn time(text: &str) -> RollCallTime {
    RollCallTime::read(text, |d| {
        let minutes = |text: &str, each: u64| text.parse().ok().map(|n: u64| std::time::Duration::from_secs(n * each));
        d.strip_suffix('m').and_then(|m| minutes(m, 60)).or_else(|| minutes(d.strip_suffix('h')?, 3_600))
    })
    .expect(text)
}

/// Who is due, with their shift's begin.
fn who(d: &Directory, roll_call: &str, now: &str) -> String {
    let all = due(d, time(roll_call), at(now));
    all.iter().map(|n| format!("{} {}", n.contact, n.from.rfc3339())).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_time_of_day_is_that_of_the_shifts_first_day_across_a_change_of_the_clock() {
    // Weeks from Monday 08:00; the clock is set back on 2026-11-01, so Ana's week of 10-26 has 169 hours.
    let d = directory("08:00", 7, None);
    let (ana, sam) = ("ana 2026-10-26T15:00:00.000Z", "sam 2026-11-02T16:00:00.000Z");
    for (now, want) in [
        ("2026-10-26T23:29:59Z", ""),
        ("2026-10-26T23:30:00Z", ana),
        ("2026-11-02T15:59:59Z", ana),
        // 16:30 of standard time.
        ("2026-11-03T00:29:59Z", ""),
        ("2026-11-03T00:30:00Z", sam),
        ("2026-11-08T00:30:00Z", sam),
    ] {
        assert_eq!(who(&d, "16:30", now), want, "{now}");
    }
    // 01:30 comes twice on 11-01: the first counts.
    let daily = directory("01:00", 1, None);
    assert!(!who(&daily, "01:30", "2026-11-01T08:29:59Z").contains("2026-11-01"), "before it");
    assert!(who(&daily, "01:30", "2026-11-01T08:30:00Z").contains("2026-11-01T08:00:00.000Z"));
    // 02:30 does not come on 2027-03-14: the change itself counts.
    let daily = directory("01:00", 1, None);
    assert!(!who(&daily, "02:30", "2027-03-14T09:59:59Z").contains("2027-03-14T09:00"));
    assert!(who(&daily, "02:30", "2027-03-14T10:00:00Z").contains("2027-03-14T09:00:00.000Z"));
}

#[test]
fn before_a_shift_is_before_its_begin_and_reaches_the_next_one() {
    let d = directory("08:00", 7, None);
    let ana = "ana 2026-10-26T15:00:00.000Z";
    assert_eq!(who(&d, "-30m", "2026-11-02T15:29:59Z"), ana);
    assert_eq!(who(&d, "-30m", "2026-11-02T15:30:00Z"), format!("{ana}, sam 2026-11-02T16:00:00.000Z"));
    assert_eq!(who(&d, "-30m", "2026-11-02T16:00:00Z"), "sam 2026-11-02T16:00:00.000Z");
    // A shift that begins in the evening is asked on its own day, before it.
    let evening = directory("17:00", 1, None);
    let next = who(&evening, "16:30", "2026-10-28T23:30:00Z");
    assert!(next.contains("2026-10-29T00:00:00.000Z"), "{next}");
    assert!(!who(&evening, "16:30", "2026-10-28T23:29:59Z").contains("2026-10-29T00"), "half an hour before");
}

#[test]
fn who_holds_it_when_it_is_held_first_is_asked_and_a_static_team_never() {
    // Held at night alone: at 16:30 nobody holds it, at 17:00 Ana does.
    let mut d = directory("08:00", 7, Some("17:00-08:00"));
    assert_eq!(who(&d, "16:30", "2026-10-26T23:30:00Z"), "ana 2026-10-26T15:00:00.000Z");
    let until = due(&d, time("16:30"), at("2026-10-26T23:30:00Z"))[0].until;
    assert_eq!(until, at("2026-11-02T16:00:00Z"), "her week, not her first night");
    d.default_line.team = Some(vec![TeamEntry::of("sam".parse().expect("id"), "primary".parse().expect("role"))]);
    assert_eq!(who(&d, "16:30", "2026-10-26T23:30:00Z"), "", "it is in no team");
}

fn by_calendar(events: &[(&str, &str, &str)]) -> Directory {
    let mut d = directory("08:00", 7, None);
    d.rotations[0].lists.clear();
    let shift = |(n, (who, from, until)): (usize, &(&str, &str, &str))| CalendarShift {
        from: at(from),
        until: at(until),
        who: Ok(vec![who.parse().expect("id")]),
        event: n.to_string(),
    };
    let all = events.iter().enumerate().map(shift).collect();
    d.calendars.insert("night".parse().expect("id"), CalendarShifts::new(all));
    d
}

#[test]
fn a_shift_that_ends_before_the_time_of_day_is_asked_for_the_day_before() {
    // From midnight to noon of 2026-10-27 in Los Angeles.
    let d = by_calendar(&[("sam", "2026-10-27T07:00:00Z", "2026-10-27T19:00:00Z")]);
    let sam = "sam 2026-10-27T07:00:00.000Z";
    for (now, want) in [
        ("2026-10-26T23:29:59Z", ""),
        ("2026-10-26T23:30:00Z", sam),
        ("2026-10-27T10:00:00Z", sam),
        ("2026-10-27T19:00:00Z", ""),
    ] {
        assert_eq!(who(&d, "16:30", now), want, "{now}");
    }
    let d = by_calendar(&[("sam", "2026-10-27T07:00:00Z", "2026-10-28T00:00:00Z")]);
    assert_eq!(who(&d, "16:30", "2026-10-26T23:30:00Z"), "", "16:30 of its own day lies in it");
    assert_eq!(who(&d, "16:30", "2026-10-27T23:30:00Z"), sam);
}

#[test]
fn whoever_begins_next_is_found_behind_any_number_of_events_that_last() {
    let lasting = ("olga", "2026-10-20T07:00:00Z", "2026-11-20T07:00:00Z");
    let mut events = vec![lasting; 6];
    events.push(("sam", "2026-10-27T07:00:00Z", "2026-10-27T19:00:00Z"));
    events.push(("ana", "2026-10-30T07:00:00Z", "2026-10-30T19:00:00Z"));
    let d = by_calendar(&events);
    assert!(who(&d, "-30m", "2026-10-27T06:30:00Z").contains("sam 2026-10-27T07:00:00.000Z"));
    assert!(!who(&d, "-30m", "2026-10-27T06:30:00Z").contains("ana"));
    assert!(who(&d, "-24h", "2026-10-29T07:00:00Z").contains("ana 2026-10-30T07:00:00.000Z"));
}
