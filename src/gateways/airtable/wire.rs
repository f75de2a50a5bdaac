//! Airtable's JSON and ours (`facts/airtable.md` §2 to §7). Answers are read leniently: names that nobody asked for are
//! ignored, and one odd record does no harm to another; but what is not the asked-for document at all is no answer.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::cells::{Cell, Fields};
use crate::gateways::mirror::{Keys, Query, Record, RecordChange, RecordId, Typecast, Whoami};

/// An error answer, in any of its three shapes; nothing where it is none of them, as a page made by something in front.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorWire {
    /// The type.
    pub(super) kind: Option<String>,
    /// The provider's words, as they came: not to be shown.
    pub(super) message: String,
}

pub(super) fn error(body: &[u8]) -> ErrorWire {
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return ErrorWire::default() };
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let (kind, message) = match (document.get("error"), document.get("errors").and_then(|e| e.get(0))) {
        (Some(Value::String(text)), _) => (Some(text.clone()), document.get("message").and_then(word)),
        (Some(error @ Value::Object(_)), _) => (error.get("type").and_then(word), error.get("message").and_then(word)),
        (_, Some(first)) => {
            let kind = first.get("error").or_else(|| first.get("type")).and_then(word);
            (kind, first.get("message").and_then(word))
        }
        _ => (None, None),
    };
    let is_type = |k: &String| {
        (1..=64).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    match kind {
        Some(kind) if is_type(&kind) => ErrorWire { kind: Some(kind), message: message.unwrap_or_default() },
        // A sentence where the type should be.
        kind => ErrorWire { kind: None, message: message.or(kind).unwrap_or_default() },
    }
}

/// A record; `None` where its id or its cells are not such.
fn record(value: Value) -> Option<Record> {
    let Value::Object(mut record) = value else { return None };
    let id: RecordId = record.get("id")?.as_str()?.parse().ok()?;
    let created_at = record.get("createdTime").and_then(|t| t.as_str()?.parse().ok());
    let Some(Value::Object(cells)) = record.remove("fields") else { return None };
    let fields: Fields = cells.into_iter().map(|(field, value)| (field, Cell::read(value))).collect();
    Some(Record { id, created_at, fields })
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// Items that could not be read.
    pub(super) odd: usize,
    pub(super) offset: Option<String>,
}

pub(super) fn page(body: &[u8]) -> Option<Page> {
    let Value::Object(mut document) = serde_json::from_slice(body).ok()? else { return None };
    // Required: an answer without it is no list, which is not the same as an empty one.
    let Some(Value::Array(items)) = document.remove("records") else { return None };
    let all = items.len();
    let records: Vec<Record> = items.into_iter().filter_map(record).collect();
    let offset = match document.remove("offset") {
        None | Some(Value::Null) => None,
        Some(Value::String(offset)) => Some(offset).filter(|o| !o.is_empty()),
        // There is more, and no way to ask for it.
        Some(_) => return None,
    };
    Some(Page { odd: all - records.len(), records, offset })
}

/// The answer to a write of several records.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) records: Vec<Record>,
    pub(super) created: Vec<RecordId>,
    pub(super) updated: Vec<RecordId>,
}

/// `None` unless there is a readable record for each of the rows.
pub(super) fn written(body: &[u8], rows: usize) -> Option<Written> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let ids = |name: &str| -> Vec<RecordId> {
        let ids = document.get(name).and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(|id| id.as_str()?.parse().ok()).collect()
    };
    let (created, updated) = (ids("createdRecords"), ids("updatedRecords"));
    let page = page(body).filter(|page| page.odd == 0 && page.records.len() == rows)?;
    Some(Written { records: page.records, created, updated })
}

/// The ids that the answer to a delete confirms.
pub(super) fn deleted(body: &[u8]) -> Option<Vec<RecordId>> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let items = document.get("records")?.as_array()?;
    let is_deleted = |item: &&Value| item.get("deleted").and_then(Value::as_bool) == Some(true);
    Some(items.iter().filter(is_deleted).filter_map(|item| item.get("id")?.as_str()?.parse().ok()).collect())
}

