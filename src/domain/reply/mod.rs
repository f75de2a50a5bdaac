//! A person's words: what they mean, which call they concern, what is answered.
//!
//! Nothing that we write offers one of the provider's own opt-out words (`facts/twilio.md` §8).

mod copies;
mod free;
mod lexicon;
mod reading;
#[cfg(test)]
mod reading_tests;
mod words;

pub use lexicon::{Lexicon, OwnWord};
pub use reading::{FreeText, Reading, Says, read, references};

use serde_json::{Value, json};

use crate::domain::alert::AlertKind;
use crate::domain::attempt::{Attempt, AttemptKind, Priority};
use crate::domain::body;
use crate::domain::call::{CallState, CallStatus, OutReason};
use crate::domain::decide::{self, StandDown};
use crate::domain::event::{
    AlertChange, Answer, Change, InboundRow, InboundText, Loaded, LogEntry, LogKind, OptOutChange,
};
use crate::domain::phone::masked;
use crate::domain::sequence;
use crate::domain::step::{Ctx, Illegal, Work};
use crate::domain::types::{Actor, CallRef, ContactId, Sender, Timestamp};

/// A person wrote. A repeated SID is answered as before and changes nothing.
pub(super) fn inbound(loaded: &Loaded, text: &InboundText, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    if let Some(before) = loaded.answered_before.as_ref().filter(|_| !ctx.rules.off.reply_dedup) {
        return Ok(Change { answer: Answer::Reply(before.clone()), ..Change::default() });
    }
    let reading = read(&text.body, &ctx.rules.lexicon);
    let by_phone = |c: &&CallState| c.attempts.iter().any(|a| a.recipient.phone.e164() == text.from);
    let known = ctx.directory.by_phone(&text.from).is_some() || loaded.calls.iter().any(|c| by_phone(&c));
    let mut reply = Reply { loaded, text, ctx, change: Change::default(), call: None };
    let (meaning, answer) = if known { reply.known(&reading)? } else { ("unknown number", String::new()) };
    Ok(reply.finish(meaning, answer))
}

/// An operator lifts an opt-out in our books.
pub(super) fn clear_opt_out(phone: &str, by: &Actor, ctx: &Ctx<'_>) -> Change {
    let contact = ctx.directory.by_phone(phone).map_or(phone, |c| c.id.as_str());
    Change {
        opt_outs: vec![OptOutChange::In { phone: phone.to_owned(), sender: None }],
        alerts: vec![AlertChange::Resolve { key: AlertKind::OptedOut.about(contact) }],
        log: vec![LogEntry {
            kind: LogKind::OptedIn,
            at: ctx.now,
            call: None,
            attempt: None,
            actor: by.clone(),
            message: format!("the opt-out of {} was cleared by hand", masked(phone)),
            data: Value::Null,
        }],
        ..Change::default()
    }
}

/// The provider's times have whole seconds.
const SECOND_MS: i64 = 999;
/// How far the measured offset of two clocks may be wrong, the whole seconds of both included.
const OFFSET_SLACK_MS: i64 = 3_000;

/// A word that acts on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Take,
    Pass,
    Done,
}

impl Word {
    fn of(says: Says) -> Option<Self> {
        match says {
            Says::Take | Says::Soft => Some(Self::Take),
            Says::Pass => Some(Self::Pass),
            Says::Done => Some(Self::Done),
            Says::Code | Says::OptOut | Says::OptIn | Says::Quoted | Says::Other => None,
        }
    }
}

struct Reply<'a> {
    loaded: &'a Loaded,
    text: &'a InboundText,
    ctx: &'a Ctx<'a>,
    change: Change,
    call: Option<super::types::CallId>,
}

