//! Whose "ok" it is: plain words mean the one call on which they can act, soft words the last text, and a reply of which it
//! matters when it was written waits for the provider's word.

use std::time::Duration;

use crate::domain::MessageStatus;
use crate::domain::Timestamp;
use crate::domain::call::CallStatus as S;
use crate::domain::event::Decision;
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::gateways::{MessageBody, MessageRecord};
use crate::testing::fixtures::{self, policy};
use crate::testing::replies::{quiet, reference, status};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

async fn decide(w: &World, call: &CallId, what: Decision) {
    let by = crate::domain::types::Actor("mia".into());
    w.apply(crate::domain::event::Event::Decide { call: call.clone(), what, by, note: None }, "mia").await;
    w.settle().await;
}

/// A text that Sam wrote at this moment and whose webhook comes now; what TwiML answers. The engine does what follows.
async fn late(w: &mut World, text: &str, written: Timestamp) -> String {
    w.inbound += 1;
    let sid = format!("SM{:032x}", 0xfeed_0000_u64 + u64::from(w.inbound));
    w.sms.plant(MessageRecord {
        sid: sid.parse().expect("a SID"),
        status: MessageStatus::Other("received".into()),
        error_code: None,
        to: fixtures::SENDER.into(),
        from: Some(fixtures::phone("sam").into()),
        service: None,
        body: MessageBody(text.into()),
        direction: "inbound".into(),
        created_at: Some(Timestamp::from_millis(written.as_millis() / 1_000 * 1_000)),
    });
    let said = w.reply_as(&sid, "sam", text).await;
    w.settle().await;
    said
}

#[tokio::test]
async fn a_polite_ok_to_a_stand_down_takes_no_other_call() {
    for (label, word) in [("soft", "Ok"), ("thanks", "OK."), ("yes", "yes")] {
        let mut w = quiet().await;
        let held = w.dispatch("still").await;
        w.advance(mins(5)).await;
        let other = w.dispatch("still").await;
        w.advance(mins(5)).await;
        decide(&w, &other, Decision::Cancel).await;
        w.advance(mins(5)).await;
        assert_eq!(w.reply("sam", word).await, "", "{label}: politeness is not answered");
        assert_eq!((status(&w, &held).await, status(&w, &other).await), (S::Dispatching, S::Cancelled), "{label}");
        assert!(w.log_of(Some(held)).await.contains("a polite word"), "{label}: it stands in the story");
    }
}

#[tokio::test]
async fn a_polite_ok_to_an_answer_of_ours_takes_no_other_call() {
    let mut w = quiet().await;
    let first = w.dispatch("still").await;
    w.advance(mins(5)).await;
    let second = w.dispatch("still").await;
    w.advance(mins(5)).await;
    let code = reference(&w, &first).await;
    assert!(w.reply("sam", &format!("1 {code}")).await.contains("is yours"));
    w.advance(mins(2)).await;
    assert_eq!(w.reply("sam", "ok").await, "");
    assert_eq!((status(&w, &first).await, status(&w, &second).await), (S::Acknowledged, S::Dispatching));
    // After a question it is asked for 1.
    assert!(w.reply("sam", "hmm").await.contains("Reply 1 to take"));
    w.advance(mins(2)).await;
    assert!(w.reply("sam", "ok").await.contains("Reply 1 to take"));
    assert_eq!(status(&w, &second).await, S::Dispatching);
}

#[tokio::test]
async fn a_soft_word_takes_the_call_of_the_last_text_alone() {
    let mut w = quiet().await;
    let first = w.dispatch("still").await;
    w.advance(mins(5)).await;
    let second = w.dispatch("still").await;
    w.advance(mins(5)).await;
    assert!(w.reply("sam", "ok").await.contains("is yours"));
    assert_eq!((status(&w, &first).await, status(&w, &second).await), (S::Dispatching, S::Acknowledged));
    // A younger text of which nobody knows whether it was sent: it is asked.
    w.sms.next(Reaction::UnknownNotAccepted);
    w.dispatch("still").await;
    w.advance(secs(20)).await;
    assert!(w.reply("sam", "ok").await.starts_with("Reply 1 and the code"));
    assert_eq!(status(&w, &first).await, S::Dispatching);
}

