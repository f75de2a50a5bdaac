//! What one look leaves behind: what has no room in it is next at once, what is set aside is in nobody's way, and what cannot be
//! recorded is under way no longer than it must be.

use std::time::Duration;

use crate::clock::Clock as _;
use crate::domain::attempt::{Attempt, AttemptKind};
use crate::domain::event::Decision;
use crate::domain::types::CallId;
use crate::engine::scheduler::Scheduler;
use crate::store::bulk;
use crate::testing::{Reaction, World, mins, secs};

use super::outbox::engine_with;

/// How soon it is looked again while what was missed is read.
const SOON: Duration = Duration::from_millis(100);
/// More than one look fires.
const MANY: u32 = 520;

async fn due(w: &World) -> Vec<CallId> {
    w.process.store.due(w.now(), 9_999).await.expect("read")
}

async fn attempts_of(w: &World, call: &CallId) -> usize {
    w.call(call).await.attempts.len()
}

/// One look of the sending side, to its end.
async fn send(w: &World) {
    w.process.dispatcher.pass().await.expect("looked");
    w.process.dispatcher.drained().await;
}

#[tokio::test]
async fn steps_beyond_one_look_are_fired_by_the_next_at_once_also_beside_one_that_is_set_aside() {
    let mut w = World::new().await;
    let engine = engine_with(&w, Vec::new());
    let read = || engine.first_read.set(engine.first_read.begin());
    read();
    let scheduler = Scheduler::new(engine.clone());
    let rotten = w.dispatch("normal").await;
    w.process.crash.refuse_calls([rotten.clone()]);
    w.away(mins(2));
    scheduler.pass().await.expect("looked");
    bulk::of(&w.file(), "call_1", MANY);
    engine.first_read.reply_refused();
    let next = scheduler.pass().await.expect("looked");
    assert_eq!((next, due(&w).await.len()), (Some(w.now().plus(SOON)), 521), "reminders wait, and nothing spins");
    assert!(engine.first_read.store_writes(w.clock.boot()));
    read();
    assert_eq!(scheduler.pass().await.expect("looked"), Some(w.now()), "there are more");
    let left = due(&w).await.len();
    assert!(left > 1 && left < 521, "{left}");
    let next = scheduler.pass().await.expect("looked").expect("the steps after these");
    assert!(next > w.now(), "nothing that can be fired is due any more");
    assert_eq!(due(&w).await, [rotten]);
}

#[tokio::test]
async fn a_step_that_cannot_be_decided_is_tried_again_after_half_a_minute_and_not_before() {
    let mut w = World::new().await;
    let (rotten, other) = (w.dispatch("normal").await, w.dispatch("normal").await);
    let refuse = |is_refused: bool| w.process.crash.refuse_calls(is_refused.then(|| rotten.clone()));
    let scheduler = &w.process.scheduler;
    refuse(true);
    w.away(mins(2));
    let until = w.now().plus(secs(30));
    assert_eq!(scheduler.pass().await.expect("looked"), Some(until));
    assert_eq!((attempts_of(&w, &rotten).await, attempts_of(&w, &other).await), (1, 2), "the other goes on");
    refuse(false);
    w.away(secs(29));
    assert_eq!(scheduler.pass().await.expect("looked"), Some(until));
    assert_eq!(attempts_of(&w, &rotten).await, 1, "it is left alone");
    refuse(true);
    w.away(secs(1));
    assert_eq!(scheduler.pass().await.expect("looked"), Some(until.plus(secs(30))), "tried, and set aside again");
    refuse(false);
    w.away(secs(30));
    scheduler.pass().await.expect("looked");
    assert_eq!(attempts_of(&w, &rotten).await, 2, "nothing is lost");
}

#[tokio::test]
async fn a_text_that_cannot_be_claimed_is_left_alone_for_as_long_as_it_is_set_aside() {
    let mut w = World::new().await;
    w.begin("normal").await;
    let rotten = w.attempt(1).await.id;
    w.process.crash.refuse([rotten]);
    send(&w).await;
    w.process.crash.refuse(None);
    w.away(secs(29));
    send(&w).await;
    assert!(w.sms.posts().is_empty(), "not before its time");
    w.away(secs(1));
    send(&w).await;
    assert_eq!(w.sms.posts(), [rotten]);
}

#[tokio::test]
async fn more_texts_may_be_under_way_than_mails_and_the_sweep_takes_none_from_who_is_at_it() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::AcceptLate);
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", 20);
    w.process.dispatcher.pass().await.expect("looked");
    tokio::time::timeout(secs(10), w.sms.accepted(21)).await.expect("all of them are under way at once");
    let again = w.process.dispatcher.sweep().await.expect("swept");
    assert_eq!(again, Some(w.now().plus(secs(2))), "who is at work is looked after again");
    assert_eq!(w.attempts().await, ["1 sam sending"]);
    w.sms.release();
    w.process.dispatcher.drained().await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!(w.process.dispatcher.sweep().await.expect("swept"), None, "nobody is at work");
}

#[tokio::test]
async fn an_outcome_that_the_store_refuses_is_unknown_and_keeps_nobody_busy_for_ever() {
    for is_unknown_refused_too in [false, true] {
        let mut w = World::new().await;
        w.begin("normal").await;
        let id = w.attempt(1).await.id;
        w.sms.next(Reaction::AcceptLate);
        w.process.crash.refuse_messages([id]);
        w.process.dispatcher.pass().await.expect("looked");
        w.sms.accepted(1).await;
        w.process.crash.refuse(is_unknown_refused_too.then_some(id));
        w.sms.release();
        tokio::time::timeout(secs(10), w.process.dispatcher.drained()).await.expect("its task ends");
        if is_unknown_refused_too {
            assert_eq!(w.attempts().await, ["1 sam sending"]);
            w.process.crash.refuse(None);
            w.process.dispatcher.sweep().await.expect("swept");
        }
        assert_eq!(w.attempts().await, ["1 sam unknown"], "it is found out, and not sent again before");
        assert_eq!(w.sms.posts(), [id]);
    }
}

#[tokio::test]
async fn what_a_breaker_holds_and_probes_nothing_is_dropped_once_it_is_too_late_for_it() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.sms.otherwise(Reaction::refuse(401, 20_003));
    w.advance(mins(2)).await;
    assert!(w.has_alert("breaker:").await, "{:?}", w.alerts().await);
    w.decide(Decision::Cancel).await;
    let is_stand_down = |a: &&Attempt| a.kind == AttemptKind::StandDown;
    let waits = w.state().await.attempts.iter().find(is_stand_down).is_some_and(|a| a.state.is_waiting());
    assert!(waits, "{:?}", w.attempts().await);
    let posts = w.sms.posts().len();
    w.advance(mins(11)).await;
    let waits = w.state().await.attempts.iter().find(is_stand_down).is_some_and(|a| a.state.is_waiting());
    assert!(!waits, "{:?}", w.attempts().await);
    assert_eq!(w.sms.posts().len(), posts, "nobody is stood down so late, and nothing else is risked");
}
