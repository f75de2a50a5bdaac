//! Phone calls: what each key and each pick-up does, which phones stop ringing, and what waits for a phone call.

use super::one_call::{OneCall, contact};
use crate::domain::MessageStatus;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel, Priority};
use crate::domain::call::CallStatus;
use crate::domain::change::{Answer, Change, HowToEnd, Speech, SpokenJob};
use crate::domain::codes::classify;
use crate::domain::dial::ending::how_to_end;
use crate::domain::dial::{job, wait};
use crate::domain::event::{Decision, Event, OpenPhoneCall, PhoneTurn, Source, StatusUpdate};
use crate::domain::log::LogKind;
use crate::domain::policy::Policy;
use crate::domain::types::{Actor, AttemptId, ErrorCode, MessageSid, Timestamp};
use crate::testing::world::START;
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise<T> = fn(&mut T);

/// Rings the primary, and the backup five minutes later.
pub(super) fn ladder() -> Policy {
    let mut policy = fixtures::policy("rings", &[(mins(0), &["primary"]), (mins(5), &["backup"])]);
    policy.steps.iter_mut().for_each(|step| step.channel = Channel::Voice);
    policy
}

/// Sam is rung by this ladder; his phone call is in this state.
pub(super) fn rung(policy: Policy, state: AttemptState) -> OneCall {
    let mut one = OneCall::new(policy);
    one.directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(START.plus(mins(5))));
    rings(one.notice_by(Channel::Voice, 0, "sam", state));
    one
}

/// It goes by our number; where the provider has it, its SID has the number of the attempt.
pub(super) fn rings(a: &mut Attempt) {
    a.sender = fixtures::VOICE_SENDER.parse().ok();
    a.sid = (a.state == AttemptState::Submitted).then(|| phone_sid(a.number));
    a.message_status = a.sid.is_some().then(|| MessageStatus::from_word("queued"));
}

pub(super) fn phone_sid(n: u32) -> MessageSid {
    format!("CA{n:032x}").parse().expect("a SID")
}

/// What the provider says of the phone call of this attempt.
pub(super) fn said(one: &OneCall, number: u32, word: &str, sip: Option<u32>, source: Source) -> StatusUpdate {
    let code = sip.map(ErrorCode);
    StatusUpdate {
        attempt: Some(one.attempt(number).id),
        sid: phone_sid(number),
        status: MessageStatus::from_word(word),
        code,
        error_class: classify(code),
        source,
        provider_at: None,
    }
}

pub(super) fn word(one: &mut OneCall, number: u32, word: &str, sip: Option<u32>) -> Change {
    let update = said(one, number, word, sip, Source::Receipt);
    one.apply(&Event::StatusUpdate(update))
}

/// One turn of Sam's phone call.
fn turn(one: &OneCall, turn: u32) -> PhoneTurn {
    PhoneTurn { attempt: one.attempt(1).id, sid: phone_sid(1), turn, by_machine: false }
}

pub(super) fn press(one: &mut OneCall, digits: &str) -> Change {
    let turn = turn(one, 1);
    one.apply(&Event::Key { turn, digits: digits.to_owned() })
}

fn speech(change: Change) -> Speech {
    match change.answer {
        Answer::Speak(speech) => *speech,
        other => panic!("a phone call is answered with words: {other:?}"),
    }
}

pub(super) fn resolved(change: &Change) -> Vec<AlertKey> {
    let key = |a: &AlertChange| if let AlertChange::Resolve { key } = a { Some(key.clone()) } else { None };
    change.alerts.iter().filter_map(key).collect()
}

#[test]
fn whoever_has_passed_hears_no_job_and_whoever_could_not_be_reached_before_does() {
    let cases: [(&str, Otherwise<OneCall>, bool); 4] = [
        ("nothing was said yet", |_| {}, true),
        ("passed", |o| o.state.call.exclude_passed(&contact("sam")), false),
        ("texts do not reach him", |o| o.state.call.exclude_failed(&contact("sam"), Channel::Sms), true),
        ("another passed", |o| o.state.call.exclude_passed(&contact("ana")), true),
    ];
    for (label, otherwise, hears_it) in cases {
        let mut one = rung(ladder(), AttemptState::Submitted);
        otherwise(&mut one);
        let at = turn(&one, 1);
        match speech(one.apply(&Event::Asked(at))) {
            Speech::Job { .. } => assert!(hears_it, "{label}"),
            Speech::Passed => assert!(!hears_it, "{label}"),
            other => panic!("{label}: {other:?}"),
        }
    }
}

