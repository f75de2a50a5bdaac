//! The mirror's outbox: what is due, told, parked, to be read back.

use super::fixtures::*;
use crate::domain::attempt::AttemptState;
use crate::domain::change::{Change, Effect};
use crate::domain::event::Load;
use crate::domain::types::Timestamp;
use crate::store::{EventFilter, MirrorDelivered, MirrorKey, Store};

fn event(call: &str, number: u32) -> MirrorKey {
    MirrorKey::Attempt(attempt_id(call, number))
}

fn of_call(name: &str) -> MirrorKey {
    MirrorKey::Call(id(name))
}

/// Something has changed about these at `when`.
async fn changed(store: &dyn Store, keys: Vec<MirrorKey>, when: Timestamp) {
    let change = always(move || Change {
        effects: keys
            .iter()
            .map(|key| match key {
                MirrorKey::Attempt(id) => Effect::MirrorAttempt(*id),
                MirrorKey::Call(id) => Effect::MirrorCall(id.clone()),
            })
            .collect(),
        at: Some(when),
        ..Change::default()
    });
    store.transact(Load::Nothing, Vec::new(), change).await.expect("changed");
}

async fn due(store: &dyn Store, now: Timestamp) -> Vec<MirrorKey> {
    let mut keys: Vec<MirrorKey> =
        store.mirror_events_due(now, 99).await.expect("read").into_iter().map(|e| e.task.key).collect();
    keys.extend(store.mirror_calls_due(now, 99).await.expect("read").into_iter().map(|c| c.task.key));
    keys
}

async fn unproven(store: &dyn Store, now: Timestamp) -> Vec<(MirrorKey, i64)> {
    let events = store.mirror_events_unproven(now, 99).await.expect("read");
    let calls = store.mirror_calls_unproven(now, 99).await.expect("read");
    let events = events.into_iter().map(|e| (e.task.key, e.task.version));
    events.chain(calls.into_iter().map(|c| (c.task.key, c.task.version))).collect()
}

fn delivered(key: &MirrorKey, version: i64, since: Timestamp, verify_at: Option<Timestamp>) -> MirrorDelivered {
    MirrorDelivered { key: key.clone(), version, since, record: Some("rec1".into()), verify_at }
}

pub(crate) async fn what_the_mirror_lacks_is_due_with_its_newest_state_until_that_is_told(store: &dyn Store) {
    for (name, when) in [("c1", 0), ("c2", 5)] {
        put(store, call(name, at(when))).await.expect("put");
    }
    changed(store, vec![event("c2", 1)], at(6)).await;
    changed(store, vec![event("c1", 1), of_call("c1")], at(7)).await;
    assert_eq!(due(store, at(5)).await, []);
    assert_eq!(store.next_mirror(at(5)).await.expect("read"), Some(at(6)));
    assert_eq!(due(store, at(7)).await, [event("c2", 1), event("c1", 1), of_call("c1")], "the longest due first");
    assert_eq!(store.mirror_events_due(at(7), 1).await.expect("read").len(), 1);
    edit(store, "c1", |s| put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(8))).await.expect("edit");
    changed(store, vec![event("c1", 1)], at(8)).await;
    let tasks = store.mirror_events_due(at(9), 9).await.expect("read");
    let c1 = tasks.iter().find(|t| t.task.key == event("c1", 1)).expect("due");
    assert_eq!((c1.attempt.state, c1.task.version, c1.task.since), (AttemptState::Sending, 2, at(7)));
    assert_eq!((c1.reference.as_str(), c1.task.record.as_deref(), c1.task.tries), ("7K3Q", None, 0));
    let calls = store.mirror_calls_due(at(9), 9).await.expect("read");
    assert_eq!(calls[0].state, stored(store, "c1").await);

    store.mirror_delivered(vec![delivered(&event("c1", 1), 1, at(7), None)], at(9)).await.expect("told");
    assert!(due(store, at(9)).await.contains(&event("c1", 1)), "a newer state came meanwhile");
    let all = vec![delivered(&event("c1", 1), 2, at(7), None), delivered(&of_call("c1"), 1, at(7), None)];
    store.mirror_delivered(all, at(9)).await.expect("told");
    assert_eq!(due(store, at(9)).await, [event("c2", 1)]);
    store.mirror_failed(vec![event("c2", 1)], at(20)).await.expect("noted");
    assert_eq!((due(store, at(19)).await, store.next_mirror(at(9)).await.expect("read")), (vec![], Some(at(20))));
    changed(store, vec![event("c2", 1)], at(10)).await;
    assert_eq!(due(store, at(19)).await, [], "a newer state waits as long as the one before it");
    let again = store.mirror_events_due(at(20), 9).await.expect("read").remove(0);
    assert_eq!((again.task.tries, again.task.since), (1, at(6)));
    store.mirror_wait(vec![event("c2", 1)], at(30)).await.expect("noted");
    assert_eq!(due(store, at(29)).await, []);
    store.mirror_retry_now(at(25)).await.expect("hurried");
    assert_eq!(store.mirror_events_due(at(25), 9).await.expect("read").remove(0).task.tries, 1, "nothing was tried");
    changed(store, vec![of_call("c1")], at(26)).await;
    let known = store.mirror_calls_due(at(26), 9).await.expect("read").remove(0);
    assert_eq!(known.task.record.as_deref(), Some("rec1"), "the record is remembered");
    store.mirror_forget_record(&of_call("c1")).await.expect("forgotten");
    assert_eq!(store.mirror_calls_due(at(26), 9).await.expect("read").remove(0).task.record, None);
}

