//! Who is let in, by which way, and to which server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::domain::database::{Encryption, HostTls, Password};
use crate::store::contract::fixtures::{at, call, put, stored};
use crate::store::sql::Connection;
use crate::store::tables::Database as _;
use crate::store::{self, Control as _, EngineBeat, Location, PostgresUrl, StoreError, StoreMode, StoreSettings};
use crate::testing::postgres_server::{TestServer, as_nobody, said_aloud, start, test_server};
use crate::testing::store_at;

/// Opens a store at this URL, or says why not.
async fn opened(url: PostgresUrl) -> Result<(), StoreError> {
    kept_open(url).await.map(drop)
}

async fn kept_open(url: PostgresUrl) -> Result<PostgresStore, StoreError> {
    let settings = StoreSettings { location: Location::Postgres(url), ..store_at(Path::new("")) };
    tokio::task::spawn_blocking(move || PostgresStore::open(settings)).await.expect("no panic")
}

async fn server() -> Option<&'static TestServer> {
    tokio::task::spawn_blocking(test_server).await.expect("no panic")
}

fn why(got: &Result<(), StoreError>) -> String {
    match got {
        Err(StoreError::Open { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

fn elsewhere(tls: HostTls) -> Encryption {
    Encryption { here: HostTls::Never, elsewhere: Some(tls) }
}

fn openssl(dir: &Path, args: &str) -> Result<(), String> {
    let said = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().map_err(|e| e.to_string())?;
    if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).into_owned()) }
}

/// An authority, another one, and a server's certificate for db.example.com of the first.
fn certificates(dir: &Path) -> Result<(), String> {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    std::fs::write(dir.join("names"), "subjectAltName=DNS:db.example.com\n").map_err(|e| e.to_string())?;
    for ca in ["ca", "other"] {
        openssl(dir, &format!("req -x509 {KEY} -keyout {ca}.key -out {ca}.pem -subj /CN={ca} -days 30"))?;
    }
    openssl(dir, &format!("req {KEY} -keyout server.key -out server.csr -subj /CN=db.example.com"))?;
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
    )
}