#[test]
fn a_machine_that_presses_1_again_takes_the_call_whatever_the_turn() {
    for first in [0, 1, 3] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        let machine = PhoneTurn { by_machine: true, ..turn(&one, first) };
        let Speech::Confirm { turn: again } =
            speech(one.apply(&Event::Key { turn: machine.clone(), digits: "1".into() }))
        else {
            panic!("turn {first}: taken by a machine")
        };
        let confirmed = one.apply(&Event::Key { turn: PhoneTurn { turn: again, ..machine }, digits: "1".into() });
        assert!(matches!(speech(confirmed), Speech::Yours(_)), "turn {first}");
        assert_eq!(one.state.call.status, CallStatus::Acknowledged, "turn {first}");
    }
}

#[test]
fn whoever_presses_other_keys_hears_the_job_twelve_times_at_most() {
    for (at, ends) in [(1, false), (10, false), (11, true), (40, true), (110, false), (111, true)] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        let turn = turn(&one, at);
        match speech(one.apply(&Event::Key { turn, digits: "9".into() })) {
            Speech::Job { turn: next, .. } => assert!(!ends && next == at % 100 + 1, "turn {at}"),
            Speech::NoKey { .. } => assert!(ends, "turn {at}"),
            other => panic!("turn {at}: {other:?}"),
        }
    }
}

#[test]
fn a_key_ends_the_alarms_about_its_contact_and_its_phone_call_is_asked_about_while_it_goes_on() {
    for is_over in [false, true] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        if is_over {
            word(&mut one, 1, "completed", None);
        }
        let change = press(&mut one, "2");
        let over = resolved(&change);
        for key in
            [AlertKind::NoFinalStatus.about("sam"), AlertKind::Failed.about("c:sam"), AlertKind::Refused.about("c:sam")]
        {
            assert!(over.contains(&key), "{key}");
        }
        let a = one.attempt(1);
        let asked_at = (!is_over).then(|| one.now.plus(one.rules.poll_after));
        assert_eq!((a.state, a.poll_at), (AttemptState::Delivered, asked_at), "over: {is_over}");
    }
}

#[test]
fn a_key_that_changes_nothing_stands_in_the_story() {
    let mut one = rung(ladder(), AttemptState::Submitted);
    (one.state.call.status, one.state.call.holder) = (CallStatus::Acknowledged, Some(contact("ana")));
    let change = press(&mut one, "2");
    let entry = change.log.iter().find(|e| e.kind == LogKind::KeyPressed).expect("an entry");
    assert!(entry.message.contains("key 2") && entry.actor.0.contains("Sam Ortiz"), "{entry:?}");
}

#[test]
fn a_pick_up_joins_what_was_kept_of_its_own_phone_call_alone() {
    for (number, state) in [(1, AttemptState::Failed), (2, AttemptState::Submitted)] {
        // The answer of the provider was lost, and its words came before it was known whose they are.
        let mut one = rung(ladder(), AttemptState::Unknown);
        let kept = said(&one, 1, "completed", None, Source::Receipt);
        one.loaded.orphans = vec![StatusUpdate { attempt: None, sid: phone_sid(number), ..kept }];
        let at = turn(&one, 1);
        one.apply(&Event::Asked(at));
        assert_eq!(one.attempt(1).state, state, "of phone call {number}");
    }
}

