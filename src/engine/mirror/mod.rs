//! The mirror: the shop's base is told of every change, and what it was told is read back.
//!
//! A loop of its own in a lane of its own: nothing here is waited for by anybody who sends. [`Mirror::pass`] writes a batch of
//! dispatch events by upsert on their id, reads back what was written, and does the same for calls by their record. Rows wait
//! in the outbox until the base has taken them and in the store's notes until they are proven, so a crash at any point leads to
//! the same write or the same read-back again. What may have been written by a request whose answer was lost, and what was
//! under way when the last engine died, is looked for by its key before it is written.
//!
//! - The base away, slow or throttling: rows wait, tries grow rarer (1 s to 5 min), nothing is given up.
//! - A row refused for its content is found one by one, parked and alerted; the others go on.
//! - What the base cannot hold (no such field, no such option, nobody to link): left out of the row and named by one alert;
//!   once it is there, the rows of that time are told again.
//! - A base without a field for our ids: a row is written by its record, and found by its message or by its call and number.
//! - A write that is not kept is written again, a few times, then parked and alerted.
//!
//! [`verify`] compares everything, for people.

mod calls;
mod encode;
mod events;
mod find;
mod health;
mod lacks;
mod outcome;
mod rows;
mod state;
mod trouble;
pub(crate) mod verify;
mod verify_calls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Airtable, BaseMaps, MirrorPace, Verify};
use crate::domain::Timestamp;
use crate::gateways::MirrorGateway;
use crate::store::StoreError;

use super::apply::Core;
use super::layout::LinkBook;

#[cfg(test)]
pub use rows::result_of_phone_call;
pub use rows::{ANSWERED, REPLIED, WITH_KEY};
pub use state::MirrorHealth;
use state::{MirrorState, MirrorTable};

/// What changes again within this is written once.
pub const GATHER: Duration = Duration::from_millis(400);
/// Requests that write dispatch events before what they wrote is read back.
const WRITES_MAX: usize = 4;
/// Rows read back by one request.
const READ_BACK_MAX: usize = 50;

/// What the mirror is configured to do.
#[derive(Debug, Clone)]
pub struct MirrorSettings {
    /// How our names and words stand in the base.
    pub maps: BaseMaps,
    /// When it is written.
    pub pace: MirrorPace,
    /// What is read back.
    pub verify: Verify,
}

impl From<&Airtable> for MirrorSettings {
    fn from(a: &Airtable) -> Self {
        Self { maps: a.maps(), pace: a.mirror, verify: a.verify }
    }
}

/// The mirror of a store. One writer a base: the engine that holds the store's lock.
pub struct Mirror {
    core: Arc<Core>,
    gateway: Arc<dyn MirrorGateway>,
    settings: MirrorSettings,
    state: Mutex<MirrorState>,
    /// Which records links mean. One pass at a time holds it.
    links: tokio::sync::Mutex<LinkBook>,
    /// When this engine began.
    started_at: Timestamp,
}

impl Mirror {
    /// Connects to nothing.
    pub fn new(core: Arc<Core>, gateway: Arc<dyn MirrorGateway>, settings: MirrorSettings) -> Self {
        let started_at = core.clock.now();
        Self { core, gateway, settings, state: Mutex::default(), links: tokio::sync::Mutex::default(), started_at }
    }

    fn state(&self) -> MutexGuard<'_, MirrorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// Does a bounded amount of what is due; when to look again. Idempotent.
    ///
    /// # Errors
    /// [`StoreError`]. What the base says is never an error of this: it is noted, and shown by [`Mirror::mirror_health`].
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.now();
        self.recall().await?;
        let mut worked = false;
        if self.rests_until().is_none() {
            self.look_for_what_lacked().await?;
        }
        if self.rests_until().is_none() && self.is_open(now).await? {
            // Many together are read back by one request.
            for _ in 0..WRITES_MAX {
                let wrote = self.rests_until().is_none() && self.write_events().await?;
                worked |= wrote;
                if !wrote {
                    break;
                }
            }
            worked |= self.rests_until().is_none() && self.read_back_events().await?;
            worked |= self.rests_until().is_none() && self.write_calls().await?;
        }
        worked |= self.rests_until().is_none() && self.read_back_events().await?;
        worked |= self.rests_until().is_none() && self.read_back_calls().await?;
        self.look_after().await?;
        if let Some(until) = self.rests_until() {
            return Ok(Some(until));
        }
        if worked {
            return Ok(Some(self.now()));
        }
        // Gathered for a moment, and not before the table is tried again.
        let next = self.core.store.next_mirror(now.minus(GATHER)).await?.map(|at| at.plus(GATHER));
        let held = self.state().next_try(now);
        Ok(next.into_iter().chain(held).filter(|at| *at > now).min())
    }

    /// Whether rows waited for the base when they were counted last: batches open, and rows that wait alert, by time alone.
    pub fn waits(&self) -> bool {
        self.state().waits
    }

    /// Until when nothing is asked of the base at all.
    fn rests_until(&self) -> Option<Timestamp> {
        let now = self.now();
        let throttled = self.gateway.resting_until().filter(|until| *until > now);
        throttled.max(self.state().rests_until(now))
    }

    /// Whether rows are written now: always, or once the oldest has waited for as long as batches are apart, until none waits.
    async fn is_open(&self, now: Timestamp) -> Result<bool, StoreError> {
        let MirrorPace::Batched(every) = self.settings.pace else { return Ok(true) };
        let figures = self.core.store.mirror_figures().await?;
        let mut state = self.state();
        match figures.oldest_waiting {
            None => state.batch_is_open = false,
            Some(since) if since.plus(every) <= now => state.batch_is_open = true,
            // It opens by time alone.
            Some(_) => state.waits = true,
        }
        Ok(state.batch_is_open)
    }

    /// How much longer than usual rows may wait by configuration.
    fn patience(&self) -> Duration {
        match self.settings.pace {
            MirrorPace::Realtime => Duration::ZERO,
            MirrorPace::Batched(every) => every,
        }
    }

    /// Writes and proves what is due for these, with nobody's pace but the base's: for a command that holds the engine lock.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass_now(&self) -> Result<Option<Timestamp>, StoreError> {
        self.state().batch_is_open = true;
        self.pass().await
    }

    /// As it is configured.
    fn table_name(&self, table: MirrorTable) -> &str {
        match table {
            MirrorTable::Events => &self.settings.maps.tables.events,
            MirrorTable::Calls => &self.settings.maps.tables.calls,
        }
    }
}
