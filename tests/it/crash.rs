//! The engine is killed, or asked to stop, at bad moments; what was accepted goes on, once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::report;
use crate::support::stage::{ANA, LEE, Ledger, SAM, SECOND_MS, Stage, attempts, emergency, entries, state, text};
use crate::support::steady::while_the_machine_runs;
use crate::support::wait::{later_ms, time, until, until_time};

const LADDERS: &str = r#"
[policies.brisk]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "3s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
[policies.widening]
steps = [ { wait = "0s", notify = ["owner"] }, { wait = "3s", notify = ["primary"] }, { wait = "300ms", notify = ["primary", "backup"] },
          { wait = "300ms", notify = ["backup"] }, { wait = "10s", notify = ["owner"] } ]
exhaust_after = "1h"
[policies.backup]
steps = [ { wait = "0s", notify = ["backup"] }, { wait = "1h", notify = ["owner"] } ]
exhaust_after = "1h"
"#;

#[test]
fn a_follow_up_that_came_due_while_dead_goes_out_within_a_second_of_the_restart_once() {
    while_the_machine_runs(|| {
        let stage = Stage::new(LADDERS);
        let serve = stage.serve();
        stage.dispatch("c1", "brisk");
        let accepted = time(&stage.delivered("c1", 1)["acceptedAt"]);
        serve.process.kill();
        until_time(accepted.plus(Duration::from_millis(3_300)));
        assert_eq!(stage.ledger().creates(), 1, "nobody fires it while the engine is dead");

        let serve = stage.serve();
        let call = stage.delivered("c1", 2);
        let ledger = stage.ledger();
        let follow_up = ledger.of(&call, 2);
        assert_eq!((follow_up.len(), &follow_up[0]["to"]), (1, &json!(SAM)));
        let after = serve.resumed_after_ms(follow_up[0]);
        assert!(after <= SECOND_MS, "{after} ms after the listener answered");
        for words in ["the last stop was not clean", "Recovering lost retry", "Retry attempt 2"] {
            serve.process.says(words);
        }
        // One missed step keeps its arithmetic.
        let hour = Duration::from_secs(3_603);
        assert_eq!(time(&call["nextFollowUpAt"]), accepted.plus(hour));
        // A second death and restart find nothing to do again.
        serve.process.kill();
        let _serve = stage.serve();
        stage.dispatch("c2", "normal");
        stage.delivered("c2", 1);
        assert_eq!(stage.ledger().creates(), 3);
        stage.judge();
    });
}

#[test]
fn of_several_missed_steps_everyone_is_told_once_and_the_ladder_goes_on_from_now() {
    while_the_machine_runs(|| {
        let stage = Stage::new(LADDERS);
        let serve = stage.serve();
        stage.dispatch("c1", "widening");
        let accepted = time(&stage.delivered("c1", 1)["acceptedAt"]);
        serve.process.kill();
        // The last step is far enough away that no start, however slow, misses it too.
        until_time(accepted.plus(Duration::from_millis(3_900)));

        let serve = stage.serve();
        let call = stage.delivered("c1", 3);
        let ledger = stage.ledger();
        let told: Vec<&str> = [2, 3].iter().flat_map(|n| ledger.of(&call, *n)).map(|m| text(m, "to")).collect();
        assert_eq!(told, [SAM, ANA], "each once, under the latest step that named them");
        assert_eq!((&call["attempts"][1]["step"], &call["attempts"][2]["step"]), (&json!(4), &json!(4)));
        assert!(serve.resumed_after_ms(ledger.of(&call, 2)[0]) <= SECOND_MS);
        let fired = entries(&call, "step.fired").last().copied().cloned().expect("the missed steps fired");
        assert_eq!(fired["data"]["missed"], 3, "{fired}");
        let next = time(&fired["data"]["nextDue"]);
        assert_eq!(later_ms(next, time(&fired["at"])), 10 * SECOND_MS, "what follows counts from now");

        let call = stage.delivered("c1", 4);
        let ledger = stage.ledger();
        let late = later_ms(time(&ledger.of(&call, 4)[0]["createdAt"]), next);
        assert!((0..SECOND_MS).contains(&late), "the next step left {late} ms after its time");
        let counts = [SAM, ANA, LEE].map(|p| ledger.texts_to(p).len());
        assert_eq!(counts, [1, 1, 2]);
        stage.judge();
    });
}

