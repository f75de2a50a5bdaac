//! One text read by itself: what it says and which call it names, without knowing any call.
//!
//! Nothing here decides about a call: which one a word concerns, and whether it may act, is the caller's matter.

use super::lexicon::{Lexicon, Meaning};
use crate::domain::body;
use crate::domain::types::CallRef;

/// What a text says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// "Mine."
    Take,
    /// "Not me", or "I give it back".
    Pass,
    /// "It is done."
    Done,
    /// A soft word (ok, yes, got it, thanks): it answers the last text that its writer got, and nothing else.
    Soft,
    /// A reference alone, or `all` alone: it completes the word that "Which call?" was asked for.
    Code,
    /// One of the provider's opt-out words, alone.
    OptOut,
    /// One of the provider's opt-in words that is no word of ours, alone.
    OptIn,
    /// A copy of a text of ours, as phones send one with a reaction to it.
    Quoted,
    /// No answer: it is shown to a person.
    Other,
}

/// A text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub says: Says,
    /// The one call that it names; `None` also where it names several.
    pub reference: Option<CallRef>,
    /// `1 all`: every call that its writer was told of.
    pub all: bool,
    /// What stands behind a plain word, as it was written.
    pub free: Option<FreeText>,
    /// It also lifts an opt-out at the provider (`YES` does).
    pub opts_in: bool,
}

/// Words behind a plain word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeText {
    /// As it was written.
    pub text: String,
    /// A negation, a pass word, "but", a condition, hours or a question stands in it: the plain word before it does not act.
    pub blocks: bool,
}

impl FreeText {
    /// Whether a contact's name, or a part of it that people call him by, stands in the text.
    pub fn names(&self, name: &str) -> bool {
        let words = |s: &str| -> Vec<String> {
            s.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
        };
        let text = words(&self.text);
        words(name).iter().any(|part| text.contains(part))
    }
}

/// Reads a text. It never fails and never takes a call by more than the tables of `lexicon` allow.
pub fn read(text: &str, lexicon: &Lexicon) -> Reading {
    let nothing = Reading { says: Says::Other, reference: None, all: false, free: None, opts_in: false };
    let lower = text.trim().trim_end_matches(['.', '!']).trim().to_lowercase();
    let tokens: Vec<&str> = lower.split([' ', ',', ':', '\n', '\t', '\r']).filter(|t| !t.is_empty()).collect();
    let (word, named) = match tokens.as_slice() {
        [one] if *one == "all" => return Reading { says: Says::Code, all: true, ..nothing },
        [one] => match reference_of(one) {
            Some(reference) => return Reading { says: Says::Code, reference: Some(reference), ..nothing },
            None => (*one, None),
        },
        [a, "all"] if lexicon.meaning(a) == Some(Meaning::Take) => {
            return Reading { says: Says::Take, all: true, ..nothing };
        }
        [a, b] => match (lexicon.meaning(a), reference_of(a)) {
            (Some(_), _) if reference_of(b).is_some() => (*a, reference_of(b)),
            (_, Some(r)) => (*b, Some(r)),
            _ => return nothing,
        },
        _ => return nothing,
    };
    let says = match lexicon.meaning(word) {
        Some(Meaning::Take) => Says::Take,
        Some(Meaning::Pass) => Says::Pass,
        Some(Meaning::Done) => Says::Done,
        Some(Meaning::Soft) => Says::Soft,
        // The provider matches its own words only as the whole message, and so do we.
        Some(Meaning::OptOut) if named.is_none() => Says::OptOut,
        Some(Meaning::OptIn) if named.is_none() => Says::OptIn,
        Some(Meaning::OptOut | Meaning::OptIn) | None => Says::Other,
    };
    let opts_in = says == Says::OptIn || (named.is_none() && word == "yes");
    Reading { says, reference: named, opts_in, ..nothing }
}

fn reference_of(token: &str) -> Option<CallRef> {
    let (head, tail) = token.split_once('-').unwrap_or((token, ""));
    let numbered = tail.is_empty() || tail.bytes().all(|b| b.is_ascii_digit());
    if numbered && head.bytes().any(|b| b.is_ascii_digit()) { head.parse().ok() } else { None }
}

/// References that a text names, for loading the calls they mean.
pub fn references(text: &str) -> Vec<CallRef> {
    let mut all: Vec<CallRef> = body::find_references(text).into_iter().map(|(r, _)| r).collect();
    all.sort();
    all.dedup();
    all.truncate(REFERENCES_MAX);
    all
}

/// So many references of one text are looked at.
const REFERENCES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_only_as_the_whole_message() {
        for (text, says, reference) in [
            ("1", Says::Take, None),
            (" Mine! ", Says::Take, None),
            ("OK.", Says::Soft, None),
            ("1 7k3q", Says::Take, Some("7K3Q")),
            ("1 7K3Q-2", Says::Take, Some("7K3Q")),
            ("7K3Q-21 ack", Says::Take, Some("7K3Q")),
            ("2", Says::Pass, None),
            ("7K3Q: 2", Says::Pass, Some("7K3Q")),
            ("done", Says::Done, None),
            ("STOP", Says::OptOut, None),
            ("cancel", Says::OptOut, None),
            ("cancel 7K3Q", Says::Other, Some("7K3Q")),
            ("start", Says::OptIn, None),
            ("yes", Says::Soft, None),
            ("7k3q", Says::Code, Some("7K3Q")),
            ("all", Says::Code, None),
            ("1 all", Says::Take, None),
            ("ok I will be there", Says::Other, None),
            ("", Says::Other, None),
            ("HELP", Says::Other, None),
            ("11", Says::Other, None),
            ("1 DONE", Says::Other, None),
        ] {
            let r = read(text, &Lexicon::default());
            assert_eq!((r.says, r.reference.as_ref().map(CallRef::as_str)), (says, reference), "{text:?}");
        }
        let opts_in = |text| read(text, &Lexicon::default()).opts_in;
        assert!(opts_in("YES") && opts_in("unstop") && !opts_in("1"));
    }
}
