//! The claim of a text of a roll call, its one POST, and what became of it: the rules of an attempt, for what belongs to no call.

use std::time::Duration;

use super::{LOOKED_FOR, entry, trouble, wording};
use crate::domain::attempt::{AttemptEvent, AttemptKind, AttemptState, Channel, Move, Priority};
use crate::domain::body;
use crate::domain::breaker::{self, Evidence, Route, RouteQuery};
use crate::domain::change::{Answer, Change, RollCallToSend};
use crate::domain::codes::{self, Class, ErrorClass};
use crate::domain::event::{Loaded, SendOutcome, StatusUpdate};
use crate::domain::log::LogKind;
use crate::domain::oncall::roll_call::{RollCall, RollCallState, RollCallText, RollCallTextKind};
use crate::domain::receipt::MessageStatus;
use crate::domain::trip::{self, SenderFailure};
use crate::domain::types::{Actor, AttemptId, ErrorCode, MessageSid, Timestamp};
use crate::domain::work::{Ctx, Illegal};

/// The first search for an unknown outcome is so long after the POST, and each pause doubles.
const SEARCH_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Where no sender is configured it is looked at again so soon.
const NO_SENDER_PAUSE: Duration = Duration::from_secs(30);

/// The roll call of this text.
fn of_text(loaded: &Loaded, id: AttemptId) -> Option<RollCall> {
    loaded.roll_calls.iter().find(|r| r.text(id).is_some()).cloned()
}

fn text_mut(of: &mut RollCall, id: AttemptId) -> Result<&mut RollCallText, Illegal> {
    of.texts.iter_mut().find(|t| t.id == id).ok_or(Illegal::Missing("a text of a roll call"))
}

fn changed(of: RollCall, mut change: Change) -> Change {
    change.roll_calls.push(of);
    change
}

fn not_sent(why: &str) -> Change {
    Change { answer: Answer::NotSent(why.to_owned()), ..Change::default() }
}

/// Checks that the text is still wanted, claims it and writes the intent.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn claim(
    loaded: &Loaded,
    id: AttemptId,
    engine: &str,
    provider_after: Option<Timestamp>,
    ctx: &Ctx<'_>,
) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(not_sent("there is no such text")) };
    let (waits, kind, phone, contact) = {
        let t = text_mut(&mut of, id)?;
        (t.state.is_waiting() && t.not_before <= ctx.now, t.kind, t.phone.clone(), t.name.clone())
    };
    if !waits {
        return Ok(not_sent("it does not wait now"));
    }
    let is_wanted = match kind {
        RollCallTextKind::Ask => of.state == RollCallState::Asked,
        RollCallTextKind::Alert => of.state.is_trouble(),
    };
    if !is_wanted || of.until <= ctx.now {
        let t = text_mut(&mut of, id)?;
        t.state = AttemptState::Skipped;
        "it is not wanted any more".clone_into(&mut t.result);
        return Ok(changed(of, not_sent("it is not wanted any more")));
    }
    let senders = breaker::senders(ctx.directory, of.line.as_deref(), None, Channel::Sms);
    let first = senders.first().map(|s| s.as_str().to_owned());
    let takes_none = |(p, s): &(String, String)| *p == phone.e164() && (s.is_empty() || Some(s) == first.as_ref());
    if loaded.opted_out.iter().any(takes_none) {
        let mut change = not_sent("they take no texts");
        let t = text_mut(&mut of, id)?;
        t.state = AttemptState::Skipped;
        "opted out of texts".clone_into(&mut t.result);
        if kind == RollCallTextKind::Ask {
            let why = format!("{contact} opted out of texts");
            trouble(&mut of, ctx, RollCallState::Failed, &why, &Actor::engine(), &mut change);
        }
        return Ok(changed(of, change));
    }
    // What is no notice probes nothing: an open breaker holds it.
    let query = RouteQuery { kind: AttemptKind::Answer, priority: Priority::StandDown, channel: Channel::Sms };
    let hold = match breaker::route(&loaded.breakers, &senders, query, ctx.now) {
        Some(Route::Send { sender, .. }) => Ok(sender),
        Some(Route::Hold { until }) => Err((until.max(ctx.now.plus(Duration::from_secs(1))), "no sender works")),
        None => Err((ctx.now.plus(NO_SENDER_PAUSE), "no sender is configured")),
    };
    let sender = match hold {
        Ok(sender) => sender,
        Err((until, why)) => {
            text_mut(&mut of, id)?.not_before = until;
            return Ok(changed(of, not_sent(why)));
        }
    };
    let text = of.text(id).cloned().ok_or(Illegal::Missing("a text of a roll call"))?;
    let body = wording::text(&of, &text, ctx);
    let t = text_mut(&mut of, id)?;
    moved(t, AttemptEvent::SendStarted)?;
    (t.segments, t.body) = (body::segments(&body), body);
    t.claimed_by = Some(engine.to_owned());
    (t.sent_at, t.provider_after, t.provider_at) = (Some(ctx.now), provider_after, None);
    t.sender = Some(sender.clone());
    let to_send = RollCallToSend { text: t.clone(), sender };
    Ok(changed(of, Change { answer: Answer::SendRollCall(Box::new(to_send)), ..Change::default() }))
}

