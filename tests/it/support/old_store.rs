//! A store as an older version wrote it: its schema as it was released, filled with the rows of a store of today.

use rusqlite::Connection;

use super::stage::Stage;

/// The schemas that were released, oldest first; each goes on from the one before it.
const RELEASED: [&str; 2] = [
    include_str!("../../../src/store/sqlite/migrations/0001_initial.sql"),
    include_str!("../../../src/store/sqlite/migrations/0002_lanes.sql"),
];
/// Columns that are no more, and what stood in them.
const GONE: [(&str, &str); 1] = [("updated_at", "accepted_at")];

/// Makes the store a file of that version: every row that version had, in the columns that it had; what is raised waits in the
/// outbox for all sinks together.
pub(crate) fn make(stage: &Stage, version: usize) {
    let (new, old) = (stage.shop.path("shop.db"), stage.shop.path("old.db"));
    let conn = Connection::open(&old).expect("made");
    for schema in &RELEASED[..version] {
        conn.execute_batch(schema).expect("the schema");
    }
    conn.execute("ATTACH ?1 AS new", [new.to_str().expect("UTF-8")]).expect("attached");
    let mut tables =
        names(&conn, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    // An attempt needs its call.
    tables.sort_by_key(|t| t != "calls");
    for table in tables {
        let columns = names(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let kept = |c: &String| GONE.iter().find(|(gone, _)| gone == c).map_or(c.clone(), |(_, was)| (*was).to_owned());
        let values: Vec<String> = columns.iter().map(kept).collect();
        let copy =
            format!("INSERT INTO main.{table} ({}) SELECT {} FROM new.{table}", columns.join(", "), values.join(", "));
        conn.execute(&copy, []).unwrap_or_else(|e| panic!("{table}: {e}"));
    }
    conn.execute_batch(&format!(
        "INSERT INTO main.outbox (sink, key, version, since, attempts, next_at)
             SELECT 'alerts', key, 1, raised_at, 0, raised_at FROM main.alerts WHERE resolved_at IS NULL;
         DETACH new; PRAGMA application_id = 1684632432; PRAGMA user_version = {version};"
    ))
    .expect("stamped");
    drop(conn);
    for name in ["shop.db-wal", "shop.db-shm"] {
        let _ = std::fs::remove_file(stage.shop.path(name));
    }
    std::fs::rename(old, new).expect("in its place");
}

fn names(conn: &Connection, sql: &str) -> Vec<String> {
    let mut rows = conn.prepare(sql).expect("sql");
    let rows = rows.query_map([], |r| r.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("names")
}
