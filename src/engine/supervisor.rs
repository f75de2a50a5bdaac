//! Owns the loops: starts, watches, restarts and drains them.
//!
//! A loop is `pass()` plus waiting. Only the wait is raced (stop, hint, time), never a pass. A pass that panics is restarted
//! after a pause and shown in health; a store that failed for good stops the engine.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::Timestamp;
use crate::domain::event::{Event, LogEntry, LogKind};
use crate::domain::types::{Actor, CallId};
use crate::killpoint;
use crate::store::{EngineRow, Pollable, StoreError};

use super::adopt::Adopter;
use super::clocks::ClockWatch;
use super::dispatcher::Dispatcher;
use super::listener::Listener;
use super::mirror::{Mirror, Vitals};
use super::poller::Poller;
use super::reconciler::Reconciler;
use super::roster::Roster;
use super::scheduler::Scheduler;
use super::wake::Bell;
use super::{Engine, Scope, drill, outbox, store_alarm, watch};

/// Another process's commit is seen within this, with room to spare for the promised 250 ms.
const VERSION_EVERY: Duration = Duration::from_millis(150);
/// A loop with nothing to do looks again after this all the same, and shows that it lives.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// How often to look whether the store is idle, the moment for a checkpoint: one beside commits makes them wait for the disk.
const CHECKPOINT_LOOK: Duration = Duration::from_secs(1);
/// A store that is never idle is checkpointed this often all the same, so that its log does not grow without bound.
const CHECKPOINT_BUSY: Duration = Duration::from_secs(30);
/// Calls and contacts of other systems are looked for as often as the configuration says, and at least this often.
const READ_AGAIN_MAX: Duration = Duration::from_secs(24 * 3_600);
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Past the longest request: what is in flight at a stop is given this much more.
pub const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// Who asked for the lock longer ago than this waits no more.
const ASKER_GONE: Duration = Duration::from_secs(120);
/// How many calls a start names one by one.
const NAMED_AT_START: usize = 1_000;

/// What the loops report of themselves, for health.
#[derive(Debug, Default)]
pub struct Beats {
    scheduler_at: AtomicI64,
    dispatcher_at: AtomicI64,
    in_flight: AtomicUsize,
    restarts: AtomicU64,
    store_errors: AtomicU64,
    pub(super) store_alarm: store_alarm::Alarm,
    mirror: Mutex<Vitals>,
}

impl Beats {
    /// When the scheduler last finished a pass (wall clock, ms).
    pub fn scheduler_at(&self) -> Timestamp {
        Timestamp::from_millis(self.scheduler_at.load(Ordering::Relaxed))
    }

    /// When the dispatcher last finished a pass.
    pub fn dispatcher_at(&self) -> Timestamp {
        Timestamp::from_millis(self.dispatcher_at.load(Ordering::Relaxed))
    }

