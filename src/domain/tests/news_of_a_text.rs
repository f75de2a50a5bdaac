//! What the last look before a POST decides, and what the answer to it and every later word of the provider change.

use super::one_call::{OneCall, contact, ladder_by, open_breaker, raised};
use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::{ExclusionReason, Out};
use crate::domain::change::Change;
use crate::domain::codes::{ErrorClass, classify};
use crate::domain::dial::job;
use crate::domain::event::{Event, SendOutcome, Source, StatusUpdate};
use crate::domain::log::{LogKind, TWIN};
use crate::domain::types::{ErrorCode, MessageSid, Sender, Timestamp};
use crate::domain::voice::script;
use crate::domain::{AlertKind, Class, MessageStatus, Special};
use crate::testing::harness::{sid, update};
use crate::testing::{fixtures, secs};

/// The provider's phone call.
const PHONE_CALL: &str = "CA00000000000000000000000000000001";

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// Sam is named at once, Ana after ten minutes, which is to come.
fn first_step_fired() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now.plus(secs(600))));
    one
}

fn gets_role(one: &mut OneCall, who: &str, name: &str) {
    let known = one.directory.contacts.iter_mut().find(|c| c.id.as_str() == who);
    known.expect("a contact").role = name.parse().ok();
}

fn claim(one: &mut OneCall, number: u32) -> AttemptState {
    let attempt = one.attempt(number).id;
    one.apply(&Event::Claim { attempt, engine: "e".into(), provider_after: None });
    one.attempt(number).state
}

/// The answer to the POST of the first attempt: its message, or its phone call, is queued for so many seconds.
fn accepted(one: &mut OneCall, queued: u64, provider_at: Option<Timestamp>) -> Change {
    let (attempt, channel) = (one.attempt(1).id, one.attempt(1).channel);
    let of_a_phone_call: MessageSid = PHONE_CALL.parse().expect("a SID");
    let outcome = SendOutcome::Accepted {
        sid: if channel == Channel::Voice { of_a_phone_call } else { sid(1) },
        status: MessageStatus::from_word("queued"),
        code: None,
        error_class: classify(None),
        provider_at,
        queued_for: secs(queued),
    };
    one.apply(&Event::Sent { attempt, by: None, outcome })
}

/// A receipt for the attempt with this number; so is its message's.
fn says(one: &mut OneCall, number: u32, word: &str, code: Option<u32>) -> Change {
    let attempt = Some(one.attempt(number).id);
    one.apply(&Event::StatusUpdate(update(attempt, number, word, code, Source::Receipt)))
}

fn refused(one: &mut OneCall, code: Option<u32>, error_class: ErrorClass) -> Change {
    let attempt = one.attempt(1).id;
    let outcome = SendOutcome::Refused { code: code.map(ErrorCode), error_class, why: "it was refused".into() };
    one.apply(&Event::Sent { attempt, by: None, outcome })
}

fn resolved(change: &Change) -> Vec<AlertKey> {
    let key = |a: &AlertChange| if let AlertChange::Resolve { key } = a { Some(key.clone()) } else { None };
    change.alerts.iter().filter_map(key).collect()
}

