//! `[limits]`: bounds on how many texts go out, and to which countries. They alert, and hold reminders back; the first text of a call to
//! a contact goes whatever they say, and so does the last resort's. What is held is looked at again until it may go or is not wanted any
//! more; the ladder goes on meanwhile. The counts come from the store, so that a restart forgets none.

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

/// A text that is held is looked at again after this at the latest: the text before it may fail meanwhile, and then it is the first.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

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
    if is_outside {
        let why = "no reminder goes to this country (limits.countries)".to_owned();
        w.drop_waiting(a.id, AttemptEvent::Skip, &why)?;
        return Ok(Verdict::Kept(why));
    }
    if trip::shut(w, a.channel) {
        // Steps that tell others wait until somebody has tried whether its senders work again: what is held would try nothing.
        return Ok(Verdict::Sent);
    }
    match w.loaded.spent {
        Spent { contact: Some(oldest), .. } => {
            let n = w.ctx.rules.limits.per_contact_per_hour;
            let why = format!(
                "held: {} to {} within an hour (limits.per_contact_per_hour)",
                counted(n.into(), "text"),
                a.recipient.name
            );
            w.raise(
                AlertKind::ContactLimit.about(a.recipient.contact.as_str()),
                at_limit_of_contact(&a.recipient.name, n),
            );
            hold(w, a.id, oldest, why)
        }
        Spent { all: Some(oldest), .. } => {
            let n = w.ctx.rules.limits.messages_per_hour;
            w.raise(AlertKind::MessageLimit, at_limit(n));
            hold(
                w,
                a.id,
                oldest,
                format!("held: {} within an hour (limits.messages_per_hour)", counted(n.into(), "text")),
            )
        }
        Spent { contact: None, all: None } => Ok(Verdict::Sent),
    }
}

/// Whether its reader knows of the call by an earlier text of this round to this number that has not failed, as far as the provider says, and the last
/// resort is not meant.
fn is_mere_reminder(w: &Work<'_>, a: &Attempt) -> bool {
    let told = |b: &Attempt| {
        b.kind == AttemptKind::Notice
            && b.id != a.id
            && b.round == a.round
            && b.channel == Channel::Sms
            && b.recipient.contact == a.recipient.contact
            && b.recipient.phone == a.recipient.phone
            && matches!(b.state, AttemptState::Submitted | AttemptState::Delivered)
    };
    a.step < ladder::total(w) && w.state.attempts.iter().any(told)
}

fn hold(w: &mut Work<'_>, id: AttemptId, oldest: Timestamp, why: String) -> Result<Verdict, Illegal> {
    let (now, free_at) = (w.now(), oldest.plus(HOUR));
    let again_at = free_at.max(now.plus(Duration::from_secs(1))).min(now.plus(LOOK_AGAIN));
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
            format!("attempt {number} to {name} waits until {free_at} or later: {why}"),
            json!({ "until": free_at }),
        );
    }
    Ok(Verdict::Kept(why))
}
