//! `alerts`: what a person must look at; `alerts ack KEY`: somebody has; `alerts test`: whether each sink takes a real message.

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::config::Part;
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind, what_to_do};
use crate::domain::alert_text::AlertText;
use crate::domain::event::Event;
use crate::engine::sink::Sink;
use crate::gateways::{AlertMessage, AlertNotice};
use crate::store::{AlertLine, SinkLine};

use super::alert_texts;
use super::app::{App, NoStore, operator};
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;

/// Texts of alerts are listed for so long, and so many of them at most.
const TEXTS_SHOWN_FOR: Duration = Duration::from_secs(86_400);
const TEXTS_SHOWN: usize = 100;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<AlertsCommand>,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        match &self.what {
            Some(AlertsCommand::Ack { by, .. } | AlertsCommand::Test { by, .. }) => by.as_deref(),
            Some(AlertsCommand::List) | None => None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Show every alert that is in force, and how each sink does (this is also done where nothing is said)
    List,
    /// Say that a person has seen an alert: no sink is told of it again, but of its end
    Ack {
        /// Its key, as it is listed
        key: String,
        /// In whose name [default: the user of this system]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Send a real alert through each sink, and show what it answers
    Test {
        /// One sink alone
        sink: Option<String>,
        /// In whose name [default: the user of this system]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        None | Some(AlertsCommand::List) => list(app, out).await,
        Some(AlertsCommand::Ack { key, by }) => acknowledge(key.trim(), by.as_deref(), app, out).await,
        Some(AlertsCommand::Test { sink, by }) => test(sink.as_deref(), by.as_deref(), app, out).await,
    }
}

async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let (alerts, sinks) = (store.alerts().await?, store.sink_lines().await?);
    let now = app.clock.now();
    let texts = store.alert_texts(now.minus(TEXTS_SHOWN_FOR), TEXTS_SHOWN + 1).await?;
    if out.is_json() {
        let alerts: Vec<Value> = alerts.iter().map(alert_document).collect();
        let sinks: Vec<Value> = sinks.iter().map(sink_document).collect();
        let shown: Vec<Value> = texts.iter().take(TEXTS_SHOWN).map(alert_texts::document).collect();
        let more = texts.len() > TEXTS_SHOWN;
        out.document(&json!({ "alerts": alerts, "sinks": sinks, "texts": shown, "moreTexts": more }));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["SINCE", "SEVERITY", "KEY", "SEEN BY", "ALERT"]);
    for a in &alerts {
        let seen = a.acknowledged.as_ref().map(|(at, by)| format!("{}, {}", by.0, out.clock(*at, now)));
        t.row([
            out.clock(a.raised_at, now),
            a.key.kind().severity().as_str().to_owned(),
            a.key.masked(),
            seen.unwrap_or_default(),
            a.message.clone(),
        ]);
    }
    if out.is_csv() {
        out.table(&t);
        return Ok(ExitStatus::Done);
    }
    out.mode_line();
    if t.rows.is_empty() {
        out.line("no alert is in force");
    } else {
        out.part(&t);
    }
    let sinks = sinks_table(&sinks, now, out);
    if !sinks.rows.is_empty() {
        out.line("\nsinks");
        out.part(&sinks);
    }
    if !texts.is_empty() {
        out.line("\ntexts of alerts, of the last day");
        out.part(&texts_table(&texts, now, out));
        if texts.len() > TEXTS_SHOWN {
            out.line("and more");
        }
    }
    Ok(ExitStatus::Done)
}

fn texts_table(texts: &[AlertText], now: Timestamp, out: &Output) -> Table {
    let mut t = Table::new(&["MADE", "REFERENCE", "CONTACT", "STATE", "ALERT", "RESULT"]);
    for of in texts.iter().take(TEXTS_SHOWN) {
        let about = of.alerts.first().map(|a| a.key.masked()).unwrap_or_default();
        t.row([
            out.clock(of.text.created_at, now),
            of.mark(),
            of.text.contact.to_string(),
            of.text.state.to_string(),
            if of.is_over { format!("over: {about}") } else { about },
            of.text.result.clone(),
        ]);
    }
    t
}

pub(super) fn alert_document(a: &AlertLine) -> Value {
    json!({
        "key": a.key, "kind": a.key.kind().name(), "severity": a.key.kind().severity().as_str(), "callId": a.call,
        "reference": a.reference, "message": a.message, "raisedAt": a.raised_at,
        "acknowledgedAt": a.acknowledged.as_ref().map(|(at, _)| at),
        "acknowledgedBy": a.acknowledged.as_ref().map(|(_, by)| &by.0),
        "whatToDo": a.call.as_ref().map(|call| what_to_do(a.key.kind(), call)),
    })
}

pub(super) fn sink_document(s: &SinkLine) -> Value {
    json!({
        "name": s.name, "min": s.min.as_str(), "delivered": s.delivered, "failed": s.failed,
        "lastDeliveredAt": s.delivered_at, "lastFailedAt": s.failed_at, "failingSince": s.failing_since,
        "waiting": s.waiting, "said": s.said,
    })
}

pub(super) fn sinks_table(sinks: &[SinkLine], now: Timestamp, out: &Output) -> Table {
    let mut t = Table::new(&["SINK", "TOLD OF", "DELIVERED", "LAST", "WAITING", "STATE"]);
    for s in sinks {
        let state = match (s.failing_since, s.delivered_at) {
            (Some(since), _) => {
                let why = s.said.as_deref().unwrap_or("no answer");
                out.emphasis(Some(false), &format!("fails since {}: {why}", out.clock(since, now)))
            }
            (None, Some(_)) => "ok".to_owned(),
            (None, None) => "nothing was delivered yet".to_owned(),
        };
        let last = s.delivered_at.map(|at| out.clock(at, now)).unwrap_or_default();
        let told_of = s.min.as_str().to_owned();
        t.row([s.name.clone(), told_of, s.delivered.to_string(), last, s.waiting.to_string(), state]);
    }
    t
}

