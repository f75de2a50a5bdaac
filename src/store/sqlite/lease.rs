//! The engine lock: an OS lock on the store's file itself, by whatever name it is reached, and one on the lock file beside it,
//! whose content says for people who holds it. Both die with their process, so a restart waits for no lease.
//!
//! The lock file alone decides nothing: removed, it lets nobody in. It is locked all the same, because programs from before
//! the lock was on the file know no other, and because it shows that an engine uses this name. Whoever holds both took the
//! lock file first and lets it go last.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::file::{FileId, FileLock, lock_path, real_path};
use crate::clock::Permit;
use crate::failpoint;
use crate::store::{Holder, Lease, LeaseError, Works};

/// Held for as long as this value lives.
#[derive(Debug)]
pub(super) struct FileLease {
    // In this order: it is dropped first.
    file: Option<FileLock>,
    note: Mutex<File>,
    path: PathBuf,
    role: String,
}

impl FileLease {
    /// Takes the lock at once or says who has it; `Held(None)`: somebody whose lock file is gone.
    ///
    /// # Errors
    /// [`LeaseError`]; the store is untouched.
    pub(super) fn take(store: &Path, role: &str) -> Result<Self, LeaseError> {
        let store = real_path(store);
        let path = lock_path(&store);
        let mut note = open_note(&path)?;
        match note.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if failpoint::Safeguard::EngineLock.is_off() => {}
            Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(read_holder(&mut note))),
            Err(TryLockError::Error(source)) => return Err(LeaseError::Io { path, source }),
        }
        let file = match FileLock::take(&store) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) if failpoint::Safeguard::EngineLock.is_off() => None,
            // The one whose name is in the lock file is not the one who holds the store.
            Ok(None) => return Err(LeaseError::Held(None)),
            Err(source) => return Err(LeaseError::Io { path: store, source }),
        };
        failpoint::hit("lock.taken");
        write_holder(&mut note, role);
        Ok(Self { file, note: Mutex::new(note), path, role: role.to_owned() })
    }

    /// The lock of a place where a store is to be put: also where there is none yet.
    ///
    /// # Errors
    /// As [`FileLease::take`].
    pub(super) fn take_place(store: &Path, role: &str) -> Result<Self, LeaseError> {
        if FileId::at(store).map_err(|source| LeaseError::Io { path: store.to_owned(), source })?.is_some() {
            return Self::take(store, role);
        }
        let path = lock_path(store);
        let mut note = open_note(&path)?;
        match note.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(read_holder(&mut note))),
            Err(TryLockError::Error(source)) => return Err(LeaseError::Io { path, source }),
        }
        write_holder(&mut note, role);
        Ok(Self { file: None, note: Mutex::new(note), path, role: role.to_owned() })
    }

    /// Another file is in the store's place, under the same lock: `file` is the one on it.
    pub(super) fn moves_to(&mut self, file: FileLock) {
        self.file = Some(file);
    }

    /// Who holds the lock of this store now, or `None` where nobody does. Takes and frees it in passing.
    pub(super) fn holder(store: &Path) -> Option<Holder> {
        let store = real_path(store);
        let unknown = || Holder::of_this_machine("unknown", 0);
        if let Ok(mut note) = OpenOptions::new().read(true).open(lock_path(&store))
            && note.try_lock_shared().is_err()
        {
            return Some(read_holder(&mut note).unwrap_or_else(unknown));
        }
        FileLock::is_held(&store).is_ok_and(|held| held).then(unknown)
    }
}

#[async_trait]
impl Lease for FileLease {
    fn term(&self) -> Option<&str> {
        None
    }

    /// Nobody else can have the lock while this process lives.
    fn permit(&self) -> Permit {
        Permit::endless()
    }

    /// Never fires.
    fn lost(&self) -> CancellationToken {
        CancellationToken::new()
    }

    /// It is held as long as this process lives: where its loops hang, somebody must end it.
    fn only_while(&self, _works: Works) {}

    /// Dropping it does.
    async fn release(&self) {}

