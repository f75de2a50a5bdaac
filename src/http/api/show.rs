//! `GET /openapi.json`: the API described, in the words of OpenAPI 3.1. It names no line, no person and no secret, so nobody needs a token.

use std::sync::Arc;

use axum::Extension;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// The description, written once when the router is built: the table of routes, which it is made of, names this route too.
#[derive(Debug, Clone)]
pub(in crate::http) struct Description(pub(in crate::http) Arc<str>);

pub(super) async fn show(Extension(description): Extension<Description>) -> Response {
    // A page of documents at another place may read it: there is nothing in it but what the manual says.
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.1"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (StatusCode::OK, headers, description.0.to_string()).into_response()
}
