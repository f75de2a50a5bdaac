//! `doctor`: everything that a set-up needs, one line a check, each with what to do where it is not well.
//!
//! The parts are looked at side by side; no check waits for another part, and none for longer than its bound. Nothing is
//! changed unless `--fix` or `--write-probe` says so, and no secret is ever shown.

mod airtable;
mod alerts;
mod calendars;
mod canary;
mod clock;
mod fields;
mod finding;
mod in_force;
mod intake;
mod listen;
mod mail;
mod people;
mod public_url;
mod secret_files;
mod settings;
mod store;
mod store_server;
mod twilio;
mod voice;
mod voice_limits;

use serde_json::{Value, json};

use crate::store::Views;

use super::app::App;
use super::exit::ExitStatus;
use super::output::{Output, Table, spinner};
use super::report::CliError;
pub(super) use canary::looking_for_somebody;
pub(crate) use finding::Args;
use finding::{Finding, FindingStatus};

pub(crate) async fn run(args: Args, mut app: App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let opened = store::open(&app).await;
    // The sandbox keeps its ledger beside the store: where that may not be looked at, the store is what there is to say.
    let sandbox = if opened.is_ok() { app.sandbox_if_needed(out).await? } else { None };
    let bar = spinner(out, "checking configuration, store, clock, Twilio, Airtable and intake");
    let mut all = settings::check(&app);
    secret_files::check(&app, &mut all);
    in_force::check(&app, &mut all);
    let parts = {
        let handle = opened.as_ref().ok().and_then(Option::as_deref).map(|s| s as &dyn Views);
        tokio::join!(
            listen::check(&app),
            people::check(&app, handle),
            store::check(&app, &opened, out),
            clock::check(&app, handle),
            twilio::check(&app, handle),
            airtable::check(&app, &args),
            intake::check(&app),
            mail::check(&app),
            voice::check(&app),
            calendars::check(&app),
            alerts::check(&app, &args)
        )
    };
    for part in [parts.0, parts.1, parts.2, parts.3, parts.4, parts.5, parts.6, parts.7, parts.8, parts.9, parts.10] {
        all.all.extend(part.all);
    }
    // Last: what is wrong is seen before it, and nothing else waits for a telephone.
    let seen = opened.as_ref().map(|store| store.as_deref().map(|s| s as &dyn Views)).map_err(|e| e.what.clone());
    all.all.extend(canary::check(&app, &args, seen, out).await.all);
    bar.finish_and_clear();
    if let Some(sandbox) = sandbox {
        sandbox.shutdown().await;
    }
    show(&all.all, out);
    let worst = all.all.iter().map(|f| f.status).max().unwrap_or(FindingStatus::Ok);
    let is_fault = worst == FindingStatus::Fail || (args.strict && worst == FindingStatus::Warn);
    Ok(if is_fault { ExitStatus::No } else { ExitStatus::Done })
}

fn show(all: &[Finding], out: &mut Output) {
    if out.is_json() {
        out.document(&document(all));
        return;
    }
    if out.is_csv() {
        let mut t = Table::new(&["AREA", "CHECK", "STATUS", "WHAT", "NEXT"]);
        for f in all {
            let next = f.next.clone().unwrap_or_default();
            t.row([f.area.to_owned(), f.name.clone(), f.status.as_str().to_owned(), f.what.clone(), next]);
        }
        out.table(&t);
        return;
    }
    out.mode_line();
    let width = all.iter().map(|f| f.area.len() + f.name.chars().count() + 1).max().unwrap_or(0);
    for f in all {
        let word = out.emphasis(f.status.is_good(), &format!("{:<4}", f.status.as_str()));
        let name = format!("{} {}", f.area, f.name);
        out.hanging(&format!("{word}  {name:<width$}  "), &f.what);
        if let Some(next) = &f.next {
            out.hanging(&format!("      {:<width$}  ", ""), &format!("next: {next}"));
        }
    }
    let counts: Vec<String> = FindingStatus::ALL
        .iter()
        .map(|s| format!("{} {}", all.iter().filter(|f| f.status == *s).count(), s.as_str()))
        .collect();
    out.line(&counts.join(", "));
}

/// `status`: the worst of all (`ok`, `warn`, `fail`); `checks`: in the order of the table, `next` null where nothing is to do.
fn document(all: &[Finding]) -> Value {
    let checks: Vec<Value> = all
        .iter()
        .map(|f| json!({ "area": f.area, "name": f.name, "status": f.status.as_str(), "what": f.what, "next": f.next }))
        .collect();
    let count = |s: FindingStatus| all.iter().filter(|f| f.status == s).count();
    let status =
        [FindingStatus::Fail, FindingStatus::Warn].into_iter().find(|s| count(*s) > 0).unwrap_or(FindingStatus::Ok);
    json!({
        "status": status.as_str(),
        "counts": { "ok": count(FindingStatus::Ok), "warn": count(FindingStatus::Warn), "fail": count(FindingStatus::Fail), "skip": count(FindingStatus::Skip) },
        "checks": checks,
    })
}
