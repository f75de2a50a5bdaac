//! The one entry to every decision: what was loaded and an event in, a [`Change`] out. Pure and total.

use super::alert_text;
use super::alert_text::event::AlertTextEvent;
use super::attempt::Attempt;
use super::call::{CallState, CallStatus};
use super::change::{Answer, Change, Effect};
use super::decide;
use super::deferred;
use super::dial;
use super::event::{Event, Loaded, NewCall, StatusUpdate};
use super::followthrough;
use super::found;
use super::ladder_end;
use super::merge;
use super::quiet;
use super::reply;
use super::report;
use super::resend;
use super::roll_call;
use super::roll_call::event::RollCallEvent;
use super::sending;
use super::sequence;
use super::settle;
use super::spend;
use super::status_update;
use super::trip;
use super::work::{Ctx, Illegal, Work};

/// Decides one event. The caller writes the returned change in the transaction that loaded `loaded`.
///
/// # Errors
/// [`Illegal`] where our own state machine is broken; never for anything that came from outside.
pub fn step(loaded: &Loaded, event: &Event, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let mut change = match event {
        Event::Accept(new) if report::is_of_another_way(loaded, new) => {
            report::report(loaded, new, &report::by_api(), ctx)?
        }
        Event::Accept(new) => match joins(loaded, new, ctx) {
            Some(into) => merge::merge(loaded, into, new, &report::by_api(), ctx)?,
            None => decide::accept(loaded, new, ctx)?,
        },
        Event::Report(new, report) => match joins(loaded, new, ctx).filter(|_| report.hold.is_none()) {
            Some(into) => merge::merge(loaded, into, new, report, ctx)?,
            None => report::report(loaded, new, report, ctx)?,
        },
        Event::Note(note) => report::note(note, ctx),
        Event::PhoneCallEnded(ended) => report::ended(loaded, ended, ctx),
        Event::PhoneCall(change) => Change { phone_calls: vec![(**change).clone()], ..Change::default() },
        Event::Found(text) => with_call(loaded, ctx, |w| found::found(w, text))?,
        Event::Import(import) => super::import::import(loaded, import, ctx)?,
        Event::Inbound(text) => reply::inbound(loaded, text, ctx)?,
        Event::StatusUpdate(update) => match of_no_call(loaded, update, ctx)? {
            Some(change) => change,
            None => status_update::update(loaded, update, ctx)?,
        },
        Event::RollCall(what) => of_roll_call(loaded, what, ctx)?,
        Event::AlertText(what) => of_alert_text(loaded, what, ctx)?,
        Event::ClearOptOut { phone, by } => reply::clear_opt_out(phone, by, ctx),
        Event::Alert(alert) => Change { alerts: vec![alert.clone()], ..Change::default() },
        Event::Wake { .. } => answered(loaded, ctx, |w| match w.state.call.status {
            CallStatus::Deferred => deferred::not_seen(w),
            CallStatus::Acknowledged => followthrough::due(w),
            _ => {
                sequence::fire_due(w)?;
                spend::where_steps_wait(w);
                Ok(())
            }
        })?,
        Event::Decide { what, by, note, .. } => {
            answered(loaded, ctx, |w| decide::decide(w, what, by, note.as_deref()))?
        }
        Event::Claim { attempt, engine, provider_after } => {
            with_call(loaded, ctx, |w| sending::claim(w, *attempt, engine, *provider_after))?
        }
        Event::ClaimAgain { attempt, engine } => with_call(loaded, ctx, |w| sending::claim_again(w, *attempt, engine))?,
        Event::Asked(at) => with_call(loaded, ctx, |w| dial::key::asked(w, at))?,
        Event::Key { turn, digits } => with_call(loaded, ctx, |w| dial::key::key(w, turn, digits))?,
        Event::EndPhoneCall { attempt } => with_call(loaded, ctx, |w| dial::ending::end(w, *attempt))?,
        Event::Sent { attempt, by, outcome } => {
            with_call(loaded, ctx, |w| sending::sent(w, *attempt, by.as_deref(), outcome))?
        }
        Event::EngineGone { attempt, engine } => with_call(loaded, ctx, |w| sending::engine_gone(w, *attempt, engine))?,
        Event::Searched { attempt, complete, began_at } => {
            with_call(loaded, ctx, |w| resend::searched(w, *attempt, *complete, *began_at))?
        }
        Event::Settle { attempt, how, seen, by, note } => {
            let said = settle::Said { how, seen: seen.as_ref(), by, note: note.as_deref() };
            answered(loaded, ctx, |w| settle::settle(w, *attempt, said))?
        }
        Event::Gone { attempt } => with_call(loaded, ctx, |w| status_update::gone(w, *attempt))?,
        Event::Polled { attempt, again_at } => {
            with_call(loaded, ctx, |w| status_update::polled(w, *attempt, *again_at))?
        }
        Event::Breaker { sender, what } => trip::update(loaded, sender, what, ctx),
        Event::Unnotified { .. } => answered(loaded, ctx, ladder_end::unnotified)?,
        Event::Unanswered { .. } => answered(loaded, ctx, ladder_end::unanswered)?,
    };
    mirror(loaded, &mut change);
    change.at = Some(ctx.now);
    Ok(change)
}

