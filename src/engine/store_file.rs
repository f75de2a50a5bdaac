//! Watches that the file that the store has open is still the one in its place. A clean-up job that deletes it, or a person
//! who puts another there, must not lose a call: what was accepted goes on from the open file, nothing new is accepted
//! (`http` asks the store itself before it accepts or decides), a copy is kept beside the place, and people are told.
//!
//! The copy is renewed at most [`COPY_EVERY`] after a change, and once more when the engine stops. A kill loses what was
//! committed since the copy before it; where no file is in the place, the next start takes the newest copy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::store::{Lease, Place, StoreError, Upkeep};

use super::Engine;
use super::file_watch::{Copy, WatchedFile};

/// How often to look: three looks at the file system.
pub const EVERY: Duration = Duration::from_millis(250);
/// The copy is this old at most, where the store has changed since.
const COPY_EVERY: Duration = Duration::from_secs(1);

/// Looks once, tells what is news, and keeps the copy.
///
/// # Errors
/// [`StoreError::WrongFile`]: another engine holds the file in the place of ours, and this one must stop. Others of the store.
pub async fn pass(engine: &Arc<Engine>) -> Result<(), StoreError> {
    let Some(upkeep) = engine.core.store.upkeep() else { return Ok(()) };
    let watch = &engine.file_watch;
    let mut state = watch.state();
    let place = upkeep.place();
    let done = match place.trouble() {
        None => in_its_place(engine, upkeep, &mut state).await,
        Some(what) => lost(engine, upkeep, &mut state, what).await,
    };
    if let (Place::Here, Some(lock)) = (&place, watch.lock.get()) {
        keep_note(&**lock, &mut state).await;
    }
    watch.keep(state);
    done?;
    match upkeep.held_by_another() {
        Some(e) => {
            error!("another engine works on the file in the place of this one's store: this one stops");
            Err(e)
        }
        None => Ok(()),
    }
}

/// The last copy before the process ends; nothing where the file is in its place. To be called when nothing is written any
/// more.
pub async fn last_copy(engine: &Engine) {
    let Some(upkeep) = engine.core.store.upkeep().filter(|u| u.place().trouble().is_some()) else { return };
    let watch = &engine.file_watch;
    let lost = watch.state().lost.unwrap_or_else(|| engine.core.clock.now());
    match upkeep.rescue(lost).await {
        Ok(at) => warn!(copy = %at.display(), "the store's file is not in its place: all that it held is in the copy"),
        Err(e) => error!(error = %e, "the store's file is not in its place, and no copy of it can be written"),
    }
}

async fn in_its_place(engine: &Engine, upkeep: &dyn Upkeep, state: &mut WatchedFile) -> Result<(), StoreError> {
    let core = &engine.core;
    if state.looked && state.lost.is_none() {
        return Ok(());
    }
    if core.store.alerts().await?.iter().any(|a| a.key.kind() == AlertKind::StoreFile) {
        core.apply(Event::Alert(AlertChange::Resolve { key: AlertKind::StoreFile.into() }), Actor::engine()).await?;
    }
    if state.lost.is_some() {
        warn!(alert.key = AlertKind::StoreFile.word(), "the store's file is in its place again");
        if let Err(e) = upkeep.set_rescued_aside() {
            warn!(error = %e, "the copies that were made of it could not be renamed: remove them by hand");
        }
    }
    say_copy(engine, upkeep.rescued()).await?;
    *state = WatchedFile { looked: true, note_said: state.note_said, ..WatchedFile::default() };
    Ok(())
}

/// A copy that lies beside a store that is there holds what was accepted while its file was gone, and nobody else may have it.
async fn say_copy(engine: &Engine, copy: Option<PathBuf>) -> Result<(), StoreError> {
    let key = AlertKind::RescuedCopy.into();
    let change = match copy {
        Some(copy) => {
            let message = format!(
                "calls that were accepted while the store's file was gone may be in {} alone: read them with `dispatchctl --store {} status`, dispatch what is missing by hand, then remove or rename that copy and start again",
                copy.display(),
                copy.display()
            );
            AlertChange::Raise { key, call: None, message }
        }
        None => AlertChange::Resolve { key },
    };
    engine.core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}

async fn lost(engine: &Engine, upkeep: &dyn Upkeep, state: &mut WatchedFile, what: &str) -> Result<(), StoreError> {
    let core = &engine.core;
    let since = *state.lost.get_or_insert_with(|| core.clock.now());
    let (version, boot) = (core.store.version().await?, core.clock.boot());
    let is_due = |c: &Copy| c.version != version && boot.saturating_sub(c.made) >= COPY_EVERY;
    let mut failed = None;
    if state.copy.as_ref().is_none_or(is_due) {
        match upkeep.rescue(since).await {
            Ok(at) => state.copy = Some(Copy { at, version, made: boot }),
            Err(e) => failed = Some(e.to_string()),
        }
    }
    if state.raised {
        if let Some(why) = failed {
            warn!(why, "the copy of the store cannot be renewed; it is tried again");
        }
        return Ok(());
    }
    let message = message(what, since, state.copy.as_ref(), failed.as_deref());
    error!(alert.key = AlertKind::StoreFile.word(), "{message}");
    let raise = AlertChange::Raise { key: AlertKind::StoreFile.into(), call: None, message };
    core.apply(Event::Alert(raise), Actor::engine()).await?;
    state.raised = true;
    Ok(())
}

fn message(what: &str, since: Timestamp, copy: Option<&Copy>, failed: Option<&str>) -> String {
    let copy = match (copy, failed) {
        (Some(copy), _) => format!(
            "a copy is kept at {}: stop `serve`, move it to the store's place, start `serve`",
            copy.at.display()
        ),
        (None, why) => {
            format!("no copy could be written ({}): keep `serve` running until one can", why.unwrap_or("unknown"))
        }
    };
    format!(
        "{what} since {since}: new calls are refused, what was accepted goes on from the open file; {copy}; or put the file back"
    )
}

async fn keep_note(lock: &dyn Lease, state: &mut WatchedFile) {
    match lock.keep().await {
        Ok(()) => state.note_said = false,
        Err(e) if !state.note_said => {
            state.note_said = true;
            warn!(error = %e, "the lock file beside the store cannot be kept; the store itself stays locked");
        }
        Err(_) => {}
    }
}
