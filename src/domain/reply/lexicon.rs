//! The words that answer a text: those built in, and the shop's own of `[replies]`.

use std::collections::HashMap;

use super::conditions::is_condition;
use super::words::Words;
use crate::domain::types::CallRef;

/// What a word or a phrase says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// It takes a call.
    Take,
    /// It passes, or hands back.
    Pass,
    /// It resolves.
    Done,
    /// It can wait until the morning: only as the whole line.
    Later,
    /// It answers the last text and nothing else. Some of them say yes, and contradict a no.
    Soft { is_yes: bool },
    /// It says that the text was read, and no more: it takes nothing.
    Receipt,
    /// Every call.
    All,
    /// It changes nothing.
    Filler,
}

const TAKE: &[&str] = &[
    "1",
    "ack",
    "acked",
    "acknowledge",
    "acknowledged",
    "acknowledging",
    "accept",
    "accepted",
    "accepting",
    "i accept",
    "mine",
    "its mine",
    "it is mine",
    "this is mine",
    "this one is mine",
    "take",
    "take it",
    "taking",
    "taking it",
    "taking this",
    "taking this one",
    "im taking it",
    "i am taking it",
    "ill take",
    "ill take it",
    "ill take this",
    "ill take this one",
    "ill take that",
    "ill take that one",
    "ill take the call",
    "ill take this call",
    "i will take it",
    "i will take this one",
    "i take it",
    "i can take it",
    "i can take this",
    "i can take this one",
    "can take it",
    "i can do it",
    "i can go",
    "ill go",
    "i will go",
    "ill get it",
    "ill do it",
    "ill handle it",
    "i got it",
    "i got this",
    "i got this one",
    "ive got it",
    "ive got this",
    "ive got this one",
    "i have it",
    "claim",
    "claimed",
    "claiming",
    "claim it",
    "omw",
    "otw",
    "im omw",
    "on my way",
    "onmyway",
    "im on my way",
    "i am on my way",
    "on the way",
    "im on the way",
    "i am on the way",
    "on it",
    "im on it",
    "i am on it",
    "heading there",
    "heading over",
    "heading out",
    "heading that way",
    "im heading there",
    "im heading over",
    "headed there",
    "headed over",
    "im headed there",
    "coming",
    "im coming",
    "i am coming",
    "en route",
    "enroute",
    "im en route",
    "responding",
    "headed that way",
    "im headed that way",
    "going",
    "im going",
    "i am going",
    "going now",
    "going there",
    "going there now",
    "im going there",
    "im going there now",
    "i am going there",
    "i am going there now",
    "be right there",
    "ill be right there",
    "i will be right there",
    "leaving now",
    "im leaving now",
    "i am leaving now",
    "got this one",
    "take this one",
    "take this",
    "will take it",
    "will take this one",
    "reply 1",
    "option 1",
    "1 to take it",
];
const PASS: &[&str] = &[
    "2",
    "no",
    "n",
    "nope",
    "nah",
    "negative",
    "pass",
    "i pass",
    "ill pass",
    "passing",
    "pass on this",
    "pass on this one",
    "pass on it",
    "decline",
    "declined",
    "i decline",
    "skip",
    "skip me",
    "cant",
    "i cant",
    "cannot",
    "can not",
    "i cannot",
    "i can not",
    "cant do",
    "no can do",
    "cant do it",
    "i cant do it",
    "cant do this one",
    "cant take it",
    "i cant take it",
    "cant take this one",
    "i cant take this one",
    "cannot take it",
    "i cannot take it",
    "cant make it",
    "i cant make it",
    "cannot make it",
    "i cannot make it",
    "cant go",
    "i cant go",
    "cant come",
    "i cant come",
    "cant tonight",
    "i cant tonight",
    "cant right now",
    "i cant right now",
    "unable",
    "unable to",
    "not me",
    "not tonight",
    "not coming",
    "im not coming",
    "not available",
    "im not available",
    "i am not available",
    "unavailable",
    "im unavailable",
    "i am unavailable",
    "busy",
    "im busy",
    "i am busy",
    "sick",
    "im sick",
    "i am sick",
    "out sick",
    "off tonight",
    "im off tonight",
    "i am off tonight",
    "not on call",
    "im not on call",
    "not on call tonight",
    "im not on call tonight",
    "out of town",
    "im out of town",
];
const DONE: &[&str] = &[
    "done",
    "all done",
    "its done",
    "job done",
    "finished",
    "all finished",
    "complete",
    "completed",
    "job complete",
    "job completed",
    "resolved",
    "fixed",
    "its fixed",
    "all fixed",
];
const LATER: &[&str] = &[
    "3",
    "reply 3",
    "option 3",
    "later",
    "can wait",
    "it can wait",
    "this can wait",
    "that can wait",
    "this one can wait",
    "can wait till morning",
    "can wait until morning",
    "it can wait till morning",
    "it can wait until morning",
];
const YES: &[&str] = &[
    "yes",
    "y",
    "yep",
    "yup",
    "yeah",
    "yea",
    "ya",
    "yess",
    "sure",
    "sure thing",
    "affirmative",
    "affirm",
    "of course",
    "absolutely",
    "definitely",
    "will do",
    "can do",
    "sounds good",
    "👍",
    "👌",
    "✅",
    "✔",
    "🆗",
];
const SOFT: &[&str] = &[
    "ok",
    "okay",
    "okey",
    "okie",
    "okay dokey",
    "ok cool",
    "k",
    "kk",
    "okk",
    "alright",
    "all right",
    "got it",
    "gotcha",
    "got you",
    "gotchu",
    "copy",
    "copy that",
    "roger",
    "roger that",
    "rgr",
    "10 4",
    "ten four",
    "🫡",
];
/// They say only that the text was read.
const RECEIPT: &[&str] = &[
    "all good",
    "copied",
    "understood",
    "noted",
    "received",
    "confirm",
    "confirmed",
    "great",
    "cool",
    "perfect",
    "thanks",
    "thanks a lot",
    "many thanks",
    "thank you",
    "thank you so much",
    "thank u",
    "thankyou",
    "thx",
    "thnx",
    "tks",
    "tnx",
    "ty",
    "cheers",
];
const FILLER: &[&str] = &[
    "please",
    "pls",
    "plz",
    "sorry",
    "hi",
    "hey",
    "hello",
    "sir",
    "maam",
    "boss",
    "now",
    "right now",
    "right away",
    "asap",
    "🙏",
];
const ALL: &[&str] = &["all", "all of them", "them all", "all calls", "all of em"];

