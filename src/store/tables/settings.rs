//! The settings in force: rows that are only added, and whom the newest names to be told of changes.

use crate::store::sql::{Connection, Row, params};
use serde_json::{Value, json};

use super::{calendars, overrides, save, synced_contacts};
use crate::domain::alert::{Severity, SinkTarget};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::settings::{Basis, NewSettings, SettingsNumber, SettingsRow, Target};
use crate::domain::types::{Actor, Timestamp};
use crate::store::{Peeked, StoreError, rows};

const NEWEST: &str = "SELECT number, document, places, actor, role, at FROM settings ORDER BY number DESC LIMIT 1";
const BASIS: &str = "SELECT (SELECT max(number) FROM settings), (SELECT read_at FROM roster WHERE slot = 1),
    (SELECT max(changed) FROM overrides), (SELECT max(changed) FROM calendars)";
/// The basis, and whether there is anything at all in the tables that most decisions find empty.
pub(super) const SURROUNDINGS: &str = "SELECT (SELECT max(number) FROM settings), (SELECT read_at FROM roster WHERE slot = 1),
    (SELECT max(changed) FROM overrides), (SELECT max(changed) FROM calendars), EXISTS (SELECT 1 FROM breakers), EXISTS (SELECT 1 FROM opt_outs)";
pub(super) const TARGETS: &str = "SELECT name, min FROM targets ORDER BY name";
const INSERT: &str = "INSERT INTO settings (number, document, places, actor, role, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE_PLACES: &str = "UPDATE settings SET places = ?2 WHERE number = ?1";
const INSERT_TARGET: &str = "INSERT INTO targets (name, min) VALUES (?1, ?2)";
/// The mirror's name among the targets; a sink's begins with [`SINK`].
const MIRROR: &str = "mirror";
const SINK: &str = "sink:";

pub(in crate::store) fn newest(conn: Connection<'_>) -> Result<Option<SettingsRow>, StoreError> {
    let read = |r: Row<'_>| {
        let (document, places): (String, String) = (r.get(1)?, r.get(2)?);
        let rest: (i64, String, String, i64) = (r.get(0)?, r.get(3)?, r.get(4)?, r.get(5)?);
        Ok((document, places, rest))
    };
    let found = conn.prepare_cached(NEWEST)?.query_maybe([], read)?;
    let Some((document, places, (number, actor, role, at))) = found else { return Ok(None) };
    Ok(Some(SettingsRow {
        number: SettingsNumber(number),
        document: rows::from_json("settings.document", &document)?,
        places: rows::from_json("settings.places", &places)?,
        actor: Actor(actor),
        role,
        at: Timestamp::from_millis(at),
    }))
}

/// What decisions are based on now; read in the transaction that decides.
pub(in crate::store) fn basis(conn: Connection<'_>) -> Result<Basis, StoreError> {
    conn.prepare_cached(BASIS)?.query_row([], basis_of)
}

fn basis_of(row: Row<'_>) -> Result<Basis, StoreError> {
    let (settings, contacts): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
    let (settings, contacts) = (settings.map(SettingsNumber), contacts.map(Timestamp::from_millis));
    Ok(Basis { settings, contacts, overrides: row.get(2)?, calendars: row.get(3)? })
}

/// What surrounds a decision, asked once: where a table is empty, no row of it is looked for.
pub(in crate::store) struct Surroundings {
    pub(in crate::store) basis: Basis,
    pub(in crate::store) has_breakers: bool,
    pub(in crate::store) has_opt_outs: bool,
}

/// Read in the transaction that decides.
pub(in crate::store) fn surroundings(conn: Connection<'_>) -> Result<Surroundings, StoreError> {
    let read = |r: Row<'_>| Ok(Surroundings { basis: basis_of(r)?, has_breakers: r.get(4)?, has_opt_outs: r.get(5)? });
    conn.prepare_cached(SURROUNDINGS)?.query_row([], read)
}

/// Who is told of changes by the settings in force.
pub(in crate::store) fn targets(conn: Connection<'_>) -> Result<Vec<Target>, StoreError> {
    let mut statement = conn.prepare_cached(TARGETS)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let (name, min): (String, String) = (row.get(0)?, row.get(1)?);
        all.push(match name.strip_prefix(SINK) {
            Some(sink) => {
                let min = rows::word("targets.min", Severity::parse(&min))?;
                Target::Sink(SinkTarget { name: sink.to_owned(), min })
            }
            None => Target::Mirror,
        });
    }
    Ok(all)
}

/// Puts settings in force. The same ones again keep their number; their places are kept up to date.
pub(in crate::store) fn put(conn: Connection<'_>, new: &NewSettings) -> Result<SettingsRow, StoreError> {
    let before = newest(conn)?;
    // Of a process that brings none, those of the engine stand: they are for its start.
    let kept = before.as_ref().map(|b| b.places.clone()).unwrap_or_default();
    let new_places = new.places.clone().unwrap_or(kept);
    let places = rows::to_json("places", &new_places)?;
    let mut wanted = new.targets.clone();
    wanted.sort();
    if let Some(before) = &before
        && before.document == new.document
        && targets(conn)? == wanted
    {
        conn.prepare_cached(UPDATE_PLACES)?.execute(params![before.number.0, places])?;
        return Ok(SettingsRow { places: new_places, ..before.clone() });
    }
    let number = SettingsNumber(before.as_ref().map_or(1, |b| b.number.0.saturating_add(1)));
    let document = rows::to_json("settings", &new.document)?;
    conn.prepare_cached(INSERT)?.execute(params![
        number.0,
        document,
        places,
        new.actor.0,
        new.role,
        new.at.as_millis()
    ])?;
    conn.prepare_cached("DELETE FROM targets")?.execute([])?;
    for target in &wanted {
        let (name, min) = match target {
            Target::Mirror => (MIRROR.to_owned(), Severity::Notice),
            Target::Sink(sink) => (save::sink_row(&sink.name), sink.min),
        };
        conn.prepare_cached(INSERT_TARGET)?.execute(params![name, min.as_str()])?;
    }
    let entry = LogEntry {
        kind: LogKind::SettingsInForce,
        at: new.at,
        call: None,
        attempt: None,
        actor: new.actor.clone(),
        message: format!("settings {number} are in force, put there by {}", new.role),
        data: json!({ "settings": number.0, "before": before.as_ref().map(|b| b.number.0).map_or(Value::Null, Value::from) }),
    };
    save::append_log(conn, &[entry])?;
    Ok(SettingsRow {
        number,
        document: new.document.clone(),
        places: new_places,
        actor: new.actor.clone(),
        role: new.role.clone(),
        at: new.at,
    })
}

/// What a store says before it is opened for more; one moment for all of it: what is read belongs to its basis.
///
/// # Errors
/// [`StoreError`]: nobody knows whether it holds settings.
pub(in crate::store) fn peeked(conn: Connection<'_>) -> Result<Peeked, StoreError> {
    let mut basis = basis(conn)?;
    let overrides = overrides::ending_after(conn, Timestamp::from_millis(0)).unwrap_or_else(|_| {
        // Whoever decides under this has not read them, and reads again.
        basis.overrides = None;
        Vec::new()
    });
    let contacts = synced_contacts::read(conn).ok().flatten();
    let calendars = calendars::kept(conn).unwrap_or_else(|_| {
        basis.calendars = None;
        Vec::new()
    });
    Ok(Peeked { settings: newest(conn)?, contacts, overrides, calendars, basis })
}
