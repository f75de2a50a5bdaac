//! The store's file as the operating system knows it: which file a name leads to, the lock of the one engine on the file
//! itself, and whether this name is the one that the file is used by.
//!
//! Two facts of SQLite decide the shape. Its write-ahead log lies beside the *name* by which a file is opened: opened by two
//! names (a hard link, a bind mount), one file has two logs, and what is committed in one is lost to the other. And its own
//! locks are POSIX locks, which the system drops when the process closes *any* descriptor of the file
//! (<https://www.sqlite.org/howtocorrupt.html> §2.2). So a descriptor that is opened here is never closed while the process
//! lives, not even once its lock is released; what can be found out by `stat` is found out by `stat`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{heal, open};
use crate::store::{Place, StoreError};

/// On Linux `flock` knows nothing of POSIX locks, so both may be held on one file. Elsewhere the system counts them
/// together: SQLite would wait for ever, and the lock file beside the store must do alone.
const APART_FROM_SQLITE: bool = cfg!(target_os = "linux");
/// A link to a link to a link; more are a ring.
const LINKS_MAX: usize = 16;
/// A look at two locks is no snapshot of both: what is odd is looked at again this often, with this pause.
const LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// Which file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(m: &Metadata) -> Self {
        Self { device: m.dev(), inode: m.ino() }
    }

    /// That of an open file.
    ///
    /// # Errors
    /// What `fstat` says.
    pub(super) fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|m| Self::of(&m))
    }

    /// The file that this name leads to; `None`: there is none.
    ///
    /// # Errors
    /// What `stat` says other than that it is not there.
    pub(super) fn at(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(m) => Ok(Some(Self::of(&m))),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// The name of a store without symbolic links, also where there is no file yet: beside it lie its log and its lock file.
pub(super) fn real_path(path: &Path) -> PathBuf {
    let mut at = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        if let Ok(real) = at.canonicalize() {
            return real;
        }
        // Not there: the directory may be, or a link leads to what is not made yet.
        let dir = at.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
        match std::fs::read_link(&at) {
            Ok(target) => at = dir.join(target),
            Err(_) => {
                let (Ok(dir), Some(name)) = (dir.canonicalize(), at.file_name()) else { return at };
                return dir.join(name);
            }
        }
    }
    at
}

/// The error of who cannot open the file.
pub(super) fn cannot_open(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Open { path: path.to_owned(), source: source.into() }
}

/// A name beside this one.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A new, empty file that only its owner can read: it will hold people's numbers.
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map(drop)
}

/// A file's name as SQLite takes options behind it.
pub(super) fn uri(path: &Path) -> Result<url::Url, StoreError> {
    let whole = std::path::absolute(path).map_err(|e| cannot_open(path, e))?;
    url::Url::from_file_path(whole).map_err(|()| cannot_open(path, "its name cannot be written as a URL"))
}

/// A file's new name is on the disk once its directory is.
pub(super) fn sync_directory(file: &Path) -> io::Result<()> {
    file.parent().filter(|d| !d.as_os_str().is_empty()).map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// The directory of this file, and the bytes that this user may still write to its file system. Where its directory is still to be made, that of the
/// nearest one above it counts.
pub(super) fn free_beside(file: &Path) -> (&Path, io::Result<u64>) {
    let there = file.ancestors().skip(1).find(|p| p.as_os_str().is_empty() || p.exists());
    let there = there.filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = rustix::fs::statvfs(there).map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    (there, free.map_err(io::Error::from))
}

/// Every descriptor of a store's file that this process ever opened here. None is ever closed.
static OPENED: Mutex<BTreeMap<FileId, Opened>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
struct Opened {
    file: File,
    held: bool,
    spare: Vec<File>,
}

/// Works on the one descriptor of the file at `path`, which is opened where that was not done before.
fn with_opened<T>(path: &Path, work: impl FnOnce(FileId, &mut Opened) -> io::Result<T>) -> io::Result<T> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = FileId::at(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    if let Some(one) = opened.get_mut(&known) {
        return work(known, one);
    }
    // A network's file system gives an exclusive lock only to who may write.
    let file = OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path))?;
    let id = FileId::of_open(&file)?;
    match opened.entry(id) {
        Entry::Vacant(free) => work(id, free.insert(Opened { file, held: false, spare: Vec::new() })),
        Entry::Occupied(known) => {
            // The name led to another file a moment ago.
            let known = known.into_mut();
            known.spare.push(file);
            work(id, known)
        }
    }
}

/// The engine's lock on a store's file: held for as long as this value lives, by whatever name the file is reached. It dies
/// with its process.
#[derive(Debug)]
pub(super) struct FileLock(FileId);

