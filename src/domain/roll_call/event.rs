//! What can happen to a roll call.

use super::plan::NewRollCall;
use crate::domain::oncall::roll_call::RollCallId;
use crate::domain::outcome::SendOutcome;
use crate::domain::types::{AttemptId, Timestamp};

/// What can happen to a roll call, besides news of its messages and its holder's answer.
#[derive(Debug, Clone)]
pub enum RollCallEvent {
    /// Somebody is to be asked.
    Make { new: NewRollCall, id: RollCallId },
    /// It is looked at: asked again, given up, or over.
    Due { id: RollCallId },
    /// An engine wants to send this text.
    Claim { text: AttemptId, engine: String, provider_after: Option<Timestamp> },
    /// What became of its POST.
    Sent { text: AttemptId, outcome: SendOutcome },
    /// The engine that had claimed it is gone.
    EngineGone { text: AttemptId },
    /// The provider was asked about it in vain.
    AskedInVain { text: AttemptId },
}

impl RollCallEvent {
    /// The text that it is about.
    pub const fn text(&self) -> Option<AttemptId> {
        match self {
            Self::Make { .. } | Self::Due { .. } => None,
            Self::Claim { text, .. }
            | Self::Sent { text, .. }
            | Self::EngineGone { text }
            | Self::AskedInVain { text } => Some(*text),
        }
    }
}
