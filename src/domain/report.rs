//! What a voice agent's platform tells of a phone call. One phone call is one call: the first report makes it, the same again
//! changes nothing, and what comes later, by whatever way, is added to its story.
//!
//! A first report that is known to be followed by a better one makes a call that is *held*: its first step waits, durably, for
//! that report or for the end of its hold. Nobody has been told of it, so the better report may still change what it says.

use std::time::Duration;

use serde_json::{Value, json};

use super::alert::AlertChange;
use super::call::{ADDRESS_KNOWN_BEFORE, Call, CallData, CallState, CallStatus};
use super::change::{Answer, Change, PhoneCallChange};
use super::decide;
use super::deferred;
use super::event::{EndedPhoneCall, Loaded, NewCall, Note, Report};
use super::log::{LogEntry, LogKind};
use super::phone::masked;
use super::phone_call::PhoneCall;
use super::quiet;
use super::sequence;
use super::types::{CallId, Timestamp};
use super::update::{self, IsHigher};
use super::work::{Ctx, Illegal, Work};

/// The field of a call's data that holds what Twilio transcribed of it.
const TRANSCRIBED: &str = "twilioTranscription";
/// How long a report of a phone call is waited for once Twilio says that it ended.
const REPORT_WAIT: Duration = Duration::from_secs(180);

/// A report makes its call, or joins it.
pub(super) fn report(loaded: &Loaded, new: &NewCall, report: &Report, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    let Some(existing) = loaded.calls.first() else {
        let mut change = decide::made(loaded, new, report.hold.unwrap_or_default(), ctx)?;
        let waits = report.hold.map(|h| format!(": a better report is waited for, {} s at most", h.as_secs()));
        let message = format!("{} reported {}{}", report.source, report.event, waits.unwrap_or_default());
        change.phone_calls.push(told(new, &new.id));
        change.log.push(LogEntry {
            kind: LogKind::CallReported,
            at: ctx.now,
            call: Some(new.id.clone()),
            attempt: None,
            actor: ctx.actor.clone(),
            message,
            data: said(new, report),
        });
        return Ok(change);
    };
    if loaded.replayed {
        return Ok(Change { answer: Answer::Exists(Box::new(existing.clone())), ..Change::default() });
    }
    let mut w = Work::new(ctx, loaded, existing.clone());
    w.change.phone_calls.push(joined(new, &existing.call));
    let held = w.state.call.waits_for_report();
    let what = if held { "its words are the call's now" } else { "added to the story" };
    w.log(
        LogKind::CallReported,
        None,
        format!("{} reported {}: {what}", report.source, report.event),
        said(new, report),
    );
    if held {
        replaced(&mut w, new, report)?;
    } else if is_higher(&w.state.call, new) && w.state.call.status == CallStatus::Deferred {
        let actor = w.ctx.actor.clone();
        deferred::raise(&mut w, Some(&new.level), &actor, None)?;
    } else {
        let higher = if is_higher(&w.state.call, new) { IsHigher::Yes } else { IsHigher::No };
        update::by_report(&mut w, new, report, higher)?;
    }
    w.change.answer = Answer::Exists(Box::new(w.state.clone()));
    quiet::put_off(&mut w);
    Ok(w.into_change())
}

/// Whether the call that was found is of the same phone call, which came by another way.
pub(super) fn is_of_another_way(loaded: &Loaded, new: &NewCall) -> bool {
    let Some(found) = loaded.calls.first().map(|c| &c.call) else { return false };
    let by_key = new.idempotency_key.is_some() && found.idempotency_key == new.idempotency_key;
    found.id != new.id && !by_key
}

/// What an intake hands over by the API, where its phone call has come by another way.
pub fn by_api() -> Report {
    Report { source: "the API".to_owned(), event: "the same phone call".to_owned(), hold: None }
}

fn told(new: &NewCall, call: &CallId) -> PhoneCallChange {
    PhoneCallChange::Told { id: new.id.clone(), phone: PhoneCall::told_by(&new.data), call: Some(call.clone()) }
}

/// As [`told`]; what names no SID has that of its call, so that another phone call does not join through it.
fn joined(new: &NewCall, call: &Call) -> PhoneCallChange {
    let mut phone = PhoneCall::told_by(&new.data);
    phone.sid = phone.sid.or_else(|| PhoneCall::told_by(&call.data).sid);
    PhoneCallChange::Told { id: new.id.clone(), phone, call: Some(call.id.clone()) }
}

/// Twilio's word that a phone call ended: a report of it is waited for, unless one came. A transcription may come by itself, later.
pub(super) fn ended(loaded: &Loaded, ended: &EndedPhoneCall, ctx: &Ctx<'_>) -> Change {
    let until = ctx.now.plus(REPORT_WAIT);
    if loaded.replayed {
        return match (&ended.words, loaded.calls.first()) {
            (None, _) => Change::default(),
            (Some(words), Some(call)) => transcribed(loaded, call, words, ctx),
            (Some(_), None) => Change { phone_calls: vec![waits(ended, until)], ..Change::default() },
        };
    }
    let from = ended.phone.caller.as_deref().map_or_else(|| "a number that is not known".to_owned(), masked);
    let message = format!(
        "a phone call from {from} ended: where nobody reports it within {} s, it is dispatched",
        REPORT_WAIT.as_secs()
    );
    let entry = LogEntry {
        kind: LogKind::CallReported,
        at: ctx.now,
        call: Some(ended.id.clone()),
        attempt: None,
        actor: ctx.actor.clone(),
        message,
        data: json!({ "twilioCallSid": ended.phone.sid, "startedAt": ended.phone.started_at, "until": until }),
    };
    Change { log: vec![entry], phone_calls: vec![waits(ended, until)], ..Change::default() }
}

