//! The meta API: who asks, the bases, the tables; creating tables and fields, and renaming them.
//!
//! Source: `facts/airtable.md` §1, §2 (options), §7.

use serde_json::{Map, Value, json};

use super::base::{
    Base, Change, Field, FieldType, Permission, READ_SCHEMA, SandboxTable, Schema, WRITE_SCHEMA, usual_options,
};
use super::call::{AirtableAnswer, Call, VIEW};
use super::new_id::new_id;
use super::refusal::AirtableRefusal;
use crate::sandbox::state::Shared;

/// Answers a request under `/v0/meta/`.
pub(super) fn answer(
    shared: &Shared,
    base: &Base,
    rest: &[&str],
    call: &Call,
) -> Result<AirtableAnswer, AirtableRefusal> {
    let schema = &base.schema;
    match (call.method.as_str(), rest) {
        ("GET", ["whoami"]) => Ok(AirtableAnswer::read(json!({ "id": USER }))),
        ("GET", ["bases"]) => {
            scope(schema, READ_SCHEMA)?;
            Ok(AirtableAnswer::read(json!({ "bases": bases(shared, schema) })))
        }
        (_, ["bases", id, ..]) if *id != shared.airtable_base || schema.permission == Permission::None => {
            Err(AirtableRefusal::no_model())
        }
        ("GET", ["bases", _, "tables"]) => {
            scope(schema, READ_SCHEMA)?;
            let wide = call
                .query
                .iter()
                .any(|(n, v)| (n == "include" || n.starts_with("include[")) && v.contains("visibleFieldIds"));
            let tables: Vec<Value> = schema.tables.iter().map(|t| shown(t, wide)).collect();
            Ok(AirtableAnswer::read(json!({ "tables": tables })))
        }
        (method @ ("POST" | "PATCH"), ["bases", _, "tables", rest @ ..]) => {
            scope(schema, WRITE_SCHEMA)?;
            if schema.permission < Permission::Create {
                return Err(AirtableRefusal::no_permission());
            }
            change(shared, base, method, rest, &call.object()?)
        }
        _ => Err(AirtableRefusal::not_found()),
    }
}

/// The user whose token it is.
const USER: &str = "usrSandbox0000000";

/// Refuses where the token lacks a scope.
pub(super) fn scope(schema: &Schema, needed: &str) -> Result<(), AirtableRefusal> {
    if schema.scopes.iter().any(|s| s == needed) { Ok(()) } else { Err(AirtableRefusal::no_model()) }
}

fn bases(shared: &Shared, schema: &Schema) -> Vec<Value> {
    if schema.permission == Permission::None {
        return Vec::new();
    }
    vec![json!({ "id": shared.airtable_base, "name": "Dispatch", "permissionLevel": schema.permission })]
}

/// A table as the meta API shows it.
fn shown(table: &SandboxTable, wide: bool) -> Value {
    let mut view = json!({ "id": table.view_id, "name": VIEW, "type": "grid" });
    if wide && let Some(view) = view.as_object_mut() {
        view.insert("visibleFieldIds".into(), table.fields.iter().map(|f| f.id.clone()).collect());
    }
    let mut shown = json!({
        "id": table.id,
        "name": table.name,
        "primaryFieldId": table.primary_field_id,
        "fields": table.fields,
        "views": [view],
    });
    if let (Some(description), Some(fields)) = (&table.description, shown.as_object_mut()) {
        fields.insert("description".into(), description.as_str().into());
    }
    shown
}

fn change(
    shared: &Shared,
    base: &Base,
    method: &str,
    rest: &[&str],
    body: &Map<String, Value>,
) -> Result<AirtableAnswer, AirtableRefusal> {
    let mut schema = base.schema.clone();
    let body = match (method, rest) {
        ("POST", []) => {
            let table = add_table(shared, &mut schema, body)?;
            shown(table, false)
        }
        ("PATCH", [table]) => {
            let id = schema.table(table).ok_or_else(AirtableRefusal::no_model)?.id.clone();
            rename_table(&mut schema, &id, body)?;
            schema.table(&id).map_or(Value::Null, |t| shown(t, false))
        }
        ("POST", [table, "fields"]) => json!(add_field(shared, &mut schema, table, body, false)?),
        ("PATCH", [table, "fields", field]) => json!(rename_field(&mut schema, table, field, body)?),
        _ => return Err(AirtableRefusal::not_found()),
    };
    Ok(AirtableAnswer { body, change: Some(Change { schema: Some(schema), ..Change::default() }) })
}

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    body.get(key).and_then(Value::as_str).filter(|t| !t.trim().is_empty())
}

