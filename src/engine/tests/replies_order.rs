//! A person's newer word stands, whichever way the two come in.

use crate::domain::MessageStatus;
use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::call::CallStatus as S;
use crate::domain::event::{Decision, Event};
use crate::engine::listener::Listener;
use crate::engine::waiting;
use crate::gateways::{MessageBody, MessageRecord};
use crate::testing::fixtures::{self, policy};
use crate::testing::replies::{quiet, reference, status};
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

fn sid(n: u32) -> String {
    format!("SM{:032x}", 0xfeed_1000_u64 + u64::from(n))
}

/// The provider has a text of Sam's that was written then.
fn written(w: &World, n: u32, text: &str, at: Timestamp) {
    w.sms.plant(MessageRecord {
        sid: sid(n).parse().expect("a SID"),
        status: MessageStatus::Other("received".into()),
        error_code: None,
        to: fixtures::SENDER.into(),
        from: Some(fixtures::phone("sam").into()),
        service: None,
        body: MessageBody(text.into()),
        direction: "inbound".into(),
        created_at: Some(Timestamp::from_millis(at.as_millis() / 1_000 * 1_000)),
    });
}

/// Its webhook comes now.
async fn hooked(w: &mut World, n: u32, text: &str) -> String {
    w.reply_as(&sid(n), "sam", text).await
}

#[tokio::test]
async fn a_later_word_waits_behind_the_one_that_waits() {
    for (later, want) in [("2 CODE", S::Dispatching), ("STOP", S::Acknowledged)] {
        let mut w = quiet().await;
        let old = w.dispatch("still").await;
        w.advance(mins(5)).await;
        let by = crate::domain::types::Actor("mia".into());
        let what = Decision::Cancel;
        w.apply(Event::Decide { call: old.clone(), what, by, note: None }, "mia").await;
        w.settle().await;
        let call = w.dispatch("still").await;
        w.advance(secs(20)).await;
        let later = later.replace("CODE", &reference(&w, &call).await);
        written(&w, 1, "1", w.now());
        assert_eq!(hooked(&mut w, 1, "1").await, "", "it waits");
        w.away(secs(3));
        written(&w, 2, &later, w.now());
        assert_eq!(hooked(&mut w, 2, &later).await, "", "{later}: it waits behind");
        w.settle().await;
        assert_eq!(status(&w, &call).await, want, "{later}");
        assert_eq!(status(&w, &old).await, S::Cancelled, "{later}");
        if later == "STOP" {
            assert!(w.has_alert("holder-opted-out:").await, "he holds it and takes no texts");
        } else {
            let log = w.log_of(Some(call)).await;
            assert!(log.contains("handed it back"), "{log}");
        }
    }
}

#[tokio::test]
async fn a_code_alone_completes_the_word_that_was_said_last() {
    let mut w = quiet().await;
    let first = w.dispatch("still").await;
    w.advance(secs(90)).await;
    w.dispatch("still").await;
    w.advance(secs(90)).await;
    assert!(w.reply("sam", "1").await.starts_with("Which call?"));
    w.advance(secs(5)).await;
    assert!(w.reply("sam", "2").await.starts_with("Which call? Reply 2"));
    w.advance(secs(5)).await;
    let bare = reference(&w, &first).await;
    w.reply("sam", &bare).await;
    assert_eq!(status(&w, &first).await, S::Dispatching);
    assert!(w.log_of(Some(first)).await.contains("passed"), "the word was 2");
}

#[tokio::test]
async fn an_old_word_from_the_list_moves_nothing_that_a_newer_one_has_decided() {
    for with_code in [false, true] {
        for (old, new, want) in [("1", "2", S::Dispatching), ("2", "1", S::Acknowledged)] {
            let mut w = quiet().await;
            let call = w.dispatch("still").await;
            w.advance(mins(5)).await;
            let named = |word: &str, code: &str| if with_code { format!("{word} {code}") } else { word.to_owned() };
            let (old, new) = (named(old, &reference(&w, &call).await), named(new, &reference(&w, &call).await));
            // Lost at the webhook.
            written(&w, 1, &old, w.now());
            w.away(secs(2));
            written(&w, 2, &new, w.now());
            hooked(&mut w, 2, &new).await;
            w.settle().await;
            w.advance(secs(56)).await;
            Listener::new(w.process.engine.clone()).pass().await.expect("read");
            w.settle().await;
            assert_eq!(status(&w, &call).await, want, "{old}, then {new}");
            let log = w.log_of(Some(call)).await;
            assert!(log.contains("older than what they said since"), "{log}");
        }
    }
}

