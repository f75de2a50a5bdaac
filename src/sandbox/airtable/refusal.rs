//! An answer of Airtable's: a refusal in one of its forms, or what is sent.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::sandbox::faults::{Fault, On, Shape};

/// An error answer.
#[derive(Debug)]
pub(super) struct AirtableRefusal {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) message: Option<String>,
    pub(super) shape: Shape,
    /// The fault that is to blame.
    pub(super) by: Option<u64>,
}

impl AirtableRefusal {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        Self { status, kind: kind.to_owned(), message: Some(message.into()), shape: Shape::Object, by: None }
    }

    /// Without a message.
    pub(super) fn silent(status: u16, kind: &str) -> Self {
        Self { status, kind: kind.to_owned(), message: None, shape: Shape::Object, by: None }
    }

    pub(super) fn not_found() -> Self {
        Self { shape: Shape::Text, ..Self::silent(404, "NOT_FOUND") }
    }

    pub(super) fn record_not_found() -> Self {
        Self::new(404, "MODEL_ID_NOT_FOUND", "Record not found")
    }

    pub(super) fn row_does_not_exist(id: &str) -> Self {
        Self::new(422, "ROW_DOES_NOT_EXIST", format!("Record ID {id} does not exist in this table"))
    }

    /// No access, or no such thing: deliberately one answer.
    pub(super) fn no_model() -> Self {
        let text = "Invalid permissions, or the requested model was not found. Check that both your user and your token \
                    have the required permissions, and that the model names and/or ids are correct.";
        Self::new(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", text)
    }

    pub(super) fn no_permission() -> Self {
        Self::new(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")
    }

    pub(super) fn unknown_field(name: &str) -> Self {
        Self::new(422, "UNKNOWN_FIELD_NAME", format!("Unknown field name: \"{name}\""))
    }

    pub(super) fn unknown_request(what: &str) -> Self {
        let text = format!("Invalid request: parameter validation failed. Check your request data. ({what})");
        Self::new(422, "INVALID_REQUEST_UNKNOWN", text)
    }

    pub(super) fn records(new: bool) -> Self {
        let ids = if new { "" } else { " an \"id\" ID field and" };
        let text = format!(
            "You must provide an array of up to 10 record objects, each with{ids} a \"fields\" object for cell values."
        );
        Self::new(422, "INVALID_RECORDS", text)
    }

    pub(super) fn too_many() -> Self {
        let text = "Rate limit exceeded. Please try again later";
        Self { shape: Shape::List, ..Self::new(429, "RATE_LIMIT_REACHED", text) }
    }

    /// What a fault asks for.
    pub(super) fn by(fault: &Fault, on: On) -> Self {
        let status = fault.status.unwrap_or(503);
        let mut refusal = match status {
            401 => Self::new(401, "AUTHENTICATION_REQUIRED", "Authentication required"),
            403 if on == On::AirtableWrite => Self::no_permission(),
            403 => Self::no_model(),
            404 => Self::not_found(),
            422 => Self::unknown_request("refused by the sandbox"),
            429 => Self::too_many(),
            502 => Self { shape: Shape::Html, ..Self::silent(502, "BAD_GATEWAY") },
            503 => Self::new(503, "RETRIABLE_ERROR", "The server could not process your request in time."),
            _ => Self::silent(status, "SERVER_ERROR"),
        };
        if let Some(kind) = &fault.error_type {
            refusal.kind.clone_from(kind);
            refusal.message = None;
        }
        refusal.message = fault.message.clone().or(refusal.message);
        refusal.shape = fault.shape.unwrap_or(refusal.shape);
        refusal
    }

    pub(super) fn reply(&self) -> AirtableReply {
        let (kind, message) = (&self.kind, &self.message);
        let body = match (self.shape, message) {
            (Shape::Html, _) => {
                let page = format!("<html><head><title>{}</title></head><body>nginx</body></html>", self.status);
                return AirtableReply {
                    status: self.status,
                    html: true,
                    body: page.into_bytes(),
                    wait: None,
                    retry_after: None,
                };
            }
            (Shape::Text, _) => json!({ "error": kind }),
            (Shape::Object, Some(m)) => json!({ "error": { "type": kind, "message": m } }),
            (Shape::Object, None) => json!({ "error": { "type": kind } }),
            (Shape::List, m) => json!({ "errors": [{ "error": kind, "message": m }] }),
        };
        AirtableReply::json(self.status, &body)
    }
}

/// What is sent.
pub(super) struct AirtableReply {
    pub(super) status: u16,
    pub(super) html: bool,
    pub(super) body: Vec<u8>,
    pub(super) wait: Option<Duration>,
    pub(super) retry_after: Option<u32>,
}

impl AirtableReply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, html: false, body: body.to_string().into_bytes(), wait: None, retry_after: None }
    }

    pub(super) fn template(self) -> ResponseTemplate {
        let kind = if self.html { "text/html" } else { "application/json; charset=utf-8" };
        let mut template = ResponseTemplate::new(self.status).set_body_raw(self.body, kind);
        if let Some(seconds) = self.retry_after {
            template = template.insert_header("Retry-After", seconds.to_string().as_str());
        }
        match self.wait {
            Some(wait) => template.set_delay(wait),
            None => template,
        }
    }
}
