//! Writes what a decision returned, by its difference from what was loaded.
//!
//! Runs inside the transaction that loaded; whatever fails here fails the whole change. Order matters: a call before its
//! notices before its attempts (each refers to the one before), and attempts that move before those that are new (the old one
//! must have closed before another of the same notice may open).

use std::sync::Arc;

use crate::store::sql::{Connection, params};
use serde_json::{Value, json};
use tracing::info;

use super::load::str_at;
use super::{alert_texts, phone_calls, roll_calls, settings, sql, update};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::Timestamp;
use crate::domain::alert::{self, AlertChange, AlertKey, SinkTarget};
use crate::domain::answers::Prompt;
use crate::domain::attempt::{Attempt, AttemptKind, Channel, NoticeKey};
use crate::domain::call::{Call, CallState};
use crate::domain::change::{BreakerChange, Change, Effect, OptOutChange, ReceiptRow};
use crate::domain::event::{InboundRow, Loaded};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::settings::{Basis, Target};
use crate::domain::types::{Actor, CallId, MessageSid, Sender};
use crate::store::{SendQueue, StoreError, rows};

/// The outbox sink of the mirror.
const MIRROR: &str = "mirror";

/// Which other systems are told.
#[derive(Debug, Clone)]
pub(in crate::store) struct Sinks {
    pub(in crate::store) mirror: bool,
    pub(in crate::store) alerts: Arc<[SinkTarget]>,
}

/// Who is told: by the settings in force, whatever this handle was opened with; only a store without any goes by the handle.
pub(in crate::store) fn in_force(conn: Connection<'_>, own: &Sinks, basis: Basis) -> Result<Sinks, StoreError> {
    if basis.settings.is_none() {
        return Ok(own.clone());
    }
    let (mut mirror, mut alerts) = (false, Vec::new());
    for target in settings::targets(conn)? {
        match target {
            Target::Mirror => mirror = true,
            Target::Sink(sink) => alerts.push(sink),
        }
    }
    Ok(Sinks { mirror, alerts: alerts.into() })
}

/// A sink as the outbox names it.
pub(in crate::store) fn sink_row(name: &str) -> String {
    format!("sink:{name}")
}

/// What a change came to; for after the commit.
pub(in crate::store) struct Saved {
    change: Change,
    /// The alerts that it ended, each in its words.
    over: Vec<(AlertKey, String)>,
}

impl Saved {
    /// Says which alerts are over; what was committed.
    pub(in crate::store) fn after_the_commit(self) -> Change {
        for (key, message) in self.over {
            // What a person wrote stands in no line of the process's own log.
            let message = if key.kind().quotes_a_person() { "over" } else { message.as_str() };
            info!(alert = key.masked(), "{message}");
        }
        self.change
    }
}

/// Writes all of `change`.
pub(in crate::store) fn save(
    conn: Connection<'_>,
    sinks: &Sinks,
    loaded: &Loaded,
    change: Change,
) -> Result<Saved, StoreError> {
    let at = time_of(&change);
    let is_notified = !change.effects.is_empty() || !change.alerts.is_empty();
    let sinks = &if is_notified { in_force(conn, sinks, loaded.basis)? } else { sinks.clone() };
    touches(conn, loaded, &change);
    for state in &change.calls {
        match loaded.calls.iter().chain(&loaded.similar).find(|was| was.call.id == state.call.id) {
            Some(was) => update(conn, was, state)?,
            None => insert(conn, state)?,
        }
    }
    append_log(conn, &change.log)?;
    let mut over = Vec::new();
    for alert in &change.alerts {
        save_alert(conn, sinks, alert, at, &mut over)?;
    }
    for receipt in &change.receipts {
        insert_receipt(conn, receipt)?;
    }
    join_orphans(conn, loaded, &change)?;
    if let Some(inbound) = &change.inbound {
        match inbound.text.waited_since {
            None => insert_inbound(conn, sql::INSERT_INBOUND, inbound)?,
            Some(_) => answer_waiting(conn, inbound)?,
        }
    }
    for ingested in &change.ingested {
        insert_inbound(conn, sql::INSERT_INGESTED, ingested)?;
    }
    for opt_out in &change.opt_outs {
        save_opt_out(conn, opt_out, at)?;
    }
    for roll_call in &change.roll_calls {
        roll_calls::save(conn, roll_call)?;
    }
    for text in &change.alert_texts {
        alert_texts::save(conn, text)?;
    }
    for phone_call in &change.phone_calls {
        phone_calls::save(conn, phone_call)?;
    }
    for breaker in &change.breakers {
        save_breaker(conn, breaker, at)?;
    }
    if sinks.mirror {
        for effect in change.effects.iter().filter(|e| !is_pruned(&change, e)) {
            match effect {
                Effect::MirrorAttempt(id) => to_outbox(conn, MIRROR, &format!("attempt:{id}"), at)?,
                Effect::MirrorCall(id) => to_outbox(conn, MIRROR, &format!("call:{id}"), at)?,
            }
        }
    }
    Ok(Saved { change, over })
}

