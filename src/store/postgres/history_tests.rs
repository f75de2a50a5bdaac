//! Whether what a server lost is noticed: by any process that writes first, by whoever decides, and only then.

use std::path::Path;

use super::PostgresStore;
use super::tests::opened;
use crate::store::contract::fixtures::{at, call, entry, put};
use crate::store::{Control as _, Ledger as _, Location, PostgresUrl, StoreError, StoreSettings};
use crate::testing::postgres_server::{TestServer, test_server};
use crate::testing::store_at;

/// The server, as the store has it kept.
const KEPT: &str = "SELECT value FROM meta WHERE key = 'server'";

/// A database of a case's own.
struct Own {
    server: &'static TestServer,
    url: String,
}

impl Own {
    async fn fresh() -> Option<Self> {
        let made = tokio::task::spawn_blocking(|| {
            let server = test_server()?;
            Some(Self { server, url: server.database("postgres")? })
        });
        made.await.expect("no panic")
    }

    async fn opened(&self) -> PostgresStore {
        let location = Location::Postgres(PostgresUrl::new(&self.url));
        opened(StoreSettings { location, ..store_at(Path::new("")) }).await
    }

    async fn psql(&self, sql: &str) -> String {
        let (server, url, sql) = (self.server, self.url.clone(), sql.to_owned());
        tokio::task::spawn_blocking(move || server.psql(&url, &sql)).await.expect("no panic")
    }

    /// As after a failover: every connection ends.
    async fn end_connections(&self, change: &str) {
        let ends = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.psql(&format!("{change}; {ends}")).await;
    }
}

async fn doubt(store: &PostgresStore) -> Option<String> {
    store.history_doubt().await.expect("read").map(|d| d.why)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_noted_by_whoever_writes_first_until_it_is_found_out() {
    let Some(own) = Own::fresh().await else { return };
    let store = own.opened().await;
    assert_eq!(doubt(&store).await, None, "a new store");
    store.history_is_whole().await.expect("kept");
    let server = own.psql(KEPT).await;
    assert!(server.split(' ').count() == 3 && server.len() > 20, "an identifier, a timeline, a table: {server}");
    store.append_log(vec![entry(None, at(5), "before")]).await.expect("put");
    own.psql("UPDATE meta SET value = '1 00000001' WHERE key = 'server'").await;
    let other = own.opened().await;
    other.append_log(vec![entry(None, at(9), "after")]).await.expect("what comes meanwhile is taken");
    let noted = other.history_doubt().await.expect("read").expect("noted");
    assert!(noted.why.contains("another server"), "{noted:?}");
    assert_eq!(noted.newest, at(5), "that of before, whatever came since");
    assert_eq!(store.history_doubt().await.expect("read"), Some(noted), "everybody sees it");
    other.history_is_whole().await.expect("kept");
    assert_eq!(doubt(&store).await, None);
    assert_eq!(own.psql(KEPT).await, server);
    assert_eq!(doubt(&own.opened().await).await, None, "nor by a process that begins anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_less_than_was_seen_ends_the_terms_that_began_before() {
    let Some(own) = Own::fresh().await else { return };
    let store = own.opened().await;
    let lease = store.take_lease("serve").await.expect("free");
    let decides = store.under(&*lease).expect("terms");
    put(&*decides, call("before", at(5))).await.expect("put");
    store.version().await.expect("read");
    // A connection that is lost alone says nothing.
    own.end_connections("SELECT 1").await;
    put(&*decides, call("more", at(6))).await.expect("the same server goes on");
    store.version().await.expect("read");
    own.end_connections("UPDATE commits SET n = n - 1").await;
    let late = put(&*decides, call("late", at(7))).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    assert!(doubt(&store).await.is_some_and(|why| why.contains("1 transaction fewer")), "{:?}", doubt(&store).await);
    // What happened is taken from anybody, and the next term decides.
    put(&store, call("evidence", at(8))).await.expect("put");
    let anew = store.under(&*lease).expect("terms");
    put(&*anew, call("next", at(9))).await.expect("it looked first");
}
