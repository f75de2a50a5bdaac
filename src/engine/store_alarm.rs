//! Says aloud that the store takes no writes: an alert about it cannot be stored, so the sinks are told directly; once the
//! store is well again it is recorded, raised and resolved, and its end is told as that of any other alert.
//!
//! A crash meanwhile tells once more; the key makes that harmless.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::event::{AlertChange, Event};
use crate::domain::types::Actor;
use crate::gateways::AlertNotice;
use crate::store::StoreError;

use super::Engine;

/// A store that nobody has complained of is tried this often: a full disk at rest is found before the next emergency is.
const TRIED_EVERY: Duration = Duration::from_secs(30);
/// How often to look whether somebody complains.
pub const EVERY: Duration = Duration::from_secs(1);
/// One that took none a moment ago is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// A write that takes longer has failed.
const PROBE_MAX: Duration = Duration::from_secs(2);

/// What is known.
#[derive(Debug, Default)]
pub struct Alarm(Mutex<State>);

#[derive(Debug, Default, Clone)]
struct State {
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
    /// Every sink was.
    told: bool,
}

impl Alarm {
    fn state(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Tries the store where it is time, or where a change was just refused, and tells what is news.
///
/// # Errors
/// [`StoreError::Broken`] and [`StoreError::Closed`]: the engine must stop. All else is what this is about.
pub async fn pass(engine: &Arc<Engine>) -> Result<(), StoreError> {
    let (core, beats) = (&engine.core, &engine.beats);
    let mut state = beats.store_alarm.state();
    let (now, boot) = (core.clock.now(), core.clock.boot());
    let suspect = state.failing.is_some() || beats.any_failing();
    let pause = if suspect { AGAIN } else { TRIED_EVERY };
    let refusals = core.refusals();
    let refused = refusals != state.refusals;
    state.refusals = refusals;
    if !refused && state.tried.is_some_and(|at| boot.saturating_sub(at) < pause) {
        return Ok(());
    }
    state.tried = Some(boot);
    let (why, surely) = match tokio::time::timeout(PROBE_MAX, core.store.probe(now)).await {
        Ok(Ok(_)) => return well_again(engine, state).await,
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
    if state.raised && !state.told {
        state.told = tell(engine, &state).await;
    }
    beats.store_alarm.keep(state);
    Ok(())
}

fn message(state: &State) -> String {
    let (since, why) = state.failing.as_ref().map_or_else(Default::default, |(s, w)| (s.to_string(), w.as_str()));
    format!(
        "the store takes no writes since {since}: new calls are refused, follow-ups do not fire: make room, or see what holds it ({why})"
    )
}

/// Whether every sink has heard it.
async fn tell(engine: &Engine, state: &State) -> bool {
    let raised_at = state.failing.as_ref().map_or_else(Timestamp::default, |(since, _)| *since);
    let notice =
        AlertNotice { key: AlertKind::Store.into(), call: None, message: message(state), raised_at, resolved_at: None };
    let mut all = true;
    for sink in &engine.sinks {
        if let Err(why) = sink.tell(&notice).await {
            warn!(why, "an alert could not be told to its sink; it is tried again");
            all = false;
        }
    }
    all
}

/// It can be recorded now.
async fn well_again(engine: &Arc<Engine>, state: State) -> Result<(), StoreError> {
    if state.raised {
        let raise = AlertChange::Raise { key: AlertKind::Store.into(), call: None, message: message(&state) };
        for change in [raise, AlertChange::Resolve { key: AlertKind::Store.into() }] {
            engine.core.apply(Event::Alert(change), Actor::engine()).await?;
        }
        warn!(alert.key = AlertKind::Store.word(), "the store takes writes again");
    }
    if engine.first_read.store_writes(engine.core.clock.boot()) {
        warn!("a reply was refused while the store took no writes: the provider's list is read now");
        engine.core.wake.ring(super::wake::Bell::Listen);
    }
    engine.beats.store_alarm.keep(State { tried: state.tried, refusals: state.refusals, ..State::default() });
    Ok(())
}