/// Applies an event of an attempt; whether it moved.
fn moved(t: &mut RollCallText, event: AttemptEvent) -> Result<bool, Illegal> {
    match t.state.on(event)? {
        Move::To(to) => {
            t.state = to;
            if to != AttemptState::Sending {
                t.claimed_by = None;
            }
            if to.is_final() {
                t.poll_at = None;
            }
            Ok(true)
        }
        Move::Stale | Move::Conflict => Ok(false),
    }
}

/// What became of its POST.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn sent(loaded: &Loaded, id: AttemptId, outcome: &SendOutcome, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let mut change = Change::default();
    match outcome {
        SendOutcome::Accepted { sid, status, code, provider_at, .. } => {
            let was = of.clone();
            apply(loaded, &mut of, id, (sid, status, *code, *provider_at), ctx, &mut change)?;
            if of != was && of.text(id).is_some_and(|t| t.state != AttemptState::Failed) {
                said(&of, id, ctx, &mut change);
            }
        }
        SendOutcome::Refused { code, why, error_class } => {
            let t = text_mut(&mut of, id)?;
            (t.error_code, t.result) = (*code, why.clone());
            if moved(t, AttemptEvent::Refused)? {
                trips(loaded, &of, id, (*error_class, Evidence::Answer), ctx, &mut change);
                failed(&mut of, id, ctx, &mut change);
            }
        }
        SendOutcome::BadCallback | SendOutcome::BadUrl => {
            let t = text_mut(&mut of, id)?;
            t.callback = false;
            (t.tries, t.not_before) = (t.tries.saturating_add(1), ctx.now);
            moved(t, AttemptEvent::SurelyNotSent)?;
        }
        SendOutcome::NotSent { why, again_at } => {
            let t = text_mut(&mut of, id)?;
            (t.tries, t.not_before, t.result) = (t.tries.saturating_add(1), *again_at, why.clone());
            moved(t, AttemptEvent::SurelyNotSent)?;
        }
        SendOutcome::Relayed { .. } => {}
        SendOutcome::Unknown { why } => uncertain(&mut of, id, why, ctx, &mut change)?,
    }
    Ok(changed(of, change))
}

/// The engine that had claimed it is gone: sent or not, nobody knows.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn engine_gone(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    if text_mut(&mut of, id)?.state != AttemptState::Sending {
        return Ok(Change::default());
    }
    let mut change = Change::default();
    uncertain(&mut of, id, "the engine ended while it was sent", ctx, &mut change)?;
    Ok(changed(of, change))
}

fn uncertain(of: &mut RollCall, id: AttemptId, why: &str, ctx: &Ctx<'_>, change: &mut Change) -> Result<(), Illegal> {
    let t = text_mut(of, id)?;
    if !moved(t, AttemptEvent::OutcomeUnknown)? {
        return Ok(());
    }
    why.clone_into(&mut t.result);
    (t.poll_at, t.polls) = (Some(ctx.now.plus(SEARCH_FIRST)), 0);
    let number = t.number;
    let message = format!("it is not known whether text {number} of the roll call of {} was sent: {why}", of.name);
    change.log.push(entry(of, LogKind::RollCall, &Actor::engine(), ctx.now, message));
    Ok(())
}

/// The provider was asked about it, or its list was searched for it, in vain: when that is done again.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn asked_in_vain(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let first = ctx.rules.poll_after.min(PAUSE_MAX);
    let t = text_mut(&mut of, id)?;
    if t.poll_at.is_none() {
        return Ok(Change::default());
    }
    t.polls = t.polls.saturating_add(1);
    let base = if t.state == AttemptState::Unknown { SEARCH_FIRST } else { first };
    let pause = base.saturating_mul(1_u32 << t.polls.min(11)).min(PAUSE_MAX);
    let is_over = t.sent_at.is_none_or(|sent| ctx.now.since(sent) > LOOKED_FOR);
    t.poll_at = (!is_over && !t.state.is_final()).then(|| ctx.now.plus(pause));
    Ok(changed(of, Change::default()))
}

