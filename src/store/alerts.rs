//! What sinks are still to be told of: one row a sink and alert, each sink at its own pace.
//!
//! A row says that an alert has changed, never what it is now: its newest state is read when it is delivered. Whoever delivers
//! notes first that it asks, and then what became of it, so that a crash between the two delivers at most once more, and a sink
//! that may have heard of an alert is told of its end.

use std::time::Duration;

use async_trait::async_trait;

use super::{AlertLine, StoreError};
use crate::domain::Timestamp;
use crate::domain::alert::{AlertKey, Severity, SinkReceipt};
use crate::domain::bulk::{SentMessage, Waiting};

/// An alert that a sink is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTask {
    /// The alert.
    pub line: AlertLine,
    /// Since when it is over; `None`: it is not.
    pub resolved_at: Option<Timestamp>,
    /// Which state of it waits.
    pub version: i64,
    /// Since when it waits.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether the sink was told that it is raised, or may have been.
    pub may_be_known: bool,
    /// When its call was accepted.
    pub accepted_at: Option<Timestamp>,
    /// What the caller said.
    pub issue: Option<String>,
}

impl AlertTask {
    /// As bulk alerts are grouped by.
    pub fn waiting(&self) -> Waiting {
        Waiting { kind: self.line.key.kind(), over: self.resolved_at.is_some(), since: self.since }
    }
}

/// How a sink does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkState {
    /// Since when nothing was delivered although it was tried; `None`: the last message was.
    pub failing_since: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// It is left alone until then.
    pub not_before: Option<Timestamp>,
    /// The messages of the last time.
    pub sent: Vec<SentMessage>,
}

/// How the deliveries to a sink went since the store was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkLine {
    pub name: String,
    pub min: Severity,
    /// Messages.
    pub delivered: u64,
    pub failed: u64,
    /// The last of each.
    pub delivered_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    /// What its receiver answered the last time, or why it was not told.
    pub said: Option<String>,
    /// Since when nothing was delivered although it was tried; `None`: the last message was, or none was ever tried.
    pub failing_since: Option<Timestamp>,
    /// Alerts that wait for it.
    pub waiting: u64,
}

/// What became of a message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub at: Timestamp,
    /// Its alerts are told again then, unless they are over or a person has seen them; `None`: never.
    pub again_at: Option<Timestamp>,
    /// What its receiver answered, for a person.
    pub said: String,
    /// Where it says later whether somebody has seen it.
    pub receipt: Option<SinkReceipt>,
}

/// What became of a message that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDelivered {
    pub at: Timestamp,
    /// Why, for a person.
    pub why: String,
    /// Its alerts are due again then.
    pub again_at: Timestamp,
    /// The sink is left alone until then.
    pub not_before: Timestamp,
    /// Whether the sink surely did not take it.
    pub surely: bool,
    /// Since when the sink fails, where it did not before.
    pub since: Timestamp,
    /// Where it may know of them: they are told anew then, unless they are over or a person has seen them; `None`: never.
    pub repeat_at: Option<Timestamp>,
}

/// An alert that waits for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingAlert {
    pub key: AlertKey,
    /// How often the sink was not told of it although that was tried.
    pub tries: u32,
}

/// The part of the store that is about sinks of alerts. All methods are safe to cancel and to repeat.
#[async_trait]
pub trait AlertOutbox {
    /// What this sink is to be told of now, longest due first.
    async fn alerts_due(&self, sink: &str, now: Timestamp, limit: usize) -> Result<Vec<AlertTask>, StoreError>;
    /// When the next alert is due for this sink, after `after`.
    async fn next_alert(&self, sink: &str, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// Alerts that wait for this sink, due or not.
    async fn alerts_waiting(&self, sink: &str) -> Result<Vec<WaitingAlert>, StoreError>;
    /// How a sink does, with its messages since then.
    async fn sink_state(&self, sink: &str, since: Timestamp) -> Result<SinkState, StoreError>;
    /// The sink is about to be told of these: from here on it may know of them.
    async fn alerts_asked(&self, sink: &str, keys: Vec<AlertKey>) -> Result<(), StoreError>;
    /// One message told the sink of these: each waits no more, unless a newer state of it came meanwhile.
    async fn alerts_delivered(&self, sink: &str, tasks: Vec<AlertTask>, how: Delivered) -> Result<(), StoreError>;
    /// What the sink knows of, is not over and was seen by nobody waits for it again where its time has come, and once more
    /// `every` later; returns when the next of it is due. It waits for those that stand in for it as well, where they were never
    /// told: the sink may not be able to say it any more.
    async fn repeat_alerts(
        &self,
        sink: &str,
        stand_ins: &[String],
        now: Timestamp,
        every: Duration,
    ) -> Result<Option<Timestamp>, StoreError>;
    /// The sinks of the settings in force, and how their deliveries went.
    async fn sink_lines(&self) -> Result<Vec<SinkLine>, StoreError>;
    /// One message did not tell the sink of these.
    async fn alerts_not_delivered(
        &self,
        sink: &str,
        tasks: Vec<AlertTask>,
        how: NotDelivered,
    ) -> Result<(), StoreError>;
    /// The sink need not be told of these, in this version.
    async fn alerts_dropped(&self, sink: &str, tasks: Vec<AlertTask>) -> Result<(), StoreError>;
    /// What waits for sinks that are no more, and what an older version kept for all of them together, waits for those that
    /// are, where they do not know of it; with no sink at all it stays. So does what must wake somebody, is in force and was seen by
    /// nobody, of which sinks that are no more were told. Of what a sink was told without a time at which it is told again, that
    /// time is now.
    async fn share_alerts(&self, now: Timestamp) -> Result<(), StoreError>;
}
