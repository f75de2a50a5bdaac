//! Steps that come due: which wait for a breaker, whom they tell, and what moves the ladder before its time.

use std::time::Duration;

use super::one_call::{OneCall, contact, ladder_by, open_breaker, raised};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::codes::Class;
use crate::domain::mail::RELAY;
use crate::domain::missed_steps;
use crate::domain::sequence;
use crate::domain::types::Timestamp;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

#[test]
fn while_a_step_waits_for_a_breaker_the_call_is_looked_at_for_a_step_by_another_channel_or_for_the_next_probe() {
    use Channel::{Email, Sms};
    // The ladder with its waits, what fails → the seconds until the call is looked at again, and what is said to wait.
    type Row = (&'static str, &'static [(Channel, u64)], &'static str, u64, &'static str);
    let table: [Row; 5] = [
        ("a mail is next", &[(Sms, 0), (Sms, 60), (Email, 20)], fixtures::SENDER, 20, "step 2 is due and waits"),
        ("a mail is much later", &[(Sms, 0), (Sms, 60), (Email, 90)], fixtures::SENDER, 60, "step 2 is due and waits"),
        ("texts alone", &[(Sms, 0), (Sms, 60)], fixtures::SENDER, 60, "step 2 is due and waits"),
        ("mails alone, the last resort by text", &[(Email, 0), (Email, 60)], RELAY, 60, "step 2 is due and waits"),
        ("no step is left", &[(Sms, 0)], fixtures::SENDER, 60, "the end of the ladder is due and waits"),
    ];
    for (label, steps, failing, seconds, said) in table {
        let mut policy = ladder_by(steps);
        policy.exhaust_after = secs(20);
        let mut one = OneCall::new(policy);
        let begin = one.now;
        one.loaded.breakers = vec![open_breaker(failing, begin, begin.plus(secs(60)))];
        one.notice_by(steps[0].0, 0, "sam", AttemptState::Scheduled);
        let due = begin.plus(secs(60));
        (one.now, one.state.call.next_step, one.state.call.wake_at) = (due, 1, Some(due));
        let change = one.wake();
        let call = &one.state.call;
        assert_eq!((call.deferred_from, call.next_step), (Some(due), 1), "{label}: deferred, not consumed");
        assert_eq!(call.wake_at, Some(due.plus(secs(seconds))), "{label}");
        let log: Vec<&str> = change.log.iter().map(|e| e.message.as_str()).collect();
        assert!(log.iter().any(|line| line.starts_with(said)), "{label}: {log:?}");
    }
}

#[test]
fn the_end_of_the_ladder_waits_for_a_text_that_was_tried_in_vain_whoever_else_the_last_resort_names() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    let begin = one.now;
    one.directory.last_resort = vec![contact("olga"), contact("ana")];
    one.notice(0, "sam", AttemptState::Submitted);
    one.notice(1, "ana", AttemptState::Submitted);
    let probe = one.notice(1, "olga", AttemptState::Failed);
    (probe.class, probe.sent_at) = (Some(Class::Sender), Some(begin.plus(secs(5))));
    let probe = probe.id;
    one.notice(1, "olga", AttemptState::Scheduled).repeats = Some(probe);
    one.loaded.breakers = vec![open_breaker(fixtures::SENDER, begin, begin.plus(secs(720)))];
    one.now = begin.plus(secs(700));
    // The last resort was told: nothing but the end is next.
    (one.state.call.next_step, one.state.call.wake_at) = (2, Some(one.now));
    one.wake();
    assert_eq!(one.state.call.deferred_from, Some(one.now));
}

