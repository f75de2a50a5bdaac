//! The end of a history: what the provider has against what the store says, as SPEC §1 judges it.

use super::provider::{Fate, Message};
use super::shop::{MIN, phone};
use super::world::{Broken, World};
use crate::domain::AlertKind;
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState as S};
use crate::domain::call::CallStatus;

/// Whether nothing more is to come of any call.
pub(super) fn is_over(w: &World) -> bool {
    let rests = |a: &Attempt| match a.state {
        S::Delivered | S::Failed | S::Skipped | S::Cancelled => !a.conflict,
        S::Submitted => {
            let ends_so = |m: &&Message| m.attempt == a.id && m.fate == Fate::Sent;
            w.provider.messages.iter().any(|m| ends_so(&m))
                && w.now - a.sent_at.map_or(0, |at| at.as_millis()) > 20 * MIN
        }
        S::Unknown => a.decided_at.is_some() && !is_listed(w, a),
        S::Scheduled | S::Retrying | S::Sending => false,
    };
    let over = |c: &CallStatus| !matches!(c, CallStatus::Dispatching);
    w.memory.calls.iter().all(|c| over(&c.call.status) && c.attempts.iter().all(rests))
        && !w.memory.inbound.iter().any(|row| row.waits)
}

fn is_listed(w: &World, a: &Attempt) -> bool {
    w.provider.messages.iter().any(|m| m.attempt == a.id && m.listed_at <= w.now)
}

pub(super) fn judge(w: &World) -> Result<(), Broken> {
    for (id, _) in &w.calls {
        let call = w.memory.call(id).ok_or_else(|| format!("lost: {id} was accepted and is not there"))?;
        let status = call.call.status;
        if status == CallStatus::Dispatching {
            return Err(format!("{id} looks for somebody for ever"));
        }
        let has_text = w.provider.messages.iter().any(|m| call.attempt(m.attempt).is_some());
        let shows = |a: &Attempt| matches!(a.state, S::Unknown | S::Failed);
        let about = |kind: AlertKind| w.memory.alarmed.contains(&kind.about(id));
        let alarmed = about(AlertKind::Exhausted) || about(AlertKind::Unnotified);
        let is_decided = matches!(status, CallStatus::Acknowledged | CallStatus::Resolved | CallStatus::Cancelled);
        if !has_text && !call.attempts.iter().any(shows) && !alarmed && !is_decided {
            return Err(format!("lost: {id} is {status}, nobody was told, and nobody is alarmed"));
        }
        if status == CallStatus::Exhausted && !about(AlertKind::Exhausted) {
            return Err(format!("{id} is given up, and nobody was alarmed"));
        }
        for a in &call.attempts {
            attempt(w, a).map_err(|e| format!("{id}: attempt {}: {e}", a.number))?;
        }
    }
    for m in &w.provider.messages {
        if w.memory.attempt(m.attempt).is_none() {
            return Err(format!("unexpected: {} is nobody's", m.sid));
        }
    }
    heard(w)
}

fn attempt(w: &World, a: &Attempt) -> Result<(), Broken> {
    let message = w.provider.messages.iter().find(|m| m.attempt == a.id);
    match (a.state, message) {
        (S::Scheduled | S::Retrying | S::Sending, _) => return Err(format!("it is {} for ever", a.state)),
        (S::Submitted | S::Delivered, None) => return Err(format!("lost: it is {}, and there is no text", a.state)),
        (S::Skipped | S::Cancelled, Some(_)) => {
            return Err(format!("unexpected: it is {}, and there is a text", a.state));
        }
        (S::Unknown, Some(m)) if m.listed_at < w.now - 70 * MIN => {
            return Err("it is in the list, and was not found".into());
        }
        (S::Unknown, _) if a.decided_at.is_none() => return Err("nobody knows of it, and nobody has decided".into()),
        _ => {}
    }
    let Some(m) = message else { return Ok(()) };
    let (word, _) = m.now();
    let told = match word {
        "delivered" => a.state == S::Delivered,
        "undelivered" | "failed" => a.state == S::Failed,
        _ => true,
    };
    // What was refused or failed in our books is asked about no more.
    if !told && a.state != S::Unknown && a.sid.is_some() {
        return Err(format!("its message is {word}, and it is {}", a.state));
    }
    if a.sid.as_ref().is_some_and(|sid| *sid != m.sid) {
        return Err("it has the message of another".into());
    }
    Ok(())
}

/// Whoever was told and wrote was heard, while a call of theirs was open.
fn heard(w: &World) -> Result<(), Broken> {
    for written in &w.provider.written {
        if w.memory.is_heard(&written.sid) {
            continue;
        }
        let theirs = |a: &&Attempt| a.kind == AttemptKind::Notice && a.recipient.phone.e164() == written.from;
        let open_then = w.memory.calls.iter().find(|c| {
            let told = c.attempts.iter().filter(theirs).filter_map(|a| a.sent_at).any(|at| at.as_millis() < written.at);
            let closed = c.call.closed_at.map(|at| at.as_millis());
            // It was given up although an answer had been there for long.
            told && c.call.status == CallStatus::Exhausted
                && closed.is_some_and(|at| written.listed_at + 4 * MIN < at && written.at + 4 * MIN < at)
        });
        let was_away = w.promises.disturbed_at > written.at;
        if let Some(c) = open_then.filter(|_| !was_away) {
            let who = World::who_has(&written.from);
            return Err(format!(
                "{who} ({}) wrote {:?}, was not heard, and {} is given up",
                phone(who),
                written.body,
                c.call.id
            ));
        }
    }
    Ok(())
}
