//! Which call a word without a reference means, and whether that depends on when it was written.
//!
//! Plain words act on the one call on which they can act; soft words answer the last text, and nothing else.

use std::time::Duration;

use super::texts::{OurText, Ours, SentTimes, TextKind, When};
use super::{Reply, Word};
use crate::domain::answers::Prompt;
use crate::domain::attempt::AttemptKind;
use crate::domain::call::{CallState, CallStatus as S};
use crate::domain::oncall::roll_call::RollCallId;
use crate::domain::types::{AttemptId, CallId, ContactId, Sender, Timestamp};

/// How much later than it was written a reply may come in.
const LATE_MAX: Duration = Duration::from_secs(60);
/// How long the code alone completes the word after "Which call?".
const COMPLETED_WITHIN: Duration = Duration::from_secs(600);

/// What a word does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyEffect {
    Take,
    Pass,
    HandBack,
    Close,
    Defer,
    /// Its holder says that it goes on.
    Confirm,
    /// A roll call is answered.
    RollCall,
    /// An alert was seen.
    Seen,
}

/// What a reply does something to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Affected {
    Call(CallId),
    RollCall(RollCallId),
    /// That of a text.
    Alert(AttemptId),
}

/// What a plain word without a reference means.
pub(super) enum Aim<'a> {
    /// This call; it may be one that the word does nothing to.
    One(&'a CallState),
    /// One of these, newest first.
    Which(Vec<&'a CallState>),
    /// What its writer holds, and the last text was about something else.
    Held(Vec<&'a CallState>),
    Nothing,
}

/// What a soft word means.
pub(super) enum Softly<'a> {
    /// It answers the notice of this call.
    Notice(&'a CallState),
    /// It is politeness.
    Polite,
    /// Nobody can tell: it is asked.
    Unclear,
    /// There is no text that it could answer.
    Nothing,
}

impl<'a> Reply<'a> {
    /// Calls of which a notice, a question about it or an alert to this phone preceded the reply.
    pub(super) fn notified(&self, c: &CallState, when: When) -> bool {
        let by_ours = self.ctx.rules.off.provider_times;
        let by_alert = || {
            let of = self.loaded.alert_texts.iter().filter(|t| !t.is_over && t.told_of(&c.call.id, &self.text.from));
            of.into_iter().any(|t| when.follows(SentTimes::of_no_call(&t.text), by_ours))
        };
        c.attempts.iter().any(|a| {
            matches!(a.kind, AttemptKind::Notice | AttemptKind::Question)
                && a.recipient.phone.e164() == self.text.from
                && when.follows(SentTimes::of(a), by_ours)
                && (a.state.may_have_arrived() || a.sid.is_some())
        }) || by_alert()
    }

    /// Open calls of which this phone was told.
    pub(super) fn open(&self) -> Vec<&'a CallState> {
        let loaded = self.loaded;
        loaded.calls.iter().filter(|c| c.call.status.is_open() && self.got_any(c)).collect()
    }

    /// Whether this phone got a text that names the call, whatever it was for.
    pub(super) fn got_any(&self, c: &CallState) -> bool {
        let of = |a: &&crate::domain::attempt::Attempt| a.recipient.phone.e164() == self.text.from;
        c.attempts.iter().filter(of).any(|a| a.state.may_have_arrived() || a.sid.is_some())
            || self.loaded.alert_texts.iter().any(|t| t.told_of(&c.call.id, &self.text.from))
    }

    pub(super) fn contact_in(&self, c: &CallState) -> Option<ContactId> {
        let known = c.attempts.iter().rev().find(|a| a.recipient.phone.e164() == self.text.from);
        known
            .map(|a| a.recipient.contact.clone())
            .or_else(|| self.ctx.directory.by_phone(&self.text.from).map(|c| c.id.clone()))
    }

    pub(super) fn holds(&self, c: &CallState) -> bool {
        c.call.status == S::Acknowledged && c.call.holder.is_some() && c.call.holder == self.contact_in(c)
    }

    /// Whether its writer holds it and was asked before, without an answer since, whether it goes on.
    pub(super) fn is_asked(&self, c: &CallState, when: When) -> bool {
        let question = c.attempts.iter().rev().find(|a| a.kind == AttemptKind::Question);
        let was_sent = question.is_some_and(|a| {
            a.state.may_have_arrived() && when.follows(SentTimes::of(a), self.ctx.rules.off.provider_times)
        });
        self.holds(c) && c.call.asked_at.is_some() && was_sent
    }

    /// The texts to this phone that preceded the reply, newest first.
    pub(super) fn texts_by(&self, when: When) -> impl Iterator<Item = &OurText<'a>> {
        let by_ours = self.ctx.rules.off.provider_times;
        self.texts.iter().filter(move |t| when.follows_text(t, by_ours))
    }

    pub(super) fn aim(&self, word: Word, when: When) -> Aim<'a> {
        let loaded = self.loaded;
        let notified: Vec<&CallState> = loaded.calls.iter().filter(|c| self.notified(c, when)).collect();
        let wanted: Vec<&CallState> = notified.iter().copied().filter(|c| self.can(word, c, when)).collect();
        match wanted.as_slice() {
            [one] => Aim::One(one),
            [] => {
                let held: Vec<&CallState> = notified.iter().copied().filter(|c| self.holds(c)).collect();
                if word == Word::Pass && !held.is_empty() {
                    return Aim::Held(held);
                }
                let passes = |c: &&CallState| self.effect(word, c, when) == Some(ReplyEffect::Pass);
                let passed: Vec<&CallState> = notified.iter().copied().filter(passes).collect();
                if word == Word::Pass && passed.len() > 1 {
                    return Aim::Which(passed);
                }
                notified.into_iter().find(|c| c.call.status.is_open()).map_or(Aim::Nothing, Aim::One)
            }
            _ => Aim::Which(wanted),
        }
    }

    /// The calls told to this phone on which the word can act.
    pub(super) fn wanted(&self, word: Word, when: When) -> Vec<&'a CallState> {
        let loaded = self.loaded;
        loaded.calls.iter().filter(|c| self.notified(c, when) && self.can(word, c, when)).collect()
    }

    /// Every call told to this phone that looked for somebody.
    pub(super) fn every(&self, when: When) -> Vec<&'a CallState> {
        let loaded = self.loaded;
        loaded.calls.iter().filter(|c| looks(c) && self.notified(c, when) && !self.is_overruled(c)).collect()
    }

    /// Whether the word would have done something to this call when it was written: only such calls need to be told apart.
    fn can(&self, word: Word, c: &CallState, when: When) -> bool {
        let was_open = when.precedes_the_end_of(c);
        let free = match c.call.status {
            S::Dispatching => true,
            S::Exhausted => was_open || !(self.was_another_notified_later(c, when) || self.was_roll_call_last(when)),
            S::Acknowledged | S::Resolved | S::Cancelled | S::Deferred => false,
        };
        let me = self.contact_in(c);
        let mine = self.holds(c);
        // It has ended since: a younger call is not meant in its place.
        let ended = was_open && !looks(c) && !mine;
        match word {
            Word::Take => {
                free || (self.is_asked(c, when) && !self.was_another_notified_later(c, when)) || (was_open && !looks(c))
            }
            Word::Pass => {
                ended
                    || (mine && (was_open || self.was_last(c, when)))
                    || (c.call.status == S::Dispatching && me.is_some_and(|m| c.counts_answer_of(&m)))
            }
            Word::Later => ended || c.call.status == S::Dispatching,
            Word::Done => ended || mine || (free && !self.loaded.calls.iter().any(|o| self.holds(o))),
        }
    }

    /// Whether the last text to this phone was about this call.
    fn was_last(&self, c: &CallState, when: When) -> bool {
        self.texts_by(when).next().is_some_and(|t| t.call == Some(&c.call.id))
    }

    /// An EXHAUSTED call, and one whose holder was asked whether it goes on, is not meant where this phone was told later of one that
    /// is DISPATCHING, also by the text of an alert.
    fn was_another_notified_later(&self, exhausted: &CallState, when: When) -> bool {
        let last = |c: &CallState| {
            let about = |t: &&OurText<'_>| match t.what {
                TextKind::Notice => true,
                TextKind::Alert => t.alert.is_some_and(|a| !a.is_over),
                TextKind::Question => c.call.status == S::Acknowledged,
                _ => false,
            };
            let of = |t: &&OurText<'_>| about(t) && t.call == Some(&c.call.id);
            self.texts_by(when).find(of).map(|t| t.at)
        };
        let dispatching =
            self.loaded.calls.iter().filter(|c| c.call.status == S::Dispatching && self.notified(c, when));
        dispatching.into_iter().any(|c| last(c) > last(exhausted))
    }

    /// What a soft word means. The last text is that of the number that was written to; a younger one whose outcome is not known,
    /// or by another of our numbers, leaves it unclear.
    pub(super) fn softly(&self, when: When) -> Softly<'a> {
        if self.text.waited_since.is_some() && self.text.at.is_none() {
            return Softly::Unclear;
        }
        let Some(last) = self.texts_by(when).next() else { return Softly::Nothing };
        // The provider's times have whole seconds: of two texts in the reply's own second nobody can tell which came first.
        let older = self.texts_by(when).find(|t| !when.may_precede(t));
        if when.may_precede(last) && older.is_some_and(|o| (o.what, o.call) != (last.what, last.call)) {
            return Softly::Unclear;
        }
        if !last.is_certain || !self.is_by_the_same(last) {
            return Softly::Unclear;
        }
        match last.what {
            TextKind::ErrorClass(_) | TextKind::Question | TextKind::RollCall | TextKind::Alert => Softly::Unclear,
            TextKind::Statement => Softly::Polite,
            TextKind::Notice => {
                let loaded = self.loaded;
                let of = loaded.calls.iter().find(|c| Some(&c.call.id) == last.call);
                of.map_or(Softly::Nothing, Softly::Notice)
            }
        }
    }

    fn is_by_the_same(&self, text: &OurText<'_>) -> bool {
        let is_service = |s: &str| s.parse::<Sender>().is_ok_and(|s| s.is_service());
        let to = self.text.to.as_str();
        text.sender.is_none_or(|s| s == to || is_service(s) != is_service(to))
    }

    /// The word that "Which call?" asked for, where that was the last text and is not too long ago.
    pub(super) fn asked_for(&self, when: When) -> Option<Word> {
        let last = self.texts_by(when).next()?;
        let written = match when {
            When::Now => self.ctx.now,
            When::By(at) | When::Said(_, Ours::At(at) | Ours::By(at)) => at,
        };
        if written.since(last.at) > COMPLETED_WITHIN {
            return None;
        }
        let asked = match last.what {
            TextKind::ErrorClass(prompt) => Some(prompt),
            TextKind::Notice | TextKind::Statement | TextKind::Question | TextKind::RollCall | TextKind::Alert => None,
        };
        // What he wrote since is completed, and not the word before it.
        match self.said_since(last.at).unwrap_or(asked)? {
            Prompt::WhichToTake => Some(Word::Take),
            Prompt::WhichToPass => Some(Word::Pass),
            Prompt::WhichIsDone => Some(Word::Done),
            Prompt::WhichCanWait => Some(Word::Later),
            Prompt::Help | Prompt::OneOrTwo => None,
        }
    }

    /// Whether a reply that came by webhook must wait until its time is known: nobody says when it was written, and written up to
    /// a minute ago, before a younger text of ours or the end of a call, it would do something else than now. `acts` says to which
    /// calls it would do something; `None`: there was nothing that it could answer.
    pub(super) fn must_wait(&self, acts: impl Fn(&Self, When) -> Option<Vec<(Affected, ReplyEffect)>>) -> bool {
        if self.when() != When::Now || self.ctx.rules.off.reply_time {
            return false;
        }
        let (now, since) = (self.ctx.now, self.ctx.now.minus(LATE_MAX));
        let ends = self.loaded.calls.iter().filter(|c| self.got_any(c)).filter_map(|c| c.call.closed_at);
        let moments = self.texts.iter().map(|t| t.at).chain(ends);
        let recent: Vec<Timestamp> = moments.filter(|at| *at > since && *at <= now).collect();
        if recent.is_empty() {
            return false;
        }
        let today = acts(self, When::Now).unwrap_or_default();
        recent.into_iter().any(|at| {
            let before = When::By(at.minus(Duration::from_millis(1)));
            acts(self, before).is_some_and(|then| then != today)
        })
    }

    /// The calls to which a plain word, written then, does something now.
    pub(super) fn plain_acts(&self, word: Word, when: When) -> Option<Vec<(Affected, ReplyEffect)>> {
        if let Some(of) = self.roll_call_meant(word, when) {
            return match self.wanted(word, when).is_empty() {
                true => Some(vec![(Affected::RollCall(of.id.clone()), ReplyEffect::RollCall)]),
                false => Some(Vec::new()),
            };
        }
        if let Some(of) = self.alert_meant(word, when) {
            return Some(self.alert_acts(of, word, when));
        }
        match self.aim(word, when) {
            Aim::One(c) if self.is_about_another(word, c, when) => Some(Vec::new()),
            Aim::One(c) if let Some(effect) = self.effect(word, c, when) => {
                Some(vec![(Affected::Call(c.call.id.clone()), effect)])
            }
            Aim::One(c) if c.call.status.is_open() || when.precedes_the_end_of(c) => Some(Vec::new()),
            Aim::Which(_) | Aim::Held(_) => Some(Vec::new()),
            Aim::One(_) | Aim::Nothing => None,
        }
    }

    /// The call that a soft word, written then, takes now.
    pub(super) fn soft_acts(&self, when: When) -> Option<Vec<(Affected, ReplyEffect)>> {
        match self.softly(when) {
            Softly::Notice(c) if looks(c) => Some(vec![(Affected::Call(c.call.id.clone()), ReplyEffect::Take)]),
            Softly::Notice(_) | Softly::Polite | Softly::Unclear => Some(Vec::new()),
            Softly::Nothing => None,
        }
    }

    /// What the word, written then, does to this call now.
    pub(super) fn effect(&self, word: Word, c: &CallState, when: When) -> Option<ReplyEffect> {
        let (looks, holds) = (looks(c), self.holds(c));
        match word {
            Word::Take if self.is_asked(c, when) => Some(ReplyEffect::Confirm),
            Word::Take => looks.then_some(ReplyEffect::Take),
            Word::Pass if holds => {
                (self.took_it_by_reply(c) || !when.precedes_the_end_of(c)).then_some(ReplyEffect::HandBack)
            }
            Word::Pass => {
                let counts = || self.contact_in(c).is_some_and(|m| !c.call.has_passed(&m));
                (c.call.status == S::Dispatching && counts()).then_some(ReplyEffect::Pass)
            }
            Word::Done => (looks || holds).then_some(ReplyEffect::Close),
            Word::Later => {
                (c.call.status == S::Dispatching && c.call.policy.may_be_deferred()).then_some(ReplyEffect::Defer)
            }
        }
    }

    /// Whether its writer took the call by a reply, which was answered: replies of one phone by webhook count as they come.
    fn took_it_by_reply(&self, c: &CallState) -> bool {
        let answers = |t: &OurText<'_>| {
            t.what == TextKind::Statement && t.call == Some(&c.call.id) && Some(t.at) >= c.call.closed_at
        };
        self.has_said_that_he_takes(c) || self.texts.iter().any(answers)
    }

    /// Whether it was written before its writer took the call: a pass that comes too late, and nothing is handed back.
    pub(super) fn passes_too_late(&self, word: Word, c: &CallState) -> bool {
        word == Word::Pass && self.holds(c) && !self.took_it_by_reply(c) && self.when().precedes_the_end_of(c)
    }

    /// `done` right after a text that says something of another call closes no call that nobody has taken.
    pub(super) fn is_about_another(&self, word: Word, c: &CallState, when: When) -> bool {
        let last = self.texts_by(when).next();
        let is_other = last.is_some_and(|t| t.what == TextKind::Statement && t.call.is_some_and(|id| *id != c.call.id));
        word == Word::Done && looks(c) && is_other
    }

    /// Whether nobody can say if a plain word came before a call of its writer ended or after: the end is close, and how the two
    /// clocks differ is not known.
    pub(super) fn is_close_to_an_end(&self) -> bool {
        let When::Said(_, Ours::By(arrived)) = self.when() else { return false };
        let longest = if self.text.listed { COMPLETED_WITHIN } else { LATE_MAX };
        let mut ends = self.loaded.calls.iter().filter(|c| self.got_any(c)).filter_map(|c| c.call.closed_at);
        ends.any(|end| end <= arrived && arrived.since(end) <= longest)
    }

    /// A call that looks for somebody, and of which its writer was told after he wrote.
    pub(super) fn came_after(&self) -> Option<&'a CallState> {
        let loaded = self.loaded;
        loaded.calls.iter().find(|c| looks(c) && self.notified(c, When::Now))
    }

    /// Those of these on which the word can act now.
    pub(super) fn still(&self, word: Word, calls: &[&'a CallState]) -> Vec<&'a CallState> {
        let can = |c: &CallState| match word {
            Word::Take => self.is_asked(c, self.when()),
            _ => self.holds(c),
        };
        calls.iter().copied().filter(|c| looks(c) || can(c)).collect()
    }
}

/// Whether the call looks for somebody.
pub(super) fn looks(c: &CallState) -> bool {
    matches!(c.call.status, S::Dispatching | S::Exhausted)
}
