//! What is said in a phone call, and what a key does. Only a key is an answer, and only in the phone call of its own attempt.
//!
//! A request that comes again is answered the same: the turn is in its path, and the key that decided is kept with the attempt. A
//! key that comes after the phone call has ended counts: its request was overtaken, and nobody else pressed it.

use serde_json::json;

use super::job::job;
use super::progress;
use crate::domain::MessageStatus;
use crate::domain::Verdict;
use crate::domain::attempt::{AttemptEvent, AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::change::{Answer, Speech};
use crate::domain::decide;
use crate::domain::deferred;
use crate::domain::event::PhoneTurn;
use crate::domain::log::LogKind;
use crate::domain::reply;
use crate::domain::sids;
use crate::domain::types::{Actor, AttemptId, ContactId};
use crate::domain::work::{Illegal, Work, holder_name};

/// The job is read so often before the phone call ends without a key.
pub const TURNS: u32 = 3;
/// Whoever asks for it again and again hears it no more often than this.
const TURNS_MAX: u32 = 12;
/// Turns from here on ask for the same key again, where the provider took whoever pressed it for a machine.
pub const CONFIRMS_FROM: u32 = 100;

/// The provider asks what is to be said: somebody, or something, picked up. That tells nobody.
pub(in crate::domain) fn asked(w: &mut Work<'_>, at: &PhoneTurn) -> Result<(), Illegal> {
    let Some(id) = known(w, at)? else { return not_known(w) };
    if w.ctx.rules.off.key_needed && looks(w) {
        return pressed(w, id, at, "1");
    }
    let speech = match closed(w, id)? {
        Some(speech) => speech,
        None if at.turn > TURNS => Speech::NoKey { has_texts: w.state.call.policy.has_texts() },
        None => Speech::Job { turn: at.turn.max(1), job: job(w) },
    };
    speak(w, speech)
}

/// A key was pressed.
pub(in crate::domain) fn key(w: &mut Work<'_>, at: &PhoneTurn, digits: &str) -> Result<(), Illegal> {
    let Some(id) = known(w, at)? else { return not_known(w) };
    pressed(w, id, at, digits)
}

/// It is no phone call of this attempt: only what is over for everybody is said to be over.
fn not_known(w: &mut Work<'_>) -> Result<(), Illegal> {
    let is_over = matches!(w.state.call.status, CallStatus::Resolved | CallStatus::Cancelled);
    speak(w, if is_over { Speech::Over } else { Speech::NotKnown })
}

fn speak(w: &mut Work<'_>, speech: Speech) -> Result<(), Illegal> {
    w.change.answer = Answer::Speak(Box::new(speech));
    Ok(())
}

/// The attempt whose phone call this is. That it goes on is known from here on, also where its answer was lost; of a phone call that
/// is another's, or none of ours, nothing is.
fn known(w: &mut Work<'_>, at: &PhoneTurn) -> Result<Option<AttemptId>, Illegal> {
    let Some(a) = w.state.attempt(at.attempt) else { return Ok(None) };
    if a.channel != Channel::Voice || !sids::may_be_of(w, at.attempt, &at.sid)? {
        return Ok(None);
    }
    progress::join(w, at.attempt, &at.sid, &MessageStatus::from_word("in-progress"), None, "call")?;
    let a = w.attempt_mut(at.attempt)?;
    (a.trace.asked, a.trace.rang) = (true, true);
    if !a.state.is_final() {
        "picked up: the job is read to them".clone_into(&mut a.result);
    }
    let orphans: Vec<_> = w.loaded.orphans.iter().filter(|o| o.sid == at.sid).cloned().collect();
    for kept in orphans {
        progress::join(w, at.attempt, &kept.sid, &kept.status, kept.code, kept.source.as_str())?;
    }
    Ok(Some(at.attempt))
}

fn looks(w: &Work<'_>) -> bool {
    matches!(w.state.call.status, CallStatus::Dispatching | CallStatus::Exhausted)
}

/// What is said of a call that needs nobody any more, or not this contact; `None`: it looks for somebody.
fn closed(w: &Work<'_>, id: AttemptId) -> Result<Option<Speech>, Illegal> {
    let (call, contact) = (&w.state.call, &w.attempt(id)?.recipient.contact);
    Ok(match call.status {
        CallStatus::Acknowledged if call.holder.as_ref() == Some(contact) => Some(yours(w)),
        CallStatus::Acknowledged => Some(taken(w)),
        CallStatus::Resolved | CallStatus::Cancelled => Some(Speech::Over),
        CallStatus::Deferred => Some(Speech::CanWait),
        CallStatus::Dispatching | CallStatus::Exhausted => call.has_passed(contact).then_some(Speech::Passed),
    })
}

fn taken(w: &Work<'_>) -> Speech {
    Speech::Taken(w.state.call.holder.is_some().then(|| holder_name(w)))
}

/// A ladder without texts has no other place where the job can be looked up.
pub(super) fn yours(w: &Work<'_>) -> Speech {
    Speech::Yours((!w.state.call.policy.has_texts()).then(|| job(w)))
}

/// One key in the phone call of this attempt.
fn pressed(w: &mut Work<'_>, id: AttemptId, at: &PhoneTurn, digits: &str) -> Result<(), Illegal> {
    let again = || at.turn.checked_rem(CONFIRMS_FROM).unwrap_or(1).saturating_add(1).min(TURNS_MAX);
    let a = w.attempt(id)?.clone();
    if !a.replied.is_empty() {
        // It is decided already, and a repeated request changes nothing.
        let speech = closed(w, id)?.unwrap_or(if a.replied == "3" { Speech::CanWait } else { Speech::Passed });
        return speak(w, speech);
    }
    let contact = a.recipient.contact.clone();
    let by = Actor(format!("{} (phone call)", a.recipient.name));
    let speech = match (digits, closed(w, id)?) {
        // A deferred call is taken all the same by whoever wants it.
        ("1", Some(Speech::CanWait | Speech::Passed) | None) => {
            if at.by_machine && at.turn < CONFIRMS_FROM && !w.ctx.rules.off.key_needed {
                return speak(w, Speech::Confirm { turn: at.turn + CONFIRMS_FROM });
            }
            decided(w, id, digits, "took the call", &by)?;
            decide::take(w, Some(contact), &by, None)?;
            yours(w)
        }
        (_, Some(closed)) => {
            noted(w, id, digits, &by, "and the call needed no answer from them any more");
            closed
        }
        ("2", None) => {
            decided(w, id, digits, "passed", &by)?;
            reply::pass(w, &contact, &by, &format!("{} passed", a.recipient.name))?;
            Speech::Passed
        }
        ("3", None) if w.state.call.status == CallStatus::Exhausted || !w.state.call.policy.may_be_deferred() => {
            Speech::MayNotWait { turn: again(), job: job(w) }
        }
        ("3", None) => {
            decided(w, id, digits, "says that it can wait", &by)?;
            deferred::by_reply(w, &contact, &by)?;
            Speech::CanWait
        }
        (_, None) if again() >= TURNS_MAX => Speech::NoKey { has_texts: w.state.call.policy.has_texts() },
        (_, None) => Speech::Job { turn: again(), job: job(w) },
    };
    speak(w, speech)
}

/// The key that decided: its phone call reached somebody.
fn decided(w: &mut Work<'_>, id: AttemptId, digits: &str, what: &str, by: &Actor) -> Result<(), Illegal> {
    let was = w.attempt(id)?.state;
    let event = match was {
        // The request was overtaken by the end of its phone call.
        AttemptState::Failed => AttemptEvent::ConflictSettled(Verdict::Delivered),
        _ => AttemptEvent::ProviderSaid(Verdict::Delivered),
    };
    let poll_at = w.now().plus(w.ctx.rules.poll_after);
    w.attempt_on(id, event)?;
    let a = w.attempt_mut(id)?;
    digits.clone_into(&mut a.replied);
    a.result = format!("key {digits}: {} {what}", a.recipient.name);
    (a.class, a.conflict, a.decided_at) = (None, false, None);
    // How the phone call itself ends is asked for, should nobody tell it.
    let over = a.message_status.as_ref().is_some_and(|s| is_final(s.as_str()));
    (a.poll_at, a.polls) = ((!over).then_some(poll_at), 0);
    let (number, name, contact) = (a.number, a.recipient.name.clone(), a.recipient.contact.clone());
    let text = format!("attempt {number} was answered by {name}: key {digits}, {name} {what}");
    w.log_as(
        by.clone(),
        LogKind::AttemptDelivered,
        Some(id),
        text,
        json!({ "key": digits, "late": was == AttemptState::Failed }),
    );
    alarms_are_over(w, &contact);
    crate::domain::trip::proven(w, id, Some("it was answered"), Some(Verdict::Delivered))
}

fn is_final(word: &str) -> bool {
    crate::domain::voice::status::PhoneCallStatus::from_word(word).is_some_and(|s| s.is_final())
}

fn alarms_are_over(w: &mut Work<'_>, contact: &ContactId) {
    use crate::domain::alert::AlertKind;
    let call = w.state.call.id.clone();
    w.resolve(AlertKind::NoFinalStatus.about(contact.as_str()));
    for kind in [AlertKind::Failed, AlertKind::Refused] {
        w.resolve(kind.about(format_args!("{call}:{}", contact.as_str())));
    }
}

/// A key that changes nothing stands in the story all the same.
fn noted(w: &mut Work<'_>, id: AttemptId, digits: &str, by: &Actor, what: &str) {
    let digits: String = digits.chars().filter(|c| "0123456789*#".contains(*c)).take(8).collect();
    let text = format!("a phone call was answered with key {digits}, {what}");
    w.log_as(by.clone(), LogKind::KeyPressed, Some(id), text, json!({ "key": digits }));
}
