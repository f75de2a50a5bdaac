//! Stores with damaged indexes at a start: healed with every row, or left as they are and said; and what a crash leaves.

use super::*;
use crate::store::contract::fixtures::{at, call, entry, id, put};
use crate::store::sqlite::SqliteStore;
use crate::store::{Ledger as _, LogFilter, Queues as _, Store as _, Views as _, page_damage};

const CALLS: usize = 120;
/// A full index, a partial one, and one that a constraint has made.
const INDEXES: [&str; 3] = ["calls_by_status", "attempts_waiting", "sqlite_autoindex_calls_1"];

fn options(dir: &Path) -> StoreSettings {
    let busy_timeout = Duration::from_millis(100);
    StoreSettings { heals: true, busy_timeout, ..crate::testing::store_at(&dir.join("s.db")) }
}

fn name(n: usize) -> String {
    format!("c{n:03}")
}

/// A store of several pages in every table, closed; its file.
async fn well(dir: &Path) -> PathBuf {
    let store = SqliteStore::open(options(dir)).expect("open");
    for n in 0..CALLS {
        put(&store, call(&name(n), at(0))).await.expect("put");
        store.append_log(vec![entry(Some(&name(n)), at(1), "one")]).await.expect("log");
    }
    store.close().await.expect("close");
    dir.join("s.db")
}

/// Every row is there, no index lacks one, and the store takes more.
async fn all_there(dir: &Path, label: &str) -> Vec<Unreadable> {
    let store = SqliteStore::open(options(dir)).expect(label);
    for n in 0..CALLS {
        assert_eq!(store.call(&id(&name(n))).await.expect(label), Some(call(&name(n), at(0))), "{label}");
    }
    assert_eq!(store.due(at(99_999), 1_000).await.expect(label).len(), CALLS, "{label}");
    assert_eq!(store.sendable_of_all(at(99_999), 1_000).await.expect(label).len(), CALLS, "{label}");
    let log = store.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect(label);
    assert_eq!(log.len(), CALLS, "{label}");
    assert_eq!(store.unreadable(100).await.expect(label), [], "{label}");
    let said = store.skipped_rows();
    store.close().await.expect(label);
    said
}

