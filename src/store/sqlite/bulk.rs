//! Very many calls for tests: one after the other they would be another test's work.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

/// Calls `<call>-1`, `<call>-2`… up to `n`, each as `call` is now; its texts wait, if any of its do. Blocks.
pub(crate) fn of(path: &Path, call: &str, n: u32) {
    let conn = Connection::open(path).expect("opens");
    conn.busy_timeout(Duration::from_secs(10)).expect("timeout");
    conn.execute_batch("BEGIN IMMEDIATE; CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)").expect("begun");
    for i in 1..=n {
        conn.prepare_cached("INSERT INTO n VALUES (?1)").and_then(|mut s| s.execute([i])).expect("a number");
    }
    for (table, id) in [("calls", "id"), ("notices", "call_id"), ("attempts", "call_id")] {
        let columns: Vec<String> = conn
            .prepare("SELECT name FROM pragma_table_info(?1)")
            .and_then(|mut s| s.query_map([table], |r| r.get(0))?.collect())
            .expect("columns");
        let values = columns.iter().map(|c| match (table, c.as_str()) {
            (_, c) if c == id => format!("{id} || '-' || i"),
            ("attempts", "id") => "randomblob(16)".to_owned(),
            ("attempts", "sid") => "CASE WHEN sid IS NOT NULL THEN 'SM' || lower(hex(randomblob(16))) END".to_owned(),
            (_, c) => c.to_owned(),
        });
        let values: Vec<String> = values.collect();
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table}, n WHERE {id} = ?1",
            columns.join(", "),
            values.join(", ")
        );
        assert!(conn.execute(&sql, params![call]).expect("copied") >= usize::try_from(n).expect("a number"), "{table}");
    }
    conn.execute_batch("COMMIT").expect("committed");
}
