//! Several open calls, and the same call handed over twice.

use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::testing::World;
use crate::testing::story::intake;

#[tokio::test]
async fn with_two_open_calls_a_bare_word_asks_which_and_a_reference_says_it() {
    let mut w = World::new().await;
    let first = w.dispatch("normal").await;
    let second = w.dispatch("high").await;
    let (a, b) = (w.call(&first).await.call.reference, w.call(&second).await.call.reference);
    let said = w.reply("sam", "1").await;
    assert!(said.contains("Which call") && said.contains(a.as_str()) && said.contains(b.as_str()), "{said}");
    for id in [&first, &second] {
        assert_eq!(w.call(id).await.call.status, CallStatus::Dispatching);
    }
    assert!(w.reply("sam", &format!("1 {}", b.as_str().to_lowercase())).await.contains("is yours"));
    assert_eq!(w.call(&first).await.call.status, CallStatus::Dispatching);
    assert_eq!(w.call(&second).await.call.status, CallStatus::Acknowledged);
    assert!(w.reply("sam", "1").await.contains(a.as_str()), "one is left that a 1 can mean");
    assert_eq!(w.call(&first).await.call.status, CallStatus::Acknowledged);
}

#[tokio::test]
async fn a_call_handed_over_twice_is_one_call_and_other_data_is_refused() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let mut spaced = intake("call_1", " NORMAL ");
    spaced.data.issue_summary = Some(" Burst pipe".into());
    for (label, again) in [("the same", intake("call_1", "normal")), ("but for case and spaces", spaced)] {
        assert!(matches!(w.accept(again).await, Answer::Exists(_)), "{label}");
    }
    assert!(matches!(w.accept(intake("call_1", "high")).await, Answer::Differs(_)));
    w.settle().await;
    assert_eq!(w.sms.ledger().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_names_a_call_as_its_id_would() {
    let w = World::new().await;
    let keyed = |level: &str| {
        let mut i = intake("x", level);
        (i.call_id, i.idempotency_key) = (None, Some("key-1".into()));
        i
    };
    let Answer::Created(first) = w.accept(keyed("normal")).await else { panic!("made") };
    let Answer::Exists(again) = w.accept(keyed("normal")).await else { panic!("there") };
    assert_eq!(first.call.id, again.call.id);
    assert!(matches!(w.accept(keyed("high")).await, Answer::Differs(_)));
}

#[tokio::test]
async fn our_own_commits_wake_no_loop_and_another_processs_wakes_all() {
    use crate::engine::poller::Poller;
    use crate::engine::requests::Requests;
    use crate::engine::wake::WakeSignal;
    use crate::store;
    let mut w = World::new().await;
    let engine = w.process.engine.clone();
    let requests = Requests::new(engine.clone(), std::sync::Arc::new(Poller::new(engine.clone())));
    requests.pass().await.expect("a start looks at everything");
    let other = store::open(crate::testing::store_at(&w.file())).expect("opened by a command");
    requests.pass().await.expect("looked");
    for (by, wakes) in [("us", false), ("another", true), ("us", false)] {
        {
            // What was rung before is heard now.
            let earlier = engine.core.wake.notified(WakeSignal::Poll);
            tokio::pin!(earlier);
            let _ = futures_util::poll!(earlier);
        }
        let notified = engine.core.wake.notified(WakeSignal::Poll);
        tokio::pin!(notified);
        notified.as_mut().enable();
        match by {
            "us" => drop(w.dispatch("normal").await),
            _ => drop(other.probe(w.now()).await.expect("committed")),
        }
        requests.pass().await.expect("looked");
        assert_eq!(futures_util::poll!(notified).is_ready(), wakes, "{by}");
    }
}
