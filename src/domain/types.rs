//! The words that every other module shares: identifiers, times, names.
//!
//! Each type is checked once, where its text comes in (`parse`), and trusted afterwards.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not what a type needs: says what was wanted, never echoes a whole phone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct ParseError {
    /// What was being read, e.g. `call id`.
    pub what: &'static str,
    /// What is wrong with it and which form is accepted.
    pub why: String,
}

impl ParseError {
    /// An error that names what was read and why it was refused.
    pub fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }
}

/// A moment in UTC, in whole milliseconds since 1970: the only precision that is stored or compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment and `d` later; saturates at the ends of time.
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment less `d`; saturates.
    #[must_use]
    pub fn minus(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is before it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339, UTC, milliseconds: `2026-11-22T02:04:00.000Z`, the form of every JSON document.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => format!("{t:.3}"),
            Err(_) => format!("{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let t: jiff::Timestamp =
            s.parse().map_err(|e| ParseError::new("time", format!("not an RFC 3339 time with an offset: {e}")))?;
        Ok(Self(t.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The caller's own name of a call: 1 to 128 visible characters, unique for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(String);

impl CallId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a call that nobody named: `call_` and a UUIDv7.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(format!("call_{}", id.simple()))
    }
}

impl FromStr for CallId {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let n = s.chars().count();
        if n == 0 || n > 128 {
            return Err(ParseError::new("call id", format!("has {n} characters; 1 to 128 are allowed")));
        }
        if s.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ParseError::new(
                "call id",
                "holds a space or a control character; only visible characters are allowed",
            ));
        }
        Ok(Self(s.to_owned()))
    }
}

/// Whether nothing of this character is seen: without a width, a filler, or a mark that turns the direction of what follows.
///
/// Source: Unicode 16, the property Default_Ignorable_Code_Point, and the category Cf but for its visible signs.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// One try at telling one contact: `att_` and 32 hex digits, safe in a URL path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// From a fresh UUIDv7.
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The inner UUID, as the store keeps it.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "att_{}", self.0.simple())
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AttemptId {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        s.strip_prefix("att_")
            .filter(|h| h.len() == 32)
            .and_then(|h| Uuid::try_parse(h).ok())
            .map(Self)
            .ok_or_else(|| ParseError::new("attempt id", "is `att_` and 32 hex digits"))
    }
}

/// The provider's name of a message, `SM` or `MM` and 32 hex digits (`facts/twilio.md` §1), or of a phone call, `CA` and as many
/// (`facts/twilio-voice.md` §1): an attempt has one or the other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageSid(String);

impl MessageSid {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of a phone call.
    pub fn is_of_a_phone_call(&self) -> bool {
        self.0.starts_with("CA")
    }
}

impl FromStr for MessageSid {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let ok = s.len() == 34
            && ["SM", "MM", "CA"].iter().any(|kind| s.starts_with(kind))
            && s.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
        let form = "is SM, MM or CA and 32 hex digits";
        if ok { Ok(Self(s.to_owned())) } else { Err(ParseError::new("message SID", form)) }
    }
}

/// Who sends: an E.164 number, a short code, an alphanumeric sender, or a messaging service (`MG…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender(String);

impl Sender {
    /// The text as the provider knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every mail goes by.
    pub fn relay() -> Self {
        Self(super::mail::RELAY.to_owned())
    }

    /// Whether this is a messaging service, which picks its own number.
    pub fn is_service(&self) -> bool {
        self.0.starts_with("MG") && self.0.len() == 34
    }
}

impl FromStr for Sender {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let e164 = s.strip_prefix('+').is_some_and(|t| digits(t) && (2..=15).contains(&t.len()) && !t.starts_with('0'));
        let short = digits(s) && (3..=8).contains(&s.len());
        let service = s.len() == 34 && s.starts_with("MG") && s.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
        let alpha = (1..=11).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
            && s.bytes().any(|b| b.is_ascii_alphabetic());
        if e164 || short || service || alpha {
            Ok(Self(s.to_owned()))
        } else {
            Err(ParseError::new(
                "sender",
                "is an E.164 number, a short code, an alphanumeric sender of up to 11 characters, or MG and 32 hex digits",
            ))
        }
    }
}

/// The configured name of a contact; for a number given by hand, the number itself (masked when shown).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(String);

impl ContactId {
    /// The text. A hand-given number is in full: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContactId {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let n = s.chars().count();
        if n == 0 || n > 64 || s.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ParseError::new("contact id", "is 1 to 64 visible characters without spaces"));
        }
        Ok(Self(s.to_owned()))
    }
}

/// A role on a line (`primary`, `backup`, `owner`, any name).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Role {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let s = s.trim();
        if s.is_empty() || s.chars().count() > 64 || s.chars().any(char::is_control) {
            return Err(ParseError::new("role", "is 1 to 64 visible characters"));
        }
        Ok(Self(s.to_owned()))
    }
}

/// Who did something: a token's name, an OS user, a reply's phone (masked), `engine`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Actor(pub String);

impl Actor {
    /// The engine itself.
    pub fn engine() -> Self {
        Self("engine".into())
    }

    /// The provider, by a receipt or an answer.
    pub fn provider() -> Self {
        Self("twilio".into())
    }