pub(crate) async fn what_was_written_is_read_back_until_it_is_proven(store: &dyn Store) {
    put(store, call("c1", at(0))).await.expect("put");
    let key = event("c1", 1);
    changed(store, vec![key.clone()], at(1)).await;
    store.mirror_delivered(vec![delivered(&key, 1, at(1), Some(at(3)))], at(2)).await.expect("told");
    assert_eq!((unproven(store, at(2)).await, store.next_mirror(at(2)).await.expect("read")), (vec![], Some(at(3))));
    assert_eq!(unproven(store, at(3)).await, [(key.clone(), 1)]);
    let figures = store.mirror_figures().await.expect("read");
    assert_eq!((figures.waiting, figures.unverified, figures.oldest_unverified), (0, 1, Some(at(1))));

    changed(store, vec![key.clone()], at(4)).await;
    assert_eq!(unproven(store, at(4)).await, [], "a newer state is written first");
    store.mirror_delivered(vec![delivered(&key, 1, at(4), Some(at(5)))], at(5)).await.expect("told");
    store.mirror_proven(vec![(key.clone(), 1)], at(5)).await.expect("noted");
    assert_eq!(unproven(store, at(5)).await, [(key.clone(), 2)], "a proof of another write is none");
    assert_eq!(store.mirror_figures().await.expect("read").oldest_unverified, Some(at(1)), "the oldest change counts");
    store.mirror_missed(&key, 1, at(9)).await.expect("noted");
    assert_eq!(unproven(store, at(5)).await.len(), 1, "a miss of another write is none");
    store.mirror_missed(&key, 2, at(9)).await.expect("noted");
    assert_eq!(unproven(store, at(8)).await, []);
    assert_eq!(store.mirror_events_unproven(at(9), 9).await.expect("read").remove(0).task.tries, 1);
    assert!(store.mirror_is_busy_with(vec![key.clone()]).await.expect("read"));
    store.mirror_rewrite(&key, 1, at(10)).await.expect("noted");
    assert_eq!(due(store, at(10)).await, [], "of another write");
    store.mirror_rewrite(&key, 2, at(10)).await.expect("noted");
    assert_eq!((due(store, at(10)).await, unproven(store, at(10)).await), (vec![key.clone()], vec![]));
    store.mirror_delivered(vec![delivered(&key, 1, at(10), Some(at(11)))], at(11)).await.expect("told");
    let third = store.mirror_events_unproven(at(11), 9).await.expect("read").remove(0);
    assert_eq!((third.task.version, third.task.rewrites, third.task.tries), (3, 1, 0));
    store.mirror_proven(vec![(key.clone(), 3)], at(12)).await.expect("noted");
    let figures = store.mirror_figures().await.expect("read");
    assert_eq!((figures.unverified, figures.oldest_unverified), (0, None));
    assert!(!store.mirror_is_busy_with(vec![key.clone()]).await.expect("read"));
    assert_eq!(store.next_mirror(at(0)).await.expect("read"), None);
}

