//! Silence is an alarm: looks for calls that nobody was told of, calls without a next step, and failures in a row.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::event::{AlertChange, Event};
use crate::domain::types::Actor;
use crate::store::StoreError;

use super::Engine;

/// A call of which nobody has been told for this long alerts.
const UNTOLD: Duration = Duration::from_secs(60);
/// A DISPATCHING call without a sign of life for this long is stranded.
const STRANDED: Duration = Duration::from_secs(300);
/// How long the alarm of a clock that was set stands.
const CLOCK_STANDS: Duration = Duration::from_secs(600);
pub(super) const EVERY: Duration = Duration::from_secs(5);
const BATCH: usize = 200;

/// One look around.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Arc<Engine>) -> Result<Option<Timestamp>, StoreError> {
    let core = &engine.core;
    let now = core.clock.now();
    for call in core.store.untold(now.minus(UNTOLD), BATCH).await? {
        core.apply(Event::Untold { call }, Actor::engine()).await?;
    }
    for call in core.store.stranded(now.minus(STRANDED), BATCH).await? {
        let message =
            format!("call {call} is DISPATCHING and nothing will look at it again: take it by hand and report this");
        let alert = AlertChange::Raise { key: format!("stranded:{call}"), call: Some(call), message };
        core.apply(Event::Alert(alert), Actor::engine()).await?;
    }
    let figures = core.store.figures(now).await?;
    let key = "consecutive-failures".to_owned();
    let many = u64::from(engine.bounds.consecutive_failures.max(1));
    let alerts = core.store.alerts().await?;
    let raised = alerts.iter().any(|a| a.key == key);
    // A step of the clock is over at once; its alarm stands for as long as somebody may want to see it.
    for a in alerts.into_iter().filter(|a| a.key.starts_with("clock:") && now.since(a.raised_at) >= CLOCK_STANDS) {
        core.apply(Event::Alert(AlertChange::Resolve { key: a.key }), Actor::engine()).await?;
    }
    if figures.consecutive_failures >= many && !raised {
        let message = format!("{} texts in a row failed", figures.consecutive_failures);
        core.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await?;
    } else if figures.consecutive_failures == 0 && raised {
        core.apply(Event::Alert(AlertChange::Resolve { key }), Actor::engine()).await?;
    }
    Ok(Some(now.plus(EVERY)))
}