fn alarms(change: &Change) -> Vec<AlertKey> {
    raised(&change.alerts).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn a_notice_goes_to_whoever_has_the_duty_now_and_what_is_no_notice_to_whom_it_was_made_for() {
    // The kind, whether a drill takes the check away → whether Ana is told in place of Sam.
    for (kind, off, passes_on) in
        [(AttemptKind::Notice, false, true), (AttemptKind::Update, false, false), (AttemptKind::Notice, true, false)]
    {
        let mut one = first_step_fired();
        gets_role(&mut one, "sam", "driver");
        gets_role(&mut one, "ana", "primary");
        one.rules.off.claim_recheck = off;
        let a = one.notice(0, "sam", AttemptState::Scheduled);
        (a.kind, a.result) = (kind, "The address is 2 Elm St.".to_owned());
        a.recipient.why = Some("an exception, which was withdrawn".to_owned());
        let state = claim(&mut one, 1);
        let want = if passes_on { AttemptState::Skipped } else { AttemptState::Sending };
        assert_eq!(state, want, "{kind} {off}");
        let told: &[&str] = if passes_on { &["ana"] } else { &[] };
        assert_eq!(one.told_after(1), told, "{kind} {off}");
    }
}

#[test]
fn a_notice_of_whoever_took_another_call_since_waits_for_the_last_step_and_what_is_no_notice_goes() {
    use AttemptState as S;
    for (kind, off, want) in [
        (AttemptKind::Notice, false, S::Skipped),
        (AttemptKind::Update, false, S::Sending),
        (AttemptKind::Notice, true, S::Sending),
    ] {
        let mut one = first_step_fired();
        gets_role(&mut one, "ana", "primary");
        one.rules.off.claim_recheck = off;
        one.loaded.busy.insert(contact("sam"));
        let a = one.notice(0, "sam", S::Scheduled);
        (a.kind, a.result) = (kind, "The address is 2 Elm St.".to_owned());
        one.notice(0, "ana", S::Submitted);
        assert_eq!(claim(&mut one, 1), want, "{kind} {off}");
    }
}

#[test]
fn steps_that_waited_for_a_breaker_come_before_a_notice_of_their_channel_that_is_no_probe() {
    let table: [(&str, Otherwise, bool); 4] = [
        ("a text that may go again", |_| {}, true),
        (
            "a probe",
            |o| {
                let begin = o.state.call.accepted_at;
                o.loaded.breakers = vec![open_breaker(fixtures::SENDER, begin, begin)];
            },
            false,
        ),
        ("no notice", |o| o.state.attempts[0].kind = AttemptKind::Update, false),
        (
            "a mail",
            |o| {
                let a = &mut o.state.attempts[0];
                (a.channel, a.recipient.channel, a.sender) = (Channel::Email, Channel::Email, Some(Sender::relay()));
            },
            false,
        ),
    ];
    for (label, otherwise, fires) in table {
        let mut one = OneCall::new(ladder_by(&[(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Sms, 600)]));
        one.directory.mail_from = "night@example.com".parse().ok();
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Scheduled).result = "The address is 2 Elm St.".to_owned();
        one.now = begin.plus(secs(100));
        let call = &mut one.state.call;
        (call.next_step, call.deferred_from) = (1, Some(begin.plus(secs(60))));
        call.wake_at = Some(begin.plus(secs(120)));
        otherwise(&mut one);
        let state = claim(&mut one, 1);
        let want = if fires { (AttemptState::Skipped, 2, None) } else { (AttemptState::Sending, 1, Some(60)) };
        let since = one.state.call.deferred_from.map(|at| at.since(begin).as_secs());
        assert_eq!((state, one.state.call.next_step, since), want, "{label}");
    }
}

#[test]
fn what_expires_is_still_sent_at_that_moment_and_not_after_it() {
    for (after, want) in [(60, AttemptState::Sending), (61, AttemptState::Skipped)] {
        let mut one = first_step_fired();
        let begin = one.now;
        let a = one.notice(0, "sam", AttemptState::Scheduled);
        (a.kind, a.result) = (AttemptKind::Update, "The address is 2 Elm St.".to_owned());
        a.expires_at = Some(begin.plus(secs(60)));
        one.now = begin.plus(secs(after));
        assert_eq!(claim(&mut one, 1), want, "{after}");
    }
}

#[test]
fn a_phone_call_that_the_provider_keeps_waiting_for_long_alarms_and_a_text_never_does() {
    // The seconds → whether the alarm is raised, and whether it is over.
    for (channel, queued, raises, ends) in [
        (Channel::Voice, 31, true, false),
        (Channel::Voice, 30, false, true),
        (Channel::Sms, 31, false, false),
        (Channel::Sms, 0, false, false),
    ] {
        let mut one = first_step_fired();
        one.notice_by(channel, 0, "sam", AttemptState::Sending);
        let change = accepted(&mut one, queued, None);
        let key = AlertKey::from(AlertKind::PhoneQueue);
        assert_eq!(one.attempt(1).state, AttemptState::Submitted, "{channel} {queued}");
        let found = (alarms(&change).contains(&key), resolved(&change).contains(&key));
        assert_eq!(found, (raises, ends), "{channel} {queued}");
    }
}

