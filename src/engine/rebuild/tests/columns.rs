//! Columns that a shop does not have: what can be rebuilt is, what cannot is said, and nothing is doubled.

use super::books::{Books, planned, rebuilt};
use crate::domain::attempt::AttemptState;
use crate::domain::types::Actor;
use crate::engine::rebuild::carry_out;
use crate::engine::rebuild::plan::PlannedAction;
use crate::testing::{World, mins, secs};

#[tokio::test]
async fn each_missing_column_is_made_up_for_by_the_others() {
    for missing in [
        "To",
        "Contact",
        "Reference",
        "Step",
        "Round",
        "Attempt Number",
        "Message SID",
        "Sent At",
        "Result",
        "Error Code",
    ] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "delivered", None).await;
        w.advance(secs(450)).await;
        let before = w.state().await;
        assert_eq!(w.attempts().await, ["1 sam delivered", "2 sam submitted", "3 ana submitted"]);
        let mut books = Books::of(&before);
        books.without(missing);
        if missing == "Reference" {
            books.set_call("Reference", crate::gateways::airtable::Cell::Empty);
        }
        w.lose_the_disk().await;
        let plan = rebuilt(&w, &books).await;
        let after = w.state().await;
        let shown = |s: &crate::domain::call::CallState| {
            let of = |a: &crate::domain::attempt::Attempt| {
                (a.id, a.number, a.step, a.round, a.recipient.contact.clone(), a.sid.clone())
            };
            s.attempts.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(shown(&after), shown(&before), "without {missing}");
        assert_eq!((&after.call.reference, after.call.next_step), (&before.call.reference, 3), "without {missing}");
        assert_eq!(plan.rows[0].what, PlannedAction::GoesOn);
        if missing == "Step" {
            assert!(plan.rows[0].lost.iter().any(|l| l.contains("no step")), "{:?}", plan.rows[0].lost);
        }
        let before = w.sms.ledger().len();
        w.advance(mins(30)).await;
        let ledger = w.sms.ledger();
        let mut references: Vec<&str> = ledger.iter().filter_map(|m| m.body.split(' ').next()).collect();
        references.sort_unstable();
        references.dedup();
        assert_eq!(references.len(), ledger.len(), "without {missing}: no reference is used twice");
        assert!(ledger.len() > before, "without {missing}: it goes on");
    }
}

#[tokio::test]
async fn without_all_the_extra_columns_the_call_still_goes_on() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(30)).await;
    let mut books = Books::of(&w.state().await);
    for field in ["To", "Contact", "Reference", "Step", "Round"] {
        books.without(field);
    }
    for field in ["Reference", "Accepted At", "Next Follow-Up At", "Address", "Caller Name"] {
        books.set_call(field, crate::gateways::airtable::Cell::Empty);
    }
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "{:?}", plan.rows[0]);
    w.advance(mins(6)).await;
    assert!(w.attempts().await.len() > 1);
}

#[tokio::test]
async fn what_nothing_tells_the_recipient_of_is_said_and_keeps_its_number() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let mut books = Books::of(&w.state().await);
    for field in ["To", "Contact", "Message SID", "Reference"] {
        books.without(field);
    }
    books.set_call("Reference", crate::gateways::airtable::Cell::Empty);
    w.lose_the_disk().await;
    let plan = planned(&w, &books).await;
    let row = &plan.rows[0];
    assert!(row.lost.iter().any(|l| l.contains("attempt 1 cannot be rebuilt")), "{:?}", row.lost);
    carry_out(&w.process.core, &plan, &Actor("mia".into())).await.expect("carried out");
    let state = w.state().await;
    assert_eq!((state.attempts.len(), state.call.attempts, state.call.next_step), (0, 1, 1));
    w.advance(mins(6)).await;
    assert!(w.state().await.attempts.iter().all(|a| a.number > 1), "its number is not used again");
}

#[tokio::test]
async fn a_status_without_its_message_is_never_sent_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    let mut books = Books::of(&w.state().await);
    books.without("Message SID");
    books.without("Reference");
    // The list does not help: the message is to another number by now.
    books.set(1, "To", "+19495550188");
    w.lose_the_disk().await;
    rebuilt(&w, &books).await;
    let a = w.attempt(1).await;
    assert_eq!((a.state, a.decided_at.is_some()), (AttemptState::Unknown, true), "accepted once, as nobody knows what");
    let posts = w.sms.ledger().len();
    w.advance(mins(2)).await;
    assert_eq!(w.sms.ledger().len(), posts, "its policy decides nothing any more");
}
