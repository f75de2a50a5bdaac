//! Why a store could not do it.

use std::path::PathBuf;

/// Why the store could not do it. Nothing of the change was committed, except that after [`StoreError::Broken`] and
/// [`StoreError::Unsure`] nobody can tell: after the first the engine stops, and finds out from the file when it starts again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or created.
    #[error("the store {path} cannot be opened")]
    Open {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was made by a newer version.
    #[error("the store {path} has schema {found}, this binary knows up to {known}")]
    Newer {
        path: PathBuf,
        /// What it says.
        found: i64,
        /// What we know.
        known: i64,
    },
    /// It belongs to the other mode.
    #[error("the store {path} is stamped {found}, this command runs in {wanted} mode")]
    OtherMode {
        path: PathBuf,
        /// Its stamp.
        found: String,
        /// Ours.
        wanted: String,
    },
    /// The file must not be used by this name: another file, or the same by another name, is what an engine works on.
    #[error("the store {path} cannot be used: {what}")]
    WrongFile {
        /// The name.
        path: PathBuf,
        /// Why, and what to do.
        what: String,
    },
    /// A file is where another was to be written, and nobody has said that it may go.
    #[error("there is a file at {path} already")]
    Exists { path: PathBuf },
    /// Its content is not what we wrote.
    #[error("the store holds something that cannot be: {what}")]
    Corrupt {
        what: String,
        /// The call that it belongs to, where one is known: that call is left out, the others go on.
        call: Option<String>,
    },
    /// The disk is full or read-only: nothing was written; it may work again later.
    #[error("the store cannot write: {what}")]
    Full {
        /// What the system said.
        what: String,
    },
    /// This user lacks a right on it: nothing was written; it may work again once somebody has given it.
    #[error("the store cannot be used with the rights that this user has: {what}")]
    Denied {
        /// What the server said.
        what: String,
    },
    /// An fsync or a write failed in a way after which the file is not to be trusted: the engine stops.
    #[error("the store failed: {what}")]
    Broken {
        /// What the system said.
        what: String,
    },
    /// Another process held it for too long; safe to try again.
    #[error("the store is busy")]
    Busy,
    /// The server of the store cannot be reached, or is not ready: nothing was changed; it may work again later.
    #[error("the store cannot be reached: {what}")]
    Unreachable { what: String },
    /// The server of the store takes no writes from this user: it follows another one, or was told so. Nothing was changed; it may work
    /// again later.
    #[error("the store takes no writes: {what}")]
    ReadOnly { what: String },
    /// The server never said whether it committed the change: it may be there, or not. The same may be asked again.
    #[error("nobody knows whether the store took the change: {what}")]
    Unsure { what: String },
    /// It was a decision of an engine that does not hold the lease any more, or never did: nothing of it was committed, and its
    /// term is over.
    #[error("another engine holds the lease of the store")]
    Fenced,
    /// The change was ours to refuse: a decision that cannot be, or a constraint that it broke.
    #[error("a change was refused: {what}")]
    Refused { what: String },
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it is about one call alone, which the store has said and remembers: the others go on.
    pub fn is_of_one_call(&self) -> bool {
        matches!(self, Self::Corrupt { call: Some(_), .. })
    }
}

/// What a server answers where it lets a user not in, as the source of [`StoreError::Open`]: what to do depends on the code.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct NotAdmitted {
    /// The answer's SQLSTATE.
    pub code: String,
    /// What it says, of each host.
    pub what: String,
}
