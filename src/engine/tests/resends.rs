//! A text that failed in a way that may pass is sent again, and what may not be sent again is not.

use crate::domain::attempt::Attempt;
use crate::domain::call::{CallData, CallStatus};
use crate::domain::event::Decision;
use crate::domain::policy::Policy;
use crate::engine::intake::Intake;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

async fn world_with(policy: Policy) -> World {
    World::with(Setup { directory: fixtures::directory_with(policy), ..Setup::default() }).await
}

/// The number of the attempt that this one repeats.
async fn repeats(w: &World, number: u32) -> Option<u32> {
    let state = w.state().await;
    let of = |a: &Attempt| a.repeats.and_then(|r| state.attempt(r)).map(|r| r.number);
    state.attempts.iter().find(|a| a.number == number).and_then(of)
}

#[tokio::test]
async fn what_may_pass_is_sent_again_within_the_limit_and_then_somebody_else_is_told_now() {
    for code in [30003, 30017, 30022, 30036, 30500] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "undelivered", Some(code)).await;
        w.advance(secs(19)).await;
        assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"], "{code}: not before the pause is over");
        w.advance(secs(1)).await;
        assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"], "{code}");
        w.receipt(2, "undelivered", Some(code)).await;
        w.advance(secs(20)).await;
        assert_eq!((repeats(&w, 2).await, repeats(&w, 3).await), (Some(1), Some(2)), "{code}");
        w.receipt(3, "failed", Some(code)).await;
        let want = ["1 sam failed", "2 sam failed", "3 sam failed", "4 ana submitted"];
        assert_eq!(w.attempts().await, want, "{code}: two resends, then another contact");
        assert_eq!(w.wakes_at().await, Some(640), "{code}: later waits count from now");
        assert!(w.state().await.call.excluded.is_empty(), "{code}");
        w.advance(secs(600)).await;
        assert_eq!(
            w.attempts().await[4..],
            ["5 sam submitted", "6 ana submitted"],
            "{code}: Sam keeps his later steps"
        );
        let log = w.log_text().await;
        for says in
            ["Retry attempt 2: step 1 to Sam Ortiz again, repeats attempt 1", "step 2 skipped: it names nobody else"]
        {
            assert!(log.contains(says), "{code}: {says:?} in {log}");
        }
    }
}

#[tokio::test]
async fn the_first_text_that_truly_reaches_a_contact_is_neither_a_repeat_nor_a_reminder() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 30022));
    w.dispatch("normal").await;
    w.advance(secs(20)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"]);
    let text = w.tech("sam").expect_sms("Burst pipe");
    assert!(text.contains(&format!("{}-2 Acme Plumbing", w.state().await.call.reference)), "{text}");
    w.expect_silence();
    for (code, states) in [(30003, ["1 sam failed", "2 sam submitted"]), (30008, ["1 sam failed", "2 sam submitted"])] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.tech("sam").expect_sms("Burst pipe");
        w.receipt(1, "undelivered", Some(code)).await;
        w.advance(secs(20)).await;
        assert_eq!(w.attempts().await, states, "{code}: accepted, and then it failed");
        let text = w.tech("sam").expect_sms("Burst pipe");
        assert!(text.contains("-2 Acme Plumbing"), "{code}: {text}");
        w.advance(secs(100)).await;
        w.tech("sam").expect_sms("Reminder: still open. Acme Plumbing");
    }
}

#[tokio::test]
async fn the_limit_is_the_configured_one() {
    for (limit, posts) in [(0, 1), (1, 2), (3, 4)] {
        let mut setup = Setup::default();
        setup.rules.resend_limit = limit;
        let mut w = World::with(setup).await;
        w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 30003));
        w.dispatch("normal").await;
        w.advance(secs(99)).await;
        assert_eq!(w.sms.posts().len() - w.sms.ledger().len(), posts, "limit {limit}: {:?}", w.attempts().await);
        w.tech("ana").expect_sms("Burst pipe");
    }
}

#[tokio::test]
async fn where_nobody_else_is_left_the_clock_goes_on_or_the_ladder_is_over() {
    let mut w = world_with(fixtures::policy("alone", &[(secs(0), &["primary"]), (mins(2), &["primary"])])).await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 30003));
    w.dispatch("alone").await;
    w.advance(secs(60)).await;
    assert_eq!((w.attempts().await.len(), w.wakes_at().await), (3, Some(120)), "his next step is still to come");
    w.advance(secs(100)).await;
    assert_eq!((w.attempts().await.len(), w.status().await), (6, CallStatus::Exhausted), "nobody is left to tell");
    assert!(w.has_alert("exhausted:call_1").await);
}

