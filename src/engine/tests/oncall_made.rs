//! Exceptions as they are asked for and what they come to, and how who is on call is shown to others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::oncall::directory;
use crate::domain::Timestamp;
use crate::domain::oncall::{
    CalendarPart, CalendarRules, CalendarShift, CalendarShifts, DutyOverride, MemberList, OverrideId, OverrideKind,
    OverrideScope, Rotation, RotationId,
};
use crate::domain::team::Directory;
use crate::domain::types::ContactId;
use crate::engine::oncall::kept::KeptCalendars;
use crate::engine::oncall::making::{self, LONGEST, OverrideRequest, effect, effect_of_withdrawal};
use crate::engine::oncall::{feed, past};
use crate::store::{DutyChange, FeedOf, KeptCalendar, KeptHolder};
use crate::testing::mins;
use crate::testing::world::START;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const MOMENT: Duration = Duration::from_millis(1);

fn id(name: &str) -> ContactId {
    name.parse().expect("id")
}

fn rotation_id(name: &str) -> RotationId {
    name.parse().expect("id")
}

fn of_rotation(name: &str) -> OverrideScope {
    OverrideScope::Rotation(rotation_id(name))
}

fn of_role() -> OverrideScope {
    OverrideScope::Role { line: None, role: "primary".parse().expect("role") }
}

/// After so many days the turns change: Sam's ends at the first, Ana's at the second.
fn handoff(days: u32) -> Timestamp {
    START.plus(mins(5)).plus(DAY * days)
}

fn exception(scope: OverrideScope, who: &str, from: Timestamp, until: Timestamp) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(1)),
        scope,
        kind: OverrideKind::Take,
        contact: id(who),
        from,
        until,
        note: String::new(),
        by: "office".into(),
        made_at: START,
        source: None,
        asked: None,
        withdrawn: None,
    }
}

/// One who has every turn of a rotation.
fn always(name: &str, who: &str) -> Rotation {
    let lists = vec![MemberList { starts: "2026-11-21".parse().expect("date"), members: vec![vec![id(who)]] }];
    Rotation { id: rotation_id(name), lists, ..directory().rotations.remove(0) }
}

fn covered(d: &Directory, of: &DutyOverride) -> Vec<String> {
    let who = |all: &[ContactId]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    effect(d, of, START).covers.iter().map(|s| format!("{} {}", s.rotation, who(&s.members))).collect()
}

#[test]
fn an_exception_covers_the_turns_and_events_that_it_touches_of_whom_it_is_about() {
    use OverrideScope::Everywhere;
    let mut d = directory();
    d.rotations.push(always("day", "olga"));
    let table: &[(OverrideScope, &str, Timestamp, Timestamp, &[&str])] = &[
        (of_rotation("night"), "olga", START, handoff(0), &["night sam"]),
        (of_rotation("night"), "olga", handoff(0), handoff(0).plus(MOMENT), &["night ana"]),
        (of_rotation("night"), "olga", START, handoff(0).plus(MOMENT), &["night sam", "night ana"]),
        (of_rotation("day"), "sam", START, handoff(0), &["day olga"]),
        (Everywhere, "ana", START, handoff(1), &["night ana"]),
        (Everywhere, "olga", START, handoff(1), &["day olga", "day olga"]),
        (of_role(), "olga", START, handoff(1), &[]),
    ];
    for (scope, who, from, until, want) in table {
        assert_eq!(covered(&d, &exception(scope.clone(), who, *from, *until)), *want, "{scope:?} {who}");
    }
    let event = |n: u32, length: Duration, who: Result<&str, &str>| CalendarShift {
        from: START.plus(length * n),
        until: START.plus(length * (n + 1)),
        who: who.map(|who| vec![id(who)]).map_err(str::to_owned),
        event: n.to_string(),
    };
    for rotation in &mut d.rotations {
        rotation.lists.clear();
        rotation.calendar = Some(CalendarRules::default());
    }
    let night = [Ok("sam"), Ok("ana"), Err("Kim"), Ok("sam")];
    let night = (0..).zip(night).map(|(n, who)| event(n, HOUR, who)).collect();
    let day = vec![event(1, HOUR, Ok("sam"))];
    let calendars = [(rotation_id("night"), night), (rotation_id("day"), day)];
    d.calendars = calendars.map(|(id, shifts)| (id, CalendarShifts::new(shifts))).into();
    let at = |hours: u32| START.plus(HOUR * hours);
    let table: &[(OverrideScope, &str, u32, u32, &[&str])] = &[
        (of_rotation("night"), "olga", 1, 3, &["night ana", "night "]),
        (Everywhere, "sam", 0, 4, &["night sam", "night sam", "day sam"]),
        (Everywhere, "olga", 0, 4, &[]),
        (of_role(), "olga", 0, 4, &[]),
    ];
    for (scope, who, from, until, want) in table {
        assert_eq!(covered(&d, &exception(scope.clone(), who, at(*from), at(*until))), *want, "{scope:?} {who}");
    }
    // However many there are, no more than a person reads are named.
    let many = (0..250).map(|n| event(n, mins(1), Ok("sam"))).collect();
    d.calendars = BTreeMap::from([(rotation_id("night"), CalendarShifts::new(many))]);
    assert_eq!(covered(&d, &exception(of_rotation("night"), "olga", START, START.plus(DAY))).len(), 200);
    let turns = ["a", "b", "c"].map(|name| always(name, "sam")).to_vec();
    let turns = Directory { rotations: turns, ..directory() };
    assert_eq!(covered(&turns, &exception(Everywhere, "sam", START, START.plus(LONGEST))).len(), 200);
}

