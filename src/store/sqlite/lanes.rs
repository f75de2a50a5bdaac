//! The send list: which lanes have texts that wait, and the texts of some of them, each by one seek in an index that holds
//! nothing but what waits.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::load::str_at;
use super::reads::{Look, id_at_front, moment, work};
use crate::domain::attempt::AttemptKind;
use crate::domain::types::Timestamp;
use crate::store::{Lane, LaneKey, LanePlace, Sendable, StoreError, rows};

/// The next lane of the same priority, and the first of a later one. Two statements: a comparison of both columns together seeks
/// the beginning of the lane that was found and walks through all that waits in it.
pub(super) const NEXT_LANE: &str = "SELECT priority, lane FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority = ?1 AND lane > ?2 ORDER BY lane LIMIT 1";
pub(super) const NEXT_PRIORITY: &str = "SELECT priority, lane FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority > ?1 ORDER BY priority, lane LIMIT 1";

/// Leaps from lane to lane, however much waits in each.
pub(super) fn lanes(look: Look<'_>, after: Option<&LaneKey>, limit: usize) -> Result<Vec<LaneKey>, StoreError> {
    let mut next_lane = look.conn.prepare_cached(NEXT_LANE)?;
    let mut next_priority = look.conn.prepare_cached(NEXT_PRIORITY)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let mut at = after.map(|k| (rows::priority_rank(k.priority), k.lane.as_str().to_owned()));
    let mut found = Vec::new();
    while found.len() < limit {
        let mut next = match &at {
            Some((rank, lane)) => next_lane.query_row(params![rank, lane], read).optional()?,
            None => None,
        };
        if next.is_none() {
            let rank = at.as_ref().map_or(i64::MIN, |(rank, _)| *rank);
            next = next_priority.query_row([rank], read).optional()?;
        }
        let Some((rank, lane)) = next else { break };
        match rows::priority(rank) {
            Ok(priority) => found.push(LaneKey { priority, lane: Lane::from_stored(lane.clone()) }),
            Err(e) => look.damage.note(&format!("what waits with priority {rank}"), None, &e.to_string()),
        }
        at = Some((rank, lane));
    }
    Ok(found)
}

pub(super) const SENDABLE: &str = "SELECT rowid FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority = ?2 AND lane = ?3 AND (created_at, id) > (?4, ?5)
    AND not_before <= ?1 ORDER BY created_at, id";
/// Paperwork that is no JSON is its own call's trouble: as an error of SQL it would be everybody's.
const SENDABLE_AT: &str =
    "SELECT c.id, a.id, CASE WHEN json_valid(c.data) THEN c.data ->> '$.twilioToNumber' END, a.priority, a.kind,
    CASE a.kind WHEN 'answer' THEN a.sender END, a.created_at
    FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

/// A page of each of these lanes.
pub(super) fn sendable(
    look: Look<'_>,
    now: Timestamp,
    places: &[LanePlace],
    limit: usize,
) -> Result<Vec<Vec<Sendable>>, StoreError> {
    places.iter().map(|place| page(look, now, place, limit)).collect()
}

fn page(look: Look<'_>, now: Timestamp, place: &LanePlace, limit: usize) -> Result<Vec<Sendable>, StoreError> {
    let after = place.after.map_or((i64::MIN, Vec::new()), |(at, id)| (at.as_millis(), rows::id_bytes(id).to_vec()));
    let (rank, lane) = (rows::priority_rank(place.key.priority), place.key.lane.as_str());
    let with = params![now.as_millis(), rank, lane, after.0, after.1];
    work(look, (SENDABLE, with), SENDABLE_AT, limit, |row| {
        Ok(Sendable {
            attempt: rows::id_from(row.get(1)?),
            call: id_at_front(row)?,
            dialled: row.get(2)?,
            priority: rows::priority(row.get(3)?)?,
            kind: rows::word("attempts.kind", AttemptKind::from_word(str_at(row, 4)?))?,
            own: row.get::<_, Option<String>>(5)?.map(|s| rows::parsed("attempts.sender", &s)).transpose()?,
            created_at: Timestamp::from_millis(row.get(6)?),
        })
    })
}

pub(super) const NEXT_SENDABLE: &str = "SELECT not_before FROM attempts INDEXED BY attempts_waiting_by_time
    WHERE state IN ('scheduled', 'retrying') AND not_before > ?1 ORDER BY not_before LIMIT 1";

pub(super) fn next_sendable(conn: &Connection, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, NEXT_SENDABLE, [after.as_millis()])
}
