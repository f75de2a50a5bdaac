//! How a ladder ends that nobody took: once everybody whom it names was told, or is known to be unreachable. Whoever is the last
//! resort is told then, once a round; only after that the call is given up.

use std::time::Duration;

use serde_json::Value;

use super::alert::{AlertChange, AlertKind};
use super::attempt::{Attempt, AttemptKind, AttemptState, Channel};
use super::call::CallStatus;
use super::ladder::{self, step_data};
use super::log::LogKind;
use super::sequence;
use super::types::Timestamp;
use super::work::{Illegal, Work};

/// An end of the ladder that is put off for longer than this is alarming, and is looked at again no sooner, in seconds.
const PUT_OFF_ALARM_S: u64 = 60;
/// Until then it is looked at again after as long as it has been put off, and no sooner than this, in seconds.
const PUT_OFF_MIN_S: u64 = 1;
/// A contact's first text that leaves later than this after the last step gives them the whole time to answer, in seconds.
const FIRST_LATE_S: u64 = 30;

/// The time after the last step is over. Who was never told of the call and whose text has not left, is being tried, or may or
/// may not have arrived is told, or decided about, first: the call stays DISPATCHING for them. Where that lasts, a person hears
/// of it all the same. Whoever was told only after that time has the same time to answer.
pub(super) fn end_of_ladder(w: &mut Work<'_>) -> Result<(), Illegal> {
    let (call, now) = (&w.state.call, w.now());
    let after = ladder::wait_before(w, ladder::total(w));
    let Some(oldest) = unsettled(w).min_by_key(|a| a.created_at) else {
        if let Some(until) = answers_until(w, after).filter(|at| *at > now) {
            w.state.call.wake_at = Some(until);
            return Ok(());
        }
        return exhaust(w, "the ladder is over and nobody took it");
    };
    let (waited, alarm) = (now.since(oldest.created_at), Duration::from_secs(PUT_OFF_ALARM_S));
    if waited < alarm {
        w.state.call.wake_at = Some(now.plus(waited.max(Duration::from_secs(PUT_OFF_MIN_S))));
        return Ok(());
    }
    let (id, lost) = (call.id.clone(), oldest.state == AttemptState::Unknown);
    let why = if lost { "nobody knows yet whether its text was sent" } else { "texts of it could not be sent yet" };
    w.state.call.wake_at = Some(now.plus(after.max(alarm)));
    w.raise(
        AlertKind::Exhausted.about(&id),
        format!("the ladder of call {id} is over and {why}: somebody must take it by hand"),
    );
    // Telling another contact never waits for them.
    last_resort_now(w, why).map(drop)
}

/// Tells the last resort in place of giving the call up, with the alert that nobody took it; what follows counts from now. `false`:
/// there is none, none of them can be told, or it was told in this round.
pub(super) fn last_resort_now(w: &mut Work<'_>, why: &str) -> Result<bool, Illegal> {
    let (total, now) = (ladder::total(w), w.now());
    if !is_last_resort_left(w) || ladder::who(w, total).recipients.is_empty() {
        return Ok(false);
    }
    let (id, round) = (w.state.call.id.clone(), w.state.call.round);
    let name = ladder::step_name(w, total);
    w.log(LogKind::Escalated, None, format!("going on with {name} now: {why}"), step_data(round, total));
    w.raise(
        AlertKind::Exhausted.about(&id),
        format!("nobody took call {id}: {why}; the last resort is told now, somebody must take it by hand"),
    );
    let next_due = now.plus(ladder::wait_before(w, total));
    sequence::fire(w, &[total], total, next_due, now, &[])?;
    Ok(true)
}

/// Nobody has been told of this call for too long.
pub(super) fn unnotified(w: &mut Work<'_>) -> Result<(), Illegal> {
    let call = &w.state.call;
    // Where no text tells, a phone that rang, or a mail that left, is all that can be known before an answer.
    let was_tried = |a: &Attempt| a.rang() || (a.channel == Channel::Email && a.was_taken());
    let tried = || !call.policy.has_texts() && w.state.attempts.iter().any(was_tried);
    if call.status == CallStatus::Dispatching && call.notified_at.is_none() && !tried() {
        let (id, age) = (call.id.clone(), w.now().since(call.accepted_at).as_secs());
        w.raise(
            AlertKind::Unnotified.about(&id),
            format!("nobody has been told of call {id} yet, {age} s after it was accepted"),
        );
    }
    Ok(())
}

