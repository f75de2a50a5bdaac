//! The engine lock: an OS file lock beside the store. It dies with its process, so a restart waits for no lease; its content
//! says who holds it, for people.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::killpoint;

/// Held for as long as this value lives.
#[derive(Debug)]
pub struct EngineLock {
    file: File,
    path: PathBuf,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `serve`, `send`…
    pub role: String,
    /// Its process.
    pub pid: u32,
}

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on this store.
    #[error("the store is held by another engine ({})", .0.as_ref().map_or_else(|| "unknown".to_owned(), |h| format!("`{}`, process {}", h.role, h.pid)))]
    Held(Option<Holder>),
    /// The file cannot be made or locked.
    #[error("the engine lock {path} cannot be taken")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the lock of a store is.
pub fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl EngineLock {
    /// Takes the lock at once or says who has it.
    ///
    /// # Errors
    /// [`LockError`]; the store is untouched.
    pub fn take(store: &Path, role: &str) -> Result<Self, LockError> {
        let path = lock_path(store);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => killpoint::hit("lock.taken"),
            Err(std::fs::TryLockError::WouldBlock) if killpoint::Guard::EngineLock.is_off() => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(LockError::Held(read_holder(&mut file))),
            Err(std::fs::TryLockError::Error(e)) => return Err(io(e)),
        }
        // Only for people: a failure to write it does not weaken the lock.
        let text = format!("{role} {}\n", std::process::id());
        let _ =
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(text.as_bytes()));
        Ok(Self { file, path })
    }

    /// Who holds the lock of this store now, or `None` where nobody does. Takes and frees it in passing.
    pub fn holder(store: &Path) -> Option<Holder> {
        let mut file = OpenOptions::new().read(true).write(true).open(lock_path(store)).ok()?;
        match file.try_lock() {
            Ok(()) => None,
            Err(_) => Some(read_holder(&mut file).unwrap_or(Holder { role: "unknown".into(), pid: 0 })),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for EngineLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(256).read_to_string(&mut text).ok()?;
    let (role, pid) = text.trim().split_once(' ')?;
    Some(Holder { role: role.to_owned(), pid: pid.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_it_is_named() {
        let dir = tempfile::tempdir().expect("temp dir");
        let store = dir.path().join("s.db");
        assert_eq!(EngineLock::holder(&store), None);
        let held = EngineLock::take(&store, "serve").expect("free");
        let me = Holder { role: "serve".into(), pid: std::process::id() };
        assert_eq!(EngineLock::holder(&store), Some(me.clone()));
        assert!(matches!(EngineLock::take(&store, "send"), Err(LockError::Held(Some(h))) if h == me));
        drop(held);
        assert_eq!(EngineLock::holder(&store), None);
        assert!(EngineLock::take(&store, "send").is_ok());
    }

    #[test]
    fn a_lock_that_cannot_be_made_is_an_error_with_its_path() {
        let e = EngineLock::take(Path::new("/nonexistent/s.db"), "serve").expect_err("no such directory");
        assert!(e.to_string().contains("/nonexistent/s.db.lock"), "{e}");
    }
}
