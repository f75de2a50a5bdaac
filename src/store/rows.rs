//! Stored words and numbers ↔ the domain's types, for every backend.
//!
//! What the store holds was checked when it was written; text that is not what we write means damage or a stranger's hand,
//! and is [`StoreError::Corrupt`], never a default. Errors name the column, never the text: it may be a phone number.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::StoreError;
use crate::domain::attempt::Priority;
use crate::domain::codes::ErrorClass;
use crate::domain::event::Source;
use crate::domain::types::AttemptId;
use crate::domain::{Class, PhoneNumber, Special, Timestamp};

/// Says which column holds something that we did not write.
pub(crate) fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt { what: format!("{column} holds something that this version never writes"), call: None }
}

/// Says whose row an error is about.
pub(crate) fn of_call(id: &str, e: StoreError) -> StoreError {
    match e {
        StoreError::Corrupt { what, call: None } => {
            StoreError::Corrupt { what: format!("{what} (call {id})"), call: Some(id.to_owned()) }
        }
        other => other,
    }
}

/// Reads a text that has a checked type.
pub(crate) fn parsed<T: FromStr>(column: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(column))
}

/// Takes a word that was looked up in its closed list.
pub(crate) fn word<T>(column: &str, found: Option<T>) -> Result<T, StoreError> {
    found.ok_or_else(|| corrupt(column))
}

/// Reads stored JSON.
pub(crate) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| corrupt(column))
}

/// Writes JSON. It cannot fail for our types; if it ever does, the change is refused.
pub(crate) fn to_json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Refused { what: format!("{what} cannot be written as JSON: {e}") })
}

/// Reads a phone number.
pub(crate) fn phone(column: &str, text: &str) -> Result<PhoneNumber, StoreError> {
    PhoneNumber::from_stored(text).map_err(|_| corrupt(column))
}

/// Ranks are what an index can sort by; the order is that of the enum.
pub(crate) const fn priority_rank(priority: Priority) -> i64 {
    match priority {
        Priority::First => 0,
        Priority::Reminder => 1,
        Priority::StandDown => 2,
    }
}

/// Reads a stored rank.
pub(crate) fn priority(rank: i64) -> Result<Priority, StoreError> {
    word("attempts.priority", Priority::ALL.iter().copied().find(|p| priority_rank(*p) == rank))
}

/// The bytes that an attempt's id is stored as.
pub(crate) fn id_bytes(id: AttemptId) -> [u8; 16] {
    id.uuid().into_bytes()
}

/// Reads a stored id.
pub(crate) const fn id_from(bytes: [u8; 16]) -> AttemptId {
    AttemptId::from_uuid(Uuid::from_bytes(bytes))
}

/// A stored time.
pub(crate) fn time(ms: Option<i64>) -> Option<Timestamp> {
    ms.map(Timestamp::from_millis)
}

/// A time as it is stored.
pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

const CLASSES: &[(Class, &str)] = &[
    (Class::Transient, "transient"),
    (Class::NumberPermanent, "number-permanent"),
    (Class::Account, "account"),
    (Class::Sender, "sender"),
    (Class::PairOrContent, "pair-or-content"),
    (Class::OurRequest, "our-request"),
    (Class::Ambiguous, "ambiguous"),
    (Class::Informational, "informational"),
    (Class::UnknownCode, "unknown-code"),
];
const SPECIALS: &[(Special, &str)] = &[
    (Special::OptedOut, "opted-out"),
    (Special::UnknownOutcome, "unknown-outcome"),
    (Special::WithoutCallback, "without-callback"),
    (Special::BadUrl, "bad-url"),
    (Special::TooManyAtOnce, "too-many-at-once"),
    (Special::Blocked, "blocked"),
    (Special::NotRepeated, "not-repeated"),
    (Special::BadText, "bad-text"),
    (Special::Credentials, "credentials"),
];

/// What a code asks for, as it is stored: its class, and after a slash what it asks for beyond.
pub(crate) fn class_words(error_class: ErrorClass) -> Result<String, StoreError> {
    let class = CLASSES.iter().find(|(c, _)| *c == error_class.class).map(|(_, w)| *w);
    let class = class.ok_or_else(|| corrupt("receipts.class"))?;
    Ok(match error_class.special.and_then(|s| SPECIALS.iter().find(|(x, _)| *x == s)) {
        Some((_, special)) => format!("{class}/{special}"),
        None => class.to_owned(),
    })
}

/// The class of a failure, as it is stored.
pub(crate) fn class_word(class: Class) -> Result<&'static str, StoreError> {
    CLASSES.iter().find(|(c, _)| *c == class).map(|(_, w)| *w).ok_or_else(|| corrupt("attempts.class"))
}

/// Reads what [`class_word`] wrote.
pub(crate) fn class(text: &str) -> Result<Class, StoreError> {
    word("attempts.class", CLASSES.iter().find(|(_, w)| *w == text).map(|(c, _)| *c))
}

/// Reads what [`class_words`] wrote.
pub(crate) fn error_class(text: &str) -> Result<ErrorClass, StoreError> {
    let (class, special) = text.split_once('/').map_or((text, None), |(c, s)| (c, Some(s)));
    let class = word("receipts.class", CLASSES.iter().find(|(_, w)| *w == class).map(|(c, _)| *c))?;
    let find = |s: &str| word("receipts.class", SPECIALS.iter().find(|(_, w)| *w == s).map(|(x, _)| *x));
    Ok(ErrorClass { class, special: special.map(find).transpose()? })
}

/// Reads how news came.
pub(crate) fn source(text: &str) -> Result<Source, StoreError> {
    let all = [Source::Receipt, Source::Fetch, Source::List];
    word("receipts.source", all.into_iter().find(|s| s.as_str() == text))
}

/// Reads what a receipt did.
pub(crate) fn effect(text: &str) -> Result<&'static str, StoreError> {
    let all = ["moved", "stale", "conflict", "orphan"];
    word("receipts.effect", all.into_iter().find(|e| *e == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_unknown_ones_are_damage() {
        for (class, _) in CLASSES {
            for special in SPECIALS.iter().map(|(s, _)| Some(*s)).chain([None]) {
                let both = ErrorClass { class: *class, special };
                assert_eq!(error_class(&class_words(both).expect("known")).expect("known"), both, "{both:?}");
            }
        }
        for p in Priority::ALL {
            assert_eq!(priority(priority_rank(*p)).expect("known"), *p, "{p}");
        }
        for s in [Source::Receipt, Source::Fetch, Source::List] {
            assert_eq!(source(s.as_str()).expect("known"), s, "{s:?}");
        }
        let unknown: &[(&str, Result<(), StoreError>)] = &[
            ("class", error_class("zzz").map(drop)),
            ("special", error_class("account/zzz").map(drop)),
            ("priority", priority(3).map(drop)),
            ("source", source("").map(drop)),
            ("effect", effect("MOVED").map(drop)),
            ("phone", phone("attempts.phone", "+1").map(drop)),
            ("json", from_json::<serde_json::Value>("log.data", "{").map(drop)),
        ];
        for (label, got) in unknown {
            assert!(matches!(got, Err(StoreError::Corrupt { .. })), "{label}: {got:?}");
        }
        let said = phone("attempts.phone", "1949555").expect_err("too short").to_string();
        assert!(!said.contains("1949555") && said.contains("attempts.phone"), "{said}");
    }
}
