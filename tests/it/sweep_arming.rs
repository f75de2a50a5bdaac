//! Arming: by the environment and by request, on a test store alone; and the clock of a running engine, stepped both ways.

use std::process::Command;

use dispatchctl::testkit::store::{self, StoreMode, StoreSettings};
use serde_json::{Value, json};

use crate::support::fault_injection::fault_injection_in;
use crate::support::process::Process;
use crate::support::stage::{ANA, LEE, SAM, Stage, attempts, entries, free_port, text};
use crate::support::wait::{later_ms, now, time, until};

const LADDERS: &str = r#"
[policies.slow]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "20m", notify = ["backup"] }, { wait = "20m", notify = ["owner"] } ]
exhaust_after = "1h"
"#;

#[test]
fn a_name_that_does_not_exist_is_told_what_does_and_nothing_starts() {
    for (name, value, says) in [
        ("DISPATCHCTL_FAILPOINT", "intent.comitted", "intent.committed"),
        ("DISPATCHCTL_FAILPOINT", "intent.committed:none", "a number from 1"),
        ("DISPATCHCTL_SAFEGUARDS_OFF", "signature,lock", "engine-lock"),
        ("DISPATCHCTL_DRILL_SINK", "https://hooks.example.com/x", "on this machine"),
    ] {
        let mut shop = crate::support::Shop::new();
        shop.set(name, value);
        let run = shop.expect(2, &["serve", "--listen", "127.0.0.1:0"]);
        assert!(run.stderr.contains(says), "{name}={value}: {}", run.stderr);
        assert!(!shop.path("shop.db").exists(), "{name}={value}: no store was made");
    }
}

