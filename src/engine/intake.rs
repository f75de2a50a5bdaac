//! From what a caller hands over to a checked new call.
//!
//! An emergency is not refused over its paperwork: over the API an unknown level runs as `high`, an unlisted line uses the
//! defaults, an unknown contact leaves the ladder as it is, each with an alert. The command line is strict and names what
//! exists. Only a number that we would text must be valid.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::domain::alert::AlertKind;
use crate::domain::attempt::Recipient;
use crate::domain::call::{CallData, Override};
use crate::domain::event::NewCall;
use crate::domain::policy::Policy;
use crate::domain::team::{Directory, Line};
use crate::domain::types::{CallId, ContactId};
use crate::domain::{PhoneNumber, Timestamp};
use crate::ids::Ids;

/// How odd paperwork is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paperwork {
    /// Dispatched all the same, with an alert.
    Lenient,
    /// Refused, with what exists.
    Strict,
}

/// Why a call cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// A field is not what it must be.
    #[error("{field}: {why}")]
    Field {
        /// Its name in the JSON body.
        field: &'static str,
        /// What is wrong and what is accepted.
        why: String,
    },
    /// The body is not the document that is wanted.
    #[error("{0}")]
    Shape(String),
}

fn field(field: &'static str, why: impl Into<String>) -> IntakeError {
    IntakeError::Field { field, why: why.into() }
}

/// What a caller hands over, before it is checked against the directory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intake {
    /// The caller's id.
    pub call_id: Option<String>,
    /// In its place.
    pub idempotency_key: Option<String>,
    /// What was said.
    pub data: CallData,
    /// The contact of `data` takes the place of the whole ladder, not of its first step alone.
    pub only: bool,
}

/// The fields of `callData`.
pub const KNOWN: &[&str] =
    &["callerPhone", "emergencyLevel", "issueSummary", "twilioToNumber", "callerName", "address", "contact", "body"];
/// The most characters that one field may have: more is no emergency's paperwork.
const FIELD_CHARACTERS_MAX: usize = 4_000;
/// The most characters of an idempotency key.
const KEY_CHARACTERS_MAX: usize = 255;

/// Reads the API's body: `{"callId":…,"callData":{…}}`; the id may stand in `callData` too. Unknown fields are kept, ignored.
///
/// # Errors
/// [`IntakeError`] that names the field.
pub fn from_json(body: &Value) -> Result<Intake, IntakeError> {
    let Some(top) = body.as_object() else { return Err(IntakeError::Shape("the body must be a JSON object".into())) };
    let Some(data) = top.get("callData") else { return Err(field("callData", "is missing")) };
    let Some(data) = data.as_object() else { return Err(field("callData", "must be an object")) };
    let outer = id_of(top)?;
    let inner = id_of(data)?;
    if let (Some(a), Some(b)) = (&outer, &inner)
        && a != b
    {
        return Err(field("callId", "differs from callData.callId"));
    }
    let extra: Map<String, Value> = data
        .iter()
        .filter(|(k, _)| !KNOWN.contains(&k.as_str()) && *k != "callId")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    Ok(Intake {
        call_id: outer.or(inner),
        idempotency_key: None,
        data: CallData {
            caller_phone: text(data, "callerPhone")?,
            emergency_level: text(data, "emergencyLevel")?,
            issue_summary: text(data, "issueSummary")?,
            twilio_to_number: text(data, "twilioToNumber")?,
            caller_name: text(data, "callerName")?,
            address: text(data, "address")?,
            contact: text(data, "contact")?,
            body: text(data, "body")?,
            extra,
        },
        only: false,
    })
}

/// Keys of the API's body that mean nothing to us: the API keeps and ignores them, the command line refuses them.
pub fn unknown_keys(body: &Value) -> Vec<String> {
    let Some(top) = body.as_object() else { return Vec::new() };
    let is_known = |k: &str| KNOWN.contains(&k) || k == "callId";
    match top.get("callData").and_then(Value::as_object) {
        // A flat body is the data itself.
        None => top.keys().filter(|k| !is_known(k) && *k != "callData").cloned().collect(),
        Some(data) => {
            let outer = top.keys().filter(|k| !matches!(k.as_str(), "callId" | "callData")).cloned();
            outer.chain(data.keys().filter(|k| !is_known(k)).map(|k| format!("callData.{k}"))).collect()
        }
    }
}

fn id_of(map: &Map<String, Value>) -> Result<Option<String>, IntakeError> {
    match map.get("callId") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(_) => Err(field("callId", "must be a string of 1 to 128 visible characters")),
    }
}

fn text(map: &Map<String, Value>, name: &'static str) -> Result<Option<String>, IntakeError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) if s.chars().count() > FIELD_CHARACTERS_MAX => {
            Err(field(name, format!("is longer than {FIELD_CHARACTERS_MAX} characters")))
        }
        Some(Value::String(s)) => Ok(Some(s.trim().to_owned()).filter(|s| !s.is_empty())),
        Some(_) => Err(field(name, "must be a string")),
    }
}

