//! Every word of a person on every state of an attempt and every status of its call.

use uuid::Uuid;

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{CallStatus, CallVersion};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::{Actor, AttemptId};
use crate::domain::{AlertKind, Settlement};
use crate::testing::harness::{CoreHarness, sid};
use crate::testing::mins;

fn settle(harness: &mut CoreHarness, how: Settlement) -> Answer {
    let attempt = harness.attempt(1).id;
    harness.apply(Event::Settle { attempt, how, seen: None, by: Actor("mia".into()), note: None })
}

/// A call in this status whose first attempt is in this state; what was accepted has message 1.
fn with(state: AttemptState, status: CallStatus) -> CoreHarness {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let now = harness.now;
    let call = harness.calls.first_mut().expect("a call");
    call.call.status = status;
    if status != CallStatus::Dispatching {
        (call.call.wake_at, call.call.closed_at) = (None, Some(now));
    }
    let a = call.attempts.first_mut().expect("an attempt");
    (a.state, a.sender, a.sent_at) = (state, crate::testing::fixtures::SENDER.parse().ok(), Some(now));
    a.finished_at = state.is_final().then_some(now);
    a.claimed_by = (state == AttemptState::Sending).then(|| "e".to_owned());
    let accepted = matches!(state, AttemptState::Submitted | AttemptState::Delivered);
    a.sid = accepted.then(|| sid(1));
    call.call.notified_at = accepted.then_some(now);
    harness.now = now.plus(mins(1));
    harness
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Changed(_) => "changed",
        Answer::Already(_) => "already",
        Answer::NotAllowed(..) => "not allowed",
        other => panic!("no answer to a settlement: {other:?}"),
    }
}

#[test]
fn only_an_unknown_outcome_is_settled_and_what_is_so_is_said() {
    use AttemptState as S;
    for status in CallStatus::ALL {
        for state in S::ALL {
            let accepted = matches!(state, S::Submitted | S::Delivered);
            let wanted = *status == CallStatus::Dispatching;
            for (how, want, becomes) in [
                (Settlement::Sent(sid(1)), if accepted { "already" } else { "not allowed" }, S::Submitted),
                (Settlement::Sent(sid(2)), "not allowed", S::Submitted),
                (Settlement::NotSent, if *state == S::Failed { "already" } else { "not allowed" }, S::Failed),
                (Settlement::Resend, "not allowed", S::Failed),
            ] {
                let mut harness = with(*state, *status);
                let before = harness.calls.clone();
                let answer = settle(&mut harness, how.clone());
                let settles = *state == S::Unknown && (how != Settlement::Resend || wanted);
                let want = if settles { "changed" } else { want };
                assert_eq!(word(&answer), want, "{how:?} on {state} of a call that is {status}");
                if settles {
                    assert_eq!(harness.attempt(1).state, becomes, "{how:?} of a call that is {status}");
                    assert!(harness.log.iter().any(|e| e.kind.as_str() == "attempt.settled" && e.actor.0 == "mia"));
                } else {
                    assert_eq!(harness.calls, before, "{how:?} on {state} of a call that is {status}: nothing is done");
                }
            }
        }
    }
}

#[test]
fn the_same_word_twice_says_so_and_changes_nothing() {
    for how in [Settlement::Sent(sid(1)), Settlement::NotSent, Settlement::Resend] {
        let mut harness = with(AttemptState::Unknown, CallStatus::Dispatching);
        assert_eq!(word(&settle(&mut harness, how.clone())), "changed", "{how:?}");
        let once = harness.calls.clone();
        assert_eq!(word(&settle(&mut harness, how.clone())), "already", "{how:?}");
        assert_eq!(harness.calls, once, "{how:?}");
    }
}