type Said = (&'static str, String);

const HELP: &str =
    "Reply 1 to take the call, 2 to pass, DONE when finished. With several calls add the code, like 1 7K3Q.";

impl Reply<'_> {
    fn known(&mut self, r: &Reading) -> Result<Said, Illegal> {
        if r.opts_in {
            self.opt_in();
        }
        let word = match r.says {
            Says::OptOut => {
                self.opt_out();
                return Ok(("opt-out", String::new()));
            }
            Says::OptIn => return Ok(("opt-in", String::new())),
            _ if r.all || r.free.is_some() => None,
            says => Word::of(says),
        };
        match word {
            // YES is a word of theirs and of the provider's: it is heard, and answered once.
            Some(word) => {
                let (meaning, answer) = self.apply(word, r.reference.as_ref())?;
                Ok((meaning, if self.text.provider_replied { String::new() } else { answer }))
            }
            None if self.text.provider_replied => Ok(("answered by the provider", String::new())),
            None => Ok(("not understood", HELP.to_owned())),
        }
    }

    fn contact_key(&self) -> String {
        self.ctx
            .directory
            .by_phone(&self.text.from)
            .map_or_else(|| self.text.from.clone(), |c| c.id.as_str().to_owned())
    }

    fn opt_out(&mut self) {
        let (from, to) = (self.text.from.clone(), self.text.to.clone());
        self.change.alerts.push(AlertChange::Raise {
            key: AlertKind::OptedOut.about(self.contact_key()),
            call: None,
            message: format!(
                "{} opted out: they must text START to {} before they can be told",
                masked(&from),
                masked(&to)
            ),
        });
        self.note(LogKind::OptedOut, "opted out of texts");
        self.change.opt_outs.push(OptOutChange::Out { phone: from, sender: to });
    }

    /// Lifts what this text may lift: a block by that sender, by any, and, as a number may be one of a messaging service's,
    /// a block by the other of the two. One that stands at the provider all the same comes back with the next text's refusal.
    fn opt_in(&mut self) {
        let (from, to) = (&self.text.from, &self.text.to);
        let is_service = |s: &str| s.parse::<Sender>().is_ok_and(|s| s.is_service());
        let lifted = |s: &str| s == to || s.is_empty() || is_service(s) || is_service(to);
        let pairs = self.loaded.opted_out.iter().filter(|(p, s)| p == from && lifted(s));
        let back: Vec<OptOutChange> =
            pairs.map(|(p, s)| OptOutChange::In { phone: p.clone(), sender: Some(s.clone()) }).collect();
        if !back.is_empty() {
            self.note(LogKind::OptedIn, "takes texts again");
        }
        self.change.opt_outs.extend(back);
        self.change.alerts.push(AlertChange::Resolve { key: AlertKind::OptedOut.about(self.contact_key()) });
    }

    fn note(&mut self, kind: LogKind, what: &str) {
        self.change.log.push(LogEntry {
            kind,
            at: self.ctx.now,
            call: None,
            attempt: None,
            actor: self.actor(),
            message: format!("{} {what}", masked(&self.text.from)),
            data: Value::Null,
        });
    }

    fn actor(&self) -> Actor {
        Actor(masked(&self.text.from))
    }

    /// Calls with a text to this phone that preceded the reply.
    fn theirs(&self, c: &CallState) -> bool {
        c.attempts.iter().any(|a| {
            a.kind == AttemptKind::Notice
                && a.recipient.phone.e164() == self.text.from
                && self.comes_after(a)
                && (a.state.may_have_arrived() || a.sid.is_some())
        })
    }

    /// Whether the reply was written after this text, by the provider's own times, which have whole seconds. Where the text's is
    /// not known (its outcome is not), its intent and the reply are compared by our clock. One that comes in just now was.
    fn comes_after(&self, a: &Attempt) -> bool {
        let Some(sent) = a.sent_at else { return false };
        let Some(at) = self.text.at else { return true };
        let by_then = |moment: Timestamp, at: Timestamp, slack_ms: i64| {
            moment.as_millis() <= at.as_millis().saturating_add(slack_ms)
        };
        if self.ctx.rules.off.provider_times {
            return by_then(sent, at, SECOND_MS);
        }
        match (a.provider_at.or(a.provider_after.filter(|after| !by_then(*after, at, SECOND_MS))), self.text.at_ours) {
            (Some(made), _) => by_then(made, at, SECOND_MS),
            (None, Some(ours)) => by_then(a.sent_at_now().unwrap_or(sent), ours, OFFSET_SLACK_MS),
            (None, None) => true,
        }
    }

    fn contact_in(&self, c: &CallState) -> Option<ContactId> {
        let of = |a: &&Attempt| a.recipient.phone.e164() == self.text.from;
        c.attempts.iter().rev().find(of).map(|a| a.recipient.contact.clone())
    }

    /// Finds the call that a word concerns and applies it; the text to answer with.
    fn apply(&mut self, word: Word, reference: Option<&CallRef>) -> Result<Said, Illegal> {
        let loaded = self.loaded;
        if let Some(reference) = reference {
            // A reference may be used again after 30 days: the newest call that is theirs is meant.
            let named = loaded.calls.iter().filter(|c| &c.call.reference == reference && self.theirs(c));
            return match named.max_by_key(|c| c.call.accepted_at) {
                Some(state) => self.on(state, word),
                None => Ok(("unknown reference", format!("There is no call {reference} for you."))),
            };
        }
        let open: Vec<&CallState> = loaded.calls.iter().filter(|c| c.call.status.is_open() && self.theirs(c)).collect();
        let wanted: Vec<&CallState> = open.iter().copied().filter(|c| self.can(word, c)).collect();
        match (wanted.as_slice(), open.as_slice()) {
            ([one], _) | ([], [one]) => self.on(one, word),
            ([], []) => Ok(("no call", "There is no open call for you.".to_owned())),
            ([], [newest, ..]) => self.on(newest, word),
            (several, _) => {
                let list: Vec<String> = several.iter().take(6).map(|c| short(c)).collect();
                let example = several.first().map(|c| c.call.reference.to_string()).unwrap_or_default();
                let say = match word {
                    Word::Take => "1",
                    Word::Pass => "2",
                    Word::Done => "DONE",
                };
                Ok((
                    "which call",
                    format!("Which call? Reply {say} and its code, like {say} {example}. Open: {}", list.join("; ")),
                ))
            }
        }
    }

    /// Whether the word would do something to this call: only such calls need to be told apart.
    fn can(&self, word: Word, c: &CallState) -> bool {
        use CallStatus as S;
        let me = self.contact_in(c);
        let mine = c.call.status == S::Acknowledged && c.call.holder.is_some() && c.call.holder == me;
        let free = matches!(c.call.status, S::Dispatching | S::Exhausted);
        match word {
            Word::Take => free,
            Word::Pass => mine || (c.call.status == S::Dispatching && me.is_some_and(|m| !c.call.is_out(&m))),
            Word::Done => mine || (free && !self.loaded.calls.iter().any(|o| self.holds(o))),
        }
    }

    fn holds(&self, c: &CallState) -> bool {
        c.call.status == CallStatus::Acknowledged && c.call.holder.is_some() && c.call.holder == self.contact_in(c)
    }

    fn on(&mut self, state: &CallState, word: Word) -> Result<Said, Illegal> {
        let Some(contact) = self.contact_in(state) else { return Ok(("no call", HELP.to_owned())) };
        let actor = self.actor();
        let mut w = Work::new(self.ctx, self.loaded, state.clone());
        let said = on_call(&mut w, word, &contact, &actor)?;
        if self.text.listed {
            answer_by_text(&mut w, &contact, &said.1);
        }
        self.call = Some(state.call.id.clone());
        let done = w.into_change();
        self.change.calls = done.calls;
        self.change.log.extend(done.log);
        self.change.alerts.extend(done.alerts);
        Ok(said)
    }

    /// An answer that belongs to no call's change yet (a question, a help text) goes out by the newest call of theirs.
    fn answer_without_call(&mut self, answer: &str) {
        let loaded = self.loaded;
        let open = loaded.calls.iter().filter(|c| c.call.status.is_open() && self.theirs(c));
        let Some(state) = open.max_by_key(|c| c.call.accepted_at) else { return };
        let Some(contact) = self.contact_in(state) else { return };
        let mut w = Work::new(self.ctx, loaded, state.clone());
        answer_by_text(&mut w, &contact, answer);
        let done = w.into_change();
        self.change.calls = done.calls;
        self.change.log.extend(done.log);
    }

    fn finish(mut self, meaning: &'static str, answer: String) -> Change {
        if self.text.listed && self.change.calls.is_empty() && !answer.is_empty() {
            self.answer_without_call(&answer);
        }
        let entry = LogEntry {
            kind: LogKind::ReplyReceived,
            at: self.ctx.now,
            call: self.call.clone(),
            attempt: None,
            actor: self.actor(),
            message: format!("{} replied: {meaning}", masked(&self.text.from)),
            data: json!({ "sid": self.text.sid, "understood": meaning }),
        };
        self.change.log.insert(0, entry);
        self.change.inbound = Some(InboundRow {
            text: self.text.clone(),
            call: self.call,
            understood: meaning.to_owned(),
            answer: answer.clone(),
            at: self.ctx.now,
        })
        // It is there already where a drill lets a reply count twice.
        .filter(|_| self.loaded.answered_before.is_none());
        self.change.answer = Answer::Reply(answer);
        self.change
    }
}

