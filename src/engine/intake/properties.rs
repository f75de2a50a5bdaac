//! What holds of every body that hands over an emergency, and of every report of a voice agent's platform.

use serde_json::{Map, Value, json};

use super::json::{Document, read};
use super::reports::{self, Reading, Reported, Wants, platform_call_id};
use super::{Intake, IntakeError, Validation, doubtful_id, from_json, new_call, unknown_keys};
use crate::config::properties::shop;
use crate::domain::Timestamp;
use crate::domain::event::NewCall;
use crate::domain::phone_call::PhoneCall;
use crate::ids::Ids;

/// A value that is nested so deep is read by every reader of JSON.
const DEPTH_OF_ALL: usize = 60;
/// The most characters that a field of a call keeps.
const FIELD_CHARACTERS_MAX: usize = 4_000;

/// A body is a call, or is refused for its `callId` alone; what is accepted is accepted the same again, written anew.
pub(crate) fn dispatch(raw: &[u8]) {
    let strict = serde_json::from_slice::<Value>(raw);
    let document = match read(raw) {
        Ok(document) => document,
        Err(why) => {
            assert!(strict.is_err(), "JSON is refused: {why}");
            assert!(why.contains("line ") && !why.chars().any(char::is_control), "{why:?}");
            return;
        }
    };
    assert_eq!(Ok(&document), read(raw).as_ref());
    is_read_again(&document);
    for validation in [Validation::Lenient, Validation::Strict] {
        match from_json(&document, validation) {
            Ok(intake) => is_taken(&intake, validation),
            Err(IntakeError::Shape(_)) => assert!(!document.value.is_object(), "{:?}", document.value),
            Err(IntakeError::Field { field, why }) => {
                assert!(validation == Validation::Strict || field == "callId", "{field}: {why}");
                assert!(!why.chars().any(char::is_control), "{field}: {why:?}");
            }
        }
    }
    let keys = document.value.as_object().map_or(0, |top| top.len());
    assert!(unknown_keys(&json!({ "callData": document.value })).len() <= keys);
}

