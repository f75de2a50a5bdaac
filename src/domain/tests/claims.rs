//! What is claimed for its POST is looked at once more: whether it is still wanted, and by whom it goes.

use super::one_call::{OneCall, contact, ladder_by, open_breaker, raised};
use crate::domain::alert::{AlertKey, AlertKind};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::change::{Answer, Change};
use crate::domain::event::Event;
use crate::domain::types::Timestamp;
use crate::domain::voice::NO_PHONE_CALLS;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// The claim of this attempt; why it was not sent.
fn claim(one: &mut OneCall, number: u32) -> (Change, Option<String>) {
    let attempt = one.attempt(number).id;
    let change = one.apply(&Event::Claim { attempt, engine: "e".into(), provider_after: None });
    let why = match &change.answer {
        Answer::Send(_) => None,
        Answer::NotSent(why) => Some(why.clone()),
        other => panic!("no answer to a claim: {other:?}"),
    };
    (change, why)
}

/// A call in this status, held by this contact; Sam was told of it, and something of this kind waits for him.
fn beside_a_notice(kind: AttemptKind, status: CallStatus, holder: Option<&str>) -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
    one.state.call.next_step = 1;
    one.notice(0, "sam", AttemptState::Delivered);
    let a = one.notice(0, "sam", AttemptState::Scheduled);
    (a.kind, a.result) = (kind, "The address is 2 Elm St.".to_owned());
    let made = a.created_at;
    one.now = made.plus(secs(5));
    let call = &mut one.state.call;
    (call.status, call.holder, call.notified_at) = (status, holder.map(contact), Some(made));
    call.wake_at = (status == CallStatus::Dispatching).then(|| made.plus(secs(600)));
    call.asked_at = (kind == AttemptKind::Question && status == CallStatus::Acknowledged).then_some(made);
    one
}

#[test]
fn what_waits_beside_a_notice_is_sent_only_while_it_says_something_to_its_reader() {
    use AttemptKind::{Question, StandDown, Update};
    use CallStatus as S;
    const OTHERS: &str = "somebody else holds the call";
    const NOT_HELD: &str = "does not hold the call any more";
    const LOOKS: &str = "the call is looking for somebody again";
    let same: Otherwise = |_| {};
    let passed: Otherwise = |o| o.state.call.exclude_passed(&contact("sam"));
    let answered: Otherwise = |o| o.state.call.asked_at = None;
    let asked_anew: Otherwise = |o| o.state.call.asked_at = Some(o.now);
    let failed: Otherwise = |o| o.state.attempts[0].state = AttemptState::Failed;
    let late: Otherwise = |o| o.state.attempts[1].expires_at = Some(o.now.minus(secs(1)));
    // The kind, the call's status and holder, what is otherwise → why it is not sent.
    for (kind, status, holder, otherwise, want) in [
        (Update, S::Dispatching, None, same, None),
        (Update, S::Dispatching, None, passed, Some("passed or cannot be reached")),
        (Update, S::Acknowledged, Some("sam"), same, None),
        (Update, S::Acknowledged, Some("ana"), same, Some(OTHERS)),
        (Update, S::Resolved, Some("sam"), same, Some("the call is RESOLVED")),
        (Update, S::Cancelled, None, same, Some("the call is CANCELLED")),
        (Question, S::Acknowledged, Some("sam"), same, None),
        (Question, S::Acknowledged, Some("sam"), answered, Some("it is answered")),
        (Question, S::Acknowledged, Some("sam"), asked_anew, Some("it is answered")),
        (Question, S::Acknowledged, Some("ana"), same, Some(NOT_HELD)),
        (Question, S::Resolved, Some("sam"), same, Some(NOT_HELD)),
        (Question, S::Dispatching, None, same, Some(NOT_HELD)),
        (StandDown, S::Dispatching, None, same, Some(LOOKS)),
        (StandDown, S::Exhausted, None, same, Some(LOOKS)),
        (StandDown, S::Acknowledged, Some("sam"), same, Some("Sam Ortiz holds the call")),
        (StandDown, S::Acknowledged, Some("ana"), same, None),
        (StandDown, S::Acknowledged, Some("ana"), failed, Some("no text of the call reached Sam Ortiz")),
        (StandDown, S::Acknowledged, Some("ana"), late, Some("too late to be worth sending")),
        (StandDown, S::Resolved, Some("ana"), same, None),
        (StandDown, S::Cancelled, None, same, None),
        (StandDown, S::Deferred, None, same, None),
    ] {
        let mut one = beside_a_notice(kind, status, holder);
        otherwise(&mut one);
        let (_, why) = claim(&mut one, 2);
        let as_wanted = match (&why, want) {
            (Some(why), Some(want)) => why.contains(want),
            (why, want) => why.is_none() && want.is_none(),
        };
        assert!(as_wanted, "{kind} {status} {holder:?}: {why:?}, not {want:?}");
        let state = if want.is_some() { AttemptState::Skipped } else { AttemptState::Sending };
        assert_eq!(one.attempt(2).state, state, "{kind} {status} {holder:?}");
    }
}

