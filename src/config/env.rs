//! Everything that reaches configuration from outside the file: flags, the environment, `.env`. The only module of the
//! crate that reads the process's environment, and it does so in [`Sources::from_process`] alone.

use std::path::{Path, PathBuf};

use super::file::read_text;
use super::origin::{ConfigProblem, Layer, Origin};
use super::raw::{RawTable, insert, overlay};

/// What configuration is made from. Tests fill it by hand, so that no test depends on the machine's environment.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`.
    pub flag_config: Option<PathBuf>,
    /// `--store`: `sqlite:PATH` or a path.
    pub flag_store: Option<String>,
    /// `--test-mode`.
    pub flag_test_mode: bool,
    /// Other flags as (dotted key, value), e.g. (`server.listen`, `127.0.0.1:0`). Never a secret.
    pub flags: Vec<(String, String)>,
    /// The process's environment.
    pub env: Vec<(String, String)>,
    /// The working directory: `.env` and relative paths of flags and environment are looked for here.
    pub cwd: PathBuf,
    /// The file that is read when no other is found.
    pub system_config: PathBuf,
}

/// The words of the environment for a drill, as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill<'a> {
    /// `NAME[:NTH]`: where to die.
    pub failpoint: Option<&'a str>,
    /// Names, separated by commas: the guards to take away.
    pub safeguards_off: Option<&'a str>,
    /// A URL on this machine that is told of alerts, as test mode has no sinks.
    pub sink: Option<&'a str>,
}

/// Names that start with the prefix and are no keys.
const NOT_KEYS: &[&str] = &["DISPATCHCTL_CONFIG", FAILPOINT, SAFEGUARDS_OFF, DRILL_SINK, TEST_POSTGRES, TEST_BROWSER];
/// What a drill on a test store asks for.
const FAILPOINT: &str = "DISPATCHCTL_FAILPOINT";
/// Where the tests of the program find a PostgreSQL server; a shell that has it for them runs the program too.
const TEST_POSTGRES: &str = "DISPATCHCTL_TEST_POSTGRES";
/// Whether the tests of the office's page must find a browser.
const TEST_BROWSER: &str = "DISPATCHCTL_TEST_BROWSER";
const SAFEGUARDS_OFF: &str = "DISPATCHCTL_SAFEGUARDS_OFF";
const DRILL_SINK: &str = "DISPATCHCTL_DRILL_SINK";
/// What a key's name in the environment starts with.
const PREFIX: &str = "DISPATCHCTL_";
/// More than any `.env` needs.
const DOT_ENV_BYTES_MAX: u64 = 1 << 20;

/// Deeper than any key lies; keeps the walks over the tree off the stack's end.
const DEPTH_MAX: usize = 16;

/// The names that operators already have, and of secrets those of their files. `PORT` sets the port of `server.listen`.
const PLAIN_NAMES: &[(&str, &[&str])] = &[
    ("TWILIO_ACCOUNT_SID", &["twilio", "account_sid"]),
    ("TWILIO_AUTH_TOKEN", &["twilio", "auth_token"]),
    ("TWILIO_AUTH_TOKEN_FILE", &["twilio", "auth_token_file"]),
    ("TWILIO_API_KEY", &["twilio", "api_key"]),
    ("TWILIO_API_SECRET", &["twilio", "api_secret"]),
    ("TWILIO_API_SECRET_FILE", &["twilio", "api_secret_file"]),
    ("TWILIO_PHONE_NUMBER", &["twilio", "from"]),
    ("TWILIO_MESSAGING_SERVICE_SID", &["twilio", "messaging_service_sid"]),
    ("AIRTABLE_API_KEY", &["airtable", "token"]),
    ("AIRTABLE_API_KEY_FILE", &["airtable", "token_file"]),
    ("AIRTABLE_BASE_ID", &["airtable", "base_id"]),
    ("TEST_MODE", &["test_mode"]),
    ("PORT", &["server", PORT_KEY]),
];

/// Where `PORT` is kept in the tree: a name that no file can spell by accident and that is taken out when `listen` is read.
pub(super) const PORT_KEY: &str = "<PORT>";

impl std::fmt::Debug for Sources {
    /// Without the environment, which holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("flag_config", &self.flag_config)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Whether a flag or the environment asks for test mode, before anything else is read.
    pub fn asks_for_test_mode(&self) -> bool {
        let on = |v: &str| matches!(v.trim().to_lowercase().as_str(), "1" | "true" | "yes" | "on");
        self.flag_test_mode || ["DISPATCHCTL_TEST_MODE", "TEST_MODE"].iter().find_map(|n| self.env(n)).is_some_and(on)
    }

    /// Reads the process's environment and working directory. Bytes that are not UTF-8 become U+FFFD, which no key accepts
    /// where it matters.
    pub fn from_process(
        flag_config: Option<PathBuf>,
        flag_store: Option<String>,
        flag_test_mode: bool,
        flags: Vec<(String, String)>,
    ) -> Self {
        let env = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        Self {
            flag_config,
            flag_store,
            flag_test_mode,
            flags,
            env,
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            system_config: PathBuf::from("/etc/dispatchctl/config.toml"),
        }
    }

