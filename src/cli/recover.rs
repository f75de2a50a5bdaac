//! `recover`: after a restart, what should run and does not. Prints the plan, then carries it out.
//!
//! Carrying out is the engine's ordinary work: with an engine alive it does it anyway, and the due steps are fired in its
//! stead; with none this command is the engine for as long as the plan takes. Safe to run twice, and beside a running `serve`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::domain::Timestamp;
use crate::domain::event::Event;
use crate::engine::apply::Core;
use crate::engine::recovery::{RecoveryRow, StoreSnapshot, plan, settle_store};
use crate::engine::sink::Sink;
use crate::engine::supervisor::Supervisor;
use crate::engine::{Scope, others_go_on, outbox, start};
use crate::store::LeaseError;

use super::app::{App, NoStore, operator};
use super::engine::Engine;
use super::exit::ExitStatus;
use super::output::{Output, Table, spinner};
use super::report::CliError;

/// How to recover.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the plan and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// After a lost disk, or from another system: rebuild the calls that are DISPATCHING in Airtable
    #[arg(long)]
    pub(super) from_airtable: bool,
    /// Calls whose last dispatch event is older go on at once, younger ones when they are this old
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = super::parse::duration, requires = "from_airtable")]
    pub(super) older_than: Duration,
    /// Do not ask: no other engine and no old system runs
    #[arg(long, requires = "from_airtable")]
    pub(super) yes: bool,
}

/// Calls whose due step is fired beside an engine; it takes the rest.
const CALLS_MAX: usize = 10_000;
/// How long this command is the engine at most: what is not done by then stays, as durable as before.
const WORK_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    if args.from_airtable {
        return super::rebuild::run(&args, app, out).await;
    }
    if !args.dry_run {
        app.people_required()?;
    }
    let store = app.store(NoStore::Refuse).await?;
    let core = app.core_that_polls(store);
    let engine_runs = app.living_holder().await.is_some();
    let snapshot = StoreSnapshot::take(&core, engine_runs).await?;
    let rows = plan(&snapshot, app.clock.now());
    let done = if args.dry_run || rows.is_empty() || snapshot.damaged {
        None
    } else {
        settle_store(&core, &snapshot, &operator(None)).await?;
        Some(carry_out(&mut app, &core, out).await?)
    };
    say(&rows, done, snapshot.damaged, out);
    // What only a person can mend is an answer of "no".
    let for_a_person = rows.iter().any(|r| r.finding.is_for_a_person());
    if args.dry_run {
        let beside = app.engine_beside(&*core.store, out).await?;
        if super::engine::looked_at(beside.as_ref(), out) == ExitStatus::No {
            return Ok(ExitStatus::No);
        }
    }
    Ok(match done {
        Some(CarriedOut::BySilent) => ExitStatus::Pending,
        _ if for_a_person => ExitStatus::No,
        _ => ExitStatus::Done,
    })
}

/// Who carried it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CarriedOut {
    /// A running engine, which saw what was due.
    ByEngine,
    /// The process that holds the lock, if it ever goes on: it does not answer.
    BySilent,
    /// This command, whole.
    Here,
    /// This command, in part: the rest needs an engine or more time.
    InPart,
}

impl CarriedOut {
    /// For a JSON document.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ByEngine => "engine",
            Self::BySilent => "silent engine",
            Self::Here => "here",
            Self::InPart => "in part",
        }
    }
}

