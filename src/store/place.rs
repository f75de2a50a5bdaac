//! Where a store is, whose it is, and how a process uses it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::alert::SinkTarget;

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

/// A database of a server: `postgres://user@host/database`, in the form that tokio-postgres documents, and how it is reached. It
/// may hold a password, which no text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
    password: Password,
    tls: Tls,
    tls_ca_file: Option<PathBuf>,
}

/// How what goes to a server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: the server must be one of this machine.
    Local,
    /// Not at all.
    Never,
    /// Where the server offers it. Whoever is between can keep it from doing so.
    Offered,
    /// Always; the server shows a certificate for its host's name.
    Required,
}

/// How a user shows the server who he is.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// By none, or by the one in the URL.
    None,
    Text(String),
    /// What is in this file at each connection, without the end of its line.
    File(PathBuf),
}

impl PostgresUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), password: Password::None, tls: Tls::Local, tls_ca_file: None }
    }

    /// The same server, user and encryption by another URL.
    #[cfg(feature = "drills")]
    #[must_use]
    pub(super) fn with_url(&self, url: String) -> Self {
        Self { url, ..self.clone() }
    }

    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self { password, ..self }
    }

    /// With encryption, and the file of the authorities whose certificates are taken; `None`: those of this system.
    #[must_use]
    pub fn with_tls(self, tls: Tls, ca_file: Option<PathBuf>) -> Self {
        Self { tls, tls_ca_file: ca_file, ..self }
    }

    pub(super) fn tls(&self) -> Tls {
        self.tls
    }

    pub(super) fn tls_ca_file(&self) -> Option<&Path> {
        self.tls_ca_file.as_deref()
    }

    /// With its password, where that is in it.
    pub(super) fn whole(&self) -> &str {
        &self.url
    }

    pub(super) fn password(&self) -> &Password {
        &self.password
    }
}

/// Without its password, and without what is asked of the server behind the `?`.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("postgres", &self.url));
        let place = rest.split(['?', '#']).next().unwrap_or_default();
        match place.rsplit_once('@') {
            Some((user, host)) => {
                write!(f, "{scheme}://{}@{host}", user.split(':').next().unwrap_or_default())
            }
            None => write!(f, "{scheme}://{place}"),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
