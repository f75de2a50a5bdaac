//! Mail as a notice channel: accepted by the relay is tried, not told; each channel goes on while the other stands still.

use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::event::{Decision, Event};
use crate::domain::policy::Policy;
use crate::gateways::MailRefusal;
use crate::testing::relay::Relayed;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Steps by (wait, role, channel).
pub(super) fn ladder(steps: &[(u64, &str, Channel)]) -> Setup {
    let mut policy: Policy = fixtures::policy("mixed", &[]);
    for (wait, role, channel) in steps {
        let mut step = fixtures::policy("x", &[(mins(*wait), &[role])]).steps.remove(0);
        step.channel = *channel;
        policy.steps.push(step);
    }
    let mut directory = fixtures::directory_with(policy);
    directory.mail_from = "dispatch@example.com".parse().ok();
    Setup { directory, ..Setup::default() }
}

/// Sam by mail, Ana by text after two minutes.
fn mixed() -> Setup {
    ladder(&[(0, "primary", Channel::Email), (2, "backup", Channel::Sms)])
}

pub(super) fn mails_alone() -> Setup {
    ladder(&[(0, "primary", Channel::Email), (2, "backup", Channel::Email)])
}

#[tokio::test]
async fn a_mail_that_the_relay_took_tells_nobody_and_the_ladder_goes_on_by_text() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    let (a, call) = (w.attempt(1).await, w.state().await.call);
    assert_eq!((a.channel, a.provider.as_str(), &a.sid, call.notified_at), (Channel::Email, "smtp", &None, None));
    assert_eq!(a.recipient.email.as_ref().map(|e| e.as_str()), Some("sam@example.com"));
    let mail = w.relay.taken().remove(0);
    assert_eq!((mail.to.as_str(), mail.id), ("sam@example.com", a.id.to_string()));
    assert!(mail.subject.contains("Acme Plumbing") && mail.subject.contains("Burst pipe"), "{}", mail.subject);
    assert!(mail.text.contains("+19495550150") && mail.text.contains("1 Elm St"), "{}", mail.text);
    assert!(mail.html.contains("1 Elm St") && w.sms.posts().is_empty());
    w.advance(secs(61)).await;
    w.watch().await;
    assert!(w.has_alert("untold:").await, "tried is not told");
    w.advance(secs(60)).await;
    w.tech("ana").expect_sms("Burst pipe");
    assert!(w.state().await.call.notified_at.is_some(), "a text tells");
    w.advance(mins(30)).await;
    assert!(!w.has_alert("no-status").await || w.attempt(1).await.state == AttemptState::Submitted);
    assert_eq!(w.relay.taken().len(), 1);
}

#[tokio::test]
async fn who_was_mailed_answers_by_text_and_who_was_mailed_is_stood_down_by_mail() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(2)).await;
    w.tech("ana").expect_sms("Burst pipe");
    let answer = w.reply("sam", "1").await;
    assert!(answer.contains("is yours"), "{answer}");
    w.tech("ana").expect_sms("Sam Ortiz has taken this call");
    assert_eq!(w.relay.taken().len(), 1, "who took it is not stood down");

    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(2)).await;
    w.reply("ana", "1").await;
    let mails = w.relay.taken();
    assert!(mails.len() == 2 && mails[1].subject.contains("Ana Reyes has taken this call"), "{mails:?}");
    // A soft word answers a text, and Sam has had none.
    let answer = w.reply("sam", "ok").await;
    assert!(!answer.contains("yours"), "{answer}");
}

#[tokio::test]
async fn a_relay_that_is_away_opens_its_own_breaker_and_holds_no_text() {
    let mut w = World::with(mixed()).await;
    w.relay.otherwise(Relayed::Away);
    w.dispatch("mixed").await;
    w.advance(secs(110)).await;
    assert!(w.has_alert("breaker:smtp").await, "{:?}", w.alerts().await);
    assert!(w.sms.posts().is_empty());
    w.advance(secs(10)).await;
    w.tech("ana").expect_sms("Burst pipe");
    assert_eq!(w.state().await.call.deferred_from, None, "nothing of the ladder waited for the relay");
    w.relay.otherwise(Relayed::Takes);
    w.advance(mins(2)).await;
    assert_eq!(w.relay.taken().len(), 1, "the probe went");
    assert!(!w.has_alert("breaker:smtp").await);
}

