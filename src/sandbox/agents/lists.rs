//! What the platforms list, and how they refuse to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::description::Platform;
use crate::domain::Timestamp;
use crate::sandbox::answer::Response;

pub(super) const RETELL: &str = "/v3/list-calls";
pub(super) const VAPI: &str = "/call";
/// Phone calls that one platform lists at most.
const LISTED_MAX: usize = 10_000;

/// How a list is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListRefusal {
    platform: Platform,
    /// 200 with a body of noise is refused too.
    #[serde(default = "throttled")]
    status: u16,
    /// In seconds.
    #[serde(default)]
    retry_after: Option<u32>,
    /// Sent in place of a list.
    #[serde(default)]
    body: String,
    /// How often; until another refusal takes its place where absent, and 0 ends it.
    #[serde(default)]
    times: Option<u32>,
}

const fn throttled() -> u16 {
    429
}

/// A phone call in a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) started: Timestamp,
    pub(super) item: Value,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Lists {
    calls: BTreeMap<Platform, Vec<Listed>>,
    refusals: BTreeMap<Platform, ListRefusal>,
    asked: BTreeMap<&'static str, u64>,
}

impl Lists {
    /// In order of their start.
    pub(super) fn list(&mut self, platform: Platform, id: &str, (started, item): (Timestamp, Value)) {
        let calls = self.calls.entry(platform).or_default();
        calls.retain(|c| c.id != id);
        if calls.len() < LISTED_MAX {
            calls.push(Listed { id: id.to_owned(), started, item });
        }
        calls.sort_by_key(|c| c.started);
    }

    pub(super) fn of(&self, platform: Platform) -> &[Listed] {
        self.calls.get(&platform).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn refuse(&mut self, refusal: ListRefusal) -> Result<(), String> {
        if !(200..600).contains(&refusal.status) {
            return Err("status: 200 to 599".to_owned());
        }
        self.refusals.insert(refusal.platform, refusal);
        Ok(())
    }

    /// Counts a question; its refusal, where it is refused.
    pub(super) fn asked(&mut self, platform: Platform) -> Option<Response> {
        let name = match platform {
            Platform::Retell => "retell",
            Platform::Vapi => "vapi",
            Platform::Twilio => "twilio",
        };
        *self.asked.entry(name).or_default() += 1;
        let refusal = self.refusals.get_mut(&platform)?;
        match &mut refusal.times {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let mut answer = ResponseTemplate::new(refusal.status).set_body_string(refusal.body.clone());
        if let Some(seconds) = refusal.retry_after {
            answer = answer.insert_header("Retry-After", seconds.to_string().as_str());
        }
        Some(Response::Send(answer))
    }

    /// As the control shows it.
    pub(in crate::sandbox) fn shown(&self) -> Value {
        json!({ "asked": self.asked })
    }
}

/// Whether a request is for a list of Retell's or Vapi's.
pub(in crate::sandbox) fn is_list(request: &Request) -> bool {
    matches!(request.url.path(), RETELL | VAPI)
}

/// Any bearer key is taken, and none is not.
pub(super) fn is_authorized(request: &Request) -> bool {
    let given = request.headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    given.strip_prefix("Bearer ").is_some_and(|key| !key.trim().is_empty())
}

pub(super) fn send(status: u16, body: &Value) -> Response {
    Response::Send(ResponseTemplate::new(status).set_body_raw(body.to_string().into_bytes(), "application/json"))
}
