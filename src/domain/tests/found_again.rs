//! A text that a story lacks and its provider has: which attempt it is, of which step, and what it does to the ladder.

use super::one_call::{OneCall, contact, raised};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel, Priority};
use crate::domain::call::CallStatus;
use crate::domain::codes::classify;
use crate::domain::event::{Event, FoundText};
use crate::domain::{AlertKind, MessageStatus};
use crate::testing::harness::sid;
use crate::testing::{fixtures, secs};

/// A text that left now and was delivered.
fn text(one: &OneCall, number: u32, who: &str, kind: AttemptKind) -> FoundText {
    FoundText {
        call: one.id(),
        number,
        kind,
        is_repeat: false,
        to: fixtures::phone(who).parse().expect("a phone"),
        sender: None,
        body: format!("{}-{number} Burst pipe", one.state.call.reference),
        sid: sid(1_000 + number),
        status: MessageStatus::from_word("delivered"),
        code: None,
        error_class: classify(None),
        provider_at: None,
        at: one.now,
    }
}

fn found(one: &mut OneCall, text: FoundText) {
    one.apply(&Event::Found(Box::new(text)));
}

#[test]
fn a_text_of_another_number_is_what_waits_of_its_kind_but_never_a_notice() {
    for (kind, is_it) in [(AttemptKind::Notice, false), (AttemptKind::StandDown, true), (AttemptKind::Update, true)] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
        one.state.call.next_step = 1;
        one.notice(0, "sam", AttemptState::Delivered);
        one.notice(0, "sam", AttemptState::Scheduled).kind = kind;
        let seven = text(&one, 7, "sam", kind);
        found(&mut one, seven);
        let (state, count) = if is_it { (AttemptState::Delivered, 2) } else { (AttemptState::Scheduled, 3) };
        assert_eq!((one.attempt(2).state, one.state.attempts.len()), (state, count), "{kind}");
    }
}

#[test]
fn a_found_text_is_of_the_first_step_to_come_that_names_its_reader_else_of_the_last_that_fired() {
    for (kind, who, step) in [
        (AttemptKind::Notice, "sam", 3),
        (AttemptKind::Notice, "olga", 2),
        (AttemptKind::StandDown, "sam", 2),
        (AttemptKind::Update, "sam", 2),
    ] {
        let mut one = OneCall::new(fixtures::policy(
            "p",
            &[
                (secs(0), &["primary"]),
                (secs(60), &["backup"]),
                (secs(60), &["owner"]),
                (secs(60), &["primary", "backup"]),
            ],
        ));
        one.state.call.next_step = 3;
        one.notice(0, "sam", AttemptState::Delivered);
        let nine = text(&one, 9, who, kind);
        found(&mut one, nine);
        assert_eq!(one.attempt(9).step, step, "{kind} to {who}");
    }
}

#[test]
fn a_found_text_ranks_as_it_did_when_it_was_sent() {
    for (kind, who, priority) in [
        (AttemptKind::Notice, "ana", Priority::First),
        (AttemptKind::Notice, "sam", Priority::Reminder),
        (AttemptKind::Update, "sam", Priority::Reminder),
        (AttemptKind::StandDown, "sam", Priority::StandDown),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
        one.state.call.next_step = 1;
        one.notice(0, "sam", AttemptState::Delivered);
        let five = text(&one, 5, who, kind);
        found(&mut one, five);
        assert_eq!(one.attempt(5).priority, priority, "{kind} to {who}");
    }
}

#[test]
fn a_found_stand_down_or_repeat_is_no_further_notice() {
    for (label, kind, who, is_repeat) in [
        ("a stand-down to somebody who is still to be told", AttemptKind::StandDown, "ana", false),
        ("a repeat of a notice", AttemptKind::Notice, "sam", true),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
        one.state.call.next_step = 1;
        one.notice(0, "sam", AttemptState::Delivered);
        let before = one.state.notices.clone();
        let three = FoundText { is_repeat, ..text(&one, 3, who, kind) };
        found(&mut one, three);
        assert_eq!(one.attempt(3).state, AttemptState::Delivered, "{label}");
        assert_eq!(one.state.notices, before, "{label}");
    }
}

#[test]
fn a_found_repeat_is_of_the_last_text_of_the_round_to_the_same_contact() {
    let told = |round: u32| {
        let mut one =
            OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["primary", "backup"])]));
        one.state.call.next_step = 2;
        one.notice(0, "sam", AttemptState::Delivered);
        one.notice_by(Channel::Email, 1, "sam", AttemptState::Submitted);
        one.notice(1, "ana", AttemptState::Delivered);
        one.state.call.round = round;
        let nine = FoundText { is_repeat: true, ..text(&one, 9, "sam", AttemptKind::Notice) };
        found(&mut one, nine);
        one
    };
    let one = told(1);
    let repeat = one.attempt(9);
    assert_eq!((repeat.repeats, repeat.step), (Some(one.attempt(1).id), 0), "neither the mail nor the text to Ana");
    assert_eq!(told(2).attempt(9).repeats, None, "what it repeats is of another round");
}

#[test]
fn a_found_text_moves_no_ladder_of_a_call_that_is_taken() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
    one.notice(0, "sam", AttemptState::Delivered);
    let call = &mut one.state.call;
    (call.next_step, call.wake_at) = (1, None);
    (call.status, call.holder) = (CallStatus::Acknowledged, Some(contact("sam")));
    let two = text(&one, 2, "ana", AttemptKind::Notice);
    found(&mut one, two);
    assert_eq!(one.attempt(2).state, AttemptState::Delivered);
    assert_eq!((one.state.call.next_step, one.state.call.wake_at), (1, None));
}

#[test]
fn the_step_after_one_whose_text_is_found_waits_its_own_time() {
    let mut one = OneCall::new(fixtures::policy(
        "p",
        &[(secs(0), &["primary"]), (secs(60), &["backup"]), (secs(600), &["owner"])],
    ));
    one.notice(0, "sam", AttemptState::Delivered);
    one.state.call.next_step = 1;
    one.now = one.now.plus(secs(10));
    let two = text(&one, 2, "ana", AttemptKind::Notice);
    found(&mut one, two);
    let due = one.now.plus(secs(600));
    assert_eq!((one.state.call.next_step, one.state.call.wake_at), (2, Some(due)));
}

#[test]
fn a_last_resort_whose_text_is_found_is_not_told_again_and_alarms_all_the_same() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.directory.last_resort = vec![contact("olga")];
    one.notice(0, "sam", AttemptState::Delivered);
    one.now = one.now.plus(secs(600));
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now));
    let two = text(&one, 2, "olga", AttemptKind::Notice);
    found(&mut one, two);
    let change = one.wake();
    let keys: Vec<_> = raised(&change.alerts).into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&AlertKind::Exhausted.about("c")), "{keys:?}");
    assert_eq!(one.told_after(1), ["olga"], "once");
    assert_eq!((one.state.call.status, one.state.call.next_step), (CallStatus::Dispatching, 2), "she may answer");
}
