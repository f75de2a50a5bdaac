//! The provider's clock is not ours: what is found, heard and said where the two are apart, and where ours is stepped.

use crate::domain::call::CallStatus;
use crate::domain::policy::Policy;
use crate::engine::listener::Listener;
use crate::engine::provider_clock::ProviderClockWatch;
use crate::testing::world::{START, Setup};
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Ours less the provider's, in milliseconds.
const APART: [i64; 7] = [0, 60_000, -60_000, 300_000, -300_000, 93_600_000, -93_600_000];

fn slow() -> Policy {
    fixtures::policy("slow", &[(secs(0), &["primary"]), (mins(10), &["primary"]), (mins(10), &["backup"])])
}

async fn world() -> World {
    World::with(Setup { directory: fixtures::directory_with(slow()), ..Setup::default() }).await
}

async fn listen(w: &World) {
    Listener::new(w.process.engine.clone()).pass().await.expect("read");
    w.settle().await;
}

fn text(w: &World, who: &str, body: &str) {
    w.sms.text_from(fixtures::phone(who), fixtures::SENDER, body);
}

#[tokio::test]
async fn a_lost_answer_is_found_out_however_far_the_clocks_are_apart() {
    for apart in APART {
        for had_one_before in [false, true] {
            let mut w = world().await;
            w.sms.set_apart(-apart);
            if had_one_before {
                w.dispatch("slow").await;
                w.advance(secs(5)).await;
            }
            w.sms.next(Reaction::UnknownButAccepted);
            w.dispatch("slow").await;
            assert_eq!(w.attempts().await, ["1 sam unknown"]);
            assert_eq!(w.attempt(1).await.provider_after.is_some(), had_one_before);
            w.advance(secs(300)).await;
            assert_eq!(w.attempts().await, ["1 sam submitted"], "ours {apart} ms ahead");
            assert_eq!(w.sms.posts().len(), 1 + usize::from(had_one_before), "ours {apart} ms ahead: sent once");
            assert_eq!(w.attempt(1).await.provider_at, Some(w.sms.ledger().last().expect("a text").made));
        }
    }
}

#[tokio::test]
async fn a_step_of_our_clock_between_the_post_and_the_search_doubles_nothing() {
    let (mut doubled, steps) = (Vec::new(), [60i64, 300, 93_600, -60, -300, -93_600]);
    for step in steps {
        let mut w = world().await;
        w.sms.list_lags(secs(20));
        w.sms.next(Reaction::UnknownButAccepted);
        w.dispatch("slow").await;
        let by = secs(step.unsigned_abs());
        w.clock.set_wall(if step < 0 { w.now().minus(by) } else { w.now().plus(by) });
        w.process.clocks.pass().await.expect("compared");
        w.advance(secs(45)).await;
        let to_sam = w.sms.ledger().iter().filter(|m| m.body.contains("-1 ")).count();
        let first = w.attempts().await.remove(0);
        if to_sam != 1 || first != "1 sam submitted" || w.attempts().await.iter().any(|a| a.contains("unknown")) {
            doubled.push((step, w.attempts().await));
        }
        let repeats = w.state().await.attempts.iter().filter(|a| a.repeats.is_some()).count();
        assert_eq!(repeats, 0, "{step} s: {:?}", w.attempts().await);
    }
    assert_eq!(doubled, []);
}

#[tokio::test]
async fn what_left_between_a_step_and_its_discovery_is_decided_in_its_time() {
    for step in [300i64, -300] {
        let mut w = world().await;
        let by = secs(step.unsigned_abs());
        w.clock.set_wall(if step < 0 { w.now().minus(by) } else { w.now().plus(by) });
        w.sms.next(Reaction::UnknownNotAccepted);
        w.dispatch("slow").await;
        w.clock.pass(secs(1));
        w.process.clocks.pass().await.expect("compared");
        assert_eq!(w.attempt(1).await.clock_steps_ms, 0, "it left by the clock as it is now");
        w.advance(secs(61)).await;
        assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"], "{step} s");
    }
}

