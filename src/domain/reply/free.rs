//! Free words beside an answer: whether they take it back.

use super::lexicon::{Lexicon, Sense};
use super::words::{DOUBTS, Words};

/// What is said no to.
const NEGATIONS: &[&str] = &[
    "aint", "arent", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hasnt", "havent", "isnt", "neither",
    "never", "no", "nobody", "none", "not", "nothing", "shouldnt", "wasnt", "without", "wont", "wouldnt", "wrong",
];
const BUTS: &[&str] = &["although", "but", "except", "however", "instead", "though", "tho"];
/// It comes later, perhaps, or only if.
const CONDITIONS: &[&str] = &[
    "after",
    "afternoon",
    "assuming",
    "before",
    "could",
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
    "tmrw",
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
/// Before a number they name a time of day.
const AT: &[&str] = &["around", "at", "by"];
const MINUTES: &[&str] = &["m", "min", "mins", "minute", "minutes"];
/// Longer than this is a matter of hours.
const MINUTES_MAX: u32 = 90;

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

/// Whether what stands from that word on takes back a word of this sense before it. What passes or is done needs no time:
/// any number in a pass, and any word that takes, is against it.
pub(super) fn blocks(words: &Words, from: usize, said: Sense, lexicon: &Lexicon) -> bool {
    (from..words.len()).any(|i| {
        let word = words.word(i);
        let phrase = lexicon.at(words, i).map(|(sense, _)| sense);
        let against = match said {
            Sense::Pass => {
                matches!(phrase, Some(Sense::Take | Sense::Done | Sense::Soft { is_yes: true }))
                    || word.bytes().any(|b| b.is_ascii_digit())
                    || NO_PASS.contains(&word)
                    || MINUTES.contains(&word)
            }
            _ => matches!(phrase, Some(Sense::Pass)) || NEGATIONS.contains(&word),
        };
        against
            || is_condition(word)
            || BUTS.contains(&word)
            || QUESTIONS.contains(&word)
            || is_time(words, i)
            || word.starts_with(DOUBTS)
    })
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
    let leads = (from..words.len()).take_while(|i| BEFORE_MINUTES.contains(&words.word(*i))).count();
    let mut i = from + leads;
    let mut is_unit = false;
    let is_small = |n: &str| n.parse::<u32>().is_ok_and(|n| (1..=MINUTES_MAX).contains(&n));
    for part in 0..2 {
        let (number, unit) = split_number(words.word(i));
        if !is_small(number) || !(unit.is_empty() || MINUTES.contains(&unit)) {
            return None;
        }
        is_unit |= !unit.is_empty();
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
    (ends && (is_unit || leads > 0)).then_some(i)
}
