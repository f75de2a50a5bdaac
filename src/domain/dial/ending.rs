//! A phone that rings for a call that needs nobody any more is to stop: the wish is part of the change that makes it so, and stays in
//! the store until the phone call is over. `engine/ringing.rs` ends it.

use serde_json::json;

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use crate::domain::call::{CallState, CallStatus};
use crate::domain::change::{Answer, HowToEnd, Speech};
use crate::domain::log::LogKind;
use crate::domain::types::{AttemptId, Timestamp};
use crate::domain::work::{Illegal, Work, holder_name};

/// Every open phone call of this call is to end.
pub(in crate::domain) fn end_all(w: &mut Work<'_>, why: &str) {
    let now = w.now();
    // One that is not known may ring yet.
    let may_ring =
        |a: &Attempt| a.is_open_phone_call() || (a.channel == Channel::Voice && a.state == AttemptState::Unknown);
    let open = |a: &&Attempt| may_ring(a) && a.kind == AttemptKind::Notice && a.expires_at.is_none();
    let ids: Vec<(AttemptId, u32, String)> =
        w.state.attempts.iter().filter(open).map(|a| (a.id, a.number, a.recipient.name.clone())).collect();
    for (id, number, name) in ids {
        if let Some(a) = w.state.attempt_mut(id) {
            a.expires_at = Some(now);
        }
        let text = format!("the phone call to {name} (attempt {number}) is to end: {why}");
        w.log(LogKind::AttemptEnding, Some(id), text, json!({ "why": why }));
    }
}

/// Whether this phone call is to be ended now, and how: its call needs nobody any more, or it was never dialled and is stale.
pub fn how_to_end(state: &CallState, a: &Attempt, stale_before: Timestamp, holder: &str) -> Option<HowToEnd> {
    let word = a.message_status.as_ref().map_or("", |s| s.as_str());
    if !a.is_open_phone_call() || a.sid.is_none() {
        return None;
    }
    let is_stale = word == "queued" && a.sent_at.is_some_and(|at| at <= stale_before);
    if a.expires_at.is_none() && !is_stale {
        return None;
    }
    Some(match a.is_being_spoken() {
        false => HowToEnd::Cancel,
        true => HowToEnd::Say(match state.call.status {
            CallStatus::Acknowledged if state.call.holder.as_ref() == Some(&a.recipient.contact) => Speech::Yours(None),
            CallStatus::Acknowledged => Speech::Taken(Some(holder.to_owned())),
            _ => Speech::Over,
        }),
    })
}

/// Says how this phone call is to be ended now; where it is not, nothing is to be done.
pub(in crate::domain) fn end(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let stale = w.now().minus(w.ctx.rules.validity);
    let a = w.attempt(id)?.clone();
    let (Some(how), Some(sid)) = (how_to_end(&w.state, &a, stale, &holder_name(w)), a.sid) else { return Ok(()) };
    if a.expires_at.is_none() {
        let now = w.now();
        w.attempt_mut(id)?.expires_at = Some(now);
        let text = format!(
            "the phone call to {} (attempt {}) was never dialled and is stale: it is to end",
            a.recipient.name, a.number
        );
        w.log(LogKind::AttemptEnding, Some(id), text, json!({ "why": "stale" }));
    }
    // In a ladder without texts the job is read whole.
    let how = if how == HowToEnd::Say(Speech::Yours(None)) { HowToEnd::Say(super::key::yours(w)) } else { how };
    w.change.answer = Answer::End { sid, how };
    Ok(())
}
