//! The store: every fact that must outlive the process. A method is a transaction; an answer is given after COMMIT.
//!
//! [`Store::transact`] is the one write path for calls: it loads what the event concerns, lets the pure decision look at it,
//! and writes what it returns, all in one transaction, so that there is no version to check and no conflict to repeat. A
//! backend with many writers loads `FOR UPDATE` and does the same.

mod alerts;
pub mod clocks;
#[cfg(test)]
mod contract;
mod lanes;
mod mirror;
mod peeked;
mod replies;
mod rows;
pub mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::alert::AlertKey;
use crate::domain::attempt::{AttemptKind, Priority};
use crate::domain::breaker::Breaker;
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::change::{Answer, Change, ReceiptRow};
use crate::domain::event::{Load, Loaded, News};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::settings::{Basis, NewSettings, SettingsRow};
use crate::domain::types::{Actor, AttemptId, CallId, CallRef, ContactId, ErrorCode, MessageSid, Role, Sender};
use crate::domain::{PhoneNumber, Timestamp};

pub use alerts::{AlertOutbox, AlertTask, NotDelivered, SinkState};
pub use clocks::{Clocks, KeptProviderClock};
pub use lanes::{Lane, LaneKey, LanePlace};
pub use mirror::{
    CallTask, EventFilter, EventLine, EventTask, MirrorFigures, MirrorKey, MirrorOutbox, MirrorTask, MirrorTold,
    ParkedLine,
};
pub use peeked::Peeked;
pub use replies::{Listened, ListenedPlace, Replies};
pub use sqlite::{OpenOptions, SqliteStore, StoreMode};

/// A pure decision over what was loaded. It may run more than once (a batch whose transaction was lost is run again one by
/// one), so it has no side effects. An `Err` is our own bug: the change is not made.
pub type Decide = Arc<dyn Fn(&Loaded) -> Result<Change, String> + Send + Sync>;

/// Why the store could not do it. Nothing of the change was committed, except that after [`StoreError::Broken`] nobody can
/// tell: the engine stops, and finds out from the file when it starts again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or created.
    #[error("the store {path} cannot be opened")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was made by a newer version.
    #[error("the store {path} has schema {found}, this binary knows up to {known}")]
    Newer {
        /// Where.
        path: PathBuf,
        /// What it says.
        found: i64,
        /// What we know.
        known: i64,
    },
    /// It belongs to the other mode.
    #[error("the store {path} is stamped {found}, this command runs in {wanted} mode")]
    OtherMode {
        /// Where.
        path: PathBuf,
        /// Its stamp.
        found: String,
        /// Ours.
        wanted: String,
    },
    /// The file must not be used by this name: another file, or the same by another name, is what an engine works on.
    #[error("the store {path} cannot be used: {what}")]
    WrongFile {
        /// The name.
        path: PathBuf,
        /// Why, and what to do.
        what: String,
    },
    /// Its content is not what we wrote.
    #[error("the store holds something that cannot be: {what}")]
    Corrupt {
        /// What and where.
        what: String,
        /// The call that it belongs to, where one is known: that call is left out, the others go on.
        call: Option<String>,
    },
    /// The disk is full or read-only: nothing was written; it may work again later.
    #[error("the store cannot write: {what}")]
    Full {
        /// What the system said.
        what: String,
    },
    /// An fsync or a write failed in a way after which the file is not to be trusted: the engine stops.
    #[error("the store failed: {what}")]
    Broken {
        /// What the system said.
        what: String,
    },
    /// Another process held it for too long; safe to try again.
    #[error("the store is busy")]
    Busy,
    /// The change was ours to refuse: a decision that cannot be, or a constraint that it broke.
    #[error("a change was refused: {what}")]
    Refused {
        /// Which.
        what: String,
    },
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it is about one call alone, which the store has said and remembers: the others go on.
    pub fn is_of_one_call(&self) -> bool {
        matches!(self, Self::Corrupt { call: Some(_), .. })
    }
}

/// Whether what a store has open is still what its name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is; a backend without a file always is.
    Here,
    /// A file of it is gone from there: which, for people. What is open goes on to work, and ends with its process.
    Gone(String),
    /// Another file lies there.
    Replaced(String),
}

