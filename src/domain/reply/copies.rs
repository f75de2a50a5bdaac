//! What a phone or a mail program adds to a person's words: copies of our texts, signatures, quoted mails.

use std::borrow::Cow;

use super::words::CHARS_MAX;
use crate::domain::body;
use crate::domain::types::CallRef;

/// How the phones of two makers begin a reaction, in English; what is quoted does not matter then.
const REACTIONS: &[&str] = &["liked", "loved", "disliked", "laughed at", "emphasized", "emphasised", "questioned"];
/// What they react to where nothing is quoted.
const PICTURES: &[&str] =
    &["an image", "a photo", "a movie", "a video", "an attachment", "a message", "an audio message", "a sticker"];
/// How our own texts begin where no code stands first.
const OUR_BEGINNINGS: &[&str] = &[
    "reply 1 to take",
    "which call?",
    "there is no open call",
    "there is no call",
    "noted",
    "sent from your twilio trial account",
];
/// What only our own texts say.
const OUR_SENTENCES: &[&str] = &[
    "reply 1 to take it, 2 to pass",
    "reply 1 to take the call, 2 to pass",
    "you need not go. thank you",
    "reply done when finished, 2 to hand it back",
];
/// How a line begins that a phone or a mail program set below what was written.
const SIGNATURES: &[&str] = &[
    "--",
    "__",
    ">",
    "sent from",
    "sent via",
    "get outlook",
    "from:",
    "-----original",
    "begin forwarded",
    "enviado desde",
    "enviado por",
    "envoye de",
    "envoyé de",
    "envoyé depuis",
    "gesendet von",
    "von meinem iphone",
    "inviato da",
];

/// The person's own words, and what stands below them.
pub(super) fn own_words(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut any = false;
    for line in text.split_inclusive(['\n', '\r', '\u{2028}', '\u{2029}']) {
        if any && is_signature(line) {
            return text.split_at(at);
        }
        any |= line.chars().any(|c| !c.is_whitespace());
        at += line.len();
    }
    (text, "")
}

fn is_signature(line: &str) -> bool {
    let start: String = line.trim_start().chars().take(24).collect::<String>().to_lowercase();
    let is_quote_of_a_mail = || start.starts_with("on ") && line.trim_end().ends_with("wrote:");
    SIGNATURES.iter().any(|s| start.starts_with(s)) || is_quote_of_a_mail()
}

/// Whether a text is a copy of another one, as phones send it with a reaction; with the call that the copied one names.
pub(super) fn copied(text: &str) -> Option<Option<CallRef>> {
    let head: Cow<'_, str> = visible(text);
    let lower = head.to_lowercase();
    let lower = lower.trim();
    let by_quote =
        lower.char_indices().find(|(_, c)| matches!(c, '“' | '"' | '„' | '«' | '‟' | '”' | '»' | '「' | '『'));
    if let Some((at, quote)) = by_quote {
        let (before, after) =
            (lower.get(..at).unwrap_or_default(), lower.get(at + quote.len_utf8()..).unwrap_or_default());
        if is_reaction(before.trim()) || is_ours(after.trim_start()) {
            return Some(named(after));
        }
    }
    let of_a_picture =
        REACTIONS.iter().any(|r| lower.strip_prefix(r).is_some_and(|rest| PICTURES.contains(&rest.trim())));
    if of_a_picture || OUR_SENTENCES.iter().any(|s| lower.contains(s)) {
        return Some(named(lower));
    }
    None
}

/// The call of the first attempt that a copied text names.
fn named(lower: &str) -> Option<CallRef> {
    attempts(lower).into_iter().next()
}

/// Calls that are named as our texts name them, with the attempt's number.
pub(super) fn attempts(text: &str) -> Vec<CallRef> {
    let mut all: Vec<CallRef> = Vec::new();
    for (call, number) in body::find_references(text) {
        if number.is_some() && !all.contains(&call) {
            all.push(call);
        }
    }
    all
}

/// `Liked`, `Reacted 🎉 to`, `Removed a like from`, and `👍 to` in any language.
fn is_reaction(before: &str) -> bool {
    let framed = |first: &str, last: &str| before.starts_with(first) && before.ends_with(last);
    let first_is_emoji = before.chars().next().is_some_and(|c| !c.is_alphanumeric() && !c.is_ascii());
    let words = before.split_whitespace().count();
    let last_is_short =
        before.split_whitespace().last().is_some_and(|w| w.chars().all(char::is_alphabetic) && w.chars().count() <= 4);
    REACTIONS.contains(&before)
        || framed("reacted ", " to")
        || framed("removed ", " from")
        || (first_is_emoji && last_is_short && (2..=3).contains(&words))
}

/// Whether quoted words are the beginning of a text of ours: its code with more behind it, or one of our sentences.
fn is_ours(quoted: &str) -> bool {
    if OUR_BEGINNINGS.iter().any(|b| quoted.starts_with(b)) {
        return true;
    }
    let Some((first, rest)) = quoted.split_once(char::is_whitespace) else { return false };
    let found = body::find_references(first);
    let is_code =
        matches!(found.as_slice(), [_]) && first.chars().all(|c| c.is_alphanumeric() || "-‐‑–—−:.".contains(c));
    let more = rest.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).count();
    is_code && more >= if found.iter().any(|(_, n)| n.is_some()) { 1 } else { 2 }
}

/// The beginning of a text without what cannot be seen; the spaces that one maker hides its quotes by become plain ones.
fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && text.len() <= CHARS_MAX {
        return Cow::Borrowed(text);
    }
    let seen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    Cow::Owned(text.chars().take(CHARS_MAX).filter(seen).map(|c| if c.is_whitespace() { ' ' } else { c }).collect())
}
