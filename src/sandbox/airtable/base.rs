//! The base in memory: tables, fields, records, and the change that is journalled before it is applied.
//!
//! Cells are kept by field id, empties are not kept. A table's records lie in an order that the seed decides and nobody can
//! guess, which is the order of a list that asks for none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shapes::BaseShape;
use crate::domain::Timestamp;

/// What a cell holds, in Airtable's words (`facts/airtable.md` §2): the types that the sandbox plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldType {
    SingleLineText,
    MultilineText,
    /// Long text with Markdown.
    RichText,
    /// Text.
    Email,
    /// Text.
    Url,
    /// Text; not checked.
    PhoneNumber,
    /// Rounded to `precision`.
    Number,
    /// Rounded to `precision`.
    Percent,
    /// Rounded to `precision`.
    Currency,
    /// `true` or absent.
    Checkbox,
    /// The name of a choice.
    SingleSelect,
    /// Names of choices.
    MultipleSelects,
    /// A moment; read back in UTC with milliseconds.
    DateTime,
    /// `YYYY-MM-DD`.
    Date,
    /// Record ids of another table.
    MultipleRecordLinks,
    /// Computed.
    CreatedTime,
    /// Computed.
    LastModifiedTime,
    /// Computed: counts the table's records.
    AutoNumber,
}

impl FieldType {
    /// Whether its value is the base's own, so that none can be written.
    pub(super) fn is_computed(self) -> bool {
        matches!(self, Self::CreatedTime | Self::LastModifiedTime | Self::AutoNumber)
    }

    /// Whether a table's first field may be of this type.
    pub(super) fn may_be_primary(self) -> bool {
        !matches!(self, Self::Checkbox | Self::SingleSelect | Self::MultipleSelects | Self::MultipleRecordLinks)
    }

    /// Whether an upsert may merge on it.
    pub(super) fn may_be_merged_on(self) -> bool {
        matches!(
            self,
            Self::SingleLineText
                | Self::MultilineText
                | Self::Email
                | Self::Url
                | Self::PhoneNumber
                | Self::Number
                | Self::SingleSelect
                | Self::MultipleSelects
                | Self::Date
        )
    }

    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::SingleLineText | Self::MultilineText | Self::RichText | Self::Email | Self::Url | Self::PhoneNumber
        )
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Percent | Self::Currency)
    }
}

/// A field of a table, as the meta API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: FieldType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Value>,
}

impl Field {
    /// Digits after the point.
    pub(super) fn precision(&self) -> i32 {
        let given = self.options.as_ref().and_then(|o| o["precision"].as_i64());
        given.and_then(|p| i32::try_from(p).ok()).unwrap_or(0).clamp(0, 8)
    }

    /// The names of a select's choices.
    pub(super) fn choices(&self) -> impl Iterator<Item = &str> {
        let list = self.options.as_ref().and_then(|o| o["choices"].as_array()).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|c| c["name"].as_str())
    }

    /// The table whose records it links.
    pub(super) fn linked_table(&self) -> &str {
        self.options.as_ref().and_then(|o| o["linkedTableId"].as_str()).unwrap_or("")
    }
}

/// A table, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SandboxTable {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) primary_field_id: String,
    pub(super) fields: Vec<Field>,
    pub(super) view_id: String,
}

impl SandboxTable {
    /// By id, or by its exact name.
    pub(super) fn field(&self, name_or_id: &str) -> Option<&Field> {
        let by_id = self.fields.iter().find(|f| f.id == name_or_id);
        by_id.or_else(|| self.fields.iter().find(|f| f.name == name_or_id))
    }

    /// As [`SandboxTable::field`], else by its name without regard to case, as formulas read it.
    pub(super) fn field_in_formula(&self, name_or_id: &str) -> Option<&Field> {
        let folded = name_or_id.to_lowercase();
        self.field(name_or_id).or_else(|| self.fields.iter().find(|f| f.name.to_lowercase() == folded))
    }
}

/// What the user of the token may do in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Does not even see it.
    None,
    Read,
    /// Reads and comments.
    Comment,
    /// Writes records.
    Edit,
    /// Changes tables and fields too.
    Create,
}

/// All that is not a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Schema {
    pub(super) tables: Vec<SandboxTable>,
    pub(super) permission: Permission,
    /// What the token may do, e.g. `data.records:read`.
    pub(super) scopes: Vec<String>,
}

pub(super) const READ_RECORDS: &str = "data.records:read";
pub(super) const WRITE_RECORDS: &str = "data.records:write";
pub(super) const READ_SCHEMA: &str = "schema.bases:read";
pub(super) const WRITE_SCHEMA: &str = "schema.bases:write";

impl Schema {
    /// A base that nobody has changed, with every right.
    pub(super) fn of(shape: BaseShape) -> Self {
        Self {
            tables: shape.tables(),
            permission: Permission::Create,
            scopes: [READ_RECORDS, WRITE_RECORDS, READ_SCHEMA, WRITE_SCHEMA].map(str::to_owned).into(),
        }
    }

    /// By id, or by its exact name.
    pub(super) fn table(&self, name_or_id: &str) -> Option<&SandboxTable> {
        let by_id = self.tables.iter().find(|t| t.id == name_or_id);
        by_id.or_else(|| self.tables.iter().find(|t| t.name == name_or_id))
    }

    /// As [`Schema::table`].
    pub(super) fn table_mut(&mut self, name_or_id: &str) -> Option<&mut SandboxTable> {
        let id = self.table(name_or_id)?.id.clone();
        self.tables.iter_mut().find(|t| t.id == id)
    }
}