fn asked(from: Option<Timestamp>, until: Timestamp) -> OverrideRequest {
    OverrideRequest {
        rotation: Some("night".into()),
        line: None,
        role: None,
        kind: OverrideKind::Take,
        contact: "olga".into(),
        from: from.map(Timestamp::rfc3339),
        until: until.rfc3339(),
        note: String::new(),
        source: None,
    }
}

#[test]
fn an_exception_has_one_scope_ends_after_it_begins_and_after_now_and_lasts_90_days_at_most() {
    let d = directory();
    let read = |asked: &OverrideRequest| {
        making::read(&d, asked, OverrideId::from_uuid(uuid::Uuid::from_u128(1)), "office", START).map_err(|e| e.field)
    };
    let hence = |length: Duration| START.plus(length);
    let table: &[(Option<Timestamp>, Timestamp, Result<Timestamp, &str>)] = &[
        (None, START, Err("until")),
        (None, hence(MOMENT), Ok(START)),
        (Some(START.minus(HOUR)), hence(HOUR), Ok(START)),
        (Some(hence(HOUR)), hence(HOUR), Err("until")),
        (Some(hence(HOUR)), hence(HOUR).plus(MOMENT), Ok(hence(HOUR))),
        (None, hence(LONGEST), Ok(START)),
        (None, hence(LONGEST).plus(MOMENT), Err("until")),
    ];
    for (from, until, begins) in table {
        assert_eq!(read(&asked(*from, *until)).map(|o| o.from), *begins, "{from:?} to {until:?}");
    }
    let usual = asked(None, hence(HOUR));
    let nowhere = OverrideRequest { rotation: None, ..usual.clone() };
    let table = [
        (OverrideRequest { role: Some("primary".into()), ..usual.clone() }, Err("rotation")),
        (OverrideRequest { line: Some("+19495550199".into()), ..usual.clone() }, Err("rotation")),
        (nowhere.clone(), Err("rotation")),
        (OverrideRequest { kind: OverrideKind::Add, ..nowhere.clone() }, Err("rotation")),
        (OverrideRequest { kind: OverrideKind::Away, ..nowhere }, Ok(OverrideScope::Everywhere)),
        (usual.clone(), Ok(of_rotation("night"))),
    ];
    for (asked, want) in table {
        assert_eq!(read(&asked).map(|o| o.scope), want, "{asked:?}");
    }
    let noted = read(&OverrideRequest { note: "swap\u{7} with Sam".into(), ..usual.clone() });
    assert_eq!(noted.map(|o| o.note), Ok("swap with Sam".into()));
    // The same words are the same exception; others are another one.
    let blanks = OverrideRequest { contact: " olga ".into(), source: Some("desk".into()), ..usual.clone() };
    assert_eq!(blanks.hash(), usual.hash());
    let others = [
        OverrideRequest { rotation: Some("day".into()), ..usual.clone() },
        OverrideRequest { kind: OverrideKind::Add, ..usual.clone() },
        OverrideRequest { contact: "ana".into(), ..usual.clone() },
        OverrideRequest { note: "swap".into(), ..usual.clone() },
        usual,
    ];
    assert_eq!(others.iter().map(OverrideRequest::hash).collect::<BTreeSet<_>>().len(), others.len());
}

