//! What goes of a store after a time, and what stays.

use serde_json::json;

use super::cases::shown;
use super::fixtures::*;
use crate::domain::alert::AlertChange;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::{Change, Effect};
use crate::domain::event::Load;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::types::Actor;
use crate::store::{Delivered, EventFilter, LogFilter, MirrorKey, Pruned, Pruner, SliceLimit, Store, StoreError};
use crate::testing::alert_key;

/// A call that was over at this second, with one text that arrived and words in its log.
pub(crate) fn over(name: &str, closed: i64) -> CallState {
    let mut state = call(name, at(0));
    state.call.status = CallStatus::Resolved;
    state.call.wake_at = None;
    state.call.closed_at = Some(at(closed));
    state.call.data.caller_phone = Some("+19495550150".into());
    state.call.data.caller_name = Some("Kim Doe".into());
    state.call.data.address = Some("12 Oak St".into());
    state.call.data.issue_summary = Some("Burst pipe".into());
    state.call.data.emergency_level = Some("high".into());
    state.call.data.twilio_to_number = Some("+18005550100".into());
    put_in(
        &mut state.attempts[0],
        AttemptState::Delivered,
        name.bytes().fold(7, |n, b| n * 31 % 100_000 + u32::from(b)),
        at(1),
    );
    state
}

pub(crate) fn words(name: &str) -> LogEntry {
    LogEntry {
        kind: LogKind::ReplyReceived,
        at: at(2),
        call: Some(id(name)),
        attempt: None,
        actor: Actor("+1949•••0101".into()),
        message: "Kim Doe of 12 Oak St wrote".into(),
        data: json!({ "text": "Kim Doe says 1", "level": "high", "contact": "sam" }),
    }
}

async fn all(store: &dyn Store, before: i64) -> Pruned {
    let mut pruner = Pruner::default();
    for _ in 0..1_000 {
        if pruner.slice(store, at(before), at(before + 90_000)).await.expect("pruned") {
            return pruner.pruned;
        }
    }
    panic!("it never ends: {pruner:?}");
}

