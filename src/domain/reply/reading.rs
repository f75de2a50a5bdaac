//! A message read by itself: what it says and which call it names, without knowing any call.
//!
//! The whole trimmed message must be a word, with or without a reference.

use crate::domain::body;
use crate::domain::types::CallRef;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// "Mine."
    Take,
    /// "Not me", or "I give it back".
    Pass,
    /// "It is done."
    Done,
    /// Twilio's opt-out words.
    OptOut,
    /// Twilio's opt-in words.
    OptIn,
}

/// A message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// What it says, where the whole message is a word.
    pub word: Option<Word>,
    /// The call that it names.
    pub reference: Option<CallRef>,
    /// It also lifts an opt-out (YES does, on Twilio's side).
    pub opts_in: bool,
}

const TAKE: &[&str] = &[
    "1",
    "ack",
    "acknowledge",
    "acknowledged",
    "accept",
    "accepted",
    "mine",
    "ok",
    "okay",
    "yes",
    "y",
    "yep",
    "yeah",
    "take",
    "omw",
];
const PASS: &[&str] = &["2", "no", "n", "nope", "pass", "decline", "skip"];
const DONE: &[&str] = &["done", "finished", "complete", "completed", "resolved", "fixed"];
pub(super) const OPT_OUT: &[&str] = &["stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"];
const OPT_IN: &[&str] = &["start", "unstop"];

/// Reads a message. Case, surrounding space and a closing full stop or exclamation mark do not matter.
pub fn understand(text: &str) -> Understood {
    let nothing = Understood { word: None, reference: None, opts_in: false };
    let lower = text.trim().trim_end_matches(['.', '!']).trim().to_lowercase();
    let tokens: Vec<&str> = lower.split([' ', ',', ':', '\n', '\t', '\r']).filter(|t| !t.is_empty()).collect();
    let (word, named) = match tokens.as_slice() {
        [one] => (*one, None),
        [a, b] => match (word_of(a), reference_of(a)) {
            (Some(_), _) if reference_of(b).is_some() => (*a, reference_of(b)),
            (_, Some(r)) => (*b, Some(r)),
            _ => return nothing,
        },
        _ => return nothing,
    };
    let found = word_of(word);
    // The provider matches its opt-out words only as the whole message, and so do we.
    if matches!(found, Some(Word::OptOut | Word::OptIn)) && named.is_some() {
        return Understood { reference: named, ..nothing };
    }
    Understood { word: found, reference: named, opts_in: word == "yes" || found == Some(Word::OptIn) }
}

fn word_of(token: &str) -> Option<Word> {
    let is = |list: &[&str]| list.contains(&token);
    if is(TAKE) {
        Some(Word::Take)
    } else if is(PASS) {
        Some(Word::Pass)
    } else if is(DONE) {
        Some(Word::Done)
    } else if is(OPT_OUT) {
        Some(Word::OptOut)
    } else if is(OPT_IN) {
        Some(Word::OptIn)
    } else {
        None
    }
}

fn reference_of(token: &str) -> Option<CallRef> {
    let (head, tail) = token.split_once('-').unwrap_or((token, ""));
    let numbered = tail.is_empty() || tail.bytes().all(|b| b.is_ascii_digit());
    if numbered && head.bytes().any(|b| b.is_ascii_digit()) { head.parse().ok() } else { None }
}

/// References that a message names, for loading the calls they mean.
pub fn references(text: &str) -> Vec<CallRef> {
    let mut all: Vec<CallRef> = body::find_references(text).into_iter().map(|(r, _)| r).collect();
    all.extend(understand(text).reference);
    all.sort();
    all.dedup();
    all.truncate(8);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_only_as_the_whole_message() {
        for (text, word, reference) in [
            ("1", Some(Word::Take), None),
            (" Mine! ", Some(Word::Take), None),
            ("OK.", Some(Word::Take), None),
            ("1 7k3q", Some(Word::Take), Some("7K3Q")),
            ("1 7K3Q-2", Some(Word::Take), Some("7K3Q")),
            ("7K3Q-21 ack", Some(Word::Take), Some("7K3Q")),
            ("2", Some(Word::Pass), None),
            ("7K3Q: 2", Some(Word::Pass), Some("7K3Q")),
            ("done", Some(Word::Done), None),
            ("STOP", Some(Word::OptOut), None),
            ("cancel", Some(Word::OptOut), None),
            ("cancel 7K3Q", None, Some("7K3Q")),
            ("start", Some(Word::OptIn), None),
            ("yes", Some(Word::Take), None),
            ("1 please", None, None),
            ("ok I will be there", None, None),
            ("", None, None),
            ("HELP", None, None),
            ("11", None, None),
            ("1 DONE", None, None),
        ] {
            let u = understand(text);
            assert_eq!((u.word, u.reference.as_ref().map(CallRef::as_str)), (word, reference), "{text:?}");
        }
        assert!(understand("YES").opts_in && understand("unstop").opts_in && !understand("1").opts_in);
    }
}
