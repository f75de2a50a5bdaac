//! Times in a person's words: how long a way takes, and what is a matter of hours.

use super::words::Words;

const HOURS: &[&str] = &["am", "h", "hour", "hours", "hr", "hrs", "oclock", "pm"];

/// Before a number they name a time of day.
const AT: &[&str] = &["around", "at", "by"];

pub(super) const MINUTES: &[&str] = &["m", "min", "mins", "minute", "minutes"];

/// Longer than this is a matter of hours.
const MINUTES_MAX: u32 = 90;

/// Before a number they name a place: `apt 4a` is no time of day.
const PLACES: &[&str] = &[
    "apartment",
    "apt",
    "bldg",
    "building",
    "door",
    "flat",
    "floor",
    "gate",
    "house",
    "lot",
    "room",
    "ste",
    "suite",
    "unit",
];

/// A number up to this may be a time of day.
const HOUR_MAX: u32 = 24;

/// Whether a number behind this word is a time of day.
pub(super) fn is_at(word: &str) -> bool {
    AT.contains(&word)
}

/// Hours, a time of day, or more minutes than belong to a way.
pub(super) fn is_time(words: &Words, i: usize) -> bool {
    let word = words.word(i);
    // `I am on my way`: a time of day has its number before it.
    if HOURS.contains(&word) && word != "am" {
        return true;
    }
    let (number, unit) = split_number(word);
    if number.is_empty() {
        return false;
    }
    let is_unit = |list: &[&str]| list.contains(&unit) || (unit.is_empty() && list.contains(&words.word(i + 1)));
    let before = i.checked_sub(1).map_or("", |i| words.word(i));
    let is_named = AT.contains(&before);
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
        || (matches!(unit, "a" | "p") && !PLACES.contains(&before))
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
    way_of(words, from).map(|way| way.end)
}

/// How many minutes stand at that word; of `20-30 min` the more.
pub(super) fn minutes_of(words: &Words, from: usize, named: Unit) -> Option<u32> {
    let is_past = |way: &Way| named == Unit::Any && words.word(way.end) == "ago";
    way_of(words, from)
        .filter(|way| way.is_unit || named == Unit::Any)
        .filter(|way| !is_past(way))
        .map(|way| way.minutes)
}

/// Whether minutes must be named as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Any,
    Minutes,
}

/// The minutes that a way takes.
struct Way {
    /// Behind its last word.
    end: usize,
    minutes: u32,
    is_unit: bool,
}

fn way_of(words: &Words, from: usize) -> Option<Way> {
    let leads = (from..words.len()).take_while(|i| BEFORE_MINUTES.contains(&words.word(*i))).count();
    let mut i = from + leads;
    let mut is_unit = false;
    let mut minutes = 0;
    let mut is_clear = (from..i).any(|i| matches!(words.word(i), "in" | "give"));
    let small = |n: &str| n.parse::<u32>().ok().filter(|m| (1..=MINUTES_MAX).contains(m) && !n.starts_with('0'));
    for part in 0..2 {
        let (number, unit) = split_number(words.word(i));
        let number = match small(number).filter(|_| unit.is_empty() || MINUTES.contains(&unit)) {
            Some(number) => number,
            // `20min-traffic`
            None if is_unit => break,
            None => return None,
        };
        minutes = number.max(minutes);
        is_unit |= !unit.is_empty();
        is_clear |= leads > 0 && number > HOUR_MAX;
        i += 1;
        // `20-30 min`, `20min-30min`
        if part == 1 || !words.gap(i).is_dash || i >= words.len() {
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
    let is_clock = !is_unit && words.gap(i).is_glued && words.word(i).starts_with(|c: char| c.is_ascii_digit());
    (!is_clock && (is_unit || (is_clear && ends))).then_some(Way { end: i, minutes, is_unit })
}