#[tokio::test]
async fn no_resend_where_a_later_text_was_accepted() {
    for (word, says) in [
        ("sent", "attempt 1 is not sent again: a later text to them was accepted"),
        ("delivered", "attempt 1 changes nothing: attempt 2 reached Sam Ortiz"),
    ] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.advance(mins(2)).await;
        w.receipt(2, word, None).await;
        w.receipt(1, "undelivered", Some(30003)).await;
        w.advance(secs(60)).await;
        assert_eq!(w.attempts().await.len(), 2, "{word}: {:?}", w.attempts().await);
        assert!(w.log_text().await.contains(says), "{word}");
    }
}

#[tokio::test]
async fn a_resend_is_left_to_a_step_that_is_due_within_its_pause() {
    for (at, left) in [(99, false), (100, true), (119, true)] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.advance(secs(at)).await;
        w.receipt(1, "undelivered", Some(30003)).await;
        let waits = w.attempts().await.len() == 2;
        assert_eq!(waits, !left, "at {at} s: {:?}", w.attempts().await);
        w.advance(secs(120 - at)).await;
        let sent = w.sms.ledger().len();
        assert_eq!(sent, if left { 2 } else { 3 }, "at {at} s: {:?}", w.attempts().await);
    }
    // A step to somebody else does not do the same.
    let mut w = world_with(fixtures::policy("turns", &[(secs(0), &["primary"]), (mins(2), &["backup"])])).await;
    w.dispatch("turns").await;
    w.advance(secs(110)).await;
    w.receipt(1, "undelivered", Some(30003)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"]);
}

#[derive(Debug, Clone)]
enum Ends {
    Reply(&'static str),
    Decides(Decision),
}

#[tokio::test]
async fn no_resend_of_a_call_that_looks_for_nobody_or_to_one_who_is_out() {
    let all = [
        ("taken", Ends::Reply("1")),
        ("closed by the technician", Ends::Reply("done")),
        ("passed", Ends::Reply("2")),
        ("taken at the desk", Ends::Decides(Decision::Acknowledge { holder: None })),
        ("resolved", Ends::Decides(Decision::Resolve)),
        ("cancelled", Ends::Decides(Decision::Cancel)),
    ];
    for (label, ends) in all {
        for before_the_failure in [true, false] {
            let mut w = World::new().await;
            w.dispatch("normal").await;
            if !before_the_failure {
                w.receipt(1, "undelivered", Some(30003)).await;
            }
            match &ends {
                Ends::Reply(text) => drop(w.reply("sam", text).await),
                Ends::Decides(what) => drop(w.decide(what.clone()).await),
            }
            if before_the_failure {
                w.receipt(1, "undelivered", Some(30003)).await;
            }
            w.advance(secs(60)).await;
            let to_sam = w.sms.ledger().into_iter().filter(|m| m.to == fixtures::phone("sam"));
            let notices = to_sam.filter(|m| m.body.contains("Reply 1")).count();
            assert_eq!(notices, 1, "{label}, before {before_the_failure}: {:?}", w.attempts().await);
        }
    }
}

#[tokio::test]
async fn cancelling_follow_ups_leaves_the_first_text_its_second_try() {
    for before_the_failure in [true, false] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        if before_the_failure {
            w.decide(Decision::Mute).await;
        }
        w.receipt(1, "undelivered", Some(30003)).await;
        if !before_the_failure {
            w.decide(Decision::Mute).await;
        }
        w.advance(secs(60)).await;
        assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"], "before {before_the_failure}");
        w.advance(mins(8)).await;
        assert_eq!(w.sms.ledger().len(), 2, "no follow-up, before {before_the_failure}");
    }
}

#[tokio::test]
async fn a_cancelled_follow_up_is_not_sent_again_and_a_first_notice_is() {
    for (waits, want) in [(secs(0), 1), (mins(2), 0)] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.advance(waits).await;
        let last = w.attempts().await.len();
        w.decide(Decision::Mute).await;
        w.receipt(u32::try_from(last).expect("few"), "undelivered", Some(30003)).await;
        w.advance(secs(60)).await;
        let state = w.state().await;
        let sent = state.attempts.iter().filter(|a| a.repeats.is_some() && a.sid.is_some()).count();
        assert_eq!(sent, want, "after {waits:?}: {:?}", w.attempts().await);
    }
}

