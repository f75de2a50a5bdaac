//! A number as people, agents and tables write it, and what it is compared by: its digits.
//!
//! `(800) 555-0199`, `tel:+1-800-555-0199`, `1.800.555.0199` and `+18005550199` are one number. Nothing is guessed: a text that holds
//! anything else than a number has no digits, and a number without its country is completed only with one that the caller knows.

use super::PhoneNumber;
use super::country;

/// More digits than any number has.
const DIGITS_MAX: usize = 32;
/// What may stand before a number, with a colon.
const CHANNELS: &[&str] = &["tel", "sms", "whatsapp", "rcs", "sip", "sips", "callto"];

/// The digits of a number, and whether they begin with its country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    digits: String,
    has_country: bool,
}

impl Spelling {
    /// Reads a text that is one number and nothing else; `None`: it is something else.
    pub fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !is_format(*c)).collect();
        let text = without_channel(text.trim());
        // What stands behind it in a `tel:` or `sip:` address is no part of the number.
        let text = text.split([';', '@', '?']).next().unwrap_or_default().trim();
        // The trunk's zero, as Europeans write it behind the country.
        let text = if text.starts_with('+') { text.replace("(0)", "") } else { text.to_owned() };
        let (mut digits, mut plus) = (String::new(), false);
        for c in text.chars() {
            match c {
                '+' | '\u{ff0b}' if digits.is_empty() && !plus => plus = true,
                '\u{ff10}'..='\u{ff19}' => digits.extend(char::from_u32(u32::from(c) - 0xff10 + 0x30)),
                c if c.is_ascii_digit() => digits.push(c),
                c if is_between(c) => {}
                _ => return None,
            }
        }
        if digits.is_empty() || digits.len() > DIGITS_MAX {
            return None;
        }
        if let Some(rest) = digits.strip_prefix("00").filter(|rest| !plus && country::code_of(rest).is_some()) {
            return Some(Self { digits: rest.to_owned(), has_country: true });
        }
        Some(Self { digits, has_country: plus })
    }

    /// Whether this is the number with these digits (its country first), in a place where numbers without one are of `country`.
    pub fn is(&self, e164: &str, country: Option<&str>) -> bool {
        let digits = e164.trim_start_matches('+');
        self.digits == digits || self.forms(country).iter().any(|form| form == digits)
    }

    /// As a number that can be texted, where nothing has to be guessed.
    pub fn phone(&self, country: Option<&str>) -> Option<PhoneNumber> {
        if self.has_country {
            return format!("+{}", self.digits).parse().ok();
        }
        let [one] = self.forms(country).try_into().ok()?;
        format!("+{one}").parse().ok()
    }

    /// As the number of somebody whom nobody here knows. A country is put in front only where the rest is surely whole: ten digits
    /// in North America. Elsewhere numbers differ in length, and one digit too few may be another person's number.
    pub fn stranger(&self, country: Option<&str>) -> Option<PhoneNumber> {
        let is_whole = || country == Some("1") && self.digits.strip_prefix('1').unwrap_or(&self.digits).len() == 10;
        if self.has_country || is_whole() { self.phone(country) } else { None }
    }

    /// One spelling for all: for a key, and to be shown masked.
    pub fn plain(&self) -> String {
        if self.has_country { format!("+{}", self.digits) } else { self.digits.clone() }
    }

    /// The whole numbers that digits without a country may mean.
    fn forms(&self, country: Option<&str>) -> Vec<String> {
        let Some(country) = country.filter(|_| !self.has_country) else { return Vec::new() };
        // North America writes its own 1 before the area, and no area begins with 0 or 1.
        if country == "1" {
            let area = self.digits.strip_prefix('1').unwrap_or(&self.digits);
            return vec![format!("1{area}")];
        }
        let mut forms = vec![format!("{country}{}", self.digits)];
        // The trunk's zero (in Russia an 8) falls away behind the country; Italy and a few others keep it.
        let trunk = if country == "7" { '8' } else { '0' };
        if let Some(rest) = self.digits.strip_prefix(trunk) {
            forms.push(format!("{country}{rest}"));
        }
        forms
    }
}

