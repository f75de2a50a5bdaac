//! What the office's page shows and what signs people in to it, as they are kept.

use async_trait::async_trait;

use super::error::StoreError;
use super::views::{AlertLine, CallLine, Figures, OptOutLine};
use crate::domain::Timestamp;
use crate::domain::breaker::Breaker;
use crate::domain::call::CallState;
use crate::domain::log::LogEntry;
use crate::domain::types::CallId;

/// What the page asks for: how much of each list, and from when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardQuery {
    pub now: Timestamp,
    /// Open calls, the worst first; as many deferred ones.
    pub open_max: usize,
    pub alerts_max: usize,
    /// The night's calls were accepted at this time or later.
    pub night_from: Timestamp,
    /// So many of them are loaded, the newest.
    pub night_max: usize,
    /// Closed calls were accepted at this time or later.
    pub closed_since: Timestamp,
    /// Only closed calls that come after this one.
    pub closed_before: Option<CallId>,
    pub closed_max: usize,
}

/// What the page shows, of one moment of the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoardRows {
    pub figures: Figures,
    /// Calls that look for somebody and of which nobody has been told, quiet hours aside.
    pub nobody_told: u64,
    /// Calls of which nobody is told before quiet hours end.
    pub held: u64,
    /// The worst first: see [`crate::domain::urgency::Urgency`].
    pub open: Vec<CallState>,
    /// Those that wait for the morning, oldest first.
    pub deferred: Vec<CallState>,
    /// Oldest first.
    pub alerts: Vec<AlertLine>,
    pub breakers: Vec<Breaker>,
    pub opt_outs: Vec<OptOutLine>,
    /// The newest of the night, with their log.
    pub night: Vec<(CallState, Vec<LogEntry>)>,
    /// How many calls the night has.
    pub night_calls: u64,
    /// Newest first.
    pub closed: Vec<CallLine>,
}

/// A link that signs somebody in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardLink {
    /// Of its token, in hex: the token itself is kept nowhere.
    pub digest: String,
    /// As whom: the name of a token.
    pub name: String,
    pub until: Timestamp,
}

/// Owns the key that sessions of the page are signed with, and the links that sign in. After a crash a link that was used is gone, and
/// one that was not used still works. The listener and `board link` call this.
#[async_trait]
pub trait Boards: Send + Sync {
    /// Everything that the page shows, in one read.
    async fn board(&self, query: &BoardQuery) -> Result<BoardRows, StoreError>;
    /// The key of sessions. The first caller's key stays.
    async fn board_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;
    /// Keeps a link, and forgets those that are over.
    async fn keep_board_link(&self, link: &BoardLink, now: Timestamp) -> Result<(), StoreError>;
    /// Whom a link would sign in; it stays.
    async fn board_link(&self, digest: &str, now: Timestamp) -> Result<Option<String>, StoreError>;
    /// Uses a link up; whom it signs in. `None`: it was used, is over, or was never made.
    async fn use_board_link(&self, digest: &str, now: Timestamp) -> Result<Option<String>, StoreError>;
}
