//! Pages of the file that are damaged while the engine works: what can be read is sent, what cannot is said, nothing else stops.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::{history, integrity};
use crate::store::{bulk, page_damage};
use crate::testing::{World, secs};

const BULK: u32 = 400;

/// Many calls whose texts wait, and one page of the file damaged; how many pages like it there are.
async fn with_damaged_page(of: &str, kind: &str, with: u8) -> (World, usize) {
    let mut w = World::new().await;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", BULK);
    let pages = page_damage::pages(&w.file(), of, kind);
    page_damage::damage(&w.file(), pages[pages.len() / 2], with);
    (w, pages.len())
}

impl World {
    /// The sending side alone, with its errors as the loop takes them: it tries again a little later.
    async fn send_for(&self, d: Duration) {
        let end = self.now().plus(d);
        while self.now() < end {
            history::pass(&self.process.engine).await.expect("read");
            drop(self.process.dispatcher.pass().await);
            // What cannot be recorded is tried again for ever: it is not waited for.
            self.process.dispatcher.places_free().await;
            self.away(secs(5));
        }
    }

    fn skipped_rows(&self) -> Vec<String> {
        self.process.store.skipped_rows().into_iter().map(|u| u.row).collect()
    }

    /// What was sent, and that nothing was sent twice.
    fn sent_once(&self) -> usize {
        let all = self.sms.ledger();
        let once: BTreeSet<_> = all.iter().map(|m| m.attempt).collect();
        assert_eq!(once.len(), all.len(), "a text was doubled");
        all.len()
    }
}

#[tokio::test]
async fn an_index_that_lost_a_page_is_said_with_a_copy_from_which_every_text_goes_out_once() {
    for (of, kind) in [
        ("attempts_waiting", "leaf"),
        ("attempts_waiting", "internal"),
        ("attempts_waiting_by_time", "leaf"),
        ("attempts_waiting_by_time", "internal"),
        ("one_open_attempt_per_notice", "leaf"),
    ] {
        for with in [0xff, 0] {
            let label = format!("{of}, {kind}, {with:#x}");
            let (mut w, _) = with_damaged_page(of, kind, with).await;
            w.send_for(secs(60)).await;
            integrity::pass(&w.process.engine).await.expect("looked through");
            assert!(w.has_alert(&format!("unreadable:the index {of}")).await, "{label}: a person is told");
            let said = w.process.store.skipped_rows().into_iter().find(|u| u.row == format!("the index {of}"));
            let copy = w.process.store.upkeep().expect("a file").backups().first().expect("a copy").path.clone();
            let said = said.map_or_else(String::new, |u| u.why);
            assert!(said.contains("restart `serve`"), "{label}: {said}");
            assert!(said.contains(&format!("such a copy is also {}", copy.display())), "{label}: {said}");
            w.restore(&copy).await;
            // All of these calls have one reference: what was lost is not to be told by it.
            w.process.store.history_is_whole().await.expect("kept");
            w.send_for(secs(60)).await;
            assert_eq!(w.sent_once(), BULK as usize + 1, "{label}");
            let found = w.process.store.unreadable(100).await.expect("looked through");
            assert_eq!(found, [], "{label}: the new index lacks nothing");
        }
    }
}

#[tokio::test]
async fn a_damaged_page_of_the_table_costs_what_lies_on_it() {
    let (mut w, pages) = with_damaged_page("attempts", "leaf", 0xff).await;
    w.send_for(secs(60)).await;
    let sent = w.sent_once();
    // A page holds so many. A row that grows on the page before or behind it may need all three to find room.
    let each = BULK as usize / pages + 1;
    assert!(sent > BULK as usize - 3 * each, "{sent} of {BULK}, about {each} a page");
    let rows = w.skipped_rows().iter().filter(|r| r.starts_with("row ") && r.ends_with(" of attempts")).count();
    assert!(rows > 0 && rows + sent <= BULK as usize + 1, "{rows} are left out and said, {sent} sent");
    w.watch().await;
    assert!(w.has_alert("unreadable:row ").await, "a person is told which");
    assert!(w.has_alert("unreadable:the file").await, "and where in the file");
    let new = w.begin("normal").await;
    w.send_for(secs(5)).await;
    let a = w.call(&new).await.attempts[0].clone();
    assert!(w.sms.ledger().iter().any(|m| m.attempt == a.id), "the next call goes out: {}", a.state);
    w.sent_once();
}

#[tokio::test]
async fn outcomes_that_cannot_be_stored_take_no_place_from_others() {
    let w = World::new().await;
    w.process.crash.corrupt_outcomes(300);
    let mut w = w;
    w.begin("normal").await;
    bulk::of(&w.file(), "call_1", BULK);
    w.send_for(secs(20)).await;
    assert_eq!(w.sent_once(), BULK as usize + 1, "more than may be under way at once cannot be recorded");
}
