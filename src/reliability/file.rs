//! From the keys of a scenario file to its types. A derived reader stops at the first mistake; here what is wrong is noted and
//! taken out, and the rest is read again, so that a person sees every mistake at once.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use toml_edit::Document;

use super::lines::Lines;
use super::values::near;

/// What is wrong with a scenario file, one problem an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioErrors(pub Vec<String>);

impl std::fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ScenarioErrors {}

/// What keys must be there say.
const FORMS: &[(&str, &str)] = &[
    ("attempt", "which attempt, counted from 1"),
    ("body", "what they write"),
    ("call", "a call's id, like \"c1\""),
    ("contact", "a contact, or a number"),
    ("end", "the name of what was started beside"),
    ("fault", "a few words that name what goes wrong"),
    ("from", "a contact, or a number"),
    ("is", "a state, or a list of them"),
    ("name", "\"well\", \"dead\", \"hanging\" or \"slow\""),
    ("title", "one sentence that says what must hold"),
];

/// A file that is being read.
pub(super) struct File {
    name: String,
    pub(super) lines: Lines,
    /// With the line of each.
    problems: Vec<(usize, String)>,
    /// Keys whose values were wrong and are gone.
    erased: BTreeSet<String>,
}

impl File {
    /// Reads a file's text; `name` names it in messages.
    ///
    /// # Errors
    /// It is no TOML.
    pub(super) fn open(name: &str, text: &str) -> Result<(Self, Map<String, Value>), ScenarioErrors> {
        let not_toml = |e: &toml_edit::TomlError| {
            let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ScenarioErrors(vec![format!("{name}:{line}: not valid TOML: {}", e.message().trim())])
        };
        let document = Document::parse(text).map_err(|e| not_toml(&e))?;
        let lines = Lines::of(&document);
        let file = Self { name: name.to_owned(), lines, problems: Vec::new(), erased: BTreeSet::new() };
        let root = toml_edit::de::from_document(document.into_mut());
        let root = root.map_err(|e| ScenarioErrors(vec![format!("{name}: {}", e.message())]))?;
        Ok((file, root))
    }

    /// Notes what is wrong with a key.
    pub(super) fn wrong(&mut self, key: &str, what: &str) {
        let line = self.lines.find(key).unwrap_or(1);
        self.problems.push((line, format!("{}:{line}: {key}: {what}", self.name)));
    }

    /// Everything that was wrong, in the order of its lines, or `value`.
    ///
    /// # Errors
    /// Something was.
    pub(super) fn close<T>(mut self, value: Option<T>) -> Result<T, ScenarioErrors> {
        self.problems.sort_by_key(|(line, _)| *line);
        let problems: Vec<String> = self.problems.into_iter().map(|(_, what)| what).collect();
        value.filter(|_| problems.is_empty()).ok_or(ScenarioErrors(problems))
    }

    /// What these keys say, without what is wrong in them; `None` where nothing is left.
    pub(super) fn read<T: DeserializeOwned>(&mut self, keys: Map<String, Value>) -> Option<T> {
        let mut tree = Value::Object(keys);
        loop {
            let error = match serde_path_to_error::deserialize(&tree) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let mut at = segments(error.path());
            let said = error.inner().to_string();
            if let Some(name) = quoted(&said, "missing field ") {
                let key = join(&shown(&at), name);
                if !self.erased.contains(&key) && !node(&tree, &at).is_none_or(Value::is_null) {
                    self.wrong(&key, &missing(name));
                }
            } else if let Some(name) = quoted(&said, "unknown field ") {
                if shown(&at).rsplit('.').next() != Some(name) {
                    at.push(Segment::Map { key: name.to_owned() });
                }
                self.wrong(&shown(&at), &unknown(name, &said));
            } else if !node(&tree, &at).is_some_and(Value::is_null) {
                self.wrong(&shown(&at), &plain(&said));
            }
            let erased = erase(&mut tree, &mut at);
            self.erased.insert(shown(&at));
            if !erased {
                return None;
            }
        }
    }
}

