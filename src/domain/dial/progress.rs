//! What the provider says of a phone call, by whatever way: callbacks, questions, finds in the list. One rule for all of them.
//!
//! A status never moves back. Picked up is not told: only a key ends an attempt as delivered (`domain/dial/key.rs`); every final word
//! of the provider ends it as failed, with a reason, and what that asks of the ladder is done in the same change.

use serde_json::json;

use crate::domain::alert::AlertKind;
use crate::domain::attempt::{Attempt, AttemptEvent, AttemptState, Channel, HAD_RUNG, Move, UNREACHABLE};
use crate::domain::breaker::Evidence;
use crate::domain::codes::{Class, ErrorClass};
use crate::domain::event::Source;
use crate::domain::failure;
use crate::domain::log::LogKind;
use crate::domain::resend;
use crate::domain::sequence;
use crate::domain::trip;
use crate::domain::types::{Actor, AttemptId, ErrorCode, MessageSid};
use crate::domain::voice::classes::{self, CallEnd, SipCode};
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::work::{Illegal, Work};
use crate::domain::{MessageStatus, Verdict};

/// A phone that was engaged or not answered is rung once more after so long: with the ring before and a queue, within the three
/// minutes in which a second call from one number is let through by a phone that is silent (`facts/twilio-voice.md` §5).
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(45);
/// How often it is rung again.
const AGAIN_MAX: u32 = 1;
/// How long after a fetch that found another final word the provider is asked again, in seconds.
const ASK_AGAIN_S: u64 = 1;

/// The provider has this attempt's phone call, and says where it is. `sip`: the code of a final word's carrier.
pub(in crate::domain) fn join(
    w: &mut Work<'_>,
    id: AttemptId,
    sid: &MessageSid,
    status: &MessageStatus,
    sip: Option<ErrorCode>,
    way: &str,
) -> Result<&'static str, Illegal> {
    let a = w.attempt(id)?;
    let (was, newly_known) = (a.state, a.sid.is_none());
    let old = a.message_status.as_ref().and_then(|s| PhoneCallStatus::from_word(s.as_str()));
    let said = PhoneCallStatus::from_word(status.as_str());
    if newly_known {
        let poll_at = w.now().plus(w.ctx.rules.poll_after);
        let a = w.attempt_mut(id)?;
        a.sid = Some(sid.clone());
        // What was counted until now were searches.
        (a.poll_at, a.polls) = (Some(poll_at), 0);
    }
    if was == AttemptState::Unknown {
        w.resolve(resend::unknown_key(id));
    }
    let backwards = w.ctx.rules.off.monotone_receipts;
    let higher = said.is_some_and(|new| backwards || old.is_none_or(|old| new.rank() > old.rank()));
    match said.filter(|s| s.is_final()) {
        Some(end) if was.is_final() => return after_the_end(w, id, status, (old, end), way),
        Some(end) => {
            ended(w, id, end, sip, way)?;
            return Ok("moved");
        }
        None => {}
    }
    let moved = w.attempt_on(id, AttemptEvent::ProviderHasIt)?;
    if higher && !(was.is_final() && old.is_some_and(PhoneCallStatus::is_final)) {
        w.attempt_mut(id)?.message_status = Some(status.clone());
    }
    let effect = match moved {
        Move::To(_) => {
            accepted(w, id, was, status, way)?;
            "moved"
        }
        _ if higher && !was.is_final() => {
            on_its_way(w, id, status, way)?;
            "moved"
        }
        _ if newly_known => "moved",
        _ => "stale",
    };
    tried(w, id)?;
    let rings = w.attempt(id)?.rang().then_some("it rang");
    trip::proven(w, id, rings, None)?;
    Ok(effect)
}

/// In a ladder without texts a phone that rang is all that can be known before an answer: the alarm that nobody was told is over.
fn tried(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    if w.attempt(id)?.rang() && !w.state.call.policy.has_texts() {
        let key = AlertKind::Unnotified.about(&w.state.call.id);
        w.resolve(key);
    }
    Ok(())
}

fn accepted(
    w: &mut Work<'_>,
    id: AttemptId,
    was: AttemptState,
    status: &MessageStatus,
    way: &str,
) -> Result<(), Illegal> {
    resend::resolve_earlier(w, id)?;
    let found = if was == AttemptState::Unknown { " (outcome found out)" } else { "" };
    let a = w.attempt_mut(id)?;
    a.result = format!("the phone call is placed: {status}");
    let text = format!("attempt {}: the phone call to {} is placed: {status}{found}", a.number, a.recipient.name);
    let data = json!({ "status": status, "sid": a.sid, "by": way });
    w.log_as(Actor::provider(), LogKind::AttemptSubmitted, Some(id), text, data);
    Ok(())
}

