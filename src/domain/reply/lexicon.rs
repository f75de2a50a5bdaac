//! The words that answer a text: those built in, and the shop's own of `[replies]`.

use std::collections::BTreeMap;

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A plain word that takes a call.
    Take,
    /// A plain word that passes, or hands back.
    Pass,
    /// A plain word that resolves.
    Done,
    /// It answers the last text, and nothing else.
    Soft,
    /// The provider's: no further texts.
    OptOut,
    /// The provider's: texts again.
    OptIn,
}

const TAKE: &[&str] =
    &["1", "ack", "acknowledge", "acknowledged", "accept", "accepted", "mine", "take", "claim", "omw"];
const PASS: &[&str] = &["2", "no", "n", "nope", "pass", "decline", "skip"];
const DONE: &[&str] = &["done", "finished", "complete", "completed", "resolved", "fixed"];
const SOFT: &[&str] = &["ok", "okay", "yes", "y", "yep", "yeah"];
/// The provider's opt-out words (`facts/twilio.md` §8).
pub(super) const OPT_OUT: &[&str] = &["stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"];
const OPT_IN: &[&str] = &["start", "unstop"];

/// Words and what they say; the built-in ones are always there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    own: BTreeMap<String, Meaning>,
}

impl Lexicon {
    /// What this word says; in lower case.
    pub(super) fn meaning(&self, word: &str) -> Option<Meaning> {
        let built_in = [
            (TAKE, Meaning::Take),
            (PASS, Meaning::Pass),
            (DONE, Meaning::Done),
            (SOFT, Meaning::Soft),
            (OPT_OUT, Meaning::OptOut),
            (OPT_IN, Meaning::OptIn),
        ];
        let found = built_in.iter().find(|(words, _)| words.contains(&word)).map(|(_, meaning)| *meaning);
        found.or_else(|| self.own.get(word).copied())
    }
}
