//! How a phone number is shown: with its middle hidden.

/// `+19495550101` → `+1949•••0101`; other texts that begin with `+` and hold digits are masked alike, the rest is unchanged.
pub fn masked(s: &str) -> String {
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
/// a `+`, however they are grouped.
pub fn masked_within(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().map(Some).chain([None]) {
        let goes_on = c.is_some_and(|c| match run.is_empty() {
            true => c.is_ascii_digit() || c == '+' || c == '(',
            false => c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'),
        });
        if let (Some(c), true) = (c, goes_on) {
            run.push(c);
            continue;
        }
        out.push_str(&masked_run(&run));
        run.clear();
        match c {
            Some(c) if c == '+' || c == '(' || c.is_ascii_digit() => run.push(c),
            Some(c) => out.push(c),
            None => {}
        }
    }
    out
}

fn masked_run(run: &str) -> String {
    let digits: Vec<char> = run.chars().filter(char::is_ascii_digit).collect();
    let least = if run.starts_with('+') { 7 } else { 10 };
    let is_date = run.get(..10).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok());
    if digits.len() < least || is_date {
        return run.to_owned();
    }
    let last: String = digits.iter().skip(digits.len() - 4).collect();
    let rest = run.trim_end_matches(|c: char| !c.is_ascii_digit() && c != ')').len();
    format!("•••{last}{}", run.get(rest..).unwrap_or_default())
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
            ("Sam", "Sam"),
            ("", ""),
        ] {
            assert_eq!(masked_within(text), want, "{text}");
        }
    }
}
