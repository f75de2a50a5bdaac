//! A technician's words.

use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, InboundText};
use crate::testing::fixtures::{self, policy};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, mins, secs};

#[tokio::test]
async fn one_takes_the_call_stops_the_sequence_and_stands_the_other_down() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    let said = w.reply("ana", "1").await;
    assert!(said.contains("is yours") && said.contains("1 Elm St") && said.contains("+19495550150"), "{said}");
    let call = w.state().await.call;
    assert_eq!((call.status, call.wake_at), (CallStatus::Acknowledged, None));
    assert_eq!(call.holder.map(|h| h.as_str().to_owned()).as_deref(), Some("ana"));
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("sam").expect_sms("Reminder");
    w.tech("sam").expect_sms("Ana Reyes has taken this call");
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(60)).await;
    w.expect_silence();
}

#[tokio::test]
async fn a_stand_down_goes_only_to_those_whose_text_may_have_arrived_and_who_did_not_pass() {
    let all = policy("all", &[(secs(0), &["primary", "backup", "owner"])]);
    for (label, before, told) in [
        ("everyone was told", "", vec!["ana", "olga"]),
        ("ana passed", "2", vec!["olga"]),
        ("ana's text failed", "undelivered", vec!["olga"]),
        ("ana's text was delivered", "delivered", vec!["ana", "olga"]),
    ] {
        let mut w = World::with(Setup { directory: fixtures::directory_with(all.clone()), ..Setup::default() }).await;
        w.dispatch("all").await;
        match before {
            "2" => drop(w.reply("ana", "2").await),
            "" => {}
            word => w.receipt(2, word, None).await,
        }
        w.reply("sam", "1").await;
        let stood_down: Vec<String> = w
            .state()
            .await
            .attempts
            .iter()
            .filter(|a| a.kind == crate::domain::attempt::AttemptKind::StandDown)
            .map(|a| a.recipient.contact.as_str().to_owned())
            .collect();
        assert_eq!(stood_down, told, "{label}");
    }
}

#[tokio::test]
async fn the_holders_two_hands_it_back_and_a_new_round_begins_without_them() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    w.advance(mins(3)).await;
    let said = w.reply("sam", "2").await;
    assert!(said.contains("goes back"), "{said}");
    let call = w.state().await.call;
    assert_eq!((call.status, call.round, call.holder), (CallStatus::Dispatching, 2, None));
    w.tech("sam").expect_sms("Burst pipe");
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(30)).await;
    w.tech("sam").expect_nothing();
    w.tech("ana").expect_sms("Reminder");
    assert_eq!(w.status().await, CallStatus::Exhausted);
}

#[tokio::test]
async fn a_pass_goes_on_at_once_unless_another_of_the_step_may_answer() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(30)).await;
    w.reply("sam", "2").await;
    assert_eq!(w.attempts().await, ["1 sam submitted", "2 ana submitted"]);
    assert_eq!(w.wakes_at().await, Some(30 + 600), "later waits count from now");
    w.advance(mins(10)).await;
    assert_eq!(w.attempts().await.last().map(String::as_str), Some("3 ana submitted"), "Sam gets no further notice");

    let both = policy("both", &[(secs(0), &["primary", "backup"]), (mins(1), &["owner"])]);
    let mut w = World::with(Setup { directory: fixtures::directory_with(both), ..Setup::default() }).await;
    w.dispatch("both").await;
    w.reply("sam", "2").await;
    assert_eq!((w.attempts().await.len(), w.wakes_at().await), (2, Some(60)), "Ana may still answer");
    w.reply("ana", "no").await;
    w.tech("olga").expect_sms("Burst pipe");
}

#[tokio::test]
async fn a_pass_of_somebody_told_earlier_moves_nothing_while_the_latest_step_is_alive() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    w.reply("sam", "2").await;
    assert_eq!((w.attempts().await.len(), w.wakes_at().await), (3, Some(1020)), "Ana may still answer");
    w.advance(secs(600)).await;
    assert_eq!(w.attempts().await[3..], ["4 ana submitted"]);
}

