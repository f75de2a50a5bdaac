//! The vectors of `facts/oncall.md` §3, what must hold in every zone, and the order of who holds a role.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::instant::{instant, last_of_local, of_local};
use super::*;
use crate::domain::hours::Hours;
use crate::domain::team::{Contact, Directory, Line, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::{ContactId, Role, Timestamp};
use crate::testing::fixtures;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect(name)
}

pub(super) fn clock(text: &str) -> Time {
    crate::domain::hours::time(text).expect(text)
}

pub(super) fn date(text: &str) -> Date {
    text.parse().expect(text)
}

pub(super) fn id(text: &str) -> ContactId {
    text.parse().expect(text)
}

pub(super) fn role(text: &str) -> Role {
    text.parse().expect(text)
}

/// `members`: by blanks; together by `+`.
fn rotation(name: &str, place: &str, handoff: &str, period_days: u32, starts: &str, members: &str) -> Rotation {
    let members = members.split(' ').map(|turn| turn.split('+').map(id).collect()).collect();
    Rotation {
        id: name.parse().expect("id"),
        zone: zone(place),
        handoff: clock(handoff),
        period_days,
        lists: vec![MemberList { starts: date(starts), members }],
        days: None,
        hours: None,
        calendar: None,
    }
}

fn held(rotation: &Rotation, moment: &str) -> String {
    let shift = rotation.shift_at(at(moment));
    shift.map_or_else(|| "nobody".into(), |s| s.members.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
}

fn hours_of(shift: &Shift<'_>) -> f64 {
    shift.until.since(shift.from).as_secs_f64() / 3600.0
}

#[test]
fn the_holder_changes_by_the_wall_clock_and_not_by_counted_seconds() {
    let la = "America/Los_Angeles";
    let w = rotation("w", la, "08:00", 7, "2026-10-05", "sam ana lee");
    let phoenix = rotation("p", "America/Phoenix", "08:00", 7, "2026-10-05", "sam ana lee");
    let ny = rotation("n", "America/New_York", "01:30", 1, "2026-10-31", "sam ana");
    let gap = rotation("g", la, "02:30", 1, "2027-03-13", "sam ana");
    let havana = rotation("h", "America/Havana", "00:00", 1, "2027-03-13", "sam ana");
    let beirut = rotation("b", "Asia/Beirut", "00:00", 1, "2027-10-30", "sam ana");
    let howe = rotation("l", "Australia/Lord_Howe", "02:00", 1, "2027-04-03", "sam ana");
    for (rotation, moment, want, hours) in [
        (&w, "2026-10-05T14:59:59Z", "nobody", 0.0),
        (&w, "2026-10-05T15:00:00Z", "sam", 168.0),
        (&w, "2026-11-02T15:30:00Z", "sam", 169.0),
        (&w, "2026-11-02T16:00:00Z", "ana", 168.0),
        (&w, "2027-03-15T14:59:59Z", "ana", 167.0),
        (&w, "2027-03-15T15:00:00Z", "lee", 168.0),
        (&phoenix, "2026-11-02T15:00:00Z", "ana", 168.0),
        (&ny, "2026-11-01T05:30:00Z", "ana", 25.0),
        (&ny, "2026-11-01T06:30:00Z", "ana", 25.0),
        (&ny, "2026-11-02T06:30:00Z", "sam", 24.0),
        (&gap, "2027-03-14T09:59:59Z", "sam", 23.5),
        (&gap, "2027-03-14T10:00:00Z", "ana", 23.5),
        (&gap, "2027-03-15T09:30:00Z", "sam", 24.0),
        (&havana, "2027-03-14T04:59:59Z", "sam", 24.0),
        (&havana, "2027-03-14T05:00:00Z", "ana", 23.0),
        (&havana, "2027-03-15T04:00:00Z", "sam", 24.0),
        (&beirut, "2027-10-30T21:30:00Z", "sam", 25.0),
        (&beirut, "2027-10-30T22:00:00Z", "ana", 24.0),
        (&howe, "2027-04-03T15:00:00Z", "sam", 24.5),
        (&howe, "2027-04-03T15:30:00Z", "ana", 24.0),
    ] {
        assert_eq!(held(rotation, moment), want, "{} at {moment}", rotation.id);
        let shift = rotation.shift_at(at(moment));
        assert_eq!(shift.as_ref().map_or(0.0, hours_of), hours, "{} at {moment}", rotation.id);
        assert!(shift.is_none_or(|s| s.from <= at(moment) && at(moment) < s.until), "{moment}");
    }
    let shift = w.shift_at(at("2026-11-02T15:30:00Z")).expect("a shift");
    assert_eq!((shift.from, shift.until), (at("2026-10-26T15:00:00Z"), at("2026-11-02T16:00:00Z")));
    assert_eq!(w.next_boundary(at("2026-01-01T00:00:00Z")), Some(at("2026-10-05T15:00:00Z")), "the start");
}

#[test]
fn a_typed_time_that_is_repeated_begins_at_its_first_reading_and_ends_at_its_last() {
    let la = zone("America/Los_Angeles");
    let typed = date("2026-11-01").to_datetime(clock("01:30"));
    assert_eq!(of_local(typed, &la), Some(at("2026-11-01T08:30:00Z")));
    assert_eq!(last_of_local(typed, &la), Some(at("2026-11-01T09:30:00Z")));
    let missing = date("2027-03-14").to_datetime(clock("02:30"));
    assert_eq!(last_of_local(missing, &la), Some(at("2027-03-14T10:00:00Z")), "the change itself");
}

#[test]
fn dated_changes_count_anew_and_cut_the_turn_before_them() {
    let mut w = rotation("w", "America/Los_Angeles", "08:00", 7, "2026-10-05", "sam ana lee");
    // A Wednesday, in the middle of a turn.
    w.lists.push(MemberList { starts: date("2027-01-06"), members: vec![vec![id("ana")], vec![id("lee"), id("bo")]] });
    assert_eq!(held(&w, "2027-01-06T15:59:59Z"), "ana");
    let cut = w.shift_at(at("2027-01-06T15:59:59Z")).expect("a shift");
    assert_eq!((cut.from, cut.until), (at("2027-01-04T16:00:00Z"), at("2027-01-06T16:00:00Z")));
    assert_eq!(held(&w, "2027-01-06T16:00:00Z"), "ana");
    assert_eq!(held(&w, "2027-01-13T16:00:00Z"), "lee+bo");
    assert_eq!(held(&w, "2027-01-20T16:00:00Z"), "ana");
}

#[test]
fn with_days_only_the_listed_ones_take_a_turn() {
    let mut r = rotation("r", "America/Los_Angeles", "08:00", 1, "2026-11-23", "sam ana lee");
    r.days = Some([true, true, true, true, true, false, false]);
    // Monday 2026-11-23 is Sam's; Friday 27 is Ana's; the next turn is that of Monday 30.
    for (moment, want) in [
        ("2026-11-23T16:00:00Z", "sam"),
        ("2026-11-27T16:00:00Z", "ana"),
        ("2026-11-28T15:59:59Z", "ana"),
        ("2026-11-28T16:00:00Z", "nobody"),
        ("2026-11-30T15:59:59Z", "nobody"),
        ("2026-11-30T16:00:00Z", "lee"),
        ("2026-12-01T16:00:00Z", "sam"),
    ] {
        assert_eq!(held(&r, moment), want, "{moment}");
    }
    assert_eq!(r.next_boundary(at("2026-11-28T16:00:00Z")), Some(at("2026-11-29T16:00:00Z")));
}

/// Every zone of the database, a handoff that the zone's changes of the clock often hit, and years with and without changes.
#[test]
fn in_every_zone_every_moment_lies_in_exactly_one_shift_and_turns_follow_each_other() {
    let handoffs = ["00:00", "01:30", "02:00", "02:30", "03:00", "23:30"];
    let mut zones = 0;
    for (place, name) in jiff::tz::db().available().enumerate() {
        let Ok(tz) = TimeZone::get(name.as_str()) else { continue };
        zones += 1;
        let handoff = handoffs[place % handoffs.len()];
        let mut r = rotation("r", "UTC", handoff, 1, "2026-10-01", "a b c");
        r.zone = tz;
        let first = instant(date("2026-10-01"), r.handoff, &r.zone).expect("a moment");
        assert!(r.shift_at(Timestamp::from_millis(first.as_millis() - 1)).is_none(), "{name}: before the start");
        let mut shift = r.shift_at(first).expect("a shift");
        assert_eq!((shift.from, shift.index), (first, 0), "{name}");
        for _ in 0..400 {
            let last = Timestamp::from_millis(shift.until.as_millis() - 1);
            assert_eq!(r.shift_at(last).as_ref(), Some(&shift), "{name} {last}");
            let next = r.shift_at(shift.until).expect("the next");
            assert_eq!((next.from, next.index), (shift.until, (shift.index + 1) % 3), "{name} {last}");
            shift = next;
        }
    }
    assert!(zones > 400, "the zones are in the binary: {zones}");
}

#[test]
fn a_day_that_a_zone_leaves_out_has_no_turn_of_its_own_and_the_count_goes_on() {
    // Samoa left out 2011-12-30.
    let mut r = rotation("r", "Pacific/Apia", "08:00", 1, "2011-12-28", "a b c d");
    assert_eq!((held(&r, "2011-12-30T09:59:59Z").as_str(), held(&r, "2011-12-30T10:00:00Z").as_str()), ("b", "c"));
    assert_eq!(held(&r, "2011-12-30T18:00:00Z"), "d", "the 31st, 08:00");
    r.handoff = clock("00:00");
    assert_eq!(held(&r, "2011-12-30T10:00:00Z"), "d", "the turn of the missing day is empty");
}

#[test]
fn in_every_zone_a_later_local_time_is_never_an_earlier_moment() {
    let (begin, end) = (at("2025-01-01T00:00:00Z"), at("2028-12-31T00:00:00Z"));
    let begin = jiff::Timestamp::from_millisecond(begin.as_millis()).expect("a moment");
    for name in jiff::tz::db().available() {
        let Ok(tz) = TimeZone::get(name.as_str()) else { continue };
        for change in tz.following(begin).take_while(|c| c.timestamp().as_millisecond() < end.as_millis()) {
            let local = tz.to_datetime(change.timestamp());
            let minutes = |m: i64| local.checked_add(jiff::Span::new().minutes(m)).expect("a local time");
            let all: Vec<Timestamp> = (-180..=180).filter_map(|m| of_local(minutes(m), &tz)).collect();
            assert_eq!(all.len(), 361, "{}", name.as_str());
            assert!(all.is_sorted(), "{} {local}", name.as_str());
        }
    }
}

fn contact(name: &str, number: u32) -> Contact {
    Contact {
        email: None,
        id: id(name),
        name: name.to_uppercase(),
        phone: format!("+194955501{number:02}").parse().expect("phone"),
        role: None,
    }
}

fn turn(name: &str, of: &str) -> TeamEntry {
    TeamEntry { who: TeamWho::Rotation(name.parse().expect("id")), ..TeamEntry::of(id("nobody"), role(of)) }
}

pub(super) fn exception(
    n: u128,
    kind: OverrideKind,
    scope: OverrideScope,
    who: &str,
    from: &str,
    until: &str,
) -> DutyOverride {
    DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(n)),
        scope,
        kind,
        contact: id(who),
        from: at(from),
        until: at(until),
        note: String::new(),
        by: "office".into(),
        made_at: Timestamp::from_millis(i64::try_from(n).expect("small")),
        source: None,
        asked: None,
        withdrawn: None,
    }
}

