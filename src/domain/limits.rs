//! `[limits]` as decisions use it, and what was counted.

use std::collections::BTreeSet;
use std::time::Duration;

use super::PhoneNumber;
use super::count::counted;
use super::types::Timestamp;

/// What the counts are of.
pub const HOUR: Duration = Duration::from_secs(3600);
/// The bounds; a zero and an empty list are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendLimits {
    /// From so many texts to a contact within an hour on, reminders to them wait.
    pub per_contact_per_hour: u32,
    /// From so many texts within an hour on, all reminders wait.
    pub messages_per_hour: u32,
    /// Country codes, digits alone; empty: all.
    pub countries: BTreeSet<String>,
}

impl SpendLimits {
    /// Whether anything is to be counted.
    pub const fn counts(&self) -> bool {
        self.per_contact_per_hour > 0 || self.messages_per_hour > 0
    }

    /// Whether texts may go to this number's country.
    pub fn allows(&self, phone: &PhoneNumber) -> bool {
        self.countries.is_empty() || phone.country_code().is_some_and(|code| self.countries.contains(code))
    }
}

/// When the oldest of as many texts as are allowed within an hour was sent; `None`: there were fewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub contact: Option<Timestamp>,
    pub all: Option<Timestamp>,
}

/// What the alert about a contact says.
pub fn at_limit_of_contact(name: &str, limit: u32) -> String {
    format!(
        "{name} got {} or more within an hour (limits.per_contact_per_hour): reminders to them wait, first texts of calls go",
        counted(limit.into(), "text")
    )
}

/// What the alert about all texts says.
pub fn at_limit(limit: u32) -> String {
    format!(
        "{} or more went out within an hour (limits.messages_per_hour): reminders wait, first texts of calls go; look at what makes the calls",
        counted(limit.into(), "text")
    )
}
