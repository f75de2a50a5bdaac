//! What ends badly moves the ladder by the class of its error.

use crate::domain::call::CallStatus;
use crate::testing::{Reaction, World, fixtures, mins, secs};

#[derive(PartialEq)]
enum Then {
    /// The next step fires.
    Moves,
    /// It is sent again after a pause.
    Again,
    /// It waits for another sender, or for the breaker of its own to close.
    Waits,
}
use Then::{Again, Moves, Waits};

/// What follows a failure of the first notice within the moment.
struct Case {
    code: Option<u32>,
    /// What is done about it now.
    then: Then,
    /// Whether Sam is out for good.
    out: bool,
    alert: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case { code: Some(21211), then: Moves, out: true, alert: None },
    Case { code: Some(30005), then: Moves, out: true, alert: None },
    Case { code: Some(21610), then: Moves, out: true, alert: Some("opted-out:sam") },
    Case { code: Some(30007), then: Moves, out: false, alert: Some("refused:") },
    Case { code: Some(21617), then: Moves, out: false, alert: Some("refused:") },
    Case { code: Some(30010), then: Moves, out: false, alert: Some("refused:") },
    Case { code: Some(59_999), then: Moves, out: false, alert: Some("refused:") },
    Case { code: None, then: Moves, out: false, alert: Some("refused:") },
    Case { code: Some(30003), then: Again, out: false, alert: None },
    Case { code: Some(30008), then: Again, out: false, alert: None },
    Case { code: Some(30034), then: Waits, out: false, alert: Some("breaker:") },
    Case { code: Some(20003), then: Waits, out: false, alert: Some("breaker:account") },
];

async fn check(w: &World, case: &Case, label: &str) {
    let (attempts, state) = (w.attempts().await, w.state().await);
    let code = case.code;
    assert_eq!(attempts[0], "1 sam failed", "{label} {code:?}");
    // Sam keeps his later steps unless he is out: then Ana is next.
    let next: &[&str] = match (&case.then, case.out) {
        (Waits, _) => &["2 sam scheduled"],
        (Again, _) => &["2 sam scheduled"],
        (Moves, true) => &["2 ana submitted"],
        (Moves, false) => &["2 sam submitted"],
    };
    assert_eq!(attempts[1..], *next, "{label} {code:?}");
    assert_eq!(!state.call.excluded.is_empty(), case.out, "{label} {code:?}: out");
    let wakes = match (&case.then, case.out) {
        (Waits | Again, _) => 120,
        (Moves, false) => 300,
        (Moves, true) => 600,
    };
    assert_eq!(w.wakes_at().await, Some(wakes), "{label} {code:?}: later waits count from now");
    if let Some(alert) = case.alert {
        assert!(w.has_alert(alert).await, "{label} {code:?}: {alert} in {:?}", w.alerts().await);
    }
}

#[tokio::test]
async fn a_refusal_moves_the_ladder_by_its_class() {
    for case in CASES {
        let mut w = World::new().await;
        w.sms.next(Reaction::Refuse { http: 400, code: case.code });
        w.dispatch("normal").await;
        check(&w, case, "refused").await;
        assert!(!w.has_alert("failed:").await, "it was never accepted");
    }
}

#[tokio::test]
async fn a_failed_delivery_moves_the_ladder_by_its_class_and_alerts() {
    for case in CASES {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "undelivered", case.code).await;
        check(&w, case, "undelivered").await;
        let is_alerted = w.has_alert("failed:call_1:sam").await;
        assert!(is_alerted || case.then == Waits, "failed after it was accepted");
        assert!(!is_alerted || case.then != Waits, "the breaker's alert stands for it");
    }
}

#[tokio::test]
async fn a_failure_moves_nothing_once_a_later_step_has_fired() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(mins(2)).await;
    w.receipt(1, "undelivered", Some(30007)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"]);
    assert_eq!(w.wakes_at().await, Some(420), "the clock goes on");
    w.advance(mins(5)).await;
    w.receipt(2, "undelivered", Some(30005)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam failed", "3 ana submitted"]);
    assert_eq!(w.wakes_at().await, Some(1020));
    w.advance(mins(10)).await;
    assert_eq!(w.attempts().await[3..], ["4 ana submitted"], "who cannot be reached gets no further notice");
}

#[tokio::test]
async fn a_failure_moves_nothing_while_the_later_steps_text_is_to_be_sent_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(mins(2)).await;
    w.receipt(2, "undelivered", Some(30003)).await;
    w.receipt(1, "undelivered", Some(30005)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam failed", "3 sam scheduled"]);
    assert_eq!(w.wakes_at().await, Some(420), "the clock goes on");
    w.advance(secs(20)).await;
    assert_eq!(w.attempts().await[2..], ["3 sam skipped", "4 ana submitted"], "he cannot be reached any more");
}

#[tokio::test]
async fn nothing_moves_while_another_contact_of_the_step_may_answer() {
    let both = fixtures::policy("both", &[(secs(0), &["primary", "backup"]), (mins(1), &["owner"])]);
    for (label, first, then) in [("sam fails first", 1, 2), ("ana fails first", 2, 1)] {
        let directory = fixtures::directory_with(both.clone());
        let mut w = World::with(crate::testing::world::Setup { directory, ..Default::default() }).await;
        w.dispatch("both").await;
        w.receipt(first, "undelivered", Some(30005)).await;
        assert_eq!((w.attempts().await.len(), w.wakes_at().await), (2, Some(60)), "{label}: the other is alive");
        w.receipt(then, "undelivered", Some(30005)).await;
        assert_eq!(w.attempts().await.last().map(String::as_str), Some("3 olga submitted"), "{label}: nobody is");
    }
}

#[tokio::test]
async fn nobody_left_to_tell_is_exhausted_now() {
    let mut w = World::new().await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 21211));
    w.sms.always_to(fixtures::phone("ana"), Reaction::refuse(400, 21211));
    w.dispatch("normal").await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 ana failed"]);
    assert_eq!((w.status().await, w.now()), (CallStatus::Exhausted, crate::testing::world::START));
    assert!(w.has_alert("exhausted:call_1").await);
    assert!(w.log_text().await.contains("step 4 skipped"), "steps with nobody left are skipped");
}

#[tokio::test]
async fn an_opted_out_contact_is_passed_over_with_an_alert_until_they_text_start() {
    let mut w = World::new().await;
    assert_eq!(w.reply("sam", "STOP").await, "", "the provider answers that itself");
    assert!(w.has_alert("opted-out:sam").await);
    w.dispatch("normal").await;
    w.tech("sam").expect_nothing();
    w.tech("ana").expect_sms("Burst pipe");
    assert!(w.has_alert("nobody:call_1:1:1").await);

    w.reply("sam", "START").await;
    assert!(!w.has_alert("opted-out:").await);
    w.advance(mins(10)).await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn an_opt_out_between_the_step_and_the_claim_goes_on_to_the_next() {
    let mut w = World::new().await;
    w.begin("normal").await;
    w.reply("sam", "STOP").await;
    assert_eq!(w.attempts().await, ["1 sam skipped", "2 ana submitted"]);
    assert!(w.has_alert("opted-out:sam").await);
    w.tech("sam").expect_nothing();
}
