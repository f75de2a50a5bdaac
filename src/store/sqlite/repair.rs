//! Indexes that are damaged: found, and rebuilt from their tables, for what an index holds is in its table too.
//!
//! REINDEX frees the old pages before it writes new ones, so it fails where one of them cannot be read at all. Then nothing has
//! changed, and the next start of the engine puts a copy of the store with new indexes in place, see `heal`. A rebuild is one
//! transaction: after a crash the index is the old one or the new one.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::handle::SqliteStore;
use super::heal;
use crate::clock::Clock as _;
use crate::store::{StoreError, Unreadable, Upkeep as _};

/// What is said of an index that was rebuilt.
pub(super) const REBUILT: &str = "it was damaged; it was rebuilt from its table and is used again";

/// Indexes that cannot be walked from end to end; slow, for it walks them all.
pub(super) fn corrupt_indexes(conn: &Connection) -> Result<BTreeSet<String>, StoreError> {
    let mut all = conn.prepare("SELECT name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE type = 'index'")?;
    let mut rows = all.query([])?;
    let mut corrupt = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (name, table, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let only = sql.split_once("WHERE").map_or(String::new(), |(_, of)| format!("WHERE {of}"));
        // A plain count would be taken from whichever index is the smallest.
        let walked = conn.query_row(&format!("SELECT sum(1) FROM {table} INDEXED BY {name} {only}"), [], |_| Ok(()));
        if let Err(e) = walked
            && matches!(StoreError::from(e), StoreError::Corrupt { .. })
        {
            corrupt.insert(name);
        }
    }
    Ok(corrupt)
}

/// The index that does not fit its table, in the words of SQLite's own check (`row 7 missing from index i`).
pub(super) fn misfit(found: &Unreadable) -> Option<String> {
    let (_, name) = found.why.rsplit_once(" index ")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (found.call.is_none() && is_name).then(|| name.to_owned())
}

impl SqliteStore {
    /// Rebuilds every index that is damaged, or that does not fit its table as a look through the store has found. What was done,
    /// or what a person must do, is said; how many were damaged.
    ///
    /// # Errors
    /// [`StoreError`]: the indexes cannot even be looked at.
    pub(super) async fn repair_indexes(&self, mut misfits: Vec<Unreadable>) -> Result<usize, StoreError> {
        let mut indexes = self.readers.read(corrupt_indexes).await?;
        indexes.extend(misfits.iter().filter_map(misfit));
        let damaged = indexes.len();
        let mut way_out = None;
        for index in indexes {
            let sql = format!("REINDEX \"{index}\"");
            let rebuilt = self.in_turn(move |conn| Ok(conn.execute_batch(&sql)?)).await;
            let repaired = rebuilt.is_ok();
            let why = match rebuilt {
                Ok(()) => {
                    misfits.retain(|u| misfit(u).as_ref() != Some(&index));
                    REBUILT.to_owned()
                }
                Err(e) => {
                    if way_out.is_none() {
                        way_out = Some(self.way_out().await);
                    }
                    let way_out = way_out.as_deref().unwrap_or_default();
                    format!("a page of it is damaged and it cannot be rebuilt ({e}): {way_out}")
                }
            };
            self.common.damage.found(Unreadable { row: format!("the index {index}"), call: None, why, repaired });
        }
        misfits.into_iter().for_each(|u| self.common.damage.found(u));
        Ok(damaged)
    }

    /// What a person can do about an index that cannot be rebuilt. A copy with new indexes is made for it, where copies are kept
    /// at all: it shows whether the tables are whole, which is what a start of `serve` needs to heal the store.
    async fn way_out(&self) -> String {
        let restart = "restart `serve`: its start puts a copy of the store with new indexes in its place, and keeps the \
                       damaged file beside it";
        let made =
            if self.options.backups > 0 { self.back_up(self.common.clock.now()).await.map(Some) } else { Ok(None) };
        match made {
            Ok(Some(copy)) => format!("{restart}; such a copy is also {}", copy.path.display()),
            Ok(None) => restart.to_owned(),
            Err(e @ StoreError::Corrupt { .. }) => {
                format!("{}; a new copy cannot be made: {e}", heal::go_back(self.options.path()))
            }
            Err(e) => format!("{restart}; a copy cannot be made now: {e}"),
        }
    }
}