fn segments(path: &Path) -> Vec<Segment> {
    path.iter().filter(|s| !matches!(s, Segment::Unknown)).cloned().collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A place as the file has it: what an action is named by is no table of its own there.
fn shown(at: &[Segment]) -> String {
    at.iter().fold(String::new(), |path, segment| match segment {
        Segment::Seq { index } => format!("{path}[{index}]"),
        Segment::Map { key } => join(&path, key),
        Segment::Enum { .. } | Segment::Unknown => path,
    })
}

fn step<'a>(tree: &'a Value, segment: &Segment) -> Option<&'a Value> {
    match segment {
        Segment::Seq { index } => tree.get(index),
        Segment::Map { key } | Segment::Enum { variant: key } => tree.get(key),
        Segment::Unknown => None,
    }
}

fn node<'a>(tree: &'a Value, at: &[Segment]) -> Option<&'a Value> {
    at.iter().try_fold(tree, step)
}

/// Takes out what stands at this place, or the nearest thing above it that can go; `at` is its place then. An item of a list
/// becomes null, so that the others keep their numbers; a null goes with its list.
fn erase(tree: &mut Value, at: &mut Vec<Segment>) -> bool {
    while let Some(last) = at.last() {
        let above = at.get(..at.len() - 1).unwrap_or_default();
        let parent = above.iter().try_fold(&mut *tree, |tree, segment| match segment {
            Segment::Seq { index } => tree.get_mut(index),
            Segment::Map { key } | Segment::Enum { variant: key } => tree.get_mut(key),
            Segment::Unknown => None,
        });
        let is_gone = match (parent, last) {
            (Some(Value::Array(items)), Segment::Seq { index }) => {
                items.get_mut(*index).filter(|item| !item.is_null()).map(Value::take).is_some()
            }
            (Some(Value::Object(keys)), Segment::Map { key }) => keys.shift_remove(key).is_some(),
            _ => false,
        };
        if is_gone {
            return true;
        }
        at.pop();
    }
    false
}

/// The first name in backquotes, behind these words at the start.
fn quoted<'a>(said: &'a str, start: &str) -> Option<&'a str> {
    said.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// All names in backquotes behind `expected`.
fn allowed(said: &str) -> Vec<&str> {
    said.split_once(", expected ").map(|(_, names)| names.split('`').skip(1).step_by(2).collect()).unwrap_or_default()
}

fn missing(name: &str) -> String {
    let form = FORMS.iter().find(|(key, _)| *key == name).map(|(_, form)| format!("; expected {form}"));
    format!("is missing{}", form.unwrap_or_default())
}

fn unknown(name: &str, said: &str) -> String {
    let mut known = allowed(said);
    let near = near(known.iter().copied(), name).map(|k| format!("; did you mean `{k}`?")).unwrap_or_default();
    known.sort_unstable();
    format!("is not known here{near}; expected one of {}", known.join(", "))
}

/// What a derived reader says, in the words of the other messages.
fn plain(said: &str) -> String {
    if let Some(name) = quoted(said, "unknown variant ") {
        let known = allowed(said);
        let near = near(known.iter().copied(), name).map(|k| format!("; did you mean \"{k}\"?")).unwrap_or_default();
        let known: Vec<String> = known.iter().map(|k| format!("\"{k}\"")).collect();
        return format!("\"{name}\" is not one{near}; expected one of {}", known.join(", "));
    }
    let found = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "));
    let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return said.to_owned();
    };
    let kind = match found.split(' ').next().unwrap_or_default() {
        "integer" if said.starts_with("invalid value") => found.split('`').nth(1).unwrap_or(found),
        "integer" => "an integer",
        "floating" => "a number",
        "string" => "a text",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => found,
    };
    let expected = match expected.split(' ').next().unwrap_or_default() {
        "a" if expected == "a string" => "a text",
        "a" if expected == "a boolean" => "true or false",
        "a" if expected == "a sequence" => "a list",
        "a" if expected == "a map" => "a table of keys",
        "struct" | "internally" => "a table of keys",
        "i64" | "i32" => "an integer",
        "u64" | "u32" | "usize" | "u16" => "an integer from 0",
        "f64" => "a number",
        _ => expected,
    };
    format!("is {kind}; expected {expected}")
}
