//! JSON documents of calls: one shape for the HTTP API and for `-o json`.

use serde_json::{Map, Value, json};

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState};
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::log::LogKind;
use crate::domain::policy::Policy;
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::store::{CallLine, CallStory, Ledger, LogLine, StoreError};

/// Finds the call that a text means: a call id, the id of what became part of a call, a message SID, or a reference, in that order.
///
/// # Errors
/// [`StoreError`].
pub async fn find(store: &dyn Ledger, text: &str) -> Result<Option<CallId>, StoreError> {
    if let Ok(id) = text.parse::<CallId>() {
        if store.call(&id).await?.is_some() {
            return Ok(Some(id));
        }
        if let Some(of) = store.call_of_other_id(&id).await? {
            return Ok(Some(of));
        }
    }
    if let Ok(sid) = text.parse() {
        return store.call_by_sid(&sid).await;
    }
    let code = text.split_once('-').map_or(text, |(code, _)| code);
    match code.parse() {
        Ok(reference) => store.call_by_reference(&reference).await,
        Err(_) => Ok(None),
    }
}

/// What was asked for is part of another call: the document keeps the id that was asked for and names the call.
pub fn merged_into(mut document: Value, asked: &str, call: &CallId) -> Value {
    if let Some(map) = document.as_object_mut() {
        map.insert("callId".into(), asked.into());
        map.insert("mergedInto".into(), call.as_str().into());
    }
    document
}

/// True: the provider has it. False: it will not arrive. Null: pending or unknown.
pub fn success(state: AttemptState) -> Option<bool> {
    match state {
        AttemptState::Submitted | AttemptState::Delivered => Some(true),
        AttemptState::Failed | AttemptState::Skipped | AttemptState::Cancelled => Some(false),
        AttemptState::Scheduled | AttemptState::Sending | AttemptState::Retrying | AttemptState::Unknown => None,
    }
}

pub fn attempt(call: &Call, a: &Attempt) -> Value {
    let error = match success(a.state) {
        Some(true) => Value::Null,
        _ if a.error_code.is_some() || a.state.is_final() || a.state == AttemptState::Unknown => {
            json!({ "code": a.error_code, "message": a.result })
        }
        _ => Value::Null,
    };
    json!({
        "success": success(a.state),
        "sid": a.sid,
        "status": a.message_status,
        "channel": a.channel,
        "to": a.recipient.email.as_ref().map_or_else(|| a.recipient.phone.e164(), |e| e.as_str()),
        "contact": a.recipient.contact.as_str(),
        "contactName": a.recipient.name,
        "attemptId": a.id,
        "attemptNumber": a.number,
        "attemptState": a.state,
        "reference": a.reference(&call.reference),
        "kind": a.kind,
        "round": a.round,
        "step": a.step + 1,
        "sender": a.sender.as_ref().map(crate::domain::types::Sender::as_str),
        "segments": a.segments,
        "createdAt": a.created_at,
        "sentAt": a.sent_at,
        "finishedAt": a.finished_at,
        "repeats": a.repeats,
        "error": error,
    })
}

/// The outcome of a dispatch.
pub fn outcome(state: &CallState, created: bool, mode: &str) -> Value {
    let call = &state.call;
    let notices: Vec<&Attempt> = state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).collect();
    let mut channels = Map::new();
    // The first notice of each.
    for a in notices.iter().rev() {
        channels.insert(a.channel.to_string(), attempt(call, a));
    }
    json!({
        "callId": call.id,
        "reference": call.reference,
        "status": call.status,
        "created": created,
        "mode": mode,
        "channels": channels,
        "attempts": notices.iter().map(|a| attempt(call, a)).collect::<Vec<_>>(),
        "nextFollowUpAt": next_follow_up(call),
        "heldUntil": call.held(),
    })
}

/// Adds `success` and `result` to an outcome, as the system before this one answered: what was accepted is a success, whether or not
/// a text has left.
pub fn add_earlier_shape(outcome: &mut Value) {
    let part = |name: &str| outcome.get(name).cloned().unwrap_or_default();
    let result = json!({
        "success": true,
        "callId": part("callId"),
        "status": part("status"),
        "channels": part("channels"),
        "nextRetryAt": part("nextFollowUpAt"),
    });
    if let Some(map) = outcome.as_object_mut() {
        map.insert("success".into(), Value::Bool(true));
        map.insert("result".into(), result);
    }
}

