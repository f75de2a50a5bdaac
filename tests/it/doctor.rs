//! `doctor`: what is well is said, each fault is found with the next step, and what can be made is made once.

use serde_json::{Value, json};

use crate::support::Shop;
use crate::support::stage::{Stage, text};

const TABLES: &str = "[airtable.tables]\ncontacts = \"On-Call\"\n";

fn checks(doc: &Value) -> Vec<&Value> {
    doc["checks"].as_array().map(|all| all.iter().collect()).unwrap_or_default()
}

/// `airtable events.event_id: fail`, of those that are not well.
fn unwell(doc: &Value) -> Vec<String> {
    let bad = checks(doc).into_iter().filter(|c| matches!(text(c, "status"), "warn" | "fail"));
    bad.map(|c| format!("{} {}: {}", text(c, "area"), text(c, "name"), text(c, "status"))).collect()
}

fn find<'a>(doc: &'a Value, area: &str, name: &str) -> &'a Value {
    let found = checks(doc).into_iter().find(|c| text(c, "area") == area && text(c, "name") == name);
    found.unwrap_or_else(|| panic!("no {area} {name}: {doc:#}"))
}

fn says(doc: &Value, area: &str, name: &str, status: &str, words: &[&str]) {
    let check = find(doc, area, name);
    let all = format!("{} {}", text(check, "what"), text(check, "next"));
    assert_eq!(text(check, "status"), status, "{check:#}");
    assert!(words.iter().all(|w| all.contains(w)), "{words:?}: {check:#}");
}

fn base_admin(stage: &Stage, action: Value) {
    stage.control("POST", "airtable", &action);
}

fn run(stage: &Stage, code: i32, more: &[&str]) -> Value {
    stage.shop.expect(code, &[&["doctor", "-o", "json"], more].concat()).json()
}

#[test]
fn a_sound_setup_is_all_well_and_shows_no_secret() {
    let stage = Stage::new(TABLES);
    let doc = run(&stage, 0, &[]);
    let unwell_at = ["config last_resort: warn", "airtable contacts: warn"].map(str::to_owned).to_vec();
    assert_eq!((&doc["status"], &doc["mode"], unwell(&doc)), (&json!("warn"), &json!("test"), unwell_at), "{doc:#}");
    for (area, name) in [
        ("twilio", "credentials"),
        ("twilio", "account"),
        ("twilio", "sender +1500•••0006"),
        ("clock", "against twilio"),
        ("clock", "against airtable"),
        ("airtable", "token"),
        ("airtable", "events"),
        ("airtable", "calls"),
        ("airtable", "records"),
    ] {
        assert_eq!(text(find(&doc, area, name), "status"), "ok", "{area} {name}: {doc:#}");
    }
    let total: u64 = ["ok", "warn", "fail", "skip"].iter().filter_map(|s| doc["counts"][s].as_u64()).sum();
    assert_eq!(total, checks(&doc).len() as u64);
    let serve = stage.serve();
    let doc = run(&stage, 0, &["--write-probe"]);
    for (name, words) in [("open", "schema"), ("write", "committed"), ("rows", "read"), ("engine", "serve")] {
        says(&doc, "store", name, "ok", &[words]);
    }
    says(&doc, "airtable", "write", "ok", &["read back"]);
    says(&doc, "airtable", "delete", "ok", &[]);
    let base = stage.control("GET", "airtable", &Value::Null);
    assert_eq!(base["rows"]["Dispatch Events"], json!([]), "nothing is left behind");
    assert_eq!(stage.ledger().0["violations"], json!([]), "as the official clients ask");
    drop(serve);
    let text = stage.shop.expect(0, &["doctor"]);
    for words in ["TEST MODE", "ok    twilio credentials", "skip  airtable write", "next: "] {
        assert!(text.stdout.contains(words), "{words}: {text:?}");
    }
    for run in [text.stdout, text.stderr, doc.to_string()] {
        assert!(!run.contains("sandbox-auth-token") && !run.contains("patSandbox"), "{run}");
    }
    let csv = stage.shop.expect(0, &["doctor", "-o", "csv"]).stdout;
    assert!(csv.starts_with("AREA,CHECK,STATUS,WHAT,NEXT"), "{csv}");
}

