//! Texts that belong to no call: while they are open, what the provider says of one, and how long it is asked.

use std::time::Duration;

use uuid::Uuid;

use super::one_call::OneCall;
use crate::domain::MessageStatus;
use crate::domain::attempt::AttemptState;
use crate::domain::event::Source;
use crate::domain::standalone_send::{Consequence, LOOKED_FOR, reported};
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::types::{Actor, AttemptId, Sender, Timestamp};
use crate::domain::work::Ctx;
use crate::testing::harness::{sid, update};
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

fn id(n: u32) -> AttemptId {
    AttemptId::from_uuid(Uuid::from_u128(u128::from(n)))
}

/// A text to Olga with that number, in that state, as it was sent at the beginning.
fn text(number: u32, state: AttemptState) -> StandaloneText {
    let directory = fixtures::directory();
    let olga = directory.contact(&"olga".parse().expect("an id")).expect("the owner");
    let mut text = StandaloneText::new(id(number), number, StandaloneKind::Alert, Reader::of(olga), START);
    (text.state, text.sent_at) = (state, Some(START));
    text
}

/// Decides by the default bounds at this moment: the provider is asked after thirty seconds.
fn at<T>(now: Timestamp, decide: impl FnOnce(&Ctx<'_>) -> T) -> T {
    let (directory, rules) = (fixtures::directory(), fixtures::rules());
    let new_id = || id(99);
    decide(&Ctx { now, directory: &directory, rules: &rules, new_id: &new_id, link: &|_| None, actor: Actor::engine() })
}

#[test]
fn a_text_is_open_while_it_waits_is_sent_or_is_still_asked_about() {
    use AttemptState as S;
    for (state, is_asked_about, want) in [
        (S::Scheduled, false, true),
        (S::Retrying, false, true),
        (S::Sending, false, true),
        (S::Unknown, true, true),
        (S::Submitted, true, true),
        (S::Unknown, false, false),
        (S::Submitted, false, false),
        (S::Delivered, false, false),
        (S::Failed, false, false),
        (S::Skipped, false, false),
    ] {
        let mut text = text(1, state);
        text.poll_at = is_asked_about.then_some(START);
        assert_eq!(text.is_open(), want, "{state} {is_asked_about}");
    }
}

#[test]
fn after_each_vain_question_the_pause_doubles_up_to_an_hour_until_a_day_has_passed_since_it_was_sent() {
    use AttemptState as S;
    let moment = Duration::from_millis(1);
    // Its state, how often it was asked before, when it is asked → the pause until it is asked again.
    for (state, polls, asked_after, want) in [
        (S::Unknown, 0, secs(2), Some(secs(4))),
        (S::Unknown, 1, secs(6), Some(secs(8))),
        (S::Unknown, 9, mins(40), Some(secs(2_048))),
        (S::Unknown, 10, mins(90), Some(secs(3_600))),
        (S::Unknown, 30, mins(90), Some(secs(3_600))),
        (S::Submitted, 0, secs(30), Some(secs(60))),
        (S::Submitted, 1, secs(90), Some(secs(120))),
        (S::Submitted, 30, mins(90), Some(secs(3_600))),
        (S::Unknown, 30, LOOKED_FOR, Some(secs(3_600))),
        (S::Unknown, 30, LOOKED_FOR.saturating_add(moment), None),
        (S::Submitted, 30, LOOKED_FOR.saturating_add(moment), None),
        (S::Delivered, 0, secs(30), None),
        (S::Failed, 0, secs(30), None),
    ] {
        let now = START.plus(asked_after);
        let mut text = text(1, state);
        (text.poll_at, text.polls) = (Some(now), polls);
        assert!(at(now, |ctx| text.asked_in_vain(ctx)), "{state} {polls}");
        assert_eq!(text.poll_at, want.map(|pause| now.plus(pause)), "{state} {polls} {asked_after:?}");
        assert_eq!(text.polls, polls + 1, "{state} {polls}");
    }
    let mut unasked = text(1, S::Submitted);
    let before = unasked.clone();
    assert!(!at(START, |ctx| unasked.asked_in_vain(ctx)), "nobody waits for an answer");
    assert_eq!(unasked, before);
    let mut unsent = StandaloneText { sent_at: None, poll_at: Some(START), ..before };
    assert!(at(START, |ctx| unsent.asked_in_vain(ctx)));
    assert_eq!(unsent.poll_at, None, "what was never sent is not looked for");
}

#[test]
fn a_status_of_a_message_moves_on_and_never_back_or_aside() {
    // Where the message was, what is said of it now → where it is.
    for (was, said, is) in [
        ("queued", "sent", "sent"),
        ("sent", "queued", "sent"),
        ("sending", "sending", "sending"),
        ("sent", "delivered", "delivered"),
        ("delivered", "sent", "delivered"),
        ("delivered", "undelivered", "delivered"),
        ("delivered", "read", "read"),
        ("sent", "teleported", "sent"),
    ] {
        let mut text = text(1, AttemptState::Submitted);
        for word in [was, said] {
            at(START, |ctx| text.updated(&update(None, 1, word, None, Source::Receipt), ctx)).expect("it may be said");
        }
        assert_eq!(text.message_status.as_ref().map(MessageStatus::as_str), Some(is), "{was} then {said}");
    }
}

#[test]
fn that_a_text_is_with_the_provider_is_news_once_and_never_of_one_that_failed() {
    use AttemptState as S;
    // Its state, the message that is known to be its, what is said of message 1 → what is news.
    for (state, message, word, want) in [
        (S::Unknown, None, "queued", Consequence::Accepted),
        (S::Sending, None, "delivered", Consequence::Accepted),
        (S::Submitted, Some(1), "sent", Consequence::Nothing),
        (S::Submitted, Some(1), "delivered", Consequence::Nothing),
        (S::Unknown, Some(2), "sent", Consequence::Nothing),
        (S::Failed, None, "sent", Consequence::Nothing),
    ] {
        let mut text = text(1, state);
        text.sid = message.map(sid);
        let news = at(START, |ctx| text.updated(&update(None, 1, word, None, Source::Receipt), ctx));
        assert_eq!(news, Ok(want), "{state} {message:?} {word}");
    }
}

#[test]
fn an_opt_out_is_of_one_phone_and_of_one_sender_or_of_all() {
    let text = text(1, AttemptState::Scheduled);
    let ours: Sender = fixtures::SENDER.parse().expect("a sender");
    let (olga, sam) = (fixtures::phone("olga"), fixtures::phone("sam"));
    for (phone, from, sender, want) in [
        (olga, fixtures::SENDER, Some(&ours), true),
        (olga, "", Some(&ours), true),
        (olga, "", None, true),
        (olga, "+19495550120", Some(&ours), false),
        (olga, fixtures::SENDER, None, false),
        (sam, fixtures::SENDER, Some(&ours), false),
        (sam, "", Some(&ours), false),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
        one.loaded.opted_out.insert((phone.to_owned(), from.to_owned()));
        assert_eq!(text.is_opted_out(&one.loaded, sender), want, "{phone} {from} {sender:?}");
    }
}

#[test]
fn a_report_is_of_the_text_that_it_names_else_of_the_one_whose_message_it_is_of() {
    let mut texts = [text(1, AttemptState::Submitted), text(2, AttemptState::Submitted)];
    for (text, message) in texts.iter_mut().zip([11, 12]) {
        text.sid = Some(sid(message));
    }
    for (named, message, want) in [
        (Some(2), 11, Some(2)),
        (None, 11, Some(1)),
        (None, 12, Some(2)),
        (Some(9), 12, Some(2)),
        (None, 13, None),
        (Some(9), 13, None),
    ] {
        let update = update(named.map(id), message, "delivered", None, Source::Receipt);
        assert_eq!(reported(texts.iter(), &update), want.map(id), "{named:?} {message}");
    }
}
