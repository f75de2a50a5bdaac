//! Random histories, their disk lost at a random moment, with a mirror that may lag: nothing doubled, nothing lost, nobody told
//! of what is taken.

use std::collections::BTreeSet;

use super::books::{Books, ingested, rebuilt};
use crate::domain::call::CallStatus;
use crate::ids::Ids;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

async fn live(w: &mut World, chance: &Ids) {
    let last = u32::try_from(w.attempts().await.len()).expect("few");
    let has_message = async |w: &World, n: u32| {
        let a = w.attempt(n).await;
        w.sms.ledger().iter().any(|m| m.attempt == a.id)
    };
    match chance.below(12) {
        0 | 1 if last > 0 && has_message(w, last).await => w.receipt(last, "delivered", None).await,
        2 if last > 0 && has_message(w, last).await => w.receipt(last, "undelivered", Some(30005)).await,
        3 if last > 0 && has_message(w, last).await => w.receipt(last, "undelivered", Some(30003)).await,
        4 => w.sms.next(Reaction::UnknownButAccepted),
        5 => w.sms.next(Reaction::UnknownNotAccepted),
        6 => ingested(w, "sam", "2").await,
        7 => ingested(w, "ana", "2").await,
        8 => ingested(w, "sam", "1").await,
        9 => ingested(w, "ana", "mine").await,
        _ => {}
    }
    w.advance(secs(5 + chance.below(200))).await;
}

#[tokio::test]
async fn whatever_happened_before_nothing_is_lost_or_doubled() {
    let (mut ran, mut taken) = (0, 0);
    for seed in 0..14 {
        let chance = Ids::seeded(seed);
        let mut w = World::with(Setup { seed: seed + 1_000, ..Setup::default() }).await;
        w.dispatch(if seed % 2 == 0 { "normal" } else { "high" }).await;
        let mut books = Books::of(&w.state().await);
        let (steps, lag) = (1 + chance.below(6), chance.below(3));
        for n in 0..steps {
            live(&mut w, &chance).await;
            if n + lag < steps {
                books = Books::of(&w.state().await);
            }
        }
        if seed % 3 == 0 {
            w.advance(secs(5)).await;
            ingested(&mut w, if seed % 2 == 0 { "sam" } else { "ana" }, "1").await;
        }
        let truth = w.state().await;
        if books.calls[0].fields.get("Status").as_text() != Some("DISPATCHING") {
            continue;
        }
        let before = w.sms.ledger();
        w.lose_the_disk().await;
        rebuilt(&w, &books).await;
        let after = w.state().await;
        let label = format!("seed {seed}: {:?}\n{:?}", truth.attempts, after.attempts);
        let known: BTreeSet<_> = after.attempts.iter().filter_map(|a| a.sid.clone()).collect();
        for m in &before {
            assert!(known.contains(&m.sid), "{label}: message {} is nobody's", m.sid);
        }
        if matches!(truth.call.status, CallStatus::Acknowledged | CallStatus::Resolved) {
            taken += 1;
            assert_eq!(after.call.status, truth.call.status, "{label}");
            assert_eq!(after.call.holder, truth.call.holder, "{label}");
        } else if truth.call.status == CallStatus::Dispatching {
            ran += 1;
            assert_eq!(after.call.status, CallStatus::Dispatching, "{label}");
            assert!(after.call.wake_at.is_some(), "{label}");
        }
        w.advance(mins(50)).await;
        let ledger = w.sms.ledger();
        if after.call.status == CallStatus::Acknowledged {
            assert_eq!(ledger.len(), before.len(), "{label}: nobody is told of what is taken");
        }
        let mut seen = BTreeSet::new();
        for m in &ledger {
            let reference = m.body.split(' ').next().unwrap_or_default().to_owned();
            assert!(seen.insert(reference.clone()), "{label}: {reference} went twice");
        }
        let done = w.status().await;
        assert_ne!(done, CallStatus::Dispatching, "{label}: it came to an end");
    }
    assert!(ran >= 5 && taken >= 2, "{ran} ran on and {taken} were taken");
}