#[tokio::test]
async fn a_late_one_that_was_meant_for_a_call_that_has_ended_takes_no_younger_one() {
    for (label, word) in [("plain", "1"), ("soft", "ok")] {
        let mut w = quiet().await;
        let old = w.dispatch("still").await;
        w.advance(mins(5)).await;
        let written = w.now();
        w.advance(secs(5)).await;
        decide(&w, &old, Decision::Cancel).await;
        let young = w.dispatch("still").await;
        w.advance(secs(20)).await;
        assert_eq!(late(&mut w, word, written).await, "", "{label}: it waits");
        assert_eq!((status(&w, &old).await, status(&w, &young).await), (S::Cancelled, S::Dispatching), "{label}");
        let log = w.log_of(Some(young.clone())).await;
        assert!(!log.contains("acknowledged"), "{label}: {log}");
        assert!(w.log_of(Some(old.clone())).await.contains("Sam Ortiz replied"), "{label}: in the story of its call");
        // Written after the younger one's text, it takes that.
        let written = w.now();
        w.advance(secs(1)).await;
        assert_eq!(late(&mut w, word, written).await, "", "{label}: it waits");
        // A soft one answers what we said last, and that was that the old one is closed.
        let want = if label == "plain" { S::Acknowledged } else { S::Dispatching };
        assert_eq!(status(&w, &young).await, want, "{label}");
        let is_answer = |m: &crate::testing::gateway::Accepted| m.body.contains("is yours");
        assert_eq!(w.sms.ledger().iter().any(is_answer), label == "plain", "{label}: a text of its own answers");
    }
}

#[tokio::test]
async fn where_nobody_can_say_when_it_was_written_plain_words_count_and_soft_ones_are_asked() {
    for (word, want) in [("1", S::Acknowledged), ("ok", S::Dispatching)] {
        let mut w = quiet().await;
        let old = w.dispatch("still").await;
        w.advance(mins(5)).await;
        decide(&w, &old, Decision::Cancel).await;
        let young = w.dispatch("still").await;
        w.advance(secs(20)).await;
        w.sms.on_fetch(Reaction::away());
        let now = w.now();
        assert_eq!(late(&mut w, word, now).await, "", "{word}: it waits");
        assert_eq!(status(&w, &young).await, want, "{word}");
        let code = reference(&w, &young).await;
        let asked = w.sms.ledger().iter().any(|m| m.body.contains(&format!("Reply 1 to take {code}")));
        assert_eq!(asked, word == "ok", "{word}");
    }
}

#[tokio::test]
async fn a_reply_that_waits_outlives_its_engine_and_is_decided_once() {
    let mut w = quiet().await;
    let first = w.dispatch("still").await;
    w.advance(secs(90)).await;
    let second = w.dispatch("still").await;
    w.advance(secs(10)).await;
    let sid = format!("SM{:032x}", 0xfeed_9999_u64);
    let written = w.now();
    w.sms.plant(MessageRecord {
        sid: sid.parse().expect("a SID"),
        status: MessageStatus::Other("received".into()),
        error_code: None,
        to: fixtures::SENDER.into(),
        from: Some(fixtures::phone("sam").into()),
        service: None,
        body: MessageBody("ok".into()),
        direction: "inbound".into(),
        created_at: Some(written),
    });
    assert_eq!(w.reply_as(&sid, "sam", "ok").await, "");
    assert_eq!(w.process.store.waiting_replies(9).await.expect("read").len(), 1);
    w.restart().await;
    // The provider brings it again, and its list shows it: it waits once.
    assert_eq!(w.reply_as(&sid, "sam", "ok").await, "");
    let listener = crate::engine::listener::Listener::new(w.process.engine.clone());
    listener.pass().await.expect("read");
    w.settle().await;
    assert_eq!((status(&w, &first).await, status(&w, &second).await), (S::Dispatching, S::Acknowledged));
    assert!(w.process.store.waiting_replies(9).await.expect("read").is_empty());
    let answers = w.sms.ledger().iter().filter(|m| m.body.contains("is yours")).count();
    assert_eq!(answers, 1);
    let before = w.log_of(None).await;
    assert!(w.reply_as(&sid, "sam", "ok").await.contains("is yours"), "as it was answered");
    assert_eq!(w.log_of(None).await, before);
}

