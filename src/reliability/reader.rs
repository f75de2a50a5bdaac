//! Reads a scenario file key by key: each read checks one value, and what is wrong is collected with its line, key and the
//! accepted form, so that a person sees every mistake at once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};
use toml_edit::{Document, Item, TableLike};

/// A value of the file and the line on which it stands, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Toml,
    pub(super) line: usize,
}

/// What a file can hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Toml {
    Text(String),
    Integer(i64),
    Number(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    Date,
}

impl Toml {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "an integer",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Date => "a date",
        }
    }
}

impl Node {
    /// The same as JSON.
    pub(super) fn json(&self) -> Value {
        match &self.value {
            Toml::Text(s) => Value::from(s.as_str()),
            Toml::Integer(i) => Value::from(*i),
            Toml::Number(f) => Value::from(*f),
            Toml::Bool(b) => Value::from(*b),
            Toml::List(items) => items.iter().map(Self::json).collect(),
            Toml::Table(t) => Value::Object(t.iter().map(|(k, n)| (k.clone(), n.json())).collect::<Map<_, _>>()),
            Toml::Date => Value::Null,
        }
    }
}

/// What is wrong with a scenario file, one problem an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioErrors(pub Vec<String>);

impl std::fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ScenarioErrors {}

/// A table that is being read; keys are taken out of it, and what is left in the end is unknown.
pub(super) struct Section {
    pub(super) path: String,
    pub(super) line: usize,
    table: BTreeMap<String, Node>,
    asked: Vec<String>,
}

impl Section {
    pub(super) fn new(path: impl Into<String>, line: usize, table: BTreeMap<String, Node>) -> Self {
        Self { path: path.into(), line, table, asked: Vec::new() }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        self.asked.push(name.to_owned());
        self.table.remove(name)
    }
}

/// Collects what is wrong.
pub(super) struct Reader {
    file: String,
    problems: Vec<String>,
}

/// How a duration is written.
pub(super) const DURATION: &str = "a duration like \"300ms\", \"2s\" or \"1h30m\"";

impl Reader {
    /// Reads a file's text; `file` names it in messages.
    pub(super) fn open(file: &str, text: &str) -> Result<(Self, Section), ScenarioErrors> {
        let line = |at: Option<usize>| text.get(..at.unwrap_or(0)).unwrap_or("").matches('\n').count() + 1;
        let document = Document::parse(text).map_err(|e| {
            let at = line(e.span().map(|s| s.start));
            ScenarioErrors(vec![format!("{file}:{at}: not valid TOML: {}", e.message().trim())])
        })?;
        let root = table(document.as_table(), text);
        Ok((Self { file: file.to_owned(), problems: Vec::new() }, Section::new("", 1, root)))
    }

    /// Everything that was wrong, or `value`.
    pub(super) fn close<T>(self, value: T) -> Result<T, ScenarioErrors> {
        if self.problems.is_empty() { Ok(value) } else { Err(ScenarioErrors(self.problems)) }
    }

    /// Notes what is wrong with a key.
    pub(super) fn wrong(&mut self, line: usize, key: &str, what: &str, form: &str) {
        let expected = if form.is_empty() { String::new() } else { format!("; expected {form}") };
        let key = if key.is_empty() { String::new() } else { format!(" {key}:") };
        self.problems.push(format!("{}:{line}:{key} {what}{expected}", self.file));
    }

    fn wrong_type(&mut self, key: &str, node: &Node, form: &str) {
        self.wrong(node.line, key, &format!("is {}", node.value.kind()), form);
    }

    /// Whatever stands there.
    pub(super) fn any(&mut self, s: &mut Section, name: &str) -> Option<Node> {
        s.take(name)
    }

