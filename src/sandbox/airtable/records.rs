//! Records: get, create, update, upsert, delete. One bad record refuses the whole request, and nothing of it is written.
//!
//! Where the real service's behaviour is not known, the one that is worse for a client is played: two rows of one upsert
//! with the same new key become twins. Source: `facts/airtable.md` §3, §4, §6.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::base::{Base, Change, Field, SandboxRecord, SandboxTable, Schema};
use super::call::{AirtableAnswer, Call};
use super::cells;
use super::list::flag;
use super::new_id::new_id;
use super::refusal::AirtableRefusal;
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::sandbox::faults::Fault;
use crate::sandbox::state::Shared;

/// The most records of one request.
const BATCH_MAX: usize = 10;

/// A record as the API shows it; `fields` narrows it to these field ids.
pub(super) fn shown(table: &SandboxTable, record: &SandboxRecord, by_id: bool, fields: Option<&[String]>) -> Value {
    let cells: Map<String, Value> = table
        .fields
        .iter()
        .filter(|f| fields.is_none_or(|ids| ids.contains(&f.id)))
        .filter_map(|f| Some((if by_id { f.id.clone() } else { f.name.clone() }, record.cell(f)?)))
        .collect();
    json!({ "id": record.id, "createdTime": record.created.rfc3339(), "fields": cells })
}

/// `GET …/{table}/{id}`.
pub(super) fn get(base: &Base, table: &SandboxTable, id: &str, call: &Call) -> Result<AirtableAnswer, AirtableRefusal> {
    let mut by_id = false;
    for (name, value) in &call.query {
        match name.as_str() {
            "returnFieldsByFieldId" => by_id = flag(&Value::from(value.as_str())).unwrap_or(false),
            "cellFormat" if value == "json" => {}
            "timeZone" | "userLocale" => {}
            _ => return Err(AirtableRefusal::unknown_request(&format!("the parameter {name}"))),
        }
    }
    let record = base.record(&table.id, id).ok_or_else(AirtableRefusal::not_found)?;
    Ok(AirtableAnswer::read(shown(table, record, by_id, None)))
}

/// What is said once for a whole write.
struct Manner {
    typecast: bool,
    by_id: bool,
    /// `PUT`: cells that are not named are emptied.
    replaces: bool,
    merge_on: Option<Vec<String>>,
}

/// A write in the making: the new rows, and the choices that typecast adds.
struct RecordDraft<'a> {
    shared: &'a Shared,
    base: &'a Base,
    table: &'a SandboxTable,
    poisons: &'a [(u64, Fault)],
    now: Timestamp,
    manner: Manner,
    put: Vec<SandboxRecord>,
    /// How many of them are new.
    created: u64,
    schema: Option<Schema>,
}

/// Answers `POST …/{table}`, and `PATCH` or `PUT` of a table or of one record (`id`).
pub(super) fn write(
    shared: &Shared,
    base: &Base,
    table: &SandboxTable,
    id: Option<&str>,
    call: &Call,
    poisons: &[(u64, Fault)],
) -> Result<AirtableAnswer, AirtableRefusal> {
    let body = call.object()?;
    let creates = call.method == "POST";
    let manner = manner(table, &body, call, !creates && id.is_none())?;
    let mut draft = RecordDraft {
        shared,
        base,
        table,
        poisons,
        now: shared.clock.now(),
        manner,
        put: Vec::new(),
        created: 0,
        schema: None,
    };
    if let Some(id) = id {
        let old = base.record(&table.id, id).ok_or_else(AirtableRefusal::record_not_found)?;
        draft.update(old.clone(), cells_of(body.get("fields"))?)?;
        return Ok(draft.done_one());
    }
    match body.get("records") {
        None if creates => {
            let cells = cells_of(body.get("fields"))?;
            draft.create(cells)?;
            Ok(draft.done_one())
        }
        rows => {
            let rows = rows.and_then(Value::as_array).filter(|r| (1..=BATCH_MAX).contains(&r.len()));
            let rows = rows.ok_or_else(|| AirtableRefusal::records(creates))?;
            if creates { draft.create_all(rows) } else { draft.update_all(rows) }
        }
    }
}

fn manner(
    table: &SandboxTable,
    body: &Map<String, Value>,
    call: &Call,
    may_upsert: bool,
) -> Result<Manner, AirtableRefusal> {
    let mut manner = Manner { typecast: false, by_id: false, replaces: call.method == "PUT", merge_on: None };
    // pyairtable says these in the body, others in the query.
    let query = call.query.iter().map(|(n, v)| (n.clone(), Value::from(v.as_str())));
    let all = query.chain(body.iter().map(|(n, v)| (n.clone(), v.clone())));
    for (name, value) in all.filter(|(_, v)| !v.is_null()) {
        let wrong = || AirtableRefusal::unknown_request(&format!("the value of {name}"));
        match name.as_str() {
            "typecast" => manner.typecast = flag(&value).ok_or_else(wrong)?,
            "returnFieldsByFieldId" => manner.by_id = flag(&value).ok_or_else(wrong)?,
            "performUpsert" if may_upsert => {
                let names = value["fieldsToMergeOn"].as_array().ok_or_else(wrong)?;
                manner.merge_on = Some(merge_fields(table, names)?);
            }
            "records" | "fields" => {}
            _ => return Err(AirtableRefusal::unknown_request(&format!("the key {name}"))),
        }
    }
    Ok(manner)
}

