//! Problem documents (RFC 9457): what a caller is told, and apart from it what the log is told.

use std::any::Any;
use std::error::Error;
use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::store::StoreError;

/// An answer that is an error. As a response it has no body yet: [`super::request::finish`] writes it with the request's id.
#[derive(Debug, Clone)]
pub(super) struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    /// The last part of the type's URN and the title; `None`: `about:blank` with the status's own words.
    kind: Option<(&'static str, &'static str)>,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl Problem {
    /// A problem that its status says enough about. `detail` is for the caller: no secret, no inner cause.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            kind: None,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// With a type of its own.
    pub(super) fn kind(mut self, name: &'static str, title: &'static str) -> Self {
        self.0.kind = Some((name, title));
        self
    }

    /// With a further member of the document.
    pub(super) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The rest of the request is not read: the connection ends with this answer.
    pub(super) fn closing(self) -> Self {
        self.header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// A bug or something broken: the cause goes to the log alone.
    pub(super) fn internal(cause: &dyn Error) -> Self {
        let mut p = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something is broken here. The log has the cause under this request id.",
        );
        p.0.cause = Some(chain(cause));
        p
    }

    /// Something of ours that cannot be.
    pub(super) fn bug(what: &'static str) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}: a bug")]
        struct Bug(&'static str);
        Self::internal(&Bug(what))
    }

    /// What the store could not do. Making the same request again is harmless in every case.
    pub(super) fn store(error: &StoreError) -> Self {
        let (detail, retry_after) = match error {
            StoreError::Busy => ("The store is busy. Nothing was recorded; make the same request again.", "1"),
            StoreError::Full { .. } | StoreError::Denied { .. } => {
                ("The store cannot write. Nothing was recorded; make the same request again.", "5")
            }
            StoreError::Closed => {
                ("This instance is stopping. Nothing was recorded; make the same request again.", "5")
            }
            StoreError::Broken { .. } => {
                ("The store failed. Whether this was recorded is not known; the same request again is harmless.", "30")
            }
            StoreError::Unreachable { .. } => {
                ("The store cannot be reached. Nothing was recorded; make the same request again.", "1")
            }
            StoreError::ReadOnly { .. } => {
                ("The store takes no writes. Nothing was recorded; make the same request again.", "1")
            }
            StoreError::Fenced => {
                ("Another instance is the engine now. Nothing was recorded; make the same request again.", "1")
            }
            StoreError::Unsure { .. } => {
                ("Whether this was recorded is not known; the same request again is harmless.", "1")
            }
            StoreError::Open { .. }
            | StoreError::Newer { .. }
            | StoreError::OtherMode { .. }
            | StoreError::WrongFile { .. }
            | StoreError::Exists { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Refused { .. } => return Self::internal(error),
        };
        let mut p = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .kind("store-unavailable", "The store cannot write")
            .header(header::RETRY_AFTER, HeaderValue::from_static(retry_after));
        p.0.cause = Some(chain(error));
        p
    }

    /// The store's file is not in its place: what would be accepted now could be gone with this process.
    pub(super) fn store_file(what: &str) -> Self {
        let detail = format!("{what}. Nothing was recorded; make the same request again once it is back in its place.");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .kind("store-file", "The store's file is not in its place")
            .header(header::RETRY_AFTER, HeaderValue::from_static("30"))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the caller is told.
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// For the log: never holds what a caller sent.
    pub(super) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    pub(super) fn document(&self, request_id: &str, mode: &str) -> Value {
        let inner = &self.0;
        let (kind, title) = match inner.kind {
            Some((name, title)) => (format!("urn:dispatchctl:problem:{name}"), title),
            None => ("about:blank".to_owned(), inner.status.canonical_reason().unwrap_or("Error")),
        };
        let mut document = json!({
            "type": kind,
            "title": title,
            "status": inner.status.as_u16(),
            "detail": inner.detail,
            "requestId": request_id,
            "mode": mode,
        });
        if let Some(map) = document.as_object_mut() {
            map.extend(inner.members.clone());
        }
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(self.0.headers.iter().cloned().collect::<HeaderMap>());
        response.extensions_mut().insert(self);
        response
    }
}

/// An error and what it came from, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        let _ = write!(text, ": {e}");
        next = e.source();
    }
    text
}

pub(super) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method; see the Allow header.")
}

/// The panic's own words are not repeated: they may hold anything.
pub(super) fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::bug("the request's handler panicked").into_response()
}
