//! The fields of a call, read from a document by the paths of its platform.

use serde_json::{Map, Value};

use super::caller::caller;
use super::paths;
use crate::config::FieldPaths;
use crate::domain::call::ADDRESS_KNOWN_BEFORE;

/// So much of a transcript stands for an issue that nobody named: its end, where the caller has said it all.
const TAIL_CHARACTERS: usize = 500;
/// What a platform was told before the conversation, by the keys that hold it.
const KNOWN_BEFORE: [&str; 2] = ["retell_llm_dynamic_variables", "variableValues"];
/// So much of it is kept.
const KEPT_CHARACTERS: usize = 4_000;

/// What a document says of a phone call.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) data: Map<String, Value>,
    /// Who called.
    pub(super) caller: Option<String>,
    /// The number that was dialled.
    pub(super) line: Option<String>,
    /// The issue was named: by the agent or by the platform's summary.
    pub(super) issue: Option<String>,
    pub(super) level: bool,
    /// What was spoken; `Some` and empty: the platform says that nothing was.
    pub(super) transcript: Option<String>,
}

/// Which of the two numbers is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The caller called the line.
    Inbound,
    /// The line called: from and to change places.
    Outbound,
}

/// Reads the fields. `transcript_there`: the platform gives a transcript, though it may be empty.
pub(super) fn said(document: &Value, fields: &FieldPaths, direction: Direction, transcript_there: bool) -> Said {
    let text = |paths: &[String]| paths::text(document, paths);
    let (mut shown, mut line) = (text(&fields.caller_id), text(&fields.twilio_to_number));
    if direction == Direction::Outbound {
        std::mem::swap(&mut shown, &mut line);
    }
    let who = caller(text(&fields.caller_phone), shown);
    let level = text(&fields.emergency_level);
    let transcript = text(&fields.transcript);
    let named = text(&fields.issue_summary);
    let mut issue = named.clone().or_else(|| transcript.as_deref().map(|t| tail(t, TAIL_CHARACTERS)));
    if let Some(also) = &who.also {
        issue = Some(match issue {
            Some(issue) => format!("{issue} (called from {also})"),
            None => format!("called from {also}"),
        });
    }
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), Value::String(value));
        }
    };
    put("callerPhone", who.phone.clone());
    put("callerId", who.also.clone());
    put("emergencyLevel", level.clone());
    put("issueSummary", issue);
    put("twilioToNumber", line.clone());
    put("callerName", text(&fields.caller_name));
    let address = fields.address.iter().find_map(|path| Some((path, paths::at(document, path)?)));
    let is_old = |path: &str| path.split('.').any(|segment| KNOWN_BEFORE.contains(&segment));
    let old = address.as_ref().filter(|(path, _)| is_old(path)).map(|_| "true".to_owned());
    put("address", address.map(|(_, text)| text));
    put(ADDRESS_KNOWN_BEFORE, old);
    put("transcript", transcript.as_deref().map(|t| tail(t, KEPT_CHARACTERS)));
    let transcript = transcript.or_else(|| transcript_there.then(String::new));
    Said { data, caller: who.phone, line, issue: named, level: level.is_some(), transcript }
}

/// The end of a text, from a word on.
fn tail(text: &str, characters: usize) -> String {
    let count = text.chars().count();
    if count <= characters {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count - characters + 1).collect();
    let from = end.find(char::is_whitespace).filter(|at| *at < 40).unwrap_or(0);
    format!("…{}", end.get(from..).unwrap_or(&end).trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_begins_with_a_word() {
        assert_eq!(tail("short", 500), "short");
        assert_eq!(tail("the water heater has burst", 12), "…has burst");
        assert_eq!(tail(&"x".repeat(600), 500).chars().count(), 500);
        assert_eq!(tail(&"ö".repeat(600), 500).chars().count(), 500);
    }
}
