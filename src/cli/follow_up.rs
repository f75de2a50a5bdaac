//! `follow-up list`, `run`, `cancel`: what is due, fired by hand or stopped.
//!
//! Firing is the event that the engine's own scheduler uses, decided in one transaction: a step fires once, whoever is first.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event};
use crate::domain::types::CallId;
use crate::engine::apply::Core;
use crate::engine::json;
use crate::engine::next_step::{Who, next_step, who};
use crate::store::{DueLine, StoreError};

use super::app::{App, NoStore, operator};
use super::decide::{call_named, not_allowed};
use super::durations::span;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;
use super::timeline::what_is_next;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: FollowUpCommand,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        match &self.what {
            FollowUpCommand::Run(args) => args.by.as_deref(),
            FollowUpCommand::Cancel { by, .. } => by.as_deref(),
            FollowUpCommand::List { .. } => None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum FollowUpCommand {
    /// Show the follow-ups that are still to come, the earliest first
    ///
    /// Each call for which somebody is looked for has one: the next step of its ladder, the last resort, or, when all were told, its end
    /// (`exhausts`). `status` counts the same.
    List {
        /// At most so many
        #[arg(long, value_name = "N", value_parser = super::parse::limit, default_value = "100")]
        limit: usize,
    },
    /// Fire now; cannot double what the engine does
    Run(RunArgs),
    /// Tell nobody else of a call but the last resort; it is EXHAUSTED after its time, with an alert, unless somebody takes it
    Cancel {
        /// The call: its id, a message SID or a reference
        #[arg(long, value_name = "CALL")]
        call: String,
        /// In whose name [default: the user of this system]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Why, for the log
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// This step of its round in place of the next one; steps before it that are not due are skipped
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["missed", "all_due"])]
    step: Option<u32>,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What is fired.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The next step of this call, due or not (its id, a message SID or a reference)
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// The call of --step (its id, a message SID or a reference)
    #[arg(value_name = "CALL", requires = "step")]
    target: Option<String>,
    /// Everything whose time went by while nobody fired it
    #[arg(long)]
    missed: bool,
    /// Everything that is due now
    #[arg(long)]
    all_due: bool,
}

/// Due calls read at a time.
const BATCH: usize = 500;

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        FollowUpCommand::List { limit } => list(limit, app, out).await,
        FollowUpCommand::Run(args) => match args.which.call.as_ref().or(args.which.target.as_ref()) {
            Some(call) => {
                let what = args.step.map_or(Decision::FireNow, |n| Decision::FireStep { step: n.saturating_sub(1) });
                run_one(call, what, args.by.as_deref(), app, out).await
            }
            None => run_due(args.by.as_deref(), app, out).await,
        },
        FollowUpCommand::Cancel { call, by, note } => cancel(&call, by.as_deref(), note, app, out).await,
    }
}

async fn list(limit: usize, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let now = app.clock.now();
    let (mut due, opt_outs) = (store.due_lines(limit.saturating_add(1)).await?, store.opt_outs().await?);
    let more = due.len() > limit;
    due.truncate(limit);
    if out.is_json() {
        let lines: Vec<Value> =
            due.iter().map(|d| line_json(d, &who(&d.call, d.due, &opt_outs, &app.config.directory), now)).collect();
        out.document(&json!({ "followUps": lines, "more": more }));
    } else {
        let mut t =
            Table::new(&["CALL", "REF", "LEVEL", "NEXT", "DUE", "LATE BY", "WHO"]).may_leave_out(&["CALL", "LEVEL"]);
        for d in &due {
            let who = who(&d.call, d.due, &opt_outs, &app.config.directory);
            t.row([
                d.call.id.to_string(),
                d.call.reference.to_string(),
                d.call.level.clone(),
                next_step(&d.call, &app.config.directory),
                out.time(d.due),
                if d.due < now { span(now.since(d.due)) } else { String::new() },
                who.text(),
            ]);
        }
        out.table_or(&t, "no follow-up is to come");
    }
    if more {
        out.chat(&format!("the first {limit} are shown, there are more: --limit shows them"));
    }
    if due.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let engine = app.engine_beside(&*store, out).await?;
    if engine.is_none() {
        out.note("warning: no engine runs: texts and follow-ups go out when one does; start `dispatchctl serve`");
    }
    Ok(super::engine::looked_at(engine.as_ref(), out))
}

