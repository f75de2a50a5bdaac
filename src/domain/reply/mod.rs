//! A person's words: what they say, which call they concern, what they do, what is answered.
//!
//! A text is read by itself ([`read`]), then placed: plain words mean the one call on which they can act, soft words the last text
//! of ours (`which.rs`). A reply by webhook of which it matters when it was written waits in the store until the provider says so;
//! no provider is asked here. Whatever was written stands in the story of the calls that it may be about (`story.rs`).

mod act;
mod alerts;
mod ask;
mod code;
mod conditions;
mod copies;
mod free;
mod harmless;
mod lexicon;
mod order;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod reading;
#[cfg(test)]
mod reading_tests;
mod roll_calls;
mod story;
mod texts;
mod time;
mod which;
mod wording;
mod words;

pub(super) use act::pass;
pub use lexicon::{Lexicon, OwnWord};
pub use reading::{Reading, Says, read, references};
pub use wording::asks;

use std::time::Duration;

use serde_json::Value;
use texts::{OurText, texts_to};

use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::answers::Prompt;
use crate::domain::attempt::{AttemptKind, Priority};
use crate::domain::call::CallState;
use crate::domain::change::{Answer, Change, OptOutChange};
use crate::domain::event::{InboundText, Loaded};
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::phone::masked;
use crate::domain::sequence;
use crate::domain::types::{Actor, AttemptId, CallId, Sender};
use crate::domain::voice::NO_PHONE_CALLS;
use crate::domain::work::{Ctx, Illegal, Work};

/// Calls that changed so long ago are shown to a reply though they are closed.
pub const CLOSED_SINCE: Duration = Duration::from_secs(600);

/// A person wrote. A repeated SID is answered as before and changes nothing.
pub(super) fn inbound(loaded: &Loaded, text: &InboundText, ctx: &Ctx<'_>) -> Result<Change, Illegal> {
    if let Some(before) = answered_before(loaded, text, ctx) {
        return Ok(Change { answer: Answer::Reply(before), ..Change::default() });
    }
    let writer = ctx.directory.by_phone(&text.from).map_or("", |c| c.name.as_str());
    let reading = read(&text.body, writer, &ctx.rules.lexicon);
    let mut reply = Reply {
        loaded,
        text,
        ctx,
        texts: texts_to(loaded, &text.from),
        minutes: reading.minutes,
        about: Vec::new(),
        change: Change::default(),
    };
    if !reply.is_known() {
        if reading.says == Says::OptOut {
            reply.change.opt_outs.push(OptOutChange::Out { phone: text.from.clone(), sender: text.to.clone() });
        }
        return reply.stranger(matches!(reading.says, Says::OptOut | Says::OptIn));
    }
    let said = reply.known(&reading)?;
    reply.finish(said)
}

/// What was answered to a text that comes again; one that waits is answered once its turn comes, and by nobody else.
fn answered_before(loaded: &Loaded, text: &InboundText, ctx: &Ctx<'_>) -> Option<String> {
    let before = loaded.answered_before.as_ref()?;
    let is_its_turn = before.waits && text.waited_since.is_some();
    let counts_twice = ctx.rules.off.reply_dedup && text.waited_since.is_none();
    (!is_its_turn && !counts_twice).then(|| before.answer.clone())
}

/// An operator lifts an opt-out in our books.
pub(super) fn clear_opt_out(phone: &str, by: &Actor, ctx: &Ctx<'_>) -> Change {
    let contact = ctx.directory.by_phone(phone).map_or(phone, |c| c.id.as_str());
    Change {
        opt_outs: vec![OptOutChange::In { phone: phone.to_owned(), sender: None }],
        alerts: [AlertKind::OptedOut.about(contact), AlertKey::of_no_phone_calls(contact)]
            .map(|key| AlertChange::Resolve { key })
            .to_vec(),
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

/// A plain word that acts on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Take,
    Pass,
    Done,
    Later,
}

/// What a text was taken for, and what it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    meaning: &'static str,
    /// Empty for silence.
    answer: String,
    /// What the answer asks.
    prompt: Option<Prompt>,
}

