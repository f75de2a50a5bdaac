//! `oncall`: who would be told, for a line and level, now or at a time; until when, why, and who is next.
//!
//! `--from` and `--until` list a stretch of time; the commands below it check what is ahead and make exceptions.
//!
//! Read from the configuration and the copy of Airtable's contacts that the engine keeps in the store; opt-outs come from the
//! store where there is one. Nothing is written.

mod calendars;
mod check;
mod exceptions;
mod feed;
mod roll_call;
mod spans;

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::oncall::holders::shown;
use crate::domain::phone::masked;
use crate::domain::policy::Policy;
use crate::domain::team::{Directory, Line};
use crate::domain::types::Role;
use crate::engine::oncall::past::{DutyOutlook, DutySource, looked_until, outlook_json, outlook_of};
use crate::engine::oncall::reach::{Named, OnCall, holders_of, is_opted_out};
use crate::engine::oncall::{json as shapes, zone_of_line};
use crate::store::{self, OptOutLine};

use super::app::{App, NoStore};
use super::decide::there_are;
use super::durations::{offset, span};
use super::exit::ExitStatus;
use super::output::{Output, Table};
use super::report::CliError;

pub(super) use calendars::reports as calendar_reports;
pub(super) use check::warn_of_gaps;

/// Which line and level, and when; or what else to do.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<OncallCommand>,
    /// The number that customers dial [default: the shop's own line]
    #[arg(long, value_name = "NUMBER")]
    line: Option<String>,
    /// Emergency level
    #[arg(long, value_name = "LEVEL", default_value = "normal")]
    level: String,
    /// As of this RFC 3339 time [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::parse::time)]
    at: Option<Timestamp>,
    /// Only this role [default: those of the ladder]
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// List who is on call from this time on: 17:00, 2026-11-28, or RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "at")]
    from: Option<String>,
    /// The list ends at this time [default: a week later]
    #[arg(long, value_name = "TIME", conflicts_with = "at")]
    until: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum OncallCommand {
    /// Look for gaps ahead; exit 1 where there is one
    Check(check::CheckArgs),
    /// Let somebody hold a rotation or a role for a time
    Override(exceptions::OverrideArgs),
    /// Let somebody hold nothing for a time: the next in turn does
    Away(exceptions::AwayArgs),
    /// Take an exception back
    Withdraw(exceptions::WithdrawArgs),
    /// List the exceptions that are not over
    Overrides,
    /// Take a calendar that lost most of its shifts, and was not taken for that
    AcceptCalendar(calendars::AcceptArgs),
    /// Print the address at which calendar programs read who is on call
    Feed(feed::FeedArgs),
    /// List who was asked whether they are on call, and who answered; exit 1 where somebody did not
    RollCall,
}

impl Args {
    pub(crate) fn by(&self) -> Option<&str> {
        match self.what.as_ref()? {
            OncallCommand::Override(args) => args.by(),
            OncallCommand::Away(args) => args.by(),
            OncallCommand::Withdraw(args) => args.by(),
            OncallCommand::AcceptCalendar(args) => args.by(),
            OncallCommand::Feed(args) => args.by(),
            OncallCommand::Check(_) | OncallCommand::Overrides | OncallCommand::RollCall => None,
        }
    }
}

struct Rung {
    /// `None`: the last resort.
    number: Option<usize>,
    after: Duration,
    /// How its people are told.
    channel: Channel,
    found: OnCall,
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    match args.what {
        Some(OncallCommand::Check(args)) => check::run(args, app, out).await,
        Some(OncallCommand::Override(args)) => exceptions::make(args, app, out).await,
        Some(OncallCommand::Away(args)) => exceptions::away(args, app, out).await,
        Some(OncallCommand::Withdraw(args)) => exceptions::withdraw(args, app, out).await,
        Some(OncallCommand::Overrides) => exceptions::list(app, out).await,
        Some(OncallCommand::AcceptCalendar(args)) => calendars::accept(args, app, out).await,
        Some(OncallCommand::Feed(args)) => feed::run(args, app, out).await,
        Some(OncallCommand::RollCall) => roll_call::list(app, out).await,
        None => now(args, app, out).await,
    }
}

