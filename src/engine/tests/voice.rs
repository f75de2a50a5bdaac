//! Phone calls: only a key is an answer, one number rings another once at a time, and a phone that rings for nothing is ended.

use super::mail::ladder;
use crate::domain::MessageStatus;
use crate::domain::attempt::{Attempt, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::change::Speech;
use crate::domain::event::{Decision, Event};
use crate::gateways::{CallScript, Callback, EndCall};
use crate::testing::world::Setup;
use crate::testing::{Reaction, World, fixtures, mins, secs};

/// Steps by (wait in minutes, role, channel), with a number that phone calls come from.
pub(super) fn calls(steps: &[(u64, &str, Channel)]) -> Setup {
    let mut setup = ladder(steps);
    setup.directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
    setup
}

/// Sam by text, by phone after a minute; Ana by text and by phone after two.
pub(super) fn mixed() -> Setup {
    use Channel::{Sms, Voice};
    calls(&[(0, "primary", Sms), (1, "primary", Voice), (1, "backup", Sms), (1, "backup", Voice)])
}

fn voice_alone() -> Setup {
    calls(&[(0, "primary", Channel::Voice), (2, "backup", Channel::Voice)])
}

fn is_job(speech: &Speech, turn: u32) -> bool {
    matches!(speech, Speech::Job { turn: t, .. } if *t == turn)
}

#[tokio::test]
async fn a_phone_rings_after_the_text_and_key_1_takes_the_call() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    let placed = w.voice.ledger().remove(0);
    assert_eq!((placed.to.as_str(), placed.from.as_str()), (fixtures::phone("sam"), fixtures::VOICE_SENDER));
    let a = w.attempt(2).await;
    assert_eq!((a.channel, a.state, a.sid.as_ref()), (Channel::Voice, AttemptState::Submitted, Some(&placed.sid)));
    assert_eq!(a.sender.as_ref().map(|s| s.as_str()), Some(fixtures::VOICE_SENDER));
    for word in ["initiated", "ringing"] {
        w.phone(2, word, None).await;
    }
    assert!(is_job(&w.asks(2, 1).await, 1));
    assert_eq!(w.status().await, CallStatus::Dispatching, "picked up is not taken");
    assert_eq!(w.presses(2, 1, "1").await, Speech::Yours(None));
    let call = w.state().await.call;
    assert_eq!((call.status, call.holder.as_ref().map(|h| h.as_str())), (CallStatus::Acknowledged, Some("sam")));
    let a = w.attempt(2).await;
    assert_eq!((a.state, a.replied.as_str()), (AttemptState::Delivered, "1"));
    assert!(w.log_text().await.contains("key 1"), "{}", w.log_text().await);
    w.phone(2, "completed", Some(200)).await;
    let a = w.attempt(2).await;
    assert_eq!((a.state, a.message_status.map(|s| s.to_string())), (AttemptState::Delivered, Some("completed".into())));
    assert_eq!(w.presses(2, 1, "1").await, Speech::Yours(None), "the same request again is answered the same");
    w.advance(mins(30)).await;
    assert_eq!(w.voice.posts(), 1);
}

#[tokio::test]
async fn a_voicemail_is_not_told_rings_once_more_and_the_ladder_goes_on() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    assert!(is_job(&w.asks(2, 1).await, 1));
    assert!(is_job(&w.asks(2, 2).await, 2));
    assert!(is_job(&w.asks(2, 3).await, 3));
    assert_eq!(w.asks(2, 4).await, Speech::NoKey { has_texts: true });
    w.phone(2, "completed", Some(200)).await;
    let a = w.attempt(2).await;
    assert_eq!((a.state, a.result.split(':').next()), (AttemptState::Failed, Some("answered_no_key")));
    w.advance(secs(29)).await;
    assert_eq!(w.voice.posts(), 1, "not at once: somebody may be reading the text");
    w.advance(secs(29)).await;
    assert_eq!(w.voice.posts(), 2, "a quiet phone lets the second phone call of one number through");
    let again = w.attempt(3).await;
    assert_eq!((again.repeats, again.recipient.contact.as_str()), (Some(a.id), "sam"));
    w.tech("ana").expect_nothing();
    w.phone(3, "completed", Some(200)).await;
    w.tech("ana").expect_nothing();
    w.advance(secs(2)).await;
    w.tech("ana").expect_sms("Burst pipe");
    w.advance(mins(3)).await;
    let state = w.state().await;
    let rung = |a: &&Attempt| a.channel == Channel::Voice && a.recipient.contact.as_str() == "sam";
    assert_eq!(state.attempts.iter().filter(rung).count(), 2, "once more is enough");
    assert_eq!(state.call.status, CallStatus::Dispatching);
}

