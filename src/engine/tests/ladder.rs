//! The sequence: who is told when, what was missed, how it ends.

use crate::domain::call::CallStatus;
use crate::domain::event::Decision;
use crate::testing::fixtures::{self, policy};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

#[tokio::test]
async fn a_first_notice_is_accepted_and_delivered() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let text = w.tech("sam").expect_sms("Burst pipe");
    assert!(text.starts_with(&format!("{}-1 ", w.state().await.call.reference)), "{text}");
    assert!(text.contains("1 Elm St") && text.contains("+19495550150"), "{text}");
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    w.receipt(1, "sent", None).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "sent is not delivered");
    w.receipt(1, "delivered", None).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
    assert_eq!(w.status().await, CallStatus::Dispatching, "delivered is not acknowledged");
    assert!(w.alerts().await.is_empty());
}

#[tokio::test]
async fn the_whole_ladder_runs_and_ends_exhausted_with_an_alert() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let notices = [(0, 1, 120), (119, 1, 120), (1, 2, 420), (299, 2, 420), (1, 3, 1020), (599, 3, 1020), (1, 5, 1620)];
    for (passes, attempts, wakes) in notices {
        w.advance(secs(passes)).await;
        assert_eq!((w.attempts().await.len(), w.wakes_at().await), (attempts, Some(wakes)), "after {passes} s more");
    }
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("sam").expect_sms("Reminder");
    w.tech("ana").expect_sms("Acme Plumbing: Burst pipe");
    w.tech("sam").expect_sms("Reminder");
    w.tech("ana").expect_sms("Reminder");
    w.expect_silence();
    w.advance(mins(10)).await;
    assert_eq!((w.status().await, w.wakes_at().await), (CallStatus::Exhausted, None));
    assert!(w.has_alert("exhausted:call_1").await);
    w.advance(mins(60)).await;
    w.expect_silence();
}

#[tokio::test]
async fn a_follow_up_says_retry_attempt_2_in_the_log_and_a_first_notice_does_not() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    assert!(!w.log_text().await.contains("Retry attempt"));
    w.advance(mins(2)).await;
    assert!(w.log_text().await.contains("Retry attempt 2"));

    let both = policy("both", &[(secs(0), &["primary", "backup"]), (mins(1), &["primary"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(both), ..Setup::default() }).await;
    w.dispatch("both").await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted"]);
    assert!(!w.log_text().await.contains("Retry attempt"), "the first step is no follow-up");
    w.advance(mins(1)).await;
    assert!(w.log_text().await.contains("Retry attempt 3"));
}

#[tokio::test]
async fn lateness_does_not_add_up_and_one_missed_step_keeps_its_arithmetic() {
    // What passes while nobody works → when the next look is due.
    for (label, away, attempts, wakes) in
        [("three seconds late", 123, 2, 420), ("four minutes late: one step", 400, 2, 420), ("on the dot", 120, 2, 420)]
    {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.away(secs(away));
        w.settle().await;
        assert_eq!((w.attempts().await.len(), w.wakes_at().await), (attempts, Some(wakes)), "{label}");
    }
}

#[tokio::test]
async fn of_several_missed_steps_everyone_is_told_once_and_what_follows_counts_from_now() {
    for (label, away, sam, ana, wakes, status) in [
        ("two missed", 421, 1, 1, Some(421 + 600), CallStatus::Dispatching),
        ("three missed", 1100, 1, 1, Some(1100 + 600), CallStatus::Dispatching),
        ("all missed and the end too", 100_000, 1, 1, Some(100_000 + 600), CallStatus::Dispatching),
    ] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.tech("sam").expect_sms("Burst pipe");
        w.away(secs(away));
        w.settle().await;
        let texts = |who: &str| w.sms.ledger().iter().filter(|m| m.to == fixtures::phone(who)).count();
        assert_eq!((texts("sam") - 1, texts("ana")), (sam, ana), "{label}: texts");
        assert_eq!((w.wakes_at().await, w.status().await), (wakes, status), "{label}: next");
        assert!(w.log_text().await.contains("steps were missed"), "{label}");
        assert!(w.has_alert("late:call_1").await, "{label}: a late follow-up alerts");
        if label.starts_with("all") {
            w.advance(mins(10)).await;
            assert_eq!(w.status().await, CallStatus::Exhausted, "{label}: exhausted in its own time");
        }
    }
}

#[tokio::test]
async fn the_end_missed_with_the_last_step_counts_from_now_too() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    w.away(mins(60));
    w.settle().await;
    assert_eq!((w.attempts().await.len(), w.wakes_at().await), (5, Some(420 + 3600 + 600)));
}

