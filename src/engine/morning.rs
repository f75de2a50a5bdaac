//! Deferred calls that nobody has seen by the morning alarm, and again every hour. A duty of its own, which waits for no text.
//!
//! When a call is looked at next stands in the store: an engine that starts late alarms at once.

use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::types::Actor;

use super::duty::Passed;
use super::rest::EVER;
use super::{Engine, others_go_on};

/// How late an alarm may be; nobody is asleep over it.
pub const EVERY: Duration = Duration::from_secs(30);
/// Calls looked at in one pass.
const BATCH: usize = 200;

/// One look.
///
/// # Errors
/// [`crate::store::StoreError`]: the rest is looked at in the next pass.
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    let now = core.clock.now();
    for call in core.store.not_seen(now, BATCH).await? {
        others_go_on(core.apply(Event::Wake { call }, Actor::engine()).await.map(drop))?;
    }
    // Of what is looked at later the store says nothing but that there is some.
    let is_some_left = !core.store.not_seen(EVER, 1).await?.is_empty();
    Ok(is_some_left.then(|| now.plus(EVERY)))
}