#[test]
fn what_airtable_lacks_is_named_and_made_once() {
    let stage = Stage::new(TABLES);
    let table = "Dispatch Events";
    base_admin(&stage, json!({ "do": "drop_field", "table": table, "field": "Message SID" }));
    base_admin(&stage, json!({ "do": "drop_field", "table": table, "field": "Round" }));
    base_admin(&stage, json!({ "do": "rename_field", "table": table, "field": "Error Code", "name": "error code" }));
    base_admin(
        &stage,
        json!({ "do": "change_field", "table": table, "field": "Attempt Number", "type": "singleLineText" }),
    );
    base_admin(&stage, json!({ "do": "drop_table", "table": "Calls" }));
    let doc = run(&stage, 1, &[]);
    says(&doc, "airtable", "events.message_sid", "fail", &["Message SID", "--fix"]);
    says(&doc, "airtable", "events.round", "warn", &["recover --from-airtable", "--fix"]);
    assert!(!checks(&doc).iter().any(|c| text(c, "name") == "events.error_code"), "case does not matter: {doc:#}");
    says(&doc, "airtable", "events.attempt_number", "fail", &["singleLineText"]);
    says(&doc, "airtable", "calls", "fail", &["no table", "--fix"]);

    let doc = run(&stage, 1, &["--fix"]);
    let made: Vec<&str> =
        checks(&doc).into_iter().filter(|c| text(c, "what").starts_with("made: ")).map(|c| text(c, "name")).collect();
    assert_eq!(made, ["events.message_sid", "events.round", "calls"], "{doc:#}");
    says(&doc, "airtable", "events.attempt_number", "fail", &["another type"]);
    base_admin(&stage, json!({ "do": "change_field", "table": table, "field": "Attempt Number", "type": "number" }));
    let doc = run(&stage, 0, &["--fix", "--write-probe"]);
    assert!(!checks(&doc).iter().any(|c| text(c, "what").starts_with("made: ")), "nothing is made twice: {doc:#}");
    says(&doc, "airtable", "calls", "ok", &["12 fields"]);
    says(&doc, "airtable", "events", "ok", &["14 fields"]);
}

#[test]
fn the_table_of_exceptions_is_looked_at_and_made() {
    let stage = Stage::new(&format!("{TABLES}overrides = \"On-Call Overrides\"\n"));
    says(&run(&stage, 1, &[]), "airtable", "overrides", "fail", &["no table", "--fix"]);
    run(&stage, 0, &["--fix"]);
    says(&run(&stage, 0, &[]), "airtable", "overrides", "ok", &["all 7 fields"]);
    let table = "On-Call Overrides";
    base_admin(&stage, json!({ "do": "rename_field", "table": table, "field": "Technician", "name": "technician" }));
    base_admin(&stage, json!({ "do": "drop_field", "table": table, "field": "Note" }));
    says(&run(&stage, 0, &[]), "airtable", "overrides", "ok", &["may be without \"Note\""]);
    base_admin(&stage, json!({ "do": "drop_field", "table": table, "field": "Until" }));
    says(&run(&stage, 1, &[]), "airtable", "overrides.Until", "fail", &["its rows say nothing", "--fix"]);
}

#[test]
fn a_base_of_a_shop_is_read_by_its_preset_and_says_what_to_add() {
    for base in ["P", "X"] {
        let stage = Stage::new(&format!("[airtable]\nbase_id = \"appSandbox0000000\"\npreset = \"{base}\"\n"));
        base_admin(&stage, json!({ "do": "use_base", "base": base }));
        let doc = run(&stage, 0, &["--write-probe"]);
        says(&doc, "airtable", "events.event_id", "warn", &["weaker", "--fix"]);
        says(&doc, "airtable", "calls.address", "warn", &["recover --from-airtable"]);
        says(&doc, "airtable", "events.contact", "warn", &["no row is known for Sam Ortiz", "add the row"]);
        says(&doc, "airtable", "write", "skip", &["no field for our ids"]);
        let sam = json!({ "Name": "Sam Ortiz", "Phone": "(949) 555-0101" });
        base_admin(&stage, json!({ "do": "add_record", "table": "On-Call Roster", "fields": sam }));
        let options = json!({ "choices": [{ "name": "Closed" }] });
        base_admin(
            &stage,
            json!({ "do": "change_field", "table": "Calls", "field": "Status", "type": "singleSelect", "options": options }),
        );
        let doc = run(&stage, 1, &["--fix"]);
        assert!(
            !checks(&doc).iter().any(|c| text(c, "what").contains("known for Sam Ortiz")),
            "by his number: {doc:#}"
        );
        says(&doc, "airtable", "calls.status", "fail", &["is a select without", "airtable.values.calls.status"]);
        assert!(!checks(&doc).iter().any(|c| text(c, "what").contains("weaker")), "the field is made: {doc:#}");
    }
}

