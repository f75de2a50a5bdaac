//! The constraints: each is broken once on purpose, is named in the refusal, and leaves what was there.

use super::fixtures::*;
use crate::domain::attempt::{AttemptKind, AttemptState, Priority};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Change;
use crate::domain::event::Load;
use crate::domain::log::LogKind;
use crate::domain::types::{Actor, Timestamp};
use crate::store::{Store, StoreError};

type Breach = (&'static str, &'static str, fn(&mut CallState));

/// Whether a refusal names what was broken: the columns, as SQLite does, or the constraint.
fn says(what: &str, names: &str) -> bool {
    names.split('|').any(|name| what.contains(name))
}

fn second(state: &mut CallState) {
    let another = attempt("c", 2, "bo", at(1));
    state.call.attempts = 2;
    state.notices.extend(another.notice());
    state.attempts.push(another);
}

const BREACHES: &[Breach] = &[
    ("dispatching without a wake time", "call_has_a_wake_time_while_dispatching_or_not_seen", |s| {
        s.call.wake_at = None
    }),
    ("a wake time of a call that is taken", "call_has_a_wake_time_while_dispatching_or_not_seen", |s| {
        s.call.status = CallStatus::Acknowledged;
    }),
    ("a holder who is asked of a call that nobody has", "holder_is_asked_while_it_is_taken", |s| {
        s.call.ask_at = Some(at(1))
    }),
    ("a question of a call that nobody has", "holder_answers_while_it_is_taken", |s| s.call.asked_at = Some(at(1))),
    ("round 0", "call_numbers_only_grow", |s| s.call.round = 0),
    ("fewer attempts than were", "call_numbers_only_grow", |s| s.call.attempts = 0),
    ("another reference", "reference", |s| s.call.reference = "2222".parse().expect("reference")),
    ("another acceptance", "acceptance", |s| s.call.accepted_at = at(99)),
    ("final without a time", "attempt_is_finished_exactly_when_final", |s| {
        s.attempts[0].state = AttemptState::Cancelled;
    }),
    ("a final time before its end", "attempt_is_finished_exactly_when_final", |s| {
        s.attempts[0].finished_at = Some(at(1));
    }),
    ("sending without a claim", "attempt_is_claimed_exactly_while_sending", |s| {
        put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1));
        s.attempts[0].claimed_by = None;
    }),
    ("a claim after sending", "attempt_is_claimed_exactly_while_sending", |s| {
        put_in(&mut s.attempts[0], AttemptState::Unknown, 0, at(1));
        s.attempts[0].claimed_by = Some("engine-1".into());
    }),
    ("sending without a sender", "attempt_sending_has_its_intent", |s| {
        put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1));
        s.attempts[0].sender = None;
    }),
    ("sending without a time", "attempt_sending_has_its_intent", |s| {
        put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1));
        s.attempts[0].sent_at = None;
    }),
    ("submitted without a message", "attempt_accepted_has_a_message", |s| {
        put_in(&mut s.attempts[0], AttemptState::Submitted, 0, at(1));
        s.attempts[0].sid = None;
    }),
    ("delivered without a message", "attempt_accepted_has_a_message", |s| {
        put_in(&mut s.attempts[0], AttemptState::Delivered, 0, at(1));
        s.attempts[0].sid = None;
    }),
    ("another recipient", "recipient", |s| s.attempts[0].recipient = recipient("bo", "+18005550100")),
    ("an attempt taken away", "missing", |s| drop(s.attempts.pop())),
    ("a notice taken away", "notice", |s| drop(s.notices.pop())),
    ("a notice changed", "notice", |s| s.notices[0].step = 9),
    ("a number that the call did not count", "attempt_number_is_counted", |s| {
        second(s);
        s.call.attempts = 1;
    }),
    ("a number twice", "attempts.number|attempt_number_is_unique", |s| {
        second(s);
        s.attempts[1].number = 1;
    }),
    ("number 0", "attempt_numbers_are_not_negative", |s| {
        second(s);
        s.attempts[1].number = 0;
    }),
    ("an attempt without its notice", "FOREIGN KEY|attempt_serves_a_notice", |s| {
        second(s);
        s.notices.pop();
    }),
    ("a notice twice", "notices.contact|notice_is_unique", |s| {
        let again = s.notices[0].clone();
        s.notices.push(again);
    }),
    ("two open attempts of one notice", "attempts.step|one_open_attempt_per_notice", |s| {
        second(s);
        s.notices.pop();
        s.attempts[1].step = 0;
        s.attempts[1].recipient = s.attempts[0].recipient.clone();
    }),
    ("a second attempt while the first is unknown", "attempts.step|one_open_attempt_per_notice", |s| {
        second(s);
        s.notices.pop();
        put_in(&mut s.attempts[0], AttemptState::Unknown, 0, at(1));
        s.attempts[1].step = 0;
        s.attempts[1].recipient = s.attempts[0].recipient.clone();
    }),
];

