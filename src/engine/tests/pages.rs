//! What a text costs the disk: how many trees of the store each of its steps writes to, counted in pages of the log.

use std::path::Path;

use rusqlite::Connection;

use crate::testing::World;

/// Pages of the write-ahead log, written since the last call: of a store this small every tree is one page.
fn written(file: &Path) -> u64 {
    let wal = std::fs::metadata(format!("{}-wal", file.display())).map_or(0, |m| m.len());
    let conn = Connection::open(file).expect("opens");
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("emptied");
    // A header of 32 bytes, then 24 bytes and a page each (source: SQLite's page on its file format).
    wal.saturating_sub(32) / (4096 + 24)
}

#[tokio::test]
async fn a_receipt_writes_few_pages_and_none_of_its_call() {
    let mut w = World::new().await;
    w.begin("normal").await;
    w.settle().await;
    let sid = w.sms.ledger()[0].sid.clone();
    written(&w.file());
    let mut pages = Vec::new();
    for word in ["sent", "delivered", "delivered"] {
        w.update(Some(1), &sid, word, None).await;
        pages.push(written(&w.file()));
    }
    // sent: the attempt; a log entry, a receipt and a change for the mirror, each with an index. delivered: two indexes of the
    // attempt besides. The same again: nothing.
    assert_eq!(pages, [7, 9, 0]);
}
