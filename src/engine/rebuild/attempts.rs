//! The attempts of one call, from its rows and the provider's messages: under their own ids and numbers, with their messages,
//! so that late receipts join them and the shop's rows stay theirs.
//!
//! What is final in the rows was acted on by the engine that wrote it. What was still under way is left open: the poller and
//! the search find out, and their news moves the ladder as it always does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel, NoticeKey, PhoneTrace, Priority, Recipient};
use crate::domain::codes::{Class, classify};
use crate::domain::dial::outcome;
use crate::domain::event::NewCall;
use crate::domain::mail::MailAddress;
use crate::domain::phone::masked;
use crate::domain::team::Contact;
use crate::domain::types::{AttemptId, CallId, CallRef, ContactId, ErrorCode, MessageSid, Sender};
use crate::domain::voice::classes;
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::{ClockOffset, MessageStatus, PhoneNumber, Timestamp, Verdict};
use crate::engine::mirror::{ANSWERED, REPLIED, WITH_KEY};
use crate::gateways::MessageRecord;
use crate::ids::Ids;

use super::BaseSnapshot;
use super::evidence::{attempt_reference, is_repeat, kind_of};
use super::rows::{CallRow, EventRow};

/// A message is not asked about any more after this: no receipt is expected later (`facts/twilio.md` §5).
const ASKED_FOR: Duration = Duration::from_secs(72 * 3_600);

/// Where the ladder was seen: a step that told somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) round: u32,
    pub(super) step: u32,
    pub(super) at: Timestamp,
}

/// One call on its way to be rebuilt.
#[derive(Debug)]
pub(super) struct AttemptDraft {
    pub(super) id: CallId,
    pub(super) row: CallRow,
    pub(super) new: NewCall,
    pub(super) reference: CallRef,
    /// Whether somebody may have read that reference.
    pub(super) reference_is_out: bool,
    pub(super) notices: Vec<NoticeKey>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) marks: Vec<Mark>,
    /// Texts of another system.
    pub(super) old: Vec<Timestamp>,
    /// The highest number that was given.
    pub(super) number_max: u32,
    /// How far our clock is ahead of the provider's.
    pub(super) offset: Option<ClockOffset>,
    /// When something was last written of it, or sent.
    pub(super) last_event: Option<Timestamp>,
    /// Rows with an attempt's id.
    pub(super) events: usize,
    /// The provider's messages that belong to it.
    pub(super) messages: usize,
    pub(super) lost: Vec<String>,
}

impl AttemptDraft {
    /// Whether this phone had a text of it before that moment, by the provider's whole seconds.
    pub(super) fn was_notified(&self, phone: &str, at: Timestamp) -> bool {
        self.attempts.iter().any(|a| {
            a.kind == AttemptKind::Notice
                && a.recipient.phone.e164() == phone
                && (a.state.may_have_arrived() || a.sid.is_some())
                && self.made_at(a).is_some_and(|made| made <= at.plus(Duration::from_millis(999)))
        })
    }

    /// When a text was made, by the provider's own clock: its message says so, else our time of it by the measured offset.
    fn made_at(&self, a: &Attempt) -> Option<Timestamp> {
        let by_offset = |at| self.offset.map_or(at, |offset| offset.to_theirs(at));
        a.provider_at.or(a.sent_at.map(by_offset))
    }

    /// When its last notice was made, by the provider's own clock.
    pub(super) fn last_notice_at(&self) -> Option<Timestamp> {
        self.attempts.iter().filter(|a| a.kind == AttemptKind::Notice).filter_map(|a| self.made_at(a)).max()
    }
}

/// What other calls of the same snapshot have taken: ids and messages belong to one attempt each.
#[derive(Debug, Default)]
pub(super) struct Taken {
    attempts: BTreeSet<AttemptId>,
    messages: BTreeSet<MessageSid>,
}

/// One attempt before it is one.
struct Piece<'a> {
    row: Option<&'a EventRow>,
    message: Option<&'a MessageRecord>,
    /// The message that is linked: nobody else has it.
    sid: Option<MessageSid>,
    number: Option<u32>,
}

