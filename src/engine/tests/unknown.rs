//! Sends whose answer was lost: found out where the provider can tell, decided once where it cannot.

use crate::domain::MessageStatus;
use crate::domain::UnknownPolicy;
use crate::domain::event::Decision;
use crate::domain::log::TWIN;
use crate::domain::policy::Policy;
use crate::gateways::{MessageBody, MessageRecord};
use crate::store::LogFilter;
use crate::testing::world::{START, Setup};
use crate::testing::{Reaction, World, fixtures, mins, secs};

pub(super) const HOUR: u64 = 3_600;
pub(super) const NOT_SENT: Reaction = Reaction::UnknownNotAccepted;
pub(super) const SENT: Reaction = Reaction::UnknownButAccepted;

pub(super) fn setup(policy: Policy) -> Setup {
    Setup { directory: fixtures::directory_with(policy), ..Setup::default() }
}

/// A ladder whose second step is far away.
pub(super) fn slow() -> Setup {
    setup(fixtures::policy("slow", &[(secs(0), &["primary"]), (mins(10), &["primary"]), (mins(10), &["backup"])]))
}

/// A call whose first notice meets this.
pub(super) async fn lost(setup: Setup, level: &str, reaction: Reaction) -> World {
    let mut w = World::with(setup).await;
    w.sms.next(reaction);
    w.dispatch(level).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w
}

/// The message of the last call's first attempt as the list would show it.
pub(super) async fn listed(w: &World) -> MessageRecord {
    let a = w.attempt(1).await;
    MessageRecord {
        sid: format!("SM{:032x}", 0xabc).parse().expect("a SID"),
        status: MessageStatus::Queued,
        error_code: None,
        to: fixtures::phone("sam").into(),
        from: Some(fixtures::SENDER.into()),
        service: None,
        body: MessageBody(a.body),
        direction: "outbound-api".into(),
        created_at: a.sent_at,
    }
}

