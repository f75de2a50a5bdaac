//! What reads cost among very many rows: each of the hot ones walks an index.

use serde_json::Value;

use super::dialect::translated;
use super::many::{read_of_many, write_of_many};
use super::tests::opened;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::store::StoreError;
use crate::store::contract::fixtures::{at, call, entry, put, put_in};
use crate::store::contract::lists::closed;
use crate::store::tables::hot;
use crate::store::{Ledger as _, Location};
use crate::testing::postgres::TestSchema;

/// Tables that grow with every call.
const LARGE: [&str; 4] = ["attempts", "calls", "log", "notices"];
/// As many as a large shop has in some years.
const ROWS: u32 = 100_000;

/// Copies of this call, as it is now, and of its entry in the log.
fn multiplied(columns: &dyn Fn(&str) -> Vec<String>) -> String {
    let mut sql = String::new();
    for (table, id) in [("calls", "id"), ("notices", "call_id"), ("attempts", "call_id"), ("log", "call_id")] {
        let columns: Vec<String> = columns(table).into_iter().filter(|c| c != "rowid" && c != "seq").collect();
        let values = columns.iter().map(|c| match (table, c.as_str()) {
            (_, c) if c == id => format!("{id} || '-' || i"),
            ("attempts", "id") => "decode(md5(i::text), 'hex')".to_owned(),
            ("attempts", "sid") => "'SM' || md5(i::text)".to_owned(),
            ("calls", "accepted_at" | "told_at" | "closed_at") => format!("{c} + i::bigint * 60000"),
            ("attempts", "created_at" | "not_before" | "sent_at") => format!("{c} + i::bigint * 60000"),
            ("calls", "reference") => "upper(left(md5(i::text), 4))".to_owned(),
            (_, c) => c.to_owned(),
        });
        let values: Vec<String> = values.collect();
        sql += &format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table}, generate_series(1, {ROWS}) i WHERE {id} = 'old'; ",
            columns.join(", "),
            values.join(", ")
        );
    }
    sql
}

/// The large tables that a plan reads whole.
fn walked(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            if let (Some("Seq Scan"), Some(table)) =
                (node.get("Node Type").and_then(Value::as_str), node.get("Relation Name").and_then(Value::as_str))
            {
                found.extend(LARGE.contains(&table).then(|| table.to_owned()));
            }
            node.values().for_each(|inner| walked(inner, found));
        }
        Value::Array(all) => all.iter().for_each(|inner| walked(inner, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_reads_walk_an_index_among_a_hundred_thousand_calls() {
    let Some(schema) = TestSchema::fresh().await else { return };
    let store = opened(schema.settings()).await;
    let mut old = call("old", at(0));
    put_in(&mut old.attempts[0], AttemptState::Delivered, 1, at(1));
    put(&store, closed(old, CallStatus::Resolved)).await.expect("put");
    put(&store, call("new", at(9))).await.expect("put");
    store.append_log(vec![entry(Some("old"), at(1), "said")]).await.expect("log");
    let Location::Postgres(url) = schema.settings().location else { panic!("a server") };
    let plans = tokio::task::spawn_blocking(move || {
        // By a way of its own: a statement of this size takes its time.
        let within = std::time::Duration::from_secs(300);
        let conn = super::PgConnection::open_within(&url, within, within)?;
        let columns = |table: &str| -> Vec<String> {
            let sql = format!(
                "SELECT string_agg(column_name, ' ') FROM information_schema.columns
                 WHERE table_schema = current_schema() AND table_name = '{table}' AND is_generated = 'NEVER'"
            );
            let all = conn.word(&sql).expect("columns").expect("some");
            all.split(' ').map(str::to_owned).collect()
        };
        conn.batch(&multiplied(&columns))?;
        conn.batch("ANALYZE; SET plan_cache_mode = force_generic_plan")?;
        let reads = hot::reads().into_iter().map(|(label, sql)| (label.to_owned(), translated(&sql)));
        let plans = planned(&conn, reads)?;
        Ok::<_, StoreError>(plans)
    });
    let plans = plans.await.expect("no panic").expect("planned");
    assert_eq!(plans.len(), hot::reads().len());
    none_walks_a_table(&plans);
}

/// Each statement, by what it does, with its plan for any values.
fn planned(
    conn: &super::PgConnection,
    statements: impl Iterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, StoreError> {
    statements
        .map(|(label, sql)| {
            conn.batch(&format!("PREPARE hot AS {sql}"))?;
            let count =
                "SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = 'hot'";
            let count: usize = conn.word(count)?.unwrap_or_default().parse().expect("a number");
            let nothing = vec!["NULL"; count].join(", ");
            let nothing = if count == 0 { String::new() } else { format!("({nothing})") };
            let plan = conn.word(&format!("EXPLAIN (FORMAT JSON) EXECUTE hot {nothing}"))?.unwrap_or_default();
            conn.batch("DEALLOCATE hot")?;
            Ok((label, plan))
        })
        .collect()
}

fn none_walks_a_table(plans: &[(String, String)]) {
    let mut wrong = Vec::new();
    for (label, plan) in plans {
        let mut found = Vec::new();
        walked(&serde_json::from_str(plan).expect("JSON"), &mut found);
        wrong.extend((!found.is_empty()).then(|| format!("{label}: {found:?}\n{plan}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_made_while_the_tables_are_empty_walks_an_index_too() {
    let Some(schema) = TestSchema::fresh().await else { return };
    drop(opened(schema.settings()).await);
    let Location::Postgres(url) = schema.settings().location else { panic!("a server") };
    let plans = tokio::task::spawn_blocking(move || {
        let within = std::time::Duration::from_secs(30);
        let conn = super::PgConnection::open_within(&url, within, within)?;
        conn.batch("SET plan_cache_mode = force_generic_plan")?;
        let mut statements = Vec::new();
        for (label, sql) in hot::reads() {
            let one = conn.prepare(&sql)?;
            let of_many = if one.is_read { read_of_many } else { write_of_many };
            statements.extend(of_many(&one.sql, one.statement.params()).map(|of| (format!("{label}, of many"), of)));
        }
        let reads = statements.len();
        for sql in [
            "UPDATE attempts SET state = ?2, poll_at = ?3 WHERE id = ?1",
            "UPDATE calls SET told_at = ?2 WHERE id = ?1",
            "UPDATE attempts SET lane = ?2 WHERE id = ?1 AND lane <> ?2",
        ] {
            let one = conn.prepare(sql)?;
            statements.extend(write_of_many(&one.sql, one.statement.params()).map(|of| (sql.to_owned(), of)));
        }
        assert_eq!(statements.len(), reads + 3, "each has a form for many");
        planned(&conn, statements.into_iter())
    });
    none_walks_a_table(&plans.await.expect("no panic").expect("planned"));
}
