//! Odd moments of a breaker: opt-outs, clocks, ends of ladders, two senders, failures that are one recipient's alone.

use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::event::{BreakerEvent, Decision, Event, InboundText};
use crate::domain::types::CallId;
use crate::testing::world::{START, Setup};
use crate::testing::{Reaction, World, fixtures, mins, secs};

use super::breaker::{OTHER, open, with_fallback};

fn slow() -> Setup {
    let policy = fixtures::policy("slow", &[(secs(0), &["primary"]), (mins(20), &["backup"])]);
    Setup { directory: fixtures::directory_with(policy), ..Setup::default() }
}

async fn close(w: &World, sender: &str) {
    let event = Event::Breaker { sender: sender.to_owned(), what: BreakerEvent::ClosedByPerson };
    w.apply(event, "mia").await;
}

#[tokio::test]
async fn sender_failures_do_not_eat_the_resend_limit() {
    let mut w = World::with(slow()).await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("slow").await;
    w.advance(secs(61)).await;
    w.sms.forget_script();
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam failed", "3 sam submitted"]);
    w.receipt(3, "undelivered", Some(30003)).await;
    w.advance(secs(25)).await;
    assert_eq!(
        w.attempts().await.last().map(String::as_str),
        Some("4 sam submitted"),
        "{:?}\n{}",
        w.attempts().await,
        w.log_text().await
    );
}

#[tokio::test]
async fn and_the_last_step_is_not_exhausted_by_them() {
    let policy = fixtures::policy("one", &[(secs(0), &["primary"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(policy), ..Setup::default() }).await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("one").await;
    w.advance(secs(61)).await;
    w.sms.forget_script();
    w.advance(secs(60)).await;
    w.receipt(3, "undelivered", Some(30003)).await;
    w.settle().await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "{:?}", w.attempts().await);
}

#[tokio::test]
async fn mute_while_deferred_keeps_the_time_to_exhaust() {
    let mut w = World::new().await;
    let first = w.dispatch("normal").await;
    w.advance(mins(1)).await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    let other = w.dispatch("normal").await;
    w.advance(mins(7)).await;
    let state = w.call(&first).await;
    assert!(state.call.deferred_from.is_some(), "deferred");
    w.apply(
        Event::Decide {
            call: first.clone(),
            what: Decision::Mute,
            by: crate::domain::types::Actor("mia".into()),
            note: None,
        },
        "mia",
    )
    .await;
    w.sms.forget_script();
    close(&w, fixtures::SENDER).await;
    w.settle().await;
    let _ = other;
    assert_eq!(w.call(&first).await.call.status, CallStatus::Dispatching, "exhausted 10 min too early");
}

#[tokio::test]
async fn the_end_of_the_ladder_was_deferred_and_the_last_step_still_waits() {
    let mut w = World::new().await;
    let first = w.dispatch("normal").await;
    w.advance(mins(8)).await;
    // sam, sam, ana were told; step 4 (sam and ana) is due at 17 min. The sender dies at 16.
    w.advance(mins(8)).await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.advance(mins(14)).await;
    let state = w.call(&first).await;
    assert_eq!((state.call.next_step, state.call.status), (4, CallStatus::Dispatching));
    let waiting = state.attempts.iter().filter(|a| a.state.is_waiting()).count();
    assert_eq!(waiting, 2, "step 4 waits");
    w.sms.forget_script();
    close(&w, fixtures::SENDER).await;
    w.settle().await;
    let state = w.call(&first).await;
    let shown: Vec<String> = state.attempts.iter().map(crate::testing::story::shown).collect();
    assert_eq!(state.call.status, CallStatus::Dispatching, "{shown:?}");
    assert!(state.attempts.iter().filter(|a| a.step == 3).any(|a| a.state == AttemptState::Submitted), "{shown:?}");
}

#[tokio::test]
async fn dispatcher_and_claim_agree_on_the_sender() {
    let mut w = World::with(with_fallback()).await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.sms.next(Reaction::NotSent { retry_after: Some(secs(5)) });
    w.sms.next(Reaction::refuse(400, 21606));
    let one = w.dispatch("normal").await;
    w.dispatch("normal").await;
    assert_eq!(open(&w).await.len(), 2);
    close(&w, fixtures::SENDER).await;
    w.settle().await;
    assert_eq!(open(&w).await.len(), 1);
    w.advance(secs(6)).await;
    let state = w.call(&one).await;
    let shown: Vec<String> = state.attempts.iter().map(crate::testing::story::shown).collect();
    assert!(state.attempts.iter().any(|a| a.state == AttemptState::Submitted), "the first sender works: {shown:?}");
}

#[tokio::test]
async fn a_clock_set_back_after_a_breaker_closed_makes_no_flood() {
    let mut w = World::new().await;
    w.advance(mins(60)).await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    close(&w, fixtures::SENDER).await;
    w.settle().await;
    w.process.clocks.pass().await.expect("clock");
    w.clock.set_wall(START);
    w.process.clocks.pass().await.expect("clock");
    w.sms.otherwise(Reaction::refuse(400, 21606));
    let before = w.sms.posts().len();
    let (store, sms) = (w.process.store.clone(), w.sms.clone());
    let _ = store;
    let r = tokio::time::timeout(std::time::Duration::from_secs(8), w.dispatch("normal")).await;
    assert!(r.is_ok() && sms.posts().len() - before <= 2, "{} POSTs", sms.posts().len() - before);
}

#[tokio::test]
async fn a_clock_set_back_while_it_is_open_does_not_keep_it_open() {
    let mut w = World::new().await;
    w.advance(mins(60)).await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.process.clocks.pass().await.expect("clock");
    w.clock.set_wall(START);
    w.process.clocks.pass().await.expect("clock");
    w.advance(mins(5)).await;
    assert!(open(&w).await.is_empty(), "{:?} {:?}", open(&w).await, w.attempts().await);
}

#[tokio::test]
async fn a_list_that_works_while_sends_are_refused_makes_no_burst_a_minute() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::refuse(403, 20403));
    for _ in 0..20 {
        w.dispatch("normal").await;
    }
    let before = w.sms.posts().len();
    for _ in 0..5 {
        // So that no POST of the test is refused in the very millisecond in which the breaker closed.
        w.sms.otherwise(Reaction::NotSent { retry_after: Some(secs(2)) });
        w.advance(secs(60)).await;
        w.sms.otherwise(Reaction::refuse(403, 20403));
        w.advance(secs(10)).await;
    }
    let log = w.log_of(None).await;
    let posts = w.sms.posts().len() - before;
    let refused: usize = log.matches("breaker of the whole account opens").count();
    assert!(refused <= 2, "{posts} POSTs in 6 min; opened {refused} times");
}