pub(crate) async fn what_is_refused_is_parked_until_a_newer_state_comes(store: &dyn Store) {
    put(store, call("c1", at(0))).await.expect("put");
    put(store, call("c2", at(0))).await.expect("put");
    let (one, two) = (event("c1", 1), event("c2", 1));
    changed(store, vec![one.clone(), two.clone()], at(1)).await;
    store.mirror_park(&one, Some(2), "too long", at(2)).await.expect("noted");
    assert_eq!(due(store, at(2)).await.len(), 2, "another version is not meant");
    store.mirror_park(&one, Some(1), "too long", at(2)).await.expect("parked");
    assert_eq!(due(store, at(2)).await, std::slice::from_ref(&two));
    let parked = store.mirror_parked(9).await.expect("read");
    assert_eq!(
        parked.iter().map(|p| (&p.key, p.why.as_str(), p.parked_at)).collect::<Vec<_>>(),
        [(&one, "too long", at(2))]
    );
    let figures = store.mirror_figures().await.expect("read");
    assert_eq!((figures.waiting, figures.parked, figures.oldest_waiting), (1, 1, Some(at(1))));
    assert!(!store.mirror_is_busy_with(vec![one.clone()]).await.expect("read"), "nobody works on it");
    store.mirror_failed(vec![one.clone()], at(3)).await.expect("noted");
    store.mirror_retry_now(at(3)).await.expect("hurried");
    assert_eq!(due(store, at(3)).await, std::slice::from_ref(&two));
    changed(store, vec![one.clone()], at(4)).await;
    assert!(due(store, at(4)).await.contains(&one), "a newer state is tried");
    store.mirror_park(&one, Some(2), "again", at(5)).await.expect("parked");
    store.mirror_again(vec![one.clone()], at(6)).await.expect("asked");
    assert!(due(store, at(6)).await.contains(&one), "and what a person asks for");
    assert_eq!(store.mirror_parked(9).await.expect("read"), []);

    store.mirror_delivered(vec![delivered(&two, 1, at(1), Some(at(7)))], at(7)).await.expect("told");
    store.mirror_park(&two, None, "the base does not keep it", at(8)).await.expect("parked");
    assert_eq!((unproven(store, at(9)).await, store.mirror_figures().await.expect("read").unverified), (vec![], 0));
    store.mirror_park(&one, None, "a change of it waits", at(9)).await.expect("noted");
    let parked: Vec<MirrorKey> = store.mirror_parked(9).await.expect("read").into_iter().map(|p| p.key).collect();
    assert_eq!(parked, std::slice::from_ref(&two));
    store.mirror_again(vec![two.clone()], at(10)).await.expect("asked");
    assert!(due(store, at(10)).await.contains(&two));
}

pub(crate) async fn dispatch_events_are_walked_through_by_place_call_and_time(store: &dyn Store) {
    for (name, sent) in [("c1", 10), ("c2", 20), ("c3", 30)] {
        let mut state = call(name, at(0));
        put_in(&mut state.attempts[0], AttemptState::Delivered, u32::try_from(sent).expect("small"), at(sent));
        put(store, state).await.expect("put");
    }
    put(store, call("unsent", at(0))).await.expect("put");
    let mut skipped = call("skipped", at(0));
    put_in(&mut skipped.attempts[0], AttemptState::Skipped, 0, at(40));
    put(store, skipped).await.expect("put");
    changed(store, vec![event("c1", 1), event("c2", 1)], at(41)).await;
    store.mirror_park(&event("c2", 1), Some(1), "no such option", at(42)).await.expect("parked");
    let walk = |filter: EventFilter| async move {
        let found = store.mirror_events(&filter).await.expect("read");
        found.iter().map(|l| l.attempt.call.to_string()).collect::<Vec<_>>()
    };
    let all = EventFilter { limit: 9, ..EventFilter::default() };
    assert_eq!(walk(all.clone()).await, ["c1", "c2", "c3", "skipped"]);
    assert_eq!(store.mirror_events_count(&all).await.expect("read"), 4);
    assert_eq!(walk(EventFilter { since: Some(at(20)), ..all.clone() }).await, ["c2", "c3", "skipped"]);
    assert_eq!(walk(EventFilter { call: Some(id("c2")), ..all.clone() }).await, ["c2"]);
    assert_eq!(walk(EventFilter { call: Some(id("c2")), since: Some(at(21)), ..all.clone() }).await, [""; 0]);
    let first = store.mirror_events(&EventFilter { limit: 2, ..EventFilter::default() }).await.expect("read");
    assert_eq!((first[0].waits_since, first[0].parked.as_deref()), (Some(at(41)), None));
    assert_eq!((first[1].waits_since, first[1].parked.as_deref()), (None, Some("no such option")));
    assert_eq!(first[0].reference.as_str(), "7K3Q");
    assert_eq!(walk(EventFilter { after: first[1].place, ..all }).await, ["c3", "skipped"]);
}
