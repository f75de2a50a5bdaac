//! What is ahead, times as people type them, and what is warned of.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::outlook::{differences, duties, gaps};
use super::tests::*;
use super::typed::Typed;
use super::warnings::{handoffs, warnings};
use super::*;
use crate::domain::team::{Directory, TeamEntry, TeamRole};
use crate::domain::types::{ContactId, Timestamp};

const DAY: Duration = Duration::from_secs(86_400);

fn everybody(_: &outlook::LineRole<'_>, _: &crate::domain::team::Contact) -> bool {
    true
}

#[test]
fn a_gap_is_found_with_its_begin_and_end_and_one_who_cannot_be_told_is_one() {
    let mut d = directory(LA);
    let (from, until) = (at("2026-11-27T20:00:00Z"), at("2026-12-04T20:00:00Z"));
    // Of the roles of the policies, `primary` and `backup` are held all the time; nobody is ever asked for `boss`.
    assert!(
        gaps(&d, from, until, &everybody).iter().all(|g| g.line.is_none()),
        "{:?}",
        gaps(&d, from, until, &everybody)
    );
    let away = |n, who: &str| {
        exception(n, OverrideKind::Away, OverrideScope::Everywhere, who, "2026-11-30T20:00:00Z", "2026-12-01T20:00:00Z")
    };
    d.overrides = ["bo", "olga"].iter().zip(1..).map(|(who, n)| away(n, who)).collect();
    d.overrides.push(away(9, "kim"));
    let found: Vec<_> = gaps(&d, from, until, &everybody).into_iter().filter(|g| g.line.is_some()).collect();
    let backup = found.iter().find(|g| g.role.as_str() == "backup").expect("a gap");
    assert_eq!((backup.from, backup.until), (at("2026-11-30T20:00:00Z"), at("2026-12-01T20:00:00Z")));
    assert_eq!(backup.why(), "nobody holds it");
    d.overrides.clear();
    let not_lee =
        |_: &outlook::LineRole<'_>, c: &crate::domain::team::Contact| !["ana", "joe"].contains(&c.id.as_str());
    let found = gaps(&d, from, until, &not_lee);
    let first = found.iter().find(|g| g.line.is_some()).expect("a gap");
    assert_eq!(first.unreachable, ["ANA", "JOE"]);
    assert!(first.why().contains("ANA, JOE cannot be told"), "{first:?}");
    d.rotations[0].lists.clear();
    let event = CalendarShift { from, until: from.plus(DAY), who: Err("Smith".into()), event: "e".into() };
    d.calendars.insert("night".parse().expect("id"), CalendarShifts::new(vec![event]));
    let found = gaps(&d, from, until, &everybody);
    assert!(found.iter().any(|g| g.why().contains("\"Smith\"")), "{found:?}");
}

#[test]
fn two_directories_differ_only_where_others_are_told() {
    let before = directory(LA);
    let mut after = before.clone();
    let (from, until) = (at(FRIDAY), at(FRIDAY).plus(7 * DAY));
    assert_eq!(differences(&before, &after, from, until), []);
    after.rotations[0].lists[0].members[1] = vec![id("lee")];
    let found = differences(&before, &after, from, until);
    let ids = |names: &[&str]| names.iter().map(|n| id(n)).collect::<Vec<ContactId>>();
    assert_eq!((found[0].from, &found[0].before, &found[0].after), (from, &ids(&["ana", "joe"]), &ids(&["lee"])));
    assert!(found.iter().all(|d| d.role.as_str() == "primary"), "{found:?}");
    assert!(duties(&after).iter().any(|d| d.line.number.is_none()), "numbers that are not listed too");
}