    pub(super) fn text(&mut self, s: &mut Section, name: &str, form: &str) -> Option<String> {
        let key = s.key(name);
        let node = s.take(name)?;
        match node.value {
            Toml::Text(text) if !text.trim().is_empty() => Some(text),
            Toml::Text(_) => {
                self.wrong(node.line, &key, "is empty", form);
                None
            }
            _ => {
                self.wrong_type(&key, &node, form);
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, s: &mut Section, name: &str, form: &str) -> String {
        if !s.has(name) {
            s.asked.push(name.to_owned());
            let key = s.key(name);
            self.wrong(s.line, &key, "is missing", form);
        }
        self.text(s, name, form).unwrap_or_default()
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        s: &mut Section,
        name: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let key = s.key(name);
        let line = s.table.get(name).map_or(s.line, |n| n.line);
        let text = self.text(s, name, form)?;
        let found = parse(&text);
        if found.is_none() {
            let near = form.split('"').skip(1).step_by(2).find(|w| strsim::damerau_levenshtein(w, &text) <= 2);
            let near = near.map(|w| format!("; did you mean \"{w}\"?")).unwrap_or_default();
            self.wrong(line, &key, &format!("\"{text}\" is not one{near}"), form);
        }
        found
    }

    pub(super) fn duration(&mut self, s: &mut Section, name: &str) -> Option<Duration> {
        self.parsed(s, name, DURATION, |t| crate::config::duration(t).ok())
    }

    pub(super) fn boolean(&mut self, s: &mut Section, name: &str) -> Option<bool> {
        let key = s.key(name);
        let node = s.take(name)?;
        if let Toml::Bool(b) = node.value {
            return Some(b);
        }
        self.wrong_type(&key, &node, "true or false");
        None
    }

    pub(super) fn integer(&mut self, s: &mut Section, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let key = s.key(name);
        let node = s.take(name)?;
        let form = format!("an integer from {} to {}", range.start(), range.end());
        match node.value {
            Toml::Integer(i) if range.contains(&i) => Some(i),
            Toml::Integer(i) => {
                self.wrong(node.line, &key, &format!("{i} is out of range"), &form);
                None
            }
            _ => {
                self.wrong_type(&key, &node, &form);
                None
            }
        }
    }

    /// An integer that counts something.
    pub(super) fn count(&mut self, s: &mut Section, name: &str) -> Option<usize> {
        self.integer(s, name, 0..=1_000_000).and_then(|i| usize::try_from(i).ok())
    }

    /// One text, or a list of them.
    pub(super) fn texts(&mut self, s: &mut Section, name: &str, form: &str) -> Option<Vec<String>> {
        let key = s.key(name);
        let node = s.take(name)?;
        let (line, items) = match node.value {
            Toml::Text(text) => return Some(vec![text]),
            Toml::List(items) => (node.line, items),
            _ => {
                self.wrong_type(&key, &node, form);
                return None;
            }
        };
        let mut out = Vec::new();
        for item in items {
            match item.value {
                Toml::Text(text) => out.push(text),
                _ => self.wrong(line, &key, &format!("holds {}", item.value.kind()), form),
            }
        }
        Some(out)
    }

    /// One integer, or a list of them.
    pub(super) fn integers(&mut self, s: &mut Section, name: &str, form: &str) -> Option<Vec<i64>> {
        let key = s.key(name);
        let node = s.take(name)?;
        let items = match node.value {
            Toml::Integer(i) => return Some(vec![i]),
            Toml::List(items) => items,
            _ => {
                self.wrong_type(&key, &node, form);
                return None;
            }
        };
        let mut out = Vec::new();
        for item in items {
            match item.value {
                Toml::Integer(i) => out.push(i),
                _ => self.wrong(item.line, &key, &format!("holds {}", item.value.kind()), form),
            }
        }
        Some(out)
    }

    /// A table of counts, like `{ sam = 2 }`.
    pub(super) fn counts(&mut self, s: &mut Section, name: &str) -> Option<Vec<(String, u64)>> {
        let key = s.key(name);
        let mut inner = self.section(s, name)?;
        let mut out = Vec::new();
        for (name, node) in std::mem::take(&mut inner.table) {
            match node.value {
                Toml::Integer(i) if i >= 0 => out.push((name, u64::try_from(i).unwrap_or(0))),
                _ => self.wrong(node.line, &format!("{key}.{name}"), &format!("is {}", node.value.kind()), "a count"),
            }
        }
        Some(out)
    }

    /// A table of texts.
    pub(super) fn words(&mut self, s: &mut Section, name: &str) -> Option<Vec<(String, String)>> {
        let key = s.key(name);
        let mut inner = self.section(s, name)?;
        let mut out = Vec::new();
        for (name, node) in std::mem::take(&mut inner.table) {
            match node.value {
                Toml::Text(text) => out.push((name, text)),
                Toml::Integer(i) => out.push((name, i.to_string())),
                _ => self.wrong(node.line, &format!("{key}.{name}"), &format!("is {}", node.value.kind()), "a text"),
            }
        }
        Some(out)
    }

    /// A table; `None` where it is absent or no table.
    pub(super) fn section(&mut self, s: &mut Section, name: &str) -> Option<Section> {
        let key = s.key(name);
        let node = s.take(name)?;
        match node.value {
            Toml::Table(table) => Some(Section::new(key, node.line, table)),
            _ => {
                self.wrong_type(&key, &node, "a table of keys");
                None
            }
        }
    }

    /// Tables by their names, like `[then.calls.c1]`.
    pub(super) fn named_sections(&mut self, s: &mut Section, name: &str) -> Vec<(String, Section)> {
        let Some(mut inner) = self.section(s, name) else { return Vec::new() };
        let mut out = Vec::new();
        for (name, node) in std::mem::take(&mut inner.table) {
            let key = format!("{}.{name}", inner.path);
            match node.value {
                Toml::Table(table) => out.push((name, Section::new(key, node.line, table))),
                _ => self.wrong_type(&key, &node, "a table of keys"),
            }
        }
        out
    }

    /// A list of tables.
    pub(super) fn sections(&mut self, s: &mut Section, name: &str) -> Vec<Section> {
        let key = s.key(name);
        let Some(node) = s.take(name) else { return Vec::new() };
        let items = match node.value {
            Toml::List(items) => items,
            Toml::Table(table) => vec![Node { value: Toml::Table(table), line: node.line }],
            _ => {
                self.wrong_type(&key, &node, "a list of tables");
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let key = format!("{key}[{i}]");
            match item.value {
                Toml::Table(table) => out.push(Section::new(key, item.line, table)),
                _ => self.wrong_type(&key, &item, "a table"),
            }
        }
        out
    }

    /// Everything that is left in a section is unknown.
    pub(super) fn finish(&mut self, s: Section) {
        for (name, node) in &s.table {
            let near = s.asked.iter().map(|a| (strsim::damerau_levenshtein(a, name), a)).min();
            let near = near.filter(|(d, _)| *d <= 2).map(|(_, a)| format!("; did you mean `{a}`?")).unwrap_or_default();
            let mut known: Vec<&str> = s.asked.iter().map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            let key = s.key(name);
            self.wrong(node.line, &key, &format!("is not known here{near}"), &format!("one of {}", known.join(", ")));
        }
    }
}

fn table(t: &dyn TableLike, text: &str) -> BTreeMap<String, Node> {
    let mut out = BTreeMap::new();
    for (name, item) in t.iter() {
        let span = t.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| item.span());
        let line = line_of(text, span);
        let value = match item {
            Item::None => continue,
            Item::Value(v) => value(v, text),
            Item::Table(t) => Toml::Table(table(t, text)),
            Item::ArrayOfTables(list) => Toml::List(
                list.iter()
                    .map(|t| Node { value: Toml::Table(table(t, text)), line: line_of(text, t.span()) })
                    .collect(),
            ),
        };
        out.insert(name.to_owned(), Node { value, line });
    }
    out
}

fn value(v: &toml_edit::Value, text: &str) -> Toml {
    match v {
        toml_edit::Value::String(s) => Toml::Text(s.value().clone()),
        toml_edit::Value::Integer(i) => Toml::Integer(*i.value()),
        toml_edit::Value::Float(f) => Toml::Number(*f.value()),
        toml_edit::Value::Boolean(b) => Toml::Bool(*b.value()),
        toml_edit::Value::Datetime(_) => Toml::Date,
        toml_edit::Value::Array(list) => {
            Toml::List(list.iter().map(|v| Node { value: value(v, text), line: line_of(text, v.span()) }).collect())
        }
        toml_edit::Value::InlineTable(t) => Toml::Table(table(t, text)),
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|s| text.get(..s.start)).unwrap_or("");
    before.matches('\n').count() + 1
}
