//! Whoever took a call and says nothing more of it is asked whether it goes on.
//!
//! When that is stands in the call (`ask_at`), and whether a question is unanswered (`asked_at`): a crash leaves both in the store,
//! and each question is made in the transaction that moves them, so that it is asked once. The engine's duty finds what is due
//! (`engine/followthrough.rs`); the answers are those of every reply (`reply/act.rs`).

use std::time::Duration;

use serde_json::{Value, json};

use super::alert::{AlertChange, AlertKind, Until};
use super::attempt::{Attempt, AttemptKind, AttemptState, Priority};
use super::call::CallStatus;
use super::change::Answer;
use super::log::LogKind;
use super::rules::{FollowthroughRules, SilentHolder};
use super::sequence;
use super::types::{Actor, ContactId};
use super::update;
use super::work::{Illegal, Work, holder_name};

/// How the text of a question begins; whoever rebuilds a lost store knows it by that.
pub const QUESTION: &str = "Still yours? ";

/// A contact has taken the call, or says that it goes on: they are asked later.
pub(super) fn begin(w: &mut Work<'_>) {
    let after = w.ctx.rules.followthrough.ask_after;
    let now = w.now();
    let call = &mut w.state.call;
    call.asked_at = None;
    call.ask_at = after.filter(|_| call.holder.is_some()).map(|after| now.plus(after));
    let key = AlertKind::TakenSilent.about(&call.id);
    w.resolve(key);
}

/// Whoever holds the call said how long it takes: they are asked after that, where anybody is asked at all.
pub(super) fn takes(w: &mut Work<'_>, minutes: u32, by: &Actor) {
    let name = holder_name(w);
    let after = Duration::from_secs(u64::from(minutes) * 60);
    let now = w.now();
    let call = &mut w.state.call;
    // Where a question is unanswered, its own time runs.
    if call.asked_at.is_none() {
        call.ask_at = call.ask_at.map(|_| now.plus(after));
    }
    let data = json!({ "minutes": minutes, "contact": call.holder.as_ref().map(ContactId::as_str) });
    w.log_as(by.clone(), LogKind::CallEta, None, format!("{name} says {minutes} min"), data);
}

/// The holder says that it goes on.
pub(super) fn confirm(w: &mut Work<'_>, by: &Actor) {
    let name = holder_name(w);
    begin(w);
    w.log_as(by.clone(), LogKind::CallConfirmed, None, format!("{name} says that it goes on"), Value::Null);
}

/// What is due: the question, or what follows where it was not answered. Not due, or not held any more: nothing.
pub(super) fn due(w: &mut Work<'_>) -> Result<(), Illegal> {
    let call = &w.state.call;
    let is_due = call.status == CallStatus::Acknowledged && call.ask_at.is_some_and(|at| at <= w.now());
    let Some(holder) = call.holder.clone().filter(|_| is_due) else {
        w.change.answer = Answer::Already(Box::new(w.state.clone()));
        return Ok(());
    };
    let rules = w.ctx.rules.followthrough.clone();
    if w.state.call.asked_at.is_some() {
        return silent(w, &holder, &rules);
    }
    if rules.ask_after.is_none() {
        // Switched off since.
        w.state.call.ask_at = None;
        return Ok(());
    }
    ask(w, &holder, &rules);
    Ok(())
}

fn ask(w: &mut Work<'_>, holder: &ContactId, rules: &FollowthroughRules) {
    let (now, name) = (w.now(), holder_name(w));
    w.state.call.asked_at = Some(now);
    w.state.call.ask_at = Some(now.plus(rules.reopen_after));
    w.log(LogKind::CallAsked, None, format!("{name} is asked whether it goes on"), Value::Null);
    // Whom nobody knows any more cannot be asked: the alarm says so.
    let Some((step, recipient)) = update::reader(w, holder) else { return };
    let entry = format!("asking {name} whether it goes on");
    let id = sequence::add_attempt(w, AttemptKind::Question, step, recipient.told_by_text(), Priority::Reminder, entry);
    if let Some(a) = w.state.attempt_mut(id) {
        a.result = format!("{QUESTION}Reply 1 if it goes on, DONE when finished, 2 to hand it back.");
    }
}

/// No word: a person is alarmed, and the call looks for somebody again where the settings say so and the holder was asked: whom no
/// question reached is not silent. A late `1` of a call that stays theirs still counts.
fn silent(w: &mut Work<'_>, holder: &ContactId, rules: &FollowthroughRules) -> Result<(), Illegal> {
    let (id, name) = (w.state.call.id.clone(), holder_name(w));
    let asked = question(w);
    let was_asked = asked.is_some_and(|a| a.state.may_have_arrived() && a.sent_at.is_some());
    let waits = asked.is_some_and(|a| a.state.is_waiting() || a.state == AttemptState::Sending);
    // Silence counts from when the question left, which a breaker or an outage may have put off.
    let counts_to = asked.filter(|_| was_asked).and_then(|a| a.sent_at).map(|at| at.plus(rules.reopen_after));
    if let Some(later) = counts_to.filter(|at| *at > w.now()) {
        w.state.call.ask_at = Some(later);
        return Ok(());
    }
    let what = match was_asked {
        true => "was asked whether it goes on and has not answered",
        false => "could not be asked whether it goes on",
    };
    let then = match rules.silent {
        SilentHolder::Loses if !was_asked => {
            w.state.call.ask_at = waits.then(|| w.now().plus(rules.reopen_after));
            format!("the call stays theirs: ring them, or `dispatchctl reopen {id}` looks for somebody")
        }
        SilentHolder::Keeps => {
            w.state.call.ask_at = None;
            format!("ring them, or `dispatchctl reopen {id}` looks for somebody")
        }
        SilentHolder::Loses => {
            w.call_to(CallStatus::Dispatching)?;
            w.state.call.excluded.clear();
            let data = json!({ "silent": holder.as_str() });
            w.log(LogKind::CallReopened, None, format!("{name} {what}: a new round begins"), data);
            w.change.alerts.push(AlertChange::ResolveAll { call: id.clone(), at: Until::Taken });
            sequence::start_round(w)?;
            "it looks for somebody again: ring them, they may be on the job".to_owned()
        }
    };
    w.raise(AlertKind::TakenSilent.about(&id), format!("{name}, who took call {id}, {what}; {then}"));
    Ok(())
}

/// The newest question to whoever holds the call.
fn question<'w>(w: &'w Work<'_>) -> Option<&'w Attempt> {
    let asked_at = w.state.call.asked_at;
    w.state.attempts.iter().rev().find(|a| a.kind == AttemptKind::Question && Some(a.created_at) >= asked_at)
}
