//! Who is told next, and when: steps that fire, steps that were missed, escalation before its time, exhaustion.

use serde_json::json;

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Channel, NoticeKey, Priority, Recipient};
use super::breaker;
use super::call::{Call, CallStatus};
use super::change::Answer;
use super::ladder::{
    LadderStep, at, channel_of, end, step_data, step_name, told_past_due, told_under, total, wait_before, who,
};
use super::ladder_end::{end_of_ladder, exhaust};
use super::log::LogKind;
use super::quiet;
use super::trip;
use super::types::{AttemptId, ContactId, Sender, Timestamp};
use super::work::{Illegal, Work};

/// Fires what is due. One missed step keeps its arithmetic; of several, everyone whom they name is told once, under the
/// latest of them, and what follows counts from now. Not due, or no longer DISPATCHING: nothing.
///
/// While a notice of the call waits for the breaker of its senders, what comes due by the same channel is deferred; a step by a
/// channel that works fires at its time, and what was deferred before it with it.
pub(super) fn fire_due(w: &mut Work<'_>) -> Result<(), Illegal> {
    let call = &w.state.call;
    let Some(due) = call.wake_at.filter(|at| call.status == CallStatus::Dispatching && *at <= w.now()) else {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    };
    if quiet::is_on(w) {
        quiet::put_off(w);
        return Ok(());
    }
    if !is_deferred(w, due) {
        return fire_missed(w);
    }
    let again = breaker::next_probe(w.now());
    w.state.call.wake_at = Some(next_of_another_channel(w, due).map_or(again, |at| at.min(again)));
    if w.state.call.deferred_from.is_none() {
        w.state.call.deferred_from = Some(due);
        let (round, index) = (w.state.call.round, w.state.call.next_step);
        let what = if index < total(w) { step_name(w, index) } else { "the end of the ladder".to_owned() };
        let text = format!("{what} is due and waits until texts can be sent again");
        w.log(LogKind::StepDeferred, None, text, step_data(round, index));
    }
    Ok(())
}

/// Whether all that is due waits for a breaker: a notice of the call by the same channel does already. Where each of those was tried
/// as a probe in vain, somebody else whom the steps name is told all the same: the failure may be those recipients' doing.
fn is_deferred(w: &Work<'_>, due: Timestamp) -> bool {
    let call = &w.state.call;
    let (missed, ..) = missed_until(call, call.deferred_from.unwrap_or(due), w.now());
    if missed.is_empty() {
        return waits_for_its_channel(w, call.next_step);
    }
    missed.iter().all(|i| waits_for_its_channel(w, *i))
}

/// Whether this step, or the end of the ladder, waits for the breaker of its channel.
fn waits_for_its_channel(w: &Work<'_>, index: u32) -> bool {
    let Some((waiting, tried)) = trip::held(w, channel_of(w, index)) else { return false };
    let others = || index < end(w) && who(w, index).recipients.iter().any(|r| !waiting.contains(&r.contact));
    tried == trip::Tried::NotAll || !others()
}

/// When the first step is due, behind those that are due, whose channel no breaker holds.
fn next_of_another_channel(w: &Work<'_>, due: Timestamp) -> Option<Timestamp> {
    let call = &w.state.call;
    let (_, mut index, mut at_time) = missed_until(call, call.deferred_from.unwrap_or(due), w.now());
    while index < total(w) {
        if !waits_for_its_channel(w, index) {
            return Some(at_time);
        }
        index += 1;
        at_time = at_time.plus(wait_before(w, index));
    }
    None
}

