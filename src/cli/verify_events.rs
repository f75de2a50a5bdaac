//! `verify-events`: every dispatch event, and every call's row, against Airtable, by reading back, field by field.
//!
//! It reads in the lane of those who read a lot, so that the engine's own writes go first. `--repair` deletes twins but the
//! oldest, and has the rest told again: by the running engine, else by this command, which then is the engine for that long.
//! Rows without an Event ID are named and never touched. Safe to run at any time, and again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::domain::Timestamp;
use crate::domain::count::counted;
use crate::engine::mirror::verify::{CheckError, Checker, Difference, DifferenceKind, VerifyReport};
use crate::engine::mirror::{Mirror, MirrorSettings};
use crate::gateways::MirrorError;
use crate::gateways::mirror::{Lane, RefusalScope};
use crate::store::{Control, EventFilter, Lease, LeaseError, MirrorKey, MirrorOutbox, Store, StoreError};

use super::app::{App, NoStore};
use super::decide::call_named;
use super::exit::ExitStatus;
use super::output::{Output, Table, spinner};
use super::parse::Since;
use super::report::CliError;

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Texts from then on: a duration (90s, 2h) ago, or an RFC 3339 time [default: all]
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since)]
    since: Option<Since>,
    /// Of this call (its id, a message SID or a reference)
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// Write what is missing or differs, and delete twins but the oldest
    #[arg(long)]
    repair: bool,
}

/// How often a repair looks whether somebody wants the lock.
const ASKED_EVERY: Duration = Duration::from_millis(250);
/// How long a repair may take beyond what its rows need.
const REPAIR_GRACE: Duration = Duration::from_secs(60);
/// What one row of a repair takes at the slowest pace that makes sense.
const REPAIR_PER_ROW: Duration = Duration::from_millis(500);
/// Requests a second beside an engine, which needs nearly all that the provider allows while it has much to tell.
const BESIDE_AN_ENGINE: f64 = 1.0;
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(airtable) = app.config.airtable.clone() else {
        app.config.check(&[crate::config::Part::Airtable])?;
        return Err(CliError::new(
            ExitStatus::Usage,
            "no Airtable base is configured: there is nothing to compare with",
        )
        .hint("set [airtable] base_id and token, or AIRTABLE_BASE_ID and AIRTABLE_API_KEY"));
    };
    let core = app.core(app.store(NoStore::Refuse).await?);
    let store = core.store.clone();
    let call = match &args.call {
        Some(text) => Some(call_named(store.as_ref(), text).await?),
        None => None,
    };
    let sandbox = app.sandbox_if_needed(out).await?;
    let airtable = app.config.airtable.clone().unwrap_or(airtable);
    if app.holder().await.is_some()
        && let Some(a) = &mut app.config.airtable
    {
        // The engine counts its own requests alone, and the provider counts them all.
        a.requests_per_second = a.requests_per_second.min(BESIDE_AN_ENGINE);
    }
    let Some(gateway) = app.mirror()? else { return Err(CliError::new(ExitStatus::Bug, "the base is gone")) };
    let settings = MirrorSettings::from(&airtable);
    let filter = EventFilter { call, since: args.since.map(|s| s.moment(app.clock.now())), ..EventFilter::default() };
    let mut checker = Checker::new(store.clone(), gateway.in_queue(Lane::Bulk), app.clock.clone(), settings.clone());
    let report = compare(&mut checker, store.as_ref(), &filter, out).await?;
    let faults: Vec<Difference> = report.faults().cloned().collect();
    let mut left = faults.clone();
    if args.repair && !faults.is_empty() {
        let keys = checker.repair(&faults).await.map_err(failed)?;
        let mirror = |lease: &dyn Lease| Mirror::new(core.in_term(lease), gateway.clone(), settings.clone());
        see_to_it(&app, store.as_ref(), mirror, &keys, out).await?;
        left = checker.again(&faults).await.map_err(failed)?;
    }
    say(&report, args.repair.then_some(left.as_slice()), gateway.requests(), out);
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    if left.is_empty() {
        return Ok(ExitStatus::Done);
    }
    if args.repair
        && let Some(silent) = app.engine_beside(store.as_ref(), out).await?.filter(|e| e.is_silent())
    {
        return Ok(silent.say_silent(out));
    }
    Ok(ExitStatus::No)
}

async fn compare(
    checker: &mut Checker,
    store: &dyn MirrorOutbox,
    filter: &EventFilter,
    out: &Output,
) -> Result<VerifyReport, CliError> {
    let all = store.mirror_events_count(filter).await?;
    let bar = spinner(out, "comparing");
    if !bar.is_hidden() {
        let style =
            indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} dispatch events compared, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    }
    bar.set_length(all);
    let done = checker.check(filter, |n| bar.set_position(n)).await;
    bar.finish_and_clear();
    done.map_err(failed)
}

fn failed(e: CheckError) -> CliError {
    let cause = match e {
        CheckError::Store(e) => return e.into(),
        CheckError::Mirror(e) => e,
    };
    let (status, hint) = match &cause {
        MirrorError::Refused(r) if matches!(r.scope, RefusalScope::Auth | RefusalScope::Access) => {
            (ExitStatus::Refused, "check [airtable] token and base_id, and that the token lists the base")
        }
        MirrorError::Refused(r) if matches!(r.scope, RefusalScope::Field(_)) => {
            (ExitStatus::Usage, "name the base's own fields under [airtable.fields.events]")
        }
        MirrorError::Refused(_) => (ExitStatus::Refused, "see the cause; nothing was changed"),
        _ => (ExitStatus::Unreachable, "run it again later: nothing was lost"),
    };
    CliError::new(status, "the dispatch events could not be compared with Airtable").cause(cause).hint(hint)
}

