//! The engine's sign of life in the store: every command that relies on it reads it there, and sees an engine that hangs.
//!
//! It is when the essential duties had last passed, so dead loops give none. No follow-up rests on it; after a crash the start
//! writes a new row.

use std::time::Duration;

use crate::store::EngineBeat;

use super::Engine;
use super::duty::{ESSENTIAL_MAX, Passed};

/// How often: with the pauses of the essential duties it is at most 5 s old while the engine works.
pub const EVERY: Duration = Duration::from_secs(2);
/// The same on a server, where a renewed lease is a sign of life too.
pub const EVERY_ON_A_SERVER: Duration = Duration::from_secs(3);
/// A sign of life that is older is none.
pub const OLD: Duration = Duration::from_secs(5);

/// Gives one where the essential duties have passed lately.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub async fn pass(engine: &Engine) -> Passed {
    let core = &engine.core;
    let boot = core.clock.boot();
    if let Some(ago) = engine.heartbeats.since_essential(boot).filter(|ago| *ago <= ESSENTIAL_MAX) {
        let fresh = now(engine);
        let beat = EngineBeat { boot: fresh.boot.saturating_sub(ago), at: fresh.at.minus(ago), ..fresh };
        core.store.engine_heartbeat(&engine.id, &beat).await?;
    }
    Ok(Some(core.clock.now().plus(if engine.is_in_a_term() { EVERY_ON_A_SERVER } else { EVERY })))
}

/// A sign of life of this moment: a start is one.
pub(super) fn now(engine: &Engine) -> EngineBeat {
    let clock = &engine.core.clock;
    let boot = Duration::from_millis(u64::try_from(clock.boot().as_millis()).unwrap_or(u64::MAX));
    EngineBeat { boot_id: engine.boot_id.clone(), boot, at: clock.now() }
}
