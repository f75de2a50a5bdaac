//! Quiet hours of a level: which call they hold, until when, and what of it they put off.

use std::time::Duration;

use super::one_call::OneCall;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallStatus;
use crate::domain::hours::Hours;
use crate::domain::log::LogKind;
use crate::domain::quiet;
use crate::domain::types::Timestamp;
use crate::testing::world::START;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

const HOUR: u64 = 3_600;

/// The begin and the end of the quiet hours around the acceptance of the call, which is at two.
fn edges() -> (Timestamp, Timestamp) {
    (START.minus(secs(HOUR)), START.plus(secs(4 * HOUR)))
}

fn silence(one: &mut OneCall, level: &str, hours: &str) {
    let policy = one.directory.default_line.policies.get_mut(level).expect("a policy of that level");
    policy.quiet = Some(Hours::read([hours]).expect("hours"));
}

/// A call of a stated level whose hours are quiet; Sam is named at once, Ana after ten minutes.
fn held() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
    silence(&mut one, "normal", "01:00-06:00");
    one.state.call.data.emergency_level = Some("normal".into());
    one
}

#[test]
fn quiet_hours_hold_what_came_with_a_level_of_theirs_and_for_which_nobody_has_asked_again() {
    let table: [(&str, Otherwise, bool); 9] = [
        ("it came with its level", |_| {}, true),
        ("no level was said", |o| o.state.call.data.emergency_level = None, false),
        ("a blank was said", |o| o.state.call.data.emergency_level = Some(" ".into()), false),
        (
            "nobody knows whether its level was said",
            |o| {
                o.state.call.data.extra.insert(quiet::LEVEL_UNSAID.to_owned(), true.into());
            },
            false,
        ),
        ("it was handed back or opened again", |o| o.state.call.round = 2, false),
        (
            "it is of the highest level, whatever hours that has",
            |o| {
                silence(o, "high", "01:00-06:00");
                o.state.call.level = "high".into();
            },
            false,
        ),
        ("it is of a level without quiet hours", |o| o.state.call.level = "high".into(), false),
        ("its hours are others", |o| silence(o, "normal", "03:00-06:00"), false),
        ("its hours never end: that is no quiet", |o| silence(o, "normal", "00:00-00:00"), false),
    ];
    for (label, otherwise, is_held) in table {
        let mut one = held();
        otherwise(&mut one);
        let want = if is_held { edges().1 } else { one.now };
        assert_eq!(quiet::due(&one.directory, &one.state.call, one.now), want, "{label}");
        assert_eq!(one.work(|w| quiet::is_on(w)), is_held, "{label}");
    }
}

#[test]
fn quiet_hours_begin_and_end_at_their_moments_and_what_is_due_outside_of_them_is_due_then() {
    let one = held();
    let (begin, end) = edges();
    let moment = Duration::from_millis(1);
    for (at, until) in [
        (begin.minus(moment), None),
        (begin, Some(end)),
        (end.minus(moment), Some(end)),
        (end, None),
        (end.plus(secs(HOUR)), None),
    ] {
        assert_eq!(quiet::ends(&one.directory, None, "normal", at), until, "{at}");
        assert_eq!(quiet::due(&one.directory, &one.state.call, at), until.unwrap_or(at), "{at}");
    }
}

#[test]
fn what_would_fire_within_quiet_hours_is_put_off_to_their_end_once_and_the_story_says_what_waits() {
    let table: [(&str, Otherwise, Option<&str>); 9] = [
        ("its first step is due", |_| {}, Some("step 1")),
        (
            "a later step is due within them",
            |o| {
                o.notice(0, "sam", AttemptState::Submitted);
                (o.state.call.next_step, o.state.call.wake_at) = (1, Some(o.now.plus(secs(600))));
            },
            Some("step 2"),
        ),
        (
            "it waits for a breaker",
            |o| (o.state.call.next_step, o.state.call.deferred_from) = (1, Some(o.now)),
            Some("step 2"),
        ),
        ("its ladder ends", |o| o.state.call.next_step = 2, Some("the end of the ladder")),
        (
            "it waits for a better report, by which it may be of another level",
            |o| o.state.call.wake_at = Some(o.now.plus(secs(180))),
            None,
        ),
        (
            "its next step is due after them",
            |o| (o.state.call.next_step, o.state.call.wake_at) = (1, Some(edges().1.plus(secs(60)))),
            None,
        ),
        ("they are over", |o| o.now = edges().1, None),
        ("nothing is to fire", |o| (o.state.call.next_step, o.state.call.wake_at) = (2, None), None),
        ("nobody is looked for", |o| o.state.call.status = CallStatus::Acknowledged, None),
    ];
    for (label, otherwise, what) in table {
        let mut one = held();
        otherwise(&mut one);
        let (was, end) = (one.state.call.clone(), edges().1);
        let (call, log) = one.work(|w| {
            quiet::put_off(w);
            quiet::put_off(w);
            (w.state.call.clone(), w.change.log.clone())
        });
        let Some(what) = what else {
            assert_eq!((call, log), (was, Vec::new()), "{label}");
            continue;
        };
        assert_eq!((call.wake_at, call.deferred_from), (Some(end), None), "{label}");
        let nobody_was_told = one.state.notices.is_empty();
        assert_eq!(call.held_until, nobody_was_told.then_some(end), "{label}: it is held while nobody was told");
        let said: Vec<(LogKind, bool)> =
            log.iter().map(|e| (e.kind, e.message.starts_with(&format!("{what} waits until ")))).collect();
        assert_eq!(said, [(LogKind::StepDeferred, true)], "{label}: {log:?}");
    }
}
