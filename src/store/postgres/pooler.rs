//! Whether a pooler in transaction mode is between this process and the server.
//!
//! Each transaction may then run in another session of the server: what a session sets is lost, so that neither bounds of waiting
//! nor the durability of a commit is what was asked for, and statements that are parsed once collide. Nothing tells of such a
//! pooler but that a session is shared.

use super::connection::PgConnection;
use crate::store::{PostgresUrl, StoreError};

const SIGN: &str = "SET dispatchctl.session = 'own'";
const SIGNED: &str = "SELECT current_setting('dispatchctl.session', true)";

/// Refuses a way to the server on which sessions are shared; both connections are as they were.
///
/// # Errors
/// [`StoreError::Open`]: it is such a way; [`StoreError::Unreachable`], [`StoreError::Busy`].
pub(super) fn refuse_shared_sessions(
    one: &PgConnection,
    other: &PgConnection,
    url: &PostgresUrl,
) -> Result<(), StoreError> {
    one.batch(SIGN)?;
    // A transaction holds the session of the server that it is in: a pooler gives it the one that was used last.
    other.batch("BEGIN")?;
    let is_shared = is_signed(other)? || !is_signed(one)?;
    other.batch("ROLLBACK")?;
    if !is_shared {
        return Ok(());
    }
    let why = "a pooler in transaction mode is between: what a session sets is lost there. Name PostgreSQL itself in \
               store.url, or a pooler's port in session mode";
    Err(StoreError::Open { path: url.to_string().into(), source: why.into() })
}

fn is_signed(conn: &PgConnection) -> Result<bool, StoreError> {
    Ok(conn.word(SIGNED)?.is_some_and(|value| value == "own"))
}
