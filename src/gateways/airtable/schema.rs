//! A base's tables and fields, as the meta API shows and makes them (`facts/airtable.md` §2, §7).

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

/// Whether this is the id of a field: `fld` and 14 letters or digits. A name that looks so is taken for one.
pub fn is_field_id(field: &str) -> bool {
    is_id("fld", field)
}

/// A text; anything else is as if it were not there.
pub(super) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(Value::deserialize(d)?.as_str().unwrap_or_default().to_owned())
}

fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|t| t.len() == 14 && t.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A base that a token lists.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BaseSchema {
    /// `app…`.
    pub id: String,
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// `none`, `read`, `comment`, `edit`, `create`.
    #[serde(default, rename = "permissionLevel", deserialize_with = "text")]
    pub permission: String,
}

/// A table with its fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TableSchema {
    /// `tbl…`.
    pub id: String,
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// Which of the fields is the primary one.
    #[serde(default, rename = "primaryFieldId", deserialize_with = "text")]
    pub primary_field_id: String,
    /// Its fields: all of them, or the answer is none.
    pub fields: Vec<FieldSchema>,
}

impl TableSchema {
    /// The table with this id, this name, or this name but for case and blanks.
    pub fn find<'a>(tables: &'a [Self], name_or_id: &str) -> Option<&'a Self> {
        named(tables, name_or_id, |t| (&t.id, &t.name))
    }

    /// The field with this id, this name, or this name but for case and blanks.
    pub fn field(&self, name_or_id: &str) -> Option<&FieldSchema> {
        named(&self.fields, name_or_id, |f| (&f.id, &f.name))
    }
}

/// Of several that differ in case or blanks alone none is meant.
fn named<'a, T>(all: &'a [T], name_or_id: &str, of: impl Fn(&T) -> (&String, &String)) -> Option<&'a T> {
    let exact = all.iter().find(|t| of(t).0 == name_or_id).or_else(|| all.iter().find(|t| of(t).1 == name_or_id));
    let folded = folded(name_or_id);
    let mut near = all.iter().filter(|t| self::folded(of(t).1) == folded);
    exact.or_else(|| near.next().filter(|_| near.next().is_none()))
}

/// A name or an option without case and blanks: people write `Call Id` and `call id` for one thing.
pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<String>().to_lowercase()
}

/// What a cell of ours needs of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldForm {
    Text,
    /// A whole number.
    Number,
    /// A moment.
    Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldSchema {
    /// `fld…`.
    pub id: String,
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// The provider's word: `singleLineText`, `dateTime`…
    #[serde(default, rename = "type", deserialize_with = "text")]
    pub kind: String,
    /// As the provider shows them; null where it has none.
    #[serde(default)]
    pub options: Value,
}

/// Texts and what takes one as it is.
const TEXTS: &[&str] = &["singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"];
const NUMBERS: &[&str] = &["number", "percent", "currency", "rating", "duration"];
/// Types of fields that an upsert may merge on.
const MERGE: &[&str] = &["singleLineText", "multilineText", "number", "singleSelect", "multipleSelects", "date"];
/// Written by the base alone.
const COMPUTED: &[&str] = &[
    "formula",
    "rollup",
    "multipleLookupValues",
    "lookup",
    "count",
    "autoNumber",
    "createdTime",
    "createdBy",
    "lastModifiedTime",
    "lastModifiedBy",
    "button",
    "externalSyncSource",
    "aiText",
];

impl FieldSchema {
    /// Whether the base computes it, so that a write is refused.
    pub fn is_computed(&self) -> bool {
        COMPUTED.contains(&self.kind.as_str())
    }

    /// Whether it keeps a cell of this form as it is given. A select does, as long as the option is there: see
    /// [`FieldSchema::choices`].
    pub fn takes(&self, form: FieldForm) -> bool {
        let kind = self.kind.as_str();
        match form {
            FieldForm::Text => TEXTS.contains(&kind) || kind == "singleSelect",
            FieldForm::Number => NUMBERS.contains(&kind),
            FieldForm::Time => kind == "dateTime" || TEXTS.contains(&kind),
        }
    }

    /// Whether upserts can merge on it.
    pub fn takes_merge(&self) -> bool {
        MERGE.contains(&self.kind.as_str())
    }

    /// The table whose records it links; `None`: it is no link.
    pub fn linked_table(&self) -> Option<&str> {
        let to = self.options.get("linkedTableId").and_then(Value::as_str);
        to.filter(|_| self.kind == "multipleRecordLinks")
    }

    /// The options of a select; empty for every other field.
    pub fn choices(&self) -> Vec<&str> {
        let choices = self.options.get("choices").and_then(Value::as_array);
        choices.into_iter().flatten().filter_map(|c| c.get("name")?.as_str()).collect()
    }
}

/// A field to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewField {
    name: String,
    kind: &'static str,
    options: Option<Value>,
}

impl NewField {
    /// A line of text: for ids, statuses and phones, as it is immune to options and formats.
    pub fn line(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: "singleLineText", options: None }
    }

    /// A text of several lines.
    pub fn long_text(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: "multilineText", options: None }
    }

    pub fn whole_number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: "number", options: Some(json!({ "precision": 0 })) }
    }

    /// A moment, shown in UTC.
    pub fn moment(name: impl Into<String>) -> Self {
        let options = json!({ "timeZone": "utc", "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" } });
        Self { name: name.into(), kind: "dateTime", options: Some(options) }
    }

    pub fn checkbox(name: impl Into<String>) -> Self {
        let options = json!({ "icon": "check", "color": "greenBright" });
        Self { name: name.into(), kind: "checkbox", options: Some(options) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The provider's word for what it is to be.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn written(&self) -> Value {
        let mut field = Map::new();
        field.insert("name".into(), self.name.clone().into());
        field.insert("type".into(), self.kind.into());
        if let Some(options) = &self.options {
            field.insert("options".into(), options.clone());
        }
        Value::Object(field)
    }
}

/// A table to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// At least one; the first becomes the primary one.
    pub fields: Vec<NewField>,
}

impl NewTable {
    pub(super) fn written(&self) -> Value {
        let fields: Vec<Value> = self.fields.iter().map(NewField::written).collect();
        let mut table = json!({ "name": self.name, "fields": fields });
        if let Some(table) = table.as_object_mut().filter(|_| !self.description.is_empty()) {
            table.insert("description".into(), self.description.clone().into());
        }
        table
    }
}