#[test]
fn steps_that_waited_tell_again_whoever_was_told_before_and_nobody_whom_a_probe_may_have_told_meanwhile() {
    use AttemptState as S;
    type Earlier = fn(&mut Attempt, Timestamp);
    // How the text before it went, and whether Sam is told again by the step that waited.
    let table: [(&str, Earlier, bool); 6] = [
        ("accepted before", |_, _| {}, true),
        ("a probe that was accepted", |a, since| a.sent_at = Some(since), false),
        ("a probe of which nobody knows", |a, since| (a.state, a.sent_at) = (S::Unknown, Some(since)), false),
        ("a probe that failed", |a, since| (a.state, a.sent_at) = (S::Failed, Some(since)), true),
        ("a stand-down", |a, since| (a.kind, a.sent_at) = (AttemptKind::StandDown, Some(since)), true),
        ("of the round before", |a, since| (a.round, a.sent_at) = (1, Some(since)), true),
    ];
    for (label, earlier, again) in table {
        let mut one = OneCall::new(ladder_by(&[(Channel::Sms, 0), (Channel::Sms, 60)]));
        let since = one.now.plus(secs(60));
        one.state.call.round = 2;
        earlier(one.notice(0, "sam", S::Submitted), since);
        one.now = since.plus(secs(240));
        let call = &mut one.state.call;
        (call.next_step, call.deferred_from, call.wake_at) = (1, Some(since), Some(one.now));
        one.wake();
        assert_eq!(one.state.call.next_step, 2, "{label}: it fires, whomever it tells");
        assert_eq!(one.told_after(1).len(), usize::from(again), "{label}");
    }
}

#[test]
fn a_text_that_had_waited_stands_for_missed_steps_where_it_left_after_the_last_of_them_that_names_its_reader() {
    // The steps were due at 60 seconds and so long after that; when it left.
    for (wait, left, again) in [
        (60, 90, true),
        (60, 119, true),
        (60, 120, false),
        (60, 150, false),
        (20, 79, true),
        (20, 80, false),
        (20, 110, false),
    ] {
        let mut one = OneCall::new(ladder_by(&[(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Sms, wait)]));
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Submitted).sent_at = Some(begin.plus(secs(left)));
        one.now = begin.plus(secs(200));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(begin.plus(secs(60))));
        one.wake();
        assert_eq!(one.state.call.next_step, 3, "{wait}, {left}: both fire");
        assert_eq!(one.told_after(1).len(), usize::from(again), "{wait}, {left}");
    }
}

#[test]
fn a_text_that_left_just_in_time_does_not_stand_for_a_late_one_of_the_same_step() {
    // How long after its time the first of two texts of a step left; the other one leaves 35 s after it.
    for (first, alarms) in [(30, 1), (31, 0)] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["owner"]), (secs(60), &["primary", "backup"])]));
        let due = one.now.plus(secs(60));
        let sams = one.notice(1, "sam", AttemptState::Submitted);
        (sams.due_at, sams.sent_at) = (Some(due), Some(due.plus(secs(first))));
        one.notice(1, "ana", AttemptState::Scheduled).due_at = Some(due);
        one.now = due.plus(secs(35));
        let anas = one.attempt(2).id;
        let said = one.work(|w| {
            sequence::judge_lateness(w, anas).expect("judged");
            raised(&w.change.alerts)
        });
        assert_eq!(said.len(), alarms, "{first}: one alert a step: {said:?}");
    }
}

/// Whether the failure of this attempt moves the ladder.
fn moves_the_ladder(one: &OneCall, failed: u32) -> bool {
    let (id, who) = (one.attempt(failed).id, one.attempt(failed).recipient.contact.clone());
    let next = one.work(|w| {
        sequence::escalate_now(w, Some(id), &who, "it failed").expect("decided");
        w.state.call.next_step
    });
    next > one.state.call.next_step
}

#[test]
fn a_failure_moves_the_ladder_unless_a_later_text_to_the_same_contact_is_alive() {
    use AttemptState as S;
    // Sam's texts with their steps, which of them failed, whether the ladder moves.
    for (label, texts, failed, want) in [
        ("an earlier one arrived", [(0, S::Delivered), (1, S::Failed)], 2, true),
        ("an earlier one is on its way", [(0, S::Submitted), (1, S::Failed)], 2, true),
        ("an earlier one failed", [(0, S::Failed), (0, S::Failed)], 2, true),
        ("a later one is on its way", [(0, S::Failed), (0, S::Submitted)], 1, false),
        ("a later one waits", [(0, S::Failed), (0, S::Scheduled)], 1, false),
        ("a later one arrived", [(0, S::Failed), (0, S::Delivered)], 1, false),
        ("a later one failed too", [(0, S::Failed), (0, S::Failed)], 1, true),
    ] {
        let steps: &[(Duration, &[&str])] =
            &[(secs(0), &["primary"]), (secs(60), &["primary"]), (secs(600), &["backup"])];
        let mut one = OneCall::new(fixtures::policy("p", steps));
        for (step, state) in texts {
            one.notice(step, "sam", state);
            one.state.call.next_step = step + 1;
        }
        assert_eq!(moves_the_ladder(&one, failed), want, "{label}");
    }
}

