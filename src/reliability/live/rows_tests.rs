//! Each row can be red, and is for one reason.

use std::collections::BTreeMap;

use super::super::plan::Wishes;
use super::super::tests::config;
use super::*;
use crate::domain::MessageStatus;
use crate::gateways::{MessageBody, MessageRecord};

const T0: &str = "2026-11-22T02:00:00.000Z";
const T1: &str = "2026-11-22T02:02:00.000Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn sid(n: u32) -> String {
    format!("SM{n:032x}")
}

fn attempt(call: &str, n: u32) -> Value {
    let made = if n == 1 { T0 } else { T1 };
    json!({ "reference": format!("{call}-{n}"), "attemptState": "delivered", "status": "delivered", "kind": "notice",
        "round": 1, "step": n, "contact": "test-1", "to": "+19495550101", "attemptId": format!("att_{call}{n}"),
        "sid": sid(if call == "7K3Q" { n } else { n + 2 }), "createdAt": made, "sentAt": made, "finishedAt": made })
}

/// A call that went as planned.
fn story(call: &str) -> Value {
    let fired = |at: &str, next: Option<&str>| json!({ "kind": "step.fired", "at": at, "data": { "nextDue": next } });
    let answered =
        |n: u32, at: &str| json!({ "kind": "attempt.submitted", "at": at, "attemptId": format!("att_{call}{n}") });
    let heard = |n: u32, by: &str| json!({ "attemptId": format!("att_{call}{n}"), "status": "delivered", "by": by });
    json!({ "callId": call, "reference": call, "status": "DISPATCHING", "attempts": [attempt(call, 1), attempt(call, 2)],
        "receipts": [heard(1, "receipt"), heard(2, "fetch")],
        "log": [fired(T0, Some(T1)), answered(1, T0), fired(T1, None), answered(2, T1)] })
}

fn message(call: &str, n: u32, id: &str) -> (String, MessageRecord) {
    let record = MessageRecord {
        sid: id.parse().expect("a SID"),
        status: MessageStatus::Delivered,
        error_code: None,
        to: "+19495550101".into(),
        from: Some("+15005550006".into()),
        service: None,
        body: MessageBody(format!("Sent from your Twilio trial account - {call}-{n} DRILL")),
        direction: "outbound-api".into(),
        created_at: Some(at(T0)),
    };
    (id.to_owned(), record)
}

/// What was seen where all went well.
struct World {
    plan: LivePlan,
    steady: Value,
    killed: Value,
    sightings: Sightings,
}

fn well() -> World {
    let plan = LivePlan::of(&config("[test]\nnumbers = [\"+19495550101\"]\n"), &Wishes::default()).expect("a plan");
    let (steady, killed) = (story("7K3Q"), story("8M4R"));
    let found: BTreeMap<String, MessageRecord> =
        [("7K3Q", 1, 1), ("7K3Q", 2, 2), ("8M4R", 1, 3), ("8M4R", 2, 4)].map(|(c, n, s)| message(c, n, &sid(s))).into();
    let messages: BTreeMap<String, Timestamp> = found.keys().map(|s| (s.clone(), at(T0))).collect();
    let listed = found.keys().map(|s| (s.clone(), at(T0).plus(Duration::from_millis(900)))).collect();
    World { plan, steady, killed, sightings: Sightings { messages, listed, found, ..Sightings::default() } }
}

impl World {
    fn rows(&self) -> Vec<Outcome> {
        all(&self.seen())
    }

    fn seen(&self) -> LiveRow<'_> {
        LiveRow {
            plan: &self.plan,
            steady: Some(&self.steady),
            killed: Some(&self.killed),
            sightings: &self.sightings,
            killed_at: Some(at("2026-11-22T02:01:00.000Z")),
            recovery_ms: &[250],
            names: names(),
            steady_error: None,
            killed_error: None,
            accepted: ids(),
            started_at: at(T0),
        }
    }

    /// The names of the rows that are broken, and what is said of them.
    fn broken(&self) -> Vec<(String, String)> {
        self.rows().iter().filter(|o| !o.held()).map(|o| (o.name.clone(), o.broken().join("; "))).collect()
    }
}

fn names() -> Option<&'static EventFields> {
    static NAMES: std::sync::LazyLock<EventFields> = std::sync::LazyLock::new(EventFields::default);
    Some(&NAMES)
}

fn ids() -> &'static [String] {
    static IDS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["7K3Q".into(), "8M4R".into()]);
    &IDS
}

