//! Silence is an alarm: a call of which nobody has been told a minute after it was accepted alerts, and again every ten minutes
//! while it stays so. A duty of its own, which waits for no other work and for nobody outside.

use std::time::Duration;

use crate::domain::alert::AlertChange;
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::domain::{ANSWERED_WITHIN, AlertKind, Timestamp};
use crate::store::{AlertLine, StoreError};

use super::apply::Core;
use super::duty::Passed;
use super::rest::is_dispatching;
use super::{Engine, others_go_on};

/// A call of which nobody has been told for this long alerts.
const UNNOTIFIED: Duration = Duration::from_secs(60);
pub const EVERY: Duration = Duration::from_secs(2);
/// Without a look for longer, health is degraded.
pub const STILL_MAX: Duration = Duration::from_secs(30);
const BATCH: usize = 200;

/// One look.
///
/// # Errors
/// [`StoreError`]: the first of either part; the other was done.
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    let now = core.clock.now();
    let unanswered = unanswered(core, now).await;
    unnotified(core, now).await.and(unanswered).and(unnotified_still(core, now).await)?;
    Ok(may_be_due(core).await?.then(|| now.plus(EVERY)))
}

/// Whether time alone may make something due: a call that is DISPATCHING, or an alarm of one.
async fn may_be_due(core: &Core) -> Result<bool, StoreError> {
    let repeats = |a: &AlertLine| a.key.kind().repeat_every().is_some();
    Ok(is_dispatching(core).await? || core.store.alerts().await?.iter().any(repeats))
}

async fn unnotified(core: &Core, now: Timestamp) -> Result<(), StoreError> {
    for call in core.store.unnotified(now.minus(UNNOTIFIED), BATCH).await? {
        others_go_on(core.apply(Event::Unnotified { call }, Actor::engine()).await.map(drop))?;
    }
    Ok(())
}

/// Where no text tells, an answer is asked for.
async fn unanswered(core: &Core, now: Timestamp) -> Result<(), StoreError> {
    for call in core.store.unanswered(now.minus(ANSWERED_WITHIN), BATCH).await? {
        others_go_on(core.apply(Event::Unanswered { call }, Actor::engine()).await.map(drop))?;
    }
    Ok(())
}

async fn unnotified_still(core: &Core, now: Timestamp) -> Result<(), StoreError> {
    for alert in core.store.alerts().await? {
        if let Some(change) = again(&alert, now) {
            core.apply(Event::Alert(change), Actor::engine()).await?;
        }
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
    let what = match alert.key.kind() {
        AlertKind::Unanswered => format!("nobody has answered the mails about call {call}"),
        _ => format!("nobody has been told of call {call} yet"),
    };
    let message = format!("{what}, {minutes} min after the first alarm: take it by hand");
    (times > 0 && alert.message != message).then(|| AlertChange::Again { key: alert.key.clone(), message })
}
