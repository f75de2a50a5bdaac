//! From the JSON of a body to an [`Intake`]: `{"callId":…,"callData":{…}}`, or its fields flat.
//!
//! Over the API what is odd is mended and named, and the emergency goes on; only `callId` keeps its rules, as a call must not become
//! another one. The command line names what is wrong and stops.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::json::Document;
use super::names::by_our_names;
use super::plain::{as_text, letters};
use super::{Intake, IntakeError, Validation, field};
use crate::domain::call::CallData;
use crate::domain::phone::spelling::Spelling;
use crate::domain::types::CallId;

/// The fields that are known, in the order of the documentation.
pub const KNOWN: &[&str] =
    &["callerPhone", "emergencyLevel", "issueSummary", "twilioToNumber", "callerName", "address", "contact", "body"];
/// The most characters that one field keeps.
const FIELD_CHARACTERS_MAX: usize = 4_000;
/// The most bytes that the fields nobody knows keep together, as JSON.
const EXTRA_BYTES_MAX: usize = 64 * 1024;
/// The most unread keys that are named.
const UNREAD_KEYS_MAX: usize = 8;
/// How a caller whose id is refused goes on without one.
pub(super) const WITHOUT_AN_ID: &str = "or leave callId out: the call gets an id of ours, and the header Idempotency-Key makes the same request again the same call";

/// Keys of the API's body that mean nothing to us: the API keeps and ignores them, the command line refuses them.
pub fn unknown_keys(body: &Value) -> Vec<String> {
    let Some(top) = body.as_object() else { return Vec::new() };
    let is_known = |k: &str| KNOWN.contains(&k) || k == "callId";
    match top.get("callData").and_then(Value::as_object) {
        // A flat body is the data itself.
        None => top.keys().filter(|k| !is_known(k) && *k != "callData").cloned().collect(),
        // What it lacks may stand beside it.
        Some(data) => {
            let outer = top.keys().filter(|k| !is_known(k) && *k != "callData").cloned();
            outer.chain(data.keys().filter(|k| !is_known(k)).map(|k| format!("callData.{k}"))).collect()
        }
    }
}

