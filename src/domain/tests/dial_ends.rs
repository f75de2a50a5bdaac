//! Ends of phone calls and the words before them: what each counts for, and what several refusals say together.

use super::dial_rules::{ladder, phone_sid, press, resolved, rings, rung, said, word};
use super::one_call::{OneCall, contact, open_breaker, raised};
use crate::domain::MessageStatus;
use crate::domain::alert::AlertKind;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::breaker::{VOICE_ACCOUNT, key_of};
use crate::domain::change::{BreakerChange, Change};
use crate::domain::dial::outcome;
use crate::domain::event::{Event, SendOutcome, Source};
use crate::domain::log::LogKind;
use crate::domain::phone_call::BlockedPhoneCall;
use crate::domain::types::{AttemptId, ErrorCode};
use crate::domain::voice::classes::{SipCode, class_of_code};
use crate::domain::voice::status::PhoneCallStatus;
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise<T> = fn(&mut T);

/// The provider blocks the number, or the account has no customer profile.
const BLOCKED: u32 = 21_216;
const ABROAD: &str = "+442079460101";

/// The breakers that a change opens.
fn opened(change: &Change) -> Vec<String> {
    let key = |b: &BreakerChange| if let BreakerChange::Open(b) = b { Some(b.sender.clone()) } else { None };
    change.breakers.iter().filter_map(key).collect()
}

/// An hour ago a phone call from our number to Ana was refused with this code.
fn refused_before(code: Option<u32>) -> BlockedPhoneCall {
    BlockedPhoneCall {
        attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(0xbeef)),
        to: fixtures::phone("ana").to_owned(),
        from: fixtures::VOICE_SENDER.to_owned(),
        sent_at: START.minus(mins(60)),
        code: code.map(ErrorCode),
    }
}

#[test]
fn a_second_north_american_number_that_the_provider_blocks_within_a_day_says_it_of_the_account() {
    type Otherwise = fn(&mut BlockedPhoneCall);
    let same: Otherwise = |_| {};
    let sam: Otherwise = |b| b.to = fixtures::phone("sam").to_owned();
    let abroad: Otherwise = |b| b.to = ABROAD.to_owned();
    let a_day_ago: Otherwise = |b| b.sent_at = START.minus(mins(24 * 60));
    let less: Otherwise = |b| b.sent_at = START.minus(mins(24 * 60)).plus(secs(1));
    let other_code: Otherwise = |b| b.code = Some(ErrorCode(13_225));
    let no_permission: Otherwise = |b| b.code = Some(ErrorCode(21_215));
    // The phone and the code now, what is otherwise of the one before, how many minutes ago its breaker was closed.
    for (label, phone, code, otherwise, closed, opens) in [
        ("an hour apart", fixtures::phone("sam"), BLOCKED, same, None, true),
        ("almost a day apart", fixtures::phone("sam"), BLOCKED, less, None, true),
        ("a day apart", fixtures::phone("sam"), BLOCKED, a_day_ago, None, false),
        ("the same number twice", fixtures::phone("sam"), BLOCKED, sam, None, false),
        ("for another reason", fixtures::phone("sam"), BLOCKED, other_code, None, false),
        ("twice for what is no block", fixtures::phone("sam"), 21_215, no_permission, None, false),
        ("the first abroad", fixtures::phone("sam"), BLOCKED, abroad, None, false),
        ("the second abroad", ABROAD, BLOCKED, same, None, false),
        ("a person closed it before", fixtures::phone("sam"), BLOCKED, same, Some(90), true),
        ("a person closed it at that moment", fixtures::phone("sam"), BLOCKED, same, Some(60), false),
        ("a person closed it between", fixtures::phone("sam"), BLOCKED, same, Some(30), false),
    ] {
        let mut one = rung(ladder(), AttemptState::Sending);
        one.state.attempts[0].recipient.phone = phone.parse().expect("a phone");
        let mut before = refused_before(Some(BLOCKED));
        otherwise(&mut before);
        one.loaded.blocked_phone_calls = vec![before];
        one.loaded.breakers.extend(closed.map(|ago| {
            let mut closed = open_breaker(VOICE_ACCOUNT, START.minus(mins(120)), START);
            closed.closed_at = Some(START.minus(mins(ago)));
            closed
        }));
        let (attempt, code) = (one.attempt(1).id, Some(ErrorCode(code)));
        let outcome = SendOutcome::Refused { code, error_class: class_of_code(code), why: "refused".into() };
        let change = one.apply(&Event::Sent { attempt, by: None, outcome });
        let want = if opens { vec![VOICE_ACCOUNT.to_owned()] } else { Vec::new() };
        assert_eq!((one.attempt(1).state, opened(&change)), (AttemptState::Failed, want), "{label}");
    }
}

