//! The reports of voice agents' platforms: who sent it is proven on the raw bytes, what it says is read by
//! [`reports`](crate::engine::intake::reports), and the answer comes after the commit. It never waits for a text.
//!
//! One phone call is one call: whatever is posted again, or later, finds what exists. What is refused is counted and alarms; what
//! is signed and cannot be read is kept in the log, alarms, and is answered with success, as it would only come again as it is.
//! Source: `facts/intake.md`.

mod answer;
mod proof;
#[cfg(feature = "drills")]
pub(super) mod properties;
mod way;

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::config::Intake as Sources;
use crate::domain::alert::AlertKind;
use crate::domain::call::CallState;
use crate::domain::change::Answer;
use crate::domain::event::{Event, Note};
use crate::domain::log::LogKind;
use crate::domain::phone::masked;
use crate::domain::types::Actor;
use crate::engine::in_force::InForce;
use crate::engine::intake::reports::{self, Reading, Reported, Tool, Unheard, Wants};
use crate::engine::intake::{self, IntakeError, Validation};
use crate::failpoint;

use self::answer::Said;
use self::proof::Proof;
pub(super) use self::way::Way;
use super::problem::Problem;
use super::request::{json as json_answer, report_body};
use super::state::HttpState;

/// So much of a report that cannot be read is kept.
const KEPT_BYTES: usize = 64 * 1024;

/// One request of a platform.
pub(super) async fn called(
    state: &Arc<HttpState>,
    parts: &Parts,
    raw: Body,
    way: Way<'_>,
) -> Result<Response, Problem> {
    let sources = state.intake();
    if !is_on(&sources, way) {
        let detail = "This intake is not configured: see [intake] in `dispatchctl config show`. Nothing was recorded.";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    if parts.method != Method::POST {
        let detail = "A report is posted: this path takes POST alone. Nothing was recorded.";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail);
        return Err(problem.header(header::ALLOW, HeaderValue::from_static("POST")));
    }
    let boot = state.core.clock.boot();
    let refused = |how| {
        state.refusals.refused_report(way.source(), how, boot);
        let detail = "The report does not prove that it comes from its platform. Nothing was recorded.";
        Problem::new(StatusCode::UNAUTHORIZED, detail).kind("signature", "The signature is not valid")
    };
    // Whoever offers no proof at all sends its body in vain.
    proof::offered(&parts.headers, &sources, way).map_err(refused)?;
    let body = report_body(state, raw).await?;
    let now = state.core.clock.now();
    let proof = proof::of(&parts.headers, &body.raw, &sources, way, now).map_err(refused)?;
    state.refusals.report_let_in(way.source(), boot);
    let reading = match (way, &sources.retell, &sources.vapi) {
        (Way::Retell, Some(retell), _) => reports::retell(&body.raw, retell),
        (Way::RetellFunction, Some(retell), _) => reports::retell_function(&body.raw, retell),
        (Way::Vapi, _, Some(vapi)) => reports::vapi(&body.raw, vapi),
        (Way::Custom(name), ..) if let Some(custom) = sources.custom.get(name) => {
            reports::custom(&body.raw, name, custom)
        }
        _ => Reading::Nothing,
    };
    let request = ReportRequest { state, way, proof };
    match reading {
        Reading::Nothing => Ok(StatusCode::NO_CONTENT.into_response()),
        Reading::Unread(why) => request.unread(&why, &body.raw).await,
        Reading::Unheard(unheard) => request.unheard(unheard).await,
        Reading::Call(reported) => request.call(*reported, &body.raw).await,
        Reading::Tools(tools) => request.tools(tools).await,
    }
}

fn is_on(sources: &Sources, way: Way<'_>) -> bool {
    match way {
        Way::Retell | Way::RetellFunction => sources.retell.is_some(),
        Way::Vapi => sources.vapi.is_some(),
        Way::Custom(name) => sources.custom.contains_key(name),
    }
}

/// Where one report is worked on.
struct ReportRequest<'a> {
    state: &'a Arc<HttpState>,
    way: Way<'a>,
    proof: Proof,
}

/// What became of a report.
enum Taken {
    Call { call: Box<CallState>, created: bool },
    Unusable(String),
}