/// Checks an intake against the directory.
///
/// # Errors
/// [`IntakeError`]; nothing was done.
pub fn new_call(
    intake: Intake,
    directory: &Directory,
    paperwork: Paperwork,
    ids: &Ids,
    now: Timestamp,
) -> Result<NewCall, IntakeError> {
    let id = match &intake.call_id {
        Some(text) => text.parse().map_err(|e: crate::domain::types::ParseError| field("callId", e.why))?,
        None => CallId::from_uuid(ids.uuid(now)),
    };
    if let Some(key) = &intake.idempotency_key
        && (key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX || key.chars().any(char::is_control))
    {
        return Err(field("Idempotency-Key", format!("must be 1 to {KEY_CHARACTERS_MAX} visible characters")));
    }
    let mut oddities = Vec::new();
    let dialled = intake.data.twilio_to_number.as_deref();
    let (line, unlisted) = directory.line(dialled);
    if unlisted {
        let number = crate::domain::phone::masked(dialled.unwrap_or_default());
        oddities.push((
            AlertKind::UnlistedLine,
            format!("the dialled number {number} is no configured line: the defaults are used"),
        ));
    }
    let (level, policy) = level(&intake, directory, line, paperwork, &mut oddities)?;
    let overridden = contact(&intake, directory, paperwork, &mut oddities)?;
    Ok(NewCall {
        id,
        fingerprint: fingerprint(&intake),
        idempotency_key: intake.idempotency_key.filter(|_| intake.call_id.is_none()),
        level,
        policy,
        settings: None,
        data: intake.data,
        overridden,
        oddities,
    })
}

type Oddities = Vec<(AlertKind, String)>;

fn level(
    intake: &Intake,
    directory: &Directory,
    line: &Line,
    paperwork: Paperwork,
    oddities: &mut Oddities,
) -> Result<(String, Policy), IntakeError> {
    let asked = intake.data.emergency_level.as_deref().map_or("normal", str::trim);
    let levels = directory.levels(line);
    if let Some(p) = directory.policy(line, asked) {
        return Ok((p.name.clone(), p.clone()));
    }
    if paperwork == Paperwork::Strict {
        return Err(field(
            "emergencyLevel",
            format!("{asked:?} is no level of this line; there are {}", levels.join(", ")),
        ));
    }
    let shown: String = asked.chars().filter(|c| !c.is_control()).take(40).collect();
    oddities
        .push((AlertKind::UnknownLevel, format!("the emergency level {shown:?} is unknown: the call runs as high")));
    let fallback = ["high", "normal"].iter().find_map(|l| directory.policy(line, l));
    let fallback = fallback.or_else(|| levels.iter().find_map(|l| directory.policy(line, l)));
    fallback.map(|p| (p.name.clone(), p.clone())).ok_or_else(|| field("emergencyLevel", "no policy is configured"))
}

fn contact(
    intake: &Intake,
    directory: &Directory,
    paperwork: Paperwork,
    oddities: &mut Oddities,
) -> Result<Option<Override>, IntakeError> {
    let Some(asked) = intake.data.contact.as_deref().map(str::trim).filter(|c| !c.is_empty()) else { return Ok(None) };
    let known = directory.contacts.iter().find(|c| c.id.as_str() == asked || c.phone.e164() == asked);
    if let Some(c) = known {
        let recipient = Recipient { contact: c.id.clone(), name: c.name.clone(), phone: c.phone.clone() };
        return Ok(Some(Override { recipient, only: intake.only }));
    }
    if asked.starts_with('+') || asked.bytes().next().is_some_and(|b| b.is_ascii_digit()) {
        let phone: PhoneNumber =
            asked.parse().map_err(|e: crate::domain::types::ParseError| field("contact", e.why))?;
        let id: ContactId = asked.parse().map_err(|e: crate::domain::types::ParseError| field("contact", e.why))?;
        let recipient = Recipient { contact: id, name: phone.to_string(), phone };
        return Ok(Some(Override { recipient, only: intake.only }));
    }
    let ids: Vec<&str> = directory.contacts.iter().map(|c| c.id.as_str()).collect();
    if paperwork == Paperwork::Strict {
        let there_are =
            if ids.is_empty() { "none are configured".to_owned() } else { format!("there are {}", ids.join(", ")) };
        return Err(field("contact", format!("{asked:?} is no contact; {there_are}, or give a number in E.164")));
    }
    let shown: String = asked.chars().filter(|c| !c.is_control()).take(40).collect();
    oddities.push((AlertKind::UnknownContact, format!("the contact {shown:?} is unknown: the ladder runs as it is")));
    Ok(None)
}

/// Whom a step of a call that is still to be accepted names, for a preview: opt-outs are not known here.
pub fn recipients(new: &NewCall, directory: &Directory, line: &Line, step: usize, at: Timestamp) -> Vec<Recipient> {
    if let Some(o) = new.overridden.as_ref().filter(|o| o.only || step == 0) {
        return vec![o.recipient.clone()];
    }
    let roles = new.policy.step(step).map(|s| s.notify.as_slice()).unwrap_or_default();
    let mut all: Vec<Recipient> = Vec::new();
    for c in roles.iter().flat_map(|r| directory.holders(line, r, at)) {
        if !all.iter().any(|r| r.contact == c.id) {
            all.push(Recipient { contact: c.id.clone(), name: c.name.clone(), phone: c.phone.clone() });
        }
    }
    all
}

