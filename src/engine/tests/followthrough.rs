//! Whoever took a call and says nothing more is asked whether it goes on.

use std::time::Duration;

use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::Decision;
use crate::domain::rules::{FollowthroughRules, SilentHolder};
use crate::engine::followthrough;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

fn asking(silent: SilentHolder) -> Setup {
    let mut setup = Setup::default();
    setup.rules.followthrough = FollowthroughRules { ask_after: Some(mins(45)), reopen_after: mins(15), silent };
    setup
}

impl World {
    /// A call that Sam took.
    async fn taken(silent: SilentHolder, words: &str) -> Self {
        let mut w = Self::with(asking(silent)).await;
        w.dispatch("normal").await;
        w.reply("sam", words).await;
        assert_eq!(w.status().await, CallStatus::Acknowledged);
        w
    }

    /// Time passes, the duty looks, and what it makes is sent.
    async fn later(&self, d: Duration) {
        self.away(d);
        followthrough::pass(&self.process.engine).await.expect("looked");
        self.settle().await;
    }

    async fn questions(&self) -> usize {
        self.state().await.attempts.iter().filter(|a| a.kind == AttemptKind::Question).count()
    }
}

#[tokio::test]
async fn the_holder_is_asked_once_across_restarts_and_1_done_and_2_each_answer() {
    for (word, says, status) in [
        ("1", "is still yours.", CallStatus::Acknowledged),
        ("done", "is closed. Thank you.", CallStatus::Resolved),
        ("2", "goes back to the others.", CallStatus::Dispatching),
    ] {
        let mut w = World::taken(SilentHolder::Keeps, "1").await;
        w.later(mins(45) - secs(1)).await;
        assert_eq!(w.questions().await, 0);
        w.restart().await;
        w.later(secs(1)).await;
        w.restart().await;
        w.later(secs(1)).await;
        assert_eq!(w.questions().await, 1, "asked once");
        let text = w.attempt(2).await.body;
        assert!(text.ends_with("Still yours? Reply 1 if it goes on, DONE when finished, 2 to hand it back."), "{text}");
        w.later(mins(2)).await;
        let said = w.reply("sam", word).await;
        assert!(said.contains(says), "{word}: {said}");
        assert_eq!(w.status().await, status, "{word}");
        w.later(mins(44)).await;
        assert!(!w.has_alert("taken-silent:").await, "{word}");
        w.later(mins(1)).await;
        let again = usize::from(word == "1");
        assert_eq!(w.questions().await, 1 + again, "{word}: asked again only where it goes on");
    }
}

#[tokio::test]
async fn no_word_alarms_and_a_late_one_still_counts() {
    let mut w = World::taken(SilentHolder::Keeps, "1").await;
    w.later(mins(45)).await;
    w.later(mins(15) - secs(1)).await;
    assert!(!w.has_alert("taken-silent:").await);
    w.later(secs(1)).await;
    assert!(w.has_alert("taken-silent:").await);
    assert_eq!(w.status().await, CallStatus::Acknowledged, "it stays his");
    w.later(mins(600)).await;
    assert_eq!(w.questions().await, 1, "and is not asked about again");
    assert!(w.reply("sam", "1").await.contains("is still yours."));
    assert!(!w.has_alert("taken-silent:").await);
    w.later(mins(45)).await;
    assert_eq!(w.questions().await, 2);
}

#[tokio::test]
async fn no_word_looks_for_somebody_again_where_that_is_set_once() {
    let mut w = World::taken(SilentHolder::Loses, "1").await;
    w.later(mins(45)).await;
    w.later(mins(15)).await;
    w.restart().await;
    w.later(secs(1)).await;
    let state = w.state().await;
    assert_eq!((state.call.status, state.call.round), (CallStatus::Dispatching, 2));
    assert!(w.has_alert("taken-silent:").await, "a person hears of it");
    assert!(w.log_text().await.contains("call.reopened Sam Ortiz was asked whether it goes on and has not answered"));
    w.advance(secs(1)).await;
    w.reply("sam", "1").await;
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    assert!(!w.has_alert("taken-silent:").await, "over with whoever takes it");
}

#[tokio::test]
async fn a_typed_time_is_kept_and_asked_after() {
    let mut w = World::taken(SilentHolder::Keeps, "1 40 min").await;
    assert!(w.log_text().await.contains("call.eta Sam Ortiz says 40 min"));
    w.later(mins(40) - secs(1)).await;
    assert_eq!(w.questions().await, 0);
    w.later(secs(1)).await;
    assert_eq!(w.questions().await, 1);
    w.later(mins(2)).await;
    assert!(w.reply("sam", "1 20 min").await.contains("is still yours."));
    w.later(mins(20)).await;
    assert_eq!(w.questions().await, 2);
    w.later(mins(2)).await;
    w.reply("sam", "1").await;
    w.later(mins(44)).await;
    assert_eq!(w.questions().await, 2, "what was typed before counts no more");
    w.reply("sam", "on my way, 10-15 min").await;
    w.later(mins(14)).await;
    assert_eq!(w.questions().await, 2);
    w.later(mins(1)).await;
    assert_eq!(w.questions().await, 3, "also without a question before");
}

