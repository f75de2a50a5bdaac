//! From what a caller hands over to a checked new call.
//!
//! An emergency is not refused over its paperwork: over the API an unknown level runs as `high`, an unlisted line uses the
//! defaults, an unknown contact leaves the ladder as it is, what is no text becomes one, what is too long is shortened: all of it
//! named in one alert. The command line is strict and names what exists. Only a number that we would text must be valid.

mod document;
pub(crate) mod json;
mod level;
mod names;
mod plain;
#[cfg(feature = "drills")]
pub(crate) mod properties;
#[cfg(test)]
mod random;
pub mod reports;

use sha2::{Digest as _, Sha256};

pub use document::{KNOWN, from_json, unknown_keys};

use level::{Level, level};

use crate::domain::alert::AlertKind;
use crate::domain::attempt::Recipient;
use crate::domain::call::{CallData, Override};
use crate::domain::event::NewCall;
use crate::domain::phone::spelling::{Spelling, plain_number};
use crate::domain::phone::{looks_wrong, masked};
use crate::domain::team::{Directory, Line};
use crate::domain::types::{CallId, ContactId, is_invisible};
use crate::domain::{PhoneNumber, Timestamp};
use crate::ids::Ids;

/// How odd paperwork is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
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
    /// Whether a call of that id was accepted before: then it keeps the id, whatever a new one may hold.
    pub id_exists: bool,
    /// In its place.
    pub idempotency_key: Option<String>,
    pub data: CallData,
    /// The contact of `data` takes the place of the whole ladder, not of its first step alone.
    pub only: bool,
    /// It is read back: where it names no level, its words do not decide one again.
    pub read_back: bool,
    /// What was wrong with the document and was mended, one half sentence each.
    pub repaired: Vec<String>,
    /// A hash of what was shortened; the same beginning alone does not make the same call.
    pub whole: Option<String>,
}

/// The most characters of an idempotency key.
const KEY_CHARACTERS_MAX: usize = 255;

/// Checks an intake against the directory.
///
/// # Errors
/// [`IntakeError`]; nothing was done.
pub fn new_call(
    intake: Intake,
    directory: &Directory,
    validation: Validation,
    ids: &Ids,
    now: Timestamp,
) -> Result<NewCall, IntakeError> {
    let id = match &intake.call_id {
        Some(text) => call_id(text, intake.id_exists, validation)?,
        None => CallId::from_uuid(ids.uuid(now)),
    };
    if let Some(key) = &intake.idempotency_key
        && (key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX || key.chars().any(char::is_control))
    {
        return Err(field("Idempotency-Key", format!("must be 1 to {KEY_CHARACTERS_MAX} visible characters")));
    }
    let mut warnings: Warnings =
        intake.repaired.iter().map(|what| (AlertKind::Validation, format!("mended: {what}"))).collect();
    let dialled = intake.data.twilio_to_number.as_deref();
    let (line, unlisted) = directory.line(dialled);
    if unlisted {
        let number: String = masked(&plain_number(dialled.unwrap_or_default())).chars().take(40).collect();
        warnings.push((
            AlertKind::UnlistedLine,
            format!("the dialled number {number} is no configured line: the defaults are used"),
        ));
    }
    let by_hand = validation == Validation::Strict;
    let by_words = !intake.read_back;
    let Level { name: level, policy, why: level_why, deferred, warning } =
        level(&intake.data, directory, line, by_hand, by_words).map_err(|why| field("emergencyLevel", why))?;
    warnings.extend(warning.map(|text| (AlertKind::UnknownLevel, text)));
    let overridden = contact(&intake, directory, validation, &mut warnings)?;
    Ok(NewCall {
        id,
        fingerprint: fingerprint(&intake),
        idempotency_key: intake.idempotency_key.filter(|_| intake.call_id.is_none()),
        level,
        level_why,
        deferred,
        policy: policy.into(),
        settings: None,
        data: intake.data,
        overridden,
        warnings,
    })
}