async fn now(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let directory = &app.config.directory;
    let (line, unlisted) = directory.line(args.line.as_deref());
    if unlisted {
        check_line(directory, args.line.as_deref(), "--line", out)?;
    }
    let Some(policy) = directory.policy(line, &args.level) else {
        let levels = directory.levels(line);
        let what = format!("{:?} is no level of this line (--level)", args.level.trim());
        return Err(CliError::new(ExitStatus::Usage, what).hint(there_are("levels", levels.iter().map(String::as_str))));
    };
    if args.from.is_some() || args.until.is_some() {
        let now = app.clock.now();
        let stretch = spans::stretch(directory, line, (args.from.as_deref(), args.until.as_deref()), now)?;
        spans::show(app, line, &asked_roles(&args, policy), stretch, now, out).await?;
        return Ok(ExitStatus::Done);
    }
    let opt_outs = opt_outs(app).await?;
    let now = app.clock.now();
    let at = args.at.unwrap_or(now);
    let rungs = rungs(directory, line, policy, at, &opt_outs);
    let everybody = rungs.iter().all(|r| r.found.notifies_somebody());
    let calendars = calendars::reports(app).await?;
    let roles = asked_roles(&args, policy);
    let first = match &args.role {
        Some(role) => vec![role.clone()],
        None => policy.steps.first().map(|s| s.notify.clone()).unwrap_or_default(),
    };
    let asked = roll_call::of(app, line, &roles, at).await?;
    let until = looked_until(at, now);
    let looks: Vec<DutyOutlook> =
        spans::of(app, line, &roles, (at, until), now).await?.iter().map(|of| outlook_of(of)).collect();
    if out.is_json() {
        let mut document = document(line, policy, at, &rungs);
        if let Some(map) = document.as_object_mut() {
            map.insert("roster".into(), app.synced_contacts_document());
            if !calendars.is_empty() {
                let all: Vec<Value> = calendars.iter().map(calendars::CalendarReport::document).collect();
                map.insert("calendars".into(), all.into());
            }
            let is_first = |role: &Role| first.iter().any(|r| r.as_str().eq_ignore_ascii_case(role.as_str()));
            let of_first = roles.iter().zip(&looks).filter(|(role, _)| is_first(role));
            let of_first: Vec<DutyOutlook> = of_first.map(|(_, look)| look.clone()).collect();
            let (holders, next) = outlook_json(&of_first);
            map.insert("holders".into(), holders);
            map.insert("next".into(), next);
            let source = of_first.first().map_or(DutySource::Computed, |look| look.source);
            map.insert("source".into(), source.as_str().into());
            map.insert("rollCalls".into(), asked.iter().map(shapes::roll_call).collect());
        }
        out.document(&document);
    } else {
        show(line, policy, at, &rungs, out);
        if !out.is_csv() {
            let is_past = args.at.is_some_and(|at| at < app.clock.now());
            show_holders(directory, line, &roles, &looks, is_past, out);
            roll_call::show(directory, &asked, out);
        }
        for warning in calendars.iter().flat_map(|c| c.warnings(app.clock.now())) {
            out.note(&format!("warning: {warning}"));
        }
        if let Some(age) = app.synced_contacts_age() {
            out.chat(&age);
        }
    }
    if everybody { Ok(ExitStatus::Done) } else { Ok(ExitStatus::No) }
}

