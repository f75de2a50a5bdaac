//! What a person decides on the page: the same events as those of `/api` and the commands. A form carries the call's version: what was
//! decided about a call that has changed since is not done, and the page shows what the call is now.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::domain::Settlement;
use crate::domain::call::{CallState, CallStatus, CallVersion};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::{AttemptId, CallId, ContactId};

use super::super::calls::short_text;
use super::super::problem::Problem;
use super::super::request::{body, form};
use super::super::state::HttpState;
use super::call_page::{Told, call_named, no_such_call, story_page};
use super::call_view::Action;
use super::confirm::call_of_attempt;
use super::pages::{encoded, or_error, redirect};
use super::read::forget;
use super::viewer::{Viewer, decider};

const NOTE_MAX: usize = 1_000;
const NAME_MAX: usize = 128;

/// The fields of a form, each once.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    }

    fn text(&self, name: &'static str, max: usize) -> Result<Option<String>, Problem> {
        self.get(name).map_or(Ok(None), |text| short_text(name, Value::String(text.to_owned()), max))
    }
}

/// `POST /board/calls/{id}/{action}`.
pub(super) async fn act(
    State(state): State<Arc<HttpState>>,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, raw) = request.into_parts();
    let answer = async {
        let viewer = match decider(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let raw = body(&state, raw).await?;
        let fields = Fields(form(&raw).map_err(Problem::bad_request)?);
        let Path((name, action)) = names.map_err(|_| no_such_call())?;
        let id = call_named(&state, Ok(Path(name))).await?;
        let by = viewer.actor();
        let note = fields.text("note", NOTE_MAX)?;
        let version = || {
            let version = fields.get("v").map(CallVersion::given);
            version.ok_or_else(|| Problem::bad_request("The form does not say what it was made for."))
        };
        let event = if action == "settle" {
            let (attempt, how) = settlement(&state, &id, &fields).await?;
            Event::Settle { attempt, how, seen: Some(version()?), by: by.clone(), note }
        } else {
            let unknown = || Problem::new(StatusCode::NOT_FOUND, "There is no such thing to do.");
            let what = decision(&state, &viewer, &id, Action::read(&action).ok_or_else(unknown)?, &fields).await?;
            let what = Decision::AsSeen { version: version()?, what: Box::new(what) };
            Event::Decide { call: id.clone(), what, by: by.clone(), note }
        };
        let answer = state.decide(event, by).await?;
        forget(&state).await;
        answered(&state, &viewer, &id, &action, answer).await
    };
    or_error(&state, answer.await)
}

async fn answered(
    state: &HttpState,
    viewer: &Viewer,
    id: &CallId,
    action: &str,
    answer: Answer,
) -> Result<Response, Problem> {
    let to = |said: &str| redirect(state, &format!("/board/calls/{}?said={said}", encoded(id.as_str())));
    match answer {
        Answer::Changed(_) => Ok(viewer.answer(to(action))),
        Answer::Already(_) => Ok(viewer.answer(to("already"))),
        Answer::NotAllowed(now, why) => {
            let refused = format!("Nothing was done: {why}. It is {} now.", in_words(&now));
            story_page(state, viewer, id, Told::Refused(refused)).await
        }
        Answer::NotFound => Err(no_such_call()),
        _ => Err(Problem::bug("a decision was answered with something else")),
    }
}

fn in_words(state: &CallState) -> String {
    let name = state.call.holder.as_ref().map(|id| {
        let told = state.attempts.iter().find(|a| &a.recipient.contact == id);
        told.map_or_else(|| id.to_string(), |a| a.recipient.name.clone())
    });
    let by = name.map(|name| format!(" by {name}")).unwrap_or_default();
    match state.call.status {
        CallStatus::Acknowledged => format!("taken{by}"),
        CallStatus::Dispatching if state.call.held().is_some() => "held by quiet hours".to_owned(),
        CallStatus::Dispatching => "looking for somebody".to_owned(),
        status => status.as_str().to_lowercase(),
    }
}

async fn decision(
    state: &HttpState,
    viewer: &Viewer,
    id: &CallId,
    action: Action,
    fields: &Fields,
) -> Result<Decision, Problem> {
    Ok(match action {
        Action::Take => {
            let you = state.core.directory().contact_named(&viewer.name).map(|c| c.id.clone());
            Decision::Acknowledge { holder: you }
        }
        Action::TakeFor => {
            let text = fields.text("contact", NAME_MAX)?;
            let text = text.ok_or_else(|| Problem::bad_request("Nobody was chosen. Nothing was done."))?;
            Decision::Acknowledge { holder: Some(contact(state, id, &text).await?) }
        }
        Action::Resolve => Decision::Resolve,
        Action::Reopen => Decision::Reopen,
        Action::Raise => Decision::Raise { level: fields.text("level", NAME_MAX)? },
        Action::Seen => Decision::Seen,
        Action::Cancel => Decision::Cancel,
    })
}

/// Somebody that is configured, or that the call has told.
async fn contact(state: &HttpState, id: &CallId, text: &str) -> Result<ContactId, Problem> {
    let unknown = || Problem::bad_request("There is no such contact. Nothing was done.");
    let asked: ContactId = text.parse().map_err(|_| unknown())?;
    if state.core.directory().contact(&asked).is_some() {
        return Ok(asked);
    }
    let call = state.core.store.call(id).await.map_err(|e| Problem::store(&e))?.ok_or_else(no_such_call)?;
    if call.attempts.iter().any(|a| a.recipient.contact == asked) { Ok(asked) } else { Err(unknown()) }
}

async fn settlement(state: &HttpState, id: &CallId, fields: &Fields) -> Result<(AttemptId, Settlement), Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is no such text. Nothing was done.");
    let attempt: AttemptId = fields.get("attempt").and_then(|a| a.parse().ok()).ok_or_else(none)?;
    if call_of_attempt(state, attempt).await?.as_ref() != Some(id) {
        return Err(none());
    }
    let how = match fields.get("how") {
        Some("not-sent") => Settlement::NotSent,
        Some("resend") => Settlement::Resend,
        Some("sent") => {
            let wrong = || {
                Problem::bad_request(
                    "A message's SID is SM and 32 characters, as the provider's console shows it. Nothing was done.",
                )
            };
            Settlement::Sent(fields.get("sid").and_then(|s| s.parse().ok()).ok_or_else(wrong)?)
        }
        _ => return Err(Problem::bad_request("The form does not say what became of the text. Nothing was done.")),
    };
    Ok((attempt, how))
}
