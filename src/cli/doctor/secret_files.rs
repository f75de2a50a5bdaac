//! Who may read the files in which secrets stand.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::config::StoreLocation;
use crate::domain::count::counted_usize;
use crate::domain::database::Password;

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
    // It is read at each connection, not with the configuration.
    if let StoreLocation::Postgres(server) = &app.config.store
        && let Password::File(file) = server.url.password()
    {
        keys.entry(file.as_path()).or_default().push("store.password_file");
    }
    judge(&keys, f);
}

/// `keys`: of each file, which settings are read from it.
fn judge(keys: &BTreeMap<&Path, Vec<&str>>, f: &mut Findings) {
    let mut is_well = !keys.is_empty();
    for (file, keys) in keys {
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
        let files = counted_usize(keys.len(), "file");
        f.ok("secret files", format!("{files}: only those who need to may read them"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_named_with_its_setting() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("db-password");
        std::fs::write(&file, "hush").expect("written");
        for (mode, status, words) in [(0o600, "ok", "1 file: only"), (0o644, "warn", "holds store.password_file")] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode");
            let mut f = Findings::of("config");
            judge(&BTreeMap::from([(file.as_path(), vec!["store.password_file"])]), &mut f);
            assert_eq!(f.all.len(), 1, "{:?}", f.all);
            assert!(f.all[0].status.as_str() == status && f.all[0].what.contains(words), "{:?}", f.all);
        }
    }
}
