//! Says aloud that the store takes no writes: an alert about it cannot be stored, so the sinks are told directly; once the
//! store is well again it is recorded, raised and resolved, and its end is told as that of any other alert. Where several processes
//! share a store, each watches it, engine or not, and says in the same way that none of them is the engine.
//!
//! Each sink is told by itself, so that one that hangs delays neither the others nor the next look at the store. A crash
//! meanwhile tells once more; the key makes that harmless.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::{AlertMessage, AlertNotice};
use crate::store::{EngineRow, StoreError};

use super::Engine;
use super::apply::Core;
use super::beat;
use super::beside::{BesideLoop, LoopBeat, SHARED_STORE};
use super::clocks;
use super::outbox;
use super::sink::Sink;
use super::wake::WakeSignal;

/// A store that nobody has complained of is tried this often: a full disk at rest is found before the next emergency is.
const TRIED_EVERY: Duration = Duration::from_secs(30);
/// How often to look whether somebody complains.
pub const EVERY: Duration = Duration::from_secs(1);
/// How often a standby looks whether there is an engine.
const ENGINE_EVERY: Duration = Duration::from_secs(2);
/// One that took none a moment ago is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// The answers of sinks are waited for so long, and go on after it.
const ANSWERS_MAX: Duration = Duration::from_secs(1);
/// A write that takes longer has failed.
const PROBE_MAX: Duration = Duration::from_secs(2);

/// No process is the engine for so long: somebody must look.
const NO_ENGINE_FOR: Duration = Duration::from_secs(10);

/// Where whoever watches the store tells of it.
pub trait AlarmPlace: Send + Sync {
    /// By the settings in force.
    fn sinks(&self) -> Vec<Arc<Sink>>;
    /// That of this process, if it is one at this moment.
    fn engine(&self) -> Option<Arc<Engine>>;
}

impl AlarmPlace for Arc<Engine> {
    fn sinks(&self) -> Vec<Arc<Sink>> {
        Engine::sinks(self)
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        Some(self.clone())
    }
}

/// What is known, and where it is told.
pub struct Alarm {
    kind: AlertKind,
    /// Which of several processes it is that says so; `None`: there is one.
    replica: Option<String>,
    core: Arc<Core>,
    place: Arc<dyn AlarmPlace>,
    state: Mutex<AlarmState>,
    /// The messages that ring until somebody acknowledges them, by sink: they are canceled when it is over, unless this process ends
    /// before that.
    ringing: Mutex<Vec<(Arc<Sink>, String)>>,
}

#[derive(Debug, Default, Clone)]
struct AlarmState {
    /// When it was last tried, by the clock that nobody can step.
    tried: Option<Duration>,
    /// Since when no process is seen to be the engine, by the same clock.
    alone_since: Option<Duration>,
    /// Since when it takes no writes, and why.
    failing: Option<(Timestamp, String)>,
    /// How often in a row.
    times: u32,
    /// How many changes were refused when it was last tried.
    refusals: u64,
    /// Somebody was to be told.
    raised: bool,
    /// How far each sink is, by its name.
    sinks: BTreeMap<String, AlarmDelivery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AlarmDelivery {
    /// It is asked right now.
    Asked,
    /// It knows.
    Delivered,
    /// It did not take it so many times in a row, and is asked again then, by the clock that nobody can step.
    Failed { times: u32, again: Duration },
}

impl Alarm {
    fn of(kind: AlertKind, core: Arc<Core>, place: Arc<dyn AlarmPlace>) -> Arc<Self> {
        Arc::new(Self { kind, replica: None, core, place, state: Mutex::default(), ringing: Mutex::default() })
    }

    /// That a store which several processes share takes no writes of this one, which is called so.
    fn of_a_replica(core: Arc<Core>, place: Arc<dyn AlarmPlace>, replica: String) -> Arc<Self> {
        Arc::new(Self {
            kind: AlertKind::Store,
            replica: Some(replica),
            core,
            place,
            state: Mutex::default(),
            ringing: Mutex::default(),
        })
    }

