//! What an owner answers to the text of an alert: never an older call, every call that a text names, and no two phones for ever.

use std::sync::Arc;

use crate::domain::alert::{AlertKey, AlertKind};
use crate::domain::alert_text::AlertText;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::change::Change;
use crate::domain::event::{Decision, Load};
use crate::domain::types::CallId;
use crate::testing::world::Setup;
use crate::testing::{World, fixtures, mins, secs};

use super::alert_texts::{raise, resolve, sent, setup, tell, texts};

/// Sam is a technician and an owner.
async fn sam_is_told_of_alerts() -> World {
    let mut plan = setup();
    plan.directory.alert_owners = vec!["sam".parse().expect("id")];
    World::with(plan).await
}

async fn status(w: &World, id: &CallId) -> CallStatus {
    w.call(id).await.call.status
}

async fn is_seen(w: &World, key: &AlertKey) -> bool {
    let all = w.process.store.alerts().await.expect("read");
    all.iter().any(|a| &a.key == key && a.acknowledged.is_some())
}

#[tokio::test]
async fn a_bare_1_behind_the_text_of_an_alert_takes_no_older_call() {
    let mut w = sam_is_told_of_alerts().await;
    let call = w.dispatch("normal").await;
    w.advance(secs(1)).await;
    let key: AlertKey = AlertKind::StoreFile.into();
    raise(&w, key.clone(), None, "the store is gone").await;
    tell(&w).await;
    let own = texts(&w).await[0].reference.clone();
    w.advance(secs(62)).await;
    for bare in ["1", "2", "3", "done"] {
        let said = w.reply("sam", bare).await;
        assert!(said.starts_with("Which call? ") || said.is_empty(), "{bare}: {said}");
        assert_eq!(said.contains(&format!("1 {own} if you have seen the alert")), bare == "1", "{said}");
        assert_eq!(status(&w, &call).await, CallStatus::Dispatching, "{bare}");
    }
    assert!(!is_seen(&w, &key).await);
    assert_eq!(w.reply("sam", &format!("1 {own}")).await, format!("Noted: {own} is not repeated."));
    assert!(is_seen(&w, &key).await);
    let reference = w.call(&call).await.call.reference;
    let said = w.reply("sam", &format!("1 {reference}")).await;
    assert!(said.starts_with(&format!("{reference} is yours")), "{said}");
}

#[tokio::test]
async fn a_bare_1_says_that_the_alert_was_seen_where_no_call_waits_for_it() {
    let mut w = sam_is_told_of_alerts().await;
    let key: AlertKey = AlertKind::StoreFile.into();
    raise(&w, key.clone(), None, "the store is gone").await;
    tell(&w).await;
    w.advance(secs(62)).await;
    let said = w.reply("sam", "1").await;
    assert!(said.starts_with("Noted: ") && is_seen(&w, &key).await, "{said}");
}

#[tokio::test]
async fn an_answer_to_an_old_text_is_none_to_the_same_alert_raised_anew() {
    let mut w = sam_is_told_of_alerts().await;
    let key: AlertKey = AlertKind::StoreFile.into();
    raise(&w, key.clone(), None, "the store is gone").await;
    tell(&w).await;
    let own = texts(&w).await[0].reference.clone();
    w.advance(secs(62)).await;
    resolve(&w, key.clone()).await;
    w.advance(secs(62)).await;
    raise(&w, key.clone(), None, "the store is gone").await;
    w.reply("sam", &format!("1 {own}")).await;
    assert!(!is_seen(&w, &key).await);
    let before = sent(&w).len();
    tell(&w).await;
    assert!(sent(&w)[before..].iter().any(|b| b.contains("the store is gone")), "{:?}", sent(&w));
}

#[tokio::test]
async fn a_bare_1_behind_the_alert_of_a_call_that_is_taken_takes_no_older_call() {
    let mut plan = setup();
    plan.directory.alert_owners = vec!["sam".parse().expect("id")];
    // Else the last text would say that it is taken.
    plan.rules.stand_down = false;
    let mut w = World::with(plan).await;
    let older = w.dispatch("normal").await;
    let newer = w.dispatch("normal").await;
    w.advance(secs(1)).await;
    raise(&w, AlertKind::Exhausted.about(&newer), Some(&newer), "nobody took it").await;
    tell(&w).await;
    w.decide(Decision::Acknowledge { holder: Some("ana".parse().expect("id")) }).await;
    assert_eq!(status(&w, &newer).await, CallStatus::Acknowledged);
    w.advance(secs(62)).await;
    let said = w.reply("sam", "1").await;
    assert_eq!(status(&w, &older).await, CallStatus::Dispatching, "{said}");
}

#[tokio::test]
async fn a_bare_1_takes_the_call_of_the_alert_where_it_can_mean_no_other() {
    let mut w = sam_is_told_of_alerts().await;
    let call = w.dispatch("normal").await;
    w.advance(secs(1)).await;
    raise(&w, AlertKind::Exhausted.about(&call), Some(&call), "nobody took it").await;
    tell(&w).await;
    w.advance(secs(62)).await;
    let said = w.reply("sam", "1").await;
    assert!(said.contains(" is yours"), "{said}");
    assert_eq!(status(&w, &call).await, CallStatus::Acknowledged);
    // What he has is done by a bare word, also behind the text of an alert.
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    w.advance(secs(62)).await;
    w.reply("sam", "done").await;
    assert_eq!(status(&w, &call).await, CallStatus::Resolved);
}

