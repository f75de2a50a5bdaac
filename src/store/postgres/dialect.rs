//! Statements as PostgreSQL takes them.
//!
//! The shared ones are in what both databases know, but for four things of SQLite's that each have one form: how a value is
//! numbered, which index is to be walked (PostgreSQL decides by itself), in which order tables are joined, and the end of a text.

/// The statement in PostgreSQL's form. What is within quotes has none of these.
pub(super) fn translated(sql: &str) -> String {
    let sql = sql.replace("CROSS JOIN", "JOIN").replace("substr(caller, -7)", "right(caller, 7)");
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql.as_str();
    while let Some(at) = rest.find(['?', 'I']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(of) = from.strip_prefix("INDEXED BY ") {
            let end = of.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(of.len());
            rest = &of[end..];
            continue;
        }
        let (first, after) = from.split_at(1);
        out.push_str(if first == "?" { "$" } else { first });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether it changes nothing.
pub(super) fn is_read(sql: &str) -> bool {
    let sql = sql.trim_start();
    sql.starts_with("SELECT") || sql.starts_with("WITH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_sqlite_says_is_said_as_postgresql_does() {
        for (sqlite, postgres) in [
            ("SELECT 1 FROM calls WHERE id = ?1 AND x IN (?12)", "SELECT 1 FROM calls WHERE id = $1 AND x IN ($12)"),
            ("SELECT a FROM t INDEXED BY t_by_a WHERE a = ?1", "SELECT a FROM t  WHERE a = $1"),
            ("FROM a INDEXED BY i CROSS JOIN b ON b.x = a.x", "FROM a  JOIN b ON b.x = a.x"),
            ("WHERE substr(caller, -7) = ?1", "WHERE right(caller, 7) = $1"),
            ("INSERT INTO t VALUES (?1)", "INSERT INTO t VALUES ($1)"),
        ] {
            assert_eq!(translated(sqlite), postgres);
        }
        assert!(is_read("\n SELECT 1") && is_read("WITH a AS (SELECT 1) SELECT 2") && !is_read("UPDATE t SET a = 1"));
    }
}
