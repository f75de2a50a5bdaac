//! What the end of a phone call asks for: of its number, of ours, of the account; also where it is known late.

use super::voice::calls;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::codes::Class;
use crate::domain::event::Decision;
use crate::testing::{Reaction, World, mins, secs};

async fn rings() -> World {
    let mut w = World::with(calls(&[(0, "primary", Channel::Voice), (9, "backup", Channel::Voice)])).await;
    w.dispatch("mixed").await;
    w
}

/// The last word of the first phone call is found by a question, which brings no code.
async fn ended_by_poll(word: &str) -> World {
    let w = rings().await;
    let id = w.attempt(1).await.id;
    w.voice.set_status(id, word);
    w.advance(secs(31)).await;
    assert_eq!(w.attempt(1).await.state, AttemptState::Failed, "{word}");
    w
}

#[tokio::test]
async fn a_number_that_is_none_by_a_code_that_comes_late_is_not_rung_again() {
    let w = ended_by_poll("failed").await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"], "as if a carrier had failed");
    w.phone(1, "failed", Some(404)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam skipped", "3 ana submitted"], "{}", w.log_text().await);
    let a = w.attempt(1).await;
    assert_eq!((a.class, a.result.contains("no such number (SIP 404)")), (Some(Class::NumberPermanent), true));
    assert!(w.state().await.call.is_out_by(&"sam".parse().expect("an id"), Channel::Voice));
    let before = w.log_text().await;
    w.phone(1, "failed", Some(404)).await;
    w.phone(1, "failed", Some(503)).await;
    assert_eq!(w.log_text().await, before, "the first code stands");
}

#[tokio::test]
async fn a_code_that_comes_late_stands_in_the_story_and_rings_nobody_a_second_time() {
    for (word, sip, says, rang) in [
        ("busy", 486, "busy: the phone was engaged (SIP 486)", false),
        ("failed", 480, "off or out of range (SIP 480)", false),
        ("no-answer", 480, "off or out of range (SIP 480)", false),
        ("no-answer", 487, "nobody picked up (SIP 487)", true),
        ("no-answer", 603, "blocked by the carrier, the phone or its owner (SIP 603)", true),
    ] {
        let w = ended_by_poll(word).await;
        let before = w.attempts().await;
        w.phone(1, word, Some(sip)).await;
        let a = w.attempt(1).await;
        assert!(a.result.contains(says) && w.log_text().await.contains(says), "{word} {sip}: {}", a.result);
        assert_eq!((a.rang(), w.attempts().await), (rang, before), "{word} {sip}");
        w.advance(mins(1)).await;
        assert_eq!((w.voice.posts(), w.attempt(2).await.recipient.contact.as_str()), (2, "sam"), "{word} {sip}");
    }
}

#[tokio::test]
async fn a_code_after_a_key_is_kept_and_changes_nothing() {
    let w = rings().await;
    w.asks(1, 1).await;
    w.presses(1, 1, "1").await;
    let id = w.attempt(1).await.id;
    w.voice.set_status(id, "completed");
    w.advance(secs(31)).await;
    w.phone(1, "completed", Some(200)).await;
    let a = w.attempt(1).await;
    assert_eq!((a.state, a.trace.sip.map(|c| c.0), a.class), (AttemptState::Delivered, Some(200), None));
}

/// A call whose first phone call a carrier refused, and one that passed to Ana, whose phone rings.
async fn blocked_once_and_ana_rings(sip: u32, apart: std::time::Duration) -> World {
    let mut w = rings().await;
    w.phone(1, "failed", Some(sip)).await;
    let a = w.attempt(1).await;
    assert_eq!((a.class, w.has_alert("breaker:").await), (Some(Class::Transient), false), "one number");
    w.decide(Decision::Cancel).await;
    w.advance(apart).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    w.presses(1, 1, "2").await;
    w
}

#[tokio::test]
async fn two_numbers_that_refuse_ours_within_a_day_open_its_breaker_whatever_the_call() {
    let w = blocked_once_and_ana_rings(603, mins(60)).await;
    w.phone(2, "failed", Some(608)).await;
    assert_eq!(w.attempt(2).await.class, Some(Class::Sender), "{}", w.log_text().await);
    assert!(w.has_alert("breaker:voice:").await, "{:?}", w.alerts().await);

    let w = blocked_once_and_ana_rings(603, mins(25 * 60)).await;
    w.phone(2, "failed", Some(608)).await;
    assert_eq!((w.attempt(2).await.class, w.has_alert("breaker:").await), (Some(Class::Transient), false), "a day ago");

    let w = blocked_once_and_ana_rings(603, mins(60)).await;
    let id = w.attempt(2).await.id;
    w.voice.set_status(id, "failed");
    w.advance(secs(31)).await;
    assert!(!w.has_alert("breaker:").await, "nothing says that it was refused");
    w.phone(2, "failed", Some(403)).await;
    assert!(w.has_alert("breaker:voice:").await, "the code came late: {:?}", w.alerts().await);
}

#[tokio::test]
async fn what_was_refused_before_a_breaker_was_closed_says_nothing_new() {
    let w = blocked_once_and_ana_rings(603, mins(1)).await;
    w.phone(2, "failed", Some(603)).await;
    let breakers = w.process.store.breakers().await.expect("read");
    let [open] = breakers.as_slice() else { panic!("one: {breakers:?}") };
    let closes = crate::domain::event::BreakerEvent::ClosedByPerson;
    let event = crate::domain::event::Event::Breaker { sender: open.sender.clone(), what: closes };
    w.apply(event, "office").await;
    w.settle().await;
    w.phone(3, "failed", Some(603)).await;
    let a = w.attempt(3).await;
    assert_eq!((a.recipient.contact.as_str(), a.class), ("ana", Some(Class::Transient)), "{}", w.log_text().await);
}

#[tokio::test]
async fn a_second_number_that_the_provider_blocks_is_the_accounts_affair() {
    for (code, is_account) in [(21_216, true), (13_225, true), (21_215, false)] {
        let mut w = World::with(calls(&[(0, "primary", Channel::Voice), (9, "backup", Channel::Voice)])).await;
        w.voice.otherwise(Reaction::refuse(400, code));
        w.dispatch("mixed").await;
        let classes: Vec<_> = [w.attempt(1).await.class, w.attempt(2).await.class].into_iter().flatten().collect();
        let second = if is_account { Class::Account } else { Class::PairOrContent };
        assert_eq!(classes, [Class::PairOrContent, second], "{code}: {}", w.log_text().await);
        assert_eq!(w.has_alert("breaker:voice").await, is_account, "{code}: {:?}", w.alerts().await);
    }
}

#[tokio::test]
async fn too_many_at_once_alarms_until_one_is_placed_again() {
    let mut w = World::with(calls(&[(0, "primary", Channel::Voice)])).await;
    w.voice.next(Reaction::refuse(400, 10_004));
    w.dispatch("mixed").await;
    assert!(w.has_alert("phone-limit").await, "{:?}", w.alerts().await);
    w.advance(secs(21)).await;
    assert_eq!((w.voice.ledger().len(), w.has_alert("phone-limit").await), (1, false), "{:?}", w.alerts().await);
}

#[tokio::test]
async fn a_queue_that_is_long_is_told_of_in_the_change_that_keeps_the_answer() {
    let mut w = World::with(calls(&[(0, "primary", Channel::Voice), (9, "backup", Channel::Voice)])).await;
    w.voice.queues_for(secs(31));
    w.dispatch("mixed").await;
    assert!(w.has_alert("phone-queue").await, "{:?}", w.alerts().await);
    assert_eq!(w.attempt(1).await.state, AttemptState::Submitted);
    w.voice.queues_for(secs(30));
    w.asks(1, 1).await;
    w.presses(1, 1, "2").await;
    assert_eq!((w.voice.posts(), w.has_alert("phone-queue").await), (2, false), "{:?}", w.alerts().await);
}
