//! `/api/calls` and `/api/log`: what is known of calls, and what people decide about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::config::TokenScope;
use crate::domain::call::CallStatus;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, NoteTo};
use crate::domain::phone::masked;
use crate::domain::types::{Actor, CallId, ContactId};
use crate::engine::{json, phone_calls};
use crate::store::{CallFilter, LogFilter};

use super::auth::Caller;
use super::problem::Problem;
use super::request::{body, form, json as json_answer, media_type};
use super::state::HttpState;

const LIMIT_MAX: usize = 1_000;
const CALLS_LIMIT: usize = 100;
const BY_CHARACTERS_MAX: usize = 64;
const NOTE_CHARACTERS_MAX: usize = 1_000;
/// The same for one that is texted: about three segments.
const TEXTED_NOTE_CHARACTERS_MAX: usize = 480;

type Named = Result<Path<String>, PathRejection>;

/// `GET /api/calls?status=&since=&before=&limit=`: newest first; `next` is the `before` of the
/// next page, null in the empty one after the last.
pub(super) async fn list(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let created_by = state.tokens.check(&parts, TokenScope::Read)?.reads_only();
    let query = CallQuery::read(parts.uri.query(), &["status", "since", "before", "limit"])?;
    let before = match query.get("before") {
        Some(name) => Some(find_readable(&state, name, created_by.as_ref()).await?),
        None => None,
    };
    let filter = CallFilter {
        statuses: query.statuses()?,
        since: query.parsed("since")?,
        before,
        created_by,
        limit: query.limit(CALLS_LIMIT)?,
    };
    let lines = state.core.store.calls(&filter).await.map_err(|e| Problem::store(&e))?;
    // A row that cannot be read is left out of its page: only an empty one is surely the last.
    let next = lines.last().map(|l| l.call.id.as_str());
    let calls: Vec<Value> = lines.iter().map(|l| json::line(l, state.settings.mode)).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "calls": calls, "next": next, "mode": state.settings.mode })))
}

/// `GET /api/calls/{id}`: by call id, message SID or reference.
pub(super) async fn story(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let by = state.tokens.check(&parts, TokenScope::Read)?.reads_only();
    let id = find_readable(&state, &named(name)?, by.as_ref()).await?;
    let story = state.core.store.story(&id).await.map_err(|e| Problem::store(&e))?.ok_or_else(no_such_call)?;
    Ok(json_answer(StatusCode::OK, &json::story(&story, state.settings.mode)))
}

/// `GET /api/log?after=&call=&since=&limit=`: oldest first; `next` is the `after` of the next page.
pub(super) async fn log(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let by = state.tokens.check(&parts, TokenScope::Read)?.reads_only();
    let query = CallQuery::read(parts.uri.query(), &["after", "call", "since", "limit"])?;
    let after: i64 = query.parsed("after")?.unwrap_or(0);
    let call = match query.get("call") {
        Some(name) => Some(find_readable(&state, name, by.as_ref()).await?),
        None if by.is_some() => {
            let detail = "This token reads the calls that it handed over, one at a time: give call=. The whole log needs the scope read.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("scope", "The token's scope is too small"));
        }
        None => None,
    };
    let filter = LogFilter { after, call, since: query.parsed("since")?, limit: query.limit(LIMIT_MAX)? };
    let lines = state.core.store.log(&filter).await.map_err(|e| Problem::store(&e))?;
    let next = lines.last().map_or(after, |l| l.seq);
    let entries: Vec<Value> = lines.iter().map(json::log_line).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "entries": entries, "next": next, "mode": state.settings.mode })))
}

/// `POST /api/calls/{id}/ack`.
pub(super) async fn acknowledge(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    decide(&state, name, request, Verb::Acknowledge).await
}

/// `POST /api/calls/{id}/resolve`.
pub(super) async fn resolve(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    decide(&state, name, request, Verb::Plain(Decision::Resolve)).await
}

