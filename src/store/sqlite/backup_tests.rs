//! Copies of a store: whole, as many as are kept, and none that is half.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::store::contract::fixtures::{at, call, id, put};
use crate::store::sqlite::SqliteStore;
use crate::store::{Control as _, Ledger as _, Store as _, StoreMode, StoreSettings, Upkeep as _, Views as _};

const DAY: i64 = 24 * 3600;

fn settings(path: &Path, backups: usize) -> StoreSettings {
    StoreSettings { create: true, mirror: true, backups, ..StoreSettings::of(path, StoreMode::Test) }
}

fn names(dir: &Path) -> Vec<String> {
    let all = fs::read_dir(dir).expect("dir").map(|e| e.expect("entry").file_name().into_string().expect("UTF-8"));
    let mut all: Vec<String> = all.filter(|n| n.contains(BACKUP)).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_opens_as_a_store_and_holds_every_call() {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(settings(&dir.path().join("s.db"), 7)).expect("open");
    for n in 0..300 {
        put(&store, call(&format!("c{n}"), at(0))).await.expect("put");
    }
    let copy = store.back_up(at(1)).await.expect("copied");
    put(&store, call("later", at(2))).await.expect("put");
    assert_eq!(copy.path.file_name().and_then(|n| n.to_str()), Some("s.db.backup-20261122T020401Z"));
    assert_eq!(fs::metadata(&copy.path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(names(dir.path()).len(), 1, "nothing else is left: {:?}", names(dir.path()));
    let opened = SqliteStore::open(StoreSettings { create: false, ..settings(&copy.path, 0) }).expect("a store");
    for n in 0..300 {
        let name = format!("c{n}");
        assert_eq!(opened.call(&id(&name)).await.expect("read"), Some(call(&name, at(0))), "{name}");
    }
    assert_eq!(opened.call(&id("later")).await.expect("read"), None);
    assert_eq!(opened.unreadable(10).await.expect("looked"), []);
    let doubt =
        opened.history_doubt().await.expect("read").expect("whoever puts it in the store's place is to find out");
    assert!(doubt.why.contains("restored from a copy"), "{doubt:?}");
    assert_eq!(store.history_doubt().await.expect("read"), None, "nothing of the store itself is in doubt");
    opened.close().await.expect("closed");
}

#[tokio::test]
async fn the_newest_seven_are_kept_and_no_other_file_is_touched() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = SqliteStore::open(settings(&path, 7)).expect("open");
    for other in ["s.db.backup-mine", "s.db.backup-20261122T020400Z.gz", "x.db.backup-20261122T020400Z"] {
        fs::write(dir.path().join(other), "").expect("written");
    }
    for day in 0..10 {
        let made = store.back_up(at(day * DAY)).await.expect("copied");
        assert_eq!(store.backups().first().map(|b| (&b.path, b.made_at)), Some((&made.path, at(day * DAY))));
    }
    let kept: Vec<Timestamp> = store.backups().iter().map(|b| b.made_at).collect();
    assert_eq!(kept, (3..10).rev().map(|day| at(day * DAY)).collect::<Vec<_>>());
    assert_eq!(names(dir.path()).len(), 10, "{:?}", names(dir.path()));
    // A clock that was set back: the copy that was just made is not the one that goes.
    let made = store.back_up(at(-DAY)).await.expect("copied");
    assert!(made.path.exists() && store.backups().len() == 7, "{:?}", store.backups());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_go_on_beside_a_copy_and_a_copy_that_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(settings(&dir.path().join("s.db"), 7)).expect("open");
    put(&store, call("c", at(0))).await.expect("put");
    // Enough pages for many steps.
    let filler = rusqlite::Connection::open(dir.path().join("s.db")).expect("opens");
    filler
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
             INSERT INTO meta (key, value) SELECT 'filler' || i, printf('%.*c', 3900, 'x') FROM n",
        )
        .expect("filled");
    let copying = store.back_up(at(1));
    tokio::pin!(copying);
    let mut committed = 0;
    let copy = loop {
        tokio::select! {
            done = &mut copying => break done.expect("copied"),
            made = put(&store, call(&format!("beside{committed}"), at(2))) => {
                made.expect("committed");
                committed += 1;
            }
        }
    };
    assert!(committed > 10, "{committed} commits beside the copy");
    let opened = SqliteStore::open(StoreSettings { create: false, ..settings(&copy.path, 0) }).expect("a store");
    assert_eq!(opened.call(&id("beside10")).await.expect("read"), None, "one moment of the store");
    opened.close().await.expect("closed");
    drop(opened);
    // Given up in the middle.
    let gone = tokio::time::timeout(Duration::from_millis(20), store.back_up(at(DAY))).await;
    assert!(gone.is_err(), "it takes longer");
    for _ in 0..500 {
        if !names(dir.path()).iter().any(|n| n.ends_with(PART)) {
            break;
        }
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10))).await.expect("waited");
    }
    assert_eq!(names(dir.path()).len(), 1, "{:?}", names(dir.path()));
}

