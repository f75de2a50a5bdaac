//! The wall clock is set while follow-ups are armed.

use crate::domain::call::CallStatus;
use crate::testing::world::START;
use crate::testing::{Reaction, World, mins, secs};

async fn compare(w: &World) {
    w.process.clocks.pass().await.expect("compared");
}

#[tokio::test]
async fn a_clock_set_back_delays_no_follow_up_and_doubles_none() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(60)).await;
    compare(&w).await;
    w.clock.set_wall(START.minus(mins(60)));
    compare(&w).await;
    assert!(w.has_alert("clock:").await);
    w.advance(secs(59)).await;
    assert_eq!(w.attempts().await.len(), 1);
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
    w.advance(secs(300)).await;
    assert_eq!(w.attempts().await.len(), 3);
    w.advance(secs(1_200)).await;
    assert_eq!((w.status().await, w.attempts().await.len()), (CallStatus::Exhausted, 5));
}

#[tokio::test]
async fn a_clock_set_forward_fires_what_it_passed_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.clock.set_wall(START.plus(mins(60)));
    compare(&w).await;
    w.settle().await;
    assert!(w.has_alert("clock:").await);
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted", "3 ana submitted"]);
    w.advance(secs(599)).await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "what follows counts from now");
    w.advance(secs(1)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
}

#[tokio::test]
async fn a_clock_set_there_and_back_alerts_twice_and_loses_nothing() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    for at in [START.plus(secs(100)), START] {
        w.clock.set_wall(at);
        compare(&w).await;
        w.settle().await;
    }
    assert_eq!(w.alerts().await.iter().filter(|a| a.starts_with("clock:")).count(), 2);
    w.advance(secs(120)).await;
    assert_eq!(w.attempts().await.len(), 2, "earlier is allowed, later is not");
}

#[tokio::test]
async fn drift_is_no_step() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    for _ in 0..10 {
        w.clock.pass(secs(1));
        w.clock.set_wall(w.now().plus(secs(4)));
        compare(&w).await;
    }
    assert!(!w.has_alert("clock:").await);
}

#[tokio::test]
async fn a_pause_before_a_retry_is_not_stretched_by_a_clock_set_back() {
    let mut w = World::new().await;
    w.sms.next(Reaction::NotSent { retry_after: Some(secs(40)) });
    w.dispatch("normal").await;
    w.clock.set_wall(START.minus(mins(60)));
    compare(&w).await;
    w.advance(secs(41)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}

#[tokio::test]
async fn the_alarm_of_a_clock_that_was_set_is_over_after_a_while() {
    let w = World::new().await;
    w.clock.set_wall(START.plus(mins(60)));
    compare(&w).await;
    w.watch().await;
    assert!(w.has_alert("clock:").await);
    w.away(mins(10));
    w.watch().await;
    assert!(!w.has_alert("clock:").await);
}
