//! What is sent once more where nobody knows whether a text arrived.

use super::one_call::{OneCall, contact, raised};
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel, Priority, ResendReason};
use crate::domain::call::CallStatus;
use crate::domain::codes::Class;
use crate::domain::event::{Event, Source};
use crate::domain::resend;
use crate::testing::harness::{sid, update};
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

#[test]
fn a_reminder_of_which_nobody_knows_is_repeated_where_no_text_before_it_is_known_to_have_arrived() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 13] = [
        (
            "the first text failed, and this one was to stand for it",
            |o| {
                o.notice(0, "sam", S::Failed);
            },
            true,
        ),
        (
            "the first text stays unknown",
            |o| o.notice(0, "sam", S::Unknown).decided_at = Some(o.state.call.accepted_at),
            true,
        ),
        (
            "the first text is still looked for",
            |o| {
                o.notice(0, "sam", S::Unknown);
            },
            false,
        ),
        (
            "the first text was accepted",
            |o| {
                o.notice(0, "sam", S::Submitted);
            },
            false,
        ),
        (
            "the first text failed, and another one was accepted",
            |o| {
                o.notice(0, "sam", S::Failed);
                o.notice(0, "sam", S::Submitted).priority = Priority::Reminder;
            },
            false,
        ),
        (
            "the first text failed and was repeated, in vain too",
            |o| {
                let first = o.notice(0, "sam", S::Failed).id;
                let again = o.notice(0, "sam", S::Failed);
                (again.repeats, again.priority) = (Some(first), Priority::Reminder);
            },
            false,
        ),
        ("a reminder failed before", |o| o.notice(0, "sam", S::Failed).priority = Priority::Reminder, false),
        (
            "the first text failed, and somebody else's was accepted",
            |o| {
                o.notice(0, "sam", S::Failed);
                o.notice(0, "ana", S::Submitted);
            },
            true,
        ),
        ("the first text, which failed, was of the round before", |o| o.notice(0, "sam", S::Failed).round = 1, false),
        (
            "it was a mail that failed",
            |o| {
                o.notice_by(Channel::Email, 0, "sam", S::Failed);
            },
            false,
        ),
        ("what failed was no notice", |o| o.notice(0, "sam", S::Failed).kind = AttemptKind::Update, false),
        (
            "the first text failed, and what has changed was texted to him",
            |o| {
                o.notice(0, "sam", S::Failed);
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::Update;
            },
            true,
        ),
        (
            "the first text was refused, and its repeat failed after it was accepted",
            |o| {
                let first = o.notice(0, "sam", S::Failed).id;
                let again = o.notice(0, "sam", S::Failed);
                (again.repeats, again.sid) = (Some(first), Some(sid(2)));
            },
            true,
        ),
    ];
    for (label, before, repeated) in table {
        let steps = fixtures::policy(
            "p",
            &[(secs(0), &["primary", "backup"]), (secs(60), &["primary"]), (secs(600), &["owner"])],
        );
        let mut one = OneCall::new(steps);
        let begin = one.now;
        one.state.call.round = 2;
        before(&mut one);
        let a = one.notice(1, "sam", S::Unknown);
        (a.priority, a.sent_at) = (Priority::Reminder, Some(begin.plus(secs(60))));
        let id = a.id;
        one.now = begin.plus(secs(121));
        (one.state.call.next_step, one.state.call.wake_at) = (2, Some(begin.plus(secs(660))));
        let made = one.work(|w| {
            resend::by_policy(w, id, "it is not in the provider's list").expect("decided");
            w.state.attempts.iter().any(|a| a.repeats == Some(id))
        });
        assert_eq!(made, repeated, "{label}");
    }
}

#[test]
fn the_policy_decides_once_of_a_text_whatever_its_carrier_says_of_it_later() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["owner"])]));
    let begin = one.now;
    let first = one.notice(0, "sam", AttemptState::Unknown);
    (first.decided_at, first.sid) = (Some(begin.plus(secs(60))), Some(sid(1)));
    let first = first.id;
    one.notice(0, "sam", AttemptState::Unknown).repeats = Some(first);
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(begin.plus(secs(600))));
    one.now = begin.plus(secs(100));
    // 30410: the carrier did not answer in time.
    one.apply(&Event::StatusUpdate(update(Some(first), 1, "undelivered", Some(30_410), Source::List)));
    assert_eq!(one.attempt(1).state, AttemptState::Failed);
    assert!(one.told_after(2).is_empty(), "its repeat may have arrived: {:?}", one.state.attempts);
}