#[tokio::test]
async fn what_a_kill_leaves_is_no_copy_and_goes_with_the_next_one() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = SqliteStore::open(settings(&path, 7)).expect("open");
    let whole = store.back_up(at(0)).await.expect("copied").path;
    let half = dir.path().join("s.db.backup-20261123T020400Z.part");
    fs::write(&half, &fs::read(&whole).expect("read")[..4096 * 3]).expect("written");
    assert_eq!(store.backups().iter().map(|b| &b.path).collect::<Vec<_>>(), [&whole]);
    store.back_up(at(DAY)).await.expect("copied");
    assert!(!half.exists() && store.backups().len() == 2, "{:?}", names(dir.path()));
}

#[tokio::test]
async fn a_store_with_a_damaged_page_gives_no_copy_and_loses_none() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = SqliteStore::open(settings(&path, 2)).expect("open");
    for n in 0..50 {
        put(&store, call(&format!("c{n}"), at(0))).await.expect("put");
    }
    for day in 0..2 {
        store.back_up(at(day * DAY)).await.expect("copied");
    }
    let before = names(dir.path());
    store.checkpoint().await.expect("moved");
    let page = crate::store::page_damage::pages(&path, "calls", "leaf")[0];
    crate::store::page_damage::damage(&path, page, 0xff);
    let failed = store.back_up(at(2 * DAY)).await;
    assert!(matches!(failed, Err(StoreError::Corrupt { .. })), "{failed:?}");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_disk_without_room_is_said_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let conn = Connection::open(&path).expect("opens");
    conn.execute_batch("CREATE TABLE t (a)").expect("made");
    let name = Name { at: at(0), before: None };
    let said = room_for(size_of(&conn).expect("size"), SPARE, SPARE + 4096).expect_err("no room").to_string();
    assert!(said.contains("a copy needs 20 MB of room, 20 MB are free"), "{said}");
    room_for(8192, SPARE, SPARE + 8192).expect("just enough");
    // A directory that takes no file.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).expect("closed");
    let refused = write(&conn, &path, &name, 7, &AtomicBool::new(false));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("opened");
    if !rustix::process::geteuid().is_root() {
        assert!(matches!(&refused, Err(StoreError::Full { what }) if what.contains(".part")), "{refused:?}");
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}

#[test]
fn names_read_back() {
    for before in [None, Some(3)] {
        let name = Name { at: at(7), before };
        assert_eq!(Name::read(&name.suffix()), Some(name), "{name:?}");
    }
    for wrong in [
        "",
        ".backup-",
        ".backup-20261122T020400Z.part",
        ".backup-20261122T020400",
        ".backup-20261322T020400Z",
        ".backup-20261122T020400Z-v",
        ".backup-2026112é2T0204Z",
    ] {
        assert_eq!(Name::read(wrong), None, "{wrong}");
    }
}