#[test]
fn that_our_callback_address_is_taken_is_known_by_what_the_provider_took_with_it() {
    let (of_texts, of_phone_calls) = (AlertKey::from(AlertKind::CallbackUrl), AlertKind::CallbackUrl.about("voice"));
    // The channel, whether it went with the address, whether the provider asks us what to say → the alarm that is over.
    for (channel, callback, is_asked, over) in [
        (Channel::Sms, true, true, Some(&of_texts)),
        (Channel::Sms, false, true, None),
        (Channel::Voice, true, true, Some(&of_phone_calls)),
        (Channel::Voice, true, false, None),
    ] {
        let mut one = first_step_fired();
        let spoken = one.work(|w| script::without_keys(&job::job(w)).as_str().to_owned());
        let a = one.notice_by(channel, 0, "sam", AttemptState::Sending);
        a.callback = callback;
        a.body = if is_asked { "7K3Q-1 Burst pipe".to_owned() } else { spoken };
        let change = accepted(&mut one, 0, None);
        let keys: Vec<AlertKey> =
            resolved(&change).into_iter().filter(|key| key.kind() == AlertKind::CallbackUrl).collect();
        assert_eq!(keys.iter().collect::<Vec<_>>(), Vec::from_iter(over), "{channel} {callback} {is_asked}");
    }
}

#[test]
fn when_a_message_was_made_is_kept_from_the_first_that_says_so_of_this_very_message() {
    let mut one = first_step_fired();
    let (first, second) = (one.now.plus(secs(1)), one.now.plus(secs(2)));
    one.notice(0, "sam", AttemptState::Sending);
    accepted(&mut one, 0, None);
    let attempt = Some(one.attempt(1).id);
    let listed = |message: u32, at: Timestamp| {
        let update = update(attempt, message, "sent", None, Source::List);
        Event::StatusUpdate(StatusUpdate { provider_at: Some(at), ..update })
    };
    one.apply(&listed(2, second));
    assert_eq!(one.attempt(1).provider_at, None, "it is another message's");
    for at in [first, second] {
        one.apply(&listed(1, at));
        assert_eq!(one.attempt(1).provider_at, Some(first));
    }
    let mut one = first_step_fired();
    one.notice(0, "sam", AttemptState::Sending);
    accepted(&mut one, 0, Some(second));
    assert_eq!(one.attempt(1).provider_at, Some(second), "the answer to the POST says it too");
}

#[test]
fn a_later_notice_that_was_accepted_ends_the_alarm_about_an_earlier_one_and_nothing_else_does() {
    for (kind, word, ends) in [
        (AttemptKind::Notice, "sent", true),
        (AttemptKind::Notice, "delivered", true),
        (AttemptKind::Notice, "undelivered", false),
        (AttemptKind::Update, "sent", false),
        (AttemptKind::Update, "delivered", false),
    ] {
        let mut one = first_step_fired();
        let begin = one.now;
        let earlier = one.notice(0, "sam", AttemptState::Unknown);
        earlier.decided_at = Some(begin.plus(secs(60)));
        let key = AlertKind::UnknownOutcome.about(earlier.id);
        one.notice(0, "sam", AttemptState::Sending).kind = kind;
        one.now = begin.plus(secs(70));
        let change = says(&mut one, 2, word, None);
        assert_eq!(resolved(&change).contains(&key), ends, "{kind} {word}");
    }
}

#[test]
fn what_is_found_out_of_an_unknown_outcome_ends_its_alarm_and_the_story_says_that_it_was_found_out() {
    for (state, is_found_out) in [(AttemptState::Unknown, true), (AttemptState::Sending, false)] {
        let mut one = first_step_fired();
        let key = AlertKind::UnknownOutcome.about(one.notice(0, "sam", state).id);
        let change = says(&mut one, 1, "sent", None);
        assert_eq!(resolved(&change).contains(&key), is_found_out, "{state}");
        let entry = change.log.iter().find(|e| e.kind == LogKind::AttemptSubmitted).expect("its entry");
        assert_eq!(entry.message.ends_with("(outcome found out)"), is_found_out, "{}", entry.message);
    }
}

