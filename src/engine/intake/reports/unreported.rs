//! A phone call that its platform does not report: what Twilio itself knows of it is all there is.

use serde_json::{Map, Value};

use super::super::json::Document;
use super::caller::caller;
use super::reading::{Reported, intake};
use crate::domain::event::Report;
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::CallId;

const ISSUE: &str = "A phone call that no system reported: ring the caller back";

/// A call of it.
pub fn unreported(id: &CallId, phone: &PhoneCall, words: Option<&str>) -> Option<Reported> {
    let seconds = phone.started_at.zip(phone.ended_at).map(|(start, end)| end.since(start).as_secs());
    let took = seconds.map(|s| format!(" ({s} s)")).unwrap_or_default();
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), Value::String(value));
        }
    };
    put("callerPhone", caller(None, phone.caller.clone()).phone);
    put("twilioToNumber", phone.line.clone());
    put("issueSummary", Some(words.map_or_else(|| format!("{ISSUE}{took}"), str::to_owned)));
    put("twilioCallSid", phone.sid.clone());
    put("platformCallId", phone.sid.clone());
    put("callStartedAtMs", phone.started_at.map(|at| at.as_millis().to_string()));
    let document = Document { value: Value::Null, repaired: Vec::new(), repeated: Vec::new() };
    let odd = "no system reported this phone call: Twilio's word alone is known of it".to_owned();
    let intake = intake(id, data, &document, vec![odd])?;
    let report = Report { source: "twilio".to_owned(), event: "the end of a phone call".to_owned(), hold: None };
    Some(Reported { intake, report })
}
