//! What people do to their base by hand, through `POST /_sandbox/airtable`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::base::{Base, Change, FieldType, Permission, SandboxRecord, Schema};
use super::new_id::new_id;
use super::refusal::AirtableRefusal;
use super::shapes::BaseShape;
use super::{cells, schema};
use crate::clock::Clock as _;
use crate::sandbox::state::Shared;

/// One thing done by hand. Tables, fields and records are named by id, tables and fields also by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum BaseAdminAction {
    /// The base as it comes, without records, with every right; requests are counted anew.
    Reset,
    /// Another base, without records, with every right.
    UseBase { base: BaseShape },
    /// A new table; `fields` as the meta API takes them, computed ones too.
    AddTable {
        name: String,
        /// At least one.
        fields: Vec<Value>,
    },
    /// A table goes, with its records.
    DropTable { table: String },
    /// A table gets another name.
    RenameTable {
        table: String,
        /// From now on.
        name: String,
    },
    /// A new field.
    AddField {
        table: String,
        /// As the meta API takes it; usual options where there are none.
        field: Map<String, Value>,
    },
    /// A field goes, with its cells.
    DropField { table: String, field: String },
    /// A field gets another name.
    RenameField {
        table: String,
        field: String,
        /// From now on.
        name: String,
    },
    /// A field becomes another type; cells that do not fit are emptied.
    ChangeField {
        table: String,
        field: String,
        /// From now on.
        #[serde(rename = "type")]
        kind: FieldType,
        /// E.g. the choices of a select.
        options: Option<Value>,
    },
    /// What the token's user may do in the base.
    Permission {
        /// From now on.
        level: Permission,
    },
    /// What the token may do.
    Scopes {
        /// E.g. `data.records:read`.
        scopes: Vec<String>,
    },
    /// A new record.
    AddRecord {
        table: String,
        /// By name or id; selects get new choices.
        fields: Map<String, Value>,
    },
    /// Cells are changed.
    EditRecord {
        table: String,
        /// Which: its record id.
        id: String,
        /// Null empties.
        fields: Map<String, Value>,
    },
    /// A record goes.
    DeleteRecord { table: String, id: String },
    /// A record is doubled: same cells, new id.
    DuplicateRecord { table: String, id: String },
    /// Every offset that was given out is stale.
    ExpireOffsets,
    /// The pause after one request too many is over.
    EndPause,
}

/// What it changes in the base, and what is told of it.
pub(super) fn change(
    shared: &Shared,
    base: &Base,
    action: BaseAdminAction,
) -> Result<(Change, Value), AirtableRefusal> {
    let mut schema = base.schema.clone();
    let result = match action {
        BaseAdminAction::ExpireOffsets | BaseAdminAction::EndPause => return Ok((Change::default(), Value::Null)),
        BaseAdminAction::Reset => {
            return Ok((
                Change { clear: true, schema: Some(Schema::of(BaseShape::Own)), ..Change::default() },
                Value::Null,
            ));
        }
        BaseAdminAction::UseBase { base: shape } => {
            return Ok((Change { clear: true, schema: Some(Schema::of(shape)), ..Change::default() }, Value::Null));
        }
        BaseAdminAction::Permission { level } => {
            schema.permission = level;
            Value::Null
        }
        BaseAdminAction::Scopes { scopes } => {
            schema.scopes = scopes;
            Value::Null
        }
        BaseAdminAction::AddTable { name, fields } => add_table(shared, &mut schema, name, fields)?,
        BaseAdminAction::DropTable { table } => {
            let id = schema.table(&table).ok_or_else(AirtableRefusal::no_model)?.id.clone();
            schema.tables.retain(|t| t.id != id);
            Value::Null
        }
        BaseAdminAction::RenameTable { table, name } => {
            let body = Map::from_iter([("name".to_owned(), Value::from(name))]);
            schema::rename_table(&mut schema, &table, &body)?;
            Value::Null
        }
        BaseAdminAction::AddField { table, field } => {
            json!({ "id": schema::add_field(shared, &mut schema, &table, &field, true)?.id })
        }
        BaseAdminAction::RenameField { table, field, name } => {
            let body = Map::from_iter([("name".to_owned(), Value::from(name))]);
            json!({ "id": schema::rename_field(&mut schema, &table, &field, &body)?.id })
        }
        BaseAdminAction::DropField { table, field } => return drop_field(base, schema, &table, &field),
        BaseAdminAction::ChangeField { table, field, kind, options } => {
            return change_field(shared, base, schema, &table, &field, kind, options.as_ref());
        }
        action => return record(shared, base, action),
    };
    Ok((Change { schema: Some(schema), ..Change::default() }, result))
}

/// As the meta API, but computed fields and usual options too: the first field makes the table, the others follow.
fn add_table(shared: &Shared, schema: &mut Schema, name: String, fields: Vec<Value>) -> Result<Value, AirtableRefusal> {
    let mut fields = fields.into_iter();
    let body = Map::from_iter([("name".to_owned(), name.into()), ("fields".to_owned(), json!([fields.next()]))]);
    let id = schema::add_table(shared, schema, &body)?.id.clone();
    for field in fields {
        let field = field.as_object().ok_or_else(|| AirtableRefusal::unknown_request("a field is an object"))?;
        schema::add_field(shared, schema, &id, field, true)?;
    }
    Ok(json!({ "id": id }))
}

