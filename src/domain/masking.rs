//! How a phone number is shown: with its middle hidden.

/// `+19495550101` → `+1949•••0101`; other texts that begin with `+` and hold digits are masked alike, also behind a channel
/// (`viber:+19495550101`). The rest is unchanged.
pub fn masked(s: &str) -> String {
    if let Some((channel, number)) = s.split_once(':')
        && number.starts_with('+')
        && channel.bytes().all(|b| b.is_ascii_lowercase())
    {
        return format!("{channel}:{}", masked(number));
    }
    if !s.starts_with('+') {
        return s.to_owned();
    }
    let chars: Vec<char> = s.chars().collect();
    if chars.len() < 8 {
        return "+•••".to_owned();
    }
    let head = if chars.len() >= 12 { 5 } else { 2 };
    let tail = if chars.len() >= 12 { 4 } else { 2 };
    let front: String = chars.iter().take(head).collect();
    let back: String = chars.iter().skip(chars.len() - tail).collect();
    format!("{front}•••{back}")
}

/// A text that somebody wrote, with the phone numbers in it hidden but for their last four digits: ten digits and more, or seven behind
/// a `+` or written like `555-0101`, however they are grouped, in the digits of any script.
pub fn masked_within(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().map(Some).chain([None]) {
        let goes_on = c.is_some_and(|c| match run.is_empty() {
            true => begins(c),
            false => c.is_numeric() || separates(c),
        });
        if let (Some(c), true) = (c, goes_on) {
            run.push(c);
            continue;
        }
        out.push_str(&masked_run(&run));
        run.clear();
        match c {
            Some(c) if begins(c) => run.push(c),
            Some(c) => out.push(c),
            None => {}
        }
    }
    out
}

fn begins(c: char) -> bool {
    c.is_numeric() || c == '+' || c == '('
}

/// Between the digits of a number; phones add marks of direction and blanks that do not break when one is copied.
const fn separates(c: char) -> bool {
    matches!(
        c,
        ' ' | '-'
            | '.'
            | '('
            | ')'
            | '/'
            | '\u{a0}'
            | '\u{202f}'
            | '\u{2000}'..='\u{2015}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
    )
}

fn masked_run(run: &str) -> String {
    if let Some((date, rest)) = run.split_at_checked(10)
        && date.parse::<jiff::civil::Date>().is_ok()
    {
        let from = rest.find(begins).unwrap_or(rest.len());
        let (gap, rest) = rest.split_at(from);
        return format!("{date}{gap}{}", masked_run(rest));
    }
    let digits: Vec<char> = run.chars().filter(|c| c.is_numeric()).collect();
    let least = if run.starts_with('+') || is_local(run) { 7 } else { 10 };
    if digits.len() < least {
        return run.to_owned();
    }
    let last: String = digits.iter().skip(digits.len() - 4).collect();
    let rest = run.trim_end_matches(|c: char| !c.is_numeric() && c != ')').len();
    format!("•••{last}{}", run.get(rest..).unwrap_or_default())
}

/// `555-0101`, without its area.
fn is_local(run: &str) -> bool {
    let run = run.trim_end_matches(separates);
    let parts = run.split_once(['-', '.', '\u{2010}', '\u{2011}']);
    let is = |part: &str, n: usize| part.chars().count() == n && part.chars().all(char::is_numeric);
    parts.is_some_and(|(front, back)| is(front, 3) && is(back, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_text_are_hidden_and_times_are_not() {
        for (text, want) in [
            ("Sam +19495550101", "Sam •••0101"),
            ("Sam (949) 555-0101 till 8", "Sam •••0101 till 8"),
            ("call 949.555.0101, please", "call •••0101, please"),
            ("+1 949 555 0101", "•••0101"),
            ("+19495550101+19495550102", "•••0101•••0102"),
            ("night 17:00-08:00", "night 17:00-08:00"),
            ("week of 2026-11-28", "week of 2026-11-28"),
            ("2026-11-28 17:00", "2026-11-28 17:00"),
            ("2026-11-28 9495550101", "2026-11-28 •••0101"),
            ("from 2026-11-28 - 2026-12-01", "from 2026-11-28 - 2026-12-01"),
            ("ring 555-0101.", "ring •••0101."),
            ("order 555-01012, gate 4-5555", "order 555-01012, gate 4-5555"),
            ("\u{202a}+1\u{a0}949\u{2011}555\u{2011}0101\u{202c} Sam", "\u{202a}•••0101\u{202c} Sam"),
            ("９４９-５５５-０１０１", "•••０１０１"),
            ("12 Harbor St, CA 92627", "12 Harbor St, CA 92627"),
            ("Sam", "Sam"),
            ("", ""),
        ] {
            assert_eq!(masked_within(text), want, "{text}");
        }
    }
}