pub(crate) async fn no_change_breaks_an_invariant(store: &dyn Store) {
    put(store, call("c", at(0))).await.expect("put");
    let before = stored(store, "c").await;
    for (label, names, breach) in BREACHES {
        match edit(store, "c", breach).await {
            Err(StoreError::Refused { what }) => assert!(says(&what, names), "{label}: {what}"),
            other => panic!("{label}: {other:?}"),
        }
        assert_eq!(stored(store, "c").await, before, "{label}: something of it was written");
    }
    // What looks alike and is allowed.
    edit(store, "c", |s| {
        second(s);
        s.notices.pop();
        put_in(&mut s.attempts[0], AttemptState::Unknown, 0, at(1));
        s.attempts[0].decided_at = Some(at(2));
        s.attempts[1].step = 0;
        s.attempts[1].recipient = s.attempts[0].recipient.clone();
        s.attempts[1].repeats = Some(s.attempts[0].id);
    })
    .await
    .expect("an unknown outcome whose policy decided may be repeated");
    edit(store, "c", |s| {
        let mut answer = attempt("c", 3, "sam", at(3));
        answer.kind = AttemptKind::Answer;
        answer.step = 40;
        s.call.attempts = 3;
        s.attempts.push(answer);
    })
    .await
    .expect("what is no notice needs none");
}

pub(crate) async fn what_is_final_stays_final(store: &dyn Store) {
    use AttemptState as S;
    let open = [S::Scheduled, S::Sending, S::Retrying, S::Unknown, S::Submitted];
    let finals = [S::Delivered, S::Failed, S::Skipped, S::Cancelled];
    for (i, from) in finals.into_iter().enumerate() {
        let name = format!("f{i}");
        put(store, call(&name, at(0))).await.expect("put");
        let message = u32::try_from(i).expect("small") + 10;
        edit(store, &name, move |s| put_in(&mut s.attempts[0], from, message, at(1))).await.expect("final");
        for to in open.into_iter().chain(finals).filter(|to| *to != from) {
            let got = edit(store, &name, move |s| put_in(&mut s.attempts[0], to, message, at(2))).await;
            let said = format!("{got:?}");
            assert!(said.contains("attempt_final_is_final"), "{from} → {to}: {said}");
        }
    }
    // The one way out: two different finals, settled by a fetch.
    edit(store, "f0", |s| s.attempts[0].conflict = true).await.expect("conflict");
    edit(store, "f0", |s| {
        put_in(&mut s.attempts[0], S::Failed, 10, at(3));
        s.attempts[0].conflict = false;
    })
    .await
    .expect("settled");
    let back = edit(store, "f0", |s| put_in(&mut s.attempts[0], S::Delivered, 10, at(4))).await;
    assert!(matches!(back, Err(StoreError::Refused { .. })), "settled is final again: {back:?}");

    for closed in [CallStatus::Resolved, CallStatus::Cancelled] {
        let name = closed.as_str().to_lowercase();
        put(store, call(&name, at(0))).await.expect("put");
        edit(store, &name, move |s| (s.call.status, s.call.wake_at) = (closed, None)).await.expect("closed");
        for to in CallStatus::ALL.iter().copied().filter(|to| *to != closed) {
            let wake: Option<Timestamp> = (to == CallStatus::Dispatching).then(|| at(9));
            let got = edit(store, &name, move |s| (s.call.status, s.call.wake_at) = (to, wake)).await;
            assert!(format!("{got:?}").contains("call_final_is_final"), "{closed} → {to}: {got:?}");
        }
    }
}

