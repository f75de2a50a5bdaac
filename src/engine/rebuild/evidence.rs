//! What people and our own texts say of a call after its last row: whether somebody has it, passed, or closed it.
//!
//! A word that names the call counts for it. A bare word counts only where it can mean nothing else: it was written after a
//! text of this call, no other call was open for its writer as far as the list shows, and no answer of ours says otherwise.
//! Where that is not certain the call goes on: a reminder too many is better than nobody.

use std::time::Duration;

use crate::domain::alert_text::is_mark;
use crate::domain::answers::Prompt;
use crate::domain::attempt::AttemptKind;
use crate::domain::body::find_references;
use crate::domain::call::ExclusionReason;
use crate::domain::event::{InboundRow, InboundText};
use crate::domain::followthrough::QUESTION;
use crate::domain::phone::masked;
use crate::domain::reply::{self, Reading, Says, read};
use crate::domain::types::{CallRef, ContactId};
use crate::domain::{Timestamp, Verdict};
use crate::gateways::MessageRecord;

use super::BaseSnapshot;
use super::attempts::AttemptDraft;

/// An answer follows its reply within this.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// A notice that was under way when the call was taken leaves within this.
const UNDER_WAY: Duration = Duration::from_secs(60);
/// What a trial account puts in front of every text.
const TRIAL: &str = "Sent from your Twilio trial account - ";

/// What one of our own texts says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallStatusEvidence {
    /// Its reader has the call.
    Yours,
    /// Its reader handed it back.
    HandedBack,
    /// Its reader passed.
    Passed,
    /// This one has it; empty: nobody is named.
    TakenBy(String),
    /// It is done.
    Resolved,
    /// It was called off.
    Cancelled,
    /// About no call: a question, a help text.
    Nothing,
}

/// The attempt reference that a text of ours begins with. The text of an alert is no attempt's, also where it is about a call.
pub(super) fn attempt_reference(body: &str) -> Option<(CallRef, u32)> {
    if is_of_an_alert(body) {
        return None;
    }
    find_references(body).into_iter().find_map(|(r, number)| Some((r, number?)))
}

/// The attempt reference with which a text of ours opens, behind what a trial account puts in front.
pub(in crate::engine) fn opens_with_reference(body: &str) -> Option<(CallRef, u32)> {
    let text = body.strip_prefix(TRIAL).unwrap_or(body).trim_start();
    attempt_reference(text.split(' ').next().unwrap_or_default())
}

/// Whether a text of ours tells of an alert: by the mark that it opens with, which no text of a call has.
pub(in crate::engine) fn is_of_an_alert(body: &str) -> bool {
    let text = body.strip_prefix(TRIAL).unwrap_or(body).trim_start();
    text.split(' ').next().is_some_and(is_mark)
}

/// What a text is for.
pub(in crate::engine) fn kind_of(body: &str) -> AttemptKind {
    let (_, text) = opened(body);
    if text.starts_with("Update: ") {
        AttemptKind::Update
    } else if text.starts_with(QUESTION) {
        AttemptKind::Question
    } else if stand_down(text).is_some() {
        AttemptKind::StandDown
    } else if answer(text).is_some() {
        AttemptKind::Answer
    } else {
        AttemptKind::Notice
    }
}

/// Whether a notice says that it repeats an earlier one.
pub(in crate::engine) fn is_repeat(body: &str) -> bool {
    body.split_once("(repeat) ").is_some_and(|(head, _)| head.len() < TRIAL.len() + 24)
}

/// What a text of ours says of a call; notices say nothing.
pub(super) fn said(body: &str) -> Option<(Option<CallRef>, CallStatusEvidence)> {
    let (named, text) = opened(body);
    if let Some(said) = stand_down(text) {
        return named.map(|r| (Some(r), said));
    }
    answer(text)
}

/// The call that a text's opening names, and what follows it.
fn opened(body: &str) -> (Option<CallRef>, &str) {
    let text = body.strip_prefix(TRIAL).unwrap_or(body).trim();
    let Some((first, rest)) = text.split_once(' ') else { return (None, text) };
    let Some((reference, _)) = attempt_reference(first) else { return (None, text) };
    let rest = rest.strip_prefix("TEST MODE ").unwrap_or(rest);
    (Some(reference), rest.strip_prefix("(repeat) ").unwrap_or(rest))
}

/// What a notice says of its emergency: without what opens it and without how to answer.
pub(super) fn notice_text(body: &str) -> Option<&str> {
    let (_, text) = opened(body);
    let end = text.find("Reply 1 to take it").unwrap_or(text.len());
    text.get(..end).map(str::trim).filter(|t| !t.is_empty())
}

