//! `POST /api/dispatch/manual`: an emergency is handed to us.
//!
//! Any success means that the call is on disk. The same request again finds what exists and sends nothing, so a caller whose
//! answer was lost simply asks again. A caller who hangs up stops nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::config::TokenScope;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::breaker::{self, Route, RouteQuery};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::types::{CallId, Timestamp};
use crate::engine::apply::Core;
use crate::engine::in_force::InForce;
use crate::engine::intake::{self, IntakeError, Validation};
use crate::engine::json;
use crate::engine::wake::CallWatch;
use crate::failpoint;

use super::problem::Problem;
use super::request::{dispatch_body, json, media_type, once};
use super::state::HttpState;

/// A first text that may go has left by then, or what holds it is worth a question.
const LEAVES_WITHIN: Duration = Duration::from_millis(50);

pub(super) async fn manual(State(state): State<Arc<HttpState>>, request: Request) -> Result<Response, Problem> {
    let shape = Shape::of(request.uri().query());
    let answered = handed_over(&state, request, shape).await;
    answered.map_err(|problem| if shape == Shape::Earlier { problem.member("success", false) } else { problem })
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Usual,
    /// `?shape=v2`: besides ours, `success` and `result`, as the system before this one answered.
    Earlier,
}

impl Shape {
    fn of(query: Option<&str>) -> Self {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        if pairs.any(|(name, value)| name == "shape" && value == "v2") { Self::Earlier } else { Self::Usual }
    }
}

async fn handed_over(state: &Arc<HttpState>, request: Request, shape: Shape) -> Result<Response, Problem> {
    let (parts, raw) = request.into_parts();
    let boot = state.core.clock.boot();
    let caller =
        state.tokens.check(&parts, TokenScope::Dispatch).inspect_err(|_| state.refusals.refused_dispatch(boot))?;
    state.refusals.dispatch_let_in(boot);
    media_type(&parts.headers, "application/json")?;
    let key = once(&parts.headers, "idempotency-key")?.map(str::to_owned);
    let core = &state.core;
    let mut intake = {
        let body = dispatch_body(state, raw).await?;
        let document = intake::json::read(&body.raw)
            .map_err(|why| Problem::bad_request(format!("The body is not JSON: {why}.")))?;
        intake::from_json(&document, Validation::Lenient).map_err(refused)?
    };
    intake.idempotency_key = key;
    if let Some(id) = intake::doubtful_id(&intake) {
        intake.id_exists = core.store.call(&id).await.map_err(|e| Problem::store(&e))?.is_some();
    }
    let asked = intake.call_id.clone();
    // From before it is accepted: whoever waits for what becomes of it need not read it.
    let watch = asked.as_deref().and_then(|id| id.parse().ok()).map(|id: CallId| core.wake.watch(&id));
    failpoint::hit("accept.before-commit");
    let make = {
        let core = core.clone();
        move |held: &InForce| {
            intake::new_call(intake.clone(), &held.directory, Validation::Lenient, &core.ids, core.clock.now())
        }
    };
    let accepted = state.accept(make, caller.actor(None)).await?;
    failpoint::hit("accept.committed");
    match accepted.map_err(refused)? {
        Answer::Created(created) => {
            let (status, call) = first_outcome(state, *created, watch).await;
            Ok(answer(state, shape, status, (&call, true)))
        }
        Answer::Exists(call) => Ok(there(state, shape, asked.as_deref(), &call)),
        Answer::Differs(call) => Err(Problem::new(
            StatusCode::CONFLICT,
            "This call exists with other data. Nothing was done; use another callId for another emergency.",
        )
        .kind("call-differs", "The call exists with other data")
        .member("callId", call.call.id.as_str())
        .member("callStatus", call.call.status.as_str())),
        _ => Err(Problem::bug("an acceptance was answered with something else")),
    }
}

fn refused(e: IntakeError) -> Problem {
    let problem = Problem::bad_request(format!("{e}. Nothing was recorded or sent."));
    match e {
        IntakeError::Field { field, .. } => problem.member("field", field),
        IntakeError::Shape(_) => problem,
    }
}

fn answer(state: &HttpState, shape: Shape, status: StatusCode, (call, created): (&CallState, bool)) -> Response {
    respond(status, &document(state, shape, (call, created)), &call.call.id)
}

fn document(state: &HttpState, shape: Shape, (call, created): (&CallState, bool)) -> serde_json::Value {
    let mut document = json::outcome(call, created, state.settings.mode);
    if shape == Shape::Earlier {
        json::add_earlier_shape(&mut document);
    }
    document
}

