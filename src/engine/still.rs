//! Alarms of duties that stand still or die: what watches the engine's loops is no loop of the engine.
//!
//! [`keep`] runs beside the supervisor, for as long as the process serves, and asks nothing of anybody but the duties' own beats. What it
//! wrote is found again by its keys after a restart, so that an alarm of the process before ends with the first good passes of this
//! one. On a store that several share only the engine's process writes: whoever stands by has no duties.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::store::{Holder, StoreError, host_name};

use super::apply::Core;
use super::beside::{BesideLoop, DUTY_WATCH, LoopBeat};
use super::duty::{ESSENTIAL_MAX, Rank};
use super::heartbeats::DutyLine;
use super::{BEGINS_WITHIN, Engine};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(2);
/// What watches the others is watched by the duty `watch`, and by health.
pub const WATCH: BesideLoop = BesideLoop::usual(DUTY_WATCH, EVERY).still_after(Duration::from_secs(60));
/// A duty that has not died for so long has got over it.
const DIED_FOR: Duration = Duration::from_secs(600);
/// A write that takes longer is tried again: a store that hangs must not hang what tells of it.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// A start needs so long until each duty has passed once.
const START: Duration = Duration::from_secs(10);

/// What is alarming, and what of it the store knows.
#[derive(Default)]
pub struct StillWatch {
    /// `None`: what the store holds is not read yet.
    written: Option<BTreeMap<AlertKey, String>>,
    /// How often each duty had died at the last look, and when it last died, by the boot clock.
    deaths: BTreeMap<String, (u64, Option<Duration>)>,
    /// It was said that another process leads.
    said_lost: bool,
}

impl StillWatch {
    /// One look at this engine's duties.
    ///
    /// # Errors
    /// [`StoreError`]: what could not be written is written by the next look.
    pub async fn pass(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let core = &engine.core;
        let boot = core.clock.boot();
        if boot.saturating_sub(engine.started) < START {
            return Ok(());
        }
        let wanted = self.wanted(&lines(engine, boot), boot);
        let is_news = |key: &AlertKey| self.written.as_ref().is_none_or(|written| !written.contains_key(key));
        if wanted.keys().any(is_news)
            && let Some(leader) = led_by_another(engine).await
        {
            if !std::mem::replace(&mut self.said_lost, true) {
                warn!(
                    "this process stood still and has lost the lease: {leader} is the engine now, and this one stands by"
                );
            }
            return Ok(());
        }
        let written = match &mut self.written {
            Some(written) => written,
            none => {
                let ours = core.store.alerts().await?.into_iter().filter(|a| is_ours(a.key.kind()));
                none.insert(ours.map(|a| (a.key, a.message)).collect())
            }
        };
        for (key, message) in &wanted {
            if !written.contains_key(key) {
                error!(alert.key = key.masked(), "{message}");
                write(core, AlertChange::Raise { key: key.clone(), call: None, message: message.clone() }).await?;
                written.insert(key.clone(), message.clone());
            }
        }
        let over: Vec<AlertKey> = written.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        for key in over {
            write(core, AlertChange::Resolve { key: key.clone() }).await?;
            written.remove(&key);
        }
        Ok(())
    }

    fn wanted(&mut self, lines: &[DutyLine], boot: Duration) -> BTreeMap<AlertKey, String> {
        let mut wanted = BTreeMap::new();
        for line in lines {
            // One that died before the first look has died all the same.
            let known = self.deaths.entry(line.name.clone()).or_insert((0, None));
            if line.restarts > known.0 {
                *known = (line.restarts, Some(boot));
            }
            let has_died = known.1.is_some_and(|at| boot.saturating_sub(at) < DIED_FOR);
            let why = line.last_error.as_ref().map(|(_, why)| format!(" ({why})")).unwrap_or_default();
            let since = line.since_pass.map_or_else(
                || "it has never passed".to_owned(),
                |ago| format!("its last good pass was {} s ago", ago.as_secs()),
            );
            let is_still = line.is_still || line.is_dying;
            let (kind, message) = match line.rank {
                Rank::Essential if is_still => (
                    AlertKind::EngineStill,
                    format!(
                        "the duty {} of the engine stands still: nobody may be told of an emergency; {since}{why}. Tell people by phone, see \
                         the log, and restart `dispatchctl serve`",
                        line.name
                    ),
                ),
                Rank::Other if is_still => (
                    AlertKind::DutyStill,
                    format!(
                        "the duty {} of the engine stands still: calls go on without it; {since}{why}. See the log, and restart \
                         `dispatchctl serve` when no call is open",
                        line.name
                    ),
                ),
                _ if has_died => (
                    AlertKind::DutyDied,
                    format!(
                        "the duty {} of the engine died and was started again: see its log, and report it",
                        line.name
                    ),
                ),
                _ => continue,
            };
            wanted.insert(kind.about(&line.name), message);
        }
        wanted
    }
}

