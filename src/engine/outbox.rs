//! Delivers alerts to one sink: each sink by itself, at its own pace, so that one that is dead, slow or hangs delays no other.
//!
//! A pass delivers one message and says when to look again. What is not delivered stays and is tried again with growing pauses,
//! for ever: an alert that nobody heard is not over. A crash between delivering and recording delivers once more; the key makes
//! that harmless. A store that takes no writes stops no alert that waits in it: what was delivered meanwhile is kept in memory,
//! and recorded later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind, Severity};
use crate::domain::alert_text::{is_about_telling, is_for_some_owner};
use crate::domain::bulk::{self, Next};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::failpoint;
use crate::gateways::{AlertMessage, AlertNotice, SinkError, Taken};
use crate::store::{AlertTask, Delivered, NotDelivered, SinkState, StoreError};

use super::alert_texts;
use super::apply::Core;
use super::duty::IDLE_MAX;
use super::sink::Sink;
use super::wake::WakeSignal;
use super::{Engine, Scope};

/// Alerts of one sink that are looked at together.
const BATCH: usize = 1_000;
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The longest that a sink is believed when it asks to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// A sink that has failed for this long is stood in for by those that name it.
pub(super) const FALLBACK_AFTER: Duration = Duration::from_secs(60);
/// And after this the other sinks are told that it fails; one that refuses us is told of as soon as it is stood in for.
const FAILING_AFTER: Duration = Duration::from_secs(300);
/// How often a stand-in looks whether it is needed.
const FALLBACK_LOOKS: Duration = Duration::from_secs(5);

/// What waits for sinks that are no more goes to those that are; to be called when an engine starts, before any pass.
///
/// # Errors
/// [`StoreError`].
pub async fn start(engine: &Engine) -> Result<(), StoreError> {
    let core = &engine.core;
    if engine.scope != Scope::All {
        return Ok(());
    }
    core.store.share_alerts(core.clock.now()).await?;
    let sinks = engine.sinks();
    resolve_failing(core, |name| sinks.iter().all(|s| s.name != name)).await
}

/// Delivers one message to this sink where one is due; returns when to look again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine, sink: &Sink) -> Result<Option<Timestamp>, StoreError> {
    if engine.scope != Scope::All {
        return Ok(None);
    }
    let core = &engine.core;
    sink.record(core).await;
    let now = core.clock.now();
    // Also while it rests: who stands in for it says what it cannot.
    let again = match sink.repeat {
        Some(every) => {
            let stand_ins = stand_ins(&engine.sinks(), &sink.name);
            or_later(core.store.repeat_alerts(&sink.name, &stand_ins, now, every).await)?
        }
        None => None,
    };
    let state = core.store.sink_state(&sink.name, now.minus(bulk::WINDOW)).await?;
    // No rest is longer than this: one that is was made by a clock that was set back.
    if let Some(until) = state.not_before.filter(|at| *at > now && *at <= now.plus(RETRY_AFTER_MAX)) {
        return Ok(again.into_iter().chain([until]).min());
    }
    let due = core.store.alerts_due(&sink.name, now, BATCH).await?;
    let due: Vec<AlertTask> = due.into_iter().filter(|t| !sink.was_delivered(t)).collect();
    let (wanted, unwanted) = sort_out(engine, sink, due, now).await?;
    if !unwanted.is_empty() {
        core.store.alerts_dropped(&sink.name, unwanted).await?;
    }
    if sink.gateway.is_text() {
        let looks = wanted.later.then(|| now.plus(FALLBACK_LOOKS));
        let next = alert_texts::pass_of_sink(core, sink, &state, wanted.now).await?;
        return Ok(again.into_iter().chain(looks).chain(next).min());
    }
    let waiting: Vec<bulk::Waiting> = wanted.now.iter().map(AlertTask::waiting).collect();
    let next =
        if sink.gateway.groups_itself() { bulk::next_alone(&waiting) } else { bulk::next(&waiting, &state.sent, now) };
    match next {
        Next::Message(places) => {
            let tasks: Vec<AlertTask> = places.iter().filter_map(|p| wanted.now.get(*p)).cloned().collect();
            deliver(core, sink, &state, tasks).await?;
            Ok(Some(core.clock.now()))
        }
        Next::Wait(until) => Ok(Some(until)),
        Next::Idle if wanted.later => Ok(Some(now.plus(FALLBACK_LOOKS))),
        Next::Idle => {
            let next = core.store.next_alert(&sink.name, now).await?;
            // What it was told and the store could not record is recorded soon.
            let unrecorded = sink.has_unrecorded().then(|| now.plus(IDLE_MAX));
            Ok(next.into_iter().chain(again).chain(unrecorded).min())
        }
    }
}

