//! Every decision on every status, every claim on every status.

use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallStatus, CallVersion, ExclusionReason, Out};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, SendOutcome};
use crate::domain::types::Actor;
use crate::testing::harness::CoreHarness;
use crate::testing::{mins, secs};

fn decide(harness: &mut CoreHarness, what: Decision) -> Answer {
    let call = harness.call().call.id.clone();
    harness.apply(Event::Decide { call, what, by: Actor("mia".into()), note: None })
}

const ACK: Decision = Decision::Acknowledge { holder: None };

/// A call of which Sam and Ana were told, in this status.
fn in_status(status: CallStatus) -> CoreHarness {
    let mut harness = CoreHarness::new();
    if status == CallStatus::Deferred {
        // Nobody is told of it.
        harness.now = harness.now.plus(secs(420));
        harness.dispatch("c", "morning");
        return harness;
    }
    let call = harness.dispatch("c", "normal");
    harness.send_all();
    harness.now = harness.now.plus(secs(420));
    harness.apply(Event::Wake { call: call.clone() });
    harness.send_all();
    match status {
        CallStatus::Dispatching | CallStatus::Deferred => {}
        CallStatus::Acknowledged => drop(harness.reply(1, "sam", "1")),
        CallStatus::Resolved => drop(decide(&mut harness, Decision::Resolve)),
        CallStatus::Cancelled => drop(decide(&mut harness, Decision::Cancel)),
        CallStatus::Exhausted => {
            for _ in 0..4 {
                harness.now = harness.now.plus(mins(20));
                harness.apply(Event::Wake { call: call.clone() });
                harness.send_all();
            }
        }
    }
    harness.send_all();
    assert_eq!(harness.call().call.status, status);
    harness
}

#[test]
fn every_decision_on_every_status() {
    use CallStatus as S;
    // What becomes of it: a new status, the same again, or not allowed.
    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        To(CallStatus),
        Already,
        NotAllowed,
    }
    use Outcome::{Already, NotAllowed, To};
    let decisions = [ACK, Decision::Resolve, Decision::Cancel, Decision::Reopen, Decision::FireNow, Decision::Mute];
    let table = [
        (
            S::Dispatching,
            [To(S::Acknowledged), To(S::Resolved), To(S::Cancelled), Already, To(S::Dispatching), To(S::Dispatching)],
        ),
        (S::Acknowledged, [Already, To(S::Resolved), To(S::Cancelled), To(S::Dispatching), NotAllowed, NotAllowed]),
        (S::Deferred, [To(S::Acknowledged), To(S::Resolved), To(S::Cancelled), NotAllowed, NotAllowed, NotAllowed]),
        (S::Resolved, [NotAllowed, Already, NotAllowed, NotAllowed, NotAllowed, NotAllowed]),
        (S::Cancelled, [NotAllowed, NotAllowed, Already, NotAllowed, NotAllowed, NotAllowed]),
        (
            S::Exhausted,
            [To(S::Acknowledged), To(S::Resolved), To(S::Cancelled), To(S::Dispatching), NotAllowed, NotAllowed],
        ),
    ];
    for (status, outcomes) in table {
        for (what, want) in decisions.iter().zip(outcomes) {
            let mut harness = in_status(status);
            let before = harness.calls.clone();
            let got = match decide(&mut harness, what.clone()) {
                Answer::Changed(s) => To(s.call.status),
                Answer::Already(_) => Already,
                Answer::NotAllowed(..) => NotAllowed,
                other => panic!("{status} {what:?}: {other:?}"),
            };
            assert_eq!(got, want, "{status} {what:?}");
            if !matches!(got, To(_)) {
                assert_eq!(harness.calls, before, "{status} {what:?}: nothing is done");
            }
            let call = &harness.call().call;
            let wakes = matches!(call.status, S::Dispatching | S::Deferred);
            assert_eq!(call.wake_at.is_some(), wakes, "{status} {what:?}");
        }
    }
}

