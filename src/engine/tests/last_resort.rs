//! The last resort: told once a round before a call is given up, whatever the reason.

use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::event::Decision;
use crate::domain::team::Directory;
use crate::testing::crash::Death;
use crate::testing::fixtures::policy;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Sam, then Ana; Olga is the last resort. Ten minutes to the end.
fn directory() -> Directory {
    let brisk = policy("brisk", &[(secs(0), &["primary"]), (mins(1), &["backup"])]);
    Directory { last_resort: vec!["olga".parse().expect("id")], ..fixtures::directory_with(brisk) }
}

async fn shop() -> World {
    World::with(Setup { directory: directory(), ..Setup::default() }).await
}

async fn exhausted_alerts(w: &World) -> usize {
    w.alerts().await.iter().filter(|a| a.starts_with("exhausted:")).count()
}

#[tokio::test]
async fn a_ladder_that_is_over_tells_the_last_resort_and_then_the_call_is_exhausted() {
    let mut w = shop().await;
    w.dispatch("brisk").await;
    w.advance(mins(11)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted", "3 olga submitted"]);
    assert_eq!((w.status().await, exhausted_alerts(&w).await), (CallStatus::Dispatching, 1), "told with the alert");
    assert!(w.log_text().await.contains("the last resort fired: telling Olga Lind"), "{}", w.log_text().await);
    w.advance(mins(9)).await;
    assert_eq!(w.status().await, CallStatus::Dispatching, "she has the same time to answer");
    w.advance(mins(1)).await;
    assert_eq!((w.status().await, w.attempts().await.len()), (CallStatus::Exhausted, 3), "once a round");
    w.decide(Decision::Reopen).await;
    w.advance(mins(11)).await;
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("6 olga submitted"), "a new round has its own");
}

#[tokio::test]
async fn whoever_is_the_last_resort_can_take_the_call() {
    let mut w = shop().await;
    w.dispatch("brisk").await;
    w.advance(mins(11)).await;
    w.reply("olga", "1").await;
    assert_eq!((w.status().await, exhausted_alerts(&w).await), (CallStatus::Acknowledged, 0));
}

#[tokio::test]
async fn whatever_the_reason_nobody_is_given_up_before_the_last_resort_is_told() {
    // Everybody passes.
    let mut w = shop().await;
    w.dispatch("brisk").await;
    w.reply("sam", "2").await;
    w.reply("ana", "2").await;
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("3 olga submitted"), "at once");
    w.reply("olga", "2").await;
    assert_eq!(w.status().await, CallStatus::Exhausted, "she passes too");

    // Nobody can be reached.
    let mut w = shop().await;
    for who in ["sam", "ana"] {
        w.sms.always_to(fixtures::phone(who), Reaction::refuse(400, 21211));
    }
    w.dispatch("brisk").await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 ana failed", "3 olga submitted"]);
    w.receipt(3, "undelivered", Some(30005)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted, "nor can she");

    // Nobody holds a role.
    let mut nobody = directory();
    nobody.contacts.retain(|c| c.id.as_str() == "olga");
    let mut w = World::with(Setup { directory: nobody, ..Setup::default() }).await;
    w.dispatch("brisk").await;
    assert_eq!(w.attempts().await, ["1 olga submitted"]);

    // A person stopped the follow-ups, and nobody took it.
    let mut w = shop().await;
    w.dispatch("brisk").await;
    w.decide(Decision::Mute).await;
    w.advance(mins(10)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 olga submitted"]);
    w.decide(Decision::Mute).await;
    w.advance(mins(10)).await;
    assert_eq!((w.status().await, w.attempts().await.len()), (CallStatus::Exhausted, 2));
}

#[tokio::test]
async fn an_operator_may_tell_the_last_resort_before_its_time() {
    let mut w = shop().await;
    w.dispatch("brisk").await;
    for _ in 0..3 {
        w.decide(Decision::FireNow).await;
    }
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted", "3 olga submitted"]);
    assert_eq!(w.wakes_at().await, Some(600));
}

