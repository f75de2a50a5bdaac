//! Airtable's JSON and ours (`facts/airtable.md` §2 to §7). Answers are read leniently: names that nobody asked for are
//! ignored, and one odd record spoils no other; but what is not the asked-for document at all is no answer.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::cells::{Cell, Fields};
use crate::gateways::mirror::{Keys, Query, Record, RecordChange, RecordId, Typecast, Whoami};

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
