//! Exceptions to a rotation or a team: a durable row each, withdrawn, never edited (`facts/oncall.md` §2).
//!
//! An override binds to times, not to a shift: at `until` the list goes on as if nothing had been.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::rotation::RotationId;
use crate::domain::types::{ContactId, ParseError, Role, Timestamp};

/// `ovr_` and a UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OverrideId(String);

impl OverrideId {
    /// From a fresh UUIDv7.
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(format!("ovr_{}", id.simple()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OverrideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OverrideId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hex =
            |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match text.strip_prefix("ovr_") {
            Some(rest) if hex(rest) => Ok(Self(text.to_owned())),
            _ => Err(ParseError::new("override", "is ovr_ and 32 hex digits")),
        }
    }
}

impl TryFrom<String> for OverrideId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<OverrideId> for String {
    fn from(id: OverrideId) -> Self {
        id.0
    }
}

/// What it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverrideKind {
    /// Holds it in place of whoever the list or the calendar names.
    Take,
    /// Holds it besides them.
    Add,
    /// Holds nothing: the next of the list who is not away does.
    Away,
}

impl OverrideKind {
    pub const ALL: [Self; 3] = [Self::Take, Self::Add, Self::Away];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Add => "add",
            Self::Away => "away",
        }
    }
}

impl fmt::Display for OverrideKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OverrideKind {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = text.trim().to_lowercase();
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| ParseError::new("kind", "is take, add or away"))
    }
}

/// What it is an exception to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverrideScope {
    /// This rotation, on whatever line it is used.
    Rotation(RotationId),
    /// This role of this line; `None`: of numbers that are not listed.
    Role { line: Option<String>, role: Role },
    /// Whatever the contact holds, anywhere. Only for [`OverrideKind::Away`].
    Everywhere,
}

impl fmt::Display for OverrideScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotation(id) => write!(f, "rotation {id}"),
            Self::Role { line: Some(line), role } => write!(f, "{role} of {line}"),
            Self::Role { line: None, role } => write!(f, "{role} of numbers that are not listed"),
            Self::Everywhere => f.write_str("everything"),
        }
    }
}

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyOverride {
    pub id: OverrideId,
    pub scope: OverrideScope,
    pub kind: OverrideKind,
    pub contact: ContactId,
    pub from: Timestamp,
    /// Half open: then it is over.
    pub until: Timestamp,
    pub note: String,
    /// Who made it, as the log names them.
    pub by: String,
    pub made_at: Timestamp,
    /// What it came from, so that it is made once: an idempotency key, or a record of another system.
    pub source: Option<String>,
    /// What was asked, as a hash of its words: the same words again are known by it. `None`: nobody asked in words.
    pub asked: Option<String>,
    /// When it was withdrawn, and by whom; from then on it is as if it had never been.
    pub withdrawn: Option<(Timestamp, String)>,
}

impl DutyOverride {
    /// Whether it counts at this moment.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until && self.withdrawn.is_none()
    }

    /// Which of two was made later: the newer one wins.
    fn age(&self) -> (Timestamp, &OverrideId) {
        (self.made_at, &self.id)
    }
}

/// The overrides that are in force at one moment.
pub(super) struct OverridesInForce<'a>(Vec<&'a DutyOverride>);

impl<'a> OverridesInForce<'a> {
    pub(super) fn of(all: &'a [DutyOverride], at: Timestamp) -> Self {
        Self(all.iter().filter(|o| o.is_in_force(at)).collect())
    }

    /// Whether this contact is away from what this scope means.
    pub(super) fn is_away(&self, contact: &ContactId, scope: &OverrideScope) -> bool {
        self.away(contact, scope).next().is_some()
    }

    fn away(&self, contact: &ContactId, scope: &OverrideScope) -> impl Iterator<Item = &'a DutyOverride> {
        let is = move |o: &&&'a DutyOverride| o.kind == OverrideKind::Away && &o.contact == contact && o.reaches(scope);
        self.0.iter().filter(is).copied()
    }

    /// The newest of those who take what the first scope means: a rotation is asked with the role that it is held for. One that its contact has outdated by being away later is none.
    pub(super) fn newest_take(
        &self,
        scopes: &[&OverrideScope],
        is_known: impl Fn(&ContactId) -> bool,
    ) -> Option<&'a DutyOverride> {
        let all = self.that_join(OverrideKind::Take, scopes, is_known);
        all.into_iter().max_by(|a, b| a.age().cmp(&b.age()))
    }

    /// Those who hold it besides, in the order in which they were made.
    pub(super) fn adds(
        &self,
        scopes: &[&OverrideScope],
        is_known: impl Fn(&ContactId) -> bool,
    ) -> Vec<&'a DutyOverride> {
        let mut all = self.that_join(OverrideKind::Add, scopes, is_known);
        all.sort_by(|a, b| a.age().cmp(&b.age()));
        all
    }

    fn that_join(
        &self,
        kind: OverrideKind,
        scopes: &[&OverrideScope],
        is_known: impl Fn(&ContactId) -> bool,
    ) -> Vec<&'a DutyOverride> {
        let later = |o: &DutyOverride, scope: &OverrideScope| self.away(&o.contact, scope).any(|a| a.age() > o.age());
        let outdated = |o: &DutyOverride| scopes.iter().any(|scope| later(o, scope));
        let reaches = |o: &DutyOverride| scopes.first().is_some_and(|scope| o.reaches(scope));
        let is = |o: &&DutyOverride| o.kind == kind && reaches(o) && is_known(&o.contact) && !outdated(o);
        self.0.iter().copied().filter(is).collect()
    }
}

impl DutyOverride {
    /// Whether it is about what this scope means.
    pub fn reaches(&self, scope: &OverrideScope) -> bool {
        match (&self.scope, scope) {
            (OverrideScope::Everywhere, _) => true,
            (OverrideScope::Rotation(own), OverrideScope::Rotation(other)) => own == other,
            (OverrideScope::Role { line, role }, OverrideScope::Role { line: other_line, role: other }) => {
                line == other_line && role.as_str().eq_ignore_ascii_case(other.as_str())
            }
            _ => false,
        }
    }
}
