//! Whether a record stays: a formula worked out for it, with Airtable's blanks and truths (`facts/airtable.md` §3, §8).

use std::time::Duration;

use serde_json::Value;

use super::base::{Field, FieldType, SandboxRecord};
use super::cells::moment;
use super::formula::{Function, Operator, ParsedFormula};
use crate::domain::Timestamp;

/// What a part of a formula comes to.
#[derive(Debug, Clone, PartialEq)]
enum Term {
    Blank,
    Number(f64),
    Text(String),
    Bool(bool),
    Moment(Timestamp),
    /// `#Error!`
    Error,
}

/// A record stays unless the result is 0, false, "", NaN, [] or an error.
pub(super) fn keeps(formula: &ParsedFormula, record: &SandboxRecord, now: Timestamp) -> bool {
    (Row { record, now }).term(formula).is_true()
}

impl Term {
    fn is_true(&self) -> bool {
        match self {
            Self::Blank | Self::Error => false,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Text(t) => !t.is_empty(),
            Self::Bool(b) => *b,
            Self::Moment(_) => true,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Blank => Some(0.0),
            Self::Number(n) => Some(*n),
            Self::Bool(b) => Some(if *b { 1.0 } else { 0.0 }),
            Self::Text(_) | Self::Moment(_) | Self::Error => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Blank | Self::Error => String::new(),
            Self::Number(n) => n.to_string(),
            Self::Text(t) => t.clone(),
            Self::Bool(b) => if *b { "1" } else { "0" }.to_owned(),
            Self::Moment(at) => at.rfc3339(),
        }
    }

    fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Moment(at) => Some(*at),
            Self::Text(t) => moment(t),
            _ => None,
        }
    }
}

struct Row<'a> {
    record: &'a SandboxRecord,
    now: Timestamp,
}

impl Row<'_> {
    fn term(&self, formula: &ParsedFormula) -> Term {
        match formula {
            ParsedFormula::Number(n) => Term::Number(*n),
            ParsedFormula::Text(t) => Term::Text(t.clone()),
            ParsedFormula::Field(field) => self.cell(field),
            ParsedFormula::Negative(of) => self.term(of).number().map_or(Term::Error, |n| Term::Number(-n)),
            ParsedFormula::Binary(operator, left, right) => binary(*operator, &self.term(left), &self.term(right)),
            ParsedFormula::Call(function, arguments) => self.call(*function, arguments),
        }
    }

    fn cell(&self, field: &Field) -> Term {
        let Some(value) = self.record.cell(field) else {
            return if field.kind == FieldType::Checkbox { Term::Bool(false) } else { Term::Blank };
        };
        match value {
            Value::String(s) if matches!(field.kind, FieldType::DateTime | FieldType::Date) || computed(field) => {
                moment(&s).map_or(Term::Error, Term::Moment)
            }
            Value::String(s) => Term::Text(s),
            Value::Number(n) => n.as_f64().map_or(Term::Error, Term::Number),
            Value::Bool(b) => Term::Bool(b),
            Value::Array(list) => Term::Text(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
            Value::Null | Value::Object(_) => Term::Blank,
        }
    }

    fn call(&self, function: Function, arguments: &[ParsedFormula]) -> Term {
        let at = |i: usize| arguments.get(i).map_or(Term::Blank, |a| self.term(a));
        match function {
            Function::And => Term::Bool(arguments.iter().all(|a| self.term(a).is_true())),
            Function::Or => Term::Bool(arguments.iter().any(|a| self.term(a).is_true())),
            Function::Not => Term::Bool(!at(0).is_true()),
            Function::If => at(if at(0).is_true() { 1 } else { 2 }),
            Function::True => Term::Bool(true),
            Function::False => Term::Bool(false),
            Function::Blank => Term::Blank,
            Function::RecordId => Term::Text(self.record.id.clone()),
            Function::CreatedTime => Term::Moment(self.record.created),
            Function::LastModifiedTime => Term::Moment(self.record.modified),
            Function::Now => Term::Moment(self.now),
            Function::DatetimeParse => at(0).moment().map_or(Term::Error, Term::Moment),
            Function::DateAdd => date_add(&at(0), &at(1), &at(2)),
            Function::IsAfter => times(&at(0), &at(1), |a, b| a > b),
            Function::IsBefore => times(&at(0), &at(1), |a, b| a < b),
            Function::IsSame => is_same(&at(0), &at(1), arguments.get(2).map(|u| self.term(u).text())),
            Function::Find => find(&at(0).text(), &at(1).text(), &at(2)).map_or(Term::Number(0.0), Term::Number),
            Function::Search => {
                let (what, text) = (at(0).text().to_lowercase(), at(1).text().to_lowercase());
                find(&what, &text, &at(2)).map_or(Term::Blank, Term::Number)
            }
            Function::Lower => Term::Text(at(0).text().to_lowercase()),
            Function::Upper => Term::Text(at(0).text().to_uppercase()),
            Function::Trim => Term::Text(at(0).text().trim().to_owned()),
            Function::Len => Term::Number(count(&at(0).text())),
            Function::Value => at(0).text().trim().parse().map_or(Term::Error, Term::Number),
            Function::Concatenate => Term::Text(arguments.iter().map(|a| self.term(a).text()).collect()),
        }
    }
}

