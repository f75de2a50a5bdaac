//! The world: a store in a temporary directory, the core and the loops of one engine, a clock and a provider.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::clock::ManualClock;
use super::crash::{Crash, Death};
use super::fixtures;
use super::gateway::ScriptedGateway;
use super::phones::ScriptedPhones;
use super::relay::ScriptedRelay;
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::domain::alert::SinkTarget;
use crate::domain::rules::Rules;
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::engine::alert_texts::AlertTextDuty;
use crate::engine::apply::Core;
use crate::engine::clocks::ClockWatch;
use crate::engine::dispatcher::Dispatcher;
use crate::engine::oncall::roll_calls::RollCallDuty;
use crate::engine::poller::Poller;
use crate::engine::reconciler::Reconciler;
use crate::engine::ringing::Ringing;
use crate::engine::scheduler::Scheduler;
use crate::engine::supervisor::Supervisor;
use crate::engine::{Bounds, Engine, Scope, history, integrity, silence, start, waiting, watch};
use crate::ids::Ids;
use crate::store::{self, Store, StoreSettings};

/// 2026-11-22 02:00:00 UTC.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_312_800_000);
/// The name of its file.
const STORE: &str = "dispatchctl.db";
/// More rounds than any story needs: a world that is not quiet by then never will be.
const ROUNDS_MAX: usize = 2_000;

/// What a world is made of.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) directory: Directory,
    pub(crate) rules: Rules,
    pub(crate) messages_per_second: f64,
    pub(crate) phone_calls_per_second: f64,
    pub(crate) seed: u64,
    /// The sinks that its store knows.
    pub(crate) sinks: Vec<SinkTarget>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            directory: fixtures::directory(),
            rules: fixtures::rules(),
            messages_per_second: 0.0,
            phone_calls_per_second: 0.0,
            seed: 7,
            sinks: vec![super::office()],
        }
    }
}

/// The loops of one process.
pub(crate) struct Process {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) crash: Arc<Crash>,
    pub(crate) core: Arc<Core>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) scheduler: Scheduler,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) poller: Poller,
    pub(crate) reconciler: Reconciler,
    pub(crate) ringing: Ringing,
    pub(crate) clocks: ClockWatch,
    pub(crate) roll_calls: RollCallDuty,
    pub(crate) alert_texts: AlertTextDuty,
    pub(crate) engine: Arc<Engine>,
}

/// See the module.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) setup: Setup,
    ids: Arc<Ids>,
    starts: u32,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sms: Arc<ScriptedGateway>,
    pub(crate) relay: Arc<ScriptedRelay>,
    pub(crate) voice: Arc<ScriptedPhones>,
    pub(crate) process: Process,
    /// The call that was dispatched last.
    pub(crate) last: Option<CallId>,
    pub(crate) calls: u32,
    pub(crate) inbound: u32,
    /// How many of the ledger's messages each person has read.
    pub(crate) read: std::sync::Mutex<std::collections::HashMap<String, usize>>,
}

impl World {
    /// The usual one.
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// With a store that knows these sinks.
    pub(crate) async fn with_sinks(sinks: Vec<SinkTarget>) -> Self {
        Self::with(Setup { sinks, ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        Self::dying(setup, Death::Never).await
    }

    /// Its first process dies at that commit; `recover_local` is not counted: it is over before the story begins.
    pub(crate) async fn dying(setup: Setup, death: Death) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(ManualClock::new(START));
        let sms = Arc::new(ScriptedGateway::new(clock.clone()));
        let ids = Arc::new(Ids::seeded(setup.seed));
        let process = start(&dir, &setup, &ids, &clock, &sms, "engine-1");
        let relay = Arc::new(ScriptedRelay::default());
        process.engine.set_mail(Some(relay.clone()));
        let voice = Arc::new(ScriptedPhones::new(clock.clone()));
        process.engine.set_voice(Some(voice.clone()));
        start::recover_local(&process.engine, "serve", None).await.expect("recovered");
        process.crash.dies(death);
        Self {
            dir,
            setup,
            ids,
            starts: 1,
            clock,
            sms,
            relay,
            voice,
            process,
            last: None,
            calls: 0,
            inbound: 0,
            read: std::sync::Mutex::default(),
        }
    }

    /// The process is gone, as if killed; another one starts on the same file.
    pub(crate) async fn restart(&mut self) {
        self.process.crash.kill();
        self.starts += 1;
        let name = format!("engine-{}", self.starts);
        let (dir, setup) = (&self.dir, &self.setup);
        self.process = start(dir, setup, &self.ids, &self.clock, &self.sms, &name);
        self.process.engine.set_mail(Some(self.relay.clone()));
        self.process.engine.set_voice(Some(self.voice.clone()));
        start::recover_local(&self.process.engine, "serve", None).await.expect("recovered");
    }

    /// The process is gone and so is its file; another one starts on an empty store. The provider remembers.
    pub(crate) async fn lose_the_disk(&mut self) {
        self.process.crash.kill();
        let lost = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a directory"));
        self.restart().await;
        drop(lost);
    }

    /// The process is gone; another one starts where a copy of its store was put.
    pub(crate) async fn restore(&mut self, copy: &std::path::Path) {
        self.process.crash.kill();
        let lost = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a directory"));
        std::fs::copy(copy, self.file()).expect("copied");
        self.restart().await;
        drop(lost);
    }

    /// The store's file.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.dir.path().join(STORE)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the loops work until none of them has anything to do at this moment; when the next of them has.
    pub(crate) async fn settle(&self) -> Option<Timestamp> {
        self.process.settle().await
    }

    /// Time passes and the engine works through it.
    pub(crate) async fn advance(&self, d: Duration) {
        let end = self.now().plus(d);
        for _ in 0..ROUNDS_MAX {
            let now = self.now();
            let next = self.settle().await.map_or(end, |n| n.min(end));
            if now >= end {
                return;
            }
            self.clock.pass(next.since(now).max(Duration::from_millis(1)));
        }
        panic!("{d:?} did not pass in {ROUNDS_MAX} rounds");
    }

    /// Time passes and the engine does nothing: it is stopped, or the machine is.
    pub(crate) fn away(&self, d: Duration) {
        self.clock.pass(d);
    }

    /// The store's file.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("dispatchctl.db")
    }

