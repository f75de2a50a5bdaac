//! A command that is the engine for one call does that call's work and no other's, and sleeps until the next of it.

use crate::domain::attempt::AttemptState;
use crate::domain::event::Decision;
use crate::engine::dispatcher::Dispatcher;
use crate::engine::scheduler::Scheduler;
use crate::testing::{Reaction, World, mins, secs};

#[tokio::test]
async fn it_fires_the_steps_of_its_own_call_when_they_are_due_and_no_other() {
    let mut w = World::new().await;
    let (other, own) = (w.dispatch("normal").await, w.dispatch("normal").await);
    let scheduler = Scheduler::new(w.process.only(&own));
    assert_eq!(scheduler.pass().await.expect("looked"), Some(w.now().plus(mins(2))), "its next step");
    w.away(mins(2));
    let next = scheduler.pass().await.expect("looked").expect("the step after it");
    assert!(next > w.now(), "what was due is fired");
    let told = (w.call(&own).await.attempts.len(), w.call(&other).await.attempts.len());
    assert_eq!(told, (2, 1), "the other's step waits for its own engine");
    w.decide(Decision::Resolve).await;
    assert_eq!(scheduler.pass().await.expect("looked"), None, "a call that is over has no next step");
}

#[tokio::test]
async fn it_sends_the_texts_of_its_own_call_when_they_may_go_and_no_other() {
    let mut w = World::new().await;
    let other = w.begin("normal").await;
    let own = w.begin("normal").await;
    let dispatcher = Dispatcher::new(w.process.only(&own));
    w.sms.next(Reaction::NotSent { retry_after: Some(secs(20)) });
    assert_eq!(dispatcher.pass().await.expect("looked"), None, "it goes now, and nothing later");
    dispatcher.drained().await;
    let put_off = w.attempt(1).await;
    assert_eq!((put_off.state, w.sms.posts().len()), (AttemptState::Retrying, 1));
    assert!(put_off.not_before > w.now());
    assert_eq!(dispatcher.pass().await.expect("looked"), Some(put_off.not_before));
    dispatcher.drained().await;
    assert_eq!(w.sms.posts().len(), 1, "not before its time");
    w.away(put_off.not_before.since(w.now()));
    dispatcher.pass().await.expect("looked");
    dispatcher.drained().await;
    assert_eq!(w.sms.ledger().iter().map(|m| m.attempt).collect::<Vec<_>>(), [put_off.id]);
    assert_eq!(w.call(&other).await.attempts[0].state, AttemptState::Scheduled);
}
