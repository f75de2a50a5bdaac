//! Bounds on texts: what is a mere reminder, and what is the first text that reaches somebody.

use super::one_call::{OneCall, raised};
use crate::domain::AlertKind;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::CallState;
use crate::domain::event::{Event, Source};
use crate::domain::limits::{SpendLimits, Spent};
use crate::domain::spend;
use crate::testing::harness::{CoreHarness, update};
use crate::testing::{fixtures, mins, secs};

#[test]
fn only_who_was_told_by_an_earlier_text_of_the_round_to_the_same_number_is_reminded() {
    type Case = (&'static str, fn(&mut CallState), bool);
    let cases: [Case; 6] = [
        ("a text that arrived", |_| {}, false),
        (
            "a text to a number of before",
            |c| c.attempts[0].recipient.phone = "+19495550177".parse().expect("one"),
            true,
        ),
        ("a mail", |c| c.attempts[0].channel = Channel::Email, true),
        ("an answer", |c| c.attempts[0].kind = AttemptKind::Answer, true),
        ("a text of the round before", |c| c.attempts[0].round = 0, true),
        ("a text to somebody else", |c| c.attempts[0].recipient.contact = "ana".parse().expect("an id"), true),
    ];
    for (label, change, goes) in cases {
        let mut h = CoreHarness::new();
        let twice =
            fixtures::policy("twice", &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(9), &["backup"])]);
        h.directory = fixtures::directory_with(twice);
        h.rules.limits = SpendLimits { countries: ["44".to_owned()].into(), ..SpendLimits::default() };
        let call = h.dispatch("c", "twice");
        h.send_all();
        let first = h.attempt(1).id;
        h.apply(Event::StatusUpdate(update(Some(first), 1, "delivered", None, Source::Receipt)));
        change(&mut h.calls[0]);
        h.now = h.now.plus(secs(61));
        h.apply(Event::Wake { call });
        h.send_all();
        let state = h.attempt(2).state;
        assert_eq!(state == AttemptState::Submitted, goes, "{label}: {state}");
        assert!(goes || state == AttemptState::Skipped, "{label}: {state}");
    }
}

/// What is otherwise with an attempt in a row of a table.
type Otherwise = fn(&mut Attempt);

/// Sam was told by a text that arrived, and his next one waits; it is the second of the call.
fn with_a_reminder() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("twice", &[(secs(0), &["primary"]), (mins(1), &["primary"])]));
    one.notice(0, "sam", AttemptState::Delivered);
    one.notice(1, "sam", AttemptState::Scheduled);
    one
}

#[test]
fn the_bounds_are_of_texts_of_notices_alone_and_what_is_no_reminder_goes_with_an_alert() {
    // What is otherwise with the text that waits → whether it goes, and whether its country is alarmed.
    let table: [(&str, Otherwise, bool, bool); 6] = [
        ("a reminder", |_| {}, false, true),
        ("the first text that its reader gets", |a| a.recipient.contact = "ana".parse().expect("an id"), true, true),
        ("the last resort", |a| a.step = 2, true, true),
        ("an answer", |a| a.kind = AttemptKind::Answer, true, false),
        ("a phone call", |a| a.channel = Channel::Voice, true, false),
        ("a mail", |a| a.channel = Channel::Email, true, false),
    ];
    for (label, otherwise, goes, alarms) in table {
        let mut one = with_a_reminder();
        otherwise(&mut one.state.attempts[1]);
        let judged = |one: &OneCall| {
            let a = one.attempt(2).clone();
            one.work(|w| (spend::judge(w, &a).expect("a decision"), raised(&w.change.alerts)))
        };
        assert_eq!(judged(&one), (spend::Verdict::Sent, Vec::new()), "{label}: without bounds");
        one.rules.limits = SpendLimits { countries: ["44".to_owned()].into(), ..SpendLimits::default() };
        let (verdict, alerts) = judged(&one);
        assert_eq!(verdict == spend::Verdict::Sent, goes, "{label}: {verdict:?}");
        let kinds: Vec<AlertKind> = alerts.iter().map(|(key, _)| key.kind()).collect();
        assert_eq!(kinds, Vec::from_iter(alarms.then_some(AlertKind::OutsideCountries)), "{label}");
    }
}

#[test]
fn what_is_held_is_looked_at_again_once_a_text_to_the_same_reader_fails_and_nothing_else_is_moved() {
    // What is otherwise with the text that waits → whether it is looked at now.
    let table: [(&str, Otherwise, bool); 6] = [
        ("it is held", |_| {}, true),
        ("it was held and waits to be tried again", |a| a.state = AttemptState::Retrying, true),
        ("it is another reader's", |a| a.recipient.contact = "ana".parse().expect("an id"), false),
        ("it waits for something else", |a| a.result = "no sender works".into(), false),
        ("it has left meanwhile", |a| a.state = AttemptState::Submitted, false),
        ("it is an answer that begins so", |a| a.kind = AttemptKind::Answer, false),
    ];
    for (label, otherwise, want) in table {
        let mut one = with_a_reminder();
        let later = one.now.plus(mins(30));
        one.rules.limits = SpendLimits { per_contact_per_hour: 1, ..SpendLimits::default() };
        one.loaded.spent = Spent { contact: Some(one.now), all: None };
        let a = one.attempt(2).clone();
        let held = one.work(|w| {
            spend::judge(w, &a).expect("a decision");
            w.state.clone()
        });
        one.state = held;
        one.state.attempts[1].not_before = later;
        otherwise(&mut one.state.attempts[1]);
        let failed = one.attempt(1).clone();
        let again_at = one.work(|w| {
            spend::after_failure(w, &failed);
            w.state.attempts[1].not_before
        });
        assert_eq!(again_at, if want { one.now } else { later }, "{label}");
    }
}
