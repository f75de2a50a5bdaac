//! Twilio's list of calls, as far as inbound calls need it. Source: `facts/intake.md` §5.

use serde_json::{Value, json};

use super::description::{Platform, SandboxPhoneCall};
use crate::domain::Timestamp;
use crate::sandbox::answer::Response;
use crate::sandbox::state::Shared;
use crate::sandbox::wire::{Params, TwilioRefusal, respond};

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

/// `GET …/Calls.json`: one page, the newest first.
pub(in crate::sandbox) fn calls(shared: &Shared, path: &str, query: &str) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(query.as_bytes(), &["To", "From", "StartTime>", "PageSize", "Page", "PageToken"], &[])?;
    if let Some(refused) = shared.state().agents.asked(Platform::Twilio) {
        return Ok(refused);
    }
    let since = match params.get("StartTime>") {
        None => None,
        Some(day) => {
            let start = day.parse::<jiff::civil::Date>().ok().and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC).ok());
            let start = start.ok_or_else(|| TwilioRefusal::strict("StartTime> is YYYY-MM-DD, GMT"))?;
            Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
        }
    };
    let state = shared.state();
    let is_asked = |item: &Value, name: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| item.get(name).and_then(Value::as_str) == Some(wanted))
    };
    let listed = state.agents.of(Platform::Twilio).iter().rev().filter(|c| since.is_none_or(|at| c.started >= at));
    let calls: Vec<&Value> = listed
        .map(|c| &c.item)
        .filter(|i| is_asked(i, "to", params.get("To")) && is_asked(i, "from", params.get("From")))
        .collect();
    let body = json!({ "calls": calls, "page": 0, "page_size": 1000, "start": 0, "uri": path, "next_page_uri": null });
    Ok(Response::Send(respond(shared, 200, &body)))
}
