//! Retell: `{"event":…,"call":{…}}`, and its custom function `{"name":…,"call":{…},"args":{…}}`. Source: `facts/intake.md` §1, §2.

use serde_json::{Value, json};

use super::super::json::Document;
use super::fields::{Direction, Said, said};
use super::paths;
use super::reading::{
    ANALYSIS_WAIT, Reading, Reported, Tool, Unheard, Wants, asks_for_state, call_id, intake, is_withheld, say_withheld,
};
use crate::config::RetellSource;
use crate::domain::Timestamp;
use crate::domain::event::Report;
use crate::domain::phone_call::{PhoneCall, is_sid};

const SOURCE: &str = "retell";
/// Ways in which a phone call ends that turn nobody away.
const ORDINARY_ENDS: &[&str] = &["user_hangup", "agent_hangup", "inactivity", "voicemail_reached", "call_transfer", ""];

pub(super) fn webhook(document: &Document, source: &RetellSource, raw: &[u8]) -> Reading {
    let body = &document.value;
    let event = body.get("event").and_then(Value::as_str).unwrap_or_default();
    let hold = match event {
        "call_analyzed" => None,
        "call_ended" => Some(ANALYSIS_WAIT),
        "" => return Reading::Unread("it has no event".to_owned()),
        _ => return Reading::Nothing,
    };
    let Some(call) = body.get("call").filter(|c| c.is_object()) else {
        return Reading::Unread("it has no call".to_owned());
    };
    if is_web(call) {
        return Reading::Nothing;
    }
    let mut spoken = said(body, &source.fields, direction(call), call.get("transcript").is_some_and(Value::is_string));
    if is_silent(&spoken, body) {
        if hold.is_some() {
            return Reading::Nothing;
        }
        let phone = phone_call(call, &spoken);
        if direction(call) == Direction::Outbound || !is_withheld(&spoken, &phone) {
            return unheard(call, phone, raw);
        }
        say_withheld(&mut spoken);
    }
    reported(document, spoken, raw, Report { source: SOURCE.to_owned(), event: event.to_owned(), hold })
}

pub(super) fn function(document: &Document, source: &RetellSource, raw: &[u8]) -> Reading {
    // With args_at_root the arguments are all there is.
    let bare = document.value.get("call").is_none() && document.value.get("args").is_none();
    let body = if bare { json!({ "args": document.value }) } else { document.value.clone() };
    let nothing = Value::Null;
    let call = body.get("call").unwrap_or(&nothing);
    let name = paths::at(&body, "name").unwrap_or_default();
    let tool = |wants| Reading::Tools(vec![Tool { id: String::new(), name: name.clone(), wants }]);
    let spoken = said(&body, &source.fields, direction(call), false);
    if asks_for_state(&name) {
        let (id, _) = call_id(SOURCE, paths::at(call, "call_id").as_deref(), raw);
        return tool(Wants::State(id, Box::new(phone_call(call, &spoken))));
    }
    let report = Report { source: SOURCE.to_owned(), event: format!("function {name}"), hold: None };
    let document = Document { value: body.clone(), ..document.clone() };
    match reported(&document, spoken, raw, report) {
        Reading::Call(reported) => tool(Wants::Dispatch(reported)),
        other => other,
    }
}

fn direction(call: &Value) -> Direction {
    let outbound = call.get("direction").and_then(Value::as_str) == Some("outbound");
    if outbound { Direction::Outbound } else { Direction::Inbound }
}

fn is_web(call: &Value) -> bool {
    call.get("call_type").and_then(Value::as_str) == Some("web_call")
}

/// Nothing was spoken. A summary alone counts only where no transcript is kept: the platform summarises silence too.
fn is_silent(spoken: &Said, body: &Value) -> bool {
    let summary = paths::at(body, "call.call_analysis.call_summary");
    let named = spoken.issue.is_some() && (spoken.issue != summary || spoken.transcript.is_none());
    let heard = spoken.transcript.as_deref().is_some_and(|t| !t.trim().is_empty());
    !named && !heard && !spoken.level
}

fn unheard(call: &Value, phone: PhoneCall, raw: &[u8]) -> Reading {
    let (id, _) = call_id(SOURCE, paths::at(call, "call_id").as_deref(), raw);
    let reason = paths::at(call, "disconnection_reason").unwrap_or_default();
    let alarming = !ORDINARY_ENDS.contains(&reason.as_str()) && !reason.starts_with("dial_");
    Reading::Unheard(Unheard { id, reason, phone, alarming })
}

fn phone_call(call: &Value, spoken: &Said) -> PhoneCall {
    let ms = |path| paths::at(call, path).and_then(|t| t.parse().ok());
    let (started, ended): (Option<i64>, Option<i64>) = (ms("start_timestamp"), ms("end_timestamp"));
    let took = || Some(started?.saturating_add(ms("duration_ms")?));
    PhoneCall {
        id: paths::at(call, "call_id").unwrap_or_default(),
        sid: paths::at(call, "telephony_identifier.twilio_call_sid").filter(|sid| is_sid(sid)),
        line: spoken.line.clone(),
        caller: spoken.caller.clone(),
        started_at: started.map(Timestamp::from_millis),
        ended_at: ended.or_else(took).map(Timestamp::from_millis),
    }
}

fn reported(document: &Document, mut spoken: Said, raw: &[u8], report: Report) -> Reading {
    let call = document.value.get("call").unwrap_or(&Value::Null);
    let (id, odd) = call_id(SOURCE, paths::at(call, "call_id").as_deref(), raw);
    for (name, path) in [
        ("platformCallId", "call_id"),
        ("twilioCallSid", "telephony_identifier.twilio_call_sid"),
        ("callStartedAtMs", "start_timestamp"),
        ("callEndedAtMs", "end_timestamp"),
        ("disconnectionReason", "disconnection_reason"),
        ("transferDestination", "transfer_destination"),
    ] {
        if let Some(value) = paths::at(call, path).filter(|value| name != "twilioCallSid" || is_sid(value)) {
            spoken.data.insert(name.to_owned(), Value::String(value));
        }
    }
    match intake(&id, spoken.data, document, odd.into_iter().collect()) {
        Some(intake) => Reading::Call(Box::new(Reported { intake, report })),
        None => Reading::Unread("its id is none".to_owned()),
    }
}