pub(crate) async fn a_call_that_is_over_loses_what_it_says_of_people_and_stays_what_it_was(store: &dyn Store) {
    for name in ["a", "b", "c"] {
        let mut state = over(name, 10);
        state.call.idempotency_key = Some(format!("key-{name}"));
        put(store, state).await.expect("put");
        store.append_log(vec![words(name)]).await.expect("logged");
    }
    let nobodys = LogEntry { call: None, ..words("a") };
    let shops = LogEntry {
        kind: LogKind::Engine,
        message: "engine started".into(),
        data: serde_json::Value::Null,
        ..nobodys.clone()
    };
    store.append_log(vec![nobodys, shops]).await.expect("logged");
    assert_eq!(store.to_prune(at(11)).await.expect("counted").calls, 3);
    let was = stored(store, "a").await;
    let pruned = all(store, 11).await;
    assert_eq!((pruned.calls, pruned.attempts, pruned.entries), (3, 3, 4), "{pruned:?}");
    assert_eq!(store.to_prune(at(11)).await.expect("counted").calls, 0);
    let is = stored(store, "a").await;
    let (before, after) = (&was.attempts[0], &is.attempts[0]);
    assert_eq!(
        (after.id, after.number, after.state, &after.sid, after.sent_at, &after.recipient.contact),
        (before.id, before.number, before.state, &before.sid, before.sent_at, &before.recipient.contact)
    );
    assert!(after.recipient.phone.is_pruned() && after.body.is_empty(), "{after:?}");
    assert_eq!((is.call.reference, is.call.status, is.notices), (was.call.reference, was.call.status, was.notices));
    let data = &is.call.data;
    assert_eq!(
        (data.emergency_level.as_deref(), data.twilio_to_number.as_deref()),
        (Some("high"), Some("+18005550100"))
    );
    let of_people = [&data.caller_phone, &data.caller_name, &data.address, &data.issue_summary, &data.body];
    assert!(of_people.iter().all(|d| d.is_none()) && data.extra.is_empty(), "{data:?}");
    // Nothing is taken twice.
    assert_eq!(store.call_by_key("key-a").await.expect("read"), Some(id("a")));
    let sid = before.sid.clone().expect("a message");
    assert_eq!(store.call_by_sid(&sid).await.expect("read"), Some(id("a")));
    assert_eq!(is.call.fingerprint, was.call.fingerprint);
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("read");
    assert_eq!(log.iter().filter(|l| l.entry.kind == LogKind::ReplyReceived).count(), 4, "its skeleton stays");
    for line in &log {
        assert!(!line.entry.message.contains("Kim") && !line.entry.data.to_string().contains("Kim"), "{line:?}");
    }
    assert!(log.iter().any(|l| l.entry.message == "engine started"), "the shop's own words stay");
    let kept = log.iter().find(|l| l.entry.call == Some(id("a"))).expect("an entry");
    assert_eq!(kept.entry.data, json!({ "level": "high", "contact": "sam" }));
    // The mirror has what it had: nothing is compared, and nothing is written there.
    assert!(store.mirror_events(&EventFilter { limit: 10, ..EventFilter::default() }).await.expect("read").is_empty());
    let attempt = after.id;
    let late = move |loaded: &crate::domain::event::Loaded| {
        let mut state = loaded.calls[0].clone();
        state.attempts[0].polls += 1;
        Ok(Change { calls: vec![state], effects: vec![Effect::MirrorAttempt(attempt)], ..Change::default() })
    };
    store.transact(Load::Call(id("a")), Vec::new(), std::sync::Arc::new(late)).await.expect("a late receipt");
    let due = store.mirror_events_due(at(1_000_000), 10).await.expect("read");
    assert!(!due.iter().any(|t| t.task.key == MirrorKey::Attempt(attempt)), "{due:?}");
    let again = vec![MirrorKey::Attempt(attempt), MirrorKey::Call(id("a"))];
    store.mirror_again(again, at(1_000_000)).await.expect("asked");
    assert_eq!(store.mirror_events_due(at(1_000_000), 10).await.expect("read"), []);
    assert_eq!(store.mirror_calls_due(at(1_000_000), 10).await.expect("read"), []);
    assert_eq!(store.mirror_keeps(vec![id("a"), id("nobody")]).await.expect("read"), [id("nobody")]);
    assert_eq!(store.unreadable(10).await.expect("looked"), []);
    assert_eq!(all(store, 11).await, Pruned::default(), "once");
}

pub(crate) async fn what_is_open_or_young_or_waits_for_another_system_is_not_pruned(store: &dyn Store) {
    put(store, call("open", at(0))).await.expect("put");
    let mut exhausted = over("exhausted", 5);
    exhausted.call.status = CallStatus::Exhausted;
    put(store, exhausted).await.expect("put");
    put(store, over("young", 100)).await.expect("put");
    let waits = over("waits", 5);
    put(store, waits.clone()).await.expect("put");
    let attempt = waits.attempts[0].id;
    let tell = move |loaded: &crate::domain::event::Loaded| {
        let state = loaded.calls[0].clone();
        Ok(Change { calls: vec![state], effects: vec![Effect::MirrorAttempt(attempt)], ..Change::default() })
    };
    store.transact(Load::Call(id("waits")), Vec::new(), std::sync::Arc::new(tell)).await.expect("told");
    let found = store.to_prune(at(50)).await.expect("counted");
    assert_eq!((found.calls, found.waiting, found.open), (0, 1, 2), "{found:?}");
    assert_eq!(all(store, 50).await.calls, 0);
    for name in ["open", "exhausted", "young", "waits"] {
        let state = stored(store, name).await;
        assert!(!state.attempts.iter().any(|a| a.recipient.phone.is_pruned()), "{name}");
    }
    assert_eq!(shown(store, Load::Call(id("young"))).await.calls[0].call.data.caller_name.as_deref(), Some("Kim Doe"));
}

