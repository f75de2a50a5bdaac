//! Whose words a text uses, what marks it, and when a template that could not be used is well again.

use super::one_call::OneCall;
use crate::domain::AlertKind;
use crate::domain::alert::{AlertChange, AlertKey};
use crate::domain::attempt::{AttemptKind, AttemptState, Channel};
use crate::domain::codes::Class;
use crate::domain::wording;
use crate::testing::{fixtures, secs};

/// What is otherwise in a row of a table.
type Otherwise = fn(&mut OneCall);

/// Sam is told at once and again after a minute; the second of the texts to him waits, the first failed.
fn second_text() -> OneCall {
    let mut one = OneCall::new(fixtures::policy("p", &[(secs(0), &["primary"]), (secs(60), &["primary"])]));
    one.state.call.data.issue_summary = Some("Burst pipe".into());
    one.notice(0, "sam", AttemptState::Failed).class = Some(Class::Transient);
    one.notice(1, "sam", AttemptState::Scheduled);
    one
}

/// The second text as it is written, the same in the built-in words, and the alerts that it ends.
fn written(one: &OneCall) -> (String, String, Vec<AlertKey>) {
    let id = one.attempt(2).id;
    one.work(|w| {
        wording::write(w, id).expect("a text");
        let built_in = wording::built_in(w, id).expect("a text").body;
        let mut ended = Vec::new();
        for alert in &w.change.alerts {
            if let AlertChange::Resolve { key } = alert {
                ended.push(key.clone());
            }
        }
        (w.attempt(id).expect("an attempt").body.clone(), built_in, ended)
    })
}

#[test]
fn a_text_is_a_reminder_once_an_earlier_one_was_accepted_and_the_built_in_words_are_nobody_elses() {
    let reached: Otherwise = |o| o.state.attempts[0].state = AttemptState::Submitted;
    let templates: Otherwise = |o| {
        o.directory.default_line.templates.notice = Some("Ours, first: {{ issue }}".into());
        o.directory.default_line.templates.reminder = Some("Ours, later: {{ issue }}".into());
    };
    let own: Otherwise = |o| o.state.call.data.body = Some("Gate 4 floods".into());
    // What is otherwise → what stands in the text, and whether the built-in words are those of a reminder.
    let table: [(&[Otherwise], &str, bool); 6] = [
        (&[], "Burst pipe", false),
        (&[reached], "Reminder: still open", true),
        (&[templates], "Ours, first: Burst pipe", false),
        (&[templates, reached], "Ours, later: Burst pipe", true),
        (&[own], "Gate 4 floods", false),
        (&[own, templates, reached], "Gate 4 floods", true),
    ];
    for (otherwise, says, is_reminder) in table {
        let mut one = second_text();
        for change in otherwise {
            change(&mut one);
        }
        let (text, built_in, _) = written(&one);
        assert!(text.starts_with("7K3Q-2 ") && text.contains(says), "{says}: {text}");
        assert_eq!(built_in.contains("Reminder: still open"), is_reminder, "{says}: {built_in}");
        assert!(built_in.contains("Burst pipe") && !built_in.contains("Ours"), "{says}: {built_in}");
        assert!(!built_in.contains("Gate 4"), "{says}: {built_in}");
    }
}

#[test]
fn a_repeat_is_marked_as_one_unless_what_it_repeats_was_surely_read_by_nobody() {
    let table: [(&str, Otherwise, bool); 5] = [
        ("what it repeats failed, as the provider says", |_| {}, false),
        ("a person settled it as failed, without any evidence", |o| o.state.attempts[0].class = None, true),
        (
            "nobody knows of it",
            |o| (o.state.attempts[0].state, o.state.attempts[0].class) = (AttemptState::Unknown, None),
            true,
        ),
        (
            "it was accepted",
            |o| (o.state.attempts[0].state, o.state.attempts[0].class) = (AttemptState::Submitted, None),
            true,
        ),
        (
            "it repeats nothing",
            |o| (o.state.attempts[0].state, o.state.attempts[1].repeats) = (AttemptState::Unknown, None),
            false,
        ),
    ];
    for (label, otherwise, want) in table {
        let mut one = second_text();
        one.state.attempts[1].repeats = Some(one.attempt(1).id);
        otherwise(&mut one);
        let (text, ..) = written(&one);
        assert_eq!(text.contains("(repeat)"), want, "{label}: {text}");
        assert!(!text.contains("7K3Q-1"), "{label}: by that reference another message is looked for: {text}");
    }
}

#[test]
fn that_a_template_cannot_be_used_is_over_once_a_notice_was_made_by_it_and_by_nothing_else() {
    let first = || vec![AlertKind::Template.about("default:notice")];
    let later = || vec![AlertKind::Template.about("default:reminder")];
    let table: [(&str, Otherwise, Vec<AlertKey>); 5] = [
        ("a notice", |_| {}, first()),
        ("a reminder", |o| o.state.attempts[0].state = AttemptState::Submitted, later()),
        ("a person's own words", |o| o.state.call.data.body = Some("Gate 4 floods".into()), Vec::new()),
        ("an answer", |o| o.state.attempts[1].kind = AttemptKind::Answer, Vec::new()),
        (
            "the built-in words in place of a template",
            |o| o.directory.default_line.templates.notice = Some("{{ broken".into()),
            Vec::new(),
        ),
    ];
    for (label, otherwise, want) in table {
        let mut one = second_text();
        otherwise(&mut one);
        assert_eq!(written(&one).2, want, "{label}");
    }
}

#[test]
fn a_mail_tells_in_a_persons_own_words_where_they_are_any_else_what_is_wrong() {
    for (own, says) in [(None, "Burst pipe"), (Some("Gate 4 floods"), "Gate 4 floods"), (Some("  "), "Burst pipe")] {
        let mut one = second_text();
        one.state.call.data.body = own.map(str::to_owned);
        (one.state.attempts[1].channel, one.state.attempts[1].recipient.channel) = (Channel::Email, Channel::Email);
        let (text, ..) = written(&one);
        assert!(text.contains(&format!("Issue: {says}")), "{own:?}: {text}");
    }
}
