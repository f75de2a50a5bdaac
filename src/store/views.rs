//! What people and their programs look at: lists, the log, figures, and what cannot be read.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::error::StoreError;
use super::ledger::LogLine;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKey;
use crate::domain::attempt::{AttemptKind, Channel};
use crate::domain::breaker::Breaker;
use crate::domain::call::{Call, CallStatus};
use crate::domain::log::LogKind;
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::{Actor, CallId, CallRef, ContactId, ErrorCode};

/// A line of a list of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CallLine {
    /// The call, whole (its attempts are not loaded).
    pub call: Call,
    /// The contact name of its newest notice.
    pub last_contact: Option<String>,
    /// That attempt's state.
    pub last_state: Option<String>,
    /// By what it goes.
    pub last_channel: Option<Channel>,
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

/// Which entries to read.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Only entries after this place.
    pub after: i64,
    pub call: Option<CallId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// At most this many.
    pub limit: usize,
}

/// A follow-up that is still to come: the next step of a DISPATCHING call, its last resort, or its end.
#[derive(Debug, Clone, PartialEq)]
pub struct DueLine {
    pub call: Call,
    /// When it fires.
    pub due: Timestamp,
}

/// An entry of the log with what is counted of its call and its attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedEntry {
    /// Its place in the log.
    pub seq: i64,
    pub kind: LogKind,
    pub at: Timestamp,
    /// Its fields.
    pub data: Value,
    /// What its attempt is for, and by what it goes.
    pub attempt: Option<(AttemptKind, Channel)>,
    pub call: Option<CountedCall>,
}

/// What is counted of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedCall {
    /// As it is now.
    pub level: String,
    /// The number that was dialled; only with the entry of its acceptance.
    pub number: Option<String>,
    pub accepted_at: Timestamp,
    /// When the first text was accepted.
    pub told_at: Option<Timestamp>,
}

/// An alert that is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLine {
    /// What it is and what it is about.
    pub key: AlertKey,
    pub call: Option<CallId>,
    /// That call's reference.
    pub reference: Option<CallRef>,
    pub message: String,
    /// Since when.
    pub raised_at: Timestamp,
    /// Who has seen it, and when.
    pub acknowledged: Option<(Timestamp, Actor)>,
}

/// What is known of a phone call by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAs {
    /// A call was made of it.
    Call,
    /// None was, as nobody was heard in it.
    Unheard,
    /// None was, and a person was alarmed.
    Missed,
    Nothing,
}

/// A number that takes no texts from a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutLine {
    /// The contact's number.
    pub phone: String,
    /// Our sender; empty: any.
    pub sender: String,
    pub since: Timestamp,
}

/// What waits for another system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many rows.
    pub depth: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let oldest = self.oldest.into_iter().chain(other.oldest).min();
        Self { depth: self.depth.saturating_add(other.depth), oldest }
    }
}

/// Figures for health and the overview; one read. Counts stop at 100,000: a poll of health never walks further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls that are neither RESOLVED nor CANCELLED.
    pub open_calls: u64,
    /// The same by status.
    pub open_by_status: Vec<(CallStatus, u64)>,
    /// DISPATCHING calls with a step of their ladder still to come.
    pub active_retries: u64,
    /// What [`Views::due_lines`] lists: DISPATCHING calls, for the next step, the last resort or the end of each.
    pub follow_ups: u64,
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
    /// Those for the mirror.
    pub mirror_backlog: Backlog,
    /// Those for alert sinks.
    pub alert_backlog: Backlog,
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
    pub count: u64,
    /// The newest.
    pub last_at: Timestamp,
    pub result: String,
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
    /// It is over: nothing is lost, and nobody needs to do anything.
    pub repaired: bool,
}

/// What a look through the whole store found of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPart {
    /// `file`, `schema`, `calls`, `rules`, `orphans`.
    pub part: &'static str,
    pub looked_at: u64,
    /// What was counted by that.
    pub unit: &'static str,
    pub wrong: Vec<Unreadable>,
}

/// Texts within an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HourOfTexts {
    /// Accepted ones, those that failed later included.
    pub all: u64,
    /// Contacts who got at least as many as was asked, with their names.
    pub contacts: Vec<(ContactId, String)>,
}

/// Owns nothing and changes nothing: each method reads one moment of the store. Commands, the HTTP listener and the watching loops
/// call it. After a crash the answers are those of the last commit. Asked twice, it answers twice.
///
/// What this handle could not read it remembers until the process ends, see [`Views::skipped_rows`].
#[async_trait]
pub trait Views: Send + Sync {
    /// A list of calls.
    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError>;
    /// Entries of the log, oldest first: the first `limit` of those that match.
    async fn log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError>;
    /// The same, of the last `limit`: read from the end, so that it costs what it shows.
    async fn newest_log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError>;
    /// The number of the last entry of the log; 0 where there is none.
    async fn log_end(&self) -> Result<i64, StoreError>;
    /// The first `limit` entries after a place in the log.
    async fn counted_entries(&self, after: i64, limit: usize) -> Result<Vec<CountedEntry>, StoreError>;
    /// DISPATCHING calls by wake time, for people.
    async fn due_lines(&self, limit: usize) -> Result<Vec<DueLine>, StoreError>;
    /// Figures for health and the overview.
    async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError>;
    /// How many texts went out since a moment, and which contacts got at least so many of them; 0: nobody asks.
    async fn texts_since(&self, since: Timestamp, per_contact: u32) -> Result<HourOfTexts, StoreError>;
    /// Failures since a moment, by code.
    async fn failures(&self, since: Timestamp) -> Result<Vec<FailureLine>, StoreError>;
    /// Open alerts, oldest first.
    async fn alerts(&self) -> Result<Vec<AlertLine>, StoreError>;
    /// Whether the same phone call was told of by another id; inside, the call that was made of it, if one was.
    async fn told_of(&self, id: &CallId, phone: &PhoneCall) -> Result<Option<Option<CallId>>, StoreError>;
    /// The call that was made of a phone call, whichever way that was told of: by its id, by `also`, or by the phone call itself.
    async fn call_of_phone_call(
        &self,
        id: &CallId,
        also: &[CallId],
        phone: &PhoneCall,
    ) -> Result<Option<CallId>, StoreError>;
    /// What is known of phone calls with these ids, in their order.
    async fn known_phone_calls(&self, ids: Vec<CallId>) -> Result<Vec<KnownAs>, StoreError>;
    /// The breakers of all senders, open and closed.
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError>;
    /// Opted-out numbers.
    async fn opt_outs(&self) -> Result<Vec<OptOutLine>, StoreError>;
    /// Rows that lists of this handle have left out so far because they cannot be read, each once. Lists of work and of calls
    /// never fail for such a row; what asks for one call by name gets [`StoreError::Corrupt`].
    fn skipped_rows(&self) -> Vec<Unreadable>;
    /// Looks through the whole store for what cannot be read, cannot be, or belongs to nothing: slow, for people.
    async fn unreadable(&self, limit: usize) -> Result<Vec<Unreadable>, StoreError>;
    /// The same look, of every call and not of open ones alone, and of the schema too; part by part, up to `limit` rows of each.
    async fn checked(&self, limit: usize) -> Result<Vec<CheckedPart>, StoreError>;
    /// Looks through the whole store where that was not done for `every` (a minute after it was opened for the first time);
    /// indexes that do not fit their table are rebuilt, what it finds joins
    /// [`Views::skipped_rows`]. Nobody who writes or reads waits for it. Says whether it looked now and found nothing wrong.
    async fn integrity_scan(&self, every: Duration) -> Result<bool, StoreError>;
}
