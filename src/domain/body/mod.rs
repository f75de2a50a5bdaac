//! The text of messages: what it says, what it costs, and the reference that it carries.
//!
//! Pure. The engine renders a text once, in the transaction that writes the intent, so a restart sends the same words.
//! Whatever the template, [`render`] puts the reference first (`7K3Q-2 Acme Plumbing: …`): by it a person answers, and by
//! it a message whose answer was lost is found in the provider's list ([`contains_reference`]).

mod builtin;
mod gsm7;
mod input;
mod template;

pub use gsm7::{clean, fold, segments, septets};
pub use input::{RenderInput, StandDown, TemplateError, TextKind};
pub use template::check_template;

use super::types::CallRef;

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
