//! Many calls while much goes wrong at once, held against the provider's own ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use dispatchctl::testkit::Stopwatch;
use serde_json::{Value, json};

use crate::support::process::report;
use crate::support::stage::{Ledger, Stage, attempts, emergency, entries, text};
use crate::support::wait::until_within;

const LADDERS: &str = r#"
[delivery]
settle = "3s"
resend_pause = "200ms"
poll_after = "1s"
[policies.sam]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "7500ms", notify = ["primary"] } ]
exhaust_after = "1h"
[policies.ana]
steps = [ { wait = "0s", notify = ["backup"] }, { wait = "7500ms", notify = ["backup"] } ]
exhaust_after = "1h"
[policies.lee]
steps = [ { wait = "0s", notify = ["owner"] }, { wait = "7500ms", notify = ["owner"] } ]
exhaust_after = "1h"
"#;
const LEVELS: [&str; 3] = ["sam", "ana", "lee"];

/// The usual number, or the large one where long tests are asked for.
fn many(usual: usize, long: usize) -> usize {
    if std::env::var("DISPATCHCTL_LONG_TESTS").is_ok_and(|v| v == "1") { long } else { usual }
}

/// A second for every twenty calls, and a minute: a bound, not a measure.
fn patience(calls: usize) -> Duration {
    Duration::from_secs(180 + u64::try_from(calls / 20).expect("few"))
}

/// Hands so many calls over, by so many clients at once.
fn dispatch_all(stage: &Stage, calls: usize, clients: usize, level: impl Fn(usize) -> &'static str + Sync) {
    std::thread::scope(|scope| {
        for client in 0..clients {
            let level = &level;
            scope.spawn(move || {
                for n in (client..calls).step_by(clients) {
                    let answer = stage.post("/api/dispatch/manual", &emergency(&format!("c{n}"), level(n)));
                    let answer = answer.expect("an answer");
                    assert!(matches!(answer.status, 201 | 202), "c{n}: {answer:?}");
                }
            });
        }
    });
}

/// The provider's messages by the reference that they carry.
fn by_reference(ledger: &Ledger) -> BTreeMap<&str, Vec<&Value>> {
    let mut found: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for m in ledger.texts() {
        found.entry(text(m, "body").split(' ').next().unwrap_or_default()).or_default().push(m);
    }
    found
}