pub(crate) async fn a_call_of_very_many_entries_is_pruned_in_pieces(store: &dyn Store) {
    put(store, over("long", 5)).await.expect("put");
    let nobodys = LogEntry { data: json!({ "text": "Kim Doe says 1", "contact": "+19495550150" }), ..words("long") };
    store.append_log(vec![nobodys; 1_000]).await.expect("logged");
    let mut pruner = Pruner::default();
    assert!(!pruner.slice(store, at(50), at(90_050)).await.expect("pruned"));
    assert_eq!((pruner.pruned.calls, pruner.pruned.entries), (1, 200), "no slice takes long");
    assert_eq!(pruner.pruned.and(all(store, 50).await).entries, 1_000);
    let log = store.log(&LogFilter { limit: 2_000, ..LogFilter::default() }).await.expect("read");
    let people = |l: &&crate::store::LogLine| {
        l.entry.message.contains("Kim") || l.entry.data.to_string().contains("+19495550150")
    };
    assert_eq!(log.iter().find(people), None);
    assert!(all(store, 50).await.is_nothing(), "once");
}

/// What was found is looked at again before it loses anything.
pub(crate) async fn what_came_back_since_it_was_found_is_not_pruned(store: &dyn Store) {
    for name in ["back", "stays"] {
        put(store, over(name, 5)).await.expect("put");
        store.append_log(vec![words(name)]).await.expect("logged");
    }
    let found = std::sync::Arc::new(store.find_prunable(at(50)).await.expect("found"));
    assert_eq!(found.calls.len(), 2, "{found:?}");
    let attempt = stored(store, "back").await.attempts[0].id;
    let tell = move |loaded: &crate::domain::event::Loaded| {
        let state = loaded.calls[0].clone();
        Ok(Change { calls: vec![state], effects: vec![Effect::MirrorAttempt(attempt)], ..Change::default() })
    };
    store.transact(Load::Call(id("back")), Vec::new(), std::sync::Arc::new(tell)).await.expect("told");
    let limit = SliceLimit { from: 0, weight: 1_000, within: std::time::Duration::from_secs(60) };
    let slice = store.prune_slice(at(50), at(90_050), std::sync::Arc::clone(&found), limit).await.expect("pruned");
    assert_eq!((slice.pruned.calls, slice.next), (1, 2), "{slice:?}");
    // Another that found the same prunes none of it again.
    let again = store.prune_slice(at(50), at(90_051), std::sync::Arc::clone(&found), limit).await.expect("looked");
    assert_eq!((again.pruned, again.next), (Pruned::default(), 2), "{again:?}");
    assert_eq!(stored(store, "back").await.call.data.caller_name.as_deref(), Some("Kim Doe"));
    // One that may change a row at a time changes one call, however many were found.
    for name in ["c", "d"] {
        put(store, over(name, 5)).await.expect("put");
    }
    let found = std::sync::Arc::new(store.find_prunable(at(50)).await.expect("found"));
    let limit = SliceLimit { from: 1, weight: 1, ..limit };
    let slice = store.prune_slice(at(50), at(90_050), found, limit).await.expect("pruned");
    assert_eq!((slice.pruned.calls, slice.next), (1, 2), "{slice:?}");
}

pub(crate) async fn what_reaches_a_call_after_its_pruning_goes_in_its_time(store: &dyn Store) {
    put(store, over("late", 5)).await.expect("put");
    let first =
        LogEntry { kind: LogKind::CallReported, data: json!({ "report": "r-1", "said": "Kim" }), ..words("late") };
    store.append_log(vec![first]).await.expect("logged");
    assert_eq!(all(store, 50).await.calls, 1);
    // A repeat of a report is known still.
    let log = store.log(&LogFilter { limit: 9, call: Some(id("late")), ..LogFilter::default() }).await.expect("read");
    assert!(log.iter().any(|l| l.entry.data == json!({ "report": "r-1" })), "{log:?}");
    let more = |loaded: &crate::domain::event::Loaded| {
        let mut state = loaded.calls[0].clone();
        state.call.data.address = Some("12 Oak St".into());
        state.attempts[0].replied = "Kim Doe".into();
        Ok(Change { calls: vec![state], log: vec![LogEntry { at: at(60), ..words("late") }], ..Change::default() })
    };
    store.transact(Load::Call(id("late")), Vec::new(), std::sync::Arc::new(more)).await.expect("said later");
    assert!(all(store, 60).await.is_nothing(), "it is younger");
    assert_eq!(stored(store, "late").await.call.data.address.as_deref(), Some("12 Oak St"));
    let again = all(store, 61).await;
    assert_eq!((again.calls, again.entries), (0, 1), "{again:?}");
    let state = stored(store, "late").await;
    assert!(state.call.data.address.is_none() && state.attempts[0].replied.is_empty(), "{state:?}");
    assert!(all(store, 61).await.is_nothing(), "once");
}