impl Said {
    const fn new(meaning: &'static str, answer: String) -> Self {
        Self { meaning, answer, prompt: None }
    }

    const fn silent(meaning: &'static str) -> Self {
        Self::new(meaning, String::new())
    }
}

/// `None`: it waits for the time at which it was written.
type Decided = Result<Option<Said>, Illegal>;

/// One text under decision.
struct Reply<'a> {
    loaded: &'a Loaded,
    text: &'a InboundText,
    ctx: &'a Ctx<'a>,
    /// Those that its writer got, newest first.
    texts: Vec<OurText<'a>>,
    /// How long it takes, as its writer says.
    minutes: Option<u32>,
    /// The calls that it means.
    about: Vec<CallId>,
    change: Change,
}

impl Reply<'_> {
    fn is_known(&self) -> bool {
        let by_phone = |c: &CallState| c.attempts.iter().any(|a| a.recipient.phone.e164() == self.text.from);
        let by_roll_call =
            || self.loaded.roll_calls.iter().flat_map(|r| &r.texts).any(|t| t.phone.e164() == self.text.from);
        self.ctx.directory.by_phone(&self.text.from).is_some()
            || self.loaded.calls.iter().any(by_phone)
            || by_roll_call()
            || self.loaded.alert_texts.iter().any(|t| t.text.phone.e164() == self.text.from)
    }

    fn known(&mut self, r: &Reading) -> Decided {
        // What the provider does at once is in our books at once; what it means for calls has its turn.
        if self.text.waited_since.is_none() {
            if r.opts_in {
                self.opt_in();
            }
            if r.says == Says::OptOut {
                self.opt_out();
            }
        }
        if self.stands_behind() {
            return Ok(None);
        }
        match r.says {
            Says::OptOut => {
                self.pass_all()?;
                Ok(Some(Said::silent("opt-out")))
            }
            Says::OptIn => Ok(Some(Said::silent("opt-in"))),
            Says::NoCalls | Says::Calls if self.is_overruled_about_phone_calls() => {
                Ok(Some(Said::silent("older than what they said since")))
            }
            Says::NoCalls => Ok(Some(self.no_phone_calls())),
            Says::Calls => Ok(Some(self.phone_calls_again())),
            Says::Take => self.plain(Word::Take, r),
            Says::Pass => self.plain(Word::Pass, r),
            Says::Done => self.plain(Word::Done, r),
            Says::Later => self.plain(Word::Later, r),
            Says::Soft => self.soft(r),
            Says::Code | Says::Quoted | Says::Other if self.text.provider_replied => {
                Ok(Some(Said::silent("answered by the provider")))
            }
            Says::Code => self.code(r),
            Says::Quoted => Ok(Some(self.quoted(r))),
            Says::Other => Ok(Some(self.other(r))),
        }
    }

    fn contact_key(&self) -> String {
        let contact = self.ctx.directory.by_phone(&self.text.from);
        contact.map_or_else(|| self.text.from.clone(), |c| c.id.as_str().to_owned())
    }

    /// Its writer as people say it; nobody whom we know: the number, masked.
    fn name(&self) -> String {
        let attempts = self.loaded.calls.iter().flat_map(|c| &c.attempts);
        let notified = || attempts.clone().find(|a| a.recipient.phone.e164() == self.text.from);
        let contact = self.ctx.directory.by_phone(&self.text.from).map(|c| c.name.clone());
        contact.or_else(|| notified().map(|a| masked(&a.recipient.name))).unwrap_or_else(|| masked(&self.text.from))
    }

    fn actor(&self) -> Actor {
        Actor(masked(&self.text.from))
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
        let lifted = |s: &str| s != NO_PHONE_CALLS && (s == to || s.is_empty() || is_service(s) || is_service(to));
        let pairs = self.loaded.opted_out.iter().filter(|(p, s)| p == from && lifted(s));
        let back: Vec<OptOutChange> =
            pairs.map(|(p, s)| OptOutChange::In { phone: p.clone(), sender: Some(s.clone()) }).collect();
        if !back.is_empty() {
            self.note(LogKind::OptedIn, "takes texts again");
        }
        self.change.opt_outs.extend(back);
        self.change.alerts.push(AlertChange::Resolve { key: AlertKind::OptedOut.about(self.contact_key()) });
        let held: Vec<&CallState> = self.open().into_iter().filter(|c| self.holds(c)).collect();
        let over = |c: &CallState| AlertChange::Resolve { key: AlertKind::HolderOptedOut.about(&c.call.id) };
        self.change.alerts.extend(held.into_iter().map(over));
    }

    /// Their phone is rung no more; texts and mails go on, and no call is passed by it.
    fn no_phone_calls(&mut self) -> Said {
        let from = self.text.from.clone();
        let message =
            format!("{} wants no phone calls: they are told by text alone until they text START CALLS", self.name());
        self.change.alerts.push(AlertChange::Raise {
            key: AlertKey::of_no_phone_calls(&self.contact_key()),
            call: None,
            message,
        });
        self.note(LogKind::OptedOut, "opted out of phone calls");
        self.change.opt_outs.push(OptOutChange::Out { phone: from, sender: NO_PHONE_CALLS.to_owned() });
        Said::new("no phone calls", wording::NO_PHONE_CALLS.to_owned())
    }

    fn phone_calls_again(&mut self) -> Said {
        let from = self.text.from.clone();
        self.change.alerts.push(AlertChange::Resolve { key: AlertKey::of_no_phone_calls(&self.contact_key()) });
        self.note(LogKind::OptedIn, "takes phone calls again");
        self.change.opt_outs.push(OptOutChange::In { phone: from, sender: Some(NO_PHONE_CALLS.to_owned()) });
        Said::new("phone calls again", wording::PHONE_CALLS_AGAIN.to_owned())
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

    /// Decides about one call, on top of what was decided about it already.
    fn work<T>(
        &mut self,
        call: &CallId,
        decide: impl FnOnce(&mut Work<'_>) -> Result<T, Illegal>,
    ) -> Result<T, Illegal> {
        let loaded = self.loaded;
        let changed = self.change.calls.iter().position(|c| &c.call.id == call);
        let state = match changed {
            Some(at) => self.change.calls.remove(at),
            None => loaded.calls.iter().find(|c| &c.call.id == call).cloned().ok_or(Illegal::Missing("a call"))?,
        };
        let mut w = Work::new(self.ctx, loaded, state);
        let said = decide(&mut w)?;
        crate::domain::quiet::put_off(&mut w);
        let done = w.into_change();
        self.change.calls.extend(done.calls);
        self.change.log.extend(done.log);
        self.change.alerts.extend(done.alerts);
        Ok(said)
    }

    /// A reply that no TwiML can answer is answered by a text of its own, while that is worth something: by the call that is
    /// meant, else by the newest that its writer was told of.
    fn answer_by_text(&mut self, said: &Said, open: &[CallId]) -> Result<Option<AttemptId>, Illegal> {
        let any = || self.loaded.calls.iter().find(|c| self.got_any(c)).map(|c| c.call.id.clone());
        let call = self.about.first().or(open.first()).cloned().or_else(any);
        let Some(call) = call.filter(|_| !said.answer.is_empty()) else { return Ok(None) };
        let (from, answer) = (self.text.from.clone(), said.answer.clone());
        self.work(&call, |w| Ok(answer_in(w, &from, &answer)))
    }
}

fn answer_in(w: &mut Work<'_>, phone: &str, answer: &str) -> Option<AttemptId> {
    let notified = w.state.attempts.iter().rev().find(|a| a.recipient.phone.e164() == phone);
    let notified = notified.map(|a| (a.step, a.recipient.clone().told_by_text()));
    let (step, recipient) = notified.or_else(|| {
        let c = w.ctx.directory.by_phone(phone)?;
        Some((0, c.recipient()))
    })?;
    let entry = format!("answering {}", recipient.name);
    let id = sequence::add_attempt(w, AttemptKind::Answer, step, recipient, Priority::Reminder, entry);
    let expires_at = w.now().plus(w.ctx.rules.validity);
    if let Some(a) = w.state.attempt_mut(id) {
        answer.clone_into(&mut a.result);
        a.expires_at = Some(expires_at);
    }
    Some(id)
}
