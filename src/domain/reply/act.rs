//! What a word does to a call.

use serde_json::Value;

use super::texts::When;
use super::which::{Affected, Aim, ReplyEffect, Softly, looks};
use super::wording;
use super::{Decided, Reply, Said, Word};
use crate::domain::alert::AlertKind;
use crate::domain::answers::Prompt;
use crate::domain::attempt::{AttemptEvent, AttemptKind};
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::decide::{self, StandDown};
use crate::domain::deferred;
use crate::domain::followthrough;
use crate::domain::log::LogKind;
use crate::domain::reply::Reading;
use crate::domain::sequence;
use crate::domain::types::{Actor, CallRef, ContactId};
use crate::domain::work::{Illegal, Work};

impl<'a> Reply<'a> {
    /// A plain word.
    pub(super) fn plain(&mut self, word: Word, r: &Reading) -> Decided {
        if self.is_in_the_way(r) || (r.all && word != Word::Take) {
            return Ok(Some(self.other(r)));
        }
        if r.all {
            return self.every_call();
        }
        if let Some(reference) = &r.reference {
            return self.named_at_all(word, reference, r).map(Some);
        }
        if self.must_wait(|reply, when| reply.plain_acts(word, when)) {
            return Ok(None);
        }
        if self.is_close_to_an_end() {
            return Ok(Some(self.ask_one_or_two("not understood", r)));
        }
        let when = self.when();
        if let Some(of) = self.roll_call_meant(word, when) {
            return Ok(Some(self.answer_roll_call(&of, word, r)));
        }
        if let Some(of) = self.alert_meant(word, when) {
            return self.answer_alert(of, word, r).map(Some);
        }
        Ok(Some(match self.aim(word, when) {
            Aim::One(state) if self.is_about_another(word, state, when) => self.which(word, &[state]),
            Aim::One(state) => self.on(state, word)?,
            Aim::Which(_) if r.free.is_some() => self.other(r),
            Aim::Which(calls) => match (self.still(word, &calls), calls.first()) {
                (still, Some(first)) if still.is_empty() => self.on(first, word)?,
                (still, _) => self.which(word, &still),
            },
            Aim::Held(held) => self.ask(Prompt::WhichToPass, "which call", wording::hand_back_which(&held)),
            Aim::Nothing => self.no_open_call(),
        }))
    }

    fn which(&mut self, word: Word, calls: &[&CallState]) -> Said {
        let (prompt, text) = wording::which_call(word, calls);
        self.ask(prompt, "which call", text)
    }

    pub(super) fn no_open_call(&mut self) -> Said {
        match self.came_after() {
            Some(state) => self.ask(Prompt::OneOrTwo, "no call", wording::came_after(&state.call.reference)),
            None => self.ask(Prompt::Help, "no call", wording::NO_OPEN_CALL.to_owned()),
        }
    }

    /// Words behind a plain word that say otherwise, or that name somebody else.
    fn is_in_the_way(&self, r: &Reading) -> bool {
        let others = || self.ctx.directory.contacts.iter().filter(|c| c.phone.e164() != self.text.from);
        r.free.as_ref().is_some_and(|free| free.blocks || others().any(|c| free.names(&c.name, &self.name())))
    }

    /// A soft word: it answers the last text and never moves another call than that text's.
    pub(super) fn soft(&mut self, r: &Reading) -> Decided {
        if self.ctx.rules.off.last_text {
            return self.plain(Word::Take, r);
        }
        if self.must_wait(|reply, when| reply.soft_acts(when)) {
            return Ok(None);
        }
        let when = self.when();
        let is_meant = |c: &CallState| r.reference.as_ref().is_none_or(|named| named == &c.call.reference);
        Ok(Some(match self.softly(when) {
            Softly::Notice(state) if !is_meant(state) => self.ask_one_or_two("not understood", r),
            Softly::Notice(state) if self.holds(state) => Said::silent("a polite word"),
            Softly::Notice(_) if r.receipt => self.ask_one_or_two("not understood", r),
            Softly::Notice(state) => self.on(state, Word::Take)?,
            Softly::Polite if r.reference.is_none() => Said::silent("a polite word"),
            Softly::Polite | Softly::Unclear => self.ask_one_or_two("not understood", r),
            Softly::Nothing => self.no_open_call(),
        }))
    }