    /// POSTs under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Loops that had to be started again.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// How the mirror is doing, where there is one.
    pub fn mirror(&self) -> Vitals {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passes in a row that the store failed; 0 when it is well.
    pub fn store_errors(&self) -> u64 {
        self.store_errors.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loop {
    Scheduler,
    Dispatcher,
    Poller,
    Reconciler,
    Listener,
    Outbox,
    Mirror,
    Watch,
    Clocks,
    Versions,
    Checkpoints,
    Adopt,
    Roster,
}

/// When the store was last seen to change, and last checkpointed.
#[derive(Debug, Default)]
struct Checkpoints {
    seen: u64,
    done: u64,
    done_at: Duration,
}

impl Checkpoints {
    /// Something was committed since the last checkpoint, and either nobody commits now or it has been too long.
    fn is_due(&mut self, version: u64, boot: Duration) -> bool {
        let idle = version == self.seen;
        self.seen = version;
        let due = version != self.done && (idle || boot.saturating_sub(self.done_at) >= CHECKPOINT_BUSY);
        if due {
            (self.done, self.done_at) = (version, boot);
        }
        due
    }
}

/// The running engine.
pub struct Supervisor {
    checkpoints: Mutex<Checkpoints>,
    engine: Arc<Engine>,
    scheduler: Arc<Scheduler>,
    dispatcher: Arc<Dispatcher>,
    poller: Arc<Poller>,
    reconciler: Arc<Reconciler>,
    listener: Arc<Listener>,
    clocks: Arc<ClockWatch>,
    mirror: OnceLock<Mirror>,
    /// Set when somebody who may have it asks for the lock (never for `serve`).
    yielded: CancellationToken,
    /// Where calls of other systems are taken over.
    adopter: OnceLock<Adopter>,
    /// Where contacts are read from, besides the configuration.
    roster: OnceLock<Arc<Roster>>,
}

impl Supervisor {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self {
            scheduler: Arc::new(Scheduler::new(engine.clone())),
            dispatcher: Arc::new(Dispatcher::new(engine.clone())),
            poller: Arc::new(Poller::new(engine.clone())),
            reconciler: Arc::new(Reconciler::new(engine.clone())),
            listener: Arc::new(Listener::new(engine.clone())),
            checkpoints: Mutex::default(),
            clocks: Arc::new(ClockWatch::new(engine.core.clone())),
            mirror: OnceLock::new(),
            engine,
            yielded: CancellationToken::new(),
            adopter: OnceLock::new(),
            roster: OnceLock::new(),
        })
    }

    /// Calls of other systems are taken over too; to be said before it runs.
    pub fn adopts(&self, adopter: Adopter) {
        let _ = self.adopter.set(adopter);
    }

    /// Contacts are read from here too; to be said before it runs.
    pub fn reads(&self, roster: Arc<Roster>) {
        let _ = self.roster.set(roster);
    }

    /// Keeps this mirror current as well, from the next [`Supervisor::run`] on; the first one given counts.
    pub fn keep(&self, mirror: Mirror) {
        let _ = self.mirror.set(mirror);
    }

    /// Fires when another process asked this one for the lock and may have it.
    pub fn yielded(&self) -> CancellationToken {
        self.yielded.clone()
    }

    /// The store's part of recovery, before anything is sent: claims of engines that are gone become unknown outcomes, and
    /// what is overdue is named. Idempotent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recover_local(&self, role: &str, listen: Option<String>) -> Result<(), StoreError> {
        let core = &self.engine.core;
        let now = core.clock.now();
        let last = core.store.engine().await?;
        let row = EngineRow {
            id: self.engine.id.clone(),
            role: role.to_owned(),
            pid: std::process::id(),
            started_at: now,
            stopped_at: None,
            listen,
        };
        core.store.engine_started(&row).await?;
        killpoint::hit("recovery.engine-row");
        let clean = match &last {
            None => "this store's first start",
            Some(l) if l.stopped_at.is_some() => "the last stop was clean",
            Some(_) => "the last stop was not clean: recovering",
        };
        info!("{role} started; {clean}");
        let entry = LogEntry {
            kind: LogKind::Engine,
            at: now,
            call: None,
            attempt: None,
            actor: Actor::engine(),
            message: format!("{role} started; {clean}"),
            data: json!({ "engine": self.engine.id, "pid": row.pid }),
        };
        core.store.append_log(vec![entry]).await?;
        self.settle_claims().await?;
        outbox::start(&self.engine).await?;
        self.name_overdue(now).await
    }