/// The provider's opt-out words (`facts/twilio.md` §8).
pub(super) const OPT_OUT: &[&str] = &["stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"];
/// Its opt-in words that are no words of ours.
pub(super) const OPT_IN: &[&str] = &["start", "unstop"];
/// What turns phone calls to its writer off, and on again: ours, as the provider knows no such words
/// (`facts/twilio-voice.md` §11). Each is the whole text, so that no free text does it, and names the phone or its writer: a
/// "call" is a job as well, and `no more calls` may be somebody who passes.
const NO_CALLS: &[&str] = &[
    "no calls",
    "no phone calls",
    "stop calling",
    "stop calling me",
    "stop ringing",
    "stop ringing me",
    "dont call me",
    "do not call me",
    "dont ring me",
    "do not ring me",
];
const CALLS: &[&str] = &["start calls", "start calling", "start calling me", "start phone calls", "calls on"];
/// Its further words.
const OTHERS_OF_THE_PROVIDER: &[&str] = &["yes", "help", "info"];

/// The longest phrase of a shop's own.
const OWN_CHARS_MAX: usize = 40;

/// What a word of the shop's own may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnWord {
    /// It takes a call, as `1` does.
    Take,
    /// As `2`.
    Pass,
    /// As `DONE`.
    Done,
    /// As `3`.
    Later,
}

/// Words, phrases and what they say; the built-in ones are always there.
#[derive(Debug, Clone)]
pub struct Lexicon {
    /// By their first word; the longest first.
    phrases: HashMap<String, Vec<Phrase>>,
}

#[derive(Debug, Clone)]
struct Phrase {
    text: String,
    len: usize,
    sense: Sense,
}

impl Default for Lexicon {
    fn default() -> Self {
        let mut all = Self { phrases: HashMap::new() };
        let tables = [
            (TAKE, Sense::Take),
            (PASS, Sense::Pass),
            (DONE, Sense::Done),
            (LATER, Sense::Later),
            (YES, Sense::Soft { is_yes: true }),
            (SOFT, Sense::Soft { is_yes: false }),
            (RECEIPT, Sense::Receipt),
            (FILLER, Sense::Filler),
            (ALL, Sense::All),
        ];
        for (words, sense) in tables {
            for word in words {
                all.put((*word).to_owned(), sense);
            }
        }
        all
    }
}

