//! Silence is an alarm: looks for calls that nobody was told of, calls without a next step, and failures in a row.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::event::{AlertChange, Event};
use crate::domain::types::Actor;
use crate::store::{AlertLine, StoreError};

use super::apply::Core;
use super::{Engine, others_go_on};

/// A call of which nobody has been told for this long alerts.
const UNTOLD: Duration = Duration::from_secs(60);
/// A DISPATCHING call without a sign of life for this long is stranded.
const STRANDED: Duration = Duration::from_secs(300);
/// How long the alarm of a clock that was set stands.
const CLOCK_STANDS: Duration = Duration::from_secs(600);
/// How the keys of alerts about unreadable rows begin, and how many of them there are at most: the log names the rest.
const UNREADABLE: &str = "unreadable:";
const UNREADABLE_MAX: usize = 50;
const DAY: Duration = Duration::from_secs(24 * 3600);
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
        others_go_on(core.apply(Event::Untold { call }, Actor::engine()).await.map(drop))?;
    }
    let alerts = core.store.alerts().await?;
    for call in core.store.stranded(now.minus(STRANDED), BATCH).await? {
        let key = format!("stranded:{call}");
        if alerts.iter().any(|a| a.key == key) {
            continue;
        }
        let message =
            format!("call {call} is DISPATCHING and nothing will look at it again: take it by hand and report this");
        let alert = AlertChange::Raise { key, call: Some(call), message };
        core.apply(Event::Alert(alert), Actor::engine()).await?;
    }
    let figures = core.store.figures(now).await?;
    let key = "consecutive-failures".to_owned();
    let many = u64::from(engine.bounds.consecutive_failures.max(1));
    let raised = alerts.iter().any(|a| a.key == key);
    unreadable(core, &alerts).await?;
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

/// Of what cannot be read somebody must know, once; a call that can be read again needs nobody.
async fn unreadable(core: &Core, alerts: &[AlertLine]) -> Result<(), StoreError> {
    core.store.look_through(DAY).await?;
    let of_rows: Vec<&AlertLine> = alerts.iter().filter(|a| a.key.starts_with(UNREADABLE)).collect();
    for row in core.store.left_out().into_iter().take(UNREADABLE_MAX) {
        let key = format!("{UNREADABLE}{}", row.row);
        if of_rows.iter().any(|a| a.key == key) {
            continue;
        }
        let message = format!(
            "{} cannot be read, so nothing is done about it: {}; a person must look: `dispatchctl recover --dry-run`",
            row.row, row.why
        );
        let alert = AlertChange::Raise { key, call: row.call, message };
        core.apply(Event::Alert(alert), Actor::engine()).await?;
    }
    for a in of_rows {
        let Some(call) = &a.call else { continue };
        if others_go_on(core.store.call(call).await)?.is_some() {
            core.apply(Event::Alert(AlertChange::Resolve { key: a.key.clone() }), Actor::engine()).await?;
        }
    }
    Ok(())
}
