//! What the provider says of a message, in whatever order and however late.

use crate::domain::change::Answer;
use crate::testing::{Reaction, World, mins, secs};

#[tokio::test]
async fn a_receipt_before_the_response_counts() {
    for (word, code, want) in [
        ("delivered", None, &["1 sam delivered"][..]),
        ("sent", None, &["1 sam submitted"]),
        ("failed", Some(30003), &["1 sam failed", "2 sam scheduled"]),
    ] {
        let mut w = World::new().await;
        w.sms.next(Reaction::AcceptLate);
        w.begin("normal").await;
        w.process.dispatcher.pass().await.expect("started");
        w.sms.accepted(1).await;
        let sid = w.sms.ledger()[0].sid.clone();
        w.update(Some(1), &sid, word, code).await;
        assert_eq!(w.attempts().await, want, "before the response");
        w.sms.release();
        w.settle().await;
        assert_eq!(w.attempts().await, want, "after it");
        assert_eq!(w.sms.posts().len(), 1);
    }
}

#[tokio::test]
async fn a_receipt_of_a_message_that_nobody_knows_yet_is_joined_later() {
    let mut w = World::new().await;
    w.sms.next(Reaction::AcceptLate);
    w.begin("normal").await;
    w.process.dispatcher.pass().await.expect("started");
    w.sms.accepted(1).await;
    let sid = w.sms.ledger()[0].sid.clone();
    assert!(matches!(w.update(None, &sid, "delivered", None).await, Answer::NotFound));
    assert_eq!(w.attempts().await, ["1 sam sending"]);
    w.sms.release();
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam delivered"], "joined with the response");
}

#[tokio::test]
async fn a_kept_receipt_is_joined_when_another_receipt_says_whose_message_it_is() {
    let mut w = World::new().await;
    w.sms.next(Reaction::UnknownButAccepted);
    w.dispatch("normal").await;
    let sid = w.sms.ledger()[0].sid.clone();
    w.update(None, &sid, "delivered", None).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w.update(Some(1), &sid, "sent", None).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
}

#[tokio::test]
async fn an_unknown_outcome_is_not_sent_again_and_the_attempts_own_receipt_settles_it() {
    for (word, code, want) in [
        ("queued", None, &["1 sam submitted"][..]),
        ("delivered", None, &["1 sam delivered"]),
        ("undelivered", Some(30003), &["1 sam failed", "2 sam scheduled"]),
    ] {
        let mut w = World::new().await;
        w.sms.list_lags(mins(60));
        w.sms.next(Reaction::UnknownButAccepted);
        w.dispatch("normal").await;
        w.advance(secs(59)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown"]);
        assert_eq!(w.sms.posts().len(), 1, "not sent again");
        w.receipt(1, word, code).await;
        assert_eq!(w.attempts().await, want);
        assert_eq!(w.wakes_at().await, Some(120), "the clock went on");
        w.advance(secs(61)).await;
        assert_eq!(w.attempts().await.len(), want.len() + 1, "a due step fires all the same");
    }
}

#[tokio::test]
async fn an_unknown_outcome_that_never_was_stays_visible_and_the_ladder_goes_on() {
    let mut w = World::new().await;
    w.sms.next(Reaction::UnknownNotAccepted);
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted", "3 sam submitted", "4 ana submitted"]);
    w.tech("sam").expect_sms("(repeat)");
    w.tech("sam").expect_sms("Reminder");
    assert!(w.log_text().await.contains("not sent again until it is found out"));
}

#[tokio::test]
async fn two_different_finals_are_settled_by_one_fetch_whose_word_stands() {
    let (again, dropped) = ("2 sam submitted", "2 sam skipped");
    for (label, words, truth, want) in [
        ("delivered, then failed; it was delivered", ["delivered", "failed"], "delivered", &["1 sam delivered"][..]),
        ("delivered, then failed; it did fail", ["delivered", "failed"], "failed", &["1 sam failed", again]),
        ("failed, then delivered; it was", ["failed", "delivered"], "delivered", &["1 sam delivered", dropped]),
        ("failed, then delivered; it did fail", ["failed", "delivered"], "failed", &["1 sam failed", again]),
    ] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        let (id, sid) = (w.attempt(1).await.id, w.sms.ledger()[0].sid.clone());
        for word in words {
            w.update(Some(1), &sid, word, (word == "failed").then_some(30003)).await;
        }
        let code = (truth == "failed").then_some(crate::domain::types::ErrorCode(30003));
        w.sms.set_status(id, &crate::domain::MessageStatus::from_word(truth), code);
        w.settle().await;
        assert_eq!((w.attempts().await[0].as_str(), w.sms.fetches()), (want[0], 1), "{label}");
        let a = w.attempt(1).await;
        assert_eq!(a.message_status.map(|s| s.to_string()).as_deref(), Some(truth), "{label}");
        assert!(!a.conflict && a.poll_at.is_none(), "{label}");
        assert!(!w.has_alert("conflict:").await, "{label}");
        w.advance(secs(20)).await;
        assert_eq!(w.attempts().await, want, "{label}: what the failure asked for");
    }
}

