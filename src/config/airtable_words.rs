//! Our words of a field and the base's.

use std::collections::BTreeMap;

/// Words of ours that are no state of a call by themselves: a call that somebody was told of, one that nobody could be told
/// of, and one that waits for the morning.
pub const DISPATCHING_TOLD: &str = "dispatching_told";
pub const EXHAUSTED_UNTOLD: &str = "exhausted_untold";
pub const DEFERRED: &str = "deferred";

/// Whether somebody can be asked.
pub const AVAILABLE: &str = "available";
pub const AWAY: &str = "away";

/// Words of one field: ours in lower case, and for each the base's, of which the first that the field has counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueMap(pub(super) BTreeMap<String, Vec<String>>);

impl ValueMap {
    /// What stands for a word of ours; `None`: nothing is said. An empty text stands for an empty cell.
    pub fn of(&self, word: &str) -> Option<&[String]> {
        self.0.get(&word.to_lowercase()).map(Vec::as_slice)
    }

    /// Our word that one of the base's stands for, without regard to case and blanks around it.
    pub fn meant(&self, theirs: &str) -> Option<&str> {
        let is = |t: &String| t.trim().to_lowercase() == theirs.trim().to_lowercase();
        self.0.iter().find(|(_, all)| all.iter().any(is)).map(|(ours, _)| ours.as_str())
    }

    /// Our words that are mapped.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<W: Into<String>> FromIterator<(W, Vec<String>)> for ValueMap {
    fn from_iter<I: IntoIterator<Item = (W, Vec<String>)>>(words: I) -> Self {
        Self(words.into_iter().map(|(word, theirs)| (word.into().to_lowercase(), theirs)).collect())
    }
}

/// The words of every field that has some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AirtableValues {
    /// `events.delivery_status`.
    pub delivery_status: ValueMap,
    /// `events.method`.
    pub method: ValueMap,
    /// `calls.status`.
    pub status: ValueMap,
    /// `calls.emergency_level`: levels by the names of their policies.
    pub emergency_level: ValueMap,
    /// `contacts.role`: our roles; who has none of these words has none. Only read.
    pub role: ValueMap,
    /// `contacts.availability`: [`AVAILABLE`] and [`AWAY`]. Only read.
    pub availability: ValueMap,
    /// `businesses.time_zone`: IANA names. Only read.
    pub time_zone: ValueMap,
}

impl AirtableValues {
    /// Of one of our fields.
    pub fn of(&self, ours: &str) -> Option<&ValueMap> {
        match ours {
            "delivery_status" => Some(&self.delivery_status),
            "method" => Some(&self.method),
            "status" => Some(&self.status),
            "emergency_level" => Some(&self.emergency_level),
            _ => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        [&self.delivery_status, &self.method, &self.status, &self.emergency_level].into_iter().all(ValueMap::is_empty)
    }
}
