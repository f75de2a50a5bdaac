//! The list of an engine's duties: a new one is one file and one line here.

use std::sync::Arc;

use super::adopt::Adopter;
use super::checkpoints::{self, Checkpoints};
use super::clocks::{self, ClockWatch};
use super::dispatcher::{Dispatcher, SWEPT_EVERY};
use super::duty::Duty;
use super::heartbeat::Heartbeat;
use super::listener::{self, Listener};
use super::mirror::Mirror;
use super::poller::Poller;
use super::provider_clock::{self, ProviderClockWatch};
use super::reconciler::Reconciler;
use super::requests::{self, Requests};
use super::roster::Roster;
use super::scheduler::Scheduler;
use super::sink::Sink;
use super::wake::Bell;
use super::{Engine, Scope, beat, integrity, outbox, silence, store_alarm, store_file, waiting, watch};

/// The group of what an engine does whatever its settings are.
pub const ENGINE: &str = "engine";
/// The group that tells alerts to their sinks.
pub const ALERTS: &str = "alerts";
/// The group that keeps the shop's base current.
pub const MIRROR: &str = "mirror";
/// The group that reads contacts from another system.
pub const CONTACTS: &str = "contacts";
/// The group of the dead-man's switch.
pub const HEARTBEAT: &str = "heartbeat";
/// The group that takes calls of other systems over.
pub const ADOPT: &str = "adopt";

/// What every engine of this scope does, by group. What depends on the settings is assigned by whoever reads them, and again
/// when they change: [`super::supervisor::Supervisor::assign`].
pub fn of(engine: &Arc<Engine>) -> Vec<(&'static str, Vec<Duty>)> {
    let poller = Arc::new(Poller::new(engine.clone()));
    let clocks = Arc::new(ClockWatch::new(engine.core.clone()));
    let mut own = sending(engine, &poller, &clocks);
    own.extend([
        Duty::new("clocks", &clocks, |c| Box::pin(async move { c.pass().await })).every(clocks::EVERY),
        Duty::new("provider-clock", &Arc::new(ProviderClockWatch::new(engine.clone())), |c| {
            Box::pin(async move { c.pass().await })
        })
        .every(provider_clock::EVERY),
        Duty::new("requests", &Arc::new(Requests::new(engine.clone(), poller)), |r| {
            Box::pin(async move { r.pass().await })
        })
        .every(requests::EVERY)
        .only_asks(),
        Duty::new("checkpoints", &Arc::new(Checkpoints::new(engine.clone())), |c| {
            Box::pin(async move { c.pass().await })
        })
        .every(checkpoints::EVERY),
    ]);
    own.push(Duty::new("beat", engine, |e| Box::pin(async move { beat::pass(&e).await })).every(beat::EVERY));
    if engine.scope != Scope::All {
        return vec![(ENGINE, own)];
    }
    own.extend([
        Duty::new("silence", engine, |e| Box::pin(async move { silence::pass(&e).await }))
            .every(silence::EVERY)
            .still_after(silence::STILL_MAX),
        Duty::new("store", &Arc::new((engine.clone(), Arc::default())), |of| {
            Box::pin(async move { store_alarm::pass(&of.0, &of.1).await.map(|()| None) })
        })
        .on(Bell::Store)
        .every(store_alarm::EVERY),
        Duty::new("store-file", engine, |e| Box::pin(async move { store_file::pass(&e).await.map(|()| None) }))
            .every(store_file::EVERY),
        Duty::new("watch", engine, |e| Box::pin(async move { watch::pass(&e).await })).every(watch::EVERY),
        Duty::new("integrity", engine, |e| Box::pin(async move { integrity::pass(&e).await })).every(integrity::EVERY),
    ]);
    vec![(ENGINE, own), (ALERTS, alerts(engine))]
}

/// What fires, sends, and finds out what became of it.
fn sending(engine: &Arc<Engine>, poller: &Arc<Poller>, clocks: &Arc<ClockWatch>) -> Vec<Duty> {
    let searching = Arc::new((Reconciler::new(engine.clone()), clocks.clone()));
    let dispatcher = Arc::new(Dispatcher::new(engine.clone()));
    vec![
        Duty::new("scheduler", &Arc::new(Scheduler::new(engine.clone())), |s| Box::pin(async move { s.pass().await }))
            .on(Bell::Due)
            .essential(),
        Duty::new("dispatcher", &dispatcher, |d| Box::pin(async move { d.pass().await }))
            .on(Bell::Send)
            .essential()
            .drained_by(&dispatcher, |d| Box::pin(async move { d.drained().await })),
        Duty::new("claims", &dispatcher, |d| Box::pin(async move { d.sweep().await })).every(SWEPT_EVERY),
        Duty::new("poller", poller, |p| Box::pin(async move { p.pass().await })).on(Bell::Poll).only_asks(),
        Duty::new("reconciler", &searching, |of| {
            Box::pin(async move {
                // A step that nobody has seen yet would make a send look older than it is.
                of.1.pass().await?;
                of.0.pass().await
            })
        })
        .only_asks(),
        Duty::new("waiting-replies", engine, |e| Box::pin(async move { waiting::pass(&e).await }))
            .on(Bell::Reply)
            .every(waiting::EVERY)
            .only_asks(),
        Duty::new("listener", &Arc::new(Listener::new(engine.clone())), |l| Box::pin(async move { l.pass().await }))
            .on(Bell::Listen)
            .every(listener::EVERY_WITH_WEBHOOK)
            .only_asks(),
    ]
}

/// Delivers alerts: one duty a sink, so that none waits for another.
pub fn alerts(engine: &Arc<Engine>) -> Vec<Duty> {
    let of = |sink: &Arc<Sink>| {
        let both = Arc::new((engine.clone(), sink.clone()));
        let name = format!("alerts to {}", sink.name);
        Duty::new(name, &both, |b| Box::pin(async move { outbox::pass(&b.0, &b.1).await }))
            .on(Bell::Alerts)
            .only_tells()
    };
    engine.sinks().iter().map(of).collect()
}

/// Keeps this base current.
pub fn mirror(engine: &Arc<Engine>, mirror: Mirror) -> Vec<Duty> {
    let of = Arc::new((engine.clone(), mirror));
    let pass = Duty::new("mirror", &of, |of| {
        Box::pin(async move {
            let (engine, mirror) = &*of;
            let next = mirror.pass().await;
            engine.set_mirror(mirror.vitals());
            next
        })
    });
    vec![pass.on(Bell::Mirror).only_asks()]
}

/// Reads contacts from another system.
pub fn contacts(roster: &Arc<Roster>) -> Vec<Duty> {
    let pass = Duty::new("contacts", roster, |r| {
        Box::pin(async move {
            r.pass().await?;
            Ok(Some(r.next()))
        })
    });
    vec![pass.on(Bell::Roster).every(roster.every()).only_asks()]
}

/// Feeds a dead-man's switch.
pub fn heartbeat(heartbeat: Heartbeat) -> Vec<Duty> {
    let every = heartbeat.every();
    let pass = Duty::new("heartbeat", &Arc::new(heartbeat), |h| Box::pin(async move { h.pass().await }));
    vec![pass.every(every).only_asks()]
}

/// Takes calls of other systems over.
pub fn adopt(adopter: Adopter) -> Vec<Duty> {
    let every = adopter.every();
    let pass = Duty::new("adopt", &Arc::new(adopter), |a| Box::pin(async move { a.pass().await }));
    vec![pass.every(every).only_asks()]
}