impl Piece<'_> {
    /// When it was sent, by our clock.
    fn at(&self, snapshot: &BaseSnapshot) -> Timestamp {
        let made = self.message.and_then(|m| m.created_at).map(|at| to_ours(snapshot, at));
        self.row.and_then(|r| r.sent_at).or(made).unwrap_or(snapshot.now)
    }
}

/// A moment of the provider's clock by ours, as far as it is known how they differ.
fn to_ours(snapshot: &BaseSnapshot, theirs: Timestamp) -> Timestamp {
    snapshot.offset.map_or(theirs, |offset| offset.to_ours(theirs))
}

/// Puts together what was found of one call.
pub(super) fn draft(
    snapshot: &BaseSnapshot,
    row: &CallRow,
    new: NewCall,
    ids: &Ids,
    taken: &mut Taken,
) -> AttemptDraft {
    let id = new.id.clone();
    let rows: &[EventRow] = snapshot.events.get(&id).map(Vec::as_slice).unwrap_or_default();
    let mut lost = Vec::new();
    let (reference, reference_is_out) = match found_reference(snapshot, row, rows) {
        Some(found) => (found, true),
        None => (fresh_reference(snapshot, ids), false),
    };
    let (own, old): (Vec<&EventRow>, Vec<&EventRow>) = rows.iter().partition(|r| r.is_ours());
    let own = without_twins(own, taken, &mut lost);
    let events = own.len();
    let mut pieces = pieces(snapshot, &reference, own, taken, &mut lost);
    number(&mut pieces, snapshot);
    let messages = pieces.iter().filter(|p| p.message.is_some()).count();
    let times = rows.iter().filter_map(|r| r.sent_at);
    let made = pieces.iter().filter_map(|p| p.message?.created_at).map(|at| to_ours(snapshot, at));
    let last_event = times.chain(made).max();
    let old_number = old.iter().filter_map(|r| r.number).max().unwrap_or(0);
    let old_count = u32::try_from(old.len()).unwrap_or(u32::MAX);
    let number_max = pieces.iter().filter_map(|p| p.number).max().unwrap_or(0).max(old_number).max(old_count);
    let mut draft = AttemptDraft {
        id,
        row: row.clone(),
        new,
        reference,
        reference_is_out,
        notices: Vec::new(),
        attempts: Vec::new(),
        marks: Vec::new(),
        old: old.iter().map(|r| r.sent_at.unwrap_or(snapshot.now)).collect(),
        number_max,
        last_event,
        offset: snapshot.offset,
        events,
        messages,
        lost,
    };
    let from_zero = rows.iter().any(|r| r.is_ours() && r.step == Some(0));
    for piece in pieces {
        add(&mut draft, &piece, snapshot, ids, from_zero);
    }
    decide_all_but_the_last(&mut draft.attempts);
    draft
}

/// Its own, that of its rows, or that in the text of a row's message.
fn found_reference(snapshot: &BaseSnapshot, row: &CallRow, rows: &[EventRow]) -> Option<CallRef> {
    let of_rows = || rows.iter().filter(|r| r.is_ours()).find_map(|r| Some(r.reference.as_ref()?.0.clone()));
    let by_text = || {
        let sids: BTreeSet<&MessageSid> = rows.iter().filter_map(|r| r.sid.as_ref()).collect();
        let texts = snapshot.messages.iter().filter(|m| sids.contains(&m.sid));
        texts.filter_map(|m| attempt_reference(&m.body.0)).map(|(r, _)| r).next()
    };
    row.reference.clone().or_else(of_rows).or_else(by_text)
}

/// One that no text within sight carries.
fn fresh_reference(snapshot: &BaseSnapshot, ids: &Ids) -> CallRef {
    let seen: BTreeSet<CallRef> =
        snapshot.messages.iter().filter_map(|m| attempt_reference(&m.body.0)).map(|(r, _)| r).collect();
    std::iter::repeat_with(|| ids.reference()).take(64).find(|r| !seen.contains(r)).unwrap_or_else(|| ids.reference())
}

