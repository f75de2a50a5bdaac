//! Reports of one phone call in every order: one call, nobody told too early, and nothing lowered.

use std::time::Duration;

use serde_json::json;

use crate::domain::alert::AlertKind;
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, Report, SendOutcome};
use crate::domain::log::LogKind;
use crate::domain::types::Actor;
use crate::engine::intake::json::Document;
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;
use crate::testing::harness::CoreHarness;

const HOLD: Duration = Duration::from_secs(45);

fn report(core: &mut CoreHarness, event: &str, hold: Option<Duration>, data: serde_json::Value) -> Answer {
    let document = Document::plain(json!({ "callId": "retell:1", "callData": data }));
    let intake = intake::from_json(&document, Validation::Lenient).expect("an intake");
    let new =
        intake::new_call(intake, &core.directory, Validation::Lenient, &Ids::seeded(1), core.now).expect("a call");
    let report = Report { source: "retell".into(), event: event.into(), hold };
    core.apply(Event::Report(Box::new(new), report))
}

fn reported(core: &CoreHarness) -> usize {
    core.log.iter().filter(|e| e.kind == LogKind::CallReported).count()
}

#[test]
fn the_end_of_a_call_waits_for_its_analysis_which_is_told_at_once() {
    let mut core = CoreHarness::new();
    let ended =
        report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…water", "callerPhone": "+19495550142"}));
    assert!(matches!(ended, Answer::Created(_)), "{ended:?}");
    assert_eq!((core.call().attempts.len(), core.call().call.wake_at), (0, Some(core.now.plus(HOLD))));
    core.now = core.now.plus(Duration::from_secs(8));
    let analyzed =
        report(&mut core, "call_analyzed", None, json!({"issueSummary": "Burst pipe", "emergencyLevel": "high"}));
    let Answer::Exists(call) = analyzed else { panic!("{analyzed:?}") };
    assert_eq!((call.call.level.as_str(), call.attempts.len()), ("high", 1), "told at once, by the other ladder");
    assert_eq!(call.call.data.issue_summary.as_deref(), Some("Burst pipe"));
    assert_eq!(call.call.data.caller_phone.as_deref(), Some("+19495550142"), "what only the first said stays");
    assert_eq!((core.calls.len(), reported(&core)), (1, 2));
    assert!(core.alerts.is_empty(), "{:?}", core.alerts);
}

#[test]
fn without_an_analysis_it_is_dispatched_from_what_is_there() {
    let mut core = CoreHarness::new();
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…water"}));
    let call = core.call().call.id.clone();
    core.now = core.now.plus(HOLD - Duration::from_secs(1));
    core.apply(Event::Wake { call: call.clone() });
    assert_eq!(core.call().attempts.len(), 0, "not yet");
    core.now = core.now.plus(Duration::from_secs(1));
    core.apply(Event::Wake { call });
    assert_eq!(core.call().attempts.len(), 1);
    assert!(core.alerts.is_empty(), "it is not late: {:?}", core.alerts);
    // The analysis that comes now is a later word.
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "Burst pipe"}));
    assert_eq!((core.call().attempts.len(), core.call().call.data.issue_summary.as_deref()), (1, Some("…water")));
    assert_eq!(reported(&core), 2);
}

#[test]
fn a_function_first_and_its_report_second_is_one_call_and_the_ladder_stays() {
    let mut core = CoreHarness::new();
    report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
    core.send_all();
    let before = core.call().clone();
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…leak"}));
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "A leak", "emergencyLevel": "normal"}));
    assert_eq!((core.call(), reported(&core)), (&before, 3));
    assert!(core.alerts.is_empty(), "{:?}", core.alerts);
}

/// The kind, the contact and the state of each attempt.
fn texts(core: &CoreHarness) -> Vec<String> {
    core.call().attempts.iter().map(|a| format!("{} {} {}", a.kind, a.recipient.contact, a.state)).collect()
}

#[test]
fn a_higher_report_replaces_what_is_left_of_the_ladder_and_fires_now() {
    // An unknown level runs as high: so is it taken here.
    for level in ["high", "purple"] {
        let mut core = CoreHarness::new();
        report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
        core.send_all();
        core.now = core.now.plus(Duration::from_secs(30));
        report(&mut core, "call_analyzed", None, json!({"issueSummary": "Gas", "emergencyLevel": level}));
        let call = &core.call().call;
        assert_eq!((call.level.as_str(), call.policy.name.as_str(), call.round), ("high", "high", 2), "{level}");
        assert_eq!(texts(&core)[..2], ["notice sam submitted", "notice sam scheduled"], "{level}");
        assert!(call.wake_at.is_some_and(|at| at > core.now), "{level}: the next step has its time");
        assert!(!core.alerts.contains_key(&AlertKind::ReportRaised.about("retell:1")), "{level}: {:?}", core.alerts);
        core.send_all();
        let before = core.call().clone();
        report(&mut core, "again", None, json!({"issueSummary": "Gas", "emergencyLevel": level}));
        assert_eq!(core.call(), &before, "{level}: no higher than it is");
    }
}