/// Says by which names others may have asked for what changes.
fn touches(conn: Connection<'_>, loaded: &Loaded, change: &Change) {
    for orphan in &loaded.orphans {
        conn.touches(&orphan.sid.as_str());
        orphan.attempt.into_iter().for_each(|attempt| conn.touches(&rows::id_bytes(attempt)));
    }
    for state in &change.calls {
        state.attempts.iter().for_each(|a| conn.touches(&rows::id_bytes(a.id)));
        conn.touches(&state.call.id.as_str());
        conn.touches(&state.call.reference.as_str());
        for sid in state.attempts.iter().filter_map(|a| a.sid.as_ref()) {
            conn.touches(&sid.as_str());
        }
    }
    for receipt in &change.receipts {
        conn.touches(&receipt.update.sid.as_str());
        for attempt in receipt.update.attempt.into_iter().chain(receipt.joined) {
            conn.touches(&rows::id_bytes(attempt));
        }
    }
}

/// Whether it would tell the shop's base of a call that is pruned: what stands there is the shop's own, and stays.
fn is_pruned(change: &Change, effect: &Effect) -> bool {
    let of = |state: &&CallState| match effect {
        Effect::MirrorAttempt(id) => state.attempt(*id).is_some(),
        Effect::MirrorCall(id) => state.call.id == *id,
    };
    let state = change.calls.iter().find(of);
    state.is_some_and(|s| !s.call.status.is_open() && s.attempts.iter().any(|a| a.recipient.phone.is_pruned()))
}

/// When a change happened, by what it says itself; only one that says nothing takes the wall clock.
fn time_of(change: &Change) -> Timestamp {
    if let Some(at) = change.at {
        return at;
    }
    let log = change.log.iter().map(|e| e.at);
    let calls = change.calls.iter().map(|c| c.call.accepted_at);
    let receipts = change.receipts.iter().map(|r| r.at);
    let inbound = change.inbound.iter().map(|i| i.at);
    log.chain(receipts).chain(inbound).max().or(calls.max()).unwrap_or_else(|| SystemClock::new().now())
}

pub(in crate::store) fn refused(what: impl Into<String>) -> StoreError {
    StoreError::Refused { what: what.into() }
}

fn insert(conn: Connection<'_>, state: &CallState) -> Result<(), StoreError> {
    let c = &state.call;
    conn.prepare_cached(sql::INSERT_CALL)?.execute_of_own_calls(params![
        c.id.as_str(),
        c.reference.as_str(),
        c.status.as_str(),
        c.round,
        c.level,
        rows::to_json("a policy", &*c.policy)?,
        rows::to_json("a call's data", &c.data)?,
        c.fingerprint,
        c.idempotency_key,
        overridden(c)?,
        c.created_by.0,
        c.accepted_at.as_millis(),
        c.next_step,
        rows::millis(c.wake_at),
        c.attempts,
        c.holder.as_ref().map(|h| h.as_str()),
        excluded(c)?,
        rows::millis(c.notified_at),
        rows::millis(c.closed_at),
        c.muted,
        steps_total(c),
        rows::millis(c.deferred_from),
        c.settings.map(|s| s.0),
        rows::millis(c.held_until),
        rows::millis(c.ask_at),
        rows::millis(c.asked_at),
    ])?;
    insert_notices(conn, c, &state.notices, 0)?;
    for attempt in &state.attempts {
        insert_attempt(conn, c, attempt)?;
    }
    Ok(())
}

