//! A call in each state, its disk lost with a mirror that kept up: it is what it was, and goes on as it would have.

use super::books::{Books, hears_nothing_new, ingested, lost_and_rebuilt, planned, rebuilt};
use crate::domain::attempt::{Attempt, AttemptState, Channel};
use crate::domain::call::{CallState, CallStatus};
use crate::engine::rebuild::plan::PlannedAction;
use crate::testing::relay::Relayed;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// What must survive.
fn core_of(a: &Attempt) -> (String, u32, String, u32, u32, Option<String>, String) {
    let state = if a.state == AttemptState::Sending { AttemptState::Unknown } else { a.state };
    let sid = a.sid.as_ref().map(|s| s.as_str().to_owned());
    (a.id.to_string(), a.number, state.to_string(), a.round, a.step, sid, a.recipient.phone.e164().to_owned())
}

fn same(before: &CallState, after: &CallState, label: &str) {
    let sent = before.attempts.iter().filter(|a| a.sent_at.is_some() || a.state.is_final());
    let (was, is): (Vec<_>, Vec<_>) = (sent.map(core_of).collect(), after.attempts.iter().map(core_of).collect());
    assert_eq!(was, is, "{label}: attempts");
    let (b, a) = (&before.call, &after.call);
    assert_eq!((&b.id, &b.reference, b.status, b.round), (&a.id, &a.reference, a.status, a.round), "{label}");
    assert_eq!((&b.level, &b.data, &b.holder, b.accepted_at), (&a.level, &a.data, &a.holder, a.accepted_at), "{label}");
    assert_eq!((b.next_step, b.attempts, &b.excluded), (a.next_step, a.attempts, &a.excluded), "{label}: the ladder");
    assert_eq!(b.fingerprint, a.fingerprint, "{label}: the same again from intake is the same");
}

#[tokio::test]
async fn a_running_call_is_what_it_was_and_its_next_step_fires_on_time() {
    for (label, after, step_at) in [("told once", 30, 120), ("told twice", 150, 420), ("at its last step", 430, 1_020)]
    {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.receipt(1, "delivered", None).await;
        w.advance(secs(after)).await;
        let before = w.state().await;
        let plan = lost_and_rebuilt(&mut w).await;
        let after = w.state().await;
        same(&before, &after, label);
        let row = plan.rows.first().expect("a row");
        assert_eq!(
            (row.what, plan.problems.len(), row.lost.as_slice()),
            (PlannedAction::GoesOn, 0, &[] as &[String]),
            "{label}"
        );
        // Young: it goes on no sooner than five minutes after its last event.
        let last = after.attempts.iter().filter_map(|a| a.sent_at).max().expect("told");
        let due = crate::testing::world::START.plus(secs(step_at)).max(last.plus(mins(5)));
        assert_eq!(after.call.wake_at, Some(due), "{label}");
        let posts = w.sms.ledger().len();
        w.advance(due.since(w.now()) - secs(1)).await;
        assert_eq!(w.sms.ledger().len(), posts, "{label}: not before its time");
        w.advance(secs(1)).await;
        assert!(w.sms.ledger().len() > posts, "{label}: on time");
        assert!(w.log_text().await.contains("Recovering lost retry: rebuilt from its row of Airtable"), "{label}");
    }
}

#[tokio::test]
async fn after_a_long_outage_everybody_who_was_missed_is_told_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    w.away(mins(40));
    let plan = lost_and_rebuilt(&mut w).await;
    assert!(plan.rows[0].action.contains("steps 2 to 4 of 4 were missed"), "{}", plan.rows[0].action);
    w.settle().await;
    // The second, third and last step were missed: Sam and Ana, once each.
    assert_eq!(w.attempts().await, ["1 sam delivered", "2 sam submitted", "3 ana submitted"]);
    assert_eq!(w.sms.ledger().len(), 3);
}

#[tokio::test]
async fn a_call_that_nobody_was_told_of_is_told_now() {
    let mut w = World::new().await;
    w.begin("high").await;
    let books = Books::of(&w.state().await);
    w.away(mins(6));
    w.lose_the_disk().await;
    let plan = rebuilt(&w, &books).await;
    assert!(plan.rows[0].action.contains("nobody was told yet"), "{}", plan.rows[0].action);
    w.settle().await;
    assert!(!w.sms.ledger().is_empty());
    let reference = w.state().await.call.reference;
    assert!(w.sms.ledger()[0].body.starts_with(&format!("{reference}-")), "under the reference that it had");
}

