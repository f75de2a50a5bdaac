//! How a phone call ended without a key: what is kept of it, and what it asks of the ladder.

use std::time::Duration;

use serde_json::json;

use super::{blocked, progress};
use crate::domain::alert::AlertKind;
use crate::domain::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Channel};
use crate::domain::breaker::Evidence;
use crate::domain::codes::{Class, ErrorClass};
use crate::domain::event::Source;
use crate::domain::failure;
use crate::domain::log::LogKind;
use crate::domain::resend;
use crate::domain::sequence;
use crate::domain::trip;
use crate::domain::types::{Actor, AttemptId, ErrorCode};
use crate::domain::voice::classes::{self, PhoneCallEnd, SipCode};
use crate::domain::voice::script::TwimlSource;
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::work::{Illegal, Work};
use crate::domain::{MessageStatus, Verdict};

/// A phone that was engaged or not answered is rung once more after so long: with the ring before and a queue, within the three
/// minutes in which a second call from one number is let through by a phone that is silent (`facts/twilio-voice.md` §5).
const AGAIN_AFTER: Duration = Duration::from_secs(45);
/// How often it is rung again.
const AGAIN_MAX: u32 = 1;
/// How long after a fetch that found another final word the provider is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How a reason names the carrier's code, and that it rang before it came to what its last word says.
const SIP: &str = "(SIP ";
const HAD_RUNG: &str = "; it had rung";
/// The phone is off, or out of range.
const UNREACHABLE: SipCode = SipCode(480);

/// A phone call is over, and no key was pressed.
pub(super) fn ended(
    w: &mut Work<'_>,
    id: AttemptId,
    end: PhoneCallStatus,
    sip: Option<ErrorCode>,
    way: &str,
) -> Result<(), Illegal> {
    w.attempt_on(id, AttemptEvent::ProviderSaid(Verdict::Failed))?;
    let a = w.attempt_mut(id)?;
    a.message_status = Some(MessageStatus::from_word(end.as_str()));
    keep(a, end, sip.map(SipCode::from));
    let (what, class) = meaning(w, id, end)?;
    let a = w.attempt(id)?.clone();
    let of_theirs = |b: &&Attempt| b.recipient.contact == a.recipient.contact && b.channel == Channel::Sms;
    if !w.state.attempts.iter().filter(of_theirs).any(|b| b.state == AttemptState::Submitted) {
        let key = AlertKind::NoFinalStatus.about(a.recipient.contact.as_str());
        w.resolve(key);
    }
    if heard_nothing(&a, end) {
        let (call, name) = (w.state.call.id.clone(), &a.recipient.name);
        let text = format!(
            "{name} picked up a phone call of call {call} and heard nothing of the job: the provider did not get our words; see that server.public_url leads to `serve`, and ring {name} yourself"
        );
        w.raise(AlertKind::NothingSaid.about(&call), text);
    }
    progress::tried(w, id)?;
    let text =
        format!("attempt {}: the phone call to {} ended without a key: {}", a.number, a.recipient.name, a.result);
    let data = json!({ "status": end.as_str(), "sip": a.trace.sip, "class": class.letter().to_string(), "by": way });
    w.log_as(Actor::provider(), LogKind::AttemptFailed, Some(id), text.clone(), data);
    w.attempt_mut(id)?.class = Some(class);
    trip::proven(w, id, a.rang().then_some("it rang"), (!a.rang()).then_some(Verdict::Failed))?;
    match what {
        // Nothing is asked of the ladder: its clock goes on. A phone that is set to be quiet sends the first phone call to a
        // mailbox and lets a second one of the same number within three minutes through (`facts/twilio-voice.md` §5).
        PhoneCallEnd::NotTold => resend::after_failure(w, id, AGAIN_MAX, AGAIN_AFTER).map(drop),
        PhoneCallEnd::Ended => Ok(()),
        _ if class == Class::Sender => {
            trip::open(w, id, ErrorClass { class, special: None }, Evidence::Receipt, &text)?;
            resend::after_its_sender_failed(w, id)
        }
        PhoneCallEnd::Number => failure::by_class(w, &a, ErrorClass { class, special: None }, &text),
        PhoneCallEnd::Again | PhoneCallEnd::Blocked | PhoneCallEnd::Carrier => once_more(w, &a, what, &text),
    }
}

/// Keeps how it ended, with the carrier's code where one is known.
fn keep(a: &mut Attempt, end: PhoneCallStatus, sip: Option<SipCode>) {
    let had_rung = a.trace.rang;
    a.trace.sip = sip;
    a.trace.rang = !is_unreachable(sip) && (had_rung || end.rings());
    a.result = reason(a, end);
    if had_rung && a.trace.rang && !end.rings() {
        a.result.push_str(HAD_RUNG);
    }
}