fn stand_down(text: &str) -> Option<CallStatusEvidence> {
    if !text.ends_with("You need not go. Thank you.") || text.contains("Reply 1 to take it") {
        return None;
    }
    let places = [
        (text.find(" has taken this call."), 0),
        (text.find("This call has been taken."), 1),
        (text.find("This call was called off."), 2),
        (text.find("This call is resolved."), 3),
        (text.find("This call waits for the morning."), 4),
    ];
    let (at, which) = places.into_iter().filter_map(|(at, which)| Some((at?, which))).min()?;
    Some(match which {
        0 => {
            let before = text.get(..at).unwrap_or_default();
            CallStatusEvidence::TakenBy(before.rsplit_once(": ").map_or(before, |(_, name)| name).to_owned())
        }
        1 => CallStatusEvidence::TakenBy(String::new()),
        2 => CallStatusEvidence::Cancelled,
        4 => CallStatusEvidence::Nothing,
        _ => CallStatusEvidence::Resolved,
    })
}

fn answer(text: &str) -> Option<(Option<CallRef>, CallStatusEvidence)> {
    if reply::asks(text) || text.starts_with("Yours now: ") {
        return Some((None, CallStatusEvidence::Nothing));
    }
    if let Some(rest) = text.strip_prefix("Noted: ") {
        let (reference, _) = rest.split_once(' ')?;
        return Some((Some(reference.parse().ok()?), CallStatusEvidence::Passed));
    }
    let (first, rest) = text.split_once(' ')?;
    let reference = Some(first.trim_end_matches(':').parse().ok()?);
    let by = |rest: &str| CallStatusEvidence::TakenBy(rest.trim_end_matches('.').to_owned());
    let said = match rest {
        _ if ["is yours.", "is already yours.", "is still yours.", "still looked for somebody: it is yours now."]
            .iter()
            .any(|start| rest.starts_with(start)) =>
        {
            CallStatusEvidence::Yours
        }
        _ if rest.starts_with("goes back to the others.") || rest.starts_with("is handed back.") => {
            CallStatusEvidence::HandedBack
        }
        _ if rest.starts_with("is closed (cancelled)") => CallStatusEvidence::Cancelled,
        _ if rest.starts_with("is closed.") || rest.starts_with("is closed (resolved)") => CallStatusEvidence::Resolved,
        _ => by(rest.strip_prefix("it was taken by ")?),
    };
    Some((reference, said))
}

/// Where a call stands by what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody has it.
    Free,
    /// Somebody has it; `None`: nobody of whom we know the contact.
    Held(Option<ContactId>),
    /// Done.
    Resolved,
    /// Called off.
    Cancelled,
}

/// What was found out about one call.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) standing: Claim,
    /// How that is known, with the time.
    pub(super) why: Option<(String, Timestamp)>,
    pub(super) passed: Vec<ContactId>,
    /// When it was handed back last.
    pub(super) handed_back_at: Option<Timestamp>,
    /// What is not certain.
    pub(super) unsure: Vec<String>,
    /// Replies that concern it.
    pub(super) replies: usize,
    /// Replies of those who were told of it that were heard and answered.
    pub(super) ingested: Vec<InboundRow>,
}

/// Goes through what was said in the order in which it was said.
pub(super) fn weigh(draft: &AttemptDraft, all: &[AttemptDraft], snapshot: &BaseSnapshot) -> Evidence {
    let mut story = CallEvidence {
        draft,
        all,
        snapshot,
        found: Evidence {
            standing: Claim::Free,
            why: None,
            passed: Vec::new(),
            handed_back_at: None,
            unsure: Vec::new(),
            replies: 0,
            ingested: Vec::new(),
        },
    };
    let mut said: Vec<&MessageRecord> = snapshot.messages.iter().collect();
    said.sort_by(|a, b| (a.created_at, &a.sid).cmp(&(b.created_at, &b.sid)));
    for m in said {
        if m.direction == "inbound" { story.reply(m) } else { story.text(m) }
    }
    story.twins();
    story.acknowledged();
    story.found
}

