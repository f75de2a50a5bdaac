//! Who may bring an event to a store that several processes share. What happened is taken from anybody, whenever it comes; what an
//! engine decides counts only while it is the engine.

use super::alert_text::event::AlertTextEvent;
use super::event::Event;
use super::roll_call::event::RollCallEvent;

/// Whose an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Evidence, and what people decide: recorded whoever brings it.
    Anybody,
    /// A decision: of an engine only while its term lasts, or of a person by a command.
    Decision,
    /// What only the engine may decide.
    Engine,
}

impl Event {
    /// Whose it is.
    pub fn authority(&self) -> Authority {
        match self {
            Self::Accept(_)
            | Self::Report(..)
            | Self::PhoneCallEnded(_)
            | Self::ClaimAgain { .. }
            | Self::Sent { .. }
            | Self::StatusUpdate(_)
            | Self::Asked(_)
            | Self::Key { .. }
            | Self::Gone { .. }
            | Self::Inbound(_)
            | Self::Decide { .. }
            | Self::Settle { .. }
            | Self::Import(_)
            | Self::Found(_)
            | Self::ClearOptOut { .. } => Authority::Anybody,
            Self::Claim { .. } | Self::EngineGone { .. } => Authority::Engine,
            Self::RollCall(what) => match what.as_ref() {
                RollCallEvent::Sent { .. } => Authority::Anybody,
                RollCallEvent::Claim { .. } | RollCallEvent::EngineGone { .. } => Authority::Engine,
                RollCallEvent::Make { .. } | RollCallEvent::Due { .. } | RollCallEvent::AskedInVain { .. } => {
                    Authority::Decision
                }
            },
            Self::AlertText(what) => match what.as_ref() {
                AlertTextEvent::Sent { .. } => Authority::Anybody,
                AlertTextEvent::Claim { .. } | AlertTextEvent::EngineGone { .. } => Authority::Engine,
                AlertTextEvent::Make(_) | AlertTextEvent::AskedInVain { .. } => Authority::Decision,
            },
            Self::Note(_)
            | Self::PhoneCall(_)
            | Self::Wake { .. }
            | Self::EndPhoneCall { .. }
            | Self::Searched { .. }
            | Self::Polled { .. }
            | Self::Alert(_)
            | Self::Breaker { .. }
            | Self::Unnotified { .. }
            | Self::Unanswered { .. } => Authority::Decision,
        }
    }
}
