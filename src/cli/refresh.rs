//! `status --refresh`: what the provider says of a call's messages now.
//!
//! A running engine is asked, and answers; where none runs, this command takes the engine lock for as long as the questions
//! last, and hands it over to whoever asks for it. Only questions are put, so stopping at any point loses nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::count::counted;
use crate::domain::types::{Actor, CallId};
use crate::engine::Scope;
use crate::engine::apply::Core;
use crate::engine::poller::Poller;
use crate::store::StoreError;
use crate::store::{Lease, LeaseError};

use super::app::{App, operator};
use super::exit::ExitStatus;
use super::output::{Output, spinner};
use super::report::CliError;

/// How long a running engine is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Asks the provider about every message of this call, by the engine or in its place.
///
/// # Errors
/// Exit 2 where this command must ask and may not (no credentials), 5 where the engine does not answer, 6 for the store.
pub(super) async fn refresh(app: &mut App, core: &Arc<Core>, call: &CallId, out: &Output) -> Result<(), CliError> {
    let bar = spinner(out, &format!("asking the provider about call {call}"));
    let deadline = app.clock.now().plus(ANSWER_WITHIN);
    let mut posted = None;
    let answer = loop {
        match core.store.take_lease("status").await {
            Ok(lock) => {
                if let Some(answer) = alone(app, core, call, lock, out).await? {
                    break answer;
                }
            }
            Err(LeaseError::Held(_)) => {
                let id = match posted {
                    Some(id) => id,
                    None => post(core, call).await?,
                };
                posted = Some(id);
                if let Some(answer) = core.store.request(id).await?.and_then(|r| r.result) {
                    break answer;
                }
            }
            Err(e) => return Err(e.into()),
        }
        if app.clock.now() >= deadline {
            return Err(CliError::new(ExitStatus::Unreachable, "the engine did not ask the provider in time")
                .hint(format!("it goes on asking: look again with `dispatchctl status {call}`")));
        }
        app.clock.sleep_until(app.clock.now().plus(LOOK_EVERY)).await;
    };
    bar.finish_and_clear();
    say(&answer, out);
    Ok(())
}

async fn post(core: &Core, call: &CallId) -> Result<i64, StoreError> {
    core.store.post_request("refresh", json!({ "call": call }), &operator(None), core.clock.now()).await
}

/// Asks with a lock of our own; `None` where another process asked for the lock first, and now has it.
async fn alone(
    app: &mut App,
    core: &Arc<Core>,
    call: &CallId,
    lock: Arc<dyn Lease>,
    out: &Output,
) -> Result<Option<Value>, CliError> {
    app.config.twilio_required()?;
    let sandbox = app.sandbox_if_needed(out).await?;
    app.holds(&lock);
    let engine = app.engine(core.clone(), app.gateway()?, Scope::Only(call.clone()))?;
    let poller = Poller::new(engine);
    let answer = tokio::select! {
        answer = poller.refresh(call) => Some(answer?),
        handed = until_asked_for_the_lock(core) => {
            handed?;
            None
        }
    };
    lock.release().await;
    drop(lock);
    if let Some(s) = sandbox {
        s.shutdown().await;
    }
    Ok(answer)
}

/// Returns when another process wants the lock, and has been told that it may have it.
async fn until_asked_for_the_lock(core: &Core) -> Result<(), StoreError> {
    loop {
        core.clock.sleep_until(core.clock.now().plus(LOOK_EVERY)).await;
        if let Some(r) = core.store.open_requests().await?.into_iter().find(|r| r.kind == "yield") {
            return core.store.answer_request(r.id, json!({ "yielded": true }), core.clock.now()).await;
        }
    }
}

fn say(answer: &Value, out: &Output) {
    match (answer.get("asked").and_then(Value::as_u64), answer.get("error").and_then(Value::as_str)) {
        (Some(0), _) => out.chat("no message of this call has reached the provider yet"),
        (Some(n), _) => out.chat(&format!("asked {} about {}", Actor::provider().0, counted(n, "message"))),
        (None, Some(why)) => out.note(&format!("warning: the engine did not ask the provider: {why}")),
        (None, None) => {}
    }
}
