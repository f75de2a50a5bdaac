//! The send list: which lanes have texts that wait, and the texts of some of them, each by one seek in an index that holds
//! nothing but what waits.

use crate::store::sql::{Connection, Row, params};

use super::load::str_at;
use super::reads::{ReadContext, id_at_front, moment};
use super::work_list::work;
use crate::domain::attempt::{AttemptKind, Channel};
use crate::domain::types::Timestamp;
use crate::store::{SendQueue, SendQueueKey, SendQueuePosition, Sendable, StoreError, rows};

/// The next lane of the same priority, and the first of a later one. Two statements: a comparison of both columns together seeks
/// the beginning of the lane that was found and walks through all that waits in it.
pub(in crate::store) const NEXT_QUEUE: &str = "SELECT priority, lane FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority = ?1 AND lane > ?2 ORDER BY lane LIMIT 1";
pub(in crate::store) const NEXT_PRIORITY: &str = "SELECT priority, lane FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority > ?1 ORDER BY priority, lane LIMIT 1";

/// Leaps from lane to lane, however much waits in each.
pub(in crate::store) fn send_queues(
    context: ReadContext<'_>,
    after: Option<&SendQueueKey>,
    limit: usize,
) -> Result<Vec<SendQueueKey>, StoreError> {
    let mut next_queue = context.conn.prepare_cached(NEXT_QUEUE)?;
    let mut next_priority = context.conn.prepare_cached(NEXT_PRIORITY)?;
    let read = |row: Row<'_>| Ok((row.get::<i64>(0)?, row.get::<String>(1)?));
    let mut at = after.map(|k| (rows::priority_rank(k.priority), k.queue.as_str().to_owned()));
    let mut found = Vec::new();
    while found.len() < limit {
        let mut next = match &at {
            Some((rank, queue)) => next_queue.query_maybe(params![rank, queue], read)?,
            None => None,
        };
        if next.is_none() {
            let rank = at.as_ref().map_or(i64::MIN, |(rank, _)| *rank);
            next = next_priority.query_maybe([rank], read)?;
        }
        let Some((rank, queue)) = next else { break };
        match rows::priority(rank) {
            Ok(priority) => found.push(SendQueueKey { priority, queue: SendQueue::from_stored(queue.clone()) }),
            Err(e) => context.damage.note(&format!("what waits with priority {rank}"), None, &e.to_string()),
        }
        at = Some((rank, queue));
    }
    Ok(found)
}

pub(in crate::store) const SENDABLE: &str = "SELECT rowid FROM attempts INDEXED BY attempts_waiting
    WHERE state IN ('scheduled', 'retrying') AND priority = ?2 AND lane = ?3 AND (created_at, id) > (?4, ?5)
    AND not_before <= ?1 ORDER BY created_at, id";
/// Paperwork that is no JSON is its own call's trouble: as an error of SQL it would be everybody's.
const SENDABLE_AT: &str =
    "SELECT c.id, a.id, CASE WHEN json_valid(c.data) THEN json_extract(c.data, '$.twilioToNumber') END, a.priority, a.kind,
    CASE WHEN a.kind = 'answer' OR a.channel = 'email' THEN a.sender END, a.created_at, a.channel
    FROM attempts a LEFT JOIN calls c ON c.id = a.call_id WHERE a.rowid = ?1";

/// A page of each of these lanes.
pub(in crate::store) fn sendable(
    context: ReadContext<'_>,
    now: Timestamp,
    places: &[SendQueuePosition],
    limit: usize,
) -> Result<Vec<Vec<Sendable>>, StoreError> {
    places.iter().map(|place| page(context, now, place, limit)).collect()
}

fn page(
    context: ReadContext<'_>,
    now: Timestamp,
    place: &SendQueuePosition,
    limit: usize,
) -> Result<Vec<Sendable>, StoreError> {
    let after = place.after.map_or((i64::MIN, Vec::new()), |(at, id)| (at.as_millis(), rows::id_bytes(id).to_vec()));
    let (rank, queue) = (rows::priority_rank(place.key.priority), place.key.queue.as_str());
    let with = params![now.as_millis(), rank, queue, after.0, after.1];
    work(context, (SENDABLE, with), SENDABLE_AT, limit, |row| {
        Ok(Sendable {
            attempt: rows::id_from(row.get(1)?),
            call: id_at_front(row)?,
            dialled: row.get(2)?,
            priority: rows::priority(row.get(3)?)?,
            kind: rows::word("attempts.kind", AttemptKind::from_word(str_at(row, 4)?))?,
            own: row.get::<Option<String>>(5)?.map(|s| rows::parsed("attempts.sender", &s)).transpose()?,
            created_at: Timestamp::from_millis(row.get(6)?),
            channel: rows::word("attempts.channel", Channel::from_word(str_at(row, 7)?))?,
        })
    })
}

pub(in crate::store) const NEXT_SENDABLE: &str = "SELECT not_before FROM attempts INDEXED BY attempts_waiting_by_time
    WHERE state IN ('scheduled', 'retrying') AND not_before > ?1 ORDER BY not_before LIMIT 1";

pub(in crate::store) fn next_sendable(conn: Connection<'_>, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, NEXT_SENDABLE, [after.as_millis()])
}
