//! What somebody has changed by hand is found, each in its part.

use rusqlite::Connection;

use crate::store::contract::fixtures::{at, call, put};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store as _, StoreMode, StoreSettings, Views as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_by_hand_is_found_in_its_part_and_nothing_is_changed() {
    let table: &[(&str, &str, &str, &str)] = &[
        ("DROP TRIGGER call_is_never_deleted", "schema", "the trigger call_is_never_deleted", "missing"),
        ("DROP INDEX calls_by_wake", "schema", "the index calls_by_wake", "missing"),
        (
            "DROP INDEX calls_by_key; CREATE UNIQUE INDEX calls_by_key ON calls (id)",
            "schema",
            "the index calls_by_key",
            "not as this version makes it",
        ),
        (
            "CREATE TRIGGER helpful AFTER UPDATE ON calls BEGIN SELECT 1; END",
            "schema",
            "the trigger helpful",
            "makes none of that name",
        ),
        (
            "PRAGMA foreign_keys = OFF; UPDATE notices SET call_id = 'gone'",
            "orphans",
            "a notice of gone",
            "belongs to no call",
        ),
        (
            "INSERT INTO outbox (sink, key, version, since, attempts, next_at) VALUES ('mirror', 'call:gone', 1, 0, 0, 0)",
            "orphans",
            "outbox row call:gone",
            "a call that is not there",
        ),
        ("UPDATE attempts SET call_open = 0", "rules", "attempt ", "takes its call for open where that is over"),
        (
            "DROP TRIGGER call_numbers_only_grow; UPDATE calls SET attempts = 0",
            "rules",
            "call c",
            "more attempts than it has counted",
        ),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE calls SET wake_at = NULL",
            "rules",
            "call c",
            "wake time does not fit",
        ),
        ("UPDATE calls SET policy = '{'", "calls", "call c", ""),
    ];
    for (sql, part, row, why) in table {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s.db");
        let settings = StoreSettings { create: true, ..StoreSettings::of(path.as_path(), StoreMode::Test) };
        let store = SqliteStore::open(settings.clone()).expect("open");
        put(&store, call("c", at(0))).await.expect("put");
        Connection::open(&path).expect("opens").execute_batch(sql).expect(sql);
        let parts = store.checked(10).await.expect("looked");
        let named = parts.iter().filter(|p| p.part == *part).flat_map(|p| &p.wrong);
        let found = named.filter(|u| u.row.starts_with(row) && u.why.contains(why)).count();
        assert!(found > 0, "{sql}: {parts:#?}");
        assert_eq!(parts, store.checked(10).await.expect("looked"), "it only looks");
        store.close().await.expect("closed");
    }
}
