//! A store in a database of a server of the tests' own.

use std::collections::BTreeSet;

use super::*;
use crate::store::contract::fixtures::{at, call, edit, entry, put, stored};
use crate::store::sql::Connection;
use crate::store::sqlite::SqliteStore;
use crate::store::tables::{Database as _, hot};
use crate::store::{Control as _, Location, LogFilter, PostgresUrl, StoreError, StoreMode, StoreSettings, Views as _};
use crate::testing::postgres::TestSchema;

pub(super) async fn opened(settings: StoreSettings) -> PostgresStore {
    let opened = tokio::task::spawn_blocking(move || PostgresStore::open(settings)).await;
    opened.expect("no panic").expect("opens")
}

/// A store in a schema of its own; `None`, said aloud: there is no PostgreSQL here.
async fn fresh() -> Option<(TestSchema, PostgresStore)> {
    let schema = TestSchema::fresh().await?;
    let store = opened(schema.settings()).await;
    Some((schema, store))
}

macro_rules! fresh_or_skip {
    () => {
        match fresh().await {
            Some(fresh) => fresh,
            None => return,
        }
    };
}

crate::store::contract::whole_contract!(fresh_or_skip!());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_commits_another_sees() {
    let (schema, store) = fresh_or_skip!();
    let other = opened(schema.settings()).await;
    put(&store, call("c", at(0))).await.expect("put");
    assert_eq!(stored(&other, "c").await, call("c", at(0)));
}

/// The tables and their columns, of the backend that a connection is of.
fn columns(all: Vec<(String, String)>) -> BTreeSet<(String, String)> {
    // Of PostgreSQL alone: the number of a row, and of the commits, and the lease.
    all.into_iter().filter(|(table, column)| table != "commits" && table != "engine" && column != "rowid").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_tables_and_columns() {
    let (_schema, store) = fresh_or_skip!();
    let dir = tempfile::tempdir().expect("dir");
    let file = crate::testing::store_at(&dir.path().join("s.db"));
    drop(SqliteStore::open(file).expect("opens"));
    let raw = rusqlite::Connection::open(dir.path().join("s.db")).expect("opens");
    let sql = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let mut all = raw.prepare(sql).expect("sql");
    let all = all.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).expect("rows");
    let in_file = columns(all.collect::<Result<_, _>>().expect("rows"));
    let sql = "SELECT CAST(table_name AS text), CAST(column_name AS text) FROM information_schema.columns
        WHERE table_schema = current_schema()";
    let read = store.read(move |conn| {
        let mut statement = conn.prepare_cached(sql)?;
        let mut found = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push((row.get(0)?, row.get(1)?));
        }
        Ok(all)
    });
    let on_server = columns(read.await.expect("read"));
    assert_eq!(in_file.difference(&on_server).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    assert_eq!(on_server.difference(&in_file).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hot_read_is_a_statement_of_postgresql() {
    let (_schema, store) = fresh_or_skip!();
    for (label, sql) in hot::reads() {
        let read = store.read(move |conn| {
            let Connection::Postgres(conn) = conn else { panic!("of a server") };
            let one = conn.prepare(&sql)?;
            // And what is asked for many at once is one too.
            conn.prepare_of_many(&one).map(drop)
        });
        read.await.expect(label);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_the_other_mode_and_a_database_without_one_are_refused_and_named_without_a_password() {
    let (schema, store) = fresh_or_skip!();
    let settings = StoreSettings { mode: StoreMode::Live, ..schema.settings() };
    let got = tokio::task::spawn_blocking(move || PostgresStore::open(settings).map(drop)).await.expect("no panic");
    assert!(matches!(&got, Err(StoreError::OtherMode { found, .. }) if found == "test"), "{got:?}");
    drop(store);
    let empty = TestSchema::fresh().await.expect("as before");
    let settings = StoreSettings { create: false, ..empty.settings() };
    let got = tokio::task::spawn_blocking(move || PostgresStore::open(settings).map(drop)).await.expect("no panic");
    assert!(matches!(&got, Err(StoreError::Open { .. })), "{got:?}");
    let url = PostgresUrl::new("postgres://user:secret@db.example.com/shop?options=-csecret");
    let settings = StoreSettings { location: Location::Postgres(url.clone()), ..empty.settings() };
    let got = tokio::task::spawn_blocking(move || PostgresStore::open(settings).map(drop)).await.expect("no panic");
    assert!(
        matches!(&got, Err(StoreError::Open { source, .. }) if source.to_string().contains("encrypted")),
        "{got:?}"
    );
    assert_eq!(url.to_string(), "postgres://user@db.example.com/shop");
    assert_eq!(format!("{url:?}"), "postgres://user@db.example.com/shop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_the_connections_is_connected_to_again_and_nothing_is_lost() {
    let (_schema, store) = fresh_or_skip!();
    put(&store, call("before", at(0))).await.expect("put");
    let ended = store.run_write(None, |conn| {
        let own = "SELECT pg_terminate_backend(pg_backend_pid())";
        conn.prepare_cached(own)?.query_row([], |r| r.get::<bool>(0))
    });
    let got = ended.await;
    assert!(matches!(got, Err(StoreError::Unreachable { .. })), "{got:?}");
    put(&store, call("after", at(0))).await.expect("connected again");
    assert_eq!(stored(&store, "before").await, call("before", at(0)));
    assert_eq!(stored(&store, "after").await, call("after", at(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_change_one_call_lose_nothing_and_the_log_grows_in_order() {
    let (schema, a) = fresh_or_skip!();
    let b = opened(schema.settings()).await;
    put(&a, call("c", at(0))).await.expect("put");
    let (of_a, of_b) = (a.version_of_others().await.expect("version"), b.version_of_others().await.expect("version"));
    put(&a, call("d", at(0))).await.expect("put");
    assert_eq!(a.version_of_others().await.expect("version"), of_a, "its own commit");
    assert_ne!(b.version_of_others().await.expect("version"), of_b, "another process committed");
    let fifty = |store| {
        futures_util::future::join_all((0..50).map(move |_| async move {
            edit(store, "c", |s| s.attempts[0].tries += 1).await.expect("changed");
            store.append_log(vec![entry(Some("c"), at(1), "tried")]).await.expect("log");
        }))
    };
    tokio::join!(fifty(&a), fifty(&b));
    assert_eq!(stored(&a, "c").await.attempts[0].tries, 100, "no change was lost between them");
    let log = a.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    assert_eq!(log.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_a_batch_that_take_their_time_keep_its_session() {
    let (_schema, store) = fresh_or_skip!();
    let names: Vec<String> = (0..8).map(|n| format!("c{n}")).collect();
    for name in &names {
        put(&store, call(name, at(0))).await.expect("put");
    }
    // While the first runs the others gather: together they take longer than a session may be silent.
    let slowly = names.iter().map(|name| {
        edit(&store, name, |s| {
            std::thread::sleep(std::time::Duration::from_millis(400));
            s.attempts[0].tries += 1;
        })
    });
    for done in futures_util::future::join_all(slowly).await {
        done.expect("committed");
    }
    for name in &names {
        assert_eq!(stored(&store, name).await.attempts[0].tries, 1, "{name}");
    }
}
