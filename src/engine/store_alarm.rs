//! Says aloud that the store takes no writes: an alert about it cannot be stored, so the sinks are told directly; once the
//! store is well again it is recorded, raised and resolved, and its end is told as that of any other alert.
//!
//! Each sink is told by itself, so that one that hangs delays neither the others nor the next look at the store. A crash
//! meanwhile tells once more; the key makes that harmless.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::{AlertMessage, AlertNotice};
use crate::store::StoreError;

use super::Engine;
use super::outbox;
use super::sink::Sink;

/// A store that nobody has complained of is tried this often: a full disk at rest is found before the next emergency is.
const TRIED_EVERY: Duration = Duration::from_secs(30);
/// How often to look whether somebody complains.
pub const EVERY: Duration = Duration::from_secs(1);
/// One that took none a moment ago is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// The answers of sinks are waited for so long, and go on after it.
const ANSWERS_MAX: Duration = Duration::from_secs(1);
/// A write that takes longer has failed.
const PROBE_MAX: Duration = Duration::from_secs(2);

/// What is known.
#[derive(Debug, Default)]
pub struct Alarm(Mutex<AlarmState>);

#[derive(Debug, Default, Clone)]
struct AlarmState {
    /// When it was last tried, by the clock that nobody can step.
    tried: Option<Duration>,
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
    fn state(&self) -> AlarmState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update<T>(&self, change: impl FnOnce(&mut AlarmState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tries the store where it is time, or where a change was just refused, and tells what is news.
///
/// # Errors
/// [`StoreError::Broken`] and [`StoreError::Closed`]: the engine must stop. All else is what this is about.
pub async fn pass(engine: &Arc<Engine>, alarm: &Arc<Alarm>) -> Result<(), StoreError> {
    let core = &engine.core;
    let mut state = alarm.state();
    let (now, boot) = (core.clock.now(), core.clock.boot());
    let suspect = state.failing.is_some() || engine.heartbeats.any_failing();
    let pause = if suspect { AGAIN } else { TRIED_EVERY };
    let refusals = core.refusals();
    let refused = refusals != state.refusals;
    state.refusals = refusals;
    if !refused && state.tried.is_some_and(|at| boot.saturating_sub(at) < pause) {
        return Ok(());
    }
    state.tried = Some(boot);
    let (why, surely) = match tokio::time::timeout(PROBE_MAX, core.store.probe(now)).await {
        Ok(Ok(_)) => return well_again(engine, alarm, state).await,
        Ok(Err(e @ (StoreError::Broken { .. } | StoreError::Closed))) => return Err(e),
        Ok(Err(e)) => (e.to_string(), matches!(e, StoreError::Full { .. })),
        Err(_) => (format!("a write took longer than {} s", PROBE_MAX.as_secs()), false),
    };
    state.times += 1;
    let since = state.failing.as_ref().map_or(now, |(since, _)| *since);
    state.failing = Some((since, why));
    // Somebody may hold it for a moment; a full disk holds nobody up for a moment.
    if !state.raised && (surely || state.times > 1) {
        state.raised = true;
        error!(alert.key = AlertKind::Store.word(), "{}", message(&state));
    }
    let raised = state.raised;
    alarm.update(|s| *s = AlarmState { sinks: std::mem::take(&mut s.sinks), ..state });
    if raised {
        deliver(engine, alarm, boot).await;
    }
    Ok(())
}

fn message(state: &AlarmState) -> String {
    let (since, why) = state.failing.as_ref().map_or_else(Default::default, |(s, w)| (s.to_string(), w.as_str()));
    format!(
        "the store takes no writes since {since}: new calls are refused, follow-ups do not fire: make room, or see what holds it ({why})"
    )
}

/// Asks every sink that does not know yet and may be asked, side by side. Waits a moment for their answers, never longer.
async fn deliver(engine: &Arc<Engine>, alarm: &Arc<Alarm>, boot: Duration) {
    let state = alarm.state();
    let raised_at = state.failing.as_ref().map_or_else(Timestamp::default, |(since, _)| *since);
    let notice = AlertNotice {
        key: AlertKind::Store.into(),
        call: None,
        reference: None,
        accepted_at: None,
        issue: None,
        message: message(&state),
        raised_at,
        resolved_at: None,
    };
    let long = engine.core.clock.now().since(raised_at) >= outbox::FALLBACK_AFTER;
    let mut asked = Vec::new();
    for sink in &engine.sinks() {
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
        asked.push(tokio::spawn(ask(engine.clone(), alarm.clone(), (sink.clone(), times), notice.clone())));
    }
    let _ = tokio::time::timeout(ANSWERS_MAX, futures_util::future::join_all(asked)).await;
}

async fn ask(engine: Arc<Engine>, alarm: Arc<Alarm>, (sink, times): (Arc<Sink>, u32), notice: AlertNotice) {
    let id = format!("alert_store_{}", notice.raised_at.as_millis());
    let message = AlertMessage { id, at: engine.core.clock.now(), notices: vec![notice] };
    let outcome = sink.gateway.deliver(&message).await;
    let now = engine.core.clock.boot();
    let delivery = match outcome {
        Ok(_) => AlarmDelivery::Delivered,
        Err(e) => {
            warn!(sink = sink.name, why = e.why, "an alert was not delivered; it is tried again");
            let pause = outbox::pause(times).max(e.retry_after.unwrap_or_default());
            AlarmDelivery::Failed { times: times.saturating_add(1), again: now + pause }
        }
    };
    alarm.update(|s| s.sinks.insert(sink.name.clone(), delivery));
}

/// It can be recorded now.
async fn well_again(engine: &Arc<Engine>, alarm: &Alarm, state: AlarmState) -> Result<(), StoreError> {
    if state.raised {
        // Who was told directly is told of the end as well.
        for (sink, _) in
            state.sinks.iter().filter(|(_, t)| matches!(t, AlarmDelivery::Delivered | AlarmDelivery::Asked))
        {
            engine.core.store.alerts_asked(sink, vec![AlertKind::Store.into()]).await?;
        }
        let raise = AlertChange::Raise { key: AlertKind::Store.into(), call: None, message: message(&state) };
        for change in [raise, AlertChange::Resolve { key: AlertKind::Store.into() }] {
            engine.core.apply(Event::Alert(change), Actor::engine()).await?;
        }
        warn!(alert.key = AlertKind::Store.word(), "the store takes writes again");
    }
    if engine.first_read.store_writes(engine.core.clock.boot()) {
        warn!("a reply was refused while the store took no writes: the provider's list is read now");
        engine.core.wake.notify(super::wake::WakeSignal::Listen);
    }
    alarm.update(|s| *s = AlarmState { tried: state.tried, refusals: state.refusals, ..AlarmState::default() });
    Ok(())
}
