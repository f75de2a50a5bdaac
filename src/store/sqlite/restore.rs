//! A copy takes the place of a store.
//!
//! The copy is first made whole beside the place, verified and on the disk; it carries a doubt about what was written after it, so that
//! the engine asks the provider before it sends. Then the store that is there gets a second name, by which it stays, and the new one
//! takes its name. At each moment the name leads to a whole store: the old one until the rename, the new one from then on. A crash
//! leaves a `.restoring.part` file, or a second name of the old store, and restoring again begins anew.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OpenFlags};

use super::backup::{self, remove_if_there};
use super::counted::{compare, count, open_alone};
use super::export::rename_to_nothing;
use super::file::{
    FileId, FileLock, beside, cannot_open, free_beside, is_there, private_file, real_path, sync_directory,
};
use super::heal::{RESTORING, alone, keep};
use super::lease::FileLease;
use super::{open, rescue};
use crate::failpoint;
use crate::store::{Counted, LeaseError, Overwrite, Restored, StoreError, StoreMode, StoreSettings};

/// What the store that was there has behind its name; the time follows.
const REPLACED: &str = ".replaced-";
const BESIDE: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// See [`crate::store::restore`]. Blocks.
pub(in crate::store) fn restore(options: &StoreSettings, from: &Path, over: Overwrite) -> Result<Restored, LeaseError> {
    let path = &real_path(options.path());
    let options = &StoreSettings { location: path.as_path().into(), ..options.clone() };
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        rescue::private_dir(dir).map_err(|e| cannot_open(path, e))?;
    }
    let mut lease = FileLease::take_place(path, "store restore")?;
    let there = is_there(path)?;
    let source = Source::open(options, from, path)?;
    if there && over == Overwrite::Refuse {
        return Err(StoreError::Exists { path: path.clone() }.into());
    }
    failpoint::opened(options.mode == StoreMode::Test).map_err(|e| cannot_open(path, e))?;
    let part = Part::new(path)?;
    let counted = source.copy_to(&part, path)?;
    failpoint::hit("restore.copied");
    let mut old = there.then(|| Old::keep(options, path)).transpose()?;
    failpoint::hit("restore.kept");
    let io = |e: io::Error| not_written(path, &e);
    // The engine's lock is on the file: the new one has it before anybody can see it.
    let lock = FileLock::take(&part.0).map_err(io)?.ok_or(StoreError::Busy)?;
    if let Some(old) = &mut old {
        fs::rename(&part.0, path).map_err(io)?;
        old.is_replaced = true;
    } else {
        // The log of a file that is gone is no log of this one.
        put_aside(path, "-wal").map_err(io)?;
        remove_if_there(&beside(path, "-shm")).map_err(io)?;
        rename_to_nothing(&part.0, path)?;
    }
    lease.moves_to(lock);
    sync_directory(path).map_err(io)?;
    failpoint::hit("restore.placed");
    let kept = old.map(|old| old.name.clone());
    if let Some(kept) = &kept {
        // It is nobody's store any more, and holds people's numbers.
        fs::set_permissions(kept, Permissions::from_mode(0o600)).map_err(io)?;
    }
    Ok(Restored { counted, kept })
}

fn not_written(file: &Path, e: &io::Error) -> StoreError {
    StoreError::Full { what: format!("{}: {e}", file.display()) }
}

/// The copy that is restored, open for reading.
struct Source(Connection);

impl Source {
    /// # Errors
    /// It is no copy of a store of this mode that this program knows, or a store in use.
    fn open(options: &StoreSettings, from: &Path, store: &Path) -> Result<Self, StoreError> {
        if !is_there(from)? {
            return Err(cannot_open(from, "there is no such file"));
        }
        let real = real_path(from);
        let wrong = |what: &str| StoreError::WrongFile { path: from.to_owned(), what: what.to_owned() };
        if FileId::at(&real).ok().flatten().is_some_and(|id| FileId::at(store).ok().flatten() == Some(id)) {
            return Err(wrong("it is the store itself"));
        }
        if FileLock::is_held(&real).unwrap_or(false) {
            return Err(wrong("an engine works on it: make a copy of it with `dispatchctl store backup FILE`"));
        }
        // Who has copied a store's file by hand may have copied its log too.
        let has_log = fs::metadata(beside(&real, "-wal")).is_ok_and(|m| m.len() > 0);
        let conn = if has_log {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(&real, flags)?
        } else {
            open_alone(&real)?
        };
        let settings = StoreSettings { location: real.as_path().into(), create: false, ..options.clone() };
        open::recognised(&conn, &settings)?;
        conn.execute_batch("BEGIN")?;
        Ok(Self(conn))
    }

