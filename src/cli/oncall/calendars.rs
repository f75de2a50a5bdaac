//! `oncall accept-calendar`, and how the calendars that say who is on call are doing.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::engine::oncall::calendars::refused_said;
use crate::engine::oncall::kept::KeptCalendars;
use crate::store::CalendarState;

use super::super::app::{App, NoStore, operator};
use super::super::durations::span;
use super::super::exit::ExitStatus;
use super::super::output::Output;
use super::super::report::CliError;

/// Which rotation's calendar is taken though it lost most of its shifts.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptArgs {
    /// The rotation
    #[arg(value_name = "ROTATION")]
    rotation: String,
    /// In whose name [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl AcceptArgs {
    pub(super) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }
}

/// Takes the calendar that waits: durable, for every process, whether or not an engine runs.
pub(super) async fn accept(args: AcceptArgs, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let wanted = args.rotation.trim();
    let by_calendar = || app.config.directory.rotations.iter().filter(|r| r.calendar.is_some());
    let Some(rotation) = by_calendar().find(|r| r.id.as_str().eq_ignore_ascii_case(wanted)) else {
        let names: Vec<&str> = by_calendar().map(|r| r.id.as_str()).collect();
        let hint = match names.is_empty() {
            true => "no rotation goes by a calendar".to_owned(),
            false => format!("the rotations that go by a calendar are {}", names.join(", ")),
        };
        return Err(
            CliError::new(ExitStatus::Usage, format!("{wanted:?} is no rotation that goes by a calendar")).hint(hint)
        );
    };
    let store = app.store(NoStore::Refuse).await?;
    let accepted = store.accept_calendars(&rotation.id, &operator(args.by.as_deref()).0, app.clock.now()).await?;
    let keys: Vec<&str> = accepted.iter().map(|part| part.key()).collect();
    if out.is_json() {
        out.document(&json!({ "rotation": rotation.id, "accepted": keys, "changed": !keys.is_empty() }));
    } else if keys.is_empty() {
        out.line(&format!("{}: no calendar waits to be accepted; nothing was done", rotation.id));
    } else {
        out.line(&format!("{}: {} as it was read last counts from now on", rotation.id, keys.join(" and ")));
    }
    Ok(if keys.is_empty() { ExitStatus::No } else { ExitStatus::Done })
}

/// How a calendar is doing.
pub(in crate::cli) struct CalendarReport {
    pub(in crate::cli) rotation: RotationId,
    pub(in crate::cli) part: CalendarPart,
    state: Option<CalendarState>,
    refused: Vec<crate::domain::ical::Refused>,
}

/// Of each that the settings name.
///
/// # Errors
/// As the store says.
pub(in crate::cli) async fn reports(app: &App) -> Result<Vec<CalendarReport>, CliError> {
    let named = app.named_calendars();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let states = match app.store_if_there().await? {
        Some(store) => store.calendar_states().await?,
        None => Vec::new(),
    };
    let kept: &KeptCalendars = &app.calendars;
    let of = |(rotation, part): (RotationId, CalendarPart)| CalendarReport {
        state: states.iter().find(|s| s.rotation == rotation && s.part == part).cloned(),
        refused: kept.refused(&rotation, part),
        rotation,
        part,
    };
    Ok(named.into_iter().map(of).collect())
}

impl CalendarReport {
    /// What is wrong with it.
    pub(in crate::cli) fn warnings(&self, now: Timestamp) -> Vec<String> {
        let what = format!("the {} of the rotation {}", self.part.key(), self.rotation);
        let mut all = Vec::new();
        match &self.state {
            None => all.push(format!("{what} was not read yet: an engine (`dispatchctl serve`) reads it")),
            Some(s) if s.is_offered => {
                let failing = s.failing.as_ref().map(|(_, why)| why.as_str()).unwrap_or_default();
                let why = s.offered_why.as_deref().unwrap_or(failing);
                let accept = format!("if that is meant: `dispatchctl oncall accept-calendar {}`", self.rotation);
                all.push(format!("{what} was not taken: {why}; {accept}"));
                if why != failing && !failing.is_empty() {
                    all.push(format!("{what} cannot be read now: {failing}"));
                }
            }
            Some(s) => {
                if let Some((since, why)) = &s.failing {
                    let stands = if s.is_kept { "what was read before stands" } else { "none was read before" };
                    all.push(format!("{what} cannot be read since {}: {why}; {stands}", span(now.since(*since))));
                }
            }
        }
        if !self.refused.is_empty() {
            all.push(format!("events of {what} are left out: {}", refused_said(&self.refused)));
        }
        all
    }

    pub(in crate::cli) fn document(&self) -> Value {
        let state = self.state.as_ref();
        let failing = state.and_then(|s| s.failing.as_ref());
        let refused: Vec<Value> =
            self.refused.iter().map(|r| json!({ "event": r.uid, "title": r.title, "why": r.why })).collect();
        json!({ "rotation": self.rotation, "calendar": self.part.as_str(), "readAt": state.and_then(|s| s.read_at),
            "failingSince": failing.map(|f| f.0), "error": failing.map(|f| f.1.as_str()),
            "waits": state.is_some_and(|s| s.is_offered), "refused": refused })
    }
}
