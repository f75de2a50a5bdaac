//! Rule by rule: who holds a role where events and hours end, what is ahead, what is warned of, and times as people type them.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::outlook::{Held, LineRole, compared, duties, gaps};
use super::roll_call::RollCallId;
use super::tests::*;
use super::timeline::{by_contacts, spans};
use super::typed::Typed;
use super::warnings::{handoffs, warnings};
use super::*;
use crate::domain::hours::Hours;
use crate::domain::team::{Contact, Directory, TeamEntry};
use crate::domain::types::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// An event of a calendar: of a contact, or of a text that is nobody.
fn event(from: &str, until: &str, who: Result<&str, &str>) -> CalendarShift {
    let who = who.map(|name| vec![id(name)]).map_err(str::to_owned);
    CalendarShift { from: at(from), until: at(until), who, event: "e@example".into() }
}

fn with_calendar(d: &mut Directory, events: Vec<CalendarShift>) {
    d.calendars.insert("night".parse().expect("id"), CalendarShifts::new(events));
}

#[test]
fn an_event_that_ends_within_a_longer_one_is_over_at_its_end() {
    let shifts = CalendarShifts::new(vec![
        event("2026-11-28T00:00:00Z", "2026-11-28T10:00:00Z", Ok("sam")),
        event("2026-11-28T02:00:00Z", "2026-11-28T05:00:00Z", Ok("bo")),
    ]);
    for (moment, want) in [
        ("2026-11-28T01:59:59Z", 1),
        ("2026-11-28T02:00:00Z", 2),
        ("2026-11-28T04:59:59Z", 2),
        ("2026-11-28T05:00:00Z", 1),
        ("2026-11-28T10:00:00Z", 0),
    ] {
        assert_eq!(shifts.at(at(moment)).len(), want, "{moment}");
    }
}

#[test]
fn a_fallback_holds_in_its_own_hours_and_not_while_it_is_off() {
    let told = |d: &Directory, moment: &str| d.holders(&d.lines[0], &role("backup"), at(moment)).len();
    // A Saturday: the backup of weekdays has no turn.
    let (noon, evening) = ("2026-11-28T20:00:00Z", "2026-11-29T02:00:00Z");
    let mut d = directory(LA);
    assert_eq!((told(&d, noon), told(&d, evening)), (1, 1));
    d.lines[0].team.as_mut().expect("a team")[3].hours = Hours::read(["17:00-08:00"]).ok();
    assert_eq!((told(&d, noon), told(&d, evening)), (0, 1));
    d.lines[0].team.as_mut().expect("a team")[3].off = true;
    assert_eq!((told(&d, noon), told(&d, evening)), (0, 0));
}

#[test]
fn a_line_has_the_roles_of_its_own_policies_and_of_the_defaults_that_it_does_not_replace() {
    let roles = |d: &Directory| -> Vec<String> {
        let of_line = duties(d).into_iter().filter(|duty| duty.line.number.is_some());
        of_line.map(|duty| duty.role.as_str().to_owned()).collect()
    };
    let mut d = directory(LA);
    // Only the default for `high` asks the owner.
    d.lines[0].policies.remove("high");
    assert_eq!(roles(&d), ["primary", "backup", "owner"]);
    let mut d = directory(LA);
    d.lines[0].policies.get_mut("high").expect("a policy").steps.truncate(1);
    assert_eq!(roles(&d), ["primary", "backup"], "its own asks no owner");
}

#[test]
fn a_time_in_which_several_hold_it_and_none_can_be_told_is_one_gap() {
    let d = directory(LA);
    let (from, until) = (at(FRIDAY), at(FRIDAY).plus(7 * DAY));
    let nobody = |_: &LineRole<'_>, _: &Contact| false;
    let found: Vec<_> = gaps(&d, from, until, &nobody)
        .into_iter()
        .filter(|gap| gap.line.is_some() && gap.role.as_str() == "primary")
        .collect();
    let [gap] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((gap.from, gap.until), (from, until));
    assert_eq!(gap.unreachable, ["ANA", "JOE", "KIM", "LEE"]);
}

