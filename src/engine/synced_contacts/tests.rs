//! What rows mean, what the directory becomes, and the reader over the real store between a clock and a table of the test's.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::merge::merge;
use super::rows::{RosterLayout, RosterReading, read, whole_number};
use super::{ContactSource, ContactSync, SyncOutcome};
use crate::config::ContactFields;
use crate::domain::mail::MailAddress;
use crate::domain::team::Directory;
use crate::domain::{PhoneNumber, Timestamp};
use crate::engine::in_force::{Decides, InForce};
use crate::gateways::airtable::{BaseSchema, Cell, FieldSchema, Fields, NewField, NewTable, TableSchema};
use crate::gateways::mirror::{
    Lane, MirrorError, MirrorGateway, Query, Record, RecordChange, RecordId, RecordList, Refusal, RefusalScope,
    Typecast, Upserted, Whoami,
};
use crate::store::{SyncedContact, SyncedContacts};
use crate::testing::{World, fixtures, secs};

/// One row: its number, then name, phone, role, whether the box is ticked.
type Row<'a> = (u32, &'a str, &'a str, &'a str, bool);

pub(super) fn record(number: u32, cells: Value) -> Record {
    let fields: Fields =
        cells.as_object().expect("cells").iter().map(|(name, value)| (name.clone(), cell(value))).collect();
    let id = format!("rec{number:014}").parse().expect("an id");
    Record { id, created_at: Some(Timestamp::from_millis(i64::from(number))), fields }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::text(text.as_str()),
        Value::Bool(flag) => Cell::Flag(*flag),
        Value::Number(n) => Cell::Number(n.clone()),
        Value::Null => Cell::Empty,
        other => Cell::Other(other.clone()),
    }
}

