//! What people do to the shop's base in a scenario, and what its rows say while it is played.

use serde_json::Value;

use crate::sandbox::BaseAdminAction;

use super::super::documents::{list, text};
use super::super::fill::filled;
use super::super::world::World;
use super::{is_event, names, rows};

/// Does something by hand.
pub(in super::super) async fn act(action: &Value, world: &mut World) -> Result<(), String> {
    let action = with_ids(action, world).await?;
    let action: BaseAdminAction = serde_json::from_value(action).map_err(|e| e.to_string())?;
    world.sandbox()?.airtable_edits(action).map(drop).map_err(|e| e.to_string())
}

/// Fills in what is in braces, at every depth.
async fn with_ids(value: &Value, world: &mut World) -> Result<Value, String> {
    match value {
        Value::String(s) => {
            let s = match s.strip_prefix("{row ").and_then(|s| s.strip_suffix('}')) {
                Some(whose) => record_id(whose, world).await?,
                None => s.clone(),
            };
            filled(&s, world).await.map(Value::from)
        }
        Value::Array(all) => {
            let mut out = Vec::new();
            for v in all {
                out.push(Box::pin(with_ids(v, world)).await?);
            }
            Ok(Value::Array(out))
        }
        Value::Object(map) => {
            let mut out = serde_json::Map::new();
            for (k, v) in map {
                out.insert(k.clone(), Box::pin(with_ids(v, world)).await?);
            }
            Ok(Value::Object(out))
        }
        other => Ok(other.clone()),
    }
}

/// The record of `c1 1`, the first attempt of c1, of `c1`, the call, or of `On-Call Roster/Sam Ortiz`, by any text of it.
async fn record_id(whose: &str, world: &mut World) -> Result<String, String> {
    if let Some((table, name)) = whose.split_once('/') {
        let rows = world.sandbox()?.airtable_rows(table);
        let found = rows.iter().find(|r| r.fields.values().any(|v| v.as_str() == Some(name)));
        return found.map(|r| r.id.clone()).ok_or_else(|| format!("Airtable has no row of {whose}"));
    }
    let (call, attempt) = match whose.split_once(' ') {
        None => (whose, None),
        Some((call, n)) => (call, Some(n.parse().map_err(|_| format!("{{row {whose}}}: {n} is no number"))?)),
    };
    let found = records(call, attempt, world).await?;
    let first = found.first().map(|r| text(r, "id").to_owned());
    first.ok_or_else(|| format!("Airtable has no row of {whose}"))
}

/// The records of an attempt, or of a call.
async fn records(call: &str, attempt: Option<usize>, world: &mut World) -> Result<Vec<Value>, String> {
    let names = names(world)?.clone();
    let Some(n) = attempt else {
        let mut all = rows(world, &names, &names.tables.calls).await?;
        all.retain(|r| r.get("fields").is_some_and(|f| text(f, &names.calls.call_id) == call));
        return Ok(all);
    };
    let story = world.story(call).await?.ok_or_else(|| format!("there is no call {call}"))?;
    let attempt = n.checked_sub(1).and_then(|i| list(&story, "attempts").get(i));
    let attempt = attempt.ok_or_else(|| format!("{call} has no attempt {n}"))?;
    let mut all = rows(world, &names, &names.tables.events).await?;
    all.retain(|r| r.get("fields").is_some_and(|f| is_event(f, &names.events.event_id, attempt)));
    Ok(all)
}

/// What the row says it stands at: its status; `none` where there is no row.
pub(in super::super) async fn word(call: &str, attempt: Option<usize>, world: &mut World) -> Result<String, String> {
    let names = names(world)?.clone();
    let field = if attempt.is_some() { names.events.delivery_status } else { names.calls.status };
    let found = records(call, attempt, world).await?;
    Ok(match found.as_slice() {
        [] => "none".to_owned(),
        [one] => one.get("fields").map_or("", |f| text(f, &field)).to_owned(),
        several => format!("{} rows", several.len()),
    })
}

/// The store's file and what belongs to it are gone.
pub(in super::super) fn lose_disk(world: &mut World) -> Result<(), String> {
    if world.engine_runs() {
        return Err("the disk is lost only while no engine runs".into());
    }
    let path = world.store_file()?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let dir = path.parent().ok_or("the store has no directory")?;
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(&name) {
            std::fs::remove_file(entry.path()).map_err(|e| format!("{}: {e}", entry.path().display()))?;
        }
    }
    Ok(())
}
