//! The claim, the POST, what surely did not happen, and who goes first.

use std::time::Duration;

use crate::domain::attempt::{AttemptKind, Priority};
use crate::domain::call::CallStatus;
use crate::domain::event::Decision;
use crate::gateways::Callback;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

#[tokio::test]
async fn an_hours_outage_ends_in_one_text_each() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::away());
    w.dispatch("normal").await;
    w.advance(mins(30)).await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "the ladder is over, and nobody could be told yet");
    assert!(w.has_alert("exhausted:call_1").await, "a person hears of it all the same");
    w.outage(mins(30)).await;
    let mut to: Vec<String> = w.sms.ledger().into_iter().map(|m| m.to).collect();
    to.sort();
    assert_eq!(to, [fixtures::phone("sam"), fixtures::phone("ana")], "{:#?}", w.attempts().await);
    w.tech("sam").expect_sms("Acme Plumbing: Burst pipe");
    w.tech("ana").expect_sms("Acme Plumbing: Burst pipe");
    assert_eq!(w.status().await, CallStatus::Dispatching, "they were told just now and may answer");
    w.advance(mins(20)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
}

#[tokio::test]
async fn a_newer_notice_supersedes_one_that_has_not_left() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::away());
    w.dispatch("normal").await;
    w.outage(secs(130)).await;
    assert_eq!(w.attempts().await, ["1 sam skipped", "2 sam submitted"]);
    assert!(w.log_text().await.contains("superseded by attempt 2"));
    w.tech("sam").expect_sms("Acme Plumbing: Burst pipe");
    w.expect_silence();
}

#[tokio::test]
async fn what_surely_was_not_sent_is_tried_again_within_the_attempt_with_growing_pauses() {
    let mut w = World::new().await;
    w.sms.otherwise(Reaction::away());
    w.dispatch("normal").await;
    w.advance(secs(80)).await;
    let a = w.attempt(1).await;
    assert!((5..=12).contains(&a.tries), "{} tries in 80 s: 1, 2, 4… up to 30 s, each with jitter", a.tries);
    w.outage(secs(0)).await;
    assert_eq!(w.attempts().await[0], "1 sam submitted");
    assert_eq!(w.sms.ledger().len(), 1);
    assert_eq!(w.sms.ledger()[0].attempt, a.id, "the same attempt");
}

#[tokio::test]
async fn retry_after_is_honoured_and_a_first_notice_waits_30_s_for_it_at_most() {
    for (asked, waits) in [(20, 20), (45, 30), (3_600, 30), (u64::MAX / 2_000, 30)] {
        let mut w = World::new().await;
        w.sms.next(Reaction::NotSent { retry_after: Some(secs(asked)) });
        w.dispatch("normal").await;
        w.advance(secs(waits - 1)).await;
        assert_eq!(w.attempts().await, ["1 sam retrying"], "asked for {asked} s");
        w.advance(secs(1)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted"], "asked for {asked} s");
        assert!(!w.has_alert("no-sender").await, "over once something is sent");
    }
    // A reminder waits longer, and is superseded by the next one if that comes first.
    let slow = fixtures::policy("slow", &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(60), &["primary"])]);
    for (asked, waits) in [(45, 45), (3_600, 600)] {
        let setup = Setup { directory: fixtures::directory_with(slow.clone()), ..Setup::default() };
        let mut w = World::with(setup).await;
        w.dispatch("slow").await;
        w.sms.next(Reaction::NotSent { retry_after: Some(secs(asked)) });
        w.advance(secs(60 + waits - 1)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam retrying"], "asked for {asked} s");
        w.advance(secs(1)).await;
        assert_eq!(w.attempts().await[1], "2 sam submitted", "asked for {asked} s");
    }
}

#[tokio::test]
async fn a_create_that_names_anothers_message_is_an_unknown_outcome_and_found_out() {
    let mut w = World::new().await;
    let first = w.begin("normal").await;
    w.begin("normal").await;
    // The provider's next message is said to be the second call's: one message cannot be of two attempts.
    let sid = format!("SM{:032x}", 1).parse().expect("a SID");
    w.update(Some(1), &sid, "queued", None).await;
    w.settle().await;
    let state = w.call(&first).await;
    let attempts: Vec<String> = state.attempts.iter().map(crate::testing::story::shown).collect();
    assert_eq!(attempts, ["1 sam unknown"]);
    assert!(state.attempts[0].result.contains("the answer names message SM"), "{}", state.attempts[0].result);
    assert!(w.has_alert("second-message:").await);
    w.advance(secs(60)).await;
    assert_eq!(w.call(&first).await.attempts.len(), 2, "looked for in vain, and sent once more");
}

#[tokio::test]
async fn an_attempt_that_cannot_be_claimed_is_set_aside_and_holds_nobody_up() {
    let mut w = World::new().await;
    let first = w.begin("normal").await;
    let rotten = w.attempt(1).await.id;
    w.process.crash.refuse(Some(rotten));
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "the other call goes out");
    let next = w.settle().await.expect("a time");
    assert!(next > w.now() && next <= w.now().plus(secs(30)), "looked at again, and not at once: {next}");
    w.process.crash.refuse(None);
    w.advance(secs(30)).await;
    assert_eq!(w.call(&first).await.attempts[0].state, crate::domain::attempt::AttemptState::Submitted);
}

