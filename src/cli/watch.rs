//! Waiting for another process's commits: commands that watch look at the store's version, never at a notification that can
//! be lost. Stopping to watch changes nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::{Control, StoreError};

use super::signals;

/// How often the version is looked at: a commit is seen within the promised 250 ms.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wakeup {
    /// Somebody committed, or the longest wait is over: look again.
    Look,
    /// The user interrupted.
    Interrupted,
}

/// Tells when to look at the store again.
pub(crate) struct Watcher {
    store: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    seen: u64,
    interrupted: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Watcher {
    /// Watches from now on: a commit after this is never missed, so look at the store after it.
    pub(crate) async fn start(store: Arc<dyn Control>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let seen = store.version().await?;
        let mut interrupted: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(signals::interrupted());
        // From here on an interrupt is heard by us.
        let _ = futures_util::poll!(interrupted.as_mut());
        Ok(Self { store, clock, seen, interrupted })
    }

    /// Returns with `signal`, which follows every commit where an engine of this process works, with an interrupt, or after
    /// `at_most`. The store is not looked at meanwhile.
    pub(crate) async fn until(&mut self, signal: impl Future<Output = ()>, at_most: Duration) -> Wakeup {
        let end = self.clock.now().plus(at_most);
        tokio::select! {
            () = signal => Wakeup::Look,
            () = self.clock.sleep_until(end) => Wakeup::Look,
            () = &mut self.interrupted => Wakeup::Interrupted,
        }
    }

    /// Returns after a commit, an interrupt, or `at_most` (what no commit tells of, such as an engine that died).
    pub(crate) async fn next(&mut self, at_most: Duration) -> Result<Wakeup, StoreError> {
        let end = self.clock.now().plus(at_most);
        loop {
            let now = self.clock.now();
            if now >= end {
                return Ok(Wakeup::Look);
            }
            tokio::select! {
                () = self.clock.sleep_until(now.plus(LOOK_EVERY).min(end)) => {}
                () = &mut self.interrupted => return Ok(Wakeup::Interrupted),
            }
            let version = self.store.version().await?;
            if version != self.seen {
                self.seen = version;
                return Ok(Wakeup::Look);
            }
        }
    }
}