/// Does what is due: by the engine that runs, or as the engine for as long as that takes.
pub(super) async fn carry_out(app: &mut App, core: &Arc<Core>, out: &Output) -> Result<CarriedOut, CliError> {
    let lock = match app.lease_unless_held(&*core.store, "recover").await {
        Ok(lock) => lock,
        Err(LeaseError::Held(_)) => {
            for call in core.store.due(app.clock.now(), CALLS_MAX).await? {
                others_go_on(core.apply(Event::Wake { call }, operator(None)).await.map(drop))?;
            }
            return Ok(match app.engine_beside(&*core.store, out).await?.filter(Engine::is_silent) {
                None => CarriedOut::ByEngine,
                Some(engine) => {
                    engine.say_silent(out);
                    CarriedOut::BySilent
                }
            });
        }
        Err(e) => return Err(e.into()),
    };
    app.providers_required()?;
    let sandbox = app.sandbox_if_needed(out).await?;
    app.make_links(core).await?;
    app.holds(&lock);
    let engine = app.engine(core.clone(), app.gateway()?, Scope::All)?;
    let sinks = engine.sinks();
    start::recover_local(&engine, "recover", None).await?;
    let supervisor = Supervisor::new(engine);
    let bar = spinner(out, "recovering");
    let (stop, yielded) = (tokio_util::sync::CancellationToken::new(), supervisor.yielded());
    let running = tokio::spawn(supervisor.run_in_term(stop.clone(), lock.lost()));
    let deadline = app.clock.now().plus(WORK_MAX);
    let done = loop {
        let now = app.clock.now();
        let left = Left::now(core, &sinks).await?;
        bar.set_message(format!("recovering: {} due or unsent, {} unknown", left.waiting, left.unknown));
        if left.is_nothing() {
            break CarriedOut::Here;
        }
        if now > deadline || running.is_finished() || yielded.is_cancelled() {
            break CarriedOut::InPart;
        }
        app.clock.sleep_until(now.plus(LOOK_EVERY)).await;
    };
    stop.cancel();
    let ended =
        running.await.map_err(|e| CliError::new(ExitStatus::Bug, "the engine of this command ended badly").cause(e))?;
    ended?;
    lock.release().await;
    drop(lock);
    bar.finish_and_clear();
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    Ok(done)
}

/// What this command still has to do before it may end. An unknown outcome is its own until it is found out or decided:
/// nobody else may come to look for it.
struct Left {
    waiting: usize,
    unknown: u64,
    open: usize,
    asking: usize,
    delivering: bool,
    in_doubt: bool,
}

impl Left {
    async fn now(core: &Core, sinks: &[Arc<Sink>]) -> Result<Self, CliError> {
        let (store, now) = (&core.store, core.clock.now());
        let mut delivering = false;
        for sink in sinks {
            delivering |= outbox::has_work(core, sink).await?;
        }
        Ok(Self {
            waiting: store.due(now, 1).await?.len() + store.sendable_of_all(now, 1).await?.len(),
            unknown: store.figures(now).await?.unknown_outcomes,
            open: store.open_outcomes(1).await?.len(),
            asking: store.searchable(now, 1).await?.len() + store.pollable(now, 1).await?.len(),
            delivering,
            in_doubt: store.history_doubt().await?.is_some(),
        })
    }

    fn is_nothing(&self) -> bool {
        self.waiting == 0 && self.open == 0 && self.asking == 0 && !self.delivering && !self.in_doubt
    }
}

fn say(rows: &[RecoveryRow], done: Option<CarriedOut>, damaged: bool, out: &mut Output) {
    if out.is_json() {
        let by = done.map(CarriedOut::as_str);
        out.document(&json!({ "plan": rows.iter().map(RecoveryRow::json).collect::<Vec<_>>(), "carriedOut": by }));
        return;
    }
    let mut t = Table::new(&["CALL", "FOUND", "SINCE", "MISSED", "WILL BE DONE"]);
    for r in rows {
        let since = r.since.map(|s: Timestamp| out.time(s)).unwrap_or_default();
        let call = r.call.as_ref().map(ToString::to_string).unwrap_or_default();
        t.row([call, r.finding.as_str().into(), since, r.missed.to_string(), r.action.clone()]);
    }
    out.table(&t);
    if out.is_csv() {
        return;
    }
    out.line(match (rows.is_empty(), done) {
        (true, _) => "nothing to recover",
        (false, None) if damaged => {
            "nothing was done: the file is damaged; take a copy from before, or see `dispatchctl recover --from-airtable`"
        }
        (false, None) => "nothing was done (--dry-run)",
        (false, Some(CarriedOut::ByEngine)) => "an engine runs: what was due is fired, it does the rest",
        (false, Some(CarriedOut::BySilent)) => "what was due is recorded as fired, and nothing is sent: the engine does not answer",
        (false, Some(CarriedOut::Here)) if rows.iter().any(|r| r.finding.is_for_a_person()) => {
            "done but for what a person must look at; start `dispatchctl serve` so that what follows fires too"
        }
        (false, Some(CarriedOut::Here)) => "done; start `dispatchctl serve` so that what follows fires too",
        (false, Some(CarriedOut::InPart)) => "done in part; what is left is recorded, `dispatchctl serve` goes on with it",
    });
}