/// Sam's first text is unknown since the call was accepted.
fn unknown() -> OneCall {
    let steps = fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["primary"]), (secs(600), &["owner"])]);
    let mut one = OneCall::new(steps);
    let begin = one.now;
    one.state.call.round = 2;
    one.notice(0, "sam", AttemptState::Unknown);
    (one.state.call.next_step, one.state.call.wake_at) = (2, Some(begin.plus(secs(660))));
    one
}

#[test]
fn the_policy_decides_once_no_later_text_to_the_same_contact_is_under_way() {
    use AttemptState as S;
    for (who, state, decides) in [
        ("sam", S::Scheduled, false),
        ("sam", S::Retrying, false),
        ("sam", S::Sending, false),
        ("sam", S::Submitted, true),
        ("sam", S::Failed, true),
        ("ana", S::Scheduled, true),
        ("ana", S::Sending, true),
    ] {
        let mut one = unknown();
        one.notice(1, who, state);
        let (id, began_at) = (one.attempt(1).id, one.now.plus(secs(31)));
        one.now = one.now.plus(secs(61));
        let decided_at = one.work(|w| {
            resend::searched(w, id, true, began_at).expect("searched");
            w.state.attempts[0].decided_at
        });
        assert_eq!(decided_at, decides.then_some(one.now), "{who} {state}");
    }
}

#[test]
fn what_is_not_found_is_looked_for_soon_until_a_search_that_counts_and_rarely_after_the_decision() {
    // Whether the policy has decided, and the list was read to its end; when the search began and ended, in seconds since the
    // text left → the pause to the next one.
    for (decided, complete, began, over, pause) in [
        (false, true, 31, 40, Some(2)),
        (true, true, 40, 100, Some(300)),
        (true, false, 40, 100, Some(2)),
        (true, true, 29, 100, Some(2)),
        (true, false, 40, 329, Some(2)),
        (true, false, 40, 330, Some(300)),
        (true, true, 40, 72 * 3_600 - 1, Some(300)),
        (true, true, 40, 72 * 3_600, None),
    ] {
        let mut one = unknown();
        let begin = one.now;
        one.state.attempts[0].decided_at = decided.then(|| begin.plus(secs(60)));
        one.now = begin.plus(secs(over));
        let id = one.attempt(1).id;
        let again = one.work(|w| {
            resend::searched(w, id, complete, begin.plus(secs(began))).expect("searched");
            w.state.attempts[0].poll_at
        });
        let want = pause.map(|s| one.now.plus(secs(s)));
        assert_eq!(again, want, "{decided} {complete} {began} {over}");
    }
}

#[test]
fn a_search_in_vain_changes_nothing_of_a_text_whose_outcome_is_known_meanwhile() {
    for (state, has_message) in [(AttemptState::Failed, false), (AttemptState::Unknown, true)] {
        let mut one = unknown();
        one.state.attempts[0].state = state;
        one.state.attempts[0].sid = has_message.then(|| sid(1));
        let (id, before) = (one.attempt(1).id, one.attempt(1).clone());
        one.now = one.now.plus(secs(200));
        let after = one.work(|w| {
            resend::searched(w, id, true, w.ctx.now).expect("searched");
            w.state.attempts[0].clone()
        });
        assert_eq!(after, before, "{state}");
    }
}

