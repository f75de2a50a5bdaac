//! What waits while it is not known what a store has lost: see [`super::history`], which finds it out.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::types::CallRef;
use crate::store::HistoryDoubt;

/// Whether what is sent waits for what was lost to be found out.
#[derive(Debug, Default)]
pub struct History(Mutex<Option<Doubt>>);

#[derive(Debug, Clone)]
pub(super) struct Doubt {
    pub(super) of: HistoryDoubt,
    /// When it was seen, by our clock: what was made before may be lost.
    pub(super) at: Timestamp,
    /// The same by the boot clock.
    pub(super) since: Duration,
    /// Since when the list cannot be read, by the boot clock.
    pub(super) unread_since: Option<Duration>,
    /// What was found so far.
    pub(super) found: Found,
}

/// What of the calls from before may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    /// First notices go.
    Reminders,
    /// Nothing that was made before this moment goes.
    Before(Timestamp),
}

impl Holds {
    /// Whether what was made then waits.
    pub fn holds_back(self, made_at: Timestamp) -> bool {
        matches!(self, Self::Before(at) if made_at <= at)
    }
}

impl History {
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Option<Doubt>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.with(|doubt| doubt.clone())
    }

    /// Whether anything waits.
    pub fn is_in_doubt(&self) -> bool {
        self.with(|doubt| doubt.is_some())
    }

    /// What waits at this time of the boot clock; for a list that cannot be read first notices wait so long at most.
    pub fn holds(&self, boot: Duration, first_notices_wait: Duration) -> Holds {
        self.with(|doubt| match doubt {
            None => Holds::Nothing,
            Some(Doubt { unread_since: Some(since), .. }) if boot.saturating_sub(*since) >= first_notices_wait => {
                Holds::Reminders
            }
            Some(doubt) => Holds::Before(doubt.at),
        })
    }
}

/// What the list had and the store lacked.
#[derive(Debug, Default, Clone)]
pub(super) struct Found {
    pub(super) texts: usize,
    /// Of their calls, by their references.
    pub(super) calls: BTreeSet<CallRef>,
    /// References of calls that are not here.
    pub(super) strangers: BTreeSet<CallRef>,
}