#[test]
fn a_token_that_may_too_little_is_told_what_it_lacks() {
    let stage = Stage::new("[airtable]\nbase_id = \"appSandbox0000000\"\n");
    let scopes = |scopes: &[&str]| base_admin(&stage, json!({ "do": "scopes", "scopes": scopes }));
    scopes(&["data.records:read", "data.records:write"]);
    base_admin(&stage, json!({ "do": "drop_field", "table": "Dispatch Events", "field": "Round" }));
    let doc = run(&stage, 1, &["--fix"]);
    says(&doc, "airtable", "schema", "warn", &["schema.bases:read"]);
    says(&doc, "airtable", "events.round", "warn", &["Round"]);
    says(&doc, "airtable", "fix", "fail", &["schema.bases:write"]);
    says(&doc, "airtable", "calls", "ok", &["12 fields"]);

    scopes(&["data.records:read", "data.records:write", "schema.bases:read"]);
    let doc = run(&stage, 1, &["--fix"]);
    says(&doc, "airtable", "events.round", "fail", &["could not be made", "schema.bases:write"]);
    base_admin(&stage, json!({ "do": "permission", "level": "read" }));
    let doc = run(&stage, 1, &["--write-probe"]);
    says(&doc, "airtable", "base", "fail", &["editor"]);
    says(&doc, "airtable", "write", "fail", &["data.records:write"]);

    stage.fault(&json!([{ "kind": "refuse", "on": "airtable", "status": 401 }]));
    let doc = run(&stage, 1, &[]);
    says(&doc, "airtable", "token", "fail", &["not accepted", "airtable.com/create/tokens"]);
    stage.clear_faults();
    stage.fault(&json!([{ "kind": "away", "on": "airtable" }]));
    let doc = run(&stage, 1, &[]);
    says(&doc, "airtable", "token", "fail", &["network"]);
    assert_eq!(text(find(&doc, "twilio", "credentials"), "status"), "ok", "the other parts do not mind: {doc:#}");
}

#[test]
fn a_base_that_the_token_does_not_list_is_told_from_a_missing_scope() {
    let mut stage = Stage::new("[airtable]\nbase_id = \"appSandbox0000000\"\n");
    stage.shop.set("DISPATCHCTL_AIRTABLE__BASE_ID", "appElsewhere00000");
    let doc = run(&stage, 1, &[]);
    says(&doc, "airtable", "base", "fail", &["appElsewhere00000", "not among", "token's list"]);
    assert!(!checks(&doc).into_iter().any(|c| text(c, "name") == "schema"), "{doc:#}");
}

#[test]
fn a_sender_that_is_not_ours_and_refused_credentials_are_faults() {
    let line = |number: &str, from: &str| {
        format!("[[lines]]\nnumber = \"{number}\"\nname = \"Acme Lifts\"\nfrom = \"{from}\"\n")
    };
    let service = format!("MG{}", "a1".repeat(16));
    let stage = Stage::new(&format!("{}{}", line("+18005550100", "+15005550007"), line("+18005550199", &service)));
    let doc = run(&stage, 1, &[]);
    says(&doc, "twilio", &format!("sender {service}"), "ok", &["a messaging service"]);
    says(&doc, "twilio", "sender +1500•••0007", "fail", &["line Acme Lifts", "no number of this account"]);
    stage.fault(&json!([{ "kind": "refuse", "on": "list", "status": 403, "code": 20008 }]));
    let doc = run(&stage, 1, &[]);
    says(&doc, "twilio", "credentials", "fail", &["test credentials", "--test-mode"]);
    stage.clear_faults();
    stage.fault(&json!([{ "kind": "answer_late", "on": "list", "delayMs": 20_000 }]));
    let doc = run(&stage, 1, &[]);
    says(&doc, "twilio", "credentials", "fail", &["within 5 s"]);
}

