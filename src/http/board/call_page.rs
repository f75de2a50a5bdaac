//! `/board/calls/{id}`: the whole story of a call: every notice with its receipts, the ladder as it was copied, the log.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptKind};
use crate::domain::call::{Call, CallStatus, ExclusionReason};
use crate::domain::codes;
use crate::domain::log::LogKind;
use crate::domain::masking::{masked, masked_within};
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::engine::json::find;
use crate::store::{BoardRows, CallStory, LogLine};

use super::super::calls::CallQuery;
use super::super::problem::Problem;
use super::super::state::HttpState;
use super::call_view::{BoardCall, state_in_words};
use super::duties::OnCallView;
use super::facts::{Facts, Sight};
use super::pages::{Clock, or_error, page};
use super::read;
use super::troubles::{Trouble, troubles};
use super::viewer::{Viewer, viewer};
use super::words::length;

/// What a page says after something was done, by the word in its address.
const SAID: &[(&str, &str)] = &[
    ("take", "Taken. The ladder has stopped."),
    ("take-for", "Taken. The ladder has stopped."),
    ("resolve", "Resolved."),
    ("reopen", "Open again: a new round has begun."),
    ("raise", "Raised: a new round has begun."),
    ("seen", "Ticked off as seen."),
    ("cancel", "Cancelled."),
    ("settle", "Noted what became of the text."),
    ("already", "It is so already: nothing was done a second time."),
];

/// Whether what was done a moment ago is so at this moment.
fn is_so_still(said: &str, call: &Call) -> bool {
    match said {
        "take" | "take-for" => call.status == CallStatus::Acknowledged,
        "resolve" => call.status == CallStatus::Resolved,
        "cancel" => call.status == CallStatus::Cancelled,
        "reopen" | "raise" => call.status == CallStatus::Dispatching,
        _ => true,
    }
}

/// The log of a call without end is shown from its end.
const ENTRIES_MAX: usize = 500;

#[derive(Debug, Serialize)]
struct CallShown {
    c: BoardCall,
    /// What does not work now.
    trouble: Vec<Trouble>,
    /// What the caller said, whole.
    issue: Option<String>,
    address: Option<String>,
    created_by: String,
    round: u32,
    out: Vec<String>,
    attempts: Vec<AttemptView>,
    ladder: LadderView,
    log: Vec<EntryView>,
    earlier: usize,
    said: Option<&'static str>,
    /// The word of that, for the page's own address.
    said_word: Option<&'static str>,
    refused: Option<String>,
    /// The number of what the board shows, by which the page keeps itself fresh; `None`: what was refused stays as it is.
    n: Option<u64>,
    /// The page is not to load itself again.
    paused: bool,
    /// Whoever looks is this contact.
    you: Option<String>,
}

#[derive(Debug, Serialize)]
struct AttemptView {
    reference: String,
    kind: &'static str,
    by: &'static str,
    name: String,
    to: String,
    why: Option<String>,
    at: Timestamp,
    word: &'static str,
    tone: &'static str,
    code: Option<u32>,
    code_name: Option<&'static str>,
    result: Option<String>,
    sid: Option<String>,
    segments: u32,
    attempt_id: String,
    can_settle: bool,
    receipts: Vec<ReceiptView>,
}

#[derive(Debug, Serialize)]
struct ReceiptView {
    at: Timestamp,
    status: String,
    by: &'static str,
    code: Option<u32>,
}

#[derive(Debug, Serialize)]
struct LadderView {
    name: String,
    copied_at: Timestamp,
    steps: Vec<StepView>,
    exhaust_after: String,
    muted: bool,
}

#[derive(Debug, Serialize)]
struct StepView {
    number: usize,
    wait: String,
    roles: String,
    by: &'static str,
    state: &'static str,
    /// Why it told nobody, or left somebody out, where it did.
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct EntryView {
    at: Timestamp,
    actor: String,
    message: String,
    words: Option<String>,
}

/// `GET`.
pub(super) async fn show(
    State(state): State<Arc<HttpState>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let query = CallQuery::read(parts.uri.query(), &["said", "part", "pause"])?;
        let is_part = query.get("part").is_some();
        let viewer = match (is_part, viewer(&state, &parts).await?) {
            (_, Ok(viewer)) => viewer,
            (false, Err(response)) => return Ok(response),
            (true, Err(_)) => return Err(Problem::new(StatusCode::UNAUTHORIZED, "Sign in again.")),
        };
        let id = call_named(&state, name).await?;
        let now = state.core.store.call(&id).await.map_err(|e| Problem::store(&e))?;
        // A page that is opened again later says nothing that is not so any more.
        let is_so = |word: &str| now.as_ref().is_some_and(|state| is_so_still(word, &state.call));
        let said = query.get("said").filter(|word| is_so(word));
        let said = said.and_then(|word| SAID.iter().find(|(w, _)| *w == word)).copied();
        story_page(&state, &viewer, &id, Told::Seen { said, is_part, paused: query.get("pause").is_some() }).await
    };
    or_error(&state, answer.await)
}

