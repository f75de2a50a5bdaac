//! What the engine takes out of the store by itself, once a day.

use crate::domain::event::Decision;
use crate::engine::retention::Retention;
use crate::store::manual_edits;
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

const DAY_MINS: u64 = 24 * 60;

impl World {
    /// Looks as often as the duty asks for, for so long.
    async fn keep_time(&mut self, retention: &Retention, minutes: u64) {
        let until = self.now().plus(mins(minutes));
        while self.now() < until {
            let next = retention.pass().await.expect("looked").unwrap_or_else(|| self.now().plus(secs(60)));
            let wait = next.since(self.now()).max(secs(1));
            self.away(wait);
        }
    }

    async fn is_pruned(&self, call: &str) -> bool {
        let state = self.process.store.call(&call.parse().expect("an id")).await.expect("read").expect("there");
        state.attempts.iter().all(|a| a.recipient.phone.is_pruned())
    }
}

#[tokio::test]
async fn calls_that_are_over_are_pruned_when_their_time_is_over_and_open_ones_never() {
    let mut setup = Setup::default();
    setup.rules.retention = Some(mins(30 * DAY_MINS));
    let mut w = World::with(setup).await;
    w.dispatch("normal").await;
    w.settle().await;
    w.receipt(1, "delivered", None).await;
    let over = w.last.clone().expect("a call").to_string();
    w.decide(Decision::Resolve).await;
    w.settle().await;
    // Airtable has heard of it: nobody is told of it any more.
    manual_edits::deliver_to_the_base(&w.file());
    w.dispatch("normal").await;
    let open = w.last.clone().expect("a call").to_string();
    w.settle().await;
    let retention = Retention::new(w.process.engine.clone());
    w.keep_time(&retention, 20).await;
    assert!(!w.is_pruned(&over).await, "its time is not over");
    w.away(mins(31 * DAY_MINS));
    w.keep_time(&retention, 30).await;
    assert!(w.is_pruned(&over).await);
    assert!(!w.is_pruned(&open).await, "whatever its age");
    let log = w.process.store.log(&crate::store::LogFilter { limit: 1_000, ..Default::default() }).await.expect("read");
    let said = log.iter().filter(|l| l.entry.kind == crate::domain::log::LogKind::StorePruned).count();
    assert_eq!(said, 1, "it is said once");
}

#[tokio::test]
async fn where_nobody_says_how_long_everything_stays() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.decide(Decision::Resolve).await;
    w.settle().await;
    let call = w.last.clone().expect("a call").to_string();
    let retention = Retention::new(w.process.engine.clone());
    w.away(mins(1_000 * DAY_MINS));
    w.keep_time(&retention, 30).await;
    assert!(!w.is_pruned(&call).await);
}