#[test]
fn a_text_of_which_nobody_knows_alarms_only_while_it_matters_whether_it_arrived() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 8] = [
        ("as it is", |_| {}, true),
        (
            "the call is taken",
            |o| (o.state.call.status, o.state.call.wake_at) = (CallStatus::Acknowledged, None),
            false,
        ),
        ("a new round has begun", |o| o.state.call.round = 3, false),
        ("its reader has passed", |o| o.state.call.exclude_passed(&contact("sam")), false),
        ("it was no notice", |o| o.state.attempts[0].kind = AttemptKind::StandDown, false),
        (
            "a later text to him was accepted",
            |o| {
                o.notice(1, "sam", S::Submitted);
            },
            false,
        ),
        (
            "a later text to him failed",
            |o| {
                o.notice(1, "sam", S::Failed);
            },
            true,
        ),
        (
            "a later text to somebody else was accepted",
            |o| {
                o.notice(1, "ana", S::Submitted);
            },
            true,
        ),
    ];
    for (label, otherwise, alarms) in table {
        let mut one = unknown();
        one.state.attempts[0].decided_at = Some(one.now.plus(secs(60)));
        otherwise(&mut one);
        let (id, began_at) = (one.attempt(1).id, one.now.plus(secs(300)));
        one.now = one.now.plus(secs(301));
        let said = one.work(|w| {
            resend::searched(w, id, true, began_at).expect("searched");
            raised(&w.change.alerts)
        });
        let keys: Vec<AlertKey> = said.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys.contains(&AlertKind::UnknownOutcome.about(id)), alarms, "{label}: {keys:?}");
    }
}

#[test]
fn an_accepted_text_ends_the_alarms_about_earlier_ones_to_the_same_contact_by_the_same_channel() {
    use AttemptState as S;
    let mut one = unknown();
    let decided = Some(one.now.plus(secs(60)));
    one.state.attempts[0].decided_at = decided;
    one.notice(0, "ana", S::Unknown).decided_at = decided;
    one.notice_by(Channel::Email, 0, "sam", S::Unknown).decided_at = decided;
    one.notice(1, "sam", S::Unknown);
    let accepted = one.notice(1, "sam", S::Submitted).id;
    one.notice(2, "sam", S::Unknown).decided_at = decided;
    let over: Vec<AlertKey> = one.work(|w| {
        resend::resolve_earlier(w, accepted).expect("resolved");
        let resolved = |a: &AlertChange| if let AlertChange::Resolve { key } = a { Some(key.clone()) } else { None };
        w.change.alerts.iter().filter_map(resolved).collect()
    });
    assert_eq!(over, [AlertKind::UnknownOutcome.about(one.attempt(1).id)]);
}

#[test]
fn a_text_that_failed_for_now_is_repeated_unless_something_else_does_the_same() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 9] = [
        ("nothing else", |_| {}, true),
        ("of a later step", |o| o.state.attempts[0].step = 1, true),
        ("follow-ups are stopped, and it is none", |o| o.state.call.muted = true, true),
        (
            "follow-ups are stopped, and it is one",
            |o| {
                o.state.attempts[0].step = 1;
                o.state.call.muted = true;
            },
            false,
        ),
        (
            "a later text to him may have arrived",
            |o| {
                o.notice(1, "sam", S::Unknown);
            },
            false,
        ),
        (
            "a later text to him waits",
            |o| {
                o.notice(1, "sam", S::Scheduled);
            },
            false,
        ),
        (
            "a later text to him failed",
            |o| {
                o.notice(1, "sam", S::Failed);
            },
            true,
        ),
        (
            "a later text to somebody else may have arrived",
            |o| {
                o.notice(1, "ana", S::Unknown);
            },
            true,
        ),
        (
            "a step to him is due before",
            |o| (o.state.call.next_step, o.state.call.wake_at) = (1, Some(o.now.plus(secs(10)))),
            false,
        ),
    ];
    for (label, otherwise, repeated) in table {
        let mut one = unknown();
        (one.state.attempts[0].state, one.state.attempts[0].class) = (S::Failed, Some(Class::Transient));
        otherwise(&mut one);
        let id = one.attempt(1).id;
        let pause = secs(20);
        let (in_hand, made) = one.work(|w| {
            let in_hand = resend::after_failure(w, id, 2, pause).expect("decided");
            (in_hand, w.state.attempts.iter().find(|a| a.repeats == Some(id)).map(|a| a.not_before))
        });
        assert!(in_hand, "{label}");
        assert_eq!(made, repeated.then(|| one.now.plus(pause)), "{label}");
    }
}

#[test]
fn the_log_of_a_repeat_names_its_number_and_the_text_that_it_repeats() {
    let one = unknown();
    let id = one.attempt(1).id;
    let said = one.work(|w| {
        resend::resend(w, id, w.ctx.now, ResendReason::Failed).expect("made");
        w.change.log.last().map(|entry| entry.message.clone())
    });
    assert_eq!(said.as_deref(), Some("Retry attempt 2: round 2 step 1 to Sam Ortiz again, repeats attempt 1"));
}
