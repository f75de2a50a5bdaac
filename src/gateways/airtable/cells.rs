//! Cells, and when what a base keeps is what it was given.
//!
//! A base changes what it keeps in ways that are no differences (`facts/airtable.md` §2):
//! - an empty cell has no key: missing, null, `""`, `[]`, `false` are one and the same;
//! - times come back with milliseconds and `Z`, so they are compared as instants; a base that keeps whole seconds alone is
//!   believed, as nothing says that it keeps the rest;
//! - numbers come back as numbers: 1 and 1.0 are one; with typecast a text may have become one and back, which is no
//!   difference as long as both are written alike (`30006` is, `007` is not);
//! - of a text the line ends and the blanks at its end may change: nothing says that they don't. All else is exact, case
//!   included.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Number, Value};

use super::words::masked;
use crate::domain::types::Timestamp;

/// One cell's value. `Debug` shows no contents.
#[derive(Clone, PartialEq, Default)]
pub enum Cell {
    /// Nothing; written, it clears the cell.
    #[default]
    Empty,
    /// A text, a select's option, a phone number, an id of ours.
    Text(String),
    Number(Number),
    /// A checkbox.
    Flag(bool),
    /// A moment. Only written: what is read is a text, compared as a moment.
    Time(Timestamp),
    /// What we never write: lists, attachments, links, computed things.
    Other(Value),
}

static EMPTY: Cell = Cell::Empty;

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A whole number.
    pub fn number(number: impl Into<Number>) -> Self {
        Self::Number(number.into())
    }

    /// A moment.
    pub fn time(at: Timestamp) -> Self {
        Self::Time(at)
    }

    /// Whether the base would keep nothing of it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty | Self::Flag(false) => true,
            Self::Text(text) => text.trim_end().is_empty(),
            Self::Other(value) => match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            },
            Self::Number(_) | Self::Flag(true) | Self::Time(_) => false,
        }
    }

    /// As it is read from an answer; any JSON is one cell or another.
    pub(super) fn read(value: Value) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::String(text) => Self::Text(text),
            Value::Number(number) => Self::Number(number),
            Value::Bool(flag) => Self::Flag(flag),
            other => Self::Other(other),
        }
    }

    /// As it is sent; what is empty is sent as null, which clears.
    pub(super) fn written(&self) -> Value {
        match self {
            cell if cell.is_empty() => Value::Null,
            Self::Empty => Value::Null,
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Time(at) => Value::String(at.rfc3339()),
            Self::Other(value) => value.clone(),
        }
    }

    /// The moment that it holds.
    pub fn as_time(&self) -> Option<Timestamp> {
        match self {
            Self::Time(at) => Some(*at),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The text that it holds, if it is not empty.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !self.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The whole number that it holds, also as a text.
    pub fn as_whole(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether a base that was given this cell and answers `actual` has kept it.
    pub fn is_kept_as(&self, actual: &Self) -> bool {
        if self.is_empty() || actual.is_empty() {
            return self.is_empty() && actual.is_empty();
        }
        match (self, actual) {
            (Self::Time(at), other) => other.as_time().is_some_and(|found| same_moment(*at, found)),
            (Self::Text(a), Self::Text(b)) => a == b || plain(a) == plain(b),
            (Self::Number(a), Self::Number(b)) => same_number(a, b),
            (Self::Number(n), Self::Text(t)) | (Self::Text(t), Self::Number(n)) => is_written_as(n, t),
            (Self::Flag(a), Self::Flag(b)) => a == b,
            (Self::Other(a), Self::Other(b)) => a == b,
            _ => false,
        }
    }

    /// For a person's eyes: phones masked, bounded in length.
    pub fn shown(&self) -> String {
        match self {
            cell if cell.is_empty() => "nothing".to_owned(),
            Self::Empty => "nothing".to_owned(),
            Self::Text(text) => format!("`{}`", masked(text.trim_end())),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(at) => at.rfc3339(),
            Self::Other(value) => masked(&value.to_string()),
        }
    }
}

/// A base may drop what is below a second; it never makes another second of it.
fn same_moment(given: Timestamp, found: Timestamp) -> bool {
    let whole_seconds = given.as_millis().div_euclid(1000).saturating_mul(1000);
    given == found || found.as_millis() == whole_seconds
}

fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end().to_owned()
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_u64().zip(b.as_u64()).map_or_else(|| a.as_f64() == b.as_f64(), |(a, b)| a == b),
    }
}

