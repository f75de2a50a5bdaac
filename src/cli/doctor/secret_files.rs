//! Who may read the files in which secrets stand.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::super::app::App;
use super::finding::Findings;

/// Everybody else may read, or write.
const OTHERS: u32 = 0o006;
/// The group may write.
const GROUP_WRITES: u32 = 0o020;

pub(super) fn check(app: &App, f: &mut Findings) {
    let mut keys: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
    for (key, file) in &app.config.secret_files {
        keys.entry(file.as_path()).or_default().push(key);
    }
    let mut is_well = !keys.is_empty();
    for (file, keys) in &keys {
        // One that is gone meanwhile has been read: whether it can be read again is told where it is read.
        let Ok(mode) = std::fs::metadata(file).map(|m| m.permissions().mode()) else { continue };
        if mode & (OTHERS | GROUP_WRITES) == 0 {
            continue;
        }
        is_well = false;
        let what = format!(
            "{} holds {} and its mode is {:03o}: every user of this machine may read it, or may change it",
            file.display(),
            keys.join(", "),
            mode & 0o777
        );
        let next = format!("`chmod 600 {}` (640, where a group of its own reads it)", file.display());
        f.warn("secret files", what, next);
    }
    if is_well {
        f.ok("secret files", format!("{} files: only those who need to may read them", keys.len()));
    }
}
