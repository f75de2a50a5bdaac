//! What an error of the server, or of the way to it, is to the store.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::sqlstate::{AtCommit, Meaning, decided};
use crate::store::StoreError;

/// The server ended the session while it waited for a statement.
const ENDED_IDLE: &str = "25P03";

/// What the server of this place or the way to it says of anything but a commit. Messages name constraints, never values: PostgreSQL
/// puts values into the detail, which is left out.
pub(super) fn meaning(e: &Error, place: &str) -> StoreError {
    match e.as_db_error() {
        Some(said) => said_by_server(said, place),
        None if e.is_closed() => unreachable("the connection is closed"),
        // Encoding or reading a value: ours.
        None if std::error::Error::source(e).is_some_and(|s| !s.is::<std::io::Error>()) => {
            StoreError::Refused { what: with_cause(e) }
        }
        None => unreachable(with_cause(e)),
    }
}

fn said_by_server(e: &DbError, place: &str) -> StoreError {
    let what = match e.constraint() {
        Some(constraint) => format!("{} ({constraint})", e.message()),
        None => e.message().to_owned(),
    };
    match decided(e.code().code()).0 {
        Meaning::Ours => StoreError::Refused { what },
        // A statement that the server fails at by itself, as at a damaged value, leaves the session whole: it is refused alone.
        Meaning::Away if e.code() == &SqlState::INTERNAL_ERROR && e.parsed_severity() == Some(Severity::Error) => {
            StoreError::Refused { what }
        }
        Meaning::Busy => StoreError::Busy,
        Meaning::NoRoom => StoreError::Full { what },
        Meaning::NoRight => StoreError::Denied { what },
        Meaning::ReadOnly => StoreError::ReadOnly { what },
        Meaning::Away => unreachable(what),
        Meaning::NoStore => StoreError::Open { path: place.into(), source: format!("it is not whole: {what}").into() },
        Meaning::Damaged => StoreError::Corrupt { what, call: None },
        Meaning::Fenced => StoreError::Fenced,
    }
}

/// Whether the answer to a commit surely says that nothing of it was committed. An error that ends the session may come after it.
pub(super) fn is_surely_not_committed(e: &Error) -> bool {
    let Some(said) = e.as_db_error() else { return false };
    let code = said.code().code();
    let ends = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) && code != ENDED_IDLE;
    !ends && decided(code).1 == AtCommit::Undone
}

/// Whether it helps nobody to wait and to connect again: a password that is wrong, a database that is not there, a right that is
/// missing, a parameter that the server does not know, a certificate of somebody else.
pub(super) fn is_lasting(e: &Error) -> bool {
    match e.code() {
        Some(code) => matches!(decided(code.code()).0, Meaning::NoStore | Meaning::NoRight | Meaning::Ours),
        None => match std::error::Error::source(e).and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
            Some(io) => io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
            // Not of the network: a server without encryption, an answer that is none of PostgreSQL's.
            None => std::error::Error::source(e).is_some(),
        },
    }
}

/// Whether the server lets this user in and takes no writes from it, be it a standby or told so: what connects has looked, and says so
/// with an error of its own, which no system has a number for.
pub(super) fn is_read_only(e: &Error) -> bool {
    let cause = std::error::Error::source(e).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied && io.raw_os_error().is_none())
}

/// The same of a store that is open: whoever cannot be let in now was let in before, so it is waited for as any other outage.
pub(super) fn outage(e: StoreError) -> StoreError {
    match e {
        StoreError::Open { source, .. } => unreachable(source.to_string()),
        other => other,
    }
}

pub(super) fn unreachable(what: impl Into<String>) -> StoreError {
    StoreError::Unreachable { what: what.into() }
}

pub(super) fn with_cause(e: &Error) -> String {
    match std::error::Error::source(e) {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    }
}
