//! Odd rows: each is met by name, once, and the others go on.

use serde_json::{Value, json};

use super::books::{Books, fields, planned, rebuilt};
use crate::domain::call::CallStatus;
use crate::engine::rebuild::plan::PlannedAction;
use crate::testing::{World, mins, secs};

/// A call's row.
fn call(id: &str, more: &Value) -> Value {
    let mut row = json!({ "Call ID": id, "Status": "DISPATCHING", "Caller Phone": "+19495550150", "Emergency Level": "normal",
        "Issue Summary": "Burst pipe", "Accepted At": "2026-11-22T01:40:00.000Z" });
    for (name, value) in more.as_object().expect("an object") {
        row[name] = value.clone();
    }
    row
}

/// An event's row, of ours.
fn event(call: &str, n: u32, more: &Value) -> Value {
    let mut row = json!({ "Event ID": format!("att_{n:032x}"), "Call ID": call, "Method": "SMS", "Attempt Number": n,
        "Sent At": "2026-11-22T01:40:01.000Z", "Delivery Status": "delivered", "Message SID": format!("SM{n:032x}"),
        "To": "+19495550101", "Contact": "sam", "Reference": format!("7K3Q-{n}"), "Step": 1, "Round": 1 });
    for (name, value) in more.as_object().expect("an object") {
        row[name] = value.clone();
    }
    row
}

fn books(calls: &[Value], events: &[Value]) -> Books {
    let mut books = Books::default();
    calls.iter().for_each(|c| books.add_call(fields(c)));
    events.iter().for_each(|e| books.add_event(fields(e)));
    books
}

#[tokio::test]
async fn broken_rows_are_named_and_the_others_go_on() {
    let rows = [
        call("", &json!({ "Call ID": null })),
        call("has a space", &json!({})),
        call(&"x".repeat(129), &json!({})),
        call("purple", &json!({ "Emergency Level": "purple" })),
        call("withheld", &json!({ "Caller Phone": "withheld, ext 7" })),
        call("stranger", &json!({ "On-Call Contact": "somebody unheard of" })),
        call("badnumber", &json!({ "On-Call Contact": "+1949" })),
        call(
            "linked",
            &json!({ "On-Call Contact": ["recA1b2C3d4E5f6G7"], "Next Follow-Up At": "soon", "Accepted At": 7 }),
        ),
        call("bynumber", &json!({ "On-Call Contact": "+19495550177" })),
        call("byname", &json!({ "On-Call Contact": "ana reyes" })),
        call("plain", &json!({})),
        call("plain", &json!({})),
        call("other", &json!({ "Status": "dispatching" })),
        call("closed", &json!({ "Status": "RESOLVED" })),
    ];
    let mut w = World::new().await;
    let books = books(&rows, &[]);
    let plan = rebuilt(&w, &books).await;
    let took: Vec<&str> = plan.rows.iter().map(|r| r.call.as_str()).collect();
    let want = ["purple", "withheld", "stranger", "badnumber", "linked", "bynumber", "byname", "plain"];
    let (mut got, mut wanted) = (took.clone(), want.to_vec());
    got.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(got, wanted);
    let problems: Vec<&str> = plan.problems.iter().map(|p| p.what.as_str()).collect();
    for words in ["Call ID is empty", "holds a space", "129 characters", "a second row says that call plain"] {
        assert_eq!(problems.iter().filter(|p| p.contains(words)).count(), 1, "{words}: {problems:?}");
    }
    assert!(plan.problems.iter().all(|p| !p.help.is_empty()));
    w.advance(secs(1)).await;
    let alerts = w.alerts().await;
    for key in ["unknown-level:purple", "unknown-contact:stranger", "unknown-contact:badnumber"] {
        assert_eq!(alerts.iter().filter(|a| *a == key).count(), 1, "{key}: {alerts:?}");
    }
    for (id, to) in [("bynumber", "+19495550177"), ("byname", "+19495550102"), ("stranger", "+19495550101")] {
        w.last = id.parse().ok();
        let phones: Vec<String> =
            w.state().await.attempts.iter().map(|a| a.recipient.phone.e164().to_owned()).collect();
        assert!(phones.contains(&to.to_owned()), "{id}: {phones:?}");
    }
    w.last = "purple".parse().ok();
    assert_eq!(w.state().await.call.level, "high");
    let again = planned(&w, &books).await.problems;
    assert_eq!(again, plan.problems[..3], "what has no id is said again, and nothing else: {problems:?}");
}

