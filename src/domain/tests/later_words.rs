//! What is said of a call that people know already: by a later report of it, or by a call that is the same emergency.

use super::one_call::{OneCall, contact, raised};
use crate::domain::AlertKind;
use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::CallStatus;
use crate::domain::change::Change;
use crate::domain::event::{Event, NewCall, Report};
use crate::domain::{merge, report};
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;
use crate::testing::{fixtures, mins, secs, story};

/// A call of level `normal` by the caller of [`story::intake`], of which nobody has been told.
fn running() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(600), &["backup"])]));
    let data = &mut one.state.call.data;
    data.caller_phone = Some("+19495550150".into());
    data.issue_summary = Some("Leak".into());
    data.emergency_level = Some("normal".into());
    (one.state.call.next_step, one.state.call.wake_at) = (1, Some(one.now.plus(secs(600))));
    one
}

/// The same, of that status; `holder` has it.
fn standing(status: CallStatus, holder: Option<&str>) -> OneCall {
    let mut one = running();
    (one.state.call.status, one.state.call.holder) = (status, holder.map(contact));
    if status != CallStatus::Dispatching {
        one.state.call.wake_at = None;
    }
    one
}

fn told(one: &OneCall, id: &str, level: &str) -> NewCall {
    intake::new_call(story::intake(id, level), &one.directory, Validation::Lenient, &Ids::seeded(1), one.now)
        .expect("a call")
}

fn by_platform() -> Report {
    Report { source: "retell".into(), event: "call_analyzed".into(), hold: None }
}

/// A platform reports the call again, as of this level.
fn reported(one: &mut OneCall, level: &str) -> Change {
    let new = told(one, "c", level);
    one.apply(&Event::Report(Box::new(new), by_platform()))
}

#[test]
fn a_higher_report_of_a_call_that_is_over_changes_nothing_and_a_person_is_asked_to_look() {
    use CallStatus as S;
    for (status, level, looks) in [
        (S::Exhausted, "high", true),
        (S::Resolved, "high", true),
        (S::Cancelled, "high", true),
        (S::Exhausted, "normal", false),
        (S::Resolved, "normal", false),
        (S::Dispatching, "high", false),
    ] {
        let mut one = standing(status, None);
        one.state.call.data.address = Some("1 Elm St".into());
        let before = one.state.call.clone();
        let alerts = raised(&reported(&mut one, level).alerts);
        let key = AlertKind::ReportRaised.about("c");
        let said: Vec<&str> = alerts.iter().filter(|(k, _)| *k == key).map(|(_, words)| words.as_str()).collect();
        assert_eq!(said.len(), usize::from(looks), "{status} {level}: {alerts:?}");
        for words in said {
            let parts = ["retell", "\"high\"", "\"normal\"", status.as_str(), "nothing was changed"];
            assert!(parts.iter().all(|part| words.contains(part)), "{status}: {words}");
        }
        let is_unchanged = one.state.call.level == before.level && one.state.attempts.is_empty();
        assert_eq!(is_unchanged, status != S::Dispatching, "{status} {level}");
    }
}

#[test]
fn that_a_taken_call_is_worse_is_texted_to_whoever_has_it_and_where_they_have_no_number_they_are_to_be_rung() {
    let table: [(&str, &[&str], &str); 2] =
        [("sam", &["sam"], "Sam Ortiz is texted"), ("gone", &[], "gone has no number that can be texted: ring")];
    for (holder, texted, words) in table {
        let mut one = standing(CallStatus::Acknowledged, Some(holder));
        let alerts = raised(&reported(&mut one, "high").alerts);
        assert_eq!(one.told_after(0), texted, "{holder}");
        let said = alerts.iter().any(|(key, said)| key.kind() == AlertKind::ReportRaised && said.ends_with(words));
        assert!(said, "{holder}: {alerts:?}");
        assert_eq!(one.state.call.level, "high", "{holder}");
    }
}

#[test]
fn whoever_a_notice_may_have_reached_knows_of_the_call_and_hears_of_its_other_address_and_nobody_else_does() {
    use AttemptState as S;
    let table: [(AttemptKind, S, &[&str]); 9] = [
        (AttemptKind::Notice, S::Submitted, &["sam"]),
        (AttemptKind::Notice, S::Sending, &["sam"]),
        (AttemptKind::Notice, S::Unknown, &["sam"]),
        (AttemptKind::Notice, S::Delivered, &["sam"]),
        (AttemptKind::Notice, S::Scheduled, &[]),
        (AttemptKind::Notice, S::Failed, &[]),
        (AttemptKind::Notice, S::Skipped, &[]),
        (AttemptKind::Answer, S::Delivered, &[]),
        (AttemptKind::Update, S::Delivered, &[]),
    ];
    for (kind, state, want) in table {
        let mut one = running();
        one.state.call.data.address = Some("2 Oak St".into());
        one.notice(0, "sam", state).kind = kind;
        reported(&mut one, "normal");
        assert_eq!(one.state.call.data.address.as_deref(), Some("1 Elm St"), "{kind} {state}");
        assert_eq!(one.told_after(1), want, "{kind} {state}");
    }
}