fn is_written_as(number: &Number, text: &str) -> bool {
    let as_whole = number.as_f64().and_then(whole).map(|n| n.to_string());
    number.to_string() == text || as_whole.is_some_and(|n| n == text)
}

/// A float that is a whole number which floats hold exactly.
#[expect(clippy::cast_possible_truncation, reason = "bounded to what a float holds exactly")]
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Cell(empty)"),
            Self::Text(text) => write!(f, "Cell({} characters)", text.chars().count()),
            Self::Number(_) => f.write_str("Cell(number)"),
            Self::Flag(flag) => write!(f, "Cell({flag})"),
            Self::Time(at) => write!(f, "Cell({at})"),
            Self::Other(_) => f.write_str("Cell(other)"),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Cell {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::number(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::number(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// Cells by the name or id of their field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(BTreeMap<String, Cell>);

impl Fields {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more cell, or another in its place.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, cell: impl Into<Cell>) -> Self {
        self.set(field, cell);
        self
    }

    /// Sets one cell.
    pub fn set(&mut self, field: impl Into<String>, cell: impl Into<Cell>) {
        self.0.insert(field.into(), cell.into());
    }

    /// A cell; one that is not there is empty.
    pub fn get(&self, field: &str) -> &Cell {
        self.0.get(field).unwrap_or(&EMPTY)
    }

    /// All that are there, by their fields' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.0.iter().map(|(field, cell)| (field.as_str(), cell))
    }

    /// Whether a cell links records.
    pub fn has_links(&self) -> bool {
        self.0.values().any(|c| matches!(c, Cell::Other(Value::Array(ids)) if !ids.is_empty()))
    }
}

impl<K: Into<String>, C: Into<Cell>> FromIterator<(K, C)> for Fields {
    fn from_iter<I: IntoIterator<Item = (K, C)>>(cells: I) -> Self {
        Self(cells.into_iter().map(|(field, cell)| (field.into(), cell.into())).collect())
    }
}

/// A field that a base holds otherwise than it was given. `Display` masks phones.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Its name or id, as in what was expected.
    pub field: String,
    /// What was given.
    pub expected: Cell,
    /// What is there.
    pub actual: Cell,
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected.shown(), self.actual.shown())
    }
}