/// `POST /api/calls/{id}/cancel`.
pub(super) async fn cancel(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    decide(&state, name, request, Verb::Plain(Decision::Cancel)).await
}

/// `POST /api/calls/{id}/reopen`.
pub(super) async fn reopen(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    decide(&state, name, request, Verb::Plain(Decision::Reopen)).await
}

/// `POST /api/calls/{id}/raise`, with a `level`.
pub(super) async fn raise(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    decide(&state, name, request, Verb::Raise).await
}

/// `POST /api/calls/{id}/seen`: of a call that was left for the morning, or of the phone call or report that an alert is about.
pub(super) async fn seen(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, said) = said(&state, request).await?;
    let name = named(name)?;
    let found = json::find(state.core.store.as_ref(), &name).await.map_err(|e| Problem::store(&e))?;
    if let Some(call) = found {
        return decided(&state, call, &caller, said, Verb::Plain(Decision::Seen)).await;
    }
    let by = caller.actor(said.by.as_deref());
    let alert = phone_calls::seen(&state.core, &name, by, said.note).await.map_err(|e| Problem::store(&e))?;
    let alert = alert.ok_or_else(no_such_call)?;
    Ok(json_answer(StatusCode::OK, &json!({ "alert": alert.to_string(), "seen": true, "mode": state.settings.mode })))
}

/// `POST /api/calls/{id}/note`, with a `note`: a line in its story, whatever its state.
pub(super) async fn note(
    State(state): State<Arc<HttpState>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, said) = said(&state, request).await?;
    if said.note.is_none() {
        return Err(Problem::bad_request("note: is missing.").member("field", "note"));
    }
    let call = find(&state, &named(name)?).await?;
    let to = if said.text { NoteTo::People } else { NoteTo::Story };
    if said.text && said.note.as_deref().is_some_and(|n| n.chars().count() > TEXTED_NOTE_CHARACTERS_MAX) {
        let why = format!("note: is longer than {TEXTED_NOTE_CHARACTERS_MAX} characters, which a text takes.");
        return Err(Problem::bad_request(why).member("field", "note"));
    }
    decided(&state, call, &caller, said, Verb::Note(to)).await
}

/// What a path asks for.
enum Verb {
    /// To a level, where the body names one.
    Raise,
    /// On behalf of a contact, where the body names one.
    Acknowledge,
    /// Into the story; the body says whether it is texted.
    Note(NoteTo),
    /// What needs nobody.
    Plain(Decision),
}

async fn decide(state: &HttpState, name: Named, request: Request, verb: Verb) -> Result<Response, Problem> {
    let (caller, said) = said(state, request).await?;
    let id = find(state, &named(name)?).await?;
    decided(state, id, &caller, said, verb).await
}

async fn decided(
    state: &HttpState,
    id: CallId,
    caller: &Caller,
    said: OperatorRequest,
    verb: Verb,
) -> Result<Response, Problem> {
    if said.level.is_some() && !matches!(verb, Verb::Raise) {
        return Err(Problem::bad_request("level: only raise takes one.").member("field", "level"));
    }
    if said.text && !matches!(verb, Verb::Note(_)) {
        return Err(Problem::bad_request("text: only note takes it.").member("field", "text"));
    }
    let what = match (verb, said.contact) {
        (Verb::Plain(what), None) => what,
        (Verb::Note(to), None) => Decision::Note(to),
        (Verb::Raise, None) => Decision::Raise { level: said.level },
        (Verb::Plain(_) | Verb::Note(_) | Verb::Raise, Some(_)) => {
            return Err(Problem::bad_request("contact: only ack takes one.").member("field", "contact"));
        }
        (Verb::Acknowledge, None) => Decision::Acknowledge { holder: None },
        (Verb::Acknowledge, Some(text)) => Decision::Acknowledge { holder: Some(contact(state, &id, &text).await?) },
    };
    let by = caller.actor(said.by.as_deref());
    let event = Event::Decide { call: id, what, by: by.clone(), note: said.note };
    let (call, already) = match state.decide(event, by).await? {
        Answer::Changed(call) => (call, false),
        Answer::Already(call) => (call, true),
        Answer::NotAllowed(call, why) => {
            return Err(Problem::new(StatusCode::CONFLICT, format!("Not possible: {why}. Nothing was changed."))
                .kind("not-possible", "The call cannot go there")
                .member("callId", call.call.id.as_str())
                .member("callStatus", call.call.status.as_str()));
        }
        Answer::NotFound => return Err(no_such_call()),
        _ => return Err(Problem::bug("a decision was answered with something else")),
    };
    let mut document = json::call(&call.call, state.settings.mode);
    if let Some(map) = document.as_object_mut() {
        map.insert("already".into(), already.into());
    }
    Ok(json_answer(StatusCode::OK, &document))
}