/// A document as it was mended says the same when it is read again.
fn is_read_again(document: &Document) {
    let text = document.value.to_string();
    let again = read(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
    // A number with a fraction may lose its last digit where it is written and read.
    if !has_fractions(&document.value) {
        assert_eq!(again, Document::plain(document.value.clone()), "{text}");
    }
    if depth(&document.value) <= DEPTH_OF_ALL {
        assert_eq!(serde_json::from_str(&text).ok(), Some(again.value), "{text}");
    }
}

fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(all) => all.iter().any(has_fractions),
        Value::Object(map) => map.values().any(has_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn call_of(intake: &Intake, validation: Validation) -> Result<NewCall, IntakeError> {
    new_call(intake.clone(), &shop().directory, validation, &Ids::seeded(1), Timestamp::from_millis(1_795_313_040_000))
}

fn is_taken(intake: &Intake, validation: Validation) {
    let data = &intake.data;
    for field in [
        &data.caller_phone,
        &data.emergency_level,
        &data.issue_summary,
        &data.twilio_to_number,
        &data.caller_name,
        &data.address,
        &data.contact,
        &data.body,
    ] {
        let Some(field) = field else { continue };
        assert!(
            !field.is_empty() && field.trim_start() == field && field.chars().count() <= FIELD_CHARACTERS_MAX,
            "{field:?}"
        );
    }
    // A body that says so of itself is the same call.
    let mut call_data = Map::new();
    for (name, field) in [
        ("callerPhone", &data.caller_phone),
        ("emergencyLevel", &data.emergency_level),
        ("issueSummary", &data.issue_summary),
        ("twilioToNumber", &data.twilio_to_number),
        ("callerName", &data.caller_name),
        ("address", &data.address),
        ("contact", &data.contact),
        ("body", &data.body),
    ] {
        if let Some(text) = field {
            call_data.insert(name.to_owned(), Value::String(text.clone()));
        }
    }
    call_data.extend(data.extra.clone());
    let body = Document::plain(json!({ "callId": intake.call_id, "callData": call_data }));
    let again = from_json(&body, validation).unwrap_or_else(|e| panic!("accepted, and refused as it was kept: {e}"));
    assert_eq!((&again.data, &again.call_id), (data, &intake.call_id), "otherwise when it is said again");
    let _ = doubtful_id(intake);
    match (call_of(intake, validation), call_of(intake, validation)) {
        (Ok(call), Ok(same)) => {
            assert_eq!((&call.fingerprint, &call.id), (&same.fingerprint, &same.id));
            assert!(!call.policy.steps.is_empty() && !call.level.is_empty(), "{call:?}");
            for (kind, text) in &call.warnings {
                assert!(!text.chars().any(char::is_control), "{}: {text:?}", kind.word());
            }
        }
        (Err(IntakeError::Field { field, why }), Err(_)) => {
            assert!(validation == Validation::Strict || field == "callId", "{field}: {why}");
            assert!(!why.chars().any(char::is_control), "{field}: {why:?}");
        }
        (one, other) => panic!("one body, two answers: {one:?} {other:?}"),
    }
}

type Reader<'a> = &'a dyn Fn(&[u8]) -> Reading;

/// A report means the same each time and however its JSON is set; a phone call in it is always a call that can be taken, under the id
/// of its platform.
pub(crate) fn report(raw: &[u8]) {
    let sources = &shop().intake;
    let (retell, vapi) = (sources.retell.as_ref().expect("in the shop"), sources.vapi.as_ref().expect("in the shop"));
    let desk = sources.custom.get("desk").expect("in the shop");
    let readers: [(&str, Reader<'_>); 4] = [
        ("retell", &|raw| reports::retell(raw, retell)),
        ("retell", &|raw| reports::retell_function(raw, retell)),
        ("vapi", &|raw| reports::vapi(raw, vapi)),
        ("desk", &|raw| reports::custom(raw, "desk", desk)),
    ];
    let strict = serde_json::from_slice::<Value>(raw).ok().filter(|v| v.is_object() && depth(v) <= DEPTH_OF_ALL);
    for (source, read) in readers {
        let reading = read(raw);
        assert_eq!(reading, read(raw), "{source}");
        is_usable(&reading, source);
        let Some(value) = &strict else { continue };
        assert!(!matches!(&reading, Reading::Unread(why) if why.contains("JSON")), "{source}: {reading:?}");
        let (close, wide) = (value.to_string(), serde_json::to_string_pretty(value).unwrap_or_default());
        let (close, wide) = (read(close.as_bytes()), read(wide.as_bytes()));
        if !is_named_by_its_bytes(&close) {
            assert_eq!(close, wide, "{source}: by its blanks");
        }
    }
}

/// Whether the platform named no phone call, so that the body names it.
fn is_named_by_its_bytes(reading: &Reading) -> bool {
    let is = |id: Option<&str>| id.is_none_or(|id| id.contains(":body-"));
    let of = |reported: &Reported| is(reported.intake.call_id.as_deref());
    match reading {
        Reading::Call(reported) => of(reported),
        Reading::Unheard(unheard) => is(Some(unheard.id.as_str())),
        Reading::Tools(tools) => tools.iter().any(|tool| match &tool.wants {
            Wants::Dispatch(reported) => of(reported),
            Wants::State(id, _) => is(Some(id.as_str())),
            Wants::Other => false,
        }),
        Reading::Nothing | Reading::Unread(_) => false,
    }
}

fn is_usable(reading: &Reading, source: &str) {
    match reading {
        Reading::Nothing => {}
        Reading::Unread(why) => assert!(!why.is_empty() && !why.chars().any(char::is_control), "{why:?}"),
        Reading::Call(reported) => is_dispatched(reported, source),
        Reading::Unheard(unheard) => is_of(unheard.id.as_str(), source, &unheard.phone),
        Reading::Tools(tools) => {
            for tool in tools {
                match &tool.wants {
                    Wants::Dispatch(reported) => is_dispatched(reported, source),
                    Wants::State(id, phone) => is_of(id.as_str(), source, phone),
                    Wants::Other => {}
                }
            }
        }
    }
}

fn is_dispatched(reported: &Reported, source: &str) {
    assert_eq!(reported.report.source, source);
    let call = call_of(&reported.intake, Validation::Lenient);
    let call = call.unwrap_or_else(|e| panic!("a report of {source} cannot be taken: {e}"));
    assert!(call.id.as_str().starts_with(&format!("{source}:")), "{}", call.id);
    is_of(call.id.as_str(), source, &PhoneCall::told_by(&call.data));
    is_taken(&reported.intake, Validation::Lenient);
}

/// Whoever asks later by the platform's own id finds the same call.
fn is_of(id: &str, source: &str, phone: &PhoneCall) {
    if !phone.id.is_empty() && !id.contains(":body-") {
        assert_eq!(platform_call_id(source, &phone.id).as_str(), id, "{phone:?}");
    }
}

/// A phone call that no platform reports is a call under its SID. See [`reports::unreported`].
pub(crate) fn unreported(phone: &PhoneCall, words: Option<&str>) {
    let id = platform_call_id("twilio", &phone.id);
    let reported = reports::unreported(&id, phone, words).expect("it can be taken");
    assert_eq!(reported.intake.call_id.as_deref(), Some(id.as_str()));
    is_dispatched(&reported, "twilio");
}
