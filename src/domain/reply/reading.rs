//! One text read by itself: what it says and which call it names, without knowing any call.
//!
//! A word or a phrase counts only where it is all of the line beside fillers and the call's code. What follows behind a comma, a
//! full stop or the line's end is free text: it is shown, and takes the word back where it holds a negation, a condition, hours
//! or a question; behind a word that takes, whatever is not harmless. Nothing here decides about a call: which one a word concerns, and whether it may act, is the caller's matter.

use super::code::{code, code_behind_leads, is_doubtful, keep, named};
use super::copies;
use super::free::{self, FreeText};
use super::lexicon::{Lexicon, OPT_IN, OPT_OUT, Sense, takes_phone_calls};
use super::time::{self, Unit};
use super::words::{Words, is_digits};
use crate::domain::body;
use crate::domain::types::CallRef;

/// What a text says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// "Mine."
    Take,
    /// "Not me", or "I give it back".
    Pass,
    Done,
    /// "It can wait until the morning."
    Later,
    /// A soft word (ok, yes, got it, thanks): it answers the last text that its writer got, and nothing else.
    Soft,
    /// A reference alone, or `all` alone: it completes the word that "Which call?" was asked for.
    Code,
    /// One of the provider's opt-out words, alone.
    OptOut,
    /// One of the provider's opt-in words that is no word of ours, alone.
    OptIn,
    /// "Ring me no more": texts go on.
    NoCalls,
    /// "Ring me again."
    Calls,
    /// A copy of a text of ours, as phones send one with a reaction to it.
    Quoted,
    /// No answer: it is shown to a person.
    Other,
}

/// A text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub says: Says,
    /// The one call that it names; `None` also where it names several.
    pub reference: Option<CallRef>,
    /// `1 all`: every call that its writer was told of.
    pub all: bool,
    /// What stands behind a plain word, as it was written.
    pub free: Option<FreeText>,
    /// How many minutes its writer says that it takes; of `20-30 min` the more.
    pub minutes: Option<u32>,
    /// Its soft words say only that it was read (noted, thanks): they take nothing.
    pub receipt: bool,
    /// It also lifts an opt-out at the provider (`YES` does).
    pub opts_in: bool,
}

impl Reading {
    /// Of a text in which nothing is understood.
    const fn nothing() -> Self {
        Self {
            says: Says::Other,
            reference: None,
            all: false,
            free: None,
            minutes: None,
            opts_in: false,
            receipt: false,
        }
    }
}

/// Reads a text of the person whose name is `writer`; empty for nobody whom we know. It never fails, and takes a call by nothing
/// that is not in the tables of `lexicon`.
pub fn read(text: &str, writer: &str, lexicon: &Lexicon) -> Reading {
    let nothing = Reading::nothing();
    if let Some(says) = of_the_provider(text) {
        return Reading { says, opts_in: says == Says::OptIn, ..nothing };
    }
    let (own, below) = copies::own_words(text);
    if let Some(reference) = copies::copied(own) {
        return Reading { says: Says::Quoted, reference, ..nothing };
    }
    let words = Words::of(own);
    if let Some(takes) = takes_phone_calls(words.all()).filter(|_| !words.question) {
        return Reading { says: if takes { Says::Calls } else { Says::NoCalls }, ..nothing };
    }
    let mut reading = line(&words, lexicon).read(own, writer, lexicon);
    if !below.is_empty() && reading.reference.is_none() && named(&words).is_empty() {
        // Whoever quotes a text below his own words answers that one.
        reading.reference = only(copies::attempts(below));
    }
    Reading { opts_in: is_yes(text), ..reading }
}

/// The provider matches its own words only as the whole message, and so do we.
fn of_the_provider(text: &str) -> Option<Says> {
    let word = bare(text)?;
    let is = |list: &[&str]| list.iter().any(|w| w.eq_ignore_ascii_case(word));
    if is(OPT_OUT) { Some(Says::OptOut) } else { is(OPT_IN).then_some(Says::OptIn) }
}

fn is_yes(text: &str) -> bool {
    bare(text).is_some_and(|word| word.eq_ignore_ascii_case("yes"))
}

