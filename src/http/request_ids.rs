//! An id for each request.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::Timestamp;
use crate::engine::apply::Core;
use crate::ids::Ids;

/// Request ids: a part that is this process's own and a number, so that making one takes no lock.
pub(super) struct RequestIds {
    process: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(core: &Core) -> Self {
        Self::of(&core.ids, core.clock.now())
    }

    pub(super) fn of(ids: &Ids, now: Timestamp) -> Self {
        let mut process = ids.uuid(now).simple().to_string();
        // The tail is chance; the head is the time.
        let process = process.split_off(process.len().saturating_sub(10));
        Self { process, next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> String {
        format!("req_{}{:06x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
