//! The daily copy of the store: when it is made, and what is said where it cannot be.

use std::time::Duration;

use crate::engine::backups::Backups;
use crate::testing::{World, mins};

impl World {
    /// Looks every minute while time passes.
    async fn keep_copies(&mut self, backups: &Backups, time: Duration) {
        let minutes = time.as_secs() / 60;
        for _ in 0..minutes {
            self.away(mins(1));
            backups.pass().await.expect("looked");
        }
    }

    fn copies(&self) -> usize {
        self.process.store.upkeep().expect("a file").backups().len()
    }
}

#[tokio::test]
async fn a_copy_is_made_some_minutes_after_a_start_and_then_once_a_day() {
    let mut w = World::new().await;
    let backups = Backups::new(w.process.engine.clone());
    w.keep_copies(&backups, mins(4)).await;
    assert_eq!(w.copies(), 0, "not in the way of a start");
    w.keep_copies(&backups, mins(2)).await;
    assert_eq!(w.copies(), 1);
    w.keep_copies(&backups, mins(24 * 60 - 10)).await;
    assert_eq!(w.copies(), 1, "a day later at the earliest");
    w.keep_copies(&backups, mins(20)).await;
    assert_eq!(w.copies(), 2);
    // Another engine begins: a copy that is there counts.
    let again = Backups::new(w.process.only(&"c".parse().expect("an id")));
    w.keep_copies(&again, mins(60)).await;
    assert_eq!(w.copies(), 2);
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_is_one_alert_until_one_can() {
    let mut w = World::new().await;
    let backups = Backups::new(w.process.engine.clone());
    // What a crash seems to have left, and nobody can remove.
    let way = w.file().with_extension("db.backup-20261122T020000Z.part");
    std::fs::create_dir(&way).expect("made");
    w.keep_copies(&backups, mins(6)).await;
    assert_eq!(w.copies(), 0);
    assert!(w.has_alert("backup").await, "it is said");
    w.dispatch("normal").await;
    std::fs::remove_dir(&way).expect("removed");
    w.keep_copies(&backups, mins(30)).await;
    assert_eq!(w.copies(), 0, "it is tried again after an hour");
    w.keep_copies(&backups, mins(31)).await;
    assert_eq!(w.copies(), 1);
    assert!(!w.has_alert("backup").await, "and is over");
}
