//! Records of the base.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::domain::types::{ParseError, Timestamp};
use crate::gateways::airtable::Fields;

/// The id of a record (`rec…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(String);

impl RecordId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordId {
    type Err = ParseError;

    /// `rec` and letters or digits: 14 of them today, which nothing here relies on.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let tail = s.strip_prefix("rec").unwrap_or_default();
        let ok = (1..=64).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_alphanumeric());
        if ok { Ok(Self(s.to_owned())) } else { Err(ParseError::new("record id", "must be rec and letters or digits")) }
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One record as the base has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub id: RecordId,
    /// When the base made it; `None` where the answer does not say it readably.
    pub created_at: Option<Timestamp>,
    /// Its cells; empty ones are left out by the provider.
    pub fields: Fields,
}

/// New cells of one record; those not named stay.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// Which record.
    pub id: RecordId,
    /// The cells to be set; an empty one is cleared.
    pub fields: Fields,
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq)]
pub struct Upserted {
    /// The records after it, in the order of the rows sent. Not a read-back: read again to prove what is kept.
    pub records: Vec<Record>,
    /// Those of them that it made.
    pub created: BTreeSet<RecordId>,
    /// Those of them that were there.
    pub updated: BTreeSet<RecordId>,
}
