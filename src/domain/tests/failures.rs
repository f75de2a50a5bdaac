//! What a failure says of a number and of a sender, when it says so no more, and what is kept of what comes late.

use crate::domain::AlertKind;
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::event::{Decision, Event, NoteTo, SendOutcome, Settlement, Source};
use crate::domain::types::{Actor, AttemptId, ErrorCode};
use crate::testing::harness::{CoreHarness, sid, update};
use crate::testing::{fixtures, secs};

/// This number cannot be reached for good.
const UNKNOWN_HANDSET: u32 = 30005;
/// It may be reached later.
const HANDSET_OFF: u32 = 30003;
/// The sender is at fault.
const UNREGISTERED: u32 = 30034;
/// The account is.
const SUSPENDED: u32 = 30002;

/// A call of which Sam was told so many times, two minutes apart; every text was accepted, under its own number.
fn told(times: u32) -> CoreHarness {
    let mut harness = CoreHarness::new();
    let call = harness.dispatch("c", "normal");
    harness.send_all();
    for _ in 1..times {
        harness.now = harness.now.plus(secs(120));
        harness.apply(Event::Wake { call: call.clone() });
        harness.send_all();
    }
    harness
}

/// The same, and attempt 2 is a note that was texted to Sam.
fn told_and_noted() -> CoreHarness {
    let mut harness = told(1);
    let call = harness.call().call.id.clone();
    let (what, by) = (Decision::Note(NoteTo::People), Actor("mia".into()));
    harness.apply(Event::Decide { call, what, by, note: Some("The gate is open".into()) });
    harness.send_all();
    assert_eq!((harness.attempt(2).kind, harness.attempt(2).state), (AttemptKind::Update, AttemptState::Submitted));
    harness
}

/// A call of whose first text nobody knows what became.
fn unknown() -> (CoreHarness, AttemptId) {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = harness.attempt(1).id;
    harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    harness.apply(Event::Sent { attempt, by: None, outcome: SendOutcome::Unknown { why: "reset".into() } });
    (harness, attempt)
}

/// The same, and a person says that it was not sent.
fn said_not_sent() -> (CoreHarness, AttemptId) {
    let (mut harness, attempt) = unknown();
    let by = Actor("mia".into());
    harness.apply(Event::Settle { attempt, how: Settlement::NotSent, seen: None, by, note: None });
    (harness, attempt)
}

/// The provider says this of the attempt with that number.
fn says(harness: &mut CoreHarness, number: u32, word: &str, code: Option<u32>, source: Source) {
    let attempt = harness.attempt(number).id;
    harness.apply(Event::StatusUpdate(update(Some(attempt), number, word, code, source)));
}

/// It was said to have failed, and arrived: two different ends, of which the provider is asked.
fn arrived_after_all(harness: &mut CoreHarness, number: u32) {
    says(harness, number, "delivered", None, Source::Receipt);
    assert!(harness.attempt(number).conflict, "attempt {number}");
    says(harness, number, "delivered", None, Source::Fetch);
    assert_eq!(harness.attempt(number).state, AttemptState::Delivered, "attempt {number}");
}

/// Who gets no further notice of the call.
fn out(harness: &CoreHarness) -> Vec<&str> {
    harness.call().call.excluded.iter().map(|o| o.contact.as_str()).collect()
}

fn alarms(harness: &CoreHarness, kind: AlertKind) -> bool {
    harness.alerts.keys().any(|key| key.kind() == kind)
}

#[test]
fn of_a_failure_that_the_provider_takes_back_nothing_is_left() {
    let mut harness = told(1);
    says(&mut harness, 1, "undelivered", Some(UNKNOWN_HANDSET), Source::Receipt);
    assert_eq!((out(&harness), alarms(&harness, AlertKind::Failed)), (vec!["sam"], true));
    arrived_after_all(&mut harness, 1);
    let a = harness.attempt(1);
    assert_eq!((a.error_code, a.class), (None, None), "what arrived has no error");
    assert_eq!((out(&harness), alarms(&harness, AlertKind::Failed)), (Vec::new(), false));
}

