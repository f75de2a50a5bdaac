//! Looks through the whole store for what no list of work would show: slow, for people.

use super::database::Database;
use super::load::{call_state, str_at};
use super::reads::at_most;
use crate::store::sql::Connection;
use crate::store::{StoreError, Unreadable};

/// Every call that is not over, whatever its status says.
const NOT_OVER: &str = "SELECT id FROM calls WHERE status NOT IN ('RESOLVED', 'CANCELLED') ORDER BY rowid";
const OF_NO_CALL: &str = "SELECT lower(hex(id)) FROM attempts a
    WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = a.call_id) LIMIT ?1";
const NEVER_WOKEN: &str = "SELECT id FROM calls WHERE (status = 'DISPATCHING') <> (wake_at IS NOT NULL) LIMIT ?1";

/// What is wrong with the file itself, with a call that is not over, or belongs to nothing.
pub(in crate::store) fn unreadable<D: Database>(
    conn: Connection<'_>,
    limit: usize,
) -> Result<Vec<Unreadable>, StoreError> {
    let mut wrong = D::damaged_places(conn, limit)?;
    let mut add = |row: String, call: Option<&str>, why: String| {
        wrong.push(Unreadable { row, call: call.and_then(|c| c.parse().ok()), why, repaired: false });
    };
    let looked = calls(conn, limit, &mut add).and_then(|()| strays(conn, limit, &mut add));
    match looked {
        // The walk itself met damage: the check of the file has named it.
        Err(StoreError::Corrupt { what, .. }) => add("the walk through the calls".into(), None, what),
        other => other?,
    }
    wrong.truncate(limit);
    Ok(wrong)
}

type Add<'a> = &'a mut dyn FnMut(String, Option<&str>, String);

fn calls(conn: Connection<'_>, limit: usize, add: Add<'_>) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(NOT_OVER)?;
    let mut found = statement.query([])?;
    let mut bad = 0;
    while bad < limit
        && let Some(row) = found.next()?
    {
        let id = str_at(row, 0)?;
        match call_state(conn, id) {
            Ok(_) => {}
            Err(StoreError::Corrupt { what, .. }) => {
                bad += 1;
                add(format!("call {id}"), Some(id), what);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn strays(conn: Connection<'_>, limit: usize, add: Add<'_>) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(OF_NO_CALL)?;
    let mut found = statement.query([at_most(limit)])?;
    while let Some(row) = found.next()? {
        add(format!("attempt {}", str_at(row, 0)?), None, "it belongs to no call".into());
    }
    let mut statement = conn.prepare_cached(NEVER_WOKEN)?;
    let mut found = statement.query([at_most(limit)])?;
    while let Some(row) = found.next()? {
        let id = str_at(row, 0)?;
        add(format!("call {id}"), Some(id), "its wake time does not fit its status".into());
    }
    Ok(())
}
