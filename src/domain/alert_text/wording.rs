//! The words of an alert's text: one segment, the reference first, what to answer last.

use super::AlertText;
use crate::domain::alert::{Severity, Until};
use crate::domain::body;
use crate::domain::work::Ctx;

/// How a text of ours that tells of an alert goes on behind its reference.
const RAISED: &str = "ALERT";
const OVER: &str = "OVER";
const TEST_MODE: &str = "TEST MODE ";

/// What is sent as this text: what happened is cut to what one segment holds, never the references and what to answer.
pub(super) fn body(of: &AlertText, ctx: &Ctx<'_>) -> String {
    let opening = format!(
        "{} {}{}{}: ",
        of.reference.attempt(of.text.number),
        if ctx.rules.test_mode { TEST_MODE } else { "" },
        if of.is_over { OVER } else { RAISED },
        of.call_reference.as_ref().map(|r| format!(" {r}")).unwrap_or_default(),
    );
    let ending = answer(of);
    let words: Vec<char> = body::clean(&of.words).chars().collect();
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

/// What its reader can answer.
fn answer(of: &AlertText) -> String {
    let Some(kind) = of.alerts.first().map(crate::domain::alert::AlertKey::kind).filter(|_| !of.is_over) else {
        return String::new();
    };
    match (&of.call_reference, of.alerts.len()) {
        (Some(call), 1) if kind.until() == Until::Taken => format!(" Reply 1 {call} to take it."),
        _ if kind.severity() == Severity::Page => format!(" Reply 1 {} once you have seen it.", of.reference),
        _ => String::new(),
    }
}

/// Whether this text of ours tells of an alert.
pub fn is_of_an_alert(body: &str) -> bool {
    let Some((_, behind)) = body.split_once(' ') else { return false };
    let behind = behind.strip_prefix(TEST_MODE).unwrap_or(behind);
    [RAISED, OVER].iter().any(|word| behind.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', ':'])))
}