#[tokio::test]
async fn a_reply_soon_after_the_only_text_waits_for_nobody() {
    for word in ["1", "ok", "2", "on it"] {
        let mut w = quiet().await;
        w.dispatch("still").await;
        w.advance(secs(5)).await;
        let before = w.sms.fetches();
        assert_ne!(w.reply("sam", word).await, "", "{word}: answered by TwiML");
        assert_eq!(w.sms.fetches(), before, "{word}");
    }
}

#[tokio::test]
async fn an_exhausted_call_counts_unless_another_was_told_later_and_a_held_one_is_handed_back_only_when_it_is_meant() {
    let mut w = World::new().await;
    let old = w.dispatch("normal").await;
    w.advance(mins(60)).await;
    assert_eq!(status(&w, &old).await, S::Exhausted);
    let still = w.dispatch("high").await;
    w.advance(secs(70)).await;
    assert!(w.reply("sam", "1").await.contains("is yours"), "one call is meant");
    assert_eq!((status(&w, &old).await, status(&w, &still).await), (S::Exhausted, S::Acknowledged));
    w.advance(mins(3)).await;
    assert!(w.reply("sam", "1").await.contains("is yours"), "now the old one is");
    assert_eq!(status(&w, &old).await, S::Acknowledged);

    // Two are held: the last text was about the second.
    w.advance(mins(3)).await;
    let other = w.dispatch("high").await;
    w.advance(secs(10)).await;
    let code = reference(&w, &other).await;
    assert!(w.reply("sam", &format!("2 {code}")).await.starts_with("Noted"));
    w.advance(mins(2)).await;
    let said = w.reply("sam", "2").await;
    assert!(said.starts_with("Reply 2 and the code"), "{said}");
    assert_eq!((status(&w, &old).await, status(&w, &still).await), (S::Acknowledged, S::Acknowledged));
    let code = reference(&w, &still).await;
    assert!(w.reply("sam", &code).await.contains("back"), "the code alone completes the word");
    assert_eq!(status(&w, &still).await, S::Dispatching);
}

#[tokio::test]
async fn after_which_call_the_code_alone_completes_the_word_for_ten_minutes_or_until_another_text() {
    for (label, wait, another, want) in [
        ("at once", secs(5), false, S::Acknowledged),
        ("after nine minutes", mins(9), false, S::Acknowledged),
        ("after eleven minutes", mins(11), false, S::Dispatching),
        ("after another text", secs(90), true, S::Dispatching),
    ] {
        let mut w = quiet().await;
        let first = w.dispatch("still").await;
        w.advance(secs(70)).await;
        w.dispatch("still").await;
        w.advance(secs(70)).await;
        assert!(w.reply("sam", "1").await.starts_with("Which call? Reply 1"), "{label}");
        if another {
            w.dispatch("still").await;
        }
        w.advance(wait).await;
        let code = reference(&w, &first).await;
        let said = w.reply("sam", &code.to_lowercase()).await;
        assert_eq!(status(&w, &first).await, want, "{label}: {said}");
    }
}

#[tokio::test]
async fn one_all_takes_every_call_that_looks_for_somebody() {
    for text in ["1 all", "all"] {
        let mut w = quiet().await;
        let mut calls = Vec::new();
        for _ in 0..8 {
            calls.push(w.dispatch("still").await);
            w.advance(secs(61)).await;
        }
        decide(&w, &calls[7], Decision::Cancel).await;
        w.advance(mins(2)).await;
        if text == "all" {
            let said = w.reply("sam", "1").await;
            assert!(said.ends_with("; and 1 more"), "{said}");
        }
        let said = w.reply("sam", text).await;
        assert!(said.starts_with("Yours now: "), "{said}");
        for call in &calls[..7] {
            assert_eq!(status(&w, call).await, S::Acknowledged, "{text}");
        }
        assert_eq!(status(&w, &calls[7]).await, S::Cancelled);
    }
    let mut w = quiet().await;
    let call = w.dispatch("still").await;
    w.advance(mins(2)).await;
    let said = w.reply("sam", "all").await;
    assert!(said.contains("Reply 1 to take"), "not asked for: {said}");
    assert_eq!(status(&w, &call).await, S::Dispatching);
}

