//! Alerts reach each sink by itself, raised and resolved, once each; what cannot be delivered waits and hurts no other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind, Severity, SinkTarget};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::outbox;
use crate::engine::sink::Sink;
use crate::gateways::{AlertMessage, AlertSink, ReceiptAnswer, SinkError, Taken};
use crate::testing::{World, office, secs};

use super::alert_receipts::Receipts;

/// What a sink of the tests does with a message.
#[derive(Debug, Clone, Default)]
pub(super) enum Mood {
    /// It takes it.
    #[default]
    Well,
    /// Nobody listens.
    Dead,
    /// It takes it, and its answer is lost.
    Mute,
    /// It wants to be left alone for so long.
    Busy(Duration),
    /// It refuses us until somebody changes something.
    Refuses,
    /// It never answers.
    Hangs,
}

/// A sink that keeps what it is told, message by message.
#[derive(Debug, Default)]
pub(super) struct RecordingSink {
    messages: Mutex<Vec<Vec<(String, bool)>>>,
    ids: Mutex<Vec<String>>,
    asked: Mutex<usize>,
    mood: Mutex<Mood>,
    /// How many alerts one message names whole; 0: all.
    holds: Mutex<usize>,
    pub(super) receipts: Mutex<Receipts>,
    signal: Notify,
}

impl RecordingSink {
    pub(super) fn is(&self, mood: Mood) {
        *self.mood.lock().expect("lock") = mood;
    }

    /// Keys, and whether they are over.
    pub(super) fn delivered(&self) -> Vec<(String, bool)> {
        self.messages.lock().expect("lock").concat()
    }

    /// Of every try, taken or not.
    pub(super) fn ids(&self) -> Vec<String> {
        self.ids.lock().expect("lock").clone()
    }

    fn sizes(&self) -> Vec<usize> {
        self.messages.lock().expect("lock").iter().map(Vec::len).collect()
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("lock")
    }
}

#[async_trait]
impl AlertSink for RecordingSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        *self.asked.lock().expect("lock") += 1;
        self.ids.lock().expect("lock").push(message.id.clone());
        self.signal.notify_one();
        let mood = self.mood.lock().expect("lock").clone();
        let error = |surely, retry_after| SinkError { why: "away".into(), surely, for_good: false, retry_after };
        let take = || {
            let named = message.notices.iter().map(|n| (n.key.to_string(), n.resolved_at.is_some())).collect();
            self.messages.lock().expect("lock").push(named);
        };
        match mood {
            Mood::Well => take(),
            Mood::Dead => return Err(error(true, None)),
            Mood::Mute => {
                take();
                return Err(error(false, None));
            }
            Mood::Busy(wait) => return Err(error(true, Some(wait))),
            Mood::Refuses => return Err(SinkError { for_good: true, ..error(true, None) }),
            Mood::Hangs => std::future::pending().await,
        }
        let receipt = self.receipts.lock().expect("lock").given(message);
        Ok(Taken { said: "taken".to_owned(), receipt })
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    async fn read_receipt(&self, receipt: &str) -> Result<ReceiptAnswer, SinkError> {
        self.receipts.lock().expect("lock").read(receipt)
    }

    async fn cancel_receipt(&self, receipt: &str) -> Result<(), SinkError> {
        self.receipts.lock().expect("lock").cancel(receipt)
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        let held = *self.holds.lock().expect("lock");
        if held == 0 { message.notices.len() } else { held.min(message.notices.len()) }
    }
}

/// An engine of this world that delivers to these sinks.
pub(super) fn engine_with(w: &World, sinks: Vec<Arc<Sink>>) -> Arc<Engine> {
    let of = &w.process.engine;
    let (id, scope, bounds) = (of.id.clone(), of.scope.clone(), of.bounds());
    Engine::new(of.core.clone(), of.sms.clone(), sinks, id, scope, bounds)
}

/// With the one sink that the store of a world knows.
pub(super) fn engine(w: &World, sink: Arc<RecordingSink>) -> Arc<Engine> {
    engine_with(w, vec![Arc::new(Sink::new(office().name, None, sink))])
}