#[tokio::test]
async fn a_clock_set_back_while_steps_wait_loses_no_reminder() {
    let mut w = World::new().await;
    w.advance(mins(60)).await;
    let first = w.dispatch("normal").await;
    w.advance(mins(1)).await;
    // Another call's failure opens it; this call's step 2 (sam) fires and waits, step 3 (ana) and 4 (sam, ana) are deferred.
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.advance(mins(7)).await;
    assert!(w.call(&first).await.call.deferred_from.is_some());
    w.process.clocks.pass().await.expect("clock");
    w.clock.set_wall(START);
    w.process.clocks.pass().await.expect("clock");
    w.advance(mins(12)).await;
    w.sms.forget_script();
    close(&w, fixtures::SENDER).await;
    w.settle().await;
    let state = w.call(&first).await;
    let shown: Vec<String> = state.attempts.iter().map(crate::testing::story::shown).collect();
    let sams = state
        .attempts
        .iter()
        .filter(|a| a.recipient.contact.as_str() == "sam" && a.state == AttemptState::Submitted)
        .count();
    assert_eq!(sams, 2, "sam is reminded: {shown:?}\n{}", w.log_of(Some(first)).await);
}

#[tokio::test]
async fn opted_out_of_the_stand_in_only() {
    let mut w = World::with(with_fallback()).await;
    let text = InboundText {
        listed: false,
        waited_since: None,
        sid: "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".parse().expect("sid"),
        from: fixtures::phone("sam").to_owned(),
        to: OTHER.to_owned(),
        body: "STOP".into(),
        provider_replied: true,
        at: None,
        at_ours: None,
    };
    w.apply(Event::Inbound(text), "sam").await;
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    w.advance(secs(70)).await;
    let all_attempts = w.attempts().await;
    assert!(
        all_attempts.iter().any(|a| a == "3 sam submitted") || all_attempts.iter().any(|a| a.contains("sam submitted")),
        "{all_attempts:?}\n{}",
        w.log_text().await
    );
}

#[tokio::test]
async fn one_contact_whose_texts_fail_by_the_sender_keeps_the_backup_from_being_told() {
    let mut w = World::new().await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 21703));
    w.dispatch("normal").await;
    w.advance(mins(60)).await;
    let all_attempts = w.attempts().await;
    assert!(
        all_attempts.iter().any(|a| a.contains("ana")),
        "{} attempts, {:?}, {:?}: {all_attempts:?}",
        all_attempts.len(),
        w.status().await,
        open(&w).await
    );
}

#[tokio::test]
async fn an_answer_from_a_shut_sender() {
    let mut setup = Setup::default();
    let mut line = setup.directory.default_line.clone();
    line.number = Some("+18005550100".into());
    line.from = OTHER.parse().ok();
    setup.directory.lines = vec![line];
    let mut w = World::with(setup).await;
    // The first sender dies on the default line.
    w.sms.next(Reaction::refuse(400, 21606));
    w.dispatch("normal").await;
    assert_eq!(open(&w).await.len(), 1);
    // A call on the other line is sent by the other number; Sam answers to the first.
    let mut intake = crate::testing::story::intake("on-two", "normal");
    intake.data.twilio_to_number = Some("+18005550100".into());
    w.accept(intake).await;
    w.settle().await;
    let id: CallId = "on-two".parse().expect("id");
    let reference = w.call(&id).await.call.reference.clone();
    let text = InboundText {
        listed: true,
        waited_since: None,
        sid: "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".parse().expect("sid"),
        from: fixtures::phone("sam").to_owned(),
        to: fixtures::SENDER.to_owned(),
        body: format!("1 {reference}"),
        provider_replied: false,
        at: Some(w.now()),
        at_ours: None,
    };
    let a = w.apply(Event::Inbound(text), "sam").await;
    w.settle().await;
    let _ = a;
}
