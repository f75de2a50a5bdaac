//! What is known of the base and of each table, in memory. A restart forgets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::alert::AlertKey;
use crate::domain::types::{AttemptId, CallId};
use crate::engine::layout::{Lack, Layouts};

/// What is known of the mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MirrorHealth {
    /// All requests rest until then, after a 429.
    pub resting_until: Option<Timestamp>,
    /// The month's requests are used up; tried again then.
    pub billing_until: Option<Timestamp>,
    /// What the base said last, where that was no success.
    pub trouble: Option<String>,
    /// Rows given up.
    pub parked: u64,
    /// Rows that were written and not read back.
    pub unverified: u64,
    /// How much longer than usual rows may wait, as they are gathered.
    pub patience: Duration,
}

/// The month's requests are used up: how often that is asked.
pub(super) const BILLING_PAUSE: Duration = Duration::from_secs(3600);

/// The longest that a base may ask a table's rows to wait.
const HELD_MAX: Duration = Duration::from_secs(3600);

/// Which of the mirror's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MirrorTable {
    Events,
    Calls,
}

impl MirrorTable {
    pub(super) const ALL: [Self; 2] = [Self::Events, Self::Calls];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Calls => "calls",
        }
    }
}

/// How one table is doing.
#[derive(Debug, Default)]
pub(super) struct TableState {
    pub(super) failures: u32,
    pub(super) not_before: Option<Timestamp>,
    /// What the base could not hold of this table's rows.
    pub(super) lacks: BTreeSet<Lack>,
    /// In words, while it is.
    pub(super) trouble: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct MirrorState {
    events: TableState,
    calls: TableState,
    pub(super) billing_until: Option<Timestamp>,
    /// Keys of which an earlier write may have been done; `None`: that of a dead engine may.
    pub(super) doubted: Option<BTreeSet<String>>,
    /// Open alerts of ours, by key; `None`: not read yet.
    pub(super) raised: Option<BTreeMap<AlertKey, String>>,
    /// How rows stand in the base; `None`: not read yet.
    pub(super) layouts: Option<Arc<Layouts>>,
    /// Rows of events that are older than this may have been written without their id.
    pub(super) keyed_since: Option<Timestamp>,
    /// The calls of which this process wrote an event without their record.
    pub(super) unlinked: BTreeSet<CallId>,
    /// When the base is asked whether it has by now what it lacked, and how often it was.
    pub(super) relook_at: Option<Timestamp>,
    pub(super) relooks: u32,
    /// The events that say whose the calls are, as they were told last.
    pub(super) holders: BTreeMap<CallId, Option<AttemptId>>,
    pub(super) batch_is_open: bool,
    pub(super) looked_at: Option<Timestamp>,
    /// Whether rows waited for the base when figures were counted last.
    pub(super) waits: bool,
    pub(super) seen: MirrorHealth,
}

impl MirrorState {
    pub(super) const fn of(&mut self, table: MirrorTable) -> &mut TableState {
        match table {
            MirrorTable::Events => &mut self.events,
            MirrorTable::Calls => &mut self.calls,
        }
    }

    /// The base as a whole is left alone until then.
    pub(super) fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.billing_until.filter(|until| is_ahead(*until, now, BILLING_PAUSE))
    }

    /// When a table that is left alone is tried again.
    pub(super) fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let tables = [&self.events, &self.calls].into_iter().filter_map(|s| s.not_before);
        tables.chain(self.relook_at).filter(|at| is_ahead(*at, now, HELD_MAX)).min()
    }

    pub(super) fn is_held(&mut self, table: MirrorTable, now: Timestamp) -> bool {
        self.of(table).not_before.is_some_and(|at| is_ahead(at, now, HELD_MAX))
    }
}

/// A moment to come, and none that only a clock set back has put so far ahead.
fn is_ahead(at: Timestamp, now: Timestamp, most: Duration) -> bool {
    at > now && at <= now.plus(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_312_800_000);

    /// So much later, or earlier, than now.
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() + 1_000 * seconds)
    }

    #[test]
    fn a_table_waits_for_what_is_ahead_and_never_for_what_only_a_clock_set_back_put_there() {
        let hour = 3_600;
        for (pause, waits) in [
            (None, false),
            (Some(at(-1)), false),
            (Some(NOW), false),
            (Some(at(1)), true),
            (Some(at(hour)), true),
            (Some(at(hour + 1)), false),
        ] {
            let mut state = MirrorState::default();
            state.of(MirrorTable::Events).not_before = pause;
            assert_eq!(state.is_held(MirrorTable::Events, NOW), waits, "{pause:?}");
            assert!(!state.is_held(MirrorTable::Calls, NOW), "the other table goes on");
            assert_eq!(state.next_try(NOW), pause.filter(|_| waits));
            state.billing_until = pause;
            assert_eq!(state.rests_until(NOW), pause.filter(|_| waits), "the whole base rests by the same rule");
        }
    }

    #[test]
    fn the_next_try_is_the_first_of_both_tables_and_of_the_look_for_what_lacked() {
        let mut state = MirrorState { relook_at: Some(at(30)), ..MirrorState::default() };
        assert_eq!(state.next_try(NOW), Some(at(30)));
        state.of(MirrorTable::Events).not_before = Some(at(20));
        state.of(MirrorTable::Calls).not_before = Some(at(10));
        assert_eq!(state.next_try(NOW), Some(at(10)));
        state.of(MirrorTable::Calls).not_before = Some(at(-10));
        assert_eq!(state.next_try(NOW), Some(at(20)), "what is over is no reason to come again");
    }
}