pub(in crate::store) fn overridden(c: &Call) -> Result<Option<String>, StoreError> {
    c.overridden.as_ref().map(|o| rows::to_json("who is told instead", o)).transpose()
}

pub(in crate::store) fn excluded(c: &Call) -> Result<String, StoreError> {
    if c.excluded.is_empty() { Ok("[]".into()) } else { rows::to_json("who is out", &c.excluded) }
}

pub(in crate::store) fn steps_total(c: &Call) -> i64 {
    i64::try_from(c.policy.total_steps()).unwrap_or(i64::MAX)
}

fn update(conn: Connection<'_>, was: &CallState, is: &CallState) -> Result<(), StoreError> {
    if was.call != is.call {
        update::call(conn, &was.call, &is.call)?;
    }
    match is.notices.split_at_checked(was.notices.len()) {
        Some((old, new)) if old == was.notices => insert_notices(conn, &is.call, new, old.len())?,
        _ => return Err(refused("a notice of the call was changed or is missing")),
    }
    let mut known = 0;
    let other_line = was.call.data.twilio_to_number != is.call.data.twilio_to_number;
    for attempt in &is.attempts {
        if let Some(before) = was.attempt(attempt.id) {
            known += 1;
            if before != attempt {
                update::attempt(conn, before, attempt)?;
            }
            if other_line || (attempt.kind == AttemptKind::Answer && before.sender != attempt.sender) {
                let queue = queue(&is.call, attempt);
                conn.prepare_cached(sql::MOVE_QUEUE)?
                    .execute_of_own_calls(params![rows::id_bytes(attempt.id), queue.as_str()])?;
            }
        }
    }
    if known != was.attempts.len() {
        return Err(refused("an attempt of the call is missing, or there twice"));
    }
    for attempt in is.attempts.iter().filter(|a| was.attempt(a.id).is_none()) {
        insert_attempt(conn, &is.call, attempt)?;
    }
    Ok(())
}

fn insert_notices(conn: Connection<'_>, call: &Call, notices: &[NoticeKey], known: usize) -> Result<(), StoreError> {
    for (ordinal, notice) in (known..).zip(notices) {
        let ordinal = i64::try_from(ordinal).unwrap_or(i64::MAX);
        conn.prepare_cached(sql::INSERT_NOTICE)?.execute_of_own_calls(params![
            call.id.as_str(),
            notice.round,
            notice.step,
            notice.contact.as_str(),
            ordinal
        ])?;
    }
    Ok(())
}

fn insert_attempt(conn: Connection<'_>, call: &Call, a: &Attempt) -> Result<(), StoreError> {
    if a.call != call.id {
        return Err(refused("an attempt names another call than the one it is in"));
    }
    conn.prepare_cached(sql::INSERT_ATTEMPT)?.execute_of_own_calls(params![
        rows::id_bytes(a.id),
        a.call.as_str(),
        a.number,
        a.kind.as_str(),
        a.channel.as_str(),
        a.provider,
        a.round,
        a.step,
        a.recipient.contact.as_str(),
        a.recipient.name,
        a.recipient.phone.e164(),
        a.sender.as_ref().map(Sender::as_str),
        a.state.as_str(),
        rows::priority_rank(a.priority),
        a.body,
        a.segments,
        a.created_at.as_millis(),
        a.not_before.as_millis(),
        rows::millis(a.expires_at),
        a.claimed_by,
        rows::millis(a.sent_at),
        a.tries,
        a.callback,
        a.sid.as_ref().map(MessageSid::as_str),
        a.message_status.as_ref().map(|s| s.as_str()),
        a.error_code.map(|c| c.0),
        a.result,
        a.repeats.map(rows::id_bytes),
        rows::millis(a.finished_at),
        rows::millis(a.decided_at),
        rows::millis(a.poll_at),
        a.polls,
        a.conflict,
        a.class.map(rows::class_word).transpose()?,
        rows::millis(a.provider_at),
        rows::millis(a.provider_after),
        a.clock_steps_ms,
        rows::millis(a.due_at),
        a.replied,
        a.recipient.email.as_ref().map(|e| e.as_str()),
        a.recipient.why,
        a.trace.sip.map(|c| c.0),
        a.trace.rang,
        a.trace.asked,
        call.status.is_open(),
        queue(call, a).as_str(),
    ])?;
    Ok(())
}