fn of_rotation(name: &str) -> OverrideScope {
    OverrideScope::Rotation(name.parse().expect("id"))
}

/// Night and day of one line in this zone, a backup with hours, an owner as the fallback.
pub(super) fn directory(place: &str) -> Directory {
    let mut night = rotation("night", place, "08:00", 7, "2026-10-05", "sam ana+joe lee");
    night.hours = Some(Hours::read(["mon-thu 17:00-08:00", "fri 17:00-mon 08:00"]).expect("hours"));
    let mut day = rotation("day", place, "02:30", 1, "2026-10-05", "bo kim");
    day.days = Some([true, true, true, true, true, false, false]);
    let line = Line {
        number: Some("+18005550100".into()),
        time_zone: Some(place.into()),
        team: Some(vec![
            turn("night", "primary"),
            turn("day", "backup"),
            TeamEntry { hours: Hours::read(["01:30-17:00"]).ok(), ..TeamEntry::of(id("kim"), role("primary")) },
            TeamEntry { fallback: true, ..TeamEntry::of(id("olga"), role("backup")) },
            TeamEntry::of(id("olga"), role("owner")),
        ]),
        ..fixtures::directory().default_line
    };
    let people = ["sam", "ana", "lee", "joe", "bo", "kim", "olga"];
    Directory {
        contacts: people.iter().zip(10..).map(|(name, n)| contact(name, n)).collect(),
        lines: vec![line],
        rotations: vec![night, day],
        ..fixtures::directory()
    }
}