impl FileLock {
    /// Takes it at once; `None`: it is held, by this process or another.
    ///
    /// # Errors
    /// The file is not there, or its file system gives no locks.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        with_opened(path, |id, opened| {
            if opened.held {
                return Ok(None);
            }
            match if APART_FROM_SQLITE { opened.file.try_lock() } else { Ok(()) } {
                Ok(()) => opened.held = true,
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(e),
            }
            Ok(Some(Self(id)))
        })
    }

    /// Whether it is held by anybody. A look takes a shared lock in passing, so one look never disturbs another.
    ///
    /// # Errors
    /// As [`FileLock::take`].
    pub(super) fn is_held(path: &Path) -> io::Result<bool> {
        with_opened(path, |_, opened| {
            if opened.held || !APART_FROM_SQLITE {
                return Ok(opened.held);
            }
            match opened.file.try_lock_shared() {
                Ok(()) => opened.file.unlock().map(|()| false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(e)) => Err(e),
            }
        })
    }

    /// Whether this process holds it.
    pub(super) fn is_own(path: &Path) -> bool {
        let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        FileId::at(path).ok().flatten().and_then(|id| opened.get(&id)).is_some_and(|o| o.held)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(opened) = OPENED.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&self.0) {
            opened.held = false;
            drop(opened.file.unlock());
        }
    }
}

/// The files that a store has open, as they were when it was opened: its own, its log, the index of that.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenFiles {
    main: FileId,
    pub(super) log: [Option<FileId>; 2],
}

impl OpenFiles {
    /// Those at this name now.
    ///
    /// # Errors
    /// What `stat` says; the file is not there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let main = FileId::at(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Self { main, log: [FileId::at(&beside(path, "-wal"))?, FileId::at(&beside(path, "-shm"))?] })
    }

    /// Whether the name still leads to them: three looks at the file system. What cannot be looked at is taken for there: no
    /// store is given up for an error of a moment.
    pub(super) fn place(&self, path: &Path) -> Place {
        match FileId::at(path) {
            Ok(None) => return Place::Gone(format!("the store's file {} is gone", path.display())),
            Ok(Some(id)) if id != self.main => {
                return Place::Replaced(format!("another file is in the place of the store {}", path.display()));
            }
            Ok(Some(_)) | Err(_) => {}
        }
        for (end, own) in ["-wal", "-shm"].iter().zip(self.log) {
            let name = beside(path, end);
            if let (Some(own), Ok(now)) = (own, FileId::at(&name))
                && now != Some(own)
            {
                let what = if now.is_none() { "is gone" } else { "was replaced" };
                return Place::Gone(format!("the store's log {} {what}", name.display()));
            }
        }
        Place::Here
    }
}

impl OpenFiles {
    /// Whether the name leads to the store's own file, whatever became of its log: that goes and comes with connections.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        FileId::at(path).ok().flatten() == Some(self.main)
    }

    /// Owner, group and mode of the store's own file as they are now, also where it has no name any more; `None`: this process
    /// holds no descriptor of it.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(&self.main)?.file.metadata().ok()
    }

    /// Whether another engine holds what is in their place.
    pub(super) fn is_taken(&self, path: &Path) -> bool {
        matches!(self.place(path), Place::Replaced(_)) && FileLock::is_held(path).is_ok_and(|held| held)
    }
}

