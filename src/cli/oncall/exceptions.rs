//! `oncall override`, `oncall away`, `oncall withdraw`, `oncall overrides`: exceptions to who is on call.
//!
//! An exception is durable before anything is printed, and every process decides by it from then on. It is withdrawn, never edited.

use serde_json::{Value, json};

use crate::domain::oncall::holders::shown;
use crate::domain::oncall::outlook::Difference;
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind};
use crate::domain::team::Directory;
use crate::domain::types::ContactId;
use crate::engine::oncall::making::{Effect, OverrideRefused, OverrideRequest, effect, effect_of_withdrawal, read};
use crate::engine::oncall::{json as shapes, zone_of};

use super::super::app::{App, NoStore, operator};
use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;

/// Times that people type.
const TIMES: &str = "now, tonight, handoff, +8h, 17:00, 2026-11-28, \"2026-11-28 17:00\" or an RFC 3339 time";

/// Somebody holds a rotation or a role for a time.
#[derive(Debug, clap::Args)]
pub(crate) struct OverrideArgs {
    /// The rotation
    #[arg(value_name = "ROTATION")]
    rotation: Option<String>,
    /// Who holds it then
    #[arg(long, value_name = "CONTACT")]
    who: String,
    /// In place of whoever it would be (take), or besides (add)
    #[arg(long, value_name = "take|add", default_value = "take", value_parser = kind)]
    kind: OverrideKind,
    /// Instead of a rotation: this role of a line
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// With --role: the number that customers dial [default: the shop's own line]
    #[arg(long, value_name = "NUMBER")]
    line: Option<String>,
    #[command(flatten)]
    when: When,
}

/// Somebody holds nothing for a time.
#[derive(Debug, clap::Args)]
pub(crate) struct AwayArgs {
    /// Who is away
    #[arg(value_name = "CONTACT")]
    who: String,
    /// From this rotation alone [default: from everything]
    #[arg(long, value_name = "ROTATION")]
    rotation: Option<String>,
    #[command(flatten)]
    when: When,
}

