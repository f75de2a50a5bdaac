//! What only a file can show: full and read-only disks, damage, strangers, two processes on one store.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::domain::alert::AlertChange;
use crate::domain::change::{Change, Effect};
use crate::domain::event::Load;
use crate::store::contract::fixtures::{always, at, attempt_id, call, edit, entry, id, put, stored};
use crate::store::tables::Database as _;
use crate::store::{
    Control as _, DutyChange, Ledger as _, Overrides as _, Store as _, StoreError, StoreMode, StoreSettings,
    Upkeep as _, Views as _,
};
use crate::testing::alert_key;

fn options(dir: &Path) -> StoreSettings {
    crate::testing::store_at(&dir.join("s.db"))
}

pub(super) fn fresh() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    (dir, store)
}

/// A second look at the file, with every right.
pub(super) fn raw(dir: &Path) -> Connection {
    let conn = Connection::open(dir.join("s.db")).expect("open");
    conn.busy_timeout(Duration::from_secs(5)).expect("timeout");
    conn
}

impl SqliteStore {
    /// Runs a statement on the writer's own connection.
    async fn on_writer(&self, sql: &'static str) {
        // Pragmas of a connection survive the transaction that they are set in.
        self.in_turn(move |conn| Ok(conn.execute_batch(sql)?)).await.expect(sql);
    }
}

crate::store::contract::whole_contract!(fresh());

#[tokio::test]
async fn a_store_works_on_a_runtime_with_one_thread_and_says_so_without_any() {
    let (_dir, store) = fresh();
    put(&store, call("c", at(0))).await.expect("put");
    assert_eq!(stored(&store, "c").await, call("c", at(0)));
    let other = tempfile::tempdir().expect("dir");
    let options = options(other.path());
    let outside = std::thread::spawn(move || SqliteStore::open(options).map(drop)).join().expect("no panic");
    assert!(matches!(outside, Err(StoreError::Open { .. })), "{outside:?}");
}

#[tokio::test]
async fn the_log_only_grows_and_nothing_that_counts_is_deleted() {
    let (dir, store) = fresh();
    put(&store, call("c", at(0))).await.expect("put");
    store.append_log(vec![entry(Some("c"), at(1), "one")]).await.expect("log");
    let made = crate::store::contract::overrides::exception(1, 0, 10);
    store.make_override(&made).await.expect("made");
    store.withdraw_override(&made.id, "office", at(1)).await.expect("withdrawn");
    let kept = DutyChange { line: None, role: "primary".parse().expect("role"), since: at(0), holders: Vec::new() };
    store.keep_duty_changes(&[kept], at(0)).await.expect("kept");
    let raw = raw(dir.path());
    for (sql, safeguard) in [
        ("UPDATE log SET message = 'other'", "log_is_never_changed"),
        ("DELETE FROM log", "log_is_never_deleted"),
        ("DELETE FROM attempts", "attempt_is_never_deleted"),
        ("DELETE FROM notices", "notice_is_never_deleted"),
        ("DELETE FROM calls", "call_is_never_deleted"),
        ("DELETE FROM overrides", "override_is_never_deleted"),
        ("UPDATE overrides SET until_at = until_at + 1", "override_is_never_edited"),
        ("UPDATE overrides SET withdrawn_at = 2, withdrawn_by = 'x'", "override_is_withdrawn_once"),
        (
            "INSERT INTO overrides SELECT 'x', rotation, line, role, 'swap', contact, 1, 2, '', '', 1, NULL, NULL, NULL, 99, NULL FROM overrides",
            "override_kind_is_known",
        ),
        (
            "INSERT INTO overrides SELECT 'x', rotation, line, role, kind, contact, 2, 2, '', '', 1, NULL, NULL, NULL, 99, NULL FROM overrides",
            "override_ends_after_it_begins",
        ),
        (
            "INSERT INTO overrides SELECT 'x', 'night', '', 'primary', kind, contact, 1, 2, '', '', 1, NULL, NULL, NULL, 99, NULL FROM overrides",
            "override_is_of_a_rotation_or_a_role",
        ),
        (
            "INSERT INTO overrides SELECT 'x', NULL, NULL, NULL, 'take', contact, 1, 2, '', '', 1, NULL, NULL, NULL, 99, NULL FROM overrides",
            "override_of_everything_is_away",
        ),
        ("UPDATE duty_history SET holders = '[]'", "duty_history_is_never_edited"),
        ("UPDATE calls SET status = 'LOST'", "call_status_is_known"),
        ("UPDATE calls SET muted = 2", "call_muted_is_a_truth"),
        ("UPDATE calls SET next_step = -1", "call_counts_are_not_negative"),
        ("UPDATE attempts SET state = 'lost'", "attempt_state_is_known"),
        ("UPDATE attempts SET kind = 'lost'", "attempt_kind_is_known"),
        ("UPDATE attempts SET channel = 'pigeon'", "attempt_channel_is_known"),
        ("UPDATE attempts SET channel = 'email'", "attempt_mail_has_an_address"),
        ("UPDATE attempts SET address = 'sam@example.com'", "attempt_mail_has_an_address"),
        ("UPDATE attempts SET state = 'submitted', sid = NULL", "attempt_accepted_has_a_message"),
        ("UPDATE attempts SET priority = 3", "attempt_priority_is_known"),
        ("UPDATE attempts SET id = x'00'", "attempt_id_is_a_uuid"),
        ("UPDATE attempts SET callback = 7", "attempt_truths_are_truths"),
        (
            "INSERT INTO receipts (sid, status, class, source, effect, at) VALUES ('s', 'q', 'c', 'rumour', 'moved', 1)",
            "receipt_source_is_known",
        ),
        (
            "INSERT INTO receipts (sid, status, class, source, effect, at) VALUES ('s', 'q', 'c', 'list', 'lost', 1)",
            "receipt_effect_is_known",
        ),
        (
            "INSERT INTO requests (kind, payload, actor, at, result) VALUES ('k', '{}', 'a', 1, '1')",
            "request_is_answered_with_a_time",
        ),
        ("UPDATE calls SET accepted_at = 'noon'", "cannot store TEXT value in INTEGER column"),
    ] {
        let said = raw.execute(sql, []).expect_err(sql).to_string();
        assert!(said.contains(safeguard), "{sql}: {said}");
    }
    assert_eq!(stored(&store, "c").await, call("c", at(0)));
}

