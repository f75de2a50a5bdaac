//! The tables and fields that the base should have, and what is wrong with those that it has. Pure.

use crate::config::Airtable;
use crate::engine::layout::{Column, Holds, OPTIONAL, holds};
use crate::engine::oncall::table as overrides_table;
use crate::gateways::airtable::{FieldForm, FieldSchema, NewField, NewTable, TableSchema};

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Upserts merge on it.
    Key,
    /// We write it, and the mirror does not work without it.
    Written,
    /// We write it; without it `recover --from-airtable` lacks it.
    ForRecovery,
    /// We write it where it is; the configuration says that the base may be without it.
    MayLack,
    /// We only read it.
    Read,
    /// We read it in any spelling, and a row without it says nothing.
    ReadLoosely,
    /// We read or write it where it is, in any spelling.
    IfThere,
}

/// A field that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedField {
    /// Our name: the key below `airtable.fields`.
    pub(super) ours: &'static str,
    /// The base's name.
    pub(super) name: String,
    pub(super) need: Need,
    holds: Holds,
}

/// A table that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedTable {
    /// Our name: the key below `airtable.tables`.
    pub(super) ours: &'static str,
    /// The base's name or id.
    pub(super) name: String,
    pub(super) fields: Vec<WantedField>,
    about: &'static str,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not there.
    Missing,
    /// It cannot hold what it should.
    Unfit(String),
}

/// Everything that is asked of the base, by the configuration.
pub(super) fn wanted(a: &Airtable) -> Vec<WantedTable> {
    let mut all = vec![
        WantedTable {
            ours: "events",
            name: a.tables.events.clone(),
            fields: fields(a, "events", a.events.pairs()),
            about: "One row an attempt, written by dispatchctl",
        },
        WantedTable {
            ours: "calls",
            name: a.tables.calls.clone(),
            fields: fields(a, "calls", a.calls.pairs()),
            about: "Emergency calls; their status is kept by dispatchctl",
        },
    ];
    if let Some(contacts) = &a.tables.contacts {
        let read = fields(a, "contacts", a.contacts.pairs()).into_iter().map(|w| WantedField { need: Need::Read, ..w });
        all.push(WantedTable {
            ours: "contacts",
            name: contacts.clone(),
            fields: read.filter(|w| !w.name.is_empty()).collect(),
            about: "Who can be told, read by dispatchctl",
        });
    }
    if let Some(businesses) = &a.tables.businesses {
        // A phone is one of several things that a link finds a business by: its name is enough.
        let read = fields(a, "businesses", a.businesses.pairs()).into_iter().filter(|w| w.ours != "phone");
        all.push(WantedTable {
            ours: "businesses",
            name: businesses.clone(),
            fields: read.map(|w| WantedField { need: Need::Read, ..w }).collect(),
            about: "The shop's lines, read by dispatchctl",
        });
    }
    if let Some(overrides) = &a.tables.overrides {
        all.push(WantedTable {
            ours: "overrides",
            name: overrides.clone(),
            fields: overrides_table::columns().map(override_field).collect(),
            about: "Who is on call in another's place; read by dispatchctl, which writes Result",
        });
    }
    for table in &mut all {
        // The first becomes the table's primary field.
        if let Some(first) = table.fields.first_mut().filter(|f| matches!(f.ours, "event_id" | "call_id")) {
            first.need = if first.need == Need::MayLack { Need::MayLack } else { Need::Key };
        }
    }
    all
}

