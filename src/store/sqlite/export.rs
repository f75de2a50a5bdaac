//! A copy of the whole store at a place that a person names: made while others read and write, opened and counted before it has its
//! name. A crash in the middle leaves `FILE.part`, which nobody takes for a copy and the next one to the same place begins anew; what
//! was at the place before is there until the rename.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use super::backup::{self, remove_if_there};
use super::counted::{compare, count, open_alone};
use super::file::{FileId, FileLock, beside, free_beside, real_path, sync_directory};
use crate::failpoint;
use crate::store::{Counted, Overwrite, StoreError};

/// What a copy has behind its name until it is whole.
const PART: &str = ".part";
/// What stays free on a disk that is not the store's own.
const SPARE_ELSEWHERE: u64 = 1 << 20;
/// Why whoever puts it in the store's place asks the provider first.
const DOUBT: &str = "it was restored from a copy of that time";

/// Writes, verifies and names a copy of what `conn` shows in its transaction. Blocks, also in pauses; ends early where `stopped` says
/// so.
///
/// # Errors
/// See [`Upkeep::copy_to`](crate::store::Upkeep::copy_to).
pub(super) fn write(
    conn: &Connection,
    store: &Path,
    file: &Path,
    over: Overwrite,
    stopped: &AtomicBool,
) -> Result<Counted, StoreError> {
    let file = &real_path_of_new(file);
    refuse(store, file, over)?;
    let part = Part::take(file)?;
    let spare = if on_one_disk(store, file) { backup::SPARE } else { SPARE_ELSEWHERE };
    let free = free_beside(file).1.map_err(|e| not_written(file, &e))?;
    backup::room_for(backup::size_of(conn)?, spare, free)?;
    backup::copy_pages(conn, &part.path, stopped)?;
    backup::doubt(&part.path, DOUBT)?;
    failpoint::hit("backup.copied");
    backup::verify(&part.path)?;
    let counted = count(&open_alone(&part.path)?)?;
    compare(&count(conn)?, &counted)?;
    part.becomes(file, over)?;
    Ok(counted)
}

fn not_written(file: &Path, e: &io::Error) -> StoreError {
    StoreError::Full { what: format!("{}: {e}", file.display()) }
}

/// The directory may be reached by links; the name itself is taken as it is.
fn real_path_of_new(file: &Path) -> PathBuf {
    match (
        file.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize(),
        file.file_name(),
    ) {
        (Ok(dir), Some(name)) => dir.join(name),
        _ => file.to_owned(),
    }
}

/// Whether nothing may be written there.
fn refuse(store: &Path, file: &Path, over: Overwrite) -> Result<(), StoreError> {
    let wrong = |what: &str| Err(StoreError::WrongFile { path: file.to_owned(), what: what.to_owned() });
    let own = store.file_name().map(|n| n.as_encoded_bytes()).unwrap_or_default();
    let begins_so = file.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(own));
    if file.parent() == store.parent() && begins_so {
        return wrong("names that begin with the store's own are the store's: choose another name or directory");
    }
    match fs::symlink_metadata(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return no_log_beside(file),
        Err(e) => return Err(not_written(file, &e)),
        Ok(m) if m.is_dir() => return wrong("it is a directory: name a file in it"),
        Ok(m) if !m.is_file() && !m.is_symlink() => return wrong("it is no file"),
        Ok(_) => {}
    }
    if FileId::at(file).ok().flatten().is_some_and(|id| FileId::at(store).ok().flatten() == Some(id)) {
        return wrong("it is the store itself");
    }
    if over == Overwrite::Refuse {
        return Err(StoreError::Exists { path: file.to_owned() });
    }
    if FileLock::is_held(&real_path(file)).unwrap_or(false) {
        return wrong("an engine works on it");
    }
    no_log_beside(file)
}

