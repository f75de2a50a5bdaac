//! What `[intake]` comes to: see [`super::intake`].

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// The platforms that are let in.
#[derive(Debug, Clone, Default)]
pub struct Intake {
    pub retell: Option<RetellSource>,
    pub vapi: Option<VapiSource>,
    /// By their names.
    pub custom: BTreeMap<String, CustomSource>,
    /// Where phone calls are listed, to be compared with what was reported.
    pub lists: Vec<CallListSource>,
}

/// A list of phone calls that is compared with what was reported.
#[derive(Debug, Clone)]
pub struct CallListSource {
    pub place: CallListPlace,
    /// How often it is read.
    pub every: Duration,
    /// Of these no report is expected; any one of them is enough.
    pub hung_up: Vec<ListRule>,
}

impl CallListSource {
    /// How the log and the ids name it.
    pub const fn source(&self) -> &'static str {
        match self.place {
            CallListPlace::Retell { .. } => "retell",
            CallListPlace::Vapi { .. } => "vapi",
            CallListPlace::Twilio => "twilio",
        }
    }
}

/// Where a list is, and what it is asked with.
#[derive(Debug, Clone)]
pub enum CallListPlace {
    Retell {
        base_url: Url,
        api_key: SecretString,
    },
    Vapi {
        base_url: Url,
        api_key: SecretString,
    },
    /// The account of `[twilio]`; its numbers are those of the lines.
    Twilio,
}

/// A rule about a listed phone call; each of its conditions must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRule {
    /// As it was written.
    pub text: String,
    pub conditions: Vec<ListCondition>,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ListCondition {
    /// Where the item says it; `seconds` is how long the phone call took.
    pub path: String,
    pub holds: ListTest,
}

/// What must stand at the path of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum ListTest {
    /// One of these texts.
    Is(Vec<String>),
    /// A number below this.
    Below(f64),
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
