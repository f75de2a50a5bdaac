//! The terms of a `serve`: on a file it is the engine from its start to its end; on a store that several share it stands by until it
//! has the lease, is the engine while the lease lasts, and stands by again.
//!
//! The listeners run all the while. A term that is lost stops the loops; what is in flight may finish, and what becomes of it is
//! recorded. A crash at any point leaves a lease that another takes over, and claims that it finds out about.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::apply::Core;
use crate::engine::duty::PASS_MAX;
use crate::engine::sink::Sink;
use crate::engine::store_alarm::AlarmPlace;
use crate::engine::store_file;
use crate::engine::supervisor::Supervisor;
use crate::engine::wake::WakeSignal;
use crate::gateways::MAIL_MAX;
use crate::http::HttpState;
use crate::store::{Control, Holder, Lease, LeaseError, StoreError};

use super::app::App;
use super::exit::ExitStatus;
use super::reload::{Reload, with_fault_injection};
use super::report::CliError;

/// How often a standby looks whether the lease is free, without a hint that it is, while its holder's sign of life is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(240);
/// How often a standby looks whether others have committed something, without a hint that they have.
const COMMITS_EVERY: Duration = Duration::from_secs(1);
/// A term that could not begin is not tried again at once.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// An engine whose loops hung is not the first to take its work over.
const AFTER_HANGING: Duration = Duration::from_secs(2);
/// Loops that have not ended so long after the longest send could have, never will.
const ENDS_LATE: Duration = Duration::from_secs(10);

/// A term that has begun.
pub(super) struct Term {
    pub(super) lease: Arc<dyn Lease>,
    pub(super) engine: Arc<Engine>,
    pub(super) supervisor: Arc<Supervisor>,
}

/// What this process is at this moment, shared by whoever needs to know.
#[derive(Clone, Default)]
pub(super) struct ThisProcess(Arc<RwLock<Now>>);

#[derive(Default)]
struct Now {
    engine: Option<(Arc<Engine>, Arc<Supervisor>)>,
    sinks: Vec<Arc<Sink>>,
}

impl ThisProcess {
    /// The engine that it is, if it is one.
    pub(super) fn engine(&self) -> Option<(Arc<Engine>, Arc<Supervisor>)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).engine.clone()
    }

    pub(super) fn set_engine(&self, engine: Option<(Arc<Engine>, Arc<Supervisor>)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).engine = engine;
    }

    /// Where it tells what it cannot store.
    pub(super) fn set_sinks(&self, sinks: Vec<Arc<Sink>>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).sinks = sinks;
    }
}

impl AlarmPlace for ThisProcess {
    fn sinks(&self) -> Vec<Arc<Sink>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sinks.clone()
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        Self::engine(self).map(|(engine, _)| engine)
    }
}

/// The terms of this process, one after the other.
pub(super) struct Terms {
    pub(super) core: Arc<Core>,
    reload: Arc<Mutex<Reload>>,
    this_process: ThisProcess,
    state: Arc<HttpState>,
    /// Where this process listens.
    own_url: String,
    /// The one that has begun and does not run yet.
    term: Option<Term>,
    /// The last one: on a file it holds the lock until the store is closed.
    last: Option<Term>,
    /// Of terms that were lost: what is in flight may finish, so long at most.
    ending: JoinSet<()>,
    ends_within: Duration,
}

impl Terms {
    pub(super) async fn new(core: Arc<Core>, reload: Arc<Mutex<Reload>>, own_url: String) -> Self {
        let (this_process, state) = {
            let reload = reload.lock().await;
            (reload.this_process.clone(), reload.state.clone())
        };
        Self {
            core,
            reload,
            this_process,
            state,
            own_url,
            term: None,
            last: None,
            ending: JoinSet::new(),
            ends_within: Duration::ZERO,
        }
    }

    /// Everything of a term but its loops, which [`Terms::run`] starts.
    ///
    /// # Errors
    /// The lease is released again.
    pub(super) async fn begin(&mut self, lease: Arc<dyn Lease>) -> Result<(), CliError> {
        match self.reload.lock().await.begin(&lease, &self.own_url).await {
            Ok(term) => {
                self.term = Some(term);
                Ok(())
            }
            Err(e) => {
                self.stands_by();
                lease.release().await;
                Err(e)
            }
        }
    }