/// The one word that a text is, without the space around it and a full stop or an exclamation mark behind it.
fn bare(text: &str) -> Option<&str> {
    let unseen = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}');
    let word = text.trim_matches(unseen).trim_end_matches(['.', '!']).trim_end_matches(unseen);
    (word.len() <= 16 && word.bytes().all(|b| b.is_ascii_alphabetic())).then_some(word)
}

/// Whether words that say "later" count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Laters {
    Counted,
    /// They are in no table.
    Unknown,
}

/// The line of these words. A word for "later" counts only as the whole line; beside anything else it says nothing.
fn line<'w>(words: &'w Words, lexicon: &Lexicon) -> Line<'w> {
    let line = Line::of(words, lexicon, Laters::Counted);
    let is_whole = line.end >= words.len() && !line.contradicts && line.all_at.is_none();
    if line.has_later && !is_whole { Line::of(words, lexicon, Laters::Unknown) } else { line }
}

/// What was found from the first word on, up to the first that is in no table.
struct Line<'w> {
    words: &'w Words,
    /// The plain word, and where it ends.
    plain: Option<(Sense, usize)>,
    soft: bool,
    receipt: bool,
    /// A word that says yes; it contradicts a pass.
    yes: bool,
    all_at: Option<usize>,
    calls: Vec<CallRef>,
    /// Where another clause begins behind the plain word.
    clause: Option<usize>,
    /// The first word that is in no table.
    end: usize,
    contradicts: bool,
    /// A word for "later" stands in it.
    has_later: bool,
}

impl<'w> Line<'w> {
    fn of(words: &'w Words, lexicon: &Lexicon, laters: Laters) -> Self {
        let mut line = Self {
            words,
            plain: None,
            soft: false,
            receipt: false,
            yes: false,
            all_at: None,
            calls: Vec::new(),
            clause: None,
            end: 0,
            contradicts: false,
            has_later: false,
        };
        let is_whole_beside_codes =
            |from: usize| (from..words.len()).all(|i| code(words, i).is_some() || lexicon.at(words, i).is_some());
        while line.end < words.len() {
            let i = line.end;
            if let Some((call, next)) = code_behind_leads(words, i)
                && (!is_doubtful(call.as_str()) || is_whole_beside_codes(next))
            {
                keep(&mut line.calls, call);
                line.end = next;
                continue;
            }
            if line.clause.is_none() && line.plain.is_some_and(|(_, end)| i >= end) && words.gap(i).parts {
                line.clause = Some(i);
            }
            match lexicon.at(words, i) {
                Some((Sense::Later, _)) if laters == Laters::Unknown => break,
                Some((sense, len)) if stands_alone(words, i, len) => line.take_in(sense, i, len),
                _ => break,
            }
        }
        line
    }

    fn take_in(&mut self, sense: Sense, i: usize, len: usize) {
        match sense {
            Sense::Take | Sense::Pass | Sense::Done | Sense::Later => {
                self.has_later |= sense == Sense::Later;
                self.contradicts |= self.plain.is_some_and(|(before, _)| before != sense);
                self.plain.get_or_insert((sense, i + len));
            }
            Sense::Soft { is_yes } => {
                self.soft = true;
                self.yes |= is_yes;
            }
            Sense::Receipt => self.receipt = true,
            Sense::All => self.all_at = Some(i),
            Sense::Filler => {}
        }
        self.end = i + len;
    }

