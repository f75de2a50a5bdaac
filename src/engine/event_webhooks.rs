//! Tells receivers of event webhooks what happens to calls: in the log's order, each receiver by itself and at its own pace.
//!
//! What is told is read from the log, so a change writes nothing more for it. How far a receiver was told is kept in the store
//! after each event: a crash between telling and keeping tells once more, under the same id. A receiver that is away is tried
//! again with growing pauses, for ever, and alerts after a minute; an event that it has refused for what it is for an hour is left
//! out with an alert, so that the others go on. A receiver that refuses everything loses one event an hour at most.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::attempt::{AttemptKind, Channel};
use crate::domain::call::CallState;
use crate::domain::count::counted;
use crate::domain::event::Event;
use crate::domain::outgoing::OutgoingKind;
use crate::domain::types::Actor;
use crate::gateways::{EventPost, EventReceiver, EventRefusal};
use crate::store::{LogFilter, LogLine, Pruned, StoreError};

use super::apply::Core;
use super::{Engine, json, outbox};

/// Entries of the log that are looked at together.
const BATCH: usize = 200;
/// Events of one pass: then its beat is seen, and other settings can take its place.
const POSTS: usize = 20;
/// How long a receiver must have refused one event for what it is before that is left out.
const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// How long it is said that an event was left out.
const SAID_FOR: Duration = Duration::from_secs(86_400);
/// A receiver that has been away for so long alerts.
const AWAY_ALERTS: Duration = Duration::from_secs(60);
/// The longest that a receiver is believed when it asks to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// One receiver.
pub struct EventTarget {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it wants this kind.
    pub wants: Box<dyn Fn(OutgoingKind) -> bool + Send + Sync>,
    pub receiver: Arc<dyn EventReceiver>,
    tries: Mutex<Tries>,
}

/// What a receiver has not taken lately. Lost with the process: it is asked at once then.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    /// In a row.
    failures: u32,
    since: Option<Timestamp>,
    /// Since when this event is refused for what it is.
    refused: Option<(i64, Timestamp)>,
    not_before: Option<Timestamp>,
    /// Whether this process has looked for alerts that are over.
    looked: bool,
}

impl EventTarget {
    /// Told of nothing yet.
    pub fn new(
        name: impl Into<String>,
        wants: Box<dyn Fn(OutgoingKind) -> bool + Send + Sync>,
        receiver: Arc<dyn EventReceiver>,
    ) -> Self {
        Self { name: name.into(), wants, receiver, tries: Mutex::default() }
    }

    fn tries(&self) -> std::sync::MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells this receiver of everything that it was not told of; returns when to look again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine, target: &EventTarget) -> Result<Option<Timestamp>, StoreError> {
    let core = &engine.core;
    if let Some(until) = target.tries().not_before.filter(|at| *at > core.clock.now()) {
        return Ok(Some(until));
    }
    let Some(mut told) = core.store.event_cursor(&target.name).await? else { return Ok(None) };
    let mut posts = 0;
    loop {
        let filter = LogFilter { after: told, limit: BATCH, ..LogFilter::default() };
        let lines = core.store.log(&filter).await?;
        let Some(last) = lines.last().map(|l| l.seq) else { return Ok(None) };
        for line in &lines {
            let Some(post) = post(core, target, line).await? else { continue };
            if let Err(refusal) = target.receiver.deliver(&post).await {
                if let Some(until) = not_taken(core, target, line, &refusal).await? {
                    return Ok(Some(until));
                }
            } else {
                taken(core, target).await?;
            }
            core.store.move_event_cursor(&target.name, line.seq).await?;
            posts += 1;
            if posts >= POSTS {
                return Ok(Some(core.clock.now()));
            }
        }
        told = last;
        // What nobody wants need not be looked at again; also not after a restart.
        core.store.move_event_cursor(&target.name, told).await?;
    }
}

/// The event of an entry; `None`: this receiver wants nothing of it.
async fn post(core: &Core, target: &EventTarget, line: &LogLine) -> Result<Option<EventPost>, StoreError> {
    let Some(kind) = OutgoingKind::of(&line.entry).filter(|kind| (target.wants)(*kind)) else { return Ok(None) };
    let Some(call) = &line.entry.call else { return Ok(None) };
    let state = match core.store.call(call).await {
        Ok(Some(state)) => state,
        Ok(None) => return Ok(None),
        // Its own alert names it. What happened to it is told by the log alone, and holds up no other.
        Err(StoreError::Corrupt { .. }) => return Ok(Some(bare(core, kind, line))),
        Err(e) => return Err(e),
    };
    let attempt = line.entry.attempt.as_ref().and_then(|id| state.attempts.iter().find(|a| &a.id == id));
    if kind.is_of_a_text() && attempt.is_none_or(|a| a.kind != AttemptKind::Notice) {
        return Ok(None);
    }
    // A mail that the relay took, and a phone call that was placed, were tried: nobody knows whether anybody heard.
    if kind == OutgoingKind::Told && attempt.is_some_and(|a| a.channel != Channel::Sms) {
        return Ok(None);
    }
    let attempt = attempt.map(|a| json::attempt(&state.call, a));
    Ok(Some(made(core, kind, line, of_call(core, &state), attempt.unwrap_or_default())))
}

/// The event of a call that cannot be read.
fn bare(core: &Core, kind: OutgoingKind, line: &LogLine) -> EventPost {
    made(core, kind, line, json!({ "callId": line.entry.call }), Value::Null)
}

