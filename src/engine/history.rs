//! Finds out what a store lost: it is on a server that had not copied everything, or was restored from a copy.
//!
//! What was accepted, answered or claimed last may be gone, and a text that went out would go again. So nothing is sent until the
//! provider's list of messages was read from before the newest entry on: a text with the reference of a known call joins its story,
//! and one of a call that is not here is said to a person. Then what people wrote since is read. A list that cannot be read holds
//! first notices up for as long as an unknown outcome would, and reminders for as long as it lasts. A crash in the middle begins anew:
//! the doubt is in the store, and finding the same again changes nothing.
//!
//! Phone calls and mails carry no reference that a list would show: one whose claim was lost is made again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::codes::classify;
use crate::domain::event::{Event, FoundText};
use crate::domain::roll_call::is_of_a_roll_call;
use crate::domain::types::{Actor, CallRef};
use crate::failpoint;
use crate::gateways::{GatewayError, ListFilter, MessageRecord};
use crate::store::{HistoryDoubt, StoreError};

use super::rebuild::{attempt_reference, kind_of};
use super::wake::WakeSignal;
use super::{Engine, others_go_on};

/// The longest pause of its duty: whoever begins a term looks at once.
pub const EVERY: Duration = Duration::from_secs(60);
/// How soon a list that could not be read is asked for again.
const AGAIN: Duration = Duration::from_secs(2);
/// So much before the newest entry the list is read: clocks differ, and a failover takes its time.
const BEFORE: Duration = Duration::from_secs(600);
/// The same where it is not known how far the provider's clock is from ours.
const BEFORE_UNKNOWN: Duration = Duration::from_secs(3_600);
/// The most messages that are read.
const LIST_MAX: usize = 20_000;
/// So many references are named in an alert.
const NAMED_MAX: usize = 20;

/// Whether what is sent waits for what was lost to be found out.
#[derive(Debug, Default)]
pub struct History(Mutex<Option<Doubt>>);

#[derive(Debug, Clone)]
struct Doubt {
    of: HistoryDoubt,
    /// By the boot clock.
    since: Duration,
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    /// First notices go.
    Reminders,
    Everything,
}

impl History {
    fn doubt(&self) -> Option<Doubt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, doubt: Option<Doubt>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = doubt;
    }

    /// What waits at this time of the boot clock; first notices wait for so long at most.
    pub fn holds(&self, boot: Duration, first_notices_wait: Duration) -> Holds {
        match self.doubt() {
            None => Holds::Nothing,
            Some(doubt) if boot.saturating_sub(doubt.since) < first_notices_wait => Holds::Everything,
            Some(_) => Holds::Reminders,
        }
    }
}

/// The first thing of a start: whether what is here may lack what was written last. Whoever is to look is told, and nothing is sent
/// meanwhile.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn begin(engine: &Engine) -> Result<(), StoreError> {
    let core = &engine.core;
    let Some(of) = core.store.history_doubt().await? else {
        return core.store.history_is_whole().await;
    };
    let message = format!(
        "what was written to the store after {} may be lost ({}): nothing is sent until the provider's list was read",
        of.newest, of.why
    );
    engine.history.set(Some(Doubt { of, since: core.clock.boot() }));
    let raise = AlertChange::Raise { key: AlertKind::HistoryDoubt.into(), call: None, message };
    core.apply(Event::Alert(raise), Actor::engine()).await.map(drop)
}

/// Reads the list where that is still to be done; returns when to look again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine) -> Result<Option<Timestamp>, StoreError> {
    let Some(doubt) = engine.history.doubt() else { return Ok(None) };
    let core = &engine.core;
    let listing = match engine.sms.list(&filter(engine, &doubt.of)).await {
        Ok(listing) => listing,
        Err(GatewayError::Refused { http, code, .. }) => {
            warn!(http, ?code, "the provider's list is refused: what the store lost cannot be found out");
            return Ok(Some(core.clock.now().plus(AGAIN)));
        }
        Err(e) => {
            debug!(error = %e, "the provider's list cannot be read; what the store lost is found out later");
            return Ok(Some(core.clock.now().plus(AGAIN)));
        }
    };
    let mut found = Found::default();
    // In the order in which they were made: so the ladder went.
    for message in listing.messages.iter().rev() {
        failpoint::hit("history.before-found");
        one(engine, message, &mut found).await?;
    }
    failpoint::hit("history.before-whole");
    info!(
        read = listing.messages.len(),
        complete = listing.complete,
        found = found.texts,
        strangers = found.strangers.len(),
        "what the store lost was looked for in the provider's list"
    );
    say(engine, &doubt.of, &found, listing.complete).await?;
    core.store.history_is_whole().await?;
    engine.history.set(None);
    // What was answered to these texts may be lost as well.
    engine.first_read.begin_anew(core.clock.boot());
    for signal in [WakeSignal::Listen, WakeSignal::Due, WakeSignal::Send, WakeSignal::RollCall] {
        core.wake.notify(signal);
    }
    Ok(None)
}

