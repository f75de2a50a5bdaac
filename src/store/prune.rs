//! What a call that is over says of people goes after a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::clock::Stopwatch;
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
    /// Texts that told an owner of an alert.
    pub alert_texts: u64,
    pub alerts: u64,
    /// Calls of which a receiver of event webhooks was not told everything, however long they waited for it.
    pub untold: u64,
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
            alert_texts: self.alert_texts + other.alert_texts,
            alerts: self.alerts + other.alerts,
            untold: self.untold + other.untold,
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to be pruned next, in the order of the work. It is found in a read, for which no commit waits; each of it is looked at
/// again before it is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prunable {
    /// Calls; nothing else is found while there are some.
    pub calls: Vec<String>,
    /// What belongs to no call: of which table, and its key there.
    pub others: Vec<(OtherTable, String)>,
    /// Up to this entry the log has nothing to lose.
    pub log_to: i64,
    /// Whether the walk through the log is to go on from there.
    pub walks: bool,
}

impl Prunable {
    /// How many pieces it is; the walk through the log is the last one.
    fn pieces(&self) -> usize {
        self.calls.len() + self.others.len() + usize::from(self.walks)
    }
}

/// Where words of people are that belong to no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OtherTable {
    Replies,
    PhoneCalls,
    Mails,
    RollCallTexts,
    RollCalls,
    AlertTexts,
    EndedAlerts,
    Alerts,
}

/// How much one slice may do: at least one piece of what was found, whatever it weighs.
#[derive(Debug, Clone, Copy)]
pub struct SliceLimit {
    /// The first piece of what was found.
    pub from: usize,
    /// Rows that are changed; one of many bytes counts as several.
    pub weight: u64,
    /// How long it works.
    pub within: Duration,
}

/// Calls of which a receiver of event webhooks has still to be told something wait for it so long beyond their time, and no longer.
pub(super) const KEPT_FOR_RECEIVERS: Duration = Duration::from_secs(7 * 86_400);

/// One slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneSlice {
    pub pruned: Pruned,
    /// The piece that the next slice begins with.
    pub next: usize,
    /// Whether the walk through the log has come to what stays.
    pub walked: bool,
    /// How long it worked, without what it waited for.
    pub worked: Duration,
}

/// What prunings have pruned and the log does not say yet. It is kept with each slice, so that no process takes it with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnloggedPruning {
    /// Calls that were over before this were pruned.
    pub before: Timestamp,
    pub pruned: Pruned,
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
    /// What is to be pruned next; nothing changes.
    async fn find_prunable(&self, before: Timestamp) -> Result<Prunable, StoreError>;
    /// Prunes some of what was found; one short transaction.
    async fn prune_slice(
        &self,
        before: Timestamp,
        now: Timestamp,
        found: Arc<Prunable>,
        limit: SliceLimit,
    ) -> Result<PruneSlice, StoreError>;
    /// What was pruned and is not in the log: by prunings of `before`, and by others that ended before they could say so.
    async fn unlogged_prunings(&self, before: Timestamp, now: Timestamp) -> Result<Vec<UnloggedPruning>, StoreError>;
    /// Writes into the log what prunings of `before` have pruned, by whom; nothing where it says so already.
    async fn log_pruned(&self, before: Timestamp, by: &Actor, now: Timestamp) -> Result<(), StoreError>;
}

/// How much the next slice may change, so that no commit waits for long: by how long the last one took.
#[derive(Debug, Clone, Copy)]
pub struct SliceSize(u64);

impl SliceSize {
    const FIRST: u64 = 64;
    const LEAST: u64 = 10;
    const MOST: u64 = 4_000;
    /// A slice is to take about so long, its commit included; after a longer one the next is half as large.
    pub const AIM: Duration = Duration::from_millis(5);
    /// So long it works before it commits. On a machine that is busy whoever works for longer is made to wait in the middle, and every
    /// commit waits with it.
    const WORK: Duration = Duration::from_millis(2);

    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    fn limit(self, from: usize) -> SliceLimit {
        SliceLimit { from, weight: self.0, within: Self::WORK }
    }

