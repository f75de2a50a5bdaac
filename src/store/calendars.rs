//! Calendars that say who is on call, as they were read last, and feeds of who is.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::domain::types::ContactId;

/// The text of a calendar that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCalendar {
    pub rotation: RotationId,
    pub part: CalendarPart,
    /// As it was given.
    pub text: Arc<[u8]>,
    /// Grows with every text that says something else.
    pub changed: i64,
}

/// How the reading of a calendar goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarState {
    pub rotation: RotationId,
    pub part: CalendarPart,
    /// A hash of the place where it was read: another place has other versions.
    pub source: String,
    /// The version of the newest text that is here, in the words of its place.
    pub etag: Option<String>,
    /// When its place last gave a calendar that was taken, or said that it is what it was; `None`: never.
    pub read_at: Option<Timestamp>,
    /// Since when nothing could be taken, and why not, as of the last reading.
    pub failing: Option<(Timestamp, String)>,
    /// There is a text that counts.
    pub is_kept: bool,
    /// A newer text is here and was not taken, until somebody accepts it.
    pub is_offered: bool,
    /// See `source`: that of the text that counts.
    pub kept_source: Option<String>,
    /// Why the newer text was not taken.
    pub offered_why: Option<String>,
    /// When its place last gave a calendar at all, taken or not.
    pub answered_at: Option<Timestamp>,
}

/// What one reading came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarRead {
    pub rotation: RotationId,
    pub part: CalendarPart,
    /// See [`CalendarState::source`].
    pub source: String,
    pub at: Timestamp,
    pub outcome: CalendarOutcome,
}

/// See [`CalendarRead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarOutcome {
    /// It is what it was.
    Same,
    /// It counts from now on. `said`: what others are told of it, for the log; `None`: it says the same in other words.
    Taken { text: Vec<u8>, etag: Option<String>, said: Option<String> },
    /// It is kept beside the one that counts, until somebody accepts it. Without a text: that which is here already.
    Offered { text: Option<(Vec<u8>, Option<String>)>, why: String },
    /// Nothing was read.
    Failed { why: String },
}

/// Whose duties a feed shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedOf {
    Rotation(RotationId),
    Contact(ContactId),
}

impl FeedOf {
    /// `rotation` or `contact`, as the store and JSON write it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rotation(_) => "rotation",
            Self::Contact(_) => "contact",
        }
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        match self {
            Self::Rotation(id) => id.as_str(),
            Self::Contact(id) => id.as_str(),
        }
    }
}

/// A feed that is served.
#[derive(Clone, PartialEq, Eq)]
pub struct Feed {
    pub of: FeedOf,
    /// Whoever knows it reads the feed.
    pub secret: String,
    pub made_at: Timestamp,
}

impl std::fmt::Debug for Feed {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("of", &self.of).field("made_at", &self.made_at).finish_non_exhaustive()
    }
}

/// Owns the texts of calendars and the secrets of feeds. The engine's duty writes texts, commands accept one and make feeds; every
/// process reads the texts with what is in force: [`crate::domain::settings::Basis::calendars`] grows with every one that says
/// something else.
///
/// After a crash either a reading is there with all that follows from it, or it is read again.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// The texts that count.
    async fn kept_calendars(&self) -> Result<Vec<KeptCalendar>, StoreError>;
    /// How the reading of each goes.
    async fn calendar_states(&self) -> Result<Vec<CalendarState>, StoreError>;
    /// The text that was not taken, where there is one.
    async fn offered_calendar(&self, rotation: &RotationId, part: CalendarPart) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps what a reading came to.
    async fn keep_calendar(&self, read: &CalendarRead) -> Result<(), StoreError>;
    /// What was not taken of this rotation counts from now on, with a log entry; which of its calendars that was. Done twice
    /// changes nothing.
    async fn accept_calendars(
        &self,
        rotation: &RotationId,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<CalendarPart>, StoreError>;
    /// All feeds, by whose they are.
    async fn feeds(&self) -> Result<Vec<Feed>, StoreError>;
    /// The feed of this secret.
    async fn feed_by_secret(&self, secret: &str) -> Result<Option<Feed>, StoreError>;
    /// The feed of these duties: as it is, or `new` where there is none, or where `renew` makes the one of before nobody's.
    async fn make_feed(&self, new: &Feed, renew: Renew, by: &str) -> Result<Feed, StoreError>;
}

/// Whether a feed that there is gets another secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    No,
    Yes,
}
