//! The shop's record, read as anybody reads it: through Airtable's REST interface, page by page, with a token that no fault
//! of the drill hits and that the base's rate limit does not count.

pub(super) mod compare;
pub(super) mod manual_edit;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Airtable;

use super::documents::{Seen, list, text, time};
use super::outcome::Check;
use super::then::{MIRROR_WITHIN, RowThen};
use super::world::World;
use compare::{Compared, Rows};

const EVERY: Duration = Duration::from_millis(200);
/// Between two comparisons of everything, for each row that there is: a look at thousands of rows is work.
const EVERY_PER_ROW: Duration = Duration::from_millis(1);
/// A call without a row of intake's gets one once it is so old; until then it needs none.
const GRACE: Duration = Duration::from_secs(30);
/// How much of what is wrong is told.
const SHOWN: usize = 5;
/// More pages than a drill can fill.
const PAGES_MAX: usize = 1_000;

/// Looks until Airtable has every attempt and every call once, as the store has it, and the program has proven all it wrote,
/// for so long as the promise allows.
pub(super) async fn whole(within: Duration, world: &mut World) -> (Check, Rows) {
    let what =
        format!("Airtable has every attempt and call once, as the store has it, within {:.1} s", within.as_secs_f64());
    let deadline = world.now().plus(within);
    loop {
        let (rows, seen) = match look(world).await {
            Ok((found, 0)) if found.rows.wrong() == 0 && found.rows.compared > 0 => {
                return (Check::of(what, true, ""), found.rows);
            }
            Ok((found, unproven)) => (found.rows, told(&found, unproven)),
            Err(e) => (Rows::default(), e),
        };
        if world.now() > deadline {
            return (Check::of(what, false, seen), rows);
        }
        let some = u32::try_from(rows.compared).unwrap_or(u32::MAX);
        world.pause(EVERY + EVERY_PER_ROW.saturating_mul(some)).await;
    }
}

/// How often Airtable said that it is asked too often.
pub(super) fn throttled(most: usize, world: &World) -> Check {
    let what = format!("Airtable says 429 at most {most} times");
    match world.sandbox().map(|s| s.airtable_requests().too_many) {
        Ok(n) => Check::of(what, usize::try_from(n).is_ok_and(|n| n <= most), n.to_string()),
        Err(e) => Check::of(what, false, e),
    }
}

/// In a few words.
pub(super) fn told(found: &Compared, unproven: u64) -> String {
    if found.rows.compared == 0 {
        return "there is nothing to compare, which proves nothing".into();
    }
    let mut said = vec![found.rows.said()];
    said.extend(found.wrong.iter().take(SHOWN).cloned());
    if found.wrong.len() > SHOWN {
        said.push("...".into());
    }
    if unproven > 0 {
        said.push(format!("the program has not read back {unproven} of its rows"));
    }
    said.join("; ")
}

/// Both sides as they are now, and how many rows the program itself has not proven.
pub(super) async fn look(world: &mut World) -> Result<(Compared, u64), String> {
    let names = names(world)?.clone();
    let stories = world.stories(&[]).await?;
    let events = rows(world, &names, &names.tables.events).await?;
    let calls = rows(world, &names, &names.tables.calls).await?;
    let unproven = world.mirror_figures().await?.unverified;
    let old = world.engine_now().minus(GRACE + MIRROR_WITHIN);
    let needs_row = |story: &Value| time(story, "acceptedAt").is_some_and(|at| at < old);
    Ok((compare::compare(&names, &stories, &events, &calls, needs_row), unproven))
}

fn names(world: &World) -> Result<&Airtable, String> {
    world.airtable_names().ok_or_else(|| "the scenario has no [given.config.airtable]".into())
}

/// Looks until all rows are as expected, for so long as the promise allows.
pub(super) async fn checks(expected: &[RowThen], seen: &Seen, world: &World) -> Vec<Check> {
    let deadline = world.now().plus(MIRROR_WITHIN);
    let names = match names(world) {
        Ok(names) => names,
        Err(e) => return vec![Check::of("Airtable's rows can be read", false, e)],
    };
    loop {
        let found = match shop(world, names).await {
            Ok(shop) => expected.iter().map(|row| check(row, seen, &shop)).collect::<Vec<Check>>(),
            Err(e) => vec![Check::of("Airtable's rows can be read", false, e)],
        };
        if found.iter().all(|c| c.held) || world.now() > deadline {
            return found;
        }
        world.pause(EVERY).await;
    }
}

/// All rows of a table.
pub(super) async fn rows(world: &World, names: &Airtable, table: &str) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    let mut offset = None;
    for _ in 0..PAGES_MAX {
        let page = world.airtable(&names.base_id, table, offset.as_deref()).await?;
        all.extend(list(&page, "records").iter().cloned());
        offset = page.get("offset").and_then(Value::as_str).map(str::to_owned);
        if offset.is_none() {
            return Ok(all);
        }
    }
    Err(format!("{table} does not end"))
}

/// The base as a judge reads it.
struct Shop {
    /// The field of an event's id.
    event_id: String,
    events: Vec<Value>,
    call_id: String,
    calls: Vec<Value>,
    /// What people call the records that cells link, by their ids.
    called: BTreeMap<String, String>,
}

/// Tables that links may lead to, and the field that people read.
const LINKED: &[(&str, &str)] = &[("On-Call Roster", "Name"), ("Businesses", "Business Name")];

