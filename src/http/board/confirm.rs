//! The page that asks before somebody is texted: what will happen, and who reads of it. It is found out by deciding and storing nothing.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::domain::Settlement;
use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::{AttemptId, CallId};
use crate::engine::next_step::who;

use super::super::calls::CallQuery;
use super::super::problem::Problem;
use super::super::state::HttpState;
use super::call_page::{call_named, call_now, no_such_call};
use super::call_view::{Action, BoardCall};
use super::pages::{Clock, or_error, page};
use super::troubles::{Trouble, troubles};
use super::viewer::{Viewer, viewer};

/// So many people are offered as who takes a call.
const PEOPLE_MAX: usize = 200;

/// Somebody who will read of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Reader {
    name: String,
    to: String,
    what: &'static str,
}

#[derive(Debug, Serialize)]
struct Asked {
    c: BoardCall,
    /// What does not work now.
    trouble: Vec<Trouble>,
    /// Whether it is known who would read of it.
    is_known: bool,
    action: &'static str,
    /// As the page names it.
    heading: String,
    button: &'static str,
    readers: Vec<Reader>,
    /// Why it cannot be done.
    refused: Option<String>,
    people: Vec<Person>,
    levels: Vec<String>,
    /// What follows besides.
    then: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Person {
    id: String,
    name: String,
    told: bool,
}

#[derive(Debug, Serialize)]
struct Settled {
    c: BoardCall,
    /// What does not work now.
    trouble: Vec<Trouble>,
    /// Whether it is known who would read of either.
    is_known: bool,
    /// Who gets a text where it was not sent.
    others: Vec<Reader>,
    attempt: String,
    reference: String,
    name: String,
    readers: Vec<Reader>,
    refused: Option<String>,
}

/// `GET /board/calls/{id}/{action}`.
pub(super) async fn show(
    State(state): State<Arc<HttpState>>,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let viewer = match viewer(&state, &parts).await? {
            Ok(viewer) => viewer,
            Err(response) => return Ok(response),
        };
        let Path((name, action)) = names.map_err(|_| no_such_call())?;
        let id = call_named(&state, Ok(Path(name))).await?;
        let query = CallQuery::read(parts.uri.query(), &["attempt"])?;
        let found = state.core.store.call(&id).await.map_err(|e| Problem::store(&e))?.ok_or_else(no_such_call)?;
        let call = call_now(&state, &found, viewer.sight).await?;
        if !viewer.sight.operates() {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "You may look, and not decide: your token has the scope read.",
            ));
        }
        if action == "settle" {
            return settle(&state, &viewer, &found, call, query.parsed("attempt")?).await;
        }
        let action =
            Action::read(&action).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "There is no such page."))?;
        ask(&state, &viewer, &found, call, action).await
    };
    or_error(&state, answer.await)
}

async fn ask(
    state: &HttpState,
    viewer: &Viewer,
    found: &CallState,
    call: BoardCall,
    action: Action,
) -> Result<Response, Problem> {
    let what = match action {
        // Who takes it is asked here: nobody is known yet.
        Action::TakeFor | Action::Take => None,
        Action::Resolve => Some(Decision::Resolve),
        Action::Reopen => Some(Decision::Reopen),
        Action::Raise => Some(Decision::Raise { level: None }),
        Action::Seen => Some(Decision::Seen),
        Action::Cancel => Some(Decision::Cancel),
    };
    let (readers, refused) = match what {
        None => (Some(Vec::new()), (!call.actions.contains(&action)).then(|| format!("the call is {}", call.status))),
        Some(what) => {
            let id = found.call.id.clone();
            let event = Event::Decide { call: id, what, by: viewer.actor(), note: None };
            readers(state, viewer, found, event).await
        }
    };
    let (heading, button, then) = match action {
        Action::Take => ("Take it yourself?", "I take it", None),
        Action::TakeFor => ("Who takes it?", "", None),
        Action::Resolve => ("Is it done?", "Yes, resolved", None),
        Action::Reopen if call.holder.is_some() => {
            ("Hand it back?", "Yes, look for somebody again", Some("The ladder begins again, with everybody."))
        }
        Action::Reopen => {
            ("Open it again?", "Yes, look for somebody again", Some("The ladder begins again, with everybody."))
        }
        Action::Raise => {
            ("Wake somebody for it?", "Yes, raise it", Some("A ladder begins at the level that you choose."))
        }
        Action::Seen => ("Tick it off as seen?", "Yes, I have seen it", None),
        Action::Cancel => ("Cancel this call?", "Yes, cancel it", None),
    };
    let directory = state.core.directory();
    let (line, _) = directory.line(found.call.data.twilio_to_number.as_deref());
    let levels = if action == Action::Raise { directory.levels(line) } else { Vec::new() };
    let clock = Clock::of(state, directory.zone(line));
    let title = format!("{} {heading}", call.reference);
    let asked = Asked {
        trouble: troubles(state).await,
        is_known: readers.is_some(),
        action: action.as_str(),
        heading: heading.to_owned(),
        button,
        readers: readers.unwrap_or_default(),
        refused,
        people: if action == Action::TakeFor { people(state, found) } else { Vec::new() },
        levels,
        then,
        c: call,
    };
    page(state, Some(viewer), (StatusCode::OK, "confirm.html", &title), clock, asked)
}

