//! What a field of the base is to us, and what it is not.

use std::fmt;

use super::links::Target;
use crate::gateways::airtable::{FieldForm, FieldSchema, folded};

/// What one of our names holds, whatever the base makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Line,
    Text,
    Whole,
    Moment,
    Flag,
    /// A row of another table, or its name.
    Link,
}

/// Of one of our names in *Dispatch Events* and *Calls*.
pub fn holds(ours: &str) -> Holds {
    match ours {
        "attempt_number" | "step" | "round" | "priority" => Holds::Whole,
        "sent_at" | "accepted_at" | "next_follow_up_at" => Holds::Moment,
        "result" | "issue_summary" => Holds::Text,
        "address" => Holds::Text,
        "acknowledged" | "active" | "backup" => Holds::Flag,
        "call" | "contact" | "on_call_contact" | "business" => Holds::Link,
        _ => Holds::Line,
    }
}

/// What a field of the base is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nobody knows: it is written as it is configured.
    Any,
    /// It takes what we have, as it is.
    Plain,
    /// It takes its own words alone.
    Select(Vec<String>),
    /// Records of the table with this id.
    Link(String),
}

/// A field of the base that one of our names stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the base has it.
    pub name: String,
    pub kind: Kind,
}

impl Column {
    /// What a field is to us.
    ///
    /// # Errors
    /// Why it cannot hold what we have.
    pub fn of(ours: &str, field: &FieldSchema) -> Result<Self, String> {
        let kind = &field.kind;
        if field.is_computed() {
            return Err(format!("is computed by the base ({kind}) and cannot be written"));
        }
        let unfit = || format!("is a field of type {kind}, which cannot hold it");
        let holds = holds(ours);
        let plain = match holds {
            Holds::Whole => field.takes(FieldForm::Number),
            Holds::Moment => field.takes(FieldForm::Time),
            Holds::Flag => kind == "checkbox",
            Holds::Line | Holds::Text | Holds::Link => field.takes(FieldForm::Text) && kind != "singleSelect",
        };
        let is_word = matches!(holds, Holds::Line | Holds::Text | Holds::Link);
        let kind = match field.linked_table() {
            Some(table) if holds == Holds::Link => Kind::Link(table.to_owned()),
            _ if plain => Kind::Plain,
            _ if kind == "singleSelect" && is_word => {
                Kind::Select(field.choices().into_iter().map(str::to_owned).collect())
            }
            _ => return Err(unfit()),
        };
        Ok(Self { name: field.name.clone(), kind })
    }

    /// The option of a select that is this word but for case and blanks; what is no select takes every word.
    pub fn option(&self, word: &str) -> Option<String> {
        match &self.kind {
            Kind::Select(choices) => {
                let exact = choices.iter().find(|c| *c == word);
                exact.or_else(|| choices.iter().find(|c| folded(c) == folded(word))).cloned()
            }
            _ => Some(word.to_owned()),
        }
    }
}

/// What the base is without. `Display` says it as something to add.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// A field.
    Field { ours: &'static str, name: String },
    /// A field that can hold it.
    Fit { ours: &'static str, name: String, why: String },
    /// An option of a select.
    Option { ours: &'static str, name: String, option: String },
    /// A row of another table that a link would mean.
    Row { ours: &'static str, name: String, target: Target },
}

impl Lack {
    /// Our name of the field.
    pub fn ours(&self) -> &'static str {
        match self {
            Self::Field { ours, .. } | Self::Fit { ours, .. } | Self::Option { ours, .. } | Self::Row { ours, .. } => {
                ours
            }
        }
    }

    /// The base's name of the field.
    pub fn name(&self) -> &str {
        match self {
            Self::Field { name, .. } | Self::Fit { name, .. } | Self::Option { name, .. } | Self::Row { name, .. } => {
                name
            }
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, .. } => write!(f, "the field `{name}`"),
            Self::Fit { name, why, .. } => write!(f, "a field `{name}` that fits (it {why})"),
            Self::Option { name, option, .. } => write!(f, "the option `{option}` of `{name}`"),
            Self::Row { name, target, .. } => write!(f, "a row for `{name}`: {}", target.said()),
        }
    }
}