fn missing(key: &str) -> AirtableRefusal {
    AirtableRefusal::unknown_request(&format!("{key} is missing or not of its type"))
}

/// Names are judged without regard to case and to blanks around them.
fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// Adds a table with its fields, the first of them primary.
pub(super) fn add_table<'a>(
    shared: &Shared,
    schema: &'a mut Schema,
    body: &Map<String, Value>,
) -> Result<&'a SandboxTable, AirtableRefusal> {
    known_keys(body, &["name", "description", "fields"])?;
    let name = text(body, "name").ok_or_else(|| missing("name"))?;
    if schema.tables.iter().any(|t| same_name(&t.name, name)) {
        let problem = format!("A table named \"{name}\" exists already");
        return Err(AirtableRefusal::new(422, "DUPLICATE_TABLE_NAME", problem));
    }
    let asked = body.get("fields").and_then(Value::as_array).filter(|f| !f.is_empty());
    let asked = asked.ok_or_else(|| missing("fields"))?;
    let mut fields: Vec<Field> = Vec::with_capacity(asked.len());
    for one in asked {
        let one = one.as_object().ok_or_else(|| missing("fields"))?;
        let field = new_field(shared, schema, &fields, one, false)?;
        fields.push(field);
    }
    let primary = fields.first().filter(|f| f.kind.may_be_primary()).ok_or_else(|| {
        AirtableRefusal::new(
            422,
            "INVALID_PRIMARY_FIELD_TYPE",
            "The first field cannot be the primary field of a table",
        )
    })?;
    schema.tables.push(SandboxTable {
        id: new_id(shared, "tbl"),
        name: name.to_owned(),
        description: text(body, "description").map(str::to_owned),
        primary_field_id: primary.id.clone(),
        fields,
        view_id: new_id(shared, "viw"),
    });
    schema.tables.last().ok_or_else(AirtableRefusal::no_model)
}

/// Adds a field. `by_hand`: a person may also make computed ones.
pub(super) fn add_field(
    shared: &Shared,
    schema: &mut Schema,
    table: &str,
    body: &Map<String, Value>,
    by_hand: bool,
) -> Result<Field, AirtableRefusal> {
    let table = schema.table(table).ok_or_else(AirtableRefusal::no_model)?;
    let (id, field) = (table.id.clone(), new_field(shared, schema, &table.fields, body, by_hand)?);
    if let Some(table) = schema.table_mut(&id) {
        table.fields.push(field.clone());
    }
    Ok(field)
}

fn known_keys(body: &Map<String, Value>, keys: &[&str]) -> Result<(), AirtableRefusal> {
    match body.keys().find(|k| !keys.contains(&k.as_str())) {
        Some(unknown) => Err(AirtableRefusal::unknown_request(&format!("the key {unknown}"))),
        None => Ok(()),
    }
}

