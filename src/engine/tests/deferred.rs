//! Calls that can wait: recorded, nobody woken, seen by a person in the morning or alarmed about.

use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::Decision;
use crate::engine::morning;
use crate::testing::story::intake;
use crate::testing::{World, mins, secs};

const SIX_HOURS: u64 = 6 * 60;
const RAISE: Decision = Decision::Raise { level: None };

impl World {
    /// A call of a dripping tap, at two in the night.
    async fn defer(&mut self) {
        let mut drip = intake("drip", "Morning");
        drip.data.issue_summary = Some("A tap drips".into());
        assert!(matches!(self.accept(drip).await, Answer::Created(_)));
        self.last = Some("drip".parse().expect("an id"));
        self.settle().await;
    }

    /// Time passes without an engine's other work, and the duty looks.
    async fn until_morning_and(&self, minutes: u64) {
        self.away(mins(minutes));
        morning::pass(&self.process.engine).await.expect("looked");
    }
}

#[tokio::test]
async fn nobody_is_woken_and_whoever_has_not_seen_it_is_alarmed_in_the_morning_and_every_hour() {
    let mut w = World::new().await;
    w.defer().await;
    assert_eq!((w.status().await, w.sms.posts().len()), (CallStatus::Deferred, 0));
    assert_eq!(w.alerts().await, ["deferred:drip"]);
    assert!(w.log_text().await.contains("accepted at level morning, nobody is woken"));
    w.until_morning_and(SIX_HOURS - 1).await;
    assert!(!w.has_alert("not-seen:").await, "before eight");
    w.until_morning_and(1).await;
    assert!(w.has_alert("not-seen:drip").await);
    let said = async || {
        let alerts = w.process.store.alerts().await.expect("read");
        alerts.into_iter().find(|a| a.key.to_string() == "not-seen:drip").expect("raised").message
    };
    let first = said().await;
    assert!(first.contains("6 h ago"), "{first}");
    w.until_morning_and(60).await;
    assert!(said().await.contains("7 h ago"), "again, with how long it has been");
    assert_eq!(w.sms.posts().len(), 0);
    assert!(matches!(w.decide(Decision::Seen).await, Answer::Changed(_)));
    assert!(w.alerts().await.is_empty());
    w.until_morning_and(24 * 60).await;
    assert!(w.alerts().await.is_empty(), "it was seen");
    assert!(matches!(w.decide(Decision::Seen).await, Answer::Already(_)));
    assert_eq!(w.status().await, CallStatus::Deferred, "open until somebody closes it");
}

#[tokio::test]
async fn who_has_seen_it_before_the_morning_is_not_alarmed_and_an_engine_that_starts_late_alarms_at_once() {
    let mut w = World::new().await;
    w.defer().await;
    w.decide(Decision::Seen).await;
    w.until_morning_and(SIX_HOURS + 1).await;
    assert!(w.alerts().await.is_empty());

    let mut w = World::new().await;
    w.defer().await;
    w.away(mins(3 * SIX_HOURS));
    w.restart().await;
    w.until_morning_and(0).await;
    assert!(w.has_alert("not-seen:drip").await);
}

#[tokio::test]
async fn a_raised_call_is_told_at_once_and_its_alarms_are_over() {
    let mut w = World::new().await;
    w.defer().await;
    w.until_morning_and(SIX_HOURS).await;
    assert!(matches!(w.decide(RAISE).await, Answer::Changed(_)));
    w.advance(secs(1)).await;
    let call = w.state().await.call;
    assert_eq!((call.status, call.round, call.level.as_str()), (CallStatus::Dispatching, 2, "normal"));
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert!(w.alerts().await.is_empty());
    assert!(w.log_text().await.contains("raised to level normal"));
    assert!(matches!(w.decide(RAISE).await, Answer::Already(_)), "it looks for somebody already");
}

#[tokio::test]
async fn it_is_raised_to_a_level_of_the_line_alone() {
    let mut w = World::new().await;
    w.defer().await;
    let to = |level: &str| Decision::Raise { level: Some(level.into()) };
    let Answer::NotAllowed(_, why) = w.decide(to("soon")).await else { panic!("no such level") };
    assert!(why.contains("high, normal"), "{why}");
    assert!(matches!(w.decide(to("HIGH")).await, Answer::Changed(_)));
    assert_eq!(w.state().await.call.level, "high");
}

