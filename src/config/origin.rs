//! Where a setting came from, and what is wrong with one: the words in which configuration errors are told.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the value of a key came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The embedded `default.toml`, or a default that is worked out (the store's place).
    Default,
    /// A preset of `[airtable]`, by its name.
    Preset(&'static str),
    /// The configuration file: its path and the line, counted from 1.
    File(PathBuf, usize),
    /// An environment variable, by its name.
    Env(String),
    /// The `.env` file in the working directory: its path and the line, counted from 1.
    DotEnv(PathBuf, usize),
    /// A command-line flag.
    Flag,
    /// Put in place by test mode, so that nothing leaves the machine.
    TestMode,
    /// The settings in force, by their number.
    InForce(i64),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File(path, line) | Self::DotEnv(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
            Self::TestMode => f.write_str("test mode"),
            Self::InForce(number) => write!(f, "settings in force ({number})"),
        }
    }
}

/// The directory from which a relative path is meant: the file's own for what a file says, so that a configuration means
/// the same from every working directory; the working directory for flags and environment.
pub(super) fn resolve(cwd: &Path, origin: &Origin, path: &str) -> PathBuf {
    match origin {
        Origin::File(file, _) => cwd.join(file).parent().unwrap_or(cwd).join(path),
        _ => cwd.join(path),
    }
}

/// What may be given where, from the weakest to the strongest. A plain name (`PORT`) yields to `DISPATCHCTL_*` of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Default,
    File,
    /// What the store keeps; below what a process brings itself.
    InForce,
    DotEnvPlain,
    DotEnv,
    EnvPlain,
    Env,
    Flag,
}

/// One thing that is wrong with the configuration. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where it stands; `None` where something is missing altogether.
    pub at: Option<Origin>,
    /// The dotted key, like `contacts[0].phone`; empty where a file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// The form that is accepted; empty where `what` says it all.
    pub form: String,
    /// The key that was probably meant, as it is written in that place.
    pub meant: Option<String>,
}

impl ConfigProblem {
    pub(super) fn new(
        at: impl Into<Option<Origin>>,
        key: impl Into<String>,
        what: impl Into<String>,
        form: impl Into<String>,
    ) -> Self {
        Self { at: at.into(), key: key.into(), what: what.into(), form: form.into(), meant: None }
    }

    /// For a file as a whole.
    pub(super) fn boxed(at: impl Into<Option<Origin>>, key: &str, what: impl Into<String>, form: &str) -> Box<Self> {
        Box::new(Self::new(at, key, what, form))
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", in_one_line(&self.key))?;
        }
        f.write_str(&in_one_line(&self.what))?;
        if !self.form.is_empty() {
            write!(f, "; expected {}", self.form)?;
        }
        if let Some(meant) = &self.meant {
            write!(f, "; did you mean `{meant}`?")?;
        }
        Ok(())
    }
}

/// Control characters, which a quoted key may hold, as they would be typed.
fn in_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Everything that is wrong with the configuration, found in one pass. `Display` prints one problem a line. Exit code 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
