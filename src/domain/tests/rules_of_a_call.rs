//! What is known of one call: by what it was told, whether it still changes, which rows of the shop's books it touches,
//! and what a person or an intake may do to it.

use uuid::Uuid;

use super::one_call::{OneCall, contact, open_breaker, raised};
use crate::domain::alert_text::AlertText;
use crate::domain::attempt::{AttemptKind, AttemptState, Channel, Priority};
use crate::domain::breaker::{ACCOUNT, Route, RouteQuery, VOICE_ACCOUNT, key_of, route, shown};
use crate::domain::call::CallStatus;
use crate::domain::change::{Answer, Change, Effect};
use crate::domain::decide;
use crate::domain::event::{Decision, Event, NoteTo, Source};
use crate::domain::mail::RELAY;
use crate::domain::phone::masked;
use crate::domain::standalone_text::{Reader, StandaloneKind, StandaloneText};
use crate::domain::types::{Actor, AttemptId, Sender};
use crate::domain::{AlertKind, MessageStatus};
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;
use crate::testing::harness::{CoreHarness, sid, update};
use crate::testing::world::START;
use crate::testing::{fixtures, secs, story};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// Sam is named at once, Ana after ten minutes.
fn two_steps() -> OneCall {
    OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]))
}

fn decided(one: &mut OneCall, what: Decision) -> Change {
    let call = one.id();
    one.apply(&Event::Decide { call, what, by: Actor("mia".into()), note: None })
}

fn claimed(one: &mut OneCall, number: u32) -> Change {
    let attempt = one.attempt(number).id;
    one.apply(&Event::Claim { attempt, engine: "e".into(), provider_after: None })
}

#[test]
fn a_call_waits_for_a_better_report_only_while_nothing_but_that_report_puts_its_first_step_off() {
    let table: [(&str, Otherwise, bool); 8] = [
        ("its first step is later than its ladder has it", |_| {}, true),
        ("its ladder has it then", |o| o.state.call.wake_at = Some(o.now), false),
        ("it waits for a breaker", |o| o.state.call.deferred_from = Some(o.now), false),
        ("it waits for the end of quiet hours", |o| o.state.call.held_until = o.state.call.wake_at, false),
        ("a new round has begun", |o| o.state.call.round = 2, false),
        ("its first step found nobody", |o| o.state.call.next_step = 1, false),
        (
            "somebody is told",
            |o| {
                o.notice(0, "sam", AttemptState::Scheduled);
            },
            false,
        ),
        ("it is taken", |o| o.state.call.status = CallStatus::Acknowledged, false),
    ];
    for (label, otherwise, want) in table {
        let mut one = two_steps();
        one.state.call.wake_at = Some(one.now.plus(secs(180)));
        otherwise(&mut one);
        assert_eq!(one.state.call.waits_for_report(), want, "{label}");
    }
}

#[test]
fn a_mail_tells_once_a_relay_took_it_and_a_phone_call_once_a_key_was_pressed() {
    use AttemptState as S;
    use Channel::{Email, Voice};
    for (channel, state, want) in [
        (Email, S::Scheduled, None),
        (Email, S::Failed, None),
        (Email, S::Submitted, Some(Email)),
        (Voice, S::Submitted, None),
        (Voice, S::Failed, None),
        (Voice, S::Delivered, Some(Voice)),
    ] {
        let mut one = two_steps();
        one.notice_by(channel, 0, "sam", state);
        assert_eq!(one.state.told_by(), want, "{channel} {state}");
    }
}

#[test]
fn a_phone_call_is_spoken_from_when_it_is_picked_up_until_a_key_or_its_end() {
    use AttemptState as S;
    for (state, word, want) in [
        (S::Submitted, "ringing", false),
        (S::Submitted, "in-progress", true),
        (S::Delivered, "in-progress", false),
        (S::Failed, "in-progress", false),
    ] {
        let mut one = two_steps();
        let a = one.notice_by(Channel::Voice, 0, "sam", state);
        a.message_status = Some(MessageStatus::from_word(word));
        assert_eq!(a.is_being_spoken(), want, "{state} {word}");
    }
}

#[test]
fn an_earlier_notice_to_the_same_contact_makes_a_text_a_reminder_and_nothing_else_does() {
    use AttemptState as S;
    // What is otherwise with an accepted text to Sam → whether he was notified by text, and whether he was reached.
    let table: [(&str, Otherwise, (bool, bool)); 8] = [
        ("as it is", |_| {}, (true, true)),
        ("nobody knows whether it was sent", |o| o.state.attempts[0].state = S::Unknown, (true, false)),
        ("it failed after it was accepted", |o| o.state.attempts[0].state = S::Failed, (true, false)),
        (
            "it was refused",
            |o| (o.state.attempts[0].state, o.state.attempts[0].sid) = (S::Failed, None),
            (false, false),
        ),
        ("it waits", |o| (o.state.attempts[0].state, o.state.attempts[0].sid) = (S::Scheduled, None), (false, false)),
        ("it went to somebody else", |o| o.state.attempts[0].recipient.contact = contact("ana"), (false, false)),
        ("it was a mail", |o| o.state.attempts[0].channel = Channel::Email, (false, true)),
        ("it was no notice", |o| o.state.attempts[0].kind = AttemptKind::Update, (false, false)),
    ];
    let sam = contact("sam");
    for (label, otherwise, want) in table {
        let mut one = two_steps();
        one.notice(0, "sam", S::Submitted);
        otherwise(&mut one);
        let state = &one.state;
        let known = |but| (state.was_notified(&sam, Channel::Sms, but), state.was_reached(&sam, but));
        assert_eq!(known(None), want, "{label}");
        assert_eq!(known(Some(one.attempt(1).id)), (false, false), "{label}: it is no reminder of itself");
    }
}

