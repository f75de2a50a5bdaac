//! Reads the merged tree key by key: every read checks one value, notes where it came from and how it may be shown, and
//! collects what is wrong instead of stopping. What nobody asked for is an unknown key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::env::env_name;
use super::forms::{DURATION_FORM, URL_FORM, parse_duration, parse_plain_url, show_duration};
use super::origin::{ConfigProblem, Layer, Origin};
use super::raw::{Node, RawTable, Value};
use super::show::ShowRow;
use super::types::Part;

/// A checked value, and where it stands.
#[derive(Clone)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) layer: Layer,
}

/// A table that is being read; keys are taken out of it.
pub(super) struct Section {
    pub(super) path: String,
    pub(super) origin: Option<Origin>,
    table: RawTable,
}

impl Section {
    pub(super) fn root(table: RawTable) -> Self {
        Self { path: String::new(), origin: None, table }
    }

    /// The dotted key of `name` in here.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether anything in here comes from somebody, not from the defaults.
    pub(super) fn is_given(&self) -> bool {
        fn given(table: &RawTable) -> bool {
            table.values().any(|n| match &n.value {
                Value::Table(inner) => given(inner),
                _ => n.layer > Layer::Default,
            })
        }
        given(&self.table)
    }

    /// What is there under this name; it stays there.
    pub(super) fn peek(&self, name: &str) -> Option<&Node> {
        self.table.get(name)
    }

    /// The names that are in here.
    pub(super) fn names(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }
}

/// What is collected while reading.
pub(super) struct Reader {
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) deferred: Vec<(Part, ConfigProblem)>,
    pub(super) warnings: Vec<String>,
    pub(super) rows: Vec<ShowRow>,
    /// In which file each secret stands.
    pub(super) secret_files: Vec<(String, PathBuf)>,
    /// Relative paths of flags and environment start here.
    pub(super) cwd: PathBuf,
    asked: BTreeSet<String>,
    unknown: Vec<(String, Origin)>,
}

impl Reader {
    pub(super) fn new(cwd: PathBuf, problems: Vec<ConfigProblem>) -> Self {
        Self {
            problems,
            deferred: Vec::new(),
            warnings: Vec::new(),
            rows: Vec::new(),
            secret_files: Vec::new(),
            cwd,
            asked: BTreeSet::new(),
            unknown: Vec::new(),
        }
    }

    pub(super) fn wrong(&mut self, at: impl Into<Option<Origin>>, key: &str, what: impl Into<String>, form: &str) {
        self.problems.push(ConfigProblem::new(at, key, what, form));
    }

