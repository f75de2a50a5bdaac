//! Which records are listed, and what a list is.

use super::record::Record;
use crate::gateways::airtable::Formula;

/// The most records of a list's page.
pub const PAGE_MAX: usize = 100;

/// How an answer names its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// By their names, which change when somebody renames them.
    #[default]
    Names,
    /// By their ids (`fld…`).
    Ids,
}

/// Which records of one table to list. All of them, with all fields, in no order, unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Name or id.
    pub table: String,
    /// Which records; `None`: all.
    pub filter: Option<Formula>,
    /// Which fields, by name or by id; none named: all.
    pub fields: Vec<String>,
    /// At most so many records, over all pages.
    pub max_records: Option<usize>,
    /// How the answer names its fields; where all that are named above are ids, it does so by ids anyway.
    pub keys: Keys,
}

impl Query {
    /// Everything of a table.
    pub fn of(table: impl Into<String>) -> Self {
        Self { table: table.into(), filter: None, fields: Vec::new(), max_records: None, keys: Keys::Names }
    }

    /// Only records for which the formula is true.
    #[must_use]
    pub fn filter(mut self, filter: Formula) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Only these fields.
    #[must_use]
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    #[must_use]
    pub fn at_most(mut self, records: usize) -> Self {
        self.max_records = Some(records);
        self
    }

    /// Answered with field ids as keys.
    #[must_use]
    pub fn by_field_id(mut self) -> Self {
        self.keys = Keys::Ids;
        self
    }
}

/// The result of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordList {
    /// Each record once. Paging is no snapshot: confirm with [`by_key`](super::MirrorGateway::by_key) that a
    /// record is missing before anything is made in its place.
    pub records: Vec<Record>,
    /// False where some item could not be read, or there were more pages than are ever followed.
    pub complete: bool,
}