#[tokio::test]
async fn a_pass_written_before_its_writer_took_the_call_hands_nothing_back() {
    let mut w = quiet().await;
    let call = w.dispatch("still").await;
    w.advance(mins(5)).await;
    written(&w, 1, "2", w.now());
    w.away(secs(20));
    let what = Decision::Acknowledge { holder: Some("sam".parse().expect("id")) };
    let by = crate::domain::types::Actor("mia".into());
    w.apply(Event::Decide { call: call.clone(), what, by, note: None }, "mia").await;
    w.away(secs(5));
    hooked(&mut w, 1, "2").await;
    w.settle().await;
    assert_eq!(status(&w, &call).await, S::Acknowledged);
    assert!(w.log_of(Some(call)).await.contains("passed too late"));
}

#[tokio::test]
async fn the_page_that_a_holder_cannot_be_texted_ends_when_he_holds_the_call_no_more() {
    let mut w = quiet().await;
    let call = w.dispatch("still").await;
    w.advance(mins(5)).await;
    w.reply("sam", "1").await;
    w.advance(mins(2)).await;
    w.reply("sam", "STOP").await;
    assert!(w.has_alert("holder-opted-out:").await);
    w.advance(mins(2)).await;
    let back = format!("2 {}", reference(&w, &call).await);
    w.reply("sam", &back).await;
    assert_eq!(status(&w, &call).await, S::Dispatching);
    assert!(!w.has_alert("holder-opted-out:").await);
}

#[tokio::test]
async fn done_right_after_another_took_it_closes_no_other_call() {
    let both = policy("both", &[(secs(0), &["primary", "backup"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(both), ..Setup::default() }).await;
    let open = w.dispatch("both").await;
    w.advance(mins(5)).await;
    let taken = w.dispatch("both").await;
    w.advance(mins(2)).await;
    let take = format!("1 {}", reference(&w, &taken).await);
    w.reply("ana", &take).await;
    w.advance(mins(2)).await;
    let said = w.reply("sam", "done").await;
    assert!(said.starts_with("Which call? Reply DONE"), "{said}");
    assert_ne!(status(&w, &open).await, S::Resolved);
}

#[tokio::test]
async fn replies_that_cannot_be_decided_page_and_keep_no_other_waiting() {
    let mut w = quiet().await;
    w.dispatch("still").await;
    w.advance(secs(90)).await;
    let second = w.dispatch("still").await;
    w.advance(secs(10)).await;
    let now = w.now();
    for n in 0..17 {
        written(&w, n, "ok", now);
        assert_eq!(w.reply_as(&sid(n), "sam", "ok").await, "");
    }
    w.process.crash.refuse_replies((0..16).map(|n| sid(n).parse().expect("a SID")));
    let paged = |alerts: Vec<String>| alerts.iter().filter(|a| a.starts_with("undecided-reply:")).count();
    waiting::pass(&w.process.engine).await.expect("a pass");
    assert_eq!((paged(w.alerts().await), status(&w, &second).await), (16, S::Dispatching));
    waiting::pass(&w.process.engine).await.expect("a pass");
    assert_eq!(status(&w, &second).await, S::Acknowledged, "the seventeenth had its turn");

    w.process.crash.refuse_replies([]);
    w.restart().await;
    waiting::pass(&w.process.engine).await.expect("a pass");
    assert_eq!(paged(w.alerts().await), 0, "decided, and over");
    assert!(w.process.store.waiting_replies(99).await.expect("read").is_empty());
}

#[tokio::test]
async fn whether_a_phone_may_ring_is_what_its_owner_wrote_last() {
    for (old, new, may_ring) in [("NO CALLS", "START CALLS", true), ("START CALLS", "NO CALLS", false)] {
        let steps = [(0, "primary", Channel::Sms), (30, "primary", Channel::Voice)];
        let mut w = World::with(super::voice::calls(&steps)).await;
        w.dispatch("mixed").await;
        // The webhook of the older one is lost, and the list brings it behind the newer one.
        written(&w, 1, old, w.now());
        w.advance(mins(2)).await;
        written(&w, 2, new, w.now());
        assert!(!hooked(&mut w, 2, new).await.is_empty(), "{new}: answered");
        w.advance(mins(2)).await;
        Listener::new(w.process.engine.clone()).pass().await.expect("read");
        w.settle().await;
        let log = w.log_of(None).await;
        assert!(log.contains("older than what they said since"), "{log}");
        w.advance(mins(27)).await;
        assert_eq!(w.voice.posts() > 0, may_ring, "{old}, then {new}");
    }
}
