//! A store in a file is moved to a server.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::store::contract::fixtures::{at, call, entry, full_call, put, stored};
use crate::store::migrate::Moved;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::bulk;
use crate::store::{
    Control as _, Ledger as _, Location, LogFilter, PostgresUrl, StoreError, StoreSettings, Views as _, migrate,
};
use crate::testing::postgres_server::{TestServer, test_server};
use crate::testing::store_at;

struct Move {
    dir: tempfile::TempDir,
    server: &'static TestServer,
    url: String,
}

impl Move {
    /// A store in a file with something in many tables, and an empty database; `None`, said aloud: there is no server.
    async fn new() -> Option<Self> {
        let server = tokio::task::spawn_blocking(test_server).await.expect("no panic")?;
        let url = tokio::task::spawn_blocking(|| server.database("postgres")).await.expect("no panic")?;
        let this = Self { dir: tempfile::tempdir().expect("dir"), server, url };
        let store = SqliteStore::open(this.file()).expect("opens");
        put(&store, full_call("call_1")).await.expect("put");
        put(&store, call("many", at(0))).await.expect("put");
        store.append_log(vec![entry(Some("call_1"), at(1), "said\0aloud")]).await.expect("log");
        store
            .post_request("refresh", serde_json::json!({ "a": 1 }), &crate::domain::types::Actor("Dana".into()), at(2))
            .await
            .expect("asked");
        store.link_key([7; 32]).await.expect("a key");
        drop(store);
        bulk::of(&this.path(), "many", 1_500);
        Some(this)
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("s.db")
    }

    fn file(&self) -> StoreSettings {
        store_at(&self.path())
    }

    fn database(&self) -> StoreSettings {
        StoreSettings { location: Location::Postgres(PostgresUrl::new(&self.url)), ..store_at(Path::new("")) }
    }

    async fn run(&self) -> Result<Moved, StoreError> {
        let (from, to) = (self.file(), self.database());
        tokio::task::spawn_blocking(move || migrate(&from, &to)).await.expect("no panic")
    }

    /// How many rows each table of the file has.
    fn counts(&self) -> BTreeMap<String, i64> {
        let raw = rusqlite::Connection::open(self.path()).expect("opens");
        let mut all = raw
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .expect("sql");
        let names: Vec<String> =
            all.query_map([], |r| r.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows");
        let count =
            |name: &String| raw.query_row(&format!("SELECT count(*) FROM {name}"), [], |r| r.get(0)).expect("count");
        names.iter().map(|name| (name.clone(), count(name))).collect()
    }

    fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.url, sql)
    }
}

async fn opened(settings: StoreSettings) -> PostgresStore {
    tokio::task::spawn_blocking(move || PostgresStore::open(settings)).await.expect("no panic").expect("opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_moved_the_numbers_go_on_and_the_file_takes_nothing_more() {
    let Some(m) = Move::new().await else { return };
    // A process that has it open, as a command that watches its call.
    let watching = SqliteStore::open(m.file()).expect("opens");
    let (before, kept) = (m.counts(), stored(&watching, "many-1500").await);
    let log = watching.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    let moved = m.run().await.expect("moved");
    assert!(!moved.was_copied && moved.rows > 3_000 && moved.tables > 30, "{moved:?}");
    for (table, rows) in before.iter().filter(|(table, _)| *table != "meta") {
        assert_eq!(m.psql(&format!("SELECT count(*) FROM {table}")), rows.to_string(), "{table}");
    }
    let store = opened(m.database()).await;
    assert_eq!(stored(&store, "many-1500").await, kept);
    assert_eq!(store.link_key([8; 32]).await.expect("a key"), [7; 32], "links that were sent still work");
    let moved_log = store.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    assert_eq!(moved_log.len(), log.len());
    assert_eq!(moved_log.iter().map(|l| l.seq).collect::<Vec<_>>(), log.iter().map(|l| l.seq).collect::<Vec<_>>());
    store.append_log(vec![entry(None, at(9), "after")]).await.expect("goes on");
    let last = store.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    assert!(last.iter().all(|l| l.entry.message != "after" || log.iter().all(|old| old.seq < l.seq)), "{last:?}");
    let got = watching.append_log(vec![entry(None, at(9), "lost")]).await;
    assert!(got.is_err(), "the file takes no change any more");
    drop(watching);
    let got = SqliteStore::open(m.file()).map(drop);
    assert!(
        matches!(&got, Err(StoreError::WrongFile { what, .. }) if what.contains("postgres://") && what.contains("store.url")),
        "{got:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_the_commit_leaves_the_file_and_after_it_the_next_run_compares_and_marks() {
    let Some(m) = Move::new().await else { return };
    // The server ends the transaction in the middle: as the end of the process, nothing of it was there.
    let raw = rusqlite::Connection::open(m.path()).expect("opens");
    raw.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE calls SET muted = 7 WHERE id = 'many-700'")
        .expect("damaged");
    let got = m.run().await;
    assert!(matches!(&got, Err(StoreError::Refused { what }) if what.contains("call_muted_is_a_truth")), "{got:?}");
    assert_eq!(m.psql("SELECT to_regclass('calls') IS NULL"), "t", "the database is as it was");
    raw.execute_batch("UPDATE calls SET muted = 0 WHERE id = 'many-700'").expect("mended");
    drop(SqliteStore::open(m.file()).expect("the file is as it was"));
    m.run().await.expect("moved");
    // As if the process had ended between both commits.
    let unmark = || {
        let mut named = raw
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%_moved_%'")
            .expect("sql");
        let names: Vec<String> =
            named.query_map([], |r| r.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows");
        assert!(names.len() > 90, "{names:?}");
        names.iter().for_each(|name| raw.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped"));
        raw.execute_batch("DELETE FROM meta WHERE key = 'moved_to'").expect("unmarked");
    };
    unmark();
    let again = m.run().await.expect("compared and marked");
    assert!(again.was_copied, "{again:?}");
    assert!(SqliteStore::open(m.file()).is_err(), "marked");
    unmark();
    raw.execute_batch("UPDATE calls SET muted = 1 WHERE id = 'many-700'").expect("changed");
    let got = m.run().await;
    assert!(matches!(&got, Err(StoreError::Corrupt { what, .. }) if what.contains("table calls")), "{got:?}");
    raw.execute_batch("UPDATE calls SET muted = 0 WHERE id = 'many-700'").expect("as before");
    // Somebody works on the copy already.
    let store = opened(m.database()).await;
    store.append_log(vec![entry(None, at(9), "after")]).await.expect("goes on");
    let got = m.run().await;
    assert!(
        matches!(&got, Err(StoreError::Open { source, .. }) if source.to_string().contains("changed since")),
        "{got:?}"
    );
    drop(SqliteStore::open(m.file()).expect("the file is as it was"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_anything_in_it_is_left_as_it_was() {
    let Some(m) = Move::new().await else { return };
    m.psql("CREATE TABLE of_another_program (id int)");
    let got = m.run().await;
    assert!(matches!(&got, Err(StoreError::Open { source, .. }) if source.to_string().contains("empty")), "{got:?}");
    m.psql("DROP TABLE of_another_program");
    drop(opened(m.database()).await);
    let got = m.run().await;
    assert!(matches!(&got, Err(StoreError::Open { source, .. }) if source.to_string().contains("already")), "{got:?}");
    drop(SqliteStore::open(m.file()).expect("the file is as it was"));
}
