//! A call is accepted, and a person decides about it.

use std::time::Duration;

use serde_json::{Value, json};

use super::alert::{AlertChange, AlertKind, Until};
use super::attempt::Priority;
use super::by_hand;
use super::call::{Call, CallState, CallStatus, CallVersion};
use super::change::{Answer, Change, PhoneCallChange};
use super::count::counted_usize;
use super::deferred;
use super::dial;
use super::event::{Decision, Loaded, NewCall, NoteTo};
use super::followthrough;
use super::log::{CONTACT, LogKind};
use super::outgoing::HANDED_BACK;
use super::phone::spelling::plain_number;
use super::phone_call::PhoneCall;
use super::quiet;
use super::sequence;
use super::types::{Actor, CallId, ContactId};
use super::update;
use super::work::{Ctx, Illegal, Work, holder_name};

/// Why a decision is not done that was made about the call as it was.
pub(super) const CHANGED: &str = "the call has changed since it was looked at";

/// The same id with the same data exists: nothing is done. With other data: said, nothing is done. Else the call is made, and
/// its first step fires where it waits for nothing.
pub(super) fn accept(loaded: &Loaded, new: &NewCall, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    if let Some(existing) = loaded.calls.first() {
        let boxed = Box::new(existing.clone());
        let same = existing.call.fingerprint == new.fingerprint;
        let answer = if same { Answer::Exists(boxed) } else { Answer::Differs(boxed) };
        return Ok(Change { answer, ..Change::default() });
    }
    let mut change = made(loaded, new, Duration::ZERO, ctx)?;
    let phone = PhoneCall::told_by(&new.data);
    if phone.sid.is_some() {
        change.phone_calls.push(PhoneCallChange::Told { id: new.id.clone(), phone, call: Some(new.id.clone()) });
    }
    Ok(change)
}

/// A new call; its first step fires after `hold` at the earliest.
pub(super) fn made(loaded: &Loaded, new: &NewCall, hold: Duration, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let reference = loaded.free_reference.clone().ok_or(Illegal::Missing("a free reference"))?;
    let call = Call {
        id: new.id.clone(),
        reference,
        status: if new.deferred { CallStatus::Deferred } else { CallStatus::Dispatching },
        round: 1,
        level: new.level.clone(),
        policy: new.policy.clone(),
        data: new.data.clone(),
        fingerprint: new.fingerprint.clone(),
        idempotency_key: new.idempotency_key.clone(),
        overridden: new.overridden.clone(),
        created_by: ctx.actor.clone(),
        accepted_at: ctx.now,
        next_step: 0,
        wake_at: Some(if new.deferred { ctx.now } else { ctx.now.plus(new.policy.wait_before(0).max(hold)) }),
        attempts: 0,
        holder: None,
        excluded: Vec::new(),
        notified_at: None,
        closed_at: None,
        deferred_from: None,
        muted: false,
        held_until: None,
        ask_at: None,
        asked_at: None,
        settings: new.settings,
    };
    let mut w = Work::new(ctx, loaded, CallState { call, notices: Vec::new(), attempts: Vec::new() });
    let why = new.level_why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let ladder = if new.deferred {
        ", nobody is woken".to_owned()
    } else {
        format!(" with {}", counted_usize(new.policy.total_steps(), "step"))
    };
    let text = format!("accepted at level {}{why}{ladder}, reference {}", new.level, w.state.call.reference);
    w.log(LogKind::CallAccepted, None, text, json!({ "level": new.level, "reference": w.state.call.reference }));
    raise_warnings(&mut w, &new.id, new.data.twilio_to_number.as_deref(), &new.warnings);
    if new.deferred {
        deferred::until_morning(&mut w, None);
    } else {
        sequence::fire_due(&mut w)?;
    }
    quiet::put_off(&mut w);
    w.change.answer = Answer::Created(Box::new(w.state.clone()));
    Ok(w.into_change())
}

/// What is odd about a new call's paperwork: one alert, whatever it is. One thing alone has a kind of its own.
pub(super) fn raise_warnings(w: &mut Work<'_>, id: &CallId, dialled: Option<&str>, warnings: &[(AlertKind, String)]) {
    let (key, message) = match warnings {
        [] => return,
        [(AlertKind::UnlistedLine, text)] => {
            let number = dialled.map(plain_number).unwrap_or_default();
            (AlertKind::UnlistedLine.about(number), text.clone())
        }
        [(kind, text)] => (kind.about(id), text.clone()),
        several => {
            let texts: Vec<&str> = several.iter().map(|(_, text)| text.as_str()).collect();
            (AlertKind::Validation.about(id), texts.join("; "))
        }
    };
    w.change.alerts.push(AlertChange::Raise { key, call: Some(id.clone()), message });
}

