//! Reads what a decision is shown: whole calls, opt-outs, receipts that wait for their message.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::sql::{Connection, For, Row, Value, params};
use tracing::warn;

use super::{alert_texts, phone_calls, policies, prefetch, ringing, roll_calls, settings, spent, sql};
use crate::domain::answers::{AnsweredBefore, PastAnswer, PastReply, Prompt};
use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, PhoneTrace, Recipient};
use crate::domain::breaker::{Breaker, Evidence, Probe};
use crate::domain::call::{Call, CallState, CallStatus};
use crate::domain::event::{Load, Loaded, StatusUpdate};
use crate::domain::phone_call::PhoneCall;
use crate::domain::settings::SettingsNumber;
use crate::domain::types::{Actor, AttemptId, CallId, CallRef, ContactId, ErrorCode, MessageSid, Timestamp};
use crate::domain::voice::classes::SipCode;
use crate::domain::{MessageStatus, PhoneNumber};
use crate::store::{StoreError, rows};

/// How many open calls a reply is matched against: the newest to that phone, those that still look for somebody first.
const REPLY_CALLS_MAX: usize = 50;
/// How many calls that have been closed for longer: a polite word may answer the text that told of that.
const CLOSED_CALLS_MAX: usize = 4;
/// How many that were closed lately: a late word may mean any of them.
const LATELY_CLOSED_MAX: usize = 50;