/// Every field of `expected` that `actual` does not hold; what `actual` has besides is none of ours.
pub fn differences(expected: &Fields, actual: &Fields) -> Vec<FieldDifference> {
    let differing = expected.iter().filter(|(field, cell)| !cell.is_kept_as(actual.get(field)));
    differing
        .map(|(field, cell)| FieldDifference {
            field: field.to_owned(),
            expected: cell.clone(),
            actual: actual.get(field).clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const AT: i64 = 1_795_327_200_000; // 2026-11-22T06:00:00Z

    fn at(offset_ms: i64) -> Cell {
        Cell::time(Timestamp::from_millis(AT + offset_ms))
    }

    #[test]
    fn what_a_base_changes_is_no_difference_and_all_else_is() {
        let text = |t: &str| Cell::text(t);
        for (label, given, answered, kept) in [
            ("missing is empty", text(""), json!(null), true),
            ("an empty list is empty", Cell::Empty, json!([]), true),
            ("unchecked is empty", Cell::Flag(false), json!(null), true),
            ("false is empty", Cell::Empty, json!(false), true),
            ("blanks alone are empty", text(" \n"), json!(""), true),
            ("zero is not empty", Cell::number(0), json!(null), false),
            ("empty is not zero", Cell::Empty, json!(0), false),
            ("checked", Cell::Flag(true), json!(true), true),
            ("checked and lost", Cell::Flag(true), json!(null), false),
            ("a text", text("delivered"), json!("delivered"), true),
            ("case", text("delivered"), json!("Delivered"), false),
            ("another text", text("delivered"), json!("sent"), false),
            ("a lost text", text("delivered"), json!(null), false),
            ("a text where none was", Cell::Empty, json!("x"), false),
            ("a trailing blank", text("Sent. "), json!("Sent."), true),
            ("a leading blank", text(" Sent."), json!("Sent."), false),
            ("line ends", text("a\r\nb\rc"), json!("a\nb\nc\n"), true),
            ("a lost line end", text("a\nb"), json!("a b"), false),
            ("numbers", Cell::number(1), json!(1.0), true),
            ("other numbers", Cell::number(1), json!(1.5), false),
            ("large numbers", Cell::number(i64::MAX), json!(i64::MAX - 1), false),
            ("beyond what is signed", Cell::number(u64::MAX), json!(u64::MAX - 1), false),
            ("a number that became a text", Cell::number(3), json!("3"), true),
            ("a text that became a number", text("30006"), json!(30006), true),
            ("a text that lost its zeros", text("007"), json!(7), false),
            ("a float that became a text", Cell::number(3), json!("3.0"), false),
            ("a moment", at(0), json!("2026-11-22T06:00:00.000Z"), true),
            ("a moment elsewhere", at(0), json!("2026-11-22T07:00:00+01:00"), true),
            ("a moment without milliseconds", at(0), json!("2026-11-22T06:00:00Z"), true),
            ("a moment to the second", at(250), json!("2026-11-22T06:00:00.000Z"), true),
            ("a moment rounded up", at(750), json!("2026-11-22T06:00:01.000Z"), false),
            ("another moment", at(0), json!("2026-11-22T06:01:00.000Z"), false),
            ("a day is no moment", at(0), json!("2026-11-22"), false),
            ("a moment became a number", at(0), json!(AT), false),
            ("a list", text("a"), json!(["a"]), false),
        ] {
            assert_eq!(given.is_kept_as(&Cell::read(answered)), kept, "{label}");
        }
    }

    #[test]
    fn differences_name_the_expected_fields_alone() {
        let expected = Fields::new()
            .with("Event ID", "att_1")
            .with("To", "+19495550101")
            .with("Error Code", Cell::Empty)
            .with("Step", 2_u32)
            .with("Sent At", Timestamp::from_millis(AT));
        assert_eq!(differences(&expected, &expected), []);
        let actual: Fields = [
            ("Event ID", Cell::text("att_1")),
            ("To", Cell::text("+19495550102")),
            ("Notes", Cell::text("written by hand")),
            ("Sent At", Cell::text("2026-11-22T06:00:00.000Z")),
        ]
        .into_iter()
        .collect();
        let found = differences(&expected, &actual);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["Step: expected 2, found nothing", "To: expected `+1949•••0101`, found `+1949•••0102`"]);
        assert!(!format!("{found:?}").contains("5550101"), "{found:?}");
        assert_eq!(differences(&Fields::new(), &actual), []);
    }

    #[test]
    fn cells_are_read_as_what_they_hold() {
        assert_eq!(Cell::read(json!(2.0)).as_whole(), Some(2));
        assert_eq!(Cell::read(json!("2")).as_whole(), Some(2));
        assert_eq!(Cell::read(json!(2.5)).as_whole(), None);
        assert_eq!(Cell::read(json!(1e300)).as_whole(), None);
        assert_eq!(Cell::read(json!("2026-11-22T06:00:00.000Z")).as_time(), Some(Timestamp::from_millis(AT)));
        assert_eq!(Cell::read(json!("soon")).as_time(), None);
        assert_eq!((Cell::read(json!("x")).as_text(), Cell::read(json!("")).as_text()), (Some("x"), None));
        assert_eq!(Cell::from(None::<&str>), Cell::Empty);
        assert_eq!((Cell::text("").written(), Cell::Flag(false).written()), (Value::Null, Value::Null));
        assert_eq!(at(5).written(), json!("2026-11-22T06:00:00.005Z"));
    }

    proptest! {
        #[test]
        fn a_base_that_gives_back_what_it_was_given_has_kept_it(text in "\\PC{0,40}", n in any::<i64>(), ms in 0..4_102_444_800_000_i64) {
            for cell in [Cell::text(text.as_str()), Cell::number(n), Cell::time(Timestamp::from_millis(ms))] {
                prop_assert!(cell.is_kept_as(&Cell::read(cell.written())), "{}", cell.shown());
            }
        }
    }
}
