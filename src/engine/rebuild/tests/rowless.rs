//! A disk that is lost before *Calls* has a row of the call: it is rebuilt from its events and its text, or named.

use super::books::{Books, hears_nothing_new, listed, planned, rebuilt};
use crate::domain::call::CallStatus;
use crate::engine::rebuild::plan::PlannedAction;
use crate::testing::{World, fixtures, mins, secs};

/// What the base has of the world's call in its first half minute.
async fn events_alone(w: &World) -> Books {
    Books { calls: Vec::new(), ..Books::of(&w.state().await) }
}

#[tokio::test]
async fn a_call_that_stands_in_the_events_alone_goes_on_where_it_was() {
    for after in [1, 8, 29] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "delivered", None).await;
        w.advance(secs(after)).await;
        let (before, books) = (w.state().await, events_alone(&w).await);
        w.lose_the_disk().await;
        let plan = rebuilt(&w, &books).await;
        let row = plan.rows.first().expect("a row");
        assert_eq!((row.what, plan.problems.len()), (PlannedAction::GoesOn, 0), "{after} s");
        assert!(row.lost.iter().any(|l| l.contains("no row in Calls yet")), "{:?}", row.lost);
        let now = w.state().await;
        assert_eq!((&now.call.id, &now.call.reference), (&before.call.id, &before.call.reference));
        assert_eq!((now.call.next_step, now.attempts.len()), (before.call.next_step, 1));
        let issue = now.call.data.issue_summary.clone().unwrap_or_default();
        assert!(issue.contains("Burst pipe") && !issue.contains("Acme") && !issue.contains("Reply"), "{issue}");
        w.advance(mins(6)).await;
        assert_eq!(w.sms.ledger().iter().filter(|m| m.to == fixtures::phone("sam")).count(), 2, "{after} s");
        assert!(w.sms.ledger().iter().all(|m| m.body.contains("Burst pipe")), "whoever is told is told of what");
    }
}

#[tokio::test]
async fn a_text_whose_call_no_record_knows_is_named_with_its_words() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let reference = w.state().await.call.reference.to_string();
    w.advance(secs(1)).await;
    w.lose_the_disk().await;
    let plan = planned(&w, &Books::default()).await;
    assert!(plan.rows.is_empty());
    let [problem] = plan.problems.as_slice() else { panic!("{:?}", plan.problems) };
    assert!(problem.what.contains(&reference) && problem.what.contains("Sam"), "{problem:?}");
    assert!(problem.help.contains("Burst pipe"), "{problem:?}");
}

#[tokio::test]
async fn what_a_lost_disk_does_not_explain_is_named_and_not_taken_over() {
    for (label, spread, later) in [("long ago", false, mins(7 * 60)), ("over a long time", true, mins(1))] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "delivered", None).await;
        w.advance(if spread { mins(8) } else { secs(5) }).await;
        let books = events_alone(&w).await;
        w.lose_the_disk().await;
        w.away(later);
        let plan = planned(&w, &books).await;
        assert!(plan.rows.is_empty(), "{label}: {:?}", plan.rows);
        assert!(plan.problems.iter().any(|p| p.what.contains("no row in Calls")), "{label}: {:?}", plan.problems);
    }
}

#[tokio::test]
async fn a_reply_that_was_answered_late_is_not_answered_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    w.advance(secs(30)).await;
    listed(&mut w, "sam", "2", None);
    // No webhook came; the list is read ten minutes later.
    w.away(mins(10));
    assert!(!hears_nothing_new(&w).await, "he passes, and is answered by an attempt");
    let books = Books::of(&w.state().await);
    assert_eq!(w.status().await, CallStatus::Dispatching);
    w.lose_the_disk().await;
    rebuilt(&w, &books).await;
    let answers = |w: &World| w.sms.ledger().iter().filter(|m| m.body.contains("Noted")).count();
    let before = answers(&w);
    assert_eq!(before, 1, "{:?}", w.sms.ledger());
    hears_nothing_new(&w).await;
    assert_eq!(answers(&w), before, "heard and answered before the disk was lost");
    // One that nobody has heard is.
    listed(&mut w, "ana", "2", None);
    hears_nothing_new(&w).await;
    assert_eq!(answers(&w), before + 1);
}
