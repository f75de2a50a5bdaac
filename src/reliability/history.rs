//! What a storm saw, as a file of JSON lines for a judge that knows nothing of this program: `tests/checker/` reads it.
//!
//! Each line is an object with a `kind`; times are RFC 3339 in UTC by the clock of the machine. In this order:
//!
//! | `kind` | what it says | its fields |
//! |---|---|---|
//! | `history` | the first line | `version` (1), `name`, `seed`, `lateAfterMs`: what may pass before a text that is due counts as late |
//! | `down` | the service did not work | `from`, `to` |
//! | `asked` | a client handed a call over | `call`, `at`, `answeredAt` and `answer` (an HTTP status; null where no answer came) |
//! | `text` | the provider accepted a text | `sid`, `at`, `to`, `body`; the first word of the body is the reference of its attempt |
//! | `call` | what the service answers of a call in the end | `call`, `reference`, `status`, `attempts`, `steps`, `doubted` |
//! | `end` | the last line | `lines`: how many there are, this one included |
//!
//! An attempt has `reference`, `attemptKind` (`notice`, `stand-down`, `answer`, `update`, `question`), `state`, `to`, `round`, `step`
//! (from 1), `contact`, `repeats` (the reference of the attempt that it repeats, or null) and `createdAt`; attempts that are no texts
//! are left out. A step that fired has `round`, `step`, `due` and `at`. `doubted` names the attempts that failed or were unknown at
//! some time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::domain::Timestamp;

use super::documents::{list, text, texts};

/// What may pass in a storm before a text that is due counts as late, in milliseconds: each wait for a provider that misbehaves
/// ends within this.
const LATE_AFTER_MS: u64 = 30_000;

/// What clients asked for, in the order of the answers. Shared by all that hand calls over.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Vec<Value>>>);

impl Asked {
    /// A call was handed over between these moments; `answer`: the status, where one came.
    pub(super) fn note(&self, call: &str, (at, answered_at): (Timestamp, Timestamp), answer: Option<u16>) {
        let line = json!({ "kind": "asked", "call": call, "at": at, "answeredAt": answered_at, "answer": answer });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn lines(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is written of one storm.
pub(super) struct History<'a> {
    pub(super) name: &'a str,
    pub(super) seed: u64,
    pub(super) down: &'a [(Timestamp, Timestamp)],
    pub(super) asked: &'a Asked,
    /// As `GET /_sandbox/ledger` gives it.
    pub(super) ledger: &'a Value,
    /// As `GET /api/calls/{id}` gives them.
    pub(super) stories: &'a [Value],
}

impl History<'_> {
    /// The whole file.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![json!({ "kind": "history", "version": 1, "name": self.name, "seed": self.seed,
            "lateAfterMs": LATE_AFTER_MS })];
        lines.extend(self.down.iter().map(|(from, to)| json!({ "kind": "down", "from": from, "to": to })));
        lines.extend(self.asked.lines());
        let accepted = |m: &Value| {
            json!({ "kind": "text", "sid": text(m, "sid"), "at": text(m, "createdAt"), "to": text(m, "to"),
                "body": text(m, "body") })
        };
        lines.extend(texts(self.ledger).map(accepted));
        lines.extend(self.stories.iter().map(call));
        lines.push(json!({ "kind": "end", "lines": lines.len() + 1 }));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Writes it, in place of what is there.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("the history cannot be written to {}: {e}", file.display());
        std::fs::write(file, self.text()).map_err(failed)
    }
}

fn call(story: &Value) -> Value {
    let attempts = list(story, "attempts");
    let reference = |id: &str| attempts.iter().find(|a| text(a, "attemptId") == id).map(|a| text(a, "reference"));
    let attempt = |a: &Value| {
        json!({ "reference": text(a, "reference"), "attemptKind": text(a, "kind"), "state": text(a, "attemptState"),
            "to": text(a, "to"), "round": a.get("round"), "step": a.get("step"), "contact": text(a, "contact"),
            "repeats": a.get("repeats").and_then(Value::as_str).and_then(reference), "createdAt": text(a, "createdAt") })
    };
    let log = |kind: &'static str| list(story, "log").iter().filter(move |e| text(e, "kind") == kind);
    let fired = |e: &Value| {
        let data = e.get("data").cloned().unwrap_or_default();
        json!({ "round": data.get("round"), "step": data.get("step"), "due": data.get("due"), "at": text(e, "at") })
    };
    let doubted = log("attempt.unknown").chain(log("attempt.failed"));
    json!({
        "kind": "call", "call": text(story, "callId"), "reference": text(story, "reference"), "status": text(story, "status"),
        "attempts": attempts.iter().filter(|a| text(a, "channel") == "sms").map(attempt).collect::<Vec<_>>(),
        "steps": log("step.fired").map(fired).collect::<Vec<_>>(),
        "doubted": doubted.filter_map(|e| reference(text(e, "attemptId"))).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_came_and_the_last_how_many_there_are() {
        let story = json!({ "callId": "c1", "reference": "7K3Q", "status": "ACKNOWLEDGED", "attempts": [
            { "attemptId": "att_1", "reference": "7K3Q-1", "kind": "notice", "attemptState": "unknown", "channel": "sms", "round": 1,
              "step": 1, "contact": "sam", "to": "+19495550101", "repeats": null, "createdAt": "2026-01-01T00:00:00.000Z" },
            { "attemptId": "att_2", "reference": "7K3Q-2", "kind": "notice", "attemptState": "delivered", "channel": "sms", "round": 1,
              "step": 1, "contact": "sam", "to": "+19495550101", "repeats": "att_1", "createdAt": "2026-01-01T00:01:00.000Z" },
            { "attemptId": "att_3", "reference": "7K3Q-3", "channel": "voice" } ],
            "log": [ { "kind": "attempt.unknown", "attemptId": "att_1" },
                { "kind": "step.fired", "at": "2026-01-01T00:00:00.000Z", "data": { "round": 1, "step": 1, "due": "2026-01-01T00:00:00.000Z" } } ] });
        let asked = Asked::default();
        let at = Timestamp::from_millis(1_700_000_000_000);
        asked.note("c1", (at, at), Some(202));
        asked.note("c2", (at, at), None);
        let ledger = json!({ "messages": [
            { "direction": "outbound-api", "sid": "SM1", "to": "+19495550101", "body": "7K3Q-1 leak", "createdAt": "t" },
            { "direction": "inbound", "sid": "SM2" } ] });
        let history =
            History { name: "storm", seed: 7, down: &[(at, at)], asked: &asked, ledger: &ledger, stories: &[story] };
        let lines: Vec<Value> =
            history.text().lines().map(|l| serde_json::from_str(l).expect("each line is JSON")).collect();
        let kinds: Vec<&str> = lines.iter().map(|l| text(l, "kind")).collect();
        assert_eq!(kinds, ["history", "down", "asked", "asked", "text", "call", "end"]);
        assert_eq!((&lines[3]["answer"], &lines[6]["lines"]), (&Value::Null, &json!(7)));
        assert_eq!((&lines[5]["attempts"][1]["repeats"], &lines[5]["doubted"]), (&json!("7K3Q-1"), &json!(["7K3Q-1"])));
        assert_eq!(list(&lines[5], "attempts").len(), 2, "a phone call is no text");
    }
}