#[tokio::test]
async fn a_policy_repeats_its_ladder_after_its_pause() {
    let mut again = policy("again", &[(secs(0), &["primary"]), (mins(1), &["backup"])]);
    (again.repeat, again.repeat_wait, again.exhaust_after) = (1, mins(3), mins(4));
    let mut w = World::with(Setup { directory: fixtures::directory_with(again), ..Setup::default() }).await;
    w.dispatch("again").await;
    for (passes, attempts, wakes) in [(60, 2, 240), (180, 3, 300), (60, 4, 540)] {
        w.advance(secs(passes)).await;
        assert_eq!((w.attempts().await.len(), w.wakes_at().await), (attempts, Some(wakes)));
    }
    w.advance(mins(4)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    assert_eq!(
        w.attempts().await,
        ["1 sam submitted", "2 ana submitted", "3 sam submitted", "4 ana submitted"],
        "the same contact has a notice in each run"
    );
}

#[tokio::test]
async fn a_named_contact_replaces_the_first_step_or_the_whole_ladder() {
    for (label, contact, only, want) in [
        ("the first step", "olga", false, ["olga", "sam", "ana"]),
        ("the whole ladder", "olga", true, ["olga", "olga", "olga"]),
        ("a number by hand", "+19495550177", true, ["+19495550177"; 3]),
    ] {
        let mut w = World::new().await;
        let mut call = crate::testing::story::intake("named", "normal");
        (call.data.contact, call.only) = (Some(contact.into()), only);
        w.accept(call).await;
        w.last = "named".parse().ok();
        w.advance(secs(420)).await;
        let notices: Vec<String> = w.sms.ledger().into_iter().map(|m| m.to).collect();
        assert_eq!(notices, want.map(fixtures::phone), "{label}");
    }
}

#[tokio::test]
async fn a_person_fires_the_next_step_now_or_stops_the_follow_ups() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(60)).await;
    w.decide(Decision::FireNow).await;
    assert_eq!((w.attempts().await.len(), w.wakes_at().await), (2, Some(60 + 300)), "later waits count from now");
    w.decide(Decision::Mute).await;
    assert_eq!(w.wakes_at().await, Some(60 + 600));
    w.advance(mins(9)).await;
    assert_eq!(w.attempts().await.len(), 2, "no further follow-ups");
    w.advance(mins(1)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    assert!(w.has_alert("exhausted:").await);
}

#[tokio::test]
async fn a_role_that_nobody_holds_is_passed_over_at_once_with_an_alert() {
    let mut directory = fixtures::directory();
    directory.contacts.retain(|c| c.id.as_str() != "sam");
    let mut w = World::with(Setup { directory, ..Setup::default() }).await;
    w.dispatch("normal").await;
    w.tech("ana").expect_sms("Burst pipe");
    assert!(w.has_alert("nobody:call_1:1:1").await);
    assert_eq!(w.wakes_at().await, Some(600), "later waits count from now");

    directory = fixtures::directory();
    directory.contacts.clear();
    let mut w = World::with(Setup { directory, ..Setup::default() }).await;
    w.dispatch("normal").await;
    assert_eq!(w.status().await, CallStatus::Exhausted, "nobody at all: exhausted now");
    assert!(w.has_alert("exhausted:").await && w.has_alert("nobody:").await);
}

#[tokio::test]
async fn reopening_forgets_passes_and_failures_and_begins_again() {
    let mut w = World::new().await;
    w.dispatch("high").await;
    w.reply("sam", "2").await;
    w.receipt(2, "undelivered", Some(30005)).await;
    assert_eq!(w.state().await.call.excluded.len(), 2, "Sam passed, Ana cannot be reached");
    w.tech("olga").expect_sms("HIGH");
    w.reply("olga", "1").await;
    w.decide(Decision::Reopen).await;
    let state = w.state().await;
    assert_eq!((state.call.round, state.call.excluded.len(), state.call.holder), (2, 0, None));
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("4 sam submitted"));
    w.advance(mins(3)).await;
    let round_2: Vec<String> =
        w.state().await.attempts.iter().filter(|a| a.round == 2).map(crate::testing::story::shown).collect();
    assert_eq!(round_2, ["4 sam submitted", "5 sam submitted", "6 sam submitted", "7 ana submitted"]);
}

#[tokio::test]
async fn nobody_told_for_a_minute_is_an_alarm_until_somebody_is() {
    let mut w = World::new().await;
    w.sms.otherwise(crate::testing::Reaction::away());
    w.dispatch("normal").await;
    w.advance(secs(59)).await;
    w.watch().await;
    assert!(!w.has_alert("untold:").await);
    w.advance(secs(2)).await;
    w.watch().await;
    assert!(w.has_alert("untold:call_1").await);
    w.outage(secs(1)).await;
    assert!(!w.has_alert("untold:").await, "over once somebody is told: {:?}", w.attempts().await);
}