fn who(d: &Directory, of: &str, moment: &str) -> Vec<String> {
    let told = d.holders(&d.lines[0], &role(of), at(moment));
    told.iter().map(|h| h.contact.id.to_string()).collect()
}

pub(super) const LA: &str = "America/Los_Angeles";
/// Friday evening in Los Angeles, in Lee's week.
pub(super) const FRIDAY: &str = "2026-11-28T04:00:00Z";

#[test]
fn a_rotation_holds_its_role_in_its_hours_alone_and_a_turn_may_be_of_two() {
    let d = directory(LA);
    assert_eq!(who(&d, "primary", FRIDAY), ["ana", "joe"]);
    assert_eq!(who(&d, "PRIMARY", "2026-11-27T20:00:00Z"), ["kim"], "by day, by the hours of the team");
    let d2 = Directory { contacts: d.contacts[..3].to_vec(), ..d.clone() };
    assert_eq!(who(&d2, "primary", FRIDAY), ["ana"], "who is not known any more is not told");
    let line = &d.lines[0];
    let ids: Vec<&str> = d.ever_holding(line, &role("primary")).iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["sam", "ana", "joe", "lee", "kim"]);
    assert!(d.is_staffed(line, &role("backup")) && !d.is_staffed(line, &role("boss")));
}