/// A hash of the normalised known fields: what makes "the same again" the same.
fn fingerprint(intake: &Intake) -> String {
    let d = &intake.data;
    let mut hash = Sha256::new();
    let level = d.emergency_level.as_deref().map(str::to_lowercase);
    let only = intake.only.then_some("only");
    let fields = [
        d.caller_phone.as_deref(),
        level.as_deref(),
        d.issue_summary.as_deref(),
        d.twilio_to_number.as_deref(),
        d.caller_name.as_deref(),
        d.address.as_deref(),
        d.contact.as_deref(),
        d.body.as_deref(),
        only,
    ];
    for f in fields {
        let t = f.unwrap_or_default().trim();
        hash.update(t.len().to_le_bytes());
        hash.update(t.as_bytes());
    }
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::domain::policy::Step;
    use crate::domain::team::{Contact, Templates};

    fn directory() -> Directory {
        let policy = |name: &str| {
            let steps = vec![Step { wait: std::time::Duration::ZERO, notify: vec!["primary".parse().expect("role")] }];
            let z = std::time::Duration::ZERO;
            (name.to_owned(), Policy { name: name.into(), steps, repeat: 0, repeat_wait: z, exhaust_after: z })
        };
        let line = Line {
            number: None,
            name: "Acme".into(),
            team: None,
            from: None,
            policies: BTreeMap::from([policy("normal"), policy("high")]),
            templates: Templates::default(),
            time_zone: None,
        };
        Directory {
            contacts: vec![Contact {
                id: "sam".parse().expect("id"),
                name: "Sam Ortiz".into(),
                phone: "+19495550101".parse().expect("phone"),
                role: None,
            }],
            lines: vec![Line { number: Some("+18005550100".into()), ..line.clone() }],
            default_line: line,
            from: None,
            fallback: Vec::new(),
        }
    }

    fn take(body: &Value, paperwork: Paperwork) -> Result<NewCall, IntakeError> {
        new_call(from_json(body)?, &directory(), paperwork, &Ids::seeded(1), Timestamp::from_millis(0))
    }

    #[test]
    fn paperwork_does_not_refuse_an_emergency_over_the_api_and_the_command_line_is_strict() {
        for (data, kinds) in [
            (json!({"emergencyLevel": "HIGH"}), vec![]),
            (json!({"emergencyLevel": "purple"}), vec!["unknown-level"]),
            (json!({"callerPhone": "withheld", "twilioToNumber": "+18005550199"}), vec!["unlisted-line"]),
            (json!({"contact": "nobody"}), vec!["unknown-contact"]),
            (json!({"contact": "sam", "unknownField": [1, 2]}), vec![]),
        ] {
            let call = take(&json!({"callData": data}), Paperwork::Lenient).expect("accepted");
            assert_eq!(call.oddities.iter().map(|o| o.0.word()).collect::<Vec<_>>(), kinds, "{data}");
        }
        for (data, says) in
            [(json!({"emergencyLevel": "purple"}), "high, normal"), (json!({"contact": "nobody"}), "sam")]
        {
            let e = take(&json!({"callData": data}), Paperwork::Strict).expect_err("refused").to_string();
            assert!(e.contains(says), "{e}");
        }
    }

    #[test]
    fn wrong_shapes_are_refused_by_name() {
        for (body, says) in [
            (json!([]), "object"),
            (json!({}), "callData"),
            (json!({"callData": 1}), "callData"),
            (json!({"callData": {"callerPhone": 5}}), "callerPhone"),
            (json!({"callId": 7, "callData": {}}), "callId"),
            (json!({"callId": "a b", "callData": {}}), "callId"),
            (json!({"callId": "a", "callData": {"callId": "b"}}), "callId"),
            (json!({"callData": {"contact": "+1949555"}}), "contact"),
            (json!({"callData": {"issueSummary": "x".repeat(5000)}}), "issueSummary"),
        ] {
            let e = take(&body, Paperwork::Lenient).expect_err("refused").to_string();
            assert!(e.contains(says), "{body}: {e}");
        }
    }

    #[test]
    fn the_same_again_is_told_from_other_data_by_the_known_fields_alone() {
        let print =
            |data: Value| take(&json!({"callId": "a", "callData": data}), Paperwork::Lenient).expect("ok").fingerprint;
        let base = print(json!({"callerPhone": "+19495550150", "emergencyLevel": "high"}));
        assert_eq!(base, print(json!({"emergencyLevel": " High ", "callerPhone": "+19495550150 ", "trace": "x"})));
        assert_ne!(base, print(json!({"callerPhone": "+19495550151", "emergencyLevel": "high"})));
        assert_ne!(print(json!({"callerName": "ab"})), print(json!({"address": "ab"})));
    }
}
