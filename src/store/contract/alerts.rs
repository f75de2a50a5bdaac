//! Alerts and their sinks: a row a sink and alert, what a sink may know, how it does.

use std::time::Duration;

use serde_json::json;

use super::fixtures::*;
use crate::domain::alert::{AlertChange, Severity, SinkReceipt, SinkTarget, Until};
use crate::domain::bulk::SentMessage;
use crate::domain::change::{Change, Effect};
use crate::domain::event::Load;
use crate::domain::log::LogKind;
use crate::domain::settings::{NewSettings, Target};
use crate::domain::types::{Actor, CallId, Timestamp};
use crate::store::{AlertTask, Delivered, LogFilter, NotDelivered, Store};
use crate::testing::alert_key;

/// The sink that a store of the contract's tests knows.
const OFFICE: &str = "office";

async fn change(store: &dyn Store, alerts: Vec<AlertChange>, when: i64) {
    let decide = always(move || Change { alerts: alerts.clone(), at: Some(at(when)), ..Change::default() });
    store.transact(Load::Nothing, Vec::new(), decide).await.expect("alerts");
}

fn raise(key: &str, about: Option<&str>) -> AlertChange {
    let call = about.map(|id| id.parse::<CallId>().expect("an id"));
    AlertChange::Raise { key: alert_key(key), call, message: "first".into() }
}

fn again(key: &str, message: &str) -> AlertChange {
    AlertChange::Again { key: alert_key(key), message: message.into() }
}

fn taken(when: i64) -> Delivered {
    Delivered { at: at(when), again_at: None, said: "taken".into(), receipt: None }
}

async fn due(store: &dyn Store, now: i64) -> Vec<AlertTask> {
    store.alerts_due(OFFICE, at(now), 99).await.expect("read")
}

async fn due_keys(store: &dyn Store, now: i64) -> Vec<String> {
    due(store, now).await.iter().map(|t| t.line.key.to_string()).collect()
}

pub(crate) async fn alerts_are_told_again_in_new_words_and_resolved_by_call(store: &dyn Store) {
    let about_a = |key: &str| raise(key, Some("a"));
    let all = vec![about_a("late:a"), about_a("nobody:a:1:2"), about_a("conflict:a"), raise("late:b", Some("b"))];
    change(store, all, 1).await;
    store.alerts_delivered(OFFICE, due(store, 9).await, taken(9)).await.expect("delivered");
    for (label, key, message, waits) in [
        ("the words that stand", "late:a", "first", 0),
        ("nothing raised", "late:c", "second", 0),
        ("new words", "late:a", "second", 1),
        ("the same again", "late:a", "second", 1),
    ] {
        change(store, vec![again(key, message)], 1).await;
        let tasks = due(store, 9).await;
        assert_eq!(tasks.len(), waits, "{label}");
        assert!(tasks.iter().all(|t| t.line.message == "second" && t.line.raised_at == at(1)), "{label}: {tasks:?}");
    }
    let over = AlertChange::ResolveAll { call: "a".parse().expect("an id"), at: Until::Taken };
    change(store, vec![over, again("late:a", "third")], 1).await;
    let open: Vec<String> = store.alerts().await.expect("read").into_iter().map(|a| a.key.to_string()).collect();
    assert_eq!(open, ["conflict:a", "late:b"], "neither another call's nor what outlasts it");
}

