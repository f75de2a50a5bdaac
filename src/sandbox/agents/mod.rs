//! Voice agents' platforms: Retell and Vapi as senders of signed reports, and the lists of phone calls of both and of Twilio.
//!
//! What they send and list is made from one plain description of a phone call, in each platform's own shape; nothing of it is kept
//! over a restart. Source: `facts/intake.md` §1 to §5.

mod description;
mod lists;
mod retell;
mod sender;
mod twilio;
mod vapi;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::Request;

use self::description::{Platform, SandboxPhoneCall};
pub(super) use self::lists::{Lists, is_list};
use self::sender::Sending;
use super::answer::Response;
use super::state::Shared;
use crate::domain::Timestamp;

#[cfg(test)]
pub(super) use self::sender::hmac;
pub(super) use self::twilio::{calls_refused, inbound_calls};

/// What a platform is made to do by `POST /_sandbox/agents`.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum AgentAction {
    /// Posts a report of a phone call.
    Report(Box<Sending>),
    /// Lists a phone call from now on; one of the same id is replaced.
    List { platform: Platform, call: Box<SandboxPhoneCall> },
    /// Answers so many questions for its list like this.
    Refuse(lists::ListRefusal),
}

/// Does one thing or several, in order; what each came to.
///
/// # Errors
/// What is wrong with the first that cannot be done.
pub(super) fn act(shared: &Arc<Shared>, body: &[u8]) -> Result<Value, String> {
    let body: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let all = match body {
        Value::Array(all) => all,
        one => vec![one],
    };
    let mut done = Vec::new();
    for one in all {
        done.push(match serde_json::from_value(one).map_err(|e| e.to_string())? {
            AgentAction::Report(sending) => sender::post(shared, &sending)?,
            AgentAction::List { platform, call } => {
                let item = item(shared, platform, &call);
                shared.state().agents.list(platform, &call.id, item);
                json!({})
            }
            AgentAction::Refuse(refusal) => {
                shared.state().agents.refuse(refusal)?;
                json!({})
            }
        });
    }
    Ok(json!({ "done": done }))
}

/// As the platform lists it, with when it began.
fn item(shared: &Shared, platform: Platform, call: &SandboxPhoneCall) -> (Timestamp, Value) {
    let started = call.started(shared.theirs());
    let item = match platform {
        Platform::Retell => retell::call(call, started),
        Platform::Vapi => vapi::call(call, started),
        Platform::Twilio => twilio::call(&shared.account_sid, call, started),
    };
    (started, item)
}

/// Answers a request for a list of Retell's or Vapi's.
pub(super) fn answer(shared: &Shared, request: &Request) -> Response {
    if request.url.path() == lists::VAPI { vapi::list(shared, request) } else { retell::list(shared, request) }
}
