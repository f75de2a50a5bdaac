//! Who wants no phone calls is told by text, and who wants no texts is rung: each word counts for its own channel alone.

use super::voice::{calls, mixed};
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::testing::{World, fixtures, mins, secs};

#[tokio::test]
async fn no_calls_ends_the_ringing_of_that_phone_and_start_calls_begins_it_again() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    let answer = w.reply("sam", "NO CALLS!").await;
    assert!(answer.contains("Texts still come") && answer.contains("START CALLS"), "{answer}");
    assert_eq!(w.status().await, CallStatus::Dispatching, "it passes nothing");
    assert!(w.has_alert("opted-out:sam:phone-calls").await, "{:?}", w.alerts().await);
    w.advance(mins(1)).await;
    assert_eq!(w.voice.posts(), 0, "his phone is not rung");
    w.tech("ana").expect_sms("Burst pipe");
    assert!(w.log_text().await.contains("Sam Ortiz opted out"), "{}", w.log_text().await);
    // Texts to him go on.
    w.dispatch("mixed").await;
    w.tech("sam").expect_sms("Burst pipe");

    w.restart().await;
    let answer = w.reply("sam", "start calls").await;
    assert!(answer.contains("NO CALLS"), "{answer}");
    assert!(!w.has_alert("opted-out:sam:phone-calls").await);
    w.advance(mins(1)).await;
    assert!(w.voice.posts() >= 1, "rung again");
}

#[tokio::test]
async fn a_phone_call_that_has_not_left_is_dropped_and_somebody_else_is_told_at_once() {
    let mut w = World::with(calls(&[(0, "primary", Channel::Voice), (9, "backup", Channel::Voice)])).await;
    w.begin("mixed").await;
    w.reply("sam", "Don't call me").await;
    w.advance(secs(1)).await;
    let first = w.attempt(1).await;
    assert_eq!(first.state, AttemptState::Skipped, "{}", first.result);
    let rung: Vec<String> = w.voice.ledger().iter().map(|c| c.to.clone()).collect();
    assert_eq!(rung, [fixtures::phone("ana")], "at once, and not after nine minutes");
    // An operator clears it.
    let clear = Event::ClearOptOut { phone: fixtures::phone("sam").to_owned(), by: Actor("operator".into()) };
    w.apply(clear, "operator").await;
    assert!(!w.has_alert("opted-out:sam:phone-calls").await);
    w.dispatch("mixed").await;
    assert_eq!(w.voice.posts(), 2);
}

#[tokio::test]
async fn texts_that_are_barred_bar_no_phone_call_and_start_lifts_texts_alone() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.reply("sam", "no calls").await;
    w.reply("sam", "START").await;
    w.advance(mins(1)).await;
    assert_eq!(w.voice.posts(), 0, "START is about texts");

    let mut w = World::with(calls(&[(0, "primary", Channel::Sms), (1, "primary", Channel::Voice)])).await;
    w.reply("sam", "STOP").await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    assert_eq!(w.sms.posts().len(), 0);
    assert_eq!(w.voice.posts(), 1, "his phone rings all the same");
}