/// Passes of every sink until each waits; when the first looks again.
pub(super) async fn deliver(engine: &Arc<Engine>) -> Option<Timestamp> {
    let mut first = None;
    for sink in &engine.sinks() {
        let next = loop {
            let now = engine.core.clock.now();
            let next = outbox::pass(engine, sink).await.expect("store");
            if next.is_none_or(|at| at > now) {
                break next;
            }
        };
        first = [first, next].into_iter().flatten().min();
    }
    first
}

pub(super) async fn raise(w: &World, key: &AlertKey) {
    let change = AlertChange::Raise { key: key.clone(), call: None, message: "look".into() };
    w.apply(Event::Alert(change), "engine").await;
}

pub(super) async fn resolve(w: &World, key: &AlertKey) {
    w.apply(Event::Alert(AlertChange::Resolve { key: key.clone() }), "engine").await;
}

fn delivered(key: &str, over: bool) -> (String, bool) {
    (key.to_owned(), over)
}

fn about(kind: AlertKind, n: usize) -> Vec<AlertKey> {
    (0..n).map(|i| kind.about(format!("c{i}"))).collect()
}

#[tokio::test]
async fn an_alert_waits_for_its_sink_and_is_told_raised_and_resolved_once_each() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let key = AlertKey::from(AlertKind::ConsecutiveFailures);
    sink.is(Mood::Dead);
    raise(&w, &key).await;
    let again = deliver(&engine).await.expect("it is tried again");
    assert!(again > w.now(), "with a pause");
    sink.is(Mood::Well);
    assert_eq!((deliver(&engine).await, sink.asked()), (Some(again), 1), "not before its time");
    w.clock.pass(Duration::from_secs(10));
    assert_eq!(deliver(&engine).await, None, "nothing waits");
    raise(&w, &key).await;
    deliver(&engine).await;
    resolve(&w, &key).await;
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [delivered("consecutive-failures", false), delivered("consecutive-failures", true)]);
}

/// A store that knows three sinks: of all, of all, of pages.
async fn three() -> (World, [Arc<RecordingSink>; 3], Arc<Engine>) {
    let target = |name: &str, min| SinkTarget { name: name.into(), min };
    let sinks = vec![target("a", Severity::Notice), target("b", Severity::Notice), target("pager", Severity::Page)];
    let w = World::with_sinks(sinks).await;
    let heard: [Arc<RecordingSink>; 3] = std::array::from_fn(|_| Arc::new(RecordingSink::default()));
    let names = ["a", "b", "pager"];
    let made = names.iter().zip(&heard).map(|(n, h)| Arc::new(Sink::new(*n, None, h.clone())));
    let engine = engine_with(&w, made.collect());
    (w, heard, engine)
}

