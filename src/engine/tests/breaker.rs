//! A sender that fails by its own fault is not used until a probe shows that it works again; what waits is deferred.

use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::breaker::ACCOUNT;
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{BreakerEvent, Event};
use crate::domain::types::CallId;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

pub(super) const OTHER: &str = "+15005550007";

/// The breakers that are open: whose, and how often they were probed.
pub(super) async fn open(w: &World) -> Vec<(String, u32)> {
    let all = w.process.store.breakers().await.expect("read");
    all.into_iter().filter(crate::domain::breaker::Breaker::is_open).map(|b| (b.sender, b.probes)).collect()
}

pub(super) fn with_fallback() -> Setup {
    let mut setup = Setup::default();
    setup.directory.fallback = vec![OTHER.parse().expect("a sender")];
    setup
}

#[tokio::test]
async fn a_refused_sender_is_probed_every_minute_and_what_waits_is_told_once() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    assert_eq!(open(&w).await, [(fixtures::SENDER.to_owned(), 0)]);
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"], "it waits again, as a new attempt");
    assert_eq!(w.attempt(2).await.repeats, Some(w.attempt(1).await.id));
    let second = w.dispatch("normal").await;
    assert_eq!(w.sms.posts().len(), 1, "nothing else is tried");

    w.advance(secs(59)).await;
    assert_eq!(w.sms.posts().len(), 1);
    w.advance(secs(1)).await;
    assert_eq!((w.sms.posts().len(), open(&w).await[0].1), (2, 1), "one probe a minute");
    // Step 2 of both calls is due after 2 min, step 3 after 7.
    w.advance(mins(8)).await;
    assert_eq!(w.sms.posts().len(), 10, "and no more");
    assert_eq!(w.alerts().await.iter().filter(|a| a.starts_with("breaker:")).count(), 1);
    // Who was tried as a probe in vain keeps nobody else from being told: that may be their number's doing.
    let state = w.call(&second).await;
    assert!(state.attempts.iter().any(|a| a.recipient.contact.as_str() == "ana"), "{:?}", w.attempts().await);

    w.sms.forget_script();
    w.advance(mins(1)).await;
    assert!(open(&w).await.is_empty(), "the provider took the probe");
    assert!(!w.has_alert("breaker:").await);
    // Whom the probe reached is not told again by the steps that had waited: each contact of each call was told once.
    for call in ["call_1", "call_2"] {
        let state = w.call(&call.parse::<CallId>().expect("an id")).await;
        let accepted = |name: &str| {
            let of = |a: &&crate::domain::attempt::Attempt| {
                a.recipient.contact.as_str() == name && a.state == AttemptState::Submitted
            };
            state.attempts.iter().filter(of).count()
        };
        assert_eq!((accepted("sam"), accepted("ana")), (1, 1), "{call}");
        assert_eq!((state.call.next_step, state.call.deferred_from), (3, None), "{call}");
    }
    assert!(!w.has_alert("late:").await, "it was late for a reason that was told");
}

#[tokio::test]
async fn what_comes_due_while_a_notice_waits_is_deferred_and_told_once_when_it_closes() {
    let mut w = World::new().await;
    let first = w.dispatch("normal").await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    // The first call's follow-up waits from 2 min on; the second call's text is the older one and probes.
    w.advance(secs(119)).await;
    w.sms.on_list(Reaction::Accept);
    w.advance(secs(1)).await;
    let state = w.call(&first).await;
    assert_eq!((state.attempts.len(), state.call.next_step), (2, 2), "its notice waits");
    w.process.core.apply(close_by_person(), crate::domain::types::Actor("mia".into())).await.expect("closed");
    w.sms.forget_script();
    w.settle().await;
    let state = w.call(&first).await;
    assert_eq!(state.call.wake_at.map(|at| at.since(crate::testing::world::START).as_secs()), Some(420));
    assert_eq!(state.attempts[1].state, AttemptState::Submitted);
}

fn close_by_person() -> Event {
    Event::Breaker { sender: fixtures::SENDER.to_owned(), what: BreakerEvent::ClosedByPerson }
}

