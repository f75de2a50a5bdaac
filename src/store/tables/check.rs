//! Looks through the whole store for what no list of work would show: slow, for people.

use super::database::Database;
use super::load::{call_state, maybe_str_at, str_at};
use super::reads::at_most;
use crate::store::sql::Connection;
use crate::store::{CheckedPart, StoreError, Unreadable};

/// Every call that is not over, whatever its status says.
const NOT_OVER: &str = "SELECT id FROM calls WHERE status NOT IN ('RESOLVED', 'CANCELLED') ORDER BY rowid";
const ALL: &str = "SELECT id FROM calls ORDER BY rowid";

/// What must hold of rows that the schema alone does not watch: the words for it, and the rows of which it does not hold, each with
/// its call.
const RULES: &[(&str, &str)] = &[
    (
        "its wake time does not fit its status",
        "SELECT 'call ' || id, id FROM calls WHERE (status = 'DISPATCHING' AND wake_at IS NULL)
             OR (status NOT IN ('DISPATCHING', 'DEFERRED') AND wake_at IS NOT NULL) LIMIT ?1",
    ),
    (
        "it has more attempts than it has counted",
        "SELECT 'call ' || id, id FROM calls c
             WHERE attempts < (SELECT COALESCE(max(number), 0) FROM attempts a WHERE a.call_id = c.id) LIMIT ?1",
    ),
    (
        "it takes its call for open where that is over, or the other way round",
        "SELECT 'attempt ' || lower(hex(a.id)), a.call_id FROM attempts a JOIN calls c ON c.id = a.call_id
             WHERE (a.call_open = 1) <> (c.status NOT IN ('RESOLVED', 'CANCELLED')) LIMIT ?1",
    ),
    (
        "it waits to be sent, and its call is over",
        "SELECT 'attempt ' || lower(hex(a.id)), a.call_id FROM attempts a JOIN calls c ON c.id = a.call_id
             WHERE a.kind = 'notice' AND a.state IN ('scheduled', 'retrying') AND c.status IN ('RESOLVED', 'CANCELLED') LIMIT ?1",
    ),
    (
        "it is over and does not say since when",
        "SELECT 'call ' || id, id FROM calls WHERE status IN ('RESOLVED', 'CANCELLED') AND closed_at IS NULL LIMIT ?1",
    ),
];

/// Rows that belong to nothing.
const ORPHANS: &[(&str, &str)] = &[
    (
        "it belongs to no call",
        "SELECT 'attempt ' || lower(hex(id)), call_id FROM attempts a
             WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = a.call_id) LIMIT ?1",
    ),
    (
        "it belongs to no call",
        "SELECT 'a notice of ' || call_id, call_id FROM notices n
             WHERE NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = n.call_id) LIMIT ?1",
    ),
    (
        "it serves a notice that is not there",
        "SELECT 'attempt ' || lower(hex(id)), call_id FROM attempts a WHERE kind = 'notice' AND NOT EXISTS
             (SELECT 1 FROM notices n WHERE n.call_id = a.call_id AND n.round = a.round AND n.step = a.step AND n.contact = a.contact)
             LIMIT ?1",
    ),
    (
        "it is joined to an attempt that is not there",
        "SELECT 'receipt ' || CAST(seq AS text), CAST(NULL AS text) FROM receipts r WHERE joined IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = r.joined) LIMIT ?1",
    ),
    (
        "it is of a call that is not there",
        "SELECT 'reply ' || sid, call_id FROM inbound i WHERE call_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = i.call_id) LIMIT ?1",
    ),
    (
        "it is of a call that is not there",
        "SELECT 'phone call ' || id, call_id FROM phone_calls p WHERE call_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = p.call_id) LIMIT ?1",
    ),
    (
        "it tells of a call that is not there",
        "SELECT 'outbox row ' || key, substr(key, 6) FROM outbox o WHERE sink = 'mirror' AND substr(key, 1, 5) = 'call:'
             AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = substr(o.key, 6)) LIMIT ?1",
    ),
    (
        "it tells of an attempt that is not there",
        "SELECT 'outbox row ' || key, CAST(NULL AS text) FROM outbox o WHERE sink = 'mirror' AND substr(key, 1, 12) = 'attempt:att_'
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE lower(hex(a.id)) = substr(o.key, 13)) LIMIT ?1",
    ),
];