/// How long an answer may take where nobody is told by text: that a relay took a mail, or that a phone rang, says nothing of its reader.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Whether no text tells of this call and nobody has answered for too long.
pub(super) fn unanswered(w: &mut Work<'_>) -> Result<(), Illegal> {
    let call = &w.state.call;
    let of_round = |a: &&Attempt| a.kind == AttemptKind::Notice && a.round == call.round;
    let notices = || w.state.attempts.iter().filter(of_round);
    let mailed = notices().filter(|a| a.was_taken()).filter_map(|a| a.sent_at).min();
    // Where no mail left, the round began with its first notice; before that, with the call.
    let began = mailed.or_else(|| notices().map(|a| a.created_at).min()).unwrap_or(call.accepted_at);
    let began = call.held_until.map_or(began, |until| until.max(began));
    let age = w.now().since(began);
    if call.status == CallStatus::Dispatching && !call.policy.has_texts() && age >= ANSWERED_WITHIN {
        let (id, minutes) = (call.id.clone(), age.as_secs() / 60);
        let by_phone = call.policy.steps.iter().any(|s| s.channel == Channel::Voice);
        let text = match mailed {
            Some(_) if by_phone => {
                format!("call {id}: phones are rung for {minutes} min and nobody has answered: take it by hand")
            }
            Some(_) => format!(
                "call {id}: mails are out for {minutes} min and nobody has answered; nobody knows whether one was read: take it by hand"
            ),
            None if by_phone => format!("call {id}: no phone could be rung for {minutes} min: take it by hand"),
            None => format!("call {id}: no mail is out after {minutes} min: take it by hand"),
        };
        w.raise(AlertKind::Unanswered.about(&id), text);
    }
    Ok(())
}

/// Notices of this round to people of whom it is not settled yet whether they are told at all.
fn unsettled<'a>(w: &'a Work<'_>) -> impl Iterator<Item = &'a Attempt> {
    let (call, all) = (&w.state.call, &w.state.attempts);
    let accepted = |a: &Attempt| {
        let theirs = |b: &&Attempt| b.kind == AttemptKind::Notice && b.recipient.contact == a.recipient.contact;
        all.iter().filter(theirs).any(|b| b.was_taken() && b.state != AttemptState::Failed)
    };
    let open = |a: &&Attempt| a.kind == AttemptKind::Notice && a.round == call.round && a.is_open();
    all.iter().filter(open).filter(move |a| !call.is_out_by(&a.recipient.contact, a.channel) && !accepted(a))
}

/// Until when contacts may answer whose text left late: each has `after` from then. Late is more than `after` past the last step;
/// where nothing else of this round was accepted for them before, more than [`FIRST_LATE_S`].
fn answers_until(w: &Work<'_>, after: Duration) -> Option<Timestamp> {
    let (call, now) = (&w.state.call, w.now());
    let notices = || w.state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice && a.round == call.round);
    let last_step = notices().map(|a| a.step).max()?;
    // Those to whom the duty was passed on are told under the same step, later.
    let last = notices().filter(|a| a.step == last_step && a.repeats.is_none()).min_by_key(|a| a.number)?;
    let is_late = |a: &Attempt, sent: Timestamp| {
        let before = |b: &Attempt| b.recipient.contact == a.recipient.contact && b.number < a.number && b.was_taken();
        let bound = if notices().filter(|b| b.may_have_told()).any(before) {
            after
        } else {
            Duration::from_secs(FIRST_LATE_S).min(after)
        };
        // An older attempt that was made later than the last step was made before the clock was set back.
        let made = if a.number < last.number { last.created_at.max(a.created_at) } else { last.created_at };
        sent > made.plus(bound)
    };
    // A time later than now is of a clock that was set back since: it says nothing.
    let sent = |a: &Attempt| a.sent_at.filter(|at| *at <= now && is_late(a, *at));
    let may_answer = |a: &&Attempt| a.may_have_told() && !call.is_out_by(&a.recipient.contact, a.channel);
    Some(notices().filter(may_answer).filter_map(sent).max()?.plus(after))
}

/// The ladder is over and nobody took it: the last resort is told, and after that the call is given up.
pub(super) fn exhaust(w: &mut Work<'_>, why: &str) -> Result<(), Illegal> {
    if last_resort_now(w, why)? {
        return Ok(());
    }
    skip_last_resort(w);
    w.call_to(CallStatus::Exhausted)?;
    sequence::cancel_waiting(w, "the call is exhausted")?;
    let id = w.state.call.id.clone();
    w.log(LogKind::CallExhausted, None, format!("exhausted: {why}"), Value::Null);
    let (key, message) =
        (AlertKind::Exhausted.about(&id), format!("call {id} is EXHAUSTED: {why}; somebody must take it by hand"));
    w.raise(key.clone(), message.clone());
    if w.state.call.next_step > ladder::total(w) {
        // It stands since the last resort was told, in other words.
        w.change.alerts.push(AlertChange::Again { key, message });
    }
    Ok(())
}

/// The call ends at once where nobody of the last resort can be told: that is said.
fn skip_last_resort(w: &mut Work<'_>) {
    if is_last_resort_left(w) {
        let total = ladder::total(w);
        let found = ladder::who(w, total);
        sequence::skip(w, total, &found);
    }
}

/// Whether there is a last resort that was not told in this round.
fn is_last_resort_left(w: &Work<'_>) -> bool {
    let is_configured = !w.ctx.directory.last_resort.is_empty() && !w.ctx.rules.off.last_resort;
    is_configured && w.state.call.next_step <= ladder::total(w)
}