    /// Notes a value for `config show`.
    pub(super) fn show(&mut self, key: &str, value: impl Into<String>, origin: &Origin) {
        let row = ShowRow { key: key.to_owned(), value: value.into(), origin: origin.clone() };
        match self.rows.iter_mut().find(|r| r.key == key) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// Notes that a key is missing, unless it was there and wrong, or its file could not be read: that is told already.
    pub(super) fn require(&mut self, section: &Section, name: &str, there: bool, form: &str) {
        let key = section.key(name);
        let twin = format!("{key}_file");
        let reported = |p: &ConfigProblem| p.key == key || p.key == twin;
        if !there && !self.problems.iter().chain(self.deferred.iter().map(|(_, p)| p)).any(reported) {
            self.missing(section, name, form);
        }
    }

    /// A value that must be there and is not.
    fn missing(&mut self, section: &Section, name: &str, form: &str) {
        self.problems.push(ConfigProblem::new(section.origin.clone(), section.key(name), "is missing", form));
    }

    pub(super) fn take(&mut self, section: &mut Section, name: &str) -> Option<Node> {
        self.asked.insert(section.key(name));
        section.table.remove(name)
    }

    fn wrong_type(&mut self, key: &str, node: &Node, form: &str) {
        self.wrong(node.origin.clone(), key, format!("is {}", node.value.kind()), form);
    }

    /// The text of a key; an empty one counts as not set.
    pub(super) fn text(&mut self, section: &mut Section, name: &str, form: &str) -> Option<Found<String>> {
        let key = section.key(name);
        let node = self.take(section, name)?;
        match node.value {
            Value::Text(value) if value.is_empty() => None,
            Value::Text(value) => Some(Found { value, key, origin: node.origin, layer: node.layer }),
            _ => {
                self.wrong_type(&key, &node, form);
                None
            }
        }
    }

    /// A text that `parse` turns into something; `shown` says how it may be shown. The error of `parse` must not hold a secret.
    pub(super) fn parsed<T>(
        &mut self,
        section: &mut Section,
        name: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
        shown: impl FnOnce(&T) -> String,
    ) -> Option<Found<T>> {
        let found = self.text(section, name, form)?;
        match parse(&found.value) {
            Ok(value) => {
                self.show(&found.key, shown(&value), &found.origin);
                Some(Found { value, key: found.key, origin: found.origin, layer: found.layer })
            }
            Err(what) => {
                self.wrong(found.origin, &found.key, what, form);
                None
            }
        }
    }

    /// A plain text without control characters, shown as it is.
    pub(super) fn plain(&mut self, section: &mut Section, name: &str, form: &str) -> Option<Found<String>> {
        let parse = |s: &str| {
            if s.trim().is_empty() || s.chars().any(char::is_control) {
                Err("is blank or holds a control character".to_owned())
            } else {
                Ok(s.to_owned())
            }
        };
        self.parsed(section, name, form, parse, Clone::clone)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        section: &mut Section,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<Found<T>> {
        let form = words.iter().map(|(w, _)| format!("\"{w}\"")).collect::<Vec<_>>().join(" or ");
        let pick = |s: &str| words.iter().find(|(w, _)| w.eq_ignore_ascii_case(s)).map(|(w, t)| ((*w).to_owned(), *t));
        let found = self.parsed(
            section,
            name,
            &form,
            |s| pick(s).ok_or_else(|| "is none of the words".to_owned()),
            |(w, _)| w.clone(),
        )?;
        Some(Found { value: found.value.1, key: found.key, origin: found.origin, layer: found.layer })
    }

    pub(super) fn duration(&mut self, section: &mut Section, name: &str) -> Option<Found<Duration>> {
        self.parsed(section, name, DURATION_FORM, parse_duration, |d| show_duration(*d))
    }

    pub(super) fn address(&mut self, section: &mut Section, name: &str) -> Option<Found<SocketAddr>> {
        let parse = |s: &str| {
            let numeric = s.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
            numeric.as_deref().unwrap_or(s).parse::<SocketAddr>().map_err(|_| "is not an address and a port".to_owned())
        };
        self.parsed(section, name, "an address and a port, like 127.0.0.1:3000", parse, ToString::to_string)
    }

    /// A URL without credentials, https unless it points to this machine.
    pub(super) fn url(&mut self, section: &mut Section, name: &str) -> Option<Found<Url>> {
        self.parsed(section, name, URL_FORM, parse_plain_url, |u| u.as_str().to_owned())
    }

    pub(super) fn integer(
        &mut self,
        section: &mut Section,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Option<Found<u32>> {
        let form = format!("an integer from {} to {}", range.start(), range.end());
        let key = section.key(name);
        let node = self.take(section, name)?;
        let number = match &node.value {
            Value::Integer(i) => Some(*i),
            Value::Text(s) if node.layer > Layer::File => s.trim().parse().ok(),
            _ => {
                self.wrong_type(&key, &node, &form);
                return None;
            }
        };
        match number.and_then(|i| u32::try_from(i).ok()).filter(|i| range.contains(i)) {
            Some(value) => {
                self.show(&key, value.to_string(), &node.origin);
                Some(Found { value, key, origin: node.origin, layer: node.layer })
            }
            None => {
                self.wrong(node.origin, &key, "is out of range", &form);
                None
            }
        }
    }

    /// A finite number in `range`.
    pub(super) fn number(
        &mut self,
        section: &mut Section,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Option<Found<f64>> {
        let form = format!("a number from {} to {}", range.start(), range.end());
        let key = section.key(name);
        let node = self.take(section, name)?;
        let number = match &node.value {
            Value::Integer(i) => i32::try_from(*i).ok().map(f64::from),
            Value::Number(f) => Some(*f),
            Value::Text(s) if node.layer > Layer::File => s.trim().parse().ok(),
            _ => {
                self.wrong_type(&key, &node, &form);
                return None;
            }
        };
        match number.filter(|n| range.contains(n)) {
            Some(value) => {
                self.show(&key, value.to_string(), &node.origin);
                Some(Found { value, key, origin: node.origin, layer: node.layer })
            }
            None => {
                self.wrong(node.origin, &key, "is out of range", &form);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, section: &mut Section, name: &str) -> Option<Found<bool>> {
        let key = section.key(name);
        let node = self.take(section, name)?;
        let given_as_text = node.layer > Layer::File;
        let form = if given_as_text { "1, true, yes, on or 0, false, no, off" } else { "true or false" };
        let value = match &node.value {
            Value::Bool(b) => Some(*b),
            Value::Text(s) if given_as_text => match s.trim().to_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Some(true),
                "0" | "false" | "no" | "off" => Some(false),
                _ => {
                    self.wrong(node.origin, &key, "is neither yes nor no", form);
                    return None;
                }
            },
            _ => None,
        };
        let Some(value) = value else {
            self.wrong_type(&key, &node, form);
            return None;
        };
        self.show(&key, value.to_string(), &node.origin);
        Some(Found { value, key, origin: node.origin, layer: node.layer })
    }

    /// A list of texts, each parsed; in the environment they are separated by commas. `None`: the key is absent.
    pub(super) fn list<T>(
        &mut self,
        section: &mut Section,
        name: &str,
        form: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        shown: impl Fn(&T) -> String,
    ) -> Option<Vec<Found<T>>> {
        let key = section.key(name);
        let node = self.take(section, name)?;
        let list_form = format!("a list of texts, each {form}");
        let items: Vec<(Option<String>, &'static str, Origin)> = match node.value {
            Value::List(items) => items
                .into_iter()
                .map(|n| match n.value {
                    Value::Text(s) => (Some(s), "", n.origin),
                    other => (None, other.kind(), n.origin),
                })
                .collect(),
            Value::Text(s) if node.layer > Layer::File => s
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(|s| (Some(s.to_owned()), "", node.origin.clone()))
                .collect(),
            _ => {
                self.wrong_type(&key, &node, &list_form);
                return Some(Vec::new());
            }
        };
        let mut out = Vec::new();
        for (i, (text, kind, origin)) in items.into_iter().enumerate() {
            let key = format!("{key}[{i}]");
            match text.map(|t| parse(&t)) {
                Some(Ok(value)) => out.push(Found { value, key, origin, layer: node.layer }),
                Some(Err(what)) => self.wrong(origin, &key, what, form),
                None => self.wrong(origin, &key, format!("is {kind}"), form),
            }
        }
        let shown = out.iter().map(|f| shown(&f.value)).collect::<Vec<_>>().join(", ");
        self.show(&key, shown, &node.origin);
        Some(out)
    }

    /// A table; an absent one reads as empty.
    pub(super) fn section(&mut self, section: &mut Section, name: &str) -> Section {
        let path = section.key(name);
        let node = self.take(section, name);
        match node {
            Some(Node { value: Value::Table(table), origin, .. }) => Section { path, origin: Some(origin), table },
            Some(node) => {
                self.wrong_type(&path, &node, "a table of keys");
                Section { path, origin: Some(node.origin), table: RawTable::new() }
            }
            None => Section { path, origin: None, table: RawTable::new() },
        }
    }

    /// An array of tables; only a file can spell one.
    pub(super) fn sections(&mut self, section: &mut Section, name: &str) -> Option<Vec<Section>> {
        let path = section.key(name);
        let node = self.take(section, name)?;
        let items = match node.value {
            Value::List(items) => items,
            _ if node.layer > Layer::File => {
                self.wrong(node.origin, &path, "is a list of tables and cannot be set here", "it in the file alone");
                return Some(Vec::new());
            }
            _ => {
                self.wrong_type(&path, &node, "a list of tables");
                return Some(Vec::new());
            }
        };
        let mut out = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{i}]");
            match item.value {
                Value::Table(table) => out.push(Section { path, origin: Some(item.origin), table }),
                other => self.wrong(item.origin, &path, format!("is {}", other.kind()), "a table"),
            }
        }
        Some(out)
    }

    /// Everything that is left in a section is unknown.
    pub(super) fn finish(&mut self, section: Section) {
        for (name, node) in section.table {
            let key = if section.path.is_empty() { name } else { format!("{}.{name}", section.path) };
            // A table that came from the environment has the origin of one of its keys: name each of them.
            match node.value {
                Value::Table(inner) if node.layer > Layer::File => {
                    self.finish(Section { path: key, origin: None, table: inner });
                }
                // Written by another version: what it means, that version alone knows.
                _ if node.layer == Layer::InForce => {}
                _ => self.unknown.push((key, node.origin)),
            }
        }
    }

    /// Turns the unknown keys into problems, with what was probably meant. Called once, when all is read.
    pub(super) fn report_unknown(&mut self) {
        for (key, origin) in std::mem::take(&mut self.unknown) {
            let meant = nearest(&key, &self.asked);
            let from_names = matches!(origin, Origin::Env(_) | Origin::DotEnv(..));
            let mut problem = ConfigProblem::new(origin, key, "is not a key of the configuration", "");
            problem.meant = meant.map(|m| if from_names { env_name(&m) } else { m });
            self.problems.push(problem);
        }
    }
}

/// The known key nearest to `key`: one of the same table, else one anywhere that is spelled almost the same, else one of the
/// same name in another table.
fn nearest(key: &str, asked: &BTreeSet<String>) -> Option<String> {
    let split =
        |k: &str| k.rsplit_once('.').map_or((String::new(), k.to_owned()), |(p, n)| (p.to_owned(), n.to_owned()));
    let (parent, name) = split(key);
    let public = || asked.iter().filter(|k| !k.contains('<'));
    let close = |a: &str, b: &str| {
        let distance = strsim::damerau_levenshtein(a, b);
        (distance <= 2.max(b.chars().count() / 3)).then_some(distance)
    };
    public()
        .filter(|k| split(k).0 == parent)
        .filter_map(|k| close(&name, &split(k).1).map(|d| (d, k)))
        .min()
        .or_else(|| public().filter_map(|k| close(key, k).map(|d| (d, k))).min())
        .map(|(_, k)| k.clone())
        .or_else(|| public().find(|k| split(k).1 == name).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_of_the_same_table_first() {
        let asked: BTreeSet<String> =
            ["server.listen", "sandbox.listen", "delivery.settle", "store"].map(str::to_owned).into();
        for (key, want) in [
            ("server.lisen", Some("server.listen")),
            ("sandbox.listne", Some("sandbox.listen")),
            ("sever.listen", Some("server.listen")),
            ("settle", Some("delivery.settle")),
            ("stor", Some("store")),
            ("nonsense", None),
        ] {
            assert_eq!(nearest(key, &asked).as_deref(), want, "{key}");
        }
    }
}