fn on_its_way(w: &mut Work<'_>, id: AttemptId, status: &MessageStatus, way: &str) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    let what = match status.as_str() {
        "in-progress" => "was picked up, by whomever: only a key is an answer".to_owned(),
        word => format!("is {word}"),
    };
    let text = format!("attempt {}: the phone call to {} {what}", a.number, a.recipient.name);
    w.log_as(Actor::provider(), LogKind::MessageStatus, Some(id), text, json!({ "status": status, "by": way }));
    Ok(())
}

/// A final word about a phone call whose attempt has ended: after a key it is how the phone call ended; else one that differs is
/// settled by one fetch.
fn after_the_end(
    w: &mut Work<'_>,
    id: AttemptId,
    status: &MessageStatus,
    (old, end): (Option<PhoneCallStatus>, PhoneCallStatus),
    way: &str,
) -> Result<&'static str, Illegal> {
    let pause = if way == Source::Fetch.as_str() { ASK_AGAIN_S } else { 0 };
    let at = w.now().plus(std::time::Duration::from_secs(pause));
    let a = w.attempt_mut(id)?;
    match old.filter(|o| o.is_final()) {
        Some(known) if known == end => Ok("stale"),
        Some(_) => {
            if !a.conflict {
                (a.conflict, a.poll_at, a.polls) = (true, Some(at), 0);
            }
            let text = format!("attempt {}: the provider says {status} after another end: asking once more", a.number);
            w.log_as(Actor::provider(), LogKind::MessageConflict, Some(id), text, json!({ "status": status }));
            Ok("conflict")
        }
        None => {
            (a.message_status, a.poll_at) = (Some(status.clone()), None);
            let text = format!("attempt {}: the phone call is over: {status}", a.number);
            w.log_as(Actor::provider(), LogKind::MessageStatus, Some(id), text, json!({ "status": status, "by": way }));
            Ok("moved")
        }
    }
}

/// The word of a fetch stands; one that is not final settles nothing. What the first word asked of the ladder was done.
pub(in crate::domain) fn settle_conflict(
    w: &mut Work<'_>,
    id: AttemptId,
    status: &MessageStatus,
) -> Result<&'static str, Illegal> {
    let Some(end) = PhoneCallStatus::from_word(status.as_str()).filter(|s| s.is_final()) else { return Ok("stale") };
    let a = w.attempt_mut(id)?;
    (a.conflict, a.poll_at, a.message_status) = (false, None, Some(status.clone()));
    if a.state == AttemptState::Failed {
        a.result = reason(a, end, None);
    }
    let text = format!("attempt {}: settled by asking: {status}", a.number);
    w.log_as(Actor::provider(), LogKind::MessageConflict, Some(id), text, json!({ "status": status }));
    Ok("moved")
}

/// Why a phone call ended without a key, its word first.
fn reason(a: &Attempt, end: PhoneCallStatus, sip: Option<ErrorCode>) -> String {
    let code = sip.map(|c| format!(" (SIP {c})")).unwrap_or_default();
    if a.expires_at.is_some() {
        return format!("ended: the phone call was not wanted any more, {end}{code}");
    }
    if end == PhoneCallStatus::Completed && a.result != IS_READ && super::job::frozen(&a.body).is_none() {
        return format!("{NOTHING_SAID}: somebody picked up, and our address was not asked for a word");
    }
    match (classes::class_of_end(end, sip.map(SipCode::from), false), end) {
        (CallEnd::NotTold, _) => {
            "answered_no_key: somebody or a voicemail picked up, and no key was pressed".to_owned()
        }
        (CallEnd::Again, PhoneCallStatus::Busy) => format!("busy: the phone was engaged{code}"),
        (CallEnd::Again, _) if sip == Some(ErrorCode(480)) => {
            format!("{UNREACHABLE}: the phone is off or out of range{code}")
        }
        (CallEnd::Again, PhoneCallStatus::NoAnswer) => format!("no-answer: nobody picked up{code}"),
        (CallEnd::Number, _) => format!("failed: there is no such number{code}"),
        (CallEnd::Blocked, _) => format!("{BLOCKED} by the carrier, the phone or its owner{code}"),
        (CallEnd::Ended, _) => format!("{end}: the phone call was ended before anybody picked up{code}"),
        (_, end) => format!("{end}: the phone could not be reached{code}"),
    }
}

/// The result of a phone call in which the provider has asked what to say.
pub(super) const IS_READ: &str = "picked up: the job is read to them";
/// How the result of a phone call begins in which nothing was said: the provider asked for no word of ours.
const NOTHING_SAID: &str = "nothing_said";

/// How the result of a phone call begins that was refused on its way.
const BLOCKED: &str = "blocked";

