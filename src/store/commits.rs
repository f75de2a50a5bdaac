//! How the transactions of a store's one writer end, counted in this process since it opened the store: for metrics alone. What a
//! crash forgets of it nobody needs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The bounds of [`CommitFigures::within`], in seconds: a disk that is well takes a few milliseconds.
pub const COMMIT_BOUNDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// What was counted until now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitFigures {
    /// Transactions that were committed.
    pub commits: u64,
    /// Changes that they held: more than there are commits where changes waited together.
    pub changes: u64,
    /// Transactions of which nothing, or nothing for certain, was committed.
    pub failed: u64,
    /// How long their commits took in all, in seconds: the disk, or the server.
    pub seconds: f64,
    /// How many commits took no longer than each of [`COMMIT_BOUNDS`].
    pub within: [u64; COMMIT_BOUNDS.len()],
}

/// The counts of one writer.
#[derive(Debug, Default)]
pub(super) struct CommitCounts(Mutex<CommitFigures>);

impl CommitCounts {
    /// A transaction was committed.
    pub(super) fn committed(&self, changes: usize, took: Duration) {
        let mut f = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.commits += 1;
        f.changes += u64::try_from(changes).unwrap_or(u64::MAX);
        f.seconds += took.as_secs_f64();
        for (within, bound) in f.within.iter_mut().zip(COMMIT_BOUNDS) {
            *within += u64::from(took.as_secs_f64() <= *bound);
        }
    }

    /// A transaction was not.
    pub(super) fn failed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed += 1;
    }

    pub(super) fn figures(&self) -> CommitFigures {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