impl BaseSnapshot {
    /// The answer of ours to what this phone wrote at this time. Answers of the webhook follow at once; one that was heard late,
    /// after a time without an engine, is answered late. So each answer belongs to the newest reply before it that is not
    /// older than a minute, and one without such a reply to the oldest that has none.
    fn answer_to(&self, phone: &str, at: Timestamp) -> Option<&MessageRecord> {
        let is_answer = |m: &&MessageRecord| {
            m.to == phone
                && m.direction != "inbound"
                && (m.direction == "outbound-reply" || kind_of(&m.body.0) == AttemptKind::Answer)
        };
        let is_reply = |m: &&MessageRecord| m.direction == "inbound" && m.from.as_deref() == Some(phone);
        let mut answers: Vec<&MessageRecord> = self.messages.iter().filter(is_answer).collect();
        let replies = self.messages.iter().filter(is_reply).filter_map(|m| m.created_at);
        let mut replies: Vec<(Timestamp, Option<&MessageRecord>)> = replies.map(|at| (at, None)).collect();
        answers.sort_by_key(|m| m.created_at);
        replies.sort_by_key(|(at, _)| *at);
        let mut late = Vec::new();
        for answer in answers {
            let Some(sent) = answer.created_at else { continue };
            let is_near = |r: Timestamp| r <= sent && sent <= r.plus(ANSWERED_WITHIN);
            match replies.iter_mut().rev().find(|(r, of)| of.is_none() && is_near(*r)) {
                Some((_, of)) => *of = Some(answer),
                None => late.push((sent, answer)),
            }
        }
        for (sent, answer) in late {
            if let Some((_, of)) = replies.iter_mut().find(|(r, of)| of.is_none() && *r <= sent) {
                *of = Some(answer);
            }
        }
        replies.into_iter().find_map(|(r, of)| of.filter(|_| r == at))
    }
}

struct CallEvidence<'a> {
    draft: &'a AttemptDraft,
    all: &'a [AttemptDraft],
    snapshot: &'a BaseSnapshot,
    found: Evidence,
}