    fn read(mut self, own: &str, writer: &str, lexicon: &Lexicon) -> Reading {
        let words = self.words;
        let receipt = self.receipt && !self.soft;
        let mut reading = Reading { receipt, ..Reading::nothing() };
        for call in named(words) {
            keep(&mut self.calls, call);
        }
        let is_of_one = self.calls.len() <= 1;
        reading.reference = only(std::mem::take(&mut self.calls));
        let is_no = matches!(self.plain, Some((Sense::Pass, _)));
        if words.question || words.is_cut || !is_of_one || self.contradicts || (is_no && self.yes) {
            return reading;
        }
        if self.end >= words.len() {
            let named = reading.reference.is_some();
            reading.all = self.all_at.is_some() && !named;
            reading.says = match self.plain {
                _ if self.all_at.is_some() && named => Says::Other,
                Some((sense, _)) => plain(sense),
                None if reading.all || (named && !self.soft && !self.receipt) => Says::Code,
                None if self.soft || self.receipt => Says::Soft,
                None => Says::Other,
            };
            return reading;
        }
        let Some((sense, start)) = self.free_from() else { return reading };
        let blocks = free::blocks(words, start, sense, writer, lexicon);
        let text = words.begins(start).and_then(|at| own.get(at..)).unwrap_or_default().trim_end().to_owned();
        reading.free = Some(FreeText { text, blocks });
        reading.minutes = (start..words.len()).find_map(|i| time::minutes_of(words, i, Unit::Any)).filter(|_| !blocks);
        if !blocks {
            reading.says = plain(sense);
        }
        reading
    }

    /// Where the free text behind the plain word begins, where there may be any: behind a comma, a full stop or the line's end,
    /// and minutes of a way also without. `be there in 20` needs no other word.
    fn free_from(&self) -> Option<(Sense, usize)> {
        let words = self.words;
        let minutes = time::minutes(words, self.end).is_some();
        let Some((sense, end)) = self.plain else {
            let says_where = ["there", "eta"].iter().any(|w| (self.end..self.end + 4).any(|i| words.word(i) == *w));
            return (minutes && says_where && self.all_at.is_none()).then_some((Sense::Take, self.end));
        };
        let is_behind_a_digit = self.end > 0 && is_digits(words.word(self.end - 1));
        // `1 40 min` is said of nothing but a way; `1 in 40` is not.
        let is_in_minutes = time::minutes_of(words, self.end, Unit::Minutes).is_some();
        let start = match self.clause {
            Some(clause) => clause,
            None if sense == Sense::Take && minutes && (!is_behind_a_digit || is_in_minutes) => self.end,
            None => return None,
        };
        let is_letter = end == 1 && words.word(0).len() == 1 && !is_digits(words.word(0));
        (!is_letter && self.all_at.is_none_or(|at| at >= start)).then_some((sense, start))
    }
}

fn plain(sense: Sense) -> Says {
    match sense {
        Sense::Take => Says::Take,
        Sense::Pass => Says::Pass,
        Sense::Done => Says::Done,
        Sense::Later => Says::Later,
        Sense::Soft { .. } | Sense::Receipt => Says::Soft,
        Sense::All | Sense::Filler => Says::Other,
    }
}

/// `1` is no word in `1.5`, `1:30`, `1-800-…` or `-1`.
fn stands_alone(words: &Words, i: usize, len: usize) -> bool {
    let next = i + len;
    let starts_with_digit = |i: usize| words.word(i).bytes().next().is_some_and(|b| b.is_ascii_digit());
    let ends_with_digit = |i: usize| words.word(i).bytes().next_back().is_some_and(|b| b.is_ascii_digit());
    let number_before = words.gap(i).is_glued && i > 0 && ends_with_digit(i - 1) && code(words, i - 1).is_none();
    let number_behind = words.gap(next).is_glued && starts_with_digit(next) && code(words, next).is_none();
    let is_negative = i == 0 && words.gap(0).is_dash;
    !(starts_with_digit(i) && (number_before || is_negative)) && !(ends_with_digit(next - 1) && number_behind)
}

fn only(calls: Vec<CallRef>) -> Option<CallRef> {
    match <[CallRef; 1]>::try_from(calls) {
        Ok([one]) => Some(one),
        Err(_) => None,
    }
}

/// References that a text may name, for loading the calls they mean: at most eight, those that [`read`] finds first.
pub fn references(text: &str) -> Vec<CallRef> {
    let words = Words::of(copies::own_words(text).0);
    let mut all = named(&words);
    for i in 0..words.len() {
        if let Some((call, _)) = code(&words, i) {
            keep(&mut all, call);
        }
    }
    for (call, _) in body::find_references(text) {
        keep(&mut all, call);
    }
    all.truncate(REFERENCES_MAX);
    all
}

/// So many references of one text are looked at.
const REFERENCES_MAX: usize = 8;
