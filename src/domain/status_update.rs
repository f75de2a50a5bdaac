//! News of a message: delivery receipts, answers to our questions, finds in the list. One rule for all of them.

use serde_json::json;

use super::alert::{AlertKey, AlertKind};
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Channel, Move};
use super::call::{ExclusionReason, Out};
use super::change::{Answer, Change, ReceiptRow};
use super::codes::{Class, ErrorClass};
use super::dial;
use super::event::{Loaded, Source, StatusUpdate};
use super::failure::{self, Accepted};
use super::log::{self, LogKind, TWIN};
use super::quiet;
use super::receipt::{MessageStatus, Verdict};
use super::resend;
use super::sids;
use super::trip;
use super::types::{Actor, AttemptId, ContactId, ErrorCode, MessageSid, Timestamp};
use super::work::{Ctx, Illegal, Work};

/// News that names an attempt, or a SID that we know, is applied; the rest is kept and joined later.
pub(super) fn update(loaded: &Loaded, update: &StatusUpdate, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let by_id = |id: AttemptId| loaded.calls.iter().find(|c| c.attempt(id).is_some()).map(|c| (c, id));
    let by_sid = || {
        loaded
            .calls
            .iter()
            .find_map(|c| c.attempts.iter().find(|a| a.sid.as_ref() == Some(&update.sid)).map(|a| (c, a.id)))
    };
    let Some((state, id)) = update.attempt.and_then(by_id).or_else(by_sid) else {
        let row = ReceiptRow { update: update.clone(), joined: None, effect: "orphan", at: ctx.now };
        let receipts = if loaded.orphans.iter().any(|o| is_same(o, update)) { Vec::new() } else { vec![row] };
        return Ok(Change { receipts, answer: Answer::NotFound, ..Change::default() });
    };
    let mut w = Work::new(ctx, loaded, state.clone());
    // One that came before has done what it does: again it would only ask the same question again, or move a status back.
    let is_done = loaded.replayed && !w.ctx.rules.off.monotone_receipts;
    let effect = if is_done { "stale" } else { apply(&mut w, id, update)? };
    // This is the first time that the message is known to be this attempt's: what was kept of it is joined.
    if w.attempt(id)?.sid.as_ref() == Some(&update.sid) {
        for kept in loaded.orphans.iter().filter(|o| o.sid == update.sid) {
            apply(&mut w, id, kept)?;
        }
    }
    if !loaded.replayed && (update.source == Source::Receipt || effect != "stale") {
        w.change.receipts.push(ReceiptRow { update: update.clone(), joined: Some(id), effect, at: ctx.now });
    }
    quiet::put_off(&mut w);
    Ok(w.into_change())
}

/// Whether both say the same of the same message, on the same URL.
fn is_same(a: &StatusUpdate, b: &StatusUpdate) -> bool {
    (&a.sid, a.attempt, &a.status, a.code) == (&b.sid, b.attempt, &b.status, b.code)
}

