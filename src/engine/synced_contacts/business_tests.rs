//! What the shop's own tables of businesses and people come to: lines, teams, hours.

use serde_json::{Value, json};

use super::businesses;
use super::merge::{Merged, merge};
use super::tests::record;
use super::{ContactSource, EVERY, Listed, acceptable};
use crate::config::{Sources, load};
use crate::domain::Timestamp;
use crate::domain::hours::Hours;
use crate::domain::team::Directory;
use crate::engine::in_force::InForce;
use crate::gateways::airtable::TableSchema;
use crate::gateways::mirror::RecordList;
use crate::store::{SyncedBusiness, SyncedContacts};
use crate::testing::fixtures;

/// As a configuration with this preset reads the tables.
fn source(preset: &str) -> ContactSource {
    let dir = tempfile::tempdir().expect("dir");
    let text = format!(
        "[airtable]\ntoken = \"pat-1\"\nbase_id = \"app00000000000000\"\npreset = \"{preset}\"\n\
         [airtable.tables]\ncontacts = \"On-Call Roster\"\nbusinesses = \"Businesses\"\n"
    );
    std::fs::write(dir.path().join("dispatchctl.toml"), text).expect("file");
    let env = vec![("HOME".to_owned(), dir.path().display().to_string())];
    let sources = Sources { cwd: dir.path().to_owned(), env, ..Sources::default() };
    let config = load(&sources).expect("settings");
    ContactSource::of(&config.airtable.expect("a base"), EVERY).expect("tables")
}

/// Nobody configured, with a sender whose country numbers of the tables may be of.
fn shop() -> Directory {
    Directory { contacts: Vec::new(), ..fixtures::directory() }
}

fn id(number: u32) -> String {
    format!("rec{number:014}")
}

fn list(rows: &[(u32, Value)]) -> RecordList {
    RecordList { records: rows.iter().map(|(number, cells)| record(*number, cells.clone())).collect(), complete: true }
}

fn laid(source: &ContactSource, file: &Directory, people: &[(u32, Value)], shops: &[(u32, Value)]) -> Merged {
    let (reading, lines) = listed(source, people, shops).read(file, None);
    let mut merged = merge(file, &reading.contacts, &lines);
    merged.wrong.extend(reading.wrong);
    merged
}

fn listed(source: &ContactSource, people: &[(u32, Value)], shops: &[(u32, Value)]) -> Listed {
    Listed { source: source.clone(), contacts: list(people), businesses: Some(list(shops)), lacks: Vec::new() }
}

/// Who holds a role, by the ids.
fn holders(directory: &Directory, number: Option<&str>, role: &str, at: &str) -> Vec<String> {
    let (line, _) = directory.line(number);
    let at: Timestamp = at.parse().expect("a time");
    directory.holders(line, &role.parse().expect("role"), at).iter().map(|h| h.contact.id.to_string()).collect()
}

fn said(merged: &Merged) -> Vec<&str> {
    merged.wrong.iter().map(|w| w.why.as_str()).collect()
}

const NOON: &str = "2026-11-27T20:00:00Z";
const NIGHT: &str = "2026-11-28T08:00:00Z";

fn acme() -> (u32, Value) {
    let cells = json!({ "Business Name": "Acme Plumbing", "Trade": "PLUMBING", "Twilio DID": "+18005550100, (800) 555-0101",
        "Emergency Keywords": "burst, no water", "Afterhours Active": true });
    (101, cells)
}

fn polar() -> (u32, Value) {
    let cells = json!({ "Business Name": "Polar Heating", "Trade": "HVAC", "Twilio DID": "+18005550102", "Afterhours Active": true });
    (102, cells)
}

fn person(number: u32, name: &str, phone: &str, more: Value) -> (u32, Value) {
    let mut cells = json!({ "Name": name, "Phone": phone, "Active": true, "Role": "Tech" });
    if let (Some(cells), Some(more)) = (cells.as_object_mut(), more.as_object()) {
        cells.extend(more.clone());
    }
    (number, cells)
}