/// One row an attempt: of twins the one that knows most. An id that another call's row has is not this call's.
fn without_twins<'a>(rows: Vec<&'a EventRow>, taken: &mut Taken, lost: &mut Vec<String>) -> Vec<&'a EventRow> {
    // In a base without a field for ids by the number.
    let mut by_id: BTreeMap<(Option<AttemptId>, Option<u32>), &EventRow> = BTreeMap::new();
    for row in rows {
        let id = (row.attempt, row.number.filter(|_| row.attempt.is_none()));
        if row.attempt.is_some_and(|id| taken.attempts.contains(&id)) {
            lost.push(format!("row {} has the event id of another call's row: it is left out", row.record));
            continue;
        }
        let knows = |r: &EventRow| (MessageStatus::from_word(&r.status).rank(), r.sid.is_some());
        match by_id.get(&id) {
            Some(other) => {
                lost.push(format!(
                    "rows {} and {} are twins: the one that knows most counts",
                    other.record, row.record
                ));
                if knows(row) > knows(other) {
                    by_id.insert(id, row);
                }
            }
            None => drop(by_id.insert(id, row)),
        }
    }
    taken.attempts.extend(by_id.keys().filter_map(|(id, _)| *id));
    by_id.into_values().collect()
}

/// Rows with their messages, and messages that have no row yet.
fn pieces<'a>(
    snapshot: &'a BaseSnapshot,
    reference: &CallRef,
    rows: Vec<&'a EventRow>,
    taken: &mut Taken,
    lost: &mut Vec<String>,
) -> Vec<Piece<'a>> {
    let mut ours: Vec<(u32, &MessageRecord)> = Vec::new();
    for m in snapshot.messages.iter().filter(|m| m.direction == "outbound-api") {
        if let Some((r, number)) = attempt_reference(&m.body.0)
            && &r == reference
            && !snapshot.linked.contains(&m.sid)
            && !taken.messages.contains(&m.sid)
        {
            ours.push((number, m));
        }
    }
    ours.sort_by(|a, b| (a.1.created_at, &a.1.sid).cmp(&(b.1.created_at, &b.1.sid)));
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for row in rows {
        let free = |sid: &MessageSid| !snapshot.linked.contains(sid) && !taken.messages.contains(sid);
        let by_sid = row.sid.as_ref().filter(|s| free(s)).and_then(|s| snapshot.messages.iter().find(|m| &m.sid == s));
        let by_number = || {
            let to_them = |m: &MessageRecord| row.to.as_ref().is_none_or(|to| to == &m.to);
            let fits = |(n, m): &&(u32, &'a MessageRecord)| Some(*n) == row.number && to_them(m) && free(&m.sid);
            ours.iter().find(fits).map(|(_, m)| *m)
        };
        let message = by_sid.or_else(|| row.sid.is_none().then(by_number).flatten());
        let sid = message.map(|m| m.sid.clone()).or_else(|| row.sid.clone().filter(free));
        if let (None, Some(sid)) = (&sid, &row.sid) {
            lost.push(format!("message {sid} is another attempt's: it is not linked twice"));
        }
        taken.messages.extend(sid.clone());
        let number = row.number.or_else(|| attempt_reference(&message?.body.0).map(|(_, n)| n));
        pieces.push(Piece { row: Some(row), message, sid, number });
    }
    for (number, m) in ours {
        if taken.messages.contains(&m.sid) {
            continue;
        }
        taken.messages.insert(m.sid.clone());
        if pieces.iter().any(|p| p.number == Some(number)) {
            lost.push(format!("a second message carries {reference}-{number}: {}", m.sid));
            continue;
        }
        pieces.push(Piece { row: None, message: Some(m), sid: Some(m.sid.clone()), number: Some(number) });
    }
    pieces
}

