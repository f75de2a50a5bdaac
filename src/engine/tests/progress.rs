//! Whoever watches the engine watches how its duties get on: a fault in any of them is said by health, by the dead-man's switch and by
//! an alert, and what is essential withholds the watchdog's sign of life.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock as _;
use crate::domain::alert::{AlertKey, AlertKind};
use crate::engine::duties::{HEARTBEAT, TABLE};
use crate::engine::duty::{Duty, DutyWork, Rank};
use crate::engine::heartbeat::HeartbeatDuty;
use crate::engine::heartbeats::DutyLine;
use crate::engine::still::{StillWatch, essential_trouble};
use crate::gateways;
use crate::testing::{World, secs};

/// What the dead-man's switch heard.
#[derive(Default)]
struct Switch {
    alive: AtomicU32,
    troubles: std::sync::Mutex<Vec<String>>,
    is_away: AtomicBool,
}

#[async_trait]
impl gateways::Heartbeat for Switch {
    async fn fetch(&self) -> Result<(), String> {
        self.alive.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) { Err("nobody listens".into()) } else { Ok(()) }
    }

    async fn fail(&self, why: &str) -> Result<(), String> {
        self.troubles.lock().expect("not poisoned").push(why.to_owned());
        Ok(())
    }
}

/// How a planted duty fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Hangs,
    Panics,
}

/// The duty of this line, with its limits and under a name of its own, and nothing in it but the fault; well again once `mended`.
fn planted(name: &str, limits: crate::engine::duty::DutyLimits, fault: Fault, mended: &Arc<AtomicBool>) -> Duty {
    let work = match fault {
        Fault::Hangs => DutyWork::of(mended, |mended| {
            Box::pin(async move { if mended.load(Ordering::SeqCst) { Ok(None) } else { std::future::pending().await } })
        }),
        Fault::Panics => DutyWork::of(mended, |mended| {
            Box::pin(async move {
                assert!(mended.load(Ordering::SeqCst), "planted");
                Ok(None)
            })
        }),
    };
    Duty::new(format!("planted {name}"), limits, work)
}

fn lines(w: &World) -> Vec<DutyLine> {
    w.process.engine.heartbeats.lines(w.clock.boot())
}

/// Ten minutes and a little more, in seconds.
const QUIET_FOR: usize = 610;
/// How often it is looked whether the loops have caught up with the clock; what waits for the clock itself never does.
const LOOKS_MAX: usize = 5_000;

/// A second passes: no more of it than the loops, which wait for a true store, have kept up with. Those that are planted need not.
async fn second(w: &World) {
    w.clock.pass(secs(1));
    for _ in 0..LOOKS_MAX {
        w.process.store.version().await.expect("what the loops ask of the store takes its true time");
        tokio::task::yield_now().await;
        let is_behind = |l: &DutyLine| {
            let row = TABLE.iter().find(|row| row.name == l.name);
            let pause =
                row.map_or(secs(1), |row| planted(row.name, row.limits, Fault::Hangs, &Arc::default()).pause_max());
            !l.name.starts_with("planted") && l.since_pass.is_none_or(|ago| ago > pause)
        };
        if !lines(w).iter().any(is_behind) {
            return;
        }
    }
}

/// Time passes, second by second, until this is so.
async fn until(w: &World, what: &str, is: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if is().await {
            return;
        }
        second(w).await;
    }
    panic!("did not come to pass: {what}: {:#?}", lines(w));
}

async fn alerts(w: &World) -> BTreeSet<AlertKey> {
    let all = w.process.store.alerts().await.expect("alerts").into_iter().map(|a| a.key);
    all.filter(|k| matches!(k.kind(), AlertKind::EngineStill | AlertKind::DutyStill | AlertKind::DutyDied)).collect()
}

