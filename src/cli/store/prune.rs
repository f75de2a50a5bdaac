//! `store prune`: takes out of the store what calls that are over say of people.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::app::{App, NoStore, operator};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{Output, Table, spinner};
use crate::cli::parse;
use crate::cli::report::CliError;
use crate::config;
use crate::domain::Timestamp;
use crate::failpoint;
use crate::store::{LeaseError, Pruner, Store, StoreError, ToPrune, Upkeep};

/// Between two slices, at least; commits of others go on.
const PAUSE: Duration = Duration::from_millis(10);
/// How long it is tried to empty the store's log.
const EMPTY_WITHIN: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(86_400);

/// Which calls.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Those that were over before this day or time
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with = "older_than")]
    before: Option<Timestamp>,
    /// Those that have been over for so long [default: store.retention]
    #[arg(long, value_name = "DURATION", value_parser = config::retention_of)]
    older_than: Option<Duration>,
    /// Write the file anew also where nothing was pruned: parts that an older version left free still hold what was in them
    #[arg(long, conflicts_with = "dry_run")]
    compact: bool,
    /// Count and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Reads a time with an offset, or a day, which begins at midnight here.
fn day(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = parse::time(text) {
        return Ok(at);
    }
    let day: Option<jiff::civil::Date> = text.trim().parse().ok();
    let at = day.and_then(|d| d.to_zoned(jiff::tz::TimeZone::system()).ok()).map(|z| z.timestamp().as_millisecond());
    at.map(Timestamp::from_millis)
        .ok_or_else(|| "a day like 2026-01-31 or a time like 2026-01-31T02:04:00Z is wanted".to_owned())
}

pub(super) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let now = app.clock.now();
    let before = before(&args, app, now)?;
    let store = app.store(NoStore::Refuse).await?;
    let found = store.to_prune(before).await?;
    if args.dry_run {
        say(before, &found, None, &*store, app, out);
        return Ok(ExitStatus::Done);
    }
    let bar = spinner(out, "pruning");
    let mut work = Pruner::default();
    while !slice(&mut work, &*store, before, app).await? {
        bar.set_message(format!("pruning: {} of {} calls", work.pruned.calls, found.calls));
        app.clock.sleep_until(app.clock.now().plus(work.pause(PAUSE))).await;
    }
    failpoint::hit("prune.before-log");
    app.core(store.clone()).say_pruned(before, &operator(None)).await?;
    bar.set_message("emptying what the file still holds");
    let gone = forget(&*store, Anew::after(&work, args.compact), app, out).await?;
    bar.finish_and_clear();
    say(before, &found, Some((&work, gone)), &*store, app, out);
    Ok(if gone == Gone::Whole { ExitStatus::Done } else { ExitStatus::Pending })
}

fn before(args: &Args, app: &App, now: Timestamp) -> Result<Timestamp, CliError> {
    let before = args.before.or_else(|| args.older_than.or(app.config.retention).map(|d| now.minus(d)));
    let Some(before) = before else {
        return Err(CliError::new(
            ExitStatus::Usage,
            "nobody says how old calls are that are pruned; nothing was changed",
        )
        .hint("name a day with --before or a time with --older-than, or set store.retention"));
    };
    if now.since(before) < DAY {
        return Err(CliError::new(
            ExitStatus::Usage,
            "what was over within the last day is not pruned; nothing was changed",
        )
        .cause("a receipt or a reply that comes late would find nothing")
        .hint("name a day or time that is at least a day ago"));
    }
    Ok(before)
}

/// Whether nothing is left.
async fn slice(work: &mut Pruner, store: &dyn Store, before: Timestamp, app: &App) -> Result<bool, CliError> {
    let is_done = match work.slice(store, before, app.clock.now()).await {
        Ok(is_done) => is_done,
        // An engine has much to do: it comes first.
        Err(StoreError::Busy) => false,
        Err(e) => return Err(e.into()),
    };
    if work.wants_checkpoint()
        && let Some(upkeep) = store.upkeep()
    {
        upkeep.checkpoint().await?;
    }
    Ok(is_done)
}

/// Whether what was pruned is nowhere in the store's files any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Whole,
    /// Its log could not be emptied: somebody reads all the time.
    NotFromTheLog,
}

/// Whether the file is written anew, which keeps an engine from starting meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anew {
    Yes,
    No,
}

impl Anew {
    fn after(work: &Pruner, is_asked: bool) -> Self {
        if is_asked || !work.pruned.is_nothing() { Self::Yes } else { Self::No }
    }
}