#[tokio::test]
async fn words_that_we_never_write_are_damage_not_defaults() {
    let (dir, store) = fresh();
    put(&store, call("c", at(0))).await.expect("put");
    store.append_log(vec![entry(Some("c"), at(1), "one")]).await.expect("log");
    for (sql, column) in [
        ("UPDATE calls SET policy = '{'", "calls.policy"),
        ("UPDATE attempts SET phone = 'nobody'", "attempts.phone"),
        ("UPDATE attempts SET sid = 'short'", "attempts.sid"),
        ("UPDATE notices SET contact = ' '", "notices.contact"),
        ("UPDATE calls SET outs = 'x'", "calls.outs"),
    ] {
        let raw = raw(dir.path());
        raw.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").expect("begin");
        let kept: String = raw.query_row("SELECT policy FROM calls", [], |r| r.get(0)).expect("kept");
        raw.execute_batch(sql).expect(sql);
        raw.execute_batch("COMMIT").expect("commit");
        let got = store.call(&id("c")).await;
        assert!(
            matches!(&got, Err(StoreError::Corrupt { what, call: Some(c) }) if what.contains(column) && c == "c"),
            "{sql}: {got:?}"
        );
        let got = edit(&store, "c", |_| {}).await;
        assert!(matches!(got, Err(StoreError::Corrupt { .. })), "{sql}: a change sees it too: {got:?}");
        raw.execute("UPDATE calls SET policy = ?1, outs = '[]'", [kept]).expect("mended");
        raw.execute_batch("UPDATE attempts SET phone = '+19495550101', sid = NULL; UPDATE notices SET contact = 'sam'")
            .expect("mended");
    }
    assert_eq!(stored(&store, "c").await, call("c", at(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_whole_changes_and_recovers() {
    let (dir, store) = fresh();
    put(&store, call("before", at(0))).await.expect("put");
    store.on_writer("PRAGMA max_page_count = 1").await;
    let changes = (0..300).map(|n| {
        let (name, store) = (format!("c{n:03}"), &store);
        async move { (name.clone(), put(store, call(&name, at(0))).await) }
    });
    let outcomes = futures_util::future::join_all(changes).await;
    let (mut written, mut refused) = (0, 0);
    for (name, outcome) in &outcomes {
        let there = store.call(&id(name)).await.expect("read");
        match outcome {
            Ok(_) => {
                written += 1;
                assert_eq!(there, Some(call(name, at(0))), "{name} was promised");
            }
            Err(StoreError::Full { .. }) => {
                refused += 1;
                assert_eq!(there, None, "{name} was refused");
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    assert!(refused > 200, "{written} written, {refused} refused");
    assert!(store.broken.get().is_none());
    store.on_writer("PRAGMA max_page_count = 1000000").await;
    for (name, outcome) in outcomes {
        if outcome.is_err() {
            put(&store, call(&name, at(0))).await.expect("works again");
        }
    }
    let check: String = raw(dir.path()).query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("check");
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn a_disk_that_turns_read_only_refuses_and_recovers() {
    let (dir, store) = fresh();
    store.on_writer("PRAGMA query_only = ON").await;
    for _ in 0..2 {
        let got = put(&store, call("c", at(0))).await;
        assert!(matches!(got, Err(StoreError::Full { .. })), "{got:?}");
    }
    assert!(store.probe(at(0)).await.is_err(), "health is a real write");
    assert!(store.call(&id("c")).await.expect("reads go on").is_none());
    // The setting refuses even the transaction that would lift it: another handle stands for the disk that is well again.
    let store = SqliteStore::open(options(dir.path())).expect("open");
    put(&store, call("c", at(0))).await.expect("works again");
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_accepted_any_more() {
    let (_dir, store) = fresh();
    put(&store, call("before", at(0))).await.expect("put");
    let fails = || {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err::<(), _>(rusqlite::Error::SqliteFailure(code, None).into())
    };
    let got = store.with_tx(move |_| fails()).await;
    assert!(matches!(got, Err(StoreError::Broken { .. })), "{got:?}");
    assert!(store.broken.get().is_some());
    for name in ["c", "d"] {
        let got = put(&store, call(name, at(0))).await;
        assert!(matches!(got, Err(StoreError::Broken { .. })), "{got:?}");
    }
    assert!(matches!(store.checkpoint().await, Err(StoreError::Broken { .. })), "nor is it moved");
    assert_eq!(stored(&store, "before").await, call("before", at(0)), "reading goes on");
}

#[test]
fn errors_of_sqlite_mean_what_the_engine_acts_on() {
    use rusqlite::ffi;
    let of = |code: i32| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    type Is = fn(&StoreError) -> bool;
    let table: &[(i32, Is)] = &[
        (ffi::SQLITE_FULL, |e| matches!(e, StoreError::Full { .. })),
        (ffi::SQLITE_READONLY, |e| matches!(e, StoreError::Full { .. })),
        (ffi::SQLITE_IOERR_WRITE, |e| matches!(e, StoreError::Full { .. })),
        (ffi::SQLITE_IOERR_SHMSIZE, |e| matches!(e, StoreError::Full { .. })),
        (ffi::SQLITE_CANTOPEN, |e| matches!(e, StoreError::Full { .. })),
        (ffi::SQLITE_IOERR_FSYNC, |e| matches!(e, StoreError::Broken { .. })),
        (ffi::SQLITE_IOERR_DIR_FSYNC, |e| matches!(e, StoreError::Broken { .. })),
        (ffi::SQLITE_IOERR_READ, |e| matches!(e, StoreError::Broken { .. })),
        (ffi::SQLITE_BUSY, |e| matches!(e, StoreError::Busy)),
        (ffi::SQLITE_BUSY_SNAPSHOT, |e| matches!(e, StoreError::Busy)),
        (ffi::SQLITE_CORRUPT, |e| matches!(e, StoreError::Corrupt { .. })),
        (ffi::SQLITE_NOTADB, |e| matches!(e, StoreError::Corrupt { .. })),
        (ffi::SQLITE_CONSTRAINT_CHECK, |e| matches!(e, StoreError::Refused { .. })),
    ];
    for (code, is) in table {
        assert!(is(&of(*code)), "{code}: {:?}", of(*code));
    }
}

#[tokio::test]
async fn another_process_that_writes_is_waited_for_and_then_busy() {
    let dir = tempfile::tempdir().expect("dir");
    let patience = Duration::from_millis(50);
    let store = SqliteStore::open(StoreSettings { busy_timeout: patience, ..options(dir.path()) }).expect("open");
    let other = raw(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    let got = put(&store, call("c", at(0))).await;
    assert!(matches!(got, Err(StoreError::Busy)), "{got:?}");
    assert!(store.call(&id("c")).await.expect("reads wait for nobody").is_none());
    other.execute_batch("ROLLBACK").expect("unlock");
    put(&store, call("c", at(0))).await.expect("safe to try again");
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_other() {
    let dir = tempfile::tempdir().expect("dir");
    let a = SqliteStore::open(options(dir.path())).expect("open");
    let b = SqliteStore::open(StoreSettings { create: false, ..options(dir.path()) }).expect("open");
    let before = b.version().await.expect("version");
    let of_others = (a.version_of_others().await.expect("version"), b.version_of_others().await.expect("version"));
    put(&a, call("c", at(0))).await.expect("put");
    assert_ne!(b.version().await.expect("version"), before, "another process committed");
    assert_eq!(a.version_of_others().await.expect("version"), of_others.0, "its own commit");
    let seen = b.version_of_others().await.expect("version");
    assert_ne!(seen, of_others.1, "another process committed");
    assert_eq!(b.version_of_others().await.expect("version"), seen, "once");
    assert_eq!(stored(&b, "c").await, call("c", at(0)));
    let fifty = |store| futures_util::future::join_all((0..50).map(move |_| add_a_try(store)));
    let (by_a, by_b) = tokio::join!(fifty(&a), fifty(&b));
    for outcome in by_a.into_iter().chain(by_b) {
        outcome.expect("changed");
    }
    assert_eq!(stored(&a, "c").await.attempts[0].tries, 100, "no change was lost between them");
}

async fn add_a_try(store: &SqliteStore) -> Result<(), StoreError> {
    edit(store, "c", |s| s.attempts[0].tries += 1).await.map(drop)
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_drop_and_after_a_close() {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    put(&store, call("dropped", at(0))).await.expect("put");
    drop(store);
    let store = SqliteStore::open(options(dir.path())).expect("open");
    assert_eq!(stored(&store, "dropped").await, call("dropped", at(0)));
    put(&store, call("closed", at(0))).await.expect("put");
    store.close().await.expect("close");
    store.close().await.expect("twice");
    let late = put(&store, call("late", at(0))).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
    assert_eq!(stored(&store, "closed").await, call("closed", at(0)), "reads still work");
    // What a power cut leaves: the files as they are, the process gone.
    let copy = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    put(&store, call("cut", at(0))).await.expect("put");
    for name in ["s.db", "s.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).expect(name);
    }
    let after = SqliteStore::open(options(copy.path())).expect("open");
    for name in ["dropped", "closed", "cut"] {
        assert_eq!(stored(&after, name).await, call(name, at(0)));
    }
}

#[tokio::test]
async fn changes_that_wait_when_the_store_closes_are_committed() {
    let (_dir, store) = fresh();
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let name = format!("c{n}");
                (put(&*store, call(&name, at(0))).await.is_ok(), name)
            })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await.expect("close");
    for task in tasks {
        let (done, name) = task.await.expect("no panic");
        assert_eq!(store.call(&id(&name)).await.expect("read").is_some(), done, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_ours_to_open_is_named_and_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).expect(name);
        path
    };
    let database = |name: &str, sql: &str| {
        let path = dir.path().join(name);
        Connection::open(&path).expect(name).execute_batch(sql).expect(name);
        path
    };
    let text = file("text.db", &b"this is no database, whatever its name says. ".repeat(50));
    let empty = file("empty.db", b"");
    let strange = database("strange.db", "CREATE TABLE t (a)");
    let stranger = database("stranger.db", "CREATE TABLE t (a); PRAGMA user_version = 1");
    let under_a_file = text.join("s.db");
    let table = [
        ("missing", dir.path().join("none/s.db"), false),
        ("a directory", dir.path().to_owned(), true),
        ("not a database", text.clone(), true),
        ("empty, not to be made", empty.clone(), false),
        ("another program's", strange.clone(), true),
        ("another program's with a version", stranger.clone(), true),
        ("below a file", under_a_file, true),
    ];
    for (label, path, create) in table {
        let content = fs::read(&path).ok();
        let got = SqliteStore::open(StoreSettings { location: path.as_path().into(), create, ..options(dir.path()) })
            .map(drop);
        assert!(matches!(&got, Err(StoreError::Open { path: p, .. }) if *p == path), "{label}: {got:?}");
        assert_eq!(fs::read(&path).ok(), content, "{label}: changed");
    }
    assert!(!dir.path().join("none").exists(), "nothing is made unasked");
    let store = SqliteStore::open(StoreSettings { location: empty.as_path().into(), ..options(dir.path()) })
        .expect("what a crash left");
    put(&store, call("c", at(0))).await.expect("put");
}

#[tokio::test]
async fn a_store_of_the_other_mode_or_a_newer_version_is_refused() {
    let (dir, store) = fresh();
    store.close().await.expect("close");
    drop(store);
    let live = SqliteStore::open(StoreSettings { mode: StoreMode::Live, ..options(dir.path()) }).map(drop);
    assert!(
        matches!(&live, Err(StoreError::OtherMode { found, wanted, .. }) if found == "test" && wanted == "live"),
        "{live:?}"
    );
    raw(dir.path()).execute_batch("PRAGMA user_version = 99").expect("newer");
    let newer = SqliteStore::open(options(dir.path())).map(drop);
    assert!(matches!(newer, Err(StoreError::Newer { found: 99, known: 23, .. })), "{newer:?}");
}

#[tokio::test]
async fn effects_and_alerts_leave_one_row_each_for_their_sinks_and_none_without() {
    let change = || Change {
        effects: vec![
            Effect::MirrorAttempt(attempt_id("c", 1)),
            Effect::MirrorCall(id("c")),
            Effect::MirrorCall(id("c")),
        ],
        alerts: vec![AlertChange::Raise { key: alert_key("store"), call: None, message: "m".into() }],
        log: vec![entry(None, at(1), "cause")],
        ..Change::default()
    };
    let rows = |dir: &Path| -> Vec<(String, String, i64, Option<i64>)> {
        let raw = raw(dir);
        let mut all = raw.prepare("SELECT sink, key, version, parked_at FROM outbox ORDER BY sink, key").expect("sql");
        let rows = all.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    let (dir, store) = fresh();
    store.transact(Load::Nothing, Vec::new(), always(change)).await.expect("change");
    raw(dir.path()).execute_batch("UPDATE outbox SET parked_at = 1 WHERE sink = 'mirror'").expect("parked");
    assert_eq!(store.figures(at(9)).await.expect("read").outbox_depth, 1, "what is parked waits no more");
    store.transact(Load::Nothing, Vec::new(), always(change)).await.expect("change");
    let attempt = format!("attempt:{}", attempt_id("c", 1));
    assert_eq!(
        rows(dir.path()),
        [
            ("mirror".into(), attempt, 2, None),
            ("mirror".into(), "call:c".into(), 4, None),
            ("sink:office".into(), "store".into(), 1, None),
        ]
    );
    let figures = store.figures(at(9)).await.expect("read");
    assert_eq!((figures.outbox_depth, figures.outbox_oldest), (3, Some(at(1))));

    let dir = tempfile::tempdir().expect("dir");
    let none = StoreSettings { mirror: false, alert_sinks: Vec::new(), ..options(dir.path()) };
    let store = SqliteStore::open(none).expect("open");
    store.transact(Load::Nothing, Vec::new(), always(change)).await.expect("change");
    assert_eq!(rows(dir.path()), []);
    assert_eq!(store.alerts().await.expect("read").len(), 1, "it is raised all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_peeked_belongs_to_the_basis_that_is_peeked_with_it() {
    let (dir, store) = fresh();
    let (store, done) = (Arc::new(store), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let writing = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            let mut n = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                n += 1;
                store.make_override(&crate::store::contract::overrides::exception(n, 0, 10)).await.expect("made");
            }
        }
    });
    let peeked = tokio::task::spawn_blocking(move || {
        // Each exception moves the basis by one: what is between the two reads shows.
        (0..300).find_map(|_| {
            let peeked = SqliteStore::peek(&options(dir.path())).expect("peeked");
            let (read, basis) = (peeked.overrides.len(), peeked.basis.overrides.unwrap_or(0));
            (i64::try_from(read).ok() != Some(basis)).then_some((read, basis))
        })
    });
    assert_eq!(peeked.await.expect("peeked"), None, "exceptions, and their number by the basis");
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    writing.await.expect("wrote");
}