/// A number in one spelling for all, where the text is one; else the text, without what cannot be shown and not too long.
pub fn plain_number(text: &str) -> String {
    let other = || text.trim().chars().filter(|c| !c.is_control()).take(40).collect();
    Spelling::read(text).map_or_else(other, |s| s.plain())
}

/// The country code of an E.164 number.
pub fn country_of(e164: &str) -> Option<&'static str> {
    country::code_of(e164.strip_prefix('+')?)
}

/// The one country code that all of these E.164 numbers have.
pub fn shared_country<'a>(numbers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut all = numbers.into_iter().map(country_of);
    let first = all.next()??;
    all.all(|other| other == Some(first)).then_some(first)
}

fn without_channel(text: &str) -> &str {
    let Some((channel, rest)) = text.split_once(':') else { return text };
    if CHANNELS.iter().any(|c| channel.trim().eq_ignore_ascii_case(c)) {
        rest.trim_start_matches('/').trim()
    } else {
        text
    }
}

/// What people put between digits.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{ff08}' | '\u{ff09}'
        )
}

/// Marks without a width that come along when a number is copied out of a contact book.
fn is_format(c: char) -> bool {
    crate::domain::types::is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        for text in [
            "+18005550199",
            "18005550199",
            "8005550199",
            "(800) 555-0199",
            "1 (800) 555-0199",
            "tel:+1-800-555-0199",
            "TEL:+1-800-555-0199;ext=5",
            "sip:+18005550199@sip.example.com",
            "whatsapp:+18005550199",
            " +1 800 555 0199 ",
            "+1\u{a0}800\u{2011}555\u{2011}0199",
            "\u{202a}+1 800 555 0199\u{202c}",
            "800.555.0199",
            "800/555-0199",
            "0018005550199",
            "\u{ff0b}\u{ff11}\u{ff18}\u{ff10}\u{ff10}5550199",
        ] {
            let read = Spelling::read(text).unwrap_or_else(|| panic!("{text:?} is a number"));
            assert!(read.is("+18005550199", Some("1")), "{text:?}: {read:?}");
            assert!(!read.is("+18005550198", Some("1")), "{text:?}: {read:?}");
            assert_eq!(read.phone(Some("1")).map(|p| p.e164().to_owned()).as_deref(), Some("+18005550199"), "{text:?}");
        }
        for text in ["", "+", "()", "Anonymous", "800-PLUMBER", "+1800555+0199", "8005550199 ext 5", &"1".repeat(99)] {
            assert_eq!(Spelling::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_without_its_country_is_completed_only_where_that_is_known() {
        let is = |text: &str, e164: &str, country| Spelling::read(text).is_some_and(|s| s.is(e164, country));
        assert!(!is("8005550199", "+18005550199", None) && is("18005550199", "+18005550199", None));
        assert!(is("020 7946 0018", "+442079460018", Some("44")) && is("2079460018", "+442079460018", Some("44")));
        assert!(is("+44 (0)20 7946 0018", "+442079460018", None));
        assert!(is("06 555 0199", "+39065550199", Some("39")), "Italy keeps its zero");
        assert!(!is("+8005550199", "+18005550199", Some("1")), "a plus says that the country is there");
        let phone = |text: &str, country| Spelling::read(text).and_then(|s| s.phone(country)).is_some();
        assert!(!phone("9495550101", None) && phone("9495550101", Some("1")) && !phone("030 5550199", Some("49")));
    }

    #[test]
    fn numbers_of_one_country_share_it() {
        for (numbers, code) in [
            (&["+18005550100", "+19495550101"][..], Some("1")),
            (&["+18005550100", "+442079460018"], None),
            (&["+18005550100", "12345"], None),
            (&[], None),
        ] {
            assert_eq!(shared_country(numbers.iter().copied()), code, "{numbers:?}");
        }
    }
}