#[tokio::test]
async fn a_call_taken_or_closed_between_the_step_and_the_claim_sends_nothing() {
    let all = [
        ("taken", Decision::Acknowledge { holder: None }, "1 sam cancelled"),
        ("resolved", Decision::Resolve, "1 sam cancelled"),
        ("cancelled", Decision::Cancel, "1 sam cancelled"),
    ];
    for (label, what, want) in all {
        let mut w = World::new().await;
        w.begin("normal").await;
        w.decide(what).await;
        assert_eq!(w.attempts().await, [want], "{label}");
        assert!(w.sms.posts().is_empty(), "{label}: nobody was told, nobody is stood down");
    }
}

#[tokio::test]
async fn a_call_taken_while_a_notice_is_tried_again_sends_it_no_more() {
    let mut w = World::new().await;
    w.advance(secs(1)).await;
    w.dispatch("normal").await;
    w.sms.otherwise(Reaction::away());
    w.advance(secs(121)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam retrying"]);
    w.reply("sam", "1").await;
    w.outage(mins(1)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam cancelled"]);
    assert_eq!(w.sms.ledger().len(), 1);
}

#[tokio::test]
async fn a_refused_callback_url_is_left_out_once_with_an_alert() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 21609));
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!(w.sms.ledger()[0].callback, Callback::Without);
    assert!(w.has_alert("callback-url").await);
    assert_eq!(w.sms.posts().len(), 2);

    let mut w = World::new().await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 21609));
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await[0], "1 sam failed", "refused without one too: no third time");
    assert_eq!(w.sms.posts().iter().filter(|p| **p == w.sms.posts()[0]).count(), 2);
}

#[tokio::test]
async fn first_notices_go_before_reminders_and_those_before_stand_downs() {
    let mut w = World::with(Setup { messages_per_second: 1.0, ..Setup::default() }).await;
    let taken = w.dispatch("normal").await;
    w.advance(secs(121)).await;
    let reminded = w.begin("normal").await;
    w.advance(secs(5)).await;
    // Everything at once: a stand-down of the first call, a reminder of the second, a first notice of the third.
    w.last = Some(taken);
    let event = crate::domain::event::Event::Decide {
        call: w.id(),
        what: Decision::Cancel,
        by: crate::domain::types::Actor("mia".into()),
        note: None,
    };
    w.apply(event, "mia").await;
    w.last = Some(reminded);
    let event = crate::domain::event::Event::Decide {
        call: w.id(),
        what: Decision::FireNow,
        by: crate::domain::types::Actor("mia".into()),
        note: None,
    };
    w.apply(event, "mia").await;
    let before = w.sms.ledger().len();
    w.begin("normal").await;
    w.advance(secs(20)).await;
    let sent: Vec<_> = w.sms.ledger().split_off(before);
    let says: Vec<bool> = ["Acme Plumbing: Burst", "Reminder", "called off"]
        .iter()
        .zip(&sent)
        .map(|(says, m)| m.body.contains(says))
        .collect();
    let bodies: Vec<_> = sent.iter().map(|m| m.body.as_str()).collect();
    assert_eq!(says, [true, true, true], "{bodies:?}");
}

#[tokio::test]
async fn the_rate_of_a_sender_is_kept() {
    let mut w = World::with(Setup { messages_per_second: 1.0, ..Setup::default() }).await;
    for _ in 0..10 {
        w.begin("normal").await;
    }
    w.settle().await;
    for second in 0..10 {
        assert_eq!(w.sms.ledger().len(), 1 + second);
        w.advance(Duration::from_millis(1_001)).await;
    }
    assert_eq!(w.sms.ledger().len(), 10, "all of them in the end");
}

#[tokio::test]
async fn whether_a_notice_is_a_first_one_is_decided_when_it_leaves() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(mins(2)).await;
    assert_eq!((w.attempt(1).await.priority, w.attempt(2).await.priority), (Priority::First, Priority::Reminder));

    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 30003));
    w.dispatch("normal").await;
    w.advance(mins(2)).await;
    assert_eq!(w.attempt(2).await.priority, Priority::First, "no earlier text was accepted");
    w.tech("sam").expect_sms("Acme Plumbing: Burst pipe");
}

#[tokio::test]
async fn a_stand_down_that_is_not_wanted_any_more_or_too_old_is_not_sent() {
    for (label, wait, reopen) in [("too old", mins(11), false), ("dispatching again", secs(10), true)] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.advance(secs(420)).await;
        w.sms.otherwise(Reaction::away());
        w.reply("ana", "1").await;
        if reopen {
            w.decide(Decision::Reopen).await;
            w.reply("ana", "2").await;
        }
        w.outage(wait).await;
        let state = w.state().await;
        let stood_down = state.attempts.iter().filter(|a| a.kind == AttemptKind::StandDown && a.sid.is_some()).count();
        assert_eq!(stood_down, 0, "{label}: {:?}", w.attempts().await);
    }
}

#[tokio::test]
async fn without_a_sender_nothing_is_lost() {
    let mut setup = Setup::default();
    setup.directory.from = None;
    let mut w = World::with(setup).await;
    w.dispatch("normal").await;
    assert!(w.has_alert("no-sender").await);
    assert_eq!(w.attempts().await, ["1 sam scheduled"]);
    w.process.core.set_directory(std::sync::Arc::new(fixtures::directory()));
    w.advance(secs(31)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}
