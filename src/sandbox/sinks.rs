//! The sandbox as a sink of alerts: it keeps what it is told, and plays sinks that hang or take one message a second.
//!
//! `POST /_sandbox/alerts` and `/_sandbox/alerts/well` take all; `/hanging` answers after a minute and keeps nothing; `/slow`
//! takes one message a second and answers the others 429 with `Retry-After: 1`. A dead one is a port where nobody listens.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::state::Shared;
use crate::clock::Clock as _;

/// Where alerts are told.
pub(super) const PATH: &str = "/_sandbox/alerts";
/// How long a sink that hangs takes to answer: longer than anybody waits.
const HANGS: Duration = Duration::from_secs(60);
/// The slow sink's pace.
const SLOW: Duration = Duration::from_secs(1);

/// Answers a message; `None`: there is no such sink.
pub(super) fn answer(shared: &Shared, request: &Request) -> Option<ResponseTemplate> {
    let rest = request.url.path().strip_prefix(PATH)?;
    let name = if rest.is_empty() { "" } else { rest.strip_prefix('/')? };
    if !["", "well", "hanging", "slow"].contains(&name) {
        return None;
    }
    if name == "hanging" {
        return Some(ResponseTemplate::new(204).set_delay(HANGS));
    }
    let Ok(mut message) = serde_json::from_slice::<Value>(&request.body) else {
        return Some(ResponseTemplate::new(400).set_body_string("no JSON"));
    };
    let now = shared.clock.boot();
    let mut state = shared.state();
    if name == "slow" {
        if state.sinks.taken.is_some_and(|at| now.saturating_sub(at) < SLOW) {
            state.sinks.refused += 1;
            return Some(ResponseTemplate::new(429).insert_header("Retry-After", "1"));
        }
        state.sinks.taken = Some(now);
    }
    if let Some(fields) = message.as_object_mut().filter(|_| !name.is_empty()) {
        fields.insert("sink".into(), name.into());
        fields.insert("heardAt".into(), json!(shared.clock.now()));
    }
    state.sinks.keep(message);
    let kept = json!({ "heard": state.sinks.kept.len() });
    Some(ResponseTemplate::new(200).set_body_raw(kept.to_string().into_bytes(), "application/json"))
}
