//! What a step that fires leaves behind: whom it tells and leaves out, under which step and time, how its story reads.
//! And what moves the ladder before its time.

use std::time::Duration;

use super::one_call::{OneCall, contact, ladder_by, raised};
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::codes::classify;
use crate::domain::event::{Event, FoundText};
use crate::domain::log::LogKind;
use crate::domain::policy::Policy;
use crate::domain::{MessageStatus, ladder, sequence};
use crate::testing::harness::sid;
use crate::testing::{fixtures, mins, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);
/// Steps, each with its channel, its wait in seconds and whom it names.
type Steps = &'static [(Channel, u64, &'static [&'static str])];

fn ladder_of(steps: Steps) -> Policy {
    let waits: Vec<(Duration, &[&str])> = steps.iter().map(|(_, wait, roles)| (secs(*wait), *roles)).collect();
    let mut policy = fixtures::policy("p", &waits);
    for (step, (channel, ..)) in policy.steps.iter_mut().zip(steps) {
        step.channel = *channel;
    }
    policy
}

fn gets_role(one: &mut OneCall, who: &str, name: &str) {
    let known = one.directory.contacts.iter_mut().find(|c| c.id.as_str() == who);
    known.expect("a contact").role = name.parse().ok();
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
fn whoever_has_no_mail_address_is_left_out_of_a_step_of_mails_with_an_alert() {
    const NO_ADDRESS: &str = "step 2 of call c cannot tell Ana Reyes: no mail address";
    for (has_address, want, told) in [(true, None, vec!["ana", "sam"]), (false, Some(NO_ADDRESS), vec!["sam"])] {
        let mut one = OneCall::new(ladder_of(&[
            (Channel::Sms, 0, &["primary"]),
            (Channel::Email, 60, &["primary", "backup"]),
            (Channel::Sms, 600, &["owner"]),
        ]));
        one.directory.mail_from = "night@example.com".parse().ok();
        if !has_address {
            one.directory.contacts.iter_mut().filter(|c| c.id.as_str() == "ana").for_each(|c| c.email = None);
        }
        one.notice(0, "sam", AttemptState::Delivered);
        one.now = one.now.plus(secs(60));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now));
        let alerts = raised(&one.wake().alerts);
        let key = AlertKind::NobodyFound.about("c:1:2");
        let said = alerts.iter().find(|(of, _)| *of == key).map(|(_, words)| words.as_str());
        assert_eq!(said, want);
        assert_eq!(one.told_after(1), told);
    }
}

#[test]
fn the_story_of_a_step_names_whom_it_tells_who_is_asked_last_and_how_many_steps_were_missed() {
    let table: [(&str, Otherwise, u64, &str); 3] = [
        ("as it is", |_| {}, 1, "step 1 fired: telling Sam Ortiz, Ana Reyes, Olga Lind"),
        (
            "Sam is on a job",
            |o| {
                o.loaded.busy.insert(contact("sam"));
            },
            1,
            "step 1 fired: telling Ana Reyes, Olga Lind; Sam Ortiz on a job: asked last",
        ),
        (
            "two steps were missed",
            |o| o.now = o.now.plus(secs(61)),
            2,
            "step 2 fired: telling Sam Ortiz, Ana Reyes, Olga Lind (2 steps were missed; each contact is told once)",
        ),
    ];
    for (label, otherwise, step, want) in table {
        let steps: &[(Duration, &[&str])] =
            &[(secs(0), &["primary", "owner"]), (secs(60), &["primary"]), (secs(600), &["backup"])];
        let mut one = OneCall::new(fixtures::policy("p", steps));
        gets_role(&mut one, "ana", "primary");
        otherwise(&mut one);
        let change = one.wake();
        let fired: Vec<_> = change.log.iter().filter(|e| e.kind == LogKind::StepFired).collect();
        assert_eq!(fired.len(), 1, "{label}");
        assert_eq!(fired[0].message, want, "{label}");
        let (round, of) = (fired[0].data["round"].as_u64(), fired[0].data["step"].as_u64());
        assert_eq!((round, of), (Some(1), Some(step)), "{label}");
    }
}

#[test]
fn the_last_resort_is_told_by_mail_where_no_text_can_be_sent() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.directory.last_resort = vec![contact("olga")];
    (one.directory.from, one.directory.mail_from) = (None, "night@example.com".parse().ok());
    let channels = one.work(|w| [ladder::channel_of(w, 0), ladder::channel_of(w, 1)]);
    assert_eq!(channels, [Channel::Sms, Channel::Email]);
}

