//! What every request goes through: an id, bounds on its body, and one way out.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument as _, debug, debug_span, error, warn};

use super::problem::Problem;
use super::state::{BODY_MAX, DISPATCH_BODY_MAX, HttpState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, and turns what became of it into the answer that the caller sees and the line that the log gets.
pub(super) async fn finish(State(state): State<Arc<HttpState>>, request: Request, next: Next) -> Response {
    let id = state.request_ids.next();
    let span = debug_span!("request", request.id = id, method = %request.method());
    finished(next.run(request).instrument(span).await, &id, state.settings.mode)
}

/// See [`finish`].
pub(super) fn finished(mut response: Response, id: &str, mode: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (status, cause) = (problem.status().as_u16(), problem.cause().unwrap_or_default());
        match problem.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                error!(request.id = id, status, cause, "a request could not be served")
            }
            s if s.is_server_error() => warn!(request.id = id, status, cause, "a request could not be served"),
            _ => debug!(request.id = id, status, "a request was refused"),
        }
        let document = problem.document(id, mode).to_string();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // The length of the empty body, where one was set, is not that of the document.
        headers.remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(document);
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A JSON answer; never cached, as it tells of people.
pub(super) fn json(status: StatusCode, document: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, document.to_string()).into_response()
}

/// A header that may be there once at most.
///
/// # Errors
/// 400 where it comes twice or holds other than visible ASCII characters.
pub(super) fn once<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let (first, None) = (all.next(), all.next()) else {
        return Err(Problem::bad_request(format!("The header {name} is given more than once.")));
    };
    let text = first.map(HeaderValue::to_str).transpose();
    text.map_err(|_| Problem::bad_request(format!("The header {name} holds characters that are not allowed.")))
}

/// Checks the media type, its parameters aside.
///
/// # Errors
/// 415, also where there is none.
pub(super) fn media_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let given = match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().unwrap_or_default(),
        _ => "",
    };
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The body must be {wanted}.")))
    }
}

/// Reads a body of at most [`BODY_MAX`] bytes whole, within its bounds of size and time.
///
/// # Errors
/// 413, 408, or 400 where it broke off.
pub(super) async fn body(state: &HttpState, body: Body) -> Result<Bytes, Problem> {
    check_announced(&body, BODY_MAX)?;
    let read = tokio::time::timeout(state.settings.limits.body, Limited::new(body, BODY_MAX).collect());
    match read.await {
        Err(_) => Err(too_slow()),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(BODY_MAX)),
        Ok(Err(_)) => Err(broke_off()),
    }
}

/// The body of a dispatch, and its seat among the large ones: kept until the document is read, so that few are in memory at once.
pub(super) struct DispatchBody<'a> {
    pub(super) raw: Vec<u8>,
    _seat: Option<SemaphorePermit<'a>>,
}

/// Reads the body of a dispatch of at most [`DISPATCH_BODY_MAX`] bytes. One of more than [`BODY_MAX`] bytes waits for a seat; the
/// wait counts into the time that a body may take.
///
/// # Errors
/// 413, 408, 503 where no seat became free in time, or 400 where it broke off.
pub(super) async fn dispatch_body(state: &HttpState, body: Body) -> Result<DispatchBody<'_>, Problem> {
    seated_body(state, &state.large_bodies, body).await
}

/// Reads the report of a voice agent's platform; as [`dispatch_body`].
pub(super) async fn report_body(state: &HttpState, body: Body) -> Result<DispatchBody<'_>, Problem> {
    seated_body(state, &state.large_reports, body).await
}

async fn seated_body<'a>(state: &HttpState, seats: &'a Semaphore, mut body: Body) -> Result<DispatchBody<'a>, Problem> {
    check_announced(&body, DISPATCH_BODY_MAX)?;
    let (mut raw, mut seat) = (Vec::new(), None);
    let mut waits_for_a_seat = false;
    let read = tokio::time::timeout(state.settings.limits.body, async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| broke_off())?;
            let Some(data) = frame.data_ref() else { continue };
            let length = raw.len().saturating_add(data.len());
            if length > DISPATCH_BODY_MAX {
                return Err(too_large(DISPATCH_BODY_MAX));
            }
            if length > BODY_MAX && seat.is_none() {
                waits_for_a_seat = true;
                seat = Some(seats.acquire().await.map_err(|_| no_seat())?);
                waits_for_a_seat = false;
            }
            raw.extend_from_slice(data);
        }
        Ok(())
    });
    match read.await {
        Err(_) if waits_for_a_seat => Err(no_seat()),
        Err(_) => Err(too_slow()),
        Ok(done) => done.map(|()| DispatchBody { raw, _seat: seat }),
    }
}

/// Where its length is announced, nobody has to send it in vain.
fn check_announced(body: &Body, most: usize) -> Result<(), Problem> {
    match usize::try_from(body.size_hint().lower()) {
        Ok(announced) if announced <= most => Ok(()),
        _ => Err(too_large(most)),
    }
}

fn too_large(most: usize) -> Problem {
    let detail = format!("The body is larger than {most} bytes. Nothing was done.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).closing()
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time. Nothing was done.").closing()
}

fn broke_off() -> Problem {
    Problem::bad_request("The body broke off. Nothing was done.").closing()
}

fn no_seat() -> Problem {
    let detail =
        format!("Other dispatches of more than {BODY_MAX} bytes are being read. Nothing was done; send it again.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).closing()
}

/// Decodes a form strictly: every pair in order, each name and value decoded once.
///
/// # Errors
/// A sentence where an escape is not one or the text is not UTF-8: lenient decoding would make two forms look like one.
pub(super) fn form(raw: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    let pairs = raw.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut parts = pair.splitn(2, |b| *b == b'=');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(raw: &[u8]) -> Result<String, &'static str> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return Err("a percent escape is not one");
                };
                u8::try_from(high * 16 + low).map_err(|_| "a percent escape is not one")?
            }
            plain => *plain,
        });
    }
    String::from_utf8(out).map_err(|_| "it is not UTF-8")
}
