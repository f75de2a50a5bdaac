//! How a ladder ends that nobody took, and when it is alarming that nobody is told, or answers.

use super::one_call::{OneCall, contact, ladder_by, raised};
use crate::domain::AlertKind;
use crate::domain::alert::AlertChange;
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::Actor;
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

#[test]
fn an_end_that_waits_for_a_text_is_alarming_after_a_minute_and_says_what_it_waits_for() {
    use AttemptState as S;
    for (state, waited, said) in [
        (S::Scheduled, 59, None),
        (S::Scheduled, 60, Some("texts of it could not be sent yet")),
        (S::Unknown, 60, Some("nobody knows yet whether its text was sent")),
    ] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
        one.notice(0, "sam", state);
        one.now = one.now.plus(secs(waited));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now));
        let change = one.wake();
        let raised = raised(&change.alerts);
        assert_eq!(raised.len(), usize::from(said.is_some()), "{state} {waited}: {raised:?}");
        for (key, message) in &raised {
            assert_eq!(*key, AlertKind::Exhausted.about("c"), "{state} {waited}");
            assert!(message.contains(said.unwrap_or_default()), "{state} {waited}: {message}");
        }
        assert_eq!(one.state.call.status, CallStatus::Dispatching, "{state} {waited}: it is still to be told");
    }
}

#[test]
fn when_the_end_has_waited_for_a_breaker_only_a_notice_that_goes_now_has_its_time_to_be_answered() {
    use AttemptState as S;
    let table: [(&str, Otherwise, CallStatus); 3] = [
        ("nothing waits any more", |_| {}, CallStatus::Exhausted),
        ("a note waits", |o| o.notice(1, "ana", S::Scheduled).kind = AttemptKind::Update, CallStatus::Exhausted),
        (
            "a notice waits",
            |o| {
                o.notice(1, "ana", S::Scheduled);
            },
            CallStatus::Dispatching,
        ),
    ];
    for (label, otherwise, want) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
        one.notice(0, "sam", S::Delivered);
        otherwise(&mut one);
        let due = one.now.plus(secs(660));
        one.now = due.plus(secs(100));
        let call = &mut one.state.call;
        (call.next_step, call.deferred_from, call.wake_at) = (2, Some(due), Some(one.now));
        one.wake();
        assert_eq!(one.state.call.status, want, "{label}");
        let answers_until = (want == CallStatus::Dispatching).then(|| one.now.plus(mins(10)));
        assert_eq!(one.state.call.wake_at, answers_until, "{label}");
    }
}

#[test]
fn that_nobody_is_told_is_alarming_only_while_somebody_is_looked_for_and_nobody_was_told_or_tried() {
    use AttemptState as S;
    use Channel::{Email, Sms, Voice};
    let table: [(&str, &[Channel], Otherwise, bool); 8] = [
        (
            "a text waits",
            &[Sms],
            |o| {
                o.notice(0, "sam", S::Scheduled);
            },
            true,
        ),
        (
            "told",
            &[Sms],
            |o| {
                o.notice(0, "sam", S::Submitted);
                o.state.call.notified_at = Some(o.now);
            },
            false,
        ),
        (
            "taken before anybody was told",
            &[Sms],
            |o| {
                o.notice(0, "sam", S::Cancelled);
                (o.state.call.status, o.state.call.wake_at) = (CallStatus::Acknowledged, None);
            },
            false,
        ),
        (
            "a mail waits where no text tells",
            &[Email, Voice],
            |o| {
                o.notice_by(Email, 0, "sam", S::Scheduled);
            },
            true,
        ),
        (
            "a mail is out where no text tells",
            &[Email, Voice],
            |o| {
                o.notice_by(Email, 0, "sam", S::Submitted);
            },
            false,
        ),
        (
            "a mail is out where texts tell too",
            &[Email, Sms],
            |o| {
                o.notice_by(Email, 0, "sam", S::Submitted);
            },
            true,
        ),
        (
            "a phone call was placed and no phone has rung",
            &[Email, Voice],
            |o| {
                o.notice_by(Voice, 1, "sam", S::Submitted);
            },
            true,
        ),
        ("a phone rang", &[Email, Voice], |o| o.notice_by(Voice, 1, "sam", S::Submitted).trace.rang = true, false),
    ];
    for (label, channels, otherwise, alarming) in table {
        let steps: Vec<(Channel, u64)> = channels.iter().map(|c| (*c, 0)).collect();
        let mut one = OneCall::new(ladder_by(&steps));
        otherwise(&mut one);
        one.now = one.now.plus(secs(60));
        let call = one.id();
        let change = one.apply(&Event::Unnotified { call });
        let keys: Vec<_> = raised(&change.alerts).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys.contains(&AlertKind::Unnotified.about("c")), alarming, "{label}: {keys:?}");
    }
}