async fn write_anew(store: &dyn Store, upkeep: &dyn Upkeep, out: &Output) -> Result<(), CliError> {
    match store.take_lease("store prune").await {
        // Nobody waits: the file is written anew, also the parts of it that were free before this version overwrote them.
        Ok(lease) => {
            failpoint::hit("prune.before-rewrite");
            let compacted = upkeep.compact().await;
            failpoint::hit("prune.rewritten");
            lease.release().await;
            if let Err(e) = compacted {
                out.note(&format!(
                    "the file could not be written anew: {e}; what it holds in its free parts stays until it is"
                ));
            }
            Ok(())
        }
        Err(LeaseError::Held(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Overwrites what the files of the store still hold of it.
async fn forget(store: &dyn Store, anew: Anew, app: &App, out: &Output) -> Result<Gone, CliError> {
    let Some(upkeep) = store.upkeep() else { return Ok(Gone::Whole) };
    if anew == Anew::Yes {
        write_anew(store, upkeep, out).await?;
    }
    let deadline = app.clock.now().plus(EMPTY_WITHIN);
    while app.clock.now() < deadline {
        if upkeep.empty_log().await? {
            return Ok(Gone::Whole);
        }
        app.clock.sleep_until(app.clock.now().plus(PAUSE)).await;
    }
    Ok(Gone::NotFromTheLog)
}

fn say(
    before: Timestamp,
    found: &ToPrune,
    done: Option<(&Pruner, Gone)>,
    store: &dyn Store,
    app: &App,
    out: &mut Output,
) {
    let copies: Vec<String> =
        store.upkeep().map(|u| u.other_copies().iter().map(|p| p.display().to_string()).collect()).unwrap_or_default();
    if out.is_json() {
        out.document(&document(before, found, done, &copies));
        return;
    }
    let mut t = Table::new(&["WHAT", "PRUNED"]);
    match done {
        None => t.row(["calls that would be".to_owned(), found.calls.to_string()]),
        Some((work, _)) => {
            let p = &work.pruned;
            for (what, n) in [
                ("calls", p.calls),
                ("their texts, mails, phone calls", p.attempts),
                ("entries of the log", p.entries),
                ("replies", p.replies),
                ("phone calls", p.phone_calls),
                ("mailed lists", p.mails),
                ("texts of roll calls", p.roll_call_texts),
                ("texts of alerts", p.alert_texts),
            ] {
                t.row([what.to_owned(), n.to_string()]);
            }
        }
    }
    t.row(["as old, and waiting for another system".to_owned(), found.waiting.to_string()]);
    t.row(["as old, and open: never pruned".to_owned(), found.open.to_string()]);
    out.table(&t);
    advise(before, done, &copies, app, out);
}

/// What this command does not reach.
fn advise(before: Timestamp, done: Option<(&Pruner, Gone)>, copies: &[String], app: &App, out: &Output) {
    match done {
        None => out.note("nothing was changed (--dry-run)"),
        Some((_, Gone::NotFromTheLog)) => out.note(
            "the store's log still holds what was pruned, because somebody reads it all the time: run this again when fewer do",
        ),
        Some((work, Gone::Whole)) => out.chat(&format!(
            "pruned before {} in {} slices, the longest of {} ms; ids, references, message SIDs, times and figures stay",
            out.time(before),
            work.slices,
            work.longest.as_millis()
        )),
    }
    if let Some((work, _)) = done.filter(|(work, _)| work.pruned.untold > 0) {
        out.note(&format!(
            "of {} of the calls a receiver of [[events]] was not told everything, and had 7 days more than its time for it",
            work.pruned.untold
        ));
    }
    if !copies.is_empty() {
        out.note(&format!(
            "copies beside the store still hold it; the daily ones go by themselves: {}",
            copies.join(", ")
        ));
    }
    if app.location().is_shared() {
        out.note("what the server's files and backups still hold is the server's: VACUUM (FULL) and its backups' own retention");
    }
    if app.config.mirrors {
        out.note("what Airtable holds is the shop's, and stays as it is; Twilio keeps its own copy of each text");
    }
}

fn document(before: Timestamp, found: &ToPrune, done: Option<(&Pruner, Gone)>, copies: &[String]) -> Value {
    let pruned = done.map(|(w, gone)| {
        let p = &w.pruned;
        json!({ "calls": p.calls, "attempts": p.attempts, "entries": p.entries, "replies": p.replies, "phoneCalls": p.phone_calls,
            "mails": p.mails, "rollCallTexts": p.roll_call_texts, "alertTexts": p.alert_texts, "alerts": p.alerts, "untold": p.untold, "slices": w.slices,
            "longestSliceMs": u64::try_from(w.longest.as_millis()).unwrap_or(u64::MAX), "logEmptied": gone == Gone::Whole })
    });
    json!({ "before": before, "dryRun": done.is_none(), "due": found.calls, "waiting": found.waiting, "open": found.open,
        "pruned": pruned, "copies": copies })
}