#[tokio::test]
async fn an_attempt_under_way_at_the_crash_is_found_in_the_list_or_looked_for_and_never_doubled() {
    for (reaction, accepted) in [(Reaction::UnknownButAccepted, true), (Reaction::UnknownNotAccepted, false)] {
        let mut w = World::new().await;
        w.sms.next(reaction);
        w.dispatch("normal").await;
        let before = w.attempt(1).await;
        let plan = lost_and_rebuilt(&mut w).await;
        let after = w.attempt(1).await;
        assert_eq!((after.id, after.number), (before.id, 1), "accepted: {accepted}");
        let want = if accepted { AttemptState::Submitted } else { AttemptState::Unknown };
        assert_eq!((after.state, after.sid.is_some()), (want, accepted), "{:?}", plan.rows[0]);
        w.advance(mins(8)).await;
        let first: Vec<_> = w.sms.ledger().into_iter().filter(|m| m.body.contains("-1 ")).collect();
        assert_eq!(first.len(), usize::from(accepted), "its own text never goes twice");
        assert!(!w.sms.ledger().is_empty(), "and somebody is told");
    }
}

#[tokio::test]
async fn a_late_receipt_joins_the_attempt_by_the_id_in_its_url() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let m = w.sms.ledger().remove(0);
    lost_and_rebuilt(&mut w).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    w.update_of(&m, "delivered", None).await;
    assert_eq!(w.attempts().await, ["1 sam delivered"]);
}

#[tokio::test]
async fn a_failure_that_the_dead_engine_never_heard_of_still_moves_the_ladder() {
    let slow = fixtures::policy("slow", &[(secs(0), &["primary"][..]), (mins(60), &["backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(slow), ..Setup::default() }).await;
    w.dispatch("slow").await;
    let m = w.sms.ledger().remove(0);
    w.sms.set_status(
        m.attempt,
        &crate::domain::MessageStatus::Undelivered,
        Some(crate::domain::types::ErrorCode(30005)),
    );
    w.away(mins(6));
    lost_and_rebuilt(&mut w).await;
    w.advance(secs(5)).await;
    assert_eq!(w.attempts().await, ["1 sam failed", "2 ana submitted"], "an hour before her step was due");
}

#[tokio::test]
async fn who_passed_or_failed_for_good_stays_out_and_a_hand_back_stays_a_new_round() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    w.advance(secs(20)).await;
    ingested(&mut w, "sam", "2").await;
    w.settle().await;
    let before = w.state().await;
    lost_and_rebuilt(&mut w).await;
    same(&before, &w.state().await, "passed");

    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.receipt(1, "delivered", None).await;
    ingested(&mut w, "sam", "1").await;
    w.advance(secs(30)).await;
    ingested(&mut w, "sam", "2").await;
    let before = w.state().await;
    assert_eq!((before.call.status, before.call.round), (CallStatus::Dispatching, 2));
    let books = Books::of(&before);
    w.lose_the_disk().await;
    rebuilt(&w, &books).await;
    let after = w.state().await;
    assert_eq!(
        (after.call.round, after.call.next_step, &after.call.excluded),
        (2, before.call.next_step, &before.call.excluded)
    );
    assert!(hears_nothing_new(&w).await, "both replies were answered before");
}

#[tokio::test]
async fn a_number_given_by_hand_is_told_again_by_its_number() {
    let mut w = World::new().await;
    let mut intake = crate::testing::story::intake("hand", "normal");
    (intake.data.contact, intake.only) = (Some("+19495550188".into()), true);
    w.accept(intake).await;
    w.last = "hand".parse().ok();
    w.settle().await;
    w.receipt(1, "delivered", None).await;
    w.advance(secs(130)).await;
    let before = w.state().await;
    assert_eq!(before.attempts.len(), 2);
    lost_and_rebuilt(&mut w).await;
    let after = w.state().await;
    let recipients = |s: &CallState| s.attempts.iter().map(|a| a.recipient.clone()).collect::<Vec<_>>();
    assert_eq!((recipients(&after), &after.call.overridden), (recipients(&before), &before.call.overridden));
    w.advance(mins(6)).await;
    assert!(w.sms.ledger().iter().all(|m| m.to == "+19495550188"), "nobody else was meant");
}

#[tokio::test]
async fn why_an_attempt_failed_is_kept_and_does_not_grow() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 21211));
    w.dispatch("normal").await;
    let before = w.state().await;
    assert!(!before.attempts[0].result.is_empty());
    for _ in 0..2 {
        lost_and_rebuilt(&mut w).await;
        assert_eq!(w.state().await.attempts[0].result, before.attempts[0].result.trim_end_matches('.'));
    }
    assert_eq!(w.state().await.call.excluded, before.call.excluded);
}