    /// What the process's environment asks of a drill on a test store; files are not read for it.
    pub fn fault_injection(&self) -> Drill<'_> {
        Drill { failpoint: self.env(FAILPOINT), safeguards_off: self.env(SAFEGUARDS_OFF), sink: self.env(DRILL_SINK) }
    }

    /// A variable that is set and not empty.
    pub(super) fn env(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

/// The name of whoever runs this process, as the environment tells it; else as the system's list of users does; else the number.
pub fn user_name() -> Option<String> {
    let set = |n: &&str| std::env::var(n).ok().filter(|n| !n.trim().is_empty());
    ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(set).or_else(|| {
        let uid = rustix::process::getuid().as_raw();
        let users = super::file::read_text(Path::new("/etc/passwd"), USERS_BYTES_MAX).unwrap_or_default();
        Some(user_of(&users, uid).unwrap_or_else(|| format!("uid {uid}")))
    })
}

/// More than any list of users needs.
const USERS_BYTES_MAX: u64 = 1 << 20;

/// The name that passwd(5) gives to a number.
fn user_of(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let named = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    };
    users.lines().find_map(named)
}

/// The value of `TZ` where it names no time zone that this machine knows: times are then shown in UTC.
pub fn unknown_time_zone() -> Option<String> {
    let value = std::env::var("TZ").ok().filter(|v| !v.is_empty())?;
    (!is_time_zone(value.strip_prefix(':').unwrap_or(&value))).then_some(value)
}

/// A name of the time zone database, a POSIX rule, or a file of one.
fn is_time_zone(value: &str) -> bool {
    let is_file = Path::new(value).is_absolute() && Path::new(value).is_file();
    is_file || jiff::tz::TimeZone::get(value).is_ok() || jiff::tz::TimeZone::posix(value).is_ok()
}

/// Where the service manager is told how this process is.
pub fn notify_socket() -> Option<std::ffi::OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|v| !v.is_empty())
}

/// Whether `NO_COLOR` asks for plain text.
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// One line of `.env`.
#[derive(PartialEq, Eq)]
pub(super) struct DotEnvEntry {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// Reads `.env` of the working directory; none is fine.
pub(super) fn dot_env(cwd: &Path, problems: &mut Vec<ConfigProblem>) -> Vec<DotEnvEntry> {
    let path = PathBuf::from(".env");
    let text = match read_text(&cwd.join(&path), DOT_ENV_BYTES_MAX) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        // A directory of that name is somebody's virtual environment.
        Err(e) if e.kind() == std::io::ErrorKind::IsADirectory => return Vec::new(),
        Err(e) => {
            problems.push(ConfigProblem::new(None, "", format!("cannot read .env: {e}"), "lines of KEY=VALUE"));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(&text).lines().enumerate() {
        let origin = Origin::DotEnv(path.clone(), index.saturating_add(1));
        match dot_env_line(line) {
            Ok(Some((name, value))) => entries.push(DotEnvEntry { name, value, origin }),
            Ok(None) => {}
            Err(what) => problems.push(ConfigProblem::new(origin, "", what, "KEY=VALUE, KEY='VALUE' or KEY=\"VALUE\"")),
        }
    }
    entries
}

/// `KEY=VALUE`, `export KEY=VALUE`, quotes, comments. The error never echoes the line, which may hold a secret.
fn dot_env_line(line: &str) -> Result<Option<(String, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, rest) = line.split_once('=').ok_or("has no `=`")?;
    let name = name.trim();
    let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.is_empty();
    if !valid || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the name before `=` is not one of letters, digits and underscores");
    }
    let rest = rest.trim_start();
    let (value, tail) = if let Some(quoted) = rest.strip_prefix('\'') {
        let (value, tail) = quoted.split_once('\'').ok_or("the single quote is not closed on this line")?;
        (value.to_owned(), tail)
    } else if let Some(quoted) = rest.strip_prefix('"') {
        double_quoted(quoted)?
    } else {
        // A comment starts at a `#` that follows a blank: `pass#word` is a value.
        let end = rest.char_indices().find(|&(i, c)| {
            c == '#' && rest.get(..i).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
        });
        let value = end.and_then(|(i, _)| rest.get(..i)).unwrap_or(rest);
        (value.trim_end().to_owned(), "")
    };
    let tail = tail.trim_start();
    if !tail.is_empty() && !tail.starts_with('#') {
        return Err("something follows the closing quote");
    }
    Ok(Some((name.to_owned(), value)))
}

fn double_quoted(quoted: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('"' | '\\' | '$' | '\'')) => value.push(c),
                _ => return Err("has an escape other than \\n \\t \\r \\\" \\\\ \\$"),
            },
            c => value.push(c),
        }
    }
    Err("the double quote is not closed on this line")
}

