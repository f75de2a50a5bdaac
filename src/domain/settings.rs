//! The settings in force: what decides, as the store keeps it, the same for every process that works on it.
//!
//! A row holds every key that decides and no secret. Only the holder of the engine lock at its start or at SIGHUP, and
//! `config apply`, write one; rows are only added, and the newest counts.

use std::fmt;

use serde_json::Value;

use super::alert::SinkTarget;
use super::types::{Actor, Timestamp};

/// The number of a row of settings; grows with every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingsNumber(pub i64);

impl fmt::Display for SettingsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Settings as a process wants to put them in force.
#[derive(Clone, PartialEq)]
pub struct NewSettings {
    /// Every key that decides, as a tree of JSON in the shape of the configuration file. No secret, no address.
    pub document: Value,
    /// The addresses and the paths of secret files of whoever writes it: used only by a later start whose own file is broken.
    /// `None`: those of the settings before stay.
    pub places: Option<Value>,
    /// Who is told of changes.
    pub targets: Vec<Target>,
    /// Who puts them in force.
    pub actor: Actor,
    /// What does: `serve`, `config apply`.
    pub role: String,
    pub at: Timestamp,
}

impl fmt::Debug for NewSettings {
    /// Without the documents, which hold people's numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSettings").field("role", &self.role).field("at", &self.at).finish_non_exhaustive()
    }
}

impl fmt::Debug for SettingsRow {
    /// Without the documents, which hold people's numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsRow").field("number", &self.number).field("at", &self.at).finish_non_exhaustive()
    }
}

/// Settings that are, or were, in force.
#[derive(Clone, PartialEq)]
pub struct SettingsRow {
    pub number: SettingsNumber,
    /// See [`NewSettings::document`].
    pub document: Value,
    /// See [`NewSettings::places`].
    pub places: Value,
    /// Who put them in force.
    pub actor: Actor,
    /// What did: `serve`, `config apply`.
    pub role: String,
    /// Since when.
    pub at: Timestamp,
}

/// Another system that is told of changes: each change leaves it a row in the outbox, in the transaction that makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The shop's Airtable.
    Mirror,
    /// An alert sink.
    Sink(SinkTarget),
}

/// What a decision is based on, besides the calls: whoever decides under another basis reads it again first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Basis {
    /// The settings in force; `None`: the store has none yet, and each process decides by its own.
    pub settings: Option<SettingsNumber>,
    /// When the contacts of another system were last read, where there are any.
    pub contacts: Option<Timestamp>,
    /// The last change of the exceptions to who is on call, where there was any; grows with every one.
    pub overrides: Option<i64>,
    /// The last change of what calendars say, where there was any; grows with every one.
    pub calendars: Option<i64>,
}
