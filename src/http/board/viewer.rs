//! Who looks at the page: by their session, or, where no token is configured, this machine alone in a test.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::config::TokenScope;
use crate::domain::types::Actor;
use crate::ids::Ids;

use super::super::auth::{Caller, KnownToken, Peer, on_this_machine};
use super::super::problem::Problem;
use super::super::state::HttpState;
use super::facts::Sight;
use super::origin::is_own;
use super::pages::redirect;
use super::session::{Session, Way, brought, set_cookie};

/// Who looks.
pub(super) struct Viewer {
    /// As the page and the log name them.
    pub(super) name: String,
    pub(super) sight: Sight,
    pub(super) caller: Caller,
    /// Whether they signed in, and can sign out.
    pub(super) has_session: bool,
    /// The session made longer, for the answer.
    cookie: Option<String>,
}

impl Viewer {
    /// Who decides, for the log.
    pub(super) fn actor(&self) -> Actor {
        self.caller.actor(None)
    }

    /// Gives the answer the cookie that it may need.
    pub(super) fn answer(&self, mut response: Response) -> Response {
        if let Some(value) = self.cookie.as_deref().and_then(|c| HeaderValue::from_str(c).ok()) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

/// Which cookie a request may bring.
pub(super) fn way_of(parts: &Parts) -> Way {
    if on_this_machine(parts).is_ok() { Way::Local } else { Way::Secure }
}

/// The key of sessions.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn key(state: &HttpState) -> Result<[u8; 32], Problem> {
    let make = || async { state.core.store.board_key(Ids::key()).await };
    let key = state.board.key.get_or_try_init(make).await.map_err(|e| Problem::store(&e))?;
    Ok(*key)
}

/// Who looks, or `None`: they must sign in first.
///
/// # Errors
/// 401 where nobody can sign in: no token is configured, and this is no test on this machine. 503: the store cannot be read.
pub(super) async fn signed_in(state: &HttpState, parts: &Parts) -> Result<Option<Viewer>, Problem> {
    if state.tokens.is_empty() {
        return local_viewer(state, parts).map(Some);
    }
    let key = key(state).await?;
    let way = way_of(parts);
    let now = state.core.clock.now();
    let Some(session) = brought(&parts.headers, way, &key) else { return Ok(None) };
    let Some(token) = state.tokens.named(&session.name).filter(|token| session.holds(token, now)) else {
        return Ok(None);
    };
    let Some(sight) = sight_of(&token) else { return Ok(None) };
    let cookie = session.renewed(now).map(|s| set_cookie(Some(&s), way, &key));
    Ok(Some(Viewer { name: token.name.clone(), sight, caller: token.caller(), has_session: true, cookie }))
}

fn local_viewer(state: &HttpState, parts: &Parts) -> Result<Viewer, Problem> {
    let caller = on_this_machine(parts)?;
    if state.settings.mode != "test" {
        let detail = "No token is configured, so nobody can sign in. Configure one in [[server.tokens]] (name, token or token_file, \
                      scope) and open this page again.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    }
    let name = caller.actor(None).0;
    Ok(Viewer { name, sight: Sight::Operate, caller, has_session: false, cookie: None })
}

/// What a token lets its bearer see of the page; `None`: nothing, it hands calls over.
pub(super) fn sight_of(token: &KnownToken) -> Option<Sight> {
    match token.scope {
        TokenScope::Read => Some(Sight::Read),
        TokenScope::Operate => Some(Sight::Operate),
        TokenScope::Dispatch => None,
    }
}

/// Who looks; whoever must sign in is led there, and comes back to this path and its query.
///
/// # Errors
/// As [`signed_in`].
pub(super) async fn viewer(state: &HttpState, parts: &Parts) -> Result<Result<Viewer, Response>, Problem> {
    Ok(signed_in(state, parts).await?.ok_or_else(|| {
        // What a form asked for is asked for anew, on the page that its path has: its fields are gone.
        let uri = &parts.uri;
        let path = match (&parts.method, uri.path_and_query()) {
            (&Method::GET, Some(whole)) => whole.as_str(),
            _ => uri.path(),
        };
        let own = path.strip_prefix(state.settings.board.base_path.as_str()).unwrap_or(path);
        let next = percent_encoding::utf8_percent_encode(own, percent_encoding::NON_ALPHANUMERIC);
        redirect(state, &format!("/board/sign-in?next={next}"))
    }))
}

/// Who decides by a form of ours.
///
/// # Errors
/// 403: another page sent the form, or whoever looks may not decide.
pub(super) async fn decider(state: &HttpState, parts: &Parts) -> Result<Result<Viewer, Response>, Problem> {
    own_form(state, parts)?;
    let viewer = match viewer(state, parts).await? {
        Ok(viewer) => viewer,
        Err(response) => return Ok(Err(response)),
    };
    if !viewer.sight.operates() {
        let detail = "You may look, and not decide: your token has the scope read. Nothing was changed.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("scope", "The token's scope is too small"));
    }
    Ok(Ok(viewer))
}

/// That a page of ours sent a form.
///
/// # Errors
/// 403.
pub(super) fn own_form(state: &HttpState, parts: &Parts) -> Result<(), Problem> {
    if is_own(&parts.headers, state.settings.public_url.as_ref()) {
        return Ok(());
    }
    let detail = "This form was not sent by a page of ours. Nothing was changed. Open the board and try there.";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("other-origin", "The form came from another page"))
}

/// From where somebody signs in: the peer; of a trusted proxy, whom it names last, and of several one behind the other, the last that is
/// none of them. What a stranger wrote into the header stands before that, and is not read.
pub(super) fn address(state: &HttpState, parts: &Parts) -> IpAddr {
    let is_trusted = |ip: IpAddr| state.settings.board.trusted_proxies.iter().any(|p| p.contains(ip));
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), |p| p.0);
    let lines = parts.headers.get_all("x-forwarded-for").iter().rev().map(|v| v.to_str().unwrap_or_default());
    let mut named = lines.flat_map(|line| line.rsplit(',')).map(forwarded);
    let mut from = peer;
    while is_trusted(from) {
        match named.next().flatten() {
            Some(before) => from = before,
            None => break,
        }
    }
    from
}

/// Whether it is the other end of the connection itself.
pub(super) fn is_peer(parts: &Parts, address: IpAddr) -> bool {
    parts.extensions.get::<Peer>().is_some_and(|p| p.0 == address)
}

/// An address as proxies write it, with or without its port.
fn forwarded(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip());
    text.parse().ok().or_else(with_port)
}

/// Begins a session, and leads on.
pub(super) async fn begin(
    state: &HttpState,
    parts: &Parts,
    token: &KnownToken,
    next: &str,
) -> Result<Response, Problem> {
    let key = key(state).await?;
    let session = Session::begin(token, state.core.clock.now());
    let cookie = set_cookie(Some(&session), way_of(parts), &key);
    let mut response = redirect(state, next).into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}