/// Fires what is due or was deferred, whatever the senders' breakers say.
pub(super) fn fire_missed(w: &mut Work<'_>) -> Result<(), Illegal> {
    let deferred = w.state.call.deferred_from.take();
    let call = &w.state.call;
    let Some(first_due) = deferred.or(call.wake_at) else { return Ok(()) };
    let (missed, index, due) = missed_until(call, first_due, w.now());
    let Some(latest) = missed.last().copied() else {
        let round = call.round;
        let waits = |a: &Attempt| a.kind == AttemptKind::Notice && a.round == round && a.state.is_waiting();
        if deferred.is_some() && w.state.attempts.iter().any(waits) {
            // The last step's texts can go only now: the time that is left for an answer counts from now.
            w.state.call.wake_at = Some(w.now().plus(wait_before(w, index)));
            return Ok(());
        }
        return end_of_ladder(w);
    };
    let counts_from_now = missed.len() > 1 || due <= w.now();
    let next_due = if counts_from_now { w.now().plus(wait_before(w, index)) } else { due };
    let notified = match deferred {
        Some(since) => notified_since(w, since),
        None => told_past_due(w, &missed, first_due),
    };
    fire(w, &missed, latest, next_due, first_due, &notified)
}

/// Who got a notice of this round since then: a probe, while their steps waited.
pub(super) fn notified_since(w: &Work<'_>, since: Timestamp) -> Vec<(ContactId, Channel)> {
    let call = &w.state.call;
    let theirs = |a: &&Attempt| {
        a.kind == AttemptKind::Notice && a.round == call.round && a.state.may_have_arrived() && a.sent_at >= Some(since)
    };
    w.state.attempts.iter().filter(theirs).map(|a| (a.recipient.contact.clone(), a.channel)).collect()
}

/// The steps (from 0) of a DISPATCHING call whose time is past; several: an outage.
pub fn missed_steps(call: &Call, now: Timestamp) -> Vec<u32> {
    let due = call.wake_at.filter(|at| call.status == CallStatus::Dispatching && *at <= now);
    due.map(|at| missed_until(call, call.deferred_from.unwrap_or(at), now).0).unwrap_or_default()
}

/// The steps that were missed, the one after them, and when that is due by the arithmetic of the ladder.
fn missed_until(call: &Call, first_due: Timestamp, now: Timestamp) -> (Vec<u32>, u32, Timestamp) {
    let total = u32::try_from(call.policy.total_steps()).unwrap_or(u32::MAX);
    let (mut index, mut due) = (call.next_step, first_due);
    let mut missed = Vec::new();
    while index < total && due <= now {
        missed.push(index);
        index += 1;
        due = due.plus(call.policy.wait_before(at(index)));
    }
    (missed, index, due)
}

/// Why a stand-down is not wanted any more.
pub(super) const LOOKS_AGAIN: &str = "the call is looking for somebody again";

/// A new round from the first step, now. The engine fires it: whoever decided may know other contacts, or none. A stand-down that
/// has not left would call off a call that looks for somebody again: it is skipped.
pub(super) fn start_round(w: &mut Work<'_>) -> Result<(), Illegal> {
    let waits = |a: &&Attempt| a.kind == AttemptKind::StandDown && a.state.is_waiting();
    let stand_downs: Vec<AttemptId> = w.state.attempts.iter().filter(waits).map(|a| a.id).collect();
    for id in stand_downs {
        w.drop_waiting(id, AttemptEvent::Skip, LOOKS_AGAIN)?;
    }
    w.state.call.round += 1;
    w.state.call.next_step = 0;
    w.state.call.muted = false;
    w.state.call.holder = None;
    w.state.call.deferred_from = None;
    let now = w.now();
    w.state.call.held_until = w.state.call.held_until.map(|until| until.min(now));
    w.state.call.wake_at = Some(now.plus(wait_before(w, 0)));
    Ok(())
}

