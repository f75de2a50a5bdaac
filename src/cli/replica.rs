//! The terms of a `serve`: on a file it is the engine from its start to its end; on a store that several share it stands by until it
//! has the lease, is the engine while the lease lasts, and stands by again.
//!
//! The listeners run all the while. A term that is lost stops the loops; what is in flight may finish, and what becomes of it is
//! recorded. A crash at any point leaves a lease that another takes over, and claims that it finds out about.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::apply::Core;
use crate::engine::store_file;
use crate::engine::supervisor::Supervisor;
use crate::engine::wake::WakeSignal;
use crate::store::{Control, Holder, Lease, LeaseError};

use super::app::App;
use super::exit::ExitStatus;
use super::reload::{Reload, with_fault_injection};
use super::report::CliError;

/// How often a standby looks whether the lease is free, and whether others have committed something.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A term that could not begin is not tried again at once.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A term that has begun.
pub(super) struct Term {
    pub(super) lease: Arc<dyn Lease>,
    pub(super) engine: Arc<Engine>,
    pub(super) supervisor: Arc<Supervisor>,
}

/// The terms of this process, one after the other.
pub(super) struct Terms {
    pub(super) core: Arc<Core>,
    pub(super) reload: Arc<Mutex<Reload>>,
    /// Where this process listens.
    pub(super) own_url: String,
    /// The one that has begun and does not run yet.
    term: Option<Term>,
    /// The last one: on a file it holds the lock until the store is closed.
    last: Option<Term>,
}

impl Terms {
    pub(super) fn new(core: Arc<Core>, reload: Arc<Mutex<Reload>>, own_url: String) -> Self {
        Self { core, reload, own_url, term: None, last: None }
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
                lease.release().await;
                Err(e)
            }
        }
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
        done
    }

    async fn one_after_the_other(&mut self, asked: CancellationToken) -> Result<(), CliError> {
        loop {
            let Some(term) = self.term.take() else {
                let Some(lease) = self.next_lease(&asked).await else { return Ok(()) };
                if let Err(e) = self.begin(lease).await {
                    error!(error = %e.what, causes = ?e.causes, "the work of the engine cannot be taken over here");
                    self.pause(AGAIN_AFTER).await;
                }
                continue;
            };
            let stop = CancellationToken::new();
            let running = term.supervisor.clone().run_in_term(stop.clone(), term.lease.lost());
            let done = until_stopped(tokio::spawn(running), asked.cancelled(), &stop).await;
            let stands_by = done.is_ok() && !asked.is_cancelled() && term.lease.term().is_some();
            if stands_by {
                self.reload.lock().await.ended();
            }
            // Nothing more is decided or begun: whoever waits need not wait for the end of the term.
            term.lease.release().await;
            self.last = Some(term);
            if !stands_by {
                return done;
            }
            info!("this process is not the engine any more: it stands by");
        }
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

    /// The lease, once it is free or its holder has given no sign of life for too long; `None`: this process ends.
    async fn next_lease(&self, asked: &CancellationToken) -> Option<Arc<dyn Lease>> {
        let store = &*self.core.store;
        let (mut is_away, mut asked_of, mut seen) = (false, None, None);
        loop {
            let taken = tokio::select! {
                taken = store.take_lease("serve") => taken,
                () = asked.cancelled() => return None,
            };
            match taken {
                Ok(lease) => return Some(lease),
                Err(LeaseError::Held(held)) => {
                    is_away = false;
                    if let Some(command) = held.filter(|h| h.role != "serve" && !h.role.is_empty())
                        && asked_of.as_ref() != Some(&(command.host.clone(), command.pid))
                    {
                        ask_for_it(&self.core, &command).await;
                        asked_of = Some((command.host, command.pid));
                    }
                }
                Err(e) if !is_away => {
                    is_away = true;
                    warn!(error = %e, "it cannot be seen who is the engine");
                }
                Err(_) => {}
            }
            // Whoever waits here for a call's first text hears of what the engine commits elsewhere.
            if let Ok(version) = store.version_of_others().await
                && seen.replace(version) != Some(version)
            {
                self.core.wake.all();
            }
            tokio::select! {
                () = self.pause(LOOK_EVERY) => {}
                () = self.core.wake.notified(WakeSignal::Others) => {}
                () = asked.cancelled() => return None,
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

type Running = tokio::task::JoinHandle<Result<(), crate::store::StoreError>>;

/// Runs until the system asks to stop, or the engine must.
async fn until_stopped(
    mut running: Running,
    asked: impl Future<Output = ()>,
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = asked => {
            info!("stopping: what is in flight may finish");
            stop.cancel();
            running.await
        }
    };
    match ended {
        Ok(result) => result.map_err(CliError::from),
        Err(e) => Err(CliError::new(ExitStatus::Bug, "the engine ended badly").cause(e)),
    }
}

/// Who stands by decides by the settings in force and changes nothing of them: SIGHUP and `config apply` do.
pub(super) async fn follow_in_force(app: &mut App, store: &dyn Control) -> Result<bool, CliError> {
    let Some(row) = store.settings().await? else { return Ok(false) };
    if app.broken.is_some() {
        return Ok(true);
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
    Ok(true)
}