fn merge_fields(table: &SandboxTable, names: &[Value]) -> Result<Vec<String>, AirtableRefusal> {
    if !(1..=3).contains(&names.len()) {
        return Err(AirtableRefusal::unknown_request("fieldsToMergeOn: it names one to three fields"));
    }
    names
        .iter()
        .map(|n| {
            let name = n.as_str().ok_or_else(|| AirtableRefusal::unknown_request("fieldsToMergeOn"))?;
            let field = table.field(name).ok_or_else(|| AirtableRefusal::unknown_field(name))?;
            if !field.kind.may_be_merged_on() {
                return Err(AirtableRefusal::unknown_request(&format!(
                    "fieldsToMergeOn: {name} is of a type that cannot be"
                )));
            }
            Ok(field.id.clone())
        })
        .collect()
}

fn cells_of(fields: Option<&Value>) -> Result<&Map<String, Value>, AirtableRefusal> {
    fields.and_then(Value::as_object).ok_or_else(|| {
        let text = "Could not find field \"fields\" in the request body";
        AirtableRefusal::new(422, "INVALID_REQUEST_MISSING_FIELDS", text)
    })
}

impl RecordDraft<'_> {
    /// Checks the cells of one record: by field id, `None` empties.
    fn checked(&mut self, cells: &Map<String, Value>) -> Result<BTreeMap<String, Option<Value>>, AirtableRefusal> {
        let mut checked = BTreeMap::new();
        for (name, value) in cells {
            let table = self.schema.as_ref().and_then(|s| s.table(&self.table.id)).unwrap_or(self.table);
            let field = table.field(name).ok_or_else(|| AirtableRefusal::unknown_field(name))?.clone();
            let cell = cells::read(self.base, &field, value, self.manner.typecast)?;
            let poison = self.poisons.iter().find(|(_, p)| poisons(p, &field, cell.value.as_ref()));
            if let Some((id, _)) = poison {
                return Err(AirtableRefusal { by: Some(*id), ..cells::refused(&field) });
            }
            if !cell.new_choices.is_empty() {
                self.add_choices(&field, &cell.new_choices);
            }
            checked.insert(field.id, cell.value);
        }
        Ok(checked)
    }

    fn add_choices(&mut self, field: &Field, names: &[String]) {
        let schema = self.schema.get_or_insert_with(|| self.base.schema.clone());
        let table = schema.tables.iter_mut().find(|t| t.id == self.table.id);
        let Some(field) = table.and_then(|t| t.fields.iter_mut().find(|f| f.id == field.id)) else { return };
        super::schema::add_choices(self.shared, field, names);
    }

    fn create(&mut self, cells: &Map<String, Value>) -> Result<(), AirtableRefusal> {
        let cells = self.checked(cells)?;
        self.put.push(SandboxRecord {
            id: new_id(self.shared, "rec"),
            created: self.now,
            modified: self.now,
            number: self.base.next_number(&self.table.id).saturating_add(self.created),
            cells: cells.into_iter().filter_map(|(f, v)| Some((f, v?))).collect(),
        });
        self.created += 1;
        Ok(())
    }

    fn update(&mut self, mut record: SandboxRecord, cells: &Map<String, Value>) -> Result<(), AirtableRefusal> {
        if self.put.iter().any(|r| r.id == record.id) {
            let text = "You cannot update the same record multiple times in a single request.";
            return Err(AirtableRefusal::new(422, "INVALID_RECORDS", text));
        }
        let cells = self.checked(cells)?;
        if self.manner.replaces {
            record.cells.clear();
        }
        for (field, value) in cells {
            match value {
                Some(value) => drop(record.cells.insert(field, value)),
                None => drop(record.cells.remove(&field)),
            }
        }
        record.modified = self.now;
        self.put.push(record);
        Ok(())
    }

    fn create_all(mut self, rows: &[Value]) -> Result<AirtableAnswer, AirtableRefusal> {
        for row in rows {
            if row.as_object().is_some_and(|r| r.keys().any(|k| k != "fields")) {
                return Err(AirtableRefusal::records(true));
            }
            self.create(row["fields"].as_object().ok_or_else(|| AirtableRefusal::records(true))?)?;
        }
        Ok(self.done(None))
    }

    fn update_all(mut self, rows: &[Value]) -> Result<AirtableAnswer, AirtableRefusal> {
        let (mut created, mut updated) = (Vec::new(), Vec::new());
        for row in rows {
            if row.as_object().is_some_and(|r| r.keys().any(|k| k != "fields" && k != "id")) {
                return Err(AirtableRefusal::records(false));
            }
            let cells = row["fields"].as_object().ok_or_else(|| AirtableRefusal::records(false))?;
            let old = match (row["id"].as_str(), &self.manner.merge_on) {
                (Some(id), _) => {
                    let old = self.base.record(&self.table.id, id);
                    Some(old.ok_or_else(|| AirtableRefusal::row_does_not_exist(id))?.clone())
                }
                (None, Some(merge_on)) => self.matching(merge_on, cells)?,
                (None, None) => return Err(AirtableRefusal::records(false)),
            };
            let is_new = old.is_none();
            match old {
                Some(old) => self.update(old, cells)?,
                None => self.create(cells)?,
            }
            let ids = if is_new { &mut created } else { &mut updated };
            ids.extend(self.put.last().map(|r| r.id.clone()));
        }
        let upserts = self.manner.merge_on.is_some();
        Ok(self.done(upserts.then_some((created, updated))))
    }

    /// The one record that an upsert's row means, as the base was before the request.
    fn matching(
        &self,
        merge_on: &[String],
        cells: &Map<String, Value>,
    ) -> Result<Option<SandboxRecord>, AirtableRefusal> {
        let mut keys: Vec<(&str, Value)> = Vec::with_capacity(merge_on.len());
        for id in merge_on {
            let field = self.table.field(id).ok_or_else(|| AirtableRefusal::unknown_field(id))?;
            let given = cells.get(&field.name).or_else(|| cells.get(id)).ok_or_else(|| {
                AirtableRefusal::unknown_request(&format!("a record without the merge field {}", field.name))
            })?;
            match cells::read(self.base, field, given, self.manner.typecast)?.value {
                Some(value) => keys.push((id, value)),
                // An empty key matches nothing.
                None => return Ok(None),
            }
        }
        let mut found =
            self.base.records(&self.table.id).filter(|r| keys.iter().all(|(f, v)| r.cells.get(*f) == Some(v)));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(AirtableRefusal::unknown_request("more than one record matches the merge fields")),
            (one, None) => Ok(one.cloned()),
        }
    }

    fn change(&mut self) -> Change {
        Change {
            schema: self.schema.take(),
            table: self.table.id.clone(),
            put: std::mem::take(&mut self.put),
            ..Change::default()
        }
    }

    fn done_one(mut self) -> AirtableAnswer {
        let body = self.put.first().map_or(Value::Null, |r| shown(self.table, r, self.manner.by_id, None));
        AirtableAnswer { body, change: Some(self.change()) }
    }

    fn done(mut self, upserted: Option<(Vec<String>, Vec<String>)>) -> AirtableAnswer {
        let rows: Vec<Value> = self.put.iter().map(|r| shown(self.table, r, self.manner.by_id, None)).collect();
        let body = match upserted {
            None => json!({ "records": rows }),
            Some((created, updated)) => {
                json!({ "records": rows, "createdRecords": created, "updatedRecords": updated })
            }
        };
        AirtableAnswer { body, change: Some(self.change()) }
    }
}

