//! A database of a PostgreSQL server, and how it is reached: what the configuration says and the store uses.

use std::fmt;
use std::path::{Path, PathBuf};

/// A database of a server: `postgres://user@host/database`, in the form that tokio-postgres documents, and how it is reached. It
/// may hold a password, which no text shows.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
    password: Password,
    encryption: Encryption,
    tls_ca_file: Option<PathBuf>,
    /// The schema that the store is in, once it was found.
    schema: Option<String>,
}

/// How what goes to one host is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostTls {
    /// Not at all.
    Never,
    /// Where the server offers it. Whoever is between can keep it from doing so.
    Offered,
    /// Always; the server shows a certificate for its host's name.
    Required,
}

/// How what goes to the hosts of a server is encrypted, each by where it is. What goes through a Unix socket never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// To this machine, by TCP.
    pub here: HostTls,
    /// To others; `None`: no host of another machine is talked to.
    pub elsewhere: Option<HostTls>,
}

/// How a user shows the server who he is.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// By none, or by the one in the URL.
    None,
    Text(String),
    /// What is in this file at each connection, without the end of its line: it may change while the program runs.
    File(PathBuf),
}

impl PostgresUrl {
    /// Without a password, and of this machine alone.
    pub fn new(url: impl Into<String>) -> Self {
        let encryption = Encryption { here: HostTls::Never, elsewhere: None };
        Self { url: url.into(), password: Password::None, encryption, tls_ca_file: None, schema: None }
    }

    /// The same server, user and encryption by another URL.
    #[cfg(feature = "drills")]
    #[must_use]
    pub fn with_url(&self, url: String) -> Self {
        Self { url, schema: None, ..self.clone() }
    }

    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self { password, ..self }
    }

    /// With encryption, and the file of the authorities whose certificates are taken; `None`: those of this system.
    #[must_use]
    pub fn with_tls(self, encryption: Encryption, ca_file: Option<PathBuf>) -> Self {
        Self { encryption, tls_ca_file: ca_file, ..self }
    }

    /// The same, of a store that is in this schema.
    #[must_use]
    pub fn with_schema(self, schema: String) -> Self {
        Self { schema: Some(schema), ..self }
    }

    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    pub fn tls_ca_file(&self) -> Option<&Path> {
        self.tls_ca_file.as_deref()
    }

    /// With its password, where that is in it.
    pub fn whole(&self) -> &str {
        &self.url
    }

    pub fn password(&self) -> &Password {
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
