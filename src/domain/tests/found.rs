//! A story whose end was lost, and the texts that the provider still has of it: whoever was told is told no more by the same step.

use crate::domain::MessageStatus;
use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::change::Answer;
use crate::domain::codes::classify;
use crate::domain::event::{Event, FoundText};
use crate::testing::fixtures;
use crate::testing::harness::{CoreHarness, sid};
use crate::testing::secs;

/// A text of the newest call, to this contact; its SID has this number too.
fn text(harness: &CoreHarness, number: u32, contact: &str, kind: AttemptKind) -> FoundText {
    let to = harness.directory.contacts.iter().find(|c| c.id.as_str() == contact).expect("known").phone.clone();
    FoundText {
        call: harness.call().call.id.clone(),
        number,
        kind,
        is_repeat: false,
        to,
        sender: None,
        body: format!("{}-{number} Burst pipe", harness.call().call.reference),
        sid: sid(number),
        status: MessageStatus::from_word("delivered"),
        code: None,
        error_class: classify(None),
        provider_at: Some(harness.now),
        at: harness.now,
    }
}

fn found(harness: &mut CoreHarness, text: FoundText) -> Answer {
    harness.apply(Event::Found(Box::new(text)))
}

fn wake(harness: &mut CoreHarness) {
    let call = harness.call().call.id.clone();
    harness.apply(Event::Wake { call });
}

fn told(harness: &CoreHarness) -> Vec<(u32, String, AttemptState)> {
    harness.call().attempts.iter().map(|a| (a.number, a.recipient.contact.to_string(), a.state)).collect()
}

#[test]
fn a_text_whose_claim_was_lost_is_the_attempt_that_waits() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    assert_eq!(harness.attempt(1).state, AttemptState::Scheduled);
    let one = text(&harness, 1, "sam", AttemptKind::Notice);
    found(&mut harness, one.clone());
    let first = harness.attempt(1);
    assert_eq!((first.state, first.sid.clone()), (AttemptState::Delivered, Some(sid(1))));
    assert_eq!(first.sent_at, Some(harness.now), "it left");
    assert!(!first.body.is_empty() && first.segments == 1);
    assert!(matches!(found(&mut harness, one), Answer::Already(_)), "again");
    assert_eq!(told(&harness).len(), 1);
    assert!(harness.alerts.is_empty(), "{:?}", harness.alerts);
}

#[test]
fn a_step_that_had_fired_tells_nobody_twice_and_whom_it_had_not_told_all_the_same() {
    let mut harness = CoreHarness::new();
    let both = fixtures::policy(
        "both",
        &[(secs(0), &["primary"]), (secs(60), &["primary", "backup"]), (secs(60), &["backup"])],
    );
    harness.directory = fixtures::directory_with(both);
    harness.dispatch("c", "both");
    harness.send_all();
    // The step after it fired at its time and told Sam; the story ends before.
    harness.now = harness.now.plus(secs(61));
    let two = text(&harness, 2, "sam", AttemptKind::Notice);
    found(&mut harness, two);
    assert_eq!(harness.call().call.next_step, 1, "it is still to tell others");
    wake(&mut harness);
    let all = told(&harness);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!((all[2].0, all[2].1.as_str()), (3, "ana"), "whoever was not told is");
    let sams = all.iter().filter(|(_, who, _)| who == "sam").count();
    assert_eq!(sams, 2, "{all:?}");
    // The next step of its ladder is as it was.
    harness.send_all();
    harness.now = harness.now.plus(secs(61));
    wake(&mut harness);
    assert_eq!(told(&harness).len(), 4);
}

#[test]
fn of_several_missed_steps_those_that_told_somebody_are_not_gone_through_again() {
    let mut harness = CoreHarness::new();
    let ladder =
        fixtures::policy("ladder", &[(secs(0), &["primary"]), (secs(60), &["primary"]), (secs(60), &["backup"])]);
    harness.directory = fixtures::directory_with(ladder);
    harness.dispatch("c", "ladder");
    harness.send_all();
    harness.now = harness.now.plus(secs(61));
    let two = text(&harness, 2, "sam", AttemptKind::Notice);
    // The last text of all that was lost is found first.
    harness.now = harness.now.plus(secs(60));
    let three = text(&harness, 3, "ana", AttemptKind::Notice);
    found(&mut harness, three);
    assert_eq!(harness.call().call.next_step, 1, "nobody is known to be told by the step before");
    found(&mut harness, two);
    assert_eq!(harness.call().call.next_step, 3, "both had fired");
    harness.now = harness.now.plus(secs(300));
    wake(&mut harness);
    let all = told(&harness);
    assert_eq!(all.len(), 3, "nobody is told again: {all:?}");
    assert!(all.iter().skip(1).all(|(.., state)| *state == AttemptState::Delivered), "{all:?}");
}

