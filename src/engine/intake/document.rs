//! From the JSON of a body to an [`Intake`]: `{"callId":…,"callData":{…}}`, or its fields flat.
//!
//! Over the API what is odd is mended and named, and the emergency goes on; only `callId` keeps its rules, as a call must not become
//! another one. The command line names what is wrong and stops.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::json::Document;
use super::{Intake, IntakeError, Paperwork, field};
use crate::domain::call::CallData;

/// The fields that are known, in the order of the documentation.
const KNOWN: &[&str] =
    &["callerPhone", "emergencyLevel", "issueSummary", "twilioToNumber", "callerName", "address", "contact", "body"];
/// The most characters that one field keeps.
const FIELD_CHARACTERS_MAX: usize = 4_000;
/// How a caller whose id is refused goes on without one.
pub(super) const WITHOUT_AN_ID: &str = "or leave callId out: the call gets an id of ours, and the header Idempotency-Key makes the same request again the same call";

/// Reads a body. Unknown fields are kept, ignored.
///
/// # Errors
/// [`IntakeError`] that names the field.
pub fn from_json(document: &Document, paperwork: Paperwork) -> Result<Intake, IntakeError> {
    let mut read = Reading { paperwork, mended: document.mended.clone(), whole: None };
    let Some(top) = document.value.as_object() else {
        return Err(IntakeError::Shape("the body must be a JSON object".into()));
    };
    for name in &document.repeated {
        if name == "callId" {
            return Err(field("callId", format!("is given twice; give one, {WITHOUT_AN_ID}")));
        }
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        read.mend(format!("{shown} is given twice: the last counts"));
    }
    let data = read.data(top)?;
    let (outer, inner) = (id_of(top)?, id_of(&data)?);
    if let (Some(a), Some(b)) = (&outer, &inner)
        && a != b
    {
        return Err(field("callId", "differs from callData.callId"));
    }
    let extra: Map<String, Value> = data
        .iter()
        .filter(|(k, _)| !KNOWN.contains(&k.as_str()) && !["callId", "callData"].contains(&k.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if !KNOWN.iter().any(|name| data.get(*name).is_some_and(|v| !v.is_null())) {
        read.mend("it says nothing of the emergency".to_owned());
    }
    let data = CallData {
        caller_phone: read.text(&data, "callerPhone")?,
        emergency_level: read.text(&data, "emergencyLevel")?,
        issue_summary: read.text(&data, "issueSummary")?,
        twilio_to_number: read.text(&data, "twilioToNumber")?,
        caller_name: read.text(&data, "callerName")?,
        address: read.text(&data, "address")?,
        contact: read.text(&data, "contact")?,
        body: read.text(&data, "body")?,
        extra,
    };
    let whole = read.whole.map(|hash| hash.finalize().iter().map(|b| format!("{b:02x}")).collect());
    Ok(Intake { call_id: outer.or(inner), idempotency_key: None, data, only: false, mended: read.mended, whole })
}

fn id_of(map: &Map<String, Value>) -> Result<Option<String>, IntakeError> {
    match map.get("callId") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(_) => {
            Err(field("callId", format!("must be a string of 1 to 128 visible characters; give one, {WITHOUT_AN_ID}")))
        }
    }
}

struct Reading {
    paperwork: Paperwork,
    mended: Vec<String>,
    /// Of fields that were shortened: what tells two calls apart that begin alike.
    whole: Option<Sha256>,
}

impl Reading {
    fn mend(&mut self, what: String) {
        if !self.mended.contains(&what) {
            self.mended.push(what);
        }
    }

    /// The fields of the call: those of `callData`, with those that stand beside it where it has none.
    fn data(&mut self, top: &Map<String, Value>) -> Result<Map<String, Value>, IntakeError> {
        let strict = self.paperwork == Paperwork::Strict;
        let given = top.get("callData").filter(|v| !v.is_null());
        let mut data = match given {
            None if strict && !KNOWN.iter().any(|name| top.contains_key(*name)) => {
                return Err(field("callData", "is missing"));
            }
            None => return Ok(top.clone()),
            Some(Value::Object(data)) => data.clone(),
            Some(_) if strict => return Err(field("callData", "must be an object")),
            // Automations encode an object twice, and an issue is sometimes all there is.
            Some(Value::String(text)) => match super::json::read(text.as_bytes()).map(|d| d.value) {
                Ok(Value::Object(data)) => {
                    self.mend("callData is the text of an object".to_owned());
                    data
                }
                _ => {
                    self.mend("callData is a text: it counts as the issue".to_owned());
                    Map::from_iter([("issueSummary".to_owned(), Value::String(text.clone()))])
                }
            },
            Some(other) => {
                self.mend(format!("callData is {}: it counts as the issue", kind(other)));
                Map::from_iter([("issueSummary".to_owned(), other.clone())])
            }
        };
        for name in KNOWN {
            if let (Some(value), true) = (top.get(*name), data.get(*name).is_none_or(Value::is_null)) {
                data.insert((*name).to_owned(), value.clone());
            }
        }
        Ok(data)
    }

    /// A field as text: without blanks around it, no longer than [`FIELD_CHARACTERS_MAX`].
    fn text(&mut self, map: &Map<String, Value>, name: &'static str) -> Result<Option<String>, IntakeError> {
        let strict = self.paperwork == Paperwork::Strict;
        let text = match map.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(s)) => s.trim().to_owned(),
            Some(_) if strict => return Err(field(name, "must be a string")),
            Some(other) => {
                self.mend(format!("{name} is {}", kind(other)));
                as_text(other)
            }
        };
        let length = text.chars().count();
        if length <= FIELD_CHARACTERS_MAX {
            return Ok(Some(text).filter(|s| !s.is_empty()));
        }
        if strict {
            return Err(field(name, format!("is longer than {FIELD_CHARACTERS_MAX} characters")));
        }
        self.mend(format!("{name} has {length} characters: the first {FIELD_CHARACTERS_MAX} are kept"));
        let hash = self.whole.get_or_insert_default();
        hash.update(name.as_bytes());
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
        let mut kept: String = text.chars().take(FIELD_CHARACTERS_MAX - 1).collect();
        kept.push('…');
        Ok(Some(kept))
    }
}

/// What a value is, where a text is wanted.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false, no text",
        Value::Number(_) => "a number, no text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list, no text",
        Value::Object(_) => "an object, no text",
    }
}

/// A value as a person reads it: `{"street":"12 Oak St","city":"Irvine"}` is `12 Oak St, Irvine`.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.trim().to_owned(),
        Value::Array(all) => joined(all.iter()),
        Value::Object(map) => joined(map.values()),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(as_text).filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ")
}
