//! Starts, watches, restarts and drains the duties of an engine; knows none of them by name.
//!
//! Only the wait between two passes is raced (stop, signal, time), never a pass, unless the duty only asks. A pass that panics
//! is started again after a pause and shown in health; a store that failed for good stops the engine.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::failpoint;
use crate::gateways::MAIL_MAX;
use crate::store::StoreError;

use super::Engine;
use super::duties;
use super::duty::{AtStop, Duty};
use super::heartbeats::Beat;
use super::rest::REST_MAX;

const ERROR_PAUSE_MAX: Duration = Duration::from_secs(2);
/// A duty that ended badly is started again after this, and after twice as long each further time, until a pass ends well.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(30);
/// Past the longest request: what is in flight at a stop is given this much more.
pub const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// The duties of a group, and how often they were replaced.
struct Assigned {
    generation: u64,
    duties: Vec<Arc<Duty>>,
}

/// The running engine.
pub struct Supervisor {
    engine: Arc<Engine>,
    groups: Mutex<BTreeMap<&'static str, Assigned>>,
    changed: Notify,
}

/// A duty that runs.
struct RunningDuty {
    group: &'static str,
    duty: Arc<Duty>,
    beat: Arc<Beat>,
    /// Ends the duties of its group and generation.
    stop: CancellationToken,
    /// Ends the engine.
    end: CancellationToken,
    /// Since when, by the boot clock.
    since: Duration,
    /// How often in a row it ended badly before a pass ended well.
    ended_badly: u32,
}

type Tasks = JoinSet<Result<(), StoreError>>;

impl Supervisor {
    /// Over this engine, with the duties that each has.
    pub fn new(engine: Arc<Engine>) -> Arc<Self> {
        let own = duties::of(&engine);
        let this = Arc::new(Self { engine, groups: Mutex::default(), changed: Notify::new() });
        for (group, duties) in own {
            this.assign(group, duties);
        }
        this
    }