#[tokio::test]
async fn a_resend_that_waits_is_superseded_by_a_step_that_is_brought_forward() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "undelivered", Some(30003)).await;
    w.decide(Decision::FireNow).await;
    w.advance(secs(60)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam skipped", "3 sam submitted"]);
}

#[tokio::test]
async fn what_cannot_be_told_is_sent_again_once_and_then_escalates_with_an_alert() {
    for code in [30008, 30485] {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "undelivered", Some(code)).await;
        assert!(!w.has_alert("refused:").await, "{code}");
        w.advance(secs(20)).await;
        w.receipt(2, "undelivered", Some(code)).await;
        assert_eq!(
            w.attempts().await,
            ["1 sam failed", "2 sam failed", "3 sam submitted"],
            "{code}: the next step, now"
        );
        assert_eq!(repeats(&w, 3).await, None, "{code}: a notice of its own");
        assert!(w.has_alert("refused:call_1:sam").await, "{code}");
        assert_eq!(w.wakes_at().await, Some(320), "{code}");
    }
}

async fn dispatch_words(w: &mut World, words: Option<&str>) {
    let plain = intake("call_1", "normal");
    let data = CallData { body: words.map(str::to_owned), ..plain.data.clone() };
    w.accept(Intake { data, ..plain }).await;
    w.last = "call_1".parse().ok();
    w.settle().await;
}

#[tokio::test]
async fn a_text_that_is_refused_for_its_words_goes_once_more_with_the_built_in_ones() {
    for (label, words, template) in
        [("own words", Some("Get up!"), None), ("a template", None, Some("Wake up, {{ contact }}"))]
    {
        for code in [21617, 21618] {
            let mut setup = Setup::default();
            setup.directory.default_line.templates.notice = template.map(str::to_owned);
            let mut w = World::with(setup).await;
            w.sms.next(Reaction::refuse(400, code));
            dispatch_words(&mut w, words).await;
            assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"], "{label} {code}: at once");
            assert_eq!(repeats(&w, 2).await, Some(1), "{label} {code}");
            let text = w.tech("sam").expect_sms("-2 Acme Plumbing: Burst pipe");
            assert!(!text.contains(" up"), "{label} {code}: {text}");
            assert!(w.has_alert("refused:call_1:sam").await, "{label} {code}: a person must mend it");
            assert_eq!(w.wakes_at().await, Some(120), "{label} {code}: the clock goes on");
        }
    }
}

#[tokio::test]
async fn the_built_in_text_is_not_repeated_when_it_is_refused() {
    for (label, words, failed) in [("from the start", None, 1), ("after own words", Some("Get up!"), 2)] {
        let mut w = World::new().await;
        for _ in 0..failed {
            w.sms.next(Reaction::refuse(400, 21618));
        }
        dispatch_words(&mut w, words).await;
        let attempts = w.attempts().await;
        assert_eq!(attempts.iter().filter(|a| a.ends_with("failed")).count(), failed, "{label}: {attempts:?}");
        assert_eq!(attempts.len(), failed + 1, "{label}: {attempts:?}");
        assert_eq!(w.wakes_at().await, Some(300), "{label}: the next step fired now");
        assert!(w.has_alert("refused:call_1:sam").await, "{label}");
    }
}

#[tokio::test]
async fn a_resend_outlives_the_process_and_is_sent_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "undelivered", Some(30003)).await;
    w.restart().await;
    w.advance(secs(19)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam scheduled"]);
    w.restart().await;
    w.advance(secs(1)).await;
    w.restart().await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 sam submitted"]);
    assert_eq!(w.sms.posts().len(), 2);
    w.receipt(1, "undelivered", Some(30003)).await;
    assert_eq!(w.attempts().await.len(), 2, "the same news again asks for nothing");
}

#[tokio::test]
async fn a_stand_down_of_which_nobody_knows_is_shown_as_that_and_not_sent_again() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    w.sms.next(Reaction::UnknownNotAccepted);
    w.reply("ana", "1").await;
    let posts = w.sms.posts().len();
    assert!(w.attempts().await.last().is_some_and(|a| a.ends_with("sam unknown")), "{:?}", w.attempts().await);
    w.advance(secs(60)).await;
    let log = w.log_text().await;
    assert!(log.contains("stays unknown (it is not in the provider's list): not sent again, only a notice"), "{log}");
    assert_eq!(w.sms.posts().len(), posts);
}