/// The options that a field of this type has where nobody chose them.
pub(super) fn usual_options(kind: FieldType) -> Option<Value> {
    match kind {
        FieldType::Number | FieldType::Percent => Some(json!({ "precision": 0 })),
        FieldType::Currency => Some(json!({ "precision": 2, "symbol": "$" })),
        FieldType::Checkbox => Some(json!({ "icon": "check", "color": "greenBright" })),
        FieldType::DateTime => Some(json!({
            "dateFormat": { "name": "iso", "format": "YYYY-MM-DD" },
            "timeFormat": { "name": "24hour", "format": "HH:mm" },
            "timeZone": "utc",
        })),
        FieldType::Date => Some(json!({ "dateFormat": { "name": "iso", "format": "YYYY-MM-DD" } })),
        FieldType::SingleSelect | FieldType::MultipleSelects => Some(json!({ "choices": [] })),
        _ => None,
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) fn letters(mut n: u128, count: usize) -> String {
    let mut out = vec![b'0'; count];
    for place in out.iter_mut().rev() {
        *place = usize::try_from(n % 62).ok().and_then(|i| ALPHABET.get(i)).copied().unwrap_or(b'0');
        n /= 62;
    }
    out.into_iter().map(char::from).collect()
}

/// An id that only the name decides.
pub(super) fn fixed_id(prefix: &str, name: &str) -> String {
    use sha2::Digest as _;
    let mut first = [0u8; 16];
    first.iter_mut().zip(sha2::Sha256::digest(format!("{prefix}/{name}"))).for_each(|(to, from)| *to = from);
    format!("{prefix}{}", letters(u128::from_be_bytes(first), 14))
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SandboxRecord {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Counted from 1 in its table.
    pub(super) number: u64,
    /// By field id; empties are absent.
    pub(super) cells: BTreeMap<String, Value>,
}

impl SandboxRecord {
    /// What this cell shows, computed ones too; `None` where it is empty.
    pub(super) fn cell(&self, field: &Field) -> Option<Value> {
        match field.kind {
            FieldType::CreatedTime => Some(self.created.rfc3339().into()),
            FieldType::LastModifiedTime => Some(self.modified.rfc3339().into()),
            FieldType::AutoNumber => Some(self.number.into()),
            _ => self.cells.get(&field.id).cloned(),
        }
    }
}

/// One request's effect: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Change {
    /// All records go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) clear: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<Schema>,
    /// Whose records `put` and `deleted` name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) table: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) put: Vec<SandboxRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deleted: Vec<String>,
}

/// The rows of one table, and how many it ever had.
#[derive(Default)]
struct Rows {
    list: BTreeMap<(u64, String), SandboxRecord>,
    made: u64,
}

/// Everything that the shop keeps.
pub(super) struct Base {
    pub(super) schema: Schema,
    rows: BTreeMap<String, Rows>,
    seed: u64,
}

impl Base {
    pub(super) fn new(seed: u64, shape: BaseShape) -> Self {
        Self { schema: Schema::of(shape), rows: BTreeMap::new(), seed }
    }

    fn place(&self, id: &str) -> (u64, String) {
        // FNV-1a: the same on every machine and in every version.
        let start = 0xcbf2_9ce4_8422_2325u64 ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = id.bytes().fold(start, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        (hash, id.to_owned())
    }

    /// The row with this id.
    pub(super) fn record(&self, table: &str, id: &str) -> Option<&SandboxRecord> {
        self.rows.get(table)?.list.get(&self.place(id))
    }

    /// All rows of a table, in the order that nobody asked for.
    pub(super) fn records(&self, table: &str) -> impl Iterator<Item = &SandboxRecord> {
        self.rows.get(table).into_iter().flat_map(|r| r.list.values())
    }

    /// The number that the next row of a table gets.
    pub(super) fn next_number(&self, table: &str) -> u64 {
        self.rows.get(table).map_or(0, |r| r.made) + 1
    }

    /// Makes a change true; it is in the journal already.
    pub(super) fn apply(&mut self, change: Change) {
        if change.clear {
            self.rows.clear();
        }
        if let Some(schema) = change.schema {
            self.rows.retain(|id, _| schema.tables.iter().any(|t| t.id == *id));
            self.schema = schema;
        }
        let places: Vec<_> = change.deleted.iter().map(|id| self.place(id)).collect();
        let put: Vec<_> = change.put.into_iter().map(|r| (self.place(&r.id), r)).collect();
        if places.is_empty() && put.is_empty() {
            return;
        }
        self.unlink(&change.table, &change.deleted);
        let rows = self.rows.entry(change.table).or_default();
        for place in places {
            rows.list.remove(&place);
        }
        for (place, record) in put {
            rows.made = rows.made.max(record.number);
            rows.list.insert(place, record);
        }
    }

    /// Records that go are in no link any more.
    fn unlink(&mut self, table: &str, gone: &[String]) {
        if gone.is_empty() {
            return;
        }
        for of in &self.schema.tables {
            let links =
                of.fields.iter().filter(|f| f.kind == FieldType::MultipleRecordLinks && f.linked_table() == table);
            let Some(rows) = self.rows.get_mut(&of.id) else { continue };
            for field in links {
                for record in rows.list.values_mut() {
                    let Some(Value::Array(ids)) = record.cells.get_mut(&field.id) else { continue };
                    ids.retain(|id| id.as_str().is_none_or(|id| !gone.iter().any(|g| g == id)));
                    if ids.is_empty() {
                        record.cells.remove(&field.id);
                    }
                }
            }
        }
    }
}