#[test]
fn what_follows_one_missed_step_keeps_its_time_and_what_follows_several_counts_from_now() {
    // Which step was due at 60, when it is looked at → when what follows is due, in seconds.
    // The call is given up 100 s after its last step.
    for (next, at, want) in [(1, 60, 120), (1, 119, 120), (1, 130, 730), (3, 100, 160), (3, 200, 300)] {
        let steps = [(Channel::Sms, 0), (Channel::Sms, 60), (Channel::Sms, 60), (Channel::Sms, 600)];
        let mut policy = ladder_by(&steps);
        policy.exhaust_after = secs(100);
        let mut one = OneCall::new(policy);
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Delivered);
        one.now = begin.plus(secs(at));
        (one.state.call.next_step, one.state.call.wake_at) = (next, Some(begin.plus(secs(60))));
        one.wake();
        assert_eq!(one.state.call.wake_at, Some(begin.plus(secs(want))), "{next} {at}");
    }
}

#[test]
fn of_missed_steps_each_is_told_once_under_the_latest_and_by_a_text_and_a_mail_under_the_latest_of_each() {
    use Channel::{Email, Sms};
    const SAM: &[&str] = &["primary"];
    const ANA: &[&str] = &["backup"];
    const OLGA: &[&str] = &["owner"];
    /// Who is told how, under which step (from 0), and when it was due, in seconds.
    type Told = &'static [(&'static str, Channel, u32, u64)];
    let table: [(&str, Steps, Told); 3] = [
        (
            "a text and a mail to one",
            &[(Sms, 0, SAM), (Sms, 60, SAM), (Email, 20, SAM), (Sms, 600, OLGA)],
            &[("sam", Sms, 1, 60), ("sam", Email, 2, 80)],
        ),
        (
            "and a further text",
            &[(Sms, 0, SAM), (Sms, 60, SAM), (Email, 20, SAM), (Sms, 30, SAM), (Sms, 600, OLGA)],
            &[("sam", Sms, 3, 60), ("sam", Email, 2, 80)],
        ),
        (
            "a text to one and a mail to another",
            &[(Sms, 0, SAM), (Sms, 60, ANA), (Email, 20, SAM), (Sms, 600, OLGA)],
            &[("ana", Sms, 2, 60), ("sam", Email, 2, 80)],
        ),
    ];
    for (label, steps, want) in table {
        let mut one = OneCall::new(ladder_of(steps));
        let begin = one.now;
        one.directory.mail_from = "night@example.com".parse().ok();
        one.notice(0, "sam", AttemptState::Delivered);
        one.now = begin.plus(secs(200));
        (one.state.call.next_step, one.state.call.wake_at) = (1, Some(begin.plus(secs(60))));
        one.wake();
        let made = one.state.attempts.iter().skip(1);
        let told: Vec<(&str, Channel, u32, u64)> = made
            .map(|a| {
                let due = a.due_at.expect("a step's").since(begin).as_secs();
                (a.recipient.contact.as_str(), a.channel, a.step, due)
            })
            .collect();
        assert_eq!(told, want, "{label}");
    }
}

#[test]
fn a_notice_is_called_a_retry_where_it_follows_an_earlier_attempt_in_a_later_step_or_round() {
    // How many attempts there were, the round and the step (from 0) of this one.
    for (before, round, step, want) in [
        (0, 1, 0, "Attempt 1: first notice to Ana Reyes"),
        (1, 1, 0, "Attempt 2: first notice to Ana Reyes"),
        (0, 1, 1, "Attempt 1: first notice to Ana Reyes"),
        (1, 1, 1, "Retry attempt 2: follow-up to Ana Reyes"),
        (2, 2, 0, "Retry attempt 3: follow-up to Ana Reyes"),
    ] {
        let mut one = OneCall::new(ladder_by(&[(Channel::Sms, 0), (Channel::Sms, 60)]));
        (one.state.call.attempts, one.state.call.round) = (before, round);
        let ana = one.directory.contacts.iter().find(|c| c.id.as_str() == "ana").expect("a contact").recipient();
        let due = one.now;
        let said = one.work(|w| {
            sequence::notify(w, step, ana, due).expect("made");
            w.change.log.last().map(|entry| entry.message.clone())
        });
        assert_eq!(said.as_deref(), Some(want));
    }
}

#[test]
fn a_failure_moves_the_ladder_unless_somebody_else_told_by_its_step_may_still_answer() {
    let table: [(&str, Otherwise, bool); 5] = [
        ("his text is on its way", |_| {}, false),
        ("it is no notice", |o| o.state.attempts[0].kind = AttemptKind::Update, true),
        ("it is of the round before", |o| o.state.attempts[0].round = 1, true),
        ("he passed", |o| o.state.call.exclude_passed(&contact("sam")), true),
        ("he cannot be reached", |o| o.state.call.exclude_failed(&contact("sam"), Channel::Sms), true),
    ];
    for (label, otherwise, want) in table {
        let steps = fixtures::policy("p", &[(secs(0), &["primary", "backup"]), (secs(600), &["owner"])]);
        let mut one = OneCall::new(steps);
        (one.state.call.round, one.state.call.next_step) = (2, 1);
        one.notice(0, "sam", AttemptState::Submitted);
        one.notice(0, "ana", AttemptState::Failed);
        otherwise(&mut one);
        assert_eq!(moves_the_ladder(&one, 2), want, "{label}");
    }
}

