//! Tells alerts to their sinks: claims what waits, tells it, and forgets it only if nothing newer came meanwhile.
//!
//! What cannot be told stays and is tried again with growing pauses, for ever: an alert that nobody heard is not over. A crash
//! between telling and forgetting tells once more; the key makes that harmless.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::domain::Timestamp;
use crate::gateways::AlertNotice;
use crate::killpoint;
use crate::store::StoreError;

use super::{Engine, Scope};

const BATCH: usize = 20;
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Tells what waits; returns when to try again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Arc<Engine>) -> Result<Option<Timestamp>, StoreError> {
    if engine.sinks.is_empty() || engine.scope != Scope::All {
        return Ok(None);
    }
    let core = &engine.core;
    let now = core.clock.now();
    let tasks = core.store.alerts_to_tell(now, BATCH).await?;
    let full = tasks.len() >= BATCH;
    for task in tasks {
        let l = &task.line;
        let notice = AlertNotice {
            key: l.key.clone(),
            call: l.call.clone(),
            message: l.message.clone(),
            raised_at: l.raised_at,
            resolved_at: task.resolved_at,
        };
        killpoint::hit("alert.claimed");
        let mut failed = None;
        for sink in &engine.sinks {
            if let Err(why) = sink.tell(&notice).await {
                failed = Some(why);
            }
        }
        killpoint::hit("alert.told");
        match failed {
            None => core.store.alert_told(&l.key, task.version).await?,
            Some(why) => {
                let pause = PAUSE_FIRST.saturating_mul(1 << task.attempts.min(8)).min(PAUSE_MAX);
                warn!(why, "an alert could not be told to its sink; it is tried again");
                let again = core.clock.now().plus(core.ids.jittered(pause));
                core.store.alert_not_told(&l.key, task.version, again).await?;
            }
        }
    }
    if full { Ok(Some(now)) } else { core.store.next_alert(now).await }
}
