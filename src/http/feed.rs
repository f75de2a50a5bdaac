//! `/oncall/{secret}.ics`: who is on call, for the calendars of people. The secret names the feed; whoever has none, or one of before,
//! gets 404. It stands in no log, and no phone number is in what it shows.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::engine::oncall::feed::text;

use super::problem::Problem;
use super::state::HttpState;

/// As long as a secret of ours, in hex.
const SECRET: usize = 64;
/// What calendar programs may keep: shorter than they ask again by themselves.
const HEADERS: [(header::HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
    (header::CACHE_CONTROL, "private, max-age=300"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// `GET`, and `HEAD`.
pub(super) async fn show(
    State(state): State<Arc<HttpState>>,
    file: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let file = file.map(|Path(file)| file).unwrap_or_default();
    shown(&state, file.strip_suffix(".ics").unwrap_or_default()).await
}

/// The secret of a feed at this path.
pub(super) fn secret_at(path: &str) -> Option<&str> {
    path.strip_prefix("/oncall/")?.trim_end_matches('/').strip_suffix(".ics").filter(|secret| !secret.contains('/'))
}

/// The same, of a path that has that of the public URL before it.
pub(super) async fn shown(state: &HttpState, secret: &str) -> Result<Response, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is nothing at this path.");
    if secret.len() != SECRET || !secret.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(none());
    }
    let found = state.core.store.feed_by_secret(secret).await.map_err(|e| Problem::store(&e))?;
    let of = found.ok_or_else(none)?.of;
    // Whoever asks a hundred times a second waits, and the engine's own work does not.
    let Ok(_turn) = state.feeds.acquire().await else { return Err(none()) };
    let (directory, now) = (state.core.directory(), state.core.clock.now());
    let made = tokio::task::spawn_blocking(move || text(&directory, &of, now)).await;
    let text = made.map_err(|_| Problem::bug("a feed of who is on call could not be made"))?.ok_or_else(none)?;
    Ok((StatusCode::OK, HEADERS, text).into_response())
}
