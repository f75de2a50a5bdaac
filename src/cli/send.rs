//! `send`: hands a call over, with or without an engine beside it, and watches what becomes of it.
//!
//! The call is committed before anything is sent. Where an engine runs, it does the work and this command watches. Where none
//! does, this command is the engine for its own call: it takes the lock, hands it over when another asks, and goes on as a
//! watcher. A crash at any point leaves a committed call that the next engine goes on with.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{CallData, CallState, CallStatus};
use crate::domain::change::Answer;
use crate::domain::types::CallId;
use crate::engine::apply::Core;
use crate::engine::in_force::InForce;
use crate::engine::intake::json::Document;
use crate::engine::intake::{self, Intake, Validation};
use crate::engine::supervisor::Supervisor;
use crate::engine::{Scope, json, start};
use crate::store::LeaseError;

use super::app::{App, NoStore, operator};
use super::drills::Sandbox;
use super::engine::{self, Engine, Rest};
use super::exit::ExitStatus;
use super::output::{Output, spinner};
use super::report::CliError;
use super::send_dry_run::dry_run;
use super::send_outcome::{End, attempts_table, exit_of, first_settled, nothing_moves, progress_of};
use super::unnotified::{self, Unnotified, unnotified};
use super::watch::{Wakeup, Watcher};

/// What to dispatch and how long to watch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The customer's number, as given
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
    /// The customer's name
    #[arg(long, value_name = "NAME")]
    caller_name: Option<String>,
    /// Emergency level: normal, high or any configured policy; without it, by the words of the issue
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// What is wrong
    #[arg(long, value_name = "TEXT")]
    issue: Option<String>,
    /// Where to go
    #[arg(long, value_name = "TEXT")]
    address: Option<String>,
    /// Your own id of the call; the same again sends nothing
    #[arg(long, value_name = "ID")]
    call_id: Option<String>,
    /// The number that the customer dialled: picks the line
    #[arg(long, value_name = "NUMBER")]
    to_number: Option<String>,
    /// Tell this contact (an id, a name or a number) in the first step
    #[arg(long, value_name = "ID|NUMBER")]
    contact: Option<String>,
    /// Tell --contact in every step
    #[arg(long, requires = "contact")]
    only: bool,
    /// Your own words in place of the template
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Read the call as the API's JSON body from a file, or - for stdin
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["caller", "caller_name", "level", "issue", "address", "call_id", "to_number", "contact", "body"])]
    json: Option<PathBuf>,
    /// What to wait for
    #[arg(long, value_name = "WHAT", default_value = "accepted")]
    wait: Wait,
    /// How long [default: 20s; 10m for delivered and acknowledged]
    #[arg(long, value_name = "DURATION", value_parser = super::parse::duration)]
    timeout: Option<Duration>,
    /// Be the engine until the call ends
    #[arg(long)]
    stay: bool,
    /// Show who would be told what and when; send nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `send` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// The provider has a text.
    Accepted,
    /// A text arrived.
    Delivered,
    /// Somebody took the call.
    Acknowledged,
    /// Nothing beyond the commit.
    None,
}

/// The longest JSON document that is read.
const INPUT_MAX: u64 = 64 * 1024;
/// After it handed the lock over, this command leaves it alone for so long: longer than the pauses of whoever waits for it.
const HANDED_OVER_FOR: Duration = Duration::from_secs(1);
/// The longest pause between two looks at what no commit tells of: time that passes, an engine that died.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    out.outlast_its_reader();
    let taken = intake_of(&args)?;
    let new = intake::new_call(taken.clone(), &app.config.directory, Validation::Strict, &app.ids, app.clock.now())?;
    if new.overridden.is_none() {
        app.people_required()?;
    }
    if app.config.directory.line(args.to_number.as_deref()).1 {
        super::oncall::check_line(&app.config.directory, args.to_number.as_deref(), "--to-number", out)?;
    }
    let says_nothing = |t: &Option<String>| t.as_deref().is_none_or(|t| t.trim().is_empty());
    if args.json.is_none() && !args.dry_run && says_nothing(&args.issue) && says_nothing(&args.body) {
        return Err(CliError::new(
            ExitStatus::Usage,
            "nothing says what is wrong: people would be texted for no reason",
        )
        .hint("give --issue TEXT (or --body TEXT), or the whole call with --json FILE; nothing was recorded or sent"));
    }
    let level = new.level_why.as_ref().map(|why| format!("it runs at level {}: {why}", new.level));
    if args.dry_run {
        level.iter().for_each(|said| out.chat(said));
        return dry_run(&new, &app, out);
    }
    let alone = app.holder().await.is_none();
    if alone {
        if let Some(age) = app.synced_contacts_age() {
            out.chat(&age);
        }
        // Before anything is recorded: without an engine this command itself must be able to send.
        app.providers_required()?;
    }
    let store = app.store(NoStore::Create).await?;
    let sandbox = if alone { app.sandbox_if_needed(out).await? } else { None };
    let core = app.core_that_polls(store);
    let (call, created) = accept(&core, &taken, out).await?;
    // One that was there keeps the level that it has.
    level.iter().filter(|_| created).for_each(|said| out.chat(said));
    let mut send = Send { args: &args, app, core, call: call.clone(), created, sandbox };
    send.follow(out).await.map_err(|e| e.behind_its_commit(&call))
}

