//! Who is rung: those whom a change concerns, so that nothing waits for the next look, and nobody looks for nothing.

use futures_util::FutureExt as _;

use crate::domain::alert::AlertKind;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::Actor;
use crate::engine::outbox;
use crate::engine::wake::WakeSignal;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{World, fixtures, secs};

use super::alert_texts;

/// Whether this bell rings while that happens.
async fn rings(w: &World, signal: WakeSignal, happens: impl Future<Output = ()>) -> bool {
    let wake = &w.process.core.wake;
    // What rang before.
    let _ = wake.notified(signal).now_or_never();
    let bell = wake.notified(signal);
    tokio::pin!(bell);
    bell.as_mut().enable();
    happens.await;
    bell.as_mut().now_or_never().is_some()
}

async fn accept(w: &World, id: &str, level: &str) {
    assert!(matches!(w.accept(intake(id, level)).await, Answer::Created(_)), "{id}");
}

async fn send(w: &World) {
    w.process.dispatcher.pass().await.expect("looked");
    w.process.dispatcher.drained().await;
}

#[tokio::test]
async fn a_call_rings_those_who_send_and_mirror_it_and_the_steps_only_where_one_is_due_within_a_second() {
    let mut plan = Setup::default();
    for (name, wait) in [("normal", 1), ("high", 2)] {
        let policy = fixtures::policy(name, &[(secs(0), &["primary"]), (secs(wait), &["backup"])]);
        plan.directory.default_line.policies.insert(policy.name.clone(), policy);
    }
    let w = World::with(plan).await;
    assert!(rings(&w, WakeSignal::Send, accept(&w, "a", "high")).await, "its first text waits");
    assert!(rings(&w, WakeSignal::Mirror, accept(&w, "b", "high")).await, "the shop's books lack it");
    assert!(!rings(&w, WakeSignal::Alerts, accept(&w, "c", "high")).await, "nothing is wrong");
    assert!(!rings(&w, WakeSignal::Due, accept(&w, "d", "high")).await, "who looks every second is in time");
    assert!(rings(&w, WakeSignal::Due, accept(&w, "e", "normal")).await, "its next step is due before");
}

#[tokio::test]
async fn an_alert_rings_those_who_tell_it_and_nobody_else() {
    let w = World::new().await;
    let raise = |n: usize| alert_texts::raise(&w, AlertKind::Backup.about(n.to_string()), None, "look");
    assert!(rings(&w, WakeSignal::Alerts, raise(1)).await);
    let others = [WakeSignal::Mirror, WakeSignal::Send, WakeSignal::Due, WakeSignal::AlertText];
    for (n, signal) in others.into_iter().enumerate() {
        assert!(!rings(&w, signal, raise(n + 2)).await, "{signal:?}");
    }
}

#[tokio::test]
async fn the_text_of_an_alert_rings_who_sends_it_and_its_sink_once_something_became_of_it() {
    let w = World::with(alert_texts::setup()).await;
    let hand_over = async || {
        outbox::pass(&w.process.engine, &alert_texts::text_sink()).await.expect("store");
    };
    let send = async || {
        w.process.alert_texts.pass().await.expect("sent");
    };
    alert_texts::raise(&w, AlertKind::Store.into(), None, "the store takes no writes").await;
    assert!(rings(&w, WakeSignal::AlertText, hand_over()).await, "it waits to be sent");
    assert!(rings(&w, WakeSignal::Alerts, send()).await, "its sink waits for that");
    alert_texts::raise(&w, AlertKind::StoreFile.into(), None, "the store is gone").await;
    assert!(!rings(&w, WakeSignal::Alerts, hand_over()).await, "nothing became of it yet");
    assert_eq!(alert_texts::texts(&w).await.len(), 2, "it was handed over");
}

#[tokio::test]
async fn who_watches_a_call_has_what_was_committed() {
    let mut w = World::new().await;
    let call = w.begin("normal").await;
    let watch = w.process.core.wake.watch(&call);
    let armed = watch.armed();
    let taken = Decision::Acknowledge { holder: None };
    w.apply(Event::Decide { call, what: taken, by: Actor("mia".into()), note: None }, "mia").await;
    assert!(armed.now_or_never().is_some(), "it is rung");
    assert_eq!(watch.committed().map(|s| s.call.status.to_string()), Some("ACKNOWLEDGED".to_owned()));
}

#[tokio::test]
async fn a_send_that_used_its_slot_rings_nobody_and_one_that_did_not_rings_whoever_waits_for_it() {
    let mut w = World::new().await;
    for is_refused in [false, true] {
        w.begin("normal").await;
        let id = w.attempt(1).await.id;
        w.process.crash.refuse(is_refused.then_some(id));
        assert_eq!(rings(&w, WakeSignal::Send, send(&w)).await, is_refused);
        assert_eq!(w.sms.posts().contains(&id), !is_refused);
    }
}

#[tokio::test]
async fn every_write_that_the_store_could_not_make_is_counted_and_rings_its_alarm() {
    let w = World::new().await;
    let core = &w.process.core;
    for n in 0..3 {
        assert_eq!(core.refusals(), n);
        assert!(rings(&w, WakeSignal::Store, async { core.store_failed() }).await);
    }
}