#[test]
fn once_a_call_is_taken_every_phone_that_may_still_ring_is_to_stop_and_nothing_else() {
    use AttemptState as S;
    // How it travels, where it is, whether its outcome was decided, when it was to end before; when it is to end.
    let (before, now) = (Some(START), Some(START.plus(secs(60))));
    for (channel, state, is_decided, was, want) in [
        (Channel::Voice, S::Sending, false, None, now),
        (Channel::Voice, S::Submitted, false, None, now),
        (Channel::Voice, S::Unknown, false, None, now),
        // It may ring yet, whatever was decided.
        (Channel::Voice, S::Unknown, true, None, now),
        (Channel::Voice, S::Submitted, false, before, before),
        (Channel::Voice, S::Failed, false, None, None),
        (Channel::Voice, S::Delivered, false, None, None),
        (Channel::Sms, S::Unknown, true, None, None),
        (Channel::Sms, S::Submitted, false, None, None),
        (Channel::Sms, S::Failed, false, None, None),
    ] {
        let mut one = OneCall::new(ladder());
        one.directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
        let a = one.notice_by(channel, 0, "sam", state);
        if channel == Channel::Voice {
            rings(a);
        }
        (a.decided_at, a.expires_at) = (is_decided.then_some(START), was);
        one.now = START.plus(secs(60));
        let (call, what) = (one.id(), Decision::Acknowledge { holder: Some(contact("ana")) });
        let change = one.apply(&Event::Decide { call, what, by: Actor("mia".into()), note: None });
        let case = format!("{channel} {state}, decided: {is_decided}, to end before: {was:?}");
        assert_eq!((one.state.call.status, one.attempt(1).expires_at), (CallStatus::Acknowledged, want), "{case}");
        let told = change.log.iter().any(|e| e.kind == LogKind::AttemptEnding);
        assert_eq!(told, want != was, "{case}");
    }
}

#[test]
fn a_phone_that_nobody_needs_to_answer_is_cancelled_and_whoever_listens_is_told_why() {
    use CallStatus as S;
    type Case = (&'static str, fn(&mut Attempt), S, Option<&'static str>, Option<HowToEnd>);
    let over: fn(&mut Attempt) = |a| a.expires_at = Some(START);
    let speaks: fn(&mut Attempt) =
        |a| (a.expires_at, a.message_status) = (Some(START), Some(MessageStatus::from_word("in-progress")));
    let taken = Speech::Taken(Some("Ana Reyes".into()));
    let cases: [Case; 9] = [
        ("it was queued for too long", |_| {}, S::Dispatching, None, Some(HowToEnd::Cancel)),
        ("it is queued", |a| a.sent_at = Some(START.plus(secs(1))), S::Dispatching, None, None),
        ("it rings", |a| a.message_status = Some(MessageStatus::from_word("ringing")), S::Dispatching, None, None),
        ("it is to end", over, S::Acknowledged, Some("ana"), Some(HowToEnd::Cancel)),
        (
            "the provider may not have it",
            |a| (a.expires_at, a.sid, a.state) = (Some(START), None, AttemptState::Sending),
            S::Acknowledged,
            Some("ana"),
            None,
        ),
        (
            "it has ended",
            |a| (a.expires_at, a.state) = (Some(START), AttemptState::Failed),
            S::Acknowledged,
            Some("ana"),
            None,
        ),
        ("they hold it", speaks, S::Acknowledged, Some("sam"), Some(HowToEnd::Say(Speech::Yours(None)))),
        ("another holds it", speaks, S::Acknowledged, Some("ana"), Some(HowToEnd::Say(taken))),
        ("it is over", speaks, S::Resolved, None, Some(HowToEnd::Say(Speech::Over))),
    ];
    for (label, otherwise, status, holder, want) in cases {
        let mut one = rung(ladder(), AttemptState::Submitted);
        (one.state.call.status, one.state.call.holder) = (status, holder.map(contact));
        let mut a = one.attempt(1).clone();
        otherwise(&mut a);
        assert_eq!(how_to_end(&one.state, &a, START, "Ana Reyes"), want, "{label}");
    }
}