/// Whether the phone was off or out of range: what was heard ringing then was not the phone, in whatever order that is told.
pub(super) fn is_unreachable(sip: Option<SipCode>) -> bool {
    sip == Some(UNREACHABLE)
}

/// What its end does, and the class of that.
fn meaning(w: &Work<'_>, id: AttemptId, end: PhoneCallStatus) -> Result<(PhoneCallEnd, Class), Illegal> {
    let a = w.attempt(id)?;
    let is_ended_by_us = a.expires_at.is_some();
    let what = if is_ended_by_us { PhoneCallEnd::Ended } else { classes::class_of_end(end, a.trace.sip) };
    let is_ours = what == PhoneCallEnd::Blocked && blocked::by_carrier(w, id)?;
    Ok((what, if is_ours { Class::Sender } else { class_of(what) }))
}

pub(crate) const fn class_of(end: PhoneCallEnd) -> Class {
    match end {
        PhoneCallEnd::Ended => Class::Informational,
        PhoneCallEnd::NotTold | PhoneCallEnd::Again | PhoneCallEnd::Blocked => Class::Transient,
        PhoneCallEnd::Number => Class::NumberPermanent,
        PhoneCallEnd::Carrier => Class::Ambiguous,
    }
}

/// Somebody picked up, and the provider got no words of ours.
fn heard_nothing(a: &Attempt, end: PhoneCallStatus) -> bool {
    end == PhoneCallStatus::Completed && a.expires_at.is_none() && !a.trace.asked && TwimlSource::of(&a.body).is_asked()
}

/// Why a phone call ended without a key, its word first.
fn reason(a: &Attempt, end: PhoneCallStatus) -> String {
    let sip = a.trace.sip;
    let code = sip.map(|c| format!(" {SIP}{})", c.0)).unwrap_or_default();
    if a.expires_at.is_some() {
        return format!("ended: the phone call was not wanted any more, {end}{code}");
    }
    if heard_nothing(a, end) {
        return "nothing_said: somebody picked up, and our address was not asked for a word".to_owned();
    }
    match (classes::class_of_end(end, sip), end) {
        (PhoneCallEnd::NotTold, _) => {
            "answered_no_key: somebody or a voicemail picked up, and no key was pressed".to_owned()
        }
        (PhoneCallEnd::Again, PhoneCallStatus::Busy) => format!("busy: the phone was engaged{code}"),
        (PhoneCallEnd::Again, _) if is_unreachable(sip) => {
            format!("unreachable: the phone is off or out of range{code}")
        }
        (PhoneCallEnd::Again, PhoneCallStatus::NoAnswer) => format!("no-answer: nobody picked up{code}"),
        (PhoneCallEnd::Number, _) => format!("failed: there is no such number{code}"),
        (PhoneCallEnd::Blocked, _) => format!("blocked by the carrier, the phone or its owner{code}"),
        (PhoneCallEnd::Ended, _) => format!("{end}: the phone call was ended before anybody picked up{code}"),
        (_, end) => format!("{end}: the phone could not be reached{code}"),
    }
}

/// The carrier's code in such a reason: `(SIP 486)`.
pub(crate) fn sip_in(reason: &str) -> Option<SipCode> {
    let (_, behind) = reason.rsplit_once(SIP)?;
    behind.split_once(')')?.0.parse().ok().map(SipCode)
}

/// Whether a phone rang, by the last status, its code and its reason.
pub(crate) fn rang(last: Option<PhoneCallStatus>, sip: Option<SipCode>, reason: &str) -> bool {
    !is_unreachable(sip) && (last.is_some_and(PhoneCallStatus::rings) || reason.contains(HAD_RUNG))
}

/// Once more by the same number, then the next contact.
fn once_more(w: &mut Work<'_>, a: &Attempt, what: PhoneCallEnd, text: &str) -> Result<(), Illegal> {
    if resend::after_failure(w, a.id, AGAIN_MAX, AGAIN_AFTER)? {
        return Ok(());
    }
    let contact = a.recipient.contact.clone();
    if what == PhoneCallEnd::Carrier {
        let call = w.state.call.id.clone();
        let key = AlertKind::Refused.about(format_args!("{call}:{}", contact.as_str()));
        w.raise(key, format!("call {call}: {text}"));
    }
    sequence::escalate_past(w, a.id, &contact, text)
}