/// Whether this sink could be told of something right now.
///
/// # Errors
/// [`StoreError`].
pub async fn has_work(core: &Core, sink: &Sink) -> Result<bool, StoreError> {
    let now = core.clock.now();
    let rests = core.store.sink_state(&sink.name, now).await?.not_before.is_some_and(|at| at > now);
    Ok(!rests && sink.fallback_for.is_none() && !core.store.alerts_due(&sink.name, now, 1).await?.is_empty())
}

/// Who stands in for this sink, and who for those.
fn stand_ins(sinks: &[Arc<Sink>], name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let is_for = |s: &&Arc<Sink>| {
            s.fallback_for.as_ref().is_some_and(|first| first == name || found.contains(first))
                && s.name != name
                && !found.contains(&s.name)
        };
        let Some(next) = sinks.iter().find(is_for) else { return found };
        found.push(next.name.clone());
    }
}

/// What of all that is due a sink is to be told now.
struct Wanted {
    now: Vec<AlertTask>,
    /// Whether some of it waits for the sink that this one stands in for.
    later: bool,
}

/// Parts what is due into what is wanted and what is not: the end of what the sink never knew of is nothing to it, and what the
/// sink that it stands in for has been told is not told twice.
async fn sort_out(
    engine: &Engine,
    sink: &Sink,
    due: Vec<AlertTask>,
    now: Timestamp,
) -> Result<(Wanted, Vec<AlertTask>), StoreError> {
    let core = &engine.core;
    let directory = core.directory();
    let is_text = sink.gateway.is_text();
    // Whoever has seen it is told of its end and of new words, and no more of what they have seen. A stand-in says what the sink
    // before it has said. What came to wait after it was seen is new. What was seen before its text left needs no text.
    let is_seen = |t: &AlertTask| {
        let was_told = t.may_be_known || sink.fallback_for.is_some() || is_text;
        let is_the_same = was_told && t.resolved_at.is_none() && !t.line.key.kind().says_the_newest();
        // That time goes by is no news, to whomever it is told.
        let is_news = is_text && t.line.key.kind() != AlertKind::NotSeen;
        is_the_same && t.line.acknowledged.as_ref().is_some_and(|(at, _)| !is_news || *at >= t.since)
    };
    let is_told_here = |t: &AlertTask| !is_text || is_for_some_owner(&t.line.key, &directory);
    // Whom a text told of it, the texts know.
    let is_end_wanted = |t: &AlertTask| t.may_be_known || is_text;
    let is_wanted = |t: &AlertTask| (t.resolved_at.is_none() || is_end_wanted(t)) && !is_seen(t) && is_told_here(t);
    let (wanted, mut unwanted): (Vec<_>, Vec<_>) = due.into_iter().partition(is_wanted);
    let Some(first) = sink.fallback_for.as_ref().filter(|_| !wanted.is_empty()) else {
        return Ok((Wanted { now: wanted, later: false }, unwanted));
    };
    let its = core.store.sink_state(first, now).await?;
    if its.failing_since.is_some_and(|since| now.since(since) >= FALLBACK_AFTER) {
        return Ok((Wanted { now: wanted, later: false }, unwanted));
    }
    let is_by_text = engine.sinks().iter().any(|s| &s.name == first && s.gateway.is_text());
    let waits_there = core.store.alerts_waiting(first).await?;
    let waits_there: BTreeMap<AlertKey, u32> = waits_there.into_iter().map(|w| (w.key, w.tries)).collect();
    let mut sorted = Wanted { now: Vec::new(), later: false };
    for task in wanted {
        let key = &task.line.key;
        // That texts do not go is told by no text, or not by texts alone.
        let is_ours = is_by_text && (is_about_telling(key.kind()) || !is_for_some_owner(key, &directory));
        match waits_there.get(key) {
            _ if is_ours || (task.may_be_known && task.resolved_at.is_some()) => sorted.now.push(task),
            // Each text waits by itself: others of the sink may go meanwhile.
            Some(tries) if is_by_text && *tries > 0 => sorted.now.push(task),
            Some(_) => sorted.later = true,
            None => unwanted.push(task),
        }
    }
    Ok((sorted, unwanted))
}