/// Where the lock file of a store is: for people, and for programs from before the lock was on the file itself.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// Whether an engine holds the lock file beside this name.
fn is_note_held(path: &Path) -> bool {
    let Ok(note) = OpenOptions::new().read(true).write(true).open(lock_path(path)) else { return false };
    match note.try_lock_shared() {
        Ok(()) => {
            drop(note.unlock());
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

/// Whether there is a file at a store's place. What this user may not look at is not taken for absent.
///
/// # Errors
/// [`StoreError::Open`]: the directory may not be searched, or the file may not be read.
pub(in crate::store) fn is_there(path: &Path) -> Result<bool, StoreError> {
    let denied = |e: io::Error| StoreError::Open { path: path.to_owned(), source: e.into() };
    match std::fs::metadata(path) {
        Ok(_) => match rustix::fs::access(path, rustix::fs::Access::READ_OK) {
            Ok(()) => Ok(true),
            Err(e) => Err(denied(e.into())),
        },
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(denied(e)),
    }
}

/// Refuses a name by which the file must not be opened: the file of a living engine is gone from it or was replaced, or the
/// file is used by another name and has its log there. Looks only; blocks for some milliseconds where something is odd.
///
/// # Errors
/// [`StoreError::WrongFile`].
pub(in crate::store) fn check_name(path: &Path) -> Result<(), StoreError> {
    let path = &real_path(path);
    let mut odd = None;
    for context in 0..LOOKS {
        if context > 0 {
            std::thread::sleep(LOOK_AGAIN);
        }
        odd = warning(path);
        if odd.is_none() {
            return Ok(());
        }
    }
    match odd {
        Some(what) => Err(StoreError::WrongFile { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

fn warning(path: &Path) -> Option<String> {
    let Ok(there) = std::fs::metadata(path) else {
        return is_note_held(path).then(|| {
            "an engine is running and the file that it works on is no longer here: see its alert or its /health for the \
             copy that it keeps beside this place; put the file back, or stop that engine and put the copy here"
                .to_owned()
        });
    };
    if !there.is_file() || FileLock::is_own(path) {
        return None;
    }
    let note = is_note_held(path);
    // What cannot be looked at is said by whoever takes the lock.
    let held = if APART_FROM_SQLITE { FileLock::is_held(path).unwrap_or(note) } else { note };
    let log = beside(path, "-wal").exists();
    match (held, note) {
        (false, true) => Some(beside_a_note(path)),
        // Whoever works on it has the log open, beside the name that it uses.
        (true, _) if !log && !heal::is_under_way(path) => Some(
            "it is another name of a file that an engine works on, whose log lies beside that name: use the name that the \
             engine uses"
                .to_owned(),
        ),
        (false, false) if has_other_names(path, &there) && own_name(path).is_none_or(|name| name != path) => {
            Some(match own_name(path) {
                Some(name) => format!(
                    "it is a hard link to the store {}, whose log lies there: use that name, or remove the other one",
                    name.display()
                ),
                None => "it has several names (hard links), and it is not known beside which of them its log lies: remove all \
                         names but the one that `dispatchctl serve` uses"
                    .to_owned(),
            })
        }
        _ => None,
    }
}

/// Whether the file has names beside this one; the one under which it is kept because of its damage leads nobody astray.
fn has_other_names(path: &Path, there: &Metadata) -> bool {
    there.nlink() > 1 && usize::try_from(there.nlink()).is_ok_and(|n| n > 1 + heal::second_names(path).len())
}

/// Why a file is not to be used whose lock file is held and that nobody holds itself: programs from before the lock was on the
/// file hold the lock file alone.
fn beside_a_note(path: &Path) -> String {
    let known = open::known_schema();
    match schema(path) {
        Some(found) if found < known => format!(
            "it has schema {found}, this program knows {known}, and an engine of that version works on it: use that version, \
             or stop it first"
        ),
        _ => "an engine is running that works on another file than this one, which was put in its place: see its alert or \
              its /health for the copy that it keeps beside it; stop it before anything works on this file"
            .to_owned(),
    }
}

/// What can be read of the file itself. Neither log nor locks are touched.
fn as_it_is(path: &Path) -> Option<Connection> {
    let uri = uri(path).ok()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("{uri}?immutable=1"), flags).ok()
}

/// The schema that a store says it has.
fn schema(path: &Path) -> Option<i64> {
    let version: i64 = as_it_is(path)?.pragma_query_value(None, "user_version", |r| r.get(0)).ok()?;
    Some(version).filter(|v| *v > 0)
}

/// The name that the last engine worked by.
fn own_name(path: &Path) -> Option<PathBuf> {
    let name: String = as_it_is(path)?.query_row("SELECT value FROM meta WHERE key = 'path'", [], |r| r.get(0)).ok()?;
    Some(PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_path_follows_links_also_where_there_is_no_file_yet() {
        let dir = tempfile::tempdir().expect("dir");
        let at = dir.path().canonicalize().expect("there");
        std::fs::create_dir(at.join("deep")).expect("made");
        std::fs::write(at.join("deep/s.db"), "").expect("made");
        for (link, target) in [("one.db", "deep/s.db"), ("two.db", "one.db"), ("new.db", "deep/new.db"), ("d", "deep")]
        {
            std::os::unix::fs::symlink(target, at.join(link)).expect("link");
        }
        std::os::unix::fs::symlink("ring.db", at.join("ring.db")).expect("link");
        for (name, real) in [
            ("deep/s.db", "deep/s.db"),
            ("one.db", "deep/s.db"),
            ("two.db", "deep/s.db"),
            ("d/s.db", "deep/s.db"),
            ("new.db", "deep/new.db"),
            ("d/other.db", "deep/other.db"),
            ("deep/../deep/x.db", "deep/x.db"),
            ("nowhere/x.db", "nowhere/x.db"),
        ] {
            assert_eq!(real_path(&at.join(name)), at.join(real), "{name}");
        }
        let _ = real_path(&at.join("ring.db"));
    }

    #[test]
    fn the_lock_is_on_the_file_by_whatever_name_and_is_free_again_after_it() {
        let dir = tempfile::tempdir().expect("dir");
        let (store, link) = (dir.path().join("s.db"), dir.path().join("other.db"));
        assert_eq!(FileLock::take(&store).expect_err("no file").kind(), io::ErrorKind::NotFound);
        std::fs::write(&store, "").expect("made");
        std::fs::hard_link(&store, &link).expect("link");
        let held = FileLock::take(&store).expect("locks").expect("free");
        assert!(FileLock::take(&link).expect("locks").is_none(), "by another name");
        assert!(FileLock::is_held(&link).expect("locks"));
        drop(held);
        assert!(!FileLock::is_held(&store).expect("locks"));
        assert!(FileLock::take(&link).expect("locks").is_some());
    }
}
