//! Quiet hours of a level: its calls wake nobody before they end, and nothing of them is lost.

use crate::domain::attempt::AttemptKind;
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::Decision;
use crate::domain::hours::Hours;
use crate::engine::json;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

/// The world begins at two in the night.
const FIVE_HOURS: u64 = 5 * 60;

fn with_hours(hours: &str) -> Setup {
    let mut setup = Setup::default();
    let policy = setup.directory.default_line.policies.get_mut("normal").expect("the policy");
    policy.quiet = Some(Hours::read([hours]).expect("hours"));
    setup
}

fn quiet() -> Setup {
    with_hours("22:00-07:00")
}

#[tokio::test]
async fn a_call_within_quiet_hours_is_told_at_their_end_across_a_restart_and_nobody_is_alarmed_before() {
    let mut w = World::with(quiet()).await;
    w.dispatch("normal").await;
    let state = w.state().await;
    let end = w.now().plus(mins(FIVE_HOURS));
    assert_eq!((state.call.held(), state.call.wake_at), (Some(end), Some(end)));
    assert_eq!(json::outcome(&state, true, "live")["heldUntil"], serde_json::json!(end));
    assert!(w.log_text().await.contains("waits until 2026-11-22T07:00:00.000Z: quiet hours of level normal"));
    w.advance(mins(10)).await;
    w.watch().await;
    w.restart().await;
    w.advance(mins(FIVE_HOURS - 11)).await;
    w.watch().await;
    assert!(w.alerts().await.is_empty(), "{:?}", w.alerts().await);
    assert_eq!(w.sms.posts().len(), 0);
    w.advance(mins(1)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    assert_eq!(w.state().await.call.held(), None);
    w.advance(mins(2)).await;
    assert_eq!(w.attempts().await.len(), 2, "what follows counts from there");
    assert!(w.alerts().await.is_empty(), "{:?}", w.alerts().await);
}

#[tokio::test]
async fn nobody_told_a_minute_after_quiet_hours_is_an_alarm() {
    let mut w = World::with(quiet()).await;
    w.dispatch("normal").await;
    w.away(mins(FIVE_HOURS) + secs(59));
    w.watch().await;
    assert!(!w.has_alert("untold:").await);
    w.away(secs(2));
    w.watch().await;
    assert!(w.has_alert("untold:").await);
}

#[tokio::test]
async fn later_steps_and_the_end_of_the_ladder_fall_outside_quiet_hours_too() {
    let mut w = World::with(quiet()).await;
    w.away(mins(20 * 60 - 4));
    w.dispatch("normal").await;
    w.advance(mins(60)).await;
    assert_eq!(w.attempts().await.len(), 2, "21:56 and 21:58");
    let wake = w.state().await.call.wake_at.expect("a wake time");
    assert_eq!(wake.to_string(), "2026-11-23T07:00:00.000Z");
    w.reply("sam", "2").await;
    w.advance(mins(60)).await;
    assert_eq!(w.attempts().await.len(), 2, "a pass wakes nobody either");
    w.advance(wake.since(w.now())).await;
    let attempts = w.attempts().await;
    assert_eq!(attempts.len(), 3);
    assert!(attempts[2].starts_with("3 ana"), "{attempts:?}");

    let mut w = World::with(with_hours("02:15-07:00")).await;
    w.dispatch("normal").await;
    w.advance(mins(120)).await;
    assert_eq!(w.attempts().await.len(), 3, "02:00, 02:02 and 02:07");
    assert_eq!(w.status().await, CallStatus::Dispatching);
}

#[tokio::test]
async fn high_and_what_states_no_level_are_never_held() {
    let mut setup = quiet();
    let hours = setup.directory.default_line.policies["normal"].quiet.clone();
    setup.directory.default_line.policies.get_mut("high").expect("the policy").quiet = hours;
    let mut w = World::with(setup).await;
    w.dispatch("high").await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    for level in [None, Some("  ".to_owned())] {
        let mut given = intake(&format!("unsaid-{}", level.is_some()), "normal");
        given.data.emergency_level = level;
        let Answer::Created(state) = w.accept(given).await else { panic!("not made") };
        assert_eq!(state.call.held(), None);
        assert_eq!(state.attempts.len(), 1);
    }
}

#[tokio::test]
async fn a_held_call_that_is_raised_or_run_by_hand_is_told_at_once() {
    let mut w = World::with(quiet()).await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(Decision::Raise { level: None }).await, Answer::NotAllowed(..)));
    assert!(matches!(w.decide(Decision::Raise { level: Some("high".into()) }).await, Answer::Changed(_)));
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
    w.advance(mins(1)).await;
    assert_eq!(w.attempts().await.len(), 2, "its later steps are those of the higher level");
    w.watch().await;
    assert!(w.alerts().await.is_empty(), "{:?}", w.alerts().await);

    let mut w = World::with(quiet()).await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(Decision::FireNow).await, Answer::Changed(_)));
    w.advance(mins(60)).await;
    let notices = w.state().await.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).count();
    assert_eq!(notices, 1, "the step that was asked for, and no other");
}

#[tokio::test]
async fn what_is_in_force_counts_when_a_step_fires() {
    for (hours, posts) in [(Some("22:00-08:00"), 0), (Some("22:00-06:00"), 1), (None, 1)] {
        let mut w = World::with(quiet()).await;
        w.dispatch("normal").await;
        w.setup = hours.map_or_else(Setup::default, with_hours);
        w.restart().await;
        w.advance(mins(FIVE_HOURS)).await;
        assert_eq!(w.sms.posts().len(), posts, "{hours:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_handed_back_or_opened_again_in_quiet_hours_is_told_at_once() {
    for word in ["2", "reopen"] {
        let mut w = World::with(quiet()).await;
        w.dispatch("normal").await;
        w.advance(mins(FIVE_HOURS)).await;
        w.reply("sam", "1").await;
        // The next night.
        w.advance(mins(18 * 60)).await;
        match word {
            "reopen" => assert!(matches!(w.decide(Decision::Reopen).await, Answer::Changed(_))),
            word => assert!(w.reply("sam", word).await.contains("goes back to the others")),
        }
        w.advance(mins(3)).await;
        let state = w.state().await;
        assert_eq!((state.call.status, state.call.held()), (CallStatus::Dispatching, None), "{word}");
        assert!(state.attempts.iter().any(|a| a.round == 2 && a.kind == AttemptKind::Notice), "{word}");
    }
}

#[tokio::test]
async fn the_follow_ups_of_a_held_call_cannot_be_cancelled_before_anybody_was_told() {
    let mut w = World::with(quiet()).await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(Decision::Mute).await, Answer::NotAllowed(..)));
    w.advance(mins(FIVE_HOURS)).await;
    assert_eq!(w.attempts().await, ["1 sam submitted"]);
}