pub(crate) async fn an_alert_waits_for_a_sink_until_its_newest_state_is_delivered(store: &dyn Store) {
    put(store, call("c1", at(0))).await.expect("put");
    change(store, vec![raise("exhausted:c1", Some("c1")), raise("store", None)], 2).await;
    assert!(due(store, 1).await.is_empty(), "not before its time");
    assert!(store.alerts_due("another", at(9), 99).await.expect("read").is_empty());
    let tasks = due(store, 2).await;
    let seen = |t: &AlertTask| (t.line.key.to_string(), t.line.reference.is_some(), t.version, t.since, t.may_be_known);
    let mut all: Vec<_> = tasks.iter().map(seen).collect();
    all.sort();
    assert_eq!(all, [("exhausted:c1".into(), true, 1, at(2), false), ("store".into(), false, 1, at(2), false)]);
    let (one, other): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|t| t.line.call.is_some());
    // A newer state came while the old one was delivered.
    change(store, vec![AlertChange::Resolve { key: alert_key("exhausted:c1") }], 3).await;
    store.alerts_delivered(OFFICE, one, taken(4)).await.expect("delivered");
    let tasks = due(store, 9).await;
    let newer = tasks.iter().find(|t| t.line.call.is_some()).expect("the end waits");
    assert_eq!((newer.resolved_at, newer.version, newer.may_be_known), (Some(at(3)), 2, true));
    let newer = newer.clone();
    store.alerts_delivered(OFFICE, vec![newer], taken(5)).await.expect("delivered");
    store.alerts_dropped(OFFICE, other.clone()).await.expect("dropped");
    store.alerts_dropped(OFFICE, other).await.expect("again: nothing");
    assert!(due(store, 9).await.is_empty());
    assert_eq!(store.alerts_waiting(OFFICE).await.expect("read"), []);
    let sent = store.sink_state(OFFICE, at(0)).await.expect("read").sent;
    let kind = alert_key("exhausted:c1").kind();
    assert_eq!(sent, [4, 5].map(|ms| SentMessage { at: at(ms), kind, alerts: 1 }));
    assert_eq!(store.sink_state(OFFICE, at(5)).await.expect("read").sent.len(), 1, "those since then");
}

pub(crate) async fn a_sink_may_know_what_it_was_asked_to_take_unless_it_surely_refused(store: &dyn Store) {
    let known = async |now| due(store, now).await.iter().map(|t| t.may_be_known).collect::<Vec<_>>();
    change(store, vec![raise("store", None)], 1).await;
    let fails = |surely, ms: i64| NotDelivered {
        at: at(ms),
        why: "away".into(),
        again_at: at(ms + 5),
        not_before: at(ms + 2),
        surely,
        since: at(ms),
        repeat_at: None,
    };
    let key = || vec![alert_key("store")];
    store.alerts_asked(OFFICE, key()).await.expect("asked");
    assert_eq!(known(1).await, [true], "a crash here: it may");
    store.alerts_not_delivered(OFFICE, due(store, 1).await, fails(true, 10)).await.expect("noted");
    assert_eq!(
        (due_keys(store, 14).await, store.next_alert(OFFICE, at(10)).await.expect("read")),
        (vec![], Some(at(15)))
    );
    assert_eq!(known(15).await, [false], "it refused it");
    let state = store.sink_state(OFFICE, at(0)).await.expect("read");
    assert_eq!((state.failing_since, state.failures, state.not_before), (Some(at(10)), 1, Some(at(12))));
    store.alerts_asked(OFFICE, key()).await.expect("asked");
    store.alerts_not_delivered(OFFICE, due(store, 15).await, fails(false, 20)).await.expect("noted");
    assert_eq!(known(25).await, [true], "nobody knows");
    let state = store.sink_state(OFFICE, at(0)).await.expect("read");
    assert_eq!((state.failing_since, state.failures, state.not_before), (Some(at(10)), 2, Some(at(22))));
    store.alerts_delivered(OFFICE, due(store, 25).await, taken(26)).await.expect("delivered");
    change(store, vec![again("store", "second")], 30).await;
    store.alerts_not_delivered(OFFICE, due(store, 30).await, fails(true, 31)).await.expect("noted");
    assert_eq!(known(99).await, [true], "what it took before it knows");
    let state = store.sink_state(OFFICE, at(0)).await.expect("read");
    assert_eq!((state.failing_since, state.failures), (Some(at(31)), 1), "it was well meanwhile");
}

