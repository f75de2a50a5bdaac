//! Numbers that we would text: E.164 with a country that exists, masked wherever they are shown; and the many ways to write one.

mod country;
pub(crate) mod spelling;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::ParseError;

pub use super::masking::masked;

/// A number that can be texted, in E.164 (`+19495550101`). `Display` and `Debug` are masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// In the place of a number that is not kept any more: shaped like one, of no country, so that nobody is ever texted at it.
pub const PRUNED: &str = "+999";

impl PhoneNumber {
    /// Whether the number is not kept any more.
    pub fn is_pruned(&self) -> bool {
        self.0 == PRUNED
    }

    /// From our own store: only its shape is checked. A newer table of countries must not make an old call unreadable.
    ///
    /// # Errors
    /// What is not even shaped like E.164 was not written by us.
    pub fn from_stored(s: &str) -> Result<Self, ParseError> {
        if is_e164(s) { Ok(Self(s.to_owned())) } else { Err(wrong_shape()) }
    }

    /// The country code that it begins with, digits alone.
    pub fn country_code(&self) -> Option<&'static str> {
        spelling::country_of(self.e164())
    }

    /// The full number: for the provider and the store, never for a log.
    pub fn e164(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = ParseError;

    /// Accepts E.164 only: `+`, a country code that exists and the subscriber's number, 7 to 15 digits in all, no spaces.
    /// Whether the country has handed out such a number is for the provider to say: an area that was opened yesterday is valid.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        if !is_e164(s) {
            return Err(wrong_shape());
        }
        if s.len() <= TEXTABLE_DIGITS_MIN {
            return Err(ParseError::new("phone number", format!("{} is too short for a phone number", masked(s))));
        }
        if spelling::country_of(s).is_none() {
            return Err(ParseError::new("phone number", format!("{} begins with no country code", masked(s))));
        }
        Ok(Self(s.to_owned()))
    }
}

/// Whether these digits are the calling code of a country.
pub fn is_country_code(digits: &str) -> bool {
    country::is_code(digits)
}

/// No country has shorter numbers that can be texted, its code included.
const TEXTABLE_DIGITS_MIN: usize = 7;
/// The digits of every number of country code 1, its code included.
const NORTH_AMERICAN_DIGITS: usize = 11;

/// Whether this has the shape of E.164: a plus and 2 to 15 digits, the first of them no zero.
pub fn is_e164(s: &str) -> bool {
    let digits = s.strip_prefix('+').unwrap_or("");
    (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// What looks like a slip of the pen in a number that is taken all the same.
pub fn looks_wrong(phone: &PhoneNumber) -> Option<String> {
    let digits = phone.0.len() - 1;
    let odd = phone.0.starts_with("+1") && digits != NORTH_AMERICAN_DIGITS;
    odd.then(|| format!("has {digits} digits; numbers of +1 have {NORTH_AMERICAN_DIGITS}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_pruned_number_is_read_back_and_never_texted() {
        assert!(PhoneNumber::from_stored(PRUNED).is_ok_and(|p| p.is_pruned()));
        assert!(PRUNED.parse::<PhoneNumber>().is_err());
    }

    #[test]
    fn only_whole_valid_e164_is_a_phone_number() {
        for ok in [
            "+19495550101",
            "+18005550100",
            "+15005550006",
            "+447911123456",
            "+491701234567",
            // Areas that no list of today knows.
            "+12215550101",
            "+11115550101",
            "+6838881234",
        ] {
            assert_eq!(ok.parse::<PhoneNumber>().map(|p| p.e164().to_owned()), Ok(ok.to_owned()), "{ok}");
        }
        for bad in [
            "",
            "+",
            "19495550101",
            "+1 949 555 0101",
            "+194955",
            "+1234567890123456",
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
    fn a_slip_of_the_pen_is_named_and_not_refused() {
        let warns = |s: &str| looks_wrong(&s.parse().expect("a number")).is_some();
        assert!(warns("+1949555010") && warns("+194955501011"));
        assert!(!warns("+19495550101") && !warns("+49170123456"));
    }

    #[test]
    fn shown_numbers_and_errors_are_masked() {
        let p: PhoneNumber = "+19495550101".parse().expect("valid");
        assert_eq!(format!("{p} {p:?}"), "+1949•••0101 +1949•••0101");
        let e = "+99915550101".parse::<PhoneNumber>().expect_err("no such country").to_string();
        assert!(!e.contains("+99915550101"), "{e}");
        assert_eq!(
            PhoneNumber::from_stored("+99915550101").map(|p| p.e164().len()),
            Ok(12),
            "kept from an older table"
        );
        assert!(PhoneNumber::from_stored("99915550101").is_err());
        assert_eq!(masked("+123456"), "+•••");
        assert_eq!(masked("sam"), "sam");
        assert_eq!(masked("viber:+19495550101"), "viber:+1949•••0101");
        assert_eq!(masked("at 8:+1"), "at 8:+1");
    }
}
