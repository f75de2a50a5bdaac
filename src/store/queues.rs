//! Work that waits: what is due, what may be sent, what is to be asked about, whose replies are to be read.

use async_trait::async_trait;

use super::error::StoreError;
use super::send_queues::{SendQueueKey, SendQueuePosition};
use crate::domain::attempt::{AttemptKind, Channel, Priority};
use crate::domain::event::{InboundText, StatusUpdate};
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::{AttemptId, CallId, CallRef, MessageSid, Sender};
use crate::domain::{PhoneNumber, Timestamp};

/// An attempt that waits to be sent, with what the dispatcher needs to put it in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sendable {
    pub attempt: AttemptId,
    pub call: CallId,
    /// The dialled number, which picks the sender.
    pub dialled: Option<String>,
    /// What goes first.
    pub priority: Priority,
    pub kind: AttemptKind,
    pub channel: Channel,
    /// The number that was written to, of an answer.
    pub own: Option<Sender>,
    /// When it was made: its age.
    pub created_at: Timestamp,
}

/// An attempt whose message is to be asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Pollable {
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
    pub attempt: AttemptId,
    /// Its call's reference.
    pub reference: CallRef,
    pub number: u32,
    /// The recipient.
    pub to: PhoneNumber,
    /// Who sent.
    pub sender: Sender,
    pub channel: Channel,
    /// When its intent was committed.
    pub sent_at: Timestamp,
    /// See [`crate::domain::attempt::Attempt::provider_after`].
    pub provider_after: Option<Timestamp>,
}

/// A phone call that waits for its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPhoneCall {
    /// The id that a call of it has.
    pub id: CallId,
    pub phone: PhoneCall,
    /// What was heard in it.
    pub words: Option<String>,
}

/// Somebody whose replies count.
#[derive(Debug, Clone, PartialEq)]
pub struct Listened {
    pub phone: PhoneNumber,
    /// When the first text to them of a call that still counts left, by our clock.
    pub sent_since: Timestamp,
    /// A moment of the provider's clock that no such text is older than; `None` where that is not known of one.
    pub provider_since: Option<Timestamp>,
    /// When they were told last: with the phone, the place in the list.
    pub notified_last: Timestamp,
}

impl Listened {
    /// Where to read on behind this one.
    pub fn place(&self) -> ListenedPlace {
        (self.notified_last, self.phone.clone())
    }
}

/// A place in the list of those whose replies count: when somebody was told last, and who.
pub type ListenedPlace = (Timestamp, PhoneNumber);

/// Owns no facts but how far replies were read: each list is a view of what the ledger holds, so nothing is enqueued and nothing
/// can be lost between two writes. What is in a list leaves it by a decision of the ledger, not by being read.
///
/// After a crash the lists are those of the last commit. Only the engine's loops call them, at any pace and as often as they like;
/// lists of work never fail for a row that cannot be read, see [`Views::skipped_rows`](super::Views::left_out). Limits are numbers of
/// rows, times are milliseconds of UTC.
#[async_trait]
pub trait Queues: Send + Sync {
    /// DISPATCHING calls whose wake time is at or before `now`, earliest first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// The earliest wake time after `after`.
    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// DISPATCHING calls by wake time, and that time.
    async fn next_wakes(&self, limit: usize) -> Result<Vec<(CallId, Timestamp)>, StoreError>;
    /// Lanes in which attempts wait, whether they may go now or not: first notices of all lanes, then reminders, then the rest;
    /// after `after`. However much waits in a lane, it costs the same.
    async fn send_queues(&self, after: Option<&SendQueueKey>, limit: usize) -> Result<Vec<SendQueueKey>, StoreError>;
    /// Attempts of each of these lanes that wait and may go now, oldest first, at most `limit` of each, in the order of `places`:
    /// what waits in other lanes costs nothing.
    async fn sendable(
        &self,
        now: Timestamp,
        places: &[SendQueuePosition],
        limit: usize,
    ) -> Result<Vec<Vec<Sendable>>, StoreError>;
    /// Attempts of any lane that wait and may go now: priority, then lane, then age. For people and starts.
    async fn sendable_of_all(&self, now: Timestamp, limit: usize) -> Result<Vec<Sendable>, StoreError> {
        let mut found: Vec<Sendable> = Vec::new();
        let mut after = None;
        while found.len() < limit
            && let Some(key) = self.send_queues(after.as_ref(), 1).await?.pop()
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
    /// Phone calls that the provider has, that are not over, and that are to end; and those that are still queued although their
    /// intent was committed by `stale_before`.
    async fn phone_calls_to_end(
        &self,
        stale_before: Timestamp,
        wanted_since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AttemptId>, StoreError>;
    /// When the next unknown outcome is to be looked for, after `after`.
    async fn next_search(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// DISPATCHING calls that nothing will look at soon: nothing waiting or in flight, no log entry since `quiet_since`, and a
    /// wake time further away than a day and than the longest wait of the call's own ladder. Must be empty.
    async fn stranded(&self, quiet_since: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// DISPATCHING calls accepted before `before` of which nobody has been told and nothing was accepted, and for which no alert
    /// `unnotified:<call>` is raised, oldest first: a crowd that is known hides nobody.
    async fn unnotified(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// DISPATCHING calls accepted before `before` whose ladder tells nobody by text, and for which no alert `unanswered:<call>` is
    /// raised, oldest first.
    async fn unanswered(&self, before: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// DEFERRED calls that nobody has seen and whose wake time has come, earliest first.
    async fn not_seen(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// Calls whose holder is to be asked whether they go on, or was asked and has been silent for too long, earliest first.
    async fn to_ask(&self, now: Timestamp, limit: usize) -> Result<Vec<CallId>, StoreError>;
    /// Receipts that were kept for nobody and whose message or attempt is known by now, oldest first, with its call.
    async fn kept_receipts(&self, limit: usize) -> Result<Vec<(CallId, StatusUpdate)>, StoreError>;
    /// Those with a text of a call that is DISPATCHING, or that left DISPATCHING at `since` or later and is still open; told last
    /// first, from behind `after` on.
    async fn listened(
        &self,
        since: Timestamp,
        after: Option<&ListenedPlace>,
        limit: usize,
    ) -> Result<Vec<Listened>, StoreError>;
    /// Those of these inbound messages that were heard already.
    async fn known_messages(&self, messages: &[MessageSid]) -> Result<Vec<MessageSid>, StoreError>;
    /// Keeps when these replies, heard before, were written, by the provider's clock; what is known stays.
    async fn date_replies(&self, times: &[(MessageSid, Timestamp)]) -> Result<(), StoreError>;
    /// Replies that wait for the time at which they were written, those that came first first; `waited_since` says when.
    async fn waiting_replies(&self, limit: usize) -> Result<Vec<InboundText>, StoreError>;
    /// Phone calls whose report did not come in time, longest due first.
    async fn phone_calls_due(&self, now: Timestamp, limit: usize) -> Result<Vec<WaitingPhoneCall>, StoreError>;
    /// When the next of them is due.
    async fn next_phone_call(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Everything that was said until then was read from everybody whose replies counted; `None`: never yet.
    async fn replies_read(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Keeps that moment.
    async fn keep_replies_read(&self, until: Timestamp) -> Result<(), StoreError>;
}