#[test]
fn every_word_of_a_reply_on_every_status() {
    use CallStatus as S;
    // Who says what to a call that Sam holds where it is taken: the status after it, and part of the answer.
    let table: [(S, &str, &str, S, &str); 24] = [
        (S::Dispatching, "sam", "1", S::Acknowledged, "is yours"),
        (S::Dispatching, "sam", "2", S::Dispatching, "goes on"),
        (S::Dispatching, "sam", "done", S::Resolved, "is closed"),
        (S::Dispatching, "ana", "1", S::Acknowledged, "is yours"),
        (S::Acknowledged, "sam", "1", S::Acknowledged, "already yours"),
        (S::Acknowledged, "sam", "2", S::Dispatching, "goes back"),
        (S::Acknowledged, "sam", "done", S::Resolved, "is closed"),
        (S::Acknowledged, "ana", "1", S::Acknowledged, "taken by Sam Ortiz"),
        (S::Acknowledged, "ana", "2", S::Acknowledged, "taken by Sam Ortiz"),
        (S::Acknowledged, "ana", "done", S::Acknowledged, "taken by Sam Ortiz"),
        (S::Exhausted, "sam", "1", S::Acknowledged, "is yours"),
        (S::Exhausted, "sam", "2", S::Exhausted, "Nobody has"),
        (S::Exhausted, "sam", "done", S::Resolved, "is closed"),
        (S::Exhausted, "olga", "1", S::Exhausted, "no open call"),
        (S::Resolved, "sam", "1", S::Resolved, "no open call"),
        (S::Resolved, "sam", "1 7K32", S::Resolved, "is closed"),
        (S::Resolved, "sam", "2 7K32", S::Resolved, "is closed"),
        (S::Resolved, "sam", "done 7K32", S::Resolved, "is closed"),
        (S::Cancelled, "sam", "1", S::Cancelled, "no open call"),
        (S::Cancelled, "sam", "1 7K32", S::Cancelled, "is closed"),
        (S::Cancelled, "ana", "2 7K32-3", S::Cancelled, "is closed"),
        (S::Dispatching, "olga", "1 7K32", S::Dispatching, "There is no call"),
        (S::Dispatching, "sam", "1 9Z9Z", S::Dispatching, "There is no call"),
        (S::Dispatching, "sam", "what is it?", S::Dispatching, "Reply 1"),
    ];
    for (status, who, text, want, says) in table {
        let mut harness = in_status(status);
        let said = harness.reply(9, who, text);
        assert_eq!(harness.call().call.status, want, "{status}: {who} says {text:?}");
        assert!(said.contains(says), "{status}: {who} says {text:?}, is told {said:?}");
        let after = harness.calls.clone();
        assert_eq!(harness.reply(9, who, text), said, "{status}: {who} says {text:?} twice");
        assert_eq!(harness.calls, after, "{status}: {who} says {text:?} twice");
    }
}

#[test]
fn a_claim_looks_again_whether_the_attempt_is_wanted() {
    use CallStatus as S;
    // A stand-down for Ana that waits while the call moves on.
    for (label, moves, want) in [
        ("still taken", &[][..], AttemptState::Sending),
        ("resolved since", &[Decision::Resolve], AttemptState::Sending),
        ("dispatching again", &[Decision::Reopen], AttemptState::Skipped),
    ] {
        let mut harness = in_status(S::Dispatching);
        harness.reply(1, "sam", "1");
        let waiting = harness.call().attempts.last().map(|a| a.id).expect("a stand-down");
        for what in moves {
            decide(&mut harness, what.clone());
        }
        harness.apply(Event::Claim { attempt: waiting, engine: "e".into(), provider_after: None });
        assert_eq!(harness.call().attempt(waiting).map(|a| a.state), Some(want), "{label}");
    }
    // One that waits until the ladder of the next round is over.
    let mut harness = in_status(S::Dispatching);
    harness.reply(1, "sam", "1");
    let waiting = harness.call().attempts.last().map(|a| a.id).expect("a stand-down");
    harness.calls[0].call.excluded.push(Out {
        contact: "ana".parse().expect("id"),
        why: ExclusionReason::Passed,
        channel: None,
    });
    harness.reply(2, "sam", "2");
    let call = harness.call().call.id.clone();
    harness.apply(Event::Wake { call });
    assert_eq!(harness.call().call.status, S::Exhausted, "both are out");
    harness.apply(Event::Claim { attempt: waiting, engine: "e".into(), provider_after: None });
    assert_eq!(harness.call().attempt(waiting).map(|a| a.state), Some(AttemptState::Skipped), "nobody has it");
}