#[tokio::test]
async fn an_accepted_probe_proves_nothing_where_messages_failed_after_they_were_accepted() {
    let mut w = World::new().await;
    let mut calls: Vec<CallId> = Vec::new();
    for _ in 0..50 {
        calls.push(w.dispatch("normal").await);
    }
    let first: Vec<_> = w.sms.ledger();
    assert_eq!(first.len(), 50);
    for m in &first {
        w.update_of(m, "delivered", None).await;
    }
    // The follow-ups of all go out, are accepted, and fail.
    w.advance(mins(2)).await;
    let second = w.sms.ledger().split_off(50);
    assert_eq!(second.len(), 50);
    for m in &second {
        w.update_of(m, "undelivered", Some(30034)).await;
    }
    w.settle().await;
    assert_eq!(w.alerts().await, [format!("breaker:{}", fixtures::SENDER)], "one alert");
    assert_eq!(w.sms.ledger().len(), 100, "all wait");

    // A call that comes now is told by nobody.
    let late = w.dispatch("normal").await;
    w.advance(secs(61)).await;
    let probe = w.sms.ledger().split_off(100);
    assert_eq!(probe.len(), 1, "a probe alone");
    assert_eq!(w.call(&late).await.attempts[0].id, probe[0].attempt, "first notices before reminders");
    w.update_of(&probe[0], "undelivered", Some(30034)).await;
    w.settle().await;
    w.watch().await;
    assert!(w.has_alert(&format!("untold:{late}")).await);
    assert_eq!(w.alerts().await.len(), 2, "{:?}", w.alerts().await);
    w.advance(mins(1)).await;
    let probe = w.sms.ledger().split_off(101);
    assert_eq!((probe.len(), open(&w).await[0].1), (1, 2));
    assert_eq!(w.alerts().await.len(), 2, "still: {:?}", w.alerts().await);

    w.update_of(&probe[0], "delivered", None).await;
    w.settle().await;
    assert!(open(&w).await.is_empty() && !w.has_alert("breaker:").await);
    let after = w.sms.ledger().split_off(102);
    let is_notified = |call: &CallId, state: &crate::domain::call::CallState| {
        let of = |id| state.attempts.iter().any(|a| a.id == id && a.kind == AttemptKind::Notice && &a.call == call);
        after.iter().chain(&probe).filter(|m| of(m.attempt)).count()
    };
    for call in calls.iter().chain([&late]) {
        assert_eq!(is_notified(call, &w.call(call).await), 1, "{call}: one text each");
    }
}

#[tokio::test]
async fn a_probe_that_was_sent_and_stays_without_an_error_closes_after_the_status_timeout() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "undelivered", Some(30034)).await;
    w.advance(mins(1)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"]);
    w.receipt(2, "sent", None).await;
    w.advance(mins(4)).await;
    assert_eq!(open(&w).await.len(), 1, "accepted and sent, for too short a time");
    w.advance(mins(2)).await;
    assert!(open(&w).await.is_empty());
    assert!(w.log_of(None).await.contains("no error followed"));
}

#[tokio::test]
async fn a_failure_of_what_was_sent_before_the_breaker_closed_does_not_open_it_again() {
    let mut w = World::new().await;
    let one = w.dispatch("normal").await;
    let two = w.dispatch("normal").await;
    let sent = w.sms.ledger();
    w.update_of(&sent[0], "undelivered", Some(30034)).await;
    w.advance(mins(1)).await;
    let probe = w.sms.ledger().pop().expect("a probe");
    w.update_of(&probe, "delivered", None).await;
    w.settle().await;
    assert!(open(&w).await.is_empty());
    w.update_of(&sent[1], "undelivered", Some(30034)).await;
    w.settle().await;
    assert!(open(&w).await.is_empty(), "old news");
    let state = w.call(&two).await;
    assert_eq!(state.attempts.len(), 2, "it is told again all the same");
    assert_eq!(state.attempts[1].state, AttemptState::Submitted);
    assert_eq!(w.call(&one).await.attempts.len(), 2);
}