/// Every attempt gets a number of its own; those without one the first that are free, in the order of time.
fn number(pieces: &mut [Piece<'_>], snapshot: &BaseSnapshot) {
    let mut used = BTreeSet::new();
    for p in pieces.iter_mut() {
        p.number = p.number.filter(|n| used.insert(*n));
    }
    pieces.sort_by_key(|p| p.at(snapshot));
    for p in pieces.iter_mut().filter(|p| p.number.is_none()) {
        let free = (1..).find(|n| !used.contains(n)).unwrap_or(u32::MAX);
        used.insert(free);
        p.number = Some(free);
    }
    pieces.sort_by_key(|p| p.number);
}

/// Adds one attempt, or says why it cannot be rebuilt; either way the ladder was at its step.
fn add(draft: &mut AttemptDraft, piece: &Piece<'_>, snapshot: &BaseSnapshot, ids: &Ids, from_zero: bool) {
    let number = piece.number.unwrap_or(1);
    let now = snapshot.now;
    let at = piece.at(snapshot);
    let body = piece.message.map(|m| m.body.0.as_str()).unwrap_or_default();
    let said = piece.row.map(|r| r.result.as_str()).unwrap_or_default();
    let kind = match said {
        _ if !body.is_empty() => kind_of(body),
        said if said.starts_with("Stand-down: ") => AttemptKind::StandDown,
        said if said.starts_with("Answer: ") => AttemptKind::Answer,
        said if said.starts_with("Update: ") => AttemptKind::Update,
        said if said.starts_with("Question: ") => AttemptKind::Question,
        _ => AttemptKind::Notice,
    };
    let recipient = recipient(piece, snapshot);
    let contact = recipient.as_ref().map(|r| r.contact.clone());
    let last = draft.marks.last().copied();
    let round = piece.row.and_then(|r| r.round).or(last.map(|m| m.round)).unwrap_or(1);
    let given = piece.row.and_then(|r| r.step).map(|s| if from_zero { s } else { s.saturating_sub(1) });
    let step = match given {
        Some(step) => step,
        None if kind == AttemptKind::Notice => {
            if piece.row.is_some() {
                draft.lost.push(format!("the row of attempt {number} has no step: it is inferred"));
            }
            infer_step(
                draft,
                round,
                contact.as_ref(),
                is_repeat(body) || follows_a_failure(draft, contact.as_ref()),
                snapshot,
            )
        }
        None => last.map_or(0, |m| m.step),
    };
    if kind == AttemptKind::Notice {
        draft.marks.push(Mark { round, step, at });
    }
    let Some(recipient) = recipient else {
        let to = piece.row.and_then(|r| r.to.as_deref()).map(masked);
        let why = to.map_or_else(
            || "no row or message says to whom it went".to_owned(),
            |to| format!("{to} is no phone number"),
        );
        draft.lost.push(format!("attempt {number} cannot be rebuilt: {why}; its number stays taken"));
        return;
    };
    let name = recipient.name.clone();
    let notice = NoticeKey { round, step, contact: recipient.contact.clone() };
    let first = !draft.notices.iter().any(|n| n.contact == notice.contact);
    let repeats = draft.attempts.iter().rev().find(|a| a.notice().as_ref() == Some(&notice)).map(|a| a.id);
    if kind == AttemptKind::Notice && !draft.notices.contains(&notice) {
        draft.notices.push(notice);
    }
    let sid = piece.sid.clone();
    let channel = recipient.channel;
    let stands = match channel {
        Channel::Sms => standing(piece, sid.is_some()),
        Channel::Email => standing_of_mail(piece),
        Channel::Voice => standing_of_phone_call(piece, sid.is_some()),
    };
    let asked_at = asked_at(draft, snapshot).filter(|_| now.since(at) < ASKED_FOR);
    let sender = piece.message.and_then(|m| m.service.as_deref().or(m.from.as_deref())?.parse().ok());
    let dialled = draft.new.data.twilio_to_number.as_deref();
    let line = snapshot.directory.line(dialled).0;
    let sender = match channel {
        Channel::Sms => sender.or_else(|| snapshot.directory.sender(line).cloned()),
        Channel::Email => Some(Sender::relay()),
        Channel::Voice => snapshot.directory.voice_from.clone(),
    };
    let code = piece.row.and_then(|r| r.error_code).or(piece.message.and_then(|m| m.error_code));
    let (sentence, replied) = match channel {
        Channel::Voice => (said, key_in(said).unwrap_or("")),
        Channel::Sms | Channel::Email => said.split_once(&format!(" {name}{REPLIED}")).unwrap_or((said, "")),
    };
    let (trace, class) = match channel {
        Channel::Voice => trace_of_phone_call(stands.status.as_ref(), code, sentence),
        Channel::Sms | Channel::Email => (PhoneTrace::default(), Some(classify(code).class)),
    };
    draft.attempts.push(Attempt {
        id: piece.row.and_then(|r| r.attempt).unwrap_or_else(|| AttemptId::from_uuid(ids.uuid(at))),
        call: draft.id.clone(),
        number,
        kind,
        channel,
        provider: channel.provider().into(),
        round,
        step,
        recipient,
        sender,
        state: stands.state,
        priority: match kind {
            AttemptKind::Notice if first => Priority::First,
            AttemptKind::StandDown => Priority::StandDown,
            _ => Priority::Reminder,
        },
        body: body.to_owned(),
        segments: 0,
        created_at: at,
        not_before: at,
        due_at: None,
        expires_at: None,
        claimed_by: None,
        clock_steps_ms: 0,
        provider_at: piece.message.and_then(|m| m.created_at),
        provider_after: None,
        sent_at: (!matches!(stands.state, AttemptState::Skipped | AttemptState::Cancelled)).then_some(at),
        tries: 0,
        callback: true,
        sid,
        message_status: stands.status,
        error_code: code.filter(|_| stands.state == AttemptState::Failed),
        class: class.filter(|_| stands.state == AttemptState::Failed),
        result: why(sentence, &name).to_owned(),
        replied: replied.to_owned(),
        repeats,
        finished_at: stands.state.is_final().then_some(at),
        decided_at: stands.decided.then_some(now),
        // No relay can be asked.
        poll_at: asked_at.filter(|_| {
            channel != Channel::Email && matches!(stands.state, AttemptState::Submitted | AttemptState::Unknown)
        }),
        polls: 0,
        conflict: false,
        trace,
    });
}

/// Why an attempt ended as it did, out of the sentence in its row: `Not delivered to Sam Ortiz: unreachable.`
fn why<'a>(sentence: &'a str, name: &str) -> &'a str {
    let Some((_, rest)) = sentence.split_once(name) else { return sentence };
    rest.split_once(": ").map_or("", |(_, why)| why.trim_end_matches('.'))
}

