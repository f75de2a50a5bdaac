//! Who is told that a call needs them no more, and by what; and when that is not said after all.

use super::one_call::{OneCall, contact};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::event::{Decision, Event};
use crate::domain::sequence;
use crate::domain::types::Actor;
use crate::testing::{fixtures, secs};

/// What was sent in a row of a table.
type Sent = fn(&mut OneCall);

/// Whom a stand-down would go to, and by what. `but`: who has the call.
fn stood_down(one: &OneCall, but: Option<&str>) -> Vec<(String, Channel)> {
    let but = but.map(contact);
    one.work(|w| {
        let before = w.state.attempts.len();
        sequence::stand_down(w, but.as_ref());
        let made = w.state.attempts.iter().skip(before);
        made.map(|a| (a.recipient.contact.as_str().to_owned(), a.channel)).collect()
    })
}

fn told_by_text(one: &mut OneCall) {
    one.notice(0, "sam", AttemptState::Submitted);
}

#[test]
fn whoever_was_told_is_stood_down_once_by_text_where_one_told_them() {
    use AttemptState as S;
    use Channel::{Email, Sms, Voice};
    type Row = (&'static str, Sent, &'static [(&'static str, Channel)]);
    let table: [Row; 15] = [
        ("a text", told_by_text, &[("sam", Sms)]),
        (
            "a text, then an update",
            |o| {
                told_by_text(o);
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::Update;
            },
            &[("sam", Sms)],
        ),
        (
            "a text that was taken back, then an answer",
            |o| {
                told_by_text(o);
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::StandDown;
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::Answer;
            },
            &[],
        ),
        (
            "a text that waits",
            |o| {
                o.notice(0, "sam", S::Scheduled);
            },
            &[("sam", Sms)],
        ),
        (
            "a text that failed",
            |o| {
                o.notice(0, "sam", S::Failed);
            },
            &[],
        ),
        (
            "a text, then a mail",
            |o| {
                told_by_text(o);
                o.notice_by(Email, 1, "sam", S::Submitted);
            },
            &[("sam", Sms)],
        ),
        (
            "a mail, then a text",
            |o| {
                o.notice_by(Email, 0, "sam", S::Submitted);
                o.notice(1, "sam", S::Submitted);
            },
            &[("sam", Sms)],
        ),
        (
            "a text of the round before, then a mail",
            |o| {
                o.notice(0, "sam", S::Submitted).round = 1;
                o.notice_by(Email, 0, "sam", S::Submitted);
            },
            &[("sam", Email)],
        ),
        (
            "a phone call",
            |o| {
                o.notice_by(Voice, 0, "sam", S::Submitted);
            },
            &[("sam", Sms)],
        ),
        (
            "a text to one, a mail to another",
            |o| {
                told_by_text(o);
                o.notice_by(Email, 1, "ana", S::Submitted);
            },
            &[("sam", Sms), ("ana", Email)],
        ),
        (
            "a text, and a stand-down since",
            |o| {
                told_by_text(o);
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::StandDown;
            },
            &[],
        ),
        (
            "a text, a stand-down, and a mail since",
            |o| {
                told_by_text(o);
                o.notice(0, "sam", S::Submitted).kind = AttemptKind::StandDown;
                o.notice_by(Email, 1, "sam", S::Submitted);
            },
            &[("sam", Email)],
        ),
        (
            "a text to whoever has passed",
            |o| {
                told_by_text(o);
                o.state.call.exclude_passed(&contact("sam"));
            },
            &[],
        ),
        (
            "a text, while another has passed",
            |o| {
                told_by_text(o);
                o.state.call.exclude_passed(&contact("ana"));
            },
            &[("sam", Sms)],
        ),
        (
            "a text to whoever cannot be reached by mail",
            |o| {
                told_by_text(o);
                o.state.call.exclude_failed(&contact("sam"), Email);
            },
            &[("sam", Sms)],
        ),
    ];
    for (label, sent, want) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
        one.state.call.round = 2;
        sent(&mut one);
        let want: Vec<(String, Channel)> = want.iter().map(|(who, by)| ((*who).to_owned(), *by)).collect();
        assert_eq!(stood_down(&one, None), want, "{label}");
        assert_eq!(stood_down(&one, Some("olga")), want, "{label}: whoever has it was not told");
        let others: Vec<_> = want.into_iter().filter(|(who, _)| who != "sam").collect();
        assert_eq!(stood_down(&one, Some("sam")), others, "{label}: he has it");
    }
}

#[test]
fn a_call_that_looks_for_somebody_again_stands_nobody_down() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
    let call = &mut one.state.call;
    (call.status, call.wake_at, call.next_step) = (CallStatus::Acknowledged, None, 1);
    one.notice(0, "sam", AttemptState::Delivered);
    one.notice(0, "sam", AttemptState::Scheduled).kind = AttemptKind::StandDown;
    one.notice(0, "sam", AttemptState::Scheduled).kind = AttemptKind::Update;
    let (call, by) = (one.id(), Actor("mia".to_owned()));
    one.apply(&Event::Decide { call, what: Decision::Reopen, by, note: None });
    assert_eq!(one.state.call.status, CallStatus::Dispatching);
    assert_eq!(one.attempt(2).state, AttemptState::Skipped);
    assert_eq!(one.attempt(3).state, AttemptState::Scheduled, "what has changed of the call is still to be said");
}
