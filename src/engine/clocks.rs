//! Watches the wall clock against a clock that nobody can step.
//!
//! Due times are wall times. A step forward fires early what it passes: nothing is late. A step back would delay what is
//! armed by its own size, so what is armed is moved back with it. Both are said aloud.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::clock;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::store::StoreError;

use super::apply::Core;

/// Smaller differences are the clock being disciplined, not a step.
const STEP: Duration = Duration::from_secs(5);
/// How often the two clocks are compared: what is accepted between a step and its discovery is armed by the new time already.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// The two clocks as they were last compared.
pub struct ClockWatch {
    core: Arc<Core>,
    last: tokio::sync::Mutex<(Timestamp, Duration)>,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The clocks agree.
    None,
    /// The wall clock was set forward, or the machine slept.
    Forward(Duration),
    /// The wall clock was set back.
    Back(Duration),
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// Compares how far each clock went.
pub fn step_between(wall: (Timestamp, Timestamp), boot: (Duration, Duration)) -> Step {
    let went = Duration::saturating_sub(boot.1, boot.0);
    let expected = wall.0.plus(went);
    let (ahead, behind) = (wall.1.since(expected), expected.since(wall.1));
    if ahead > STEP {
        Step::Forward(ahead)
    } else if behind > STEP {
        Step::Back(behind)
    } else {
        Step::None
    }
}

impl ClockWatch {
    /// Starts comparing from when an engine of this store was last seen to: a server that is followed may show another time after a
    /// failover, which also ends the term that would have seen it.
    pub fn new(core: Arc<Core>) -> Self {
        let last = tokio::sync::Mutex::new(core.clocks_seen.last(&*core.clock));
        Self { core, last }
    }

    /// Compares, moves what is armed back with the clock where it was set back, and alerts.
    ///
    /// # Errors
    /// [`StoreError`]; the same step is then found again by the next pass.
    pub async fn pass(&self) -> Result<Option<Timestamp>, StoreError> {
        // Held to the end: two passes at once must not see one step twice.
        let mut last = self.last.lock().await;
        let (before, now) = (*last, (self.core.clock.now(), self.core.clock.boot()));
        let message = match step_between((before.0, now.0), (before.1, now.1)) {
            Step::None => None,
            Step::Forward(by) => {
                // What left before the step did so before this moment of the new time.
                let fresh_since = now.0.minus(by).plus(Duration::from_millis(1));
                self.core.store.clock_stepped(millis(by), fresh_since, now.0).await?;
                Some(format!(
                    "the clock went forward by {} s (it was set, or the machine slept): follow-ups of that time fire now",
                    by.as_secs()
                ))
            }
            Step::Back(by) => {
                let fresh_since = now.0.minus(now.1.saturating_sub(before.1));
                self.core.store.clock_stepped(millis(by).saturating_neg(), fresh_since, now.0).await?;
                Some(format!("the clock was set back by {} s: what was armed keeps its distance", by.as_secs()))
            }
        };
        *last = now;
        self.core.clocks_seen.seen(&*self.core.clock);
        drop(last);
        if let Some(message) = message {
            warn!("{message}");
            let key = AlertKind::Clock.about(now.0.as_millis());
            self.core.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await?;
        }
        Ok(Some(now.0.plus(EVERY)))
    }
}

/// A machine's own clock may be so far from that of the server whose store it shares.
const APART_MAX_MS: u64 = 1_000;

/// Says where this machine's own clock is another than that of the store's server, which counts: certificates and other programs go
/// by it all the same. `replica`: what this process is called.
///
/// # Errors
/// [`StoreError`]; the next look says it.
pub async fn beside_server(core: &Core, replica: &str, was_apart: &mut Option<bool>) -> Result<(), StoreError> {
    let Some(ahead) = clock::ahead_of_shared() else { return Ok(()) };
    let is_apart = ahead.unsigned_abs() > APART_MAX_MS;
    if *was_apart == Some(is_apart) {
        return Ok(());
    }
    let key = AlertKind::HostClock.about(replica);
    let change = match is_apart {
        true => {
            let message = format!(
                "the clock of {replica} is {ahead} ms ahead of the clock of the store's server, by which follow-ups fire: let both keep time by NTP"
            );
            AlertChange::Raise { key, call: None, message }
        }
        false => AlertChange::Resolve { key },
    };
    core.apply(Event::Alert(change), Actor::engine()).await?;
    *was_apart = Some(is_apart);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_from_drift_and_its_direction_from_the_other() {
        let t = |ms: i64| Timestamp::from_millis(1_000_000 + ms);
        let d = Duration::from_millis;
        for (wall, boot, want) in [
            (1_000, 1_000, Step::None),
            (5_900, 1_000, Step::None),
            (-3_900, 1_000, Step::None),
            (3_601_000, 1_000, Step::Forward(d(3_600_000))),
            (-3_599_000, 1_000, Step::Back(d(3_600_000))),
        ] {
            assert_eq!(step_between((t(0), t(wall)), (d(500), d(500 + boot))), want, "{wall} {boot}");
        }
    }
}