#[derive(Debug, clap::Args)]
struct When {
    /// From when: now, tonight, 17:00, 2026-11-28, "2026-11-28 17:00", or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when: handoff, +8h, 08:00, 2026-11-29 (to its end), or RFC 3339
    #[arg(long, value_name = "TIME")]
    until: String,
    /// Why, for the story
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Which exception is withdrawn.
#[derive(Debug, clap::Args)]
pub(crate) struct WithdrawArgs {
    /// Its id, as `oncall overrides` lists it
    #[arg(value_name = "ID")]
    id: String,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl OverrideArgs {
    pub(super) fn by(&self) -> Option<&str> {
        self.when.by.as_deref()
    }
}

impl AwayArgs {
    pub(super) fn by(&self) -> Option<&str> {
        self.when.by.as_deref()
    }
}

impl WithdrawArgs {
    pub(super) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

fn kind(text: &str) -> Result<OverrideKind, String> {
    match text.trim().to_lowercase().as_str() {
        "take" => Ok(OverrideKind::Take),
        "add" => Ok(OverrideKind::Add),
        _ => Err("take or add is wanted; who is away: `dispatchctl oncall away`".to_owned()),
    }
}

pub(super) async fn make(args: OverrideArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let OverrideArgs { rotation, who, kind, role, line, when } = args;
    keep(rotation, line, role, kind, who, when, app, out).await
}

pub(super) async fn away(args: AwayArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    keep(args.rotation, None, None, OverrideKind::Away, args.who, args.when, app, out).await
}

#[expect(clippy::too_many_arguments, reason = "the parts of one exception, from two commands")]
async fn keep(
    rotation: Option<String>,
    line: Option<String>,
    role: Option<String>,
    kind: OverrideKind,
    contact: String,
    when: When,
    app: &App,
    out: &mut Output,
) -> Result<ExitStatus, CliError> {
    let When { from, until, note, by } = when;
    let asked = OverrideRequest { rotation, line, role, kind, contact, from, until, note, source: None };
    let store = app.store(NoStore::Refuse).await?;
    let now = app.clock.now();
    let directory = &app.config.directory;
    let id = OverrideId::from_uuid(app.ids.uuid(now));
    let new = read(directory, &asked, id, &operator(by.as_deref()).0, now).map_err(wrong)?;
    let effect = effect(directory, &new, now);
    let (kept, is_new) = store.make_override(&new).await?;
    show(directory, &kept, is_new, &effect, out);
    Ok(ExitStatus::Done)
}

fn wrong(e: OverrideRefused) -> CliError {
    let hint = if matches!(e.field, "from" | "until") { format!("times are written {TIMES}") } else { e.hint.clone() };
    CliError::new(ExitStatus::Usage, format!("{} ({})", e.what, e.field)).hint(hint)
}

pub(super) async fn withdraw(args: WithdrawArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let store = app.store(NoStore::Refuse).await?;
    let none = || {
        CliError::new(ExitStatus::NotFound, format!("there is no exception {}", args.id.trim()))
            .hint("see those that there are with `dispatchctl oncall overrides`")
    };
    let id: OverrideId = args.id.trim().parse().map_err(|_| none())?;
    let now = app.clock.now();
    let done = store.withdraw_override(&id, &operator(args.by.as_deref()).0, now).await?;
    let Some((gone, is_new)) = done else { return Err(none()) };
    let directory = &app.config.directory;
    show(directory, &gone, is_new, &effect_of_withdrawal(directory, &gone, now), out);
    Ok(ExitStatus::Done)
}

fn show(directory: &Directory, of: &DutyOverride, is_new: bool, effect: &Effect, out: &mut Output) {
    if out.is_json() {
        out.document(&shapes::made(of, is_new, effect));
        return;
    }
    out.mode_line();
    let zone = zone_of(directory, &of.scope);
    let times = format!("{} to {}", shown(of.from, &zone), shown(of.until, &zone));
    let is_withdrawn = of.withdrawn.is_some();
    let what = match (is_withdrawn, is_new) {
        (true, true) => "withdrawn",
        (true, false) => "withdrawn already: nothing was done",
        (false, true) => "made",
        (false, false) => "made a moment ago by the same command: nothing was done",
    };
    out.line(&format!("{} {}: {} {} {}, {times}", of.id, what, of.contact, of.kind, of.scope));
    for s in &effect.covers {
        let members: Vec<String> = s.members.iter().map(ToString::to_string).collect();
        let (from, until) = (shown(s.from, &zone), shown(s.until, &zone));
        out.line(&format!("  covers of {} the shift of {}, {from} to {until}", s.rotation, members.join(", ")));
    }
    if is_new {
        changes(&effect.changes, &zone, out);
        if !is_withdrawn && effect.changes.is_empty() {
            out.note(
                "warning: nobody is told differently by it: whoever holds these roles then is the same without it",
            );
        }
    }
}

fn changes(all: &[Difference], zone: &jiff::tz::TimeZone, out: &mut Output) {
    if all.is_empty() {
        return;
    }
    let mut t = Table::new(&["FROM", "UNTIL", "LINE", "ROLE", "BEFORE", "AFTER"]);
    for d in all {
        let line = d.line.clone().unwrap_or_else(|| "not listed".to_owned());
        let times = [shown(d.from, zone), shown(d.until, zone)];
        t.row(times.into_iter().chain([line, d.role.to_string(), names(&d.before), names(&d.after)]));
    }
    out.table(&t);
}

pub(super) fn names(ids: &[ContactId]) -> String {
    if ids.is_empty() {
        "nobody".to_owned()
    } else {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

pub(super) async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let all = match app.store_if_there().await? {
        Some(store) => store.overrides(app.clock.now()).await?,
        None => Vec::new(),
    };
    if out.is_json() {
        let all: Vec<Value> = all.iter().map(shapes::exception).collect();
        out.document(&json!({ "overrides": all }));
        return Ok(ExitStatus::Done);
    }
    let mut t = Table::new(&["ID", "OF", "KIND", "CONTACT", "FROM", "UNTIL", "BY", "NOTE", "WITHDRAWN"]);
    for o in &all {
        let withdrawn = o.withdrawn.as_ref().map(|(at, by)| format!("{} by {by}", out.time(*at))).unwrap_or_default();
        t.row([
            o.id.to_string(),
            o.scope.to_string(),
            o.kind.to_string(),
            o.contact.to_string(),
            out.time(o.from),
            out.time(o.until),
            o.by.clone(),
            o.note.clone(),
            withdrawn,
        ]);
    }
    out.table(&t);
    if all.is_empty() && !out.is_csv() {
        out.note("there is no exception: `dispatchctl oncall override` and `away` make one");
    }
    Ok(ExitStatus::Done)
}