#[tokio::test]
async fn a_last_resort_that_is_no_contact_any_more_is_said_and_the_call_is_exhausted() {
    let gone = Directory { last_resort: vec!["kim".parse().expect("id")], ..directory() };
    let mut w = World::with(Setup { directory: gone, ..Setup::default() }).await;
    w.dispatch("brisk").await;
    w.advance(mins(11)).await;
    assert_eq!(w.attempts().await.len(), 2);
    assert!(w.has_alert("nobody:call_1:1:3").await, "{:?}", w.alerts().await);
    w.advance(mins(10)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_does_not_keep_the_last_resort_waiting() {
    let mut only = policy("only", &[(secs(0), &["primary"])]);
    only.exhaust_after = secs(5);
    let directory = Directory { last_resort: vec!["olga".parse().expect("id")], ..fixtures::directory_with(only) };
    let mut w = World::with(Setup { directory, ..Setup::default() }).await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::UnknownNotAccepted);
    w.sms.on_list(Reaction::away());
    w.dispatch("only").await;
    w.advance(secs(90)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 olga submitted"]);
    assert_eq!(w.status().await, CallStatus::Dispatching);
}

/// Both pass, the last resort is told and is silent, the call is given up.
async fn chapter(w: &mut World, n: usize) {
    match n {
        0 => {
            w.accept(intake("call_1", "brisk")).await;
            w.last = "call_1".parse().ok();
        }
        1 | 4 => drop(w.settle().await),
        2 | 3 => {
            let (sid, who) = if n == 2 { (0xfeed, "sam") } else { (0xfeee, "ana") };
            w.reply_as(&format!("SM{sid:032x}"), who, "2").await;
            w.settle().await;
        }
        5 => w.advance(mins(10)).await,
        _ => w.advance(mins(11)).await,
    }
}

async fn deliver(death: Death) -> (World, bool) {
    let mut w = World::dying(Setup { directory: directory(), ..Setup::default() }, death).await;
    let mut died = false;
    for n in 0..7 {
        let crash = w.process.crash.clone();
        let done = tokio::select! {
            biased;
            () = chapter(&mut w, n) => true,
            () = crash.died() => false,
        };
        if !done {
            assert!(!died, "{death:?}: a process dies once");
            died = true;
            w.restart().await;
            chapter(&mut w, n).await;
        }
    }
    (w, died)
}

async fn check(w: &World, label: &str) {
    let (state, shown) = (w.state().await, w.attempts().await);
    assert_eq!(state.call.status, CallStatus::Exhausted, "{label}: {shown:?}");
    assert_eq!(exhausted_alerts(w).await, 1, "{label}");
    let hers: Vec<_> = state.attempts.iter().filter(|a| a.recipient.contact.as_str() == "olga").collect();
    let notices = state.notices.iter().filter(|n| n.contact.as_str() == "olga").count();
    assert_eq!(notices, 1, "{label}: one notice a round: {shown:?}");
    let texts_to_olga = w.sms.ledger().iter().filter(|m| m.to == fixtures::phone("olga")).count();
    let decided = hers.iter().filter(|a| a.state == AttemptState::Unknown && a.decided_at.is_some()).count();
    assert!(texts_to_olga >= 1 && texts_to_olga <= 1 + decided, "{label}: told {texts_to_olga} times: {shown:?}");
}

#[tokio::test]
async fn at_every_commit_the_last_resort_is_told_once() {
    let mut hit = 0;
    for k in 1..200 {
        let (w, after) = deliver(Death::After(k)).await;
        check(&w, &format!("died right after commit {k}")).await;
        let (w, before) = deliver(Death::BeforeTheOneAfter(k)).await;
        check(&w, &format!("died before commit {}", k + 1)).await;
        if !after && !before {
            assert!(hit > 10, "the story has only {hit} commits");
            return;
        }
        hit = k;
    }
    panic!("the story has no end");
}

#[tokio::test]
async fn cancelled_follow_ups_leave_a_last_resort_that_waits_behind_a_breaker() {
    let mut w = shop().await;
    w.dispatch("brisk").await;
    w.advance(mins(2)).await;
    w.sms.otherwise(Reaction::refuse(400, 21606));
    w.advance(mins(9)).await;
    let waits = ["1 sam submitted", "2 ana submitted", "3 olga failed", "4 olga scheduled"];
    assert_eq!(w.attempts().await, waits);
    w.decide(Decision::Mute).await;
    assert_eq!(w.attempts().await, waits, "it is no follow-up: nobody else is told");
}