/// Reads a body. Unknown fields are kept, ignored.
///
/// # Errors
/// [`IntakeError`] that names the field.
pub fn from_json(document: &Document, validation: Validation) -> Result<Intake, IntakeError> {
    let mut read = DocumentReading { validation, repaired: document.repaired.clone(), whole: None };
    let Some(top) = document.value.as_object() else {
        return Err(IntakeError::Shape("the body must be a JSON object".into()));
    };
    for name in &document.repeated {
        if name == "callId" {
            return Err(field("callId", format!("is given twice; give one, {WITHOUT_AN_ID}")));
        }
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        read.repair(format!("{shown} is given twice: the last counts"));
    }
    let mut data = read.data(top)?;
    if validation == Validation::Lenient {
        by_our_names(&mut data);
    }
    let (outer, inner) = (id_of(top)?, id_of(&data)?);
    let data_as_given = data.clone();
    if let (Some(a), Some(b)) = (&outer, &inner)
        && a != b
    {
        return Err(field("callId", "differs from callData.callId"));
    }
    read.unread_keys(&document.value, &data);
    let extra = read.extra(&data);
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
    let alias = || [top, &data_as_given].into_iter().find_map(alias_of).filter(|_| validation == Validation::Lenient);
    let call_id = outer.or(inner).or_else(alias);
    Ok(Intake {
        call_id,
        id_exists: false,
        read_back: false,
        idempotency_key: None,
        data,
        only: false,
        repaired: read.repaired,
        whole,
    })
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

/// What intakes of before call a call's id, where nobody gives `callId`: one that is no id is a field like others and refuses
/// nothing.
fn alias_of(map: &Map<String, Value>) -> Option<String> {
    let text = match map.get("call_id")? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    text.parse::<CallId>().ok().map(|id| id.as_str().to_owned())
}

struct DocumentReading {
    validation: Validation,
    repaired: Vec<String>,
    /// Of fields that were shortened: what tells two calls apart that begin alike.
    whole: Option<Sha256>,
}

impl DocumentReading {
    fn repair(&mut self, what: String) {
        if !self.repaired.contains(&what) {
            self.repaired.push(what);
        }
    }

    /// The fields of the call: those of `callData`, with those that stand beside it where it has none.
    fn data(&mut self, top: &Map<String, Value>) -> Result<Map<String, Value>, IntakeError> {
        let strict = self.validation == Validation::Strict;
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
                    self.repair("callData is the text of an object".to_owned());
                    data
                }
                _ => {
                    self.repair("callData is a text: it counts as the issue".to_owned());
                    Map::from_iter([("issueSummary".to_owned(), Value::String(text.clone()))])
                }
            },
            Some(other) => {
                self.repair(format!("callData is {}: it counts as the issue", kind(other)));
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

    /// Names the keys that were not read, where one is a known key written otherwise or where nothing else was said.
    fn unread_keys(&mut self, body: &Value, data: &Map<String, Value>) {
        let says = |name: &&str| data.get(*name).is_some_and(|v| !as_text(v).trim().is_empty());
        let says_something = KNOWN.iter().any(says);
        if !says_something {
            self.repair("it says nothing of the emergency".to_owned());
        }
        let known = || KNOWN.iter().chain(&["callId"]);
        let alike = |key: &str| {
            let key = key.rsplit('.').next().unwrap_or_default();
            known().filter(|_| key != "call_id").find(|k| letters(k) == letters(key) && !data.contains_key(**k))
        };
        let keys = unknown_keys(body);
        let named: Vec<String> = keys
            .iter()
            .filter(|key| !says_something || alike(key).is_some())
            .take(UNREAD_KEYS_MAX)
            .map(|key| {
                let shown: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
                alike(key).map_or_else(|| shown.clone(), |meant| format!("{shown} (write {meant})"))
            })
            .collect();
        if !named.is_empty() {
            self.repair(format!("these keys are kept and not read: {}", named.join(", ")));
        }
    }

    /// What nobody knows is kept: whole, or where it is too much together, its long values shortened.
    fn extra(&mut self, data: &Map<String, Value>) -> Map<String, Value> {
        let unknown = |k: &str| !KNOWN.contains(&k) && !["callId", "callData"].contains(&k);
        let (mut kept, mut room) = (Map::new(), EXTRA_BYTES_MAX);
        for (key, value) in data.iter().filter(|(k, _)| unknown(k)) {
            let text = value.to_string();
            let shown: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
            let value = if text.len() <= EXTRA_BYTES_MAX / 2 {
                value.clone()
            } else {
                let length = text.chars().count();
                self.repair(format!("{shown} has {length} characters: the first {FIELD_CHARACTERS_MAX} are kept"));
                let whole = value.as_str().unwrap_or(&text);
                Value::String(whole.chars().take(FIELD_CHARACTERS_MAX - 1).chain(['…']).collect())
            };
            let size = key.len().saturating_add(value.to_string().len());
            match room.checked_sub(size) {
                Some(left) => {
                    room = left;
                    kept.insert(key.clone(), value);
                }
                None => {
                    self.repair(format!("what nobody reads is more than {EXTRA_BYTES_MAX} bytes: the rest is left out"))
                }
            }
        }
        kept
    }

    /// A field as text: without blanks around it, no longer than [`FIELD_CHARACTERS_MAX`].
    fn text(&mut self, map: &Map<String, Value>, name: &'static str) -> Result<Option<String>, IntakeError> {
        let strict = self.validation == Validation::Strict;
        let text = match map.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(s)) => s.trim().to_owned(),
            Some(_) if strict => return Err(field(name, "must be a string")),
            Some(other) => {
                self.repair(format!("{name} is {}", kind(other)));
                as_text(other)
            }
        };
        if let Some(c) = text.chars().find(|c| is_dropped(*c)) {
            self.repair(format!("{name} holds U+{:04X}, which is left out of every text", u32::from(c)));
        }
        if name == "callerPhone" && Spelling::read(&text).and_then(|s| s.phone(Some("1"))).is_none() && !text.is_empty()
        {
            self.repair("callerPhone is no number that can be called: it is kept as given".to_owned());
        }
        let length = text.chars().count();
        if length <= FIELD_CHARACTERS_MAX {
            return Ok(Some(text).filter(|s| !s.is_empty()));
        }
        if strict {
            return Err(field(name, format!("is longer than {FIELD_CHARACTERS_MAX} characters")));
        }
        self.repair(format!("{name} has {length} characters: the first {FIELD_CHARACTERS_MAX} are kept"));
        let hash = self.whole.get_or_insert_default();
        hash.update(name.as_bytes());
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
        let mut kept: String = text.chars().take(FIELD_CHARACTERS_MAX - 1).collect();
        kept.push('…');
        Ok(Some(kept))
    }
}

/// Whether a text leaves this character out: it would end the text or turn its direction.
fn is_dropped(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