/// A person's decision. Done twice says so; a transition that does not exist says which there are.
pub(super) fn decide(w: &mut Work<'_>, what: &Decision, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    use CallStatus as S;
    if let Decision::AsSeen { version, what } = what {
        return as_seen(w, version, what, by, note);
    }
    let status = w.state.call.status;
    let same = |w: &mut Work<'_>| {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        Ok(())
    };
    match (what, status) {
        (Decision::Acknowledge { holder }, S::Acknowledged) => {
            let held = w.state.call.holder.clone();
            if holder.is_none() || *holder == held { same(w) } else { not_allowed(w, &taken_by(w)) }
        }
        (Decision::Acknowledge { holder }, S::Dispatching | S::Exhausted | S::Deferred) => {
            if let Some(h) = holder
                && !is_known(w, h)
            {
                return not_allowed(w, &format!("there is no contact {h}"));
            }
            take(w, holder.clone(), by, note)
        }
        (Decision::Resolve, S::Resolved) | (Decision::Cancel, S::Cancelled) | (Decision::Reopen, S::Dispatching) => {
            same(w)
        }
        (Decision::Resolve, S::Dispatching | S::Acknowledged | S::Exhausted | S::Deferred) => {
            close(w, S::Resolved, by, note, StandDown::All)
        }
        (Decision::Cancel, S::Dispatching | S::Acknowledged | S::Exhausted | S::Deferred) => {
            close(w, S::Cancelled, by, note, StandDown::All)
        }
        (Decision::Reopen, S::Acknowledged | S::Exhausted) => reopen(w, by, note),
        (Decision::FireNow, S::Dispatching) => {
            if by_hand::fire_now(w)? {
                Ok(())
            } else {
                not_allowed(w, "no follow-up is left: the ladder is over and waits to be exhausted")
            }
        }
        (Decision::FireStep { step }, S::Dispatching) => match by_hand::fire_step(w, *step)? {
            None => Ok(()),
            Some(why) => not_allowed(w, &why),
        },
        (Decision::Mute, S::Dispatching) if w.state.call.held().is_some() && w.state.notices.is_empty() => {
            not_allowed(w, "nobody was told of it yet: it waits for the end of quiet hours")
        }
        (Decision::Mute, S::Dispatching) => mute(w, by, note),
        (Decision::Raise { level }, S::Deferred) => deferred::raise(w, level.as_deref(), by, note),
        (Decision::Raise { level: Some(level) }, S::Dispatching) if w.state.call.held().is_some() => {
            deferred::raise(w, Some(level), by, note)
        }
        (Decision::Raise { level: None }, S::Dispatching) if w.state.call.held().is_some() => {
            not_allowed(w, "it waits for the end of quiet hours: name a higher level, or run its step")
        }
        (Decision::Raise { level: None }, S::Dispatching) => same(w),
        (Decision::Seen, S::Deferred) => deferred::seen(w, by, note),
        (Decision::Note(NoteTo::People), _) => note_by_text(w, by, note),
        (Decision::Note(NoteTo::Story), _) => {
            w.log_as(by.clone(), LogKind::CallNoted, None, format!("a note by {}", by.0), said(note));
            Ok(())
        }
        (_, status) => {
            let text = format!("the call is {status}");
            not_allowed(w, &text)
        }
    }
}

/// What was decided about a call that has changed since is not done. That it is so already is said first: a form sent twice.
fn as_seen(
    w: &mut Work<'_>,
    version: &CallVersion,
    what: &Decision,
    by: &Actor,
    note: Option<&str>,
) -> Result<(), Illegal> {
    if CallVersion::of(&w.state.call) == *version {
        return decide(w, what, by, note);
    }
    let is_so = match (what, w.state.call.status) {
        (Decision::Acknowledge { holder }, CallStatus::Acknowledged) => *holder == w.state.call.holder,
        (Decision::Resolve, CallStatus::Resolved)
        | (Decision::Cancel, CallStatus::Cancelled)
        | (Decision::Reopen | Decision::Raise { .. }, CallStatus::Dispatching) => true,
        (Decision::Seen, CallStatus::Deferred) => w.state.call.wake_at.is_none(),
        _ => false,
    };
    if is_so {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    }
    not_allowed(w, CHANGED)
}

/// The story has the note, and whoever the call concerns reads it. Where nobody would, nothing is written: who wrote it would wait.
fn note_by_text(w: &mut Work<'_>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    let words = note.unwrap_or_default();
    if update::tell_all(w, &format!("Note from {}: {words}", by.0), Priority::First) == 0 {
        let status = w.state.call.status;
        return not_allowed(w, &format!("nobody reads texts of this call now: it is {status}"));
    }
    w.log_as(by.clone(), LogKind::CallNoted, None, format!("a note by {}, by text", by.0), said(note));
    Ok(())
}

pub(super) fn not_allowed(w: &mut Work<'_>, why: &str) -> Result<(), Illegal> {
    w.change.answer = Answer::NotAllowed(Box::new(w.state.clone()), why.to_owned());
    Ok(())
}