#[tokio::test]
async fn everybody_passed_is_exhausted_and_may_still_be_taken() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "2").await;
    w.reply("ana", "2").await;
    assert_eq!(w.status().await, CallStatus::Exhausted);
    assert!(w.reply("ana", "2").await.contains("Nobody has"));
    assert!(w.reply("sam", "ok").await.contains("is yours"));
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    assert!(!w.has_alert("exhausted:").await, "over once somebody has it");
}

#[tokio::test]
async fn done_resolves_and_stands_down_everybody_but_who_said_it() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.reply("sam", "1").await;
    assert!(w.reply("sam", "DONE").await.contains("closed"));
    assert_eq!(w.status().await, CallStatus::Resolved);
    assert_eq!(w.attempts().await, ["1 sam submitted"], "the holder said it: no stand-down");

    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    w.reply("ana", "done").await;
    let attempts = w.attempts().await;
    assert_eq!(attempts[3..], ["4 stand-down sam submitted"], "not to Ana, who said it");
}

#[tokio::test]
async fn a_stand_down_waits_for_the_answer_about_the_text_that_it_takes_back() {
    for (label, dies) in [("the answer comes", false), ("the engine dies before it comes", true)] {
        let mut w = World::new().await;
        w.sms.next(Reaction::AcceptLate);
        w.begin("normal").await;
        w.process.dispatcher.pass().await.expect("started");
        w.sms.accepted(1).await;
        let by = crate::domain::types::Actor("mia".into());
        w.apply(Event::Decide { call: w.id(), what: Decision::Cancel, by, note: None }, "mia").await;
        w.process.dispatcher.pass().await.expect("looked");
        let put_off = async {
            while w.attempt(2).await.not_before <= w.now() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(secs(20), put_off).await.expect("it is looked at, and waits");
        assert_eq!(w.attempts().await, ["1 sam sending", "2 stand-down sam scheduled"], "{label}");
        if dies {
            w.restart().await;
        }
        w.sms.release();
        w.advance(secs(2)).await;
        assert_eq!(w.attempts().await, ["1 sam submitted", "2 stand-down sam submitted"], "{label}");
    }
}

#[tokio::test]
async fn an_operators_word_stands_down_the_holder_too() {
    for (label, what, says) in
        [("resolved", Decision::Resolve, "resolved"), ("cancelled", Decision::Cancel, "called off")]
    {
        let mut w = World::new().await;
        w.dispatch("normal").await;
        w.reply("sam", "1").await;
        w.tech("sam").expect_sms("Burst pipe");
        w.decide(what).await;
        w.tech("sam").expect_sms(says);
        w.advance(mins(30)).await;
        w.expect_silence();
        assert!(!w.status().await.is_open(), "{label}");
    }
}

#[tokio::test]
async fn an_operator_takes_it_for_a_technician_who_is_then_not_stood_down() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    let ack = Decision::Acknowledge { holder: "ana".parse().ok() };
    assert!(matches!(w.decide(ack.clone()).await, Answer::Changed(_)));
    assert_eq!(w.attempts().await[3..], ["4 stand-down sam submitted"]);
    assert!(matches!(w.decide(ack).await, Answer::Already(_)), "done twice says so");
    let other = Decision::Acknowledge { holder: "sam".parse().ok() };
    assert!(matches!(w.decide(other).await, Answer::NotAllowed(_, why) if why.contains("Ana Reyes")));
    assert_eq!(w.attempts().await.len(), 4);
}

#[tokio::test]
async fn a_reply_that_does_not_concern_a_call_of_theirs_changes_nothing() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let code = w.state().await.call.reference.to_string();
    for (label, who, text, says) in [
        ("no text preceded it", "ana", "1".to_owned(), "no open call"),
        ("not theirs", "olga", format!("1 {code}"), "There is no call"),
        ("no such reference", "sam", "1 9ZZ9".to_owned(), "There is no call"),
        ("not a word", "sam", "on my way in ten".to_owned(), "Reply 1"),
        ("a stranger", "+19495550199", format!("1 {code}"), ""),
        ("a stranger's bare word", "+19495550199", "1".to_owned(), ""),
    ] {
        let before = (w.status().await, w.attempts().await, w.wakes_at().await);
        let said = w.reply(who, &text).await;
        assert!(if says.is_empty() { said.is_empty() } else { said.contains(says) }, "{label}: {said:?}");
        assert_eq!((w.status().await, w.attempts().await, w.wakes_at().await), before, "{label}");
    }
    assert!(w.log_of(None).await.contains("unknown number"), "recorded all the same");
}