/// A final word about a phone call whose attempt has ended: after a key it is how the phone call ended; else one that differs is
/// settled by one fetch, and one that is the same may bring the carrier's code.
pub(super) fn after_the_end(
    w: &mut Work<'_>,
    id: AttemptId,
    (old, end): (Option<PhoneCallStatus>, PhoneCallStatus),
    sip: Option<ErrorCode>,
    way: &str,
) -> Result<&'static str, Illegal> {
    let pause = if way == Source::Fetch.as_str() { ASK_AGAIN } else { Duration::ZERO };
    let at = w.now().plus(pause);
    let status = MessageStatus::from_word(end.as_str());
    let a = w.attempt_mut(id)?;
    let data = json!({ "status": status, "sip": sip, "by": way });
    match old.filter(|o| o.is_final()) {
        Some(known) if known == end => late_reason(w, id, end, sip),
        Some(_) => {
            if !a.conflict {
                (a.conflict, a.poll_at, a.polls) = (true, Some(at), 0);
            }
            let code = sip.map(|c| format!(" (SIP {c})")).unwrap_or_default();
            let text =
                format!("attempt {}: the provider says {status}{code} after another end: asking once more", a.number);
            w.log_as(Actor::provider(), LogKind::MessageConflict, Some(id), text, data);
            Ok("conflict")
        }
        None => {
            (a.message_status, a.poll_at, a.trace.sip) = (Some(status), None, sip.map(SipCode::from));
            let text = format!("attempt {}: the phone call is over: {end}", a.number);
            w.log_as(Actor::provider(), LogKind::MessageStatus, Some(id), text, data);
            Ok("moved")
        }
    }
}

/// The carrier's code came after the word that it belongs to, which a question had brought: it stands in the story, and what it says
/// of the contact's number, or of ours, is acted on. The ladder went on already.
fn late_reason(
    w: &mut Work<'_>,
    id: AttemptId,
    end: PhoneCallStatus,
    sip: Option<ErrorCode>,
) -> Result<&'static str, Illegal> {
    let a = w.attempt_mut(id)?;
    let (Some(sip), None) = (sip.map(SipCode::from), a.trace.sip) else { return Ok("stale") };
    if a.state != AttemptState::Failed {
        // A key decided.
        a.trace.sip = Some(sip);
        return Ok("moved");
    }
    keep(a, end, Some(sip));
    let (_, class) = meaning(w, id, end)?;
    let a = w.attempt_mut(id)?;
    a.class = Some(class);
    let a = a.clone();
    let text =
        format!("attempt {}: why the phone call to {} ended is known now: {}", a.number, a.recipient.name, a.result);
    let data = json!({ "status": end.as_str(), "sip": sip, "class": class.letter().to_string(), "late": true });
    w.log_as(Actor::provider(), LogKind::MessageStatus, Some(id), text.clone(), data);
    let asks = ErrorClass { class, special: None };
    match class {
        Class::NumberPermanent if a.kind == AttemptKind::Notice && resend::reached_since(w, &a).next().is_none() => {
            let again = |b: &&Attempt| b.repeats == Some(id) && b.state.is_waiting();
            let waiting: Vec<AttemptId> = w.state.attempts.iter().filter(again).map(|b| b.id).collect();
            for again in waiting {
                w.drop_waiting(again, AttemptEvent::Skip, "there is no such number")?;
            }
            failure::by_class(w, &a, asks, &text)?;
        }
        Class::Sender => trip::open(w, id, asks, Evidence::Receipt, &text)?,
        _ => {}
    }
    Ok("moved")
}

/// The word of a fetch stands; one that is not final settles nothing. What the first word asked of the ladder was done.
pub(in crate::domain) fn settle_conflict(
    w: &mut Work<'_>,
    id: AttemptId,
    status: &MessageStatus,
) -> Result<&'static str, Illegal> {
    let Some(end) = PhoneCallStatus::from_word(status.as_str()).filter(|s| s.is_final()) else { return Ok("stale") };
    let a = w.attempt_mut(id)?;
    let stands = a.message_status.as_ref() == Some(status);
    (a.conflict, a.poll_at, a.message_status) = (false, None, Some(status.clone()));
    if a.state == AttemptState::Failed && !stands {
        // The code that is known belongs to the other word.
        keep(a, end, None);
        let (_, class) = meaning(w, id, end)?;
        w.attempt_mut(id)?.class = Some(class);
    }
    let number = w.attempt(id)?.number;
    let text = format!("attempt {number}: settled by asking: {status}");
    w.log_as(Actor::provider(), LogKind::MessageConflict, Some(id), text, json!({ "status": status }));
    Ok("moved")
}
