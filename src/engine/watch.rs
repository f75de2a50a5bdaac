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
const EVERY: Duration = Duration::from_secs(5);
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
    let raised = core.store.alerts().await?.iter().any(|a| a.key == key);
    if figures.consecutive_failures >= many && !raised {
        let message = format!("{} texts in a row failed", figures.consecutive_failures);
        core.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await?;
    } else if figures.consecutive_failures == 0 && raised {
        core.apply(Event::Alert(AlertChange::Resolve { key }), Actor::engine()).await?;
    }
    Ok(Some(now.plus(EVERY)))
}