/// When what is open is asked about: at once, or once the call is old enough.
fn asked_at(draft: &AttemptDraft, snapshot: &BaseSnapshot) -> Option<Timestamp> {
    let last = draft.last_event.or(draft.row.accepted_at).unwrap_or(snapshot.now);
    Some(last.plus(snapshot.older_than).max(snapshot.now).min(snapshot.now.plus(snapshot.older_than)))
}

struct Stands {
    state: AttemptState,
    status: Option<MessageStatus>,
    decided: bool,
}

/// Where a mail stands by its row: no relay is asked, and whatever was under way stays unknown.
fn standing_of_mail(piece: &Piece<'_>) -> Stands {
    let state = piece.row.and_then(|r| AttemptState::from_word(&r.status)).filter(|s| s.is_final());
    let taken = piece.row.is_some_and(|r| r.status == AttemptState::Submitted.as_str());
    let state = if taken { Some(AttemptState::Submitted) } else { state };
    Stands { state: state.unwrap_or(AttemptState::Unknown), status: None, decided: state.is_none() }
}

/// Where a phone call stands by its row: a key was pressed, or it is over without one; else it is asked for or looked for.
fn standing_of_phone_call(piece: &Piece<'_>, is_known: bool) -> Stands {
    let Some(row) = piece.row.filter(|_| is_known) else { return standing(piece, false) };
    let said = PhoneCallStatus::from_word(&row.status);
    let was_answered = row.result.starts_with(ANSWERED);
    let state = match said {
        _ if was_answered => AttemptState::Delivered,
        Some(s) if s.is_final() => AttemptState::Failed,
        _ => AttemptState::from_word(&row.status).filter(|s| s.is_final()).unwrap_or(AttemptState::Submitted),
    };
    Stands { state, status: said.map(|s| MessageStatus::from_word(s.as_str())), decided: false }
}