/// Who takes it: somebody that is configured, or that the call has told.
async fn contact(state: &HttpState, id: &CallId, text: &str) -> Result<ContactId, Problem> {
    let unknown = || {
        let shown: String = masked(text).chars().filter(|c| !c.is_control()).take(64).collect();
        Problem::bad_request(format!("contact: there is no contact {shown:?}.")).member("field", "contact")
    };
    if let Some(known) = state.core.directory().contact_named(text) {
        return Ok(known.id.clone());
    }
    let asked: ContactId = text.parse().map_err(|_| unknown())?;
    let call = state.core.store.call(id).await.map_err(|e| Problem::store(&e))?.ok_or_else(no_such_call)?;
    if call.attempts.iter().any(|a| a.recipient.contact == asked) { Ok(asked) } else { Err(unknown()) }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OperatorRequest {
    pub(super) by: Option<String>,
    pub(super) note: Option<String>,
    pub(super) contact: Option<String>,
    pub(super) level: Option<String>,
    /// A note is texted too.
    pub(super) text: bool,
}

impl OperatorRequest {
    /// Reads a body that is there.
    ///
    /// # Errors
    /// 400, with the field that is wrong.
    pub(super) fn read(raw: &[u8]) -> Result<Self, Problem> {
        let document: Value =
            serde_json::from_slice(raw).map_err(|e| Problem::bad_request(format!("The body is not JSON: {e}.")))?;
        let Value::Object(map) = document else { return Err(Problem::bad_request("The body must be a JSON object.")) };
        let mut said = Self::default();
        for (name, value) in map {
            if name == "text" {
                let wrong = || Problem::bad_request("text: must be true or false.").member("field", "text");
                said.text = value.as_bool().ok_or_else(wrong)?;
                continue;
            }
            let (field, slot, max) = match name.as_str() {
                "by" => ("by", &mut said.by, BY_CHARACTERS_MAX),
                "note" => ("note", &mut said.note, NOTE_CHARACTERS_MAX),
                "contact" => ("contact", &mut said.contact, BY_CHARACTERS_MAX),
                "level" => ("level", &mut said.level, BY_CHARACTERS_MAX),
                _ => {
                    return Err(Problem::bad_request(
                        "The body holds a field other than by, note, contact, level and text.",
                    ));
                }
            };
            *slot = short_text(field, value, max)?;
        }
        Ok(said)
    }
}

/// The body of a decision, which may be left out.
async fn said(state: &HttpState, request: Request) -> Result<(Caller, OperatorRequest), Problem> {
    let (parts, raw) = request.into_parts();
    let caller = state.tokens.check(&parts, TokenScope::Operate)?;
    let typed = parts.headers.contains_key(header::CONTENT_TYPE);
    if typed {
        media_type(&parts.headers, "application/json")?;
    }
    let raw = body(state, raw).await?;
    if raw.is_empty() {
        return Ok((caller, OperatorRequest::default()));
    }
    if !typed {
        media_type(&parts.headers, "application/json")?;
    }
    let said = OperatorRequest::read(&raw)?;
    if said.by.as_deref().is_some_and(|by| state.tokens.is_reserved(by)) {
        let detail = "by: is how the log names the engine, the provider or a token; give a person's name.";
        return Err(Problem::bad_request(detail).member("field", "by"));
    }
    Ok((caller, said))
}

pub(super) fn short_text(field: &'static str, value: Value, max: usize) -> Result<Option<String>, Problem> {
    let wrong = |why: String| Err(Problem::bad_request(format!("{field}: {why}")).member("field", field));
    match value {
        Value::Null => Ok(None),
        Value::String(s) if s.chars().count() > max => wrong(format!("is longer than {max} characters.")),
        Value::String(s) if s.chars().any(|c| c.is_control() && (field != "note" || !matches!(c, '\n' | '\t'))) => {
            wrong("holds a control character.".into())
        }
        Value::String(s) => Ok(Some(s.trim().to_owned()).filter(|s| !s.is_empty())),
        _ => wrong("must be a string.".into()),
    }
}

fn named(name: Named) -> Result<String, Problem> {
    name.map(|Path(name)| name).map_err(|_| Problem::bad_request("The call's name in the path cannot be read."))
}

async fn find(state: &HttpState, name: &str) -> Result<CallId, Problem> {
    let found = json::find(state.core.store.as_ref(), name).await.map_err(|e| Problem::store(&e))?;
    found.ok_or_else(no_such_call)
}

/// The same for whoever reads; a call of somebody else's is to them as if it were not there.
async fn find_readable(state: &HttpState, name: &str, only_of: Option<&Actor>) -> Result<CallId, Problem> {
    let id = find(state, name).await?;
    let Some(by) = only_of else { return Ok(id) };
    let call = state.core.store.call(&id).await.map_err(|e| Problem::store(&e))?;
    if call.is_some_and(|c| c.call.created_by == *by) { Ok(id) } else { Err(no_such_call()) }
}

fn no_such_call() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such call.").kind("no-such-call", "There is no such call")
}

