//! Contacts as another system had them: the last good copy, replaced whole.

use crate::store::sql::{Connection, params};

use crate::domain::types::Timestamp;
use crate::store::{StoreError, SyncedContacts, rows};

const READ: &str = "SELECT source, read_at, contacts, businesses FROM roster WHERE slot = 1";
const KEEP: &str = "INSERT INTO roster (slot, source, read_at, contacts, businesses) VALUES (1, ?1, ?2, ?3, ?4)
    ON CONFLICT (slot) DO UPDATE SET source = excluded.source, read_at = excluded.read_at, contacts = excluded.contacts,
        businesses = excluded.businesses";
const FORGET: &str = "DELETE FROM roster";

pub(in crate::store) fn read(conn: Connection<'_>) -> Result<Option<SyncedContacts>, StoreError> {
    let found: Option<(String, i64, String, String)> =
        conn.prepare_cached(READ)?.query_maybe([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
    let Some((source, read_at, contacts, businesses)) = found else { return Ok(None) };
    let contacts = rows::from_json("roster.contacts", &contacts)?;
    let businesses = rows::from_json("roster.businesses", &businesses)?;
    Ok(Some(SyncedContacts { source, read_at: Timestamp::from_millis(read_at), contacts, businesses }))
}

pub(in crate::store) fn keep(conn: Connection<'_>, copy: Option<&SyncedContacts>) -> Result<(), StoreError> {
    match copy {
        Some(copy) => {
            let contacts = rows::to_json("the contacts", &copy.contacts)?;
            let businesses = rows::to_json("the businesses", &copy.businesses)?;
            conn.prepare_cached(KEEP)?.execute(params![copy.source, copy.read_at.as_millis(), contacts, businesses])?;
        }
        None => {
            conn.prepare_cached(FORGET)?.execute([])?;
        }
    }
    Ok(())
}
