//! A person says what became of a text whose answer was lost.

use crate::domain::Settlement;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::{Actor, MessageSid};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Sam, then Sam again, then Ana, ten minutes apart.
fn slow() -> Setup {
    let steps: &[_] = &[(secs(0), &["primary"][..]), (mins(10), &["primary"]), (mins(10), &["backup"])];
    Setup { directory: fixtures::directory_with(fixtures::policy("slow", steps)), ..Setup::default() }
}

/// A call whose first text met this.
async fn lost(reaction: Reaction) -> World {
    let mut w = World::with(slow()).await;
    w.sms.list_lags(mins(9_999));
    w.sms.next(reaction);
    w.dispatch("slow").await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w
}

async fn settle(w: &World, number: u32, how: Settlement) -> Answer {
    let event =
        Event::Settle { attempt: w.attempt(number).await.id, how, seen: None, by: Actor("mia".into()), note: None };
    let answer = w.apply(event, "mia").await;
    w.settle().await;
    answer
}

fn why(answer: &Answer) -> &str {
    match answer {
        Answer::NotAllowed(_, why) => why,
        other => panic!("it is not allowed: {other:?}"),
    }
}

fn sid(n: u32) -> MessageSid {
    format!("SM{n:032x}").parse().expect("a SID")
}

#[tokio::test]
async fn sent_links_the_message_and_it_is_followed_to_its_end() {
    let w = lost(Reaction::UnknownButAccepted).await;
    let theirs = w.sms.ledger()[0].sid.clone();
    assert!(matches!(settle(&w, 1, Settlement::Sent(theirs.clone())).await, Answer::Changed(_)));
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!((w.attempt(1).await.sid, w.sms.fetches()), (Some(theirs.clone()), 1), "it is asked about at once");
    assert!(
        w.log_text()
            .await
            .contains(&format!("attempt.settled attempt 1 settled by mia: the provider has it as {theirs}"))
    );
    assert!(w.state().await.call.notified_at.is_some());
    let id = w.attempt(1).await.id;
    w.sms.set_status(id, &crate::domain::MessageStatus::Delivered, None);
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
    assert_eq!(w.sms.posts().len(), 1, "nothing was sent again");
    assert!(matches!(settle(&w, 1, Settlement::Sent(theirs)).await, Answer::Already(_)), "said again");
    let other = settle(&w, 1, Settlement::Sent(sid(77))).await;
    assert!(why(&other).contains("is delivered (message SM"), "{other:?}");
    assert!(why(&settle(&w, 1, Settlement::NotSent).await).contains("not unknown"));
}

#[tokio::test]
async fn receipts_that_were_kept_of_a_message_count_when_it_is_linked() {
    let w = lost(Reaction::UnknownButAccepted).await;
    let theirs = w.sms.ledger()[0].sid.clone();
    w.update(None, &theirs, "delivered", None).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    settle(&w, 1, Settlement::Sent(theirs)).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
}

#[tokio::test]
async fn a_message_of_another_attempt_is_not_linked_twice() {
    let mut w = World::with(slow()).await;
    w.sms.list_lags(mins(9_999));
    w.dispatch("slow").await;
    let theirs = w.sms.ledger()[0].sid.clone();
    w.sms.next(Reaction::UnknownNotAccepted);
    w.dispatch("slow").await;
    let answer = settle(&w, 1, Settlement::Sent(theirs)).await;
    assert!(why(&answer).contains("of call call_1"), "{answer:?}");
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    let event = Event::Settle {
        attempt: "att_00000000000000000000000000000001".parse().expect("an id"),
        how: Settlement::Sent(w.sms.ledger()[0].sid.clone()),
        seen: None,
        by: Actor("mia".into()),
        note: None,
    };
    assert!(matches!(w.apply(event, "mia").await, Answer::NotFound), "and no attempt is none");
}

#[tokio::test]
async fn not_sent_fails_it_and_somebody_else_is_told_now() {
    let w = lost(Reaction::UnknownNotAccepted).await;
    assert!(matches!(settle(&w, 1, Settlement::NotSent).await, Answer::Changed(_)));
    assert_eq!(w.attempts().await, ["1 sam failed", "2 ana submitted"], "he is not told again of the same notice");
    assert_eq!(w.attempt(1).await.result, "not sent, says mia");
    let log = w.log_text().await;
    assert!(log.contains("attempt 1 settled by mia: the provider does not have it"), "{log}");
    assert!(w.state().await.call.excluded.is_empty(), "his number is not at fault");
    assert!(matches!(settle(&w, 1, Settlement::NotSent).await, Answer::Already(_)));
    assert_eq!(w.attempts().await.len(), 2, "said twice moves nothing");
    w.advance(mins(5)).await;
    assert_eq!(w.attempts().await.len(), 2, "its policy has nothing left to decide");
    assert!(why(&settle(&w, 1, Settlement::Resend).await).contains("is failed"));
}

#[tokio::test]
async fn not_sent_moves_nothing_once_a_later_step_has_fired_or_the_call_is_taken() {
    let mut w = lost(Reaction::UnknownNotAccepted).await;
    w.reply("sam", "1").await;
    settle(&w, 1, Settlement::NotSent).await;
    assert_eq!(w.attempts().await, ["1 sam failed"]);
    let mut w = World::with(slow()).await;
    w.sms.list_lags(mins(9_999));
    w.sms.otherwise(Reaction::UnknownNotAccepted);
    w.dispatch("slow").await;
    w.advance(mins(10)).await;
    w.sms.forget_script();
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam unknown", "3 sam unknown"]);
    settle(&w, 1, Settlement::NotSent).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam unknown", "3 sam unknown"]);
}

