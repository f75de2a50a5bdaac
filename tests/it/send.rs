//! `send` without an engine: its exit codes, what it leaves in the store and with the provider, and who goes on with it.

use serde_json::{Value, json};

use crate::support::Run;
use crate::support::stage::{Stage, attempts, state, text};
use crate::support::wait::until;

const SOON: &str = "[delivery]\npoll_after = \"100ms\"\n";

fn send(stage: &Stage, code: i32, call: &str, more: &[&str]) -> Run {
    let args = ["send", "--call-id", call, "--issue", "Burst pipe", "--level", "normal", "--caller", "+19495550150"];
    let run = stage.shop.expect(code, &[&args, more].concat());
    assert!(run.stderr.contains(&format!("call {call} (")), "the call's id is said: {run:?}");
    run
}

fn story(stage: &Stage, call: &str) -> Value {
    stage.shop.expect(0, &["status", call, "-o", "json"]).json()
}

#[test]
fn the_exit_code_says_what_became_of_the_call() {
    let stage = Stage::new(SOON);
    // A list that shows nothing yet: what is unknown stays so.
    let lost = json!([{ "kind": "drop_after_accept" }, { "kind": "list_lag", "delayMs": 3_600_000 }]);
    let busy = json!([{ "kind": "refuse", "status": 429, "code": 20429 }]);
    let landline = ["--contact", "+15005550009", "--only"];
    // (call, faults, arguments, exit code, the attempt, the call, texts, what is said)
    type Case<'a> = (&'a str, Value, &'a [&'a str], i32, &'a str, &'a str, usize, &'a str);
    let cases: &[Case<'_>] = &[
        ("accepted", json!([]), &["--wait", "delivered"], 0, "delivered", "DISPATCHING", 1, "no engine runs"),
        ("refused", json!([]), &landline, 4, "failed", "EXHAUSTED", 0, "refused for good"),
        ("unknown", lost, &[], 7, "unknown", "DISPATCHING", 1, "do not run it again"),
        ("going", busy, &["--timeout", "1500ms"], 8, "retrying", "DISPATCHING", 0, "do not run it again"),
    ];
    for (call, faults, more, code, attempt, status, texts, said) in cases {
        stage.fault(faults);
        let run = send(&stage, *code, call, more);
        stage.clear_faults();
        assert!(run.stderr.contains(said), "{call}: {run:?}");
        let story = story(&stage, call);
        assert_eq!((state(&story, 1), text(&story, "status")), (*attempt, *status), "{call}");
        assert_eq!((attempts(&story).len(), stage.ledger().of(&story, 1).len()), (1, *texts), "{call}");
    }
    stage.fault(&json!([{ "kind": "list_lag", "delayMs": 3_600_000 }]));
    let creates = stage.ledger().creates();
    let other = stage.shop.expect(9, &["send", "--call-id", "accepted", "--issue", "No heat"]);
    assert!(other.stderr.contains("exists with other data"), "{other:?}");
    let again = send(&stage, 0, "accepted", &[]);
    assert!(again.stderr.contains("nothing new is sent"), "{again:?}");
    assert_eq!(stage.ledger().creates(), creates, "neither sent anything");

    // The engine that comes afterwards goes on with what was left, once.
    let _serve = stage.serve();
    stage.delivered("going", 1);
    assert_eq!(stage.judge().len(), cases.len());
}

#[test]
fn what_was_recorded_before_an_interruption_stays_and_goes_on() {
    let stage = Stage::new(SOON);
    stage.fault(&json!([{ "kind": "refuse", "status": 429, "code": 20429 }]));
    let mut send =
        stage.start(&["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal", "--timeout", "60s"]);
    until("the provider has said no once", || (stage.ledger().creates() >= 1).then_some(()));
    send.signal("INT");
    assert_eq!(send.exit_code(), Some(130), "{}", send.stderr());
    assert!(
        send.stderr().contains("call c1 is recorded, and nothing is sent until an engine runs"),
        "{}",
        send.stderr()
    );
    assert_eq!(state(&story(&stage, "c1"), 1), "retrying");
    stage.clear_faults();

    let serve = stage.serve();
    serve.process.says("the last stop was clean");
    stage.delivered("c1", 1);
    let stories = stage.judge();
    assert_eq!((stories.len(), stage.ledger().texts().len()), (1, 1));
}

#[test]
fn a_killed_send_leaves_a_call_that_the_next_engine_goes_on_with() {
    let stage = Stage::new(SOON);
    stage.fault(&json!([{ "kind": "refuse", "status": 429, "code": 20429 }]));
    let send =
        stage.start(&["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal", "--timeout", "60s"]);
    until("the provider has said no once", || (stage.ledger().creates() >= 1).then_some(()));
    until("the answer is stored", || (state(&story(&stage, "c1"), 1) == "retrying").then_some(()));
    send.kill();
    stage.clear_faults();
    // The lock died with its process: the next command is the engine at once.
    let again = send_again(&stage);
    assert!(again.stderr.contains("nothing new is sent"), "{again:?}");
    let _serve = stage.serve();
    stage.delivered("c1", 1);
    stage.judge();
    assert_eq!(stage.ledger().texts().len(), 1);
}

fn send_again(stage: &Stage) -> Run {
    stage.shop.expect(0, &["send", "--call-id", "c1", "--issue", "Burst pipe", "--level", "normal"])
}