/// Applies one piece of news to the attempt; what it did.
pub(super) fn apply(w: &mut Work<'_>, id: AttemptId, update: &StatusUpdate) -> Result<&'static str, Illegal> {
    if update.source == Source::Fetch && w.attempt(id)?.conflict {
        return match w.attempt(id)?.channel {
            Channel::Voice => dial::outcome::settle_conflict(w, id, &update.status),
            Channel::Sms | Channel::Email => settle_conflict(w, id, update),
        };
    }
    let effect = join(w, id, &update.sid, &update.status, update.code, update.error_class, update.source.as_str())?;
    made_at(w, id, &update.sid, update.provider_at)?;
    Ok(effect)
}

/// Keeps when the provider made this attempt's message, by its own clock.
pub(super) fn made_at(w: &mut Work<'_>, id: AttemptId, sid: &MessageSid, at: Option<Timestamp>) -> Result<(), Illegal> {
    let a = w.attempt_mut(id)?;
    if a.sid.as_ref() == Some(sid) {
        a.provider_at = a.provider_at.or(at);
    }
    Ok(())
}

/// The provider has this attempt's message, and says where it is.
pub(super) fn join(
    w: &mut Work<'_>,
    id: AttemptId,
    sid: &MessageSid,
    status: &MessageStatus,
    code: Option<ErrorCode>,
    error_class: ErrorClass,
    way: &str,
) -> Result<&'static str, Illegal> {
    if !sids::may_be_of(w, id, sid)? {
        return Ok("stale");
    }
    let a = w.attempt(id)?;
    if a.channel == Channel::Voice {
        return dial::progress::join(w, id, sid, status, code, way);
    }
    let (was, newly_known) = (a.state, a.sid.is_none());
    let old_rank = a.message_status.as_ref().and_then(MessageStatus::rank);
    if newly_known {
        let poll_at = w.now().plus(w.ctx.rules.poll_after);
        let a = w.attempt_mut(id)?;
        a.sid = Some(sid.clone());
        // What was counted until now were searches.
        (a.poll_at, a.polls) = (Some(poll_at), 0);
    }
    let verdict = status.verdict();
    let backwards = w.ctx.rules.off.monotone_receipts;
    let higher = backwards || status.rank().is_some_and(|new| old_rank.is_none_or(|old| new > old));
    let event = verdict.map_or(AttemptEvent::ProviderHasIt, AttemptEvent::ProviderSaid);
    let effect = match w.attempt_on(id, event)? {
        Move::To(to) => {
            if higher {
                w.attempt_mut(id)?.message_status = Some(status.clone());
            }
            moved(w, id, was, to, status, code, error_class, way)?;
            "moved"
        }
        Move::Conflict => {
            conflict(w, id, status, way)?;
            return Ok("conflict");
        }
        // `read` follows `delivered`; what is not final never follows what is.
        Move::Stale if higher && (backwards || !was.is_final() || verdict.is_some()) => {
            w.attempt_mut(id)?.message_status = Some(status.clone());
            let number = w.attempt(id)?.number;
            w.log_as(
                Actor::provider(),
                LogKind::MessageStatus,
                Some(id),
                format!("attempt {number}: message is {status}"),
                json!({ "status": status, "by": way }),
            );
            "moved"
        }
        Move::Stale if newly_known => "moved",
        Move::Stale if failure::keep_late_code(w, id, verdict, code, error_class)? => "moved",
        Move::Stale => "stale",
    };
    trip::ingested(w, id, status)?;
    Ok(effect)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the one place where a move is told; a struct would be built for one call"
)]
fn moved(
    w: &mut Work<'_>,
    id: AttemptId,
    was: AttemptState,
    to: AttemptState,
    status: &MessageStatus,
    code: Option<ErrorCode>,
    error_class: ErrorClass,
    way: &str,
) -> Result<(), Illegal> {
    if was == AttemptState::Unknown {
        w.resolve(resend::unknown_key(id));
    }
    if to != AttemptState::Failed && w.attempt(id)?.kind == AttemptKind::Notice {
        resend::resolve_earlier(w, id)?;
    }
    let a = w.attempt(id)?;
    let (number, name, sid) = (a.number, a.recipient.name.clone(), a.sid.clone());
    let is_late = was == AttemptState::Unknown && a.decided_at.is_some();
    let mut found = if was == AttemptState::Unknown { " (outcome found out)".to_owned() } else { String::new() };
    let mut data = json!({ "status": status, "sid": sid, "by": way });
    if is_late {
        // Its policy, or a person, took it for not sent.
        data[log::LATE] = true.into();
    }
    if let Some(other) = twin(w, id, was)? {
        found += &format!("; attempt {other} of the same notice was accepted too: it went out twice");
        data[TWIN] = json!(other);
    }
    match to {
        AttemptState::Submitted => {
            w.attempt_mut(id)?.result = format!("accepted by the provider: {status}");
            let text = format!("attempt {number} to {name} was accepted by the provider: {status}{found}");
            w.log_as(Actor::provider(), LogKind::AttemptSubmitted, Some(id), text, data);
        }
        AttemptState::Delivered => {
            w.attempt_mut(id)?.result = "delivered".into();
            let text = format!("attempt {number} was delivered to {name}{found}");
            w.log_as(Actor::provider(), LogKind::AttemptDelivered, Some(id), text, data);
            let key = no_status_key(w, id)?;
            w.resolve(key);
            reached(w, id)?;
        }
        AttemptState::Failed => {
            let a = w.attempt_mut(id)?;
            a.error_code = code;
            a.result = format!("the provider reports {status}");
            let key = no_status_key(w, id)?;
            w.resolve(key);
            failure::failed(w, id, error_class, Accepted::Before)?;
        }
        _ => {}
    }
    Ok(())
}