#[tokio::test]
async fn odd_events_break_nothing() {
    let at = |t: &str| json!({ "Sent At": t });
    let cases: Vec<(&str, Vec<Value>, &str, usize, u32)> = vec![
        (
            "twins of one event",
            vec![event("c", 1, &json!({})), event("c", 1, &json!({ "Delivery Status": "sent" }))],
            "are twins",
            1,
            1,
        ),
        (
            "two rows of one number",
            vec![event("c", 1, &json!({})), event("c", 2, &json!({ "Attempt Number": 1, "Reference": null }))],
            "",
            2,
            1,
        ),
        (
            "one message in two rows",
            vec![event("c", 1, &json!({})), event("c", 2, &json!({ "Message SID": format!("SM{:032x}", 1) }))],
            "not linked twice",
            2,
            1,
        ),
        (
            "a phone that is none",
            vec![event("c", 1, &json!({ "To": "call the office", "Contact": null }))],
            "is no phone number",
            0,
            1,
        ),
        (
            "a contact that is not configured",
            vec![event("c", 1, &json!({ "Contact": "joe", "To": "+19495550188" }))],
            "",
            1,
            1,
        ),
        ("a number that is none", vec![event("c", 1, &json!({ "Attempt Number": -3, "Reference": "7K3Q" }))], "", 1, 1),
        ("steps from zero", vec![event("c", 1, &json!({ "Step": 0 })), event("c", 2, &json!({ "Step": 1 }))], "", 2, 2),
        ("a step past the end", vec![event("c", 1, &json!({ "Step": 40 }))], "", 1, 4),
        ("from the future", vec![event("c", 1, &at("2099-01-01T00:00:00.000Z"))], "", 1, 1),
        ("a time that is none", vec![event("c", 1, &at("yesterday"))], "", 1, 1),
        ("a status that nobody knows", vec![event("c", 1, &json!({ "Delivery Status": "teleported" }))], "", 1, 1),
        (
            "a code that is none",
            vec![event("c", 1, &json!({ "Delivery Status": "failed", "Error Code": "E-7" }))],
            "",
            1,
            1,
        ),
        ("still sending", vec![event("c", 1, &json!({ "Delivery Status": "sending", "Message SID": null }))], "", 1, 1),
        (
            "two unknown outcomes of one notice",
            vec![
                event("c", 1, &json!({ "Delivery Status": "unknown", "Message SID": null })),
                event("c", 2, &json!({ "Delivery Status": "unknown", "Message SID": null })),
            ],
            "",
            2,
            1,
        ),
        (
            "cancelled before it left",
            vec![event("c", 1, &json!({ "Delivery Status": "cancelled", "Message SID": null, "Sent At": null }))],
            "",
            1,
            1,
        ),
        ("of nobody's call", vec![event("d", 1, &json!({}))], "", 0, 0),
    ];
    for (label, events, says, attempts, next) in cases {
        let mut w = World::new().await;
        let plan = rebuilt(&w, &books(&[call("c", &json!({ "Reference": "7K3Q" }))], &events)).await;
        let row = &plan.rows[0];
        assert!(says.is_empty() || row.lost.iter().any(|l| l.contains(says)), "{label}: {:?}", row.lost);
        w.last = "c".parse().ok();
        let state = w.state().await;
        assert_eq!((state.attempts.len(), state.call.next_step), (attempts, next), "{label}: {state:?}");
        assert_eq!(state.call.status, CallStatus::Dispatching, "{label}");
        let wake = state.call.wake_at.expect("a wake time");
        assert!(wake <= w.now().plus(mins(30)), "{label}: {wake} is never");
        w.advance(mins(45)).await;
        let state = w.state().await;
        assert!(state.attempts.len() > attempts || state.call.status == CallStatus::Exhausted, "{label}: it went on");
    }
}

#[tokio::test]
async fn two_calls_that_claim_one_event_keep_it_once() {
    let w = World::new().await;
    let calls = [call("a", &json!({ "Reference": "7K3Q" })), call("b", &json!({ "Reference": "8M4R" }))];
    let events = [event("a", 1, &json!({})), event("b", 1, &json!({}))];
    let plan = rebuilt(&w, &books(&calls, &events)).await;
    let all: Vec<usize> = plan.rows.iter().map(|r| r.import.state.attempts.len()).collect();
    assert_eq!(all.iter().sum::<usize>(), 1, "{all:?}");
    assert!(plan.rows.iter().all(|r| r.what == PlannedAction::GoesOn));

    // The events are two, their message is one.
    let w = World::new().await;
    let events = [event("a", 1, &json!({})), event("b", 2, &json!({ "Message SID": format!("SM{:032x}", 1) }))];
    let plan = rebuilt(&w, &books(&calls, &events)).await;
    let linked = plan.rows.iter().flat_map(|r| &r.import.state.attempts).filter(|a| a.sid.is_some()).count();
    assert_eq!((plan.rows.len(), linked), (2, 1), "{plan:?}");
}

#[tokio::test]
async fn a_reference_that_is_out_is_not_given_to_another_call() {
    let w = World::new().await;
    let calls = [call("a", &json!({ "Reference": "7K3Q" })), call("b", &json!({}))];
    rebuilt(&w, &books(&calls, &[event("a", 1, &json!({}))])).await;
    let of = async |id: &str| w.call(&id.parse().expect("an id")).await.call.reference.to_string();
    assert_eq!(of("a").await, "7K3Q");
    assert_ne!(of("b").await, "7K3Q");
}

#[tokio::test]
async fn the_follow_up_time_of_the_row_counts_where_it_can_be_true() {
    // Told at 01:40:01; the second step is due two minutes later, and 01:58:30 is a moment before the world begins.
    for (cell, want) in [
        ("2026-11-22T01:42:00.000Z", "2026-11-22T01:42:00.000Z"),
        ("2026-11-22T01:58:30.000Z", "2026-11-22T01:58:30.000Z"),
        ("2026-11-22T01:40:00.000Z", "2026-11-22T01:42:01.000Z"),
        ("2099-01-01T00:00:00.000Z", "2026-11-22T01:42:01.000Z"),
    ] {
        let w = World::new().await;
        let row = call("c", &json!({ "Next Follow-Up At": cell }));
        let plan = planned(&w, &books(&[row], &[event("c", 1, &json!({}))])).await;
        assert_eq!(plan.rows[0].at.map(|at| at.rfc3339()).as_deref(), Some(want), "{cell}");
    }
}