/// One message, and what became of it.
async fn deliver(core: &Core, sink: &Sink, state: &SinkState, mut tasks: Vec<AlertTask>) -> Result<(), StoreError> {
    let message = message_of(core, sink, &mut tasks);
    note_asked(core, sink, &tasks).await?;
    match sink.gateway.deliver(&message).await {
        Ok(taken) => delivered(core, sink, state, tasks, taken).await?,
        Err(error) => not_delivered(core, sink, state, tasks, &error, None).await?,
    }
    if state.failing_since.is_some() {
        // Whoever stands in for it is needed no more, or sooner.
        core.wake.notify(WakeSignal::Alerts);
    }
    Ok(())
}

/// What one message holds of these; the rest is left out of them and waits: what is cut away is told to nobody.
pub(super) fn message_of(core: &Core, sink: &Sink, tasks: &mut Vec<AlertTask>) -> AlertMessage {
    let whole = message(core, tasks);
    let held = sink.gateway.holds(&whole).max(1);
    if held >= tasks.len() {
        return whole;
    }
    tasks.truncate(held);
    message(core, tasks)
}

/// From here on the sink may know of these.
pub(super) async fn note_asked(core: &Core, sink: &Sink, tasks: &[AlertTask]) -> Result<(), StoreError> {
    let keys = tasks.iter().map(|t| t.line.key.clone()).collect();
    if let Err(e) = core.store.alerts_asked(&sink.name, keys).await {
        // Who is not the engine any more tells nothing: another does.
        if matches!(e, StoreError::Broken { .. } | StoreError::Closed | StoreError::Fenced) {
            return Err(e);
        }
        // Said all the same: that the store is full is no reason to keep silent.
        warn!(sink = sink.name, error = %e, "a sink is told although that cannot be noted first");
    }
    failpoint::hit("alert.claimed");
    Ok(())
}

/// The sink has these.
pub(super) async fn delivered(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    tasks: Vec<AlertTask>,
    Taken { said, receipt }: Taken,
) -> Result<(), StoreError> {
    failpoint::hit("alert.told");
    let now = core.clock.now();
    let again_at = sink.repeat.filter(|_| tasks.iter().any(wakes)).map(|every| now.plus(every));
    sink.keep_unrecorded(tasks, Delivered { at: now, again_at, said, receipt });
    sink.record(core).await;
    if state.failing_since.is_some() {
        or_later(resolve_failing(core, |name| name == sink.name).await)?;
    }
    Ok(())
}

fn wakes(task: &AlertTask) -> bool {
    task.line.key.kind().severity() == Severity::Page && task.resolved_at.is_none()
}

