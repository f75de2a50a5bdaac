//! What becomes of our rows in bases of several shapes.

use serde_json::{Value, json};

use super::*;
use crate::config::{BaseMaps, ValueMap};
use crate::domain::Timestamp;
use crate::gateways::airtable::{Cell, TableSchema};
use crate::gateways::mirror::{Record, RecordId};
use crate::testing::base::{self, ScriptedBase};

fn select(choices: &[&str]) -> Value {
    json!({ "choices": choices.iter().map(|c| json!({ "name": c })).collect::<Vec<_>>() })
}

fn field(name: &str, kind: &str, options: Value) -> Value {
    json!({ "id": format!("fld{name}"), "name": name, "type": kind, "options": options })
}

fn table(name: &str, fields: Vec<Value>) -> TableSchema {
    serde_json::from_value(json!({ "id": format!("tbl{name}"), "name": name, "fields": fields })).expect("a table")
}

fn map(words: &[(&str, &[&str])]) -> ValueMap {
    words.iter().map(|(w, theirs)| (*w, theirs.iter().map(|t| (*t).to_owned()).collect())).collect()
}

fn events(statuses: &[&str], maps: impl FnOnce(&mut BaseMaps)) -> Layouts {
    let mut all = base::maps();
    all.events.call = "Call".into();
    all.events.acknowledged = "Acknowledged".into();
    maps(&mut all);
    let tables = [
        table(
            "dispatch events",
            vec![
                field("call", "multipleRecordLinks", json!({ "linkedTableId": "tblCalls" })),
                field("Contact", "multipleRecordLinks", json!({ "linkedTableId": "tblRoster" })),
                field("Delivery  status", "singleSelect", select(statuses)),
                field("Result", "multilineText", Value::Null),
                field("Acknowledged", "checkbox", Value::Null),
                field("Attempt Number", "checkbox", Value::Null),
                field("Error Code", "formula", Value::Null),
            ],
        ),
        table("Calls", vec![field("Call ID", "singleLineText", Value::Null)]),
        table("Roster", vec![field("Name", "singleLineText", Value::Null), field("Phone", "phoneNumber", Value::Null)]),
    ];
    Layouts::of(&tables, &all)
}

fn status(layouts: &Layouts, words: &[&str]) -> Result<Option<String>, Vec<String>> {
    let row = Row {
        cells: vec![("delivery_status", Given::words(words.iter().copied(), words.last().expect("a word")))],
        tag: None,
    };
    let encoded = layouts.events.encode(&row, &LinkBook::default());
    if encoded.lacks.is_empty() {
        return Ok(encoded.fields.get("Delivery  status").as_text().map(str::to_owned));
    }
    assert!(encoded.fields.iter().next().is_none(), "what the select lacks is left out, and never cleared");
    Err(encoded.lacks.iter().map(ToString::to_string).collect())
}

#[test]
fn names_are_found_whatever_their_case_and_blanks_and_what_does_not_fit_is_named() {
    let l = events(&["SENT"], |_| {});
    assert_eq!((l.events.table.as_str(), l.events.name("call")), ("dispatch events", Some("call")));
    assert_eq!(l.events.name("delivery_status"), Some("Delivery  status"), "as the base has it");
    let lacks: Vec<String> = l.events.lacks.iter().map(ToString::to_string).collect();
    assert!(lacks.iter().any(|s| s.contains("`Attempt Number`") && s.contains("checkbox")), "{lacks:?}");
    assert!(lacks.iter().any(|s| s.contains("`Error Code`") && s.contains("computed")), "{lacks:?}");
    assert!(lacks.contains(&"the field `Event ID`".to_owned()), "{lacks:?}");
}

#[test]
fn a_word_is_the_first_that_the_select_has_and_else_it_is_named() {
    let words = map(&[
        ("submitted", &["SENT"]),
        ("delivered", &["DELIVERED", "SENT"]),
        ("failed", &["FAILED"]),
        ("failed_30034", &["BLOCKED_A2P_30034"]),
        ("unknown", &[""]),
    ]);
    let full = events(&["SENT", "FAILED", "BLOCKED_A2P_30034", "QUEUED", "DELIVERED"], |m| {
        m.values.delivery_status = words.clone();
    });
    for (given, want) in [
        (&["delivered"][..], Some("DELIVERED")),
        (&["queued", "submitted"], Some("QUEUED")),
        (&["accepted", "submitted"], Some("SENT")),
        (&["undelivered_30034", "failed_30034", "undelivered", "failed"], Some("BLOCKED_A2P_30034")),
        (&["undelivered_30003", "failed_30003", "undelivered", "failed"], Some("FAILED")),
        (&["unknown"], None),
    ] {
        assert_eq!(status(&full, given), Ok(want.map(str::to_owned)), "{given:?}");
    }
    let few = events(&["SENT"], |m| m.values.delivery_status = words);
    assert_eq!(status(&few, &["delivered"]), Ok(Some("SENT".into())), "the next best");
    let lacks = status(&few, &["undelivered_30034", "failed_30034", "undelivered", "failed"]);
    assert_eq!(lacks, Err(vec!["the option `BLOCKED_A2P_30034` of `Delivery  status`".to_owned()]));
    assert_eq!(few.events.missing_options("delivery_status"), ["FAILED", "BLOCKED_A2P_30034"]);
    let unmapped = events(&["Sent", "delivered"], |_| {});
    assert_eq!(status(&unmapped, &["sent", "submitted"]), Ok(Some("Sent".into())), "case does not matter");
}

