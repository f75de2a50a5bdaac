//! Retell's shapes: calls, webhooks, the custom function, the list. Source: `facts/intake.md` §1, §2.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::description::{Platform, SandboxPhoneCall};
use super::lists::{is_authorized, send};
use crate::domain::Timestamp;
use crate::sandbox::answer::Response;
use crate::sandbox::state::Shared;

const PAGE_MAX: u64 = 1000;
const PAGE_USUAL: u64 = 50;

/// A call as a list shows it: with its analysis, without its transcript.
pub(super) fn call(call: &SandboxPhoneCall, started: Timestamp) -> Value {
    let ended = call.ended(started);
    let mut out = json!({
        "call_id": call.id, "agent_id": "agent_sandbox", "call_type": "phone_call", "direction": "inbound",
        "call_status": if ended.is_some() { "ended" } else { "ongoing" },
        "start_timestamp": started.as_millis(),
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(map), Some(value)) = (out.as_object_mut(), value) {
            map.insert(name.to_owned(), value);
        }
    };
    put("from_number", call.from.as_ref().map(|n| json!(n)));
    put("to_number", call.to.as_ref().map(|n| json!(n)));
    put("end_timestamp", ended.map(|at| json!(at.as_millis())));
    put("duration_ms", call.seconds.map(|s| json!(s.saturating_mul(1_000))));
    put("disconnection_reason", call.reason.as_ref().map(|r| json!(r)));
    put("telephony_identifier", call.sid.as_ref().map(|sid| json!({ "twilio_call_sid": sid })));
    put("call_analysis", (!call.said.is_empty()).then(|| json!({ "custom_analysis_data": call.said })));
    out
}

/// A body of the webhook, or of the function.
pub(super) fn report(event: &str, described: &SandboxPhoneCall, started: Timestamp) -> Value {
    let mut call = call(described, started);
    if let (Some(map), Some(transcript)) = (call.as_object_mut(), &described.transcript) {
        map.insert("transcript".to_owned(), json!(transcript));
    }
    match event.strip_prefix("function ") {
        Some(name) => json!({ "name": name, "args": described.said, "call": call }),
        None => json!({ "event": event, "call": call }),
    }
}

/// `POST /v3/list-calls`: strict about the filter, which the real one would ignore in silence or refuse.
pub(super) fn list(shared: &Shared, request: &Request) -> Response {
    if let Some(refused) = shared.state().agents.asked(Platform::Retell) {
        return refused;
    }
    if !is_authorized(request) {
        return send(401, &json!({ "status": "error", "message": "Unauthorized" }));
    }
    let wrong = |what: &str| send(400, &json!({ "status": "error", "message": what }));
    if request.method.as_str() != "POST" {
        return wrong("POST alone");
    }
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(&request.body) else { return wrong("no JSON object") };
    const KEYS: &[&str] = &["filter_criteria", "sort_order", "limit", "pagination_key"];
    if let Some(unknown) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return wrong(&format!("{unknown} is unknown"));
    }
    let body = Value::Object(body);
    let span = body.pointer("/filter_criteria/start_timestamp");
    let is_range = span.is_some_and(|s| s["type"] == "range" && s["op"] == "bt");
    let bound = |n: usize| span.and_then(|s| s.get("value")?.get(n)?.as_i64()).filter(|_| is_range);
    let (Some(from), Some(to)) = (bound(0), bound(1)) else { return wrong("start_timestamp is no range") };
    let limit = body.get("limit").map_or(Some(PAGE_USUAL), Value::as_u64).filter(|n| (1..=PAGE_MAX).contains(n));
    let Some(limit) = limit else { return wrong("limit is 1 to 1000") };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let after = body.get("pagination_key").and_then(Value::as_str);
    let state = shared.state();
    let within = state.agents.of(Platform::Retell).iter().filter(|c| (from..=to).contains(&c.started.as_millis()));
    let rest: Vec<_> = match after {
        Some(key) => within.skip_while(|c| c.id != key).skip(1).collect(),
        None => within.collect(),
    };
    let page: Vec<&Value> = rest.iter().take(limit).map(|c| &c.item).collect();
    let mut answer = json!({ "items": page, "has_more": rest.len() > limit });
    if let (true, Some(map), Some(last)) = (rest.len() > limit, answer.as_object_mut(), rest.get(limit - 1)) {
        map.insert("pagination_key".to_owned(), json!(last.id));
    }
    send(200, &answer)
}
