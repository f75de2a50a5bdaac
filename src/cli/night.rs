//! `report`: the list of a night, those that wait to be rung back first. Read from the store alone.

use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::night::{self, NightCall, Standing};
use crate::engine::night::{Period, read};

use super::app::{App, NoStore};
use super::durations::span;
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::parse::Since;
use super::report::CliError;

/// Which calls to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list of the night of this evening, 17:00 to 17:00 by the line's clock [default: the night that it is]
    #[arg(long, value_name = "DATE", num_args = 0..=1, default_missing_value = "", value_parser = evening)]
    night: Option<Evening>,
    /// Calls accepted from then on instead: a duration (12h) ago, or an RFC 3339 time
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since, conflicts_with = "night")]
    from: Option<Since>,
    /// And before then [default: now]
    #[arg(long, value_name = "DURATION|TIME", value_parser = super::parse::since, requires = "from")]
    until: Option<Since>,
}

/// An evening; `None`: that of the night that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evening(Option<Date>);

fn evening(text: &str) -> Result<Evening, String> {
    if text.is_empty() {
        return Ok(Evening(None));
    }
    text.parse().map(|date| Evening(Some(date))).map_err(|_| "a date like 2026-11-27 is wanted".to_owned())
}

const HEADERS: [&str; 15] = [
    "STATE",
    "CALL",
    "REFERENCE",
    "LINE",
    "LEVEL",
    "ACCEPTED",
    "CALLER",
    "NAME",
    "ADDRESS",
    "ISSUE",
    "LEFT BY",
    "TOLD AFTER",
    "TOLD BY",
    "TAKEN AFTER",
    "TAKEN BY",
];

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let now = app.clock.now();
    let directory = &app.config.directory;
    let zone = directory.zone(&directory.default_line);
    let (period, title) = match (args.from, args.night) {
        (Some(from), _) => {
            let (from, until) = (from.moment(now), args.until.map_or(now, |u| u.moment(now)));
            (Period::Between(from, until), format!("Calls from {} to {}", out.time(from), out.time(until)))
        }
        (None, asked) => {
            let asked = asked.and_then(|e| e.0);
            let evening = asked.unwrap_or_else(|| night::evening_of(now, zone));
            (Period::Night(evening), format!("Night of {evening}"))
        }
    };
    let calls = read(store.as_ref(), directory, period).await?;
    if out.is_json() {
        out.document(&document(period, zone, &calls));
        return Ok(ExitStatus::Done);
    }
    let mut table = Table::new(&HEADERS);
    table.rows = calls.iter().map(|c| cells(c, out)).collect();
    if out.is_csv() {
        out.table(&table);
        return Ok(ExitStatus::Done);
    }
    out.mode_line();
    out.line(&format!("{title}: {}", night::in_words(&calls)));
    if !calls.is_empty() {
        out.part(&table);
    }
    if calls.iter().any(|c| c.standing == Standing::RingBack) {
        out.chat(
            "ring these callers back; `dispatchctl seen CALL` ticks one off, `dispatchctl raise CALL` wakes somebody",
        );
    }
    Ok(ExitStatus::Done)
}

fn after(call: &NightCall, at: Option<Timestamp>) -> Option<Duration> {
    at.map(|at| at.since(call.state.call.accepted_at))
}

fn cells(c: &NightCall, out: &Output) -> Vec<String> {
    let (call, data) = (&c.state.call, &c.state.call.data);
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let length = |at| after(c, at).map(span).unwrap_or_default();
    vec![
        c.standing.as_str().to_owned(),
        call.id.to_string(),
        call.reference.to_string(),
        c.line.clone(),
        call.level.clone(),
        out.time(call.accepted_at),
        text(&data.caller_phone),
        text(&data.caller_name),
        text(&data.address),
        text(&data.issue_summary),
        text(&c.deferred_by),
        length(c.told_at),
        c.told_by.map(|by| by.noun().to_owned()).unwrap_or_default(),
        length(c.taken_at),
        text(&c.taken_by),
    ]
}

fn document(period: Period, zone: Option<&str>, calls: &[NightCall]) -> Value {
    let (night, from, until) = match period {
        Period::Night(evening) => {
            let (from, until) = night::night_of(evening, zone);
            (Some(evening.to_string()), from, until)
        }
        Period::Between(from, until) => (None, from, until),
    };
    json!({ "night": night, "from": from, "until": until, "calls": calls.iter().map(row).collect::<Vec<_>>() })
}

fn row(c: &NightCall) -> Value {
    let (call, data) = (&c.state.call, &c.state.call.data);
    let ms = |at| after(c, at).map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    json!({
        "state": c.standing.as_str(),
        "callId": call.id,
        "reference": call.reference,
        "status": call.status,
        "line": c.line,
        "level": call.level,
        "acceptedAt": call.accepted_at,
        "callerPhone": data.caller_phone,
        "callerName": data.caller_name,
        "address": data.address,
        "issueSummary": data.issue_summary,
        "deferredBy": c.deferred_by,
        "toldAfterMs": ms(c.told_at),
        "toldBy": c.told_by,
        "takenAfterMs": ms(c.taken_at),
        "takenBy": c.taken_by,
    })
}