#[test]
fn a_higher_report_of_a_taken_call_texts_whoever_has_it_and_alerts() {
    let mut core = CoreHarness::new();
    report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
    core.send_all();
    core.reply(1, "sam", "1");
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "Gas smell", "emergencyLevel": "high"}));
    assert_eq!((core.call().call.status, core.call().call.level.as_str()), (CallStatus::Acknowledged, "high"));
    assert_eq!(texts(&core), ["notice sam submitted", "update sam scheduled"]);
    assert!(core.alerts.contains_key(&AlertKind::ReportRaised.about("retell:1")));
    core.send_all();
    let update = core.attempt(2).clone();
    assert!(update.body.contains("Update: now HIGH. Gas smell") && update.state.may_have_arrived(), "{}", update.body);
    // Handed back, it runs as what it is now.
    core.reply(2, "sam", "2");
    let call = &core.call().call;
    assert_eq!((call.status, call.policy.name.as_str()), (CallStatus::Dispatching, "high"));
}

#[test]
fn a_higher_report_from_another_address_tells_it_to_those_whom_the_new_ladder_does_not_name_yet() {
    let mut core = CoreHarness::new();
    let data =
        |level: &str, address: &str| json!({"issueSummary": "Leak", "emergencyLevel": level, "address": address});
    report(&mut core, "function dispatch", None, data("normal", "12 Oak St"));
    core.send_all();
    let call = core.call().call.id.clone();
    for _ in 0..2 {
        core.now = core.call().call.wake_at.expect("a next step");
        core.apply(Event::Wake { call: call.clone() });
        core.send_all();
    }
    let before = texts(&core).len();
    assert!(texts(&core).iter().any(|t| t.contains(" ana ")), "{:?}", texts(&core));
    report(&mut core, "call_analyzed", None, data("high", "14 Oak St"));
    assert_eq!(texts(&core).split_off(before), ["notice sam scheduled", "update ana scheduled"]);
}

#[test]
fn another_address_goes_to_whoever_knows_the_call_and_to_nobody_else() {
    let mut core = CoreHarness::new();
    let data = |address: &str| json!({"issueSummary": "Leak", "emergencyLevel": "normal", "address": address});
    report(&mut core, "function dispatch", None, data("12 Oak St."));
    core.send_all();
    report(&mut core, "one", None, data("12 oak st"));
    assert_eq!(texts(&core), ["notice sam submitted"], "the same in other letters");
    report(&mut core, "two", None, data("14 Oak St"));
    assert_eq!(texts(&core), ["notice sam submitted", "update sam scheduled"]);
    assert_eq!(core.call().call.data.address.as_deref(), Some("14 Oak St"));
    core.send_all();
    assert!(core.attempt(2).body.contains("Update: the address is 14 Oak St"), "{}", core.attempt(2).body);
    core.reply(1, "sam", "2");
    core.send_all();
    let before = texts(&core).len();
    report(&mut core, "three", None, data("16 Oak St"));
    let told: Vec<String> = texts(&core).split_off(before);
    assert_eq!(told, ["update ana scheduled"], "whoever passed is left alone");
    let call = core.call().call.id.clone();
    let resolve = Event::Decide { call, what: Decision::Resolve, by: Actor("mia".into()), note: None };
    core.apply(resolve);
    let (before, alerts) = (texts(&core).len(), core.alerts.len());
    report(&mut core, "four", None, data("18 Oak St"));
    assert_eq!((texts(&core).len(), core.alerts.len()), (before, alerts), "it is over");
    assert_eq!(core.call().call.data.address.as_deref(), Some("16 Oak St"));
}

#[test]
fn a_later_report_never_lowers_the_level_nor_opens_what_is_closed() {
    let mut core = CoreHarness::new();
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "Gas", "emergencyLevel": "high"}));
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "Gas smell", "emergencyLevel": "normal"}));
    let call = &core.call().call;
    assert_eq!((call.level.as_str(), call.data.emergency_level.as_deref()), ("high", Some("high")));
    assert_eq!((call.data.issue_summary.as_deref(), core.call().attempts.len()), (Some("Gas smell"), 1));

    core.send_all();
    core.reply(1, "sam", "1");
    assert_eq!(core.call().call.status, CallStatus::Acknowledged);
    let before = core.call().clone();
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "More", "emergencyLevel": "high"}));
    assert_eq!(core.call(), &before);
    assert!(!core.alerts.contains_key(&AlertKind::ReportRaised.about("retell:1")), "no higher than it is");
}

#[test]
fn a_second_end_of_the_call_does_not_lengthen_the_wait() {
    let mut core = CoreHarness::new();
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…water"}));
    let due = core.call().call.wake_at;
    core.now = core.now.plus(Duration::from_secs(20));
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…more water"}));
    assert_eq!((core.call().call.wake_at, core.call().attempts.len()), (due, 0));
}

