//! Free words beside an answer: whether they take it back.

use super::lexicon::{self, Lexicon, OPT_OUT, Sense};
use super::words::{DOUBTS, Words};
use super::{FreeText, harmless};

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
/// It comes later, perhaps, or only if.
const CONDITIONS: &[&str] = &[
    "after",
    "afternoon",
    "assuming",
    "before",
    "could",
    "dawn",
    "day",
    "days",
    "depending",
    "depends",
    "else",
    "evening",
    "eventually",
    "first",
    "friday",
    "guess",
    "hold",
    "hopefully",
    "if",
    "later",
    "lets",
    "maybe",
    "midnight",
    "might",
    "monday",
    "morning",
    "noon",
    "once",
    "only",
    "or",
    "perhaps",
    "possible",
    "possibly",
    "probably",
    "provided",
    "saturday",
    "should",
    "someone",
    "somebody",
    "sunday",
    "think",
    "thursday",
    "till",
    "tmr",
    "tmrw",
    "tmw",
    "tommorow",
    "tomorow",
    "tomorrow",
    "try",
    "trying",
    "tuesday",
    "unless",
    "unsure",
    "until",
    "wait",
    "waiting",
    "wednesday",
    "week",
    "weekend",
    "when",
    "whenever",
    "whether",
    "would",
];
const HOURS: &[&str] = &["am", "h", "hour", "hours", "hr", "hrs", "oclock", "pm"];
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
/// Before a number they name a time of day.
const AT: &[&str] = &["around", "at", "by"];
const MINUTES: &[&str] = &["m", "min", "mins", "minute", "minutes"];
/// Longer than this is a matter of hours.
const MINUTES_MAX: u32 = 90;
/// A number up to this may be a time of day.
const HOUR_MAX: u32 = 24;

/// After "no" they say the contrary, after "2" how far it is.
const NO_PASS: &[&str] = &["biggie", "doubt", "issue", "prob", "problem", "problems", "worries", "worry"];

/// Whether this word makes whatever stands beside it depend on something.
pub(super) fn is_condition(word: &str) -> bool {
    CONDITIONS.contains(&word)
}

/// Every word that makes an answer depend on something.
#[cfg(test)]
pub(super) fn conditions() -> impl Iterator<Item = &'static str> {
    CONDITIONS.iter().copied()
}

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
        || (OPT_OUT.contains(&word) && is_a_clause(words, i, 1))
        || word.starts_with(DOUBTS)
}

/// A word that says the contrary. A digit or a letter does only where it is all of its clause: `replaced 2 valves` passes nothing.
fn is_against(words: &Words, i: usize, said: Sense, lexicon: &Lexicon) -> bool {
    let word = words.word(i);
    let counts = |len: usize| lexicon::is_wordy(words, i, len) || is_a_clause(words, i, len);
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

/// Whether these words are all of their clause.
pub(super) fn is_a_clause(words: &Words, i: usize, len: usize) -> bool {
    let end = i + len;
    (i == 0 || words.gap(i).parts)
        && end <= words.len()
        && (i + 1..end).all(|i| !words.gap(i).parts)
        && (end == words.len() || words.gap(end).parts)
}

/// Whether a number behind this word is a time of day.
pub(super) fn is_at(word: &str) -> bool {
    AT.contains(&word)
}

/// Hours, a time of day, or more minutes than belong to a way.
fn is_time(words: &Words, i: usize) -> bool {
    let word = words.word(i);
    if HOURS.contains(&word) {
        return true;
    }
    let (number, unit) = split_number(word);
    if number.is_empty() {
        return false;
    }
    let is_unit = |list: &[&str]| list.contains(&unit) || (unit.is_empty() && list.contains(&words.word(i + 1)));
    let is_named = i > 0 && AT.contains(&words.word(i - 1));
    let next = words.word(i + 1);
    // `6:30`, `1.5`, `1/2`
    let is_clock = unit.is_empty()
        && words.gap(i + 1).is_glued
        && !words.gap(i + 1).is_dash
        && next.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let is_long = number.parse::<u32>().map_or(true, |n| n > MINUTES_MAX);
    is_unit(HOURS)
        || is_clock
        || (is_named && is_unit(&[""]))
        || is_named && unit.is_empty()
        || (is_long && is_unit(MINUTES))
        || matches!(unit, "a" | "p")
}

fn split_number(word: &str) -> (&str, &str) {
    word.split_at(word.bytes().take_while(u8::is_ascii_digit).count())
}

/// Words that may stand before the minutes that a way takes.
const BEFORE_MINUTES: &[&str] =
    &["about", "approx", "be", "eta", "give", "ill", "in", "leaving", "me", "roughly", "there", "will"];
const BEHIND_MINUTES: &[&str] = &["away", "out", "tops", "max"];

/// Whether the minutes that a way takes stand at that word, to the end of the clause: `20 min`, `be there in 20`. Where they end.
pub(super) fn minutes(words: &Words, from: usize) -> Option<usize> {
    way(words, from).filter(|end| *end >= words.len() || words.gap(*end).parts)
}

/// Where the minutes end that stand at that word. Without a unit they end their clause, and are none that may be a time of day:
/// `in 20` and `eta 25` are minutes, `there 6` is not.
pub(super) fn way(words: &Words, from: usize) -> Option<usize> {
    let leads = (from..words.len()).take_while(|i| BEFORE_MINUTES.contains(&words.word(*i))).count();
    let mut i = from + leads;
    let mut is_unit = false;
    let mut is_clear = (from..i).any(|i| matches!(words.word(i), "in" | "give"));
    let small = |n: &str| n.parse::<u32>().ok().filter(|m| (1..=MINUTES_MAX).contains(m) && !n.starts_with('0'));
    for part in 0..2 {
        let (number, unit) = split_number(words.word(i));
        let number = small(number).filter(|_| unit.is_empty() || MINUTES.contains(&unit))?;
        is_unit |= !unit.is_empty();
        is_clear |= leads > 0 && number > HOUR_MAX;
        i += 1;
        // `20-30 min`
        if part == 1 || is_unit || !words.gap(i).is_dash || i >= words.len() {
            break;
        }
    }
    if MINUTES.contains(&words.word(i)) && !is_unit {
        (i, is_unit) = (i + 1, true);
    }
    if BEHIND_MINUTES.contains(&words.word(i)) {
        i += 1;
    }
    let ends = i >= words.len() || words.gap(i).parts;
    // `in 1:30`
    let is_clock = !is_unit && words.gap(i).is_glued && i < words.len();
    (!is_clock && (is_unit || (is_clear && ends))).then_some(i)
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