#[test]
fn where_all_went_well_every_row_holds_and_says_how() {
    let world = well();
    let rows = world.rows();
    let verdicts: Vec<(&str, &str)> = rows.iter().map(|o| (o.name.as_str(), o.verdict())).collect();
    let want = [
        ("live-accepted", "held"),
        ("live-delivered", "held"),
        ("live-follow-up", "held"),
        ("live-restart", "held"),
        ("live-event", "skipped"),
        ("live-list-lag", "held"),
        ("live-ledger", "held"),
    ];
    assert_eq!(verdicts, want, "{:?}", world.broken());
    assert!(rows.iter().flat_map(|o| &o.checks).any(|c| c.what.ends_with("is delivered, learnt by callback")));
    let ledger = rows.last().map(|o| (o.judged.calls, o.judged.texts, o.judged.attempts));
    assert_eq!((ledger, others(&world.seen())), (Some((2, 4, 4)), 0));
    assert_eq!(rows.iter().flat_map(|o| o.measures.list_lag.clone()).collect::<Vec<_>>(), [900; 4]);
    assert_eq!(ways(&world.seen()).map(|w| w.contains("callback for 2, by polling for 2")), Some(true));
    assert_eq!(sent([&world.steady, &world.killed]).len(), 4);
}

#[test]
fn each_fault_turns_its_own_row_red_and_says_what_was_seen() {
    type Change = fn(&mut World);
    let cases: [(&str, Change, &str, &str); 12] = [
        ("refused", |w| w.steady["attempts"][0] = refused(), "live-accepted live-delivered", "code 21610"),
        ("undelivered", |w| undelivered(&mut w.steady), "live-delivered", "undelivered (failed), code 30008"),
        ("never confirmed", |w| sent_only(&mut w.steady), "live-delivered", "still sent (submitted) after 300 s"),
        ("late", |w| w.steady["log"][2]["at"] = json!("2026-11-22T02:02:02.001Z"), "live-follow-up", "2001 ms after"),
        ("early", |w| w.steady["log"][2]["at"] = json!("2026-11-22T02:01:59.999Z"), "live-follow-up", "-1 ms after"),
        ("answered", answered_by_a_person, "live-follow-up", "somebody took the call"),
        (
            "never again",
            |w| {
                no_follow_up(&mut w.killed);
                gone(w, 4);
            },
            "live-restart",
            "it did not fire; the call is DISPATCHING",
        ),
        ("twice", |w| twice(&mut w.killed), "live-restart live-ledger", "2 follow-ups to 1 people"),
        ("doubled", |w| again(w, "8M4R", 2), "live-restart live-ledger", "attempt 8M4R-2 has 2 messages"),
        ("unexpected", |w| again(w, "8M4R", 7), "live-ledger", "8M4R-7: a message without an attempt"),
        ("lost", |w| gone(w, 1), "live-ledger", "attempt 7K3Q-1 is delivered and the provider has no message"),
        ("not listed", |w| w.sightings.listed.retain(|s, _| *s != sid(2)), "live-list-lag", "it is not in it"),
    ];
    for (label, change, want, says) in cases {
        let mut world = well();
        change(&mut world);
        let broken = world.broken();
        let names: Vec<&str> = broken.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names.join(" "), want, "{label}: {broken:?}");
        assert!(broken.iter().any(|(_, said)| said.contains(says)), "{label}: {broken:?}");
    }
}

fn refused() -> Value {
    let mut a = attempt("7K3Q", 1);
    (a["attemptState"], a["sid"], a["status"]) = (json!("failed"), Value::Null, Value::Null);
    a["error"] = json!({ "code": 21610, "message": "opted out" });
    a
}

fn undelivered(story: &mut Value) {
    let a = &mut story["attempts"][0];
    (a["attemptState"], a["status"]) = (json!("failed"), json!("undelivered"));
    a["error"] = json!({ "code": 30008, "message": "unknown error" });
}

fn sent_only(story: &mut Value) {
    let a = &mut story["attempts"][0];
    (a["attemptState"], a["status"], a["finishedAt"]) = (json!("submitted"), json!("sent"), Value::Null);
}

fn no_follow_up(story: &mut Value) {
    story["attempts"].as_array_mut().expect("attempts").truncate(1);
    story["log"].as_array_mut().expect("a log").truncate(2);
}

fn answered_by_a_person(w: &mut World) {
    no_follow_up(&mut w.steady);
    w.steady["status"] = json!("ACKNOWLEDGED");
    gone(w, 2);
}

fn twice(story: &mut Value) {
    let mut a = attempt("8M4R", 2);
    (a["reference"], a["attemptId"], a["attemptState"]) = (json!("8M4R-3"), json!("att_x"), json!("unknown"));
    a["sid"] = json!(sid(4));
    story["attempts"].as_array_mut().expect("attempts").push(a);
}

fn again(w: &mut World, call: &str, n: u32) {
    let (id, record) = message(call, n, &sid(9));
    w.sightings.found.insert(id, record);
}

fn gone(w: &mut World, n: u32) {
    w.sightings.found.remove(&sid(n));
}

