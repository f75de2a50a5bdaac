//! A sender that fails by its own fault: one alert, probes alone, and everything at once when a person knows better.

use serde_json::json;

use crate::support::stage::{Stage, state, text};
use crate::support::wait::until;

const ONE_STEP: &str = r#"
[policies.once]
steps = [ { wait = "0s", notify = ["primary"] } ]
exhaust_after = "1h"
"#;

#[test]
fn a_sender_that_is_refused_is_left_alone_until_a_person_closes_its_breaker() {
    let stage = Stage::new(ONE_STEP);
    stage.shop.expect(0, &["config", "show"]);
    let _serve = stage.serve();
    stage.fault(&json!({ "kind": "refuse", "status": 400, "code": 21606 }));
    stage.dispatch("c1", "once");
    stage.until_call("c1", "refused, and waiting again", |c| state(c, 1) == "failed" && state(c, 2) == "scheduled");
    stage.shop.send("c2", &["--level", "once", "--wait", "none"]);
    stage.until_call("c2", "waiting", |c| state(c, 1) == "scheduled");
    let list = stage.shop.expect(0, &["breaker", "list", "-o", "json"]).json();
    let open = &list["breakers"][0];
    assert_eq!(
        (text(open, "state"), &open["errorCode"], &open["probes"]),
        ("open", &json!(21606), &json!(0)),
        "{list}"
    );
    let sender = text(open, "sender").to_owned();
    let shown = stage.shop.expect(0, &["breaker", "list"]).stdout;
    assert!(shown.contains(&sender) && shown.contains("open") && shown.contains("21606"), "{shown}");
    let health = until("health says so", || {
        Some(stage.get("/health")).filter(|h| h["metrics"]["openBreakers"] == 1 && h["status"] == "degraded")
    });
    assert!(health["checks"].to_string().contains("breaker list"), "{health}");
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    let alerts = status["alerts"].as_array().expect("alerts");
    assert!(alerts.len() == 1 && text(&alerts[0], "key").starts_with("breaker:"), "{status}");
    assert_eq!(stage.ledger().creates(), 1, "the one that was refused");

    stage.clear_faults();
    let closed = stage.shop.expect(0, &["breaker", "close", &sender, "--by", "Pat"]);
    assert!(closed.stdout.contains("goes at once"), "{closed:?}");
    stage.delivered("c1", 2);
    stage.delivered("c2", 1);
    assert_eq!(stage.ledger().creates(), 3, "one text each");
    assert!(stage.shop.expect(0, &["breaker", "close", &sender]).stdout.contains("closed already"));
    let missing = stage.shop.expect(3, &["breaker", "close", "account"]);
    assert!(missing.stderr.contains("the whole account"), "{missing:?}");
    let status = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!(status["alerts"], json!([]), "{status}");
    stage.judge();
}
