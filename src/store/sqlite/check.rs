//! SQLite's own check of its file: slow, for people.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::open;
use crate::store::{StoreError, Unreadable};

const OBJECTS: &str =
    "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";

/// SQLite's own check, of pages, cells and indexes. Where it breaks off, each table has one of its own: which of them is
/// damaged is worth knowing.
pub(super) fn file(conn: &rusqlite::Connection, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
    let limit = limit.clamp(1, 100);
    let mut wrong = Vec::new();
    match says(conn, &format!("PRAGMA integrity_check({limit})"), "the file", &mut wrong) {
        // The check itself met damage; what it had named before stands.
        Err(StoreError::Corrupt { .. }) => {}
        done => return done.map(|()| wrong),
    }
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\"%'")?;
    let names: Vec<String> = names.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        let row = format!("the file, table {name}");
        match says(conn, &format!("PRAGMA integrity_check(\"{name}\")"), &row, &mut wrong) {
            Err(StoreError::Corrupt { what, .. }) => {
                wrong.push(Unreadable { row, call: None, why: what, repaired: false })
            }
            done => done?,
        }
    }
    Ok(wrong)
}

fn says(conn: &rusqlite::Connection, sql: &str, what: &str, wrong: &mut Vec<Unreadable>) -> Result<(), StoreError> {
    let mut check = conn.prepare(sql)?;
    let mut found = check.query([])?;
    while let Some(row) = found.next()? {
        let why: String = row.get(0)?;
        if why != "ok" {
            wrong.push(Unreadable { row: what.to_owned(), call: None, why, repaired: false });
        }
    }
    Ok(())
}

/// What the schema of a store has otherwise than the migrations make it: somebody has changed it by hand. An index or a table more
/// harms nobody; a trigger does things.
pub(super) fn schema(conn: &Connection, limit: usize) -> Result<(u64, Vec<Unreadable>), StoreError> {
    let (is, made) = (objects(conn)?, objects(&open::made_anew()?)?);
    let mut wrong = Vec::new();
    for (name, sql) in &made {
        let why = match is.get(name) {
            None => "it is missing",
            Some(other) if other != sql => "it is not as this version makes it",
            Some(_) => continue,
        };
        wrong.push(Unreadable { row: format!("the {name}"), call: None, why: why.to_owned(), repaired: false });
    }
    for name in is.keys().filter(|name| name.starts_with("trigger ") && !made.contains_key(*name)) {
        let why = "this version makes none of that name".to_owned();
        wrong.push(Unreadable { row: format!("the {name}"), call: None, why, repaired: false });
    }
    wrong.truncate(limit);
    Ok((u64::try_from(made.len()).unwrap_or(u64::MAX), wrong))
}

/// By name, what each was made by, in one form of spaces.
fn objects(conn: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let mut all = conn.prepare(OBJECTS)?;
    let all = all.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    let one_form = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(all.map(|o| o.map(|(name, sql)| (name, one_form(sql)))).collect::<Result<_, _>>()?)
}
