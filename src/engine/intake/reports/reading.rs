//! What a body means, and what every platform's reading needs: the call's id and its intake.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::json::Document;
use super::super::{Intake, Validation, from_json};
use super::fields::Said;
use crate::domain::event::Report;
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::CallId;

/// How long a phone call that has ended waits for its analysis. The alarm that nobody was told a minute after a call was accepted
/// stays quiet where all is well.
pub const ANALYSIS_WAIT: Duration = Duration::from_secs(45);

/// So short a phone call may have been silent.
const SILENT: Duration = Duration::from_secs(8);
/// The issue of a call whose report holds nothing of what was said.
const WITHHELD: &str = "content not delivered: ring back";

/// What a body means.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Nothing that concerns us.
    Nothing,
    /// A phone call to dispatch, or a later word on it.
    Call(Box<Reported>),
    /// A phone call in which nobody was heard.
    Unheard(Unheard),
    /// Tools that the agent used during the phone call, each to be answered.
    Tools(Vec<Tool>),
    /// Why it cannot be read.
    Unread(String),
}

/// A phone call as a report tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    pub intake: Intake,
    pub report: Report,
}

/// A phone call in which nobody was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Unheard {
    pub id: CallId,
    /// Why it ended, in the platform's words; empty where it does not say.
    pub reason: String,
    pub phone: PhoneCall,
    /// Whether the platform is to blame, so that an emergency may have been turned away.
    pub alarming: bool,
}

/// One use of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The platform's id of it.
    pub id: String,
    pub name: String,
    pub wants: Wants,
}

/// What a tool wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Wants {
    /// A dispatch; after the first of its phone call, an addition to it.
    Dispatch(Box<Reported>),
    /// How the call of this phone call stands.
    State(CallId, Box<PhoneCall>),
    /// Nothing of ours.
    Other,
}

/// Whether a report without words withholds them: it has no transcript at all, though there was time to speak. A platform that
/// keeps no data leaves the transcript and the analysis out.
pub(super) fn is_withheld(spoken: &Said, phone: &PhoneCall) -> bool {
    let took = phone.started_at.zip(phone.ended_at).map(|(start, end)| end.since(start));
    spoken.transcript.is_none() && took.is_none_or(|took| took >= SILENT)
}

/// Says in place of the issue that nobody knows it.
pub(super) fn say_withheld(spoken: &mut Said) {
    let also = spoken.data.get("issueSummary").and_then(Value::as_str).map(|t| format!(" ({t})")).unwrap_or_default();
    spoken.data.insert("issueSummary".to_owned(), Value::String(format!("{WITHHELD}{also}")));
}

/// A hash that names what came.
pub fn digest(raw: &[u8]) -> String {
    Sha256::digest(raw).iter().take(12).map(|b| format!("{b:02x}")).collect()
}

/// The call's id: the source and the platform's own. One that no call can have is hashed; where there is none the body names it,
/// so that the same body is the same call.
pub(super) fn call_id(source: &str, platform: Option<&str>, raw: &[u8]) -> (CallId, Option<String>) {
    let hashed = |kind: &str, of: &[u8]| format!("{source}:{kind}-{}", digest(of));
    let (text, odd) = match platform.map(str::trim).filter(|id| !id.is_empty()) {
        None => (hashed("body", raw), Some("the report names no phone call: a later report of it is another call")),
        Some(id) if id.len() <= 100 && id.bytes().all(|b| b.is_ascii_graphic()) => (format!("{source}:{id}"), None),
        Some(id) => {
            (hashed("id", id.as_bytes()), Some("the platform's id of the phone call cannot be kept: it is hashed"))
        }
    };
    // Both forms are plain ASCII of at most 128 characters.
    let id = text.parse().unwrap_or_else(|_| CallId::from_uuid(uuid::Uuid::nil()));
    (id, odd.map(str::to_owned))
}

/// The id that a report of this phone call has.
pub fn platform_call_id(source: &str, platform: &str) -> CallId {
    call_id(source, Some(platform), platform.as_bytes()).0
}

/// An intake of these fields; what was mended in the bytes is named.
pub(super) fn intake(
    id: &CallId,
    call_data: serde_json::Map<String, Value>,
    document: &Document,
    odd: Vec<String>,
) -> Option<Intake> {
    let body = serde_json::json!({ "callId": id.as_str(), "callData": call_data });
    let built = Document { value: body, repaired: document.repaired.clone(), repeated: Vec::new() };
    let mut intake = from_json(&built, Validation::Lenient).ok()?;
    intake.repaired.extend(odd);
    Some(intake)
}

/// Whether a tool asks how its call stands.
pub(super) fn asks_for_state(name: &str) -> bool {
    name.to_lowercase().contains("status")
}