    /// One look at silence, at what stands still, and for what cannot be read.
    pub(crate) async fn watch(&self) {
        let engine = &self.process.engine;
        silence::pass(engine).await.expect("looked");
        watch::pass(engine).await.expect("watched");
        integrity::pass(engine).await.expect("looked through");
    }
}

impl Process {
    /// An engine beside this one that does one call's work alone, as a command is while nobody holds the lock.
    pub(crate) fn only(&self, call: &CallId) -> Arc<Engine> {
        let all = &self.engine;
        let (core, sms, scope) = (all.core.clone(), all.sms.clone(), Scope::Only(call.clone()));
        Engine::new(core, sms, Vec::new(), "send".to_owned(), scope, all.bounds())
    }

    async fn settle(&self) -> Option<Timestamp> {
        for _ in 0..ROUNDS_MAX {
            let before = self.crash.writes();
            let h = match self.engine.scope {
                // Nobody looks where nothing is in doubt: a look is a read, which some tests count.
                Scope::All if self.engine.history.is_in_doubt() => history::pass(&self.engine).await.expect("history"),
                _ => None,
            };
            let a = self.scheduler.pass().await.expect("scheduler");
            let b = self.dispatcher.pass().await.expect("dispatcher");
            self.dispatcher.drained().await;
            let c = self.poller.pass().await.expect("poller");
            let d = self.reconciler.pass().await.expect("reconciler");
            waiting::pass(&self.engine).await.expect("waiting replies");
            let e = self.ringing.pass().await.expect("ringing");
            let f = match self.core.rules().oncall.roll_call {
                Some(_) => self.roll_calls.pass().await.expect("roll calls"),
                None => None,
            };
            let g = match self.core.directory().alert_owners.is_empty() {
                false => self.alert_texts.pass().await.expect("texts of alerts"),
                true => None,
            };
            if self.crash.writes() == before {
                return [a, b, c, d, e, f, g, h].into_iter().flatten().min();
            }
        }
        panic!("the world is not quiet after {ROUNDS_MAX} rounds");
    }
}

fn start(
    dir: &TempDir,
    setup: &Setup,
    ids: &Arc<Ids>,
    clock: &Arc<ManualClock>,
    sms: &Arc<ScriptedGateway>,
    id: &str,
) -> Process {
    let settings = StoreSettings { alert_sinks: setup.sinks.clone(), ..super::store_at(&dir.path().join(STORE)) };
    let crash = Crash::new();
    let store = store::open_between(settings, crash.clone()).expect("the store opens");
    let directory = Arc::new(setup.directory.clone());
    let core = Arc::new(Core::new(store.clone(), clock.clone(), ids.clone(), directory, setup.rules.clone()));
    let bounds = Bounds {
        listen_every: Duration::from_secs(60),
        messages_per_second: setup.messages_per_second,
        phone_calls_per_second: setup.phone_calls_per_second,
        ring_for: Duration::from_secs(20),
        validity: setup.rules.validity,
        request_timeout: Duration::from_secs(15),
        poll_after: setup.rules.poll_after,
        consecutive_failures: 5,
    };
    let engine = Engine::new(core.clone(), sms.clone(), Vec::new(), id.to_owned(), Scope::All, bounds);
    // These stories have no listener: nothing waits for its first read.
    engine.first_read.set(engine.first_read.begin());
    Process {
        supervisor: Supervisor::new(engine.clone()),
        scheduler: Scheduler::new(engine.clone()),
        dispatcher: Dispatcher::new(engine.clone()),
        poller: Poller::new(engine.clone()),
        reconciler: Reconciler::new(engine.clone()),
        ringing: Ringing::new(engine.clone()),
        clocks: ClockWatch::new(core.clone()),
        roll_calls: RollCallDuty::new(engine.clone(), Arc::new(Dispatcher::new(engine.clone()))),
        alert_texts: AlertTextDuty::new(engine.clone(), Arc::new(Dispatcher::new(engine.clone()))),
        store,
        crash,
        core,
        engine,
    }
}
