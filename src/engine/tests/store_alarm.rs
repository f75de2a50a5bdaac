//! A store that takes no writes is told of although nothing can be stored, once, and so is its end.

use std::sync::Arc;

use crate::domain::AlertKind;
use crate::domain::alert::AlertChange;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::engine::store_alarm;
use crate::store::StoreError;
use crate::store::corrupt;
use crate::testing::{World, secs};

use super::outbox::{RecordingSink, deliver, engine};

#[tokio::test]
async fn a_store_that_somebody_holds_is_told_of_and_so_is_its_end() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let (engine, alarm) = (engine(&w, sink.clone()), Arc::default());
    store_alarm::pass(&engine, &alarm).await.expect("well");
    let held = corrupt::hold(&w.path()).expect("held");
    store_alarm::pass(&engine, &alarm).await.expect("not its time");
    w.away(secs(30));
    store_alarm::pass(&engine, &alarm).await.expect("once is a moment");
    assert!(sink.delivered().is_empty());
    w.away(secs(1));
    store_alarm::pass(&engine, &alarm).await.expect("told");
    store_alarm::pass(&engine, &alarm).await.expect("and not again");
    assert_eq!(sink.delivered(), [("store".to_owned(), false)]);
    drop(held);
    w.away(secs(1));
    store_alarm::pass(&engine, &alarm).await.expect("well again");
    assert_eq!(engine.core.store.alerts().await.expect("read").len(), 0, "it is over");
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [("store".to_owned(), false), ("store".to_owned(), true)]);
    store_alarm::pass(&engine, &alarm).await.expect("nothing is new");
    assert_eq!(sink.delivered().len(), 2);
}

#[tokio::test]
async fn a_change_that_was_refused_hurries_the_alarm() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let (engine, alarm) = (engine(&w, sink.clone()), Arc::default());
    store_alarm::pass(&engine, &alarm).await.expect("well");
    let held = corrupt::hold(&w.path()).expect("held");
    let raise = AlertChange::Raise { key: AlertKind::Template.about("a"), call: None, message: "a".into() };
    let refused = engine.core.apply(Event::Alert(raise), Actor::engine()).await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    store_alarm::pass(&engine, &alarm).await.expect("tried at once");
    w.away(secs(1));
    store_alarm::pass(&engine, &alarm).await.expect("and a second later");
    assert_eq!(sink.delivered(), [("store".to_owned(), false)], "no half minute passes before somebody is told");
    drop(held);
}
