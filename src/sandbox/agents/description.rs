//! One plain description of a phone call.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::Timestamp;

/// Whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sandbox) enum Platform {
    Retell,
    Vapi,
    Twilio,
}

/// A phone call.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::sandbox) struct SandboxPhoneCall {
    /// The platform's id of it.
    pub(in crate::sandbox) id: String,
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) to: Option<String>,
    /// Twilio's SID, where the platform knows it.
    #[serde(default)]
    pub(super) sid: Option<String>,
    /// It began so long before this moment.
    #[serde(default)]
    pub(super) ago_seconds: u64,
    /// And took so long; absent: it goes on.
    #[serde(default)]
    pub(super) seconds: Option<u64>,
    /// Why it ended, in the platform's words.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// What the agent noted: `issue`, `level`, `address`, `name`, `callback`.
    #[serde(default)]
    pub(super) said: Map<String, Value>,
    #[serde(default)]
    pub(super) transcript: Option<String>,
}

impl SandboxPhoneCall {
    pub(super) fn started(&self, now: Timestamp) -> Timestamp {
        now.minus(Duration::from_secs(self.ago_seconds))
    }

    pub(super) fn ended(&self, started: Timestamp) -> Option<Timestamp> {
        self.seconds.map(|s| started.plus(Duration::from_secs(s)))
    }
}