#[tokio::test]
async fn a_phone_that_is_busy_or_not_answered_rings_once_more_within_three_minutes() {
    for (word, sip, says) in [
        ("busy", Some(486), "busy"),
        ("no-answer", Some(487), "no-answer"),
        ("no-answer", Some(480), "unreachable"),
        ("failed", Some(480), "unreachable"),
    ] {
        let mut w = World::with(voice_alone()).await;
        w.dispatch("mixed").await;
        w.phone(1, word, sip).await;
        let a = w.attempt(1).await;
        assert!(a.result.starts_with(says), "{word}: {}", a.result);
        w.advance(secs(29)).await;
        assert_eq!(w.voice.posts(), 1, "{word}");
        w.advance(secs(61)).await;
        assert_eq!(w.voice.posts(), 2, "{word}");
        let again = w.attempt(2).await;
        assert_eq!((again.repeats, again.recipient.contact.as_str()), (Some(a.id), "sam"), "{word}");
        w.phone(2, word, sip).await;
        assert_eq!(w.voice.posts(), 3, "{word}: then the next contact, at once");
        assert_eq!(w.attempt(3).await.recipient.contact.as_str(), "ana", "{word}");
    }
}

#[tokio::test]
async fn a_number_that_does_not_exist_and_a_refusal_move_the_ladder_and_leave_the_texts_alone() {
    use Channel::{Sms, Voice};
    let setup = || calls(&[(0, "primary", Voice), (5, "primary", Sms), (5, "backup", Voice)]);
    let mut w = World::with(setup()).await;
    w.dispatch("mixed").await;
    w.phone(1, "failed", Some(404)).await;
    w.tech("sam").expect_sms("Burst pipe");
    let call = w.state().await.call;
    let sam = "sam".parse().expect("an id");
    assert!(call.is_out_by(&sam, Voice) && !call.is_out_by(&sam, Sms));

    let mut w = World::with(setup()).await;
    w.voice.next(Reaction::refuse(400, 21211));
    w.dispatch("mixed").await;
    w.tech("sam").expect_sms("Burst pipe");

    let mut w = World::with(setup()).await;
    w.sms.otherwise(Reaction::refuse(401, 20003));
    w.voice.next(Reaction::refuse(401, 20003));
    w.dispatch("mixed").await;
    assert!(w.has_alert("breaker:voice").await, "{:?}", w.alerts().await);
    assert!(!w.has_alert("breaker:account").await, "texts have their own");
}

#[tokio::test]
async fn one_number_rings_another_once_at_a_time_whatever_the_call() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.dispatch("mixed").await;
    assert_eq!(w.voice.posts(), 1);
    w.advance(secs(20)).await;
    assert_eq!(w.voice.posts(), 1, "the first still rings");
    let first = w.voice.ledger().remove(0);
    w.voice.set_status(first.attempt, "completed");
    w.advance(secs(15)).await;
    assert_eq!(w.voice.posts(), 2, "it was asked about, is over, and the next one goes");
}

#[tokio::test]
async fn a_lost_answer_is_found_by_any_request_on_its_own_path_or_in_the_list() {
    let mut w = World::with(voice_alone()).await;
    w.voice.next(Reaction::UnknownButAccepted);
    w.voice.on_list(Reaction::away());
    w.dispatch("mixed").await;
    assert_eq!(w.attempt(1).await.state, AttemptState::Unknown);
    assert!(is_job(&w.asks(1, 1).await, 1));
    let a = w.attempt(1).await;
    assert_eq!((a.state, a.sid), (AttemptState::Submitted, Some(w.voice.ledger()[0].sid.clone())));

    let mut w = World::with(voice_alone()).await;
    w.voice.next(Reaction::UnknownButAccepted);
    w.voice.list_lags(secs(20));
    w.dispatch("mixed").await;
    w.advance(secs(19)).await;
    assert_eq!(w.attempt(1).await.state, AttemptState::Unknown);
    w.advance(secs(30)).await;
    assert_eq!((w.attempt(1).await.state, w.voice.posts()), (AttemptState::Submitted, 1), "found in the list");

    let mut w = World::with(voice_alone()).await;
    w.voice.next(Reaction::UnknownNotAccepted);
    w.dispatch("mixed").await;
    w.advance(secs(59)).await;
    assert_eq!(w.voice.posts(), 1, "absence is no proof yet");
    w.advance(secs(20)).await;
    assert_eq!((w.voice.posts(), w.voice.ledger().len()), (2, 1), "{}", w.log_text().await);
}

