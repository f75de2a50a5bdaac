//! The words of an alert's text: one segment, the mark first, what to answer last.

use super::AlertText;
use crate::domain::alert::Severity;
use crate::domain::body;
use crate::domain::count::counted_usize;
use crate::domain::work::Ctx;

const RAISED: &str = "ALERT";
const OVER: &str = "OVER";
const TEST_MODE: &str = "TEST MODE ";
/// What one segment holds between the longest opening and the longest ending of a text that names several alerts.
const NAMES_MAX: u32 = 160 - 26 - 38;

/// What is sent as this text: what happened is cut to what one segment holds, never the references and what to answer.
pub(super) fn body(of: &AlertText, ctx: &Ctx<'_>) -> String {
    let opening = format!(
        "{} {}{}{}: ",
        of.mark(),
        if ctx.rules.test_mode { TEST_MODE } else { "" },
        if of.is_over { OVER } else { RAISED },
        of.call_reference.as_ref().map(|r| format!(" {r}")).unwrap_or_default(),
    );
    let ending = answer(of);
    let words: Vec<char> = body::clean(&words(of)).chars().collect();
    let with = |kept: usize| {
        let said: String = words.iter().take(kept).collect();
        let cut = if kept < words.len() { ".." } else { "" };
        format!("{opening}{}{cut}{ending}", said.trim_end())
    };
    // A character never makes a text shorter: the longest that fits is found by halves.
    let (mut fits, mut too_long) = (0, words.len().saturating_add(1));
    while too_long - fits > 1 {
        let middle = usize::midpoint(fits, too_long);
        if body::segments(&with(middle)) <= 1 {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    with(fits)
}

/// What happened; of several alerts, and of one that nothing is said of, its kind says it.
fn words(of: &AlertText) -> String {
    if !of.words.trim().is_empty() {
        return of.words.clone();
    }
    let title = of.told().next().map(|a| a.key.kind().title()).unwrap_or_default();
    let names: Vec<&str> = of.told().map(|a| a.name.as_str()).collect();
    grouped(title, &names)
}

fn grouped(title: &str, names: &[&str]) -> String {
    match names {
        [one] => format!("{title}: {one}"),
        several => format!("{}: {title}: {}", counted_usize(several.len(), "alert"), several.join(", ")),
    }
}

/// How many of these alerts of one kind, from the first, one text names whole; at least one.
pub fn names_held(title: &str, names: &[&str]) -> usize {
    let is_held = |n: &usize| {
        let named = body::clean(&grouped(title, names.get(..*n).unwrap_or_default()));
        named.chars().map(|c| body::septets(c).unwrap_or(NAMES_MAX)).sum::<u32>() <= NAMES_MAX
    };
    (2..=names.len()).rev().find(is_held).unwrap_or(1)
}

/// What its reader can answer.
fn answer(of: &AlertText) -> String {
    let Some(kind) = of.told().next().map(|a| a.key.kind()).filter(|_| !of.is_over) else {
        return String::new();
    };
    match (&of.call_reference, of.call_to_take()) {
        (Some(call), Some(_)) => format!(" Reply 1 {call} to take it."),
        _ if kind.severity() == Severity::Page => format!(" Reply 1 {} once you have seen it.", of.reference),
        _ => String::new(),
    }
}