#[test]
fn live_mode_and_a_live_store_refuse_to_be_armed() {
    for (name, value) in [
        ("DISPATCHCTL_FAILPOINT", "lock.taken"),
        ("DISPATCHCTL_SAFEGUARDS_OFF", "signature"),
        ("DISPATCHCTL_DRILL_SINK", "http://127.0.0.1:9/"),
    ] {
        let mut shop = crate::support::Shop::new();
        shop.set(name, value);
        let live = shop.path("live.db");
        let run = shop.run_as_is(&["--store", &live.display().to_string(), "serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("live mode") && !live.exists(), "{run:?}");
    }
    // A live store, and a process that says it is a test: the stamp decides, and nobody dies.
    let mut shop = crate::support::Shop::new();
    make(&shop.path("shop.db"), StoreMode::Live);
    shop.set("DISPATCHCTL_FAILPOINT", "lock.taken");
    let run = shop.expect(6, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(run.stderr.contains("is stamped live"), "{run:?}");
}

fn make(path: &std::path::Path, mode: StoreMode) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _in = runtime.enter();
    let settings = StoreSettings { create: true, ..StoreSettings::of(path, mode) };
    let store = store::open(settings).expect("a store");
    runtime.block_on(store.close()).expect("closed");
}

#[test]
fn a_running_engine_on_a_live_store_refuses_every_drill() {
    let stage = Stage::new("");
    let live = stage.shop.path("live.db");
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
    command.args(["--store", &live.display().to_string(), "-o", "json", "serve", "--listen", &listen]);
    command.current_dir(stage.shop.path("")).env_clear().env("HOME", stage.shop.path(""));
    for (name, value) in [
        ("ACCOUNT_SID", dispatchctl::testkit::SANDBOX_ACCOUNT_SID),
        ("AUTH_TOKEN", dispatchctl::testkit::SANDBOX_AUTH_TOKEN),
        ("FROM", "+15005550006"),
        ("BASE_URL", &format!("http://{}", stage.sandbox_at())),
    ] {
        command.env(format!("DISPATCHCTL_TWILIO__{name}"), value);
    }
    let mut process = Process::start(&mut command, &stage.shop.path(""), "live");
    process.first_line();
    for payload in
        [json!({ "kill": "lock.taken" }), json!({ "guardsOff": ["signature"] }), json!({ "clockOffsetMs": 60_000 })]
    {
        let answer = fault_injection_in(&live, StoreMode::Live, payload.clone());
        assert!(text(&answer, "error").contains("stamped test"), "{payload}: {answer}");
    }
    assert!(process.ended().is_none(), "it goes on");
}

#[test]
fn a_drill_that_asks_for_what_is_not_there_is_told_so() {
    let stage = Stage::new("");
    let mut process = stage.serve_armed(&[]);
    for (payload, says) in [
        (json!({ "kill": "nowhere" }), "intent.committed"),
        (json!({ "guardsOff": ["all"] }), "signature"),
        (json!({}), "asks for nothing"),
        (json!({ "clockOffsetMs": "soon" }), "milliseconds"),
    ] {
        let answer = stage.fault_injection(payload.clone());
        assert!(text(&answer, "error").contains(says), "{payload}: {answer}");
    }
    // Armed at its third hit, it lives through two.
    stage.drilled(json!({ "kill": "accept.before-commit:3" }));
    for n in 0..2 {
        stage.dispatch(&format!("c{n}"), "normal");
    }
    assert!(process.ended().is_none());
    assert!(stage.post("/api/dispatch/manual", &crate::support::stage::emergency("c2", "normal")).is_err());
    until("its death", || process.ended());
}

#[test]
fn a_clock_that_is_stepped_both_ways_is_told_of_and_loses_and_doubles_nothing() {
    const MINUTES_25_MS: i64 = 25 * 60 * 1_000;
    let stage = Stage::new(LADDERS);
    let _serve = stage.serve_armed(&[]);
    stage.dispatch("c1", "slow");
    let call = stage.delivered("c1", 1);
    let accepted = time(&call["acceptedAt"]);

    // Forward, past one step: it fires now, once.
    stage.drilled(json!({ "clockOffsetMs": MINUTES_25_MS }));
    alarm(&stage, "the clock went forward by");
    let call = stage.delivered("c1", 2);
    assert_eq!((attempts(&call).len(), stage.ledger().of(&call, 2).len()), (2, 1));
    assert_eq!(stage.ledger().texts_to(ANA).len(), 1);
    let fired = entries(&call, "step.fired").last().map(|e| time(&e["at"])).expect("it fired");
    assert!((MINUTES_25_MS..MINUTES_25_MS + 30_000).contains(&later_ms(fired, accepted)), "by the stepped clock");
    let next = time(&call["nextFollowUpAt"]);
    let away = later_ms(next, now()) - MINUTES_25_MS;
    assert!(away > 10 * 60 * 1_000, "the last step is still to come, in {away} ms");

    // Back: what is armed keeps its distance, and nothing fires again.
    stage.drilled(json!({ "clockOffsetMs": 0 }));
    alarm(&stage, "the clock was set back by");
    let call = stage.until_call("c1", "its next step is moved back", |c| time(&c["nextFollowUpAt"]) < next);
    let still = later_ms(time(&call["nextFollowUpAt"]), now());
    assert!((still - away).abs() < 10_000, "{still} ms to go, {away} ms before");
    assert_eq!((attempts(&call).len(), stage.ledger().creates()), (2, 2));

    // Forward once more: the last step, once.
    stage.drilled(json!({ "clockOffsetMs": still + 1_000 }));
    let call = stage.delivered("c1", 3);
    let ledger = stage.ledger();
    assert_eq!([SAM, ANA, LEE].map(|p| ledger.texts_to(p).len()), [1, 1, 1]);
    assert_eq!(text(&call, "status"), "DISPATCHING");
    assert_eq!(stage.judge().len(), 1);
}

/// An alert about the clock that says this stands.
fn alarm(stage: &Stage, says: &str) {
    until(&format!("the alarm {says:?}"), || {
        let log = stage.get("/api/log?limit=1000");
        let raised = |e: &Value| {
            text(e, "kind") == "alert.raised"
                && text(&e["data"], "key").starts_with("clock:")
                && text(e, "message").contains(says)
        };
        log["entries"].as_array().is_some_and(|all| all.iter().any(raised)).then_some(())
    });
    let shown = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert!(shown.to_string().contains(says), "and is shown: {shown}");
}
