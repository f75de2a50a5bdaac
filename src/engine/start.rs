//! The store's part of a start, before anything is sent: the start is recorded, claims of engines that are gone become unknown
//! outcomes, and what goes on is named. A crash in the middle leaves the rest to the next start.

use serde_json::{Value, json};
use tracing::{error, info};

use crate::domain::Timestamp;
use crate::domain::attempt::{Attempt, AttemptState};
use crate::domain::event::Event;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::types::{Actor, AttemptId, CallId};
use crate::failpoint;
use crate::store::{EngineRow, StoreError};

use super::{Engine, Scope, beat, history, outbox};

/// How many calls a start names one by one.
const NAMED_AT_START: usize = 1_000;

/// The store's part of recovery, before anything is sent: claims of engines that are gone become unknown outcomes, and
/// what goes on is named. Idempotent.
///
/// # Errors
/// [`StoreError`].
pub async fn recover_local(engine: &Engine, role: &str, listen: Option<String>) -> Result<(), StoreError> {
    let core = &engine.core;
    let now = core.clock.now();
    // Before anything is written: until then the newest entry is that of before.
    history::begin(engine).await?;
    let last = core.store.engine().await?;
    let row = EngineRow {
        id: engine.id.clone(),
        role: role.to_owned(),
        pid: std::process::id(),
        started_at: now,
        stopped_at: None,
        listen,
        beat: Some(beat::now(engine)),
    };
    core.store.engine_started(&row).await?;
    failpoint::hit("recovery.engine-row");
    let clean = match &last {
        None => "this store's first start",
        Some(l) if l.stopped_at.is_some() => "the last stop was clean",
        Some(_) => "the last stop was not clean: recovering",
    };
    info!("{role} started; {clean}");
    let entry = LogEntry {
        kind: LogKind::Engine,
        at: now,
        call: None,
        attempt: None,
        actor: Actor::engine(),
        message: format!("{role} started; {clean}"),
        data: json!({ "engine": engine.id, "pid": row.pid }),
    };
    core.store.append_log(vec![entry]).await?;
    settle_claims(engine).await?;
    outbox::start(engine).await?;
    match name_rearmed(engine, now, last.as_ref()).await {
        // What cannot be read is named by whoever looks through the store; a start does not fail for the names of the others.
        Err(e @ StoreError::Corrupt { .. }) => {
            error!(error = %e, "the calls that go on cannot all be named");
            Ok(())
        }
        named => named,
    }
}

async fn settle_claims(engine: &Engine) -> Result<(), StoreError> {
    let core = &engine.core;
    loop {
        let gone = match &engine.scope {
            Scope::All => core.store.claims_of_others(&engine.id, 500).await?,
            Scope::Only(call) => claims_of(engine, call).await?,
        };
        let mut changed = false;
        for (n, attempt) in gone.into_iter().enumerate() {
            if n > 0 {
                failpoint::hit("recovery.between-claims");
            }
            match core.apply(Event::EngineGone { attempt, engine: engine.id.clone() }, Actor::engine()).await {
                Ok(_) => changed = true,
                // One call that cannot be decided or read must not keep the others from being served.
                Err(e @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                    error!(attempt.id = %attempt, error = %e, "a claim of an engine that is gone cannot be settled");
                }
                Err(e) => return Err(e),
            }
        }
        if !changed {
            return Ok(());
        }
    }
}

/// The claims on one call's attempts, however many there are on others'.
async fn claims_of(engine: &Engine, call: &CallId) -> Result<Vec<AttemptId>, StoreError> {
    let state = engine.core.store.call(call).await?;
    let gone = |a: &&Attempt| a.state == AttemptState::Sending && a.claimed_by.as_deref() != Some(engine.id.as_str());
    Ok(state.iter().flat_map(|s| s.attempts.iter().filter(gone)).map(|a| a.id).collect())
}

/// What is said of a call that goes on, due at this time; `None`: nothing, as nothing of it was lost. Before this start the engine was
/// `last`.
fn how_rearmed(due: Timestamp, now: Timestamp, last: Option<&EngineRow>) -> Option<&'static str> {
    let stopped = last.and_then(|l| l.stopped_at);
    // A command is the engine for its own call: what else came due meanwhile came due without one.
    let ran_until = stopped.filter(|_| last.is_some_and(|l| l.role == "serve"));
    if due > now {
        // A `serve` that stopped cleanly has left every step to the time that it has. A command says nothing of who served before it.
        return ran_until.is_none().then_some("it is armed again");
    }
    Some(match ran_until {
        Some(until) if due < until => "it was due before the last stop and had not fired",
        _ => "it came due while no engine ran",
    })
}

/// Every call whose sequence was interrupted and goes on is named in the log; what is overdue is in its story as well.
async fn name_rearmed(engine: &Engine, now: Timestamp, last: Option<&EngineRow>) -> Result<(), StoreError> {
    if engine.scope != Scope::All {
        return Ok(());
    }
    let store = &engine.core.store;
    let rearmed = store.next_wakes(NAMED_AT_START + 1).await?;
    let mut entries = Vec::new();
    for (call, due) in rearmed.iter().take(NAMED_AT_START) {
        let Some(how) = how_rearmed(*due, now, last) else { continue };
        info!(call.id = %call, due = %due, "Recovering lost retry: {how}");
        if *due <= now {
            entries.push(LogEntry {
                kind: LogKind::Engine,
                at: now,
                call: Some(call.clone()),
                attempt: None,
                actor: Actor::engine(),
                message: format!("Recovering lost retry: {how}"),
                data: Value::Null,
            });
        }
    }
    // They come by time: the next one would be said as the last one was.
    if let Some((_, due)) = rearmed.get(NAMED_AT_START)
        && how_rearmed(*due, now, last).is_some()
    {
        info!("Recovering lost retry: more than {NAMED_AT_START} calls go on, only the first are named");
    }
    if entries.is_empty() { Ok(()) } else { store.append_log(entries).await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_clean_stop_only_what_is_overdue_was_lost() {
        let at = Timestamp::from_millis;
        let row = |role: &str, stopped_at: Option<Timestamp>| EngineRow {
            id: "eng_1".into(),
            role: role.into(),
            pid: 7,
            started_at: at(0),
            stopped_at,
            listen: None,
            beat: None,
        };
        let (clean, killed, command) = (row("serve", Some(at(100))), row("serve", None), row("send", Some(at(100))));
        let (armed, missed) = (Some("it is armed again"), Some("it came due while no engine ran"));
        let before = Some("it was due before the last stop and had not fired");
        for (label, due, last, want) in [
            ("a clean handover", 300, Some(&clean), None),
            ("due in between", 150, Some(&clean), missed),
            ("due at the stop", 100, Some(&clean), missed),
            ("due before it", 50, Some(&clean), before),
            ("killed, to come", 300, Some(&killed), armed),
            ("killed, overdue", 50, Some(&killed), missed),
            ("a command before, to come", 300, Some(&command), armed),
            ("a command before, overdue", 50, Some(&command), missed),
            ("the first start, to come", 300, None, armed),
            ("the first start, overdue", 50, None, missed),
        ] {
            assert_eq!(how_rearmed(at(due), at(200), last), want, "{label}");
        }
    }
}