/// What picks its sender, as [`crate::domain::breaker::senders`] reads it.
fn queue(call: &Call, a: &Attempt) -> SendQueue {
    match a.channel {
        Channel::Voice => SendQueue::of_phone_calls(),
        Channel::Sms | Channel::Email => SendQueue::new(call.data.twilio_to_number.as_deref(), a.own_sender()),
    }
}

/// Appends entries in order.
pub(in crate::store) fn append_log(conn: Connection<'_>, entries: &[LogEntry]) -> Result<(), StoreError> {
    for e in entries {
        let data = if e.data == Value::Null { None } else { Some(rows::to_json("a log entry", &e.data)?) };
        conn.prepare_cached(sql::INSERT_LOG)?.execute_of_own_calls(params![
            e.kind.as_str(),
            e.at.as_millis(),
            e.call.as_ref().map(CallId::as_str),
            e.attempt.map(rows::id_bytes),
            e.actor.0,
            e.message,
            data,
        ])?;
    }
    Ok(())
}

/// Only news is told of: raising what is raised and resolving what is not writes nothing. What is over goes to `over`.
fn save_alert(
    conn: Connection<'_>,
    sinks: &Sinks,
    change: &AlertChange,
    at: Timestamp,
    over: &mut Vec<(AlertKey, String)>,
) -> Result<(), StoreError> {
    let (kind, key, call, message) = match change {
        AlertChange::ResolveAll { call, at: what } => {
            for key in raised_about(conn, call)? {
                if key.kind().until() <= *what {
                    save_alert(conn, sinks, &AlertChange::Resolve { key }, at, over)?;
                }
            }
            return Ok(());
        }
        AlertChange::Untold { sink, alerts } => {
            for alert in alerts {
                super::alerts::untold(conn, sink, &sinks.alerts, alert, at)?;
            }
            return Ok(());
        }
        AlertChange::Again { key, message } => {
            let stored: Option<(Option<String>, bool)> = conn
                .prepare_cached(sql::ALERT_AGAIN)?
                .query_maybe(params![key.to_string(), message], |r| Ok((r.get(0)?, r.get(1)?)))?;
            let Some((call, acknowledged)) = stored else { return Ok(()) };
            if acknowledged && key.kind().repeat_every().is_some() {
                // A person has seen it: that time goes by is no news.
                return Ok(());
            }
            let call = call.map(|c| rows::parsed("alerts.call_id", &c)).transpose()?;
            (LogKind::AlertRaised, key, call, message.clone())
        }
        AlertChange::Raise { key, call, message } => {
            let id = call.as_ref().map(CallId::as_str);
            let raised = conn.prepare_cached(sql::RAISE_ALERT)?.execute(params![
                key.to_string(),
                id,
                message,
                at.as_millis()
            ])?;
            if raised == 0 && key.kind().says_the_newest() {
                let again = AlertChange::Again { key: key.clone(), message: message.clone() };
                return save_alert(conn, sinks, &again, at, over);
            }
            if raised == 0 {
                return Ok(());
            }
            (LogKind::AlertRaised, key, call.clone(), message.clone())
        }
        AlertChange::Acknowledge { key, by, raised_by } => {
            let with = params![key.to_string(), at.as_millis(), by.0, raised_by.map_or(i64::MAX, Timestamp::as_millis)];
            let stored: Option<Option<String>> =
                conn.prepare_cached(sql::ACKNOWLEDGE_ALERT)?.query_maybe(with, |r| r.get(0))?;
            let Some(call) = stored else { return Ok(()) };
            let call = call.map(|c| rows::parsed("alerts.call_id", &c)).transpose()?;
            let entry = LogEntry {
                kind: LogKind::AlertAcknowledged,
                at,
                call,
                attempt: None,
                actor: by.clone(),
                message: format!("the alert {} is seen and told no more until it is over", key.masked()),
                data: json!({ "key": key }),
            };
            return append_log(conn, &[entry]);
        }
        AlertChange::Resolve { key } => {
            let few = few_raised(conn)?;
            if few.is_some_and(|few| few.iter().all(|alert| alert.key != key.to_string())) {
                return Ok(());
            }
            let was: Option<(Option<String>, String)> = conn
                .prepare_cached(sql::RESOLVE_ALERT)?
                .query_maybe(params![key.to_string(), at.as_millis()], |r| Ok((r.get(0)?, r.get(1)?)))?;
            let Some((call, message)) = was else { return Ok(()) };
            let call = call.map(|c| rows::parsed("alerts.call_id", &c)).transpose()?;
            let message = alert::over(&message);
            over.push((key.clone(), message.clone()));
            (LogKind::AlertResolved, key, call, message)
        }
    };
    let actor = Actor::engine();
    append_log(conn, &[LogEntry { kind, at, call, attempt: None, actor, message, data: json!({ "key": key }) }])?;
    for target in sinks.alerts.iter().filter(|t| key.kind().severity() >= t.min) {
        to_outbox(conn, &sink_row(&target.name), &key.to_string(), at)?;
    }
    Ok(())
}

