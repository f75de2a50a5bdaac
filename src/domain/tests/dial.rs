//! Every key on every state of a call, and every end of a phone call in every order of what is said of it.

use crate::domain::MessageStatus;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::{CallStatus, ExclusionReason};
use crate::domain::change::{Answer, Speech};
use crate::domain::codes::classify;
use crate::domain::event::{Decision, Event, PhoneTurn, SendOutcome, Source, StatusUpdate};
use crate::domain::types::{Actor, AttemptId, ErrorCode, MessageSid};
use crate::testing::harness::CoreHarness;
use crate::testing::{fixtures, mins, secs};

/// A call whose first step rings Sam and whose second, after five minutes, rings Ana. Sam's phone call is placed.
fn placed() -> (CoreHarness, PhoneTurn) {
    let mut policy = fixtures::policy("rings", &[(mins(0), &["primary"]), (mins(5), &["backup"])]);
    policy.steps.iter_mut().for_each(|step| step.channel = Channel::Voice);
    let mut harness = CoreHarness::new();
    harness.directory = fixtures::directory_with(policy);
    harness.directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
    harness.dispatch("c", "rings");
    let attempt = place(&mut harness, 1);
    (harness, PhoneTurn { attempt, sid: sid(1), turn: 1, by_machine: false })
}

/// The phone call of the attempt with this number is placed; its SID has that number.
fn place(harness: &mut CoreHarness, number: u32) -> AttemptId {
    let attempt = harness.attempt(number).id;
    let claimed = harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    assert!(matches!(claimed, Answer::Send(_)), "{claimed:?}");
    let outcome = SendOutcome::Accepted {
        sid: sid(number),
        status: MessageStatus::from_word("queued"),
        code: None,
        error_class: classify(None),
        provider_at: None,
        queued_for: secs(0),
    };
    harness.apply(Event::Sent { attempt, by: None, outcome });
    attempt
}

fn sid(n: u32) -> MessageSid {
    format!("CA{n:032x}").parse().expect("a SID")
}

fn speech(answer: Answer) -> Speech {
    match answer {
        Answer::Speak(speech) => *speech,
        other => panic!("a phone call is answered with words: {other:?}"),
    }
}

fn press(harness: &mut CoreHarness, turn: &PhoneTurn, digits: &str) -> Speech {
    speech(harness.apply(Event::Key { turn: turn.clone(), digits: digits.to_owned() }))
}

fn word(harness: &mut CoreHarness, attempt: AttemptId, word: &str, sip: Option<u32>) {
    let code = sip.map(ErrorCode);
    harness.apply(Event::StatusUpdate(StatusUpdate {
        attempt: Some(attempt),
        sid: sid(1),
        status: MessageStatus::from_word(word),
        code,
        error_class: classify(code),
        source: Source::Receipt,
        provider_at: None,
    }));
}

/// The kind of what is said.
fn kind(speech: &Speech) -> &'static str {
    match speech {
        Speech::Job { .. } => "job",
        Speech::Confirm { .. } => "confirm",
        Speech::Yours(_) => "yours",
        Speech::Taken(_) => "taken",
        Speech::Passed => "passed",
        Speech::CanWait => "can wait",
        Speech::MayNotWait { .. } => "may not wait",
        Speech::NoKey { .. } => "no key",
        Speech::Over => "over",
        Speech::NotKnown => "not known",
    }
}

/// The state of the call in which a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Looks,
    Exhausted,
    Theirs,
    Anas,
    Resolved,
    Cancelled,
    Waits,
    Passed,
}

fn in_state(found: Found) -> (CoreHarness, PhoneTurn) {
    let (mut harness, turn) = placed();
    let call = harness.call().call.id.clone();
    let decide = |harness: &mut CoreHarness, what| {
        harness.apply(Event::Decide { call: call.clone(), what, by: Actor("mia".into()), note: None });
    };
    let holder = |who: &str| Decision::Acknowledge { holder: Some(who.parse().expect("a contact")) };
    match found {
        Found::Looks => {}
        Found::Exhausted => {
            harness.now = harness.now.plus(mins(6));
            harness.apply(Event::Wake { call: call.clone() });
            place(&mut harness, 2);
            for _ in 0..3 {
                harness.now = harness.now.plus(mins(20));
                harness.apply(Event::Wake { call: call.clone() });
            }
            assert_eq!(harness.call().call.status, CallStatus::Exhausted);
        }
        Found::Theirs => decide(&mut harness, holder("sam")),
        Found::Anas => decide(&mut harness, holder("ana")),
        Found::Resolved => decide(&mut harness, Decision::Resolve),
        Found::Cancelled => decide(&mut harness, Decision::Cancel),
        Found::Waits => assert_eq!(kind(&press(&mut harness, &turn, "3")), "can wait"),
        Found::Passed => assert_eq!(kind(&press(&mut harness, &turn, "2")), "passed"),
    }
    (harness, turn)
}