async fn acknowledge(asked: &str, by: Option<&str>, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let alerts = store.alerts().await?;
    let found: Vec<&AlertLine> =
        alerts.iter().filter(|a| a.key.to_string() == asked || a.key.masked() == asked).collect();
    let alert = match found.as_slice() {
        [one] => *one,
        [] => {
            return Err(CliError::new(ExitStatus::NotFound, format!("no alert {asked} is in force"))
                .hint("`dispatchctl alerts` lists those that are, with their keys"));
        }
        _ => {
            return Err(CliError::new(ExitStatus::Usage, format!("{} alerts are shown as {asked}", found.len()))
                .hint("write its key with the whole number"));
        }
    };
    let before = alert.acknowledged.clone();
    if before.is_none() {
        let change = AlertChange::Acknowledge { key: alert.key.clone(), by: operator(by), raised_by: None };
        app.core(store.clone()).apply(Event::Alert(change), operator(by)).await?;
    }
    let now = store.alerts().await?.into_iter().find(|a| a.key == alert.key);
    if out.is_json() {
        let shown = now.as_ref().unwrap_or(alert);
        out.document(&json!({ "alert": alert_document(shown), "isOver": now.is_none() }));
        return Ok(ExitStatus::Done);
    }
    out.mode_line();
    out.paragraph(&match (before, now.is_none()) {
        (_, true) => format!("{} is over already", alert.key.masked()),
        (Some((at, who)), _) => format!("{} has seen it already, at {}: nothing was done", who.0, out.time(at)),
        (None, _) => format!("{} is seen: no sink is told of it again until it is over", alert.key.masked()),
    });
    Ok(ExitStatus::Done)
}

/// What one sink said of the test.
pub(super) struct Tried {
    pub(super) name: String,
    /// What its receiver answered, or why it was not told.
    pub(super) outcome: Result<String, String>,
}

/// Side by side: one that hangs holds up no other.
pub(super) async fn try_all(sinks: &[Arc<Sink>], who: &str, app: &App) -> Vec<Tried> {
    join_all(sinks.iter().map(|sink| one(sink, who, app))).await
}

async fn test(only: Option<&str>, by: Option<&str>, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    app.config.check(&[Part::Alerts, Part::Mail])?;
    let mut sinks = app.sinks()?;
    if let Some(name) = only {
        let names: Vec<String> = sinks.iter().map(|s| s.name.clone()).collect();
        sinks.retain(|s| s.name == name);
        if sinks.is_empty() {
            let hint = if names.is_empty() {
                "none is configured".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(CliError::new(ExitStatus::NotFound, format!("no alert sink is named {name}")).hint(hint));
        }
    }
    if sinks.is_empty() {
        return Err(CliError::new(
            ExitStatus::No,
            "no alert sink is configured: nobody is told when a person must act",
        )
        .hint("name one in [[alerts.sinks]]"));
    }
    let who = operator(by).0;
    let tried = try_all(&sinks, &who, app).await;
    let is_well = tried.iter().all(|t| t.outcome.is_ok());
    if out.is_json() {
        let all = tried.iter().map(|t| {
            let (said, why) = (t.outcome.as_ref().ok(), t.outcome.as_ref().err());
            json!({ "name": t.name, "delivered": t.outcome.is_ok(), "said": said, "why": why })
        });
        out.document(&json!({ "sinks": all.collect::<Vec<_>>() }));
    } else {
        out.mode_line();
        let mut t = Table::new(&["SINK", "RESULT", "ANSWER"]);
        for tried in &tried {
            let (result, said) = match &tried.outcome {
                Ok(said) => (out.emphasis(Some(true), "taken"), said),
                Err(why) => (out.emphasis(Some(false), "not delivered"), why),
            };
            t.row([tried.name.clone(), result, said.clone()]);
        }
        out.table(&t);
        out.note("a service that takes a message has not shown it to anybody: look whether it came");
    }
    Ok(if is_well { ExitStatus::Done } else { ExitStatus::No })
}

/// As the engine tells it: the same words, the same request.
async fn one(sink: &Arc<Sink>, who: &str, app: &App) -> Tried {
    if sink.gateway.is_text() {
        let outcome = alert_texts::try_by_text(who, app).await;
        return Tried { name: sink.name.clone(), outcome };
    }
    let now = app.clock.now();
    let notice = AlertNotice {
        key: AlertKind::Test.into(),
        call: None,
        reference: None,
        accepted_at: None,
        issue: None,
        message: format!("{who} tries whether alerts arrive: nothing is to be done"),
        raised_at: now,
        resolved_at: None,
    };
    let id = format!("alert_test_{}", app.ids.uuid(now).simple());
    let mut message = AlertMessage { id, at: now, notices: vec![notice] };
    let mut outcome = sink.gateway.deliver(&message).await;
    if outcome.is_ok() && sink.gateway.groups_itself() {
        // What it keeps open by the key is closed again.
        message.id.push_str("_over");
        message.notices.iter_mut().for_each(|n| n.resolved_at = Some(now));
        outcome = sink.gateway.deliver(&message).await;
    }
    if let Some(receipt) = outcome.as_ref().ok().and_then(|taken| taken.receipt.as_ref()) {
        // It has rung: nobody need acknowledge a test.
        let canceled = sink.gateway.cancel_receipt(&receipt.id).await;
        outcome = outcome.and_then(|taken| canceled.map(|()| taken));
    }
    Tried { name: sink.name.clone(), outcome: outcome.map(|taken| taken.said).map_err(|e| e.why) }
}