#[test]
fn a_gap_names_what_the_calendar_says_in_it_and_nothing_from_before_or_after() {
    let mut d = directory(LA);
    d.lines[0].team.as_mut().expect("a team").truncate(1);
    d.rotations[0].lists.clear();
    d.rotations[0].hours = None;
    let (two, four) = ("2026-11-28T02:00:00Z", "2026-11-28T04:00:00Z");
    let (six, eight) = ("2026-11-28T06:00:00Z", "2026-11-28T08:00:00Z");
    let events = vec![
        event(two, four, Ok("bo")),
        event(two, four, Err("Early")),
        event(four, six, Err("Smith")),
        event(six, eight, Ok("sam")),
        event(six, eight, Err("Late")),
    ];
    with_calendar(&mut d, events);
    let everybody = |_: &LineRole<'_>, _: &Contact| true;
    let found: Vec<_> = gaps(&d, at(two), at(eight), &everybody)
        .into_iter()
        .filter(|gap| gap.line.is_some() && gap.role.as_str() == "primary")
        .collect();
    let [gap] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((gap.from, gap.until), (at(four), at(six)));
    assert_eq!(gap.texts, ["Smith"]);
}

#[test]
fn a_difference_is_one_as_long_as_it_is_the_same_and_ends_where_it_was_looked_to() {
    let hour = |n: i64| Timestamp::from_millis(n * 3_600_000);
    let held = |spans: &[(i64, i64, &str)]| -> Vec<Held> {
        let one = |of: &(i64, i64, &str)| Held { from: hour(of.0), until: hour(of.1), contacts: vec![id(of.2)] };
        spans.iter().map(one).collect()
    };
    let d = directory(LA);
    let duty = LineRole { line: &d.lines[0], role: role("primary") };
    let old = held(&[(0, 4, "sam"), (4, 12, "sam"), (12, 14, "lee"), (14, 16, "sam"), (16, 20, "ana")]);
    let new = held(&[(0, 8, "ana"), (8, 12, "bo"), (12, 14, "lee"), (14, 20, "bo")]);
    let found = compared(&duty, &old, &new, hour(16));
    let shown: Vec<_> = found.into_iter().map(|d| (d.from, d.until, d.before, d.after)).collect();
    let want = [(0, 8, "sam", "ana"), (8, 12, "sam", "bo"), (14, 16, "sam", "bo")];
    let want = want.map(|(from, until, was, is)| (hour(from), hour(until), vec![id(was)], vec![id(is)]));
    assert_eq!(shown, want);
}

#[test]
fn who_goes_on_for_another_reason_holds_it_in_one_span() {
    let mut d = directory(LA);
    let scope = OverrideScope::Rotation("night".parse().expect("id"));
    d.overrides = vec![exception(1, OverrideKind::Take, scope, "lee", "2026-12-01T02:00:00Z", "2026-12-01T05:00:00Z")];
    let (from, until) = (at("2026-12-01T01:30:00Z"), at("2026-12-01T08:00:00Z"));
    let all = spans(&d, &d.lines[0], &role("primary"), from, until);
    assert_eq!(all.len(), 3, "by its reasons");
    let joined = by_contacts(all);
    let [span] = joined.as_slice() else { panic!("{joined:?}") };
    let lee = id("lee");
    assert_eq!((span.from, span.until, span.contacts()), (from, until, vec![&lee]));
}

#[test]
fn tonight_is_now_in_the_night_and_else_this_evening() {
    let la = TimeZone::get(LA).expect("a zone");
    let evening = "2026-11-26T01:00:00Z";
    for (now, want) in [
        // Three in the morning; night ends at eight and begins at five.
        ("2026-11-25T11:00:00Z", "2026-11-25T11:00:00Z"),
        ("2026-11-25T15:59:59Z", "2026-11-25T15:59:59Z"),
        ("2026-11-25T16:00:00Z", evening),
        ("2026-11-25T16:30:00Z", evening),
        ("2026-11-26T00:59:59Z", evening),
        (evening, evening),
        ("2026-11-26T06:00:00Z", "2026-11-26T06:00:00Z"),
    ] {
        let typed = Typed { zone: &la, rotation: None, calendar: None, now: at(now) };
        assert_eq!(typed.from("tonight").ok(), Some(at(want)), "{now}");
    }
}

