//! Contacts as another system had them: the last good copy, replaced whole.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::types::Timestamp;
use crate::store::{StoreError, SyncedContacts, rows};

const READ: &str = "SELECT source, read_at, contacts FROM roster WHERE slot = 1";
const KEEP: &str = "INSERT INTO roster (slot, source, read_at, contacts) VALUES (1, ?1, ?2, ?3)
    ON CONFLICT (slot) DO UPDATE SET source = excluded.source, read_at = excluded.read_at, contacts = excluded.contacts";
const FORGET: &str = "DELETE FROM roster";

pub(super) fn read(conn: &Connection) -> Result<Option<SyncedContacts>, StoreError> {
    let found: Option<(String, i64, String)> =
        conn.prepare_cached(READ)?.query_row([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let Some((source, read_at, contacts)) = found else { return Ok(None) };
    let contacts = rows::from_json("roster.contacts", &contacts)?;
    Ok(Some(SyncedContacts { source, read_at: Timestamp::from_millis(read_at), contacts }))
}

pub(super) fn keep(conn: &Connection, copy: Option<&SyncedContacts>) -> Result<(), StoreError> {
    match copy {
        Some(copy) => {
            let contacts = rows::to_json("the contacts", &copy.contacts)?;
            conn.prepare_cached(KEEP)?.execute(params![copy.source, copy.read_at.as_millis(), contacts])?;
        }
        None => {
            conn.prepare_cached(FORGET)?.execute([])?;
        }
    }
    Ok(())
}
