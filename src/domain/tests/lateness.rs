//! A follow-up is late when its text is: judged at the claim for its POST, against the time of its step, once a step.

use crate::domain::AlertKind;
use crate::domain::attempt::AttemptState;
use crate::domain::breaker::{ACCOUNT, Breaker, Evidence, Probe};
use crate::domain::change::Answer;
use crate::domain::event::Event;
use crate::domain::types::{AttemptId, Timestamp};
use crate::testing::harness::CoreHarness;
use crate::testing::{fixtures, secs};

/// A call whose first text was accepted, and that was looked at this many seconds after it was accepted.
fn woken(after: u64) -> CoreHarness {
    let mut harness = CoreHarness::new();
    let call = harness.dispatch("c", "normal");
    harness.send_all();
    harness.now = harness.now.plus(secs(after));
    harness.apply(Event::Wake { call });
    harness
}

/// The alert, once what waits is claimed after so many seconds.
fn claimed_after(harness: &mut CoreHarness, seconds: u64) -> Option<String> {
    harness.now = harness.now.plus(secs(seconds));
    harness.send_all();
    late(harness)
}

fn late(harness: &CoreHarness) -> Option<String> {
    harness.alerts.get(&AlertKind::LateFollowUp.about("c")).cloned()
}

fn breaker(sender: &str, opened_at: Timestamp, closed_at: Option<Timestamp>) -> Breaker {
    Breaker {
        sender: sender.into(),
        opened_at,
        closed_at,
        evidence: Evidence::Answer,
        probe: Probe::Notice,
        code: None,
        why: "refused".into(),
        probe_at: opened_at,
        probes: 0,
    }
}

#[test]
fn a_step_that_fired_in_time_is_late_where_its_text_left_late() {
    // When the step fired, and how long its text waited for its claim, in seconds → how late it left.
    for (fired, waited, want) in
        [(120, 0, None), (120, 30, None), (120, 31, Some(31)), (140, 5, None), (140, 11, Some(31)), (151, 0, Some(31))]
    {
        let mut harness = woken(fired);
        assert_eq!(late(&harness), None, "{fired}: nothing has left yet");
        let said = claimed_after(&mut harness, waited);
        let want = want.map(|s| format!("a follow-up of call c to Sam Ortiz left {s} s after its time"));
        assert_eq!((said, harness.attempt(2).state), (want, AttemptState::Submitted), "{fired} {waited}");
    }
}

#[test]
fn a_first_notice_and_a_step_that_a_person_fires_are_late_for_nothing() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    assert_eq!(claimed_after(&mut harness, 100), None, "that nobody is told has its own alert");
    assert_eq!(harness.attempt(1).due_at, None);
}

#[test]
fn a_step_alerts_once_however_many_it_tells() {
    // Everything was missed: one step stands for all, and tells two.
    let mut harness = woken(5_000);
    let waiting: Vec<AttemptId> =
        harness.call().attempts.iter().filter(|a| a.state.is_waiting()).map(|a| a.id).collect();
    assert_eq!(waiting.len(), 2);
    let mut told = 0;
    for attempt in waiting {
        let claim = Event::Claim { attempt, engine: "e".into(), provider_after: None };
        assert!(matches!(harness.apply(claim), Answer::Send(_)));
        told += usize::from(harness.alerts.remove(&AlertKind::LateFollowUp.about("c")).is_some());
    }
    assert_eq!(told, 1);
}

#[test]
fn a_text_that_stands_for_an_older_one_is_as_late_as_that() {
    let mut harness = woken(120);
    let call = harness.call().call.id.clone();
    for wait in [300, 600] {
        harness.now = harness.now.plus(secs(wait));
        harness.apply(Event::Wake { call: call.clone() });
    }
    assert_eq!(harness.attempt(2).state, AttemptState::Skipped, "superseded");
    let said = claimed_after(&mut harness, 0).unwrap_or_default();
    assert!(said.contains("left 600 s") || said.contains("left 900 s"), "{said}");
    let of_sam = harness.call().attempts.iter().rfind(|a| a.recipient.contact.as_str() == "sam").expect("one");
    assert_eq!(of_sam.due_at, harness.attempt(2).due_at);
}

#[test]
fn what_a_breaker_held_counts_from_its_end() {
    // Whose breaker, closed how many seconds after the step → whether a text that leaves 100 s after its step is late.
    for (label, whose, closed, want) in [
        ("its sender's", fixtures::SENDER, Some(80), false),
        ("the account's", ACCOUNT, Some(80), false),
        ("closed long before", fixtures::SENDER, Some(60), true),
        ("still open: a probe", fixtures::SENDER, None, false),
        ("another sender's", "+15005550009", Some(80), true),
    ] {
        let mut harness = woken(120);
        let due = harness.now;
        harness.breakers = vec![breaker(whose, due.plus(secs(1)), closed.map(|s| due.plus(secs(s))))];
        assert_eq!(claimed_after(&mut harness, 100).is_some(), want, "{label}");
        assert_eq!(harness.attempt(2).state, AttemptState::Submitted, "{label}");
    }
}

/// Texts that the provider accepted for these contacts.
fn accepted_for(harness: &CoreHarness) -> Vec<(String, u32)> {
    let taken = harness.call().attempts.iter().filter(|a| a.state == AttemptState::Submitted);
    taken.map(|a| (a.recipient.contact.to_string(), a.number)).collect()
}

#[test]
fn what_had_waited_and_what_came_due_meanwhile_are_one_text_whichever_leaves_first() {
    let call: crate::domain::types::CallId = "c".parse().expect("an id");
    // The engine died with Sam's second text unsent; steps 3 (Ana) and 4 (both) came due before the next one.
    for (label, sent_first, last) in [("the text leaves first", true, 2), ("the steps fire first", false, 4)] {
        let mut harness = woken(120);
        harness.now = harness.now.plus(secs(1_000));
        if sent_first {
            harness.send_all();
        }
        harness.apply(Event::Wake { call: call.clone() });
        harness.send_all();
        let found = accepted_for(&harness);
        let of = |who: &str| found.iter().filter(|(c, _)| c == who).map(|(_, n)| *n).collect::<Vec<_>>();
        assert_eq!((of("sam"), of("ana").len()), (vec![1, last], 1), "{label}: {found:?}");
        assert!(harness.call().call.wake_at.is_some_and(|at| at > harness.now), "{label}: the ladder goes on");
    }
}

#[test]
fn a_text_of_which_nobody_knows_stands_for_no_step() {
    let mut harness = woken(120);
    harness.now = harness.now.plus(secs(1_000));
    let attempt = harness.attempt(2).id;
    harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    let outcome = crate::domain::event::SendOutcome::Unknown { why: "no answer".into() };
    harness.apply(Event::Sent { attempt, by: None, outcome });
    let call = harness.call().call.id.clone();
    harness.apply(Event::Wake { call });
    harness.send_all();
    let to_sam = accepted_for(&harness).iter().filter(|(who, _)| who == "sam").count();
    assert_eq!(to_sam, 2, "a due step fires all the same");
}

#[test]
fn a_text_that_left_before_a_step_was_due_stands_for_nothing_but_itself() {
    let mut harness = woken(120);
    harness.now = harness.now.plus(secs(60));
    harness.send_all();
    let call = harness.call().call.id.clone();
    harness.now = harness.now.plus(secs(1_000));
    harness.apply(Event::Wake { call });
    harness.send_all();
    let to_sam = accepted_for(&harness).iter().filter(|(who, _)| who == "sam").count();
    assert_eq!(to_sam, 3, "step 4 tells him anew");
}