impl CallEvidence<'_> {
    /// One text from a person.
    fn reply(&mut self, m: &MessageRecord) {
        let (Some(from), Some(at)) = (m.from.as_deref(), m.created_at) else { return };
        let was_notified = self.draft.was_notified(from, at);
        let writer = self.name_of(from);
        let reading = read(&m.body.0, writer, &self.snapshot.lexicon);
        let names_it = reading.reference.as_ref() == Some(&self.draft.reference);
        if !was_notified && !names_it {
            return;
        }
        let (answered, answer) = self.answered(from, at);
        let is_known = was_notified || self.snapshot.directory.by_phone(from).is_some();
        if was_notified && answered && !matches!(reading.says, Says::OptOut | Says::OptIn | Says::NoCalls | Says::Calls)
        {
            let ours = self.snapshot.answer_to(from, at);
            self.found.ingested.push(ingested(m, ours, names_it.then_some(self.draft), self.snapshot));
        }
        let says = match reading.says {
            _ if !is_known || self.is_in_the_way(&reading, from) => return,
            // It answers the last text, and nothing else.
            Says::Soft if reading.receipt || !self.was_last(m, from, at) => return,
            Says::Take | Says::Soft => Says::Take,
            Says::Pass | Says::Done if !reading.all => reading.says,
            _ => return,
        };
        if reading.reference.is_some() && !names_it {
            return;
        }
        if names_it || reading.all || reading.says == Says::Soft {
            if matches!(answer, Some((None, _))) {
                return;
            }
        } else {
            match answer {
                Some((Some(r), _)) if r == self.draft.reference => {}
                Some(_) => return,
                None if self.may_mean_another(from, at) => {
                    let text = format!(
                        "{} wrote {:?} at {at}, which may mean this call or another: it counts for neither",
                        masked(from),
                        m.body.0.trim().chars().take(20).collect::<String>()
                    );
                    self.found.unsure.push(text);
                    return;
                }
                None => {}
            }
        }
        self.found.replies += 1;
        // It moves the ladder at once: the engine does that when it hears it, as it hears all that was not answered.
        if says == Says::Pass && !answered {
            let text =
                format!("{} passed at {at} and was not answered: it is heard as soon as an engine runs", masked(from));
            self.found.unsure.push(text);
            return;
        }
        self.word(says, from, at);
    }

    fn name_of(&self, phone: &str) -> &str {
        self.snapshot.directory.by_phone(phone).map_or("", |c| c.name.as_str())
    }

    /// Words behind a plain word that say otherwise, or that name somebody else.
    fn is_in_the_way(&self, reading: &Reading, from: &str) -> bool {
        let others = || self.snapshot.directory.contacts.iter().filter(|c| c.phone.e164() != from);
        reading
            .free
            .as_ref()
            .is_some_and(|free| free.blocks || others().any(|c| free.names(&c.name, self.name_of(from))))
    }

    /// Whether the last text of the number that was written to, before this moment, was a notice of this call.
    fn was_last(&self, reply: &MessageRecord, phone: &str, at: Timestamp) -> bool {
        let failed = |m: &MessageRecord| m.status.verdict() == Some(Verdict::Failed);
        let texts = self.snapshot.messages.iter().filter(|m| m.to == phone && m.direction != "inbound" && !failed(m));
        let before: Vec<&MessageRecord> = texts.filter(|m| m.created_at.is_some_and(|made| made <= at)).collect();
        let newest = before.iter().filter_map(|m| m.created_at).max();
        let same = |m: &MessageRecord| {
            m.service.is_some() || reply.service.is_some() || m.from.as_deref() == Some(reply.to.as_str())
        };
        let is_ours = |m: &MessageRecord| {
            kind_of(&m.body.0) == AttemptKind::Notice
                && attempt_reference(&m.body.0).is_some_and(|(r, _)| r == self.draft.reference)
                && same(m)
        };
        // Within one second nobody can tell which was the last.
        newest.is_some() && before.iter().filter(|m| m.created_at == newest).all(|m| is_ours(m))
    }

    fn word(&mut self, says: Says, from: &str, at: Timestamp) {
        let Some(contact) = self.contact(from) else { return };
        let who = self.name(&contact);
        let holds = self.found.standing == Claim::Held(Some(contact.clone()));
        match says {
            Says::Take if self.found.standing == Claim::Free => {
                self.close(Claim::Held(Some(contact)), at, format!("{who} replied that it is theirs"));
            }
            Says::Pass if holds => self.hand_back(contact, at),
            Says::Pass if self.found.standing == Claim::Free => self.found.passed.push(contact),
            Says::Done if holds || self.found.standing == Claim::Free => {
                self.close(Claim::Resolved, at, format!("{who} replied that it is done"));
            }
            _ => {}
        }
    }

    /// One text of ours.
    fn text(&mut self, m: &MessageRecord) {
        let Some(at) = m.created_at else { return };
        let Some((Some(reference), said)) = said(&m.body.0) else { return };
        if reference != self.draft.reference {
            return;
        }
        let reader = self.contact(&m.to);
        match said {
            CallStatusEvidence::Yours if self.found.standing == Claim::Free => {
                let who = reader.as_ref().map_or_else(|| masked(&m.to), |c| self.name(c));
                self.close(Claim::Held(reader), at, format!("{who} was answered that it is theirs"));
            }
            CallStatusEvidence::TakenBy(name) if self.found.standing == Claim::Free => {
                let holder = self.by_name(&name);
                let who = if name.is_empty() { "somebody" } else { &name };
                self.close(Claim::Held(holder), at, format!("a stand-down says that {who} took it"));
            }
            CallStatusEvidence::HandedBack => {
                if let (Some(reader), Claim::Held(_)) = (reader, &self.found.standing) {
                    self.hand_back(reader, at);
                }
            }
            CallStatusEvidence::Passed => self.found.passed.extend(reader),
            CallStatusEvidence::Resolved => {
                self.close(Claim::Resolved, at, "a text of ours says that it is resolved".into())
            }
            CallStatusEvidence::Cancelled => {
                self.close(Claim::Cancelled, at, "a text of ours says that it was called off".into())
            }
            CallStatusEvidence::Yours | CallStatusEvidence::TakenBy(_) | CallStatusEvidence::Nothing => {}
        }
    }

    /// Unless a notice went out later: then it was opened again.
    fn close(&mut self, to: Claim, at: Timestamp, why: String) {
        let reopened = self.draft.last_notice_at().filter(|sent| *sent > at.plus(UNDER_WAY));
        if let Some(sent) = reopened {
            self.found.unsure.push(format!("{why} at {at}, and a notice went out at {sent}: it was opened again"));
            return;
        }
        self.found.standing = to;
        self.found.why = Some((why, at));
    }

    fn hand_back(&mut self, contact: ContactId, at: Timestamp) {
        self.found.standing = Claim::Free;
        self.found.why = None;
        self.found.handed_back_at = Some(at);
        self.found.passed.push(contact);
    }

    /// Another row of the same call says that somebody has it.
    fn twins(&mut self) {
        for status in self.snapshot.twins.get(&self.draft.id).into_iter().flatten() {
            let to = match status.as_str() {
                "ACKNOWLEDGED" => Claim::Held(None),
                "RESOLVED" => Claim::Resolved,
                "CANCELLED" => Claim::Cancelled,
                _ => continue,
            };
            if self.found.standing == Claim::Free {
                self.close(to, self.snapshot.now, format!("another row of this call says {status}"));
            }
        }
    }

    /// The base says of an event that its reader took the call; and where its word may mean that too, that none says so.
    fn acknowledged(&mut self) {
        let rows = self.snapshot.events.get(&self.draft.id).map(Vec::as_slice).unwrap_or_default();
        let is_free = self.found.standing == Claim::Free;
        let taken = rows.iter().find(|r| r.acknowledged).filter(|_| self.found.handed_back_at.is_none());
        match taken {
            Some(row) if is_free => {
                let who = row.contact.clone().unwrap_or_else(|| "somebody".to_owned());
                let holder = row.contact.as_deref().and_then(|name| self.by_name(name));
                self.close(Claim::Held(holder), self.snapshot.now, format!("an event says that {who} acknowledged it"));
            }
            None if is_free && self.draft.row.also.contains(&"ACKNOWLEDGED") => {
                let text = "its word in Calls may mean that somebody has it, and no event is acknowledged: it counts as \
                            DISPATCHING";
                self.found.unsure.push(text.to_owned());
            }
            _ => {}
        }
    }

    /// Whether a reply was answered, and what by, where that is understood.
    fn answered(&self, to: &str, after: Timestamp) -> (bool, Option<(Option<CallRef>, CallStatusEvidence)>) {
        let found = self.snapshot.answer_to(to, after);
        (found.is_some(), found.and_then(|m| said(&m.body.0)))
    }

    /// Whether a bare word of this phone at this time may be about another call than this one.
    fn may_mean_another(&self, phone: &str, at: Timestamp) -> bool {
        let mine = &self.draft.reference;
        let another_draft = self.all.iter().any(|d| d.id != self.draft.id && d.was_notified(phone, at));
        let before = |m: &&MessageRecord| m.to == phone && m.created_at.is_some_and(|c| c <= at.plus(SECOND));
        let texts = || self.snapshot.messages.iter().filter(before);
        let others = texts().filter_map(|m| Some(attempt_reference(&m.body.0)?.0)).filter(|r| r != mine);
        let closed = |r: &CallRef| {
            let ends = |s: &CallStatusEvidence| {
                !matches!(s, CallStatusEvidence::Passed | CallStatusEvidence::HandedBack | CallStatusEvidence::Nothing)
            };
            texts().any(|m| said(&m.body.0).is_some_and(|(of, s)| of.as_ref() == Some(r) && ends(&s)))
        };
        another_draft || others.into_iter().any(|r| !closed(&r))
    }

    fn contact(&self, phone: &str) -> Option<ContactId> {
        let of = self.draft.attempts.iter().rev().find(|a| a.recipient.phone.e164() == phone);
        of.map(|a| a.recipient.contact.clone())
            .or_else(|| self.snapshot.directory.by_phone(phone).map(|c| c.id.clone()))
    }

    fn name(&self, contact: &ContactId) -> String {
        let of = self.draft.attempts.iter().find(|a| &a.recipient.contact == contact);
        of.map(|a| a.recipient.name.clone())
            .or_else(|| self.snapshot.directory.contact(contact).map(|c| c.name.clone()))
            .unwrap_or_else(|| contact.to_string())
    }

    fn by_name(&self, name: &str) -> Option<ContactId> {
        let of = self.draft.attempts.iter().find(|a| a.recipient.name == name);
        of.map(|a| a.recipient.contact.clone())
            .or_else(|| self.snapshot.directory.contacts.iter().find(|c| c.name == name).map(|c| c.id.clone()))
    }
}