/// The name of a key in the environment: `server.listen` is `DISPATCHCTL_SERVER__LISTEN`.
pub(super) fn env_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// Lays environment variables (or the lines of `.env`) on top of `root`, the plain names first.
pub(super) fn lay_names(
    root: &mut RawTable,
    names: &[(&str, &str, Origin)],
    plain: Layer,
    prefixed: Layer,
    problems: &mut Vec<ConfigProblem>,
) {
    let mut below = RawTable::new();
    let mut above = RawTable::new();
    for (name, value, origin) in names {
        if let Some((_, path)) = PLAIN_NAMES.iter().find(|(n, _)| n == name) {
            // An empty plain name is how container tools say "not set". Their entrypoints read the file of a secret and leave its
            // name beside the secret: that counts.
            let has_value = |of: &str| names.iter().any(|(n, v, _)| *n == of && !v.trim().is_empty());
            let is_read_already = name.strip_suffix("_FILE").is_some_and(has_value);
            if !value.trim().is_empty() && !is_read_already {
                lay_one(&mut below, path, value, origin, plain, problems);
            }
        } else if let Some(path) = name.strip_prefix(PREFIX)
            && !NOT_KEYS.contains(name)
        {
            let path = path.to_lowercase();
            let path: Vec<&str> = path.split("__").collect();
            lay_one(&mut above, &path, value, origin, prefixed, problems);
        }
    }
    overlay(root, below, "");
    overlay(root, above, "");
}

/// Lays flags on top of `root`.
pub(super) fn lay_flags(root: &mut RawTable, sources: &Sources, problems: &mut Vec<ConfigProblem>) {
    let mut flags = RawTable::new();
    for (key, value) in &sources.flags {
        let path: Vec<&str> = key.split('.').collect();
        lay_one(&mut flags, &path, value, &Origin::Flag, Layer::Flag, problems);
    }
    if let Some(store) = &sources.flag_store {
        lay_one(&mut flags, &["store", "url"], store, &Origin::Flag, Layer::Flag, problems);
    }
    if sources.flag_test_mode {
        lay_one(&mut flags, &["test_mode"], "true", &Origin::Flag, Layer::Flag, problems);
    }
    overlay(root, flags, "");
}

fn lay_one(
    table: &mut RawTable,
    path: &[&str],
    value: &str,
    origin: &Origin,
    layer: Layer,
    problems: &mut Vec<ConfigProblem>,
) {
    if path.len() > DEPTH_MAX {
        let what = "is not a key of the configuration";
        problems.push(ConfigProblem::new(origin.clone(), "", what, format!("at most {DEPTH_MAX} levels")));
    } else if insert(table, path, value.to_owned(), origin, layer).is_err() {
        let key = path.join(".");
        problems.push(ConfigProblem::new(
            origin.clone(),
            key,
            "is set as a value and as a table of values at once",
            "one of the two",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_in_what_passwd_5_says() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nodd line\n:x:7:7::/:\ndana:x:1000:1000:Dana,,,:/home/dana:/bin/zsh\n";
        for (uid, name) in [(0, Some("root")), (1000, Some("dana")), (100, None), (7, None)] {
            assert_eq!(user_of(users, uid).as_deref(), name, "{uid}");
        }
        for (value, known) in [
            ("America/Los_Angeles", true),
            ("UTC", true),
            ("CET-1CEST,M3.5.0,M10.5.0/3", true),
            ("Mars/Base", false),
            ("/no/such/file", false),
        ] {
            assert_eq!(is_time_zone(value), known, "{value}");
        }
    }

    #[test]
    fn lines_of_dot_env_are_read_as_shells_write_them() {
        for (line, want) in [
            ("", Ok(None)),
            ("  # comment", Ok(None)),
            ("A=b", Ok(Some(("A", "b")))),
            ("export A=b", Ok(Some(("A", "b")))),
            ("A = b c  ", Ok(Some(("A", "b c")))),
            ("A=b # comment", Ok(Some(("A", "b")))),
            ("A=# comment", Ok(Some(("A", "")))),
            ("A=pass#word", Ok(Some(("A", "pass#word")))),
            ("A='x # y' # z", Ok(Some(("A", "x # y")))),
            (r#"A="x\"y\n" "#, Ok(Some(("A", "x\"y\n")))),
            ("A=", Ok(Some(("A", "")))),
            ("A=é=é", Ok(Some(("A", "é=é")))),
            ("secret", Err(())),
            ("=secret", Err(())),
            ("1A=secret", Err(())),
            ("A B=secret", Err(())),
            ("A='secret", Err(())),
            ("A=\"secret", Err(())),
            ("A=\"sec\\qret\"", Err(())),
            ("A='b' secret", Err(())),
        ] {
            let got = dot_env_line(line);
            let want = want.map(|o| o.map(|(a, b): (&str, &str)| (a.to_owned(), b.to_owned())));
            assert_eq!(got.map_err(|_| ()), want, "{line:?}");
            assert!(!dot_env_line(line).is_err_and(|e| e.contains("secret")), "{line:?}");
        }
    }
}
