//! A store that lacks what was written last: nothing goes out until the provider's list was read, or for as long as an unknown outcome
//! would wait for it.

use std::path::PathBuf;

use crate::engine::history;
use crate::testing::{Reaction, World, mins, secs};

/// How many texts the provider took; none of them is a second one of its attempt.
fn sent_once(w: &World) -> usize {
    let all = w.sms.ledger();
    let references: std::collections::BTreeSet<_> =
        all.iter().map(|m| m.body.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(references.len(), all.len(), "a text was doubled");
    all.len()
}

/// A copy of the store as it is now, marked as one that lacks what comes.
fn copied(w: &World) -> PathBuf {
    let copy = w.path().with_extension("copy");
    let from = rusqlite::Connection::open(w.path()).expect("it opens");
    from.execute("VACUUM INTO ?1", [copy.to_str().expect("plain")]).expect("copied");
    let at: i64 = from.query_row("SELECT max(at) FROM log", [], |r| r.get(0)).expect("read");
    let into = rusqlite::Connection::open(&copy).expect("it opens");
    let why = format!("{at} it was restored from a copy");
    into.execute("INSERT INTO meta (key, value) VALUES ('history_doubt', ?1)", [why]).expect("marked");
    copy
}

#[tokio::test]
async fn a_text_that_the_copy_lacks_joins_its_story_and_is_not_sent_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let copy = copied(&w);
    w.advance(secs(121)).await;
    let both = ["1 sam submitted", "2 sam submitted"];
    assert_eq!(w.attempts().await, both);
    w.restore(&copy).await;
    assert!(w.has_alert("history-in-doubt").await);
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "nothing fires, nothing is sent");
    history::pass(&w.process.engine).await.expect("read");
    assert_eq!(w.attempts().await, both);
    assert!(!w.has_alert("history-in-doubt").await);
    assert!(w.alerts().await.iter().any(|a| a.starts_with("history-lost:")), "{:?}", w.alerts().await);
    w.advance(secs(30)).await;
    assert_eq!(sent_once(&w), 2);
    // It is over: a start after that holds nothing up.
    w.restart().await;
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(sent_once(&w), 3);
}

#[tokio::test]
async fn a_text_of_a_call_that_is_gone_is_said_with_its_reference() {
    let mut w = World::new().await;
    let copy = copied(&w);
    w.dispatch("normal").await;
    w.settle().await;
    let reference = w.state().await.call.reference.to_string();
    w.restore(&copy).await;
    history::pass(&w.process.engine).await.expect("read");
    let alerts = w.process.store.alerts().await.expect("read");
    let said = alerts.iter().find(|a| a.key.to_string().starts_with("history-lost:")).expect("said");
    assert!(said.message.contains(&reference), "{}", said.message);
    w.advance(secs(60)).await;
    assert_eq!(sent_once(&w), 1);
}

#[tokio::test]
async fn where_the_list_cannot_be_read_first_notices_go_in_the_end_and_reminders_wait() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.settle().await;
    let copy = copied(&w);
    w.sms.on_list(Reaction::away());
    w.restore(&copy).await;
    w.dispatch("normal").await;
    for _ in 0..3 {
        history::pass(&w.process.engine).await.expect("not read");
        w.advance(secs(5)).await;
    }
    assert_eq!(sent_once(&w), 1, "nothing goes");
    w.advance(mins(3)).await;
    assert_eq!(sent_once(&w), 2, "the first notice of the second call, and no reminder of the first");
    w.sms.on_list(Reaction::Accept);
    history::pass(&w.process.engine).await.expect("read");
    w.advance(secs(10)).await;
    assert!(sent_once(&w) >= 3, "the reminder that was due goes");
}
