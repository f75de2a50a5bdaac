//! SQLite's own check of its file: slow, for people.

use crate::store::{StoreError, Unreadable};

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