#[tokio::test]
async fn a_fault_in_any_duty_is_said_by_an_alert_and_an_essential_one_by_everything() {
    for fault in [Fault::Hangs, Fault::Panics] {
        for rank in [Rank::Other, Rank::Essential] {
            let w = World::new().await;
            let mended = Arc::new(AtomicBool::new(false));
            // One that passes once a day is seen to stand still a day later, by the same rule.
            let is_meant = |duty: &Duty| duty.rank() == rank && duty.still_max() <= secs(1_000);
            let rows: Vec<_> =
                TABLE.iter().filter(|row| is_meant(&planted(row.name, row.limits, fault, &mended))).collect();
            assert!(rows.len() >= 2, "{rank:?}");
            let duties = rows.iter().map(|row| planted(row.name, row.limits, fault, &mended)).collect();
            w.process.supervisor.assign("planted", duties);
            let stop = CancellationToken::new();
            let running = tokio::spawn(w.process.supervisor.clone().run(stop.clone()));
            let names: BTreeSet<String> = rows.iter().map(|row| format!("planted {}", row.name)).collect();
            let is_still = |l: &DutyLine| l.is_still || l.is_dying;
            until(&w, "each of them is seen to stand still", async || {
                let still: BTreeSet<String> =
                    lines(&w).iter().filter(|l| is_still(l)).map(|l| l.name.clone()).collect();
                still.is_superset(&names)
            })
            .await;
            let label = format!("{fault:?} {rank:?}");
            let others: Vec<_> = lines(&w).into_iter().filter(|l| is_still(l) && !names.contains(&l.name)).collect();
            assert!(others.is_empty(), "{label}: a fault in one duty holds up no other: {others:#?}");

            let begun = |w: &World| w.clock.boot().saturating_sub(w.process.engine.started) > secs(12);
            until(&w, "a start is over", async || begun(&w)).await;
            let mut watch = StillWatch::default();
            watch.pass(&w.process.engine).await.expect("written");
            let kind = if rank == Rank::Essential { AlertKind::EngineStill } else { AlertKind::DutyStill };
            let want: BTreeSet<AlertKey> = names.iter().map(|name| kind.about(name)).collect();
            assert_eq!(alerts(&w).await, want, "{label}");
            watch.pass(&w.process.engine).await.expect("written");
            assert_eq!(alerts(&w).await, want, "{label}: once");

            // The watchdog and the switch are for what is essential: calls go on without the others.
            if rank == Rank::Essential {
                until(&w, "the trouble is seen", async || essential_trouble(&w.process.engine).is_some()).await;
                let trouble = essential_trouble(&w.process.engine).unwrap_or_default();
                assert!(names.iter().all(|name| trouble.contains(name)), "{label}: {trouble}");
                if fault == Fault::Hangs {
                    until(&w, "others may take its work over", async || !w.process.engine.works()).await;
                }
            } else {
                assert_eq!(essential_trouble(&w.process.engine), None, "{label}");
                assert!(w.process.engine.works(), "{label}");
            }

            mended.store(true, Ordering::SeqCst);
            if fault == Fault::Panics {
                until(&w, "they pass again", async || lines(&w).iter().all(|l| !is_still(l))).await;
                watch.pass(&w.process.engine).await.expect("written");
                let died: BTreeSet<AlertKey> = names.iter().map(|name| AlertKind::DutyDied.about(name)).collect();
                assert!(alerts(&w).await.is_subset(&died), "{label}: it stands still no more");
                for _ in 0..QUIET_FOR {
                    second(&w).await;
                }
                watch.pass(&w.process.engine).await.expect("written");
                assert_eq!(alerts(&w).await, BTreeSet::new(), "{label}: ten quiet minutes are its end");
                stop.cancel();
                running.await.expect("no panic").expect("a clean stop");
            } else {
                running.abort();
            }
        }
    }
}

#[tokio::test]
async fn the_switch_hears_at_once_that_what_is_essential_stands_still_and_that_it_goes_on() {
    let w = World::new().await;
    let switch = Arc::new(Switch::default());
    let heartbeat = HeartbeatDuty::new(w.process.engine.clone(), switch.clone(), secs(60));
    w.process.supervisor.assign(HEARTBEAT, crate::engine::duties::heartbeat(heartbeat));
    let held = Arc::new(AtomicBool::new(false));
    let scheduler = TABLE.iter().find(|row| row.name == "scheduler").expect("a scheduler");
    let work = DutyWork::of(&held, |held| {
        Box::pin(async move {
            // A pass that begins while it is held ends when it is not.
            while held.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            Ok(None)
        })
    });
    w.process.supervisor.assign("planted", vec![Duty::new("planted", scheduler.limits, work)]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(w.process.supervisor.clone().run(stop.clone()));
    let heard = || switch.troubles.lock().expect("not poisoned").clone();
    until(&w, "a sign of life", async || switch.alive.load(Ordering::SeqCst) > 0).await;
    assert!(heard().is_empty());
    let before = w.clock.boot();
    held.store(true, Ordering::SeqCst);
    until(&w, "the trouble is posted", async || !heard().is_empty()).await;
    let after = w.clock.boot().saturating_sub(before);
    assert!(after <= secs(12), "{after:?}: not when the next sign of life is due");
    assert!(heard()[0].contains("planted"), "{:?}", heard());
    let alive = switch.alive.load(Ordering::SeqCst);
    for _ in 0..130 {
        second(&w).await;
    }
    assert_eq!(switch.alive.load(Ordering::SeqCst), alive, "no sign of life meanwhile");
    held.store(false, Ordering::SeqCst);
    until(&w, "the next sign of life", async || switch.alive.load(Ordering::SeqCst) > alive).await;

    // Whoever listens cannot be reached: that is a notice, and no page.
    let is_said = async || {
        let all = w.process.store.alerts().await.expect("alerts");
        all.iter().any(|a| a.key.kind() == AlertKind::HeartbeatRefused)
    };
    assert!(!is_said().await);
    switch.is_away.store(true, Ordering::SeqCst);
    until(&w, "a notice", async || is_said().await).await;
    switch.is_away.store(false, Ordering::SeqCst);
    until(&w, "its end", async || !is_said().await).await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
}