fn people() -> Vec<(u32, Value)> {
    let of = |n: u32| json!([id(n)]);
    vec![
        person(1, "Kim Lee", "(949) 555-0104", json!({ "Business": of(101), "Priority": 2, "Trade": "PLUMBING" })),
        person(
            2,
            "Bo Ek",
            "+19495550105",
            json!({ "Business": of(101), "Priority": 1, "Start Time": "06:00", "End Time": "18:00" }),
        ),
        person(
            3,
            "Ida Ray",
            "+19495550106",
            json!({ "Business": of(102), "Priority": 1, "Availability Status": "VACATION" }),
        ),
        person(4, "Max Orr", "+19495550107", json!({ "Business": [id(101), id(102)], "Priority": 3, "Trade": "ALL" })),
        person(
            5,
            "Olga Lind",
            "+19495550103",
            json!({ "Business": [id(101), id(102)], "Role": "Owner", "Priority": 9 }),
        ),
        person(6, "Gus Hay", "+19495550108", json!({ "Business": of(102), "Priority": 2, "Trade": "PLUMBING" })),
    ]
}

#[test]
fn each_business_of_several_has_a_line_a_number_and_its_people_by_place_and_hour() {
    let file = Directory {
        default_line: crate::domain::team::Line {
            time_zone: Some("America/Los_Angeles".into()),
            ..shop().default_line
        },
        ..shop()
    };
    let merged = laid(&source("P"), &file, &people(), &[acme(), polar()]);
    assert!(
        said(&merged).len() == 1 && said(&merged)[0].contains("of the trade \"PLUMBING\" and Polar Heating"),
        "{:?}",
        merged.wrong
    );
    let d = &merged.directory;
    let listed: Vec<(&str, &str)> =
        d.lines.iter().map(|l| (l.number.as_deref().unwrap_or(""), l.name.as_str())).collect();
    assert_eq!(
        listed,
        [("+18005550100", "Acme Plumbing"), ("+18005550101", "Acme Plumbing"), ("+18005550102", "Polar Heating")]
    );
    let acme = |role, at| holders(d, Some("+18005550101"), role, at);
    assert_eq!(
        (acme("primary", NOON), acme("backup", NOON)),
        (vec!["bo-ek".into()], vec!["kim-lee".into(), "max-orr".into()])
    );
    assert_eq!((acme("primary", NIGHT), acme("backup", NIGHT)), (vec!["kim-lee".into()], vec!["max-orr".into()]));
    let polar = |role| holders(d, Some("+18005550102"), role, NIGHT);
    assert_eq!(polar("primary"), ["max-orr"], "one is on leave, another of a foreign trade");
    assert_eq!((polar("backup"), polar("owner")), (Vec::new(), vec!["olga-lind".into()]));
    assert_eq!(d.lines[0].keywords, ["burst", "no water"]);
    let unlisted = |role| holders(d, Some("+18005550199"), role, NIGHT);
    let all = (unlisted("primary"), unlisted("backup"), unlisted("owner"));
    let want = (vec!["kim-lee".into()], vec!["max-orr".into()], vec!["olga-lind".into()]);
    assert_eq!(all, want, "nobody knows whom the call is for: the people of all are there");
}

#[test]
fn one_business_is_the_shop_and_its_hours_are_by_its_own_clock() {
    let mut shop = shop();
    shop.default_line.name = "Dispatch".into();
    let (_, mut cells) = acme();
    cells["Timezone"] = json!("Eastern");
    let one = person(1, "Kim Lee", "9495550104", json!({ "Business": [id(101)], "Priority": 1 }));
    let two = person(2, "Bo Ek", "+19495550105", json!({ "Backup Contact": true, "Priority": 1 }));
    let merged = laid(&source("X"), &shop, &[one, two], &[(101, cells)]);
    assert_eq!(said(&merged), [""; 0]);
    let d = merged.directory;
    assert_eq!(d.default_line.name, "Acme Plumbing");
    assert!(d.lines.is_empty() && d.default_line.time_zone.as_deref() == Some("America/New_York"));
    for number in [None, Some("+18005550142")] {
        assert_eq!(holders(&d, number, "primary", NOON), ["kim-lee"]);
        assert_eq!(holders(&d, number, "backup", NOON), ["bo-ek"], "by the box, whatever its place");
    }
}

