//! `/board/oncall`: who is on call and next, gaps, and the form by which somebody stands in for a while. Nobody is texted by it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::domain::oncall::{OverrideId, OverrideKind};
use crate::domain::team::Directory;
use crate::engine::oncall::making::{OverrideRequest, read as read_override};
use crate::engine::wake::WakeSignal;

use super::super::calls::CallQuery;
use super::super::problem::Problem;
use super::super::request::{body, form};
use super::super::state::HttpState;
use super::duties::OnCallView;
use super::pages::{Clock, or_error, page, redirect};
use super::read::{self, forget};
use super::viewer::{Viewer, decider, viewer};

/// A word that a form sends once, so that sent twice it makes one exception.
const KEY_MAX: usize = 64;

#[derive(Debug, Serialize)]
struct SwapShown {
    on_call: OnCallView,
    what: Vec<Choice>,
    people: Vec<Choice>,
    /// Made once with the page.
    key: String,
    said: bool,
    refused: Option<String>,
    chosen: Chosen,
}

#[derive(Debug, Default, Serialize)]
struct Chosen {
    what: String,
    who: String,
    from: String,
    until: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    label: String,
}

/// `GET /board/oncall`.
pub(super) async fn show(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let viewer = match viewer(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let query = CallQuery::read(parts.uri.query(), &["said"])?;
        swap_page(&state, &viewer, (StatusCode::OK, query.get("said").is_some(), None), Chosen::default()).await
    };
    or_error(&state, answer.await)
}

/// `POST /board/oncall`: somebody stands in.
pub(super) async fn make(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let (parts, raw) = request.into_parts();
    let answer = async {
        let viewer = match decider(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let raw = body(&state, raw).await?;
        let fields = form(&raw).map_err(Problem::bad_request)?;
        let field = |name: &str| {
            let found = fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim().to_owned());
            found.filter(|v| !v.is_empty())
        };
        let chosen = Chosen {
            what: field("what").unwrap_or_default(),
            who: field("who").unwrap_or_default(),
            from: field("from").unwrap_or_default(),
            until: field("until").unwrap_or_default(),
            note: field("note").unwrap_or_default(),
        };
        let (rotation, line, role) = of_choice(&chosen.what);
        let key = field("key").filter(|k| k.len() <= KEY_MAX && k.bytes().all(|b| b.is_ascii_alphanumeric()));
        let asked = OverrideRequest {
            rotation,
            line,
            role,
            kind: OverrideKind::Take,
            contact: chosen.who.clone(),
            from: field("from"),
            until: chosen.until.clone(),
            note: chosen.note.clone(),
            source: key.map(|key| format!("board:{}:{key}", viewer.name)),
        };
        match keep(&state, &viewer, &asked).await? {
            None => Ok(viewer.answer(redirect(&state, "/board/oncall?said=made"))),
            Some(why) => swap_page(&state, &viewer, (StatusCode::BAD_REQUEST, false, Some(why)), chosen).await,
        }
    };
    or_error(&state, answer.await)
}

/// Makes it durable; `Some`: why it is not made.
async fn keep(state: &HttpState, viewer: &Viewer, asked: &OverrideRequest) -> Result<Option<String>, Problem> {
    state.core.refresh().await.map_err(|e| Problem::store(&e))?;
    let (directory, now) = (state.core.directory(), state.core.clock.now());
    if let Some(source) = &asked.source
        && let Some(before) = state.core.store.override_by_source(source).await.map_err(|e| Problem::store(&e))?
    {
        let is_the_same = before.asked.as_ref().is_none_or(|hash| *hash == asked.hash());
        return Ok(match is_the_same && before.withdrawn.is_none() {
            true => None,
            false => Some(
                "An earlier swap of this form was made with other words, or was withdrawn. Nothing was changed: fill it in once more."
                    .to_owned(),
            ),
        });
    }
    let id = OverrideId::from_uuid(state.core.ids.uuid(now));
    let new = match read_override(&directory, asked, id, &viewer.actor().0, now) {
        Ok(new) => new,
        Err(e) => return Ok(Some(format!("{}; {}. Nothing was changed.", e.what, e.hint))),
    };
    state.core.store.make_override(&new).await.map_err(|e| Problem::store(&e))?;
    state.core.refresh().await.map_err(|e| Problem::store(&e))?;
    forget(state).await;
    state.core.wake.notify(WakeSignal::OnCall);
    Ok(None)
}

async fn swap_page(
    state: &HttpState,
    viewer: &Viewer,
    (status, said, refused): (StatusCode, bool, Option<String>),
    chosen: Chosen,
) -> Result<Response, Problem> {
    let view = read::view(state, viewer.sight).await?;
    let directory = state.core.directory();
    let key = state.core.ids.uuid(state.core.clock.now()).simple().to_string();
    let people = directory.contacts.iter().map(|c| Choice { value: c.id.to_string(), label: c.name.clone() });
    let shown = SwapShown {
        what: choices(&directory, &view.on_call),
        people: people.collect(),
        on_call: view.on_call,
        key,
        said,
        refused,
        chosen,
    };
    page(state, Some(viewer), (status, "swap.html", "On call"), Clock::of_shop(state), shown)
}

/// What somebody can stand in for: a rotation, else a role of a line.
fn choices(directory: &Directory, view: &OnCallView) -> Vec<Choice> {
    let rotations = directory
        .rotations
        .iter()
        .map(|r| Choice { value: format!("rotation/{}", r.id.as_str()), label: format!("rotation {}", r.id.as_str()) });
    let roles = view.duties.iter().map(|d| Choice {
        value: format!("role/{}/{}", d.line.as_deref().unwrap_or_default(), d.role),
        label: format!("{} of {}", d.role, d.line_name),
    });
    rotations.chain(roles).collect()
}

/// A rotation, or a line and a role.
fn of_choice(value: &str) -> (Option<String>, Option<String>, Option<String>) {
    if let Some(rotation) = value.strip_prefix("rotation/") {
        return (Some(rotation.to_owned()), None, None);
    }
    let of_role = value.strip_prefix("role/").and_then(|rest| rest.split_once('/'));
    match of_role {
        Some((line, role)) => (None, Some(line.to_owned()).filter(|l| !l.is_empty()), Some(role.to_owned())),
        None => (None, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_rotation_or_a_role_of_a_line() {
        let some = |text: &str| Some(text.to_owned());
        for (value, want) in [
            ("rotation/night", (some("night"), None, None)),
            ("role//primary", (None, None, some("primary"))),
            ("role/+18005550100/owner", (None, some("+18005550100"), some("owner"))),
            ("", (None, None, None)),
            ("role/x", (None, None, None)),
        ] {
            assert_eq!(of_choice(value), want, "{value}");
        }
    }
}
