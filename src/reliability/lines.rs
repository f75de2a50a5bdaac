//! Where each key of a TOML file stands.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

/// Lines by key, like `when[1].wait.is`; counted from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    pub(super) fn of(document: &Document<&str>) -> Self {
        let mut lines = Self::default();
        lines.table("", document.as_table(), document.raw());
        lines
    }

    /// The line of a key, or of the nearest table above it that the file has.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let above = |key: &str| key.rfind(['.', '[']).and_then(|at| key.get(..at)).map(str::to_owned);
        let mut keys = std::iter::successors(Some(key.to_owned()), |key| above(key));
        keys.find_map(|key| self.0.get(&key).copied())
    }

    fn note(&mut self, key: &str, span: Option<Range<usize>>, text: &str) {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        self.0.insert(key.to_owned(), before.matches('\n').count() + 1);
    }

    fn table(&mut self, path: &str, table: &dyn TableLike, text: &str) {
        for (name, item) in table.iter() {
            let key = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let span = table.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| item.span());
            self.note(&key, span, text);
            match item {
                Item::None => {}
                Item::Value(value) => self.value(&key, value, text),
                Item::Table(table) => self.table(&key, table, text),
                Item::ArrayOfTables(list) => {
                    for (i, table) in list.iter().enumerate() {
                        let key = format!("{key}[{i}]");
                        self.note(&key, table.span(), text);
                        self.table(&key, table, text);
                    }
                }
            }
        }
    }

    fn value(&mut self, key: &str, value: &Value, text: &str) {
        match value {
            Value::Array(list) => {
                for (i, value) in list.iter().enumerate() {
                    let key = format!("{key}[{i}]");
                    self.note(&key, value.span(), text);
                    self.value(&key, value, text);
                }
            }
            Value::InlineTable(table) => self.table(key, table, text),
            _ => {}
        }
    }
}
