//! The calls as the program tells them: by its API while an engine runs, else by its command; and the store itself, for what no
//! command tells or does.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::World;
use crate::reliability::documents::{list, text};
use crate::store::{self, Store, StoreMode, StoreSettings};

/// How long the store's writer is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// How many calls the API lists a page.
const LISTED_MAX: usize = 1_000;
/// How many calls are read at the same time.
const STORIES_AT_ONCE: usize = 8;
/// Kinds of log entries that are looked at in every call.
const COUNTED: [&str; 4] = ["attempt.unknown", "attempt.failed", "step.fired", "step.skipped"];

impl World {
    /// The store, beside whoever works on it; to be closed.
    pub(in crate::reliability) async fn open_store(&self) -> Result<std::sync::Arc<dyn Store>, String> {
        let settings = StoreSettings { busy_timeout: BUSY, ..StoreSettings::of(self.location(), StoreMode::Test) };
        let opened = tokio::task::spawn_blocking(move || store::open(settings)).await;
        opened.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }

    /// The story of a call, if there is one; from the engine where one answers, else by `status`.
    pub(in crate::reliability) async fn story(&mut self, call: &str) -> Result<Option<Value>, String> {
        if self.engine_runs() {
            let (status, body) = self.ask("GET", &format!("/api/calls/{call}"), "", None).await?;
            return match status {
                200 => serde_json::from_str(&body).map(Some).map_err(|e| format!("{call}: no JSON: {e}")),
                404 => Ok(None),
                other => Err(format!("/api/calls/{call} answered {other}")),
            };
        }
        let (code, out, err) = self.run(&["status", call, "-o", "json"].map(str::to_owned)).await?;
        match code {
            0 => serde_json::from_str(&out).map(Some).map_err(|e| format!("{call}: no JSON: {e}")),
            3 => Ok(None),
            other => Err(format!("`status {call}` ended with exit {other}: {err}")),
        }
    }

    /// Roll calls as stories are told: their texts are no call's, and the ledger has them all the same. None where nobody is asked.
    async fn roll_calls(&mut self) -> Result<Vec<Value>, String> {
        if self.given.config.get("oncall").and_then(|o| o.get("roll_call")).is_none() {
            return Ok(Vec::new());
        }
        let (code, out, err) = self.run(&["oncall", "roll-call", "-o", "json"].map(str::to_owned)).await?;
        let told: Value = match code {
            0 | 1 => serde_json::from_str(&out).map_err(|e| format!("roll calls: no JSON: {e}"))?,
            other => return Err(format!("`oncall roll-call` ended with exit {other}: {err}")),
        };
        let story = |r: &Value| json!({ "callId": r.get("id"), "status": "ROLL-CALL", "attempts": r.get("attempts"), "log": [] });
        Ok(list(&told, "rollCalls").iter().map(story).collect())
    }

    /// Texts of alerts as stories are told, for the same reason. None where no owner is named.
    async fn alert_texts(&mut self) -> Result<Vec<Value>, String> {
        if self.given.config.get("alerts").and_then(|a| a.get("owners")).is_none() {
            return Ok(Vec::new());
        }
        let (code, out, err) = self.run(&["alerts", "-o", "json"].map(str::to_owned)).await?;
        let told: Value = match code {
            0 => serde_json::from_str(&out).map_err(|e| format!("alerts: no JSON: {e}"))?,
            other => return Err(format!("`alerts` ended with exit {other}: {err}")),
        };
        let texts = list(&told, "texts");
        let story = || json!({ "callId": "texts of alerts", "status": "ALERTS", "attempts": texts, "log": [] });
        Ok((!texts.is_empty()).then(story).into_iter().collect())
    }

    /// The stories of all calls; whole those that are `named`.
    pub(in crate::reliability) async fn stories(&mut self, named: &[String]) -> Result<Vec<Value>, String> {
        let ids_of = |page: &Value| -> Vec<String> {
            list(page, "calls").iter().map(|c| text(c, "callId").to_owned()).collect()
        };
        let mut stories = Vec::new();
        if !self.engine_runs() {
            for id in ids_of(&self.overview().await?) {
                stories.extend(self.story(&id).await?);
            }
            stories.extend(self.roll_calls().await?);
            stories.extend(self.alert_texts().await?);
            return Ok(stories);
        }
        let mut asked = self.roll_calls().await?;
        asked.extend(self.alert_texts().await?);
        let this = &*self;
        let (mut ids, mut before) = (Vec::new(), String::new());
        loop {
            let page = this.get(&format!("/api/calls?limit={LISTED_MAX}&before={before}")).await?;
            ids.extend(ids_of(&page));
            match page.get("next").and_then(Value::as_str) {
                Some(next) => before = next.to_owned(),
                None => break,
            }
        }
        let ask = ids.into_iter().map(|id| async move { this.get(&format!("/api/calls/{id}")).await });
        let mut answers = futures_util::stream::iter(ask).buffered(STORIES_AT_ONCE);
        while let Some(story) = answers.next().await {
            stories.push(essential(story?, named));
        }
        stories.extend(asked);
        Ok(stories)
    }
}

/// What a judge looks at; of the log of a call that nobody named, what is counted. Thousands of whole stories would be hundreds
/// of MiB.
fn essential(mut story: Value, named: &[String]) -> Value {
    let is_named = named.iter().any(|n| n == text(&story, "callId"));
    let Some(map) = story.as_object_mut() else { return story };
    map.retain(|key, _| key != "receipts" && key != "policy");
    if let Some(log) = map.get_mut("log").and_then(Value::as_array_mut).filter(|_| !is_named) {
        log.retain(|e| COUNTED.contains(&text(e, "kind")));
        for entry in log.iter_mut().filter_map(Value::as_object_mut) {
            entry.retain(|key, _| matches!(key.as_str(), "kind" | "at" | "attemptId" | "data"));
        }
        log.shrink_to_fit();
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looks_at_is_not_kept() {
        let story = json!({ "callId": "c1", "receipts": [1], "policy": {}, "attempts": [{ "attemptId": "a" }], "log": [
            { "kind": "step.fired", "at": "t", "message": "m", "seq": 1, "data": { "nextDue": "d" } },
            { "kind": "call.accepted", "at": "t", "message": "m", "actor": "api", "data": {} },
        ] });
        let kept = json!({ "callId": "c1", "attempts": [{ "attemptId": "a" }], "log": [
            { "kind": "step.fired", "at": "t", "data": { "nextDue": "d" } },
        ] });
        assert_eq!(essential(story.clone(), &["c2".into()]), kept);
        assert_eq!(essential(story.clone(), &["c1".into()])["log"], story["log"]);
    }
}
