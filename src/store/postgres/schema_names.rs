//! What a store in a database must have by name: tables, indexes, triggers. Their content is the server's to keep.

use std::collections::BTreeSet;

use super::versions::MIGRATIONS;
use crate::store::sql::Connection;
use crate::store::{StoreError, Unreadable};

const THERE: &str = "SELECT CASE c.relkind WHEN 'r' THEN 'table ' ELSE 'index ' END || CAST(c.relname AS text)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'i')
    UNION ALL SELECT 'trigger ' || CAST(t.tgname AS text)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND NOT t.tgisinternal";

/// How many objects the migrations make, and which of them are not there.
pub(super) fn missing(conn: Connection<'_>, limit: usize) -> Result<(u64, Vec<Unreadable>), StoreError> {
    let mut there = BTreeSet::new();
    let mut statement = conn.prepare_cached(THERE)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        there.insert(row.get::<String>(0)?);
    }
    let made = made();
    let lost = made.iter().filter(|name| !there.contains(*name)).take(limit);
    let wrong = lost.map(|name| Unreadable {
        row: format!("the {name}"),
        call: None,
        why: "it is missing".to_owned(),
        repaired: false,
    });
    Ok((u64::try_from(made.len()).unwrap_or(u64::MAX), wrong.collect()))
}

/// The names that the migrations leave.
fn made() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in MIGRATIONS.iter().flat_map(|m| m.sql.lines()) {
        let words: Vec<&str> = statement.split_whitespace().filter(|w| *w != "UNIQUE").collect();
        let kind = words.get(1).map(|k| k.to_lowercase());
        let Some(kind) = kind.filter(|k| matches!(k.as_str(), "table" | "index" | "trigger")) else { continue };
        let name = words.get(2).map(|n| n.trim_end_matches([';', '('])).unwrap_or_default();
        match words.first() {
            Some(&"CREATE") => drop(names.insert(format!("{kind} {name}"))),
            Some(&"DROP") => drop(names.remove(&format!("{kind} {name}"))),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_read_from_the_migrations() {
        let made = made();
        for name in ["table calls", "index attempts_in_doubt", "index calls_by_key", "trigger call_is_never_deleted"] {
            assert!(made.contains(name), "{name}: {made:?}");
        }
        assert!(made.len() > 60, "{made:?}");
    }
}