/// A follow-up as lists and the overview show it.
pub(super) fn line_json(d: &DueLine, who: &Who, now: Timestamp) -> Value {
    json!({
        "callId": d.call.id,
        "reference": d.call.reference,
        "level": d.call.level,
        "round": d.call.round,
        "step": json::next_follow_up(&d.call).map(|_| d.call.next_step + 1),
        "steps": d.call.policy.total_steps(),
        "exhausts": json::next_follow_up(&d.call).is_none(),
        "followUpsCancelled": d.call.muted,
        "dueAt": d.due,
        "lateMs": u64::try_from(now.since(d.due).as_millis()).unwrap_or(u64::MAX),
        "who": who.contacts,
        "problems": who.problems,
    })
}

async fn run_one(
    text: &str,
    what: Decision,
    by: Option<&str>,
    app: &App,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    app.people_required()?;
    let store = app.store(NoStore::Refuse).await?;
    let call = call_named(store.as_ref(), text).await?;
    let by = operator(by);
    let core = app.core(store);
    let attempts_before = core.store.call(&call).await?.map_or(0, |s| s.call.attempts);
    let event = Event::Decide { call: call.clone(), what: what.clone(), by: by.clone(), note: None };
    match core.apply(event, by).await? {
        Answer::Changed(state) => show_fired(&[Fired { state: *state, attempts_before }], &core, app, out).await,
        // The step was due and another was faster.
        Answer::Already(_) => show_fired(&[], &core, app, out).await,
        Answer::NotAllowed(_, why) if matches!(what, Decision::FireStep { .. }) => {
            Err(CliError::new(ExitStatus::NotFound, format!("that step of call {call} cannot be run"))
                .cause(why)
                .hint(format!("see its steps with `dispatchctl status {call}`")))
        }
        Answer::NotAllowed(state, why) if state.call.status == CallStatus::Dispatching => {
            Err(CliError::new(ExitStatus::NotFound, format!("call {call} has no follow-up to run"))
                .cause(why)
                .hint(format!("take it with `dispatchctl ack {call}`, or close it and `dispatchctl reopen {call}`")))
        }
        Answer::NotAllowed(state, why) => Err(not_allowed(&what, &state.call, &why)),
        Answer::NotFound => Err(CliError::no_call(text)),
        _ => Err(CliError::new(ExitStatus::Bug, "the follow-up was neither fired nor refused")),
    }
}

/// A call after a step of it fired, and how many attempts it had before.
struct Fired {
    state: CallState,
    attempts_before: u32,
}

/// Fires every call that is due. What another fires meanwhile is left to it.
async fn run_due(by: Option<&str>, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    app.people_required()?;
    let core = app.core(app.store(NoStore::Refuse).await?);
    let mut fired = Vec::new();
    let mut refused: Vec<CallId> = Vec::new();
    let mut unreadable = None;
    loop {
        // What is refused stays due and at the front.
        let due = core.store.due(core.clock.now(), BATCH + refused.len()).await?;
        let due: Vec<CallId> = due.into_iter().filter(|c| !refused.contains(c)).collect();
        if due.is_empty() {
            break;
        }
        for call in due {
            match fire(&core, &call, by).await {
                Ok(done) => fired.extend(done),
                Err(StoreError::Refused { .. }) => refused.push(call),
                // The others are fired first; the store leaves this one out of the next look.
                Err(e) if e.is_of_one_call() => unreadable = Some(e),
                Err(e) => return Err(e.into()),
            }
        }
    }
    let ended = show_fired(&fired, &core, app, out).await?;
    if let Some(e) = unreadable {
        return Err(e.into());
    }
    if refused.is_empty() {
        return Ok(ended);
    }
    let ids: Vec<&str> = refused.iter().map(CallId::as_str).collect();
    Err(CliError::new(ExitStatus::Bug, format!("due steps of {} could not be decided", ids.join(", ")))
        .hint("somebody must take these calls by hand: `dispatchctl ack CALL`"))
}

