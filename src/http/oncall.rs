//! `/api/oncall`: who is on call, when, and exceptions to it.
//!
//! An exception is durable before it is answered, and every process decides by it from then on.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use crate::config::TokenScope;
use crate::domain::Timestamp;
use crate::domain::oncall::outlook::duties;
use crate::domain::oncall::{OverrideId, OverrideKind};
use crate::domain::team::{Directory, Line};
use crate::domain::types::Role;
use crate::engine::oncall::json as shapes;
use crate::engine::oncall::making::{OverrideRefused, OverrideRequest, effect, effect_of_withdrawal, read};
use crate::engine::oncall::past::{DutySpan, kept, looked_until, outlook_json, outlook_of, spans_json, spans_of};
use crate::store::{DutyChange, StoreError};

use super::calls::{CallQuery, short_text};
use super::problem::Problem;
use super::request::{body, json as json_answer, media_type, once};
use super::state::HttpState;

/// The longest stretch that is listed, in days.
const STRETCH_DAYS_MAX: u64 = 92;
const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);
const TEXT_MAX: usize = 128;
const NOTE_MAX: usize = 500;

/// `GET /api/oncall?at=&line=&role=`: who holds each role that a policy of the line names; with `role`, that one alone.
pub(super) async fn now(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let directory = asked(&state, &parts).await?;
    let query = CallQuery::read(parts.uri.query(), &["at", "line", "role"])?;
    let now = state.core.clock.now();
    let at: Timestamp = query.parsed("at")?.unwrap_or(now);
    let (line, roles) = meant(&directory, query.get("line"), query.parsed::<Role>("role")?)?;
    let until = looked_until(at, now);
    let all = spans(&state, &directory, line.number.clone(), &roles, (at, until), now).await?;
    let all: Vec<Value> = all
        .iter()
        .map(|(role, spans)| {
            let look = outlook_of(spans);
            let source = look.source.as_str();
            let (holders, next) = outlook_json(&[look]);
            json!({ "role": role, "source": source, "holders": holders, "next": next })
        })
        .collect();
    let asked = state.core.store.roll_calls(now).await.map_err(|e| Problem::store(&e))?;
    let asked = asked
        .iter()
        .filter(|r| r.until > at && r.line == line.number && roles.iter().any(|role| is_same(role, &r.role)));
    let asked: Vec<Value> = asked.map(shapes::roll_call).collect();
    let mut document = json!({ "line": line.number, "lineName": line.name, "at": at, "mode": state.settings.mode,
        "rollCalls": asked });
    if let Some(map) = document.as_object_mut() {
        // Of one role as `oncall --role` says it; of several, role by role.
        let first = all.first().cloned().unwrap_or_default();
        for name in ["holders", "next", "source"] {
            map.insert(name.into(), first.get(name).cloned().unwrap_or(Value::Null));
        }
        map.insert("roles".into(), all.into());
    }
    Ok(json_answer(StatusCode::OK, &document))
}

/// The spans of roles of a line; what was kept of the past is read, the rest is computed where it holds nobody else up.
async fn spans(
    state: &HttpState,
    directory: &Arc<Directory>,
    line: Option<String>,
    roles: &[Role],
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<(Role, Vec<DutySpan>)>, Problem> {
    let mut all = Vec::new();
    for role in roles {
        let kept = kept(state.core.store.as_ref(), line.as_deref(), role, (from, until), now).await;
        all.push((role.clone(), kept.map_err(|e| Problem::store(&e))?));
    }
    let directory = directory.clone();
    apart(state, move || {
        let (line, _) = directory.line(line.as_deref());
        let of = |(role, kept): (Role, Vec<DutyChange>)| {
            let spans = spans_of(&directory, (line, &role), (from, until), now, &kept);
            (role, spans)
        };
        all.into_iter().map(of).collect()
    })
    .await
}

/// Work of up to 90 days' turns: off the threads that serve requests, and few at a time.
async fn apart<T: Send + 'static>(state: &HttpState, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The question could not be worked on. Ask again.");
    let place = state.oncall_work.clone().acquire_owned().await.map_err(|_| busy())?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    done.await.map_err(|_| busy())
}

