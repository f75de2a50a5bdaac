//! Whom a step names: who was told already, who is on a job, and who holds the duty now.

use std::time::Duration;

use uuid::Uuid;

use super::one_call::{OneCall, contact};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::Override;
use crate::domain::ladder;
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind, OverrideScope};
use crate::domain::team::TeamEntry;
use crate::domain::types::Role;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

fn role(name: &str) -> Role {
    name.parse().expect("a role")
}

fn gets_role(one: &mut OneCall, who: &str, name: &str) {
    let known = one.directory.contacts.iter_mut().find(|c| c.id.as_str() == who);
    known.expect("a contact").role = Some(role(name));
}

fn made_for_ana(one: &mut OneCall, state: AttemptState) {
    one.notice(0, "ana", state);
}

#[test]
fn whoever_was_told_early_by_a_missed_step_is_told_again_only_by_another_that_names_them() {
    // Whom the second of two missed steps names, beside Sam and Olga of the first → who is told now.
    for (second, want) in [("backup", ["ana", "olga"]), ("primary", ["olga", "sam"])] {
        let mut one = OneCall::new(fixtures::policy(
            "p",
            &[(secs(0), &["primary"]), (secs(60), &["primary", "owner"]), (secs(60), &[second])],
        ));
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Delivered);
        // A person had fired the next step before its time; of its texts Sam's alone is known.
        one.notice(1, "sam", AttemptState::Delivered).sent_at = Some(begin.plus(secs(30)));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(begin.plus(secs(60))));
        one.now = begin.plus(secs(121));
        one.wake();
        assert_eq!(one.told_after(2), want, "{second}");
    }
}

#[test]
fn the_last_step_asks_whoever_was_on_a_job_and_whom_no_step_of_the_round_has_told() {
    use AttemptState as S;
    let table: [(&str, Otherwise, &[&str]); 8] = [
        ("nothing was made for her", |_| {}, &["olga", "ana"]),
        ("superseded before it left", |o| made_for_ana(o, S::Skipped), &["olga", "ana"]),
        ("cancelled before it left", |o| made_for_ana(o, S::Cancelled), &["olga", "ana"]),
        ("told in the round before", |o| o.notice(0, "ana", S::Delivered).round = 1, &["olga", "ana"]),
        ("stood down", |o| o.notice(0, "ana", S::Delivered).kind = AttemptKind::StandDown, &["olga", "ana"]),
        ("told", |o| made_for_ana(o, S::Submitted), &["olga"]),
        ("her text waits", |o| made_for_ana(o, S::Scheduled), &["olga"]),
        ("who is on a job makes no difference", |o| o.rules.oncall.busy_last = false, &["olga"]),
    ];
    for (label, otherwise, want) in table {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["owner"])]));
        gets_role(&mut one, "ana", "primary");
        one.rules.oncall.busy_last = true;
        one.loaded.busy.insert(contact("ana"));
        one.state.call.round = 2;
        one.notice(0, "sam", S::Delivered);
        otherwise(&mut one);
        let recipients = one.work(|w| ladder::who(w, 1)).recipients;
        let named: Vec<&str> = recipients.iter().map(|r| r.contact.as_str()).collect();
        assert_eq!(named, want, "{label}");
        let why = recipients.iter().find(|r| r.contact.as_str() == "ana").map(|r| r.why.as_deref());
        assert!(why.is_none_or(|why| why == Some("was on a job, so asked last")), "{label}: {why:?}");
        one.state.call.exclude_passed(&contact("olga"));
        let recipients = one.work(|w| ladder::who(w, 1)).recipients;
        assert!(recipients.iter().all(|r| r.why.is_none()), "{label}: whoever alone is left is asked like anybody");
    }
}

#[test]
fn a_notice_of_whoever_took_a_call_since_waits_only_where_another_of_its_step_is_told() {
    use AttemptState as S;
    let table: [(&str, Otherwise, bool); 6] = [
        ("others are told", |_| {}, true),
        (
            "nobody is told",
            |o| {
                for a in o.state.attempts.iter_mut().skip(1) {
                    a.state = S::Skipped;
                }
            },
            false,
        ),
        ("nobody else holds the role", |o| gets_role(o, "ana", "backup"), false),
        ("done with the job", |o| o.loaded.busy.clear(), false),
        ("a repeat", |o| o.state.attempts[0].repeats = Some(o.state.attempts[1].id), false),
        ("of the last step", |o| o.state.attempts[0].step = 1, false),
    ];
    for (label, otherwise, want) in table {
        let steps = fixtures::policy("p", &[(secs(0), &["primary", "owner"]), (secs(60), &["primary"])]);
        let mut one = OneCall::new(steps);
        gets_role(&mut one, "ana", "primary");
        one.loaded.busy.insert(contact("sam"));
        one.notice(0, "sam", S::Scheduled);
        one.notice(0, "ana", S::Submitted);
        one.notice(0, "olga", S::Submitted);
        otherwise(&mut one);
        let sams = one.attempt(1).clone();
        assert_eq!(one.work(|w| ladder::waits_for_last(w, &sams)), want, "{label}");
    }
}