#[tokio::test]
async fn a_restart_between_the_intent_and_the_answer_rings_nobody_twice() {
    let mut w = World::with(voice_alone()).await;
    w.begin("mixed").await;
    let attempt = w.attempt(1).await.id;
    let engine = w.process.engine.id.clone();
    w.apply(Event::Claim { attempt, engine, provider_after: None }, "engine").await;
    w.restart().await;
    w.settle().await;
    assert_eq!((w.attempt(1).await.state, w.voice.posts()), (AttemptState::Unknown, 0));
    w.advance(secs(80)).await;
    assert_eq!(w.voice.posts(), 1);
}

#[tokio::test]
async fn whoever_takes_it_stops_the_other_phones() {
    use Channel::{Sms, Voice};
    let setup = || calls(&[(0, "primary", Sms), (0, "backup", Voice), (0, "owner", Voice)]);
    let mut w = World::with(setup()).await;
    w.dispatch("mixed").await;
    w.phone(2, "ringing", None).await;
    w.asks(3, 1).await;
    w.reply("sam", "1").await;
    let told: Vec<_> = w.voice.ledger().into_iter().map(|c| c.told_to_end).collect();
    assert_eq!(told[0], [EndCall::Cancel], "Ana's rings");
    assert!(matches!(told[1].as_slice(), [EndCall::Redirect(say)] if say.contains("Sam Ortiz")), "{:?}", told[1]);
    w.advance(secs(10)).await;
    for number in [2, 3] {
        let a = w.attempt(number).await;
        assert!(a.state == AttemptState::Failed && a.result.starts_with("ended"), "{}: {}", a.number, a.result);
    }
    assert!(!w.has_alert("failed:").await, "{:?}", w.alerts().await);
    w.tech("ana").expect_sms("Sam Ortiz has taken this call");
    assert_eq!(w.asks(2, 1).await, Speech::Taken(Some("Sam Ortiz".into())));
    assert_eq!(w.presses(2, 1, "1").await, Speech::Taken(Some("Sam Ortiz".into())));
    assert_eq!(w.state().await.call.holder.map(|h| h.as_str().to_owned()), Some("sam".into()));
}

#[tokio::test]
async fn ending_is_repeated_after_a_lost_answer_and_after_a_restart() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.phone(1, "ringing", None).await;
    w.voice.on_end(Reaction::UnknownNotAccepted);
    w.decide(Decision::Cancel).await;
    w.advance(secs(5)).await;
    let told = w.voice.ledger()[0].told_to_end.len();
    assert!(told >= 2, "told {told} times");
    w.restart().await;
    w.voice.on_end(Reaction::Accept);
    w.settle().await;
    assert_eq!(w.attempt(1).await.state, AttemptState::Failed);
    let told = w.voice.ledger()[0].told_to_end.len();
    w.advance(mins(5)).await;
    assert_eq!(w.voice.ledger()[0].told_to_end.len(), told, "it is over");
}

#[tokio::test]
async fn a_phone_call_that_was_never_dialled_is_ended_when_it_is_stale() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.advance(mins(11)).await;
    assert_eq!(w.voice.ledger()[0].told_to_end, [EndCall::Cancel]);
    assert_eq!(w.attempt(1).await.state, AttemptState::Failed);
}

#[tokio::test]
async fn keys_2_3_9_and_others_do_what_they_say() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    for (turn, digits) in [(1, "9"), (2, "*"), (3, "7"), (4, ""), (5, "12")] {
        assert!(is_job(&w.presses(1, turn, digits).await, turn + 1), "{digits:?}");
    }
    assert_eq!(w.presses(1, 1, "2").await, Speech::Passed);
    assert_eq!(w.attempt(2).await.recipient.contact.as_str(), "ana", "a pass escalates now");
    assert_eq!(w.presses(1, 1, "2").await, Speech::Passed, "again");
    assert_eq!(w.voice.posts(), 2);
    w.asks(2, 1).await;
    assert_eq!(w.presses(2, 1, "3").await, Speech::CanWait);
    assert_eq!(w.status().await, CallStatus::Deferred);

    let mut setup = voice_alone();
    let policy = setup.directory.default_line.policies.get_mut("mixed").expect("the policy");
    policy.defer_by_reply = Some(false);
    let mut w = World::with(setup).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    assert!(matches!(w.presses(1, 1, "3").await, Speech::MayNotWait { turn: 2, .. }));
    assert!(matches!(w.presses(1, 2, "1").await, Speech::Yours(Some(_))), "without texts the job is spoken whole");
}