/// The key that decided, out of the sentence in its row: `Answered by Sam Ortiz with key 1.`
fn key_in(said: &str) -> Option<&str> {
    said.strip_prefix(ANSWERED)?.rsplit_once(WITH_KEY).map(|(_, key)| key.trim_end_matches('.'))
}

/// What is known of a phone call by its row, and the class of its failure. Whether our words were heard no row says: nothing is
/// alarmed for want of it.
fn trace_of_phone_call(
    status: Option<&MessageStatus>,
    code: Option<ErrorCode>,
    said: &str,
) -> (PhoneTrace, Option<Class>) {
    let end = status.and_then(|s| PhoneCallStatus::from_word(s.as_str()));
    let sip = outcome::sip_in(said);
    let class = match end.filter(|e| e.is_final() && code.is_none()) {
        Some(end) => outcome::class_of(classes::class_of_end(end, sip)),
        None => classes::class_of_code(code).class,
    };
    (PhoneTrace { sip, rang: outcome::rang(end, sip, said), asked: true }, Some(class))
}

/// Where an attempt stands by its row and its message.
fn standing(piece: &Piece<'_>, has_message: bool) -> Stands {
    let word = piece.row.map(|r| r.status.as_str()).unwrap_or_default();
    let state = |state| Stands { state, status: None, decided: false };
    if has_message {
        let theirs = piece.message.map(|m| m.status.clone());
        let ours = Some(MessageStatus::from_word(word)).filter(|s| s.rank().is_some());
        let is = |v: Verdict| move |s: &MessageStatus| s.verdict() == Some(v);
        let final_word = ours.clone().filter(|s| s.verdict().is_some());
        let arrived = theirs.clone().filter(is(Verdict::Delivered));
        return match final_word.or(arrived) {
            Some(s) if is(Verdict::Delivered)(&s) => {
                Stands { state: AttemptState::Delivered, status: Some(s), decided: false }
            }
            Some(s) => Stands { state: AttemptState::Failed, status: Some(s), decided: false },
            // That it failed at the provider is news: it is asked for, and moves the ladder.
            None => {
                let under_way = [ours, theirs].into_iter().flatten().filter(|s| s.verdict().is_none());
                let status = under_way.max_by_key(MessageStatus::rank);
                Stands { state: AttemptState::Submitted, status, decided: false }
            }
        };
    }
    match AttemptState::from_word(&word.to_lowercase()) {
        Some(s @ (AttemptState::Failed | AttemptState::Skipped | AttemptState::Cancelled)) => state(s),
        // It was accepted, and nobody knows any more as what: looked for, never sent again.
        Some(AttemptState::Submitted | AttemptState::Delivered) => {
            Stands { decided: true, ..state(AttemptState::Unknown) }
        }
        // A word of the provider's that is none of ours: written once it had the message.
        None if MessageStatus::from_word(word).rank().is_some() => {
            Stands { decided: true, ..state(AttemptState::Unknown) }
        }
        _ => state(AttemptState::Unknown),
    }
}

