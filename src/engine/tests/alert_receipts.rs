//! A sink that rings until somebody acknowledges is asked who has, message by message, across restarts, and told when to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::alert::{AlertChange, AlertKey, AlertKind, SinkReceipt};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::alert_receipts;
use crate::engine::sink::Sink;
use crate::engine::store_alarm::{self, Alarm};
use crate::gateways::{AlertMessage, ReceiptAnswer, SinkError};
use crate::store::corrupt;
use crate::testing::{World, office, secs};

use super::outbox::{RecordingSink, deliver, engine_with, raise, resolve};

const EXPIRE: Duration = Duration::from_secs(3_600);

/// The receipts that a sink of the tests gives: none until it is asked to.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    gives: bool,
    given: u32,
    says: BTreeMap<String, ReceiptAnswer>,
    reads: usize,
    canceled: Vec<String>,
    is_away: bool,
}

impl Receipts {
    pub(super) fn given(&mut self, message: &AlertMessage) -> Option<SinkReceipt> {
        if !self.gives || message.notices.iter().any(|n| n.resolved_at.is_some()) {
            return None;
        }
        self.given += 1;
        let id = format!("R{}", self.given);
        self.says.insert(id.clone(), ReceiptAnswer::Waits);
        Some(SinkReceipt { id, expires_at: message.at.plus(EXPIRE) })
    }

    fn away(&self) -> Result<(), SinkError> {
        let error = || SinkError { why: "away".into(), surely: true, for_good: false, retry_after: None };
        if self.is_away { Err(error()) } else { Ok(()) }
    }

    pub(super) fn read(&mut self, id: &str) -> Result<ReceiptAnswer, SinkError> {
        self.reads += 1;
        self.away()?;
        Ok(self.says.get(id).cloned().unwrap_or(ReceiptAnswer::Expired))
    }

    pub(super) fn cancel(&mut self, id: &str) -> Result<(), SinkError> {
        self.away()?;
        self.canceled.push(id.to_owned());
        Ok(())
    }
}

struct Phone(Arc<RecordingSink>);

impl Phone {
    fn new() -> Self {
        let sink = Arc::new(RecordingSink::default());
        sink.receipts.lock().expect("lock").gives = true;
        Self(sink)
    }

    fn engine(&self, w: &World) -> Arc<Engine> {
        engine_with(w, vec![Arc::new(Sink::new(office().name, None, self.0.clone()))])
    }

    fn with<T>(&self, change: impl FnOnce(&mut Receipts) -> T) -> T {
        change(&mut self.0.receipts.lock().expect("lock"))
    }

    fn acknowledges(&self, id: &str) {
        let answer = ReceiptAnswer::Acknowledged { device: Some("owners-phone".into()) };
        self.with(|r| r.says.insert(id.to_owned(), answer));
    }

    fn canceled(&self) -> Vec<String> {
        self.with(|r| r.canceled.clone())
    }
}

async fn look(w: &World, engine: &Arc<Engine>) {
    w.clock.pass(secs(10));
    alert_receipts::pass(engine, &engine.sinks()[0]).await.expect("store");
}

async fn seen_by(w: &World, key: &AlertKey) -> Option<String> {
    let open = w.process.store.alerts().await.expect("read");
    open.into_iter().find(|a| a.key == *key).and_then(|a| a.acknowledged).map(|(_, by)| by.0)
}

async fn kept(w: &World) -> Vec<String> {
    let receipts = w.process.store.alert_receipts(&office().name).await.expect("read");
    receipts.into_iter().map(|r| r.id).collect()
}

fn about(subject: &str) -> AlertKey {
    AlertKind::Exhausted.about(subject)
}

#[tokio::test]
async fn each_message_that_rings_is_read_by_its_own_receipt_until_somebody_has_seen_it_across_a_restart() {
    let mut w = World::new().await;
    let phone = Phone::new();
    let engine = phone.engine(&w);
    let (x, y) = (about("x"), about("y"));
    raise(&w, &x).await;
    raise(&w, &y).await;
    deliver(&engine).await;
    let again = AlertChange::Again { key: x.clone(), message: "other words".into() };
    w.apply(Event::Alert(again), "engine").await;
    deliver(&engine).await;
    assert_eq!(kept(&w).await, ["R1", "R2", "R3"], "the newer message hides none");
    look(&w, &engine).await;
    assert_eq!((phone.with(|r| r.reads), seen_by(&w, &x).await), (3, None));
    alert_receipts::pass(&engine, &engine.sinks()[0]).await.expect("store");
    assert_eq!(phone.with(|r| r.reads), 3, "not before its time");
    w.restart().await;
    let engine = phone.engine(&w);
    // The older of the two messages about it.
    phone.acknowledges("R1");
    look(&w, &engine).await;
    assert_eq!(seen_by(&w, &x).await, Some("office (owners-phone)".into()));
    assert_eq!(seen_by(&w, &y).await, None);
    look(&w, &engine).await;
    assert_eq!((phone.canceled(), kept(&w).await), (vec!["R3".into()], vec!["R2".into()]), "the newer one is silenced");
}