#[test]
fn the_handoff_and_a_time_of_day_are_the_next_ones_and_never_this_moment() {
    let (d, la) = (directory(LA), TimeZone::get(LA).expect("a zone"));
    for (now, text, want) in [
        ("2026-11-25T14:00:00Z", "handoff", "2026-11-25T16:00:00Z"),
        ("2026-11-25T15:59:59Z", "handoff", "2026-11-25T16:00:00Z"),
        ("2026-11-25T16:00:00Z", "handoff", "2026-11-26T16:00:00Z"),
        ("2026-11-25T20:00:00Z", "handoff", "2026-11-26T16:00:00Z"),
        ("2026-11-26T00:59:59Z", "17:00", "2026-11-26T01:00:00Z"),
        ("2026-11-26T01:00:00Z", "17:00", "2026-11-27T01:00:00Z"),
    ] {
        let typed = Typed { zone: &la, rotation: Some(&d.rotations[0]), calendar: None, now: at(now) };
        assert_eq!(typed.from(text).ok(), Some(at(want)), "from {text} at {now}");
        let earlier = Typed { now: at("2026-11-20T00:00:00Z"), ..typed };
        assert_eq!(earlier.until(text, at(now)).ok(), Some(at(want)), "until {text} from {now}");
    }
}

#[test]
fn a_rotation_that_has_begun_is_not_said_to_begin_only_later() {
    let mut d = directory(LA);
    // A Saturday, on which the rotation of weekdays has no turn.
    d.rotations[1].lists[0].starts = date("2026-11-28");
    for (now, is_said) in [("2026-11-27T20:00:00Z", true), ("2026-11-28T20:00:00Z", false)] {
        let said = warnings(&d, at(now), at(now).plus(DAY)).join("\n");
        assert_eq!(said.contains("day begins only on 2026-11-28"), is_said, "{now}: {said}");
    }
}

#[test]
fn half_of_the_turns_is_not_over_half_of_them() {
    for (members, is_said) in
        [("bo kim bo lee", false), ("bo kim lee", false), ("bo bo kim", true), ("bo bo bo kim lee", true)]
    {
        let mut d = directory(LA);
        d.rotations[1].lists[0].members = members.split(' ').map(|name| vec![id(name)]).collect();
        let said = warnings(&d, at(FRIDAY), at(FRIDAY).plus(DAY)).join("\n");
        assert_eq!(said.contains("bo has over half of the turns"), is_said, "{members}: {said}");
    }
}

#[test]
fn each_text_of_the_time_ahead_that_is_nobody_is_said_once_and_at_most_ten_are() {
    let said = |events: Vec<CalendarShift>| -> Vec<String> {
        let mut d = directory(LA);
        with_calendar(&mut d, events);
        let all = warnings(&d, at(FRIDAY), at(FRIDAY).plus(14 * DAY));
        all.into_iter().filter(|s| s.starts_with("the calendar of the rotation night says")).collect()
    };
    let found = said(vec![
        event("2026-11-28T02:00:00Z", FRIDAY, Err("Past")),
        event("2026-11-28T03:00:00Z", "2026-11-28T05:00:00Z", Err("Smith")),
        event("2026-11-29T04:00:00Z", "2026-11-29T06:00:00Z", Ok("bo")),
        event("2026-11-30T04:00:00Z", "2026-11-30T06:00:00Z", Err("Smith")),
        event("2026-12-01T04:00:00Z", "2026-12-01T06:00:00Z", Err("Jones")),
        event("2026-12-12T04:00:00Z", "2026-12-12T06:00:00Z", Err("Later")),
    ]);
    let [smith, jones] = found.as_slice() else { panic!("{found:?}") };
    assert!(smith.contains("\"Smith\"") && jones.contains("\"Jones\""), "{found:?}");
    let one = |n: i32| event("2026-11-29T04:00:00Z", "2026-11-29T06:00:00Z", Err(&format!("Name {n}")));
    assert_eq!(said((0..12).map(one).collect()).len(), 10);
}

#[test]
fn a_rotation_that_only_a_calendar_says_has_no_odd_handoff() {
    let mut d = directory(LA);
    let is_odd = |d: &Directory| {
        let said = warnings(d, at(FRIDAY), at(FRIDAY).plus(DAY)).join("\n");
        said.contains("falls into a change")
    };
    assert!(is_odd(&d));
    d.rotations[1].lists.clear();
    assert!(!is_odd(&d));
}

