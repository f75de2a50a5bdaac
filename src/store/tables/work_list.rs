//! Lists of work: which rows wait for the engine, each read by itself, so that one that cannot be read hides no other.
//!
//! After a crash there is nothing to know: the lists are read anew. Each method of `Queues` calls it.

use super::load::maybe_str_at;
use super::reads::{CALL_AT, CALLS_TABLE, ReadContext, UNNOTIFIED_AT, at_most};
use crate::store::sql::{For, OwnedValue, Params, Row, Statement};
use crate::store::{StoreError, rows};

/// A page of places of a server: longer than what is wanted, for some of them may be of no row that counts.
const PAGE_LEAST: usize = 256;

/// The rows of a list of work, up to `limit` of those that can be read. `places` gives row numbers in their order, `one` reads
/// one of them; its first column is the id of the call, or null where the row belongs to none.
pub(in crate::store) fn work<T>(
    context: ReadContext<'_>,
    (places, with): (&str, impl Params),
    one: &'static str,
    limit: usize,
    read: impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut work = WorkList { context, sql: one, one: context.conn.prepare_cached(one)?, read, out: Vec::new() };
    if context.conn.is_remote() {
        return work.by_pages(places, &with.owned()?, limit);
    }
    let mut places = context.conn.prepare_cached(places)?;
    let mut found = places.query(with)?;
    while work.out.len() < limit
        && let Some(place) = found.next()?
    {
        work.take(place.get(0)?)?;
    }
    Ok(work.out)
}

struct WorkList<'c, R, T> {
    context: ReadContext<'c>,
    sql: &'static str,
    one: Statement<'c>,
    read: R,
    out: Vec<T>,
}

impl<R: Fn(Row<'_>) -> Result<T, StoreError>, T> WorkList<'_, R, T> {
    /// On a server the places come by the page, and the rows of a page together: where one of them cannot be read, each by itself.
    fn by_pages(mut self, places: &str, with: &[OwnedValue], limit: usize) -> Result<Vec<T>, StoreError> {
        let page = limit.saturating_mul(2).max(PAGE_LEAST);
        let sql = format!("{places} LIMIT ?{} OFFSET ?{}", with.len() + 1, with.len() + 2);
        let mut list = self.context.conn.prepare_cached(&sql)?;
        for number in 0.. {
            let bounds = [at_most(page).into(), at_most(page.saturating_mul(number)).into()];
            let with: Vec<OwnedValue> = with.iter().cloned().chain(bounds).collect();
            let mut found = list.query(with)?;
            let mut places: Vec<i64> = Vec::new();
            while let Some(place) = found.next()? {
                places.push(place.get(0)?);
            }
            let wanted = limit.saturating_sub(self.out.len());
            let reads =
                || places.iter().take(wanted).map(|place| (For::This, (self.sql, vec![(*place).into()]))).collect();
            match self.context.conn.prefetch(reads) {
                Err(e) if is_of_the_row(&e) => self.context.conn.read_on()?,
                done => done?,
            }
            for place in &places {
                if self.out.len() >= limit {
                    return Ok(self.out);
                }
                self.take(*place)?;
            }
            if places.len() < page {
                break;
            }
        }
        Ok(self.out)
    }

    fn take(&mut self, place: i64) -> Result<(), StoreError> {
        match one_of(self.context, &mut self.one, place, &self.read) {
            Ok(line) => self.out.extend(line),
            Err(StoreError::Corrupt { what, call: Some(call) }) => {
                self.context.damage.note(&format!("call {call}"), Some(&call), &what);
            }
            Err(e) if is_of_the_row(&e) => {
                self.context.conn.read_on()?;
                let reads_calls = self.sql == CALL_AT || self.sql == UNNOTIFIED_AT;
                let table = if reads_calls { CALLS_TABLE } else { "attempts" };
                self.context.damage.note_place(&format!("row {place} of {table}"), &e.to_string());
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

/// Whether an error in reading one row may be that row's own. Damage has many faces: a length that cannot be reads like a lack
/// of memory or like a text that is too long, a sector that cannot be read like a disk that fails. Where it is more than one
/// row's trouble, the list of places fails too.
fn is_of_the_row(e: &StoreError) -> bool {
    matches!(
        e,
        StoreError::Corrupt { .. } | StoreError::Refused { .. } | StoreError::Full { .. } | StoreError::Broken { .. }
    )
}

fn one_of<T>(
    context: ReadContext<'_>,
    one: &mut Statement<'_>,
    place: i64,
    read: &impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut found = one.query([place])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let Some(call) = maybe_str_at(row, 0).map_err(|_| rows::corrupt("call_id"))? else {
        return Err(StoreError::Corrupt { what: "an attempt belongs to no call".into(), call: None });
    };
    if context.damage.leaves_out(call) {
        return Ok(None);
    }
    read(row).map(Some).map_err(|e| rows::of_call(call, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn what_the_damage_of_a_row_may_look_like_stops_no_list_and_what_passes_does() {
        for (code, own) in [
            (ffi::SQLITE_CORRUPT, true),
            (ffi::SQLITE_NOMEM, true),
            (ffi::SQLITE_TOOBIG, true),
            (ffi::SQLITE_IOERR_READ, true),
            (ffi::SQLITE_IOERR_SHORT_READ, true),
            (ffi::SQLITE_BUSY, false),
            (ffi::SQLITE_LOCKED, false),
        ] {
            let e = StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            assert_eq!(is_of_the_row(&e), own, "{code}: {e:?}");
        }
        assert!(!is_of_the_row(&StoreError::Closed));
    }
}