#[tokio::test]
async fn what_is_over_or_seen_elsewhere_rings_no_more() {
    let w = World::new().await;
    let phone = Phone::new();
    let engine = phone.engine(&w);
    let (over, seen, anew) = (about("over"), about("seen"), about("anew"));
    for key in [&over, &seen, &anew] {
        raise(&w, key).await;
        deliver(&engine).await;
    }
    phone.with(|r| r.is_away = true);
    resolve(&w, &over).await;
    let by = Actor("Ana".into());
    w.apply(Event::Alert(AlertChange::Acknowledge { key: seen.clone(), by, raised_by: None }), "Ana").await;
    resolve(&w, &anew).await;
    w.clock.pass(secs(1));
    raise(&w, &anew).await;
    look(&w, &engine).await;
    assert_eq!((phone.canceled().len(), kept(&w).await.len()), (0, 3), "it is tried again");
    phone.with(|r| r.is_away = false);
    phone.acknowledges("R3");
    look(&w, &engine).await;
    assert_eq!((phone.canceled(), kept(&w).await.len()), (vec!["R1".into(), "R2".into(), "R3".into()], 0));
    assert_eq!(seen_by(&w, &anew).await, None, "raised anew it was seen by nobody");
}

#[tokio::test]
async fn a_receipt_that_has_expired_is_read_no_more_also_where_nobody_answers() {
    let w = World::new().await;
    let phone = Phone::new();
    let engine = phone.engine(&w);
    raise(&w, &about("x")).await;
    raise(&w, &about("y")).await;
    deliver(&engine).await;
    phone.with(|r| r.says.insert("R1".into(), ReceiptAnswer::Expired));
    look(&w, &engine).await;
    assert_eq!(kept(&w).await, ["R2"]);
    phone.with(|r| r.is_away = true);
    look(&w, &engine).await;
    w.clock.pass(EXPIRE);
    look(&w, &engine).await;
    assert_eq!((kept(&w).await.len(), phone.canceled().len()), (0, 0));
}

#[tokio::test]
async fn that_the_store_takes_no_writes_rings_until_it_takes_them_again() {
    let w = World::new().await;
    let phone = Phone::new();
    let engine = phone.engine(&w);
    let alarm = Alarm::of_the_store(engine.core.clone(), Arc::new(engine.clone()));
    store_alarm::pass(&alarm).await.expect("well");
    let held = corrupt::hold(&w.path()).expect("held");
    for pause in [31, 1] {
        w.away(secs(pause));
        store_alarm::pass(&alarm).await.expect("tried");
    }
    assert_eq!((phone.0.delivered().len(), phone.canceled().len()), (1, 0));
    drop(held);
    w.away(secs(1));
    store_alarm::pass(&alarm).await.expect("well again");
    for _ in 0..1_000 {
        if !phone.canceled().is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(phone.canceled(), ["R1"]);
}

#[tokio::test]
async fn receipts_beyond_one_look_are_asked_about_by_the_next_at_once_and_each_again_after_its_time() {
    let w = World::new().await;
    let phone = Phone::new();
    let engine = phone.engine(&w);
    let sinks = engine.sinks();
    let look = async || alert_receipts::pass(&engine, &sinks[0]).await.expect("store");
    assert_eq!(look().await, None, "nothing rings, and nothing is looked for");
    for n in 0..21 {
        raise(&w, &about(&format!("c{n}"))).await;
        deliver(&engine).await;
        w.clock.pass(secs(61));
    }
    assert_eq!(kept(&w).await.len(), 21);
    let reads = || phone.with(|r| r.reads);
    let (now, again) = (w.now(), w.now().plus(secs(10)));
    assert_eq!((look().await, reads()), (Some(now), 20), "one more is due");
    assert_eq!((look().await, reads()), (Some(again), 21));
    assert_eq!((look().await, reads()), (Some(again), 21), "each once");
    // One is over: those that are left are as many as one look asks about.
    phone.with(|r| r.says.remove("R1"));
    w.clock.pass(secs(10));
    look().await;
    look().await;
    assert_eq!(kept(&w).await.len(), 20);
    w.clock.pass(secs(10));
    assert_eq!((look().await, reads()), (Some(w.now().plus(secs(10))), 62), "all of them in one look");
}
