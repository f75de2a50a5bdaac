//! How badly a call needs a person: the order of every list of open calls, on the terminal and on the board.

use super::attempt::AttemptState;
use super::call::{Call, CallStatus};

/// How badly a call needs a person, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// It looks for somebody, and nobody has been told.
    NobodyTold,
    /// Nobody took it.
    Exhausted,
    /// It is not known whether its last notice was sent.
    Unknown,
    /// Its last notice failed.
    Failed,
    /// It looks for somebody.
    Dispatching,
    /// Somebody has it.
    Taken,
    /// It waits for the morning.
    Deferred,
    /// It is over.
    Over,
}

impl Urgency {
    /// Of a call whose last notice is in this state. A call that waits for the end of quiet hours is to be told to nobody yet.
    pub fn of(call: &Call, last: Option<AttemptState>) -> Self {
        match call.status {
            CallStatus::Dispatching if call.notified_at.is_none() && call.held().is_none() => Self::NobodyTold,
            CallStatus::Exhausted => Self::Exhausted,
            CallStatus::Dispatching if last == Some(AttemptState::Unknown) => Self::Unknown,
            CallStatus::Dispatching if last == Some(AttemptState::Failed) => Self::Failed,
            CallStatus::Dispatching => Self::Dispatching,
            CallStatus::Acknowledged => Self::Taken,
            CallStatus::Deferred => Self::Deferred,
            CallStatus::Resolved | CallStatus::Cancelled => Self::Over,
        }
    }

    /// As JSON writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NobodyTold => "nobody-told",
            Self::Exhausted => "exhausted",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Dispatching => "dispatching",
            Self::Taken => "taken",
            Self::Deferred => "deferred",
            Self::Over => "over",
        }
    }
}
