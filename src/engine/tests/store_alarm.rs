//! A store that takes no writes is told of although nothing can be stored, once, and so is its end.

use std::sync::Arc;

use crate::domain::AlertKind;
use crate::domain::alert::AlertChange;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::beat;
use crate::engine::sink::Sink;
use crate::engine::store_alarm::{self, Alarm, AlarmPlace};
use crate::store::corrupt;
use crate::store::{EngineRow, StoreError};
use crate::testing::{World, secs};

use super::outbox::{RecordingSink, deliver, engine};

#[tokio::test]
async fn a_store_that_somebody_holds_is_told_of_and_so_is_its_end() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let alarm = Alarm::of_the_store(engine.core.clone(), Arc::new(engine.clone()));
    store_alarm::pass(&alarm).await.expect("well");
    let held = corrupt::hold(&w.path()).expect("held");
    store_alarm::pass(&alarm).await.expect("not its time");
    w.away(secs(30));
    store_alarm::pass(&alarm).await.expect("once is a moment");
    assert!(sink.delivered().is_empty());
    w.away(secs(1));
    store_alarm::pass(&alarm).await.expect("told");
    store_alarm::pass(&alarm).await.expect("and not again");
    assert_eq!(sink.delivered(), [("store".to_owned(), false)]);
    drop(held);
    w.away(secs(1));
    store_alarm::pass(&alarm).await.expect("well again");
    assert_eq!(engine.core.store.alerts().await.expect("read").len(), 0, "it is over");
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [("store".to_owned(), false), ("store".to_owned(), true)]);
    store_alarm::pass(&alarm).await.expect("nothing is new");
    assert_eq!(sink.delivered().len(), 2);
}

#[tokio::test]
async fn a_change_that_was_refused_hurries_the_alarm() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let alarm = Alarm::of_the_store(engine.core.clone(), Arc::new(engine.clone()));
    store_alarm::pass(&alarm).await.expect("well");
    let held = corrupt::hold(&w.path()).expect("held");
    let raise = AlertChange::Raise { key: AlertKind::Template.about("a"), call: None, message: "a".into() };
    let refused = engine.core.apply(Event::Alert(raise), Actor::engine()).await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    store_alarm::pass(&alarm).await.expect("tried at once");
    w.away(secs(1));
    store_alarm::pass(&alarm).await.expect("and a second later");
    assert_eq!(sink.delivered(), [("store".to_owned(), false)], "no half minute passes before somebody is told");
    drop(held);
}

/// A process that is no engine.
struct Standby(Vec<Arc<Sink>>);

impl AlarmPlace for Standby {
    fn sinks(&self) -> Vec<Arc<Sink>> {
        self.0.clone()
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        None
    }
}

#[tokio::test]
async fn that_no_process_is_the_engine_is_told_after_ten_seconds_and_so_is_its_end() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let alarm = Alarm::of_the_engine(engine.core.clone(), Arc::new(Standby(engine.sinks())));
    store_alarm::engine_pass(&alarm).await;
    w.away(secs(9));
    store_alarm::engine_pass(&alarm).await;
    assert!(sink.delivered().is_empty(), "a takeover takes less");
    w.away(secs(1));
    store_alarm::engine_pass(&alarm).await;
    store_alarm::engine_pass(&alarm).await;
    assert_eq!(sink.delivered(), [("no-engine".to_owned(), false)], "once");
    let beat = beat::now(&engine);
    let row = EngineRow {
        id: "e".into(),
        role: "serve".into(),
        pid: 7,
        started_at: w.now(),
        stopped_at: None,
        listen: None,
        beat: Some(beat.clone()),
    };
    engine.core.store.engine_started(&row).await.expect("begun");
    store_alarm::engine_pass(&alarm).await;
    deliver(&engine).await;
    assert_eq!(sink.delivered().len(), 1, "one that has only just begun has shown nothing yet");
    w.away(secs(2));
    engine.core.store.engine_heartbeat("e", &beat::now(&engine)).await.expect("it works");
    store_alarm::engine_pass(&alarm).await;
    store_alarm::engine_pass(&alarm).await;
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [("no-engine".to_owned(), false), ("no-engine".to_owned(), true)]);
}
