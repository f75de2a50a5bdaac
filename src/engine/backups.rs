//! Copies the store once a day, where it is a file of this machine and copies are kept. A copy that cannot be made is one alert,
//! which is over with the next one that can; nothing else waits for either.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::store::{StoreError, Upkeep};

use super::Engine;
use super::duty::Passed;

/// How often to look whether it is time.
pub const EVERY: Duration = Duration::from_secs(60);
/// A large store on a slow disk takes so long.
pub const STILL_MAX: Duration = Duration::from_secs(3600);
/// A copy does not stand in the way of a start.
const FIRST: Duration = Duration::from_secs(300);
/// The newest copy is this old when the next one is made.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// One that failed is tried again after this.
const AGAIN: Duration = Duration::from_secs(3600);

/// See the module.
pub struct Backups {
    engine: Arc<Engine>,
    /// By the clock that nobody can step: not before then.
    rests_until: Mutex<Duration>,
}

impl Backups {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let rests_until = Mutex::new(engine.started + FIRST);
        Self { engine, rests_until }
    }

    /// Looks, and makes a copy where it is time.
    ///
    /// # Errors
    /// Those of the store where it is said that a copy failed.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let (now, boot) = (core.clock.now(), core.clock.boot());
        let next = Some(now.plus(EVERY));
        let Some(upkeep) = core.store.upkeep().filter(|u| u.backups_kept() > 0) else { return Ok(next) };
        let rests = boot < *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests || !is_due(upkeep, now) || upkeep.place().trouble().is_some() {
            return Ok(next);
        }
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = boot + AGAIN;
        let made = upkeep.back_up(now).await;
        match &made {
            Ok(copy) => info!(copy = %copy.path.display(), "the store was copied"),
            Err(e) => warn!(error = %e, "the store could not be copied"),
        }
        self.say(made.err(), upkeep).await?;
        Ok(next)
    }

    async fn say(&self, failed: Option<StoreError>, upkeep: &dyn Upkeep) -> Result<(), StoreError> {
        let core = &self.engine.core;
        let key = AlertKey::from(AlertKind::Backup);
        let change = match failed {
            Some(e) => {
                let newest = upkeep
                    .backups()
                    .first()
                    .map_or("there is none".to_owned(), |b| format!("the newest is of {}", b.made_at));
                let message = format!(
                    "the daily copy of the store cannot be made: {e}; the store is not touched, {newest}; tried again every hour"
                );
                AlertChange::Raise { key, call: None, message }
            }
            None if core.store.alerts().await?.iter().any(|a| a.key == key) => AlertChange::Resolve { key },
            None => return Ok(()),
        };
        core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
    }
}

/// No copy is a day old at most. One that a clock which ran ahead has dated is not believed.
fn is_due(upkeep: &dyn Upkeep, now: Timestamp) -> bool {
    !upkeep.backups().iter().any(|b| now.since(b.made_at) < DAY && b.made_at.since(now) < DAY)
}