/// The roles that are asked for: one, or all of the ladder.
fn asked_roles(args: &Args, policy: &Policy) -> Vec<Role> {
    if let Some(role) = &args.role {
        return vec![role.clone()];
    }
    let mut all: Vec<Role> = Vec::new();
    for role in policy.steps.iter().flat_map(|s| &s.notify) {
        if !all.iter().any(|r| r.as_str().eq_ignore_ascii_case(role.as_str())) {
            all.push(role.clone());
        }
    }
    all
}

fn show_holders(
    directory: &Directory,
    line: &Line,
    roles: &[Role],
    of: &[DutyOutlook],
    is_past: bool,
    out: &mut Output,
) {
    let zone = zone_of_line(directory, line.number.as_deref());
    for (role, outlook) in roles.iter().zip(of) {
        let mut said = Vec::new();
        for (holder, until) in &outlook.holders {
            let until = until.map(|at| format!(" until {}", shown(at, &zone))).unwrap_or_default();
            said.push(format!("{}{until} ({})", holder.contact, holder.why));
        }
        let now = if said.is_empty() { "nobody".to_owned() } else { said.join(", ") };
        let next = outlook.next.as_ref().map(|span| {
            let names: Vec<&str> = span.holders.iter().map(|h| h.contact.as_str()).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            format!("; from {} on {names}", shown(span.from, &zone))
        });
        let source = match (is_past, outlook.source) {
            (false, _) => "",
            (true, DutySource::Log) => ", as it was kept",
            (true, DutySource::Computed) => ", computed from what is configured now: nothing was kept of that time",
        };
        out.line(&format!("{role}: {now}{}{source}", next.unwrap_or_default()));
    }
}

/// A dialled number that is no configured line is warned of; what cannot be one is refused.
///
/// # Errors
/// Exit 2, with the lines that exist.
pub(super) fn check_line(directory: &Directory, asked: Option<&str>, flag: &str, out: &Output) -> Result<(), CliError> {
    let asked = asked.unwrap_or_default().trim();
    let named = |l: &Line| l.number.as_ref().map(|n| format!("{n} ({})", l.name));
    let lines: Vec<String> = directory.lines.iter().filter_map(named).collect();
    let there_are = there_are("lines", lines.iter().map(String::as_str));
    if asked.chars().filter(char::is_ascii_digit).count() < DIGITS_MIN {
        let what = format!("{asked:?} is no number that anybody can dial ({flag})");
        return Err(CliError::new(ExitStatus::Usage, what).hint(there_are));
    }
    let shown = masked(asked);
    out.note(&format!("warning: {shown} is no configured line: the defaults are used, and a call to it alerts"));
    out.note(&format!("hint: {there_are}"));
    Ok(())
}

/// The fewest digits of a number that somebody dials.
const DIGITS_MIN: usize = 3;

/// Opted-out numbers, or none where no store exists yet.
pub(super) async fn opt_outs(app: &App) -> Result<Vec<OptOutLine>, CliError> {
    if !store::exists(app.location()).await? {
        return Ok(Vec::new());
    }
    Ok(app.store(NoStore::Refuse).await?.opt_outs().await?)
}

/// The steps of one run of the ladder; repeats tell the same people again.
fn rungs(directory: &Directory, line: &Line, policy: &Policy, at: Timestamp, opt_outs: &[OptOutLine]) -> Vec<Rung> {
    let mut after = Duration::ZERO;
    let mut rungs = Vec::new();
    for (index, step) in policy.steps.iter().enumerate() {
        after = after.saturating_add(policy.wait_before(index));
        let found = holders_of(directory, line, (&step.notify, step.channel), at.plus(after), opt_outs);
        rungs.push(Rung { number: Some(index + 1), after, channel: step.channel, found });
    }
    if !directory.last_resort.is_empty() {
        let found = last_resort(directory, line, opt_outs);
        rungs.push(Rung { number: None, after: ladder(policy), channel: directory.last_resort_channel(line), found });
    }
    rungs
}

