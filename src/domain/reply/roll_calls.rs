//! Answers to a roll call: a bare `1` or `2` where that was the last text to this phone, its own reference at any time.
//!
//! Where a call that looks for somebody was told to the same phone before, nobody can say which is meant: it is asked.

use super::texts::{TextKind, When};
use super::{Reading, Reply, Said, Word, wording};
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::roll_call::answer;
use crate::domain::types::CallRef;

impl Reply<'_> {
    /// Whether a roll call was the last text to this phone, our questions about what was meant aside.
    pub(super) fn was_roll_call_last(&self, when: When) -> bool {
        self.last_roll_call(when).is_some()
    }

    fn last_roll_call(&self, when: When) -> Option<&RollCall> {
        let last = self.texts_by(when).find(|t| !t.is_aside())?;
        let id = last.roll_call.filter(|_| last.what == TextKind::RollCall)?;
        self.loaded.roll_calls.iter().find(|r| &r.id == id)
    }

    /// The roll call that a word without a reference may answer.
    pub(super) fn roll_call_meant(&self, word: Word, when: When) -> Option<RollCall> {
        let is_answer = matches!(word, Word::Take | Word::Pass);
        let of = self.last_roll_call(when).filter(|r| is_answer && answer::is_answerable(r, self.ctx))?;
        // What was said already is not said again where a call waits for the word.
        let is_said =
            matches!((word, of.state), (Word::Take, RollCallState::Confirmed) | (Word::Pass, RollCallState::Refused));
        (!is_said || self.wanted(word, when).is_empty()).then(|| of.clone())
    }

    /// The roll call of this reference, where its writer is the one who was asked.
    pub(super) fn roll_call_named(&self, reference: &CallRef) -> Option<RollCall> {
        let theirs = |r: &&RollCall| &r.reference == reference && r.phone.e164() == self.text.from;
        self.loaded.roll_calls.iter().find(theirs).cloned()
    }

    /// The roll call that its writer is to be asked about: the one that they named, else the last text.
    pub(super) fn roll_call_asked(&self, r: &Reading) -> Option<RollCall> {
        let named = r.reference.as_ref().and_then(|reference| self.roll_call_named(reference));
        let open = |r: &RollCall| r.state == RollCallState::Asked || r.state.is_trouble();
        let last = || self.roll_call_meant(Word::Take, self.when()).filter(open);
        named.or_else(last).filter(|r| answer::is_answerable(r, self.ctx))
    }

    /// A word without a reference, where the last text was a roll call.
    pub(super) fn answer_roll_call(&mut self, of: &RollCall, word: Word, r: &Reading) -> Said {
        let calls = self.wanted(word, self.when());
        let calls = self.still(word, &calls);
        if calls.is_empty() {
            return self.on_roll_call(of, word, r);
        }
        let (prompt, text) = wording::which_call(word, &calls);
        let digit = if word == Word::Take { "1" } else { "2" };
        let text = format!("{text}; {digit} {} answers the roll call", of.reference);
        self.ask(prompt, "which call", text)
    }

    /// A word about this roll call.
    pub(super) fn on_roll_call(&mut self, of: &RollCall, word: Word, r: &Reading) -> Said {
        let actor = self.actor();
        let mut of = of.clone();
        let (meaning, text) = match word {
            Word::Take => ("confirmed the roll call", answer::confirm(&mut of, &actor, self.ctx, &mut self.change)),
            Word::Pass => {
                let why = "they answered 2";
                ("refused the roll call", answer::refuse(&mut of, why, &actor, self.ctx, &mut self.change))
            }
            Word::Done | Word::Later => return self.ask_one_or_two("not understood", r),
        };
        self.change.roll_calls.push(of);
        Said::new(meaning, text)
    }

    /// Whoever takes no texts cannot be asked, nor told of an emergency.
    pub(super) fn opts_out_of_roll_calls(&mut self) {
        let actor = self.actor();
        let asked = |r: &&RollCall| r.phone.e164() == self.text.from && r.state == RollCallState::Asked;
        let all: Vec<RollCall> = self.loaded.roll_calls.iter().filter(asked).cloned().collect();
        for mut of in all {
            let _ = answer::refuse(&mut of, "they opted out of texts", &actor, self.ctx, &mut self.change);
            self.change.roll_calls.push(of);
        }
    }
}