type Warnings = Vec<(AlertKind, String)>;

/// The caller's id, where a new call could not have it: a call of an earlier version may, and the same request again finds it.
pub fn doubtful_id(intake: &Intake) -> Option<CallId> {
    let text = intake.call_id.as_deref()?;
    unseen(text).and_then(|_| text.parse().ok())
}

/// The first character of an id that nobody sees.
fn unseen(id: &str) -> Option<char> {
    id.chars().find(|c| is_invisible(*c) || *c == char::REPLACEMENT_CHARACTER)
}

/// The caller's own id. What cannot be seen is no part of a new one: two calls would look like one.
fn call_id(text: &str, exists: bool, validation: Validation) -> Result<CallId, IntakeError> {
    let go_on = match validation {
        Validation::Lenient => format!("; correct it, {}", document::WITHOUT_AN_ID),
        Validation::Strict => "; leave it out to get one of ours".to_owned(),
    };
    let id: CallId =
        text.parse().map_err(|e: crate::domain::types::ParseError| field("callId", format!("{}{go_on}", e.why)))?;
    match unseen(text).filter(|_| !exists) {
        Some(c) => {
            let why =
                format!("holds U+{:04X}, which nobody sees; only visible characters are allowed{go_on}", u32::from(c));
            Err(field("callId", why))
        }
        None => Ok(id),
    }
}

fn contact(
    intake: &Intake,
    directory: &Directory,
    validation: Validation,
    warnings: &mut Warnings,
) -> Result<Option<Override>, IntakeError> {
    let Some(asked) = intake.data.contact.as_deref().map(str::trim).filter(|c| !c.is_empty()) else { return Ok(None) };
    if let Some(c) = directory.contact_named(asked) {
        let recipient = c.recipient();
        return Ok(Some(Override { recipient, only: intake.only }));
    }
    let parsed = match validation {
        Validation::Lenient => Spelling::read(asked).and_then(|s| s.stranger(directory.country())),
        Validation::Strict if like_a_number(asked) => {
            Some(asked.parse().map_err(|e: crate::domain::types::ParseError| field("contact", e.why))?)
        }
        Validation::Strict => None,
    };
    if let Some((phone, id)) = parsed.and_then(|p: PhoneNumber| Some((p.clone(), p.e164().parse::<ContactId>().ok()?)))
    {
        if let (Validation::Lenient, Some(why)) = (validation, looks_wrong(&phone)) {
            warnings.push((AlertKind::UnknownContact, format!("the contact {phone} {why}: it is told all the same")));
        }
        let recipient = Recipient::by_text(id, phone.to_string(), phone);
        return Ok(Some(Override { recipient, only: intake.only }));
    }
    let ids: Vec<&str> = directory.contacts.iter().map(|c| c.id.as_str()).collect();
    if validation == Validation::Strict {
        let there_are =
            if ids.is_empty() { "none are configured".to_owned() } else { format!("there are {}", ids.join(", ")) };
        return Err(field("contact", format!("{asked:?} is no contact; {there_are}, or give a number in E.164")));
    }
    let shown: String = masked(asked).chars().filter(|c| !c.is_control()).take(40).collect();
    let what = match Spelling::read(asked) {
        Some(s) if s.phone(directory.country()).is_some() => {
            "unknown, and its number has no country and may not be whole"
        }
        _ if like_a_number(asked) => "no number that can be texted",
        _ => "unknown",
    };
    warnings.push((AlertKind::UnknownContact, format!("the contact {shown:?} is {what}: the ladder runs as it is")));
    Ok(None)
}