#[test]
fn a_notice_that_waits_on_a_call_that_moved_on_is_not_sent() {
    type Moves = fn(&mut crate::domain::call::Call);
    let cases: [(&str, Moves, AttemptState); 7] = [
        ("wanted", |_| {}, AttemptState::Sending),
        ("taken", |c| c.status = CallStatus::Acknowledged, AttemptState::Cancelled),
        ("resolved", |c| c.status = CallStatus::Resolved, AttemptState::Cancelled),
        ("cancelled", |c| c.status = CallStatus::Cancelled, AttemptState::Cancelled),
        ("exhausted", |c| c.status = CallStatus::Exhausted, AttemptState::Cancelled),
        ("a new round", |c| c.round += 1, AttemptState::Skipped),
        ("passed", |c| c.exclude_passed(&"sam".parse().expect("id")), AttemptState::Skipped),
    ];
    for (label, moves, want) in cases {
        let mut harness = CoreHarness::new();
        harness.dispatch("c", "normal");
        // Another process changed the call after the attempt was seen waiting.
        moves(&mut harness.calls[0].call);
        let attempt = harness.attempt(1).id;
        let answer = harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
        assert_eq!(harness.attempt(1).state, want, "{label}");
        assert_eq!(matches!(answer, Answer::Send(_)), want == AttemptState::Sending, "{label}");
    }
}

#[test]
fn a_claim_is_good_for_one_post() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = harness.attempt(1).id;
    let claim = |engine: &str| Event::Claim { attempt, engine: engine.into(), provider_after: None };
    assert!(matches!(harness.apply(claim("a")), Answer::Send(_)));
    for engine in ["a", "b"] {
        assert!(matches!(harness.apply(claim(engine)), Answer::NotSent(_)), "{engine}");
    }
    // Whoever had no answer to its claim asks for it, and has it where it was made; nobody else has.
    let again = |engine: &str| Event::ClaimAgain { attempt, engine: engine.into() };
    assert!(matches!(harness.apply(again("b")), Answer::NotSent(_)));
    let Answer::Send(send) = harness.apply(again("a")) else { panic!("it is its claim") };
    assert_eq!((send.attempt.id, Some(&send.sender)), (attempt, harness.attempt(1).sender.as_ref()));
    harness.apply(Event::EngineGone { attempt, engine: "a".into() });
    assert_eq!(harness.attempt(1).state, AttemptState::Sending, "its own claim is left alone");
    harness.apply(Event::EngineGone { attempt, engine: "b".into() });
    assert_eq!(harness.attempt(1).state, AttemptState::Unknown);
    assert!(matches!(harness.apply(claim("b")), Answer::NotSent(_)), "an unknown outcome is not sent again");
    assert!(matches!(harness.apply(again("a")), Answer::NotSent(_)), "nor by whoever claimed it");
    harness.apply(Event::Sent { attempt, by: None, outcome: SendOutcome::Unknown { why: "late".into() } });
    assert_eq!(harness.attempt(1).state, AttemptState::Unknown);
}

#[test]
fn a_wake_that_is_not_due_or_not_wanted_does_nothing() {
    for status in CallStatus::ALL {
        let mut harness = in_status(*status);
        if matches!(*status, CallStatus::Dispatching | CallStatus::Deferred) {
            harness.now = harness.now.plus(secs(1));
        } else {
            harness.now = harness.now.plus(mins(600));
        }
        let before = harness.calls.clone();
        let call = harness.call().call.id.clone();
        harness.apply(Event::Wake { call });
        assert_eq!(harness.calls, before, "{status}");
    }
}

#[test]
fn who_was_under_way_when_the_call_was_taken_and_never_reached_is_not_stood_down() {
    for (label, outcome, wanted) in [
        (
            "refused",
            SendOutcome::Refused { code: None, error_class: crate::domain::codes::NO_CODE, why: "no".into() },
            false,
        ),
        ("unknown", SendOutcome::Unknown { why: "reset".into() }, true),
    ] {
        let mut harness = in_status(CallStatus::Dispatching);
        harness.now = harness.now.plus(mins(10));
        let call = harness.call().call.id.clone();
        let before: Vec<_> = harness
            .call()
            .attempts
            .iter()
            .filter(|a| a.recipient.contact.as_str() == "ana")
            .map(|a| a.number)
            .collect();
        for number in before {
            let update = crate::testing::harness::update(
                None,
                number,
                "undelivered",
                Some(30003),
                crate::domain::event::Source::Receipt,
            );
            harness.apply(Event::StatusUpdate(update));
        }
        harness.apply(Event::Wake { call });
        let under_way = harness.call().attempts.iter().rev().find(|a| a.recipient.contact.as_str() == "ana");
        let attempt = under_way.expect("told again").id;
        assert!(
            matches!(
                harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None }),
                Answer::Send(_)
            ),
            "{label}"
        );
        harness.reply(1, "sam", "1");
        harness.apply(Event::Sent { attempt, by: None, outcome });
        let stand_down = harness.call().attempts.last().expect("a stand-down").clone();
        assert_eq!(stand_down.kind, crate::domain::attempt::AttemptKind::StandDown, "{label}");
        let claimed = harness.apply(Event::Claim { attempt: stand_down.id, engine: "e".into(), provider_after: None });
        assert_eq!(matches!(claimed, Answer::Send(_)), wanted, "{label}: {claimed:?}");
    }
}

