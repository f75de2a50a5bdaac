//! What is refused to a store that is open ends when somebody mends it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::tests::opened;
use crate::domain::database::Password;
use crate::store::contract::fixtures::{at, call, put, stored};
use crate::store::tables::Database as _;
use crate::store::{Location, PostgresUrl, StoreError, StoreSettings, Views as _};
use crate::testing::postgres_server::{TestServer, test_server};
use crate::testing::store_at;

/// Of the server, in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

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
    let done = store.run_write(None, |conn| {
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

/// What the way to the server does with a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtCommit {
    Passes,
    /// The way is cut before it.
    Lost,
    /// It reaches the server, and the way is cut before the answer.
    Unanswered,
}

/// A way to this database that is cut as it is told, and the URL by it.
fn cut_way(url: &str, server: &TestServer) -> (tempfile::TempDir, String, Arc<Mutex<AtCommit>>) {
    let own = server.dir.as_ref().expect("its own").clone();
    let dir = tempfile::Builder::new().prefix("dccut").tempdir_in("/tmp").expect("a directory");
    let listener = UnixListener::bind(dir.path().join(SOCKET)).expect("a socket");
    let plan = Arc::new(Mutex::new(AtCommit::Passes));
    let (by, told) = (url.replace(&own.display().to_string(), &dir.path().display().to_string()), Arc::clone(&plan));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(upstream) = UnixStream::connect(own.join(SOCKET)) else { continue };
            let (client_too, upstream_too) =
                (client.try_clone().expect("a handle"), upstream.try_clone().expect("a handle"));
            let (plan, is_silent) = (Arc::clone(&told), Arc::new(AtomicBool::new(false)));
            let silent = Arc::clone(&is_silent);
            std::thread::spawn(move || {
                pass_on(&client, &upstream, |bytes| {
                    let plan = *plan.lock().expect("no panic");
                    let commits = plan != AtCommit::Passes && bytes.ends_with(b"COMMIT\0");
                    silent.store(commits && plan == AtCommit::Unanswered, Ordering::SeqCst);
                    !(commits && plan == AtCommit::Lost)
                });
            });
            std::thread::spawn(move || pass_on(&upstream_too, &client_too, |_| !is_silent.load(Ordering::SeqCst)));
        }
    });
    (dir, by, plan)
}

/// Until one side ends it, or what comes must not pass.
fn pass_on(mut from: &UnixStream, mut to: &UnixStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if !passes(&bytes[..n]) || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        drop(end.shutdown(std::net::Shutdown::Both));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_cut_off_is_unsure_and_the_same_change_again_is_harmless() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    let (_dir, by, plan) = cut_way(&database, server);
    let store = opened(settings(PostgresUrl::new(by))).await;
    put(&store, call("before", at(0))).await.expect("put");
    for (name, cut, is_there) in [("lost", AtCommit::Lost, "0"), ("kept", AtCommit::Unanswered, "1")] {
        *plan.lock().expect("no panic") = cut;
        let got = put(&store, call(name, at(0))).await;
        assert!(matches!(got, Err(StoreError::Unsure { .. })), "{name}: {got:?}");
        *plan.lock().expect("no panic") = AtCommit::Passes;
        // The transaction that nobody hears of ends on the server's side.
        let count = format!("SELECT count(*) FROM calls WHERE id = '{name}'");
        assert_eq!(server.psql(&database, &count), is_there, "{name}");
        put(&store, call(&format!("after-{name}"), at(0))).await.expect("on another connection");
    }
    assert_eq!(stored(&store, "kept").await, call("kept", at(0)));
    put(&store, call("lost", at(0))).await.expect("the same again");
    assert_eq!(stored(&store, "lost").await, call("lost", at(0)));
}