    /// A code alone, or `all` alone: it completes the word that was asked for.
    pub(super) fn code(&mut self, r: &Reading) -> Decided {
        match (self.asked_for(self.when()), &r.reference) {
            (Some(Word::Take), None) => self.every_call(),
            (Some(word), Some(reference)) => self.named_at_all(word, reference, r).map(Some),
            _ => Ok(Some(self.other(r))),
        }
    }

    /// `1 all`.
    fn every_call(&mut self) -> Decided {
        let ids = |reply: &Self, when: When| -> Option<Vec<(Affected, ReplyEffect)>> {
            let one = |c: &&CallState| (Affected::Call(c.call.id.clone()), ReplyEffect::Take);
            let all: Vec<_> = reply.every(when).iter().map(one).collect();
            Some(all).filter(|all| !all.is_empty())
        };
        if self.must_wait(ids) {
            return Ok(None);
        }
        let all = self.every(self.when());
        match all.as_slice() {
            [] => Ok(Some(self.no_open_call())),
            [one] => self.on(one, Word::Take).map(Some),
            several => {
                for state in several {
                    drop(self.on(state, Word::Take)?);
                }
                Ok(Some(Said::new("took every call", wording::all_yours(several))))
            }
        }
    }

    /// A word about what it names: a roll call, the alert of one of our texts, or a call.
    fn named_at_all(&mut self, word: Word, reference: &CallRef, r: &Reading) -> Result<Said, Illegal> {
        if let Some(of) = self.roll_call_named(reference) {
            return Ok(self.on_roll_call(&of, word, r));
        }
        match self.alert_named(reference) {
            Some(of) => self.on_alert(of, word, r),
            None => self.named(word, reference, r),
        }
    }

    /// A word about the call that it names, whoever holds it by now; a reference that is closed, or is not theirs, is answered and
    /// never applied to another call. A reference may be used again after 30 days: the newest call that has it is meant.
    fn named(&mut self, word: Word, reference: &CallRef, r: &Reading) -> Result<Said, Illegal> {
        let loaded = self.loaded;
        let of = loaded.calls.iter().filter(|c| &c.call.reference == reference);
        let theirs = of.clone().filter(|c| self.got_any(c)).max_by_key(|c| c.call.accepted_at);
        if let Some(state) = theirs {
            return self.on(state, word);
        }
        let Some(state) = of.max_by_key(|c| c.call.accepted_at) else {
            return Ok(self.ask(Prompt::Help, "unknown reference", wording::no_such_call(reference)));
        };
        // Whoever was told of nothing ends nobody's ladder.
        let ends_it = matches!(word, Word::Done | Word::Later);
        if self.is_of_the_team(state) && !(ends_it && looks(state)) {
            return self.on(state, word);
        }
        if state.call.status.is_open() {
            self.about.push(state.call.id.clone());
            self.show_to_a_person(r);
            return Ok(self.ask(Prompt::Help, "not their call", wording::not_theirs(reference)));
        }
        Ok(self.ask(Prompt::Help, "unknown reference", wording::no_such_call(reference)))
    }

    /// Whether its writer belongs to this call although no text of it reached him: one was refused, or his step has not fired. Whoever
    /// is told of alerts belongs to every call: a text that names several is answered with the code of one.
    fn is_of_the_team(&self, c: &CallState) -> bool {
        if c.attempts.iter().any(|a| a.recipient.phone.e164() == self.text.from) {
            return true;
        }
        let directory = self.ctx.directory;
        if directory.is_alert_owner(&self.text.from) {
            return true;
        }
        let (line, _) = directory.line(c.call.data.twilio_to_number.as_deref());
        let Some(contact) = directory.by_phone(&self.text.from) else { return false };
        let roles = c.call.policy.steps.iter().flat_map(|s| &s.notify);
        roles
            .into_iter()
            .any(|role| directory.holders(line, role, self.ctx.now).iter().any(|h| h.contact.id == contact.id))
    }