/// The number of another text of the same notice that was accepted and has not failed, as this one is now: what no client can rule
/// out where an answer is lost, or where a process sleeps between its last look and the first byte.
fn twin(w: &Work<'_>, id: AttemptId, was: AttemptState) -> Result<Option<u32>, Illegal> {
    let is_out = |state| matches!(state, AttemptState::Submitted | AttemptState::Delivered);
    let a = w.attempt(id)?;
    let Some(notice) = a.notice().filter(|_| a.channel == Channel::Sms && !is_out(was) && is_out(a.state)) else {
        return Ok(None);
    };
    let is_twin = |b: &&Attempt| b.id != id && is_out(b.state) && b.notice().as_ref() == Some(&notice);
    Ok(w.state.attempts.iter().find(is_twin).map(|b| b.number))
}

/// A notice arrived: what had been alarming about earlier ones to the same contact is over, and so is what the failure of an earlier one
/// by the same channel had said of their number.
fn reached(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt(id)?;
    if a.kind != AttemptKind::Notice {
        return Ok(());
    }
    let (number, contact, channel) = (a.number, a.recipient.contact.clone(), a.channel);
    let since = |b: &Attempt| excludes(b, &contact, channel) && b.number > number;
    if !w.state.attempts.iter().any(since) {
        take_back_in(w, &contact, channel);
    }
    let call = w.state.call.id.clone();
    for kind in [AlertKind::Failed, AlertKind::Refused] {
        w.resolve(kind.about(format_args!("{call}:{}", contact.as_str())));
    }
    Ok(())
}

/// How long after a fetch that found another final word the provider is asked again, in seconds.
const ASK_AGAIN_S: u64 = 1;

fn conflict(w: &mut Work<'_>, id: AttemptId, status: &MessageStatus, way: &str) -> Result<(), Illegal> {
    // The question whose answer this is has not been put away yet: the one that settles comes after it.
    let pause = if way == Source::Fetch.as_str() { ASK_AGAIN_S } else { 0 };
    let at = w.now().plus(std::time::Duration::from_secs(pause));
    let a = w.attempt_mut(id)?;
    if !a.conflict {
        (a.conflict, a.poll_at, a.polls) = (true, Some(at), 0);
    }
    let text = format!("attempt {}: the provider says {status} after {}: asking once more", a.number, a.state);
    w.log_as(Actor::provider(), LogKind::MessageConflict, Some(id), text, json!({ "status": status }));
    Ok(())
}

