//! Moves the store's write-ahead log into its file when nobody commits: a checkpoint beside commits makes them wait for the disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;
use super::duty::Passed;

/// How often to look whether the store is idle.
pub const EVERY: Duration = Duration::from_secs(1);
/// Not oftener than this: the engine's own sign of life alone is worth no fsync.
const PAUSE: Duration = Duration::from_secs(10);
/// A store that is never idle is checkpointed this often all the same, so that its log does not grow without bound.
const BUSY: Duration = Duration::from_secs(30);

/// See the module.
pub struct Checkpoints {
    engine: Arc<Engine>,
    last: Mutex<Last>,
}

/// When the store was last seen to change, and last checkpointed.
#[derive(Debug, Default)]
struct Last {
    seen: u64,
    done: u64,
    done_at: Duration,
}

impl Last {
    /// Something was committed since the last checkpoint, that is a while ago, and either nobody commits now or it is too long ago.
    fn is_due(&mut self, version: u64, boot: Duration) -> bool {
        let idle = version == self.seen;
        self.seen = version;
        let since = boot.saturating_sub(self.done_at);
        let due = version != self.done && ((idle && since >= PAUSE) || since >= BUSY);
        if due {
            (self.done, self.done_at) = (version, boot);
        }
        due
    }
}

impl Checkpoints {
    /// Over this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let last = Mutex::new(Last { done_at: engine.started, ..Last::default() });
        Self { engine, last }
    }

    /// Looks, and checkpoints where it is time.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let Some(upkeep) = core.store.upkeep() else { return Ok(None) };
        let (now, version, boot) = (core.clock.now(), core.store.version().await?, core.clock.boot());
        let due = self.last.lock().unwrap_or_else(PoisonError::into_inner).is_due(version, boot);
        if due {
            upkeep.checkpoint().await?;
        }
        Ok(Some(now.plus(EVERY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_waits_for_an_idle_moment_but_not_for_ever() {
        let mut c = Last::default();
        let at = Duration::from_secs;
        let looks = [
            (1, 11, false),
            (2, 12, false),
            (2, 13, true),
            (3, 15, false),
            (3, 16, false),
            (3, 23, true),
            (3, 60, false),
        ];
        for (version, boot, due) in looks {
            assert_eq!(c.is_due(version, at(boot)), due, "version {version} at {boot} s");
        }
        let busy: Vec<u64> = (54..130).filter(|s| c.is_due(s + 100, at(*s))).collect();
        assert_eq!(busy, [54, 84, 114], "never idle: every {} s", BUSY.as_secs());
    }
}
