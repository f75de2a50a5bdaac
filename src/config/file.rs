//! The configuration file: where it is looked for, and how its TOML becomes a tree that knows its lines.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::env::Sources;
use super::origin::{ConfigProblem, Layer, Origin};
use super::raw::{Node, RawTable, Value};

/// More than any configuration needs; keeps a wrong path (a device, a database) from filling memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Lines of a broken file that are left out before the rest is given up.
const BROKEN_LINES_MAX: usize = 32;

/// A file that could not be read as text; the message never holds its content.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, std::io::Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(std::io::Error::other(format!("is larger than {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("is not UTF-8"))
}

/// Finds and reads the file: `--config`, else `DISPATCHCTL_CONFIG`, `./dispatchctl.toml`, the user's, the system's. A named
/// one must exist; of the others the first that exists counts, and one that cannot be read is a problem, not skipped.
pub(super) fn load(
    sources: &Sources,
    named_by_dot_env: Option<(String, Origin)>,
) -> Result<LocatedFile, Box<ConfigProblem>> {
    let named = match &sources.flag_config {
        Some(path) => Some((path.clone(), Origin::Flag)),
        None => sources
            .env("DISPATCHCTL_CONFIG")
            .map(|p| (p.to_owned(), Origin::Env("DISPATCHCTL_CONFIG".into())))
            .or(named_by_dot_env)
            .map(|(path, origin)| (PathBuf::from(path), origin)),
    };
    if let Some((path, origin)) = named {
        return match read_text(&sources.cwd.join(&path), FILE_BYTES_MAX) {
            Ok(text) => Ok(Some((path, text))),
            Err(e) => {
                Err(ConfigProblem::boxed(origin, "", format!("cannot read {}: {e}", path.display()), "a TOML file"))
            }
        };
    }
    let user = sources
        .env("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| sources.env("HOME").map(|home| Path::new(home).join(".config")))
        .map(|dir| dir.join("dispatchctl/config.toml"));
    let places = [Some(PathBuf::from("dispatchctl.toml")), user, Some(sources.system_config.clone())];
    for path in places.into_iter().flatten() {
        match read_text(&sources.cwd.join(&path), FILE_BYTES_MAX) {
            Ok(text) => return Ok(Some((path, text))),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(e) => {
                return Err(ConfigProblem::boxed(
                    None,
                    "",
                    format!("cannot read {}: {e}", path.display()),
                    "a TOML file",
                ));
            }
        }
    }
    Ok(None)
}

/// The file's path, as it was named, and its text.
pub(super) type LocatedFile = Option<(PathBuf, String)>;

/// Reads TOML. `path` is `None` for the embedded defaults.
///
/// # Errors
/// The first syntax error with its line; the parser's own rendering is not used, as it quotes the source, secrets and all.
pub(super) fn parse(text: &str, path: Option<&Path>) -> Result<RawTable, Box<ConfigProblem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let at = SettingPlace { text, path };
    let document = Document::parse(text).map_err(|e| {
        ConfigProblem::boxed(
            at.origin(e.span()),
            "",
            format!("not valid TOML: {}", e.message()),
            "TOML 1.0, like key = \"value\"",
        )
    })?;
    Ok(at.table(document.as_table()))
}

/// As much of a file as can be read: a line in which the parser stops is left out. For finding the store alone; a value of a
/// broken file decides nothing.
pub(super) fn parse_what_can_be_read(text: &str, path: &Path) -> RawTable {
    let mut lines: Vec<&str> = text.lines().collect();
    for _ in 0..BROKEN_LINES_MAX {
        match parse(&lines.join("\n"), Some(path)).map_err(|problem| problem.at) {
            Ok(table) => return table,
            Err(Some(Origin::File(_, line))) => match lines.get_mut(line.saturating_sub(1)) {
                Some(broken) if !broken.is_empty() => *broken = "",
                _ => break,
            },
            Err(_) => break,
        }
    }
    RawTable::new()
}

struct SettingPlace<'a> {
    text: &'a str,
    path: Option<&'a Path>,
}

impl SettingPlace<'_> {
    fn origin(&self, span: Option<std::ops::Range<usize>>) -> Origin {
        let Some(path) = self.path else { return Origin::Default };
        let before = span.and_then(|s| self.text.get(..s.start)).unwrap_or("");
        Origin::File(path.to_owned(), before.matches('\n').count().saturating_add(1))
    }

    fn layer(&self) -> Layer {
        if self.path.is_some() { Layer::File } else { Layer::Default }
    }

    fn table(&self, table: &dyn TableLike) -> RawTable {
        let mut out = RawTable::new();
        for (name, item) in table.iter() {
            let span = table.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| item.span());
            if let Some(node) = self.item(item, span) {
                out.insert(name.to_owned(), node);
            }
        }
        out
    }

    fn item(&self, item: &Item, span: Option<std::ops::Range<usize>>) -> Option<Node> {
        let value = match item {
            Item::None => return None,
            Item::Value(value) => self.value(value),
            Item::Table(table) => Value::Table(self.table(table)),
            Item::ArrayOfTables(tables) => Value::List(
                tables
                    .iter()
                    .map(|t| Node {
                        value: Value::Table(self.table(t)),
                        origin: self.origin(t.span()),
                        layer: self.layer(),
                    })
                    .collect(),
            ),
        };
        Some(Node { value, origin: self.origin(span), layer: self.layer() })
    }

    fn value(&self, value: &toml_edit::Value) -> Value {
        match value {
            toml_edit::Value::String(s) => Value::Text(s.value().clone()),
            toml_edit::Value::Integer(i) => Value::Integer(*i.value()),
            toml_edit::Value::Float(f) => Value::Number(*f.value()),
            toml_edit::Value::Boolean(b) => Value::Bool(*b.value()),
            toml_edit::Value::Datetime(_) => Value::Other("a date"),
            toml_edit::Value::Array(list) => Value::List(
                list.iter()
                    .map(|v| Node { value: self.value(v), origin: self.origin(v.span()), layer: self.layer() })
                    .collect(),
            ),
            toml_edit::Value::InlineTable(table) => Value::Table(self.table(table)),
        }
    }
}
