//! Whether anybody commits: while nobody does, a look at the store finds what the last look found.
//!
//! Whoever polls the store for commits notes here what it saw. A duty whose passes read the store alone, and that answered when
//! it has something to do next, is not driven again before that time while the store stands still ([`REST_MAX`] at the
//! longest). A commit of this process rings for whom it concerns, one of another process rings for all once a poll has seen it; a duty
//! that nothing rings for looks at its next usual pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::store::StoreError;

use super::apply::Core;

/// A duty passes all the same after this: what this process holds in memory, and what it may have got wrong, is looked at again.
pub const REST_MAX: Duration = Duration::from_secs(60);
/// A poll that is older says nothing any more.
const FRESH: Duration = Duration::from_millis(2_500);

/// Whatever is due is due by then.
pub const EVER: Timestamp = Timestamp::from_millis(i64::MAX);
/// All that is due is due after this.
const BEFORE_ALL: Timestamp = Timestamp::from_millis(i64::MIN);

/// Whether a call is DISPATCHING: each has a wake time.
///
/// # Errors
/// [`StoreError`].
pub async fn is_dispatching(core: &Core) -> Result<bool, StoreError> {
    Ok(core.store.next_wake(BEFORE_ALL).await?.is_some())
}

/// The version of the store that was seen last, and when by the boot clock.
#[derive(Debug, Default)]
pub struct StoreVersion(Mutex<Option<(u64, Duration)>>);

impl StoreVersion {
    /// A poll at this time of the boot clock has found this version.
    pub fn saw(&self, version: u64, boot: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, boot));
    }

    /// What the last poll has found; `None`: it was too long ago, or there was none.
    pub fn known(&self, boot: Duration) -> Option<u64> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.filter(|(_, at)| boot.saturating_sub(*at) <= FRESH).map(|(version, _)| version)
    }

    /// Whether nobody has committed since this was known.
    pub fn stands_still(&self, since: Option<u64>, boot: Duration) -> bool {
        since.is_some() && self.known(boot) == since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_only_while_fresh_polls_find_the_same() {
        let (at, seen) = (Duration::from_secs, StoreVersion::default());
        assert!(!seen.stands_still(seen.known(at(1)), at(1)), "nobody has looked");
        seen.saw(7, at(1));
        let began = seen.known(at(1));
        assert!(seen.stands_still(began, at(2)));
        assert!(!seen.stands_still(began, at(4)), "a poll that long ago says nothing");
        seen.saw(8, at(4));
        assert!(!seen.stands_still(began, at(4)), "somebody has committed");
    }
}