#[test]
fn a_relay_that_took_a_mail_after_all_ends_the_alarm_that_nobody_knows_of_it() {
    let mut one = first_step_fired();
    let mail = one.notice_by(Channel::Email, 0, "sam", AttemptState::Unknown);
    mail.sender = Some(Sender::relay());
    let (attempt, key) = (mail.id, AlertKind::UnknownOutcome.about(mail.id));
    let outcome = SendOutcome::Relayed { said: "250 taken".into() };
    let change = one.apply(&Event::Sent { attempt, by: None, outcome });
    assert_eq!(one.attempt(1).state, AttemptState::Submitted);
    assert!(resolved(&change).contains(&key), "{change:?}");
}

#[test]
fn that_a_notice_went_out_twice_is_told_once_of_the_text_that_was_accepted_last() {
    use AttemptState as S;
    // Another text to Sam, with its step; where this one of the first step was, what is heard → the other's number.
    for (other, was, word, want) in [
        (Some((S::Submitted, 0)), S::Unknown, "sent", Some(1)),
        (Some((S::Delivered, 0)), S::Sending, "delivered", Some(1)),
        (Some((S::Failed, 0)), S::Unknown, "sent", None),
        (Some((S::Unknown, 0)), S::Unknown, "sent", None),
        (Some((S::Submitted, 1)), S::Unknown, "sent", None),
        (Some((S::Submitted, 0)), S::Submitted, "delivered", None),
        (None, S::Unknown, "sent", None),
    ] {
        let mut one = first_step_fired();
        if let Some((state, step)) = other {
            one.notice(step, "sam", state);
        }
        let (id, number) = {
            let a = one.notice(0, "sam", was);
            (a.id, a.number)
        };
        let change = says(&mut one, number, word, None);
        let of_it = change.log.iter().filter(|e| e.attempt == Some(id));
        let twins: Vec<u64> = of_it.filter_map(|e| e.data.get(TWIN)?.as_u64()).collect();
        assert_eq!(twins, Vec::from_iter(want), "{other:?} {was} {word}");
    }
}

#[test]
fn a_text_that_arrives_takes_back_what_a_failure_said_of_this_very_number_and_no_refusal() {
    use ExclusionReason::{Failed, Passed};
    for (who, why, channel, is_taken_back) in [
        ("sam", Failed, Some(Channel::Sms), true),
        ("sam", Failed, None, true),
        ("sam", Failed, Some(Channel::Voice), false),
        ("sam", Passed, None, false),
        ("ana", Failed, Some(Channel::Sms), false),
    ] {
        let mut one = first_step_fired();
        one.notice(0, "sam", AttemptState::Submitted);
        one.state.call.excluded = vec![Out { contact: contact(who), why, channel }];
        says(&mut one, 1, "delivered", None);
        assert_eq!(one.state.call.excluded.is_empty(), is_taken_back, "{who} {why:?} {channel:?}");
    }
}

#[test]
fn a_failure_alarms_as_such_where_the_text_had_been_accepted_and_no_breaker_speaks_for_it() {
    const UNREGISTERED: u32 = 30034;
    for (was_accepted, code, want) in [
        (true, None, true),
        (true, Some(UNREGISTERED), false),
        (false, None, false),
        (false, Some(UNREGISTERED), false),
    ] {
        let mut one = first_step_fired();
        one.notice(0, "sam", if was_accepted { AttemptState::Submitted } else { AttemptState::Sending });
        let change = match was_accepted {
            true => says(&mut one, 1, "undelivered", code),
            false => refused(&mut one, code, classify(code.map(ErrorCode))),
        };
        assert_eq!(one.attempt(1).state, AttemptState::Failed, "{was_accepted} {code:?}");
        let keys = alarms(&change);
        assert_eq!(keys.contains(&AlertKind::Failed.about("c:sam")), want, "{was_accepted} {code:?}: {keys:?}");
    }
}

#[test]
fn only_what_was_refused_for_its_words_goes_again_in_the_built_in_ones() {
    for (special, told) in [(Some(Special::BadText), "sam"), (Some(Special::WithoutCallback), "ana"), (None, "ana")] {
        let mut one = first_step_fired();
        one.notice(0, "sam", AttemptState::Sending).body = "7K3Q-1 in the shop's own words".to_owned();
        refused(&mut one, None, ErrorClass { class: Class::OurRequest, special });
        assert_eq!(one.told_after(1), [told], "{special:?}");
    }
}
