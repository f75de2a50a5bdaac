//! Many clients, two engines, commands beside an engine, an engine that is stopped and continued: exactly one does the work.

use std::time::Duration;

use dispatchctl::testkit::Stopwatch;
use serde_json::{Value, json};

use crate::support::process::{Process, report};
use crate::support::stage::{SAM, SECOND_MS, Stage, attempts, emergency, entries, seconds, state, text};
use crate::support::wait::{later_ms, now, time, until, until_time};

const LADDERS: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "4s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

#[test]
fn a_hundred_calls_from_eight_clients_and_five_commands_are_each_told_once() {
    let stage = Stage::new("");
    let _serve = stage.serve();
    let mut sends: Vec<Process> = (0..5)
        .map(|n| {
            stage.start(&[
                "send",
                "--call-id",
                &format!("cli{n}"),
                "--issue",
                "Burst pipe",
                "--level",
                "normal",
                "--caller",
                "+19495550150",
            ])
        })
        .collect();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let stage = &stage;
            scope.spawn(move || {
                for n in (client..100).step_by(8) {
                    stage.dispatch(&format!("c{n}"), "normal");
                }
            });
        }
    });
    for send in &mut sends {
        assert_eq!(send.exit_code(), Some(0), "{}", send.stderr());
    }
    let stories = stage.judge();
    let ledger = stage.ledger();
    assert_eq!((stories.len(), ledger.texts().len()), (105, 105));
    for call in &stories {
        assert_eq!((attempts(call).len(), ledger.of(call, 1).len()), (1, 1), "{}", text(call, "callId"));
    }
    assert_eq!(ledger.creates(), 105, "and none was tried in vain");
}

#[test]
fn a_second_engine_is_refused_at_once_and_told_who_has_the_store() {
    let stage = Stage::new("");
    let serve = stage.serve();
    // What any command takes here, on a machine that may be busy.
    let watch = Stopwatch::start();
    stage.shop.expect(0, &["status"]);
    let any = watch.passed().as_millis();
    let mut took: Vec<u128> = (0..3)
        .map(|_| {
            let watch = Stopwatch::start();
            let second = stage.shop.expect(6, &["serve", "--listen", "127.0.0.1:0"]);
            let took = watch.passed().as_millis();
            assert!(second.stderr.contains(&format!("`serve`, process {}", serve.process.id())), "{second:?}");
            assert!(second.stderr.contains("hint"), "{second:?}");
            took
        })
        .collect();
    took.sort_unstable();
    report(&format!("a second engine ended after {took:?} ms, `status` after {any} ms"));
    assert!(took[1] < 1_000 + any, "{took:?}");
    // The first one goes on as if nothing had been.
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    assert_eq!(stage.judge().len(), 1);
}

#[test]
fn a_command_that_was_the_engine_hands_over_to_serve_and_goes_on_watching() {
    let stage = Stage::new(LADDERS);
    let mut send = stage.start(&[
        "send",
        "--call-id",
        "c1",
        "--issue",
        "Burst pipe",
        "--level",
        "brisk",
        "--wait",
        "acknowledged",
        "--timeout",
        "60s",
    ]);
    send.says("this command sends");
    until("its first text", || (stage.ledger().creates() == 1).then_some(()));
    let held = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!((text(&held["engine"], "role"), &held["engine"]["pid"]), ("send", &json!(send.id())), "{held}");

    let watch = Stopwatch::start();
    let serve = stage.serve();
    report(&format!("serve answered {} ms after its start, the hand-over in it", watch.passed().as_millis()));
    assert!(watch.passed() < seconds(3), "a start takes its time, the hand-over a second: {:?}", watch.passed());
    let held = stage.shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!((text(&held["engine"], "role"), &held["engine"]["pid"]), ("serve", &json!(serve.process.id())));
    // The follow-up is the new engine's, once.
    let call = stage.delivered("c1", 2);
    assert_eq!(stage.ledger().of(&call, 2).len(), 1);
    stage.reply(SAM, "1");
    assert_eq!(send.exit_code(), Some(0), "{}", send.stderr());
    assert_eq!(text(&stage.call("c1"), "status"), "ACKNOWLEDGED");
    let stories = stage.judge();
    assert_eq!((stories.len(), attempts(&stories[0]).len()), (1, 2));
}

/// Whether the engine is to be stopped for a minute and not for a few seconds.
fn long() -> bool {
    std::env::var("DISPATCHCTL_LONG_TESTS").is_ok_and(|v| v == "1")
}