/// Those who were told first, then everybody who is known.
fn people(state: &HttpState, found: &CallState) -> Vec<Person> {
    let mut all: Vec<Person> = Vec::new();
    for a in found.attempts.iter().filter(|a| a.kind == AttemptKind::Notice) {
        let id = a.recipient.contact.to_string();
        if !all.iter().any(|p| p.id == id) {
            all.push(Person { id, name: a.recipient.name.clone(), told: true });
        }
    }
    for c in &state.core.directory().contacts {
        let id = c.id.to_string();
        if !all.iter().any(|p| p.id == id) {
            all.push(Person { id, name: c.name.clone(), told: false });
        }
    }
    all.truncate(PEOPLE_MAX);
    all
}

async fn settle(
    state: &HttpState,
    viewer: &Viewer,
    found: &CallState,
    c: BoardCall,
    attempt: Option<AttemptId>,
) -> Result<Response, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is no such text.");
    let id = attempt.ok_or_else(none)?;
    let a = found.attempt(id).ok_or_else(none)?;
    let said = |how| Event::Settle { attempt: id, how, seen: None, by: viewer.actor(), note: None };
    let (others, _) = readers(state, viewer, found, said(Settlement::NotSent)).await;
    let (readers, refused) = readers(state, viewer, found, said(Settlement::Resend)).await;
    let is_open = a.state == AttemptState::Unknown;
    let directory = state.core.directory();
    let (line, _) = directory.line(found.call.data.twilio_to_number.as_deref());
    let clock = Clock::of(state, directory.zone(line));
    let title = format!("{} What became of the text?", c.reference);
    let settled = Settled {
        attempt: id.to_string(),
        reference: a.reference(&found.call.reference),
        name: a.recipient.name.clone(),
        is_known: readers.is_some() && others.is_some(),
        readers: readers.unwrap_or_default(),
        others: others.unwrap_or_default(),
        trouble: troubles(state).await,
        refused: refused.or_else(|| (!is_open).then(|| format!("this text is {}, not unknown", a.state))),
        c,
    };
    page(state, Some(viewer), (StatusCode::OK, "settle.html", &title), clock, settled)
}

/// Who would read of a decision, or why it is none; `None`: nobody can say at this moment.
async fn readers(
    state: &HttpState,
    viewer: &Viewer,
    before: &CallState,
    event: Event,
) -> (Option<Vec<Reader>>, Option<String>) {
    let mut answer = state.core.answer_unstored(event.clone(), viewer.actor()).await;
    if matches!(answer, Some(Answer::Outdated)) && state.core.refresh().await.is_ok() {
        answer = state.core.answer_unstored(event, viewer.actor()).await;
    }
    match answer {
        Some(Answer::Changed(after)) => {
            let mut all = those_after(before, &after);
            all.extend(those_of_a_new_round(state, before, &after).await);
            (Some(all), None)
        }
        Some(Answer::NotAllowed(_, why)) => (Some(Vec::new()), Some(why)),
        Some(Answer::Already(_)) => (Some(Vec::new()), Some("it is so already".to_owned())),
        _ => (None, None),
    }
}

fn those_after(before: &CallState, after: &CallState) -> Vec<Reader> {
    let new = after.attempts.iter().filter(|a| before.attempt(a.id).is_none() && a.state.is_waiting());
    new.map(|a| Reader {
        name: a.recipient.name.clone(),
        to: a.recipient.phone.to_string(),
        what: match a.kind {
            AttemptKind::Notice => "is told of it",
            AttemptKind::StandDown => "is told that it is over",
            AttemptKind::Answer | AttemptKind::Update => "is told what has changed",
            AttemptKind::Question => "is asked whether it goes on",
        },
    })
    .collect()
}

/// Whom the first step of a ladder tells that begins by the decision: it fires right after it.
async fn those_of_a_new_round(state: &HttpState, before: &CallState, after: &CallState) -> Vec<Reader> {
    if after.call.round == before.call.round || after.call.status != CallStatus::Dispatching {
        return Vec::new();
    }
    let opt_outs = state.core.store.opt_outs().await.unwrap_or_default();
    let at = after.call.wake_at.unwrap_or_else(|| state.core.clock.now());
    let who = who(&after.call, at, &opt_outs, &state.core.directory());
    let told = who.names.into_iter().map(|name| Reader { name, to: String::new(), what: "is told of it" });
    told.collect()
}

/// The call of a decision about a text.
pub(super) async fn call_of_attempt(state: &HttpState, attempt: AttemptId) -> Result<Option<CallId>, Problem> {
    state.core.store.call_by_attempt(attempt).await.map_err(|e| Problem::store(&e))
}