pub(crate) async fn what_waits_for_another_system_is_found_by_age_and_hurried(store: &dyn Store) {
    change(store, vec![raise("store", None)], 1).await;
    let how = NotDelivered {
        at: at(1),
        why: "away".into(),
        again_at: at(100),
        not_before: at(90),
        surely: true,
        since: at(1),
        repeat_at: None,
    };
    store.alerts_not_delivered(OFFICE, due(store, 1).await, how).await.expect("noted");
    let rows = async |before: Timestamp| {
        let stuck = store.stuck_outbox(before).await.expect("read");
        stuck.iter().filter(|l| l.sink == "sink:office").map(|l| (l.rows, l.since)).collect::<Vec<_>>()
    };
    assert_eq!(rows(at(0)).await, [], "it is younger");
    assert_eq!(rows(at(1)).await, [(1, at(1))]);
    assert!(due(store, 9).await.is_empty());
    store.retry_outbox_now(at(9)).await.expect("hurried");
    assert_eq!(store.sink_state(OFFICE, at(0)).await.expect("read").not_before, Some(at(9)));
    store.alerts_delivered(OFFICE, due(store, 9).await, taken(9)).await.expect("delivered");
    assert_eq!(rows(at(99)).await, []);
}

pub(crate) async fn what_nobody_has_seen_is_told_again_in_its_time(store: &dyn Store) {
    const EVERY: Duration = Duration::from_secs(100);
    let how = |when: i64| Delivered { again_at: Some(at(when + 100)), ..taken(when) };
    let next = async |now: i64| store.repeat_alerts(OFFICE, &[], at(now), EVERY).await.expect("read");
    assert_eq!(next(5).await, None);
    change(store, vec![raise("store", None), raise("no-sender", None), raise("settings-file", None)], 1).await;
    store.alerts_delivered(OFFICE, due(store, 9).await, how(9)).await.expect("delivered");
    assert_eq!((next(10).await, due_keys(store, 10).await), (Some(at(109)), vec![]), "not yet");
    let by = Actor("Ana".into());
    change(store, vec![AlertChange::Acknowledge { key: alert_key("no-sender"), by: by.clone(), raised_by: None }], 50)
        .await;
    change(
        store,
        vec![AlertChange::Acknowledge { key: alert_key("no-sender"), by: Actor("Bo".into()), raised_by: None }],
        51,
    )
    .await;
    change(store, vec![AlertChange::Resolve { key: alert_key("settings-file") }], 52).await;
    assert_eq!(next(109).await, Some(at(209)));
    assert_eq!(due_keys(store, 109).await, ["settings-file", "store"], "what is seen waits no more; an end does");
    assert_eq!((next(110).await, due(store, 110).await.len()), (Some(at(209)), 2), "asked again, it waits once");
    let open = store.alerts().await.expect("read");
    let seen: Vec<_> = open.iter().map(|a| (a.key.to_string(), a.acknowledged.clone())).collect();
    assert_eq!(seen, [("no-sender".into(), Some((at(50), by))), ("store".into(), None)]);
    // It is raised anew: nobody has seen that.
    change(store, vec![AlertChange::Resolve { key: alert_key("no-sender") }, raise("no-sender", None)], 300).await;
    assert!(store.alerts().await.expect("read").iter().all(|a| a.acknowledged.is_none()));
    let lines = store.sink_lines().await.expect("read");
    assert_eq!(lines.iter().map(|l| (l.name.as_str(), l.delivered, l.waiting)).collect::<Vec<_>>(), [(OFFICE, 1, 3)]);
    let log = store.log(&LogFilter { limit: 99, ..LogFilter::default() }).await.expect("read");
    assert_eq!(log.iter().filter(|l| l.entry.kind == LogKind::AlertAcknowledged).count(), 1, "once is enough");
}

