//! Calls and what happened to them: the one write path, and one call at a time.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::call::CallState;
use crate::domain::change::{Change, ReceiptRow};
use crate::domain::event::{Load, Loaded};
use crate::domain::log::LogEntry;
use crate::domain::types::{AttemptId, CallId, CallRef, MessageSid};
use crate::domain::{PhoneNumber, Timestamp};

/// A pure decision over what was loaded. It may run more than once (a batch whose transaction was lost is run again one by
/// one), so it has no side effects. An `Err` is our own bug: the change is not made.
pub type Decide = Arc<dyn Fn(&Loaded) -> Result<Change, String> + Send + Sync>;

/// A change that is durable.
#[derive(Debug)]
pub struct Committed {
    /// As it was decided in the run that was committed.
    pub change: Change,
    /// Grows with every change of this process: of two states of one call, the one with the greater number is the newer.
    pub number: u64,
}

/// A log entry with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Grows with every entry; the cursor of `after`.
    pub seq: i64,
    pub entry: LogEntry,
}

/// Everything about one call.
#[derive(Debug, Clone)]
pub struct CallStory {
    /// The call, its notices and attempts.
    pub state: CallState,
    /// Its log, oldest first.
    pub log: Vec<LogLine>,
    /// Its receipts, oldest first.
    pub receipts: Vec<ReceiptRow>,
}

/// Owns calls, notices, attempts, receipts, inbound texts, opt-outs, breakers, alerts and the log.
///
/// [`Ledger::transact`] is the one way by which any of them changes: it loads what the event concerns, lets the pure decision look
/// at it, and writes what it returns with the log entries and the outbox rows, all in one transaction. So there is no version to
/// check and no conflict to repeat. A backend with many writers loads `FOR UPDATE` and does the same.
///
/// After a crash each change is whole or absent, and no change that was answered is absent. An event that is applied twice is
/// answered as before and changes nothing, so whoever got no answer applies it again. The engine, the HTTP listener and commands
/// call it. Safe to cancel: a change that was handed over is done or not done as a whole. Times are milliseconds of UTC.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Loads, decides and writes in one transaction, and returns what was committed: a decision that ran more than once returns
    /// the change of its last run alone. `phones`: whose opt-outs the decision wants to see besides those of the loaded calls.
    /// After an error nothing was written.
    async fn transact(&self, load: Load, phones: Vec<PhoneNumber>, decide: Decide) -> Result<Committed, StoreError>;
    /// Appends entries that belong to no decision (an engine's start and stop).
    async fn append_log(&self, entries: Vec<LogEntry>) -> Result<(), StoreError>;
    /// One call with everything about it.
    async fn story(&self, call: &CallId) -> Result<Option<CallStory>, StoreError>;
    /// One call without its log.
    async fn call(&self, call: &CallId) -> Result<Option<CallState>, StoreError>;
    /// The call that has this idempotency key.
    async fn call_by_key(&self, key: &str) -> Result<Option<CallId>, StoreError>;
    /// The call of this message.
    async fn call_by_sid(&self, sid: &MessageSid) -> Result<Option<CallId>, StoreError>;
    /// The call of this attempt.
    async fn call_by_attempt(&self, attempt: AttemptId) -> Result<Option<CallId>, StoreError>;
    /// The newest call with this reference.
    async fn call_by_reference(&self, reference: &CallRef) -> Result<Option<CallId>, StoreError>;
    /// The call that what came under this id is part of: a report of its phone call, or the same emergency again.
    async fn call_of_other_id(&self, id: &CallId) -> Result<Option<CallId>, StoreError>;
    /// The wall clock was stepped by `by_ms` (back: less than 0), in one transaction. Sends whose outcome is open remember it, see
    /// [`crate::domain::attempt::Attempt::sent_at_now`], but for those that left between `fresh_since` and `now`: they did so after
    /// the step, by the clock as it is now. Back: wake times of DISPATCHING calls, pauses of waiting attempts, polls
    /// and what waits for another system move back with it.
    async fn clock_stepped(&self, by_ms: i64, fresh_since: Timestamp, now: Timestamp) -> Result<(), StoreError>;
}
