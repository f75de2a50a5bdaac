//! Copies of a store whose file is gone from its place: made from the file that is still open, beside the place, open to
//! whom the store was open to, whole and on the disk before they have their name; and put in the place of a store that is not there at the next start.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tracing::warn;

use super::file::{FileId, OpenFiles, beside, cannot_open, is_there, lock_path, private_file, sync_directory};
use crate::store::{Place, StoreError};

/// What a copy's name has behind the store's; the time of the loss follows.
const RESCUED: &str = ".rescued-";
/// What one has behind that whose loss is over: it is never put in the store's place again.
const OVER: &str = ".over";
/// What one that is not whole yet has behind that.
const PART: &str = ".part";
/// SQLite's files beside the store's own.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// Who makes a store holds its lock file for a moment; so long one waits for another who does.
const TURN_MAX: u32 = 100;
const TURN_PAUSE: Duration = Duration::from_millis(20);

/// Writes the whole store, as one moment saw it, to a copy beside its place, and says where; `lost` is part of the name, and
/// an older copy of that name is replaced once the new one is on the disk. Its directory is made again where it is gone.
/// Blocks; nobody who writes waits for it.
///
/// # Errors
/// [`StoreError::Full`] and its kin: the older copy is as it was.
pub(super) fn write(conn: &Connection, store: &Path, files: &OpenFiles, lost: &str) -> Result<PathBuf, StoreError> {
    let copy = beside(store, &format!("{RESCUED}{}", lost.replace([':', '.', '-'], "")));
    let part = beside(&copy, PART);
    let io = |e: io::Error| StoreError::Full { what: format!("{}: {e}", part.display()) };
    if let Some(dir) = copy.parent().filter(|d| !d.as_os_str().is_empty()) {
        private_dir(dir).map_err(io)?;
    }
    match fs::remove_file(&part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io(e)),
        _ => private_file(&part).map_err(io)?,
    }
    let mut target = Connection::open(&part)?;
    match Backup::new(conn, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(StoreError::Busy),
    }
    target.close().map_err(|(_, e)| StoreError::from(e))?;
    super::backup::doubt(&part, "it goes on from a copy that was made when its file was lost")?;
    let durable = || -> io::Result<()> {
        if let Some(own) = files.metadata() {
            open_to_the_same(&part, &own)?;
        }
        File::open(&part)?.sync_all()?;
        fs::rename(&part, &copy)?;
        sync_directory(&copy)
    };
    durable().map_err(io)?;
    if matches!(files.place(store), Place::Replaced(_)) {
        take_log_away(store, &files.log);
    }
    Ok(copy)
}

/// Whoever may open the store may open its copy, which takes its place one day: the group that works with it is not kept out.
/// Only root gives a file to another owner; a group that this process is not in stays without it, and without its rights.
pub(super) fn open_to_the_same(copy: &Path, store: &Metadata) -> io::Result<()> {
    let owner = chown(copy, Some(store.uid()), Some(store.gid()));
    let group = owner.or_else(|_| chown(copy, None, Some(store.gid())));
    let mode = store.mode() & if group.is_ok() { 0o777 } else { 0o700 };
    fs::set_permissions(copy, Permissions::from_mode(mode))
}

/// Takes the names of our own log away where another file lies at the store's place: SQLite would take it for that file's.
/// They stay open, and what is in them is in the copy.
fn take_log_away(store: &Path, own: &[Option<FileId>; 2]) {
    for (end, own) in BESIDE.iter().zip(own) {
        let name = beside(store, end);
        if own.is_some() && FileId::at(&name).ok().flatten() == *own {
            drop(fs::remove_file(name));
        }
    }
}

/// A directory that only its owner may look into, with those above it that are missing.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The newest whole copy beside the place of this store.
pub(super) fn newest(store: &Path) -> Option<PathBuf> {
    let dir = store.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let start = format!("{}{RESCUED}", store.file_name()?.to_str()?);
    let names = fs::read_dir(dir).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|n| n.starts_with(&start) && !n.ends_with(PART) && !n.ends_with(OVER)).max().map(|n| dir.join(n))
}

/// Every copy of a loss, whatever became of it.
pub(super) fn all(store: &Path) -> Vec<PathBuf> {
    let dir = store.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = store.file_name().and_then(|n| n.to_str()) else { return Vec::new() };
    let start = format!("{name}{RESCUED}");
    let names = fs::read_dir(dir).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|n| n.starts_with(&start)).map(|n| dir.join(n)).collect()
}

/// The file is in its place again: the copies of its loss are kept under names by which no start takes them.
///
/// # Errors
/// What the file system says; a copy may still have its name.
pub(super) fn set_quarantined(store: &Path) -> io::Result<()> {
    while let Some(copy) = newest(store) {
        fs::rename(&copy, beside(&copy, OVER))?;
    }
    Ok(())
}

/// Makes the file of a store that is not there: from the newest copy that an engine wrote when it lost the file, else empty.
/// One process does it at a time.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        private_dir(dir).map_err(|e| cannot_open(path, e))?;
    }
    let turn = File::options().read(true).write(true).create(true).truncate(false).open(lock_path(path));
    let turn = turn.map_err(|e| cannot_open(path, e))?;
    let mut tries = 0;
    while let Err(e) = turn.try_lock() {
        match e {
            fs::TryLockError::WouldBlock if tries < TURN_MAX => std::thread::sleep(TURN_PAUSE),
            fs::TryLockError::WouldBlock => return Err(StoreError::Busy),
            fs::TryLockError::Error(e) => return Err(cannot_open(path, e)),
        }
        tries += 1;
    }
    let made = match is_there(path) {
        Ok(true) => Ok(()),
        Ok(false) => make_in_turn(path).map_err(|e| cannot_open(path, e)),
        Err(e) => Err(e),
    };
    drop(turn.unlock());
    made
}

fn make_in_turn(path: &Path) -> io::Result<()> {
    let Some(copy) = newest(path) else { return private_file(path) };
    // The log of the file that was lost is no log of the copy.
    for end in BESIDE {
        match fs::remove_file(beside(path, end)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::rename(&copy, path)?;
    warn!(
        copy = %copy.display(),
        "the store was not there: the copy that the last engine kept when it lost the file is put in its place"
    );
    Ok(())
}