#[test]
fn a_call_reopened_by_somebody_who_knows_no_contacts_waits_for_the_engine() {
    let mut harness = in_status(CallStatus::Acknowledged);
    let directory = harness.directory.clone();
    harness.directory.contacts.clear();
    decide(&mut harness, Decision::Reopen);
    assert_eq!((harness.call().call.status, harness.call().call.wake_at), (CallStatus::Dispatching, Some(harness.now)));
    harness.directory = directory;
    let call = harness.call().call.id.clone();
    harness.apply(Event::Wake { call });
    assert_eq!(harness.call().attempts.last().map(|a| (a.round, a.step)), Some((2, 0)));
}

/// Claims the attempt with that number and lets a step fire while its POST is under way, which then surely did not happen.
fn not_sent_while(
    harness: &mut CoreHarness,
    number: u32,
    passes: std::time::Duration,
) -> crate::domain::types::AttemptId {
    let (attempt, call) = (harness.attempt(number).id, harness.call().call.id.clone());
    assert!(matches!(
        harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None }),
        Answer::Send(_)
    ));
    harness.now = harness.now.plus(passes);
    harness.apply(Event::Wake { call });
    let outcome = SendOutcome::NotSent { why: "connection refused".into(), again_at: harness.now };
    harness.apply(Event::Sent { attempt, by: None, outcome });
    attempt
}

#[test]
fn a_notice_that_was_being_tried_when_a_newer_one_was_made_is_superseded_too() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = not_sent_while(&mut harness, 1, secs(120));
    harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    let states: Vec<_> = harness.call().attempts.iter().map(|a| a.state).collect();
    assert_eq!(states, [AttemptState::Skipped, AttemptState::Scheduled], "one text, not two");

    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = not_sent_while(&mut harness, 1, secs(120));
    let newer = harness.attempt(2).id;
    harness.apply(Event::Claim { attempt: newer, engine: "e".into(), provider_after: None });
    let outcome = SendOutcome::Refused { code: None, error_class: crate::domain::codes::NO_CODE, why: "no".into() };
    harness.apply(Event::Sent { attempt: newer, by: None, outcome });
    let claimed = harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    assert!(matches!(claimed, Answer::Send(_)), "the newer one failed and stands for nothing: {claimed:?}");
}

#[test]
fn the_end_of_the_ladder_waits_for_a_first_notice_that_is_being_tried() {
    let mut harness = CoreHarness::new();
    harness.directory.contacts.retain(|c| c.id.as_str() == "sam");
    let call = harness.dispatch("c", "normal");
    harness.now = harness.now.plus(mins(30));
    harness.apply(Event::Wake { call });
    let number = harness.call().attempts.iter().rev().find(|a| a.state.is_waiting()).expect("one waits").number;
    not_sent_while(&mut harness, number, mins(20));
    assert_eq!(harness.call().call.status, CallStatus::Dispatching, "nobody was told yet");
    harness.send_all();
    assert!(harness.call().call.notified_at.is_some());
}

#[test]
fn a_decision_about_a_call_as_it_was_seen_is_done_while_it_is_so_and_not_after() {
    let all =
        [ACK, Decision::Resolve, Decision::Cancel, Decision::Reopen, Decision::Seen, Decision::Raise { level: None }];
    let seen_as = |harness: &CoreHarness, what: &Decision| {
        let version = CallVersion::of(&harness.call().call);
        Decision::AsSeen { version, what: Box::new(what.clone()) }
    };
    for status in CallStatus::ALL {
        for what in &all {
            let (mut plain, mut seen) = (in_status(*status), in_status(*status));
            let as_seen = seen_as(&seen, what);
            let (a, b) = (decide(&mut plain, what.clone()), decide(&mut seen, as_seen.clone()));
            assert_eq!(std::mem::discriminant(&a), std::mem::discriminant(&b), "{status} {what:?}");
            let now = seen.call().call.clone();
            assert_eq!(plain.call().call.status, now.status, "{status} {what:?}");
            // The same form once more: it is so already, or it was not allowed before either.
            let again = decide(&mut seen, as_seen);
            assert_eq!(seen.call().call, now, "{status} {what:?}: nothing is done twice");
            assert!(matches!(again, Answer::Already(_) | Answer::NotAllowed(..)), "{status} {what:?}: {again:?}");
        }
    }
    // Somebody was faster.
    let mut harness = in_status(CallStatus::Dispatching);
    let old = [Decision::Cancel, Decision::Resolve, ACK].map(|what| seen_as(&harness, &what));
    harness.reply(1, "sam", "1");
    let taken = harness.call().call.clone();
    for what in old {
        let answer = decide(&mut harness, what);
        let Answer::NotAllowed(_, why) = answer else { panic!("{answer:?}") };
        assert!(why.contains("has changed since"), "{why}");
    }
    assert_eq!(harness.call().call, taken);
    // A text that is delivered meanwhile is no reason to look again.
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let cancel = seen_as(&harness, &Decision::Cancel);
    harness.send_all();
    assert!(matches!(decide(&mut harness, cancel), Answer::Changed(_)));
}