/// The call that a path names: by its id, its reference or a message.
///
/// # Errors
/// 404.
pub(super) async fn call_named(
    state: &HttpState,
    name: Result<Path<String>, PathRejection>,
) -> Result<CallId, Problem> {
    let name = name.map(|Path(name)| name).map_err(|_| no_such_call())?;
    let found = find(state.core.store.as_ref(), &name).await.map_err(|e| Problem::store(&e))?;
    found.ok_or_else(no_such_call)
}

pub(super) fn no_such_call() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such call.")
}

/// What the page of a call tells besides the call.
pub(super) enum Told {
    Seen {
        /// What was done a moment ago: a word of [`SAID`] and what it means.
        said: Option<(&'static str, &'static str)>,
        /// The part that changes is asked for alone.
        is_part: bool,
        paused: bool,
    },
    /// Why nothing was done.
    Refused(String),
}

/// The page of a call, with what was done, or why nothing was.
///
/// # Errors
/// The store cannot be read, or has no such call.
pub(super) async fn story_page(
    state: &HttpState,
    viewer: &Viewer,
    id: &CallId,
    told: Told,
) -> Result<Response, Problem> {
    // Before the call is read: what is committed in between makes another number, and the page loads itself again.
    let number = read::number(state).await?;
    let story = state.core.store.story(id).await.map_err(|e| Problem::store(&e))?.ok_or_else(no_such_call)?;
    let directory = state.core.directory();
    let c = call_now(state, &story.state, viewer.sight).await?;
    let (line, _) = directory.line(story.state.call.data.twilio_to_number.as_deref());
    let clock = Clock::of(state, directory.zone(line));
    let title = format!("{} {}", c.reference, c.word);
    let shown = CallShown { trouble: troubles(state).await, ..shown(&story, c, &directory, viewer) };
    let (status, template, shown) = match told {
        Told::Seen { said, is_part, paused } => {
            let (said_word, said) = said.unzip();
            let template = if is_part { "call_main.html" } else { "call.html" };
            (StatusCode::OK, template, CallShown { said, said_word, n: Some(number), paused, ..shown })
        }
        Told::Refused(why) => (StatusCode::CONFLICT, "call.html", CallShown { refused: Some(why), ..shown }),
    };
    page(state, Some(viewer), (status, template, &title), clock, shown)
}

/// A call as the board has it now.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn call_now(
    state: &HttpState,
    of: &crate::domain::call::CallState,
    sight: Sight,
) -> Result<BoardCall, Problem> {
    let opt_outs = state.core.store.opt_outs().await.map_err(|e| Problem::store(&e))?;
    let rows = BoardRows { opt_outs, ..BoardRows::default() };
    let directory = state.core.directory();
    let now = state.core.clock.now();
    let facts = Facts {
        now,
        mode: state.settings.mode,
        directory: &directory,
        rows: &rows,
        oncall: &OnCallView::default(),
        engine_trouble: None,
        store_trouble: None,
        unreadable: 0,
        night_from: now,
        sight,
        closed_max: 0,
    };
    Ok(BoardCall::of(of, &facts))
}

fn shown(story: &CallStory, c: BoardCall, directory: &Directory, viewer: &Viewer) -> CallShown {
    let call = &story.state.call;
    let sight = viewer.sight;
    let name = |id: &crate::domain::types::ContactId| {
        directory.contact(id).map_or_else(|| id.to_string(), |contact| contact.name.clone())
    };
    let said_of = |text: &str| sight.words(text);
    let out = call.excluded.iter().map(|o| match (o.why, o.channel) {
        (ExclusionReason::Passed, _) => format!("{} passed", name(&o.contact)),
        (ExclusionReason::Failed, Some(by)) => format!("{} cannot be reached by {}", name(&o.contact), by.noun()),
        (ExclusionReason::Failed, None) => format!("{} cannot be reached", name(&o.contact)),
    });
    let whole = |t: &Option<String>| t.as_deref().filter(|t| !t.trim().is_empty()).map(said_of);
    let earlier = story.log.len().saturating_sub(ENTRIES_MAX);
    CallShown {
        issue: whole(&call.data.issue_summary),
        address: whole(&call.data.address),
        created_by: said_of(&call.created_by.0),
        round: call.round,
        out: out.map(|text| said_of(&text)).collect(),
        attempts: story.state.attempts.iter().map(|a| attempt(story, a, sight)).collect(),
        ladder: ladder(call, &story.log, sight),
        log: story.log.iter().skip(earlier).map(|l| entry(l, sight)).collect(),
        earlier,
        said: None,
        said_word: None,
        refused: None,
        n: None,
        paused: false,
        you: directory.contact_named(&viewer.name).map(|contact| contact.name.clone()),
        trouble: Vec::new(),
        c,
    }
}

