//! A file whose pages were damaged, each in turn: what is answered is true, what is left out is said.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::domain::types::CallId;
use crate::store::contract::fixtures::{at, call, entry, id, put};
use crate::store::sqlite::SqliteStore;
use crate::store::{Ledger as _, Queues as _, Store as _, StoreError, StoreSettings, Views as _};

const PAGE: usize = 4096;
const CALLS: usize = 60;

fn options(dir: &Path) -> StoreSettings {
    crate::testing::store_at(&dir.join("s.db"))
}

fn name(n: usize) -> String {
    format!("c{n:03}")
}

/// A store of several pages in every table and index.
async fn well() -> Vec<u8> {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    for n in 0..CALLS {
        put(&store, call(&name(n), at(0))).await.expect("put");
        store.append_log(vec![entry(Some(&name(n)), at(1), "one")]).await.expect("log");
    }
    store.close().await.expect("close");
    drop(store);
    fs::read(dir.path().join("s.db")).expect("read")
}

/// What must not happen: a list that lacks a call, a call that is not there, an answer that does not last; unless it is said.
async fn untruths(store: &SqliteStore) -> Vec<String> {
    let mut untrue = Vec::new();
    let all: Vec<CallId> = (0..CALLS).map(|n| id(&name(n))).collect();
    match store.due(at(99_999), 1_000).await {
        Ok(mut due) => {
            due.sort();
            let skipped_rows = store.skipped_rows();
            let lacking =
                all.iter().filter(|c| !due.contains(c) && !skipped_rows.iter().any(|u| u.call.as_ref() == Some(c)));
            untrue.extend(lacking.map(|c| format!("{c} is not due")));
        }
        Err(e) => assert!(is_damage(&e), "{e:?}"),
    }
    match store.sendable_of_all(at(99_999), 1_000).await {
        Ok(found) if found.len() + store.skipped_rows().len() < CALLS => {
            untrue.push(format!("{} sendable", found.len()))
        }
        Ok(_) => {}
        Err(e) => assert!(is_damage(&e), "{e:?}"),
    }
    for c in all.iter().step_by(7) {
        match store.call(c).await {
            Ok(Some(_)) => {}
            Ok(None) => untrue.push(format!("{c} is not there")),
            Err(e) => assert!(is_damage(&e), "{e:?}"),
        }
    }
    untrue
}

fn is_damage(e: &StoreError) -> bool {
    // A length that cannot be may read like a lack of memory: refused is refused.
    matches!(
        e,
        StoreError::Corrupt { .. } | StoreError::Broken { .. } | StoreError::Open { .. } | StoreError::Full { .. }
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_page_is_refused_or_survived_and_never_passed_over() {
    let file = well().await;
    let (mut refused, mut said, mut survived) = (0, 0, 0);
    for page in 1..file.len() / PAGE {
        // The head of the page, or what lies on it.
        let from = page * PAGE + if page % 2 == 0 { 0 } else { PAGE - 700 };
        let dir = tempfile::tempdir().expect("dir");
        let mut damaged = file.clone();
        damaged[from..from + 300].fill(0xff);
        fs::write(dir.path().join("s.db"), &damaged).expect("written");
        let store = match SqliteStore::open(options(dir.path())) {
            Ok(store) => store,
            Err(e) => {
                assert!(is_damage(&e), "page {page}: {e:?}");
                assert!(fs::read(dir.path().join("s.db")).expect("read") == damaged, "page {page}: changed");
                refused += 1;
                continue;
            }
        };
        let untrue = untruths(&store).await;
        if untrue.is_empty() {
            survived += 1;
        } else {
            let found = store.unreadable(100).await;
            assert!(!found.as_ref().is_ok_and(Vec::is_empty), "page {page}: {untrue:?}, and nobody says so");
            said += 1;
        }
        let made = put(&store, call("new", at(0))).await;
        let made =
            made.map_err(|e| assert!(is_damage(&e) || matches!(e, StoreError::Refused { .. }), "page {page}: {e:?}"));
        drop(store);
        if made.is_ok() {
            let store = SqliteStore::open(options(dir.path())).expect("as before");
            assert_eq!(store.call(&id("new")).await.expect("promised"), Some(call("new", at(0))), "page {page}");
        }
    }
    assert!(refused + said + survived > 40 && survived > 10, "{refused} refused, {said} said, {survived} survived");
}

#[tokio::test]
async fn what_an_index_has_lost_is_found_by_looking_through() {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    put(&store, call("c", at(0))).await.expect("put");
    assert_eq!(store.unreadable(10).await.expect("looked"), []);
    store.close().await.expect("close");
    drop(store);
    let raw = rusqlite::Connection::open(dir.path().join("s.db")).expect("open");
    // An index that does not know of the row: by taking the row in while there was no such index.
    raw.execute_batch(
        "PRAGMA writable_schema = ON;
         CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'calls_by_wake';
         DELETE FROM sqlite_schema WHERE name = 'calls_by_wake'; PRAGMA writable_schema = RESET",
    )
    .expect("hidden");
    raw.execute_batch("UPDATE calls SET wake_at = wake_at + 1").expect("moved past it");
    raw.execute_batch(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept; PRAGMA writable_schema = RESET",
    )
    .expect("shown");
    drop(raw);
    let store = SqliteStore::open(options(dir.path())).expect("open");
    let found = store.unreadable(10).await.expect("looked");
    assert!(found.iter().any(|u| u.row == "the file" && u.why.contains("calls_by_wake")), "{found:?}");
    store.integrity_scan(Duration::ZERO).await.expect("looked");
    assert_eq!(store.skipped_rows().len(), 1, "and is kept for an alert");
    assert!(store.skipped_rows()[0].why.contains("rebuilt from its table"), "{:?}", store.skipped_rows());
    assert_eq!(store.unreadable(10).await.expect("looked"), [], "it fits its table again");
    assert_eq!(store.due(at(99_999), 10).await.expect("read"), [id("c")]);
}

#[tokio::test]
async fn a_table_that_is_damaged_is_named_at_the_first_change_that_meets_it() {
    for table in ["calls", "attempts"] {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s.db");
        let store = SqliteStore::open(options(dir.path())).expect("open");
        put(&store, call("c", at(0))).await.expect("put");
        store.close().await.expect("close");
        drop(store);
        let (from, size) = super::corrupt::page_of(&path, table).expect("a page");
        let mut file = fs::read(&path).expect("read");
        file[from as usize..(from + size) as usize].fill(0x5a);
        fs::write(&path, &file).expect("written");
        let store = SqliteStore::open(options(dir.path())).expect("open");
        assert_eq!(store.skipped_rows(), [], "{table}: nobody has met it");
        let made = put(&store, call("new", at(0))).await;
        assert!(matches!(made, Err(StoreError::Corrupt { .. })), "{table}: {made:?}");
        assert!(store.skipped_rows().iter().any(|u| u.row == "the file"), "{table}: kept for an alert");
        let found = store.unreadable(100).await.expect("looked, although the check of the whole file breaks off");
        assert!(found.iter().any(|u| u.row == format!("the file, table {table}")), "{table}: {found:?}");
    }
}