    fn stands_by(&self) {
        self.this_process.set_engine(None);
        self.state.set_engine(None);
    }

    /// Until the system asks to stop, or the engine must.
    ///
    /// # Errors
    /// The error after which this process must not go on.
    pub(super) async fn run(&mut self, asked: CancellationToken) -> Result<(), CliError> {
        let core = self.core.clone();
        let hints = tokio::spawn(async move {
            loop {
                core.store.hinted().await;
                core.wake.notify(WakeSignal::Others);
            }
        });
        let done = self.one_after_the_other(asked).await;
        hints.abort();
        // What is in flight of a term that was lost before may finish as well.
        let ending = async { while self.ending.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(self.ends_within, ending).await;
        done
    }

    async fn one_after_the_other(&mut self, asked: CancellationToken) -> Result<(), CliError> {
        loop {
            let Some(term) = self.term.take() else {
                let Some(lease) = self.next_lease(&asked).await? else { return Ok(()) };
                if let Err(e) = self.begin(lease).await {
                    error!(error = %e.what, causes = ?e.causes, "the work of the engine cannot be taken over here");
                    self.pause(AGAIN_AFTER).await;
                }
                continue;
            };
            let (stop, lost) = (CancellationToken::new(), term.lease.lost());
            let mut running = tokio::spawn(term.supervisor.clone().run_in_term(stop.clone(), lost.clone()));
            let ended = tokio::select! {
                ended = &mut running => Some(ended),
                () = asked.cancelled() => {
                    info!("stopping: what is in flight may finish");
                    stop.cancel();
                    Some(running.await)
                }
                () = lost.cancelled() => {
                    self.ends(&term, running);
                    None
                }
            };
            let done = ended.map_or(Ok(()), result);
            let stands_by = done.is_ok() && !asked.is_cancelled() && term.lease.term().is_some();
            if stands_by {
                self.stands_by();
            }
            // Nothing more is decided or begun: whoever waits need not wait for the end of the term.
            term.lease.release().await;
            let hung = !term.engine.works();
            self.last = Some(term);
            if !stands_by {
                return done;
            }
            info!("this process is not the engine any more: it stands by");
            if hung {
                // The others come first.
                self.pause(AFTER_HANGING).await;
            }
        }
    }

    /// A term was lost: others go on, or this process by a new one. What is in flight may finish, and what becomes of it is recorded.
    fn ends(&mut self, term: &Term, running: RunningLoops) {
        let (state, clock, engine) = (self.state.clone(), self.core.clock.clone(), term.engine.clone());
        self.ends_within = term.supervisor.drains_within();
        self.ending.spawn(async move {
            let mut running = running;
            // A slow pass that tells somebody outside is no loop that hangs.
            let late = if engine.works() { PASS_MAX } else { ENDS_LATE };
            let within = engine.bounds().request_timeout.max(MAIL_MAX) + late;
            let ended = tokio::select! {
                ended = &mut running => ended,
                () = clock.sleep_until(clock.now().plus(within)) => {
                    error!(engine = engine.id, "the loops of a term that is over do not end: this process hangs, restart it");
                    state.loops_hang(true);
                    let ended = running.await;
                    state.loops_hang(false);
                    ended
                }
            };
            if let Err(e) = result(ended) {
                warn!(engine = engine.id, error = %e.what, causes = ?e.causes, "a term that was over ended badly");
            }
        });
    }

    /// After the last change: where a file is not in its place, the copy of all that it held.
    pub(super) async fn last_copy(&self) {
        if let Some(term) = &self.last {
            store_file::last_copy(&term.engine).await;
        }
    }

    async fn pause(&self, d: Duration) {
        let clock = &self.core.clock;
        clock.sleep_until(clock.now().plus(d)).await;
    }

    /// The lease, once it is free or its holder has given no sign of life for too long; `None`: this process is asked to end.
    ///
    /// # Errors
    /// [`StoreError::Newer`]: it must end, as a newer version has changed the store.
    async fn next_lease(&self, asked: &CancellationToken) -> Result<Option<Arc<dyn Lease>>, CliError> {
        let store = &*self.core.store;
        let (mut is_away, mut asked_of, mut seen) = (false, None, None);
        let (mut is_hinted, mut looked) = (true, Duration::ZERO);
        loop {
            // Armed before looking: a hint between the look and the wait is not missed.
            let hint = self.core.wake.notified(WakeSignal::Others);
            tokio::pin!(hint);
            hint.as_mut().enable();
            let taken = tokio::select! {
                taken = store.take_lease("serve") => taken,
                () = asked.cancelled() => return Ok(None),
            };
            let mut look_in = LOOK_EVERY;
            match taken {
                Ok(lease) => return Ok(Some(lease)),
                Err(LeaseError::Store(e @ StoreError::Newer { .. })) => return Err(e.into()),
                Err(LeaseError::Held(held)) => {
                    is_away = false;
                    // A command holds it for a moment only.
                    if let Some(holder) = held.as_ref().filter(|h| h.role == "serve") {
                        look_in = holder.next_sign_in(LOOK_EVERY);
                    }
                    if held.as_ref().is_some_and(Holder::is_seen) {
                        self.core.clocks_seen.seen(&*self.core.clock);
                    }
                    if let Some(command) = held.filter(|h| h.role != "serve" && !h.role.is_empty())
                        && asked_of.as_ref() != Some(&(command.host.clone(), command.pid))
                    {
                        ask_for_it(&self.core, &command).await;
                        asked_of = Some((command.host, command.pid));
                    }
                }
                Err(e) if !is_away => {
                    is_away = true;
                    self.core.store_failed();
                    warn!(error = %e, "it cannot be seen who is the engine");
                }
                Err(_) => {}
            }
            // Whoever waits here for a call's first text hears of what the engine commits elsewhere.
            let boot = self.core.clock.boot();
            if is_hinted || boot.saturating_sub(looked) >= COMMITS_EVERY {
                looked = boot;
                if let Ok(version) = store.version().await {
                    self.core.version.saw(version, boot);
                    if seen.replace(version) != Some(version) {
                        self.core.wake.all();
                    }
                }
            }
            is_hinted = tokio::select! {
                () = self.pause(look_in) => false,
                () = hint => true,
                () = asked.cancelled() => return Ok(None),
            }
        }
    }
}

/// A command that is the engine for its own call hands over between two POSTs.
async fn ask_for_it(core: &Core, command: &Holder) {
    info!("{command} is the engine for its own work: it is asked to hand over");
    let me = json!({ "pid": std::process::id() });
    if let Err(e) = core.store.post_request("yield", me, &Actor::engine(), core.clock.now()).await {
        warn!(error = %e, "it cannot be asked");
    }
}

type RunningLoops = tokio::task::JoinHandle<Result<(), StoreError>>;

/// How the loops of a term have ended.
fn result(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) -> Result<(), CliError> {
    match ended {
        Ok(result) => result.map_err(CliError::from),
        Err(e) => Err(CliError::new(ExitStatus::Bug, "the engine ended badly").cause(e)),
    }
}

/// Who stands by decides by the settings in force and changes nothing of them: SIGHUP and `config apply` do.
/// In which it differs; `None`: there are none in force yet.
pub(super) async fn follow_in_force(app: &mut App, store: &dyn Control) -> Result<Option<Vec<String>>, CliError> {
    let Some(row) = store.settings().await? else { return Ok(None) };
    if app.broken.is_some() {
        return Ok(Some(Vec::new()));
    }
    let differ = config::differences(&app.config.documents.decides, &config::completed(&row));
    if !differ.is_empty() {
        warn!(
            settings = row.number.0,
            "this configuration is not the one in force and changes nothing (SIGHUP or `dispatchctl config apply` does); it differs in {}",
            differ.join(", ")
        );
    }
    let new = config::load_under(&app.sources, &row)?;
    let server = app.config.server.clone();
    let mut new = with_fault_injection(&app.sources, new)?;
    // What this process listens on is decided already.
    new.server = server;
    *app = app.with(new, row);
    Ok(Some(differ))
}
