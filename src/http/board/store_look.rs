//! Whether the store takes writes, as the page knows it. It is tried in the background and at most once in five seconds, so that no page
//! waits for a store that somebody holds, and a page that is looked at costs next to no writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::apply::Core;
use crate::store::StoreError;

/// A store that took the last write is tried again after this.
const EVERY: Duration = Duration::from_secs(5);
/// One that did not, after this.
const AGAIN: Duration = Duration::from_secs(1);
/// A write that takes longer has failed.
const PROBE_MAX: Duration = Duration::from_secs(2);

/// What is known of the store's writes.
#[derive(Debug, Default)]
pub(super) struct StoreLook(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// When the last try began, by the boot clock.
    tried: Option<Duration>,
    is_trying: bool,
    /// Failed tries in a row.
    failed: u32,
    why: Option<&'static str>,
}

impl Inner {
    fn note(&mut self, found: Option<(&'static str, Certainty)>) {
        self.is_trying = false;
        self.failed = if found.is_some() { self.failed.saturating_add(1) } else { 0 };
        // Somebody may hold it for a moment; a full disk is full.
        self.why = found.filter(|(_, how)| *how == Certainty::Sure || self.failed > 1).map(|(why, _)| why);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Sure,
    MayPass,
}

impl StoreLook {
    /// Why nothing can be written, as the last try found it; another is made in the background where it is time.
    pub(super) fn known(&self, core: &Arc<Core>) -> Option<String> {
        let mut inner = locked(&self.0);
        let now = core.clock.boot();
        let pause = if inner.failed > 0 { AGAIN } else { EVERY };
        if !inner.is_trying && inner.tried.is_none_or(|at| now.saturating_sub(at) >= pause) {
            (inner.tried, inner.is_trying) = (Some(now), true);
            let (core, kept) = (core.clone(), self.0.clone());
            tokio::spawn(async move {
                let found = try_it(&core).await;
                locked(&kept).note(found);
            });
        }
        inner.why.map(str::to_owned)
    }
}

async fn try_it(core: &Core) -> Option<(&'static str, Certainty)> {
    match tokio::time::timeout(PROBE_MAX, core.store.probe(core.clock.now())).await {
        Ok(Ok(_)) => None,
        Ok(Err(StoreError::Full { .. })) => Some(("Its disk is full, or it may not be written.", Certainty::Sure)),
        Ok(Err(StoreError::Denied { .. })) => Some(("A right to write it is missing.", Certainty::Sure)),
        Ok(Err(StoreError::Broken { .. } | StoreError::Closed)) => Some(("It failed.", Certainty::Sure)),
        Ok(Err(StoreError::Busy)) => Some(("Somebody else holds it.", Certainty::MayPass)),
        Ok(Err(StoreError::ReadOnly { .. })) => Some(("It takes no writes.", Certainty::MayPass)),
        Ok(Err(_)) => Some(("It cannot be reached.", Certainty::MayPass)),
        Err(_) => Some(("It does not answer.", Certainty::MayPass)),
    }
}

fn locked(kept: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_at_once_and_a_store_that_is_held_when_it_was_held_twice() {
        let mut inner = Inner::default();
        inner.note(Some(("full", Certainty::Sure)));
        assert_eq!((inner.why, inner.failed), (Some("full"), 1));
        inner.note(None);
        assert_eq!((inner.why, inner.failed), (None, 0));
        inner.note(Some(("held", Certainty::MayPass)));
        assert_eq!(inner.why, None);
        inner.note(Some(("held", Certainty::MayPass)));
        assert_eq!(inner.why, Some("held"));
    }
}