#[test]
fn one_person_for_both_is_said_only_of_a_time_that_both_have_in_common() {
    let day = |day: u32| format!("2026-12-{day:02}T20:00:00Z");
    let span = |from: u32, until: u32| (day(from), day(until));
    for (primary, backup, first) in [
        (span(1, 2), span(2, 3), None),
        (span(2, 3), span(1, 2), None),
        (span(1, 2), span(4, 5), None),
        (span(4, 5), span(1, 2), None),
        (span(1, 3), span(2, 5), Some("2026-12-02T20:00")),
        (span(2, 5), span(1, 3), Some("2026-12-02T20:00")),
    ] {
        let mut d = directory(LA);
        let entry = |name: &str, of: &str| TeamEntry::of(id(name), role(of));
        d.lines[0].team = Some(vec![entry("ana", "primary"), entry("bo", "backup")]);
        let number = d.lines[0].number.clone();
        let take = |n: u128, of: &str, (from, until): &(String, String)| {
            let scope = OverrideScope::Role { line: number.clone(), role: role(of) };
            exception(n, OverrideKind::Take, scope, "sam", from, until)
        };
        d.overrides = vec![take(1, "primary", &primary), take(2, "backup", &backup)];
        let said = warnings(&d, at(FRIDAY), at(FRIDAY).plus(14 * DAY)).join("\n");
        let want = first.map(|at| format!("sam is primary and backup of +18005550100 at once, first at {at}"));
        assert_eq!(said.contains("at once"), want.is_some(), "{primary:?} {backup:?}: {said}");
        assert!(want.is_none_or(|want| said.contains(&want)), "{primary:?} {backup:?}: {said}");
    }
}

#[test]
fn the_next_handoffs_of_a_calendar_are_its_next_events() {
    let mut d = directory(LA);
    let (six, eight) = ("2026-11-28T06:00:00Z", "2026-11-28T08:00:00Z");
    let events = vec![
        event("2026-11-28T02:00:00Z", FRIDAY, Ok("lee")),
        event(FRIDAY, six, Ok("bo")),
        event(six, eight, Ok("sam")),
        event(eight, "2026-11-28T10:00:00Z", Err("Smith")),
        event("2026-11-28T10:00:00Z", "2026-11-28T12:00:00Z", Ok("lee")),
    ];
    with_calendar(&mut d, events);
    let next = handoffs(&d, &d.rotations[0], at(FRIDAY), 2);
    assert_eq!(next, [(at(six), vec![id("sam")]), (at(eight), Vec::new())]);
}

#[test]
fn a_list_of_nobody_has_no_turn() {
    let mut d = directory(LA);
    d.rotations[0].lists[0].members.clear();
    assert_eq!(d.rotations[0].shift_at(at(FRIDAY)), None);
}

#[test]
fn the_name_of_a_rotation_is_one_to_sixty_four_visible_characters() {
    let (most, more) = ("\u{fc}".repeat(64), "n".repeat(65));
    for (text, is_name) in [
        ("night", true),
        ("n", true),
        (most.as_str(), true),
        (more.as_str(), false),
        ("", false),
        ("a b", false),
        ("a\u{3000}b", false),
        ("a\u{7}b", false),
    ] {
        let read = text.parse::<RotationId>();
        assert_eq!(read.is_ok(), is_name, "{text:?}");
        assert!(read.is_err() || read.map(String::from).as_deref() == Ok(text), "{text:?}");
    }
}

#[test]
fn ids_of_exceptions_and_roll_calls_are_a_prefix_and_32_hex_digits_and_kept_as_they_are_shown() {
    let hex = "0123456789abcdef0123456789abcdef";
    for (rest, is_id) in [
        (hex.to_owned(), true),
        (hex[1..].to_owned(), false),
        (format!("{hex}0"), false),
        (format!("g{}", &hex[1..]), false),
        (format!("-{}", &hex[1..]), false),
        (String::new(), false),
    ] {
        assert_eq!(format!("ovr_{rest}").parse::<OverrideId>().is_ok(), is_id, "{rest}");
        assert_eq!(format!("rol_{rest}").parse::<RollCallId>().is_ok(), is_id, "{rest}");
    }
    assert!(format!("ovr_{}", hex.to_uppercase()).parse::<OverrideId>().is_err());
    assert!(format!("rol_{hex}").parse::<OverrideId>().is_err());
    let of_call: RollCallId = format!("rol_{hex}").parse().expect("an id");
    assert_eq!(of_call.to_string(), format!("rol_{hex}"));
    assert_eq!(String::from(of_call), format!("rol_{hex}"));
    let of_exception: OverrideId = format!("ovr_{hex}").parse().expect("an id");
    assert_eq!(of_exception.to_string(), String::from(of_exception));
}