#[test]
fn a_text_that_arrived_after_all_makes_the_number_good_again_unless_a_later_text_failed_for_good() {
    // How each of two texts to Sam failed, which of them arrived after all, and who is out then.
    let table: [([u32; 2], u32, &[&str]); 3] = [
        ([HANDSET_OFF, UNKNOWN_HANDSET], 1, &["sam"]),
        ([UNKNOWN_HANDSET, UNKNOWN_HANDSET], 1, &["sam"]),
        ([UNKNOWN_HANDSET, UNKNOWN_HANDSET], 2, &[]),
    ];
    for (codes, arrived, want) in table {
        let mut harness = told(2);
        for (number, code) in (1..).zip(codes) {
            says(&mut harness, number, "undelivered", Some(code), Source::Receipt);
        }
        assert_eq!(out(&harness), ["sam"], "{codes:?}");
        arrived_after_all(&mut harness, arrived);
        assert_eq!(out(&harness), want, "{codes:?}: attempt {arrived} arrived");
    }
}

#[test]
fn a_text_that_is_no_notice_takes_back_nothing_of_what_the_failure_of_a_notice_says() {
    let mut harness = told_and_noted();
    says(&mut harness, 1, "undelivered", Some(UNKNOWN_HANDSET), Source::Receipt);
    says(&mut harness, 2, "undelivered", None, Source::Receipt);
    arrived_after_all(&mut harness, 2);
    assert_eq!(harness.attempt(1).state, AttemptState::Failed);
    assert_eq!(out(&harness), ["sam"], "his notice failed for good");
    assert!(harness.alerts.contains_key(&AlertKind::Failed.about("c:sam")), "{:?}", harness.alerts);
}

#[test]
fn a_senders_failure_opens_its_breaker_unless_a_later_text_by_it_arrived_and_an_accounts_unless_any_did() {
    const ANOTHER: &str = "+19495550199";
    // The code, by whom a later text to the same contact arrived, and whether a breaker opens.
    let table = [
        (UNREGISTERED, None, true),
        (UNREGISTERED, Some(fixtures::SENDER), false),
        (UNREGISTERED, Some(ANOTHER), true),
        (SUSPENDED, None, true),
        (SUSPENDED, Some(fixtures::SENDER), false),
        (SUSPENDED, Some(ANOTHER), false),
    ];
    for (code, arrived_by, opens) in table {
        for code_is_late in [false, true] {
            let mut harness = told(2);
            if let Some(sender) = arrived_by {
                harness.calls[0].attempts[1].sender = sender.parse().ok();
                says(&mut harness, 2, "delivered", None, Source::Receipt);
            }
            if code_is_late {
                says(&mut harness, 1, "undelivered", None, Source::Receipt);
            }
            says(&mut harness, 1, "undelivered", Some(code), Source::Receipt);
            let label = format!("{code}, late: {code_is_late}, a later text arrived by {arrived_by:?}");
            assert_eq!(harness.attempt(1).error_code, Some(ErrorCode(code)), "{label}");
            assert_eq!(alarms(&harness, AlertKind::Breaker), opens, "{label}");
            assert_eq!(harness.breakers.len(), usize::from(opens), "{label}");
        }
    }
}

#[test]
fn a_code_that_comes_late_takes_nobody_out_whom_a_later_text_reached_nor_for_a_text_that_is_no_notice() {
    let mut reached = told(2);
    says(&mut reached, 2, "delivered", None, Source::Receipt);
    for (label, mut harness, failed) in [("a later text reached him", reached, 1), ("a note", told_and_noted(), 2)] {
        says(&mut harness, failed, "undelivered", None, Source::Receipt);
        let before = harness.call().attempts.len();
        says(&mut harness, failed, "undelivered", Some(UNKNOWN_HANDSET), Source::Receipt);
        assert_eq!(harness.attempt(failed).error_code, Some(ErrorCode(UNKNOWN_HANDSET)), "{label}: it is kept");
        assert!(out(&harness).is_empty(), "{label}");
        assert_eq!(harness.call().attempts.len(), before, "{label}: nobody else is told for it");
    }
}

