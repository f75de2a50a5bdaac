//! What an error of PostgreSQL means for whoever asked. Source of the codes: PostgreSQL's appendix "Error Codes".

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::store::StoreError;

/// Of our own function `fence`.
const FENCED: &str = "DC001";

/// What the server or the way to it says of anything but a commit. Messages name constraints, never values: PostgreSQL puts
/// values into the detail, which is left out.
pub(super) fn meaning(e: &Error) -> StoreError {
    match e.as_db_error() {
        Some(said) => said_by_server(said),
        None if e.is_closed() => unreachable("the connection is closed"),
        // Encoding or reading a value: ours.
        None if std::error::Error::source(e).is_some_and(|s| !s.is::<std::io::Error>()) => {
            StoreError::Refused { what: with_cause(e) }
        }
        None => unreachable(with_cause(e)),
    }
}

fn said_by_server(e: &DbError) -> StoreError {
    let what = match e.constraint() {
        Some(constraint) => format!("{} ({constraint})", e.message()),
        None => e.message().to_owned(),
    };
    let code = e.code().code();
    match (code.get(..2).unwrap_or_default(), code) {
        (_, FENCED) => StoreError::Fenced,
        (_, "40001" | "40P01" | "55P03" | "53200" | "53300" | "57014") => StoreError::Busy,
        // A right that is missing is given by somebody else, as room on a disk is.
        (_, "53100" | "42501") => StoreError::Full { what },
        (_, "25006" | "25P03" | "25P04") | ("08", _) | ("57", _) => unreachable(what),
        (_, "XX001" | "XX002") => StoreError::Corrupt { what, call: None },
        ("58", _) => StoreError::Full { what },
        _ => StoreError::Refused { what },
    }
}

/// Whether the answer to a commit surely says that nothing of it was committed.
pub(super) fn is_surely_not_committed(e: &Error) -> bool {
    e.code().is_some_and(|code| ["23", "40", "53", "55", FENCED].iter().any(|class| code.code().starts_with(class)))
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
