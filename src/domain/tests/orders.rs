//! Receipts come in any order, twice, late: what they say ends the same.

use std::collections::BTreeSet;

use crate::domain::attempt::{Attempt, AttemptState};
use crate::domain::event::{Event, Source};
use crate::domain::{AlertKind, MessageStatus, Timestamp};
use crate::testing::harness::{CoreHarness, accepted, update};

/// What came to us about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The answer to the POST.
    Response,
    /// A receipt on the attempt's own URL.
    Named(&'static str),
    /// A receipt that only names the message.
    Bare(&'static str),
}

const CARRIER_BUSY: u32 = 30003;

fn begin() -> CoreHarness {
    let mut harness = CoreHarness::new();
    harness.dispatch("c", "normal");
    let attempt = harness.attempt(1).id;
    harness.apply(Event::Claim { attempt, engine: "e".into(), provider_after: None });
    harness
}

fn hear(harness: &mut CoreHarness, said: Said) {
    let attempt = harness.attempt(1).id;
    let code = |word: &str| matches!(word, "failed" | "undelivered").then_some(CARRIER_BUSY);
    let event = match said {
        Said::Response => Event::Sent { attempt, by: None, outcome: accepted(1, "queued", None) },
        Said::Named(word) => Event::StatusUpdate(update(Some(attempt), 1, word, code(word), Source::Receipt)),
        Said::Bare(word) => Event::StatusUpdate(update(None, 1, word, code(word), Source::Receipt)),
    };
    harness.apply(event);
}

/// What must not depend on the order.
fn end(a: &Attempt) -> (AttemptState, Option<String>, Option<u32>, Option<String>, bool) {
    let word = a.message_status.as_ref().map(ToString::to_string);
    let message = a.sid.as_ref().map(ToString::to_string);
    (a.state, word, a.error_code.map(|c| c.0), message, a.conflict)
}

/// Every order of `said`, each once.
fn orders(said: &[Said]) -> Vec<Vec<Said>> {
    let Some((first, rest)) = said.split_first() else { return vec![Vec::new()] };
    let mut all: Vec<Vec<Said>> = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut one = order.clone();
            one.insert(at, *first);
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

#[test]
fn all_orders_of_up_to_six_receipts_and_the_response_end_the_same() {
    use Said::{Bare, Named, Response};
    for (label, said, state, word) in [
        (
            "delivered",
            &[Response, Named("queued"), Named("sent"), Named("delivered")][..],
            AttemptState::Delivered,
            "delivered",
        ),
        (
            "repeated",
            &[Response, Named("sent"), Named("sent"), Named("delivered"), Named("delivered"), Bare("queued")],
            AttemptState::Delivered,
            "delivered",
        ),
        (
            "some name the message alone",
            &[Response, Bare("queued"), Bare("sending"), Named("sent"), Bare("delivered")],
            AttemptState::Delivered,
            "delivered",
        ),
        (
            "failed",
            &[Response, Named("queued"), Bare("sent"), Named("undelivered"), Named("undelivered"), Named("sending")],
            AttemptState::Failed,
            "undelivered",
        ),
        (
            "read after delivered",
            &[Response, Named("sent"), Named("delivered"), Named("read")],
            AttemptState::Delivered,
            "read",
        ),
        (
            "words that nobody knows",
            &[Response, Named("partially_delivered"), Named("zzz"), Named("sent")],
            AttemptState::Submitted,
            "sent",
        ),
    ] {
        let mut seen = BTreeSet::new();
        let all = orders(said);
        for order in &all {
            let mut harness = begin();
            for s in order {
                hear(&mut harness, *s);
            }
            let a = harness.attempt(1);
            assert_eq!(
                (a.state, a.message_status.as_ref().map(MessageStatus::as_str)),
                (state, Some(word)),
                "{label}: {order:?}"
            );
            seen.insert(format!("{:?}", end(a)));
        }
        assert_eq!(seen.len(), 1, "{label}: {seen:?} over {} orders", all.len());
    }
}

#[test]
fn every_sequence_of_five_words_leaves_a_final_state_only_by_a_fetch() {
    const WORDS: &[&str] = &["queued", "sent", "delivered", "undelivered", "zzz"];
    let count = WORDS.len().pow(5);
    for n in 0..count {
        let mut harness = begin();
        hear(&mut harness, Said::Response);
        let mut rest = n;
        let mut first_final = None;
        for _ in 0..5 {
            let word = WORDS[rest % WORDS.len()];
            rest /= WORDS.len();
            hear(&mut harness, Said::Named(word));
            let state = harness.attempt(1).state;
            let want = *first_final.get_or_insert(state);
            if want.is_final() {
                assert_eq!(state, want, "sequence {n}");
            } else {
                first_final = Some(state);
            }
        }
        let a = harness.attempt(1);
        // A question is open exactly while two finals disagree, or none has come.
        assert_eq!(a.poll_at.is_some(), a.conflict || !a.state.is_final(), "sequence {n}");
        if !a.conflict {
            continue;
        }
        for truth in ["delivered", "undelivered"] {
            let mut harness = harness.clone();
            let attempt = harness.attempt(1).id;
            harness.apply(Event::StatusUpdate(update(Some(attempt), 1, truth, None, Source::Fetch)));
            let a = harness.attempt(1);
            assert_eq!(a.message_status.as_ref().map(MessageStatus::as_str), Some(truth), "sequence {n}");
            assert!(!a.conflict && a.poll_at.is_none(), "sequence {n}");
        }
    }
}

#[test]
fn days_late_changes_nothing() {
    let mut harness = begin();
    hear(&mut harness, Said::Response);
    hear(&mut harness, Said::Named("delivered"));
    let before = harness.calls.clone();
    harness.now = Timestamp::from_millis(harness.now.as_millis() + 5 * 24 * 3_600_000);
    for word in ["sent", "queued", "delivered", "sending", "accepted"] {
        hear(&mut harness, Said::Named(word));
    }
    assert_eq!(harness.calls, before);
}

#[test]
fn a_second_message_of_one_attempt_is_an_alarm_and_moves_nothing() {
    let mut harness = begin();
    hear(&mut harness, Said::Response);
    let attempt = harness.attempt(1).id;
    harness.apply(Event::StatusUpdate(update(Some(attempt), 2, "delivered", None, Source::Receipt)));
    assert_eq!(harness.attempt(1).state, AttemptState::Submitted);
    assert!(harness.alerts.keys().any(|k| k.kind() == AlertKind::SecondMessage), "{:?}", harness.alerts.keys());
}