#[tokio::test]
async fn resend_repeats_it_now_once_and_counts_as_the_policys_decision() {
    let w = lost(Reaction::UnknownNotAccepted).await;
    w.sms.next(Reaction::UnknownNotAccepted);
    assert!(matches!(settle(&w, 1, Settlement::Resend).await, Answer::Changed(_)));
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam unknown"]);
    assert_eq!(w.attempt(2).await.repeats, Some(w.attempt(1).await.id));
    assert!(matches!(settle(&w, 1, Settlement::Resend).await, Answer::Already(_)));
    w.advance(mins(9)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam unknown"], "the policy decides once a notice");
    settle(&w, 2, Settlement::Resend).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam failed", "3 sam submitted"], "a person may say so again");
    w.tech("sam").expect_sms("(repeat)");
}

async fn opts_out(w: &World, who: &str) {
    let out = crate::domain::change::OptOutChange::Out {
        phone: fixtures::phone(who).into(),
        sender: fixtures::SENDER.into(),
    };
    let change = std::sync::Arc::new(move |_: &crate::domain::event::Loaded| {
        Ok(crate::domain::change::Change { opt_outs: vec![out.clone()], ..Default::default() })
    });
    w.process.store.transact(crate::domain::event::Load::Nothing, Vec::new(), change).await.expect("opted out");
}

#[tokio::test]
async fn a_step_that_finds_nobody_is_passed_over_so_the_one_after_it_is_due_at_the_same_moment() {
    let steps: &[_] = &[(secs(0), &["primary"][..]), (mins(10), &["backup"]), (mins(10), &["primary"])];
    let mut setup = Setup { directory: fixtures::directory_with(fixtures::policy("over", steps)), ..Setup::default() };
    setup.rules.unknown_first = crate::domain::UnknownPolicy::Hold;
    for (is_out, want) in [(false, None), (true, Some("a step to them is due now"))] {
        let mut w = World::with(setup.clone()).await;
        w.sms.next(Reaction::UnknownNotAccepted);
        w.dispatch("over").await;
        if is_out {
            opts_out(&w, "ana").await;
        }
        w.advance(mins(10) - secs(15)).await;
        let answer = settle(&w, 1, Settlement::Resend).await;
        match want {
            Some(want) => assert!(why(&answer).contains(want), "{answer:?}"),
            None => assert_eq!(w.attempts().await.len(), 2, "that step tells somebody else: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn resend_is_held_to_the_bars_of_every_other_resend() {
    let taken = |w: World| async move {
        let mut w = w;
        w.reply("sam", "1").await;
        w
    };
    let later = |w: World| async move {
        w.advance(mins(10)).await;
        w
    };
    let due = |w: World| async move {
        w.advance(mins(10) - secs(15)).await;
        w
    };
    let hold = || {
        let mut s = slow();
        s.rules.unknown_first = crate::domain::UnknownPolicy::Hold;
        s
    };
    let world = || async move {
        let mut w = World::with(hold()).await;
        w.sms.next(Reaction::UnknownNotAccepted);
        w.dispatch("slow").await;
        w
    };
    for (label, w, want) in [
        ("taken", taken(world().await).await, "looks for nobody"),
        ("a later text", later(world().await).await, "a later text to them was accepted"),
        ("due", due(world().await).await, "a step to them is due now"),
    ] {
        let before = w.attempts().await;
        let answer = settle(&w, 1, Settlement::Resend).await;
        assert!(why(&answer).contains(want), "{label}: {answer:?}");
        assert_eq!(w.attempts().await, before, "{label}: nothing was changed");
    }
    let w = world().await;
    opts_out(&w, "sam").await;
    assert!(why(&settle(&w, 1, Settlement::Resend).await).contains("opted out"));
}

#[tokio::test]
async fn the_alert_that_it_stays_is_over_whatever_is_said() {
    for how in [Settlement::Sent(sid(77)), Settlement::NotSent] {
        let one = fixtures::policy("one", &[(secs(0), &["primary"])]);
        let mut setup = Setup { directory: fixtures::directory_with(one), ..Setup::default() };
        setup.rules.unknown_first = crate::domain::UnknownPolicy::Hold;
        let mut w = World::with(setup).await;
        w.sms.next(Reaction::UnknownNotAccepted);
        w.dispatch("one").await;
        w.advance(mins(5)).await;
        assert!(w.has_alert("unknown:").await, "{how:?}");
        settle(&w, 1, how.clone()).await;
        assert!(!w.has_alert("unknown:").await, "{how:?}");
    }
}

#[tokio::test]
async fn what_the_provider_says_after_a_person_stands() {
    let w = lost(Reaction::UnknownButAccepted).await;
    settle(&w, 1, Settlement::NotSent).await;
    assert_eq!(w.attempts().await[0], "1 sam failed");
    let id = w.attempt(1).await.id;
    w.sms.set_status(id, &crate::domain::MessageStatus::Delivered, None);
    w.receipt(1, "delivered", None).await;
    assert_eq!(w.attempts().await[0], "1 sam delivered", "asked once more, and its word stands");
}

#[tokio::test]
async fn a_stand_down_that_was_not_sent_moves_no_ladder_and_is_not_repeated() {
    let mut w = World::with(slow()).await;
    w.dispatch("slow").await;
    w.sms.next(Reaction::UnknownNotAccepted);
    w.decide(Decision::Cancel).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 stand-down sam unknown"]);
    assert!(why(&settle(&w, 2, Settlement::Resend).await).contains("only a notice"));
    settle(&w, 2, Settlement::NotSent).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 stand-down sam failed"]);
}