fn new_field(
    shared: &Shared,
    schema: &Schema,
    beside: &[Field],
    body: &Map<String, Value>,
    by_hand: bool,
) -> Result<Field, AirtableRefusal> {
    known_keys(body, &["name", "type", "description", "options"])?;
    let name = text(body, "name").unwrap_or("");
    if name.is_empty() || beside.iter().any(|f| same_name(&f.name, name)) {
        let problem = "A field with that name exists already, or the name is empty";
        return Err(AirtableRefusal::new(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", problem));
    }
    let word = text(body, "type").ok_or_else(|| missing("type"))?;
    let kind: FieldType = serde_json::from_value(word.into())
        .map_err(|_| AirtableRefusal::unknown_request(&format!("the field type {word} is not one of the sandbox's")))?;
    if kind.is_computed() && !by_hand {
        let problem = format!("Creating {word} fields is not supported at this time");
        return Err(AirtableRefusal::new(422, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE", problem));
    }
    let options = options(shared, schema, kind, body.get("options"), by_hand)?;
    let description = text(body, "description").map(str::to_owned);
    Ok(Field { id: new_id(shared, "fld"), name: name.to_owned(), kind, description, options })
}

/// The options of a new field, checked as far as a wrong one is known to be refused.
pub(super) fn options(
    shared: &Shared,
    schema: &Schema,
    kind: FieldType,
    given: Option<&Value>,
    by_hand: bool,
) -> Result<Option<Value>, AirtableRefusal> {
    let wrong = || {
        AirtableRefusal::new(422, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", "Invalid options for the type of the field")
    };
    let Some(options) = given.filter(|o| !o.is_null()) else {
        let needed =
            matches!(kind, FieldType::SingleSelect | FieldType::MultipleSelects | FieldType::MultipleRecordLinks)
                || kind.is_number()
                || matches!(kind, FieldType::Checkbox | FieldType::DateTime | FieldType::Date);
        return if needed && !by_hand { Err(wrong()) } else { Ok(usual_options(kind)) };
    };
    match kind {
        _ if kind.is_number() && options["precision"].as_u64().is_none_or(|p| p > 8) => return Err(wrong()),
        FieldType::Checkbox if !(options["icon"].is_string() && options["color"].is_string()) => return Err(wrong()),
        FieldType::DateTime => {
            let zone = options["timeZone"].as_str().ok_or_else(wrong)?;
            let known = zone == "utc" || zone == "client" || zone.contains('/');
            if !known || !options["dateFormat"]["name"].is_string() || !options["timeFormat"]["name"].is_string() {
                return Err(wrong());
            }
        }
        FieldType::Date if !options["dateFormat"]["name"].is_string() => return Err(wrong()),
        FieldType::MultipleRecordLinks => {
            let linked = options["linkedTableId"].as_str().unwrap_or("");
            if !schema.tables.iter().any(|t| t.id == linked) {
                return Err(wrong());
            }
        }
        FieldType::SingleSelect | FieldType::MultipleSelects => {
            let choices = options["choices"].as_array().ok_or_else(wrong)?;
            let mut with_ids = Vec::with_capacity(choices.len());
            for choice in choices {
                let name = choice["name"].as_str().filter(|n| !n.is_empty()).ok_or_else(wrong)?;
                let color = choice["color"].as_str().unwrap_or("blueLight2");
                with_ids.push(json!({ "id": new_id(shared, "sel"), "name": name, "color": color }));
            }
            return Ok(Some(json!({ "choices": with_ids })));
        }
        _ => {}
    }
    Ok(Some(options.clone()))
}

/// Adds choices to a select.
pub(super) fn add_choices(shared: &Shared, field: &mut Field, names: &[String]) {
    let options = field.options.get_or_insert_with(|| json!({ "choices": [] }));
    let Some(choices) = options.get_mut("choices").and_then(Value::as_array_mut) else { return };
    for name in names {
        choices.push(json!({ "id": new_id(shared, "sel"), "name": name, "color": "blueLight2" }));
    }
}

/// Changes a table's name and description.
pub(super) fn rename_table(schema: &mut Schema, table: &str, body: &Map<String, Value>) -> Result<(), AirtableRefusal> {
    known_keys(body, &["name", "description"])?;
    let id = schema.table(table).ok_or_else(AirtableRefusal::no_model)?.id.clone();
    let name = text(body, "name");
    if name.is_some_and(|n| schema.tables.iter().any(|t| t.id != id && same_name(&t.name, n))) {
        return Err(AirtableRefusal::new(422, "DUPLICATE_TABLE_NAME", "A table with that name exists already"));
    }
    let table = schema.table_mut(&id).ok_or_else(AirtableRefusal::no_model)?;
    if let Some(name) = name {
        name.clone_into(&mut table.name);
    }
    if let Some(description) = body.get("description") {
        table.description = description.as_str().filter(|d| !d.is_empty()).map(str::to_owned);
    }
    Ok(())
}

/// Changes a field's name and description; its id and cells stay.
pub(super) fn rename_field(
    schema: &mut Schema,
    table: &str,
    field: &str,
    body: &Map<String, Value>,
) -> Result<Field, AirtableRefusal> {
    known_keys(body, &["name", "description"])?;
    let table = schema.table_mut(table).ok_or_else(AirtableRefusal::no_model)?;
    let id = table.field(field).ok_or_else(AirtableRefusal::no_model)?.id.clone();
    let name = text(body, "name");
    if name.is_some_and(|n| table.fields.iter().any(|f| f.id != id && same_name(&f.name, n))) {
        let problem = "A field with that name exists already";
        return Err(AirtableRefusal::new(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", problem));
    }
    let field = table.fields.iter_mut().find(|f| f.id == id).ok_or_else(AirtableRefusal::no_model)?;
    if let Some(name) = name {
        name.clone_into(&mut field.name);
    }
    if let Some(description) = body.get("description") {
        field.description = description.as_str().filter(|d| !d.is_empty()).map(str::to_owned);
    }
    Ok(field.clone())
}
