//! Who is the engine of a store: at most one process at a time.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;

/// The right to be the engine of a store, from [`Control::take_lease`](super::Control::take_lease) until it is dropped or its
/// process has ended.
#[async_trait]
pub trait Lease: fmt::Debug + Send + Sync {
    /// Makes it seen again by other processes, where somebody removed its sign. Called several times a second by the engine.
    ///
    /// # Errors
    /// [`LeaseError`]: the sign cannot be kept; the right itself stays.
    async fn keep(&self) -> Result<(), LeaseError>;
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `serve`, `send`…
    pub role: String,
    /// Its process.
    pub pid: u32,
}

/// Why a lease could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process works on this store.
    #[error("the store is held by another engine ({})", .0.as_ref().map_or_else(|| "unknown".to_owned(), |h| format!("`{}`, process {}", h.role, h.pid)))]
    Held(Option<Holder>),
    /// The file cannot be made or locked.
    #[error("the engine lock {path} cannot be taken")]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}
