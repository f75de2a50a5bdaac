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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::harness::sid;
    use crate::testing::secs;

    #[test]
    fn a_reply_that_cannot_be_decided_rests_for_its_time_is_news_once_and_is_done_with_when_it_is_decided() {
        let undecided = Undecided::default();
        assert_eq!((undecided.count(), undecided.rests(&sid(1), secs(0))), (0, false));
        assert!(undecided.not_decided(sid(1), secs(0)), "news");
        assert!(undecided.not_decided(sid(2), secs(0)), "another one is too");
        assert!(undecided.rests(&sid(1), secs(599)) && !undecided.rests(&sid(1), secs(600)), "then it has its turn");
        assert!(!undecided.not_decided(sid(1), secs(600)), "the same again is no news");
        assert!(undecided.rests(&sid(1), secs(1_199)), "and rests again");
        assert_eq!(undecided.count(), 2);
        undecided.decided(&sid(1));
        assert_eq!((undecided.count(), undecided.rests(&sid(1), secs(601))), (1, false));
    }

    #[test]
    fn of_more_than_may_rest_each_further_one_waits_in_its_turn_and_those_that_rest_go_on_resting() {
        let undecided = Undecided::default();
        for n in 0..1_000 {
            assert!(undecided.not_decided(sid(n), secs(0)));
        }
        assert!(!undecided.not_decided(sid(1_000), secs(0)), "nobody is paged for what is not kept");
        assert_eq!((undecided.count(), undecided.rests(&sid(1_000), secs(1))), (1_000, false));
        assert!(!undecided.not_decided(sid(7), secs(600)));
        assert!(undecided.rests(&sid(7), secs(601)));
    }
}