fn is_same(one: &Role, other: &Role) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// `GET /api/oncall/shifts?from=&until=&line=&role=`: who holds the roles, span by span; a week where no end is given.
pub(super) async fn shifts(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let directory = asked(&state, &parts).await?;
    let query = CallQuery::read(parts.uri.query(), &["from", "until", "line", "role"])?;
    let now = state.core.clock.now();
    let from: Timestamp = query.parsed("from")?.unwrap_or(now);
    let until: Timestamp = query.parsed("until")?.unwrap_or_else(|| from.plus(WEEK));
    if until <= from || until.since(from).as_secs() > STRETCH_DAYS_MAX * 86_400 {
        let what = format!("until: is not after from, or more than {STRETCH_DAYS_MAX} days behind it.");
        return Err(Problem::bad_request(what).member("field", "until"));
    }
    let (line, roles) = meant(&directory, query.get("line"), query.parsed::<Role>("role")?)?;
    let of = spans(&state, &directory, line.number.clone(), &roles, (from, until), now).await?;
    let all: Vec<Value> = of.iter().flat_map(|(role, of)| spans_json(line.number.as_deref(), role, of)).collect();
    let document = json!({ "line": line.number, "lineName": line.name, "from": from, "until": until, "spans": all,
        "mode": state.settings.mode });
    Ok(json_answer(StatusCode::OK, &document))
}

/// `GET /api/oncall/overrides`: those that are not over, withdrawn ones too.
pub(super) async fn overrides(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    asked(&state, &parts).await?;
    let all = state.core.store.overrides(state.core.clock.now()).await.map_err(|e| Problem::store(&e))?;
    let all: Vec<Value> = all.iter().map(shapes::exception).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "overrides": all, "mode": state.settings.mode })))
}

/// `POST /api/oncall/overrides`, with an `Idempotency-Key` made once: 201, or 200 with what exists.
pub(super) async fn make(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let (parts, raw) = request.into_parts();
    let caller = state.tokens.check(&parts, TokenScope::Operate)?;
    media_type(&parts.headers, "application/json")?;
    let key = once(&parts.headers, "idempotency-key")?.map(str::to_owned);
    let raw = body(&state, raw).await?;
    let (mut asked, by) = request_of(&raw)?;
    let by = checked_by(&state, by)?;
    let actor = caller.actor(by.as_deref());
    asked.source = key.map(|key| format!("api:{}:{key}", caller.actor(None).0));
    let directory = current(&state).await?;
    let now = state.core.clock.now();
    // What was made under this key stands, whatever its words would mean today.
    let before = match &asked.source {
        Some(source) => state.core.store.override_by_source(source).await.map_err(|e| Problem::store(&e))?,
        None => None,
    };
    let (kept, is_new) = match before {
        Some(before) => (before, false),
        None => {
            let id = OverrideId::from_uuid(state.core.ids.uuid(now));
            let new = read(&directory, &asked, id, &actor.0, now).map_err(refused)?;
            state.core.store.make_override(&new).await.map_err(|e| Problem::store(&e))?
        }
    };
    if !is_new && kept.asked.as_ref().is_some_and(|before| *before != asked.hash()) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "An exception was made with this Idempotency-Key and other data. Nothing was done.",
        )
        .kind("override-differs", "The exception exists with other data")
        .member("id", kept.id.as_str()));
    }
    let (of, all) = (kept.clone(), directory.clone());
    let effect = apart(&state, move || effect(&all, &of, now)).await?;
    let document = document(&state, shapes::made(&kept, is_new, &effect));
    state.core.wake.notify(crate::engine::wake::WakeSignal::OnCall);
    Ok(json_answer(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &document))
}

/// `POST /api/oncall/overrides/{id}/withdraw`; again says so and changes nothing.
pub(super) async fn withdraw(
    State(state): State<Arc<HttpState>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, raw) = request.into_parts();
    let caller = state.tokens.check(&parts, TokenScope::Operate)?;
    let raw = body(&state, raw).await?;
    let by = match raw.is_empty() {
        true => None,
        false => {
            media_type(&parts.headers, "application/json")?;
            let map = object(&raw)?;
            let mut by = None;
            for (name, value) in map {
                match name.as_str() {
                    "by" => by = short_text("by", value, TEXT_MAX)?,
                    _ => return Err(Problem::bad_request("The body holds a field other than by.")),
                }
            }
            checked_by(&state, by)?
        }
    };
    let none = || Problem::new(StatusCode::NOT_FOUND, "There is no such exception.");
    let Path(id) = id.map_err(|_| none())?;
    let id: OverrideId = id.parse().map_err(|_| none())?;
    let now = state.core.clock.now();
    let done = state.core.store.withdraw_override(&id, &caller.actor(by.as_deref()).0, now).await;
    let (gone, is_new) = done.map_err(|e| Problem::store(&e))?.ok_or_else(none)?;
    let directory = current(&state).await?;
    let of = gone.clone();
    let effect = apart(&state, move || effect_of_withdrawal(&directory, &of, now)).await?;
    let document = document(&state, shapes::made(&gone, is_new, &effect));
    state.core.wake.notify(crate::engine::wake::WakeSignal::OnCall);
    Ok(json_answer(StatusCode::OK, &document))
}