#[test]
fn a_number_that_was_given_anew_meanwhile_is_that_of_its_text_no_more() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    // The attempt that waits is to Sam; what the provider has under its number went to Ana.
    let one = text(&harness, 1, "ana", AttemptKind::StandDown);
    found(&mut harness, one);
    let all = told(&harness);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((all[1].0, all[1].1.as_str(), all[1].2), (2, "ana", AttemptState::Delivered));
    assert_eq!(all[0].2, AttemptState::Scheduled, "his is still to go");
    assert_eq!(harness.call().call.attempts, 2, "the next one has another number");
}

#[test]
fn who_is_no_contact_any_more_is_known_by_their_number() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let mut one = text(&harness, 7, "ana", AttemptKind::Notice);
    one.to = "+19495550177".parse().expect("a number");
    found(&mut harness, one);
    let made = harness.attempt(7);
    assert_eq!(made.recipient.contact.as_str(), "+19495550177");
    assert_eq!(made.state, AttemptState::Delivered);
    assert_eq!(harness.call().call.attempts, 7);
}

#[test]
fn a_repeat_is_of_the_notice_that_it_repeats_and_takes_nobody_from_the_ladder() {
    let mut harness = CoreHarness::new();
    let mut policy =
        fixtures::policy("again", &[(secs(0), &["primary"]), (secs(60), &["backup"]), (secs(60), &["primary"])]);
    policy.repeat = 1;
    harness.directory = fixtures::directory_with(policy);
    harness.dispatch("c", "again");
    harness.send_all();
    harness.now = harness.now.plus(secs(30));
    let again = FoundText { is_repeat: true, ..text(&harness, 2, "sam", AttemptKind::Notice) };
    found(&mut harness, again);
    let second = harness.attempt(2);
    assert_eq!((second.step, second.repeats), (0, Some(harness.attempt(1).id)));
    assert_eq!(harness.call().call.next_step, 1);
    for seconds in [31, 61] {
        harness.now = harness.now.plus(secs(seconds));
        wake(&mut harness);
        harness.send_all();
    }
    let who: Vec<String> = told(&harness).into_iter().map(|(_, who, _)| who).collect();
    assert_eq!(who, ["sam", "sam", "ana", "sam"], "everybody whom the ladder names is told");
}

#[test]
fn an_answer_that_waits_is_no_notice_and_one_of_its_kind_is_it() {
    let mut harness = CoreHarness::new();
    let call = harness.dispatch("c", "normal");
    harness.send_all();
    harness.now = harness.now.plus(secs(121));
    harness.apply(Event::Wake { call });
    assert_eq!(harness.attempt(2).state, AttemptState::Scheduled);
    let stood_down = text(&harness, 2, "sam", AttemptKind::StandDown);
    found(&mut harness, stood_down);
    assert_eq!(harness.attempt(2).state, AttemptState::Scheduled, "the notice is still to go");
    assert_eq!(harness.attempt(3).kind, AttemptKind::StandDown);
}

#[test]
fn a_text_that_had_failed_lets_the_ladder_go_on_from_behind_its_step() {
    let mut harness = CoreHarness::new();
    let ladder =
        fixtures::policy("ladder", &[(secs(0), &["primary"]), (secs(600), &["backup"]), (secs(600), &["owner"])]);
    harness.directory = fixtures::directory_with(ladder);
    harness.dispatch("c", "ladder");
    harness.send_all();
    // Sam passed at once, so the second step had fired long before its time.
    harness.now = harness.now.plus(secs(10));
    let two = text(&harness, 2, "ana", AttemptKind::Notice);
    found(&mut harness, two);
    let call = &harness.call().call;
    assert_eq!((call.next_step, call.wake_at), (2, Some(harness.now.plus(secs(600)))));
}
