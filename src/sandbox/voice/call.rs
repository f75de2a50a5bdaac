//! A phone call as the provider keeps it, and as the judge sees it.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::domain::phone::masked;

/// Where a phone call is, in Twilio's words (`facts/twilio-voice.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneStatus {
    /// Waits for the account's rate.
    Queued,
    /// Taken from the queue; only callbacks say so.
    Initiated,
    /// Rings.
    Ringing,
    /// Something picked up.
    InProgress,
    /// Picked up and ended.
    Completed,
    /// Busy signal.
    Busy,
    /// Rang in vain, or was rejected.
    NoAnswer,
    /// Could not be connected.
    Failed,
    /// Ended by the account before anybody answered.
    Canceled,
}

impl PhoneStatus {
    /// Twilio's word, as callbacks say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Twilio's word, as the API says it: it does not know `initiated`.
    pub(super) fn as_listed(self) -> &'static str {
        if self == Self::Initiated { "queued" } else { self.as_str() }
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress)
    }

    /// The event that tells of it, as `StatusCallbackEvent` names it; none of `queued`.
    pub(super) fn event(self) -> Option<&'static str> {
        match self {
            Self::Queued => None,
            Self::Initiated => Some("initiated"),
            Self::Ringing => Some("ringing"),
            Self::InProgress => Some("answered"),
            _ => Some("completed"),
        }
    }
}

/// What came of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyFate {
    /// Taken and posted, with a true signature.
    Posted,
    /// Pressed where nothing listened: lost, as at the real service.
    Lost,
    /// Posted by a stranger, with a false signature.
    Forged,
    /// Posted after the call had ended.
    Late,
}

/// A key of a phone call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPress {
    /// Which keys.
    pub digits: String,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub fate: KeyFate,
}

/// A fault of the account's own URL or TwiML, as `Notifications` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallFault {
    /// Twilio's code.
    pub code: u32,
    /// What is wrong.
    pub message: String,
    /// Of which request.
    pub url: String,
    /// When.
    pub at: Timestamp,
}

/// A call's step, as it is written to the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub(in crate::sandbox) enum CallLine {
    /// It moved; with the SIP code where that ends it, and whether the account ended it.
    Moved { sid: String, status: PhoneStatus, sip: Option<u16>, by_account: bool, at: Timestamp },
    /// A key was pressed.
    Key { sid: String, key: KeyPress },
    /// Something was said to whoever picked up, in full or until a key.
    Said { sid: String, text: String },
    /// Something of ours was wrong.
    Fault { sid: String, fault: CallFault },
}

/// A phone call as the provider keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct VoiceCall {
    pub(in crate::sandbox) sid: String,
    pub(in crate::sandbox) to: String,
    pub(in crate::sandbox) from: String,
    /// Where TwiML is asked for.
    pub(super) url: Option<String>,
    /// Spoken where there is no URL.
    pub(super) twiml: Option<String>,
    pub(super) fallback_url: Option<String>,
    pub(super) callback: Option<String>,
    /// The events that are told.
    pub(super) events: Vec<String>,
    /// Ring time and longest call, in seconds of a phone call.
    pub(super) timeout_s: u32,
    pub(super) time_limit_s: u32,
    /// Whether who answered is to be found out.
    pub(super) detection: bool,
    pub(super) status: PhoneStatus,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) initiated: Option<Timestamp>,
    pub(super) answered: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) sip: Option<u16>,
    pub(super) by_account: bool,
    /// As for messages.
    pub(super) apart_ms: i64,
    /// How long it was to wait in the queue.
    pub(super) queue_ms: u64,
    /// How long a second of it takes here.
    pub(super) second_ms: u64,
    #[serde(default)]
    pub(super) keys: Vec<KeyPress>,
    #[serde(default)]
    pub(super) said: Vec<String>,
    #[serde(default)]
    pub(super) faults: Vec<CallFault>,
    #[serde(skip)]
    pub(super) listed: Option<Timestamp>,
    #[serde(skip)]
    pub(super) hidden: Option<Timestamp>,
}

