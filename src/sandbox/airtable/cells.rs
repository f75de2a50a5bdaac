//! What a cell takes and what it shows: by the field's type, all or nothing.
//!
//! Source: `facts/airtable.md` §2 (types, empties, precision), §6 (error types).

use serde_json::{Number, Value, json};

use super::base::{Base, Field, FieldType};
use super::refusal::AirtableRefusal;
use crate::domain::Timestamp;

/// The longest text that a cell holds, in characters.
const TEXT_MAX: usize = 100_000;

/// A checked cell: what it will hold, and the choices that have to be added for it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SandboxCell {
    /// `None` empties it.
    pub(super) value: Option<Value>,
    pub(super) new_choices: Vec<String>,
}

impl From<Option<Value>> for SandboxCell {
    fn from(value: Option<Value>) -> Self {
        Self { value, new_choices: Vec::new() }
    }
}

/// Reads a cell that a client wants written.
pub(super) fn read(base: &Base, field: &Field, value: &Value, typecast: bool) -> Result<SandboxCell, AirtableRefusal> {
    if field.kind.is_computed() {
        let text = format!("Field \"{}\" cannot accept a value because the field is computed", field.name);
        return Err(AirtableRefusal::new(422, "INVALID_VALUE_FOR_COLUMN", text));
    }
    if is_empty(value) {
        return Ok(SandboxCell::default());
    }
    let wrong = || refused(field);
    let kind = field.kind;
    if kind.is_text() {
        return text(value, typecast).ok_or_else(wrong).map(|t| Some(Value::from(t)).into());
    }
    if kind.is_number() {
        let number = match value {
            Value::Number(n) => n.as_f64(),
            Value::String(s) if typecast => s.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|n| n.is_finite()).ok_or_else(wrong)?;
        return Ok(Some(rounded(number, field.precision())).into());
    }
    match kind {
        FieldType::Checkbox => match value {
            Value::Bool(true) => Ok(Some(Value::Bool(true)).into()),
            Value::String(s) if typecast => {
                Ok(["true", "checked", "1", "yes"].contains(&s.as_str()).then_some(Value::Bool(true)).into())
            }
            _ => Err(wrong()),
        },
        FieldType::SingleSelect => {
            let name = text(value, typecast).ok_or_else(wrong)?;
            let new_choices = unknown_choices(field, &[&name], typecast)?;
            Ok(SandboxCell { value: Some(name.into()), new_choices })
        }
        FieldType::MultipleSelects => {
            let names = texts(value, typecast).ok_or_else(wrong)?;
            let new_choices = unknown_choices(field, &names.iter().map(String::as_str).collect::<Vec<_>>(), typecast)?;
            Ok(SandboxCell { value: Some(json!(names)), new_choices })
        }
        FieldType::DateTime => {
            let at = value.as_str().and_then(moment).ok_or_else(wrong)?;
            Ok(Some(Value::from(at.rfc3339())).into())
        }
        FieldType::Date => {
            let text = value.as_str().ok_or_else(wrong)?;
            let day = text.parse::<jiff::civil::Date>().map_err(|_| wrong())?;
            Ok(Some(Value::from(day.to_string())).into())
        }
        FieldType::MultipleRecordLinks => {
            let ids = texts(value, false).ok_or_else(wrong)?;
            match ids.iter().find(|id| base.record(field.linked_table(), id).is_none()) {
                Some(unknown) => Err(AirtableRefusal::row_does_not_exist(unknown)),
                None => Ok(Some(json!(ids)).into()),
            }
        }
        _ => Err(wrong()),
    }
}

/// The refusal of a value that is not of the field's type.
pub(super) fn refused(field: &Field) -> AirtableRefusal {
    let text = format!("Field \"{}\" cannot accept the provided value", field.name);
    AirtableRefusal::new(422, "INVALID_VALUE_FOR_COLUMN", text)
}

/// Whether a cell with this is no cell.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(s) => s.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn text(value: &Value, typecast: bool) -> Option<String> {
    let text = match value {
        Value::String(s) => s.clone(),
        Value::Number(n) if typecast => n.to_string(),
        Value::Bool(b) if typecast => b.to_string(),
        _ => return None,
    };
    (text.chars().count() <= TEXT_MAX).then_some(text)
}

fn texts(value: &Value, typecast: bool) -> Option<Vec<String>> {
    match value {
        Value::Array(list) => {
            let texts: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
            texts.filter(|t| t.iter().all(|s| !s.is_empty()))
        }
        Value::String(s) if typecast => {
            Some(s.split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect())
        }
        _ => None,
    }
}

fn unknown_choices(field: &Field, names: &[&str], typecast: bool) -> Result<Vec<String>, AirtableRefusal> {
    let unknown: Vec<String> =
        names.iter().filter(|n| !field.choices().any(|c| c == **n)).map(|n| (*n).to_owned()).collect();
    match unknown.first() {
        Some(name) if !typecast => Err(AirtableRefusal::new(
            422,
            "INVALID_MULTIPLE_CHOICE_OPTIONS",
            format!("Insufficient permissions to create new select option \"\"{name}\"\""),
        )),
        _ => Ok(unknown),
    }
}

/// A number as JSON writes it: whole ones without a point.
pub(super) fn rounded(number: f64, precision: i32) -> Value {
    let scale = 10f64.powi(precision);
    let scaled = number * scale;
    // What is too large to have digits there stays as it is.
    let value = if scaled.is_finite() { scaled.round() / scale } else { number };
    if value.fract() == 0.0 && value.abs() < 9e15 {
        // Exact: no larger than 2^53.
        let text = format!("{value:.0}");
        return text.parse::<i64>().map_or(Value::Null, Value::from);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The moment that a text names: ISO 8601, UTC where it names no offset, the start of the day where it names no time.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = text.parse::<jiff::civil::DateTime>().ok()?;
    let at = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()))
}
