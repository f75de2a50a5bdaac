//! Duties are watched one by one: one that panics, hangs or fails shows, and holds up no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock as _;
use crate::domain::AlertKind;
use crate::engine::duty::{Duty, DutyLimits, DutyWork};
use crate::engine::heartbeats::DutyLine;
use crate::store::StoreError;
use crate::testing::steady::while_the_machine_runs;
use crate::testing::{Reaction, World, secs};

/// Time passes until this is so: a bound on rounds, not on time.
async fn until(w: &World, what: &str, is: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if is().await {
            return;
        }
        w.clock.pass(Duration::from_millis(100));
        // What the loops ask of the store takes its true time.
        w.process.store.version().await.expect("a version");
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    panic!("did not come to pass: {what}");
}

fn line(w: &World, name: &str) -> DutyLine {
    let lines = w.process.engine.heartbeats.lines(w.clock.boot());
    lines.into_iter().find(|l| l.name == name).expect("a duty")
}

fn run(w: &World) -> (CancellationToken, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(w.process.supervisor.clone().run(stop)))
}

#[tokio::test]
async fn a_duty_that_panics_or_fails_is_started_again_and_both_are_shown() {
    let w = World::new().await;
    let passes = Arc::new(AtomicU32::new(0));
    let odd = DutyWork::of(&passes, |passes| {
        Box::pin(async move {
            match passes.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => panic!("planted"),
                2 => Err(StoreError::Busy),
                _ => Ok(None),
            }
        })
    });
    w.process.supervisor.assign("test", vec![Duty::new("odd", DutyLimits::usual(), odd)]);
    let (stop, running) = run(&w);
    until(&w, "it passes in the end", async || passes.load(Ordering::SeqCst) > 4).await;
    let odd = line(&w, "odd");
    assert_eq!((odd.restarts, odd.last_error.map(|e| e.1)), (2, Some("the store is busy".into())));
    assert!(odd.since_pass.is_some());
    assert!(line(&w, "scheduler").since_pass.is_some(), "the others went on");
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
}

#[tokio::test]
async fn the_alarm_that_nobody_was_told_waits_for_no_other_duty() {
    while_the_machine_runs(async || {
        let mut w = World::new().await;
        w.sms.otherwise(Reaction::away());
        let call = w.dispatch("slow").await;
        let hang = |name: &'static str| {
            let work = DutyWork::of(&Arc::new(()), |_| Box::pin(std::future::pending()));
            Duty::new(name, DutyLimits::usual().still_after(Duration::from_secs(10)), work)
        };
        // In the place of those that ask somebody outside, and as a further one.
        w.process.supervisor.assign("alerts", vec![hang("alerts")]);
        w.process.supervisor.assign("test", vec![hang("further")]);
        let (stop, running) = run(&w);
        let key = AlertKind::Unnotified.about(&call);
        until(&w, "the alarm", async || {
            let alerts = w.process.store.alerts().await.expect("alerts");
            alerts.iter().any(|a| a.key == key)
        })
        .await;
        let further = line(&w, "further");
        assert!(further.is_still && further.since_pass.is_none(), "it is shown: {further:?}");
        assert!(!line(&w, "silence").is_still);
        stop.cancel();
        // What may send is waited for at a stop; these never end.
        running.abort();
    })
    .await;
}

#[tokio::test]
async fn duties_are_replaced_while_the_engine_runs_and_never_work_beside_each_other() {
    let w = World::new().await;
    let old = Arc::new(AtomicU32::new(0));
    let pass = |name: &'static str, n: &Arc<AtomicU32>| {
        let work = DutyWork::of(n, |n| {
            Box::pin(async move {
                n.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            })
        });
        Duty::new(name, DutyLimits::usual(), work)
    };
    w.process.supervisor.assign("test", vec![pass("a", &old), pass("b", &old)]);
    let (stop, running) = run(&w);
    until(&w, "the first ones", async || old.load(Ordering::SeqCst) > 4).await;
    let new = Arc::new(AtomicU32::new(0));
    w.process.supervisor.assign("test", vec![pass("c", &new)]);
    until(&w, "the one in their place", async || new.load(Ordering::SeqCst) > 0).await;
    let then = old.load(Ordering::SeqCst);
    until(&w, "it goes on", async || new.load(Ordering::SeqCst) > 3).await;
    assert_eq!(old.load(Ordering::SeqCst), then, "nothing of the old ones runs");
    let names: Vec<String> = w.process.engine.heartbeats.lines(w.clock.boot()).into_iter().map(|l| l.name).collect();
    assert!(names.contains(&"c".to_owned()) && !names.contains(&"a".to_owned()), "{names:?}");
    w.process.supervisor.assign("test", Vec::new());
    until(&w, "none", async || w.process.engine.heartbeats.lines(w.clock.boot()).iter().all(|l| l.name != "c")).await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
}