fn attempt(story: &CallStory, a: &Attempt, sight: Sight) -> AttemptView {
    let (word, tone) = state_in_words(a);
    let receipts = story.receipts.iter().filter(|r| r.joined == Some(a.id)).map(|r| ReceiptView {
        at: r.at,
        status: r.update.status.to_string(),
        by: r.update.source.as_str(),
        code: r.update.code.map(|c| c.0),
    });
    AttemptView {
        reference: a.reference(&story.state.call.reference),
        kind: match a.kind {
            AttemptKind::Notice if a.repeats.is_some() => "repeat",
            AttemptKind::Notice => "notice",
            AttemptKind::StandDown => "stand-down",
            AttemptKind::Answer => "answer",
            AttemptKind::Update => "update",
            AttemptKind::Question => "question",
        },
        by: a.channel.noun(),
        name: sight.words(&a.recipient.name),
        to: match &a.recipient.email {
            Some(email) if sight.operates() => email.as_str().to_owned(),
            Some(_) => String::new(),
            None => masked(a.recipient.phone.e164()),
        },
        why: a.recipient.why.as_deref().map(|why| sight.words(why)),
        at: a.sent_at.unwrap_or(a.created_at),
        word,
        tone,
        code: a.error_code.map(|c| c.0),
        code_name: a.error_code.map(codes::name_of),
        result: Some(sight.words(&a.result)).filter(|r| !r.is_empty()),
        sid: a.sid.as_ref().map(ToString::to_string),
        segments: a.segments,
        attempt_id: a.id.to_string(),
        can_settle: sight.operates() && a.state == crate::domain::attempt::AttemptState::Unknown,
        receipts: receipts.collect(),
    }
}

fn ladder(call: &Call, log: &[LogLine], sight: Sight) -> LadderView {
    let total = call.policy.total_steps();
    let next = usize::try_from(call.next_step).unwrap_or(usize::MAX);
    let number = |l: &LogLine, name: &str| l.entry.data.get(name).and_then(serde_json::Value::as_u64);
    let skipped = |at: usize| {
        let is_it = |l: &&LogLine| {
            l.entry.kind == LogKind::StepSkipped
                && number(l, "round") == Some(u64::from(call.round))
                && number(l, "step") == u64::try_from(at + 1).ok()
        };
        log.iter().rev().find(is_it).map(|l| sight.words(&l.entry.message))
    };
    let step = |at: usize| {
        let why = skipped(at);
        let step = call.policy.step(at)?;
        let wait = call.policy.wait_before(at);
        let roles: Vec<&str> = step.notify.iter().map(crate::domain::types::Role::as_str).collect();
        Some(StepView {
            number: at + 1,
            wait: if wait.is_zero() { "at once".to_owned() } else { format!("after {}", length(wait)) },
            roles: roles.join(", "),
            by: step.channel.noun(),
            state: match at.cmp(&next) {
                std::cmp::Ordering::Less => "over",
                std::cmp::Ordering::Equal if call.status == CallStatus::Dispatching => "next",
                _ => "not reached",
            },
            why,
        })
    };
    LadderView {
        name: call.policy.name.clone(),
        copied_at: call.accepted_at,
        steps: (0..total).filter_map(step).collect(),
        exhaust_after: length(call.policy.exhaust_after),
        muted: call.muted,
    }
}

/// Who may only look reads what was done, and nothing that a person wrote.
fn entry(l: &LogLine, sight: Sight) -> EntryView {
    let of = |name: &str| l.entry.data.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    let words = of("note").or_else(|| of("text").filter(|_| l.entry.kind == LogKind::ReplyReceived));
    EntryView {
        at: l.entry.at,
        actor: sight.words(&masked(&l.entry.actor.0)),
        message: sight.words(&l.entry.message),
        words: words.filter(|_| sight.operates()).map(|w| masked_within(&w)),
    }
}
