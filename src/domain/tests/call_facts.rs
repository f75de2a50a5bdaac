//! What is measured of one call: told, taken and unanswered, doubles, and what it was for each technician.

use serde_json::{Value, json};

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::CallState;
use crate::domain::call_facts::{CallFacts, PersonFacts, Reached};
use crate::domain::event::{Decision, Event, Source};
use crate::domain::log::{CONTACT, LogEntry, LogKind};
use crate::domain::outgoing::HANDED_BACK;
use crate::domain::types::{Actor, ContactId, Timestamp};
use crate::testing::harness::{CoreHarness, update};
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

fn at(second: u64) -> Timestamp {
    START.plus(secs(second))
}

fn entry(kind: LogKind, second: u64, data: Value) -> LogEntry {
    LogEntry { kind, at: at(second), call: None, attempt: None, actor: Actor::engine(), message: String::new(), data }
}

fn measured(state: &CallState, log: &[LogEntry]) -> CallFacts {
    let log: Vec<&LogEntry> = log.iter().collect();
    CallFacts::of(state, &log, &fixtures::directory())
}

fn person(facts: &CallFacts, who: &str) -> PersonFacts {
    let id: ContactId = who.parse().expect("a contact");
    facts.people.get(&id).cloned().unwrap_or_default()
}