/// A server that takes encrypted connections by TCP, and its port; `None`, said aloud: there is none here.
fn with_tls() -> Option<(TestServer, u16)> {
    test_server()?;
    let mut last = String::new();
    // Another process may take the port in between.
    for _ in 0..5 {
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a port").port();
        let options = [
            "-h",
            "127.0.0.1",
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=../server.pem",
            "-c",
            "ssl_key_file=../server.key",
        ];
        match start(&options, port, certificates) {
            Ok(server) => return Some((server, port)),
            Err(e) => last = e,
        }
    }
    said_aloud(&last);
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_machine_shows_a_certificate_of_its_name_or_is_not_used() {
    let Some((server, port)) = tokio::task::spawn_blocking(with_tls).await.expect("no panic") else { return };
    let dir = server.dir.clone().expect("started here");
    let at = |name: &str| PostgresUrl::new(format!("postgres://postgres@{name}:{port}/postgres?hostaddr=127.0.0.1"));
    let (ca, other) = (Some(dir.join("ca.pem")), Some(dir.join("other.pem")));
    let got = opened(at("db.example.com")).await;
    assert!(why(&got).contains("must be encrypted"), "{got:?}");
    let got = opened(at("db.example.com").with_tls(elsewhere(HostTls::Required), other)).await;
    assert!(why(&got).contains("UnknownIssuer"), "{got:?}");
    let got = opened(at("db.example.com").with_tls(elsewhere(HostTls::Required), None)).await;
    assert!(why(&got).contains("UnknownIssuer"), "{got:?}");
    let got = opened(at("another.example.com").with_tls(elsewhere(HostTls::Required), ca.clone())).await;
    assert!(why(&got).contains("not valid for name"), "{got:?}");
    let got = opened(at("db.example.com").with_tls(elsewhere(HostTls::Required), Some(dir.join("none.pem")))).await;
    assert!(why(&got).contains("none.pem"), "{got:?}");
    let got = opened(at("db.example.com").with_tls(elsewhere(HostTls::Required), Some(dir.join("names")))).await;
    assert!(why(&got).contains("there is none"), "{got:?}");
    // It takes no connection by TCP that is not encrypted.
    let got = opened(at("db.example.com").with_tls(elsewhere(HostTls::Never), None)).await;
    assert!(why(&got).contains("no encryption"), "{got:?}");
    opened(at("db.example.com").with_tls(elsewhere(HostTls::Required), ca.clone()))
        .await
        .expect("the right authority and name");
    opened(at("db.example.com").with_tls(elsewhere(HostTls::Offered), ca.clone()))
        .await
        .expect("what is offered is taken");
    // Each host by where it is: what is on this machine without, the other with.
    let all =
        format!("postgres://postgres@127.0.0.1:{port},db.example.com:{port}/postgres?hostaddr=127.0.0.1,127.0.0.1");
    let got = opened(PostgresUrl::new(&all).with_tls(elsewhere(HostTls::Required), None)).await;
    let said = why(&got);
    assert!(said.contains("127.0.0.1: ") && said.contains("no encryption") && said.contains("UnknownIssuer"), "{said}");
    opened(PostgresUrl::new(all).with_tls(elsewhere(HostTls::Required), ca)).await.expect("by the last one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_offers_no_encryption_is_not_talked_to() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).expect("an SSLRequest");
        stream.write_all(b"N").expect("answered");
        let mut more = Vec::new();
        stream.read_to_end(&mut more).expect("its end");
        more
    });
    let url = PostgresUrl::new(format!("postgres://sam@db.example.com:{port}/shop?hostaddr=127.0.0.1"));
    let got =
        opened(url.with_password(Password::Text("hush".into())).with_tls(elsewhere(HostTls::Required), None)).await;
    assert!(why(&got).contains("does not support TLS"), "{got:?}");
    assert_eq!(heard.join().expect("no panic"), b"", "neither user nor password was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_tried_in_turn_and_one_that_is_read_only_or_gone_is_passed_over() {
    let Some(server) = server().await else { return };
    let Some(dir) = server.dir.as_ref().map(|d| d.display()) else { return said_aloud("it needs its own server") };
    let database = server.database("postgres").expect("its own").replace(&format!("host={dir}"), "host=");
    opened(PostgresUrl::new(format!("{database}/nowhere&host={dir}"))).await.expect("the second one");
    server.psql(&server.url, "CREATE ROLE follower LOGIN; ALTER ROLE follower SET default_transaction_read_only = on");
    let follower = database.replace("//postgres@", "//follower@");
    let got = opened(PostgresUrl::new(format!("{follower}{dir}"))).await;
    assert!(matches!(&got, Err(StoreError::ReadOnly { what }) if what.contains("does not allow writes")), "{got:?}");
    let got = opened(PostgresUrl::new(format!("{database}/nowhere"))).await;
    assert!(matches!(&got, Err(StoreError::Unreachable { what }) if what.contains("/nowhere")), "{got:?}");
    let got = opened(PostgresUrl::new(format!("{database}{dir}&host={dir}&port=1,2,3"))).await;
    assert!(why(&got).contains("not as many"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_read_at_each_connection_and_a_wrong_one_or_an_unknown_database_is_told_without_it() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("checked") else { return };
    server.psql(&server.url, "CREATE ROLE checked LOGIN SUPERUSER PASSWORD 'right-word'");
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("password");
    let url = PostgresUrl::new(database).with_password(Password::File(file.clone()));
    let got = opened(url.clone()).await;
    assert!(why(&got).contains("cannot be read"), "{got:?}");
    for (text, part) in [("\n", "is empty"), ("wrong-word\n", "password authentication failed")] {
        std::fs::write(&file, text).expect("written");
        let got = opened(url.clone()).await;
        assert!(why(&got).contains(part) && !format!("{got:?}").contains("wrong-word"), "{got:?}");
    }
    std::fs::write(&file, "right-word\r\n").expect("written");
    opened(url.clone()).await.expect("let in");
    opened(url.with_password(Password::Text("right-word".into()))).await.expect("let in");
    let got = opened(PostgresUrl::new(server.url.replace("/postgres?", "/no_such_shop?"))).await;
    assert!(why(&got).contains("no_such_shop"), "{got:?}");
}

/// A pooler beside the test; killed with it.
struct Pooler {
    dir: tempfile::TempDir,
    child: std::process::Child,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A pooler before this server, in this mode; `None`, said aloud: there is none here.
async fn pooler(server: &TestServer, mode: &str) -> Option<Pooler> {
    let dir = tempfile::Builder::new().prefix("dcpb").tempdir_in("/tmp").expect("dir");
    let (own, of_server) = (dir.path().display().to_string(), server.dir.as_ref()?.display());
    let settings = format!(
        "[databases]\n* = host={of_server} user=postgres\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {own}\n\
         auth_type = any\npool_mode = {mode}\nlogfile = {own}/log\nserver_round_robin = {}\n",
        u8::from(mode == "transaction")
    );
    std::fs::write(dir.path().join("settings"), settings).expect("written");
    let mut command = Command::new("pgbouncer");
    command.args(["-q", "settings"]).current_dir(dir.path());
    as_nobody(&mut command, dir.path()).expect("ours");
    match command.spawn() {
        Ok(mut child) => {
            let socket = dir.path().join(".s.PGSQL.6432");
            while !socket.exists() && child.try_wait().expect("a child").is_none() {
                tokio::task::yield_now().await;
            }
            Some(Pooler { dir, child })
        }
        Err(e) => {
            said_aloud(&format!("pgbouncer: {e}"));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_refused_and_one_in_session_mode_is_used() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    let of_server = server.dir.as_ref().expect("its own").display().to_string();
    for mode in ["transaction", "session"] {
        let Some(pooler) = pooler(server, mode).await else { return };
        let url = database.replace(&of_server, &pooler.dir.path().display().to_string());
        let mut got = Ok(());
        // It gives sessions in turn: none of them is taken for one of its own, whatever was there before.
        for _ in 0..3 {
            got = opened(PostgresUrl::new(format!("{url}&port=6432"))).await;
            if mode == "transaction" {
                assert!(why(&got).contains("transaction mode"), "{got:?}");
            }
        }
        if mode == "session" {
            got.expect("as a connection of its own");
        } else {
            assert_eq!(server.psql(&database, "SELECT to_regclass('meta') IS NULL"), "t", "nothing was made");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_newer_program_and_a_role_without_rights_leave_everything_as_it_was() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    server.psql(&server.url, "CREATE ROLE guest LOGIN");
    let guest = PostgresUrl::new(database.replace("//postgres@", "//guest@"));
    let got = opened(guest.clone()).await;
    assert!(matches!(&got, Err(StoreError::Denied { what }) if what.contains("permission denied")), "{got:?}");
    assert_eq!(server.psql(&database, "SELECT to_regclass('meta') IS NULL"), "t");
    let store = kept_open(PostgresUrl::new(&database)).await.expect("made");
    let got = opened(guest.clone()).await;
    assert!(matches!(&got, Err(StoreError::Denied { what }) if what.contains("permission denied")), "{got:?}");
    // One right that is missing is seen by whoever asks whether the store takes writes.
    let now = at(0);
    store.probe(now).await.expect("its owner may write");
    server.psql(
        &database,
        "GRANT USAGE ON SCHEMA public TO guest; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO guest",
    );
    let store = kept_open(guest).await.expect("with these rights alone");
    store.probe(now).await.expect("it may write");
    server.psql(&database, "REVOKE INSERT ON calls FROM guest");
    let got = store.probe(now).await;
    assert!(matches!(&got, Err(StoreError::Denied { what }) if what.ends_with("for table calls")), "{got:?}");
    server.psql(&database, "UPDATE meta SET value = '99' WHERE key IN ('schema', 'oldest_schema')");
    let got = opened(PostgresUrl::new(&database)).await;
    assert!(matches!(&got, Err(StoreError::Newer { found: 99, .. })), "{got:?}");
    server.psql(&database, "UPDATE meta SET value = 'live' WHERE key = 'mode'");
    server.psql(&database, "UPDATE meta SET value = '1' WHERE key IN ('schema', 'oldest_schema')");
    let got = opened(PostgresUrl::new(&database)).await;
    assert!(matches!(&got, Err(StoreError::OtherMode { found, .. }) if found == StoreMode::Live.as_str()), "{got:?}");
    server.psql(&database, "DROP TABLE meta CASCADE; CREATE TABLE meta (id int)");
    let got = opened(PostgresUrl::new(&database)).await;
    assert!(why(&got).contains("not of a store"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_through_a_pooler_says_what_it_is_and_leaves_no_transaction_open() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    opened(PostgresUrl::new(&database)).await.expect("made");
    let of_server = server.dir.as_ref().expect("its own").display().to_string();
    for mode in ["transaction", "session"] {
        let Some(pooler) = pooler(server, mode).await else { return };
        let url = database.replace(&of_server, &pooler.dir.path().display().to_string());
        let location = Location::Postgres(PostgresUrl::new(format!("{url}&port=6432")));
        let exists = store::exists(location.clone()).await;
        let peeked = store::peek(StoreSettings { location, ..store_at(Path::new("")) }).await;
        if mode == "transaction" {
            let (exists, peeked) = (exists.map(drop), peeked.map(drop));
            assert!([&exists, &peeked].into_iter().all(|got| why(got).contains(mode)), "{exists:?} {peeked:?}");
        } else {
            assert!(exists.expect("seen"));
            peeked.expect("seen");
            // It ends a session in which a client left a transaction open.
            let open =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
            // That of the store that was made here ends on a thread of its own.
            // That of a look that was late is beside them.
            let are_there = |n: &String| n.parse::<u32>().is_ok_and(|n| n >= 2);
            let sessions = (0..200).map(|_| server.psql(&database, open)).find(are_there);
            assert!(sessions.is_some(), "both sessions of the look wait for the next client");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_client_left_in_a_session_does_not_make_its_pooler_one_in_transaction_mode() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    let of_server = server.dir.as_ref().expect("its own").display().to_string();
    let Some(pooler) = pooler(server, "session\nserver_reset_query =").await else { return };
    let url = format!("{}&port=6432", database.replace(&of_server, &pooler.dir.path().display().to_string()));
    let url = PostgresUrl::new(url);
    for _ in 0..3 {
        opened(url.clone()).await.expect("as a connection of its own");
    }
    let left = tokio::task::spawn_blocking(move || {
        let conn = PgConnection::open(&url, std::time::Duration::from_secs(1))?;
        conn.word("SELECT current_setting('dispatchctl.session', true)")
    });
    assert_eq!(left.await.expect("no panic").expect("asked").unwrap_or_default(), "", "nothing is left in a session");
}

#[tokio::test]
async fn a_look_at_a_server_that_does_not_answer_keeps_no_thread_of_the_runtime() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let url = PostgresUrl::new(format!("postgres://sam@127.0.0.1:{port}/shop"));
    let look = store::exists(Location::Postgres(url));
    let got = tokio::time::timeout(std::time::Duration::from_millis(50), look).await;
    drop(listener);
    assert!(got.is_err(), "the runtime goes on meanwhile: {got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_sets_for_a_role_or_a_database_changes_nothing() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("pinned") else { return };
    server.psql(&server.url, "CREATE ROLE pinned LOGIN SUPERUSER");
    for set in [
        "default_transaction_isolation = 'serializable'",
        "statement_timeout = 50",
        "lock_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "idle_session_timeout = 500",
        "synchronous_commit = off",
        "TimeZone = 'America/Los_Angeles'",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
    ] {
        server.psql(&server.url, &format!("ALTER ROLE pinned SET {set}"));
    }
    let settings =
        || StoreSettings { location: Location::Postgres(PostgresUrl::new(&database)), ..store_at(Path::new("")) };
    let store = super::tests::opened(settings()).await;
    let isolation = |conn: Connection<'_>| -> Result<String, StoreError> {
        conn.prepare_cached("SELECT current_setting('transaction_isolation')")?.query_row([], |r| r.get(0))
    };
    assert_eq!(store.run_write(None, isolation).await.expect("written"), "read committed");
    assert_eq!(store.run_read(isolation).await.expect("read"), "repeatable read");
    let alone = store.readers.on_one(move |conn| isolation(Connection::Postgres(conn)));
    assert_eq!(alone.await.expect("read"), "read committed");
    let idle = |conn: &PgConnection| -> Result<String, StoreError> {
        let sql = "SELECT current_setting('idle_session_timeout')";
        Connection::Postgres(conn).prepare_cached(sql)?.query_row([], |r| r.get(0))
    };
    assert_eq!(store.readers.on_one(idle).await.expect("read"), "0", "a quiet night ends no session");
    put(&store, call("before", at(0))).await.expect("put");
    // A new search path leads neither the open store nor a new process to another place.
    let end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'pinned'";
    let admin = database.replace("//pinned@", "//postgres@");
    let sql = format!("CREATE SCHEMA elsewhere; ALTER ROLE pinned SET search_path = elsewhere; {end_all}");
    server.psql(&admin, &sql);
    put(&store, call("after", at(0))).await.expect("put");
    assert_eq!(stored(&store, "before").await, call("before", at(0)));
    let got = opened(PostgresUrl::new(&database)).await;
    assert!(why(&got).contains("the schema public"), "{got:?}");
    opened(PostgresUrl::new(format!("{database}&options=-csearch_path%3Dpublic"))).await.expect("the same");
    opened(PostgresUrl::new(format!("{database}&options=-csearch_path%3Delsewhere"))).await.expect("another");
    let got = opened(PostgresUrl::new(format!("{database}&options=-csearch_path%3Dnowhere"))).await;
    assert!(why(&got).contains("search_path"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_had_a_store_open_that_was_restored_in_its_place_writes_no_more() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    let settings =
        || StoreSettings { location: Location::Postgres(PostgresUrl::new(&database)), ..store_at(Path::new("")) };
    let store = super::tests::opened(settings()).await;
    put(&store, call("before", at(0))).await.expect("put");
    let end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let beat = EngineBeat { boot_id: "b".into(), boot: Duration::from_millis(9), at: at(1) };
    let versions = store.version().await.expect("read");
    store.engine_heartbeat("nobody", &beat).await.expect("written");
    server.psql(&database, end_all);
    assert_eq!(store.version().await.expect("nobody hears of a connection that was ended while it was idle"), versions);
    server.psql(&database, end_all);
    store.engine_heartbeat("nobody", &beat).await.expect("nor does a sign of life");
    server.psql(&database, end_all);
    assert_eq!(store.engine().await.expect("nor a transaction"), None);
    put(&store, call("after", at(0))).await.expect("the same store goes on");
    let restored = "ALTER TABLE meta RENAME TO gone; CREATE TABLE meta (LIKE gone INCLUDING ALL); \
                    INSERT INTO meta SELECT * FROM gone";
    server.psql(&database, &format!("{restored}; {end_all}"));
    let got = put(&store, call("late", at(0))).await;
    assert!(matches!(&got, Err(StoreError::Broken { what }) if what.contains("restored")), "{got:?}");
    let anew = super::tests::opened(settings()).await;
    put(&anew, call("anew", at(0))).await.expect("a process that begins anew has the one that is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_which_a_part_is_missing_cannot_be_used_and_says_which() {
    let Some(server) = server().await else { return };
    let Some(database) = server.database("postgres") else { return };
    opened(PostgresUrl::new(&database)).await.expect("made");
    server.psql(&database, "DROP TABLE engine CASCADE");
    let looked = tokio::task::spawn_blocking(move || {
        let conn = PgConnection::open(&PostgresUrl::new(&database), std::time::Duration::from_secs(1))?;
        lease::holder(&conn).map(drop)
    });
    let got = looked.await.expect("no panic");
    assert!(why(&got).contains("\"engine\" does not exist"), "{got:?}");
}
