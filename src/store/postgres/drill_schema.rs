//! A schema for one drill: stores of many drills live side by side in one database, and each goes with its drill.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::Host;

use super::connection::PgConnection;
use super::open::on_a_thread;
use crate::store::{PostgresUrl, StoreError};

/// How long a drill waits for its schema to be gone: whoever is killed may still hold it for a moment.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// A schema of a drill's own.
#[derive(Debug, Clone)]
pub struct DrillSchema {
    of: PostgresUrl,
    name: String,
    /// The store in it.
    pub url: PostgresUrl,
}

impl DrillSchema {
    /// Makes it. `name`: letters, digits and `_` of it are kept. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: the server cannot be reached, or this role may make none.
    pub fn make(of: &PostgresUrl, name: &str) -> Result<Self, StoreError> {
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let name = format!("drill_{}", name.to_ascii_lowercase());
        on_a_thread(|| PgConnection::open(of, GONE_WITHIN)?.batch(&format!("CREATE SCHEMA {name}")))?;
        let join = if of.whole().contains('?') { '&' } else { '?' };
        let url = of.with_url(format!("{}{join}options=-csearch_path%3D{name}", of.whole()));
        Ok(Self { of: of.clone(), name, url })
    }

    /// How a command is told of the store in it; a password is not in it.
    pub fn argument(&self) -> &str {
        self.url.whole()
    }

    /// It is gone with all that is in it. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: it stays.
    pub fn remove(&self) -> Result<(), StoreError> {
        on_a_thread(|| PgConnection::open(&self.of, GONE_WITHIN)?.batch(&format!("DROP SCHEMA {} CASCADE", self.name)))
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSocket {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A host and its port.
    Tcp(String, u16),
}

impl DrillSchema {
    /// Where the server of this schema listens: the first that its URL names.
    ///
    /// # Errors
    /// The URL is none of a server.
    pub fn server(&self) -> Result<ServerSocket, StoreError> {
        let config = self.config()?;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Ok(match config.get_hosts().first() {
            Some(Host::Unix(dir)) => ServerSocket::Unix(dir.join(format!(".s.PGSQL.{port}"))),
            Some(Host::Tcp(name)) => ServerSocket::Tcp(name.clone(), port),
            None => ServerSocket::Tcp("localhost".into(), port),
        })
    }

    /// How a command is told of the same store by another way: through the socket `.s.PGSQL.5432` in this directory.
    ///
    /// # Errors
    /// As [`DrillSchema::server`].
    pub fn argument_by(&self, dir: &Path) -> Result<String, StoreError> {
        let config = self.config()?;
        let (user, database) = (config.get_user().unwrap_or("postgres"), config.get_dbname().unwrap_or_default());
        Ok(format!("postgres://{user}@/{database}?host={}&options=-csearch_path%3D{}", dir.display(), self.name))
    }

    fn config(&self) -> Result<tokio_postgres::Config, StoreError> {
        let parsed = self.url.whole().parse();
        parsed.map_err(|e: tokio_postgres::Error| StoreError::Open {
            path: self.url.to_string().into(),
            source: e.into(),
        })
    }
}
