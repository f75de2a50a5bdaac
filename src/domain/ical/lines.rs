//! The lines of a calendar: unfolded, and cut into name, parameters and value (RFC 5545 §3.1, §3.2).

/// One content line. Names are compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Property<'a> {
    pub name: &'a str,
    params: &'a str,
    pub value: &'a str,
}

impl<'a> Property<'a> {
    /// `None` for what has no colon: no line of a calendar.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let head = line.find([';', ':'])?;
        let (name, rest) = line.split_at_checked(head)?;
        let colon = rest.len() - after_params(rest)?.len();
        let (params, value) = rest.split_at_checked(colon)?;
        Some(Self { name: name.trim(), params, value: value.strip_prefix(':')? })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The first value of this parameter, without quotes.
    pub(super) fn param(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.params;
        while let Some(param) = rest.strip_prefix(';') {
            let end = param.len() - until_next(param).len();
            let (param, next) = param.split_at_checked(end)?;
            if let Some((key, value)) = param.split_once('=')
                && key.trim().eq_ignore_ascii_case(name)
            {
                return Some(value.trim().trim_matches('"').trim());
            }
            rest = next;
        }
        None
    }
}

/// From the colon that ends the parameters on. A colon in quotes ends nothing, nor does that of `TZID=tzone://Microsoft/Utc`, which
/// is written without quotes too.
fn after_params(text: &str) -> Option<&str> {
    let mut quoted = false;
    let colons = text.char_indices().filter(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    });
    let is_end = |at: &usize| !text.get(..*at).is_some_and(|before| before.ends_with("=tzone"));
    text.get(colons.map(|(at, _)| at).find(is_end)?..)
}

/// From the next semicolon on that stands in no quotes.
fn until_next(text: &str) -> &str {
    let mut quoted = false;
    let at = text.find(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    at.and_then(|at| text.get(at..)).unwrap_or_default()
}

/// The text with folded lines put together again. A fold may cut a letter in two, so bytes are joined before they become text;
/// bytes that are no UTF-8 become the replacement sign.
pub(super) fn unfold(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut joined: Vec<u8> = Vec::with_capacity(bytes.len());
    for line in bytes.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [b' ' | b'\t', rest @ ..] if !joined.is_empty() => {
                joined.pop();
                joined.extend_from_slice(rest);
            }
            _ => joined.extend_from_slice(line),
        }
        joined.push(b'\n');
    }
    match String::from_utf8(joined) {
        Ok(text) => text,
        Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
    }
}

/// A TEXT value as people read it (RFC 5545 §3.3.11), in one line.
pub(super) fn text(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        match (escaped, c) {
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (true, 'n' | 'N') => plain.push(' '),
            (_, c) if c.is_control() => plain.push(' '),
            (_, c) => plain.push(c),
        }
        escaped = false;
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_colon_that_stands_in_no_quotes() {
        let line = Property::read("ATTENDEE;CN=\"Ortiz; Sam: (L1)\";X=1:mailto:sam@example.org").expect("a line");
        assert_eq!((line.name, line.value), ("ATTENDEE", "mailto:sam@example.org"));
        assert_eq!(line.param("cn"), Some("Ortiz; Sam: (L1)"));
        assert_eq!(line.param("x"), Some("1"));
        assert_eq!(line.param("TZID"), None);
        let bare = Property::read("DTSTART;TZID=tzone://Microsoft/Utc:20261101T080000").expect("a line");
        assert_eq!((bare.param("TZID"), bare.value), (Some("tzone://Microsoft/Utc"), "20261101T080000"));
        assert!(Property::read("no colon; here").is_none());
        assert!(Property::read("A;B=\"x:y").is_none(), "the quotes are not closed");
        assert_eq!(Property::read("dtstart:20260101").map(|p| p.is("DTSTART")), Some(true));
    }

    #[test]
    fn folds_are_joined_as_bytes() {
        let folded = "SUMMARY:J\u{fc}rgen".as_bytes();
        let (cut, rest) = folded.split_at(10);
        let text = unfold(&[cut, b"\r\n ", rest, b"\r\nUID:1\n\t2\r\n"].concat());
        assert_eq!(text, "SUMMARY:J\u{fc}rgen\nUID:12\n\n");
        assert_eq!(unfold(b"\xEF\xBB\xBFA:\xFF"), "A:\u{fffd}\n");
    }

    #[test]
    fn escapes_of_a_text_are_taken_off() {
        assert_eq!(text("Sam\\, Ana\\; \\\\ x\\nnext "), "Sam, Ana; \\ x next");
        assert_eq!(text("ends in \\"), "ends in");
    }
}