#[test]
fn a_level_is_raised_only_of_a_call_that_sleeps_and_only_a_deferred_one_is_ticked_off() {
    use CallStatus as S;
    let decisions = [
        Decision::Raise { level: Some("high".into()) },
        Decision::Raise { level: Some("nosuch".into()) },
        Decision::Raise { level: None },
        Decision::Seen,
    ];
    let table = [
        (S::Deferred, ["changed", "not allowed", "changed", "changed"]),
        (S::Dispatching, ["not allowed", "not allowed", "already", "not allowed"]),
        (S::Acknowledged, ["not allowed"; 4]),
        (S::Resolved, ["not allowed"; 4]),
        (S::Cancelled, ["not allowed"; 4]),
        (S::Exhausted, ["not allowed"; 4]),
    ];
    for (status, outcomes) in table {
        for (what, want) in decisions.iter().zip(outcomes) {
            let mut harness = in_status(status);
            let before = harness.calls.clone();
            let got = match decide(&mut harness, what.clone()) {
                Answer::Changed(_) => "changed",
                Answer::Already(_) => "already",
                Answer::NotAllowed(..) => "not allowed",
                other => panic!("{status} {what:?}: {other:?}"),
            };
            assert_eq!(got, want, "{status} {what:?}");
            let call = &harness.call().call;
            match (got, what) {
                ("changed", Decision::Seen) => assert_eq!((call.status, call.wake_at), (S::Deferred, None)),
                ("changed", _) => assert_eq!((call.status, call.round), (S::Dispatching, 2), "{what:?}"),
                _ => assert_eq!(harness.calls, before, "{status} {what:?}: nothing is done"),
            }
        }
    }
}

#[test]
fn a_form_that_is_sent_twice_is_told_that_it_is_so_already() {
    use CallStatus as S;
    let forms = [
        (S::Dispatching, ACK),
        (S::Dispatching, Decision::Acknowledge { holder: "sam".parse().ok() }),
        (S::Deferred, ACK),
        (S::Dispatching, Decision::Resolve),
        (S::Acknowledged, Decision::Resolve),
        (S::Exhausted, Decision::Cancel),
        (S::Deferred, Decision::Cancel),
        (S::Acknowledged, Decision::Reopen),
        (S::Exhausted, Decision::Reopen),
        (S::Deferred, Decision::Raise { level: None }),
        (S::Deferred, Decision::Raise { level: Some("high".into()) }),
        (S::Deferred, Decision::Seen),
    ];
    for (status, what) in forms {
        let mut harness = in_status(status);
        let form = Decision::AsSeen { version: CallVersion::of(&harness.call().call), what: Box::new(what.clone()) };
        let first = decide(&mut harness, form.clone());
        assert!(matches!(first, Answer::Changed(_)), "{status} {what:?}: {first:?}");
        let once = harness.calls.clone();
        let second = decide(&mut harness, form);
        assert!(matches!(second, Answer::Already(_)), "{status} {what:?}: {second:?}");
        assert_eq!(harness.calls, once, "{status} {what:?}");
    }
}

#[test]
fn whoever_was_told_of_a_call_may_be_named_as_its_holder_also_where_the_settings_know_them_no_more() {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    harness.send_all();
    harness.directory.contacts.clear();
    let holder = |who: &str| Decision::Acknowledge { holder: who.parse().ok() };
    let stranger = decide(&mut harness, holder("joe"));
    assert!(matches!(&stranger, Answer::NotAllowed(_, why) if why == "there is no contact joe"), "{stranger:?}");
    let known = decide(&mut harness, holder("sam"));
    assert!(matches!(known, Answer::Changed(_)), "{known:?}");
    let call = &harness.call().call;
    assert_eq!((call.status, call.holder.as_ref().map(|h| h.as_str())), (CallStatus::Acknowledged, Some("sam")));
}
