//! What can happen to a text of an alert.

use super::AlertMessageToText;
use crate::domain::outcome::SendOutcome;
use crate::domain::types::{AttemptId, Timestamp};

/// What can happen to a text of an alert, besides news of its message and an owner's answer.
#[derive(Debug, Clone)]
pub enum AlertTextEvent {
    /// A sink hands a message over.
    Make(AlertMessageToText),
    /// An engine wants to send this text.
    Claim { text: AttemptId, engine: String, provider_after: Option<Timestamp> },
    /// What became of its POST.
    Sent { text: AttemptId, outcome: SendOutcome },
    /// The engine that had claimed it is gone.
    EngineGone { text: AttemptId },
    /// The provider was asked about it in vain.
    AskedInVain { text: AttemptId },
}

impl AlertTextEvent {
    /// The text that it is about.
    pub const fn text(&self) -> Option<AttemptId> {
        match self {
            Self::Make(_) => None,
            Self::Claim { text, .. }
            | Self::Sent { text, .. }
            | Self::EngineGone { text }
            | Self::AskedInVain { text } => Some(*text),
        }
    }
}
