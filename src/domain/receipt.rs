//! What the provider says of a message: its statuses, their rank, and which are final.
//!
//! Source: `facts/twilio.md` §5 (Message resource; Track outbound message status). Callbacks come in any order and may
//! repeat; a status never moves backwards, so late and repeated ones are harmless.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Twilio's own word for where a message is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageStatus {
    /// A messaging service took it and chooses a sender.
    Accepted,
    /// Waits for its time.
    Scheduled,
    /// Has a sender, waits for its rate.
    Queued,
    /// Being handed upstream.
    Sending,
    /// The nearest carrier took it.
    Sent,
    /// The carrier confirmed it.
    Delivered,
    /// The carrier said no.
    Undelivered,
    /// Twilio could not send it.
    Failed,
    /// Withdrawn before it left.
    Canceled,
    /// Read (RCS, WhatsApp): delivered, and more.
    Read,
    /// A word that we do not know, or one that an outbound message does not have: recorded, moves nothing.
    Other(String),
}

impl MessageStatus {
    /// Reads the provider's word; never fails, an unknown one is kept as it is.
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "accepted" => Self::Accepted,
            "scheduled" => Self::Scheduled,
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "undelivered" => Self::Undelivered,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            "read" => Self::Read,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The provider's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Read => "read",
            Self::Other(word) => word,
        }
    }

    /// How far along it is: only a higher rank is applied. `None` for words that move nothing.
    pub fn rank(&self) -> Option<u8> {
        Some(match self {
            Self::Accepted | Self::Scheduled => 0,
            Self::Queued => 1,
            Self::Sending => 2,
            Self::Sent => 3,
            Self::Delivered | Self::Undelivered | Self::Failed | Self::Canceled => 4,
            Self::Read => 5,
            Self::Other(_) => return None,
        })
    }

    /// What a final word means for the attempt; `None` while the message is still under way.
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Delivered | Self::Read => Some(Verdict::Delivered),
            Self::Undelivered | Self::Failed | Self::Canceled => Some(Verdict::Failed),
            _ => None,
        }
    }
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It reached the handset or the carrier vouches for it.
    Delivered,
    /// It did not.
    Failed,
}

impl fmt::Display for MessageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MessageStatus {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MessageStatus {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from_word(&String::deserialize(d)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_only_final_ones_have_a_verdict() {
        for (word, rank, verdict) in [
            ("accepted", Some(0), None),
            ("scheduled", Some(0), None),
            ("queued", Some(1), None),
            ("sending", Some(2), None),
            ("sent", Some(3), None),
            ("delivered", Some(4), Some(Verdict::Delivered)),
            ("undelivered", Some(4), Some(Verdict::Failed)),
            ("failed", Some(4), Some(Verdict::Failed)),
            ("canceled", Some(4), Some(Verdict::Failed)),
            ("read", Some(5), Some(Verdict::Delivered)),
            ("partially_delivered", None, None),
            ("received", None, None),
            ("zzz", None, None),
        ] {
            let s = MessageStatus::from_word(word);
            assert_eq!((s.as_str(), s.rank(), s.verdict()), (word, rank, verdict), "{word}");
        }
    }
}
