//! The directory of a run: everything that a drill writes is in it, and it is gone with the run.

use std::path::{Path, PathBuf};

/// A directory that is removed, with what is in it, when the value is dropped.
#[derive(Debug)]
pub struct DrillDir {
    path: PathBuf,
    keep: bool,
}

impl DrillDir {
    /// Makes `NAME` below `parent`, for this user alone.
    ///
    /// # Errors
    /// The system's word, with the place.
    pub fn new(parent: &Path, name: &str) -> Result<Self, String> {
        Self::make(parent.join(name))
    }

    /// Makes `NAME` in this one; it stays if this one stays.
    ///
    /// # Errors
    /// The system's word, with the place.
    pub fn within(&self, name: &str) -> Result<Self, String> {
        let mut inner = Self::make(self.path.join(name))?;
        inner.keep = self.keep;
        Ok(inner)
    }

    fn make(path: PathBuf) -> Result<Self, String> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|e| format!("the temporary directory {} cannot be made: {e}", path.display()))?;
        Ok(Self { path, keep: false })
    }

    /// It stays when the value is dropped.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        self.keep
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DrillDir {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