/// A receiver that is away has its time, and not for ever.
pub(crate) async fn what_a_receiver_of_events_was_not_told_waits_for_it(store: &dyn Store) {
    const WEEK: i64 = 7 * 86_400;
    store.begin_event_cursors(&["crm".to_owned()]).await.expect("begun");
    for (name, closed) in [("fresh", WEEK), ("ancient", 5)] {
        put(store, over(name, closed)).await.expect("put");
        store.append_log(vec![words(name)]).await.expect("logged");
    }
    // What is of no call waits alike.
    for since in [2, WEEK] {
        store.append_log(vec![LogEntry { call: None, at: at(since), ..words("fresh") }]).await.expect("logged");
    }
    let of_no_call = async || {
        let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("read");
        let words = log.iter().filter(|l| l.entry.call.is_none() && !l.entry.message.is_empty());
        words.map(|l| l.entry.at).collect::<Vec<_>>()
    };
    let before = at(WEEK + 10);
    let all = async || {
        let mut pruner = Pruner::default();
        while !pruner.slice(store, before, at(WEEK + 90_010)).await.expect("pruned") {}
        pruner.pruned
    };
    let found = store.to_prune(before).await.expect("counted");
    assert_eq!((found.calls, found.waiting), (1, 1), "{found:?}");
    let pruned = all().await;
    assert_eq!((pruned.calls, pruned.untold), (1, 1), "it has waited for long enough, and that is counted: {pruned:?}");
    assert_eq!(stored(store, "fresh").await.call.data.caller_name.as_deref(), Some("Kim Doe"), "it waits");
    assert_eq!(of_no_call().await, [at(WEEK)], "the other has waited for long enough");
    store.move_event_cursor("crm", store.log_end().await.expect("read")).await.expect("told");
    let pruned = all().await;
    assert_eq!((pruned.calls, pruned.untold), (1, 0), "{pruned:?}");
    assert_eq!(of_no_call().await, []);
    // One that is not configured any more keeps nothing.
    store.begin_event_cursors(&[]).await.expect("begun");
    put(store, over("later", WEEK)).await.expect("put");
    store.append_log(vec![words("later")]).await.expect("logged");
    assert_eq!(self::all(store, WEEK + 10).await.calls, 1);
}

/// Prunings that end in the middle, or go on beside each other, are each counted once, under their own time.
pub(crate) async fn what_was_pruned_is_counted_however_its_process_ends(store: &dyn Store) {
    for (name, closed) in [("a", 5), ("b", 15), ("c", 16)] {
        put(store, over(name, closed)).await.expect("put");
    }
    let ended = at(90_000);
    assert!(!Pruner::default().slice(store, at(10), ended).await.expect("pruned"), "and its process ends");
    let mut beside = Pruner::default();
    while !beside.slice(store, at(20), at(90_001)).await.expect("pruned") {}
    let calls = async |before: i64, now: i64| {
        let all = store.unlogged_prunings(at(before), at(now)).await.expect("read");
        all.iter().map(|u| (u.before, u.pruned.calls)).collect::<Vec<_>>()
    };
    assert_eq!(calls(20, 90_002).await, [(at(20), 2)], "the other may go on");
    let by = Actor("mia".into());
    store.log_pruned(at(20), &by, at(90_002)).await.expect("logged");
    assert_eq!(calls(20, 90_002).await, [], "it is said");
    // One that has nothing to do says what the other could not.
    assert_eq!(calls(30, 90_060).await, [(at(10), 1)]);
    store.log_pruned(at(10), &by, at(90_060)).await.expect("logged");
    store.log_pruned(at(10), &by, at(90_060)).await.expect("once");
    // Two of the same time are one.
    for name in ["d", "e"] {
        put(store, over(name, 5)).await.expect("put");
        let mut pruner = Pruner::default();
        while !pruner.slice(store, at(10), at(90_061)).await.expect("pruned") {}
    }
    assert_eq!(calls(10, 90_061).await, [(at(10), 2)]);
    store.log_pruned(at(10), &by, at(90_062)).await.expect("logged");
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("read");
    let said = log.iter().filter(|l| l.entry.kind == LogKind::StorePruned).map(|l| l.entry.data["calls"].clone());
    assert_eq!(said.collect::<Vec<_>>(), [2, 1, 2]);
}