#[tokio::test]
async fn it_is_taken_resolved_and_called_off_like_any_other() {
    for (what, want) in [
        (Decision::Acknowledge { holder: None }, CallStatus::Acknowledged),
        (Decision::Resolve, CallStatus::Resolved),
        (Decision::Cancel, CallStatus::Cancelled),
    ] {
        let mut w = World::new().await;
        w.defer().await;
        assert!(matches!(w.decide(what).await, Answer::Changed(_)), "{want}");
        assert_eq!(w.status().await, want);
        w.until_morning_and(SIX_HOURS).await;
        assert!(w.alerts().await.is_empty(), "{want}");
    }
    let mut w = World::new().await;
    w.defer().await;
    for what in [Decision::Reopen, Decision::FireNow, Decision::Mute] {
        assert!(matches!(w.decide(what.clone()).await, Answer::NotAllowed(..)), "{what:?}");
    }
    let mut w = World::new().await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(Decision::Seen).await, Answer::NotAllowed(..)), "it waits for no morning");
}

#[tokio::test]
async fn a_technicians_three_leaves_it_for_the_morning_and_stands_the_others_down() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(mins(7)).await;
    w.tech("ana").expect_sms("Reply 1 to take it");
    let before = w.sms.posts().len();
    w.reply("sam", "it can wait").await;
    let call = w.state().await.call;
    assert_eq!(call.status, CallStatus::Deferred);
    assert!(call.wake_at.is_some(), "it has its morning");
    assert!(w.log_text().await.contains("deferred by Sam Ortiz"), "{}", w.log_text().await);
    w.settle().await;
    w.tech("ana").expect_sms("This call waits for the morning.");
    assert_eq!(w.sms.posts().len(), before + 1, "who said so is not stood down");
    let key = format!("deferred:{}", call.id);
    let alerts = w.process.store.alerts().await.expect("read");
    let alert = alerts.into_iter().find(|a| a.key.to_string() == key).expect("raised");
    assert!(alert.message.contains("Sam Ortiz says that it can"), "{}", alert.message);
    w.advance(mins(60)).await;
    assert_eq!(w.sms.posts().len(), before + 1, "nobody else is told");
    // It is still theirs to take.
    w.reply("sam", &format!("1 {}", call.reference)).await;
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    w.reply("sam", "3").await;
    assert_eq!(w.status().await, CallStatus::Acknowledged, "a held call is not left for the morning");
}

#[tokio::test]
async fn a_three_of_somebody_who_was_not_told_or_has_passed_ends_nobodys_ladder() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let reference = w.state().await.call.reference;
    let answer = w.reply("olga", &format!("3 {reference}")).await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "her step has not fired: {answer}");
    w.reply("sam", "2").await;
    w.settle().await;
    let answer = w.reply("sam", &format!("3 {reference}")).await;
    assert_eq!(w.status().await, CallStatus::Dispatching);
    assert!(answer.contains("others are asked"), "{answer}");
}

#[tokio::test]
async fn at_level_high_a_three_is_refused_by_text_and_the_ladder_goes_on() {
    let mut w = World::new().await;
    w.dispatch("high").await;
    let answer = w.reply("sam", "3").await;
    assert!(answer.contains("cannot wait"), "{answer}");
    assert_eq!(w.status().await, CallStatus::Dispatching);
    let before = w.sms.posts().len();
    w.advance(mins(2)).await;
    assert!(w.sms.posts().len() > before, "the ladder goes on");
    w.reply("sam", "1").await;
    assert_eq!(w.status().await, CallStatus::Acknowledged, "1 still takes it");
}

#[tokio::test]
async fn a_three_leaves_an_exhausted_call_alone_and_waits_for_a_raise_like_any_other() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "later").await;
    assert_eq!(w.status().await, CallStatus::Deferred);
    assert!(matches!(w.decide(RAISE).await, Answer::Changed(_)));
    w.advance(secs(1)).await;
    assert_eq!(w.state().await.call.round, 2);
    w.advance(mins(120)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    let reference = w.state().await.call.reference;
    let answer = w.reply("sam", &format!("3 {reference}")).await;
    assert!(answer.contains("Nobody has"), "{answer}");
    assert_eq!(w.status().await, CallStatus::Exhausted);
}
