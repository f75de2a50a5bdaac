//! How many of a store's commits are this process's own, read so that none is taken for another's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counted by the one writer of this process. A commit is visible on the server before it is counted here.
#[derive(Debug, Default)]
pub(super) struct OwnCommits {
    counted: AtomicU64,
    is_committing: AtomicBool,
}

impl OwnCommits {
    /// Commits what changes something, and counts it. One that nobody is sure of counts as another's: a look too many.
    pub(super) fn count<T, E>(&self, commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.is_committing.store(true, Ordering::SeqCst);
        let done = commit();
        if done.is_ok() {
            self.counted.fetch_add(1, Ordering::SeqCst);
        }
        self.is_committing.store(false, Ordering::SeqCst);
        done
    }

    /// How many there were before a number of all commits is read: for [`OwnCommits::others`]. `None`: one is under way.
    pub(super) fn before(&self) -> Option<u64> {
        // In this order: one that ends between the two is counted by then.
        let is_committing = self.is_committing.load(Ordering::SeqCst);
        let counted = self.counted.load(Ordering::SeqCst);
        (!is_committing).then_some(counted)
    }

    /// Of so many commits in all those of others. `None`: one of our own came meanwhile, and may be in that number or not.
    pub(super) fn others(&self, all: u64, before: Option<u64>) -> Option<u64> {
        let now = self.before();
        before.filter(|_| now == before).map(|own| all.wrapping_sub(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_visible_and_not_counted_yet_is_not_taken_for_anothers() {
        let own = OwnCommits::default();
        assert_eq!(own.others(7, own.before()), Some(7));
        let before = own.before();
        let seen = own.count(|| Ok::<_, ()>((own.others(8, own.before()), own.others(8, before))));
        assert_eq!(seen, Ok((None, None)), "it is under way");
        assert_eq!(own.others(8, before), None, "it came while the number was read");
        assert_eq!(own.others(8, own.before()), Some(7), "nobody else has committed");
        assert_eq!(own.count(|| Err::<(), _>("unsure")), Err("unsure"));
        assert_eq!(own.others(9, own.before()), Some(8), "it counts as another's");
    }
}