    /// One word about one call.
    pub(super) fn on(&mut self, state: &CallState, word: Word) -> Result<Said, Illegal> {
        let Some(contact) = self.contact_in(state) else {
            return Ok(self.ask(Prompt::Help, "no call", wording::HELP.to_owned()));
        };
        let (actor, is_notified) = (self.actor(), self.got_any(state));
        self.about.push(state.call.id.clone());
        if self.is_overruled(state) {
            return Ok(Said::silent("older than what they said since"));
        }
        if self.passes_too_late(word, state) {
            let text = wording::hand_back_which(&[state]);
            return Ok(self.ask(Prompt::WhichToPass, "passed too late", text));
        }
        if word == Word::Later && state.call.status == S::Dispatching && !state.counts_answer_of(&contact) {
            // They said no, or no text reached them; whether it can wait is for those who are asked.
            return Ok(Said::new("passed before, cannot defer", wording::others_decide(&state.call.reference)));
        }
        if word == Word::Later && state.call.status == S::Dispatching && !state.call.policy.may_be_deferred() {
            let text = wording::may_not_wait(&state.call.reference);
            return Ok(self.ask(Prompt::OneOrTwo, "cannot wait at this level", text));
        }
        let opted_out = self.is_opted_out();
        let from =
            Writer { contact: &contact, actor: &actor, is_notified, is_asked: self.is_asked(state, self.when()) };
        let minutes = self.minutes;
        self.work(&state.call.id, |w| {
            let said = on_call(w, word, &from, minutes)?;
            if opted_out && w.state.call.holder.as_ref() == Some(&contact) && w.state.call.status == S::Acknowledged {
                cannot_be_texted(w, &contact);
            }
            Ok(said)
        })
    }

