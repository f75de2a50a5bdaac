//! Silence is an alarm: looks for calls that nobody was told of, calls without a next step, and failures in a row. Tells
//! again of what stays, and ends what nothing else can end.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::breaker;
use crate::domain::event::{AlertChange, BreakerNews, Event};
use crate::domain::team::Directory;
use crate::domain::types::Actor;
use crate::domain::{AlertKey, AlertKind, Timestamp};
use crate::store::{AlertLine, StoreError};

use super::apply::Core;
use super::{Engine, others_go_on};

/// A call of which nobody has been told for this long alerts.
const UNTOLD: Duration = Duration::from_secs(60);
/// A DISPATCHING call without a sign of life for this long is stranded.
const STRANDED: Duration = Duration::from_secs(300);
/// How long the alarm of a clock that was set stands.
const CLOCK_STANDS: Duration = Duration::from_secs(600);
/// What is raised about a call that is closed already stands for this long: nobody closes it again.
const CLOSED_STANDS: Duration = Duration::from_secs(24 * 3600);
/// Alerts about unreadable rows at most: the log names the rest.
const UNREADABLE_MAX: usize = 50;
const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const EVERY: Duration = Duration::from_secs(5);
const BATCH: usize = 200;

/// One look around. Each part by itself: what one of them cannot read keeps the others from nothing, least of all from saying
/// that the store is damaged.
///
/// # Errors
/// The first [`StoreError`] of any part.
pub async fn pass(engine: &Arc<Engine>) -> Result<Option<Timestamp>, StoreError> {
    let core = &engine.core;
    let now = core.clock.now();
    let alerts = core.store.alerts().await?;
    let mut done = untold(core, now).await;
    done = done.and(stranded(core, &alerts, now).await);
    done = done.and(failures_in_a_row(engine, &alerts, now).await);
    done = done.and(unused_breakers(core).await);
    done = done.and(what_is_over(core, &alerts, now).await);
    // Last: it may take a while.
    done.and(unreadable(core, &alerts).await)?;
    Ok(Some(now.plus(EVERY)))
}

async fn untold(core: &Core, now: Timestamp) -> Result<(), StoreError> {
    for call in core.store.untold(now.minus(UNTOLD), BATCH).await? {
        others_go_on(core.apply(Event::Untold { call }, Actor::engine()).await.map(drop))?;
    }
    Ok(())
}

async fn stranded(core: &Core, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    for call in core.store.stranded(now.minus(STRANDED), BATCH).await? {
        let key = AlertKind::Stranded.about(&call);
        if alerts.iter().any(|a| a.key == key) {
            continue;
        }
        let message =
            format!("call {call} is DISPATCHING and nothing will look at it again: take it by hand and report this");
        tell(core, AlertChange::Raise { key, call: Some(call), message }).await?;
    }
    Ok(())
}

async fn unused_breakers(core: &Core) -> Result<(), StoreError> {
    for b in breaker::unused(&core.store.breakers().await?, &core.directory()) {
        let event = Event::Breaker { sender: b.sender.clone(), what: BreakerNews::Unused };
        core.apply(event, Actor::engine()).await?;
    }
    Ok(())
}

async fn what_is_over(core: &Core, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    let directory = core.directory();
    for alert in alerts {
        if let Some(change) = again(alert, now).or_else(|| over(alert, &directory, now)) {
            tell(core, change).await?;
        } else if is_of_a_closed_call(core, alert, now).await? {
            tell(core, AlertChange::Resolve { key: alert.key.clone() }).await?;
        }
    }
    Ok(())
}

async fn tell(core: &Core, change: AlertChange) -> Result<(), StoreError> {
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}

async fn failures_in_a_row(engine: &Engine, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    let figures = engine.core.store.figures(now).await?;
    let key = AlertKey::from(AlertKind::ConsecutiveFailures);
    let many = u64::from(engine.bounds.consecutive_failures.max(1));
    let raised = alerts.iter().any(|a| a.key == key);
    // Where a breaker is open, its alert says why they fail.
    if figures.consecutive_failures >= many && !raised && figures.open_breakers == 0 {
        let message = format!("{} texts in a row failed", figures.consecutive_failures);
        tell(&engine.core, AlertChange::Raise { key, call: None, message }).await?;
    } else if figures.consecutive_failures == 0 && raised {
        tell(&engine.core, AlertChange::Resolve { key }).await?;
    }
    Ok(())
}

/// That nobody was told stays alarming: told again every ten minutes. The words hold the count, so that a restart repeats
/// none, and after a time without an engine only the newest is told.
fn again(alert: &AlertLine, now: Timestamp) -> Option<AlertChange> {
    let every = alert.key.kind().repeat_every()?;
    let times = now.since(alert.raised_at).as_secs() / every.as_secs();
    let minutes = times * every.as_secs() / 60;
    let call = alert.key.subject();
    let message =
        format!("nobody has been told of call {call} yet, {minutes} min after the first alarm: take it by hand");
    (times > 0 && alert.message != message).then(|| AlertChange::Again { key: alert.key.clone(), message })
}

/// What is over by the time or by the configuration alone.
fn over(alert: &AlertLine, directory: &Directory, now: Timestamp) -> Option<AlertChange> {
    let over = match alert.key.kind() {
        // A step of the clock is over at once; its alarm stands for as long as somebody may want to see it.
        AlertKind::Clock => now.since(alert.raised_at) >= CLOCK_STANDS,
        // It was configured since.
        AlertKind::UnlistedLine => !directory.line(Some(alert.key.subject())).1,
        _ => false,
    };
    over.then(|| AlertChange::Resolve { key: alert.key.clone() })
}

/// A receipt may come days after its call was closed: what it alarms with ends by itself.
async fn is_of_a_closed_call(core: &Core, alert: &AlertLine, now: Timestamp) -> Result<bool, StoreError> {
    let Some(call) = alert.call.as_ref().filter(|_| alert.key.kind().ends_with_its_call()) else { return Ok(false) };
    if now.since(alert.raised_at) < CLOSED_STANDS {
        return Ok(false);
    }
    Ok(core.store.call(call).await?.is_none_or(|c| !c.call.status.is_open()))
}

/// Of what cannot be read somebody must know, once; a call that can be read again needs nobody.
async fn unreadable(core: &Core, alerts: &[AlertLine]) -> Result<(), StoreError> {
    core.store.look_through(DAY).await?;
    let of_rows: Vec<&AlertLine> = alerts.iter().filter(|a| a.key.kind() == AlertKind::Unreadable).collect();
    for row in core.store.left_out().into_iter().take(UNREADABLE_MAX) {
        let key = AlertKind::Unreadable.about(&row.row);
        if of_rows.iter().any(|a| a.key == key) {
            continue;
        }
        let look = "a person must look: `dispatchctl recover --dry-run`";
        let message = if row.row.starts_with("the ") {
            format!("{} is damaged: {}; what can be read is served; {look}", row.row, row.why)
        } else {
            format!("{} cannot be read, so nothing is done about it: {}; {look}", row.row, row.why)
        };
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
