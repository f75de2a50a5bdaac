//! Exit codes, as the README lists them.

/// How a command ended; only `main` turns it into a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Done.
    Done = 0,
    /// It ran and the answer is no.
    No = 1,
    /// Wrong usage or configuration, a port in use.
    Usage = 2,
    /// No such call, message or follow-up.
    NotFound = 3,
    /// The provider refused for good and nobody else is left to tell.
    Refused = 4,
    /// The provider cannot be reached; nothing was recorded or sent.
    Unreachable = 5,
    /// The store cannot be used.
    Store = 6,
    /// Outcome unknown: recorded, do not run again.
    Unknown = 7,
    /// Recorded and still going.
    Pending = 8,
    /// This call id exists with other data.
    Conflict = 9,
    /// A bug of ours.
    Bug = 70,
    /// Interrupted; what was recorded stays and goes on.
    Interrupted = 130,
}