/// When the next step fires; `None` where none is left, or nobody is looked for.
pub fn next_follow_up(call: &Call) -> Option<crate::domain::Timestamp> {
    let left = usize::try_from(call.next_step).is_ok_and(|n| n < call.policy.total_steps());
    call.deferred_from.or(call.wake_at).filter(|_| call.status == CallStatus::Dispatching && left)
}

/// Whether the last resort is told next: the ladder is over, and it was not told in this round.
pub fn last_resort_is_next(call: &Call, directory: &Directory) -> bool {
    let over = usize::try_from(call.next_step).is_ok_and(|n| n == call.policy.total_steps());
    call.status == CallStatus::Dispatching && over && !directory.last_resort.is_empty()
}

/// A call without its attempts. `askedAt`: since when a question to its holder, whether it goes on, is unanswered; `askAt`: when
/// the holder is asked, or, with `askedAt`, when its silence has an end. `exhaustsAt`: when the end of its ladder is looked at; the last resort is told first, where there is
/// one and `lastResortTold` is false.
pub fn call(call: &Call, mode: &str) -> Value {
    json!({
        "callId": call.id,
        "reference": call.reference,
        "status": call.status,
        "mode": mode,
        "level": call.level,
        "round": call.round,
        "callData": call.data,
        "settings": call.settings.map(|s| s.0),
        "createdBy": call.created_by,
        "acceptedAt": call.accepted_at,
        "toldAt": call.notified_at,
        "closedAt": call.closed_at,
        "holder": call.holder.as_ref().map(crate::domain::types::ContactId::as_str),
        "askAt": call.ask_at,
        "askedAt": call.asked_at,
        "outs": call.excluded,
        "nextStep": call.next_step + 1,
        "steps": call.policy.total_steps(),
        "nextFollowUpAt": next_follow_up(call),
        "heldUntil": call.held(),
        "lastResortTold": usize::try_from(call.next_step).is_ok_and(|n| n > call.policy.total_steps()),
        "exhaustsAt": call.wake_at.filter(|_| next_follow_up(call).is_none()),
        "followUpsCancelled": call.muted,
    })
}

/// A line of a list.
pub fn line(line: &CallLine, mode: &str) -> Value {
    let mut v = call(&line.call, mode);
    if let Some(map) = v.as_object_mut() {
        map.insert("lastContact".into(), json!(line.last_contact));
        map.insert("lastAttemptState".into(), json!(line.last_state));
        map.insert("lastChannel".into(), json!(line.last_channel));
    }
    v
}

/// An entry of the log.
pub fn log_line(l: &LogLine) -> Value {
    json!({
        "seq": l.seq,
        "at": l.entry.at,
        "kind": l.entry.kind,
        "callId": l.entry.call,
        "attemptId": l.entry.attempt,
        "actor": l.entry.actor,
        "message": l.entry.message,
        "data": l.entry.data,
    })
}

/// What somebody wrote who was told of the call; `None`: another kind of entry.
fn reply(l: &LogLine) -> Option<Value> {
    if l.entry.kind != LogKind::ReplyReceived {
        return None;
    }
    let said = |name: &str| l.entry.data.get(name).cloned().unwrap_or_default();
    Some(json!({
        "at": l.entry.at,
        "sid": said("sid"),
        "from": said("from"),
        "contact": said("contact"),
        "contactName": said("contactName"),
        "text": said("text"),
        "understood": said("understood"),
        "answer": said("answer"),
    }))
}

fn policy(p: &Policy) -> Value {
    let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let steps: Vec<Value> = p.steps.iter().map(|s| json!({ "waitMs": ms(s.wait), "notify": s.notify })).collect();
    json!({
        "name": p.name,
        "steps": steps,
        "repeat": p.repeat,
        "repeatWaitMs": ms(p.repeat_wait),
        "exhaustAfterMs": ms(p.exhaust_after),
    })
}

/// The whole story of a call.
pub fn story(s: &CallStory, mode: &str) -> Value {
    let mut v = call(&s.state.call, mode);
    if let Some(map) = v.as_object_mut() {
        map.insert("policy".into(), policy(&s.state.call.policy));
        map.insert("attempts".into(), s.state.attempts.iter().map(|a| attempt(&s.state.call, a)).collect());
        map.insert("log".into(), s.log.iter().map(log_line).collect());
        map.insert("replies".into(), s.log.iter().filter_map(reply).collect());
        let receipts = s.receipts.iter().map(|r| {
            json!({ "at": r.at, "sid": r.update.sid, "status": r.update.status, "code": r.update.code, "by": r.update.source.as_str(),
                    "attemptId": r.joined, "effect": r.effect })
        });
        map.insert("receipts".into(), receipts.collect());
    }
    v
}
