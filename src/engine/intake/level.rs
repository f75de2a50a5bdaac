//! What a call runs as: a level by its name or an intake's word, or what a word of an emergency says.

use serde_json::Value;

use super::{Intake, IntakeError, Validation, Warnings, field};
use crate::domain::alert::AlertKind;
use crate::domain::call::CallData;
use crate::domain::levels::{HIGH, MORNING};
use crate::domain::policy::Policy;
use crate::domain::team::{Directory, Line};

/// What a call runs as.
pub(super) struct Level {
    pub(super) name: String,
    pub(super) policy: Policy,
    /// Why it is another level than the one that was given.
    pub(super) why: Option<String>,
    /// Nobody is woken.
    pub(super) deferred: bool,
}

impl Level {
    fn of(policy: &Policy) -> Self {
        Self { name: policy.name.clone(), policy: policy.clone(), why: None, deferred: false }
    }
}

/// The level by its name or by an alias; without one, and over one that wakes nobody, a word of an emergency raises it.
pub(super) fn level(
    intake: &Intake,
    directory: &Directory,
    line: &Line,
    validation: Validation,
    warnings: &mut Warnings,
) -> Result<Level, IntakeError> {
    let given = intake.data.emergency_level.as_deref().map(str::trim).filter(|l| !l.is_empty());
    let asked = given.unwrap_or("normal");
    let found = directory.policy_meant(line, asked);
    let can_wait =
        found.is_none() && (asked.eq_ignore_ascii_case(MORNING) || directory.levels.meant(asked) == Some(MORNING));
    // Whoever dispatches by hand and names no level means the usual one.
    let unsaid = given.is_none() && validation == Validation::Lenient;
    if (unsaid || can_wait)
        && let Some(word) = emergency_word(&intake.data, directory, line)
        && let Some(high) = directory.policy(line, HIGH)
    {
        let why = match given {
            Some(level) => format!("given as {:?}, raised: it says {word:?}", shown(level)),
            None => format!("none was given, it says {word:?}"),
        };
        return Ok(Level { why: Some(why), ..Level::of(high) });
    }
    let levels = directory.levels(line);
    let fallback = |first: [&str; 2]| {
        let named = first.iter().find_map(|l| directory.policy(line, l));
        named.or_else(|| levels.iter().find_map(|l| directory.policy(line, l)))
    };
    let no_policy = || field("emergencyLevel", "no policy is configured");
    if can_wait {
        let ladder = fallback(["normal", HIGH]).ok_or_else(no_policy)?;
        return Ok(Level { name: MORNING.to_owned(), deferred: true, ..Level::of(ladder) });
    }
    if let Some(policy) = found {
        return Ok(Level::of(policy));
    }
    if validation == Validation::Strict {
        return Err(field(
            "emergencyLevel",
            format!("{asked:?} is no level of this line; there are {}, {MORNING}", levels.join(", ")),
        ));
    }
    warnings.push((
        AlertKind::UnknownLevel,
        format!("the emergency level {:?} is unknown: the call runs as high", shown(asked)),
    ));
    fallback([HIGH, "normal"]).map(Level::of).ok_or_else(no_policy)
}

fn shown(level: &str) -> String {
    level.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// A word of an emergency in what the caller said: the issue, else the transcript without the agent's turns.
fn emergency_word(data: &CallData, directory: &Directory, line: &Line) -> Option<String> {
    let in_text = |text: &str| directory.levels.keyword_in(&line.keywords, text);
    let transcript = data.extra.get("transcript").and_then(Value::as_str);
    data.issue_summary.as_deref().and_then(in_text).or_else(|| in_text(&callers_turns(transcript?)))
}

/// A transcript without the turns of the agent, as voice agents write them: a line each, with its speaker.
fn callers_turns(transcript: &str) -> String {
    let agents = |turn: &&str| {
        let speaker = turn.split(':').next().unwrap_or_default().trim().to_lowercase();
        matches!(speaker.as_str(), "agent" | "ai" | "assistant" | "bot")
    };
    transcript.lines().filter(|turn| !agents(turn)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::new_call;
    use super::super::tests::directory;
    use super::*;
    use crate::domain::Timestamp;
    use crate::ids::Ids;

    /// What a call runs as that says this, with the words of levels that ship.
    fn runs_as(level: Option<&str>, issue: &str, transcript: Option<&str>) -> (String, bool) {
        let mut directory = directory();
        for (of, word) in
            [("high", "emergency"), ("normal", "medium"), ("morning", "low"), ("morning", "non-emergency")]
        {
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
    fn the_command_line_takes_the_same_words_and_names_what_exists() {
        let mut directory = directory();
        assert!(directory.levels.add("morning", "low"));
        directory.levels.add_keyword("gas smell");
        let new = |level: &str| {
            let issue = if level.is_empty() { "gas smell" } else { "A tap drips" };
            let data = CallData {
                emergency_level: Some(level.into()),
                issue_summary: Some(issue.into()),
                ..CallData::default()
            };
            let intake = Intake { call_id: Some("c".into()), data, ..Intake::default() };
            new_call(intake, &directory, Validation::Strict, &Ids::seeded(1), Timestamp::from_millis(1))
        };
        assert!(new("LOW").expect("an alias").deferred);
        assert_eq!(new("").expect("the usual one").level, "normal");
        let why = new("soon").expect_err("no level").to_string();
        assert!(why.contains("high, normal, morning"), "{why}");
    }
}
