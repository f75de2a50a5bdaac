//! Who or what picks up a phone, and what is done at run time to a call that goes on.

use serde::{Deserialize, Serialize};

use super::call::PhoneStatus;

/// Who or what is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneEnd {
    /// A person, after 4 s.
    Human,
    /// A mailbox, after 2 s: 200, and no key ever.
    Voicemail,
    /// An assistant that answers at once, asks, and lets it ring; whoever is there presses `1` after 20 s.
    Screener,
    /// Engaged: 486.
    Busy,
    /// Rings until the ring time is over: 487.
    NoAnswer,
    /// Off, or out of range: 480.
    Unreachable,
    /// No such number: 404.
    NoNumber,
    /// Declined by hand: 603.
    Declined,
}

impl PhoneEnd {
    /// The final status and the SIP code where nobody picks up.
    pub(super) fn refusal(self) -> Option<(PhoneStatus, u16)> {
        match self {
            Self::Human | Self::Voicemail | Self::Screener => None,
            Self::Busy => Some((PhoneStatus::Busy, 486)),
            Self::NoAnswer => Some((PhoneStatus::NoAnswer, 487)),
            Self::Unreachable => Some((PhoneStatus::NoAnswer, 480)),
            Self::NoNumber => Some((PhoneStatus::Failed, 404)),
            Self::Declined => Some((PhoneStatus::NoAnswer, 603)),
        }
    }

    /// Whether the network says `ringing` before the end.
    pub(super) fn rings(self) -> bool {
        !matches!(self, Self::Busy | Self::NoNumber | Self::Unreachable)
    }

    /// Seconds from the first ring, or from the dialling, to what it does.
    pub(super) fn usual_ring_s(self) -> f64 {
        match self {
            Self::Human => 4.0,
            Self::Voicemail | Self::Declined => 2.0,
            Self::Screener | Self::Busy | Self::Unreachable | Self::NoNumber => 1.0,
            Self::NoAnswer => f64::from(u32::MAX),
        }
    }

    /// What detection says of it.
    pub(super) fn detected(self) -> &'static str {
        if self == Self::Voicemail { "machine_start" } else { "human" }
    }
}

/// A key in a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptedKey {
    /// Seconds after the pick-up.
    pub after_s: f64,
    /// Which, e.g. `1`.
    pub digits: String,
    /// Nobody presses it: a stranger posts it with a false signature, to where the key would go.
    #[serde(default)]
    pub forged: bool,
    /// Its request is made twice at once.
    #[serde(default)]
    pub twice: bool,
    /// Its request is made only so many seconds after the call has ended; `after_s` is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_s: Option<f64>,
}

/// What is at the other end of a phone, for one call or for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhoneScript {
    /// For the n-th call to this phone, counted from 1; absent: for every one that no other entry names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// Who or what.
    pub does: PhoneEnd,
    /// Seconds of ringing before it does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_s: Option<f64>,
    /// Keys, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ScriptedKey>,
    /// Hangs up so many seconds after the pick-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang_up_s: Option<f64>,
    /// The SIP code in place of the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<u16>,
    /// The final status in place of the usual one, where nobody picks up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PhoneStatus>,
    /// `AnsweredBy` in place of the usual word, and told also where nobody asked for detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
}

impl PhoneScript {
    /// A phone of which nobody said anything: it rings in vain.
    pub(super) fn nobody() -> Self {
        Self {
            call: None,
            does: PhoneEnd::NoAnswer,
            ring_s: None,
            keys: Vec::new(),
            hang_up_s: None,
            sip: None,
            status: None,
            answered_by: None,
        }
    }

    /// The entry for the n-th call.
    pub(super) fn of_call(all: &[Self], nth: u32) -> Self {
        let named = all.iter().find(|s| s.call == Some(nth));
        named.or_else(|| all.iter().find(|s| s.call.is_none())).cloned().unwrap_or_else(Self::nobody)
    }

    /// What is pressed, with a screener's own key where the script names none.
    pub(super) fn keys(&self) -> Vec<ScriptedKey> {
        if self.does == PhoneEnd::Screener && self.keys.is_empty() {
            return vec![ScriptedKey { after_s: 20.0, digits: "1".into(), forged: false, twice: false, late_s: None }];
        }
        self.keys.clone()
    }

    /// What cannot work in it.
    pub(in crate::sandbox) fn check(&self) -> Result<(), String> {
        let seconds = self.keys.iter().flat_map(|k| [Some(k.after_s), k.late_s]).chain([self.ring_s, self.hang_up_s]);
        if seconds.flatten().any(|s| !(0.0..=14_400.0).contains(&s)) {
            return Err("calls: seconds are from 0 to 14400".into());
        }
        let key = |d: &str| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#');
        if self.keys.iter().any(|k| !key(&k.digits)) {
            return Err("calls: digits are 0 to 9, * and #".into());
        }
        if self.status.is_some_and(|s| !s.is_final()) {
            return Err("calls: status is a final one".into());
        }
        Ok(())
    }
}

/// A key pressed now, in the call that this phone is in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::sandbox) struct PressNow {
    pub(super) phone: String,
    pub(super) digits: String,
    #[serde(default)]
    pub(super) forged: bool,
    #[serde(default)]
    pub(super) twice: bool,
}

/// The person at this phone hangs up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sandbox) struct HangUpNow {
    pub(super) phone: String,
}