struct RaisedAlert {
    key: String,
    call: Option<String>,
}

/// The alerts that are raised, where asking for all of them is worth it and they are few: mostly what would be
/// resolved is not raised, and the changes of a batch share the question.
fn few_raised(conn: Connection<'_>) -> Result<Option<Vec<RaisedAlert>>, StoreError> {
    if !conn.is_remote() {
        return Ok(None);
    }
    let mut statement = conn.prepare_cached(sql::RAISED)?;
    let mut found = statement.query([])?;
    let mut few = Vec::new();
    while let Some(row) = found.next()? {
        few.push(RaisedAlert { key: row.get(0)?, call: row.get(1)? });
    }
    Ok(Some(few).filter(|few| few.len() <= sql::RAISED_FEW))
}

/// Those that can be read: a key that nobody wrote keeps no call from being closed.
fn raised_about(conn: Connection<'_>, call: &CallId) -> Result<Vec<AlertKey>, StoreError> {
    if let Some(few) = few_raised(conn)? {
        let of_call = few.iter().filter(|alert| alert.call.as_deref() == Some(call.as_str()));
        return Ok(of_call.filter_map(|alert| alert.key.parse().ok()).collect());
    }
    let mut statement = conn.prepare_cached(sql::ALERTS_OF_CALL)?;
    let mut found = statement.query([call.as_str()])?;
    let mut keys = Vec::new();
    while let Some(row) = found.next()? {
        keys.extend(str_at(row, 0)?.parse());
    }
    Ok(keys)
}

fn to_outbox(conn: Connection<'_>, sink: &str, key: &str, at: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(sql::OUTBOX)?.execute_of_own_calls(params![sink, key, at.as_millis()])?;
    Ok(())
}