#[test]
fn a_stand_down_takes_back_what_no_other_has_taken_back() {
    use AttemptKind::{Notice, StandDown};
    use AttemptState as S;
    // What became of the stand-down before, and of the notice behind it → whether the next one is sent.
    for (before, notice, goes) in [
        (S::Delivered, S::Failed, false),
        (S::Submitted, S::Failed, false),
        (S::Delivered, S::Unknown, true),
        (S::Delivered, S::Delivered, true),
        (S::Failed, S::Failed, true),
        (S::Unknown, S::Failed, true),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
        for (kind, state) in [(Notice, S::Delivered), (StandDown, before), (Notice, notice), (StandDown, S::Scheduled)]
        {
            one.notice(0, "sam", state).kind = kind;
        }
        (one.state.call.status, one.state.call.wake_at) = (CallStatus::Cancelled, None);
        let (_, why) = claim(&mut one, 4);
        assert_eq!(why.is_none(), goes, "{before}, {notice}: {why:?}");
    }
    // Whoever answered it knows of it.
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.notice(0, "sam", S::Delivered);
    one.notice(0, "sam", S::Delivered).kind = StandDown;
    one.notice(0, "sam", S::Failed).replied = "1".to_owned();
    one.notice(0, "sam", S::Scheduled).kind = StandDown;
    (one.state.call.status, one.state.call.wake_at) = (CallStatus::Cancelled, None);
    assert_eq!(claim(&mut one, 4).1, None);
}

#[test]
fn a_drill_that_takes_the_check_away_sends_what_nobody_wants() {
    for (off, state) in [(false, AttemptState::Cancelled), (true, AttemptState::Sending)] {
        let mut one = beside_a_notice(AttemptKind::Notice, CallStatus::Cancelled, None);
        one.rules.off.claim_recheck = off;
        claim(&mut one, 2);
        assert_eq!(one.attempt(2).state, state, "off: {off}");
    }
}

#[test]
fn while_no_sender_works_a_notice_is_ready_to_go_as_a_probe_and_all_else_waits_for_its_time() {
    // When it expires, in seconds, and before when it is not looked at again. The next probe may go at 60 s.
    for (kind, expires, want_ms) in [
        (AttemptKind::Notice, None, 0),
        (AttemptKind::Update, None, 60_000),
        (AttemptKind::Answer, None, 60_000),
        (AttemptKind::Update, Some(90), 60_000),
        (AttemptKind::Update, Some(30), 30_001),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
        let made = one.now;
        let a = one.notice(0, "sam", AttemptState::Scheduled);
        (a.kind, a.expires_at) = (kind, expires.map(|s| made.plus(secs(s))));
        one.loaded.breakers = vec![open_breaker(fixtures::SENDER, made, made.plus(secs(60)))];
        one.now = made.plus(secs(10));
        let (_, why) = claim(&mut one, 1);
        assert!(why.is_some_and(|why| why.starts_with("no sender works")), "{kind} {expires:?}");
        let not_before = Timestamp::from_millis(made.as_millis() + want_ms);
        assert_eq!(one.attempt(1).not_before, not_before, "{kind} {expires:?}");
        assert_eq!(one.attempt(1).state, AttemptState::Scheduled, "{kind} {expires:?}");
    }
}

