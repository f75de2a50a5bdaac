//! `[store]`: where the store is, and how many copies of it are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::env::Sources;
use super::origin::{Layer, Origin, resolve};
use super::read::{Reader, Section};
use super::store_server::{ServerUrl, is_server, parse_server, server};
use super::store_types::StoreLocation;
use super::test_mode::TestMode;

/// A copy a day for a year.
const BACKUPS_MAX: u32 = 366;
const DAY: Duration = Duration::from_secs(86_400);
const RETENTION_MAX: Duration = Duration::from_secs(36_500 * 86_400);
const RETENTION_FORM: &str = "a time of a day or more like \"365d\", or \"\" to keep everything";
const FORM: &str = "sqlite:PATH, a path, or postgres://user@host/database";

/// What `store.url` says.
enum Place {
    File(PathBuf),
    Server(ServerUrl),
}

pub(super) fn store(
    r: &mut Reader,
    root: &mut Section,
    test: &mut TestMode,
    sources: &Sources,
) -> (Option<StoreLocation>, usize, Option<Duration>) {
    let mut s = r.section(root, "store");
    let location = location(r, &mut s, test, sources);
    let backups = r.integer(&mut s, "backups", 0..=BACKUPS_MAX).map_or(0, |f| f.value);
    let retention = retention(r, &mut s);
    r.finish(s);
    (location, usize::try_from(backups).unwrap_or_default(), retention)
}

/// Whether a key of this name says where the store is, and not how it is kept.
pub(super) fn is_of_place(key: &str) -> bool {
    key.starts_with("store.") && !matches!(key, "store.backups" | "store.retention")
}

/// How long calls that are over keep their names; `None`: for ever.
fn retention(r: &mut Reader, s: &mut Section) -> Option<Duration> {
    let found =
        r.parsed(s, "retention", RETENTION_FORM, retention_of, |d| format!("{}d", d.as_secs() / DAY.as_secs()))?;
    Some(found.value)
}

/// Reads how long a call that is over keeps what it says of people, for flags too: whole days, and more than a year of them if need be.
///
/// # Errors
/// Nothing, less than a day, or what is no time.
pub fn retention_of(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let days =
        text.strip_suffix('d').and_then(|n| n.parse::<u64>().ok()).map(|n| DAY.checked_mul(u32::try_from(n).ok()?));
    let time = match days {
        Some(time) => {
            time.filter(|t| *t <= RETENTION_MAX).ok_or_else(|| "is longer than a hundred years".to_owned())?
        }
        None => super::forms::parse_duration(text)?,
    };
    if time < DAY {
        return Err("is under a day: a receipt or a reply that comes late would find nothing".into());
    }
    Ok(time)
}

fn location(r: &mut Reader, s: &mut Section, test: &mut TestMode, sources: &Sources) -> Option<StoreLocation> {
    let found = r.parsed(s, "url", FORM, parse_store, shown);
    let broken = r.problems.iter().any(|p| p.key == "store.url");
    let kept = found.filter(|f| {
        let kept = !test.on || f.layer >= Layer::EnvPlain;
        if !kept {
            test.say(f, "the store of test mode");
        }
        kept
    });
    let default = default_place(test, sources);
    let url = match kept {
        Some(f) => match f.value {
            Place::Server(url) => {
                let beside = default.map_or_else(|| sources.cwd.join("dispatchctl.db"), |(path, _)| path);
                let found = super::read::Found { value: url, key: f.key, origin: f.origin, layer: f.layer };
                return server(r, s, found, test, beside).map(StoreLocation::Postgres);
            }
            Place::File(path) => Some((resolve(&sources.cwd, &f.origin, &path.to_string_lossy()), f.origin)),
        },
        None if broken => None,
        None if default.is_none() => {
            let what = "has no default here: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set";
            r.wrong(None, "store.url", what, FORM);
            None
        }
        None => default,
    };
    super::store_server::unused(r, s);
    let (path, origin) = url?;
    r.show("store.url", format!("sqlite:{}", path.display()), &origin);
    Some(StoreLocation::Sqlite(path))
}

fn shown(place: &Place) -> String {
    match place {
        Place::File(path) => format!("sqlite:{}", path.display()),
        Place::Server(url) => url.text.clone(),
    }
}

/// Where the store is where nobody says it.
fn default_place(test: &TestMode, sources: &Sources) -> Option<(PathBuf, Origin)> {
    let (name, origin) = match test.on {
        true => ("dispatchctl.test.db", Origin::TestMode),
        false => ("dispatchctl.db", Origin::Default),
    };
    Some((state_directory(sources)?.join(name), origin))
}

/// systemd's directory (the first, where it made several), else the user's.
fn state_directory(sources: &Sources) -> Option<PathBuf> {
    let systemd = sources.env("STATE_DIRECTORY").and_then(|d| d.split(':').next()).filter(|d| !d.is_empty());
    let directory = match (systemd, sources.env("XDG_STATE_HOME"), sources.env("HOME")) {
        (Some(directory), ..) => PathBuf::from(directory),
        (_, Some(xdg), _) => Path::new(xdg).join("dispatchctl"),
        (.., Some(home)) => Path::new(home).join(".local/state/dispatchctl"),
        _ => return None,
    };
    Some(sources.cwd.join(directory))
}

/// The error never echoes the text: a database URL may hold a password.
fn parse_store(s: &str) -> Result<Place, String> {
    if is_server(s) {
        return parse_server(s).map(Place::Server);
    }
    let path = s.strip_prefix("sqlite:").unwrap_or(s);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains("://") {
        return Err("is not a kind of store".into());
    }
    if path.trim().is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err("names no file".into());
    }
    if path == ":memory:" {
        return Err("is lost with the process: a store must be a file".into());
    }
    Ok(Place::File(PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_whole_days_or_a_time_of_a_day_or_more() {
        for (text, days) in [("1d", 1), (" 365d", 365), ("1095d", 1_095), ("24h", 1), ("36500d", 36_500)] {
            assert_eq!(retention_of(text).map(|t| t.as_secs() / DAY.as_secs()), Ok(days), "{text}");
        }
        for bad in ["0s", "0d", "23h", "-1d", "", "soon", "36501d", "99999999999999999999d", "1w"] {
            assert!(retention_of(bad).is_err(), "{bad}");
        }
    }
}
