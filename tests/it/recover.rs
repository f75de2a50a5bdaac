//! `recover` after a kill -9: says what should run and does not, sees to it, and finds nothing the second time.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::report;
use crate::support::stage::{SAM, Stage, attempts, emergency, state, text};
use crate::support::wait::{time, until, until_time};

const LADDERS: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "3s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

fn findings(doc: &Value) -> Vec<(&str, &str)> {
    let mut rows: Vec<_> =
        doc["plan"].as_array().expect("a plan").iter().map(|r| (text(r, "callId"), text(r, "finding"))).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn what_a_kill_left_is_planned_carried_out_once_and_then_there_is_nothing() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    stage.dispatch("due", "brisk");
    let accepted = time(&stage.delivered("due", 1)["acceptedAt"]);
    // One is with the provider when the engine dies, and no receipt will tell of it.
    stage.fault(&json!([{ "kind": "delay", "delayMs": 60_000, "times": 1 }, { "kind": "withhold_callbacks" }]));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("cut", "normal")));
        until("it is in flight", || (stage.ledger().creates() == 2).then_some(()));
        serve.process.kill();
        assert!(client.join().expect("a client").is_err(), "nobody answered");
    });
    until_time(accepted.plus(Duration::from_millis(3_100)));

    let dry = stage.shop.expect(0, &["recover", "--dry-run", "-o", "json"]).json();
    let want = [("cut", "send cut off by a crash"), ("due", "overdue follow-up")];
    assert_eq!((findings(&dry), &dry["carriedOut"]), (want.to_vec(), &Value::Null), "{dry}");
    assert_eq!(stage.ledger().creates(), 2, "a plan does nothing");
    let shown = stage.shop.expect(0, &["recover", "--dry-run"]).stdout;
    assert!(shown.contains("step 2 fires now, once") && shown.contains("nothing was done"), "{shown}");

    let done = stage.shop.expect(0, &["recover", "-o", "json"]).json();
    assert_eq!((findings(&done), &done["carriedOut"]), (want.to_vec(), &json!("here")), "{done}");
    let again = stage.shop.expect(0, &["recover", "-o", "json"]).json();
    assert_eq!((findings(&again), &again["carriedOut"]), (vec![], &Value::Null), "{again}");
    let story = |call: &str| stage.shop.expect(0, &["status", call, "-o", "json"]).json();
    let (cut, due) = (story("cut"), story("due"));
    assert!(matches!(state(&cut, 1), "submitted" | "delivered"), "found in the list: {cut:#}");
    assert_eq!((attempts(&cut).len(), attempts(&due).len()), (1, 2));
    let ledger = stage.ledger();
    assert_eq!((ledger.of(&cut, 1).len(), ledger.of(&due, 2).len(), ledger.texts_to(SAM).len()), (1, 1, 3));
    report(&format!("{} creates in all", ledger.creates()));
    let _serve = stage.serve();
    stage.judge();
}

#[test]
fn beside_a_running_engine_it_has_nothing_to_do() {
    let stage = Stage::new(LADDERS);
    let _serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    let doc = stage.shop.expect(0, &["recover", "-o", "json"]).json();
    assert_eq!((findings(&doc), &doc["carriedOut"]), (vec![], &Value::Null), "{doc}");
    stage.fault(&json!([{ "kind": "drop_before_accept", "times": 1 }]));
    stage.dispatch("c2", "normal");
    stage.until_call("c2", "its outcome is unknown", |c| state(c, 1) == "unknown");
    let doc = stage.shop.expect(0, &["recover", "-o", "json"]).json();
    assert_eq!((findings(&doc), &doc["carriedOut"]), (vec![("c2", "outcome unknown")], &json!("engine")), "{doc}");
    assert_eq!(stage.ledger().creates(), 2, "and nothing was sent by it");
    stage.judge();
}