/// A reply that was read from the list cannot be answered by TwiML: a text of its own does it, while it is worth something.
fn answer_by_text(w: &mut Work<'_>, contact: &ContactId, text: &str) {
    let told = w.state.attempts.iter().rev().find(|a| &a.recipient.contact == contact);
    let Some((step, recipient)) = told.map(|a| (a.step, a.recipient.clone())) else { return };
    if text.is_empty() {
        return;
    }
    let entry = format!("answering {}", recipient.name);
    let id = sequence::add_attempt(w, AttemptKind::Answer, step, recipient, Priority::Reminder, entry);
    let expires_at = w.now().plus(w.ctx.rules.validity);
    if let Some(a) = w.state.attempt_mut(id) {
        text.clone_into(&mut a.result);
        a.expires_at = Some(expires_at);
    }
}

/// One word about one call.
fn on_call(w: &mut Work<'_>, word: Word, contact: &ContactId, by: &Actor) -> Result<Said, Illegal> {
    use CallStatus as S;
    let (status, r) = (w.state.call.status, w.state.call.reference.clone());
    let mine = w.state.call.holder.as_ref() == Some(contact);
    Ok(match (word, status) {
        (_, S::Resolved | S::Cancelled) => {
            ("closed call", format!("{r} is closed ({}).", status.as_str().to_lowercase()))
        }
        (Word::Take, S::Acknowledged) if mine => ("already theirs", format!("{r} is already yours.")),
        (Word::Take, S::Dispatching | S::Exhausted) => {
            decide::take(w, Some(contact.clone()), by, None)?;
            ("took the call", yours(w))
        }
        (Word::Pass, S::Acknowledged) if mine => {
            decide::hand_back(w, contact, by)?;
            ("handed the call back", format!("{r} goes back to the others."))
        }
        (Word::Done, S::Acknowledged) if mine => {
            decide::close(w, S::Resolved, by, None, StandDown::Nobody)?;
            ("resolved the call", format!("{r} is closed. Thank you."))
        }
        (Word::Done, S::Dispatching | S::Exhausted) => {
            decide::close(w, S::Resolved, by, None, StandDown::AllBut(contact))?;
            ("resolved the call", format!("{r} is closed. Thank you."))
        }
        (_, S::Acknowledged) => ("taken by another", format!("{r}: {}.", decide::taken_by(w))),
        (Word::Pass, S::Dispatching) => {
            pass(w, contact, by)?;
            ("passed", format!("Noted: {r} goes on to the next."))
        }
        (Word::Pass, _) => ("passed too late", format!("Noted. Nobody has {r}: reply 1 to take it.")),
    })
}

