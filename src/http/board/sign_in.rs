//! Signing in: by a token that is pasted, or by a link that works once. A page that shows the link's button uses nothing up: whatever
//! reads mails opens links.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use minijinja::context;
use sha2::{Digest as _, Sha256};
use tracing::{info, warn};

use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;

use super::super::auth::KnownToken;
use super::super::calls::CallQuery;
use super::super::problem::Problem;
use super::super::request::{body, form};
use super::super::state::HttpState;
use super::pages::{Clock, or_error, page, redirect};
use super::session::set_cookie;
use super::viewer::{address, begin, is_peer, key, own_form, sight_of, signed_in, way_of};

/// Longer than any token.
const TOKEN_MAX: usize = 4_096;

/// `GET /board/sign-in?next=`.
pub(super) async fn show(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let query = CallQuery::read(parts.uri.query(), &["next"])?;
        let next = own_path(query.get("next"));
        if signed_in(&state, &parts).await?.is_some() {
            return Ok(redirect(&state, next));
        }
        form_page(&state, &parts, StatusCode::OK, next, None)
    };
    or_error(&state, answer.await)
}

/// `POST /board/sign-in`, with a token.
pub(super) async fn by_token(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, raw) = request.into_parts();
    let answer = async {
        own_form(&state, &parts)?;
        let raw = body(&state, raw).await?;
        let fields = form(&raw).map_err(Problem::bad_request)?;
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let next = own_path(field("next"));
        let from = address(&state, &parts);
        let given = field("token").unwrap_or_default().trim();
        let known = if given.len() <= TOKEN_MAX { state.tokens.known(given.as_bytes()) } else { None };
        // A right one is let in whatever was wrong before it: nobody keeps the owner out by guessing. `/api` takes the same tokens
        // without a pause: what keeps guessers out is that a token is long.
        let Some(token) = known else {
            if let Err(wait) = state.board.throttle.admit(from, state.core.clock.boot()) {
                return slowed_down(&state, &parts, next, wait);
            }
            wrong(&state, &parts, from).await;
            let why = "This token is not known. Paste it whole, without a blank.";
            return form_page(&state, &parts, StatusCode::UNAUTHORIZED, next, Some(why));
        };
        enter(&state, &parts, &token, next).await
    };
    or_error(&state, answer.await)
}

/// `GET /board/link/{token}`: whom it signs in, and the button that does.
pub(super) async fn link(State(state): State<Arc<HttpState>>, token: Result<Path<String>, PathRejection>) -> Response {
    let answer = async {
        // Nobody guesses 256 bits: a dead link counts for no wrong sign-in, or any page of the web could keep the owner out.
        let token = token.map(|Path(token)| token).unwrap_or_default();
        let now = state.core.clock.now();
        let found = state.core.store.board_link(&digest_of(&token), now).await.map_err(|e| Problem::store(&e))?;
        let Some(name) = found.filter(|name| state.tokens.named(name).is_some()) else {
            return Err(link_is_over());
        };
        let shown = context! { name => name, action => format!("/board/link/{token}") };
        page(&state, None, (StatusCode::OK, "link.html", "Sign in"), Clock::of_shop(&state), shown)
    };
    or_error(&state, answer.await)
}

/// `POST /board/link/{token}`: the link is used up.
pub(super) async fn by_link(
    State(state): State<Arc<HttpState>>,
    token: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        own_form(&state, &parts)?;
        let token = token.map(|Path(token)| token).unwrap_or_default();
        let now = state.core.clock.now();
        let used = state.core.store.use_board_link(&digest_of(&token), now).await.map_err(|e| Problem::store(&e))?;
        let Some(token) = used.and_then(|name| state.tokens.named(&name)) else {
            return Err(link_is_over());
        };
        enter(&state, &parts, &token, "/board").await
    };
    or_error(&state, answer.await)
}

/// `POST /board/sign-out`.
pub(super) async fn out(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        own_form(&state, &parts)?;
        let mut response = redirect(&state, "/board/sign-in");
        let cookie = set_cookie(None, way_of(&parts), &key(&state).await?);
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        Ok(response)
    };
    or_error(&state, answer.await)
}

async fn enter(state: &HttpState, parts: &Parts, token: &KnownToken, next: &str) -> Result<Response, Problem> {
    state.board.throttle.right(address(state, parts));
    if sight_of(token).is_none() {
        let why = "This token hands calls over. The board needs one with the scope read or operate.";
        return form_page(state, parts, StatusCode::FORBIDDEN, next, Some(why));
    }
    info!(actor = token.name, "somebody signed in to the board");
    begin(state, parts, token, next).await
}