#[tokio::test]
async fn nobody_is_asked_where_it_is_off_or_the_office_took_it_and_what_was_typed_stands_in_the_story() {
    let mut w = World::with(Setup::default()).await;
    w.dispatch("normal").await;
    w.reply("sam", "1 40 min").await;
    w.later(mins(600)).await;
    assert_eq!((w.questions().await, w.status().await), (0, CallStatus::Acknowledged));
    assert!(w.log_text().await.contains("says 40 min"));

    let mut w = World::with(asking(SilentHolder::Loses)).await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(Decision::Acknowledge { holder: None }).await, Answer::Changed(_)));
    w.later(mins(600)).await;
    assert_eq!((w.questions().await, w.status().await), (0, CallStatus::Acknowledged));
}

#[tokio::test]
async fn soft_words_and_words_before_the_question_confirm_nothing() {
    let mut w = World::taken(SilentHolder::Keeps, "1").await;
    assert!(w.reply("sam", "1").await.contains("already yours"), "before any question");
    w.later(mins(45)).await;
    w.later(mins(2)).await;
    let said = w.reply("sam", "ok").await;
    assert!(said.starts_with("Reply 1 if "), "{said}");
    w.later(mins(13)).await;
    assert!(w.has_alert("taken-silent:").await);
}

#[tokio::test]
async fn a_question_that_fails_is_alarmed_at_once_and_one_that_waits_is_not_sent_once_it_is_answered() {
    let w = World::taken(SilentHolder::Keeps, "1").await;
    w.later(mins(45)).await;
    let question = w.state().await.attempts.iter().find(|a| a.kind == AttemptKind::Question).expect("made").number;
    w.receipt(question, "undelivered", Some(30_005)).await;
    assert!(w.has_alert("taken-silent:").await);

    let w = World::taken(SilentHolder::Keeps, "1").await;
    w.away(mins(45));
    followthrough::pass(&w.process.engine).await.expect("looked");
    assert!(matches!(w.decide(Decision::Resolve).await, Answer::Changed(_)));
    w.settle().await;
    let state = w.state().await;
    let question = state.attempts.iter().find(|a| a.kind == AttemptKind::Question).expect("made");
    assert_eq!(question.state, AttemptState::Skipped, "{}", question.result);
}

#[tokio::test]
async fn whom_no_question_reached_keeps_the_call_and_silence_counts_from_when_it_left() {
    let w = World::taken(SilentHolder::Loses, "1").await;
    w.sms.otherwise(Reaction::away());
    w.later(mins(45)).await;
    w.later(mins(15)).await;
    assert_eq!(w.status().await, CallStatus::Acknowledged, "he was not asked");
    assert!(w.has_alert("taken-silent:").await, "{:?}", w.alerts().await);
    w.sms.otherwise(Reaction::Accept);
    w.advance(mins(10)).await;
    let state = w.state().await;
    let question = state.attempts.iter().find(|a| a.kind == AttemptKind::Question).expect("made").clone();
    assert!(question.state.may_have_arrived(), "{question:?}");
    let left = question.sent_at.expect("it left").plus(mins(15)).since(w.now());
    w.later(left - secs(1)).await;
    assert_eq!(w.status().await, CallStatus::Acknowledged, "a quarter of an hour from when it left");
    w.later(mins(16)).await;
    assert_eq!(w.status().await, CallStatus::Dispatching);
}

#[tokio::test]
async fn a_1_means_the_emergency_that_was_told_after_the_question() {
    let mut w = World::taken(SilentHolder::Keeps, "1").await;
    let first = w.id();
    w.later(mins(45)).await;
    w.later(mins(60)).await;
    let second = w.dispatch("normal").await;
    w.later(mins(2)).await;
    let said = w.reply("sam", "1 40 min").await;
    assert!(said.contains("is yours"), "{said}");
    assert_eq!(w.call(&second).await.call.status, CallStatus::Acknowledged);
    assert!(w.call(&first).await.call.asked_at.is_some(), "the question stands");
    let reference = w.call(&first).await.call.reference.to_string();
    assert!(w.reply("sam", &format!("1 {reference}")).await.contains("is still yours."));
}
