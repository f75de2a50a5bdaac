//! What the provider says of a phone call, by whatever way: callbacks, questions, finds in the list. One rule for all of them.
//!
//! A status never moves back. Picked up is not told: only a key ends an attempt as delivered (`domain/dial/key.rs`); every final word
//! of the provider ends it as failed, with a reason, and what that asks of the ladder is done in the same change.

use serde_json::json;

use super::{limits, outcome};
use crate::domain::MessageStatus;
use crate::domain::alert::AlertKind;
use crate::domain::attempt::{AttemptEvent, AttemptState, Move};
use crate::domain::log::LogKind;
use crate::domain::resend;
use crate::domain::trip;
use crate::domain::types::{Actor, AttemptId, ErrorCode, MessageSid};
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::work::{Illegal, Work};

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
        Some(end) if was.is_final() => return outcome::after_the_end(w, id, (old, end), sip, way),
        Some(end) => {
            outcome::ended(w, id, end, sip, way)?;
            return Ok("moved");
        }
        None => {}
    }
    let moved = w.attempt_on(id, AttemptEvent::ProviderHasIt)?;
    if said.is_some_and(PhoneCallStatus::rings) {
        let a = w.attempt_mut(id)?;
        a.trace.rang = !outcome::is_unreachable(a.trace.sip);
    }
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
pub(super) fn tried(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
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
    limits::not_too_many(w);
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
