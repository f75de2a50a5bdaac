//! Which phone call a telling is of, and what a later report or a second hand-over of one may change.

use serde_json::json;

use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{Event, NewCall, Report};
use crate::domain::log::LogKind;
use crate::domain::phone_call::PhoneCall;
use crate::domain::report::rank;
use crate::engine::intake::json::Document;
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;
use crate::testing::harness::CoreHarness;
use crate::testing::secs;
use crate::testing::world::START;

fn phone_call(started_s: u64, ended_ms: Option<u64>) -> PhoneCall {
    let ended_at = ended_ms.map(|ms| START.plus(std::time::Duration::from_millis(ms)));
    PhoneCall {
        id: "call_4f1c".into(),
        sid: None,
        line: Some("+18005550100".into()),
        caller: Some("+19495550142".into()),
        started_at: Some(START.plus(secs(started_s))),
        ended_at,
    }
}

#[test]
fn one_that_had_ended_when_the_other_began_is_another_phone_call() {
    let next = phone_call(60, None);
    for (ended_ms, is_same) in [(59_999, false), (60_000, true), (61_000, true)] {
        let first = phone_call(0, Some(ended_ms));
        assert_eq!((first.is_same(&next), next.is_same(&first)), (is_same, is_same), "ended at {ended_ms} ms");
    }
}

#[test]
fn what_two_clocks_may_differ_by_is_no_later_begin() {
    let first = phone_call(0, None);
    for (started_s, is_later) in [(0, false), (2, false), (3, true)] {
        assert_eq!(phone_call(started_s, None).began_after(&first), is_later, "{started_s} s");
    }
}

#[test]
fn a_level_of_the_shops_own_is_between_what_can_wait_and_what_is_highest() {
    for level in ["normal", "commercial"] {
        assert!(rank("morning") < rank(level) && rank(level) < rank("high"), "{level}");
    }
}

fn new_call(core: &CoreHarness, id: &str, data: serde_json::Value) -> Box<NewCall> {
    let document = Document::plain(json!({ "callId": id, "callData": data }));
    let intake = intake::from_json(&document, Validation::Lenient).expect("an intake");
    let ids = Ids::seeded(core.log.len() as u64);
    Box::new(intake::new_call(intake, &core.directory, Validation::Lenient, &ids, core.now).expect("a call"))
}

fn report(core: &mut CoreHarness, data: serde_json::Value) -> Answer {
    let new = new_call(core, "retell:1", data);
    core.apply(Event::Report(new, Report { source: "retell".into(), event: "call_ended".into(), hold: None }))
}

#[test]
fn a_later_report_wakes_a_call_that_waits_only_where_it_states_more() {
    for (level, want) in [
        (None, CallStatus::Deferred),
        (Some("morning"), CallStatus::Deferred),
        (Some("normal"), CallStatus::Dispatching),
        (Some("high"), CallStatus::Dispatching),
    ] {
        let mut core = CoreHarness::new();
        report(&mut core, json!({ "issueSummary": "A tap drips", "emergencyLevel": "morning" }));
        assert_eq!(core.call().call.status, CallStatus::Deferred);
        let mut later = json!({ "issueSummary": "The tap drips on" });
        if let Some(level) = level {
            later["emergencyLevel"] = json!(level);
        }
        report(&mut core, later);
        assert_eq!(core.call().call.status, want, "{level:?}");
    }
}

#[test]
fn a_call_that_is_handed_over_of_a_phone_call_that_was_reported_is_that_call() {
    // The id that it comes with; whether it is told as one more report of the call.
    for (id, is_told) in [("shop-17", true), ("retell:1", false)] {
        let mut core = CoreHarness::new();
        let data = json!({
            "issueSummary": "Burst pipe",
            "emergencyLevel": "high",
            "twilioCallSid": "CA00000000000000000000000000000001",
        });
        report(&mut core, data.clone());
        let before = core.log.iter().filter(|e| e.kind == LogKind::CallReported).count();
        let new = new_call(&core, id, data);
        let answer = core.apply(Event::Accept(new));
        assert!(matches!(answer, Answer::Exists(_)), "{id}: {answer:?}");
        let after = core.log.iter().filter(|e| e.kind == LogKind::CallReported).count();
        assert_eq!((core.calls.len(), after > before), (1, is_told), "{id}");
    }
}