#[test]
fn a_second_number_whose_carrier_refuses_ours_says_it_of_the_number_that_we_ring_from() {
    let own = key_of(Channel::Voice, fixtures::VOICE_SENDER);
    let cases: [(&str, Otherwise<BlockedPhoneCall>, bool); 4] = [
        ("another number", |_| {}, true),
        ("the same number", |b| b.to = fixtures::phone("sam").to_owned(), false),
        ("another, rung from another number of ours", |b| b.from = "+19495550120".to_owned(), false),
        ("another, refused by the provider", |b| b.code = Some(ErrorCode(BLOCKED)), false),
    ];
    for (label, otherwise, opens) in cases {
        let mut one = rung(ladder(), AttemptState::Submitted);
        let mut before = refused_before(None);
        otherwise(&mut before);
        one.loaded.blocked_phone_calls = vec![before];
        let change = word(&mut one, 1, "busy", Some(603));
        assert_eq!(opened(&change), if opens { vec![own.clone()] } else { Vec::new() }, "{label}");
    }
}

#[test]
fn a_phone_call_that_ends_ends_the_alarm_about_its_contact_unless_a_text_to_them_is_open() {
    let cases: [(&str, Otherwise<OneCall>, bool); 5] = [
        ("nothing else", |_| {}, true),
        ("a text to him is open", |o| _ = o.notice(1, "sam", AttemptState::Submitted), false),
        ("a text to him arrived", |o| _ = o.notice(1, "sam", AttemptState::Delivered), true),
        ("a text to another is open", |o| _ = o.notice(1, "ana", AttemptState::Submitted), true),
        ("his phone rings again", |o| rings(o.notice_by(Channel::Voice, 1, "sam", AttemptState::Submitted)), true),
    ];
    for (label, otherwise, is_over) in cases {
        let mut one = rung(ladder(), AttemptState::Submitted);
        otherwise(&mut one);
        let change = word(&mut one, 1, "no-answer", None);
        assert_eq!(resolved(&change).contains(&AlertKind::NoFinalStatus.about("sam")), is_over, "{label}");
    }
}

#[test]
fn what_is_kept_of_an_end_says_whether_the_phone_rang_where_its_last_word_does_not() {
    for (is_heard, end, sip, rang, is_said) in [
        (true, "busy", Some(486), true, true),
        (false, "busy", Some(486), false, false),
        (true, "failed", None, true, true),
        (true, "no-answer", None, true, false),
        (false, "no-answer", None, true, false),
        // Whoever rings a phone that is off hears no phone.
        (true, "failed", Some(480), false, false),
    ] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        if is_heard {
            word(&mut one, 1, "ringing", None);
        }
        word(&mut one, 1, end, sip);
        let a = one.attempt(1);
        let case = format!("{end} {sip:?}, heard ringing: {is_heard}: {}", a.result);
        assert_eq!((a.rang(), a.result.contains("it had rung")), (rang, is_said), "{case}");
        let kept = outcome::rang(PhoneCallStatus::from_word(end), sip.map(SipCode), &a.result);
        assert_eq!(kept, rang, "{case}: it can be read from what is kept");
    }
}

#[test]
fn after_the_second_vain_phone_call_the_next_contact_is_rung_and_a_carrier_that_failed_alarms() {
    for (end, alarms) in [("busy", false), ("no-answer", false), ("failed", true)] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        let first = word(&mut one, 1, end, None);
        assert!(raised(&first.alerts).is_empty(), "{end}: {:?}", first.alerts);
        assert_eq!(one.told_after(1), ["sam"], "{end}: the same phone again");
        one.now = one.attempt(2).not_before;
        let again = one.state.attempts.last_mut().expect("the second");
        (again.state, again.sent_at) = (AttemptState::Submitted, Some(again.not_before));
        rings(again);
        let second = word(&mut one, 2, end, None);
        let keys: Vec<_> = raised(&second.alerts).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys.contains(&AlertKind::Refused.about("c:sam")), alarms, "{end}: {keys:?}");
        assert_eq!(one.told_after(2), ["ana"], "{end}");
    }
}

#[test]
fn that_there_is_no_such_number_counts_late_too_unless_they_were_reached_since() {
    for (was_reached, is_out) in [(false, true), (true, false)] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        word(&mut one, 1, "failed", None);
        assert_eq!(one.told_after(1), ["sam"]);
        // Ana's step has come meanwhile.
        (one.state.call.next_step, one.state.call.wake_at) = (2, Some(START.plus(mins(15))));
        one.notice_by(Channel::Voice, 1, "ana", AttemptState::Scheduled);
        if was_reached {
            let again = &mut one.state.attempts[1];
            (again.state, again.finished_at) = (AttemptState::Delivered, Some(START));
        }
        word(&mut one, 1, "failed", Some(404));
        assert_eq!(one.state.call.is_out_by(&contact("sam"), Channel::Voice), is_out, "reached: {was_reached}");
        let again = if was_reached { AttemptState::Delivered } else { AttemptState::Skipped };
        let states = (one.attempt(2).state, one.attempt(3).state);
        assert_eq!(states, (again, AttemptState::Scheduled), "reached: {was_reached}");
    }
}