impl Place {
    /// What is wrong.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Here => None,
            Self::Gone(what) | Self::Replaced(what) => Some(what),
        }
    }
}

/// A row that cannot be read: damage, or a stranger's hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which, for a person: `call c1`, `row 7 of requests`.
    pub row: String,
    /// Its call, where that has a readable id.
    pub call: Option<CallId>,
    /// What is wrong with it; names columns, never their content.
    pub why: String,
}

/// A line of a list of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CallLine {
    /// The call, whole (its attempts are not loaded).
    pub call: Call,
    /// The contact name of its newest notice.
    pub last_contact: Option<String>,
    /// That attempt's state.
    pub last_state: Option<String>,
}

/// Which calls to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Only these; empty: all.
    pub statuses: Vec<CallStatus>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Only those that come after this one in the list; nothing where it is not known.
    pub before: Option<CallId>,
    /// Only those that this one handed over.
    pub created_by: Option<Actor>,
    /// At most this many.
    pub limit: usize,
}

/// A log entry with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Grows with every entry; the cursor of `after`.
    pub seq: i64,
    /// The entry.
    pub entry: LogEntry,
}

/// Which entries to read, oldest first.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Only entries after this place.
    pub after: i64,
    /// Of this call.
    pub call: Option<CallId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// At most this many.
    pub limit: usize,
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

/// An attempt that waits to be sent, with what the dispatcher needs to put it in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sendable {
    /// Which.
    pub attempt: AttemptId,
    /// Its call.
    pub call: CallId,
    /// The dialled number, which picks the sender.
    pub dialled: Option<String>,
    /// What goes first.
    pub priority: Priority,
    /// What it is for.
    pub kind: AttemptKind,
    /// The number that was written to, of an answer.
    pub own: Option<Sender>,
    /// When it was made: its age.
    pub created_at: Timestamp,
}

/// An attempt whose message is to be asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Pollable {
    /// Which.
    pub attempt: AttemptId,
    /// Its message.
    pub sid: MessageSid,
    /// How often it was asked.
    pub polls: u32,
    /// When its intent was committed.
    pub sent_at: Timestamp,
}

/// An attempt whose outcome is unknown, with what its message in the provider's list would look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Searchable {
    /// Which.
    pub attempt: AttemptId,
    /// Its call's reference.
    pub reference: CallRef,
    /// Its number.
    pub number: u32,
    /// The recipient.
    pub to: PhoneNumber,
    /// Who sent.
    pub sender: Sender,
    /// When its intent was committed.
    pub sent_at: Timestamp,
    /// See [`crate::domain::attempt::Attempt::provider_after`].
    pub provider_after: Option<Timestamp>,
}

/// A follow-up that is still to come.
#[derive(Debug, Clone, PartialEq)]
pub struct DueLine {
    /// The call.
    pub call: Call,
    /// When it fires.
    pub due: Timestamp,
}

/// An alert that is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLine {
    /// What it is and what it is about.
    pub key: AlertKey,
    /// Its call.
    pub call: Option<CallId>,
    /// That call's reference.
    pub reference: Option<CallRef>,
    /// What happened.
    pub message: String,
    /// Since when.
    pub raised_at: Timestamp,
}

/// What waits for another system for long, by system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxLine {
    /// Which system: `mirror`, or `sink:` and a sink's name.
    pub sink: String,
    /// How many rows.
    pub rows: u64,
    /// Since when the oldest of them waits.
    pub since: Timestamp,
}

/// A number that takes no texts from a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutLine {
    /// The contact's number.
    pub phone: String,
    /// Our sender; empty: any.
    pub sender: String,
    /// Since when.
    pub since: Timestamp,
}

/// A contact as another system has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterContact {
    /// Its record there: who it is, whatever its name becomes.
    pub record: String,
    /// What it is called here; stays with the record.
    pub id: ContactId,
    /// The name as people say it.
    pub name: String,
    /// Where texts go; only one who is not active may be without.
    pub phone: Option<PhoneNumber>,
    /// Its role on lines that name no team of their own.
    pub role: Option<Role>,
    /// Who is not is not told.
    pub active: bool,
}