fn drop_field(base: &Base, mut schema: Schema, table: &str, field: &str) -> Result<(Change, Value), AirtableRefusal> {
    let table = schema.table_mut(table).ok_or_else(AirtableRefusal::no_model)?;
    let id = table.field(field).ok_or_else(|| AirtableRefusal::unknown_field(field))?.id.clone();
    if id == table.primary_field_id {
        return Err(AirtableRefusal::unknown_request("the primary field of a table cannot be dropped"));
    }
    table.fields.retain(|f| f.id != id);
    let table = table.id.clone();
    let put = base.records(&table).filter(|r| r.cells.contains_key(&id)).cloned();
    let put = put.map(|mut r| {
        r.cells.remove(&id);
        r
    });
    Ok((Change { put: put.collect(), table, schema: Some(schema), ..Change::default() }, Value::Null))
}

fn change_field(
    shared: &Shared,
    base: &Base,
    mut schema: Schema,
    table: &str,
    field: &str,
    kind: FieldType,
    options: Option<&Value>,
) -> Result<(Change, Value), AirtableRefusal> {
    let options = schema::options(shared, &schema, kind, options, true)?;
    let table = schema.table_mut(table).ok_or_else(AirtableRefusal::no_model)?;
    let id = table.field(field).ok_or_else(|| AirtableRefusal::unknown_field(field))?.id.clone();
    let field = table.fields.iter_mut().find(|f| f.id == id).ok_or_else(AirtableRefusal::no_model)?;
    field.kind = kind;
    field.options = options;
    let put = base.records(&table.id).filter_map(|r| {
        let old = r.cells.get(&id)?;
        // With typecast a number's text becomes a number; what would need a new choice is emptied.
        let cell = field_cell(base, table, &id, old);
        let mut record = r.clone();
        match cell {
            Some(value) => drop(record.cells.insert(id.clone(), value)),
            None => drop(record.cells.remove(&id)),
        }
        Some(record)
    });
    let put = put.collect();
    Ok((Change { put, table: table.id.clone(), schema: Some(schema), ..Change::default() }, json!({ "id": id })))
}

fn field_cell(base: &Base, table: &super::base::SandboxTable, id: &str, old: &Value) -> Option<Value> {
    let cell = cells::read(base, table.field(id)?, old, true).ok()?;
    cell.value.filter(|_| cell.new_choices.is_empty())
}

/// What is done to one record.
fn record(shared: &Shared, base: &Base, action: BaseAdminAction) -> Result<(Change, Value), AirtableRefusal> {
    let (table, id, fields) = match &action {
        BaseAdminAction::AddRecord { table, fields } => (table, None, Some(fields)),
        BaseAdminAction::EditRecord { table, id, fields } => (table, Some(id), Some(fields)),
        BaseAdminAction::DeleteRecord { table, id } | BaseAdminAction::DuplicateRecord { table, id } => {
            (table, Some(id), None)
        }
        _ => return Err(AirtableRefusal::unknown_request("not an action")),
    };
    let table = base.schema.table(table).ok_or_else(AirtableRefusal::no_model)?;
    let now = shared.clock.now();
    let old = match id {
        Some(id) => Some(base.record(&table.id, id).ok_or_else(|| AirtableRefusal::row_does_not_exist(id))?.clone()),
        None => None,
    };
    let mut change = Change { table: table.id.clone(), ..Change::default() };
    if let (BaseAdminAction::DeleteRecord { .. }, Some(old)) = (&action, &old) {
        change.deleted.push(old.id.clone());
        return Ok((change, Value::Null));
    }
    let anew = !matches!(action, BaseAdminAction::EditRecord { .. });
    let cells = old.as_ref().map(|r| r.cells.clone()).unwrap_or_default();
    let mut record = match old {
        Some(old) if !anew => old,
        _ => SandboxRecord {
            id: new_id(shared, "rec"),
            created: now,
            modified: now,
            number: base.next_number(&table.id),
            cells,
        },
    };
    record.modified = now;
    let mut schema: Option<Schema> = None;
    for (name, value) in fields.into_iter().flatten() {
        let field = table.field(name).ok_or_else(|| AirtableRefusal::unknown_field(name))?;
        let cell = cells::read(base, field, value, true)?;
        if !cell.new_choices.is_empty() {
            let schema = schema.get_or_insert_with(|| base.schema.clone());
            let of = schema.table_mut(&table.id).and_then(|t| t.fields.iter_mut().find(|f| f.id == field.id));
            if let Some(of) = of {
                schema::add_choices(shared, of, &cell.new_choices);
            }
        }
        match cell.value {
            Some(value) => drop(record.cells.insert(field.id.clone(), value)),
            None => drop(record.cells.remove(&field.id)),
        }
    }
    let result = json!({ "id": record.id });
    change.schema = schema;
    change.put.push(record);
    Ok((change, result))
}
