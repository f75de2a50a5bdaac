//! What holds of every answer of Airtable's, and of what is sent there.

use std::time::Duration;

use serde_json::Value;

use super::errors::{ErrorBody, Op, refusal};
use super::schema::{BaseSchema, TableSchema};
use super::{Cell, Fields, Formula, differences, wire, words};
use crate::domain::properties::texts;
use crate::domain::types::Timestamp;
use crate::gateways::mirror::{MirrorError, RefusalScope};

/// A sentence is shown so far; masks make it a little longer.
const SHOWN_CHARS_MAX: usize = 600;
/// Shorter contents give nothing away.
const SECRET_CHARS_MIN: usize = 3;
/// Statuses that an error's meaning is looked at for.
const STATUSES: [u16; 16] = [302, 400, 401, 402, 403, 404, 408, 413, 422, 425, 429, 499, 500, 502, 503, 504];

/// An answer is what was asked for, an error or nothing of ours: no item of it is overlooked, no cell of it is taken for another, and
/// what a failure means is never better than what is known.
pub(crate) fn answer(raw: &[u8]) {
    let document = serde_json::from_slice::<Value>(raw).ok();
    let items = |name: &str| document.as_ref().and_then(|d| d.get(name)?.as_array()).map(Vec::as_slice);
    if let Some(page) = wire::page(raw) {
        assert_eq!(Some(page.records.len() + page.odd), items("records").map(<[Value]>::len));
        assert!(page.offset.as_deref() != Some(""));
        for record in &page.records {
            cells(&record.fields);
        }
    }
    for rows in 0..4 {
        if let Some(written) = wire::written(raw, rows) {
            assert_eq!(written.records.len(), rows, "fewer records than rows");
        }
    }
    if let Some(deleted) = wire::deleted(raw) {
        assert!(deleted.len() <= items("records").map_or(0, <[Value]>::len));
    }
    if let Some((tables, _)) = wire::listed::<TableSchema>(raw, "tables") {
        assert_eq!(Some(tables.len()), items("tables").map(<[Value]>::len), "a table is overlooked");
        for table in &tables {
            assert_eq!(TableSchema::find(&tables, &table.id).map(|t| &t.id), Some(&table.id));
            for field in &table.fields {
                let _ = (field.is_computed(), field.takes_merge(), field.linked_table(), field.choices());
                assert_eq!(table.field(&field.id).map(|f| &f.id), Some(&field.id));
            }
        }
    }
    if let Some((bases, _)) = wire::listed::<BaseSchema>(raw, "bases") {
        assert_eq!(Some(bases.len()), items("bases").map(<[Value]>::len), "a base is overlooked");
    }
    let _ = wire::whoami(raw);
    failure(raw);
}

/// A cell that is written back as it was read is kept, and is no difference.
fn cells(fields: &Fields) {
    assert_eq!(differences(fields, fields), []);
    for (field, cell) in fields.iter() {
        let back = Cell::read(cell.written());
        assert!(cell.is_kept_as(&back), "{field}: {} and {}", cell.shown(), back.shown());
        assert_eq!(cell.is_empty(), back.is_empty(), "{field}: {}", cell.shown());
        assert!(!cell.shown().chars().any(char::is_control), "{:?}", cell.shown());
    }
}

fn failure(raw: &[u8]) {
    let error = wire::error(raw);
    let until = Timestamp::from_millis(1_795_313_040_000);
    for http in STATUSES {
        for op in [Op::Read, Op::Change, Op::Make] {
            let said = ErrorBody { names: vec!["Delivery Status"], contents: vec!["Sam Ortiz".to_owned()] };
            let is_safe = error.kind.as_deref() == Some("RETRIABLE_ERROR") && http == 503;
            match refusal(op, http, &error, Some(Duration::from_secs(1)), &said, |_| until) {
                MirrorError::Refused(refused) => {
                    assert!((400..500).contains(&http), "HTTP {http} refuses nothing");
                    is_shown(&refused.message, &["Delivery Status"], &said.contents);
                    let name = if let RefusalScope::Field(name) = refused.scope { name } else { None };
                    assert!(name.is_none_or(|name| name == "Delivery Status"), "a field that nobody named");
                }
                MirrorError::RateLimited { .. } | MirrorError::Billing { .. } => assert!(matches!(http, 402 | 429)),
                MirrorError::Retryable { .. } => {
                    assert!(op != Op::Make || is_safe, "HTTP {http}: a repeat may make two");
                    assert!(op != Op::Change || http >= 502, "HTTP {http}");
                }
                MirrorError::Unknown { .. } => assert!(op != Op::Read && !is_safe, "HTTP {http}: a read is made again"),
                MirrorError::TooBig => assert_eq!(http, 413),
                MirrorError::IteratorGone => assert_eq!(http, 422),
                MirrorError::NotFound { .. } => assert!(op == Op::Change && matches!(http, 404 | 422)),
            }
        }
    }
}

/// What the provider says of our cells is shown without them, and a value in a formula stays a value. The input: a sentence, a cell, a
/// field, a value.
pub(crate) fn quoted(raw: &[u8]) {
    let [sentence, cell, field, value] = texts(raw);
    let names = [field.as_str(), "Delivery Status"];
    let contents = [cell.clone(), "Sam Ortiz".to_owned()];
    is_shown(&words::safe(&sentence, &names, &contents), &names, &contents);
    if let Some(name) = words::quoted_name(&sentence, &names) {
        assert!(names.contains(&name.as_str()) && !name.is_empty());
    }
    let formula = Formula::equals(&field, &value);
    let (of, is) = parts(formula.as_str()).unwrap_or_else(|| panic!("another formula: {}", formula.as_str()));
    assert_eq!((of, is), (field, value));
}

/// The field and the value of `{field}='value'`, read as the provider reads them; nothing where more is said than that.
fn parts(formula: &str) -> Option<(String, String)> {
    let (field, rest) = until(formula.strip_prefix('{')?, '}')?;
    let (value, rest) = until(rest.strip_prefix("='")?, '\'')?;
    rest.is_empty().then_some((field, value))
}

/// The text up to this sign, its escapes resolved, and what stands behind.
fn until(text: &str, end: char) -> Option<(String, &str)> {
    let (mut out, mut chars) = (String::new(), text.chars());
    loop {
        out.push(match chars.next()? {
            '\\' => match chars.next()? {
                'n' if end == '\'' => '\n',
                'r' if end == '\'' => '\r',
                't' if end == '\'' => '\t',
                other => other,
            },
            c if c == end => return Some((out, chars.as_str())),
            c => c,
        });
    }
}

fn is_shown(shown: &str, names: &[&str], contents: &[String]) {
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.chars().count() <= SHOWN_CHARS_MAX, "{shown:?}");
    for content in contents {
        // Of digits the masks keep some, and a name may be shown.
        let is_plain = content.chars().all(|c| c.is_alphabetic() || c == ' ') && content.trim() == content;
        let is_secret = is_plain && content.chars().count() >= SECRET_CHARS_MIN;
        let is_named = names.iter().any(|name| name.to_lowercase().contains(&content.to_lowercase()));
        assert!(!is_secret || is_named || !shown.contains(content.as_str()), "{content:?} is shown: {shown:?}");
    }
}
