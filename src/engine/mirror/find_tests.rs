//! Whose a record is in a base that has no field for our ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::config::BaseMaps;
use crate::gateways::airtable::{Fields, TableSchema};
use crate::testing::base::{self, ScriptedBase};
use crate::testing::clock::ManualClock;
use crate::testing::world::START;
use crate::testing::{fixtures, secs};

/// A text to Sam that left at the start.
fn sent(number: u32) -> Attempt {
    Attempt { sent_at: Some(START), ..fixtures::attempt("c1", number) }
}

fn layouts(maps: impl FnOnce(&mut BaseMaps)) -> Layouts {
    let mut all = base::maps();
    all.events.event_id.clear();
    maps(&mut all);
    Layouts::unread(&all)
}

/// A base whose rows say neither a sentence nor a reference.
fn bare() -> Layouts {
    layouts(|m| {
        m.events.result.clear();
        m.events.reference.clear();
    })
}

fn is_theirs(layouts: &Layouts, links: &LinkBook, attempt: &Attempt, fields: Fields) -> bool {
    let reference: CallRef = "7K3Q".parse().expect("a reference");
    let record = Record { id: "rec1".parse().expect("a record id"), created_at: None, fields };
    is_of(&layouts.events, links, &Wanted { attempt, reference: &reference }, &record)
}

/// The row that a bare base has of the second text.
fn full() -> Fields {
    Fields::new()
        .with("Call ID", "c1")
        .with("Attempt Number", 2_u32)
        .with("Sent At", START)
        .with("Contact", "Sam Ortiz")
}

#[test]
fn a_row_with_a_message_is_of_that_message_whatever_else_it_says() {
    let (base, book) = (layouts(|_| {}), LinkBook::default());
    let mut a = sent(2);
    let [ours, another] = [7, 8].map(|n| format!("SM{n:032x}"));
    a.sid = Some(ours.parse().expect("a SID"));
    assert!(is_theirs(&base, &book, &a, Fields::new().with("Message SID", ours.as_str())));
    let same_but_for_it = full().with("Reference", "7K3Q-2").with("Message SID", another.as_str());
    assert!(!is_theirs(&base, &book, &a, same_but_for_it));
    let made_before_the_answer = Fields::new().with("Reference", "7K3Q-2");
    assert!(is_theirs(&base, &book, &a, made_before_the_answer));
}

#[test]
fn a_reference_is_of_one_call_and_of_one_of_its_texts_and_a_row_without_is_somebody_elses() {
    let (base, book, a) = (layouts(|_| {}), LinkBook::default(), sent(2));
    for (reference, theirs) in [("7K3Q-2", true), ("7K3Q-1", false), ("7K3R-2", false), ("7K3Q", false)] {
        assert_eq!(is_theirs(&base, &book, &a, full().with("Reference", reference)), theirs, "{reference}");
    }
    assert!(!is_theirs(&base, &book, &a, full()), "each row of ours has one");
    let no_field = layouts(|m| m.events.reference.clear());
    for (sentence, theirs) in [("Being sent. [7K3Q-2]", true), ("Being sent. [7K3Q-1]", false), ("by hand", false)] {
        assert_eq!(is_theirs(&no_field, &book, &a, full().with("Result", sentence)), theirs, "{sentence}");
    }
    let no_sentence = layouts(|m| m.events.result.clear());
    assert!(!is_theirs(&no_sentence, &book, &a, full()), "the field is there, and ours is never empty");
}

#[test]
fn without_a_reference_a_row_is_of_the_text_of_that_call_number_time_and_person() {
    let (base, book, a) = (bare(), LinkBook::default(), sent(2));
    for (label, row, theirs) in [
        ("all of it", full(), true),
        ("another call's", full().with("Call ID", "c2"), false),
        ("nobody's call", full().with("Call ID", ""), false),
        ("another text of the call", full().with("Attempt Number", 1_u32), false),
        ("no number", full().with("Attempt Number", ""), true),
        ("another time", full().with("Sent At", START.plus(secs(60))), false),
        ("no time", full().with("Sent At", ""), false),
        ("another person", full().with("Contact", "Ana Reyes"), false),
        ("no person", full().with("Contact", ""), true),
    ] {
        assert_eq!(is_theirs(&base, &book, &a, row), theirs, "{label}");
    }
    let unsent = fixtures::attempt("c1", 2);
    for (label, row, theirs) in [
        ("neither has a time", full().with("Sent At", Cell::Empty), true),
        ("nor has the row a number", full().with("Sent At", Cell::Empty).with("Attempt Number", Cell::Empty), false),
        ("the row's has left", full(), false),
    ] {
        assert_eq!(is_theirs(&base, &book, &unsent, row), theirs, "{label}");
    }
}

