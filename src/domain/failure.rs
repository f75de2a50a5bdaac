//! An attempt failed for good: what is logged and alerted, and what the class of its error asks of the ladder and of the sender.

use serde_json::json;

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Move};
use super::breaker::Evidence;
use super::change::OptOutChange;
use super::codes::{Class, ErrorClass, Special};
use super::dial;
use super::log::LogKind;
use super::outgoing::LATE_CODE;
use super::raise_untold;
use super::receipt::Verdict;
use super::resend;
use super::sequence;
use super::spend;
use super::trip;
use super::types::{Actor, AttemptId, ErrorCode, Sender};
use super::work::{Illegal, Work};

/// The provider said no: the attempt fails for good, if it has not ended already.
pub(super) fn refused(
    w: &mut Work<'_>,
    id: AttemptId,
    code: Option<ErrorCode>,
    error_class: ErrorClass,
    why: &str,
) -> Result<(), Illegal> {
    if w.attempt_on(id, AttemptEvent::Refused)? != Move::To(AttemptState::Failed) {
        return Ok(());
    }
    let a = w.attempt_mut(id)?;
    a.error_code = code;
    a.result = why.to_owned();
    failed(w, id, error_class, Accepted::Never)
}

/// Whether the provider had accepted a message before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    Never,
    Before,
}

/// An attempt has failed for good: log, alerts, and what its class asks of the ladder.
pub(super) fn failed(
    w: &mut Work<'_>,
    id: AttemptId,
    error_class: ErrorClass,
    accepted: Accepted,
) -> Result<(), Illegal> {
    let a = w.attempt(id)?.clone();
    let code = a.error_code.map(|c| format!(" ({c})")).unwrap_or_default();
    let text = format!("attempt {} to {} failed{code}: {}", a.number, a.recipient.name, a.result);
    w.log(
        LogKind::AttemptFailed,
        Some(id),
        text.clone(),
        json!({ "code": a.error_code, "class": error_class.class.letter().to_string() }),
    );
    w.attempt_mut(id)?.class = Some(error_class.class);
    spend::after_failure(w, &a);
    let of_sender = matches!(error_class.class, Class::Account | Class::Sender);
    if of_sender && !resend::reached_since(w, &a).any(|b| error_class.class == Class::Account || b.sender == a.sender) {
        let evidence = if accepted == Accepted::Before { Evidence::Receipt } else { Evidence::Answer };
        trip::open(w, id, error_class, evidence, &text)?;
    }
    if a.kind != AttemptKind::Notice {
        raise_untold::page(w, &a, &format!("failed{code}"));
        return Ok(());
    }
    let later = resend::reached_since(w, &a).map(|b| b.number).next();
    if let Some(later) = later {
        // Later than its news: whatever it says of the contact or the text no longer holds.
        let text = format!("attempt {} changes nothing: attempt {later} reached {}", a.number, a.recipient.name);
        w.log(LogKind::AttemptFailed, Some(id), text, json!({ "dropped": "a later text to them was delivered" }));
        return Ok(());
    }
    let (call, contact) = (w.state.call.id.clone(), a.recipient.contact.clone());
    // The breaker's one alert stands for all that its sender fails.
    if accepted == Accepted::Before && !of_sender {
        w.raise(
            AlertKind::Failed.about(format_args!("{call}:{}", contact.as_str())),
            format!("call {call}: {text}, after the provider had accepted it"),
        );
    }
    by_class(w, &a, error_class, &text)
}

/// The code of a failure came after the word that it failed: it is kept, and what it says of the contact's number or of the
/// sender is acted on. The ladder went on already. Says whether there was one to keep.
pub(super) fn keep_late_code(
    w: &mut Work<'_>,
    id: AttemptId,
    verdict: Option<Verdict>,
    code: Option<ErrorCode>,
    error_class: ErrorClass,
) -> Result<bool, Illegal> {
    let a = w.attempt(id)?;
    let (Some(code), Some(Verdict::Failed), AttemptState::Failed, None) = (code, verdict, a.state, a.error_code) else {
        return Ok(false);
    };
    let (number, name) = (a.number, a.recipient.name.clone());
    let kept = w.attempt_mut(id)?;
    (kept.error_code, kept.class) = (Some(code), Some(error_class.class));
    let a = kept.clone();
    let text = format!("attempt {number} to {name} failed ({code}): the code came later");
    let data = json!({ "code": code, "class": error_class.class.letter().to_string(), LATE_CODE: true });
    w.log_as(Actor::provider(), LogKind::AttemptFailed, Some(id), text.clone(), data);
    let reached: Vec<Option<Sender>> = resend::reached_since(w, &a).map(|b| b.sender.clone()).collect();
    match error_class.class {
        Class::NumberPermanent if a.kind == AttemptKind::Notice && reached.is_empty() => {
            by_class(w, &a, error_class, &text)?;
        }
        Class::Account | Class::Sender
            if !reached.iter().any(|s| error_class.class == Class::Account || *s == a.sender) =>
        {
            trip::open(w, id, error_class, Evidence::Receipt, &text)?;
        }
        _ => {}
    }
    Ok(true)
}

/// What the class of its error asks of the ladder for a notice that failed.
pub(super) fn by_class(w: &mut Work<'_>, a: &Attempt, error_class: ErrorClass, text: &str) -> Result<(), Illegal> {
    let (id, call, contact) = (a.id, w.state.call.id.clone(), a.recipient.contact.clone());
    let refused = AlertKind::Refused.about(format_args!("{call}:{}", contact.as_str()));
    match error_class.class {
        Class::NumberPermanent => {
            if error_class.special == Some(Special::OptedOut) {
                let sender = a.sender.as_ref().map(|s| s.as_str().to_owned()).unwrap_or_default();
                w.raise(
                    AlertKind::OptedOut.about(contact.as_str()),
                    format!("{} opted out: they must text START before they can be told", a.recipient.name),
                );
                w.change.opt_outs.push(OptOutChange::Out { phone: a.recipient.phone.e164().to_owned(), sender });
            }
            w.state.call.exclude_failed(&contact, a.channel);
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::OurRequest if error_class.special == Some(Special::BadText) => {
            w.raise(refused, format!("call {call}: {text}"));
            if resend::with_built_in_text(w, id)? {
                return Ok(());
            }
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::PairOrContent | Class::OurRequest | Class::UnknownCode => {
            w.raise(refused, format!("call {call}: {text}"));
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        Class::Account | Class::Sender => resend::after_its_sender_failed(w, id),
        Class::Transient => {
            if error_class.special == Some(Special::TooManyAtOnce) {
                dial::limits::too_many(w);
            }
            if resend::after_failure(w, id, w.ctx.rules.resend_limit, w.ctx.rules.resend_pause)? {
                return Ok(());
            }
            // This contact keeps their later steps; somebody else is told now.
            sequence::escalate_past(w, id, &contact, text)
        }
        Class::Ambiguous if error_class.special == Some(Special::UnknownOutcome) => {
            resend::by_policy(w, id, "the carrier did not answer in time")
        }
        Class::Ambiguous => {
            if resend::after_failure(w, id, w.ctx.rules.resend_limit.min(1), w.ctx.rules.resend_pause)? {
                return Ok(());
            }
            w.raise(refused, format!("call {call}: {text}"));
            sequence::escalate_now(w, Some(id), &contact, text)
        }
        // Says nothing of an outbound message: the clock goes on.
        Class::Informational => Ok(()),
    }
}