#[tokio::test]
async fn where_the_fetch_fails_the_first_final_stands_with_an_alert() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.sms.on_fetch(Reaction::away());
    w.receipt(1, "delivered", None).await;
    w.receipt(1, "failed", Some(30003)).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
    assert!(w.has_alert("conflict:").await);
    assert_eq!(w.sms.fetches(), 1);
}

#[tokio::test]
async fn a_question_that_finds_another_final_is_followed_by_one_that_settles_it() {
    let mut w = World::new().await;
    let id = w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    let attempt = w.attempt(1).await.id;
    w.sms.set_status(attempt, &crate::domain::MessageStatus::Undelivered, None);
    w.process.poller.refresh(&id).await.expect("asked");
    w.advance(secs(5)).await;
    assert_eq!(w.attempts().await[0], "1 sam failed", "the provider was asked and could answer");
    assert!(!w.has_alert("conflict:").await);
}

#[tokio::test]
async fn one_whose_failure_was_taken_back_is_told_of_later_steps() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let (id, sid) = (w.attempt(1).await.id, w.sms.ledger()[0].sid.clone());
    w.update(Some(1), &sid, "failed", Some(30005)).await;
    w.update(Some(1), &sid, "delivered", None).await;
    w.sms.set_status(id, &crate::domain::MessageStatus::Delivered, None);
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam delivered", "2 ana submitted"]);
    assert!(w.state().await.call.excluded.is_empty(), "his number was not at fault");
    w.advance(mins(10)).await;
    assert_eq!(w.attempts().await[2..], ["3 sam submitted", "4 ana submitted"]);
}

#[tokio::test]
async fn a_message_without_a_receipt_is_asked_about_and_then_alarms() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(29)).await;
    assert_eq!(w.sms.fetches(), 0);
    w.advance(secs(1)).await;
    assert_eq!(w.sms.fetches(), 1);
    w.reply("sam", "1").await;
    w.advance(secs(269)).await;
    assert!(!w.has_alert("no-status:sam").await);
    w.advance(secs(2)).await;
    assert!(w.has_alert("no-status:sam").await, "at its time, however long the pauses are by then");
    w.advance(mins(15)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "it moves nothing");
    let id = w.attempt(1).await.id;
    w.sms.set_status(id, &crate::domain::MessageStatus::Delivered, None);
    w.advance(mins(60)).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
    assert!(!w.has_alert("no-status:").await);
}

#[tokio::test]
async fn a_provider_that_asks_for_an_hour_does_not_put_off_the_alarm_or_the_questions() {
    let mut w = World::new().await;
    w.sms.on_fetch(Reaction::NotSent { retry_after: Some(secs(3_600)) });
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    w.advance(secs(299)).await;
    assert!(!w.has_alert("no-status:sam").await);
    w.advance(secs(2)).await;
    assert!(w.has_alert("no-status:sam").await, "at its time");
    let asked = w.sms.fetches();
    w.advance(secs(601)).await;
    assert!(w.sms.fetches() > asked, "ten minutes at most");
}

#[tokio::test]
async fn the_alarm_about_a_message_that_no_carrier_confirms_ends_with_the_questions() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    w.advance(mins(6)).await;
    assert!(w.has_alert("no-status:sam").await);
    w.advance(secs(71 * 3600)).await;
    assert!(w.has_alert("no-status:sam").await, "it is asked about for three days");
    w.advance(secs(2 * 3600)).await;
    assert!(!w.has_alert("no-status:").await);
    assert_eq!((w.attempts().await, w.attempt(1).await.poll_at), (vec!["1 sam submitted".to_owned()], None));
}

#[tokio::test]
async fn a_question_that_is_not_answered_holds_up_no_stop() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.sms.on_fetch(Reaction::AcceptLate);
    w.away(secs(31));
    let stop = tokio_util::sync::CancellationToken::new();
    let engine = tokio::spawn(w.process.supervisor.clone().run(stop.clone()));
    let asked = async {
        while w.sms.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(secs(20), asked).await.expect("it asks");
    stop.cancel();
    let ended = tokio::time::timeout(secs(20), engine).await.expect("it stops while the provider is silent");
    ended.expect("no panic").expect("a clean stop");
    assert_eq!(w.attempts().await, ["1 sam submitted"], "to be asked about again");
}
