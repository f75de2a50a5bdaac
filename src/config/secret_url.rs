//! A URL that is a secret in itself, and how a secret is shown.

use std::fmt;
use std::net::SocketAddr;

use url::Url;

use super::forms::is_loopback;

/// How a secret is shown.
pub(super) const MASK: &str = "****";

/// A URL whose path is a secret (a chat webhook, a ping URL): `Debug` and `Display` show scheme and host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(pub(super) Url);

impl SecretUrl {
    /// A URL on this machine, for a drill; `None` for any other.
    pub fn of_fault_injection(text: &str) -> Option<Self> {
        Url::parse(text).ok().filter(is_loopback).map(Self)
    }

    /// One that is no secret: a provider's own place.
    pub(super) fn constant(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }

    /// The relay of the sandbox at this address: one port above.
    pub(super) fn sandbox_relay(sandbox: SocketAddr) -> Option<Self> {
        let port = sandbox.port().checked_add(1)?;
        Url::parse(&format!("smtp://{}", SocketAddr::new(sandbox.ip(), port))).ok().map(Self)
    }

    /// The whole URL: for the request, never for a log.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{MASK}", self.0.scheme(), self.0.host_str().unwrap_or(""))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