#[test]
fn a_text_that_was_made_together_with_a_mail_moves_the_ladder_though_the_mails_step_is_later() {
    use AttemptState as S;
    // When the text of the second step and the mail of the third were made; whether the text was repeated, in vain too.
    for (label, text, mail, again, want) in [
        ("both steps were missed, and fired together", 200, 200, false, true),
        ("the same, and the text failed twice", 200, 200, true, true),
        ("the mail's step has fired since", 60, 120, false, false),
        ("it has, and the text failed twice", 60, 120, true, false),
    ] {
        let steps = [(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Email, 60), (Channel::Sms, 600)];
        let mut one = OneCall::new(ladder_by(&steps));
        one.state.call.next_step = 3;
        let begin = one.now;
        one.notice(0, "sam", S::Delivered);
        one.notice(1, "sam", S::Failed).created_at = begin.plus(secs(text));
        one.notice_by(Channel::Email, 2, "sam", S::Submitted).created_at = begin.plus(secs(mail));
        if again {
            let first = one.attempt(2).id;
            let repeat = one.notice(1, "sam", S::Failed);
            (repeat.repeats, repeat.created_at) = (Some(first), begin.plus(secs(text + 20)));
        }
        one.now = begin.plus(secs(300));
        let failed = one.state.call.attempts;
        assert_eq!(moves_the_ladder(&one, if again { failed } else { 2 }), want, "{label}");
    }
}

#[test]
fn where_nobody_is_left_to_tell_the_call_is_exhausted_at_once_unless_whoever_was_told_may_answer() {
    use AttemptState as S;
    let table: [(&str, Otherwise, CallStatus); 6] = [
        (
            "he cannot be reached",
            |o| {
                o.notice(0, "sam", S::Failed);
                o.state.call.exclude_failed(&contact("sam"), Channel::Sms);
            },
            CallStatus::Exhausted,
        ),
        (
            "nothing but a note to him waits",
            |o| o.notice(0, "sam", S::Scheduled).kind = AttemptKind::Update,
            CallStatus::Exhausted,
        ),
        (
            "he passed",
            |o| {
                o.notice(0, "sam", S::Delivered);
                o.state.call.exclude_passed(&contact("sam"));
            },
            CallStatus::Exhausted,
        ),
        ("he was told in the round before", |o| o.notice(0, "sam", S::Delivered).round = 1, CallStatus::Exhausted),
        (
            "he was told",
            |o| {
                o.notice(0, "sam", S::Delivered);
            },
            CallStatus::Dispatching,
        ),
        (
            "his text waits",
            |o| {
                o.notice(0, "sam", S::Scheduled);
            },
            CallStatus::Dispatching,
        ),
    ];
    for (label, sams, want) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
        (one.state.call.round, one.state.call.next_step) = (2, 2);
        sams(&mut one);
        let (id, ana) = (one.notice(1, "ana", S::Failed).id, contact("ana"));
        one.state.call.exclude_failed(&ana, Channel::Sms);
        let status = one.work(|w| {
            sequence::escalate_now(w, Some(id), &ana, "her text failed").expect("decided");
            w.state.call.status
        });
        assert_eq!(status, want, "{label}");
    }
}

