//! Presets and maps of `[airtable]`: what a shop's own base is called, and in what words.

use super::*;
use crate::domain::settings::{SettingsNumber, SettingsRow};
use crate::domain::types::Actor;

fn airtable(more: &str) -> Bench {
    Bench::new().toml(&format!("[airtable]\ntoken = \"pat-1\"\nbase_id = \"app00000000000000\"\n{more}\n"))
}

fn loaded(more: &str) -> Airtable {
    airtable(more).load().airtable_required().expect("complete").expect("used").clone()
}

#[test]
fn without_a_preset_nothing_is_mapped() {
    let a = loaded("");
    assert!(a.values.is_empty() && a.may_lack.is_empty());
    assert_eq!((a.events.call.as_str(), a.events.acknowledged.as_str(), a.calls.business.as_str()), ("", "", ""));
    let none = loaded("[airtable.fields.events]\nresult = \"\"");
    assert!(!none.events.pairs().iter().any(|(ours, _)| *ours == "result"), "a base may have none of a field");
}

#[test]
fn a_preset_is_the_default_and_each_key_can_be_said_otherwise() {
    let p = loaded("preset = \"p\"");
    assert_eq!((p.events.call.as_str(), p.calls.on_call_contact.as_str()), ("Call", "Assigned To"));
    assert_eq!(p.events.delivery_status, "Delivery Status", "what it does not name stays");
    assert_eq!(p.values.status.of("ACKNOWLEDGED"), Some(&["DISPATCHED_CONFIRMED".to_owned()][..]));
    assert_eq!(p.values.delivery_status.of("delivered").map(<[_]>::len), Some(2));
    assert!(p.may_lack.contains("events.message_sid"));

    let more = "preset = \"X\"\n[airtable.fields.events]\nresult = \"Comment\"\n[airtable.values.calls.status]\n\
                ACKNOWLEDGED = \"Taken\"\ncancelled = [\"Void\", \"Resolved\"]";
    let x = loaded(more);
    assert_eq!((x.events.result.as_str(), x.events.acknowledged.as_str()), ("Comment", "Acknowledged"));
    assert_eq!(x.values.status.of("acknowledged"), Some(&["Taken".to_owned()][..]), "whatever its case");
    assert_eq!(x.values.status.of("resolved"), Some(&["Resolved".to_owned()][..]));
    assert_eq!(x.values.status.of("cancelled").map(<[_]>::len), Some(2));
    let by_env = airtable("preset = \"X\"").env("DISPATCHCTL_AIRTABLE__FIELDS__EVENTS__RESULT", "Memo").load();
    assert_eq!(by_env.airtable.expect("used").events.result, "Memo");
    let shown = airtable(more).load().rows.iter().map(|r| format!("{} {}", r.key, r.origin)).collect::<Vec<_>>();
    assert!(shown.contains(&"airtable.fields.events.acknowledged preset X".to_owned()), "{shown:?}");
}

#[test]
fn words_that_are_none_are_named_with_what_is_accepted() {
    for (more, said) in [
        ("preset = \"Q\"", &["airtable.preset", "not the name of a preset", "\"P\" or \"X\""][..]),
        (
            "[airtable.values.calls.status]\ntaken = \"Taken\"",
            &["airtable.values.calls.status.taken", "no word of ours"],
        ),
        ("[airtable.values.calls.statsu]\nresolved = \"x\"", &["did you mean `airtable.values.calls.status`"]),
        ("[airtable.values.events.delivery_status]\nfailed = 7", &["is no word", "a list of words"]),
        ("[airtable.values.events.delivery_status]\nfailed_x = \"F\"", &["no word of ours"]),
        ("may_lack = [\"events.sid\"]", &["may_lack[0]", "names no field"]),
        ("[airtable.fields.calls]\ncall_id = \"\"", &["airtable.fields.calls.call_id: is missing"]),
    ] {
        let errors = airtable(more).errors();
        for words in said {
            assert!(errors.contains(words), "{words} in {errors}");
        }
    }
}

#[test]
fn settings_that_an_older_program_stored_differ_in_what_somebody_said_alone() {
    let own = airtable("preset = \"P\"\n[airtable.tables]\ncontacts = \"On-Call Roster\"").load().documents.decides;
    let mut older = own.clone();
    let root = older.as_object_mut().expect("a table");
    for key in ["levels", "intake", "report"] {
        assert!(root.remove(key).is_some(), "{key} has defaults");
    }
    let base = older["airtable"].as_object_mut().expect("a table");
    base["fields"]["contacts"].as_object_mut().expect("names").remove("priority").expect("of the preset");
    base["tables"].as_object_mut().expect("names").remove("businesses").expect("a default");
    let row = |document| SettingsRow {
        number: SettingsNumber(3),
        document,
        places: serde_json::Value::Null,
        actor: Actor("op".into()),
        role: "serve".into(),
        at: crate::domain::Timestamp::from_millis(1),
    };
    assert_ne!(older, own);
    assert_eq!(differences(&own, &completed(&row(older.clone()))), Vec::<String>::new());
    older["airtable"]["tables"]["contacts"] = "Technicians".into();
    assert_eq!(differences(&own, &completed(&row(older))), ["airtable.tables.contacts"]);
}
