//! Where the store is, as the configuration says it.

#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;

use secrecy::SecretString;

/// Where the store is.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// A SQLite file, absolute where the working directory is known.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(StoreServer),
}

impl StoreLocation {
    /// The file; `None`: it is in a database of a server.
    #[cfg(test)]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The place of a file of this machine that goes with the store, by its extension.
    pub fn beside(&self, extension: &str) -> PathBuf {
        match self {
            Self::Sqlite(path) => path.with_extension(extension),
            Self::Postgres(server) => server.beside.with_extension(extension),
        }
    }
}

/// A database of a PostgreSQL server, and how it is reached.
#[derive(Debug, Clone)]
pub struct StoreServer {
    /// `postgres://user@host[:port][,host]/database[?…]`, without a password.
    pub url: String,
    /// `None`: the server asks for none.
    pub password: Option<PasswordSource>,
    pub tls: StoreTls,
    /// The authorities whose certificates are taken, in PEM; `None`: those of this system.
    pub tls_ca_file: Option<PathBuf>,
    /// A failover to a server that lacks the newest commits is taken.
    pub is_async_failover_taken: bool,
    /// Where a store in a file would be.
    pub(super) beside: PathBuf,
}

/// How what goes to the store's server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreTls {
    /// Not at all: the server is on this machine, or `store.insecure` is set.
    Never,
    /// Where the server offers it.
    Offered,
    /// Always, with a certificate for the host's name.
    Required,
}

/// From where the password for the store's server comes.
#[derive(Debug, Clone)]
pub enum PasswordSource {
    /// It was given.
    Given(SecretString),
    /// A file that holds it, read at each connection: it may change while the program runs.
    File(PathBuf),
}
