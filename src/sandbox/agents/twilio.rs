//! Twilio's list of calls, as far as inbound calls need it. Source: `facts/intake.md` §5.

use serde_json::{Value, json};

use super::description::{Platform, SandboxPhoneCall};
use crate::domain::Timestamp;
use crate::sandbox::answer::Response;
use crate::sandbox::state::{SandboxState, Shared};
use crate::sandbox::wire::Params;

/// A call of this account.
pub(super) fn call(account: &str, call: &SandboxPhoneCall, started: Timestamp) -> Value {
    let ended = call.ended(started);
    let usual = if ended.is_some() { "completed" } else { "in-progress" };
    json!({
        "sid": call.id, "account_sid": account, "direction": "inbound", "from": call.from, "to": call.to,
        "status": call.reason.as_deref().unwrap_or(usual), "duration": call.seconds.map(|s| s.to_string()),
        "date_created": rfc2822(started), "start_time": rfc2822(started), "end_time": ended.and_then(rfc2822),
        "api_version": "2010-04-01", "uri": format!("/2010-04-01/Accounts/{account}/Calls/{}.json", call.id),
    })
}

fn rfc2822(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).ok()
}

/// How the list of calls is refused, where it was asked to be.
pub(in crate::sandbox) fn calls_refused(shared: &Shared) -> Option<Response> {
    shared.state().agents.asked(Platform::Twilio)
}

/// The calls that were made to this account's numbers, as a list asks for them: when each began, its SID, and itself.
pub(in crate::sandbox) fn inbound_calls(state: &SandboxState, params: &Params) -> Vec<(Timestamp, String, Value)> {
    let is_asked = |item: &Value, name: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| item.get(name).and_then(Value::as_str) == Some(wanted))
    };
    let all = state.agents.of(Platform::Twilio).iter();
    all.filter(|c| {
        is_asked(&c.item, "to", params.get("To"))
            && is_asked(&c.item, "from", params.get("From"))
            && is_asked(&c.item, "status", params.get("Status"))
    })
    .map(|c| (c.started, c.id.clone(), c.item.clone()))
    .collect()
}