    /// STOP: a pass where its writer was told; what he holds stays his, and somebody must know that no text reaches him.
    pub(super) fn pass_all(&mut self) -> Result<(), Illegal> {
        let actor = self.actor();
        self.opts_out_of_roll_calls();
        for state in self.open() {
            let Some(contact) = self.contact_in(state) else { continue };
            if self.is_overruled(state) {
                continue;
            }
            let holds = self.holds(state);
            self.work(&state.call.id, |w| {
                let name = name_in(w, &contact);
                if holds {
                    cannot_be_texted(w, &contact);
                } else if w.state.call.status == S::Dispatching {
                    pass(w, &contact, &actor, &format!("{name} opted out of texts, which counts as a pass"))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Whose word it is, and what they got of the call before.
struct Writer<'a> {
    contact: &'a ContactId,
    actor: &'a Actor,
    /// A text that names the call.
    is_notified: bool,
    /// A question about it, unanswered so far.
    is_asked: bool,
}

fn on_call(w: &mut Work<'_>, word: Word, from: &Writer<'_>, minutes: Option<u32>) -> Result<Said, Illegal> {
    let (contact, by) = (from.contact, from.actor);
    let (status, r) = (w.state.call.status, w.state.call.reference.clone());
    let mine = w.state.call.holder.as_ref() == Some(contact);
    Ok(match (word, status) {
        (_, S::Resolved | S::Cancelled) => {
            Said::new("closed call", format!("{r} is closed ({}).", status.as_str().to_lowercase()))
        }
        (Word::Take, S::Acknowledged) if mine && from.is_asked => {
            followthrough::confirm(w, by);
            in_time(w, minutes, by);
            Said::new("goes on", format!("{r} is still yours. Reply DONE when finished, 2 {r} to hand it back."))
        }
        (Word::Take, S::Acknowledged) if mine => {
            in_time(w, minutes, by);
            Said::new("already theirs", format!("{r} is already yours."))
        }
        (Word::Take, S::Dispatching | S::Exhausted | S::Deferred) => {
            decide::take(w, Some(contact.clone()), by, None)?;
            in_time(w, minutes, by);
            let opening = if from.is_notified { "is yours." } else { "still looked for somebody: it is yours now." };
            Said::new("took the call", wording::yours(w, opening))
        }
        (Word::Pass, S::Acknowledged) if mine => {
            decide::hand_back(w, contact, by)?;
            let to = if somebody_is_next(w) {
                "goes back to the others."
            } else {
                "is handed back. Nobody else is left: the office is alarmed."
            };
            Said::new("handed the call back", format!("{r} {to}"))
        }
        (Word::Done, S::Acknowledged) if mine => {
            decide::close(w, S::Resolved, by, None, StandDown::Nobody)?;
            Said::new("resolved the call", format!("{r} is closed. Thank you."))
        }
        (Word::Done, S::Dispatching | S::Exhausted | S::Deferred) => {
            decide::close(w, S::Resolved, by, None, StandDown::AllBut(contact))?;
            Said::new("resolved the call", format!("{r} is closed. Thank you."))
        }
        (Word::Later, S::Acknowledged) if mine => {
            Said::new("cannot wait, it is theirs", format!("{r} is already yours. Reply 2 {r} to hand it back."))
        }
        (Word::Later, S::Dispatching) => {
            deferred::by_reply(w, contact, by)?;
            Said::new("left for the morning", format!("Noted: {r} waits for the morning. 1 {r} takes it all the same."))
        }
        (Word::Later, S::Deferred) => {
            Said::new("waits for the morning already", format!("Noted: {r} waits for the morning."))
        }
        (_, S::Acknowledged) => Said::new("taken by another", format!("{r}: {}.", decide::taken_by(w))),
        (Word::Pass, S::Dispatching) => {
            let why = format!("{} passed", name_in(w, contact));
            pass(w, contact, by, &why)?;
            Said::new("passed", format!("Noted: {r} {}", after_a_pass(w)))
        }
        (Word::Pass, S::Deferred) => {
            Said::new("passed, it waits for the morning", format!("Noted: {r} waits for the morning."))
        }
        (Word::Pass | Word::Later, S::Exhausted) => {
            Said::new("passed too late", format!("Noted. Nobody has {r}: reply 1 {r} to take it."))
        }
    })
}

/// How long it takes, where whoever has the call said so.
fn in_time(w: &mut Work<'_>, minutes: Option<u32>, by: &Actor) {
    if let Some(minutes) = minutes {
        followthrough::takes(w, minutes, by);
    }
}

/// Whoever holds the call takes no texts of ours.
fn cannot_be_texted(w: &mut Work<'_>, holder: &ContactId) {
    let (id, name) = (w.state.call.id.clone(), name_in(w, holder));
    let text = format!("{name} holds call {id} and opted out of texts: call them by phone");
    w.raise(AlertKind::HolderOptedOut.about(&id), text);
}

/// Whether a step follows, or a text to somebody waits: the last resort's too.
fn somebody_is_next(w: &Work<'_>) -> bool {
    let call = &w.state.call;
    let mut notices = w.state.attempts.iter().filter(|a| a.kind == AttemptKind::Notice && a.round == call.round);
    sequence::a_step_follows(w)
        || notices.any(|a| a.state.is_waiting() && !call.is_out_by(&a.recipient.contact, a.channel))
}

/// Where the call goes now, as it is.
fn after_a_pass(w: &Work<'_>) -> &'static str {
    if w.state.call.status == S::Exhausted {
        "has nobody else left. The office is alarmed."
    } else if somebody_is_next(w) {
        "goes on to the next."
    } else {
        "stays with the others who were told."
    }
}

fn name_in(w: &Work<'_>, contact: &ContactId) -> String {
    let told = w.state.attempts.iter().find(|a| &a.recipient.contact == contact);
    told.map(|a| a.recipient.name.clone())
        .or_else(|| w.ctx.directory.contact(contact).map(|c| c.name.clone()))
        .unwrap_or_else(|| contact.to_string())
}

/// A contact says no: whoever passed gets no more of this call, and somebody else is told now.
pub(in crate::domain) fn pass(w: &mut Work<'_>, contact: &ContactId, by: &Actor, why: &str) -> Result<(), Illegal> {
    if w.state.call.has_passed(contact) {
        return Ok(());
    }
    w.state.call.exclude_passed(contact);
    let data = decide::about(w, Some(contact), Value::Null);
    w.log_as(by.clone(), LogKind::ContactPassed, None, why, data);
    let theirs = |a: &&crate::domain::attempt::Attempt| a.state.is_waiting() && &a.recipient.contact == contact;
    let waiting: Vec<_> = w.state.attempts.iter().filter(theirs).map(|a| a.id).collect();
    for id in waiting {
        w.drop_waiting(id, AttemptEvent::Skip, why)?;
    }
    sequence::escalate_now(w, None, contact, why)
}