/// What is wrong with the file itself, with a call that is not over, or belongs to nothing.
pub(in crate::store) fn unreadable<D: Database>(
    conn: Connection<'_>,
    limit: usize,
) -> Result<Vec<Unreadable>, StoreError> {
    let mut wrong = D::damaged_places(conn, limit)?;
    let mut add = |row: String, call: Option<&str>, why: String| {
        wrong.push(Unreadable { row, call: call.and_then(|c| c.parse().ok()), why, repaired: false });
    };
    let looked = calls(conn, NOT_OVER, limit, &mut add)
        .and_then(|_| RULES.iter().chain(ORPHANS).try_for_each(|rule| broken(conn, *rule, limit, &mut add)));
    match looked {
        // The walk itself met damage: the check of the file has named it.
        Err(StoreError::Corrupt { what, .. }) => add("the walk through the calls".into(), None, what),
        other => other?,
    }
    wrong.truncate(limit);
    Ok(wrong)
}

type Add<'a> = &'a mut dyn FnMut(String, Option<&str>, String);

fn calls(conn: Connection<'_>, which: &str, limit: usize, add: Add<'_>) -> Result<u64, StoreError> {
    let mut statement = conn.prepare_cached(which)?;
    let mut found = statement.query([])?;
    let (mut bad, mut looked) = (0, 0);
    while bad < limit
        && let Some(row) = found.next()?
    {
        let id = str_at(row, 0)?;
        looked += 1;
        match call_state(conn, id) {
            Ok(_) => {}
            Err(StoreError::Corrupt { what, .. }) => {
                bad += 1;
                add(format!("call {id}"), Some(id), what);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(looked)
}

fn broken(conn: Connection<'_>, (why, sql): (&str, &str), limit: usize, add: Add<'_>) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([at_most(limit)])?;
    while let Some(row) = found.next()? {
        add(str_at(row, 0)?.to_owned(), maybe_str_at(row, 1)?, why.to_owned());
    }
    Ok(())
}

/// Every part of a look through the whole store.
pub(in crate::store) fn parts<D: Database>(conn: Connection<'_>, limit: usize) -> Result<Vec<CheckedPart>, StoreError> {
    let (in_file, unit, wrong) = D::checked_file(conn, limit)?;
    let mut parts = vec![CheckedPart { part: "file", looked_at: in_file, unit, wrong }];
    let (objects, wrong) = D::schema_differences(conn, limit)?;
    parts.push(CheckedPart { part: "schema", looked_at: objects, unit: "tables, indexes, triggers", wrong });
    parts.push(part("calls", "calls", limit, |add| calls(conn, ALL, limit, add))?);
    for (name, unit, rules) in [("rules", "rules", RULES), ("orphans", "kinds", ORPHANS)] {
        parts.push(part(name, unit, limit, |add| {
            rules.iter().try_for_each(|rule| broken(conn, *rule, limit, &mut *add))?;
            Ok(u64::try_from(rules.len()).unwrap_or(u64::MAX))
        })?);
    }
    Ok(parts)
}

fn part(
    part: &'static str,
    unit: &'static str,
    limit: usize,
    look: impl FnOnce(Add<'_>) -> Result<u64, StoreError>,
) -> Result<CheckedPart, StoreError> {
    let mut wrong = Vec::new();
    let looked = look(&mut |row, call, why| {
        wrong.push(Unreadable { row, call: call.and_then(|c| c.parse().ok()), why, repaired: false });
    });
    let looked_at = match looked {
        Ok(n) => n,
        // The walk met damage, which the look at the file has named.
        Err(StoreError::Corrupt { what, .. }) => {
            wrong.push(Unreadable {
                row: format!("the walk through the {unit}"),
                call: None,
                why: what,
                repaired: false,
            });
            0
        }
        Err(e) => return Err(e),
    };
    wrong.truncate(limit);
    Ok(CheckedPart { part, looked_at, unit, wrong })
}