#[test]
fn the_newest_take_wins_who_was_added_joins_and_what_was_withdrawn_is_none() {
    let (from, until) = ("2026-11-28T03:00:00Z", "2026-11-28T05:00:00Z");
    let mut d = directory(LA);
    let take = |n, who| exception(n, OverrideKind::Take, of_rotation("night"), who, from, until);
    d.overrides = vec![take(2, "bo"), take(1, "sam")];
    assert_eq!(who(&d, "primary", FRIDAY), ["bo"]);
    let why = d.holders(&d.lines[0], &role("primary"), at(FRIDAY))[0].why.clone();
    assert_eq!(why, Why::Override { id: OverrideId::from_uuid(uuid::Uuid::from_u128(2)), kind: OverrideKind::Take });
    assert_eq!(who(&d, "primary", "2026-11-28T02:59:59Z"), ["ana", "joe"]);
    assert_eq!(who(&d, "primary", until), ["ana", "joe"], "half open");
    d.overrides[0].withdrawn = Some((at(from), "office".into()));
    assert_eq!(who(&d, "primary", FRIDAY), ["sam"]);
    d.overrides[0] = exception(3, OverrideKind::Add, of_rotation("night"), "lee", from, until);
    assert_eq!(who(&d, "primary", FRIDAY), ["sam", "lee"]);
    d.overrides[1] = take(1, "gone");
    assert_eq!(who(&d, "primary", FRIDAY), ["ana", "joe", "lee"], "a contact that is not known takes nothing");
    let scope = OverrideScope::Role { line: Some("+18005550100".into()), role: role("Primary") };
    d.overrides = vec![take(2, "sam"), exception(1, OverrideKind::Take, scope, "olga", from, until)];
    assert_eq!(who(&d, "primary", FRIDAY), ["olga"], "of the role: in place of its whole team");
}

