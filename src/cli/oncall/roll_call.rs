//! Roll calls, for people: who was asked whether they are on call, and who answered.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::team::{Directory, Line};
use crate::domain::types::Role;
use crate::engine::oncall::json as shapes;

use super::super::app::App;
use super::super::exit::ExitStatus;
use super::super::output::{Output, Table};
use super::super::report::CliError;

/// Those of these roles of a line whose shift is not over then; none where there is no store.
pub(super) async fn of(app: &App, line: &Line, roles: &[Role], at: Timestamp) -> Result<Vec<RollCall>, CliError> {
    let Some(store) = app.store_if_there().await? else { return Ok(Vec::new()) };
    let mut all = store.roll_calls(app.clock.now()).await?;
    let is_asked = |r: &RollCall| roles.iter().any(|role| role.as_str().eq_ignore_ascii_case(r.role.as_str()));
    all.retain(|r| r.line == line.number && r.until > at && is_asked(r));
    Ok(all)
}

/// One line each below the holders.
pub(super) fn show(directory: &Directory, all: &[RollCall], out: &mut Output) {
    for r in all.iter().filter(|r| r.state != RollCallState::Over) {
        out.line(&format!("roll call of {}: {}, {}", r.rotation, r.contact, said(directory, r)));
    }
}

/// `confirmed at 2026-11-28 16:34-08:00`.
fn said(directory: &Directory, r: &RollCall) -> String {
    let zone = directory.rotation(&r.rotation).map_or(jiff::tz::TimeZone::UTC, |rotation| rotation.zone.clone());
    let when = |at: Option<Timestamp>| at.map(|at| format!(" at {}", shown(at, &zone))).unwrap_or_default();
    match r.state {
        RollCallState::Asked => format!("asked{}", when(r.asks().filter_map(|t| t.sent_at).max())),
        RollCallState::Confirmed | RollCallState::Over => format!("{}{}", r.state, when(r.decided_at)),
        RollCallState::Refused | RollCallState::Silent | RollCallState::Failed => {
            format!("{}{} ({})", r.state, when(r.decided_at), r.why)
        }
    }
}

/// `oncall roll-call`: those whose shift is not over.
pub(super) async fn list(app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let all = match app.store_if_there().await? {
        Some(store) => store.roll_calls(app.clock.now()).await?,
        None => Vec::new(),
    };
    let is_trouble = all.iter().any(|r| r.state.is_trouble());
    let status = if is_trouble { ExitStatus::No } else { ExitStatus::Done };
    if out.is_json() {
        let all: Vec<Value> = all.iter().map(shapes::roll_call).collect();
        out.document(&json!({ "rollCalls": all }));
        return Ok(status);
    }
    let directory = &app.config.directory;
    let mut t = Table::new(&["ROTATION", "CONTACT", "FROM", "UNTIL", "REFERENCE", "STATE", "TEXTS"]);
    for r in &all {
        let zone = directory.rotation(&r.rotation).map_or(jiff::tz::TimeZone::UTC, |rotation| rotation.zone.clone());
        let texts: Vec<String> = r.texts.iter().map(|t| format!("{} {} {}", t.kind, t.contact, t.state)).collect();
        t.row([
            r.rotation.to_string(),
            r.contact.to_string(),
            shown(r.from, &zone),
            shown(r.until, &zone),
            r.reference.to_string(),
            said(directory, r),
            texts.join(", "),
        ]);
    }
    out.table(&t);
    if !out.is_csv() && app.config.oncall.roll_call.is_none() {
        out.note("hint: nobody is asked: `[oncall] roll_call` is off");
    }
    Ok(status)
}