/// Contacts as another system had them when it was last read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterCopy {
    /// Its table, for people.
    pub source: String,
    /// When it was read.
    pub read_at: Timestamp,
    /// Every contact that could be read, active or not, oldest first.
    pub contacts: Vec<RosterContact>,
}

/// Figures for health and the overview; one read. Counts stop at 100,000: a poll of health never walks further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls that are neither RESOLVED nor CANCELLED.
    pub open_calls: u64,
    /// DISPATCHING calls with a step still to come.
    pub active_retries: u64,
    /// DISPATCHING, nothing due, nothing in flight, no log entry for 5 min.
    pub pending_dispatches: u64,
    /// DISPATCHING calls whose wake time is past by more than a second.
    pub overdue: u64,
    /// The oldest due time of those, and of follow-ups that fired and whose text has not left.
    pub oldest_due: Option<Timestamp>,
    /// Unknown outcomes whose policy has not decided.
    pub unknown_outcomes: u64,
    /// Messages without a final status.
    pub awaiting_final: u64,
    /// Attempts that failed in the last hour.
    pub failed_last_hour: u64,
    /// Failed attempts that ended after the last accepted one was sent.
    pub consecutive_failures: u64,
    /// Rows that wait for another system.
    pub outbox_depth: u64,
    /// The oldest of them.
    pub outbox_oldest: Option<Timestamp>,
    /// Open alerts.
    pub alerts: u64,
    /// Senders that are not used because they fail.
    pub open_breakers: u64,
    /// Waiting attempts that could be sent now.
    pub sendable: u64,
}

/// Failures of the last day by error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureLine {
    /// The code, where there is one.
    pub code: Option<ErrorCode>,
    /// How many.
    pub count: u64,
    /// The newest.
    pub last_at: Timestamp,
    /// What it said.
    pub result: String,
}

/// What a process asks of the engine that holds the lock.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// `refresh` (ask the provider about a call's messages), `yield` (hand over the engine lock).
    pub kind: String,
    /// What it is about.
    pub payload: Value,
    /// Who asks.
    pub actor: Actor,
    /// Since when.
    pub at: Timestamp,
    /// Its answer, once there is one.
    pub result: Option<Value>,
}

/// The engine that works on this store, or did last: for people, and for "was the last stop clean". The lock itself is a file
/// lock, never this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRow {
    /// A fresh id for every start.
    pub id: String,
    /// What it runs as: `serve`, `send`…
    pub role: String,
    /// Its process.
    pub pid: u32,
    /// Since when.
    pub started_at: Timestamp,
    /// When it stopped cleanly; `None`: it runs or died.
    pub stopped_at: Option<Timestamp>,
    /// Where its listener is, for people and for commands of the same machine.
    pub listen: Option<String>,
    /// Its last sign of life; `None`: it is of a version that gave none.
    pub beat: Option<EngineBeat>,
}

/// An engine's sign of life, as other processes read it: when its essential duties had last passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineBeat {
    /// The boot of its machine; after another one the boot clock means nothing.
    pub boot_id: String,
    /// By the boot clock, in whole milliseconds.
    pub boot: Duration,
    /// By the wall clock, for people.
    pub at: Timestamp,
}

/// Durable state behind everything. All methods are safe to cancel: a write that was handed over is done or not done as a whole.
#[async_trait]
pub trait Store: MirrorOutbox + AlertOutbox + Replies + Clocks + Send + Sync {
    /// Loads, decides and writes in one transaction. `phones`: whose opt-outs the decision wants to see besides those of the
    /// loaded calls. After an error nothing was written.
    async fn transact(&self, load: Load, phones: Vec<PhoneNumber>, decide: Decide) -> Result<Answer, StoreError>;