/// Whom it went to: the number of the row or of the message, the contact by its cell or by that number.
fn recipient(piece: &Piece<'_>, snapshot: &BaseSnapshot) -> Option<Recipient> {
    let cell = piece.row.and_then(|r| r.contact.as_deref());
    let contacts = &snapshot.directory.contacts;
    let parsed = |text: Option<&str>| text.and_then(|t| t.parse::<PhoneNumber>().ok());
    let named = |c: &&Contact| cell.is_some_and(|cell| c.name.eq_ignore_ascii_case(cell));
    let by_id = contacts.iter().find(|c| Some(c.id.as_str()) == cell);
    let phone = parsed(piece.row.and_then(|r| r.to.as_deref()))
        .or_else(|| parsed(piece.message.map(|m| m.to.as_str())))
        .or_else(|| parsed(cell))
        .or_else(|| by_id.or(contacts.iter().find(named)).map(|c| c.phone.clone()))?;
    let of_phone = |c: &&Contact| c.phone == phone;
    let known = by_id
        .or_else(|| contacts.iter().filter(of_phone).find(named))
        .or_else(|| contacts.iter().find(of_phone))
        .or_else(|| contacts.iter().find(named));
    let (contact, name) = match known {
        Some(c) => (c.id.clone(), c.name.clone()),
        // Not configured: told by the number. A number given by hand is its own contact, and its name is masked.
        None => {
            let name = cell.filter(|c| *c != phone.e164() && !c.contains('•'));
            let id: Option<ContactId> = name.and_then(|c| c.parse().ok()).or_else(|| phone.e164().parse().ok());
            (id?, name.map_or_else(|| phone.to_string(), str::to_owned))
        }
    };
    let text = Recipient::by_text(contact, name, phone);
    let mail = piece.row.and_then(|r| r.to.as_deref()).and_then(|to| to.parse::<MailAddress>().ok());
    Some(match mail {
        None if piece.row.is_some_and(|r| r.by_phone) => Recipient { channel: Channel::Voice, ..text },
        Some(email) => Recipient { channel: Channel::Email, email: Some(email), ..text },
        None => text,
    })
}

/// Whether the last text to this contact failed: the next one is then made for the same notice, and its words do not say so.
fn follows_a_failure(draft: &AttemptDraft, contact: Option<&ContactId>) -> bool {
    let theirs = |a: &&Attempt| a.kind == AttemptKind::Notice && Some(&a.recipient.contact) == contact;
    draft.attempts.iter().rev().find(theirs).is_some_and(|a| a.state == AttemptState::Failed)
}

/// The step of a notice that no row tells: the first, from where the ladder was, that names this contact and has not told
/// them yet; a repeat stays where it was.
fn infer_step(
    draft: &AttemptDraft,
    round: u32,
    contact: Option<&ContactId>,
    repeat: bool,
    snapshot: &BaseSnapshot,
) -> u32 {
    let here = draft.marks.last().filter(|m| m.round == round).map_or(0, |m| m.step);
    let Some(contact) = contact else { return here };
    let was_notified = |step: u32| draft.notices.contains(&NoticeKey { round, step, contact: contact.clone() });
    if repeat && was_notified(here) {
        return here;
    }
    let total = u32::try_from(draft.new.policy.total_steps()).unwrap_or(u32::MAX);
    let line = snapshot.directory.line(draft.new.data.twilio_to_number.as_deref()).0;
    let names = |step: &u32| {
        let roles = usize::try_from(*step).ok().and_then(|i| draft.new.policy.step(i));
        let roles = roles.map(|s| s.notify.as_slice()).unwrap_or_default();
        roles.iter().flat_map(|r| snapshot.directory.holders(line, r, snapshot.now)).any(|h| &h.contact.id == contact)
    };
    let next = if was_notified(here) { here + 1 } else { here };
    let last_resort = || snapshot.directory.last_resort.contains(contact).then_some(total);
    (next..total).find(names).or_else(last_resort).unwrap_or(if next < total { next } else { here })
}

/// Of one notice only the last attempt may be open: those before it were decided when it was made.
fn decide_all_but_the_last(attempts: &mut [Attempt]) {
    let mut open: BTreeSet<NoticeKey> = BTreeSet::new();
    for a in attempts.iter_mut().rev() {
        if let Some(notice) = a.notice()
            && !open.insert(notice)
            && a.state == AttemptState::Unknown
            && a.decided_at.is_none()
        {
            a.decided_at = Some(a.created_at);
        }
    }
}
