//! Formulas that filter a list, escaped so that no name and no value can end its own quotes (`facts/airtable.md` §8).

use std::fmt;

use crate::domain::types::Timestamp;
use crate::gateways::mirror::RecordId;

/// A formula that is true or false for a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Formula(String);

impl Formula {
    /// The field holds this text. The base may not mind case: compare again what is found. An empty text is true of an
    /// empty cell.
    pub fn equals(field: &str, value: &str) -> Self {
        Self(format!("{}={}", quoted_field(field), quoted(value)))
    }

    /// The field holds one of these texts; with none of them it is false of every record.
    pub fn is_one_of<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::any(values.into_iter().map(|value| Self::equals(field, value)))
    }

    /// The field holds nothing.
    pub fn is_blank(field: &str) -> Self {
        Self(format!("{}=BLANK()", quoted_field(field)))
    }

    /// The field's moment is after this one. False of records without one.
    pub fn after(field: &str, moment: Timestamp) -> Self {
        Self(format!("IS_AFTER({},DATETIME_PARSE({}))", quoted_field(field), quoted(&moment.rfc3339())))
    }

    /// The record is one of these.
    pub fn is_record(ids: &[RecordId]) -> Self {
        Self::any(ids.iter().map(|id| Self(format!("RECORD_ID()={}", quoted(id.as_str())))))
    }

    /// One of them is true; of none of them, never.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::joined("OR", "FALSE()", parts)
    }

    /// All of them are true; of none of them, always.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::joined("AND", "TRUE()", parts)
    }

    /// It is false.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(format!("NOT({})", self.0))
    }

    fn joined(function: &str, none: &str, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<String> = parts.into_iter().map(|part| part.0).collect();
        match parts.len() {
            0 => Self(none.to_owned()),
            1 => Self(parts.remove(0)),
            _ => Self(format!("{function}({})", parts.join(","))),
        }
    }

    /// As it is sent. Holds values: not for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formula({} characters)", self.0.chars().count())
    }
}

/// A field by name or id. A name with `}` or `\` has failed in real bases, whatever the escape: use its id.
fn quoted_field(field: &str) -> String {
    let mut out = String::with_capacity(field.len() + 2);
    out.push('{');
    for c in field.chars() {
        if matches!(c, '\\' | '}') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('}');
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads one quoted thing that opens with `open`, ended by an unescaped `close`: its contents and the rest.
    fn unquoted(text: &str, open: char, close: char) -> Option<(String, &str)> {
        let mut chars = text.strip_prefix(open)?.char_indices();
        let mut out = String::new();
        while let Some((at, c)) = chars.next() {
            if c == close {
                return Some((out, text.get(open.len_utf8() + at + close.len_utf8()..)?));
            }
            out.push(if c == '\\' {
                match chars.next()?.1 {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                }
            } else {
                c
            });
        }
        None
    }

    /// Every pair of a field and a value in `OR(…)` or alone; `None` where it is anything else.
    fn pairs(formula: &str) -> Option<Vec<(String, String)>> {
        let mut rest = match formula.strip_prefix("OR(") {
            Some(inner) => inner.strip_suffix(')')?,
            None => formula,
        };
        let mut found = Vec::new();
        loop {
            let (field, after) = unquoted(rest, '{', '}')?;
            let (value, after) = unquoted(after.strip_prefix('=')?, '\'', '\'')?;
            found.push((field, value));
            if after.is_empty() {
                return Some(found);
            }
            rest = after.strip_prefix(',')?;
        }
    }

    #[test]
    fn formulas_are_written_as_documented() {
        let at = Timestamp::from_millis(1_795_305_600_000);
        let id: RecordId = "recAAAAAAAAAAAAAA".parse().expect("an id");
        let after = "IS_AFTER({Sent At},DATETIME_PARSE('2026-11-22T00:00:00.000Z'))";
        for (made, want) in [
            (Formula::equals("Event ID", "att_1"), "{Event ID}='att_1'".to_owned()),
            (Formula::is_one_of("Event ID", ["a", "b"]), "OR({Event ID}='a',{Event ID}='b')".to_owned()),
            (Formula::is_one_of("Event ID", ["a"]), "{Event ID}='a'".to_owned()),
            (Formula::is_one_of("Event ID", []), "FALSE()".to_owned()),
            (Formula::all([]), "TRUE()".to_owned()),
            (Formula::after("Sent At", at), after.to_owned()),
            (
                Formula::all([Formula::after("Sent At", at), Formula::equals("Call ID", "x").negated()]),
                format!("AND({after},NOT({{Call ID}}='x'))"),
            ),
            (Formula::is_blank("Event ID"), "{Event ID}=BLANK()".to_owned()),
            (Formula::is_record(&[id]), "RECORD_ID()='recAAAAAAAAAAAAAA'".to_owned()),
            (Formula::equals("fldAAAAAAAAAAAAAA", "it's"), "{fldAAAAAAAAAAAAAA}='it\\'s'".to_owned()),
            (Formula::equals("a}b\\", "\\\n\r\t\""), "{a\\}b\\\\}='\\\\\\n\\r\\t\"'".to_owned()),
        ] {
            assert_eq!(made.as_str(), want);
        }
    }

    #[test]
    fn a_hostile_value_stays_a_value() {
        for value in ["') ,TRUE(),('", "\\", "\\'", "'", "x\\\\'", "',{To}='", "\n'\t", "}", "{Event ID}", "’", "\u{0}"]
        {
            let found = pairs(Formula::equals("Event ID", value).as_str());
            assert_eq!(found, Some(vec![("Event ID".to_owned(), value.to_owned())]), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_and_no_value_escapes_its_quotes(
            field in "[\\\\}{'\"a,=() \\PC]{1,12}",
            values in proptest::collection::vec("[\\\\'\"\n\r\t,(){}=aA\\PC]{0,16}", 1..5),
        ) {
            let formula = Formula::is_one_of(&field, values.iter().map(String::as_str));
            let want: Vec<(String, String)> = values.iter().map(|v| (field.clone(), v.clone())).collect();
            prop_assert_eq!(pairs(formula.as_str()), Some(want));
        }
    }
}