#[test]
fn a_first_notice_is_risked_on_no_probe_while_another_sender_works() {
    let own: Sender = fixtures::SENDER.parse().expect("a sender");
    let stand_in: Sender = "+19495550120".parse().expect("a sender");
    let open = open_breaker(fixtures::SENDER, START, START.plus(secs(60)));
    let probe = Route::Send { sender: own.clone(), probes: vec![fixtures::SENDER.to_owned()] };
    let by_the_other = Route::Send { sender: stand_in.clone(), probes: Vec::new() };
    let hold = Route::Hold { until: open.probe_at };
    let both = [&own, &stand_in];
    // What goes, when in seconds, by which senders → how.
    for (kind, priority, after, senders, want) in [
        (AttemptKind::Notice, Priority::First, 60, &both[..], &by_the_other),
        (AttemptKind::Notice, Priority::Reminder, 60, &both[..], &probe),
        (AttemptKind::Notice, Priority::Reminder, 59, &both[..], &by_the_other),
        (AttemptKind::Update, Priority::Reminder, 60, &both[..], &by_the_other),
        (AttemptKind::Notice, Priority::First, 60, &both[..1], &probe),
        (AttemptKind::Notice, Priority::First, 59, &both[..1], &hold),
        (AttemptKind::Update, Priority::Reminder, 60, &both[..1], &hold),
    ] {
        let query = RouteQuery { kind, priority, channel: Channel::Sms };
        let by = route(std::slice::from_ref(&open), senders, query, START.plus(secs(after)));
        assert_eq!(by.as_ref(), Some(want), "{kind} {priority} {after} {}", senders.len());
    }
}

#[test]
fn people_read_of_a_breaker_whose_it_is_and_no_whole_number() {
    let number = masked(fixtures::SENDER);
    assert_ne!(number, fixtures::SENDER);
    for (key, want) in [
        (ACCOUNT.to_owned(), "the whole account".to_owned()),
        (VOICE_ACCOUNT.to_owned(), "all phone calls of the account".to_owned()),
        (RELAY.to_owned(), "the mail relay".to_owned()),
        (fixtures::SENDER.to_owned(), number.clone()),
        (key_of(Channel::Voice, fixtures::SENDER), format!("phone calls from {number}")),
    ] {
        assert_eq!(shown(&key), want);
    }
}

#[test]
fn what_is_odd_about_a_new_call_is_one_alert_however_much_it_is() {
    let line = || (AlertKind::UnlistedLine, "its line is not listed".to_owned());
    let level = || (AlertKind::UnknownLevel, "its level is not known".to_owned());
    for (warnings, want) in [
        (Vec::new(), None),
        (vec![line()], Some((AlertKind::UnlistedLine, "its line is not listed"))),
        (vec![level()], Some((AlertKind::UnknownLevel, "its level is not known"))),
        (vec![line(), level()], Some((AlertKind::Validation, "its line is not listed; its level is not known"))),
    ] {
        let one = two_steps();
        let id = one.id();
        let said = one.work(|w| {
            decide::raise_warnings(w, &id, Some("+18005550199"), &warnings);
            raised(&w.change.alerts)
        });
        let said: Vec<(AlertKind, &str)> = said.iter().map(|(key, words)| (key.kind(), words.as_str())).collect();
        assert_eq!(said, Vec::from_iter(want));
    }
}

#[test]
fn follow_ups_can_be_stopped_before_anybody_was_told_unless_quiet_hours_hold_the_call() {
    for (is_held, stops) in [(false, true), (true, false)] {
        let mut one = two_steps();
        let wake = Some(one.now.plus(secs(300)));
        (one.state.call.wake_at, one.state.call.held_until) = (wake, wake.filter(|_| is_held));
        decided(&mut one, Decision::Mute);
        assert_eq!(one.state.call.muted, stops, "held: {is_held}");
    }
}

