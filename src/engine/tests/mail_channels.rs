//! Ladders by mail and by text: what one channel suffers is not the other's.

use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::event::Decision;
use crate::testing::relay::Relayed;
use crate::testing::{Reaction, World, mins, secs};

use super::mail::{ladder, mails_alone};

fn readers(w: &World) -> Vec<String> {
    w.relay.taken().iter().map(|m| m.to.as_str().to_owned()).collect()
}

#[tokio::test]
async fn a_mail_fires_at_its_time_while_texts_wait_for_the_account() {
    let steps = [(0, "primary", Channel::Sms), (2, "primary", Channel::Sms), (5, "backup", Channel::Email)];
    let mut w = World::with(ladder(&steps)).await;
    w.sms.otherwise(Reaction::refuse(401, 20003));
    w.dispatch("mixed").await;
    w.advance(mins(3)).await;
    assert!(w.state().await.call.deferred_from.is_some(), "the second text waits");
    w.advance(secs(235)).await;
    assert!(w.relay.taken().is_empty());
    w.advance(secs(10)).await;
    assert_eq!(readers(&w), ["ana@example.com"], "{}", w.log_text().await);
    assert!(!w.has_alert("late").await, "the mail left at its time: {:?}", w.alerts().await);
}

#[tokio::test]
async fn a_text_fires_at_its_time_while_mails_wait_for_the_relay() {
    let steps = [(0, "primary", Channel::Email), (2, "primary", Channel::Email), (2, "primary", Channel::Sms)];
    let mut w = World::with(ladder(&steps)).await;
    w.relay.otherwise(Relayed::Away);
    w.dispatch("mixed").await;
    w.advance(secs(230)).await;
    assert!(w.state().await.call.deferred_from.is_some(), "the second mail waits");
    assert!(w.sms.posts().is_empty());
    w.advance(secs(15)).await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn a_ladder_by_both_makes_one_notice_a_channel() {
    for [first, second] in [[Channel::Sms, Channel::Email], [Channel::Email, Channel::Sms]] {
        let mut w = World::with(ladder(&[(0, "primary", first), (0, "primary", second), (5, "backup", first)])).await;
        w.dispatch("mixed").await;
        w.tech("sam").expect_sms("Burst pipe");
        assert_eq!(readers(&w), ["sam@example.com"], "{first:?} first");
        assert_eq!(w.attempts().await.len(), 2);
    }
}

#[tokio::test]
async fn a_text_that_fails_beside_a_mail_moves_the_ladder() {
    for [first, second] in [[Channel::Sms, Channel::Email], [Channel::Email, Channel::Sms]] {
        let steps = [(0, "primary", first), (0, "primary", second), (30, "backup", Channel::Sms)];
        let mut w = World::with(ladder(&steps)).await;
        w.sms.next(Reaction::refuse(400, 21211));
        w.dispatch("mixed").await;
        assert_eq!(readers(&w), ["sam@example.com"]);
        w.tech("ana").expect_sms("Burst pipe");
    }
}

#[tokio::test]
async fn who_takes_no_texts_is_mailed_and_who_passed_is_not() {
    let steps = [(0, "primary", Channel::Sms), (5, "primary", Channel::Email), (5, "primary", Channel::Sms)];
    for code in [21211, 21610] {
        let mut w = World::with(ladder(&steps)).await;
        w.sms.next(Reaction::refuse(400, code));
        w.dispatch("mixed").await;
        assert_eq!(readers(&w), ["sam@example.com"], "{code}: {}", w.log_text().await);
        w.advance(mins(6)).await;
        assert_eq!(w.sms.posts().len(), 1, "{code}: no more texts to that number");
    }
    let mut w = World::with(ladder(&steps)).await;
    w.dispatch("mixed").await;
    w.reply("sam", "2").await;
    w.advance(mins(20)).await;
    assert!(w.relay.taken().is_empty(), "a pass is of all channels");
}

#[tokio::test]
async fn a_mailbox_that_is_busy_is_its_readers_and_not_the_relays() {
    let mut w = World::with(mails_alone()).await;
    w.relay.otherwise(Relayed::Later);
    w.dispatch("mixed").await;
    w.advance(secs(110)).await;
    assert!(w.relay.asked() > 4, "{}", w.relay.asked());
    assert!(!w.has_alert("breaker:smtp").await, "{:?}", w.alerts().await);
    w.relay.otherwise(Relayed::Takes);
    w.advance(mins(2)).await;
    assert!(readers(&w).contains(&"ana@example.com".to_owned()), "{:?}", readers(&w));
}

#[tokio::test]
async fn the_alarm_for_no_answer_counts_from_the_first_mail_of_the_round() {
    let mut w = World::with(mails_alone()).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    w.decide(Decision::Acknowledge { holder: "sam".parse().ok() }).await;
    w.advance(mins(20)).await;
    w.decide(Decision::Reopen).await;
    w.advance(mins(4)).await;
    w.watch().await;
    assert!(!w.has_alert("unanswered:").await, "its mail is out for four minutes");
    w.advance(secs(61)).await;
    w.watch().await;
    assert!(w.has_alert("unanswered:").await, "{}", w.log_text().await);
}

#[tokio::test]
async fn the_alarm_for_no_answer_says_where_no_mail_is_out() {
    let mut w = World::with(mails_alone()).await;
    w.relay.otherwise(Relayed::Away);
    w.dispatch("mixed").await;
    w.advance(secs(301)).await;
    w.watch().await;
    let alerts = w.process.store.alerts().await.expect("read");
    let said = alerts.iter().find(|a| a.key.to_string().starts_with("unanswered:")).map(|a| a.message.as_str());
    assert!(said.is_some_and(|said| said.contains("no mail is out")), "{alerts:?}");
}

#[tokio::test]
async fn who_has_no_address_in_a_step_that_tells_others_is_said() {
    let mut setup = ladder(&[(0, "primary", Channel::Email), (5, "backup", Channel::Sms)]);
    setup.directory.contacts[0].email = None;
    setup.directory.contacts[1].role = "primary".parse().ok();
    let mut w = World::with(setup).await;
    w.dispatch("mixed").await;
    assert_eq!(readers(&w), ["ana@example.com"]);
    assert!(w.has_alert("nobody:").await, "{:?}", w.alerts().await);
    assert!(w.log_text().await.contains("leaves out Sam Ortiz: no mail address"));
    assert_eq!(w.attempt(1).await.state, AttemptState::Submitted);
}

#[tokio::test]
async fn the_outcome_of_a_dispatch_names_each_channel_by_its_own() {
    let mut w = World::with(mails_alone()).await;
    w.dispatch("mixed").await;
    let said = crate::engine::json::outcome(&w.state().await, true, "live");
    assert!(said["channels"]["email"].is_object() && said["channels"].get("sms").is_none(), "{said}");
}