/// Loads what `load` asks for, and the opt-outs of `phones` and of everybody in the loaded calls.
pub(in crate::store) fn load(conn: Connection<'_>, load: &Load, phones: &[PhoneNumber]) -> Result<Loaded, StoreError> {
    match load {
        Load::WithBusy { of, since } => {
            let mut loaded = self::load(conn, of, phones)?;
            loaded.busy = busy(conn, *since)?;
            return Ok(loaded);
        }
        Load::WithSpent { of, since, per_contact, all } => {
            let mut loaded = self::load(conn, of, phones)?;
            loaded.spent = spent::of_claim(conn, &loaded, of, *since, (*per_contact, *all))?;
            return Ok(loaded);
        }
        _ => prefetch::of(conn, load)?,
    }
    let around = settings::surroundings(conn)?;
    let mut loaded = Loaded { basis: around.basis, ..Loaded::default() };
    match load {
        Load::Nothing | Load::WithBusy { .. } | Load::WithSpent { .. } => {}
        Load::Call(id) => loaded.calls.extend(call_state(conn, id.as_str())?),
        Load::Attempt(attempt) => {
            message(conn, &mut loaded, Some(*attempt), None)?;
            blocked_phone_calls(conn, &mut loaded, Some(*attempt))?;
        }
        Load::Claim(attempt) => {
            message(conn, &mut loaded, Some(*attempt), None)?;
            let claimed = loaded.calls.iter().find_map(|c| c.attempt(*attempt));
            if let Some(a) = claimed.filter(|a| a.channel == Channel::Voice) {
                loaded.phone_calls = ringing::to_phone(conn, a.recipient.phone.e164(), a.id)?;
            }
        }
        Load::Message { attempt, sid, said } => {
            message(conn, &mut loaded, *attempt, Some(sid))?;
            if loaded.calls.is_empty() {
                loaded.roll_calls = roll_calls::of_message(conn, *attempt, sid)?;
                if loaded.roll_calls.is_empty() {
                    loaded.alert_texts = alert_texts::of_message(conn, *attempt, sid)?;
                }
            }
            let all = || loaded.calls.iter().flat_map(|c| &c.attempts);
            let named = all().find(|a| Some(a.id) == *attempt);
            let known = named.or_else(|| all().find(|a| a.sid.as_ref() == Some(sid))).map(|a| a.id);
            if let (Some(joined), Some((status, code))) = (known, said) {
                let with = params![rows::id_bytes(joined), sid.as_str(), status.as_str(), code.map(|c| c.0)];
                loaded.replayed = conn.prepare_cached(sql::RECEIPT_IS_KEPT)?.exists(with)?;
            }
            blocked_phone_calls(conn, &mut loaded, known)?;
        }
        Load::New { id, also, phone, idempotency_key, report, similar, references, used_since } => {
            loaded.calls.extend(call_state(conn, id.as_str())?);
            if loaded.calls.is_empty()
                && let Some(other) = call_of_phone(conn, id, also, phone.as_ref())?
            {
                loaded.calls.extend(call_state(conn, &other)?);
            }
            if let (Some(report), Some(of)) = (report, loaded.calls.first().map(|c| &c.call.id)) {
                loaded.replayed = conn.prepare_cached(sql::REPORT_IS_KEPT)?.exists(params![of.as_str(), report])?;
            }
            if let Some(key) = idempotency_key {
                let by_key: Option<String> = text(conn, sql::CALL_OF_KEY, key)?;
                if let Some(other) = by_key.filter(|other| other != id.as_str()) {
                    loaded.calls.extend(call_state(conn, &other)?);
                }
            }
            if let (true, Some(similar)) = (loaded.calls.is_empty(), similar) {
                loaded.similar = phone_calls::similar(conn, similar)?;
            }
            loaded.free_reference = free_reference(conn, references, *used_since)?;
        }
        Load::NewRollCall { rotation, contact, references, used_since } => {
            loaded.roll_calls = roll_calls::of_contact(conn, rotation, contact)?;
            loaded.free_reference = free_reference(conn, references, *used_since)?;
        }
        Load::RollCall(id) => loaded.roll_calls.extend(roll_calls::by_id(conn, id.as_str())?),
        Load::RollCallText(text) => loaded.roll_calls.extend(roll_calls::of_text(conn, *text)?),
        Load::NewAlertText { message, sink, alerts, raised_since, recent_since, references, used_since } => {
            let since = (*raised_since, *recent_since);
            loaded.alert_texts = alert_texts::around(conn, message, sink, alerts, since)?;
            loaded.free_reference = free_reference(conn, references, *used_since)?;
        }
        Load::AlertText(id) => {
            loaded.alert_texts = alert_texts::of_text(conn, *id)?;
            if let Some(of) = loaded.alert_texts.iter().find(|t| t.text.id == *id) {
                loaded.settled_alerts = alert_texts::settled(conn, of)?;
            }
        }
        Load::PhoneCall { id, phone } => {
            let same = phone_calls::same(conn, id, phone)?;
            loaded.replayed = same.is_some() || phone_calls::is_there(conn, id)?;
            if let Some(call) = phone_calls::call_of(conn, id)?.or(same.flatten()) {
                loaded.calls.extend(call_state(conn, &call)?);
            }
        }
        Load::Reply { from, sid, references, changed_since } => {
            loaded.answered_before = answered_before(conn, sid)?;
            loaded.answers = answers(conn, from)?;
            loaded.said = said(conn, from)?;
            loaded.roll_calls = roll_calls::of_phone(conn, from)?;
            loaded.alert_texts = alert_texts::of_phone(conn, from, references)?;
            let mut ids = calls_of_reply(conn, from, references, *changed_since)?;
            for call in loaded.alert_texts.iter().filter_map(|t| t.call.as_ref()) {
                if !ids.iter().any(|id| id == call.as_str()) {
                    ids.push(call.as_str().to_owned());
                }
            }
            for id in ids {
                match call_state(conn, &id) {
                    Ok(state) => loaded.calls.extend(state),
                    // Whoever writes is heard for every other call; this one nobody could take anyway.
                    Err(e @ StoreError::Corrupt { .. }) => {
                        warn!(call.id = id, error = %e, "a reply passes over a call")
                    }
                    Err(e) => return Err(e),
                }
            }
        }
    }
    if around.has_opt_outs {
        loaded.opted_out = opted_out(conn, &loaded.calls, phones)?;
        loaded.opted_out.extend(opted_out(conn, &loaded.similar, &[])?);
    }
    if around.has_breakers {
        loaded.breakers = breakers(conn)?;
    }
    Ok(loaded)
}

/// What refused phone calls say of our number and of the account matters where one of them may be the next.
fn blocked_phone_calls(conn: Connection<'_>, loaded: &mut Loaded, of: Option<AttemptId>) -> Result<(), StoreError> {
    let attempt = of.and_then(|id| loaded.calls.iter().find_map(|c| c.attempt(id)));
    if attempt.is_some_and(|a| a.channel == Channel::Voice) {
        loaded.blocked_phone_calls = ringing::blocked(conn)?;
    }
    Ok(())
}