pub(crate) async fn identities_are_unique(store: &dyn Store) {
    let mut first = call("c", at(0));
    first.call.idempotency_key = Some("k".into());
    put_in(&mut first.attempts[0], AttemptState::Submitted, 5, at(1));
    put(store, first.clone()).await.expect("put");

    // A decision that did not look whether the call is there.
    let again = first.clone();
    let blind = always(move || Change { calls: vec![again.clone()], ..Change::default() });
    let got = store.transact(Load::Nothing, Vec::new(), blind).await;
    assert!(says(&format!("{got:?}"), "calls.id|calls_pkey"), "a call twice: {got:?}");

    let mut same_key = call("d", at(0));
    same_key.call.idempotency_key = Some("k".into());
    let got = put(store, same_key).await;
    assert!(says(&format!("{got:?}"), "idempotency_key|calls_by_key"), "a key twice: {got:?}");

    let mut same_message = call("e", at(0));
    put_in(&mut same_message.attempts[0], AttemptState::Submitted, 5, at(1));
    let got = put(store, same_message).await;
    assert!(says(&format!("{got:?}"), "attempts.sid|attempt_message_is_unique"), "a message twice: {got:?}");

    let mut same_attempt = call("g", at(0));
    same_attempt.attempts[0].id = first.attempts[0].id;
    let got = put(store, same_attempt).await;
    assert!(says(&format!("{got:?}"), "attempts.id|attempts_pkey"), "an attempt twice: {got:?}");

    let mut foreign = call("h", at(0));
    foreign.attempts[0].call = id("c");
    let got = put(store, foreign).await;
    assert!(matches!(got, Err(StoreError::Refused { .. })), "an attempt of another call: {got:?}");

    for name in ["d", "e", "g", "h"] {
        assert!(store.call(&id(name)).await.expect("read").is_none(), "{name}: half of it was written");
    }
}

pub(crate) async fn every_word_of_the_domain_can_be_stored(store: &dyn Store) {
    let mut state = call("words", at(0));
    state.call.attempts = 200;
    let mut number = 1;
    for (i, attempt_state) in AttemptState::ALL.iter().enumerate() {
        for kind in AttemptKind::ALL {
            for priority in Priority::ALL {
                number += 1;
                let mut a = attempt("words", number, "sam", at(1));
                put_in(&mut a, *attempt_state, number, at(i64::try_from(i).expect("small")));
                (a.kind, a.priority) = (*kind, *priority);
                state.notices.extend(a.notice());
                state.attempts.push(a);
            }
        }
    }
    put(store, state.clone()).await.expect("put");
    assert_eq!(stored(store, "words").await, state);

    for status in CallStatus::ALL {
        let mut one = call(&format!("s-{status}"), at(0));
        one.call.status = *status;
        one.call.wake_at = (*status == CallStatus::Dispatching).then(|| at(1));
        put(store, one.clone()).await.expect("put");
        assert_eq!(stored(store, one.call.id.as_str()).await, one, "{status}");
    }

    let entries = LogKind::ALL.iter().map(|kind| {
        let mut e = entry(Some("words"), at(1), kind.as_str());
        (e.kind, e.actor, e.attempt) = (*kind, Actor("jo".into()), Some(attempt_id("words", 1)));
        e.data = serde_json::json!({ "n": 1 });
        e
    });
    let entries: Vec<_> = entries.collect();
    store.append_log(entries.clone()).await.expect("log");
    let story = store.story(&id("words")).await.expect("read").expect("there");
    assert_eq!(story.log.into_iter().map(|l| l.entry).collect::<Vec<_>>(), entries);
}
