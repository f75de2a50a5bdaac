//! Whether a pooler in transaction mode is between this process and the server.
//!
//! Each transaction may then run in another session of the server: what a session sets is lost, so that neither bounds of waiting
//! nor the durability of a commit is what was asked for, and statements that are parsed once collide. Nothing tells of such a
//! pooler but that a session is shared.

use super::connection::PgConnection;
use crate::clock::{Clock as _, SystemClock};
use crate::ids::Ids;
use crate::store::{PostgresUrl, StoreError};

/// A pooler whose other clients are busy may give us the same session by chance: rarely so often.
const ROUNDS: usize = 4;
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
    for _ in 0..ROUNDS {
        if shares(one, other)? {
            let why = "a pooler in transaction mode is between: what a session sets is lost there. Name PostgreSQL \
                       itself in store.url, or a pooler's port in session mode";
            return Err(StoreError::Open { path: url.to_string().into(), source: why.into() });
        }
    }
    one.batch("RESET dispatchctl.session")
}

/// Signs the session of one, and looks whether it is the other's too, or not that one's any more. A sign is used once: one that was
/// left in a session by an earlier client, or in several by an earlier round, says nothing.
fn shares(one: &PgConnection, other: &PgConnection) -> Result<bool, StoreError> {
    let sign = Ids::random().uuid(SystemClock.now()).simple().to_string();
    one.batch(&format!("SET dispatchctl.session = '{sign}'"))?;
    // A transaction holds the session of the server that it is in: a pooler gives it the one that was used last, or another.
    other.batch("BEGIN")?;
    let is_shared = is_signed(other, &sign)? || !is_signed(one, &sign)?;
    other.batch("ROLLBACK")?;
    // One that gives its sessions in turn shows it by the second question.
    Ok(is_shared || !is_signed(one, &sign)? || !is_signed(one, &sign)?)
}

fn is_signed(conn: &PgConnection, sign: &str) -> Result<bool, StoreError> {
    Ok(conn.word(SIGNED)?.is_some_and(|value| value == sign))
}
