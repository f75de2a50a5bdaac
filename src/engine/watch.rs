//! Looks for calls without a next step, failures in a row and breakers that nobody uses; ends the alerts that nothing else can
//! end. Idempotent: what is raised already is not raised again.

use std::time::Duration;

use crate::domain::alert::AlertChange;
use crate::domain::breaker;
use crate::domain::count::counted;
use crate::domain::event::{BreakerEvent, Event};
use crate::domain::team::Directory;
use crate::domain::types::Actor;
use crate::domain::{AlertKey, AlertKind, Timestamp};
use crate::store::{AlertLine, KnownAs, StoreError};

use super::Engine;
use super::apply::Core;
use super::duty::Passed;
use super::rest::is_dispatching;
use super::spent;
use super::still;

/// A DISPATCHING call without a sign of life for this long is stranded.
const STRANDED: Duration = Duration::from_secs(300);
/// How long the alarm of a clock that was set stands.
const CLOCK_STANDS: Duration = Duration::from_secs(600);
/// An unknown number is alarmed with once in this time.
const WRITER_STANDS: Duration = Duration::from_secs(3_600);
/// What is raised about a call that is closed already stands for this long: nobody closes it again.
const CLOSED_STANDS: Duration = Duration::from_secs(24 * 3600);
pub const EVERY: Duration = Duration::from_secs(5);
const BATCH: usize = 200;

/// One look around. Each part by itself: what one of them cannot read keeps the others from nothing.
///
/// # Errors
/// The first [`StoreError`] of any part.
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    let now = core.clock.now();
    let alerts = core.store.alerts().await?;
    let mut done = stranded(core, &alerts, now).await;
    done = done.and(failures_in_a_row(engine, &alerts, now).await);
    done = done.and(unused_breakers(core).await);
    done = done.and(still::watch_the_watch(engine).await);
    done = done.and(spent::watch(core, &alerts, now).await);
    done.and(what_is_over(core, &alerts, now).await)?;
    let is_some_left = !alerts.is_empty() || is_dispatching(core).await?;
    Ok(is_some_left.then(|| now.plus(EVERY)))
}

async fn stranded(core: &Core, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    for call in core.store.stranded(now.minus(STRANDED), BATCH).await? {
        let key = AlertKind::Stranded.about(&call);
        if alerts.iter().any(|a| a.key == key) {
            continue;
        }
        let message =
            format!("call {call} is DISPATCHING and nothing will look at it again: take it by hand and report this");
        raise(core, AlertChange::Raise { key, call: Some(call), message }).await?;
    }
    Ok(())
}

async fn unused_breakers(core: &Core) -> Result<(), StoreError> {
    for b in breaker::unused(&core.store.breakers().await?, &core.directory()) {
        let event = Event::Breaker { sender: b.sender.clone(), what: BreakerEvent::Unused };
        core.apply(event, Actor::engine()).await?;
    }
    Ok(())
}

async fn what_is_over(core: &Core, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    let directory = core.directory();
    for alert in alerts {
        if let Some(change) = over(alert, &directory, now) {
            raise(core, change).await?;
        } else if is_of_a_closed_call(core, alert, now).await? || is_a_call_by_now(core, alert).await? {
            raise(core, AlertChange::Resolve { key: alert.key.clone() }).await?;
        }
    }
    Ok(())
}

async fn raise(core: &Core, change: AlertChange) -> Result<(), StoreError> {
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}

async fn failures_in_a_row(engine: &Engine, alerts: &[AlertLine], now: Timestamp) -> Result<(), StoreError> {
    let figures = engine.core.store.figures(now).await?;
    let key = AlertKey::from(AlertKind::ConsecutiveFailures);
    let many = u64::from(engine.bounds().consecutive_failures.max(1));
    let raised = alerts.iter().any(|a| a.key == key);
    // Where a breaker is open, its alert says why they fail.
    if figures.consecutive_failures >= many && !raised && figures.open_breakers == 0 {
        let message = format!("{} in a row failed", counted(figures.consecutive_failures, "text"));
        raise(&engine.core, AlertChange::Raise { key, call: None, message }).await?;
    } else if figures.consecutive_failures == 0 && raised {
        raise(&engine.core, AlertChange::Resolve { key }).await?;
    }
    Ok(())
}

/// What is over by the time or by the configuration alone.
fn over(alert: &AlertLine, directory: &Directory, now: Timestamp) -> Option<AlertChange> {
    let over = match alert.key.kind() {
        // A step of the clock is over at once; its alarm stands for as long as somebody may want to see it.
        AlertKind::Clock | AlertKind::OnCallChanged => now.since(alert.raised_at) >= CLOCK_STANDS,
        // A new text from that number raises the alert again; what a report said stays in the log.
        AlertKind::UnknownWriter | AlertKind::ReportUnread | AlertKind::BoardSignIns => {
            now.since(alert.raised_at) >= WRITER_STANDS
        }
        // Somebody sees it by the morning, however late it was raised; that it was missed stays in the log.
        AlertKind::Unheard | AlertKind::CallMissed | AlertKind::HistoryLost => {
            now.since(alert.raised_at) >= CLOSED_STANDS
        }
        // What is gone is gone; somebody sees it within the day.
        AlertKind::EventsPruned => now.since(alert.raised_at) >= CLOSED_STANDS,
        AlertKind::AutoResponder => now.since(alert.raised_at) >= CLOSED_STANDS,
        AlertKind::OwnerUntold => directory.alert_owners().all(|owner| owner.id.as_str() != alert.key.subject()),
        // Once read, nothing about it changes.
        AlertKind::WebhookOdd => now.since(alert.raised_at) >= CLOSED_STANDS,
        // It was configured since.
        AlertKind::UnlistedLine => !directory.line(Some(alert.key.subject())).1,
        _ => false,
    };
    over.then(|| AlertChange::Resolve { key: alert.key.clone() })
}

/// A phone call that was alarmed and is a call by now: its report came late, or a person dispatched it.
async fn is_a_call_by_now(core: &Core, alert: &AlertLine) -> Result<bool, StoreError> {
    let is_of_a_phone_call = matches!(alert.key.kind(), AlertKind::Unheard | AlertKind::CallMissed);
    let Some(id) = alert.key.subject().parse().ok().filter(|_| is_of_a_phone_call) else { return Ok(false) };
    Ok(core.store.known_phone_calls(vec![id]).await? == [KnownAs::Call])
}

/// A receipt may come days after its call was closed: what it alarms with ends by itself.
async fn is_of_a_closed_call(core: &Core, alert: &AlertLine, now: Timestamp) -> Result<bool, StoreError> {
    let Some(call) = alert.call.as_ref().filter(|_| alert.key.kind().ends_with_its_call()) else { return Ok(false) };
    if now.since(alert.raised_at) < CLOSED_STANDS {
        return Ok(false);
    }
    Ok(core.store.call(call).await?.is_none_or(|c| !c.call.status.is_open()))
}