    /// Fills the part: whole, checked, as open as the store, on the disk.
    fn copy_to(&self, part: &Part, store: &Path) -> Result<Counted, StoreError> {
        let io = |e: io::Error| not_written(&part.0, &e);
        let free = free_beside(store).1.map_err(io)?;
        backup::room_for(backup::size_of(&self.0)?, backup::SPARE, free)?;
        private_file(&part.0).map_err(io)?;
        backup::copy_pages(&self.0, &part.0, &AtomicBool::new(false))?;
        backup::doubt(&part.0, "it was restored from a copy of that time")?;
        backup::verify_whole(&part.0)?;
        let counted = count(&open_alone(&part.0)?)?;
        compare(&count(&self.0)?, &counted)?;
        if let Ok(own) = fs::metadata(store) {
            rescue::open_to_the_same(&part.0, &own).map_err(io)?;
        }
        fs::File::open(&part.0).and_then(|file| file.sync_all()).map_err(io)?;
        Ok(counted)
    }
}

/// The file that becomes the store; removed with this value, which finds nothing once it has the store's name.
struct Part(PathBuf);

impl Part {
    fn new(store: &Path) -> Result<Self, StoreError> {
        let part = Self(beside(store, RESTORING));
        part.remove().map_err(|e| not_written(&part.0, &e))?;
        Ok(part)
    }

    fn remove(&self) -> io::Result<()> {
        BESIDE.iter().try_for_each(|end| remove_if_there(&beside(&self.0, end)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.remove());
    }
}

/// The store that was there, under its second name.
struct Old {
    name: PathBuf,
    /// Nobody else reads or writes it while this lives; `None`: it could not be opened as a store.
    _alone: Option<Connection>,
    /// The names of its logs, and those that they have now; they get the first back unless the store is replaced.
    moved: Vec<(PathBuf, PathBuf)>,
    is_replaced: bool,
}

impl Old {
    /// What is in its log is moved into it first; where that cannot be, because it is damaged or none of ours, its log is kept beside
    /// it.
    ///
    /// # Errors
    /// A store that is whole and cannot be kept away from others now, as on a full disk, stays as it is.
    fn keep(options: &StoreSettings, path: &Path) -> Result<Self, StoreError> {
        let io = |e: io::Error| not_written(path, &e);
        let alone = match alone(options) {
            Ok(conn) => Some(conn),
            Err(e) if is_of_no_store(&e) => None,
            Err(e) => return Err(e),
        };
        let is_whole = alone.is_some();
        let name = keep(path, REPLACED).map_err(io)?;
        let mut old = Self { name, _alone: alone, moved: Vec::new(), is_replaced: false };
        if !is_whole {
            for end in ["-wal", "-journal"] {
                let (from, to) = (beside(path, end), beside(&old.name, end));
                match fs::rename(&from, &to) {
                    Ok(()) => {
                        old.moved.push((from, to));
                        failpoint::hit("restore.log-moved");
                    }
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(io(e)),
                }
            }
            remove_if_there(&beside(path, "-shm")).map_err(io)?;
        }
        Ok(old)
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        if !self.is_replaced {
            for (was, is) in &self.moved {
                drop(fs::rename(is, was));
            }
        }
    }
}

/// Whether it says that the file is damaged or no database at all; a full disk or a failed read says nothing of what is in it.
fn is_of_no_store(e: &StoreError) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match e {
        StoreError::Corrupt { .. } => true,
        StoreError::Open { source, .. } => source
            .downcast_ref::<rusqlite::Error>()
            .and_then(rusqlite::Error::sqlite_error_code)
            .is_some_and(|code| matches!(code, NotADatabase | DatabaseCorrupt)),
        _ => false,
    }
}

/// Gives what lies beside a store that is not there a name of its own.
fn put_aside(path: &Path, end: &str) -> io::Result<()> {
    let left = beside(path, end);
    if fs::metadata(&left).is_ok_and(|m| m.len() > 0) {
        return fs::rename(&left, beside(path, &format!("{REPLACED}left{end}")));
    }
    remove_if_there(&left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_store_that_is_not_replaced_stays_beside_it() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s.db");
        let moved = (beside(&path, "-wal"), beside(&path, ".replaced-1-wal"));
        for is_replaced in [true, false] {
            fs::write(&moved.1, "what it has in its log").expect("written");
            drop(Old { name: path.clone(), _alone: None, moved: vec![moved.clone()], is_replaced });
            assert_eq!((moved.0.exists(), moved.1.exists()), (!is_replaced, is_replaced));
        }
    }

    #[test]
    fn a_full_disk_or_a_failed_read_is_no_damage() {
        let failed = |code: i32| {
            let of = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            [StoreError::from(of()), cannot_open(Path::new("s.db"), of())]
        };
        for (code, is_damage) in [
            (rusqlite::ffi::SQLITE_NOTADB, true),
            (rusqlite::ffi::SQLITE_CORRUPT, true),
            (rusqlite::ffi::SQLITE_FULL, false),
            (rusqlite::ffi::SQLITE_IOERR_READ, false),
            (rusqlite::ffi::SQLITE_IOERR_FSYNC, false),
            (rusqlite::ffi::SQLITE_CANTOPEN, false),
            (rusqlite::ffi::SQLITE_BUSY, false),
        ] {
            for e in failed(code) {
                assert_eq!(is_of_no_store(&e), is_damage, "{code}: {e}");
            }
        }
    }
}