#[test]
fn of_two_last_words_the_one_that_was_asked_for_stands_and_a_key_stands_above_both() {
    for (is_pressed, fetched, state, reason, sip) in [
        (false, "busy", AttemptState::Failed, "busy", Some(SipCode(486))),
        (false, "no-answer", AttemptState::Failed, "no-answer", None),
        (true, "busy", AttemptState::Delivered, "key 2", Some(SipCode(486))),
        (true, "no-answer", AttemptState::Delivered, "key 2", Some(SipCode(486))),
    ] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        if is_pressed {
            press(&mut one, "2");
        }
        word(&mut one, 1, "busy", Some(486));
        word(&mut one, 1, "no-answer", None);
        assert!(one.attempt(1).conflict, "{fetched}, pressed: {is_pressed}");
        let update = said(&one, 1, fetched, None, Source::Fetch);
        one.apply(&Event::StatusUpdate(update));
        let a = one.attempt(1);
        let case = format!("{fetched}, pressed: {is_pressed}: {}", a.result);
        assert_eq!((a.state, a.conflict, a.trace.sip), (state, false, sip), "{case}");
        assert!(a.result.starts_with(reason), "{case}");
        assert_eq!(a.message_status, Some(MessageStatus::from_word(fetched)), "{case}");
    }
}

#[test]
fn a_word_moves_a_phone_call_on_once_and_never_back() {
    let mut one = rung(ladder(), AttemptState::Submitted);
    for (said, effect, now) in [
        ("initiated", "moved", "initiated"),
        ("ringing", "moved", "ringing"),
        ("ringing", "stale", "ringing"),
        ("in-progress", "moved", "in-progress"),
        ("ringing", "stale", "in-progress"),
    ] {
        let change = word(&mut one, 1, said, None);
        let effects: Vec<_> = change.receipts.iter().map(|r| r.effect).collect();
        assert_eq!(effects, [effect], "{said}, then {now}");
        assert_eq!(one.attempt(1).message_status, Some(MessageStatus::from_word(now)), "{said}");
        let story = change.log.iter().filter(|e| e.kind == LogKind::MessageStatus).count();
        assert_eq!(story, usize::from(effect == "moved"), "{said}: it stands in the story once");
    }
}

#[test]
fn the_first_word_of_a_phone_call_that_was_given_up_links_it_and_moves_nothing() {
    let mut one = rung(ladder(), AttemptState::Failed);
    let change = word(&mut one, 1, "ringing", None);
    let effects: Vec<_> = change.receipts.iter().map(|r| r.effect).collect();
    assert_eq!(effects, ["moved"], "its phone call is known from here on");
    let a = one.attempt(1);
    assert_eq!((a.state, &a.sid), (AttemptState::Failed, &Some(phone_sid(1))));
    assert!(change.log.iter().all(|e| e.kind != LogKind::MessageStatus), "{:?}", change.log);
}

#[test]
fn a_phone_call_of_which_nobody_knew_alarms_no_more_once_it_is_found() {
    for (state, is_found) in [(AttemptState::Unknown, true), (AttemptState::Sending, false)] {
        let mut one = rung(ladder(), state);
        let unknown = AlertKind::UnknownOutcome.about(one.attempt(1).id);
        let change = word(&mut one, 1, "ringing", None);
        assert_eq!(one.attempt(1).state, AttemptState::Submitted, "{state}");
        assert_eq!(resolved(&change).contains(&unknown), is_found, "{state}");
        let says_so = change.log.iter().any(|e| e.message.contains("outcome found out"));
        assert_eq!(says_so, is_found, "{state}");
    }
}

#[test]
fn that_a_phone_rang_is_news_of_the_call_only_where_no_text_tells_of_it() {
    for (has_texts, said, is_over) in
        [(false, "ringing", true), (false, "initiated", false), (true, "ringing", false), (true, "initiated", false)]
    {
        let mut policy = ladder();
        if has_texts {
            policy.steps[1].channel = Channel::Sms;
        }
        let mut one = rung(policy, AttemptState::Submitted);
        let change = word(&mut one, 1, said, None);
        let over = resolved(&change).contains(&AlertKind::Unnotified.about("c"));
        assert_eq!(over, is_over, "{said}, texts: {has_texts}");
    }
}