#[tokio::test]
async fn a_message_that_is_in_the_list_is_the_attempts_and_is_never_sent_again() {
    let service = || {
        let mut s = slow();
        s.directory.from = format!("MG{:032x}", 5).parse().ok();
        s
    };
    for (label, setup, trial) in
        [("plain", slow(), false), ("a trial account", slow(), true), ("a service", service(), false)]
    {
        let mut w = World::with(setup).await;
        if trial {
            w.sms.trial();
        }
        w.sms.next(SENT);
        w.dispatch("slow").await;
        w.advance(secs(2)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted"], "{label}");
        assert!(w.log_text().await.contains("accepted by the provider: queued (outcome found out)"), "{label}");
        w.advance(secs(40)).await;
        assert!(w.sms.fetches() >= 1, "{label}: followed like any other");
        w.advance(mins(9)).await;
        assert_eq!(
            (w.sms.posts().len(), w.alerts().await.iter().any(|a| a.starts_with("unknown:"))),
            (1, false),
            "{label}"
        );
    }
}

#[tokio::test]
async fn a_message_that_may_be_anothers_is_not_taken_for_it() {
    type Change = fn(&mut MessageRecord);
    let all: &[(&str, Change, bool)] = &[
        ("as it is", |_| {}, true),
        ("26 h before our intent", |m| m.created_at = m.created_at.map(|at| at.minus(secs(26 * HOUR))), true),
        ("26 h after our intent", |m| m.created_at = m.created_at.map(|at| at.plus(secs(26 * HOUR))), true),
        (
            "older than a reference rests",
            |m| m.created_at = m.created_at.map(|at| at.minus(secs(32 * 24 * HOUR))),
            false,
        ),
        ("another attempt of the call", |m| m.body = MessageBody(m.body.0.replacen("-1", "-11", 1)), false),
        ("another call", |m| m.body = MessageBody(format!("9Z9Z-1 {}", m.body.0)), false),
        ("no reference", |m| m.body = MessageBody("Burst pipe".into()), false),
        ("another sender", |m| m.from = Some("+15005550007".into()), false),
        ("another recipient", |m| m.to = fixtures::phone("ana").into(), false),
        ("a person's reply", |m| m.direction = "inbound".into(), false),
        ("an answer to a reply", |m| m.direction = "outbound-reply".into(), false),
    ];
    for (label, change, found) in all {
        let w = lost(slow(), "slow", NOT_SENT).await;
        let mut record = listed(&w).await;
        change(&mut record);
        w.sms.plant(record);
        w.advance(secs(59)).await;
        let want = if *found { "1 sam submitted" } else { "1 sam unknown" };
        assert_eq!(w.attempts().await, [want], "{label}");
    }
}

#[tokio::test]
async fn a_message_that_is_linked_to_another_attempt_is_not_taken_for_it() {
    let mut w = World::with(slow()).await;
    w.dispatch("slow").await;
    let theirs = w.sms.ledger()[0].sid.clone();
    w.sms.next(NOT_SENT);
    w.dispatch("slow").await;
    let mut record = listed(&w).await;
    record.sid = theirs;
    w.sms.plant(record);
    w.advance(secs(59)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
}

#[tokio::test]
async fn a_list_that_lags_is_read_until_the_message_is_in_it() {
    for (lag, at) in [(20, 30), (40, 45), (59, 60)] {
        let mut w = World::with(slow()).await;
        w.sms.list_lags(secs(lag));
        w.sms.next(SENT);
        w.dispatch("slow").await;
        w.advance(secs(lag - 1)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown"], "lags {lag} s");
        w.advance(secs(at + 1 - lag)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted"], "lags {lag} s");
        assert_eq!(w.sms.posts().len(), 1, "lags {lag} s");
    }
}

#[tokio::test]
async fn a_first_notice_that_is_not_there_is_sent_once_more_when_its_time_is_over() {
    let w = lost(slow(), "slow", NOT_SENT).await;
    w.advance(secs(59)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"]);
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"]);
    assert_eq!(w.attempt(2).await.repeats, Some(w.attempt(1).await.id));
    w.tech("sam").expect_sms("(repeat)");
    assert!(w.log_text().await.contains("(it is not in the provider's list): sent once more, marked as a repeat"));
    w.advance(mins(9) - secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"], "it stays, visible, and is decided once");
    assert!(!w.has_alert("unknown:").await, "a later text to him was accepted");
}

#[tokio::test]
async fn only_a_search_that_can_tell_lets_the_policy_decide() {
    // The list fails from and until these moments; when the repeat leaves.
    for (label, settle, from, until, want) in [
        ("a list that is read", 60, 0, 0, 60),
        ("one that fails before the end", 60, 0, 50, 60),
        ("one that fails at the end", 60, 25, 65, 75),
        ("one that fails for ever", 60, 0, 999, 120),
        ("one that was read too early to count", 60, 29, 999, 120),
        ("a time that is over too early", 20, 0, 0, 30),
    ] {
        let mut s = slow();
        s.rules.settle = secs(settle);
        let w = lost(s, "slow", NOT_SENT).await;
        let mut at = 0;
        while w.sms.posts().len() < 2 {
            assert!(at < 200, "{label}: never");
            let fails = (from..until).contains(&at);
            w.sms.on_list(if fails { Reaction::away() } else { Reaction::Accept });
            at += 1;
            w.advance(secs(1)).await;
        }
        assert_eq!(at, want, "{label}");
    }
}

#[tokio::test]
async fn a_refused_list_and_one_that_is_cut_are_not_complete() {
    let w = lost(slow(), "slow", NOT_SENT).await;
    w.sms.on_list(Reaction::refuse(403, 20403));
    w.advance(secs(119)).await;
    assert_eq!(w.sms.posts().len(), 1);
    w.advance(secs(1)).await;
    assert_eq!(w.sms.posts().len(), 2);
    assert!(w.log_text().await.contains("(the provider's list could not be read): sent once more"));
}

#[tokio::test]
async fn where_the_provider_is_away_it_is_asked_once_for_all() {
    let mut w = World::with(setup(fixtures::policy("both", &[(secs(0), &["primary", "backup"])]))).await;
    w.sms.otherwise(NOT_SENT);
    w.sms.on_list(Reaction::away());
    w.dispatch("both").await;
    w.advance(secs(2)).await;
    assert_eq!(w.sms.lists(), 1);
    w.sms.on_list(Reaction::Accept);
    w.advance(secs(2)).await;
    assert_eq!(w.sms.lists(), 3, "one for each recipient");
}

#[tokio::test]
async fn a_reminder_that_is_not_there_is_left_to_the_next_step() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.sms.next(NOT_SENT);
    w.advance(secs(180)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam unknown"]);
    assert!(w.log_text().await.contains("attempt 2 stays unknown (it is not in the provider's list): held"));
    assert!(!w.has_alert("unknown:").await, "a step follows");
    w.advance(secs(240)).await;
    assert_eq!(w.attempts().await[2..], ["3 ana submitted"], "on time");
    w.advance(secs(60)).await;
    assert!(w.has_alert("unknown:").await, "it stays, and nobody has the call");
    w.reply("ana", "1").await;
    assert!(!w.has_alert("unknown:").await, "somebody has it");
}

#[tokio::test]
async fn an_alert_about_what_stays_is_over_when_it_is_found_or_a_later_text_arrives() {
    for found in [true, false] {
        let mut w = World::new().await;
        w.sms.list_lags(secs(5 * HOUR));
        w.dispatch("normal").await;
        w.sms.next(SENT);
        w.advance(secs(480)).await;
        assert!(w.has_alert("unknown:").await);
        if found {
            w.receipt(2, "sent", None).await;
        } else {
            w.advance(secs(540)).await;
            assert_eq!(w.attempts().await[3..], ["4 sam submitted", "5 ana submitted"]);
        }
        assert!(!w.has_alert("unknown:").await, "found {found}");
    }
}

#[tokio::test]
async fn what_is_held_where_no_step_follows_alerts() {
    let two = fixtures::policy("two", &[(secs(0), &["primary"]), (mins(2), &["primary"])]);
    for (label, hold_first) in [("a reminder", false), ("a first notice, by its policy", true)] {
        let mut s = setup(if hold_first { fixtures::policy("two", &[(secs(0), &["primary"])]) } else { two.clone() });
        if hold_first {
            s.rules.unknown_first = UnknownPolicy::Hold;
        }
        let mut w = World::with(s).await;
        if !hold_first {
            w.dispatch("two").await;
            w.advance(secs(119)).await;
        }
        w.sms.next(NOT_SENT);
        if hold_first {
            drop(w.dispatch("two").await)
        } else {
            w.advance(secs(1)).await
        }
        w.advance(secs(59)).await;
        assert!(!w.has_alert("unknown:").await, "{label}");
        w.advance(secs(1)).await;
        assert!(w.has_alert("unknown:").await, "{label}");
        assert_eq!(w.sms.posts().len(), if hold_first { 1 } else { 2 }, "{label}: not sent again");
    }
}

#[tokio::test]
async fn a_notice_is_repeated_once_whatever_becomes_of_the_repeat() {
    let mut s = slow();
    s.rules.unknown_follow_up = UnknownPolicy::Resend;
    let mut w = World::with(s).await;
    w.sms.otherwise(NOT_SENT);
    w.dispatch("slow").await;
    w.advance(secs(599)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam unknown"], "the policy decides once a notice");
    w.advance(secs(70)).await;
    assert_eq!(w.attempts().await[2..], ["3 sam unknown", "4 sam unknown"], "and once for the next");
}

#[tokio::test]
async fn no_repeat_where_nobody_is_looked_for_or_the_contact_is_out() {
    let decisions = [
        ("taken at the desk", Decision::Acknowledge { holder: None }),
        ("resolved", Decision::Resolve),
        ("cancelled", Decision::Cancel),
    ];
    for (label, what) in decisions {
        let w = lost(slow(), "slow", NOT_SENT).await;
        w.decide(what).await;
        w.advance(mins(5)).await;
        let repeats = w.state().await.attempts.iter().filter(|a| a.repeats.is_some()).count();
        assert_eq!(repeats, 0, "{label}: {:?}", w.attempts().await);
    }
    for text in ["1", "2", "done"] {
        let mut w = lost(slow(), "slow", NOT_SENT).await;
        w.reply("sam", text).await;
        w.advance(mins(5)).await;
        let to_sam = w.sms.ledger().iter().filter(|m| m.to == fixtures::phone("sam")).count();
        assert_eq!(to_sam, 0, "he says {text:?}: {:?}", w.attempts().await);
    }
}

#[tokio::test]
async fn no_repeat_where_a_later_text_was_accepted_or_a_step_is_due() {
    for (label, second, want) in [
        ("accepted before the time is over", 40, "2 sam submitted"),
        ("due at that moment", 60, "2 sam submitted"),
        ("due soon after", 79, "2 sam submitted"),
    ] {
        let steps: &[(_, &[&str])] = &[(secs(0), &["primary"]), (secs(second), &["primary"]), (mins(10), &["backup"])];
        let w = lost(setup(fixtures::policy("soon", steps)), "soon", NOT_SENT).await;
        w.advance(secs(300)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown", want], "{label}");
        assert!(!w.has_alert("unknown:").await, "{label}");
        assert!(w.log_text().await.contains("not sent again"), "{label}");
    }
}

#[tokio::test]
async fn a_reminder_that_stood_for_a_repeat_of_the_first_notice_is_itself_repeated_once() {
    let steps: &[(_, &[&str])] = &[(secs(0), &["primary"]), (secs(70), &["primary"])];
    let soon = || setup(fixtures::policy("soon", steps));
    let w = lost(soon(), "soon", NOT_SENT).await;
    w.sms.next(NOT_SENT);
    w.advance(secs(70)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam unknown"], "a step was due: the first is not repeated");
    w.sms.next(NOT_SENT);
    w.advance(secs(60)).await;
    assert_eq!(
        w.attempts().await,
        ["1 sam unknown", "2 sam unknown", "3 sam unknown"],
        "nothing is known to have arrived"
    );
    w.advance(mins(10)).await;
    assert_eq!((w.attempts().await.len(), w.has_alert("unknown:").await), (3, true), "once");

    // The right is used once, however many reminders follow.
    let steps: &[(_, &[&str])] = &[(secs(0), &["primary"]), (secs(70), &["primary"]), (mins(5), &["primary"])];
    let mut w = World::with(setup(fixtures::policy("soon", steps))).await;
    w.sms.otherwise(NOT_SENT);
    w.dispatch("soon").await;
    w.advance(mins(20)).await;
    let all = w.attempts().await;
    assert_eq!(all, ["1 sam unknown", "2 sam unknown", "3 sam unknown", "4 sam unknown"]);

    // Where first notices are held, so is what stands for one.
    let mut s = soon();
    s.rules.unknown_first = UnknownPolicy::Hold;
    let w = lost(s, "soon", NOT_SENT).await;
    w.sms.next(NOT_SENT);
    w.advance(mins(10)).await;
    assert_eq!((w.attempts().await.len(), w.has_alert("unknown:").await), (2, true));
}

#[tokio::test]
async fn what_becomes_of_a_later_text_is_waited_for() {
    let steps: &[(_, &[&str])] = &[(secs(0), &["primary"]), (secs(40), &["primary"]), (mins(10), &["backup"])];
    let policy = fixtures::policy("soon", steps);
    // Where it is unknown too, it may not have arrived: the first notice is sent once more.
    let w = lost(setup(policy.clone()), "soon", NOT_SENT).await;
    w.sms.next(NOT_SENT);
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam unknown", "3 sam submitted"]);
    w.advance(mins(5)).await;
    assert_eq!(w.attempts().await.len(), 3);
    // Where it waits, nothing is decided until it has left.
    let w = lost(setup(policy), "soon", NOT_SENT).await;
    w.sms.otherwise(Reaction::away());
    w.advance(secs(100)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam retrying"]);
    assert_eq!(w.attempt(1).await.decided_at, None);
    w.outage(secs(0)).await;
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"]);
    assert!(w.attempt(1).await.decided_at.is_some());
}

#[tokio::test]
async fn late_evidence_settles_both_the_attempt_and_its_repeat() {
    for by_receipt in [true, false] {
        let mut w = World::with(slow()).await;
        w.sms.list_lags(secs(70));
        w.sms.next(SENT);
        w.sms.next(SENT);
        w.dispatch("slow").await;
        w.advance(secs(61)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam unknown"], "the list lags longer than one waits");
        if by_receipt {
            w.receipt(1, "delivered", None).await;
            w.receipt(2, "delivered", None).await;
            assert_eq!(w.attempts().await, ["1 sam delivered", "2 sam delivered"]);
        } else {
            w.advance(mins(6)).await;
            assert_eq!(w.attempts().await, ["1 sam submitted", "2 sam submitted"]);
            assert_ne!(w.attempt(1).await.sid, w.attempt(2).await.sid);
        }
        assert_eq!(w.sms.ledger().len(), 2, "the policy's one repeat");
        let log = w.log_text().await;
        assert_eq!(log.matches("it went out twice").count(), 1, "said once: {log}");
        let log = w.process.store.log(&LogFilter { limit: 10_000, ..LogFilter::default() }).await.expect("read");
        assert_eq!(log.iter().filter(|line| line.entry.data.get(TWIN).is_some()).count(), 1, "metrics count it once");
    }
}

#[tokio::test]
async fn a_repeat_that_waits_is_dropped_when_the_evidence_comes_first() {
    let mut w = World::with(slow()).await;
    w.sms.list_lags(mins(9));
    w.sms.next(SENT);
    w.dispatch("slow").await;
    w.sms.otherwise(Reaction::away());
    w.advance(secs(70)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam retrying"]);
    w.receipt(1, "delivered", None).await;
    w.outage(secs(30)).await;
    assert_eq!(w.attempts().await, ["1 sam delivered", "2 sam skipped"]);
    assert_eq!(w.sms.ledger().len(), 1);
}

#[tokio::test]
async fn telling_another_contact_never_waits_for_it() {
    let both = fixtures::policy("both", &[(secs(0), &["primary", "backup"]), (mins(5), &["owner"])]);
    let mut w = World::with(setup(both)).await;
    w.sms.always_to(fixtures::phone("sam"), NOT_SENT);
    w.dispatch("both").await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 ana submitted"], "at once");
    w.receipt(2, "undelivered", Some(30005)).await;
    assert_eq!(w.attempts().await[2..], ["3 olga submitted"], "nobody who is known to be told is left");
    assert_eq!(w.now(), START);

    let mut w = lost(Setup::default(), "normal", NOT_SENT).await;
    w.sms.always_to(fixtures::phone("sam"), NOT_SENT);
    w.reply("sam", "2").await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 ana submitted"], "he passed: he got it");
}
