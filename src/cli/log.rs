//! `log`: the append-only story of the store, to read, to follow and to export.
//!
//! The newest entries are read from the end, all of them and what follows by cursor: what a call or a pause splits is neither
//! missed nor repeated.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::log::LogKind;
use crate::engine::json;
use crate::store::{LogFilter, LogLine, Store, Views};

use super::app::{App, NoStore};
use super::decide::call_named;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::parse::Since;
use super::report::CliError;
use super::watch::{Wakeup, Watcher};

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Go on with new entries until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Of this call (its id, a message SID or a reference)
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// From then on: a duration (90s, 2h) ago, or an RFC 3339 time
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since)]
    since: Option<Since>,
    /// The newest so many [default: 100 for a table of all calls, else all]
    #[arg(long, value_name = "N", value_parser = super::parse::limit)]
    limit: Option<usize>,
}

/// The newest entries of a table where nothing narrows it.
const TABLE_ENTRIES: usize = 100;
/// Entries read at a time.
const PAGE: usize = 1_000;
/// A follower looks again after this at the latest, commit seen or not.
const LOOK_AT_MOST: Duration = Duration::from_secs(5);
const HEADERS: [&str; 6] = ["SEQ", "TIME", "CALL", "KIND", "ACTOR", "MESSAGE"];

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store: Arc<dyn Store> = app.store(NoStore::Refuse).await?;
    let call = match &args.call {
        Some(text) => Some(call_named(store.as_ref(), text).await?),
        None => None,
    };
    let since = args.since.map(|s| s.moment(app.clock.now()));
    let mut filter = LogFilter { after: 0, call, since, limit: PAGE };
    let narrow = filter.call.is_some() || since.is_some() || out.is_json() || out.is_csv();
    let limit = args.limit.unwrap_or(if narrow { usize::MAX } else { TABLE_ENTRIES });
    if !args.follow {
        let found = newest(store.as_ref(), &mut filter, limit).await?;
        print(&found, out);
        return Ok(ExitStatus::Done);
    }
    let mut watcher = Watcher::start(store.clone(), app.clock.clone()).await?;
    let found = newest(store.as_ref(), &mut filter, limit).await?;
    start_following(out);
    add(&found.entries, out);
    while !out.is_lost() {
        if watcher.next(LOOK_AT_MOST).await? == Wakeup::Interrupted {
            return Ok(ExitStatus::Interrupted);
        }
        loop {
            let page = store.log(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.after = last.seq;
            add(&page, out);
        }
    }
    Ok(ExitStatus::Done)
}

struct Newest {
    entries: Vec<LogLine>,
    skipped_rows: bool,
}

/// The last `limit` entries that match, and whether there are older ones; the filter's cursor is then behind them.
async fn newest(store: &dyn Views, filter: &mut LogFilter, limit: usize) -> Result<Newest, CliError> {
    let found = if limit == usize::MAX {
        Newest { entries: all(store, filter).await?, skipped_rows: false }
    } else {
        let mut entries = store.newest_log(&LogFilter { limit: limit.saturating_add(1), ..filter.clone() }).await?;
        let older = entries.len().saturating_sub(limit);
        entries.drain(..older);
        Newest { entries, skipped_rows: older > 0 }
    };
    filter.after = found.entries.last().map_or(filter.after, |l| l.seq);
    Ok(found)
}

/// Every entry that matches, read from the first on.
async fn all(store: &dyn Views, filter: &LogFilter) -> Result<Vec<LogLine>, CliError> {
    let (mut filter, mut entries) = (filter.clone(), Vec::new());
    loop {
        let page = store.log(&filter).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        filter.after = last.seq;
        entries.extend(page);
    }
}

fn print(found: &Newest, out: &mut Output) {
    if out.is_json() {
        let entries: Vec<Value> = found.entries.iter().map(json::log_line).collect();
        out.document(&json!({ "entries": entries }));
        return;
    }
    let mut table = Table::new(&HEADERS);
    table.rows = found.entries.iter().map(|l| cells(l, out)).collect();
    out.table(&table);
    if found.skipped_rows {
        out.chat("older entries are left out: --limit, --since or --call shows them");
    }
}

fn start_following(out: &mut Output) {
    if out.is_csv() {
        out.table(&Table::new(&HEADERS));
    } else if !out.is_json() {
        out.mode_line();
    }
}

fn add(entries: &[LogLine], out: &mut Output) {
    if out.is_csv() {
        let rows: Vec<Vec<String>> = entries.iter().map(|l| cells(l, out)).collect();
        out.more_csv(&rows);
        return;
    }
    for l in entries {
        if out.is_json() {
            out.object_line(&json::log_line(l));
        } else {
            out.line(&line(l, out));
        }
    }
}

fn line(l: &LogLine, out: &Output) -> String {
    let call = l.entry.call.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    format!("{}  {call}  {}  {}", out.time(l.entry.at), l.entry.actor.0, reported(l))
}

/// One entry as the cells of a row, in the order of SEQ, TIME, CALL, KIND, ACTOR, MESSAGE.
pub(super) fn cells(l: &LogLine, out: &Output) -> Vec<String> {
    vec![
        l.seq.to_string(),
        out.time(l.entry.at),
        l.entry.call.as_ref().map(ToString::to_string).unwrap_or_default(),
        l.entry.kind.to_string(),
        l.entry.actor.0.clone(),
        reported(l),
    ]
}

/// The table of a story's log.
pub(super) fn table(entries: &[LogLine], out: &Output) -> Table {
    let mut table = Table::new(&HEADERS);
    table.rows = entries.iter().map(|l| cells(l, out)).collect();
    table
}

/// The sentence of an entry, with the note that a person gave.
pub(super) fn reported(l: &LogLine) -> String {
    let said = |name: &str| l.entry.data.get(name).and_then(Value::as_str);
    match (said("note"), said("text").filter(|_| l.entry.kind == LogKind::ReplyReceived)) {
        (Some(note), _) => format!("{} ({note})", l.entry.message),
        // On one line: a text may hold any character.
        (None, Some(text)) => {
            format!("{}: \"{}\"", l.entry.message, text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        (None, None) => l.entry.message.clone(),
    }
}
