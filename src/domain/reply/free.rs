//! Free words beside an answer: whether they take it back.

use super::conditions::is_condition;
use super::harmless;
use super::lexicon::{self, Lexicon, OPT_OUT, Sense};
use super::time::{MINUTES, is_time};
use super::words::{DOUBTS, Words};

/// What is said no to.
const NEGATIONS: &[&str] = &[
    "aint", "arent", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hasnt", "havent", "isnt", "neither",
    "never", "no", "nobody", "none", "not", "nothing", "shouldnt", "wasnt", "without", "wont", "wouldnt", "wrong",
];
/// They take back what was said before them.
const TAKEN_BACK: &[&str] = &[
    "disregard",
    "forget",
    "ignore",
    "jk",
    "kidding",
    "mistake",
    "nevermind",
    "nm",
    "nvm",
    "oops",
    "scratch",
    "undo",
    "whoops",
];
const BUTS: &[&str] = &["although", "but", "except", "however", "instead", "though", "tho"];
const QUESTIONS: &[&str] = &["how", "what", "whats", "where", "wheres", "which", "who", "whos", "why", "whose"];
/// A question begins with one of these and whom it is about: `is that`, `can u`, `did anyone`.
const ASKS: &[&str] = &[
    "am", "are", "can", "could", "did", "do", "does", "has", "have", "is", "may", "shall", "should", "was", "were",
    "will", "would",
];
const ASKED: &[&str] = &[
    "any", "anybody", "anyone", "everyone", "he", "i", "it", "she", "someone", "that", "there", "these", "they",
    "this", "those", "u", "we", "ya", "yall", "you",
];
/// After "no" they say the contrary, after "2" how far it is.
const NO_PASS: &[&str] = &["biggie", "doubt", "issue", "prob", "problem", "problems", "worries", "worry"];

/// Whether what stands from that word on takes back a word of this sense before it. Behind a word that takes, what is not
/// harmless does. What passes or is done needs no time: any number in a pass, and any word that takes, is against it.
pub(super) fn blocks(words: &Words, from: usize, said: Sense, own: &str, lexicon: &Lexicon) -> bool {
    let own = Words::of(own);
    let (mut i, mut is_fresh) = (from, true);
    while i < words.len() {
        is_fresh |= words.gap(i).parts;
        let consumed = if said == Sense::Pass { None } else { harmless::consumed(words, i) };
        let len = match said {
            Sense::Take => harmless::harmless(words, i, &own, lexicon),
            _ => Some(consumed.unwrap_or(1)),
        };
        let Some(len) = len else { return true };
        let is_out = |w| {
            takes_back(words, w)
                || is_against(words, w, said, lexicon)
                || ((consumed.is_none() || w > i) && is_time(words, w))
        };
        if (i..i + len).any(is_out) || (is_fresh && is_asked(words, i)) {
            return true;
        }
        is_fresh &= matches!(lexicon.at(words, i), Some((Sense::Filler | Sense::Soft { .. } | Sense::Receipt, _)));
        i += len;
    }
    false
}

/// A word that takes back whatever was said.
fn takes_back(words: &Words, i: usize) -> bool {
    let word = words.word(i);
    is_condition(word)
        || [BUTS, QUESTIONS, TAKEN_BACK].iter().any(|list| list.contains(&word))
        || (OPT_OUT.contains(&word) && words.is_a_clause(i, 1))
        || word.starts_with(DOUBTS)
}

/// A word that says the contrary. A digit or a letter does only where it is all of its clause: `replaced 2 valves` passes nothing.
fn is_against(words: &Words, i: usize, said: Sense, lexicon: &Lexicon) -> bool {
    let word = words.word(i);
    let counts = |len: usize| lexicon::is_wordy(words, i, len) || words.is_a_clause(i, len);
    let phrase = lexicon.at(words, i).filter(|(_, len)| counts(*len)).map(|(sense, _)| sense);
    match said {
        Sense::Pass => {
            matches!(phrase, Some(Sense::Take | Sense::Done | Sense::Soft { is_yes: true }))
                || word.bytes().any(|b| b.is_ascii_digit())
                || NO_PASS.contains(&word)
                || MINUTES.contains(&word)
        }
        _ => matches!(phrase, Some(Sense::Pass)) || NEGATIONS.contains(&word),
    }
}

/// Whether a clause that begins there is a question, with or without its mark.
fn is_asked(words: &Words, i: usize) -> bool {
    let (first, second) = (words.word(i), words.word(i + 1));
    let is_of_a_thing = matches!(second, "a" | "an" | "customer" | "my" | "our" | "the" | "your");
    ASKS.contains(&first)
        && (ASKED.contains(&second) || (is_of_a_thing && !matches!(first, "am" | "can" | "do" | "have" | "was")))
}

/// Words behind a plain word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeText {
    /// As it was written.
    pub text: String,
    /// A negation, a pass word, "but", a condition, hours or a question stands in it, or, behind a word that takes, anything that
    /// is not harmless: the plain word before it does not act.
    pub blocks: bool,
}

impl FreeText {
    /// Whether a contact's name, or a part of it that people call him by, stands in the text; what the writer, whose name is
    /// `own`, shares with him names nobody else.
    pub fn names(&self, name: &str, own: &str) -> bool {
        let (text, name, own) = (Words::of(&self.text), Words::of(name), Words::of(own));
        let is_own = |part: &str| (0..own.len()).any(|i| own.word(i) == part);
        let is_named = |part: &str| {
            (0..text.len()).any(|i| text.word(i).strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest == "s"))
        };
        let mut parts = (0..name.len()).map(|i| name.word(i));
        parts.any(|part| is_a_name(part) && !is_own(part) && is_named(part))
    }
}

/// Whether this part of a contact's name is one that people call him by: no particle, no common word, no role.
fn is_a_name(part: &str) -> bool {
    const PARTICLES: &[&str] = &[
        "al", "da", "de", "del", "der", "di", "dos", "du", "el", "jr", "la", "le", "of", "on", "sr", "st", "the",
        "van", "von",
    ];
    const ROLES: &[&str] = &[
        "admin",
        "after",
        "afterhours",
        "answering",
        "backup",
        "cell",
        "crew",
        "desk",
        "dispatch",
        "dispatcher",
        "duty",
        "emergency",
        "first",
        "home",
        "hours",
        "lead",
        "line",
        "main",
        "manager",
        "may",
        "mobile",
        "night",
        "number",
        "office",
        "oncall",
        "owner",
        "phone",
        "primary",
        "second",
        "secondary",
        "service",
        "shift",
        "shop",
        "supervisor",
        "team",
        "tech",
        "technician",
        "work",
    ];
    let is_common = PARTICLES.contains(&part) || ROLES.contains(&part) || harmless::is_common(part);
    part.chars().count() > 1 && part.chars().any(char::is_alphabetic) && !is_common
}