#[tokio::test]
async fn a_machine_that_presses_1_is_asked_for_it_again() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    let mut at = w.turn(1, 1).await;
    at.by_machine = true;
    assert_eq!(w.key(at.clone(), "1").await, Speech::Confirm { turn: 101 });
    assert_eq!(w.status().await, CallStatus::Dispatching);
    at.turn = 101;
    assert!(matches!(w.key(at, "1").await, Speech::Yours(_)));
    assert_eq!(w.status().await, CallStatus::Acknowledged);
}

#[tokio::test]
async fn a_key_counts_in_the_phone_call_of_its_own_attempt_alone() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    let mut at = w.turn(1, 1).await;
    at.sid = format!("CA{:032x}", 77).parse().expect("a SID");
    w.asks(1, 1).await;
    assert_eq!(w.key(at.clone(), "1").await, Speech::NotKnown, "another phone call");
    let sms = World::with(calls(&[(0, "primary", Channel::Sms), (9, "primary", Channel::Voice)])).await;
    let mut sms = sms;
    sms.dispatch("mixed").await;
    at.attempt = sms.attempt(1).await.id;
    assert_eq!(sms.key(at, "1").await, Speech::NotKnown, "the attempt of a text");
    assert_eq!((w.status().await, sms.status().await), (CallStatus::Dispatching, CallStatus::Dispatching));
}

#[tokio::test]
async fn a_key_that_was_overtaken_by_the_end_of_its_phone_call_counts() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    w.phone(1, "completed", Some(200)).await;
    assert_eq!(w.attempt(1).await.state, AttemptState::Failed);
    assert!(matches!(w.presses(1, 1, "1").await, Speech::Yours(_)));
    assert_eq!((w.attempt(1).await.state, w.status().await), (AttemptState::Delivered, CallStatus::Acknowledged));
}

#[tokio::test]
async fn a_status_never_moves_back_and_two_ends_are_settled_by_one_question() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    w.phone(1, "ringing", None).await;
    let status = |s: Option<MessageStatus>| s.map(|s| s.to_string());
    assert_eq!(status(w.attempt(1).await.message_status).as_deref(), Some("in-progress"));
    w.phone(1, "no-answer", Some(487)).await;
    w.phone(1, "completed", Some(200)).await;
    let a = w.attempt(1).await;
    assert_eq!(
        (a.state, a.conflict, status(a.message_status).as_deref()),
        (AttemptState::Failed, false, Some("completed"))
    );
}

