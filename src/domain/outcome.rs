//! What became of one POST, whatever it carried.

use std::time::Duration;

use super::codes::ErrorClass;
use super::receipt::MessageStatus;
use super::types::{ErrorCode, MessageSid, Timestamp};

/// What became of one POST.
#[derive(Debug, Clone)]
pub enum SendOutcome {
    /// The provider has it.
    Accepted {
        sid: MessageSid,
        /// The status of the answer.
        status: MessageStatus,
        /// With a status that says that it failed already.
        code: Option<ErrorCode>,
        /// What that code asks for.
        error_class: ErrorClass,
        /// When the provider made it, by its own clock.
        provider_at: Option<Timestamp>,
        /// How long the provider expects a phone call to wait before it is dialled.
        queued_for: Duration,
    },
    /// It said no.
    Refused {
        code: Option<ErrorCode>,
        /// What that code asks for.
        error_class: ErrorClass,
        /// For a person.
        why: String,
    },
    /// The callback URL was refused (21609): once more without one.
    BadCallback,
    /// The address of what is said in a phone call was refused, or there is none: once more with the words themselves.
    BadUrl,
    /// Surely not done.
    NotSent {
        /// For a person.
        why: String,
        /// When to try again.
        again_at: Timestamp,
    },
    /// A mail relay has it.
    Relayed {
        /// The relay's words, for a person.
        said: String,
    },
    /// May be done.
    Unknown {
        /// For a person.
        why: String,
    },
}

impl SendOutcome {
    /// Whether it surely did not happen and is tried again within the attempt.
    pub const fn is_tried_again(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::BadCallback | Self::BadUrl)
    }
}
