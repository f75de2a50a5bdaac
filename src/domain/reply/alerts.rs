//! Answers to a text that tells of an alert: a bare word where that was the last text to this phone, its own reference at any time.
//!
//! Where the alert asks for somebody who takes its call, that call is meant; else that somebody has seen it. A bare word never goes past
//! such a text to an older call: it is asked back.

use super::texts::When;
use super::which::{Affected, ReplyEffect};
use super::{Reading, Reply, Said, Word, wording};
use crate::domain::alert::AlertChange;
use crate::domain::alert_text::AlertText;
use crate::domain::call::CallState;
use crate::domain::types::{CallId, CallRef};
use crate::domain::work::Illegal;

impl<'a> Reply<'a> {
    /// The newest alert of this reference that its writer got by text. A reference is used again after a time: a call that came later
    /// is meant in its place.
    pub(super) fn alert_named(&self, reference: &CallRef) -> Option<&'a AlertText> {
        let loaded = self.loaded;
        let theirs = |t: &&AlertText| &t.reference == reference && t.text.phone.e164() == self.text.from;
        let of = loaded.alert_texts.iter().filter(theirs).max_by_key(|t| t.text.created_at)?;
        let is_later = |c: &CallState| &c.call.reference == reference && c.call.accepted_at > of.text.created_at;
        (!loaded.calls.iter().any(is_later)).then_some(of)
    }

    /// The alert that the last text to this phone told of, our questions about what was meant aside.
    fn last_alert(&self, when: When) -> Option<&'a AlertText> {
        self.texts_by(when).find(|t| !t.is_aside())?.alert
    }

    /// The alert that a word without a reference may answer; `None` too where it can only mean the one call that the alert asks to take,
    /// or a call that its writer holds and says to be done.
    pub(super) fn alert_meant(&self, word: Word, when: When) -> Option<&'a AlertText> {
        let of = self.last_alert(when)?;
        let wanted = self.wanted(word, when);
        let to_take = of.call_to_take();
        let is_of_the_alert = |c: &&CallState| Some(&c.call.id) == to_take;
        if wanted.is_empty() {
            return Some(of).filter(|of| to_take.is_some() || (word == Word::Take && !of.is_over));
        }
        let is_plain = match word {
            Word::Done => wanted.iter().all(|c| self.holds(c)),
            Word::Take | Word::Pass | Word::Later => wanted.iter().all(is_of_the_alert),
        };
        Some(of).filter(|_| !is_plain)
    }

    /// What a word without a reference that answers it, written then, does now.
    pub(super) fn alert_acts(&self, of: &AlertText, word: Word, when: When) -> Vec<(Affected, ReplyEffect)> {
        match (self.wanted(word, when).is_empty(), of.call_to_take()) {
            (false, _) => Vec::new(),
            (true, None) => vec![(Affected::Alert(of.text.id), ReplyEffect::Seen)],
            (true, Some(id)) => {
                let effect = self.call_of(id).and_then(|c| self.effect(word, c, when));
                effect.map(|effect| (Affected::Call(id.clone()), effect)).into_iter().collect()
            }
        }
    }

    /// A word without a reference, where the last text told of an alert.
    pub(super) fn answer_alert(&mut self, of: &AlertText, word: Word, r: &Reading) -> Result<Said, Illegal> {
        let calls = self.wanted(word, self.when());
        let calls = self.still(word, &calls);
        if calls.is_empty() {
            return self.on_alert(of, word, r);
        }
        if r.free.is_some() {
            return Ok(self.other(r));
        }
        let (prompt, text) = wording::which_call(word, &calls);
        let is_seen_by_it = word == Word::Take && of.call_to_take().is_none() && !of.is_over;
        let text = if is_seen_by_it { format!("{text}; 1 {} if you have seen the alert", of.reference) } else { text };
        Ok(self.ask(prompt, "which call", text))
    }

    /// A word about this alert.
    pub(super) fn on_alert(&mut self, of: &AlertText, word: Word, r: &Reading) -> Result<Said, Illegal> {
        if let Some(id) = of.call_to_take() {
            return match self.call_of(id) {
                Some(state) => self.on(state, word),
                None => Ok(self.no_open_call()),
            };
        }
        if word != Word::Take {
            return Ok(self.ask_one_or_two("not understood", r));
        }
        if of.is_over {
            return Ok(Said::new("has seen the end of an alert", format!("Noted: {} is over.", of.reference)));
        }
        let by = self.actor();
        for alert in of.told() {
            // One that was over and raised again meanwhile is another.
            let raised_by = Some(alert.since);
            self.change.alerts.push(AlertChange::Acknowledge { key: alert.key.clone(), by: by.clone(), raised_by });
        }
        Ok(Said::new("has seen an alert", format!("Noted: {} is not repeated.", of.reference)))
    }

    fn call_of(&self, id: &CallId) -> Option<&'a CallState> {
        let loaded = self.loaded;
        loaded.calls.iter().find(|c| &c.call.id == id)
    }
}
