//! The sandbox as a program: whose credentials it takes, and its peer in front.

use serde_json::{Value, json};

use crate::support::stage::Stage;
use crate::support::{Shop, http};

#[test]
fn it_takes_the_configured_base_and_token_and_can_corrupt_the_wire() {
    let mut shop = Shop::new();
    shop.set("AIRTABLE_API_KEY", "patShop.not-to-be-shown");
    shop.set("AIRTABLE_BASE_ID", "appShop0000000000");
    let args = ["-o", "json", "sandbox", "--listen", "127.0.0.1:0", "--ledger", "l.ndjson", "--tcp-faults"];
    let mut sandbox = shop.start(&args);
    let said = sandbox.stdout_lines().next().expect("it says where it is");
    assert!(!said.contains("not-to-be-shown"), "{said}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["airtableBase"], "appShop0000000000", "{said}");
    let at = said["baseUrl"].as_str().and_then(|u| u.strip_prefix("http://")).expect("an address");
    let at = at.parse().expect("an address");

    let calls = |token: &str| {
        http::request(at, "GET", "/v0/appShop0000000000/Calls", &[("Authorization", &format!("Bearer {token}"))], "")
    };
    assert_eq!(calls("patShop.not-to-be-shown").expect("answers").json(), json!({ "records": [] }));
    assert_eq!(calls(dispatchctl::testkit::SANDBOX_AIRTABLE_TOKEN).expect("answers").status, 401);
    let fault = json!({ "kind": "cut", "at": 60, "path": "/v0/", "times": 1 });
    assert_eq!(http::json(at, "POST", "/_sandbox/faults", Some(&fault)).expect("answers").status, 201);
    assert!(calls("patShop.not-to-be-shown").is_err(), "cut");
    assert_eq!(calls("patShop.not-to-be-shown").expect("answers").status, 200);
}

#[test]
fn what_it_prints_is_an_environment_that_is_taken_whole() {
    let mut shop = Shop::new();
    let mut sandbox = shop.start(&["sandbox", "--listen", "127.0.0.1:0", "--ledger", "l.ndjson"]);
    let printed: Vec<String> = sandbox.stdout_lines().take_while(|line| !line.contains("ledger: ")).collect();
    let variables: Vec<(&str, &str)> = printed.iter().filter_map(|line| line.trim().split_once('=')).collect();
    assert!(variables.iter().any(|(name, _)| *name == "DISPATCHCTL_SMTP__URL"), "{printed:?}");
    // What is configured is not shown, and stays as it is.
    for (name, value) in variables.iter().filter(|(_, value)| !value.contains(' ')) {
        shop.set(name, *value);
    }
    let shown = shop.expect(0, &["config", "show"]);
    assert!(shown.stdout.contains("DISPATCHCTL_SMTP__FROM"), "{shown:?}");
}

#[test]
fn a_technician_answers_by_name_and_serve_says_where_replies_go() {
    let stage = Stage::new("");
    // As a sandbox that nobody has told anything.
    stage.control("POST", "settings", &json!({ "inboundUrl": null }));
    let reply = |code: i32, args: &[&str]| stage.shop.expect(code, &[&["sandbox", "reply"], args].concat());
    let alone = reply(1, &["sam", "1"]);
    assert!(alone.stderr.contains("no webhook took it"), "{alone:?}");
    let _serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    let said = reply(0, &["Sam Ortiz", "on", "my", "way"]);
    for words in ["TEST MODE", "Sam Ortiz wrote: on my way", "and was answered: "] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    stage.until_call("c1", "is taken", |c| c["status"] == "ACKNOWLEDGED");
    let document = reply(0, &["+19495550101", "done", "-o", "json"]).json();
    assert_eq!(
        (&document["httpStatus"], &document["text"], &document["mode"]),
        (&json!(200), &json!("done"), &json!("test"))
    );
    stage.until_call("c1", "is done", |c| c["status"] == "RESOLVED");
    let nobody = reply(3, &["pat", "1"]);
    assert!(nobody.stderr.contains("no contact pat") && nobody.stderr.contains("sam"), "{nobody:?}");
    let away = reply(5, &["sam", "1", "--at", "127.0.0.1:9"]);
    assert!(away.stderr.contains("sandbox --listen 127.0.0.1:9"), "{away:?}");
}
