//! The codes of calls in a person's words.

use super::words::{Words, is_digits};
use crate::domain::types::CallRef;

/// Words that may stand between an answer and the code.
const LEADS: &[&str] = &["at", "call", "code", "for", "job", "number", "on", "ref", "reference", "the", "to", "with"];

pub(super) fn code_behind_leads(words: &Words, i: usize) -> Option<(CallRef, usize)> {
    let leads = (i..i + 2).take_while(|l| LEADS.contains(&words.word(*l))).count();
    code(words, i + leads).filter(|(call, _)| leads == 0 || !is_doubtful(call.as_str()))
}

/// The code at that word, with the attempt's number where one is joined to it by a dash, and the word behind it.
pub(super) fn code(words: &Words, i: usize) -> Option<(CallRef, usize)> {
    let word = words.word(i);
    let call: CallRef = word.parse().ok().filter(|_| word.bytes().any(|b| b.is_ascii_digit()))?;
    let is_number = is_digits(words.word(i + 1)) && words.word(i + 1).len() <= 9 && words.gap(i + 1).is_dash;
    Some((call, i + 1 + usize::from(is_number)))
}

/// Where a code ends that is nothing else.
pub(super) fn plain_code(words: &Words, i: usize) -> Option<usize> {
    code(words, i).filter(|(call, _)| !is_doubtful(call.as_str())).map(|(_, end)| end)
}

/// A code that may as well be a number, an ordinal or a measure: it counts only where nothing is said besides.
pub(super) fn is_doubtful(code: &str) -> bool {
    const UNITS: &[&str] =
        &["", "ST", "ND", "RD", "TH", "PM", "HR", "HRS", "K", "M", "KM", "FT", "MPH", "MM", "CM", "KG", "W", "V", "X"];
    UNITS.contains(&code.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// The calls that a text names beyond doubt, each once.
pub(super) fn named(words: &Words) -> Vec<CallRef> {
    let mut all = Vec::new();
    for i in 0..words.len() {
        if let Some((call, next)) = code(words, i)
            && (next > i + 1 || !is_doubtful(call.as_str()))
        {
            keep(&mut all, call);
        }
    }
    all
}

pub(super) fn keep(calls: &mut Vec<CallRef>, call: CallRef) {
    if !calls.contains(&call) {
        calls.push(call);
    }
}