    /// From now on these are the duties of this group, before or while it runs: what the group had before ends, and each of these
    /// starts once nothing of its own name runs any more (a pass that may send is waited for). One that is slow to end holds up no
    /// other. None: the group has none.
    pub fn assign(&self, group: &'static str, duties: Vec<Duty>) {
        let duties = duties.into_iter().map(Arc::new).collect();
        let mut groups = self.groups();
        let generation = groups.get(group).map_or(1, |g| g.generation + 1);
        groups.insert(group, Assigned { generation, duties });
        drop(groups);
        self.changed.notify_one();
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<&'static str, Assigned>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires when another process asked this one for the lock and may have it.
    pub fn yielded(&self) -> CancellationToken {
        self.engine.yielded.clone()
    }

    /// As [`Supervisor::run`], and until the term of this engine is lost: then others go on, what is in flight may finish, and what
    /// becomes of it is recorded all the same.
    ///
    /// # Errors
    /// As [`Supervisor::run`].
    pub async fn run_in_term(
        self: Arc<Self>,
        stop: CancellationToken,
        lost: CancellationToken,
    ) -> Result<(), StoreError> {
        let both = stop.child_token();
        let (ends, over) = (both.clone(), lost.clone());
        let watched = tokio::spawn(async move {
            over.cancelled().await;
            ends.cancel();
        });
        let done = self.run(both).await;
        watched.abort();
        match done {
            // Others have its claims by now, or will.
            Err(StoreError::Fenced) => Ok(()),
            // That it has stopped could not be said where the store is away: which may be why the term is over.
            Err(
                StoreError::Unreachable { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Unsure { .. }
                | StoreError::Busy,
            ) if lost.is_cancelled() => Ok(()),
            done => done,
        }
    }

    /// Runs until `stop`, then drains: no new POST is started, those under way may finish within the request's timeout,
    /// where there is a relay within a conversation's, and [`DRAIN_GRACE`].
    ///
    /// # Errors
    /// The [`StoreError`] after which the engine must not go on.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), StoreError> {
        let mut tasks = Tasks::new();
        let mut running: HashMap<Id, RunningDuty> = HashMap::new();
        let mut waiting: Vec<RunningDuty> = Vec::new();
        let mut enlisted: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut fatal = None;
        loop {
            if !stop.is_cancelled() {
                self.enlist_assigned(&running, &mut waiting, &mut enlisted, &stop);
                self.start_waiting(&mut tasks, &mut running, &mut waiting);
            } else if tasks.is_empty() {
                break;
            }
            let ended = tokio::select! {
                Some(ended) = tasks.join_next_with_id() => ended,
                () = self.changed.notified() => continue,
                () = stop.cancelled(), if tasks.is_empty() => continue,
            };
            let id = ended.as_ref().map_or_else(|e| e.id(), |(id, _)| *id);
            let Some(mut ran) = running.remove(&id) else { continue };
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(e @ StoreError::Fenced))) => {
                    warn!(error = %e, "this process is not the engine any more: its loops stop");
                    fatal = Some(e);
                    stop.cancel();
                }
                Ok((_, Err(e))) => {
                    error!(error = %e, "the engine stops: the store cannot be trusted any more");
                    fatal = Some(e);
                    stop.cancel();
                }
                Err(e) if ran.stop.is_cancelled() => warn!(error = %e, "a loop ended badly while stopping"),
                Err(e) => {
                    error!(r#loop = ran.duty.name(), error = %e, "a loop ended badly and is started again");
                    let boot = self.engine.core.clock.boot();
                    let up = boot.saturating_sub(ran.since);
                    ran.ended_badly =
                        if ran.beat.since_pass(boot).is_some_and(|ago| ago < up) { 1 } else { ran.ended_badly + 1 };
                    ran.since = boot;
                    ran.beat.restarted(boot);
                    self.start(&mut tasks, &mut running, ran);
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

    /// Ends what was replaced; what replaces it waits to be started.
    fn enlist_assigned(
        &self,
        running: &HashMap<Id, RunningDuty>,
        waiting: &mut Vec<RunningDuty>,
        enlisted: &mut BTreeMap<&'static str, u64>,
        stop: &CancellationToken,
    ) {
        let boot = self.engine.core.clock.boot();
        for (group, assigned) in self.groups().iter() {
            let generation = assigned.generation;
            if enlisted.insert(group, generation) == Some(generation) {
                continue;
            }
            running.values().filter(|r| r.group == *group).for_each(|r| r.stop.cancel());
            waiting.retain(|w| w.group != *group);
            let heartbeats = self.engine.heartbeats.enlist(group, &assigned.duties, boot);
            let (stop, end) = (stop.child_token(), stop.clone());
            for (duty, beat) in assigned.duties.iter().cloned().zip(heartbeats) {
                let (stop, end) = (stop.clone(), end.clone());
                waiting.push(RunningDuty { group, duty, beat, stop, end, since: boot, ended_badly: 0 });
            }
        }
    }

    /// Starts what waits and has nothing of its own name before it.
    fn start_waiting(&self, tasks: &mut Tasks, running: &mut HashMap<Id, RunningDuty>, waiting: &mut Vec<RunningDuty>) {
        let is_free = |w: &RunningDuty| running.values().all(|r| r.group != w.group || r.duty.name() != w.duty.name());
        let (free, held_up): (Vec<_>, Vec<_>) = std::mem::take(waiting).into_iter().partition(is_free);
        *waiting = held_up;
        for run in free {
            self.start(tasks, running, run);
        }
    }

    fn start(&self, tasks: &mut Tasks, running: &mut HashMap<Id, RunningDuty>, run: RunningDuty) {
        let (engine, duty, beat) = (self.engine.clone(), run.duty.clone(), run.beat.clone());
        let (stop, end, ended_badly) = (run.stop.clone(), run.end.clone(), run.ended_badly);
        let task = tasks.spawn(async move {
            if let Some(more) = ended_badly.checked_sub(1) {
                let pause = RESTART_FIRST.saturating_mul(1 << more.min(8)).min(RESTART_MAX);
                let clock = &engine.core.clock;
                tokio::select! {
                    () = clock.sleep_until(clock.now().plus(pause)) => {}
                    () = stop.cancelled() => return Ok(()),
                }
            }
            drive(&engine, &duty, &beat, (&stop, &end)).await
        });
        running.insert(task.id(), run);
    }

    /// How long what is in flight at a stop is waited for.
    pub fn drains_within(&self) -> Duration {
        let mail = self.engine.mail().map(|_| MAIL_MAX).unwrap_or_default();
        self.engine.bounds().request_timeout.max(mail) + DRAIN_GRACE
    }

    async fn drain(&self) {
        let clock = &self.engine.core.clock;
        let deadline = clock.now().plus(self.drains_within());
        let duties: Vec<Arc<Duty>> = self.groups().values().flat_map(|g| g.duties.clone()).collect();
        tokio::select! {
            _ = join_all(duties.iter().map(|d| d.drained())) => {}
            () = clock.sleep_until(deadline) => {
                warn!("stopped with sends in flight; their outcome is found out at the next start");
            }
        }
    }
}

/// The life of one duty, until `stop` (its own, which the engine's `end` fires too) or an error after which the engine must not
/// go on.
async fn drive(
    engine: &Engine,
    duty: &Duty,
    beat: &Beat,
    (stop, end): (&CancellationToken, &CancellationToken),
) -> Result<(), StoreError> {
    let clock = &engine.core.clock;
    let cut = if duty.at_stop() == AtStop::DroppedAtTheEnd { end } else { stop };
    let mut errors = 0u32;
    while !stop.is_cancelled() {
        // Armed before looking: a commit between the look and the wait is not missed.
        let signal = engine.core.wake.notified(duty.signal());
        tokio::pin!(signal);
        signal.as_mut().enable();
        let (began, version) = (clock.boot(), engine.core.version.known(clock.boot()));
        let pass = async {
            failpoint::in_duty(duty.name()).await;
            duty.pass().await
        };
        let result = tokio::select! {
            result = pass => result,
            // Nothing waits for a question under way: it is asked again. What may send is never cut.
            () = cut.cancelled(), if duty.at_stop() != AtStop::Finished => break,
        };
        let next = match result {
            Ok(next) => {
                errors = 0;
                beat.passed(clock.boot());
                let rests = |boot: Duration| {
                    duty.rests()
                        && boot.saturating_sub(began) < REST_MAX
                        && next.is_none_or(|at| at > clock.now())
                        && engine.core.version.stands_still(version, boot)
                };
                // By the clock as it is now: a pass may have taken its time before the clock was set back.
                let look = || {
                    let cap = clock.now().plus(duty.pause_max());
                    next.map_or(cap, |n| n.min(cap))
                };
                loop {
                    let woken = wait(&**clock, stop, signal.as_mut(), look()).await;
                    if woken != WokenBy::Time || !rests(clock.boot()) {
                        break;
                    }
                    // The loop lives, and a look at the store would find what the last one found.
                    beat.passed(clock.boot());
                }
                continue;
            }
            Err(
                e
                @ (StoreError::Broken { .. } | StoreError::Closed | StoreError::WrongFile { .. } | StoreError::Fenced),
            ) => return Err(e),
            Err(e) => {
                errors = errors.saturating_add(1);
                beat.failed(clock.boot(), e.to_string());
                warn!(r#loop = duty.name(), error = %e, "the store could not do it; trying again");
                let pause = Duration::from_millis(100).saturating_mul(1 << errors.min(6)).min(ERROR_PAUSE_MAX);
                clock.now().plus(pause)
            }
        };
        wait(&**clock, stop, signal, next).await;
    }
    Ok(())
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WokenBy {
    Stop,
    Signal,
    Time,
}

async fn wait(
    clock: &dyn Clock,
    stop: &CancellationToken,
    signal: impl Future<Output = ()>,
    next: Timestamp,
) -> WokenBy {
    tokio::select! {
        () = stop.cancelled() => WokenBy::Stop,
        () = signal => WokenBy::Signal,
        () = clock.sleep_until(next) => WokenBy::Time,
    }
}