#[test]
fn a_text_that_fails_once_a_later_mail_has_gone_moves_nothing_though_an_earlier_mail_was_made_with_it() {
    use Channel::{Email, Sms};
    for (label, has_gone, want) in [("it was made with the last", false, true), ("another has gone since", true, false)]
    {
        let mut one = OneCall::new(ladder_by(&[(Sms, 0), (Sms, 60), (Email, 60), (Email, 60), (Sms, 600)]));
        let begin = one.now;
        one.notice(0, "sam", AttemptState::Delivered);
        one.notice(1, "sam", AttemptState::Failed).created_at = begin.plus(secs(200));
        one.notice_by(Email, 2, "sam", AttemptState::Submitted).created_at = begin.plus(secs(200));
        if has_gone {
            one.notice_by(Email, 3, "sam", AttemptState::Submitted).created_at = begin.plus(secs(300));
        }
        one.now = begin.plus(secs(310));
        one.state.call.next_step = if has_gone { 4 } else { 3 };
        assert_eq!(moves_the_ladder(&one, 2), want, "{label}");
    }
}

#[test]
fn whoever_is_the_last_resort_is_not_due_again_at_the_end_of_the_ladder() {
    for (next, want) in [(1, true), (2, false)] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
        one.directory.last_resort = vec![contact("olga")];
        (one.state.call.next_step, one.state.call.wake_at) = (next, Some(one.now.plus(secs(10))));
        let olga = contact("olga");
        let soon = one.work(|w| sequence::is_due_soon(w, (&olga, Channel::Sms), secs(20)));
        assert_eq!(soon, want, "{next}");
    }
}

#[test]
fn the_last_resort_is_told_with_its_alarm_once_nobody_may_answer_and_not_as_one_more_step() {
    for (sam_passed, want) in [(false, false), (true, true)] {
        let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
        one.directory.last_resort = vec![contact("olga")];
        one.state.call.next_step = 2;
        one.notice(0, "sam", AttemptState::Delivered);
        let (id, ana) = (one.notice(1, "ana", AttemptState::Failed).id, contact("ana"));
        one.state.call.exclude_failed(&ana, Channel::Sms);
        if sam_passed {
            one.state.call.exclude_passed(&contact("sam"));
        }
        let (is_told, keys) = one.work(|w| {
            sequence::escalate_now(w, Some(id), &ana, "her text failed").expect("decided");
            let is_told = w.state.attempts.iter().any(|a| a.recipient.contact.as_str() == "olga");
            (is_told, raised(&w.change.alerts).into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        });
        assert_eq!((is_told, keys.contains(&AlertKind::Exhausted.about("c"))), (want, want), "{sam_passed}: {keys:?}");
    }
}

#[test]
fn that_a_call_is_given_up_is_told_once_where_there_is_no_last_resort() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"])]));
    one.notice(0, "sam", AttemptState::Delivered);
    one.now = one.now.plus(mins(30));
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now));
    let change = one.wake();
    assert_eq!(one.state.call.status, CallStatus::Exhausted);
    let key = AlertKind::Exhausted.about("c");
    assert!(raised(&change.alerts).iter().any(|(of, _)| *of == key), "{:?}", change.alerts);
    assert!(!change.alerts.iter().any(|a| matches!(a, AlertChange::Again { .. })), "{:?}", change.alerts);
}

#[test]
fn a_found_text_moves_no_ladder_of_a_call_that_waits_for_the_morning() {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["backup"])]));
    let morning = Some(one.now.plus(secs(3_600)));
    one.notice(0, "sam", AttemptState::Delivered);
    let call = &mut one.state.call;
    (call.status, call.next_step, call.wake_at) = (CallStatus::Deferred, 1, morning);
    let found = FoundText {
        call: one.id(),
        number: 2,
        kind: AttemptKind::Notice,
        is_repeat: false,
        to: fixtures::phone("ana").parse().expect("a phone"),
        sender: None,
        body: format!("{}-2 Burst pipe", one.state.call.reference),
        sid: sid(1_002),
        status: MessageStatus::from_word("delivered"),
        code: None,
        error_class: classify(None),
        provider_at: None,
        at: one.now,
    };
    one.apply(&Event::Found(Box::new(found)));
    assert_eq!(one.attempt(2).state, AttemptState::Delivered);
    assert_eq!((one.state.call.next_step, one.state.call.wake_at), (1, morning));
}

#[test]
fn a_notice_of_whoever_holds_no_role_of_its_step_any_more_waits_for_no_later_step() {
    use AttemptState as S;
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary", "owner"]), (secs(60), &["primary"])]));
    gets_role(&mut one, "sam", "driver");
    gets_role(&mut one, "ana", "primary");
    one.loaded.busy.insert(contact("sam"));
    one.notice(0, "sam", S::Scheduled);
    one.notice(0, "ana", S::Submitted);
    one.notice(0, "olga", S::Submitted);
    let sams = one.attempt(1).clone();
    assert!(!one.work(|w| ladder::waits_for_last(w, &sams)));
}