pub(super) fn taken_by(w: &Work<'_>) -> String {
    format!("it was taken by {}", holder_name(w))
}

fn is_known(w: &Work<'_>, contact: &ContactId) -> bool {
    w.ctx.directory.contact(contact).is_some() || w.state.attempts.iter().any(|a| &a.recipient.contact == contact)
}

/// A contact takes the call: the sequence stops in this very transaction.
pub(super) fn take(w: &mut Work<'_>, holder: Option<ContactId>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    w.call_to(CallStatus::Acknowledged)?;
    w.state.call.holder.clone_from(&holder);
    followthrough::begin(w);
    sequence::cancel_waiting(w, "the call was taken")?;
    let name = holder_name(w);
    let who = if holder.is_some() { name } else { by.0.clone() };
    let data = about(w, holder.as_ref(), said(note));
    w.log_as(by.clone(), LogKind::CallAcknowledged, None, format!("acknowledged: {who} has it"), data);
    resolve_alerts(w, Until::Taken);
    sequence::stand_down(w, holder.as_ref());
    dial::ending::end_all(w, &format!("{who} has the call"));
    Ok(())
}

/// Whether those who were told are stood down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandDown<'a> {
    All,
    /// This contact said it themselves.
    AllBut(&'a ContactId),
    Nobody,
}

pub(super) fn close(
    w: &mut Work<'_>,
    to: CallStatus,
    by: &Actor,
    note: Option<&str>,
    notice: StandDown<'_>,
) -> Result<(), Illegal> {
    w.call_to(to)?;
    let (kind, word) = match to {
        CallStatus::Cancelled => (LogKind::CallCancelled, "cancelled"),
        _ => (LogKind::CallResolved, "resolved"),
    };
    sequence::cancel_waiting(w, &format!("the call was {word}"))?;
    w.log_as(by.clone(), kind, None, format!("{word} by {}", by.0), said(note));
    resolve_alerts(w, Until::Closed);
    dial::ending::end_all(w, &format!("the call was {word}"));
    match notice {
        StandDown::All => sequence::stand_down(w, None),
        StandDown::AllBut(contact) => sequence::stand_down(w, Some(contact)),
        StandDown::Nobody => {}
    }
    Ok(())
}

/// Back to the ladder with everybody: passes and failures are forgotten.
fn reopen(w: &mut Work<'_>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    w.call_to(CallStatus::Dispatching)?;
    w.state.call.excluded.clear();
    w.log_as(by.clone(), LogKind::CallReopened, None, format!("reopened by {}: a new round begins", by.0), said(note));
    resolve_alerts(w, Until::Taken);
    sequence::start_round(w)
}

/// The holder hands it back: a new round with everybody but them.
pub(super) fn hand_back(w: &mut Work<'_>, holder: &ContactId, by: &Actor) -> Result<(), Illegal> {
    let name = holder_name(w);
    w.call_to(CallStatus::Dispatching)?;
    w.state.call.exclude_passed(holder);
    w.log_as(
        by.clone(),
        LogKind::CallReopened,
        None,
        format!("{name} handed it back: a new round begins"),
        json!({ HANDED_BACK: true }),
    );
    sequence::start_round(w)
}

/// No further follow-ups; after its time the last resort is told, and the call is exhausted, with an alert, if nobody takes it. A
/// first notice that has not left yet is none.
fn mute(w: &mut Work<'_>, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    if w.state.call.muted {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    }
    let total = w.state.call.policy.total_steps();
    w.state.call.muted = true;
    // Who is the last resort and was told in this round is not told again.
    w.state.call.next_step = u32::try_from(total).unwrap_or(u32::MAX).max(w.state.call.next_step);
    w.state.call.deferred_from = None;
    w.state.call.wake_at = Some(w.now().plus(w.state.call.policy.wait_before(total)));
    sequence::cancel_follow_ups(w, "its follow-ups were cancelled")?;
    w.log_as(by.clone(), LogKind::CallMuted, None, format!("follow-ups cancelled by {}", by.0), said(note));
    Ok(())
}

pub(super) fn resolve_alerts(w: &mut Work<'_>, at: Until) {
    let call = w.state.call.id.clone();
    w.change.alerts.push(AlertChange::ResolveAll { call, at });
}

/// The data with the contact whom the entry is about, for figures; one who is known by a number alone is not named.
pub(super) fn about(w: &Work<'_>, contact: Option<&ContactId>, data: Value) -> Value {
    let Some(known) = contact.and_then(|id| w.ctx.directory.contact(id)) else { return data };
    let mut map = if let Value::Object(map) = data { map } else { serde_json::Map::new() };
    map.insert(CONTACT.to_owned(), known.id.to_string().into());
    Value::Object(map)
}

pub(super) fn said(note: Option<&str>) -> Value {
    note.map_or(Value::Null, |n| json!({ "note": n }))
}
