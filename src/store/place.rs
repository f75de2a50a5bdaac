//! Where a store is, whose it is, and how a process uses it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::alert::SinkTarget;
pub use crate::domain::database::PostgresUrl;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a file of this machine.
    File(PathBuf),
    /// In a database of a PostgreSQL server.
    Postgres(PostgresUrl),
}

impl Location {
    /// Whether several processes, on whatever machines, may serve it at once.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// For people.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// Which world a store belongs to: stamped into it when it is made, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// Real people are texted.
    Live,
    /// Nobody is: kill points and other faults can be armed.
    Test,
}

impl StoreMode {
    /// The stamp.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// How a process uses a store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub location: Location,
    /// The stamp it must have, or gets.
    pub mode: StoreMode,
    /// Whether to make it where it is missing.
    pub create: bool,
    /// Whether changes leave rows for the mirror.
    pub mirror: bool,
    /// The sinks that alerts leave rows for.
    pub alert_sinks: Vec<SinkTarget>,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
    /// How many copies of the whole store are kept beside it; 0: none are made, not even before a migration.
    pub backups: usize,
    /// Whether a store with damaged indexes is replaced by a copy with new ones before it is opened: for who is about to be its
    /// engine.
    pub heals: bool,
}

impl StoreSettings {
    /// A store that must be there, with neither mirror nor sinks nor copies; 5 s for another process that writes.
    pub fn of(location: impl Into<Location>, mode: StoreMode) -> Self {
        Self {
            location: location.into(),
            mode,
            create: false,
            mirror: false,
            alert_sinks: Vec::new(),
            busy_timeout: Duration::from_secs(5),
            backups: 0,
            heals: false,
        }
    }

    /// The file, where it is in one.
    pub(super) fn path(&self) -> &Path {
        match &self.location {
            Location::File(path) => path,
            Location::Postgres(_) => Path::new(""),
        }
    }
}