fn waits(ended: &EndedPhoneCall, until: Timestamp) -> PhoneCallChange {
    let EndedPhoneCall { id, phone, words } = ended.clone();
    PhoneCallChange::Waits { id, phone, until, words }
}

/// The story of the call has the words, once.
fn transcribed(loaded: &Loaded, call: &CallState, words: &str, ctx: &Ctx<'_>) -> Change {
    let data = &call.call.data;
    let known = data.extra.get(TRANSCRIBED).and_then(Value::as_str);
    if known == Some(words) || data.issue_summary.as_deref() == Some(words) {
        return Change::default();
    }
    let mut w = Work::new(ctx, loaded, call.clone());
    w.state.call.data.extra.insert(TRANSCRIBED.to_owned(), Value::String(words.to_owned()));
    let text = "twilio transcribed the phone call: added to the story";
    w.log(LogKind::CallReported, None, text, json!({ TRANSCRIBED: words }));
    w.into_change()
}

/// What makes no call stands in the log.
pub(super) fn note(note: &Note, ctx: &Ctx<'_>) -> Change {
    let entry = LogEntry {
        kind: note.kind,
        at: ctx.now,
        call: note.call.clone(),
        attempt: None,
        actor: ctx.actor.clone(),
        message: note.message.clone(),
        data: note.data.clone(),
    };
    let raise = |(key, message)| AlertChange::Raise { key, call: None, message };
    let over = note.over.clone().map(|key| AlertChange::Resolve { key });
    let unheard =
        |(phone, id): (&PhoneCall, &CallId)| PhoneCallChange::Told { id: id.clone(), phone: phone.clone(), call: None };
    Change {
        log: vec![entry],
        alerts: note.alert.clone().map(raise).into_iter().chain(over).collect(),
        phone_calls: note.phone.as_ref().zip(note.call.as_ref()).map(unheard).into_iter().collect(),
        ..Change::default()
    }
}

/// What the report says, in the story.
pub(super) fn said(new: &NewCall, report: &Report) -> Value {
    json!({ "report": report.key(&new.fingerprint), "level": new.level, "callData": new.data })
}

/// A held call says what the better report says, and the rest of what it said before. It is told now, unless that waits too.
fn replaced(w: &mut Work<'_>, new: &NewCall, report: &Report) -> Result<(), Illegal> {
    let now = w.now();
    let call = &mut w.state.call;
    let stated = call.data.emergency_level.clone();
    if stated.is_none() || is_higher(call, new) {
        call.level.clone_from(&new.level);
        call.policy = new.policy.clone();
    }
    let lower = stated.filter(|_| call.level != new.level);
    call.data = merged(new.data.clone(), &call.data);
    if lower.is_some() {
        call.data.emergency_level = lower;
    }
    if new.overridden.is_some() {
        call.overridden.clone_from(&new.overridden);
    }
    call.fingerprint.clone_from(&new.fingerprint);
    let (id, dialled) = (call.id.clone(), call.data.twilio_to_number.clone());
    if report.hold.is_none() {
        call.wake_at = Some(call.accepted_at.plus(call.policy.wait_before(0)).max(now));
    }
    decide::raise_warnings(w, &id, dialled.as_deref(), &new.warnings);
    if new.deferred && w.state.call.level == new.level {
        w.call_to(CallStatus::Deferred)?;
        deferred::until_morning(w, None);
        return Ok(());
    }
    if report.hold.is_none() { sequence::fire_due(w) } else { Ok(()) }
}

fn merged(new: CallData, old: &CallData) -> CallData {
    let or = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone());
    // What was said in the conversation stands before what was known of the caller.
    let stays = new.is_address_old() && old.address.is_some();
    let is_old = if stays || new.address.is_none() { old.is_address_old() } else { new.is_address_old() };
    let address = if stays { old.address.clone() } else { or(new.address, &old.address) };
    let mut extra = old.extra.clone();
    extra.extend(new.extra);
    if !is_old {
        extra.remove(ADDRESS_KNOWN_BEFORE);
    }
    CallData {
        caller_phone: or(new.caller_phone, &old.caller_phone),
        emergency_level: or(new.emergency_level, &old.emergency_level),
        issue_summary: or(new.issue_summary, &old.issue_summary),
        twilio_to_number: or(new.twilio_to_number, &old.twilio_to_number),
        caller_name: or(new.caller_name, &old.caller_name),
        address,
        contact: or(new.contact, &old.contact),
        body: or(new.body, &old.body),
        extra,
    }
}

/// Whether a report says more urgency than the call runs as. One that states no level says so only by running as the highest.
fn is_higher(call: &Call, new: &NewCall) -> bool {
    let stated = new.data.emergency_level.is_some() || new.level == "high";
    stated && rank(&new.level) > rank(&call.level)
}

/// A level of the shop's own is between.
pub(super) fn rank(level: &str) -> u8 {
    match level {
        "morning" => 0,
        "high" => 2,
        _ => 1,
    }
}
