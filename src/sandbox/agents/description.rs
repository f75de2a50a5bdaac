//! One plain description of a phone call, and how each platform lists it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{retell, twilio, vapi};
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::sandbox::state::Shared;

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
    pub(super) fn started(&self, shared: &Shared) -> Timestamp {
        let now = Timestamp::from_millis(shared.clock.now().as_millis().saturating_add(shared.state().apart_ms));
        now.minus(Duration::from_secs(self.ago_seconds))
    }

    pub(super) fn ended(&self, started: Timestamp) -> Option<Timestamp> {
        self.seconds.map(|s| started.plus(Duration::from_secs(s)))
    }
}

/// As the platform lists it, with when it began.
pub(super) fn item(shared: &Shared, platform: Platform, call: &SandboxPhoneCall) -> (Timestamp, Value) {
    let started = call.started(shared);
    let item = match platform {
        Platform::Retell => retell::call(call, started),
        Platform::Vapi => vapi::call(call, started),
        Platform::Twilio => twilio::call(&shared.account_sid, call, started),
    };
    (started, item)
}