#[tokio::test]
async fn what_was_never_accepted_is_sent_again_in_its_time_though_our_clock_was_set_back() {
    let mut w = world().await;
    w.sms.next(Reaction::UnknownNotAccepted);
    w.dispatch("slow").await;
    w.advance(secs(5)).await;
    w.clock.set_wall(w.now().minus(secs(93_600)));
    w.process.clocks.pass().await.expect("compared");
    w.advance(secs(50)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown"], "its time is not over");
    w.advance(secs(10)).await;
    assert_eq!(w.attempts().await, ["1 sam unknown", "2 sam submitted"], "a minute of true time, not 26 hours");
}

#[tokio::test]
async fn an_answer_that_was_given_while_we_were_down_is_heard_however_far_the_clocks_are_apart() {
    for apart in APART {
        let mut w = world().await;
        w.sms.set_apart(-apart);
        w.dispatch("slow").await;
        w.advance(secs(10)).await;
        text(&w, "sam", "1");
        w.away(secs(20));
        w.restart().await;
        listen(&w).await;
        assert_eq!(w.status().await, CallStatus::Acknowledged, "ours {apart} ms ahead");
        assert_eq!(w.state().await.call.holder.map(|h| h.to_string()).as_deref(), Some("sam"), "{apart}");
    }
}

#[tokio::test]
async fn an_answer_to_a_text_whose_outcome_nobody_knows_is_heard_by_the_measured_offset() {
    for apart in APART {
        let mut w = world().await;
        w.sms.set_apart(-apart);
        // The list that outcomes are looked for in cannot be read; that of replies can.
        w.sms.next(Reaction::UnknownButAccepted);
        w.begin("slow").await;
        w.process.dispatcher.pass().await.expect("sent");
        w.process.dispatcher.drained().await;
        assert_eq!(w.attempts().await, ["1 sam unknown"]);
        w.away(secs(4));
        text(&w, "sam", "1");
        listen(&w).await;
        assert_eq!(w.status().await, CallStatus::Acknowledged, "ours {apart} ms ahead");
    }
}

#[tokio::test]
async fn an_older_call_is_never_taken_by_an_answer_to_a_newer_one_nor_the_other_way_round() {
    for apart in APART {
        // To the newer one's text: both preceded it, so he is asked which he means.
        let mut w = world().await;
        w.sms.set_apart(-apart);
        let older = w.dispatch("slow").await;
        w.advance(secs(30)).await;
        let newer = w.dispatch("slow").await;
        w.advance(secs(5)).await;
        text(&w, "sam", "1");
        listen(&w).await;
        for call in [&older, &newer] {
            assert_eq!(w.call(call).await.call.status, CallStatus::Dispatching, "ours {apart} ms ahead");
        }
        assert!(w.log_of(None).await.contains("which call"), "ours {apart} ms ahead");
        // Before the newer one's text: it means the older.
        let mut w = world().await;
        w.sms.set_apart(-apart);
        let older = w.dispatch("slow").await;
        w.advance(secs(10)).await;
        text(&w, "sam", "1");
        w.advance(secs(5)).await;
        let newer = w.dispatch("slow").await;
        listen(&w).await;
        assert_eq!(w.call(&older).await.call.status, CallStatus::Acknowledged, "ours {apart} ms ahead");
        assert_eq!(w.call(&newer).await.call.status, CallStatus::Dispatching, "ours {apart} ms ahead");
    }
}

#[tokio::test]
async fn clocks_that_are_apart_alert_once_and_a_restart_knows_it_before_the_first_answer() {
    let mut w = world().await;
    let watch = ProviderClockWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    assert_eq!(w.process.engine.provider_offset(), None, "nothing was asked yet");
    w.dispatch("slow").await;
    watch.pass().await.expect("looked");
    assert!(!w.has_alert("provider-clock").await);
    w.sms.set_apart(-6_000);
    watch.pass().await.expect("looked");
    assert!(w.has_alert("provider-clock").await);
    w.sms.set_apart(-5_200);
    watch.pass().await.expect("looked");
    assert!(w.has_alert("provider-clock").await, "it may be over 5 s: what was said stands");
    let kept = w.process.store.provider_clock().await.expect("read").expect("kept");
    assert!(kept.offset.ms() >= 5_000 && kept.newest_message.is_some_and(|at| at >= START), "{kept:?}");
    w.sms.set_apart(1_000);
    watch.pass().await.expect("looked");
    assert!(!w.has_alert("provider-clock").await);
    w.restart().await;
    let watch = ProviderClockWatch::new(w.process.engine.clone());
    watch.pass().await.expect("looked");
    assert_eq!(w.process.core.provider_clock().offset.map(|o| o.ms()), Some(-1_001));
}

#[tokio::test]
async fn a_message_that_was_deleted_at_the_provider_keeps_its_last_status_and_alerts_once() {
    let mut w = world().await;
    w.dispatch("slow").await;
    w.receipt(1, "sent", None).await;
    let sid = w.attempt(1).await.sid.expect("a message");
    w.sms.delete(&sid);
    w.advance(secs(290)).await;
    assert!(w.attempt(1).await.poll_at.is_some(), "it may not be known everywhere yet");
    w.advance(mins(15)).await;
    let a = w.attempt(1).await;
    assert_eq!((a.poll_at, a.message_status.map(|s| s.to_string()).as_deref()), (None, Some("sent")));
    let about = w.process.store.alerts().await.expect("read");
    let about: Vec<_> = about.iter().filter(|a| a.key.to_string() == "no-status:sam").collect();
    assert_eq!(about.len(), 1, "{about:?}");
    let asked = w.sms.fetches();
    w.advance(mins(90)).await;
    let again = w.sms.fetches() - asked;
    assert!(again <= 20, "{again}: only later texts are asked about");
    assert!(w.log_text().await.contains("the provider no longer has attempt 1"), "{}", w.log_text().await);
}
