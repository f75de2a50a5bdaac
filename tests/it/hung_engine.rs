//! An engine that is stopped past a follow-up: every command that relies on it says so, what it recorded stays, and the engine
//! carries it out once when it goes on.

use serde_json::{Value, json};

use crate::support::Run;
use crate::support::process::report;
use crate::support::stage::{ANA, Stage, attempts, state, text};
use crate::support::wait::{later_ms, now, until};

const LADDERS: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "4s", notify = ["backup"] }, { wait = "1h", notify = ["owner"] } ]
exhaust_after = "1h"
[policies.once]
steps = [ { wait = "0s", notify = ["primary"] } ]
exhaust_after = "1h"
"#;
const SAID: &str = "the engine has not answered for";

/// What it said and how long it took, where it ended as it must.
fn hears(stage: &Stage, code: i32, args: &[&str]) -> Run {
    let began = now();
    let run = stage.shop.expect(code, args);
    report(&format!("{args:?}: exit {code} after {} ms", later_ms(now(), began)));
    assert!(run.stderr.contains(SAID) || run.stdout.contains(SAID), "{args:?}: {run:?}");
    assert!(run.stderr.contains("is stopped or hangs"), "{args:?}: {run:?}");
    run
}

/// The state of the engine, by a command's document.
fn engine(run: &Run) -> Value {
    let doc = run.json();
    assert!(doc["engine"]["silentMs"].as_u64().is_some_and(|ms| ms > 5_000), "{doc}");
    doc["engine"]["state"].clone()
}

#[test]
fn a_hung_engine_shows_in_every_command_that_relies_on_it() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    stage.fault(&json!([{ "kind": "drop_before_accept", "times": 1 }]));
    let unknown = stage.dispatch("unknown", "normal");
    stage.until_call("unknown", "its outcome is unknown", |c| state(c, 1) == "unknown");
    for call in ["fired", "recovered", "taken"] {
        stage.dispatch(call, "brisk");
        stage.delivered(call, 1);
    }
    serve.process.signal("STOP");

    let sent = ["send", "--issue", "Burst pipe", "--level", "normal", "--caller", "+19495550150"];
    let with = |id: &'static str, wait: &'static str| [&sent[..], &["--call-id", id, "--wait", wait]].concat();
    // Each waits for the engine as long as it may: they do so beside each other.
    std::thread::scope(|s| {
        s.spawn(|| {
            let run = hears(&stage, 8, &with("accepted", "accepted"));
            assert!(run.stderr.contains("do not run this again"), "{run:?}");
        });
        s.spawn(|| {
            let run = hears(&stage, 8, &[&with("acknowledged", "acknowledged")[..], &["-o", "json"]].concat());
            assert_eq!(engine(&run), "silent");
        });
    });

    // Whoever waits for nothing hears of a silence that lasts already.
    hears(&stage, 8, &with("none", "none"));
    hears(&stage, 1, &["status"]);
    assert_eq!(engine(&hears_in(&stage, 1, &["status", "-o", "json"])), "silent");
    hears(&stage, 1, &["status", "fired"]);
    hears(&stage, 1, &["follow-up", "list"]);
    hears(&stage, 1, &["recover", "--dry-run"]);
    let watching = stage.start(&["status", "fired", "--watch"]);
    watching.says(SAID);

    std::thread::scope(|s| {
        s.spawn(|| {
            let doctor = stage.shop.expect(1, &["doctor"]);
            assert!(doctor.stdout.contains(SAID), "{doctor:?}");
        });
        s.spawn(|| hears(&stage, 8, &["ack", "taken", "--by", "sam"]));
        s.spawn(|| {
            let run = hears(&stage, 8, &["follow-up", "run", "--call", "fired", "-o", "json"]);
            assert_eq!(engine(&run), "silent");
        });
        s.spawn(|| {
            let reference = format!("{}-1", text(&unknown, "reference"));
            hears(&stage, 8, &["settle", &reference, "--resend"]);
        });
    });
    let run = hears(&stage, 8, &["recover"]);
    assert!(run.stdout.contains("recorded as fired, and nothing is sent: the engine does not answer"), "{run:?}");
    assert_eq!(hears(&stage, 8, &["recover", "-o", "json"]).json()["carriedOut"], "silent engine");
    assert_eq!(stage.ledger().creates(), 4, "nothing was sent meanwhile");

    serve.process.signal("CONT");
    watching.says("the engine answers again");
    for (call, number) in [("fired", 2), ("recovered", 2), ("unknown", 2), ("accepted", 1), ("none", 1)] {
        stage.delivered(call, number);
    }
    until("it shows as working", || {
        let doc = stage.shop.run(&["status", "-o", "json"]).json();
        (doc["engine"]["state"] == "working").then_some(())
    });
    stage.shop.expect(0, &["recover"]);
    for call in ["fired", "recovered"] {
        assert_eq!(attempts(&stage.call(call)).len(), 2, "{call}: the follow-up once");
    }
    assert_eq!(stage.ledger().texts_to(ANA).len(), 2);
    stage.judge();
}

/// As [`hears`], where the document alone says it.
fn hears_in(stage: &Stage, code: i32, args: &[&str]) -> Run {
    stage.shop.expect(code, args)
}

#[test]
fn a_person_who_lets_texts_go_hears_that_the_engine_hangs() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    stage.dispatch("c1", "once");
    stage.delivered("c1", 1);
    stage.reply(ANA, "STOP");
    stage.fault(&json!({ "kind": "refuse", "status": 400, "code": 21606 }));
    stage.dispatch("c2", "once");
    stage.until_call("c2", "refused, and waiting again", |c| state(c, 1) == "failed" && state(c, 2) == "scheduled");
    stage.clear_faults();
    let list = stage.shop.expect(0, &["breaker", "list", "-o", "json"]).json();
    let sender = text(&list["breakers"][0], "sender").to_owned();
    serve.process.signal("STOP");
    // Its last sign of life stays fresh for a while.
    until("it shows as silent", || (stage.shop.run(&["status"]).code == 1).then_some(()));
    assert_eq!(engine(&hears(&stage, 8, &["breaker", "close", &sender, "-o", "json"])), "silent");
    hears(&stage, 8, &["contacts", "clear", ANA]);
    serve.process.signal("CONT");
    stage.delivered("c2", 2);
    assert!(stage.shop.expect(0, &["breaker", "close", &sender]).stdout.contains("closed already"));
    stage.judge();
}
