//! Vapi: `{"message":{"type":…,…}}`. Source: `facts/intake.md` §3, §4.

use serde_json::{Value, json};

use super::super::json::{self, Document};
use super::fields::{Direction, Said, said};
use super::paths;
use super::reading::{
    ANALYSIS_WAIT, Reading, Reported, Tool, Unheard, Wants, asks_for_state, call_id, intake, is_withheld, say_withheld,
};
use crate::config::VapiSource;
use crate::domain::event::Report;
use crate::domain::phone_call::{PhoneCall, is_sid};

const SOURCE: &str = "vapi";
/// Vapi names the customer and the line, whoever calls.
const DIRECTION: Direction = Direction::Inbound;
/// Ways in which a phone call ends that turn nobody away, beside those that begin with `assistant-ended-call`. The last two are of
/// a customer who was called.
const ORDINARY_ENDS: &[&str] = &[
    "customer-ended-call",
    "assistant-said-end-call-phrase",
    "assistant-forwarded-call",
    "silence-timed-out",
    "voicemail",
    "",
    "customer-busy",
    "customer-did-not-answer",
];
/// The most tools of one message that are answered.
const TOOLS_MAX: usize = 32;

pub(super) fn message(document: &Document, source: &VapiSource, raw: &[u8]) -> Reading {
    let body = &document.value;
    let Some(message) = body.get("message").filter(|m| m.is_object()) else {
        return Reading::Unread("it has no message".to_owned());
    };
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    let ended = message.get("status").and_then(Value::as_str) == Some("ended");
    let hold = match kind {
        "tool-calls" => return tools(document, message, source, raw),
        "end-of-call-report" => None,
        "status-update" if ended => Some(ANALYSIS_WAIT),
        "" => return Reading::Unread("its message has no type".to_owned()),
        _ => return Reading::Nothing,
    };
    if is_web(message) {
        return Reading::Nothing;
    }
    let is_there = message.pointer("/artifact/transcript").is_some_and(Value::is_string);
    let mut spoken = said(body, &source.fields, DIRECTION, is_there);
    let summary = paths::at(body, "message.analysis.summary");
    let named = spoken.issue.is_some() && (spoken.issue != summary || spoken.transcript.is_none());
    let heard = spoken.transcript.as_deref().is_some_and(|t| !t.trim().is_empty());
    if !named && !heard && !spoken.level {
        if hold.is_some() {
            return Reading::Nothing;
        }
        let phone = phone_call(message, &spoken);
        if call_type(message).contains("outbound") || !is_withheld(&spoken, &phone) {
            return unheard(message, phone, raw);
        }
        say_withheld(&mut spoken);
    }
    reported(document, spoken, raw, Report { source: SOURCE.to_owned(), event: kind.to_owned(), hold })
}

fn is_web(message: &Value) -> bool {
    call_type(message).contains("web")
}

fn call_type(message: &Value) -> String {
    paths::at(message, "call.type").unwrap_or_default().to_lowercase()
}

fn unheard(message: &Value, phone: PhoneCall, raw: &[u8]) -> Reading {
    let (id, _) = call_id(SOURCE, paths::at(message, "call.id").as_deref(), raw);
    let reason = paths::at(message, "endedReason").unwrap_or_default();
    let is_ordinary = ORDINARY_ENDS.contains(&reason.as_str()) || reason.starts_with("assistant-ended-call");
    Reading::Unheard(Unheard { id, reason, phone, alarming: !is_ordinary })
}

fn phone_call(message: &Value, spoken: &Said) -> PhoneCall {
    let time = |path| paths::at(message, path).and_then(|t| t.parse().ok());
    PhoneCall {
        id: paths::at(message, "call.id").unwrap_or_default(),
        sid: paths::at(message, "call.phoneCallProviderId").filter(|sid| is_sid(sid)),
        line: spoken.line.clone(),
        caller: spoken.caller.clone(),
        started_at: time("startedAt"),
        ended_at: time("endedAt"),
    }
}

fn reported(document: &Document, mut spoken: Said, raw: &[u8], report: Report) -> Reading {
    let message = document.value.get("message").unwrap_or(&Value::Null);
    let (id, odd) = call_id(SOURCE, paths::at(message, "call.id").as_deref(), raw);
    for (name, path) in [
        ("platformCallId", "call.id"),
        ("twilioCallSid", "call.phoneCallProviderId"),
        ("callStartedAt", "startedAt"),
        ("callEndedAt", "endedAt"),
        ("disconnectionReason", "endedReason"),
        ("transferDestination", "destination.number"),
    ] {
        if let Some(value) = paths::at(message, path).filter(|value| name != "twilioCallSid" || is_sid(value)) {
            spoken.data.insert(name.to_owned(), Value::String(value));
        }
    }
    match intake(&id, spoken.data, document, odd.into_iter().collect()) {
        Some(intake) => Reading::Call(Box::new(Reported { intake, report })),
        None => Reading::Unread("its id is none".to_owned()),
    }
}

fn tools(document: &Document, message: &Value, source: &VapiSource, raw: &[u8]) -> Reading {
    let list = ["toolCallList", "toolCalls"].iter().find_map(|name| message.get(*name).and_then(Value::as_array));
    let Some(list) = list else { return Reading::Unread("its tool calls are no list".to_owned()) };
    let all = list.iter().take(TOOLS_MAX).map(|call| tool(document, message, call, source, raw));
    Reading::Tools(all.collect())
}

fn tool(document: &Document, message: &Value, call: &Value, source: &VapiSource, raw: &[u8]) -> Tool {
    let id = paths::at(call, "id").unwrap_or_default();
    let name = paths::at(call, "function.name").or_else(|| paths::at(call, "name")).unwrap_or_default();
    let dispatches = source.tools.is_empty() || source.tools.contains(&name);
    let body = json!({ "arguments": arguments(call), "message": message });
    let spoken = said(&body, &source.fields, DIRECTION, false);
    let own = call_id(SOURCE, paths::at(message, "call.id").as_deref(), raw).0;
    let state = Wants::State(own, Box::new(phone_call(message, &spoken)));
    if asks_for_state(&name) && !source.tools.contains(&name) {
        return Tool { id, name, wants: state };
    }
    if !dispatches {
        return Tool { id, name, wants: Wants::Other };
    }
    let report = Report { source: SOURCE.to_owned(), event: format!("tool {name}"), hold: None };
    let document = Document { value: body, ..document.clone() };
    let wants = match reported(&document, spoken, raw, report) {
        Reading::Call(reported) => Wants::Dispatch(reported),
        _ => state,
    };
    Tool { id, name, wants }
}

/// The arguments of a tool, an object or the text of one, wherever a version of the platform puts them.
fn arguments(call: &Value) -> Value {
    let places = ["/function/arguments", "/arguments", "/parameters", "/function/parameters"];
    let given = places.iter().find_map(|at| call.pointer(at)).cloned().unwrap_or_default();
    match &given {
        Value::String(text) => json::read(text.as_bytes()).map_or(json!({ "issue": text }), |d| d.value),
        _ => given,
    }
}
