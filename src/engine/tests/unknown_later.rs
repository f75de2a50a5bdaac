//! Unknown outcomes long after the policy has decided, and across restarts.

use super::unknown::{HOUR, NOT_SENT, SENT, listed, lost, slow};
use crate::domain::UnknownPolicy;
use crate::domain::event::Decision;
use crate::testing::{Reaction, World, mins, secs};

#[tokio::test]
async fn the_search_goes_on_more_rarely_and_has_an_end() {
    let w = lost(slow(), "slow", NOT_SENT).await;
    w.decide(Decision::Resolve).await;
    w.advance(secs(60)).await;
    let before = w.sms.lists();
    assert!((5..=10).contains(&before), "{before} searches until it is decided");
    w.advance(mins(4)).await;
    assert_eq!(w.sms.lists(), before, "nobody waits for it any more");
    w.advance(mins(60)).await;
    let after = w.sms.lists() - before;
    assert!((3..=8).contains(&after), "{after} in the hour after");
    w.advance(secs(73 * HOUR)).await;
    let all = w.sms.lists();
    assert!((70..=100).contains(&all), "{all} in all");
    w.advance(secs(10 * HOUR)).await;
    assert_eq!((w.sms.lists(), w.attempt(1).await.poll_at), (all, None));
    assert_eq!(w.attempts().await[0], "1 sam unknown", "it stays, visible");
}

#[tokio::test]
async fn it_is_found_long_after_the_policy_has_decided() {
    let mut s = slow();
    s.rules.unknown_first = UnknownPolicy::Hold;
    let w = lost(s, "slow", NOT_SENT).await;
    w.advance(mins(5)).await;
    w.sms.plant(listed(&w).await);
    w.advance(mins(4)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}

#[tokio::test]
async fn a_decision_before_any_search_could_count_does_not_put_off_the_one_that_does() {
    let mut s = slow();
    (s.rules.unknown_first, s.rules.settle) = (UnknownPolicy::Hold, secs(6));
    let w = lost(s, "slow", NOT_SENT).await;
    w.advance(secs(14)).await;
    assert!(w.attempt(1).await.decided_at.is_some(), "the policy has decided");
    w.sms.plant(listed(&w).await);
    w.advance(secs(20)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    // A list that cannot be read is not asked at that pace for ever.
    let mut s = slow();
    s.rules.unknown_first = UnknownPolicy::Hold;
    let w = lost(s, "slow", NOT_SENT).await;
    w.sms.on_list(Reaction::away());
    w.advance(mins(6)).await;
    let before = w.sms.lists();
    w.advance(mins(60)).await;
    let after = w.sms.lists() - before;
    assert!((1..=8).contains(&after), "{after} in the hour after");
}

#[tokio::test]
async fn it_sticks_across_restarts() {
    let mut w = lost(slow(), "slow", NOT_SENT).await;
    for _ in 0..6 {
        w.restart().await;
        w.advance(secs(9)).await;
    }
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w.restart().await;
    w.advance(secs(6)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"]);
    w.restart().await;
    w.advance(mins(8)).await;
    assert_eq!((w.attempts().await.len(), w.sms.posts().len()), (2, 2), "decided once");

    // Nobody ran while its time went by.
    let mut w = World::with(slow()).await;
    w.sms.next(Reaction::AcceptLate);
    w.begin("slow").await;
    w.process.dispatcher.pass().await.expect("started");
    w.sms.accepted(1).await;
    w.away(mins(5));
    w.restart().await;
    w.sms.release();
    w.advance(secs(5)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "found before anything is decided");
    assert_eq!(w.sms.posts().len(), 1);
}

#[tokio::test]
async fn a_carrier_that_did_not_answer_is_an_unknown_outcome() {
    // Told at once, with the message never made.
    let w = lost(slow(), "slow", Reaction::refuse(400, 30410)).await;
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"]);

    // Told later, of a message that is known.
    let mut w = World::with(slow()).await;
    w.dispatch("slow").await;
    w.advance(secs(10)).await;
    w.receipt(1, "undelivered", Some(30410)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"]);
    w.advance(secs(49)).await;
    assert_eq!(w.sms.posts().len(), 1);
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"], "once its time is over");
    w.receipt(2, "undelivered", Some(30410)).await;
    w.advance(mins(5)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam failed"], "once a notice");
}

#[tokio::test]
async fn a_command_looks_for_its_own_text_however_many_older_ones_wait_and_sleeps_until_then() {
    use crate::engine::dispatcher::Dispatcher;
    use crate::engine::poller::Poller;
    use crate::engine::reconciler::Reconciler;
    let mut w = World::with(slow()).await;
    w.sms.otherwise(NOT_SENT);
    for _ in 0..70 {
        w.dispatch("slow").await;
    }
    w.sms.otherwise(SENT);
    let own = w.dispatch("slow").await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    let engine = w.process.only(&own);
    let (dispatcher, poller, reconciler) =
        (Dispatcher::new(engine.clone()), Poller::new(engine.clone()), Reconciler::new(engine));
    let next = reconciler.pass().await.expect("looked").expect("a time");
    assert_eq!(next, w.now().plus(secs(2)), "its own search, not that of others");
    for (who, next) in [("poller", poller.pass().await), ("dispatcher", dispatcher.pass().await)] {
        assert_eq!(next.expect("looked"), None, "{who}: nothing of it is due, and it does not spin");
    }
    w.away(secs(2));
    let lists = w.sms.lists();
    reconciler.pass().await.expect("looked");
    assert_eq!((w.attempts().await, w.sms.lists()), (vec!["1 sam submitted".to_owned()], lists + 1));
}