/// A phone call is over, and no key was pressed.
fn ended(
    w: &mut Work<'_>,
    id: AttemptId,
    end: PhoneCallStatus,
    sip: Option<ErrorCode>,
    way: &str,
) -> Result<(), Illegal> {
    w.attempt_on(id, AttemptEvent::ProviderSaid(Verdict::Failed))?;
    let a = w.attempt_mut(id)?;
    let rang = a.rang();
    a.result = reason(a, end, sip);
    a.message_status = Some(MessageStatus::from_word(end.as_str()));
    if rang && !a.rang() {
        a.result.push_str(HAD_RUNG);
    }
    let is_ended_by_us = a.expires_at.is_some();
    let what = if is_ended_by_us { CallEnd::Ended } else { classes::class_of_end(end, sip.map(SipCode::from), false) };
    let mut class = class_of(what);
    if what == CallEnd::Blocked && others_were_blocked(w, id)? {
        class = Class::Sender;
    }
    let a = w.attempt(id)?;
    let of_theirs = |b: &&Attempt| b.recipient.contact == a.recipient.contact && b.channel == Channel::Sms;
    if !w.state.attempts.iter().filter(of_theirs).any(|b| b.state == AttemptState::Submitted) {
        let key = AlertKind::NoFinalStatus.about(a.recipient.contact.as_str());
        w.resolve(key);
    }
    if w.attempt(id)?.result.starts_with(NOTHING_SAID) {
        let (call, name) = (w.state.call.id.clone(), w.attempt(id)?.recipient.name.clone());
        let text = format!(
            "{name} picked up a phone call of call {call} and heard nothing of the job: the provider did not get our words; see that server.public_url leads to `serve`, and ring {name} yourself"
        );
        w.raise(AlertKind::NothingSaid.about(&call), text);
    }
    tried(w, id)?;
    let a = w.attempt(id)?.clone();
    let text =
        format!("attempt {}: the phone call to {} ended without a key: {}", a.number, a.recipient.name, a.result);
    let data = json!({ "status": end.as_str(), "sip": sip, "class": class.letter().to_string(), "by": way });
    w.log_as(Actor::provider(), LogKind::AttemptFailed, Some(id), text.clone(), data);
    w.attempt_mut(id)?.class = Some(class);
    trip::proven(w, id, a.rang().then_some("it rang"), (!a.rang()).then_some(Verdict::Failed))?;
    match what {
        // Nothing is asked of the ladder: its clock goes on. A phone that is set to be quiet sends the first phone call to a
        // mailbox and lets a second one of the same number within three minutes through (`facts/twilio-voice.md` §5).
        CallEnd::NotTold => resend::after_failure(w, id, AGAIN_MAX, AGAIN_AFTER).map(drop),
        CallEnd::Decided | CallEnd::Ended => Ok(()),
        _ if class == Class::Sender => {
            let asks = ErrorClass { class, special: None };
            trip::open(w, id, asks, Evidence::Receipt, &text)?;
            resend::after_its_sender_failed(w, id)
        }
        CallEnd::Number => failure::by_class(w, &a, ErrorClass { class, special: None }, &text),
        CallEnd::Again | CallEnd::Blocked | CallEnd::Carrier => once_more(w, &a, what, &text),
    }
}

const fn class_of(end: CallEnd) -> Class {
    match end {
        CallEnd::Decided | CallEnd::Ended => Class::Informational,
        CallEnd::NotTold | CallEnd::Again | CallEnd::Blocked => Class::Transient,
        CallEnd::Number => Class::NumberPermanent,
        CallEnd::Carrier => Class::Ambiguous,
    }
}

/// Whether a phone call of this call to another number, from the same one, was refused on its way too: then it is our number.
fn others_were_blocked(w: &Work<'_>, id: AttemptId) -> Result<bool, Illegal> {
    let a = w.attempt(id)?;
    let blocked = |b: &Attempt| {
        b.recipient.phone != a.recipient.phone
            && b.sender == a.sender
            && b.state == AttemptState::Failed
            && b.result.starts_with(BLOCKED)
    };
    Ok(w.state.attempts.iter().any(blocked))
}

/// Once more by the same number, then the next contact.
fn once_more(w: &mut Work<'_>, a: &Attempt, what: CallEnd, text: &str) -> Result<(), Illegal> {
    if resend::after_failure(w, a.id, AGAIN_MAX, AGAIN_AFTER)? {
        return Ok(());
    }
    let contact = a.recipient.contact.clone();
    if what == CallEnd::Carrier {
        let call = w.state.call.id.clone();
        let key = AlertKind::Refused.about(format_args!("{call}:{}", contact.as_str()));
        w.raise(key, format!("call {call}: {text}"));
    }
    sequence::escalate_past(w, a.id, &contact, text)
}