fn insert_receipt(conn: Connection<'_>, r: &ReceiptRow) -> Result<(), StoreError> {
    conn.prepare_cached(sql::INSERT_RECEIPT)?.execute_of_own_calls(params![
        r.update.sid.as_str(),
        r.update.attempt.map(rows::id_bytes),
        r.update.status.as_str(),
        r.update.code.map(|c| c.0),
        rows::class_words(r.update.error_class)?,
        r.update.source.as_str(),
        r.joined.map(rows::id_bytes),
        r.effect,
        r.at.as_millis(),
    ])?;
    Ok(())
}

/// A receipt that waited is joined once the decision saw it and returned the attempt that it belongs to: it is not shown again.
fn join_orphans(conn: Connection<'_>, loaded: &Loaded, change: &Change) -> Result<(), StoreError> {
    for orphan in &loaded.orphans {
        let all = || change.calls.iter().flat_map(|c| &c.attempts);
        if let Some(a) = all().find(|a| a.sid.as_ref() == Some(&orphan.sid)) {
            conn.prepare_cached(sql::JOIN_BY_SID)?
                .execute_of_own_calls(params![orphan.sid.as_str(), rows::id_bytes(a.id)])?;
        } else if let Some(a) = all().find(|a| Some(a.id) == orphan.attempt) {
            conn.prepare_cached(sql::JOIN_BY_NAME)?.execute_of_own_calls([rows::id_bytes(a.id)])?;
        }
    }
    Ok(())
}

fn insert_inbound(conn: Connection<'_>, statement: &str, row: &InboundRow) -> Result<(), StoreError> {
    conn.prepare_cached(statement)?.execute_later(params![
        row.text.sid.as_str(),
        row.text.from,
        row.text.to,
        row.text.body,
        row.text.provider_replied,
        rows::millis(row.text.at),
        row.call.as_ref().map(CallId::as_str),
        row.understood,
        row.answer,
        row.at.as_millis(),
        row.prompt.map(Prompt::as_str),
        row.answered_by.map(rows::id_bytes),
        row.waits,
    ])?;
    Ok(())
}

fn answer_waiting(conn: Connection<'_>, row: &InboundRow) -> Result<(), StoreError> {
    conn.prepare_cached(sql::ANSWER_WAITING)?.execute_later(params![
        row.text.sid.as_str(),
        rows::millis(row.text.at),
        row.call.as_ref().map(CallId::as_str),
        row.understood,
        row.answer,
        row.prompt.map(Prompt::as_str),
        row.answered_by.map(rows::id_bytes),
    ])?;
    Ok(())
}

fn save_breaker(conn: Connection<'_>, change: &BreakerChange, at: Timestamp) -> Result<(), StoreError> {
    match change {
        BreakerChange::Open(b) => {
            conn.prepare_cached(sql::OPEN_BREAKER)?.execute_later(params![
                b.sender,
                b.opened_at.as_millis(),
                b.evidence.as_str(),
                b.probe.as_str(),
                b.code.map(|c| c.0),
                b.why,
                b.probe_at.as_millis(),
                b.probes,
            ])?;
        }
        BreakerChange::Probed { sender, probe_at } => {
            conn.prepare_cached(sql::PROBED)?.execute_later(params![sender, probe_at.as_millis()])?;
        }
        BreakerChange::Close { sender } => {
            conn.prepare_cached(sql::CLOSE_BREAKER)?.execute_later(params![sender, at.as_millis()])?;
            conn.prepare_cached(sql::WAKE_DEFERRED)?.execute_later([at.as_millis()])?;
        }
    }
    Ok(())
}

fn save_opt_out(conn: Connection<'_>, change: &OptOutChange, at: Timestamp) -> Result<(), StoreError> {
    match change {
        OptOutChange::Out { phone, sender } => {
            conn.prepare_cached(sql::OPT_OUT)?.execute(params![phone, sender, at.as_millis()])?
        }
        OptOutChange::In { phone, sender: Some(sender) } => {
            conn.prepare_cached(sql::OPT_IN)?.execute(params![phone, sender])?
        }
        OptOutChange::In { phone, sender: None } => conn.prepare_cached(sql::OPT_IN_EVERY)?.execute([phone])?,
    };
    Ok(())
}
