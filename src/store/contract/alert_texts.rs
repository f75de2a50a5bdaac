//! Texts of alerts: kept as they are, found by each of their names, one live one an owner and message.

use super::fixtures::*;
use crate::domain::MessageStatus;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::alert_text::AlertText;
use crate::domain::attempt::AttemptState;
use crate::domain::change::Change;
use crate::domain::event::{Load, Loaded};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::types::{AttemptId, ErrorCode};
use crate::store::{Pruner, Store, StoreError};

fn text(message: &str, number: u32, owner: &str) -> AlertText {
    let to = Reader {
        contact: owner.parse().expect("contact"),
        name: owner.to_uppercase(),
        phone: "+19495550103".parse().expect("phone"),
    };
    AlertText {
        message: message.into(),
        sink: "owner".into(),
        reference: "9XQT".parse().expect("reference"),
        alerts: vec![AlertKind::Exhausted.about("first"), AlertKind::OptedOut.about("+19495550101")],
        is_over: false,
        call: Some(id("first")),
        call_reference: "7K3Q".parse().ok(),
        words: "nobody took it".into(),
        text: StandaloneText::new(
            attempt_id(message, number),
            number,
            StandaloneKind::Alert,
            to,
            at(i64::from(number)),
        ),
    }
}

async fn save(store: &dyn Store, texts: Vec<AlertText>) -> Result<(), StoreError> {
    let decide = always(move || Change { alert_texts: texts.clone(), at: Some(at(1)), ..Change::default() });
    store.transact(Load::Nothing, Vec::new(), decide).await.map(drop)
}

async fn loaded(store: &dyn Store, load: Load) -> Loaded {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Loaded::default()));
    let kept = seen.clone();
    let decide = std::sync::Arc::new(move |loaded: &Loaded| {
        *kept.lock().expect("lock") = loaded.clone();
        Ok(Change::default())
    });
    store.transact(load, Vec::new(), decide).await.expect("shown");
    seen.lock().expect("lock").clone()
}

pub(crate) async fn a_text_of_an_alert_comes_back_as_it_was_and_is_found_in_each_way(store: &dyn Store) {
    put(store, call("first", at(0))).await.expect("put");
    let mut one = text("alert_1", 1, "olga");
    save(store, vec![one.clone()]).await.expect("saved");
    let is_one = |all: Vec<AlertText>, label: &str, one: &AlertText| assert_eq!(all, std::slice::from_ref(one), "{label}");
    is_one(store.open_alert_texts().await.expect("read"), "it waits", &one);
    let t = &mut one.text;
    t.state = AttemptState::Sending;
    (t.sender, t.claimed_by, t.sent_at) = ("+15005550006".parse().ok(), Some("engine-1".into()), Some(at(2)));
    (t.body, t.segments, t.provider_after, t.callback, t.tries) = ("9XQT-1 ALERT".into(), 1, Some(at(1)), false, 3);
    save(store, vec![one.clone()]).await.expect("saved");
    is_one(store.open_alert_texts().await.expect("read"), "it is sent", &one);
    let t = &mut one.text;
    (t.state, t.claimed_by, t.sid, t.poll_at, t.polls) = (AttemptState::Submitted, None, Some(sid(7)), Some(at(40)), 2);
    (t.message_status, t.provider_at) = (Some(MessageStatus::from_word("sent")), Some(at(3)));
    save(store, vec![one.clone()]).await.expect("saved");
    is_one(store.open_alert_texts().await.expect("read"), "it is followed", &one);
    is_one(store.alert_texts_of("alert_1").await.expect("read"), "by its message", &one);
    is_one(store.alert_texts(at(0), 9).await.expect("read"), "by time", &one);
    assert_eq!(store.alert_texts(at(99), 9).await.expect("read"), []);
    let by_id = loaded(store, Load::AlertText(one.text.id)).await;
    is_one(by_id.alert_texts, "by its id", &one);
    assert!(by_id.are_alerts_settled, "nothing of it is in force");
    let message = |attempt: Option<AttemptId>| Load::Message { attempt, sid: sid(7), said: None };
    is_one(loaded(store, message(Some(one.text.id))).await.alert_texts, "by its callback", &one);
    is_one(loaded(store, message(None)).await.alert_texts, "by its SID", &one);
    let reply = Load::Reply { from: "+19495550103".into(), sid: sid(8), references: Vec::new(), changed_since: at(0) };
    let heard = loaded(store, reply).await;
    is_one(heard.alert_texts, "by its reader", &one);
    assert_eq!(heard.calls.len(), 1, "and the call that it is about");
    let new = |message: &str| Load::NewAlertText {
        message: message.into(),
        sink: "owner".into(),
        references: vec!["9XQT".parse().expect("r"), "3333".parse().expect("r")],
        used_since: at(0),
    };
    let around = loaded(store, new("alert_2")).await;
    is_one(around.alert_texts, "an older one of the sink", &one);
    assert_eq!(around.free_reference.map(|r| r.to_string()).as_deref(), Some("3333"), "9XQT is in use");
    let raise = |key| AlertChange::Raise { key, call: None, message: "m".into() };
    let alerts = vec![raise(AlertKind::Exhausted.about("first"))];
    let decide = always(move || Change { alerts: alerts.clone(), at: Some(at(5)), ..Change::default() });
    store.transact(Load::Nothing, Vec::new(), decide).await.expect("raised");
    assert!(!loaded(store, Load::AlertText(one.text.id)).await.are_alerts_settled, "one of it is in force");
    let t = &mut one.text;
    (t.state, t.poll_at, t.error_code, t.result) = (AttemptState::Failed, None, Some(ErrorCode(30_003)), "off".into());
    save(store, vec![one.clone()]).await.expect("saved");
    assert_eq!(store.open_alert_texts().await.expect("read"), []);
    // What is old loses its words and its reader.
    let mut pruner = Pruner::default();
    while !pruner.slice(store, at(90_000), at(90_001)).await.expect("pruned") {}
    assert_eq!(pruner.pruned.alert_texts, 1);
    let left = store.alert_texts_of("alert_1").await.expect("read").remove(0);
    assert_eq!((left.text.name.as_str(), left.text.body.as_str(), left.words.as_str()), ("olga", "", ""));
    assert!(left.alerts.is_empty() && left.text.phone.e164() != "+19495550103");
}

pub(crate) async fn an_owner_has_one_live_text_of_a_message(store: &dyn Store) {
    let one = text("alert_1", 1, "olga");
    save(store, vec![one.clone(), text("alert_1", 2, "ana"), text("alert_2", 1, "olga")]).await.expect("saved");
    save(store, vec![text("alert_1", 3, "olga")]).await.expect_err("a second one to one owner");
    let mut failed = one;
    (failed.text.state, failed.text.sent_at) = (AttemptState::Failed, Some(at(2)));
    save(store, vec![failed, text("alert_1", 3, "olga")]).await.expect("in place of one that did not arrive");
    let all = store.alert_texts_of("alert_1").await.expect("read");
    assert_eq!(all.iter().map(|t| t.text.number).collect::<Vec<_>>(), [1, 2, 3]);
    let mut claimed = text("alert_2", 1, "olga");
    claimed.text.state = AttemptState::Sending;
    save(store, vec![claimed]).await.expect_err("a claim names its engine and its time");
}