#[test]
fn an_engine_that_is_stopped_and_continued_doubles_nothing_and_misses_nothing() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    stage.dispatch("due", "brisk");
    let accepted = time(&stage.delivered("due", 1)["acceptedAt"]);
    // One whose answer comes while the engine stands still.
    stage.fault(
        &json!([{ "kind": "delay", "delayMs": 400, "times": 1 }, { "kind": "delay_callbacks", "delayMs": 800 }]),
    );
    let mut send = std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("in-flight", "normal")));
        until("it is in flight", || (stage.ledger().creates() == 2).then_some(()));
        serve.process.signal("STOP");
        let go_on = now().plus(if long() { seconds(60) } else { seconds(3) });
        let send = stage.start(&[
            "send",
            "--call-id",
            "meanwhile",
            "--issue",
            "Burst pipe",
            "--level",
            "normal",
            "--timeout",
            "120s",
        ]);
        send.says("call meanwhile");
        until_time(go_on.max(accepted.plus(Duration::from_millis(4_300))));
        assert_eq!(stage.ledger().creates(), 2, "an engine that stands still sends nothing, and nobody in its place");
        serve.process.signal("CONT");
        let answer = client.join().expect("a client").expect("an answer");
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
        send
    });
    let continued = now();
    assert_eq!(send.exit_code(), Some(0), "{}", send.stderr());
    let call = stage.delivered("due", 2);
    let ledger = stage.ledger();
    let fired = later_ms(time(&ledger.of(&call, 2)[0]["createdAt"]), continued);
    report(&format!("the follow-up left {fired} ms after the engine was continued"));
    assert!(fired <= SECOND_MS, "{fired}");
    let told = |c: &Value| match state(c, 1) {
        // A minute outlasts the request and every try of its callback: then it is seen that it is not known.
        "unknown" | "submitted" => long() && text(c, "callId") == "in-flight",
        state => state == "delivered",
    };
    for id in ["in-flight", "meanwhile"] {
        let call = stage.until_call(id, "it is told", told);
        assert_eq!((attempts(&call).len(), stage.ledger().of(&call, 1).len()), (1, 1), "{id}");
    }
    let stories = stage.judge();
    assert_eq!((stories.len(), stage.ledger().creates()), (3, 4));
}

#[test]
fn an_acknowledgement_from_a_shell_is_seen_by_the_engine_at_once() {
    let stage = Stage::new(LADDERS);
    let _serve = stage.serve();
    let mut seen: Vec<i64> = (0..3)
        .map(|n| {
            let id = format!("c{n}");
            stage.dispatch(&id, "brisk");
            stage.delivered(&id, 1);
            stage.shop.expect(0, &["ack", &id]);
            // The stand-down is the engine's first act on what another process has committed.
            let call = stage.delivered(&id, 2);
            assert_eq!(text(&call["attempts"][1], "kind"), "stand-down");
            let taken = entries(&call, "call.acknowledged");
            later_ms(time(&call["attempts"][1]["sentAt"]), time(&taken[0]["at"]))
        })
        .collect();
    seen.sort_unstable();
    report(&format!("acknowledgements were seen after {seen:?} ms"));
    assert!(seen[1] <= 250, "the engine saw it after {seen:?} ms");
    // A text that waits for a throttling provider is dropped by the same commit.
    stage.fault(&json!([{ "kind": "refuse", "status": 429, "code": 20429, "retryAfter": 3, "times": 1 }]));
    let (call, creates) = std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.dispatch("waiting", "brisk"));
        let call = until("it waits", || {
            stage.stories().into_iter().find(|c| text(c, "callId") == "waiting" && state(c, 1) == "retrying")
        });
        let creates = stage.ledger().creates();
        stage.shop.expect(0, &["ack", "waiting"]);
        assert_eq!(state(&stage.call("waiting"), 1), "cancelled");
        assert_eq!(client.join().expect("a client")["status"], "ACKNOWLEDGED");
        (call, creates)
    });
    // Past the time of its retry, and of every follow-up.
    until_time(time(&call["acceptedAt"]).plus(seconds(5)));
    stage.dispatch("last", "normal");
    stage.delivered("last", 1);
    assert_eq!(stage.ledger().creates(), creates + 1, "nothing but the last one was sent");
    for story in stage.judge() {
        let fired = entries(&story, "step.fired").len();
        assert_eq!(fired, 1, "no follow-up fired: {}", text(&story, "callId"));
    }
}