#[tokio::test]
async fn an_account_of_texts_that_is_shut_holds_no_mail() {
    let mut w = World::with(ladder(&[(0, "backup", Channel::Sms), (2, "primary", Channel::Email)])).await;
    w.sms.otherwise(Reaction::refuse(401, 20003));
    w.dispatch("mixed").await;
    assert!(w.has_alert("breaker:").await);
    w.advance(mins(2)).await;
    assert_eq!(w.relay.taken().len(), 1, "its step fired on time");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_held_and_never_sent_again() {
    let mut w = World::with(mixed()).await;
    w.relay.script(&[Relayed::LosesTheAnswer]);
    w.dispatch("mixed").await;
    let a = w.attempt(1).await;
    assert_eq!((a.state, a.poll_at), (AttemptState::Unknown, None));
    assert!(a.decided_at.is_some(), "nobody can be asked");
    assert!(w.log_text().await.contains("no relay can be asked: it is held"));
    w.advance(mins(2)).await;
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(5)).await;
    assert_eq!(w.relay.asked(), 1);
}

#[tokio::test]
async fn a_restart_between_the_intent_and_the_answer_holds_the_mail() {
    let mut w = World::with(mixed()).await;
    w.begin("mixed").await;
    let attempt = w.attempt(1).await.id;
    let engine = w.process.engine.id.clone();
    w.apply(Event::Claim { attempt, engine, provider_after: None }, "engine").await;
    w.restart().await;
    w.settle().await;
    let a = w.attempt(1).await;
    assert_eq!((a.state, w.relay.asked()), (AttemptState::Unknown, 0));
    assert!(a.decided_at.is_some());
    w.advance(mins(2)).await;
    w.tech("ana").expect_sms("Burst pipe");
}

#[tokio::test]
async fn a_refused_reader_escalates_and_keeps_his_texts_and_a_refused_sender_opens_the_breaker() {
    let mut w = World::with(ladder(&[(0, "primary", Channel::Email), (5, "primary", Channel::Sms)])).await;
    w.relay.script(&[Relayed::Refuses(MailRefusal::Recipient)]);
    w.dispatch("mixed").await;
    assert!(w.has_alert("refused:").await);
    w.tech("sam").expect_sms("Burst pipe");

    let mut w = World::with(mixed()).await;
    w.relay.otherwise(Relayed::Refuses(MailRefusal::Relay));
    w.dispatch("mixed").await;
    assert!(w.has_alert("breaker:smtp").await);
}

#[tokio::test]
async fn where_mails_alone_tell_tried_is_asked_for_at_a_minute_and_an_answer_at_five() {
    let mut w = World::with(mails_alone()).await;
    w.relay.otherwise(Relayed::Away);
    w.dispatch("mixed").await;
    w.advance(secs(62)).await;
    w.watch().await;
    assert!(w.has_alert("untold:").await, "nobody was tried");

    let mut w = World::with(mails_alone()).await;
    w.dispatch("mixed").await;
    w.advance(secs(62)).await;
    w.watch().await;
    assert!(!w.has_alert("untold:").await, "the relay took it");
    w.advance(mins(4)).await;
    w.watch().await;
    assert!(w.has_alert("unanswered:").await);
    w.decide(Decision::Acknowledge { holder: "ana".parse().ok() }).await;
    assert!(!w.has_alert("unanswered:").await);
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    assert!(w.sms.posts().is_empty());
}

#[tokio::test]
async fn who_has_no_address_is_said_and_the_ladder_goes_on() {
    let mut setup = mixed();
    setup.directory.contacts[0].email = None;
    let mut w = World::with(setup).await;
    w.dispatch("mixed").await;
    w.tech("ana").expect_sms("Burst pipe");
    assert!(w.has_alert("nobody:").await && w.log_text().await.contains("Sam Ortiz has no mail address"));
}