/// Tells everyone whom `missed` name, under `latest`, but those who were `notified` while the steps waited.
pub(super) fn fire(
    w: &mut Work<'_>,
    missed: &[u32],
    latest: u32,
    next_due: Timestamp,
    due: Timestamp,
    notified: &[(ContactId, Channel)],
) -> Result<(), Illegal> {
    let mut found = LadderStep::default();
    for index in missed {
        found.add(who(w, *index));
    }
    w.state.call.next_step = latest + 1;
    w.state.call.deferred_from = None;
    w.state.call.held_until = w.state.call.held_until.map(|until| until.min(w.ctx.now));
    w.state.call.wake_at = Some(next_due);
    if found.recipients.is_empty() {
        return nobody(w, latest, &found, due);
    }
    let (round, name) = (w.state.call.round, step_name(w, latest));
    found.recipients.retain(|r| !notified.iter().any(|(c, by)| (c, *by) == (&r.contact, r.channel)));
    let known = told_under(w, missed, &found.recipients);
    found.recipients.retain(|r| !known.contains(&(r.contact.clone(), r.channel)));
    unmailed(w, latest, &found);
    let mut names: Vec<&str> = found.recipients.iter().map(|r| r.name.as_str()).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|n| seen.insert(*n));
    let mut text = match names.as_slice() {
        [] => format!("{name} fired: whom it names was told before it fired"),
        names => format!("{name} fired: telling {}", names.join(", ")),
    };
    if let Some(busy) = found.asked_last() {
        text.push_str(&format!("; {busy} on a job: asked last"));
    }
    if missed.len() > 1 {
        text.push_str(&format!(" ({} steps were missed; each contact is told once)", missed.len()));
    }
    let mut data = step_data(round, latest);
    if let Some(map) = data.as_object_mut() {
        map.insert("due".into(), json!(due));
        map.insert("missed".into(), json!(missed.len()));
        map.insert("nextDue".into(), json!(next_due));
    }
    w.log(LogKind::StepFired, None, text, data);
    let filed = filed(w, missed, latest, due, found.recipients);
    filed.into_iter().try_for_each(|(step, due, recipient)| notify(w, step, recipient, due))
}

/// Under which step each is told, and when that was due. The step is the latest; but a step is one notice a contact, so that of who
/// is told by mail and by text at once, one is filed under the latest step of its own channel. The time is that of the first step
/// that named them by this channel.
fn filed(
    w: &Work<'_>,
    missed: &[u32],
    latest: u32,
    due: Timestamp,
    recipients: Vec<Recipient>,
) -> Vec<(u32, Timestamp, Recipient)> {
    if missed.len() < 2 {
        return recipients.into_iter().map(|r| (latest, due, r)).collect();
    }
    let is_same = |a: &Recipient, b: &Recipient| a.contact == b.contact && a.channel == b.channel;
    let named: Vec<(u32, Vec<Recipient>)> = missed.iter().map(|i| (*i, who(w, *i).recipients)).collect();
    let last_by = channel_of(w, latest);
    let by_both: Vec<bool> = recipients
        .iter()
        .map(|r| recipients.iter().any(|o| o.contact == r.contact && o.channel != r.channel))
        .collect();
    let place = |(r, both): (Recipient, bool)| {
        let theirs = |(_, people): &&(u32, Vec<Recipient>)| people.iter().any(|o| is_same(o, &r));
        let (first, last) = (named.iter().find(theirs), named.iter().rev().find(theirs));
        let from = missed.first().copied().unwrap_or(latest);
        let waits = from + 1..=first.map_or(from, |(i, _)| *i);
        let due = waits.fold(due, |at, i| at.plus(wait_before(w, i)));
        let step = last.filter(|_| both && r.channel != last_by).map_or(latest, |(i, _)| *i);
        (step, due, r)
    };
    recipients.into_iter().zip(by_both).map(place).collect()
}

/// Who is left out of a step that tells others.
fn unmailed(w: &mut Work<'_>, step: u32, found: &LadderStep) {
    let names = found.unmailed();
    if names.is_empty() {
        return;
    }
    let (id, round, name) = (w.state.call.id.clone(), w.state.call.round, step_name(w, step));
    let text = format!("{name} leaves out {names}: no mail address");
    w.log(LogKind::StepSkipped, None, text, step_data(round, step));
    w.raise(
        AlertKind::NobodyFound.about(format_args!("{id}:{round}:{}", step + 1)),
        format!("{name} of call {id} cannot tell {names}: no mail address"),
    );
}

