//! Numbers that we would text: valid E.164, masked wherever they are shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::ParseError;

/// A number that can be texted, in E.164 (`+19495550101`). `Display` and `Debug` are masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// From our own store: only its shape is checked. The numbering plan was asked when it came in; a newer edition of the plan
    /// must not make an old call unreadable.
    ///
    /// # Errors
    /// What is not even shaped like E.164 was not written by us.
    pub fn from_stored(s: &str) -> Result<Self, ParseError> {
        if is_e164(s) { Ok(Self(s.to_owned())) } else { Err(wrong_shape()) }
    }

    /// The full number: for the provider and the store, never for a log.
    pub fn e164(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = ParseError;

    /// Accepts E.164 only: `+`, the country code and the subscriber's number, no spaces. Whether such a number exists in
    /// the country's numbering plan is asked of the `phonenumber` crate's metadata.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        if !is_e164(s) {
            return Err(wrong_shape());
        }
        let known = phonenumber::parse(None, s).is_ok_and(|n| phonenumber::is_valid(&n));
        if !known {
            return Err(ParseError::new(
                "phone number",
                format!("{} is not a number of its country's numbering plan", masked(s)),
            ));
        }
        Ok(Self(s.to_owned()))
    }
}

fn is_e164(s: &str) -> bool {
    let digits = s.strip_prefix('+').unwrap_or("");
    (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

fn wrong_shape() -> ParseError {
    ParseError::new("phone number", "must be E.164, like +19495550101: a plus, the country code, the number, no spaces")
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// From our own store only; what comes in is parsed.
impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_stored(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// `+19495550101` → `+1949•••0101`; other texts that begin with `+` and hold digits are masked alike, the rest is unchanged.
pub fn masked(s: &str) -> String {
    if !s.starts_with('+') {
        return s.to_owned();
    }
    let chars: Vec<char> = s.chars().collect();
    if chars.len() < 8 {
        return "+•••".to_owned();
    }
    let head = if chars.len() >= 12 { 5 } else { 2 };
    let tail = if chars.len() >= 12 { 4 } else { 2 };
    let front: String = chars.iter().take(head).collect();
    let back: String = chars.iter().skip(chars.len() - tail).collect();
    format!("{front}•••{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_valid_e164_is_a_phone_number() {
        for ok in ["+19495550101", "+18005550100", "+15005550006", "+447911123456", "+491701234567"] {
            assert_eq!(ok.parse::<PhoneNumber>().map(|p| p.e164().to_owned()), Ok(ok.to_owned()), "{ok}");
        }
        for bad in [
            "",
            "+",
            "19495550101",
            "+1 949 555 0101",
            "+1949555",
            "+0123456789",
            "+1949555010a",
            "tel:+19495550101",
            "+999999999999",
            "Anonymous",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shown_numbers_and_errors_are_masked() {
        let p: PhoneNumber = "+19495550101".parse().expect("valid");
        assert_eq!(format!("{p} {p:?}"), "+1949•••0101 +1949•••0101");
        let e = "+11115550101".parse::<PhoneNumber>().expect_err("no such area").to_string();
        assert!(!e.contains("+11115550101"), "{e}");
        assert_eq!(PhoneNumber::from_stored("+11115550101").map(|p| p.e164().len()), Ok(12), "kept from an older plan");
        assert!(PhoneNumber::from_stored("11115550101").is_err());
        assert_eq!(masked("+123456"), "+•••");
        assert_eq!(masked("sam"), "sam");
    }
}