pub(crate) async fn an_alert_that_ended_long_ago_goes_with_its_key(store: &dyn Store) {
    let key = alert_key("unknown-writer:+19495550150");
    let raise = AlertChange::Raise { key: key.clone(), call: None, message: "who is it".into() };
    for (what, when) in [(raise, 1), (AlertChange::Resolve { key }, 5)] {
        let decide = move |_: &crate::domain::event::Loaded| {
            Ok(Change { alerts: vec![what.clone()], at: Some(at(when)), ..Change::default() })
        };
        store.transact(Load::Nothing, Vec::new(), std::sync::Arc::new(decide)).await.expect("recorded");
        let tasks = store.alerts_due("office", at(when), 9).await.expect("read");
        assert_eq!(tasks.len(), 1, "it waits to be told");
        assert_eq!(all(store, 90).await.alerts, 0, "somebody is told of it still");
        let said = Delivered { at: at(when), again_at: None, said: "taken".into(), receipt: None };
        store.alerts_delivered("office", tasks, said).await.expect("delivered");
    }
    assert_eq!(all(store, 5).await.alerts, 0, "it is younger");
    let pruned = all(store, 6).await;
    assert_eq!(pruned.alerts, 1, "{pruned:?}");
    assert!(all(store, 6).await.is_nothing(), "once");
}

pub(crate) async fn the_log_of_what_is_not_pruned_is_never_changed(store: &dyn Store) {
    put(store, over("old", 5)).await.expect("put");
    put(store, over("young", 100)).await.expect("put");
    let late = LogEntry { call: None, at: at(60), ..words("old") };
    store.append_log(vec![words("old"), words("young"), late]).await.expect("logged");
    all(store, 50).await;
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("read");
    let said = |name: Option<&str>| {
        let of = |l: &&crate::store::LogLine| {
            l.entry.call.as_ref().map(|c| c.as_str()) == name && l.entry.kind == LogKind::ReplyReceived
        };
        log.iter().filter(of).map(|l| l.entry.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(Some("old")), [""]);
    assert_eq!(said(Some("young")), ["Kim Doe of 12 Oak St wrote"]);
    assert_eq!(said(None), ["Kim Doe of 12 Oak St wrote"], "younger than what is pruned");
    // An open call is never marked as pruned.
    put(store, call("open", at(0))).await.expect("put");
    let wrong: Result<(), StoreError> = store.append_log(Vec::new()).await;
    assert!(wrong.is_ok());
}

pub(crate) async fn the_base_is_told_nothing_more_of_a_pruned_call_and_all_of_one_that_is_not(store: &dyn Store) {
    put(store, over("gone", 5)).await.expect("put");
    put(store, over("stays", 100)).await.expect("put");
    assert_eq!(all(store, 11).await.calls, 1);
    for name in ["gone", "stays"] {
        let late = |loaded: &crate::domain::event::Loaded| {
            let mut state = loaded.calls[0].clone();
            state.attempts[0].polls += 1;
            let effects = vec![Effect::MirrorAttempt(state.attempts[0].id), Effect::MirrorCall(state.call.id.clone())];
            Ok(Change { calls: vec![state], effects, ..Change::default() })
        };
        store.transact(Load::Call(id(name)), Vec::new(), std::sync::Arc::new(late)).await.expect("a late receipt");
    }
    let calls = store.mirror_calls_due(at(1_000_000), 10).await.expect("read");
    assert_eq!(calls.into_iter().map(|c| c.task.key).collect::<Vec<_>>(), [MirrorKey::Call(id("stays"))]);
    let events = store.mirror_events_due(at(1_000_000), 10).await.expect("read");
    let stays = MirrorKey::Attempt(attempt_id("stays", 1));
    assert_eq!(events.into_iter().map(|e| e.task.key).collect::<Vec<_>>(), [stays]);
}