/// A step that finds nobody: on with the ladder now. An empty role or an opt-out alerts; people who passed do not.
fn nobody(w: &mut Work<'_>, step: u32, found: &LadderStep, due: Timestamp) -> Result<(), Illegal> {
    skip(w, step, found);
    go_on(w, &format!("{} found nobody", step_name(w, step)), due)
}

pub(super) fn skip(w: &mut Work<'_>, step: u32, found: &LadderStep) {
    let (round, name) = (w.state.call.round, step_name(w, step));
    let why = found.why_nobody();
    w.log(LogKind::StepSkipped, None, format!("{name} skipped: {why}"), step_data(round, step));
    if found.is_a_fault() {
        let id = w.state.call.id.clone();
        w.raise(
            AlertKind::NobodyFound.about(format_args!("{id}:{round}:{}", step + 1)),
            format!("{name} of call {id} finds nobody to tell: {why}"),
        );
    }
}

/// One notice and its first attempt; what waits for the same contact is superseded, and what it was late by counts on.
pub(super) fn notify(w: &mut Work<'_>, step: u32, recipient: Recipient, due: Timestamp) -> Result<(), Illegal> {
    let key = NoticeKey { round: w.state.call.round, step, contact: recipient.contact.clone() };
    if w.state.notices.contains(&key) {
        return Ok(());
    }
    let waits = |a: &&Attempt| {
        a.state.is_waiting() && a.channel == recipient.channel && a.recipient.contact == recipient.contact
    };
    let waiting: Vec<(AttemptId, Option<Timestamp>)> =
        w.state.attempts.iter().filter(waits).map(|a| (a.id, a.due_at)).collect();
    let due = waiting.iter().filter_map(|(_, due)| *due).fold(due, Timestamp::min);
    let number = w.state.call.attempts + 1;
    for (id, _) in waiting {
        w.drop_waiting(id, AttemptEvent::Skip, &format!("superseded by attempt {number}"))?;
    }
    let first = !w.state.was_notified(&recipient.contact, recipient.channel, None);
    w.state.notices.push(key);
    let follow_up = number > 1 && (step > 0 || w.state.call.round > 1);
    let why = recipient.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let text = if follow_up {
        format!("Retry attempt {number}: follow-up to {}{why}", recipient.name)
    } else {
        format!("Attempt {number}: first notice to {}{why}", recipient.name)
    };
    let priority = if first { Priority::First } else { Priority::Reminder };
    let made = add_attempt(w, AttemptKind::Notice, step, recipient, priority, text);
    w.attempt_mut(made)?.due_at = (step > 0).then_some(due);
    Ok(())
}

/// A follow-up whose text leaves long after its step was due alerts, whatever held it up: once a step. While a breaker held all its
/// senders, the breaker's own alert told of it: the time counts from its end.
pub(super) fn judge_lateness(w: &mut Work<'_>, id: AttemptId) -> Result<(), Illegal> {
    let (a, max) = (w.attempt(id)?, w.ctx.rules.late_follow_up);
    let Some(due) = a.due_at else { return Ok(()) };
    let notified = |b: &Attempt| {
        (b.round, b.step) == (a.round, a.step)
            && b.sent_at.zip(b.due_at).is_some_and(|(sent, due)| sent.since(due) > max)
    };
    if w.now().since(trip::held_until(w, a, due)) <= max || w.state.attempts.iter().any(notified) {
        return Ok(());
    }
    let (call, late) = (w.state.call.id.clone(), w.now().since(due).as_secs());
    let text = format!("a follow-up of call {call} to {} left {late} s after its time", a.recipient.name);
    w.raise(AlertKind::LateFollowUp.about(&call), text);
    Ok(())
}

