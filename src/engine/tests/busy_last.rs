//! Who is on a job is asked last, where others hold the role.

use crate::domain::call::CallStatus;
use crate::domain::types::CallId;
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

/// Sam and Ana are both primary.
fn two(busy_last: bool) -> Setup {
    let mut setup = Setup::default();
    setup.rules.oncall.busy_last = busy_last;
    let primary = setup.directory.contacts.iter().find(|c| c.id.as_str() == "sam").and_then(|c| c.role.clone());
    let ana = setup.directory.contacts.iter_mut().find(|c| c.id.as_str() == "ana").expect("ana");
    ana.role = primary;
    setup
}

impl World {
    /// Sam has taken a first call; the last one is another.
    async fn with_sam_on_a_job(setup: Setup) -> (Self, CallId) {
        let mut w = Self::with(setup).await;
        let job = w.dispatch("normal").await;
        w.settle().await;
        assert!(w.reply("sam", "1").await.contains("is yours"));
        w.advance(mins(2)).await;
        w.dispatch("normal").await;
        w.settle().await;
        (w, job)
    }
}

#[tokio::test]
async fn who_is_on_a_job_is_left_out_until_the_last_step_and_the_story_says_why() {
    let (w, _) = World::with_sam_on_a_job(two(true)).await;
    assert_eq!(w.attempts().await, ["1 ana submitted"]);
    assert!(w.log_text().await.contains("telling Ana Reyes; Sam Ortiz on a job: asked last"), "{}", w.log_text().await);
    w.advance(mins(60)).await;
    let state = w.state().await;
    let total = u32::try_from(state.call.policy.total_steps()).expect("few");
    let sams: Vec<u32> = state.notices.iter().filter(|n| n.contact.as_str() == "sam").map(|n| n.step).collect();
    assert_eq!(sams, [total - 1], "asked last, and asked");
    let why =
        state.attempts.iter().find(|a| a.recipient.contact.as_str() == "sam").and_then(|a| a.recipient.why.clone());
    assert_eq!(why.as_deref(), Some("was on a job, so asked last"));
}

#[tokio::test]
async fn off_or_all_on_a_job_or_done_or_long_ago_it_makes_no_difference() {
    let (w, _) = World::with_sam_on_a_job(two(false)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted"], "off");

    let (mut w, _) = World::with_sam_on_a_job(two(true)).await;
    w.advance(secs(61)).await;
    assert!(w.reply("ana", "1").await.contains("is yours"));
    w.advance(mins(2)).await;
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted"], "all of them are");

    let (mut w, job) = World::with_sam_on_a_job(two(true)).await;
    assert!(w.reply("sam", "done").await.contains("is closed"));
    assert_eq!(w.call(&job).await.call.status, CallStatus::Resolved);
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await.len(), 2, "done");

    let (mut w, _) = World::with_sam_on_a_job(two(true)).await;
    w.away(mins(4 * 60));
    w.dispatch("normal").await;
    w.settle().await;
    assert_eq!(w.attempts().await.len(), 2, "taken four hours ago");
}

#[tokio::test]
async fn who_takes_another_call_before_a_notice_leaves_is_asked_last() {
    let mut w = World::with(two(true)).await;
    let job = w.dispatch("normal").await;
    w.settle().await;
    w.sms.otherwise(Reaction::away());
    let second = w.dispatch("normal").await;
    let reference = w.call(&job).await.call.reference.to_string();
    w.reply_as("SM0000000000000000000000000000aaaa", "sam", &format!("1 {reference}")).await;
    w.sms.otherwise(Reaction::Accept);
    w.advance(secs(45)).await;
    assert_eq!(w.attempts().await, ["1 sam skipped", "2 ana submitted"]);
    assert_eq!(w.id(), second);
    assert!(w.log_text().await.contains("Sam Ortiz has taken a call since and is asked last"));
    w.advance(secs(1)).await;
    assert!(!w.has_alert("nobody:").await);
}

#[tokio::test]
async fn who_alone_is_left_of_those_that_a_step_names_is_told_though_on_a_job() {
    let (mut w, _) = World::with_sam_on_a_job(two(true)).await;
    w.advance(secs(61)).await;
    assert!(w.reply("ana", "2").await.starts_with("Noted"));
    w.settle().await;
    assert!(w.attempts().await.iter().any(|a| a.contains("sam submitted")), "{:?}", w.attempts().await);
}
