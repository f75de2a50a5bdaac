//! Whoever has a call is asked whether it goes on, and rung where that cannot be; and steps that an operator fires by hand.

use super::one_call::{OneCall, contact, raised};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Priority};
use crate::domain::call::CallStatus;
use crate::domain::rules::SilentHolder;
use crate::domain::{AlertKind, by_hand, followthrough, raise_untold};
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// Sam has the call, and is asked after two hours; unanswered for half an hour, it looks for somebody again.
fn taken() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
    one.notice(0, "sam", AttemptState::Delivered);
    one.rules.followthrough.ask_after = Some(mins(120));
    one.rules.followthrough.reopen_after = mins(30);
    one.rules.followthrough.silent = SilentHolder::Loses;
    let call = &mut one.state.call;
    (call.status, call.holder, call.wake_at) = (CallStatus::Acknowledged, Some(contact("sam")), None);
    (call.ask_at, call.next_step) = (Some(one.now.plus(mins(120))), 1);
    one.now = one.now.plus(mins(120));
    one
}

#[test]
fn whoever_has_a_call_is_asked_once_that_is_due_and_nobody_of_a_call_that_nobody_has() {
    let table: [(&str, Otherwise, usize); 4] = [
        ("it is due", |_| {}, 1),
        ("it is not yet due", |o| o.state.call.ask_at = Some(o.now.plus(secs(1))), 0),
        ("nothing is to be asked", |o| o.state.call.ask_at = None, 0),
        ("the call looks for somebody again", |o| o.state.call.status = CallStatus::Dispatching, 0),
    ];
    for (label, otherwise, want) in table {
        let mut one = taken();
        otherwise(&mut one);
        let asked = one.work(|w| {
            followthrough::due(w).expect("a decision");
            w.state.attempts.iter().filter(|a| a.kind == AttemptKind::Question).count()
        });
        assert_eq!(asked, want, "{label}");
    }
}

/// The next attempt of the call is a question in that state, made so many minutes ago.
fn question(one: &mut OneCall, minutes: u64, state: AttemptState) {
    let created_at = one.now.minus(mins(minutes));
    let a = one.notice(0, "sam", state);
    (a.kind, a.created_at) = (AttemptKind::Question, created_at);
    a.sent_at = a.sent_at.map(|_| created_at);
}

#[test]
fn whom_no_question_of_this_asking_reached_keeps_the_call_and_is_waited_for_only_while_one_may_leave() {
    use AttemptState as S;
    // What became of the question → whether the call stays Sam's, and whether that is looked at again.
    let table: [(&str, Otherwise, (bool, bool)); 8] = [
        ("it left, and nobody answered", |o| question(o, 0, S::Delivered), (false, false)),
        ("nobody knows whether it left, and nobody answered", |o| question(o, 0, S::Unknown), (false, false)),
        ("it waits", |o| question(o, 0, S::Scheduled), (true, true)),
        ("it waits to be tried again", |o| question(o, 0, S::Retrying), (true, true)),
        ("it failed", |o| question(o, 0, S::Failed), (true, false)),
        ("there is none", |_| {}, (true, false)),
        ("it is of an earlier asking", |o| question(o, 60, S::Delivered), (true, false)),
        (
            "it waits, and another text has left since",
            |o| {
                question(o, 0, S::Scheduled);
                question(o, 0, S::Delivered);
                o.state.attempts[2].kind = AttemptKind::Update;
            },
            (true, true),
        ),
    ];
    for (label, otherwise, want) in table {
        let mut one = taken();
        one.state.call.asked_at = Some(one.now);
        otherwise(&mut one);
        one.now = one.now.plus(mins(30));
        one.state.call.ask_at = Some(one.now);
        let (state, alerts) = one.work(|w| {
            followthrough::due(w).expect("a decision");
            (w.state.clone(), raised(&w.change.alerts))
        });
        let stays = state.call.status == CallStatus::Acknowledged;
        assert_eq!((stays, state.call.ask_at.is_some()), want, "{label}");
        let kinds: Vec<AlertKind> = alerts.iter().map(|(key, _)| key.kind()).collect();
        assert_eq!(kinds, [AlertKind::TakenSilent], "{label}: a person rings them");
    }
}

#[test]
fn a_person_rings_whoever_has_a_call_where_a_question_or_the_text_of_a_raise_may_not_have_reached_them() {
    type Differs = fn(&mut OneCall, &mut Attempt);
    let table: [(&str, Differs, Option<AlertKind>); 9] = [
        ("a question", |_, _| {}, Some(AlertKind::TakenSilent)),
        ("a question that was answered", |o, _| o.state.call.asked_at = None, None),
        ("a question to who had it before", |o, _| o.state.call.holder = Some(contact("ana")), None),
        ("a question about what is done", |o, _| o.state.call.status = CallStatus::Resolved, None),
        ("a notice", |_, a| a.kind = AttemptKind::Notice, None),
        (
            "the text of a raise",
            |_, a| (a.kind, a.priority) = (AttemptKind::Update, Priority::First),
            Some(AlertKind::RaiseUntold),
        ),
        ("another update", |_, a| (a.kind, a.priority) = (AttemptKind::Update, Priority::Reminder), None),
        (
            "the text of a raise to who had it before",
            |o, a| {
                o.state.call.holder = Some(contact("ana"));
                (a.kind, a.priority) = (AttemptKind::Update, Priority::First);
            },
            None,
        ),
        (
            "the text of a raise of what is done",
            |o, a| {
                o.state.call.status = CallStatus::Resolved;
                (a.kind, a.priority) = (AttemptKind::Update, Priority::First);
            },
            None,
        ),
    ];
    for (label, differs, want) in table {
        let mut one = taken();
        one.state.call.asked_at = Some(one.now);
        question(&mut one, 0, AttemptState::Failed);
        let mut a = one.attempt(2).clone();
        differs(&mut one, &mut a);
        let alerts = one.work(|w| {
            raise_untold::page(w, &a, "failed");
            raised(&w.change.alerts)
        });
        let kinds: Vec<AlertKind> = alerts.iter().map(|(key, _)| key.kind()).collect();
        assert_eq!(kinds, Vec::from_iter(want), "{label}");
    }
}

#[test]
fn a_step_to_come_may_be_fired_by_hand_the_next_one_too_and_none_twice() {
    let table: [(&str, Otherwise, u32, Option<&str>); 4] = [
        ("the next step", |_| {}, 1, None),
        ("a step that was fired", |_| {}, 0, Some("step 1 was fired or skipped already")),
        ("a step that there is not", |_| {}, 2, Some("it has no step 3: its ladder has 2")),
        ("follow-ups that were cancelled", |o| o.state.call.muted = true, 1, Some("its follow-ups were cancelled")),
    ];
    for (label, otherwise, step, refused) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
        one.notice(0, "sam", AttemptState::Delivered);
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now.plus(secs(600))));
        otherwise(&mut one);
        let (why_not, told) = one.work(|w| {
            let why_not = by_hand::fire_step(w, step).expect("a decision");
            let told: Vec<String> =
                w.state.attempts.iter().skip(1).map(|a| a.recipient.contact.as_str().to_owned()).collect();
            (why_not, told)
        });
        assert_eq!(why_not.as_deref(), refused, "{label}");
        assert_eq!(told == ["ana"], refused.is_none(), "{label}: {told:?}");
    }
}
