//! The calendars that say who is on call, as an engine reads them: their places and their duties.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::warn;

use crate::config::CalendarPlace;
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::engine::oncall::calendars::{CalendarAddress, CalendarReader, forget_alerts_of_others, source_id};
use crate::engine::supervisor::Supervisor;
use crate::engine::{Engine, duties};
use crate::gateways::calendar::{CalendarFile, CalendarSource, CalendarUrl};

use super::app::App;
use super::exit::ExitStatus;
use super::report::CliError;

/// A start that has no text of a calendar yet waits this long for the first reading: until then it is held by nobody.
const FIRST_READING: Duration = Duration::from_secs(5);

impl App {
    /// The calendars that the settings name, in their order.
    pub(super) fn named_calendars(&self) -> Vec<(RotationId, CalendarPart)> {
        let of = |r: &crate::domain::oncall::Rotation| {
            let parts = r.calendar.as_ref().map(|rules| rules.parts()).unwrap_or_default();
            parts.iter().map(|part| (r.id.clone(), *part)).collect::<Vec<_>>()
        };
        self.config.directory.rotations.iter().flat_map(of).collect()
    }

    /// Where this process reads a calendar; `None`: it has no place for it.
    ///
    /// # Errors
    /// Exit 2: no client can be made.
    pub(super) fn calendar_address(
        &self,
        rotation: &RotationId,
        part: CalendarPart,
    ) -> Result<Option<CalendarAddress>, CliError> {
        let is_it = |at: &&crate::config::CalendarAt| at.part == part && &at.rotation == rotation;
        let Some(at) = self.config.calendars.iter().find(is_it) else { return Ok(None) };
        let source: Arc<dyn CalendarSource> = match &at.place {
            CalendarPlace::File(path) => Arc::new(CalendarFile::new(path.clone())),
            CalendarPlace::Url(url) => Arc::new(CalendarUrl::new(url.expose().clone()).map_err(|why| {
                CliError::new(ExitStatus::Usage, format!("the {} of {rotation} cannot be read", part.key())).cause(why)
            })?),
        };
        Ok(Some(CalendarAddress { id: source_id(&at.place.expose()), source }))
    }
}

/// The calendars of these settings are read from now on, and no others. One that was never read is read first, for 5 s at most.
pub(super) async fn assign(app: &App, engine: &Arc<Engine>, supervisor: &Arc<Supervisor>) -> Result<(), CliError> {
    let core = &engine.core;
    let mut readers = Vec::new();
    let mut first = JoinSet::new();
    for (rotation, part) in app.named_calendars() {
        let address = app.calendar_address(&rotation, part)?;
        let is_new = core.in_force().calendars.text(&rotation, part).is_none();
        let reader = CalendarReader::new(core.clone(), rotation, part, address);
        if is_new {
            let reader = reader.clone();
            first.spawn(async move { reader.pass().await });
        }
        readers.push(reader);
    }
    forget_alerts_of_others(core, &readers).await?;
    if !first.is_empty() {
        let until = core.clock.sleep_until(core.clock.now().plus(FIRST_READING));
        tokio::select! {
            read = first.join_all() => {
                for error in read.into_iter().filter_map(Result::err) {
                    warn!(%error, "the first reading of a calendar could not be kept");
                }
            }
            () = until => warn!("a calendar of who is on call could not be read yet: nobody holds its rotation"),
        }
    }
    supervisor.assign(duties::CALENDARS, duties::calendars(&readers));
    Ok(())
}
