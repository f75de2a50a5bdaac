//! Sinks of alerts in a scenario: `well`, `hanging` and `slow` are the sandbox's, at `dead` nobody listens.
//!
//! `[[then.sinks]]` says of one how many alerts it was told of as raised, each once; how late at most; and how many messages a
//! minute at most.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::documents::{list, text, time};
use super::outcome::Check;
use super::then::SinkThen;
use super::world::World;

/// Keys of the alerts that a sink (any of them) was told of in this state.
pub(super) fn keys(heard: &Value, by: Option<&str>, state: &str) -> Vec<String> {
    let of = |m: &&Value| by.is_none_or(|by| text(m, "sink") == by) && text(m, "state") == state;
    list(heard, "alerts").iter().filter(of).flat_map(|m| list(m, "alerts")).map(|a| text(a, "key").to_owned()).collect()
}

/// What each sink was told, against what it should have been.
pub(super) async fn checks(then: &[SinkThen], world: &mut World) -> Vec<Check> {
    if then.is_empty() {
        return Vec::new();
    }
    let heard = match world.control("GET", "alerts", &Value::Null).await {
        Ok(heard) => heard,
        Err(e) => return vec![Check::of("what sinks were told can be read", false, e.to_string())],
    };
    then.iter().flat_map(|s| of_one(s, &heard)).collect()
}

fn of_one(then: &SinkThen, heard: &Value) -> Vec<Check> {
    let name = &then.name;
    let messages: Vec<&Value> = list(heard, "alerts").iter().filter(|m| text(m, "sink") == name).collect();
    let mut checks = Vec::new();
    if let Some(n) = then.alerts {
        let told = keys(heard, Some(name), "raised");
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for key in &told {
            *times.entry(key).or_default() += 1;
        }
        let twice: BTreeSet<&str> = times.iter().filter(|(_, n)| **n > 1).map(|(k, _)| *k).take(5).collect();
        let found = format!("{} alerts in {} messages; more than once: {twice:?}", times.len(), messages.len());
        checks.push(Check::of(
            format!("{name} is told of {n} alerts, each once"),
            times.len() == n && twice.is_empty(),
            found,
        ));
    }
    if let Some(within) = then.within {
        let late = messages.iter().filter(|m| text(m, "state") == "raised").filter_map(|m| {
            let raised = list(m, "alerts").iter().filter_map(|a| time(a, "raisedAt")).min()?;
            Some(time(m, "heardAt")?.since(raised))
        });
        let latest = late.max().unwrap_or_default();
        checks.push(Check::of(
            format!("{name} is told within {} ms", within.as_millis()),
            latest <= within,
            format!("after {} ms at the latest", latest.as_millis()),
        ));
    }
    if let Some(most) = then.per_minute {
        let mut times: Vec<_> = messages.iter().filter_map(|m| time(m, "heardAt")).collect();
        times.sort_unstable();
        let minute = Duration::from_secs(60);
        let in_minute = |from: usize| times.iter().skip(from).take_while(|t| t.since(times[from]) < minute).count();
        let found = (0..times.len()).map(in_minute).max().unwrap_or_default();
        checks.push(Check::of(
            format!("{name} gets {most} messages a minute at most"),
            found <= most,
            found.to_string(),
        ));
    }
    checks
}