    /// The lock file decides nothing, but people and older programs look there. Costs two looks at the file system.
    async fn keep(&self) -> Result<(), LeaseError> {
        let mut kept = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        let io = |source| LeaseError::Io { path: self.path.clone(), source };
        let own = FileId::of_open(&kept).map_err(io)?;
        if FileId::at(&self.path).map_err(io)? == Some(own) {
            return Ok(());
        }
        let mut note = open_note(&self.path)?;
        match note.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(read_holder(&mut note))),
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        write_holder(&mut note, &self.role);
        *kept = note;
        Ok(())
    }
}

impl Drop for FileLease {
    fn drop(&mut self) {
        drop(self.file.take());
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = note.unlock();
    }
}

fn open_note(path: &Path) -> Result<File, LeaseError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(|source| LeaseError::Io { path: path.to_owned(), source })
}

/// Only for people: a failure to write it does not weaken the lock.
fn write_holder(note: &mut File, role: &str) {
    let text = format!("{role} {}\n", std::process::id());
    let _ = note.set_len(0).and_then(|()| note.seek(SeekFrom::Start(0))).and_then(|_| note.write_all(text.as_bytes()));
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(256).read_to_string(&mut text).ok()?;
    let (role, pid) = text.trim().split_once(' ')?;
    Some(Holder::of_this_machine(role, pid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &tempfile::TempDir) -> PathBuf {
        let store = dir.path().join("s.db");
        std::fs::write(&store, "").expect("made");
        store
    }

    #[test]
    fn one_holder_at_a_time_and_it_is_named() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = store(&dir);
        assert_eq!(FileLease::holder(&store), None);
        let held = FileLease::take(&store, "serve").expect("free");
        let me = Holder::of_this_machine("serve", std::process::id());
        assert_eq!(FileLease::holder(&store), Some(me.clone()));
        assert!(matches!(FileLease::take(&store, "send"), Err(LeaseError::Held(Some(h))) if h == me));
        drop(held);
        assert_eq!(FileLease::holder(&store), None);
        assert!(FileLease::take(&store, "send").is_ok());
    }

    #[tokio::test]
    async fn neither_a_link_nor_a_removed_lock_file_lets_a_second_one_in() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = store(&dir);
        let (soft, hard) = (dir.path().join("soft.db"), dir.path().join("hard.db"));
        std::os::unix::fs::symlink(&store, &soft).expect("link");
        std::fs::hard_link(&store, &hard).expect("link");
        let held = FileLease::take(&store, "serve").expect("free");
        let me = Holder::of_this_machine("serve", std::process::id());
        assert!(matches!(FileLease::take(&soft, "serve"), Err(LeaseError::Held(Some(h))) if h == me));
        assert!(matches!(FileLease::take(&hard, "serve"), Err(LeaseError::Held(None))));
        std::fs::remove_file(&held.path).expect("removed");
        assert!(matches!(FileLease::take(&store, "serve"), Err(LeaseError::Held(None))));
        assert!(FileLease::holder(&store).is_some() && FileLease::holder(&hard).is_some());
        // It is made again, with its name in it.
        std::fs::remove_file(&held.path).expect("removed");
        held.keep().await.expect("made again");
        assert_eq!(FileLease::holder(&store), Some(me.clone()));
        std::fs::write(dir.path().join("other"), "x 1").expect("made");
        std::fs::rename(dir.path().join("other"), &held.path).expect("replaced");
        held.keep().await.expect("made again");
        assert_eq!(FileLease::holder(&store), Some(me));
        drop(held);
        assert!(FileLease::take(&hard, "serve").is_ok());
    }

    #[test]
    fn a_lock_that_cannot_be_made_is_an_error_with_its_path() {
        let e = FileLease::take(Path::new("/nonexistent/s.db"), "serve").expect_err("no such directory");
        assert!(e.to_string().contains("/nonexistent/s.db.lock"), "{e}");
        let dir = tempfile::tempdir().expect("temp dir");
        let e = FileLease::take(&dir.path().join("none.db"), "serve").expect_err("no store");
        assert!(e.to_string().contains("none.db cannot be taken"), "{e}");
    }
}