/// From before the newest entry on, by the provider's own clock.
fn filter(engine: &Engine, doubt: &HistoryDoubt) -> ListFilter {
    let not_before = match engine.provider_offset() {
        Some(offset) => offset.to_theirs(doubt.newest).minus(BEFORE),
        None => doubt.newest.minus(BEFORE_UNKNOWN),
    };
    ListFilter { to: None, from: None, not_before: Some(not_before), limit: LIST_MAX }
}

/// What the list had and the store lacked.
#[derive(Debug, Default)]
struct Found {
    texts: usize,
    /// Of their calls, by their references.
    calls: BTreeSet<CallRef>,
    /// References of calls that are not here.
    strangers: BTreeSet<CallRef>,
}

async fn one(engine: &Engine, m: &MessageRecord, found: &mut Found) -> Result<(), StoreError> {
    let core = &engine.core;
    let Some((reference, number)) = attempt_reference(&m.body.0).filter(|_| m.direction == "outbound-api") else {
        return Ok(());
    };
    // Whoever is asked again whether they are on call is none the worse for it.
    if is_of_a_roll_call(&m.body.0) || others_go_on(core.store.call_by_sid(&m.sid).await)?.is_some() {
        return Ok(());
    }
    let Some(call) = core.store.call_by_reference(&reference).await? else {
        found.strangers.insert(reference);
        return Ok(());
    };
    let Ok(to) = m.to.parse() else {
        warn!(message.sid = %m.sid, "a text in the provider's list went to what is no phone number");
        return Ok(());
    };
    let now = core.clock.now();
    let ours = m.created_at.map(|at| engine.provider_offset().map_or(at, |offset| offset.to_ours(at)));
    let text = FoundText {
        call,
        number,
        kind: kind_of(&m.body.0),
        to,
        sender: m.service.as_deref().or(m.from.as_deref()).and_then(|s| s.parse().ok()),
        body: m.body.0.clone(),
        sid: m.sid.clone(),
        status: m.status.clone(),
        code: m.error_code,
        error_class: classify(m.error_code),
        provider_at: m.created_at,
        at: ours.unwrap_or(now).min(now),
    };
    debug!(message.sid = %m.sid, "a text that the store lacked was found in the provider's list");
    others_go_on(core.apply(Event::Found(Box::new(text)), Actor::provider()).await.map(drop))?;
    found.texts += 1;
    found.calls.insert(reference);
    Ok(())
}

/// What is to be said to a person: that is over, or that something is gone.
async fn say(engine: &Engine, doubt: &HistoryDoubt, found: &Found, complete: bool) -> Result<(), StoreError> {
    let core = &engine.core;
    let resolve = AlertChange::Resolve { key: AlertKind::HistoryDoubt.into() };
    if found.texts > 0 || !found.strangers.is_empty() || !complete {
        let mut message = format!("the store lost what was written after {} ({})", doubt.newest, doubt.why);
        if found.texts > 0 {
            message.push_str(&format!(
                "; {} of calls {} were found with the provider and are in their stories again",
                texts(found.texts),
                named(&found.calls)
            ));
        }
        if !found.strangers.is_empty() {
            message.push_str(&format!(
                "; texts went out of calls that are not here any more: {}: see `dispatchctl recover --from-airtable`, or dispatch them again",
                named(&found.strangers)
            ));
        }
        if !complete {
            message.push_str("; the provider's list could not be read whole");
        }
        message.push_str("; what nobody was told of yet cannot be found out: compare with who handed calls over");
        let key: AlertKey = AlertKind::HistoryLost.about(doubt.newest.as_millis());
        core.apply(Event::Alert(AlertChange::Raise { key, call: None, message }), Actor::engine()).await?;
    }
    core.apply(Event::Alert(resolve), Actor::engine()).await.map(drop)
}

fn texts(n: usize) -> String {
    if n == 1 { "1 text".into() } else { format!("{n} texts") }
}

fn named(references: &BTreeSet<CallRef>) -> String {
    let first: Vec<&str> = references.iter().take(NAMED_MAX).map(CallRef::as_str).collect();
    match references.len().saturating_sub(NAMED_MAX) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