#[test]
fn who_is_away_is_passed_over_and_the_count_goes_on_as_it_was() {
    let (from, until) = ("2026-11-28T03:00:00Z", "2026-11-28T05:00:00Z");
    let mut d = directory(LA);
    let away = |n, who: &str| exception(n, OverrideKind::Away, OverrideScope::Everywhere, who, from, until);
    d.overrides = vec![away(1, "ana")];
    assert_eq!(who(&d, "primary", FRIDAY), ["joe"], "the other of a turn of two");
    d.overrides.push(away(2, "joe"));
    assert_eq!(who(&d, "primary", FRIDAY), ["lee"]);
    let why = d.holders(&d.lines[0], &role("primary"), at(FRIDAY))[0].why.clone();
    let Why::Rotation { passed_over, .. } = &why else { panic!("{why:?}") };
    assert_eq!(passed_over, &[id("ana"), id("joe")]);
    assert!(why.describe(&d).contains("2026-11-23 08:00-08:00 to 2026-11-30 08:00-08:00; ana, joe away"), "{why:?}");
    assert_eq!(who(&d, "primary", "2026-12-01T02:00:00Z"), ["lee"], "the next week is his all the same");
    d.overrides.extend([away(3, "lee"), away(4, "sam")]);
    assert!(who(&d, "primary", FRIDAY).is_empty(), "a gap: no fallback for this role");
    // Whoever takes it after having said that they are away is not away.
    d.overrides.push(exception(5, OverrideKind::Take, of_rotation("night"), "sam", from, until));
    assert_eq!(who(&d, "primary", FRIDAY), ["sam"]);
    d.overrides.push(away(6, "sam"));
    assert!(who(&d, "primary", FRIDAY).is_empty());
    d.overrides = vec![away(1, "kim")];
    assert_eq!(who(&d, "backup", FRIDAY), ["bo"], "a list of two");
    // Away from the role ends what was taken and added of the rotation that holds it.
    let scope = OverrideScope::Role { line: Some("+18005550100".into()), role: role("primary") };
    let of_night = |n, kind, who: &str| exception(n, kind, of_rotation("night"), who, from, until);
    let gone = exception(3, OverrideKind::Away, scope, "sam", from, until);
    d.overrides = vec![of_night(1, OverrideKind::Take, "sam"), of_night(2, OverrideKind::Add, "sam"), gone];
    assert_eq!(who(&d, "primary", FRIDAY), ["ana", "joe"]);
}

#[test]
fn a_fallback_holds_what_nobody_else_does() {
    let mut d = directory(LA);
    let saturday = "2026-11-28T20:00:00Z";
    assert_eq!(who(&d, "backup", saturday), ["olga"]);
    assert_eq!(d.holders(&d.lines[0], &role("backup"), at(saturday))[0].why, Why::Fallback);
    assert_eq!(who(&d, "backup", "2026-11-30T20:00:00Z").len(), 1, "a weekday has its own");
    d.overrides =
        vec![exception(1, OverrideKind::Away, OverrideScope::Everywhere, "olga", saturday, "2026-11-29T00:00:00Z")];
    assert!(who(&d, "backup", saturday).is_empty(), "nor who is away");
}

#[test]
fn an_event_of_a_calendar_goes_before_the_list_and_a_text_that_is_nobody_is_a_gap() {
    let mut d = directory(LA);
    let event = |from: &str, until: &str, who: Result<Vec<ContactId>, String>| CalendarShift {
        from: at(from),
        until: at(until),
        who,
        event: "e1@example".into(),
    };
    let shifts = vec![
        event("2026-11-28T04:00:00Z", "2026-11-28T06:00:00Z", Ok(vec![id("bo")])),
        event("2026-11-28T02:00:00Z", "2026-11-28T03:00:00Z", Err("Smith".into())),
    ];
    d.calendars.insert("night".parse().expect("id"), CalendarShifts::new(shifts));
    assert_eq!(who(&d, "primary", FRIDAY), ["bo"]);
    assert_eq!(who(&d, "primary", "2026-11-28T02:30:00Z"), ["ana", "joe"], "the list goes on under it");
    assert_eq!(who(&d, "primary", "2026-11-28T06:00:00Z"), ["ana", "joe"]);
    d.rotations[0].lists.clear();
    assert!(who(&d, "primary", "2026-11-28T02:30:00Z").is_empty());
    assert!(who(&d, "primary", "2026-11-28T06:00:00Z").is_empty(), "only the calendar says who");
    assert_eq!(who(&d, "primary", FRIDAY), ["bo"]);
}

