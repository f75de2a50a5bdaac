//! What event webhooks tell of: a closed list of things that happen to a call, each found in an entry of its log.

use serde_json::Value;

use super::attempt::words;
use super::log::{LogEntry, LogKind};

words! {
    /// What an event webhook tells of. Closed: others read it, as `call.` and the word.
    OutgoingKind {
        Accepted = "accepted",
        /// The provider has accepted a text to a contact. Of a mail nobody knows whether it is read: it is none.
        Told = "told",
        /// It arrived.
        Delivered = "delivered",
        /// It did not, or was refused.
        Failed = "failed",
        /// A contact took the call.
        Taken = "taken",
        /// A contact said no.
        Passed = "passed",
        /// Its holder gave it back.
        HandedBack = "handed-back",
        Reopened = "reopened",
        /// Nobody took it.
        Exhausted = "exhausted",
        /// It waits for the morning.
        Deferred = "deferred",
        /// It runs as a higher level: one that waited was woken, or a later report said so.
        Raised = "raised",
        /// A person has seen one that waits.
        Seen = "seen",
        Resolved = "resolved",
        Cancelled = "cancelled",
        /// A person wrote into its story.
        Note = "note",
    }
}

/// The key of an entry's data by which a call that its holder gave back is known from one that was reopened.
pub const HANDED_BACK: &str = "handedBack";

/// The key by which the late code of a failure is known from the failure.
pub const LATE_CODE: &str = "lateCode";

impl OutgoingKind {
    /// What this entry tells of; `None`: nothing for others. Whether a text was a notice, the attempt says.
    pub fn of(entry: &LogEntry) -> Option<Self> {
        entry.call.as_ref()?;
        Some(match entry.kind {
            LogKind::CallAccepted | LogKind::CallImported => Self::Accepted,
            LogKind::AttemptSubmitted => Self::Told,
            LogKind::AttemptDelivered => Self::Delivered,
            // What is said later of a failure (that nothing follows, or its code) is no second one.
            LogKind::AttemptFailed if ["dropped", LATE_CODE].iter().any(|key| entry.data.get(key).is_some()) => {
                return None;
            }
            LogKind::AttemptFailed => Self::Failed,
            LogKind::CallAcknowledged => Self::Taken,
            LogKind::ContactPassed => Self::Passed,
            LogKind::CallReopened if entry.data.get(HANDED_BACK) == Some(&Value::Bool(true)) => Self::HandedBack,
            LogKind::CallReopened => Self::Reopened,
            LogKind::CallExhausted => Self::Exhausted,
            LogKind::CallDeferred => Self::Deferred,
            LogKind::CallRaised => Self::Raised,
            LogKind::CallSeen => Self::Seen,
            LogKind::CallResolved => Self::Resolved,
            LogKind::CallCancelled => Self::Cancelled,
            LogKind::CallNoted => Self::Note,
            _ => return None,
        })
    }

    /// Whether it is about a text.
    pub const fn is_of_a_text(self) -> bool {
        matches!(self, Self::Told | Self::Delivered | Self::Failed)
    }
}
