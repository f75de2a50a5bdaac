//! Texts of alerts: kept as they are, found by each of their names, one live one an owner and message.

use super::fixtures::*;
use crate::domain::MessageStatus;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::alert_text::{AlertText, TextedAlert};
use crate::domain::attempt::AttemptState;
use crate::domain::change::Change;
use crate::domain::event::{Load, Loaded};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::types::{Actor, AttemptId, ErrorCode};
use crate::store::{Pruner, Store, StoreError};

fn texted(key: AlertKey) -> TextedAlert {
    let name = format!("\"{}\"", key.subject());
    TextedAlert { key, since: at(7), version: 2, name, is_dropped: false }
}

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
        alerts: vec![texted(AlertKind::Exhausted.about("first")), texted(AlertKind::OptedOut.about("50%_!\"'"))],
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
    let is_one =
        |all: Vec<AlertText>, label: &str, one: &AlertText| assert_eq!(all, std::slice::from_ref(one), "{label}");
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
    is_one(store.alert_texts_of_sink("owner", at(1)).await.expect("read"), "by its sink", &one);
    assert_eq!(store.alert_texts_of_sink("owner", at(2)).await.expect("read"), []);
    assert_eq!(store.alert_texts_of_sink("office", at(0)).await.expect("read"), []);
    assert_eq!(store.alert_texts(at(99), 9).await.expect("read"), []);
    let by_id = loaded(store, Load::AlertText(one.text.id)).await;
    is_one(by_id.alert_texts, "by its id", &one);
    assert_eq!(by_id.settled_alerts.len(), 2, "nothing of it is in force");
    let message = |attempt: Option<AttemptId>| Load::Message { attempt, sid: sid(7), said: None };
    is_one(loaded(store, message(Some(one.text.id))).await.alert_texts, "by its callback", &one);
    is_one(loaded(store, message(None)).await.alert_texts, "by its SID", &one);
    let reply = Load::Reply { from: "+19495550103".into(), sid: sid(8), references: Vec::new(), changed_since: at(0) };
    let heard = loaded(store, reply).await;
    is_one(heard.alert_texts, "by its reader", &one);
    assert_eq!(heard.calls.len(), 1, "and the call that it is about");
    let new = |message: &str, key: AlertKey, recent: i64| Load::NewAlertText {
        message: message.into(),
        sink: "owner".into(),
        alerts: vec![key],
        raised_since: at(1),
        recent_since: at(recent),
        references: vec!["9XQT".parse().expect("r"), "3333".parse().expect("r")],
        used_since: at(0),
    };
    let (first, odd) = (AlertKind::Exhausted.about("first"), AlertKind::OptedOut.about("50%_!\"'"));
    let around = loaded(store, new("alert_2", first.clone(), 99)).await;
    is_one(around.alert_texts, "an older one that tells of the same", &one);
    assert_eq!(around.free_reference.map(|r| r.to_string()).as_deref(), Some("3333"), "9XQT is in use");
    is_one(loaded(store, new("alert_2", odd, 99)).await.alert_texts, "whatever its key is", &one);
    for key in [AlertKind::Exhausted.about("firs"), AlertKind::Exhausted.about("f_rst"), AlertKind::Store.into()] {
        assert_eq!(loaded(store, new("alert_2", key, 99)).await.alert_texts, [], "it tells of another");
    }
    is_one(loaded(store, new("alert_2", AlertKind::Store.into(), 1)).await.alert_texts, "it is among the newest", &one);
    is_one(loaded(store, new("alert_1", AlertKind::Store.into(), 99)).await.alert_texts, "it is of the message", &one);
    let t = &mut one.text;
    (t.state, t.poll_at, t.error_code, t.result) = (AttemptState::Failed, None, Some(ErrorCode(30_003)), "off".into());
    save(store, vec![one.clone()]).await.expect("saved");
    assert_eq!(store.open_alert_texts().await.expect("read"), []);
    // What is old loses its words and its reader.
    let mut pruner = Pruner::default();
    while !pruner.slice(store, at(90_000), at(90_001)).await.expect("pruned") {}
    assert_eq!(pruner.pruned.alert_texts, 1);
    let unlogged = store.unlogged_prunings(at(90_000), at(90_001)).await.expect("read");
    assert_eq!(unlogged.iter().map(|u| u.pruned.alert_texts).sum::<u64>(), 1, "and are counted for the log");
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

pub(crate) async fn a_reply_is_held_against_the_newest_texts_of_alerts_and_those_that_it_names(store: &dyn Store) {
    let one = text("alert_1", 1, "olga");
    save(store, vec![one.clone()]).await.expect("saved");
    let many: Vec<AlertText> = (0..20)
        .map(|n| {
            let mut t = text(&format!("many_{n}"), 1, "olga");
            (t.reference, t.text.created_at) = ("8M2P".parse().expect("reference"), at(1_000));
            t.text.skip("opted out of texts");
            t
        })
        .collect();
    save(store, many).await.expect("saved");
    let named = |references: Vec<&str>| Load::Reply {
        from: "+19495550103".into(),
        sid: sid(8),
        references: references.into_iter().map(|r| r.parse().expect("reference")).collect(),
        changed_since: at(0),
    };
    let has_it = |loaded: Loaded| loaded.alert_texts.iter().any(|t| t.text.id == one.text.id);
    assert!(!has_it(loaded(store, named(Vec::new())).await), "others are newer");
    assert!(has_it(loaded(store, named(vec!["9XQT"])).await), "it is named");
}

pub(crate) async fn a_text_knows_which_of_its_alerts_are_over_or_were_seen(store: &dyn Store) {
    let (one, first) = (text("alert_1", 1, "olga"), AlertKind::Exhausted.about("first"));
    save(store, vec![one.clone()]).await.expect("saved");
    let decide = |alerts: Vec<AlertChange>, when: i64| {
        always(move || Change { alerts: alerts.clone(), at: Some(at(when)), ..Change::default() })
    };
    let settled = async |of: &AlertText| loaded(store, Load::AlertText(of.text.id)).await.settled_alerts.len();
    let raise = AlertChange::Raise { key: first.clone(), call: None, message: "m".into() };
    store.transact(Load::Nothing, Vec::new(), decide(vec![raise], 5)).await.expect("raised");
    assert_eq!(settled(&one).await, 1, "one of it is in force");
    let seen = AlertChange::Acknowledge { key: first, by: Actor("Ana".into()), raised_by: None };
    store.transact(Load::Nothing, Vec::new(), decide(vec![seen], 6)).await.expect("seen");
    assert_eq!(settled(&one).await, 2, "and was seen after the text was made");
    let mut newer = text("alert_3", 7, "olga");
    save(store, vec![newer.clone()]).await.expect("saved");
    assert_eq!(settled(&newer).await, 1, "what was seen before has new words");
    newer.alerts[0].is_dropped = true;
    newer.text.cancel("it is over");
    save(store, vec![newer.clone()]).await.expect("saved");
    assert_eq!(store.alert_texts_of("alert_3").await.expect("read"), [newer], "what it tells no more of is kept");
    // That it is over is wanted as long as it is not raised again.
    let mut over = AlertText { is_over: true, ..text("alert_4", 8, "olga") };
    save(store, vec![over.clone()]).await.expect("saved");
    assert_eq!(settled(&over).await, 1);
    over.text.cancel("raised again");
    save(store, vec![over]).await.expect("saved");
}
