//! `init`: from an empty directory and a shop's own base to a dispatch, with nothing changed in the base and no file overwritten.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::stage::{Stage, emergency, text};
use crate::support::wait::until;

const KIM: &str = "+19495550104";
const BO: &str = "+19495550105";
const OLGA: &str = "+19495550106";

/// A base of this shape beside a directory without any configuration.
fn stage(shape: &str) -> Stage {
    let stage = Stage::new("");
    std::fs::remove_file(stage.shop.path("dispatchctl.toml")).expect("removed");
    stage.control("POST", "airtable", &json!({ "do": "use_base", "base": shape }));
    stage
}

fn add(stage: &Stage, table: &str, fields: Value) -> String {
    let made = stage.control("POST", "airtable", &json!({ "do": "add_record", "table": table, "fields": fields }));
    made["done"][0]["id"].as_str().map(str::to_owned).unwrap_or_else(|| panic!("no record: {made}"))
}

fn base(stage: &Stage) -> Value {
    let base = stage.control("GET", "airtable", &Value::Null);
    assert_eq!(base["rows"]["On-Call Roster"].as_array().map(|rows| rows.is_empty()), Some(false), "{base:#}");
    base["rows"].clone()
}

#[test]
fn a_base_of_shape_p_is_known_and_each_of_its_businesses_is_answered_by_its_own_people() {
    let stage = stage("P");
    let business = |name: &str, number: &str| {
        add(&stage, "Businesses", json!({ "Business Name": name, "Twilio DID": number, "Afterhours Active": true }))
    };
    let (acme, polar) = (business("Acme Plumbing", "+18005550100"), business("Polar Heating", "(800) 555-0102"));
    let person = |name: &str, phone: &str, role: &str, of: &[&String], place: u32| {
        let fields =
            json!({ "Name": name, "Phone": phone, "Active": true, "Role": role, "Business": of, "Priority": place });
        add(&stage, "On-Call Roster", fields);
    };
    person("Kim Lee", KIM, "Tech", &[&acme], 1);
    person("Bo Ek", BO, "Tech", &[&acme, &polar], 2);
    person("Olga Lind", OLGA, "Owner", &[&acme, &polar], 3);
    person("No Phone", "", "Tech", &[&polar], 1);
    let before = base(&stage);

    let run = stage.shop.expect(0, &["init", "--from-airtable", "--ladder", "previous", "-o", "json"]);
    let made = run.json();
    assert_eq!((text(&made["airtable"], "preset"), &made["lastResort"]), ("P", &json!(["olga-lind"])), "{made:#}");
    let mut lines: Vec<&str> = made["lines"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "+18005550100 Acme Plumbing: Kim Lee (1), Bo Ek (2), Olga Lind (owner)",
            "+18005550102 Polar Heating: Bo Ek (2), Olga Lind (owner)",
        ]
    );
    assert!(made["rowsToCorrect"][0].as_str().is_some_and(|row| row.contains("No Phone")), "{made:#}");
    assert!(made["airtable"]["add"][0].as_str().is_some_and(|add| add.contains("Event ID")), "{made:#}");
    assert_eq!(base(&stage), before, "nothing of the base is changed");
    assert_eq!(before["Businesses"].as_array().map(Vec::len), Some(2));
    let again = stage.shop.run(&["init", "--from-airtable"]);
    assert!(again.code == 2 && again.stderr.contains("was not touched"), "{again:?}");

    let serve = stage.serve();
    until("the lines are known", || {
        let shown = stage.shop.run(&["contacts", "list", "-o", "json"]);
        shown.stdout.contains("place 1 on Acme Plumbing").then_some(())
    });
    let mut call = emergency("c1", "high");
    call["callData"]["twilioToNumber"] = json!("800-555-0102");
    let answer = dispatched(&stage, &call, &token(&stage));
    assert_eq!(answer.status, 201, "{answer:?}");
    until("Bo is told", || (stage.ledger().texts_to(BO).len() == 1).then_some(()));
    assert_eq!((stage.ledger().texts_to(KIM).len(), stage.ledger().texts_to(OLGA).len()), (0, 0));
    until("the base says that it is delivered", || base(&stage).to_string().contains("DELIVERED").then_some(()));
    let verified = stage.shop.expect(0, &["verify-events"]).stdout;
    assert!(verified.contains("1 equal, 0 not; 0 foreign"), "{verified}");
    serve.process.kill();
}

