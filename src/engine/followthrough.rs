//! Calls that somebody took and says nothing more of: their holder is asked, and a person is alarmed where no answer comes.
//!
//! When a call is looked at next stands in the store: an engine that starts late asks at once, and once.

use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::types::Actor;

use super::duty::Passed;
use super::rest::EVER;
use super::{Engine, others_go_on};

/// How late a question may be.
pub const EVERY: Duration = Duration::from_secs(5);
/// How soon is looked again whether the replies of the time before the start were read.
const UNTIL_HEARD: Duration = Duration::from_millis(250);
/// Calls looked at in one pass.
const BATCH: usize = 200;

/// One look.
///
/// # Errors
/// [`crate::store::StoreError`]: the rest is looked at in the next pass.
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    let now = core.clock.now();
    if engine.reminders_wait() {
        // What was answered while no engine ran counts before anybody is asked, alarmed or loses the call.
        return Ok(Some(now.plus(UNTIL_HEARD)));
    }
    for call in core.store.to_ask(now, BATCH).await? {
        others_go_on(core.apply(Event::Wake { call }, Actor::engine()).await.map(drop))?;
    }
    // Of what is looked at later the store says nothing but that there is some.
    let is_some_left = !core.store.to_ask(EVER, 1).await?.is_empty();
    Ok(is_some_left.then(|| now.plus(EVERY)))
}
