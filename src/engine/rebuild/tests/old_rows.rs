//! Rows of the system that is replaced: taken over once by recovery or by adoption, where that system left off.

use std::time::Duration;

use serde_json::Value;

use super::books::{Books, fields, planned, rebuilt};
use crate::domain::call::CallStatus;
use crate::engine::adopt::Adopter;
use crate::engine::rebuild::plan::PlannedAction;
use crate::gateways::mirror::Record;
use crate::testing::{World, mins, secs};

const CALLS: &str = include_str!("../../../../fixtures/airtable/old_system_calls.json");
const EVENTS: &str = include_str!("../../../../fixtures/airtable/old_system_events.json");

fn records(list: &str) -> Vec<Record> {
    let list: Value = serde_json::from_str(list).expect("JSON");
    let rows = list["records"].as_array().expect("a list").iter().map(|r| Record {
        id: r["id"].as_str().and_then(|id| id.parse().ok()).expect("a record id"),
        created_at: r["createdTime"].as_str().and_then(|t| t.parse().ok()),
        fields: fields(&r["fields"]),
    });
    rows.collect()
}

fn books() -> Books {
    Books { calls: records(CALLS), events: records(EVENTS) }
}

async fn steps(w: &mut World, id: &str) -> (u32, u32, CallStatus, String) {
    w.last = id.parse().ok();
    let c = w.state().await.call;
    (c.next_step, c.attempts, c.status, c.level)
}

#[tokio::test]
async fn recovery_goes_on_where_the_old_system_left_off() {
    let mut w = World::new().await;
    let plan = rebuilt(&w, &books()).await;
    let ids: Vec<(&str, usize, PlannedAction)> =
        plan.rows.iter().map(|r| (r.call.as_str(), r.found.old_events, r.what)).collect();
    let goes = PlannedAction::GoesOn;
    assert_eq!(ids, [("old_101", 2, goes), ("old_102", 1, goes), ("old_103", 1, goes), ("old_104", 0, goes)]);
    assert_eq!(plan.problems.len(), 1, "the row without an id: {:?}", plan.problems);
    assert_eq!(steps(&mut w, "old_101").await, (2, 2, CallStatus::Dispatching, "normal".into()));
    assert_eq!(steps(&mut w, "old_102").await, (1, 1, CallStatus::Dispatching, "high".into()));
    assert_eq!(w.state().await.call.data.caller_phone.as_deref(), Some("(949) 555-0152"), "kept as given");
    // The last was texted 89 s ago, and the newest one came a minute ago: the old system may still be at them.
    for (id, last) in [("old_103", 89), ("old_104", 60)] {
        let (_, _, status, _) = steps(&mut w, id).await;
        let wake = w.state().await.call.wake_at;
        assert_eq!((status, wake), (CallStatus::Dispatching, Some(w.now().plus(mins(5) - secs(last)))), "{id}");
    }
    w.advance(secs(1)).await;
    w.last = "old_101".parse().ok();
    assert_eq!(w.state().await.attempts.iter().map(|a| a.number).collect::<Vec<_>>(), [3, 4], "told by us, counted on");
    w.last = "old_103".parse().ok();
    assert!(w.state().await.attempts.is_empty());
    w.advance(mins(5)).await;
    assert_eq!(w.state().await.attempts.first().map(|a| (a.number, a.step)), Some((2, 1)));
    assert!(w.sms.ledger().iter().all(|m| m.to != "+19495550155"), "what is taken is left alone");
}

fn adopter(w: &World, books: &Books) -> Adopter {
    Adopter::new(w.process.core.clone(), books.as_base(), Duration::from_secs(30))
}

#[tokio::test]
async fn adoption_takes_each_over_once_and_says_a_broken_row_once() {
    let mut w = World::new().await;
    let mut books = books();
    let next = adopter(&w, &books).pass().await.expect("a pass");
    assert_eq!(next, Some(w.now().plus(secs(30))));
    w.settle().await;
    // Never texted: a new call. Texted long ago: goes on. Texted a moment ago: the old system may be at it.
    assert_eq!(steps(&mut w, "old_104").await.0, 1);
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!(w.state().await.call.created_by.0, "airtable");
    assert_eq!(steps(&mut w, "old_101").await.1, 4, "two of theirs, two of ours");
    assert!(w.process.core.store.call(&"old_103".parse().expect("an id")).await.expect("read").is_none());
    let texts_before = w.sms.ledger().len();
    for _ in 0..3 {
        adopter(&w, &books).pass().await.expect("a pass");
        w.settle().await;
    }
    assert_eq!(w.sms.ledger().len(), texts_before, "once");
    let odd = |alerts: Vec<String>| alerts.into_iter().filter(|a| a.starts_with("adopt:")).collect::<Vec<_>>();
    assert_eq!(odd(w.alerts().await), ["adopt:recOldCall0000006"]);
    books.calls.retain(|c| c.id.as_str() != "recOldCall0000006");
    w.away(mins(5));
    adopter(&w, &books).pass().await.expect("a pass");
    assert_eq!(odd(w.alerts().await), Vec::<String>::new(), "mended");
    assert_eq!(steps(&mut w, "old_103").await.1, 1, "old enough by now");
}

#[tokio::test]
async fn a_row_with_our_own_events_is_not_adopted_and_neither_is_one_of_last_week() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let books = Books::of(&w.state().await);
    w.lose_the_disk().await;
    adopter(&w, &books).pass().await.expect("a pass");
    assert!(w.has_alert("adopt:recCall").await, "{:?}", w.alerts().await);
    assert!(w.process.core.store.call(&w.id()).await.expect("read").is_none());
    assert_eq!(planned(&w, &books).await.rows.len(), 1, "recovery takes it");

    let w = World::new().await;
    let mut old = Books { calls: records(CALLS), events: Vec::new() };
    old.calls.retain(|c| c.id.as_str() == "recOldCall0000004");
    w.away(mins(60 * 25));
    adopter(&w, &old).pass().await.expect("a pass");
    w.settle().await;
    assert_eq!((w.sms.ledger().len(), w.has_alert("adopt:").await), (0, true), "a person must say so");
}
