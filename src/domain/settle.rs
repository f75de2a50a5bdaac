//! A person decides an unknown outcome: they know what the provider's list and receipts did not tell.
//!
//! Their word ends the search. That a message exists links it, and it is followed like any other; that there is none fails the
//! attempt, and the ladder is acted on as where a text could not be sent; a repeat is made on their word alone, and held to
//! the bars of every other resend. What the provider says later stands all the same: it is settled like two different finals.

use serde_json::{Value, json};

use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, ResendReason};
use super::call::CallVersion;
use super::change::Answer;
use super::decide::{CHANGED, not_allowed};
use super::event::Settlement;
use super::log::LogKind;
use super::resend;
use super::sequence;
use super::status_update;
use super::types::{Actor, AttemptId, MessageSid};
use super::work::{Illegal, Work};

/// What a person says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) how: &'a Settlement,
    /// The call as they saw it, where that is known.
    pub(super) seen: Option<&'a CallVersion>,
    pub(super) by: &'a Actor,
    pub(super) note: Option<&'a str>,
}

/// Applies what a person knows. Said before: nothing is done, and it is said. What does not fit: nothing is done, and why.
pub(super) fn settle(w: &mut Work<'_>, id: AttemptId, said: Said<'_>) -> Result<(), Illegal> {
    let Said { how, seen, by, note } = said;
    // Where there is no such attempt, the call that was loaded is the one that the message is linked to.
    let Some(a) = w.state.attempt(id).cloned() else {
        w.change.answer = Answer::NotFound;
        return Ok(());
    };
    if is_so(w, &a, how) {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    }
    if seen.is_some_and(|seen| *seen != CallVersion::of(&w.state.call)) {
        return not_allowed(w, CHANGED);
    }
    if let Some(why) = why_not(w, &a, how) {
        w.change.answer = Answer::NotAllowed(Box::new(w.state.clone()), why);
        return Ok(());
    }
    let now = w.now();
    let attempt = w.attempt_mut(id)?;
    // It was decided by a person: the policy, which decides once a notice, has nothing left to decide.
    attempt.decided_at = attempt.decided_at.or(Some(now));
    w.resolve(resend::unknown_key(id));
    match how {
        Settlement::Sent(sid) => sent(w, &a, sid, by, note),
        Settlement::NotSent => {
            not_sent(w, &a, by, note)?;
            let text = format!("attempt {} to {} was not sent, says {}", a.number, a.recipient.name, by.0);
            if a.kind == AttemptKind::Notice {
                sequence::escalate_past(w, id, &a.recipient.contact, &text)?;
            }
            Ok(())
        }
        Settlement::Resend => {
            not_sent(w, &a, by, note)?;
            resend::resend(w, id, now, ResendReason::ByHand).map(drop)
        }
    }
}

/// Whether that is how it stands already.
fn is_so(w: &Work<'_>, a: &Attempt, how: &Settlement) -> bool {
    let never_accepted = a.state == AttemptState::Failed && a.sid.is_none();
    match how {
        Settlement::Sent(sid) => a.sid.as_ref() == Some(sid),
        Settlement::NotSent => never_accepted,
        Settlement::Resend => never_accepted && w.state.attempts.iter().any(|b| b.repeats == Some(a.id)),
    }
}

/// Why it cannot be settled so.
fn why_not(w: &Work<'_>, a: &Attempt, how: &Settlement) -> Option<String> {
    if a.state != AttemptState::Unknown {
        let message = a.sid.as_ref().map(|sid| format!(" (message {sid})")).unwrap_or_default();
        return Some(format!("attempt {} is {}{message}, not unknown", a.number, a.state));
    }
    match how {
        Settlement::Sent(sid) => {
            let theirs = |b: &&Attempt| b.sid.as_ref() == Some(sid);
            let all = || w.loaded.calls.iter().flat_map(|c| c.attempts.iter().filter(theirs).map(move |b| (c, b)));
            all().next().map(|(c, b)| {
                format!("message {sid} is that of attempt {} of call {}", b.reference(&c.call.reference), c.call.id)
            })
        }
        Settlement::NotSent => None,
        Settlement::Resend => resend::why_no_repeat(w, a).map(|why| format!("it is not sent again: {why}")),
    }
}

fn sent(w: &mut Work<'_>, a: &Attempt, sid: &MessageSid, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    record(w, a, &format!("the provider has it as {sid}"), by, note);
    w.attempt_on(a.id, AttemptEvent::ProviderHasIt)?;
    let now = w.now();
    let attempt = w.attempt_mut(a.id)?;
    attempt.sid = Some(sid.clone());
    // Nobody but the provider knows how far it is: it is asked at once.
    (attempt.poll_at, attempt.polls) = (Some(now), 0);
    attempt.result = format!("accepted by the provider, says {}", by.0);
    let text = format!("attempt {} to {} was accepted by the provider, says {}", a.number, a.recipient.name, by.0);
    w.log_as(by.clone(), LogKind::AttemptSubmitted, Some(a.id), text, json!({ "sid": sid, "by": "settle" }));
    if a.kind == AttemptKind::Notice {
        resend::resolve_earlier(w, a.id)?;
    }
    let kept: Vec<_> = w.loaded.orphans.iter().filter(|n| &n.sid == sid).cloned().collect();
    kept.iter().try_for_each(|n| status_update::apply(w, a.id, n).map(drop))
}

fn not_sent(w: &mut Work<'_>, a: &Attempt, by: &Actor, note: Option<&str>) -> Result<(), Illegal> {
    record(w, a, "the provider does not have it", by, note);
    w.attempt_on(a.id, AttemptEvent::Refused)?;
    let result = format!("not sent, says {}", by.0);
    w.attempt_mut(a.id)?.result.clone_from(&result);
    let text = format!("attempt {} to {} failed: {result}", a.number, a.recipient.name);
    w.log_as(by.clone(), LogKind::AttemptFailed, Some(a.id), text, json!({ "code": null, "class": null }));
    Ok(())
}

fn record(w: &mut Work<'_>, a: &Attempt, what: &str, by: &Actor, note: Option<&str>) {
    let data = note.map_or(Value::Null, |n| json!({ "note": n }));
    let text = format!("attempt {} settled by {}: {what}", a.number, by.0);
    w.log_as(by.clone(), LogKind::AttemptSettled, Some(a.id), text, data);
}