#[test]
fn each_thing_that_works_and_is_not_meant_is_warned_of_once_with_its_next_step() {
    let shop = Shop::with_config(
        "[delivery]\nsettle = \"20s\"\n[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"\n\
         [[server.tokens]]\nname = \"a\"\ntoken = \"short\"\nscope = \"read\"\n",
    );
    // Live, without any provider at hand: nothing is reached, nothing is sent.
    let store = shop.store();
    let run = shop.run_as_is(&["--store", &store, "doctor", "-o", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let doc = run.json();
    for (name, words) in [
        ("alerts.sinks", "[[alerts.sinks]]"),
        ("server.public_url", "Twilio reaches"),
        ("delivery.settle", "45 s"),
        ("people", "[[contacts]]"),
        ("warning", "shorter than 16"),
    ] {
        says(&doc, "config", name, "warn", &[words]);
    }
    says(&doc, "config", "twilio.auth_token", "fail", &["missing", "_file"]);
    says(&doc, "store", "open", "skip", &["none yet"]);
    says(&doc, "twilio", "credentials", "skip", &["config"]);
    says(&doc, "airtable", "base", "skip", &["not configured"]);
    for once in ["alerts.sinks", "server.public_url", "delivery.settle"] {
        let n = checks(&doc).into_iter().filter(|c| c.to_string().contains(once)).count();
        assert_eq!(n, 1, "{once}: {doc:#}");
    }
}

#[test]
fn a_store_of_the_other_mode_is_a_fault_of_the_store_alone() {
    let shop = Shop::new();
    shop.send("t1", &[]);
    let store = shop.store();
    let run = shop.run_as_is(&["--store", &store, "doctor", "-o", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    says(&run.json(), "store", "open", "fail", &["stamped test", "--store"]);
}

#[test]
fn each_fault_of_an_account_that_rings_is_found_and_what_it_does_not_say_is_none() {
    let stage = Stage::new("[voice]\nfrom = \"+15005550006\"\n");
    let voice = |account: Value| {
        stage.control("POST", "settings", &json!({ "account": account }));
        let report = stage.shop.run(&["doctor", "-o", "json"]).json();
        let of_voice = checks(&report).into_iter().filter(|c| text(c, "area") == "voice").cloned();
        json!({ "checks": of_voice.collect::<Vec<_>>() })
    };
    let number = "number +1500•••0006";
    let sound = voice(json!({}));
    for (name, words) in [(number, "can ring"), ("country +1", "US, CA"), ("limits", "approved")] {
        says(&sound, "voice", name, "ok", &[words]);
    }
    let off = voice(json!({ "notRung": ["US", "CA"] }));
    says(&off, "voice", "country +1", "fail", &["Sam Ortiz", "cannot be rung", "Geo permissions"]);
    says(&voice(json!({ "notRung": ["CA"] })), "voice", "country +1", "warn", &["not CA"]);
    says(&voice(json!({ "kind": "Trial" })), "voice", "limits", "warn", &["a trial", "press a key"]);
    says(&voice(json!({ "noProfile": true })), "voice", "limits", "warn", &["2 phone calls at once", "Trust Hub"]);
    says(&voice(json!({ "noVoice": true })), "voice", number, "fail", &["cannot ring"]);
    let other = voice(json!({ "otherAnswers": true }));
    says(&other, "voice", "country +1", "skip", &["could not be asked"]);
    says(&other, "voice", "limits", "skip", &["not known"]);
    assert_eq!(stage.ledger().0["violations"], json!([]), "as the official clients ask");
}

/// The canary's check of a run.
fn canary(stage: &Stage, code: i32, to: &str, more: &[&str]) -> Value {
    let doc = run(stage, code, &[&["--canary", to], more].concat());
    find(&doc, "twilio", "canary").clone()
}

#[test]
fn a_canary_is_one_text_that_is_delivered_or_named_with_the_next_step() {
    const PHONE: &str = "+19495550199";
    let stage = Stage::new(TABLES);
    let check = |check: &Value, status: &str, words: &[&str]| {
        let all = format!("{} {}", text(check, "what"), text(check, "next"));
        assert_eq!(text(check, "status"), status, "{check:#}");
        assert!(words.iter().all(|w| all.contains(w)), "{words:?}: {check:#}");
        assert!(!all.contains(PHONE), "{check:#}");
    };
    let sent = || stage.ledger().texts_to(PHONE).len();
    check(&canary(&stage, 0, PHONE, &[]), "ok", &["delivered to +1949•••0199", "SM"]);
    assert_eq!(sent(), 1);

    // Twilio's magic number that is none, and one that cannot be reached.
    check(&canary(&stage, 1, "+15005550001", &[]), "fail", &["refused", "21211", "docs/api/errors"]);
    check(&canary(&stage, 1, "+15005550002", &[]), "fail", &["refused", "docs/api/errors"]);
    let ends = |outcome: &str| {
        stage.fault(&json!({ "kind": "outcome", "outcome": outcome, "errorCode": 30005, "times": 1 }));
    };
    ends("undelivered");
    check(&canary(&stage, 1, PHONE, &[]), "fail", &["undelivered after", "30005", "docs/api/errors"]);
    ends("sent");
    let late = canary(&stage, 1, PHONE, &["--canary-wait", "2s"]);
    check(&late, "fail", &["not delivered within 2 s", "sent", "look whether the phone has it"]);
    assert_eq!(sent(), 3);

    // Its answer is lost: it is found, and not sent again.
    stage.fault(&json!({ "kind": "drop_after_accept", "times": 1 }));
    check(&canary(&stage, 0, PHONE, &[]), "ok", &["delivered to"]);
    assert_eq!(sent(), 4, "one each");
    for m in stage.ledger().texts_to(PHONE) {
        assert_eq!(m["statusCallback"], Value::Null, "{m}");
    }

    // A reply to it could be taken for an answer.
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    check(&canary(&stage, 1, PHONE, &[]), "fail", &["c1 looks for somebody", "when it is taken"]);
    assert_eq!(sent(), 4);
    drop(serve);
    let wrong = stage.shop.expect(2, &["doctor", "--canary", "5550199"]);
    assert!(wrong.stderr.contains("--canary"), "{wrong:?}");
}