async fn fire(core: &Core, call: &CallId, by: Option<&str>) -> Result<Option<Fired>, StoreError> {
    let attempts_before = core.store.call(call).await?.map_or(0, |s| s.call.attempts);
    match core.apply(Event::Wake { call: call.clone() }, operator(by)).await? {
        Answer::Changed(state) => Ok(Some(Fired { state: *state, attempts_before })),
        _ => Ok(None),
    }
}

async fn show_fired(fired: &[Fired], core: &Core, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let rest = app.relied_on(!fired.is_empty(), &*core.store, out).await?;
    let attempts_before = |f: &Fired| {
        let new = f.state.attempts.iter().filter(|a| a.number > f.attempts_before);
        new.map(|a| format!("{} (attempt {})", a.recipient.name, a.number)).collect::<Vec<_>>().join(", ")
    };
    if out.is_json() {
        let calls: Vec<Value> = fired.iter().map(|f| json::outcome(&f.state, false, out.mode())).collect();
        let mut doc = json!({ "fired": fired.len(), "calls": calls });
        rest.add_to(&mut doc);
        out.document(&doc);
    } else if fired.is_empty() && !out.is_csv() {
        out.mode_line();
        out.line("nothing is due");
    } else {
        let now = app.clock.now();
        let mut t = Table::new(&["CALL", "REF", "STATUS", "TELLING", "NEXT"]);
        for f in fired {
            let call = &f.state.call;
            let next = what_is_next(call, &app.config.directory, now, out).unwrap_or_default();
            t.row([call.id.to_string(), call.reference.to_string(), call.status.to_string(), attempts_before(f), next]);
        }
        out.table(&t);
    }
    if !fired.is_empty() {
        out.chat(&format!("fired {}", fired.len()));
    }
    Ok(rest.say("texts and follow-ups", out))
}

async fn cancel(
    text: &str,
    by: Option<&str>,
    note: Option<String>,
    app: &App,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let call = call_named(store.as_ref(), text).await?;
    let by = operator(by);
    let event = Event::Decide { call: call.clone(), what: Decision::Mute, by: by.clone(), note };
    let (state, changed) = match app.core(store).apply(event, by).await? {
        Answer::Changed(state) => (state, true),
        Answer::Already(state) => (state, false),
        Answer::NotAllowed(state, why) => return Err(not_allowed(&Decision::Mute, &state.call, &why)),
        Answer::NotFound => return Err(CliError::no_call(text)),
        _ => return Err(CliError::new(ExitStatus::Bug, "the follow-ups were neither cancelled nor kept")),
    };
    if out.is_json() {
        let mut doc = json::call(&state.call, out.mode());
        if let Some(map) = doc.as_object_mut() {
            map.insert("changed".into(), json!(changed));
        }
        out.document(&doc);
    } else if out.is_csv() {
        let mut t = Table::new(&["CALL", "REF", "STATUS", "EXHAUSTS", "CHANGED"]);
        let exhausts = state.call.wake_at.map(|at| out.time(at)).unwrap_or_default();
        let (id, reference) = (state.call.id.to_string(), state.call.reference.to_string());
        t.row([id, reference, state.call.status.to_string(), exhausts, changed.to_string()]);
        out.table(&t);
    } else {
        out.mode_line();
        let word = if changed { "are cancelled" } else { "were cancelled already" };
        out.paragraph(&format!(
            "the follow-ups of {} ({}) {word}: the ladder tells nobody else",
            state.call.id, state.call.reference
        ));
        if let Some(at) = state.call.wake_at {
            let at = out.time(at);
            let then = match json::last_resort_is_next(&state.call, &app.config.directory) {
                true => format!("the last resort is told at {at}, and then it is EXHAUSTED"),
                false => format!("it is EXHAUSTED at {at}"),
            };
            out.paragraph(&format!(
                "if nobody takes it, {then}, with an alert; `dispatchctl ack {}` takes it",
                state.call.id
            ));
        }
    }
    Ok(ExitStatus::Done)
}