    /// Whether a person who gives this name would be taken for somebody else in the log: the engine, a provider, a caller
    /// of the API without a token, a reply (whose phone is shown masked), or one of `tokens`. What stands behind a bracket
    /// is no part of the name.
    pub fn is_reserved<'a>(name: &str, tokens: impl IntoIterator<Item = &'a str>) -> bool {
        const OURS: [&str; 5] = ["engine", "twilio", "airtable", "api", "dispatchctl"];
        let given = name.split('(').next().unwrap_or_default().trim().to_lowercase();
        let is_phone = given.contains('•');
        is_phone
            || OURS.contains(&given.as_str())
            || tokens.into_iter().any(|token| token.trim().to_lowercase() == given)
    }
}

/// A call's own short code (`7K3Q`): for a human's reply and for finding a message in the provider's list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallRef(String);

/// The letters of a reference: no vowels (so that it never spells a reply word) and no look-alikes.
pub const REFERENCE_ALPHABET: &[u8] = b"23456789BCDFGHJKMNPQRSTVWXYZ";

impl CallRef {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reference of this call's attempt `number`: `7K3Q-2`.
    pub fn attempt(&self, number: u32) -> String {
        format!("{}-{number}", self.0)
    }
}

impl FromStr for CallRef {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, ParseError> {
        if (4..=8).contains(&s.len()) && s.bytes().all(|b| REFERENCE_ALPHABET.contains(&b.to_ascii_uppercase())) {
            Ok(Self(s.to_ascii_uppercase()))
        } else {
            Err(ParseError::new("reference", "is 4 to 8 of the characters 2-9 and consonants, like 7K3Q"))
        }
    }
}

/// An error code of the provider, e.g. 30034.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ErrorCode(pub u32);

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! plain_text {
    ($($t:ty),+) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )+};
}
plain_text!(CallId, MessageSid, Role, CallRef);

macro_rules! masked_text {
    ($($t:ty),+) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&super::masking::masked(&self.0)) }
        }
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&super::masking::masked(&self.0)) }
        }
    )+};
}
masked_text!(ContactId, Sender);

macro_rules! serde_text {
    ($($t:ty),+) => {$(
        impl Serialize for $t {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(&self.0) }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
serde_text!(MessageSid, Sender, ContactId, Role, CallRef);

impl Serialize for AttemptId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl TryFrom<String> for CallId {
    type Error = ParseError;
    fn try_from(s: String) -> Result<Self, ParseError> {
        s.parse()
    }
}

impl From<CallId> for String {
    fn from(c: CallId) -> Self {
        c.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_no_name_that_the_log_gives_to_somebody_else() {
        for (name, reserved) in [
            ("engine", true),
            (" Engine ", true),
            ("ENGINE (night)", true),
            ("twilio", true),
            ("api", true),
            ("Intake", true),
            ("intake (Kim)", true),
            ("+1949•••0101", true),
            ("Kim", false),
            ("Kim (intake)", false),
            ("engineer", false),
            ("", false),
        ] {
            assert_eq!(Actor::is_reserved(name, ["intake", "desk"]), reserved, "{name:?}");
        }
    }

    #[test]
    fn identifiers_accept_their_form_and_nothing_else() {
        for ok in ["a", "test_123", "é✓", &"x".repeat(128)] {
            assert!(ok.parse::<CallId>().is_ok(), "{ok}");
        }
        for bad in ["", "a b", "a\n", "\u{7}", &"x".repeat(129)] {
            assert!(bad.parse::<CallId>().is_err(), "{bad:?}");
        }
        let sid = format!("SM{}", "a1".repeat(16));
        assert_eq!(sid.parse::<MessageSid>().map(|s| s.to_string()), Ok(sid.clone()));
        for bad in ["SM12", &sid[1..], &format!("{sid}0"), &sid.replace("SM", "AC"), &sid.replace('a', "g")] {
            assert!(bad.parse::<MessageSid>().is_err(), "{bad}");
        }
        for ok in ["+15005550006", "12345", "AcmePlumb", &format!("MG{}", "0".repeat(32))] {
            assert!(ok.parse::<Sender>().is_ok(), "{ok}");
        }
        for bad in ["", "+0123", "+", "12", "a sender too long", "né"] {
            assert!(bad.parse::<Sender>().is_err(), "{bad}");
        }
        let id = AttemptId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<AttemptId>(), Ok(id));
        assert!("att_7".parse::<AttemptId>().is_err());
        assert_eq!("7k3q".parse::<CallRef>().map(|r| r.attempt(2)), Ok("7K3Q-2".to_owned()));
        for bad in ["DONE", "PASS", "STOP", "7K3", "7K3O", "7K3Q7K3Q7"] {
            assert!(bad.parse::<CallRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_used_as_contact_id_is_masked_when_shown() {
        let id: ContactId = "+19495550101".parse().expect("valid");
        assert_eq!(format!("{id} {id:?}"), "+1949•••0101 +1949•••0101");
        assert_eq!(id.as_str(), "+19495550101");
    }

    #[test]
    fn times_print_and_read_back_with_milliseconds() {
        let t = Timestamp::from_millis(1_795_313_040_000);
        assert_eq!(t.rfc3339().parse::<Timestamp>(), Ok(t));
        assert!(t.rfc3339().ends_with(".000Z"), "{t}");
        assert_eq!(t.plus(Duration::from_secs(2)).since(t), Duration::from_secs(2));
        assert_eq!(t.since(t.plus(Duration::from_secs(2))), Duration::ZERO);
    }
}
