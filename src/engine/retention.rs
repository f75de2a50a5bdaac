//! Takes out of the store, once a day, what calls that have been over for long say of people: in slices that no commit waits for. Does
//! nothing where everything is kept. A crash in the middle leaves each call whole or pruned; the next pass goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::info;

use crate::domain::Timestamp;
use crate::domain::types::Actor;
use crate::store::{Pruned, Pruner, StoreError};

use super::Engine;
use super::apply::Core;
use super::duty::Passed;

/// How often to look whether it is time.
pub const EVERY: Duration = Duration::from_secs(60);
/// Not in the way of a start.
const FIRST: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The pause behind each slice, at least: the disk is left to commits.
const PAUSE: Duration = Duration::from_millis(30);
/// So often it is tried to empty the store's log before its next change does.
const EMPTIES: usize = 20;

/// See the module.
pub struct Retention {
    engine: Arc<Engine>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By the clock that nobody can step: not before then.
    rests_until: Duration,
    /// The day's work, once it is begun.
    work: Option<Work>,
}

#[derive(Debug)]
struct Work {
    kept_for: Duration,
    before: Timestamp,
    pruner: Pruner,
}

impl Retention {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let state = Mutex::new(State { rests_until: engine.started + FIRST, work: None });
        Self { engine, state }
    }

    /// Looks, and prunes a slice where it is time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let (now, boot) = (core.clock.now(), core.clock.boot());
        let Some(mut work) = self.begin(now, boot) else { return Ok(Some(now.plus(EVERY))) };
        let next = self.go_on(&mut work, now).await;
        let pause = work.pruner.pause(PAUSE);
        match next {
            Ok(true) => self.state().rests_until = boot + DAY,
            // What was pruned so far is said once all is done; the store counts it.
            Ok(false) | Err(_) => self.state().work = Some(work),
        }
        next.map(|is_done| Some(core.clock.now().plus(if is_done { EVERY } else { pause })))
    }

    /// One slice; whether it was the last.
    async fn go_on(&self, work: &mut Work, now: Timestamp) -> Result<bool, StoreError> {
        let store = &self.engine.core.store;
        if work.pruner.slice(&**store, work.before, now).await? {
            self.done(&work.pruner.pruned, work.before).await?;
            return Ok(true);
        }
        if work.pruner.wants_checkpoint()
            && let Some(upkeep) = store.upkeep()
        {
            upkeep.checkpoint().await?;
        }
        Ok(false)
    }

    /// The work that goes on, or that of a new day; `None`: there is none now.
    fn begin(&self, now: Timestamp, boot: Duration) -> Option<Work> {
        let mut state = self.state();
        let going_on = state.work.take();
        let kept_for = self.engine.core.rules().retention.filter(|_| boot >= state.rests_until)?;
        let new = || Work { kept_for, before: now.minus(kept_for), pruner: Pruner::default() };
        Some(going_on.filter(|w| w.kept_for == kept_for).unwrap_or_else(new))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn done(&self, pruned: &Pruned, before: Timestamp) -> Result<(), StoreError> {
        let core = &self.engine.core;
        core.say_pruned(before, &Actor::engine()).await?;
        if pruned.is_nothing() {
            return Ok(());
        }
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

impl Core {
    /// Says what prunings of `before` have pruned, and what others have that ended before they could say so: aloud where a receiver of
    /// event webhooks was not told everything, then in the log. After a crash between the two it is said aloud again at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn say_pruned(&self, before: Timestamp, by: &Actor) -> Result<(), StoreError> {
        let now = self.clock.now();
        for unlogged in self.store.unlogged_prunings(before, now).await? {
            self.say_untold(unlogged.pruned).await?;
            self.store.log_pruned(unlogged.before, by, now).await?;
        }
        Ok(())
    }
}
