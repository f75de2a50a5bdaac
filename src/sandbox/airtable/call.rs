//! A request to the base, decoded, and what came of it.

use serde_json::{Map, Value};
use wiremock::Request;

use super::base::Change;
use super::refusal::AirtableRefusal;
use crate::sandbox::faults::On;

/// The one view that each table has.
pub(super) const VIEW: &str = "Grid view";

/// A request that was done, or will be once its change is in the journal.
pub(super) struct AirtableAnswer {
    pub(super) body: Value,
    pub(super) change: Option<Change>,
}

impl AirtableAnswer {
    pub(super) fn read(body: Value) -> Self {
        Self { body, change: None }
    }
}

/// A request, decoded.
pub(super) struct Call {
    pub(super) method: String,
    /// After `/v0/`, empty ones left out.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) json: bool,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn of(request: &Request) -> Self {
        let path = request.url.path().strip_prefix("/v0/").unwrap_or("");
        let kind = request.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
        Self {
            method: request.method.to_string(),
            segments: path.split('/').filter(|s| !s.is_empty()).map(decoded).collect(),
            query: request.url.query_pairs().into_owned().collect(),
            json: kind.to_ascii_lowercase().contains("json"),
            body: request.body.clone(),
        }
    }

    /// The body, which must be an object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, AirtableRefusal> {
        if !self.json {
            let text = "Could not find the request's fields: its content type is not application/json";
            return Err(AirtableRefusal::new(422, "INVALID_REQUEST_MISSING_FIELDS", text));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            _ => Err(AirtableRefusal::new(400, "BAD_REQUEST", "Could not parse request body")),
        }
    }

    pub(super) fn on(&self) -> On {
        match (self.method.as_str(), self.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            (_, ["meta", ..]) => On::AirtableMeta,
            ("GET", _) | ("POST", [_, _, "listRecords"]) => On::AirtableRead,
            _ => On::AirtableWrite,
        }
    }

    /// The base that it is about.
    pub(super) fn base(&self) -> Option<&str> {
        match self.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["meta", "bases", base, ..] => Some(base),
            ["meta", ..] => None,
            [base, ..] => Some(base),
            [] => None,
        }
    }
}

/// A path segment without its percent signs; a plus stays one.
fn decoded(segment: &str) -> String {
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
