//! The dead-man's switch: a URL is fetched as long as the engine truly works, so that its silence is an alarm elsewhere.
//!
//! Fetched only after a write to the store, lately passed essential duties, and a look that no call is without a wake time. Where one of
//! these fails, that is posted at once to whoever takes it, and said by silence to the others. That whoever listens cannot be reached
//! alarms by staying away, and is a notice besides; nothing of it is kept for later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways;
use crate::store::StoreError;

use super::Engine;
use super::duty::{ESSENTIAL_MAX, IDLE_MAX, Passed};
use super::still::essential_trouble;

/// How often is looked whether what fires and what sends still passes: trouble is said at once.
const LOOKS_EVERY: Duration = Duration::from_secs(2);
/// So many signs of life in a row that nobody took are an alert.
const FAILURES_SAID: u32 = 3;
/// A write that takes longer has failed.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// A DISPATCHING call without a sign of life for this long and without a time to come is stranded.
const QUIET: Duration = Duration::from_secs(300);

/// See the module.
pub struct HeartbeatDuty {
    engine: Arc<Engine>,
    url: Arc<dyn gateways::Heartbeat>,
    every: Duration,
    told: Mutex<Told>,
}

/// What was told last, of this duty's life.
#[derive(Debug, Default)]
struct Told {
    at: Option<Timestamp>,
    is_trouble: bool,
    /// In a row.
    failures: u32,
    /// Whether the store holds the alert; `None`: not known.
    is_said: Option<bool>,
}

impl HeartbeatDuty {
    /// Fetches nothing yet.
    pub fn new(engine: Arc<Engine>, url: Arc<dyn gateways::Heartbeat>, every: Duration) -> Self {
        Self { engine, url, every, told: Mutex::default() }
    }

    pub fn every(&self) -> Duration {
        self.every
    }

    /// Fetches where the engine works, and says at once where it does not; returns when to look again.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing is fetched either.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let began = core.clock.now();
        let standing = essential_trouble(&self.engine);
        if standing.is_none() && self.engine.heartbeats.since_essential(core.clock.boot()).is_none() {
            // A start: soon.
            return Ok(Some(began.plus(IDLE_MAX)));
        }
        let looks_again = began.plus(LOOKS_EVERY.min(self.every));
        let is_news = standing.is_some() != self.told().is_trouble;
        let is_due = self.told().at.is_none_or(|at| at.plus(self.every) <= began || at > began);
        let is_to_be_said = is_due || (is_news && standing.is_some());
        if !is_to_be_said {
            return Ok(Some(looks_again));
        }
        let why = match standing {
            Some(why) => Some(why),
            None => self.why_not().await?.map(str::to_owned),
        };
        let is_trouble = why.is_some();
        let done = match &why {
            Some(why) => {
                warn!(why, "the heartbeat is not sent");
                self.url.fail(why).await
            }
            None => self.url.fetch().await,
        };
        let failures = {
            let mut told = self.told();
            told.at = Some(began);
            told.is_trouble = is_trouble;
            told.failures = if done.is_ok() { 0 } else { told.failures.saturating_add(1) };
            told.failures
        };
        match done {
            Ok(()) if !is_trouble => self.engine.heartbeat.taken(core.clock.now()),
            Ok(()) => {}
            Err(why) => warn!(why, "the heartbeat did not arrive; the next one is not earlier for that"),
        }
        self.say(failures).await?;
        Ok(Some(looks_again))
    }

    /// That whoever listens takes nothing is a notice: its own alarm may come, and means another thing then.
    async fn say(&self, failures: u32) -> Result<(), StoreError> {
        let key = AlertKind::HeartbeatRefused.into();
        let was_said = self.told().is_said;
        let change = match failures {
            0 if was_said != Some(false) => AlertChange::Resolve { key },
            n if n >= FAILURES_SAID && was_said != Some(true) => {
                let message = format!(
                    "the dead-man's switch took none of the last {n} signs of life, so its own alarm may come: see whether [heartbeat] url \
                     is reached from this machine"
                );
                AlertChange::Raise { key, call: None, message }
            }
            _ => return Ok(()),
        };
        let is_said = matches!(change, AlertChange::Raise { .. });
        self.engine.core.apply(Event::Alert(change), Actor::engine()).await?;
        self.told().is_said = Some(is_said);
        Ok(())
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn why_not(&self) -> Result<Option<&'static str>, StoreError> {
        let core = &self.engine.core;
        match tokio::time::timeout(WRITE_MAX, core.store.probe(core.clock.now())).await {
            Ok(done) => done.map(drop)?,
            Err(_) => return Ok(Some("a write to the store takes too long")),
        }
        if self.engine.heartbeats.since_essential(core.clock.boot()).is_none_or(|ago| ago > ESSENTIAL_MAX) {
            return Ok(Some("what fires or what sends stands still"));
        }
        let stranded = core.store.stranded(core.clock.now().minus(QUIET), 1).await?;
        Ok((!stranded.is_empty()).then_some("a call is DISPATCHING and nothing will look at it"))
    }
}