    /// What it is about: one replica may be cut off alone.
    fn key(&self) -> AlertKey {
        self.replica.as_ref().map_or_else(|| self.kind.into(), |name| self.kind.about(name))
    }

    /// That the store takes no writes.
    pub fn of_the_store(core: Arc<Core>, place: Arc<dyn AlarmPlace>) -> Arc<Self> {
        Self::of(AlertKind::Store, core, place)
    }

    /// That no process is the engine of a store that several share.
    pub fn of_the_engine(core: Arc<Core>, place: Arc<dyn AlarmPlace>) -> Arc<Self> {
        Self::of(AlertKind::NoEngine, core, place)
    }

    fn state(&self) -> AlarmState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update<T>(&self, change: impl FnOnce(&mut AlarmState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For the log, when it is over.
    fn over(&self) -> &'static str {
        if self.kind == AlertKind::NoEngine { "a process is the engine again" } else { "the store takes writes again" }
    }

    fn message(&self, state: &AlarmState) -> String {
        let (since, why) = state.failing.as_ref().map_or_else(Default::default, |(s, w)| (s.to_string(), w.as_str()));
        match (self.kind, &self.replica) {
            (_, Some(name)) => format!(
                "{name} cannot write to the store since {since}: it refuses new calls; where no other replica works, nobody is told and no follow-up fires: see its way to the server, and the server ({why})"
            ),
            (AlertKind::NoEngine, None) => format!(
                "no process is the engine since {since}: calls are taken, nobody is told of them and no follow-up fires: see in the log of `serve` why none begins ({why})"
            ),
            _ => format!(
                "the store takes no writes since {since}: new calls are refused, follow-ups do not fire: make room, or see what holds it ({why})"
            ),
        }
    }
}

/// What [`watch_shared`] is seen as.
pub const SHARED_WATCH: BesideLoop = BesideLoop::usual(SHARED_STORE, EVERY);

/// Both alarms of a store that several processes share, for as long as this process lives, engine or not.
///
/// `replica`: what it is called among them.
pub async fn watch_shared(
    core: Arc<Core>,
    place: Arc<dyn AlarmPlace>,
    replica: String,
    beat: LoopBeat,
    stop: CancellationToken,
) {
    let (mut clock_apart, mut engine_at) = (None, Duration::ZERO);
    let store = Alarm::of_a_replica(core.clone(), place.clone(), replica.clone());
    let engine = Alarm::of_the_engine(core.clone(), place);
    loop {
        beat.round().await;
        let refused = core.refusals();
        if let Err(e) = pass(&store).await {
            warn!(error = %e, "the store is not watched any more");
            return;
        }
        let boot = core.clock.boot();
        if boot >= engine_at {
            engine_at = boot + ENGINE_EVERY;
            engine_pass(&engine).await;
        }
        if let Err(e) = clocks::beside_server(&core, &replica, &mut clock_apart).await {
            debug!(error = %e, "that the clocks are apart cannot be recorded yet");
        }
        let next = core.clock.now().plus(EVERY);
        // What was refused in this look itself is looked at in a second; what others were refused, at once.
        let hurries = core.refusals() == refused;
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.wake.notified(WakeSignal::Store), if hurries => {}
            () = core.clock.sleep_until(next) => {}
        }
    }
}

/// Whether an engine works, by its sign of life: one that has only just begun has shown nothing yet, and may end at once.
fn works(row: &EngineRow, now: Timestamp) -> bool {
    let beat = row.beat.as_ref().filter(|beat| row.stopped_at.is_none() && beat.at > row.started_at);
    beat.is_some_and(|beat| now.since(beat.at) <= beat::OLD)
}

/// Looks whether any process is the engine, by the shared clock.
pub async fn engine_pass(alarm: &Arc<Alarm>) {
    let core = &alarm.core;
    let boot = core.clock.boot();
    let is_led = match alarm.place.engine() {
        Some(engine) => engine.works(),
        None => match tokio::time::timeout(PROBE_MAX, core.store.engine()).await {
            Ok(Ok(row)) => row.is_some_and(|row| works(&row, core.clock.now())),
            // Where it cannot be seen, the other alarm speaks.
            _ => return,
        },
    };
    let mut state = alarm.state();
    if is_led {
        if let Err(e) = well_again(alarm, state).await {
            debug!(error = %e, "that there is an engine again cannot be recorded yet");
        }
        return;
    }
    let since = *state.alone_since.get_or_insert(boot);
    if boot.saturating_sub(since) >= NO_ENGINE_FOR {
        let began = core.clock.now().minus(boot.saturating_sub(since));
        state.failing.get_or_insert((began, "seen from a process that stands by".to_owned()));
        raise_and_tell(alarm, state, boot).await;
    } else {
        alarm.update(|s| s.alone_since = state.alone_since);
    }
}

/// Tries the store where it is time, or where a change was just refused, and tells what is news.
///
/// # Errors
/// [`StoreError::Broken`] and [`StoreError::Closed`]: the engine must stop. All else is what this is about.
pub async fn pass(alarm: &Arc<Alarm>) -> Result<(), StoreError> {
    let core = &alarm.core;
    let mut state = alarm.state();
    let (now, boot) = (core.clock.now(), core.clock.boot());
    let suspect = state.failing.is_some() || alarm.place.engine().is_some_and(|e| e.heartbeats.any_failing());
    let pause = if suspect { AGAIN } else { TRIED_EVERY };
    let refusals = core.refusals();
    let refused = refusals != state.refusals;
    state.refusals = refusals;
    if !refused && state.tried.is_some_and(|at| boot.saturating_sub(at) < pause) {
        return Ok(());
    }
    state.tried = Some(boot);
    let (why, surely) = match tokio::time::timeout(PROBE_MAX, core.store.probe(now)).await {
        Ok(Ok(_)) => return well_again(alarm, state).await,
        Ok(Err(e @ (StoreError::Broken { .. } | StoreError::Closed))) => return Err(e),
        Ok(Err(e)) => (e.to_string(), matches!(e, StoreError::Full { .. } | StoreError::Denied { .. })),
        Err(_) => (format!("a write took longer than {} s", PROBE_MAX.as_secs()), false),
    };
    state.times += 1;
    let since = state.failing.as_ref().map_or(now, |(since, _)| *since);
    state.failing = Some((since, why));
    // Somebody may hold it for a moment; a full disk holds nobody up for a moment.
    if state.raised || surely || state.times > 1 {
        raise_and_tell(alarm, state, boot).await;
    } else {
        alarm.update(|s| *s = AlarmState { sinks: std::mem::take(&mut s.sinks), ..state });
    }
    Ok(())
}

/// What is known becomes an alarm, if it is none yet, and whoever does not know of it is told.
async fn raise_and_tell(alarm: &Arc<Alarm>, mut state: AlarmState, boot: Duration) {
    if !state.raised {
        state.raised = true;
        error!(alert.key = alarm.kind.word(), "{}", alarm.message(&state));
    }
    alarm.update(|s| *s = AlarmState { sinks: std::mem::take(&mut s.sinks), ..state });
    deliver(alarm, boot).await;
}

/// Asks every sink that does not know yet and may be asked, side by side. Waits a moment for their answers, never longer.
async fn deliver(alarm: &Arc<Alarm>, boot: Duration) {
    let state = alarm.state();
    let raised_at = state.failing.as_ref().map_or_else(Timestamp::default, |(since, _)| *since);
    let notice = AlertNotice {
        key: alarm.key(),
        call: None,
        reference: None,
        accepted_at: None,
        issue: None,
        message: alarm.message(&state),
        raised_at,
        resolved_at: None,
    };
    let long = alarm.core.clock.now().since(raised_at) >= outbox::FALLBACK_AFTER;
    let mut asked = Vec::new();
    for sink in &alarm.place.sinks() {
        let times = match state.sinks.get(&sink.name) {
            Some(AlarmDelivery::Asked | AlarmDelivery::Delivered) => continue,
            Some(AlarmDelivery::Failed { again, .. }) if *again > boot => continue,
            Some(AlarmDelivery::Failed { times, .. }) => *times,
            None => 0,
        };
        // Who stands in for another is asked only where that one did not hear of it.
        let first = sink.fallback_for.as_ref().map(|name| state.sinks.get(name));
        if first.is_some_and(|it| it == Some(&AlarmDelivery::Delivered) || !long) {
            continue;
        }
        alarm.update(|s| s.sinks.insert(sink.name.clone(), AlarmDelivery::Asked));
        asked.push(tokio::spawn(ask(alarm.clone(), (sink.clone(), times), notice.clone())));
    }
    let _ = tokio::time::timeout(ANSWERS_MAX, futures_util::future::join_all(asked)).await;
}

async fn ask(alarm: Arc<Alarm>, (sink, times): (Arc<Sink>, u32), notice: AlertNotice) {
    let id = format!("alert_{}_{}", alarm.kind.word(), notice.raised_at.as_millis());
    let message = AlertMessage { id, at: alarm.core.clock.now(), notices: vec![notice] };
    let outcome = sink.gateway.deliver(&message).await;
    let now = alarm.core.clock.boot();
    let delivery = match outcome {
        Ok(taken) => {
            let receipt = taken.receipt.map(|r| (sink.clone(), r.id));
            alarm.ringing.lock().unwrap_or_else(PoisonError::into_inner).extend(receipt);
            AlarmDelivery::Delivered
        }
        Err(e) => {
            warn!(sink = sink.name, why = e.why, "an alert was not delivered; it is tried again");
            let pause = outbox::pause(times).max(e.retry_after.unwrap_or_default());
            AlarmDelivery::Failed { times: times.saturating_add(1), again: now + pause }
        }
    };
    alarm.update(|s| s.sinks.insert(sink.name.clone(), delivery));
}

/// Whatever still rings for it rings no more; nobody waits for that.
fn silence(alarm: &Alarm) {
    let ringing = std::mem::take(&mut *alarm.ringing.lock().unwrap_or_else(PoisonError::into_inner));
    for (sink, receipt) in ringing {
        tokio::spawn(async move {
            if let Err(e) = sink.gateway.cancel_receipt(&receipt).await {
                warn!(sink = sink.name, why = e.why, "an alert that is over may ring on until it is acknowledged");
            }
        });
    }
}

/// It can be recorded now.
async fn well_again(alarm: &Arc<Alarm>, state: AlarmState) -> Result<(), StoreError> {
    let core = &alarm.core;
    if state.raised {
        // Who was told directly is told of the end as well.
        for (sink, _) in
            state.sinks.iter().filter(|(_, t)| matches!(t, AlarmDelivery::Delivered | AlarmDelivery::Asked))
        {
            core.store.alerts_asked(sink, vec![alarm.key()]).await?;
        }
        let raise = AlertChange::Raise { key: alarm.key(), call: None, message: alarm.message(&state) };
        for change in [raise, AlertChange::Resolve { key: alarm.key() }] {
            core.apply(Event::Alert(change), Actor::engine()).await?;
        }
        warn!(alert.key = alarm.kind.word(), "{}", alarm.over());
        silence(alarm);
    }
    if alarm.kind == AlertKind::Store
        && let Some(engine) = alarm.place.engine()
        && engine.first_read.store_writes(core.clock.boot())
    {
        warn!("a reply was refused while the store took no writes: the provider's list is read now");
        core.wake.notify(WakeSignal::Listen);
    }
    alarm.update(|s| *s = AlarmState { tried: state.tried, refusals: state.refusals, ..AlarmState::default() });
    Ok(())
}