impl VoiceCall {
    /// A moment of the machine's clock by the provider's.
    pub(super) fn theirs(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_add(self.apart_ms))
    }

    /// Seconds of conversation, by the phone call's own scale; only where it was picked up and is over.
    pub(super) fn seconds(&self) -> Option<u64> {
        let (answered, ended) = (self.answered?, self.ended?);
        let ms = u64::try_from(ended.since(answered).as_millis()).unwrap_or(u64::MAX);
        Some(ms.div_ceil(self.second_ms.max(1)))
    }

    /// Takes a step, a key, a text or a fault into it.
    pub(super) fn take(&mut self, line: &CallLine) {
        match line {
            CallLine::Moved { status, sip, by_account, at, .. } => {
                self.status = *status;
                self.updated = *at;
                self.by_account |= *by_account;
                self.sip = sip.or(self.sip);
                match status {
                    PhoneStatus::Initiated => self.initiated = Some(*at),
                    PhoneStatus::InProgress => self.answered = Some(*at),
                    status if status.is_final() => self.ended = Some(*at),
                    _ => {}
                }
            }
            CallLine::Key { key, .. } => self.keys.push(key.clone()),
            CallLine::Said { text, .. } => self.said.push(text.clone()),
            CallLine::Fault { fault, .. } => self.faults.push(fault.clone()),
        }
    }
}

impl CallLine {
    /// Of which call.
    pub(super) fn sid(&self) -> &str {
        match self {
            Self::Moved { sid, .. } | Self::Key { sid, .. } | Self::Said { sid, .. } | Self::Fault { sid, .. } => sid,
        }
    }
}

/// One accepted phone call as the judge sees it, numbers and words in full.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEntry {
    /// The call's SID.
    pub sid: String,
    /// Who was called.
    pub to: String,
    /// From which number.
    pub from: String,
    /// The newest status.
    pub status: PhoneStatus,
    /// How it ended, in SIP's words.
    pub sip_response_code: Option<u16>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was dialled.
    pub initiated_at: Option<Timestamp>,
    /// When something picked up.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Seconds of conversation.
    pub seconds: Option<u64>,
    /// Whether the account ended it through the API.
    pub ended_by_account: bool,
    /// What was pressed.
    pub keys: Vec<KeyPress>,
    /// What was said to whoever picked up.
    pub said: Vec<String>,
    /// What was wrong with our URLs and TwiML.
    pub faults: Vec<CallFault>,
    /// As given, overrides included.
    pub status_callback: Option<String>,
    /// The last path segment of the callback URL.
    pub attempt_from_callback: Option<String>,
    /// When a list that was answered first had it.
    #[serde(default)]
    pub listed_at: Option<Timestamp>,
    /// When a list that was answered last left it out because it lags.
    #[serde(default)]
    pub hidden_at: Option<Timestamp>,
}

impl std::fmt::Debug for CallEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallEntry")
            .field("sid", &self.sid)
            .field("to", &masked(&self.to))
            .field("status", &self.status)
            .field("keys", &self.keys)
            .field("attempt_from_callback", &self.attempt_from_callback)
            .finish_non_exhaustive()
    }
}

impl From<&VoiceCall> for CallEntry {
    fn from(c: &VoiceCall) -> Self {
        Self {
            sid: c.sid.clone(),
            to: c.to.clone(),
            from: c.from.clone(),
            status: c.status,
            sip_response_code: c.sip,
            created_at: c.created,
            initiated_at: c.initiated,
            answered_at: c.answered,
            ended_at: c.ended,
            seconds: c.seconds(),
            ended_by_account: c.by_account,
            keys: c.keys.clone(),
            said: c.said.clone(),
            faults: c.faults.clone(),
            status_callback: c.callback.clone(),
            attempt_from_callback: c.callback.as_deref().and_then(crate::sandbox::target::last_segment),
            listed_at: c.listed,
            hidden_at: c.hidden,
        }
    }
}
