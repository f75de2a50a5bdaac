//! `[limits]`: bounds on how many texts go out, and to which countries. They alert, and hold reminders back; the first text of a call to
//! a contact goes whatever they say, and so does the last resort's. What is held is looked at again until it may go or is not wanted any
//! more; the ladder goes on meanwhile. The counts come from the store, so that a restart forgets none.
//!
//! A reminder to a country that is not named waits until the text before it has surely reached its reader, and is skipped then: until
//! then that text may still fail, and the reminder is what reaches them.

use std::time::Duration;

use serde_json::json;

use super::alert::AlertKind;
use super::attempt::{Attempt, AttemptEvent, AttemptKind, AttemptState, Channel};
use super::count::counted;
use super::ladder;
use super::limits::{HOUR, SpendLimits, Spent, at_limit, at_limit_of_contact};
use super::log::LogKind;
use super::trip;
use super::types::{AttemptId, Timestamp};
use super::work::{Illegal, Work};

/// A text that is held is looked at again after this at the latest: the bounds may be others by then. What makes it wanted at once
/// brings it forward ([`release`]).
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// How the reason of a text that is held begins.
const HELD: &str = "held: ";

/// What became of an attempt that was about to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Sent,
    /// It waits, or is skipped; why.
    Kept(String),
}

/// Holds a reminder back where too many texts went out, and alerts.
pub(super) fn judge(w: &mut Work<'_>, a: &Attempt) -> Result<Verdict, Illegal> {
    let limits = &w.ctx.rules.limits;
    if a.kind != AttemptKind::Notice || a.channel != Channel::Sms || *limits == SpendLimits::default() {
        return Ok(Verdict::Sent);
    }
    let is_outside = !limits.allows(&a.recipient.phone);
    if is_outside {
        let (call, code) = (w.state.call.id.clone(), a.recipient.phone.country_code().unwrap_or_default());
        w.raise(
            AlertKind::OutsideCountries.about(format!("{call}:{}", a.recipient.contact)),
            format!(
                "{} has a number of +{code}, which limits.countries does not name: they get the first text of call {call} and no reminder",
                a.recipient.name
            ),
        );
    }
    if !is_mere_reminder(w, a) {
        return Ok(Verdict::Sent);
    }
    let may_fail_until = may_fail_until(w, a);
    if is_outside && may_fail_until.is_none() {
        let why = "no reminder goes to this country (limits.countries)".to_owned();
        w.drop_waiting(a.id, AttemptEvent::Skip, &why)?;
        return Ok(Verdict::Kept(why));
    }
    if trip::shut(w, a.channel) {
        // Steps that tell others wait until somebody has tried whether its senders work again: what is held would try nothing.
        return Ok(Verdict::Sent);
    }
    if let Some(until) = may_fail_until.filter(|_| is_outside) {
        let why = "the text before it may still fail, and no reminder goes to this country (limits.countries)";
        return hold(w, a.id, until, why);
    }
    match w.loaded.spent {
        Spent { contact: Some(oldest), .. } => {
            let n = w.ctx.rules.limits.per_contact_per_hour;
            let why = format!(
                "{} to {} within an hour (limits.per_contact_per_hour)",
                counted(n.into(), "text"),
                a.recipient.name
            );
            w.raise(
                AlertKind::ContactLimit.about(a.recipient.contact.as_str()),
                at_limit_of_contact(&a.recipient.name, n),
            );
            hold(w, a.id, oldest.plus(HOUR), &why)
        }
        Spent { all: Some(oldest), .. } => {
            let n = w.ctx.rules.limits.messages_per_hour;
            w.raise(AlertKind::MessageLimit, at_limit(n));
            let why = format!("{} within an hour (limits.messages_per_hour)", counted(n.into(), "text"));
            hold(w, a.id, oldest.plus(HOUR), &why)
        }
        Spent { contact: None, all: None } => Ok(Verdict::Sent),
    }
}

/// Whether its reader knows of the call by an earlier text of this round to this number that has not failed, as far as the provider
/// says, and the last resort is not meant.
fn is_mere_reminder(w: &Work<'_>, a: &Attempt) -> bool {
    a.step < ladder::total(w) && accepted_before(w, a).next().is_some()
}

fn accepted_before<'a>(w: &'a Work<'_>, a: &'a Attempt) -> impl Iterator<Item = &'a Attempt> {
    w.state.attempts.iter().filter(|b| {
        b.kind == AttemptKind::Notice
            && b.id != a.id
            && b.round == a.round
            && b.channel == Channel::Sms
            && b.recipient.contact == a.recipient.contact
            && b.recipient.phone == a.recipient.phone
            && matches!(b.state, AttemptState::Submitted | AttemptState::Delivered)
    })
}

/// Until when every text before this one may still fail; `None`: one was delivered, or its carrier has said nothing for so long that
/// nothing is to be waited for.
fn may_fail_until(w: &Work<'_>, a: &Attempt) -> Option<Timestamp> {
    let mut first = None;
    for b in accepted_before(w, a) {
        let until = b.sent_at_now().unwrap_or(b.created_at).plus(w.ctx.rules.status_timeout);
        if b.state == AttemptState::Delivered || until <= w.now() {
            return None;
        }
        first = first.into_iter().chain([until]).min();
    }
    first
}

fn hold(w: &mut Work<'_>, id: AttemptId, until: Timestamp, why: &str) -> Result<Verdict, Illegal> {
    let now = w.now();
    let again_at = until.max(now.plus(Duration::from_secs(1))).min(now.plus(LOOK_AGAIN));
    let why = format!("{HELD}{why}");
    let a = w.attempt_mut(id)?;
    a.not_before = again_at;
    // It is not late: it waits because somebody wants it so.
    a.due_at = None;
    let (number, name, is_new) = (a.number, a.recipient.name.clone(), a.result != why);
    a.result.clone_from(&why);
    if is_new {
        w.log(
            LogKind::AttemptHeld,
            Some(id),
            format!("attempt {number} to {name} waits until {until} or later: {why}"),
            json!({ "until": until }),
        );
    }
    Ok(Verdict::Kept(why))
}

/// Has what is held of these looked at again now.
fn release(w: &mut Work<'_>, which: impl Fn(&Attempt) -> bool) {
    let now = w.now();
    let is_held = |a: &Attempt| a.kind == AttemptKind::Notice && a.state.is_waiting() && a.result.starts_with(HELD);
    for a in w.state.attempts.iter_mut().filter(|a| is_held(a) && which(a)) {
        a.not_before = a.not_before.min(now);
    }
}

/// A text has failed: what is held of the same reader may be the first that reaches them.
pub(super) fn after_failure(w: &mut Work<'_>, failed: &Attempt) {
    if failed.kind == AttemptKind::Notice {
        release(w, |a| a.recipient.contact == failed.recipient.contact);
    }
}

/// A step waits until texts can be sent again: what is held may try whether they can.
pub(super) fn where_steps_wait(w: &mut Work<'_>) {
    if w.state.call.deferred_from.is_some() {
        release(w, |_| true);
    }
}