#[test]
fn typed_times_are_those_of_the_local_clock_and_a_repeated_one_leaves_no_hole() {
    let d = directory(LA);
    let night = &d.rotations[0];
    let now = at("2026-10-31T20:00:00Z");
    let la = TimeZone::get(LA).expect("a zone");
    let typed = Typed { zone: &la, rotation: Some(night), calendar: None, now };
    let from = |text: &str| typed.from(text).map(Timestamp::rfc3339).unwrap_or_else(|e| e.why);
    for (text, want) in [
        ("now", "2026-10-31T20:00:00.000Z"),
        // A Saturday at one: the weekend's hours last, and it is the evening that is meant.
        ("tonight", "2026-11-01T00:00:00.000Z"),
        ("17:00", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01 01:30", "2026-11-01T08:30:00.000Z"),
        ("2026-11-01T01:30", "2026-11-01T08:30:00.000Z"),
        ("2026-11-02", "2026-11-02T08:00:00.000Z"),
        ("2026-11-01T05:00:00Z", "2026-11-01T05:00:00.000Z"),
        ("+8h", "2026-11-01T04:00:00.000Z"),
    ] {
        assert_eq!(from(text), want, "{text}");
    }
    let until = |text: &str| typed.until(text, now).map(Timestamp::rfc3339).unwrap_or_else(|e| e.why);
    for (text, want) in [
        ("2026-11-01 01:30", "2026-11-01T09:30:00.000Z"),
        ("handoff", "2026-11-01T16:00:00.000Z"),
        ("2026-11-02", "2026-11-03T08:00:00.000Z"),
        ("08:00", "2026-11-01T16:00:00.000Z"),
    ] {
        assert_eq!(until(text), want, "{text}");
    }
    for bad in ["", "noon", "25:00", "2026-13-01", "tomorrow"] {
        assert!(typed.from(bad).is_err(), "{bad}");
    }
    assert!(typed.until("tonight", now).is_err() && typed.until("now", now).is_err());
    // A weekday's noon: the night begins at five.
    let noon = Typed { now: at("2026-11-25T20:00:00Z"), ..typed };
    assert_eq!(noon.from("tonight").map(Timestamp::rfc3339).as_deref(), Ok("2026-11-26T01:00:00.000Z"));
    let late = Typed { now: at("2026-11-01T05:00:00Z"), ..typed };
    assert_eq!(late.from("tonight").map(Timestamp::rfc3339).as_deref(), Ok("2026-11-01T05:00:00.000Z"), "it is night");
    let plain = Typed { rotation: None, ..noon };
    assert_eq!(plain.from("tonight").map(Timestamp::rfc3339).as_deref(), Ok("2026-11-26T01:00:00.000Z"));
    assert!(plain.until("handoff", now).is_err(), "whose?");
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let mut d = directory(LA);
    let (from, until) = (at(FRIDAY), at(FRIDAY).plus(14 * DAY));
    let said = |d: &Directory| warnings(d, from, until).join("\n");
    // The day's handoff at 02:30 is skipped in March.
    assert!(said(&d).contains("02:30 falls into a change of the clock on 2027-03-14"), "{}", said(&d));
    d.rotations[1].handoff = clock("08:00");
    // Kim would be the primary by day, and in her turn the backup.
    assert!(said(&d).contains("kim is primary and backup of +18005550100"), "{}", said(&d));
    d.lines[0].team.as_mut().expect("a team").remove(2);
    assert_eq!(said(&d), "");
    d.rotations[0].lists[0].members.push(vec![id("kmi")]);
    d.rotations[1].lists[0].starts = date("2027-01-04");
    d.rotations[1].lists[0].members = vec![vec![id("bo")], vec![id("bo")], vec![id("kim")]];
    let text = said(&d);
    for wanted in
        ["night names kmi, who is no contact", "day begins only on 2027-01-04", "bo has over half of the turns"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    d.lines[0].team = Some(vec![TeamEntry::of(id("sam"), role("primary")), TeamEntry::of(id("sam"), role("backup"))]);
    assert!(said(&d).contains("sam is primary and backup of +18005550100"), "{}", said(&d));
}

#[test]
fn one_person_for_both_is_found_wherever_the_backup_changes() {
    let mut d = directory(LA);
    d.rotations[1].handoff = clock("08:00");
    let (from, until) = (at(FRIDAY), at(FRIDAY).plus(14 * DAY));
    // Sam is the primary all the time: no handoff of his begins a span in which the backup is looked at.
    d.lines[0].team = Some(vec![TeamEntry::of(id("sam"), role("primary")), TeamEntry::of(id("bo"), role("backup"))]);
    assert_eq!(warnings(&d, from, until).join("\n"), "");
    let scope = OverrideScope::Role { line: d.lines[0].number.clone(), role: role("backup") };
    d.overrides = vec![exception(1, OverrideKind::Take, scope, "sam", "2026-12-01T20:00:00Z", "2026-12-02T20:00:00Z")];
    let said = warnings(&d, from, until).join("\n");
    assert!(said.contains("sam is primary and backup of +18005550100 at once, first at 2026-12-01T20:00"), "{said}");
}

#[test]
fn the_next_handoffs_are_named_with_who_begins() {
    let d = directory(LA);
    let next = handoffs(&d, &d.rotations[0], at(FRIDAY), 3);
    let shown: Vec<(String, String)> = next
        .iter()
        .map(|(at, who)| (at.rfc3339(), who.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")))
        .collect();
    let want = [
        ("2026-11-30T16:00:00.000Z", "lee"),
        ("2026-12-07T16:00:00.000Z", "sam"),
        ("2026-12-14T16:00:00.000Z", "ana+joe"),
    ];
    assert_eq!(shown, want.map(|(at, who)| (at.to_owned(), who.to_owned())));
    // Friday's turn ends on Saturday morning; the next begins on Monday.
    let day = handoffs(&d, &d.rotations[1], at(FRIDAY), 1);
    assert_eq!(day[0].0, at("2026-11-30T10:30:00Z"));
    let future = handoffs(&d, &d.rotations[0], at("2026-01-01T00:00:00Z"), 1);
    assert_eq!(future[0].0, at("2026-10-05T15:00:00Z"), "the start");
}

#[test]
fn a_calendar_makes_no_gap_of_a_role_that_is_not_its_own() {
    let mut d = directory(LA);
    let is_backup = |e: &TeamEntry| matches!(&e.role, TeamRole::Named(r) if r.as_str() == "backup");
    d.lines[0].team.as_mut().expect("a team").retain(|e| !is_backup(e));
    d.calendars.insert("night".parse().expect("id"), CalendarShifts::default());
    assert!(duties(&d).iter().any(|duty| duty.line.number.is_some() && duty.role.as_str() == "backup"));
    let found = gaps(&d, at(FRIDAY), at(FRIDAY).plus(DAY), &everybody);
    assert!(!found.iter().any(|g| g.line.is_some() && g.role.as_str() == "backup"), "{found:?}");
}