fn damage_first_leaf(path: &Path, index: &str, with: u8) {
    page_damage::damage(path, page_damage::pages(path, index, "leaf")[0], with);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[tokio::test]
async fn an_index_that_lost_a_page_is_healed_at_a_start_and_the_damaged_file_is_kept() {
    for (index, with) in INDEXES.iter().flat_map(|index| [(*index, 0xff), (*index, 0)]) {
        let label = format!("{index}, {with:#x}");
        let dir = tempfile::tempdir().expect("dir");
        let path = well(dir.path()).await;
        damage_first_leaf(&path, index, with);
        let damaged = fs::read(&path).expect("read");
        let said = all_there(dir.path(), &label).await;
        let kept: Vec<PathBuf> = left(&path).into_iter().collect();
        assert_eq!(kept.len(), 1, "{label}: {kept:?}");
        let row = format!("the index {index}");
        assert!(said.iter().any(|u| u.row == row && u.repaired), "{label}: {said:?}");
        let why = &said[0].why;
        assert!(why.contains(&kept[0].display().to_string()) && why.contains("no row is missing"), "{label}: {why}");
        assert_eq!((mode(&kept[0]), mode(&path)), (0o600, 0o600), "{label}");
        // The head of a file says how its log is kept; the rest is what it was.
        assert!(fs::read(&kept[0]).expect("read")[4096..] == damaged[4096..], "{label}: the damaged file was changed");
        assert_eq!(all_there(dir.path(), &label).await, [], "{label}: nothing is left to heal");
        assert_eq!(left(&path).len(), 1, "{label}");
        assert!(!beside(&path, PART).exists(), "{label}");
    }
}

#[tokio::test]
async fn what_only_the_log_of_a_killed_process_holds_is_in_the_healed_store() {
    let (killed, dir) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let path = well(killed.path()).await;
    damage_first_leaf(&path, "attempts_waiting", 0xff);
    let unhealed = StoreSettings { heals: false, ..options(killed.path()) };
    let store = SqliteStore::open(unhealed).expect("open");
    store.append_log(vec![entry(None, at(2), "the last word")]).await.expect("log");
    for end in ["", "-wal"] {
        fs::copy(beside(&path, end), dir.path().join(format!("s.db{end}"))).expect("copied");
    }
    drop(store);
    let store = SqliteStore::open(options(dir.path())).expect("healed");
    assert!(store.skipped_rows().iter().any(|u| u.repaired), "{:?}", store.skipped_rows());
    let log = store.log(&LogFilter { limit: 1_000, ..LogFilter::default() }).await.expect("read");
    assert_eq!(log.last().map(|l| l.entry.message.as_str()), Some("the last word"));
    assert_eq!((log.len(), store.unreadable(10).await.expect("looked")), (CALLS + 1, Vec::new()));
    store.close().await.expect("close");
}

#[tokio::test]
async fn a_stop_behind_any_step_leaves_the_old_store_or_the_new_one_and_the_next_start_heals() {
    for step in [HealStep::Alone, HealStep::Copied, HealStep::Kept, HealStep::Placed] {
        let label = format!("{step:?}");
        let dir = tempfile::tempdir().expect("dir");
        let path = well(dir.path()).await;
        damage_first_leaf(&path, "attempts_waiting", 0xff);
        let was = FileId::at(&path).expect("there");
        let mut seen = Vec::new();
        let stopped = heal(&options(dir.path()), &mut Vec::new(), &mut |at| {
            seen.push(at);
            if at == step { Err(StoreError::Closed) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(StoreError::Closed)), "{label}: {stopped:?}");
        assert_eq!(seen.last(), Some(&step), "{label}");
        let is_old = FileId::at(&path).expect("there") == was;
        assert_eq!(is_old, step != HealStep::Placed, "{label}");
        assert!(!beside(&path, "-wal").exists() && !beside(&path, "-shm").exists(), "{label}: a log is left");
        // Whoever opens it now, and heals nothing, finds every call; by the second name nobody opens it.
        for name in left(&path).iter().filter(|_| is_old) {
            let by_it = SqliteStore::open(StoreSettings { location: name.as_path().into(), ..options(dir.path()) });
            assert!(matches!(by_it.map(drop), Err(StoreError::WrongFile { .. })), "{label}");
        }
        let unhealed = StoreSettings { heals: false, ..options(dir.path()) };
        let store = SqliteStore::open(unhealed).expect(&label);
        for n in 0..CALLS {
            assert!(store.call(&id(&name(n))).await.expect(&label).is_some(), "{label}: {n}");
        }
        store.close().await.expect(&label);
        drop(store);
        all_there(dir.path(), &label).await;
        assert_eq!(left(&path).len(), 1, "{label}: one name of the damaged file");
        assert_eq!(FileId::at(left(&path).first().expect("kept")).expect("there"), was, "{label}");
    }
}

#[tokio::test]
async fn a_damaged_table_is_left_as_it_is_and_said() {
    let dir = tempfile::tempdir().expect("dir");
    let path = well(dir.path()).await;
    damage_first_leaf(&path, "attempts_waiting", 0xff);
    let table = page_damage::pages(&path, "log", "leaf")[0];
    page_damage::damage(&path, table, 0xff);
    let was = FileId::at(&path).expect("there");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    assert_eq!(FileId::at(&path).expect("there"), was, "the same file");
    assert_eq!(left(&path).len(), 0);
    let said = store.skipped_rows();
    assert!(said.iter().any(|u| u.row == "the index attempts_waiting" && !u.repaired), "{said:?}");
    assert!(said[0].why.contains("a table is damaged too"), "{said:?}");
    assert!(store.call(&id("c001")).await.expect("what can be read is served").is_some());
}

#[tokio::test]
async fn a_store_that_another_program_has_open_is_left_alone_and_the_next_start_heals_it() {
    let dir = tempfile::tempdir().expect("dir");
    let path = well(dir.path()).await;
    damage_first_leaf(&path, "attempts_waiting", 0xff);
    let other = SqliteStore::open(StoreSettings { heals: false, ..options(dir.path()) }).expect("open");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    let said = store.skipped_rows();
    assert!(said[0].why.contains("another program has the store open") && !said[0].repaired, "{said:?}");
    put(&other, call("new", at(3))).await.expect("the other works on the store");
    for store in [other, store] {
        store.close().await.expect("close");
    }
    let store = SqliteStore::open(options(dir.path())).expect("open");
    assert!(store.skipped_rows()[0].repaired, "{:?}", store.skipped_rows());
    assert!(store.call(&id("new")).await.expect("read").is_some());
}

#[tokio::test]
async fn whoever_opens_the_store_while_it_is_copied_is_told_that_it_is_busy() {
    let dir = tempfile::tempdir().expect("dir");
    let path = well(dir.path()).await;
    damage_first_leaf(&path, "attempts_waiting", 0xff);
    let mut met = Vec::new();
    heal(&options(dir.path()), &mut Vec::new(), &mut |step| {
        if step == HealStep::Copied || step == HealStep::Kept {
            let opened = SqliteStore::open(StoreSettings { heals: false, ..options(dir.path()) });
            met.push(opened.map(drop).expect_err("it is locked"));
        }
        Ok(())
    })
    .expect("healed");
    assert!(met.len() == 2 && met.iter().all(|e| matches!(e, StoreError::Busy)), "{met:?}");
    all_there(dir.path(), "healed").await;
}

#[tokio::test]
async fn a_store_under_a_living_engine_or_of_another_mode_is_not_touched() {
    let dir = tempfile::tempdir().expect("dir");
    let path = well(dir.path()).await;
    damage_first_leaf(&path, "attempts_waiting", 0xff);
    let was = fs::read(&path).expect("read");
    let held = FileLease::take(&path, "serve").expect("free");
    assert_eq!(heal(&options(dir.path()), &mut Vec::new(), &mut |_| Ok(())).expect("not ours"), Healed::default());
    drop(held);
    let live = StoreSettings { mode: crate::store::StoreMode::Live, ..options(dir.path()) };
    assert_eq!(heal(&live, &mut Vec::new(), &mut |_| Ok(())).expect("not ours"), Healed::default());
    assert!(fs::read(&path).expect("read") == was && left(&path).is_empty());
}

#[test]
fn a_name_that_is_taken_is_never_overwritten() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let mut kept = BTreeSet::new();
    for content in ["one", "two", "three"] {
        fs::write(dir.path().join("new"), content).expect("written");
        fs::rename(dir.path().join("new"), &path).expect("in place");
        let name = keep(&path, DAMAGED).expect("kept");
        assert_eq!(keep(&path, DAMAGED).expect("kept"), name, "the same file has one name");
        assert_eq!(fs::read_to_string(&name).expect("read"), content);
        kept.insert(name);
    }
    assert_eq!((kept.len(), left(&path)), (3, kept));
}
