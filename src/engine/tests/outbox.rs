//! Alerts reach their sink, are tried again while it is away, and are told again when they are over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock as _;
use crate::domain::AlertKind;
use crate::domain::event::{AlertChange, Event};
use crate::domain::types::Actor;
use crate::engine::{Engine, outbox};
use crate::gateways::{AlertNotice, AlertSink};
use crate::testing::World;

#[derive(Default)]
pub(super) struct Heard {
    away: Mutex<bool>,
    told: Mutex<Vec<(String, bool)>>,
}

const KEY: &str = "consecutive-failures";

impl Heard {
    /// Keys, and whether they are over.
    pub(super) fn told(&self) -> Vec<(String, bool)> {
        self.told.lock().expect("lock").clone()
    }
}

#[async_trait]
impl AlertSink for Heard {
    async fn tell(&self, n: &AlertNotice) -> Result<(), String> {
        if *self.away.lock().expect("lock") {
            return Err("away".into());
        }
        self.told.lock().expect("lock").push((n.key.to_string(), n.resolved_at.is_some()));
        Ok(())
    }
}

pub(super) fn engine(w: &World, sink: Arc<Heard>) -> Arc<Engine> {
    let of = &w.process.engine;
    let (id, scope, bounds) = (of.id.clone(), of.scope.clone(), of.bounds.clone());
    Engine::new(of.core.clone(), of.sms.clone(), vec![sink], id, scope, bounds)
}

#[tokio::test]
async fn an_alert_waits_for_its_sink_and_is_told_raised_and_resolved_once_each() {
    let w = World::new().await;
    let sink = Arc::new(Heard::default());
    let engine = engine(&w, sink.clone());
    let change = |c: AlertChange| engine.core.apply(Event::Alert(c), Actor::engine());
    let raise =
        || AlertChange::Raise { key: AlertKind::ConsecutiveFailures.into(), call: None, message: "look".into() };
    *sink.away.lock().expect("lock") = true;
    change(raise()).await.expect("raised");
    let again = outbox::pass(&engine).await.expect("store").expect("it is tried again");
    assert!(again > w.clock.now(), "with a pause");
    *sink.away.lock().expect("lock") = false;
    assert!(outbox::pass(&engine).await.expect("store").is_some(), "not before its time");
    assert_eq!(sink.told.lock().expect("lock").len(), 0);
    w.clock.pass(Duration::from_secs(10));
    assert_eq!(outbox::pass(&engine).await.expect("store"), None, "nothing waits");
    change(raise()).await.expect("raised again: nothing new");
    outbox::pass(&engine).await.expect("store");
    change(AlertChange::Resolve { key: AlertKind::ConsecutiveFailures.into() }).await.expect("resolved");
    outbox::pass(&engine).await.expect("store");
    assert_eq!(*sink.told.lock().expect("lock"), [(KEY.to_owned(), false), (KEY.to_owned(), true)]);
}
