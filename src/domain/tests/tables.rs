//! Every decision on every status, every claim on every status.

use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallStatus, Out, OutReason};
use crate::domain::event::{Answer, Decision, Event, SendOutcome};
use crate::domain::types::Actor;
use crate::testing::desk::Desk;
use crate::testing::{mins, secs};

fn decide(desk: &mut Desk, what: Decision) -> Answer {
    let call = desk.call().call.id.clone();
    desk.apply(Event::Decide { call, what, by: Actor("mia".into()), note: None })
}

const ACK: Decision = Decision::Acknowledge { holder: None };

/// A call of which Sam and Ana were told, in this status.
fn in_status(status: CallStatus) -> Desk {
    let mut desk = Desk::new();
    let call = desk.dispatch("c", "normal");
    desk.send_all();
    desk.now = desk.now.plus(secs(420));
    desk.apply(Event::Wake { call: call.clone() });
    desk.send_all();
    match status {
        CallStatus::Dispatching => {}
        CallStatus::Acknowledged => drop(desk.reply(1, "sam", "1")),
        CallStatus::Resolved => drop(decide(&mut desk, Decision::Resolve)),
        CallStatus::Cancelled => drop(decide(&mut desk, Decision::Cancel)),
        CallStatus::Exhausted => {
            for _ in 0..4 {
                desk.now = desk.now.plus(mins(20));
                desk.apply(Event::Wake { call: call.clone() });
                desk.send_all();
            }
        }
    }
    desk.send_all();
    assert_eq!(desk.call().call.status, status);
    desk
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
        (S::Resolved, [NotAllowed, Already, NotAllowed, NotAllowed, NotAllowed, NotAllowed]),
        (S::Cancelled, [NotAllowed, NotAllowed, Already, NotAllowed, NotAllowed, NotAllowed]),
        (
            S::Exhausted,
            [To(S::Acknowledged), To(S::Resolved), To(S::Cancelled), To(S::Dispatching), NotAllowed, NotAllowed],
        ),
    ];
    for (status, outcomes) in table {
        for (what, want) in decisions.iter().zip(outcomes) {
            let mut desk = in_status(status);
            let before = desk.calls.clone();
            let got = match decide(&mut desk, what.clone()) {
                Answer::Changed(s) => To(s.call.status),
                Answer::Already(_) => Already,
                Answer::NotAllowed(..) => NotAllowed,
                other => panic!("{status} {what:?}: {other:?}"),
            };
            assert_eq!(got, want, "{status} {what:?}");
            if !matches!(got, To(_)) {
                assert_eq!(desk.calls, before, "{status} {what:?}: nothing is done");
            }
            let call = &desk.call().call;
            assert_eq!(call.wake_at.is_some(), call.status == S::Dispatching, "{status} {what:?}");
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
        let mut desk = in_status(status);
        let said = desk.reply(9, who, text);
        assert_eq!(desk.call().call.status, want, "{status}: {who} says {text:?}");
        assert!(said.contains(says), "{status}: {who} says {text:?}, is told {said:?}");
        let after = desk.calls.clone();
        assert_eq!(desk.reply(9, who, text), said, "{status}: {who} says {text:?} twice");
        assert_eq!(desk.calls, after, "{status}: {who} says {text:?} twice");
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
        let mut desk = in_status(S::Dispatching);
        desk.reply(1, "sam", "1");
        let waiting = desk.call().attempts.last().map(|a| a.id).expect("a stand-down");
        for what in moves {
            decide(&mut desk, what.clone());
        }
        desk.apply(Event::Claim { attempt: waiting, engine: "e".into() });
        assert_eq!(desk.call().attempt(waiting).map(|a| a.state), Some(want), "{label}");
    }
    // One that waits until the ladder of the next round is over.
    let mut desk = in_status(S::Dispatching);
    desk.reply(1, "sam", "1");
    let waiting = desk.call().attempts.last().map(|a| a.id).expect("a stand-down");
    desk.calls[0].call.outs.push(Out { contact: "ana".parse().expect("id"), why: OutReason::Passed });
    desk.reply(2, "sam", "2");
    assert_eq!(desk.call().call.status, S::Exhausted, "both are out");
    desk.apply(Event::Claim { attempt: waiting, engine: "e".into() });
    assert_eq!(desk.call().attempt(waiting).map(|a| a.state), Some(AttemptState::Skipped), "nobody has it");
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
        ("passed", |c| c.put_out(&"sam".parse().expect("id"), OutReason::Passed), AttemptState::Skipped),
    ];
    for (label, moves, want) in cases {
        let mut desk = Desk::new();
        desk.dispatch("c", "normal");
        // Another process changed the call after the attempt was seen waiting.
        moves(&mut desk.calls[0].call);
        let attempt = desk.attempt(1).id;
        let answer = desk.apply(Event::Claim { attempt, engine: "e".into() });
        assert_eq!(desk.attempt(1).state, want, "{label}");
        assert_eq!(matches!(answer, Answer::Send(_)), want == AttemptState::Sending, "{label}");
    }
}

#[test]
fn a_claim_is_good_for_one_post() {
    let mut desk = Desk::new();
    desk.dispatch("c", "normal");
    let attempt = desk.attempt(1).id;
    let claim = |engine: &str| Event::Claim { attempt, engine: engine.into() };
    assert!(matches!(desk.apply(claim("a")), Answer::Send(_)));
    for engine in ["a", "b"] {
        assert!(matches!(desk.apply(claim(engine)), Answer::NotSent(_)), "{engine}");
    }
    desk.apply(Event::EngineGone { attempt, engine: "a".into() });
    assert_eq!(desk.attempt(1).state, AttemptState::Sending, "its own claim is left alone");
    desk.apply(Event::EngineGone { attempt, engine: "b".into() });
    assert_eq!(desk.attempt(1).state, AttemptState::Unknown);
    assert!(matches!(desk.apply(claim("b")), Answer::NotSent(_)), "an unknown outcome is not sent again");
    desk.apply(Event::Sent { attempt, outcome: SendOutcome::Unknown { why: "late".into() } });
    assert_eq!(desk.attempt(1).state, AttemptState::Unknown);
}

#[test]
fn a_wake_that_is_not_due_or_not_wanted_does_nothing() {
    for status in CallStatus::ALL {
        let mut desk = in_status(*status);
        if *status == CallStatus::Dispatching {
            desk.now = desk.now.plus(secs(1));
        } else {
            desk.now = desk.now.plus(mins(600));
        }
        let before = desk.calls.clone();
        let call = desk.call().call.id.clone();
        desk.apply(Event::Wake { call });
        assert_eq!(desk.calls, before, "{status}");
    }
}