pub(crate) async fn a_repetition_by_time_is_not_told_of_what_a_person_has_seen(store: &dyn Store) {
    change(store, vec![raise("untold:c1", None), raise("unread-reply:c1", None)], 1).await;
    store.alerts_delivered(OFFICE, due(store, 9).await, taken(9)).await.expect("delivered");
    let seen = |key: &str| AlertChange::Acknowledge { key: alert_key(key), by: Actor("Ana".into()), raised_by: None };
    change(store, vec![seen("untold:c1"), seen("unread-reply:c1")], 10).await;
    change(store, vec![again("untold:c1", "for 20 min"), again("unread-reply:c1", "other words")], 20).await;
    assert_eq!(due_keys(store, 20).await, ["unread-reply:c1"], "what somebody wrote is news");
    change(store, vec![AlertChange::Resolve { key: alert_key("untold:c1") }], 30).await;
    assert_eq!(due(store, 30).await.len(), 2, "its end is told");
}

pub(crate) async fn receipts_are_kept_one_a_message_until_each_is_done_with(store: &dyn Store) {
    let message = |id: &str, when: i64| {
        let receipt = SinkReceipt { id: id.into(), expires_at: at(when + 1_000) };
        Delivered { receipt: Some(receipt), ..taken(when) }
    };
    change(store, vec![raise("store", None), raise("no-sender", None)], 1).await;
    store.alerts_delivered(OFFICE, due(store, 9).await, message("R1", 9)).await.expect("delivered");
    change(store, vec![again("store", "second")], 20).await;
    store.alerts_delivered(OFFICE, due(store, 20).await, message("R2", 20)).await.expect("delivered");
    let kept = async || {
        let all = store.alert_receipts(OFFICE).await.expect("read");
        all.into_iter().map(|r| (r.id, r.look_at, r.expires_at, r.unseen.len())).collect::<Vec<_>>()
    };
    let row = |id: &str, when: i64, expires: i64, unseen| (id.to_owned(), at(when), at(expires), unseen);
    assert_eq!(kept().await, [row("R1", 9, 1_009, 2), row("R2", 20, 1_020, 1)]);
    store.put_off_receipt(OFFICE, "R1", at(50)).await.expect("put off");
    let seen = AlertChange::Acknowledge { key: alert_key("no-sender"), by: Actor("Ana".into()), raised_by: None };
    change(store, vec![seen, AlertChange::Resolve { key: alert_key("store") }], 30).await;
    assert_eq!(kept().await, [row("R2", 20, 1_020, 0), row("R1", 50, 1_009, 0)], "both are to ring no more");
    change(store, vec![raise("store", None)], 40).await;
    assert!(kept().await.iter().all(|r| r.3 == 0), "raised anew it is another");
    store.drop_receipt(OFFICE, "R2").await.expect("dropped");
    store.drop_receipt(OFFICE, "R2").await.expect("again: nothing");
    assert_eq!(kept().await, [row("R1", 50, 1_009, 0)]);
    assert!(store.alert_receipts("another").await.expect("read").is_empty());
}

pub(crate) async fn a_repeat_waits_for_stand_ins_that_were_never_told_too(store: &dyn Store) {
    const EVERY: Duration = Duration::from_secs(100);
    let how = Delivered { again_at: Some(at(109)), ..taken(9) };
    change(store, vec![raise("store", None), raise("no-sender", None)], 1).await;
    store.alerts_delivered(OFFICE, due(store, 9).await, how).await.expect("delivered");
    store.alerts_asked("other", vec![alert_key("no-sender")]).await.expect("asked");
    store.repeat_alerts(OFFICE, &["other".into()], at(109), EVERY).await.expect("read");
    let waits = store.alerts_due("other", at(109), 99).await.expect("read");
    assert_eq!(
        waits.iter().map(|t| t.line.key.to_string()).collect::<Vec<_>>(),
        ["store"],
        "the other has its own times"
    );
    assert_eq!(due(store, 109).await.len(), 2);
}

/// The key and the words of an alert.
type Line = (&'static str, &'static str);

