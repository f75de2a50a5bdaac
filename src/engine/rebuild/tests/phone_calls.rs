//! Phone calls of a call whose disk is lost, with a mirror that kept up: what is known of them comes back, nobody is rung twice.

use super::books::{Books, lost_and_rebuilt, rebuilt};
use crate::domain::attempt::{Attempt, AttemptState, Channel, PhoneTrace};
use crate::domain::call::CallStatus;
use crate::domain::change::Speech;
use crate::domain::codes::Class;
use crate::domain::event::PhoneTurn;
use crate::engine::tests::voice_ladder;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// What must survive, but for when it was made.
fn core_of(a: &Attempt) -> (String, u32, u32, Channel, AttemptState, Option<String>, Option<Class>, String) {
    let sid = a.sid.as_ref().map(|s| s.as_str().to_owned());
    (a.id.to_string(), a.number, a.step, a.channel, a.state, sid, a.class, a.result.clone())
}

async fn rings() -> World {
    use Channel::{Sms, Voice};
    let steps = [(0, "primary", Sms), (1, "primary", Voice), (9, "backup", Voice)];
    let mut w = World::with(voice_ladder(&steps)).await;
    w.dispatch("mixed").await;
    w.receipt(1, "delivered", None).await;
    w.advance(mins(1)).await;
    w.phone(2, "ringing", None).await;
    w
}

#[tokio::test]
async fn every_end_of_a_phone_call_comes_back_with_its_code_its_class_and_whether_it_rang() {
    for (word, sip, asked) in [
        ("completed", Some(200), true),
        ("busy", Some(486), false),
        ("no-answer", Some(487), false),
        ("no-answer", Some(480), false),
        ("no-answer", None, false),
        ("failed", Some(404), false),
        ("failed", Some(603), false),
        ("failed", None, false),
        ("canceled", None, false),
    ] {
        let mut w = rings().await;
        if asked {
            w.asks(2, 1).await;
        }
        w.phone(2, word, sip).await;
        let before = w.attempt(2).await;
        assert_eq!(before.state, AttemptState::Failed, "{word} {sip:?}");
        lost_and_rebuilt(&mut w).await;
        let after = w.attempt(2).await;
        assert_eq!(core_of(&after), core_of(&before), "{word} {sip:?}");
        // The code of what somebody picked up says nothing: no reason names it.
        let code = before.trace.sip.filter(|_| word != "completed");
        assert_eq!(after.trace, PhoneTrace { sip: code, asked: true, ..before.trace }, "{word} {sip:?}");
        assert_eq!(after.rang(), before.rang(), "{word} {sip:?}");
        assert_eq!(after.sender.as_ref().map(|s| s.as_str()), Some(fixtures::VOICE_SENDER), "{word} {sip:?}");
    }
}

#[tokio::test]
async fn a_key_comes_back_and_a_request_that_comes_again_changes_nothing() {
    let mut w = rings().await;
    w.asks(2, 1).await;
    assert_eq!(w.presses(2, 1, "2").await, Speech::Passed);
    w.phone(2, "completed", Some(200)).await;
    lost_and_rebuilt(&mut w).await;
    let a = w.attempt(2).await;
    assert_eq!((a.state, a.replied.as_str(), a.class), (AttemptState::Delivered, "2", None));
    let before = w.attempts().await;
    assert_eq!(w.presses(2, 1, "2").await, Speech::Passed);
    assert_eq!(w.presses(2, 1, "1").await, Speech::Passed, "it is decided");
    assert_eq!(w.attempts().await, before);
}

#[tokio::test]
async fn one_that_rang_is_asked_for_and_its_end_moves_the_ladder() {
    let mut w = rings().await;
    lost_and_rebuilt(&mut w).await;
    let a = w.attempt(2).await;
    assert_eq!((a.channel, a.state, a.rang()), (Channel::Voice, AttemptState::Submitted, true));
    w.voice.set_status(a.id, "completed");
    w.advance(mins(6)).await;
    let a = w.attempt(2).await;
    assert!(a.state == AttemptState::Failed && a.result.starts_with("answered_no_key"), "{}", a.result);
    assert!(!w.has_alert("nothing-said").await, "no row says whether our words were heard");
    w.advance(mins(10)).await;
    let told = w.state().await.attempts.iter().any(|a| a.recipient.contact.as_str() == "ana");
    assert!(told, "{}", w.log_text().await);
    let rung = w.voice.ledger().iter().filter(|c| c.to == fixtures::phone("sam")).count();
    assert_eq!(rung, 2, "once more after a phone call without a key, and no third time");
}

#[tokio::test]
async fn a_key_is_taken_in_a_phone_call_that_outlived_the_disk() {
    let mut w = rings().await;
    let at = w.turn(2, 1).await;
    lost_and_rebuilt(&mut w).await;
    assert!(matches!(w.key(PhoneTurn { ..at }, "1").await, Speech::Yours(_)));
    assert_eq!(w.status().await, CallStatus::Acknowledged);
}

#[tokio::test]
async fn one_without_a_sid_in_its_row_is_found_in_the_list_and_rings_nobody_again() {
    for missing in ["Message SID", "Method"] {
        let mut w = rings().await;
        let before = w.attempt(2).await;
        let mut books = Books::of(&w.state().await);
        books.set(2, missing, crate::gateways::airtable::Cell::Empty);
        w.lose_the_disk().await;
        rebuilt(&w, &books).await;
        let after = w.attempt(2).await;
        assert_eq!((after.id, after.channel), (before.id, Channel::Voice), "without {missing}");
        w.voice.on_fetch(Reaction::Accept);
        w.advance(mins(6) + secs(30)).await;
        assert_eq!(w.attempt(2).await.sid, before.sid, "without {missing}: {}", w.log_text().await);
        assert_eq!(w.voice.posts(), 1, "without {missing}");
    }
}