#[test]
fn what_an_exception_changes_is_told_against_all_others_and_its_end_the_other_way_round() {
    let mut d = directory();
    let taken = exception(of_rotation("night"), "olga", START, START.plus(HOUR));
    let away = DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(2)),
        kind: OverrideKind::Away,
        made_at: START.minus(HOUR),
        ..exception(OverrideScope::Everywhere, "sam", START.minus(HOUR), START.plus(DAY))
    };
    d.overrides = vec![away, taken.clone()];
    let changes = effect(&d, &taken, START).changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((&changes[0].before, &changes[0].after), (&vec![id("ana")], &vec![id("olga")]), "Sam is away anyhow");
    let back = effect_of_withdrawal(&d, &taken, START).changes;
    assert_eq!((&back[0].before, &back[0].after), (&vec![id("olga")], &vec![id("ana")]));
}

/// The values of a property of a feed, event by event.
fn values<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).collect()
}

#[test]
fn a_feed_of_a_rotation_has_its_turns_of_the_last_15_and_the_next_180_days_without_times_that_nobody_has() {
    let mut d = directory();
    let night = &mut d.rotations[0];
    night.lists[0].starts = "2026-10-01".parse().expect("date");
    night.handoff = jiff::civil::time(2, 0, 0, 0);
    night.hours = crate::domain::hours::Hours::read(["00:00-12:00"]).ok();
    d.overrides.push(exception(of_role(), "olga", START, START.plus(HOUR)));
    let text = |d: &Directory| feed::text(d, &FeedOf::Rotation(rotation_id("night")), START).expect("a rotation");
    let first = text(&d);
    let titles = |text: &str| values(text, "SUMMARY").into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let list = BTreeSet::from(["Sam Ortiz (night)".to_owned(), "Ana Reyes (night)".to_owned()]);
    assert_eq!(titles(&first), list, "an exception to a role of a line is none to the rotation");
    let ends = values(&first, "DTEND");
    // What was over at 02:00 fifteen days ago is left out.
    assert_eq!((ends.first(), ends.last()), (Some(&"20261107T120000Z"), Some(&"20270521T020000Z")));
    d.overrides.push(exception(of_rotation("night"), "olga", START, START.plus(HOUR)));
    assert!(titles(&text(&d)).contains("Olga Lind (night)"));
}

#[test]
fn a_feed_of_a_contact_has_one_event_a_stretch_and_the_same_event_in_every_reading() {
    let mut d = directory();
    let text = |d: &Directory, who: &str, now| feed::text(d, &FeedOf::Contact(id(who)), now).expect("a contact");
    let olga = text(&d, "olga", START);
    assert_eq!(values(&olga, "DTSTART"), ["20260904T000000Z"; 2], "one a role that she always holds");
    assert_eq!(values(&text(&d, "olga", START.plus(DAY * 13)), "UID"), values(&olga, "UID"));
    // He goes on behind his turn, for another reason, and comes again two days later.
    d.overrides.push(exception(of_rotation("night"), "sam", handoff(0), handoff(0).plus(HOUR)));
    let sam = text(&d, "sam", START);
    let stretches: Vec<(&str, &str)> = values(&sam, "DTSTART").into_iter().zip(values(&sam, "DTEND")).collect();
    assert_eq!(
        stretches[..2],
        [("20261121T020500Z", "20261122T030500Z"), ("20261123T020500Z", "20261124T020500Z")],
        "{sam}"
    );
}

