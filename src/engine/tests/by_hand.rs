//! A step that an operator names is fired once, whoever is first.

use crate::domain::change::Answer;
use crate::domain::event::Decision;
use crate::testing::{World, mins, secs};

fn step(n: u32) -> Decision {
    Decision::FireStep { step: n - 1 }
}

async fn refused(w: &World, n: u32) -> String {
    match w.decide(step(n)).await {
        Answer::NotAllowed(_, why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_named_step_is_fired_now_and_once_and_what_follows_counts_from_it() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    assert!(matches!(w.decide(step(3)).await, Answer::Changed(_)));
    w.advance(secs(1)).await;
    let attempts = w.attempts().await;
    assert_eq!(attempts, ["1 sam submitted", "2 ana submitted"]);
    assert!(w.log_text().await.contains("step 2 skipped: step 3 was run by hand before it was due"));
    assert!(refused(&w, 3).await.contains("already"));
    assert!(refused(&w, 2).await.contains("already"));
    assert_eq!(refused(&w, 5).await, "it has no step 5: its ladder has 4");
    assert_eq!(w.attempts().await, attempts, "a refusal changes nothing");
    w.restart().await;
    assert!(refused(&w, 3).await.contains("already"), "after a restart too");
    w.advance(mins(10) - secs(2)).await;
    assert_eq!(w.attempts().await.len(), 2);
    w.advance(secs(2)).await;
    assert_eq!(w.attempts().await.len(), 4, "step 4 names both, ten minutes after step 3");
}

#[tokio::test]
async fn due_steps_before_it_are_fired_with_it_and_a_call_that_looks_for_nobody_has_none() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.away(mins(3));
    assert!(matches!(w.decide(step(3)).await, Answer::Changed(_)));
    w.advance(secs(1)).await;
    assert_eq!(w.attempts().await.len(), 3, "sam for step 2, ana for step 3");
    w.reply("ana", "1").await;
    assert!(refused(&w, 4).await.contains("ACKNOWLEDGED"));

    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.decide(Decision::Mute).await;
    assert_eq!(refused(&w, 2).await, "its follow-ups were cancelled");
}
