//! Keeps how far our clock is ahead of the provider's, and says so where a person should know.
//!
//! The gateway measures; this writes what it says to the store now and then, so that a restart and commands know it before the
//! first answer, and raises one alert while the clocks are surely more than [`OFFSET_ALARM`] apart. No decision stands on it
//! where the provider's own times are known. A crash costs a measurement.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::provider_clock::OFFSET_ALARM;
use crate::domain::types::Actor;
use crate::domain::{ClockOffset, ProviderClock, Timestamp};
use crate::store::{KeptProviderClock, StoreError};

use super::Engine;

/// How often it is looked at.
pub const EVERY: Duration = Duration::from_secs(1);
/// How often it is written where nothing changes.
const WRITTEN_EVERY: Duration = Duration::from_secs(300);
/// A change that is written at once.
const CHANGE_MS: u64 = 1_000;

/// See the module.
pub struct ProviderClockWatch {
    engine: Arc<Engine>,
    state: Mutex<OffsetState>,
}

#[derive(Debug, Clone, Copy, Default)]
struct OffsetState {
    /// What the store has, and when it was written by the boot clock; `None`: it was not looked at.
    kept: Option<(Option<KeptProviderClock>, Duration)>,
    /// What was said last of the alert; `None`: nothing yet.
    raised: Option<bool>,
}

impl ProviderClockWatch {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: Mutex::default() }
    }

    /// Looks at what was measured; returns when to look again.
    ///
    /// # Errors
    /// [`StoreError`]; the next pass does the same.
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        let core = &self.engine.core;
        let mut state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, written) = match state.kept {
            Some(known) => known,
            None => {
                let kept = core.store.provider_clock().await?;
                let (offset, newest_message) = (kept.map(|k| k.offset), kept.and_then(|k| k.newest_message));
                core.set_provider_clock(ProviderClock { offset, newest_message });
                (kept, Duration::ZERO)
            }
        };
        state.kept = Some((kept, written));
        let seen = self.engine.sms.clock();
        if let Some(offset) = seen.offset {
            let newest_message = seen.newest_message.max(kept.and_then(|k| k.newest_message));
            core.set_provider_clock(ProviderClock { offset: Some(offset), newest_message });
            let boot = core.clock.boot();
            let due = boot.saturating_sub(written) >= WRITTEN_EVERY || written.is_zero();
            if due || kept.is_none_or(|k| differs(k.offset, offset)) {
                let row = KeptProviderClock { offset, measured_at: core.clock.now(), newest_message };
                core.store.keep_provider_clock(&row).await?;
                state.kept = Some((Some(row), boot));
            }
            state.raised = self.alarm(offset, state.raised).await?;
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(Some(core.clock.now().plus(EVERY)))
    }

    /// Raised while they are surely apart, over once they surely are not: between the two, what was said stands.
    async fn alarm(&self, offset: ClockOffset, raised: Option<bool>) -> Result<Option<bool>, StoreError> {
        let change = if raised != Some(true) && offset.is_over(OFFSET_ALARM) {
            let message = format!(
                "our clock is {}: set it and keep it (chrony, systemd-timesyncd); texts and answers are matched by the provider's own times meanwhile",
                offset.shown()
            );
            warn!("{message}");
            AlertChange::Raise { key: AlertKind::ProviderClock.into(), call: None, message }
        } else if raised != Some(false) && offset.is_within(OFFSET_ALARM) {
            AlertChange::Resolve { key: AlertKind::ProviderClock.into() }
        } else {
            return Ok(raised);
        };
        let now_raised = matches!(change, AlertChange::Raise { .. });
        self.engine.core.apply(Event::Alert(change), Actor::engine()).await?;
        Ok(Some(now_raised))
    }
}

fn differs(a: ClockOffset, b: ClockOffset) -> bool {
    a.ms().abs_diff(b.ms()) >= CHANGE_MS
}
