//! What a call runs as, by what its intake says.

use serde_json::Value;

use crate::domain::Timestamp;
use crate::domain::call::CallData;
use crate::engine::intake::tests::directory;
use crate::engine::intake::{Intake, Validation, new_call};
use crate::ids::Ids;

/// What a call runs as that says this, with the words of levels that ship.
fn runs_as(level: Option<&str>, issue: &str, transcript: Option<&str>) -> (String, bool) {
    let mut directory = directory();
    for (of, word) in [("high", "emergency"), ("normal", "medium"), ("morning", "low"), ("morning", "non-emergency")] {
        assert!(directory.levels.add(of, word));
    }
    directory.levels.add_keyword("gas smell");
    directory.default_line.keywords = vec!["Whirlpool".into()];
    let mut data = CallData {
        emergency_level: level.map(str::to_owned),
        issue_summary: Some(issue.to_owned()),
        ..CallData::default()
    };
    data.extra.extend(transcript.map(|t| ("transcript".to_owned(), Value::String(t.to_owned()))));
    let intake = Intake { call_id: Some("c".into()), data, ..Intake::default() };
    let now = Timestamp::from_millis(1);
    let new = new_call(intake, &directory, Validation::Lenient, &Ids::seeded(1), now).expect("taken");
    assert_eq!(new.deferred, new.level == "morning");
    (new.level, !new.warnings.is_empty())
}

#[test]
fn a_level_is_read_by_its_words_and_raised_by_those_of_an_emergency() {
    for (level, issue, transcript, want) in [
        (Some("EMERGENCY"), "A tap drips", None, ("high", false)),
        (Some("Medium"), "A tap drips", None, ("normal", false)),
        (Some("LOW"), "A tap drips", None, ("morning", false)),
        (Some("Non-Emergency"), "A tap drips", None, ("morning", false)),
        (Some(" morning "), "A tap drips", None, ("morning", false)),
        (Some("LOW"), "There is a gas smell", None, ("high", false)),
        (Some("normal"), "There is a gas smell", None, ("normal", false)),
        (None, "There is a gas smell", None, ("high", false)),
        (None, "The whirlpool runs over", None, ("high", false)),
        (None, "A tap drips", None, ("normal", false)),
        (Some(""), "A tap drips", Some("Agent: is there a gas smell?\nUser: no, it drips"), ("normal", false)),
        (Some("LOW"), "A tap drips", Some("Agent: what is it?\nUser: a gas smell, too"), ("high", false)),
        (Some("apocalypse"), "A tap drips", None, ("high", true)),
    ] {
        let want = (want.0.to_owned(), want.1);
        assert_eq!(runs_as(level, issue, transcript), want, "{level:?} {issue:?} {transcript:?}");
    }
}

#[test]
fn a_call_runs_at_the_same_level_by_hand_and_over_the_api() {
    let mut directory = directory();
    assert!(directory.levels.add("morning", "low"));
    directory.levels.add_keyword("no heat");
    for (level, issue, want) in [
        (None, "No heat", "high"),
        (None, "A tap drips", "normal"),
        (Some(""), "no heat since noon", "high"),
        (Some("low"), "no heat", "high"),
        (Some("low"), "A tap drips", "morning"),
        (Some("normal"), "no heat", "normal"),
    ] {
        for validation in [Validation::Strict, Validation::Lenient] {
            let data = CallData {
                emergency_level: level.map(str::to_owned),
                issue_summary: Some(issue.into()),
                ..CallData::default()
            };
            let intake = Intake { call_id: Some("c".into()), data, ..Intake::default() };
            let new =
                new_call(intake, &directory, validation, &Ids::seeded(1), Timestamp::from_millis(1)).expect("taken");
            assert_eq!(new.level, want, "{validation:?} {level:?} {issue:?}");
        }
    }
}

#[test]
fn the_command_line_takes_the_same_words_and_names_what_exists() {
    let mut directory = directory();
    assert!(directory.levels.add("morning", "low"));
    directory.levels.add_keyword("gas smell");
    let new = |level: &str| {
        let issue = if level.is_empty() { "gas smell" } else { "A tap drips" };
        let data =
            CallData { emergency_level: Some(level.into()), issue_summary: Some(issue.into()), ..CallData::default() };
        let intake = Intake { call_id: Some("c".into()), data, ..Intake::default() };
        new_call(intake, &directory, Validation::Strict, &Ids::seeded(1), Timestamp::from_millis(1))
    };
    assert!(new("LOW").expect("an alias").deferred);
    let unsaid = new("").expect("by its words");
    assert_eq!((unsaid.level.as_str(), unsaid.level_why.is_some()), ("high", true));
    let why = new("soon").expect_err("no level").to_string();
    assert!(why.contains("high, normal, morning"), "{why}");
}

#[test]
fn a_level_that_is_raised_or_unknown_says_what_was_given_and_why() {
    let mut directory = directory();
    assert!(directory.levels.add("morning", "low"));
    directory.levels.add_keyword("gas smell");
    for (level, issue, why, warnings) in [
        (Some("LO\u{7}W"), "A gas smell", Some("given as \"LOW\", raised: it says \"gas smell\""), vec![]),
        (None, "A gas smell", Some("none was given, it says \"gas smell\""), vec![]),
        (Some("low"), "A tap drips", None, vec![]),
        (
            Some("so\u{7}on"),
            "A tap drips",
            None,
            vec!["the emergency level \"soon\" is unknown: the call runs as high"],
        ),
    ] {
        let data = CallData {
            emergency_level: level.map(str::to_owned),
            issue_summary: Some(issue.into()),
            ..CallData::default()
        };
        let intake = Intake { call_id: Some("c".into()), data, ..Intake::default() };
        let new = new_call(intake, &directory, Validation::Lenient, &Ids::seeded(1), Timestamp::from_millis(1))
            .expect("taken");
        let said: Vec<&str> = new.warnings.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!((new.level_why.as_deref(), said), (why, warnings), "{level:?} {issue:?}");
    }
}
