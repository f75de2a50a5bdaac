//! What the settings say of a line and its people: its levels, its words, its roles, and whom a name means.

use jiff::civil::time;
use jiff::tz::TimeZone;

use crate::domain::attempt::Channel;
use crate::domain::oncall::{CalendarRules, CalendarShifts, Rotation, RotationId};
use crate::domain::team::{Contact, Directory, Line, TeamEntry, TeamRole, TeamWho};
use crate::domain::types::Role;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut Directory);

fn role(name: &str) -> Role {
    name.parse().expect("a role")
}

fn by_place(who: &str, place: u32) -> TeamEntry {
    TeamEntry { role: TeamRole::Ranked(place), ..TeamEntry::of(who.parse().expect("an id"), role("primary")) }
}

fn by_turn(rotation: &str, name: &str) -> TeamEntry {
    let who = TeamWho::Rotation(rotation.parse().expect("an id"));
    TeamEntry { who, ..TeamEntry::of("sam".parse().expect("an id"), role(name)) }
}

/// A rotation without a list; `calendar`: one says who.
fn rotation(calendar: Option<CalendarRules>) -> Rotation {
    Rotation {
        id: "night".parse().expect("an id"),
        zone: TimeZone::UTC,
        handoff: time(8, 0, 0, 0),
        period_days: 7,
        lists: Vec::new(),
        days: None,
        hours: None,
        calendar,
    }
}

fn ids(contacts: &[&Contact]) -> Vec<String> {
    contacts.iter().map(|c| c.id.to_string()).collect()
}

#[test]
fn the_levels_of_a_line_are_its_own_and_those_of_the_shop_each_once_and_in_order() {
    let directory = fixtures::directory();
    let mut line = directory.default_line.clone();
    line.policies.clear();
    for own in ["flood", "high"] {
        line.policies.insert(own.to_owned(), fixtures::policy(own, &[(secs(0), &["primary"])]));
    }
    assert_eq!(directory.levels(&directory.default_line), ["high", "normal"]);
    assert_eq!(directory.levels(&line), ["flood", "high", "normal"]);
}

#[test]
fn a_line_has_its_own_words_else_those_of_the_shop_else_the_built_in_ones() {
    for (own, shops, want) in [
        (Some("own"), Some("the shop's"), Some("own")),
        (Some("own"), None, Some("own")),
        (None, Some("the shop's"), Some("the shop's")),
        (None, None, None),
    ] {
        let mut directory = fixtures::directory();
        let of = |line: &mut Line, words: Option<&str>| {
            line.templates.notice = words.map(|w| format!("{w}, first"));
            line.templates.reminder = words.map(|w| format!("{w}, later"));
        };
        let mut line = directory.default_line.clone();
        of(&mut line, own);
        of(&mut directory.default_line, shops);
        let wanted = |which: &str| want.map(|w| format!("{w}, {which}"));
        assert_eq!(directory.notice_template(&line).map(str::to_owned), wanted("first"), "{own:?} {shops:?}");
        assert_eq!(directory.reminder_template(&line).map(str::to_owned), wanted("later"), "{own:?} {shops:?}");
    }
}

#[test]
fn the_last_resort_is_told_by_text_where_any_can_be_sent_else_by_phone_else_by_mail() {
    for (texts, of_the_line, phone, mail, want) in [
        (true, false, true, true, Channel::Sms),
        (false, true, true, true, Channel::Sms),
        (false, false, true, true, Channel::Voice),
        (false, false, true, false, Channel::Voice),
        (false, false, false, true, Channel::Email),
        (false, false, false, false, Channel::Sms),
    ] {
        let mut directory = fixtures::directory();
        directory.from = fixtures::SENDER.parse().ok().filter(|_| texts);
        directory.voice_from = fixtures::VOICE_SENDER.parse().ok().filter(|_| phone);
        directory.mail_from = "night@example.com".parse().ok().filter(|_| mail);
        let mut line = directory.default_line.clone();
        line.from = fixtures::SENDER.parse().ok().filter(|_| of_the_line);
        assert_eq!(directory.last_resort_channel(&line), want, "{texts} {of_the_line} {phone} {mail}");
    }
}