#[test]
fn a_step_is_due_soon_where_nothing_can_come_between() {
    // Whom the next two steps name, the wait of the second, when the first is due; it is the thousandth second.
    for (label, second, third, wait, due, want) in [
        ("the next one names them", "backup", "owner", 5, 1_010, true),
        ("just within the time", "backup", "owner", 5, 1_020, true),
        ("too late", "backup", "owner", 5, 1_021, false),
        ("behind one that finds nobody", "nobody", "backup", 5, 1_010, true),
        ("behind one that tells others and is still to come", "owner", "backup", 5, 1_010, false),
        ("behind one that tells others, both overdue", "owner", "backup", 10, 970, true),
        ("behind one that tells others, due this moment", "owner", "backup", 5, 995, true),
        ("none names them", "owner", "owner", 5, 970, false),
    ] {
        let mut one = OneCall::new(fixtures::policy(
            "p",
            &[(secs(0), &["primary"]), (secs(10), &[second]), (secs(wait), &[third])],
        ));
        let begin = one.now;
        one.now = begin.plus(secs(1_000));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(begin.plus(secs(due))));
        let ana = contact("ana");
        let soon = one.work(|w| sequence::is_due_soon(w, (&ana, Channel::Sms), secs(20)));
        assert_eq!(soon, want, "{label}");
    }
}

#[test]
fn cancelled_follow_ups_go_all_the_same_where_they_are_the_first_that_anybody_hears_of_the_call() {
    use AttemptState as S;
    let told: Otherwise = |o| {
        o.notice(0, "sam", S::Delivered);
        o.state.call.notified_at = Some(o.now);
    };
    let lost: Otherwise = |o| {
        o.notice(0, "sam", S::Unknown);
    };
    let failed: Otherwise = |o| {
        o.notice(0, "sam", S::Failed);
    };
    // What became of the first text, whom the text that waits goes to, its step and kind; what becomes of it.
    for (label, first, who, step, kind, want) in [
        ("somebody else was told", told, "ana", 1, AttemptKind::Notice, S::Cancelled),
        ("they were told", told, "sam", 1, AttemptKind::Notice, S::Cancelled),
        ("they may have been told", lost, "sam", 1, AttemptKind::Notice, S::Cancelled),
        ("nobody was told, and they are new", failed, "ana", 1, AttemptKind::Notice, S::Scheduled),
        ("the first step's", told, "ana", 0, AttemptKind::Notice, S::Scheduled),
        ("the last resort's", told, "olga", 2, AttemptKind::Notice, S::Scheduled),
        ("no notice", told, "ana", 1, AttemptKind::Update, S::Scheduled),
    ] {
        let mut one =
            OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["primary", "backup"])]));
        first(&mut one);
        one.notice(step, who, S::Scheduled).kind = kind;
        let state = one.work(|w| {
            sequence::cancel_follow_ups(w, "a person stopped them").expect("cancelled");
            w.state.attempts.last().map(|a| a.state)
        });
        assert_eq!(state, Some(want), "{label}");
    }
}

#[test]
fn missed_steps_are_those_of_a_call_that_looks_for_somebody_and_whose_time_is_past() {
    // The call's status, when it is looked at and since when its steps wait, in seconds; it is the two hundredth.
    for (status, wake, since, want) in [
        (CallStatus::Dispatching, 60, None, vec![1_u32, 2]),
        (CallStatus::Dispatching, 130, None, vec![1, 2]),
        (CallStatus::Dispatching, 150, None, vec![1]),
        (CallStatus::Dispatching, 200, Some(60), vec![1, 2]),
        (CallStatus::Dispatching, 201, None, vec![]),
        (CallStatus::Deferred, 60, None, vec![]),
    ] {
        let mut one = OneCall::new(ladder_by(&[(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Sms, 60)]));
        let begin = one.now;
        let call = &mut one.state.call;
        (call.status, call.next_step) = (status, 1);
        (call.wake_at, call.deferred_from) = (Some(begin.plus(secs(wake))), since.map(|s| begin.plus(secs(s))));
        assert_eq!(missed_steps(call, begin.plus(secs(200))), want, "{status} {wake} {since:?}");
    }
}

#[test]
fn a_step_follows_where_one_to_come_finds_somebody_the_last_resort_included() {
    const OLGA: Option<&str> = Some("olga");
    for (next, last_resort, want) in
        [(0, None, true), (1, None, false), (2, None, false), (1, OLGA, true), (2, OLGA, true), (3, OLGA, false)]
    {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["nobody"])]));
        one.state.call.next_step = next;
        one.directory.last_resort = last_resort.map(contact).into_iter().collect();
        assert_eq!(one.work(|w| sequence::a_step_follows(w)), want, "{next} {last_resort:?}");
    }
}