#[tokio::test]
async fn a_call_that_is_closed_or_taken_says_so() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.advance(secs(420)).await;
    let code = w.state().await.call.reference.to_string();
    w.reply("ana", "1").await;
    for text in ["1".to_owned(), format!("1 {code}"), format!("{code}-2 ack"), "2".to_owned(), "done".to_owned()] {
        let said = w.reply("sam", &text).await;
        assert!(said.contains("taken by Ana Reyes"), "{text}: {said}");
    }
    assert!(w.reply("ana", "mine").await.contains("already yours"));
    w.decide(Decision::Resolve).await;
    assert!(w.reply("ana", &format!("1 {code}")).await.contains("is closed"));
    assert!(w.reply("ana", "1").await.contains("no open call"));
    assert_eq!(w.status().await, CallStatus::Resolved);
}

#[tokio::test]
async fn a_repeated_text_is_answered_as_before_and_changes_nothing() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let sid = format!("SM{:032x}", 0xfeed);
    let first = w.reply_as(&sid, "sam", "1").await;
    w.reply("sam", "2").await;
    let (before, log) = (w.state().await, w.log_of(None).await);
    assert_eq!(w.reply_as(&sid, "sam", "1").await, first);
    assert_eq!((w.state().await, w.log_of(None).await), (before, log), "handed back: it is not taken again");
}

#[tokio::test]
async fn an_answer_is_heard_after_the_clock_was_set_back() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    w.clock.set_wall(w.now().minus(mins(60)));
    w.process.clocks.pass().await.expect("compared");
    assert!(w.reply("sam", "1").await.contains("is yours"), "the text preceded the answer, whatever the clock says");
}

/// A text that came in by way of the messaging service.
fn by_service(n: u32, who: &str, text: &str, replied: bool) -> Event {
    Event::Inbound(InboundText {
        listed: false,
        waited_since: None,
        sid: format!("SM{n:032x}").parse().expect("a SID"),
        from: fixtures::phone(who).to_owned(),
        to: format!("MG{}", "0".repeat(32)),
        body: text.to_owned(),
        provider_replied: replied,
        at: None,
        at_ours: None,
    })
}

#[tokio::test]
async fn start_lifts_the_block_of_a_number_that_is_in_a_messaging_service_and_the_other_way_round() {
    let mut w = World::new().await;
    w.sms.next(Reaction::refuse(400, 21610));
    w.dispatch("normal").await;
    assert!(w.has_alert("opted-out:sam").await);
    w.apply(by_service(1, "sam", "START", false), "twilio").await;
    assert_eq!(w.process.store.opt_outs().await.expect("read"), [], "the refusal named the number");
    w.apply(by_service(2, "sam", "STOP", false), "twilio").await;
    assert_eq!(w.process.store.opt_outs().await.expect("read").len(), 1);
    w.reply("sam", "START").await;
    assert_eq!(w.process.store.opt_outs().await.expect("read"), [], "the block named the service");
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn a_word_that_the_provider_answered_is_heard_all_the_same_and_answered_once() {
    let mut w = World::new().await;
    w.dispatch("normal").await;
    let said = w.apply(by_service(1, "sam", "YES", true), "twilio").await;
    assert!(matches!(said, Answer::Reply(ref text) if text.is_empty()), "{said:?}");
    assert_eq!(w.status().await, CallStatus::Acknowledged);
    let said = w.apply(by_service(2, "sam", "HELP", true), "twilio").await;
    assert!(matches!(said, Answer::Reply(ref text) if text.is_empty()), "{said:?}");
}
