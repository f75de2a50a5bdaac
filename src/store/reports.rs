//! The morning's lists by mail, as they are kept.

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::attempt::words;

words! {
    /// What became of a list to one reader.
    ReportState {
        /// It is to be sent.
        Waiting = "waiting",
        /// Its intent is stored; the relay may have it.
        Sending = "sending",
        /// The relay took it.
        Sent = "sent",
        /// Nobody knows whether the relay took it: it is not sent again.
        Unknown = "unknown",
        /// It was refused.
        Failed = "failed",
        /// There was nothing to tell.
        Empty = "empty",
    }
}

/// A list to one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// One a list and reader.
    pub key: String,
    pub address: String,
    pub subject: String,
    pub body: String,
    pub html: String,
    /// What is attached.
    pub csv: Option<String>,
    pub state: ReportState,
    pub tries: u32,
    /// When it may be sent.
    pub next_at: Timestamp,
    /// The relay's words, or why not.
    pub said: String,
}

/// Owns the lists that are mailed. Each is made once by its key and moves by [`Reports::move_report`] alone; after a crash each is as
/// it was last moved. Only the engine's duty calls this.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Whether this list was made for this reader, whatever became of it.
    async fn has_report(&self, key: &str) -> Result<bool, StoreError>;
    /// Keeps a new list; one that is there already stays as it is.
    async fn keep_report(&self, report: &ReportMail) -> Result<(), StoreError>;
    /// Those that are to be sent by now, and those whose sending nobody finished, oldest first.
    async fn open_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<ReportMail>, StoreError>;
    /// Moves a list that is still as it was read; `false`: somebody else moved it.
    async fn move_report(&self, was: &ReportMail, is: &ReportMail) -> Result<bool, StoreError>;
}
