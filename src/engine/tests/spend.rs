//! Bounds on how many texts go out: reminders wait, and no first text ever does.

use crate::domain::attempt::AttemptState;
use crate::domain::breaker::{Breaker, Evidence, Probe};
use crate::domain::call::CallStatus;
use crate::domain::change::{BreakerChange, Change};
use crate::domain::event::{Decision, Load, Loaded};
use crate::domain::limits::SpendLimits;
use crate::domain::log::LogKind;
use crate::domain::team::Directory;
use crate::testing::fixtures::policy;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Sam at once and twice more, then Ana; Olga is the last resort.
fn directory() -> Directory {
    let often = policy(
        "often",
        &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(1), &["primary"]), (mins(1), &["backup"])],
    );
    Directory { last_resort: vec!["olga".parse().expect("id")], ..fixtures::directory_with(often) }
}

async fn shop(limits: SpendLimits) -> World {
    let mut setup = Setup { directory: directory(), ..Setup::default() };
    setup.rules.limits = limits;
    World::with(setup).await
}

fn per_contact(n: u32) -> SpendLimits {
    SpendLimits { per_contact_per_hour: n, ..SpendLimits::default() }
}

impl World {
    async fn held_entries(&self) -> usize {
        let filter = crate::store::LogFilter { limit: 10_000, ..Default::default() };
        let log = self.process.store.log(&filter).await.expect("read");
        log.iter().filter(|l| l.entry.kind == LogKind::AttemptHeld).count()
    }
}

