//! What was written stands in the story; STOP moves the ladder; a phone that answers by itself is not answered for ever.

use crate::domain::call::CallStatus as S;
use crate::domain::event::Decision;
use crate::engine::json;
use crate::testing::fixtures::{self, policy};
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

async fn replies(w: &World) -> Vec<(String, String)> {
    let story = w.process.store.story(&w.id()).await.expect("read").expect("there");
    let json = json::story(&story, "test");
    let of = |r: &serde_json::Value, name: &str| r[name].as_str().unwrap_or_default().to_owned();
    let all = json["replies"].as_array().expect("replies").iter();
    all.map(|r| (of(r, "text"), of(r, "understood"))).collect()
}

#[tokio::test]
async fn what_was_written_stands_in_the_story_with_its_words_and_in_the_base() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(70)).await;
    for text in ["got stuck, wait", "road closed\nat elm"] {
        w.reply("sam", text).await;
        w.advance(secs(10)).await;
    }
    assert!(w.has_alert("unread-reply:").await);
    w.reply("sam", "1").await;
    assert!(!w.has_alert("unread-reply:").await, "a decision ends it");
    let want =
        [("got stuck, wait", "not understood"), ("road closed\nat elm", "not understood"), ("1", "took the call")];
    assert_eq!(replies(&w).await, want.map(|(t, u)| (t.to_owned(), u.to_owned())));
    let row = w.attempt(1).await;
    assert_eq!(row.replied, "\"got stuck, wait\", \"road closed at elm\", \"1\"");
    // The words stand in the data of their entries: what the process logs of them has neither words nor phones.
    let log = w.log_text().await;
    let entries: Vec<&str> = log.lines().filter(|l| l.starts_with("reply.received")).collect();
    assert_eq!(entries[0], "reply.received Sam Ortiz replied: not understood");
    assert!(entries.iter().all(|l| !l.contains("stuck") && !l.contains("5550101")), "{entries:?}");
}

#[tokio::test]
async fn a_text_without_a_call_stands_in_every_open_story_and_raises_one_alert() {
    let still = policy("still", &[(secs(0), &["primary"]), (mins(600), &["backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(still), ..Setup::default() }).await;
    let first = w.dispatch("still").await;
    w.advance(secs(70)).await;
    let second = w.dispatch("still").await;
    w.advance(secs(70)).await;
    w.reply("sam", "which one do you mean?").await;
    for call in [&first, &second] {
        assert!(w.log_of(Some(call.clone())).await.contains("Sam Ortiz replied: not understood"));
    }
    let unread: Vec<String> = w.alerts().await.into_iter().filter(|a| a.starts_with("unread-reply")).collect();
    assert_eq!(unread, [format!("unread-reply:{second}:sam")], "of the last text's call");
    let code = w.call(&first).await.call.reference;
    w.reply("sam", &format!("1 {code}")).await;
    assert!(w.log_of(Some(first)).await.contains("replied: took the call"));
    assert!(
        !w.log_of(Some(second)).await.contains("took the call"),
        "it stands in the story of the call that it moves"
    );
}

#[tokio::test]
async fn an_unknown_number_is_recorded_not_answered_and_alarmed_with_once_an_hour() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    for text in ["where is the plumber", "hello?"] {
        assert_eq!(w.reply("+19495550177", text).await, "");
    }
    let of = |alerts: Vec<crate::store::AlertLine>| -> Vec<String> {
        alerts.into_iter().filter(|a| a.key.to_string().starts_with("unknown-writer")).map(|a| a.message).collect()
    };
    let all = of(w.process.store.alerts().await.expect("read"));
    assert!(all.len() == 1 && all[0].contains("\"where is the plumber\"") && !all[0].contains("5550177"), "{all:?}");
    w.away(mins(61));
    w.watch().await;
    assert_eq!(of(w.process.store.alerts().await.expect("read")), Vec::<String>::new());
    w.reply("+19495550177", "anybody?").await;
    assert_eq!(of(w.process.store.alerts().await.expect("read")).len(), 1);
    // The provider's own words wake nobody.
    w.reply("+19495550178", "STOP").await;
    assert_eq!(of(w.process.store.alerts().await.expect("read")).len(), 1);
}

#[tokio::test]
async fn stop_moves_the_ladder_now_and_a_held_call_stays_with_an_alarm() {
    let mut w = World::new().await;
    let open = w.dispatch("normal").await;
    w.advance(secs(70)).await;
    let held = w.dispatch("normal").await;
    w.advance(secs(70)).await;
    let code = w.call(&held).await.call.reference;
    w.reply("sam", &format!("1 {code}")).await;
    w.advance(secs(70)).await;
    assert_eq!(w.reply("sam", "STOP").await, "");
    let state = w.call(&open).await;
    assert!(state.attempts.iter().any(|a| a.recipient.contact.as_str() == "ana"), "the backup is told now");
    assert!(state.call.is_out(&"sam".parse().expect("id")));
    assert!(w.log_of(Some(open)).await.contains("opted out of texts, which counts as a pass"));
    assert_eq!(w.call(&held).await.call.status, S::Acknowledged, "it stays his");
    assert!(w.has_alert(&format!("holder-opted-out:{held}")).await && w.has_alert("opted-out:sam").await);
    assert!(w.log_of(Some(held.clone())).await.contains("Sam Ortiz replied: opt-out"));
    w.reply("sam", "START").await;
    assert!(!w.has_alert("holder-opted-out").await && !w.has_alert("opted-out").await);
}

#[tokio::test]
async fn an_auto_responder_is_answered_three_times_and_then_no_more_until_a_word_or_a_notice() {
    for by_list in [false, true] {
        let still = policy("still", &[(secs(0), &["primary"]), (mins(600), &["backup"])]);
        let mut w = World::with(Setup { directory: fixtures::directory_with(still), ..Setup::default() }).await;
        w.dispatch("still").await;
        let mut answers = 0;
        for n in 0..40 {
            w.advance(secs(61)).await;
            let before = w.sms.ledger().len();
            let text = format!("I am driving. This is an automatic answer ({n})");
            let said = if by_list {
                w.sms.text_from(fixtures::phone("sam"), fixtures::SENDER, &text);
                let listener = crate::engine::listener::Listener::new(w.process.engine.clone());
                listener.pass().await.expect("read");
                w.settle().await;
                String::new()
            } else {
                w.reply("sam", &text).await
            };
            answers += usize::from(!said.is_empty()) + w.sms.ledger().len() - before;
        }
        assert_eq!(answers, 3, "by list: {by_list}");
        assert_eq!(w.alerts().await.iter().filter(|a| a.starts_with("auto-responder:")).count(), 1);
        assert_eq!(replies(&w).await.len(), 40, "each is recorded");
        // A notice goes to it: it may be asked again.
        w.dispatch("still").await;
        w.advance(secs(61)).await;
        assert_ne!(w.reply("sam", "hm").await, "");
        w.decide(Decision::Cancel).await;
        w.advance(secs(61)).await;
        assert!(w.reply("sam", "1").await.contains("is yours"));
        assert!(!w.has_alert("auto-responder:").await, "a word was understood");
    }
}