#[test]
fn what_was_said_of_a_call_that_has_changed_since_does_nothing() {
    for how in [Settlement::Sent(sid(1)), Settlement::NotSent, Settlement::Resend] {
        let mut harness = with(AttemptState::Unknown, CallStatus::Dispatching);
        let seen = Some(CallVersion::of(&harness.calls[0].call));
        let say = |harness: &mut CoreHarness| {
            let attempt = harness.attempt(1).id;
            let (how, seen) = (how.clone(), seen.clone());
            harness.apply(Event::Settle { attempt, how, seen, by: Actor("mia".into()), note: None })
        };
        let call = harness.calls[0].call.id.clone();
        let what = Decision::Acknowledge { holder: "sam".parse().ok() };
        harness.apply(Event::Decide { call, what, by: Actor("ana".into()), note: None });
        let before = harness.calls.clone();
        assert!(
            matches!(say(&mut harness), Answer::NotAllowed(_, why) if why.contains("has changed since")),
            "{how:?}"
        );
        assert_eq!(harness.calls, before, "{how:?}");
        let mut same = with(AttemptState::Unknown, CallStatus::Dispatching);
        assert_eq!(word(&say(&mut same)), "changed", "{how:?}");
        assert_eq!(word(&say(&mut same)), "already", "{how:?}: sent twice it says so");
    }
}

#[test]
fn late_news_after_any_word_is_never_illegal() {
    use crate::domain::event::Source;
    for how in [Settlement::Sent(sid(1)), Settlement::NotSent, Settlement::Resend] {
        for status in ["queued", "sent", "delivered", "undelivered", "read", "zzz"] {
            for source in [Source::Receipt, Source::Fetch, Source::List] {
                let mut harness = with(AttemptState::Unknown, CallStatus::Dispatching);
                settle(&mut harness, how.clone());
                let update = crate::testing::harness::update(Some(harness.attempt(1).id), 1, status, None, source);
                let ingested = harness.try_apply(Event::StatusUpdate(update));
                assert!(ingested.is_ok(), "{status} by {source:?} after {how:?}: {ingested:?}");
            }
        }
    }
}

#[test]
fn what_was_kept_of_a_message_counts_in_the_decision_that_links_it() {
    use crate::domain::event::Source;
    let mut harness = with(AttemptState::Unknown, CallStatus::Dispatching);
    for message in [1, 2] {
        let update = crate::testing::harness::update(None, message, "delivered", None, Source::Receipt);
        assert!(matches!(harness.apply(Event::StatusUpdate(update)), Answer::NotFound), "whose it is is not known");
    }
    assert_eq!(word(&settle(&mut harness, Settlement::Sent(sid(1)))), "changed");
    let a = harness.attempt(1);
    assert_eq!((a.state, a.sid.as_ref()), (AttemptState::Delivered, Some(&sid(1))));
}

#[test]
fn a_later_notice_that_was_sent_ends_the_alert_about_an_earlier_unknown_one_and_no_other_text_does() {
    for (kind, stands) in [(AttemptKind::Notice, false), (AttemptKind::Update, true)] {
        let mut harness = with(AttemptState::Unknown, CallStatus::Dispatching);
        let (earlier, now) = (harness.attempt(1).clone(), harness.now);
        let (alert, attempt) =
            (AlertKind::UnknownOutcome.about(earlier.id), AttemptId::from_uuid(Uuid::from_u128(2_000)));
        let call = &mut harness.calls[0];
        call.attempts[0].decided_at = Some(now);
        call.call.attempts = 2;
        call.attempts.push(Attempt { id: attempt, number: 2, kind, ..earlier });
        harness.alerts.insert(alert.clone(), "nobody knows whether it arrived".into());
        let (how, by) = (Settlement::Sent(sid(2)), Actor("mia".into()));
        assert_eq!(word(&harness.apply(Event::Settle { attempt, how, seen: None, by, note: None })), "changed");
        assert_eq!(harness.attempt(2).state, AttemptState::Submitted, "{kind}");
        assert_eq!(harness.alerts.contains_key(&alert), stands, "{kind}");
    }
}