#[test]
fn what_is_kept_of_a_phone_call_says_what_was_read_to_whoever_picked_up() {
    for (issue, address, test_mode, want) in [
        ("No heat", "12 Oak St.", false, "Acme Plumbing emergency job 7K3Q. No heat. 12 Oak St."),
        (" ", "12 Oak St", false, "Acme Plumbing emergency job 7K3Q. 12 Oak St."),
        ("No heat.", "", true, "TEST MODE. Acme Plumbing emergency job 7K3Q. No heat."),
    ] {
        let read = SpokenJob {
            business: "Acme Plumbing".into(),
            level: "high".into(),
            reference: "7K3Q".into(),
            issue: issue.into(),
            address: address.into(),
            has_texts: true,
            test_mode,
        };
        assert_eq!(job::kept(&read), want);
    }
}

/// Why the attempt of this number waits.
fn waits(one: &OneCall, number: u32) -> Option<&'static str> {
    let a = one.attempt(number).clone();
    one.work(|w| wait::of(w, &a))
}

#[test]
fn whoever_is_on_the_phone_with_us_gets_no_reminder_by_text_of_the_same_call() {
    use AttemptKind::{Notice, StandDown, Update};
    let speaks: fn(&mut Attempt) = |a| a.message_status = Some(MessageStatus::from_word("in-progress"));
    let rings: fn(&mut Attempt) = |a| a.message_status = Some(MessageStatus::from_word("ringing"));
    let anas: fn(&mut Attempt) = |a| {
        a.message_status = Some(MessageStatus::from_word("in-progress"));
        a.recipient.phone = fixtures::phone("ana").parse().expect("a phone");
    };
    // The text, the phone call, and how long ago that was placed.
    for (kind, channel, priority, phone_call, ago, want) in [
        (Notice, Channel::Sms, Priority::Reminder, speaks, 60, true),
        (Notice, Channel::Sms, Priority::Reminder, speaks, 239, true),
        (Notice, Channel::Sms, Priority::Reminder, speaks, 240, false),
        (Notice, Channel::Sms, Priority::Reminder, rings, 60, false),
        (Notice, Channel::Sms, Priority::Reminder, anas, 60, false),
        (Notice, Channel::Sms, Priority::First, speaks, 60, false),
        (Notice, Channel::Email, Priority::Reminder, speaks, 60, false),
        (Update, Channel::Sms, Priority::Reminder, speaks, 60, false),
        (StandDown, Channel::Sms, Priority::StandDown, speaks, 60, false),
    ] {
        let mut one = rung(ladder(), AttemptState::Submitted);
        one.now = START.plus(secs(ago));
        phone_call(&mut one.state.attempts[0]);
        let a = one.notice_by(channel, 1, "sam", AttemptState::Scheduled);
        (a.kind, a.priority) = (kind, priority);
        assert_eq!(waits(&one, 2).is_some(), want, "{kind} by {channel}, {priority}, {ago} s after");
    }
}

#[test]
fn one_number_rings_another_once_at_a_time() {
    let cases: [(&str, Otherwise<OpenPhoneCall>, bool); 6] = [
        ("another call rings it", |_| {}, true),
        ("it is the same phone call", |p| p.attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1)), false),
        ("it rings another phone", |p| p.to = fixtures::phone("ana").to_owned(), false),
        ("it comes from another number", |p| p.from = "+19495550120".to_owned(), false),
        ("it was placed almost a quarter of an hour ago", |p| p.sent_at = minutes_ago(14), true),
        ("it was placed a quarter of an hour ago", |p| p.sent_at = minutes_ago(15), false),
    ];
    for (label, otherwise, want) in cases {
        let mut one = rung(ladder(), AttemptState::Scheduled);
        let mut open = OpenPhoneCall {
            attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(0xbeef)),
            to: fixtures::phone("sam").to_owned(),
            from: fixtures::VOICE_SENDER.to_owned(),
            sent_at: minutes_ago(1),
        };
        otherwise(&mut open);
        one.loaded.phone_calls = vec![open];
        assert_eq!(waits(&one, 1).is_some(), want, "{label}");
        one.state.attempts[0].channel = Channel::Sms;
        assert_eq!(waits(&one, 1), None, "{label}: a text rings nobody");
    }
}

fn minutes_ago(n: u64) -> Timestamp {
    START.minus(mins(n))
}
