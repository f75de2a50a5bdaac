//! The claim of a text of a roll call, its one POST, and what became of it. The rules of all such texts are in
//! [`crate::domain::standalone_text`].

use super::{entry, trouble, wording};
use crate::domain::attempt::Channel;
use crate::domain::breaker;
use crate::domain::change::{Answer, Change};
use crate::domain::event::{Loaded, SendOutcome, StatusUpdate};
use crate::domain::log::LogKind;
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::standalone_send::{self, Claim, Consequence};
use crate::domain::standalone_text::{StandaloneKind, StandaloneText};
use crate::domain::types::{Actor, AttemptId, Timestamp};
use crate::domain::work::{Ctx, Illegal};

/// The roll call of this text.
fn of_text(loaded: &Loaded, id: AttemptId) -> Option<RollCall> {
    loaded.roll_calls.iter().find(|r| r.text(id).is_some()).cloned()
}

fn text_mut(of: &mut RollCall, id: AttemptId) -> Result<&mut StandaloneText, Illegal> {
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
    let text = of.text(id).cloned().ok_or(Illegal::Missing("a text of a roll call"))?;
    if !text.state.is_waiting() || text.not_before > ctx.now {
        return Ok(not_sent("it does not wait now"));
    }
    let is_wanted = match text.kind {
        StandaloneKind::Ask => of.state == RollCallState::Asked,
        StandaloneKind::Alert => of.state.is_trouble(),
    };
    if !is_wanted || of.until <= ctx.now {
        text_mut(&mut of, id)?.skip("it is not wanted any more");
        return Ok(changed(of, not_sent("it is not wanted any more")));
    }
    let line = of.line.clone();
    let senders = breaker::senders(ctx.directory, line.as_deref(), None, Channel::Sms);
    if text.is_opted_out(loaded, senders.first().copied()) {
        let mut change = not_sent("they take no texts");
        text_mut(&mut of, id)?.skip("opted out of texts");
        if text.kind == StandaloneKind::Ask {
            let why = format!("{} opted out of texts", text.name);
            trouble(&mut of, ctx, RollCallState::Failed, &why, &Actor::engine(), &mut change);
        }
        return Ok(changed(of, change));
    }
    let sender = match standalone_send::route(loaded, &senders, ctx.now) {
        Ok(sender) => sender,
        Err((until, why)) => {
            text_mut(&mut of, id)?.not_before = until;
            return Ok(changed(of, not_sent(why)));
        }
    };
    let body = wording::text(&of, &text, ctx);
    let claim = Claim { engine, provider_after, sender, body };
    let to_send = text_mut(&mut of, id)?.claim(claim, ctx.now)?;
    Ok(changed(of, Change { answer: Answer::SendStandalone(Box::new(to_send)), ..Change::default() }))
}

/// What became of its POST.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn sent(loaded: &Loaded, id: AttemptId, outcome: &SendOutcome, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let mut change = Change::default();
    let came_of_it = text_mut(&mut of, id)?.sent(outcome, ctx)?;
    follow(loaded, &mut of, id, came_of_it, ctx, &mut change);
    Ok(changed(of, change))
}

/// The engine that had claimed it is gone: sent or not, nobody knows.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn engine_gone(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let came_of_it = text_mut(&mut of, id)?.engine_gone(ctx.now)?;
    if came_of_it == Consequence::Nothing {
        return Ok(Change::default());
    }
    let mut change = Change::default();
    follow(loaded, &mut of, id, came_of_it, ctx, &mut change);
    Ok(changed(of, change))
}

/// The provider was asked about it, or its list was searched for it, in vain: when that is done again.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn asked_in_vain(loaded: &Loaded, id: AttemptId, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(mut of) = of_text(loaded, id) else { return Ok(Change::default()) };
    let is_changed = text_mut(&mut of, id)?.asked_in_vain(ctx);
    Ok(if is_changed { changed(of, Change::default()) } else { Change::default() })
}

/// The provider reported on a message of a roll call. `None`: it is of none.
///
/// # Errors
/// [`Illegal`]: our own state machine is broken.
pub fn update(loaded: &Loaded, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Option<Change>, Illegal> {
    let texts = loaded.roll_calls.iter().flat_map(|r| &r.texts);
    let Some(id) = standalone_send::reported(texts, update) else { return Ok(None) };
    let Some(mut of) = of_text(loaded, id) else { return Ok(None) };
    let mut change = Change::default();
    let was = of.clone();
    let came_of_it = text_mut(&mut of, id)?.updated(update, ctx)?;
    follow(loaded, &mut of, id, came_of_it, ctx, &mut change);
    if of != was {
        change.roll_calls.push(of);
    }
    Ok(Some(change))
}

/// What its roll call, the log and the breakers have of what became of a text.
fn follow(
    loaded: &Loaded,
    of: &mut RollCall,
    id: AttemptId,
    came_of_it: Consequence,
    ctx: &Ctx<'_>,
    change: &mut Change,
) {
    let Some(t) = of.text(id).cloned() else { return };
    let what = format!("text {} of the roll call of {}", t.number, of.name);
    match came_of_it {
        Consequence::Nothing => {}
        Consequence::Accepted => {
            let message = match t.kind {
                StandaloneKind::Ask => {
                    format!("{} is asked by text whether they are on call for {}", t.name, of.rotation)
                }
                StandaloneKind::Alert => {
                    format!("{} is told that {} has not confirmed {}", t.name, of.name, of.rotation)
                }
            };
            change.log.push(entry(of, LogKind::RollCall, &Actor::provider(), ctx.now, message));
        }
        Consequence::Unknown => {
            let message = format!("it is not known whether {what} was sent: {}", t.result);
            change.log.push(entry(of, LogKind::RollCall, &Actor::engine(), ctx.now, message));
        }
        Consequence::Failed { class, evidence } => {
            t.trips(loaded, &what, (class, evidence), ctx.now, change);
            let message = format!("{what} failed: {}", t.result);
            change.log.push(entry(of, LogKind::RollCall, &Actor::provider(), ctx.now, message));
            // No text reached its reader: of one that asks, somebody must see to it before the first emergency.
            if t.kind == StandaloneKind::Ask && of.state == RollCallState::Asked {
                let why = format!("the text to them failed ({})", t.result);
                trouble(of, ctx, RollCallState::Failed, &why, &Actor::engine(), change);
            }
        }
    }
}
