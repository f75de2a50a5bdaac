//! Everything of the base that changes.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::base::{Base, Change};
use super::limits::{AirtableRequests, Iterators, Rate};
use super::shapes::BaseShape;
use crate::domain::Timestamp;

/// Everything of the base that changes.
pub(in crate::sandbox) struct Airtable {
    pub(super) base: Base,
    pub(in crate::sandbox) rate: Rate,
    pub(in crate::sandbox) iterators: Iterators,
    pub(in crate::sandbox) requests: AirtableRequests,
}

impl Airtable {
    /// A base that nobody has changed. The seed decides the order of lists that ask for none.
    pub(in crate::sandbox) fn new(seed: u64, pause: Duration, shape: BaseShape) -> Self {
        Self {
            base: Base::new(seed, shape),
            rate: Rate::new(pause),
            iterators: Iterators::default(),
            requests: AirtableRequests::default(),
        }
    }

    /// Repeats a change of an earlier life.
    pub(in crate::sandbox) fn reload(&mut self, change: Change) {
        self.base.apply(change);
    }

    /// All requests since the start.
    pub(in crate::sandbox) fn requests(&self) -> &AirtableRequests {
        &self.requests
    }

    /// The rows of a table named by name or id, in the order in which they were made.
    pub(in crate::sandbox) fn rows(&self, table: &str) -> Vec<AirtableRow> {
        let Some(table) = self.base.schema.table(table) else { return Vec::new() };
        let mut rows: Vec<_> = self.base.records(&table.id).collect();
        rows.sort_by_key(|r| r.number);
        rows.into_iter()
            .map(|r| AirtableRow {
                id: r.id.clone(),
                created: r.created,
                modified: r.modified,
                fields: table.fields.iter().filter_map(|f| Some((f.name.clone(), r.cell(f)?))).collect(),
            })
            .collect()
    }

    /// Base, rows and requests, for `GET /_sandbox/airtable`.
    pub(in crate::sandbox) fn shown(&self) -> Value {
        let rows: Map<String, Value> =
            self.base.schema.tables.iter().map(|t| (t.name.clone(), json!(self.rows(&t.name)))).collect();
        json!({ "schema": self.base.schema, "rows": rows, "requests": self.requests })
    }
}

/// A row as the shop sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AirtableRow {
    /// `rec` and 14 letters or digits.
    pub id: String,
    /// The base's own.
    pub created: Timestamp,
    /// When a cell was last written.
    pub modified: Timestamp,
    /// By field name; empties are absent.
    pub fields: Map<String, Value>,
}
