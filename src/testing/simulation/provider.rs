//! The provider of a history: what it accepted, where each message is, what its list shows, what people wrote back.

use super::chance::Chance;
use crate::domain::types::{AttemptId, ErrorCode, MessageSid};

/// What becomes of a message in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    /// Some carriers never confirm.
    Sent,
    Undelivered(u32),
    Failed(u32),
}

impl Fate {
    pub(crate) fn draw(chance: &mut Chance, trouble: u32) -> Self {
        if trouble == 0 || !chance.once_in(6) {
            return Self::Delivered;
        }
        chance.pick(&[
            (3, Self::Sent),
            (4, Self::Undelivered(30003)),
            (3, Self::Undelivered(30005)),
            (2, Self::Undelivered(30008)),
            (2, Self::Failed(30007)),
            (2, Self::Failed(30034)),
            (1, Self::Undelivered(30410)),
            (1, Self::Failed(30002)),
        ])
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Sent => "sent",
            Self::Undelivered(_) => "undelivered",
            Self::Failed(_) => "failed",
        }
    }

    pub(crate) const fn code(self) -> Option<u32> {
        match self {
            Self::Delivered | Self::Sent => None,
            Self::Undelivered(code) | Self::Failed(code) => Some(code),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) sid: MessageSid,
    /// From the callback's URL.
    pub(crate) attempt: AttemptId,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) body: String,
    pub(crate) at: i64,
    pub(crate) listed_at: i64,
    pub(crate) fate: Fate,
    /// `queued`, `sent`, then its fate.
    pub(crate) stage: usize,
}

impl Message {
    /// Where it is now, with the code.
    pub(crate) fn now(&self) -> (&'static str, Option<ErrorCode>) {
        self.stage(self.stage)
    }

    pub(crate) fn stage(&self, stage: usize) -> (&'static str, Option<ErrorCode>) {
        match stage {
            0 => ("queued", None),
            1 => ("sent", None),
            _ => (self.fate.word(), self.fate.code().map(ErrorCode)),
        }
    }
}

/// What somebody wrote.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) sid: MessageSid,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) body: String,
    pub(crate) at: i64,
    pub(crate) listed_at: i64,
}

#[derive(Default)]
pub(crate) struct Provider {
    pub(crate) messages: Vec<Message>,
    pub(crate) written: Vec<Written>,
    /// No list and no message can be read until then.
    pub(crate) away_until: i64,
    sids: u32,
}

impl Provider {
    pub(crate) fn new_sid(&mut self) -> MessageSid {
        self.sids += 1;
        format!("SM{:032x}", self.sids).parse().expect("a SID")
    }
}