/// Whether this cell is the one that the fault refuses.
fn poisons(fault: &Fault, field: &Field, value: Option<&Value>) -> bool {
    let named = fault.field.as_deref().is_some_and(|f| f == field.name || f == field.id);
    let text = match value {
        None => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    };
    named && fault.value.as_deref().is_none_or(|v| v == text)
}

/// Answers `DELETE …/{table}?records[]=…` and `DELETE …/{table}/{id}`.
pub(super) fn delete(
    base: &Base,
    table: &SandboxTable,
    id: Option<&str>,
    call: &Call,
) -> Result<AirtableAnswer, AirtableRefusal> {
    let ids: Vec<String> = match id {
        Some(id) => vec![id.to_owned()],
        None => {
            let named = call.query.iter().filter(|(n, _)| n == "records" || n.starts_with("records["));
            named.map(|(_, v)| v.clone()).collect()
        }
    };
    if !(1..=BATCH_MAX).contains(&ids.len()) {
        return Err(AirtableRefusal::records(false));
    }
    if let Some(unknown) = ids.iter().find(|i| base.record(&table.id, i).is_none()) {
        return Err(if id.is_some() {
            AirtableRefusal::record_not_found()
        } else {
            AirtableRefusal::row_does_not_exist(unknown)
        });
    }
    let gone: Vec<Value> = ids.iter().map(|i| json!({ "id": i, "deleted": true })).collect();
    let body = match (id, gone.first()) {
        (Some(_), Some(one)) => one.clone(),
        _ => json!({ "records": gone }),
    };
    Ok(AirtableAnswer { body, change: Some(Change { table: table.id.clone(), deleted: ids, ..Change::default() }) })
}