/// SQLite takes a log that lies beside a file for that file's own, whoever wrote it: one of a file that is gone would be played back
/// over the copy. An empty one goes; what has something in it is a person's to look at.
fn no_log_beside(file: &Path) -> Result<(), StoreError> {
    for end in ["-wal", "-journal"] {
        let log = beside(file, end);
        match fs::symlink_metadata(&log) {
            Ok(m) if m.len() > 0 => {
                let what = format!(
                    "the log of another file of that name lies beside it: move {} away, or choose another name",
                    log.display()
                );
                return Err(StoreError::WrongFile { path: file.to_owned(), what });
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(not_written(&log, &e)),
        }
    }
    Ok(())
}

/// Empty ones are nobody's. The file itself is given away in a moment: nobody's work is on it.
fn remove_empty_logs(file: &Path) -> Result<(), StoreError> {
    no_log_beside(file)?;
    for end in ["-wal", "-journal", "-shm"] {
        remove_if_there(&beside(file, end)).map_err(|e| not_written(file, &e))?;
    }
    Ok(())
}

fn on_one_disk(store: &Path, file: &Path) -> bool {
    let device = |path: &Path| {
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::os::unix::fs::MetadataExt::dev(&fs::metadata(dir).ok()?).into()
    };
    let (one, other): (Option<u64>, Option<u64>) = (device(store), device(file));
    one.is_none() || one == other
}

/// The file that becomes the copy; removed with this value unless it got its name.
struct Part {
    path: PathBuf,
    /// Held so that two copies to one place do not write into each other. Closed only after SQLite's own descriptors of the file.
    file: File,
    named: bool,
}

impl Part {
    /// An empty private file, where nobody else writes one to this place now.
    fn take(file: &Path) -> Result<Self, StoreError> {
        let path = beside(file, PART);
        let io = |e: io::Error| not_written(&path, &e);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        // What somebody else has laid there leads nowhere.
        options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
        let opened = options.open(&path).map_err(io)?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = "another copy is being written there now".to_owned();
                return Err(StoreError::WrongFile { path: file.to_owned(), what });
            }
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        let part = Self { path, file: opened, named: false };
        part.begin().map_err(|e| not_written(&part.path, &e))?;
        Ok(part)
    }

    /// A crash may have left half a copy in it.
    fn begin(&self) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        for end in ["-journal", "-wal", "-shm"] {
            remove_if_there(&beside(&self.path, end))?;
        }
        self.file.set_len(0)
    }

    /// From here on it counts, also after a power cut.
    fn becomes(mut self, file: &Path, over: Overwrite) -> Result<(), StoreError> {
        let io = |e: io::Error| not_written(file, &e);
        self.file.sync_all().map_err(io)?;
        failpoint::hit("backup.verified");
        remove_empty_logs(file)?;
        match over {
            Overwrite::Replace => fs::rename(&self.path, file).map_err(io)?,
            Overwrite::Refuse => rename_to_nothing(&self.path, file)?,
        }
        self.named = true;
        sync_directory(file).map_err(io)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.named {
            for end in ["", "-journal", "-wal", "-shm"] {
                drop(remove_if_there(&beside(&self.path, end)));
            }
        }
    }
}

/// Gives a file a name that nobody has, also where somebody else makes a file of that name at the same moment.
///
/// # Errors
/// [`StoreError::Exists`]: somebody has it.
pub(super) fn rename_to_nothing(from: &Path, to: &Path) -> Result<(), StoreError> {
    let exists = || StoreError::Exists { path: to.to_owned() };
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(exists()),
        // A file system that cannot: a look must do.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            if to.symlink_metadata().is_ok() {
                return Err(exists());
            }
            fs::rename(from, to).map_err(|e| not_written(to, &e))
        }
        Err(e) => Err(not_written(to, &e.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_copy_gets_its_name_beside_the_log_of_another_file() {
        let dir = tempfile::tempdir().expect("dir");
        let (store, file) = (dir.path().join("s.db"), dir.path().join("copy.db"));
        for end in ["-wal", "-journal"] {
            let log = beside(&file, end);
            fs::write(&log, "").expect("written");
            refuse(&store, &file, Overwrite::Refuse).expect("an empty one is nobody's");
            fs::write(&log, "frames").expect("written");
            for over in [Overwrite::Refuse, Overwrite::Replace] {
                let refused = refuse(&store, &file, over).expect_err("it would be played back");
                assert!(matches!(refused, StoreError::WrongFile { .. }), "{refused:?}");
                let part = Part::take(&file).expect("a part");
                part.becomes(&file, over).expect_err("it may have come meanwhile");
                assert!(!file.exists() && log.exists());
            }
            fs::write(&log, "").expect("emptied");
            let part = Part::take(&file).expect("a part");
            part.becomes(&file, Overwrite::Refuse).expect("named");
            assert!(file.exists() && !log.exists());
            fs::remove_file(&file).expect("removed");
        }
    }
}