#[tokio::test]
async fn whoever_listens_is_not_texted_meanwhile_and_a_first_text_never_waits() {
    use Channel::{Sms, Voice};
    let mut w = World::with(calls(&[(0, "primary", Sms), (1, "primary", Voice), (1, "primary", Sms)])).await;
    w.dispatch("mixed").await;
    w.tech("sam").expect_sms("Burst pipe");
    w.advance(mins(1)).await;
    w.asks(2, 1).await;
    w.advance(mins(1)).await;
    w.tech("sam").expect_nothing();
    w.phone(2, "completed", Some(200)).await;
    w.advance(secs(3)).await;
    w.tech("sam").expect_sms("Burst pipe");

    let mut w = World::with(calls(&[(0, "primary", Voice), (1, "primary", Sms)])).await;
    w.dispatch("mixed").await;
    w.asks(1, 1).await;
    w.advance(mins(1)).await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn where_phones_alone_tell_a_ring_is_asked_for_at_a_minute_and_an_answer_at_five() {
    let mut w = World::with(voice_alone()).await;
    w.voice.otherwise(Reaction::away());
    w.dispatch("mixed").await;
    w.advance(secs(62)).await;
    w.watch().await;
    assert!(w.has_alert("untold:").await, "no phone rang");

    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.phone(1, "ringing", None).await;
    w.advance(secs(62)).await;
    w.watch().await;
    assert!(!w.has_alert("untold:").await, "a phone rang");
    assert_eq!(w.state().await.call.notified_at, None, "tried is not told");
    w.advance(mins(5)).await;
    w.watch().await;
    assert!(w.has_alert("unanswered:").await);
    let answer = w.reply("sam", "1").await;
    assert!(answer.contains("yours"), "whoever was tried may answer in any way: {answer}");
    assert!(!w.has_alert("unanswered:").await);
}

#[tokio::test]
async fn phone_calls_keep_the_accounts_rate_and_first_notices_go_first() {
    let mut setup =
        calls(&[(0, "primary", Channel::Voice), (0, "backup", Channel::Voice), (0, "owner", Channel::Voice)]);
    setup.calls_per_second = 1.0;
    let mut w = World::with(setup).await;
    w.dispatch("mixed").await;
    assert_eq!(w.voice.posts(), 1);
    w.advance(secs(1)).await;
    assert_eq!(w.voice.posts(), 2);
    w.advance(secs(1)).await;
    assert_eq!(w.voice.posts(), 3);
}

#[tokio::test]
async fn a_refused_callback_address_is_left_out_once_and_alarmed() {
    let mut w = World::with(voice_alone()).await;
    w.voice.next(Reaction::refuse(400, 21609));
    w.dispatch("mixed").await;
    assert_eq!((w.voice.posts(), w.voice.ledger()[0].callback), (2, Callback::Without));
    assert!(w.has_alert("callback-url").await);
}

#[tokio::test]
async fn without_an_address_of_ours_the_words_go_with_the_request() {
    let mut w = World::with(voice_alone()).await;
    w.voice.next(Reaction::refuse(400, 21205));
    w.dispatch("mixed").await;
    let placed = w.voice.ledger().remove(0);
    assert!(
        matches!(&placed.script, CallScript::Spoken(said) if said.contains("ring the office") && said.contains("Burst pipe")),
        "{:?}",
        placed.script
    );
    assert!(w.has_alert("callback-url").await);
    assert_eq!((w.attempts().await, w.voice.posts()), (vec!["1 sam submitted".to_owned()], 2));
}

#[tokio::test]
async fn an_end_that_nobody_tells_is_asked_for_and_a_key_stands_whatever_is_answered() {
    let mut w = World::with(voice_alone()).await;
    w.dispatch("mixed").await;
    w.voice.on_fetch(Reaction::away());
    w.asks(1, 1).await;
    w.presses(1, 1, "1").await;
    w.advance(secs(40)).await;
    w.voice.on_fetch(Reaction::Accept);
    let id = w.attempt(1).await.id;
    w.voice.set_status(id, "completed");
    w.advance(mins(3)).await;
    let a = w.attempt(1).await;
    assert_eq!(
        (a.state, a.message_status.map(|s| s.to_string()), a.poll_at),
        (AttemptState::Delivered, Some("completed".into()), None)
    );
}

#[tokio::test]
async fn whoever_picked_up_and_heard_nothing_is_rung_by_a_person() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    for word in ["initiated", "ringing", "in-progress"] {
        w.phone(2, word, None).await;
    }
    w.phone(2, "completed", Some(200)).await;
    let a = w.attempt(2).await;
    assert!(a.state == AttemptState::Failed && a.result.starts_with("nothing_said"), "{}", a.result);
    let call = w.state().await.call.id;
    assert!(w.has_alert(&format!("nothing-said:{call}")).await, "{:?}", w.alerts().await);
}

#[tokio::test]
async fn a_phone_that_rang_before_its_call_was_cancelled_is_still_one_that_rang() {
    let mut w = World::with(mixed()).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    for word in ["initiated", "ringing"] {
        w.phone(2, word, None).await;
    }
    assert!(w.attempt(2).await.rang());
    w.phone(2, "canceled", None).await;
    let a = w.attempt(2).await;
    assert!(a.rang() && a.state == AttemptState::Failed, "{}", a.result);
}

#[tokio::test]
async fn a_reminder_waits_for_no_end_of_a_phone_call_that_nobody_tells() {
    use Channel::{Sms, Voice};
    let mut w = World::with(calls(&[(0, "primary", Sms), (1, "primary", Voice), (1, "primary", Sms)])).await;
    w.dispatch("mixed").await;
    w.advance(mins(1)).await;
    assert!(is_job(&w.asks(2, 1).await, 1));
    w.advance(secs(61)).await;
    assert_eq!(w.attempt(3).await.state, AttemptState::Scheduled, "its reader is on the phone");
    w.advance(mins(3)).await;
    assert_ne!(w.attempt(3).await.state, AttemptState::Scheduled, "no phone call of ours is that long");
}