#[test]
fn whoever_is_written_exactly_as_the_settings_have_them_is_meant_though_another_is_spelled_alike() {
    let mut directory = fixtures::directory();
    let sam = directory.contacts[0].clone();
    // Another Sam shares the phone, and differs in a capital.
    directory.contacts.push(Contact { id: "Sam".parse().expect("an id"), name: "Sam Lind".into(), ..sam });
    for (text, want) in [
        ("sam", Some("sam")),
        ("Sam", Some("Sam")),
        (" sam ", Some("sam")),
        ("SAM", None),
        ("+19495550101", Some("sam")),
        ("(949) 555-0101", None),
        ("sam lind", Some("Sam")),
        ("ANA", Some("ana")),
        ("nobody", None),
    ] {
        assert_eq!(directory.contact_named(text).map(|c| c.id.as_str()), want, "{text}");
    }
}

#[test]
fn a_role_that_a_calendar_gives_away_is_held_some_day_though_nobody_knows_by_whom() {
    let table: [(&str, Otherwise, bool); 7] = [
        ("nobody says who takes turns", |d| d.rotations = vec![rotation(None)], false),
        ("a calendar is to say it", |d| d.rotations = vec![rotation(Some(CalendarRules::default()))], true),
        (
            "a calendar has said it, and the rotation is known no more",
            |d| {
                d.calendars.insert("night".parse().expect("an id"), CalendarShifts::default());
            },
            true,
        ),
        (
            "the calendar is another rotation's",
            |d| {
                let other: RotationId = "day".parse().expect("an id");
                d.calendars.insert(other, CalendarShifts::default());
            },
            false,
        ),
        (
            "the rotation is off",
            |d| {
                d.rotations = vec![rotation(Some(CalendarRules::default()))];
                d.default_line.team = Some(vec![TeamEntry { off: true, ..by_turn("night", "primary") }]);
            },
            false,
        ),
        (
            "it gives away another role",
            |d| {
                d.rotations = vec![rotation(Some(CalendarRules::default()))];
                d.default_line.team = Some(vec![by_turn("night", "backup")]);
            },
            false,
        ),
        (
            "a contact has the role",
            |d| d.default_line.team = Some(vec![TeamEntry::of("sam".parse().expect("an id"), role("primary"))]),
            true,
        ),
    ];
    for (label, otherwise, want) in table {
        let mut directory = fixtures::directory();
        directory.default_line.team = Some(vec![by_turn("night", "primary")]);
        otherwise(&mut directory);
        assert_eq!(directory.is_ever_held(&directory.default_line, &role("primary")), want, "{label}");
    }
}

#[test]
fn of_those_who_are_asked_by_place_the_first_is_primary_and_one_is_enough_to_staff_both_roles() {
    let mut directory = fixtures::directory();
    directory.default_line.team = Some(vec![by_place("ana", 2), by_place("sam", 1), by_place("olga", 3)]);
    let line = &directory.default_line;
    assert_eq!(ids(&directory.ever_holding(line, &role("Primary"))), ["sam"]);
    assert_eq!(ids(&directory.ever_holding(line, &role("backup"))), ["ana", "olga"]);
    assert_eq!(ids(&directory.ever_holding(line, &role("owner"))), Vec::<String>::new());
    let table: [(Vec<TeamEntry>, &[&str]); 4] = [
        (vec![by_place("sam", 4)], &["primary", "backup"]),
        (vec![by_place("gone", 4)], &[]),
        (Vec::new(), &[]),
        (vec![TeamEntry::of("sam".parse().expect("an id"), role("backup"))], &["backup"]),
    ];
    for (team, staffed) in table {
        let mut directory = fixtures::directory();
        directory.default_line.team = Some(team);
        for name in ["primary", "backup", "owner"] {
            let is_staffed = directory.is_staffed(&directory.default_line, &role(name));
            assert_eq!(is_staffed, staffed.contains(&name), "{staffed:?} {name}");
        }
    }
}
