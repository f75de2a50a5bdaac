//! Where a phone call is, in the provider's words.

/// The provider's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneCallStatus {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

impl PhoneCallStatus {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Queued, "queued"),
        (Self::Initiated, "initiated"),
        (Self::Ringing, "ringing"),
        (Self::InProgress, "in-progress"),
        (Self::Completed, "completed"),
        (Self::Busy, "busy"),
        (Self::NoAnswer, "no-answer"),
        (Self::Failed, "failed"),
        (Self::Canceled, "canceled"),
    ];

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(s, _)| *s)
    }

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(s, _)| *s == self).map_or("", |(_, w)| w)
    }

    pub const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Initiated => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            _ => 4,
        }
    }

    /// Whether a phone rings, or has rung, in this state.
    pub const fn rings(self) -> bool {
        matches!(self, Self::Ringing | Self::InProgress | Self::Completed | Self::NoAnswer)
    }

    pub const fn is_final(self) -> bool {
        self.rank() == 4
    }
}

impl std::fmt::Display for PhoneCallStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