#[tokio::test]
async fn follow_ups_that_are_cancelled_leave_the_first_notice_on_its_way() {
    let mut w = World::new().await;
    w.begin("normal").await;
    w.decide(Decision::Mute).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"], "not sent yet is not followed up");

    let mut w = World::new().await;
    w.sms.otherwise(crate::testing::Reaction::away());
    w.dispatch("normal").await;
    w.advance(secs(130)).await;
    w.decide(Decision::Mute).await;
    w.outage(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam skipped", "2 sam submitted"], "it stands for the first");
    w.advance(mins(30)).await;
    assert_eq!((w.attempts().await.len(), w.status().await), (2, CallStatus::Exhausted));
}

#[tokio::test]
async fn a_role_that_nobody_holds_alerts_also_where_the_ladder_goes_on_before_its_time() {
    let mut directory = fixtures::directory();
    directory.contacts.retain(|c| c.id.as_str() != "ana");
    let mut w = World::with(Setup { directory, ..Setup::default() }).await;
    w.dispatch("high").await;
    w.reply("sam", "2").await;
    w.tech("olga").expect_sms("HIGH");
    assert!(w.has_alert("nobody:call_1:1:3").await, "{:?}", w.alerts().await);
    assert!(!w.has_alert("nobody:call_1:1:2").await, "Sam passed: no fault");
}

fn brief(exhaust_after: std::time::Duration) -> Setup {
    let mut brief = policy("brief", &[(secs(0), &["primary"])]);
    brief.exhaust_after = exhaust_after;
    Setup { directory: fixtures::directory_with(brief), ..Setup::default() }
}

#[tokio::test]
async fn an_unknown_first_notice_is_decided_before_its_call_ends() {
    for exhaust_after in [0, 1, 10, 59] {
        let mut w = World::with(brief(secs(exhaust_after))).await;
        w.sms.next(Reaction::UnknownNotAccepted);
        w.dispatch("brief").await;
        w.advance(secs(59)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown"], "{exhaust_after} s");
        assert_eq!((w.status().await, w.alerts().await.len()), (CallStatus::Dispatching, 0), "{exhaust_after} s");
        w.advance(secs(1)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"], "{exhaust_after} s");
        w.tech("sam").expect_sms("(repeat)");
        if exhaust_after > 0 {
            w.advance(secs(exhaust_after - 1)).await;
            assert_eq!(w.status().await, CallStatus::Dispatching, "{exhaust_after} s: he has his time to answer");
        }
        w.advance(mins(2)).await;
        assert_eq!(w.status().await, CallStatus::Exhausted, "{exhaust_after} s");
        assert!(w.has_alert("exhausted:").await);
    }
}

#[tokio::test]
async fn an_unknown_notice_that_is_held_ends_its_call_once_that_is_decided() {
    let mut setup = brief(secs(5));
    setup.rules.unknown_first = crate::domain::UnknownPolicy::Hold;
    let mut w = World::with(setup).await;
    w.sms.next(Reaction::UnknownNotAccepted);
    w.dispatch("brief").await;
    w.advance(secs(60)).await;
    assert!(w.has_alert("unknown:").await, "a person is told while it can help");
    w.advance(mins(1)).await;
    assert_eq!((w.status().await, w.attempts().await), (CallStatus::Exhausted, vec!["1 sam unknown".to_owned()]));
}

#[tokio::test]
async fn a_ladder_that_ends_at_once_ends_when_its_text_has_left_and_raises_no_false_alert() {
    let mut w = World::with(brief(secs(0))).await;
    w.dispatch("brief").await;
    assert_eq!((w.attempts().await, w.alerts().await.len()), (vec!["1 sam submitted".to_owned()], 0));
    w.advance(secs(1)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted, "it does not linger");
    // Where the text cannot leave, that is an alert after a minute, and whoever is told then has his time.
    let mut w = World::with(brief(secs(40))).await;
    w.sms.otherwise(Reaction::away());
    w.dispatch("brief").await;
    w.advance(secs(59)).await;
    assert_eq!(w.alerts().await.len(), 0);
    w.advance(secs(60)).await;
    assert!(w.has_alert("exhausted:").await);
    w.outage(mins(10)).await;
    assert_eq!((w.attempts().await, w.status().await), (vec!["1 sam submitted".to_owned()], CallStatus::Dispatching));
    w.advance(secs(75)).await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
}