#[test]
fn an_owner_alone_is_the_one_who_is_asked() {
    let owner = person(1, "Olga Lind", "+19495550103", json!({ "Role": "Owner", "Priority": 1 }));
    let d = laid(&source("P"), &shop(), &[owner], &[acme()]).directory;
    assert_eq!(
        (holders(&d, None, "primary", NOON), holders(&d, None, "owner", NOON)),
        (vec!["olga-lind".into()], vec!["olga-lind".into()])
    );
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_guessed() {
    let at = |more: Value| person(1, "Kim Lee", "+19495550104", more);
    let (with, without) = (json!({ "Business": [id(101)], "Priority": 1 }), |key: &str, value: Value| {
        let mut all = json!({ "Business": [id(101)], "Priority": 1 });
        all[key] = value;
        all
    });
    let business = |more: Value| {
        let (number, mut cells) = acme();
        for (key, value) in more.as_object().expect("cells") {
            cells[key] = value.clone();
        }
        (number, cells)
    };
    let usual = || business(json!({}));
    for (label, row, of, says) in [
        ("no phone", person(1, "Kim Lee", "", with.clone()), usual(), "Phone is empty"),
        ("no place", at(json!({ "Business": [id(101)] })), usual(), "asked after all others"),
        ("a place in words", at(without("Priority", json!("first"))), usual(), "asked after all others"),
        ("half of its hours", at(without("Start Time", json!("18:00"))), usual(), "no two times"),
        (
            "hours without a clock",
            {
                let mut hours = without("Start Time", json!("18:00"));
                hours["End Time"] = json!("06:00");
                at(hours)
            },
            usual(),
            "by which clock",
        ),
        (
            "a word of its own",
            at(without("Availability Status", json!("MAYBE"))),
            usual(),
            "neither available nor away",
        ),
        ("a business that is gone", at(without("Business", json!([id(199)]))), usual(), "not there"),
        ("no number", at(with.clone()), business(json!({ "Twilio DID": "12, +18005550100" })), "no number"),
        (
            "neither on nor off",
            at(with.clone()),
            business(json!({ "Afterhours Active": "maybe" })),
            "neither yes nor no",
        ),
    ] {
        let merged = laid(&source("P"), &shop(), &[row], &[of]);
        assert!(merged.wrong.len() == 1 && merged.wrong[0].why.contains(says), "{label}: {:?}", merged.wrong);
        assert!(!format!("{:?}", merged.wrong).contains("5550104"), "{label}: no phone is shown");
    }
    let mut atlantis = acme();
    atlantis.1["Timezone"] = json!("Atlantis");
    let merged = laid(&source("X"), &shop(), &[at(with)], &[atlantis]);
    assert!(said(&merged)[0].contains("no time zone"), "{:?}", merged.wrong);
    assert_eq!(holders(&merged.directory, None, "primary", NIGHT), ["kim-lee"], "told all the same");
}

#[test]
fn a_number_of_two_businesses_stays_whose_it_was_and_is_nobodys_otherwise() {
    let (_, mut twin) = polar();
    twin["Twilio DID"] = json!("800-555-0100");
    let rows = [acme(), (102, twin)];
    let source = source("P");
    let (_, layout) = source.businesses.clone().expect("businesses");
    let read = |before: &[SyncedBusiness]| businesses::read(&list(&rows).records, &layout, Some("1"), before);
    let (all, wrong) = read(&[]);
    assert_eq!(wrong.len(), 2);
    assert_eq!((all[0].numbers.as_slice(), all[1].numbers.len()), (&["+18005550101".to_owned()][..], 0));
    let (before, _) = businesses::read(&list(&rows[..1]).records, &layout, Some("1"), &[]);
    let (all, wrong) = read(&before);
    assert_eq!((all[0].numbers.len(), all[1].numbers.len(), wrong.len()), (2, 0, 1));
    assert_eq!(wrong[0].record, id(102));
}

#[test]
fn a_line_of_the_configuration_keeps_what_it_says() {
    let mut file = shop();
    file.lines.push(crate::domain::team::Line {
        number: Some("+18005550102".into()),
        name: "Heat".into(),
        team: None,
        time_zone: None,
        ..file.default_line.clone()
    });
    let merged = laid(&source("P"), &file, &people()[2..4], &[acme(), polar()]);
    let heat = merged.directory.lines.iter().find(|l| l.number.as_deref() == Some("+18005550102")).expect("a line");
    assert_eq!((heat.name.as_str(), heat.team.as_ref().map(Vec::len)), ("Heat", Some(2)));
}

#[test]
fn a_reading_that_loses_the_businesses_or_empties_a_team_is_not_taken() {
    let source = source("P");
    let file = shop();
    let read = |people: &[(u32, Value)], shops: &[(u32, Value)], before: Option<&SyncedContacts>| {
        listed(&source, people, shops).read(&file, before)
    };
    let copy = |people: &[(u32, Value)], shops: &[(u32, Value)]| {
        let (reading, businesses) = read(people, shops, None);
        SyncedContacts {
            source: "R".into(),
            read_at: Timestamp::from_millis(1),
            contacts: reading.contacts,
            businesses,
        }
    };
    let judge = |people: &[(u32, Value)], shops: &[(u32, Value)], before: SyncedContacts| {
        let (reading, lines) = read(people, shops, Some(&before));
        let held = InForce::own(std::sync::Arc::new(file.clone()), fixtures::rules()).with_contacts(Some(before));
        acceptable(&reading, Some(&lines), true, &held)
    };
    let usual = || copy(&people(), &[acme(), polar()]);
    assert_eq!(judge(&people(), &[acme(), polar()], usual()), Ok(()));
    assert!(judge(&people(), &[], usual()).is_err_and(|why| why.contains("under half of the 2")));
    let changed = |at: usize, cell: &str, value: Value| {
        let mut rows = people();
        rows[at].1[cell] = value;
        rows
    };
    let off = changed(4, "Active", json!(false));
    assert!(judge(&off, &[acme(), polar()], usual()).is_err_and(|why| why.contains("owner")), "of lines that have one");
    let leave = changed(4, "Availability Status", json!("VACATION"));
    assert_eq!(judge(&leave, &[acme(), polar()], usual()), Ok(()), "leave is taken as it comes");
    let new = json!({ "Business Name": "New", "Twilio DID": "+18005550109", "Afterhours Active": true });
    assert_eq!(judge(&people(), &[acme(), polar(), (103, new)], usual()), Ok(()), "a new line may lack people");
    let one = copy(&people()[..2], &[acme()]);
    assert_eq!(judge(&people()[..2], &[acme(), polar()], one), Ok(()), "a second business is taken");
    let nobody = copy(&people()[2..3], &[polar()]);
    let mut renamed = polar();
    renamed.1["Business Name"] = json!("Polar & Sons");
    assert_eq!(judge(&people()[2..3], &[renamed], nobody), Ok(()), "a name is no reason");
    let mut blank = acme();
    blank.1["Twilio DID"] = json!(7);
    let (_, lines) = read(&people(), &[blank, polar()], Some(&usual()));
    assert_eq!(lines[0].numbers, ["+18005550100", "+18005550101"], "a number that cannot be read takes no line away");
}

#[test]
fn a_person_with_two_rows_has_both_places_and_one_id() {
    let of = |n: u32| json!([id(n)]);
    let rows = [
        person(1, "Kim Lee", "+19495550104", json!({ "Business": of(101), "Priority": 1 })),
        person(2, "Kim Lee", "(949) 555-0104", json!({ "Business": of(102), "Priority": 1 })),
        person(3, "Bo Ek", "+19495550105", json!({ "Business": of(102), "Priority": 2 })),
        person(4, "Lost Link", "+19495550106", json!({ "Priority": 1 })),
    ];
    let merged = laid(&source("P"), &shop(), &rows, &[acme(), polar()]);
    let d = &merged.directory;
    let ids: Vec<String> = d.contacts.iter().map(|c| c.id.to_string()).collect();
    assert_eq!(ids, ["kim-lee", "bo-ek", "lost-link"]);
    for number in ["+18005550100", "+18005550102"] {
        assert_eq!(holders(d, Some(number), "primary", NIGHT), ["kim-lee"], "{number}");
    }
    assert_eq!(holders(d, Some("+18005550102"), "backup", NIGHT), ["bo-ek"]);
    assert!(said(&merged).len() == 1 && said(&merged)[0].contains("works for no business"), "{:?}", merged.wrong);
}

#[test]
fn an_owner_before_all_others_is_asked_first_and_in_the_end() {
    let owner = person(1, "Olga Lind", "+19495550103", json!({ "Role": "Owner", "Priority": 1 }));
    let tech = person(2, "Kim Lee", "+19495550104", json!({ "Priority": 2 }));
    let d = laid(&source("P"), &shop(), &[owner, tech], &[acme()]).directory;
    let roles = ["primary", "backup", "owner"].map(|role| holders(&d, None, role, NOON));
    assert_eq!(roles, [vec!["olga-lind".to_owned()], vec!["kim-lee".to_owned()], vec!["olga-lind".to_owned()]]);
}

#[test]
fn the_fields_are_those_of_the_base_and_what_it_lacks_is_left_out() {
    let table = |name: &str, fields: &[&str]| -> TableSchema {
        let fields: Vec<Value> =
            fields.iter().map(|f| json!({ "id": format!("fld{f}"), "name": f, "type": "singleLineText" })).collect();
        serde_json::from_value(json!({ "id": format!("tbl{name}"), "name": name, "fields": fields })).expect("a table")
    };
    let tables = [
        table("on-call roster", &["name", "PHONE", "Role", "Business", "Priority", "Start Time", "End Time", "Active"]),
        table("Businesses", &["Business Name", "Twilio Did"]),
    ];
    let (found, lacks) = source("P").found_in(&tables);
    assert_eq!((found.layout.fields.phone.as_str(), found.layout.fields.trade.as_str()), ("PHONE", ""));
    assert_eq!(found.businesses.map(|(_, l)| l.fields.numbers).as_deref(), Some("Twilio Did"));
    assert!(lacks.contains(&"On-Call Roster: the field `Trade`".to_owned()), "{lacks:?}");
    assert!(!lacks.iter().any(|l| l.contains("Twilio DID")), "{lacks:?}");
}

#[test]
fn an_id_is_not_taken_from_another_record_by_a_name() {
    let source = source("P");
    let file = shop();
    let read = |rows: &[(u32, Value)], before: Option<&SyncedContacts>| {
        let (reading, businesses) = listed(&source, rows, &[acme()]).read(&file, before);
        SyncedContacts {
            source: "R".into(),
            read_at: Timestamp::from_millis(1),
            contacts: reading.contacts,
            businesses,
        }
    };
    let mike = |number: u32, phone: &str| person(number, "Mike", phone, json!({ "Priority": number }));
    let before = read(&[mike(1, ""), mike(2, "+19495550105")], None);
    let after = read(&[mike(1, "+19495550104"), mike(2, "+19495550105")], Some(&before));
    let ids: Vec<(&str, &str)> = after.contacts.iter().map(|c| (c.record.as_str(), c.id.as_str())).collect();
    assert_eq!(ids, [("rec00000000000001", "rec00000000000001"), ("rec00000000000002", "mike")]);
}

#[test]
fn a_place_is_asked_of_those_who_have_no_role_alone_and_one_in_words_is_said_of_all() {
    let of = |more: Value| {
        let rows = [person(1, "Olga Lind", "+19495550103", more)];
        let merged = laid(&source("X"), &shop(), &rows, &[acme()]);
        said(&merged).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(json!({ "Role": "Owner" })), [""; 0]);
    assert_eq!(of(json!({ "Backup Contact": true })), [""; 0]);
    for more in [json!({ "Role": "Owner", "Priority": "first" }), json!({ "Priority": "first" })] {
        let said = of(more.clone());
        assert!(said.len() == 1 && said[0].contains("first") && said[0].contains("use 1, 2, 3"), "{more}: {said:?}");
    }
    let said = of(json!({}));
    assert!(said.len() == 1 && said[0].contains("Priority is empty"), "{said:?}");
}

#[test]
fn hours_are_read_as_people_write_them_and_so_is_who_is_there() {
    let read = |more: Value| {
        let rows = [person(1, "Kim Lee", "+19495550104", more)];
        let (mut reading, _) = listed(&source("P"), &rows, &[acme()]).read(&shop(), None);
        (reading.contacts.remove(0), reading.wrong.len())
    };
    for (start, end, want) in [
        ("18:00", "6:00", Some((18, 0, 6, 0))),
        ("6:00 PM", "8 a.m.", Some((18, 0, 8, 0))),
        ("12 pm", "12am", Some((12, 0, 0, 0))),
        ("11:30pm", "1:15 am", Some((23, 30, 1, 15))),
        ("13pm", "8am", None),
        ("0am", "8am", None),
    ] {
        let (contact, wrong) = read(json!({ "Priority": 1, "Start Time": start, "End Time": end }));
        let time = |hour, minute| jiff::civil::time(hour, minute, 0, 0);
        let hours = want.map(|(h, m, until_h, until_m)| Hours::daily(time(h, m), time(until_h, until_m)));
        assert_eq!((contact.hours, wrong), (hours, usize::from(want.is_none())), "{start} to {end}");
    }
    for (word, away) in [("AVAILABLE", false), ("available", false), ("", false), ("OFF", true), ("Vacation", true)] {
        let (contact, wrong) = read(json!({ "Priority": 1, "Availability Status": word }));
        assert_eq!((contact.away, wrong), (away, 0), "{word}");
    }
}

#[test]
fn places_make_the_team_of_the_shop_where_no_businesses_are_read_and_without_them_roles_do() {
    let kim = |more: Value| person(1, "Kim Lee", "+19495550104", more);
    let bo = person(2, "Bo Ek", "+19495550105", json!({ "Business": [id(101)], "Priority": 1 }));
    let merged = laid(&source("P"), &shop(), &[kim(json!({ "Priority": 2 })), bo], &[]);
    assert_eq!(said(&merged), [""; 0], "no link is judged by a table that is not read");
    let asked = |d: &Directory| ["primary", "backup"].map(|role| holders(d, None, role, NOON));
    assert_eq!(asked(&merged.directory), [vec!["bo-ek".to_owned()], vec!["kim-lee".to_owned()]]);
    let backup = laid(&source("X"), &shop(), &[kim(json!({ "Backup Contact": true }))], &[]).directory;
    assert_eq!(asked(&backup), [Vec::new(), vec!["kim-lee".to_owned()]]);
    let owner = laid(&source("P"), &shop(), &[kim(json!({ "Role": "Owner" }))], &[]).directory;
    assert_eq!(
        (owner.default_line.team.as_ref(), holders(&owner, None, "owner", NOON)),
        (None, vec!["kim-lee".into()])
    );
    // Hours need a clock: of the shop, else of the business that they work for.
    let night = json!({ "Business": [id(101)], "Priority": 1, "Start Time": "18:00", "End Time": "06:00" });
    let merged = laid(&source("P"), &shop(), &[kim(night.clone())], &[]);
    assert!(said(&merged).len() == 1 && said(&merged)[0].contains("by which clock"), "{:?}", merged.wrong);
    let (reading, mut lines) = listed(&source("P"), &[kim(night)], &[acme(), polar()]).read(&shop(), None);
    lines[0].time_zone = Some("America/Denver".into());
    assert_eq!(said(&merge(&shop(), &reading.contacts, &lines)), [""; 0]);
}

#[test]
fn contacts_of_the_configuration_stay_in_the_team_and_an_owner_of_anothers_place_is_not_asked_first() {
    let kim = person(1, "Kim Lee", "+19495550104", json!({ "Priority": 1 }));
    let owner = person(2, "Olga Lind", "+19495550103", json!({ "Role": "Owner", "Priority": 1 }));
    let d = laid(&source("P"), &fixtures::directory(), &[kim, owner], &[acme()]).directory;
    let holders = |role| {
        let mut all = holders(&d, None, role, NOON);
        all.sort();
        all
    };
    assert_eq!((holders("primary"), holders("backup")), (vec!["kim-lee".into(), "sam".into()], vec!["ana".into()]));
    assert_eq!(holders("owner"), ["olga"]);
}

#[test]
fn the_one_open_business_of_several_has_its_numbers_as_lines_with_its_words_added() {
    let (_, mut closed) = polar();
    closed["Afterhours Active"] = json!(false);
    let mut file = shop();
    file.lines.push(crate::domain::team::Line {
        number: Some("+18005550100".into()),
        keywords: vec!["burst".into()],
        ..file.default_line.clone()
    });
    let kim = person(1, "Kim Lee", "+19495550104", json!({ "Business": [id(101)], "Priority": 1 }));
    let rows = [acme(), (102, closed)];
    let numbers = |d: &Directory| d.lines.iter().filter_map(|l| l.number.clone()).collect::<Vec<_>>();
    let bare = laid(&source("P"), &shop(), std::slice::from_ref(&kim), &rows).directory;
    assert_eq!(numbers(&bare), ["+18005550100", "+18005550101"]);
    let d = laid(&source("P"), &file, &[kim], &rows[..1]).directory;
    assert_eq!(numbers(&d), ["+18005550100", "+18005550101"]);
    assert_eq!(d.lines[0].keywords, ["burst", "no water"]);
    assert_eq!(holders(&d, Some("+18005550100"), "primary", NIGHT), ["kim-lee"]);
}

#[test]
fn numbers_stay_with_the_open_business_that_had_them_and_a_closed_one_keeps_none() {
    let source = source("P");
    let (_, layout) = source.businesses.clone().expect("businesses");
    let cells = |(number, cells): (u32, Value), numbers: &str, active: bool| {
        let mut cells = cells;
        cells["Twilio DID"] = json!(numbers);
        cells["Afterhours Active"] = json!(active);
        (number, cells)
    };
    let read = |rows: &[(u32, Value)], before: &[SyncedBusiness]| {
        let (all, wrong) = businesses::read(&list(rows).records, &layout, Some("1"), before);
        let numbers: Vec<Vec<String>> = all.iter().map(|b| b.numbers.clone()).collect();
        (numbers, wrong.len(), all)
    };
    let (twice, wrong, open) = read(&[cells(acme(), "+18005550100; (800) 555-0100, +18005550101", true)], &[]);
    assert_eq!((twice[0].len(), wrong), (2, 0), "a number that is there twice is one");
    let (_, _, shut) = read(&[cells(acme(), "+18005550100", false)], &[]);
    for (before, active, want) in [(&open, true, 2), (&open, false, 0), (&shut, true, 0), (&shut, false, 0)] {
        let (numbers, wrong, _) = read(&[cells(acme(), "", active)], before);
        assert_eq!((numbers[0].len(), wrong), (want, usize::from(want > 0)), "open now: {active}");
    }
    // Acme had it while it was closed; Polar had it and was open; a third has another number.
    let third = |active| cells((103, polar().1), "+18005550109", active);
    let (_, _, before) =
        read(&[cells(acme(), "+18005550102", false), cells(polar(), "+18005550102", true), third(true)], &[]);
    let both = [cells(acme(), "+18005550102", true), cells(polar(), "+18005550102", true), third(true)];
    let (numbers, wrong, _) = read(&both, &before);
    assert_eq!((numbers.iter().map(Vec::len).collect::<Vec<_>>(), wrong), (vec![0, 1, 1], 1));
    // Without numbers or without a name it is still one; without both it is an empty line.
    let nameless = (104, json!({ "Twilio DID": "+18005550104", "Afterhours Active": true }));
    let (numbers, _, all) = read(&[nameless, cells(polar(), "", true), (105, json!({ "Trade": "HVAC" }))], &[]);
    assert_eq!((numbers.len(), all.iter().any(|b| b.name == id(104))), (2, true));
}

#[test]
fn half_of_what_was_there_is_enough_and_what_was_not_read_whole_is_not() {
    let source = source("P");
    let file = shop();
    let (reading, businesses) = listed(&source, &people(), &[acme(), polar()]).read(&file, None);
    let before = SyncedContacts {
        source: "R".into(),
        read_at: Timestamp::from_millis(1),
        contacts: reading.contacts,
        businesses,
    };
    let judge = |people: &[(u32, Value)], shops: &[(u32, Value)]| {
        let (reading, lines) = listed(&source, people, shops).read(&file, Some(&before));
        let held = InForce::own(std::sync::Arc::new(file.clone()), fixtures::rules());
        acceptable(&reading, Some(&lines), true, &held.with_contacts(Some(before.clone())))
    };
    let of = |places: &[usize]| -> Vec<(u32, Value)> { places.iter().map(|at| people()[*at].clone()).collect() };
    assert_eq!(judge(&of(&[0, 3, 4]), &[acme(), polar()]), Ok(()), "three of six people");
    assert!(judge(&of(&[3, 4]), &[acme(), polar()]).is_err_and(|why| why.contains("under half of the 6")));
    assert_eq!(judge(&people(), &[acme()]), Ok(()), "one of two businesses");
    let complete = |contacts: bool, shops: bool| {
        let mut all = listed(&source, &people(), &[acme()]);
        all.contacts.complete = contacts;
        all.businesses = Some(RecordList { complete: shops, ..list(&[acme()]) });
        all.is_complete()
    };
    assert!(complete(true, true) && !complete(true, false) && !complete(false, true));
}

#[test]
fn a_field_that_is_named_by_its_id_keeps_it_and_one_that_nothing_goes_without_is_asked_for() {
    let fields = [("fld1", "Name"), ("fld2", "Mobile"), ("fld3", "Role")];
    let fields: Vec<Value> =
        fields.iter().map(|(id, name)| json!({ "id": id, "name": name, "type": "singleLineText" })).collect();
    let table = json!({ "id": "tbl1", "name": "On-Call Roster", "fields": fields });
    let table: TableSchema = serde_json::from_value(table).expect("a table");
    let mut source = source("P");
    source.layout.fields.phone = "fld2".into();
    let (found, lacks) = source.found_in(&[table]);
    let fields = &found.layout.fields;
    assert_eq!((fields.phone.as_str(), fields.active.as_str(), fields.trade.as_str()), ("fld2", "Active", ""));
    assert!(!lacks.iter().any(|l| l.contains("`Active`")) && lacks.iter().any(|l| l.contains("`Trade`")), "{lacks:?}");
}