#[test]
fn told_is_whom_a_text_or_a_phone_call_of_the_first_round_reached() {
    type Case = (&'static str, fn(&mut Attempt), Option<Channel>);
    let cases: [Case; 6] = [
        ("a text", |_| {}, Some(Channel::Sms)),
        ("a phone call that was answered by a key", |a| a.channel = Channel::Voice, Some(Channel::Voice)),
        ("a mail", |a| a.channel = Channel::Email, None),
        ("a text of a later round", |a| a.round = 2, None),
        ("a text that takes another back", |a| a.kind = AttemptKind::StandDown, None),
        ("a text that failed", |a| a.state = AttemptState::Failed, None),
    ];
    for (label, change, by) in cases {
        let mut state = fixtures::call_state("c");
        let a = &mut state.attempts[0];
        (a.state, a.sent_at, a.finished_at) = (AttemptState::Delivered, Some(at(1)), Some(at(4)));
        change(a);
        let facts = measured(&state, &[]);
        assert_eq!(facts.told, by.map(|_| (secs(4), Reached::Confirmed)), "{label}");
        assert_eq!(facts.told_by, by, "{label}");
    }
}

#[test]
fn where_no_carrier_confirms_told_counts_until_the_text_itself_was_sent() {
    let mut h = CoreHarness::new();
    h.directory = fixtures::directory_with(fixtures::policy("both", &[(secs(0), &["primary", "backup"])]));
    h.dispatch("c", "both");
    h.send_all();
    // The second text was sent before, and did not arrive.
    for (second, number, word, code) in
        [(1, 2, "sent", None), (2, 1, "sending", None), (3, 2, "undelivered", Some(30005)), (9, 1, "sent", None)]
    {
        h.now = at(second);
        let attempt = h.attempt(number).id;
        h.apply(Event::StatusUpdate(update(Some(attempt), number, word, code, Source::Receipt)));
    }
    let facts = measured(h.call(), &h.log);
    assert_eq!((facts.told, facts.told_by), (Some((secs(9), Reached::Unconfirmed)), Some(Channel::Sms)));
}

#[test]
fn a_call_is_unanswered_where_its_ladder_ended_or_a_quarter_of_an_hour_was_not_enough() {
    let answered = |after| CallFacts { answered: Some(after), ..CallFacts::default() };
    let exhausted = |answered| CallFacts { is_exhausted: true, answered, ..CallFacts::default() };
    let left = CallFacts { is_left: true, ..exhausted(Some(mins(600))) };
    for (label, facts, age, unanswered) in [
        ("taken at once", answered(secs(30)), mins(60), Some(false)),
        ("taken at the last moment", answered(mins(15)), mins(60), Some(false)),
        ("taken too late", answered(mins(15) + secs(1)), mins(60), Some(true)),
        ("taken within the time, after its ladder had ended", exhausted(Some(mins(12))), mins(60), Some(true)),
        ("its ladder ended early, and nobody took it", exhausted(None), mins(12), Some(true)),
        ("nobody yet", CallFacts::default(), mins(15), None),
        ("nobody for longer", CallFacts::default(), mins(15) + secs(1), Some(true)),
        ("left for the morning", left, mins(700), None),
    ] {
        assert_eq!(facts.is_unanswered(age), unanswered, "{label}");
    }
}

#[test]
fn what_was_left_for_the_morning_first_counts_neither_as_taken_nor_as_unanswered() {
    let taken = |second| entry(LogKind::CallAcknowledged, second, json!({ CONTACT: "sam" }));
    let left = |second| entry(LogKind::CallDeferred, second, json!({}));
    let reopened = |second| entry(LogKind::CallReopened, second, Value::Null);
    for (label, log, is_left, taken_after) in [
        ("taken", vec![taken(60)], false, Some(secs(60))),
        ("left", vec![left(60)], true, None),
        ("left, and taken in the morning", vec![left(60), taken(30_000)], true, None),
        ("taken, and left in a later round", vec![taken(60), reopened(90), left(120)], false, Some(secs(60))),
    ] {
        let facts = measured(&fixtures::call_state("c"), &log);
        assert_eq!((facts.is_left, facts.taken), (is_left, taken_after), "{label}");
        assert_eq!(facts.is_unanswered(mins(600)), (!is_left).then_some(false), "{label}");
    }
}

#[test]
fn a_double_is_a_text_that_arrived_beside_the_one_that_it_repeats() {
    use AttemptState::{Delivered, Failed, Submitted};
    for (label, states, channel, doubles) in [
        ("both arrived", [Failed, Delivered, Submitted], Channel::Sms, 1),
        ("the first did not", [Delivered, Failed, Delivered], Channel::Sms, 0),
        ("the second did not", [Delivered, Delivered, Failed], Channel::Sms, 0),
        ("it is a phone call", [Failed, Delivered, Delivered], Channel::Voice, 0),
    ] {
        let mut state = fixtures::call_state("c");
        let attempt = |(number, to)| {
            let mut a = fixtures::attempt("c", number);
            a.state = to;
            a
        };
        state.attempts = (1..).zip(states).map(attempt).collect();
        let repeated = state.attempts[1].id;
        let last = &mut state.attempts[2];
        (last.repeats, last.channel) = (Some(repeated), channel);
        assert_eq!(measured(&state, &[]).doubles, doubles, "{label}");
    }
}

#[test]
fn a_notice_counts_for_its_reader_once_and_not_before_it_left() {
    type Case = (&'static str, fn(&mut Attempt), u64);
    let cases: [Case; 6] = [
        ("it waits", |_| {}, 0),
        (
            "it surely did not leave, and waits again",
            |a| (a.state, a.sent_at) = (AttemptState::Retrying, Some(at(1))),
            0,
        ),
        ("it was skipped before it left", |a| a.state = AttemptState::Skipped, 0),
        ("it left", |a| (a.state, a.sent_at) = (AttemptState::Submitted, Some(at(1))), 1),
        ("it left, and failed", |a| (a.state, a.sent_at) = (AttemptState::Failed, Some(at(1))), 1),
        (
            "what left takes a notice back",
            |a| (a.kind, a.state, a.sent_at) = (AttemptKind::StandDown, AttemptState::Submitted, Some(at(1))),
            0,
        ),
    ];
    for (label, change, notices) in cases {
        let mut state = fixtures::call_state("c");
        change(&mut state.attempts[0]);
        assert_eq!(person(&measured(&state, &[]), "sam").notices, notices, "{label}");
        let mut again = fixtures::attempt("c", 2);
        again.step = 0;
        change(&mut again);
        state.attempts.push(again);
        assert_eq!(person(&measured(&state, &[]), "sam").notices, notices, "{label}, and was tried twice");
    }
}

#[test]
fn whoever_says_no_or_hands_it_back_passes_and_whoever_loses_it_to_the_office_does_not() {
    type Case = (&'static str, fn(&mut CoreHarness), (u64, u64));
    let cases: [Case; 3] = [
        (
            "says no",
            |h| {
                h.reply(1, "sam", "2");
            },
            (0, 1),
        ),
        (
            "takes it and hands it back",
            |h| {
                h.reply(1, "sam", "1");
                h.now = h.now.plus(mins(5));
                h.reply(2, "sam", "2");
            },
            (1, 1),
        ),
        (
            "takes it, and the office opens it again",
            |h| {
                h.reply(1, "sam", "1");
                h.now = h.now.plus(mins(5));
                let call = h.call().call.id.clone();
                h.apply(Event::Decide { call, what: Decision::Reopen, by: Actor("mia".into()), note: None });
            },
            (1, 0),
        ),
    ];
    for (label, story, want) in cases {
        let mut h = CoreHarness::new();
        h.dispatch("c", "normal");
        h.send_all();
        h.now = h.now.plus(secs(30));
        story(&mut h);
        let sam = person(&measured(h.call(), &h.log), "sam");
        assert_eq!((sam.taken, sam.passes), want, "{label}");
    }
}

#[test]
fn an_acknowledgement_that_names_nobody_is_the_holders_only_where_it_is_the_last() {
    let mut state = fixtures::call_state("c");
    state.call.holder = "sam".parse().ok();
    state.attempts.push(fixtures::attempt("c", 2));
    for (a, (round, second)) in state.attempts.iter_mut().zip([(1, 10), (2, 40)]) {
        (a.round, a.state, a.sent_at) = (round, AttemptState::Delivered, Some(at(second)));
    }
    let log = [
        entry(LogKind::CallAcknowledged, 20, Value::Null),
        entry(LogKind::CallReopened, 30, json!({ HANDED_BACK: true })),
        entry(LogKind::CallAcknowledged, 100, Value::Null),
    ];
    let sam = person(&measured(&state, &log), "sam");
    assert_eq!((sam.taken, sam.passes), (1, 0), "nobody knows who had it before");
    assert_eq!(sam.answers, [secs(60)], "from the first text of that round");
}

#[test]
fn whoever_hands_back_a_call_that_was_raised_meanwhile_passes() {
    let log = [
        entry(LogKind::CallAcknowledged, 20, json!({ CONTACT: "sam" })),
        entry(LogKind::CallRaised, 30, json!({ "level": "high" })),
        entry(LogKind::CallReopened, 40, json!({ HANDED_BACK: true })),
    ];
    assert_eq!(person(&measured(&fixtures::call_state("c"), &log), "sam").passes, 1);
}

#[test]
fn a_notice_that_surely_did_not_leave_and_was_given_up_is_none() {
    let mut state = fixtures::call_state("c");
    let a = &mut state.attempts[0];
    (a.state, a.sent_at, a.sid) = (AttemptState::Skipped, Some(at(1)), None);
    assert_eq!(person(&measured(&state, &[]), "sam").notices, 0);
    state.attempts[0].state = AttemptState::Failed;
    assert_eq!(person(&measured(&state, &[]), "sam").notices, 1, "the provider refused it");
}
