//! Finds out what a store lost: it is on a server that had not copied everything, or was restored from a copy.
//!
//! What was accepted, answered or claimed last may be gone, and a text that went out would go again. So nothing of the calls from before
//! goes on until the provider's list of messages was read from before the newest entry on: a text with the reference of a known call
//! joins its story, what people wrote is heard, and a text of a call that is not here is said to a person. The list counts once it was
//! read so long after the doubt began that it has what was on the wire then. Calls that come meanwhile have lost nothing and go at once.
//! A list that cannot be read holds first notices up for as long as an unknown outcome would, reminders for as long as it lasts or
//! until a person acknowledges the alert about it. A crash in the middle begins anew: the doubt is in the store, and finding the same
//! again changes nothing.
//!
//! Phone calls and mails carry no reference that a list would show: one whose claim was lost is made again.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::change::Answer;
use crate::domain::codes::classify;
use crate::domain::event::{Event, FoundText};
use crate::domain::roll_call::is_of_a_roll_call;
use crate::domain::types::{Actor, CallRef, MessageSid};
use crate::failpoint;
use crate::gateways::{GatewayError, ListFilter, MessageRecord};
use crate::store::{HistoryDoubt, StoreError};

use super::doubt::{Doubt, Found};
use super::listener;
use super::rebuild::{is_repeat, kind_of, opens_with_reference};
use super::wake::WakeSignal;
use super::{Engine, others_go_on};

/// How often it is looked whether there is a doubt, by whomever it was noted.
pub const EVERY: Duration = Duration::from_secs(30);
/// How soon a list that could not be read is asked for again.
const AGAIN: Duration = Duration::from_secs(2);
/// A list that was read so long after a text left has it, as in the search for unknown outcomes.
const COUNTS_AFTER: Duration = Duration::from_secs(30);
/// A list that cannot be read for this long is told of.
const UNREAD_MAX: Duration = Duration::from_secs(10);
/// So much before the newest entry the list is read: clocks differ, and a failover takes its time.
const BEFORE: Duration = Duration::from_secs(600);
/// The same where it is not known how far the provider's clock is from ours.
const BEFORE_UNKNOWN: Duration = Duration::from_secs(3_600);
/// The most messages that are read.
const LIST_MAX: usize = 20_000;
/// So many references are named in an alert.
const NAMED_MAX: usize = 20;
/// A reference rests for 30 days: what is older is another call's, with a day to spare.
const REFERENCE_RESTS: Duration = Duration::from_secs(31 * 24 * 3_600);

/// The first thing of a start: whether what is here may lack what was written last.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn begin(engine: &Engine) -> Result<(), StoreError> {
    let core = &engine.core;
    match core.store.history_doubt().await? {
        // The server that it is on is kept, so that another one is known.
        None => core.store.history_is_whole().await,
        Some(of) => {
            doubted(engine, of);
            Ok(())
        }
    }
}

fn doubted(engine: &Engine, of: HistoryDoubt) {
    let clock = &engine.core.clock;
    warn!(
        newest = %of.newest,
        "what was written to the store last may be lost ({}): calls from before wait until the provider's list was read",
        of.why
    );
    let doubt = Doubt { of, at: clock.now(), since: clock.boot(), unread_since: None, found: Found::default() };
    engine.history.with(|held| *held = Some(doubt));
}