fn fields(a: &Airtable, table: &str, pairs: Vec<(&'static str, &str)>) -> Vec<WantedField> {
    let need = |ours: &str| match ours {
        _ if OPTIONAL.contains(&ours) => Need::ForRecovery,
        _ if a.may_lack.contains(&format!("{table}.{ours}")) => Need::MayLack,
        _ => Need::Written,
    };
    let field = |(ours, name): (&'static str, &str)| WantedField {
        ours,
        name: name.to_owned(),
        need: need(ours),
        holds: holds(ours),
    };
    pairs.into_iter().map(field).collect()
}

fn override_field((name, is_needed): (&'static str, bool)) -> WantedField {
    let holds = match name {
        "From" | "Until" => Holds::Moment,
        "Note" | "Result" => Holds::Text,
        _ => Holds::Line,
    };
    let need = if is_needed { Need::ReadLoosely } else { Need::IfThere };
    WantedField { ours: name, name: name.to_owned(), need, holds }
}

impl WantedField {
    /// What is wrong with it in this table.
    pub(super) fn judge(&self, table: &TableSchema) -> Option<Wrong> {
        let Some(field) = table.field(&self.name) else { return Some(Wrong::Missing) };
        match self.need {
            Need::Read if field.name != self.name && field.id != self.name => {
                Some(Wrong::Unfit(format!("is named {:?} there: it is read by exactly its name", field.name)))
            }
            Need::Read | Need::ReadLoosely => self.judge_read(field),
            // People write both kinds of time: a moment, or words as the command takes them.
            Need::IfThere => None,
            _ => self.judge_written(field),
        }
    }

    fn judge_written(&self, field: &FieldSchema) -> Option<Wrong> {
        if let Err(why) = Column::of(self.ours, field) {
            return Some(Wrong::Unfit(why));
        }
        let is_key = self.need == Need::Key || self.ours == "event_id";
        let unfit = || Wrong::Unfit(format!("is a field of type {}, which rows cannot be found by", field.kind));
        (is_key && !field.takes_merge()).then(unfit)
    }

    /// Read alone, a field may be computed or a select; only what cannot become what we need is wrong.
    fn judge_read(&self, field: &FieldSchema) -> Option<Wrong> {
        let kind = field.kind.as_str();
        let linked = kind == "multipleRecordLinks" && self.holds != Holds::Link;
        let listed = linked || matches!(kind, "multipleAttachments" | "multipleCollaborators" | "button");
        let number = !matches!(self.holds, Holds::Flag | Holds::Whole) && field.takes(FieldForm::Number);
        (listed || number).then(|| Wrong::Unfit(format!("is a field of type {kind}, which it cannot be read from")))
    }

    /// Whether a table without it is as it may be.
    pub(super) fn may_be_absent(&self) -> bool {
        self.need == Need::IfThere || (self.need == Need::MayLack && self.ours != "event_id")
    }

    /// As it is made.
    pub(super) fn made(&self) -> NewField {
        match self.holds {
            Holds::Line | Holds::Link => NewField::line(&self.name),
            Holds::Text => NewField::long_text(&self.name),
            Holds::Whole => NewField::whole_number(&self.name),
            Holds::Moment => NewField::moment(&self.name),
            Holds::Flag => NewField::checkbox(&self.name),
        }
    }
}

impl WantedTable {
    /// As it is made.
    pub(super) fn made(&self) -> NewTable {
        NewTable {
            name: self.name.clone(),
            description: self.about.to_owned(),
            fields: self.fields.iter().map(WantedField::made).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(fields: &[(&str, &str)]) -> TableSchema {
        let fields: Vec<_> =
            fields.iter().map(|(name, kind)| json!({ "id": "", "name": name, "type": kind })).collect();
        serde_json::from_value(json!({ "id": "tbl1", "name": "T", "fields": fields })).expect("a table")
    }

    #[test]
    fn a_field_is_judged_by_what_it_is_for() {
        let wanted = |ours, need| WantedField { ours, name: "F".into(), need, holds: holds(ours) };
        let (line, key) = (wanted("method", Need::Written), wanted("event_id", Need::Key));
        let (number, moment) = (wanted("step", Need::ForRecovery), wanted("sent_at", Need::Written));
        let (phone, active) = (wanted("phone", Need::Read), wanted("active", Need::Read));
        for (field, kind, want) in [
            (&line, "singleLineText", None),
            (&line, "singleSelect", None),
            (&line, "number", Some("cannot hold")),
            (&line, "formula", Some("computed")),
            (&key, "singleLineText", None),
            (&key, "richText", Some("found by")),
            (&number, "number", None),
            (&number, "singleLineText", Some("cannot hold")),
            (&moment, "dateTime", None),
            (&moment, "date", Some("cannot hold")),
            (&phone, "phoneNumber", None),
            (&phone, "formula", None),
            (&phone, "number", Some("read from")),
            (&active, "checkbox", None),
            (&active, "singleSelect", None),
            (&active, "multipleRecordLinks", Some("read from")),
        ] {
            let said = field.judge(&table(&[("F", kind)])).map(|w| match w {
                Wrong::Unfit(why) => why,
                Wrong::Missing => "missing".into(),
            });
            match want {
                None => assert_eq!(said, None, "{} as {kind}", field.ours),
                Some(words) => {
                    assert!(said.as_ref().is_some_and(|s| s.contains(words)), "{} as {kind}: {said:?}", field.ours)
                }
            }
        }
        assert_eq!(line.judge(&table(&[(" f", "singleLineText")])), None, "case and blanks do not matter");
        assert_eq!(line.judge(&table(&[("G", "singleLineText")])), Some(Wrong::Missing));
    }
}