#[test]
fn once_the_breaker_has_closed_the_steps_that_waited_come_before_a_text_that_they_may_stand_for() {
    // Whom the step that waited names → whether the older text to Sam goes, and to whom one was made.
    for (second, goes, made) in [("primary", false, "sam"), ("backup", true, "ana")] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &[second])]));
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Scheduled);
        one.now = begin.plus(secs(100));
        let call = &mut one.state.call;
        (call.next_step, call.deferred_from) = (1, Some(begin.plus(secs(60))));
        call.wake_at = Some(begin.plus(secs(120)));
        let (_, why) = claim(&mut one, 1);
        assert_eq!(why.is_none(), goes, "{second}: {why:?}");
        let state = if goes { AttemptState::Sending } else { AttemptState::Skipped };
        assert_eq!(one.attempt(1).state, state, "{second}");
        assert_eq!(one.told_after(1), [made], "{second}");
        assert_eq!((one.state.call.next_step, one.state.call.deferred_from), (2, None), "{second}");
    }
}

#[test]
fn whoever_opted_out_before_their_notice_left_is_told_of_by_the_channel_that_they_want_nothing_by() {
    let texts = AlertKind::OptedOut.about("sam");
    let phone_calls = AlertKey::of_no_phone_calls("sam");
    for (channel, of, want) in [(Channel::Sms, fixtures::SENDER, texts), (Channel::Voice, NO_PHONE_CALLS, phone_calls)]
    {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
        one.directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
        one.loaded.opted_out.insert((fixtures::phone("sam").to_owned(), of.to_owned()));
        one.notice_by(channel, 0, "sam", AttemptState::Scheduled);
        one.state.call.next_step = 1;
        let (change, why) = claim(&mut one, 1);
        assert!(why.is_some_and(|why| why.contains("has opted out")), "{channel}");
        let keys = raised(&change.alerts).into_iter().map(|(key, _)| key);
        let keys: Vec<AlertKey> = keys.filter(|key| key.kind() == AlertKind::OptedOut).collect();
        assert_eq!(keys, [want], "{channel}");
        assert_eq!(one.told_after(1), ["ana"], "{channel}: the next one is told at once");
    }
}

#[test]
fn a_stand_down_waits_while_a_text_that_it_takes_back_is_being_posted() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 4] = [
        ("nothing is", |_| {}, false),
        (
            "a notice to its reader is",
            |o| {
                o.notice(1, "sam", S::Sending);
            },
            true,
        ),
        (
            "a notice to somebody else is",
            |o| {
                o.notice(1, "ana", S::Sending);
            },
            false,
        ),
        ("a note to its reader is", |o| o.notice(1, "sam", S::Sending).kind = AttemptKind::Update, false),
    ];
    for (label, otherwise, waits) in table {
        let mut one = beside_a_notice(AttemptKind::StandDown, CallStatus::Cancelled, None);
        otherwise(&mut one);
        claim(&mut one, 2);
        let (state, not_before) = (one.attempt(2).state, one.attempt(2).not_before);
        assert_eq!(state, if waits { S::Scheduled } else { S::Sending }, "{label}");
        assert_eq!(not_before == one.now.plus(secs(1)), waits, "{label}: {not_before}");
    }
}

#[test]
fn a_repeat_goes_unless_what_it_repeats_or_a_later_text_to_the_same_contact_was_accepted() {
    use AttemptState as S;
    // What became of the text that is repeated, and of the next one to him.
    for (repeated, next, goes) in [
        (S::Failed, S::Failed, true),
        (S::Unknown, S::Skipped, true),
        (S::Submitted, S::Failed, false),
        (S::Delivered, S::Failed, false),
        (S::Failed, S::Submitted, false),
        (S::Unknown, S::Delivered, false),
    ] {
        let steps = [(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Sms, 600)];
        let mut one = OneCall::new(ladder_by(&steps));
        let first = one.notice(0, "sam", repeated).id;
        one.notice(1, "sam", next);
        one.notice(0, "sam", S::Scheduled).repeats = Some(first);
        one.state.call.next_step = 2;
        let (_, why) = claim(&mut one, 3);
        assert_eq!(why.is_none(), goes, "{repeated} {next}: {why:?}");
        let state = if goes { S::Sending } else { S::Skipped };
        assert_eq!(one.attempt(3).state, state, "{repeated} {next}");
    }
}
