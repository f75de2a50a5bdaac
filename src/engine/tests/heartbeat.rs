//! The dead-man's switch is fed while the engine works, and by nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::duties;
use crate::engine::heartbeat::HeartbeatDuty;
use crate::gateways;
use crate::testing::{World, secs};

#[derive(Default)]
struct Counted(AtomicU32);

#[async_trait]
impl gateways::Heartbeat for Counted {
    async fn fetch(&self) -> Result<(), String> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err("nobody listens".into()),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn the_heartbeat_stops_with_the_loops_whatever_the_store_says() {
    let w = World::new().await;
    let url = Arc::new(Counted::default());
    let heartbeat = || HeartbeatDuty::new(w.process.engine.clone(), url.clone(), secs(60));
    heartbeat().pass().await.expect("looked");
    assert_eq!(url.0.load(Ordering::SeqCst), 0, "nothing has passed yet");
    assert_eq!(w.process.engine.heartbeat.taken_at(), None);
    w.process.supervisor.assign(duties::HEARTBEAT, duties::heartbeat(heartbeat()));
    let stop = CancellationToken::new();
    let running = tokio::spawn(w.process.supervisor.clone().run(stop.clone()));
    for _ in 0..2_000 {
        if url.0.load(Ordering::SeqCst) >= 2 {
            break;
        }
        w.clock.pass(secs(1));
        w.process.store.version().await.expect("what the loops ask of the store takes its true time");
    }
    assert!(url.0.load(Ordering::SeqCst) >= 2, "one that does not arrive stops nothing");
    assert!(w.process.engine.heartbeat.taken_at().is_some(), "the second one was taken");
    stop.cancel();
    running.await.expect("no panic").expect("a clean stop");
    let sent = url.0.load(Ordering::SeqCst);
    w.clock.pass(secs(6));
    heartbeat().pass().await.expect("looked");
    assert_eq!(url.0.load(Ordering::SeqCst), sent, "dead loops over a store that works");
}