/// Whom the last resort names: told once a round, when the ladder is over.
fn last_resort(directory: &Directory, line: &Line, opt_outs: &[OptOutLine]) -> OnCall {
    let sender = directory.sender(line).map(crate::domain::types::Sender::as_str);
    let channel = directory.last_resort_channel(line);
    let named = directory.last_resort().map(|c| Named {
        role: None,
        contact: c.id.clone(),
        name: c.name.clone(),
        phone: c.phone.clone(),
        opted_out: is_opted_out(&c.phone, channel, sender, opt_outs),
    });
    OnCall { named: named.collect(), empty_roles: Vec::new() }
}

fn document(line: &Line, policy: &Policy, at: Timestamp, rungs: &[Rung]) -> Value {
    let steps: Vec<Value> = rungs
        .iter()
        .map(|r| {
            let who: Vec<Value> = r
                .found
                .named
                .iter()
                .map(|n| json!({ "contact": n.contact, "contactName": n.name, "role": n.role, "to": n.phone, "optedOut": n.opted_out }))
                .collect();
            json!({ "step": r.number, "lastResort": r.number.is_none(), "channel": r.channel, "dueAt": at.plus(r.after), "who": who, "emptyRoles": r.found.empty_roles,
                    "tellsSomebody": r.found.notifies_somebody() })
        })
        .collect();
    json!({ "line": line.number, "lineName": line.name, "level": policy.name, "at": at, "steps": steps,
            "repeat": policy.repeat, "exhaustsAfterSeconds": total(policy, rungs).as_secs() })
}

/// From acceptance to EXHAUSTED.
fn total(policy: &Policy, rungs: &[Rung]) -> Duration {
    let again = if rungs.iter().any(|r| r.number.is_none()) { policy.exhaust_after } else { Duration::ZERO };
    ladder(policy).saturating_add(again)
}

/// From acceptance to the end of the ladder, when the last resort is told.
fn ladder(policy: &Policy) -> Duration {
    (0..=policy.total_steps()).fold(Duration::ZERO, |sum, i| sum.saturating_add(policy.wait_before(i)))
}

fn show(line: &Line, policy: &Policy, at: Timestamp, rungs: &[Rung], out: &mut Output) {
    let mut t = Table::new(&["STEP", "AFTER", "BY", "ROLE", "CONTACT", "NAME", "PHONE", "NOTE"]);
    for r in rungs {
        let number = || r.number.map_or_else(|| "last resort".to_owned(), |n| n.to_string());
        let by = || r.channel.noun().to_owned();
        let step =
            |role: Option<&Role>| [number(), offset(r.after), by(), role.map(Role::to_string).unwrap_or_default()];
        for n in &r.found.named {
            let note = if n.opted_out { "opted out" } else { "" };
            t.row(step(n.role.as_ref()).into_iter().chain([
                n.contact.to_string(),
                n.name.clone(),
                n.phone.to_string(),
                note.to_owned(),
            ]));
        }
        for role in &r.found.empty_roles {
            let gap = [String::new(), String::new(), String::new(), format!("nobody holds {role}")];
            t.row(step(Some(role)).into_iter().chain(gap));
        }
    }
    out.table(&t);
    if out.is_csv() {
        return;
    }
    let number = line.number.as_deref().map(|n| format!(" ({})", masked(n))).unwrap_or_default();
    let mut text = format!("{}{number}, level {}, as of {}", line.name, policy.name, out.time(at));
    if policy.repeat > 0 {
        text.push_str(&format!("; again {} times, {} after the last step", policy.repeat, span(policy.repeat_wait)));
    }
    text.push_str(&format!("; without an answer EXHAUSTED after {}", span(total(policy, rungs))));
    out.paragraph(&text);
    for r in rungs.iter().filter(|r| !r.found.notifies_somebody()) {
        let step = r.number.map_or_else(|| "the last resort".to_owned(), |n| format!("step {n}"));
        out.note(&format!("warning: {step} finds nobody to tell"));
    }
}