fn intake_of(args: &Args) -> Result<Intake, CliError> {
    if let Some(path) = &args.json {
        let document = read_json(path)?;
        let unknown = intake::unknown_keys(&document);
        if !unknown.is_empty() {
            let what = format!("{} is no key of a call (--json); nothing was recorded or sent", unknown.join(", "));
            return Err(
                CliError::new(ExitStatus::Usage, what).hint(format!("callData takes {}", intake::KNOWN.join(", ")))
            );
        }
        let mut taken = intake::from_json(&Document::plain(document), Validation::Strict)?;
        taken.only = args.only;
        return Ok(taken);
    }
    let some = |v: &Option<String>| v.as_deref().map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
    let data = CallData {
        caller_phone: some(&args.caller),
        emergency_level: some(&args.level),
        issue_summary: some(&args.issue),
        twilio_to_number: some(&args.to_number),
        caller_name: some(&args.caller_name),
        address: some(&args.address),
        contact: some(&args.contact),
        body: some(&args.body),
        ..CallData::default()
    };
    Ok(Intake { call_id: args.call_id.clone(), data, only: args.only, ..Intake::default() })
}

fn read_json(path: &PathBuf) -> Result<Value, CliError> {
    let wrong =
        |what: String| CliError::new(ExitStatus::Usage, what).hint("the document is {\"callId\":…,\"callData\":{…}}");
    let mut text = String::new();
    let name = path.display().to_string();
    let read = if name == "-" {
        std::io::stdin().lock().take(INPUT_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(INPUT_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(|e| wrong(format!("{name} cannot be read")).cause(e))?;
    if text.len() as u64 > INPUT_MAX {
        return Err(wrong(format!("{name} is larger than {INPUT_MAX} bytes")));
    }
    serde_json::from_str(&text).map_err(|e| wrong(format!("{name} is no JSON")).cause(e))
}

/// Commits the call and says its id, before anything is sent; whether it is new.
async fn accept(core: &Arc<Core>, taken: &Intake, out: &mut Output) -> Result<(CallId, bool), CliError> {
    let make = |held: &InForce| {
        intake::new_call(taken.clone(), &held.directory, Validation::Strict, &core.ids, core.clock.now())
    };
    let accepted = core.accept(make, operator(None)).await;
    match accepted.map_err(|e| CliError::of_accepting(e, taken.call_id.is_some()))?? {
        Answer::Created(state) => {
            out.note(&format!("call {} ({}) is recorded", state.call.id, state.call.reference));
            Ok((state.call.id, true))
        }
        Answer::Exists(state) if taken.call_id.as_deref().is_some_and(|asked| asked != state.call.id.as_str()) => {
            out.note(&format!(
                "the same emergency is call {} ({}): whoever was told of it is told the new words",
                state.call.id, state.call.reference
            ));
            Ok((state.call.id, false))
        }
        Answer::Exists(state) => {
            out.note(&format!(
                "call {} ({}) exists with the same data: nothing new is sent",
                state.call.id, state.call.reference
            ));
            Ok((state.call.id, false))
        }
        Answer::Differs(state) => Err(CliError::new(
            ExitStatus::Conflict,
            format!("call {} exists with other data; nothing was sent", state.call.id),
        )
        .hint(format!("see it with `dispatchctl status {}`, or use another --call-id", state.call.id))
        .with(json!({ "callId": state.call.id }))),
        _ => Err(CliError::new(ExitStatus::Bug, "the call was neither made nor found")),
    }
}

struct Send<'a> {
    args: &'a Args,
    app: App,
    core: Arc<Core>,
    call: CallId,
    /// Whether this command made the call.
    created: bool,
    sandbox: Option<Sandbox>,
}

impl Send<'_> {
    async fn follow(&mut self, out: &mut Output) -> Result<ExitStatus, CliError> {
        let bar = spinner(out, &format!("call {}", self.call));
        let started = self.app.clock.now();
        let limit = self.args.timeout.unwrap_or(match self.args.wait {
            Wait::Accepted | Wait::None => Duration::from_secs(20),
            Wait::Delivered | Wait::Acknowledged => Duration::from_secs(600),
        });
        let mut running: Option<CallEngine> = None;
        let mut silent_since = None;
        let mut watcher_until = started;
        let (mut alone, mut said_away) = (false, false);
        let core = self.core.clone();
        let watch = core.wake.watch(&self.call);
        let mut commits = Watcher::start(core.store.clone(), core.clock.clone()).await?;
        let (state, ended) = loop {
            if running.as_ref().is_some_and(CallEngine::over) {
                running = None;
                // Whoever asked for the lock must find it free.
                watcher_until = self.app.clock.now().plus(HANDED_OVER_FOR);
            }
            if running.is_none() && self.app.clock.now() >= watcher_until {
                running = self.try_to_be_the_engine(out).await?;
                if running.is_some() && !alone {
                    alone = true;
                    out.chat("no engine runs: this command sends; follow-ups wait until `dispatchctl serve` runs");
                }
            }
            let wakeup = watch.armed();
            let state = self.core.store.call(&self.call).await?;
            let Some(state) = state else { return Err(CliError::no_call(self.call.as_str())) };
            bar.set_message(progress_of(&state));
            let waited = self.app.clock.now().since(started);
            if alone
                && !said_away
                && let Some(why) = unnotified::is_tried_again(&state)
            {
                said_away = true;
                out.note(&format!("{why}; this command goes on trying until it is interrupted or --timeout is over"));
            }
            // Without an engine beside it, the limit does not cut a first notice that is still under way.
            let in_hand = alone && self.args.timeout.is_none() && !first_settled(&state, self.app.clock.now());
            if let Some(end) = self.ended(&state).await {
                break (state, end);
            }
            if running.is_none() && self.engine_is_silent(&mut silent_since).await? {
                break (state, End::Silent);
            }
            if waited >= limit && !in_hand && !self.args.stay {
                break (state, End::TimedOut);
            }
            let left = limit.saturating_sub(waited);
            let pause = if left.is_zero() { LOOK_EVERY } else { left.min(LOOK_EVERY) };
            let wakeup = match &running {
                Some(engine) => commits.until(engine.next(wakeup), pause).await,
                None => commits.next(pause).await?,
            };
            if wakeup == Wakeup::Interrupted {
                break (state, End::Interrupted);
            }
        };
        if let Some(engine) = running {
            engine.stop().await?;
        }
        bar.finish_and_clear();
        let state = self.core.store.call(&self.call).await?.unwrap_or(state);
        self.finish(&state, ended, out).await
    }

    /// The engine beside this command is silent, and this command has seen it so for as long as anybody waits for a sign of life.
    async fn engine_is_silent(&self, since: &mut Option<Duration>) -> Result<bool, CliError> {
        let row = self.core.store.engine().await?;
        let engine = Engine::now(self.app.holder().await, row.as_ref(), &*self.app.clock);
        if !engine.is_some_and(|e| matches!(e.state, engine::EngineState::Silent(_))) {
            *since = None;
            return Ok(false);
        }
        let boot = self.app.clock.boot();
        Ok(boot.saturating_sub(*since.get_or_insert(boot)) >= engine::WAIT)
    }

    /// Takes the lock where nobody has it and starts an engine for this call alone. The call is committed: where this command
    /// may not send (the engine beside it is gone, and it has no credentials), it goes on watching.
    async fn try_to_be_the_engine(&mut self, out: &Output) -> Result<Option<CallEngine>, CliError> {
        if self.app.providers_required().is_err() {
            return Ok(None);
        }
        let lock = match self.core.store.take_lease("send").await {
            Ok(lock) => lock,
            // The call is committed: who may not be the engine goes on watching, and says in the end that it waits for one.
            Err(LeaseError::Held(_) | LeaseError::Io { .. } | LeaseError::Store(_)) => return Ok(None),
        };
        if self.sandbox.is_none() {
            // The engine beside us is gone, and with it the sandbox that it may have run.
            self.sandbox = self.app.sandbox_if_needed(out).await?;
        }
        self.app.make_links(&self.core).await?;
        self.app.holds(&lock);
        let engine = self.app.engine(self.core.clone(), self.app.gateway()?, Scope::Only(self.call.clone()))?;
        start::recover_local(&engine, "send", None).await?;
        let supervisor = Supervisor::new(engine);
        let stop = supervisor.yielded();
        let (ended, running) = (CancellationToken::new(), supervisor.run_in_term(stop.clone(), lock.lost()));
        let at_the_end = ended.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _ended = at_the_end;
            let done = running.await;
            lock.release().await;
            // Whoever hears of the end finds it free.
            drop(lock);
            done
        });
        Ok(Some(CallEngine { task, ended, stop }))
    }

    async fn ended(&self, state: &CallState) -> Option<End> {
        if self.args.stay && state.call.status == CallStatus::Dispatching {
            return None;
        }
        let any = |f: &dyn Fn(AttemptState) -> bool| {
            state.attempts.iter().any(|a| a.kind == AttemptKind::Notice && f(a.state))
        };
        let reached = match self.args.wait {
            Wait::None => {
                first_settled(state, self.app.clock.now()) || self.app.holder().await.is_some_and(|h| h.role == "serve")
            }
            Wait::Accepted => any(&|s| matches!(s, AttemptState::Submitted | AttemptState::Delivered)),
            Wait::Delivered => any(&|s| s == AttemptState::Delivered),
            Wait::Acknowledged => matches!(state.call.status, CallStatus::Acknowledged | CallStatus::Resolved),
        };
        if reached {
            return Some(End::Reached);
        }
        match state.call.status {
            CallStatus::Exhausted | CallStatus::Resolved | CallStatus::Cancelled => Some(End::Over),
            // Nobody is told of it, or not yet, so nothing more is to be waited for.
            CallStatus::Deferred => Some(End::Reached),
            CallStatus::Dispatching
                if state.call.held().is_some() && matches!(self.args.wait, Wait::None | Wait::Accepted) =>
            {
                Some(End::Reached)
            }
            CallStatus::Acknowledged if self.args.wait != Wait::Acknowledged => Some(End::Reached),
            _ if nothing_moves(state, self.app.clock.now()) && self.args.wait != Wait::Acknowledged => Some(End::Stuck),
            _ => None,
        }
    }

    async fn finish(&self, state: &CallState, end: End, out: &mut Output) -> Result<ExitStatus, CliError> {
        let waits = state.attempts.iter().any(|a| a.state.is_waiting() || a.state == AttemptState::Sending);
        let open = state.call.status == CallStatus::Dispatching;
        let seen_silent =
            if matches!(end, End::Silent) { self.app.engine_at_once(&*self.core.store).await? } else { None };
        let rest = match seen_silent.filter(Engine::is_silent) {
            Some(silent) => Rest::Silent(silent),
            None => self.app.relied_on(waits || open, &*self.core.store, out).await?,
        };
        let status = match exit_of(state, end) {
            // Nothing was waited for, as the engine would send it: it does not.
            ExitStatus::Done if self.args.wait == Wait::None && waits && matches!(rest, Rest::Silent(_)) => {
                ExitStatus::Pending
            }
            other => other,
        };
        let unnotified = unnotified(state, &self.core.store.breakers().await.unwrap_or_default(), self.app.clock.now());
        if out.is_json() {
            let mut doc = json::outcome(state, self.created, out.mode());
            rest.add_to(&mut doc);
            if let Some(map) = doc.as_object_mut() {
                map.insert("notTold".into(), unnotified.iter().map(Unnotified::document).collect());
            }
            out.document(&doc);
        } else {
            out.table(&attempts_table(state));
            if state.call.status == CallStatus::Deferred && !out.is_csv() {
                let call = &state.call.id;
                out.paragraph(&format!(
                    "{call} {}: nobody is told; it waits for the morning. `dispatchctl raise {call}` wakes somebody",
                    state.call.status
                ));
            }
            if let Some(until) = state.call.held() {
                let (call, level, until) = (&state.call.id, &state.call.level, out.time(until));
                if !out.is_csv() {
                    out.paragraph(&format!(
                        "{call}: quiet hours of level {level}; it is told at {until}. `dispatchctl raise {call} --level high` tells it now"
                    ));
                }
            } else if let Some(next) = json::next_follow_up(&state.call) {
                let text = format!("{} {}: next follow-up {}", state.call.id, state.call.status, out.time(next));
                if !out.is_csv() {
                    out.paragraph(&text);
                }
            }
        }
        self.say_end(state, status, &unnotified, &rest, out);
        if open || matches!(rest, Rest::Silent(_)) {
            let texts = if unnotified.is_empty() { "" } else { "texts and " };
            let _ = rest.say(&format!("{texts}follow-ups{}", self.app.and_rows()), out);
        }
        Ok(status)
    }

    /// What the exit code means here: who has not been told, whether the call goes on by itself, and what to do.
    fn say_end(&self, state: &CallState, status: ExitStatus, unnotified: &[Unnotified], rest: &Rest, out: &Output) {
        let call = &state.call.id;
        let open = state.call.status == CallStatus::Dispatching;
        let asked_nothing = self.args.wait == Wait::None && status == ExitStatus::Done && *rest == Rest::NoEngine;
        let unfinished = matches!(status, ExitStatus::Pending | ExitStatus::Interrupted | ExitStatus::Unknown);
        if open && (asked_nothing || unfinished) {
            unnotified.iter().for_each(|u| out.note(&u.sentence()));
        }
        match status {
            ExitStatus::Pending if matches!(rest, Rest::Silent(_)) => {
                out.note(&format!("call {call} is recorded and waits for the engine"));
            }
            ExitStatus::Pending if *rest == Rest::Engine => out.note(&format!(
                "call {call} is recorded and the engine goes on with it: do not run it again; `dispatchctl status {call}` tells"
            )),
            ExitStatus::Pending => out.note(&format!("call {call} is recorded: do not run it again")),
            ExitStatus::Unknown => {
                let unknown = |a: &&Attempt| a.state == AttemptState::Unknown;
                let what = state.attempts.iter().find(unknown).map_or("text", |a| a.channel.noun());
                out.note(&format!("it is not known whether the provider has the {what}: do not run it again; `dispatchctl status {call}` tells"));
            }
            ExitStatus::Interrupted if *rest == Rest::NoEngine => {
                out.note(&format!("interrupted: call {call} is recorded, and nothing is sent until an engine runs"));
            }
            ExitStatus::Interrupted => out.note(&format!("interrupted: call {call} is recorded and goes on")),
            ExitStatus::No => out.note(&format!(
                "call {call} is {} without what was waited for; `dispatchctl status {call}` tells",
                state.call.status
            )),
            ExitStatus::Refused => out.note("the provider refused for good and nobody else is left to tell"),
            _ => {}
        }
        if open && !unnotified.is_empty() && (asked_nothing || unfinished) {
            unnotified::what_to_do(call, unnotified).iter().for_each(|text| out.note(&format!("hint: {text}")));
        }
    }
}

/// An engine for one call, while this command lives.
struct CallEngine {
    task: tokio::task::JoinHandle<Result<(), crate::store::StoreError>>,
    /// Fires when the task ends, in whatever way.
    ended: CancellationToken,
    stop: CancellationToken,
}

impl CallEngine {
    fn over(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Returns when the call changes or the engine ends.
    async fn next(&self, changed: impl Future<Output = ()>) {
        tokio::select! {
            () = changed => {}
            () = self.ended.cancelled() => {}
        }
    }

    async fn stop(self) -> Result<(), CliError> {
        self.stop.cancel();
        match self.task.await {
            Ok(result) => result.map_err(CliError::from),
            Err(e) => Err(CliError::new(ExitStatus::Bug, "the engine of this command ended badly").cause(e)),
        }
    }
}