#[tokio::test]
async fn each_call_that_a_text_names_is_taken_by_its_code_however_many_texts_followed() {
    let mut w = World::with(setup()).await;
    let mut calls = Vec::new();
    for _ in 0..6 {
        calls.push(w.begin("normal").await);
    }
    w.settle().await;
    for call in &calls {
        raise(&w, AlertKind::Exhausted.about(call), Some(call), "nobody took it").await;
    }
    tell(&w).await;
    let text = sent(&w).remove(0);
    w.advance(secs(1)).await;
    for n in 0..20 {
        raise(&w, AlertKind::Clock.about(n), None, "the clock was set").await;
        tell(&w).await;
        w.advance(secs(61)).await;
    }
    for call in &calls {
        let reference = w.call(call).await.call.reference;
        assert!(text.contains(reference.as_str()), "{text}");
        let said = w.reply("olga", &format!("1 {reference}")).await;
        assert!(said.starts_with(&format!("{reference} ")) && said.contains("yours"), "{said}");
        assert_eq!(status(&w, call).await, CallStatus::Acknowledged, "{said}");
    }
    // The text's own code is answered as well.
    let own = text.split('-').next().unwrap_or_default();
    assert_eq!(w.reply("olga", &format!("1 {own}")).await, format!("Noted: {own} is not repeated."));
}

#[tokio::test]
async fn a_call_that_got_the_reference_of_an_old_alert_is_meant_by_it() {
    let mut w = sam_is_told_of_alerts().await;
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    let mut old: AlertText = texts(&w).await.remove(0);
    let call = w.dispatch("normal").await;
    let reference = w.call(&call).await.call.reference;
    old.reference = reference.clone();
    old.message = "another".into();
    old.text.id = w.call(&call).await.attempts[0].id;
    old.text.created_at = w.now().minus(mins(31 * 24 * 60));
    (old.text.sid, old.text.state, old.text.poll_at) = (None, AttemptState::Delivered, None);
    let now = w.now();
    let decide = Arc::new(move |_: &crate::domain::event::Loaded| {
        Ok(Change { alert_texts: vec![old.clone()], at: Some(now), ..Change::default() })
    });
    w.process.store.transact(Load::Nothing, Vec::new(), decide).await.expect("stored");
    w.advance(secs(62)).await;
    let said = w.reply("sam", &format!("1 {reference}")).await;
    assert!(said.starts_with(&format!("{reference} is yours")), "{said}");
    assert_eq!(status(&w, &call).await, CallStatus::Acknowledged);
}

#[tokio::test]
async fn a_phone_that_is_asked_no_more_is_asked_again_once_it_got_an_alert() {
    let mut w = World::with(setup()).await;
    let mut said = String::new();
    for street in ["elm", "oak", "pine", "ash"] {
        said = w.reply("olga", &format!("road closed at {street}")).await;
        w.advance(secs(62)).await;
    }
    assert_eq!(said, "", "it was asked three times");
    raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    tell(&w).await;
    w.advance(secs(62)).await;
    assert_ne!(w.reply("olga", "road closed at fir").await, "");
}

/// Each owner answers each text that they get, at once; how many texts of alerts went out in so many minutes.
async fn everybody_answers_by_itself(plan: Setup, minutes: u64) -> (World, usize) {
    let owners: Vec<String> = plan.directory.alert_owners.iter().map(|o| o.as_str().to_owned()).collect();
    let mut w = World::with(plan).await;
    let call = w.dispatch("normal").await;
    raise(&w, AlertKind::Exhausted.about(&call), Some(&call), "nobody took it").await;
    let mut read = 0;
    for n in 0..minutes * 4 {
        tell(&w).await;
        let ledger = w.sms.ledger();
        for text in ledger.iter().skip(read) {
            let owner = owners.iter().find(|o| fixtures::phone(o) == text.to);
            if let Some(owner) = owner {
                let street = ["Elm", "Oak", "Pine"].get(usize::try_from(n % 3).expect("few")).expect("a street");
                w.reply(owner, &format!("I am driving on {street} St. I will see this later.")).await;
            }
        }
        read = ledger.len();
        w.advance(secs(15)).await;
    }
    let all = sent(&w).len();
    (w, all)
}

#[tokio::test]
async fn an_owner_whose_phone_answers_by_itself_is_not_told_of_it_by_text() {
    let (w, texts) = everybody_answers_by_itself(setup(), 5).await;
    assert!(w.has_alert("unread-reply:call_1:olga").await, "{:?}", w.alerts().await);
    assert_eq!(texts, 1, "{:?}", sent(&w));
}

#[tokio::test]
async fn two_owners_whose_phones_answer_by_themselves_do_not_go_on_for_ever() {
    let mut plan = setup();
    plan.directory.alert_owners.push("ana".parse().expect("id"));
    let (w, texts) = everybody_answers_by_itself(plan, 50).await;
    // Six an hour to each, the alert itself, and that they answer by themselves.
    let most = 2 * (crate::domain::alert_text::decide::UNREAD_AN_HOUR + 4);
    assert!(texts <= most, "{texts}: {:?}", sent(&w));
    assert!(w.has_alert("unread-reply:").await);
}