impl ReportRequest<'_> {
    fn actor(&self) -> Actor {
        Actor(format!("{} webhook", self.way.source()))
    }

    async fn take(&self, reported: Reported) -> Result<Taken, Problem> {
        let Reported { intake, report } = reported;
        let off = self.proof.off_by();
        let make = {
            let core = self.state.core.clone();
            move |held: &InForce| {
                let new =
                    intake::new_call(intake.clone(), &held.directory, Validation::Lenient, &core.ids, core.clock.now());
                new.map(|mut new| {
                    new.warnings.extend(off.map(|seconds| (AlertKind::ReportClock, clock_off(seconds))));
                    new
                })
            }
        };
        failpoint::hit("report.before-commit");
        let answer = self.state.report(make, report, self.actor()).await?;
        failpoint::hit("report.committed");
        Ok(match answer {
            Ok(Answer::Created(call)) => Taken::Call { call, created: true },
            Ok(Answer::Exists(call) | Answer::Differs(call) | Answer::Changed(call)) => {
                Taken::Call { call, created: false }
            }
            Ok(_) => return Err(Problem::bug("a report was answered with something else")),
            Err(IntakeError::Field { field, why }) => Taken::Unusable(format!("{field}: {why}")),
            Err(IntakeError::Shape(why)) => Taken::Unusable(why),
        })
    }

    async fn call(&self, reported: Reported, raw: &[u8]) -> Result<Response, Problem> {
        match self.take(reported).await? {
            Taken::Call { call, created } => {
                let mode = self.state.settings.mode;
                Ok(json_answer(StatusCode::OK, &answer::report(&call, created, mode)))
            }
            Taken::Unusable(why) => self.unread(&why, raw).await,
        }
    }

    /// Each tool has its answer, in order; for the agent to say, so in one line and from the call's state alone.
    async fn tools(&self, tools: Vec<Tool>) -> Result<Response, Problem> {
        let mut results = Vec::new();
        for tool in tools {
            let said = match tool.wants {
                Wants::Other => Err("this tool is not one of dispatchctl's".to_owned()),
                Wants::State(id, phone) => match self.state.core.call_of(&id, &phone).await {
                    Ok(call) => Ok((answer::state(call.as_ref()), call)),
                    Err(e) => Err(self.failed(Problem::store(&e))?),
                },
                Wants::Dispatch(reported) => match self.take(*reported).await {
                    Ok(Taken::Call { call, .. }) => Ok((answer::state(Some(&call)), Some(*call))),
                    Ok(Taken::Unusable(why)) => Err(format!("the emergency could not be recorded: {why}")),
                    Err(problem) => Err(self.failed(problem)?),
                },
            };
            results.push(Said { id: tool.id, name: tool.name, line: said });
        }
        Ok(json_answer(StatusCode::OK, &answer::tools(self.way, results)))
    }

    /// Vapi takes nothing but 200 from a tool: the agent hears of it in words, and may ask again. Others come again themselves.
    fn failed(&self, problem: Problem) -> Result<String, Problem> {
        if self.way == Way::Vapi { Ok(answer::NOT_RECORDED.to_owned()) } else { Err(problem) }
    }

    /// Kept as it came, as far as it is not immense: a person reads it.
    async fn unread(&self, why: &str, raw: &[u8]) -> Result<Response, Problem> {
        let source = self.way.source();
        let kept = String::from_utf8_lossy(raw.get(..KEPT_BYTES.min(raw.len())).unwrap_or_default()).into_owned();
        let digest = reports::digest(raw);
        let message = format!("a report of {source} cannot be read ({} bytes): {why}", raw.len());
        let what = format!(
            "{message}. An emergency may stand in it: see {digest} in `dispatchctl log -o json`, call back whoever called, then `dispatchctl seen {digest}`"
        );
        self.note(Note {
            call: None,
            kind: LogKind::ReportUnread,
            message: format!("{message} (kept as {digest})"),
            data: json!({ "digest": digest, "bytes": raw.len(), "raw": kept }),
            alert: Some((AlertKind::ReportUnread.about(&digest), what)),
            phone: None,
            over: None,
        })
        .await
    }

    async fn unheard(&self, unheard: Unheard) -> Result<Response, Problem> {
        let Unheard { id, reason, phone, alarming } = unheard;
        let caller = phone.caller.clone();
        let from = caller.as_deref().map_or_else(|| "a number that is not known".to_owned(), masked);
        let ended = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let message = format!("a phone call from {from} ended{ended} before anybody was heard: nobody is told");
        let alert = alarming.then(|| {
            let what = format!(
                "{message}. The platform turned it away: an emergency may be behind it, the number is in `dispatchctl log -o json`; once somebody has called back, `dispatchctl seen {id}`"
            );
            (AlertKind::Unheard.about(&id), what)
        });
        let data = json!({ "callId": id.as_str(), "reason": reason, "callerPhone": caller });
        self.note(Note {
            call: Some(id),
            kind: LogKind::CallUnheard,
            message,
            data,
            alert,
            phone: (!alarming).then_some(phone),
            over: None,
        })
        .await
    }

    async fn note(&self, note: Note) -> Result<Response, Problem> {
        self.state.apply(Event::Note(Box::new(note)), self.actor()).await?;
        let results: Value = if self.way == Way::Vapi { json!({ "results": [] }) } else { json!({}) };
        Ok(json_answer(StatusCode::OK, &results))
    }
}

fn clock_off(seconds: i64) -> String {
    format!(
        "the report is signed {seconds} s off this machine's clock: compare the clock; or an old report was sent again"
    )
}