#[test]
fn that_nobody_answers_is_alarming_after_five_minutes_where_no_text_tells_and_says_what_was_tried() {
    use AttemptState as S;
    use Channel::{Email, Sms, Voice};
    let taken: Otherwise = |o| (o.state.call.status, o.state.call.wake_at) = (CallStatus::Acknowledged, None);
    let open: Otherwise = |_| {};
    // The ladder, how its first notice went and where it is, what is otherwise, the seconds since → what is said.
    type Row = (&'static [Channel], S, Otherwise, u64, Option<&'static str>);
    let table: [Row; 7] = [
        (&[Email], S::Submitted, open, 299, None),
        (&[Email], S::Submitted, open, 420, Some("mails are out for 7 min")),
        (&[Email], S::Scheduled, open, 300, Some("no mail is out after 5 min")),
        (&[Voice], S::Submitted, open, 300, Some("phones are rung for 5 min")),
        (&[Voice], S::Scheduled, open, 300, Some("no phone could be rung for 5 min")),
        (&[Email, Sms], S::Submitted, open, 600, None),
        (&[Email], S::Submitted, taken, 600, None),
    ];
    for (channels, state, otherwise, seconds, want) in table {
        let steps: Vec<(Channel, u64)> = channels.iter().map(|c| (*c, 0)).collect();
        let mut one = OneCall::new(ladder_by(&steps));
        one.notice_by(channels[0], 0, "sam", state);
        otherwise(&mut one);
        one.now = one.now.plus(secs(seconds));
        let call = one.id();
        let change = one.apply(&Event::Unanswered { call });
        let said: Vec<String> = raised(&change.alerts).into_iter().map(|(_, message)| message).collect();
        let as_wanted = match want {
            Some(text) => said.len() == 1 && said[0].contains(text),
            None => said.is_empty(),
        };
        assert!(as_wanted, "{channels:?} {state} {seconds}: {said:?}, not {want:?}");
    }
}

/// Ana's text left after so many seconds.
fn ana_left(one: &mut OneCall, seconds: u64) {
    one.state.attempts[1].sent_at = Some(one.state.call.accepted_at.plus(secs(seconds)));
}

/// A repeat of her text left after so many seconds.
fn ana_again(one: &mut OneCall, seconds: u64) {
    let (first, begin) = (one.state.attempts[1].id, one.state.call.accepted_at);
    let again = one.notice(1, "ana", AttemptState::Submitted);
    (again.repeats, again.created_at) = (Some(first), begin.plus(secs(650)));
    again.sent_at = Some(begin.plus(secs(seconds)));
}