fn made(core: &Core, kind: OutgoingKind, line: &LogLine, call: Value, attempt: Value) -> EventPost {
    let entry = &line.entry;
    let body = json!({
        "type": format!("call.{kind}"),
        "timestamp": entry.at,
        "data": { "seq": line.seq, "what": entry.message, "actor": entry.actor, "note": entry.data.get("note"), "call": call, "attempt": attempt },
    });
    // A log that a lost disk took with it begins anew: a place in it alone would be said twice.
    let id = format!("evt_{}_{}", line.seq, entry.at.as_millis());
    EventPost { id, at: core.clock.now(), body: body.to_string() }
}

/// The call as it is when this is told.
fn of_call(core: &Core, state: &CallState) -> Value {
    let (call, directory) = (&state.call, core.directory());
    let (line, _) = directory.line(call.data.twilio_to_number.as_deref());
    let holder = call.holder.as_ref().and_then(|id| directory.contact(id));
    json!({
        "callId": call.id,
        "reference": call.reference,
        "status": call.status,
        "level": call.level,
        "business": line.name,
        "callData": call.data,
        "acceptedAt": call.accepted_at,
        "closedAt": call.closed_at,
        "holder": call.holder,
        "holderName": holder.map(|c| &c.name),
        "nextFollowUpAt": json::next_follow_up(call),
    })
}

async fn taken(core: &Core, target: &EventTarget) -> Result<(), StoreError> {
    let before = std::mem::replace(&mut *target.tries(), Tries { looked: true, ..Tries::default() });
    // Also where another process raised it.
    if before.failures > 0 || !before.looked {
        resolve(core, |key| *key == AlertKind::EventsUntold.about(&target.name)).await?;
    }
    Ok(())
}

/// Alerts about receivers that are not named any more, and what was left out a day ago: over.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_alerts_of_others(core: &Core, names: &[String]) -> Result<(), StoreError> {
    let kept: Vec<AlertKey> = names.iter().map(|name| AlertKind::EventsUntold.about(name)).collect();
    let untold = |key: &AlertKey| key.kind() == AlertKind::EventsUntold && !kept.contains(key);
    resolve(core, untold).await
}

/// It was not taken: when it is tried again; `None`: it is left out.
async fn not_taken(
    core: &Core,
    target: &EventTarget,
    line: &LogLine,
    refusal: &EventRefusal,
) -> Result<Option<Timestamp>, StoreError> {
    let now = core.clock.now();
    let tries = {
        let mut tries = target.tries();
        let since = *tries.since.get_or_insert(now);
        let asked = refusal.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        let pause = core.ids.jittered(outbox::pause(tries.failures)).max(asked);
        let known = tries.refused.filter(|(seq, _)| *seq == line.seq);
        tries.refused = refusal.of_this_event.then(|| known.unwrap_or((line.seq, now)));
        (tries.since, tries.failures) = (Some(since), tries.failures.saturating_add(1));
        tries.not_before = Some(now.plus(pause));
        *tries
    };
    let call = line.entry.call.as_ref().map(ToString::to_string).unwrap_or_default();
    if tries.refused.is_some_and(|(_, since)| now.since(since) >= REFUSED_FOR) {
        *target.tries() = Tries { refused: None, not_before: None, ..tries };
        let message = format!(
            "event {} of call {call} is not told to {}: {}, for an hour; it is left out, the others go on",
            line.seq, target.name, refusal.why
        );
        raise(core, AlertKind::EventRefused.about(format!("{}:{}", target.name, line.seq)), message).await?;
        let old = now.minus(SAID_FOR);
        let over = core.store.alerts().await?.into_iter().filter(|a| a.raised_at < old).map(|a| a.key);
        let over: Vec<AlertKey> = over.filter(|key| key.kind() == AlertKind::EventRefused).collect();
        resolve(core, |key| over.contains(key)).await?;
        return Ok(None);
    }
    warn!(receiver = target.name, why = refusal.why, until = ?tries.not_before, "an event was not taken; it is told again");
    if tries.since.is_some_and(|since| now.since(since) >= AWAY_ALERTS) {
        let message = format!(
            "events are not told to {}: {}; they wait, in order, and go on by themselves once it takes them",
            target.name, refusal.why
        );
        raise(core, AlertKind::EventsUntold.about(&target.name), message).await?;
    }
    Ok(tries.not_before)
}

impl Core {
    /// Says aloud that calls were pruned of which a receiver was not told everything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn say_untold(&self, pruned: Pruned) -> Result<(), StoreError> {
        let n = pruned.untold;
        if n == 0 {
            return Ok(());
        }
        warn!(
            calls = n,
            "calls lost what they said of people before every receiver of event webhooks was told of them"
        );
        let message = format!(
            "{} lost what was said of people before every receiver of [[events]] was told: a receiver has been away for longer than [store] retention and 7 days more; it is told of them without their words; look at it, or take it out of the configuration",
            counted(n, "call")
        );
        raise(self, AlertKind::EventsPruned.into(), message).await
    }
}

async fn raise(core: &Core, key: AlertKey, message: String) -> Result<(), StoreError> {
    if core.store.alerts().await?.iter().any(|a| a.key == key) {
        return Ok(());
    }
    let change = AlertChange::Raise { key, call: None, message };
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}

async fn resolve(core: &Core, is_over: impl Fn(&AlertKey) -> bool) -> Result<(), StoreError> {
    for alert in core.store.alerts().await?.into_iter().filter(|a| is_over(&a.key)) {
        core.apply(Event::Alert(AlertChange::Resolve { key: alert.key }), Actor::engine()).await?;
    }
    Ok(())
}