fn computed(field: &Field) -> bool {
    matches!(field.kind, FieldType::CreatedTime | FieldType::LastModifiedTime)
}

fn count(text: &str) -> f64 {
    u32::try_from(text.chars().count()).map_or(f64::NAN, f64::from)
}

fn binary(operator: Operator, left: &Term, right: &Term) -> Term {
    if *left == Term::Error || *right == Term::Error {
        return Term::Error;
    }
    let numbers = || left.number().zip(right.number());
    match operator {
        Operator::Equal => Term::Bool(equal(left, right)),
        Operator::Unequal => Term::Bool(!equal(left, right)),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            let order = match (left, right) {
                (Term::Moment(a), Term::Moment(b)) => Some(a.cmp(b)),
                (Term::Text(a), Term::Text(b)) => Some(a.cmp(b)),
                _ => numbers().and_then(|(a, b)| a.partial_cmp(&b)),
            };
            order.map_or(Term::Error, |order| {
                Term::Bool(match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                })
            })
        }
        Operator::Join => Term::Text(format!("{}{}", left.text(), right.text())),
        Operator::Add => numbers().map_or(Term::Error, |(a, b)| Term::Number(a + b)),
        Operator::Subtract => numbers().map_or(Term::Error, |(a, b)| Term::Number(a - b)),
        Operator::Multiply => numbers().map_or(Term::Error, |(a, b)| Term::Number(a * b)),
        Operator::Divide => numbers().map_or(Term::Error, |(a, b)| Term::Number(a / b)),
    }
}

/// A blank equals an empty text, 0 and false; text and number are never equal; text is compared with regard to case.
fn equal(left: &Term, right: &Term) -> bool {
    match (left, right) {
        (Term::Text(a), Term::Text(b)) => a == b,
        (Term::Blank, Term::Text(t)) | (Term::Text(t), Term::Blank) => t.is_empty(),
        (Term::Moment(a), Term::Moment(b)) => a == b,
        (a, b) => a.number().zip(b.number()).is_some_and(|(a, b)| (a - b).abs() < f64::EPSILON),
    }
}

fn times(left: &Term, right: &Term, compare: fn(Timestamp, Timestamp) -> bool) -> Term {
    match (left, right) {
        (Term::Blank, _) | (_, Term::Blank) => Term::Bool(false),
        _ => left.moment().zip(right.moment()).map_or(Term::Error, |(a, b)| Term::Bool(compare(a, b))),
    }
}

/// How long a unit is that has one length.
fn unit(name: &str) -> Option<Duration> {
    Some(match name.trim_end_matches('s') {
        "millisecond" => Duration::from_millis(1),
        "second" => Duration::from_secs(1),
        "minute" => Duration::from_secs(60),
        "hour" => Duration::from_secs(3_600),
        "day" => Duration::from_secs(86_400),
        "week" => Duration::from_secs(7 * 86_400),
        _ => return None,
    })
}

fn is_same(left: &Term, right: &Term, of: Option<String>) -> Term {
    // Without a unit, moments are compared as they are.
    let Some(unit) = unit(of.as_deref().unwrap_or("millisecond")) else { return Term::Error };
    let length = i64::try_from(unit.as_millis()).unwrap_or(1);
    match (left, right) {
        (Term::Blank, _) | (_, Term::Blank) => Term::Bool(false),
        _ => left.moment().zip(right.moment()).map_or(Term::Error, |(a, b)| {
            Term::Bool(a.as_millis().div_euclid(length) == b.as_millis().div_euclid(length))
        }),
    }
}

fn date_add(from: &Term, count: &Term, of: &Term) -> Term {
    let Some(((at, n), unit)) = from.moment().zip(count.number()).zip(unit(&of.text())) else { return Term::Error };
    let Ok(by) = Duration::try_from_secs_f64(unit.as_secs_f64() * n.abs()) else { return Term::Error };
    Term::Moment(if n < 0.0 { at.minus(by) } else { at.plus(by) })
}

/// Where `what` begins in `text`, counted from 1.
fn find(what: &str, text: &str, from: &Term) -> Option<f64> {
    let skipped = match from {
        Term::Number(n) if *n >= 1.0 => text.char_indices().zip(1u32..).find(|(_, i)| f64::from(*i) >= *n)?.0.0,
        _ => 0,
    };
    let at = text.get(skipped..)?.find(what)?;
    Some(count(text.get(..skipped + at)?) + 1.0)
}