/// Sam held these roles by an exception, which is over. His notice of the first step, made while he did, has not left.
fn handed_over(roles: &[&str]) -> OneCall {
    let steps = fixtures::policy("p", &[(secs(0), &["primary", "owner"]), (secs(60), &["backup"])]);
    let mut one = OneCall::new(steps);
    let begin = one.now;
    let entry = |who: &str, name: &str| TeamEntry::of(contact(who), role(name));
    let team = vec![entry("ana", "primary"), entry("ana", "backup"), entry("olga", "owner")];
    one.directory.default_line.team = Some(team);
    for (n, name) in (1..).zip(roles) {
        one.directory.overrides.push(DutyOverride {
            id: OverrideId::from_uuid(Uuid::from_u128(n)),
            scope: OverrideScope::Role { line: None, role: role(name) },
            kind: OverrideKind::Take,
            contact: contact("sam"),
            from: begin.minus(secs(3_600)),
            until: begin.plus(secs(10)),
            note: String::new(),
            by: "mia".to_owned(),
            made_at: begin.minus(secs(3_600)),
            source: None,
            asked: None,
            withdrawn: None,
        });
    }
    one.notice(0, "sam", AttemptState::Scheduled).recipient.why = Some("an exception".to_owned());
    one.now = begin.plus(secs(20));
    one
}

/// To whom the notice that waits goes; `None`: to Sam.
fn passed_on(one: &OneCall) -> Option<Vec<String>> {
    let a = one.attempt(1).clone();
    let found = one.work(|w| ladder::passed_on(w, &a))?;
    Some(found.into_iter().map(|r| r.contact.as_str().to_owned()).collect())
}

/// A person named Sam, for every step or for the first alone; the notice is of this step.
fn by_hand(one: &mut OneCall, only: bool, step: u32) {
    let recipient = one.attempt(1).recipient.clone();
    one.state.call.overridden = Some(Override { recipient, only });
    one.state.attempts[0].step = step;
}

#[test]
fn a_notice_that_has_not_left_goes_to_whoever_holds_now_what_its_contact_held() {
    let table: [(&str, Otherwise, Option<&[&str]>); 12] = [
        ("the exception is over", |_| {}, Some(&["ana"])),
        ("it is still in force", |o| o.now = o.now.minus(secs(15)), None),
        ("it was withdrawn: whoever the step names", |o| o.directory.overrides.clear(), Some(&["ana", "olga"])),
        (
            "whoever was named themselves keeps it",
            |o| {
                o.directory.overrides.clear();
                o.state.attempts[0].recipient.why = None;
            },
            None,
        ),
        ("given by hand for all steps", |o| by_hand(o, true, 0), None),
        ("a later step of it", |o| by_hand(o, true, 1), None),
        ("given by hand for the first step", |o| by_hand(o, false, 0), None),
        ("a later step, which is the ladder's", |o| by_hand(o, false, 1), Some(&["ana"])),
        (
            "whoever holds it now has opted out",
            |o| {
                let pair = (fixtures::phone("ana").to_owned(), fixtures::SENDER.to_owned());
                o.loaded.opted_out.insert(pair);
            },
            None,
        ),
        ("whoever holds it now has passed", |o| o.state.call.exclude_passed(&contact("ana")), None),
        ("of the last resort", |o| o.state.attempts[0].step = 2, None),
        ("a repeat of a text to him", |o| o.state.attempts[0].repeats = Some(o.state.attempts[0].id), None),
    ];
    for (label, otherwise, want) in table {
        let mut one = handed_over(&["primary"]);
        otherwise(&mut one);
        let want = want.map(|names| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(passed_on(&one), want, "{label}");
    }
}

#[test]
fn a_duty_that_was_handed_over_is_that_of_all_who_hold_it_now_each_once() {
    let mut one = handed_over(&["primary", "backup"]);
    one.state.attempts[0].step = 1;
    assert_eq!(passed_on(&one), Some(vec!["ana".to_owned()]), "both roles are hers");
    let team = one.directory.default_line.team.as_mut().expect("a team");
    team.push(TeamEntry::of(contact("olga"), role("primary")));
    assert_eq!(passed_on(&one), Some(vec!["ana".to_owned(), "olga".to_owned()]), "one of them is Olga's too");
}

#[test]
fn a_step_is_named_by_its_place_and_from_the_second_round_on_by_its_round() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
    for (round, index, want) in
        [(1, 0, "step 1"), (1, 2, "the last resort"), (2, 1, "round 2 step 2"), (2, 2, "the last resort of round 2")]
    {
        one.state.call.round = round;
        assert_eq!(one.work(|w| ladder::step_name(w, index)), want);
    }
}

#[test]
fn a_step_that_tells_nobody_says_why() {
    let table: [(u32, Otherwise, &str); 5] = [
        (0, |_| {}, "nobody holds night"),
        (1, |o| o.state.call.exclude_passed(&contact("ana")), "Ana Reyes passed or cannot be reached"),
        (
            1,
            |o| {
                let pair = (fixtures::phone("ana").to_owned(), fixtures::SENDER.to_owned());
                o.loaded.opted_out.insert(pair);
            },
            "Ana Reyes opted out",
        ),
        (2, |o| o.directory.contacts.iter_mut().for_each(|c| c.email = None), "Ana Reyes has no mail address"),
        (3, |o| o.directory.last_resort = vec![contact("kim")], "there is no contact kim"),
    ];
    for (index, otherwise, want) in table {
        let steps = [(Channel::Sms, &["night"]), (Channel::Sms, &["backup"]), (Channel::Email, &["backup"])];
        let waits: Vec<(Duration, &[&str])> = steps.iter().map(|(_, roles)| (secs(60), &roles[..])).collect();
        let mut policy = fixtures::policy("p", &waits);
        for (step, (channel, _)) in policy.steps.iter_mut().zip(steps) {
            step.channel = channel;
        }
        let mut one = OneCall::new(policy);
        otherwise(&mut one);
        let found = one.work(|w| ladder::who(w, index));
        assert!(found.recipients.is_empty(), "{index}");
        assert_eq!(found.why_nobody(), want, "{index}");
    }
}