/// Reads the list where that is still to be done; returns when to look again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(engine: &Engine) -> Result<Option<Timestamp>, StoreError> {
    let core = &engine.core;
    // Another process may have noted it, or be done with it.
    match (core.store.history_doubt().await?, engine.history.doubt()) {
        (None, None) => return Ok(None),
        (None, Some(_)) => {
            over(engine).await?;
            return Ok(None);
        }
        (Some(of), None) => doubted(engine, of),
        (Some(of), Some(held)) if of != held.of => doubted(engine, of),
        (Some(_), Some(_)) => {}
    }
    let Some(doubt) = engine.history.doubt() else { return Ok(None) };
    let began = core.clock.boot();
    let listing = match engine.sms.list(&filter(engine, &doubt.of)).await {
        Ok(listing) => listing,
        Err(e) => return not_read(engine, &doubt, &e).await,
    };
    engine.history.with(|held| held.iter_mut().for_each(|doubt| doubt.unread_since = None));
    let mut found = doubt.found.clone();
    let words: Vec<MessageSid> =
        listing.messages.iter().filter(|m| m.direction == "inbound").map(|m| m.sid.clone()).collect();
    let heard = if words.is_empty() { Vec::new() } else { core.store.known_messages(&words).await? };
    // In the order in which they were made: so the ladder went.
    for message in listing.messages.iter().rev() {
        failpoint::hit("history.before-found");
        match message.direction.as_str() {
            "outbound-api" => one(engine, message, &mut found).await?,
            "inbound" if !heard.contains(&message.sid) => listener::ingest(engine, message).await?,
            _ => {}
        }
    }
    engine.history.with(|held| held.iter_mut().for_each(|doubt| doubt.found = found.clone()));
    let counts_at = doubt.since + COUNTS_AFTER.min(core.rules().settle);
    if began < counts_at {
        return Ok(Some(core.clock.now().plus(counts_at.saturating_sub(began))));
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
    over(engine).await?;
    Ok(None)
}

/// Whatever waited goes on.
async fn over(engine: &Engine) -> Result<(), StoreError> {
    let core = &engine.core;
    engine.history.with(|held| *held = None);
    let raised = core.store.alerts().await?.into_iter().any(|a| a.key.kind() == AlertKind::HistoryDoubt);
    if raised {
        let resolve = AlertChange::Resolve { key: AlertKind::HistoryDoubt.into() };
        core.apply(Event::Alert(resolve), Actor::engine()).await?;
    }
    for signal in [WakeSignal::Listen, WakeSignal::Due, WakeSignal::Send, WakeSignal::RollCall] {
        core.wake.notify(signal);
    }
    Ok(())
}

/// The list cannot be read: a person is told before long, and may say that it goes on without.
async fn not_read(engine: &Engine, doubt: &Doubt, e: &GatewayError) -> Result<Option<Timestamp>, StoreError> {
    let core = &engine.core;
    let (now, boot) = (core.clock.now(), core.clock.boot());
    match e {
        GatewayError::Refused { http, code, .. } => {
            warn!(http, ?code, "the provider's list is refused: what the store lost cannot be found out");
        }
        e => debug!(error = %e, "the provider's list cannot be read; what the store lost is found out later"),
    }
    let since = *doubt.unread_since.as_ref().unwrap_or(&boot);
    engine.history.with(|held| held.iter_mut().for_each(|doubt| doubt.unread_since = Some(since)));
    if boot.saturating_sub(since) < UNREAD_MAX {
        return Ok(Some(now.plus(AGAIN)));
    }
    let alert = core.store.alerts().await?.into_iter().find(|a| a.key.kind() == AlertKind::HistoryDoubt);
    match alert {
        Some(alert) if alert.acknowledged.is_some() => {
            warn!("a person has acknowledged that the store may lack what was written last: calls go on");
            core.store.history_is_whole().await?;
            over(engine).await?;
            return Ok(None);
        }
        Some(_) => {}
        None => {
            let message = format!(
                "what was written to the store after {} may be lost ({}), and the provider's list cannot be read: calls from before \
                 wait; after {} s their first notices go, and reminders once the list can be read or this alert is acknowledged \
                 (`dispatchctl alerts ack`)",
                doubt.of.newest,
                doubt.of.why,
                core.rules().settle.as_secs()
            );
            let raise = AlertChange::Raise { key: AlertKind::HistoryDoubt.into(), call: None, message };
            core.apply(Event::Alert(raise), Actor::engine()).await?;
        }
    }
    Ok(Some(now.plus(AGAIN)))
}