/// Which attempt each row of news that is kept belongs to, and what it did.
fn kept(harness: &CoreHarness) -> Vec<(Option<AttemptId>, &'static str)> {
    harness.receipts.iter().map(|r| (r.joined, r.effect)).collect()
}

#[test]
fn news_that_links_a_message_or_brings_a_code_is_kept_by_whatever_way_it_came() {
    // A person says that it was not sent; then the list that was being read has it all the same.
    let (mut harness, attempt) = said_not_sent();
    for time in ["once", "twice"] {
        says(&mut harness, 1, "sent", None, Source::List);
        assert_eq!(kept(&harness), [(Some(attempt), "moved")], "{time}");
    }
    let a = harness.attempt(1);
    assert_eq!((a.state, a.sid.as_ref()), (AttemptState::Failed, Some(&sid(1))), "it is linked");
    assert!(a.poll_at.is_some(), "and the provider is asked what became of it");
    // The code of a failure comes by a question.
    let mut harness = told(1);
    let attempt = harness.attempt(1).id;
    says(&mut harness, 1, "failed", None, Source::Receipt);
    for time in ["once", "twice"] {
        says(&mut harness, 1, "failed", Some(UNKNOWN_HANDSET), Source::Fetch);
        assert_eq!(kept(&harness), [(Some(attempt), "moved"), (Some(attempt), "moved")], "{time}");
    }
}

#[test]
fn the_providers_final_word_is_kept_of_a_text_of_which_a_person_had_said_that_it_was_not_sent() {
    let (mut harness, _) = said_not_sent();
    says(&mut harness, 1, "undelivered", Some(HANDSET_OFF), Source::Receipt);
    let a = harness.attempt(1);
    assert_eq!(a.message_status.as_ref().map(|s| s.as_str()), Some("undelivered"), "{a:?}");
}

#[test]
fn who_cannot_be_reached_for_good_by_one_channel_is_by_another_and_what_arrives_there_says_nothing_of_the_first() {
    for (failed, stays_out) in [(Channel::Voice, true), (Channel::Sms, false)] {
        let mut harness = told(1);
        let sam = harness.attempt(1).recipient.contact.clone();
        harness.calls[0].call.exclude_failed(&sam, failed);
        says(&mut harness, 1, "delivered", None, Source::Receipt);
        assert_eq!(harness.call().call.is_out_by(&sam, failed), stays_out, "{failed:?}");
    }
    // A phone call failed for good after the text that arrived in the end.
    let mut harness = told(2);
    says(&mut harness, 1, "undelivered", Some(UNKNOWN_HANDSET), Source::Receipt);
    says(&mut harness, 2, "undelivered", Some(UNKNOWN_HANDSET), Source::Receipt);
    harness.calls[0].attempts[1].channel = Channel::Voice;
    arrived_after_all(&mut harness, 1);
    assert_eq!(out(&harness), Vec::<&str>::new(), "the text arrived");
}

#[test]
fn that_a_message_is_gone_at_the_provider_is_said_once_and_ends_no_search() {
    let mut harness = told(1);
    let attempt = harness.attempt(1).id;
    harness.apply(Event::Gone { attempt });
    assert!(alarms(&harness, AlertKind::NoFinalStatus), "{:?}", harness.alerts);
    let (calls, entries) = (harness.calls.clone(), harness.log.len());
    harness.apply(Event::Gone { attempt });
    assert_eq!((harness.log.len(), &harness.calls), (entries, &calls), "asked by two at once");
    // A text whose message nobody knows cannot be gone: it is searched for.
    let (mut harness, attempt) = unknown();
    let calls = harness.calls.clone();
    harness.apply(Event::Gone { attempt });
    assert_eq!(harness.calls, calls);
    assert!(harness.attempt(1).poll_at.is_some(), "the search goes on");
}