#[test]
fn a_ladder_that_a_failure_moved_proves_nothing_of_t1() {
    let mut world = well();
    undelivered(&mut world.steady);
    world.steady["log"][2]["at"] = json!("2026-11-22T02:00:03.000Z");
    world.steady["log"].as_array_mut().expect("a log").push(json!({ "kind": "step.escalated", "at": T0 }));
    let rows = world.rows();
    let row = rows.iter().find(|o| o.name == "live-follow-up").map(|o| (o.verdict(), o.skipped.is_some()));
    assert_eq!(row, Some(("skipped", true)), "{:?}", world.broken());
}

#[test]
fn test_credentials_prove_what_they_can_and_no_more() {
    let mut world = well();
    world.plan = world.plan.with_test_credentials().expect("the magic sender");
    world.sightings = Sightings::default();
    let skipped: Vec<String> =
        world.rows().iter().filter(|o| o.verdict() == "skipped").map(|o| o.name.clone()).collect();
    assert_eq!(skipped, ["live-delivered", "live-event", "live-list-lag", "live-ledger"], "{:?}", world.broken());
    assert!(world.broken().is_empty() && ways(&world.seen()).is_none());
}

#[test]
fn a_test_that_was_not_played_is_broken_and_not_green() {
    let world = well();
    let nothing = Sightings::default();
    let seen = LiveRow {
        steady: None,
        killed: None,
        sightings: &nothing,
        killed_at: None,
        recovery_ms: &[],
        steady_error: Some("the engine ended with exit 2 at its start"),
        accepted: &[],
        ..world.seen()
    };
    for o in all(&seen).iter().filter(|o| o.name != "live-event") {
        assert_eq!(o.verdict(), "broken", "{}", o.name);
    }
    // The texts of somebody else to the same numbers are seen and not judged.
    let mut busy = well();
    again(&mut busy, "9N5S", 1);
    assert_eq!((busy.broken(), others(&busy.seen())), (Vec::new(), 1));
}

#[test]
fn the_event_must_be_there_in_time_and_once() {
    let mut world = well();
    world.plan.mirror = MirrorTarget::Looked;
    let record = |i: usize, fields: crate::gateways::airtable::Fields| crate::gateways::mirror::Record {
        id: format!("rec{i}").parse().expect("an id"),
        created_at: None,
        fields,
    };
    let event = |ms: u64, n: usize| super::super::watch::EventSeen {
        at: at(T0).plus(Duration::from_millis(ms)),
        records: (0..n).map(|i| record(i, crate::gateways::airtable::Fields::new())).collect(),
    };
    let last = |call: &str, n: u32, word: &str| {
        let text = sid(if call == "7K3Q" { n } else { n + 2 });
        let fields = crate::gateways::airtable::Fields::new().with("Message SID", text).with("Delivery Status", word);
        (format!("att_{call}{n}"), vec![record(1, fields)])
    };
    let all = |word: &str| {
        let rows = [last("7K3Q", 1, word), last("7K3Q", 2, "delivered"), last("8M4R", 1, "delivered")];
        rows.into_iter().chain([last("8M4R", 2, "delivered")]).collect::<BTreeMap<_, _>>()
    };
    world.sightings.last = Some(all("delivered"));
    let after = |ms: u64| 120_000 + ms;
    let put = |world: &mut World, first: super::super::watch::EventSeen| {
        for call in ["7K3Q", "8M4R"] {
            world.sightings.events.insert(format!("att_{call}1"), event(900, 1));
            world.sightings.events.insert(format!("att_{call}2"), event(after(900), 1));
        }
        world.sightings.events.insert("att_7K3Q1".into(), first);
    };
    put(&mut world, event(6_000, 1));
    assert!(world.broken().is_empty(), "{:?}", world.broken());
    for (first, says) in [(event(6_001, 1), "seen after 6001 ms"), (event(900, 2), "2 rows")] {
        put(&mut world, first);
        let broken = world.broken();
        assert!(matches!(broken.as_slice(), [(n, said)] if n == "live-event" && said.contains(says)), "{broken:?}");
    }
    put(&mut world, event(900, 1));
    world.sightings.last = Some(all("sent"));
    let broken = world.broken();
    assert!(broken.len() == 1 && broken[0].1.contains("says \"sent\""), "{broken:?}");
    world.sightings.last = Some(all("delivered"));
    world.sightings.last.as_mut().and_then(|l| l.remove("att_7K3Q1"));
    let broken = world.broken();
    assert!(broken.len() == 1 && broken[0].1.contains("0 rows"), "it was deleted meanwhile: {broken:?}");
    world.sightings.last = None;
    world.sightings.events.clear();
    world.sightings.mirror_error = Some("the mirror refused the request".into());
    assert!(world.broken().iter().all(|(n, said)| n == "live-event" && said.contains("the mirror refused")));
}
