//! What a call runs as: a level by its name or an intake's word, or what a word of an emergency says.

use serde_json::Value;

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
    /// What is odd about what was given.
    pub(super) warning: Option<String>,
}

impl Level {
    fn of(policy: &Policy) -> Self {
        Self { name: policy.name.clone(), policy: policy.clone(), why: None, deferred: false, warning: None }
    }
}

/// `by_hand`: a level that does not exist is refused. `by_words`: one that is not given may be that of an emergency's words, by hand
/// as over the API.
///
/// The level by its name or by an alias; without one, and over one that wakes nobody, a word of an emergency raises it.
pub(super) fn level(
    data: &CallData,
    directory: &Directory,
    line: &Line,
    by_hand: bool,
    by_words: bool,
) -> Result<Level, String> {
    let given = data.emergency_level.as_deref().map(str::trim).filter(|l| !l.is_empty());
    let asked = given.unwrap_or("normal");
    let found = directory.policy_meant(line, asked);
    let can_wait =
        found.is_none() && (asked.eq_ignore_ascii_case(MORNING) || directory.levels.meant(asked) == Some(MORNING));
    let unsaid = given.is_none() && by_words;
    if (unsaid || can_wait)
        && let Some(word) = emergency_word(data, directory, line)
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
    let no_policy = || "no policy is configured".to_owned();
    if can_wait {
        let ladder = fallback(["normal", HIGH]).ok_or_else(no_policy)?;
        return Ok(Level { name: MORNING.to_owned(), deferred: true, ..Level::of(ladder) });
    }
    if let Some(policy) = found {
        return Ok(Level::of(policy));
    }
    if by_hand {
        return Err(format!("{asked:?} is no level of this line; there are {}, {MORNING}", levels.join(", ")));
    }
    let warning = format!("the emergency level {:?} is unknown: the call runs as high", shown(asked));
    let high = fallback([HIGH, "normal"]).ok_or_else(no_policy)?;
    Ok(Level { warning: Some(warning), ..Level::of(high) })
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
#[path = "level_tests.rs"]
mod tests;