#[test]
fn what_was_kept_at_this_very_moment_says_nothing_of_what_is_to_come() {
    let d = directory();
    let now = START.plus(mins(6));
    let role = "primary".parse().expect("role");
    let change = |who: &str, since| DutyChange {
        line: None,
        role: "primary".parse().expect("role"),
        since,
        holders: vec![KeptHolder { contact: who.into(), name: who.into(), why: "team".into() }],
    };
    let kept = [change("sam", START), change("ana", now)];
    let until = now.plus(mins(10));
    let spans = past::spans_of(&d, (&d.default_line, &role), (START, until), now, &kept);
    let shown: Vec<_> =
        spans.iter().map(|s| (s.from, s.until, s.holders[0].contact.as_str(), s.source.as_str())).collect();
    assert_eq!(shown, [(START, now, "sam", "log"), (now, until, "ana", "computed")]);
}

/// A calendar of one event by the clock of its rotation.
fn calendar(who: &str, from: &str, until: &str, more: &str) -> Vec<u8> {
    let times = format!("DTSTART:20261122T{from}00\r\nDTEND:20261122T{until}00");
    let event = format!("BEGIN:VEVENT\r\nUID:{who}\r\nSUMMARY:{who}\r\n{times}\r\nEND:VEVENT\r\n");
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}{more}END:VCALENDAR\r\n").into_bytes()
}

#[test]
fn each_calendar_counts_for_its_rotation_and_part_and_by_the_clock_that_the_rotation_has_now() {
    use CalendarPart::{Events, Overrides};
    let odd = "BEGIN:VEVENT\r\nUID:9\r\nSUMMARY:Sam's hours\r\nDTSTART;TZID=Nowhere:20261122T080000\r\n\
               DTEND;TZID=Nowhere:20261122T200000\r\nEND:VEVENT\r\n";
    let (night, day) = (rotation_id("night"), rotation_id("day"));
    let of_day = calendar("Ana Reyes", "0800", "2000", "");
    let texts = [
        (&night, Events, calendar("Sam Ortiz", "0800", "2000", odd)),
        (&day, Events, of_day.clone()),
        (&night, Overrides, calendar("Olga Lind", "1000", "1200", "")),
    ];
    let kept = texts.map(|(rotation, part, text)| KeptCalendar {
        rotation: rotation.clone(),
        part,
        text: text.into(),
        changed: 1,
    });
    let mut kept = KeptCalendars::of(kept.into(), START);
    let mut d = directory();
    d.rotations.push(always("day", "olga"));
    for rotation in &mut d.rotations {
        rotation.calendar = Some(CalendarRules { has_overrides: true, ..CalendarRules::default() });
    }
    let who = |d: &Directory, rotation: &RotationId| -> Vec<String> {
        let all = d.calendars.get(rotation).expect("a calendar").all();
        all.iter().flat_map(|s| s.who.clone().expect("somebody")).map(|id| id.to_string()).collect()
    };
    for label in ["read", "read before"] {
        kept.lay(&mut d);
        assert_eq!(
            (who(&d, &night), who(&d, &day)),
            (["sam", "olga", "sam"].map(str::to_owned).to_vec(), vec!["ana".into()]),
            "{label}"
        );
        let refused = |rotation, part| kept.refused(rotation, part).len();
        assert_eq!((refused(&night, Events), refused(&night, Overrides), refused(&day, Events)), (1, 0, 0), "{label}");
    }
    assert_eq!(kept.text(&day, Events).as_deref(), Some(of_day.as_slice()));
    assert_eq!(kept.text(&day, Overrides), None);
    let begin = |d: &Directory| d.calendars.get(&day).and_then(|c| c.all().first()).map(|s| s.from);
    assert_eq!(begin(&d), Some(START.plus(HOUR * 6)), "08:00 in UTC");
    d.rotations[1].zone = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    kept.lay(&mut d);
    assert_eq!(begin(&d), Some(START.plus(HOUR * 11)), "08:00 in New York");
}