    /// After a slice that took so long, and worked for so long of that: the rest is what it waited for, and its commit.
    #[must_use]
    fn after(self, took: Duration, worked: Duration) -> Self {
        let is_long = took > Self::AIM && worked > Self::WORK / 2;
        let next = if is_long { self.0 / 2 } else { self.0 + 1 + self.0 / 8 };
        Self(next.clamp(Self::LEAST, Self::MOST))
    }
}

impl Default for SliceSize {
    fn default() -> Self {
        Self::new()
    }
}

/// One pruning, slice by slice. It keeps nothing that a crash could lose: another one finds what is left, and what was pruned is counted
/// in the store.
#[derive(Debug, Default)]
pub struct Pruner {
    found: Arc<Prunable>,
    next: usize,
    /// The walk through the log has come to what stays.
    walked: bool,
    size: SliceSize,
    pub pruned: Pruned,
    pub slices: u32,
    /// The longest that one slice kept others from committing.
    pub longest: Duration,
    /// How long the last slice kept others from committing.
    last: Duration,
    /// Slices since the store's log was moved into its file.
    not_moved: u32,
    /// For measurements: other than [`Pruner::CHECKPOINT_EVERY`].
    #[cfg(test)]
    pub checkpoint_every: Option<u32>,
}

impl Pruner {
    /// So many slices, and the store's log is moved into its file.
    const CHECKPOINT_EVERY: u32 = 50;

    /// Prunes a slice. Whether nothing is left that is older.
    ///
    /// # Errors
    /// [`StoreError`]; what was pruned before stays pruned, and the next call goes on.
    pub async fn slice(
        &mut self,
        store: &(impl Prune + ?Sized),
        before: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if self.next >= self.found.pieces() {
            let mut found = store.find_prunable(before).await?;
            found.walks &= !self.walked;
            (self.found, self.next) = (Arc::new(found), 0);
            if self.found.pieces() == 0 {
                return Ok(true);
            }
        }
        let watch = Stopwatch::start();
        let slice = store.prune_slice(before, now, Arc::clone(&self.found), self.size.limit(self.next)).await?;
        let took = watch.passed();
        self.size = self.size.after(took, slice.worked);
        (self.last, self.longest) = (took, self.longest.max(took));
        self.slices += 1;
        self.not_moved += 1;
        self.next = slice.next;
        self.pruned = self.pruned.and(slice.pruned);
        // A call of very many entries sends the walk back.
        self.walked = slice.walked || (self.walked && slice.pruned.calls == 0);
        Ok(false)
    }

    /// The pause before the next slice: this one, or as long as the last slice took where that was longer, so that on a disk or a machine
    /// that is slow others have half of the time.
    pub fn pause(&self, least: Duration) -> Duration {
        least.max(self.last)
    }

    /// Whether the store's log is to be moved into its file before the next slice: while there is little to move, commits that go on
    /// meanwhile wait little for the disk.
    pub fn wants_checkpoint(&mut self) -> bool {
        let every = Self::CHECKPOINT_EVERY;
        #[cfg(test)]
        let every = self.checkpoint_every.unwrap_or(every);
        let wants = self.not_moved >= every;
        if wants {
            self.not_moved = 0;
        }
        wants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_until_they_take_too_long_and_never_end() {
        let after = |s: SliceSize, took, worked| s.after(Duration::from_millis(took), Duration::from_millis(worked));
        let quick = (0..200).fold(SliceSize::new(), |s, _| after(s, 1, 1));
        assert_eq!(quick.0, SliceSize::MOST);
        let slow = (0..20).fold(quick, |s, _| after(s, 30, 5));
        assert_eq!(slow.0, SliceSize::LEAST);
        let waited = (0..200).fold(slow, |s, _| after(s, 30, 1));
        assert_eq!(waited.0, SliceSize::MOST, "others have much to do, which is no reason to do little at a time");
    }

    #[test]
    fn others_have_half_of_the_time() {
        let pause =
            |ms| Pruner { last: Duration::from_millis(ms), ..Pruner::default() }.pause(Duration::from_millis(10));
        assert_eq!([pause(3), pause(40)], [10, 40].map(Duration::from_millis));
    }
}