fn like_a_number(text: &str) -> bool {
    text.starts_with('+') || text.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

/// Whom a step of a call that is still to be accepted names, for a preview: opt-outs are not known here.
pub fn recipients(new: &NewCall, directory: &Directory, line: &Line, step: usize, at: Timestamp) -> Vec<Recipient> {
    if let Some(o) = new.overridden.as_ref().filter(|o| o.only || step == 0) {
        return vec![o.recipient.clone()];
    }
    let roles = new.policy.step(step).map(|s| s.notify.as_slice()).unwrap_or_default();
    let mut all: Vec<Recipient> = Vec::new();
    for holder in roles.iter().flat_map(|r| directory.holders(line, r, at)) {
        if !all.iter().any(|r| r.contact == holder.contact.id) {
            all.push(holder.recipient(directory));
        }
    }
    all
}

/// A hash of the normalised known fields: what makes "the same again" the same.
fn fingerprint(intake: &Intake) -> String {
    let d = &intake.data;
    let mut hash = Sha256::new();
    if let Some(whole) = &intake.whole {
        hash.update(whole);
    }
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

    use serde_json::{Value, json};

    use super::json::Document;
    use super::*;
    use crate::domain::policy::{Policy, Step};
    use crate::domain::team::{Contact, TeamEntry, Templates};

    pub(in crate::engine::intake) fn directory() -> Directory {
        let policy = |name: &str| {
            let steps = vec![Step {
                wait: std::time::Duration::ZERO,
                notify: vec!["primary".parse().expect("role")],
                channel: crate::domain::attempt::Channel::Sms,
            }];
            let z = std::time::Duration::ZERO;
            (
                name.to_owned(),
                Policy {
                    name: name.into(),
                    steps,
                    repeat: 0,
                    repeat_wait: z,
                    exhaust_after: z,
                    defer_by_reply: None,
                    quiet: None,
                },
            )
        };
        let line = Line {
            number: None,
            name: "Acme".into(),
            team: None,
            from: None,
            policies: BTreeMap::from([policy("normal"), policy("high")]),
            templates: Templates::default(),
            time_zone: None,
            keywords: Vec::new(),
        };
        Directory {
            contacts: vec![Contact {
                email: None,
                id: "sam".parse().expect("id"),
                name: "Sam Ortiz".into(),
                phone: "+19495550101".parse().expect("phone"),
                role: None,
            }],
            lines: vec![Line { number: Some("+18005550100".into()), ..line.clone() }],
            default_line: line,
            from: None,
            fallback: Vec::new(),
            mail_from: None,
            voice_from: None,
            last_resort: Vec::new(),
            alert_owners: Vec::new(),
            levels: crate::domain::levels::Levels::default(),
            rotations: Vec::new(),
            overrides: Vec::new(),
            calendars: BTreeMap::new(),
        }
    }

    fn take(body: &Value, validation: Validation) -> Result<NewCall, IntakeError> {
        new_call(
            from_json(&Document::plain(body.clone()), validation)?,
            &directory(),
            validation,
            &Ids::seeded(1),
            Timestamp::from_millis(0),
        )
    }

    #[test]
    fn paperwork_does_not_refuse_an_emergency_over_the_api_and_the_command_line_is_strict() {
        for (data, kinds) in [
            (json!({"emergencyLevel": "HIGH"}), vec![]),
            (json!({"emergencyLevel": "purple"}), vec!["unknown-level"]),
            (json!({"callerPhone": "withheld", "twilioToNumber": "+18005550199"}), vec!["paperwork", "unlisted-line"]),
            (json!({"contact": "nobody"}), vec!["unknown-contact"]),
            (json!({"contact": "sam", "unknownField": [1, 2]}), vec![]),
        ] {
            let call = take(&json!({"callData": data}), Validation::Lenient).expect("accepted");
            assert_eq!(call.warnings.iter().map(|o| o.0.word()).collect::<Vec<_>>(), kinds, "{data}");
        }
        for (data, says) in
            [(json!({"emergencyLevel": "purple"}), "high, normal"), (json!({"contact": "nobody"}), "sam")]
        {
            let e = take(&json!({"callData": data}), Validation::Strict).expect_err("refused").to_string();
            assert!(e.contains(says), "{e}");
        }
    }

    #[test]
    fn over_the_command_line_wrong_shapes_are_refused_by_name() {
        for (body, says) in [
            (json!([]), "object"),
            (json!({}), "callData"),
            (json!({"callData": 1}), "callData"),
            (json!({"callData": {"callerPhone": 5}}), "callerPhone"),
            (json!({"callData": {"contact": "+194955"}}), "contact"),
            (json!({"callData": {"issueSummary": "x".repeat(5000)}}), "issueSummary"),
        ] {
            let e = take(&body, Validation::Strict).expect_err("refused").to_string();
            assert!(e.contains(says), "{body}: {e}");
        }
    }

    #[test]
    fn an_emergency_is_not_refused_over_what_its_fields_hold() {
        let long = "x".repeat(10_000);
        for (body, says) in [
            (json!({}), "nothing of the emergency"),
            (json!({"callData": 1}), "a number"),
            (json!({"callData": "No heat"}), "counts as the issue"),
            (json!({"callData": "{\"issueSummary\":\"No heat\"}"}), "text of an object"),
            (json!({"callData": {"callerPhone": 5}}), "callerPhone is a number"),
            (json!({"callData": {"issueSummary": true}}), "issueSummary is true or false"),
            (json!({"callData": {"address": {"street": "12 Oak St", "city": "Irvine"}}}), "address is an object"),
            (json!({"callData": {"callerName": ["Kim", "Lee"]}}), "callerName is a list"),
            (json!({"callData": {"issueSummary": long}}), "10000 characters"),
            (json!({"callData": {"contact": "+1949555"}}), "has 7 digits"),
            (json!({"callData": {"contact": "+194955"}}), "no number that can be texted"),
            (json!({"Contact": "sam", "issue_summary": "No heat"}), "Contact (write contact)"),
            (json!({"CallId": "a", "issueSummary": "No heat"}), "CallId (write callId)"),
            (json!({"issueSummary": "No\u{0}heat"}), "issueSummary holds U+0000"),
            (json!({"issueSummary": "No \u{202e}heat"}), "issueSummary holds U+202E"),
            (json!({"issueSummary": "No heat", "callerPhone": "anonymous"}), "kept as given"),
            (json!({"issueSummary": "No heat", "callerPhone": "+19495550150 ext 5"}), "kept as given"),
        ] {
            let call = take(&body, Validation::Lenient).unwrap_or_else(|e| panic!("{body:.80}: {e}"));
            let said: Vec<&str> = call.warnings.iter().map(|o| o.1.as_str()).collect();
            assert!(
                says.is_empty() == said.is_empty() && said.iter().any(|s| s.contains(says)),
                "{body:.80}: {said:?}"
            );
        }
        let address = |body: Value| take(&body, Validation::Lenient).expect("taken").data.address;
        let parts = json!({"address": {"street": "12 Oak St", "unit": null, "city": "Irvine", "zip": 92602}});
        assert_eq!(address(parts).as_deref(), Some("12 Oak St, Irvine, 92602"));
    }

    #[test]
    fn a_flat_body_is_the_same_call() {
        let flat = json!({"callId": "a", "issueSummary": "No heat", "twilioToNumber": 18005550100_u64, "trace": 7});
        let call = take(&flat, Validation::Lenient).expect("taken");
        assert_eq!((call.data.issue_summary.as_deref(), call.id.as_str()), (Some("No heat"), "a"));
        assert_eq!(call.data.extra.keys().collect::<Vec<_>>(), ["trace"]);
        let float =
            json::read(br#"{"callId":"a","issueSummary":"No heat","twilioToNumber":1.8005550100e10}"#).expect("JSON");
        let float = from_json(&float, Validation::Lenient).expect("read").data.twilio_to_number;
        assert_eq!(float.as_deref(), Some("18005550100"), "as a table writes it");
        let whole = json!({"callId": "a", "callData": {"issueSummary": "No heat", "twilioToNumber": "18005550100"}});
        assert_eq!(call.fingerprint, take(&whole, Validation::Strict).expect("taken").fingerprint);
    }

    #[test]
    fn a_call_id_keeps_its_rules_and_its_refusal_says_how_to_go_on() {
        for id in
            [json!(7), json!("a b"), json!(""), json!("a\u{200b}"), json!("\u{202e}a"), json!("\u{fffd}"), json!({})]
        {
            let e = take(&json!({"callId": id, "callData": {}}), Validation::Lenient).expect_err("refused").to_string();
            assert!(e.contains("callId") && e.contains("Idempotency-Key"), "{id}: {e}");
        }
        let e = take(&json!({"callId": "a", "callData": {"callId": "b"}}), Validation::Lenient).expect_err("two");
        assert!(e.to_string().contains("callId"), "{e}");
        let twice = json::read(br#"{"callId":"a","callId":"b","issueSummary":"x"}"#).expect("read");
        assert!(from_json(&twice, Validation::Lenient).is_err());
    }

    #[test]
    fn what_was_shortened_still_tells_two_calls_apart() {
        let print = |end: &str| {
            let issue = "x".repeat(9_000) + end;
            take(&json!({"callId": "a", "issueSummary": issue}), Validation::Lenient).expect("taken").fingerprint
        };
        assert_eq!(print("a"), print("a"));
        assert_ne!(print("a"), print("b"));
    }

    #[test]
    fn a_contact_is_found_however_the_caller_writes_it() {
        for text in ["sam", "Sam", "Sam Ortiz", "+1 (949) 555-0101", "9495550101", "tel:+19495550101"] {
            for validation in [Validation::Lenient, Validation::Strict] {
                let call = take(&json!({"callData": {"contact": text}}), validation).expect("taken");
                let recipient = call.overridden.map(|o| o.recipient.contact.to_string());
                assert_eq!((recipient.as_deref(), call.warnings.len()), (Some("sam"), 0), "{text}");
            }
        }
    }

    #[test]
    fn a_stranger_is_told_only_where_the_number_is_surely_whole() {
        for text in ["5550101", "949555010", "15550101"] {
            let call = take(&json!({"callData": {"contact": text}}), Validation::Lenient).expect("taken");
            assert_eq!(call.overridden, None, "{text}");
            let said: Vec<&str> = call.warnings.iter().map(|o| o.1.as_str()).collect();
            assert!(said.len() == 1 && said[0].contains("the ladder runs as it is"), "{text}: {said:?}");
        }
        let elsewhere = Directory {
            lines: vec![Line { number: Some("+442079460018".into()), ..directory().default_line }],
            ..directory()
        };
        assert_eq!(elsewhere.country(), Some("44"));
        let at_home = |text: &str| {
            let document = Document::plain(json!({"callData": {"contact": text}}));
            let intake = from_json(&document, Validation::Lenient).expect("read");
            let (ids, now) = (Ids::seeded(1), Timestamp::from_millis(0));
            new_call(intake, &elsewhere, Validation::Lenient, &ids, now).expect("taken").overridden
        };
        for text in ["2079460018", "9495550101", "1632960017"] {
            assert_eq!(at_home(text), None, "{text}");
        }
        assert!(at_home("+44 1632 960017").is_some() && at_home("0044 1632 960017").is_some());
        let other = take(&json!({"callData": {"contact": "(949) 555-0177"}}), Validation::Lenient).expect("taken");
        assert_eq!(other.overridden.map(|o| o.recipient.phone.e164().to_owned()).as_deref(), Some("+19495550177"));
    }

    #[test]
    fn the_same_again_is_told_from_other_data_by_the_known_fields_alone() {
        let print =
            |data: Value| take(&json!({"callId": "a", "callData": data}), Validation::Lenient).expect("ok").fingerprint;
        let base = print(json!({"callerPhone": "+19495550150", "emergencyLevel": "high"}));
        assert_eq!(base, print(json!({"emergencyLevel": " High ", "callerPhone": "+19495550150 ", "trace": "x"})));
        assert_ne!(base, print(json!({"callerPhone": "+19495550151", "emergencyLevel": "high"})));
        assert_ne!(print(json!({"callerName": "ab"})), print(json!({"address": "ab"})));
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_visible_characters() {
        let with = |key: &str| {
            let intake = Intake { idempotency_key: Some(key.to_owned()), ..Intake::default() };
            let (ids, now) = (Ids::seeded(1), Timestamp::from_millis(0));
            new_call(intake, &directory(), Validation::Lenient, &ids, now).map(|call| call.idempotency_key)
        };
        for key in ["k", &"ö".repeat(255)] {
            assert_eq!(with(key), Ok(Some(key.to_owned())));
        }
        for key in ["", "a\nb", "\u{0}", &"k".repeat(256)] {
            let e = with(key).expect_err("refused").to_string();
            assert!(e.contains("Idempotency-Key"), "{key:?}: {e}");
        }
    }

    #[test]
    fn by_hand_the_number_of_a_stranger_is_told_and_a_contact_that_is_none_is_named() {
        let call = take(&json!({"callData": {"contact": "+19495550177"}}), Validation::Strict).expect("taken");
        assert_eq!(call.overridden.map(|o| o.recipient.phone.e164().to_owned()).as_deref(), Some("+19495550177"));
        for (contact, says) in [("+194955", "too short"), ("9495550177", "must be E.164"), ("kim", "there are sam")] {
            let e = take(&json!({"callData": {"contact": contact}}), Validation::Strict).expect_err("refused");
            assert!(e.to_string().contains(says), "{contact}: {e}");
        }
    }

    #[test]
    fn the_alert_about_a_contact_that_is_none_says_what_it_is() {
        for (contact, says) in [
            ("no\u{7}body", "the contact \"nobody\" is unknown: the ladder runs as it is"),
            ("5550101", "the contact \"5550101\" is unknown, and its number has no country and may not be whole: "),
        ] {
            let call = take(&json!({"callData": {"issueSummary": "No heat", "contact": contact}}), Validation::Lenient);
            let warnings = call.expect("taken").warnings;
            assert!(warnings.iter().any(|(_, text)| text.starts_with(says)), "{contact:?}: {warnings:?}");
        }
    }

    #[test]
    fn a_preview_names_whom_each_step_tells_each_of_them_once() {
        let contact = |id: &str, phone: &str| Contact {
            email: None,
            id: id.parse().expect("id"),
            name: id.to_owned(),
            phone: phone.parse().expect("phone"),
            role: None,
        };
        let holds = |id: &str, role: &str| TeamEntry::of(id.parse().expect("id"), role.parse().expect("role"));
        let contacts = vec![contact("sam", "+19495550101"), contact("kim", "+19495550102")];
        let directory = Directory { contacts, ..directory() };
        let team = vec![holds("sam", "primary"), holds("sam", "backup"), holds("kim", "backup")];
        let line = Line { team: Some(team), ..directory.default_line.clone() };
        let told = |data: Value, only: bool| {
            let mut new = take(&json!({ "callData": data }), Validation::Strict).expect("taken");
            let mut policy = (*new.policy).clone();
            let both = vec!["primary".parse().expect("role"), "backup".parse().expect("role")];
            policy.steps.push(Step { notify: both, ..policy.steps[0].clone() });
            new.policy = policy.into();
            if let Some(overridden) = new.overridden.as_mut() {
                overridden.only = only;
            }
            [0, 1, 2].map(|step| {
                let all = recipients(&new, &directory, &line, step, Timestamp::from_millis(0));
                all.iter().map(|r| r.contact.as_str()).collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(told(json!({"issueSummary": "No heat"}), false), ["sam", "sam kim", ""]);
        let stranger = json!({"issueSummary": "No heat", "contact": "+19495550177"});
        assert_eq!(told(stranger.clone(), false), ["+19495550177", "sam kim", ""]);
        assert_eq!(told(stranger, true)[..2], ["+19495550177", "+19495550177"]);
    }
}
