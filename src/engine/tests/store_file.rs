//! A store whose file is not in its place any more: told of once, copied, and over when the file is back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::store_file;
use crate::store::corrupt::beside;
use crate::store::{self, Place, StoreError};
use crate::testing::store_at;
use crate::testing::{World, secs};

use super::outbox::{RecordingSink, deliver, engine};

fn copies(store: &Path) -> Vec<PathBuf> {
    let dir = std::fs::read_dir(store.parent().expect("a directory")).expect("read");
    let names = dir.map(|e| e.expect("an entry").path());
    names.filter(|p| p.to_string_lossy().contains(".rescued-")).collect()
}

#[tokio::test]
async fn a_removed_file_is_told_of_once_copied_after_each_change_and_over_when_it_is_back() {
    let mut w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let (path, away) = (w.path(), beside(&w.path(), ".away"));
    store_file::pass(&engine).await.expect("in its place");
    assert_eq!((engine.core.store.place(), copies(&path).len()), (Place::Here, 0));
    std::fs::rename(&path, &away).expect("moved");
    for _ in 0..3 {
        store_file::pass(&engine).await.expect("lost");
    }
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [("store-file".to_owned(), false)]);
    let copy = engine.file_watch.copy().expect("a copy");
    assert_eq!(copies(&path), std::slice::from_ref(&copy), "one, whole");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).expect("there").permissions());
    assert_eq!(mode & 0o777, 0o600);
    // What is accepted by now is in the open file, and soon in the copy.
    let before = std::fs::read(&copy).expect("read");
    w.dispatch("normal").await;
    store_file::pass(&engine).await.expect("too soon");
    assert!(std::fs::read(&copy).expect("read") == before);
    w.away(secs(1));
    store_file::pass(&engine).await.expect("renewed");
    let reopened = store::open(store_at(&beside(&path, ".look"))).map(drop);
    assert!(reopened.is_ok(), "another store beside it is nobody's business");
    let look = beside(&path, ".look2");
    std::fs::copy(&copy, &look).expect("copied");
    let look = store::open(store_at(&look)).expect("a whole store");
    assert!(look.call(&"call_1".parse().expect("an id")).await.expect("read").is_some());
    // Back: over, and told so.
    std::fs::rename(&away, &path).expect("back");
    store_file::pass(&engine).await.expect("here");
    assert_eq!(engine.core.store.place(), Place::Here);
    deliver(&engine).await;
    assert_eq!(sink.delivered(), [("store-file".to_owned(), false), ("store-file".to_owned(), true)]);
    assert_eq!(engine.file_watch.copy(), None);
}

#[tokio::test]
async fn another_file_in_its_place_is_left_alone_and_ends_this_engine_once_another_holds_it() {
    let w = World::new().await;
    let sink = Arc::new(RecordingSink::default());
    let engine = engine(&w, sink.clone());
    let path = w.path();
    let other = beside(&path, ".other");
    store::open(store_at(&other)).expect("made").close().await.expect("closed");
    std::fs::rename(&other, &path).expect("replaced");
    let bytes = std::fs::read(&path).expect("read");
    assert!(matches!(engine.core.store.place(), Place::Replaced(_)));
    store_file::pass(&engine).await.expect("told");
    assert!(std::fs::read(&path).expect("read") == bytes);
    assert!(!beside(&path, "-wal").exists(), "the log of the lost file is not taken for that of the new one");
    let other = store::open(store_at(&path)).expect("opened by another engine");
    let held = other.take_lease("serve").await.expect("free");
    let ended = store_file::pass(&engine).await;
    assert!(matches!(ended, Err(StoreError::WrongFile { .. })), "{ended:?}");
    drop(held);
}

#[tokio::test]
async fn a_log_that_is_gone_is_a_file_that_is_gone() {
    let w = World::new().await;
    let engine = engine(&w, Arc::new(RecordingSink::default()));
    std::fs::remove_file(beside(&w.path(), "-wal")).expect("removed");
    assert!(engine.core.store.place().trouble().is_some_and(|what| what.contains("-wal is gone")));
}

#[tokio::test]
async fn a_store_that_is_not_there_is_made_from_the_newest_copy() {
    let mut w = World::new().await;
    let engine = engine(&w, Arc::new(RecordingSink::default()));
    w.dispatch("normal").await;
    std::fs::remove_file(w.path()).expect("removed");
    store_file::pass(&engine).await.expect("lost");
    // Another place, so that the open store of this test is not in the way; its stale log lies there.
    let place = beside(&w.path(), ".elsewhere");
    let copy = engine.file_watch.copy().expect("a copy");
    std::fs::copy(&copy, beside(&place, ".rescued-1")).expect("copied");
    std::fs::write(beside(&place, ".rescued-2.part"), "half").expect("written");
    std::fs::copy(beside(&w.path(), "-wal"), beside(&place, "-wal")).expect("a log");
    let store = store::open(store_at(&place)).expect("restored");
    assert!(store.call(&"call_1".parse().expect("an id")).await.expect("read").is_some());
    let rescued = store.upkeep().expect("a file").rescued();
    assert_eq!(rescued, None, "it is the store now");
    assert!(!beside(&place, ".rescued-1").exists() && beside(&place, ".rescued-2.part").exists());
}
