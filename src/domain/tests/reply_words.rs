//! What a word means from a phone that got texts of calls, of roll calls and of alerts, and which of them preceded it.

use std::cell::Cell;

use uuid::Uuid;

use crate::domain::alert::AlertKind;
use crate::domain::alert_text::{AlertText, TextedAlert};
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Event, InboundText, Loaded};
use crate::domain::oncall::roll_call::{RollCall, RollCallId, RollCallState};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::step::step;
use crate::domain::team::Contact;
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::testing::harness::{deciding, inbound, sid};
use crate::testing::world::START;
use crate::testing::{fixtures, mins};

fn at(minute: u64) -> Timestamp {
    START.plus(mins(minute))
}

fn contact(who: &str) -> Contact {
    let found = fixtures::directory().contacts.into_iter().find(|c| c.id.as_str() == who);
    found.expect("one of the people")
}

/// A call that looks for somebody, and of which this one was told at that minute.
fn call(id: &str, code: &str, who: &str, minute: u64) -> CallState {
    let told = contact(who);
    let mut c = fixtures::call_state(id);
    c.call.reference = code.parse().expect("a reference");
    let a = &mut c.attempts[0];
    (a.recipient.contact, a.recipient.name, a.recipient.phone) = (told.id, told.name, told.phone);
    (a.state, a.sent_at, a.sid) = (AttemptState::Submitted, Some(at(minute)), Some(sid(1)));
    c
}

/// A text that belongs to no call and was sent to this one at that minute.
fn text(kind: StandaloneKind, who: &str, minute: u64) -> StandaloneText {
    let id = AttemptId::from_uuid(Uuid::from_u128(100 + u128::from(minute)));
    let mut text = StandaloneText::new(id, 1, kind, Reader::of(&contact(who)), at(minute));
    (text.state, text.sent_at, text.sid) = (AttemptState::Submitted, Some(at(minute)), Some(sid(2)));
    text
}

/// This one was asked at that minute whether they are on call, and has not answered.
fn roll_call(code: &str, who: &str, minute: u64) -> RollCall {
    let asked = contact(who);
    RollCall {
        id: RollCallId::from_uuid(Uuid::from_u128(u128::from(minute))),
        rotation: "night".parse().expect("a rotation"),
        line: None,
        role: "primary".parse().expect("a role"),
        contact: asked.id,
        name: asked.name,
        phone: asked.phone,
        from: START,
        until: at(600),
        reference: code.parse().expect("a reference"),
        state: RollCallState::Asked,
        made_at: at(minute),
        wake_at: Some(at(minute + 15)),
        decided_at: None,
        why: String::new(),
        texts: vec![text(StandaloneKind::Ask, who, minute)],
    }
}

/// This one was told at that minute that nobody took the call of that id.
fn alert(about: &str, who: &str, minute: u64) -> AlertText {
    let key = AlertKind::Exhausted.about(about);
    AlertText {
        message: "m".into(),
        sink: "owner".into(),
        reference: "9XQT".parse().expect("a reference"),
        alerts: vec![TextedAlert { key, since: START, version: 1, name: about.into(), is_dropped: false }],
        is_over: false,
        call: about.parse().ok(),
        call_reference: None,
        words: "nobody took it".into(),
        text: text(StandaloneKind::Alert, who, minute),
    }
}

/// What Sam writes, by webhook.
fn words(body: &str) -> InboundText {
    inbound(0xbeef, fixtures::phone("sam"), body)
}

/// It comes half an hour after the start, when no text of ours is younger than a minute.
fn come(loaded: &Loaded, text: InboundText) -> Change {
    let (directory, rules, heard) = (fixtures::directory(), fixtures::rules(), Event::Inbound(text));
    let by = (at(30), &directory, &rules);
    deciding(by, &Cell::new(1_000), Actor("mia".into()), |ctx| step(loaded, &heard, ctx)).expect("a decision")
}

/// What became of the call of that id; `None`: nothing was written about it.
fn status(change: &Change, id: &str) -> Option<S> {
    change.calls.iter().find(|c| c.call.id.as_str() == id).map(|c| c.call.status)
}

fn answer(change: &Change) -> &str {
    match &change.answer {
        Answer::Reply(said) => said,
        other => panic!("a text is answered with a text: {other:?}"),
    }
}

#[test]
fn done_behind_a_roll_call_is_said_of_the_call_that_its_writer_holds() {
    let mut held = call("c", "7K3Q", "sam", 1);
    (held.call.status, held.call.wake_at, held.call.closed_at) = (S::Acknowledged, None, Some(at(2)));
    held.call.holder = Some(contact("sam").id);
    let loaded = Loaded { calls: vec![held], roll_calls: vec![roll_call("8M4R", "sam", 5)], ..Loaded::default() };
    let change = come(&loaded, words("done"));
    assert_eq!(status(&change, "c"), Some(S::Resolved), "{}", answer(&change));
    assert!(change.roll_calls.is_empty());
}

#[test]
fn a_roll_call_whose_shift_is_over_takes_no_answer_from_a_call() {
    for (until, state) in [(at(20), RollCallState::Asked), (at(600), RollCallState::Over)] {
        let over = RollCall { until, state, ..roll_call("8M4R", "sam", 5) };
        let loaded = Loaded { calls: vec![call("c", "7K3Q", "sam", 1)], roll_calls: vec![over], ..Loaded::default() };
        let change = come(&loaded, words("1"));
        assert_eq!(status(&change, "c"), Some(S::Acknowledged), "{state:?}: {}", answer(&change));
        assert!(change.roll_calls.is_empty());
    }
}

