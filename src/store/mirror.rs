//! What the mirror must still be told, and what it was told and has not proven yet.
//!
//! A row of the outbox says that a thing has changed, never what it is now: its newest state is read when it is told, so that
//! one write stands for all before it, and rows of one thing cannot overtake each other. What was written is remembered until
//! it was read back: a crash between a write and its read-back leads to the read-back, one between a write and this note to
//! the same write again.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::attempt::Attempt;
use crate::domain::call::CallState;
use crate::domain::types::{AttemptId, CallId, CallRef, ParseError, Timestamp};

/// What a row of the mirror is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MirrorKey {
    /// The dispatch event of this attempt.
    Attempt(AttemptId),
    Call(CallId),
}

impl fmt::Display for MirrorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(id) => write!(f, "attempt:{id}"),
            Self::Call(id) => write!(f, "call:{id}"),
        }
    }
}

impl FromStr for MirrorKey {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        match s.split_once(':') {
            Some(("attempt", id)) => Ok(Self::Attempt(id.parse()?)),
            Some(("call", id)) => Ok(Self::Call(id.parse()?)),
            _ => Err(ParseError::new("mirror key", "must be attempt: or call: and an id")),
        }
    }
}

/// Something to be told, or read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorTask {
    pub key: MirrorKey,
    /// To be told: which change of it. To be read back: which write of it. Whoever is done says which one it was.
    pub version: i64,
    /// To be told: tries in vain. To be read back: looks in vain since that write.
    pub tries: u32,
    /// To be read back: writes in a row that were not kept.
    pub rewrites: u32,
    /// Since when the mirror lacks the proof of it.
    pub since: Timestamp,
    /// The mirror's id of its record, where one is known.
    pub record: Option<String>,
}

/// A dispatch event with all that its row tells.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTask {
    /// What is to be done.
    pub task: MirrorTask,
    /// Its newest state.
    pub attempt: Attempt,
    /// Its call's reference.
    pub reference: CallRef,
}

/// A call with all that its row tells.
#[derive(Debug, Clone, PartialEq)]
pub struct CallTask {
    /// What is to be done.
    pub task: MirrorTask,
    /// Its newest state.
    pub state: CallState,
}

/// A write that the mirror took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorDelivered {
    pub key: MirrorKey,
    /// Which change of it.
    pub version: i64,
    /// Since when that waited.
    pub since: Timestamp,
    pub record: Option<String>,
    /// When to read it back; `None`: never.
    pub verify_at: Option<Timestamp>,
}

/// A row that was refused for its content and waits for a newer state, or for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedLine {
    pub key: MirrorKey,
    pub why: String,
    /// Since when.
    pub parked_at: Timestamp,
}

/// Figures of the mirror. Counts stop at 100,000.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MirrorFigures {
    /// Rows that wait to be told.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest_waiting: Option<Timestamp>,
    /// Rows given up.
    pub parked: u64,
    /// Rows that were written and not read back.
    pub unverified: u64,
    /// Since when the oldest of them lacks its proof.
    pub oldest_unverified: Option<Timestamp>,
}

/// Which dispatch events to walk through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub call: Option<CallId>,
    /// Whose text left, or whose end came, at or after.
    pub since: Option<Timestamp>,
    /// After this place.
    pub after: i64,
    /// At most this many.
    pub limit: usize,
}

/// A dispatch event as the mirror should have it, and what stands in the way.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLine {
    /// Its place; the cursor of `after`.
    pub place: i64,
    /// Its newest state.
    pub attempt: Attempt,
    /// Its call's reference.
    pub reference: CallRef,
    /// Since when a change of it waits to be told.
    pub waits_since: Option<Timestamp>,
    /// Why it was given up.
    pub parked: Option<String>,
}

/// The mirror's part of the store. All methods are safe to cancel and to repeat.
#[async_trait]
pub trait MirrorOutbox {
    /// Dispatch events that are due to be told, longest due first.
    async fn mirror_events_due(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError>;
    /// Calls that are due to be told, longest due first.
    async fn mirror_calls_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError>;
    /// When the next thing is due to be told or read back, of those that are due after `after`.
    async fn next_mirror(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// These writes were taken: each waits no more, unless a newer change of it came meanwhile.
    async fn mirror_delivered(&self, told: Vec<MirrorDelivered>, now: Timestamp) -> Result<(), StoreError>;
    /// These could not be told; they are due again then.
    async fn mirror_failed(&self, keys: Vec<MirrorKey>, again_at: Timestamp) -> Result<(), StoreError>;
    /// These are not to be told before then; nothing was tried.
    async fn mirror_wait(&self, keys: Vec<MirrorKey>, until: Timestamp) -> Result<(), StoreError>;
    /// Gives one up, in this version of its outbox row, or where it has none: a newer state is told all the same. What was
    /// written of it need not be proven any more.
    async fn mirror_park(
        &self,
        key: &MirrorKey,
        version: Option<i64>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// What was given up, oldest first.
    async fn mirror_parked(&self, limit: usize) -> Result<Vec<ParkedLine>, StoreError>;
    /// Whatever waits to be told is due now.
    async fn mirror_retry_now(&self, now: Timestamp) -> Result<(), StoreError>;
    /// Those of these calls that are compared with the base: all but the pruned ones, of which the base may know more.
    async fn mirror_keeps(&self, calls: Vec<CallId>) -> Result<Vec<CallId>, StoreError>;
    /// These are told again, parked or not, whether they have changed or not; nothing of a call that is pruned is.
    async fn mirror_again(&self, keys: Vec<MirrorKey>, now: Timestamp) -> Result<(), StoreError>;
    /// Whether anything is still to be done about one of these: told, or read back.
    async fn mirror_is_busy_with(&self, keys: Vec<MirrorKey>) -> Result<bool, StoreError>;

    /// Dispatch events that are to be read back now, with no change waiting.
    async fn mirror_events_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<EventTask>, StoreError>;
    /// Calls that are to be read back now, with no change waiting.
    async fn mirror_calls_unproven(&self, now: Timestamp, limit: usize) -> Result<Vec<CallTask>, StoreError>;
    /// These writes were read back and are as they should be.
    async fn mirror_proven(&self, writes: Vec<(MirrorKey, i64)>, now: Timestamp) -> Result<(), StoreError>;
    /// A write was not to be seen, or not yet; it is looked for again then.
    async fn mirror_missed(&self, key: &MirrorKey, write: i64, again_at: Timestamp) -> Result<(), StoreError>;
    /// A write was not kept: it is told again, and counted.
    async fn mirror_rewrite(&self, key: &MirrorKey, write: i64, now: Timestamp) -> Result<(), StoreError>;
    /// The mirror has no such record any more: it is looked for anew.
    async fn mirror_forget_record(&self, key: &MirrorKey) -> Result<(), StoreError>;

    async fn mirror_figures(&self) -> Result<MirrorFigures, StoreError>;
    /// Dispatch events in the order in which they were made.
    async fn mirror_events(&self, filter: &EventFilter) -> Result<Vec<EventLine>, StoreError>;
    /// How many there are of them, the cursor and the limit aside.
    async fn mirror_events_count(&self, filter: &EventFilter) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(7));
        for key in [MirrorKey::Attempt(attempt), MirrorKey::Call("a:b".parse().expect("call id"))] {
            assert_eq!(key.to_string().parse(), Ok(key.clone()), "{key}");
        }
        for text in ["", "attempt", "attempt:x", "call:", "row:1"] {
            assert!(text.parse::<MirrorKey>().is_err(), "{text}");
        }
    }
}
