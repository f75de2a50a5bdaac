//! The base's words by ours: one of theirs may stand for several of ours, and then the first of these counts that keeps a call
//! from being forgotten.

use crate::config::{DEFERRED, DISPATCHING_TOLD, EXHAUSTED_UNTOLD};
use crate::domain::MessageStatus;
use crate::domain::attempt::{AttemptState, Channel};
use crate::engine::layout::Layout;

use super::rows::{self, DISPATCHING};

/// Our words of a call's status, and which state each is: one that runs first.
const STATUSES: &[(&str, &str)] = &[
    (DISPATCHING, DISPATCHING),
    (DISPATCHING_TOLD, DISPATCHING),
    (DEFERRED, "DEFERRED"),
    ("EXHAUSTED", "EXHAUSTED"),
    (EXHAUSTED_UNTOLD, "EXHAUSTED"),
    ("ACKNOWLEDGED", "ACKNOWLEDGED"),
    ("RESOLVED", "RESOLVED"),
    ("CANCELLED", "CANCELLED"),
];

/// A status in our word, and what else it may mean.
pub(super) fn status(layout: &Layout, theirs: &str) -> (String, Vec<&'static str>) {
    let words: Vec<&'static str> = STATUSES.iter().map(|(word, _)| *word).collect();
    let meant = layout.ours_of("status", theirs, &words);
    let mut states: Vec<&'static str> = Vec::new();
    for (_, state) in STATUSES.iter().filter(|(word, _)| meant.contains(word)) {
        if !states.contains(state) {
            states.push(state);
        }
    }
    match states.as_slice() {
        [] => (theirs.to_owned(), Vec::new()),
        [first, others @ ..] => ((*first).to_owned(), others.to_vec()),
    }
}

/// The words of the base that a call which runs, or waits for the morning, may have.
pub(super) fn running(layout: &Layout) -> Vec<String> {
    let of = [DISPATCHING, DISPATCHING_TOLD, rows::DEFERRED]
        .into_iter()
        .filter(|w| *w != DISPATCHING_TOLD || layout.mapped("status").contains(w));
    let mut words: Vec<String> = of.filter_map(|word| layout.theirs_of("status", word)).collect();
    words.dedup();
    words
}

/// Whether this word for how somebody was told stands for a phone call alone.
pub(super) fn is_phone_call(layout: &Layout, theirs: &str) -> bool {
    let all: Vec<&str> = Channel::ALL.iter().map(|c| c.as_str()).collect();
    let ours = layout.ours_of("method", theirs, &all);
    let own = Channel::Voice.as_str();
    if ours.is_empty() { theirs.trim().eq_ignore_ascii_case(own) } else { ours == [own] }
}

/// The level that a word of the base stands for; else the word.
pub(super) fn level(layout: &Layout, theirs: String) -> String {
    let mapped = layout.mapped("emergency_level");
    let found = layout.ours_of("emergency_level", &theirs, &mapped);
    found.first().map_or(theirs, |ours| (*ours).to_owned())
}

/// An attempt's status in the provider's word or ours, and the error code that its word stands for.
pub(super) fn delivery(layout: &Layout, theirs: &str) -> (String, Option<u32>) {
    let lower = theirs.to_lowercase();
    let is_known =
        |word: &str| AttemptState::from_word(word).is_some() || MessageStatus::from_word(word).rank().is_some();
    if is_known(&lower) || theirs.is_empty() {
        // As it stands, where it stands as we write it.
        return (if is_known(theirs) { theirs.to_owned() } else { lower }, None);
    }
    let mapped = layout.mapped("delivery_status");
    let meant = layout.ours_of("delivery_status", theirs, &mapped);
    // Of several the one that says least.
    let plain = ["submitted", "unknown", "failed", "delivered"].into_iter().find(|word| meant.contains(word));
    let coded = meant.iter().find_map(|word| {
        let (stem, code) = word.rsplit_once('_')?;
        Some((stem.to_owned(), code.parse().ok()?))
    });
    match (plain, coded) {
        // Whether it arrived is asked for.
        (Some("submitted"), _) => ("sent".to_owned(), None),
        (Some(word), _) => (word.to_owned(), None),
        (None, Some((word, code))) => (word, Some(code)),
        (None, None) => (theirs.to_owned(), None),
    }
}