/// The token of the new configuration; nobody else may read it or the configuration, which names its file.
fn token(stage: &Stage) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    for name in ["dispatchctl.toml", "dispatchctl.token"] {
        let mode = std::fs::metadata(stage.shop.path(name)).expect(name).permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let token = std::fs::read_to_string(stage.shop.path("dispatchctl.token")).expect("a token").trim().to_owned();
    let written = std::fs::read_to_string(stage.shop.path("dispatchctl.toml")).expect("the configuration");
    assert!(written.contains("\ntoken_file = \"dispatchctl.token\" ") && !written.contains(&token), "{written}");
    token
}

/// A call over the API with this token.
fn dispatched(stage: &Stage, call: &Value, token: &str) -> http::Answer {
    let headers = [("Content-Type", "application/json"), ("Authorization", &format!("Bearer {token}"))];
    http::request(stage.at(), "POST", "/api/dispatch/manual", &headers, call.to_string()).expect("answered")
}

#[test]
fn a_base_of_shape_x_is_one_shop_by_its_own_clock() {
    let stage = stage("X");
    let fields = json!({ "Business Name": "Acme Plumbing", "Timezone": "Pacific", "Afterhours Active": true });
    let acme = add(&stage, "Businesses", fields);
    let person = |name: &str, phone: &str, role: &str, more: Value| {
        let mut fields = json!({ "Name": name, "Phone": phone, "Active": true, "Role": role, "Business": [acme] });
        fields.as_object_mut().expect("fields").extend(more.as_object().expect("more").clone());
        add(&stage, "On-Call Roster", fields);
    };
    person("Kim Lee", KIM, "Tech", json!({ "Priority": 1 }));
    person("Bo Ek", BO, "Tech", json!({ "Priority": 2, "Backup Contact": true }));
    person("Olga Lind", OLGA, "Owner", json!({}));
    let said = stage.shop.expect(0, &["init", "--from-airtable"]).stdout;
    for words in ["shape X", "every number Acme Plumbing: Kim Lee (1), Bo Ek (backup), Olga Lind (owner)"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    token(&stage);
    let serve = stage.serve();
    until("Kim is on call", || {
        let shown = stage.shop.run(&["oncall"]);
        (shown.code == 0 && shown.stdout.contains("Kim Lee") && shown.stdout.contains("Acme Plumbing")).then_some(())
    });
    serve.process.kill();
}

#[test]
fn a_base_of_neither_shape_is_said_and_its_own_names_are_asked_for() {
    let stage = stage("own");
    let made = stage.shop.expect(0, &["init", "--from-airtable", "-o", "json"]).json();
    assert_eq!((&made["airtable"]["preset"], &made["airtable"]["contacts"]), (&Value::Null, &json!("On-Call")));
    assert_eq!(made["airtable"]["add"], json!([]), "that is the base that `doctor --fix` makes");
}

#[test]
fn without_a_base_a_first_configuration_is_written_and_without_credentials_nothing_is() {
    let stage = stage("P");
    let run = stage.shop.run_as_is(&["init", "--from-airtable"]);
    assert!(run.code == 2 && run.stderr.contains("AIRTABLE_API_KEY"), "{run:?}");
    assert!(!stage.shop.path("dispatchctl.toml").exists());
    stage.shop.expect(0, &["init"]);
    let shown = stage.shop.expect(0, &["oncall"]).stdout;
    assert!(shown.contains("Sam Ortiz"), "{shown}");
    stage.fault(&json!([{ "kind": "away", "on": "airtable" }]));
    let away = stage.shop.run(&["init", "--from-airtable", "--out", "other.toml"]);
    assert!(away.code == 5 && away.stderr.contains("nothing was written"), "{away:?}");
    assert!(!stage.shop.path("other.toml").exists() && !stage.shop.path("other.token").exists());
}

#[test]
fn what_is_to_be_filled_in_is_said_and_a_token_of_another_configuration_stays() {
    let stage = stage("P");
    std::fs::write(stage.shop.path("dispatchctl.token"), "of-another\n").expect("a token");
    let refused = stage.shop.expect(2, &["init"]);
    assert!(refused.stderr.contains("dispatchctl.token is there already"), "{refused:?}");
    assert!(!stage.shop.path("dispatchctl.toml").exists());
    assert_eq!(std::fs::read_to_string(stage.shop.path("dispatchctl.token")).expect("a token"), "of-another\n");
    let made = stage.shop.expect(0, &["init", "--systemd", "--container", "--out", "shop.toml"]);
    for words in ["Wrote shop.toml", "Wrote shop.token", "Wrote dispatchctl.service", "Wrote Containerfile"] {
        assert!(made.stdout.contains(words), "{words}: {made:?}");
    }
    let flat = made.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing =
        ["account_sid", "from", "[twilio]", "TWILIO_ACCOUNT_SID", "TWILIO_PHONE_NUMBER", "TWILIO_AUTH_TOKEN_FILE"];
    for words in missing {
        assert!(flat.contains(words), "{words}: {made:?}");
    }
    let written = |name: &str| std::fs::read_to_string(stage.shop.path(name)).expect(name);
    for key in ["\n[twilio] ", "\n# account_sid = ", "\n# from = ", "\n# auth_token_file = "] {
        assert!(written("shop.toml").contains(key), "{key}");
    }
    for name in ["dispatchctl.service", "Containerfile"] {
        let text = written(name);
        for words in ["account_sid", "shop.toml", "/etc/dispatchctl/shop.token"] {
            assert!(
                text.contains(words) && !text.contains("@config@") && !text.contains("@token@"),
                "{name}: {words}: {text}"
            );
        }
    }
    // What `serve` lacks live is what was said to be filled in, and nothing else.
    let live =
        stage.shop.run_as_is(&["--config", "shop.toml", "--store", "live.db", "serve", "--listen", "127.0.0.1:0"]);
    assert!(
        live.code == 2 && live.stderr.contains("twilio.account_sid") && live.stderr.contains("twilio.from"),
        "{live:?}"
    );
    let filled = written("shop.toml")
        .replace("# account_sid = \"AC...\"", "account_sid = \"AC00000000000000000000000000000001\"")
        .replace("# from = ", "from = ");
    std::fs::write(stage.shop.path("shop.toml"), filled).expect("a configuration");
    let less =
        stage.shop.run_as_is(&["--config", "shop.toml", "--store", "live.db", "serve", "--listen", "127.0.0.1:0"]);
    let lacks = |key: &str| less.stderr.contains(key);
    assert!(
        less.code == 2 && lacks("twilio.auth_token") && !lacks("twilio.account_sid") && !lacks("twilio.from"),
        "{less:?}"
    );
}

#[test]
fn a_typo_in_a_configuration_of_init_does_not_keep_serve_down() {
    let stage = stage("P");
    stage.shop.expect(0, &["init"]);
    let token = token(&stage);
    let serve = stage.serve();
    let refused = dispatched(&stage, &emergency("c0", "high"), "another");
    assert_eq!(refused.status, 401, "{refused:?}");
    serve.process.kill();
    let path = stage.shop.path("dispatchctl.toml");
    let written = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, format!("{written}\nthis is no TOML\n")).expect("a typo");
    let serve = stage.serve();
    let answer = dispatched(&stage, &emergency("c1", "high"), &token);
    assert_eq!(answer.status, 201, "{answer:?}");
    serve.process.kill();
}

#[test]
fn a_token_whose_file_is_lost_shuts_the_api_and_not_the_engine() {
    let stage = stage("P");
    stage.shop.expect(0, &["init"]);
    let token = token(&stage);
    let file = stage.shop.path("dispatchctl.token");
    std::fs::rename(&file, stage.shop.path("elsewhere")).expect("moved");
    let first = stage.shop.run_as_is(&["--test-mode", "serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(first.code, 2, "where nothing is in force yet it is refused: {first:?}");
    std::fs::rename(stage.shop.path("elsewhere"), &file).expect("moved back");
    let serve = stage.serve();
    serve.process.kill();
    std::fs::remove_file(&file).expect("lost");
    let serve = stage.serve();
    for given in [token.as_str(), "", "another"] {
        let answer = dispatched(&stage, &emergency("c1", "high"), given);
        assert_eq!(answer.status, 401, "{given}: {answer:?}");
    }
    let alerts = stage.shop.expect(0, &["-o", "json", "alerts"]).json().to_string();
    assert!(alerts.contains("settings-file") && alerts.contains("token_file"), "{alerts}");
    serve.process.kill();
}