#[test]
fn whoever_was_told_only_after_the_end_of_the_ladder_has_the_same_time_to_answer() {
    use AttemptState as S;
    // The end is at 660 s. When the engine looks, in seconds → when it looks again; `None`: the call is exhausted.
    let table: [(&str, Otherwise, u64, Option<u64>); 18] = [
        ("told in time", |_| {}, 660, None),
        ("told as late as nobody is alarmed of", |o| ana_left(o, 90), 660, None),
        ("told first, and late", |o| ana_left(o, 91), 660, Some(691)),
        ("told first at the very end", |o| ana_left(o, 660), 660, Some(1_260)),
        (
            "told at the very end, and nobody knows of the text before",
            |o| {
                (o.state.attempts[1].state, o.state.attempts[1].sid) = (S::Unknown, None);
                ana_again(o, 660);
            },
            660,
            Some(1_260),
        ),
        ("told again at the very end", |o| ana_again(o, 660), 660, None),
        ("told later", |o| ana_left(o, 661), 700, Some(1_261)),
        (
            "told late, as the duty was passed on to her",
            |o| {
                let begin = o.state.call.accepted_at;
                (o.state.attempts[1].state, o.state.attempts[1].sent_at) = (S::Skipped, None);
                let on = o.notice(1, "olga", S::Submitted);
                (on.created_at, on.sent_at) = (begin.plus(secs(400)), Some(begin.plus(secs(401))));
            },
            660,
            Some(1_001),
        ),
        ("told late, before the clock was set back", |o| ana_left(o, 86_400), 660, None),
        (
            "her text failed, and its resend waits: she is told first",
            |o| {
                o.state.attempts[1].state = S::Failed;
                let first = o.state.attempts[1].id;
                o.notice(1, "ana", S::Scheduled).repeats = Some(first);
            },
            660,
            Some(1_260),
        ),
        ("told later, and that time is over", |o| ana_left(o, 661), 1_261, None),
        (
            "her text failed",
            |o| {
                ana_left(o, 661);
                o.state.attempts[1].state = S::Failed;
            },
            700,
            None,
        ),
        (
            "she has passed",
            |o| {
                ana_left(o, 661);
                o.state.call.exclude_passed(&contact("ana"));
            },
            700,
            None,
        ),
        (
            "it was no notice",
            |o| {
                ana_left(o, 661);
                o.state.attempts[1].kind = AttemptKind::Update;
            },
            700,
            None,
        ),
        (
            "it was of the round before",
            |o| {
                ana_left(o, 661);
                o.state.attempts[1].round = 1;
            },
            700,
            None,
        ),
        ("a repeat of her text left later", |o| ana_again(o, 670), 700, Some(1_270)),
        (
            "her text waits: she is told first",
            |o| {
                let a = &mut o.state.attempts[1];
                (a.state, a.sent_at, a.sid) = (S::Scheduled, None, None);
            },
            660,
            Some(1_260),
        ),
        (
            "a reminder waits for whoever was told",
            |o| {
                o.notice(1, "sam", S::Scheduled);
            },
            660,
            None,
        ),
    ];
    for (label, otherwise, seconds, want) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
        let begin = one.now;
        one.state.call.round = 2;
        one.notice(0, "sam", S::Delivered);
        one.notice(1, "ana", S::Submitted).created_at = begin.plus(secs(60));
        ana_left(&mut one, 60);
        otherwise(&mut one);
        one.now = begin.plus(secs(seconds));
        (one.state.call.next_step, one.state.call.wake_at) = (2, Some(one.now));
        one.wake();
        let status = if want.is_some() { CallStatus::Dispatching } else { CallStatus::Exhausted };
        assert_eq!(one.state.call.status, status, "{label}");
        assert_eq!(one.state.call.wake_at, want.map(|s| begin.plus(secs(s))), "{label}");
    }
}

#[test]
fn that_the_last_resort_did_not_take_a_call_either_is_told_under_the_alert_that_stands() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.directory.last_resort = vec![contact("olga")];
    one.notice(0, "sam", AttemptState::Delivered);
    one.notice(1, "olga", AttemptState::Delivered);
    one.now = one.now.plus(mins(30));
    (one.state.call.next_step, one.state.call.wake_at) = (2, Some(one.now));
    let change = one.wake();
    assert_eq!(one.state.call.status, CallStatus::Exhausted);
    let key = AlertKind::Exhausted.about("c");
    let is_told = |a: &AlertChange| matches!(a, AlertChange::Again { key: of, .. } if *of == key);
    assert!(change.alerts.iter().any(is_told), "{:?}", change.alerts);
}

#[test]
fn where_nobody_of_the_last_resort_can_be_told_the_call_is_given_up_at_once() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.directory.last_resort = vec![contact("olga")];
    one.notice(0, "sam", AttemptState::Delivered);
    one.state.call.exclude_passed(&contact("olga"));
    one.now = one.now.plus(mins(30));
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now));
    let change = one.wake();
    // Sam has had his time, and nobody else is given any.
    assert_eq!(one.state.call.status, CallStatus::Exhausted);
    let said: Vec<&str> = change.log.iter().map(|e| e.message.as_str()).collect();
    assert!(said.iter().any(|t| t.contains("the last resort skipped: Olga Lind passed")), "{said:?}");
    let told = |a: &AlertChange| matches!(a, AlertChange::Raise { message, .. } if message.contains("is told now"));
    assert!(!change.alerts.iter().any(told), "{:?}", change.alerts);
}

#[test]
fn the_last_resort_stays_to_be_told_where_it_cannot_be_told_before_the_end() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.directory.last_resort = vec![contact("olga")];
    one.notice(0, "sam", AttemptState::Delivered);
    one.state.call.exclude_passed(&contact("olga"));
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now.plus(mins(10))));
    let call = one.state.call.id.clone();
    let by = Actor("mia".into());
    let change = one.apply(&Event::Decide { call, what: Decision::FireNow, by, note: None });
    assert!(matches!(change.answer, Answer::NotAllowed(..)), "{:?}", change.answer);
    assert_eq!((one.state.call.status, one.state.call.next_step), (CallStatus::Dispatching, 1));
    assert_eq!(change.log.len(), 0, "{:?}", change.log);
}