#[test]
fn a_call_that_is_handed_over_again_makes_no_second_one_and_changes_nothing_of_the_first() {
    for (level, is_same) in [("normal", true), ("high", false)] {
        let mut harness = CoreHarness::new();
        harness.dispatch("c", "normal");
        let (calls, entries) = (harness.calls.clone(), harness.log.len());
        let again = story::intake("c", level);
        let new = intake::new_call(again, &harness.directory, Validation::Strict, &Ids::seeded(7), harness.now);
        match harness.apply(Event::Accept(Box::new(new.expect("a call")))) {
            Answer::Exists(_) => assert!(is_same, "{level}"),
            Answer::Differs(_) => assert!(!is_same, "{level}"),
            other => panic!("{level}: {other:?}"),
        }
        assert_eq!((harness.calls, harness.log.len()), (calls, entries), "{level}");
    }
}

#[test]
fn a_receipt_for_the_text_of_an_alert_moves_that_text_and_no_call() {
    let mut one = two_steps();
    let olga = one.directory.contacts.iter().find(|c| c.id.as_str() == "olga").expect("the owner");
    let id = AttemptId::from_uuid(Uuid::from_u128(77));
    let mut text = StandaloneText::new(id, 1, StandaloneKind::Alert, Reader::of(olga), one.now);
    (text.state, text.sid, text.sent_at) = (AttemptState::Submitted, Some(sid(9)), Some(one.now));
    one.loaded.alert_texts = vec![AlertText {
        message: "m".into(),
        sink: "owner".into(),
        reference: "9XQT".parse().expect("a reference"),
        alerts: Vec::new(),
        is_over: false,
        call: None,
        call_reference: None,
        words: String::new(),
        text,
    }];
    let before = one.state.clone();
    let change = one.apply(&Event::StatusUpdate(update(Some(id), 9, "delivered", None, Source::Receipt)));
    let states: Vec<AttemptState> = change.alert_texts.iter().map(|t| t.text.state).collect();
    assert_eq!(states, [AttemptState::Delivered]);
    assert_eq!(one.state, before);
}

/// Whether the row of the call is written anew, and the numbers of the attempts whose rows are.
fn rows(one: &OneCall, change: &Change) -> (bool, Vec<u32>) {
    let of_attempt = |effect: &Effect| match effect {
        Effect::MirrorAttempt(id) => one.state.attempts.iter().find(|a| a.id == *id).map(|a| a.number),
        Effect::MirrorCall(_) => None,
    };
    let attempts = change.effects.iter().filter_map(of_attempt).collect();
    (change.effects.contains(&Effect::MirrorCall(one.id())), attempts)
}

#[test]
fn the_shops_books_are_written_anew_for_what_they_show_and_for_nothing_else() {
    use AttemptState as S;
    type Happens = fn(&mut OneCall) -> Change;
    // What happens ten seconds after Sam's text was accepted → whether the call's row is written, and which attempts'.
    let table: [(&str, Happens, bool, &[u32]); 9] = [
        ("a note for the story", |o| decided(o, Decision::Note(NoteTo::Story)), false, &[]),
        (
            "a question to the provider that brings nothing",
            |o| {
                o.state.attempts[0].poll_at = Some(o.now);
                let (attempt, again_at) = (o.attempt(1).id, Some(o.now.plus(secs(60))));
                o.apply(&Event::Polled { attempt, again_at })
            },
            false,
            &[],
        ),
        (
            "a step fires, and its text waits",
            |o| {
                o.now = o.now.plus(secs(590));
                o.wake()
            },
            true,
            &[],
        ),
        (
            "a step is due as before, and waits for a breaker",
            |o| {
                o.notice(0, "ana", S::Scheduled);
                o.loaded.breakers = vec![open_breaker(fixtures::SENDER, o.now, o.now.plus(secs(900)))];
                o.now = o.now.plus(secs(590));
                o.wake()
            },
            false,
            &[],
        ),
        (
            "a text leaves",
            |o| {
                o.notice(0, "ana", S::Scheduled);
                claimed(o, 2)
            },
            false,
            &[2],
        ),
        (
            "a text is dropped before it left",
            |o| {
                o.notice(0, "ana", S::Scheduled);
                o.state.call.exclude_passed(&contact("ana"));
                claimed(o, 2)
            },
            false,
            &[2],
        ),
        (
            "a text is delivered",
            |o| {
                let attempt = Some(o.attempt(1).id);
                o.apply(&Event::StatusUpdate(update(attempt, 1, "delivered", None, Source::Receipt)))
            },
            false,
            &[1],
        ),
        ("it is taken", |o| decided(o, Decision::Acknowledge { holder: Some(contact("sam")) }), true, &[]),
        (
            "it was given up, and is closed",
            |o| {
                (o.state.call.status, o.state.call.wake_at) = (CallStatus::Exhausted, None);
                decided(o, Decision::Resolve)
            },
            true,
            &[],
        ),
    ];
    for (label, happens, call, attempts) in table {
        let mut one = two_steps();
        let begin = one.now;
        one.notice(0, "sam", S::Submitted);
        let state = &mut one.state.call;
        (state.next_step, state.wake_at, state.notified_at) = (1, Some(begin.plus(secs(600))), Some(begin));
        one.now = begin.plus(secs(10));
        let change = happens(&mut one);
        assert_eq!(rows(&one, &change), (call, attempts.to_vec()), "{label}");
    }
}