    async fn settle_claims(&self) -> Result<(), StoreError> {
        let core = &self.engine.core;
        loop {
            let gone = core.store.claims_of_others(&self.engine.id, 500).await?;
            let mut changed = false;
            for (n, attempt) in gone.into_iter().enumerate() {
                if n > 0 {
                    killpoint::hit("recovery.between-claims");
                }
                if let Scope::Only(call) = &self.engine.scope
                    && core.store.call(call).await?.is_none_or(|c| c.attempt(attempt).is_none())
                {
                    continue;
                }
                match core.apply(Event::EngineGone { attempt, engine: self.engine.id.clone() }, Actor::engine()).await {
                    Ok(_) => changed = true,
                    // One call that cannot be decided or read must not keep the others from being served.
                    Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                        error!(attempt.id = %attempt, error = %e, "a claim of an engine that is gone cannot be settled");
                    }
                    Err(e) => return Err(e),
                }
            }
            if !changed {
                return Ok(());
            }
        }
    }

    async fn name_overdue(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.engine.scope != Scope::All {
            return Ok(());
        }
        let core = &self.engine.core;
        let overdue = core.store.due(now, NAMED_AT_START).await?;
        let entries: Vec<LogEntry> = overdue
            .into_iter()
            .map(|call| {
                info!(call.id = %call, "Recovering lost retry");
                LogEntry {
                    kind: LogKind::Engine,
                    at: now,
                    call: Some(call),
                    attempt: None,
                    actor: Actor::engine(),
                    message: "Recovering lost retry: it came due while no engine ran".into(),
                    data: Value::Null,
                }
            })
            .collect();
        if entries.is_empty() { Ok(()) } else { core.store.append_log(entries).await }
    }

    /// Runs until `stop`, then drains: no new POST is started, those under way may finish within the request's timeout and
    /// [`DRAIN_GRACE`].
    ///
    /// # Errors
    /// The [`StoreError`] after which the engine must not go on.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), StoreError> {
        let mut set: JoinSet<Result<(), StoreError>> = JoinSet::new();
        let mut names = HashMap::new();
        let all = [
            Loop::Scheduler,
            Loop::Dispatcher,
            Loop::Poller,
            Loop::Reconciler,
            Loop::Listener,
            Loop::Outbox,
            Loop::Mirror,
            Loop::Watch,
            Loop::Clocks,
            Loop::Versions,
            Loop::Checkpoints,
            Loop::Adopt,
            Loop::Roster,
        ];
        for which in all {
            names.insert(set.spawn(self.clone().drive(which, stop.clone())).id(), which);
        }
        let mut fatal = None;
        while let Some(ended) = set.join_next_with_id().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(e))) => {
                    error!(error = %e, "the engine stops: the store cannot be trusted any more");
                    fatal = Some(e);
                    stop.cancel();
                }
                Err(e) if stop.is_cancelled() => warn!(error = %e, "a loop ended badly while stopping"),
                Err(e) => {
                    let Some(which) = names.remove(&e.id()) else { continue };
                    error!(r#loop = ?which, error = %e, "a loop ended badly and is started again");
                    self.engine.beats.restarts.fetch_add(1, Ordering::Relaxed);
                    let (me, stop) = (self.clone(), stop.clone());
                    let again = set.spawn(async move {
                        me.pause(IDLE_MAX).await;
                        me.drive(which, stop).await
                    });
                    names.insert(again.id(), which);
                }
            }
        }
        self.drain().await;
        let now = self.engine.core.clock.now();
        if fatal.is_none() {
            self.engine.core.store.engine_stopped(&self.engine.id, now).await?;
        }
        fatal.map_or(Ok(()), Err)
    }

    async fn drain(&self) {
        let clock = &self.engine.core.clock;
        let deadline = clock.now().plus(self.engine.bounds.request_timeout + DRAIN_GRACE);
        tokio::select! {
            () = self.dispatcher.drained() => {}
            () = clock.sleep_until(deadline) => {
                warn!(in_flight = self.dispatcher.in_flight(), "stopped with sends in flight; their outcome is found out at the next start");
            }
        }
    }

    async fn pause(&self, d: Duration) {
        let clock = &self.engine.core.clock;
        clock.sleep_until(clock.now().plus(d)).await;
    }

    async fn drive(self: Arc<Self>, which: Loop, stop: CancellationToken) -> Result<(), StoreError> {
        let mut version = 0;
        let bell = match which {
            Loop::Scheduler => Bell::Due,
            Loop::Dispatcher => Bell::Send,
            Loop::Poller => Bell::Poll,
            Loop::Mirror => Bell::Mirror,
            Loop::Roster => Bell::Roster,
            _ => Bell::Never,
        };
        let mut errors = 0u32;
        while !stop.is_cancelled() {
            // Armed before looking: a commit between the look and the wait is not missed.
            let heard = self.engine.core.wake.heard(bell);
            tokio::pin!(heard);
            heard.as_mut().enable();
            let result = tokio::select! {
                result = self.one_pass(which, &mut version) => result,
                // Nothing waits for a question under way: it is asked again. What may send is never cut.
                () = stop.cancelled(), if which.only_asks() => break,
            };
            let now = self.engine.core.clock.now();
            let next = match result {
                Ok(next) => {
                    errors = 0;
                    self.beat(which, now);
                    // By the clock as it is now: a pass may have taken its time before the clock was set back.
                    let cap = now.plus(which.pause_max());
                    next.map_or(cap, |n| n.min(cap))
                }
                Err(e @ (StoreError::Broken { .. } | StoreError::Closed)) => return Err(e),
                Err(e) => {
                    errors = errors.saturating_add(1);
                    self.engine.beats.store_errors.fetch_add(1, Ordering::Relaxed);
                    warn!(r#loop = ?which, error = %e, "the store could not do it; trying again");
                    now.plus(Duration::from_millis(100).saturating_mul(1 << errors.min(6)).min(ERROR_PAUSE_MAX))
                }
            };
            self.wait(&stop, heard, next).await;
        }
        Ok(())
    }

    async fn wait(&self, stop: &CancellationToken, heard: impl Future<Output = ()>, next: Timestamp) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = heard => {}
            () = self.engine.core.clock.sleep_until(next) => {}
        }
    }

    fn beat(&self, which: Loop, now: Timestamp) {
        let beats = &self.engine.beats;
        match which {
            Loop::Scheduler => {
                beats.scheduler_at.store(now.as_millis(), Ordering::Relaxed);
                beats.store_errors.store(0, Ordering::Relaxed);
            }
            Loop::Dispatcher => {
                beats.dispatcher_at.store(now.as_millis(), Ordering::Relaxed);
                beats.in_flight.store(self.dispatcher.in_flight(), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    async fn one_pass(&self, which: Loop, version: &mut u64) -> Result<Option<Timestamp>, StoreError> {
        let now = self.engine.core.clock.now();
        match which {
            Loop::Scheduler => self.scheduler.pass().await,
            Loop::Dispatcher => self.dispatcher.pass().await,
            Loop::Poller => self.poller.pass().await,
            Loop::Reconciler => self.reconciler.pass().await,
            Loop::Listener => self.listener.pass().await,
            Loop::Outbox => outbox::pass_all(&self.engine).await,
            Loop::Mirror => self.tell_mirror().await,
            Loop::Watch if self.engine.scope == Scope::All => {
                store_alarm::pass(&self.engine).await?;
                watch::pass(&self.engine).await
            }
            Loop::Clocks => self.clocks.pass().await,
            Loop::Versions => {
                let seen = self.engine.core.store.version().await?;
                if seen != *version {
                    *version = seen;
                    self.engine.core.wake.all();
                    self.requests().await?;
                }
                Ok(Some(now.plus(VERSION_EVERY)))
            }
            Loop::Checkpoints => {
                let store = &self.engine.core.store;
                let (seen, boot) = (store.version().await?, self.engine.core.clock.boot());
                let due = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner).is_due(seen, boot);
                if due {
                    store.checkpoint().await?;
                }
                Ok(Some(now.plus(CHECKPOINT_LOOK)))
            }
            Loop::Watch => Ok(Some(now.plus(IDLE_MAX))),
            Loop::Adopt => match self.adopter.get() {
                Some(adopter) => adopter.pass().await,
                None => Ok(None),
            },
            Loop::Roster => match self.roster.get() {
                Some(roster) => roster.pass().await.map(|_| Some(roster.next())),
                None => Ok(None),
            },
        }
    }

    async fn tell_mirror(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(mirror) = self.mirror.get() else { return Ok(None) };
        let next = mirror.pass().await;
        *self.engine.beats.mirror.lock().unwrap_or_else(PoisonError::into_inner) = mirror.vitals();
        next
    }

    /// What other processes ask of the holder of the lock.
    async fn requests(&self) -> Result<(), StoreError> {
        let store = &self.engine.core.store;
        let now = self.engine.core.clock.now();
        for request in store.open_requests().await? {
            let result = match request.kind.as_str() {
                "refresh" => match request.payload.get("call").and_then(Value::as_str).and_then(|c| c.parse().ok()) {
                    Some(call) => self.refresh(&call).await?,
                    None => json!({ "error": "no such call" }),
                },
                "drill" => drill::answer(&request.payload),
                "yield" if self.engine.scope == Scope::All => json!({ "error": "serve keeps the lock" }),
                "yield" if now.since(request.at) > ASKER_GONE => json!({ "error": "whoever asked is gone" }),
                "yield" => json!({ "yielded": true }),
                other => json!({ "error": format!("this engine does not know the request {other:?}") }),
            };
            let (yields, arms) = (result.get("yielded").is_some(), result.get("armed").is_some());
            store.answer_request(request.id, result, now).await?;
            if arms {
                drill::arm(&request.payload);
            }
            // After the answer: it stops this very loop.
            if yields {
                self.yielded.cancel();
            }
        }
        Ok(())
    }

    /// Asks the provider about every message of a call now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh(&self, call: &CallId) -> Result<Value, StoreError> {
        let Some(state) = self.engine.core.store.call(call).await? else {
            return Ok(json!({ "error": "no such call" }));
        };
        let messages: Vec<Pollable> = state
            .attempts
            .into_iter()
            .filter_map(|a| {
                let sent_at = a.sent_at.unwrap_or(a.created_at);
                a.sid.map(|sid| Pollable { attempt: a.id, sid, polls: a.polls, sent_at })
            })
            .collect();
        self.poller.ask_all(&messages).await?;
        Ok(json!({ "asked": messages.len() }))
    }
}

impl Loop {
    /// Loops that wait for somebody outside and send no text: a stop drops the question.
    const fn only_asks(self) -> bool {
        matches!(
            self,
            Self::Poller
                | Self::Reconciler
                | Self::Listener
                | Self::Outbox
                | Self::Mirror
                | Self::Versions
                | Self::Adopt
                | Self::Roster
        )
    }

    /// The longest pause between two passes.
    const fn pause_max(self) -> Duration {
        match self {
            Self::Listener => super::listener::EVERY_WITH_WEBHOOK,
            Self::Watch => watch::EVERY,
            Self::Clocks => super::clocks::EVERY,
            Self::Versions => VERSION_EVERY,
            Self::Checkpoints => CHECKPOINT_LOOK,
            Self::Adopt | Self::Roster => READ_AGAIN_MAX,
            _ => IDLE_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_waits_for_an_idle_moment_but_not_for_ever() {
        let mut c = Checkpoints::default();
        let at = Duration::from_secs;
        let looks =
            [(1, 1, false), (2, 2, false), (2, 3, true), (2, 4, false), (2, 60, false), (3, 61, true), (4, 62, false)];
        for (version, boot, due) in looks {
            assert_eq!(c.is_due(version, at(boot)), due, "version {version} at {boot} s");
        }
        let busy: Vec<u64> = (63..130).filter(|s| c.is_due(s + 100, at(*s))).collect();
        assert_eq!(busy, [91, 121], "never idle: every {} s", CHECKPOINT_BUSY.as_secs());
    }
}