impl Lexicon {
    /// Adds a word or a phrase of the shop's own.
    ///
    /// # Errors
    /// Why it cannot be one, to be put behind the word.
    pub fn add(&mut self, own: OwnWord, written: &str) -> Result<(), String> {
        let words = Words::of(written);
        let text = words.all().to_owned();
        let sense = match own {
            OwnWord::Take => Sense::Take,
            OwnWord::Pass => Sense::Pass,
            OwnWord::Done => Sense::Done,
            OwnWord::Later => Sense::Later,
        };
        let is_letters = text.chars().all(|c| c == ' ' || c.is_alphanumeric());
        if text.is_empty() || !is_letters || words.question || written.chars().count() > OWN_CHARS_MAX {
            return Err(format!(
                "is no word or phrase of at most {OWN_CHARS_MAX} characters, letters and digits alone"
            ));
        }
        if (1..words.len()).any(|i| words.gap(i).parts) {
            return Err("has a comma, a full stop or another line inside, which parts an answer".into());
        }
        if [OPT_OUT, OPT_IN, OTHERS_OF_THE_PROVIDER].iter().any(|list| list.contains(&text.as_str())) {
            return Err("is a word that the provider takes for itself (STOP, START, YES, HELP and their like)".into());
        }
        let is_other = self.sense_of(&text).is_some_and(|found| found != sense);
        if is_other || takes_phone_calls(&text).is_some() {
            return Err("says something else already".into());
        }
        if text.bytes().all(|b| b == b' ' || b.is_ascii_digit()) && self.sense_of(&text).is_none() {
            return Err("is a number, which may be a time or a house".into());
        }
        if text.parse::<CallRef>().is_ok() && text.bytes().any(|b| b.is_ascii_digit()) {
            return Err("may be the code of a call".into());
        }
        if (0..words.len()).any(|i| is_condition(words.word(i))) {
            return Err("holds a condition".into());
        }
        self.put(text, sense);
        Ok(())
    }

    /// Every word and phrase that takes a call.
    #[cfg(test)]
    pub(super) fn takes(&self) -> Vec<&str> {
        let all = self.phrases.values().flatten();
        all.filter(|p| p.sense == Sense::Take).map(|p| p.text.as_str()).collect()
    }

    fn put(&mut self, text: String, sense: Sense) {
        if self.sense_of(&text).is_some() {
            return;
        }
        let (first, len) = (text.split(' ').next().unwrap_or_default().to_owned(), text.split(' ').count());
        let same = self.phrases.entry(first).or_default();
        let place = same.iter().position(|p| p.len < len).unwrap_or(same.len());
        same.insert(place, Phrase { text, len, sense });
    }

    /// What this whole phrase says, folded.
    fn sense_of(&self, text: &str) -> Option<Sense> {
        let same = self.phrases.get(text.split(' ').next().unwrap_or_default())?;
        same.iter().find(|p| p.text == text).map(|p| p.sense)
    }

    /// The longest phrase that begins at that word, and of how many words it is.
    pub(super) fn at(&self, words: &Words, i: usize) -> Option<(Sense, usize)> {
        let same = self.phrases.get(words.word(i))?;
        same.iter().find(|p| words.has(i, &p.text, p.len)).map(|p| (p.sense, p.len))
    }
}

/// Whether a whole text, folded, turns phone calls to its writer on or off; `None`: neither.
pub(super) fn takes_phone_calls(text: &str) -> Option<bool> {
    if NO_CALLS.contains(&text) { Some(false) } else { CALLS.contains(&text).then_some(true) }
}

/// Whether these words are more than one digit or one letter, which may be a number, a direction or an initial.
pub(super) fn is_wordy(words: &Words, i: usize, len: usize) -> bool {
    len > 1 || (words.word(i).chars().count() > 1 && words.word(i).chars().any(char::is_alphabetic))
}

/// Whether a template or a prompt must not offer this word, in lower case.
#[cfg(test)]
pub(super) fn is_the_providers(word: &str) -> bool {
    let word = word.to_lowercase();
    [OPT_OUT, OPT_IN, OTHERS_OF_THE_PROVIDER].iter().any(|list| list.contains(&word.as_str()))
}
