//! What is refused to a store that is open ends when somebody mends it.

use std::path::Path;

use super::tests::opened;
use crate::store::contract::fixtures::{at, call, put, stored};
use crate::store::tables::Database as _;
use crate::store::{Location, Password, PostgresUrl, StoreError, StoreSettings, Views as _};
use crate::testing::postgres_server::{TestServer, test_server};
use crate::testing::store_at;

async fn server() -> Option<&'static TestServer> {
    tokio::task::spawn_blocking(test_server).await.expect("no panic")
}

fn settings(url: PostgresUrl) -> StoreSettings {
    StoreSettings { location: Location::Postgres(url), ..store_at(Path::new("")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_changed_on_the_server_first_is_an_outage_until_the_file_has_it() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("rotated") else { return };
    server.psql(&server.url, "CREATE ROLE rotated LOGIN SUPERUSER PASSWORD 'first'");
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("password");
    std::fs::write(&file, "first").expect("written");
    let store = opened(settings(PostgresUrl::new(database).with_password(Password::File(file.clone())))).await;
    put(&store, call("before", at(0))).await.expect("put");
    let end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'rotated'";
    server.psql(&server.url, &format!("ALTER ROLE rotated PASSWORD 'second'; {end_all}"));
    for (label, prepare) in [("the old one", "first"), ("an empty file", "\n"), ("again the old one", "first")] {
        std::fs::write(&file, prepare).expect("written");
        let got = put(&store, call("refused", at(0))).await;
        assert!(matches!(got, Err(StoreError::Unreachable { .. })), "{label}: {got:?}");
        let got = store.breakers().await;
        assert!(matches!(got, Err(StoreError::Unreachable { .. })), "{label}: {got:?}");
    }
    std::fs::write(&file, "second\n").expect("written");
    put(&store, call("after", at(0))).await.expect("the outage is over");
    for id in ["before", "after"] {
        assert_eq!(stored(&store, id).await, call(id, at(0)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_cannot_be_rolled_back_for_want_of_its_connection_ends_nothing_for_good() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    let store = opened(settings(PostgresUrl::new(database))).await;
    let done = store.run_write(|conn| {
        conn.prepare_cached("UPDATE commits SET n = n")?.execute([])?;
        let own = "SELECT CAST(pg_backend_pid() AS bigint)";
        let pid: i64 = conn.prepare_cached(own)?.query_row([], |r| r.get(0))?;
        server.psql(&server.url, &format!("SELECT pg_terminate_backend({pid}, 5000)"));
        Err::<(), _>(StoreError::Refused { what: "a reason of its own".into() })
    });
    let got = done.await;
    assert!(matches!(got, Err(StoreError::Refused { .. } | StoreError::Unreachable { .. })), "{got:?}");
    put(&store, call("after", at(0))).await.expect("on another connection");
}