/// Makes an attempt that waits to be sent.
pub(super) fn add_attempt(
    w: &mut Work<'_>,
    kind: AttemptKind,
    step: u32,
    recipient: Recipient,
    priority: Priority,
    text: String,
) -> AttemptId {
    let id = (w.ctx.new_id)();
    let (now, channel) = (w.now(), recipient.channel);
    w.state.call.attempts += 1;
    let call = &w.state.call;
    let data = json!({ "number": call.attempts, "contact": recipient.contact.to_string(), "kind": kind, "channel": channel, "round": call.round, "step": step + 1 });
    let attempt = Attempt {
        id,
        call: call.id.clone(),
        number: call.attempts,
        kind,
        channel,
        provider: channel.provider().into(),
        round: call.round,
        step,
        recipient,
        sender: (channel == Channel::Email).then(Sender::relay),
        state: AttemptState::Scheduled,
        priority,
        body: String::new(),
        segments: 0,
        created_at: now,
        not_before: now,
        due_at: None,
        expires_at: (kind == AttemptKind::StandDown).then(|| now.plus(w.ctx.rules.validity)),
        claimed_by: None,
        clock_steps_ms: 0,
        provider_at: None,
        provider_after: None,
        sent_at: None,
        tries: 0,
        callback: true,
        sid: None,
        message_status: None,
        error_code: None,
        class: None,
        result: String::new(),
        replied: String::new(),
        repeats: None,
        finished_at: None,
        decided_at: None,
        poll_at: None,
        polls: 0,
        conflict: false,
        trace: crate::domain::attempt::PhoneTrace::default(),
    };
    w.state.attempts.push(attempt);
    w.log(LogKind::AttemptScheduled, Some(id), text, data);
    id
}

/// A contact said no, or cannot be reached for good: escalate now, unless somebody told at the same step may still answer.
/// `failed`: the attempt whose failure asks for it; a failure moves nothing once a later step has fired.
pub(super) fn escalate_now(
    w: &mut Work<'_>,
    failed: Option<AttemptId>,
    contact: &ContactId,
    why: &str,
) -> Result<(), Illegal> {
    if may_escalate(w, failed, contact)? { go_on(w, why, w.now()) } else { Ok(()) }
}

/// See [`escalate_now`].
fn may_escalate(w: &Work<'_>, failed: Option<AttemptId>, contact: &ContactId) -> Result<bool, Illegal> {
    let call = &w.state.call;
    if call.status != CallStatus::Dispatching {
        return Ok(false);
    }
    let Some(last) = w.state.notices.iter().filter(|n| n.round == call.round).map(|n| n.step).max() else {
        return Ok(false);
    };
    let (mut number, mut channel) = (0, None);
    if let Some(id) = failed {
        let a = w.attempt(id)?;
        if a.round != call.round || (a.step < last && !is_filed_before(w, a, last)) {
            return Ok(false);
        }
        (number, channel) = (a.number, Some(a.channel));
    }
    let alive = w.state.attempts.iter().any(|a| {
        a.kind == AttemptKind::Notice
            && a.round == call.round
            && !call.is_out_by(&a.recipient.contact, a.channel)
            && channel.is_none_or(|c| c == a.channel)
            // Nobody else waits for an unknown outcome to be found out.
            && a.state != AttemptState::Unknown
            && (a.state.is_waiting() || a.state.may_have_arrived())
            && if &a.recipient.contact == contact { a.number > number && failed.is_some() } else { a.step == last }
    });
    Ok(!alive)
}

/// Whether this notice was made with that of the same contact by another channel, under a step before this last one.
fn is_filed_before(w: &Work<'_>, a: &Attempt, last: u32) -> bool {
    let made = |b: &Attempt| {
        let notice = b.notice();
        let of_it = w.state.attempts.iter().filter(|c| c.notice() == notice);
        of_it.map(|c| c.created_at).min()
    };
    w.state.attempts.iter().any(|b| {
        b.kind == AttemptKind::Notice
            && (b.round, b.step) == (a.round, last)
            && b.recipient.contact == a.recipient.contact
            && b.channel != a.channel
            && made(b) == made(a)
    })
}

