//! Takes out of the store, once a day, what calls that have been over for long say of people: in slices that no commit waits for. Does
//! nothing where everything is kept. A crash in the middle leaves each call whole or pruned; the next pass goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::info;

use crate::domain::types::Actor;
use crate::store::{Pruned, SliceSize, StoreError};

use super::Engine;
use super::duty::Passed;

/// How often to look whether it is time.
pub const EVERY: Duration = Duration::from_secs(60);
/// Not in the way of a start.
const FIRST: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Slices of one pass, and the pause behind them: the disk is left to commits.
const SLICES: usize = 8;
const PAUSE: Duration = Duration::from_millis(250);
/// So often it is tried to empty the store's log before its next change does.
const EMPTIES: usize = 20;

/// See the module.
pub struct Retention {
    engine: Arc<Engine>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// By the clock that nobody can step: not before then.
    rests_until: Duration,
    size: SliceSize,
    /// Since the day's work began.
    pruned: Pruned,
}

impl Retention {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let state = Mutex::new(State { rests_until: engine.started + FIRST, ..State::default() });
        Self { engine, state }
    }

    /// Looks, and prunes some slices where it is time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let (now, boot) = (core.clock.now(), core.clock.boot());
        let mut state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept_for) = core.rules().retention.filter(|_| boot >= state.rests_until) else {
            return Ok(Some(now.plus(EVERY)));
        };
        let before = now.minus(kept_for);
        for _ in 0..SLICES {
            let began = core.clock.boot();
            let slice = core.store.prune_slice(before, now, state.size.calls()).await?;
            state.size = state.size.after(core.clock.boot().saturating_sub(began));
            state.pruned = state.pruned.and(slice.pruned);
            if slice.is_done {
                self.done(&state.pruned, before).await?;
                self.keep(State { rests_until: boot + DAY, ..State::default() });
                return Ok(Some(now.plus(EVERY)));
            }
        }
        self.keep(state);
        Ok(Some(now.plus(PAUSE)))
    }

    fn keep(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    async fn done(&self, pruned: &Pruned, before: crate::domain::Timestamp) -> Result<(), StoreError> {
        if pruned.is_nothing() {
            return Ok(());
        }
        let core = &self.engine.core;
        core.store.log_pruned(before, *pruned, &Actor::engine(), core.clock.now()).await?;
        info!(calls = pruned.calls, %before, "what calls that are over said of people is gone from the store");
        let Some(upkeep) = core.store.upkeep() else { return Ok(()) };
        for _ in 0..EMPTIES {
            if upkeep.empty_log().await? {
                return Ok(());
            }
        }
        Ok(())
    }
}
