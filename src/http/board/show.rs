//! `/board`, its part that a script loads again, the older closed calls, and `/api/board`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::{Serde, Value};
use sha2::{Digest as _, Sha256};

use crate::config::TokenScope;

use super::super::calls::CallQuery;
use super::super::problem::Problem;
use super::super::request::json;
use super::super::state::HttpState;
use super::facts::Sight;
use super::kept::KeptPart;
use super::pages::{Clock, or_error, page, protect, rendered};
use super::read;
use super::view::BoardView;
use super::viewer::{Viewer, signed_in, viewer};

/// `GET /api/board`: the same as the page shows. Who may only look sees numbers masked.
pub(in crate::http) async fn document(
    State(state): State<Arc<HttpState>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let caller = state.tokens.check(&parts, TokenScope::Read)?;
    let sight = match caller.scope() {
        TokenScope::Operate => Sight::Operate,
        TokenScope::Read => Sight::Read,
        TokenScope::Dispatch => {
            let detail = "This token reads the calls that it handed over. The board needs the scope read.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("scope", "The token's scope is too small"));
        }
    };
    CallQuery::read(parts.uri.query(), &[])?;
    let view = read::view(&state, sight).await?;
    let document = serde_json::to_value(&view).map_err(|e| Problem::internal(&e))?;
    Ok(json(StatusCode::OK, &document))
}

/// `GET /board`, and with `?part=main` the part of it that changes.
pub(super) async fn board(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let query = CallQuery::read(parts.uri.query(), &["part", "pause"])?;
        if query.get("part").is_some() {
            let Some(viewer) = signed_in(&state, &parts).await? else {
                return Err(Problem::new(StatusCode::UNAUTHORIZED, "Sign in again."));
            };
            return part(&state, &viewer, parts.headers.get(header::IF_NONE_MATCH)).await;
        }
        let viewer = match viewer(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let (n, view) = read::numbered(&state, viewer.sight).await?;
        let title = view.verdict.sentence.clone();
        let shown = BoardShown { v: &view, n, paused: query.get("pause").is_some() };
        page(&state, Some(&viewer), (StatusCode::OK, "board.html", &title), Clock::of_shop(&state), shown)
    };
    or_error(&state, answer.await)
}

/// How long a part that was made is given again, where the rows are the same: it says of times what was so then.
const PART_KEPT_FOR: Duration = Duration::from_secs(1);

async fn part(state: &HttpState, viewer: &Viewer, known: Option<&HeaderValue>) -> Result<Response, Problem> {
    let part = made(state, viewer).await?;
    let is_known = known.is_some_and(|k| k.as_bytes() == part.tag.as_bytes());
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Html(part.html.to_string()).into_response(),
    };
    protect(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&part.tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    Ok(viewer.answer(response))
}

/// The part as it is now, or was a moment ago of the same rows.
async fn made(state: &HttpState, viewer: &Viewer) -> Result<KeptPart, Problem> {
    let rows = read::kept(state).await?;
    let (at, place) = (state.core.clock.boot(), usize::from(viewer.sight.operates()));
    let parts = || state.board.parts.lock().unwrap_or_else(PoisonError::into_inner);
    let is_so = |p: &KeptPart| Arc::ptr_eq(&p.of, &rows.rows) && at.saturating_sub(p.at) < PART_KEPT_FOR;
    if let Some(known) = parts().get(place).and_then(Option::as_ref).filter(|p| is_so(p)) {
        return Ok(known.clone());
    }
    let view = read::view_of(state, viewer.sight, &rows).await?;
    let shown = BoardShown { v: &view, n: rows.number, paused: false };
    let of = ("main.html", view.verdict.sentence.as_str());
    let html: Arc<str> = rendered(state, Some(viewer), of, Clock::of_shop(state), shown)?.into();
    let hash: String = Sha256::digest(html.as_bytes()).iter().take(12).map(|b| format!("{b:02x}")).collect();
    let part = KeptPart { at, of: rows.rows, html, tag: format!("\"{hash}\"") };
    if let Some(kept) = parts().get_mut(place) {
        *kept = Some(part.clone());
    }
    Ok(part)
}

#[derive(serde::Serialize)]
struct BoardShown<'a> {
    v: &'a BoardView,
    /// The number of what it shows.
    n: u64,
    /// The page is not to load itself again.
    paused: bool,
}

/// `GET /board/closed?before=`: older closed calls.
pub(super) async fn closed(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let viewer = match viewer(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let query = CallQuery::read(parts.uri.query(), &["before"])?;
        let before = query.parsed("before")?;
        let view = read::view_from(&state, viewer.sight, before).await?;
        let shown = context! { v => Value::from(Serde(&view)) };
        let of = (StatusCode::OK, "closed.html", "Closed calls of the last 7 days");
        page(&state, Some(&viewer), of, Clock::of_shop(&state), shown)
    };
    or_error(&state, answer.await)
}
