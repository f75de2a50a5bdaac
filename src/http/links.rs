//! `/l/{token}`: the page by which a contact takes a call. Opening it changes nothing, whoever opens it: a scanner, a preview. Its
//! one button does.
//!
//! The token names an attempt: its call, its reader. It holds until the call ends, 24 h at most. No token stands in a log.
//! The button takes the call as the page showed it: sent again after the call was handed back, it shows the page once more.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::domain::attempt::Attempt;
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::mail::escaped;
use crate::domain::types::Actor;

use super::problem::Problem;
use super::state::HttpState;

/// A link holds no longer than this, whatever became of its call.
const HOLDS_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Nothing of the page is kept, shown elsewhere, or loaded from elsewhere.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
];

type Token = Result<Path<String>, PathRejection>;

/// What a link leads to.
struct Target {
    state: CallState,
    attempt: Attempt,
}

/// `GET`, and `HEAD`: shows whose emergency it is and the button.
pub(super) async fn show(State(state): State<Arc<HttpState>>, token: Token) -> Result<Response, Problem> {
    shown(&state, &token.map(|Path(token)| token).unwrap_or_default()).await
}

/// The same, of a path that has that of the public URL before it.
pub(super) async fn shown(state: &HttpState, token: &str) -> Result<Response, Problem> {
    let Some(target) = target(state, token).await? else { return Ok(over()) };
    Ok(page(state, &target, None))
}

/// The token of a link at this path.
pub(super) fn token_at(path: &str) -> Option<&str> {
    path.strip_prefix("/l/").map(|token| token.trim_end_matches('/')).filter(|token| !token.contains('/'))
}

/// `POST`: the call is taken by the link's contact. Done twice changes nothing.
pub(super) async fn take(
    State(state): State<Arc<HttpState>>,
    token: Token,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    taken(&state, &token.map(|Path(token)| token).unwrap_or_default(), query.as_deref()).await
}

/// See [`take`].
pub(super) async fn taken(state: &HttpState, token: &str, query: Option<&str>) -> Result<Response, Problem> {
    let Some(target) = target(state, token).await? else { return Ok(over()) };
    if query != Some(round(&target.state.call).as_str()) {
        let since = "the call has changed since this page was opened. Look, and press again";
        return Ok(page(state, &target, Some(since)));
    }
    let (recipient, call) = (&target.attempt.recipient, &target.state.call.id);
    let by = Actor(format!("{} (link)", recipient.name));
    let event = Event::Decide {
        call: call.clone(),
        what: Decision::Acknowledge { holder: Some(recipient.contact.clone()) },
        by: by.clone(),
        note: None,
    };
    let (now, refused) = match state.core.apply(event, by).await.map_err(|e| Problem::store(&e))? {
        Answer::Changed(now) | Answer::Already(now) => (now, None),
        Answer::NotAllowed(now, why) => (now, Some(why)),
        Answer::NotFound => return Ok(over()),
        _ => return Err(Problem::bug("a decision about a call was answered with something else")),
    };
    Ok(page(state, &Target { state: *now, ..target }, refused.as_deref()))
}

/// `None`: no link of ours, or one that is over; which of them, nobody is told.
async fn target(state: &HttpState, token: &str) -> Result<Option<Target>, Problem> {
    let Some(id) = state.core.links().and_then(|links| links.read(token)) else { return Ok(None) };
    let store = &state.core.store;
    let Some(call) = store.call_by_attempt(id).await.map_err(|e| Problem::store(&e))? else { return Ok(None) };
    let Some(found) = store.call(&call).await.map_err(|e| Problem::store(&e))? else { return Ok(None) };
    let Some(attempt) = found.attempt(id).cloned() else { return Ok(None) };
    let age = state.core.clock.now().since(attempt.created_at);
    let holds = found.call.status.is_open() && age < HOLDS_FOR;
    Ok(holds.then_some(Target { state: found, attempt }))
}

/// What a button says of the call that it was shown for. A call that was handed back or opened again is in another round.
fn round(call: &Call) -> String {
    format!("round={}", call.round)
}

fn over() -> Response {
    let body = document(
        "This link is over",
        "<h1>This link is over</h1><p>The call has ended, or the link is not one of ours. Ask the office.</p>",
    );
    (StatusCode::NOT_FOUND, HEADERS, body).into_response()
}

fn page(state: &HttpState, target: &Target, refused: Option<&str>) -> Response {
    let (call, recipient) = (&target.state.call, &target.attempt.recipient);
    let directory = state.core.directory();
    let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
    let mine = call.holder.as_ref() == Some(&recipient.contact);
    let taken = call.status == CallStatus::Acknowledged;
    let head = match (taken, mine) {
        (true, true) => format!("{} is yours", call.reference),
        (true, false) => format!("{} has been taken", call.reference),
        (false, _) => format!("{} {}", call.reference, line.name),
    };
    let mut body = format!("<h1>{}</h1>", escaped(head.trim()));
    if state.settings.mode == "test" {
        body.push_str("<p><b>TEST MODE</b></p>");
    }
    if let Some(why) = refused {
        let _ = write!(body, "<p class=\"no\">Not taken: {}.</p>", escaped(why));
    }
    let name = recipient.name.as_str();
    let data = &call.data;
    let rows = [
        ("For", Some(name)),
        ("Level", Some(call.level.as_str()).filter(|l| *l != "normal")),
        ("Issue", data.issue_summary.as_deref()),
        ("Address", data.address.as_deref()),
        ("Caller", data.caller_name.as_deref()),
        ("Phone", data.caller_phone.as_deref()),
    ];
    body.push_str("<dl>");
    for (label, value) in rows {
        if let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) {
            let _ = write!(body, "<dt>{label}</dt><dd>{}</dd>", escaped(value));
        }
    }
    body.push_str("</dl>");
    if !taken {
        // The form goes to the address that the page has.
        let (round, name) = (round(call), escaped(name));
        let _ =
            write!(body, "<form method=\"post\" action=\"?{round}\"><button>Take this call as {name}</button></form>");
    }
    (StatusCode::OK, HEADERS, document(&head, &body)).into_response()
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"robots\" content=\"noindex\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title><style>\
         body{{font:18px/1.4 sans-serif;margin:24px auto;max-width:32em;padding:0 16px;color:#111;background:#fff}}\
         dt{{color:#555;font-size:14px;margin-top:10px}}dd{{margin:0;overflow-wrap:anywhere}}\
         button{{font:bold 20px sans-serif;width:100%;padding:18px;margin-top:24px;border:0;border-radius:8px;\
         background:#0a6b3d;color:#fff}}.no{{color:#a00;font-weight:bold}}</style></head><body>{body}</body></html>",
        escaped(title)
    )
}
