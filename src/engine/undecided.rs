//! Replies that wait and could not be decided: they rest while the others go on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::types::MessageSid;

/// How long a reply that cannot be decided rests before it is tried again.
const RESTS_FOR: Duration = Duration::from_secs(600);

/// Replies that rest at most: more wait in their turn.
const RESTING_MAX: usize = 1_000;

/// Replies that could not be decided, and when each is tried again, by the boot clock. It is not kept: the next engine tries anew.
#[derive(Debug, Default)]
pub(super) struct Undecided(Mutex<BTreeMap<MessageSid, Duration>>);

impl Undecided {
    pub(super) fn rests(&self, sid: &MessageSid, now: Duration) -> bool {
        self.all().get(sid).is_some_and(|until| *until > now)
    }

    pub(super) fn count(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<MessageSid, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn decided(&self, sid: &MessageSid) {
        self.all().remove(sid);
    }

    /// Whether it is news.
    pub(super) fn not_decided(&self, sid: MessageSid, now: Duration) -> bool {
        let mut all = self.all();
        if all.len() >= RESTING_MAX && !all.contains_key(&sid) {
            return false;
        }
        all.insert(sid, now.saturating_add(RESTS_FOR)).is_none()
    }
}