#[tokio::test]
async fn what_tells_somebody_outside_ends_its_pass_where_it_is_replaced_and_not_where_the_engine_ends() {
    let w = World::new().await;
    let delivery = Arc::new((tokio::sync::Semaphore::new(0), AtomicU32::new(0), AtomicU32::new(0)));
    let teller = |name: &'static str| {
        let work = DutyWork::of(&delivery, |delivery| {
            Box::pin(async move {
                delivery.1.fetch_add(1, Ordering::SeqCst);
                delivery.0.acquire().await.expect("open").forget();
                delivery.2.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            })
        });
        Duty::new(name, DutyLimits::usual().only_delivers(), work)
    };
    w.process.supervisor.assign("test", vec![teller("teller")]);
    let (stop, running) = run(&w);
    until(&w, "its telling is under way", async || delivery.1.load(Ordering::SeqCst) == 1).await;
    w.process.supervisor.assign("test", vec![teller("teller")]);
    w.process.store.version().await.expect("a version");
    assert_eq!(delivery.1.load(Ordering::SeqCst), 1, "nobody tells beside it");
    delivery.0.add_permits(1);
    until(&w, "the next one tells", async || delivery.1.load(Ordering::SeqCst) == 2).await;
    assert_eq!(delivery.2.load(Ordering::SeqCst), 1, "the first was told whole, once");
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop, although it still tells");
}

#[tokio::test]
async fn one_that_is_slow_to_end_holds_up_no_other_where_both_are_replaced() {
    let w = World::new().await;
    let slow = Arc::new(AtomicU32::new(0));
    let both = |quick: &Arc<AtomicU32>| {
        let hangs = DutyWork::of(&slow, |slow| {
            Box::pin(async move {
                slow.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            })
        });
        let passes = DutyWork::of(quick, |quick| {
            Box::pin(async move {
                quick.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            })
        });
        let limits = DutyLimits::usual().only_delivers();
        vec![Duty::new("slow", limits, hangs), Duty::new("quick", limits, passes)]
    };
    let generations: [Arc<AtomicU32>; 3] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
    w.process.supervisor.assign("test", both(&generations[0]));
    let (stop, running) = run(&w);
    until(&w, "the slow one is under way", async || slow.load(Ordering::SeqCst) == 1).await;
    for quick in &generations[1..] {
        w.process.supervisor.assign("test", both(quick));
        until(&w, "the quick one in its place", async || quick.load(Ordering::SeqCst) > 1).await;
    }
    assert_eq!(slow.load(Ordering::SeqCst), 1, "the slow one has none beside it");
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
}

#[tokio::test]
async fn a_claim_whose_task_panicked_becomes_an_unknown_outcome_while_the_engine_lives() {
    let mut w = World::new().await;
    w.sms.next(Reaction::Panic);
    w.dispatch("slow").await;
    assert_eq!(w.attempts().await, ["1 sam sending"], "nobody knows what became of it");
    w.process.dispatcher.sweep().await.expect("swept");
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w.advance(secs(20)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "found in the provider's list");
    assert_eq!(w.sms.posts().len(), 1, "and not sent again");
}

#[tokio::test]
async fn a_claim_that_somebody_works_on_is_left_to_its_task() {
    let mut w = World::new().await;
    w.sms.next(Reaction::AcceptLate);
    w.begin("slow").await;
    w.process.scheduler.pass().await.expect("fired");
    w.process.dispatcher.pass().await.expect("begun");
    let posted = async {
        while w.sms.posts().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(secs(20), posted).await.expect("the POST is under way");
    w.process.dispatcher.sweep().await.expect("swept");
    assert_eq!(w.attempts().await, ["1 sam sending"]);
    w.sms.release();
    w.process.dispatcher.drained().await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}

#[tokio::test]
async fn dead_loops_give_no_sign_of_life_in_the_store() {
    let w = World::new().await;
    let boot = async || w.process.store.engine().await.expect("read").and_then(|e| e.beat).expect("a beat").boot;
    let started = boot().await;
    let (stop, running) = run(&w);
    until(&w, "a sign of life", async || boot().await > started).await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
    let last = boot().await;
    w.clock.pass(secs(6));
    crate::engine::beat::pass(&w.process.engine).await.expect("looked");
    assert_eq!(boot().await, last, "the essential duties have not passed");
}

#[tokio::test]
async fn a_duty_of_the_store_rests_while_nobody_commits_and_is_seen_to_live() {
    let w = World::new().await;
    let counts: [Arc<AtomicU32>; 2] = Default::default();
    let of = |n: usize, limits: DutyLimits| {
        let work = DutyWork::of(&counts[n], |passes| {
            Box::pin(async move {
                passes.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            })
        });
        Duty::new(["looks", "rests"][n], limits, work)
    };
    let (usual, resting) = (DutyLimits::usual(), DutyLimits::usual().rests().still_after(secs(5)));
    w.process.supervisor.assign("test", vec![of(0, usual), of(1, resting)]);
    let (stop, running) = run(&w);
    let passes = |n: usize| counts[n].load(Ordering::SeqCst);
    let poll = async || {
        let version = w.process.store.version().await.expect("a version");
        w.process.core.version.saw(version, w.clock.boot());
    };
    until(&w, "one looks every second", async || {
        poll().await;
        passes(0) > 60
    })
    .await;
    // The engine's own sign of life is a commit every two seconds.
    assert!(passes(1) < passes(0) * 3 / 4, "{} of {}", passes(1), passes(0));
    assert!(!line(&w, "rests").is_still, "its loop lives");
    let before = passes(1);
    until(&w, "it looks again after commits", async || {
        w.process.store.probe(w.clock.now()).await.expect("a commit");
        poll().await;
        passes(1) > before + 5
    })
    .await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
}