/// A contact could not be reached although it was tried again: the next step that has somebody else, or them by another channel,
/// now. This contact keeps their later steps. The conditions are those of [`escalate_now`].
pub(super) fn escalate_past(
    w: &mut Work<'_>,
    failed: AttemptId,
    contact: &ContactId,
    why: &str,
) -> Result<(), Illegal> {
    let left = w.state.call.next_step..total(w);
    let channel = w.attempt(failed)?.channel;
    let another = |r: &Recipient| &r.contact != contact || r.channel != channel;
    let somebody_else = left.clone().any(|i| who(w, i).recipients.iter().any(another));
    // Where every step that is left names them alone, the clock goes on.
    if !(somebody_else || left.is_empty()) || !may_escalate(w, Some(failed), contact)? {
        return Ok(());
    }
    let skip = |w: &Work<'_>, i: u32| !who(w, i).recipients.iter().any(another);
    while somebody_else && skip(w, w.state.call.next_step) {
        let (round, index) = (w.state.call.round, w.state.call.next_step);
        let text = format!("{} skipped: it names nobody else", step_name(w, index));
        w.log(LogKind::StepSkipped, None, text, step_data(round, index));
        w.state.call.next_step += 1;
    }
    go_on(w, why, w.now())
}

/// Whether a step that tells somebody is still to come.
pub(super) fn a_step_follows(w: &Work<'_>) -> bool {
    (w.state.call.next_step..end(w)).any(|i| !who(w, i).recipients.is_empty())
}

/// Whether a step that names this contact by this channel is due within `soon`; those that find nobody are passed over at once.
pub(super) fn is_due_soon(w: &Work<'_>, (contact, channel): (&ContactId, Channel), soon: std::time::Duration) -> bool {
    let (Some(mut due), mut index) = (w.state.call.wake_at, w.state.call.next_step) else { return false };
    while index < end(w) && due.since(w.now()) <= soon {
        let found = who(w, index).recipients;
        if found.iter().any(|r| &r.contact == contact && r.channel == channel) {
            return true;
        }
        index += 1;
        due = if found.is_empty() { due } else { due.plus(wait_before(w, index)) };
        // Behind a step that tells others what is not due yet may still be put off, or cancelled.
        if !found.is_empty() && due > w.now() {
            return false;
        }
    }
    false
}

/// On to the first later step that has somebody left, in place of what was `due`; later waits count from now. Nobody in any later step: exhausted now,
/// unless somebody who was told may still answer.
fn go_on(w: &mut Work<'_>, why: &str, due: Timestamp) -> Result<(), Illegal> {
    if quiet::is_on(w) {
        w.state.call.wake_at = Some(w.now());
        quiet::put_off(w);
        return Ok(());
    }
    let (total, round, mut index) = (total(w), w.state.call.round, w.state.call.next_step);
    while index < total {
        let found = who(w, index);
        if !found.recipients.is_empty() {
            w.log(
                LogKind::Escalated,
                None,
                format!("going on with {} now: {why}", step_name(w, index)),
                step_data(round, index),
            );
            let next_due = w.now().plus(wait_before(w, index + 1));
            let notified = if due < w.now() { told_past_due(w, &[index], due) } else { Vec::new() };
            return fire(w, &[index], index, next_due, due, &notified);
        }
        skip(w, index, &found);
        index += 1;
    }
    w.state.call.next_step = index;
    let somebody_may_answer = w.state.attempts.iter().any(|a| {
        a.kind == AttemptKind::Notice
            && a.round == round
            && !w.state.call.is_out_by(&a.recipient.contact, a.channel)
            && (a.state.is_waiting() || a.may_have_told())
    });
    if somebody_may_answer {
        w.state.call.deferred_from = None;
        w.state.call.wake_at = Some(w.now().plus(wait_before(w, total)));
        return Ok(());
    }
    exhaust(w, &format!("nobody is left to tell: {why}"))
}