#[tokio::test]
async fn another_sender_stands_in_and_a_reminder_finds_out_when_it_need_not() {
    let mut w = World::with(with_fallback()).await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"]);
    assert_eq!(w.attempt(2).await.sender.map(|s| s.as_str().to_owned()).as_deref(), Some(OTHER));
    assert_eq!(open(&w).await.len(), 1);
    w.advance(mins(1)).await;
    w.dispatch("normal").await;
    assert_eq!(
        w.attempt(1).await.sender.map(|s| s.as_str().to_owned()).as_deref(),
        Some(OTHER),
        "no first notice is risked"
    );
    assert_eq!(open(&w).await, [(fixtures::SENDER.to_owned(), 0)]);
    w.advance(mins(1)).await;
    assert!(open(&w).await.is_empty(), "the follow-up of the first call was the probe");
    let last = w.sms.ledger().pop().expect("a message");
    assert_eq!(last.from, fixtures::SENDER);
}

#[tokio::test]
async fn refused_credentials_stop_every_sender_and_a_list_tells_when_they_are_taken_again() {
    let mut w = World::with(with_fallback()).await;
    w.sms.otherwise(Reaction::refuse(401, 20003));
    w.sms.on_list(Reaction::refuse(401, 20003));
    w.dispatch("normal").await;
    assert_eq!(open(&w).await, [(ACCOUNT.to_owned(), 0)]);
    assert!(w.has_alert("breaker:account").await);
    w.advance(mins(5)).await;
    assert_eq!((w.sms.posts().len(), w.sms.lists()), (1, 5), "no text is a probe of credentials");
    w.sms.forget_script();
    w.sms.on_list(Reaction::Accept);
    w.advance(mins(1)).await;
    assert!(open(&w).await.is_empty() && !w.has_alert("breaker:").await);
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("sam").expect_nothing();
    assert_eq!(w.status().await, CallStatus::Dispatching);
}

#[tokio::test]
async fn what_is_the_pairs_fault_or_the_texts_opens_nothing() {
    for code in [21408, 21612, 30007, 30005, 30003, 21617, 59_999] {
        let mut w = World::new().await;
        w.sms.next(Reaction::refuse(400, code));
        w.dispatch("normal").await;
        assert!(open(&w).await.is_empty(), "{code}");
        w.dispatch("normal").await;
        assert_eq!(w.attempts().await, ["1 sam submitted"], "{code}: other calls run");
    }
}

#[tokio::test]
async fn a_person_closes_it_and_everything_goes_at_once() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.dispatch("normal").await;
    let event = |what| Event::Breaker { sender: fixtures::SENDER.to_owned(), what };
    let answer = w.apply(event(BreakerEvent::ClosedByPerson), "mia").await;
    assert!(matches!(answer, Answer::Done), "{answer:?}");
    w.settle().await;
    assert_eq!(w.sms.ledger().len(), 2);
    assert!(w.log_of(None).await.contains("a person closed it"));
    let again = w.apply(event(BreakerEvent::ClosedByPerson), "mia").await;
    assert!(matches!(again, Answer::NotFound), "{again:?}: it is closed");
}

#[tokio::test]
async fn it_outlives_the_process() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.restart().await;
    w.advance(secs(30)).await;
    assert_eq!((w.sms.posts().len(), open(&w).await.len()), (1, 1));
    w.sms.forget_script();
    w.advance(secs(30)).await;
    assert!(open(&w).await.is_empty());
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("sam").expect_nothing();
}

#[tokio::test]
async fn a_taken_call_waits_for_no_breaker() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.advance(mins(3)).await;
    let call = w.id();
    let what = crate::domain::event::Decision::Acknowledge { holder: None };
    let by = crate::domain::types::Actor("mia".into());
    w.apply(Event::Decide { call, what, by, note: None }, "mia").await;
    let state = w.state().await;
    assert_eq!((state.call.status, state.call.deferred_from), (CallStatus::Acknowledged, None));
    assert!(state.attempts.iter().all(|a| a.state.is_final()), "{:?}", w.attempts().await);
}