/// Both nights on which the clock is changed, in zones with odd rules, with exceptions and events that begin in them.
#[test]
fn the_spans_of_a_stretch_are_what_every_minute_says() {
    let nights = ["2026-10-31", "2027-03-13", "2027-04-03", "2027-03-27", "2027-10-30", "2026-09-26"];
    let places = [LA, "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Europe/Berlin"];
    for (n, (place, night)) in places.iter().flat_map(|p| nights.iter().map(move |n| (p, n))).enumerate() {
        let tz = zone(place);
        let local = |days: i64, time: &str| {
            let day = super::instant::add_days(date(night), days).expect("a day");
            instant(day, clock(time), &tz).expect("a moment")
        };
        let (from, until) = (local(0, "12:00"), local(1, "20:00"));
        let mut d = directory(place);
        d.overrides = vec![
            DutyOverride { from: local(0, "23:30"), until: local(1, "01:30"), ..take_of("night", 1, "bo") },
            DutyOverride { from: local(1, "01:30"), until: local(1, "02:30"), ..take_of("night", 2, "sam") },
            DutyOverride {
                kind: OverrideKind::Away,
                scope: OverrideScope::Everywhere,
                from,
                until: local(1, "02:00"),
                ..take_of("night", 3, "kim")
            },
        ];
        let event = CalendarShift {
            from: local(1, "03:00"),
            until: local(1, "04:00"),
            who: Ok(vec![id("lee")]),
            event: "e".into(),
        };
        d.calendars.insert("day".parse().expect("id"), CalendarShifts::new(vec![event]));
        for of in ["primary", "backup", "owner", "boss"] {
            let spans = timeline::spans(&d, &d.lines[0], &role(of), from, until);
            assert_eq!((spans[0].from, spans.last().map(|s| s.until)), (from, Some(until)), "{n}");
            assert!(spans.windows(2).all(|w| w[0].until == w[1].from && w[0].holders != w[1].holders), "{n}");
            let mut minute = from;
            let mut place_in = spans.iter().peekable();
            while minute < until {
                while place_in.peek().is_some_and(|s| s.until <= minute) {
                    place_in.next();
                }
                let span = place_in.peek().expect("a span");
                assert_eq!(span.holders, d.holders(&d.lines[0], &role(of), minute), "{place} {of} {minute}");
                minute = minute.plus(std::time::Duration::from_secs(60));
            }
        }
    }
}

fn take_of(name: &str, n: u128, who: &str) -> DutyOverride {
    exception(n, OverrideKind::Take, of_rotation(name), who, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
}

#[test]
fn two_hours_that_have_a_time_in_common_are_found() {
    let overlap = |texts: &[&str]| Hours::read(texts.iter().copied()).expect("hours").overlap();
    assert_eq!(overlap(&["mon-thu 17:00-08:00", "fri 17:00-mon 08:00"]), None);
    assert_eq!(overlap(&["17:00-08:00", "08:00-17:00"]), None);
    let found = overlap(&["mon-fri 17:00-08:00", "fri 17:00-mon 08:00"]);
    assert_eq!(found.map(|f| f.1), Some("fri 17:00-mon 08:00".into()));
    assert!(overlap(&["sun 20:00-08:00", "mon 07:00-09:00"]).is_some(), "over the end of the week");
}

#[test]
fn a_team_by_place_passes_over_who_is_away() {
    let mut d = directory(LA);
    let ranked = |place, name: &str| TeamEntry { role: TeamRole::Ranked(place), ..TeamEntry::of(id(name), role("x")) };
    d.lines[0].team = Some(vec![ranked(1, "sam"), ranked(2, "ana"), ranked(3, "lee")]);
    d.overrides = vec![exception(
        1,
        OverrideKind::Away,
        OverrideScope::Everywhere,
        "sam",
        "2026-11-28T03:00:00Z",
        "2026-11-28T05:00:00Z",
    )];
    assert_eq!((who(&d, "primary", FRIDAY), who(&d, "backup", FRIDAY)), (vec!["ana".into()], vec!["lee".into()]));
}