/// The call that was made of the same phone call, by another id or another way.
pub(in crate::store) fn call_of_phone(
    conn: Connection<'_>,
    id: &CallId,
    also: &[CallId],
    phone: Option<&PhoneCall>,
) -> Result<Option<String>, StoreError> {
    for other in std::iter::once(id).chain(also) {
        if let Some(call) = phone_calls::call_of(conn, other)? {
            return Ok(Some(call));
        }
    }
    for other in also {
        if text(conn, sql::CALL_ID, other.as_str())?.is_some() {
            return Ok(Some(other.as_str().to_owned()));
        }
    }
    match phone {
        Some(phone) => match phone_calls::same(conn, id, phone)? {
            Some(told) => Ok(told),
            None => phone_calls::of_api(conn, id, phone),
        },
        None => Ok(None),
    }
}

/// The breakers of all senders.
pub(in crate::store) fn breakers(conn: Connection<'_>) -> Result<Vec<Breaker>, StoreError> {
    let mut statement = conn.prepare_cached(sql::BREAKERS)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match breaker(row) {
            Ok(b) => all.push(b),
            // As if it were closed: what fails opens it again, and nobody else waits for it.
            Err(StoreError::Corrupt { what, .. }) => tracing::warn!(what, "the row of a breaker cannot be read"),
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

fn breaker(row: Row<'_>) -> Result<Breaker, StoreError> {
    Ok(Breaker {
        sender: row.get(0)?,
        opened_at: Timestamp::from_millis(row.get(1)?),
        closed_at: rows::time(row.get(2)?),
        evidence: rows::word("breakers.evidence", Evidence::from_word(str_at(row, 3)?))?,
        probe: rows::word("breakers.probe", Probe::from_word(str_at(row, 4)?))?,
        code: row.get::<Option<u32>>(5)?.map(ErrorCode),
        why: row.get(6)?,
        probe_at: Timestamp::from_millis(row.get(7)?),
        probes: row.get(8)?,
    })
}

fn message(
    conn: Connection<'_>,
    loaded: &mut Loaded,
    named: Option<AttemptId>,
    sid: Option<&MessageSid>,
) -> Result<(), StoreError> {
    let mut call: Option<String> = match named {
        Some(attempt) => {
            conn.prepare_cached(sql::CALL_OF_ATTEMPT)?.query_maybe([rows::id_bytes(attempt)], |r| r.get(0))?
        }
        None => None,
    };
    let by_name = call.is_some();
    if let (None, Some(sid)) = (&call, sid) {
        call = text(conn, sql::CALL_OF_SID, sid.as_str())?;
    }
    if let Some(id) = &call {
        prefetch::of_call(conn, id)?;
        loaded.calls.extend(call_state(conn, id)?);
    }
    let attempt = loaded
        .calls
        .iter()
        .flat_map(|c| &c.attempts)
        .find(|a| if by_name { Some(a.id) == named } else { a.sid.as_ref() == sid });
    // A message that is not known as this attempt's may be another's.
    let linked = match sid {
        Some(sid) if by_name && attempt.is_none_or(|a| a.sid.as_ref() != Some(sid)) => {
            text(conn, sql::CALL_OF_SID, sid.as_str())?
        }
        _ => None,
    };
    let sid = sid.or(attempt.and_then(|a| a.sid.as_ref()));
    loaded.orphans = orphans(conn, sid, attempt.map(|a| a.id).or(named))?;
    if let Some(other) = linked.filter(|id| loaded.calls.iter().all(|c| c.call.id.as_str() != id)) {
        loaded.calls.extend(call_state(conn, &other)?);
    }
    Ok(())
}

fn orphans(
    conn: Connection<'_>,
    sid: Option<&MessageSid>,
    named: Option<AttemptId>,
) -> Result<Vec<StatusUpdate>, StoreError> {
    let mut by_place: BTreeMap<i64, StatusUpdate> = BTreeMap::new();
    let mut keep = |row: Row<'_>| -> Result<(), StoreError> {
        by_place.insert(row.get(6)?, update_from(row)?);
        Ok(())
    };
    if let Some(sid) = sid {
        let mut statement = conn.prepare_cached(sql::ORPHANS_OF_SID)?;
        let mut found = statement.query([sid.as_str()])?;
        while let Some(row) = found.next()? {
            keep(row)?;
        }
    }
    if let Some(named) = named {
        let mut statement = conn.prepare_cached(sql::ORPHANS_OF_NAMED)?;
        let mut found = statement.query([rows::id_bytes(named)])?;
        while let Some(row) = found.next()? {
            keep(row)?;
        }
    }
    Ok(by_place.into_values().collect())
}

/// Reads `sid, named, status, code, class, source` from the front of a row.
pub(in crate::store) fn update_from(row: Row<'_>) -> Result<StatusUpdate, StoreError> {
    Ok(StatusUpdate {
        sid: rows::parsed("receipts.sid", str_at(row, 0)?)?,
        attempt: row.get::<Option<[u8; 16]>>(1)?.map(rows::id_from),
        status: MessageStatus::from_word(str_at(row, 2)?),
        code: row.get::<Option<u32>>(3)?.map(ErrorCode),
        error_class: rows::error_class(str_at(row, 4)?)?,
        source: rows::source(str_at(row, 5)?)?,
        provider_at: None,
    })
}

fn free_reference(
    conn: Connection<'_>,
    references: &[CallRef],
    used_since: Timestamp,
) -> Result<Option<CallRef>, StoreError> {
    let mut taken = conn.prepare_cached(sql::REFERENCE_TAKEN)?;
    for reference in references {
        if !taken.exists(params![reference.as_str(), used_since.as_millis()])? {
            return Ok(Some(reference.clone()));
        }
    }
    Ok(None)
}

fn calls_of_reply(
    conn: Connection<'_>,
    from: &str,
    references: &[CallRef],
    changed_since: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut ids: Vec<String> = Vec::new();
    let mut statement = conn.prepare_cached(sql::OPEN_CALLS_OF_PHONE)?;
    for is_taken in [false, true] {
        let mut found = statement.query(params![from, is_taken])?;
        while ids.len() < REPLY_CALLS_MAX
            && let Some(row) = found.next()?
        {
            let id = str_at(row, 0)?;
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
    }
    let open = ids.len();
    let mut statement = conn.prepare_cached(sql::CLOSED_CALLS_OF_PHONE)?;
    let mut found = statement.query(params![from, changed_since.as_millis()])?;
    while ids.len() < open + LATELY_CLOSED_MAX
        && let Some(row) = found.next()?
    {
        let (id, is_late): (&str, bool) = (str_at(row, 0)?, row.get(1)?);
        if (is_late || ids.len() < open + CLOSED_CALLS_MAX) && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    for reference in references {
        let named = text(conn, sql::CALL_OF_REFERENCE, reference.as_str())?;
        ids.extend(named.filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}

fn answered_before(conn: Connection<'_>, sid: &MessageSid) -> Result<Option<AnsweredBefore>, StoreError> {
    let mut statement = conn.prepare_cached(sql::INBOUND_ANSWER)?;
    statement.query_maybe([sid.as_str()], |r| Ok(AnsweredBefore { answer: r.get(0)?, waits: r.get(1)? }))
}

fn answers(conn: Connection<'_>, from: &str) -> Result<Vec<PastAnswer>, StoreError> {
    let mut statement = conn.prepare_cached(sql::ANSWERS_TO_PHONE)?;
    let mut found = statement.query([from])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match past_answer(row) {
            Ok(answer) => all.push(answer),
            // Whoever writes is heard all the same.
            Err(StoreError::Corrupt { what, .. }) => warn!(what, "an answer to an earlier text cannot be read"),
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

fn said(conn: Connection<'_>, from: &str) -> Result<Vec<PastReply>, StoreError> {
    let mut statement = conn.prepare_cached(sql::REPLIES_OF_PHONE)?;
    let mut found = statement.query([from])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match past_reply(row) {
            Ok(reply) => all.push(reply),
            // Whoever writes is heard all the same.
            Err(StoreError::Corrupt { what, .. }) => warn!(what, "an earlier reply cannot be read"),
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

fn past_reply(row: Row<'_>) -> Result<PastReply, StoreError> {
    Ok(PastReply {
        sid: rows::parsed("inbound.sid", str_at(row, 0)?)?,
        at: Timestamp::from_millis(row.get(1)?),
        written: rows::time(row.get(2)?),
        call: maybe_str_at(row, 3)?.map(|t| rows::parsed("inbound.call_id", t)).transpose()?,
        understood: row.get(4)?,
        prompt: maybe_str_at(row, 5)?.map(|w| rows::word("inbound.prompt", Prompt::from_word(w))).transpose()?,
        waits: row.get(6)?,
    })
}

fn past_answer(row: Row<'_>) -> Result<PastAnswer, StoreError> {
    Ok(PastAnswer {
        at: Timestamp::from_millis(row.get(0)?),
        sender: row.get(1)?,
        call: maybe_str_at(row, 2)?.map(|t| rows::parsed("inbound.call_id", t)).transpose()?,
        prompt: maybe_str_at(row, 3)?.map(|w| rows::word("inbound.prompt", Prompt::from_word(w))).transpose()?,
        by: row.get::<Option<[u8; 16]>>(4)?.map(rows::id_from),
    })
}

/// Whoever holds a call that they took since then.
fn busy(conn: Connection<'_>, since: Timestamp) -> Result<BTreeSet<ContactId>, StoreError> {
    let mut statement = conn.prepare_cached(sql::BUSY)?;
    let mut found = statement.query([since.as_millis()])?;
    let mut all = BTreeSet::new();
    while let Some(row) = found.next()? {
        all.insert(rows::parsed("calls.holder", str_at(row, 0)?)?);
    }
    Ok(all)
}

fn opted_out(
    conn: Connection<'_>,
    calls: &[CallState],
    phones: &[PhoneNumber],
) -> Result<BTreeSet<(String, String)>, StoreError> {
    let attempts = calls.iter().flat_map(|c| &c.attempts).map(|a| &a.recipient.phone);
    let asked: BTreeSet<&str> = attempts.chain(phones).map(PhoneNumber::e164).collect();
    let mut pairs = BTreeSet::new();
    let mut statement = conn.prepare_cached(sql::OPT_OUTS_OF_PHONE)?;
    for phone in asked {
        let mut found = statement.query([phone])?;
        while let Some(row) = found.next()? {
            pairs.insert((phone.to_owned(), row.get(0)?));
        }
    }
    Ok(pairs)
}

pub(in crate::store) fn text(conn: Connection<'_>, statement: &str, key: &str) -> Result<Option<String>, StoreError> {
    conn.prepare_cached(statement)?.query_maybe([key], |r| r.get(0))
}

/// A call with its notices and attempts; an error says whose it is.
pub(in crate::store) fn call_state(conn: Connection<'_>, id: &str) -> Result<Option<CallState>, StoreError> {
    whole_call(conn, id).map_err(|e| rows::of_call(id, e))
}

fn whole_call(conn: Connection<'_>, id: &str) -> Result<Option<CallState>, StoreError> {
    let call = {
        let mut statement = conn.prepare_cached(sql::CALL)?;
        let mut found = statement.query([id])?;
        match found.next()? {
            Some(row) => call_from(row)?,
            None => return Ok(None),
        }
    };
    conn.prefetch(|| [sql::NOTICES, sql::ATTEMPTS].map(|sql| (For::This, (sql, vec![id.into()]))).to_vec())?;
    let mut notices = Vec::new();
    let mut statement = conn.prepare_cached(sql::NOTICES)?;
    let mut found = statement.query([id])?;
    while let Some(row) = found.next()? {
        notices.push(NoticeKey {
            round: row.get(0)?,
            step: row.get(1)?,
            contact: rows::parsed("notices.contact", str_at(row, 2)?)?,
        });
    }
    let mut attempts = Vec::new();
    let mut statement = conn.prepare_cached(sql::ATTEMPTS)?;
    let mut found = statement.query([id])?;
    while let Some(row) = found.next()? {
        attempts.push(attempt_from(row, &call.id)?);
    }
    Ok(Some(CallState { call, notices, attempts }))
}

/// Reads the columns of `sql::call_columns` from the front of a row.
pub(in crate::store) fn call_from(row: Row<'_>) -> Result<Call, StoreError> {
    let excluded = str_at(row, 16)?;
    Ok(Call {
        id: rows::parsed("calls.id", str_at(row, 0)?)?,
        reference: rows::parsed("calls.reference", str_at(row, 1)?)?,
        status: rows::word("calls.status", CallStatus::from_word(str_at(row, 2)?))?,
        round: row.get(3)?,
        level: row.get(4)?,
        policy: policies::read(str_at(row, 5)?)?,
        data: rows::from_json("calls.data", str_at(row, 6)?)?,
        fingerprint: row.get(7)?,
        idempotency_key: row.get(8)?,
        overridden: maybe_str_at(row, 9)?.map(|t| rows::from_json("calls.overridden", t)).transpose()?,
        created_by: Actor(row.get(10)?),
        accepted_at: Timestamp::from_millis(row.get(11)?),
        next_step: row.get(12)?,
        wake_at: rows::time(row.get(13)?),
        attempts: row.get(14)?,
        holder: maybe_str_at(row, 15)?.map(|t| rows::parsed("calls.holder", t)).transpose()?,
        excluded: if excluded == "[]" { Vec::new() } else { rows::from_json("calls.outs", excluded)? },
        notified_at: rows::time(row.get(17)?),
        closed_at: rows::time(row.get(18)?),
        muted: row.get(19)?,
        deferred_from: rows::time(row.get(20)?),
        settings: row.get::<Option<i64>>(21)?.map(SettingsNumber),
        held_until: rows::time(row.get(22)?),
        ask_at: rows::time(row.get(23)?),
        asked_at: rows::time(row.get(24)?),
    })
}

/// Reads the columns of `sql::attempt_columns`; `call` is the call that it was asked for by.
pub(in crate::store) fn attempt_from(row: Row<'_>, call: &CallId) -> Result<Attempt, StoreError> {
    let channel = rows::word("attempts.channel", Channel::from_word(str_at(row, 4)?))?;
    Ok(Attempt {
        id: rows::id_from(row.get(0)?),
        call: call.clone(),
        number: row.get(2)?,
        kind: rows::word("attempts.kind", AttemptKind::from_word(str_at(row, 3)?))?,
        channel,
        provider: row.get(5)?,
        round: row.get(6)?,
        step: row.get(7)?,
        recipient: Recipient {
            contact: rows::parsed("attempts.contact", str_at(row, 8)?)?,
            name: row.get(9)?,
            phone: rows::phone("attempts.phone", str_at(row, 10)?)?,
            channel,
            email: maybe_str_at(row, 39)?.map(|t| rows::parsed("attempts.address", t)).transpose()?,
            why: row.get(40)?,
        },
        sender: maybe_str_at(row, 11)?.map(|t| rows::parsed("attempts.sender", t)).transpose()?,
        state: rows::word("attempts.state", AttemptState::from_word(str_at(row, 12)?))?,
        priority: rows::priority(row.get(13)?)?,
        body: row.get(14)?,
        segments: row.get(15)?,
        created_at: Timestamp::from_millis(row.get(16)?),
        not_before: Timestamp::from_millis(row.get(17)?),
        expires_at: rows::time(row.get(18)?),
        claimed_by: row.get(19)?,
        sent_at: rows::time(row.get(20)?),
        tries: row.get(21)?,
        callback: row.get(22)?,
        sid: maybe_str_at(row, 23)?.map(|t| rows::parsed("attempts.sid", t)).transpose()?,
        message_status: maybe_str_at(row, 24)?.map(MessageStatus::from_word),
        error_code: row.get::<Option<u32>>(25)?.map(ErrorCode),
        class: maybe_str_at(row, 33)?.map(rows::class).transpose()?,
        result: row.get(26)?,
        repeats: row.get::<Option<[u8; 16]>>(27)?.map(rows::id_from),
        finished_at: rows::time(row.get(28)?),
        decided_at: rows::time(row.get(29)?),
        poll_at: rows::time(row.get(30)?),
        polls: row.get(31)?,
        conflict: row.get(32)?,
        provider_at: rows::time(row.get(34)?),
        provider_after: rows::time(row.get(35)?),
        clock_steps_ms: row.get(36)?,
        due_at: rows::time(row.get(37)?),
        replied: row.get(38)?,
        trace: PhoneTrace { sip: row.get::<Option<u32>>(41)?.map(SipCode), rang: row.get(42)?, asked: row.get(43)? },
    })
}

/// A text column without a copy.
pub(in crate::store) fn str_at(row: Row<'_>, column: usize) -> Result<&str, StoreError> {
    maybe_str_at(row, column)?.ok_or_else(|| not_text(column))
}

pub(in crate::store) fn maybe_str_at(row: Row<'_>, column: usize) -> Result<Option<&str>, StoreError> {
    match row.value(column)? {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        Value::Int(_) | Value::Bytes(_) => Err(not_text(column)),
    }
}

fn not_text(column: usize) -> StoreError {
    StoreError::Corrupt { what: format!("column {column} is not text"), call: None }
}