fn respond(status: StatusCode, document: &serde_json::Value, id: &CallId) -> Response {
    let mut response = json(status, document);
    if let Ok(value) = HeaderValue::from_str(&location(id)) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    if status == StatusCode::OK {
        response.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    response
}

/// What was asked for is there: under its own id, or as part of the call that it is the same emergency or the same phone call as.
fn there(state: &HttpState, shape: Shape, asked: Option<&str>, call: &CallState) -> Response {
    let document = document(state, shape, (call, false));
    let is_part = asked.is_some_and(|asked| asked != call.call.id.as_str());
    let document =
        if is_part { json::merged_into(document, asked.unwrap_or_default(), &call.call.id) } else { document };
    respond(StatusCode::OK, &document, &call.call.id)
}

/// Where the call's story is.
fn location(id: &CallId) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
    format!("/api/calls/{escaped}")
}

/// Waits, within bounds, until the first attempt's outcome is known. What was accepted stays accepted whatever happens here.
async fn first_outcome(state: &HttpState, created: CallState, watch: Option<CallWatch<'_>>) -> (StatusCode, CallState) {
    let Ok(_seat) = state.dispatch_waiters.try_acquire() else { return (status_of(&created), created) };
    let mut newest = created;
    tokio::select! {
        () = followed(state, &mut newest, watch) => {}
        () = state.closing.cancelled() => {}
        () = pause(state.settings.limits.dispatch_wait) => {}
    }
    (status_of(&newest), newest)
}

async fn followed(state: &HttpState, newest: &mut CallState, watch: Option<CallWatch<'_>>) {
    let core = &state.core;
    let until = core.clock.now().plus(state.settings.limits.dispatch_wait);
    let call = newest.call.id.clone();
    let watch = watch.filter(|w| *w.call() == call).unwrap_or_else(|| core.wake.watch(&call));
    // Mostly the first text leaves at once, and what holds it need not be asked for.
    let mut leaves = pin!(pause(LEAVES_WITHIN));
    let mut is_late = false;
    loop {
        // Armed before looking: a commit between the look and the wait is not missed.
        let mut wakeup = watch.armed();
        let found = match watch.committed() {
            None => core.store.call(&call).await,
            known => Ok(known),
        };
        match found {
            Ok(Some(now)) => *newest = now,
            // It is accepted all the same: the answer says what is known.
            Ok(None) | Err(_) => return,
        }
        let later = newest.attempts.is_empty() && newest.call.wake_at.is_some_and(|at| at > until);
        if later || status_of(newest) == StatusCode::CREATED {
            return;
        }
        if !is_late && waiting_notice(newest).is_some() {
            tokio::select! {
                () = &mut wakeup => continue,
                () = &mut leaves => is_late = true,
            }
        }
        if is_held(core, newest, until).await {
            // The breakers are younger than what was seen of the call: its own text may have opened one meanwhile.
            let Ok(Some(now)) = core.store.call(&call).await else { return };
            let is_same = now.attempts == newest.attempts;
            *newest = now;
            if is_same || status_of(newest) == StatusCode::CREATED || is_held(core, newest, until).await {
                return;
            }
        }
        wakeup.await;
    }
}

fn waiting_notice(call: &CallState) -> Option<&Attempt> {
    call.attempts.iter().find(|a| a.kind == AttemptKind::Notice && a.state.is_waiting())
}

/// Whether the breaker of its senders holds the first notice for longer than anybody waits here.
async fn is_held(core: &Core, call: &CallState, until: Timestamp) -> bool {
    let Some(first) = waiting_notice(call) else { return false };
    let Ok(breakers) = core.store.breakers().await else { return false };
    let directory = core.directory();
    let senders =
        breaker::senders(&directory, call.call.data.twilio_to_number.as_deref(), first.sender.as_ref(), first.channel);
    let query = RouteQuery { kind: first.kind, priority: first.priority, channel: first.channel };
    let route = breaker::route(&breakers, &senders, query, core.clock.now());
    matches!(route, Some(Route::Hold { until: probe }) if probe > until)
}

#[expect(clippy::disallowed_methods, reason = "how long a caller waits is no time of the engine's")]
async fn pause(d: Duration) {
    tokio::time::sleep(d).await;
}

/// 201 once the first attempt's outcome is known, or nobody is looked for any more or before quiet hours end; 202 before.
fn status_of(call: &CallState) -> StatusCode {
    let known = match call.attempts.iter().find(|a| a.kind == AttemptKind::Notice).map(|a| a.state) {
        None => call.call.status != CallStatus::Dispatching || call.call.held().is_some(),
        Some(AttemptState::Scheduled | AttemptState::Sending | AttemptState::Retrying | AttemptState::Unknown) => false,
        Some(
            AttemptState::Submitted
            | AttemptState::Delivered
            | AttemptState::Failed
            | AttemptState::Skipped
            | AttemptState::Cancelled,
        ) => true,
    };
    if known { StatusCode::CREATED } else { StatusCode::ACCEPTED }
}