#[tokio::test]
async fn one_dead_sink_and_one_that_waits_delay_no_other_and_each_hears_once() {
    let (w, [a, b, pager], engine) = three().await;
    a.is(Mood::Dead);
    b.is(Mood::Busy(secs(1_800)));
    for key in about(AlertKind::Exhausted, 3) {
        raise(&w, &key).await;
    }
    raise(&w, &AlertKind::OptedOut.about("sam")).await;
    for _ in 0..30 {
        deliver(&engine).await;
        w.clock.pass(secs(10));
    }
    assert_eq!(pager.sizes(), [1, 1, 1], "once each, and no notice");
    assert!((5..=9).contains(&a.asked()), "the dead one is asked at growing pauses: {}", a.asked());
    assert_eq!(b.asked(), 1, "what asks to be left alone is");
    a.is(Mood::Well);
    b.is(Mood::Well);
    w.clock.pass(secs(300));
    deliver(&engine).await;
    assert_eq!((a.delivered().len(), b.delivered().len()), (4, 0));
    w.clock.pass(secs(1_300));
    deliver(&engine).await;
    assert_eq!((a.delivered().len(), b.delivered().len(), pager.delivered().len()), (4, 4, 3));
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_believed_for_an_hour_at_most() {
    let (w, [a, ..], engine) = three().await;
    a.is(Mood::Busy(secs(86_400)));
    raise(&w, &AlertKind::NoSender.into()).await;
    let until = outbox::pass(&engine, &engine.sinks()[0]).await.expect("store");
    assert!(until.is_some());
    w.clock.pass(secs(3_599));
    deliver(&engine).await;
    assert_eq!(a.asked(), 1);
    w.clock.pass(secs(2));
    deliver(&engine).await;
    assert_eq!(a.asked(), 2);
}

#[tokio::test]
async fn a_sink_that_hangs_holds_its_own_pass_alone() {
    let (w, [a, b, _], engine) = three().await;
    a.is(Mood::Hangs);
    raise(&w, &AlertKind::NoSender.into()).await;
    let hangs = tokio::spawn({
        let engine = engine.clone();
        async move { outbox::pass(&engine, &engine.sinks()[0]).await }
    });
    tokio::time::timeout(secs(10), a.signal.notified()).await.expect("it is asked");
    outbox::pass(&engine, &engine.sinks()[1]).await.expect("store");
    assert_eq!(b.delivered(), [delivered("no-sender", false)]);
    hangs.abort();
    a.is(Mood::Well);
    assert!(hangs.await.is_err());
    deliver(&engine).await;
    assert_eq!(a.delivered(), [delivered("no-sender", false)], "a question that was dropped is asked again");
}

#[tokio::test]
async fn what_was_over_before_a_sink_heard_of_it_is_not_told_there() {
    let (w, [a, b, _], engine) = three().await;
    a.is(Mood::Dead);
    b.is(Mood::Mute);
    let key = AlertKind::LateFollowUp.about("c1");
    raise(&w, &key).await;
    deliver(&engine).await;
    resolve(&w, &key).await;
    a.is(Mood::Well);
    b.is(Mood::Well);
    w.clock.pass(secs(10));
    deliver(&engine).await;
    assert_eq!(a.delivered(), [], "it never knew");
    assert_eq!(b.delivered(), [delivered("late:c1", false), delivered("late:c1", true)], "it may have known");
    assert!(w.process.store.figures(w.now()).await.expect("read").outbox_depth == 0, "nothing waits");
}

#[tokio::test]
async fn a_thousand_at_once_are_named_in_at_most_six_messages_a_minute() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let keys = about(AlertKind::Unnotified, 1_000);
    for key in &keys {
        raise(&w, key).await;
    }
    let mut minutes = Vec::new();
    while sink.delivered().len() < keys.len() && minutes.len() < 5 {
        let before = sink.sizes().len();
        // A restart in the middle rings nobody anew: what was sent is in the store.
        for engine in [&engine, &engine_with(&w, engine.sinks())] {
            deliver(engine).await;
        }
        minutes.push(sink.sizes().len() - before);
        w.clock.pass(secs(60));
    }
    assert_eq!(sink.sizes()[..6], [50; 6]);
    assert!(minutes.iter().all(|n| *n <= 6), "{minutes:?}");
    let mut named: Vec<String> = sink.delivered().into_iter().map(|t| t.0).collect();
    named.sort_unstable();
    let mut want: Vec<String> = keys.iter().map(ToString::to_string).collect();
    want.sort_unstable();
    assert_eq!(named, want, "each once");
    w.clock.pass(secs(60));
    for key in &keys {
        resolve(&w, key).await;
    }
    let before = sink.sizes().len();
    deliver(&engine).await;
    assert_eq!(sink.sizes()[before..], [50; 6], "ends are grouped alike");
}

#[tokio::test]
async fn what_has_no_room_in_a_message_waits_for_the_next() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    *sink.holds.lock().expect("lock") = 7;
    let engine = engine(&w, sink.clone());
    let keys = about(AlertKind::Unnotified, 20);
    for key in &keys {
        raise(&w, key).await;
    }
    sink.is(Mood::Dead);
    deliver(&engine).await;
    sink.is(Mood::Well);
    w.clock.pass(secs(10));
    deliver(&engine).await;
    assert_eq!(sink.sizes(), [7, 7, 6], "none is recorded as told that was cut away");
    let mut named: Vec<String> = sink.delivered().into_iter().map(|t| t.0).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), keys.len());
}