#[test]
fn a_roll_call_is_answered_by_whom_it_asks_and_by_its_own_code_alone() {
    let anas = Loaded { roll_calls: vec![roll_call("8M4R", "ana", 5)], ..Loaded::default() };
    for word in ["1 8M4R", "2 8M4R"] {
        let change = come(&anas, words(word));
        assert!(change.roll_calls.is_empty(), "{word}: {}", answer(&change));
    }
    let two = vec![roll_call("9XQT", "sam", 6), roll_call("8M4R", "sam", 5)];
    let change = come(&Loaded { roll_calls: two, ..Loaded::default() }, words("1 8M4R"));
    let answered: Vec<_> = change.roll_calls.iter().map(|r| (r.reference.as_str(), r.state)).collect();
    assert_eq!(answered, [("8M4R", RollCallState::Confirmed)]);
}

#[test]
fn whoever_opts_out_refuses_what_he_is_asked_and_nothing_that_another_is_asked() {
    let asked = vec![roll_call("9XQT", "ana", 6), roll_call("8M4R", "sam", 5)];
    let change = come(&Loaded { roll_calls: asked, ..Loaded::default() }, words("STOP"));
    let refused: Vec<_> = change.roll_calls.iter().map(|r| (r.reference.as_str(), r.state)).collect();
    assert_eq!(refused, [("8M4R", RollCallState::Refused)]);
}

#[test]
fn a_bare_1_answers_no_later_text_that_went_to_another_or_failed() {
    let failed = |mut text: StandaloneText| {
        (text.state, text.sid) = (AttemptState::Failed, None);
        text
    };
    let asked_in_vain = || {
        let mut asked = roll_call("8M4R", "sam", 5);
        asked.texts = asked.texts.into_iter().map(failed).collect();
        asked
    };
    let told_in_vain = || {
        let told = alert("d", "sam", 5);
        AlertText { text: failed(told.text), ..told }
    };
    for (label, roll_calls, alert_texts) in [
        ("another was asked whether they are on call", vec![roll_call("8M4R", "ana", 5)], Vec::new()),
        ("no text asked him", vec![asked_in_vain()], Vec::new()),
        ("another was told of an alert", Vec::new(), vec![alert("d", "ana", 5)]),
        ("no text told him of an alert", Vec::new(), vec![told_in_vain()]),
    ] {
        let calls = vec![call("c", "7K3Q", "sam", 1)];
        let change = come(&Loaded { calls, roll_calls, alert_texts, ..Loaded::default() }, words("1"));
        assert_eq!(status(&change, "c"), Some(S::Acknowledged), "{label}: {}", answer(&change));
        assert!(change.roll_calls.is_empty(), "{label}");
    }
}

#[test]
fn a_call_is_among_those_that_a_bare_1_may_mean_where_an_alert_told_its_writer_of_it() {
    let over = AlertText { is_over: true, ..alert("c", "sam", 2) };
    for (label, told, is_among) in [
        ("nobody took it", alert("c", "sam", 2), true),
        ("that it is over", over, false),
        ("it went to another", alert("c", "ana", 2), false),
        ("nobody took another call", alert("e", "sam", 2), false),
    ] {
        let calls = vec![call("d", "4M8X", "sam", 5), call("c", "7K3Q", "ana", 1)];
        let change = come(&Loaded { calls, alert_texts: vec![told], ..Loaded::default() }, words("1"));
        let said = answer(&change);
        let asks = said.starts_with("Which call?") && said.contains("7K3Q") && said.contains("4M8X");
        assert_eq!(asks, is_among, "{label}: {said}");
        assert_eq!(status(&change, "d") == Some(S::Acknowledged), !is_among, "{label}: {said}");
        assert_ne!(status(&change, "c"), Some(S::Acknowledged), "{label}: {said}");
    }
}

/// By the provider's clock, which is far from ours.
fn theirs(minute: u64) -> Timestamp {
    at(minute).plus(mins(5_000))
}

#[test]
fn a_reply_answers_a_text_of_unknown_outcome_that_had_left_when_it_was_written_as_far_as_anybody_knows() {
    for (label, left, left_after, written, comes, answers) in [
        ("by the provider's clock it left later", 5, Some(theirs(5)), (theirs(4), None), None, false),
        ("by no clock did it leave later", 5, Some(theirs(5)), (theirs(8), None), None, true),
        ("it left later by the measured clock", 9, Some(theirs(5)), (theirs(8), Some(at(8))), None, false),
        ("it had left by the measured clock", 7, Some(theirs(5)), (theirs(8), Some(at(8))), None, true),
        ("it had left when the reply came", 5, None, (theirs(8), None), None, true),
        ("it left after the reply had come", 5, None, (theirs(8), None), Some(at(4)), false),
    ] {
        let mut c = call("c", "7K3Q", "sam", left);
        let a = &mut c.attempts[0];
        (a.state, a.sid, a.provider_after) = (AttemptState::Unknown, None, left_after);
        let (said, ours) = written;
        let listed = comes.is_none();
        let reply = InboundText { at: Some(said), at_ours: ours, waited_since: comes, listed, ..words("1") };
        let change = come(&Loaded { calls: vec![c], ..Loaded::default() }, reply);
        assert_eq!(status(&change, "c") == Some(S::Acknowledged), answers, "{label}: {}", answer(&change));
    }
}
