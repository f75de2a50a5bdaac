//! A store that lacks what was written last: nothing goes out until the provider's list was read, or for as long as an unknown outcome
//! would wait for it.

use std::path::PathBuf;

use crate::domain::AlertKind;
use crate::domain::alert::AlertChange;
use crate::domain::attempt::AttemptKind;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// How many texts the provider took; none of them is a second one of its attempt.
fn sent_once(w: &World) -> usize {
    let all = w.sms.ledger();
    let references: std::collections::BTreeSet<_> =
        all.iter().map(|m| m.body.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(references.len(), all.len(), "a text was doubled");
    all.len()
}

/// A copy of the store as it is now, as `serve` makes one every day.
async fn copied(w: &World) -> PathBuf {
    let made = w.process.store.upkeep().expect("a file").back_up(w.now()).await;
    made.expect("a copy").path
}

#[tokio::test]
async fn a_text_that_the_copy_lacks_joins_its_story_and_is_not_sent_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.advance(secs(121)).await;
    let both = ["1 sam submitted", "2 sam submitted"];
    assert_eq!(w.attempts().await, both);
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.advance(secs(5)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "nothing fires, nothing is sent");
    w.sms.on_list(Reaction::Accept);
    w.advance(secs(10)).await;
    assert_eq!(w.attempts().await, both);
    assert!(w.process.engine.history.is_in_doubt(), "what was on the wire may not be in the list yet");
    w.advance(secs(30)).await;
    assert!(!w.process.engine.history.is_in_doubt());
    assert!(!w.has_alert("history-in-doubt").await);
    assert!(w.has_alert("history-lost:").await, "{:?}", w.alerts().await);
    assert_eq!(sent_once(&w), 2);
    // It is over: a start after that holds nothing up.
    w.restart().await;
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(sent_once(&w), 3);
}

#[tokio::test]
async fn a_call_that_comes_meanwhile_is_told_at_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.away(secs(1));
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}

#[tokio::test]
async fn a_text_that_the_list_shows_late_is_waited_for() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.advance(secs(121)).await;
    w.sms.list_lags(secs(20));
    w.restore(&copy).await;
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
    assert_eq!(sent_once(&w), 2);
}

#[tokio::test]
async fn a_word_that_the_copy_lacks_is_heard_before_anybody_is_told_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.away(secs(5));
    let sam = w.attempt(1).await.recipient.phone;
    w.sms.text_from(sam.e164(), "+15005550006", "1");
    w.restore(&copy).await;
    w.advance(secs(300)).await;
    assert_eq!(w.state().await.call.status.to_string(), "ACKNOWLEDGED");
    let notices = w.state().await.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).count();
    assert_eq!(notices, 1, "{:?}", w.attempts().await);
}

#[tokio::test]
async fn a_text_of_a_call_that_is_gone_is_said_with_its_reference() {
    let mut w = World::new().await;
    let copy = copied(&w).await;
    w.dispatch("normal").await;
    w.settle().await;
    let reference = w.state().await.call.reference.to_string();
    w.restore(&copy).await;
    w.advance(secs(60)).await;
    let alerts = w.process.store.alerts().await.expect("read");
    let said = alerts.iter().find(|a| a.key.to_string().starts_with("history-lost:")).expect("said");
    assert!(said.message.contains(&reference), "{}", said.message);
    assert_eq!(sent_once(&w), 1);
}

#[tokio::test]
async fn where_the_list_cannot_be_read_the_ladder_goes_on_and_reminders_wait_for_a_person() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.settle().await;
    let copy = copied(&w).await;
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.advance(secs(20)).await;
    assert!(w.has_alert("history-in-doubt").await, "a person is told");
    w.advance(mins(8)).await;
    let first: Vec<String> = w.attempts().await;
    assert!(first.iter().any(|a| a.contains("ana submitted")), "who was not told yet is: {first:?}");
    assert!(first.iter().any(|a| a == "2 sam scheduled"), "a reminder waits: {first:?}");
    let acknowledge =
        AlertChange::Acknowledge { key: AlertKind::HistoryDoubt.into(), by: Actor("mia".into()), raised_by: None };
    w.process.core.apply(Event::Alert(acknowledge), Actor("mia".into())).await.expect("acknowledged");
    w.advance(secs(10)).await;
    assert!(!w.process.engine.history.is_in_doubt() && !w.has_alert("history-in-doubt").await);
    let after = w.attempts().await;
    assert!(!after.iter().any(|a| a == "2 sam scheduled"), "it goes on: {after:?}");
}

#[tokio::test]
async fn a_notice_whose_template_begins_as_an_alert_does_joins_its_story() {
    let mut plan = crate::testing::world::Setup::default();
    plan.directory.default_line.templates.notice = Some("ALERT {{ issue }} {{ address }} {{ callback }}".into());
    plan.directory.default_line.templates.reminder = Some("OVER: {{ issue }} {{ address }} {{ callback }}".into());
    let mut w = World::with(plan).await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.advance(secs(121)).await;
    let bodies: Vec<String> = w.sms.ledger().into_iter().map(|m| m.body).collect();
    assert!(bodies.iter().all(|b| b.contains("-1 ALERT ") || b.contains("-2 OVER: ")), "{bodies:?}");
    w.restore(&copy).await;
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
    assert_eq!(sent_once(&w), 2);
}

#[tokio::test]
async fn a_text_of_an_alert_that_the_copy_lacks_is_of_no_call_that_is_gone() {
    use super::alert_texts::{raise, setup, tell};
    let mut w = World::with(setup()).await;
    w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.advance(secs(1)).await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    assert_eq!(sent_once(&w), 2);
    w.restore(&copy).await;
    w.advance(secs(60)).await;
    assert!(!w.has_alert("history-lost:").await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn the_steps_of_a_call_that_came_meanwhile_go_on_while_those_from_before_wait() {
    let mut plan = Setup::default();
    let quick = fixtures::policy("normal", &[(secs(0), &["primary"]), (secs(3), &["backup"])]);
    plan.directory = fixtures::directory_with(quick);
    let mut w = World::with(plan).await;
    let before = w.dispatch("normal").await;
    let copy = copied(&w).await;
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.away(secs(1));
    let after = w.dispatch("normal").await;
    w.advance(secs(5)).await;
    assert!(w.process.engine.history.is_in_doubt());
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted"], "nothing of {after} can be lost");
    assert_eq!(w.call(&before).await.attempts.len(), 1, "its next step may have been told");
}