/// The word of a fetch stands; a fetch that is no final word settles nothing.
fn settle_conflict(w: &mut Work<'_>, id: AttemptId, update: &StatusUpdate) -> Result<&'static str, Illegal> {
    let Some(verdict) = update.status.verdict() else { return Ok("stale") };
    let was = w.attempt(id)?.state;
    w.attempt_on(id, AttemptEvent::ConflictSettled(verdict))?;
    let a = w.attempt_mut(id)?;
    (a.conflict, a.poll_at, a.message_status) = (false, None, Some(update.status.clone()));
    let (to, number) = (a.state, a.number);
    w.log_as(
        Actor::provider(),
        LogKind::MessageConflict,
        Some(id),
        format!("attempt {number}: settled by asking: {}", update.status),
        json!({ "status": update.status, "was": was }),
    );
    if was != to {
        if verdict == Verdict::Delivered {
            take_back_failure(w, id)?;
            trip::ingested(w, id, &update.status)?;
        }
        moved(w, id, was, to, &update.status, update.code, update.error_class, "fetch")?;
    }
    Ok("moved")
}

/// It did arrive: it has no error any more. What its failure had said of the contact ends as with every delivery: see [`reached`].
fn take_back_failure(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt_mut(id)?;
    (a.error_code, a.class) = (None, None);
    Ok(())
}

/// Whether this notice's failure says that the contact's number cannot be reached by this channel for good.
fn excludes(a: &Attempt, contact: &ContactId, channel: Channel) -> bool {
    a.kind == AttemptKind::Notice
        && a.channel == channel
        && &a.recipient.contact == contact
        && a.state == AttemptState::Failed
        && a.class == Some(Class::NumberPermanent)
}

/// The contact can be reached by this channel after all: they get further notices by it. Who passed stays out.
fn take_back_in(w: &mut Work<'_>, contact: &ContactId, channel: Channel) {
    let is_of_it =
        |o: &Out| &o.contact == contact && o.why == ExclusionReason::Failed && o.channel.is_none_or(|by| by == channel);
    w.state.call.excluded.retain(|o| !is_of_it(o));
}

/// We asked in vain, or the message is still under way: when to ask again.
pub(super) fn polled(w: &mut Work<'_>, id: AttemptId, again_at: Option<Timestamp>) -> Result<(), Illegal> {
    let now = w.now();
    let a = w.attempt_mut(id)?;
    if a.poll_at.is_none() {
        return Ok(());
    }
    if a.conflict && a.poll_at > Some(now) {
        return Ok(());
    }
    if a.conflict {
        // The question that would have settled it failed: the first word stands, and a person is told.
        (a.conflict, a.poll_at) = (false, None);
        let (number, state, call) = (a.number, a.state, w.state.call.id.clone());
        w.raise(AlertKind::Conflict.about(id), format!("call {call}: attempt {number} has two different final words and the provider cannot be asked; {state} stands"));
        return Ok(());
    }
    a.polls = a.polls.saturating_add(1);
    a.poll_at = again_at;
    let overdue = a.sent_at.is_some_and(|at| now.since(at) >= w.ctx.rules.status_timeout);
    if overdue {
        let a = w.attempt(id)?;
        let (name, status) = (a.recipient.name.clone(), a.message_status.clone());
        let key = no_status_key(w, id)?;
        if again_at.is_none() {
            // Nobody asks any more: no word that comes now would tell a person to do something.
            w.resolve(key);
            return Ok(());
        }
        let word = status.map(|s| s.to_string()).unwrap_or_default();
        let what = w.attempt(id)?.channel.noun();
        w.raise(key, format!("no final status from the provider for a {what} to {name} (last: {word})"));
    }
    Ok(())
}

/// The provider has the message no more: what was last known of it stays, and it is asked about no more.
pub(super) fn gone(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let a = w.attempt_mut(id)?;
    if a.poll_at.is_none() || a.sid.is_none() {
        return Ok(());
    }
    (a.poll_at, a.conflict) = (None, false);
    if a.state.is_final() {
        return Ok(());
    }
    let (number, name) = (a.number, a.recipient.name.clone());
    let word = a.message_status.as_ref().map_or("not known", MessageStatus::as_str).to_owned();
    let what =
        format!("the provider no longer has attempt {number}: it was deleted there, its last status ({word}) stands");
    w.log_as(Actor::provider(), LogKind::MessageStatus, Some(id), what, json!({ "status": word, "by": "fetch" }));
    let key = no_status_key(w, id)?;
    w.raise(
        key,
        format!("no final status for a text to {name}: the provider no longer has the message (last: {word})"),
    );
    Ok(())
}

/// One alert a contact: some carriers never confirm.
fn no_status_key(w: &Work<'_>, id: AttemptId) -> Result<AlertKey, Illegal> {
    Ok(AlertKind::NoFinalStatus.about(w.attempt(id)?.recipient.contact.as_str()))
}