#[tokio::test]
async fn a_call_that_looks_for_somebody_is_not_hidden_by_fifty_taken_ones() {
    let mut w = quiet().await;
    let first = w.dispatch("still").await;
    w.advance(mins(2)).await;
    for _ in 0..51 {
        let newer = w.dispatch("still").await;
        w.advance(secs(61)).await;
        let code = reference(&w, &newer).await;
        w.reply("sam", &format!("1 {code}")).await;
        assert_eq!(status(&w, &newer).await, S::Acknowledged);
    }
    w.reply("sam", "1 all").await;
    assert_eq!(status(&w, &first).await, S::Acknowledged);
}

#[tokio::test]
async fn whoever_is_of_the_team_or_whose_text_was_refused_is_heard_by_the_code() {
    let mut w = quiet().await;
    let call = w.dispatch("still").await;
    w.advance(secs(90)).await;
    let code = reference(&w, &call).await;
    let said = w.reply("ana", &format!("1 {code}")).await;
    assert!(said.contains("still looked for somebody: it is yours now"), "{said}");
    assert_eq!(w.call(&call).await.call.holder.map(|h| h.to_string()).as_deref(), Some("ana"));

    let mut w = quiet().await;
    w.sms.always_to(fixtures::phone("sam"), Reaction::refuse(400, 21610));
    let call = w.dispatch("still").await;
    w.advance(mins(2)).await;
    let code = reference(&w, &call).await;
    w.reply("sam", "START").await;
    let said = w.reply("sam", &format!("1 {code}")).await;
    assert!(said.contains("it is yours now"), "{said}");

    // Somebody of another business: the desk sees it, nothing moves.
    let mut w = quiet().await;
    let call = w.dispatch("still").await;
    w.advance(mins(2)).await;
    let code = reference(&w, &call).await;
    let said = w.reply("olga", &format!("1 {code}")).await;
    assert!(said.contains("the office sees"), "{said}");
    assert_eq!(status(&w, &call).await, S::Dispatching);
    assert!(w.has_alert("unread-reply:").await);
}

#[tokio::test]
async fn it_is_said_that_the_call_goes_on_only_where_somebody_is_left() {
    let two = policy("two", &[(secs(0), &["primary"]), (mins(5), &["backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(two), ..Setup::default() }).await;
    w.dispatch("two").await;
    w.advance(Duration::from_secs(70)).await;
    assert!(w.reply("sam", "2").await.ends_with("goes on to the next."));
    w.advance(Duration::from_secs(70)).await;
    let said = w.reply("ana", "2").await;
    assert!(said.ends_with("has nobody else left. The office is alarmed."), "{said}");
    assert!(w.has_alert("exhausted:").await);

    let alone = policy("alone", &[(secs(0), &["primary"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(alone), ..Setup::default() }).await;
    w.dispatch("alone").await;
    w.advance(Duration::from_secs(70)).await;
    w.reply("sam", "1").await;
    w.advance(Duration::from_secs(70)).await;
    let said = w.reply("sam", "2").await;
    assert!(said.contains("Nobody else is left"), "{said}");

    // The last resort is somebody.
    let alone = policy("alone", &[(secs(0), &["primary"])]);
    let directory = Directory { last_resort: vec!["olga".parse().expect("id")], ..fixtures::directory_with(alone) };
    let mut w = World::with(Setup { directory, ..Setup::default() }).await;
    w.dispatch("alone").await;
    w.advance(Duration::from_secs(70)).await;
    w.reply("sam", "1").await;
    w.advance(Duration::from_secs(70)).await;
    let said = w.reply("sam", "2").await;
    assert!(said.ends_with("goes back to the others."), "{said}");
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("2 olga submitted"));
}
