//! The built-in texts. A notice fits one GSM-7 segment for ordinary input: the issue gives way first, then the caller's
//! name; the reference, the number to call back and the address stay whole. Only where those alone pass one segment, more
//! are used, and only where they pass what the provider takes at all, the address is cut.

use super::gsm7::{clean, segments};
use super::input::{BODY_CHARACTERS_MAX, RenderInput, StandDown, TextKind, opening, shorten};

/// How a notice ends. Never a word that the provider takes for itself (`facts/twilio.md` §8).
pub(super) const HOW_TO_ANSWER: &str = "Reply 1 to take it, 2 to pass.";

/// An issue is not cut below this for the sake of a segment.
const ISSUE_MIN: usize = 24;
/// Bounds on what a hostile or mistaken input can take up.
const NAME_MAX: usize = 60;
const LEVEL_MAX: usize = 20;
/// Longer than any number with its extension.
pub(super) const CALLBACK_MAX: usize = 64;

/// The built-in text of this kind.
pub(super) fn text(input: &RenderInput<'_>) -> String {
    match input.kind {
        TextKind::First | TextKind::Reminder => notice(input),
        TextKind::StandDown { why } => stand_down(input, why),
        TextKind::Answer { text } => {
            shorten(&format!("{}{}", opening(input), clean(text)), BODY_CHARACTERS_MAX).trim_end().to_owned()
        }
    }
}

/// A person's own words, after the reference and before how to answer.
pub(super) fn own_words(input: &RenderInput<'_>, words: &str) -> String {
    let (opening, words) = (opening(input), clean(words));
    let room = BODY_CHARACTERS_MAX.saturating_sub(opening.chars().count() + HOW_TO_ANSWER.len() + 2);
    sentences(&opening, &[&shorten(&words, room), HOW_TO_ANSWER])
}

/// The cleaned parts of a notice.
struct Parts {
    head: String,
    issue: String,
    address: String,
    name: String,
    callback: String,
}

impl Parts {
    fn of(input: &RenderInput<'_>) -> Self {
        let business = shorten(&clean(input.business), NAME_MAX);
        let level = shorten(&clean(input.level), LEVEL_MAX);
        let level = if level.eq_ignore_ascii_case("normal") { String::new() } else { clean(&level.to_uppercase()) };
        let who = [business, level].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
        let who = if who.is_empty() { who } else { format!("{who}: ") };
        let again = if input.kind == TextKind::Reminder { "Reminder: still open. " } else { "" };
        Self {
            head: format!("{}{again}{who}", opening(input)),
            issue: clean(input.issue),
            address: clean(input.address),
            name: shorten(&clean(input.caller_name), NAME_MAX),
            callback: shorten(&clean(input.caller_phone), CALLBACK_MAX),
        }
    }

    /// The text with the issue cut to that many characters.
    fn text(&self, issue: usize, address: usize, with_name: WithName) -> String {
        let caller = match with_name {
            WithName::Yes => format!("{} {}", self.name, self.callback),
            WithName::No => self.callback.clone(),
        };
        let (issue, address) = (shorten(&self.issue, issue), shorten(&self.address, address));
        sentences(&self.head, &[&issue, &address, caller.trim(), HOW_TO_ANSWER])
    }
}

#[derive(Clone, Copy)]
enum WithName {
    Yes,
    No,
}

fn notice(input: &RenderInput<'_>) -> String {
    let parts = Parts::of(input);
    let whole = parts.issue.chars().count();
    let all_of_it = parts.address.chars().count();
    let sendable = |text: &str| text.chars().count() <= BODY_CHARACTERS_MAX;
    let least = parts.text(whole.min(ISSUE_MIN), all_of_it, WithName::No);
    if !sendable(&least) {
        let over = least.chars().count() - BODY_CHARACTERS_MAX;
        return parts.text(ISSUE_MIN, all_of_it.saturating_sub(over), WithName::No);
    }
    let room = segments(&least);
    let fits = |text: &str| sendable(text) && segments(text) <= room;
    let with_name =
        if fits(&parts.text(whole.min(ISSUE_MIN), all_of_it, WithName::Yes)) { WithName::Yes } else { WithName::No };
    let longest = largest(whole.min(ISSUE_MIN), whole, |n| fits(&parts.text(n, all_of_it, with_name)));
    parts.text(longest, all_of_it, with_name)
}

/// The largest number from `low` to `high` that fits, by halving; `low` is known to.
fn largest(low: usize, high: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

fn stand_down(input: &RenderInput<'_>, why: StandDown<'_>) -> String {
    let business = shorten(&clean(input.business), NAME_MAX);
    let head = if business.is_empty() { opening(input) } else { format!("{}{business}: ", opening(input)) };
    let said = match why {
        StandDown::Taken { by } => {
            let by = shorten(&clean(by), NAME_MAX);
            if by.is_empty() { "This call has been taken".to_owned() } else { format!("{by} has taken this call") }
        }
        StandDown::Cancelled => "This call was called off".to_owned(),
        StandDown::Resolved => "This call is resolved".to_owned(),
        StandDown::Deferred => "This call waits for the morning".to_owned(),
    };
    let end = "You need not go. Thank you.";
    let address = clean(input.address);
    let full = sentences(&head, &[&said, &address, end]);
    if segments(&full) <= 1 { full } else { sentences(&head, &[&said, end]) }
}

/// Puts the parts behind the head, each ended by a full stop unless it ends in one already; empty ones are left out.
fn sentences(head: &str, parts: &[&str]) -> String {
    let mut out = head.to_owned();
    for part in parts.iter().filter(|p| !p.is_empty()) {
        if !out.ends_with(' ') {
            out.push_str(if out.ends_with(['.', '!', '?']) { " " } else { ". " });
        }
        out.push_str(part);
    }
    out.trim_end().to_owned()
}
