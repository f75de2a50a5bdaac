//! `oncall check`: gaps ahead, holders who cannot be told, what is probably not meant, and the next handoffs.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use crate::config::empty_roles;
use crate::domain::count::{counted, counted_usize};
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::warnings::{handoffs, warnings};
use crate::engine::apply::Core;
use crate::engine::oncall::reach::gaps_between;
use crate::engine::oncall::{gap_said, json as shapes};

use super::super::app::App;
use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;
use super::exceptions::names;
use super::opt_outs;

/// How many handoffs of a rotation are shown.
const HANDOFFS: usize = 3;
/// How many gaps a start names.
const GAPS_SAID: usize = 10;
const DAY: u64 = 86_400;

/// How far is looked.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// So many days ahead [default: [oncall] look_ahead]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=366))]
    days: Option<u64>,
}

/// What a start warns of: gaps ahead, and what is probably not meant.
pub(in crate::cli) async fn warn_of_gaps(core: &Core) -> Result<(), CliError> {
    let (directory, now, ahead) = (core.directory(), core.clock.now(), core.rules().oncall.look_ahead);
    let opt_outs = core.store.opt_outs().await?;
    let found = gaps_between(&directory, now, now.plus(ahead), &opt_outs);
    for gap in found.iter().take(GAPS_SAID) {
        warn!("{}", gap_said(&directory, gap, now.plus(ahead)));
    }
    if found.len() > GAPS_SAID {
        warn!("and {} more gaps: see `dispatchctl oncall check`", found.len() - GAPS_SAID);
    }
    for said in warnings(&directory, now, now.plus(ahead)) {
        warn!("{said}");
    }
    Ok(())
}

pub(super) async fn run(args: CheckArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let now = app.clock.now();
    let ahead = args.days.map_or(app.config.oncall.look_ahead, |days| Duration::from_secs(days * DAY));
    let opt_outs = opt_outs(app).await?;
    let found = gaps_between(directory, now, now.plus(ahead), &opt_outs);
    let never: Vec<String> = empty_roles(directory).into_iter().map(|role| role.said).collect();
    let calendars = super::calendars::reports(app).await?;
    let of_calendars = calendars.iter().flat_map(|c| c.warnings(now));
    let warnings: Vec<String> =
        never.iter().cloned().chain(warnings(directory, now, now.plus(ahead))).chain(of_calendars).collect();
    let status = if found.is_empty() && never.is_empty() { ExitStatus::Done } else { ExitStatus::No };
    let next = directory.rotations.iter().map(|r| (r, handoffs(directory, r, now, HANDOFFS)));
    if out.is_json() {
        let handoff = |(r, all): (&crate::domain::oncall::Rotation, Vec<_>)| -> Vec<Value> {
            let one = |(at, members)| json!({ "rotation": r.id, "at": at, "members": members });
            all.into_iter().map(one).collect()
        };
        let next: Vec<Value> = next.flat_map(handoff).collect();
        let gaps: Vec<Value> = found.iter().map(shapes::gap).collect();
        out.document(
            &json!({ "from": now, "until": now.plus(ahead), "gaps": gaps, "warnings": warnings, "handoffs": next,
                "calendars": calendars.iter().map(super::calendars::CalendarReport::document).collect::<Vec<_>>() }),
        );
        return Ok(status);
    }
    let mut t = Table::new(&["FROM", "UNTIL", "LINE", "ROLE", "WHY"]);
    for gap in &found {
        let zone = crate::engine::oncall::zone_of_line(directory, gap.line.as_deref());
        let line = gap.line.clone().unwrap_or_else(|| "not listed".to_owned());
        t.row([shown(gap.from, &zone), shown(gap.until, &zone), line, gap.role.to_string(), gap.why()]);
    }
    if !found.is_empty() || out.is_csv() {
        out.table(&t);
    }
    if out.is_csv() {
        return Ok(status);
    }
    let days = ahead.as_secs() / DAY;
    let ahead = counted(days, "day");
    match found.len() {
        0 => out.line(&format!("no gap in the next {ahead}")),
        n => out.line(&format!("{} in the next {ahead}", counted_usize(n, "gap"))),
    }
    match never.len() {
        0 => {}
        1 => out.line("1 role of a policy that nobody holds at any time: the warning names it"),
        n => out.line(&format!("{n} roles of policies that nobody holds at any time: the warnings name them")),
    }
    for (rotation, all) in next {
        for (at, members) in all {
            out.line(&format!("{}: {} begins at {}", rotation.id, names(&members), shown(at, &rotation.zone)));
        }
    }
    for warning in &warnings {
        out.note(&format!("warning: {warning}"));
    }
    Ok(status)
}