fn pass(w: &mut Work<'_>, contact: &ContactId, by: &Actor) -> Result<(), Illegal> {
    let name = w
        .state
        .attempts
        .iter()
        .find(|a| &a.recipient.contact == contact)
        .map_or_else(|| contact.to_string(), |a| a.recipient.name.clone());
    if w.state.call.is_out(contact) {
        return Ok(());
    }
    w.state.call.put_out(contact, OutReason::Passed);
    w.log_as(by.clone(), LogKind::ContactPassed, None, format!("{name} passed"), Value::Null);
    let waiting: Vec<_> = w
        .state
        .attempts
        .iter()
        .filter(|a| a.state.is_waiting() && &a.recipient.contact == contact)
        .map(|a| a.id)
        .collect();
    for id in waiting {
        w.drop_waiting(id, super::attempt::AttemptEvent::Skip, &format!("{name} passed"))?;
    }
    sequence::escalate_now(w, None, contact, &format!("{name} passed"))
}

fn yours(w: &Work<'_>) -> String {
    let d = &w.state.call.data;
    let mut parts = vec![format!("{} is yours.", w.state.call.reference)];
    parts.extend(d.address.as_deref().map(|a| format!("{}.", a.trim())));
    parts.extend(d.caller_phone.as_deref().map(|p| format!("Call {}.", p.trim())));
    parts.push("Reply DONE when finished, 2 to hand it back.".into());
    body::fold(&parts.join(" "))
}

fn short(c: &CallState) -> String {
    let what = c.call.data.address.as_deref().or(c.call.data.issue_summary.as_deref()).unwrap_or("no details");
    let cut: String = what.chars().take(30).collect();
    body::fold(&format!("{} {cut}", c.call.reference))
}

#[cfg(test)]
mod tests {
    use super::lexicon::is_the_providers;
    use super::*;

    #[test]
    fn no_prompt_offers_a_word_that_opts_out() {
        for word in HELP.split(|c: char| !c.is_ascii_alphanumeric()) {
            assert!(!is_the_providers(word), "{word}");
        }
    }
}