/// Who leads in the place of this engine; `None`: it leads itself, or nobody does, or there is no telling. A process that was stopped and
/// goes on finds its own duties still, and its term over.
async fn led_by_another(engine: &Engine) -> Option<Holder> {
    if !engine.is_in_a_term() || engine.may_send(Duration::ZERO) {
        return None;
    }
    match tokio::time::timeout(WRITE_MAX, engine.core.store.lease_holder()).await {
        Ok(Ok(holder)) => holder.filter(|h| h.is_seen() && !is_process(h, std::process::id(), &host_name())),
        _ => None,
    }
}

/// Whether the holder of a lease is this process of this machine.
fn is_process(holder: &Holder, pid: u32, host: &str) -> bool {
    holder.pid == pid && holder.host.as_deref().is_none_or(|of| of == host)
}

/// What each loop of this process reports of itself: the engine's duties, and what runs beside them.
fn lines(engine: &Engine, boot: Duration) -> Vec<DutyLine> {
    let mut lines = engine.heartbeats.lines(boot);
    lines.extend(engine.core.beside.lines(boot));
    lines
}

fn is_ours(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::EngineStill | AlertKind::DutyStill | AlertKind::DutyDied)
}

async fn write(core: &Core, change: AlertChange) -> Result<(), StoreError> {
    let written = core.apply(Event::Alert(change), Actor::engine());
    match tokio::time::timeout(WRITE_MAX, written).await {
        Ok(done) => done.map(drop),
        Err(_) => Err(StoreError::Busy),
    }
}

/// Looks until `stop`; `engine` says which engine this process is, if it is one.
pub async fn keep(core: Arc<Core>, engine: impl Fn() -> Option<Arc<Engine>>, beat: LoopBeat, stop: CancellationToken) {
    let mut watch = StillWatch::default();
    let mut of: Option<String> = None;
    loop {
        beat.round().await;
        let next = core.clock.now().plus(EVERY);
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.clock.sleep_until(next) => {}
        }
        let Some(engine) = engine() else {
            (watch, of) = (StillWatch::default(), None);
            continue;
        };
        if of.as_ref() != Some(&engine.id) {
            // Another term: its duties are others.
            (watch, of) = (StillWatch::default(), Some(engine.id.clone()));
        }
        if let Err(e) = watch.pass(&engine).await {
            warn!(error = %e, "what is said of the engine's duties could not be written; it is tried again");
        }
    }
}

/// What watches the others cannot say that it stands still itself. It ends its alert once it goes on: at the latest after a restart.
///
/// # Errors
/// [`StoreError`].
pub async fn watch_the_watch(engine: &Engine) -> Result<(), StoreError> {
    let lines = engine.core.beside.lines(engine.core.clock.boot());
    let Some(line) = lines.iter().find(|l| l.name == DUTY_WATCH && (l.is_still || l.is_dying)) else { return Ok(()) };
    let message = format!(
        "the loop {} stands still: that another stands still is said by /health alone. See the log, and restart `dispatchctl serve` when no \
         call is open",
        line.name
    );
    let key = AlertKind::DutyStill.about(&line.name);
    if engine.core.store.alerts().await?.iter().any(|a| a.key == key) {
        return Ok(());
    }
    write(&engine.core, AlertChange::Raise { key, call: None, message }).await
}

/// `dispatcher stands still`, of any number of them; `None`: of none.
pub fn stand_still(names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("{one} stands still")),
        more => Some(format!("{} stand still", more.join(", "))),
    }
}

/// Why nobody may be told of an emergency now; `None`: what fires and what sends has passed lately.
pub fn essential_trouble(engine: &Engine) -> Option<String> {
    let boot = engine.core.clock.boot();
    let lines = lines(engine, boot);
    // What engines before it have left is settled before the first passes.
    let has_begun = boot.saturating_sub(engine.started) > BEGINS_WITHIN;
    let still = |l: &&DutyLine| {
        l.rank == Rank::Essential && (l.is_dying || l.since_pass.map_or(has_begun, |ago| ago > ESSENTIAL_MAX))
    };
    let names: Vec<&str> = lines.iter().filter(still).map(|l| l.name.as_str()).collect();
    stand_still(&names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_leads_where_its_machine_or_its_number_is_another() {
        let holder =
            |host: Option<&str>, pid| Holder { host: host.map(str::to_owned), ..Holder::of_this_machine("serve", pid) };
        for (label, holder, is_own) in [
            ("itself", holder(Some("north"), 7), true),
            ("another of its machine", holder(Some("north"), 8), false),
            ("the same number elsewhere", holder(Some("south"), 7), false),
            ("on a file", holder(None, 7), true),
        ] {
            assert_eq!(is_process(&holder, 7, "north"), is_own, "{label}");
        }
    }
}
