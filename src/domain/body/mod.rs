//! The text of messages: what it says, what it costs, and the reference that it carries.
//!
//! Pure. The engine renders a text once, in the transaction that writes the intent, so a restart sends the same words.
//! Whatever the template, [`render`] puts the reference first (`7K3Q-2 Acme Plumbing: …`): by it a person answers, and by
//! it a message whose answer was lost is found in the provider's list ([`contains_reference`]).

mod builtin;
mod gsm7;
mod template;

pub use gsm7::{Encoding, clean, fold, segments, septets};
pub use template::{VARIABLES, check_template};

use super::types::CallRef;

/// The most characters that the provider takes in one message (`facts/twilio.md` §2).
pub const BODY_CHARACTERS_MAX: usize = 1600;

/// All that a text is made of. Every part is data: line ends and control characters in it become spaces.
#[derive(Clone, Copy)]
pub struct RenderInput<'a> {
    /// The operator's template for notices; `None` for the built-in text.
    pub template: Option<&'a str>,
    /// A person's own words for this call, taken as they are in place of a template. How to answer is added.
    pub own_words: Option<&'a str>,
    /// Which text this is.
    pub kind: TextKind<'a>,
    /// The attempt's reference, like `7K3Q-2`.
    pub reference: &'a str,
    /// The reference of the attempt that this one repeats; the text is then marked as a repeat.
    pub repeat_of: Option<&'a str>,
    /// The line's name.
    pub business: &'a str,
    /// Who is told.
    pub contact_name: &'a str,
    /// What is wrong, in the caller's words; the only part that is shortened in ordinary use.
    pub issue: &'a str,
    /// Where; empty where unknown.
    pub address: &'a str,
    /// Who called; empty where unknown.
    pub caller_name: &'a str,
    /// The number to call back, as given; empty where withheld.
    pub caller_phone: &'a str,
    /// The emergency level; `normal` is not mentioned.
    pub level: &'a str,
    /// Whether the text must say that it is a test.
    pub test_mode: bool,
}

/// Which text is wanted. Wording follows whether this contact was told before, not the step number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind<'a> {
    /// The first text to this contact for this call.
    First,
    /// A further notice.
    Reminder,
    /// Nothing is left to do.
    StandDown {
        /// Why not.
        why: StandDown<'a>,
    },
    /// An answer to a contact's reply.
    Answer {
        /// What to say.
        text: &'a str,
    },
}

/// Why a contact need not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandDown<'a> {
    /// Somebody else took the call.
    Taken {
        /// Their name.
        by: &'a str,
    },
    /// The call was cancelled.
    Cancelled,
    /// The call was resolved.
    Resolved,
}

/// A text ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text, reference included; at most [`BODY_CHARACTERS_MAX`] characters.
    pub body: String,
    /// What it is charged as.
    pub segments: u32,
    /// Why the built-in text stands here in place of the operator's template; a person must be told.
    pub fell_back: Option<String>,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rendered({} segments, fell_back: {:?})", self.segments, self.fell_back)
    }
}

/// Why no text can be made, or why a template is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The reference is not one: a message with it could not be found again.
    #[error("{reference:?} is not a reference like 7K3Q-2")]
    Reference {
        /// What was given.
        reference: String,
    },
    /// The template cannot be read.
    #[error("line {line}: {why}")]
    Syntax {
        /// Counted from 1; 0 where unknown.
        line: usize,
        /// What the template language says.
        why: String,
    },
    /// The template uses a name that does not exist.
    #[error("there is no variable {name:?}; a template may use {}", VARIABLES.join(", "))]
    UnknownVariable {
        /// The name.
        name: String,
    },
    /// The template tells people to answer with a word that opts them out of all later texts, or means something to the provider.
    #[error("asks for the reply {word:?}, which the provider takes for itself; use 1, 2, ACK, PASS or DONE")]
    ReservedReply {
        /// The word.
        word: String,
    },
    /// The template's text cannot be sent.
    #[error("{why}")]
    Unsendable {
        /// Why not.
        why: String,
    },
}

/// Makes the text of one attempt.
///
/// The reference comes first whatever the template says. The operator's template and a person's own words are used for notices
/// only; a template that fails is replaced by the built-in text, which is said in `fell_back`.
///
/// # Errors
/// [`TemplateError::Reference`] where the reference is not one; nothing else.
pub fn render(input: &RenderInput<'_>) -> Result<Rendered, TemplateError> {
    if !is_attempt_reference(input.reference) {
        return Err(TemplateError::Reference { reference: input.reference.chars().take(32).collect() });
    }
    let notice = matches!(input.kind, TextKind::First | TextKind::Reminder);
    let (body, fell_back) = match (input.own_words, input.template) {
        (Some(words), _) if notice => (builtin::own_words(input, words), None),
        (_, Some(source)) if notice => match template::render(source, input) {
            Ok(body) => (body, None),
            Err(error) => (builtin::text(input), Some(error.to_string())),
        },
        _ => (builtin::text(input), None),
    };
    Ok(Rendered { segments: segments(&body), body, fell_back })
}

/// What stands between the reference and the rest: marks that no template can leave out.
fn opening(input: &RenderInput<'_>) -> String {
    let test = if input.test_mode { "TEST MODE " } else { "" };
    // The repeated attempt's reference itself must not stand here: its message is looked for by it.
    let repeat = if input.repeat_of.is_some() { "(repeat) " } else { "" };
    format!("{} {test}{repeat}", input.reference)
}

/// Cuts to `max` characters, at a space where one is near the end, and shows the cut by `...`.
fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(3)).collect();
    let at_word = kept.rfind(' ').filter(|at| kept.len() - at <= 12).and_then(|at| kept.get(..at)).unwrap_or(&kept);
    let dots: String = "...".chars().take(max).collect();
    format!("{}{dots}", at_word.trim_end_matches([' ', ',', ';', ':', '-', '.']))
}

/// The references in a text: whole tokens like `7K3Q` or, with the attempt's number, `7K3Q-2`, in any case. A bare one must
/// hold a digit, as ours all do, so that no word is taken for one.
pub fn find_references(text: &str) -> Vec<(CallRef, Option<u32>)> {
    tokens(text)
        .filter_map(|token| match token.split_once('-') {
            None if token.bytes().any(|b| b.is_ascii_digit()) => Some((token.parse().ok()?, None)),
            None => None,
            Some((call, number)) => Some((call.parse().ok()?, Some(attempt_number(number)?))),
        })
        .collect()
}

/// Whether this is the text of the attempt with that reference (`7K3Q-2`).
///
/// The first attempt reference of the text decides, as a whole token: the engine sets it first, a trial account's prefix may
/// stand before it, and what a caller or a template says after it proves nothing.
pub fn contains_reference(body: &str, reference: &str) -> bool {
    tokens(body).find(|token| is_attempt_reference(token)).is_some_and(|token| token.eq_ignore_ascii_case(reference))
}

fn is_attempt_reference(token: &str) -> bool {
    token
        .split_once('-')
        .is_some_and(|(call, number)| call.parse::<CallRef>().is_ok() && attempt_number(number).is_some())
}

fn attempt_number(digits: &str) -> Option<u32> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Letters, digits, hyphens and underscores that stand together; hyphens at the ends are punctuation. Phones turn a
/// hyphen into a dash.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '‐' | '‑' | '–' | '—' | '−')))
        .map(|token| token.replace(['‐', '‑', '–', '—', '−'], "-").trim_matches('-').to_owned())
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests;
