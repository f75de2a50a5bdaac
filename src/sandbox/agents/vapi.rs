//! Vapi's shapes: calls, messages, the list. Source: `facts/intake.md` §3, §4.

use serde_json::{Value, json};
use wiremock::Request;

use super::description::{Platform, SandboxPhoneCall};
use super::lists::{is_authorized, send};
use crate::domain::Timestamp;
use crate::sandbox::answer::Response;
use crate::sandbox::state::Shared;

const PAGE_MAX: usize = 1000;
const PAGE_USUAL: usize = 100;

/// A call as a list shows it.
pub(super) fn call(call: &SandboxPhoneCall, started: Timestamp) -> Value {
    let ended = call.ended(started);
    json!({
        "id": call.id, "orgId": "org-sandbox", "type": "inboundPhoneCall",
        "status": if ended.is_some() { "ended" } else { "in-progress" },
        "createdAt": started.rfc3339(), "startedAt": started.rfc3339(), "endedAt": ended.map(Timestamp::rfc3339),
        "endedReason": call.reason, "phoneCallProvider": "twilio", "phoneCallProviderId": call.sid,
        "customer": { "number": call.from }, "phoneNumber": { "number": call.to },
        "analysis": { "structuredData": call.said },
    })
}

/// A message: `end-of-call-report`, `status-update`, or `tool NAME`.
pub(super) fn report(event: &str, described: &SandboxPhoneCall, started: Timestamp) -> Value {
    let call = call(described, started);
    let ended = described.ended(started).map(Timestamp::rfc3339);
    let mut message = json!({
        "type": event, "call": call, "customer": call["customer"], "phoneNumber": call["phoneNumber"],
    });
    let more = match event.strip_prefix("tool ") {
        Some(name) => json!({ "type": "tool-calls", "toolCallList": [{
            "id": format!("tool-{}", described.id), "type": "function",
            "function": { "name": name, "arguments": described.said } }] }),
        None if event == "status-update" => json!({ "status": "ended" }),
        None => json!({
            "startedAt": started.rfc3339(), "endedAt": ended, "endedReason": described.reason,
            "analysis": { "structuredData": described.said }, "artifact": { "transcript": described.transcript },
        }),
    };
    if let (Some(map), Value::Object(more)) = (message.as_object_mut(), more) {
        map.extend(more);
    }
    json!({ "message": message })
}

/// `GET /call`: the newest first.
pub(super) fn list(shared: &Shared, request: &Request) -> Response {
    if let Some(refused) = shared.state().agents.asked(Platform::Vapi) {
        return refused;
    }
    if !is_authorized(request) {
        return send(401, &json!({ "message": "Unauthorized", "statusCode": 401 }));
    }
    let (mut limit, mut from, mut to) = (PAGE_USUAL, None, None);
    for (name, value) in request.url.query_pairs() {
        let time = || value.parse::<Timestamp>().ok();
        let is_fine = match &*name {
            "limit" => {
                limit = value.parse().unwrap_or(0);
                (1..=PAGE_MAX).contains(&limit)
            }
            "createdAtGe" => {
                from = time();
                from.is_some()
            }
            "createdAtLe" => {
                to = time();
                to.is_some()
            }
            _ => false,
        };
        if !is_fine {
            return send(
                400,
                &json!({ "message": [format!("property {name} should not exist or is wrong")], "statusCode": 400 }),
            );
        }
    }
    let state = shared.state();
    let within = state.agents.of(Platform::Vapi).iter().rev();
    let within = within.filter(|c| from.is_none_or(|at| c.started >= at) && to.is_none_or(|at| c.started <= at));
    send(200, &json!(within.take(limit).map(|c| &c.item).collect::<Vec<_>>()))
}