#[test]
fn every_key_on_every_state_of_the_call() {
    use CallStatus as S;
    use Found as F;
    const KEYS: [&str; 7] = ["1", "2", "3", "9", "7", "", "1#"];
    // What each key hears, and the call's status after it.
    let same = |words: &'static str, status| [(words, status); KEYS.len()];
    let looks = [
        ("yours", S::Acknowledged),
        ("passed", S::Dispatching),
        ("can wait", S::Deferred),
        ("job", S::Dispatching),
        ("job", S::Dispatching),
        ("job", S::Dispatching),
        ("job", S::Dispatching),
    ];
    let exhausted = [
        ("yours", S::Acknowledged),
        ("passed", S::Exhausted),
        ("may not wait", S::Exhausted),
        ("job", S::Exhausted),
        ("job", S::Exhausted),
        ("job", S::Exhausted),
        ("job", S::Exhausted),
    ];
    let table = [
        (F::Looks, looks),
        (F::Exhausted, exhausted),
        (F::Theirs, same("yours", S::Acknowledged)),
        (F::Anas, same("taken", S::Acknowledged)),
        (F::Resolved, same("over", S::Resolved)),
        (F::Cancelled, same("over", S::Cancelled)),
        // The key of this phone call decided: no other one of it changes that.
        (F::Waits, same("can wait", S::Deferred)),
        (F::Passed, same("passed", S::Dispatching)),
    ];
    for (found, wants) in table {
        for (key, (words, status)) in KEYS.into_iter().zip(wants) {
            let (mut harness, turn) = in_state(found);
            let said = press(&mut harness, &turn, key);
            assert_eq!((kind(&said), harness.call().call.status), (words, status), "{found:?}: key {key:?}");
            let passed = harness.call().call.excluded.iter().any(|e| e.why == ExclusionReason::Passed);
            let may_pass = found == F::Passed || (key == "2" && matches!(found, F::Looks | F::Exhausted));
            assert_eq!(passed, may_pass, "{found:?}: key {key:?}");
            // A request that comes again is answered the same, and changes nothing.
            let before = (harness.calls.clone(), harness.log.len());
            let again = press(&mut harness, &turn, key);
            assert_eq!(kind(&again), words, "{found:?}: key {key:?} again");
            if matches!(found, F::Looks | F::Exhausted) && ["1", "2"].contains(&key) {
                assert_eq!((harness.calls.clone(), harness.log.len()), before, "{found:?}: key {key:?} again");
            }
        }
    }
}

#[test]
fn a_key_of_a_phone_call_that_is_not_the_attempts_changes_nothing() {
    let (mut harness, turn) = placed();
    let before = harness.calls.clone();
    let forged = PhoneTurn { sid: sid(2), ..turn.clone() };
    assert_eq!(kind(&press(&mut harness, &forged, "1")), "not known");
    assert_eq!(kind(&speech(harness.apply(Event::Asked(forged.clone())))), "not known");
    let forged = PhoneTurn { attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(0xdead)), ..turn.clone() };
    let answer = harness.apply(Event::Key { turn: forged, digits: "1".to_owned() });
    assert!(matches!(answer, Answer::NotFound), "{answer:?}");
    assert_eq!(harness.calls, before);
    assert_eq!(kind(&press(&mut harness, &turn, "1")), "yours");
}

#[test]
fn a_machine_that_presses_1_is_asked_for_it_once_more() {
    let (mut harness, turn) = placed();
    let machine = PhoneTurn { by_machine: true, ..turn };
    let Speech::Confirm { turn: again } = press(&mut harness, &machine, "1") else { panic!("taken by a machine") };
    assert_eq!(harness.call().call.status, CallStatus::Dispatching);
    assert_eq!(kind(&press(&mut harness, &PhoneTurn { turn: again, ..machine }, "1")), "yours");
}

/// What an end asks of the ladder.
#[derive(Debug, PartialEq, Eq)]
enum Asks {
    /// The same phone again, later.
    Again,
    /// The next contact, now.
    Next,
    /// Nothing.
    Nothing,
}

