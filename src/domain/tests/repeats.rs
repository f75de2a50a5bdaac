//! What is sent once more where nobody knows whether a text arrived.

use super::one_call::OneCall;
use crate::domain::attempt::{AttemptState, Priority};
use crate::domain::resend;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

#[test]
fn a_reminder_of_which_nobody_knows_is_repeated_where_no_text_before_it_is_known_to_have_arrived() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 8] = [
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
    ];
    for (label, before, repeated) in table {
        let steps = fixtures::policy(
            "p",
            &[(secs(0), &["primary", "backup"]), (secs(60), &["primary"]), (secs(600), &["owner"])],
        );
        let mut one = OneCall::new(steps);
        let begin = one.now;
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
