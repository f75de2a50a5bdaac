//! A person says what became of a text whose answer was lost: from a shell, with and without an engine.

use serde_json::{Value, json};

use crate::support::process::report;
use crate::support::stage::{ANA, SAM, Stage, attempts, entries, state, text};
use crate::support::wait::{later_ms, time, until};

const LADDERS: &str = r#"
[delivery]
settle = "1h"
[policies.pair]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// The next text's answer is lost, and neither a receipt nor the list tells of it.
fn lose(stage: &Stage, kind: &str) {
    stage.fault(&json!([
        { "kind": kind, "times": 1 },
        { "kind": "list_lag", "delayMs": 3_600_000 },
        { "kind": "withhold_callbacks" },
    ]));
}

fn unknown(stage: &Stage, call: &str) -> Value {
    stage.dispatch(call, "pair");
    stage.until_call(call, "its outcome is unknown", |c| state(c, 1) == "unknown")
}

#[test]
fn beside_an_engine_a_word_from_a_shell_is_acted_on_at_once() {
    let stage = Stage::new(LADDERS);
    let _serve = stage.serve();
    lose(&stage, "drop_after_accept");
    let call = unknown(&stage, "was-sent");
    let sid = text(stage.ledger().of(&call, 1)[0], "sid").to_owned();
    let reference = format!("{}-1", text(&call, "reference").to_lowercase());
    let done = stage.shop.expect(0, &["settle", &reference, "--sent", &sid, "--note", "seen in the console"]);
    assert!(done.stdout.contains(&format!("is submitted as {sid}")) && !done.stderr.contains("no engine"), "{done:?}");
    let call = stage.until_call("was-sent", "the engine follows it", |c| state(c, 1) == "delivered");
    let settled = entries(&call, "attempt.settled");
    assert_eq!((&settled[0]["actor"], &settled[0]["data"]["note"]), (&json!("dana"), &json!("seen in the console")));
    stage.clear_faults();

    lose(&stage, "drop_before_accept");
    let call = unknown(&stage, "not-sent");
    let id = text(&attempts(&call)[0], "attemptId").to_owned();
    let done = stage.shop.expect(0, &["settle", &id, "--not-sent", "--by", "Pat", "-o", "json"]).json();
    assert_eq!(
        (&done["attemptState"], &done["changed"], &done["callId"]),
        (&json!("failed"), &json!(true), &json!("not-sent"))
    );
    assert_eq!((&done["mode"], &done["error"]["message"]), (&json!("test"), &json!("not sent, says Pat (dana)")));
    let call = stage.until_call("not-sent", "Ana is told", |c| matches!(state(c, 2), "submitted" | "delivered"));
    let told = stage.ledger();
    assert_eq!((told.of(&call, 1).len(), told.of(&call, 2).len(), text(told.of(&call, 2)[0], "to")), (0, 1, ANA));
    let seen = later_ms(time(&call["attempts"][1]["sentAt"]), time(&entries(&call, "attempt.settled")[0]["at"]));
    report(&format!("the engine acted {seen} ms after the word"));
    assert!(seen <= 1_000, "{seen}");
    stage.judge();
}

#[test]
fn without_an_engine_it_is_recorded_and_the_next_one_goes_on_with_it() {
    let stage = Stage::new(LADDERS);
    lose(&stage, "drop_before_accept");
    let sent = stage.shop.expect(
        7,
        &["send", "--call-id", "c1", "--level", "pair", "--issue", "Burst pipe", "--timeout", "3s", "-o", "json"],
    );
    let reference = format!("{}-1", text(&sent.json(), "reference"));
    let done = stage.shop.expect(0, &["settle", &reference, "--resend"]);
    assert!(done.stdout.contains("is failed") && done.stdout.contains("will be told (attempt 2)"), "{done:?}");
    assert!(done.stderr.contains("no engine runs"), "{done:?}");
    let again = stage.shop.expect(0, &["settle", &reference, "--resend"]);
    assert!(again.stdout.contains("is already failed"), "{again:?}");
    assert_eq!(stage.ledger().texts().len(), 0, "nothing is sent by a word");
    stage.clear_faults();
    let _serve = stage.serve();
    let call = stage.delivered("c1", 2);
    let ledger = stage.ledger();
    assert_eq!((ledger.of(&call, 2).len(), text(ledger.of(&call, 2)[0], "to")), (1, SAM));
    until("the alert is over", || {
        let doc = stage.shop.expect(0, &["status", "-o", "json"]).json();
        (!doc["alerts"].to_string().contains("unknown:")).then_some(())
    });
    stage.judge();
}

#[test]
fn what_cannot_be_settled_says_why_with_its_own_exit_code() {
    let stage = Stage::new(LADDERS);
    let _serve = stage.serve();
    stage.dispatch("c1", "pair");
    let call = stage.delivered("c1", 1);
    let (code, sid) = (text(&call, "reference").to_owned(), text(&attempts(&call)[0], "sid").to_owned());
    let (first, ninth) = (format!("{code}-1"), format!("{code}-9"));
    let other = format!("SM{:032x}", 77);
    let nobody = "att_00000000000000000000000000000001";
    let cases: &[(i32, &[&str], &[&str])] = &[
        (0, &[&first, "--sent", &sid], &[]),
        (1, &[&first, "--sent", &other], &["is delivered", "not unknown", "dispatchctl status c1"]),
        (1, &[&first, "--not-sent"], &["not unknown"]),
        (1, &[&first, "--resend"], &["not unknown"]),
        (3, &[&ninth, "--not-sent"], &["no attempt", "7K3Q-2"]),
        (3, &[nobody, "--not-sent"], &["no attempt"]),
        (3, &[nobody, "--sent", &sid], &["no attempt"]),
        (3, &["whatever", "--not-sent"], &["no attempt"]),
        (2, &["c1", "--not-sent"], &["is a call", "none of its attempts is unknown"]),
        (2, &[&first], &["--sent", "--not-sent", "--resend"]),
        (2, &[&first, "--not-sent", "--resend"], &["cannot be used with"]),
        (2, &[&first, "--sent", "SM1"], &["SM"]),
    ];
    for (code, args, says) in cases {
        let run = stage.shop.expect(*code, &[&["settle"], *args].concat());
        assert!(says.iter().all(|s| run.stderr.contains(s)), "{args:?}: {run:?}");
    }
    let problem = stage.shop.expect(1, &["settle", &first, "--resend", "-o", "json"]).json();
    assert_eq!((&problem["exit"], &problem["callId"]), (&json!(1), &json!("c1")));
    stage.judge();
}
