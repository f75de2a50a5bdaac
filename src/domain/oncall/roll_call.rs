//! A roll call: whoever begins a shift is asked by text whether they hold the duty, before the first emergency does
//! (`facts/oncall.md` §4). It changes no holder by itself.
//!
//! What is decided about one is in [`crate::domain::roll_call`]; this is what is kept of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::rotation::RotationId;
use crate::domain::attempt::words;
use crate::domain::phone::PhoneNumber;
use crate::domain::standalone_text::{StandaloneKind, StandaloneText};
use crate::domain::types::{AttemptId, CallRef, ContactId, ParseError, Role, Timestamp};

/// When whoever begins a shift is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollCallTime {
    /// At this time of the rotation's clock, on the shift's first day.
    At(Time),
    /// So long before the shift begins.
    Before(Duration),
}

/// The longest time before a shift: what lies further ahead is nobody's evening.
const BEFORE_MAX: Duration = Duration::from_secs(24 * 3_600);

impl RollCallTime {
    /// What is accepted, for people.
    pub const FORM: &str = "a time like \"16:30\", or \"-30m\" before a shift, 24h at most";

    /// `16:30`, or `-30m` by a reader of durations.
    pub fn read(text: &str, duration: impl Fn(&str) -> Option<Duration>) -> Option<Self> {
        match text.trim().strip_prefix('-') {
            Some(before) => duration(before).filter(|d| !d.is_zero() && *d <= BEFORE_MAX).map(Self::Before),
            None => crate::domain::hours::time(text.trim()).map(Self::At),
        }
    }
}

/// `rol_` and a UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RollCallId(String);

impl RollCallId {
    /// From a fresh UUIDv7.
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(format!("rol_{}", id.simple()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RollCallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RollCallId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_hex = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
        match text.strip_prefix("rol_") {
            Some(rest) if is_hex(rest) => Ok(Self(text.to_owned())),
            _ => Err(ParseError::new("roll call", "is rol_ and 32 hex digits")),
        }
    }
}

impl TryFrom<String> for RollCallId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RollCallId> for String {
    fn from(id: RollCallId) -> Self {
        id.0
    }
}

words! {
    /// Where a roll call is.
    RollCallState {
        /// Asked, or about to be.
        Asked = "asked",
        /// The holder answered `1`.
        Confirmed = "confirmed",
        /// The holder answered `2`, or takes no texts any more.
        Refused = "refused",
        /// No answer to two texts.
        Silent = "silent",
        /// No text reached the holder.
        Failed = "failed",
        /// The shift ended, or another holds it, before an answer came.
        Over = "over",
    }
}

impl RollCallState {
    /// Nobody knows that the duty is held, and a person must see to it.
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Refused | Self::Silent | Self::Failed)
    }
}

/// One holder's roll call for one shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollCall {
    pub id: RollCallId,
    pub rotation: RotationId,
    /// The line and the role by which the holder has the duty: they pick the sender and the names in the text.
    pub line: Option<String>,
    pub role: Role,
    pub contact: ContactId,
    pub name: String,
    pub phone: PhoneNumber,
    /// When the shift begins.
    pub from: Timestamp,
    /// Until when the holder has the duty.
    pub until: Timestamp,
    pub reference: CallRef,
    pub state: RollCallState,
    pub made_at: Timestamp,
    /// When the engine decides again; present exactly while it is asked and waits.
    pub wake_at: Option<Timestamp>,
    /// When it left `asked`, or was answered anew.
    pub decided_at: Option<Timestamp>,
    /// Why it is where it is, for people.
    pub why: String,
    pub texts: Vec<StandaloneText>,
}

impl RollCall {
    /// Its texts that ask.
    pub fn asks(&self) -> impl Iterator<Item = &StandaloneText> {
        self.texts.iter().filter(|t| t.kind == StandaloneKind::Ask)
    }

    /// Those since it began, or began anew.
    pub fn asks_now(&self) -> impl Iterator<Item = &StandaloneText> {
        self.asks().filter(|t| t.created_at >= self.made_at)
    }

    /// The text with this id.
    pub fn text(&self, id: AttemptId) -> Option<&StandaloneText> {
        self.texts.iter().find(|t| t.id == id)
    }
}
