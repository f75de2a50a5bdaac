//! Contacts that live in Airtable: told by the next call, alarmed of when they are wrong, told on while Airtable is away.

use serde_json::{Value, json};

use crate::support::stage::{SAM, Stage, text};
use crate::support::wait::until;

const KIM: &str = "+19495550104";
const TABLE: &str = "[airtable.tables]\ncontacts = \"On-Call\"\n";

fn add(stage: &Stage, name: &str, phone: &str, role: &str) -> String {
    let fields = json!({ "Name": name, "Phone": phone, "Role": role, "Active": true });
    let made = stage.control("POST", "airtable", &json!({ "do": "add_record", "table": "On-Call", "fields": fields }));
    made["done"][0]["id"].as_str().map(str::to_owned).unwrap_or_else(|| panic!("no record: {made}"))
}

/// The contact's names, by the copy in the store.
fn names(stage: &Stage) -> Vec<String> {
    let list = stage.shop.expect(0, &["contacts", "list", "-o", "json"]).json();
    let all = list["contacts"].as_array().cloned().unwrap_or_default();
    all.iter().map(|c| text(c, "name").to_owned()).collect()
}

fn alerts(stage: &Stage) -> Vec<String> {
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    let all = status["alerts"].as_array().cloned().unwrap_or_default();
    all.iter().map(|a| format!("{} {}", text(a, "key"), text(a, "message"))).collect()
}

#[test]
fn a_technician_who_is_added_in_airtable_is_told_by_the_next_call() {
    let stage = Stage::new(TABLE);
    let serve = stage.serve();
    add(&stage, "Kim Lee", KIM, "primary");
    add(&stage, "Bo Ek", "555-0105", "primary");
    // The file's people and tokens are read again, and the table with them.
    serve.process.signal("HUP");
    until("Kim is a contact", || names(&stage).contains(&"Kim Lee".to_owned()).then_some(()));
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 2);
    let ledger = stage.ledger();
    assert_eq!((ledger.texts_to(SAM).len(), ledger.texts_to(KIM).len()), (1, 1), "{:#}", ledger.0);

    let wrong = until("the wrong row alerts", || alerts(&stage).into_iter().find(|a| a.starts_with("contacts-row:")));
    assert!(wrong.contains("Bo Ek") && wrong.contains("+19495550101") && !wrong.contains("0105"), "{wrong}");
    assert!(!names(&stage).contains(&"Bo Ek".to_owned()), "left out");

    let who = stage.shop.expect(0, &["oncall", "-o", "json"]).json();
    assert_eq!(who["roster"]["table"], "On-Call", "{who}");
    assert!(who["roster"]["ageSeconds"].is_u64(), "{who}");
    let said = stage.shop.expect(0, &["oncall"]).stderr;
    assert!(said.contains("On-Call, read"), "{said}");
    stage.judge();
}

#[test]
fn while_airtable_is_away_the_last_good_copy_is_told_also_after_a_restart() {
    let stage = Stage::new(TABLE);
    let kim = add(&stage, "Kim Lee", KIM, "primary");
    let serve = stage.serve();
    until("Kim is a contact", || names(&stage).contains(&"Kim Lee".to_owned()).then_some(()));
    serve.process.kill();
    let without = stage.shop.expect(0, &["status"]).stdout;
    assert!(without.contains("follow-ups and Airtable's rows wait"), "nothing else keeps them: {without}");
    stage.fault(&json!([{ "kind": "away", "on": "airtable" }]));
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 2);
    assert_eq!(stage.ledger().texts_to(KIM).len(), 1);

    // Emptied while it is away, and back: nobody is lost by an empty answer.
    stage.control("POST", "airtable", &json!({ "do": "delete_record", "table": "On-Call", "id": kim }));
    stage.clear_faults();
    serve.process.signal("HUP");
    let empty = until("the empty table alerts", || alerts(&stage).into_iter().find(|a| a.starts_with("contacts-kept")));
    assert!(empty.contains("is empty") && empty.contains("stand"), "{empty}");
    assert!(names(&stage).contains(&"Kim Lee".to_owned()));
    stage.judge();
}

#[test]
fn a_shop_whose_contacts_are_all_in_airtable_tells_them_and_forgets_them_when_the_table_is_left_out() {
    let stage = Stage::new("");
    let policies = "[policies.normal]\nsteps = [ { wait = \"0s\", notify = [\"primary\"] } ]\nexhaust_after = \"1h\"\n";
    stage.shop.write_config(&format!("[twilio]\nmessages_per_second = 0\n{TABLE}{policies}"));
    add(&stage, "Kim Lee", KIM, "primary");
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    assert_eq!(stage.ledger().texts_to(KIM).len(), 1, "read before anything could find nobody");
    serve.process.kill();
    stage.shop.write_config(&format!("[twilio]\nmessages_per_second = 0\n{policies}"));
    let serve = stage.serve();
    assert_eq!(names(&stage), Vec::<String>::new());
    serve.process.kill();
}

#[test]
fn without_an_engine_a_command_tells_the_copy_and_says_its_age() {
    let stage = Stage::new(TABLE);
    add(&stage, "Kim Lee", KIM, "primary");
    let serve = stage.serve();
    until("Kim is a contact", || names(&stage).contains(&"Kim Lee".to_owned()).then_some(()));
    serve.process.kill();
    let run = stage.shop.expect(0, &["send", "--call-id", "c1", "--issue", "leak", "--contact", "kim-lee"]);
    assert!(run.stderr.contains("On-Call, read"), "{run:?}");
    assert_eq!(stage.ledger().texts_to(KIM).len(), 1);
    assert_eq!(stage.ledger().texts_to(SAM), Vec::<&Value>::new());
}
