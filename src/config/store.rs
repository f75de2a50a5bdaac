//! `[store]`: where the store is, and how many copies of it are kept.

use std::path::{Path, PathBuf};

use super::env::Sources;
use super::origin::{Layer, Origin, resolve};
use super::read::{Reader, Section};
use super::test_mode::TestMode;
use super::types::StoreLocation;

/// A copy a day for a year.
const BACKUPS_MAX: u32 = 366;

pub(super) fn store(
    r: &mut Reader,
    root: &mut Section,
    test: &mut TestMode,
    sources: &Sources,
) -> (Option<StoreLocation>, usize) {
    let mut s = r.section(root, "store");
    let location = location(r, &mut s, test, sources);
    let backups = r.integer(&mut s, "backups", 0..=BACKUPS_MAX).map_or(0, |f| f.value);
    r.finish(s);
    (location, usize::try_from(backups).unwrap_or_default())
}

fn location(r: &mut Reader, s: &mut Section, test: &mut TestMode, sources: &Sources) -> Option<StoreLocation> {
    let form = "sqlite:PATH or a path";
    let found = r.parsed(s, "url", form, parse_store, |path| format!("sqlite:{}", path.display()));
    let broken = r.problems.iter().any(|p| p.key == "store.url");
    let kept = found.filter(|f| {
        let kept = !test.on || f.layer >= Layer::EnvPlain;
        if !kept {
            test.say(f, "the store of test mode");
        }
        kept
    });
    let (path, origin) = match kept {
        Some(f) => (resolve(&sources.cwd, &f.origin, &f.value.to_string_lossy()), f.origin),
        None if broken => return None,
        None => {
            let (name, origin) = match test.on {
                true => ("dispatchctl.test.db", Origin::TestMode),
                false => ("dispatchctl.db", Origin::Default),
            };
            let Some(directory) = state_directory(sources) else {
                let what = "has no default here: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set";
                r.wrong(None, "store.url", what, form);
                return None;
            };
            (directory.join(name), origin)
        }
    };
    r.show("store.url", format!("sqlite:{}", path.display()), &origin);
    Some(StoreLocation::Sqlite(path))
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
fn parse_store(s: &str) -> Result<PathBuf, String> {
    let lower = s.to_ascii_lowercase();
    if lower.starts_with("postgres:") || lower.starts_with("postgresql:") {
        return Err("PostgreSQL is not supported yet, it comes later".into());
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
    Ok(PathBuf::from(path))
}