#[tokio::test]
async fn where_rows_are_linked_the_records_say_whose_they_are_and_people_are_known_by_number_or_name() {
    let field = |name: &str, kind: &str, options: Value| json!({ "id": format!("fld{name}"), "name": name, "type": kind, "options": options });
    let table = |name: &str, fields: Vec<Value>| -> TableSchema {
        serde_json::from_value(json!({ "id": format!("tbl{name}"), "name": name, "fields": fields })).expect("a table")
    };
    let link = |to: &str| json!({ "linkedTableId": to });
    let tables = [
        table(
            "Dispatch Events",
            vec![
                field("Call", "multipleRecordLinks", link("tblCalls")),
                field("Contact", "multipleRecordLinks", link("tblRoster")),
                field("Sent At", "dateTime", Value::Null),
            ],
        ),
        table("Calls", vec![field("Call ID", "singleLineText", Value::Null)]),
        table("Roster", vec![field("Name", "singleLineText", Value::Null), field("Phone", "phoneNumber", Value::Null)]),
    ];
    let mut maps = base::maps();
    maps.events.call = "Call".into();
    let layouts = Layouts::of(&tables, &maps);
    let shop = ScriptedBase::new(Arc::new(ManualClock::new(START)));
    let [c1, c2] = ["c1", "c2"].map(|id| shop.add("Calls", Fields::new().with("Call ID", id)));
    let person = |name: &str, phone: &str| shop.add("Roster", Fields::new().with("Name", name).with("Phone", phone));
    let by_number = person("Samuel O.", "(949) 555-0101");
    let by_name = person("Sam Ortiz", "");
    let ana = person("Ana Reyes", "+1 949 555 0102");
    let nobody = person("Front desk", "");
    let mut book = LinkBook::default();
    let sam = Target::Contact { name: "Sam Ortiz".into(), phone: "+19495550101".into() };
    let targets = BTreeSet::from([Target::Call("c1".into()), Target::Call("c2".into()), sam]);
    book.learn(&shop, &layouts.links, &targets, START).await.expect("the base answers");

    let to = |id: &crate::gateways::mirror::RecordId| Cell::Other(json!([id.as_str()]));
    let row =
        |call: Cell, contact: Cell| Fields::new().with("Sent At", START).with("Call", call).with("Contact", contact);
    for (label, fields, theirs) in [
        ("his number", row(to(&c1), to(&by_number)), true),
        ("his name", row(to(&c1), to(&by_name)), true),
        ("somebody else", row(to(&c1), to(&ana)), false),
        ("somebody else without a number", row(to(&c1), to(&nobody)), false),
        ("nobody yet", row(to(&c1), Cell::Empty), true),
        ("another call", row(to(&c2), to(&by_number)), false),
        ("no call yet", row(Cell::Empty, to(&by_number)), false),
    ] {
        assert_eq!(is_theirs(&layouts, &book, &sent(1), fields), theirs, "{label}");
    }
}

#[test]
fn rows_without_a_time_are_asked_for_exactly_where_a_text_has_not_left() {
    let base = bare();
    let reference: CallRef = "7K3Q".parse().expect("a reference");
    let asks_for_blank = |attempts: &[Attempt]| {
        let wanted: Vec<Wanted<'_>> =
            attempts.iter().map(|attempt| Wanted { attempt, reference: &reference }).collect();
        let filter = query(&base.events, &wanted).filter.expect("bounded by time");
        filter.as_str().contains(Formula::is_blank("Sent At").as_str())
    };
    assert!(!asks_for_blank(&[sent(1), sent(2)]));
    assert!(asks_for_blank(&[sent(1), fixtures::attempt("c1", 2)]));
    assert!(asks_for_blank(&[fixtures::attempt("c1", 2)]));
}