/// A document with a list under a name: every item of it can be read, or it is none, as a table that is overlooked would
/// be made a second time.
pub(super) fn listed<T: DeserializeOwned>(body: &[u8], name: &str) -> Option<(Vec<T>, Option<String>)> {
    let Value::Object(mut document) = serde_json::from_slice(body).ok()? else { return None };
    let items = serde_json::from_value(document.remove(name)?).ok()?;
    let offset = document.get("offset").and_then(Value::as_str).filter(|o| !o.is_empty()).map(str::to_owned);
    Some((items, offset))
}

/// The answer to whoami.
pub(super) fn whoami(body: &[u8]) -> Option<Whoami> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let scopes = document.get("scopes").and_then(Value::as_array).into_iter().flatten();
    let user_id = document.get("id")?.as_str()?.to_owned();
    Some(Whoami { user_id, scopes: scopes.filter_map(|s| Some(s.as_str()?.to_owned())).collect() })
}

fn cells(fields: &Fields) -> Value {
    Value::Object(fields.iter().map(|(field, cell)| (field.to_owned(), cell.written())).collect())
}

fn with_flags(mut body: Map<String, Value>, typecast: Typecast, keys: Keys) -> Value {
    body.insert("typecast".into(), (typecast == Typecast::On).into());
    body.insert("returnFieldsByFieldId".into(), (keys == Keys::Ids).into());
    Value::Object(body)
}

/// The body of a create, or with fields to merge on of an upsert.
pub(super) fn rows_body(rows: &[Fields], merge_on: &[&str], typecast: Typecast, keys: Keys) -> Value {
    let mut body = Map::new();
    if !merge_on.is_empty() {
        body.insert("performUpsert".into(), json!({ "fieldsToMergeOn": merge_on }));
    }
    let records: Vec<Value> = rows.iter().map(|row| json!({ "fields": cells(row) })).collect();
    body.insert("records".into(), records.into());
    with_flags(body, typecast, keys)
}

/// The body of an update.
pub(super) fn changes_body(changes: &[RecordChange], typecast: Typecast, keys: Keys) -> Value {
    let record = |c: &RecordChange| json!({ "id": c.id.as_str(), "fields": cells(&c.fields) });
    let records: Vec<Value> = changes.iter().map(record).collect();
    with_flags(Map::from_iter([("records".to_owned(), records.into())]), typecast, keys)
}

/// A list's parameters as names and values of a URL's query.
pub(super) fn list_pairs(query: &Query, page: usize, keys: Keys, offset: Option<&str>) -> Vec<(String, String)> {
    let mut pairs = vec![("pageSize".to_owned(), page.to_string())];
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    if let Some(most) = query.max_records {
        add("maxRecords", most.to_string());
    }
    if let Some(filter) = &query.filter {
        add("filterByFormula", filter.as_str().to_owned());
    }
    for field in &query.fields {
        add("fields[]", field.clone());
    }
    if keys == Keys::Ids {
        add("returnFieldsByFieldId", "true".to_owned());
    }
    if let Some(offset) = offset {
        add("offset", offset.to_owned());
    }
    pairs
}

/// The same as the body of a POST, for what is too long for a URL.
pub(super) fn list_body(query: &Query, page: usize, keys: Keys, offset: Option<&str>) -> Value {
    let mut body = Map::new();
    body.insert("pageSize".into(), page.into());
    if let Some(most) = query.max_records {
        body.insert("maxRecords".into(), most.into());
    }
    if let Some(filter) = &query.filter {
        body.insert("filterByFormula".into(), filter.as_str().into());
    }
    if !query.fields.is_empty() {
        body.insert("fields".into(), json!(query.fields));
    }
    if keys == Keys::Ids {
        body.insert("returnFieldsByFieldId".into(), true.into());
    }
    if let Some(offset) = offset {
        body.insert("offset".into(), offset.into());
    }
    Value::Object(body)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