fn document(state: &HttpState, mut document: Value) -> Value {
    if let Some(map) = document.as_object_mut() {
        map.insert("mode".into(), state.settings.mode.into());
    }
    document
}

/// Who asks may read everything, and what is in force now.
async fn asked(state: &HttpState, parts: &Parts) -> Result<Arc<Directory>, Problem> {
    if state.tokens.check(parts, TokenScope::Read)?.reads_only().is_some() {
        let detail = "This token reads the calls that it handed over. Who is on call needs the scope read.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).kind("scope", "The token's scope is too small"));
    }
    current(state).await
}

/// What is in force, with exceptions that another process has made meanwhile.
async fn current(state: &HttpState) -> Result<Arc<Directory>, Problem> {
    let core = &state.core;
    let refreshed: Result<(), StoreError> = async {
        if core.store.basis().await? != core.in_force().basis {
            core.refresh().await?;
        }
        Ok(())
    }
    .await;
    refreshed.map_err(|e| Problem::store(&e))?;
    Ok(core.directory())
}

/// The line, and the roles that are asked for.
fn meant<'a>(
    directory: &'a Directory,
    line: Option<&str>,
    role: Option<Role>,
) -> Result<(&'a Line, Vec<Role>), Problem> {
    let (line, unlisted) = directory.line(line);
    if unlisted {
        return Err(Problem::bad_request("line: is no configured line.").member("field", "line"));
    }
    let all = duties(directory).into_iter().filter(|d| d.line.number == line.number).map(|d| d.role);
    Ok((line, role.map_or_else(|| all.collect(), |role| vec![role])))
}

fn object(raw: &[u8]) -> Result<serde_json::Map<String, Value>, Problem> {
    match serde_json::from_slice(raw) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Problem::bad_request("The body must be a JSON object.")),
        Err(e) => Err(Problem::bad_request(format!("The body is not JSON: {e}."))),
    }
}

fn checked_by(state: &HttpState, by: Option<String>) -> Result<Option<String>, Problem> {
    if by.as_deref().is_some_and(|by| state.tokens.is_reserved(by)) {
        let detail = "by: is how the log names the engine, the provider or a token; give a person's name.";
        return Err(Problem::bad_request(detail).member("field", "by"));
    }
    Ok(by)
}

/// What a body asks for, and whose name it gives.
///
/// # Errors
/// 400, with the field that is wrong.
pub(super) fn request_of(raw: &[u8]) -> Result<(OverrideRequest, Option<String>), Problem> {
    let (mut rotation, mut line, mut role, mut kind, mut contact) = (None, None, None, None, None);
    let (mut from, mut until, mut note, mut by) = (None, None, None, None);
    for (name, value) in object(raw)? {
        let (field, slot, max) = match name.as_str() {
            "rotation" => ("rotation", &mut rotation, TEXT_MAX),
            "line" => ("line", &mut line, TEXT_MAX),
            "role" => ("role", &mut role, TEXT_MAX),
            "kind" => ("kind", &mut kind, TEXT_MAX),
            "contact" => ("contact", &mut contact, TEXT_MAX),
            "from" => ("from", &mut from, TEXT_MAX),
            "until" => ("until", &mut until, TEXT_MAX),
            "note" => ("note", &mut note, NOTE_MAX),
            "by" => ("by", &mut by, TEXT_MAX),
            _ => {
                let known = "rotation, line, role, kind, contact, from, until, note and by";
                return Err(Problem::bad_request(format!("The body holds a field other than {known}.")));
            }
        };
        *slot = short_text(field, value, max)?;
    }
    let missing = |field: &str| Problem::bad_request(format!("{field}: is missing.")).member("field", field);
    let kind = kind.ok_or_else(|| missing("kind"))?;
    let kind: OverrideKind =
        kind.parse().map_err(|_| Problem::bad_request("kind: is take, add or away.").member("field", "kind"))?;
    let (contact, until) = (contact.ok_or_else(|| missing("contact"))?, until.ok_or_else(|| missing("until"))?);
    let note = note.unwrap_or_default();
    Ok((OverrideRequest { rotation, line, role, kind, contact, from, until, note, source: None }, by))
}

fn refused(e: OverrideRefused) -> Problem {
    Problem::bad_request(format!("{}: {}; {}. Nothing was changed.", e.field, e.what, e.hint)).member("field", e.field)
}