#[tokio::test]
async fn what_the_store_has_is_left_alone() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let before = w.state().await;
    let books = Books::of(&before);
    let plan = planned(&w, &books).await;
    assert!(plan.rows.is_empty() && plan.problems.is_empty(), "{plan:?}");
    assert_eq!(plan.left_alone, std::slice::from_ref(&before.call.id));
    assert_eq!(w.process.store.call(&before.call.id).await.expect("read"), Some(before));
}

#[tokio::test]
async fn a_call_that_waits_for_the_morning_still_does_and_nobody_is_told() {
    let mut w = World::new().await;
    w.dispatch("morning").await;
    let before = w.state().await;
    let plan = lost_and_rebuilt(&mut w).await;
    assert_eq!(plan.rows.first().map(|r| r.what), Some(PlannedAction::Waits));
    let after = w.state().await;
    same(&before, &after, "deferred");
    assert_eq!((after.call.status, w.sms.ledger().len()), (CallStatus::Deferred, 0));
    crate::engine::morning::pass(&w.process.engine).await.expect("looked");
    assert!(w.has_alert("not-seen:").await, "whether somebody has seen it is not known: it is asked for now");
}

#[tokio::test]
async fn a_call_that_quiet_hours_held_is_held_again_and_one_that_states_no_level_is_told() {
    let mut setup = Setup::default();
    let policy = setup.directory.default_line.policies.get_mut("normal").expect("the policy");
    policy.quiet = Some(crate::domain::hours::Hours::read(["22:00-07:00"]).expect("hours"));
    let mut w = World::with(setup.clone()).await;
    w.dispatch("normal").await;
    let before = w.state().await;
    assert!(before.call.held().is_some());
    lost_and_rebuilt(&mut w).await;
    let after = w.state().await;
    same(&before, &after, "held");
    // It goes on five minutes after its last event at the earliest.
    w.advance(mins(6)).await;
    assert_eq!(w.state().await.call.held(), before.call.held());
    w.advance(mins(293)).await;
    assert_eq!(w.sms.ledger().len(), 0, "not before they end");
    w.advance(mins(1)).await;
    assert_eq!(w.sms.ledger().len(), 1);

    let mut w = World::with(setup).await;
    let mut given = crate::testing::story::intake("unsaid", "normal");
    given.data.emergency_level = None;
    w.accept(given).await;
    w.last = Some("unsaid".parse().expect("an id"));
    w.settle().await;
    assert_eq!(w.sms.ledger().len(), 1);
    lost_and_rebuilt(&mut w).await;
    w.advance(mins(10)).await;
    assert!(w.sms.ledger().len() > 1, "its ladder goes on in quiet hours");
}

#[tokio::test]
async fn a_mail_is_rebuilt_as_a_mail_and_nobody_is_asked_about_it() {
    let mut policy = fixtures::policy("mixed", &[(secs(0), &["primary"]), (mins(10), &["backup"])]);
    policy.steps[0].channel = Channel::Email;
    let mut directory = fixtures::directory_with(policy);
    directory.mail_from = "dispatch@example.com".parse().ok();
    for answered in [true, false] {
        let mut w = World::with(Setup { directory: directory.clone(), ..Setup::default() }).await;
        if !answered {
            w.relay.script(&[Relayed::LosesTheAnswer]);
        }
        w.dispatch("mixed").await;
        w.advance(secs(30)).await;
        let before = w.state().await;
        lost_and_rebuilt(&mut w).await;
        let after = w.state().await;
        same(&before, &after, "a mail");
        let (was, is) = (&before.attempts[0], &after.attempts[0]);
        assert_eq!((is.channel, &is.recipient, &is.sender), (was.channel, &was.recipient, &was.sender));
        assert_eq!((is.poll_at, is.decided_at.is_some()), (None, !answered));
        w.advance(mins(12)).await;
        w.tech("ana").expect_sms("Burst pipe");
        assert_eq!(w.relay.asked(), 1, "it is not sent again");
    }
}