/// `texts_since`: since when their texts are to go, of a sink that is told by text. Such a sink is not left alone: its other messages
/// go on.
pub(super) async fn not_delivered(
    core: &Core,
    sink: &Sink,
    state: &SinkState,
    tasks: Vec<AlertTask>,
    error: &SinkError,
    texts_since: Option<Timestamp>,
) -> Result<(), StoreError> {
    let now = core.clock.now();
    let pause = |n: u32| core.ids.jittered(pause(n));
    let asked = error.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let tries = tasks.iter().map(|t| t.attempts).max().unwrap_or_default();
    let (not_before, again_at) = match texts_since {
        Some(_) => (now, now.plus(alert_texts::LOOKS_AT_FAILED)),
        None => {
            let not_before = now.plus(pause(state.failures).max(asked));
            // What a sink refuses again and again for its content goes behind the others.
            (not_before, not_before.max(now.plus(pause(tries))))
        }
    };
    let again = sink.repeat.filter(|_| texts_since.is_some() && !error.for_good && tasks.iter().any(wakes));
    warn!(sink = sink.name, alerts = tasks.len(), why = error.why, until = %again_at, "alerts were not delivered; they are tried again");
    let how = NotDelivered {
        at: now,
        why: error.why.clone(),
        again_at,
        not_before,
        surely: error.surely,
        since: texts_since.unwrap_or(now),
        repeat_at: again.map(|every| now.plus(every)),
    };
    core.store.alerts_not_delivered(&sink.name, tasks, how).await?;
    let patience = if error.for_good { FALLBACK_AFTER } else { FAILING_AFTER };
    let failing_since = state.failing_since.into_iter().chain(texts_since).min();
    if failing_since.is_some_and(|since| now.since(since) >= patience) {
        let message = format!(
            "the alert sink {} takes nothing: {}; what it is to be told waits; `dispatchctl alerts test` tries it",
            sink.name, error.why
        );
        let change = AlertChange::Raise { key: AlertKind::SinkFailing.about(&sink.name), call: None, message };
        or_later(core.apply(Event::Alert(change), Actor::engine()).await.map(drop))?;
    }
    Ok(())
}

/// A store that takes no writes holds up nothing that waits in it: what could not be written now is written later.
pub(super) fn or_later<T: Default>(outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    match outcome {
        Err(e @ (StoreError::Broken { .. } | StoreError::Closed)) => Err(e),
        Err(e) => {
            debug!(error = %e, "an alert cannot be noted yet");
            Ok(T::default())
        }
        Ok(done) => Ok(done),
    }
}

/// What is said of sinks that failed and do so no more, or are no more, is over.
async fn resolve_failing(core: &Core, is_over: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    for alert in core.store.alerts().await? {
        if alert.key.kind() == AlertKind::SinkFailing && is_over(alert.key.subject()) {
            core.apply(Event::Alert(AlertChange::Resolve { key: alert.key }), Actor::engine()).await?;
        }
    }
    Ok(())
}

/// How long a sink is left alone after so many failures in a row and one more.
pub(super) fn pause(failures: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << failures.min(8)).min(PAUSE_MAX)
}

fn message(core: &Core, tasks: &[AlertTask]) -> AlertMessage {
    AlertMessage { id: message_id(tasks), at: core.clock.now(), notices: tasks.iter().map(notice).collect() }
}

/// The same for the same alerts in the same state, whoever asks and however often.
fn message_id(tasks: &[AlertTask]) -> String {
    let mut states: Vec<String> =
        tasks.iter().map(|t| format!("{} {} {}", t.line.key, t.since.as_millis(), t.version)).collect();
    states.sort();
    let hash: String = Sha256::digest(states.join("\n")).iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("alert_{hash}")
}

fn notice(task: &AlertTask) -> AlertNotice {
    let wakes = task.line.key.kind().severity() == Severity::Page;
    AlertNotice {
        key: task.line.key.clone(),
        call: task.line.call.clone(),
        reference: task.line.reference.clone(),
        accepted_at: task.accepted_at,
        issue: task.issue.clone().filter(|_| wakes),
        message: task.line.message.clone(),
        raised_at: task.line.raised_at,
        resolved_at: task.resolved_at,
    }
}