#[tokio::test]
async fn a_stand_in_is_told_once_its_sink_has_failed_for_a_minute_and_of_the_end_of_what_it_knows() {
    let target = |name: &str| SinkTarget { name: name.into(), min: Severity::Notice };
    let w = World::with_sinks(vec![target("first"), target("second")]).await;
    let (first, second) = (Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default()));
    let sinks = vec![
        Arc::new(Sink::new("first", None, first.clone())),
        Arc::new(Sink::new("second", Some("first".into()), second.clone())),
    ];
    let engine = engine_with(&w, sinks);
    let (x, y) = (AlertKind::Exhausted.about("x"), AlertKind::Exhausted.about("y"));
    raise(&w, &x).await;
    deliver(&engine).await;
    first.is(Mood::Dead);
    raise(&w, &y).await;
    for _ in 0..5 {
        deliver(&engine).await;
        w.clock.pass(secs(10));
    }
    assert_eq!((first.delivered().len(), second.delivered()), (1, vec![]), "50 s are not yet a minute");
    w.clock.pass(secs(11));
    deliver(&engine).await;
    assert_eq!(second.delivered(), [delivered("exhausted:y", false)], "and not what the first was told");
    first.is(Mood::Well);
    w.clock.pass(secs(300));
    deliver(&engine).await;
    resolve(&w, &x).await;
    resolve(&w, &y).await;
    deliver(&engine).await;
    assert_eq!(second.delivered(), [delivered("exhausted:y", false), delivered("exhausted:y", true)]);
    assert_eq!(first.delivered().len(), 4, "{:?}", first.delivered());
    assert_eq!(w.process.store.figures(w.now()).await.expect("read").outbox_depth, 0, "nothing waits");
}

#[tokio::test]
async fn what_a_sink_was_told_while_the_store_took_no_writes_is_not_told_again() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    raise(&w, &AlertKind::NoSender.into()).await;
    let held = crate::store::corrupt::hold(&w.path()).expect("held");
    outbox::pass(&engine, &engine.sinks()[0]).await.expect("it is told all the same");
    outbox::pass(&engine, &engine.sinks()[0]).await.expect("and not again");
    assert_eq!(sink.asked(), 1);
    drop(held);
    deliver(&engine).await;
    assert_eq!((sink.asked(), w.process.store.alerts_waiting("office").await.expect("read").len()), (1, 0));
}

#[tokio::test]
async fn what_waits_for_a_sink_that_is_no_more_goes_to_those_that_are() {
    let mut w = World::new().await;
    let engine = engine(&w, Arc::new(RecordingSink::default()));
    let of = |subject: &str| AlertKind::Exhausted.about(subject);
    let notice = AlertKind::OptedOut.about("sam");
    for key in [&of("known"), &of("seen"), &notice] {
        raise(&w, key).await;
    }
    deliver(&engine).await;
    let by = Actor("Ana".into());
    w.apply(Event::Alert(AlertChange::Acknowledge { key: of("seen"), by, raised_by: None }), "Ana").await;
    raise(&w, &of("waiting")).await;
    let target = |name: &str, min| SinkTarget { name: name.into(), min };
    w.setup.sinks = vec![target("renamed", Severity::Notice)];
    w.restart().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine_with(&w, vec![Arc::new(Sink::new("renamed", None, sink.clone()))]);
    deliver(&engine).await;
    let mut told = sink.delivered();
    told.sort_unstable();
    let want = [delivered("exhausted:known", false), delivered("exhausted:waiting", false)];
    assert_eq!(told, want, "what is in force and nobody has seen is repeated under the new name");
    assert_eq!(w.process.store.figures(w.now()).await.expect("read").outbox_depth, 0, "nothing waits");
}

#[tokio::test]
async fn what_is_seen_is_not_told_again_for_time_that_goes_by() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let key = AlertKind::NotSeen.about("drip");
    raise(&w, &key).await;
    deliver(&engine).await;
    let by = Actor("Ana".into());
    w.apply(Event::Alert(AlertChange::Acknowledge { key: key.clone(), by, raised_by: None }), "Ana").await;
    w.advance(secs(3_600)).await;
    w.apply(Event::Alert(AlertChange::Again { key, message: "7 h ago".into() }), "engine").await;
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [delivered("not-seen:drip", false)]);
}

#[tokio::test]
async fn at_a_start_a_sink_that_is_no_more_is_said_to_fail_no_more_and_one_that_is_still_is() {
    let w = World::new().await;
    let engine = engine(&w, Arc::new(RecordingSink::default()));
    for name in [office().name.as_str(), "gone"] {
        raise(&w, &AlertKind::SinkFailing.about(name)).await;
    }
    outbox::start(&engine).await.expect("store");
    assert_eq!(w.alerts().await, ["sink-failing:office"]);
}