#[test]
fn an_analysis_that_can_wait_defers_a_held_call_and_a_higher_report_wakes_it() {
    let mut core = CoreHarness::new();
    report(&mut core, "call_ended", Some(HOLD), json!({"issueSummary": "…tap"}));
    report(&mut core, "call_analyzed", None, json!({"issueSummary": "A tap drips", "emergencyLevel": "morning"}));
    assert_eq!((core.call().call.status, core.call().attempts.len()), (CallStatus::Deferred, 0));
    report(&mut core, "correction", None, json!({"issueSummary": "The tap broke off", "emergencyLevel": "high"}));
    assert_eq!((core.call().call.status, core.call().call.level.as_str()), (CallStatus::Dispatching, "high"));
    let call = core.call().call.id.clone();
    core.apply(Event::Wake { call });
    assert_eq!(core.call().attempts.len(), 1);
}

#[test]
fn an_address_that_was_known_before_the_conversation_only_fills_a_blank() {
    let with = |address: &str, is_old: bool| {
        let mut data = json!({"issueSummary": "Leak", "emergencyLevel": "normal", "address": address});
        if is_old {
            data["addressKnownBefore"] = "true".into();
        }
        data
    };
    let address = |core: &CoreHarness| core.call().call.data.address.clone();
    let mut core = CoreHarness::new();
    report(&mut core, "function dispatch", None, with("12 Oak St", false));
    core.send_all();
    report(&mut core, "call_analyzed", None, with("1 Old Rd", true));
    assert_eq!(address(&core).as_deref(), Some("12 Oak St"), "it was said in the conversation");
    report(&mut core, "call_ended", Some(HOLD), with("2 New Rd", false));
    assert_eq!((address(&core).as_deref(), texts(&core).len()), (Some("12 Oak St"), 1), "a better report follows");
    // Held, it says what the conversation said, whichever came first.
    for (first, second) in [(false, true), (true, false)] {
        let mut core = CoreHarness::new();
        let said = |is_old: bool| with(if is_old { "1 Old Rd" } else { "12 Oak St" }, is_old);
        report(&mut core, "call_ended", Some(HOLD), said(first));
        report(&mut core, "call_analyzed", None, said(second));
        assert_eq!(address(&core).as_deref(), Some("12 Oak St"), "{first}");
        assert!(!core.call().call.data.is_address_old(), "{first}");
    }
    let mut core = CoreHarness::new();
    report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
    core.send_all();
    report(&mut core, "call_analyzed", None, with("1 Old Rd", true));
    assert_eq!(address(&core).as_deref(), Some("1 Old Rd"), "a blank is filled");
}

#[test]
fn a_raise_that_its_holder_may_not_have_read_pages() {
    let refused = SendOutcome::Refused { code: None, error_class: crate::domain::codes::NO_CODE, why: "no".into() };
    for (label, outcome) in [("refused", Some(refused)), ("unknown", None)] {
        let mut core = CoreHarness::new();
        report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
        core.send_all();
        core.reply(1, "sam", "1");
        report(&mut core, "call_analyzed", None, json!({"issueSummary": "Gas smell", "emergencyLevel": "high"}));
        let key = AlertKind::RaiseUntold.about("retell:1");
        assert!(!core.alerts.contains_key(&key), "{label}: not yet");
        let attempt = core.attempt(2).id;
        core.apply(Event::Claim { attempt, engine: "e1".into(), provider_after: None });
        let is_open = outcome.is_none();
        let unknown = SendOutcome::Unknown { why: "reset".into() };
        core.apply(Event::Sent { attempt, by: None, outcome: outcome.unwrap_or(unknown) });
        while is_open && core.attempt(2).decided_at.is_none() {
            let at = core.attempt(2).poll_at.expect("it is searched for");
            core.now = core.now.max(at).plus(Duration::from_secs(1));
            core.apply(Event::Searched { attempt, complete: true, began_at: core.now });
        }
        assert!(core.alerts.contains_key(&key), "{label}: {:?}", core.alerts);
        assert_eq!(key.kind().severity(), crate::domain::alert::Severity::Page);
    }
    // An address that may not have been read is no raise.
    let mut core = CoreHarness::new();
    report(&mut core, "function dispatch", None, json!({"issueSummary": "Leak", "emergencyLevel": "normal"}));
    core.send_all();
    core.reply(1, "sam", "1");
    report(
        &mut core,
        "call_analyzed",
        None,
        json!({"issueSummary": "Leak", "emergencyLevel": "normal", "address": "3 Elm"}),
    );
    let attempt = core.attempt(2).id;
    core.apply(Event::Claim { attempt, engine: "e1".into(), provider_after: None });
    let outcome = SendOutcome::Refused { code: None, error_class: crate::domain::codes::NO_CODE, why: "no".into() };
    core.apply(Event::Sent { attempt, by: None, outcome });
    assert!(!core.alerts.contains_key(&AlertKind::RaiseUntold.about("retell:1")));
}