#[tokio::test]
async fn reminders_above_the_number_wait_and_the_ladder_goes_on() {
    let mut w = shop(per_contact(2)).await;
    w.dispatch("often").await;
    w.advance(mins(4)).await;
    let all = w.attempts().await;
    assert_eq!(all, ["1 sam submitted", "2 sam submitted", "3 sam scheduled", "4 ana submitted"]);
    let held = w.attempt(3).await;
    assert!(held.result.contains("held: 2 texts to Sam Ortiz within an hour"), "{held:?}");
    assert_eq!(held.due_at, None, "it is not late");
    assert!(w.has_alert("contact-limit:sam").await, "{:?}", w.alerts().await);
    assert_eq!(w.held_entries().await, 1, "said once, however often it is looked at");
    // A restart has counted nothing away.
    w.restart().await;
    w.advance(mins(2)).await;
    assert_eq!(w.attempt(3).await.state, AttemptState::Scheduled);
    // Nobody takes it: the last resort is told, and the call ends for people to see.
    w.advance(mins(30)).await;
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("5 olga submitted"));
    assert_eq!(w.status().await, CallStatus::Exhausted);
    assert_eq!(w.attempt(3).await.state, AttemptState::Cancelled);
    assert!(w.has_alert("exhausted:").await);
    // An hour after the texts it is over.
    w.advance(mins(60)).await;
    w.watch().await;
    assert!(!w.has_alert("contact-limit:").await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn what_is_held_goes_once_the_hour_allows_it() {
    let long = policy("long", &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(120), &["backup"])]);
    let mut setup = Setup { directory: fixtures::directory_with(long), ..Setup::default() };
    setup.rules.limits = per_contact(1);
    let mut w = World::with(setup).await;
    w.dispatch("long").await;
    w.advance(mins(59)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"]);
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
    assert!(!w.has_alert("late:").await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn a_first_text_and_the_last_resort_go_whatever_was_sent() {
    let only = policy("only", &[(secs(0), &["primary"]), (mins(1), &["backup"])]);
    let mut setup = Setup {
        directory: Directory { last_resort: vec!["sam".parse().expect("id")], ..fixtures::directory_with(only) },
        ..Setup::default()
    };
    setup.rules.limits = SpendLimits { per_contact_per_hour: 1, messages_per_hour: 1, ..SpendLimits::default() };
    let mut w = World::with(setup).await;
    for _ in 0..3 {
        w.dispatch("only").await;
        w.advance(secs(1)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted"], "of each call");
    }
    w.advance(mins(12)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted", "3 sam submitted"]);
    w.advance(mins(12)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    // Whoever hands it back has it looked for anew.
    w.decide(Decision::Reopen).await;
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("4 sam submitted"));
}

#[tokio::test]
async fn a_reminder_goes_where_the_text_before_it_has_failed_or_is_in_doubt() {
    let mut w = shop(per_contact(1)).await;
    w.dispatch("often").await;
    w.advance(secs(61)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"]);
    w.receipt(1, "undelivered", Some(30003)).await;
    w.advance(secs(1)).await;
    assert_eq!(w.attempt(2).await.state, AttemptState::Submitted, "at once: {:?}", w.attempts().await);
}

#[tokio::test]
async fn of_reminders_that_leave_at_once_none_goes_above_the_number() {
    for limits in [per_contact(3), SpendLimits { messages_per_hour: 3, ..SpendLimits::default() }] {
        let mut w = shop(limits).await;
        w.dispatch("often").await;
        w.dispatch("often").await;
        // Of the first reminder nobody knows yet whether it was accepted: it counts.
        w.advance(secs(59)).await;
        w.sms.next(Reaction::UnknownButAccepted);
        w.advance(secs(2)).await;
        let log = w.process.store.log(&crate::store::LogFilter { limit: 1_000, ..Default::default() }).await;
        let held = log.expect("read").iter().filter(|l| l.entry.kind == LogKind::AttemptHeld).count();
        assert_eq!(held, 1, "{:?}", w.attempts().await);
        w.watch().await;
        let alerts = w.alerts().await;
        assert!(alerts.iter().any(|a| a.contains("-limit")), "it counts for the alert too: {alerts:?}");
    }
}

#[tokio::test]
async fn what_is_held_is_looked_at_again_every_few_minutes_and_when_its_hour_is_over() {
    let long = policy("long", &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(120), &["backup"])]);
    let mut setup = Setup { directory: fixtures::directory_with(long), ..Setup::default() };
    setup.rules.limits = per_contact(1);
    let mut w = World::with(setup).await;
    w.dispatch("long").await;
    w.advance(secs(61)).await;
    let (first, held) = (w.attempt(1).await, w.attempt(2).await);
    let wait = held.not_before.since(w.now());
    assert!(wait > mins(4) && wait <= mins(5), "the bounds may be others by then: {wait:?}");
    w.advance(mins(57)).await;
    let free_at = first.sent_at.expect("it was sent").plus(mins(60));
    assert_eq!(w.attempt(2).await.not_before, free_at, "exactly when the hour allows it");
}

#[tokio::test]
async fn what_is_held_keeps_nobody_waiting_for_a_sender_that_nothing_else_would_try() {
    let mut w = shop(per_contact(1)).await;
    w.dispatch("often").await;
    w.advance(secs(61)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"]);
    let breaker = Breaker {
        sender: fixtures::SENDER.into(),
        opened_at: w.now(),
        closed_at: None,
        evidence: Evidence::Receipt,
        probe: Probe::Notice,
        code: None,
        why: "not registered".into(),
        probe_at: w.now(),
        probes: 0,
    };
    let change = std::sync::Arc::new(move |_: &Loaded| {
        Ok(Change { breakers: vec![BreakerChange::Open(breaker.clone())], ..Change::default() })
    });
    w.process.store.transact(Load::Nothing, Vec::new(), change).await.expect("open");
    w.advance(mins(2)).await;
    assert_eq!(w.attempt(2).await.state, AttemptState::Submitted, "it is the probe: {:?}", w.attempts().await);
}

#[tokio::test]
async fn all_reminders_wait_while_too_many_texts_go_out_with_one_alert() {
    let mut w = shop(SpendLimits { messages_per_hour: 3, ..SpendLimits::default() }).await;
    for _ in 0..3 {
        w.dispatch("often").await;
    }
    w.advance(secs(90)).await;
    w.watch().await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"]);
    assert_eq!(w.alerts().await.iter().filter(|a| a.starts_with("message-limit")).count(), 1, "{:?}", w.alerts().await);
    // One that failed on its way is paid all the same.
    w.receipt(1, "undelivered", Some(30003)).await;
    w.advance(mins(3)).await;
    assert!(w.attempts().await.contains(&"4 ana submitted".to_owned()), "{:?}", w.attempts().await);
    w.advance(mins(120)).await;
    w.watch().await;
    assert!(!w.has_alert("message-limit").await, "{:?}", w.alerts().await);
}

/// No text may go to Sam's country but the first.
fn outside() -> SpendLimits {
    SpendLimits { countries: ["44".to_owned()].into(), ..SpendLimits::default() }
}

#[tokio::test]
async fn a_reminder_to_another_country_goes_where_the_first_text_fails_after_it_was_accepted() {
    let mut w = shop(outside()).await;
    w.dispatch("often").await;
    w.advance(secs(61)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam scheduled"], "the first may still fail");
    w.receipt(1, "undelivered", Some(30003)).await;
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"], "nothing else has reached them");
}

#[tokio::test]
async fn a_reminder_to_another_country_is_skipped_once_nothing_is_to_be_waited_for() {
    let mut w = shop(outside()).await;
    w.dispatch("often").await;
    w.advance(mins(4)).await;
    let all = w.attempts().await;
    assert_eq!(all, ["1 sam submitted", "2 sam skipped", "3 sam scheduled", "4 ana submitted"]);
    // Some carriers never confirm.
    w.advance(secs(62)).await;
    assert_eq!(w.attempt(3).await.state, AttemptState::Skipped, "{:?}", w.attempt(3).await);
}

#[tokio::test]
async fn a_contact_of_another_country_gets_first_texts_alone_each_with_an_alert() {
    let mut w = shop(outside()).await;
    w.dispatch("often").await;
    w.receipt(1, "delivered", None).await;
    w.advance(mins(4)).await;
    let all = w.attempts().await;
    assert_eq!(all, ["1 sam delivered", "2 sam skipped", "3 sam skipped", "4 ana submitted"]);
    assert!(w.has_alert("outside-countries:call_1:sam").await, "{:?}", w.alerts().await);
    w.reply("ana", "1").await;
    assert!(!w.has_alert("outside-countries:").await, "it is over with its call");
    // Its own country is named.
    let mut w = shop(SpendLimits { countries: ["1".to_owned()].into(), ..SpendLimits::default() }).await;
    w.dispatch("often").await;
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted", "3 sam submitted"]);
    assert!(!w.has_alert("outside-countries:").await);
}

#[tokio::test]
async fn without_bounds_nothing_is_counted() {
    let mut w = shop(SpendLimits::default()).await;
    w.dispatch("often").await;
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted", "3 sam submitted"]);
    assert_eq!((w.held_entries().await, w.alerts().await.len()), (0, 0));
}