/// A query string with the names that a path knows.
pub(super) struct CallQuery(BTreeMap<String, String>);

impl CallQuery {
    pub(super) fn read(raw: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs = form(raw.unwrap_or_default().as_bytes())
            .map_err(|why| Problem::bad_request(format!("The query cannot be read: {why}.")))?;
        let mut map = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let detail = format!("The query holds a name that is not known here; there are {}.", known.join(", "));
                return Err(Problem::bad_request(detail));
            }
            if map.contains_key(&name) {
                return Err(Problem::bad_request(format!("{name}: is given more than once.")).member("field", name));
            }
            map.insert(name, value);
        }
        Ok(Self(map))
    }

    /// An empty value is as if it were not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        let wrong = |_| {
            let form = match name {
                "since" | "at" | "from" | "until" => "an RFC 3339 time with an offset",
                "role" => "a role",
                _ => "a whole number",
            };
            Problem::bad_request(format!("{name}: must be {form}.")).member("field", name)
        };
        self.get(name).map(str::parse).transpose().map_err(wrong)
    }

    fn limit(&self, default: usize) -> Result<usize, Problem> {
        match self.parsed("limit")? {
            None => Ok(default),
            Some(n) if (1..=LIMIT_MAX).contains(&n) => Ok(n),
            Some(_) => {
                Err(Problem::bad_request(format!("limit: must be from 1 to {LIMIT_MAX}.")).member("field", "limit"))
            }
        }
    }

    /// One status or several with commas between, without regard to case.
    fn statuses(&self) -> Result<Vec<CallStatus>, Problem> {
        let words = self.get("status").into_iter().flat_map(|s| s.split(',')).map(|w| w.trim().to_ascii_uppercase());
        words.map(|w| CallStatus::from_word(&w).ok_or_else(unknown_status)).collect()
    }
}

fn unknown_status() -> Problem {
    let all: Vec<&str> = CallStatus::ALL.iter().map(|s| s.as_str()).collect();
    Problem::bad_request(format!("status: must be of {}.", all.join(", "))).member("field", "status")
}