/// The provider reported on a message of a roll call. `None`: it is of none.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn update(loaded: &Loaded, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Option<Change>, Illegal> {
    let texts = || loaded.roll_calls.iter().flat_map(|r| &r.texts);
    let named = update.attempt.and_then(|id| texts().find(|t| t.id == id));
    let found = named.or_else(|| texts().find(|t| t.sid.as_ref() == Some(&update.sid))).map(|t| t.id);
    let Some(id) = found else { return Ok(None) };
    let Some(mut of) = of_text(loaded, id) else { return Ok(None) };
    let mut change = Change::default();
    let was = of.clone();
    apply(loaded, &mut of, id, (&update.sid, &update.status, update.code, update.provider_at), ctx, &mut change)?;
    let is_moved = of != was;
    let was_unknown = was.text(id).is_some_and(|t| t.sid.is_none());
    if was_unknown && is_moved && of.text(id).is_some_and(|t| t.state != AttemptState::Failed) {
        said(&of, id, ctx, &mut change);
    }
    if is_moved {
        change.roll_calls.push(of);
    }
    Ok(Some(change))
}

/// One entry once a text is known to be with the provider.
fn said(of: &RollCall, id: AttemptId, ctx: &Ctx<'_>, change: &mut Change) {
    let Some(t) = of.text(id) else { return };
    let what = match t.kind {
        RollCallTextKind::Ask => format!("{} is asked by text whether they are on call for {}", t.name, of.rotation),
        RollCallTextKind::Alert => format!("{} is told that {} has not confirmed {}", t.name, of.name, of.rotation),
    };
    change.log.push(entry(of, LogKind::RollCall, &Actor::provider(), ctx.now, what));
}

type Said<'a> = (&'a MessageSid, &'a MessageStatus, Option<ErrorCode>, Option<Timestamp>);

/// One rule for answers, receipts, polls and finds: nothing moves a status back, and a second message of one text moves nothing.
fn apply(
    loaded: &Loaded,
    of: &mut RollCall,
    id: AttemptId,
    news: Said<'_>,
    ctx: &Ctx<'_>,
    change: &mut Change,
) -> Result<(), Illegal> {
    let (sid, status, code, provider_at) = news;
    let poll_at = ctx.now.plus(ctx.rules.poll_after);
    let t = text_mut(of, id)?;
    if t.sid.as_ref().is_some_and(|known| known != sid) {
        return Ok(());
    }
    if t.sid.is_none() {
        t.sid = Some(sid.clone());
        (t.poll_at, t.polls) = (Some(poll_at), 0);
    }
    t.provider_at = t.provider_at.or(provider_at);
    let old = t.message_status.as_ref().and_then(MessageStatus::rank);
    if status.rank().is_some_and(|new| old.is_none_or(|old| new > old)) {
        t.message_status = Some(status.clone());
    }
    let event = status.verdict().map_or(AttemptEvent::ProviderHasIt, AttemptEvent::ProviderSaid);
    if moved(t, event)? && t.state == AttemptState::Failed {
        t.error_code = code;
        let name = code.map(codes::name_of).unwrap_or_default();
        t.result = if name.is_empty() { format!("the message is {status}") } else { format!("{status}: {name}") };
        trips(loaded, of, id, (codes::classify(code), Evidence::Receipt), ctx, change);
        failed(of, id, ctx, change);
    }
    Ok(())
}

/// A failure that is its sender's or the account's opens the breaker, as that of a notice does.
fn trips(
    loaded: &Loaded,
    of: &RollCall,
    id: AttemptId,
    (asks, evidence): (ErrorClass, Evidence),
    ctx: &Ctx<'_>,
    change: &mut Change,
) {
    let Some(t) = of.text(id).filter(|_| matches!(asks.class, Class::Sender | Class::Account)) else { return };
    let text = format!("text {} of the roll call of {} failed: {}", t.number, of.name, t.result);
    let failure = SenderFailure {
        key: trip::key_by(Channel::Sms, t.sender.as_ref(), asks.class),
        code: t.error_code,
        sent_at: t.sent_at.unwrap_or(t.created_at),
        asks,
        evidence,
        text: &text,
    };
    trip::open_beside(loaded, &failure, ctx.now, change);
}

/// No text reached its reader: of one that asks, somebody must see to it before the first emergency.
fn failed(of: &mut RollCall, id: AttemptId, ctx: &Ctx<'_>, change: &mut Change) {
    let Some(t) = of.text(id).cloned() else { return };
    let message = format!("text {} of the roll call of {} failed: {}", t.number, of.name, t.result);
    change.log.push(entry(of, LogKind::RollCall, &Actor::provider(), ctx.now, message));
    if t.kind == RollCallTextKind::Ask && of.state == RollCallState::Asked {
        let why = format!("the text to them failed ({})", t.result);
        trouble(of, ctx, RollCallState::Failed, &why, &Actor::engine(), change);
    }
}
