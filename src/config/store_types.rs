//! Where the store is, as the configuration says it.

#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::domain::database::PostgresUrl;

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

/// A database of a PostgreSQL server, and what is said of it besides.
#[derive(Debug, Clone)]
pub struct StoreServer {
    /// `postgres://user@host[:port][,host]/database[?…]`, without a password, and how it is reached.
    pub url: PostgresUrl,
    /// What was in the password's file when the configuration was read, where it could be read. For comparing alone.
    pub password_seen: Option<SecretString>,
    /// A failover to a server that lacks the newest commits is taken.
    pub is_async_failover_taken: bool,
    /// Where a store in a file would be.
    pub(super) beside: PathBuf,
}