/// From before the newest entry on, by the provider's own clock.
fn filter(engine: &Engine, doubt: &HistoryDoubt) -> ListFilter {
    let not_before = match engine.provider_offset() {
        Some(offset) => offset.to_theirs(doubt.newest).minus(BEFORE),
        None => doubt.newest.minus(BEFORE_UNKNOWN),
    };
    ListFilter { to: None, from: None, not_before: Some(not_before), limit: LIST_MAX }
}

async fn one(engine: &Engine, m: &MessageRecord, found: &mut Found) -> Result<(), StoreError> {
    let core = &engine.core;
    let Some((reference, number)) = opens_with_reference(&m.body.0).filter(|_| is_ours(engine, m)) else {
        return Ok(());
    };
    // Whoever is asked again whether they are on call is none the worse for it.
    if is_of_a_roll_call(&m.body.0) || others_go_on(core.store.call_by_sid(&m.sid).await)?.is_some() {
        return Ok(());
    }
    let now = core.clock.now();
    let ours = m.created_at.map(|at| engine.provider_offset().map_or(at, |offset| offset.to_ours(at)));
    let at = ours.unwrap_or(now).min(now);
    let known = match core.store.call_by_reference(&reference).await? {
        Some(id) => others_go_on(core.store.call(&id).await)?,
        None => None,
    };
    let Some(state) = known.filter(|s| at.since(s.call.accepted_at) < REFERENCE_RESTS) else {
        found.strangers.insert(reference);
        return Ok(());
    };
    let Ok(to) = m.to.parse() else {
        warn!(message.sid = %m.sid, "a text in the provider's list went to what is no phone number");
        return Ok(());
    };
    let was_claimed = state.attempts.iter().any(|a| a.number == number && a.sent_at.is_some());
    let text = FoundText {
        call: state.call.id.clone(),
        number,
        kind: kind_of(&m.body.0),
        is_repeat: is_repeat(&m.body.0),
        to,
        sender: m.service.as_deref().or(m.from.as_deref()).and_then(|s| s.parse().ok()),
        body: m.body.0.clone(),
        sid: m.sid.clone(),
        status: m.status.clone(),
        code: m.error_code,
        error_class: classify(m.error_code),
        provider_at: m.created_at,
        at,
    };
    debug!(message.sid = %m.sid, "a text that the store lacked was found in the provider's list");
    let answer = others_go_on(core.apply(Event::Found(Box::new(text)), Actor::provider()).await.map(Some))?;
    // One that was claimed is an unknown outcome, which is found out: nothing of it was lost.
    if !was_claimed && !matches!(answer, None | Some(Answer::Already(_))) {
        found.texts += 1;
        found.calls.insert(reference);
    }
    Ok(())
}

/// Whether it went out by a sender that the settings in force name: others may use the account too.
fn is_ours(engine: &Engine, m: &MessageRecord) -> bool {
    let directory = engine.core.directory();
    let of_lines = directory.lines.iter().filter_map(|l| l.from.as_ref());
    let mut senders = of_lines.chain(&directory.from).chain(&directory.default_line.from).chain(&directory.fallback);
    senders.any(|s| m.service.as_deref() == Some(s.as_str()) || m.from.as_deref() == Some(s.as_str()))
}

/// What is to be said to a person: that is over, or that something is gone.
async fn say(engine: &Engine, doubt: &HistoryDoubt, found: &Found, complete: bool) -> Result<(), StoreError> {
    let core = &engine.core;
    let has_lost = found.texts > 0 || !found.strangers.is_empty();
    if has_lost || !complete {
        let lost = if has_lost { "lost" } else { "may have lost" };
        let mut message = format!("the store {lost} what was written after {} ({})", doubt.newest, doubt.why);
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
    Ok(())
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