    /// One call with everything about it.
    async fn story(&self, call: &CallId) -> Result<Option<CallStory>, StoreError>;
    /// One call without its log.
    async fn call(&self, call: &CallId) -> Result<Option<CallState>, StoreError>;
    /// The call that has this idempotency key.
    async fn call_by_key(&self, key: &str) -> Result<Option<CallId>, StoreError>;
    /// The call of this message.
    async fn call_by_sid(&self, sid: &MessageSid) -> Result<Option<CallId>, StoreError>;
    /// The newest call with this reference.
    async fn call_by_reference(&self, reference: &CallRef) -> Result<Option<CallId>, StoreError>;
    /// A list of calls.
    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError>;
    /// Entries of the log.
    async fn log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError>;
    /// Appends entries that belong to no decision (an engine's start and stop).
    async fn append_log(&self, entries: Vec<LogEntry>) -> Result<(), StoreError>;

    /// DISPATCHING calls whose wake time is at or before `now`, earliest first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// The earliest wake time after `after`.
    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// DISPATCHING calls by wake time, and that time.
    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError>;
    /// DISPATCHING calls by wake time, for people.
    async fn due_lines(&self, limit: usize) -> Result<Vec<DueLine>, StoreError>;
    /// Lanes in which attempts wait, whether they may go now or not: first notices of all lanes, then reminders, then the rest;
    /// after `after`. However much waits in a lane, it costs the same.
    async fn lanes(&self, after: Option<&LaneKey>, limit: usize) -> Result<Vec<LaneKey>, StoreError>;
    /// Attempts of each of these lanes that wait and may go now, oldest first, at most `limit` of each, in the order of `places`:
    /// what waits in other lanes costs nothing.
    async fn sendable(
        &self,
        now: Timestamp,
        places: &[LanePlace],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError>;
    /// Attempts of any lane that wait and may go now: priority, then lane, then age. For people and starts.
    async fn sendable_of_all(&self, now: Timestamp, limit: usize) -> Result<Vec<Sendable>, StoreError> {
        let mut found: Vec<Sendable> = Vec::new();
        let mut after = None;
        while found.len() < limit
            && let Some(key) = self.lanes(after.as_ref(), 1).await?.pop()
        {
            let pages = self.sendable(now, &[key.clone().into()], limit.saturating_sub(found.len())).await?;
            found.extend(pages.into_iter().flatten());
            after = Some(key);
        }
        Ok(found)
    }
    /// When the next waiting attempt may go.
    async fn next_sendable(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// Attempts that are `sending` under the claim of an engine other than this one.
    async fn claims_of_others(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError>;
    /// Attempts that are `sending` under the claim of this engine.
    async fn claims_of(&self, engine: &str, limit: usize) -> Result<Vec<AttemptId>, StoreError>;
    /// Messages to be asked about, earliest first.
    async fn pollable(&self, now: Timestamp, limit: usize) -> Result<Vec<Pollable>, StoreError>;
    /// When the next message is to be asked about, after `after`.
    async fn next_poll(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// Calls with an attempt that is claimed, or whose outcome is unknown and undecided.
    async fn open_outcomes(&self, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// Unknown outcomes that are to be looked for, earliest first.
    async fn searchable(&self, now: Timestamp, limit: usize) -> Result<Vec<Searchable>, StoreError>;
    /// When the next unknown outcome is to be looked for, after `after`.
    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// DISPATCHING calls that nothing will look at soon: nothing waiting or in flight, no log entry since `quiet_since`, and a
    /// wake time further away than a day and than the longest wait of the call's own ladder. Must be empty.
    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// DISPATCHING calls accepted before `before` of which nobody has been told and nothing was accepted, and for which no alert
    /// `untold:<call>` is raised, oldest first: a crowd that is known hides nobody.
    async fn untold(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;

    /// Receipts that were kept for nobody and whose message or attempt is known by now, oldest first, with its call.
    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, News)>, StoreError>;
    /// Rows that have waited for another system since `before`, by system; what was given up is not among them.
    async fn stuck_outbox(&self, before: Timestamp) -> Result<Vec<OutboxLine>, StoreError>;
    /// Whatever waits for another system is tried again at once.
    async fn hurry_outbox(&self, now: Timestamp) -> Result<(), StoreError>;
    /// Rows that lists of this handle have left out so far because they cannot be read, each once. Lists of work and of calls
    /// never fail for such a row; what asks for one call by name gets [`StoreError::Corrupt`].
    fn left_out(&self) -> Vec<Unreadable>;
    /// Looks through the whole store for what cannot be read, cannot be, or belongs to nothing: slow, for people.
    async fn unreadable(&self, limit: usize) -> Result<Vec<Unreadable>, StoreError>;
    /// Looks through the whole store where that was not done for `every` (a minute after it was opened for the first time);
    /// what it finds joins [`Store::left_out`]. Nobody who writes or reads waits for it.
    async fn look_through(&self, every: Duration) -> Result<(), StoreError>;

    /// Figures for health and the overview.
    async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError>;
    /// Failures since a moment, by code.
    async fn failures(&self, since: Timestamp) -> Result<Vec<FailureLine>, StoreError>;
    /// Open alerts, oldest first.
    async fn alerts(&self) -> Result<Vec<AlertLine>, StoreError>;
    /// The breakers of all senders, open and closed.
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError>;
    /// Opted-out numbers.
    async fn opt_outs(&self) -> Result<Vec<OptOutLine>, StoreError>;

    /// The settings in force; `None`: none were put in force yet.
    async fn settings(&self) -> Result<Option<SettingsRow>, StoreError>;
    /// Puts settings in force, and whom they name to be told; the same ones again keep their number. The row that is in force.
    async fn put_settings(&self, new: &NewSettings) -> Result<SettingsRow, StoreError>;
    /// What decisions are based on now.
    async fn basis(&self) -> Result<Basis, StoreError>;

    /// The last good copy of contacts that live in another system.
    async fn roster(&self) -> Result<Option<RosterCopy>, StoreError>;
    /// Replaces that copy whole; `None`: there is no such system any more.
    async fn keep_roster(&self, copy: Option<&RosterCopy>) -> Result<(), StoreError>;

    /// Commits a request to the engine; its id. Requests of more than a day ago are forgotten.
    async fn post_request(&self, kind: &str, payload: Value, actor: &Actor, now: Timestamp) -> Result<i64, StoreError>;
    /// Requests without an answer, oldest first.
    async fn open_requests(&self) -> Result<Vec<Request>, StoreError>;
    /// Answers a request; answering twice changes nothing.
    async fn answer_request(&self, id: i64, result: Value, now: Timestamp) -> Result<(), StoreError>;
    /// One request.
    async fn request(&self, id: i64) -> Result<Option<Request>, StoreError>;

    /// The newest engine.
    async fn engine(&self) -> Result<Option<EngineRow>, StoreError>;
    /// Records an engine's start (and forgets all but the last hundred).
    async fn engine_started(&self, row: &EngineRow) -> Result<(), StoreError>;
    /// Records an engine's sign of life, and waits for no disk: a power cut may forget it.
    async fn engine_beats(&self, id: &str, beat: &EngineBeat) -> Result<(), StoreError>;
    /// Records its clean stop.
    async fn engine_stopped(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;
    /// A real write and commit, for health: how long it took.
    async fn probe(&self, now: Timestamp) -> Result<Duration, StoreError>;
    /// Changes when another process or we committed: cheap, for polling. Only "the same" or "another" means something, and
    /// only between answers of one handle; now and then it changes without a commit.
    async fn version(&self) -> Result<u64, StoreError>;
    /// Whether what is open is still in its place: cheap enough for every call that is accepted.
    fn place(&self) -> Place;
    /// Writes the store to a copy beside the place where it was, and says where; `lost` is part of its name, and the same one
    /// replaces the copy before. Nobody who writes waits for it.
    async fn rescue(&self, lost: Timestamp) -> Result<PathBuf, StoreError>;
    /// Whether another engine holds what lies in the place of this store now.
    fn place_is_held(&self) -> bool;
    /// As [`Store::version`], for the commits of other processes alone: our own change nothing. Costs a look while nobody
    /// commits, and a turn of the writer after a commit.
    async fn version_of_others(&self) -> Result<u64, StoreError>;
    /// Moves the write-ahead log into the main file where nobody is disturbed by it.
    async fn checkpoint(&self) -> Result<(), StoreError>;
}

/// The words of log kinds, for filters.
pub fn log_kinds() -> Vec<&'static str> {
    LogKind::ALL.iter().map(|k| k.as_str()).collect()
}