#[test]
fn every_end_without_a_key_has_its_reason_its_class_and_its_next_step() {
    // The word, the carrier's code, whether it was asked for words before; the reason, the class, whether it rang, what is next.
    let table = [
        ("completed", Some(200), true, "answered_no_key", 'T', true, Asks::Again),
        ("completed", None, true, "answered_no_key", 'T', true, Asks::Again),
        ("no-answer", Some(487), false, "no-answer", 'T', true, Asks::Again),
        ("no-answer", None, false, "no-answer", 'T', true, Asks::Again),
        ("no-answer", Some(480), false, "unreachable", 'T', false, Asks::Again),
        ("failed", Some(480), false, "unreachable", 'T', false, Asks::Again),
        ("busy", Some(486), false, "busy", 'T', false, Asks::Again),
        ("busy", Some(600), false, "busy", 'T', false, Asks::Again),
        ("busy", Some(603), false, "blocked", 'T', false, Asks::Again),
        ("failed", Some(607), false, "blocked", 'T', false, Asks::Again),
        ("failed", Some(403), false, "blocked", 'T', false, Asks::Again),
        ("failed", Some(404), false, "failed: there is no such number", 'N', false, Asks::Next),
        ("failed", Some(604), false, "failed: there is no such number", 'N', false, Asks::Next),
        ("failed", Some(503), false, "failed", '?', false, Asks::Again),
        ("failed", None, false, "failed", '?', false, Asks::Again),
        ("canceled", Some(487), false, "canceled", '-', false, Asks::Nothing),
    ];
    for (end, sip, is_asked, reason, class, rang, next) in table {
        let (mut harness, turn) = placed();
        let case = format!("{end} {sip:?}");
        if is_asked {
            assert_eq!(kind(&speech(harness.apply(Event::Asked(turn.clone())))), "job", "{case}");
        }
        word(&mut harness, turn.attempt, end, sip);
        let a = harness.attempt(1);
        assert_eq!((a.state, a.rang()), (AttemptState::Failed, rang), "{case}");
        assert!(a.result.starts_with(reason), "{case}: {}", a.result);
        assert_eq!(a.class.map(|c| c.letter()), Some(class), "{case}");
        let told: Vec<(String, bool)> = harness
            .call()
            .attempts
            .iter()
            .filter(|b| b.id != turn.attempt)
            .map(|b| (b.recipient.contact.to_string(), b.not_before > harness.now))
            .collect();
        let got = match told.as_slice() {
            [] => Asks::Nothing,
            [(who, true)] if who == "sam" => Asks::Again,
            [(who, false)] if who == "ana" => Asks::Next,
            other => panic!("{case}: {other:?}"),
        };
        assert_eq!(got, next, "{case}");
        // The same word again changes nothing; a lower one says at most that it rang before.
        let before = harness.calls.clone();
        word(&mut harness, turn.attempt, end, sip);
        assert_eq!(harness.calls, before, "{case} again");
        word(&mut harness, turn.attempt, "ringing", None);
        let rang = harness.attempt(1).rang();
        assert_eq!(rang, sip != Some(480), "{case}: whoever rings a phone that is off hears no phone");
        harness.calls.iter_mut().flat_map(|c| &mut c.attempts).for_each(|a| a.trace.rang = false);
        let mut same = before;
        same.iter_mut().flat_map(|c| &mut c.attempts).for_each(|a| a.trace.rang = false);
        assert_eq!(harness.calls, same, "{case}, then ringing");
    }
}

#[test]
fn every_order_of_what_is_said_of_a_phone_call_ends_the_same() {
    // Two stories that end without a key, one that ends with one; each told in every order.
    for (words, presses, state, status) in [
        (["initiated", "ringing", "in-progress", "completed"], false, AttemptState::Failed, CallStatus::Dispatching),
        (["initiated", "ringing", "ringing", "no-answer"], false, AttemptState::Failed, CallStatus::Dispatching),
        (["initiated", "ringing", "key", "completed"], true, AttemptState::Delivered, CallStatus::Acknowledged),
    ] {
        for order in orders() {
            let (mut harness, turn) = placed();
            let said: Vec<&str> = order.iter().filter_map(|at| words.get(*at).copied()).collect();
            for what in &said {
                match *what {
                    "key" => assert_eq!(kind(&press(&mut harness, &turn, "1")), "yours", "{said:?}"),
                    what => word(&mut harness, turn.attempt, what, None),
                }
            }
            let a = harness.attempt(1);
            let last = a.message_status.as_ref().map(ToString::to_string);
            assert_eq!((a.state, harness.call().call.status), (state, status), "{said:?}");
            assert_eq!(last.as_deref(), words.last().copied(), "{said:?}");
            assert_eq!(a.replied == "1", presses, "{said:?}");
            let waiting = harness.call().attempts.iter().filter(|b| b.state.is_waiting()).count();
            assert_eq!(waiting, usize::from(!presses), "{said:?}: the phone again, and never beside a holder");
        }
    }
}

/// Every order of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for n in 0..256usize {
        let order = [n / 64, n / 16 % 4, n / 4 % 4, n % 4];
        if (0..4).all(|at| order.contains(&at)) {
            all.push(order);
        }
    }
    assert_eq!(all.len(), 24);
    all
}

#[test]
fn a_phone_call_may_be_under_way_from_its_claim_to_its_end_and_while_nobody_knows() {
    for (label, state, is_decided, may_be) in [
        ("it waits", AttemptState::Scheduled, false, false),
        ("it is claimed", AttemptState::Sending, false, true),
        ("the provider has it", AttemptState::Submitted, false, true),
        ("nobody knows whether it was placed", AttemptState::Unknown, false, true),
        ("that was decided, whatever is true", AttemptState::Unknown, true, false),
        ("it failed", AttemptState::Failed, false, false),
    ] {
        let mut a = fixtures::attempt("c", 1);
        (a.channel, a.state, a.decided_at) = (Channel::Voice, state, is_decided.then_some(a.created_at));
        assert_eq!(a.is_open_phone_call(), may_be, "{label}");
        a.channel = Channel::Sms;
        assert!(!a.is_open_phone_call(), "{label}: a text rings nobody");
    }
}
