//! The shop's record, read as anybody reads it: through Airtable's REST interface, page by page.

use std::time::Duration;

use serde_json::Value;

use crate::config::{SANDBOX_AIRTABLE_BASE_ID, SANDBOX_AIRTABLE_TOKEN};

use super::check::{list, text};
use super::expect::Seen;
use super::outcome::Check;
use super::scenario::RowThen;
use super::world::World;

/// Visible and verified within this time when Airtable is well.
const WITHIN: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(200);
/// More pages than a drill can fill.
const PAGES_MAX: usize = 1_000;

/// Looks until all rows are as expected, for so long as the promise allows.
pub(super) async fn checks(expected: &[RowThen], seen: &Seen, world: &World) -> Vec<Check> {
    let deadline = world.now().plus(WITHIN);
    loop {
        let found = match (rows(world, "Dispatch Events").await, rows(world, "Calls").await) {
            (Ok(events), Ok(calls)) => {
                expected.iter().map(|row| check(row, seen, &events, &calls)).collect::<Vec<Check>>()
            }
            (Err(e), _) | (_, Err(e)) => vec![Check::of("Airtable's rows can be read", false, e)],
        };
        if found.iter().all(|c| c.held) || world.now() > deadline {
            return found;
        }
        world.pause(EVERY).await;
    }
}

/// All rows of a table.
async fn rows(world: &World, table: &str) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    let mut offset = None;
    for _ in 0..PAGES_MAX {
        let path = format!("/v0/{SANDBOX_AIRTABLE_BASE_ID}/{}", table.replace(' ', "%20"));
        let page = world.airtable(&path, SANDBOX_AIRTABLE_TOKEN, offset.as_deref()).await?;
        all.extend(list(&page, "records").iter().cloned());
        offset = page.get("offset").and_then(Value::as_str).map(str::to_owned);
        if offset.is_none() {
            return Ok(all);
        }
    }
    Err(format!("{table} does not end"))
}

fn check(row: &RowThen, seen: &Seen, events: &[Value], calls: &[Value]) -> Check {
    let fields: Vec<String> = row.fields.iter().map(|(k, v)| format!("{k} = {}", shown(v))).collect();
    let what = match row.attempt {
        Some(n) => format!("Airtable: the event of attempt {n} of {}: {}", row.call, fields.join(", ")),
        None => format!("Airtable: the row of {}: {}", row.call, fields.join(", ")),
    };
    let story = seen.stories.iter().find(|s| text(s, "callId") == row.call);
    let (key, id, rows) = match row.attempt {
        Some(n) => {
            let attempt = story.and_then(|s| list(s, "attempts").get(n.checked_sub(1)?));
            ("Event ID", attempt.map(|a| text(a, "attemptId").to_owned()), events)
        }
        None => ("Call ID", Some(row.call.clone()), calls),
    };
    let Some(id) = id else { return Check::of(what, false, "there is no such attempt") };
    let own = |r: &&Value| r.get("fields").is_some_and(|f| text(f, key) == id);
    let found: Vec<&Value> = rows.iter().filter(own).collect();
    let [record] = found.as_slice() else {
        return Check::of(what, false, format!("{} rows with {key} {id}", found.len()));
    };
    let is = |name: &str| record.get("fields").and_then(|f| f.get(name)).map(shown).unwrap_or_default();
    let wrong: Vec<String> =
        (row.fields.iter()).filter(|(k, v)| is(k) != shown(v)).map(|(k, _)| format!("{k} = {}", is(k))).collect();
    Check::of(what, wrong.is_empty(), wrong.join(", "))
}

fn shown(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_found_by_its_key_and_compared_field_by_field() {
        let story = json!({ "callId": "c1", "attempts": [{ "attemptId": "att_1" }] });
        let seen = Seen { ledger: Value::Null, stories: vec![story], overview: Value::Null };
        let event =
            |id: &str| json!({ "fields": { "Event ID": id, "Delivery Status": "delivered", "Attempt Number": 1 } });
        let row = |attempt: Option<usize>, value: &str| RowThen {
            call: "c1".into(),
            attempt,
            fields: BTreeMap::from([
                ("Delivery Status".to_owned(), json!(value)),
                ("Attempt Number".into(), json!("1")),
            ]),
        };
        let held = |row: &RowThen, events: &[Value]| check(row, &seen, events, &[]).held;
        assert!(held(&row(Some(1), "delivered"), &[event("att_2"), event("att_1")]));
        assert!(!held(&row(Some(1), "sent"), &[event("att_1")]), "another value");
        assert!(!held(&row(Some(1), "delivered"), &[event("att_2")]), "no such row");
        assert!(!held(&row(Some(1), "delivered"), &[event("att_1"), event("att_1")]), "a twin");
        assert!(!held(&row(Some(2), "delivered"), &[event("att_1")]), "no such attempt");
        assert!(!held(&row(None, "delivered"), &[event("att_1")]), "the call has no row");
    }
}