fn of_roll_call(loaded: &Loaded, what: &RollCallEvent, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    match what {
        RollCallEvent::Make { new, id } => Ok(roll_call::decide::make(loaded, new, id, ctx)),
        RollCallEvent::Due { id } => Ok(roll_call::decide::due(loaded, id, ctx)),
        RollCallEvent::Claim { text, engine, provider_after } => {
            roll_call::send::claim(loaded, *text, engine, *provider_after, ctx)
        }
        RollCallEvent::Sent { text, outcome } => roll_call::send::sent(loaded, *text, outcome, ctx),
        RollCallEvent::EngineGone { text } => roll_call::send::engine_gone(loaded, *text, ctx),
        RollCallEvent::AskedInVain { text } => roll_call::send::asked_in_vain(loaded, *text, ctx),
    }
}

fn of_alert_text(loaded: &Loaded, what: &AlertTextEvent, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    use alert_text::decide;
    match what {
        AlertTextEvent::Make(message) => Ok(decide::make(loaded, message, ctx)),
        AlertTextEvent::Claim { text, engine, provider_after } => {
            decide::claim(loaded, *text, engine, *provider_after, ctx)
        }
        AlertTextEvent::Sent { text, outcome } => decide::sent(loaded, *text, outcome, ctx),
        AlertTextEvent::EngineGone { text } => decide::engine_gone(loaded, *text, ctx),
        AlertTextEvent::AskedInVain { text } => decide::asked_in_vain(loaded, *text, ctx),
    }
}

/// The provider reported on a message of ours that belongs to no call. `None`: it is no such one.
fn of_no_call(loaded: &Loaded, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Option<Change>, Illegal> {
    match roll_call::send::update(loaded, update, ctx)? {
        Some(change) => Ok(Some(change)),
        None => alert_text::decide::update(loaded, update, ctx),
    }
}

/// As [`with_call`]; the answer carries the call as it is now, where the decision set none.
fn answered(
    loaded: &Loaded,
    ctx: &Ctx<'_>,
    f: impl FnOnce(&mut Work<'_>) -> Result<(), Illegal>,
) -> Result<Change, Illegal> {
    let mut change = with_call(loaded, ctx, f)?;
    if let (Answer::Done, Some(state)) = (&change.answer, change.calls.last()) {
        change.answer = Answer::Changed(Box::new(state.clone()));
    }
    Ok(change)
}

/// Runs a decision about the one call that was loaded; without it, the answer is [`Answer::NotFound`].
fn with_call(
    loaded: &Loaded,
    ctx: &Ctx<'_>,
    f: impl FnOnce(&mut Work<'_>) -> Result<(), Illegal>,
) -> Result<Change, Illegal> {
    let Some(state) = loaded.calls.first() else {
        return Ok(Change { answer: Answer::NotFound, ..Change::default() });
    };
    let mut work = Work::new(ctx, loaded, state.clone());
    f(&mut work)?;
    quiet::put_off(&mut work);
    Ok(work.into_change())
}

/// Which rows of the shop's books this change touches.
fn mirror(loaded: &Loaded, change: &mut Change) {
    for state in &change.calls {
        let before = loaded.calls.iter().find(|c| c.call.id == state.call.id);
        // What is still to change is nobody's row yet.
        let call_changed = !state.call.waits_for_report()
            && before.is_none_or(|b| {
                b.call.status != state.call.status
                    || b.call.deferred_from.or(b.call.wake_at) != state.call.deferred_from.or(state.call.wake_at)
                    || b.call.holder != state.call.holder
            });
        if call_changed {
            change.effects.push(Effect::MirrorCall(state.call.id.clone()));
        }
        for a in &state.attempts {
            // A dispatch event exists from the intent on, and for what will never leave.
            let has_event = a.sent_at.is_some() || a.state.is_final();
            let same = before.and_then(|b| b.attempt(a.id)).is_some_and(|b| notified_of(b) == notified_of(a));
            if has_event && !same {
                change.effects.push(Effect::MirrorAttempt(a.id));
            }
        }
    }
}

/// What a dispatch event tells of an attempt that can change: a question to the provider that brings nothing is no news.
fn notified_of(a: &Attempt) -> impl PartialEq + '_ {
    (a.state, a.sent_at, &a.sid, &a.message_status, a.error_code, &a.result, &a.replied, a.decided_at)
}

/// The running call that a new one is the same emergency as, where no call is there by its id.
fn joins<'a>(loaded: &'a Loaded, new: &NewCall, ctx: &Ctx<'_>) -> Option<&'a CallState> {
    if loaded.calls.is_empty() { merge::target(loaded, new, ctx) } else { None }
}