pub(crate) async fn what_says_the_newest_is_told_when_it_is_raised_and_again_in_other_words(store: &dyn Store) {
    const REPLY: &str = "unread-reply:c1";
    let said =
        |key: &str, message: &str| AlertChange::Raise { key: alert_key(key), call: None, message: message.into() };
    let told: [(i64, &str, &[Line]); 3] = [
        (1, "first", &[("store", "first"), (REPLY, "first")]),
        (2, "second", &[(REPLY, "second")]),
        (3, "second", &[]),
    ];
    for (when, message, wanted) in told {
        change(store, vec![said("store", message), said(REPLY, message)], when).await;
        let tasks = due(store, when).await;
        let mut seen: Vec<_> = tasks.iter().map(|t| (t.line.key.to_string(), t.line.message.clone())).collect();
        seen.sort();
        let seen: Vec<_> = seen.iter().map(|(key, message)| (key.as_str(), message.as_str())).collect();
        assert_eq!(seen, wanted, "{message} at {when}");
        assert!(tasks.iter().all(|t| t.line.raised_at == at(1)), "it is the same alert: {tasks:?}");
        store.alerts_delivered(OFFICE, tasks, taken(when)).await.expect("delivered");
    }
}

/// More than are asked for at once.
pub(crate) async fn however_many_are_raised_each_ends_when_it_is_over(store: &dyn Store) {
    let many = (0..70).map(|n| raise(&format!("late:c{n}"), Some(format!("c{n}").as_str()))).collect();
    change(store, many, 1).await;
    change(store, vec![raise("late:last", Some("last")), raise("store", None)], 2).await;
    let of_call = AlertChange::ResolveAll { call: "last".parse().expect("an id"), at: Until::Taken };
    change(store, vec![of_call, AlertChange::Resolve { key: alert_key("store") }], 3).await;
    change(store, vec![AlertChange::Resolve { key: alert_key("late:c0") }], 4).await;
    let open: Vec<String> = store.alerts().await.expect("read").into_iter().map(|a| a.key.to_string()).collect();
    let mut wanted: Vec<String> = (1..70).map(|n| format!("late:c{n}")).collect();
    wanted.sort();
    assert_eq!(open, wanted);
}

pub(crate) async fn the_settings_in_force_say_who_is_told_whatever_this_process_was_opened_with(store: &dyn Store) {
    let settings = |when: i64, targets: Vec<Target>| NewSettings {
        document: json!({ "n": when }),
        places: None,
        targets,
        actor: Actor("ana".into()),
        role: "config apply".into(),
        at: at(when),
    };
    let mirror_call = async |when: i64| {
        let effect = always(move || Change {
            effects: vec![Effect::MirrorCall(id("c1"))],
            at: Some(at(when)),
            ..Change::default()
        });
        store.transact(Load::Nothing, Vec::new(), effect).await.expect("changed");
        store.mirror_calls_due(at(99), 9).await.expect("read").len()
    };
    put(store, call("c1", at(0))).await.expect("put");
    // A sink that is told of the worst alone, and no mirror: this process was opened with a mirror, and with the office.
    let night = SinkTarget { name: "night".into(), min: Severity::Page };
    store.put_settings(&settings(1, vec![Target::Sink(night)])).await.expect("in force");
    change(store, vec![raise("store", None), raise("late:c1", Some("c1"))], 2).await;
    let of_night = async || {
        let tasks = store.alerts_due("night", at(99), 9).await.expect("read");
        tasks.iter().map(|t| t.line.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((of_night().await, due_keys(store, 99).await), (vec!["store".to_owned()], vec![]));
    assert_eq!(mirror_call(3).await, 0, "there is no mirror");

    store.put_settings(&settings(4, vec![Target::Mirror])).await.expect("in force");
    assert_eq!(mirror_call(5).await, 1, "now there is one");
    change(store, vec![raise("no-sender", None)], 6).await;
    assert_eq!((of_night().await, due_keys(store, 99).await), (vec!["store".to_owned()], vec![]), "and no sink");
}
