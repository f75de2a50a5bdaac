//! What `[intake]` comes to: see [`super::intake`].

use std::collections::BTreeMap;

use secrecy::SecretString;

/// The platforms that are let in.
#[derive(Debug, Clone, Default)]
pub struct Intake {
    pub retell: Option<RetellSource>,
    pub vapi: Option<VapiSource>,
    /// By their names.
    pub custom: BTreeMap<String, CustomSource>,
}

/// Retell.
#[derive(Debug, Clone)]
pub struct RetellSource {
    /// It signs.
    pub api_key: SecretString,
    pub fields: FieldPaths,
}

/// Vapi; one of the secrets at least is there.
#[derive(Debug, Clone)]
pub struct VapiSource {
    /// A bearer token.
    pub secret: Option<SecretString>,
    /// It signs.
    pub hmac_secret: Option<SecretString>,
    /// The tools that dispatch; empty: each that asks for no state.
    pub tools: Vec<String>,
    pub fields: FieldPaths,
}

/// Any other platform; one of the secrets at least is there.
#[derive(Debug, Clone)]
pub struct CustomSource {
    /// A bearer token.
    pub token: Option<SecretString>,
    /// It signs.
    pub hmac_secret: Option<SecretString>,
    /// Where the signature stands.
    pub hmac_header: String,
    /// Where the platform's id of the phone call stands.
    pub call_id: Vec<String>,
    pub fields: FieldPaths,
}

/// Where a platform says what: for each field paths in order, the first that holds anything counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldPaths {
    /// The number that the caller gave.
    pub caller_phone: Vec<String>,
    /// The number that the caller called from.
    pub caller_id: Vec<String>,
    pub emergency_level: Vec<String>,
    pub issue_summary: Vec<String>,
    pub transcript: Vec<String>,
    pub twilio_to_number: Vec<String>,
    pub caller_name: Vec<String>,
    pub address: Vec<String>,
}

impl FieldPaths {
    /// The same with those of `other` for every field that has none.
    pub(super) fn or(self, other: Self) -> Self {
        let or = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
        Self {
            caller_phone: or(self.caller_phone, other.caller_phone),
            caller_id: or(self.caller_id, other.caller_id),
            emergency_level: or(self.emergency_level, other.emergency_level),
            issue_summary: or(self.issue_summary, other.issue_summary),
            transcript: or(self.transcript, other.transcript),
            twilio_to_number: or(self.twilio_to_number, other.twilio_to_number),
            caller_name: or(self.caller_name, other.caller_name),
            address: or(self.address, other.address),
        }
    }
}
