//! `/board/events`: a hint that the page has changed, and a beat that says that somebody is there. It carries the number of what
//! the page shows, and the page then loads itself.
//!
//! One task watches the store's commits for all streams, while there is one; nobody's stream asks the store. A stream ends when the
//! listener stops, before the requests under way are waited for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::super::problem::Problem;
use super::super::state::HttpState;
use super::facts::Sight;
use super::kept::Hint;
use super::pages::{or_error, protect};
use super::read;
use super::viewer::signed_in;

/// How often the store is asked whether something was committed.
const LOOKS_EVERY: Duration = Duration::from_millis(250);
/// And at least this often, where a look takes long.
const LOOKS_AT_LEAST: Duration = Duration::from_secs(2);
/// After a look the watcher rests for so many times as long.
const REST: u32 = 20;
/// The verdict counts minutes: it is made anew this often though nothing was committed.
const VERDICT_EVERY: Duration = Duration::from_secs(5);
/// A stream says this often that it lives; a page that hears nothing for 20 s says so.
const BEAT_EVERY: Duration = Duration::from_secs(8);
/// After how long a browser comes again whose stream broke off.
const RETRY: Duration = Duration::from_secs(3);

/// Looks at the store until nobody looks at a page any more.
async fn watch(state: Arc<HttpState>) {
    let clock = state.core.clock.clone();
    let (mut seen, mut made_at): (Option<u64>, Option<Duration>) = (None, None);
    loop {
        let sender = &state.board.hints.sender;
        if sender.receiver_count() == 0 || state.closing.is_cancelled() {
            return;
        }
        let boot = clock.boot();
        let is_old = made_at.is_none_or(|at| boot.saturating_sub(at) >= VERDICT_EVERY);
        // A store that cannot be read is said by the page itself, which asks.
        let version = state.core.store.version().await.unwrap_or_default();
        if seen != Some(version) || is_old {
            let (of, fresh) = look(&state).await;
            (seen, made_at) = (of, Some(boot));
            // Whoever comes because of this hint is shown nothing that was made before it.
            state.board.parts_are_old();
            sender.send_if_modified(|hint| {
                let changed = *hint != fresh;
                *hint = fresh;
                changed
            });
        }
        // However long a read of very many calls takes, reading leaves the rest of the time to the work.
        let pause = clock.boot().saturating_sub(boot).saturating_mul(REST).clamp(LOOKS_EVERY, LOOKS_AT_LEAST);
        clock.sleep_until(clock.now().plus(pause)).await;
    }
}

/// What is told now, and the commit that it is of. What was read a moment ago may be of one before the last, and then the next look
/// reads again: a change that nothing follows is not kept for later.
pub(in crate::http) async fn look(state: &HttpState) -> (Option<u64>, Hint) {
    let read = async {
        let kept = read::kept(state).await?;
        let view = read::view_of(state, Sight::Read, &kept).await?;
        Ok::<_, Problem>((Some(kept.version), Hint { number: kept.number, verdict: view.verdict.sentence }))
    };
    read.await.unwrap_or_default()
}

struct Stream {
    state: Arc<HttpState>,
    hints: tokio::sync::watch::Receiver<Hint>,
    is_first: bool,
    _seat: OwnedSemaphorePermit,
}

/// `GET /board/events`.
pub(super) async fn stream(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        if signed_in(&state, &parts).await?.is_none() {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "Sign in again."));
        }
        let seat = state.board.streams.clone().try_acquire_owned().map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are kept live. This one looks by itself.")
                .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
        })?;
        let hints = state.board.hints.subscribe(|| tokio::spawn(watch(state.clone())));
        let of = Stream { state: state.clone(), hints, is_first: true, _seat: seat };
        let mut response = Sse::new(stream::unfold(of, next)).into_response();
        protect(response.headers_mut());
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    };
    or_error(&state, answer.await)
}

async fn next(mut of: Stream) -> Option<(Result<Event, Infallible>, Stream)> {
    let closing = of.state.closing.clone();
    let clock = of.state.core.clock.clone();
    if std::mem::take(&mut of.is_first) {
        // The page compares it with what it was made of: what was committed in between is not missed.
        let number = read::numbered(&of.state, Sight::Read).await.map_or(0, |(number, _)| number);
        return Some((Ok(Event::default().event("beat").data(number.to_string()).retry(RETRY)), of));
    }
    let event = tokio::select! {
        () = closing.cancelled() => return None,
        changed = of.hints.changed() => {
            changed.ok()?;
            let hint = of.hints.borrow_and_update().clone();
            Event::default().event("change").data(hint.number.to_string())
        }
        () = clock.sleep_until(clock.now().plus(BEAT_EVERY)) => {
            let number = of.hints.borrow().number;
            Event::default().event("beat").data(number.to_string())
        }
    };
    Some((Ok(event), of))
}