async fn shop(world: &World, names: &Airtable) -> Result<Shop, String> {
    let events = rows(world, names, &names.tables.events).await?;
    let calls = rows(world, names, &names.tables.calls).await?;
    let mut called = BTreeMap::new();
    let mut note = |rows: &[Value], field: &str| {
        let name = |r: &Value| r.get("fields").map(|f| text(f, field).to_owned()).unwrap_or_default();
        called.extend(rows.iter().map(|r| (text(r, "id").to_owned(), name(r))));
    };
    note(&calls, &names.calls.call_id);
    let sandbox = world.sandbox()?;
    for (table, field) in LINKED {
        let of = |r: crate::sandbox::AirtableRow| json!({ "id": r.id, "fields": r.fields });
        note(&sandbox.airtable_rows(table).into_iter().map(of).collect::<Vec<Value>>(), field);
    }
    let (event_id, call_id) = (names.events.event_id.clone(), names.calls.call_id.clone());
    Ok(Shop { event_id, events, call_id, calls, called })
}

/// Whether a row is that of an attempt: by its id, and where it has none by its reference in any text.
pub(super) fn is_event(fields: &Value, key: &str, attempt: &Value) -> bool {
    let reference = text(attempt, "reference");
    let says = |v: &Value| {
        let mut words = v.as_str().unwrap_or_default().split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        !reference.is_empty() && words.any(|w| w == reference)
    };
    match text(fields, key) {
        "" => fields.as_object().is_some_and(|all| all.values().any(says)),
        id => id == text(attempt, "attemptId"),
    }
}

fn check(row: &RowThen, seen: &Seen, shop: &Shop) -> Check {
    let fields: Vec<String> = row.fields.iter().map(|(k, v)| format!("{k} = {v}")).collect();
    let what = match row.attempt {
        Some(n) => format!("Airtable: the event of attempt {n} of {}: {}", row.call, fields.join(", ")),
        None => format!("Airtable: the row of {}: {}", row.call, fields.join(", ")),
    };
    let story = seen.stories.iter().find(|s| text(s, "callId") == row.call);
    let attempt = row.attempt.map(|n| story.and_then(|s| list(s, "attempts").get(n.checked_sub(1)?)));
    let of = |rows: &'_ [Value], own: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        rows.iter().filter(|r| r.get("fields").is_some_and(own)).cloned().collect()
    };
    let found = match attempt {
        Some(None) => return Check::of(what, false, "there is no such attempt"),
        Some(Some(attempt)) => of(&shop.events, &|f| is_event(f, &shop.event_id, attempt)),
        None => of(&shop.calls, &|f| text(f, &shop.call_id) == row.call),
    };
    let [record] = found.as_slice() else {
        return Check::of(what, false, format!("{} rows of it", found.len()));
    };
    let cell = |name: &str| record.get("fields").and_then(|f| f.get(name));
    let is = |name: &str| cell(name).map(|v| shown(v, &shop.called)).unwrap_or_default();
    // A sentence is as expected where it holds the words behind the dots.
    let holds = |is: &str, wanted: &str| wanted.strip_prefix("...").map_or(is == wanted, |words| is.contains(words));
    let wrong: Vec<String> =
        (row.fields.iter()).filter(|(k, v)| !holds(&is(k), v)).map(|(k, _)| format!("{k} = {}", is(k))).collect();
    Check::of(what, wrong.is_empty(), wrong.join(", "))
}

/// Linked records by what people call them.
fn shown(v: &Value, called: &BTreeMap<String, String>) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(all) => {
            let ids = all.iter().filter_map(Value::as_str);
            ids.map(|id| called.get(id).map_or(id, String::as_str)).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_key_and_compared_field_by_field() {
        let story = json!({ "callId": "c1", "attempts": [{ "attemptId": "att_1", "reference": "7K3Q-1" }] });
        let seen = Seen { ledger: Value::Null, stories: vec![story], overview: Value::Null };
        let event =
            |id: &str| json!({ "fields": { "Event ID": id, "Delivery Status": "delivered", "Attempt Number": 1 } });
        let row = |attempt: Option<usize>, value: &str| RowThen {
            call: "c1".into(),
            attempt,
            fields: vec![("Delivery Status".into(), value.into()), ("Attempt Number".into(), "1".into())],
        };
        let held = |row: &RowThen, events: &[Value]| {
            let shop = Shop {
                event_id: "Event ID".into(),
                events: events.to_vec(),
                call_id: "Call ID".into(),
                calls: Vec::new(),
                called: BTreeMap::new(),
            };
            check(row, &seen, &shop).held
        };
        assert!(held(&row(Some(1), "delivered"), &[event("att_2"), event("att_1")]));
        assert!(!held(&row(Some(1), "sent"), &[event("att_1")]), "another value");
        assert!(!held(&row(Some(1), "delivered"), &[event("att_2")]), "no such row");
        assert!(!held(&row(Some(1), "delivered"), &[event("att_1"), event("att_1")]), "a twin");
        assert!(!held(&row(Some(2), "delivered"), &[event("att_1")]), "no such attempt");
        assert!(!held(&row(None, "delivered"), &[event("att_1")]), "the call has no row");
        let noted =
            |notes: &str| json!({ "fields": { "Notes": notes, "Delivery Status": "Sent", "Attempt Number": 1 } });
        assert!(held(&row(Some(1), "Sent"), &[noted("Delivered to Sam. [7K3Q-1]"), noted("Sent to Sam. [7K3Q-10]")]));
        assert!(held(&row(Some(1), "...en"), &[noted("[7K3Q-1]")]), "a part of it");
    }
}