#[test]
fn two_reports_differ_by_whose_they_are_by_what_came_and_by_what_they_say() {
    let report = by_platform();
    let other = Report { source: "vapi".into(), ..report.clone() };
    let later = Report { event: "call_ended".into(), ..report.clone() };
    let first = report.key("f");
    assert_eq!(Report { hold: Some(secs(45)), ..report.clone() }.key("f"), first);
    for differs in [other.key("f"), later.key("f"), report.key("g")] {
        assert_ne!(differs, first);
    }
}

#[test]
fn a_new_call_joins_one_of_its_own_or_of_a_higher_level_and_never_one_that_is_not_surely_as_high() {
    // The level of the call that runs, that of the new one → whether it joins.
    for (runs, new, want) in [
        ("normal", "normal", true),
        ("high", "high", true),
        ("high", "normal", true),
        ("high", "flood", true),
        ("flood", "morning", true),
        ("flood", "flood", true),
        ("normal", "high", false),
        ("flood", "high", false),
        ("normal", "flood", false),
        ("flood", "normal", false),
    ] {
        let mut one = running();
        one.state.call.level = runs.to_owned();
        one.rules.oncall.merge_within = mins(30);
        one.loaded.similar = vec![one.state.clone()];
        let call = NewCall { level: new.to_owned(), ..told(&one, "d", "normal") };
        assert_eq!(one.work(|w| merge::target(w.loaded, &call, w.ctx).is_some()), want, "{new} into {runs}");
    }
}

/// The same emergency again becomes part of the call.
fn merged(one: &OneCall, new: &NewCall, report: &Report) -> Change {
    one.work(|w| merge::merge(w.loaded, &w.state, new, report, w.ctx).expect("a decision"))
}

#[test]
fn that_a_caller_rang_again_alarms_only_where_whoever_has_the_call_cannot_be_texted() {
    use CallStatus as S;
    for (status, holder, alarms) in
        [(S::Acknowledged, Some("sam"), false), (S::Acknowledged, Some("gone"), true), (S::Dispatching, None, false)]
    {
        let one = standing(status, holder);
        let change = merged(&one, &told(&one, "d", "normal"), &report::by_api());
        let kinds: Vec<AlertKind> = raised(&change.alerts).iter().map(|(key, _)| key.kind()).collect();
        assert_eq!(kinds, Vec::from_iter(alarms.then_some(AlertKind::ReportRaised)), "{status} {holder:?}");
    }
}

#[test]
fn what_is_said_again_is_texted_as_whoever_said_it_and_an_address_fills_a_blank_alone() {
    let with = |address: Option<&str>| address.map(str::to_owned);
    let (api, platform) = (report::by_api(), by_platform());
    let again = "Update: reported again: Burst pipe";
    let with_address = "Update: reported again: Burst pipe. Address: 1 Elm St";
    let rang = "Update: the caller rang again: Burst pipe";
    // By which report, the address that was known, that which is said now → the text, and the address.
    for (report, was, said, text, is) in [
        (&api, None, Some(" 1 Elm St "), with_address, Some("1 Elm St")),
        (&platform, Some("1 Elm St"), Some("1 Elm St"), rang, Some("1 Elm St")),
        (&api, Some("1 Elm Street"), Some("1 Elm St"), again, Some("1 Elm Street")),
        (&api, None, None, again, None),
        (&api, Some("?"), Some(" - "), again, Some("?")),
    ] {
        let mut one = running();
        one.notice(0, "sam", AttemptState::Submitted);
        one.state.call.data.address = with(was);
        let mut new = told(&one, "d", "normal");
        new.data.address = with(said);
        let change = merged(&one, &new, report);
        let state = change.calls.first().expect("the call");
        let updates: Vec<&str> = state.attempts.iter().skip(1).map(|a| a.result.as_str()).collect();
        assert_eq!(updates, [text], "{was:?} {said:?}");
        assert_eq!(state.call.data.address.as_deref(), is, "{was:?} {said:?}");
    }
}
