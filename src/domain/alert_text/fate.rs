//! Whether a message is told: by what became of the newest text of it to each owner.
//!
//! Told is who the provider has the text for. A text that waits, or of which nobody knows, tells nobody; after a time the message
//! counts as not told, whatever becomes of it later, so that who stands in for the sink speaks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::AlertText;
use crate::domain::attempt::AttemptState as S;
use crate::domain::types::Timestamp;

/// What is known of a message by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody is told; how it went, for a person.
    Told(String),
    /// Nobody is told yet, and it is not too long.
    Waits,
    /// Its alerts were over or seen before a text of it left.
    NotNeeded,
    /// Nobody is told. `is_for_good`: no text of it goes on.
    NotTold { why: String, is_for_good: bool },
}

/// Judges the texts of one message; it waits for no longer than `patience`.
pub fn verdict(texts: &[AlertText], now: Timestamp, patience: Duration) -> Verdict {
    let mut newest: BTreeMap<&str, &AlertText> = BTreeMap::new();
    for of in texts {
        let theirs = newest.entry(of.text.contact.as_str()).or_insert(of);
        if of.text.number > theirs.text.number {
            *theirs = of;
        }
    }
    let all = |is: fn(S) -> bool| newest.values().copied().filter(move |t| is(t.text.state)).collect::<Vec<_>>();
    let reached = all(|s| matches!(s, S::Submitted | S::Delivered));
    let unknown = all(|s| s == S::Unknown);
    let waiting = all(|s| s.is_waiting() || s == S::Sending);
    let lost = all(|s| matches!(s, S::Failed | S::Skipped));
    let mut said = Vec::new();
    if !reached.is_empty() {
        said.push(format!("the provider has the text to {}", names(&reached)));
    }
    said.extend(unknown.iter().map(|t| format!("it is not known whether the text to {} was sent", t.text.name)));
    said.extend(waiting.iter().map(|t| format!("the text to {} waits{}", t.text.name, because(t))));
    said.extend(lost.iter().map(|t| format!("the text to {} did not go{}", t.text.name, because(t))));
    let why = said.join("; ");
    if !reached.is_empty() {
        return Verdict::Told(why);
    }
    if unknown.is_empty() && waiting.is_empty() {
        return if lost.is_empty() { Verdict::NotNeeded } else { Verdict::NotTold { why, is_for_good: true } };
    }
    // Before a clock that was set back it would wait for as long as the step was.
    let is_early = since(texts).is_some_and(|made| made <= now && now.since(made) < patience);
    if is_early { Verdict::Waits } else { Verdict::NotTold { why, is_for_good: false } }
}

/// Since when a message with these texts is to be told.
pub fn since(texts: &[AlertText]) -> Option<Timestamp> {
    texts.iter().map(|t| t.text.created_at).min()
}

fn names(of: &[&AlertText]) -> String {
    of.iter().map(|t| t.text.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn because(of: &AlertText) -> String {
    if of.text.result.is_empty() { String::new() } else { format!(": {}", of.text.result) }
}