#[test]
fn what_a_word_of_the_base_may_mean() {
    let l = events(&["Sent", "Failed"], |m| {
        m.values.delivery_status = map(&[("submitted", &["Sent"]), ("delivered", &["Sent"]), ("failed", &["Failed"])]);
    });
    let of = ["submitted", "delivered", "failed"];
    assert_eq!(l.events.ours_of("delivery_status", "Sent", &of), ["submitted", "delivered"]);
    assert_eq!(l.events.ours_of("delivery_status", "Failed", &of), ["failed"]);
    assert!(l.events.ours_of("delivery_status", "Gone", &of).is_empty());
}

/// A roster in a base that answers.
async fn book(people: &[(&str, &str)], calls: &[&str]) -> (LinkBook, ScriptedBase, Layouts) {
    let l = events(&["SENT"], |_| {});
    let base = ScriptedBase::new(crate::testing::World::new().await.clock.clone());
    for (name, phone) in people {
        base.add("Roster", crate::gateways::airtable::Fields::new().with("Name", *name).with("Phone", *phone));
    }
    for id in calls {
        base.add("Calls", crate::gateways::airtable::Fields::new().with("Call ID", *id));
    }
    (LinkBook::default(), base, l)
}

fn sam() -> Target {
    Target::Contact { name: "Sam Ortiz".into(), phone: "+19495550101".into() }
}

#[tokio::test]
async fn links_lead_to_records_that_are_looked_up_and_nobody_is_guessed() {
    let people = [("Sam", "(949) 555-0101"), ("Ana Reyes", ""), ("Bo", "+19495550104"), ("Bo", "949-555-0104")];
    let (mut links, base, l) = book(&people, &["c1"]).await;
    let named = |name: &str, phone: &str| Target::Contact { name: name.into(), phone: phone.into() };
    let targets = [
        sam(),
        named("ana  reyes", "+19495550102"),
        named("Bo", "+19495550104"),
        named("Kim", "+19495550109"),
        Target::Call("c1".into()),
        Target::Call("c2".into()),
    ];
    let at = Timestamp::from_millis(1_000);
    links.learn(&base, &l.links, &targets.iter().cloned().collect(), at).await.expect("learned");
    let found: Vec<bool> = targets.iter().map(|t| links.find(t).is_some()).collect();
    assert_eq!(found, [true, true, false, false, true, false], "by number, else by name; of two nobody");

    let row = |target: Target| Row {
        cells: vec![("contact", Given::Linked { target: Some(target), text: "x".into() })],
        tag: None,
    };
    let encoded = l.events.encode(&row(sam()), &links);
    assert!(encoded.fields.has_links() && encoded.lacks.is_empty());
    // Others' users lost links that a person had made, as an update without a value cleared them.
    let nobody = l.events.encode(&row(targets[3].clone()), &links);
    assert!(nobody.fields.iter().next().is_none(), "a link that is not known is left out, not cleared");
    assert!(nobody.lacks.iter().any(|l| l.to_string().contains("Kim (+1949•••0109)")), "{:?}", nobody.lacks);
    let call =
        Row { cells: vec![("call", Given::Linked { target: Some(targets[5].clone()), text: "c2".into() })], tag: None };
    let unlinked = l.events.encode(&call, &links);
    assert!(
        unlinked.is_unlinked && unlinked.lacks.is_empty() && unlinked.fields.iter().next().is_none(),
        "its row comes later"
    );
}

#[tokio::test]
async fn a_record_is_looked_up_once_and_again_when_it_was_deleted_or_nobody_was_found() {
    let (mut links, base, l) = book(&[("Sam Ortiz", "+19495550101")], &[]).await;
    let (one, at) = (std::collections::BTreeSet::from([sam()]), |s: i64| Timestamp::from_millis(s * 1_000));
    for s in [1, 2, 300] {
        links.learn(&base, &l.links, &one, at(s)).await.expect("learned");
    }
    assert_eq!(base.asked("list").len(), 1, "once");
    let old = links.find(&sam()).expect("there").clone();
    base.remove("Roster", &old);
    links.forget();
    links.learn(&base, &l.links, &one, at(301)).await.expect("learned");
    assert_eq!(links.find(&sam()), None, "it is gone");
    let new = base.add("Roster", crate::gateways::airtable::Fields::new().with("Name", "sam ortiz"));
    links.learn(&base, &l.links, &one, at(310)).await.expect("learned");
    assert_eq!((links.find(&sam()), base.asked("list").len()), (None, 2), "not more than once a minute");
    links.learn(&base, &l.links, &one, at(370)).await.expect("learned");
    assert_eq!(links.find(&sam()), Some(&new));
}

#[test]
fn a_record_says_its_reference_in_its_field_or_behind_its_sentence() {
    let l = events(&["SENT"], |_| {});
    let record = |result: &str| Record {
        id: "rec1".parse::<RecordId>().expect("id"),
        created_at: None,
        fields: crate::gateways::airtable::Fields::new().with("Result", result),
    };
    for (result, tag, sentence) in [
        ("Delivered to Sam Ortiz. [7K3Q-2]", Some(2), "Delivered to Sam Ortiz."),
        ("Delivered. Sam wrote: on my way [eta 5] [7K3Q-12]", Some(12), "Delivered. Sam wrote: on my way [eta 5]"),
        ("Delivered to Sam Ortiz. [7K3Q-2] He called back [ok]", Some(2), "Delivered to Sam Ortiz."),
        ("Delivered to Sam Ortiz.", None, "Delivered to Sam Ortiz."),
        ("see [notes]", None, "see [notes]"),
        ("", None, ""),
    ] {
        let record = record(result);
        assert_eq!(l.events.tag(&record).and_then(|(_, n)| n), tag, "{result}");
        assert_eq!(l.events.sentence(&record), sentence, "{result}");
    }
    assert!(Cell::from(false).is_empty(), "a checkbox that is not ticked is written as nothing");
}
