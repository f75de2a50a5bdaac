//! Our clock's steps, and how far it is ahead of the provider's.

use super::fixtures::{at, call, id, put, put_in};
use crate::domain::ClockOffset;
use crate::domain::attempt::AttemptState;
use crate::store::KeptProviderClock;
use crate::store::Store;

pub(crate) async fn a_step_of_the_clock_is_remembered_by_sends_whose_outcome_is_open(store: &dyn Store) {
    let with = |name: &str, state: AttemptState, message: u32| {
        let mut c = call(name, at(0));
        put_in(&mut c.attempts[0], state, message, at(5));
        c
    };
    let mut claimed = with("claimed", AttemptState::Sending, 0);
    claimed.attempts[0].claimed_by = Some("engine-1".into());
    let mut decided = with("decided", AttemptState::Unknown, 0);
    decided.attempts[0].decided_at = Some(at(6));
    for c in [claimed, with("unknown", AttemptState::Unknown, 0), decided, with("known", AttemptState::Submitted, 1)] {
        put(store, c).await.expect("put");
    }
    let mut fresh = call("fresh", at(0));
    put_in(&mut fresh.attempts[0], AttemptState::Unknown, 0, at(305));
    put(store, fresh).await.expect("put");
    store.clock_stepped(300_000, at(304), at(306)).await.expect("stepped");
    store.clock_stepped(-60_000, at(244), at(244)).await.expect("stepped");
    for (name, steps) in [("claimed", 240_000), ("unknown", 240_000), ("decided", 0), ("known", 0)] {
        let a = store.call(&id(name)).await.expect("read").expect("there").attempts.remove(0);
        let now = at(5).as_millis() + steps;
        assert_eq!((a.clock_steps_ms, a.sent_at_now().map(|t| t.as_millis())), (steps, Some(now)), "{name}");
    }
    let fresh = store.call(&id("fresh")).await.expect("read").expect("there").attempts.remove(0);
    assert_eq!(fresh.clock_steps_ms, -60_000, "it left after the first step, by the clock as it was then");
}

pub(crate) async fn the_offset_of_the_providers_clock_is_kept_in_one_row(store: &dyn Store) {
    assert_eq!(store.provider_clock().await.expect("read"), None);
    for (least_ms, newest_message) in [(-7_300, None), (93_600_000, Some(at(7)))] {
        let offset = ClockOffset { least_ms, most_ms: least_ms + 400 };
        let kept = KeptProviderClock { offset, measured_at: at(9), newest_message };
        store.keep_provider_clock(&kept).await.expect("kept");
        assert_eq!(store.provider_clock().await.expect("read"), Some(kept));
    }
}

pub(crate) async fn people_are_listened_to_from_the_providers_own_time_on(store: &dyn Store) {
    let with = |name: &str, message: u32, sent: i64, made: Option<i64>, after: Option<i64>| {
        let mut c = call(name, at(sent));
        put_in(&mut c.attempts[0], AttemptState::Submitted, message, at(sent));
        (c.attempts[0].provider_at, c.attempts[0].provider_after) = (made.map(at), after.map(at));
        c
    };
    put(store, with("a", 1, 500, Some(100), Some(90))).await.expect("put");
    put(store, with("b", 2, 400, None, Some(70))).await.expect("put");
    let found = store.listened(at(0), None, 9).await.expect("read").remove(0);
    assert_eq!((found.sent_since, found.provider_since), (at(400), Some(at(70))));
    put(store, with("c", 3, 600, None, None)).await.expect("put");
    let found = store.listened(at(0), None, 9).await.expect("read").remove(0);
    assert_eq!((found.sent_since, found.provider_since), (at(400), None), "nobody knows of one how old it is");
}