/// All stories, once every reminder has fired, nothing is under way or still to be decided, and whatever the provider has is
/// known to have arrived.
fn at_rest(stage: &Stage, calls: usize) -> Vec<Value> {
    until_within(patience(calls), "all calls are at rest", || {
        let metrics = stage.get("/health")["metrics"].clone();
        if ["activeRetries", "awaitingFinalStatus", "unknownOutcomes"].iter().any(|m| metrics[m] != 0) {
            return None;
        }
        let stories: Vec<Value> = (0..calls).map(|n| stage.call(&format!("c{n}"))).collect();
        let ledger = stage.ledger();
        let seen = by_reference(&ledger);
        let rests = |a: &Value| match text(a, "attemptState") {
            "unknown" => !seen.contains_key(text(a, "reference")),
            state => matches!(state, "delivered" | "failed" | "skipped"),
        };
        stories.iter().all(|c| attempts(c).iter().all(rests)).then_some(stories)
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    once: usize,
    none: usize,
    twice: usize,
}

impl Counts {
    fn add(&mut self, seen: usize) {
        match seen {
            0 => self.none += 1,
            1 => self.once += 1,
            _ => self.twice += 1,
        }
    }
}

/// What the provider has of one notice: all attempts of this step, repeats among them.
fn of_step(call: &Value, step: u64) -> impl Iterator<Item = &Value> {
    attempts(call).iter().filter(move |a| a["kind"] == "notice" && a["step"] == step)
}

#[test]
fn in_a_storm_of_lost_answers_errors_and_receipts_every_first_notice_arrives_once() {
    let calls = many(100, 1_000);
    let mut stage = Stage::new(LADDERS);
    stage.shop.set("DISPATCHCTL_TWILIO__REQUEST_TIMEOUT", "2500ms");
    stage.shop.set("DISPATCHCTL_TWILIO__CONNECT_TIMEOUT", "2s");
    let _serve = stage.serve();
    stage.fault(&json!([
        { "kind": "drop_after_accept", "share": 0.2 },
        { "kind": "hidden_500", "share": 0.125 },
        { "kind": "refuse", "status": 429, "code": 20429, "share": 0.143 },
        { "kind": "withhold_callbacks", "share": 0.1 },
        { "kind": "duplicate_callbacks", "share": 0.1 },
    ]));
    let watch = Stopwatch::start();
    // An answer waits until its first text is known: nobody waits for another's.
    dispatch_all(&stage, calls, calls.min(250), |n| LEVELS[n % LEVELS.len()]);
    let accepted = watch.passed();
    let stories = at_rest(&stage, calls);
    let took = watch.passed();
    assert_eq!(stories.len(), calls);

    let ledger = stage.ledger();
    let seen = by_reference(&ledger);
    let of = |a: &Value| seen.get(text(a, "reference")).map(Vec::as_slice).unwrap_or_default();
    let (mut first, mut reminders, mut repeats) = (Counts::default(), Counts::default(), 0);
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for call in &stories {
        let id = text(call, "callId");
        for a in attempts(call) {
            let (state, messages) = (text(a, "attemptState"), of(a));
            *states.entry(state.to_owned()).or_default() += 1;
            repeats += usize::from(!a["repeats"].is_null());
            // What the provider has arrived, and is known to have; what it has not is shown.
            let right = match messages {
                [] => matches!(state, "unknown" | "failed" | "skipped"),
                [m] => state == "delivered" && m["status"] == "delivered" && m["sid"] == a["sid"],
                _ => false,
            };
            assert!(right, "{id}: attempt {} is {state}, the provider has {messages:?}", text(a, "reference"));
        }
        let on_step = |step| of_step(call, step).map(|a| of(a).len()).sum::<usize>();
        let (told, reminded) = (on_step(1), on_step(2));
        first.add(told);
        reminders.add(reminded);
        assert!(of_step(call, 2).count() >= 1, "{id}: its reminder fired");
        assert!(told == 1 || (told == 0 && reminded == 1), "{id}: its first notice is there {told} times");
        assert!(reminded <= 1, "{id}: its reminder is there {reminded} times");
    }
    let lost = stories.iter().filter(|c| !entries(c, "attempt.unknown").is_empty()).count();
    let retried = stories.iter().filter(|c| !entries(c, "attempt.retrying").is_empty()).count();
    report(&format!(
        "{calls} calls in {} ms, at rest after {} ms: first notices {first:?}, reminders {reminders:?}, attempts {states:?}, \
         {repeats} repeats, {lost} calls with a lost answer, {retried} throttled, {} creates",
        accepted.as_millis(),
        took.as_millis(),
        ledger.creates()
    ));
    assert!(lost > calls / 10 && retried > calls / 50, "the storm blew: {lost} lost, {retried} throttled");
    stage.judge();
}

#[test]
fn a_receipt_before_the_answer_to_its_create_links_every_time() {
    let calls = many(200, 10_000);
    let stage = Stage::new("");
    let _serve = stage.serve();
    // It is on the handset, and said so, long before the create is answered.
    stage.fault(&json!({ "kind": "delay", "delayMs": 700 }));
    dispatch_all(&stage, calls, 100, |_| "normal");
    let ids: Vec<String> = (0..calls).map(|n| format!("c{n}")).collect();
    until_within(patience(calls), "all are delivered", || {
        (stage.get("/health")["metrics"]["awaitingFinalStatus"] == 0).then_some(())
    });
    let ledger = stage.ledger();
    let seen = by_reference(&ledger);
    assert_eq!((seen.len(), ledger.creates()), (calls, u64::try_from(calls).expect("few")), "each was sent once");
    let mut before = 0;
    for id in &ids {
        let call = stage.call(id);
        let [a] = attempts(&call) else { panic!("{id} has one attempt: {call:#}") };
        let [m] = seen[text(a, "reference")].as_slice() else { panic!("{id} has one message") };
        assert_eq!((&a["attemptState"], &a["sid"]), (&json!("delivered"), &m["sid"]), "{id}");
        assert!(entries(&call, "attempt.unknown").is_empty(), "{id} was known all the time");
        let receipts = call["receipts"].as_array().expect("a list");
        assert!(
            !receipts.is_empty() && receipts.iter().all(|r| r["attemptId"] == a["attemptId"]),
            "{id}: {receipts:?}"
        );
        let log = call["log"].as_array().expect("a list");
        let linked = log.iter().find(|e| matches!(text(e, "kind"), "attempt.submitted" | "attempt.delivered"));
        before += usize::from(linked.is_some_and(|e| e["data"]["by"] == "receipt"));
    }
    report(&format!("{calls} calls, {before} of them linked by a receipt before the answer"));
    assert!(before * 10 >= calls * 9, "receipts came first: {before} of {calls}");
}