fn form_page(
    state: &HttpState,
    parts: &Parts,
    status: StatusCode,
    next: &str,
    why: Option<&str>,
) -> Result<Response, Problem> {
    // Browsers keep no secure cookie of a page that came plainly over a network.
    let is_plain = !is_secure(state, parts);
    let shown = context! { next => next, why => why, is_plain => is_plain };
    page(state, None, (status, "sign_in.html", "Sign in"), Clock::of_shop(state), shown)
}

/// As far as anybody can tell from here: a proxy says so, or it is this machine itself.
fn is_secure(state: &HttpState, parts: &Parts) -> bool {
    let said =
        |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let host = said("host");
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let is_here = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    let is_public = state
        .settings
        .public_url
        .as_ref()
        .is_some_and(|url| url.scheme() == "https" && url.host_str().is_some_and(|h| h.eq_ignore_ascii_case(name)));
    is_here || is_public || said("x-forwarded-proto") == "https" || said("forwarded").contains("proto=https")
}

fn slowed_down(state: &HttpState, parts: &Parts, next: &str, wait: Duration) -> Result<Response, Problem> {
    let seconds = wait.as_secs().saturating_add(1);
    let why = format!("Too many wrong sign-ins. Try again in {seconds} s.");
    let mut response = form_page(state, parts, StatusCode::TOO_MANY_REQUESTS, next, Some(&why))?;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}

/// It costs time from now on, and a person is told once an hour.
async fn wrong(state: &HttpState, parts: &Parts, from: IpAddr) {
    if !state.board.throttle.wrong(from, state.core.clock.boot()) {
        return;
    }
    warn!("many sign-ins to the board were wrong");
    let is_trusted = state.settings.board.trusted_proxies.iter().any(|p| p.contains(from));
    let proxy = match parts.headers.contains_key("x-forwarded-for") && !is_trusted && is_peer(parts, from) {
        true => ", which seems to be a proxy that server.trusted_proxies does not name",
        false => "",
    };
    let message = format!(
        "sign-ins to the board fail again and again, the last from {from}{proxy}: somebody guesses, or has an old token. Nobody came in by \
         it; see that the board is reached only by whom it is meant for"
    );
    let change = AlertChange::Raise { key: AlertKind::BoardSignIns.into(), call: None, message };
    if let Err(e) = state.core.apply(Event::Alert(change), Actor::engine()).await {
        warn!(error = %e, "the alert of wrong sign-ins could not be written");
    }
}

fn link_is_over() -> Problem {
    let detail = "This link is over: it works once, for 15 minutes. Make another with `dispatchctl board link NAME`, or sign in with your token.";
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// What of a link is kept.
pub(super) fn digest_of(token: &str) -> String {
    Sha256::digest(token).iter().map(|b| format!("{b:02x}")).collect()
}

/// Where to go after signing in: a page of ours, or the board.
fn own_path(next: Option<&str>) -> &str {
    let is_own = |path: &&str| {
        let rest = path.strip_prefix("/board");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
            && !path.split('?').next().unwrap_or_default().contains("//")
            && !["/board/events", "/board/link", "/board/sign-"].iter().any(|other| path.starts_with(other))
    };
    next.filter(is_own).unwrap_or("/board")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_place_by_signing_in() {
        for (next, want) in [
            (None, "/board"),
            (Some("/board"), "/board"),
            (Some("/board/calls/c%2F1"), "/board/calls/c%2F1"),
            (Some("/board?pause=1"), "/board?pause=1"),
            (Some("/board/calls/c1/settle?attempt=att_1"), "/board/calls/c1/settle?attempt=att_1"),
            (Some("/board/closed?before=a%2F%2Fb//c"), "/board/closed?before=a%2F%2Fb//c"),
            (Some("/boards"), "/board"),
            (Some("/board?\r\nset-cookie: a=b"), "/board"),
            (Some("/board/link/l1"), "/board"),
            (Some("/board/sign-out"), "/board"),
            (Some("//evil.example"), "/board"),
            (Some("/board//evil"), "/board"),
            (Some("https://evil.example/board"), "/board"),
            (Some("/board/\\evil"), "/board"),
            (Some("/board/\r\nset-cookie: a=b"), "/board"),
            (Some("/board/events"), "/board"),
        ] {
            assert_eq!(own_path(next), want, "{next:?}");
        }
    }
}
