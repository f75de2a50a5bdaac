//! The provider's sentences made fit to be shown: it quotes cells back (`Insufficient permissions to create new select
//! option "…"`), so nothing that was sent as a cell's contents, nothing in quotes that is not a name, and no number is let
//! through.

use crate::domain::phone;

/// What stands for what is not shown.
const HIDDEN: &str = "•••";
const SHOWN_CHARS_MAX: usize = 300;
/// Shorter contents are words such as `SMS`, or single digits, and give nothing away.
const SECRET_CHARS_MIN: usize = 3;

/// A sentence about a request, for a person: `names` (of tables and fields) may be shown, `contents` (of cells) may not.
pub(super) fn safe(sentence: &str, names: &[&str], contents: &[String]) -> String {
    let is_name = |text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    // Control characters are not shown: they are gone before contents are looked for, or one inside of them would hide them from us.
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let mut text = plain(sentence);
    let contents: Vec<String> = contents.iter().map(|content| plain(content)).collect();
    let mut hide: Vec<&String> = contents.iter().filter(|c| c.chars().count() >= SECRET_CHARS_MIN).collect();
    // The longest first, or what remains of one that holds another would be shown.
    hide.sort_by_key(|c| std::cmp::Reverse(c.len()));
    for content in hide.into_iter().filter(|c| !is_name(c)) {
        text = text.replace(content.as_str(), HIDDEN);
    }
    masked(&without_quotes(&text, is_name))
}

/// Each part in straight double quotes that is no name is hidden; a quote that is never closed hides the rest.
fn without_quotes(text: &str, is_name: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('"') {
        out.push_str(before);
        // Contents may hold quotes themselves, so what is no name is hidden to the last quote of the sentence.
        let Some((inner, behind)) =
            after.split_once('"').filter(|(inner, _)| is_name(inner)).or(after.rsplit_once('"'))
        else {
            out.push_str(HIDDEN);
            return out;
        };
        if is_name(inner) {
            out.push_str(&format!("\"{inner}\""));
        } else {
            out.push_str(HIDDEN);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The name, as it was sent, that the sentence quotes.
pub(super) fn quoted_name(sentence: &str, names: &[&str]) -> Option<String> {
    let found = names.iter().filter(|name| {
        let quoted = format!("\"{}\"", name.to_lowercase());
        !name.is_empty() && sentence.to_lowercase().contains(&quoted)
    });
    found.max_by_key(|name| name.len()).map(|name| (*name).to_owned())
}

/// Long runs of digits (with the blanks, dots, hyphens and brackets that phones are written with) masked, control
/// characters dropped, length bounded. Moments and ids of ours stay readable.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let mut before = None;
    let flush = |run: &mut String, out: &mut String, before: Option<char>| {
        let digits = run.chars().filter(char::is_ascii_digit).collect::<String>();
        let in_a_word = before.is_some_and(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if digits.len() >= 7 && !in_a_word && !is_date(run) {
            let kept = run.trim_end_matches(|c: char| !c.is_ascii_digit());
            out.push_str(&phone::masked(&format!("+{digits}")));
            out.push_str(run.get(kept.len()..).unwrap_or_default());
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for c in text.chars().take(SHOWN_CHARS_MAX).filter(|c| !c.is_control()) {
        let inside = c.is_ascii_digit() || (!run.is_empty() && matches!(c, ' ' | '-' | '.' | '(' | ')'));
        if inside || (run.is_empty() && matches!(c, '+')) {
            run.push(c);
        } else {
            flush(&mut run, &mut out, before);
            out.push(c);
            before = Some(c);
        }
    }
    flush(&mut run, &mut out, before);
    out
}

/// `2026-11-22`, as moments begin.
fn is_date(run: &str) -> bool {
    let digits = |at: usize, n: usize| run.get(at..at + n).is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit()));
    run.len() == 10 && digits(0, 4) && digits(5, 2) && digits(8, 2) && run.matches('-').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_however_they_are_written_and_moments_are_not() {
        for (text, want) in [
            ("+19495550101", "+1949•••0101"),
            ("call 19495550101 now", "call +1949•••0101 now"),
            ("+1 (949) 555-0101.", "+1949•••0101."),
            ("949.555.0101", "+9•••01"),
            ("2026-11-22T06:00:00.000Z", "2026-11-22T06:00:00.000Z"),
            ("recA1234567890bcd", "recA1234567890bcd"),
            ("att_00000000000000000000000000000007", "att_00000000000000000000000000000007"),
            ("code 30006", "code 30006"),
            ("a\u{7}b\nc", "abc"),
        ] {
            assert_eq!(masked(text), want, "{text}");
        }
        assert_eq!(masked(&"x".repeat(1000)).len(), SHOWN_CHARS_MAX);
    }

    #[test]
    fn names_are_shown_and_contents_are_not() {
        let names = ["Delivery Status", "To", "Event ID"];
        let contents =
            ["Sam Ortiz".to_owned(), "No heat at 12 Elm St".to_owned(), "Elm St".to_owned(), "To".to_owned()];
        for (sentence, want) in [
            ("Unknown field name: \"Delivery Status\"", "Unknown field name: \"Delivery Status\""),
            ("Unknown field names: delivery status", "Unknown field names: delivery status"),
            ("Field \"To\" cannot accept the provided value", "Field \"To\" cannot accept the provided value"),
            ("may not create select option \"\"Jo \"Fix\" Lee\"\"", "may not create select option •••"),
            ("Sam Ortiz is not an option", "••• is not an option"),
            ("bad: No heat at 12 Elm St!", "bad: •••!"),
            ("a quote \"that never ends", "a quote •••"),
            ("Sam\u{0} Or\u{7}tiz is not an option", "••• is not an option"),
            ("\"To\" and \"secret\" and \"Event ID\"", "\"To\" and •••"),
        ] {
            assert_eq!(safe(sentence, &names, &contents), want, "{sentence}");
        }
        assert_eq!(quoted_name("Unknown field name: \"delivery status\"", &names).as_deref(), Some("Delivery Status"));
        assert_eq!(quoted_name("Unknown field name: \"Other\"", &names), None);
    }
}