/// Cancels every notice that has not left.
pub(super) fn cancel_waiting(w: &mut Work<'_>, why: &str) -> Result<(), Illegal> {
    let ids: Vec<AttemptId> = w
        .state
        .attempts
        .iter()
        .filter(|a| a.kind == AttemptKind::Notice && a.state.is_waiting())
        .map(|a| a.id)
        .collect();
    ids.into_iter().try_for_each(|id| w.drop_waiting(id, AttemptEvent::Cancel, why))
}

/// Cancels the follow-ups that have not left. The first step's notices go out all the same, the last resort's too, and so does what
/// took their place while nobody could be told: it is the first that anybody hears of the call.
pub(super) fn cancel_follow_ups(w: &mut Work<'_>, why: &str) -> Result<(), Illegal> {
    let nobody_notified = w.state.call.notified_at.is_none();
    let last_resort = total(w);
    let kept = |a: &Attempt| {
        a.step == 0
            || a.step >= last_resort
            || (nobody_notified && !w.state.was_notified(&a.recipient.contact, a.channel, Some(a.id)))
    };
    let waits = |a: &&Attempt| a.kind == AttemptKind::Notice && a.state.is_waiting() && !kept(a);
    let ids: Vec<AttemptId> = w.state.attempts.iter().filter(waits).map(|a| a.id).collect();
    ids.into_iter().try_for_each(|id| w.drop_waiting(id, AttemptEvent::Cancel, why))
}

/// Tells those who were told, whose text did not fail and who did not pass, that they are not needed. `but`: the one who took
/// or closed it. Whoever was stood down since their last text is left alone.
pub(super) fn stand_down(w: &mut Work<'_>, but: Option<&ContactId>) {
    if !w.ctx.rules.stand_down {
        return;
    }
    let mut latest: Vec<&Attempt> = Vec::new();
    // An update, an answer or a question between them takes nothing back.
    let counts = |a: &&Attempt| matches!(a.kind, AttemptKind::Notice | AttemptKind::StandDown);
    for a in w.state.attempts.iter().filter(counts).filter(|a| a.may_have_told() || a.state.is_waiting()) {
        // Of a text and a mail or a phone call of one round the text is taken back.
        let stays = |l: &&Attempt| {
            l.recipient.contact == a.recipient.contact
                && l.kind == AttemptKind::Notice
                && l.round == a.round
                && l.channel == Channel::Sms
                && a.channel != Channel::Sms
        };
        if !latest.iter().any(stays) {
            latest.retain(|l| l.recipient.contact != a.recipient.contact);
            latest.push(a);
        }
    }
    let recipients: Vec<(u32, Recipient)> = latest
        .into_iter()
        .filter(|a| a.kind == AttemptKind::Notice && Some(&a.recipient.contact) != but)
        .filter(|a| !w.state.call.has_passed(&a.recipient.contact))
        .filter_map(|a| Some((a.step, stood_down(w, &a.recipient)?)))
        .collect();
    for (step, recipient) in recipients {
        let text = format!("standing down {}", recipient.name);
        add_attempt(w, AttemptKind::StandDown, step, recipient, Priority::StandDown, text);
    }
}

/// How a contact is stood down: as they were told; after a phone call by text, or by mail where no text can be sent.
fn stood_down(w: &Work<'_>, recipient: &Recipient) -> Option<Recipient> {
    if recipient.channel != Channel::Voice {
        return Some(recipient.clone());
    }
    let directory = w.ctx.directory;
    let (line, _) = directory.line(w.state.call.data.twilio_to_number.as_deref());
    if directory.sender(line).is_some() {
        return Some(recipient.clone().told_by_text());
    }
    let email = directory.contact(&recipient.contact)?.email.clone().filter(|_| directory.mail_from.is_some())?;
    Some(Recipient { channel: Channel::Email, email: Some(email), ..recipient.clone() })
}