/// The provider's times have whole seconds.
const SECOND: Duration = Duration::from_millis(999);

/// Who passed gets no further notice.
pub(super) const PASSED: ExclusionReason = ExclusionReason::Passed;

/// A reply that was answered before: kept, so that it is not heard again.
fn ingested(
    m: &MessageRecord,
    ours: Option<&MessageRecord>,
    about: Option<&AttemptDraft>,
    snapshot: &BaseSnapshot,
) -> InboundRow {
    let answer = ours.map(|m| m.body.0.clone()).unwrap_or_default();
    InboundRow {
        text: InboundText {
            sid: m.sid.clone(),
            from: m.from.clone().unwrap_or_default(),
            to: m.service.clone().unwrap_or_else(|| m.to.clone()),
            body: m.body.0.clone(),
            provider_replied: false,
            at: m.created_at,
            at_ours: None,
            listed: true,
            waited_since: None,
        },
        call: about.map(|d| d.id.clone()),
        understood: "heard before this store was made".to_owned(),
        prompt: reply::asks(&answer).then_some(Prompt::Help),
        answer,
        answered_by: None,
        waits: false,
        // By our own clock, as every time that it is compared with.
        at: m.created_at.map_or(snapshot.now, |theirs| snapshot.offset.map_or(theirs, |offset| offset.to_ours(theirs))),
    }
}
