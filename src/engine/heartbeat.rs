//! The dead-man's switch: a URL is fetched as long as the engine truly works, so that its silence is an alarm elsewhere.
//!
//! Fetched only after a write to the store, lately passed essential duties, and a look that no call is without a wake time. What
//! fails here alarms by staying away, never through itself; nothing of it is kept for later.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::gateways;
use crate::store::StoreError;

use super::Engine;
use super::duty::{ESSENTIAL_MAX, IDLE_MAX, Passed};

/// A write that takes longer has failed.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// A DISPATCHING call without a sign of life for this long and without a time to come is stranded.
const QUIET: Duration = Duration::from_secs(300);

/// See the module.
pub struct HeartbeatDuty {
    engine: Arc<Engine>,
    url: Arc<dyn gateways::Heartbeat>,
    every: Duration,
}

impl HeartbeatDuty {
    /// Fetches nothing yet.
    pub fn new(engine: Arc<Engine>, url: Arc<dyn gateways::Heartbeat>, every: Duration) -> Self {
        Self { engine, url, every }
    }

    pub fn every(&self) -> Duration {
        self.every
    }

    /// Fetches where the engine works; returns when to look again.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing is fetched either.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let began = core.clock.now();
        if self.engine.heartbeats.since_essential(core.clock.boot()).is_none() {
            // A start: soon.
            return Ok(Some(began.plus(IDLE_MAX)));
        }
        if let Some(why) = self.why_not().await? {
            warn!(why, "the heartbeat is not sent");
        } else if let Err(why) = self.url.fetch().await {
            warn!(why, "the heartbeat did not arrive; the next one is not earlier for that");
        } else {
            debug!("the heartbeat was sent");
        }
        Ok(Some(began.plus(self.every)))
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
