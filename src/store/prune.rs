//! What a call that is over says of people goes after a time.

use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::types::Actor;

/// How much lost its names, numbers, addresses and words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    pub calls: u64,
    /// Texts, mails and phone calls of those.
    pub attempts: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Texts from people, those of no call too.
    pub replies: u64,
    pub phone_calls: u64,
    /// Lists that were mailed.
    pub mails: u64,
    /// Texts that asked somebody whether they are on call.
    pub roll_call_texts: u64,
    pub alerts: u64,
}

impl Pruned {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            attempts: self.attempts + other.attempts,
            entries: self.entries + other.entries,
            replies: self.replies + other.replies,
            phone_calls: self.phone_calls + other.phone_calls,
            mails: self.mails + other.mails,
            roll_call_texts: self.roll_call_texts + other.roll_call_texts,
            alerts: self.alerts + other.alerts,
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// One slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneSlice {
    pub pruned: Pruned,
    /// Whether nothing is left that is older.
    pub is_done: bool,
}

/// What a pruning would find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToPrune {
    pub calls: u64,
    /// Calls that are as old and wait: for a text that is on its way, or for another system that is not told yet.
    pub waiting: u64,
    /// Calls that are never pruned, because they are open.
    pub open: u64,
}

/// Owns what of a store goes after a time. The engine's duty and `store prune` call it, side by side if need be: what is pruned is
/// pruned once. Open calls are never touched. After a crash each call is pruned whole or not at all.
///
/// Gone are names, numbers, addresses, what was said and written; kept are ids, references, message SIDs, times, states, contacts' ids,
/// and which number was dialled, so that figures and the log's skeleton stand and nothing is taken twice.
#[async_trait]
pub trait Prune: Send + Sync {
    async fn to_prune(&self, before: Timestamp) -> Result<ToPrune, StoreError>;
    /// Prunes up to `calls` calls that closed before this, or what belongs to none; one short transaction.
    async fn prune_slice(&self, before: Timestamp, now: Timestamp, calls: usize) -> Result<PruneSlice, StoreError>;
    /// Writes into the log what was pruned, by whom.
    async fn log_pruned(&self, before: Timestamp, pruned: Pruned, by: &Actor, now: Timestamp)
    -> Result<(), StoreError>;
}

/// How many calls the next slice may have, so that no commit waits for long: by how long the last one took.
#[derive(Debug, Clone, Copy)]
pub struct SliceSize(usize);

impl SliceSize {
    const FIRST: usize = 4;
    const MOST: usize = 200;
    /// A slice is to take about so long; one of twice as long is cut to a half.
    pub const AIM: Duration = Duration::from_millis(8);

    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    pub const fn calls(self) -> usize {
        self.0
    }

    /// After a slice that took so long.
    #[must_use]
    pub fn after(self, took: Duration) -> Self {
        let next = if took > Self::AIM { self.0 / 2 } else { self.0 + 1 + self.0 / 8 };
        Self(next.clamp(1, Self::MOST))
    }
}

impl Default for SliceSize {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_until_they_take_too_long_and_never_end() {
        let quick = (0..200).fold(SliceSize::new(), |s, _| s.after(Duration::from_millis(1)));
        assert_eq!(quick.calls(), SliceSize::MOST);
        let slow = (0..20).fold(quick, |s, _| s.after(Duration::from_millis(30)));
        assert_eq!(slow.calls(), 1);
    }
}