/// Waits until the engine has told and proven these; where none runs, this command is the engine until it is done or asked
/// for the lock.
async fn see_to_it(
    app: &App,
    store: &dyn Store,
    mirror: impl Fn(&dyn Lease) -> Mirror,
    keys: &[MirrorKey],
    out: &Output,
) -> Result<(), CliError> {
    let bar = spinner(out, "repairing");
    let many = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let deadline = app.clock.now().plus(REPAIR_GRACE + REPAIR_PER_ROW.saturating_mul(many));
    let mut lock = None;
    while Mirror::is_busy_with(store, keys).await? && app.clock.now() < deadline {
        if lock.is_none() {
            lock = match store.take_lease("verify-events").await {
                Ok(taken) => Some((mirror(&*taken), taken)),
                Err(LeaseError::Held(_)) => None,
                Err(e) => return Err(e.into()),
            };
        }
        let now = app.clock.now();
        let next = if let Some((mirror, lease)) = &lock {
            let lost = lease.lost();
            // A pass may wait for the base for long; whoever asks for the lock does not wait for that. What it leaves is done
            // again, as after a crash.
            tokio::select! {
                next = mirror.pass_now() => match next {
                    // Others go on with it.
                    Err(StoreError::Fenced) => None,
                    next => next?,
                },
                // Others go on with it.
                () = lost.cancelled() => None,
                asked = until_asked(app, store) => {
                    asked?;
                    release(&mut lock).await;
                    app.clock.sleep_until(app.clock.now().plus(Duration::from_secs(1))).await;
                    None
                }
            }
        } else {
            None
        };
        // Nor does a command that would send and looks for an engine.
        release(&mut lock).await;
        app.clock.sleep_until(next.unwrap_or(now).clamp(now, now.plus(LOOK_EVERY))).await;
        if next.is_none() {
            app.clock.sleep_until(now.plus(LOOK_EVERY)).await;
        }
    }
    drop(lock);
    bar.finish_and_clear();
    Ok(())
}

/// Nobody waits for the end of a lease that is not used any more.
async fn release(lock: &mut Option<(Mirror, Arc<dyn Lease>)>) {
    if let Some((_, lease)) = lock.take() {
        lease.release().await;
    }
}

/// Until somebody asks for the lock.
async fn until_asked(app: &App, store: &dyn Control) -> Result<(), CliError> {
    loop {
        let now = app.clock.now();
        if hands_over(store, now).await? {
            return Ok(());
        }
        app.clock.sleep_until(now.plus(ASKED_EVERY)).await;
    }
}

/// Whether somebody asked for the lock; they are answered that they have it.
async fn hands_over(store: &dyn Control, now: Timestamp) -> Result<bool, CliError> {
    let mut asked = false;
    for request in store.open_requests().await? {
        if request.kind == "yield" {
            store.answer_request(request.id, json!({ "yielded": true }), now).await?;
            asked = true;
        }
    }
    Ok(asked)
}

fn say(report: &VerifyReport, left: Option<&[Difference]>, requests: u64, out: &mut Output) {
    let of_calls = report.faults().filter(|f| f.call_id().is_some()).count();
    let wrong = report.faults().count() - of_calls;
    let minus = |all: u64, wrong: usize| all.saturating_sub(u64::try_from(wrong).unwrap_or(0));
    let (equal, equal_calls) = (minus(report.compared, wrong), minus(report.calls, of_calls));
    if out.is_json() {
        out.document(&json!({
            "compared": report.compared,
            "equal": equal,
            "callsCompared": report.calls,
            "callsEqual": equal_calls,
            "findings": report.findings.iter().map(Difference::json).collect::<Vec<_>>(),
            "leftOut": report.skipped_rows,
            "remaining": left.map(|all| all.iter().map(Difference::json).collect::<Vec<_>>()),
            "requests": requests,
        }));
        return;
    }
    let mut t = Table::new(&["FOUND", "CALL", "ATTEMPT", "EVENT", "WHAT"]);
    for f in &report.findings {
        let number = f.number.map(|n| n.to_string()).unwrap_or_default();
        let event = f.event.clone().unwrap_or_else(|| f.records.first().map(ToString::to_string).unwrap_or_default());
        t.row([f.fault.as_str().into(), f.call.clone().unwrap_or_default(), number, event, f.said()]);
    }
    out.table(&t);
    if out.is_csv() {
        return;
    }
    if report.by_content {
        out.line(
            "the base has no field for our ids: events were found by their message, else by call and number, which is \
             weaker; `dispatchctl doctor --fix` makes one",
        );
    }
    for field in &report.skipped_rows {
        out.paragraph(&format!("not compared, as the base has no such field: {field}"));
    }
    let foreign = report.findings.iter().filter(|f| f.fault == DifferenceKind::Foreign).count();
    out.paragraph(&format!(
        "{} dispatch events compared: {equal} equal, {wrong} not; {foreign} foreign rows left alone",
        report.compared
    ));
    out.paragraph(&format!("{} compared: {equal_calls} equal, {of_calls} not", counted(report.calls, "call")));
    let wrong = wrong + of_calls;
    match left {
        None if wrong > 0 => out.line("mend it with `dispatchctl verify-events --repair`"),
        Some([]) if wrong > 0 => out.line("repaired"),
        Some(some) if !some.is_empty() => {
            for f in some {
                let event = f.event.clone().or_else(|| f.call.clone()).unwrap_or_default();
                out.paragraph(&format!("still {}: {event}: {}", f.fault.as_str(), f.said()));
            }
        }
        _ => {}
    }
}
