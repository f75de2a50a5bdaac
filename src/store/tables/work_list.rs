//! Lists of work: which rows wait for the engine, each read by itself, so that one that cannot be read hides no other.
//!
//! After a crash there is nothing to know: the lists are read anew. Each method of `Queues` calls it.

use super::load::maybe_str_at;
use super::reads::{CALL_AT, CALLS_TABLE, ReadContext, UNNOTIFIED_AT, at_most};
use crate::store::sql::{For, OwnedValue, Params, Row, Statement};
use crate::store::{StoreError, rows};

/// The rows of a list of work, up to `limit` of those that can be read. `places` gives row numbers in their order, `one` reads
/// one of them; its first column is the id of the call, or null where the row belongs to none.
pub(in crate::store) fn work<T>(
    context: ReadContext<'_>,
    (places, with): (&str, impl Params),
    one: &'static str,
    limit: usize,
    read: impl Fn(Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let reads_calls = one == CALL_AT || one == UNNOTIFIED_AT;
    let with = with.owned()?;
    let list = format!("{places} LIMIT ?{} OFFSET ?{}", with.len() + 1, with.len() + 2);
    let (mut list, mut one_place) = (context.conn.prepare_cached(&list)?, context.conn.prepare_cached(one)?);
    let mut out = Vec::new();
    let mut seen = 0;
    // What cannot be read hides nothing behind it.
    while out.len() < limit {
        let most = limit.saturating_sub(out.len());
        let bounds = [at_most(most).into(), at_most(seen).into()];
        let with: Vec<OwnedValue> = with.iter().cloned().chain(bounds).collect();
        let mut found = list.query(with)?;
        let mut places: Vec<i64> = Vec::new();
        while let Some(place) = found.next()? {
            places.push(place.get(0)?);
        }
        context.conn.foresee(|| places.iter().map(|place| (For::This, (one, vec![(*place).into()]))).collect())?;
        for place in &places {
            match one_of(context, &mut one_place, *place, &read) {
                Ok(line) => out.extend(line),
                Err(StoreError::Corrupt { what, call: Some(call) }) => {
                    context.damage.note(&format!("call {call}"), Some(&call), &what);
                }
                Err(e) if is_of_the_row(&e) => {
                    let table = if reads_calls { CALLS_TABLE } else { "attempts" };
                    context.damage.note_place(&format!("row {place} of {table}"), &e.to_string());
                }
                Err(e) => return Err(e),
            }
        }
        seen += places.len();
        if places.len() < most {
            break;
        }
    }
    Ok(out)
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