/// Half of the calls have receipts that come after the restart and settle them; the other half's never come.
#[test]
fn thirty_dispatches_in_flight_survive_a_kill_each_text_at_most_once_and_none_lost() {
    let stage = Stage::new(LADDERS);
    let serve = stage.serve();
    for n in 0..3 {
        stage.dispatch(&format!("early{n}"), "normal");
        stage.delivered(&format!("early{n}"), 1);
    }
    stage.fault(&json!([
        { "kind": "delay", "delayMs": 300 },
        { "kind": "delay_callbacks", "delayMs": 5_000, "to": SAM },
        { "kind": "withhold_callbacks", "to": ANA },
        { "kind": "list_lag", "delayMs": 3_600_000 },
    ]));
    let level = |n: usize| if n.is_multiple_of(2) { "normal" } else { "backup" };
    let mut answered = Vec::new();
    std::thread::scope(|scope| {
        let stage = &stage;
        let dispatch = |n: usize| stage.post("/api/dispatch/manual", &emergency(&format!("c{n}"), level(n)));
        let clients: Vec<_> = (0..30).map(|n| scope.spawn(move || dispatch(n).map(|a| (n, a.status)).ok())).collect();
        until("some are with the provider", || (stage.ledger().creates() >= 3 + 10).then_some(()));
        serve.process.kill();
        answered = clients.into_iter().filter_map(|c| c.join().expect("a client")).collect();
    });
    assert!(answered.iter().all(|(_, status)| matches!(status, 201 | 202)), "{answered:?}");

    let _serve = stage.serve();
    // Whoever got no answer asks again: it exists, or it is made now.
    for n in 0..30 {
        let again = stage.post("/api/dispatch/manual", &emergency(&format!("c{n}"), level(n))).expect("an answer");
        assert!(matches!(again.status, 200..=202), "{again:?}");
        let was_answered = answered.iter().any(|(known, _)| *known == n);
        assert!(!was_answered || again.status == 200, "what was answered with success was there: {again:?}");
    }
    // What never reached the provider has no receipt: its outcome stays unknown, as does that of a receipt that never comes.
    let told = |c: &Value, ledger: &Ledger| match state(c, 1) {
        "submitted" | "delivered" => true,
        state => state == "unknown" && (text(&c["attempts"][0], "contact") == "ana" || ledger.of(c, 1).is_empty()),
    };
    let stories = until("every call is told, or its outcome visibly unknown", || {
        let (all, ledger) = (stage.stories(), stage.ledger());
        all.iter().all(|c| told(c, &ledger)).then_some(all)
    });
    assert_eq!(stories.len(), 33);
    assert!(stories.iter().all(|c| attempts(c).len() == 1), "nobody was told twice");
    let unknown = stories.iter().filter(|c| state(c, 1) == "unknown").count();
    let settled = stories.iter().filter(|c| !entries(c, "attempt.unknown").is_empty()).count() - unknown;
    report(&format!("{} answered before the kill, {unknown} unknown, {settled} found out", answered.len()));
    assert!(unknown > 0 && settled > 0, "the kill came while texts were in flight");
    let health = until("health shows them", || {
        Some(stage.get("/health")).filter(|h| h["metrics"]["unknownOutcomes"] == unknown)
    });
    assert_ne!(health["status"], "failing", "{health}");
    stage.judge();
}

#[test]
fn a_stop_in_flight_waits_for_the_answer_and_the_next_start_knows_that_it_was_clean() {
    let stage = Stage::new(LADDERS);
    let mut serve = stage.serve();
    serve.process.says("this store's first start");
    stage.fault(&json!([{ "kind": "delay", "delayMs": 700 }, { "kind": "withhold_callbacks" }]));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("c1", "normal")));
        until("the text is in flight", || (stage.ledger().creates() == 1).then_some(()));
        serve.process.signal("TERM");
        assert_eq!(serve.process.exit_code(), Some(0), "{}", serve.process.stderr());
        let answer = client.join().expect("a client").expect("the one who waited is answered");
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    });
    assert!(http::json(stage.at(), "GET", "/livez", None).is_err(), "nobody listens");
    let call = stage.shop.expect(0, &["status", "c1", "-o", "json"]).json();
    assert_eq!(state(&call, 1), "submitted", "the outcome was recorded before the end");
    assert_eq!(call["attempts"][0]["sid"], stage.ledger().texts()[0]["sid"]);

    let serve = stage.serve();
    serve.process.says("the last stop was clean");
    let call = stage.call("c1");
    assert!(entries(&call, "attempt.unknown").is_empty(), "nothing had to be found out");
    stage.judge();
}