fn records(rows: &[Row<'_>]) -> Vec<Record> {
    let cells = |r: &Row<'_>| json!({ "Name": r.1, "Phone": r.2, "Role": r.3, "Active": r.4 });
    // The table's own order means nothing.
    rows.iter().rev().map(|r| record(r.0, cells(r))).collect()
}

fn reading(file: &Directory, rows: &[Row<'_>]) -> RosterReading {
    read(&records(rows), &RosterLayout::default(), file, None)
}

/// `sam Sam Ortiz 0101 primary`, with the end of the phone.
fn shown(directory: &Directory) -> Vec<String> {
    let role = |c: &crate::domain::team::Contact| c.role.as_ref().map_or("-".to_owned(), ToString::to_string);
    let tail = |c: &crate::domain::team::Contact| c.phone.e164().chars().skip(8).collect::<String>();
    directory.contacts.iter().map(|c| format!("{} {} {} {}", c.id, c.name, tail(c), role(c))).collect()
}

fn nobody() -> Directory {
    Directory { contacts: Vec::new(), ..fixtures::directory() }
}

const SAM: &str = "sam Sam Ortiz 0101 primary";
const ANA: &str = "ana Ana Reyes 0102 backup";
const OLGA: &str = "olga Olga Lind 0103 owner";

#[test]
fn rows_are_laid_over_the_contacts_of_the_configuration() {
    let table: &[(&str, &[Row<'_>], &[&str])] = &[
        ("no rows", &[], &[SAM, ANA, OLGA]),
        (
            "somebody new",
            &[(1, "Kim Lee", "+19495550104", "primary", true)],
            &[SAM, ANA, OLGA, "kim-lee Kim Lee 0104 primary"],
        ),
        (
            "oldest first, whatever the order of the answer",
            &[(1, "Kim Lee", "+19495550104", "", true), (2, "Bo Ek", "+19495550105", "backup", true)],
            &[SAM, ANA, OLGA, "kim-lee Kim Lee 0104 -", "bo-ek Bo Ek 0105 backup"],
        ),
        (
            "a new phone, known by the name",
            &[(1, "Sam Ortiz", "+19495550109", "", true)],
            &["sam Sam Ortiz 0109 primary", ANA, OLGA],
        ),
        (
            "a new name, known by the phone",
            &[(1, "Samuel Ortiz", "+19495550101", "", true)],
            &["sam Samuel Ortiz 0101 primary", ANA, OLGA],
        ),
        ("switched off", &[(1, "Ana Reyes", "+19495550102", "backup", false)], &[SAM, OLGA]),
        ("switched off without a phone", &[(1, "Ana Reyes", "", "", false)], &[SAM, OLGA]),
        ("somebody new who is off", &[(1, "Kim Lee", "+19495550104", "primary", false)], &[SAM, ANA, OLGA]),
        (
            "off in one row and on in another",
            &[(1, "Ana Reyes", "+19495550102", "", false), (2, "Ana R", "+19495550102", "", true)],
            &[SAM, "ana Ana R 0102 backup", OLGA],
        ),
        (
            "a role is never left empty by another role",
            &[(1, "Sam Ortiz", "+19495550101", "backup", true)],
            &[SAM, ANA, OLGA],
        ),
        (
            "unless somebody has it",
            &[(1, "Sam Ortiz", "+19495550101", "backup", true), (2, "Kim Lee", "+19495550104", "Primary", true)],
            &["sam Sam Ortiz 0101 backup", ANA, OLGA, "kim-lee Kim Lee 0104 Primary"],
        ),
        ("or its holder is off", &[(1, "Sam Ortiz", "+19495550101", "primary", false)], &[ANA, OLGA]),
    ];
    let file = fixtures::directory();
    for (label, rows, want) in table {
        let reading = reading(&file, rows);
        assert_eq!(reading.wrong, [], "{label}");
        let merged = merge(&file, &reading.contacts, &[]);
        assert_eq!(
            (shown(&merged.directory).iter().map(String::as_str).collect::<Vec<_>>(), merged.wrong),
            (want.to_vec(), vec![]),
            "{label}"
        );
    }
    let moved = reading(&file, &[(1, "Sam Ortiz", "+19495550101", "backup", true)]);
    assert_eq!(merge(&file, &moved.contacts, &[]).kept.len(), 1, "what stays against the table's word is said");
}

#[test]
fn a_row_that_is_not_clear_is_left_out_and_said_never_guessed() {
    let cells = |name: &str, value: Value| {
        let mut cells = json!({ "Name": "Kim Lee", "Phone": "+19495550104", "Role": "primary", "Active": true });
        cells[name] = value;
        cells
    };
    let table: &[(&str, Value, &str)] = &[
        ("too short for the shop's country", cells("Phone", json!("555-0104")), "no phone number"),
        ("a number's cell", cells("Phone", json!(19_495_550_104_i64)), "not a text"),
        ("too short", cells("Phone", json!("+194955")), "no phone number"),
        ("a second number behind it", cells("Phone", json!("+19495550104 ext 2")), "no phone number"),
        ("none", cells("Phone", json!("")), "is empty"),
        ("our own sender", cells("Phone", json!(fixtures::SENDER)), "texts come from"),
        ("neither on nor off", cells("Active", json!("weekends")), "neither yes nor no"),
    ];
    for (label, cells, why) in table {
        let reading = read(&[record(1, cells.clone())], &RosterLayout::default(), &nobody(), None);
        assert_eq!(reading.contacts, [], "{label}");
        assert!(reading.wrong.len() == 1 && reading.wrong[0].why.contains(why), "{label}: {:?}", reading.wrong);
        assert!(!format!("{:?}", reading.wrong).contains("5550104"), "{label}: no phone is shown");
    }
    let fine: &[(&str, Value, Option<&str>)] = &[
        ("blanks and signs between digits", cells("Phone", json!(" +1 (949) 555-0104 ")), Some("primary")),
        ("of the country of all of the shop's numbers", cells("Phone", json!("(949) 555-0104")), Some("primary")),
        ("a list of one role", cells("Role", json!(["backup"])), Some("backup")),
        ("no role", cells("Role", json!(null)), None),
        ("a word for yes", cells("Active", json!("Yes")), Some("primary")),
    ];
    for (label, cells, role) in fine {
        let reading = read(&[record(1, cells.clone())], &RosterLayout::default(), &nobody(), None);
        assert_eq!(reading.wrong, [], "{label}");
        let found = reading.contacts.first().expect(label);
        let phone = found.phone.as_ref().map(|p| p.e164());
        assert_eq!((found.active, phone), (true, Some("+19495550104")), "{label}");
        assert_eq!(found.role.as_ref().map(ToString::to_string).as_deref(), *role, "{label}");
    }
    let abroad = Directory { from: "Acme".parse().ok(), ..nobody() };
    let unclear = read(&[record(1, cells("Phone", json!("(949) 555-0104")))], &RosterLayout::default(), &abroad, None);
    assert!(unclear.contacts.is_empty() && unclear.wrong[0].why.contains("no country"), "{:?}", unclear.wrong);
    let several =
        read(&[record(1, cells("Role", json!(["backup", "owner"])))], &RosterLayout::default(), &nobody(), None);
    assert_eq!((several.contacts.len(), several.wrong.len()), (1, 1), "told with the first of its roles, and said");
    let blank = read(&[record(1, json!({ "Role": "primary" }))], &RosterLayout::default(), &nobody(), None);
    assert_eq!(blank, RosterReading::default(), "an empty line is nothing");
    let off = read(&[record(1, cells("Active", json!(null)))], &RosterLayout::default(), &nobody(), None);
    assert!(!off.contacts[0].active, "a box that is not ticked has no cell");
    let always = ContactFields { active: String::new(), ..ContactFields::default() };
    let always = RosterLayout { fields: always, ..RosterLayout::default() };
    let on = read(&[record(1, cells("Active", json!(null)))], &always, &nobody(), None);
    assert!(on.contacts[0].active, "without such a field everybody is active");
}

#[test]
fn a_row_says_where_its_mails_go_and_one_that_is_no_address_keeps_nobody_from_his_texts() {
    let fields = ContactFields { email: "Email".into(), ..ContactFields::default() };
    let layout = RosterLayout { fields, ..RosterLayout::default() };
    for (given, wanted, wrong) in [
        (json!(" kim@example.com "), Some("kim@example.com"), 0),
        (json!("kim at home"), None, 1),
        (json!(null), None, 0),
    ] {
        let cells =
            json!({ "Name": "Kim Lee", "Phone": "+19495550104", "Role": "primary", "Active": true, "Email": given });
        let reading = read(&[record(1, cells)], &layout, &nobody(), None);
        assert_eq!((reading.contacts.len(), reading.wrong.len()), (1, wrong), "{given}");
        let merged = merge(&nobody(), &reading.contacts, &[]).directory;
        let email = merged.contacts.first().and_then(|c| c.email.as_ref());
        assert_eq!(email.map(MailAddress::as_str), wanted, "{given}");
    }
}

#[test]
fn two_rows_of_one_phone_or_one_person_are_one_contact() {
    let file = fixtures::directory();
    let twins = reading(&file, &[(1, "Kim Lee", "+19495550104", "", true), (2, "Kim L", "+1 949 555 0104", "", true)]);
    assert_eq!((twins.contacts.len(), twins.wrong.len()), (1, 1));
    let crossed = reading(&file, &[(1, "Sam Ortiz", "+19495550102", "", true)]);
    let kept = merge(&file, &[SyncedContact { id: "sam".parse().expect("id"), ..crossed.contacts[0].clone() }], &[]);
    assert_eq!((shown(&kept.directory), kept.wrong.len()), (vec![SAM.into(), ANA.into(), OLGA.into()], 1));
    let namesakes =
        reading(&nobody(), &[(1, "Kim Lee", "+19495550104", "", true), (2, "Kim Lee", "+19495550105", "", true)]);
    let ids: BTreeSet<String> = namesakes.contacts.iter().map(|c| c.id.to_string()).collect();
    assert_eq!(ids, BTreeSet::from(["kim-lee".to_owned(), "rec00000000000002".to_owned()]));
}

#[test]
fn the_first_row_of_a_contact_counts_and_an_active_row_has_a_name_before_one_that_is_off() {
    let file = fixtures::directory();
    let both = reading(&file, &[(1, "Sam Ortiz", "+19495550109", "", true), (2, "Sammy", "+19495550101", "", true)]);
    let merged = merge(&file, &both.contacts, &[]);
    assert_eq!(shown(&merged.directory), ["sam Sam Ortiz 0109 primary", ANA, OLGA]);
    assert!(merged.wrong.len() == 1 && merged.wrong[0].why.contains("the same contact"), "{:?}", merged.wrong);
    let moved =
        reading(&nobody(), &[(1, "Kim Lee", "+19495550104", "", false), (2, "Kim Lee", "+19495550105", "", true)]);
    let told: Vec<&str> = moved.contacts.iter().filter(|c| c.active).map(|c| c.id.as_str()).collect();
    assert_eq!(told, ["kim-lee"], "whoever names kim-lee means the one who can be told");
}

#[test]
fn a_number_without_its_country_is_completed_where_the_rest_is_whole() {
    for (text, country, want) in [
        ("(949) 555-0104", Some("1"), Some("+19495550104")),
        ("1 949 555 0104", Some("1"), Some("+19495550104")),
        ("555-0104", Some("1"), None),
        ("20 7946 0958", Some("44"), Some("+442079460958")),
        ("946 0958", Some("44"), None),
        ("(949) 555-0104", None, None),
        ("+44 20 7946 0958", None, Some("+442079460958")),
    ] {
        assert_eq!(whole_number(text, country).as_ref().map(PhoneNumber::e164), want, "{text} in {country:?}");
    }
}

#[test]
fn a_table_that_says_who_works_where_or_in_which_place_may_have_several_rows_of_one_person() {
    let twins = [1, 2].map(|number| {
        record(number, json!({ "Name": "Kim Lee", "Phone": "+19495550104", "Active": true, "Priority": number }))
    });
    let of = |business: &str, priority: &str| {
        let fields = ContactFields { business: business.into(), priority: priority.into(), ..ContactFields::default() };
        let reading = read(&twins, &RosterLayout { fields, ..RosterLayout::default() }, &nobody(), None);
        (reading.contacts.len(), reading.wrong.len())
    };
    assert_eq!((of("Business", ""), of("", "Priority"), of("", "")), ((2, 0), (2, 0), (1, 1)));
}

#[test]
fn an_id_stays_with_its_record_when_the_name_is_corrected() {
    let before = reading(&nobody(), &[(1, "Kim Le", "+19495550104", "", true)]);
    let copy = SyncedContacts {
        source: "On-Call".into(),
        read_at: Timestamp::from_millis(1),
        contacts: before.contacts,
        businesses: Vec::new(),
    };
    let rows = records(&[(1, "Kim Lee", "+19495550105", "", true)]);
    let after = read(&rows, &RosterLayout::default(), &nobody(), Some(&copy));
    assert_eq!((after.contacts[0].id.as_str(), after.contacts[0].name.as_str()), ("kim-le", "Kim Lee"));
}

/// A table that answers as the test says.
#[derive(Default)]
struct Table(Mutex<Option<Result<RecordList, MirrorError>>>);

impl Table {
    fn has(&self, rows: &[Row<'_>]) {
        self.answers(Ok(RecordList { records: records(rows), complete: true }));
    }

    fn answers(&self, answer: Result<RecordList, MirrorError>) {
        *self.0.lock().expect("a lock") = Some(answer);
    }
}

fn away() -> MirrorError {
    MirrorError::Retryable { why: "no connection".into(), retry_after: None }
}

fn broken() -> MirrorError {
    MirrorError::Refused(Refusal {
        http: Some(422),
        kind: Some("UNKNOWN_FIELD_NAME".into()),
        message: "Unknown field name: \"Active\"".into(),
        scope: RefusalScope::Field(Some("Active".into())),
    })
}

#[async_trait]
impl MirrorGateway for Table {
    fn in_queue(&self, _: Lane) -> Arc<dyn MirrorGateway> {
        Arc::new(Self::default())
    }
    fn requests(&self) -> u64 {
        0
    }
    fn resting_until(&self) -> Option<Timestamp> {
        None
    }
    async fn upsert(&self, _: &str, _: &[&str], _: &[Fields], _: Typecast) -> Result<Upserted, MirrorError> {
        Err(away())
    }
    async fn create(&self, _: &str, _: &[Fields], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        Err(away())
    }
    async fn update(&self, _: &str, _: &[RecordChange], _: Typecast) -> Result<Vec<Record>, MirrorError> {
        Err(away())
    }
    async fn delete(&self, _: &str, _: &[RecordId]) -> Result<BTreeSet<RecordId>, MirrorError> {
        Err(away())
    }

    async fn list(&self, query: &Query) -> Result<RecordList, MirrorError> {
        assert_eq!((query.table.as_str(), query.fields.len()), ("On-Call", 4), "only what is needed is asked for");
        self.0.lock().expect("a lock").clone().unwrap_or_else(|| Err(away()))
    }
    async fn whoami(&self) -> Result<Whoami, MirrorError> {
        Err(away())
    }
    async fn bases(&self) -> Result<Vec<BaseSchema>, MirrorError> {
        Err(away())
    }
    async fn tables(&self) -> Result<Vec<TableSchema>, MirrorError> {
        Err(away())
    }
    async fn create_field(&self, _: &str, _: &NewField) -> Result<FieldSchema, MirrorError> {
        Err(away())
    }
    async fn create_table(&self, _: &NewTable) -> Result<TableSchema, MirrorError> {
        Err(away())
    }
}

fn synced_contacts(w: &World, table: &Arc<Table>) -> Arc<ContactSync> {
    let source =
        ContactSource { table: "On-Call".into(), layout: RosterLayout::default(), businesses: None, every: secs(60) };
    ContactSync::new(w.process.core.clone(), table.clone(), source)
}

async fn alerts(w: &World) -> Vec<String> {
    let all = w.process.store.alerts().await.expect("read");
    all.into_iter()
        .filter(|a| a.key.to_string().starts_with("contacts-"))
        .map(|a| format!("{}: {}", a.key, a.message))
        .collect()
}

fn in_force(w: &World) -> Vec<String> {
    shown(&w.process.core.directory())
}

const KIM: Row<'_> = (1, "Kim Lee", "+19495550104", "primary", true);
const KIM_SHOWN: &str = "kim-lee Kim Lee 0104 primary";

#[tokio::test]
async fn a_technician_who_is_added_is_told_of_the_next_call_and_one_who_is_off_is_not() {
    let mut w = World::new().await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    table.has(&[KIM, (2, "Sam Ortiz", "+19495550101", "primary", false)]);
    assert_eq!(synced_contacts.pass().await.expect("read"), SyncOutcome::Taken);
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 kim-lee submitted"]);
    assert_eq!(alerts(&w).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_copy_stands_over_a_restart_while_the_table_is_away_and_an_hour_of_it_alerts() {
    let mut w = World::new().await;
    let table = Arc::new(Table::default());
    table.has(&[KIM]);
    synced_contacts(&w, &table).pass().await.expect("read");
    w.restart().await;
    table.answers(Err(away()));
    let again = synced_contacts(&w, &table);
    w.process.core.refresh().await.expect("read");
    assert_eq!(in_force(&w), [SAM, ANA, OLGA, KIM_SHOWN]);
    for (minutes, alerted) in [(0, 0), (59, 0), (61, 1)] {
        w.away(secs(minutes * 60).saturating_sub(w.now().since(crate::testing::world::START)));
        assert_eq!(again.pass().await.expect("asked"), SyncOutcome::Kept);
        assert_eq!(alerts(&w).await.len(), alerted, "after {minutes} min");
    }
    assert_eq!(in_force(&w), [SAM, ANA, OLGA, KIM_SHOWN]);
    table.has(&[KIM]);
    again.pass().await.expect("read");
    assert_eq!(alerts(&w).await, Vec::<String>::new(), "over");
}

#[tokio::test]
async fn an_empty_half_read_or_broken_table_changes_nobody_and_alerts_at_once() {
    let w = World::with(crate::testing::world::Setup { directory: nobody(), ..Default::default() }).await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    table.has(&[KIM]);
    synced_contacts.pass().await.expect("read");
    let broken_rows: &[Row<'_>] = &[(1, "Kim Lee", "949", "primary", true)];
    let off: &[Row<'_>] = &[(1, "Kim Lee", "+19495550104", "primary", false)];
    let list = |rows: &[Row<'_>], complete| Ok(RecordList { records: records(rows), complete });
    for (label, answer, says) in [
        ("empty", list(&[], true), "is empty"),
        ("half", list(&[(2, "Bo Ek", "+19495550105", "", true)], false), "read whole"),
        ("no usable row", list(broken_rows, true), "no row that can be used"),
        ("nobody left", list(off, true), "leave nobody"),
        ("a field is gone", Err(broken()), "UNKNOWN_FIELD_NAME"),
    ] {
        table.answers(answer);
        assert_eq!(synced_contacts.pass().await.expect("asked"), SyncOutcome::Kept, "{label}");
        assert_eq!(in_force(&w), [KIM_SHOWN], "{label}");
        let alerts = alerts(&w).await;
        assert!(alerts.iter().any(|a| a.contains(says)), "{label}: {alerts:?}");
        assert!(alerts[0].contains("stand"), "it says what is told meanwhile: {alerts:?}");
    }
    assert_eq!(
        w.process.store.synced_contacts().await.expect("read").map(|c| c.contacts.len()),
        Some(1),
        "and nobody's copy"
    );
}

#[tokio::test]
async fn a_wrong_row_alerts_once_in_its_present_words_and_until_it_is_right() {
    let w = World::new().await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    let (wrong, empty): (Row<'_>, Row<'_>) = ((2, "Bo Ek", "call the office", "", true), (2, "Bo Ek", "", "", true));
    for (row, says) in [(wrong, "no phone number"), (wrong, "no phone number"), (empty, "is empty")] {
        table.has(&[KIM, row]);
        synced_contacts.pass().await.expect("read");
        let alerts = alerts(&w).await;
        assert!(alerts.len() == 1 && alerts[0].contains(says) && alerts[0].contains("Bo Ek"), "{alerts:?}");
    }
    assert_eq!(in_force(&w), [SAM, ANA, OLGA, KIM_SHOWN], "the others are told");
    let log = w.process.store.log(&crate::store::LogFilter { limit: 100, ..Default::default() }).await.expect("read");
    let raised = log.iter().filter(|l| l.entry.kind.as_str() == "alert.raised").count();
    assert_eq!(raised, 2, "once a wording, not once a reading");
    table.has(&[KIM]);
    synced_contacts.pass().await.expect("read");
    assert_eq!(alerts(&w).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_new_file_is_merged_with_the_copy_at_once() {
    let w = World::new().await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    table.has(&[KIM]);
    synced_contacts.pass().await.expect("read");
    let held = w.process.core.in_force();
    let decides = Decides { directory: nobody(), rules: held.rules.clone() };
    w.process.core.put_in_force(InForce::clone(&held).with_settings(None, decides));
    assert_eq!(in_force(&w), [KIM_SHOWN]);
}

#[tokio::test]
async fn a_reading_that_empties_a_role_or_loses_half_of_the_rows_keeps_the_copy_and_alerts() {
    let w = World::with(crate::testing::world::Setup { directory: nobody(), ..Default::default() }).await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    let all: &[Row<'_>] = &[
        KIM,
        (2, "Bo Ek", "+19495550105", "backup", true),
        (3, "Cy Poe", "+19495550106", "owner", true),
        (4, "Di Roe", "+19495550107", "primary", true),
        (5, "Ed Moe", "+19495550108", "primary", true),
    ];
    table.has(all);
    assert_eq!(synced_contacts.pass().await.expect("read"), SyncOutcome::Taken);
    let five = in_force(&w);
    assert_eq!(five.len(), 5);
    let without = |skipped_rows: &[usize]| -> Vec<Row<'_>> {
        all.iter().enumerate().filter(|(i, _)| !skipped_rows.contains(i)).map(|(_, r)| *r).collect()
    };
    for (label, rows, says) in [
        ("the only backup is gone", without(&[1]), "leave a role empty"),
        ("three of five are gone", without(&[0, 3, 4]), "under half"),
    ] {
        table.has(&rows);
        assert_eq!(synced_contacts.pass().await.expect("read"), SyncOutcome::Kept, "{label}");
        assert_eq!(in_force(&w), five, "{label}");
        let alerts = alerts(&w).await;
        assert!(alerts.len() == 1 && alerts[0].contains(says), "{label}: {alerts:?}");
    }
    table.has(&without(&[3]));
    assert_eq!(synced_contacts.pass().await.expect("read"), SyncOutcome::Taken, "one of three of a role may go");
    assert_eq!((in_force(&w).len(), alerts(&w).await.len()), (4, 0));
}

#[tokio::test]
async fn a_table_that_cannot_be_asked_alerts_after_two_minutes_where_there_is_no_copy() {
    let w = World::new().await;
    let table = Arc::new(Table::default());
    let synced_contacts = synced_contacts(&w, &table);
    for (wait, alerted) in [(0, 0), (119, 0), (1, 1)] {
        w.away(secs(wait));
        assert_eq!(synced_contacts.pass().await.expect("asked"), SyncOutcome::Kept);
        assert_eq!(alerts(&w).await.len(), alerted, "after {wait} s more");
    }
    assert!(alerts(&w).await[0].contains("the contacts of the configuration alone are told"));
}
