//! Listing: what is asked for, by query or by body, and the page that answers it.
//!
//! Paging is no snapshot, as with the real one: each page is worked out anew, and what changed in between can shift records
//! over its edges. Source: `facts/airtable.md` §3.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::base::{Base, Field, SandboxRecord, SandboxTable};
use super::call::{AirtableAnswer, Call, VIEW};
use super::limits::Iterators;
use super::new_id::new_id;
use super::refusal::AirtableRefusal;
use super::{evaluate, formula};
use crate::clock::Clock as _;
use crate::sandbox::state::Shared;

const PAGE_MAX: usize = 100;

/// What a list asks for, its names resolved.
struct WantedPage {
    fields: Option<Vec<String>>,
    formula: Option<formula::ParsedFormula>,
    sort: Vec<(Field, bool)>,
    view: bool,
    max: usize,
    page: usize,
    by_id: bool,
    comments: bool,
    offset: Option<String>,
    /// Everything but the offset, as text: an offset belongs to one list.
    of: String,
}

/// Answers a list: `GET …/{table}` or `POST …/{table}/listRecords`.
pub(super) fn list(
    shared: &Shared,
    base: &Base,
    iterators: &mut Iterators,
    table: &SandboxTable,
    call: &Call,
) -> Result<AirtableAnswer, AirtableRefusal> {
    let asked = if call.method == "GET" { from_query(&call.query)? } else { call.object()? };
    let wanted = resolve(table, &asked)?;
    let (now, boot) = (shared.clock.now(), shared.clock.boot());
    let skip = match &wanted.offset {
        None => 0,
        Some(offset) if !is_offset(offset) => {
            return Err(AirtableRefusal::new(422, "INVALID_OFFSET_VALUE", "The value of offset is invalid"));
        }
        Some(offset) => iterators
            .skip(offset, &wanted.of, boot)
            .ok_or_else(|| AirtableRefusal::silent(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"))?,
    };
    let keeps = |r: &&SandboxRecord| wanted.formula.as_ref().is_none_or(|f| evaluate::keeps(f, r, now));
    let mut found: Vec<&SandboxRecord> = base.records(&table.id).filter(keeps).collect();
    if wanted.view {
        found.sort_by_key(|r| r.number);
    }
    if !wanted.sort.is_empty() {
        found.sort_by(|a, b| compare(&wanted.sort, a, b));
    }
    found.truncate(wanted.max);
    let page: Vec<&SandboxRecord> = found.iter().skip(skip).take(wanted.page).copied().collect();
    let through = skip.saturating_add(page.len());
    let rows: Vec<Value> = page.iter().map(|r| shown(table, r, &wanted)).collect();
    let mut body = json!({ "records": rows });
    if through < found.len() && !page.is_empty() {
        let last = page.last().map_or("", |r| r.id.as_str());
        let offset = format!("{}/{last}", new_id(shared, "itr"));
        iterators.open(offset.clone(), wanted.of, through, boot);
        if let Some(fields) = body.as_object_mut() {
            fields.insert("offset".into(), offset.into());
        }
    }
    Ok(AirtableAnswer::read(body))
}

fn is_offset(text: &str) -> bool {
    let part = |p: &str, prefix: &str| {
        p.strip_prefix(prefix).is_some_and(|t| t.len() == 14 && t.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    text.split_once('/').is_some_and(|(i, r)| part(i, "itr") && part(r, "rec"))
}

fn shown(table: &SandboxTable, record: &SandboxRecord, wanted: &WantedPage) -> Value {
    let mut row = super::records::shown(table, record, wanted.by_id, wanted.fields.as_deref());
    if wanted.comments
        && let Some(row) = row.as_object_mut()
    {
        row.insert("commentCount".into(), 0.into());
    }
    row
}

/// The query as the body of `listRecords` would say it.
fn from_query(query: &[(String, String)]) -> Result<Map<String, Value>, AirtableRefusal> {
    let mut asked = Map::new();
    let mut sort: Vec<(usize, Map<String, Value>)> = Vec::new();
    for (name, value) in query {
        let value_json = Value::from(value.as_str());
        if let Some(list) = ["fields", "recordMetadata"]
            .iter()
            .find(|l| name == *l || name.strip_prefix(**l).is_some_and(|i| i.starts_with('[') && i.ends_with(']')))
        {
            let entry = asked.entry(*list).or_insert_with(|| json!([]));
            if let Some(entry) = entry.as_array_mut() {
                entry.push(value_json);
            }
        } else if let Some((index, key)) =
            name.strip_prefix("sort[").and_then(|r| r.strip_suffix(']')).and_then(|r| r.split_once("]["))
        {
            let index: usize =
                index.parse().map_err(|_| AirtableRefusal::unknown_request(&format!("the parameter {name}")))?;
            match sort.iter_mut().find(|(i, _)| *i == index) {
                Some((_, by)) => drop(by.insert(key.to_owned(), value_json)),
                None => sort.push((index, Map::from_iter([(key.to_owned(), value_json)]))),
            }
        } else {
            asked.insert(name.clone(), value_json);
        }
    }
    sort.sort_by_key(|(i, _)| *i);
    if !sort.is_empty() {
        asked.insert("sort".into(), sort.into_iter().map(|(_, by)| Value::Object(by)).collect());
    }
    Ok(asked)
}

fn resolve(table: &SandboxTable, asked: &Map<String, Value>) -> Result<WantedPage, AirtableRefusal> {
    let mut wanted = WantedPage {
        fields: None,
        formula: None,
        sort: Vec::new(),
        view: false,
        max: usize::MAX,
        page: PAGE_MAX,
        by_id: false,
        comments: false,
        offset: None,
        of: table.id.clone(),
    };
    for (name, value) in asked.iter().filter(|(_, v)| !v.is_null()) {
        let wrong = || AirtableRefusal::unknown_request(&format!("the value of {name}"));
        if name != "offset" {
            wanted.of.push_str(&format!("\n{name}={value}"));
        }
        match name.as_str() {
            "fields" => {
                let names = value.as_array().ok_or_else(wrong)?;
                let ids: Result<Vec<String>, AirtableRefusal> =
                    names.iter().map(|n| Ok(field(table, n.as_str().ok_or_else(wrong)?)?.id.clone())).collect();
                wanted.fields = Some(ids?);
            }
            "filterByFormula" => {
                let text = value.as_str().ok_or_else(wrong)?;
                if !text.trim().is_empty() {
                    wanted.formula = Some(formula::parse(text, table).map_err(|problem| {
                        let text = format!("The formula for filtering records is invalid: {problem}");
                        AirtableRefusal::new(422, "INVALID_FILTER_BY_FORMULA", text)
                    })?);
                }
            }
            "sort" => {
                for by in value.as_array().ok_or_else(wrong)? {
                    let of = field(table, by["field"].as_str().ok_or_else(wrong)?)?;
                    let down = match by["direction"].as_str().unwrap_or("asc") {
                        "asc" => false,
                        "desc" => true,
                        _ => return Err(wrong()),
                    };
                    wanted.sort.push((of.clone(), down));
                }
            }
            "maxRecords" => wanted.max = number(value).filter(|n| *n > 0).ok_or_else(wrong)?,
            "pageSize" => wanted.page = number(value).filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(wrong)?,
            "offset" => wanted.offset = Some(value.as_str().ok_or_else(wrong)?.to_owned()),
            "returnFieldsByFieldId" => wanted.by_id = flag(value).ok_or_else(wrong)?,
            "recordMetadata" => wanted.comments = value.as_array().is_some_and(|l| !l.is_empty()),
            "view" => {
                if value != table.view_id.as_str() && value != VIEW {
                    let text = format!("View {value} not found");
                    return Err(AirtableRefusal::new(422, "VIEW_NAME_NOT_FOUND", text));
                }
                wanted.view = true;
            }
            "cellFormat" if value == "json" => {}
            "timeZone" | "userLocale" => {}
            _ => return Err(AirtableRefusal::unknown_request(&format!("the parameter {name}"))),
        }
    }
    Ok(wanted)
}

fn field<'a>(table: &'a SandboxTable, name_or_id: &str) -> Result<&'a Field, AirtableRefusal> {
    table.field(name_or_id).ok_or_else(|| AirtableRefusal::unknown_field(name_or_id))
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).or_else(|| value.as_str()?.parse().ok())
}

/// A truth as JSON or as a query writes it.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::String(s) if ["true", "True", "1"].contains(&s.as_str()) => Some(true),
        Value::String(s) if ["false", "False", "0"].contains(&s.as_str()) => Some(false),
        _ => None,
    }
}

fn compare(sort: &[(Field, bool)], a: &SandboxRecord, b: &SandboxRecord) -> Ordering {
    sort.iter()
        .map(|(field, down)| {
            let order = cells(a.cell(field).as_ref(), b.cell(field).as_ref());
            if *down { order.reverse() } else { order }
        })
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Empties first. A moment's text sorts as the moment does.
fn cells(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
        }
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(a), Some(b)) => a.to_string().cmp(&b.to_string()),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}
