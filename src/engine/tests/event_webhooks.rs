//! Event webhooks: in order, until taken, over a restart, and without an event that is refused for what it is.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::event::Decision;
use crate::domain::outgoing::OutgoingKind;
use crate::engine::event_webhooks::{EventTarget, pass};
use crate::gateways::{EventPost, EventReceiver, EventRefusal};
use crate::testing::{World, secs};

/// A receiver that answers as the test says, and keeps what it took.
#[derive(Default)]
struct Receiver {
    taken: Mutex<Vec<EventPost>>,
    refuses: Mutex<Option<(bool, &'static str)>>,
}

impl Receiver {
    fn taken(&self) -> Vec<(String, Value)> {
        let all = self.taken.lock().expect("a lock");
        all.iter().map(|p| (p.id.clone(), serde_json::from_str(&p.body).expect("a document"))).collect()
    }

    fn types(&self) -> Vec<String> {
        self.taken().iter().map(|(_, body)| body["type"].as_str().expect("a type").to_owned()).collect()
    }

    /// Refuses from now on: the event for what it is, or everything; only bodies with these words.
    fn refuses(&self, what: Option<(bool, &'static str)>) {
        *self.refuses.lock().expect("a lock") = what;
    }
}

#[async_trait]
impl EventReceiver for Receiver {
    async fn deliver(&self, post: &EventPost) -> Result<(), EventRefusal> {
        if let Some((of_this_event, words)) = *self.refuses.lock().expect("a lock")
            && post.body.contains(words)
        {
            return Err(EventRefusal { why: "it answered HTTP 500".into(), of_this_event, retry_after: None });
        }
        self.taken.lock().expect("a lock").push(post.clone());
        Ok(())
    }
}

fn target(receiver: &Arc<Receiver>, kinds: &'static [OutgoingKind]) -> EventTarget {
    let wants = Box::new(move |kind| kinds.is_empty() || kinds.contains(&kind));
    EventTarget::new("automation", wants, receiver.clone())
}

async fn begin(w: &World) {
    w.process.store.begin_event_cursors(&["automation".to_owned()]).await.expect("begun");
}

#[tokio::test]
async fn what_happens_to_a_call_is_told_once_in_order_and_over_a_restart() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    begin(&w).await;
    let receiver = Arc::new(Receiver::default());
    pass(&w.process.engine, &target(&receiver, &[])).await.expect("told");
    assert_eq!(receiver.types(), Vec::<String>::new(), "a new receiver is told of what comes");

    w.dispatch("high").await;
    pass(&w.process.engine, &target(&receiver, &[])).await.expect("told");
    let first = receiver.types();
    assert!(first.starts_with(&["call.accepted".to_owned(), "call.told".to_owned()]), "{first:?}");
    let (_, told) = &receiver.taken()[1];
    assert_eq!(told["data"]["attempt"]["contact"], "sam", "{told:#}");
    assert_eq!(told["data"]["call"]["status"], "DISPATCHING", "{told:#}");

    w.restart().await;
    begin(&w).await;
    w.decide(Decision::Cancel).await;
    pass(&w.process.engine, &target(&receiver, &[])).await.expect("told");
    let all = receiver.types();
    assert_eq!(all.iter().filter(|t| *t == "call.accepted").count(), 1, "{all:?}");
    assert!(all.contains(&"call.cancelled".to_owned()), "{all:?}");
    assert!(!all.ends_with(&["call.told".to_owned()]), "a stand-down is no notice: {all:?}");
    let mut ids: Vec<String> = receiver.taken().into_iter().map(|(id, _)| id).collect();
    let told = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), told);
}

#[tokio::test]
async fn only_the_kinds_that_are_asked_for_are_told() {
    let mut w = World::new().await;
    begin(&w).await;
    w.dispatch("normal").await;
    w.decide(Decision::Resolve).await;
    let receiver = Arc::new(Receiver::default());
    pass(&w.process.engine, &target(&receiver, &[OutgoingKind::Resolved])).await.expect("told");
    assert_eq!(receiver.types(), ["call.resolved"]);
}

#[tokio::test]
async fn a_receiver_that_is_away_is_told_later_alerts_after_a_minute_and_misses_nothing() {
    let mut w = World::new().await;
    begin(&w).await;
    let receiver = Arc::new(Receiver::default());
    let target = target(&receiver, &[OutgoingKind::Accepted]);
    receiver.refuses(Some((false, "")));
    w.dispatch("normal").await;
    let again = pass(&w.process.engine, &target).await.expect("tried").expect("a time");
    assert!(again > w.now());
    assert_eq!(pass(&w.process.engine, &target).await.expect("left alone"), Some(again), "not before its time");
    assert!(!w.has_alert("events-untold:automation").await);
    w.dispatch("normal").await;
    for _ in 0..4 {
        w.away(secs(61));
        pass(&w.process.engine, &target).await.expect("tried");
    }
    assert!(w.has_alert("events-untold:automation").await);
    receiver.refuses(None);
    w.away(secs(600));
    pass(&w.process.engine, &target).await.expect("told");
    let calls: Vec<Value> =
        receiver.taken().into_iter().map(|(_, body)| body["data"]["call"]["callId"].clone()).collect();
    assert_eq!(calls, ["call_1", "call_2"]);
    assert!(!w.has_alert("events-untold:automation").await, "over");
}

#[tokio::test]
async fn an_event_that_is_refused_for_what_it_is_holds_up_no_other() {
    let mut w = World::new().await;
    begin(&w).await;
    let receiver = Arc::new(Receiver::default());
    let target = target(&receiver, &[OutgoingKind::Accepted]);
    w.dispatch("normal").await;
    w.dispatch("normal").await;
    receiver.refuses(Some((true, "\"call_1\"")));
    for _ in 0..6 {
        pass(&w.process.engine, &target).await.expect("tried");
        w.away(secs(601));
    }
    assert!(receiver.taken().is_empty(), "an hour is waited");
    pass(&w.process.engine, &target).await.expect("left out");
    let calls: Vec<Value> =
        receiver.taken().into_iter().map(|(_, body)| body["data"]["call"]["callId"].clone()).collect();
    assert_eq!(calls, ["call_2"]);
    assert!(w.has_alert("event-refused:automation:").await);
}

#[tokio::test]
async fn a_mail_that_the_relay_took_tells_nobody() {
    let receiver = Arc::new(Receiver::default());
    let mut w = World::with(super::mail::mails_alone()).await;
    begin(&w).await;
    w.dispatch("mixed").await;
    pass(&w.process.engine, &target(&receiver, &[])).await.expect("told");
    assert_eq!(w.relay.taken().len(), 1);
    assert_eq!(receiver.types(), ["call.accepted"]);
}
